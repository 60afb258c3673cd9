// Transfer learning in one call: features of a frozen base once, a new head on them, then layers of the base let go, at a
// smaller rate. Each stage leaves what an interrupted run needs to go on.
import { FoveaError } from '../../core/errors.js';
import { ArrayDataset } from '../../data/array-dataset.js';
import type { BrokenImage } from '../../data/picture-list.js';
import { load } from '../../interchange/models.js';
import type { Callback } from '../../nn/callbacks/callback.js';
import { csvLogger, earlyStopping } from '../../nn/callbacks/index.js';
import type { Layer } from '../../nn/layer.js';
import * as layers from '../../nn/layers/index.js';
import type { Model, TrainableModel } from '../../nn/model.js';
import { makeOptimizer, type OptimizerName, optimizers } from '../../nn/optimizers.js';
import { drawSeed, setRandomSeed } from '../../nn/random.js';
import type { FitOptions } from '../../nn/training/types.js';
import { type Base, type BaseOptions, openBase } from './base.js';
import { digestOfModel, type Features, featuresOf } from './features.js';
import { type Judgement, judge } from './judge.js';
import { buildHead, buildNetwork, copyHead, type Network, reopenNetwork, unfreeze } from './network.js';
import { openPictures, type Part, type Parts, type TransferData } from './pictures.js';
import { makePlan, type Plan, type PlanOptions } from './plan.js';
import { type RunState, RunStore, type Stage } from './run.js';

/** What is going on, for those who watch. */
export type FinetuneEvent =
  | {
      readonly kind: 'data';
      readonly train: number;
      readonly validation: number;
      readonly test: number;
      readonly plan: Plan;
      readonly broken: readonly BrokenImage[];
    }
  | {
      readonly kind: 'features';
      readonly part: 'train' | 'validation' | 'test';
      readonly done: number;
      readonly of: number;
      readonly isCached: boolean;
    }
  | { readonly kind: 'stage'; readonly stage: Stage; readonly model: TrainableModel; readonly trainable: number }
  | { readonly kind: 'head'; readonly loss: number; readonly accuracy: number };

/** How to fine-tune. */
export interface FinetuneOptions extends BaseOptions, PlanOptions {
  /** Where the run is kept: features, the model after each epoch, history.csv. Default: nothing is kept. */
  folder?: string;
  /** Goes on with the run in the folder. */
  resume?: boolean;
  /** Shares of a folder's pictures to test and to validate on; default 0.1 and 0.15. */
  test?: number;
  validation?: number;
  /** Default 32. */
  batchSize?: number;
  /** Of both stages; default `adam`. */
  optimizer?: OptimizerName;
  /** Share of features dropped before the classifier while training; default 0.2. */
  dropout?: number;
  /** A weight per class; `balanced` lets each class count alike. Default none. */
  classWeight?: 'balanced' | Readonly<Record<number, number>>;
  /** Random layers for pictures 0..255 while the base adapts; true: mirror images, shifts and zooms. Default true. */
  augmentation?: boolean | readonly Layer[];
  /** Epochs without a better loss on the validation pictures before a stage ends; default 5, null for never. */
  patience?: number | null;
  /** Another order in every epoch; default true. */
  shuffle?: boolean;
  /** Fixes the parts of a folder (default 1), and new weights, order and augmentation (default: as `setRandomSeed` has it). */
  seed?: number;
  /** Bytes that pictures, and that features, may take in memory before they are read from files anew; default 512 MiB. */
  memory?: number;
  /** Threads that read pictures. */
  workers?: number;
  /** As in `fit`; default 0. */
  verbose?: FitOptions['verbose'];
  callbacks?: readonly Callback[];
  signal?: AbortSignal;
  /** Told of what is going on; awaited, so that it may look at a stage's model before it is trained. */
  onEvent?: (event: FinetuneEvent) => void | Promise<void>;
  /** Awaited once base, data and options have been looked at, before anything is computed. */
  onBegin?: () => void | Promise<void>;
}

