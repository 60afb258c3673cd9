// A look into any model: it is run inside a trace while every layer that is called tells what it gives, nested ones too. What is
// computed from that is compiled once per model and kind of question, and run over and over.

import { trace } from '../../compile/trace.js';
import { FoveaError } from '../../core/errors.js';
import { formatShape } from '../../core/shape.js';
import type { HostArray } from '../../data/index.js';
import { compile } from '../../engine/compile.js';
import { type Tensor, tensor } from '../../graph/tensor.js';
import { watching } from '../../nn/call-context.js';
import { nearestName } from '../../nn/keras-config.js';
import { inferenceContext, type Layer } from '../../nn/layer.js';
import { TrainableModel } from '../../nn/model.js';
import { cast } from '../../ops/arithmetic.js';
import { transpose } from '../../ops/shape.js';
import { type FloatArray, floats, type Size } from './maps.js';
import { inputSizes, isPlanar, type Preparation, prepare } from './pictures.js';

/** What a layer gave in a run of its model. */
export interface SeenLayer {
  readonly layer: Layer;
  /** Its name, behind those of the models and layers around it: `encoder/conv1`. */
  readonly path: string;
  readonly output: Tensor;
}

/** A model that is running. */
export interface Look {
  /** Every output of the model, float32. */
  readonly outputs: readonly Tensor[];
  /** In the order in which they finished; models inside are behind their layers. */
  readonly layers: readonly SeenLayer[];
}

/** A layer that can be asked about. */
export interface LayerInfo {
  readonly path: string;
  readonly name: string;
  readonly className: string;
  /** Without the batch. */
  readonly shape: readonly number[];
  /** Rows and columns of its maps; undefined where it gives no maps of more than one place. */
  readonly maps: Size | undefined;
  readonly isConvolution: boolean;
  /** Whether it is a model, whose own layers are listed before it. */
  readonly isModel: boolean;
}

/** Runs a model on pictures 0..255 in the trace around. */
export function look(model: TrainableModel, preparation: Preparation, pictures: Tensor): Look {
  const outputOf = new Map<Layer, Tensor>();
  const told = (layer: Layer, outputs: readonly Tensor[]): void => {
    const [first] = outputs;
    // A layer that is called again counts with its last call.
    outputOf.delete(layer);
    if (first !== undefined) outputOf.set(layer, first);
  };
  const prepared = prepare(preparation, pictures);
  const input = isPlanar(model) ? transpose(prepared, [0, 3, 1, 2]) : prepared;
  const outputs = watching(told, () => model.run([input], inferenceContext));
  model.clearLosses();
  const paths = pathsOf(model);
  const layers = [...outputOf].flatMap(([layer, output]) => {
    const path = paths.get(layer);
    return layer === model || path === undefined ? [] : [{ layer, path, output }];
  });
  return { outputs: outputs.map((output) => cast(output, 'float32')), layers };
}

function pathsOf(model: Layer): Map<Layer, string> {
  const paths = new Map<Layer, string>();
  const visit = (layer: Layer, before: string): void => {
    for (const inner of layer.sublayers) {
      if (paths.has(inner)) continue;
      paths.set(inner, `${before}${inner.name}`);
      visit(inner, `${before}${inner.name}/`);
    }
  };
  visit(model, '');
  return paths;
}

/** Whether channels come first in what a layer gives, as far as it says. */
function isChannelsFirst(layer: Layer): boolean {
  const { settings } = layer as { settings?: { dataFormat?: unknown } };
  return settings?.dataFormat === 'channelsFirst';
}

/** What a layer gives as maps [n,h,w,c]. */
export function mapsOf({ layer }: SeenLayer, output: Tensor): Tensor {
  return isChannelsFirst(layer) && output.rank === 4 ? transpose(output, [0, 2, 3, 1]) : output;
}

const describe = (seen: SeenLayer): LayerInfo => {
  const { layer, path, output } = seen;
  const [, height = 1, width = 1] = output.rank === 4 ? mapsOf(seen, output).shape : [];
  return {
    path,
    name: layer.name,
    className: layer.className,
    shape: output.shape.slice(1),
    maps: height * width > 1 ? [height, width] : undefined,
    isConvolution: /conv/i.test(layer.className) && !(layer instanceof TrainableModel),
    isModel: layer instanceof TrainableModel,
  };
};

const known = new WeakMap<object, Map<string, readonly LayerInfo[]>>();

/**
 * The layers of a model that can be named in `layer`, in the order in which they finish, with the shapes of what they give.
 * `size` is for models that take pictures of any size; default 224 by 224.
 */
export function layersOf(model: TrainableModel, options: { size?: Size } = {}): readonly LayerInfo[] {
  const [height, width, channels] = inputSizes(model);
  const shape = [height ?? options.size?.[0] ?? 224, width ?? options.size?.[1] ?? 224, channels ?? 3];
  return layersFor(model, shape);
}

