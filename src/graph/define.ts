// defineOp and definePointwise: how every operation is declared (docs/add-an-op.md).
import { type Dtype, isFloat, promote, roundTo } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { broadcastShapes, broadcastStrides, formatShape, type Shape, sizeOf, stridesOf } from '../core/shape.js';
import type {
  ActivationTrait,
  CaseInput,
  GradientRule,
  OpCase,
  OpDefinition,
  PointwiseBuilder,
  ReferenceArray,
  Register,
  TensorType,
} from './op.js';
import { applyOp, scalar, Tensor, type TensorLike, tensor } from './tensor.js';

/** An op that can be applied. */
export interface Op<P extends object> extends OpDefinition<P> {
  /** Adds a node and gives all its outputs. */
  apply(inputs: readonly Tensor[], params: P): Tensor[];
  /** Adds a node and gives its first output. */
  one(inputs: readonly Tensor[], params: P): Tensor;
}

/** Declares an operation; everything else about it follows from this object. */
export function defineOp<P extends object>(definition: OpDefinition<P>): Op<P> {
  const op: Op<P> = {
    ...definition,
    apply: (inputs, params) => applyOp(op, inputs, params),
    one: (inputs, params) => applyOp(op, inputs, params)[0] as Tensor,
  };
  return op;
}

/** What a pointwise op works on: `float` promotes integers to float32, `int` refuses floats. */
export type PointwiseDomain = 'float' | 'number' | 'int' | 'bool' | 'any';

/** See `definePointwise`. */
export interface PointwiseDefinition<P extends object> {
  readonly name: string;
  readonly summary: string;
  readonly arity: number;
  readonly domain: PointwiseDomain;
  /** The result's dtype; default: the inputs' (after promotion). */
  result?(inputs: readonly Dtype[], params: P): Dtype;
  /** One element in float64. Comparisons give 0 or 1. */
  scalar(values: readonly number[], params: P, dtype: Dtype): number;
  /** The same as instructions. `kind` is the register kind of the (promoted) inputs. */
  lower(builder: PointwiseBuilder, inputs: readonly Register[], params: P, kind: 'float' | 'int'): Register;
  /** Gradients as if nothing had been broadcast: autodiff sums them back to each input's shape. */
  readonly gradient: GradientRule<P> | 'none';
  /** The activation that this op is, for ops that take an epilogue. */
  readonly epilogueActivation?: ActivationTrait<P>;
  /** Where the test cases draw their values, per input. */
  readonly range?: readonly (readonly [number, number])[];
  /** Parameter sets for the cases; default one empty set. */
  readonly variants?: readonly P[];
  /** Multiplies the tolerance of the cases; say why beside it. */
  readonly tolerance?: number;
  /** False where the gradient does not exist everywhere in the range. */
  readonly checkGradient?: boolean;
}

/** Declares an op that maps elements to elements, with broadcasting. */
export function definePointwise<P extends object = Record<string, never>>(definition: PointwiseDefinition<P>): Op<P> {
  const { name, arity, domain } = definition;
  const resultDtype = (dtypes: readonly Dtype[], params: P): Dtype =>
    definition.result?.(dtypes, params) ?? (dtypes[0] as Dtype);
  return defineOp<P>({
    name,
    summary: definition.summary,
    shape(inputs, params) {
      if (inputs.length !== arity) {
        throw new FoveaError({ code: 'argument', op: name, message: `takes ${arity} tensors; got ${inputs.length}.` });
      }
      const dtype = (inputs[0] as TensorType).dtype;
      for (const input of inputs) {
        if (input.dtype !== dtype) {
          throw new FoveaError({
            code: 'dtype',
            op: name,
            message: `inputs must share a dtype; got ${inputs.map((each) => each.dtype).join(' and ')}.`,
            hint: 'Cast one of them with fovea.cast.',
          });
        }
      }
      checkDomain(name, domain, dtype);
      return [{ shape: broadcastAll(name, inputs), dtype: resultDtype([dtype], params) }];
    },
    gradient: definition.gradient,
    ...(definition.epilogueActivation === undefined ? {} : { epilogueActivation: definition.epilogueActivation }),
    reference(inputs, params, outputs) {
      const output = outputs[0] as TensorType;
      const dtype = (inputs[0] as TensorType).dtype;
      return [mapBroadcast(inputs, output, (values) => definition.scalar(values, params, dtype))];
    },
    lower(builder, inputs, params) {
      const kind = (inputs[0] as Register).kind;
      return [definition.lower(builder, inputs, params, kind)];
    },
    flops: (_inputs, _params, outputs) => sizeOf((outputs[0] as TensorType).shape),
    cases: () => pointwiseCases(definition),
  });
}

function checkDomain(op: string, domain: PointwiseDomain, dtype: Dtype): void {
  const isRight =
    domain === 'any' ||
    (domain === 'float' && isFloat(dtype)) ||
    (domain === 'number' && dtype !== 'bool') ||
    (domain === 'int' && (dtype === 'int32' || dtype === 'uint8' || dtype === 'bool')) ||
    (domain === 'bool' && dtype === 'bool');
  if (isRight) return;
  throw new FoveaError({
    code: 'dtype',
    op,
    message: `is not defined for ${dtype}; it takes ${domain === 'number' ? 'numbers' : `${domain}s`}.`,
    got: dtype,
    want: domain,
    hint: 'Cast the input with fovea.cast.',
  });
}

