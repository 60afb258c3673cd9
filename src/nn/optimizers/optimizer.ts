// What all optimizers share: their variables, clipping, weight decay, accumulation of gradients and averages of
// weights. A subclass says what one step does to one weight, as a pure function of tensors, so that a weight's
// whole update compiles to one pointwise kernel. Order and arithmetic as in Keras.

import { gradients } from '../../compile/autodiff.js';
import { encodeElements } from '../../core/dtype.js';
import { FoveaError } from '../../core/errors.js';
import { topological } from '../../graph/interpret.js';
import { scalar, type Tensor } from '../../graph/tensor.js';
import { Variable } from '../../graph/variable.js';
import { add, cast, clip, divide, maximum, multiply, subtract } from '../../ops/arithmetic.js';
import { equal } from '../../ops/compare.js';
import { floorDivide, mod } from '../../ops/integer.js';
import { sum } from '../../ops/reduce.js';
import { sqrt, square } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import { describe, isRecord, type SerializedObject, serialized } from '../keras-config.js';
import { snakeCase } from '../naming.js';
import {
  configOf,
  flag,
  number,
  optional,
  optionsFromConfig,
  type Rule,
  type Rules,
  readOptions,
  text,
  whole,
} from '../options.js';
import { noteMinimized } from '../training/step.js';
import {
  isSchedule,
  type LearningRateSchedule,
  scheduleFromConfig,
  schedules,
  serializeSchedule,
} from './schedules.js';

const LEARNING_RATE: Rule<number | LearningRateSchedule> = {
  want: 'a number of at least 0, or one of schedules',
  accepts: (value) => isSchedule(value) || (typeof value === 'number' && Number.isFinite(value) && value >= 0),
};

const optionalPositive = (): Rule<number | null> => optional(number(undefined, { low: 0 }));

/** What every optimizer accepts, as rules. */
const COMMON = {
  weightDecay: optionalPositive(),
  clipnorm: optionalPositive(),
  globalClipnorm: optionalPositive(),
  clipvalue: optionalPositive(),
  useEma: flag(false),
  emaMomentum: number(0.99, { low: 0, high: 1 }),
  emaOverwriteFrequency: optional(whole(undefined, 1)),
  lossScaleFactor: optionalPositive(),
  gradientAccumulationSteps: optional(whole(undefined, 2)),
};

/** What every optimizer accepts. */
export interface OptimizerOptions {
  /** A number, which callbacks may change, or a schedule. */
  learningRate?: number | LearningRateSchedule;
  /** Subtracts this times the rate times the weight itself in every step. */
  weightDecay?: number | null;
  /** Shortens each weight's gradient to at most this length. */
  clipnorm?: number | null;
  /** Shortens all gradients together to at most this length. */
  globalClipnorm?: number | null;
  /** Limits each gradient element to -clipvalue..clipvalue. */
  clipvalue?: number | null;
  /** Keeps a moving average of the weights, which `finalize` puts in their place. */
  useEma?: boolean;
  emaMomentum?: number;
  /** Puts the average in place every so many steps. */
  emaOverwriteFrequency?: number | null;
  /** The factor the loss was multiplied by; gradients are divided by it. */
  lossScaleFactor?: number | null;
  /** Updates once in so many steps, with the mean of their gradients. */
  gradientAccumulationSteps?: number | null;
  name?: string;
}

/** A weight with its gradient. */
export interface GradientPair {
  readonly variable: Variable;
  readonly gradient: Tensor;
}

/** What a subclass is given for one weight. */
export interface StepInput {
  readonly weight: Tensor;
  readonly gradient: Tensor;
  /** The learning rate, a scalar. */
  readonly rate: Tensor;
  /** This update's number, from 1, a float32 scalar. */
  readonly step: Tensor;
  /** The slots before the update, by name. */
  readonly slots: Readonly<Record<string, Tensor>>;
}

/** What one step makes of a weight. */
export interface StepOutput {
  readonly weight: Tensor;
  readonly slots: Readonly<Record<string, Tensor>>;
}

/** A variable's value as updates are computed: narrow weights and slots are rounded only when they are stored. */
const wide = (variable: Variable): Tensor => cast(variable.value, 'float32');
const put = (variable: Variable, value: Tensor): void => variable.assign(cast(value, variable.dtype));

/** Changes weights by their gradients. */
export abstract class Optimizer {
  /** Keras's class name. */
  static readonly className: string = 'Optimizer';
  /** The options of the class beside those that all share. */
  static readonly rules: Rules = {};
  /** The learning rate where none is given. */
  static readonly defaultRate: number = 0.001;

