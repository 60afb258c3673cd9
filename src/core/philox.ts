// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3") for many blocks at once. JavaScript has
// no product of 64 bits, WebAssembly has: the first weights of a network are drawn three times as fast. Where it is
// not to be had (a page whose content policy forbids it) JavaScript draws the same numbers.

/** Four words of each block, and how they are made: seed, step and stream are 32-bit words. */
export interface PhiloxBlocks {
  /** Words of the blocks that were made last. */
  readonly words: Uint32Array;
  /** The same memory, after `scale`. */
  readonly floats: Float32Array;
  /** Makes blocks `first` to `first + count - 1`; at most `MOST_BLOCKS`. */
  fill(count: number, first: number, stream: number, stepLow: number, stepHigh: number, k0: number, k1: number): void;
  /** Makes each word of the first `count` blocks `low + step * (word >>> 8)`, computed in float64, rounded to float32. */
  scale(count: number, low: number, step: number): void;
}

export const MOST_BLOCKS = 4096;

const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;
const ROUNDS = 10;

/** The upper 32 bits of a 32 x 32-bit product. */
export function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16); // below 2^32: exact
  const other = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + (middle >>> 16) + (other >>> 16)) >>> 0;
}

/** One block into words at, at + 1, at + 2 and at + 3. */
export function philoxInto(
  words: Uint32Array,
  at: number,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
): void {
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const low0 = Math.imul(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low1 = Math.imul(MULTIPLIER_1, c2);
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1 >>> 0;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0 >>> 0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  words[at] = c0;
  words[at + 1] = c1;
  words[at + 2] = c2;
  words[at + 3] = c3;
}

/** In JavaScript. */
export function scriptBlocks(): PhiloxBlocks {
  const words = new Uint32Array(4 * MOST_BLOCKS);
  const floats = new Float32Array(words.buffer);
  return {
    words,
    floats,
    fill(count, first, stream, stepLow, stepHigh, k0, k1) {
      for (let i = 0; i < count; i++) {
        philoxInto(words, 4 * i, (first + i) >>> 0, stream >>> 0, stepLow >>> 0, stepHigh >>> 0, k0, k1);
      }
    },
    scale(count, low, step) {
      for (let i = 0; i < 4 * count; i++) floats[i] = low + step * ((words[i] as number) >>> 8);
    },
  };
}

/** In WebAssembly; throws where there is none with vectors. */
export function wasmBlocks(): PhiloxBlocks {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(assemble()));
  const { memory, fill, scale } = exports as { memory: WebAssembly.Memory } & Pick<PhiloxBlocks, 'fill' | 'scale'>;
  return { words: new Uint32Array(memory.buffer), floats: new Float32Array(memory.buffer), fill, scale };
}

let blocks: PhiloxBlocks | undefined;

/** The faster of the two that there is. */
export function philoxBlocks(): PhiloxBlocks {
  if (blocks === undefined) {
    try {
      blocks = wasmBlocks();
    } catch {
      blocks = scriptBlocks();
    }
  }
  return blocks;
}

const I32 = 0x7f;
const F64 = 0x7c;
const V128 = 0x7b;
const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const ADD = 0x6a;
const int = (value: number): number[] => [0x41, ...signedBytes(value | 0)];
const loop = (...body: number[]): number[] => [0x03, 0x40, ...body, 0x0b];
const AGAIN = [0x0d, 0]; // where the number before is not 0
/** Moves an address or a counter on and leaves the new value. */
const step = (local: number, by: number): number[] => [...get(local), ...int(by), ADD, 0x22, local];

const vector = (code: number): number[] => (code < 128 ? [0xfd, code] : [0xfd, code, 1]);
const SPLAT_INT = vector(17);
const SPLAT_DOUBLE = vector(20);
const XOR = vector(81);
const NARROW = vector(94); // two doubles to floats, and two zeros
const SHIFT_RIGHT = vector(173);
const ADD_INTS = vector(174);
const MULTIPLY_LOW = vector(222); // the first two numbers of each to products of 64 bits
const MULTIPLY_HIGH = vector(223);
const ADD_DOUBLES = vector(240);
const MULTIPLY_DOUBLES = vector(242);
const WIDEN = vector(254); // the first two integers to doubles
const load = (offset: number): number[] => [...vector(0), 4, offset];
const store = (offset: number): number[] => [...vector(11), 4, offset];
const splat = (value: number): number[] => [...int(value), ...SPLAT_INT];
/** Four of the eight 32-bit lanes of two vectors. */
const lanes = (...from: readonly number[]): number[] => [
  ...vector(13),
  ...from.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]),
];

/** A whole number, seven bits to a byte, the lowest first. */
function signedBytes(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; ) {
    const low = ((rest % 128) + 128) % 128;
    rest = (rest - low) / 128;
    const isLast = (rest === 0 && low < 64) || (rest === -1 && low >= 64);
    bytes.push(isLast ? low : low + 128);
    if (isLast) return bytes;
  }
}

