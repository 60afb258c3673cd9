// Models: layers put together as a graph (functional), in a row (Sequential), or by code of the user's own (a subclass of
// Model). Training, saving and the summary live in their own files.
import { FoveaError } from '../core/errors.js';
import type { Tensor } from '../graph/tensor.js';
import { buildLayerGraph, type LayerGraph, runLayerGraph } from './functional.js';
import { type CallContext, type CallResult, Layer, type LayerOptions, type LayerSlot } from './layer.js';
import { ConfiguredLayer } from './layers/configured.js';
import { InputLayer, input as layerInput } from './layers/input.js';
import { type LayerCall, type PartialShape, SymbolicTensor } from './symbolic.js';
import { trackedLayers, trackedSlots } from './tracking.js';
import { type InputPort, TrainableModel } from './trainable-model.js';

export { type InputPort, TrainableModel } from './trainable-model.js';

/** One symbolic tensor, or several in a list or by name. */
export type SymbolicTensors = SymbolicTensor | readonly SymbolicTensor[] | Readonly<Record<string, SymbolicTensor>>;

/** What a functional model is made of. */
export interface ModelOptions extends LayerOptions {
  inputs: SymbolicTensors;
  outputs: SymbolicTensors;
}

/**
 * A model: either a graph of layers from inputs to outputs, or a class of one's own with a `call`. Layers that such a class
 * keeps in its attributes, also in lists and records, are its layers.
 *
 * @example
 * class Twin extends models.Model {
 *   readonly left = layers.dense({ units: 2 });
 *   readonly right = layers.dense({ units: 2 });
 *   override call([x]: readonly [Tensor]): Tensor {
 *     return add(this.left.apply(x), this.right.apply(x));
 *   }
 * }
 * const model = new Twin();
 * console.log((await model.predict(ones([1, 3]))).shape); // [1, 2]
 */
export class Model extends TrainableModel {
  static override readonly className: string = 'Functional';
  static override readonly module: string = 'keras.src.models.functional';
  private made: LayerGraph | undefined;
  /** The names under which a functional model was given its ends. */
  readonly endNames: { readonly inputs?: readonly string[]; readonly outputs?: readonly string[] };
  /** Whether the model was made from inputs and outputs. */
  readonly isFunctional: boolean;
  private isEnsuring = false;

  constructor(options: ModelOptions | LayerOptions = {}) {
    const { inputs, outputs, ...common } = options as Partial<ModelOptions>;
    super(common);
    this.isFunctional = inputs !== undefined && outputs !== undefined;
    this.endNames = { ...namesOf(inputs, 'inputs'), ...namesOf(outputs, 'outputs') };
    if (inputs === undefined || outputs === undefined) {
      if (inputs === undefined && outputs === undefined && this.constructor !== Model) return;
      throw new FoveaError({
        code: 'argument',
        op: 'model',
        message: `no ${inputs === undefined ? 'inputs' : 'outputs'} were given.`,
        path: this.name,
        hint: 'Pass inputs and outputs, or make a subclass with a call.',
      });
    }
    this.made = buildLayerGraph(listOf(inputs), listOf(outputs));
    this.isBuilt = true;
    this.builtFor = this.made.inputs.map(({ shape }) => shape);
  }

  override get graph(): LayerGraph {
    if (this.made !== undefined) return this.made;
    throw unknownInput('model', this.name, 'Call build, fit or predict first, or give it inputs and outputs.');
  }

  override get isKnown(): boolean {
    return this.made !== undefined;
  }

  override get fixesInputs(): boolean {
    return this.isFunctional;
  }

  override get layers(): readonly Layer[] {
    const tracked = trackedLayers(this);
    return this.isFunctional ? [...new Set([...this.graph.layers, ...tracked])] : tracked;
  }

  /** As Keras keeps them: all layers first where they are a graph, else in their place in the alphabet. */
  override get slots(): readonly LayerSlot[] {
    const all = { attribute: 'layers', layers: this.layers };
    return this.isFunctional ? [all, ...trackedSlots(this)] : trackedSlots(this, [all]);
  }

  override get inputNames(): readonly string[] {
    return this.endNames.inputs ?? super.inputNames;
  }

