// Protocol Buffers as text, as Caffe's .prototxt files are written: fields by name, in the order of the file. What they mean, and
// of which type they must be, the reader's caller says.
import type { FoveaError } from '../core/errors.js';
import { decodeText, formatError, refuseHtml } from './cursor.js';

const MAX_TEXT = 64 << 20;
const MAX_DEPTH = 32;

type TextValue = string | number | TextMessage;

/** A message: every field is a list, since any may repeat. */
export class TextMessage {
  private readonly fields = new Map<string, TextValue[]>();

  constructor(
    readonly file: string,
    readonly line: number,
    /** The field that holds it; empty for the whole file. */
    readonly name: string,
  ) {}

  add(name: string, value: TextValue): void {
    const list = this.fields.get(name);
    if (list === undefined) this.fields.set(name, [value]);
    else list.push(value);
  }

  has(name: string): boolean {
    return this.fields.has(name);
  }

  /** The messages of a field. */
  messages(name: string): TextMessage[] {
    return this.values(name).map((value) => {
      if (value instanceof TextMessage) return value;
      throw this.error(`${name} must be a message { ... }`);
    });
  }

  /** The message of a field, empty where there is none. */
  message(name: string): TextMessage {
    return this.messages(name).at(-1) ?? new TextMessage(this.file, this.line, name);
  }

  texts(name: string): string[] {
    return this.values(name).map((value) => {
      if (typeof value === 'string') return value;
      throw this.error(`${name} must be a text`);
    });
  }

  text(name: string, fallback: string): string {
    return this.texts(name).at(-1) ?? fallback;
  }

  numbers(name: string): number[] {
    return this.values(name).map((value) => {
      if (typeof value === 'number') return value;
      throw this.error(`${name} must be a number`);
    });
  }

  number(name: string, fallback: number): number {
    return this.numbers(name).at(-1) ?? fallback;
  }

  /** Whole numbers from `least` to `most`. */
  wholes(name: string, least = 0, most = 2 ** 31): number[] {
    return this.numbers(name).map((value) => {
      if (Number.isInteger(value) && value >= least && value <= most) return value;
      throw this.error(`${name} must be a whole number from ${least} to ${most}, not ${value}`);
    });
  }

  whole(name: string, fallback: number, least = 0, most = 2 ** 31): number {
    return this.wholes(name, least, most).at(-1) ?? fallback;
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.values(name).at(-1);
    if (value === undefined) return fallback;
    if (value === 'true' || value === 1) return true;
    if (value === 'false' || value === 0) return false;
    throw this.error(`${name} must be true or false`);
  }

  error(message: string): FoveaError {
    const place = this.name === '' ? `line ${this.line}` : `line ${this.line}, ${this.name}`;
    return formatError(this.file, `${message}.`, { place });
  }

  private values(name: string): readonly TextValue[] {
    return this.fields.get(name) ?? [];
  }
}

interface Token {
  readonly kind: 'word' | 'text' | 'number' | 'sign' | 'end';
  readonly text: string;
  readonly line: number;
}

/** Reads a message written as text. Throws `format`, with the line, where it is none. `what` is what was expected. */
export function readPrototxt(source: string | Uint8Array, file: string, what = 'a .prototxt'): TextMessage {
  if (source.length > MAX_TEXT) throw formatError(file, `a .prototxt of ${source.length} bytes is refused.`);
  if (typeof source !== 'string') refuseHtml(source, file, what);
  const text = typeof source === 'string' ? source : decodeText(source);
  return new Parser(text, file, what).parse();
}

class Parser {
  private at = 0;
  private line = 1;
  private next: Token;

  constructor(
    private readonly text: string,
    private readonly file: string,
    private readonly what: string,
  ) {
    this.next = this.scan();
  }

  parse(): TextMessage {
    const root = new TextMessage(this.file, 1, '');
    this.fields(root, undefined, 0);
    return root;
  }

