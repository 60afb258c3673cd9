// A folder of pictures as a dataset: one sub-folder per class, as Keras's image_dataset_from_directory reads it.
import { FoveaError } from '../core/errors.js';
import { missingPathError, nodeModule } from '../core/node-files.js';
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

/** Options of `imageDatasetFromDirectory`, with Keras's names and defaults. */
export interface ImageFolderOptions extends Omit<PictureListOptions, 'subset'> {
  /** `inferred` from the sub-folders, null for none, or one whole number per picture in the order of sorted paths. */
  labels?: 'inferred' | null | readonly number[];
  /** Default `int`. */
  labelMode?: LabelMode;
  /** The classes in the order of their labels; default the sorted folder names. */
  classNames?: readonly string[];
  /** Pictures per batch; default 32. Null gives them one by one. */
  batchSize?: number | null;
  /** Which part to give when there is a `validationSplit`; `both` gives a pair. */
  subset?: 'training' | 'validation' | 'both';
  /** Whether links to folders are followed; default false. */
  followLinks?: boolean;
}

/** A folder's pictures, found but not yet read. */
export type ImageFolder = PictureList;

const OP = 'imageDatasetFromDirectory';

/**
 * Finds the pictures below a folder with one sub-folder per class. Throws `file` for a path that is not there and
 * `data` for a folder without classes or pictures.
 */
export async function imageDatasetFromDirectory(
  path: string,
  options: ImageFolderOptions & { subset: 'both' },
): Promise<{ training: ImageFolder; validation: ImageFolder }>;
export async function imageDatasetFromDirectory(
  path: string,
  options?: ImageFolderOptions & { subset?: 'training' | 'validation' },
): Promise<ImageFolder>;
export async function imageDatasetFromDirectory(
  path: string,
  options: ImageFolderOptions = {},
): Promise<ImageFolder | { training: ImageFolder; validation: ImageFolder }> {
  const { subset } = options;
  const asked: PictureListOptions = { ...options, subset: subset === 'both' ? 'training' : subset };
  checkPictureOptions(asked, OP);
  const { resolve } = await nodeModule('node:path', OP);
  const root = resolve(path);
  const classNames = options.labels === null ? [] : await findClasses(root, path, options);
  const all = await findImages(root, classNames, options);
  const list = (part: PictureListOptions): ImageFolder =>
    makePictureList(root, choosePart(all, part), classNames, {
      batchSize: 32,
      ...part,
      ...(options.labels === null ? { labelMode: null } : {}),
    });
  if (subset !== 'both') return list(asked);
  return { training: list(asked), validation: list({ ...asked, subset: 'validation' }) };
}

async function listFolder(
  root: string,
  given: string,
  followLinks: boolean,
): Promise<{ folders: string[]; files: string[] }> {
  const fs = await nodeModule('node:fs/promises', OP);
  const { join } = await nodeModule('node:path', OP);
  const stats = await fs.stat(root).catch(() => undefined);
  if (stats === undefined) throw await missingPathError(given, OP);
  if (!stats.isDirectory()) {
    throw new FoveaError({
      code: 'file',
      op: OP,
      message: `${root} is a file, not a folder.`,
      path: root,
      got: given,
      hint: 'Give the folder that holds one sub-folder per class.',
    });
  }
  const folders: string[] = [];
  const files: string[] = [];
  for (const name of sortNames(await fs.readdir(root))) {
    if (name.startsWith('.')) continue;
    const path = join(root, name);
    // Links to files are followed always, links to folders on request: they may lead back up.
    const entry = await fs.stat(path).catch(() => undefined);
    if (entry?.isFile()) files.push(name);
    else if (entry?.isDirectory() && (followLinks || !(await fs.lstat(path)).isSymbolicLink())) folders.push(name);
  }
  return { folders, files };
}

async function findClasses(root: string, given: string, options: ImageFolderOptions): Promise<readonly string[]> {
  const { folders, files } = await listFolder(root, given, options.followLinks ?? false);
  const wanted = options.classNames;
  if (Array.isArray(options.labels)) {
    const classes = Math.max(0, ...options.labels.map((label: number) => label + 1));
    return wanted ?? Array.from({ length: classes }, (_, label) => String(label));
  }
  if (folders.length === 0) {
    const pictures = files.filter((name) => PICTURE_NAMES.test(name)).length;
    throw noPictures(
      OP,
      root,
      pictures > 0
        ? `it has ${pictures} pictures but no sub-folders to name their classes`
        : files.length > 0
          ? `it has ${files.length} other files but no sub-folders`
          : 'it is empty',
    );
  }
  if (wanted === undefined) return folders;
  const missing = wanted.filter((name) => !folders.includes(name));
  if (missing.length === 0) return wanted;
  throw new FoveaError({
    code: 'argument',
    op: OP,
    message: `there are no folders for ${missing.join(', ')} in ${root}.`,
    path: root,
    got: wanted,
    want: folders,
    hint: `The folders there are ${folders.join(', ')}.`,
  });
}

async function findImages(
  root: string,
  classNames: readonly string[],
  options: ImageFolderOptions,
): Promise<readonly Listed[]> {
  const { join } = await nodeModule('node:path', OP);
  const found: Listed[] = [];
  const visit = async (folder: string, label: number): Promise<void> => {
    const { folders, files } = await listFolder(folder, folder, options.followLinks ?? false);
    for (const name of files)
      if (PICTURE_NAMES.test(name)) found.push({ source: { kind: 'file', path: join(folder, name) }, label });
    for (const name of folders) await visit(join(folder, name), label);
  };
  const labels = options.labels === undefined ? 'inferred' : options.labels;
  if (labels === 'inferred') {
    for (const [label, name] of classNames.entries()) await visit(join(root, name), label);
  } else await visit(root, -1);
  if (found.length === 0)
    throw noPictures(
      OP,
      root,
      `${classNames.length === 0 ? 'it holds' : `its folders ${classNames.join(', ')} hold`} no picture files`,
    );
  if (typeof labels === 'string' || labels === null) return found;
  if (labels.length !== found.length) {
    throw new FoveaError({
      code: 'argument',
      op: OP,
      message: `${labels.length} labels for ${found.length} pictures.`,
      got: labels.length,
      want: found.length,
      hint: 'Give one label per picture in the order of sorted paths, or labels: "inferred".',
    });
  }
  return found.map(({ source }, i) => ({ source, label: labels[i] as number }));
}
