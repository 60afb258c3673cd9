// How far an engine may be from the float64 reference: once per dtype, growing with the root of the terms
// summed into an element, relative to 1 + |value|.
import type { Dtype } from '../../src/core/dtype.js';
import { isFloat } from '../../src/core/dtype.js';

/** About eight units in the last place of float32 and float16; bfloat16 has two fewer bits than its exponent suggests. */
const EPSILON: Partial<Record<Dtype, number>> = { float32: 2e-6, float16: 1e-3, bfloat16: 8e-3 };

/** The first element that is out of tolerance, in words; undefined where all are within. Integers must be equal. */
export function firstMismatch(
  dtype: Dtype,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  { reduces = 1, factor = 1 }: { reduces?: number; factor?: number } = {},
): string | undefined {
  if (got.length !== want.length) return `${got.length} elements, not ${want.length}`;
  const allowed = isFloat(dtype) ? (EPSILON[dtype] as number) * Math.sqrt(Math.max(1, reduces)) * factor : 0;
  for (let i = 0; i < want.length; i++) {
    const value = got[i] as number;
    const wanted = want[i] as number;
    if (value === wanted || (Number.isNaN(value) && Number.isNaN(wanted))) continue;
    const isClose = Math.abs(value - wanted) <= allowed * (1 + Math.abs(wanted));
    // An infinity is only equal to itself.
    if (!isClose || !Number.isFinite(wanted)) return `element ${i} is ${value}, the reference says ${wanted}`;
  }
  return undefined;
}
