// compile(fn): one Program per input signature, run over and over.
import { explain as explainProgram } from '../compile/explain.js';
import type { IsConstant } from '../compile/hoist.js';
import { type Trace, trace } from '../compile/trace.js';
import { toTensor } from '../graph/define.js';
import type { Node } from '../graph/node.js';
import { ANY_TARGET, type TensorType } from '../graph/op.js';
import { currentRuntime } from '../graph/runtime.js';
import { Storage } from '../graph/storage.js';
import { fromStorage, Tensor, type TensorLike } from '../graph/tensor.js';
import { type Variable, variableChanges } from '../graph/variable.js';
import { activeEngine, currentEngine } from './current.js';
import type { Engine } from './engine.js';
import { bring, compileGraph, Executable } from './execute.js';
import { makeRoom } from './memory.js';
import { checkPrecision, convolutionOf, type Precision, targetOf } from './precision.js';

/** A traced function compiled for an engine, with what its leaves stand for. */
export interface CompiledTrace {
  readonly executable: Executable;
  readonly arguments: readonly Node[];
  readonly variables: ReadonlyMap<Node, Variable>;
  readonly assigned: readonly Variable[];
}

/** Traces and compiles `fn` for arguments of these types. */
export function compileTrace(
  engine: Engine,
  fn: (...args: Tensor[]) => readonly Tensor[],
  types: readonly TensorType[],
  precision?: Precision,
): CompiledTrace {
  const traced = trace(fn, types);
  const { graph, arguments: args, variables, assigned } = traced;
  const executable = Executable.compile(engine, graph, constantLeaves(traced), precision);
  // Only what the Program touches is bound: an unread variable, or one assigned to itself, is not.
  const bound = new Set(executable.leaves.map(({ node }) => node));
  const used = new Map([...variables].filter(([leaf]) => bound.has(leaf)));
  const isUsed = new Set(used.values());
  return {
    executable,
    arguments: args,
    variables: used,
    assigned: assigned.filter((variable) => isUsed.has(variable)),
  };
}

/** Captured data, and variables that the function does not assign: the same in every run until somebody writes them. */
function constantLeaves({ graph, variables }: Trace): IsConstant {
  const isAssigned = new Set(graph.updates.map(({ target }) => target));
  return (leaf) => leaf.storage !== undefined || (variables.has(leaf) && !isAssigned.has(leaf));
}

/**
 * Compiles a function of tensors: traced once per shapes and dtypes of its arguments, then one Program.
 * Variables it assigns are updated in place. `precision: 'exact'` keeps convolutions to plain sums, whatever
 * `setPrecision` says.
 *
 * @example
 * const w = new fovea.Variable(fovea.ones([3, 2]));
 * const step = fovea.compile((x) => [fovea.relu(fovea.matmul(x, w.value))]);
 * const [y] = await step(fovea.ones([4, 3])); // y is [4, 2]
 */
export function compile(
  fn: (...args: Tensor[]) => readonly Tensor[],
  { precision }: { precision?: Precision } = {},
): (...args: TensorLike[]) => Promise<Tensor[]> {
  checkPrecision(precision, 'compile');
  const cache = new Map<string, CompiledTrace>();
  let cachedFor: Engine | undefined;
  return async (...given) => {
    const engine = await currentEngine();
    if (cachedFor !== engine) {
      for (const { executable } of cache.values()) executable.dispose();
      cache.clear();
      cachedFor = engine;
    }
    const args = given.map((each) => toTensor(each));
    await currentRuntime().realize(args);
    const types = args.map(({ shape, dtype }) => ({ shape, dtype }));
    const key = [convolutionOf(precision), ...types.map(({ shape, dtype }) => `${dtype}[${shape}]`)].join();
    let compiled = cache.get(key);
    if (compiled === undefined) {
      compiled = compileTrace(engine, fn, types, precision);
      cache.set(key, compiled);
    }
    const made = args.filter((_, i) => !(given[i] instanceof Tensor));
    return runTrace(compiled, args, made);
  };
}

/**
 * What a function of tensors compiles to for arguments like these: a table of its kernel calls, and what they cost.
 * Nothing is computed.
 *
 * @example
 * console.log(fovea.explain((x) => [fovea.softmax(x)], fovea.ones([4, 3])));
 */
export function explain(fn: (...args: Tensor[]) => readonly Tensor[], ...args: TensorLike[]): string {
  const types = args.map((each) => toTensor(each)).map(({ shape, dtype }) => ({ shape, dtype }));
  const traced = trace(fn, types);
  const engine = activeEngine();
  const target = { target: engine === undefined ? { ...ANY_TARGET, convolution: convolutionOf() } : targetOf(engine) };
  return explainProgram(compileGraph(traced.graph, { ...target, isConstant: constantLeaves(traced) }));
}

/** Runs a compiled trace; `made` are arguments that nobody else holds. */
async function runTrace(
  { executable, arguments: leaves, variables, assigned }: CompiledTrace,
  args: readonly Tensor[],
  made: readonly Tensor[],
): Promise<Tensor[]> {
  const { engine, program } = executable;
  await makeRoom();
  const storages = new Map<Node, Storage>();
  const isAssigned = new Set(assigned);
  const temporary = made.flatMap(({ storage }) => storage ?? []);
  for (const [at, leaf] of leaves.entries()) {
    const arg = args[at] as Tensor;
    const storage = arg.storage ?? (await constantStorage(arg));
    if (arg.storage === undefined) temporary.push(storage);
    storages.set(leaf, await bring(engine, storage));
  }
  const captured = executable.leaves.flatMap(({ node, index }) =>
    node.storage === undefined ? [] : [node.storage[index] as Storage],
  );
  for (const storage of captured) await bring(engine, storage);
  // Owning a variable takes time in which another may be read or assigned: look again until nothing changed.
  let seen: number;
  do {
    seen = variableChanges();
    for (const [leaf, variable] of variables) {
      const storage = isAssigned.has(variable) ? await variable.own() : await variable.readable();
      storages.set(leaf, await bring(engine, storage));
    }
  } while (seen !== variableChanges());
  const found = executable.leaves.map(({ node, index }) => storages.get(node) ?? (node.storage?.[index] as Storage));
  const { outputs, finished } = executable.run(found);
  for (const variable of assigned) variable.storage?.invalidateHost();
  // Engines keep memory until the work queued on it is done.
  for (const storage of temporary) storage.dispose();
  await finished;
  const shapes = new Map(
    program.bindings.flatMap((binding) => (binding.kind === 'output' ? [[binding.index, binding.type.shape]] : [])),
  );
  return outputs.map((storage, index) => fromStorage(storage, shapes.get(index) ?? []));
}

/** A constant has no storage of its own. */
async function constantStorage(tensor: Tensor): Promise<Storage> {
  const elements = await tensor.elements();
  return new Storage(tensor.dtype, elements.length, { host: elements });
}
