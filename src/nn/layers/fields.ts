// The options of layers as data: how each is checked, and how Keras writes it. The check for unknown options,
// getConfig and fromConfig of every layer follow from its table of fields.
import { FoveaError } from '../../core/errors.js';
import type { Triple } from '../../ops/volume.js';
import type { Pair } from '../../ops/window.js';
import { type Activation, type ActivationLike, activationFromConfig, makeActivation } from '../activations.js';
import { type Constraint, constraintFromConfig, makeConstraint, serializeConstraint } from '../constraints.js';
import {
  type Initializer,
  type InitializerLike,
  initializerFromConfig,
  makeInitializer,
  serializeInitializer,
} from '../initializers.js';
import { describe, nearestName, toCamelCase, toSnakeCase, unknownName } from '../keras-config.js';
import type { Layer } from '../layer.js';
import { makeRegularizer, type Regularizer, regularizerFromConfig, serializeRegularizer } from '../regularizers.js';

/** Makes a layer from its class name and config: how layers inside other layers are read. */
export type MakeLayer = (className: string, config: Record<string, unknown>) => Layer;

/** Which option of which layer is being looked at. */
export interface Place {
  readonly className: string;
  readonly option: string;
  /** The layer's name, where the user gave one. */
  readonly layer: string | undefined;
}

/** One option: `V` is what the layer works with. */
export interface Field<V> {
  /** The option when it is left out; fields without one are required. */
  readonly fallback?: () => unknown;
  /** Keras's key where it is not the option in snake_case, and keys of older versions. */
  readonly keys?: readonly string[];
  /** Whether null is a value and not a word for the default. */
  readonly takesNull?: boolean;
  check(value: unknown, place: Place): V;
  write(value: V): unknown;
  /** From Keras's form to the option; default: as it stands. */
  read?(value: unknown, makeLayer: MakeLayer, place: Place): unknown;
}

/** A table of fields, by option. */
export type Fields = Readonly<Record<string, Field<unknown>>>;

/** What a layer works with, for its table of fields. */
export type SettingsOf<F> = { readonly [K in keyof F]: F[K] extends Field<infer V> ? V : never };

/** The error for an option that is not what it must be. */
export function refuseOption(
  { className, option, layer }: Place,
  want: string,
  got: unknown,
  hint?: string,
): FoveaError {
  return new FoveaError({
    code: 'argument',
    op: className,
    message: `${option} must be ${want}; got ${describe(got)}.`,
    got,
    want,
    ...(hint === undefined ? {} : { hint }),
    ...(layer === undefined ? {} : { path: layer }),
  });
}

const same = <T>(value: T): T => value;

/** Makes a field optional with a default, in the form of the option. */
function withFallback<V>(field: Field<V>, fallback: unknown): Field<V> {
  return fallback === undefined ? field : { ...field, fallback: () => fallback };
}

/** A whole number of at least `least`. */
export function whole(least: number, fallback?: number): Field<number> {
  return withFallback<number>(
    {
      check(value, place) {
        if (typeof value === 'number' && Number.isInteger(value) && value >= least) return value;
        throw refuseOption(place, `a whole number of at least ${least}`, value);
      },
      write: same,
    },
    fallback,
  );
}

/** A finite number, in [low, high) where these are given. */
export function real(
  fallback?: number,
  { low = -Infinity, high = Infinity }: { low?: number; high?: number } = {},
): Field<number> {
  const range =
    high < Infinity ? ` from ${low} up to but without ${high}` : low > -Infinity ? ` of at least ${low}` : '';
  return withFallback<number>(
    {
      check(value, place) {
        if (typeof value === 'number' && Number.isFinite(value) && value >= low && value < high) return value;
        throw refuseOption(place, `a number${range}`, value);
      },
      write: same,
    },
    fallback,
  );
}

/** `field`, or null where it is left out. */
export function optional<V>(field: Field<V>): Field<V | null> {
  return {
    ...field,
    fallback: () => null,
    check: (value, place) => (value === null ? null : field.check(value, place)),
    write: (value) => (value === null ? null : field.write(value)),
  };
}

