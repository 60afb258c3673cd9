// The numbers that initializers draw: moments and bounds by Keras's rules for fans. Another seed in every run, which a
// failure prints; a bound is crossed by chance once in some billion runs.
import { describe, expect, it } from 'vitest';
import { initializers } from '../../src/index.js';

const seed = Math.floor(Math.random() * 2 ** 31);
/** How many standard deviations an estimate may be off. */
const SIGMAS = 6.5;
/** The standard deviation of a normal number that is cut off at two. */
const CUT = 0.87962566103423978;

interface Law {
  readonly mean: number;
  readonly variance: number;
  /** The fourth central moment over the squared variance. */
  readonly kurtosis: number;
  readonly low: number;
  readonly high: number;
}

const uniform = (low: number, high: number): Law => ({
  mean: (low + high) / 2,
  variance: (high - low) ** 2 / 12,
  kurtosis: 9 / 5,
  low,
  high,
});
const normal = (mean: number, stddev: number): Law => ({
  mean,
  variance: stddev ** 2,
  kurtosis: 3,
  low: mean - 7 * stddev,
  high: mean + 7 * stddev,
});
/** A normal number drawn again while it is more than two of `stddev` off. */
const cut = (mean: number, stddev: number): Law => ({
  mean,
  variance: (CUT * stddev) ** 2,
  kurtosis: 2.37,
  low: mean - 2 * stddev,
  high: mean + 2 * stddev,
});

function expectLaw(values: ArrayLike<number>, law: Law, label: string): void {
  const n = values.length;
  let [sum, squares, low, high] = [0, 0, Infinity, -Infinity];
  for (let i = 0; i < n; i++) {
    const value = values[i] as number;
    sum += value;
    squares += (value - law.mean) ** 2;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const place = `${label}, seed ${seed}`;
  const meanError = Math.sqrt(law.variance / n);
  expect(Math.abs(sum / n - law.mean), `mean of ${place}`).toBeLessThan(SIGMAS * meanError);
  const varianceError = law.variance * Math.sqrt((law.kurtosis - 1) / n);
  expect(Math.abs(squares / n - law.variance), `variance of ${place}`).toBeLessThan(SIGMAS * varianceError);
  const rounding = 1e-6 * Math.max(Math.abs(law.low), Math.abs(law.high));
  expect(low, `least of ${place}`).toBeGreaterThanOrEqual(law.low - rounding);
  expect(high, `largest of ${place}`).toBeLessThanOrEqual(law.high + rounding);
  // The ends are reached, nearly: a narrower law would not.
  expect(high - low, `range of ${place}`).toBeGreaterThan(
    0.9 * Math.min(law.high - law.low, 6 * Math.sqrt(law.variance)),
  );
}

/** Shapes with Keras's fans: filters count their taps. */
const SHAPES: readonly (readonly [shape: readonly number[], fanIn: number, fanOut: number])[] = [
  [[160, 90], 160, 90],
  [[3, 5, 24, 40], 3 * 5 * 24, 3 * 5 * 40],
  [[4, 70, 50], 4 * 70, 4 * 50],
  [[12_000], 12_000, 12_000],
];

describe.each(SHAPES)('weights of shape %j', (shape, fanIn, fanOut) => {
  const average = (fanIn + fanOut) / 2;
  const bounded = (variance: number): Law => uniform(-Math.sqrt(3 * variance), Math.sqrt(3 * variance));
  /** Keras widens the normal law so that after the cut the variance is right. */
  const scaled = (variance: number): Law => cut(0, Math.sqrt(variance) / CUT);

  it.each<[string, initializers.Initializer, Law]>([
    ['glorotUniform', initializers.glorotUniform({ seed }), bounded(1 / average)],
    ['glorotNormal', initializers.glorotNormal({ seed }), scaled(1 / average)],
    ['heUniform', initializers.heUniform({ seed }), bounded(2 / fanIn)],
    ['heNormal', initializers.heNormal({ seed }), scaled(2 / fanIn)],
    ['lecunUniform', initializers.lecunUniform({ seed }), bounded(1 / fanIn)],
    ['lecunNormal', initializers.lecunNormal({ seed }), scaled(1 / fanIn)],
    [
      'varianceScaling, fanOut, untruncated',
      initializers.varianceScaling({ scale: 3, mode: 'fanOut', distribution: 'untruncatedNormal', seed }),
      normal(0, Math.sqrt(3 / fanOut)),
    ],
    ['varianceScaling', initializers.varianceScaling({ seed }), scaled(1 / fanIn)],
  ])('%s', (name, initializer, law) => {
    expectLaw(initializer.values(shape), law, `${name} ${shape}`);
  });
});

describe('laws of their own', () => {
  it.each<[string, initializers.Initializer, Law]>([
    ['randomNormal', initializers.randomNormal({ seed }), normal(0, 0.05)],
    ['randomNormal around 1', initializers.randomNormal({ mean: 1, stddev: 0.3, seed }), normal(1, 0.3)],
    ['randomUniform', initializers.randomUniform({ seed }), uniform(-0.05, 0.05)],
    ['randomUniform from 2 to 5', initializers.randomUniform({ low: 2, high: 5, seed }), uniform(2, 5)],
    ['truncatedNormal', initializers.truncatedNormal({ seed }), cut(0, 0.05)],
    ['truncatedNormal around -2', initializers.truncatedNormal({ mean: -2, stddev: 0.5, seed }), cut(-2, 0.5)],
  ])('%s', (name, initializer, law) => {
    expectLaw(initializer.values([100, 200]), law, name);
  });

  it.each([
    [[40, 12], 1],
    [[12, 40], 2.5],
    [[3, 3, 4, 10], 1],
  ])('orthogonal of shape %j with gain %d has columns or rows at right angles', (shape, gain) => {
    const values = initializers.orthogonal({ gain, seed }).values(shape);
    const columns = shape.at(-1) as number;
    const rows = values.length / columns;
    const isTall = rows >= columns;
    const count = Math.min(rows, columns);
    const at = (vector: number, i: number): number =>
      values[isTall ? i * columns + vector : vector * columns + i] as number;
    for (let a = 0; a < count; a++) {
      for (let b = 0; b <= a; b++) {
        let product = 0;
        for (let i = 0; i < Math.max(rows, columns); i++) product += at(a, i) * at(b, i);
        expect(Math.abs(product - (a === b ? gain ** 2 : 0)), `${a}, ${b}, seed ${seed}`).toBeLessThan(
          1e-5 * gain ** 2,
        );
      }
    }
  });

  it('constants are what they say', () => {
    expect([...initializers.zeros().values([2, 2])]).toEqual([0, 0, 0, 0]);
    expect([...initializers.ones().values([3])]).toEqual([1, 1, 1]);
    expect([...initializers.constant(0.5).values([2])]).toEqual([0.5, 0.5]);
    expect([...initializers.identity({ gain: 2 }).values([2, 3])]).toEqual([2, 0, 0, 0, 2, 0]);
  });
});
