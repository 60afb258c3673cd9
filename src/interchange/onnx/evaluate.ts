// Evaluates nodes on values: a shape on the host, a picture on the engine, each operator where it can be. Evaluation is a
// generator, so that a model being traced (which may not wait) and a session (which may) share it.
import { FoveaError } from '../../core/errors.js';
import type { OnnxGraph } from '../../formats/onnx.js';
import { describeNode, type OperatorNode, operatorKey } from './attributes.js';
import { Call, type Evaluation, HostCall, NeedsHost, TensorCall } from './calls.js';
import { inProportion } from './host/arrays.js';
import { graphOperators, hostOperators, isKnownOperator, tensorOperators } from './tables.js';
import type { HostValue, OnnxValue, TensorValue } from './values.js';

/** Nodes whose operators are known and have versions; see `prepareGraph`. */
export interface PreparedGraph extends OnnxGraph {
  readonly nodes: readonly OperatorNode[];
}

/** While a model is made: far more than loops over sizes take, and still done within a second. */
export const MOST_NODES = 50_000;

/** Values by name; graphs inside of nodes see those around them. */
export class Scope {
  private readonly values = new Map<string, OnnxValue>();
  private readonly budget: { left: number };

  /** `most` nodes may be evaluated in it and the scopes inside: loops of a damaged file would not end. */
  constructor(
    private readonly outer?: Scope,
    most = MOST_NODES,
  ) {
    this.budget = outer?.budget ?? { left: most };
  }

  /** Counts a node. Throws `range` where there were too many. */
  spend(node: OperatorNode): void {
    if (this.budget.left-- > 0) return;
    throw new FoveaError({
      code: 'range',
      op: node.opType,
      message: 'the loops of the graph are too long for the model to be made of them.',
    });
  }

  get(name: string): OnnxValue | undefined {
    return this.values.get(name) ?? this.outer?.get(name);
  }

  /** Whether the value was set here, not in a graph around. */
  holds(name: string): boolean {
    return this.values.has(name);
  }

  set(name: string, value: OnnxValue): void {
    this.values.set(name, value);
  }
}

/** Runs a graph: its inputs and what it reads from outside are in `scope`. Gives its outputs. */
export function* evaluateGraph(graph: PreparedGraph, scope: Scope, training = false): Evaluation<OnnxValue[]> {
  for (const [name, { dtype, shape, data }] of graph.initializers) {
    // An input may stand in place of its default.
    if (!scope.holds(name)) scope.set(name, { kind: 'host', dtype, shape, data });
  }
  yield* evaluateNodes(graph.nodes, scope, training);
  return graph.outputs.map(({ name }) => scope.get(name) as OnnxValue);
}

export function* evaluateNodes(nodes: readonly OperatorNode[], scope: Scope, training = false): Evaluation<void> {
  for (const node of nodes) {
    scope.spend(node);
    const inputs = node.inputs.map((name) => (name === '' ? undefined : scope.get(name)));
    const outputs = yield* evaluateNode(node, inputs, scope, training);
    node.outputs.forEach((name, i) => {
      const value = outputs[i];
      if (name !== '' && value !== undefined) scope.set(name, value);
    });
  }
}

/** Computes one node. Throws with the node's name. */
export function* evaluateNode(
  node: OperatorNode,
  given: readonly (OnnxValue | undefined)[],
  scope = new Scope(),
  training = false,
): Evaluation<readonly OnnxValue[]> {
  const inputs = [...given];
  for (;;) {
    try {
      const graphOperator = graphOperators.get(operatorKey(node));
      if (graphOperator !== undefined) {
        return yield* graphOperator(new Call(node, inputs, training), function* (graph, values) {
          const inner = new Scope(scope);
          graph.inputs.forEach(({ name }, i) => {
            const value = values[i];
            if (value !== undefined) inner.set(name, value);
          });
          return yield* evaluateGraph(graph as PreparedGraph, inner, training);
        });
      }
      return computeNode(node, inputs, training);
    } catch (error) {
      if (!(error instanceof NeedsHost)) throw named(error, node);
      const wanted = error.inputs.filter((i) => inputs[i]?.kind === 'tensor');
      // Computing what is there already would go on for ever.
      if (wanted.length === 0)
        throw new FoveaError({ code: 'internal', op: node.opType, message: 'asks for inputs that it has.' });
      const hosts = yield wanted.map((i) => inputs[i] as TensorValue);
      wanted.forEach((i, place) => {
        inputs[i] = hosts[place];
      });
    }
  }
}

function computeNode(
  node: OperatorNode,
  inputs: readonly (OnnxValue | undefined)[],
  training: boolean,
): readonly OnnxValue[] {
  const key = operatorKey(node);
  const onHost = hostOperators.get(key);
  const onEngine = tensorOperators.get(key);
  const present = inputs.filter((each) => each !== undefined);
  if (onHost !== undefined && present.every(({ kind }) => kind !== 'tensor')) {
    return inProportion(elementsIn(present), () => listOf(onHost(new HostCall(node, inputs, training))));
  }
  if (onEngine !== undefined) {
    const call = new TensorCall(node, inputs, training);
    const results = onEngine(call);
    if (results !== undefined) return call.typed(Array.isArray(results) ? results : [results]);
  }
  if (onHost !== undefined) throw new NeedsHost(inputs.flatMap((each, i) => (each?.kind === 'tensor' ? [i] : [])));
  throw new FoveaError({
    code: 'unsupported',
    op: node.opType,
    message: isKnownOperator(key) ? 'is not supported for these inputs.' : 'is not supported.',
  });
}

function elementsIn(values: readonly OnnxValue[]): number {
  return values.reduce((sum, value) => {
    if (value.kind === 'host') return sum + value.data.length;
    return value.kind === 'sequence' ? sum + elementsIn(value.items) : sum;
  }, 0);
}

function listOf<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? value : [value as T];
}

function named(error: unknown, node: OperatorNode): unknown {
  if (!(error instanceof FoveaError)) return error;
  const place = describeNode(node);
  return error.path?.startsWith(place) ? error : error.at(place);
}

/** Drives an evaluation that may not wait: a model being traced. Throws `unsupported` where it would have to. */
export function runWithoutWaiting<T>(evaluation: Evaluation<T>): T {
  const { done, value } = evaluation.next();
  if (done) return value;
  throw new FoveaError({
    code: 'unsupported',
    op: 'onnx',
    message: 'the graph needs elements of a tensor to go on, which a model that is compiled as a whole cannot have.',
    hint: 'Run it as it stands: (await models.loadOnnxGraph(path)).run(inputs).',
  });
}

/** Drives an evaluation that waits for what it asks for. */
export async function runWaiting<T>(
  evaluation: Evaluation<T>,
  realise: (values: readonly TensorValue[]) => Promise<readonly HostValue[]>,
): Promise<T> {
  let step = evaluation.next();
  while (!step.done) step = evaluation.next(await realise(step.value));
  return step.value;
}
