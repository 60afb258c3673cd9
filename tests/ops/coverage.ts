// Which of an op's cases are run how, and why one is not: what tests/engine/parity.test.ts runs on every engine and
// level, and what the table of docs/ops.md counts.
import { type Dtype, isFloat } from '../../src/core/dtype.js';
import { FoveaError } from '../../src/core/errors.js';
import { sizeOf } from '../../src/core/shape.js';
import type { AnyOp, OpCase, TensorType } from '../../src/graph/op.js';

/** How a case can be run: as it stands, derived once or twice, or with its floats in 16 bits. */
export const KINDS = ['values', 'gradients', 'second derivatives', 'float16', 'bfloat16'] as const;
export type Kind = (typeof KINDS)[number];

/** Ops whose empty cells the rules below do not explain. */
const REASONS: Readonly<Record<string, Partial<Record<Kind, string>>>> = {
  stopGradient: { gradients: 'blocked, by its purpose', 'second derivatives': 'blocked, by its purpose' },
  moments: { float16: 'sums in float32: layers cast', bfloat16: 'sums in float32: layers cast' },
};

/** What an engine is excused from, and why. An entry that is not needed any more fails. */
export const SKIPS: readonly { engine: string; op: string; reason: string }[] = [];

const typesOf = (each: OpCase<object>): TensorType[] =>
  each.inputs.map(({ shape, dtype = 'float32' }) => ({ shape, dtype }));

/** The case as `kind` runs it, or undefined where it does not apply. */
export function caseFor(op: AnyOp, each: OpCase<object>, kind: Kind): OpCase<object> | undefined {
  const inputs = typesOf(each);
  const hasFloats = inputs.some(({ dtype }) => dtype === 'float32');
  switch (kind) {
    case 'values':
      return each;
    case 'gradients':
    case 'second derivatives': {
      if (op.gradient === 'none' || each.gradient === false || !hasFloats) return undefined;
      if (!op.shape(inputs, each.params).some(({ dtype }) => dtype === 'float32')) return undefined;
      const isLarge = inputs.some(({ shape }) => sizeOf(shape) > 300);
      return kind === 'second derivatives' && isLarge ? undefined : each;
    }
    default:
      return hasFloats ? narrowed(op, each, kind) : undefined;
  }
}

/** The case with its float32 inputs in 16 bits, or undefined where the op refuses them. */
function narrowed(op: AnyOp, each: OpCase<object>, to: Dtype): OpCase<object> | undefined {
  const inputs = each.inputs.map((input) =>
    (input.dtype ?? 'float32') === 'float32' ? { ...input, dtype: to } : input,
  );
  const narrow = { ...each, inputs };
  try {
    op.shape(typesOf(narrow), each.params);
    return narrow;
  } catch (error) {
    if (error instanceof FoveaError && error.code === 'dtype') return undefined;
    throw error;
  }
}

/** The number of an op's cases that run so, or in words why there is none; undefined where nothing explains it. */
export function coverage(op: AnyOp, kind: Kind): number | string | undefined {
  const cases = op.cases();
  const count = cases.filter((each) => caseFor(op, each, kind) !== undefined).length;
  if (count > 0) return count;
  const reason = REASONS[op.name]?.[kind];
  if (reason !== undefined) return reason;
  const takesFloats = cases.some((each) => typesOf(each).some(({ dtype }) => isFloat(dtype)));
  const givesFloats = cases.some((each) => op.shape(typesOf(each), each.params).some(({ dtype }) => isFloat(dtype)));
  if (!takesFloats) return 'takes no floats';
  if (kind === 'float16' || kind === 'bfloat16') return undefined;
  if (!givesFloats) return 'gives no floats';
  return op.gradient === 'none' && isConstantBetweenJumps(op) ? 'zero' : undefined;
}

/** Whether the op's float64 reference does not change when its float inputs move a little, at its cases' points. */
function isConstantBetweenJumps(op: AnyOp): boolean {
  return op.cases().every((each) => {
    if (each.inputs.some(({ values, dtype = 'float32' }) => values !== undefined || !isFloat(dtype))) return true;
    const at = (move: number): number[] => {
      const inputs = each.inputs.map((input, k) => ({
        ...input,
        dtype: input.dtype ?? 'float32',
        data: Float64Array.from({ length: sizeOf(input.shape) }, (_, i) => 0.3137 + 0.1731 * ((i + 3 * k) % 11) + move),
      }));
      const outputs = op.shape(inputs, each.params);
      return op.reference(inputs, each.params, outputs).flatMap((data) => [...data]);
    };
    const before = at(0);
    return at(1e-9).every((value, i) => value === before[i]);
  });
}
