// Where a model's file comes from: a path, an address, or bytes; and what lies beside it.
import { FoveaError } from '../core/errors.js';
import { nodeModule, readFileBytes } from '../core/node-files.js';
import { downloadBytes } from '../data/download.js';
import { checkBeside, type FilesBeside, filesBeside, filesGiven } from '../formats/beside.js';

/** A file that has been read. */
export interface Source {
  readonly bytes: Uint8Array;
  /** Its name in errors: the path as it was given. */
  readonly file: string;
  /** What it names beside itself. */
  readonly beside: FilesBeside;
  /** Whether the bytes are nobody else's. */
  readonly isOwn: boolean;
}

/** What says more about bytes: their name, and the files that belong to them, by the path under which they are named. */
export interface SourceOptions {
  name?: string;
  files?: Readonly<Record<string, Uint8Array>>;
}

/** Reads a path, an address (`http:`, `https:`, `file:`) or bytes. */
export async function readSource(
  source: string | URL | Uint8Array,
  { name, files }: SourceOptions,
  op: string,
): Promise<Source> {
  if (source instanceof Uint8Array) {
    const file = name ?? (op === 'loadWeights' ? 'weights' : 'model');
    return { bytes: source, file, beside: filesGiven(files ?? {}, file, op), isOwn: false };
  }
  const text = String(source);
  if (/^https?:\/\//.test(text)) {
    const bytes = await downloadBytes(text, { op });
    const beside = files === undefined ? filesAt(text, op) : filesGiven(files, text, op);
    return { bytes, file: name ?? text, beside, isOwn: true };
  }
  const path = await asPath(source, op);
  const file = name ?? path;
  return {
    bytes: await readFileBytes(path, op),
    file,
    beside: files === undefined ? filesBeside(path, op) : filesGiven(files, file, op),
    isOwn: true,
  };
}

async function asPath(source: string | URL, op: string): Promise<string> {
  if (typeof source === 'string') return source;
  if (source.protocol !== 'file:') {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `${source.href} is an address of the kind ${source.protocol}`,
      got: source.href,
      want: ['http:', 'https:', 'file:'],
      hint: 'Give a path, an address, or the bytes.',
    });
  }
  return (await nodeModule('node:url', op)).fileURLToPath(source);
}

/** Files under the same address. Each is fetched once, and its size is known then. */
function filesAt(address: string, op: string): FilesBeside {
  const fetched = new Map<string, Promise<Uint8Array>>();
  const read = (path: string): Promise<Uint8Array> => {
    checkBeside(path, address);
    const known = fetched.get(path) ?? downloadBytes(new URL(path, address).href, { op });
    fetched.set(path, known);
    return known;
  };
  return { read, size: async (path) => (await read(path)).length, list: async () => [] };
}

/**
 * The other half of a pair of files: of one name but for the ending, else the only file of that ending. Throws `file`, saying
 * what is missing, where there is none or several.
 */
export async function readPartner({ file, beside }: Source, endings: readonly string[], op: string): Promise<Source> {
  const all = await beside.list();
  const isOne = (name: string): boolean => endings.some((ending) => name.toLowerCase().endsWith(ending));
  const own = (file.split(/[/\\]/).pop() ?? file).replace(/\.[^.]*$/, '');
  const found = all.filter(isOne);
  const same = found.find((name) => endings.some((ending) => name.toLowerCase() === `${own}${ending}`.toLowerCase()));
  const name = same ?? (found.length === 1 ? found[0] : undefined);
  if (name === undefined) {
    throw new FoveaError({
      code: 'file',
      op,
      message: `${file} is one half of a model; the other, ${own}${endings[0]}, is not beside it.`,
      path: file,
      ...(found.length === 0 ? {} : { lines: [`beside it are ${found.slice(0, 8).join(', ')}`] }),
      want: endings,
      hint: `Put ${own}${endings[0]} into the same folder; for a model in memory give it in \`files\`.`,
    });
  }
  return { bytes: await beside.read(name), file: name, beside, isOwn: false };
}
