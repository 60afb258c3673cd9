// What a profile counts, and that it leaves everything as it was. How long things take is not tested.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compile } from '../../src/engine/compile.js';
import { disposeEngine, engineMemory, setEngine } from '../../src/engine/current.js';
import '../../src/engine/install.js';
import { profile } from '../../src/engine/profile.js';
import { tensor } from '../../src/graph/tensor.js';
import { Variable } from '../../src/graph/variable.js';
import { layers, models, optimizers } from '../../src/index.js';
import * as ops from '../../src/ops/index.js';
import { findVariants } from './variants.js';

const { variants } = await findVariants();
const engines = [...new Set(variants.map(({ engine }) => engine))];

describe.each(engines)('profile on %s', (name) => {
  beforeAll(async () => {
    await setEngine(name, { threads: 2 });
  });
  afterAll(() => disposeEngine());

  test('times each kernel call of a function', async () => {
    const timed = await profile((a, b) => [ops.softmax(ops.matmul(a, b))], [ops.ones([60, 70]), ops.ones([70, 80])]);
    expect(timed.calls.map(({ kernel }) => kernel)).toEqual(['matmul', 'softmax']);
    const [product] = timed.calls;
    expect(product?.shapes).toBe('[60,70] [70,80] -> [60,80]');
    expect(timed.milliseconds).toBeGreaterThan(0);
    const ms = product?.milliseconds as number;
    expect(((product?.gflopsPerSecond as number) * ms * 1e6) / (2 * 60 * 70 * 80)).toBeCloseTo(ms > 0 ? 1 : 0, 6);
    expect(timed.calls.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6);
    const text = String(timed);
    expect(text).toContain('2 kernel calls');
    expect(text.split('\n').some((line) => /^\d+\.\d+ +\d+\.\d% +\d+ +\d+ +\d+\.\d +matmul$/.test(line))).toBe(true);
  });

  test('leaves variables and memory as they were', async () => {
    const w = new Variable(tensor([1, 2]));
    const step = (): [] => {
      w.assign(ops.add(w.value, 1));
      return [];
    };
    // A new engine, and the compiled step kept: what the collector takes of an earlier test must not change the counts.
    await disposeEngine();
    await setEngine(name, { threads: 2 });
    const compiled = compile(step);
    await compiled();
    const before = await engineMemory();
    const timed = await profile(step);
    expect(timed.calls).toHaveLength(1);
    expect([...(await w.elements())]).toEqual([2, 3]);
    expect(await engineMemory()).toEqual(before);
    await compiled();
    expect([...(await w.elements())]).toEqual([3, 4]);
  });

  test("times a model's predictions and its training steps, and trains nothing", async () => {
    const model = models.sequential([
      layers.input([6, 6, 2]),
      layers.conv2d({ filters: 4, kernelSize: 3, useBias: false }),
      layers.batchNormalization(),
      layers.flatten(),
      layers.dense({ units: 3 }),
    ]);
    model.compile({ optimizer: optimizers.adam({}), loss: 'meanSquaredError' });
    const x = ops.ones([5, 6, 6, 2]);
    const y = ops.ones([5, 3]);
    await model.fit(x, y, { verbose: 0 });
    const weights = await Promise.all(model.weights.map((each) => each.elements()));
    const kernels = async (labels?: typeof y): Promise<string[]> =>
      (await model.profile(x, labels, { runs: 2 })).calls.map(({ kernel }) => kernel);
    expect(await kernels()).toEqual(['conv2d', 'matmul']);
    expect(await kernels(y)).toEqual(expect.arrayContaining(['conv2d', 'conv2dFilterGradient', 'matmul', 'pointwise']));
    expect(await Promise.all(model.weights.map((each) => each.elements()))).toEqual(weights);
  });
});
