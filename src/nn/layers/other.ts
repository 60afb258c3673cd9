// Rescaling, Identity, and Lambda, which wraps a function of the user's.
import { isFloat } from '../../core/dtype.js';
import { FoveaError } from '../../core/errors.js';
import type { Tensor } from '../../graph/tensor.js';
import { tensor } from '../../graph/tensor.js';
import { add, cast, multiply } from '../../ops/arithmetic.js';
import { describe } from '../keras-config.js';
import { type CallContext, Layer, type LayerConfig, type LayerOptions } from '../layer.js';
import type { PartialShape } from '../symbolic.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { type Field, real, refuseOption } from './fields.js';

/** See `layers.rescaling`. */
export interface RescalingOptions extends CommonOptions {
  /** One factor, or one per channel. */
  scale: number | readonly number[];
  /** Added afterwards; default 0. */
  offset?: number | readonly number[];
}

/** See `layers.activityRegularization`. */
export interface ActivityRegularizationOptions extends CommonOptions {
  /** What the sum of absolute values is multiplied by; default 0. */
  l1?: number;
  /** What the sum of squares is multiplied by; default 0. */
  l2?: number;
}

/** See `layers.lambda`. */
export interface LambdaOptions extends LayerOptions {
  /** Sizes without the batch; found by tracing the function where they are not given. */
  outputShape?: PartialShape;
}

/** What a Lambda layer calls: its input, or all of them where it is applied to a list of several. */
export type LambdaFunction = (x: Tensor, context: CallContext, all: readonly Tensor[]) => Tensor;

function numbers(fallback?: number): Field<number | readonly number[]> {
  const field: Field<number | readonly number[]> = {
    check(value, place) {
      if (typeof value === 'number' && Number.isFinite(value)) return value;
      if (Array.isArray(value) && value.length > 0 && value.every((each) => Number.isFinite(each)))
        return [...value] as number[];
      throw refuseOption(place, 'a number or a list of numbers', value);
    },
    write: (value) => (typeof value === 'number' ? value : [...value]),
  };
  return fallback === undefined ? field : { ...field, fallback: () => fallback };
}

const rescalingFields = { scale: numbers(), offset: numbers(0) };
const noFields = {};
const activityFields = { l1: real(0, { low: 0 }), l2: real(0, { low: 0 }) };

/** x * scale + offset, in the dtype that the layer computes in. */
export class Rescaling extends ConfiguredLayer<typeof rescalingFields> {
  static override readonly className: string = 'Rescaling';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = rescalingFields;

  constructor(options: RescalingOptions) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { scale, offset } = this.settings;
    const operand = (value: number | readonly number[]): Tensor | number =>
      typeof value === 'number' ? value : tensor(value);
    const scaled = multiply(isFloat(x.dtype) ? x : cast(x, this.computeDtype), operand(scale));
    return offset === 0 ? scaled : add(scaled, operand(offset));
  }
}

/** Its input. */
export class Identity extends ConfiguredLayer<typeof noFields> {
  static override readonly className: string = 'Identity';
  static override readonly supportsMasking: boolean = true;

  constructor(options: CommonOptions = {}) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    return x;
  }
}

/** Its input; the sums of absolute values and squares, times factors and over the batch, join the loss. */
export class ActivityRegularization extends ConfiguredLayer<typeof activityFields> {
  static override readonly className: string = 'ActivityRegularization';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = activityFields;

  constructor(options: ActivityRegularizationOptions = {}) {
    const { l1 = 0, l2 = 0 } = options;
    const isRight = [l1, l2].every((factor) => Number.isFinite(factor) && factor >= 0) && l1 + l2 > 0;
    super(isRight ? { ...options, activityRegularizer: { l1, l2 } } : options);
  }

  /** Keras writes the factors alone. */
  override get config(): LayerConfig {
    const { activity_regularizer: _, ...config } = super.config;
    return config;
  }

  override call([x]: readonly [Tensor]): Tensor {
    return x;
  }
}

/** A function as a layer. It lives in code only: files can hold neither its code nor a safe way to run it. */
export class Lambda extends Layer {
  static override readonly className: string = 'Lambda';
  private readonly outputShape: PartialShape | undefined;

  constructor(
    private readonly fn: LambdaFunction,
    { outputShape, ...options }: LambdaOptions = {},
  ) {
    super(options);
    this.outputShape = outputShape;
    if (typeof fn === 'function') return;
    throw new FoveaError({
      code: 'argument',
      op: 'Lambda',
      message: `takes a function of a tensor; got ${describe(fn)}.`,
      got: fn,
      path: this.name,
    });
  }

  /** A layer of the same name around the same function. */
  copy(): Lambda {
    const { name, trainable, dtypePolicy: dtype, outputShape } = this;
    return new Lambda(this.fn, { name, trainable, dtype, ...(outputShape === undefined ? {} : { outputShape }) });
  }

  override call(inputs: readonly Tensor[], context: CallContext): Tensor {
    return this.fn(inputs[0] as Tensor, context, inputs);
  }

  override computeOutputShapes(
    ...args: Parameters<Layer['computeOutputShapes']>
  ): ReturnType<Layer['computeOutputShapes']> {
    const { outputShape } = this;
    if (outputShape === undefined) return super.computeOutputShapes(...args);
    this.ensureBuilt(args[0]);
    return [{ shape: [args[0][0]?.[0] ?? null, ...outputShape], dtype: this.computeDtype }];
  }

  override getConfig(): LayerConfig {
    throw new FoveaError({
      code: 'unsupported',
      op: 'Lambda',
      message: `layer "${this.name}" holds a function, which cannot be saved.`,
      hint: 'Make it a layer class and register it with registerLayer, or save the weights alone.',
      path: this.name,
    });
  }
}
