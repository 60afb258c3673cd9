// Darknet's two files as plain data: the sections of a .cfg, and the floats of a .weights behind a header.
// https://pjreddie.com/darknet
import type { FoveaError } from '../core/errors.js';
import { Cursor, decodeText, formatError, refuseHtml } from './cursor.js';

const MAX_TEXT = 16 << 20;
const MAX_SECTIONS = 10_000;

/** One `[section]` with its options. */
export class DarknetSection {
  /** Its options that nobody has asked for. */
  readonly unread: Set<string>;

  constructor(
    readonly type: string,
    /** Counted from 0 after `[net]`, as `route` and `shortcut` count; -1 for `[net]`. */
    readonly index: number,
    readonly line: number,
    readonly options: ReadonlyMap<string, string>,
    readonly file: string,
  ) {
    this.unread = new Set(options.keys());
  }

  has(name: string): boolean {
    return this.options.has(name);
  }

  text(name: string, fallback: string): string {
    this.unread.delete(name);
    return this.options.get(name) ?? fallback;
  }

  /** Throws `format` for text that is no number. */
  number(name: string, fallback: number): number {
    const text = this.text(name, String(fallback));
    const value = Number(text);
    if (text === '' || !Number.isFinite(value)) throw this.error(`${name}=${text.slice(0, 40)} is no number`);
    return value;
  }

  /** A whole number from `least` to `most`. */
  whole(name: string, fallback: number, least = 0, most = 1 << 20): number {
    const value = this.number(name, fallback);
    if (!Number.isInteger(value) || value < least || value > most)
      throw this.error(`${name}=${value} is no whole number from ${least} to ${most}`);
    return value;
  }

  /** Numbers between commas. */
  numbers(name: string): number[] {
    const text = this.text(name, '').trim();
    if (text === '') return [];
    const values = text.replace(/,\s*$/, '').split(',').map(Number);
    if (values.length > 4096 || values.some((value) => !Number.isFinite(value)))
      throw this.error(`${name}=${text.slice(0, 40)} is no list of numbers`);
    return values;
  }

  error(message: string, hint?: string): FoveaError {
    return formatError(this.file, `[${this.type}]: ${message}.`, {
      place: `line ${this.line}`,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

/** A network's description: `[net]`, then its layers in order. */
export interface DarknetConfig {
  readonly net: DarknetSection;
  readonly layers: readonly DarknetSection[];
}

/** Reads a `.cfg`. Throws `format`, with the line, for one that cannot be a network's. */
export function readDarknetConfig(source: string | Uint8Array, file = 'network.cfg'): DarknetConfig {
  if (source.length > MAX_TEXT) throw formatError(file, `a .cfg of ${source.length} bytes is refused.`);
  if (typeof source !== 'string') refuseHtml(source, file, 'a .cfg of Darknet');
  const text = typeof source === 'string' ? source : decodeText(source);
  const sections: DarknetSection[] = [];
  let options = new Map<string, string>();
  text.split(/\r\n|\n|\r/).forEach((given, i) => {
    const line = given.replace(/^\uFEFF/, '').trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) return;
    const place = `line ${i + 1}`;
    const [, type] = /^\[\s*([\w-]+)\s*\]/.exec(line) ?? [];
    if (type !== undefined) {
      if (sections.length >= MAX_SECTIONS) throw formatError(file, `more than ${MAX_SECTIONS} sections.`, { place });
      options = new Map();
      sections.push(new DarknetSection(type.toLowerCase(), sections.length - 1, i + 1, options, file));
      return;
    }
    const at = line.indexOf('=');
    if (at < 1 || sections.length === 0) {
      throw formatError(
        file,
        `this is no .cfg of Darknet: '${line.slice(0, 40)}' is neither a section nor an option.`,
        {
          place,
        },
      );
    }
    // What follows a # is a remark.
    const name = line.slice(0, at).trim();
    options.set(
      name,
      line
        .slice(at + 1)
        .replace(/\s#.*$/, '')
        .trim(),
    );
    (sections.at(-1) as DarknetSection).unread.add(name);
  });
  const [net, ...layers] = sections;
  if (net === undefined || (net.type !== 'net' && net.type !== 'network')) {
    throw formatError(file, 'this is no .cfg of Darknet: it does not begin with [net].');
  }
  return { net, layers };
}

/** The floats of a `.weights` file, given out in order. */
export class DarknetWeights {
  /** Pictures that training had seen. */
  readonly seen: number;
  readonly version: readonly [major: number, minor: number, revision: number];
  /** Floats in the file. */
  readonly count: number;
  private readonly cursor: Cursor;

  constructor(bytes: Uint8Array, file = 'network.weights') {
    if (bytes.length === 0) throw formatError(file, 'the file is empty: weights of Darknet were expected.');
    refuseHtml(bytes, file, 'weights of Darknet');
    this.cursor = new Cursor(bytes, 0, file);
    const { cursor } = this;
    const [major, minor, revision] = [cursor.u32(), cursor.u32(), cursor.u32()];
    this.version = [major, minor, revision];
    // From 0.2 on the count is of 64 bits.
    const isLong = 10 * major + minor >= 2 && major < 1000 && minor < 1000;
    this.seen = isLong ? cursor.u64() : cursor.u32();
    if (cursor.left % 4 !== 0) throw formatError(file, 'the file is damaged or truncated: it ends inside a number.');
    this.count = cursor.left / 4;
  }

  /** Whether the matrices of `[connected]` lie the other way. */
  get isTransposed(): boolean {
    return this.version[0] > 1000 || this.version[1] > 1000;
  }

  /** Floats that were not taken. */
  get left(): number {
    return this.cursor.left / 4;
  }

  take(count: number): Float32Array {
    const bytes = this.cursor.take(4 * count);
    return new Float32Array(bytes.slice().buffer);
  }
}