  override get outputNames(): readonly string[] {
    const names = this.endNames.outputs ?? (this.isFunctional ? undefined : this.outputKeys);
    if (names !== undefined) return names;
    return this.isFunctional || this.outputs.length === 1
      ? super.outputNames
      : this.outputs.map((_, i) => `output_${i + 1}`);
  }

  /** The calls of layers, which the summary lists; others' layers are listed plain. */
  get summaryCalls(): readonly LayerCall[] | undefined {
    return this.isFunctional ? this.graph.calls : undefined;
  }

  /** Computes the outputs: of a graph by its layers; a subclass writes its own. */
  override call(inputs: readonly Tensor[], context: CallContext): CallResult {
    if (this.made !== undefined && this.isFunctional) return runLayerGraph(this.made, inputs, context);
    throw new FoveaError({
      code: 'argument',
      op: this.className,
      message: 'has no call.',
      path: this.name,
      hint: 'Write call([x], context) in the class; a model that only trains needs a trainStep.',
    });
  }

  override callWatched(...args: Parameters<TrainableModel['callWatched']>): readonly Tensor[] {
    if (!this.hasOwnCall) return this.isFunctional ? runLayerGraph(this.graph, ...args) : [];
    return super.callWatched(...args);
  }

  private get hasOwnCall(): boolean {
    return this.call !== Model.prototype.call;
  }

  /**
   * Makes the weights for inputs of these shapes, the batch null, by running `call` on them. A subclass that makes weights
   * of its own here need not call it: layers are built when they are first applied.
   */
  override build(inputShapes: readonly PartialShape[]): void {
    if (this.isEnsuring) return;
    this.prepare(inputShapes.map((shape, i) => ({ name: `input_${i + 1}`, shape, dtype: 'float32' })));
  }

  override ensureBuilt(inputShapes: readonly PartialShape[]): void {
    this.isEnsuring = true;
    try {
      super.ensureBuilt(inputShapes);
    } finally {
      this.isEnsuring = false;
    }
  }

  override prepare(ports: readonly InputPort[]): void {
    if (this.made !== undefined) return;
    const inputs = ports.map(({ name, shape, dtype }) => new SymbolicTensor(shape, dtype, name));
    const outputs = this.hasOwnCall ? this.applySymbolic(inputs, inputs.length > 1) : [];
    if (!this.hasOwnCall) this.ensureBuilt(ports.map(({ shape }) => shape));
    this.made = { inputs, outputs, calls: [], layers: this.layers };
  }
}

function listOf(tensors: SymbolicTensors): readonly SymbolicTensor[] {
  return tensors instanceof SymbolicTensor ? [tensors] : Object.values(tensors);
}

function namesOf(tensors: SymbolicTensors | undefined, end: 'inputs' | 'outputs') {
  if (tensors === undefined || tensors instanceof SymbolicTensor || Array.isArray(tensors)) return {};
  return { [end]: Object.keys(tensors) };
}

function unknownInput(op: string, name: string, hint: string): FoveaError {
  return new FoveaError({
    code: 'argument',
    op,
    message: `model "${name}" does not know its input yet.`,
    path: name,
    hint,
  });
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

  override get isKnown(): boolean {
    return this.made !== undefined;
  }

  override get fixesInputs(): boolean {
    return true;
  }

  override prepare(inputs: readonly InputPort[]): void {
    this.ensureBuilt(inputs.map(({ shape }) => shape));
  }

  override call(inputs: readonly Tensor[], context: CallContext): readonly Tensor[] {
    return runLayerGraph(this.graph, inputs, context);
  }

  override callWatched(...[inputs, context, watch]: Parameters<TrainableModel['callWatched']>): readonly Tensor[] {
    return runLayerGraph(this.graph, inputs, context, watch);
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
      const hint = 'Start it with layers.input(shape), or call build, fit or predict first.';
      throw unknownInput('Sequential', this.name, hint);
    }
    return this.made;
  }

  /** The layers, without the input. */
  override get layers(): readonly Layer[] {
    return this.row;
  }

  override get slots(): readonly LayerSlot[] {
    return [{ attribute: 'layers', layers: this.row }];
  }
}