  readonly name: string;
  /** Steps so far: int32, a scalar. With gradient accumulation it counts batches. */
  readonly iterations: Variable;
  protected readonly settings: Readonly<Record<string, unknown>>;
  private readonly schedule: LearningRateSchedule | undefined;
  private readonly rateVariable: Variable | undefined;
  private readonly slots = new Map<Variable, Map<string, Variable>>();
  private built: readonly Variable[] = [];
  private undecayed: { variables: ReadonlySet<Variable>; names: readonly string[] } = {
    variables: new Set(),
    names: [],
  };

  constructor(options: object = {}) {
    const { className, rules, defaultRate } = this.constructor as typeof Optimizer;
    const table = {
      learningRate: { ...LEARNING_RATE, fallback: defaultRate },
      ...rules,
      ...COMMON,
      name: text(snakeCase(className)),
    };
    const { learningRate, name, ...settings } = readOptions(className, options, this.adjustRules(table)) as Record<
      string,
      unknown
    >;
    this.settings = settings;
    this.name = name as string;
    const clips = ['clipnorm', 'globalClipnorm', 'clipvalue'].filter((option) => settings[option] !== null);
    if (clips.length > 1) {
      throw new FoveaError({
        code: 'argument',
        op: className,
        message: `only one of ${clips.join(' and ')} can be used.`,
        got: clips,
        hint: 'Leave the others out.',
      });
    }
    const prefix = snakeCase(className);
    this.iterations = Variable.from(Int32Array.of(0), [], 'int32', { name: `${prefix}/iteration`, trainable: false });
    if (isSchedule(learningRate)) this.schedule = learningRate;
    else
      this.rateVariable = Variable.from(Float32Array.of(learningRate as number), [], 'float32', {
        name: `${prefix}/learning_rate`,
        trainable: false,
      });
  }

  /** For subclasses whose shared options default to something else. */
  protected adjustRules(rules: Rules): Rules {
    return rules;
  }

  get className(): string {
    return (this.constructor as typeof Optimizer).className;
  }

  /** Slots per weight, in Keras's order: the names of one group are interleaved, groups follow one another. */
  protected abstract slotGroups(): readonly (readonly string[])[];

  /** What a slot starts with. */
  protected slotStart(_slot: string): number {
    return 0;
  }

  /** Variables that belong to no weight; they stand last. */
  protected extras(): readonly Variable[] {
    return [];
  }

  /** Computes the new values of `extras`, once before the weights of a step. */
  protected updateExtras(_step: Tensor): readonly Tensor[] {
    return [];
  }

  /** One weight's step, without side effects. */
  protected abstract update(input: StepInput, extras: readonly Tensor[]): StepOutput;

  /** A number among the settings. */
  protected number(option: string): number {
    return this.settings[option] as number;
  }

  private option(name: keyof typeof COMMON): number | undefined {
    const value = this.settings[name];
    return typeof value === 'number' && value > 0 ? value : undefined;
  }

  private get groups(): readonly (readonly string[])[] {
    return [
      // Keras makes these two weight by weight, before the optimizer's own.
      [
        ...(this.settings.useEma ? ['average'] : []),
        ...(this.option('gradientAccumulationSteps') === undefined ? [] : ['gradient_accumulator']),
      ],
      ...this.slotGroups(),
    ];
  }

  /** Makes the slots of these weights; those it knows already keep theirs. */
  build(variables: readonly Variable[]): void {
    if (variables.length === this.built.length && variables.every((each, i) => each === this.built[i])) return;
    const prefix = snakeCase(this.className);
    for (const variable of variables) {
      const known = this.slots.get(variable) ?? new Map<string, Variable>();
      this.slots.set(variable, known);
      for (const slot of this.groups.flat()) {
        if (known.has(slot)) continue;
        const start = new Float32Array(variable.size).fill(this.slotStart(slot));
        const elements = variable.dtype === 'float32' ? start : encodeElements(variable.dtype, start);
        const name = `${prefix}/${variable.name.replace(/[/:]/g, '_')}_${slot}`;
        known.set(
          slot,
          Variable.from(elements, variable.shape, variable.dtype, { name, trainable: false, isOwn: true }),
        );
      }
    }
    this.built = variables.slice();
  }

  /** Every variable in the order in which Keras saves them. */
  get variables(): readonly Variable[] {
    const slots = this.groups.flatMap((group) =>
      this.built.flatMap((variable) => group.map((slot) => this.slot(variable, slot))),
    );
    return [
      this.iterations,
      ...(this.rateVariable === undefined ? [] : [this.rateVariable]),
      ...slots,
      ...this.extras(),
    ];
  }

  /** The slot of a weight, such as `momentum`. Throws `argument` where there is none. */
  slot(variable: Variable, name: string): Variable {
    const found = this.slots.get(variable)?.get(name);
    if (found !== undefined) return found;
    throw new FoveaError({
      code: 'argument',
      op: this.className,
      message: `weight "${variable.name}" has no slot "${name}".`,
      got: name,
      want: this.groups.flat(),
      hint: 'Call build with the weights first.',
    });
  }

