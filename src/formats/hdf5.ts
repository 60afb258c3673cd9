// HDF5 as Keras uses it: groups of datasets with attributes, read and written without the C library, whose wasm
// build takes 4 MB, copies every file and loops for minutes on damaged ones. Parts: hdf5-types (datatypes),
// hdf5-read (objects), hdf5-dense (new-style groups), hdf5-chunks (compressed data), hdf5-write.
import { Hdf5Reader } from './hdf5-read.js';
import { Hdf5Writer } from './hdf5-write.js';
import type { StoredArray } from './stored.js';

/** An attribute's value; `null` for an empty one. Numbers of 64 bits come as the nearest double. */
export type Hdf5Attribute = string | number | readonly string[] | readonly number[] | null;

export interface Hdf5Dataset extends StoredArray {
  readonly attributes: ReadonlyMap<string, Hdf5Attribute>;
}

/** A group of groups and datasets, each under one name. */
export interface Hdf5Group {
  readonly attributes: ReadonlyMap<string, Hdf5Attribute>;
  readonly groups: ReadonlyMap<string, Hdf5Group>;
  readonly datasets: ReadonlyMap<string, Hdf5Dataset>;
}

/** A group that can be filled, for `writeHdf5`. */
export interface MutableHdf5Group extends Hdf5Group {
  readonly attributes: Map<string, Hdf5Attribute>;
  readonly groups: Map<string, MutableHdf5Group>;
  readonly datasets: Map<string, Hdf5Dataset>;
}

/**
 * Reads an HDF5 file's tree; data is decoded when asked for.
 * Throws `format` for a damaged file and `unsupported` for a feature that Keras does not write. `file` is its name in errors.
 */
export function readHdf5(bytes: Uint8Array, file = 'HDF5 file'): Hdf5Group {
  return new Hdf5Reader(bytes, file).root();
}

/** Writes a tree as an HDF5 file that any HDF5 library from 1.0 on reads. */
export function writeHdf5(root: Hdf5Group): Uint8Array {
  return new Hdf5Writer().write(root);
}

export function hdf5Group(): MutableHdf5Group {
  return { attributes: new Map(), groups: new Map(), datasets: new Map() };
}

/** The group at a path such as `layers/conv2d/vars`; the root for an empty one. */
export function findGroup(root: Hdf5Group, path: string): Hdf5Group | undefined {
  let group: Hdf5Group | undefined = root;
  for (const part of path.split('/')) if (part !== '') group = group?.groups.get(part);
  return group;
}

/** The dataset at a path such as `layers/conv2d/vars/0`. */
export function findDataset(root: Hdf5Group, path: string): Hdf5Dataset | undefined {
  const slash = path.lastIndexOf('/');
  return findGroup(root, slash < 0 ? '' : path.slice(0, slash))?.datasets.get(path.slice(slash + 1));
}
