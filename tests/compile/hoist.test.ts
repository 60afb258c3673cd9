// What a Program prepares once for the weights it is given, and what it must not.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Program } from '../../src/compile/program.js';
import { SPACES } from '../../src/core/abi.js';
import type { Engine } from '../../src/engine/engine.js';
import { createEngine } from '../../src/engine/select.js';
import { defineOp } from '../../src/graph/define.js';
import type { KernelCall, ReferenceArray } from '../../src/graph/op.js';
import { constant, type Tensor } from '../../src/graph/tensor.js';
import * as ops from '../../src/ops/index.js';
import { checkOnEngine, compileAll, Feeder, graphOf, variablesAreConstant } from './harness.js';

let engine: Engine;
beforeAll(async () => {
  engine = await createEngine(undefined, { poison: true });
});
afterAll(() => engine.dispose());

const isConstant = variablesAreConstant;
/** What nodes compute; how kernels prepare their own operands has its own tests below. */
const labels = (list: Program['prepare']): string[] =>
  list.map(({ label }) => label).filter((label) => !label.endsWith(': prepares'));

/** Checks values with and without `prepare`; gives the Program that has one. */
async function prepared(
  feeder: Feeder,
  outputs: readonly Tensor[],
  updates: readonly (readonly [Tensor, Tensor])[] = [],
): Promise<Program> {
  const graph = graphOf(outputs, updates);
  await checkOnEngine(engine, graph, feeder.feeds);
  return compileAll(graph, { isConstant });
}

/** x + w by way of a copy of w that is prepared, with an offset, as packed weights are. */
const addPrepared = defineOp<object>({
  name: 'addPrepared',
  summary: 'for this test',
  shape: ([x]) => [{ shape: x?.shape ?? [], dtype: 'float32' }],
  gradient: 'none',
  reference: ([x, w]) => [
    (x as ReferenceArray).data.map((value, i) => value + ((w as ReferenceArray).data[i] as number)),
  ],
  kernels({ inputs: [x] }): KernelCall[] {
    const count = x?.shape[0] as number;
    const at = { kind: 'prepared', byteOffset: 128 } as const;
    return [
      {
        kernel: 'copy',
        operands: [{ kind: 'input', index: 1 }, at],
        parameters: [4, 1, count, 1, 1, 0, 0],
        prepares: true,
        preparedBytes: 128 + 4 * count,
      },
      {
        kernel: 'matmul',
        operands: [
          { kind: 'input', index: 2 },
          { kind: 'input', index: 0 },
          { kind: 'none' },
          { kind: 'none' },
          at,
          { kind: 'output', index: 0 },
          { kind: 'scratch' },
        ],
        parameters: [1, 1, count, 1, 0, 0, 0, 0, 0, 0],
        scratchBytes: 4 * Math.ceil(count / 64) * 64,
      },
    ];
  },
  cases: () => [],
});