/** The shape that all inputs broadcast to. Throws `shape` where there is none. */
export function broadcastAll(op: string, inputs: readonly TensorType[]): Shape {
  let shape = (inputs[0] as TensorType).shape;
  for (const input of inputs) {
    const both = broadcastShapes(shape, input.shape);
    if (both === undefined) {
      throw new FoveaError({
        code: 'shape',
        op,
        message: `shapes ${inputs.map((each) => formatShape(each.shape)).join(' and ')} do not broadcast.`,
        got: inputs.map((each) => each.shape),
        hint: 'Sizes must be equal or 1, counted from the last axis.',
      });
    }
    shape = both;
  }
  return shape;
}

/** Applies `map` to the broadcast elements of the inputs, rounding integers as the dtype stores them. */
export function mapBroadcast(
  inputs: readonly ReferenceArray[],
  output: TensorType,
  map: (values: readonly number[], index: number) => number,
): Float64Array {
  const size = sizeOf(output.shape);
  const strides = inputs.map((input) => broadcastStrides(input.shape, stridesOf(input.shape), output.shape));
  const out = new Float64Array(size);
  const at = new Array<number>(output.shape.length).fill(0);
  const offsets = inputs.map(() => 0);
  const values = inputs.map(() => 0);
  const round = isFloat(output.dtype) ? undefined : output.dtype;
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < inputs.length; k++)
      values[k] = (inputs[k] as ReferenceArray).data[offsets[k] as number] as number;
    const value = map(values, i);
    out[i] = round === undefined ? value : round === 'int32' ? value | 0 : roundTo(round, value);
    for (let axis = at.length - 1; axis >= 0; axis--) {
      const next = (at[axis] as number) + 1;
      const isCarry = next === output.shape[axis];
      at[axis] = isCarry ? 0 : next;
      const step = isCarry ? 1 - next : 1;
      for (let k = 0; k < inputs.length; k++)
        offsets[k] = (offsets[k] as number) + step * ((strides[k] as number[])[axis] as number);
      if (!isCarry) break;
    }
  }
  return out;
}

function pointwiseCases<P extends object>(definition: PointwiseDefinition<P>): OpCase<P>[] {
  const { arity, domain, range } = definition;
  const variants = definition.variants ?? [{} as P];
  const cases: OpCase<P>[] = [];
  const add = (kind: string, shapes: readonly Shape[], dtype: Dtype, params: P): void => {
    const name = variants.length === 1 ? kind : `${kind} ${JSON.stringify(params)}`;
    const inputs = shapes.map((shape, i): CaseInput => {
      const [low, high] = range?.[i] ?? [-2, 2];
      if (isFloat(dtype)) return { shape, dtype, low, high };
      return dtype === 'int32' ? { shape, dtype, low: -9, high: 9 } : { shape, dtype };
    });
    cases.push({
      name,
      inputs,
      params,
      ...(definition.tolerance === undefined ? {} : { tolerance: definition.tolerance }),
      gradient: definition.checkGradient !== false && dtype === 'float32',
    });
  };
  const all = (shape: Shape): Shape[] => Array.from({ length: arity }, () => shape);
  const floats = domain === 'float' || domain === 'number' || domain === 'any';
  const ints = domain === 'number' || domain === 'int' || domain === 'any';
  for (const params of variants) {
    if (floats) {
      for (const shape of [[], [1], [7], [2, 3, 5], [3, 1031]])
        add(`f32 ${formatShape(shape)}`, all(shape), 'float32', params);
      add('f16', all([33]), 'float16', params);
      add('bf16', all([33]), 'bfloat16', params);
      if (arity > 1) {
        const rest = all([3, 5]).slice(2);
        add('row', [[4, 3, 5], [5], ...rest], 'float32', params);
        add('column', [[3, 1], [3, 5], ...rest], 'float32', params);
        add('scalar', [[3, 5], [], ...rest], 'float32', params);
        add('outer', [[4, 1, 3, 1], [2, 1, 5], ...rest.map(() => [])], 'float32', params);
      }
    }
    if (ints) {
      add('i32', all([5, 7]), 'int32', params);
      add('u8', all([67]), 'uint8', params);
    }
    if (domain === 'bool' || domain === 'any') add('bool', all([3, 11]), 'bool', params);
  }
  return cases;
}

/** A tensor from anything that may stand for one; numbers become foldable scalars of the given dtype. */
export function toTensor(value: TensorLike, dtype?: Dtype): Tensor {
  if (value instanceof Tensor) return value;
  if (typeof value === 'number' || typeof value === 'boolean') {
    return scalar(Number(value), dtype ?? (typeof value === 'boolean' ? 'bool' : 'float32'));
  }
  return tensor(value, dtype === undefined ? {} : { dtype });
}

/**
 * Brings the operands of a mixed operation to one dtype: the wider of the tensors'; a bare number takes
 * the tensor's dtype, or float32 where it has a fraction that the dtype cannot hold.
 */
export function unify(
  values: readonly TensorLike[],
  cast: (x: Tensor, dtype: Dtype) => Tensor,
  domain: PointwiseDomain,
): Tensor[] {
  let dtype: Dtype | undefined;
  for (const value of values) {
    if (typeof value === 'number') continue;
    const each = value instanceof Tensor ? value.dtype : toTensor(value).dtype;
    dtype = dtype === undefined ? each : promote(dtype, each);
  }
  dtype ??= 'float32';
  const hasFraction = values.some((value) => typeof value === 'number' && !Number.isInteger(value));
  if ((hasFraction || domain === 'float') && !isFloat(dtype)) dtype = 'float32';
  if (domain === 'number' && dtype === 'bool') dtype = 'int32';
  const common = dtype;
  return values.map((value) => {
    const each = toTensor(value, typeof value === 'number' ? common : undefined);
    return each.dtype === common ? each : cast(each, common);
  });
}
