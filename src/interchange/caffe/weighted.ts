// Caffe's layers with numbers of their own: convolutions, inner products, norms, scales, slopes.
import { sizeOf } from '../../core/shape.js';
import type { TextMessage } from '../../formats/prototxt.js';
import type { Layer } from '../../nn/layer.js';
import * as layers from '../../nn/layers/index.js';
import { fromTorch, torchForm } from '../../nn/named-weights.js';
import { asMap, asPlain, type Blob, type CaffeCall, setWeights } from './values.js';

const MAX_NUMBERS = 2 ** 28;
const MAX_WINDOW = 1 << 16;

/** Rows and columns of a setting: `kernel_size: 3`, one number for each axis, or `kernel_h` and `kernel_w`. */
export function pairOf(settings: TextMessage, both: string, fallback: number, least: number): [number, number] {
  const each = both.replace(/_size$/, '');
  const [first, second] = settings.wholes(both, least, MAX_WINDOW);
  const rows = settings.whole(`${each}_h`, first ?? fallback, least, MAX_WINDOW);
  return [rows, settings.whole(`${each}_w`, second ?? first ?? fallback, least, MAX_WINDOW)];
}

interface Window {
  readonly filters: number;
  readonly kernel: [number, number];
  readonly strides: [number, number];
  readonly padding: [number, number];
  readonly dilation: [number, number];
  readonly groups: number;
  readonly useBias: boolean;
}

function windowOf(call: CaffeCall, channels: number): Window {
  const settings = call.settings('convolution_param');
  if (settings.whole('axis', 1, -8) !== 1) throw call.error('another axis than 1 is not supported');
  const filters = settings.whole('num_output', 0, 1, 1 << 20);
  if (filters < 1) throw call.error('num_output is missing');
  const kernel = pairOf(settings, 'kernel_size', 0, 1);
  if (kernel[0] < 1 || kernel[1] < 1) throw call.error('kernel_size is missing');
  const isDepthwise = /Depthwise/.test(call.layer.type);
  const groups = settings.whole('group', isDepthwise ? channels : 1, 1, 1 << 20);
  if (channels % groups !== 0 || filters % groups !== 0)
    throw call.error(`group ${groups} must divide its ${channels} channels and ${filters} filters`);
  return {
    filters,
    kernel,
    groups,
    strides: pairOf(settings, 'stride', 1, 1),
    padding: pairOf(settings, 'pad', 0, 0),
    dilation: pairOf(settings, 'dilation', 1, 1),
    useBias: settings.flag('bias_term', true),
  };
}

/** Numbers of a weight of this shape. Throws `format` for what no file holds. */
function countOf(call: CaffeCall, shape: readonly number[]): number {
  const count = sizeOf(shape);
  if (count > MAX_NUMBERS) throw call.error(`weights of [${shape.join(',')}] are refused: they are too large`);
  return count;
}

/** Filters from Caffe's order of axes, which is PyTorch's. */
function setFilters(layer: Layer, weights: Float32Array | undefined): void {
  const kernel = layer.weights.find(({ name }) => name === 'kernel');
  const form = kernel === undefined ? undefined : torchForm(layer, kernel);
  if (weights !== undefined && form !== undefined) kernel?.set(fromTorch(weights, form).slice());
}