/** The same for pictures of a shape [h,w,c]; found once. */
export function layersFor(model: TrainableModel, shape: readonly number[]): readonly LayerInfo[] {
  makeKnown(model, shape);
  const byShape = known.get(model.graph) ?? new Map<string, readonly LayerInfo[]>();
  known.set(model.graph, byShape);
  const before = byShape.get(String(shape));
  if (before !== undefined) return before;
  let found: readonly LayerInfo[] = [];
  trace(
    (x) => {
      found = look(model, 'none', x as Tensor).layers.map(describe);
      return [x as Tensor];
    },
    [{ shape: [1, ...shape], dtype: 'float32' }],
  );
  byShape.set(String(shape), found);
  return found;
}

function makeKnown(model: TrainableModel, shape: readonly number[]): void {
  if (!model.isKnown) model.prepare([{ name: 'input_1', shape: [null, ...shape], dtype: 'float32' }]);
}

/** The layer of that name or path. Throws `argument`, listing the layers that would do. */
export function findLayer(
  layers: readonly LayerInfo[],
  name: string,
  op: string,
  fits: (layer: LayerInfo) => boolean = () => true,
): LayerInfo {
  const found = layers.filter((layer) => layer.path === name || layer.name === name);
  const exact = found.find(({ path }) => path === name) ?? (found.length === 1 ? found[0] : undefined);
  if (exact !== undefined && fits(exact)) return exact;
  const choices = layers.filter(fits).map(({ path }) => path);
  const near = nearestName(name, choices);
  const message =
    exact !== undefined
      ? `layer "${name}" will not do: it gives ${formatShape(exact.shape)}.`
      : found.length > 1
        ? `"${name}" is the name of ${found.length} layers.`
        : `there is no layer "${name}"${near === undefined ? '.' : `; did you mean "${near}"?`}`;
  throw new FoveaError({
    code: 'argument',
    op,
    message,
    got: name,
    want: choices,
    hint: choices.length === 0 ? 'No layer of this model would do.' : `Take one of ${choices.join(', ')}.`,
  });
}

/**
 * The maps that a class is judged by: what the last layer gives that still has the size of the last convolution's maps, so that
 * batch norms, activations and sums behind it count. Throws `argument` where nothing has maps.
 */
export function lastMaps(layers: readonly LayerInfo[], op: string): LayerInfo {
  const withMaps = layers.filter(({ maps, isModel }) => maps !== undefined && !isModel);
  const last = withMaps.filter(({ isConvolution }) => isConvolution).at(-1) ?? withMaps.at(-1);
  if (last === undefined) {
    throw new FoveaError({
      code: 'argument',
      op,
      message: 'no layer of this model gives maps of more than one place.',
      hint: 'Use a method that needs no maps: saliency, integratedGradients or occlusion.',
    });
  }
  return withMaps.filter(({ maps }) => String(maps) === String(last.maps)).at(-1) as LayerInfo;
}

/** The layer of a path in a run. */
export function seenAt({ layers }: Look, path: string): SeenLayer {
  return layers.find((seen) => seen.path === path) as SeenLayer;
}

type Compiled = ReturnType<typeof compile>;

/** Programs of a model, by the graph that they were made from: a layer that is added makes another graph. */
const programs = new WeakMap<object, Map<string, Compiled>>();
/** Programs kept for one model: beyond, the one used longest ago is forgotten. */
const MOST_PROGRAMS = 24;

/** What is asked of a model, and by which words it is told from other questions. */
export interface Question {
  readonly key: string;
  readonly preparation: Preparation;
  /** Made from the pictures and the other arguments; float32 outputs. */
  ask(look: Look, pictures: Tensor, second: Tensor, third: Tensor): readonly Tensor[];
}

const functionNumbers = new WeakMap<object, number>();
let functionCount = 0;

/** A function's number, by which a Program made with it is found again. */
export function numberOf(fn: object): number {
  let number = functionNumbers.get(fn);
  if (number === undefined) {
    number = functionCount++;
    functionNumbers.set(fn, number);
  }
  return number;
}

/** Runs a question on arrays, the first of them pictures 0..255 [n,h,w,c]; compiled once per model, question and shapes. */
export async function ask(
  model: TrainableModel,
  question: Question,
  args: readonly HostArray[],
): Promise<FloatArray[]> {
  makeKnown(model, args[0]?.shape.slice(1) ?? []);
  const tensors = args.map(({ data, shape }) => tensor(Float32Array.from(data), { shape }));
  try {
    const outputs = await programOf(model, question)(...tensors);
    const read = await Promise.all(
      outputs.map(async (output) => floats((await output.data()) as Float32Array, output.shape)),
    );
    for (const output of outputs) output.dispose();
    return read;
  } finally {
    for (const each of tensors) each.dispose();
  }
}

function programOf(model: TrainableModel, { key, preparation, ask: body }: Question): Compiled {
  const own = programs.get(model.graph) ?? new Map<string, Compiled>();
  programs.set(model.graph, own);
  const prepared = typeof preparation === 'function' ? `f${numberOf(preparation)}` : JSON.stringify(preparation);
  const name = `${key}|${prepared}`;
  const found = own.get(name);
  const program =
    found ??
    compile((pictures, second, third) =>
      body(look(model, preparation, pictures as Tensor), pictures as Tensor, second as Tensor, third as Tensor),
    );
  // Put last, so that the first is the one that was used longest ago.
  own.delete(name);
  own.set(name, program);
  const [oldest] = own.keys();
  if (own.size > MOST_PROGRAMS && oldest !== undefined) own.delete(oldest);
  return program;
}
