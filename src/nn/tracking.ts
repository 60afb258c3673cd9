// Layers and metrics that an object holds in its attributes: by these a model of the user's own knows what is inside it.
// As in Keras, lists and plain records are looked into, and files name what they hold by the attribute.
import { toSnakeCase } from './keras-config.js';
import { Layer, type LayerSlot, type LayerTree } from './layer.js';
import type { Metric } from './metrics/metric.js';

/** Attributes of the base classes, which hold layers for other reasons. */
const OWN = new Set(['calls', 'settings', 'row', 'input', 'made', 'trainer']);

function attributes(owner: object): [string, unknown][] {
  return Object.entries(owner).filter(([name]) => !OWN.has(name));
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** The layers in a value: itself, or those of a list or record. Undefined where there are none. */
function treeOf(value: unknown): LayerTree | undefined {
  if (value instanceof Layer) return value;
  const inside = Array.isArray(value) ? value : isPlain(value) ? Object.values(value) : [];
  // A list inside a list stays one: it is a place of its own in files.
  const trees = inside.flatMap((each) => {
    const tree = treeOf(each);
    return tree === undefined ? [] : [tree];
  });
  return trees.length === 0 ? undefined : trees;
}

/** All layers of a tree, in order. */
export function layersIn(tree: LayerTree): readonly Layer[] {
  return tree instanceof Layer ? [tree] : tree.flatMap(layersIn);
}

/** The layers in an object's attributes, each once, in the order in which the attributes were set. */
export function trackedLayers(owner: object): readonly Layer[] {
  const found = attributes(owner).flatMap(([, value]) => layersIn(treeOf(value) ?? []));
  return [...new Set(found)];
}

/**
 * The attributes that hold layers as files keep them: in alphabetical order, those with an underscore last. `more` are slots
 * that take part in that order.
 */
export function trackedSlots(owner: object, more: readonly LayerSlot[] = []): readonly LayerSlot[] {
  const slots = attributes(owner).flatMap(([name, value]): LayerSlot[] => {
    const layers = treeOf(value);
    return layers === undefined ? [] : [{ attribute: toSnakeCase(name), layers }];
  });
  const key = ({ attribute }: LayerSlot): string => attribute.replace(/^_/, '~_');
  return [...slots, ...more].sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

/** The metrics in an object's attributes. */
export function trackedMetrics(owner: object): readonly Metric[] {
  const metricsIn = (value: unknown): readonly Metric[] => {
    if (isMetric(value)) return [value];
    return (Array.isArray(value) ? value : isPlain(value) ? Object.values(value) : []).flatMap(metricsIn);
  };
  return [...new Set(attributes(owner).flatMap(([, value]) => metricsIn(value)))];
}

function isMetric(value: unknown): value is Metric {
  if (typeof value !== 'object' || value === null || value instanceof Layer) return false;
  const { update, result, reset, variables } = value as Partial<Metric>;
  return [update, result, reset].every((each) => typeof each === 'function') && Array.isArray(variables);
}
