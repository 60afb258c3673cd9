// AMX's kernels (level-amx.cc) where no processor has its tiles: the level amx_emulated runs the same blocks over emulated
// ones. Every result is compared bit by bit with TDPBF16PS as Intel documents it, written down here once more, at sizes
// around the tiles' edges; and the check that the processor's tiles must pass sees faults.
import { fileURLToPath } from 'node:url';
import { describe, expect, it, test } from 'vitest';
import { DTYPES, SPACES } from '../../src/core/abi.js';
import { roundTo } from '../../src/core/dtype.js';
import type { Engine } from '../../src/engine/engine.js';
import { createEngine } from '../../src/engine/select.js';
import { nativeTarget } from '../../src/engine/target.js';
import { chooseAlgorithm } from '../../src/ops/conv-algorithm.js';
import { randomNumbers } from '../ops/cases.js';
import { assemble, binding, type Instruction, type Operand } from './programs.js';
import { findVariants, withEngine } from './variants.js';

const LEVEL = { engine: 'native', level: 'amx_emulated' } as const;
const { variants } = await findVariants({ isEmulatedToo: true });
const isHere = variants.some(({ level }) => level === LEVEL.level);
if (!isHere) it.skip('emulated tiles are part of the native engine on x86-64 alone', () => undefined);

interface Product {
  readonly batch?: number;
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly isSharedB?: boolean;
}

const SMALLEST = 2 ** -126;
const flushed = (value: number): number => (Math.abs(value) < SMALLEST ? 0 * Math.sign(value) : value);

/** One element: 16 pairs at a time, their first and second numbers summed apart; every sum is rounded to float32. */
function dot(k: number, left: (i: number) => number, right: (i: number) => number, bias: number): number {
  let total = 0;
  for (let from = 0; from < k; from += 32) {
    const sums = [0, 0];
    for (let i = from; i < Math.min(k, from + 32); i++) {
      sums[i % 2] = flushed(Math.fround((sums[i % 2] as number) + flushed(left(i)) * flushed(right(i))));
    }
    const both = flushed(Math.fround((sums[0] as number) + (sums[1] as number)));
    total = flushed(Math.fround(total + both));
  }
  return Math.fround(total + bias);
}

/** bfloat16 from 2^-8 to 2^8 in size; some are denormal. */
function numbers(count: number, stream: number): Float32Array {
  const units = randomNumbers(count, 9, stream);
  return Float32Array.from(units, (unit, i) => {
    const value = (2 * unit - 1) * 2 ** (((i * 7 + stream) % 17) - 8);
    return roundTo('bfloat16', i % 23 === 11 ? value * 2 ** -130 : value);
  });
}

async function multiply(
  engine: Engine,
  p: Product,
  how: { tA: boolean; tB: boolean; isPacked: boolean },
): Promise<void> {
  const { batch = 1, m, k, n, isSharedB = false } = p;
  const { tA, tB, isPacked } = how;
  const a = numbers(batch * m * k, 1);
  const b = numbers((isSharedB ? 1 : batch) * k * n, 2);
  const bias = Float32Array.from(numbers(n, 3), (value) => Math.fround(value * 1.01));
  const { float32 } = DTYPES;
  const sizes = [batch, m, n, k, Number(tA), Number(tB), m * k, isSharedB ? 0 : k * n];
  const parameters = [...sizes, 0, 0, float32, float32, float32, float32];
  const none: Operand = { space: SPACES.none, offset: 0 };
  const [A, B, BIAS, C, PACKED] = [0, 1, 2, 3, 4].map((index) => binding(index)) as [
    Operand,
    Operand,
    Operand,
    Operand,
    Operand,
  ];
  // A word for each pair of rows of b, an odd row is a pair; columns up to a multiple of 16. No byte more.
  const packedBytes = 4 * (isSharedB ? 1 : batch) * Math.ceil(k / 2) * Math.ceil(n / 16) * 16;
  const product = (from: Operand, packed: Operand, scratch: Operand): Instruction => ({
    kernel: 'bf16Matmul',
    operands: [A, from, packed, BIAS, none, C, scratch],
    parameters,
  });
  const instructions: Instruction[] = isPacked
    ? [{ kernel: 'bf16PackMatrix', operands: [B, PACKED], parameters }, product(none, PACKED, none)]
    : [product(B, none, PACKED)];
  const program = engine.load(assemble({ bindings: 5, instructions }));
  const buffers = [a, b, bias].map((data) => {
    const buffer = engine.allocate(data.byteLength);
    engine.write(buffer, data);
    return buffer;
  });
  const c = engine.allocate(4 * batch * m * n);
  const packed = engine.allocate(packedBytes);
  engine.write(packed, new Uint8Array(packedBytes).fill(0xff));
  await engine.run(program, [...buffers, c, packed]);
  const got = new Float32Array(await engine.read(c));
  const name = `${batch}x${m}x${k}x${n} ${JSON.stringify(how)}`;
  for (let i = 0; i < got.length; i++) {
    const [each, row, column] = [Math.floor(i / (m * n)), Math.floor(i / n) % m, i % n];
    const left = (at: number): number => a[each * m * k + (tA ? at * m + row : row * k + at)] as number;
    const bAt = isSharedB ? 0 : each * k * n;
    const right = (at: number): number => b[bAt + (tB ? column * k + at : at * n + column)] as number;
    const want = dot(k, left, right, bias[column] as number);
    if (!Object.is(got[i], want) && !(got[i] === 0 && want === 0))
      expect.fail(`${name}[${i}] is ${got[i]}, not ${want}`);
  }
  program.dispose();
  for (const buffer of [...buffers, c, packed]) engine.free(buffer);
}