/** What came of it. */
export interface FinetuneResult {
  /** Takes pictures 0..255 `[n,height,width,channels]`; its metadata says so and names the classes. */
  readonly model: Model;
  readonly plan: Plan;
  readonly classNames: readonly string[];
  readonly sizes: { readonly train: number; readonly validation: number; readonly test: number };
  /** Losses and metrics of every epoch, those of the head first. */
  readonly history: Readonly<Record<string, readonly number[]>>;
  /** Epochs of the history that are the head's. */
  readonly headEpochs: number;
  /** On the test pictures (those to validate on where there are none), before any of the base adapted. */
  readonly headScores: { readonly loss: number; readonly accuracy: number } | undefined;
  /** The same of the finished model. Undefined where the run was interrupted. */
  readonly judgement: Judgement | undefined;
  /** Whether the signal stopped it: with a folder, `resume` goes on. */
  readonly wasAborted: boolean;
}

const MISTAKES = 24;
const MEMORY = 512 * 2 ** 20;

/** Mirror images, shifts and zooms of a tenth. */
function usualAugmentation(): Layer[] {
  return [
    layers.randomFlip({ mode: 'horizontal' }),
    layers.randomTranslation({ heightFactor: 0.1, widthFactor: 0.1, fillMode: 'nearest' }),
    layers.randomZoom({ heightFactor: 0.1, fillMode: 'nearest' }),
  ];
}

/**
 * Teaches a network of the zoo, a file or a model to tell other pictures apart. The data are a folder with a folder of pictures
 * per class, or parts. Throws `argument` for options that fit nothing, `data` for pictures that are too few, `network` where published
 * weights cannot be fetched.
 *
 * @example
 * const { train, test } = await datasets.strokes({ count: 40, testCount: 20 });
 * const base = zoo.mnistConvnet();
 * const { model: tuned } = await finetune(base, { train, validation: test }, { headEpochs: 2, preprocessing: 'none' });
 * console.log(tuned.outputShape); // [null, 10]
 */
export async function finetune(
  base: string | TrainableModel,
  data: TransferData,
  options: FinetuneOptions = {},
): Promise<FinetuneResult> {
  return new Finetuning(base, data, options).run();
}

class Finetuning {
  private readonly store: RunStore | undefined;
  private readonly batchSize: number;
  private readonly rows: Record<string, number>[] = [];
  private headScores: RunState['headScores'];
  private state: RunState | undefined;
  private headEpochs = 0;
  private seedOf: (stage: Stage) => void = () => undefined;

  constructor(
    private readonly like: string | TrainableModel,
    private readonly data: TransferData,
    private readonly options: FinetuneOptions,
  ) {
    this.store = options.folder === undefined ? undefined : new RunStore(options.folder);
    this.batchSize = options.batchSize ?? 32;
  }

