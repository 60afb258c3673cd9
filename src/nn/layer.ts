// The base of every layer: weights made on first use, a `call` written in ops, a name and a config. A
// custom layer is a subclass with `build` and `call`; its gradient and output shape follow by themselves.
import type { Dtype } from '../core/dtype.js';
import { encodeElements, isFloat, makeTypedArray, type TypedArray } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { formatShape, type Shape, sizeOf } from '../core/shape.js';
import { isTracing, placeholder, Tensor, whileTracing } from '../graph/tensor.js';
import { readingVariables, Variable } from '../graph/variable.js';
import { cast, divide } from '../ops/arithmetic.js';
import { type CallContext, contextFor, inferenceContext, isInStep, show, withContext } from './call-context.js';
import { type DtypePolicy, type DtypePolicyName, makeDtypePolicy } from './dtype-policy.js';
import { type InitializerLike, makeInitializer } from './initializers.js';
import { describe } from './keras-config.js';
import { maskOf, setMask } from './masks.js';
import { Mean, type Metric } from './metrics/metric.js';
import { snakeCase, uniqueName } from './naming.js';
import {
  makeRegularizer,
  penalty,
  type Regularizer,
  type RegularizerLike,
  serializeRegularizer,
} from './regularizers.js';
import {
  type CallArguments,
  type CallOptions,
  type LayerCall,
  mapTensors,
  type PartialShape,
  SymbolicTensor,
  tensorsAmong,
} from './symbolic.js';
import { layersIn, trackedLayers, trackedMetrics, trackedSlots } from './tracking.js';

export { type CallContext, inferenceContext } from './call-context.js';

/** What every layer accepts. */
export interface LayerOptions {
  /** Default: the class's name in snake_case, numbered. */
  name?: string;
  trainable?: boolean;
  /** What the layer computes in and keeps its weights in; default: what `setDtypePolicy` has set, at first float32. */
  dtype?: DtypePolicyName;
  /** A penalty on what the layer gives, over the size of the batch; training adds it to the loss. */
  activityRegularizer?: RegularizerLike | null;
}

/** Layers inside a layer, under Keras's attribute for them, by which files find their weights. */
export interface LayerSlot {
  readonly attribute: string;
  readonly layers: LayerTree;
}

/** A layer, or a list of them, which may hold lists. */
export type LayerTree = Layer | readonly LayerTree[];

/** What `call` gives: a tensor, or several in a list or by name. */
export type CallResult = Tensor | readonly Tensor[] | Readonly<Record<string, Tensor>>;

/** Plain data that describes a layer, as Keras writes it: snake_case keys. */
export type LayerConfig = Record<string, unknown>;

/** How a weight is made. */
export interface WeightOptions {
  name: string;
  shape: Shape;
  initializer?: InitializerLike;
  trainable?: boolean;
  /** Default: the layer's. */
  dtype?: Dtype;
  /** Whether `call` sees it in the dtype that the layer computes in; default true. False keeps statistics exact. */
  autocast?: boolean;
}

/** A layer: a function of tensors with weights. */
export abstract class Layer {
  /** Keras's class name, under which the layer is saved. */
  static readonly className: string = 'Layer';
  /** Keras's package: `keras.layers` for its own, another for custom layers. */
  static readonly module: string = 'keras.layers';

  readonly name: string;
  /** The penalty on what the layer gives, where it has one. */
  readonly activityRegularizer: Regularizer | null;
  private readonly policy: DtypePolicy;
  private isTrainable: boolean;
  isBuilt = false;
  /** The shapes the weights were made for. */
  builtFor: readonly PartialShape[] = [];
  /** Calls on symbolic tensors, in order. */
  readonly calls: LayerCall[] = [];
  private readonly ownTrainable: Variable[] = [];
  private readonly ownFixed: Variable[] = [];
  private readonly lossFunctions: (() => Tensor)[] = [];
  /** What `call` has added since the outermost call began. */
  private addedLosses: Tensor[] = [];
  private readonly addedMetrics = new Map<string, Mean>();
  /** The names of what `call` gave last, where it gave a record. */
  protected outputKeys: readonly string[] | undefined;

