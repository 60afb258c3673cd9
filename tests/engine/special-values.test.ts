// NaN, infinities and ties, in rows below, at and above a vector: what wins a maximum, a position, a softmax.
// On every engine and level, against the float64 reference.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeEngine, setEngine } from '../../src/engine/current.js';
import '../../src/engine/install.js';
import { realize } from '../../src/engine/execute.js';
import { interpret } from '../../src/graph/interpret.js';
import type { ReferenceArray } from '../../src/graph/op.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import * as ops from '../../src/ops/index.js';
import { firstMismatch } from '../ops/tolerance.js';
import { findVariants } from './variants.js';

const { variants } = await findVariants();
const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;

/** Each row has one kind of trouble, at places that fall into different lanes. */
function troubled(columns: number): Tensor {
  const fills: ((i: number) => number)[] = [
    (i) => Math.sin(i),
    (i) => (i === columns >> 1 ? nan : i),
    (i) => (i === columns - 1 ? nan : -i),
    (i) => (i % 3 === 1 ? nan : i),
    () => -infinity,
    (i) => (i === columns - 1 ? infinity : -infinity),
    (i) => (i === 0 ? infinity : nan),
    () => nan,
    (i) => (i % 2 === 0 ? 5 : 4),
    (i) => -(i % 5),
    () => -0,
    (i) => (i === columns >> 1 ? 80 : -200),
  ];
  const rows = Array.from({ length: 3 }, () => fills).flat();
  return tensor(rows.map((fill) => Array.from({ length: columns }, (_, i) => Math.fround(fill(i)))));
}

const rowOps: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  max: (x) => ops.max(x, { axis: 1 }),
  min: (x) => ops.min(x, { axis: 1 }),
  sum: (x) => ops.sum(x, { axis: 1 }),
  argMax: (x) => ops.argMax(x),
  argMin: (x) => ops.argMin(x),
  'max of columns': (x) => ops.max(x, { axis: 0 }),
  'argMin of columns': (x) => ops.argMin(x, { axis: 0 }),
  'max of all': (x) => ops.max(x),
  softmax: (x) => ops.softmax(x),
  logSoftmax: (x) => ops.logSoftmax(x),
};

describe.each(variants)('$engine $level', ({ engine, level }) => {
  beforeAll(() => setEngine(engine, { level, poison: true, threads: 2 }));
  afterAll(() => disposeEngine());

  test.each([1, 3, 8, 10, 16, 19, 33, 260, 601])('rows of %i', async (columns) => {
    const names = Object.keys(rowOps);
    const results = names.map((name) => rowOps[name]?.(troubled(columns)) as Tensor);
    const wanted = names.map((name) => interpret([rowOps[name]?.(troubled(columns)) as Tensor])[0] as ReferenceArray);
    await realize(...results);
    for (const [i, name] of names.entries()) {
      const result = results[i] as Tensor;
      const got = await result.data();
      const problem = firstMismatch(result.dtype, Float64Array.from(got), wanted[i]?.data as Float64Array, {
        reduces: columns,
      });
      expect(problem, name).toBeUndefined();
    }
  });
});
