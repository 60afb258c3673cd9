// Several models together, each the mean colour through a dense layer of chosen weights: means, votes and agreement by hand.
import { describe, expect, test } from 'vitest';
import '../../src/engine/install.js';
import { type HostArray, hostArray, layers, models } from '../../src/index.js';

const LABELS = ['red', 'green', 'blue'];

/** Its probabilities are the mean colour's, turned by so many places. */
function shifted(places: number, labels: readonly string[] = LABELS): models.TrainableModel {
  const model = models.sequential([
    layers.input([2, 2, 3]),
    layers.globalAveragePooling2d(),
    layers.dense({ units: 3, useBias: false, activation: 'sigmoid' }),
  ]);
  const kernel = new Float32Array(9);
  for (let i = 0; i < 3; i++) kernel[3 * i + ((i + places) % 3)] = 1;
  model.weights[0]?.set(kernel);
  model.metadata = { preprocessing: { mode: 'scale', factor: 1 / 255, size: [2, 2] }, labels };
  return model;
}

const plain = (...colour: number[]): HostArray =>
  hostArray(
    Uint8Array.from({ length: 12 }, (_, i) => colour[i % 3] as number),
    [2, 2, 3],
  );
const high = 1 / (1 + Math.exp(-1));
const red = plain(255, 0, 0);

test('the mean of probabilities, by weight', async () => {
  const guesses = await models.ensemble([shifted(0), shifted(1)], { weights: [3, 1] }).classify(red);
  expect(guesses.map(({ label }) => label)).toEqual(LABELS);
  const want = [0.75 * high + 0.25 * 0.5, 0.75 * 0.5 + 0.25 * high, 0.5];
  guesses.forEach(({ probability }, i) => {
    expect(probability).toBeCloseTo(want[i] as number, 5);
  });
});

test('votes; those that are even fall to the larger mean', async () => {
  const three = models.ensemble([shifted(0), shifted(1), shifted(1)], { combine: 'vote' });
  const guesses = await three.classify(red);
  expect(guesses.map(({ label }) => label)).toEqual(['green', 'red', 'blue']);
  expect(guesses[0]?.probability).toBeCloseTo(2 / 3, 5);
  expect(guesses[1]?.probability).toBeCloseTo(1 / 3, 5);
  // Grey is even for each alone, so that its first class has the votes; yellow is not even to the mean.
  const two = models.ensemble([shifted(0), shifted(2)], { combine: 'vote' });
  expect((await two.classify(plain(200, 255, 0)))[0]?.label).toBe('red');
});

test('of many pictures votes and agreement are told', async () => {
  const joint = models.ensemble([shifted(0), shifted(0), shifted(1)]);
  const all = await joint.classify([red, Uint8Array.of(1, 2, 3), plain(0, 0, 255), plain(0, 0, 0)], { top: 1 });
  expect(all.map(({ guesses }) => guesses[0]?.label)).toEqual(['red', undefined, 'blue', 'red']);
  expect(all[0]?.votes.map(({ label }) => label)).toEqual(['red', 'red', 'green']);
  expect(all[0]?.agreement).toBeCloseTo(2 / 3, 10);
  expect(all[1]?.problem?.message).toContain('picture 1');
  const { pictures, unanimous, mean, pairs } = joint.agreement(all);
  expect([pictures, pairs]).toEqual([
    3,
    [
      [1, 1, 1 / 3],
      [1, 1, 1 / 3],
      [1 / 3, 1 / 3, 1],
    ],
  ]);
  // Black is the first class to all of them.
  expect(unanimous).toBeCloseTo(1 / 3, 10);
  expect(mean).toBeCloseTo((2 / 3 + 2 / 3 + 1) / 3, 10);
});

test('models may take pictures of different sizes', async () => {
  const large = models.sequential([layers.input([5, 3, 3]), layers.globalAveragePooling2d(), layers.softmax()]);
  large.metadata = { preprocessing: { mode: 'scale', factor: 1 / 255, size: [5, 3] }, labels: LABELS };
  const guesses = await models.ensemble([shifted(0), large]).classify(plain(0, 255, 0));
  expect(guesses[0]?.label).toBe('green');
});

test('predict joins what the models give for one input', async () => {
  const x = hostArray(Float32Array.of(1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0), [1, 2, 2, 3]);
  const { data, shape } = await models.ensemble([shifted(0), shifted(1)]).predict(x);
  expect(shape).toEqual([1, 3]);
  [(high + 0.5) / 2, (high + 0.5) / 2, 0.5].forEach((want, i) => {
    expect(data[i]).toBeCloseTo(want, 5);
  });
  const voted = await models.ensemble([shifted(0), shifted(1), shifted(1)], { combine: 'vote' }).predict(x);
  expect([...voted.data].map((each) => each.toFixed(4))).toEqual(['0.3333', '0.6667', '0.0000']);
});

describe('what does not fit is refused', () => {
  test.each<[string, () => unknown, string]>([
    ['none', () => models.ensemble([]), 'ensemble: no models were given.'],
    [
      'weights',
      () => models.ensemble([shifted(0)], { weights: [1, 2] }),
      'weights must be 1 numbers from 0, not all 0; got [1,2].',
    ],
    ['no weight', () => models.ensemble([shifted(0)], { weights: [0] }), 'not all 0; got [0].'],
    [
      'combine',
      () => models.ensemble([shifted(0)], { combine: 'max' as never }),
      "combine must be 'mean' or 'vote'; got \"max\".",
    ],
  ])('%s', (_name, make, message) => {
    expect(make).toThrow(message);
  });

  test('other classes', async () => {
    const others = models.ensemble([shifted(0), shifted(0, ['blue', 'green', 'red'])]);
    await expect(others.classify(red)).rejects.toThrow('tell different classes apart, or in another order.');
  });
});
