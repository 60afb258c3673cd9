// Nodes that become one layer: those of a shape with the node that it is for, and those between which the batch is not an axis
// of its own. Running them on placeholders tells what they give.
import { FoveaError } from '../../core/errors.js';
import type { Shape } from '../../core/shape.js';
import { placeholder, whileTracing } from '../../graph/tensor.js';
import { Attributes, namesRead, type OperatorNode } from './attributes.js';
import type { BuildValue, SymbolValue } from './builder.js';
import { evaluateNodes, runWithoutWaiting, Scope } from './evaluate.js';
import { engineDtype, type HostValue, isFloatDtype, type OnnxValue, type TensorValue, tensorValue } from './values.js';

/** An operand that a layer keeps as a weight. */
export interface KeptValue {
  readonly value: HostValue;
  readonly isLearned: boolean;
}

/** Nodes in order, the tensors of the model that they read, and their constants. */
export interface Cluster {
  readonly nodes: readonly OperatorNode[];
  readonly roots: ReadonlyMap<string, SymbolValue>;
  readonly constants: ReadonlyMap<string, HostValue>;
  readonly parameters: ReadonlyMap<string, KeptValue>;
}

// A constant of more elements is a weight of its layer.
const MOST_IN_CONFIG = 64;

/** Which operands of an operator are learned. */
const LEARNED: Readonly<Record<string, readonly number[]>> = {
  Add: [0, 1],
  Sub: [0, 1],
  Mul: [0, 1],
  Div: [0, 1],
  Pow: [0, 1],
  MatMul: [0, 1],
  Gemm: [0, 1, 2],
  Conv: [1, 2],
  ConvTranspose: [1, 2],
  BatchNormalization: [1, 2],
  LayerNormalization: [1, 2],
  InstanceNormalization: [1, 2],
  GroupNormalization: [1, 2],
  RMSNormalization: [1],
  PRelu: [1],
  LSTM: [1, 2, 3, 7],
  GRU: [1, 2, 3],
  RNN: [1, 2, 3],
  Einsum: [0, 1, 2],
  Gather: [0],
  Concat: [0, 1, 2, 3],
  Where: [1, 2],
};

/** A node with all that what it reads brings along; `isShape` leaves every constant on the host. */
export function collect(node: OperatorNode, inputs: readonly (BuildValue | undefined)[], isShape: boolean): Cluster {
  const nodes = new Set<OperatorNode>();
  const roots = new Map<string, SymbolValue>();
  const constants = new Map<string, HostValue>();
  const parameters = new Map<string, KeptValue>();
  const names = namesRead(node);
  inputs.forEach((each, index) => {
    const name = names[index] as string;
    if (each === undefined) return;
    if (each.kind === 'symbol') roots.set(name, each);
    else if (each.kind === 'constant') {
      const { value, source } = each;
      const isOperand = node.domain === '' && (LEARNED[node.opType] ?? []).includes(index);
      const isLearned = isOperand && source !== undefined && isFloatDtype(value.dtype) && value.data.length > 1;
      const isLarge = value.data.length > MOST_IN_CONFIG && value.dtype !== 'string';
      if (isShape || (!isLearned && !isLarge)) constants.set(name, value);
      else parameters.set(name, { value, isLearned });
    } else {
      for (const one of each.cluster.nodes) nodes.add(one);
      for (const [key, root] of each.cluster.roots) roots.set(key, root);
      for (const [key, value] of each.cluster.constants) constants.set(key, value);
      for (const [key, kept] of each.cluster.parameters) parameters.set(key, kept);
    }
  });
  nodes.add(node);
  return { nodes: [...nodes], roots, constants, parameters };
}

/** The sizes of a value in ONNX's order of axes, null where they are not known. */
export function shapeOf({ order, tensor }: SymbolValue): (number | null)[] {
  return order.map((_, axis) => tensor.shape[order.indexOf(axis)] ?? null);
}

/** Whether sizes beside the batch are unknown. */
export function isOpen({ roots }: Cluster): boolean {
  return [...roots.values()].some(({ tensor }) => tensor.shape.some((dim, axis) => dim === null && axis > 0));
}

/** What values are for two batches, of 2 and of 3; unknown sizes are large, since pools may follow each other. */
export function probeCluster(cluster: Cluster, names: readonly string[]): [OnnxValue[], OnnxValue[]] {
  return [
    { batch: 2, size: 512 },
    { batch: 3, size: 544 },
  ].map(({ batch, size }) => {
    const scope = new Scope();
    for (const [key, value] of cluster.constants) scope.set(key, value);
    const stand = (dtype: HostValue['dtype'], shape: Shape): TensorValue =>
      tensorValue(dtype, placeholder({ shape, dtype: engineDtype(dtype) }));
    for (const [key, { value }] of cluster.parameters) scope.set(key, stand(value.dtype, value.shape));
    for (const [key, root] of cluster.roots) {
      const shape = shapeOf(root).map((dim, axis) => dim ?? (root.order[0] === axis ? batch : size));
      scope.set(key, stand(root.dtype, shape));
    }
    whileTracing(() => runWithoutWaiting(evaluateNodes(cluster.nodes, scope)));
    return names.map((name) => {
      const value = scope.get(name);
      if (value !== undefined) return value;
      throw new FoveaError({ code: 'internal', op: 'onnx', message: `nothing makes '${name}'.` });
    });
  }) as [OnnxValue[], OnnxValue[]];
}

/** What is known of an output: its type, its rank, and which axis is the batch. */
export interface OutputFacts {
  readonly name: string;
  readonly dtype: HostValue['dtype'];
  readonly rank: number;
  /** An axis; none where the batch does not matter; undefined where it is within an axis. */
  readonly batchAxis: number | 'none' | undefined;
}

/** Finds what a cluster's last node gives under these names. */
export function outputFacts(cluster: Cluster, names: readonly string[]): OutputFacts[] {
  const [first, second] = probeCluster(cluster, names);
  const open = isOpen(cluster);
  return names.map((name, i): OutputFacts => {
    const [a, b] = [first[i] as OnnxValue, second[i] as OnnxValue];
    if (a.kind === 'sequence' || b.kind === 'sequence') {
      throw new Attributes(cluster.nodes.at(-1) as OperatorNode).error(
        'makes a sequence, which no layer gives.',
        'unsupported',
      );
    }
    const varying = a.shape.flatMap((dim, axis) => (dim === b.shape[axis] ? [] : [axis]));
    const batches = varying.filter((axis) => a.shape[axis] === 2 && b.shape[axis] === 3);
    const isSingle = batches.length === 1 && (varying.length === 1 || open);
    return {
      name,
      dtype: a.dtype,
      rank: a.shape.length,
      batchAxis: varying.length === 0 ? 'none' : isSingle ? batches[0] : undefined,
    };
  });
}