  /** Fields up to the sign that closes them. */
  private fields(into: TextMessage, close: string | undefined, depth: number): void {
    if (depth > MAX_DEPTH) throw this.error(`messages are nested more than ${MAX_DEPTH} deep`);
    for (;;) {
      const token = this.take();
      if (token.kind === 'sign' && token.text === close) return;
      if (token.kind === 'end') {
        if (close === undefined) return;
        throw this.error(`'${close}' is missing: the file is truncated`);
      }
      if (token.kind !== 'word') throw this.unexpected(token);
      this.value(into, token.text, depth);
      if (this.isSign(',') || this.isSign(';')) this.take();
    }
  }

  private value(into: TextMessage, name: string, depth: number): void {
    const hasColon = this.isSign(':');
    if (hasColon) this.take();
    if (this.isSign('[')) {
      this.take();
      while (!this.isSign(']')) {
        into.add(name, this.single(name, depth));
        if (this.isSign(',')) this.take();
        else if (!this.isSign(']')) throw this.unexpected(this.next);
      }
      this.take();
      return;
    }
    if (!hasColon && !this.isSign('{') && !this.isSign('<')) throw this.unexpected(this.next);
    into.add(name, this.single(name, depth));
  }

  private single(name: string, depth: number): TextValue {
    const token = this.take();
    switch (token.kind) {
      case 'number':
        return Number(token.text);
      case 'word':
        return wordValue(token.text);
      case 'text': {
        // Texts one after the other are one text.
        const parts = [token.text];
        while (this.next.kind === 'text') parts.push(this.take().text);
        return parts.join('');
      }
      case 'sign': {
        if (token.text !== '{' && token.text !== '<') throw this.unexpected(token);
        const message = new TextMessage(this.file, token.line, name);
        this.fields(message, token.text === '{' ? '}' : '>', depth + 1);
        return message;
      }
      case 'end':
        throw this.unexpected(token);
    }
  }

  private isSign(sign: string): boolean {
    return this.next.kind === 'sign' && this.next.text === sign;
  }

  private take(): Token {
    const token = this.next;
    this.next = this.scan();
    return token;
  }

  private scan(): Token {
    const { text } = this;
    for (; this.at < text.length; this.at++) {
      const sign = text[this.at] as string;
      if (sign === '#') {
        const end = text.indexOf('\n', this.at);
        this.at = (end < 0 ? text.length : end) - 1;
      } else if (sign === '\n') this.line++;
      else if (!/[\s\uFEFF]/.test(sign)) break;
    }
    const { line } = this;
    const sign = text[this.at];
    if (sign === undefined) return { kind: 'end', text: 'the end', line };
    if (sign === '"' || sign === "'") return { kind: 'text', text: this.quoted(sign), line };
    const pattern = /[A-Za-z_][\w./]*|[-+]?(?:\d[\w.]*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?)f?|-[A-Za-z]+/y;
    pattern.lastIndex = this.at;
    const [found] = pattern.exec(text) ?? [];
    if (found === undefined) {
      this.at++;
      return { kind: 'sign', text: sign, line };
    }
    this.at += found.length;
    if (/^[A-Za-z_]/.test(found)) return { kind: 'word', text: found, line };
    const number = Number(found.replace(/(\d)f$/, '$1').replace(/^(-?)inf(inity)?$/i, '$1Infinity'));
    if (Number.isNaN(number)) throw this.error(`'${found.slice(0, 40)}' is no number`);
    return { kind: 'number', text: String(number), line };
  }

  private quoted(quote: string): string {
    let out = '';
    for (let at = this.at + 1; at < this.text.length; at++) {
      const sign = this.text[at] as string;
      if (sign === quote) {
        this.at = at + 1;
        return out;
      }
      if (sign === '\n') break;
      if (sign === '\\') {
        at++;
        const escaped = this.text[at] ?? '';
        out += { n: '\n', t: '\t', r: '\r' }[escaped] ?? escaped;
      } else out += sign;
    }
    throw this.error('a text has no end');
  }

  private unexpected({ text, line }: Token): FoveaError {
    return formatError(this.file, `this is not ${this.what}: '${text.slice(0, 40)}' is not expected here.`, {
      place: `line ${line}`,
    });
  }

  private error(message: string): FoveaError {
    return formatError(this.file, `${message}.`, { place: `line ${this.line}` });
  }
}

function wordValue(word: string): string | number {
  if (/^inf(inity)?$/i.test(word)) return Number.POSITIVE_INFINITY;
  return word;
}
