// What the tests of augmentation share: the pictures that Keras was given too, and reading tensors.
import type { Tensor } from '../../src/graph/tensor.js';
import { tensor } from '../../src/index.js';
import { evaluate } from './golden.js';

/** The elements of a tensor. */
export async function values(x: Tensor): Promise<number[]> {
  return Array.from((await evaluate([x]))[0] as ArrayLike<number>);
}

/** The pictures that Keras was given: numbers up to `range` that look random. */
export function pictures(range = 255, shape: readonly number[] = [2, 4, 5, 3]): Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const fraction = (i: number): number => Math.abs(Math.sin(12.9898 * (i + 1)) * 43758.5453) % 1;
  return tensor(
    Float32Array.from({ length: size }, (_, i) => range * fraction(i)),
    { shape },
  );
}
