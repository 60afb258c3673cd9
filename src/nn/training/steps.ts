// The compiled steps of a model: one Program per batch shape for training, one for testing, one that gives
// the metrics. A step whose loss is not a number changes nothing, and no later step does, so that the
// place where it happened can still be found.

import { gradients } from '../../compile/autodiff.js';
import type { Dtype } from '../../core/dtype.js';
import type { Engine } from '../../engine/engine.js';
import { convolutionOf } from '../../engine/precision.js';
import { type Profile, profile } from '../../engine/profile.js';
import { constant, scalar, type Tensor } from '../../graph/tensor.js';
import { mapAssignments, Variable } from '../../graph/variable.js';
import {
  add,
  isFinite as allFinite,
  cast,
  less,
  logicalAnd,
  logicalNot,
  multiply,
  reshape,
  slice,
  stack,
  sum,
  where,
} from '../../ops/index.js';
import type { CallContext } from '../layer.js';
import { entering, inferenceContext } from '../layer.js';
import { maskedWeight } from '../losses/loss.js';
import { lossValue } from '../losses.js';
import { maskOf, setMask } from '../masks.js';
import type { Mean, Metric } from '../metrics.js';
import type { TrainableModel } from '../model.js';
import type { HostBatch } from './batches.js';
import { type ArgumentArray, argumentTensor, BoundProgram } from './bound-program.js';
import type { Compiled } from './trainer.js';

/** Where in a batch's arguments each array stands. */
interface Ports {
  readonly inputs: number;
  readonly outputs: number;
}

/** Runs a compiled model's steps. */
export class Steps {
  /** The number of the step whose loss was the first not to be a number, or -1; as of the last `readLogs`. */
  badStep = -1;
  private readonly programs = new Map<string, BoundProgram>();
  private readonly bad = Variable.from(Int32Array.of(-1), [], 'int32', { name: 'bad_step', trainable: false });

  constructor(
    private readonly engine: Engine,
    private readonly model: TrainableModel,
    private readonly compiled: Compiled,
    private readonly key: Variable,
    private readonly trainable: readonly Variable[],
  ) {}

  /** Whether these programs still hold for the engine and what is trainable now. */
  fits(engine: Engine, trainable: readonly Variable[]): boolean {
    return (
      engine === this.engine &&
      trainable.length === this.trainable.length &&
      trainable.every((each, i) => each === this.trainable[i])
    );
  }

  /** Queues one training step; once this resolves the batch may be reused. */
  train(batch: HostBatch): Promise<{ finished: Promise<void> }> {
    return this.run('train', batch);
  }

  /** Queues one step that only updates the metrics. */
  test(batch: HostBatch): Promise<{ finished: Promise<void> }> {
    return this.run('test', batch);
  }

  /** Times a training step on one batch, kernel call by kernel call; nothing is trained. */
  profile(batch: HostBatch, runs: number | undefined): Promise<Profile> {
    const ports = { inputs: batch.x.length, outputs: batch.y.length };
    const { precision } = this.compiled.options;
    return profile((...tensors) => this.traceTrain(tensors, ports), argumentsOf(batch).map(argumentTensor), {
      precision,
      ...(runs === undefined ? {} : { runs }),
    });
  }

  private run(kind: 'train' | 'test', batch: HostBatch): Promise<{ finished: Promise<void> }> {
    const args = argumentsOf(batch);
    const { precision } = this.compiled.options;
    const key = `${kind} ${convolutionOf(precision)} ${args.map(({ shape, dtype }) => `${dtype}[${shape}]`).join()}`;
    let program = this.programs.get(key);
    if (program === undefined) {
      const ports = { inputs: batch.x.length, outputs: batch.y.length };
      const fn = (...tensors: Tensor[]): Tensor[] =>
        kind === 'train' ? this.traceTrain(tensors, ports) : this.traceTest(tensors, ports);
      program = new BoundProgram(
        this.engine,
        fn,
        args.map(({ shape, dtype }) => ({ shape, dtype })),
        precision,
      );
      this.programs.set(key, program);
    }
    return program.run(args);
  }

  private traceTrain(args: readonly Tensor[], ports: Ports): Tensor[] {
    let streams = 0;
    const key = this.key.value;
    const context: CallContext = { training: true, random: () => ({ key, stream: streams++ }) };
    const { total } = this.traceLoss(args, ports, context);
    const { optimizer } = this.compiled;
    const values = this.trainable.map((variable) => variable.value);
    const found = gradients(total, values);
    optimizer.apply(this.trainable.map((variable, i) => ({ variable, gradient: found[i] as Tensor })));
    // Keep every old value from the first step on whose loss is not finite.
    const before = this.bad.value;
    const isBad = logicalNot(allFinite(total));
    const step = elementOf(key, 2);
    const bad = where(logicalAnd(less(before, 0), isBad), step, before);
    const isGood = less(bad, 0);
    mapAssignments((_variable, assigned, old) => where(isGood, assigned, old));
    this.bad.assign(bad);
    this.key.assign(add(key, constant([0, 0, 1, 0], [4], 'int32')));
    return [];
  }

  private traceTest(args: readonly Tensor[], ports: Ports): Tensor[] {
    this.traceLoss(args, ports, inferenceContext);
    return [];
  }

