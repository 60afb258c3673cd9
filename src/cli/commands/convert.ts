// `fovea convert`: a model from any kind of file that is read to any that is written, compared by what both predict.
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FoveaError } from '../../core/errors.js';
import { fillUniform, keyFromSeed } from '../../core/random.js';
import { type Shape, sizeOf } from '../../core/shape.js';
import type { HostArray } from '../../data/host-array.js';
import { load, loadWeights } from '../../interchange/load.js';
import { SAVED_KINDS, type SavedKind, type SaveOptions, save, savedKindOf } from '../../interchange/save.js';
import { cloneModel } from '../../nn/clone.js';
import type { TrainableModel } from '../../nn/model.js';
import { anyModel } from '../model-file.js';
import { isThere } from '../models.js';
import { EXIT, type Output } from '../output.js';

/** What the command was given. */
export interface ConvertOptions {
  readonly quantize?: 'uint8' | 'uint16' | 'float16';
  readonly inputLayout?: 'channelsLast' | 'channelsFirst';
  readonly to?: SavedKind;
  readonly size?: number;
  /** Sizes of the input without the batch, for files that leave them open. */
  readonly inputShape?: readonly number[];
  readonly tolerance?: number;
}

/** What the outputs may differ by, relative to the largest. Quantised weights are off by half a step each. */
const TOLERANCES = { none: 1e-4, float16: 1e-2, uint16: 1e-2, uint8: 0.25 } as const;

/** Sizes of a picture, and of other dimensions, that a model leaves open. */
const OPEN_SIDE = 64;
const OPEN_SIZE = 8;

export async function convert(from: string, to: string, options: ConvertOptions, output: Output): Promise<number> {
  const kind = options.to ?? savedKindOf(to);
  if (kind === undefined) {
    throw new FoveaError({
      code: 'argument',
      op: 'convert',
      message: `"${to}" does not say what to write.`,
      got: to,
      want: Object.values(SAVED_KINDS),
      hint: `End it in one of ${Object.values(SAVED_KINDS).join(', ')}, in / for a folder of TensorFlow.js, or pass --to.`,
    });
  }
  if (options.quantize !== undefined && kind !== 'tfjs-layers') throw onlyFor('--quantize', 'TensorFlow.js', to);
  if (options.inputLayout !== undefined && kind !== 'onnx') throw onlyFor('--input-layout', 'ONNX', to);
  const { inputShape } = options;
  const model = inputShape === undefined ? await anyModel(from, 'convert') : await load(from, { inputShape });
  const { quantize, inputLayout } = options;
  const settings: SaveOptions = {
    kind,
    ...(quantize === undefined ? {} : { quantize }),
    ...(inputLayout === undefined ? {} : { inputLayout }),
  };
  await save(model, to, settings);
  const [before, after] = [
    await bytesOf(from),
    await bytesOf(kind === 'tfjs-layers' && to.endsWith('.json') ? dirname(to) : to),
  ];
  output.text(
    `${from}${before === undefined ? '' : ` (${bytesText(before)})`} -> ${to} (${bytesText(after ?? 0)}, ${kind}): ` +
      `${model.name}, ${model.countParams().toLocaleString('en-US')} parameters`,
  );
  const again = await reload(model, to, kind);
  const found = await compare(model, again, options.size);
  const tolerance = options.tolerance ?? TOLERANCES[quantize ?? 'none'];
  // NaN on one side alone is a difference, too.
  const isGood = found.difference <= tolerance * found.largest;
  output.text(
    `predicted on random input with both: largest difference ${found.difference.toExponential(1)}, ` +
      `largest output ${found.largest.toPrecision(3)}, allowed ${(tolerance * found.largest).toExponential(1)}: ${isGood ? 'same' : 'NOT THE SAME'}`,
  );
  output.event('convert', {
    from,
    to,
    kind,
    name: model.name,
    parameters: model.countParams(),
    bytes: { from: before ?? null, to: after ?? null },
    largestDifference: found.difference,
    largestOutput: found.largest,
    tolerance,
    isSame: isGood,
  });
  return isGood ? EXIT.done : EXIT.failed;
}

