// NASNet against Keras 3.15: counts, every weight's name and shape in order, and the features of a picture with weights made by
// the rule of the golden values, which have no NASNet of their own.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import '../../src/engine/install.js';
import { zoo } from '../../src/index.js';
import { fromRecipe } from '../../tools/golden/recipes.js';

/** What Keras gave in float32. */
const KERAS = {
  first: [
    1243.9898681640625, 1532.995361328125, 2085.388671875, 1.551048755645752, 2168.871826171875, 1529.51416015625,
    66.61148071289062, 424.6258239746094,
  ],
  mean: 1207.126936497449,
  std: 1333.7264433291712,
};

test('counts', () => {
  const [mobile, large] = [zoo.nasnetMobile(), zoo.nasnetLarge()];
  expect([mobile.countParams(), large.countParams()]).toEqual([5_326_716, 88_949_818]);
  expect(mobile.trainableWeights.reduce((sum, { size }) => sum + size, 0)).toBe(5_289_978);
  expect([mobile.inputShape, large.inputShape]).toEqual([
    [null, 224, 224, 3],
    [null, 331, 331, 3],
  ]);
});

test('every weight by name, shape and place', () => {
  const lines = zoo
    .nasnetMobile()
    .layers.flatMap((layer) => layer.weights.map(({ name, shape }) => `${layer.name}/${name} ${shape.join('x')}`));
  // Of Keras's paths, less the scopes before the layers' names.
  expect(lines).toHaveLength(1126);
  expect(createHash('sha256').update(lines.join('\n')).digest('hex')).toBe(
    'd1027ef2113cd464b38650f650f9111b1ef0e6e9df0790de0bdde35fabc88611',
  );
});

test('features', { timeout: 60_000 }, async () => {
  const model = zoo.nasnetMobile({ includeTop: false, pooling: 'avg', inputShape: [96, 96, 3] });
  const weights = model.layers.flatMap((layer) => layer.weights);
  weights.forEach((weight, i) => {
    const { name, shape } = weight;
    const isDepthwise = name === 'depthwise_kernel';
    const fanIn = shape.slice(0, isDepthwise ? -2 : -1).reduce((product, dim) => product * dim, 1);
    const most = name.endsWith('kernel') ? Math.sqrt(6 / fanIn) : 0.1;
    const [lo, hi] = name === 'gamma' || name === 'moving_variance' ? [0.8, 1.2] : [-most, most];
    weight.set(fromRecipe({ name: `NASNetMobile/w${i}`, shape, lo, hi }).data as Float32Array);
  });
  const { data } = await model.predict(fromRecipe({ name: 'NASNetMobile/x', shape: [1, 96, 96, 3], lo: -1, hi: 1 }));
  expect(data).toHaveLength(1056);
  const allowed = 1e-4 * KERAS.std;
  KERAS.first.forEach((want, i) => {
    expect(Math.abs((data[i] as number) - want)).toBeLessThan(allowed);
  });
  expect(Math.abs(data.reduce((sum, each) => sum + each, 0) / data.length - KERAS.mean)).toBeLessThan(allowed);
});
