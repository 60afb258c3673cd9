// TensorFlow.js's graph models as models of layers: TensorFlow's frozen operations are written as an ONNX graph, and that
// becomes a model.
import { FoveaError } from '../../core/errors.js';
import { formatError } from '../../formats/cursor.js';
import type { OnnxModel, OnnxPort } from '../../formats/onnx.js';
import type { StoredArray } from '../../formats/stored.js';
import { readTfjsWeights, type TfjsFile } from '../../formats/tfjs.js';
import { nodeOf, readTfGraph, type TfGraph, type TfNode } from '../../formats/tfjs-graph.js';
import type { TrainableModel } from '../../nn/model.js';
import type { LoadOptions } from '../load.js';
import { buildModel } from '../onnx/build.js';
import type { Source } from '../source.js';
import { Call, Lowering } from './lowering.js';
import { tfOperations } from './operations.js';

/** The operator set that is written. */
const OPSET = 18;

/** The model of a graph. Throws `unsupported`, naming every operation that is not known. */
export async function graphModel(stored: TfjsFile, source: Source, options: LoadOptions): Promise<TrainableModel> {
  const { file, beside } = source;
  const graph = readTfGraph(stored, file);
  refuseUnknown(graph, file);
  const weights = await readTfjsWeights(stored, beside, file);
  const model = await buildModel(lowered(graph, weights, file, options), file);
  model.metadata = stored.metadata;
  return model;
}

function refuseUnknown({ nodes }: TfGraph, file: string): void {
  const unknown = new Map<string, string[]>();
  for (const { op, name } of nodes) {
    if (op === 'Const' || op === 'Placeholder' || tfOperations.has(op)) continue;
    unknown.set(op, [...(unknown.get(op) ?? []), name]);
  }
  if (unknown.size === 0) return;
  throw new FoveaError({
    code: 'unsupported',
    op: 'load',
    message: `the graph has ${unknown.size === 1 ? 'an operation that is' : `${unknown.size} operations that are`} not known.`,
    lines: [...unknown]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, 40)
      .map(([op, names]) => `${op} (${names.length === 1 ? '' : `${names.length}: `}${names.slice(0, 3).join(', ')})`),
    path: file,
    got: [...unknown.keys()].sort(),
    hint: 'Convert the model to ONNX (tf2onnx) and load that, or cut these operations off.',
  });
}

function lowered(
  { nodes, inputs, outputs }: TfGraph,
  weights: ReadonlyMap<string, StoredArray>,
  file: string,
  { inputShape }: LoadOptions,
): OnnxModel {
  const readers = new Map<string, number>();
  for (const { inputs: read } of nodes) for (const name of read) readers.set(name, (readers.get(name) ?? 0) + 1);
  for (const { value } of outputs) readers.set(value, (readers.get(value) ?? 0) + 1);
  const constants = new Map<string, StoredArray>();
  for (const node of nodes) {
    const found = node.op === 'Const' ? weights.get(node.name) : undefined;
    if (node.op === 'Const' && found === undefined)
      throw formatError(file, `the constant '${node.name}' is not among the weights.`, { place: node.name });
    // A copy of a constant is one.
    const same = node.op === 'Identity' ? constants.get(node.inputs[0] ?? '') : found;
    if (same !== undefined) constants.set(node.name, same);
  }
  const to = new Lowering(
    file,
    constants,
    readers,
    nodes.map(({ name }) => name),
  );
  for (const node of nodes) {
    const constant = constants.get(node.name);
    if (constant !== undefined) to.take(node.name, constant);
    else if (node.op !== 'Placeholder') tfOperations.get(node.op)?.(new Call(node, to));
  }
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const graph = {
    name: 'graph',
    nodes: to.nodes,
    initializers: to.initializers,
    inputs: inputs.map((name) => portOf(byName.get(name) as TfNode, inputShape, file)),
    outputs: outputs.map(({ value }) => {
      if (constants.has(nodeOf(value)))
        throw formatError(file, `the output '${value}' is a constant.`, { place: value });
      return { name: value, type: { kind: 'tensor' as const, dtype: undefined, shape: undefined } };
    }),
  };
  return {
    graph,
    opsets: new Map([['', OPSET]]),
    functions: new Map(),
    irVersion: 8,
    producer: 'TensorFlow.js',
    metadata: new Map(),
  };
}

const DTYPES = { DT_FLOAT: 'float32', DT_INT32: 'int32', DT_UINT8: 'uint8', DT_BOOL: 'bool' } as const;

function portOf({ name, attributes }: TfNode, inputShape: readonly number[] | undefined, file: string): OnnxPort {
  const { shape, dtype } = attributes;
  const given = inputShape === undefined ? undefined : [null, ...inputShape];
  const own = Array.isArray(shape) ? shape.map((dim: unknown) => (Number(dim) > 0 ? Number(dim) : null)) : undefined;
  const sizes = given ?? own;
  if (sizes === undefined || sizes.length === 0) {
    throw new FoveaError({
      code: 'unsupported',
      op: 'load',
      message: `the graph does not say of which shape its input "${name}" is.`,
      path: `${file}: ${name}`,
      hint: 'Give it: models.load(path, { inputShape: [height, width, channels] }).',
    });
  }
  const type = DTYPES[String(dtype) as keyof typeof DTYPES];
  if (type === undefined)
    throw formatError(file, `the input "${name}" is of the dtype ${String(dtype)}.`, { place: name });
  return { name, type: { kind: 'tensor', dtype: type, shape: sizes } };
}
