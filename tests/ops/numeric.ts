// What the tests of single op families share: seeded numbers, values in float64, and the gradient check
// by one random direction.
import { expect } from 'vitest';
import { gradients } from '../../src/compile/autodiff.js';
import { FoveaError } from '../../src/core/errors.js';
import { type Shape, sizeOf } from '../../src/core/shape.js';
import { interpret } from '../../src/graph/interpret.js';
import type { Node } from '../../src/graph/node.js';
import type { ReferenceArray } from '../../src/graph/op.js';
import { type NestedArray, placeholder, type Tensor, tensor } from '../../src/graph/tensor.js';

/** FOVEA_SEED repeats a failed run; otherwise every run draws the same. */
export const SEED = Number(process.env.FOVEA_SEED ?? 20260);

/** A generator of numbers in [0, 1): mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A whole number from `low` to `high`, both included. */
export function whole(next: () => number, low: number, high: number): number {
  return low + Math.floor(next() * (high - low + 1));
}

/** Float32 numbers in [-1, 1). */
export function randomTensor(next: () => number, shape: Shape): Tensor {
  return tensor(
    Float32Array.from({ length: sizeOf(shape) }, () => next() * 2 - 1),
    { shape },
  );
}

/** The elements in float64. */
export function valuesOf(x: Tensor): Float64Array {
  return (interpret([x])[0] as ReferenceArray).data;
}

/** The elements in float64, nested. */
export function nestedOf(x: Tensor): NestedArray {
  const data = valuesOf(x);
  let at = 0;
  const build = (axis: number): NestedArray =>
    axis === x.rank ? (data[at++] as number) : Array.from({ length: x.shape[axis] as number }, () => build(axis + 1));
  return build(0);
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += (a[i] as number) * (b[i] as number);
  return total;
}

/** The message of the FoveaError that `body` throws. */
export function messageOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    if (error instanceof FoveaError) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Compares gradients of a scalar function with its central difference along one random direction. */
export function expectGradient(fn: (...xs: Tensor[]) => Tensor, points: readonly Tensor[], next: () => number): void {
  const xs = points.map(({ shape, dtype }) => placeholder({ shape, dtype }));
  const y = fn(...xs);
  const base = points.map(valuesOf);
  const directions = base.map((data) => data.map(() => next() * 2 - 1));
  const feeds = (step: number): Map<Node, ReferenceArray> =>
    new Map(
      xs.map((x, k) => {
        const direction = directions[k] as Float64Array;
        const data = (base[k] as Float64Array).map((value, i) => value + step * (direction[i] as number));
        return [x.node, { shape: x.shape, dtype: x.dtype, data }];
      }),
    );
  const at = (step: number): number => (interpret([y], feeds(step))[0] as ReferenceArray).data[0] as number;
  const step = 1e-5;
  const numeric = (at(step) - at(-step)) / (2 * step);
  const slopes = interpret(gradients(y, xs), feeds(0));
  const exact = slopes.reduce((sum, { data }, k) => sum + dot(data, directions[k] as Float64Array), 0);
  expect(Math.abs(exact - numeric)).toBeLessThan(1e-6 * (1 + Math.abs(exact)));
}
