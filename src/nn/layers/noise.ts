// Layers that add or multiply noise while training, and do nothing else.
import type { Tensor } from '../../graph/tensor.js';
import { add, cast, multiply } from '../../ops/arithmetic.js';
import { greaterEqual } from '../../ops/compare.js';
import { randomNormal, randomUniform } from '../../ops/random.js';
import { where } from '../../ops/where.js';
import type { CallContext } from '../layer.js';
import type { PartialShape } from '../symbolic.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { layerKey, noiseField, seedField } from './dropout.js';
import { real } from './fields.js';

/** See `layers.gaussianNoise`. */
export interface GaussianNoiseOptions extends CommonOptions {
  stddev: number;
  seed?: number;
}

/** See `layers.gaussianDropout`. */
export interface GaussianDropoutOptions extends CommonOptions {
  /** The noise has the deviation sqrt(rate / (1 - rate)); from 0 up to but without 1. */
  rate: number;
  seed?: number;
}

/** See `layers.alphaDropout`. */
export interface AlphaDropoutOptions extends GaussianDropoutOptions {
  /** The mask's shape, null where it is the input's. */
  noiseShape?: PartialShape;
}

const share = real(undefined, { low: 0, high: 1 });
const noiseFields = { stddev: real(undefined, { low: 0 }), seed: seedField };
const gaussianFields = { rate: share, seed: seedField };
const alphaFields = { rate: share, seed: seedField, noiseShape: noiseField };

/** Adds normal noise of mean 0. */
export class GaussianNoise extends ConfiguredLayer<typeof noiseFields> {
  static override readonly className: string = 'GaussianNoise';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = noiseFields;

  constructor(options: GaussianNoiseOptions) {
    super(options);
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { stddev, seed } = this.settings;
    if (!context.training || stddev === 0) return x;
    const { key, stream } = layerKey(seed, context);
    return add(x, cast(randomNormal(x.shape, key, { stddev, stream }), x.dtype));
  }
}

/** Multiplies by normal noise of mean 1. */
export class GaussianDropout extends ConfiguredLayer<typeof gaussianFields> {
  static override readonly className: string = 'GaussianDropout';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = gaussianFields;

  constructor(options: GaussianDropoutOptions) {
    super(options);
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { rate, seed } = this.settings;
    if (!context.training || rate === 0) return x;
    const { key, stream } = layerKey(seed, context);
    const noise = randomNormal(x.shape, key, { mean: 1, stddev: Math.sqrt(rate / (1 - rate)), stream });
    return multiply(x, cast(noise, x.dtype));
  }
}

/** What a SELU far below 0 gives: -scale * alpha. */
const SELU_FLOOR = -1.0507009873554805 * 1.6732632423543772;

/** Dropout for SELU networks: sets elements to SELU's floor, then restores mean and variance. */
export class AlphaDropout extends ConfiguredLayer<typeof alphaFields> {
  static override readonly className: string = 'AlphaDropout';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = alphaFields;

  constructor(options: AlphaDropoutOptions) {
    super(options);
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { rate, seed, noiseShape } = this.settings;
    if (!context.training || rate === 0) return x;
    const { key, stream } = layerKey(seed, context);
    const shape = noiseShape?.map((dim, axis) => dim ?? (x.shape[axis] as number)) ?? x.shape;
    const isKept = greaterEqual(randomUniform(shape, key, { stream }), rate);
    const scale = ((1 - rate) * (1 + rate * SELU_FLOOR ** 2)) ** -0.5;
    return add(multiply(where(isKept, x, SELU_FLOOR), scale), -scale * SELU_FLOOR * rate);
  }
}
