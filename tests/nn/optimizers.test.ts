// Optimizers beside what golden values show (../golden.test.ts): options, state, configs and how a step compiles.
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compile/autodiff.js';
import { nodesOf } from '../../src/compile/graph.js';
import { optimize } from '../../src/compile/optimize.js';
import { trace } from '../../src/compile/trace.js';
import { FoveaError } from '../../src/core/errors.js';
import { interpret } from '../../src/graph/interpret.js';
import type { Node } from '../../src/graph/node.js';
import type { ReferenceArray } from '../../src/graph/op.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { Variable } from '../../src/graph/variable.js';
import { makeOptimizer, type Optimizer, optimizerFromConfig, optimizers, schedules } from '../../src/nn/optimizers.js';
import { add, multiply } from '../../src/ops/arithmetic.js';
import { sum } from '../../src/ops/reduce.js';
import { square } from '../../src/ops/unary.js';

/** Runs a traced step again and again over values held here, in float64. */
class Stepper {
  readonly state = new Map<Variable, Float64Array>();
  private readonly traced: ReturnType<typeof trace>;

  constructor(fn: (...args: Tensor[]) => readonly Tensor[], types: Parameters<typeof trace>[1]) {
    this.traced = trace(fn, types);
    for (const variable of this.traced.variables.values()) {
      this.state.set(variable, Float64Array.from(variable.storage?.host as ArrayLike<number>));
    }
  }

  run(...args: ArrayLike<number>[]): Float64Array[] {
    const { graph, variables, arguments: leaves } = this.traced;
    const feeds = new Map<Node, ReferenceArray>();
    leaves.forEach((leaf, i) => {
      const { shape, dtype } = leaf.types[0] as ReferenceArray;
      feeds.set(leaf, { shape, dtype, data: Float64Array.from(args[i] as ArrayLike<number>) });
    });
    for (const [leaf, variable] of variables) {
      feeds.set(leaf, { shape: variable.shape, dtype: variable.dtype, data: this.state.get(variable) as Float64Array });
    }
    const results = interpret([...graph.outputs, ...graph.updates.map(({ value }) => value)], feeds);
    graph.updates.forEach(({ target }, i) => {
      this.state.set(variables.get(target) as Variable, (results[graph.outputs.length + i] as ReferenceArray).data);
    });
    return results.slice(0, graph.outputs.length).map(({ data }) => data);
  }

  of(variable: Variable): Float64Array {
    return this.state.get(variable) ?? Float64Array.from(variable.storage?.host as ArrayLike<number>);
  }
}

const failure = (body: () => unknown): FoveaError => {
  try {
    body();
  } catch (error) {
    if (error instanceof FoveaError) return error;
    throw error;
  }
  throw new Error('it did not fail');
};

/** One step on a weight whose loss is the sum of its squares. */
function stepOn(optimizer: Optimizer, weights: readonly Variable[]): Stepper {
  return new Stepper(() => {
    const total = weights.map(({ value }) => sum(square(value))).reduce((a, b) => add(a, b));
    const found = gradients(
      total,
      weights.map(({ value }) => value),
    );
    optimizer.apply(weights.map((variable, i) => ({ variable, gradient: found[i] as Tensor })));
    return [total];
  }, []);
}

const weightOf = (values: readonly number[], name = 'kernel'): Variable =>
  Variable.from(Float32Array.from(values), [values.length], 'float32', { name });

