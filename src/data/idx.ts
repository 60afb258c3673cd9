// The idx format of MNIST: a big-endian header (type, rank, sizes), then the elements in row-major order.
import { sizeOf } from '../core/shape.js';
import { damagedFile } from './archive.js';

const UNSIGNED_BYTE = 0x08;

/** Reads an unpacked idx file of bytes. Throws `data` naming the file and the offset where it does not fit. */
export function readIdx(bytes: Uint8Array, path: string, op: string): { data: Uint8Array; shape: number[] } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = bytes[2];
  const rank = bytes[3];
  if (bytes[0] !== 0 || bytes[1] !== 0 || type === undefined || rank === undefined) {
    throw damagedFile(op, path, 0, `an idx file begins with two zero bytes, this one with ${showBytes(bytes)}`);
  }
  if (type !== UNSIGNED_BYTE) throw damagedFile(op, path, 2, `its elements have type ${type} instead of 8 (bytes)`);
  const header = 4 + 4 * rank;
  if (bytes.length < header) {
    throw damagedFile(op, path, bytes.length, `it ends inside its header of ${header} bytes`);
  }
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = sizeOf(shape);
  if (bytes.length - header !== size) {
    const verb = bytes.length - header < size ? 'ends early' : 'goes on too long';
    throw damagedFile(
      op,
      path,
      Math.min(bytes.length, header + size),
      `its header says ${shape.join(' x ')} bytes after byte ${header}, but it ${verb} (${bytes.length} bytes unpacked)`,
    );
  }
  return { data: bytes.subarray(header), shape };
}

function showBytes(bytes: Uint8Array): string {
  if (bytes.length === 0) return 'nothing';
  return Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