  async run(): Promise<FinetuneResult> {
    const { options, store } = this;
    const { seed = 1 } = options;
    this.state = options.resume === true ? await store?.read() : undefined;
    // Each stage draws from a seed of its own: one that is resumed has not drawn what came before.
    const drawn = options.seed ?? this.state?.seed ?? drawSeed() % 2 ** 31;
    this.seedOf = (stage) => setRandomSeed(drawn + (stage === 'head' ? 0 : 1));
    this.seedOf('head');
    const isFromScratch = options.scenario === 'large-different';
    const base = await openBase(this.like, options, isFromScratch);
    const { size, channels = 3 } = base.preprocessing;
    const parts = await openPictures(this.data, {
      size,
      channels,
      seed,
      test: share('test', options.test ?? 0.1),
      validation: share('validation', options.validation ?? 0.15),
      workers: options.workers,
      memory: options.memory ?? MEMORY,
    });
    const plan = makePlan(parts.train.length, options);
    await options.onEvent?.({ kind: 'data', ...sizesOf(parts), plan, broken: parts.broken });
    const recipe = JSON.stringify([plan, parts.classNames, sizesOf(parts), seed, this.batchSize, size]);
    if (this.state !== undefined && this.state.recipe !== recipe) throw otherRecipe(options.folder as string);
    this.headEpochs = this.state?.headEpochs ?? 0;
    this.headScores = this.state?.headScores;
    // A layer that is not there is to be told of before hours of training.
    unfreeze(base.model, plan.unfreezeFrom);
    await store?.create();
    await options.onBegin?.();
    const augmentation = plan.epochs > 0 ? this.augmentation() : [];
    const augmented = augmentation.length;
    let network = this.network(base, parts, augmentation, plan);
    const note = async (stage: Stage): Promise<void> => {
      const { headEpochs, headScores } = this;
      this.state = { version: 1, stage, recipe, seed: drawn, headEpochs, augmented, headScores };
      await store?.write(this.state);
    };
    const stage = this.state?.stage ?? 'head';
    if (stage === 'done') throw isDone(options.folder as string);
    if (this.state === undefined) await note('head');
    const stopped = (): Promise<FinetuneResult> => this.result(network, parts, plan, undefined, true);

    if (plan.headEpochs > 0) {
      const isTrained = stage === 'head' ? await this.trainHead(network, parts, plan) : await this.reopenHead(network);
      if (!isTrained) return stopped();
      if (stage === 'head') await note('base');
      // The head alone, to compare with.
      if (plan.epochs > 0 && this.headScores === undefined) {
        const judged = await this.judge(network.plain, parts);
        if (judged === undefined) return stopped();
        this.headScores = { loss: judged.loss, accuracy: judged.accuracy };
        await options.onEvent?.({ kind: 'head', ...this.headScores });
      }
    }
    if (plan.epochs > 0) {
      const isResumed = options.resume === true && (await store?.has('base')) === true;
      if (isResumed) network = await this.reopenBase(plan);
      unfreeze(network.base, plan.unfreezeFrom);
      if (stage !== 'test' && !(await this.trainBase(network, parts, plan, isResumed, () => note('base'))))
        return stopped();
      await note('test');
    } else unfreeze(network.base, undefined);

    const judged = await this.judge(network.plain, parts);
    if (judged === undefined) return stopped();
    const result = await this.result(network, parts, plan, judged, false);
    if (store !== undefined) {
      await result.model.save(store.modelPath);
      await note('done');
      await store.tidy();
    }
    return result;
  }

  private augmentation(): readonly Layer[] {
    const { augmentation = true } = this.options;
    return augmentation === true ? usualAugmentation() : augmentation === false ? [] : augmentation;
  }

  private network(base: Base, parts: Parts, augmentation: readonly Layer[], { isFromScratch }: Plan): Network {
    const dropout = share('dropout', this.options.dropout ?? 0.2);
    return buildNetwork(base, { classes: parts.classNames.length, dropout, augmentation, isFromScratch });
  }

