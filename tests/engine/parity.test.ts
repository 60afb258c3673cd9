// Every case of every op, its gradient and its second derivative, on every engine and level of this machine,
// against the float64 reference; the courses' numbers too. FOVEA_LEVEL is of no account here: all are forced.
import { afterAll, describe, expect, test } from 'vitest';
import { gradients } from '../../src/compile/autodiff.js';
import { emit } from '../../src/compile/emit.js';
import { optimize } from '../../src/compile/optimize.js';
import { encodeProgram, type Program } from '../../src/compile/program.js';
import { bytesPerElement, decodeElements, encodeElements, viewTypedArray } from '../../src/core/dtype.js';
import { sizeOf } from '../../src/core/shape.js';
import type { Engine } from '../../src/engine/engine.js';
import { interpret } from '../../src/graph/interpret.js';
import type { Node } from '../../src/graph/node.js';
import { ANY_TARGET, type AnyOp, type OpCase, type ReferenceArray, type TensorType } from '../../src/graph/op.js';
import { applyOp, placeholder, type Tensor } from '../../src/graph/tensor.js';
import * as ops from '../../src/ops/index.js';
import { allOps } from '../../src/ops/index.js';
import { makeCaseInputs, randomNumbers } from '../ops/cases.js';
import { courseNumbers } from '../ops/course-numbers.js';
import { caseFor, KINDS, type Kind, SKIPS } from '../ops/coverage.js';
import { firstMismatch } from '../ops/tolerance.js';
import { findVariants, withEngine } from './variants.js';

type Feeds = Map<Node, ReferenceArray>;

/** One value to compare: where it comes from and how near it must be. */
interface Check {
  readonly name: string;
  readonly got: Tensor;
  readonly want: Float64Array;
  readonly reduces: number;
  readonly factor: number;
}

/** The checks of one op that run as one Program. */
interface Batch {
  readonly op: string;
  readonly feeds: Feeds;
  readonly checks: readonly Check[];
}

const made = new Map<Kind, Batch[]>();

/** All batches of one kind; the reference is computed once for all engines. */
function batches(kind: Kind): Batch[] {
  let all = made.get(kind);
  if (all === undefined) {
    all = allOps.map((op) => makeBatch(op, kind)).filter(({ checks }) => checks.length > 0);
    made.set(kind, all);
  }
  return all;
}

const isDerived = (kind: Kind): boolean => kind === 'gradients' || kind === 'second derivatives';

function makeBatch(op: AnyOp, kind: Kind): Batch {
  const feeds: Feeds = new Map();
  const checks: Check[] = [];
  for (const stated of op.cases()) {
    const each = caseFor(op, stated, kind);
    if (each === undefined) continue;
    const inputs = makeCaseInputs(each);
    const found = isDerived(kind) ? slopesOf(op, each, feeds, kind) : valuesOf(op, each, feeds);
    const reduces = op.reduces?.(inputs, each.params) ?? 1;
    const wanted = interpret(found, feeds);
    found.forEach((got, i) => {
      checks.push({
        name: `${op.name} '${each.name}' ${kind === 'values' ? 'output' : kind} ${i}`,
        got,
        want: (wanted[i] as ReferenceArray).data,
        ...allowance(kind, reduces, each.tolerance ?? 1),
      });
    });
  }
  return { op: op.name, feeds, checks };
}

/** A gradient is a sum over the op's outputs of products of sums; its second derivative goes that way twice. */
function allowance(kind: Kind, reduces: number, factor: number): { reduces: number; factor: number } {
  if (!isDerived(kind)) return { reduces, factor };
  return kind === 'gradients'
    ? { reduces: 16 * reduces, factor: 2 * factor }
    : { reduces: 256 * reduces, factor: 8 * factor };
}

function feed(inputs: readonly ReferenceArray[], feeds: Feeds): Tensor[] {
  return inputs.map((input) => {
    const x = placeholder(input);
    feeds.set(x.node, input);
    return x;
  });
}