  constructor(options: LayerOptions = {}) {
    this.name = options.name ?? uniqueName(snakeCase(this.pathName));
    this.isTrainable = options.trainable ?? true;
    this.policy = makeDtypePolicy(options.dtype, this.className);
    const { activityRegularizer: like } = options;
    this.activityRegularizer = like === undefined || like === null ? null : makeRegularizer(like, this.className);
  }

  /** Whether training changes the weights; setting it sets it in all layers inside, too. */
  get trainable(): boolean {
    return this.isTrainable;
  }

  set trainable(value: boolean) {
    this.isTrainable = value;
    for (const layer of this.sublayers) layer.trainable = value;
  }

  /** The symbolic tensor the layer gave when it was first applied: where to cut a model open. Throws `argument` before that. */
  get output(): SymbolicTensor {
    const output = this.calls[0]?.outputs[0];
    if (output !== undefined) return output;
    throw new FoveaError({
      code: 'argument',
      op: this.className,
      message: `layer "${this.name}" has no output yet.`,
      hint: 'Apply it to a symbolic tensor, or put it into a model that knows its input.',
    });
  }

  /** What weights are kept in. */
  get dtype(): Dtype {
    return this.policy.variableDtype;
  }

  /** What `call` computes in: float inputs and weights reach it in this dtype. */
  get computeDtype(): Dtype {
    return this.policy.computeDtype;
  }

  /** The name of the layer's dtype policy. */
  get dtypePolicy(): DtypePolicyName {
    return this.policy.name;
  }

  get className(): string {
    return classNameOf(this.constructor as typeof Layer);
  }

  /** Keras's name of the class itself, where configs give it another: the layer's name and its place in files follow it. */
  get pathName(): string {
    return this.className;
  }

  /** Keras's names of the inputs where `call` takes them one by one and not as a list, e.g. query, value, key. */
  static readonly inputNames: readonly string[] = [];
  /** What `call` takes beside its inputs. */
  static readonly callArguments: readonly (keyof CallArguments<never>)[] = [];
  /** Whether the output's time steps count as the first input's do. Layers that know better have a `computeMask`. */
  static readonly supportsMasking: boolean = false;

  /** Layers inside this one, in order: those that attributes hold, also in lists and records. */
  get sublayers(): readonly Layer[] {
    return trackedLayers(this);
  }

  /** The layers inside by the attribute under which a file keeps them, in the file's order. */
  get slots(): readonly LayerSlot[] {
    const tracked = trackedSlots(this);
    const known = new Set(tracked.flatMap(({ layers }) => layersIn(layers)));
    const others = this.sublayers.filter((layer) => !known.has(layer));
    return others.length === 0 ? tracked : [...tracked, { attribute: 'layers', layers: others }];
  }

  /** What this layer and those inside it report in training: metrics in attributes, and those of `addMetric`. */
  get metrics(): readonly (Metric | Mean)[] {
    const inside = this.sublayers.flatMap((layer) => layer.metrics);
    return [...new Set([...trackedMetrics(this), ...this.addedMetrics.values(), ...inside])];
  }

  /** Which time steps of each output count, from the inputs and their masks; undefined where all do. */
  protected computeMask(
    _inputs: readonly Tensor[],
    masks: readonly (Tensor | undefined)[],
    _outputs: readonly Tensor[],
  ): readonly (Tensor | undefined)[] {
    return (this.constructor as typeof Layer).supportsMasking ? [masks[0]] : [];
  }

  /** Makes the weights for inputs of these shapes. Layers without weights leave it. */
  build(_inputShapes: readonly PartialShape[]): void {}

  /** Computes the output. Written in ops; `inputs` has one entry unless the layer merges several. */
  abstract call(inputs: readonly Tensor[], context: CallContext): CallResult;

  /** The penalty on this layer's own weights that training adds to the loss, a scalar. */
  regularization(): Tensor | undefined {
    return undefined;
  }

