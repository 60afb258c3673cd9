// Models as ONNX files. What is written is the traced graph of ops, not the layers: so layers of a user's own, nested models
// and models that are code are written as any other, by one rule for each op. Nodes are named by the layers that made them,
// convolutions and what follows them run with channels first, as ONNX has them, and the batch stays open.
import { FoveaError } from '../../core/errors.js';
import { writeFileAtomic } from '../../core/node-files.js';
import { sizeOf } from '../../core/shape.js';
import { modelProto, type NodeProto, type ValueInfoProto } from '../../formats/onnx-schema.js';
import { writeMessage } from '../../formats/protobuf.js';
import { constantOp, isLeaf, type Node } from '../../graph/node.js';
import type { TensorType } from '../../graph/op.js';
import { applyOp, Tensor } from '../../graph/tensor.js';
import type { TrainableModel } from '../../nn/model.js';
import { channelsFirst, GraphWriter, type Value, valueInfo } from './export-graph.js';
import { cannotWrite } from './export-ops.js';
import { type ExportContext, type Plan, planOf } from './export-patterns.js';
import { type Dim, type TracedModel, traceModel } from './export-trace.js';

/** The operator set that is written. */
const OPSET = 17n;
/** The version of the file that belongs to it. */
const IR_VERSION = 8n;

/** How a model is written to ONNX. */
export interface OnnxExportOptions {
  /** A size of the batch; by default it stays open, and the file takes any. */
  batch?: number;
  /** Sizes of inputs that the model leaves open, without the batch: one list for each input. */
  inputShapes?: readonly (readonly number[])[];
  /** How pictures come in: [batch,height,width,channels] as here (default), or with their channels first. */
  inputLayout?: 'channelsLast' | 'channelsFirst';
  /** How pictures go out; default: as here. */
  outputLayout?: 'channelsLast' | 'channelsFirst';
  /** Runs the file and the model on random numbers, and throws `value` where they differ; default false. */
  verify?: boolean;
}

/**
 * A model as an ONNX file: operator set 17, weights inside, the batch open. Inputs and outputs have the model's names and
 * shapes; 16-bit floats are written as 32-bit ones. Throws `unsupported`, naming the layer, for what ONNX cannot say.
 */
export async function modelToOnnx(model: TrainableModel, options: OnnxExportOptions = {}): Promise<Uint8Array> {
  const types = inputTypes(model, options);
  const { writer, inputs, outputs } = writeGraph(traceModel(model, types), types, model, options);
  const bytes = writeMessage(modelProto, {
    irVersion: IR_VERSION,
    producerName: 'fovea',
    opsetImport: [{ domain: '', version: OPSET }],
    graph: {
      name: model.name,
      node: withoutCopies(
        writer.nodes,
        outputs.map(({ name }) => name as string),
      ),
      initializer: await writer.initializers(),
      input: inputs,
      output: outputs,
    },
    metadataProps: metadataOf(model),
  });
  if (options.verify) await (await import('./verify.js')).verifyOnnx(model, bytes, types, options);
  return bytes;
}

/** Writes `modelToOnnx` to a file, beside, synced and renamed. Throws `argument` unless the name ends in .onnx. */
export async function exportOnnx(model: TrainableModel, path: string, options: OnnxExportOptions = {}): Promise<void> {
  if (!path.endsWith('.onnx')) {
    throw new FoveaError({
      code: 'argument',
      op: 'exportOnnx',
      message: `"${path}" does not end in .onnx.`,
      got: path,
      want: '.onnx',
    });
  }
  await writeFileAtomic(path, await modelToOnnx(model, options), 'exportOnnx');
}

function metadataOf(model: TrainableModel): { key: string; value: string }[] {
  return Object.entries(model.metadata).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? value : JSON.stringify(value),
  }));
}