function valuesOf(op: AnyOp, each: OpCase<object>, feeds: Feeds): Tensor[] {
  return applyOp(op, feed(makeCaseInputs(each), feeds), each.params);
}

/** Gradients of the outputs' weighted sum; of the gradients' sum of squares for the second. */
function slopesOf(op: AnyOp, each: OpCase<object>, feeds: Feeds, kind: Kind): Tensor[] {
  const xs = feed(makeCaseInputs(each), feeds);
  const by = xs.filter(({ dtype }) => dtype === 'float32');
  const outputs = applyOp(op, xs, each.params).filter(({ dtype }) => dtype === 'float32');
  const terms = outputs.map((output, stream) => {
    const data = randomNumbers(output.size, 11, stream).map((unit) => Math.fround(2 * unit - 1));
    const [weight] = feed([{ shape: output.shape, dtype: 'float32', data }], feeds) as [Tensor];
    return ops.sum(ops.multiply(output, weight));
  });
  const first = gradients(
    terms.reduce((a, b) => ops.add(a, b)),
    by,
  );
  if (kind === 'gradients') return first;
  const squares = first.map((slope) => ops.sum(ops.square(slope))).reduce((a, b) => ops.add(a, b));
  return gradients(squares, by);
}

const programs = { auto: new Map<Batch, Program>(), winograd: new Map<Batch, Program>() };

/** The cases are small: Winograd's kernels would not be chosen, so that they are asked for by name. */
function compiled(batch: Batch, convolution: keyof typeof programs = 'auto'): Program {
  let program = programs[convolution].get(batch);
  if (program === undefined) {
    const graph = { outputs: batch.checks.map(({ got }) => got), updates: [] };
    program = emit(optimize(graph), { target: { ...ANY_TARGET, convolution } });
    programs[convolution].set(batch, program);
  }
  return program;
}

/** Runs a batch; gives the outputs' bytes. */
async function run(engine: Engine, program: Program, feeds: Feeds): Promise<ArrayBuffer[]> {
  const loaded = engine.load(encodeProgram(program));
  const buffers = program.bindings.map((binding) => {
    const buffer = engine.allocate(bytesOf(binding.type));
    if (binding.kind === 'leaf') engine.write(buffer, elementsOf(binding.node, binding.output, feeds));
    return buffer;
  });
  try {
    await engine.run(loaded, buffers);
    const outputs: ArrayBuffer[] = [];
    for (const [i, binding] of program.bindings.entries()) {
      if (binding.kind === 'output') outputs[binding.index] = await engine.read(buffers[i] as (typeof buffers)[number]);
    }
    return outputs;
  } finally {
    loaded.dispose();
    for (const buffer of buffers) engine.free(buffer);
  }
}

/** What of a batch's outputs is out of tolerance. */
function mismatches({ checks }: Batch, outputs: readonly ArrayBuffer[]): string[] {
  return checks.flatMap(({ name, got: { dtype }, want, reduces, factor }, i) => {
    const got = decodeElements(dtype, viewTypedArray(dtype, outputs[i] as ArrayBuffer));
    const problem = firstMismatch(dtype, got, want, { reduces, factor });
    return problem === undefined ? [] : [`${name}: ${problem}`];
  });
}

function elementsOf(node: Node, output: number, feeds: Feeds): ArrayBufferView {
  const { dtype, data } = feeds.get(node) ?? {};
  const host = node.storage?.[output]?.host;
  return dtype === undefined || data === undefined ? (host as ArrayBufferView) : encodeElements(dtype, data);
}

function bytesOf({ shape, dtype }: TensorType): number {
  return sizeOf(shape) * bytesPerElement(dtype);
}

const skipOf = (engine: string, op: string) => SKIPS.find((skip) => skip.engine === engine && skip.op === op);

const { variants, missing } = await findVariants();
const counts = new Map(variants.map(({ engine, level }) => [`${engine} ${level}`, 0]));

for (const reason of missing) test.skip(`an engine does not run here: ${reason}`, () => undefined);

