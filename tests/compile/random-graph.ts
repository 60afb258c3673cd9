// Random graphs: every kind of op, dtype and view over a few leaves, with variables that are read and updated.
// Values stay small, and nothing jumps (no comparison or truncation of floats), so float32 stays near float64.
import type { Graph } from '../../src/compile/graph.js';
import type { Dtype } from '../../src/core/dtype.js';
import { isFloat } from '../../src/core/dtype.js';
import { sameShape } from '../../src/core/shape.js';
import { constant, type Tensor } from '../../src/graph/tensor.js';
import * as ops from '../../src/ops/index.js';
import { seeded, whole } from '../ops/numeric.js';
import { Feeder, type Feeds, graphOf } from './harness.js';

export interface RandomGraph {
  readonly graph: Graph;
  readonly feeds: Feeds;
}

const SHAPES = [[], [1], [5], [4, 5], [1, 5], [4, 1], [3, 4, 5], [0, 5], [2, 17]] as const;
const DTYPES: readonly Dtype[] = ['float32', 'float32', 'float32', 'float16', 'bfloat16', 'int32', 'uint8', 'bool'];

/** The same graph for one seed. */
export function randomGraph(seed: number): RandomGraph {
  const next = seeded(seed);
  const pick = <T>(from: readonly T[]): T => from[whole(next, 0, from.length - 1)] as T;
  const feeder = new Feeder(seed);
  const values: Tensor[] = [];
  const variables: Tensor[] = [];
  const range = (dtype: Dtype): { low: number; high: number } => {
    if (dtype === 'uint8') return { low: 0, high: 255 };
    if (dtype === 'bool') return { low: 0, high: 1 };
    return dtype === 'int32' ? { low: -9, high: 9 } : { low: -1, high: 1 };
  };
  for (let i = whole(next, 2, 4); i > 0; i--) {
    const dtype = pick(DTYPES);
    values.push(feeder.input({ shape: pick(SHAPES), dtype }, range(dtype)));
  }
  for (let i = whole(next, 1, 4); i > 0; i--) {
    const dtype = pick(DTYPES);
    const variable = feeder.variable({ shape: pick(SHAPES), dtype }, range(dtype));
    variables.push(variable);
    values.push(variable);
  }
  const key = feeder.variable({ shape: [4], dtype: 'int32' }, { values: [seed, 7, 1, 0] });
  for (let i = whole(next, 3, 30); i > 0; i--) {
    const made = step(values, pick, next, key, i);
    values.push(...made.filter(({ size }) => size <= 2000));
  }
  const outputs = Array.from({ length: whole(next, 1, 5) }, () => pick(values));
  const updates: [Tensor, Tensor][] = [];
  for (const variable of variables) {
    if (next() < 0.3) continue;
    const fitting = values.filter((value) => value.dtype === variable.dtype && sameShape(value.shape, variable.shape));
    updates.push([variable, pick(fitting)]);
  }
  if (next() < 0.5) updates.push([key, ops.add(key, constant([0, 0, 1, 0], [4], 'int32'))]);
  return { graph: graphOf(outputs, updates), feeds: feeder.feeds };
}

type Pick = <T>(from: readonly T[]) => T;