export function flag(fallback: boolean, keys?: readonly string[]): Field<boolean> {
  return {
    fallback: () => fallback,
    ...(keys === undefined ? {} : { keys }),
    check(value, place) {
      if (typeof value === 'boolean') return value;
      throw refuseOption(place, 'true or false', value);
    },
    write: same,
  };
}

/** One of some words; Keras writes them in snake_case. */
export function choice<W extends string>(words: readonly W[], fallback: W): Field<W> {
  return {
    fallback: () => fallback,
    check(value, place) {
      // 'SAME' is how many programs write 'same'.
      const small = typeof value === 'string' ? value.toLowerCase() : value;
      const found = words.find((word) => word === value || word === small);
      if (found !== undefined) return found;
      const near = typeof value === 'string' ? nearestName(value, words) : undefined;
      const want = words.map((word) => `'${word}'`).join(' or ');
      throw refuseOption(place, want, value, near === undefined ? undefined : `Did you mean '${near}'?`);
    },
    write: toSnakeCase,
    read: (value) => (typeof value === 'string' ? toCamelCase(value.toLowerCase()) : value),
  };
}

export const dataFormat = (): Field<'channelsLast' | 'channelsFirst'> =>
  choice(['channelsLast', 'channelsFirst'], 'channelsLast');

/** One number for height and width, or two. */
export function pair(least: number, fallback?: number | Pair): Field<Pair> {
  return withFallback(
    {
      check(value, place) {
        const both = typeof value === 'number' ? [value, value] : value;
        const isRight =
          Array.isArray(both) && both.length === 2 && both.every((each) => Number.isInteger(each) && each >= least);
        if (isRight) return [both[0] as number, both[1] as number];
        throw refuseOption(place, `a whole number of at least ${least}, or two of them`, value);
      },
      write: (value) => [...value],
    },
    fallback,
  );
}

/** One number for depth, height and width, or three. */
export function triple(least: number, fallback?: number | Triple): Field<Triple> {
  return withFallback(
    {
      check(value, place) {
        const all = typeof value === 'number' ? [value, value, value] : value;
        const isRight =
          Array.isArray(all) && all.length === 3 && all.every((each) => Number.isInteger(each) && each >= least);
        if (isRight) return [all[0] as number, all[1] as number, all[2] as number];
        throw refuseOption(place, `a whole number of at least ${least}, or three of them`, value);
      },
      write: (value) => [...value],
    },
    fallback,
  );
}

/** A number that Keras writes as a list of one. */
export function single(least: number, fallback?: number): Field<number> {
  const field = whole(least, fallback);
  return {
    ...field,
    write: (value) => [value],
    read: (value) => (Array.isArray(value) && value.length === 1 ? value[0] : value),
  };
}

/** Whole numbers, any count of them. */
export function list(want: string, isRight: (value: number) => boolean): Field<readonly number[]> {
  return {
    check(value, place) {
      if (Array.isArray(value) && value.every((each) => Number.isInteger(each) && isRight(each))) return [...value];
      throw refuseOption(place, want, value);
    },
    write: (value) => [...value],
  };
}

/** Cells per side of pictures (2 axes) or volumes (3): one number, one per axis, or [before, after] of each axis. */
export function sides(fallback: number, axes: 2 | 3): Field<readonly Pair[]> {
  const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0;
  const pairOf = (value: unknown): Pair | undefined => {
    if (isCount(value)) return [value, value];
    if (!Array.isArray(value) || value.length !== 2 || !value.every(isCount)) return undefined;
    return [value[0] as number, value[1] as number];
  };
  const want =
    axes === 2
      ? 'a number, [vertical, horizontal], or [[top, bottom], [left, right]]'
      : 'a number, [depth, height, width], or [before, after] of each';
  return {
    fallback: () => fallback,
    check(value, place) {
      const all = isCount(value) ? Array<number>(axes).fill(value) : value;
      const pairs = Array.isArray(all) && all.length === axes ? all.map(pairOf) : [undefined];
      if (pairs.every((each) => each !== undefined)) return pairs;
      throw refuseOption(place, want, value);
    },
    write: (value) => value.map((each) => [...each]),
  };
}