  /** The learning rate. Throws `argument` where a schedule decides: see `currentLearningRate`. */
  get learningRate(): number {
    if (this.rateVariable === undefined) throw this.scheduled('is not one number');
    return this.rateVariable.storage?.host?.[0] as number;
  }

  /** Sets the learning rate from the next step on. Throws `argument` where a schedule decides, and for what is no number. */
  set learningRate(rate: number) {
    if (this.rateVariable === undefined) throw this.scheduled('cannot be set');
    if (!LEARNING_RATE.accepts(rate)) {
      throw new FoveaError({
        code: 'argument',
        op: this.className,
        message: `learningRate must be a number of at least 0; got ${describe(rate)}.`,
        got: rate,
      });
    }
    this.rateVariable.set(Float32Array.of(rate));
  }

  /** Whether a schedule decides the learning rate. */
  get isScheduled(): boolean {
    return this.schedule !== undefined;
  }

  /** The learning rate of the next step, also where a schedule decides. */
  async currentLearningRate(): Promise<number> {
    if (this.schedule === undefined) return this.learningRate;
    return this.schedule.at((await this.iterations.elements())[0] as number);
  }

  private scheduled(what: string): FoveaError {
    return new FoveaError({
      code: 'argument',
      op: this.className,
      message: `the learning rate follows a schedule (${this.schedule?.className}) and ${what}.`,
      hint: 'Make the optimizer with a number as learningRate to change it later.',
    });
  }

  /** Leaves weights out of weight decay, by themselves or by a part of their name, e.g. `bias`. */
  excludeFromWeightDecay({
    variables = [],
    names = [],
  }: {
    variables?: readonly Variable[];
    names?: readonly string[];
  }): void {
    this.undecayed = { variables: new Set(variables), names };
  }

  /** The loss whose gradients `apply` takes: times `lossScaleFactor`, where there is one. */
  scaleLoss(loss: Tensor): Tensor {
    const scale = this.option('lossScaleFactor');
    return scale === undefined ? loss : multiply(loss, scale);
  }

  /**
   * Moves weights so that a loss gets smaller: gradients, then `apply`. For training steps of one's own. Throws `argument`
   * where the loss depends on none of the weights as they are now.
   *
   * @example
   * const batch = layers.dense({ units: 1 });
   * const step = compile((x) => {
   *   const loss = mean(square(batch.apply(x)));
   *   optimizer.minimize(loss, batch.trainableWeights);
   *   return [loss];
   * });
   */
  minimize(loss: Tensor, variables: readonly Variable[]): void {
    const total = sum(cast(loss, 'float32'));
    noteMinimized(total);
    if (variables.length === 0) return;
    const scaled = this.scaleLoss(total);
    const values = variables.map((variable) => variable.value);
    const reached = new Set(topological([scaled]));
    if (!values.some(({ node }) => reached.has(node))) {
      throw new FoveaError({
        code: 'argument',
        op: 'minimize',
        message: `the loss depends on none of the ${variables.length} weights.`,
        hint: 'Compute the loss in the step itself, after the last update of these weights.',
      });
    }
    const found = gradients(scaled, values);
    this.apply(variables.map((variable, i) => ({ variable, gradient: found[i] as Tensor })));
  }

