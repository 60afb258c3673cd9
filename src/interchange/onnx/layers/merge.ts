// Sums, products and joins of tensors as Keras's merging layers; numbers that are added or multiplied as Rescaling.
import type { Layer } from '../../../nn/layer.js';
import { Activation } from '../../../nn/layers/activation-layers.js';
import { Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract } from '../../../nn/layers/merge.js';
import { Rescaling } from '../../../nn/layers/other.js';
import type { SymbolicTensor } from '../../../nn/symbolic.js';
import { isIdentity, type SymbolValue } from '../builder.js';
import { isFloatDtype } from '../values.js';
import type { LayerCallSite, LayerMaker } from './call-site.js';

/** All inputs as symbols of one rank and float type, stored in one order: that of the first that is not in ONNX's. */
function alike(site: LayerCallSite): { tensors: SymbolicTensor[]; like: SymbolValue } | undefined {
  const values = site.inputs.map((_, i) => site.symbol(i));
  const symbols = values.filter((each) => each !== undefined);
  const [first] = symbols;
  if (first === undefined || symbols.length !== values.length) return undefined;
  if (symbols.some(({ order, dtype }) => order.length !== first.order.length || !isFloatDtype(dtype))) return undefined;
  const like = symbols.find(({ order }) => !isIdentity(order)) ?? first;
  return { tensors: symbols.map((each) => site.builder.stored(each, like.order)), like };
}

const merge =
  (make: (name: string) => Layer): LayerMaker =>
  (site) => {
    if (site.inputs.length < 2) return false;
    const found = alike(site);
    return found !== undefined && site.finish(make(site.builder.nameOf(site.node)), found.tensors, found.like);
  };

/** The one number of a constant that changes no shape. */
function numberAt(site: LayerCallSite, index: number, rank: number): number | undefined {
  const value = site.constant(index);
  if (value === undefined || value.data.length !== 1 || value.shape.length > rank) return undefined;
  const number = value.data[0] as number;
  return Number.isFinite(number) ? number : undefined;
}

function rescaled(
  site: LayerCallSite,
  to: (number: number, isFirst: boolean) => { scale: number; offset: number } | undefined,
): boolean {
  const index = site.symbol(0) === undefined ? 1 : 0;
  const x = site.symbol(index);
  if (x === undefined || !isFloatDtype(x.dtype)) return false;
  const number = numberAt(site, 1 - index, x.order.length);
  const settings = number === undefined ? undefined : to(number, index === 1);
  return (
    settings !== undefined &&
    site.finish(new Rescaling({ ...settings, name: site.builder.nameOf(site.node) }), [x.tensor], x)
  );
}

const add: LayerMaker = (site) =>
  rescaled(site, (offset) => ({ scale: 1, offset })) || merge((name) => new Add({ name }))(site);

const subtract: LayerMaker = (site) =>
  rescaled(site, (number, isFirst) => (isFirst ? { scale: -1, offset: number } : { scale: 1, offset: -number })) ||
  merge((name) => new Subtract({ name }))(site);

/** x times its sigmoid is one activation. */
function gated(site: LayerCallSite): boolean {
  for (const [gate, other] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const [name, x] = [site.node.inputs[gate] as string, site.symbol(other)];
    const maker = site.builder.makerOf(name);
    const isOwn = maker?.inputs[0] === site.node.inputs[other] && site.builder.onlyReader(name) === site.node;
    if (x === undefined || maker === undefined || !isOwn) continue;
    const isHard = maker.opType === 'HardSigmoid' && isSixth(maker.attributes.alpha);
    if (maker.opType !== 'Sigmoid' && !isHard) continue;
    const activation = isHard ? 'hardSilu' : 'silu';
    return site.finish(new Activation({ activation, name: site.builder.nameOf(site.node) }), [x.tensor], x);
  }
  return false;
}

function isSixth(value: unknown): boolean {
  return typeof value === 'number' && Math.abs(value - 1 / 6) < 1e-6;
}

const multiply: LayerMaker = (site) =>
  gated(site) || rescaled(site, (scale) => ({ scale, offset: 0 })) || merge((name) => new Multiply({ name }))(site);

const divide: LayerMaker = (site) =>
  rescaled(site, (number, isFirst) => (isFirst || number === 0 ? undefined : { scale: 1 / number, offset: 0 }));

const concat: LayerMaker = (site) => {
  const [only] = site.inputs;
  if (only !== undefined && site.inputs.length === 1) {
    site.builder.alias(site.output, only);
    return true;
  }
  const found = alike(site);
  if (found === undefined) return false;
  const rank = found.like.order.length;
  const axis = site.axis(site.int('axis', 1), rank);
  const place = axis === undefined ? 0 : found.like.order.indexOf(axis);
  if (place === 0) return false;
  const layer = new Concatenate({ axis: place === rank - 1 ? -1 : place, name: site.builder.nameOf(site.node) });
  return site.finish(layer, found.tensors, found.like);
};

export const mergeLayers: Readonly<Record<string, LayerMaker>> = {
  Add: add,
  Sub: subtract,
  Mul: multiply,
  Div: divide,
  Sum: merge((name) => new Add({ name })),
  Mean: merge((name) => new Average({ name })),
  Max: merge((name) => new Maximum({ name })),
  Min: merge((name) => new Minimum({ name })),
  Concat: concat,
};
