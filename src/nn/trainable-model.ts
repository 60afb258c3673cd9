// What trained models share, however their layers are put together: how to train, evaluate, predict, save, and the steps
// that a model may replace by its own. Functional, Sequential and subclassed models are in model.ts.
import type { Dtype } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import type { LoadOptions } from '../data/dataset-files.js';
import type { Profile } from '../engine/profile.js';
import { scalar, type Tensor } from '../graph/tensor.js';
import type { Variable } from '../graph/variable.js';
import type { LoadWeightsOptions } from '../interchange/load.js';
import type { SaveOptions } from '../interchange/save.js';
import { type CallContext, watching } from './call-context.js';
import type { ClassifiedPicture, ClassifyOptions, Guess, Picture, Pictures } from './classify.js';
import { type CostOptions, costOf, type ModelCost } from './cost.js';
import type { LayerGraph } from './functional.js';
import { type CallResult, Layer } from './layer.js';
import type { Mean, Metric } from './metrics.js';
import type { ModelMetadata } from './model-metadata.js';
import type { Optimizer } from './optimizers.js';
import { type SummaryOptions, summaryText } from './summary.js';
import type { PartialShape, SymbolicTensor } from './symbolic.js';
import type { Compiled } from './training/compiled.js';
import { reportsOf, totalLoss, updateMetrics, widened } from './training/default-step.js';
import type { History } from './training/history.js';
import type { Reported, StepBatch, StepLogs } from './training/step.js';
import { Trainer } from './training/trainer.js';
import type {
  CompileOptions,
  EvaluateOptions,
  FitOptions,
  Predictions,
  PredictOptions,
  TrainingData,
  TrainingInput,
  TrainingLabels,
} from './training/types.js';

/** An input of a model that is made by what it is given. */
export interface InputPort {
  readonly name: string;
  readonly shape: PartialShape;
  readonly dtype: Dtype;
}

const portName = ({ source, name }: SymbolicTensor): string => source?.call.layer.name ?? name;

/** What trained models share: `compile`, `fit`, `evaluate`, `predict`, `summary`. */
export abstract class TrainableModel extends Layer {
  /** Plain data that is saved with the model: how its pictures are prepared, the names of its classes. */
  metadata: ModelMetadata = {};
  /** @internal Fetches published weights, or throws where there are none; models of the zoo have it. */
  pretrained: ((download: LoadOptions) => Promise<void>) | undefined;
  private readonly trainer = new Trainer(this);

  /** The graph of layers; models that do not know their input yet make it on first use. */
  abstract get graph(): LayerGraph;

  /** All layers directly inside, the inputs' too. */
  abstract get layers(): readonly Layer[];

  /** Whether inputs and outputs are known, so that there is a graph. */
  abstract get isKnown(): boolean;

  /** Whether data must have the shapes of `inputs`; a class with code of its own may take others. */
  abstract get fixesInputs(): boolean;

  /** Makes what follows from the inputs: weights, outputs. Models that know theirs leave it. */
  abstract prepare(inputs: readonly InputPort[]): void;

  /** Names of the inputs, by which data may be given. */
  get inputNames(): readonly string[] {
    return this.inputs.map(portName);
  }

  /** Names of the outputs, by which losses, metrics and labels may be given. */
  get outputNames(): readonly string[] {
    return this.outputs.map(portName);
  }

  override get sublayers(): readonly Layer[] {
    return this.layers;
  }

  get inputs(): readonly SymbolicTensor[] {
    return this.graph.inputs;
  }

  get outputs(): readonly SymbolicTensor[] {
    return this.graph.outputs;
  }

  /** The shape of the one input, the batch as null. */
  get inputShape(): PartialShape {
    return (this.graph.inputs[0] as SymbolicTensor).shape;
  }

  get outputShape(): PartialShape {
    return (this.graph.outputs[0] as SymbolicTensor).shape;
  }

  protected override get castsInputs(): boolean {
    return false;
  }

  /** Runs the model, showing what the layers directly inside give. */
  callWatched(
    inputs: readonly Tensor[],
    context: CallContext,
    watch: (layer: Layer, outputs: readonly Tensor[]) => void,
  ): readonly Tensor[] {
    const own = new Set(this.layers);
    const tell: typeof watch = (layer, outputs) => {
      if (own.has(layer)) watch(layer, outputs);
    };
    return watching(tell, () => this.enter(context, () => this.call(inputs, context)));
  }

