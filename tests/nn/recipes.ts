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

function mix(value: bigint): bigint {
  let z = value;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return z ^ (z >> 31n);
}

/** The array that a recipe stands for. */
export function fromRecipe({ name, shape, lo, hi, values }: Recipe): HostArray {
  const size = shape.reduce((product, dim) => product * dim, 1);
  const seed = fnv1a(name);
  const data = values === undefined ? new Float32Array(size) : new Int32Array(size);
  for (let i = 0; i < size; i++) {
    const unit = Number((mix((seed + BigInt(i + 1) * 0x9e3779b97f4a7c15n) & MASK) >> 40n) & 0xffffffn) / 2 ** 24;
    data[i] = values === undefined ? lo + (hi - lo) * unit : Math.floor(unit * values);
  }
  return { data, shape: [...shape], dtype: values === undefined ? 'float32' : 'int32' };
}