  /**
   * Adds a term to the loss that training minimises: in `call` a tensor that was made from the inputs, anywhere a function
   * that makes one from weights. Elements are summed. Throws `argument` for anything else.
   *
   * @example
   * class Sparse extends Layer {
   *   override call([x]: readonly [Tensor]): Tensor {
   *     this.addLoss(multiply(mean(abs(x)), 0.01));
   *     return x;
   *   }
   * }
   */
  addLoss(loss: Tensor | (() => Tensor)): void {
    if (loss instanceof Tensor) this.addedLosses.push(loss);
    else if (typeof loss === 'function') this.lossFunctions.push(loss);
    else {
      throw new FoveaError({
        code: 'argument',
        op: 'addLoss',
        message: `takes a tensor, or a function that gives one; got ${describe(loss)}.`,
        got: loss,
        path: this.name,
      });
    }
  }

  /** Reports the mean of a tensor over the batches of an epoch under a name; call it in `call`. */
  addMetric(value: Tensor, { name }: { name: string }): void {
    if (!isInStep()) return;
    const mean = this.addedMetrics.get(name) ?? new Mean(name);
    this.addedMetrics.set(name, mean);
    mean.update(value);
  }

  /**
   * The terms that training adds to the loss, of this layer and of those inside it: what the last call added, then the
   * penalties of weights that are trainable.
   */
  get losses(): Tensor[] {
    const added = (layer: Layer): Tensor[] => [
      ...layer.addedLosses,
      ...layer.lossFunctions.map((loss) => loss()),
      ...layer.sublayers.flatMap(added),
    ];
    return [...added(this), ...this.penalties()];
  }

  private penalties(): Tensor[] {
    if (!this.trainable) return [];
    const own = this.regularization();
    return [...(own === undefined ? [] : [own]), ...this.sublayers.flatMap((layer) => layer.penalties())];
  }

  /** @internal Forgets what calls have added to the losses, here and in the layers inside. */
  clearLosses(): void {
    this.addedLosses = [];
    for (const layer of this.sublayers) layer.clearLosses();
  }

  /** The layer's arguments, as Keras saves them (without name, trainable and dtype, which the base adds). */
  getConfig(): LayerConfig {
    return {};
  }

  /** All of what Keras writes under `config`. */
  get config(): LayerConfig {
    const { activityRegularizer: regularizer } = this;
    const activity = regularizer === null ? {} : { activity_regularizer: serializeRegularizer(regularizer) };
    return { name: this.name, trainable: this.trainable, dtype: this.dtypePolicy, ...activity, ...this.getConfig() };
  }

  /** The output shapes for inputs of these shapes, found by tracing `call`; unknown sizes stay unknown. */
  computeOutputShapes(
    inputShapes: readonly PartialShape[],
    dtypes?: readonly Dtype[],
    options: CallArguments<SymbolicTensor> = {},
  ): { shape: PartialShape; dtype: Dtype }[] {
    // Sizes that change with an unknown input size are unknown themselves.
    const [first, second] = this.probe(inputShapes, dtypes, options);
    return first.map(({ shape, dtype }, index) => ({
      shape: shape.map((dim, axis) => (dim === second[index]?.shape[axis] ? dim : null)),
      dtype,
    }));
  }

  private probe(
    inputShapes: readonly PartialShape[],
    dtypes: readonly Dtype[] | undefined,
    options: CallArguments<SymbolicTensor>,
  ): [readonly Tensor[], readonly Tensor[]] {
    const allShapes = [...inputShapes, ...tensorsAmong(options).map(({ shape }) => shape)];
    const isBatchOnly = allShapes.every((shape) => shape.slice(1).every((dim) => dim !== null));
    // Large enough for a deep stack of poolings where height and width are unknown.
    const probes = isBatchOnly
      ? [
          { batch: 2, size: 1 },
          { batch: 3, size: 1 },
        ]
      : [
          { batch: 2, size: 512 },
          { batch: 3, size: 544 },
        ];
    return probes.map(({ batch, size }) => {
      const stand = (shape: PartialShape, dtype: Dtype): Tensor =>
        placeholder({ shape: shape.map((dim, axis) => dim ?? (axis === 0 ? batch : size)), dtype });
      const inputs = inputShapes.map((shape, i) => stand(shape, dtypes?.[i] ?? 'float32'));
      const more = mapTensors(options, ({ shape, dtype }) => stand(shape, dtype));
      // Weights are made for the shapes as they are known, not for the probe's.
      this.buildNamed(inputShapes);
      try {
        return whileTracing(() => this.run(inputs, inferenceContext, more));
      } finally {
        this.clearLosses();
      }
    }) as [readonly Tensor[], readonly Tensor[]];
  }