  /**
   * One step of `fit`, written in ops: traced once per batch shape, then one Program. Override it to train in another way:
   * compute losses with the layers' `apply`, hand them to `optimizer.minimize` with the weights they are to change, and
   * give what is to be reported. Where a loss is not finite, nothing that the step assigns takes effect.
   */
  trainStep(batch: StepBatch): StepLogs {
    const predictions = this.forward(batch);
    const loss = this.computeLoss(batch, predictions);
    this.needCompiled.lossTracker.update(loss, scalar(batch.size));
    this.optimizer.minimize(loss, this.trainableWeights);
    return this.computeMetrics(batch, predictions);
  }

  /** One step of `evaluate` and of validation, as `trainStep`. */
  testStep(batch: StepBatch): StepLogs {
    const predictions = this.forward(batch);
    const loss = this.computeLoss(batch, predictions);
    this.needCompiled.lossTracker.update(loss, scalar(batch.size));
    return this.computeMetrics(batch, predictions);
  }

  /** One step of `predict`: what the model gives for a batch, which has inputs alone. */
  predictStep(batch: StepBatch): CallResult {
    return this.forward(batch);
  }

  /** The loss of a batch, a scalar: that of the labels as `compile` says, and `losses`. */
  computeLoss(batch: StepBatch, predictions: readonly Tensor[]): Tensor {
    return totalLoss(this.needCompiled, batch, predictions, this.losses);
  }

  /** Takes a batch into the metrics, and tells what to report: the loss, what `compile` named, and metrics of layers. */
  computeMetrics(batch: StepBatch, predictions: readonly Tensor[]): StepLogs {
    updateMetrics(this.needCompiled, batch, predictions);
    const added = super.metrics.map((metric): [string, Reported] => [metric.name, metric]);
    return { ...reportsOf(this.needCompiled), ...Object.fromEntries(added) };
  }

  /** The outputs for a batch in the step's mode, as float32. */
  protected forward({ inputs, context }: StepBatch): readonly Tensor[] {
    return this.enter(context, () => this.call(inputs, context)).map(widened);
  }

  /** Everything that is reported and set back with every epoch: the loss, what `compile` named, metrics of layers. */
  override get metrics(): readonly (Metric | Mean)[] {
    const { compiled } = this.trainer;
    if (compiled === undefined) return super.metrics;
    const { lossTracker, outputTrackers, metrics } = compiled;
    const trackers = outputTrackers.filter((tracker) => tracker !== undefined);
    return [...new Set([lossTracker, ...trackers, ...metrics.map(({ metric }) => metric), ...super.metrics])];
  }

  /** The optimizer that `compile` was given. Throws `argument` before it. */
  get optimizer(): Optimizer {
    return this.needCompiled.optimizer;
  }

  /** Whether the training step is the model's own. */
  get hasOwnStep(): boolean {
    return this.trainStep !== TrainableModel.prototype.trainStep;
  }

  /** Whether data goes to steps of the model's own alone, so that nothing can be told of it before. */
  takesAnyData(step: 'trainStep' | 'predictStep'): boolean {
    return !this.fixesInputs && this[step] !== TrainableModel.prototype[step];
  }

  /** What an input of this dtype is given to the model in. */
  inputDtype(index: number, given: Dtype): Dtype {
    if (this.fixesInputs) return this.inputs[index]?.dtype ?? given;
    // Pictures in bytes are numbers to a layer.
    return given === 'uint8' ? 'float32' : given;
  }

  private get needCompiled(): Compiled {
    return this.trainer.needCompiled('trainStep');
  }

  /** The layer of this name, also inside nested models. Throws `argument`, listing the names, where there is none. */
  getLayer(name: string): Layer {
    const found = findLayer(this, name);
    if (found !== undefined) return found;
    throw new FoveaError({
      code: 'argument',
      op: 'getLayer',
      message: `model "${this.name}" has no layer "${name}".`,
      got: name,
      want: this.layers.map((layer) => layer.name),
      hint: `Its layers are ${this.layers.map((layer) => layer.name).join(', ')}.`,
    });
  }

  /** Keras's table of layers, shapes and parameters. */
  summary(options: SummaryOptions = {}): string {
    return summaryText(this, options);
  }

  /**
   * Parameters, multiplications, activations and receptive field of every layer, for one example. Print it for a table:
   * `console.log(String(model.cost()))`. Throws `argument` where the model takes pictures of any size and none is given.
   */
  cost(options: CostOptions = {}): ModelCost {
    return costOf(this, options);
  }

  /**
   * Says how to train: optimizer, loss and metrics, by name or as objects.
   *
   * @example
   * model.compile({ optimizer: 'nadam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
   */
  compile(options: CompileOptions = {}): void {
    this.trainer.compile(options);
  }

