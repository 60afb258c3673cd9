// compile, fit, evaluate, predict: the loop around compiled steps. One Program does forward, backward,
// optimiser and metrics (steps.ts); the loop only hands it batches and now and then reads the metrics.
import { FoveaError } from '../../core/errors.js';
import { type HostArray, isHostArray, rowCount } from '../../data/host-array.js';
import { isDataset } from '../../data/stream-base.js';
import { currentEngine } from '../../engine/current.js';
import type { Engine } from '../../engine/engine.js';
import { checkPrecision } from '../../engine/precision.js';
import type { Profile } from '../../engine/profile.js';
import type { Callback, FitControl, Logs, TrainingParams } from '../callbacks/callback.js';
import { defaultCallbacks } from '../callbacks/progress.js';
import type { InputPort, TrainableModel } from '../model.js';
import { LossScaleOptimizer, makeOptimizer, type Optimizer } from '../optimizers.js';
import {
  type BatchSource,
  type HostBatch,
  isPlainRecord,
  isTrainingData,
  type MemoryData,
  memoryBatches,
  readMemory,
  splitMemory,
  streamBatches,
} from './batches.js';
import { checkBatch, weighByClass } from './check-batch.js';
import { type Compiled, guessOutputs, resolveCompile } from './compiled.js';
import { findNaN } from './find-nan.js';
import { History } from './history.js';
import { Predictor } from './predictor.js';
import { TrainingState } from './state.js';
import { Steps } from './steps.js';
import type {
  CompileOptions,
  EvaluateOptions,
  FitOptions,
  Predictions,
  PredictOptions,
  TrainingData,
  TrainingInput,
  TrainingLabels,
} from './types.js';

/** Steps that may wait in the engine's queue: enough to keep it busy, few enough to stop at once. */
const MAX_QUEUED = 3;
/** How often the metrics are read for the progress bar. */
const READ_EVERY_MS = 100;

/** Trains one model. */
export class Trainer {
  readonly state = new TrainingState();
  private given: { readonly options: CompileOptions; readonly optimizer: Optimizer } | undefined;
  /** What was given, sorted by the outputs' names as they were known then. */
  private sorted: { readonly names: readonly string[]; readonly compiled: Compiled } | undefined;
  private steps: Steps | undefined;
  private predictor: Predictor | undefined;
  private isBusy = false;

  constructor(private readonly model: TrainableModel) {}

  compile(options: CompileOptions): void {
    checkPrecision(options.precision, 'compile');
    const optimizer = makeOptimizer(options.optimizer ?? 'rmsprop');
    const isScaled = (options.autoScaleLoss ?? true) && this.model.dtypePolicy === 'mixed_float16';
    const isNew = isScaled && !(optimizer instanceof LossScaleOptimizer) && !optimizer.hasLossScale;
    this.given = {
      options,
      optimizer: isNew ? new LossScaleOptimizer({ innerOptimizer: optimizer }) : optimizer,
    };
    this.sorted = undefined;
    this.steps?.dispose();
    this.steps = undefined;
    // What is wrong is to be told here, not when there is data.
    void this.compiled;
  }

  /** What `compile` decided, or undefined before it. */
  get compiled(): Compiled | undefined {
    const { given } = this;
    if (given === undefined) return undefined;
    const names = this.model.isKnown ? this.model.outputNames : guessOutputs(given.options);
    const before = this.sorted?.names;
    const isSame = before?.join() === names.join() || (before?.length === 1 && names.length === 1);
    if (this.sorted === undefined || !isSame) {
      this.sorted = { names, compiled: resolveCompile(given.options, given.optimizer, names) };
      this.steps?.dispose();
      this.steps = undefined;
    }
    return this.sorted.compiled;
  }

  async fit(
    first: TrainingData | TrainingInput,
    second?: TrainingLabels | FitOptions,
    third?: FitOptions,
  ): Promise<History> {
    const { x, y, options } = sortArguments(first, second, third);
    return this.exclusively('fit', () => this.runFit(x, y, options));
  }

