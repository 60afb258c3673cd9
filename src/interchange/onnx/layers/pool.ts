// Pools, resizing by whole factors and padding as Keras's layers, channels last.
import {
  AveragePooling1D,
  AveragePooling2D,
  AveragePooling3D,
  GlobalAveragePooling1D,
  GlobalAveragePooling2D,
  GlobalAveragePooling3D,
  GlobalMaxPooling1D,
  GlobalMaxPooling2D,
  GlobalMaxPooling3D,
  MaxPooling1D,
  MaxPooling2D,
  MaxPooling3D,
} from '../../../nn/layers/pooling.js';
import { UpSampling2D } from '../../../nn/layers/upsampling.js';
import { lastOrder, type SymbolValue } from '../builder.js';
import { windowOf } from '../windows.js';
import type { LayerCallSite, LayerMaker } from './call-site.js';
import { paddingOf, sizeOption, zeroPadding } from './conv.js';

const MAX = [MaxPooling1D, MaxPooling2D, MaxPooling3D] as const;
const AVERAGE = [AveragePooling1D, AveragePooling2D, AveragePooling3D] as const;
const GLOBAL_MAX = [GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D] as const;
const GLOBAL_AVERAGE = [GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D] as const;

// What these give is never below 0, so zeros around it are no maxima.
const NOT_NEGATIVE: readonly string[] = ['Relu', 'Sigmoid', 'Softplus', 'Softmax', 'HardSigmoid', 'Abs', 'Exp'];

function isNotNegative(site: LayerCallSite): boolean {
  const maker = site.builder.makerOf(site.node.inputs[0] as string);
  if (maker === undefined) return false;
  if (maker.opType === 'MaxPool' || maker.opType === 'Dropout' || maker.opType === 'Identity') {
    const before = site.builder.makerOf(maker.inputs[0] as string);
    return before !== undefined && NOT_NEGATIVE.includes(before.opType);
  }
  return NOT_NEGATIVE.includes(maker.opType);
}

/** Whether rounding up counts no window more: every size is known and divides. */
function isCeilIdle(site: LayerCallSite, x: SymbolValue): boolean {
  const window = windowOf(site, x.order.length - 2);
  return site
    .shape(x)
    .slice(2)
    .every((size, i) => {
      const [before, after] = window.pads?.[i] ?? [0, 0];
      const span = ((window.kernel[i] as number) - 1) * (window.dilations[i] as number) + 1;
      return size !== null && (size + before + after - span) % (window.strides[i] as number) === 0;
    });
}

const pool =
  (isMax: boolean): LayerMaker =>
  (site) => {
    const x = site.symbol(0);
    if (x === undefined || !site.hasOneOutput) return false;
    const axes = x.order.length - 2;
    const make = (isMax ? MAX : AVERAGE)[axes - 1];
    if (make === undefined) return false;
    const window = windowOf(site, axes);
    if (window.dilations.some((each) => each !== 1)) return false;
    if (site.flag('ceil_mode') && !isCeilIdle(site, x)) return false;
    const padding = paddingOf(window);
    const counts = site.flag('count_include_pad');
    if (padding === undefined || (!isMax && padding === 'same' && counts)) return false;
    const isWord = typeof padding === 'string';
    // Keras counts no padding: zeros before it are counted, as ONNX is asked to.
    if (!isWord && !(isMax ? isNotNegative(site) : counts)) return false;
    const { builder } = site;
    const from = builder.channelsLast(x);
    const layer = new make({
      poolSize: sizeOption(window.kernel),
      strides: sizeOption(window.strides),
      padding: isWord ? padding : 'valid',
      name: builder.nameOf(site.node),
    });
    return site.finish(layer, [isWord ? from : zeroPadding(site, from, padding)], {
      order: lastOrder(axes + 2),
      dtype: x.dtype,
    });
  };

/** A global pool that keeps the axes, or leaves them out. */
export function globalPool(site: LayerCallSite, x: SymbolValue, isMax: boolean, keepDims: boolean): boolean {
  const axes = x.order.length - 2;
  const make = (isMax ? GLOBAL_MAX : GLOBAL_AVERAGE)[axes - 1];
  if (make === undefined) return false;
  const { builder } = site;
  const layer = new make({ keepDims, name: builder.nameOf(site.node) });
  const order = keepDims ? lastOrder(axes + 2) : [0, 1];
  return site.finish(layer, [builder.channelsLast(x)], { order, dtype: x.dtype });
}