  /** Trains; resolves with the losses and metrics of every epoch. See `FitOptions`. */
  fit(data: TrainingData, options?: FitOptions): Promise<History>;
  fit(x: TrainingInput, y: TrainingLabels | undefined, options?: FitOptions): Promise<History>;
  fit(x: TrainingData | TrainingInput, y?: TrainingLabels | FitOptions, options?: FitOptions): Promise<History> {
    return this.trainer.fit(x, y, options);
  }

  /** Loss and metrics on labelled data, by name. */
  evaluate(data: TrainingData, options?: EvaluateOptions): Promise<Record<string, number>>;
  evaluate(x: TrainingInput, y: TrainingLabels | undefined, options?: EvaluateOptions): Promise<Record<string, number>>;
  evaluate(
    x: TrainingData | TrainingInput,
    y?: TrainingLabels | EvaluateOptions,
    options?: EvaluateOptions,
  ): Promise<Record<string, number>> {
    return this.trainer.evaluate(x, y, options);
  }

  /** The outputs for these inputs, as plain typed arrays with their shapes. */
  predict(x: TrainingInput | TrainingData, options: PredictOptions = {}): Promise<Predictions> {
    return this.trainer.predict(x, options);
  }

  /**
   * What is on a picture, or on many: the `top` classes with their probabilities, the best first. A picture is a path, an
   * address, a file's bytes or pixels 0..255; of many, one that cannot be read is named and the others go on. How pictures are
   * prepared and what classes are called is in `metadata`. A network of the zoo whose weights nobody has set, loaded or trained
   * fetches its published ones first. Throws `argument`, `shape`, `file`, `data` and `network`.
   */
  classify(picture: Picture, options?: ClassifyOptions): Promise<readonly Guess[]>;
  classify(pictures: Exclude<Pictures, Picture>, options?: ClassifyOptions): Promise<readonly ClassifiedPicture[]>;
  async classify(
    pictures: Pictures,
    options: ClassifyOptions = {},
  ): Promise<readonly Guess[] | readonly ClassifiedPicture[]> {
    return (await import('./classify.js')).classify(this, pictures, options);
  }

  /** Whether all weights that are trained still have the values they began with. */
  get isUntrained(): boolean {
    return this.weights.every(({ isInitial, trainable }) => isInitial || !trainable);
  }

  /**
   * Times one batch, kernel call by kernel call: a prediction, or where labels are given a training step, which changes
   * nothing. The median of `runs` (default 9). Print it for a table: `console.log(String(await model.profile(x, y)))`.
   */
  profile(x: TrainingInput, y?: TrainingLabels, { runs }: { runs?: number } = {}): Promise<Profile> {
    return this.trainer.profile(x, y, runs);
  }

  /** One step on one batch; gives the loss and metrics of that batch. */
  trainOnBatch(
    x: TrainingInput,
    y?: TrainingLabels,
    options?: { sampleWeight?: TrainingInput; classWeight?: Readonly<Record<number, number>> },
  ): Promise<Record<string, number>> {
    return this.trainer.trainOnBatch(x, y, options);
  }

  /**
   * Writes the model as the ending says: `.keras`, or `.h5`, both with optimizer and training state, which Python's Keras
   * opens; a folder with `model.json` for TensorFlow.js; others are in docs/formats.md. Never leaves half a file.
   */
  async save(path: string, options: SaveOptions = {}): Promise<void> {
    await (await import('../interchange/save.js')).save(this, path, options);
  }

  /** The `.keras` file as bytes, for places without files. */
  async toBytes(): Promise<Uint8Array> {
    return (await import('./saving.js')).modelToBytes(this);
  }

  /** Writes the weights as `.weights.h5`, or as `.safetensors`. */
  async saveWeights(path: string): Promise<void> {
    await (await import('./saving.js')).saveWeights(this, path);
  }

  /**
   * Loads weights from any file that holds some: `.weights.h5`, `.keras`, `.h5`, model.json and others, by the order of
   * layers or, with `byName`, by their names. Throws one `format` error that lists all that does not fit.
   */
  async loadWeights(source: string | URL | Uint8Array, options: LoadWeightsOptions = {}): Promise<void> {
    await (await import('../interchange/load.js')).loadWeights(this, source, options);
  }

  /** The optimizer's variables, once training has made them; Keras's summary counts them. */
  get optimizerWeights(): readonly Variable[] | undefined {
    return this.trainer.hasTrained ? this.trainer.compiled?.optimizer.variables : undefined;
  }

  /** @internal */
  get training(): Trainer {
    return this.trainer;
  }
}

function findLayer(model: TrainableModel, name: string): Layer | undefined {
  for (const layer of model.layers) {
    if (layer.name === name) return layer;
    const inside = layer instanceof TrainableModel ? findLayer(layer, name) : undefined;
    if (inside !== undefined) return inside;
  }
  return undefined;
}
