// A zip archive of pictures as a dataset, in a file, in memory or on a server that stays where it is: only the directory and
// what a pass needs is fetched.
import { FoveaError } from '../core/errors.js';
import { fileError, isNode, missingPathError, nodeModule, systemCode } from '../core/node-files.js';
import {
  checkPictureOptions,
  choosePart,
  type LabelMode,
  type Listed,
  makePictureList,
  noPictures,
  PICTURE_NAMES,
  type PictureList,
  type PictureListOptions,
  sortNames,
} from './picture-list.js';
import { readRange } from './workers/read.js';
import { entryBytes, readZipDirectory, type ZipEntry } from './zip-file.js';

const OP = 'fromZip';

/** Options of `fromZip`. */
export interface ZipOptions extends PictureListOptions {
  /** `inferred` from the folder that a picture lies in (default), or null for none. */
  labels?: 'inferred' | null;
  /** Default `int`. */
  labelMode?: LabelMode;
  /** The classes in the order of their labels; default the sorted folder names. */
  classNames?: readonly string[];
}

type Archive = { readonly path: string } | { readonly url: string } | { readonly bytes: Uint8Array };

/**
 * The pictures of a zip archive: a path, an address whose server answers requests for parts (HTTP ranges), or its
 * bytes. Throws `file`, `network`, `data` or `unsupported`.
 */
export async function fromZip(archive: string | URL | Uint8Array, options: ZipOptions = {}): Promise<PictureList> {
  checkPictureOptions(options, OP);
  const name = archive instanceof Uint8Array ? 'the archive' : String(archive);
  const place = await findArchive(archive, name);
  const size = await sizeOf(place);
  const entries = await readZipDirectory(name, size, (from, length) => readRange(place, from, length));
  const pictures = entries
    // Mac's archives have a shadow of every file.
    .filter((entry) => PICTURE_NAMES.test(entry.name) && !/(^|\/)(\.|__MACOSX\/)/.test(entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  if (pictures.length === 0) throw noPictures(OP, name, `it has ${entries.length} other files`);
  const folders = pictures.map(classFolder);
  const isLabelled = options.labels !== null;
  const inferred = sortNames([...new Set(folders)]);
  if (isLabelled && folders.includes(''))
    throw noPictures(OP, name, 'its pictures lie in no folders that name classes');
  const classNames = isLabelled ? (options.classNames ?? inferred) : [];
  const listed = pictures.flatMap((entry, i): Listed[] => {
    const label = isLabelled ? classNames.indexOf(folders[i] as string) : -1;
    // Classes that were not asked for are left out.
    if (isLabelled && label < 0) return [];
    // A worker gets its entry, not the whole archive.
    const part = 'bytes' in place ? { archive: { bytes: entryBytes(place.bytes, entry) }, at: 0 } : { archive: place };
    return [{ source: { kind: 'zip', ...entry, ...part }, label }];
  });
  const missing = classNames.filter((each) => !inferred.includes(each));
  if (missing.length > 0) {
    throw new FoveaError({
      code: 'argument',
      op: OP,
      message: `there are no folders for ${missing.join(', ')} in ${name}.`,
      path: name,
      got: classNames,
      want: inferred,
      hint: `The folders there are ${inferred.join(', ')}.`,
    });
  }
  return makePictureList(name, choosePart(listed, options), classNames, {
    ...options,
    ...(isLabelled ? {} : { labelMode: null }),
  });
}

/** The folder right above a picture. */
function classFolder({ name }: ZipEntry): string {
  return name.split('/').at(-2) ?? '';
}

async function findArchive(archive: string | URL | Uint8Array, name: string): Promise<Archive> {
  if (archive instanceof Uint8Array) return { bytes: archive };
  if (/^https?:/.test(name)) return { url: name };
  if (!isNode()) return { url: new URL(name, globalThis.location?.href).href };
  if (name.startsWith('file:')) return { path: (await nodeModule('node:url', OP)).fileURLToPath(name) };
  return { path: (await nodeModule('node:path', OP)).resolve(name) };
}

async function sizeOf(archive: Archive): Promise<number> {
  if ('bytes' in archive) return archive.bytes.length;
  if ('path' in archive) {
    const { stat } = await nodeModule('node:fs/promises', OP);
    try {
      return (await stat(archive.path)).size;
    } catch (error) {
      if (systemCode(error) === 'ENOENT') throw await missingPathError(archive.path, OP);
      throw fileError(OP, archive.path, 'read', error);
    }
  }
  return remoteSize(archive.url);
}

/** Asks for one byte: the answer says of how many. */
async function remoteSize(url: string): Promise<number> {
  const fail = (reason: string, cause?: unknown): FoveaError =>
    new FoveaError({
      code: 'network',
      op: OP,
      message: `${url} could not be opened: ${reason}.`,
      path: url,
      got: reason,
      hint: 'Check the address; the server must answer requests for parts of a file (HTTP ranges).',
      cause,
    });
  let response: Response;
  try {
    response = await fetch(url, { headers: { Range: 'bytes=0-0' } });
  } catch (error) {
    throw fail(error instanceof Error ? error.message : String(error), error);
  }
  await response.body?.cancel();
  if (!response.ok) throw fail(`the server answered ${response.status} ${response.statusText}`.trim());
  const size = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1];
  if (response.status !== 206 || size === undefined) throw fail('the server does not send parts of a file');
  return Number(size);
}
