// The compiled steps of a model: one Program per batch shape for training, one for testing, one that gives
// the metrics. A step whose loss is not a number changes nothing, and no later step does, so that the
// place where it happened can still be found.

import { FoveaError } from '../../core/errors.js';
import { formatShape } from '../../core/shape.js';
import type { Engine } from '../../engine/engine.js';
import { convolutionOf } from '../../engine/precision.js';
import { type Profile, profile } from '../../engine/profile.js';
import { constant, Tensor } from '../../graph/tensor.js';
import { mapAssignments, Variable } from '../../graph/variable.js';
import {
  add,
  all,
  isFinite as allFinite,
  cast,
  less,
  logicalAnd,
  logicalNot,
  reshape,
  slice,
  stack,
  where,
} from '../../ops/index.js';
import { type CallContext, inferenceContext, reporting } from '../call-context.js';
import type { Mean, Metric } from '../metrics.js';
import type { TrainableModel } from '../model.js';
import type { HostBatch } from './batches.js';
import { type ArgumentArray, argumentTensor, BoundProgram } from './bound-program.js';
import type { Compiled } from './compiled.js';
import { reportsOf } from './default-step.js';
import { gatherMinimized, type Reported, StepBatch, type StepLogs } from './step.js';

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
  private readonly reports = new Map<string, Readonly<Record<string, Reported>>>();
  private readonly logVariables = new Map<string, Variable>();
  private readonly optimizerVersion: number;
  private readonly bad = Variable.from(Int32Array.of(-1), [], 'int32', { name: 'bad_step', trainable: false });

  constructor(
    private readonly engine: Engine,
    private readonly model: TrainableModel,
    private readonly compiled: Compiled,
    private readonly key: Variable,
    private trainable: readonly Variable[],
  ) {
    this.optimizerVersion = compiled.optimizer.stepVersion;
  }

  /** Whether these programs still hold for the engine and what is trainable now. */
  fits(engine: Engine, trainable: readonly Variable[]): boolean {
    return (
      engine === this.engine &&
      this.compiled.optimizer.stepVersion === this.optimizerVersion &&
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
    const { logs, losses } = this.traceStep('train', args, ports, context);
    // Keep every old value from the first step on of which a loss is not finite.
    const before = this.bad.value;
    const watched = [...losses, ...Object.entries(logs).flatMap(([name, log]) => (isLossLog(name, log) ? [log] : []))];
    const isSound = watched.map((each) => all(allFinite(each))).reduce(logicalAnd, constant([1], [], 'bool'));
    const step = elementOf(key, 2);
    const bad = where(logicalAnd(less(before, 0), logicalNot(isSound)), step, before);
    const isGood = less(bad, 0);
    mapAssignments((_variable, assigned, old) => where(isGood, assigned, old));
    this.bad.assign(bad);
    this.key.assign(add(key, constant([0, 0, 1, 0], [4], 'int32')));
    return [];
  }

  private traceTest(args: readonly Tensor[], ports: Ports): Tensor[] {
    this.traceStep('test', args, ports, inferenceContext);
    return [];
  }

  /** The model's own step over a batch; what it reports is noted for `readLogs`. */
  private traceStep(kind: 'train' | 'test', args: readonly Tensor[], ports: Ports, context: CallContext) {
    const { model } = this;
    const batch = this.batchOf(args, ports, context);
    const { result: logs, losses } = gatherMinimized(() =>
      reporting(context, () => (kind === 'train' ? model.trainStep(batch) : model.testStep(batch))),
    );
    this.reports.set(kind, this.keep(kind, logs));
    // Tensors of a trace have no values for anybody who looks later.
    model.clearLosses();
    // The first step may have built layers.
    this.trainable = model.trainableWeights;
    return { logs, losses };
  }

  /** The arguments as the batch that a step sees. */
  private batchOf(args: readonly Tensor[], { inputs, outputs }: Ports, context: CallContext): StepBatch {
    const { losses, labelled } = this.compiled;
    const x = args.slice(0, inputs).map((each, i) => cast(each, this.model.inputDtype(i, each.dtype)));
    const given = args.slice(inputs, inputs + outputs);
    const isSorted = labelled.length > 0 && given.length === labelled.length;
    const labels = isSorted ? losses.map((_, i) => given[labelled.indexOf(i)]) : given;
    return new StepBatch(x, labels, args[inputs + outputs], context);
  }

  /** What gives the logs' values afterwards: metrics themselves, and for scalars variables that keep the last. */
  private keep(kind: string, logs: StepLogs): Readonly<Record<string, Reported>> {
    const kept = Object.entries(logs).map(([name, log]): [string, Reported] => {
      if (!(log instanceof Tensor)) return [name, log];
      if (log.size !== 1) {
        throw new FoveaError({
          code: 'shape',
          op: `${kind}Step`,
          message: `"${name}" is to be reported and must be a scalar; it is ${formatShape(log.shape)}.`,
          got: log.shape,
          hint: 'Average it: mean(value).',
        });
      }
      const known = this.logVariables.get(`${kind} ${name}`);
      const variable =
        known ?? Variable.from(new Float32Array(1), [], 'float32', { name: `log/${name}`, trainable: false });
      this.logVariables.set(`${kind} ${name}`, variable);
      variable.assign(reshape(cast(log, 'float32'), []));
      return [name, { result: () => variable.value }];
    });
    return Object.fromEntries(kept);
  }

  /** The losses and metrics so far, of training or of a test. */
  async readLogs(kind: 'train' | 'test'): Promise<Record<string, number>> {
    const reports = this.reports.get(kind) ?? reportsOf(this.compiled);
    const names = Object.keys(reports);
    const programKey = `results of ${kind}: ${names.join()}`;
    let program = this.programs.get(programKey);
    if (program === undefined) {
      const fn = (): Tensor[] => [
        ...(names.length === 0
          ? []
          : [stack(Object.values(reports).map((each) => reshape(cast(each.result(), 'float32'), [])))]),
        this.bad.value,
      ];
      program = new BoundProgram(this.engine, fn, []);
      this.programs.set(programKey, program);
    }
    const read = await program.runAndRead([]);
    this.badStep = new Int32Array(read.at(-1) as ArrayBuffer)[0] as number;
    const values = names.length === 0 ? [] : new Float32Array(read[0] as ArrayBuffer);
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

  private allMetrics(): readonly (Metric | Mean)[] {
    return this.model.metrics;
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

/** Whether a scalar that a step reports is a loss, by its name. */
function isLossLog(name: string, log: Tensor | Reported): log is Tensor {
  return log instanceof Tensor && /loss$/i.test(name);
}
