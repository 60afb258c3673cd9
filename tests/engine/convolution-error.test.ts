// How exact convolutions are, on every engine and level: against float64, in units of the same convolution of absolute
// values (A). Direct sums: 4 * 2^-24 * sqrt(k) * A; Winograd: 128 * 2^-24 * A, the largest A that a tile reaches.
import { describe, expect, test } from 'vitest';
import { emit } from '../../src/compile/emit.js';
import { optimize } from '../../src/compile/optimize.js';
import { encodeProgram, type Program } from '../../src/compile/program.js';
import { bytesPerElement, roundTo } from '../../src/core/dtype.js';
import { sizeOf } from '../../src/core/shape.js';
import type { Engine } from '../../src/engine/engine.js';
import { ANY_TARGET, type Target } from '../../src/graph/op.js';
import { placeholder, type Tensor } from '../../src/graph/tensor.js';
import { convOps } from '../../src/ops/conv.js';
import { randomNumbers } from '../ops/cases.js';
import { findVariants, withEngine } from './variants.js';

type Algorithm = Exclude<Target['convolution'], 'auto'>;
type Pass = 'forward' | 'inputGradient' | 'filterGradient';

interface Case {
  readonly pass: Pass;
  readonly n: number;
  readonly size: readonly [number, number];
  readonly cin: number;
  readonly cout: number;
}

/** 3x3 with a border of one: sums of k products, k from 9 to 18,432. */
const CASES: readonly Case[] = [
  { pass: 'forward', n: 1, size: [9, 6], cin: 1, cout: 5 },
  { pass: 'forward', n: 2, size: [13, 10], cin: 33, cout: 70 },
  { pass: 'forward', n: 1, size: [9, 8], cin: 227, cout: 16 },
  { pass: 'forward', n: 1, size: [6, 9], cin: 2048, cout: 7 },
  { pass: 'inputGradient', n: 2, size: [10, 13], cin: 70, cout: 33 },
  { pass: 'inputGradient', n: 1, size: [8, 9], cin: 16, cout: 227 },
  { pass: 'inputGradient', n: 1, size: [9, 6], cin: 7, cout: 2048 },
  { pass: 'filterGradient', n: 1, size: [7, 5], cin: 5, cout: 9 },
  { pass: 'filterGradient', n: 2, size: [32, 32], cin: 17, cout: 20 },
  { pass: 'filterGradient', n: 4, size: [14, 14], cin: 96, cout: 130 },
];

const nameOf = ({ pass, n, size, cin, cout }: Case): string => `${pass} ${n}x${size.join('x')} ${cin} to ${cout}`;

/** x, filter and dy as float32 numbers; the pass reads two of them and gives the third's like. */
interface Numbers {
  readonly x: Float32Array;
  readonly filter: Float32Array;
  readonly dy: Float32Array;
}

function numbersOf({ n, size: [h, w], cin, cout }: Case): Numbers {
  const draw = (count: number, stream: number): Float32Array =>
    Float32Array.from(randomNumbers(count, 21, stream), (unit) => 2 * unit - 1);
  return { x: draw(n * h * w * cin, 0), filter: draw(9 * cin * cout, 1), dy: draw(n * h * w * cout, 2) };
}

/** The pass in float64. */
function inFloat64({ pass, n, size: [h, w], cin, cout }: Case, { x, filter, dy }: Numbers): Float64Array {
  const length = { forward: n * h * w * cout, inputGradient: n * h * w * cin, filterGradient: 9 * cin * cout }[pass];
  const result = new Float64Array(length);
  for (let image = 0; image < n; image++) {
    for (let row = 0; row < h; row++) {
      for (let column = 0; column < w; column++) {
        const y = ((image * h + row) * w + column) * cout;
        for (let tap = 0; tap < 9; tap++) {
          const i = row + Math.floor(tap / 3) - 1;
          const j = column + (tap % 3) - 1;
          if (i < 0 || i >= h || j < 0 || j >= w) continue;
          addProducts(pass, result, { x, filter, dy }, ((image * h + i) * w + j) * cin, tap * cin * cout, y, cin, cout);
        }
      }
    }
  }
  return result;
}

