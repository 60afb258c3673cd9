// Lazy tensors on an engine: reading, realising, giving back, and moving between engines.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { grad } from '../../src/compile/autodiff.js';
import { FoveaError } from '../../src/core/errors.js';
import { compile, explain } from '../../src/engine/compile.js';
import { disposeEngine, engineInfo, engineMemory, setEngine } from '../../src/engine/current.js';
import '../../src/engine/install.js';
import { realize } from '../../src/engine/execute.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { Variable } from '../../src/graph/variable.js';
import * as ops from '../../src/ops/index.js';
import { findVariants } from './variants.js';

const { variants } = await findVariants();
const engines = [...new Set(variants.map(({ engine }) => engine))];

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Collects garbage until finalizers have had their turn. */
async function collect(): Promise<void> {
  for (let i = 0; i < 4; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof FoveaError) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe.each(engines)('tensors on %s', (name) => {
  beforeAll(async () => {
    await setEngine(name, { poison: true, threads: 2 });
  });

  test('are read as typed arrays, nested arrays and numbers', async () => {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(await ops.add(x, 1).data()).toEqual(Float32Array.of(2, 3, 4, 5, 6, 7));
    expect(await ops.transpose(x).array()).toEqual([
      [1, 4],
      [2, 5],
      [3, 6],
    ]);
    expect(await ops.sum(x).item()).toBe(21);
    expect(await ops.greater(x, 3).array()).toEqual([
      [false, false, false],
      [true, true, true],
    ]);
    expect(await ops.cast(x, 'int32').data()).toEqual(Int32Array.of(1, 2, 3, 4, 5, 6));
    expect(await ops.cast(ops.add(x, 254), 'uint8').data()).toEqual(Uint8Array.of(255, 0, 1, 2, 3, 4));
    expect(await ops.cast(x, 'bfloat16').data()).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
    expect(await ops.argMax(x).array()).toEqual([2, 2]);
  });

  test('may be constants, empty, views and outputs of one op', async () => {
    expect(await ops.zeros([2]).data()).toEqual(Float32Array.of(0, 0));
    expect(await ops.add(1, 2).item()).toBe(3);
    expect(await ops.zeros([0, 3]).array()).toEqual([]);
    expect(await ops.exp(ops.zeros([0, 3])).data()).toEqual(new Float32Array(0));
    expect(await ops.sum(ops.zeros([0, 3]), { axis: 0 }).data()).toEqual(new Float32Array(3));
    const { values, indices } = ops.topK(tensor([1, 9, 5]), 2);
    expect(await values.array()).toEqual([9, 5]);
    // Of a node that is realised, the second output.
    expect(await ops.add(indices, 10).array()).toEqual([11, 12]);
    expect(await ops.add(ops.cast(indices, 'float32'), values).array()).toEqual([10, 7]);
  });

  test('go on from what was read', async () => {
    const y = ops.matmul(tensor([[1, 2]]), tensor([[3], [4]]));
    expect(await y.item()).toBe(11);
    expect(await ops.relu(ops.multiply(y, tensor([-1]))).item()).toBe(0);
    const spread = ops.broadcastTo(ops.reshape(y, [1]), [3]);
    await spread.data();
    expect(await ops.add(tensor([1, 2, 3]), spread).array()).toEqual([12, 13, 14]);
    const weights = ops.multiply(y, Variable.from(Float32Array.of(2, 3), [2], 'float32').value);
    expect(await weights.array()).toEqual([[22, 33]]);
  });

  test('give the reader an array of its own', async () => {
    const x = tensor([1, 2]);
    (await x.data())[0] = 99;
    expect(await x.array()).toEqual([1, 2]);
    const y = ops.add(x, 1);
    (await y.data())[0] = 99;
    expect(await y.array()).toEqual([2, 3]);
  });

  test('are realised together', async () => {
    const x = ops.exp(tensor([1, 2, 3]));
    const [a, b] = [ops.sum(x), ops.max(x)];
    await collect(); // the collector must not take an earlier test's Programs between the counts
    const before = (await engineMemory()).programs;
    await realize(a, b, tensor([1]), ops.ones([2]));
    expect((await engineMemory()).programs - before).toBe(1);
    expect([a.storage, b.storage].includes(undefined)).toBe(false);
    expect(await a.item()).toBeCloseTo(Math.E + Math.E ** 2 + Math.E ** 3, 4);
    await realize();
  });

  test('of equal recipes share one Program', async () => {
    const recipe = (value: number): Tensor => ops.softmax(ops.add(tensor([value, 1]), 0.5));
    await recipe(1).data();
    await collect();
    const before = (await engineMemory()).programs;
    for (let i = 0; i < 5; i++) await recipe(i).data();
    expect((await engineMemory()).programs).toBe(before);
    // One constant differs: another Program.
    expect(await ops.softmax(ops.add(tensor([0, 1]), 9)).data()).toHaveLength(2);
    expect((await engineMemory()).programs).toBe(before + 1);
  });

  test('are read by many at once', async () => {
    const shared = ops.exp(tensor([0, 1, 2]));
    const sums = Array.from({ length: 64 }, (_, i) => ops.sum(ops.multiply(shared, i)));
    const results = await Promise.all(sums.flatMap((sum) => [sum.item(), sum.item()]));
    const total = 1 + Math.E + Math.E ** 2;
    results.forEach((value, i) => {
      expect(Math.abs(value - Math.floor(i / 2) * total)).toBeLessThan(1e-5 * (1 + i * total));
    });
  });

  test('may be a hundred thousand ops away', { timeout: 60_000 }, async () => {
    let x = tensor([0, 1]);
    for (let i = 0; i < 100_000; i++) x = ops.add(x, 1);
    expect(await x.array()).toEqual([100_000, 100_001]);
  });

  test('keep their history for gradients, however deep', async () => {
    const x = tensor([1, 2]);
    const slope = grad((a) => {
      let y = a;
      for (let i = 0; i < 3000; i++) y = ops.multiply(y, i % 2 === 0 ? 2 : 0.5);
      return ops.sum(y);
    });
    expect(await slope(x).array()).toEqual([1, 1]);
  });

  test('refuse what cannot be read', async () => {
    let leaked: Tensor | undefined;
    await compile((x) => {
      leaked = x;
      return [ops.add(x, 1)];
    })(1);
    const arg = leaked as unknown as Tensor;
    expect(await messageOf(arg.data())).toContain('argument of a function being traced');
    expect(await messageOf(ops.add(arg, 1).data())).toBe(
      'data: this tensor depends on an argument of a function being traced and has no data.\n  Return it from the function and read the result.',
    );
    expect(await messageOf(ops.ones([2, 3]).item())).toContain('has 6 elements, not one');
    const gone = tensor([1, 2]);
    gone.dispose();
    gone.dispose();
    const disposed =
      'tensor: this tensor was disposed.\n  Read it before dispose(), or leave it to the garbage collector.';
    expect(await messageOf(gone.data())).toBe(disposed);
    expect(await messageOf(ops.add(gone, 1).data())).toBe(disposed);
    // The engine is none the worse.
    expect(await ops.add(1, 1).item()).toBe(2);
  });

  test('give their memory back by dispose and using', async () => {
    await collect();
    const before = await engineMemory();
    const y = ops.add(ops.ones([1000]), 1);
    await realize(y);
    expect((await engineMemory()).bufferBytes - before.bufferBytes).toBe(4000);
    y.dispose();
    expect((await engineMemory()).bufferBytes).toBe(before.bufferBytes);
    {
      using z = ops.add(ops.ones([1000]), 2);
      await realize(z);
    }
    expect((await engineMemory()).bufferBytes).toBe(before.bufferBytes);
  });

  test('give their memory back when they are collected', async () => {
    const step = async (): Promise<void> => {
      const x = tensor(new Float32Array(1000).fill(1));
      const y = ops.add(ops.exp(x), ops.sin(x));
      await y.data();
      await realize(ops.topK(y, 3).indices);
    };
    await step();
    await collect();
    const before = await engineMemory();
    for (let i = 0; i < 100; i++) await step();
    await collect();
    const after = await engineMemory();
    expect([after.bufferBytes, after.buffers]).toEqual([before.bufferBytes, before.buffers]);
  });

  test('wait for the collector before memory runs out', { timeout: 60_000 }, async () => {
    const x = tensor(new Float32Array(8 << 20));
    await realize(ops.add(x, 0.5));
    let most = 0;
    for (let i = 0; i < 100; i++) {
      await realize(ops.add(x, i));
      most = Math.max(most, (await engineMemory()).bufferBytes);
    }
    // 100 tensors of 32 MiB: without waiting this would be 3.2 GB.
    expect(most).toBeLessThan(1 << 30);
  });

  test('evict the Programs that were used least recently', { timeout: 60_000 }, async () => {
    const x = tensor([1]);
    for (let i = 0; i < 600; i++) await ops.add(x, i).data();
    expect((await engineMemory()).programs).toBeLessThan(560);
  });
});

describe.each(engines)('compiled functions on %s', (name) => {
  beforeAll(async () => {
    await setEngine(name, { poison: true, threads: 2 });
  });

  test('take tensors, arrays and numbers, and compile once per types', async () => {
    let traces = 0;
    const f = compile((x, y) => {
      traces++;
      return [ops.add(x, y), ops.multiply(x, y)];
    });
    const read = async (tensors: readonly Tensor[]): Promise<unknown> =>
      Promise.all(tensors.map((each) => each.array()));
    expect(await read(await f([1, 2], 3))).toEqual([
      [4, 5],
      [3, 6],
    ]);
    expect(await read(await f(ops.exp(ops.zeros([2])), ops.add(1, 1)))).toEqual([
      [3, 3],
      [2, 2],
    ]);
    expect(traces).toBe(1);
    expect(await read(await f([[1, 2]], [3, 4]))).toEqual([[[4, 6]], [[3, 8]]]);
    expect(traces).toBe(2);
  });

  test('return arguments, constants, views and one tensor twice', async () => {
    const f = compile((x) => [x, x, ops.transpose(x), ops.ones([2]), ops.reshape(ops.add(x, 1), [4])]);
    const results = await f([
      [1, 2],
      [3, 4],
    ]);
    expect(await Promise.all(results.map((each) => each.array()))).toEqual([
      [
        [1, 2],
        [3, 4],
      ],
      [
        [1, 2],
        [3, 4],
      ],
      [
        [1, 3],
        [2, 4],
      ],
      [1, 1],
      [2, 3, 4, 5],
    ]);
  });

  test('update variables in place', async () => {
    const w = Variable.from(Float32Array.of(1, 2), [2], 'float32');
    const step = compile((x) => {
      const before = w.value;
      w.assign(ops.add(before, x));
      return [before, w.value];
    });
    const [before, after] = (await step(10)) as [Tensor, Tensor];
    expect([await before.array(), await after.array(), await w.value.array()]).toEqual([
      [1, 2],
      [11, 12],
      [11, 12],
    ]);
    // A value that was taken keeps its numbers.
    const kept = w.value;
    await step(1);
    expect([await kept.array(), await w.value.array()]).toEqual([
      [11, 12],
      [12, 13],
    ]);
    const memory = await engineMemory();
    for (let i = 0; i < 20; i++) for (const each of await step(1)) each.dispose();
    expect((await engineMemory()).bufferBytes).toBeLessThanOrEqual(memory.bufferBytes + 8);
  });

  test('leave the tensor that a variable was made of alone', async () => {
    const initial = tensor([1, 2]);
    const [v, w] = [new Variable(initial), new Variable(initial)];
    await compile(() => {
      v.assign(ops.add(v.value, 1));
      return [];
    })();
    expect([await initial.array(), await v.value.array(), await w.value.array()]).toEqual([
      [1, 2],
      [2, 3],
      [1, 2],
    ]);
  });

  test('swap variables, and assign a variable to itself', async () => {
    const make = (...values: number[]): Variable => Variable.from(Float32Array.from(values), [2], 'float32');
    const [a, b, c] = [make(1, 2), make(3, 4), make(5, 6)];
    const swap = compile(() => {
      const [x, y] = [a.value, b.value];
      a.assign(y);
      b.assign(x);
      c.assign(c.value);
      return [];
    });
    await swap();
    expect([await a.value.array(), await b.value.array(), await c.value.array()]).toEqual([
      [3, 4],
      [1, 2],
      [5, 6],
    ]);
    await swap();
    expect(await a.value.array()).toEqual([1, 2]);
  });

  test('run side by side without losing an update', async () => {
    const count = Variable.from(Int32Array.of(0), [], 'int32');
    const increment = compile(() => {
      count.assign(ops.add(count.value, 1));
      return [count.value];
    });
    const results = await Promise.all(Array.from({ length: 50 }, () => increment()));
    const seen = await Promise.all(results.map(([value]) => (value as Tensor).item()));
    expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    // With eager reads between the runs.
    const mixed = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? increment() : ops.add(count.value, 0).item())),
    );
    expect(mixed.length).toBe(20);
    expect(await count.value.item()).toBe(60);
  });

  test('train: gradients of variables', async () => {
    const w = Variable.from(Float32Array.of(0, 0), [2, 1], 'float32');
    const x = tensor([
      [1, 0],
      [0, 1],
      [1, 1],
    ]);
    const y = tensor([[2], [-3], [-1]]);
    const step = compile(() => {
      const { value, gradients } = gradientOf(w, (v) => ops.mean(ops.square(ops.subtract(ops.matmul(x, v), y))));
      w.assign(ops.subtract(w.value, ops.multiply(gradients, 0.3)));
      return [value];
    });
    for (let i = 0; i < 200; i++) for (const each of await step()) each.dispose();
    const [a, b] = (await w.value.data()) as Float32Array;
    expect(Math.abs((a as number) - 2)).toBeLessThan(1e-3);
    expect(Math.abs((b as number) + 3)).toBeLessThan(1e-3);
  });

  test('can be explained', () => {
    expect(
      explain(
        (x) => [ops.relu(ops.matmul(x, x))],
        [
          [1, 2],
          [3, 4],
        ],
      ),
    ).toContain('matmul + relu');
  });
});