/** The model in what was written; weights alone go into a copy with other weights. */
async function reload(model: TrainableModel, path: string, kind: SavedKind): Promise<TrainableModel> {
  if (kind !== 'keras-weights' && kind !== 'safetensors') return load(path, { compile: false });
  const copy = cloneModel(model);
  await loadWeights(copy, path);
  return copy;
}

interface Difference {
  readonly difference: number;
  /** Of the first model's outputs. */
  readonly largest: number;
}

/** Predicts with both on the same random numbers. */
async function compare(a: TrainableModel, b: TrainableModel, size: number | undefined): Promise<Difference> {
  const inputs = a.inputs.map(({ shape, dtype }, i) =>
    randomInput(
      shape.map((dim, axis) => dim ?? (axis === 0 ? 2 : openSize(shape.length, axis, size))),
      dtype,
      i,
    ),
  );
  const forB = inputs.map((input, i) => inLayout(input, b.inputs[i]?.shape));
  const first = await predictions(a, inputs);
  const second = await predictions(b, forB);
  let [difference, largest] = [first.length === second.length ? 0 : Infinity, 0];
  first.forEach((data, i) => {
    const other = second[i] ?? [];
    if (other.length !== data.length) difference = Infinity;
    for (let at = 0; at < data.length; at++) {
      const [mine, theirs] = [data[at] as number, other[at] as number];
      if (Number.isFinite(mine)) largest = Math.max(largest, Math.abs(mine));
      const distance = Object.is(mine, theirs) || mine === theirs ? 0 : Math.abs(mine - theirs);
      difference = Math.max(difference, Number.isNaN(distance) ? Infinity : distance);
    }
  });
  return { difference, largest };
}

async function predictions(model: TrainableModel, inputs: readonly HostArray[]): Promise<ArrayLike<number>[]> {
  const given = inputs.length === 1 ? (inputs[0] as HostArray) : [...inputs];
  return (await model.predict(given)).outputs.map(({ data }) => data);
}

function openSize(rank: number, axis: number, size: number | undefined): number {
  return rank === 4 && axis < 3 ? (size ?? OPEN_SIDE) : OPEN_SIZE;
}

function randomInput(shape: Shape, dtype: string, index: number): HostArray {
  const numbers = new Float32Array(sizeOf(shape));
  fillUniform(numbers, keyFromSeed(1), index);
  if (dtype === 'int32') return { data: Int32Array.from(numbers, (each) => (each < 0.5 ? 0 : 1)), shape, dtype };
  return { data: numbers.map((each) => 2 * each - 1), shape, dtype: 'float32' };
}

/** The same pictures with their channels first, where a model wants them so. */
function inLayout(input: HostArray, wanted: readonly (number | null)[] | undefined): HostArray {
  const { shape, data, dtype } = input;
  const fits = (dims: Shape): boolean =>
    wanted?.length === dims.length && wanted.every((dim, axis) => dim === null || axis === 0 || dim === dims[axis]);
  if (fits(shape) || shape.length < 3) return input;
  const [batch, ...rest] = shape as [number, ...number[]];
  const channels = rest.pop() as number;
  const turned = [batch, channels, ...rest];
  if (!fits(turned)) return input;
  const cells = sizeOf(rest);
  const out = data.slice();
  for (let n = 0; n < batch; n++)
    for (let i = 0; i < cells; i++)
      for (let c = 0; c < channels; c++)
        out[(n * channels + c) * cells + i] = data[(n * cells + i) * channels + c] as number;
  return { data: out, shape: turned, dtype } as HostArray;
}

/** Bytes of a file, or of a folder's; undefined where there is none, as for an architecture's name. */
async function bytesOf(path: string): Promise<number | undefined> {
  if (!(await isThere(path))) return undefined;
  const found = await stat(path);
  if (!found.isDirectory()) return found.size;
  const sizes = await Promise.all((await readdir(path)).map(async (name) => (await stat(join(path, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const power = Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toPrecision(3)} ${['B', 'kB', 'MB', 'GB'][power]}`;
}

function onlyFor(option: string, what: string, to: string): FoveaError {
  return new FoveaError({
    code: 'argument',
    op: 'convert',
    message: `${option} is for ${what} alone; ${to} is none.`,
    got: to,
    hint: `Leave ${option} out, or write another kind of file.`,
  });
}