  /** Builds if needed and calls, naming this layer in errors; masks go from the inputs to the outputs. */
  run(inputs: readonly Tensor[], context: CallContext, options: CallArguments<Tensor> = {}): readonly Tensor[] {
    try {
      // A trace stands for batches of any size.
      this.ensureBuilt(
        inputs.map(({ shape }) => (isTracing() ? shape.map((dim, axis) => (axis === 0 ? null : dim)) : shape)),
      );
      this.checkArguments(options);
      const toCompute = (value: Tensor): Tensor => this.toCompute(value);
      const masks = masksFor(inputs, options);
      const own: CallContext = { ...context, masks, options: mapTensors(options, toCompute) };
      const outputs = this.enter(context, () =>
        this.computing(() => this.call(this.castsInputs ? inputs.map(toCompute) : inputs, own)),
      );
      if (this.activityRegularizer !== null) this.penalizeActivity(outputs, this.activityRegularizer);
      this.computeMask(inputs, masks, outputs).forEach((mask, i) => {
        if (mask !== undefined) setMask(outputs[i] as Tensor, mask);
      });
      show(this, outputs);
      return outputs;
    } catch (error) {
      throw error instanceof FoveaError ? error.at(this.name) : error;
    }
  }

  /** Runs `body`, in which weights are read in the dtype that the layer computes in. */
  computing<T>(body: () => T): T {
    const { computeDtype, variableDtype } = this.policy;
    return readingVariables(
      computeDtype === variableDtype ? undefined : (value: Tensor): Tensor => this.toCompute(value),
      body,
    );
  }

  private toCompute(value: Tensor): Tensor {
    return isFloat(value.dtype) ? cast(value, this.policy.computeDtype) : value;
  }

  /** Throws `argument` for one that this class does not take. */
  private checkArguments(options: CallArguments<Tensor>): void {
    const { callArguments } = this.constructor as typeof Layer;
    for (const [name, value] of Object.entries(options)) {
      if (value === undefined || ALWAYS_TAKEN.includes(name) || callArguments.some((each) => each === name)) continue;
      throw new FoveaError({
        code: 'argument',
        op: this.className,
        message: `takes no ${name}.`,
        got: name,
        want: callArguments,
        ...(callArguments.length === 0 ? {} : { hint: `Beside its inputs it takes ${callArguments.join(', ')}.` }),
      });
    }
  }

  /** Runs `call`; the outermost one forgets what an earlier one has added to the losses. Gives the outputs as a list. */
  protected enter(context: CallContext, call: () => CallResult): readonly Tensor[] {
    if (depth === 0) this.clearLosses();
    depth++;
    try {
      const result = withContext(context, call);
      if (result instanceof Tensor) return [result];
      this.outputKeys = Array.isArray(result) ? undefined : Object.keys(result);
      return Object.values(result);
    } finally {
      depth--;
    }
  }

  private penalizeActivity(outputs: readonly Tensor[], regularizer: Regularizer): void {
    for (const output of outputs) {
      const value = penalty(cast(output, 'float32'), regularizer);
      this.addLoss(divide(value, output.shape[0] ?? 1));
    }
  }

  /** Whether `call` sees float inputs in the dtype that the layer computes in; models leave that to their layers. */
  protected get castsInputs(): boolean {
    return true;
  }

  /** Builds outside `run`, with this layer's name in errors. */
  protected buildNamed(inputShapes: readonly PartialShape[]): void {
    try {
      this.ensureBuilt(inputShapes);
    } catch (error) {
      throw error instanceof FoveaError ? error.at(this.name) : error;
    }
  }

  ensureBuilt(inputShapes: readonly PartialShape[]): void {
    if (this.isBuilt) return;
    this.builtFor = inputShapes;
    this.build(inputShapes);
    this.isBuilt = true;
  }