export function convolution(call: CaffeCall): Blob[] {
  const x = call.map();
  const [, rows, columns, channels] = x.shape as unknown as [null, number, number, number];
  const { filters, kernel, strides, padding, dilation, groups, useBias } = windowOf(call, channels);
  const weights = call.take(0, countOf(call, [filters, channels / groups, ...kernel]), 'weights');
  const bias = useBias ? call.take(1, filters, 'bias') : undefined;
  const spans = kernel.map((size, axis) => (dilation[axis] as number) * (size - 1) + 1);
  const fits = [rows, columns].every((size, axis) => size + 2 * (padding[axis] as number) >= (spans[axis] as number));
  if (!fits)
    throw call.error(
      `a window of ${spans.join('x')} does not fit a map of ${rows}x${columns} padded by ${padding.join('x')}`,
    );
  const isSame =
    strides.every((stride) => stride === 1) && padding.every((cells, axis) => 2 * cells + 1 === spans[axis]);
  const isPadded = !isSame && padding.some((cells) => cells > 0);
  const padded = isPadded ? layers.zeroPadding2d({ padding, name: call.named('pad') }).apply(x) : x;
  const layer = layers.conv2d({
    filters,
    kernelSize: kernel,
    strides,
    dilationRate: dilation,
    groups,
    useBias,
    padding: isSame ? 'same' : 'valid',
    name: call.name,
  });
  const y = layer.apply(padded);
  setFilters(layer, weights);
  setWeights(layer, { bias });
  return [asMap(y)];
}

export function deconvolution(call: CaffeCall): Blob[] {
  const x = call.map();
  const [, rows, columns, channels] = x.shape as unknown as [null, number, number, number];
  const { filters, kernel, strides, padding, dilation, groups, useBias } = windowOf(call, channels);
  const weights = call.take(0, countOf(call, [channels, filters / groups, ...kernel]), 'weights');
  countOf(call, [channels, filters, ...kernel]);
  const bias = useBias ? call.take(1, filters, 'bias') : undefined;
  const sizes = [rows, columns].map((size, axis) => {
    const span = (dilation[axis] as number) * ((kernel[axis] as number) - 1) + 1;
    const size2 = (strides[axis] as number) * (size - 1) + span - 2 * (padding[axis] as number);
    if (size2 < 1) throw call.error('nothing is left of its map');
    return size2;
  });
  const layer = layers.conv2dTranspose({
    filters,
    kernelSize: kernel,
    strides,
    dilationRate: dilation,
    useBias,
    name: call.name,
  });
  const y = layer.apply(x);
  const all = weights === undefined ? undefined : ungrouped(weights, channels, filters, groups, sizeOf(kernel));
  setFilters(layer, all);
  setWeights(layer, { bias });
  // Caffe leaves out what the padding was of the convolution that this one turns around.
  const over = sizes.map((size, axis) => {
    const front = padding[axis] as number;
    return [front, (y.shape[axis + 1] as number) - size - front] as const;
  }) as [readonly [number, number], readonly [number, number]];
  if (over.every(([front, back]) => front === 0 && back === 0)) return [asMap(y)];
  return [asMap(layers.cropping2d({ cropping: over, name: call.named('crop') }).apply(y))];
}

/** Filters of groups as filters of all channels, zero between the groups. */
function ungrouped(
  weights: Float32Array,
  channels: number,
  filters: number,
  groups: number,
  cells: number,
): Float32Array {
  if (groups === 1) return weights;
  const [inner, outer] = [channels / groups, filters / groups];
  const out = new Float32Array(channels * filters * cells);
  for (let channel = 0; channel < channels; channel++) {
    const first = Math.floor(channel / inner) * outer;
    const from = channel * outer * cells;
    out.set(weights.subarray(from, from + outer * cells), (channel * filters + first) * cells);
  }
  return out;
}

export function innerProduct(call: CaffeCall): Blob[] {
  const settings = call.settings('inner_product_param');
  if (settings.whole('axis', 1, -8) !== 1) throw call.error('another axis than 1 is not supported');
  const units = settings.whole('num_output', 0, 1, 1 << 24);
  if (units < 1) throw call.error('num_output is missing');
  const useBias = settings.flag('bias_term', true);
  const weights = call.take(0, countOf(call, [units, sizeOf(call.shape())]), 'weights');
  const bias = useBias ? call.take(1, units, 'bias') : undefined;
  const layer = layers.dense({ units, useBias, name: call.name });
  const y = layer.apply(call.vector());
  if (settings.flag('transpose', false)) setWeights(layer, { kernel: weights });
  else setFilters(layer, weights);
  setWeights(layer, { bias });
  return [asPlain(y)];
}

