// Random numbers as a pure function of key, stream and index (Philox), so no mask need be stored: who has
// the key can make the same numbers again. See src/core/random.ts.
import { isFloat } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { randomBits as bitsAt, keyFromSeed, normal, type RandomKey, uniform } from '../core/random.js';
import { checkShape, formatShape, type Shape, sizeOf } from '../core/shape.js';
import { defineOp, type Op, toTensor } from '../graph/define.js';
import type { CaseInput, OpCase, ReferenceArray, TensorType } from '../graph/op.js';
import { constant, type Tensor, type TensorLike } from '../graph/tensor.js';
import { add, cast, multiply } from './arithmetic.js';
import { ones } from './create.js';

/**
 * A key for the random ops, int32 [4]: the low and high words of the seed (any integer, modulo 2^64) and of a step (a whole
 * number). Throws `argument` for fractions.
 */
export function randomKey(seed: number | bigint, step = 0): Tensor {
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new FoveaError({
      code: 'argument',
      op: 'randomKey',
      message: `step must be a whole number from 0 to 2^53 - 1; got ${step}.`,
      got: step,
    });
  }
  const { seedLow, seedHigh } = keyFromSeed(seed);
  return constant([seedLow | 0, seedHigh | 0, step | 0, Math.floor(step / 2 ** 32) | 0], [4], 'int32');
}

/** A key from four words, or from a seed. */
function keyTensor(key: TensorLike): Tensor {
  return typeof key === 'number' ? randomKey(key) : toTensor(key, 'int32');
}

function checkKey(op: string, { shape, dtype }: TensorType): void {
  if (dtype === 'int32' && shape.length === 1 && shape[0] === 4) return;
  throw new FoveaError({
    code: 'argument',
    op,
    message: `the key must be int32 [4]; got ${dtype} ${formatShape(shape)}.`,
    got: [dtype, shape],
    hint: 'Make one with fovea.randomKey(seed).',
  });
}

function keyOf({ data }: ReferenceArray): RandomKey {
  const [seedLow, seedHigh, stepLow, stepHigh] = Array.from(data, (word) => word >>> 0) as [
    number,
    number,
    number,
    number,
  ];
  return { seedLow, seedHigh, stepLow, stepHigh };
}

const KEY: CaseInput = { shape: [4], dtype: 'int32', values: [12345, -678, 9, 0] };

interface RandomParams {
  readonly shape: Shape;
  readonly stream: number;
}

function defineRandom(
  name: 'randomUniform' | 'randomNormal' | 'randomBits',
  summary: string,
  draw: (key: RandomKey, stream: number, index: number) => number,
): Op<RandomParams> {
  return defineOp<RandomParams>({
    name,
    summary,
    keyInput: 0,
    shape([key], { shape }) {
      checkKey(name, key as TensorType);
      checkShape(shape, name);
      return [{ shape, dtype: name === 'randomBits' ? 'int32' : 'float32' }];
    },
    gradient: 'none',
    reference([key], { shape, stream }) {
      const words = keyOf(key as ReferenceArray);
      return [Float64Array.from({ length: sizeOf(shape) }, (_, i) => draw(words, stream, i))];
    },
    lower: (p, _inputs, { stream }) => [p.random(name, 0, stream)],
    cases: () => [
      { name: 'vector', inputs: [KEY], params: { shape: [1031], stream: 0 } },
      { name: 'matrix', inputs: [KEY], params: { shape: [3, 7], stream: 5 } },
      { name: 'scalar', inputs: [KEY], params: { shape: [], stream: 1 } },
    ],
  });
}

const randomUniformOp = defineRandom('randomUniform', 'uniform numbers in [0, 1)', uniform);
const randomNormalOp = defineRandom('randomNormal', 'normal numbers of mean 0 and variance 1', normal);
const randomBitsOp = defineRandom(
  'randomBits',
  '32 random bits as int32',
  (key, stream, index) => bitsAt(key, stream, index) | 0,
);

interface DropoutParams {
  readonly rate: number;
  readonly stream: number;
}

