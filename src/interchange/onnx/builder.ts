// Makes layers of nodes. A value is a constant, a symbolic tensor with the order in which its axes are stored, or something
// that follows from shapes alone and is computed wherever it is needed.
import { FoveaError } from '../../core/errors.js';
import { formatShape, sizeOf } from '../../core/shape.js';
import type { OnnxDtype } from '../../formats/onnx-schema.js';
import type { Layer } from '../../nn/layer.js';
import { permute } from '../../nn/layers/index.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { Attributes, describeNode, namesRead, type OperatorNode, operatorKey } from './attributes.js';
import { type Cluster, collect, isOpen, outputFacts, probeCluster } from './cluster.js';
import { evaluateNode, runWaiting, Scope } from './evaluate.js';
import { OnnxOperation, type OperationPort } from './operation.js';
import { realiseAll } from './session.js';
import { SharedLayers } from './shared-layers.js';
import { hostOperators } from './tables.js';
import { engineDtype, type HostValue, type TensorValue } from './values.js';

/** Elements known when the model is made. `source` is the initializer that they came from. */
export interface ConstantValue {
  readonly kind: 'constant';
  readonly value: HostValue;
  readonly source: string | undefined;
}

/** A tensor of the model: stored axis i is ONNX's axis `order[i]`. */
export interface SymbolValue {
  readonly kind: 'symbol';
  readonly name: string;
  readonly dtype: OnnxDtype;
  readonly tensor: SymbolicTensor;
  readonly order: readonly number[];
  /** Of a flattened picture: the sizes that were flattened in stored order, channels last; see `flatten`. */
  readonly flattened?: { readonly channels: number; readonly pixels: number };
}

/** What follows from shapes, and is computed where it is needed. */
export interface ShapeValue {
  readonly kind: 'shape';
  readonly name: string;
  readonly dtype: OnnxDtype;
  readonly cluster: Cluster;
}

/** A tensor in which the batch is no axis of its own: the nodes that make it become part of the layer that reads it. */
export interface PendingValue {
  readonly kind: 'pending';
  readonly name: string;
  readonly dtype: OnnxDtype;
  readonly cluster: Cluster;
}

export type BuildValue = ConstantValue | SymbolValue | ShapeValue | PendingValue;

/** Weights for a layer, in the order of `layer.weights`, made when they are needed. */
export interface WeightMaker {
  readonly size: number;
  /** The constant that they are made from, and how: makers of one constant that say the same make the same. */
  readonly from: HostValue;
  readonly way: string;
  readonly make: () => Float32Array | Int32Array | Uint8Array;
}

// Of a constant that the graph computes; it is made when the model is.
const MOST_FOLDED = 2 ** 26;

// These mix the axes: storing what they give channels last would only move it.
const MIXERS: readonly string[] = ['MatMul', 'Gemm', 'Einsum', 'Reshape', 'Flatten', 'LSTM', 'GRU', 'RNN', 'Softmax'];

export const identityOrder = (rank: number): number[] => Array.from({ length: rank }, (_, axis) => axis);
/** Batch, spatial axes, channels. */
export const lastOrder = (rank: number): number[] => [0, ...identityOrder(rank - 2).map((axis) => axis + 2), 1];
export const isIdentity = (order: readonly number[]): boolean => order.every((axis, i) => axis === i);
export const sameOrder = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((axis, i) => axis === b[i]);

export class Builder {
  readonly values = new Map<string, BuildValue>();
  /** How often each value is read. */
  private readonly uses = new Map<string, number>();
  private readonly readers = new Map<string, OperatorNode>();
  /** Nodes that another's layer took in. */
  readonly taken = new Set<OperatorNode>();
  private readonly names = new Set<string>();
  private readonly permuted = new Map<SymbolicTensor, Map<string, SymbolicTensor>>();
  private readonly makers = new Map<string, OperatorNode>();
  private readonly shared = new SharedLayers();
  /** Whether the file fixes the batch to 1: then a 1 in front of a shape stands for the batch. */
  hasBatchOfOne = false;

  constructor(nodes: readonly OperatorNode[], outputs: readonly string[]) {
    for (const node of nodes) {
      for (const name of namesRead(node)) {
        this.uses.set(name, (this.uses.get(name) ?? 0) + 1);
        this.readers.set(name, node);
      }
      for (const name of node.outputs) this.makers.set(name, node);
    }
    // What leaves the model must stay what it is.
    for (const name of outputs) this.uses.set(name, (this.uses.get(name) ?? 0) + 2);
  }