  /** Trains a classifier on features and gives it to the network; false where the signal stopped it. */
  private async trainHead(network: Network, parts: Parts, plan: Plan): Promise<boolean> {
    const { store, options } = this;
    unfreeze(network.base, undefined);
    const modelDigest = store === undefined ? '' : await digestOfModel(network.extractor);
    const features = async (name: 'train' | 'validation'): Promise<Features> => {
      const part = parts[name];
      const tell = (done: number, isCached: boolean): void =>
        void options.onEvent?.({ kind: 'features', part: name, done, of: part.length, isCached });
      const found = await featuresOf(network.extractor, modelDigest, part, {
        folder: store?.featuresPath,
        batchSize: this.batchSize,
        memory: options.memory ?? MEMORY,
        seed: options.seed ?? 1,
        signal: options.signal,
        onProgress: (done) => tell(done, false),
      });
      if (found.isCached) tell(found.length, true);
      return found;
    };
    let train: Features;
    let validation: Features;
    try {
      train = await features('train');
      validation = await features('validation');
    } catch (error) {
      if (error instanceof FoveaError && error.code === 'aborted') return false;
      throw error;
    }
    const isResumed = options.resume === true && (await store?.has('head')) === true;
    const head = isResumed
      ? await load((store as RunStore).trainingPath('head'))
      : buildHead(train.width, { classes: parts.classNames.length, dropout: options.dropout ?? 0.2 });
    if (!isResumed) this.compile(head, plan.headRate);
    await this.tell('head', head);
    const isTrained = await this.fit(head, 'head', train.data, validation.data, parts.train, {
      epochs: plan.headEpochs,
      resume: isResumed,
    });
    this.headEpochs = head.training.state.epoch;
    await copyHead(head, network.plain);
    return isTrained;
  }

  /** The classifier that an earlier run trained. */
  private async reopenHead(network: Network): Promise<boolean> {
    const { store } = this;
    if (store !== undefined && (await store.has('head')))
      await copyHead(await load(store.trainingPath('head')), network.plain);
    return true;
  }

  /** The network as an earlier run left it, with its optimizer. */
  private async reopenBase({ isFromScratch }: Plan): Promise<Network> {
    const whole = await load((this.store as RunStore).trainingPath('base'));
    return reopenNetwork(whole, this.state?.augmented ?? 0, isFromScratch);
  }

  /** Trains what is unfrozen; false where the signal stopped it. */
  private async trainBase(
    { whole, base }: Network,
    parts: Parts,
    plan: Plan,
    isResumed: boolean,
    begun: () => Promise<void>,
  ): Promise<boolean> {
    this.seedOf('base');
    if (!isResumed) {
      this.compile(whole, plan.rate);
      whole.optimizer.setRateFactor(base.weights, plan.baseRate / plan.rate);
      await begun();
    }
    await this.tell('base', whole);
    return this.fit(whole, 'base', parts.train.mixed(), parts.validation.fixed(), parts.train, {
      epochs: this.headEpochs + plan.epochs,
      initialEpoch: isResumed ? undefined : this.headEpochs,
      resume: isResumed,
    });
  }