const dropoutOp: Op<DropoutParams> = defineOp({
  name: 'dropout',
  summary: 'zero with probability `rate`, else x / (1 - rate)',
  keyInput: 1,
  shape([x, key], { rate }) {
    checkKey('dropout', key as TensorType);
    if (!isFloat(x!.dtype)) {
      throw new FoveaError({
        code: 'dtype',
        op: 'dropout',
        message: `is not defined for ${x!.dtype}; it takes floats.`,
        got: x!.dtype,
      });
    }
    if (!(rate >= 0 && rate < 1)) {
      throw new FoveaError({
        code: 'argument',
        op: 'dropout',
        message: `rate must be at least 0 and less than 1; got ${rate}.`,
        got: rate,
        want: '[0, 1)',
      });
    }
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
  // The op is linear in x and its mask depends on key, stream and index alone: dy takes the same way.
  gradient: ({ inputs: [, key], params, dy }) => [dropoutOp.one([dy, key!], params), undefined],
  reference([x, key], { rate, stream }) {
    const words = keyOf(key as ReferenceArray);
    // Compared in float32, as the kernels do.
    const threshold = Math.fround(rate);
    return [x!.data.map((value, i) => (uniform(words, stream, i) >= threshold ? value / (1 - rate) : 0))];
  },
  lower(p, [x], { rate, stream }) {
    const isKept = p.emit('fge', p.random('randomUniform', 1, stream), p.constant(rate));
    return [p.emit('select', isKept, p.emit('fmul', x!, p.constant(1 / (1 - rate))), p.constant(0))];
  },
  flops: ([x]) => sizeOf(x!.shape),
  cases: () => {
    const one = (name: string, x: CaseInput, rate: number, stream: number): OpCase<DropoutParams> => ({
      name,
      inputs: [x, KEY],
      params: { rate, stream },
      gradient: (x.dtype ?? 'float32') === 'float32',
    });
    return [
      one('half', { shape: [5, 31] }, 0.5, 0),
      one('a tenth', { shape: [2, 1031] }, 0.1, 3),
      one('none', { shape: [9] }, 0, 1),
      one('f16', { shape: [33], dtype: 'float16' }, 0.3, 2),
      one('bf16', { shape: [33], dtype: 'bfloat16' }, 0.3, 2),
    ];
  },
});

/** Which of a key's many independent sequences to draw from; calls that share key and stream give the same numbers. */
export interface StreamOptions {
  /** A whole number, default 0. */
  stream?: number;
}

/** Numbers spread evenly over low (default 0) up to but without high (default 1), float32. `key` is a key or a seed. */
export function randomUniform(
  shape: Shape,
  key: TensorLike,
  { low = 0, high = 1, stream = 0 }: StreamOptions & { low?: number; high?: number } = {},
): Tensor {
  const unit = randomUniformOp.one([keyTensor(key)], { shape, stream });
  const scaled = high - low === 1 ? unit : multiply(unit, high - low);
  return low === 0 ? scaled : add(scaled, low);
}

/** Normally distributed numbers of the given mean (default 0) and standard deviation (default 1), float32. `key` is a key or a seed. */
export function randomNormal(
  shape: Shape,
  key: TensorLike,
  { mean = 0, stddev = 1, stream = 0 }: StreamOptions & { mean?: number; stddev?: number } = {},
): Tensor {
  const unit = randomNormalOp.one([keyTensor(key)], { shape, stream });
  const scaled = stddev === 1 ? unit : multiply(unit, stddev);
  return mean === 0 ? scaled : add(scaled, mean);
}

/** 32 random bits per element, as int32. */
export function randomBits(shape: Shape, key: TensorLike, { stream = 0 }: StreamOptions = {}): Tensor {
  return randomBitsOp.one([keyTensor(key)], { shape, stream });
}

/** How `dropout` draws its mask. */
export interface DropoutOptions extends StreamOptions {
  /** The mask's shape, broadcast over x: [n,1,1,c] drops whole channels. Default: the shape of x. */
  noiseShape?: Shape;
}

/**
 * Zero with probability `rate`, else x / (1 - rate), so that the mean stays. The mask follows from key, stream and place
 * and is never stored. Throws `argument` for a rate outside [0, 1).
 */
export function dropout(x: TensorLike, rate: number, key: TensorLike, options: DropoutOptions = {}): Tensor {
  const { stream = 0, noiseShape } = options;
  const from = toTensor(x);
  const words = keyTensor(key);
  if (rate === 0 && isFloat(from.dtype)) return from;
  if (noiseShape === undefined) return dropoutOp.one([from, words], { rate, stream });
  const mask = dropoutOp.one([ones(noiseShape), words], { rate, stream });
  return multiply(from, cast(mask, from.dtype));
}

export const randomOps = [randomUniformOp, randomNormalOp, randomBitsOp, dropoutOp] as const;
