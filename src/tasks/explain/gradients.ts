// Which pixels a score depends on: plain gradients and SmoothGrad (Smilkov et al. 2017), integrated gradients (Sundararajan et al.
// 2017), guided backpropagation (Springenberg et al. 2014) and guided Grad-CAM.
import { type GradientRule, gradients } from '../../compile/autodiff.js';
import { FoveaError } from '../../core/errors.js';
import { fillNormal, keyFromSeed } from '../../core/random.js';
import type { HostArray } from '../../data/index.js';
import { constantOp } from '../../graph/node.js';
import type { Tensor } from '../../graph/tensor.js';
import type { TrainableModel } from '../../nn/model.js';
import { greater, logicalAnd } from '../../ops/compare.js';
import { sum } from '../../ops/reduce.js';
import { where } from '../../ops/where.js';
import { image } from '../../plot/image.js';
import { type ClassMapOptions, type Explanation, gradCam } from './class-maps.js';
import { type Aim, aimAt, type TargetOptions } from './classes.js';
import { ask, type Look } from './look.js';
import {
  aboutGrey,
  checkCount,
  colourMap,
  type FloatArray,
  floats,
  magnitude,
  type OverlayOptions,
  percentile,
  resizeMap,
  type Size,
  sizeOfMap,
} from './maps.js';
import { type InputPicture, type Picture, readPicture } from './pictures.js';

/** What gradient methods share. */
export interface PixelOptions extends TargetOptions, Pick<OverlayOptions, 'colormap'> {
  /** For models that take pictures of any size; default the picture's own. */
  size?: Size;
}

/** An explanation pixel by pixel. */
export interface PixelExplanation extends Explanation {
  /** Of every number of the input, [h,w,c], signed. */
  readonly attribution: FloatArray;
}

/** Inputs whose gradients are computed at once. */
const BATCH = 8;

/** The gradients of the scores with respect to pictures [n,h,w,c], and the scores. */
async function inputGradients(
  model: TrainableModel,
  aim: Aim,
  pictures: HostArray,
  guide?: () => { rule: GradientRule; check(): void },
): Promise<{ gradient: FloatArray; scores: FloatArray }> {
  const question = {
    key: `${guide === undefined ? 'gradient' : 'guided'} ${aim.key}`,
    preparation: aim.preparation,
    ask: (look: Look, input: Tensor, selector: Tensor) => {
      const scores = aim.scoresOf(look, selector);
      const guided = guide?.();
      const found = gradients(sum(scores), [input], undefined, guided?.rule);
      guided?.check();
      return [...found, scores];
    },
  };
  const [gradient, scores] = (await ask(model, question, [pictures, aim.selector])) as [FloatArray, FloatArray];
  return { gradient, scores };
}

/** The same for many pictures, which `make` writes one by one; sums their gradients, each by its weight. */
async function sumOfGradients(
  model: TrainableModel,
  aim: Aim,
  shape: readonly number[],
  count: number,
  make: (index: number, into: Float32Array) => void,
  weight: (index: number) => number,
): Promise<Float32Array> {
  const size = shape.reduce((product, dim) => product * dim, 1);
  const total = new Float64Array(size);
  const batch = Math.min(BATCH, count);
  for (let start = 0; start < count; start += batch) {
    // The last batch is filled up with its first picture, so that one Program serves all.
    const data = new Float32Array(batch * size);
    for (let i = 0; i < batch; i++)
      make(start + i < count ? start + i : start, data.subarray(i * size, (i + 1) * size));
    const { gradient } = await inputGradients(model, aim, floats(data, [batch, ...shape]));
    for (let i = 0; i < batch && start + i < count; i++) {
      const share = weight(start + i);
      for (let k = 0; k < size; k++) total[k] = (total[k] as number) + share * (gradient.data[i * size + k] as number);
    }
  }
  return Float32Array.from(total);
}

