// What all optimizers share: their variables, clipping, weight decay, accumulation of gradients and averages of
// weights. A subclass says what one step does to one weight, as a pure function of tensors, so that a weight's
// whole update compiles to one pointwise kernel. Order and arithmetic as in Keras.

import { gradients } from '../../compile/autodiff.js';
import { encodeElements } from '../../core/dtype.js';
import { FoveaError } from '../../core/errors.js';
import { type Shape, sizeOf } from '../../core/shape.js';
import { topological } from '../../graph/interpret.js';
import type { Tensor } from '../../graph/tensor.js';
import { Variable } from '../../graph/variable.js';
import { add, cast, divide, multiply, subtract } from '../../ops/arithmetic.js';
import { equal } from '../../ops/compare.js';
import { floorDivide, mod } from '../../ops/integer.js';
import { sum } from '../../ops/reduce.js';
import { reshape, slice } from '../../ops/shape.js';
import { where } from '../../ops/where.js';
import { describe, isRecord, type SerializedObject, serialized } from '../keras-config.js';
import { snakeCase } from '../naming.js';
import { configOf, kerasKey, optionsFromConfig, type Rule, type Rules, readOptions, text } from '../options.js';
import { noteMinimized } from '../training/step.js';
import { clipped } from './clip.js';
import { COMMON, LEARNING_RATE } from './common-options.js';
import { RateFactors } from './rate-factors.js';
import {
  isSchedule,
  type LearningRateSchedule,
  scheduleFromConfig,
  schedules,
  serializeSchedule,
} from './schedules.js';

/** A weight with its gradient. */
export interface GradientPair {
  readonly variable: Variable;
  readonly gradient: Tensor;
}

/** What a subclass is given for one weight. */
export interface StepInput {
  readonly weight: Tensor;
  /** The weight before it decayed. */
  readonly before: Tensor;
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

/** Numbers that shape the step. */
const FIXED = ['emaOverwriteFrequency', 'gradientAccumulationSteps'];
/** Numbers that switch a part of the step off where they are 0. */
const SWITCHES: ReadonlySet<string> = new Set(['clipnorm', 'globalClipnorm', 'clipvalue', 'lossScaleFactor']);

/** One element of a vector, as a scalar. */
function elementOf(vector: Tensor, index: number): Tensor {
  return reshape(slice(vector, [index], [1]), []);
}

/** A variable's value as updates are computed: narrow weights and slots are rounded only when they are stored. */
const wide = (variable: Variable): Tensor => cast(variable.value, 'float32');

/** Changes weights by their gradients. */
export abstract class Optimizer {
  /** Keras's class name. */
  static readonly className: string = 'Optimizer';
  /** The options of the class beside those that all share. */
  static readonly rules: Rules = {};
  /** The learning rate where none is given. */
  static readonly defaultRate: number = 0.001;
  /** Numbers among the options of the class that shape the step, so that they cannot change. */
  static readonly fixed: readonly string[] = [];
  /** Numbers that switch a part of the step off where they are 0. */
  static readonly switches: readonly string[] = [];

  readonly name: string;
  private readonly counter: Variable;
  /** The options as they were given: what the optimizer is made of does not change. */
  protected readonly settings: Readonly<Record<string, unknown>>;
  private readonly rules: Rules;
  /** The numbers among the settings as they are now, and one less each: arguments of the compiled step. */
  private readonly numbers: Variable;
  private readonly numberNames: readonly string[];
  private readonly current: Record<string, number>;
  private readonly schedule: LearningRateSchedule | undefined;
  private readonly rateVariable: Variable | undefined;
  private readonly slots = new Map<Variable, Map<string, Variable>>();
  private readonly rateFactors = new RateFactors();
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
    this.rules = this.adjustRules(table);
    const { learningRate, name, ...settings } = readOptions(className, options, this.rules) as Record<string, unknown>;
    this.settings = settings;
    this.name = name as string;
    const fixed = new Set([...FIXED, ...(this.constructor as typeof Optimizer).fixed]);
    const entries = Object.entries(settings).filter(
      ([option, value]) => typeof value === 'number' && !fixed.has(option),
    );
    this.current = Object.fromEntries(entries) as Record<string, number>;
    this.numberNames = Object.keys(this.current);
    this.numbers = Variable.from(this.encodeNumbers(), [2 * this.numberNames.length], 'float32', {
      name: `${snakeCase(className)}/hyperparameters`,
      trainable: false,
    });
    const clips = ['clipnorm', 'globalClipnorm', 'clipvalue'].filter((option) => typeof settings[option] === 'number');
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
    this.counter = Variable.from(Int32Array.of(0), [], 'int32', { name: `${prefix}/iteration`, trainable: false });
    if (isSchedule(learningRate)) this.schedule = learningRate;
    else
      this.rateVariable = Variable.from(Float32Array.of(learningRate as number), [], 'float32', {
        name: `${prefix}/learning_rate`,
        trainable: false,
      });
  }

