// Choosing between two tensors element by element.
import { FoveaError } from '../core/errors.js';
import { sizeOf } from '../core/shape.js';
import { broadcastAll, defineOp, mapBroadcast, type Op, unify } from '../graph/define.js';
import type { TensorType } from '../graph/op.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { cast } from './arithmetic.js';

type None = Record<string, never>;

const whereOp: Op<None> = defineOp({
  name: 'where',
  summary: 'a where the condition holds, else b',
  shape(inputs) {
    const [condition, a, b] = inputs as readonly [TensorType, TensorType, TensorType];
    if (condition.dtype !== 'bool' || a.dtype !== b.dtype) {
      throw new FoveaError({
        code: 'dtype',
        op: 'where',
        message:
          condition.dtype === 'bool'
            ? `a and b must share a dtype; got ${a.dtype} and ${b.dtype}.`
            : `the condition must be bool; got ${condition.dtype}.`,
        got: inputs.map((each) => each.dtype),
        hint: 'Cast with fovea.cast.',
      });
    }
    return [{ shape: broadcastAll('where', inputs), dtype: a.dtype }];
  },
  // Selected, not multiplied: a NaN or infinity on the side not taken must not leak through 0 * NaN.
  gradient: ({ inputs: [condition], dy }) => [undefined, where(condition!, dy, 0), where(condition!, 0, dy)],
  reference: (inputs, _params, [output]) => [
    mapBroadcast(inputs, output as TensorType, ([condition, a, b]) => (condition !== 0 ? a : b) as number),
  ],
  lower: (p, [condition, a, b]) => [p.emit('select', condition!, a!, b!)],
  flops: (_inputs, _params, [output]) => sizeOf((output as TensorType).shape),
  cases: () => [
    ...(['float32', 'float16', 'bfloat16', 'int32', 'uint8', 'bool'] as const).map((dtype) => ({
      name: dtype,
      inputs: [
        { shape: [3, 7], dtype: 'bool' as const },
        { shape: [3, 7], dtype },
        { shape: [3, 7], dtype },
      ],
      params: {},
      gradient: dtype === 'float32',
    })),
    {
      name: 'one condition per row',
      inputs: [{ shape: [4, 1], dtype: 'bool' }, { shape: [4, 5] }, { shape: [5] }],
      params: {},
    },
    { name: 'scalars', inputs: [{ shape: [6], dtype: 'bool' }, { shape: [] }, { shape: [] }], params: {} },
    { name: 'long', inputs: [{ shape: [2, 1031], dtype: 'bool' }, { shape: [2, 1031] }, { shape: [1] }], params: {} },
  ],
});

/**
 * a where the condition holds (is not 0), else b, with broadcasting of all three. Gradients flow only to what was
 * taken, so a NaN on the other side does no harm.
 *
 * @example
 * const x = fovea.tensor([-1, 4]);
 * const safe = fovea.where(fovea.greater(x, 0), fovea.sqrt(x), 0);
 */
export function where(condition: TensorLike, a: TensorLike, b: TensorLike): Tensor {
  return whereOp.one([cast(condition, 'bool'), ...unify([a, b], cast, 'any')], {});
}

export const whereOps = [whereOp] as const;
