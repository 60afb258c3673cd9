// ONNX's operator tests: folders of a model and of test_data_set_k/{input,output}_i.pb. What is given and wanted is read, the
// model run as it stands, and every output compared as ONNX's own runner does: rtol 1e-3, atol 1e-7, element type and shape.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OnnxType, parseOnnxTensor } from '../../src/formats/onnx.js';
import { type TensorProto, tensorProto } from '../../src/formats/onnx-schema.js';
import { type Message, readMessage, writeMessage } from '../../src/formats/protobuf.js';
import { load } from '../../src/interchange/onnx/session.js';
import type { OnnxValue } from '../../src/interchange/onnx/values.js';

const RELATIVE = 1e-3;
const ABSOLUTE = 1e-7;

interface SequenceProto {
  elemType?: number;
  tensorValues?: readonly TensorProto[];
  sequenceValues?: readonly SequenceProto[];
  optionalValues?: readonly OptionalProto[];
}

interface OptionalProto {
  elemType?: number;
  tensorValue?: TensorProto;
  sequenceValue?: SequenceProto;
  optionalValue?: OptionalProto;
}

const sequenceProto: Message<SequenceProto> = {
  name: 'SequenceProto',
  fields: {
    elemType: { number: 2, kind: 'int32' },
    tensorValues: { number: 3, kind: () => tensorProto, repeated: true },
    sequenceValues: { number: 5, kind: () => sequenceProto, repeated: true },
    optionalValues: { number: 7, kind: () => optionalProto, repeated: true },
  },
};

const optionalProto: Message<OptionalProto> = {
  name: 'OptionalProto',
  fields: {
    elemType: { number: 2, kind: 'int32' },
    tensorValue: { number: 3, kind: () => tensorProto },
    sequenceValue: { number: 5, kind: () => sequenceProto },
    optionalValue: { number: 7, kind: () => optionalProto },
  },
};

/** The names of the tests in a folder. */
export function testNames(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, 'model.onnx')))
    .sort();
}

/** Runs one test. Throws where it cannot be run or gives something else; the message says what. */
export async function runTest(folder: string, name: string): Promise<void> {
  const path = join(folder, name, 'model.onnx');
  const runner = await load(path);
  const sets = readdirSync(join(folder, name)).filter((each) => each.startsWith('test_data_set_'));
  if (sets.length === 0) throw new Error('the test has no data');
  for (const set of sets) {
    const read = (kind: 'input' | 'output', index: number, type: OnnxType): OnnxValue | undefined => {
      const file = join(folder, name, set, `${kind}_${index}.pb`);
      return readValue(readFileSync(file), type, `${kind} ${index}`);
    };
    const inputs: Record<string, OnnxValue> = {};
    runner.inputs.forEach((port, i) => {
      const value = read('input', i, port.type);
      if (value !== undefined) inputs[port.name] = value;
    });
    const found = await runner.run(inputs);
    runner.outputs.forEach((port, i) => {
      compareValues(port.name, found[port.name], read('output', i, port.type));
    });
  }
}

function readValue(bytes: Uint8Array, type: OnnxType, what: string): OnnxValue | undefined {
  switch (type.kind) {
    case 'tensor':
      return { kind: 'host', ...tensorOf(parseOnnxTensor(bytes, what)) };
    case 'sequence':
      return fromSequence(readMessage(sequenceProto, bytes, what, 'a sequence'));
    case 'optional':
      return fromOptional(readMessage(optionalProto, bytes, what, 'an optional'));
    default:
      throw new Error(`${what} is a map`);
  }
}

function tensorOf({ dtype, shape, data }: ReturnType<typeof parseOnnxTensor>) {
  return { dtype, shape, data };
}

function fromTensor(proto: TensorProto): OnnxValue {
  return { kind: 'host', ...tensorOf(parseOnnxTensor(writeMessage(tensorProto, proto))) };
}

function fromSequence({ tensorValues = [], sequenceValues = [] }: SequenceProto): OnnxValue {
  return { kind: 'sequence', items: [...tensorValues.map(fromTensor), ...sequenceValues.map(fromSequence)] };
}

function fromOptional({ elemType = 0, tensorValue, sequenceValue }: OptionalProto): OnnxValue | undefined {
  if (elemType === 1 && tensorValue !== undefined) return fromTensor(tensorValue);
  if (elemType === 3 && sequenceValue !== undefined) return fromSequence(sequenceValue);
  return undefined;
}

/** Throws where what is found is not what is wanted. */
export function compareValues(name: string, found: OnnxValue | undefined, wanted: OnnxValue | undefined): void {
  if (wanted === undefined) {
    if (found !== undefined && !(found.kind === 'sequence' && found.items.length === 0))
      throw new Error(`output ${name} should be empty`);
    return;
  }
  if (found === undefined) throw new Error(`output ${name} is missing`);
  if (wanted.kind === 'sequence') {
    if (found.kind !== 'sequence') throw new Error(`output ${name} is no sequence`);
    if (found.items.length !== wanted.items.length)
      throw new Error(`output ${name} has ${found.items.length} items, not ${wanted.items.length}`);
    wanted.items.forEach((item, i) => {
      compareValues(`${name}[${i}]`, found.items[i], item);
    });
    return;
  }
  if (found.kind !== 'host' || wanted.kind !== 'host') throw new Error(`output ${name} is no tensor`);
  if (found.dtype !== wanted.dtype) throw new Error(`output ${name} is ${found.dtype}, not ${wanted.dtype}`);
  if (`${found.shape}` !== `${wanted.shape}`)
    throw new Error(`output ${name} has the shape [${found.shape}], not [${wanted.shape}]`);
  for (let i = 0; i < wanted.data.length; i++) {
    const [a, b] = [found.data[i], wanted.data[i]];
    if (!isClose(a, b)) throw new Error(`output ${name} has ${a} at ${i}, not ${b}`);
  }
}

function isClose(a: string | number | undefined, b: string | number | undefined): boolean {
  if (typeof a !== 'number' || typeof b !== 'number') return a === b;
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
  return Math.abs(a - b) <= ABSOLUTE + RELATIVE * Math.abs(b);
}
