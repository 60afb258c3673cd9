// Weights by name: from PyTorch's state dicts, whose names and axes differ from Keras's, and from safetensors files of either
// kind. A network whose layers are named by PyTorch's entries takes its files as they are.
import { FoveaError } from '../core/errors.js';
import { formatShape, type Shape, sameShape, sizeOf } from '../core/shape.js';
import { type StoredArray, storedArray, storedFloats } from '../formats/stored.js';
import type { Variable } from '../graph/variable.js';
import type { Layer } from './layer.js';
import { Conv1D, Conv2D, Conv3D } from './layers/conv.js';
import { DepthwiseConv1D, DepthwiseConv2D } from './layers/conv-depthwise.js';
import { Conv1DTranspose, Conv2DTranspose, Conv3DTranspose } from './layers/conv-transposed.js';
import { Dense } from './layers/dense.js';
import type { TrainableModel } from './model.js';
import { putArray } from './saving.js';
import { layersIn } from './tracking.js';

/** How PyTorch keeps a weight: its elements, seen in the shape `view` and with the axes in `order`, are ours. */
export interface TorchForm {
  /** `weight`, `bias`, `running_mean` or `running_var`. */
  readonly part: string;
  readonly shape: Shape;
  readonly view: Shape;
  readonly order: readonly number[];
}

/** A variable of a model under both names. */
export interface NamedWeight {
  readonly variable: Variable;
  /** Keras's path: `conv1/kernel`; layers inside a layer after a slash. */
  readonly path: string;
  /** PyTorch's name, `conv1.weight`, where it has such a weight. */
  readonly key: string | undefined;
  readonly form: TorchForm | undefined;
}

const PARTS: Readonly<Record<string, string>> = {
  kernel: 'weight',
  embeddings: 'weight',
  alpha: 'weight',
  gamma: 'weight',
  bias: 'bias',
  beta: 'bias',
  moving_mean: 'running_mean',
  moving_variance: 'running_var',
};

const CONVOLUTIONS = [Conv1D, Conv2D, Conv3D];
const TRANSPOSED = [Conv1DTranspose, Conv2DTranspose, Conv3DTranspose];
const DEPTHWISE = [DepthwiseConv1D, DepthwiseConv2D];

/** PyTorch's form of a layer's weight; undefined where PyTorch has no such weight. */
export function torchForm(layer: Layer, { name, shape }: Variable): TorchForm | undefined {
  const part = PARTS[name];
  if (part === undefined) return undefined;
  const is = (classes: readonly (abstract new (...args: never[]) => Layer)[]): boolean =>
    classes.some((each) => layer instanceof each);
  const rank = shape.length;
  const cells = Array.from({ length: Math.max(0, rank - 2) }, (_, i) => i + 2);
  const permuted = (order: readonly number[]): TorchForm => {
    const view: number[] = [];
    order.forEach((axis, i) => {
      view[axis] = shape[i] as number;
    });
    return { part, shape: view, view, order };
  };
  if (name === 'kernel') {
    if (is(CONVOLUTIONS) || is(TRANSPOSED) || layer instanceof Dense) return permuted([...cells, 1, 0]);
    if (!is(DEPTHWISE)) return undefined;
    // Filters of a channel lie one after the other.
    const form = permuted([...cells, 0, 1]);
    const [channels, filters, ...rest] = form.view as [number, number, ...number[]];
    return { ...form, shape: [channels * filters, 1, ...rest] };
  }
  if (name === 'alpha') {
    const flat = [sizeOf(shape)];
    const channels = shape.at(-1) as number;
    return channels === flat[0] ? { part, shape: flat, view: shape, order: shape.map((_, axis) => axis) } : undefined;
  }
  return { part, shape, view: shape, order: shape.map((_, axis) => axis) };
}

/** A model's variables by name, each once. */
export function namedWeights(model: TrainableModel): NamedWeight[] {
  const seen = new Set<Layer>();
  const used = new Map<string, number>();
  const visit = (layer: Layer, names: readonly string[]): NamedWeight[] => {
    if (seen.has(layer)) return [];
    seen.add(layer);
    const own = layer.ownWeights.map((variable): NamedWeight => {
      const form = torchForm(layer, variable);
      const path = [...names, variable.name].join('/');
      const count = used.get(path) ?? 0;
      used.set(path, count + 1);
      return {
        variable,
        path: count === 0 ? path : `${path}_${count}`,
        key: form === undefined ? undefined : [...names, form.part].join('.'),
        form,
      };
    });
    const inner = layer.slots.flatMap(({ layers }) => layersIn(layers));
    return [...own, ...inner.flatMap((each) => visit(each, [...names, each.name]))];
  };
  return visit(model, []);
}