  /** The only node that reads a value, or undefined. */
  onlyReader(name: string): OperatorNode | undefined {
    return this.uses.get(name) === 1 ? this.readers.get(name) : undefined;
  }

  /** Whether a value is read more often than another. */
  isReadMore(name: string, other: string): boolean {
    return (this.uses.get(name) ?? 0) > (this.uses.get(other) ?? 0);
  }

  isRead(name: string): boolean {
    return (this.uses.get(name) ?? 0) > 0;
  }

  /** The node that makes a value. */
  makerOf(name: string): OperatorNode | undefined {
    return this.makers.get(name);
  }

  get(name: string): BuildValue {
    const value = this.values.get(name);
    if (value !== undefined) return value;
    // An operator that runs graphs gives fewer outputs than the file says.
    throw new FoveaError({
      code: 'format',
      op: 'onnx',
      message: `the value '${name}' is read, but no node has made it.`,
    });
  }

  /** A layer's name from a node's or a weight's, none of them twice; Keras wants no slash in it. */
  nameFor(wanted: string): string {
    const plain = wanted.replaceAll(/[^\w.-]+/g, '_').replaceAll(/^[_.]+|[_.]+$/g, '') || 'layer';
    let name = plain;
    for (let i = 1; this.names.has(name); i++) name = `${plain}_${i}`;
    this.names.add(name);
    return name;
  }

  /** The name for a node's layer: that of the module whose weight it has, else its own. */
  nameOf(node: OperatorNode, weight?: string): string {
    const path = weight?.match(/^([A-Za-z_][\w.]*)\.(weight|bias|gamma|beta|kernel)(_quantized)?$/)?.[1];
    if (path !== undefined) return this.nameFor(path);
    return this.nameFor(node.name === '' ? `${node.opType.toLowerCase()}_${node.outputs[0] ?? ''}` : node.name);
  }

  /** Applies a layer and gives its weights their values. Errors name the node. */
  apply(
    node: OperatorNode,
    layer: Layer,
    inputs: readonly SymbolicTensor[],
    weights: readonly WeightMaker[] = [],
  ): readonly SymbolicTensor[] {
    try {
      const key = this.shared.keyOf(layer, weights);
      const before = this.shared.layers.get(key ?? '');
      if (before !== undefined) return before.applySymbolic(inputs, inputs.length > 1);
      const outputs = layer.applySymbolic(inputs, inputs.length > 1);
      if (key !== undefined) this.shared.layers.set(key, layer);
      layer.weights.forEach((weight, i) => {
        const maker = weights[i];
        if (maker === undefined) return;
        const { size, make } = maker;
        if (size !== weight.size) {
          throw new FoveaError({
            code: 'shape',
            op: node.opType,
            message: `needs ${weight.size} values for its ${weight.name} of shape ${formatShape(weight.shape)}; the file has ${size}.`,
            got: size,
            want: weight.size,
          });
        }
        weight.setLater(make);
      });
      return outputs;
    } catch (error) {
      throw error instanceof FoveaError ? error.at(describeNode(node)) : error;
    }
  }

  /** The tensor stored in another order of axes; a layer is added where it is stored otherwise. */
  stored(value: SymbolValue, order: readonly number[]): SymbolicTensor {
    if (sameOrder(value.order, order)) return value.tensor;
    const axes = order.map((axis) => value.order.indexOf(axis));
    const key = axes.join();
    const known = this.permuted.get(value.tensor) ?? new Map<string, SymbolicTensor>();
    this.permuted.set(value.tensor, known);
    const before = known.get(key);
    if (before !== undefined) return before;
    const made = axes[0] === 0 ? this.permute(value, axes) : this.transpose(value, axes);
    known.set(key, made);
    return made;
  }

  private permute({ tensor, name }: SymbolValue, axes: readonly number[]): SymbolicTensor {
    const dims = axes.slice(1);
    return permute({ dims, name: this.nameFor(`${name}_permute`) }).apply(tensor);
  }

  /** Keras's Permute leaves the batch where it is. */
  private transpose({ tensor, name, dtype, order }: SymbolValue, axes: readonly number[]): SymbolicTensor {
    const plain = identityOrder(order.length);
    const node: OperatorNode = {
      opType: 'Transpose',
      domain: '',
      name,
      opset: 13,
      inputs: ['x'],
      outputs: ['y'],
      attributes: { perm: axes },
    };
    const layer = OnnxOperation.of(
      {
        nodes: [node],
        inputs: [{ name: 'x', dtype, order: plain }],
        outputs: [{ name: 'y', dtype, order: plain }],
        constants: new Map(),
        parameters: [],
      },
      { name: this.nameFor(`${name}_transpose`) },
    );
    return layer.apply(tensor);
  }

