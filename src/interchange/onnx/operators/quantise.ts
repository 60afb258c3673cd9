// Quantised graphs: integers are carried as whole float32 numbers, in which sums of products of 8 bits are exact to 2^24. ONNX's
// own operators, and those of ONNX Runtime's domain that its quantiser writes.

import type { OnnxDtype } from '../../../formats/onnx-schema.js';
import { onnxDtypeOf } from '../../../formats/onnx-tensor.js';
import type { Tensor } from '../../../graph/tensor.js';
import { leakyRelu } from '../../../ops/activation.js';
import { add, cast, clip, divide, maximum, minimum, multiply, subtract } from '../../../ops/arithmetic.js';
import { concat, repeat } from '../../../ops/join.js';
import { averagePool2d } from '../../../ops/pool.js';
import { max, mean, min } from '../../../ops/reduce.js';
import { reshape, transpose } from '../../../ops/shape.js';
import { round, sigmoid } from '../../../ops/unary.js';
import type { TensorCall, TensorOperators } from '../calls.js';
import { isFloatDtype, type TensorValue, tensorValue } from '../values.js';
import { windowOf } from '../windows.js';
import { alongChannels, checkFilter, convolve } from './conv.js';
import { product } from './matmul.js';

const RANGES: Partial<Record<OnnxDtype, readonly [number, number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
  uint4: [0, 15],
  int4: [-8, 7],
  uint2: [0, 3],
  int2: [-2, 1],
};

const float = (call: TensorCall, index: number): Tensor => cast(call.tensor(index), 'float32');

/** A scale or zero point beside x: one number, one per place of an axis, or one per block of places. */
function beside(x: Tensor, parameter: Tensor, axis: number, block: number): Tensor {
  if (parameter.size === 1 && parameter.rank <= 1) return reshape(parameter, []);
  if (parameter.rank === 1)
    return reshape(
      parameter,
      x.shape.map((_, i) => (i === axis ? parameter.size : 1)),
    );
  if (block === 0) return parameter;
  return repeat(parameter, block, axis);
}

/** Rounds to a type's steps, half to even, and keeps its range. */
function quantised(x: Tensor, scale: Tensor, zero: Tensor | undefined, dtype: OnnxDtype): TensorValue | undefined {
  const range = RANGES[dtype];
  if (range === undefined) return undefined;
  const steps = round(divide(x, scale));
  return tensorValue(dtype, clip(zero === undefined ? steps : add(steps, zero), range[0], range[1]));
}

/** x minus its zero point, where it has one. */
function centred(call: TensorCall, index: number, zero: number): Tensor {
  const x = float(call, index);
  return call.isGiven(zero) ? subtract(x, float(call, zero)) : x;
}

/** The real numbers behind input `index`, whose scale and zero point follow it. */
function real(call: TensorCall, index: number): Tensor {
  return multiply(centred(call, index, index + 2), float(call, index + 1));
}

/** Quantises to the scale and zero point at these inputs. */
function requantised(call: TensorCall, y: Tensor, scale: number): TensorValue | undefined {
  const zero = call.isGiven(scale + 1) ? float(call, scale + 1) : undefined;
  return quantised(
    y,
    reshape(float(call, scale), []),
    zero === undefined ? undefined : reshape(zero, []),
    call.isGiven(scale + 1) ? call.dtype(scale + 1) : 'uint8',
  );
}

const binary =
  (compute: (a: Tensor, b: Tensor) => Tensor) =>
  (call: TensorCall): TensorValue | undefined =>
    requantised(call, compute(real(call, 0), real(call, 3)), 6);

function convInteger(call: TensorCall, x: Tensor, filter: Tensor): Tensor {
  const window = windowOf(call, x.rank - 2, filter.shape.slice(2));
  const groups = call.int('group', 1);
  checkFilter(call, x.shape[1] as number, filter.shape[1] as number, groups);
  return convolve(x, filter, window, groups);
}

/** One parameter per output channel along the first axis of a filter, or one for all. */
function perFilter(parameter: Tensor, rank: number): Tensor {
  return parameter.size === 1
    ? reshape(parameter, [])
    : reshape(parameter, [parameter.size, ...Array<number>(rank - 1).fill(1)]);
}

