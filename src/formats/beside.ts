// Files that a model's file names: shards of weights, external data, the other half of a pair. They must lie in the
// folder of the file that names them.
import { FoveaError } from '../core/errors.js';
import { isNode, nodeModule, readFileBytes } from '../core/node-files.js';
import { formatError } from './cursor.js';

/** The files beside a model's file, by the relative path under which it names them. */
export interface FilesBeside {
  /** Bytes in a file; undefined where there is none. Throws `format` for a path that leaves the folder. */
  size(path: string): Promise<number | undefined>;
  /** A file's bytes. Throws `file` where there is none, `format` for a path that leaves the folder. */
  read(path: string): Promise<Uint8Array>;
  /** The names in the folder, where it can be listed. */
  list(): Promise<readonly string[]>;
}

/** Throws `format` unless a path that `file` names stays in its folder. */
export function checkBeside(path: string, file: string): void {
  const isUnsafe =
    path === '' || /^[/\\]|^[A-Za-z][A-Za-z0-9+.-]*:|\\|\0/.test(path) || path.split('/').some((part) => part === '..');
  if (!isUnsafe) return;
  throw formatError(file, `it names the file '${path.slice(0, 200)}', which does not lie in its folder.`, {
    hint: 'Put all parts of the model into one folder, and name them by relative paths.',
  });
}

/** The files in the folder of `file`, a path. */
export function filesBeside(file: string, op: string): FilesBeside {
  const place = async (path: string): Promise<{ full: string; bytes: number } | undefined> => {
    checkBeside(path, file);
    const { dirname, join, sep } = await nodeModule('node:path', op);
    const fs = await nodeModule('node:fs/promises', op);
    const folder = await fs.realpath(dirname(file)).catch(() => undefined);
    const full = await fs.realpath(join(dirname(file), path)).catch(() => undefined);
    if (folder === undefined || full === undefined) return undefined;
    // A link may lead out of the folder, too.
    if (!full.startsWith(folder.endsWith(sep) ? folder : folder + sep)) checkBeside('..', file);
    const stats = await fs.stat(full);
    return stats.isFile() ? { full, bytes: stats.size } : undefined;
  };
  return {
    size: async (path) => (await place(path))?.bytes,
    read: async (path) => {
      const found = await place(path);
      const { dirname, join } = await nodeModule('node:path', op);
      return readFileBytes(found?.full ?? join(dirname(file), path), op);
    },
    list: async () => {
      if (!isNode()) return [];
      const { dirname } = await nodeModule('node:path', op);
      const fs = await nodeModule('node:fs/promises', op);
      return (await fs.readdir(dirname(file)).catch(() => [])).sort();
    },
  };
}

/** Files that the caller gave as bytes, by path. */
export function filesGiven(files: Readonly<Record<string, Uint8Array>>, file: string, op: string): FilesBeside {
  const find = (path: string): Uint8Array | undefined => {
    checkBeside(path, file);
    return Object.hasOwn(files, path) ? files[path] : undefined;
  };
  return {
    size: async (path) => find(path)?.length,
    read: async (path) => {
      const found = find(path);
      if (found !== undefined) return found;
      throw new FoveaError({
        code: 'file',
        op,
        message: `${file} names the file ${path}, which was not given.`,
        path: file,
        want: path,
        hint: `Give it too: { files: { '${path}': bytes } }.`,
      });
    },
    list: async () => Object.keys(files).sort(),
  };
}