  /** In ONNX's own order. */
  plain(value: SymbolValue): SymbolicTensor {
    return this.stored(value, identityOrder(value.order.length));
  }

  channelsLast(value: SymbolValue): SymbolicTensor {
    return this.stored(value, lastOrder(value.order.length));
  }

  define(
    name: string,
    tensor: SymbolicTensor,
    order: readonly number[],
    dtype: OnnxDtype,
    more: Partial<SymbolValue> = {},
  ): void {
    this.values.set(name, { kind: 'symbol', name, dtype, tensor, order, ...more });
  }

  /** Another name for a value. */
  alias(name: string, value: BuildValue): void {
    this.values.set(name, value);
  }

  /** Computes a node; all that it reads is known. */
  async fold(node: OperatorNode, inputs: readonly (ConstantValue | undefined)[]): Promise<void> {
    const count = node.inputs.length;
    const values = inputs.slice(0, count).map((each) => each?.value);
    const scope = new Scope();
    namesRead(node).forEach((name, i) => {
      const value = inputs[i]?.value;
      if (i >= count && value !== undefined) scope.set(name, value);
    });
    const realise = (tensors: readonly TensorValue[]): Promise<HostValue[]> => {
      const large = tensors.find(({ tensor }) => tensor.size > MOST_FOLDED);
      if (large === undefined) return realiseAll(tensors);
      throw new Attributes(node).error(`makes a constant of ${formatShape(large.shape)}, which is too large.`);
    };
    const outputs = await runWaiting(evaluateNode(node, values, scope), realise);
    const tensors = outputs.map((each) => (each.kind === 'tensor' ? each : undefined));
    const wanted = tensors.filter((each) => each !== undefined);
    const hosts = new Map((await realise(wanted)).map((host, i) => [wanted[i], host]));
    const source = inputs.find((each) => each?.source !== undefined)?.source;
    node.outputs.forEach((name, i) => {
      const value = outputs[i];
      if (name === '' || value === undefined) return;
      const host = value.kind === 'tensor' ? hosts.get(value) : value;
      if (host?.kind !== 'host')
        throw new Attributes(node).error('makes a sequence, which no layer holds.', 'unsupported');
      this.values.set(name, { kind: 'constant', value: host, source });
    });
  }

  /** Notes a node that follows from shapes; a constant where it is the same for every batch. False where it is none. */
  defer(node: OperatorNode, inputs: readonly (BuildValue | undefined)[]): boolean {
    const readsShape = node.domain === '' && (node.opType === 'Shape' || node.opType === 'Size');
    const follows =
      readsShape ||
      (inputs.every((each) => each?.kind !== 'symbol' && each?.kind !== 'pending') &&
        inputs.some((each) => each?.kind === 'shape') &&
        hostOperators.has(operatorKey(node)));
    if (!follows) return false;
    const cluster = collect(node, inputs, true);
    for (const name of node.outputs) {
      if (name === '') continue;
      const value: ShapeValue = { kind: 'shape', name, dtype: 'int64', cluster };
      const [first, second] = this.probe(value) ?? [];
      const isSame =
        first !== undefined &&
        second !== undefined &&
        sizeOf(first.shape) === sizeOf(second.shape) &&
        first.data.every((each: unknown, i: number) => each === second.data[i]);
      const dtype = first?.dtype ?? 'int64';
      this.values.set(name, isSame ? { kind: 'constant', value: first, source: undefined } : { ...value, dtype });
    }
    return true;
  }

  /** What a value that follows from shapes is for batches of 2 and of 3; undefined where other sizes are unknown, too. */
  probe({ name, cluster }: ShapeValue): [HostValue, HostValue] | undefined {
    if (isOpen(cluster) || cluster.roots.size === 0) return undefined;
    const [[first], [second]] = probeCluster(cluster, [name]);
    return first?.kind === 'host' && second?.kind === 'host' ? [first, second] : undefined;
  }

