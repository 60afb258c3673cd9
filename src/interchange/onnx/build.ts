// From a graph to a model: every node becomes a constant, a layer of Keras's, or an operation layer.
import { FoveaError } from '../../core/errors.js';
import type { OnnxModel, OnnxPort } from '../../formats/onnx.js';
import { input } from '../../nn/layers/index.js';
import { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { Attributes, describeNode, namesRead, type OperatorNode, operatorKey } from './attributes.js';
import { Builder, type BuildValue, type ConstantValue, identityOrder, lastOrder } from './builder.js';
import type { PreparedGraph } from './evaluate.js';
import { LayerCallSite } from './layers/call-site.js';
import { layerMakers } from './layers/index.js';
import { prepareGraph } from './prepare.js';
import { engineDtype } from './values.js';

/** Where pictures have their channels. */
export type InputLayout = 'channelsFirst' | 'channelsLast';

/**
 * Makes a model of a graph, for batches of any size where the graph's nodes allow that. Throws `unsupported` for graphs whose
 * sizes depend on data; those are run with `models.loadOnnxGraph`.
 */
export async function buildModel(
  onnx: OnnxModel,
  file: string,
  inputLayout: InputLayout = 'channelsFirst',
): Promise<Model> {
  const graph = prepareGraph(onnx, file);
  const batches = graph.inputs.map(({ type }) => (type.kind === 'tensor' ? type.shape?.[0] : undefined));
  const isFixed =
    batches.length > 0 && batches.every((batch): batch is number => typeof batch === 'number' && batch > 0);
  try {
    return await buildWith(graph, file, { isFixed, inputLayout });
  } catch (error) {
    // Sizes that the exporter wrote into the graph may hold for its own batch alone.
    if (!isFixed || !(error instanceof FoveaError)) throw error;
    return await buildWith(graph, file, { isFixed, inputLayout, batches }).catch(() => {
      throw error;
    });
  }
}

/** What is settled before a model is made. */
interface Plan {
  /** Whether the file fixes the batch. */
  readonly isFixed: boolean;
  readonly inputLayout: InputLayout;
  /** The batches of the inputs, where they stay fixed. */
  readonly batches?: readonly number[];
}

async function buildWith(graph: PreparedGraph, file: string, { isFixed, inputLayout, batches }: Plan): Promise<Model> {
  const names = graph.outputs.map(({ name }) => name);
  const builder = new Builder(graph.nodes, names);
  builder.hasBatchOfOne =
    isFixed &&
    batches === undefined &&
    graph.inputs.every(({ type }) => type.kind === 'tensor' && type.shape?.[0] === 1);
  for (const [name, { dtype, shape, data }] of graph.initializers) {
    builder.values.set(name, { kind: 'constant', value: { kind: 'host', dtype, shape, data }, source: name });
  }
  const inputs = graph.inputs.map((port, i) => makeInput(builder, port, file, { batch: batches?.[i], inputLayout }));
  if (inputs.length === 0) throw problem('the graph has no inputs.', file);
  for (const node of graph.nodes) {
    if (builder.taken.has(node)) continue;
    try {
      await makeLayer(builder, node);
    } catch (error) {
      if (!(error instanceof FoveaError)) throw error;
      const place = describeNode(node);
      throw (error.path?.includes(place) ? error : error.at(place)).at(file);
    }
  }
  const outputs = names.map((name) => finalTensor(builder, name, file));
  return new Model({
    inputs,
    outputs:
      outputs.length === 1
        ? (outputs[0] as SymbolicTensor)
        : Object.fromEntries(outputs.map((each, i) => [outputName(names[i] as string), each])),
    name: builder.nameFor(graph.name === '' ? 'model' : graph.name),
  });
}

/** A record's keys that are whole numbers come first and sorted: these get a word before them. */
function outputName(name: string): string {
  return /^\d+$/.test(name) ? `output_${name}` : name;
}

async function makeLayer(builder: Builder, node: OperatorNode): Promise<void> {
  const values = namesRead(node).map((name): BuildValue | undefined => (name === '' ? undefined : builder.get(name)));
  if (values.every((each) => each === undefined || each.kind === 'constant')) {
    await builder.fold(node, values as (ConstantValue | undefined)[]);
    return;
  }
  if (builder.defer(node, values)) return;
  const make = layerMakers.get(operatorKey(node));
  if (make?.(new LayerCallSite(node, values, builder)) === true) return;
  builder.operation(node, values);
}

function problem(message: string, file: string): FoveaError {
  return new FoveaError({
    code: 'unsupported',
    op: 'onnx',
    message,
    path: file,
    hint: 'Run the graph as it stands: await models.loadOnnxGraph(path).',
  });
}

/** The first axis is the batch, of any size; named sizes are open. */
function makeInput(
  builder: Builder,
  { name, type }: OnnxPort,
  file: string,
  { batch, inputLayout }: { batch: number | undefined; inputLayout: InputLayout },
): SymbolicTensor {
  if (type.kind !== 'tensor' || type.dtype === undefined || type.shape === undefined) {
    throw problem(`the input '${name}' is no tensor with a shape.`, file);
  }
  const { dtype, shape } = type;
  if (dtype === 'string' || dtype.startsWith('complex')) throw problem(`the input '${name}' is ${dtype}.`, file);
  if (shape.length === 0) throw problem(`the input '${name}' is a single number, without a batch.`, file);
  // Sequences and volumes have their channels first in ONNX, too.
  const isLast = inputLayout === 'channelsLast' && shape.length > 2;
  const order = isLast ? lastOrder(shape.length) : identityOrder(shape.length);
  const known = shape.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : null));
  const sizes = order.slice(1).map((axis) => known[axis] ?? null);
  const tensor = input(sizes, {
    name: builder.nameFor(name),
    dtype: engineDtype(dtype),
    ...(batch === undefined ? {} : { batchSize: batch }),
  });
  builder.define(name, tensor, order, dtype);
  return tensor;
}

function finalTensor(builder: Builder, name: string, file: string): SymbolicTensor {
  const value = builder.get(name);
  if (value.kind === 'symbol') return builder.plain(builder.unflattened(value));
  if (value.kind === 'constant') throw problem(`the output '${name}' is a constant.`, file);
  // Sizes are given as a tensor; what waits for others is made.
  const node = {
    opType: 'Identity',
    domain: '',
    name,
    opset: 13,
    inputs: [name],
    outputs: [`${name} `],
    attributes: {},
  };
  builder.operation(node, [value], true);
  const made = builder.get(`${name} `);
  if (made.kind === 'symbol') return builder.plain(made);
  throw new Attributes(node).error('could not be made.', 'unsupported');
}
