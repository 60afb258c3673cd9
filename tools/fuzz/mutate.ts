// Damage for files: what bit rot, broken downloads and people with bad intentions do to bytes, lengths, texts and JSON. All of it
// follows from a seed.

/** Numbers from 0 up to 1, the same for the same seed. */
export class Dice {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number below `limit`; 0 where there is none. */
  below(limit: number): number {
    return limit <= 0 ? 0 : Math.floor(this.next() * limit);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

/** A seed of its own for each mutation of each reader, so that one can be repeated alone. */
export function seedOf(...parts: readonly (number | string)[]): number {
  let hash = 0x811c9dc5;
  for (const sign of parts.join('/')) hash = Math.imul(hash ^ sign.charCodeAt(0), 0x01000193) >>> 0;
  return hash;
}

const EDGE_BYTES = [0, 1, 0x7f, 0x80, 0xfe, 0xff, 0x20, 0x0a] as const;
const EDGES = [
  0n,
  1n,
  -1n,
  0x7fn,
  0x80n,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  1n << 32n,
  1n << 53n,
  (1n << 63n) - 1n,
  1n << 63n,
];
const EDGE_TEXTS = [
  '0',
  '-1',
  '1',
  '2',
  '1.5',
  '-0',
  '255',
  '65536',
  '1000000',
  '2147483647',
  '2147483648',
  '4294967296',
  '1e9',
  '1e300',
  '9007199254740993',
  '1e999',
  'NaN',
  'null',
  'true',
  '""',
  '[]',
  '{}',
] as const;
const WORDS = [/\d+/g, /-?\d+(\.\d+)?([eE][-+]?\d+)?/g, /"[^"]{0,40}"/g, /\b[A-Za-z_]\w*\b/g] as const;

type Mutator = (bytes: Uint8Array, dice: Dice, others: readonly Uint8Array[]) => Uint8Array;

/** Of a piece of the file: where it begins and how long it is. */
function piece(bytes: Uint8Array, dice: Dice): [from: number, length: number] {
  const from = dice.below(bytes.length);
  const most = Math.min(bytes.length - from, dice.pick([1, 2, 4, 8, 16, 64, 256, 4096]));
  return [from, 1 + dice.below(most)];
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const onBytes: readonly Mutator[] = [
  // One bit, or some.
  (bytes, dice) => {
    const out = bytes.slice();
    for (let i = dice.pick([1, 1, 1, 2, 8]); i > 0; i--) {
      const at = dice.below(out.length);
      out[at] = (out[at] as number) ^ (1 << dice.below(8));
    }
    return out;
  },
  // A byte at the edge of what it can be.
  (bytes, dice) => {
    const out = bytes.slice();
    for (let i = dice.pick([1, 1, 2, 4]); i > 0; i--) out[dice.below(out.length)] = dice.pick(EDGE_BYTES);
    return out;
  },
  // A number of 1 to 8 bytes: lengths, counts, offsets.
  (bytes, dice) => {
    const out = bytes.slice();
    const width = dice.pick([1, 2, 4, 8]);
    const from = dice.below(Math.max(1, out.length - width));
    let value = dice.pick(EDGES);
    const isBig = dice.next() < 0.2;
    for (let i = 0; i < width && from + i < out.length; i++, value >>= 8n)
      out[isBig ? from + width - 1 - i : from + i] = Number(value & 0xffn);
    return out;
  },
  // A number that is a little off.
  (bytes, dice) => {
    const out = bytes.slice();
    const at = dice.below(out.length);
    out[at] = (out[at] as number) + dice.pick([-2, -1, 1, 2, 16, 64]);
    return out;
  },
  // Left out, doubled, moved, cut off.
  (bytes, dice) => {
    const [from, length] = piece(bytes, dice);
    return joined(bytes.subarray(0, from), bytes.subarray(from + length));
  },
  (bytes, dice) => {
    const [from, length] = piece(bytes, dice);
    const part = bytes.subarray(from, from + length);
    const copies = Array.from({ length: dice.pick([1, 1, 2, 10]) }, () => part);
    return joined(bytes.subarray(0, from), ...copies, bytes.subarray(from));
  },
  (bytes, dice) => {
    const [from, length] = piece(bytes, dice);
    const to = dice.below(bytes.length - length + 1);
    const out = bytes.slice();
    out.copyWithin(to, from, from + length);
    return out;
  },
  (bytes, dice) => bytes.slice(0, dice.below(bytes.length)),
  (bytes, dice) => {
    const [from, length] = piece(bytes, dice);
    return bytes.slice().fill(dice.pick(EDGE_BYTES), from, from + length);
  },
  // A piece of another file.
  (bytes, dice, others) => {
    const other = dice.pick(others);
    const [from, length] = piece(other, dice);
    const at = dice.below(bytes.length + 1);
    return joined(
      bytes.subarray(0, at),
      other.subarray(from, from + length),
      bytes.subarray(dice.next() < 0.5 ? at : at + length),
    );
  },
];

const toText = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
const toBytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

const onText: readonly Mutator[] = [
  // A number, a word or a text becomes another.
  (bytes, dice) => {
    const text = toText(bytes);
    const found = [...text.matchAll(dice.pick(WORDS))];
    if (found.length === 0) return bytes;
    const { 0: word, index } = dice.pick(found);
    const by = dice.next() < 0.7 ? dice.pick(EDGE_TEXTS) : dice.pick(found)[0];
    return toBytes(text.slice(0, index) + by + text.slice(index + word.length));
  },
  // Lines left out, doubled, exchanged.
  (bytes, dice) => {
    const lines = toText(bytes).split('\n');
    const at = dice.below(lines.length);
    const kind = dice.below(3);
    if (kind === 0) lines.splice(at, 1);
    else if (kind === 1) lines.splice(at, 0, ...lines.slice(at, at + 1 + dice.below(5)));
    else {
      const other = dice.below(lines.length);
      [lines[at], lines[other]] = [lines[other] as string, lines[at] as string];
    }
    return toBytes(lines.join('\n'));
  },
];

/** A value somewhere in a JSON becomes another, goes, or is doubled. */
const onJson: Mutator = (bytes, dice) => {
  let root: unknown;
  try {
    root = JSON.parse(toText(bytes));
  } catch {
    return bytes;
  }
  const places: { holder: Record<string, unknown>; key: string }[] = [];
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      places.push({ holder: value as Record<string, unknown>, key });
      visit(inner);
    }
  };
  visit(root);
  if (places.length === 0) return bytes;
  const { holder, key } = dice.pick(places);
  const values = [
    0,
    -1,
    1,
    1.5,
    2 ** 31,
    2 ** 53,
    1e300,
    null,
    true,
    '',
    'x'.repeat(300),
    [],
    {},
    [null],
    [-1],
    [1e9, 1e9],
    { a: 1 },
  ];
  const kind = dice.below(4);
  if (kind === 0) delete holder[key];
  else if (kind === 1) holder[key] = dice.pick(values);
  else if (kind === 2) {
    const other = dice.pick(places);
    holder[key] = structuredClone(other.holder[other.key]);
  } else holder[`${key}_`] = structuredClone(holder[key]);
  return toBytes(JSON.stringify(root));
};

/** What a part of a file is: which kinds of damage make sense. */
export type PartKind = 'binary' | 'text' | 'json';

/** One to four kinds of damage, one after the other. */
export function mutate(bytes: Uint8Array, kind: PartKind, dice: Dice, others: readonly Uint8Array[]): Uint8Array {
  let out = bytes;
  for (let i = dice.pick([1, 1, 1, 2, 3, 4]); i > 0 && out.length > 0; i--) {
    const share = dice.next();
    if (kind === 'json' && share < 0.7) out = onJson(out, dice, others);
    else if (kind !== 'binary' && share < 0.85) out = dice.pick(onText)(out, dice, others);
    else out = dice.pick(onBytes)(out, dice, others);
    if (out.length > 1 << 20) out = out.slice(0, 1 << 20);
  }
  return out;
}
