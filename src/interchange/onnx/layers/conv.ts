// Convolutions and transposed convolutions with constant filters as Keras's layers, channels last; padding that is not Keras's
// is a layer before.
import { FoveaError } from '../../../core/errors.js';
import type { Layer } from '../../../nn/layer.js';
import {
  Cropping1D,
  Cropping2D,
  Cropping3D,
  ZeroPadding1D,
  ZeroPadding2D,
  ZeroPadding3D,
} from '../../../nn/layers/borders.js';
import { Conv1D, Conv2D, Conv3D } from '../../../nn/layers/conv.js';
import { DepthwiseConv2D } from '../../../nn/layers/conv-depthwise.js';
import { Conv1DTranspose, Conv2DTranspose, Conv3DTranspose } from '../../../nn/layers/conv-transposed.js';
import type { SymbolicTensor } from '../../../nn/symbolic.js';
import { lastOrder, type SymbolValue, type WeightMaker } from '../builder.js';
import type { HostValue } from '../values.js';
import { type Window, windowOf } from '../windows.js';
import { type LayerCallSite, type LayerMaker, weightOf } from './call-site.js';

type Pair = readonly [number, number];
type Pads = readonly Pair[];

const CONVOLUTIONS = [Conv1D, Conv2D, Conv3D] as const;
const TRANSPOSED = [Conv1DTranspose, Conv2DTranspose, Conv3DTranspose] as const;

/** One number where there is one axis, as Keras's options want it. */
export function sizeOption(values: readonly number[]): never {
  return (values.length === 1 ? values[0] : [...values]) as never;
}

/** Cells added around a picture, a row of a layer each. */
export function zeroPadding(site: LayerCallSite, x: SymbolicTensor, pads: Pads): SymbolicTensor {
  const name = site.builder.nameFor(`${site.output}_pad`);
  const layer: Layer =
    pads.length === 1
      ? new ZeroPadding1D({ padding: pads[0] as Pair, name })
      : pads.length === 2
        ? new ZeroPadding2D({ padding: pads as [Pair, Pair], name })
        : new ZeroPadding3D({ padding: pads as [Pair, Pair, Pair], name });
  return site.builder.apply(site.node, layer, [x])[0] as SymbolicTensor;
}

function cropping(site: LayerCallSite, x: SymbolicTensor, cells: Pads): SymbolicTensor {
  const name = site.builder.nameFor(`${site.output}_crop`);
  const layer: Layer =
    cells.length === 1
      ? new Cropping1D({ cropping: cells[0] as Pair, name })
      : cells.length === 2
        ? new Cropping2D({ cropping: cells as [Pair, Pair], name })
        : new Cropping3D({ cropping: cells as [Pair, Pair, Pair], name });
  return site.builder.apply(site.node, layer, [x])[0] as SymbolicTensor;
}

/** Keras's word for the padding, or cells to add before. */
export function paddingOf({ kernel, strides, dilations, pads, isLower }: Window): 'valid' | 'same' | Pads | undefined {
  if (pads === undefined) return isLower ? undefined : 'same';
  if (pads.every(([before, after]) => before === 0 && after === 0)) return 'valid';
  const isSame = pads.every(([before, after], i) => {
    const total = ((kernel[i] as number) - 1) * (dilations[i] as number);
    return strides[i] === 1 && before === Math.floor(total / 2) && after === total - before;
  });
  return isSame ? 'same' : pads;
}

function checkFilter(site: LayerCallSite, x: SymbolValue, filter: HostValue, groups: number): void {
  const channels = site.shape(x)[1];
  const wanted = (filter.shape[1] as number) * groups;
  if (channels === wanted || channels === null || channels === undefined) return;
  throw new FoveaError({
    code: 'shape',
    op: site.node.opType,
    message: `the filter takes ${wanted} channels, but the input has ${channels}.`,
    got: channels,
    want: wanted,
  });
}

