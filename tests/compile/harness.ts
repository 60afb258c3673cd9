// What the compiler's tests share: running graphs by the float64 interpreter and on an engine, the passes one by
// one with the verifier between them, and the checks of a memory plan.
import { expect } from 'vitest';
import { type EmitOptions, emit } from '../../src/compile/emit.js';
import { type Graph, nodesOf, roots, verifyGraph } from '../../src/compile/graph.js';
import type { IsConstant } from '../../src/compile/hoist.js';
import { PASSES, type Pass } from '../../src/compile/optimize.js';
import { encodeProgram, type Program } from '../../src/compile/program.js';
import {
  bytesPerElement,
  type Dtype,
  decodeElements,
  encodeElements,
  isFloat,
  roundTo,
  type TypedArray,
  viewTypedArray,
} from '../../src/core/dtype.js';
import { sizeOf } from '../../src/core/shape.js';
import type { Engine } from '../../src/engine/engine.js';
import { interpret } from '../../src/graph/interpret.js';
import type { Node } from '../../src/graph/node.js';
import { variableOp } from '../../src/graph/node.js';
import type { ReferenceArray, TensorType } from '../../src/graph/op.js';
import { placeholder, type Tensor } from '../../src/graph/tensor.js';
import { randomNumbers } from '../ops/cases.js';
import { firstMismatch } from '../ops/tolerance.js';

export type Feeds = Map<Node, ReferenceArray>;

/** A placeholder with numbers for it. */
export class Feeder {
  readonly feeds: Feeds = new Map();
  private stream = 0;

  constructor(private readonly seed = 1) {}

  /** Floats in [low, high), whole numbers in [low, high], or the values given. */
  input(type: Partial<TensorType>, from: { low?: number; high?: number; values?: readonly number[] } = {}): Tensor {
    return this.feed(placeholder({ shape: [], dtype: 'float32', ...type }), from);
  }

  /** The leaf that stands for a variable. */
  variable(type: Partial<TensorType>, from: { low?: number; high?: number; values?: readonly number[] } = {}): Tensor {
    return this.feed(placeholder({ shape: [], dtype: 'float32', ...type }, variableOp), from);
  }

  private feed(
    x: Tensor,
    { low = -2, high = 2, values }: { low?: number; high?: number; values?: readonly number[] },
  ): Tensor {
    const { shape, dtype } = x;
    const units = randomNumbers(sizeOf(shape), this.seed, this.stream++);
    const isWhole = dtype === 'int32' || dtype === 'uint8' || dtype === 'bool';
    const data = units.map((unit, i) =>
      roundTo(
        dtype,
        values === undefined
          ? isWhole
            ? Math.floor(low + unit * (high - low + 1))
            : low + unit * (high - low)
          : (values[i] as number),
      ),
    );
    this.feeds.set(x.node, { shape, dtype, data });
    return x;
  }
}

/** A graph of outputs and updates. */
export function graphOf(outputs: readonly Tensor[], updates: readonly (readonly [Tensor, Tensor])[] = []): Graph {
  return { outputs, updates: updates.map(([target, value]) => ({ target: target.node, value })) };
}

/** Values of the outputs, then of the updates, in float64. */
export function interpretGraph(graph: Graph, feeds: Feeds): Float64Array[] {
  return interpret(roots(graph), feeds).map(({ data }) => data);
}

/** Runs passes in order; after each the graph must be legal and mean what it meant. Gives the last graph. */
export function runPasses(graph: Graph, feeds: Feeds, passes: readonly Pass[] = PASSES): Graph {
  const want = interpretGraph(graph, feeds);
  const count = graph.outputs.length;
  let current = graph;
  for (const { name, run } of passes) {
    current = run(current, {});
    verifyGraph(current);
    const got = interpretGraph(current, feeds);
    const expectRoot = (values: Float64Array | undefined, i: number): void => {
      // Folded constants are rounded to their dtype, which the reference otherwise does not do.
      const problem = firstMismatch(roots(graph)[i]?.dtype as Dtype, values as Float64Array, want[i] as Float64Array, {
        reduces: 64,
      });
      if (problem !== undefined) expect.fail(`${name} changes root ${i}: ${problem}`);
    };
    expect(current.outputs.length).toBe(count);
    graph.outputs.forEach((_, i) => {
      expectRoot(got[i], i);
    });
    // An update that changes nothing may go.
    graph.updates.forEach(({ target }, i) => {
      const at = current.updates.findIndex((update) => update.target === target);
      expectRoot(at < 0 ? feeds.get(target)?.data : got[count + at], count + i);
    });
  }
  return current;
}

/** The passes up to and with the one of this name. */
export function passesUpTo(name: string): Pass[] {
  return PASSES.slice(0, PASSES.findIndex((pass) => pass.name === name) + 1);
}

/** The names of a graph's computed nodes, in order. */
export function opNames(graph: Graph): string[] {
  return nodesOf(graph)
    .filter(({ op }) => !['input', 'variable', 'constant', 'storage'].includes(op.name))
    .map(({ op }) => op.name);
}

/** The first node of an op. */
export function nodeNamed(graph: Graph, name: string): Node {
  const found = nodesOf(graph).find(({ op }) => op.name === name);
  if (found === undefined) throw new Error(`the graph has no ${name}, only ${opNames(graph)}`);
  return found;
}

export function compileAll(graph: Graph, options: EmitOptions = {}): Program {
  return emit(
    PASSES.reduce((current, { run }) => run(current, options), graph),
    options,
  );
}

/** Variables count as constant, for what `prepare` takes over. */
export const variablesAreConstant: IsConstant = (leaf) => leaf.op === variableOp;