export function initializer(fallback: InitializerLike): Field<Initializer> {
  return {
    fallback: () => fallback,
    check: (value, place) => checked(place, () => makeInitializer(value as InitializerLike)),
    write: serializeInitializer,
    read: initializerFromConfig,
  };
}

export function activation(fallback: ActivationLike = 'linear'): Field<Activation> {
  return {
    fallback: () => fallback,
    check: (value, place) => checked(place, () => makeActivation(value as ActivationLike, place.className)),
    write: (value) => value.serialize(),
    read: (value, makeLayer) => activationFromConfig(value, makeLayer),
  };
}

export function regularizer(): Field<Regularizer | null> {
  return {
    fallback: () => null,
    check: (value, place) => (value === null ? null : checked(place, () => makeRegularizer(value, place.className))),
    write: (value) => (value === null ? null : serializeRegularizer(value)),
    read: (value, _makeLayer, { className }) => regularizerFromConfig(value, className),
  };
}

export function constraint(): Field<Constraint | null> {
  return {
    fallback: () => null,
    check: (value, place) => (value === null ? null : checked(place, () => makeConstraint(value, place.className))),
    write: (value) => (value === null ? null : serializeConstraint(value)),
    read: (value, _makeLayer, { className }) => constraintFromConfig(value, className),
  };
}

/** What `make` gives; its error says which option of which layer it is about. */
function checked<V>({ className, option, layer }: Place, make: () => V): V {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof FoveaError)) throw error;
    const { code, got, want, hint } = error;
    const [line] = error.message.split('\n') as [string];
    // Some name the layer already.
    const own = line.replace(/^[\w.]+: /, '');
    throw new FoveaError({
      code,
      op: className,
      message: own.includes(option) ? own : `${option}: ${own}`,
      got,
      want,
      ...(hint === undefined ? {} : { hint }),
      ...(layer === undefined ? {} : { path: layer }),
    });
  }
}

/** What every layer takes beside its own fields. */
const COMMON = ['name', 'trainable', 'dtype', 'activityRegularizer', 'inputShape'];

/** Checks a layer's options against its fields. Throws `argument`, naming what is unknown, missing or wrong. */
export function checkOptions(className: string, fields: Fields, options: unknown): Record<string, unknown> {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new FoveaError({
      code: 'argument',
      op: className,
      message: `takes one object of options; got ${describe(options)}.`,
      got: options,
      hint: `Its options are ${Object.keys(fields).concat(COMMON).join(', ')}.`,
    });
  }
  const given = options as Record<string, unknown>;
  const layer = typeof given.name === 'string' ? given.name : undefined;
  for (const option of Object.keys(given)) {
    if (Object.hasOwn(fields, option) || COMMON.includes(option)) continue;
    const error = unknownName(className, 'option', option, [...Object.keys(fields), ...COMMON]);
    throw layer === undefined ? error : error.at(layer);
  }
  checkCommon(className, given, layer);
  const settings: Record<string, unknown> = {};
  for (const [option, field] of Object.entries(fields)) {
    const place = { className, option, layer };
    const isNull = given[option] === null && field.takesNull === true;
    const value = isNull ? null : (given[option] ?? field.fallback?.());
    if (value === undefined) {
      throw new FoveaError({
        code: 'argument',
        op: className,
        message: `option "${option}" is missing.`,
        want: option,
        ...(layer === undefined ? {} : { path: layer }),
      });
    }
    settings[option] = field.check(value, place);
  }
  return settings;
}

function checkCommon(
  className: string,
  { name, trainable, inputShape }: Record<string, unknown>,
  layer: string | undefined,
): void {
  const place = (option: string): Place => ({ className, option, layer });
  if (name !== undefined && (typeof name !== 'string' || name === ''))
    throw refuseOption(place('name'), 'a word', name);
  if (trainable !== undefined && typeof trainable !== 'boolean')
    throw refuseOption(place('trainable'), 'true or false', trainable);
  const isShape =
    Array.isArray(inputShape) && inputShape.every((dim) => dim === null || (Number.isInteger(dim) && dim > 0));
  if (inputShape !== undefined && !isShape) {
    throw refuseOption(place('inputShape'), 'sizes without the batch, null where unknown', inputShape);
  }
}