/** Of signed numbers for every pixel: their sizes as heat, which outliers do not darken. */
function pixels(
  { target }: Aim,
  { input, shown }: InputPicture,
  data: Float32Array,
  options: PixelOptions,
  picture?: HostArray,
): PixelExplanation {
  const attribution = floats(data, input.shape);
  const map = magnitude(attribution);
  const most = percentile(map.data, 0.995);
  const heat = floats(
    Float32Array.from(map.data, (value) => Math.min(1, most === 0 ? 0 : value / most)),
    map.shape,
  );
  const drawn = picture ?? colourMap(resizeMap(heat, sizeOfMap(shown)), options.colormap ?? 'inferno');
  return { ...target, layer: undefined, map, heat, picture: shown, image: drawn, figure: image(drawn), attribution };
}

/** See `saliency`. */
export interface SaliencyOptions extends PixelOptions {
  /** Noisy copies whose gradients are averaged (SmoothGrad); default 1, the picture itself without noise. */
  samples?: number;
  /** Deviation of the noise as a share of the picture's range; default 0.15. */
  noise?: number;
  /** Of the noise; default 0. */
  seed?: number;
}

/** The gradient of a class's score with respect to every pixel 0..255; with `samples` averaged over noisy copies, which takes its grain away. */
export async function saliency(
  model: TrainableModel,
  picture: Picture,
  options: SaliencyOptions = {},
): Promise<PixelExplanation> {
  const op = 'saliency';
  const { samples = 1, noise = 0.15, seed = 0 } = options;
  checkCount(op, 'samples', samples);
  const read = await readPicture(model, picture, options, op);
  const aim = await aimAt(model, read.input, options, op);
  const { data, shape } = read.input;
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of data) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const deviation = samples === 1 ? 0 : noise * (high - low);
  const key = keyFromSeed(seed);
  const make = (index: number, into: Float32Array): void => {
    if (deviation > 0) fillNormal(into, key, index);
    for (let i = 0; i < into.length; i++) into[i] = (data[i] as number) + deviation * (into[i] as number);
  };
  const total = await sumOfGradients(model, aim, shape, samples, make, () => 1 / samples);
  return pixels(aim, read, total, options);
}

/** See `integratedGradients`. */
export interface IntegratedGradientsOptions extends PixelOptions {
  /** Points on the way from the baseline to the picture; default 50. */
  steps?: number;
  /** What stands for no picture: one number 0..255 for all pixels, or a picture; default 0, black. */
  baseline?: number | HostArray;
}

/** What `integratedGradients` gives. */
export interface IntegratedGradients extends PixelExplanation {
  /** The score of the baseline. */
  readonly baselineScore: number;
  /** Sum of all attributions, which is `score` minus `baselineScore` for infinitely many steps. */
  readonly sum: number;
  /** How far the sum is from that, as a share of it; more `steps` bring it down. */
  readonly completenessError: number;
}

/**
 * Integrated gradients: what every pixel adds to the score on the straight way from a baseline to the picture. The attributions add up
 * to the difference of the two scores, which `completenessError` checks.
 */
export async function integratedGradients(
  model: TrainableModel,
  picture: Picture,
  options: IntegratedGradientsOptions = {},
): Promise<IntegratedGradients> {
  const op = 'integratedGradients';
  const { steps = 50, baseline = 0 } = options;
  checkCount(op, 'steps', steps);
  const read = await readPicture(model, picture, options, op);
  const { data, shape } = read.input;
  const from =
    typeof baseline === 'number'
      ? new Float32Array(data.length).fill(baseline)
      : Float32Array.from((await readPicture(model, baseline, options, op)).input.data);
  const aim = await aimAt(model, read.input, options, op);
  // Midpoints: the error falls with the square of the number of steps.
  const make = (index: number, into: Float32Array): void => {
    const at = (index + 0.5) / steps;
    for (let i = 0; i < into.length; i++)
      into[i] = (from[i] as number) + at * ((data[i] as number) - (from[i] as number));
  };
  const mean = await sumOfGradients(model, aim, shape, steps, make, () => 1 / steps);
  const attribution = mean.map((value, i) => value * ((data[i] as number) - (from[i] as number)));
  const { scores } = await inputGradients(model, aim, floats(from, [1, ...shape]));
  const baselineScore = scores.data[0] as number;
  const total = attribution.reduce((sum, value) => sum + value, 0);
  const difference = aim.target.score - baselineScore;
  return {
    ...pixels(aim, read, attribution, options),
    baselineScore,
    sum: total,
    completenessError: Math.abs(total - difference) / Math.max(Math.abs(difference), 1e-12),
  };
}