  private compile(model: TrainableModel, learningRate: number): void {
    const optimizer = makeOptimizer(this.options.optimizer ?? 'adam');
    optimizer.learningRate = learningRate;
    model.compile({ optimizer, loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
  }

  private async fit(
    model: TrainableModel,
    stage: Stage,
    train: ArrayDataset | Features['data'],
    validation: ArrayDataset | Features['data'],
    part: Part,
    { epochs, initialEpoch, resume }: { epochs: number; initialEpoch?: number | undefined; resume: boolean },
  ): Promise<boolean> {
    const { store, options, batchSize } = this;
    const { patience = 5, signal } = options;
    const first = initialEpoch ?? model.training.state.epoch;
    if (resume) await store?.trimHistory(first);
    const save = (): Promise<void> => (store === undefined ? Promise.resolve() : model.save(store.trainingPath(stage)));
    const own: Callback[] = [
      ...(patience === null ? [] : [earlyStopping({ patience, restoreBestWeights: true })]),
      ...(store === undefined ? [] : [csvLogger({ filename: store.historyPath, append: first > 0 })]),
      { name: 'SaveEachEpoch', onEpochEnd: save },
      { name: 'KeepRows', onEpochEnd: (_epoch, logs) => void this.rows.push({ ...logs }) },
    ];
    const inBatches = <T extends ArrayDataset | Features['data']>(data: T) =>
      data instanceof ArrayDataset || data.isBatched ? data : data.batch(batchSize);
    const history = await model.fit(inBatches(train), {
      epochs,
      ...(initialEpoch === undefined ? {} : { initialEpoch }),
      resume,
      batchSize,
      shuffle: options.shuffle ?? true,
      validationData: inBatches(validation),
      ...(options.classWeight === undefined ? {} : { classWeight: classWeights(options.classWeight, part.labels) }),
      callbacks: [...own, ...(options.callbacks ?? [])],
      verbose: options.verbose ?? 0,
      ...(signal === undefined ? {} : { signal }),
    });
    // Also when it is done: early stopping has put the best weights back.
    await save();
    return !history.wasAborted;
  }

  private async tell(stage: Stage, model: TrainableModel): Promise<void> {
    const trainable = model.trainableWeights.reduce((sum, { size }) => sum + size, 0);
    await this.options.onEvent?.({ kind: 'stage', stage, model, trainable });
  }

  private judge(model: TrainableModel, { classNames, test, validation }: Parts): Promise<Judgement | undefined> {
    const { signal } = this.options;
    const classes = classNames.length;
    return judge(model, test ?? validation, { classes, batchSize: this.batchSize, mistakes: MISTAKES, signal });
  }

  private async result(
    { plain }: Network,
    parts: Parts,
    plan: Plan,
    judgement: Judgement | undefined,
    wasAborted: boolean,
  ): Promise<FinetuneResult> {
    const { classNames } = parts;
    const [, height, width, channels] = plain.inputShape as [null, number, number, 1 | 3];
    plain.metadata = {
      preprocessing: { mode: 'none', size: [height, width], channels },
      labels: classNames,
      transfer: { base: typeof this.like === 'string' ? this.like : this.like.name, scenario: plan.scenario },
    };
    // So that it evaluates, and trains on from what it has learnt; without the averages of an optimizer that is done.
    const learningRate = plan.epochs > 0 ? plan.rate : plan.headRate;
    plain.compile({
      optimizer: optimizers.sgd({ learningRate }),
      loss: 'sparseCategoricalCrossentropy',
      metrics: ['accuracy'],
    });
    return {
      model: plain,
      plan,
      classNames,
      sizes: sizesOf(parts),
      history: this.store === undefined ? columns(this.rows) : await this.store.history(),
      headEpochs: this.headEpochs,
      headScores: this.headScores,
      judgement,
      wasAborted,
    };
  }
}

function sizesOf({ train, validation, test }: Parts): FinetuneResult['sizes'] {
  return { train: train.length, validation: validation.length, test: test?.length ?? 0 };
}

function columns(rows: readonly Readonly<Record<string, number>>[]): Record<string, number[]> {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return Object.fromEntries(names.map((name) => [name, rows.map((row) => row[name] ?? Number.NaN)]));
}

/** Weights by which each class counts alike: all pictures over the classes times those of the class. */
function classWeights(
  given: NonNullable<FinetuneOptions['classWeight']>,
  labels: readonly number[],
): Readonly<Record<number, number>> {
  if (given !== 'balanced') return given;
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return Object.fromEntries([...counts].map(([label, count]) => [label, labels.length / (counts.size * count)]));
}

function share(name: string, value: number): number {
  if (value >= 0 && value < 1) return value;
  throw new FoveaError({
    code: 'argument',
    op: 'finetune',
    message: `${name} must be a share from 0 to below 1; got ${value}.`,
    got: value,
    want: '0 to below 1',
  });
}

function isDone(folder: string): FoveaError {
  return new FoveaError({
    code: 'argument',
    op: 'finetune',
    message: `the run in ${folder} is done.`,
    path: folder,
    hint: 'Its model is model.keras there; give that as the base of a new run to train it further.',
  });
}

function otherRecipe(folder: string): FoveaError {
  return new FoveaError({
    code: 'argument',
    op: 'finetune',
    message: `the run in ${folder} was begun with other pictures or options.`,
    path: folder,
    hint: 'Resume it with the same ones, or start a new run in another folder.',
  });
}
