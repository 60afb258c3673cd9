// Chooses and unpacks the WebAssembly binary. It imports a shared memory; where none can be had, one bit of
// that import is cleared: the code is valid for both, and one thread never waits for another.
import { inflateSync } from 'fflate';
import { FoveaError } from '../../core/errors.js';

export type WasmLevel = 'relaxed' | 'simd128';

// (module (func (param v128 v128 v128) (result v128) local.get 0 1 2 <opcode>))
const HEAD = [0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0];
const RELAXED_MADD = [253, 133, 2];
const BITSELECT = [253, 82];

function isValid(opcode: readonly number[]): boolean {
  const body = [0, 32, 0, 32, 1, 32, 2, ...opcode, 11];
  const code = [10, body.length + 2, 1, body.length, ...body];
  return WebAssembly.validate(new Uint8Array([...HEAD, ...code]));
}

/** The levels this browser or Node can run, best first. */
export function wasmLevels(): WasmLevel[] {
  if (typeof WebAssembly !== 'object' || !isValid(BITSELECT)) return [];
  return isValid(RELAXED_MADD) ? ['relaxed', 'simd128'] : ['simd128'];
}

/** Compiles the binary of a level for shared or for ordinary memory. */
export async function compileBinary(level: WasmLevel, isShared: boolean): Promise<WebAssembly.Module> {
  const { binary, byteLength } =
    level === 'relaxed' ? await import('./binary-relaxed.generated.js') : await import('./binary-simd128.generated.js');
  const bytes = inflateSync(fromBase64(binary), { out: new Uint8Array(byteLength) });
  if (!isShared) clearSharedFlag(bytes);
  return WebAssembly.compile(bytes as BufferSource);
}

function fromBase64(text: string): Uint8Array {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i);
  return bytes;
}

/** The import `env.memory` has the limits' flags 3 = shared with a maximum; 1 = not shared. */
function clearSharedFlag(bytes: Uint8Array): void {
  const name = [3, ...'env'].map(byteOf).concat([6, ...'memory'].map(byteOf), 2, 3);
  const at = bytes.findIndex((_, i) => name.every((byte, k) => bytes[i + k] === byte));
  if (at < 0) throw new FoveaError({ code: 'internal', message: 'the wasm binary does not import env.memory.' });
  bytes[at + name.length - 1] = 1;
}

function byteOf(value: string | number): number {
  return typeof value === 'number' ? value : value.charCodeAt(0);
}
