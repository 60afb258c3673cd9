// What weights are made to obey after each update. Norms go over the axes that make up one unit: by default the first.
import { FoveaError } from '../core/errors.js';
import type { Tensor } from '../graph/tensor.js';
import { relu } from '../ops/activation.js';
import { add, clip, divide, multiply } from '../ops/arithmetic.js';
import { sum } from '../ops/reduce.js';
import { sqrt, square } from '../ops/unary.js';
import { describe, isRecord, readSerialized, type SerializedObject, serialized, unknownName } from './keras-config.js';
import { EPSILON } from './losses/loss.js';
import { snakeCase } from './naming.js';
import { configOf, list, number, optionsFromConfig, type Rule, type Rules, readOptions, whole } from './options.js';

/** Brings a weight back to where it may be. */
export interface Constraint {
  /** Keras's class name. */
  readonly className: string;
  /** The nearest allowed weight. */
  apply(weight: Tensor): Tensor;
  getConfig(): Record<string, unknown>;
}

/** Names of constraints; they stand for the defaults. */
export type ConstraintName = 'maxNorm' | 'minMaxNorm' | 'nonNeg' | 'unitNorm';

/** What may stand where a constraint is wanted. */
export type ConstraintLike = Constraint | ConstraintName | (string & {});

/** An axis or several, counted as the weight's. */
const AXES: Rule<number | readonly number[]> = {
  want: 'an axis or a list of axes',
  fallback: 0,
  accepts: (value) => whole(0, -8).accepts(value) || list(whole(0, -8)).accepts(value),
};

const normOf = (weight: Tensor, axis: number | readonly number[]): Tensor =>
  sqrt(sum(square(weight), { axis, keepDims: true }));

interface Kind {
  readonly className: string;
  readonly rules: Rules;
  make(settings: Readonly<Record<string, unknown>>): (weight: Tensor) => Tensor;
}

const least = (fallback: number): Rule<number> => number(fallback, { low: 0 });

const KINDS: Readonly<Record<ConstraintName, Kind>> = {
  maxNorm: {
    className: 'MaxNorm',
    rules: { maxValue: least(2), axis: AXES },
    make: (settings) => {
      const { maxValue, axis } = settings as { maxValue: number; axis: number };
      return (weight) => {
        const norm = normOf(weight, axis);
        return multiply(weight, divide(clip(norm, 0, maxValue), add(norm, EPSILON)));
      };
    },
  },
  minMaxNorm: {
    className: 'MinMaxNorm',
    rules: { minValue: least(0), maxValue: least(1), rate: number(1, { low: 0, high: 1 }), axis: AXES },
    make: (settings) => {
      const { minValue, maxValue, rate, axis } = settings as Record<'minValue' | 'maxValue' | 'rate' | 'axis', number>;
      return (weight) => {
        const norm = normOf(weight, axis);
        const wanted = add(multiply(clip(norm, minValue, maxValue), rate), multiply(norm, 1 - rate));
        return multiply(weight, divide(wanted, add(norm, EPSILON)));
      };
    },
  },
  nonNeg: { className: 'NonNeg', rules: {}, make: () => (weight) => relu(weight) },
  unitNorm: {
    className: 'UnitNorm',
    rules: { axis: AXES },
    make: (settings) => (weight) => divide(weight, add(normOf(weight, settings.axis as number), EPSILON)),
  },
};

function construct(kind: Kind, options: object): Constraint {
  const op = kind.className.charAt(0).toLowerCase() + kind.className.slice(1);
  const settings = readOptions(op, options, kind.rules) as Record<string, unknown>;
  return { className: kind.className, apply: kind.make(settings), getConfig: () => configOf(settings) };
}

/** Keeps the norm over `axis` (default 0: each unit of a dense kernel) at most `maxValue`, default 2. */
export function maxNorm(options: { maxValue?: number; axis?: number | readonly number[] } = {}): Constraint {
  return construct(KINDS.maxNorm, options);
}

/** Moves the norm over `axis` by `rate` (default 1: wholly) into `minValue..maxValue`, default 0..1. */
export function minMaxNorm(
  options: { minValue?: number; maxValue?: number; rate?: number; axis?: number | readonly number[] } = {},
): Constraint {
  return construct(KINDS.minMaxNorm, options);
}

/** Sets negative elements to 0. */
export function nonNeg(): Constraint {
  return construct(KINDS.nonNeg, {});
}

/** Makes the norm over `axis` 1. */
export function unitNorm(options: { axis?: number | readonly number[] } = {}): Constraint {
  return construct(KINDS.unitNorm, options);
}

/** A constraint from its name or itself. Throws `argument` for anything else. */
export function makeConstraint(like: unknown, op = 'constraint'): Constraint {
  if (isRecord(like) && typeof like.apply === 'function') return like as unknown as Constraint;
  const known = Object.entries(KINDS);
  if (typeof like === 'string') {
    const plain = (name: string): string => snakeCase(name).replace(/_/g, '');
    const found = known.find(([name]) => plain(name) === plain(like));
    if (found !== undefined) return construct(found[1], {});
    throw unknownName(op, 'constraint', like, Object.keys(KINDS));
  }
  throw new FoveaError({
    code: 'argument',
    op,
    message: `a constraint is one of constraints or its name; got ${describe(like)}.`,
    got: like,
    want: Object.keys(KINDS),
    hint: 'Write for example kernelConstraint: constraints.maxNorm({ maxValue: 2 }).',
  });
}

/** Keras's form of a constraint. */
export function serializeConstraint({ className, getConfig }: Constraint): SerializedObject {
  return serialized('keras.constraints', className, getConfig());
}

/** A constraint from a config. Throws `unsupported` for a class that is not known. */
export function constraintFromConfig(value: unknown, op = 'constraint'): Constraint {
  if (typeof value === 'string') return makeConstraint(value, op);
  const found = readSerialized(value);
  const kind = Object.values(KINDS).find(({ className }) => className === found?.className);
  if (found === undefined || kind === undefined) {
    throw new FoveaError({
      code: 'unsupported',
      op,
      message: `constraint ${found === undefined ? describe(value) : `"${found.className}"`} is not supported.`,
      got: value,
      want: Object.values(KINDS).map(({ className }) => className),
    });
  }
  return construct(kind, optionsFromConfig(found.config, kind.rules));
}