/** `fill`: a word of four blocks in each vector, turned into blocks at the end. It may write up to three blocks more. */
function fillCode(): number[] {
  const [count, first, stream, stepLow, stepHigh, key0, key1, to, left] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const [counter, a, b, c, d, k0, k1, p0, p1, q0, q1] = [9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19];
  const fromWord = (word: number, local: number): number[] => [...get(word), ...SPLAT_INT, ...set(local)];
  const multiply = (local: number, by: number, low: number, high: number): number[] => [
    ...[...get(local), ...splat(by), ...MULTIPLY_LOW, ...set(low)],
    ...[...get(local), ...splat(by), ...MULTIPLY_HIGH, ...set(high)],
  ];
  const halves = (low: number, high: number, half: number): number[] => [
    ...[...get(low), ...get(high), ...lanes(half, half + 2, half + 4, half + 6)],
  ];
  const addTo = (local: number, by: number): number[] => [...get(local), ...splat(by), ...ADD_INTS, ...set(local)];
  const round = [
    ...[...multiply(a, MULTIPLIER_0, p0, p1), ...multiply(c, MULTIPLIER_1, q0, q1)],
    ...[...halves(q0, q1, 1), ...get(b), ...XOR, ...get(k0), ...XOR, ...set(a)],
    ...[...halves(p0, p1, 1), ...get(d), ...XOR, ...get(k1), ...XOR, ...set(c)],
    ...[...halves(q0, q1, 0), ...set(b), ...halves(p0, p1, 0), ...set(d)],
    ...[...addTo(k0, WEYL_0), ...addTo(k1, WEYL_1)],
  ];
  const pairs = (x: number, y: number, low: number, high: number): number[] => [
    ...[...get(x), ...get(y), ...lanes(0, 4, 1, 5), ...set(low)],
    ...[...get(x), ...get(y), ...lanes(2, 6, 3, 7), ...set(high)],
  ];
  const block = (low: number, high: number, half: number, offset: number): number[] => [
    ...[...get(to), ...get(low), ...get(high), ...lanes(half, half + 1, half + 4, half + 5), ...store(offset)],
  ];
  const body = [
    ...[...get(counter), ...set(a), ...get(counter), ...splat(4), ...ADD_INTS, ...set(counter)],
    ...[...fromWord(stream, b), ...fromWord(stepLow, c), ...fromWord(stepHigh, d)],
    ...[...fromWord(key0, k0), ...fromWord(key1, k1)],
    ...[...int(ROUNDS), ...set(left), ...loop(...round, ...step(left, -1), ...AGAIN)],
    ...[...pairs(a, b, p0, p1), ...pairs(c, d, q0, q1)],
    ...[...block(p0, q0, 0, 0), ...block(p0, q0, 2, 16), ...block(p1, q1, 0, 32), ...block(p1, q1, 2, 48)],
    ...[...step(to, 64), 0x1a, ...step(count, -4), ...int(0), 0x4a, ...AGAIN],
  ];
  const start = [...vector(12), ...[0, 1, 2, 3].flatMap((lane) => [lane, 0, 0, 0])];
  const begin = [...get(first), ...SPLAT_INT, ...start, ...ADD_INTS, ...set(counter)];
  return [2, 2, I32, 11, V128, ...begin, ...loop(...body), 0x0b];
}

/** `scale`, a block a turn. */
function scaleCode(): number[] {
  const [count, low, by, at, lows, bys, x] = [0, 1, 2, 3, 4, 5, 6];
  const two = (half: number): number[] => [
    ...[...get(x), ...get(x), ...lanes(half, half + 1, half, half + 1), ...WIDEN],
    ...[...get(bys), ...MULTIPLY_DOUBLES, ...get(lows), ...ADD_DOUBLES, ...NARROW],
  ];
  const body = [
    ...[...get(at), ...load(0), ...int(8), ...SHIFT_RIGHT, ...set(x)],
    ...[...get(at), ...two(0), ...two(2), ...lanes(0, 1, 4, 5), ...store(0)],
    ...[...step(at, 16), 0x1a, ...step(count, -1), ...AGAIN],
  ];
  const begin = [...get(low), ...SPLAT_DOUBLE, ...set(lows), ...get(by), ...SPLAT_DOUBLE, ...set(bys)];
  return [2, 1, I32, 3, V128, ...begin, ...loop(...body), 0x0b];
}

/** The module's bytes: the words are at address 0. */
function assemble(): Uint8Array<ArrayBuffer> {
  const name = (text: string): number[] => [text.length, ...new TextEncoder().encode(text)];
  const sized = (body: readonly number[]): number[] => [...signedBytes(body.length), ...body];
  const section = (id: number, body: readonly number[]): number[] => [id, ...sized(body)];
  const types = [2, 0x60, 7, I32, I32, I32, I32, I32, I32, I32, 0, 0x60, 3, I32, F64, F64, 0];
  const exports = [3, ...name('memory'), 2, 0, ...name('fill'), 0, 0, ...name('scale'), 0, 1];
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(3, [2, 0, 1]),
    ...section(5, [1, 0, (16 * MOST_BLOCKS) >> 16]), // a page
    ...section(7, exports),
    ...section(10, [2, ...sized(fillCode()), ...sized(scaleCode())]),
  ]);
}
