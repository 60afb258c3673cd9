// The base of a transfer: a network of the zoo, a file, or a model; without its classifier, and with what it wants of its
// pictures.
import { FoveaError } from '../../core/errors.js';
import * as models from '../../interchange/models.js';
import type { Layer } from '../../nn/layer.js';
import * as layers from '../../nn/layers/index.js';
import { Model, TrainableModel } from '../../nn/model.js';
import type { PicturePreprocessing } from '../../nn/model-metadata.js';
import type { LayerCall, SymbolicTensor } from '../../nn/symbolic.js';
import { create, entryOf } from '../../zoo/create.js';
import { architectures, type Preprocessing } from '../../zoo/entries.js';
import type { ZooOptions } from '../../zoo/options.js';

/** Which base, and how it is made. */
export interface BaseOptions {
  /** Rows and columns of the pictures; default what the base was made for. */
  size?: number;
  /** Weights of a network of the zoo: `imagenet` (default), a file, or null for drawn ones. */
  weights?: string | Uint8Array | null;
  /** Further options of a network of the zoo, such as `alpha`. */
  zoo?: Omit<ZooOptions, 'weights' | 'includeTop' | 'inputShape' | 'classes'>;
  /** What the base wants of pixels, where neither it nor its layers tell. */
  preprocessing?: Preprocessing;
  /** The layer whose output are the features; default the last map before the pooling or the classifier. */
  cutAt?: string;
}

/** A base without a classifier. */
export interface Base {
  readonly model: Model;
  readonly name: string;
  readonly preprocessing: PicturePreprocessing;
}

/** Makes or loads the base. Throws `argument` for what is neither, `network` where published weights cannot be fetched. */
export async function openBase(
  like: string | TrainableModel,
  options: BaseOptions,
  isFromScratch: boolean,
): Promise<Base> {
  if (like instanceof TrainableModel) {
    if (isFromScratch) return fromModel(models.cloneModel(like), options);
    // One of the zoo that was given no weights gets the published ones.
    if (like.pretrained !== undefined && like.isUntrained && options.weights !== null) {
      await like.pretrained(options.zoo?.download ?? {});
    }
    return fromModel(like, options);
  }
  if (isFile(like)) {
    const loaded = await models.load(like, { compile: false });
    return fromModel(isFromScratch ? models.cloneModel(loaded) : loaded, options);
  }
  return fromZoo(like, options, isFromScratch);
}

const isFile = (name: string): boolean => /[/\\]|\.\w{2,}$/.test(name) && !Object.hasOwn(architectures, name);

async function fromZoo(name: string, options: BaseOptions, isFromScratch: boolean): Promise<Base> {
  const hint = 'Give one of these, or the file of a model.';
  const entry = entryOf(name, 'finetune', hint);
  const { size = entry.size, weights = 'imagenet' } = options;
  const make: ZooOptions = { ...options.zoo, inputShape: [size, size, 3] };
  const bare: ZooOptions = { ...make, includeTop: false };
  const preprocessing: PicturePreprocessing = {
    ...pixelsOf(options.preprocessing ?? entry.preprocessing),
    size: [size, size],
  };
  const close = (model: TrainableModel): Base => ({ model: withoutTop(model, options.cutAt), name, preprocessing });
  if (isFromScratch || weights === null) return close(create(name, { ...bare, weights: null }));
  if (weights === 'imagenet') return close(await create(name, { ...bare, weights }));
  // A file may be of the whole network or of one without its classifier.
  try {
    return close(await create(name, { ...make, weights }));
  } catch (error) {
    if (!(error instanceof FoveaError) || !['format', 'shape', 'argument'].includes(error.code)) throw error;
    try {
      return close(await create(name, { ...bare, weights }));
    } catch {
      throw error;
    }
  }
}

