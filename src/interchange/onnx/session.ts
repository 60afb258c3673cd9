// Running any graph: tensors on the engine, the rest on the host, with reads in between where data decide sizes.

import { roundTo } from '../../core/dtype.js';
import { FoveaError } from '../../core/errors.js';
import { formatShape, type Shape, sizeOf } from '../../core/shape.js';
import { realize } from '../../engine/execute.js';
import type { OnnxModel, OnnxPort } from '../../formats/onnx.js';
import { ONNX_DTYPES, type OnnxDtype } from '../../formats/onnx-schema.js';
import { makeOnnxData, type OnnxData } from '../../formats/onnx-tensor.js';
import { readSource, type SourceOptions } from '../source.js';
import { evaluateGraph, type PreparedGraph, runWaiting, Scope } from './evaluate.js';
import { readOnnx } from './files.js';
import { prepareGraph } from './prepare.js';
import { type HostValue, hostValue, type OnnxValue, type TensorValue, tensorValue, toTensor } from './values.js';

/** An array for a graph's input. Whole numbers of 64 bits may come as bigints; they must lie within 2^53. */
export interface OnnxInput {
  readonly data: OnnxData | BigInt64Array | BigUint64Array | readonly number[];
  readonly shape: Shape;
  /** ONNX's element type, e.g. `int64`; default: the array's. */
  readonly dtype?: OnnxDtype;
}

/** A graph that is run as it stands. */
export class OnnxGraphRunner {
  /** @internal */
  constructor(
    readonly model: OnnxModel,
    private readonly graph: PreparedGraph,
  ) {}

  get inputs(): readonly OnnxPort[] {
    return this.graph.inputs;
  }

  get outputs(): readonly OnnxPort[] {
    return this.graph.outputs;
  }

  /** Runs the graph on named inputs and gives its outputs by name. Throws `argument` for inputs that are missing. */
  async run(inputs: Readonly<Record<string, OnnxInput | OnnxValue>>): Promise<Record<string, OnnxValue>> {
    const scope = new Scope(undefined, Number.POSITIVE_INFINITY);
    for (const { name, type } of this.graph.inputs) {
      const declared = type.kind === 'tensor' ? type.dtype : undefined;
      const given = inputs[name];
      if (given === undefined) {
        if (type.kind === 'optional') continue;
        throw new FoveaError({
          code: 'argument',
          op: 'onnx',
          message: `the input '${name}' is missing; the graph takes ${this.graph.inputs.map((each) => each.name).join(', ')}.`,
          want: name,
        });
      }
      scope.set(name, onEngine(inputValue(name, given, declared)));
    }
    for (const [name, value] of Object.entries(inputs)) {
      // An input with a default may be overridden.
      const initializer = this.graph.initializers.get(name);
      if (initializer !== undefined) scope.set(name, inputValue(name, value, initializer.dtype));
    }
    const values = await runWaiting(evaluateGraph(this.graph, scope), realiseAll);
    const read = await readAll(values);
    return Object.fromEntries(this.graph.outputs.map(({ name }, i) => [name, read[i] as OnnxValue]));
  }
}

/**
 * Reads an ONNX file to run it as it stands, whatever its operators: one by one, on the engine or the host. Models that are
 * to be trained, compiled or saved are loaded with `models.load`.
 */
export async function load(source: string | URL | Uint8Array, options: SourceOptions = {}): Promise<OnnxGraphRunner> {
  const read = await readSource(source, options, 'onnx');
  const model = await readOnnx(read);
  return new OnnxGraphRunner(model, prepareGraph(model, read.file));
}

/** An input as a value. Throws `shape` where its elements do not fill its shape. */
function inputValue(name: string, given: OnnxInput | OnnxValue, declared: OnnxDtype | undefined): OnnxValue {
  if ('kind' in given) return given;
  const { data, shape } = given;
  const dtype = given.dtype ?? dtypeOf(data, declared);
  if (sizeOf(shape) !== data.length) {
    throw new FoveaError({
      code: 'shape',
      op: 'onnx',
      message: `the input '${name}' has ${data.length} elements for the shape ${formatShape(shape)}.`,
      got: data.length,
      want: sizeOf(shape),
    });
  }
  const isBig = data instanceof BigInt64Array || data instanceof BigUint64Array;
  const value = hostValue(dtype, shape, isBig ? Array.from(data, Number) : data);
  return isHalf(dtype) ? rounded(value) : value;
}

/** The element type of an array; floats and plain lists are of the graph's own, which may have no array here. */
function dtypeOf(data: OnnxInput['data'], declared: OnnxDtype | undefined): OnnxDtype {
  if (declared !== undefined && data instanceof Float32Array && isHalf(declared)) return declared;
  if (Array.isArray(data)) return typeof data[0] === 'string' ? 'string' : (declared ?? 'float32');
  if (data instanceof BigInt64Array) return 'int64';
  if (data instanceof BigUint64Array) return 'uint64';
  const name = data.constructor.name.replace(/Array$/, '').toLowerCase();
  return Object.hasOwn(ONNX_DTYPES, name) ? (name as OnnxDtype) : 'float32';
}

const isHalf = (dtype: OnnxDtype): dtype is 'float16' | 'bfloat16' => dtype === 'float16' || dtype === 'bfloat16';

/** With 16-bit floats that are such, in a Float32Array. */
function rounded({ dtype, shape, data }: HostValue): HostValue {
  const numbers = Float32Array.from(data as ArrayLike<number>, (value) =>
    roundTo(dtype as 'float16' | 'bfloat16', value),
  );
  return hostValue(dtype, shape, numbers);
}

/** Floats go to the engine; integers, doubles and text are exact on the host alone. */
function onEngine(value: OnnxValue): OnnxValue {
  if (value.kind !== 'host' || !['float32', 'float16', 'bfloat16'].includes(value.dtype)) return value;
  return tensorValue(value.dtype, toTensor(value));
}

/** Computes tensors and reads their elements. */
export async function realiseAll(values: readonly TensorValue[]): Promise<HostValue[]> {
  await realize(...values.map(({ tensor }) => tensor));
  return Promise.all(
    values.map(async ({ dtype, shape, tensor }) => {
      const elements = await tensor.data();
      const data = makeOnnxData(dtype, sizeOf(shape)) as Exclude<OnnxData, string[]>;
      data.set(elements);
      const value = hostValue(dtype, shape, data);
      return isHalf(dtype) ? rounded(value) : value;
    }),
  );
}

async function readAll(values: readonly OnnxValue[]): Promise<OnnxValue[]> {
  const tensors = values.filter((each): each is TensorValue => each.kind === 'tensor');
  const hosts = new Map((await realiseAll(tensors)).map((host, i) => [tensors[i] as TensorValue, host]));
  return Promise.all(
    values.map(async (each): Promise<OnnxValue> => {
      if (each.kind === 'sequence') return { kind: 'sequence', items: await readAll(each.items) };
      return each.kind === 'tensor' ? (hosts.get(each) as HostValue) : each;
    }),
  );
}
