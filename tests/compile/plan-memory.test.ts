// Plans on their own, and what they do to values on an engine whose freed memory is poisoned.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeProgram } from '../../src/compile/program.js';
import type { Dtype } from '../../src/core/dtype.js';
import type { Engine } from '../../src/engine/engine.js';
import { createEngine } from '../../src/engine/select.js';
import { constant, type Tensor, whileTracing } from '../../src/graph/tensor.js';
import * as ops from '../../src/ops/index.js';
import { processorTime } from '../processor-time.js';
import { checkOnEngine, compileAll, expectSoundPlan, Feeder, graphOf } from './harness.js';

let engine: Engine;
beforeAll(async () => {
  engine = await createEngine(undefined, { poison: true });
});
afterAll(() => engine.dispose());

/** Runs outputs and updates planned and unplanned; gives the kernels of the planned Program. */
async function kernels(
  feeder: Feeder,
  outputs: readonly Tensor[],
  updates: readonly (readonly [Tensor, Tensor])[] = [],
) {
  const program = await checkOnEngine(engine, graphOf(outputs, updates), feeder.feeds);
  return program.instructions.map(({ label }) => label);
}

describe('updates', () => {
  it('happen in place where nobody reads the old value later', async () => {
    const feeder = new Feeder();
    const w = feeder.variable({ shape: [9] });
    expect(await kernels(feeder, [ops.softmax(w)], [[w, ops.multiply(w, 0.5)]])).toEqual(['softmax', 'multiply']);
  });

  it('wait where a reader of the old value needs the new one', async () => {
    const feeder = new Feeder();
    const w = feeder.variable({ shape: [9] });
    const next = ops.softmax(w);
    expect(await kernels(feeder, [ops.multiply(ops.softmax(next), w)], [[w, next]])).toContain('update');
  });

  it('do not overwrite what the same kernel reads turned round', async () => {
    const feeder = new Feeder();
    const w = feeder.variable({ shape: [300, 300] });
    expect(await kernels(feeder, [], [[w, ops.add(w, ops.transpose(w))]])).toContain('update');
    const v = feeder.variable({ shape: [1001] });
    expect(await kernels(feeder, [], [[v, ops.multiply(ops.flip(v, 0), 2)]])).toContain('update');
  });

  it('swap two variables, and turn three round', async () => {
    const feeder = new Feeder();
    const [a, b, c] = [1, 2, 3].map(() => feeder.variable({ shape: [5] })) as [Tensor, Tensor, Tensor];
    await kernels(
      feeder,
      [],
      [
        [a, b],
        [b, a],
      ],
    );
    await kernels(
      feeder,
      [a],
      [
        [a, b],
        [b, c],
        [c, a],
      ],
    );
    await kernels(
      feeder,
      [],
      [
        [a, ops.add(a, 1)],
        [b, a],
      ],
    );
    await kernels(
      feeder,
      [],
      [
        [b, a],
        [a, ops.add(a, 1)],
      ],
    );
    await kernels(
      feeder,
      [ops.exp(a)],
      [
        [a, ops.reshape(b, [5])],
        [b, ops.flip(a, 0)],
      ],
    );
  });

  it('take views, arguments, constants and values that are outputs too', async () => {
    const feeder = new Feeder();
    const [a, b, c, d] = [1, 2, 3, 4].map(() => feeder.variable({ shape: [4] })) as [Tensor, Tensor, Tensor, Tensor];
    const x = feeder.input({ shape: [2, 4] });
    const y = ops.exp(x);
    await kernels(
      feeder,
      [y, ops.slice(y, [0, 0], [1, 4])],
      [
        [a, ops.reshape(ops.slice(y, [1, 0], [1, 4]), [4])],
        [b, ops.reshape(ops.slice(x, [0, 0], [1, 4]), [4])],
        [c, constant([1, 2, 3, 4], [4], 'float32')],
        [d, ops.ones([4])],
      ],
    );
    await kernels(
      feeder,
      [ops.add(a, 1)],
      [
        [a, ops.add(a, 1)],
        [b, ops.add(a, 1)],
      ],
    );
  });

  it('of one kernel with several outputs are all in place', async () => {
    const feeder = new Feeder();
    const shape = [67, 31];
    const [w, m, v, top] = [1, 2, 3, 4].map(() => feeder.variable({ shape }, { low: 0.1, high: 1 })) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const g = feeder.input({ shape });
    const nextM = ops.add(ops.multiply(m, 0.9), ops.multiply(g, 0.1));
    const nextV = ops.add(ops.multiply(v, 0.999), ops.multiply(ops.square(g), 0.001));
    // The old m and v are read after the new ones are written.
    const nextTop = ops.add(ops.maximum(top, nextV), ops.add(m, v));
    const nextW = ops.subtract(w, ops.divide(ops.multiply(nextM, 0.1), ops.add(ops.sqrt(nextTop), 1e-7)));
    const labels = await kernels(
      feeder,
      [],
      [
        [m, nextM],
        [v, nextV],
        [top, nextTop],
        [w, nextW],
      ],
    );
    expect(labels.length).toBe(1);
  });

  it.each<Dtype>(['uint8', 'bool', 'int32', 'float16', 'bfloat16'])('of %s', async (dtype) => {
    const feeder = new Feeder();
    const range = { low: 0, high: dtype === 'bool' ? 1 : 5 };
    const [a, b] = [feeder.variable({ shape: [133], dtype }, range), feeder.variable({ shape: [133], dtype }, range)];
    const next = dtype === 'bool' ? ops.logicalXor(a, b) : ops.add(ops.multiply(a, 3), b);
    await kernels(
      feeder,
      [next, ops.cast(next, 'float32')],
      [
        [a, next],
        [b, a],
      ],
    );
  });
});

