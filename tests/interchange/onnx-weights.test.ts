// The axes of ONNX's weights in the order of the layers' kernels.
import { describe, expect, it } from 'vitest';
import { permutedElements } from '../../src/interchange/onnx/layers/call-site.js';

const cases: readonly (readonly [shape: readonly number[], order: readonly number[]])[] = [
  [
    [5, 3, 2, 4],
    [2, 3, 1, 0],
  ],
  [
    [15, 2, 3, 1],
    [2, 3, 1, 0],
  ],
  [
    [16, 3, 1, 1],
    [2, 3, 1, 0],
  ],
  [
    [33, 2, 3, 3],
    [2, 3, 1, 0],
  ],
  [
    [17, 1, 3, 2],
    [2, 3, 0, 1],
  ],
  [
    [1, 19, 2, 2],
    [2, 3, 1, 0],
  ],
  [
    [21, 40],
    [1, 0],
  ],
  [
    [4, 3, 18],
    [1, 0, 2],
  ],
  [
    [2, 3, 4, 5, 6],
    [2, 3, 4, 1, 0],
  ],
  [
    [3, 4],
    [0, 1],
  ],
  [
    [0, 4],
    [1, 0],
  ],
  [
    [1, 1],
    [1, 0],
  ],
  [[], []],
];

describe('weights of ONNX files', () => {
  it.each(cases)('of the shape %j have their axes in the order %j', (shape, order) => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    const data = Float32Array.from({ length: size }, (_, i) => i + 1);
    const found = permutedElements({ data, shape }, order);
    const sizes = order.map((axis) => shape[axis] as number);
    const want = Array.from({ length: size }, (_, to) => {
      const at: number[] = [];
      let rest = to;
      for (let i = sizes.length - 1; i >= 0; i--) {
        at[order[i] as number] = rest % (sizes[i] as number);
        rest = Math.floor(rest / (sizes[i] as number));
      }
      return 1 + shape.reduce((place, dim, axis) => place * dim + (at[axis] as number), 0);
    });
    expect([...found]).toEqual(want);
  });
});