function gradientOf(w: Variable, loss: (v: Tensor) => Tensor): { value: Tensor; gradients: Tensor } {
  const value = loss(w.value);
  return { value, gradients: grad(loss)(w.value) };
}

describe('engines in turn', () => {
  afterEach(() => setEngine('auto'));

  test('tensors, weights and compiled functions follow', async () => {
    const w = Variable.from(Float32Array.of(1, 2), [2], 'float32');
    const step = compile((x) => {
      w.assign(ops.multiply(w.value, x));
      return [w.value];
    });
    const names: string[] = [];
    let eager = ops.add(tensor([1, 2]), 0);
    let scale = 1;
    for (const name of [...engines, ...engines]) {
      names.push((await setEngine(name, { threads: 1 })).name);
      await step(2);
      scale *= 2;
      eager = ops.multiply(eager, 2);
      await realize(eager);
      expect((await engineInfo()).name).toBe(name);
    }
    expect(names).toEqual([...engines, ...engines]);
    expect(await w.value.array()).toEqual([scale, 2 * scale]);
    expect(await eager.array()).toEqual([scale, 2 * scale]);
  });

  test('the old one ends when nothing lives in it', async () => {
    await setEngine('auto', { threads: 1 });
    const x = ops.exp(ops.zeros([4]));
    await realize(x);
    await setEngine('auto', { threads: 1 });
    expect((await engineMemory()).bufferBytes).toBe(0);
    expect(await x.array()).toEqual([1, 1, 1, 1]);
    expect(await ops.add(x, 1).array()).toEqual([2, 2, 2, 2]);
  });

  test('one that cannot start leaves the other running', async () => {
    const { name } = await setEngine('auto', { threads: 1 });
    const y = ops.add(tensor([1]), 1);
    await expect(setEngine(name, { level: 'no such level' })).rejects.toThrow('no such level');
    expect([await y.item(), (await engineInfo()).name]).toEqual([2, name]);
  });

  test('ends, and starts again when it is needed', async () => {
    await setEngine('auto', { threads: 1 });
    const y = ops.add(tensor([1]), 1);
    await y.data();
    await disposeEngine();
    expect(await messageOf(y.data())).toContain('engine');
    expect(await ops.add(tensor([1]), 1).item()).toBe(2);
    await disposeEngine();
    expect(await messageOf(disposeEngine())).toBe('no engine is running.');
  });
});