/** Regions whose lives overlap must not share a byte, and all lie in the workspace. */
export function expectSoundPlan({ regions, workspaceBytes }: Program): void {
  regions.forEach((a, i) => {
    expect(a.offset % 64).toBe(0);
    expect(a.offset).toBeGreaterThanOrEqual(0);
    expect(a.offset + a.bytes).toBeLessThanOrEqual(workspaceBytes);
    for (const b of regions.slice(i + 1)) {
      const isTogether = a.first <= b.last && b.first <= a.last;
      const isShared = a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;
      if (isTogether && isShared) expect.fail(`two living regions overlap: ${JSON.stringify([a, b])}`);
    }
  });
}

/** Bytes around every binding that no run may touch. */
const GUARD = 64;
const GUARD_BYTE = 0xa5;

/** Runs a Program, `prepare` first, with guarded bindings. Gives outputs, and the leaves' memory afterwards. */
export async function runProgram(
  engine: Engine,
  program: Program,
  feeds: Feeds,
): Promise<{ outputs: Float64Array[]; leaves: Map<Node, Float64Array> }> {
  const loaded = engine.load(encodeProgram(program));
  const prepare = engine.load(encodeProgram(program, 'prepare'));
  const buffers = program.bindings.map((binding) => {
    const bytes = bytesOf(binding.type);
    // The guard is inside the buffer, so the engine's own check of buffer ends is not what is tested.
    const buffer = engine.allocate(bytes + GUARD);
    engine.write(buffer, new Uint8Array(bytes + GUARD).fill(GUARD_BYTE));
    if (binding.kind === 'leaf') engine.write(buffer, elementsOf(binding.node, binding.output, feeds));
    return buffer;
  });
  try {
    if (program.prepare.length > 0) await engine.run(prepare, buffers);
    await engine.run(loaded, buffers);
    const outputs: Float64Array[] = [];
    const leaves = new Map<Node, Float64Array>();
    for (const [i, binding] of program.bindings.entries()) {
      const { dtype } = binding.type;
      const bytes = bytesOf(binding.type);
      const data = await engine.read(buffers[i] as (typeof buffers)[number]);
      const guard = new Uint8Array(data, bytes);
      if (guard.some((byte) => byte !== GUARD_BYTE)) expect.fail(`a kernel wrote behind binding ${i}`);
      const values = decodeElements(dtype, viewTypedArray(dtype, data.slice(0, bytes)));
      if (binding.kind === 'leaf') leaves.set(binding.node, values);
      else if (binding.kind === 'output') outputs[binding.index] = values;
    }
    return { outputs, leaves };
  } finally {
    loaded.dispose();
    prepare.dispose();
    for (const buffer of buffers) engine.free(buffer);
  }
}

function elementsOf(node: Node, output: number, feeds: Feeds): TypedArray {
  const fed = feeds.get(node);
  if (fed !== undefined) return encodeElements(fed.dtype, fed.data);
  const host = node.storage?.[output]?.host;
  if (host === undefined) throw new Error(`a leaf was not fed: ${node.op.name}`);
  return host;
}

function bytesOf({ shape, dtype }: TensorType): number {
  return sizeOf(shape) * bytesPerElement(dtype);
}

/** What to hold floats to: the narrowest kind that a graph stores. */
function narrowest(graph: Graph): Dtype {
  const all = new Set(nodesOf(graph).flatMap(({ types }) => types.map(({ dtype }) => dtype)));
  return all.has('bfloat16') ? 'bfloat16' : all.has('float16') ? 'float16' : 'float32';
}

/**
 * Compiles a graph with and without reuse of memory, with and without `prepare`, and compares all with the interpreter,
 * updates included.
 */
export async function checkOnEngine(
  engine: Engine,
  graph: Graph,
  feeds: Feeds,
  { reduces = 64, factor = 1 }: { reduces?: number; factor?: number } = {},
): Promise<Program> {
  const want = interpretGraph(graph, feeds);
  const heldTo = (dtype: Dtype): Dtype => (isFloat(dtype) ? narrowest(graph) : dtype);
  const planned = compileAll(graph);
  const isConstant = variablesAreConstant;
  const programs = {
    planned,
    unplanned: compileAll(graph, { reuse: false }),
    prepared: compileAll(graph, { isConstant }),
    'prepared, unplanned': compileAll(graph, { isConstant, reuse: false }),
  };
  for (const [how, program] of Object.entries(programs)) {
    expectSoundPlan(program);
    const { outputs, leaves } = await runProgram(engine, program, feeds);
    graph.outputs.forEach(({ dtype }, i) => {
      const problem = firstMismatch(heldTo(dtype), outputs[i] as Float64Array, want[i] as Float64Array, {
        reduces,
        factor,
      });
      if (problem !== undefined) expect.fail(`${how}, output ${i}: ${problem}`);
    });
    graph.updates.forEach(({ target, value }, i) => {
      const got = leaves.get(target) ?? feeds.get(target)?.data;
      const problem = firstMismatch(
        heldTo(value.dtype),
        got as Float64Array,
        want[graph.outputs.length + i] as Float64Array,
        { reduces, factor },
      );
      if (problem !== undefined) expect.fail(`${how}, update ${i}: ${problem}`);
    });
    const updated = new Set(graph.updates.map(({ target }) => target));
    for (const [leaf, values] of leaves) {
      const fed = feeds.get(leaf);
      if (fed !== undefined && !updated.has(leaf))
        expect([...values], 'a leaf that is only read').toEqual([...fed.data]);
    }
  }
  return planned;
}
