// The base of the layers of this library: settings, config and the way back follow from a table of fields.
import { FoveaError } from '../../core/errors.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add } from '../../ops/arithmetic.js';
import type { Constraint } from '../constraints.js';
import { type DtypePolicyName, policyFromConfig } from '../dtype-policy.js';
import type { InitializerLike } from '../initializers.js';
import { describe, isRecord, toSnakeCase } from '../keras-config.js';
import { Layer, type LayerConfig, type LayerOptions, type WeightOptions } from '../layer.js';
import { penalty, type Regularizer, regularizerFromConfig } from '../regularizers.js';
import type { PartialShape } from '../symbolic.js';
import { checkOptions, type Field, type Fields, type MakeLayer, type SettingsOf } from './fields.js';

/** What every layer accepts. */
export interface CommonOptions extends LayerOptions {
  /** The input's shape without the batch, for the first layer of a Sequential model without `layers.input`. */
  inputShape?: PartialShape;
}

/** The options of a layer's bias. */
interface BiasSettings {
  readonly useBias: boolean;
  readonly biasInitializer: InitializerLike;
  readonly biasRegularizer: Regularizer | null;
  readonly biasConstraint: Constraint | null;
}

/** What a trainable weight obeys. */
interface Obligations {
  readonly regularizer: Regularizer | null;
  readonly constraint: Constraint | null;
}

/** A layer whose options are a table of fields. */
export abstract class ConfiguredLayer<F extends Fields> extends Layer {
  static readonly fields: Fields = {};
  /** The options, checked, with defaults. */
  readonly settings: SettingsOf<F>;
  /** The batch and the sizes of `inputShape`, where it was given. */
  readonly declaredInput: PartialShape | undefined;
  private readonly regularized: { readonly weight: Variable; readonly regularizer: Regularizer }[] = [];

  constructor(options: CommonOptions = {}) {
    super(isRecord(options) ? options : {});
    const { className, fields } = this.constructor as typeof ConfiguredLayer;
    this.settings = checkOptions(className, fields, options) as SettingsOf<F>;
    this.declaredInput = options.inputShape === undefined ? undefined : [null, ...options.inputShape];
  }

  /** Every layer of this kind works on something: a damaged file may say otherwise. */
  override ensureBuilt(inputShapes: readonly PartialShape[]): void {
    if (inputShapes.length === 0) {
      throw new FoveaError({ code: 'argument', op: this.className, message: 'the layer is applied to no input.' });
    }
    super.ensureBuilt(inputShapes);
  }

  override getConfig(): LayerConfig {
    const { fields } = this.constructor as typeof ConfiguredLayer;
    const settings = this.settings as Readonly<Record<string, unknown>>;
    try {
      return Object.fromEntries(
        Object.entries(fields).map(([option, field]) => [keyOf(option, field), field.write(settings[option])]),
      );
    } catch (error) {
      throw error instanceof FoveaError ? error.at(this.name) : error;
    }
  }

  override regularization(): Tensor | undefined {
    const parts = this.regularized.map(({ weight, regularizer }) => penalty(weight.value, regularizer));
    return parts.length === 0 ? undefined : parts.reduce((total, part) => add(total, part));
  }

  /** Adds a trainable weight whose penalty, where there is one, joins the loss, and which each update brings back to its constraint. */
  protected addConstrained({ regularizer, constraint, ...options }: WeightOptions & Obligations): Variable {
    const weight = this.addWeight(options);
    if (constraint !== null) weight.constraint = (value) => constraint.apply(value);
    if (regularizer !== null) this.regularized.push({ weight, regularizer });
    return weight;
  }

  /** Adds the bias of `size` outputs, where the layer is to have one. */
  protected addBias(
    size: number,
    { useBias, biasInitializer, biasRegularizer, biasConstraint }: BiasSettings,
  ): Variable | undefined {
    if (!useBias) return undefined;
    return this.addConstrained({
      name: 'bias',
      shape: [size],
      initializer: biasInitializer,
      regularizer: biasRegularizer,
      constraint: biasConstraint,
    });
  }

  /** The layer that a config, Keras 3's or Keras 2's, describes. Throws `unsupported` for keys that would change the result. */
  static fromConfig(
    this: new (
      options: never,
    ) => Layer,
    config: LayerConfig,
    makeLayer: MakeLayer = needsRegistry,
  ): Layer {
    // `this` is the class that is asked, a subclass.
    const { className, fields } = this as unknown as typeof ConfiguredLayer;
    return new this(optionsFromConfig(className, fields, config, makeLayer) as never);
  }
}

function needsRegistry(className: string): never {
  throw new FoveaError({
    code: 'argument',
    op: 'fromConfig',
    message: `the config holds a layer of class "${className}".`,
    hint: 'Read it with layerFromConfig, which knows the classes.',
  });
}

const keyOf = (option: string, { keys }: Field<unknown>): string => keys?.[0] ?? toSnakeCase(option);

// Keys of Keras that say nothing about the result here, whatever their value.
const IGNORED = new Set([
  'build_config',
  'compile_config',
  'implementation',
  'fused',
  'renorm_clipping',
  'renorm_momentum',
  'synchronized',
  'autocast',
  'seed_generator',
  'input_dtype',
]);
// Keys whose usual value changes nothing.
const HARMLESS: Readonly<Record<string, unknown>> = {
  groups: 1,
  autocast: true,
  sparse: false,
  ragged: false,
};

/** The options that a config stands for. */
export function optionsFromConfig(
  className: string,
  fields: Fields,
  config: LayerConfig,
  makeLayer: MakeLayer,
): Record<string, unknown> {
  const layer = typeof config.name === 'string' ? config.name : undefined;
  const byKey = new Map<string, string>();
  for (const [option, field] of Object.entries(fields)) {
    for (const key of [toSnakeCase(option), ...(field.keys ?? [])]) byKey.set(key, option);
  }
  const options: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(config)) {
    const option = byKey.get(key);
    if (option !== undefined) {
      const field = fields[option] as Field<unknown>;
      if (value === null && field.takesNull === true) options[option] = null;
      if (value === null || value === undefined) continue;
      options[option] = field.read?.(value, makeLayer, { className, option, layer }) ?? value;
    } else if (key === 'name' || key === 'trainable') {
      options[key] = value;
    } else if (key === 'dtype') {
      const name = readPolicy(className, layer, value);
      if (name !== undefined) options.dtype = name;
    } else if (key === 'activity_regularizer') {
      if (value !== null && value !== undefined) options.activityRegularizer = regularizerFromConfig(value, className);
    } else if (key === 'batch_input_shape' || key === 'batch_shape') {
      if (Array.isArray(value)) options.inputShape = value.slice(1);
    } else if (!isHarmless(key, value)) {
      throw new FoveaError({
        code: 'unsupported',
        op: className,
        message: `${key} ${describe(value)} is not supported.`,
        got: value,
        hint: 'Without it the layer would compute something else.',
        ...(layer === undefined ? {} : { path: layer }),
      });
    }
  }
  return options;
}

function isHarmless(key: string, value: unknown): boolean {
  return value === null || value === undefined || value === false || IGNORED.has(key) || HARMLESS[key] === value;
}

function readPolicy(className: string, layer: string | undefined, value: unknown): DtypePolicyName | undefined {
  const policy = policyFromConfig(value);
  if (policy === undefined) return undefined;
  if ('name' in policy) return policy.name;
  throw new FoveaError({
    code: 'unsupported',
    op: className,
    message: `dtype ${describe(policy.unknown)} is not supported.`,
    got: value,
    ...(layer === undefined ? {} : { path: layer }),
  });
}
