// Both WebAssembly binaries come from the same sources (tools/stages/wasm.ts): this tells that each has the instructions
// that it is for.
import { inflateSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import * as relaxed from '../../src/engine/wasm/binary-relaxed.generated.js';
import * as simd128 from '../../src/engine/wasm/binary-simd128.generated.js';

const RELAXED_MULTIPLY_ADD = [0xfd, 0x85, 0x02]; // f32x4.relaxed_madd

function inflated({ binary, byteLength }: typeof relaxed): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(inflateSync(Buffer.from(binary, 'base64')));
  expect(bytes.length).toBe(byteLength);
  return bytes;
}

function countOf(bytes: Uint8Array, part: readonly number[]): number {
  let count = 0;
  for (let at = 0; at + part.length <= bytes.length; at++) {
    if (part.every((byte, i) => bytes[at + i] === byte)) count++;
  }
  return count;
}

describe('the WebAssembly binaries', () => {
  it('multiply and add in one instruction in the relaxed variant alone', () => {
    expect(countOf(inflated(relaxed), RELAXED_MULTIPLY_ADD)).toBeGreaterThan(1000);
    expect(countOf(inflated(simd128), RELAXED_MULTIPLY_ADD)).toBe(0);
  });

  it('are valid', () => {
    expect(WebAssembly.validate(inflated(simd128))).toBe(true);
    expect(WebAssembly.validate(inflated(relaxed))).toBe(true);
  });
});