describe.each(variants)('$engine $level', ({ engine: name, level }) => {
  const isSkipUsed = new Set<string>();

  test.each(KINDS)('%s agree with the reference', { timeout: 120_000 }, async (kind) => {
    const problems: string[] = [];
    await withEngine({ engine: name, level }, { poison: true }, async (engine) => {
      for (const batch of batches(kind)) {
        const found = mismatches(batch, await run(engine, compiled(batch), batch.feeds));
        if (skipOf(name, batch.op) === undefined) problems.push(...found);
        else if (found.length > 0) isSkipUsed.add(batch.op);
        const key = `${name} ${level}`;
        counts.set(key, (counts.get(key) as number) + batch.checks.length);
      }
    });
    expect(problems, problems.join('\n')).toEqual([]);
  });

  test.each(KINDS)('%s agree with the reference by Winograd', { timeout: 120_000 }, async (kind) => {
    const problems: string[] = [];
    let calls = 0;
    await withEngine({ engine: name, level }, { poison: true }, async (engine) => {
      for (const batch of batches(kind).filter(({ op }) => op.startsWith('conv2d'))) {
        const program = compiled(batch, 'winograd');
        calls += program.instructions.filter(({ kernel }) => kernel.startsWith('winograd')).length;
        problems.push(...mismatches(batch, await run(engine, program, batch.feeds)));
      }
    });
    expect(calls).toBeGreaterThan(50);
    expect(problems, problems.join('\n')).toEqual([]);
  });

  test('needs the skips it is given', () => {
    const idle = SKIPS.filter(({ engine, op }) => engine === name && !isSkipUsed.has(op));
    expect(idle).toEqual([]);
  });

  test("the courses' numbers", async () => {
    const outputs = courseNumbers.map(({ build }) => build());
    const program = emit(optimize({ outputs, updates: [] }));
    await withEngine({ engine: name, level }, { poison: true }, async (engine) => {
      const results = await run(engine, program, new Map());
      courseNumbers.forEach(({ name: what, want, tolerance = 0 }, i) => {
        const got = new Float32Array(results[i] as ArrayBuffer);
        const wanted = [want].flat(9) as number[];
        expect(got.length, what).toBe(wanted.length);
        // What the reference has exactly in float64, a float32 engine may round where the numbers are not whole.
        got.forEach((value, at) => {
          const allowed = Math.max(tolerance, Number.isInteger(wanted[at]) ? 0 : 1e-6);
          expect(Math.abs(value - (wanted[at] as number)), `${what}, element ${at}`).toBeLessThanOrEqual(allowed);
        });
      });
    });
  });

  test('1, 2 and 3 threads give the same bits', { timeout: 120_000 }, async () => {
    const all = [...batches('values'), ...batches('gradients')];
    const results: Uint8Array[][][] = [];
    for (const threads of [1, 2, 3]) {
      await withEngine({ engine: name, level }, { threads, poison: true }, async (engine) => {
        const outputs: Uint8Array[][] = [];
        for (const batch of all) {
          const bytes = await run(engine, compiled(batch), batch.feeds);
          outputs.push(bytes.map((each) => new Uint8Array(each)));
        }
        results.push(outputs);
      });
    }
    const [one, ...more] = results as [Uint8Array[][], ...Uint8Array[][][]];
    for (const [extra, outputs] of more.entries()) {
      outputs.forEach((each, at) => {
        each.forEach((bytes, i) => {
          const isSame = Buffer.compare(bytes, one[at]?.[i] as Uint8Array) === 0;
          if (!isSame) expect.fail(`${all[at]?.checks[i]?.name} differs between 1 and ${extra + 2} threads`);
        });
      });
    }
  });
});

afterAll(() => {
  const lines = [...counts].map(([variant, count]) => `${variant}: ${count} comparisons`);
  console.log(`parity\n  ${lines.join('\n  ')}`);
  for (const [variant, count] of counts) if (count === 0) throw new Error(`${variant} compared nothing`);
});