export const quantisation: TensorOperators = {
  QuantizeLinear(call) {
    const x = float(call, 0);
    const axis =
      call.rank() === 0 ? 0 : call.axis(call.int('axis', 1), Math.max(call.rank(), 2)) % Math.max(1, call.rank());
    const block = call.int('block_size', 0);
    const dtype = call.isGiven(2) ? call.dtype(2) : (onnxDtypeOf(call.int('output_dtype', 2)) ?? 'uint8');
    if (isFloatDtype(dtype)) return undefined;
    const zero = call.isGiven(2) ? beside(x, float(call, 2), axis, block) : undefined;
    return quantised(x, beside(x, float(call, 1), axis, block), zero, dtype);
  },
  DequantizeLinear(call) {
    const x = float(call, 0);
    const axis = x.rank < 2 ? 0 : call.axis(call.int('axis', 1));
    const block = call.int('block_size', 0);
    const zero = call.isGiven(2) ? subtract(x, beside(x, float(call, 2), axis, block)) : x;
    const dtype = onnxDtypeOf(call.int('output_dtype', 0)) ?? call.dtype(1);
    return tensorValue(dtype, multiply(zero, beside(x, float(call, 1), axis, block)));
  },
  DynamicQuantizeLinear(call) {
    const x = call.tensor();
    const high = maximum(max(x), 0);
    const low = minimum(min(x), 0);
    const scale = divide(subtract(high, low), 255);
    const zero = clip(round(divide(subtract(0, low), scale)), 0, 255);
    return [
      quantised(x, scale, zero, 'uint8') as TensorValue,
      tensorValue('float32', scale),
      tensorValue('uint8', zero),
    ];
  },
  QLinearConv(call) {
    const filter = float(call, 3);
    const x = centred(call, 0, 2);
    const weights = subtract(filter, perFilter(float(call, 5), filter.rank));
    const sums = convInteger(call, x, weights);
    const bias = call.isGiven(8) ? add(sums, alongChannels(float(call, 8), x.rank - 2)) : sums;
    const scales = float(call, 4);
    const scale = multiply(
      reshape(float(call, 1), []),
      scales.size === 1 ? reshape(scales, []) : alongChannels(scales, x.rank - 2),
    );
    return requantised(call, multiply(bias, scale), 6);
  },
  ConvInteger(call) {
    const filter = float(call, 1);
    const weights = call.isGiven(3) ? subtract(filter, perFilter(float(call, 3), filter.rank)) : filter;
    return tensorValue('int32', convInteger(call, centred(call, 0, 2), weights));
  },
  MatMulInteger(call) {
    const [a, b] = [float(call, 0), float(call, 1)];
    // A zero point per row of the left, per column of the right.
    const rows = call.isGiven(2) ? float(call, 2) : undefined;
    const left =
      rows === undefined ? a : subtract(a, rows.rank === 1 && rows.size > 1 ? reshape(rows, [rows.size, 1]) : rows);
    return tensorValue('int32', product(left, call.isGiven(3) ? subtract(b, float(call, 3)) : b));
  },
  QLinearMatMul(call) {
    const a = centred(call, 0, 2);
    const b = centred(call, 3, 5);
    const scale = multiply(float(call, 1), float(call, 4));
    return requantised(call, multiply(product(a, b), scale), 6);
  },
  'com.microsoft.QLinearAdd': binary(add),
  'com.microsoft.QLinearMul': binary(multiply),
  'com.microsoft.QLinearSigmoid': (call) => requantised(call, sigmoid(real(call, 0)), 3),
  'com.microsoft.QLinearLeakyRelu': (call) => requantised(call, leakyRelu(real(call, 0), call.float('alpha', 0.01)), 3),
  'com.microsoft.QLinearGlobalAveragePool'(call) {
    const x = real(call, 0);
    const isLast = call.flag('channels_last');
    const axis = x.shape.slice(2).map((_, i) => i + (isLast ? 1 : 2));
    return requantised(call, mean(x, { axis, keepDims: true }), 3);
  },
  'com.microsoft.QLinearAveragePool'(call) {
    const x = real(call, 0);
    const isLast = call.flag('channels_last');
    const { kernel, strides, pads } = windowOf(call, x.rank - 2);
    if (x.rank !== 4 || pads === undefined || call.flag('ceil_mode') || call.flag('count_include_pad')) {
      throw call.error('only plain windows over pictures are supported.', 'unsupported');
    }
    const y = averagePool2d(isLast ? x : transpose(x, [0, 2, 3, 1]), {
      poolSize: [kernel[0] as number, kernel[1] as number],
      strides: [strides[0] as number, strides[1] as number],
      padding: [pads[0] as readonly [number, number], pads[1] as readonly [number, number]],
    });
    return requantised(call, isLast ? y : transpose(y, [0, 3, 1, 2]), 3);
  },
  'com.microsoft.QLinearConcat'(call) {
    const count = (call.inputs.length - 2) / 3;
    const all = Array.from({ length: count }, (_, i) => {
      const at = 2 + 3 * i;
      return multiply(subtract(float(call, at), float(call, at + 2)), float(call, at + 1));
    });
    return requantised(call, concat(all, call.axis(call.int('axis'), (all[0] as Tensor).rank)), 0);
  },
  'com.microsoft.QGemm'(call) {
    const a = centred(call, 0, 2);
    const b = centred(call, 3, 5);
    const left = call.flag('transA') ? transpose(a) : a;
    const right = call.flag('transB') ? transpose(b) : b;
    const sums = product(left, right);
    const biased = call.isGiven(6) ? add(sums, float(call, 6)) : sums;
    const y = multiply(biased, multiply(multiply(float(call, 1), float(call, 4)), call.float('alpha', 1)));
    return call.isGiven(7) ? requantised(call, y, 7) : tensorValue('float32', y);
  },
};