function inputTypes(model: TrainableModel, { batch, inputShapes }: OnnxExportOptions): TensorType[] {
  return model.inputs.map(({ shape, dtype }, i) => {
    const given = inputShapes?.[i];
    const sizes = shape.map((dim, axis) => (axis === 0 ? (dim ?? batch ?? -1) : (given?.[axis - 1] ?? dim)));
    const isFit =
      given === undefined ||
      (given.length === shape.length - 1 && given.every((dim, at) => (shape[at + 1] ?? dim) === dim));
    if (sizes.every((dim) => dim !== null) && isFit) return { shape: sizes as number[], dtype };
    throw new FoveaError({
      code: 'argument',
      op: 'export',
      message: `input "${model.inputNames[i]}" takes [${shape.map((dim, axis) => dim ?? (axis === 0 ? 'batch' : 'any'))}]; an ONNX file needs its sizes.`,
      got: given,
      want: shape,
      hint: 'Give them without the batch: { inputShapes: [[224, 224, 3]] }.',
    });
  });
}

/** The weights' side of a traced graph: what follows from them alone, as tensors outside the trace. */
function contextOf({ nodes, variables, outputs, arguments: args }: TracedModel): ExportContext {
  const constants = new Map<Node, readonly Tensor[] | undefined>();
  const labels = new Map<Node, string>();
  const isInput = new Set(args);
  const uses = new Map<Node, number>();
  const used = [...outputs, ...[...nodes.keys()].flatMap(({ inputs }) => inputs)];
  for (const { node } of used) uses.set(node, (uses.get(node) ?? 0) + 1);
  for (const [node, { shapes, params }] of nodes) {
    const variable = variables.get(node);
    if (variable !== undefined) {
      constants.set(node, [variable.tensor]);
      labels.set(node, variable.path ?? variable.name);
    } else if (isInput.has(node)) constants.set(node, undefined);
    else if (node.op === constantOp) constants.set(node, hasBatch(params) ? undefined : [new Tensor(node)]);
    else if (isLeaf(node))
      constants.set(
        node,
        node.types.map((_, index) => new Tensor(node, index)),
      );
    else {
      const inputs = node.inputs.map((input) => constants.get(input.node)?.[input.index]);
      const isKnown = inputs.every((input) => input !== undefined) && !hasBatch(shapes) && !hasBatch(params);
      if (!isKnown || isBlownUp(node)) constants.set(node, undefined);
      else {
        constants.set(node, applyOp(node.op, inputs as Tensor[], node.params));
        const label = node.inputs.length === 1 ? labels.get((node.inputs[0] as Tensor).node) : undefined;
        if (label !== undefined) labels.set(node, label);
      }
    }
  }
  return {
    traced: (node) => nodes.get(node) as NonNullable<ReturnType<typeof nodes.get>>,
    constantOf: ({ node, index }) => constants.get(node)?.[index],
    labelOf: ({ node }) => labels.get(node),
    isUsedOnce: (node) => uses.get(node) === 1,
  };
}

/** Whether sizes or numbers in it grow with the batch. */
function hasBatch(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return 'times' in value || Object.values(value).some(hasBatch);
}

/** What would make the file much larger than what it is made from is computed where the file runs. */
function isBlownUp({ inputs, types }: Node): boolean {
  const from = inputs.reduce((sum, { size }) => sum + size, 0);
  return types.some(({ shape }) => sizeOf(shape) > 4 * from + 4096);
}