const conv: LayerMaker = (site) => {
  const x = site.symbol(0);
  const filter = site.constant(1);
  const bias = site.constant(2);
  if (x === undefined || filter === undefined || (site.isGiven(2) && bias === undefined)) return false;
  const axes = x.order.length - 2;
  const make = CONVOLUTIONS[axes - 1];
  if (make === undefined || filter.shape.length !== axes + 2) return false;
  const window = windowOf(site, axes, filter.shape.slice(2));
  const groups = site.int('group', 1);
  checkFilter(site, x, filter, groups);
  const padding = paddingOf(window);
  if (padding === undefined || groups < 1) return false;
  const { kernel, strides, dilations } = window;
  if (Math.max(...strides) > 1 && Math.max(...dilations) > 1) return false;
  const { builder } = site;
  const from = builder.channelsLast(x);
  const isWord = typeof padding === 'string';
  const padded = isWord ? from : zeroPadding(site, from, padding);
  const filters = filter.shape[0] as number;
  const isDepthwise = axes === 2 && groups > 1 && filter.shape[1] === 1 && strides[0] === strides[1];
  const inner = kernel.map((_, i) => i + 2);
  const options = {
    kernelSize: sizeOption(kernel),
    strides: sizeOption(strides),
    dilationRate: sizeOption(dilations),
    padding: isWord ? padding : ('valid' as const),
    useBias: bias !== undefined,
    name: builder.nameOf(site.node, site.source(1)),
  };
  const layer = isDepthwise
    ? new DepthwiseConv2D({ ...options, depthMultiplier: filters / groups })
    : new make({ ...options, filters, groups } as never);
  // [filters, 1, ...] and [..., channels, multiplier] hold the same elements behind those of the window.
  const weights: WeightMaker[] = [weightOf(filter, isDepthwise ? [...inner, 0, 1] : [...inner, 1, 0])];
  if (bias !== undefined) weights.push(weightOf(bias));
  return site.finish(layer, [padded], { order: lastOrder(axes + 2), dtype: x.dtype }, weights);
};

const convTranspose: LayerMaker = (site) => {
  const x = site.symbol(0);
  const filter = site.constant(1);
  const bias = site.constant(2);
  if (x === undefined || filter === undefined || (site.isGiven(2) && bias === undefined)) return false;
  const axes = x.order.length - 2;
  const make = TRANSPOSED[axes - 1];
  if (make === undefined || site.int('group', 1) !== 1 || site.has('output_shape')) return false;
  const window = windowOf(site, axes, filter.shape.slice(2));
  const { kernel, strides, dilations, pads } = window;
  if (pads === undefined || (Math.max(...strides) > 1 && Math.max(...dilations) > 1)) return false;
  const extra = site.ints('output_padding') ?? kernel.map(() => 0);
  // Keras gives the stamps' whole extent, and where a stamp is smaller than its step the cells up to the next one, too.
  const cells = kernel.map((size, i): Pair => {
    const span = (size - 1) * (dilations[i] as number) + 1;
    const [before, after] = pads[i] as Pair;
    return [before, after - (extra[i] as number) + Math.max((strides[i] as number) - span, 0)];
  });
  if (cells.some(([, after]) => after < 0)) return false;
  const { builder } = site;
  const inner = kernel.map((_, i) => i + 2);
  const layer = new make({
    filters: filter.shape[1] as number,
    kernelSize: sizeOption(kernel),
    strides: sizeOption(strides),
    dilationRate: sizeOption(dilations),
    useBias: bias !== undefined,
    name: builder.nameOf(site.node, site.source(1)),
  } as never) as Layer;
  const weights: WeightMaker[] = [weightOf(filter, [...inner, 1, 0])];
  if (bias !== undefined) weights.push(weightOf(bias));
  const [y] = builder.apply(site.node, layer, [builder.channelsLast(x)], weights);
  const isWhole = cells.every(([before, after]) => before + after === 0);
  const cut = isWhole ? (y as SymbolicTensor) : cropping(site, y as SymbolicTensor, cells);
  builder.define(site.output, cut, lastOrder(axes + 2), x.dtype);
  return true;
};

export const convolutionLayers: Readonly<Record<string, LayerMaker>> = { Conv: conv, ConvTranspose: convTranspose };