function step(values: readonly Tensor[], pick: Pick, next: () => number, key: Tensor, stream: number): Tensor[] {
  const x = pick(values);
  const floats = values.filter(({ dtype }) => isFloat(dtype));
  const alike = values.filter(({ dtype, shape }) => dtype === x.dtype && sameShape(shape, x.shape));
  const y = next() < 0.7 ? pick(alike) : pick(values.filter(({ shape }) => broadcasts(shape, x.shape)));
  switch (whole(next, 0, 17)) {
    case 0:
      return [x.dtype === 'bool' ? ops.logicalXor(x, pick(alike)) : ops.add(small(x), small(y))];
    case 1:
      return [x.dtype === 'bool' ? ops.logicalAnd(x, pick(alike)) : ops.multiply(small(x), small(y))];
    case 2:
      return [ops.maximum(x, pick(alike))];
    case 3:
      return isFloat(x.dtype) ? [pick([ops.tanh, ops.sigmoid, ops.relu, ops.negative, ops.sin])(x)] : [];
    case 4:
      return [ops.transpose(x)];
    case 5:
      return x.rank > 0 && x.size > 0 ? [ops.flip(x, whole(next, 0, x.rank - 1))] : [];
    case 6:
      return x.rank > 0 && (x.shape[0] as number) > 1 ? [ops.slice(x, [1])] : [];
    case 7:
      return [ops.reshape(x, [x.size])];
    case 8:
      return x.size > 0 && x.size < 100 && x.rank < 4 ? [ops.broadcastTo(x, [2, ...x.shape])] : [];
    case 9:
      return isFloat(x.dtype) && x.rank > 0 ? [ops.tanh(ops.sum(x, { axis: whole(next, 0, x.rank - 1) }))] : [];
    case 10:
      return isFloat(x.dtype) && x.rank === 2 && x.size > 0 ? dense(x, floats, pick, next) : [];
    case 11:
      return x.rank > 0 && x.size > 0 ? [ops.concat([x, pick(alike), ops.flip(x, 0)], 0)] : [];
    case 12: {
      if (!isFloat(x.dtype) || x.rank === 0 || x.size === 0) return [];
      const { mean, variance } = ops.moments(x);
      return next() < 0.5 ? [mean] : [mean, variance];
    }
    case 13:
      return [ops.cast(x, isFloat(x.dtype) ? pick(['float32', 'float16', 'bfloat16']) : pick(DTYPES))].map((each) =>
        isFloat(each.dtype) && !isFloat(x.dtype) ? ops.tanh(ops.multiply(each, 0.01)) : each,
      );
    case 14:
      return [ops.multiply(ops.randomUniform(pick(SHAPES), key, { stream }), 0.5)];
    case 15:
      return x.dtype === 'int32' || x.dtype === 'uint8'
        ? [ops.where(ops.greater(x, y.dtype === x.dtype ? y : 3), x, 1)]
        : [];
    case 16:
      return isFloat(x.dtype) && x.rank > 0 && x.size > 0 ? [ops.softmax(x)] : [];
    default:
      return [ops.add(x.dtype === 'bool' ? ops.cast(x, 'uint8') : small(x), pick([0, 1, 2]))];
  }
}

/** Keeps floats in [-2, 2]. */
function small(x: Tensor): Tensor {
  return isFloat(x.dtype) ? ops.clip(x, -2, 2) : x;
}

function broadcasts(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 1; i <= Math.max(a.length, b.length); i++) {
    const [left, right] = [a.at(-i) ?? 1, b.at(-i) ?? 1];
    if (a.length < i || b.length < i) continue;
    if (left !== right && left !== 1 && right !== 1) return false;
  }
  return true;
}

/** matmul, often with bias, residual or activation behind it. */
function dense(x: Tensor, floats: readonly Tensor[], pick: Pick, next: () => number): Tensor[] {
  const fitting = floats.filter(({ rank, shape, dtype }) => rank === 2 && shape[0] === x.shape[1] && dtype === x.dtype);
  const w = fitting.length > 0 && next() < 0.7 ? pick(fitting) : ops.transpose(x);
  let y = ops.matmul(small(x), small(w));
  const columns = y.shape[1] as number;
  const biases = floats.filter(({ shape, dtype }) => dtype === y.dtype && shape.length === 1 && shape[0] === columns);
  const scaled = next() < 0.3 && biases.length > 0;
  if (biases.length > 0 && next() < 0.6) y = ops.add(y, pick(biases));
  if (scaled) y = ops.multiply(y, pick(biases));
  const residuals = floats.filter(({ shape, dtype }) => dtype === y.dtype && sameShape(shape, y.shape));
  if (residuals.length > 0 && next() < 0.5) y = ops.add(y, pick(residuals));
  return [next() < 0.6 ? pick([ops.relu, ops.tanh, ops.silu])(y) : y];
}
