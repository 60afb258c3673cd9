// Random numbers by Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"): a pure
// function of key, stream and index, the same bits on every engine and thread count.
// kernels/cpu/random.cc states the arithmetic of normals and must stay its twin, operation by operation.
import { FoveaError } from './errors.js';
import { MOST_BLOCKS, multiplyHigh, type PhiloxBlocks, philoxBlocks, philoxInto } from './philox.js';

/** What selects a sequence: the seed, and a counter that moves on with every step. All are 32-bit words. */
export interface RandomKey {
  readonly seedLow: number;
  readonly seedHigh: number;
  readonly stepLow: number;
  readonly stepHigh: number;
}

export type PhiloxCounter = readonly [number, number, number, number];
export type PhiloxWords = [number, number, number, number];

/** The four words (unsigned 32-bit) of Philox4x32-10 for one counter and key. */
export function philox(counter: PhiloxCounter, key: readonly [number, number]): PhiloxWords {
  const words = new Uint32Array(4);
  philoxInto(
    words,
    0,
    counter[0] >>> 0,
    counter[1] >>> 0,
    counter[2] >>> 0,
    counter[3] >>> 0,
    key[0] >>> 0,
    key[1] >>> 0,
  );
  return [words[0] ?? 0, words[1] ?? 0, words[2] ?? 0, words[3] ?? 0];
}

/** The key of a seed, at step 0. Any integer will do, modulo 2^64. Throws `FoveaError` code `argument`. */
export function keyFromSeed(seed: number | bigint): RandomKey {
  if (typeof seed === 'number' && !Number.isSafeInteger(seed)) {
    throw new FoveaError({
      code: 'argument',
      op: 'seed',
      message: `the seed must be an integer, got ${String(seed)}.`,
      got: seed,
      want: 'a safe integer or a bigint',
      hint: 'Give a whole number below 2^53, or a bigint.',
    });
  }
  const bits = BigInt.asUintN(64, BigInt(seed));
  return { seedLow: Number(bits & 0xffffffffn), seedHigh: Number(bits >> 32n), stepLow: 0, stepHigh: 0 };
}

const block = new Uint32Array(4);
function fillBlock(key: RandomKey, stream: number, index: number): void {
  philoxInto(
    block,
    0,
    Math.floor(index / 4) >>> 0,
    stream >>> 0,
    key.stepLow >>> 0,
    key.stepHigh >>> 0,
    key.seedLow >>> 0,
    key.seedHigh >>> 0,
  );
}

/** 32 random bits, unsigned: element `index` (0 or more) of a stream (32 bits). */
export function randomBits(key: RandomKey, stream: number, index: number): number {
  fillBlock(key, stream, index);
  return block[index % 4] ?? 0;
}

/** Element `index` of a stream as a number in [0, 1), a multiple of 2^-24: exact in float32. */
export function uniform(key: RandomKey, stream: number, index: number): number {
  return (randomBits(key, stream, index) >>> 8) * 2 ** -24;
}

const LN_2 = Math.LN2; // the kernel writes out the same double
const QUARTER_TURN = 1.4629180792671596e-9; // pi/2 * 2^-30
const halves = new Uint32Array(2);
const whole = new Float64Array(halves.buffer);
const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const highWord = isLittleEndian ? 1 : 0;

