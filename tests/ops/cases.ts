// Values for op cases: the same on every machine, made by the repository's own Philox, and already rounded
// to the dtype, so that the float64 reference and an engine start from the same numbers.
import { type Dtype, isFloat, roundTo } from '../../src/core/dtype.js';
import { type RandomKey, uniform } from '../../src/core/random.js';
import { sizeOf } from '../../src/core/shape.js';
import type { CaseInput, OpCase, ReferenceArray } from '../../src/graph/op.js';

// Where a case gives no bounds.
const BOUNDS: Record<Dtype, readonly [number, number]> = {
  float32: [-1, 1],
  float16: [-1, 1],
  bfloat16: [-1, 1],
  int32: [-9, 9],
  uint8: [0, 255],
  bool: [0, 1],
};

/** The inputs of a case: floats in [low, high), whole numbers in [low, high], booleans 0 or 1, or the values given. */
export function makeCaseInputs<P>({ inputs }: OpCase<P>, seed = 0): ReferenceArray[] {
  return inputs.map((input, index) => makeInput(input, seed, index));
}

function makeInput(
  { shape, dtype = 'float32', values, ...bounds }: CaseInput,
  seed: number,
  stream: number,
): ReferenceArray {
  const low = bounds.low ?? BOUNDS[dtype][0];
  const high = bounds.high ?? BOUNDS[dtype][1];
  const random = randomNumbers(sizeOf(shape), seed, stream);
  const data = random.map((unit, i) => {
    if (values !== undefined) return roundTo(dtype, values[i] as number);
    if (isFloat(dtype)) return roundTo(dtype, low + unit * (high - low));
    if (dtype === 'bool') return unit < 0.5 ? 0 : 1;
    return Math.floor(low + unit * (high - low + 1));
  });
  return { shape, dtype, data };
}

/** Numbers in [0, 1), the same for one seed and stream. */
export function randomNumbers(size: number, seed: number, stream: number): Float64Array {
  const key: RandomKey = { seedLow: seed, seedHigh: 0, stepLow: 0, stepHigh: 0 };
  return Float64Array.from({ length: size }, (_, i) => uniform(key, stream, i));
}
