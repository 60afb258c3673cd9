// Quantising to floats of eight bits and fewer on the host: the nearest of the few numbers that there are.
import type { OnnxDtype } from '../../../formats/onnx-schema.js';
import { decodeSmallFloat } from '../../../formats/onnx-tensor.js';
import type { HostOperators } from '../calls.js';
import { hostOf, stridedPlaces } from './arrays.js';

const known = new Map<OnnxDtype, readonly number[]>();

/** The finite numbers of a type that are not negative, by their codes, so that every second one is even. */
function magnitudes(dtype: OnnxDtype): readonly number[] {
  const before = known.get(dtype);
  if (before !== undefined) return before;
  const codes = dtype === 'float4e2m1' ? 8 : 128;
  const made = Array.from({ length: codes }, (_, code) => decodeSmallFloat(dtype, code)).filter(Number.isFinite);
  known.set(dtype, made);
  return made;
}

/** The nearest number of the type, of two equally near the even one; beyond the largest it is that. */
function nearestOf(x: number, dtype: OnnxDtype): number {
  if (Number.isNaN(x)) return x;
  const all = magnitudes(dtype);
  const size = Math.abs(x);
  const above = all.findIndex((each) => each >= size);
  const high = above < 0 ? (all.at(-1) as number) : (all[above] as number);
  const low = above <= 0 ? high : (all[above - 1] as number);
  const isLow = size - low < high - size || (size - low === high - size && (above - 1) % 2 === 0);
  return Math.sign(x) * (isLow ? low : high);
}

export const quantisation: HostOperators = {
  QuantizeLinear(call) {
    const dtype = call.isGiven(2) ? call.dtype(2) : 'uint8';
    if (!dtype.startsWith('float')) throw call.error(`to ${dtype} is not supported for these inputs.`, 'unsupported');
    const shape = call.shape();
    const [x, scale] = [call.data(0), call.data(1)];
    const isOne = scale.length === 1;
    const axis = isOne ? 0 : call.axis(call.int('axis', 1));
    if (!isOne && (call.rank(1) !== 1 || scale.length !== shape[axis]))
      throw call.error('scales of blocks are not supported for these inputs.', 'unsupported');
    const place = stridedPlaces(
      shape,
      shape.map((_, i) => (i === axis && !isOne ? 1 : 0)),
    );
    return hostOf(dtype, shape, (i) => nearestOf((x[i] as number) / (scale[place(i)] as number), dtype));
  },
};
