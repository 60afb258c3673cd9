// The two ways to draw many random words, against the one that draws a block.
import { describe, expect, it } from 'vitest';
import { MOST_BLOCKS, type PhiloxBlocks, philoxBlocks, scriptBlocks, wasmBlocks } from '../../src/core/philox.js';
import { fillNormal, fillUniform, keyFromSeed, normal, philox, uniform } from '../../src/core/random.js';

const ways: [string, () => PhiloxBlocks][] = [
  ['JavaScript', scriptBlocks],
  ['WebAssembly', wasmBlocks],
];

describe.each(ways)('blocks in %s', (_, make) => {
  it('are those of philox', () => {
    const blocks = make();
    const big = 0xfffffffe;
    for (const [first, stream, stepLow, stepHigh, k0, k1] of [
      [0, 0, 0, 0, 0, 0],
      [7, 3, 1, 2, 0xdeadbeef, 0x12345678],
      [big, big, 0x80000000, 0xffffffff, 0xffffffff, 0x80000001],
    ] as const) {
      blocks.fill(5, first, stream, stepLow, stepHigh, k0, k1);
      for (let i = 0; i < 5; i++) {
        const counter = [(first + i) % 2 ** 32, stream, stepLow, stepHigh] as const;
        expect([...blocks.words.subarray(4 * i, 4 * i + 4)]).toEqual(philox(counter, [k0, k1]));
      }
    }
  });

  it('fill all words there are', () => {
    const blocks = make();
    expect(blocks.words.length).toBeGreaterThanOrEqual(4 * MOST_BLOCKS);
    blocks.fill(MOST_BLOCKS, 100, 1, 2, 3, 4, 5);
    const at = 4 * (MOST_BLOCKS - 1);
    const last = [99 + MOST_BLOCKS, 1, 2, 3] as const;
    expect([...blocks.words.subarray(at, at + 4)]).toEqual(philox(last, [4, 5]));
  });
});

it('WebAssembly is what Node takes', () => {
  expect(philoxBlocks().words.buffer.byteLength).toBe(65536);
  expect(philoxBlocks()).toBe(philoxBlocks());
});

describe('filled arrays', () => {
  const key = { ...keyFromSeed(98765432109876n), stepLow: 4_000_000_000, stepHigh: 3 };

  it.each([1, 2, 3, 4, 5, 4 * MOST_BLOCKS - 1, 4 * MOST_BLOCKS + 6])(
    'of %i numbers are those of their places',
    (size) => {
      const [flat, bell] = [new Float32Array(size), new Float32Array(size)];
      fillUniform(flat, key, 9);
      fillNormal(bell, key, 9);
      for (const i of [0, 1, 2, 3, 4, 5, size - 3, size - 2, size - 1].filter((at) => at >= 0 && at < size)) {
        expect(flat[i]).toBe(uniform(key, 9, i));
        expect(bell[i]).toBe(normal(key, 9, i));
      }
    },
  );
});
