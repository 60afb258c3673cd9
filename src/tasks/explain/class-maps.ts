// Where in a picture the evidence for a class lies: class activation maps (Zhou et al. 2016, "Learning deep features for
// discriminative localization"), Grad-CAM (Selvaraju et al. 2017) and Grad-CAM++ (Chattopadhay et al. 2018).
import { gradients } from '../../compile/autodiff.js';
import { FoveaError } from '../../core/errors.js';
import type { HostArray } from '../../data/index.js';
import { type Tensor, tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import type { Layer } from '../../nn/layer.js';
import type { TrainableModel } from '../../nn/model.js';
import { relu } from '../../ops/activation.js';
import { add, cast, divide, multiply } from '../../ops/arithmetic.js';
import { equal } from '../../ops/compare.js';
import { matmul } from '../../ops/matmul.js';
import { mean, sum } from '../../ops/reduce.js';
import { reshape } from '../../ops/shape.js';
import { square } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import type { Figure } from '../../plot/figure.js';
import { image } from '../../plot/image.js';
import { type Aim, aimAt, type Target, type TargetOptions } from './classes.js';
import { ask, findLayer, type LayerInfo, type Look, lastMaps, layersFor, mapsOf, seenAt } from './look.js';
import { type FloatArray, type OverlayOptions, overlay, resizeMap, type Size, sizeOfMap, toHeat } from './maps.js';
import { type Picture, readPicture } from './pictures.js';

/** See `gradCam`. */
export interface ClassMapOptions extends TargetOptions, OverlayOptions {
  /** A layer that gives maps [h,w,c], by its name or path; default the last ones, see `layersOf`. */
  layer?: string;
  /** For models that take pictures of any size; default the picture's own. */
  size?: Size;
}

/** A map over a picture. */
export interface Explanation extends Target {
  /** The layer whose maps were weighed; undefined where the input itself was asked. */
  readonly layer: string | undefined;
  /** As the method makes it. */
  readonly map: FloatArray;
  /** 0..1, [h,w] of the model's input. */
  readonly heat: FloatArray;
  /** The picture as it was read, bytes. */
  readonly picture: HostArray;
  /** The heat in colours over the picture, bytes [H,W,3]. */
  readonly image: HostArray;
  /** The image as a figure, which `save` writes. */
  readonly figure: Figure;
}

type Weigh = (features: Tensor, gradient: Tensor) => Tensor;

/**
 * Grad-CAM: the maps of a layer, weighed by the mean gradient of the class's score and added, what is negative cut off. Takes
 * pictures 0..255, `map` is [h,w] of the layer. Throws `argument` for a layer without maps or an unknown class.
 */
export function gradCam(model: TrainableModel, picture: Picture, options: ClassMapOptions = {}): Promise<Explanation> {
  const weigh: Weigh = (features, gradient) =>
    relu(sum(multiply(features, mean(gradient, { axis: [1, 2], keepDims: true })), { axis: -1 }));
  return byGradient('gradCam', model, picture, options, weigh);
}

/**
 * Grad-CAM++: as `gradCam`, but every place has its own weight, so that several objects of a class all count. The factor exp(score)
 * that all weights have in common is left out: it cancels where the map is scaled.
 */
export function gradCamPlusPlus(
  model: TrainableModel,
  picture: Picture,
  options: ClassMapOptions = {},
): Promise<Explanation> {
  const weigh: Weigh = (features, gradient) => {
    const second = square(gradient);
    const third = multiply(second, gradient);
    const below = add(multiply(second, 2), multiply(third, sum(features, { axis: [1, 2], keepDims: true })));
    const share = divide(second, where(equal(below, 0), 1, below));
    const weights = sum(multiply(share, relu(gradient)), { axis: [1, 2], keepDims: true });
    return relu(sum(multiply(features, weights), { axis: -1 }));
  };
  return byGradient('gradCamPlusPlus', model, picture, options, weigh);
}

async function byGradient(
  op: string,
  model: TrainableModel,
  picture: Picture,
  options: ClassMapOptions,
  weigh: Weigh,
): Promise<Explanation> {
  const { input, shown } = await readPicture(model, picture, options, op);
  const layer = mapsLayer(model, input, options.layer, op);
  const aim = await aimAt(model, input, options, op);
  const question = `${op} ${layer.path}`;
  const map = await askAim(model, aim, question, input, (look, scores) => {
    const seen = seenAt(look, layer.path);
    const [gradient] = gradients(sum(scores), [seen.output]) as [Tensor];
    return weigh(cast(mapsOf(seen, seen.output), 'float32'), cast(mapsOf(seen, gradient), 'float32'));
  });
  return explain(aim.target, { layer: layer.path, map, input, shown }, options);
}

function mapsLayer(model: TrainableModel, input: HostArray, name: string | undefined, op: string): LayerInfo {
  const layers = layersFor(model, input.shape);
  return name === undefined ? lastMaps(layers, op) : findLayer(layers, name, op, ({ maps }) => maps !== undefined);
}

/** Asks for one map of one picture, made from the scores of what is explained. */
async function askAim(
  model: TrainableModel,
  { preparation, key, selector, scoresOf }: Aim,
  question: string,
  input: HostArray,
  make: (look: Look, scores: Tensor, selector: Tensor) => Tensor,
): Promise<FloatArray> {
  const asked = {
    key: `${question} ${key}`,
    preparation,
    ask: (look: Look, _pictures: Tensor, chosen: Tensor) => [make(look, scoresOf(look, chosen), chosen)],
  };
  const [map] = (await ask(model, asked, [{ ...input, shape: [1, ...input.shape] }, selector])) as [FloatArray];
  return { ...map, shape: map.shape.slice(1) };
}

/** What methods give: a map, and what is seen of it. */
export function explain(
  target: Target,
  parts: { layer: string | undefined; map: FloatArray; heat?: FloatArray; input: HostArray; shown: HostArray },
  options: OverlayOptions,
): Explanation {
  const { layer, map, input, shown } = parts;
  const heat = parts.heat ?? toHeat(resizeMap(map, sizeOfMap(input)));
  const over = overlay(shown, heat, options);
  return { ...target, layer, map, heat, picture: shown, image: over, figure: image(over) };
}

/** Layers behind the pooling that change nothing of what is computed in inference but how it is written. */
const PASSING: readonly string[] = ['Dropout', 'Flatten', 'Reshape', 'SpatialDropout2D'];
/** Those that may end a network. */
const ENDING: readonly string[] = ['Activation', 'Softmax'];

/**
 * A class activation map: the maps before the global average, weighed as the last layer weighs them for the class. The model must end
 * in global average pooling and one dense layer (or 1x1 convolution), or in pooling alone. What is negative is kept in `map` and cut off in
 * `heat`. Throws `argument` for other models.
 */
export async function classActivationMap(
  model: TrainableModel,
  picture: Picture,
  options: Omit<ClassMapOptions, 'layer' | 'score' | 'scores'> = {},
): Promise<Explanation> {
  const op = 'classActivationMap';
  const { input, shown } = await readPicture(model, picture, options, op);
  const layers = layersFor(model, input.shape).filter(({ isModel }) => !isModel);
  const pooling = layers.findLastIndex(isGlobalAverage);
  const behind = layers.slice(pooling + 1).filter(({ className }) => !PASSING.includes(className));
  while (ENDING.includes(behind.at(-1)?.className ?? '')) behind.pop();
  const [head] = behind;
  const isHead = head === undefined || head.className === 'Dense' || head.className === 'Conv2D';
  const maps = layers.slice(0, Math.max(0, pooling)).findLast((layer) => layer.maps !== undefined);
  if (maps === undefined || behind.length > 1 || !isHead) throw noPooling(model, behind);
  const aim = await aimAt(model, input, options, op);
  const map = await askAim(model, aim, op, input, (look, _scores, selector) => {
    const seen = seenAt(look, maps.path);
    const features = cast(mapsOf(seen, seen.output), 'float32');
    const weights = head === undefined ? selector : headWeights(seenAt(look, head.path).layer, selector);
    return sum(multiply(features, weights), { axis: -1 });
  });
  return explain(aim.target, { layer: maps.path, map, input, shown }, options);
}

/** Whether a layer averages over all places; an ordinary pooling does where it leaves one. */
function isGlobalAverage({ className, shape }: LayerInfo): boolean {
  if (className === 'GlobalAveragePooling2D') return true;
  return /^(Adaptive)?AveragePooling2D$/.test(className) && shape[0] === 1 && shape[1] === 1;
}

/** A dense layer's weights for the selected class, [channels]. */
function headWeights(layer: Layer, selector: Tensor): Tensor {
  const kernel = cast((layer.weights[0] as Variable).value, 'float32');
  const classes = kernel.shape.at(-1) as number;
  const columns = reshape(kernel, [-1, classes]);
  // Of a lone sigmoid unit, class 0 is what speaks against it.
  const chosen = classes === selector.size ? selector : sum(multiply(selector, tensor([-1, 1])), { keepDims: true });
  return reshape(matmul(columns, reshape(chosen, [-1, 1])), [-1]);
}

function noPooling(model: TrainableModel, behind: readonly LayerInfo[]): FoveaError {
  return new FoveaError({
    code: 'argument',
    op: 'classActivationMap',
    message: `model "${model.name}" does not end in global average pooling and one dense layer.`,
    got: behind.map(({ className }) => className),
    want: ['GlobalAveragePooling2D', 'Dense'],
    hint: 'Use gradCam, which gives the same for such models and something like it for all others.',
  });
}
