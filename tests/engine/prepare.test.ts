// Prepared weights over many runs: they follow every change of the weights, whoever makes it, and hold their memory.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { trace } from '../../src/compile/trace.js';
import { compile } from '../../src/engine/compile.js';
import { currentEngine, disposeEngine, engineMemory, setEngine } from '../../src/engine/current.js';
import { Executable } from '../../src/engine/execute.js';
import '../../src/engine/install.js';
import { Storage } from '../../src/graph/storage.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { Variable } from '../../src/graph/variable.js';
import { layers, models, optimizers, setRandomSeed } from '../../src/index.js';
import * as ops from '../../src/ops/index.js';
import { findVariants } from './variants.js';

const { variants } = await findVariants();
const engines = [...new Set(variants.map(({ engine }) => engine))];

const quiet = { verbose: 0 } as const;
const vector = (...values: number[]): Variable => new Variable(tensor(values));

function smallModel(isFrozen: boolean) {
  setRandomSeed(3);
  const model = models.sequential([
    layers.input([8, 8, 2]),
    layers.conv2d({ filters: 6, kernelSize: 3, padding: 'same', useBias: false, name: 'conv' }),
    layers.batchNormalization({ name: 'norm' }),
    layers.flatten(),
    layers.dense({ units: 3, name: 'head' }),
  ]);
  if (isFrozen) for (const name of ['conv', 'norm']) model.getLayer(name).trainable = false;
  model.compile({ optimizer: optimizers.sgd({ learningRate: 0.001 }), loss: 'meanSquaredError' });
  return model;
}

const data = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.sin((i + 1) * 12.9898 * seed));
const x = tensor(new Float32Array(data(4 * 8 * 8 * 2, 1)), { shape: [4, 8, 8, 2] });
const y = tensor(new Float32Array(data(12, 2)), { shape: [4, 3] });

describe.each(engines)('prepared weights on %s', (name) => {
  beforeEach(async () => {
    await setEngine(name, { poison: true, threads: 2 });
  });
  afterEach(() => disposeEngine());

  test('follow set, assign, and Programs that write in place', async () => {
    const w = vector(1, 2, 3);
    const read = compile((a) => [ops.add(a, ops.sum(ops.square(w.value)))]);
    const step = compile(() => {
      w.assign(ops.add(w.value, 1));
      return [];
    });
    const values = async (): Promise<number[]> => {
      const [sum] = (await read(tensor([0, 0, 0]))) as [Tensor];
      return [...(await sum.data())];
    };
    expect(await values()).toEqual([14, 14, 14]);
    expect(await values()).toEqual([14, 14, 14]);
    w.set(Float32Array.of(2, 2, 2));
    expect(await values()).toEqual([12, 12, 12]);
    w.assign(tensor([1, 1, 1]));
    expect(await values()).toEqual([3, 3, 3]);
    await step();
    expect(await values()).toEqual([12, 12, 12]);
    await step();
    await step();
    expect(await values()).toEqual([48, 48, 48]);
  });

  test('follow each write of another thread of control, in the order of the queue', async () => {
    const w = vector(1);
    const read = compile((a) => [ops.add(a, ops.square(ops.sum(w.value)))]);
    const step = compile(() => {
      w.assign(ops.add(w.value, 1));
      return [];
    });
    const zero = tensor([0]);
    await read(zero);
    const seen: number[] = [];
    const reader = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) seen.push(await ((await read(zero))[0] as Tensor).item());
    };
    const writer = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) await step();
    };
    await Promise.all([reader(), writer(), reader(), writer()]);
    // Every result is the square of a whole number, and never older than one read before it by the same reader.
    for (const value of seen) expect(Number.isInteger(Math.sqrt(value))).toBe(true);
    expect(await ((await read(zero))[0] as Tensor).item()).toBe(41 ** 2);
  });

  test.each([false, true])('train, predict, train, predict as without them (frozen stem: %s)', async (isFrozen) => {
    const model = smallModel(isFrozen);
    // A model made anew has prepared nothing yet: it must predict the same.
    const fresh = async (): Promise<number[]> => {
      const other = smallModel(isFrozen);
      const weights = await Promise.all(model.weights.map((each) => each.elements()));
      other.weights.forEach((each, i) => {
        each.set(weights[i] as Float32Array);
      });
      return [...(await other.predict(x)).data];
    };
    for (let round = 0; round < 3; round++) {
      expect([...(await model.predict(x)).data]).toEqual(await fresh());
      const before = [...(await model.predict(x)).data];
      await model.fit(x, y, { epochs: 2, ...quiet });
      expect([...(await model.predict(x)).data]).not.toEqual(before);
    }
    const loss = await model.evaluate(x, y);
    (model.getLayer('head').weights[1] as Variable).set(Float32Array.of(50, 50, 50));
    expect((await model.evaluate(x, y)).loss).toBeGreaterThan((loss.loss as number) + 100);
  });

  test('are counted, and given back with their Executable', async () => {
    const engine = await currentEngine();
    const { graph, variables } = trace((a) => [ops.add(a, ops.softmax(vector(...data(100, 3)).value))], [tensor([0])]);
    const before = engine.memory();
    const executable = Executable.compile(engine, graph, (leaf) => variables.has(leaf));
    const storages = executable.leaves.map(({ dtype, size }) => {
      const host = new Float32Array(data(size, 5));
      return new Storage(dtype, size, { host });
    });
    const run = async (): Promise<void> => {
      const { outputs, finished } = executable.run(storages);
      await finished;
      for (const each of outputs) each.dispose();
    };
    await run();
    const held = engine.memory();
    expect(held.bufferBytes - before.bufferBytes).toBe(448 + 400 + 4);
    await run();
    expect(engine.memory()).toEqual(held);
    for (const each of storages) each.dispose();
    executable.dispose();
    expect(engine.memory()).toMatchObject({ buffers: 0, bufferBytes: 0, programs: before.programs });
  });

  test('hold flat memory over thousands of runs', { timeout: 60_000 }, async () => {
    const w = vector(...data(64, 3));
    const read = compile((a) => [ops.add(a, ops.softmax(w.value))]);
    const model = smallModel(false);
    const one = tensor(new Float32Array(data(8 * 8 * 2, 1)), { shape: [1, 8, 8, 2] });
    const zero = tensor(new Float32Array(64));
    const round = async (i: number): Promise<void> => {
      // What a variable held before is the collector's to free, so none is set while bytes are counted.
      if (i % 100 === 0 && i < 300) w.set(Float32Array.from(data(64, i + 1)));
      for (const each of await read(zero)) each.dispose();
      await model.predict(one);
    };
    for (let i = 0; i < 300; i++) await round(i);
    const before = await engineMemory();
    for (let i = 300; i < 3300; i++) await round(i);
    const after = await engineMemory();
    expect(after.bufferBytes).toBeLessThanOrEqual(before.bufferBytes);
    // Fewer where the collector took a Program of an earlier test.
    expect(after.programs).toBeLessThanOrEqual(before.programs);
  });
});