  /** Forward, loss and metrics. */
  private traceLoss(args: readonly Tensor[], { inputs, outputs }: Ports, context: CallContext): { total: Tensor } {
    const x = args.slice(0, inputs).map((each, i) => cast(each, this.model.inputs[i]?.dtype as Dtype));
    const y = args.slice(inputs, inputs + outputs);
    const sampleWeight = args[inputs + outputs];
    // Losses and metrics are float32, whatever the model computes in.
    const predictions = entering(this.model, () => this.model.call(x, context)).map(widened);
    const size = scalar((x[0] as Tensor).shape[0] as number);
    const { losses, lossWeights, lossTracker, outputTrackers, metrics } = this.compiled;
    let total: Tensor = scalar(0);
    losses.forEach((loss, i) => {
      const value = lossValue(loss, y[i] as Tensor, predictions[i] as Tensor, sampleWeight);
      outputTrackers[i]?.update(value, size);
      total = add(total, multiply(value, lossWeights[i] ?? 1));
    });
    for (const loss of this.model.losses) total = add(total, sum(cast(loss, 'float32')));
    // Tensors of a trace have no values for anybody who looks later.
    this.model.clearLosses();
    lossTracker.update(total, size);
    for (const { metric, output, isWeighted } of metrics) {
      const prediction = predictions[output] as Tensor;
      metric.update(y[output] as Tensor, prediction, maskedWeight(prediction, isWeighted ? sampleWeight : undefined));
    }
    return { total };
  }

  /** The loss and metrics so far. */
  async readLogs(): Promise<Record<string, number>> {
    const { lossTracker, outputTrackers, metrics } = this.compiled;
    let program = this.programs.get('results');
    const tracked: (Metric | Mean)[] = [lossTracker, ...outputTrackers, ...metrics.map(({ metric }) => metric)];
    if (program === undefined) {
      const fn = (): Tensor[] => [
        stack(tracked.map((each) => reshape(cast(each.result(), 'float32'), []))),
        this.bad.value,
      ];
      program = new BoundProgram(this.engine, fn, []);
      this.programs.set('results', program);
    }
    const [results, bad] = (await program.runAndRead([])) as [ArrayBuffer, ArrayBuffer];
    this.badStep = new Int32Array(bad)[0] as number;
    const values = new Float32Array(results);
    const names = [lossTracker.name, ...outputTrackers.map(({ name }) => name), ...metrics.map(({ label }) => label)];
    return Object.fromEntries(names.map((name, i) => [name, values[i] as number]));
  }

  /** Forgets a bad step, so that training may go on with another learning rate or other data. */
  clearBadStep(): void {
    if (this.badStep < 0) return;
    this.bad.set(Int32Array.of(-1));
    this.badStep = -1;
  }

  resetMetrics(): void {
    for (const metric of this.allMetrics()) metric.reset();
  }

  private allMetrics(): (Metric | Mean)[] {
    const { lossTracker, outputTrackers, metrics } = this.compiled;
    return [lossTracker, ...outputTrackers, ...metrics.map(({ metric }) => metric)];
  }

  /** The number of the next step: what a bad step is counted by. */
  async nextStep(): Promise<number> {
    return (await this.key.elements())[2] as number;
  }

  async metricState(): Promise<number[][]> {
    const variables = this.allMetrics().flatMap((metric) => metric.variables);
    return Promise.all(variables.map(async (variable) => [...(await variable.elements())]));
  }

  setMetricState(state: readonly (readonly number[])[]): void {
    const variables = this.allMetrics().flatMap((metric) => metric.variables);
    variables.forEach((variable, i) => {
      const values = state[i] ?? [];
      if (values.length === variable.size)
        variable.set(variable.dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values));
    });
  }

  /** Runs the model on a batch as training would at step `step`, giving what `watch` collects. */
  async inspect(
    batch: HostBatch,
    step: number,
    watch: (args: readonly Tensor[], context: CallContext) => readonly Tensor[],
  ): Promise<ArrayBuffer[]> {
    const args = argumentsOf(batch);
    const [seedLow, seedHigh] = await this.key.elements();
    const key = constant([seedLow as number, seedHigh as number, step, 0], [4], 'int32');
    let streams = 0;
    const context: CallContext = { training: true, random: () => ({ key, stream: streams++ }) };
    const fn = (...tensors: Tensor[]): readonly Tensor[] => {
      const result = watch(tensors, context);
      // Statistics that layers assign must not change by being looked at.
      mapAssignments((_variable, _assigned, before) => before);
      return result;
    };
    const program = new BoundProgram(
      this.engine,
      fn,
      args.map(({ shape, dtype }) => ({ shape, dtype })),
    );
    try {
      return await program.runAndRead(args);
    } finally {
      program.dispose();
    }
  }

  dispose(): void {
    for (const program of this.programs.values()) program.dispose();
    this.programs.clear();
  }
}

function argumentsOf({ x, y, sampleWeight }: HostBatch): ArgumentArray[] {
  return sampleWeight === undefined ? [...x, ...y] : [...x, ...y, sampleWeight];
}

/** One element of a vector, as a scalar. */
function elementOf(vector: Tensor, index: number): Tensor {
  return reshape(slice(vector, [index], [1]), []);
}

/** A prediction as float32, with its mask. */
function widened(prediction: Tensor): Tensor {
  const wide = cast(prediction, 'float32');
  const mask = maskOf(prediction);
  if (mask !== undefined) setMask(wide, mask);
  return wide;
}