describe('optimizers', () => {
  it('go by names, with the defaults of Keras', () => {
    expect(makeOptimizer('sgd').learningRate).toBeCloseTo(0.01, 9);
    for (const name of ['rmsprop', 'adam', 'adamW', 'adam_w', 'Nadam', 'adamax', 'adagrad', 'adadelta', 'lamb']) {
      expect(makeOptimizer(name).learningRate).toBeCloseTo(0.001, 9);
    }
    expect(makeOptimizer('adamw').getConfig().weight_decay).toBe(0.004);
    expect(failure(() => makeOptimizer('adma')).message).toBe(
      'compile: unknown optimizer "adma"; did you mean "adam"?\n' +
        '  Known are sgd, rmsprop, adam, adamW, nadam, adamax, adagrad, adadelta, lamb, lion, ftrl, adafactor, muon, scheduleFreeAdamW; options go through a factory, e.g. optimizers.sgd({ momentum: 0.9 }).',
    );
  });

  it('refuse options they do not have, and values out of range', () => {
    expect(failure(() => optimizers.sgd({ momentun: 0.9 } as object)).message).toContain(
      'SGD: unknown option "momentun"; did you mean "momentum"?',
    );
    expect(failure(() => optimizers.adam({ beta1: 2 })).message).toBe(
      'Adam: beta1 must be a number from 0 to 1; got 2.',
    );
    expect(failure(() => optimizers.sgd({ learningRate: Number.NaN })).code).toBe('argument');
    expect(failure(() => optimizers.sgd({ clipnorm: 1, clipvalue: 1 })).message).toBe(
      'SGD: only one of clipnorm and clipvalue can be used.\n  Leave the others out.',
    );
  });

  it('take a new learning rate without a new trace', () => {
    const optimizer = optimizers.sgd({ learningRate: 0.25 });
    const weight = weightOf([1, -2]);
    const stepper = stepOn(optimizer, [weight]);
    stepper.run();
    expect([...stepper.of(weight)]).toEqual([0.5, -1]);
    optimizer.learningRate = 0.5;
    const rate = optimizer.variables[1] as Variable;
    stepper.state.set(rate, Float64Array.from(rate.storage?.host as Float32Array));
    stepper.run();
    expect([...stepper.of(weight)]).toEqual([0, 0]);
    expect(optimizer.learningRate).toBe(0.5);
    expect(failure(() => (optimizer.learningRate = -1)).code).toBe('argument');
  });

  it('follow a schedule and refuse to be set then', async () => {
    const optimizer = optimizers.sgd({
      learningRate: schedules.inverseTimeDecay({ initialLearningRate: 0.5, decaySteps: 1, decayRate: 1 }),
    });
    expect(await optimizer.currentLearningRate()).toBe(0.5);
    expect(failure(() => (optimizer.learningRate = 0.1)).message).toBe(
      'SGD: the learning rate follows a schedule (InverseTimeDecay) and cannot be set.\n' +
        '  Make the optimizer with a number as learningRate to change it later.',
    );
    optimizer.iterations.set(Int32Array.of(4));
    expect(await optimizer.currentLearningRate()).toBeCloseTo(0.1, 7);
    const steps = schedules.piecewiseConstantDecay({ boundaries: [2, 4], values: [1, 0.5, 0.25] });
    expect([0, 2, 3, 4, 5].map((step) => steps.at(step))).toEqual([1, 1, 0.5, 0.5, 0.25]);
  });

  it('restart cosines on time, however late', () => {
    const schedule = schedules.cosineDecayRestarts({ initialLearningRate: 1, firstDecaySteps: 10, tMul: 2 });
    for (const restart of [0, 10, 30, 70, 150, 310, 630, 1270])
      expect(schedule.at(restart), `step ${restart}`).toBeCloseTo(1, 4);
    expect(schedule.at(9)).toBeLessThan(0.05);
  });

  it('keep the slots of weights they know when the set changes', () => {
    const optimizer = optimizers.adam();
    const [first, second, third] = [weightOf([1], 'a'), weightOf([2], 'b'), weightOf([3], 'c')];
    optimizer.build([first, second]);
    const kept = optimizer.slot(second, 'momentum');
    optimizer.build([first, second]);
    optimizer.build([second, third]);
    expect(optimizer.slot(second, 'momentum')).toBe(kept);
    expect(optimizer.variables.map(({ name }) => name)).toEqual([
      'adam/iteration',
      'adam/learning_rate',
      'adam/b_momentum',
      'adam/b_velocity',
      'adam/c_momentum',
      'adam/c_velocity',
    ]);
    expect(failure(() => optimizer.slot(weightOf([4], 'd'), 'momentum')).code).toBe('argument');
  });

  it('leave chosen weights out of weight decay', () => {
    const optimizer = optimizers.sgd({ learningRate: 0.5, weightDecay: 0.5 });
    optimizer.excludeFromWeightDecay({ names: ['bias'] });
    const [kernel, bias] = [weightOf([1]), weightOf([1], 'bias')];
    const stepper = new Stepper(() => {
      optimizer.apply([kernel, bias].map((variable) => ({ variable, gradient: multiply(variable.value, 0) })));
      return [];
    }, []);
    stepper.run();
    expect([stepper.of(kernel)[0], stepper.of(bias)[0]]).toEqual([0.75, 1]);
  });

  it('let chosen weights learn at a part of the rate', () => {
    for (const wrap of [
      (each: Optimizer) => each,
      (each: Optimizer) => optimizers.lossScaleOptimizer({ innerOptimizer: each }),
    ]) {
      const optimizer = wrap(optimizers.sgd({ learningRate: 0.5, weightDecay: 0.5 }));
      const [head, base, fixed] = [weightOf([1]), weightOf([1], 'base'), weightOf([1], 'fixed')];
      optimizer.setRateFactor([base], 0.125);
      optimizer.setRateFactor([fixed], 0);
      const stepper = new Stepper(() => {
        const all = [head, base, fixed];
        optimizer.minimize(sum(square(add(add(head.value, base.value), fixed.value))), all);
        return [];
      }, []);
      stepper.run();
      // All are 1 and have the gradient 6; decay takes a share of the weight in proportion to the rate.
      expect([head, base, fixed].map((each) => stepper.of(each)[0])).toEqual([
        1 - 0.5 * 0.5 - 0.5 * 6,
        1 - (0.5 * 0.5 + 0.5 * 6) / 8,
        1,
      ]);
      expect([head, base, fixed].map((each) => optimizer.rateFactor(each))).toEqual([1, 0.125, 0]);
      const { stepVersion } = optimizer;
      optimizer.setRateFactor([base], 0.125);
      expect(optimizer.stepVersion).toBe(stepVersion);
      optimizer.setRateFactor([head], 2);
      expect(optimizer.stepVersion).toBe(stepVersion + 1);
      const error = failure(() => optimizer.setRateFactor([head], -1));
      expect(error.message).toContain('a factor of the learning rate must be a number of at least 0; got -1.');
    }
  });

  it('keep the largest mean of squares with amsgrad', () => {
    const optimizer = optimizers.adam({ learningRate: 0.1, amsgrad: true });
    const weight = weightOf([1]);
    const stepper = stepOn(optimizer, [weight]);
    let largest = 0;
    for (let i = 0; i < 15; i++) {
      stepper.run();
      largest = Math.max(largest, stepper.of(optimizer.slot(weight, 'velocity'))[0] as number);
      expect(stepper.of(optimizer.slot(weight, 'velocity_hat'))[0]).toBeCloseTo(largest, 12);
    }
  });

  it('put averages in place at the end', async () => {
    const optimizer = optimizers.sgd({ useEma: true });
    const weight = weightOf([5]);
    optimizer.build([weight]);
    optimizer.slot(weight, 'average').set(Float32Array.of(2));
    await optimizer.finalize();
    expect([...(await weight.elements())]).toEqual([2]);
  });

  it('survive their own configs', () => {
    const all: Optimizer[] = [
      optimizers.sgd({ momentum: 0.9, nesterov: true, clipnorm: 1 }),
      optimizers.rmsprop({ rho: 0.8, centered: true }),
      optimizers.adam({ beta1: 0.8, epsilon: 1e-5, amsgrad: true }),
      optimizers.adamW({ weightDecay: null }),
      optimizers.nadam({
        learningRate: schedules.cosineDecay({
          initialLearningRate: 0.1,
          decaySteps: 10,
          warmupTarget: 0.2,
          warmupSteps: 3,
        }),
      }),
      optimizers.adamax({ useEma: true, emaOverwriteFrequency: 3 }),
      optimizers.adagrad({ initialAccumulatorValue: 0.2 }),
      optimizers.adadelta({ gradientAccumulationSteps: 2 }),
      optimizers.lamb({ weightDecay: 0.1 }),
    ];
    for (const optimizer of all) {
      const again = optimizerFromConfig(JSON.parse(JSON.stringify(optimizer.serialize())));
      expect(again.serialize()).toEqual(optimizer.serialize());
    }
    const [sgd] = all as [Optimizer];
    expect(sgd.getConfig()).toMatchObject({
      name: 'sgd',
      learning_rate: Math.fround(0.01),
      momentum: 0.9,
      nesterov: true,
      clipnorm: 1,
      use_ema: false,
    });
    const old = optimizerFromConfig({
      class_name: 'SGD',
      config: { name: 'SGD', learning_rate: 0.1, decay: 0.01, momentum: 0, nesterov: false },
    });
    expect(old.isScheduled).toBe(true);
    expect(failure(() => optimizerFromConfig({ class_name: 'Tiger', config: {} })).code).toBe('unsupported');
  });

  it('do the whole update of a weight in one kernel', () => {
    const count = (optimizer: Optimizer): number => {
      const weight = weightOf([1, 2, 3, 4, 5, 6, 7]);
      const gradient = tensor([1, 1, 1, 1, 1, 1, 1]);
      const { graph } = trace(() => {
        optimizer.apply([{ variable: weight, gradient }]);
        return [];
      }, []);
      const nodes = nodesOf(optimize(graph)).filter(({ op }) => op.lower !== undefined || op.name === 'fused');
      return nodes.filter(({ types }) => types.some(({ shape }) => shape.length === 1)).length;
    };
    for (const name of ['sgd', 'rmsprop', 'adam', 'adamW', 'nadam', 'adamax', 'adagrad', 'adadelta'])
      expect(count(makeOptimizer(name)), name).toBe(1);
    expect(
      count(
        optimizers.adam({ clipvalue: 1, amsgrad: true, useEma: true, weightDecay: 0.1, gradientAccumulationSteps: 2 }),
      ),
    ).toBe(1);
    // The length of the gradient must be known first.
    expect(count(optimizers.sgd({ clipnorm: 1 }))).toBe(2);
  });
});