  /**
   * Applies the layer: to symbolic tensors it adds a step to the model being defined, to tensors it computes (in the mode of
   * the call it stands in, outside of one in inference mode, unless `training` is given).
   */
  apply(inputs: SymbolicTensor | readonly SymbolicTensor[], options?: CallOptions): SymbolicTensor;
  apply(inputs: Tensor | readonly Tensor[], options?: CallOptions<Tensor>): Tensor;
  apply(
    inputs: SymbolicTensor | Tensor | readonly (SymbolicTensor | Tensor)[],
    options: CallOptions | CallOptions<Tensor> = {},
  ): SymbolicTensor | Tensor {
    return this.applyAll(inputs as Tensor, options as CallOptions<Tensor>)[0] as Tensor;
  }

  /** `apply` for layers with several outputs, such as a recurrent layer that also gives its state. */
  applyAll(inputs: SymbolicTensor | readonly SymbolicTensor[], options?: CallOptions): readonly SymbolicTensor[];
  applyAll(inputs: Tensor | readonly Tensor[], options?: CallOptions<Tensor>): readonly Tensor[];
  applyAll(
    inputs: SymbolicTensor | Tensor | readonly (SymbolicTensor | Tensor)[],
    rest: CallOptions | CallOptions<Tensor> = {},
  ): readonly (SymbolicTensor | Tensor)[] {
    const isList = Array.isArray(inputs);
    const given = (isList ? inputs : [inputs]) as readonly (SymbolicTensor | Tensor)[];
    const { inputNames } = this.constructor as typeof Layer;
    // What follows the inputs that Keras takes one by one is the state to start from.
    const count = inputNames.length === 0 ? given.length : inputNames.length;
    const list = given.slice(0, count);
    const options = given.length > count ? { ...rest, initialState: given.slice(count) } : rest;
    if (list.every((each): each is Tensor => each instanceof Tensor)) {
      const { training, ...more } = options as CallOptions<Tensor>;
      return this.run(list, contextFor(training), more);
    }
    return this.applySymbolic(
      list as readonly SymbolicTensor[],
      isList && inputNames.length === 0,
      options as CallOptions,
    );
  }

  /** Adds a call to the model being defined; `isList` says whether Keras would be given the inputs as a list. */
  applySymbolic(
    inputs: readonly SymbolicTensor[],
    isList: boolean,
    options: CallOptions = {},
  ): readonly SymbolicTensor[] {
    for (const input of [...inputs, ...tensorsAmong(options)]) {
      if (!(input instanceof SymbolicTensor)) {
        throw new FoveaError({
          code: 'argument',
          op: this.className,
          message: `was applied to ${input === undefined ? 'undefined' : typeof input}.`,
          hint: 'Apply a layer to the result of layers.input or of another layer, or to tensors.',
          path: this.name,
        });
      }
    }
    const shapes = inputs.map(({ shape }) => shape);
    this.builtFor = this.isBuilt ? this.builtFor : shapes;
    const types = this.computeOutputShapes(
      shapes,
      inputs.map(({ dtype }) => dtype),
      options,
    );
    const call: LayerCall = { layer: this, inputs, isList, options, outputs: [] };
    types.forEach(({ shape, dtype }, index) => {
      const output = new SymbolicTensor(shape, dtype, `${this.name}/output${index === 0 ? '' : `_${index}`}`);
      output.source = { call, index };
      call.outputs.push(output);
    });
    this.calls.push(call);
    return call.outputs;
  }

  /** Adds a weight; call it in `build`. */
  addWeight({
    name,
    shape,
    initializer = 'glorotUniform',
    trainable = true,
    dtype = this.dtype,
    autocast = true,
  }: WeightOptions): Variable {
    if (shape.some((dim) => !Number.isInteger(dim) || dim < 0)) {
      throw new FoveaError({
        code: 'shape',
        op: this.className,
        message: `cannot make weight "${name}" of shape ${formatShape(shape)}: a size of the input is not known.`,
        got: shape,
        hint: 'Give the input layer every size that a weight depends on.',
      });
    }
    if (trainable && !isFloat(dtype)) {
      throw new FoveaError({
        code: 'dtype',
        op: this.className,
        message: `weight "${name}" is trained and cannot be ${dtype}.`,
        got: dtype,
        hint: 'Give the layer a dtype of floats.',
      });
    }
    const zeros = (): TypedArray => makeTypedArray(dtype, sizeOf(shape));
    const variable = Variable.from(zeros, shape, dtype, { name, trainable, isCast: autocast });
    variable.path = `${this.name}/${name}`;
    makeInitializer(initializer).fill(variable);
    variable.markInitial();
    (trainable ? this.ownTrainable : this.ownFixed).push(variable);
    return variable;
  }