  /**
   * A node as a layer of its own kind, its inputs as they are stored. Where the batch is no axis of what it gives, the node
   * waits for those behind it, unless `isLast`.
   */
  operation(node: OperatorNode, inputs: readonly (BuildValue | undefined)[], isLast = false): void {
    const collected = collect(node, inputs, false);
    const roots = new Map([...collected.roots].map(([name, root]) => [name, this.unflattened(root)] as const));
    const cluster = { ...collected, roots };
    const { constants, parameters } = cluster;
    if (roots.size === 0)
      throw new Attributes(node).error('has no input that depends on those of the model.', 'unsupported');
    const names = node.outputs.filter((name) => name !== '' && (this.isRead(name) || node.outputs.length === 1));
    const facts = outputFacts(cluster, names);
    if (!isLast && facts.some(({ batchAxis }) => batchAxis === undefined)) {
      for (const { name, dtype } of facts) this.values.set(name, { kind: 'pending', name, dtype, cluster });
      return;
    }
    const list = [...roots];
    const wanted = this.orderFor(node, [...roots.values()]);
    const outputs = facts.map(({ name, dtype, rank, batchAxis }): OperationPort => {
      if (wanted?.length === rank && (batchAxis === 0 || batchAxis === 'none')) return { name, dtype, order: wanted };
      const first = typeof batchAxis === 'number' ? batchAxis : 0;
      const order = rank === 0 ? [] : [first, ...identityOrder(rank).filter((axis) => axis !== first)];
      return { name, dtype, order };
    });
    // Those that are trained come first, as in `layer.weights`.
    const kept = [...parameters].sort(([, a], [, b]) => Number(b.isLearned) - Number(a.isLearned));
    const layer = OnnxOperation.of(
      {
        nodes: cluster.nodes,
        inputs: list.map(([name, { dtype, order }]) => ({ name, dtype, order })),
        outputs,
        constants,
        parameters: kept.map(([name, { value, isLearned }]) => ({
          name,
          dtype: value.dtype,
          shape: value.shape,
          isTrainable: isLearned,
        })),
      },
      { name: this.nameOf(node, kept[0]?.[0]) },
    );
    const made = this.apply(
      node,
      layer,
      list.map(([, { tensor }]) => tensor),
      kept.map(([, { value }]) => ({
        size: value.data.length,
        from: value,
        way: '',
        make: () => elementsOf(value),
      })),
    );
    outputs.forEach(({ name, dtype, order }, i) => {
      this.define(name, made[i] as SymbolicTensor, order, dtype);
    });
  }

  /** The order for what a node makes: that of its inputs, where they agree on one that pictures have. */
  private orderFor(node: OperatorNode, inputs: readonly SymbolValue[]): readonly number[] | undefined {
    if (MIXERS.includes(node.opType)) return undefined;
    return inputs.find(({ order }) => !isIdentity(order) && sameOrder(order, lastOrder(order.length)))?.order;
  }

  /** A flattened picture in ONNX's order of elements. */
  unflattened(value: SymbolValue): SymbolValue {
    if (value.flattened === undefined) return value;
    const { channels, pixels } = value.flattened;
    const shape = [channels, pixels];
    const node = (
      opType: string,
      inputs: string[],
      outputs: string[],
      attributes: OperatorNode['attributes'],
    ): OperatorNode => ({ opType, domain: '', name: value.name, opset: 13, inputs, outputs, attributes });
    const nodes = [
      node('Reshape', ['x', 'parts'], ['split'], {}),
      node('Transpose', ['split'], ['turned'], { perm: [0, 2, 1] }),
      node('Flatten', ['turned'], ['y'], { axis: 1 }),
    ];
    const parts: HostValue = {
      kind: 'host',
      dtype: 'int64',
      shape: [3],
      data: Float64Array.of(-1, shape[1] as number, shape[0] as number),
    };
    const layer = OnnxOperation.of(
      {
        nodes,
        inputs: [{ name: 'x', dtype: value.dtype, order: [0, 1] }],
        outputs: [{ name: 'y', dtype: value.dtype, order: [0, 1] }],
        constants: new Map([['parts', parts]]),
        parameters: [],
      },
      { name: this.nameFor(`${value.name}_reorder`) },
    );
    const { flattened, ...rest } = value;
    const made = { ...rest, tensor: layer.apply(value.tensor) };
    this.values.set(value.name, made);
    return made;
  }
}

/** A weight's elements: floats, or what the engine holds for integers. */
export function elementsOf({ dtype, data }: HostValue): Float32Array | Int32Array | Uint8Array {
  const numbers = data as Float64Array;
  const target = engineDtype(dtype);
  if (target === 'float32') return Float32Array.from(numbers);
  return target === 'int32' ? Int32Array.from(numbers) : Uint8Array.from(numbers);
}
