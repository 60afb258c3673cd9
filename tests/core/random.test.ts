import { describe, expect, it } from 'vitest';
import {
  fillNormal,
  fillUniform,
  keyFromSeed,
  normal,
  permutation,
  philox,
  randomBits,
  uniform,
} from '../../src/core/random.js';

const key = { seedLow: 123456789, seedHigh: 0xfffffff9, stepLow: 42, stepHigh: 1 };
const stream = 5;

/** FNV-1a over the bytes, as 64 bits. */
function hash(bytes: Uint8Array): string {
  let h = 0xcbf29ce484222325n;
  for (const byte of bytes) h = BigInt.asUintN(64, (h ^ BigInt(byte)) * 0x100000001b3n);
  return h.toString(16).padStart(16, '0');
}

describe('philox', () => {
  it('gives the known answers of Random123', () => {
    expect(philox([0, 0, 0, 0], [0, 0])).toEqual([0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    const ones = 0xffffffff;
    expect(philox([ones, ones, ones, ones], [ones, ones])).toEqual([0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
    expect(philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])).toEqual([
      0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1,
    ]);
  });

  it('addresses words by index, stream and step', () => {
    const words = philox([2, stream, 42, 1], [key.seedLow, key.seedHigh]);
    expect([8, 9, 10, 11].map((index) => randomBits(key, stream, index))).toEqual(words);
    expect(randomBits({ ...key, seedHigh: -7 }, stream, 9)).toBe(words[1]);
  });
});

describe('numbers', () => {
  it('are uniform in [0, 1) on a grid of 2^-24', () => {
    const out = new Float32Array(10001);
    fillUniform(out, key, stream);
    let sum = 0;
    for (const [i, value] of out.entries()) {
      expect(value).toBe(uniform(key, stream, i));
      expect(Number.isInteger(value * 2 ** 24) && value >= 0 && value < 1).toBe(true);
      sum += value;
    }
    expect(Math.abs(sum / out.length - 0.5)).toBeLessThan(0.01);
  });

  it('are the normals the kernels make, bit for bit', () => {
    const out = new Float32Array(100003);
    fillNormal(out, key, stream);
    // Made by the kernel randomNormal with the same key and stream, equal on every instruction-set level.
    const first = [0x3e9eb503, 0xbf018d4a, 0x3fe26ca1, 0xbc3e7a1f, 0xbfd2b24b, 0x40031027, 0x3fa397a4, 0x3ee3da1b];
    expect([...new Uint32Array(out.buffer).slice(0, 8)]).toEqual(first);
    expect(hash(new Uint8Array(out.buffer))).toBe('49ea5f5f7feb56dd');
    expect([0, 1, 2, 3, 77].map((i) => normal(key, stream, i))).toEqual([0, 1, 2, 3, 77].map((i) => out[i]));
  });

  it('have the mean, variance and tails of a normal distribution', () => {
    const out = new Float32Array(200000);
    fillNormal(out, keyFromSeed(3), 0);
    let sum = 0;
    let squares = 0;
    let beyondTwo = 0;
    for (const value of out) {
      sum += value;
      squares += value * value;
      if (Math.abs(value) > 2) beyondTwo++;
    }
    expect(Math.abs(sum / out.length)).toBeLessThan(0.01);
    expect(Math.abs(squares / out.length - 1)).toBeLessThan(0.015);
    expect(Math.abs(beyondTwo / out.length - 0.0455)).toBeLessThan(0.002);
  });
});

describe('permutation', () => {
  it('holds every number once and depends on the key', () => {
    for (const n of [0, 1, 2, 7, 1000]) {
      const order = permutation(n, keyFromSeed(1), 0);
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
    }
    expect(permutation(100, keyFromSeed(1), 0)).toEqual(permutation(100, keyFromSeed(1), 0));
    expect(permutation(100, keyFromSeed(1), 0)).not.toEqual(permutation(100, keyFromSeed(2), 0));
    expect(permutation(100, keyFromSeed(1), 0)).not.toEqual(permutation(100, keyFromSeed(1), 1));
  });

  it('gives the six orders of three numbers equally often', () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 6000; seed++) {
      const order = permutation(3, keyFromSeed(seed), 0).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});

describe('keyFromSeed', () => {
  it('splits any integer into two words', () => {
    expect(keyFromSeed(7)).toEqual({ seedLow: 7, seedHigh: 0, stepLow: 0, stepHigh: 0 });
    expect(keyFromSeed(2 ** 40 + 3)).toEqual({ seedLow: 3, seedHigh: 256, stepLow: 0, stepHigh: 0 });
    expect(keyFromSeed(-1)).toEqual({ seedLow: 0xffffffff, seedHigh: 0xffffffff, stepLow: 0, stepHigh: 0 });
    expect(keyFromSeed(0x123456789abcdef0n)).toEqual({
      seedLow: 0x9abcdef0,
      seedHigh: 0x12345678,
      stepLow: 0,
      stepHigh: 0,
    });
  });

  it('refuses what is not a whole number', () => {
    expect(() => keyFromSeed(1.5)).toThrow('seed: the seed must be an integer, got 1.5.');
    expect(() => keyFromSeed(Number.NaN)).toThrow('seed: the seed must be an integer, got NaN.');
  });
});