function addProducts(
  pass: Pass,
  result: Float64Array,
  { x, filter, dy }: Numbers,
  xAt: number,
  filterAt: number,
  yAt: number,
  cin: number,
  cout: number,
): void {
  for (let c = 0; c < cin; c++) {
    const at = filterAt + c * cout;
    const value = x[xAt + c] as number;
    if (pass === 'inputGradient') {
      let sum = 0;
      for (let to = 0; to < cout; to++) sum += (filter[at + to] as number) * (dy[yAt + to] as number);
      result[xAt + c] = (result[xAt + c] as number) + sum;
    } else if (pass === 'forward') {
      for (let to = 0; to < cout; to++)
        result[yAt + to] = (result[yAt + to] as number) + value * (filter[at + to] as number);
    } else {
      for (let to = 0; to < cout; to++)
        result[at + to] = (result[at + to] as number) + value * (dy[yAt + to] as number);
    }
  }
}

const absolute = ({ x, filter, dy }: Numbers): Numbers => ({
  x: x.map(Math.abs),
  filter: filter.map(Math.abs),
  dy: dy.map(Math.abs),
});

/** The largest of each channel's neighbours up to 5 cells away: all that share a tile's input with it. */
function largestNearby(values: Float64Array, n: number, [h, w]: readonly [number, number]): Float64Array {
  const channels = values.length / (n * h * w);
  const along = (from: Float64Array, length: number, step: number): Float64Array =>
    from.map((_, at) => {
      const place = Math.floor(at / step) % length;
      let most = 0;
      for (let other = Math.max(0, place - 5); other <= Math.min(length - 1, place + 5); other++)
        most = Math.max(most, from[at + (other - place) * step] as number);
      return most;
    });
  return along(along(values, w, channels), h, w * channels);
}

/** The largest of a filter's nine taps, per pair of channels. */
function largestTap(values: Float64Array): Float64Array {
  const pairs = values.length / 9;
  return values.map((_, at) => {
    let most = 0;
    for (let tap = 0; tap < 9; tap++) most = Math.max(most, values[tap * pairs + (at % pairs)] as number);
    return most;
  });
}

/** How large an error each element may have. */
function barOf(each: Case, magnitudes: Float64Array, algorithm: Algorithm): Float64Array {
  const { pass, n, size, cin, cout } = each;
  if (algorithm === 'direct') {
    const k = { forward: 9 * cin, inputGradient: 9 * cout, filterGradient: n * size[0] * size[1] }[pass];
    return magnitudes.map((value) => 4 * 2 ** -24 * Math.sqrt(k) * value);
  }
  const reached = pass === 'filterGradient' ? largestTap(magnitudes) : largestNearby(magnitudes, n, size);
  return reached.map((value) => 128 * 2 ** -24 * value);
}

/** The largest error in units of the bar. */
function worst(got: Float32Array, want: Float64Array, bar: Float64Array): number {
  let most = 0;
  got.forEach((value, i) => {
    const error = Math.abs(value - (want[i] as number));
    most = Math.max(most, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error / (bar[i] as number));
  });
  return most;
}

const programs = new Map<string, { program: Program; inputs: readonly Tensor[] }>();

function programOf(each: Case, algorithm: Algorithm): { program: Program; inputs: readonly Tensor[] } {
  const key = `${nameOf(each)} ${algorithm}`;
  let made = programs.get(key);
  if (made === undefined) {
    const { pass, n, size, cin, cout } = each;
    const x = placeholder({ shape: [n, ...size, cin], dtype: 'float32' });
    const filter = placeholder({ shape: [3, 3, cin, cout], dtype: 'float32' });
    const dy = placeholder({ shape: [n, ...size, cout], dtype: 'float32' });
    const one = [1, 1] as const;
    const params = { strides: one, padding: [one, one] as const, dilation: one, groups: 1 };
    const [forward, inputGradient, filterGradient] = convOps;
    const result = {
      forward: () => forward.one([x, filter], params),
      inputGradient: () => inputGradient.one([dy, filter], { ...params, inputSize: size }),
      filterGradient: () => filterGradient.one([x, dy], { ...params, filterSize: [3, 3] }),
    }[pass]();
    const target = { ...ANY_TARGET, convolution: algorithm };
    made = { program: emit(optimize({ outputs: [result], updates: [] }), { target }), inputs: [x, filter, dy] };
    programs.set(key, made);
  }
  return made;
}

