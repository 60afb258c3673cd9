// One convolution in numbers: what the ops, the choice of an algorithm and the kernels' calls share.
import type { Shape } from '../core/shape.js';
import { outputSize, type Pair, spanOf } from './window.js';

/** A convolution's options as numbers. */
export interface ConvParams {
  readonly strides: Pair;
  readonly padding: readonly [Pair, Pair];
  readonly dilation: Pair;
  readonly groups: number;
}

/** One convolution in numbers, in the order of `geometry` in kernels/cpu/abi.h. */
export interface Geometry {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly cin: number;
  readonly kh: number;
  readonly kw: number;
  readonly cout: number;
  readonly oh: number;
  readonly ow: number;
  readonly strideH: number;
  readonly strideW: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly dilationH: number;
  readonly dilationW: number;
  readonly groups: number;
}

/** The geometry of x [n,h,w,cin] and filter [kh,kw,cin/groups,cout], both of the right rank. */
export function geometryOf(x: Shape, filter: Shape, { strides, padding, dilation, groups }: ConvParams): Geometry {
  const [n, h, w, cin] = x as [number, number, number, number];
  const [kh, kw, , cout] = filter as [number, number, number, number];
  return {
    n,
    h,
    w,
    cin,
    kh,
    kw,
    cout,
    oh: outputSize(h, spanOf(kh, dilation[0]), strides[0], padding[0]),
    ow: outputSize(w, spanOf(kw, dilation[1]), strides[1], padding[1]),
    strideH: strides[0],
    strideW: strides[1],
    padTop: padding[0][0],
    padLeft: padding[1][0],
    dilationH: dilation[0],
    dilationW: dilation[1],
    groups,
  };
}

/** The parameter words `geometry` of kernels/cpu/abi.h. */
export const wordsOf = (g: Geometry): number[] => [
  ...[g.n, g.h, g.w, g.cin, g.kh, g.kw, g.cout, g.oh, g.ow],
  ...[g.strideH, g.strideW, g.padTop, g.padLeft, g.dilationH, g.dilationW, g.groups],
];

/** One filter (or `multiplier` of them) per input channel: the kernels that run along channels. */
export const isDepthwise = ({ groups, cin }: Geometry): boolean => groups === cin && cin > 1;

export const filterCells = ({ kh, kw, cin, cout, groups }: Geometry): number => kh * kw * (cin / groups) * cout;
export const multiplyAdds = (g: Geometry): number => g.n * g.oh * g.ow * filterCells(g);
export const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;
