// Options of losses, metrics, optimizers and callbacks as data: what each must be and what it is when left out.
// Unknown names and wrong values are refused here, and Keras's keys follow from the names.
import { FoveaError } from '../core/errors.js';
import { describe, isRecord, nearestName, toCamelCase } from './keras-config.js';

/** One option. */
export interface Rule<T> {
  /** The value where it is left out; a rule without one is required. */
  readonly fallback?: T;
  /** What it must be, as an error says it. */
  readonly want: string;
  accepts(value: unknown): boolean;
}

/** A table of options. */
export type Rules = Readonly<Record<string, Rule<unknown>>>;

/** What a table gives. */
export type SettingsOf<R extends Rules> = { readonly [K in keyof R]: R[K] extends Rule<infer T> ? T : never };

/** What may be passed for a table: everything may be left out. */
export type OptionsOf<R extends Rules> = { readonly [K in keyof R]?: SettingsOf<R>[K] | undefined };

function rule<T>(want: string, accepts: (value: unknown) => boolean, fallback: T | undefined): Rule<T> {
  return fallback === undefined ? { want, accepts } : { want, accepts, fallback };
}

/** A finite number from `low` to `high`, both included. */
export function number(
  fallback?: number,
  { low = -Infinity, high = Infinity }: { low?: number; high?: number } = {},
): Rule<number> {
  const range = high < Infinity ? ` from ${low} to ${high}` : low > -Infinity ? ` of at least ${low}` : '';
  return rule(
    `a number${range}`,
    (value) => Number.isFinite(value) && (value as number) >= low && (value as number) <= high,
    fallback,
  );
}

/** A whole number of at least `low`. */
export function whole(fallback?: number, low = 0): Rule<number> {
  return rule(
    `a whole number of at least ${low}`,
    (value) => Number.isInteger(value) && (value as number) >= low,
    fallback,
  );
}

export function flag(fallback: boolean): Rule<boolean> {
  return rule('true or false', (value) => typeof value === 'boolean', fallback);
}

export function text(fallback?: string): Rule<string> {
  return rule('a string', (value) => typeof value === 'string', fallback);
}

/** One of some words. */
export function choice<W extends string>(words: readonly W[], fallback: W): Rule<W> {
  return rule(words.map((word) => `'${word}'`).join(' or '), (value) => words.some((word) => word === value), fallback);
}

/** `inner`, or null, which it is when left out. */
export function optional<T>(inner: Rule<T>): Rule<T | null> {
  return { want: `${inner.want}, or null`, accepts: (value) => value === null || inner.accepts(value), fallback: null };
}

/** The rule's value or null; the rule's own default stays. */
export function nullable<T>(inner: Rule<T>): Rule<T | null> {
  return inner.fallback === undefined ? optional(inner) : { ...optional(inner), fallback: inner.fallback };
}

/** A list of which every entry obeys `inner`. */
export function list<T>(inner: Rule<T>, fallback?: readonly T[]): Rule<readonly T[]> {
  return rule(
    `a list, each ${inner.want}`,
    (value) => Array.isArray(value) && value.every((each) => inner.accepts(each)),
    fallback,
  );
}

/** Checks options against their table and fills in what is left out. Throws `argument` for a name or value that is wrong. */
export function readOptions<R extends Rules>(op: string, given: unknown, rules: R): SettingsOf<R> {
  if (!isRecord(given)) {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `options must be an object; got ${describe(given)}.`,
      got: given,
    });
  }
  const names = Object.keys(rules);
  for (const name of Object.keys(given)) {
    if (name in rules) continue;
    const near = nearestName(name, names);
    throw new FoveaError({
      code: 'argument',
      op,
      message: `unknown option "${name}"${near === undefined ? '.' : `; did you mean "${near}"?`}`,
      got: name,
      want: names,
      hint: `The options are ${names.join(', ')}.`,
    });
  }
  const settings: Record<string, unknown> = {};
  for (const [name, { want, accepts, fallback }] of Object.entries(rules)) {
    const value = given[name] ?? (given[name] === null && accepts(null) ? null : fallback);
    if (value === undefined) {
      throw new FoveaError({ code: 'argument', op, message: `${name} is missing.`, want, hint: `Give ${want}.` });
    }
    if (!accepts(value)) {
      throw new FoveaError({
        code: 'argument',
        op,
        message: `${name} must be ${want}; got ${describe(value)}.`,
        got: value,
        want,
      });
    }
    settings[name] = value;
  }
  return settings as SettingsOf<R>;
}

/** Keras's key of an option: `learningRate` is learning_rate, `beta1` is beta_1, `l1Strength` is l1_strength. */
export function kerasKey(option: string): string {
  const words = option.replace(/([a-z\d])([A-Z])/g, '$1_$2').toLowerCase();
  return words.replace(/([a-z]{2,})(\d)/g, '$1_$2');
}

/** Options out of Keras's config: keys that the table does not know are left away, as are nulls. */
export function optionsFromConfig(config: Readonly<Record<string, unknown>>, rules: Rules): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(config)) {
    const option = toCamelCase(key);
    if (option in rules && value !== null) options[option] = value;
  }
  return options;
}

/** Keras's config of checked options. */
export function configOf(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).map(([option, value]) => [kerasKey(option), value]));
}
