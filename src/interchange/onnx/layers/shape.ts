// Other shapes: what only renames axes needs no layer, what keeps the batch is Keras's Flatten or Reshape.
import { sizeOf } from '../../../core/shape.js';
import type { OnnxDtype } from '../../../formats/onnx-schema.js';
import { Flatten, Reshape } from '../../../nn/layers/reshaping.js';
import type { SymbolicTensor } from '../../../nn/symbolic.js';
import { identityOrder, lastOrder, type SymbolValue, sameOrder } from '../builder.js';
import type { LayerCallSite, LayerMaker } from './call-site.js';

/** Whether the elements lie in ONNX's order whatever the axes' order says: axes of one place do not count. */
function liesInOrder(site: LayerCallSite, x: SymbolValue): boolean {
  const shape = site.shape(x);
  const long = x.order.filter((axis) => shape[axis] !== 1);
  return long.every((axis, i) => i === 0 || axis > (long[i - 1] as number));
}

/** x with its elements in ONNX's order, if only in memory. */
function inOrder(site: LayerCallSite, x: SymbolValue): SymbolicTensor {
  return liesInOrder(site, x) ? x.tensor : site.builder.plain(x);
}

/** The batch stays, all else becomes one axis. */
function flatten(site: LayerCallSite, x: SymbolValue): boolean {
  const { builder } = site;
  if (x.order[0] !== 0) return false;
  const name = builder.nameOf(site.node);
  const shape = site.shape(x).slice(1);
  const isPicture = sameOrder(x.order, lastOrder(x.order.length)) && shape.every((dim) => dim !== null);
  const next = builder.onlyReader(site.output);
  const isForDense =
    next !== undefined && (next.opType === 'Gemm' || next.opType === 'MatMul') && next.inputs[0] === site.output;
  if (isPicture && isForDense && !liesInOrder(site, x)) {
    // The rows of the matrix behind it are put in the order of the elements instead.
    const [channels, ...pixels] = shape as number[];
    const [y] = builder.apply(site.node, new Flatten({ name }), [x.tensor]);
    const flattened = { channels: channels as number, pixels: sizeOf(pixels) };
    builder.define(site.output, y as SymbolicTensor, [0, 1], x.dtype, { flattened });
    return true;
  }
  return site.finish(new Flatten({ name }), [inOrder(site, x)], { order: [0, 1], dtype: x.dtype });
}

/** A shape whose first axis is the batch's, as a Reshape layer. */
function reshaped(site: LayerCallSite, x: SymbolValue, sizes: readonly number[]): boolean {
  if (x.order[0] !== 0) return false;
  if (sizes.length === 1 && site.shape(x).length === 2) {
    return site.finish(new Flatten({ name: site.builder.nameOf(site.node) }), [inOrder(site, x)], {
      order: [0, 1],
      dtype: x.dtype,
    });
  }
  const layer = new Reshape({ targetShape: sizes, name: site.builder.nameOf(site.node) });
  return site.finish(layer, [inOrder(site, x)], { order: identityOrder(sizes.length + 1), dtype: x.dtype });
}

