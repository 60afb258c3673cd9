// What both CPU engines refuse alike, before anything is queued.
import { FoveaError } from '../core/errors.js';
import type { EngineBuffer } from './engine.js';

export function checkByteLength(byteLength: number): void {
  if (Number.isSafeInteger(byteLength) && byteLength >= 0) return;
  throw new FoveaError({
    code: 'argument',
    op: 'allocate',
    message: `bytes must be whole and not negative, not ${byteLength}.`,
  });
}

/** Refuses a range that is not inside the buffer. */
export function checkRange(op: 'read' | 'write', buffer: EngineBuffer, byteOffset: number, byteLength: number): void {
  const isInside = byteOffset >= 0 && byteLength >= 0 && byteOffset + byteLength <= buffer.byteLength;
  if (isInside && Number.isSafeInteger(byteOffset) && Number.isSafeInteger(byteLength)) return;
  throw new FoveaError({
    code: 'range',
    op,
    message: `bytes ${byteOffset} to ${byteOffset + byteLength} are not inside a buffer of ${buffer.byteLength} bytes.`,
  });
}

/** Refuses a buffer that is freed or belongs to another engine. */
export function foreignBuffer(op: string): FoveaError {
  return new FoveaError({
    code: 'disposed',
    op,
    message: 'this buffer has been freed or belongs to another engine.',
  });
}

export function foreignProgram(): FoveaError {
  return new FoveaError({
    code: 'disposed',
    op: 'run',
    message: 'this Program has been disposed of or belongs to another engine.',
  });
}