  /** Steps so far: int32, a scalar. With gradient accumulation it counts batches. */
  get iterations(): Variable {
    return this.counter;
  }

  /** Whether the loss is multiplied by a fixed factor. */
  get hasLossScale(): boolean {
    return this.option('lossScaleFactor') !== undefined;
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

  /** Whether a weight has a slot of this name; default: every one has all. */
  protected hasSlot(_slot: string, _variable: Variable): boolean {
    return true;
  }

  /** A slot's shape; default: the weight's. */
  protected slotShape(_slot: string, variable: Variable): Shape {
    return variable.shape;
  }

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

  /** A number among the settings, as it was given. */
  protected number(option: string): number {
    return this.settings[option] as number;
  }

  /** A number among the settings as a scalar of the step: `set` changes it without another trace. */
  protected hyper(option: string): Tensor {
    return elementOf(this.numbers.value, this.numberNames.indexOf(option));
  }

  /** 1 - the number, computed in float64: in float32 a beta near 1 would lose half its digits. */
  protected rest(option: string): Tensor {
    return elementOf(this.numbers.value, this.numberNames.length + this.numberNames.indexOf(option));
  }

  private encodeNumbers(): Float32Array {
    const values = this.numberNames.map((name) => this.current[name] as number);
    return Float32Array.from([...values, ...values.map((value) => 1 - value)]);
  }

  /** A number among the options as it is now. Throws `argument` for what is none. */
  get(option: string): number {
    if (option === 'learningRate') return this.learningRate;
    this.checkChange(option);
    return this.current[option] as number;
  }

  /**
   * Changes numbers among the options from the next step on, without compiling anew. Throws `argument` for options that
   * are no numbers or were left out when the optimizer was made, and for values out of range.
   *
   * @example
   * const optimizer = optimizers.sgd({ momentum: 0.9 });
   * optimizer.set({ learningRate: 0.001, momentum: 0.99 });
   */
  set(changes: Readonly<Record<string, number>>): void {
    for (const [option, value] of Object.entries(changes)) {
      if (option === 'learningRate') continue;
      this.checkChange(option);
      const { accepts, want } = this.rules[option] as Rule<unknown>;
      const isSwitch = SWITCHES.has(option) || (this.constructor as typeof Optimizer).switches.includes(option);
      if (accepts(value) && typeof value === 'number' && !(isSwitch && value === 0)) continue;
      throw new FoveaError({
        code: 'argument',
        op: this.className,
        message: `${option} must be ${isSwitch ? `${want}, and not 0 from now on` : want}; got ${describe(value)}.`,
        got: value,
        want,
      });
    }
    const { learningRate, ...others } = changes;
    if (learningRate !== undefined) this.learningRate = learningRate;
    Object.assign(this.current, others);
    this.numbers.set(this.encodeNumbers());
  }

  private checkChange(option: string): void {
    const isSwitch = SWITCHES.has(option) || (this.constructor as typeof Optimizer).switches.includes(option);
    if (this.numberNames.includes(option) && !(isSwitch && this.settings[option] === 0)) return;
    const known = [
      'learningRate',
      ...this.numberNames.filter((name) => !(SWITCHES.has(name) && this.settings[name] === 0)),
    ];
    throw new FoveaError({
      code: 'argument',
      op: this.className,
      message: `${option} cannot be changed.`,
      got: option,
      want: known,
      hint: `These can: ${known.join(', ')}. Others make another step: give them when the optimizer is made.`,
    });
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
        if (known.has(slot) || !this.hasSlot(slot, variable)) continue;
        const shape = this.slotShape(slot, variable);
        const start = new Float32Array(sizeOf(shape)).fill(this.slotStart(slot));
        const elements = variable.dtype === 'float32' ? start : encodeElements(variable.dtype, start);
        const name = `${prefix}/${variable.name.replace(/[/:]/g, '_')}_${slot}`;
        known.set(slot, Variable.from(elements, shape, variable.dtype, { name, trainable: false, isOwn: true }));
      }
    }
    this.built = variables.slice();
  }

  /** Every variable in the order in which Keras saves them. */
  get variables(): readonly Variable[] {
    const slots = this.groups.flatMap((group) =>
      this.built.flatMap((variable) =>
        group.flatMap((slot) => (this.hasSlot(slot, variable) ? [this.slot(variable, slot)] : [])),
      ),
    );
    return [this.counter, ...(this.rateVariable === undefined ? [] : [this.rateVariable]), ...slots, ...this.extras()];
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

  /** Whether a weight that was built has a slot of this name. */
  hasSlotOf(variable: Variable, name: string): boolean {
    return this.slots.get(variable)?.has(name) === true;
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

  /**
   * Lets weights learn at the learning rate times `factor`, as a pretrained base below a new head does at a tenth. It goes with
   * whatever the rate becomes, and is saved with the model. Throws `argument` for a factor below 0.
   *
   * @example
   * const optimizer = optimizers.adam({ learningRate: 1e-3 });
   * optimizer.setRateFactor(model.weights.slice(0, 1), 0.1);
   */
  setRateFactor(variables: readonly Variable[], factor: number): void {
    this.rateFactors.set(variables, factor, this.className);
  }

  /** What the learning rate is multiplied by for a weight. */
  rateFactor(variable: Variable): number {
    return this.rateFactors.of(variable);
  }

  /** @internal Changes when compiled steps no longer hold. */
  get stepVersion(): number {
    return this.rateFactors.version;
  }

  /** The loss whose gradients `apply` takes: times `lossScaleFactor`, where there is one. */
  scaleLoss(loss: Tensor): Tensor {
    return this.option('lossScaleFactor') === undefined ? loss : multiply(loss, this.hyper('lossScaleFactor'));
  }

  /**
   * Moves weights so that a loss gets smaller: gradients, then `apply`. For training steps of one's own. Throws `argument`
   * where the loss depends on none of the weights as they are now.
   *
   * @example
   * const optimizer = optimizers.sgd({ learningRate: 0.25 });
   * const weight = new Variable(tensor([1, 2]));
   * const step = compile(() => {
   *   optimizer.minimize(sum(square(weight.value)), [weight]);
   *   return [];
   * });
   * await step();
   * console.log(await weight.value.data()); // [0.5, 1]
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

  /**
   * One step inside a trace: reads and assigns the weights and its own variables. Gradients are those of `scaleLoss`; where
   * `isApplied`, a bool scalar, is false at run time, nothing changes.
   */
  apply(pairs: readonly GradientPair[], isApplied?: Tensor): void {
    if (pairs.length === 0) return;
    const missing = pairs.flatMap(({ variable }) => (this.slots.has(variable) ? [] : [variable]));
    if (missing.length > 0) this.build([...this.built, ...missing]);
    const put = (variable: Variable, value: Tensor): void => {
      const narrow = cast(value, variable.dtype);
      variable.assign(isApplied === undefined ? narrow : where(isApplied, narrow, variable.value));
    };
    const batches = this.iterations.value;
    const every = this.option('gradientAccumulationSteps');
    const updates = every === undefined ? batches : floorDivide(batches, every);
    const isUpdate = every === undefined ? undefined : equal(mod(add(batches, 1), every), 0);
    /** Takes a new value in a step that updates, else another or the old one. */
    const assign = (variable: Variable, value: Tensor, otherwise = wide(variable)): void => {
      put(variable, isUpdate === undefined ? value : where(isUpdate, value, otherwise));
    };
    const isScaled = this.option('lossScaleFactor') !== undefined;
    const wideGradients = pairs.map(({ gradient }) => cast(gradient, 'float32'));
    const given = wideGradients.map((gradient) =>
      isScaled ? divide(gradient, this.hyper('lossScaleFactor')) : gradient,
    );
    const gathered =
      every === undefined
        ? given
        : given.map((gradient, i) =>
            add(gradient, wide(this.slot((pairs[i] as GradientPair).variable, 'gradient_accumulator'))),
          );
    const gradients = this.clip(every === undefined ? gathered : gathered.map((gradient) => divide(gradient, every)));
    const common =
      this.schedule === undefined
        ? (this.rateVariable as Variable).value
        : this.schedule.rate(cast(batches, 'float32'));
    const step = cast(add(updates, 1), 'float32');
    const extras = this.updateExtras(step);
    pairs.forEach(({ variable }, i) => {
      const before = wide(variable);
      const factor = this.rateFactor(variable);
      const rate = factor === 1 ? common : multiply(common, factor);
      const decay = this.decays(variable) ? this.decay(variable) : undefined;
      const weight = decay === undefined ? before : subtract(before, multiply(before, multiply(rate, decay)));
      const names = this.slotsOf(variable);
      const slots = Object.fromEntries(names.map((name) => [name, wide(this.slot(variable, name))]));
      const gradient = gradients[i] as Tensor;
      const after = this.update({ weight, before, gradient, rate, step, slots }, extras);
      assign(variable, after.weight, before);
      for (const [name, value] of Object.entries(after.slots)) assign(this.slot(variable, name), value);
      if (isUpdate !== undefined)
        put(this.slot(variable, 'gradient_accumulator'), where(isUpdate, 0, gathered[i] as Tensor));
      if (this.settings.useEma) this.average(variable, updates, put);
      if (variable.constraint !== undefined) put(variable, variable.constraint(wide(variable)));
    });
    this.extras().forEach((variable, i) => {
      assign(variable, extras[i] as Tensor);
    });
    put(this.iterations, add(batches, 1));
  }

  /** How much of a weight each step takes away, times the rate; undefined for none. */
  protected decay(_variable: Variable): Tensor | undefined {
    return this.settings.weightDecay === null ? undefined : this.hyper('weightDecay');
  }

  /** The method's own slots of a weight. */
  private slotsOf(variable: Variable): string[] {
    return this.slotGroups()
      .flat()
      .filter((slot) => this.hasSlot(slot, variable));
  }

  private decays(variable: Variable): boolean {
    const { variables, names } = this.undecayed;
    return !variables.has(variable) && !names.some((name) => variable.name.includes(name));
  }

  /** Moves a weight's average, which starts as the weight after the first step. */
  private average(variable: Variable, updates: Tensor, put: (variable: Variable, value: Tensor) => void): void {
    const average = this.slot(variable, 'average');
    const isFirst = equal(updates, 0);
    const [keep, take] = [where(isFirst, 0, this.hyper('emaMomentum')), where(isFirst, 1, this.rest('emaMomentum'))];
    const moved = add(multiply(wide(average), keep), multiply(wide(variable), take));
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
    const limit = (option: keyof typeof COMMON): Tensor | undefined =>
      this.option(option) === undefined ? undefined : this.hyper(option);
    return clipped(gradients, {
      clipnorm: limit('clipnorm'),
      globalClipnorm: limit('globalClipnorm'),
      clipvalue: limit('clipvalue'),
    });
  }

  /** Keras's config. */
  getConfig(): Record<string, unknown> {
    const learningRate = this.schedule === undefined ? this.learningRate : serializeSchedule(this.schedule);
    return { name: this.name, learning_rate: learningRate, ...configOf({ ...this.settings, ...this.current }) };
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
    const rules: Rules = { ...this.rules, ...COMMON, name: text('') };
    const options = optionsFromConfig(config, rules);
    // Keras writes what is switched off as null; leaving it out would bring a default back.
    for (const [option, { accepts }] of Object.entries(rules))
      if (config[kerasKey(option)] === null && accepts(null)) options[option] = null;
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
