// What tests of layers share: golden files beside FOVEA_DATA, and evaluating tensors, in float64 by default.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Shape } from '../../src/core/shape.js';
import { interpret } from '../../src/graph/interpret.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';

const data = process.env.FOVEA_DATA;

/** The folder of golden values, or undefined where FOVEA_DATA does not name one; tests that need it are then skipped. */
export const goldenFolder =
  data !== undefined && existsSync(join(data, '../golden')) ? join(data, '../golden') : undefined;

/** A parsed JSON file of the golden folder. */
export function readGolden<T>(path: string): T {
  return JSON.parse(readFileSync(join(goldenFolder as string, path), 'utf8')) as T;
}

/** The cases of a golden list, none where there is no folder. */
export function goldenCases<T>(path: string): T[] {
  return goldenFolder === undefined ? [] : readGolden<{ cases: T[] }>(path).cases;
}

/** The arrays of a safetensors file, by name. */
export function readArrays(path: string): Map<string, Tensor> {
  const bytes = new Uint8Array(readFileSync(join(goldenFolder as string, path)));
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Record<
    string,
    { dtype: string; shape: Shape; data_offsets: [number, number] }
  >;
  const arrays = new Map<string, Tensor>();
  for (const [
    name,
    { dtype, shape, data_offsets: at } = { dtype: '', shape: [], data_offsets: [0, 0] },
  ] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const part = bytes.slice(8 + length + at[0], 8 + length + at[1]).buffer;
    const values =
      dtype === 'F32' ? new Float32Array(part) : dtype === 'I32' ? new Int32Array(part) : new Uint8Array(part);
    arrays.set(name, tensor(values, { shape }));
  }
  return arrays;
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
