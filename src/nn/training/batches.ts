// Turns what users pass as data into batches on the host: shuffled per epoch from memory, or as a stream
// brings them. Every pass has a number, so epoch 7 is the same whether or not epochs 0 to 6 ran here.
import { FoveaError } from '../../core/errors.js';
import { keyFromSeed, permutation } from '../../core/random.js';
import { formatShape, sizeOf } from '../../core/shape.js';
import { ArrayDataset } from '../../data/array-dataset.js';
import type { Dataset } from '../../data/dataset.js';
import {
  type HostArray,
  type HostData,
  isHostArray,
  makeHostData,
  rowCount,
  sliceRows,
  toHostArray,
} from '../../data/host-array.js';
import { isDataset } from '../../data/stream-base.js';
import { Tensor } from '../../graph/tensor.js';
import type { TrainingData, TrainingInput, TrainingLabels } from './types.js';

/** One batch: an array per model input and per output. */
export interface HostBatch {
  readonly x: readonly HostArray[];
  readonly y: readonly HostArray[];
  readonly sampleWeight: HostArray | undefined;
  readonly size: number;
}

/** Batches in passes. */
export interface BatchSource {
  /** Batches of a pass, undefined where only a pass can tell, Infinity for an endless stream. */
  readonly steps: number | undefined;
  readonly batchSize: number | undefined;
  /** Whether the data was checked as a whole, where examples still have the numbers their owner knows. */
  readonly isChecked: boolean;
  /** The batches of a pass from number `skip` on. An array may be reused by the next batch. */
  batches(pass: number, skip?: number): AsyncIterable<HostBatch> | Iterable<HostBatch>;
}

/** Names of a model's inputs or outputs, for data given by name. */
export interface PortNames {
  readonly inputs: readonly string[];
  /** Undefined where any labels will do. */
  readonly outputs: readonly string[] | undefined;
  /** The outputs that need labels, where not all do. */
  readonly labelled?: readonly string[];
}

/** Examples in memory. */
export interface MemoryData {
  readonly x: readonly HostArray[];
  readonly y: readonly HostArray[];
  readonly sampleWeight: HostArray | undefined;
}

/** Reads `x` and `y` as arrays in memory. Throws `shape` where their numbers of rows differ. */
export async function readMemory(
  x: TrainingInput,
  y: TrainingLabels | undefined,
  sampleWeight: TrainingInput | undefined,
  names: PortNames,
): Promise<MemoryData> {
  const inputs = await readPorts(x, names.inputs, 'x');
  const labels = y === undefined ? [] : await readLabels(y, names);
  const weights =
    sampleWeight === undefined ? undefined : (await readPorts(sampleWeight, ['sampleWeight'], 'sampleWeight'))[0];
  const rows = rowCount(inputs[0] as HostArray);
  const check = (array: HostArray, what: string): void => {
    if (rowCount(array) !== rows) {
      throw new FoveaError({
        code: 'shape',
        op: 'fit',
        message: `x has ${rows} examples but ${what} has ${rowCount(array)}.`,
        lines: [`x=${formatShape((inputs[0] as HostArray).shape)} ${what}=${formatShape(array.shape)}`],
        got: rowCount(array),
        want: rows,
        hint: 'Give one row for each example.',
      });
    }
  };
  inputs.forEach((array, i) => {
    check(array, `input "${names.inputs[i]}"`);
  });
  labels.forEach((array, i) => {
    check(array, labels.length === 1 ? 'y' : `output "${(names.labelled ?? names.outputs)?.[i] ?? i}"`);
  });
  if (weights !== undefined) check(weights, 'sampleWeight');
  return { x: inputs, y: labels, sampleWeight: weights };
}

/** The labels, of the outputs that need any; those of others are left away. */
async function readLabels(y: TrainingLabels, { outputs, labelled }: PortNames): Promise<HostArray[]> {
  const count = isPlainRecord(y) ? Object.keys(y).length : Array.isArray(y) && y.every(isHostArray) ? y.length : 1;
  if (outputs === undefined) {
    return readPorts(y, isPlainRecord(y) ? Object.keys(y) : Array.from({ length: count }, (_, i) => `${i}`), 'y');
  }
  const wanted = labelled ?? outputs;
  if (count !== outputs.length) return readPorts(y, wanted, 'y');
  const all = await readPorts(y, outputs, 'y');
  return all.filter((_, i) => wanted.includes(outputs[i] as string));
}

async function readPorts(value: TrainingInput, names: readonly string[], what: string): Promise<HostArray[]> {
  if (value instanceof Tensor)
    return [toHostArray({ data: (await value.data()) as HostData, shape: value.shape, dtype: hostDtype(value) })];
  if (isPlainRecord(value)) {
    const record = value;
    const unknown = Object.keys(record).find((name) => !names.includes(name));
    const missing = names.find((name) => record[name] === undefined);
    if (unknown !== undefined || missing !== undefined) {
      throw new FoveaError({
        code: 'argument',
        op: 'fit',
        message:
          missing === undefined ? `${what} has "${unknown}", which the model does not.` : `${what} lacks "${missing}".`,
        got: Object.keys(record),
        want: names,
        hint: `Give ${names.map((name) => `"${name}"`).join(', ')}.`,
      });
    }
    return names.map((name) => record[name] as HostArray);
  }
  const isList = Array.isArray(value) && value.length > 0 && value.every(isHostArray);
  const arrays = isList ? (value as readonly HostArray[]).slice() : [toHostArray(value as HostArray, 'fit')];
  if (arrays.length !== names.length) {
    throw new FoveaError({
      code: 'argument',
      op: 'fit',
      message: `the model has ${names.length} ${what === 'x' ? 'inputs' : 'outputs'}; ${what} brings ${arrays.length}.`,
      got: arrays.length,
      want: names.length,
      hint: 'Give a list with one array for each, or a record by name.',
    });
  }
  return arrays;
}

