// Where Keras 3 puts each variable in `model.weights.h5`: objects are named by their class and their place in
// their container, never by their own name, so that a rebuilt model finds its weights.
import { FoveaError, type FoveaErrorDetails } from '../core/errors.js';
import { formatShape, type Shape, sameShape } from '../core/shape.js';
import { type Hdf5Group, hdf5Group, type MutableHdf5Group } from './hdf5.js';
import { snakeCase } from './keras-spelling.js';
import type { StoredArray } from './stored.js';

/** A variable as the file must know it. */
export interface SavedVariable {
  readonly name: string;
  readonly shape: Shape;
}

/** A layer, model or optimizer in Keras's terms, with its variables in Keras's order: trainable ones first. */
export interface SavedObject {
  readonly className: string;
  /** The name the user sees; `null` for objects without one. */
  readonly name: string | null;
  readonly variables: readonly SavedVariable[];
  /** Inner objects under the attribute that holds them: `layers` of a model, `layer` of a wrapper. */
  readonly children?: readonly SavedChildren[];
}

/** One object, or a list of them, which may hold lists. */
export type SavedItems = SavedObject | readonly SavedItems[];

/** What an attribute holds. */
export interface SavedChildren {
  readonly attribute: string;
  readonly items: SavedItems;
}

/** One variable with its place: `layers/conv2d/vars/0`. */
export interface WeightPath {
  readonly path: string;
  /** The owner's group: `layers/conv2d`; empty for the model itself. */
  readonly group: string;
  readonly owner: SavedObject;
  readonly variable: SavedVariable;
}

/** A file's arrays by path, and the names of the objects that own them by group. */
export interface WeightTree {
  readonly arrays: ReadonlyMap<string, StoredArray>;
  readonly names: ReadonlyMap<string, string>;
}

/** All objects with their groups in Keras's order; one that is used twice is saved once, where it comes first. */
export function savedGroups(root: SavedObject): { group: string; object: SavedObject }[] {
  const out: { group: string; object: SavedObject }[] = [];
  const seen = new Set<SavedObject>();
  const visit = (object: SavedObject, group: string): void => {
    if (seen.has(object)) return;
    seen.add(object);
    out.push({ group, object });
    for (const { attribute, items } of object.children ?? [])
      visitItems(items, group === '' ? attribute : `${group}/${attribute}`);
  };
  const visitItems = (items: SavedItems, group: string): void => {
    if (!isList(items)) {
      visit(items, group);
      return;
    }
    const used = new Map<string, number>();
    for (const item of items) {
      const name = isList(item) ? 'container' : snakeCase(item.className);
      const count = used.get(name);
      used.set(name, (count ?? -1) + 1);
      visitItems(item, `${group}/${count === undefined ? name : `${name}_${count + 1}`}`);
    }
  };
  visit(root, '');
  return out;
}

function isList(items: SavedItems): items is readonly SavedItems[] {
  return Array.isArray(items);
}

function variablePath(group: string, index: number): string {
  return group === '' ? `vars/${index}` : `${group}/vars/${index}`;
}

/** The path of every variable, in Keras's order. */
export function weightPaths(root: SavedObject): WeightPath[] {
  return savedGroups(root).flatMap(({ group, object }) =>
    object.variables.map((variable, i) => ({ path: variablePath(group, i), group, owner: object, variable })),
  );
}

/** How `collectWeights` treats a file. */
export interface CollectOptions {
  /** The file's name, for errors. */
  readonly file?: string;
  /** Leave out what is missing or of another shape instead of throwing. */
  readonly skipMismatch?: boolean;
}

/**
 * The array of every variable of `root`, in the order of `weightPaths`; undefined only with `skipMismatch`.
 * Throws one `format` error that lists all that is missing, unexpected, or of another shape.
 */