describe('odd values', () => {
  it('outputs that are arguments, constants, views, or one tensor twice', async () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [3, 5] });
    const y = ops.exp(x);
    const key = ops.randomKey(1);
    await kernels(feeder, [
      x,
      x,
      y,
      y,
      ops.transpose(y),
      ops.reshape(y, [15]),
      ops.slice(y, [1, 1], [2, 2]),
      key,
      ops.ones([3]),
    ]);
  });

  it('empty tensors', async () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [0, 5] });
    const w = feeder.variable({ shape: [0] });
    const y = ops.add(ops.exp(x), 1);
    await kernels(
      feeder,
      [y, ops.transpose(y), ops.sum(y), ops.matmul(ops.transpose(x), x), ops.concat([x, x], 0), x],
      [[w, ops.add(w, 1)]],
    );
  });

  it('scalars', async () => {
    const feeder = new Feeder();
    const x = feeder.input({});
    const w = feeder.variable({});
    await kernels(
      feeder,
      [ops.add(x, w), ops.broadcastTo(x, [3]), x, ops.sum(x)],
      [[w, ops.add(ops.multiply(w, 2), x)]],
    );
  });

  it('bytes that wrap inside a kernel and between kernels', async () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [513], dtype: 'uint8' }, { low: 0, high: 255 });
    const y = ops.add(ops.multiply(x, 7), 200);
    const z = ops.where(ops.greater(y, 100), ops.cast(ops.subtract(y, 150), 'int32'), ops.cast(y, 'int32'));
    await kernels(feeder, [
      y,
      z,
      ops.cast(ops.concat([y, x], 0), 'float32'),
      ops.maximum(x, constant([300], [], 'uint8')),
    ]);
  });

  it('chains through every dtype', async () => {
    const feeder = new Feeder();
    let x = feeder.input({ shape: [257], dtype: 'int32' }, { low: -9, high: 9 });
    const outputs: Tensor[] = [];
    for (const dtype of [
      'float16',
      'float32',
      'bfloat16',
      'int32',
      'bool',
      'uint8',
      'float32',
      'bool',
      'bfloat16',
    ] as const) {
      x = ops.cast(x, dtype);
      outputs.push(x, ops.add(ops.cast(x, 'float32'), 1));
    }
    await kernels(feeder, outputs);
  });

  it('a kernel of several outputs of which one is used', async () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [9, 7] });
    await kernels(feeder, [
      ops.exp(ops.moments(x).variance),
      ops.add(ops.topK(x, 3).indices, 1),
      ops.square(ops.moments(ops.exp(x)).mean),
    ]);
  });

  it('keys that are arguments, variables, slices and computed', async () => {
    const feeder = new Feeder();
    const key = feeder.variable({ shape: [4], dtype: 'int32' }, { values: [5, 6, 7, 0] });
    const keys = feeder.input({ shape: [4, 3], dtype: 'int32' }, { low: 0, high: 99 });
    const next = ops.add(key, constant([0, 0, 1, 0], [4], 'int32'));
    const slice = ops.reshape(ops.slice(keys, [0, 1], [4, 1]), [4]);
    const bits = ops.randomBits([4], key);
    await kernels(
      feeder,
      [
        ops.randomUniform([33], key),
        ops.randomNormal([33], next),
        ops.randomUniform([5, 7], slice),
        ops.dropout(ops.ones([40]), 0.5, bits),
        ops.randomUniform([4], next),
      ],
      [[key, next]],
    );
    await kernels(feeder, [], [[key, bits]]);
  });
});

describe('the workspace', () => {
  it('is two buffers for a chain of any length', () => {
    const lengths = [4, 40].map((length) => {
      const feeder = new Feeder();
      let x = feeder.input({ shape: [64, 64] });
      for (let i = 0; i < length; i++) x = ops.softmax(x);
      const program = compileAll(graphOf([x]));
      expectSoundPlan(program);
      return program.workspaceBytes;
    });
    expect(lengths).toEqual([2 * 64 * 64 * 4, 2 * 64 * 64 * 4]);
  });

  it('is less than all regions together, and without reuse as much', () => {
    const feeder = new Feeder();
    let x = feeder.input({ shape: [32, 32] });
    for (let i = 0; i < 9; i++) x = ops.softmax(x);
    const all = ({ regions }: ReturnType<typeof compileAll>): number =>
      regions.reduce((sum, { bytes }) => sum + bytes, 0);
    const planned = compileAll(graphOf([x]));
    const apart = compileAll(graphOf([x]), { reuse: false });
    expect(planned.workspaceBytes).toBeLessThan(all(planned));
    expect(apart.workspaceBytes).toBe(all(apart));
  });

  it('holds a pointwise result where its input was', () => {
    const feeder = new Feeder();
    const x = ops.softmax(feeder.input({ shape: [64, 64] }));
    const program = compileAll(graphOf([ops.softmax(ops.exp(x))]));
    expect(program.workspaceBytes).toBe(64 * 64 * 4);
  });

  it('is planned in time that does not explode', () => {
    const feeder = new Feeder();
    let x = feeder.input({ shape: [8] });
    const kept: Tensor[] = [];
    whileTracing(() => {
      for (let i = 0; i < 3000; i++) {
        x = ops.softmax(x);
        if (i % 3 === 0) kept.push(x);
      }
      for (const each of kept) x = ops.softmax(ops.add(x, each));
    });
    const started = processorTime();
    const program = compileAll(graphOf([x]));
    expect(processorTime() - started).toBeLessThan(3000);
    expect(encodeProgram(program).byteLength).toBeGreaterThan(4000);
  });
});
