// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3") for many blocks at once. JavaScript has
// no product of 64 bits, WebAssembly has: the first weights of a network are drawn three times as fast. Where it is
// not to be had (a page whose content policy forbids it) JavaScript draws the same numbers.

/** Four words of each block, and how they are made: seed, step and stream are 32-bit words. */
export interface PhiloxBlocks {
  /** Words of the blocks that were made last. */
  readonly words: Uint32Array;
  /** Makes blocks `first` to `first + count - 1`; at most `MOST_BLOCKS`. */
  fill(count: number, first: number, stream: number, stepLow: number, stepHigh: number, k0: number, k1: number): void;
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
  return {
    words,
    fill(count, first, stream, stepLow, stepHigh, k0, k1) {
      for (let i = 0; i < count; i++) {
        philoxInto(words, 4 * i, (first + i) >>> 0, stream >>> 0, stepLow >>> 0, stepHigh >>> 0, k0, k1);
      }
    },
  };
}

/** In WebAssembly; throws where there is none. */
export function wasmBlocks(): PhiloxBlocks {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(assemble()));
  const { memory, fill } = exports as { memory: WebAssembly.Memory; fill: PhiloxBlocks['fill'] };
  return { words: new Uint32Array(memory.buffer), fill };
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
const I64 = 0x7e;
const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const XOR = 0x73;
const ADD = 0x6a;
const WRAP = 0xa7; // i64 to its lower i32
const EXTEND = 0xad; // unsigned i32 to i64
const int = (value: number): number[] => [0x41, ...signedBytes(value | 0)];
const long = (value: number): number[] => [0x42, ...signedBytes(value)];
const upper = (local: number): number[] => [...get(local), ...long(32), 0x88, WRAP];
const loop = (...body: number[]): number[] => [0x03, 0x40, ...body, 0x0b];
const AGAIN = [0x0d, 0]; // where the number before is not 0

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

/** The module's bytes: `fill` writes the words from address 0 on. */
function assemble(): Uint8Array<ArrayBuffer> {
  const [count, first, stream, stepLow, stepHigh, key0, key1] = [0, 1, 2, 3, 4, 5, 6];
  const [to, a, b, c, d, k0, k1, round, p, q] = [7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
  const store = (local: number, offset: number): number[] => [...get(to), ...get(local), 0x36, 2, offset];
  const move = (from: number, local: number): number[] => [...get(from), ...set(local)];
  const step = (local: number, by: number): number[] => [...get(local), ...int(by), ADD];
  const multiply = (local: number, by: number): number[] => [...get(local), EXTEND, ...long(by), 0x7e];
  const block = [
    ...[move(first, a), move(stream, b), move(stepLow, c), move(stepHigh, d), move(key0, k0), move(key1, k1)].flat(),
    ...[...int(ROUNDS), ...set(round)],
    ...loop(
      ...[...multiply(a, MULTIPLIER_0), ...set(p), ...multiply(c, MULTIPLIER_1), ...set(q)],
      ...[
        ...upper(q),
        ...get(b),
        XOR,
        ...get(k0),
        XOR,
        ...set(a),
        ...upper(p),
        ...get(d),
        XOR,
        ...get(k1),
        XOR,
        ...set(c),
      ],
      ...[...get(q), WRAP, ...set(b), ...get(p), WRAP, ...set(d)],
      ...[...step(k0, WEYL_0), ...set(k0), ...step(k1, WEYL_1), ...set(k1)],
      ...[...step(round, -1), 0x22, round, ...AGAIN],
    ),
    ...[...store(a, 0), ...store(b, 4), ...store(c, 8), ...store(d, 12)],
    ...[...step(to, 16), ...set(to), ...step(first, 1), ...set(first), ...step(count, -1), 0x22, count, ...AGAIN],
  ];
  const code = [2, 8, I32, 2, I64, ...loop(...block), 0x0b];
  const name = (text: string): number[] => [text.length, ...new TextEncoder().encode(text)];
  const section = (id: number, body: readonly number[]): number[] => [id, ...signedBytes(body.length), ...body];
  return new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 7, I32, I32, I32, I32, I32, I32, I32, 0]), // one type: seven numbers to nothing
    ...section(3, [1, 0]),
    ...section(5, [1, 0, (16 * MOST_BLOCKS) >> 16]), // a page
    ...section(7, [2, ...name('memory'), 2, 0, ...name('fill'), 0, 0]),
    ...section(10, [1, ...signedBytes(code.length), ...code]),
  ]);
}
