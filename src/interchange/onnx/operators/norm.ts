// Normalisations, channels in the second axis as ONNX has them.

import type { Tensor } from '../../../graph/tensor.js';
import { add, cast, divide, multiply, power, subtract } from '../../../ops/arithmetic.js';
import { pad } from '../../../ops/join.js';
import { layerNorm } from '../../../ops/layer-norm.js';
import { batchNorm, batchNormTrain } from '../../../ops/norm.js';
import { mean } from '../../../ops/reduce.js';
import { reshape, slice, transpose } from '../../../ops/shape.js';
import { sqrt, square } from '../../../ops/unary.js';
import type { TensorOperators } from '../calls.js';
import { alongChannels } from './conv.js';

/** Runs `body` with the channels last. */
function channelsLast(x: Tensor, body: (x: Tensor) => Tensor): Tensor {
  if (x.rank < 3) return body(x);
  const inner = x.shape.slice(2).map((_, i) => i + 2);
  const back = x.shape.slice(2).map((_, i) => i + 1);
  return transpose(body(transpose(x, [0, ...inner, 1])), [0, x.rank - 1, ...back]);
}

/** Mean 0 and variance 1 over axes. */
function standardised(x: Tensor, axis: number[], epsilon: number): { y: Tensor; average: Tensor; deviation: Tensor } {
  const average = mean(x, { axis, keepDims: true });
  const centred = subtract(x, average);
  const deviation = sqrt(add(mean(square(centred), { axis, keepDims: true }), epsilon));
  return { y: divide(centred, deviation), average, deviation };
}

export const norms: TensorOperators = {
  BatchNormalization(call) {
    const [x, gamma, beta, average, spread] = [0, 1, 2, 3, 4].map((i) => call.tensor(i)) as [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const epsilon = call.float('epsilon', 1e-5);
    if (!call.flag('training_mode')) {
      return channelsLast(x, (each) => batchNorm(each, { gamma, beta, mean: average, variance: spread, epsilon }));
    }
    const momentum = call.float('momentum', 0.9);
    let moved: Tensor[] = [];
    const y = channelsLast(x, (each) => {
      const made = batchNormTrain(each, { gamma, beta, epsilon });
      const move = (old: Tensor, fresh: Tensor): Tensor => add(multiply(old, momentum), multiply(fresh, 1 - momentum));
      moved = [move(average, made.mean), move(spread, made.variance)];
      return made.y;
    });
    return [y, ...moved];
  },
  InstanceNormalization(call) {
    const x = call.tensor(0);
    const axes = x.shape.slice(2).map((_, i) => i + 2);
    const { y } = standardised(x, axes, call.float('epsilon', 1e-5));
    return add(multiply(y, alongChannels(call.tensor(1), axes.length)), alongChannels(call.tensor(2), axes.length));
  },
  LayerNormalization(call) {
    const x = call.tensor(0);
    const first = call.axis(call.int('axis', -1));
    const axis = x.shape.slice(first).map((_, i) => first + i);
    const epsilon = call.float('epsilon', 1e-5);
    const [gamma, beta] = [call.tensor(1), call.optional(2)];
    if (call.outputCount === 1 && axis.length === 1 && gamma.rank === 1) {
      return layerNorm(x, { axis: -1, gamma, ...(beta === undefined ? {} : { beta }), epsilon });
    }
    const { y, average, deviation } = standardised(x, axis, epsilon);
    const scaled = multiply(y, gamma);
    return [beta === undefined ? scaled : add(scaled, beta), average, divide(1, deviation)];
  },
  RMSNormalization(call) {
    const x = call.tensor(0);
    const first = call.axis(call.int('axis', -1));
    const axis = x.shape.slice(first).map((_, i) => first + i);
    const size = sqrt(add(mean(square(x), { axis, keepDims: true }), call.float('epsilon', 1e-5)));
    return multiply(divide(x, size), call.tensor(1));
  },
  GroupNormalization(call) {
    const x = call.tensor(0);
    const groups = call.int('num_groups');
    const [n, c, ...rest] = x.shape as [number, number, ...number[]];
    const parts = reshape(x, [n, groups, (c / groups) * rest.reduce((product, dim) => product * dim, 1)]);
    const { y } = standardised(parts, [2], call.float('epsilon', 1e-5));
    const [gamma, beta] = [call.tensor(1), call.tensor(2)];
    // Until operator set 20 scale and shift were one per group.
    if (gamma.size !== c) {
      const affine = add(multiply(y, reshape(gamma, [groups, 1])), reshape(beta, [groups, 1]));
      return reshape(affine, x.shape);
    }
    return add(multiply(reshape(y, x.shape), alongChannels(gamma, rest.length)), alongChannels(beta, rest.length));
  },
  LRN(call) {
    const x = call.tensor();
    const size = call.int('size');
    if (!(size >= 1 && size <= 4096)) throw call.error(`cannot sum ${size} channels.`);
    const before = Math.floor((size - 1) / 2);
    const squares = pad(
      square(cast(x, 'float32')),
      x.shape.map((_, axis) => (axis === 1 ? ([before, size - 1 - before] as const) : ([0, 0] as const))),
    );
    let sums: Tensor | undefined;
    for (let k = 0; k < size; k++) {
      const part = slice(
        squares,
        x.shape.map((_, axis) => (axis === 1 ? k : 0)),
        x.shape,
      );
      sums = sums === undefined ? part : add(sums, part);
    }
    const scale = add(multiply(sums as Tensor, call.float('alpha', 1e-4) / size), call.float('bias', 1));
    return divide(x, power(scale, call.float('beta', 0.75)));
  },
};
