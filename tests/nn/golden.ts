// What tests of layers share: golden files beside FOVEA_DATA, and evaluating tensors, in float64 by default.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { interpret } from '../../src/graph/interpret.js';
import type { Tensor } from '../../src/graph/tensor.js';

const data = process.env.FOVEA_DATA;

/** The folder of golden values, or undefined where FOVEA_DATA does not name one; tests that need it are then skipped. */
export const goldenFolder =
  data !== undefined && existsSync(join(data, '../golden')) ? join(data, '../golden') : undefined;

/** A parsed JSON file of the golden folder. */
export function readGolden<T>(path: string): T {
  return JSON.parse(readFileSync(join(goldenFolder as string, path), 'utf8')) as T;
}

/** Computes tensors: by the float64 reference, or, where FOVEA_TEST_ENGINE is set, by the engine of this machine. */
export async function evaluate(tensors: readonly Tensor[]): Promise<ArrayLike<number>[]> {
  if (process.env.FOVEA_TEST_ENGINE === undefined) return interpret(tensors).map((array) => array.data);
  await import('../../src/engine/install.js');
  return Promise.all(tensors.map((each) => each.data()));
}

/** Fails unless every value lies within `relative` of the largest wanted one. */
export function expectClose(got: ArrayLike<number>, want: ArrayLike<number>, relative: number, what: string): void {
  expect(got.length, what).toBe(want.length);
  let largest = 0;
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    largest = Math.max(largest, Math.abs(want[i] as number));
    const difference = Math.abs((got[i] as number) - (want[i] as number));
    // Math.max keeps NaN, which then fails.
    worst = Math.max(worst, difference);
  }
  expect(worst, `${what}: largest difference (largest value ${largest})`).toBeLessThanOrEqual(
    relative * largest + 1e-6,
  );
}