  /** Counts a weight of a layer inside among this layer's own, too: files then hold it twice. */
  protected adoptWeight(weight: Variable): void {
    (weight.trainable ? this.ownTrainable : this.ownFixed).push(weight);
  }

  /** Own weights and those of the layers inside, in Keras's order: trainable ones first in each layer. */
  get weights(): Variable[] {
    return [...new Set([...this.ownTrainable, ...this.ownFixed, ...this.sublayers.flatMap((layer) => layer.weights)])];
  }

  /** The names of `weights`, those of layers inside behind the layer's name: `lstm_cell/kernel`. */
  get weightPaths(): string[] {
    const paths = new Map(this.ownWeights.map((weight) => [weight, weight.name]));
    for (const layer of this.sublayers) {
      layer.weights.forEach((weight, i) => {
        paths.set(weight, `${layer.name}/${layer.weightPaths[i]}`);
      });
    }
    return this.weights.map((weight) => paths.get(weight) as string);
  }

  /** Weights that training changes. */
  get trainableWeights(): Variable[] {
    if (!this.trainable) return [];
    return [...new Set([...this.ownTrainable, ...this.sublayers.flatMap((layer) => layer.trainableWeights)])];
  }

  /** Weights that training leaves alone: statistics, and everything in frozen layers. */
  get nonTrainableWeights(): Variable[] {
    const trainable = new Set(this.trainableWeights);
    return this.weights.filter((weight) => !trainable.has(weight));
  }

  /** This layer's own variables, without those of layers inside. */
  get ownWeights(): Variable[] {
    return [...this.ownTrainable, ...this.ownFixed];
  }

  countParams(): number {
    return this.weights.reduce((total, { size }) => total + size, 0);
  }

  /** The weights' values, as copies, in the order of `weights`. */
  async getWeights(): Promise<Float32Array[]> {
    return Promise.all(this.weights.map(async (weight) => (await weight.tensor.data()) as Float32Array));
  }

  /** Sets the weights from arrays in the order of `weights`. Throws `shape` where counts differ. */
  setWeights(values: readonly Float32Array[]): void {
    const { weights } = this;
    if (values.length !== weights.length) {
      throw new FoveaError({
        code: 'shape',
        op: 'setWeights',
        message: `layer "${this.name}" has ${weights.length} weights; got ${values.length} arrays.`,
        got: values.length,
        want: weights.length,
        hint: this.isBuilt
          ? 'Give one array per weight, in the order of layer.weights.'
          : 'Build the layer first: apply it to an input.',
      });
    }
    weights.forEach((weight, i) => {
      const value = values[i] as Float32Array;
      weight.set(weight.dtype === 'float32' ? value.slice() : encodeElements(weight.dtype, value));
    });
  }
}

/** A class's `className`; of a class of the user's own that has none, its name in the code. */
export function classNameOf(layer: { readonly className: string; readonly name?: string }): string {
  const { className, name = className } = layer;
  const isInherited = ['Layer', 'Functional', 'Sequential'].includes(className) && !Object.hasOwn(layer, 'className');
  return isInherited ? name : className;
}

// Every layer may run in another mode, or be told which steps count.
const ALWAYS_TAKEN: readonly string[] = ['mask', 'training'];

/** How many calls of layers are running. */
let depth = 0;

/** The inputs' masks: those given, or those that earlier layers found. */
function masksFor(inputs: readonly Tensor[], { mask }: CallArguments<Tensor>): (Tensor | undefined)[] {
  const given: readonly (Tensor | null)[] = mask === undefined ? [] : mask instanceof Tensor ? [mask] : mask;
  return inputs.map((input, i) => given[i] ?? maskOf(input));
}