function writeGraph(
  traced: TracedModel,
  types: readonly TensorType[],
  model: TrainableModel,
  options: OnnxExportOptions,
) {
  const writer = new GraphWriter();
  const context = contextOf(traced);
  const values = new Map<Node, readonly Value[]>();
  const inputs = traced.arguments.map((node, i) => {
    const name = writer.unique(model.inputNames[i] ?? `input_${i + 1}`);
    const { dtype, shape } = types[i] as TensorType;
    const dims = shape.map((dim): Dim => (dim === -1 ? { times: 1, plus: 0 } : dim));
    const isFirst = options.inputLayout === 'channelsFirst' && dims.length >= 3;
    const held = isFirst ? channelsFirst(dims.length).map((axis) => dims[axis] as Dim) : dims;
    if (typeof dims[0] === 'object') writer.batchSource ??= { name, axis: 0 };
    values.set(node, [{ dims, dtype, ...(isFirst ? { first: name } : { plain: name }) }]);
    return valueInfo(name, dtype, held);
  });
  const names = traced.outputNames.map((name) => writer.unique(name));
  writeNodes(traced, context, writer, values);
  writer.scope = undefined;
  const outputs = traced.outputs.map(({ node, index }, i): ValueInfoProto => {
    const value = heldBy(new Tensor(node, index), values, context);
    const isFirst = options.outputLayout === 'channelsFirst' && value.dims.length >= 3;
    const name = isFirst ? writer.first(value) : writer.plain(value);
    writer.nodes.push({
      input: [name],
      output: [names[i] as string],
      name: writer.unique('output'),
      opType: 'Identity',
    });
    const dims = isFirst ? channelsFirst(value.dims.length).map((axis) => value.dims[axis] as Dim) : value.dims;
    return valueInfo(names[i] as string, value.dtype, dims);
  });
  return { writer, inputs, outputs };
}

function heldBy({ node, index }: Tensor, values: Map<Node, readonly Value[]>, context: ExportContext): Value {
  const made = values.get(node)?.[index];
  if (made !== undefined) return made;
  const tensor = new Tensor(node, index);
  const held = context.constantOf(tensor);
  if (held === undefined) throw cannotWrite(context.traced(node), 'this output of it has no counterpart.');
  const value: Value = {
    dims: held.shape,
    dtype: held.dtype,
    constant: held,
    label: context.labelOf(tensor),
  };
  const all = [...(values.get(node) ?? [])];
  all[index] = value;
  values.set(node, all);
  return value;
}

/** Writes what the outputs need, what is needed first. */
function writeNodes(
  { outputs }: TracedModel,
  context: ExportContext,
  writer: GraphWriter,
  values: Map<Node, readonly Value[]>,
): void {
  const stack: { node: Node; plan: Plan; next: number }[] = [];
  const seen = new Set<Node>();
  const enter = ({ node, index }: Tensor): void => {
    if (seen.has(node) || values.get(node)?.[index] !== undefined) return;
    if (context.constantOf(new Tensor(node, index)) !== undefined) return;
    seen.add(node);
    stack.push({ node, plan: planOf(context.traced(node), context), next: 0 });
  };
  for (const output of outputs) {
    enter(output);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const input = top.plan.inputs[top.next++];
      if (input !== undefined) {
        enter(input);
        continue;
      }
      stack.pop();
      const { node, plan } = top;
      const traced = context.traced(node);
      writer.scope = traced.layer;
      const inputs = plan.inputs.map((each) => heldBy(each, values, context));
      const made = plan.write({ to: writer, inputs, traced });
      values.set(
        node,
        made.map(
          (each, i): Value => ({ dims: traced.shapes[i] as readonly Dim[], dtype: node.types[i]!.dtype, ...each }),
        ),
      );
    }
  }
}

/** The nodes, in which what only was copied to an output has the output's name. */
function withoutCopies(nodes: readonly NodeProto[], outputNames: readonly string[]): NodeProto[] {
  const isOutput = new Set(outputNames);
  const made = new Set(nodes.filter(({ opType }) => opType !== 'Identity').flatMap(({ output }) => output ?? []));
  const names = new Map<string, string>();
  const kept = nodes.filter(({ opType, input, output }) => {
    const [from, to] = [input?.[0] as string, output?.[0] as string];
    if (opType !== 'Identity' || !isOutput.has(to) || !made.has(from) || names.has(from)) return true;
    names.set(from, to);
    return false;
  });
  const renamed = (list: readonly string[] = []): string[] => list.map((name) => names.get(name) ?? name);
  return kept.map((node) => ({ ...node, input: renamed(node.input), output: renamed(node.output) }));
}