// Around 16 and 32 rows and columns, 32 elements of a step, the 96 and 160 rows of a unit, the 256 and 512 of a block.
const PRODUCTS: readonly Product[] = [
  { m: 1, k: 1, n: 1 },
  { m: 0, k: 5, n: 3 },
  { m: 3, k: 0, n: 5 },
  { m: 3, k: 5, n: 0 },
  { m: 1, k: 513, n: 33 },
  { m: 2, k: 2, n: 16 },
  { m: 15, k: 31, n: 17 },
  { m: 16, k: 32, n: 32 },
  { m: 17, k: 33, n: 15 },
  { m: 31, k: 63, n: 48 },
  { m: 32, k: 64, n: 49 },
  { m: 33, k: 65, n: 31 },
  { m: 47, k: 96, n: 64 },
  { m: 97, k: 7, n: 65 },
  { m: 161, k: 30, n: 18 },
  { m: 5, k: 512, n: 16 },
  { m: 18, k: 545, n: 20 },
  { m: 35, k: 257, n: 97 },
  { batch: 3, m: 17, k: 35, n: 19 },
  { batch: 2, m: 9, k: 34, n: 33, isSharedB: true },
];
const WAYS = [false, true].flatMap((tA) =>
  [false, true].flatMap((tB) => [false, true].map((isPacked) => ({ tA, tB, isPacked }))),
);

describe.skipIf(!isHere)('products over tiles', () => {
  test.each(WAYS)('have the bits of the documented instruction: %o', { timeout: 60_000 }, async (how) => {
    await withEngine(LEVEL, { threads: 2, poison: true }, async (engine) => {
      expect(engine.info.level).toBe('amx_emulated');
      for (const product of PRODUCTS) await multiply(engine, product, how);
    });
  });

  test('are of no other level: a denormal number is kept there', async () => {
    const sums = await Promise.all(
      ['amx_emulated', 'portable'].map((level) =>
        withEngine({ engine: 'native', level }, {}, async (engine) => {
          const [a, b, c, scratch] = [4, 4, 4, 256].map((bytes) => engine.allocate(bytes)) as [
            never,
            never,
            never,
            never,
          ];
          engine.write(a, Float32Array.of(2 ** -130));
          engine.write(b, Float32Array.of(2 ** 10));
          const none: Operand = { space: SPACES.none, offset: 0 };
          const operands = [binding(0), binding(1), none, none, none, binding(2), binding(3)];
          const parameters = [1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0];
          const program = engine.load(
            assemble({ bindings: 4, instructions: [{ kernel: 'bf16Matmul', operands, parameters }] }),
          );
          await engine.run(program, [a, b, c, scratch]);
          return new Float32Array(await engine.read(c))[0];
        }),
      ),
    );
    expect(sums).toEqual([0, 2 ** -120]);
  });
});

describe.skipIf(!isHere)('the check of the processor', () => {
  test('passes sound tiles and sees a misplaced element, sums of few bits and a lost tile', async () => {
    const file = fileURLToPath(new URL(`../../build/native/${await nativeTarget()}/fovea.node`, import.meta.url));
    const module = { exports: {} as { tileCheckPasses(fault: number): boolean } };
    process.dlopen(module, file);
    expect([0, 1, 2, 3].map((fault) => module.exports.tileCheckPasses(fault))).toEqual([true, false, false, false]);
  });
});

describe('the level', () => {
  test.skipIf(!isHere)('of emulated tiles is not offered, but may be asked for', async () => {
    const engine = await createEngine('native', { level: 'amx_emulated' });
    const { level, levels } = engine.info;
    await engine.dispose();
    expect(level).toBe('amx_emulated');
    expect(levels).not.toContain('amx_emulated');
    expect(levels).toContain('portable');
  });

  test('multiplies bfloat16 directly, float32 as avx512 does', () => {
    const size = { n: 8, h: 28, w: 28, cin: 64, kh: 3, kw: 3, cout: 64, oh: 28, ow: 28, groups: 1 };
    const steps = { strideH: 1, strideW: 1, padTop: 1, padLeft: 1, dilationH: 1, dilationW: 1 };
    const choose = (level: string, dtype: 'float32' | 'bfloat16'): string =>
      chooseAlgorithm(
        { ...size, ...steps },
        { pass: 'forward', target: { engine: 'native', level, convolution: 'auto' }, isConstant: false, dtype },
      );
    expect([choose('amx', 'bfloat16'), choose('avx512bf16', 'bfloat16')]).toEqual(['direct', 'winograd']);
    expect([choose('amx', 'float32'), choose('avx512', 'float32')]).toEqual(['winograd', 'winograd']);
  });
});
