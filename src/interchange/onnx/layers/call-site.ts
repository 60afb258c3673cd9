// What the makers of layers see of a node.
import type { Shape } from '../../../core/shape.js';
import type { Layer } from '../../../nn/layer.js';
import type { PartialShape, SymbolicTensor } from '../../../nn/symbolic.js';
import { Attributes, type OperatorNode } from '../attributes.js';
import {
  type Builder,
  type BuildValue,
  type ConstantValue,
  lastOrder,
  type SymbolValue,
  type WeightMaker,
} from '../builder.js';
import { shapeOf } from '../cluster.js';
import type { HostValue } from '../values.js';

/** Makes the layer of a node; false leaves it to an operation layer. */
export type LayerMaker = (site: LayerCallSite) => boolean;

export class LayerCallSite extends Attributes {
  constructor(
    node: OperatorNode,
    readonly inputs: readonly (BuildValue | undefined)[],
    readonly builder: Builder,
  ) {
    super(node);
  }

  /** An input that is computed, in ONNX's order of elements. */
  symbol(index: number): SymbolValue | undefined {
    const value = this.inputs[index];
    return value?.kind === 'symbol' ? this.builder.unflattened(value) : undefined;
  }

  constant(index: number): HostValue | undefined {
    const value = this.inputs[index];
    return value?.kind === 'constant' && value.value.dtype !== 'string' ? value.value : undefined;
  }

  /** The initializer that a constant came from. */
  source(index: number): string | undefined {
    const value = this.inputs[index];
    return value?.kind === 'constant' ? (value as ConstantValue).source : undefined;
  }

  /** Plain numbers of a constant. */
  numbers(index: number): number[] | undefined {
    const value = this.constant(index);
    return value === undefined ? undefined : Array.from(value.data as ArrayLike<number>);
  }

  isGiven(index: number): boolean {
    return this.inputs[index] !== undefined;
  }

  /** Whether nobody reads the outputs behind the first. */
  get hasOneOutput(): boolean {
    return this.node.outputs.slice(1).every((name) => name === '' || !this.builder.isRead(name));
  }

  /** Whether the file fixes the batch to 1. */
  get hasBatchOfOne(): boolean {
    return this.builder.hasBatchOfOne;
  }

  get output(): string {
    return this.node.outputs[0] as string;
  }

  /** Axes of a value in ONNX's order that are counted from the end where negative; undefined where one does not exist. */
  axis(axis: number, rank: number): number | undefined {
    const at = axis < 0 ? axis + rank : axis;
    return Number.isInteger(at) && at >= 0 && at < rank ? at : undefined;
  }

  shape(value: SymbolValue): PartialShape {
    return shapeOf(value);
  }

  /** Applies a layer that keeps or says the order, and makes its result the node's first output. */
  finish(
    layer: Layer,
    inputs: readonly SymbolicTensor[],
    like: { order: readonly number[]; dtype: SymbolValue['dtype'] },
    weights: readonly WeightMaker[] = [],
    output = this.output,
  ): true {
    const [made] = this.builder.apply(this.node, layer, inputs, weights);
    this.builder.define(output, made as SymbolicTensor, like.order, like.dtype);
    return true;
  }

  /** The same for a layer that takes and gives channels last. */
  finishLast(layer: Layer, x: SymbolValue, weights: readonly WeightMaker[] = [], output = this.output): true {
    const order = lastOrder(x.order.length);
    return this.finish(layer, [this.builder.channelsLast(x)], { order, dtype: x.dtype }, weights, output);
  }
}

/** Numbers that are written together: a line of the cache. */
const RUN = 16;

/** Elements of a constant with its axes in another order. */
export function permutedElements(
  { data, shape }: { data: HostValue['data']; shape: Shape },
  order: readonly number[],
): Float32Array {
  const from = data as Float32Array;
  const out = new Float32Array(from.length);
  const productsFrom = (sizes: readonly number[]): number[] =>
    sizes.map((_, axis) => sizes.slice(axis + 1).reduce((product, dim) => product * dim, 1));
  const strides = productsFrom(shape);
  const steps = productsFrom(order.map((axis) => shape[axis] as number));
  // Axes of one element move nothing.
  const axes = order.map((axis, to) => ({ axis, size: shape[axis] as number, stride: strides[axis], step: steps[to] }));
  const moving = axes.filter(({ size }) => size !== 1);
  const inner = moving.pop() ?? { size: 1, stride: 1 };
  const stride = inner.stride as number;
  // Runs of the innermost axis; the others in the order in which they are read.
  const { places, targets } = placesOf(moving.sort((a, b) => a.axis - b.axis) as readonly OuterAxis[]);
  for (let first = 0; first < inner.size; first += RUN) {
    moveRuns(out, from, places, targets, first, Math.min(RUN, inner.size - first), stride);
  }
  return out;
}

/** A function of its own is compiled after a few runs, where a long loop waits for it. */
function moveRuns(
  out: Float32Array,
  from: Float32Array,
  places: Uint32Array,
  targets: Uint32Array,
  first: number,
  count: number,
  stride: number,
): void {
  for (let i = 0; i < places.length; i++) {
    let at = (places[i] as number) + first * stride;
    const begin = (targets[i] as number) + first;
    for (let to = begin; to < begin + count; to++) {
      out[to] = from[at] as number;
      at += stride;
    }
  }
}

interface OuterAxis {
  readonly size: number;
  readonly stride: number;
  readonly step: number;
}

/** Where every combination of these axes is read, by their strides, and written, by their steps. */
function placesOf(axes: readonly OuterAxis[]): { places: Uint32Array; targets: Uint32Array } {
  const count = axes.reduce((product, { size }) => product * size, 1);
  const places = new Uint32Array(count);
  const targets = new Uint32Array(count);
  let repeat = count;
  for (const { size, stride, step } of axes) {
    repeat /= size;
    for (let i = 0; i < count; i++) {
      const at = Math.floor(i / repeat) % size;
      places[i] = (places[i] as number) + at * stride;
      targets[i] = (targets[i] as number) + at * step;
    }
  }
  return { places, targets };
}

const floatsOf = ({ data }: HostValue): Float32Array => new Float32Array(data as ArrayLike<number>);

/** A constant as a layer's weight, its axes in another order where one is given. */
export function weightOf(value: HostValue, order?: readonly number[]): WeightMaker {
  return {
    size: value.data.length,
    from: value,
    way: `${order ?? ''}`,
    make: () => (order === undefined ? floatsOf(value) : permutedElements(value, order)),
  };
}
