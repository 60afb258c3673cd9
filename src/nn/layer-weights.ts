// Weights that a file names `layer/weight`, in a list without the model's structure: tfjs's manifests, and what people
// write to safetensors. Each layer finds its own by its name, else all go by their order.
import { FoveaError } from '../core/errors.js';
import { formatShape, sameShape } from '../core/shape.js';
import type { StoredArray } from '../formats/stored.js';
import type { Variable } from '../graph/variable.js';
import type { Layer } from './layer.js';
import type { TrainableModel } from './model.js';
import { putArray } from './saving.js';

/** Where named weights come from, and whether what does not fit is left out. */
export interface LayerWeightOptions {
  readonly file: string;
  readonly skipMismatch?: boolean;
  /** `name`: only by the names of layers, leaving layers alone that the file does not know. Default: by names, else by order. */
  readonly by?: 'name' | 'either';
}

interface Owner {
  /** All but the last part of the weights' names: `block1/conv`. */
  readonly name: string;
  readonly arrays: { readonly weight: string; readonly array: StoredArray }[];
}

interface Place {
  /** Names of the layers around it, its own last. */
  readonly path: readonly string[];
  readonly layer: Layer;
  readonly weights: readonly Variable[];
}

/** Puts arrays with names such as `conv1/kernel` into a model. Throws one `format` error that lists all that does not fit. */
export function putLayerWeights(
  model: TrainableModel,
  arrays: ReadonlyMap<string, StoredArray>,
  { file, skipMismatch = false, by = 'either' }: LayerWeightOptions,
): void {
  const owners = ownersOf(arrays);
  const places = placesIn(model);
  const found = places.map((place) => ownerOf(place, owners));
  const isByName = found.some((owner) => owner !== undefined);
  const pairs: [Variable, StoredArray][] = [];
  const problems: string[] = [];
  if (!isByName && by === 'either' && places.length === owners.length) {
    places.forEach((place, i) => {
      pairWeights(place, owners[i] as Owner, pairs, problems);
    });
  } else {
    places.forEach((place, i) => {
      const owner = found[i];
      if (owner !== undefined) pairWeights(place, owner, pairs, problems);
      else if (by === 'either') problems.push(`the file has no weights for the layer "${place.path.join('/')}"`);
    });
    const used = new Set(found);
    if (by === 'either')
      for (const owner of owners)
        if (!used.has(owner)) problems.push(`the model has no layer for the file's "${owner.name}"`);
  }
  if (problems.length > 0 && !skipMismatch) throw mismatches(problems, file, 'loadWeights');
  for (const [variable, array] of pairs) putArray(variable, array);
}

/** The error that lists what of a file's weights does not fit a model. */
export function mismatches(problems: readonly string[], file: string, op: string): FoveaError {
  return new FoveaError({
    code: 'format',
    op,
    message: `the weights do not fit the model: ${problems.length} ${problems.length === 1 ? 'mismatch' : 'mismatches'}.`,
    lines: problems.length > 40 ? [...problems.slice(0, 40), `and ${problems.length - 40} more`] : problems,
    path: file,
    hint: 'Build the same model as the one that was saved, or pass skipMismatch to load what fits.',
  });
}

function ownersOf(arrays: ReadonlyMap<string, StoredArray>): Owner[] {
  const owners = new Map<string, Owner>();
  for (const [full, array] of arrays) {
    const name = full.replace(/:\d+$/, '');
    const slash = name.lastIndexOf('/');
    const owner = slash < 0 ? '' : name.slice(0, slash);
    const known = owners.get(owner) ?? { name: owner, arrays: [] };
    owners.set(owner, known);
    known.arrays.push({ weight: name.slice(slash + 1), array });
  }
  return [...owners.values()];
}

/** The layers that own weights, those inside other layers too, each once. */
function placesIn(model: TrainableModel): Place[] {
  const seen = new Set<Layer>();
  const visit = (layer: Layer, path: readonly string[]): Place[] => {
    if (seen.has(layer)) return [];
    seen.add(layer);
    const inside = layer.sublayers.flatMap((each) => visit(each, [...path, each.name]));
    return layer.ownWeights.length === 0 ? inside : [{ path, layer, weights: layer.ownWeights }, ...inside];
  };
  return visit(model, []);
}

/** The weights under a layer's name; where several models inside have a layer of that name, under the names around it, too. */
function ownerOf({ path }: Place, owners: readonly Owner[]): Owner | undefined {
  const named = (depth: number): readonly Owner[] => {
    const end = path.slice(-depth).join('/');
    return owners.filter(({ name }) => name === end || name.endsWith(`/${end}`));
  };
  for (let depth = 1; depth <= path.length; depth++) {
    const some = named(depth);
    if (some.length === 1) return some[0];
    // Both `conv` and `inner/conv`: the shorter is the outer layer's.
    const whole = some.find(({ name }) => name === path.join('/'));
    if (whole !== undefined) return whole;
    if (some.length === 0) return undefined;
  }
  return undefined;
}

/** Keras 3 and Keras 2 call some weights otherwise. */
const plainName = (name: string): string => (name === 'depthwise_kernel' ? 'kernel' : name);

function pairWeights(
  { path, weights }: Place,
  { name, arrays }: Owner,
  pairs: [Variable, StoredArray][],
  problems: string[],
): void {
  const label = path.join('/');
  if (arrays.length !== weights.length)
    problems.push(`layer "${label}" has ${weights.length} weights, "${name}" in the file ${arrays.length}`);
  const find = (weight: Variable): StoredArray | undefined =>
    arrays.find((each) => each.weight === weight.name)?.array ??
    arrays.find((each) => plainName(each.weight) === plainName(weight.name))?.array;
  const isNamed = weights.every((weight) => find(weight) !== undefined);
  weights.forEach((weight, i) => {
    const array = isNamed ? find(weight) : arrays[i]?.array;
    if (array === undefined) return;
    if (sameShape(array.shape, weight.shape)) pairs.push([weight, array]);
    else
      problems.push(
        `${weight.name} of "${label}" is ${formatShape(weight.shape)}, in the file ${formatShape(array.shape)}`,
      );
  });
}