async function fromModel(model: TrainableModel, options: BaseOptions): Promise<Base> {
  const cut = withoutTop(model, options.cutAt);
  const [, height, width, channels] = cut.inputShape;
  if (cut.inputs.length !== 1 || cut.inputShape.length !== 4 || (channels !== 3 && channels !== 1)) {
    throw new FoveaError({
      code: 'argument',
      op: 'finetune',
      message: `model "${model.name}" does not take one picture: its input is [${cut.inputShape.map((dim) => dim ?? 'any').join(',')}].`,
      got: cut.inputShape,
      hint: 'Give a model with one input [height,width,3] or [height,width,1].',
    });
  }
  const { size = height ?? 224 } = options;
  const isOther = options.size !== undefined && (height !== size || width !== size);
  const known = model.metadata.preprocessing as PicturePreprocessing | undefined;
  const told = options.preprocessing === undefined ? known : undefined;
  const pixels = told ?? pixelsOf(options.preprocessing ?? modeOf(model));
  return {
    model: isOther ? await resized(cut, size) : cut,
    name: model.name,
    preprocessing: {
      ...pixels,
      channels: channels as 1 | 3,
      size: isOther ? [size, size] : [height ?? size, width ?? size],
    },
  };
}

/** The same network for pictures of another size. */
async function resized(model: Model, size: number): Promise<Model> {
  const copy = models.cloneModel(model, { inputTensors: layers.input([size, size, model.inputShape[3] as number]) });
  copy.setWeights(await model.getWeights());
  return copy;
}

/** The record of a word: `unit` is 0..1. */
function pixelsOf(word: Preprocessing): Pick<PicturePreprocessing, 'mode' | 'factor'> {
  return word === 'unit' ? { mode: 'scale', factor: 1 / 255 } : { mode: word };
}

/** What the layers or the name tell of the pixels. */
function modeOf(model: TrainableModel): Preprocessing {
  const scales = (layer: Layer): boolean =>
    ['Rescaling', 'Normalization'].includes(layer.className) || layer.sublayers.some(scales);
  if (scales(model)) return 'none';
  const plain = model.name.toLowerCase().replaceAll(/[-_ ]/g, '');
  // `mobilenet_0.25_224` is a mobilenet; the longest name that fits is meant.
  const [found] = Object.entries(architectures)
    .filter(([name]) => plain.startsWith(name.toLowerCase().replaceAll(/[-_ ]/g, '')))
    .sort(([a], [b]) => b.length - a.length);
  if (found !== undefined) return found[1].preprocessing;
  throw new FoveaError({
    code: 'argument',
    op: 'finetune',
    message: `model "${model.name}" does not say what it wants of its pixels.`,
    hint: "Say it: preprocessing 'tf' (-1..1), 'torch', 'caffe', or 'none' where it takes 0..255.",
  });
}

const POOLS = ['GlobalAveragePooling2D', 'GlobalMaxPooling2D', 'Flatten'];

/** The model up to its last map: before the pooling, or before the classifier where there is no pooling. */
function withoutTop(model: TrainableModel, cutAt: string | undefined): Model {
  const whole = model instanceof Model && model.isFunctional ? model : undefined;
  const { calls, inputs, outputs } = model.graph;
  const cut = (output: SymbolicTensor): Model => new Model({ inputs, outputs: output, name: model.name });
  if (cutAt !== undefined) {
    const found = calls.find(({ layer }) => layer.name === cutAt)?.outputs[0];
    if (found !== undefined) return cut(found);
    throw new FoveaError({
      code: 'argument',
      op: 'finetune',
      message: `the base "${model.name}" has no layer "${cutAt}" to cut at.`,
      got: cutAt,
      want: calls.map(({ layer }) => layer.name),
    });
  }
  const [output] = outputs as [SymbolicTensor];
  if (output.shape.length === 4) return whole ?? cut(output);
  const row = calls.filter((call): call is LayerCall => call.inputs.length === 1);
  const pool = row.findLast(({ layer, inputs: [x] }) => POOLS.includes(layer.className) && x?.shape.length === 4);
  const last = row.at(-1);
  const isVector = output.shape.length === 2;
  if (pool !== undefined && isClassified(row, pool)) return cut(pool.inputs[0] as SymbolicTensor);
  if (pool !== undefined && isVector) return whole ?? cut(output);
  const dense = row.findLast(({ layer }) => layer.className === 'Dense');
  if (isVector && dense !== undefined) return cut(dense.inputs[0] as SymbolicTensor);
  throw new FoveaError({
    code: 'argument',
    op: 'finetune',
    message: `it is not clear where the classifier of "${model.name}" begins: its last layer is "${last?.layer.name}".`,
    hint: 'Name the layer whose output are the features: cutAt.',
  });
}

