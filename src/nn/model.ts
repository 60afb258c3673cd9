// Models: layers put together, as a graph (functional) or in a row (Sequential). Training, saving and the
// summary live in their own files and are methods here.
import { FoveaError } from '../core/errors.js';
import type { Profile } from '../engine/profile.js';
import type { Tensor } from '../graph/tensor.js';
import type { Variable } from '../graph/variable.js';
import { type CostOptions, costOf, type ModelCost } from './cost.js';
import { buildLayerGraph, type LayerGraph, runLayerGraph } from './functional.js';
import { type CallContext, Layer, type LayerConfig, type LayerOptions } from './layer.js';
import { ConfiguredLayer } from './layers/configured.js';
import { InputLayer, input as layerInput } from './layers/input.js';
import { type SummaryOptions, summaryText } from './summary.js';
import { type LayerCall, type PartialShape, SymbolicTensor } from './symbolic.js';
import type { History } from './training/history.js';
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

/** What a functional model is made of. */
export interface ModelOptions extends LayerOptions {
  inputs: SymbolicTensor | readonly SymbolicTensor[];
  outputs: SymbolicTensor | readonly SymbolicTensor[];
}

/** What trained models share: `compile`, `fit`, `evaluate`, `predict`, `summary`. */
export abstract class TrainableModel extends Layer {
  /** Plain data that is saved with the model: class names, how pictures were prepared. */
  metadata: Readonly<Record<string, unknown>> = {};
  private readonly trainer = new Trainer(this);

  /** The graph of layers; Sequential makes it on first use. */
  abstract get graph(): LayerGraph;

  /** All layers directly inside, the inputs' too. */
  abstract get layers(): readonly Layer[];

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

  override call(inputs: readonly Tensor[], context: CallContext): readonly Tensor[] {
    return runLayerGraph(this.graph, inputs, context);
  }