/** Ops that let through what is above 0; leaky and smooth ones are guided alike. */
const RECTIFIERS: readonly string[] = ['relu', 'relu6', 'leakyRelu', 'silu', 'gelu'];

/** relu6(x + 3), which hard sigmoid and hard swish are made of, is a gate and no rectifier. */
function isGate(op: string, [x]: readonly Tensor[]): boolean {
  if (op !== 'relu6' || x?.node.op.name !== 'add') return false;
  const added = x.node.inputs[1]?.node;
  const values = added?.op === constantOp ? (added.params as { values: readonly number[] }).values : [];
  return values.length === 1 && values[0] === 3;
}

/**
 * Guided backpropagation: the gradient, but every rectifier passes back only what is above 0 and came through it. `image` shows it in
 * colours about grey. Throws `unsupported` for a model without rectifiers.
 */
export async function guidedBackpropagation(
  model: TrainableModel,
  picture: Picture,
  options: PixelOptions = {},
): Promise<PixelExplanation> {
  const op = 'guidedBackpropagation';
  const read = await readPicture(model, picture, options, op);
  const { aim, data } = await guided(op, model, read.input, options);
  return pixels(aim, read, data, options, aboutGrey(floats(data, read.input.shape)));
}

async function guided(
  op: string,
  model: TrainableModel,
  input: FloatArray,
  options: PixelOptions,
): Promise<{ aim: Aim; data: Float32Array }> {
  const aim = await aimAt(model, input, options, op);
  const pictures = floats(input.data, [1, ...input.shape]);
  const { gradient } = await inputGradients(model, aim, pictures, () => guideOf(model, op));
  return { aim, data: gradient.data };
}

/** The rule that guides, and a check that it met a rectifier. */
function guideOf(model: TrainableModel, op: string): { rule: GradientRule; check(): void } {
  let count = 0;
  const rule: GradientRule = ({ name, gradient }, request) => {
    const { inputs, dy } = request;
    const [x] = inputs;
    if (!RECTIFIERS.includes(name) || gradient === 'none' || x === undefined || isGate(name, inputs)) return undefined;
    count++;
    const passed = where(logicalAnd(greater(dy, 0), greater(x, 0)), dy, 0);
    return gradient({ ...request, dy: passed, dys: [passed] });
  };
  const check = (): void => {
    if (count > 0) return;
    throw new FoveaError({
      code: 'unsupported',
      op,
      message: `model "${model.name}" has no rectifiers to guide the gradient.`,
      want: RECTIFIERS,
      hint: 'Use saliency with samples, or integratedGradients.',
    });
  };
  return { rule, check };
}

/** Guided Grad-CAM: guided backpropagation times Grad-CAM's heat, fine detail of one class alone. */
export async function guidedGradCam(
  model: TrainableModel,
  picture: Picture,
  options: ClassMapOptions = {},
): Promise<PixelExplanation> {
  const coarse = await gradCam(model, picture, options);
  const read = await readPicture(model, picture, options, 'guidedGradCam');
  // The same class, where none was given, as the map's.
  const fixed = coarse.class === undefined ? options : { ...options, class: coarse.class };
  const { aim, data } = await guided('guidedGradCam', model, read.input, fixed);
  const channels = read.input.shape[2] as number;
  const product = data.map((value, i) => value * (coarse.heat.data[Math.floor(i / channels)] as number));
  const drawn = aboutGrey(floats(product, read.input.shape));
  return { ...pixels(aim, read, product, options, drawn), layer: coarse.layer };
}