export function collectWeights(
  root: SavedObject,
  tree: WeightTree,
  { file = 'weights', skipMismatch = false }: CollectOptions = {},
): (StoredArray | undefined)[] {
  const paths = weightPaths(root);
  const problems: string[] = [];
  const wanted = new Set<string>();
  const out = paths.map(({ path, owner, variable }) => {
    wanted.add(path);
    const array = findArray(tree, path);
    const label = `${path} (${variable.name} of ${owner.name ?? owner.className})`;
    if (array === undefined) {
      problems.push(`missing: ${label}, shape ${formatShape(variable.shape)}`);
      return undefined;
    }
    if (!sameShape(array.shape, variable.shape)) {
      problems.push(
        `wrong shape: ${label} is ${formatShape(array.shape)}, the model wants ${formatShape(variable.shape)}`,
      );
      return undefined;
    }
    return array;
  });
  for (const [path, { shape }] of tree.arrays) {
    if (!wanted.has(path) && !isForeign(path)) {
      const name = tree.names.get(path.replace(/\/?vars\/[^/]*$/, ''));
      problems.push(`unexpected: ${path}${name === undefined ? '' : ` (of ${name})`}, shape ${formatShape(shape)}`);
    }
  }
  if (problems.length > 0 && !skipMismatch) {
    const details: FoveaErrorDetails = {
      code: 'format',
      message: `the weights do not fit the model: ${problems.length} ${problems.length === 1 ? 'mismatch' : 'mismatches'}.`,
      lines: problems.length > 40 ? [...problems.slice(0, 40), `and ${problems.length - 40} more`] : problems,
      hint: 'Build the same model as the one that was saved, or pass skipMismatch to load what fits.',
      path: file,
    };
    throw new FoveaError(details);
  }
  return out;
}

function findArray(tree: WeightTree, path: string): StoredArray | undefined {
  // TensorFlow 2.13's first .keras files called the list of layers otherwise.
  return tree.arrays.get(path) ?? tree.arrays.get(path.replaceAll('layers/', '_layer_checkpoint_dependencies/'));
}

/** Arrays that are no model weights: the optimizer's, and the state of random generators, which older Keras saved. */
function isForeign(path: string): boolean {
  return (
    path.startsWith('optimizer/') || /(^|\/)(seed_generator|_random_generator)\//.test(path) || path.startsWith('_')
  );
}

/** The tree of a model's weights for `writeKerasArchive` or `writeWeights`. `arrays` go with `weightPaths(root)`. */
export function makeWeightTree(root: SavedObject, arrays: readonly StoredArray[]): WeightTree {
  const paths = weightPaths(root);
  if (paths.length !== arrays.length) {
    throw new FoveaError({
      code: 'argument',
      op: 'makeWeightTree',
      message: `${arrays.length} arrays for ${paths.length} variables.`,
      got: arrays.length,
      want: paths.length,
    });
  }
  const names = new Map<string, string>();
  // Keras gives every named object a group, with variables or without.
  for (const { group, object } of savedGroups(root)) if (object.name !== null) names.set(group, object.name);
  return { arrays: new Map(paths.map(({ path }, i) => [path, arrays[i] as StoredArray])), names };
}

/** A weight tree as HDF5 groups: `<group>/vars/<i>`, with the owner's name as attribute of `vars`. */
export function weightTreeToHdf5({ arrays, names }: WeightTree): MutableHdf5Group {
  const root = hdf5Group();
  const groupAt = (path: string): MutableHdf5Group => {
    let group = root;
    for (const part of path.split('/')) {
      let next = group.groups.get(part);
      if (next === undefined) {
        next = hdf5Group();
        group.groups.set(part, next);
      }
      group = next;
    }
    return group;
  };
  for (const [group, name] of names) groupAt(group === '' ? 'vars' : `${group}/vars`).attributes.set('name', name);
  for (const [path, array] of arrays) {
    const slash = path.lastIndexOf('/');
    // The attribute tells Python what the two opaque bytes are.
    const attributes = new Map(array.dtype === 'bfloat16' ? [['dtype', 'bfloat16']] : []);
    const dataset = { shape: array.shape, dtype: array.dtype, data: () => array.data(), attributes };
    groupAt(path.slice(0, slash)).datasets.set(path.slice(slash + 1), dataset);
  }
  return root;
}

/** The weight tree in HDF5 groups. */
export function weightTreeFromHdf5(root: Hdf5Group): WeightTree {
  const arrays = new Map<string, StoredArray>();
  const names = new Map<string, string>();
  const visit = (group: Hdf5Group, path: string): void => {
    const inner = (name: string): string => (path === '' ? name : `${path}/${name}`);
    // By number: '10' comes after '9'.
    const sorted = [...group.datasets].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
    for (const [name, dataset] of sorted) arrays.set(inner(name), dataset);
    for (const [name, child] of group.groups) {
      const owner = child.attributes.get('name');
      if (name === 'vars' && typeof owner === 'string') names.set(path, owner);
      visit(child, inner(name));
    }
  };
  visit(root, '');
  return { arrays, names };
}