/** A norm with the factors and shifts of a Scale layer behind it, where there is one. */
export function batchNorm(call: CaffeCall, scale: CaffeCall | undefined): Blob[] {
  const settings = call.settings('batch_norm_param');
  const [channels] = call.shape() as [number];
  const mean = call.take(0, channels, 'mean');
  const variance = call.take(1, channels, 'variance');
  const [factor = 1] = call.take(2, 1, 'factor') ?? [];
  const hasBias = scale?.settings('scale_param').flag('bias_term', false) ?? false;
  const gamma = scale?.take(0, channels, 'scale');
  const beta = hasBias ? scale?.take(1, channels, 'bias') : undefined;
  const layer = layers.batchNormalization({
    epsilon: call.finite(settings.number('eps', 1e-5)),
    momentum: call.finite(settings.number('moving_average_fraction', 0.999)),
    scale: scale !== undefined,
    center: hasBias,
    name: call.name,
  });
  const { isFlat } = call;
  const y = layer.apply(isFlat ? call.input.tensor : call.map());
  // Statistics are kept as sums, beside what they must be divided by.
  const divided = (values: Float32Array | undefined): Float32Array | undefined =>
    values?.map((value) => (factor === 0 ? 0 : value / factor));
  setWeights(layer, { moving_mean: divided(mean), moving_variance: divided(variance), gamma, beta });
  return [isFlat ? asPlain(y) : asMap(y)];
}

/** A factor, and perhaps a shift, for each channel; with two inputs the product of both. */
export function scale(call: CaffeCall): Blob[] {
  const settings = call.settings('scale_param');
  const useBias = settings.flag('bias_term', false);
  if (call.inputs.length > 1) {
    if (useBias) throw call.error('a bias beside two inputs is not supported');
    const second = call.inputAt(1);
    const factors = second.tensor.shape.length === 2 ? second.tensor : call.map(second);
    return [asMap(layers.multiply({ name: call.name }).apply([call.map(), factors]))];
  }
  if (settings.whole('axis', 1, -8) !== 1 || settings.whole('num_axes', 1, -1) !== 1)
    throw call.error('another axis than 1 is not supported');
  const [channels] = call.shape() as [number];
  const shifts = useBias ? call.take(1, channels, 'bias') : undefined;
  return channelwise(call, call.take(0, channels, 'scale'), shifts, useBias);
}

/** A shift for each channel; with two inputs the sum of both. */
export function bias(call: CaffeCall): Blob[] {
  if (call.inputs.length > 1)
    return [asMap(layers.add({ name: call.name }).apply(call.inputs.map((each) => call.map(each))))];
  const [channels] = call.shape() as [number];
  return channelwise(call, new Float32Array(channels).fill(1), call.take(0, channels, 'bias'), true);
}

/** A depthwise convolution of one cell. */
function channelwise(
  call: CaffeCall,
  factors: Float32Array | undefined,
  shifts: Float32Array | undefined,
  useBias: boolean,
): Blob[] {
  const layer = layers.depthwiseConv2d({ kernelSize: 1, useBias, name: call.name });
  const y = layer.apply(call.map());
  setWeights(layer, { kernel: factors, bias: shifts });
  return [call.isFlat ? asPlain(layers.flatten({ name: call.named('flat') }).apply(y)) : asMap(y)];
}

export function prelu(call: CaffeCall): Blob[] {
  const isShared = call.settings('prelu_param').flag('channel_shared', false);
  const [channels] = call.shape() as [number];
  const slopes = call.take(0, isShared ? 1 : channels, 'slopes');
  const { isFlat } = call;
  const layer = layers.prelu({ ...(isFlat ? {} : { sharedAxes: [1, 2] }), name: call.name });
  const y = layer.apply(isFlat ? call.input.tensor : call.map());
  const all = slopes === undefined || !isShared ? slopes : new Float32Array(channels).fill(slopes[0] as number);
  setWeights(layer, { alpha: all });
  return [isFlat ? asPlain(y) : asMap(y)];
}