describe('hoisting', () => {
  it('computes what follows from weights alone once', async () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [4, 6] });
    const w = feeder.variable({ shape: [6, 5] });
    const scale = feeder.variable({ shape: [5] });
    const program = await prepared(feeder, [ops.matmul(x, ops.multiply(ops.exp(w), scale))]);
    expect(labels(program.prepare)).toEqual(['exp multiply']);
    expect(labels(program.instructions)).toEqual(['matmul']);
    expect(program.preparedFrom.map((at) => program.bindings[at])).toMatchObject([{ kind: 'leaf' }, { kind: 'leaf' }]);
    // Six rows of five columns, rounded up to 64 by the kernel: the weights themselves are not kept beside that.
    expect(program.bindings.at(-1)).toMatchObject({ kind: 'prepared', type: { shape: [4 * 6 * 64] } });
  });

  it('keeps only what runs read; the rest of the work shares the workspace', async () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [1, 64] }); // one row streams the matrix as it lies
    const w = feeder.variable({ shape: [64, 64] });
    const folded = ops.softmax(ops.matmul(ops.softmax(w), w));
    const program = await prepared(feeder, [ops.matmul(x, folded)]);
    expect(labels(program.prepare)).toEqual(['softmax', 'matmul', 'softmax']);
    expect(program.bindings.at(-1)?.type.shape).toEqual([4 * 64 * 64]);
  });

  it('folds a frozen batch norm once, even where the filter outnumbers the results', async () => {
    const feeder = new Feeder();
    const shape = [8];
    const y = ops.conv2d(feeder.input({ shape: [1, 1, 1, 8] }), feeder.variable({ shape: [1, 1, 8, 8] }));
    const normal = ops.batchNorm(y, {
      mean: feeder.variable({ shape }),
      variance: feeder.variable({ shape }, { low: 0.5, high: 2 }),
      gamma: feeder.variable({ shape }),
      beta: feeder.variable({ shape }),
    });
    const program = await prepared(feeder, [ops.relu(normal)]);
    expect(labels(program.instructions)).toEqual(['conv2d + bias + relu']);
    expect(compileAll(graphOf([ops.relu(normal)])).instructions.length).toBeGreaterThan(1);
  });

  it('leaves alone what is assigned, what is an argument, and what is a result', async () => {
    const feeder = new Feeder();
    const w = feeder.variable({ shape: [4, 4] });
    const x = feeder.input({ shape: [4, 4] });
    const assigned = await prepared(feeder, [ops.matmul(ops.exp(w), x)], [[w, ops.multiply(w, 2)]]);
    expect(assigned.prepare).toEqual([]);
    const v = feeder.variable({ shape: [4, 4] });
    expect((await prepared(feeder, [ops.softmax(v)])).prepare).toEqual([]);
    expect((await prepared(feeder, [], [[w, ops.softmax(v)]])).prepare).toEqual([]);
    expect(labels((await prepared(feeder, [ops.matmul(ops.softmax(x), v)])).prepare)).toEqual([]);
  });

  it('does not keep what follows from nothing, unless it goes into something kept', async () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [40, 40] });
    const line = ops.softmax(ops.ones([40, 40]));
    const alone = await prepared(feeder, [ops.matmul(x, line)]);
    expect(labels(alone.prepare)).toEqual([]);
    const w = feeder.variable({ shape: [40, 40] });
    const together = await prepared(feeder, [ops.matmul(x, ops.matmul(w, line))]);
    expect(together.prepare.length).toBeGreaterThan(1);
    expect(labels(together.instructions)).toEqual(['matmul']);
  });

  it('hoists the calls of a node that prepare its weights', async () => {
    const feeder = new Feeder();
    const one = constant([1], [1], 'float32');
    const x = feeder.input({ shape: [70] });
    const w = feeder.variable({ shape: [70] });
    const y = addPrepared.one([x, w, one], {});
    const program = await prepared(feeder, [y]);
    expect(program.prepare.map(({ kernel }) => kernel)).toEqual(['copy']);
    expect(program.instructions.map(({ kernel }) => kernel)).toEqual(['matmul']);
    const place = { space: SPACES.bindings + program.bindings.length - 1, offset: 128 };
    expect(program.prepare[0]?.operands[1]).toEqual(place);
    expect(program.instructions[0]?.operands[4]).toEqual(place);
    expect(program.prepare[0]?.flops).toBe(0);
    // A folded weight that only the prepared calls read is not kept.
    const folded = await prepared(feeder, [addPrepared.one([x, ops.softmax(w), one], {})]);
    expect(folded.prepare.map(({ kernel }) => kernel)).toEqual(['softmax', 'copy']);
    expect(folded.bindings.at(-1)?.type.shape).toEqual([448]);
  });

  it('runs calls that prepare in their place where the weights change', async () => {
    const feeder = new Feeder();
    const one = constant([1], [1], 'float32');
    const [a, b] = [feeder.input({ shape: [70] }), feeder.input({ shape: [70] })] as const;
    const program = await prepared(feeder, [addPrepared.one([a, b, one], {})]);
    expect(program.prepare).toEqual([]);
    expect(program.instructions.map(({ kernel }) => kernel)).toEqual(['copy', 'matmul']);
    expect(program.bindings.every(({ kind }) => kind !== 'prepared')).toBe(true);
  });
});