/** The shape Reshape asks for without the batch, where its first axis is the batch whatever that is. */
function sizesBehindBatch(site: LayerCallSite, x: SymbolValue): readonly number[] | undefined {
  const shape = site.shape(x);
  const [batch, ...inner] = shape;
  if (batch !== null || inner.some((dim) => dim === null)) return undefined;
  const count = sizeOf(inner as number[]);
  const value = site.inputs[1];
  const probed = value?.kind === 'shape' ? site.builder.probe(value) : undefined;
  const first = probed === undefined ? site.numbers(1) : Array.from(probed[0].data as ArrayLike<number>);
  const second = probed === undefined ? first : Array.from(probed[1].data as ArrayLike<number>);
  if (first === undefined || second === undefined || first.length < 2) return undefined;
  const [lead, ...rest] = first as [number, ...number[]];
  if (first.includes(0) && site.flag('allowzero')) return undefined;
  // The batch moves the first size alone.
  if (rest.some((dim, i) => dim !== second[i + 1])) return undefined;
  const sizes = rest.map((dim, i) => (dim === 0 ? ((inner[i] as number | undefined) ?? 0) : dim));
  const known = sizeOf(sizes.filter((dim) => dim !== -1));
  const isOpen = sizes.includes(-1);
  const fits = isOpen ? known > 0 && count % known === 0 : known === count;
  if (!fits) return undefined;
  // -1 in front is the batch where the others make one example; a number is, too: models are fixed to a batch of 1 by export.
  const isBatch =
    lead === 0 ||
    (lead === -1 && !isOpen) ||
    (probed !== undefined && lead === 2 && second[0] === 3) ||
    (probed === undefined && lead === 1 && site.hasBatchOfOne);
  return isBatch ? sizes.map((dim) => (dim === -1 ? count / known : dim)) : undefined;
}

const reshape: LayerMaker = (site) => {
  const x = site.symbol(0);
  if (x === undefined) return false;
  const sizes = sizesBehindBatch(site, x);
  if (sizes === undefined) return false;
  return sizes.length === 1 ? flatten(site, x) : reshaped(site, x, sizes);
};

const flattenNode: LayerMaker = (site) => {
  const x = site.symbol(0);
  return x !== undefined && site.axis(site.int('axis', 1), x.order.length + 1) === 1 && flatten(site, x);
};

/** Only the names of the axes change. */
const transpose: LayerMaker = (site) => {
  const x = site.symbol(0);
  if (x === undefined) return false;
  const rank = x.order.length;
  const perm = site.ints('perm') ?? identityOrder(rank).reverse();
  if (perm.length !== rank || !identityOrder(rank).every((axis) => perm.includes(axis)))
    throw site.error(`perm ${perm.join(', ')} is not valid for ${rank} axes.`);
  site.builder.define(
    site.output,
    x.tensor,
    x.order.map((axis) => perm.indexOf(axis)),
    x.dtype as OnnxDtype,
  );
  return true;
};

/** Axes of size 1 come or go: a Reshape layer where every size behind the batch is known. */
const squeeze: LayerMaker = (site) => {
  const x = site.symbol(0);
  const listed = site.ints('axes') ?? site.numbers(1);
  if (x === undefined || listed === undefined) return false;
  const shape = site.shape(x);
  const axes = listed.map((axis) => site.axis(axis, shape.length));
  if (axes.some((axis) => axis === undefined || axis === 0 || shape[axis] !== 1)) return false;
  const sizes = shape.filter((_, axis) => axis > 0 && !axes.includes(axis));
  if (shape[0] !== null || sizes.length === 0 || sizes.some((dim) => dim === null)) return false;
  return sizes.length === 1 ? flatten(site, x) : reshaped(site, x, sizes as number[]);
};

const unsqueeze: LayerMaker = (site) => {
  const x = site.symbol(0);
  const listed = site.ints('axes') ?? site.numbers(1);
  if (x === undefined || listed === undefined) return false;
  const shape = site.shape(x);
  const rank = shape.length + listed.length;
  const axes = listed.map((axis) => site.axis(axis, rank));
  if (axes.some((axis) => axis === undefined || axis === 0) || shape[0] !== null) return false;
  const rest = shape.slice(1);
  if (rest.some((dim) => dim === null)) return false;
  const sizes = Array.from({ length: rank - 1 }, (_, i) => (axes.includes(i + 1) ? 1 : (rest.shift() as number)));
  return reshaped(site, x, sizes);
};

const identity: LayerMaker = (site) => {
  const [value] = site.inputs;
  if (value === undefined) return false;
  site.builder.alias(site.output, value);
  return true;
};

export const shapeLayers: Readonly<Record<string, LayerMaker>> = {
  Reshape: reshape,
  Flatten: flattenNode,
  Transpose: transpose,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Identity: identity,
};