  /** `call` that shows what every layer gives. */
  callWatched(
    inputs: readonly Tensor[],
    context: CallContext,
    watch: (call: LayerCall, outputs: readonly Tensor[]) => void,
  ): readonly Tensor[] {
    return runLayerGraph(this.graph, inputs, context, watch);
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
  fit(x: TrainingInput, y: TrainingLabels, options?: FitOptions): Promise<History>;
  fit(x: TrainingData | TrainingInput, y?: TrainingLabels | FitOptions, options?: FitOptions): Promise<History> {
    return this.trainer.fit(x, y, options);
  }

  /** Loss and metrics on labelled data, by name. */
  evaluate(data: TrainingData, options?: EvaluateOptions): Promise<Record<string, number>>;
  evaluate(x: TrainingInput, y: TrainingLabels, options?: EvaluateOptions): Promise<Record<string, number>>;
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
   * Times one batch, kernel call by kernel call: a prediction, or where labels are given a training step, which changes
   * nothing. The median of `runs` (default 9). Print it for a table: `console.log(String(await model.profile(x, y)))`.
   */
  profile(x: TrainingInput, y?: TrainingLabels, { runs }: { runs?: number } = {}): Promise<Profile> {
    return this.trainer.profile(x, y, runs);
  }

  /** One step on one batch; gives the loss and metrics of that batch. */
  trainOnBatch(
    x: TrainingInput,
    y: TrainingLabels,
    options?: { sampleWeight?: TrainingInput; classWeight?: Readonly<Record<number, number>> },
  ): Promise<Record<string, number>> {
    return this.trainer.trainOnBatch(x, y, options);
  }

  /** Writes a `.keras` file that Python's Keras opens; optimizer and training state included. Never leaves half a file. */
  async save(path: string): Promise<void> {
    await (await import('./saving.js')).save(this, path);
  }

  /** The `.keras` file as bytes, for places without files. */
  async toBytes(): Promise<Uint8Array> {
    return (await import('./saving.js')).modelToBytes(this);
  }

  /** Writes the weights as `.weights.h5`. */
  async saveWeights(path: string): Promise<void> {
    await (await import('./saving.js')).saveWeights(this, path);
  }

  /** Loads weights of a model of the same shape from `.weights.h5`, `.keras` or a legacy `.h5`. */
  async loadWeights(source: string | Uint8Array, options: { skipMismatch?: boolean } = {}): Promise<void> {
    await (await import('./saving.js')).loadWeights(this, source, options);
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

/**
 * A graph of layers from inputs to outputs.
 *
 * @example
 * const x = layers.input([28, 28, 1]);
 * const y = layers.dense({ units: 10 }).apply(layers.flatten().apply(x));
 * const model = models.model({ inputs: x, outputs: y });
 */
export class Model extends TrainableModel {
  static override readonly className: string = 'Functional';
  static override readonly module: string = 'keras.src.models.functional';
  readonly graph: LayerGraph;

  constructor({ inputs, outputs, ...options }: ModelOptions) {
    super(options);
    const list = (value: SymbolicTensor | readonly SymbolicTensor[]): readonly SymbolicTensor[] =>
      value instanceof SymbolicTensor ? [value] : value;
    this.graph = buildLayerGraph(list(inputs), list(outputs));
    this.isBuilt = true;
    this.builtFor = this.graph.inputs.map(({ shape }) => shape);
  }

  override get layers(): readonly Layer[] {
    return this.graph.layers;
  }

  /** The calls of layers, which the summary lists; a Sequential's are plain. */
  get summaryCalls(): readonly LayerCall[] {
    return this.graph.calls;
  }
}

/**
 * Layers in a row. The first may be `layers.input(shape)`; without it the weights are made on first use.
 *
 * @example
 * const model = models.sequential([
 *   layers.input([28, 28, 1]),
 *   layers.flatten(),
 *   layers.dense({ units: 10, activation: 'softmax' }),
 * ]);
 */
export class Sequential extends TrainableModel {
  static override readonly className: string = 'Sequential';
  static override readonly module: string = 'keras';
  private readonly row: Layer[] = [];
  private input: SymbolicTensor | undefined;
  private made: LayerGraph | undefined;

  constructor(layers: readonly (Layer | SymbolicTensor)[] = [], options: LayerOptions = {}) {
    super(options);
    for (const layer of layers) this.add(layer);
  }

  /** Appends a layer; an input may only come first. */
  add(layer: Layer | SymbolicTensor): void {
    if (layer instanceof SymbolicTensor || layer instanceof InputLayer) {
      if (this.row.length > 0 || this.input !== undefined) {
        throw new FoveaError({
          code: 'argument',
          op: 'Sequential',
          message: 'an input can only be the first layer.',
          path: this.name,
          hint: 'Build a functional model for several inputs.',
        });
      }
      this.input = layer instanceof SymbolicTensor ? layer : (layer.calls[0] as LayerCall).outputs[0];
    } else {
      if (!(layer instanceof Layer)) {
        throw new FoveaError({
          code: 'argument',
          op: 'Sequential',
          message: `entry ${this.row.length} is not a layer.`,
          got: typeof layer,
          path: this.name,
          hint: 'Give layers such as layers.dense({ units: 10 }).',
        });
      }
      const same = this.row.find(({ name }) => name === layer.name);
      if (same !== undefined) {
        throw new FoveaError({
          code: 'argument',
          op: 'Sequential',
          message: same === layer ? `layer "${layer.name}" was added twice.` : `two layers are named "${layer.name}".`,
          path: this.name,
          hint: 'Give every layer a name of its own.',
        });
      }
      if (
        this.row.length === 0 &&
        this.input === undefined &&
        layer instanceof ConfiguredLayer &&
        layer.declaredInput !== undefined
      ) {
        this.input = layerInput(layer.declaredInput.slice(1));
      }
      this.row.push(layer);
    }
    this.made = undefined;
    this.isBuilt = false;
    if (this.input !== undefined && this.row.length > 0) this.makeGraph(this.input);
  }

  /** Removes the last layer. */
  pop(): Layer | undefined {
    const layer = this.row.pop();
    this.made = undefined;
    if (this.input !== undefined && this.row.length > 0) this.makeGraph(this.input);
    return layer;
  }

  override build(inputShapes: readonly PartialShape[]): void {
    if (this.made !== undefined) return;
    const [shape] = inputShapes as [PartialShape];
    const input = this.input ?? layerInput(shape.slice(1));
    this.input = input;
    this.makeGraph(input);
  }

  private makeGraph(input: SymbolicTensor): void {
    let x = input;
    for (const layer of this.row) x = layer.applySymbolic([x], false)[0] as SymbolicTensor;
    this.made = buildLayerGraph([input], [x]);
    this.isBuilt = true;
    this.builtFor = [input.shape];
  }

  override get graph(): LayerGraph {
    if (this.made === undefined) {
      throw new FoveaError({
        code: 'argument',
        op: 'Sequential',
        message: `model "${this.name}" does not know its input yet.`,
        path: this.name,
        hint: 'Start it with layers.input(shape), or call build, fit or predict first.',
      });
    }
    return this.made;
  }

  /** The layers, without the input. */
  override get layers(): readonly Layer[] {
    return this.row;
  }

  override getConfig(): LayerConfig {
    return {};
  }
}
