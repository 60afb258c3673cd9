// Bounds-checked reading and growing writing of binary layouts, little-endian. Every read past the end is a
// FoveaError, so parsers of untrusted files need no checks of their own.
import { FoveaError } from '../core/errors.js';

/** A `format` error of a file: `place` is a path inside it. */
export function formatError(
  file: string,
  message: string,
  details: { place?: string; hint?: string; cause?: unknown } = {},
) {
  return new FoveaError({
    code: 'format',
    message,
    path: details.place === undefined || details.place === '' ? file : `${file}: ${details.place}`,
    ...(details.hint === undefined ? {} : { hint: details.hint }),
    ...(details.cause === undefined ? {} : { cause: details.cause }),
  });
}

/** Reads numbers one after another from `bytes`; throws `format` past `end`. */
export class Cursor {
  private readonly view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    /** Where the next read is, in bytes. */
    public at: number,
    /** The file's name, for errors. */
    readonly file: string,
    readonly end: number = bytes.length,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (!(at >= 0 && at <= end && end <= bytes.length)) this.need(1);
  }

  get left(): number {
    return this.end - this.at;
  }

  /** Moves past `count` bytes and gives where they began. */
  need(count: number): number {
    const from = this.at;
    if (!(count >= 0 && from >= 0 && from + count <= this.end)) {
      throw formatError(
        this.file,
        `the file is damaged or truncated: it refers to byte ${from + count} of ${this.end}.`,
      );
    }
    this.at = from + count;
    return from;
  }

  u8(): number {
    return this.view.getUint8(this.need(1));
  }

  u16(): number {
    return this.view.getUint16(this.need(2), true);
  }

  u32(): number {
    return this.view.getUint32(this.need(4), true);
  }

  /** 64 bits as a number: exact up to 2^53, nearest above. */
  u64(): number {
    return Number(this.view.getBigUint64(this.need(8), true));
  }

  /** An unsigned number of `width` bytes. */
  uint(width: number): number {
    let value = 0;
    const from = this.need(width);
    for (let i = width - 1; i >= 0; i--) value = value * 256 + (this.bytes[from + i] as number);
    return value;
  }

  take(count: number): Uint8Array {
    const from = this.need(count);
    return this.bytes.subarray(from, from + count);
  }

  ascii(count: number): string {
    return String.fromCharCode(...this.take(count));
  }

  /** A string that ends with a zero byte. */
  zeroTerminated(): string {
    let to = this.at;
    while (to < this.end && this.bytes[to] !== 0) to++;
    const text = decodeText(this.bytes.subarray(this.at, to));
    this.need(to + 1 - this.at);
    return text;
  }
}

const utf8 = new TextDecoder('utf-8');
const encoder = new TextEncoder();

export function decodeText(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}

export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Appends numbers to a growing block of bytes. */
export class ByteSink {
  private bytes: Uint8Array;
  private view: DataView;
  length = 0;

  constructor(capacity = 256) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  private grow(count: number): number {
    const at = this.length;
    if (at + count > this.bytes.length) {
      const larger = new Uint8Array(Math.max(this.bytes.length * 2, at + count));
      larger.set(this.bytes.subarray(0, at));
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    this.length = at + count;
    return at;
  }

  u8(...values: number[]): this {
    for (const value of values) {
      const at = this.grow(1);
      this.view.setUint8(at, value);
    }
    return this;
  }

  u16(...values: number[]): this {
    for (const value of values) {
      const at = this.grow(2);
      this.view.setUint16(at, value, true);
    }
    return this;
  }

  u32(...values: number[]): this {
    for (const value of values) {
      const at = this.grow(4);
      this.view.setUint32(at, value, true);
    }
    return this;
  }

  u64(...values: number[]): this {
    for (const value of values) {
      const at = this.grow(8);
      this.view.setBigUint64(at, BigInt(value), true);
    }
    return this;
  }

  /** Eight bytes of ones: HDF5's "no address". */
  none(): this {
    const at = this.grow(8);
    this.view.setBigUint64(at, 0xffffffffffffffffn, true);
    return this;
  }

  put(bytes: Uint8Array): this {
    const at = this.grow(bytes.length);
    this.bytes.set(bytes, at);
    return this;
  }

  text(ascii: string): this {
    return this.put(encodeText(ascii));
  }

  /** Zeros up to a multiple of `multiple` bytes. */
  align(multiple: number): this {
    this.grow((multiple - (this.length % multiple)) % multiple);
    return this;
  }

  zeros(count: number): this {
    this.grow(count);
    return this;
  }

  done(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

/** Says so when a "file" is a web page, as happens when a download address answers with its login or error page. */
export function refuseHtml(bytes: Uint8Array, file: string, what: string): void {
  const start = decodeText(bytes.subarray(0, 512))
    .replace(/^\uFEFF/, '')
    .trimStart()
    .toLowerCase();
  if (start.startsWith('<!doctype html') || start.startsWith('<html') || start.startsWith('<head')) {
    throw formatError(file, `${file} is an HTML page, not ${what}.`, {
      hint: 'The address it came from answered with a web page; download the file itself.',
    });
  }
}
