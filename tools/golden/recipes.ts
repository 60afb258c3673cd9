// The recipe for inputs of golden cases: splitmix64 over a name's FNV-1a hash.
import type { HostArray } from '../../src/data/index.js';

/** An input as the golden files describe it. */
export interface Recipe {
  readonly name: string;
  readonly shape: readonly number[];
  readonly lo: number;
  readonly hi: number;
  readonly values?: number;
  readonly input?: string;
}

const MASK = (1n << 64n) - 1n;

function fnv1a(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & MASK;
  return hash;
}

/** A number of 64 bits in two words, since big integers would take minutes for the weights of a large model. */
class Wide {
  high = 0;
  low = 0;

  set(high: number, low: number): void {
    this.high = high | 0;
    this.low = low | 0;
  }

  add(high: number, low: number): void {
    const sum = (this.low >>> 0) + (low >>> 0);
    this.high = (this.high + high + (sum > 0xffffffff ? 1 : 0)) | 0;
    this.low = sum | 0;
  }

  multiply(high: number, low: number): void {
    const [a0, a1, b0, b1] = [this.low & 0xffff, this.low >>> 16, low & 0xffff, low >>> 16];
    const first = a0 * b0;
    const second = a1 * b0 + (first >>> 16);
    const third = a0 * b1 + (second & 0xffff);
    const carried = a1 * b1 + (second >>> 16) + (third >>> 16);
    this.high = (carried + Math.imul(this.high, low) + Math.imul(this.low, high)) | 0;
    this.low = (third << 16) | (first & 0xffff);
  }

  /** x ^= x >> bits, for fewer than 32. */
  fold(bits: number): void {
    const moved = (this.low >>> bits) | (this.high << (32 - bits));
    this.set(this.high ^ (this.high >>> bits), this.low ^ moved);
  }
}

/** The array that a recipe stands for. */
export function fromRecipe({ name, shape, lo, hi, values }: Recipe): HostArray {
  const size = shape.reduce((product, dim) => product * dim, 1);
  const seed = fnv1a(name);
  const data = values === undefined ? new Float32Array(size) : new Int32Array(size);
  const counter = new Wide();
  counter.set(Number(seed >> 32n), Number(seed & 0xffffffffn));
  const word = new Wide();
  for (let i = 0; i < size; i++) {
    counter.add(0x9e3779b9, 0x7f4a7c15);
    word.set(counter.high, counter.low);
    word.fold(30);
    word.multiply(0xbf58476d, 0x1ce4e5b9);
    word.fold(27);
    word.multiply(0x94d049bb, 0x133111eb);
    word.fold(31);
    const unit = (word.high >>> 8) / 2 ** 24;
    data[i] = values === undefined ? lo + (hi - lo) * unit : Math.floor(unit * values);
  }
  return { data, shape: [...shape], dtype: values === undefined ? 'float32' : 'int32' };
}
