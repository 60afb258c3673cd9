// The one place that chooses how a convolution is computed, by rules on its numbers, the engine and its level, with
// what was measured beside each. The kernels behind the names: conv-kernels.ts.
import type { Dtype } from '../core/dtype.js';
import type { Target } from '../graph/op.js';
import { formatKey } from './conv-choices.js';
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
  if (hasOpenChoice(g)) {
    const measured = target.choices?.get(formatKey({ ...request, geometry: g }));
    if (measured === 'direct' || measured === 'winograd') return measured;
  }
  if (multipliesTiles(request)) return 'direct';
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

/**
 * Whether measuring may decide. One or two pixels across: most taps meet padding alone, yet their rounding errors spread
 * over the tile. Errors of up to 133 * 2^-24 of the sum of absolute values were seen, from three pixels on none over 55.
 */
export function hasOpenChoice(g: Geometry): boolean {
  return canUseWinograd(g) && Math.min(g.h, g.w, g.oh, g.ow) >= 3;
}

/**
 * A core with AMX multiplies bfloat16 sixteen times as fast as float32, in which Winograd saves three products of four at
 * most: by these numbers alone, no such machine was at hand to measure.
 */
function multipliesTiles({ target, dtype }: AlgorithmRequest): boolean {
  return dtype === 'bfloat16' && target.level.startsWith('amx');
}

/**
 * From how many channels, and tiles of 4x4 results, Winograd is the faster one. Measured on a Zen 5 core through the
 * engine, convolutions of nine networks and 23 made for the borders; each number is Winograd's speed over direct's.
 */
interface Borders {
  /**
   * Channels that are summed over. avx512, 64x64 pixels: 3 to 64 channels 0.6, 4 to 64 0.7, 8 to 8 0.6, 8 to 64 1.0, 12 to
   * 48 1.2, 16 to 16 2.0, 64 to 4 2.0. avx2: 4 to 64 0.9, 8 to 8 1.4. 128-bit vectors: 4 to 64 1.4 to 1.6.
   */
  readonly depth: number;
  /** The filter's gradient, the smaller number of channels. avx512: 3 0.6, 4 0.8, 8 1.2, 16 2.0; avx2: 4 1.1. */
  readonly gradientDepth: number;
  /**
   * Tiles, where the filter is transformed in each run: it costs as much as some tiles. avx512: 16 tiles 0.7 to 1.0, 25 1.4,
   * 49 1.5 to 1.9, 128 2.1. avx2: 16 0.8 to 1.3, 25 1.3. portable: 16 1.0 to 1.8, 25 2.2. wasm: 9 0.7 to 1.7, 16 1.2 to 2.2.
   */
  readonly tiles: number;
  /**
   * Tiles, where it is transformed once. Then reading it decides, four times the bytes of the plain one: with both cores
   * at work memory gives about 30 GB/s, which the products of 9 tiles take as long as on avx512, of 4 on avx2. From a
   * warm cache: 4 tiles 1.1 to 1.8, 9 1.5 to 2.8, 16 2.2 to 2.8.
   */
  readonly constantTiles: number;
  /** Tiles, the filter's gradient. avx512: 4 0.6 to 0.7, 9 0.8 to 1.6, 16 1.0 to 2.4; wasm: 4 1.3 to 1.8. */
  readonly gradientTiles: number;
}

const WIDE: Borders = { depth: 12, gradientDepth: 8, tiles: 24, constantTiles: 9, gradientTiles: 16 };
const MIDDLE: Borders = { depth: 8, gradientDepth: 4, tiles: 24, constantTiles: 4, gradientTiles: 9 };
const NARROW: Borders = { depth: 4, gradientDepth: 4, tiles: 16, constantTiles: 2, gradientTiles: 9 };

function bordersOf({ level }: Target): Borders {
  if (level.startsWith('avx512') || level === 'amx') return WIDE;
  return level === 'avx2' ? MIDDLE : NARROW;
}

/** A transformed filter of so many bytes stays in the third-level cache between runs: 4 tiles win there on every level. */
const CACHED_BYTES = 12 << 20;

function winogradWins(g: Geometry, { pass, target, isConstant }: AlgorithmRequest): boolean {
  const { depth, gradientDepth, tiles, constantTiles, gradientTiles } = bordersOf(target);
  if (!hasOpenChoice(g)) return false;
  const isTurned = pass === 'inputGradient';
  const [height, width] = isTurned ? [g.h, g.w] : [g.oh, g.ow];
  const count = g.n * Math.ceil(height / 4) * Math.ceil(width / 4);
  if (pass === 'filterGradient') return count >= gradientTiles && Math.min(g.cin, g.cout) >= gradientDepth;
  if ((isTurned ? g.cout : g.cin) < depth) return false;
  if (!isConstant) return count >= tiles;
  return count >= constantTiles || (count >= 4 && 144 * g.cin * g.cout <= CACHED_BYTES);
}
