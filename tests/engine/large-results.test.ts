// Operands of more than 44 MiB together, whose results go past the caches: every element is there, whole vectors and
// the end alike, and read right by the next kernel.
import { afterAll, describe, expect, test } from 'vitest';
import { disposeEngine, setEngine } from '../../src/engine/current.js';
import '../../src/engine/install.js';
import { realize } from '../../src/engine/execute.js';
import { tensor } from '../../src/graph/tensor.js';
import * as ops from '../../src/ops/index.js';
import { findVariants } from './variants.js';

const { variants } = await findVariants();
const native = variants.filter(({ engine }) => engine === 'native');

/** The first place where what was got is not what `want` gives for it; -1 where there is none. */
function firstOther(got: ArrayLike<number>, want: (i: number) => number): number {
  for (let i = 0; i < got.length; i++) if (got[i] !== want(i)) return i;
  return -1;
}

describe.runIf(native.length > 0).each(native)('$level', ({ engine, level }) => {
  afterAll(disposeEngine);

  // A row that is a multiple of no vector; columns that are one of some.
  test.each([[[4_100_003]], [[512_501, 8]], [[41_000, 100]]])('%j', async (shape) => {
    await setEngine(engine, { level, threads: 3 });
    const size = shape.reduce((a, b) => a * b);
    const x = tensor(
      Float32Array.from({ length: size }, (_, i) => i % 1021),
      { shape },
    );
    const y = tensor(
      Float32Array.from({ length: size }, (_, i) => i % 509),
      { shape },
    );
    const both = ops.subtract(ops.multiply(x, 2), y);
    const after = ops.max(ops.reshape(both, [size]));
    await realize(both, after);
    const value = (i: number): number => 2 * (i % 1021) - (i % 509);
    expect(firstOther(await both.data(), value)).toBe(-1);
    let most = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < size; i++) most = Math.max(most, value(i));
    expect(await after.item()).toBe(most);
    for (const each of [x, y, both, after]) each.dispose();
  });
});
