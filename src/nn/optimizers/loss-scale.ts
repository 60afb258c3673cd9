// Dynamic loss scaling, for gradients in float16: the loss is multiplied by a scale so that small gradients are not lost.
// Where any overflows the step is left out and the scale halved; after enough good steps it is doubled.
import { FoveaError } from '../../core/errors.js';
import type { Tensor } from '../../graph/tensor.js';
import { Variable } from '../../graph/variable.js';
import { add, cast, divide, multiply } from '../../ops/arithmetic.js';
import { isFinite as allFinite, equal, logicalAnd, logicalNot } from '../../ops/index.js';
import { all } from '../../ops/reduce.js';
import { where } from '../../ops/where.js';
import { describe } from '../keras-config.js';
import { number, type Rules, whole } from '../options.js';
import { type GradientPair, Optimizer, type StepInput, type StepOutput } from './optimizer.js';

/** See `optimizers.lossScaleOptimizer`. */
export interface LossScaleOptions {
  innerOptimizer: Optimizer;
  /** Default 32768. */
  initialScale?: number;
  /** Good steps after which the scale is doubled; default 2000. */
  dynamicGrowthSteps?: number;
  name?: string;
}

/** An optimizer around another one, which it hands gradients only where all are finite. Rate and options are the inner one's. */
export class LossScaleOptimizer extends Optimizer {
  static override readonly className: string = 'LossScaleOptimizer';
  static override readonly rules: Rules = {
    initialScale: number(32768, { low: Number.MIN_VALUE }),
    dynamicGrowthSteps: whole(2000, 1),
  };
  static override readonly fixed: readonly string[] = ['initialScale', 'dynamicGrowthSteps'];
  static override readonly defaultRate: number = 0;
  readonly inner: Optimizer;
  /** What the loss is multiplied by: float32, a scalar. */
  readonly dynamicScale: Variable;
  /** Good steps since the scale changed: int32, a scalar. */
  readonly stepCounter: Variable;

  constructor({ innerOptimizer, ...options }: LossScaleOptions) {
    super(options);
    const isRight = innerOptimizer instanceof Optimizer && !(innerOptimizer instanceof LossScaleOptimizer);
    if (!isRight || innerOptimizer.hasLossScale) {
      throw new FoveaError({
        code: 'argument',
        op: 'LossScaleOptimizer',
        message: isRight
          ? 'innerOptimizer has a lossScaleFactor of its own.'
          : `innerOptimizer must be another optimizer; got ${describe(innerOptimizer)}.`,
        got: innerOptimizer,
        hint: isRight ? 'Leave one of them out.' : 'Write for example { innerOptimizer: optimizers.adam() }.',
      });
    }
    this.inner = innerOptimizer;
    const make = (name: string) => ({ name: `loss_scale_optimizer/${name}`, trainable: false });
    const scale = Float32Array.of(this.number('initialScale'));
    this.stepCounter = Variable.from(Int32Array.of(0), [], 'int32', make('step_counter'));
    this.dynamicScale = Variable.from(scale, [], 'float32', make('dynamic_scale'));
  }

  protected override adjustRules({ learningRate, initialScale, dynamicGrowthSteps, name }: Rules): Rules {
    // Clipping, decay and averages are the inner optimizer's.
    return { learningRate, initialScale, dynamicGrowthSteps, name } as Rules;
  }

  protected override slotGroups(): readonly (readonly string[])[] {
    return [];
  }

  protected override update({ weight }: StepInput): StepOutput {
    return { weight, slots: {} };
  }

  override get iterations(): Variable {
    return this.inner.iterations;
  }

  override get learningRate(): number {
    return this.inner.learningRate;
  }

  override set learningRate(rate: number) {
    this.inner.learningRate = rate;
  }

  override get isScheduled(): boolean {
    return this.inner.isScheduled;
  }

  override currentLearningRate(): Promise<number> {
    return this.inner.currentLearningRate();
  }

  override get(option: string): number {
    return this.inner.get(option);
  }

  override set(changes: Readonly<Record<string, number>>): void {
    this.inner.set(changes);
  }

  override excludeFromWeightDecay(excluded: Parameters<Optimizer['excludeFromWeightDecay']>[0]): void {
    this.inner.excludeFromWeightDecay(excluded);
  }

  override setRateFactor(variables: readonly Variable[], factor: number): void {
    this.inner.setRateFactor(variables, factor);
  }

  override rateFactor(variable: Variable): number {
    return this.inner.rateFactor(variable);
  }

  override get stepVersion(): number {
    return this.inner.stepVersion;
  }

  override build(variables: readonly Variable[]): void {
    this.inner.build(variables);
  }

  override slot(variable: Variable, name: string): Variable {
    return this.inner.slot(variable, name);
  }

  override get variables(): readonly Variable[] {
    return [...super.variables, this.stepCounter, this.dynamicScale, ...this.inner.variables];
  }

  override scaleLoss(loss: Tensor): Tensor {
    return multiply(loss, this.dynamicScale.value);
  }

  override apply(pairs: readonly GradientPair[], isApplied?: Tensor): void {
    if (pairs.length === 0) return;
    const scale = this.dynamicScale.value;
    const wide = pairs.map(({ variable, gradient }) => ({ variable, gradient: cast(gradient, 'float32') }));
    const isSound = wide.map(({ gradient }) => all(allFinite(gradient))).reduce((a, b) => logicalAnd(a, b));
    const isGood = isApplied === undefined ? isSound : logicalAnd(isSound, isApplied);
    this.inner.apply(
      wide.map(({ variable, gradient }) => ({ variable, gradient: divide(gradient, scale) })),
      isGood,
    );
    const count = this.stepCounter.value;
    const isGrowing = equal(count, this.number('dynamicGrowthSteps') - 1);
    const factor = where(isSound, where(isGrowing, 2, 1), 0.5);
    const next = where(logicalAnd(isSound, logicalNot(isGrowing)), add(count, 1), 0);
    const put = (variable: Variable, value: Tensor): void => {
      const narrow = cast(value, variable.dtype);
      variable.assign(isApplied === undefined ? narrow : where(isApplied, narrow, variable.value));
    };
    put(this.dynamicScale, multiply(scale, factor));
    put(this.stepCounter, next);
  }

  override finalize(): Promise<void> {
    return this.inner.finalize();
  }

  override getConfig(): Record<string, unknown> {
    return {
      name: this.name,
      inner_optimizer: this.inner.serialize(),
      initial_scale: this.number('initialScale'),
      dynamic_growth_steps: this.number('dynamicGrowthSteps'),
    };
  }
}