const wholePool =
  (isMax: boolean): LayerMaker =>
  (site) => {
    const x = site.symbol(0);
    return x !== undefined && globalPool(site, x, isMax, true);
  };

/** Means over all spatial axes are global pools. */
const reduceMean: LayerMaker = (site) => {
  const x = site.symbol(0);
  const listed = site.ints('axes') ?? site.numbers(1);
  if (x === undefined || listed === undefined || x.order.length < 3) return false;
  const rank = x.order.length;
  const axes = listed.map((axis) => site.axis(axis, rank)).sort();
  const isSpatial = axes.length === rank - 2 && axes.every((axis, i) => axis === i + 2);
  return isSpatial && globalPool(site, x, false, site.flag('keepdims', true));
};

/** Whole factors of pictures, the only resizing that Keras's UpSampling2D does the same way. */
const resize: LayerMaker = (site) => {
  const x = site.symbol(0);
  const isUpsample = site.node.opType === 'Upsample';
  const isOld = isUpsample || site.opset < 11;
  if (x === undefined || x.order.length !== 4 || site.has('axes') || site.flag('antialias')) return false;
  const scales = site.floats('scales') ?? site.numbers(isOld ? 1 : 2);
  const shape = site.shape(x);
  const sizes = isOld ? undefined : site.numbers(3);
  const factors =
    sizes !== undefined && sizes.length === 4
      ? sizes.map((size, axis) => size / (axis === 0 ? size : (shape[axis] ?? Number.NaN)))
      : scales;
  if (factors?.length !== 4 || factors[0] !== 1 || factors[1] !== 1) return false;
  const size = factors.slice(2) as [number, number];
  if (!size.every((each) => Number.isInteger(each) && each >= 1)) return false;
  const mode = site.text('mode', 'nearest');
  const coordinates = isOld ? 'asymmetric' : site.text('coordinate_transformation_mode', 'half_pixel');
  const nearest = isOld ? 'floor' : site.text('nearest_mode', 'round_prefer_floor');
  const isHalf = coordinates === 'half_pixel' || (coordinates === 'pytorch_half_pixel' && shape[2] !== null);
  const isRepeated =
    mode === 'nearest' &&
    ((coordinates === 'asymmetric' && nearest === 'floor') || (isHalf && nearest.startsWith('round')));
  const isSmooth = mode === 'linear' && isHalf;
  if (!isRepeated && !isSmooth) return false;
  const layer = new UpSampling2D({
    size,
    interpolation: isSmooth ? 'bilinear' : 'nearest',
    name: site.builder.nameOf(site.node),
  });
  return site.finishLast(layer, x);
};

const pad: LayerMaker = (site) => {
  const x = site.symbol(0);
  if (x === undefined || x.order.length < 3 || x.order.length > 5 || site.text('mode', 'constant') !== 'constant')
    return false;
  const pads = site.opset < 11 ? site.ints('pads') : site.numbers(1);
  const value = site.opset < 11 ? site.float('value', 0) : site.isGiven(2) ? site.numbers(2)?.[0] : 0;
  const rank = x.order.length;
  if (value !== 0 || pads?.length !== 2 * rank || site.isGiven(3) || pads.some((each) => each < 0)) return false;
  const all = Array.from({ length: rank }, (_, axis): readonly [number, number] => [
    pads[axis] as number,
    pads[axis + rank] as number,
  ]);
  // Whichever order it is stored in: only the axes between the first and the last may grow.
  for (const order of [x.order, lastOrder(rank)]) {
    const stored = order.map((axis) => all[axis] as readonly [number, number]);
    if ([stored[0], stored[rank - 1]].some((each) => each?.[0] !== 0 || each[1] !== 0)) continue;
    const y = zeroPadding(site, site.builder.stored(x, order), stored.slice(1, -1));
    site.builder.define(site.output, y, order, x.dtype);
    return true;
  }
  return false;
};

export const poolLayers: Readonly<Record<string, LayerMaker>> = {
  MaxPool: pool(true),
  AveragePool: pool(false),
  GlobalMaxPool: wholePool(true),
  GlobalAveragePool: wholePool(false),
  ReduceMean: reduceMean,
  Resize: resize,
  Upsample: resize,
  Pad: pad,
};
