// compile(fn): one Program per input signature, run over and over.
import { trace } from '../compile/trace.js';
import { toTensor } from '../graph/define.js';
import type { Node } from '../graph/node.js';
import type { TensorType } from '../graph/op.js';
import { currentRuntime } from '../graph/runtime.js';
import { Storage } from '../graph/storage.js';
import { fromStorage, type Tensor, type TensorLike } from '../graph/tensor.js';
import type { Variable } from '../graph/variable.js';
import { currentEngine } from './current.js';
import type { Engine } from './engine.js';
import { bring, Executable } from './execute.js';

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
): CompiledTrace {
  const { graph, arguments: args, variables, assigned } = trace(fn, types);
  return { executable: Executable.compile(engine, graph), arguments: args, variables, assigned };
}

/**
 * Compiles a function of tensors: traced once per shapes and dtypes of its arguments, then one Program.
 * Variables it assigns are updated in place.
 *
 * @example
 * const step = fovea.compile((x) => [fovea.relu(fovea.matmul(x, w.value))]);
 * const [y] = await step(fovea.ones([4, 3]));
 */
export function compile(fn: (...args: Tensor[]) => readonly Tensor[]): (...args: TensorLike[]) => Promise<Tensor[]> {
  const cache = new Map<string, CompiledTrace>();
  let cachedFor: Engine | undefined;
  return async (...given) => {
    const engine = await currentEngine();
    if (cachedFor !== engine) {
      cache.clear();
      cachedFor = engine;
    }
    const args = given.map((each) => toTensor(each));
    await currentRuntime().realize(args);
    const types = args.map(({ shape, dtype }) => ({ shape, dtype }));
    const key = types.map(({ shape, dtype }) => `${dtype}[${shape}]`).join();
    let compiled = cache.get(key);
    if (compiled === undefined) {
      compiled = compileTrace(engine, fn, types);
      cache.set(key, compiled);
    }
    return runTrace(compiled, args);
  };
}

async function runTrace(
  { executable, arguments: leaves, variables, assigned }: CompiledTrace,
  args: readonly Tensor[],
): Promise<Tensor[]> {
  const storages = new Map<Node, Storage>();
  for (const [at, leaf] of leaves.entries()) storages.set(leaf, await storageOf(args[at] as Tensor));
  for (const [leaf, variable] of variables) {
    if (assigned.includes(variable)) storages.set(leaf, await bring(executable.engine, await variable.own()));
    else storages.set(leaf, await bring(executable.engine, await variable.readable()));
  }
  const { outputs, finished } = executable.run((leaf) => storages.get(leaf) ?? (leaf.storage?.[0] as Storage));
  for (const variable of assigned) variable.storage?.invalidateHost();
  await finished;
  const types = executable.program.bindings.flatMap((binding) => (binding.kind === 'output' ? [binding] : []));
  return outputs.map((storage, index) =>
    fromStorage(storage, types.find((each) => each.index === index)?.type.shape ?? []),
  );
}

async function storageOf(tensor: Tensor): Promise<Storage> {
  if (tensor.storage === undefined) await currentRuntime().realize([tensor]);
  if (tensor.storage !== undefined) return tensor.storage;
  // A folded constant has no storage of its own.
  const elements = await tensor.elements();
  return new Storage(tensor.dtype, elements.length, { host: elements });
}
