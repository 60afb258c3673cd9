// What a model computes, as nodes whose sizes may grow with the batch. The model is traced with three sizes of batch: where
// numbers differ between the traces they are a multiple of the batch and an offset, and the third trace must agree.

import { trace } from '../../compile/trace.js';
import { FoveaError } from '../../core/errors.js';
import { topological } from '../../graph/interpret.js';
import { isLeaf, type Node, storageOp } from '../../graph/node.js';
import type { TensorType } from '../../graph/op.js';
import { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { inferenceContext, watching, withContext } from '../../nn/call-context.js';
import type { Layer } from '../../nn/layer.js';
import type { TrainableModel } from '../../nn/model.js';
import { StepBatch } from '../../nn/training/step.js';

/** A number that grows with the batch n: `times * n + plus`. */
export interface Batched {
  readonly times: number;
  readonly plus: number;
}

/** A size, known or growing with the batch. */
export type Dim = number | Batched;

/** A node and what is known of it for every batch. */
export interface TracedNode {
  readonly node: Node;
  readonly shapes: readonly (readonly Dim[])[];
  /** The node's parameters, in which a `Batched` may stand for a number. */
  readonly params: Readonly<Record<string, unknown>>;
  /** The name of the layer that made it. */
  readonly layer: string | undefined;
}

/** A traced model. */
export interface TracedModel {
  readonly arguments: readonly Node[];
  readonly outputs: readonly Tensor[];
  readonly outputNames: readonly string[];
  readonly variables: ReadonlyMap<Node, Variable>;
  /** Inputs before users. */
  readonly nodes: ReadonlyMap<Node, TracedNode>;
}

interface OneTrace {
  readonly arguments: readonly Node[];
  readonly outputs: readonly Tensor[];
  readonly names: readonly string[] | undefined;
  readonly variables: ReadonlyMap<Node, Variable>;
  readonly layerOf: ReadonlyMap<Node, string>;
  readonly order: readonly Node[];
}

// Large enough that nothing is decided by a batch being small.
const BATCHES = [16, 18, 23] as const;

/** Traces a model in inference; `types` are its inputs with their batch as -1 where it is to stay open. */
export function traceModel(model: TrainableModel, types: readonly TensorType[]): TracedModel {
  const isOpen = types.some(({ shape }) => shape.includes(-1));
  const traces = (isOpen ? BATCHES : [BATCHES[0]]).map((batch) =>
    traceOnce(
      model,
      types.map(({ shape, dtype }) => ({ dtype, shape: shape.map((dim) => (dim === -1 ? batch : dim)) })),
    ),
  );
  const [first, ...others] = traces as [OneTrace, ...OneTrace[]];
  const nodes = new Map<Node, TracedNode>();
  first.order.forEach((node, at) => {
    const twins = [node, ...others.map(({ order }) => order[at])];
    nodes.set(node, generalize(twins, others.length === 0 ? [] : BATCHES, first.layerOf.get(node)));
  });
  if (others.some(({ order }) => order.length !== first.order.length)) throw dependsOnBatch('its graph');
  return { ...first, outputNames: first.names ?? outputNamesOf(model, first.outputs.length), nodes };
}

function outputNamesOf(model: TrainableModel, count: number): readonly string[] {
  const { outputNames } = model;
  return outputNames.length === count ? outputNames : Array.from({ length: count }, (_, i) => `output_${i + 1}`);
}

function traceOnce(model: TrainableModel, types: readonly TensorType[]): OneTrace {
  const layerOf = new Map<Node, string>();
  let names: readonly string[] | undefined;
  const claim = (layer: Layer, outputs: readonly Tensor[]): void => {
    const waiting = outputs.map(({ node }) => node);
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (layerOf.has(node) || isLeaf(node)) continue;
      layerOf.set(node, layer.name);
      waiting.push(...node.inputs.map((input) => input.node));
    }
  };
  const made = trace((...inputs) => {
    const batch = new StepBatch(inputs, [], undefined, inferenceContext);
    const given = watching(claim, () => withContext(inferenceContext, () => model.predictStep(batch)));
    model.clearLosses();
    if (given instanceof Tensor) return [given];
    if (!Array.isArray(given)) names = Object.keys(given);
    return Object.values(given as Readonly<Record<string, Tensor>>);
  }, types);
  const { outputs } = made.graph;
  return {
    arguments: made.arguments,
    outputs,
    names,
    variables: made.variables,
    layerOf,
    order: topological(outputs),
  };
}

function generalize(
  twins: readonly (Node | undefined)[],
  batches: readonly number[],
  layer: string | undefined,
): TracedNode {
  const node = twins[0] as Node;
  const place = layer === undefined ? `a ${node.op.name}` : `layer "${layer}"`;
  if (twins.some((twin) => twin?.op.name !== node.op.name)) throw dependsOnBatch(place);
  const same = twins as readonly Node[];
  if (node.op === storageOp && !same.every((twin) => holdsSame(twin, node))) throw dependsOnBatch(place);
  const merge = (values: readonly unknown[]): unknown => mergeValues(values, batches, place);
  return {
    node,
    layer,
    shapes: node.types.map((_, index) => merge(same.map((twin) => twin.types[index]?.shape)) as readonly Dim[]),
    params: (isLeaf(node) && !('values' in node.params) ? {} : merge(same.map(({ params }) => params))) as Record<
      string,
      unknown
    >,
  };
}

function holdsSame(a: Node, b: Node): boolean {
  const [one, other] = [a.storage?.[0], b.storage?.[0]];
  if (one === other) return true;
  if (one?.host === undefined || other?.host === undefined) return false;
  const { host } = other;
  return one.host.length === host.length && one.host.every((value, i) => Object.is(value, host[i]));
}

function mergeValues(values: readonly unknown[], batches: readonly number[], place: string): unknown {
  const [first] = values;
  if (values.every((value) => Object.is(value, first))) return first;
  if (Array.isArray(first)) {
    if (values.some((value) => (value as unknown[]).length !== first.length)) throw dependsOnBatch(place);
    return first.map((_, i) =>
      mergeValues(
        values.map((value) => (value as unknown[])[i]),
        batches,
        place,
      ),
    );
  }
  if (typeof first === 'object' && first !== null) {
    return Object.fromEntries(
      Object.keys(first).map((key) => [
        key,
        mergeValues(
          values.map((value) => (value as Record<string, unknown>)[key]),
          batches,
          place,
        ),
      ]),
    );
  }
  const [a, b] = values as [number, number];
  const [small, large] = batches as [number, number];
  const times = (b - a) / (large - small);
  const plus = a - times * small;
  const isLinear = values.every((value, i) => value === times * (batches[i] as number) + plus);
  if (!Number.isInteger(times) || !isLinear) throw dependsOnBatch(place);
  return { times, plus } satisfies Batched;
}

function dependsOnBatch(place: string): FoveaError {
  return new FoveaError({
    code: 'unsupported',
    op: 'export',
    message: `${place} depends on the size of the batch in a way that ONNX files with an open batch cannot say.`,
    hint: 'Give the batch a size: { batch: 1 }.',
  });
}