  private async runFit(x: unknown, y: unknown, options: FitOptions): Promise<History> {
    const compiled = this.needCompiled('fit');
    checkFitOptions(options);
    const batchSize = options.batchSize ?? 32;
    const isResumed = options.resume === true;
    const initialEpoch = options.initialEpoch ?? (isResumed ? this.state.epoch : 0);
    if (!isResumed) this.state.batch = 0;
    const seed = (options.shuffle ?? true) ? this.state.shuffleSeed() : undefined;
    const { source, validation } = await this.openData(x, y, options, batchSize, seed);
    const engine = await currentEngine();
    const steps = this.stepsFor(engine, compiled);
    steps.clearBadStep();
    const callbacks = [...(options.callbacks ?? []), ...defaultCallbacks(options.verbose ?? 'auto')];
    this.state.attach(callbacks);
    let isStopped = false;
    const control: FitControl = {
      model: this.model,
      stop: () => {
        isStopped = true;
      },
    };
    const epochs = options.epochs ?? 1;
    const stepsPerEpoch = options.stepsPerEpoch ?? source.steps;
    const params: TrainingParams = {
      epochs,
      initialEpoch,
      steps: stepsPerEpoch,
      batchSize: source.batchSize,
      verbose: options.verbose ?? 'auto',
    };
    const history = new History();
    for (const each of callbacks) await each.onTrainBegin?.(params, control);
    let logs: Logs = {};
    const endless = endlessIterator(source, options.stepsPerEpoch, initialEpoch);
    for (let epoch = initialEpoch; epoch < epochs && !isStopped; epoch++) {
      this.state.epoch = epoch;
      for (const each of callbacks) await each.onEpochBegin?.(epoch, control);
      const skip = this.state.batch;
      if (skip === 0) steps.resetMetrics();
      const wasCut = await this.runEpoch({
        engine,
        steps,
        source,
        endless,
        epoch,
        skip,
        options,
        callbacks,
        control,
        isStopped: () => isStopped,
      });
      logs = await steps.readLogs('train');
      if (wasCut === 'aborted') {
        history.wasAborted = true;
        await this.state.save(steps);
        break;
      }
      if (validation !== undefined && (epoch + 1) % (options.validationFrequency ?? 1) === 0) {
        // Validation uses the same metrics: an epoch that ends in the midst of it keeps its own for a resume.
        if (options.signal !== undefined) await this.state.save(steps);
        const scores = await this.runEvaluation(steps, validation, options.validationSteps, options.signal);
        if (options.signal?.aborted) {
          history.wasAborted = true;
          break;
        }
        for (const [name, value] of Object.entries(scores)) logs[`val_${name}`] = value;
      }
      this.state.finishEpoch();
      for (const each of callbacks) await each.onEpochEnd?.(epoch, logs, control);
      history.add(epoch, logs);
    }
    // Averaged weights take the place of the last ones, unless training is to go on.
    if (!history.wasAborted) await compiled.optimizer.finalize();
    for (const each of callbacks) await each.onTrainEnd?.(logs, control);
    return history;
  }

  private async runEpoch(run: {
    engine: Engine;
    steps: Steps;
    source: BatchSource;
    endless: AsyncIterator<HostBatch> | Iterator<HostBatch> | undefined;
    epoch: number;
    skip: number;
    options: FitOptions;
    callbacks: readonly Callback[];
    control: FitControl;
    isStopped(): boolean;
  }): Promise<'aborted' | undefined> {
    const { steps, source, epoch, options, callbacks, control } = run;
    const { signal, stepsPerEpoch } = options;
    const compiled = this.needCompiled('fit');
    const isReadEveryStep = callbacks.some((each) => each.onTrainBatchEnd !== undefined);
    const queue: Promise<void>[] = [];
    let step = run.skip;
    let lastRead = performance.now();
    const firstStep = (await this.state.startEpoch(steps)) - run.skip;
    const check = async (): Promise<Logs> => {
      const logs = await steps.readLogs('train');
      if (steps.badStep >= 0 && options.onNaN !== 'ignore') {
        await Promise.all(queue);
        throw await findNaN(this.model, steps, source, {
          epoch,
          step: steps.badStep - firstStep,
          classWeight: options.classWeight,
        });
      }
      for (const each of callbacks) each.onProgress?.(step, logs, control);
      return logs;
    };
    const onBatch = async (batch: HostBatch): Promise<'aborted' | 'stopped' | undefined> => {
      if (!source.isChecked) checkBatch(batch, this.model, compiled, step * (source.batchSize ?? batch.size));
      queue.push((await steps.train(weighByClass(batch, options.classWeight))).finished);
      step++;
      this.state.batch = step;
      if (queue.length > MAX_QUEUED) await queue.shift();
      if (isReadEveryStep || performance.now() - lastRead > READ_EVERY_MS) {
        const logs = await check();
        lastRead = performance.now();
        if (isReadEveryStep) for (const each of callbacks) await each.onTrainBatchEnd?.(step - 1, logs, control);
      }
      if (signal?.aborted) return 'aborted';
      return run.isStopped() && isReadEveryStep ? 'stopped' : undefined;
    };
    let ended: 'aborted' | 'stopped' | undefined = signal?.aborted ? 'aborted' : undefined;
    if (run.endless !== undefined) {
      while (ended === undefined && step < (stepsPerEpoch as number)) {
        const { value, done } = await run.endless.next();
        if (done) break;
        ended = await onBatch(value);
      }
    } else if (ended === undefined) {
      for await (const batch of source.batches(epoch, run.skip)) {
        ended = await onBatch(batch);
        if (ended !== undefined || step === stepsPerEpoch) break;
      }
    }
    await Promise.all(queue);
    if (step === 0 && ended === undefined) {
      throw new FoveaError({
        code: 'data',
        op: 'fit',
        message: `the data gave no batch in epoch ${epoch + 1}.`,
        hint: 'A generator must start anew each time it is called; check filters and paths.',
      });
    }
    await check();
    return ended === 'aborted' ? 'aborted' : undefined;
  }