/** The Box-Muller pair of two words; JavaScript rounds every operation by itself, as the kernel does. */
function normalPair(u: number, v: number, isSecond: boolean): number {
  const t = u + 0.5;
  whole[0] = t;
  const high = halves[highWord] ?? 0;
  const e = (high - 0x3fe6a09e) >> 20;
  halves[highWord] = high - e * 0x100000;
  const m = whole[0];
  const s = (m - 1) / (m + 1);
  const z = s * s;
  let p = 0.19517941452450446;
  p = p * z + 0.2218116034773995;
  p = p * z + 0.28571978510050716;
  p = p * z + 0.3999999700875671;
  p = p * z + 0.6666666667101118;
  const l = (e - 32) * LN_2 + (s + s + s * z * p);
  const radius = Math.sqrt(-2 * l);

  const k = ((v + 0x20000000) >>> 30) & 3;
  const q = (v - k * 0x40000000) | 0;
  const a = (q + 0.5) * QUARTER_TURN;
  const y = a * a;
  if ((k & 1) === (isSecond ? 0 : 1)) {
    let sine = 1.5679766219179035e-10;
    sine = sine * y + -2.5046923551036183e-8;
    sine = sine * y + 2.755728875039644e-6;
    sine = sine * y + -0.00019841269757462388;
    sine = sine * y + 0.008333333333233934;
    sine = sine * y + -0.16666666666666308;
    sine = a + a * y * sine;
    const isNegative = isSecond ? k === 2 : k === 1;
    return Math.fround(radius * (isNegative ? -sine : sine));
  }
  let cosine = -1.062323621599069e-11;
  cosine = cosine * y + 2.0862618242214944e-9;
  cosine = cosine * y + -2.7557229267574285e-7;
  cosine = cosine * y + 2.4801587049115664e-5;
  cosine = cosine * y + -0.0013888888888609538;
  cosine = cosine * y + 0.04166666666666603;
  cosine = 1 - 0.5 * y + y * y * cosine;
  const isNegative = isSecond ? k === 3 : k === 2;
  return Math.fround(radius * (isNegative ? -cosine : cosine));
}

function normalOfWords(words: Uint32Array, at: number): number {
  const pair = at & ~1;
  return normalPair(words[pair] as number, words[pair + 1] as number, pair !== at);
}

/** Element `index` of a stream as a standard normal number, rounded to float32. */
export function normal(key: RandomKey, stream: number, index: number): number {
  fillBlock(key, stream, index);
  return normalOfWords(block, index % 4);
}

/** Makes the blocks of a stream for `out`, some thousand at a time: those of elements `first` to `first + count - 1`. */
function eachBlocks(
  out: Float32Array,
  { stepLow, stepHigh, seedLow, seedHigh }: RandomKey,
  stream: number,
  use: (blocks: PhiloxBlocks, first: number, count: number) => void,
): void {
  const blocks = philoxBlocks();
  for (let first = 0; first < out.length; first += 4 * MOST_BLOCKS) {
    const count = Math.min(4 * MOST_BLOCKS, out.length - first);
    blocks.fill(Math.ceil(count / 4), first / 4, stream, stepLow, stepHigh, seedLow, seedHigh);
    use(blocks, first, count);
  }
}

/** Fills `out` with uniform numbers in [low, high), computed in float64: as a rule [0, 1). */
export function fillUniform(out: Float32Array, key: RandomKey, stream: number, low = 0, high = 1): void {
  eachBlocks(out, key, stream, (blocks, first, count) => {
    blocks.scale(Math.ceil(count / 4), low, (high - low) * 2 ** -24);
    out.set(blocks.floats.subarray(0, count), first);
  });
}

/** Fills `out` with standard normal numbers. */
export function fillNormal(out: Float32Array, key: RandomKey, stream: number): void {
  eachBlocks(out, key, stream, ({ words }, first, count) => {
    for (let i = 0; i < count; i++) out[first + i] = normalOfWords(words, i);
  });
}

/** The numbers 0..n-1 in random order (Fisher and Yates; element i of the stream places number i). */
export function permutation(n: number, key: RandomKey, stream: number): Uint32Array {
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  for (let i = n - 1; i > 0; i--) {
    // floor(bits * (i + 1) / 2^32), in parts because the product may pass 2^53; its bias is below n / 2^32.
    const bits = randomBits(key, stream, i);
    const other = multiplyHigh(bits, i + 1);
    const held = order[i] ?? 0;
    order[i] = order[other] ?? 0;
    order[other] = held;
  }
  return order;
}
