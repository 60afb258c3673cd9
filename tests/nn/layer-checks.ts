// What tests of layers share: inputs by a formula, values by the float64 reference, and the error that something throws.
import { expect } from 'vitest';
import { interpret } from '../../src/graph/interpret.js';
import { type FoveaError, type Layer, type Tensor, tensor } from '../../src/index.js';

export const ramp = (shape: readonly number[], step = 0.37): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(1 + i * step)),
    { shape: [...shape] },
  );

export const valuesOf = (x: Tensor): number[] => Array.from(interpret([x])[0]?.data ?? []);

export function expectSame(got: Tensor, want: readonly number[], digits = 6): void {
  const values = valuesOf(got);
  expect(values.length).toBe(want.length);
  for (const [i, value] of values.entries()) expect(value).toBeCloseTo(want[i] as number, digits);
}

export function copyWeights(from: Layer, to: Layer): void {
  for (const [i, weight] of from.weights.entries()) to.weights[i]?.assign(weight.value);
}

/** What `body` throws; throws itself where that does not. */
export function failure(body: () => unknown): FoveaError {
  try {
    body();
  } catch (error) {
    return error as FoveaError;
  }
  throw new Error('it did not fail');
}
