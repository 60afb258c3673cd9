// The one place that chooses how a convolution is computed, by rules on its numbers, the engine and its level, with
// what was measured beside each. The kernels behind the names: conv-kernels.ts.
import type { Dtype } from '../core/dtype.js';
import type { Target } from '../graph/op.js';
import { type Geometry, isDepthwise } from './conv-geometry.js';

/** Which of the three products: y of x and the filter, dx of dy and the filter, dFilter of x and dy. */
export type Pass = 'forward' | 'inputGradient' | 'filterGradient';

export type Algorithm =
  /** One filter per channel: along the channels, bound by memory. */
  | 'depthwise'
  /** F(4x4,3x3), or F(3x3,4x4) for the filter's gradient: a quarter of the products, a larger error. */
  | 'winograd'
  /** Plain sums. */
  | 'direct';

/** What the choice depends on beside the geometry. */
export interface AlgorithmRequest {
  readonly pass: Pass;
  readonly target: Target;
  /** The filter is transformed once, not in every run. */
  readonly isConstant: boolean;
  readonly dtype: Dtype;
}

/** How to compute one pass of a convolution. */
export function chooseAlgorithm(g: Geometry, request: AlgorithmRequest): Algorithm {
  if (isDepthwise(g)) return 'depthwise';
  const { target } = request;
  if (target.convolution === 'direct' || !canUseWinograd(g)) return 'direct';
  if (target.convolution === 'winograd') return 'winograd';
  return winogradWins(g, request) ? 'winograd' : 'direct';
}

/** What the Winograd kernels can compute at all. */
export function canUseWinograd(g: Geometry): boolean {
  const bottom = g.oh + 2 - g.h - g.padTop;
  const right = g.ow + 2 - g.w - g.padLeft;
  const isPlain = g.kh === 3 && g.kw === 3 && g.groups === 1;
  const hasUnitSteps = g.strideH === 1 && g.strideW === 1 && g.dilationH === 1 && g.dilationW === 1;
  return isPlain && hasUnitSteps && [g.padTop, g.padLeft, bottom, right].every((pad) => pad >= 0 && pad <= 2);
}

/** Tiles of 4x4 results. */
const tilesOf = (n: number, height: number, width: number): number => n * Math.ceil(height / 4) * Math.ceil(width / 4);

function winogradWins(g: Geometry, { pass, isConstant }: AlgorithmRequest): boolean {
  const tiles = pass === 'inputGradient' ? tilesOf(g.n, g.h, g.w) : tilesOf(g.n, g.oh, g.ow);
  if (pass === 'filterGradient') return tiles >= 64 && g.cin >= 32 && g.cout >= 32;
  return tiles >= (isConstant ? 16 : 32) && g.cin >= 32 && g.cout >= 32;
}
