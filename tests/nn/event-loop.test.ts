// Training blocks nobody: a timer keeps ticking through fit, on every engine.
import { afterAll, describe, expect, it } from 'vitest';
import { createEngine } from '../../src/engine/select.js';
import { datasets, layers, models, scale, setEngine } from '../../src/index.js';

const { train } = await datasets.strokes({ count: 200, testCount: 10, seed: 1 });

const hasNative = await createEngine('native').then(
  async (engine) => {
    await engine.dispose();
    return true;
  },
  () => false,
);

describe('the event loop during fit', () => {
  afterAll(() => setEngine('auto'));

  for (const engine of ['native', 'wasm'] as const) {
    it.skipIf(engine === 'native' && !hasNative)(engine, async () => {
      await setEngine(engine);
      const model = models.sequential([
        layers.input([28, 28, 1]),
        layers.conv2d({ filters: 32, kernelSize: 7, padding: 'same', activation: 'relu' }),
        layers.conv2d({ filters: 32, kernelSize: 3, padding: 'same', activation: 'relu' }),
        layers.globalAveragePooling2d(),
        layers.dense({ units: 10, activation: 'softmax' }),
      ]);
      model.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy' });
      await model.fit(scale(train.x), train.y, { verbose: 0 });
      const gaps: number[] = [];
      let last = performance.now();
      const timer = setInterval(() => {
        const now = performance.now();
        gaps.push(now - last);
        last = now;
      }, 10);
      const started = performance.now();
      await model.fit(scale(train.x), train.y, { epochs: 20, verbose: 0 });
      const elapsed = performance.now() - started;
      clearInterval(timer);
      // A step takes tens of milliseconds here; a loop that waited for each would tick once a step, 140 times.
      expect(gaps.length).toBeGreaterThan(0.4 * (elapsed / 10));
    });
  }
});