async function run(engine: Engine, each: Case, algorithm: Algorithm, numbers: Numbers): Promise<Float32Array> {
  const { program, inputs } = programOf(each, algorithm);
  const isWinograd = program.instructions.some(({ kernel }) => kernel.startsWith('winograd'));
  expect(isWinograd, nameOf(each)).toBe(algorithm === 'winograd');
  const given = [numbers.x, numbers.filter, numbers.dy];
  const loaded = engine.load(encodeProgram(program));
  const buffers = program.bindings.map((binding) => {
    const buffer = engine.allocate(sizeOf(binding.type.shape) * bytesPerElement(binding.type.dtype));
    if (binding.kind === 'leaf') {
      engine.write(buffer, given[inputs.findIndex(({ node }) => node === binding.node)] as Float32Array);
    }
    return buffer;
  });
  try {
    await engine.run(loaded, buffers);
    const output = program.bindings.findIndex(({ kind }) => kind === 'output');
    return new Float32Array(await engine.read(buffers[output] as (typeof buffers)[number]));
  } finally {
    loaded.dispose();
    for (const buffer of buffers) engine.free(buffer);
  }
}

const references = new Map(
  CASES.map((each) => {
    const numbers = numbersOf(each);
    return [each, { numbers, want: inFloat64(each, numbers), magnitudes: inFloat64(each, absolute(numbers)) }];
  }),
);

/** The cases of at most some 2,048 products: in longer sums float32's own rounding hides a bfloat16's. */
const SHORT = CASES.filter(({ cin, cout }) => Math.max(cin, cout) < 2048);

const narrow = (values: Float32Array): Float32Array => values.map((value) => roundTo('bfloat16', value));

const { variants, missing } = await findVariants();
for (const reason of missing) test.skip(`an engine does not run here: ${reason}`, () => undefined);

describe.each(variants)('convolutions on $engine $level', (variant) => {
  describe.each(['direct', 'winograd'] as const)('%s', (algorithm) => {
    test('are as exact as stated', { timeout: 60_000 }, async () => {
      await withEngine(variant, { poison: true }, async (engine) => {
        for (const [each, { numbers, want, magnitudes }] of references) {
          const found = worst(await run(engine, each, algorithm, numbers), want, barOf(each, magnitudes, algorithm));
          expect(found, `${nameOf(each)}, error in units of the bar`).toBeLessThanOrEqual(1);
        }
      });
    });

    test('would not pass with inputs rounded to bfloat16, nor with a term left out', { timeout: 60_000 }, async () => {
      await withEngine(variant, {}, async (engine) => {
        for (const each of SHORT) {
          const { numbers, want, magnitudes } = references.get(each) as NonNullable<ReturnType<typeof references.get>>;
          const bar = barOf(each, magnitudes, algorithm);
          const rounded = { x: narrow(numbers.x), filter: narrow(numbers.filter), dy: narrow(numbers.dy) };
          expect(worst(await run(engine, each, algorithm, rounded), want, bar), nameOf(each)).toBeGreaterThan(1);
          // One product fewer in many sums: one number of what every pass reads is forgotten.
          const less = { x: numbers.x.slice(), filter: numbers.filter.slice(), dy: numbers.dy.slice() };
          const forgotten = each.pass === 'filterGradient' ? less.x : less.filter;
          forgotten[forgotten.findIndex((value) => Math.abs(value) > 0.5)] = 0;
          expect(worst(await run(engine, each, algorithm, less), want, bar), nameOf(each)).toBeGreaterThan(1);
        }
      });
    });

    test('give the same bits with 1, 2 and 7 threads', { timeout: 60_000 }, async () => {
      const results: Float32Array[][] = [];
      for (const threads of [1, 2, 7]) {
        await withEngine(variant, { threads, poison: true }, async (engine) => {
          const found: Float32Array[] = [];
          for (const [each, { numbers }] of references) found.push(await run(engine, each, algorithm, numbers));
          results.push(found);
        });
      }
      CASES.forEach((each, i) => {
        for (const found of results.slice(1)) {
          const isSame = Buffer.compare(Buffer.from(found[i]!.buffer), Buffer.from(results[0]![i]!.buffer)) === 0;
          if (!isSame) expect.fail(`${nameOf(each)} differs with more threads`);
        }
      });
    });
  });
});
