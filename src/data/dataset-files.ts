// Where a dataset's files are looked for: FOVEA_DATA, the cache folder, then the publisher's address.
import { FoveaError } from '../core/errors.js';
import { cacheFolder, isNode, nodeModule, readFileBytes } from '../core/node-files.js';
import { gunzip, isGzip } from './archive.js';
import { type DownloadProgress, downloadBytes, downloadFile } from './download.js';
import { md5 } from './md5.js';

/** Options every dataset loader takes. */
export interface LoadOptions {
  /** A folder that holds the dataset's folder; default the environment variable FOVEA_DATA. Looked at first. */
  dataFolder?: string;
  /** Where downloads are kept; default FOVEA_CACHE or the platform's cache folder. */
  cacheFolder?: string;
  /** An address that serves the dataset's files in place of the official one. */
  baseUrl?: string;
  /** Whether downloads must have the published checksum; default true. */
  verify?: boolean;
  fetch?: typeof globalThis.fetch;
  onProgress?: DownloadProgress;
  signal?: AbortSignal;
}

/** One file of a dataset. */
export interface RemoteFile {
  readonly name: string;
  /** MD5 of the file as published; not checked where the publisher gives none. */
  readonly md5?: string;
  /** SHA-256, or how it begins, where that is what is published. */
  readonly sha256?: string;
  /** MD5 of the gunzipped content, which mirrors that packed anew still have. */
  readonly contentMd5?: string;
}

/** A dataset's files and addresses. */
export interface RemoteDataset {
  /** As in `datasets.mnist`, for messages. */
  readonly op: string;
  /** The folder's name under FOVEA_DATA and the cache folder. */
  readonly folder: string;
  /** Addresses to try in order, with a trailing slash. */
  readonly baseUrls: readonly string[];
  /** All its files, for people who fetch them by hand. */
  readonly fileNames: readonly string[];
}

/** A file's unpacked content and where it was. */
export interface LoadedFile {
  readonly bytes: Uint8Array;
  readonly path: string;
}

/** The folders that are looked at before anything is downloaded, in order. */
export async function localFolders(dataset: RemoteDataset, options: LoadOptions): Promise<string[]> {
  if (!isNode()) return [];
  const { join } = await nodeModule('node:path', dataset.op);
  const data = options.dataFolder ?? process.env.FOVEA_DATA;
  const folders = data ? [join(data, dataset.folder)] : [];
  return [...folders, await downloadFolder(dataset, options)];
}

async function downloadFolder(dataset: RemoteDataset, options: LoadOptions): Promise<string> {
  const { join } = await nodeModule('node:path', dataset.op);
  return join(options.cacheFolder ?? (await cacheFolder()), 'datasets', dataset.folder);
}

/** Finds a file by name (or the name without `.gz`), downloads it where it is missing, and unpacks gzip. */
export async function loadFile(dataset: RemoteDataset, file: RemoteFile, options: LoadOptions): Promise<LoadedFile> {
  const local = await findLocal(dataset, [file.name, file.name.replace(/\.gz$/, '')], options);
  if (local !== undefined) {
    return { bytes: await gunzip(await readFileBytes(local, dataset.op), local, dataset.op), path: local };
  }
  return download(dataset, file, options);
}

/** The path of the first of these files that is there, or undefined. */
export async function findLocal(
  dataset: RemoteDataset,
  names: readonly string[],
  options: LoadOptions,
): Promise<string | undefined> {
  const folders = await localFolders(dataset, options);
  if (folders.length === 0) return undefined;
  const fs = await nodeModule('node:fs/promises', dataset.op);
  const { join } = await nodeModule('node:path', dataset.op);
  for (const folder of folders) {
    for (const name of names) {
      const path = join(folder, name);
      const stats = await fs.stat(path).catch(() => undefined);
      if (stats?.isFile()) return path;
    }
  }
  return undefined;
}

async function download(dataset: RemoteDataset, file: RemoteFile, options: LoadOptions): Promise<LoadedFile> {
  const { op } = dataset;
  const bases = options.baseUrl === undefined ? dataset.baseUrls : [options.baseUrl.replace(/\/?$/, '/')];
  const { contentMd5 } = file;
  const settings = {
    op,
    fetch: options.fetch,
    onProgress: options.onProgress,
    signal: options.signal,
    md5: options.verify === false ? undefined : file.md5,
    sha256: options.verify === false ? undefined : file.sha256,
    accept:
      contentMd5 === undefined
        ? undefined
        : async (bytes: Uint8Array) => {
            const content = isGzip(bytes) ? await gunzip(bytes, file.name, op).catch(() => undefined) : bytes;
            return content !== undefined && md5(content) === contentMd5;
          },
  };
  let last: unknown;
  for (const base of bases) {
    const url = base + file.name;
    try {
      if (!isNode()) return { bytes: await gunzip(await downloadBytes(url, settings), url, op), path: url };
      const { join } = await nodeModule('node:path', op);
      const path = join(await downloadFolder(dataset, options), file.name);
      await downloadFile(url, path, settings);
      return { bytes: await gunzip(await readFileBytes(path, op), path, op), path };
    } catch (error) {
      // A full disk or a stopped download does not get better at the next address.
      if (!(error instanceof FoveaError) || (error.code !== 'network' && error.code !== 'data')) throw error;
      last = error;
    }
  }
  throw last instanceof FoveaError && last.code === 'network'
    ? await offlineError(dataset, file, bases, last, options)
    : last;
}

async function offlineError(
  dataset: RemoteDataset,
  file: RemoteFile,
  bases: readonly string[],
  cause: FoveaError,
  options: LoadOptions,
): Promise<FoveaError> {
  const folders = await localFolders(dataset, options);
  const reason = String(cause.got);
  const names = dataset.fileNames.join(', ');
  const hint =
    folders.length === 0
      ? 'Serve the files from a host that allows it (CORS) and give their folder as baseUrl.'
      : `Fetch ${names} from there by other means and put ${dataset.fileNames.length === 1 ? 'it' : 'them'} into ${folders.at(-1)}, or set FOVEA_DATA to a folder that holds ${dataset.fileNames.length === 1 ? 'it' : 'them'} in ${dataset.folder}/.`;
  return new FoveaError({
    code: 'network',
    op: dataset.op,
    message: `${file.name} is not on this machine and could not be downloaded: ${reason}.`,
    lines: [...folders.map((folder) => `looked in ${folder}`), ...bases.map((base) => `tried ${base}${file.name}`)],
    got: reason,
    hint,
    cause,
  });
}