function hostDtype({ dtype }: Tensor): 'float32' | 'int32' | 'uint8' {
  return dtype === 'int32' ? 'int32' : dtype === 'uint8' || dtype === 'bool' ? 'uint8' : 'float32';
}

/** Whether data is given by name. */
export function isPlainRecord(value: unknown): value is Readonly<Record<string, HostArray>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value) &&
    !isHostArray(value)
  );
}

/** Whether a value is data with labels rather than inputs alone. */
export function isTrainingData(value: unknown): value is TrainingData {
  if (value instanceof ArrayDataset || isDataset(value)) return true;
  return isPlainRecord(value) && 'x' in value && 'y' in value;
}

/** The last `fraction` of the rows, and the rows before it, as Keras splits off validation data. */
export function splitMemory(data: MemoryData, fraction: number): { train: MemoryData; validation: MemoryData } {
  const rows = rowCount(data.x[0] as HostArray);
  const at = Math.floor(rows * (1 - fraction));
  if (!(fraction > 0 && fraction < 1) || at === 0 || at === rows) {
    throw new FoveaError({
      code: 'argument',
      op: 'fit',
      message: `validationSplit ${fraction} of ${rows} examples leaves ${at} to train on and ${rows - at} to validate.`,
      got: fraction,
      want: 'a number between 0 and 1',
      hint: 'Choose it so that both parts have examples.',
    });
  }
  const part = (from: number, to: number): MemoryData => ({
    x: data.x.map((array) => sliceRows(array, from, to)),
    y: data.y.map((array) => sliceRows(array, from, to)),
    sampleWeight: data.sampleWeight && sliceRows(data.sampleWeight, from, to),
  });
  return { train: part(0, at), validation: part(at, rows) };
}

/** Batches from memory. With a seed every pass has its own order. */
export function memoryBatches(data: MemoryData, batchSize: number, shuffleSeed?: number): BatchSource {
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new FoveaError({
      code: 'argument',
      op: 'fit',
      message: `batchSize ${batchSize} is not a whole number of at least 1.`,
      got: batchSize,
    });
  }
  const rows = rowCount(data.x[0] as HostArray);
  const steps = Math.ceil(rows / batchSize);
  const staging = new Staging();
  return {
    steps,
    batchSize,
    isChecked: true,
    *batches(pass, skip = 0) {
      const order = shuffleSeed === undefined ? undefined : permutation(rows, keyFromSeed(shuffleSeed), pass);
      for (let step = skip; step < steps; step++) {
        const from = step * batchSize;
        const to = Math.min(rows, from + batchSize);
        const take = (array: HostArray, slot: number): HostArray =>
          order === undefined ? sliceRows(array, from, to) : staging.gather(array, order.subarray(from, to), slot);
        yield {
          x: data.x.map((array, i) => take(array, i)),
          y: data.y.map((array, i) => take(array, data.x.length + i)),
          sampleWeight: data.sampleWeight && take(data.sampleWeight, data.x.length + data.y.length),
          size: to - from,
        };
      }
    },
  };
}

/** Arrays that batches are gathered into, reused so that an epoch leaves no garbage. */
class Staging {
  private readonly slots = new Map<string, HostData>();

  gather(array: HostArray, rows: Uint32Array, slot: number): HostArray {
    const inner = array.shape.slice(1);
    const step = sizeOf(inner);
    const key = `${slot} ${rows.length}`;
    let out = this.slots.get(key);
    if (out === undefined) {
      out = makeHostData(array.dtype, rows.length * step);
      this.slots.set(key, out);
    }
    for (let i = 0; i < rows.length; i++) {
      const from = (rows[i] as number) * step;
      out.set(array.data.subarray(from, from + step), i * step);
    }
    return { data: out, shape: [rows.length, ...inner], dtype: array.dtype };
  }
}

/** Batches from a stream; examples are stacked to `batchSize` where it does not batch itself. */
export function streamBatches(dataset: Dataset, batchSize: number): BatchSource {
  const batched = dataset.isBatched ? dataset : dataset.batch(batchSize);
  return {
    steps: batched.length,
    batchSize: dataset.isBatched ? undefined : batchSize,
    isChecked: false,
    async *batches(pass, skip = 0) {
      for await (const { x, y, sampleWeight } of batched.open(pass, { skip, isReusing: true })) {
        yield { x: [x], y: y === undefined ? [] : [y], sampleWeight, size: rowCount(x) };
      }
    },
  };
}