/** Elements in PyTorch's order in ours. */
export function fromTorch(data: Float32Array, { view, order }: TorchForm): Float32Array {
  if (order.every((axis, i) => axis === i)) return data;
  const strides = view.map((_, axis) => sizeOf(view.slice(axis + 1)));
  const sizes = order.map((axis) => view[axis] as number);
  const steps = order.map((axis) => strides[axis] as number);
  const out = new Float32Array(data.length);
  const last = sizes.length - 1;
  const [count, step] = [sizes[last] as number, steps[last] as number];
  let at = 0;
  const copy = (axis: number, from: number): void => {
    if (axis === last) {
      for (let i = 0, source = from; i < count; i++, source += step) out[at++] = data[source] as number;
      return;
    }
    for (let i = 0; i < (sizes[axis] as number); i++) copy(axis + 1, from + i * (steps[axis] as number));
  };
  copy(0, 0);
  return out;
}

/**
 * Puts named arrays into a model, by Keras's paths or by PyTorch's names, whichever fit more. Throws one `format` error that
 * lists every name that is missing, not wanted or of another shape; with `skipMismatch` what fits is taken.
 */
export function putNamedWeights(
  model: TrainableModel,
  tensors: ReadonlyMap<string, StoredArray>,
  { file, skipMismatch }: { file: string; skipMismatch: boolean },
): void {
  const weights = namedWeights(model);
  const isKnown = (tensorsOf: ReadonlyMap<string, StoredArray>) => (name: string | undefined) =>
    name !== undefined && tensorsOf.has(name);
  const hits = (names: readonly (string | undefined)[], of = tensors): number => names.filter(isKnown(of)).length;
  const paths = weights.map(({ path }) => path);
  const keys = weights.map(({ key }) => key);
  const isKeras = hits(paths) > hits(keys);
  const found = isKeras || hits(keys) > 0 ? tensors : inner(tensors, (each) => hits(keys, each));

  const problems: string[] = [];
  const pairs: [Variable, StoredArray, TorchForm | undefined][] = [];
  const taken = new Set<string>();
  for (const { variable, path, key, form } of weights) {
    const name = isKeras ? path : key;
    const shape = isKeras ? variable.shape : (form?.shape ?? variable.shape);
    if (name === undefined) {
      problems.push(`missing: ${path} ${formatShape(shape)}, which PyTorch does not have`);
      continue;
    }
    taken.add(name);
    const array = found.get(name);
    if (array === undefined) problems.push(`missing: ${name} ${formatShape(shape)}`);
    else if (!fits(array.shape, shape))
      problems.push(`${name}: the model has ${formatShape(shape)}, the file ${formatShape(array.shape)}`);
    else pairs.push([variable, array, isKeras ? undefined : form]);
  }
  for (const [name, { shape }] of found) {
    // PyTorch counts batches beside each norm; nothing here needs it.
    if (!taken.has(name) && !name.endsWith('num_batches_tracked'))
      problems.push(`not in the model: ${name} ${formatShape(shape)}`);
  }
  if (problems.length > 0 && !(skipMismatch && pairs.length > 0)) throw mismatch(problems, pairs.length, file, found);
  for (const [variable, array, form] of pairs) {
    if (form === undefined || variable.dtype === 'int32') putArray(variable, array);
    else putArray(variable, storedArray(variable.shape, 'float32', fromTorch(storedFloats(array), form)));
  }
}

/** The same but for ones at the end: a 1x1 convolution's weight is a dense layer's. */
function fits(stored: Shape, wanted: Shape): boolean {
  const rest = stored.slice(wanted.length);
  return sameShape(stored.slice(0, wanted.length), wanted) && rest.every((dim) => dim === 1);
}

/** The tensors under a common first part of their names, where only without it some fit. */
function inner(
  tensors: ReadonlyMap<string, StoredArray>,
  hits: (tensors: ReadonlyMap<string, StoredArray>) => number,
): ReadonlyMap<string, StoredArray> {
  const prefixes = new Set([...tensors.keys()].map((name) => name.slice(0, name.indexOf('.') + 1)));
  let best = tensors;
  let most = 0;
  for (const prefix of [...prefixes].slice(0, 16)) {
    if (prefix === '') continue;
    const of = new Map(
      [...tensors].flatMap(([name, array]) =>
        name.startsWith(prefix) ? [[name.slice(prefix.length), array] as const] : [],
      ),
    );
    const count = hits(of);
    if (count > most) [best, most] = [of, count];
  }
  return best;
}

function mismatch(
  problems: readonly string[],
  fitting: number,
  file: string,
  tensors: ReadonlyMap<string, StoredArray>,
): FoveaError {
  const most = 40;
  const names = [...tensors.keys()].slice(0, 5).join(', ');
  return new FoveaError({
    code: 'format',
    op: 'loadWeights',
    message: `the weights do not fit the model: ${problems.length} ${problems.length === 1 ? 'mismatch' : 'mismatches'}.`,
    lines: [
      ...problems.slice(0, most),
      ...(problems.length > most ? [`and ${problems.length - most} more`] : []),
      ...(fitting === 0 ? [`the file's names begin with ${names}`] : []),
    ],
    path: file,
    hint:
      fitting === 0
        ? 'Name the layers as the file does, or build the network that the file is of.'
        : 'Build the same model as the one that was saved, or pass skipMismatch to load what fits.',
  });
}
