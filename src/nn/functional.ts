// The graph of layers behind a functional model: which calls lead from the inputs to the outputs, in the
// order in which Keras lists them, and how to run them on tensors.
import { FoveaError } from '../core/errors.js';
import { formatShape } from '../core/shape.js';
import type { Tensor } from '../graph/tensor.js';
import type { CallContext, Layer } from './layer.js';
import { type LayerCall, mapTensors, type PartialShape, type SymbolicTensor, tensorsOf } from './symbolic.js';

/** The calls of a functional model. */
export interface LayerGraph {
  readonly inputs: readonly SymbolicTensor[];
  readonly outputs: readonly SymbolicTensor[];
  /** In the order they run. */
  readonly calls: readonly LayerCall[];
  /** In Keras's order: farthest from the outputs first. */
  readonly layers: readonly Layer[];
}

/** Finds the calls between inputs and outputs. Throws `argument` where an output does not come from the inputs. */
export function buildLayerGraph(inputs: readonly SymbolicTensor[], outputs: readonly SymbolicTensor[]): LayerGraph {
  const isInput = new Set(inputs);
  const order: LayerCall[] = [];
  const layerOrder = new Map<Layer, number>();
  const seen = new Set<LayerCall>();
  const visit = (tensor: SymbolicTensor, below: string): void => {
    const { source } = tensor;
    if (source === undefined) {
      throw new FoveaError({
        code: 'argument',
        op: 'model',
        message: `${below} needs ${tensor.name}, which no layer makes.`,
        hint: 'Every output must come from the inputs: list all of them.',
      });
    }
    const { call } = source;
    if (seen.has(call)) return;
    seen.add(call);
    if (!layerOrder.has(call.layer)) layerOrder.set(call.layer, layerOrder.size);
    if (!isInput.has(tensor)) {
      if (call.inputs.length === 0) {
        throw new FoveaError({
          code: 'argument',
          op: 'model',
          message: `${below} depends on input "${call.layer.name}", which is not among the model's inputs.`,
          hint: 'List it in inputs.',
        });
      }
      for (const input of tensorsOf(call)) visit(input, `layer "${call.layer.name}"`);
    }
    order.push(call);
  };
  outputs.forEach((output, index) => {
    visit(output, `output ${index}`);
  });
  for (const input of inputs) visit(input, 'the model');
  return { inputs, outputs, calls: order, layers: orderLayers(order, layerOrder, isInput) };
}

/** Layers by falling distance from the outputs, then as met: the order of Keras's `model.layers`. */
function orderLayers(
  order: readonly LayerCall[],
  met: ReadonlyMap<Layer, number>,
  isInput: ReadonlySet<SymbolicTensor>,
): Layer[] {
  const depthOfCall = new Map<LayerCall, number>();
  const depthOfLayer = new Map<Layer, number>();
  for (const call of [...order].reverse()) {
    const depth = Math.max(depthOfCall.get(call) ?? 0, depthOfLayer.get(call.layer) ?? 0);
    depthOfCall.set(call, depth);
    depthOfLayer.set(call.layer, depth);
    if (call.outputs.some((output) => isInput.has(output))) continue;
    for (const input of tensorsOf(call)) {
      const before = (input.source as { call: LayerCall }).call;
      depthOfCall.set(before, Math.max(depthOfCall.get(before) ?? 0, depth + 1));
    }
  }
  // Keras puts every input at the greatest depth.
  const deepest = Math.max(0, ...depthOfLayer.values());
  for (const call of order)
    if (call.outputs.some((output) => isInput.has(output))) depthOfLayer.set(call.layer, deepest);
  const layers = [...met.keys()];
  return layers.sort(
    (a, b) =>
      (depthOfLayer.get(b) as number) - (depthOfLayer.get(a) as number) ||
      (met.get(a) as number) - (met.get(b) as number),
  );
}

/** Runs a layer graph on tensors. `watch` sees every call's outputs. */
export function runLayerGraph(
  graph: LayerGraph,
  inputs: readonly Tensor[],
  context: CallContext,
  watch?: (layer: Layer, outputs: readonly Tensor[]) => void,
): readonly Tensor[] {
  const values = new Map<SymbolicTensor, Tensor>();
  graph.inputs.forEach((input, index) => {
    const value = inputs[index] as Tensor;
    checkInput(input, value);
    values.set(input, value);
  });
  for (const call of graph.calls) {
    if (call.outputs.every((output) => values.has(output))) continue;
    const { training } = call.options;
    const own = training === undefined ? context : { ...context, training: training && context.training };
    const tensorOf = (input: SymbolicTensor): Tensor => values.get(input) as Tensor;
    const outputs = call.layer.run(call.inputs.map(tensorOf), own, mapTensors(call.options, tensorOf));
    watch?.(call.layer, outputs);
    call.outputs.forEach((output, index) => {
      values.set(output, outputs[index] as Tensor);
    });
  }
  return graph.outputs.map((output) => values.get(output) as Tensor);
}

/** Throws `shape` where a tensor is not what the input layer promised. */
export function checkInput(input: SymbolicTensor, value: { shape: readonly number[] }): void {
  const name = input.source?.call.layer.name ?? input.name;
  const want = input.shape;
  const isRight =
    value.shape.length === want.length && want.every((dim, axis) => dim === null || dim === value.shape[axis]);
  if (isRight) return;
  throw new FoveaError({
    code: 'shape',
    op: 'model',
    message: `input "${name}" expects ${batchShape(want)}; got ${formatShape(value.shape)}.`,
    got: value.shape,
    want,
    hint: reshapeHint(want, value.shape),
  });
}

function batchShape(shape: PartialShape): string {
  return `[${shape.map((dim, axis) => (dim === null && axis === 0 ? 'batch' : (dim ?? 'any'))).join(',')}]`;
}

function reshapeHint(want: PartialShape, got: readonly number[]): string {
  const inner = want.slice(1);
  const isSameBefore =
    want.length === got.length &&
    got.length > 2 &&
    inner.slice(0, -1).every((dim, i) => dim === null || dim === got[i + 1]);
  if (isSameBefore) return `Give data with ${want.at(-1)} channels (the last axis), or change the input layer.`;
  if (want.length !== got.length && inner.every((dim) => dim !== null)) {
    const size = inner.reduce((product: number, dim) => product * (dim as number), 1);
    const total = got.reduce((product, dim) => product * dim, 1);
    if (total % size === 0 && total > 0) return `Reshape it to [${[total / size, ...inner].join(',')}].`;
  }
  return want.length === got.length
    ? 'Resize or crop the data, or change the input layer.'
    : 'The number of axes must agree, the batch first.';
}
