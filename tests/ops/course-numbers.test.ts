// The courses' numbers by the float64 reference.
import { describe, expect, it } from 'vitest';
import type { NestedArray } from '../../src/graph/tensor.js';
import { courseNumbers } from './course-numbers.js';
import { nestedOf } from './numeric.js';

describe('course numbers', () => {
  it.each(courseNumbers)('$name', ({ build, want, tolerance = 0 }) => {
    const got = nestedOf(build());
    expect(shapeOf(got)).toEqual(shapeOf(want));
    const [values, wanted] = [[got].flat(4) as number[], [want].flat(4) as number[]];
    values.forEach((value, i) => {
      expect(Math.abs(value - (wanted[i] as number)), `element ${i}: ${value}, not ${wanted[i]}`).toBeLessThanOrEqual(
        tolerance,
      );
    });
  });
});

function shapeOf(values: NestedArray): number[] {
  return Array.isArray(values) ? [values.length, ...shapeOf((values[0] ?? 0) as NestedArray)] : [];
}