  async evaluate(
    first: TrainingData | TrainingInput,
    second?: TrainingLabels | EvaluateOptions,
    third?: EvaluateOptions,
  ): Promise<Logs> {
    const { x, y, options } = sortArguments(first, second, third);
    return this.exclusively('evaluate', async () => {
      const compiled = this.needCompiled('evaluate');
      const source = await this.openSource(
        { x, y, sampleWeight: options.sampleWeight },
        options.batchSize ?? 32,
        compiled,
      );
      const steps = this.stepsFor(await currentEngine(), compiled);
      return this.runEvaluation(steps, source, options.steps, options.signal);
    });
  }

  private async runEvaluation(
    steps: Steps,
    source: BatchSource,
    limit: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Logs> {
    if (source.steps === Number.POSITIVE_INFINITY && limit === undefined) {
      throw new FoveaError({
        code: 'argument',
        op: 'evaluate',
        message: 'the data is endless.',
        hint: 'Give steps (validationSteps in fit).',
      });
    }
    steps.resetMetrics();
    const queue: Promise<void>[] = [];
    let step = 0;
    for await (const batch of source.batches(0)) {
      if (step === limit || signal?.aborted) break;
      if (!source.isChecked)
        checkBatch(batch, this.model, this.needCompiled('evaluate'), step * (source.batchSize ?? batch.size));
      queue.push((await steps.test(batch)).finished);
      step++;
      if (queue.length > MAX_QUEUED) await queue.shift();
    }
    await Promise.all(queue);
    if (step === 0 && !signal?.aborted) {
      throw new FoveaError({
        code: 'data',
        op: 'evaluate',
        message: 'the data gave no batch.',
        hint: 'Check that it is not empty.',
      });
    }
    const logs = await steps.readLogs('test');
    steps.resetMetrics();
    return logs;
  }

  async predict(x: TrainingInput | TrainingData, options: PredictOptions): Promise<Predictions> {
    const source = await this.openSource({ x }, options.batchSize ?? 32);
    return this.predictorOn(await currentEngine()).run(source, options);
  }

  async trainOnBatch(
    x: TrainingInput,
    y: TrainingLabels | undefined,
    {
      sampleWeight,
      classWeight,
    }: { sampleWeight?: TrainingInput; classWeight?: Readonly<Record<number, number>> } = {},
  ): Promise<Logs> {
    return this.exclusively('trainOnBatch', async () => {
      const compiled = this.needCompiled('trainOnBatch');
      const data = await this.load({ x, y, sampleWeight }, compiled);
      const [batch] = memoryBatches(data, (data.x[0] as HostArray).shape[0] as number).batches(
        0,
      ) as Iterable<HostBatch>;
      const steps = this.stepsFor(await currentEngine(), compiled);
      steps.resetMetrics();
      await (await steps.train(weighByClass(batch as HostBatch, classWeight))).finished;
      return steps.readLogs('train');
    });
  }

  /** Times one batch, kernel call by kernel call: a prediction, or with labels a training step that trains nothing. */
  async profile(x: TrainingInput, y: TrainingLabels | undefined, runs: number | undefined): Promise<Profile> {
    const engine = await currentEngine();
    if (y === undefined) {
      const source = await this.openSource({ x }, Number.MAX_SAFE_INTEGER);
      for await (const batch of source.batches(0)) return this.predictorOn(engine).profile(batch, runs);
      throw new FoveaError({ code: 'data', op: 'profile', message: 'the data gave no batch.' });
    }
    return this.exclusively('profile', async () => {
      const compiled = this.needCompiled('profile');
      const data = await this.load({ x, y, sampleWeight: undefined }, compiled);
      const rows = (data.x[0] as HostArray).shape[0] as number;
      const [batch] = memoryBatches(data, rows).batches(0) as Iterable<HostBatch>;
      return this.stepsFor(engine, compiled).profile(batch as HostBatch, runs);
    });
  }

  private predictorOn(engine: Engine): Predictor {
    if (this.predictor?.engine !== engine) {
      this.predictor?.dispose();
      this.predictor = new Predictor(engine, this.model);
    }
    return this.predictor;
  }

  /** Whether a step has been compiled, and with it the optimizer's variables made. */
  get hasTrained(): boolean {
    return this.steps !== undefined;
  }

  /** Makes the optimizer's variables, so that a file's can be put into them. */
  buildOptimizer(): Optimizer | undefined {
    const { compiled } = this;
    if (this.usesOptimizer) compiled?.optimizer.build(this.model.trainableWeights);
    return compiled?.optimizer;
  }

  /** A training step of the model's own may have optimizers of its own; then the default one has nothing to do. */
  private get usesOptimizer(): boolean {
    return this.given?.options.optimizer !== undefined || !this.model.hasOwnStep;
  }

  /** The compiled steps, made again where the engine or what is trainable changed. */
  private stepsFor(engine: Engine, compiled: Compiled): Steps {
    const trainable = this.model.trainableWeights;
    if (this.steps === undefined || !this.steps.fits(engine, trainable)) {
      this.steps?.dispose();
      if (this.usesOptimizer) compiled.optimizer.build(trainable);
      this.steps = new Steps(engine, this.model, compiled, this.state.key, trainable);
    }
    return this.steps;
  }

  private async openData(x: unknown, y: unknown, options: FitOptions, batchSize: number, seed: number | undefined) {
    const compiled = this.needCompiled('fit');
    const { sampleWeight, validationData } = options;
    const validationBatch = options.validationBatchSize ?? batchSize;
    let validation =
      validationData === undefined
        ? undefined
        : await this.openSource({ x: validationData }, validationBatch, compiled);
    if (isDataset(x)) {
      if (options.validationSplit !== undefined) {
        throw new FoveaError({
          code: 'argument',
          op: 'fit',
          message: 'validationSplit needs data in memory.',
          hint: 'Pass validationData.',
        });
      }
      return { source: await this.openSource({ x }, batchSize, compiled), validation };
    }
    let data = await this.load({ x, y, sampleWeight }, compiled);
    if (options.validationSplit !== undefined && options.validationSplit !== 0 && validation === undefined) {
      const parts = splitMemory(data, options.validationSplit);
      data = parts.train;
      validation = memoryBatches(parts.validation, validationBatch);
    }
    return { source: memoryBatches(data, batchSize, seed), validation };
  }

  private async openSource(given: GivenData, batchSize: number, compiled?: Compiled): Promise<BatchSource> {
    if (!isDataset(given.x)) return memoryBatches(await this.load(given, compiled), batchSize);
    const source = streamBatches(given.x, batchSize);
    if (!this.model.isKnown && !this.takesAny(compiled)) {
      for await (const { x } of source.batches(0)) {
        this.model.prepare(portsOf(this.model, x, unnamed(x.length)));
        break;
      }
    }
    return source;
  }

  /** Whether the data need not fit the model: steps of its own make of it what they will. */
  private takesAny(compiled: Compiled | undefined): boolean {
    return this.model.takesAnyData(compiled === undefined ? 'predictStep' : 'trainStep');
  }

  /** Reads data in memory; for a compiled model its inputs and labels are checked, example by example. */
  private async load({ x, y, sampleWeight }: GivenData, compiled?: Compiled): Promise<MemoryData> {
    const isBoth = isTrainingData(x) && !isDataset(x);
    const inputs = (isBoth ? x.x : x) as TrainingInput;
    const labels = (isBoth ? x.y : y) as TrainingLabels | undefined;
    const isAny = this.takesAny(compiled);
    if (!isAny) await this.prepareFor(inputs);
    // Preparing may have told how many outputs there are.
    const known = compiled && this.needCompiled('fit');
    const wanted = known?.labelled ?? [];
    const isLabelled = wanted.length > 0 && !isAny;
    const data = await readMemory(inputs, labels, sampleWeight, {
      inputs: isAny ? namesOf(inputs) : this.model.inputNames,
      outputs: isLabelled ? this.model.outputNames : undefined,
      ...(isLabelled ? { labelled: wanted.map((i) => this.model.outputNames[i] as string) } : {}),
    });
    if (known === undefined) return data;
    if (labels === undefined && isLabelled) {
      throw new FoveaError({
        code: 'argument',
        op: 'fit',
        message: 'no labels were given.',
        hint: 'Pass y, or a data set that has labels.',
      });
    }
    checkBatch({ ...data, size: rowCount(data.x[0] as HostArray) }, this.model, known, 0);
    return data;
  }

  /** A model without an input layer takes the data's shape. */
  private async prepareFor(x: TrainingInput): Promise<void> {
    if (this.model.isKnown) return;
    const names = namesOf(x);
    const data = await readMemory(x, undefined, undefined, { inputs: names, outputs: [] });
    this.model.prepare(portsOf(this.model, data.x, names));
  }

  /** What `compile` decided. Throws `argument` before it. */
  needCompiled(op: string): Compiled {
    if (this.compiled === undefined) {
      throw new FoveaError({
        code: 'argument',
        op,
        message: `model "${this.model.name}" was not compiled.`,
        hint: 'Call model.compile({ optimizer, loss, metrics }) first.',
      });
    }
    return this.compiled;
  }

  private async exclusively<T>(op: string, body: () => Promise<T>): Promise<T> {
    if (this.isBusy) {
      throw new FoveaError({
        code: 'argument',
        op,
        message: `model "${this.model.name}" is already in fit or evaluate.`,
        hint: 'Await the first call before the next; predict may run beside them.',
      });
    }
    this.isBusy = true;
    try {
      return await body();
    } finally {
      this.isBusy = false;
    }
  }
}

/** Data as it was passed. */
interface GivenData {
  readonly x: unknown;
  readonly y?: unknown;
  readonly sampleWeight?: TrainingInput | undefined;
}

function sortArguments<T extends object>(
  first: TrainingData | TrainingInput,
  second: TrainingLabels | T | undefined,
  third: T | undefined,
): { x: unknown; y: unknown; options: T } {
  if (isTrainingData(first)) return { x: first, y: undefined, options: (second ?? third ?? {}) as T };
  return { x: first, y: second, options: third ?? ({} as T) };
}

/** Names for the inputs of a model that has none yet: the data's own, or numbers. */
function namesOf(x: TrainingInput): readonly string[] {
  if (isPlainRecord(x)) return Object.keys(x);
  return unnamed(Array.isArray(x) && x.length > 0 && x.every(isHostArray) ? x.length : 1);
}

const unnamed = (count: number): string[] => Array.from({ length: count }, (_, i) => `input_${i + 1}`);

function portsOf(model: TrainableModel, arrays: readonly HostArray[], names: readonly string[]): InputPort[] {
  return arrays.map(({ shape, dtype }, i) => ({
    name: names[i] as string,
    shape: [null, ...shape.slice(1)],
    dtype: model.fixesInputs ? 'float32' : model.inputDtype(i, dtype),
  }));
}

function checkFitOptions({ epochs = 1, stepsPerEpoch, initialEpoch = 0 }: FitOptions): void {
  for (const [name, value, least] of [
    ['epochs', epochs, 0],
    ['stepsPerEpoch', stepsPerEpoch ?? 1, 1],
    ['initialEpoch', initialEpoch, 0],
  ] as const) {
    if (!Number.isInteger(value) || value < least) {
      throw new FoveaError({
        code: 'argument',
        op: 'fit',
        message: `${name} ${value} is not a whole number of at least ${least}.`,
        got: value,
      });
    }
  }
}

/** One iterator across epochs where an epoch is cut by `stepsPerEpoch` rather than by the data's end. */
function endlessIterator(
  source: BatchSource,
  stepsPerEpoch: number | undefined,
  pass: number,
): AsyncIterator<HostBatch> | Iterator<HostBatch> | undefined {
  if (source.steps === Number.POSITIVE_INFINITY && stepsPerEpoch === undefined) {
    throw new FoveaError({ code: 'argument', op: 'fit', message: 'the data is endless.', hint: 'Give stepsPerEpoch.' });
  }
  if (stepsPerEpoch === undefined || (source.steps !== undefined && source.steps <= stepsPerEpoch)) return undefined;
  return repeat(source, pass);
}

async function* repeat(source: BatchSource, first: number): AsyncGenerator<HostBatch> {
  for (let pass = first; ; pass++) {
    let isEmpty = true;
    for await (const batch of source.batches(pass)) {
      isEmpty = false;
      yield batch;
    }
    if (isEmpty) return;
  }
}
