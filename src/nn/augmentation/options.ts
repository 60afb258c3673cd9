// The options that augmentation layers share, with Keras's conventions for ranges of strength.
import type { ValueRange } from '../../vision/histogram.js';
import { FILL_MODES, type FillMode, INTERPOLATIONS, type Interpolation } from '../../vision/sampling.js';
import { choice, type Field, real, refuseOption } from '../layers/fields.js';
import type { AugmentationOptions } from './base.js';

/** A strength, or the two between which it is drawn. */
export type FactorLike = number | readonly [low: number, high: number];

/** A range of strength. */
export interface Factor {
  readonly low: number;
  readonly high: number;
  /** As it was given, which is how some layers write it. */
  readonly given: FactorLike;
}

/** How a range is read and written. */
export interface FactorRules {
  readonly least: number;
  readonly most: number;
  /** What a single number begins at: its negative, where that is allowed (default), or 0. */
  readonly fromZero?: boolean;
  /** Both numbers must lie within the bounds; else, as in Keras's base layer, the two ranges need only meet. */
  readonly isStrict?: boolean;
  /** Written as it was given. */
  readonly isRaw?: boolean;
  /** Whether `least` itself is allowed; default true. */
  readonly isLeastAllowed?: boolean;
}

/** A range of strength: a number f means [-f, f], cut at the least that is allowed. */
export function factor(rules: FactorRules, fallback?: FactorLike): Field<Factor> {
  const { least, most, fromZero = false, isStrict = false, isRaw = false, isLeastAllowed = true } = rules;
  const isWithin = (x: number): boolean => x <= most && (isLeastAllowed ? x >= least : x > least);
  const field: Field<Factor> = {
    check(value, place) {
      const want = `a number from ${least} to ${most}${isLeastAllowed ? '' : ` (without ${least})`}, or two of them`;
      if (typeof value === 'number' && isWithin(value)) {
        const size = Math.abs(value);
        return { low: fromZero ? 0 : Math.max(-size, isStrict ? -Infinity : least), high: size, given: value };
      }
      const isPair =
        Array.isArray(value) && value.length === 2 && value.every((x) => typeof x === 'number' && Number.isFinite(x));
      if (!isPair) throw refuseOption(place, want, value);
      const [a, b] = value as [number, number];
      const isRight = isStrict ? isWithin(a) && isWithin(b) : a <= most && b >= least;
      if (!isRight) throw refuseOption(place, want, value);
      return { low: Math.min(a, b), high: Math.max(a, b), given: [a, b] };
    },
    write: ({ low, high, given }) => (isRaw ? (typeof given === 'number' ? given : [...given]) : [low, high]),
  };
  return fallback === undefined ? field : { ...field, fallback: () => fallback };
}

/** Darkest and brightest value of the pictures, [0, 255] where it is not said. */
export function valueRange(): Field<ValueRange> {
  return {
    fallback: () => [0, 255],
    check(value, place) {
      const isPair =
        Array.isArray(value) && value.length === 2 && value.every((x) => typeof x === 'number' && Number.isFinite(x));
      if (!isPair || value[0] === value[1]) throw refuseOption(place, 'two different numbers', value);
      const [a, b] = value as [number, number];
      return [Math.min(a, b), Math.max(a, b)];
    },
    write: (value) => [...value],
  };
}

/** @internal How a layer that moves pixels reads them. */
export const warpFields = {
  fillMode: choice<FillMode>(FILL_MODES, 'reflect'),
  interpolation: choice<Interpolation>(INTERPOLATIONS, 'bilinear'),
  fillValue: real(0),
};

/** What layers take that move pixels. */
export interface WarpLayerOptions extends AugmentationOptions {
  /** What lies beyond the border; default `reflect`. */
  fillMode?: FillMode;
  /** Default `bilinear`; masks are always read `nearest`. */
  interpolation?: Interpolation;
  /** What stands beyond the border in the mode `constant`; default 0. */
  fillValue?: number;
}

/** What layers take that change colours. */
export interface ColorLayerOptions extends AugmentationOptions {
  /** Darkest and brightest value of the pictures; default [0, 255]. */
  valueRange?: ValueRange;
}