/** Whether layers with weights come after the pooling. */
function isClassified(row: readonly LayerCall[], pool: LayerCall): boolean {
  return row.slice(row.indexOf(pool) + 1).some(({ layer }) => layer.weights.length > 0);
}

const MEAN = [0.485, 0.456, 0.406];
const DEVIATION = [0.229, 0.224, 0.225];
const CAFFE_MEAN = [103.939, 116.779, 123.68];

/** The layers that do to pixels 0..255 what the base wants, all of them Keras's own. */
export function preprocessingLayers({ preprocessing, name }: Base): Layer[] {
  const { mode, channels = 3, factor = 1, offset = 0, mean = [], std = [], size } = preprocessing;
  const { channelOrder = mode === 'caffe' ? 'bgr' : 'rgb' } = preprocessing;
  const isTurned = channels === 3 && channelOrder === 'bgr';
  const scaled = (scale: number | number[], shift: number | number[]): Layer =>
    layers.rescaling({ scale, offset: shift, name: 'pixels' });
  const turn = isTurned ? [turned(mode === 'caffe' ? CAFFE_MEAN : [0, 0, 0])] : [];
  if (mode === 'tf') return [...turn, scaled(1 / 127.5, -1)];
  if (mode === 'scale') return [...turn, scaled(factor, offset)];
  if (mode === 'torch') {
    const shift = MEAN.map((each, i) => -each / (DEVIATION[i] as number));
    return [
      ...turn,
      scaled(
        DEVIATION.map((each) => 1 / (255 * each)),
        shift,
      ),
    ];
  }
  if (mode === 'standardize') {
    const variance = std.map((each) => each ** 2);
    if (mean.length === channels) return [...turn, layers.normalization({ mean: [...mean], variance, name: 'pixels' })];
    const grid = (values: readonly number[]): number[][][] =>
      Array.from({ length: size[0] }, (_, row) =>
        Array.from({ length: size[1] }, (_, column) => {
          const at = (row * size[1] + column) * channels;
          return values.slice(at, at + channels);
        }),
      );
    return [
      ...turn,
      layers.normalization({ axis: [1, 2, 3], mean: grid(mean), variance: grid(variance), name: 'pixels' }),
    ];
  }
  if (mode === 'none' || mode === 'caffe') return turn;
  throw new FoveaError({
    code: 'argument',
    op: 'finetune',
    message: `the base "${name}" wants its pixels by "${String(mode)}", which is not known.`,
    got: mode,
    want: ['none', 'tf', 'torch', 'caffe', 'scale', 'standardize'],
  });
}

/** Blue, green, red, less the mean of each: a 1x1 convolution whose weights are ones and zeros, since Keras has no layer for it. */
function turned(mean: readonly number[]): Layer {
  const layer = layers.conv2d({ filters: 3, kernelSize: 1, trainable: false, name: 'colours' });
  layer.ensureBuilt([[null, null, null, 3]]);
  // kernel [1,1,in,out]: blue, the first that comes out, is the third that goes in.
  layer.setWeights([Float32Array.of(0, 0, 1, 0, 1, 0, 1, 0, 0), Float32Array.from(mean, (each) => -each)]);
  return layer;
}