  /** One step inside a trace: reads and assigns the weights and its own variables. Gradients are those of `scaleLoss`. */
  apply(pairs: readonly GradientPair[]): void {
    if (pairs.length === 0) return;
    const missing = pairs.flatMap(({ variable }) => (this.slots.has(variable) ? [] : [variable]));
    if (missing.length > 0) this.build([...this.built, ...missing]);
    const batches = this.iterations.value;
    const every = this.option('gradientAccumulationSteps');
    const updates = every === undefined ? batches : floorDivide(batches, every);
    const isUpdate = every === undefined ? undefined : equal(mod(add(batches, 1), every), 0);
    /** Takes a new value in a step that updates, else another or the old one. */
    const assign = (variable: Variable, value: Tensor, otherwise = wide(variable)): void => {
      put(variable, isUpdate === undefined ? value : where(isUpdate, value, otherwise));
    };
    const scale = this.option('lossScaleFactor');
    const wideGradients = pairs.map(({ gradient }) => cast(gradient, 'float32'));
    const given = wideGradients.map((gradient) => (scale === undefined ? gradient : divide(gradient, scale)));
    const gathered =
      every === undefined
        ? given
        : given.map((gradient, i) =>
            add(gradient, wide(this.slot((pairs[i] as GradientPair).variable, 'gradient_accumulator'))),
          );
    const gradients = this.clip(every === undefined ? gathered : gathered.map((gradient) => divide(gradient, every)));
    const rate =
      this.schedule === undefined
        ? (this.rateVariable as Variable).value
        : this.schedule.rate(cast(batches, 'float32'));
    const step = cast(add(updates, 1), 'float32');
    const extras = this.updateExtras(step);
    const decay = this.settings.weightDecay === null ? undefined : multiply(rate, this.number('weightDecay'));
    const names = this.slotGroups().flat();
    pairs.forEach(({ variable }, i) => {
      const before = wide(variable);
      const weight = decay !== undefined && this.decays(variable) ? subtract(before, multiply(before, decay)) : before;
      const slots = Object.fromEntries(names.map((name) => [name, wide(this.slot(variable, name))]));
      const after = this.update({ weight, gradient: gradients[i] as Tensor, rate, step, slots }, extras);
      assign(variable, after.weight, before);
      for (const [name, value] of Object.entries(after.slots)) assign(this.slot(variable, name), value);
      if (isUpdate !== undefined)
        put(this.slot(variable, 'gradient_accumulator'), where(isUpdate, 0, gathered[i] as Tensor));
      if (this.settings.useEma) this.average(variable, updates);
      if (variable.constraint !== undefined) put(variable, variable.constraint(wide(variable)));
    });
    this.extras().forEach((variable, i) => {
      assign(variable, extras[i] as Tensor);
    });
    this.iterations.assign(add(batches, 1));
  }

  private decays(variable: Variable): boolean {
    const { variables, names } = this.undecayed;
    return !variables.has(variable) && !names.some((name) => variable.name.includes(name));
  }

  /** Moves a weight's average, which starts as the weight after the first step. */
  private average(variable: Variable, updates: Tensor): void {
    const average = this.slot(variable, 'average');
    const momentum = where(equal(updates, 0), 0, this.number('emaMomentum'));
    const moved = add(multiply(wide(average), momentum), multiply(wide(variable), subtract(1, momentum)));
    put(average, moved);
    const every = this.option('emaOverwriteFrequency');
    if (every !== undefined) put(variable, where(equal(mod(add(updates, 1), every), 0), moved, wide(variable)));
  }

  /** Puts the moving averages in the place of the weights, where there are any; for the end of training. */
  async finalize(): Promise<void> {
    if (!this.settings.useEma) return;
    for (const variable of this.built) variable.set(await this.slot(variable, 'average').elements());
  }

  private clip(gradients: readonly Tensor[]): readonly Tensor[] {
    const [each, all, value] = [this.option('clipnorm'), this.option('globalClipnorm'), this.option('clipvalue')];
    if (each !== undefined) return gradients.map((gradient) => multiply(gradient, shortening([gradient], each)));
    if (all !== undefined) {
      const factor = shortening(gradients, all);
      return gradients.map((gradient) => multiply(gradient, factor));
    }
    return value === undefined ? gradients : gradients.map((gradient) => clip(gradient, -value, value));
  }

  /** Keras's config. */
  getConfig(): Record<string, unknown> {
    const learningRate = this.schedule === undefined ? this.learningRate : serializeSchedule(this.schedule);
    return { name: this.name, learning_rate: learningRate, ...configOf(this.settings) };
  }

  /** Keras's form of the whole. */
  serialize(): SerializedObject {
    return serialized('keras.optimizers', this.className, this.getConfig());
  }

  /** An optimizer of this class from Keras's config; the `decay` of Keras 2 becomes a schedule. */
  static fromConfig<T extends Optimizer>(
    this: (new (options?: object) => T) & { readonly rules: Rules },
    config: Readonly<Record<string, unknown>>,
  ): T {
    const options = optionsFromConfig(config, { ...this.rules, ...COMMON, name: text('') });
    // Keras writes a decay that is switched off as null; leaving it out would bring AdamW's default back.
    if (config.weight_decay === null && 'weight_decay' in config) options.weightDecay = null;
    // Keras 2 wrote `false` for none.
    if (options.weightDecay === false) options.weightDecay = null;
    const rate = config.learning_rate ?? config.lr;
    if (isRecord(rate)) options.learningRate = scheduleFromConfig(rate);
    else if (typeof rate === 'number') {
      const decay = config.decay;
      options.learningRate =
        typeof decay === 'number' && decay > 0
          ? schedules.inverseTimeDecay({ initialLearningRate: rate, decaySteps: 1, decayRate: decay })
          : rate;
    }
    return new this(options);
  }
}

/** The factor that makes gradients together no longer than `most`. */
function shortening(gradients: readonly Tensor[], most: number): Tensor {
  const total = gradients.map((gradient) => sum(square(gradient))).reduce((a, b) => add(a, b));
  return divide(scalar(most), maximum(sqrt(total), most));
}
