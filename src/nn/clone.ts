// Copies of models: the same layers once more, with weights of their own, upon other inputs or with some layers replaced.
import { FoveaError } from '../core/errors.js';
import { makeCompileConfig, readCompileConfig } from './compile-config.js';
import { Layer } from './layer.js';
import { InputLayer, input as layerInput } from './layers/input.js';
import { Lambda } from './layers/other.js';
import { type LayerClass, layerOfClass } from './layers/registry.js';
import { Model, Sequential, type SymbolicTensors, TrainableModel } from './model.js';
import { configOfModel, modelFromConfig } from './model-config.js';
import { mapTensors, SymbolicTensor } from './symbolic.js';

/** How a model is copied. */
export interface CloneOptions {
  /** Symbolic tensors that take the place of the inputs; default: new inputs of the same shapes and names. */
  inputTensors?: SymbolicTensor | readonly SymbolicTensor[];
  /** Makes the layer that takes a layer's place; default: one of the same class and config, with new weights. Not asked for inputs. */
  cloneFunction?: (layer: Layer) => Layer;
}

/** A layer of the same class and config, not built yet. */
function cloneLayer(layer: Layer): Layer {
  if (layer instanceof Lambda) return layer.copy();
  if (layer instanceof TrainableModel) return cloneModel(layer);
  return layerOfClass(layer.constructor as unknown as LayerClass, layer.config);
}

/**
 * A copy of a model with new weights; copy those with `copy.setWeights(await model.getWeights())`. A layer that is shared
 * stays shared. Compiled as the model is, with an optimizer of its own. Throws `argument` for options that a subclassed
 * model cannot obey.
 *
 * @example
 * const copy = models.cloneModel(model);
 * copy.setWeights(await model.getWeights());
 * console.log(copy.countParams() === model.countParams()); // true
 */
export function cloneModel<M extends TrainableModel>(model: M, options: CloneOptions = {}): M {
  const copy = make(model, options);
  copy.metadata = model.metadata;
  const compiled = makeCompileConfig(model);
  if (compiled !== undefined && model.compile === TrainableModel.prototype.compile)
    copy.compile(readCompileConfig(compiled, model.name));
  return copy as M;
}

function make(model: TrainableModel, options: CloneOptions): TrainableModel {
  const { inputTensors } = options;
  const given = inputTensors === undefined ? undefined : [inputTensors].flat();
  const clones = new Map<Layer, Layer>();
  const clone = (layer: Layer): Layer => {
    const known = clones.get(layer);
    if (known !== undefined) return known;
    const made = (options.cloneFunction ?? cloneLayer)(layer);
    if (!(made instanceof Layer)) {
      throw new FoveaError({
        code: 'argument',
        op: 'cloneModel',
        message: `cloneFunction gave no layer for "${layer.name}".`,
        got: typeof made,
        path: model.name,
      });
    }
    clones.set(layer, made);
    return made;
  };
  const own = { name: model.name, trainable: model.trainable };
  if (model.constructor === Sequential) return cloneRow(model as Sequential, given, clone, own);
  if (model.constructor === Model && (model as Model).isFunctional) {
    const { inputs, outputs } = cloneGraph(model as Model, given, clone);
    return new Model({ inputs, outputs, ...own });
  }
  if (given !== undefined || options.cloneFunction !== undefined) {
    throw new FoveaError({
      code: 'argument',
      op: 'cloneModel',
      message: `inputTensors and cloneFunction need a Sequential or functional model; "${model.name}" is a ${model.className}.`,
      got: model.className,
      hint: 'Leave them out, or copy the models inside.',
    });
  }
  return modelFromConfig(configOfModel(model), {}, model.constructor as unknown as LayerClass);
}

function cloneRow(
  model: Sequential,
  given: readonly SymbolicTensor[] | undefined,
  clone: (layer: Layer) => Layer,
  own: { name: string; trainable: boolean },
): Sequential {
  checkCount(given, 1, model.name);
  const [first] = given ?? (model.isKnown ? model.inputs.map(sameInput) : []);
  const row = model.layers.map(clone);
  return new Sequential([...(first === undefined ? [] : [first]), ...row], { ...own, dtype: model.dtypePolicy });
}

function cloneGraph(
  { graph, name, endNames }: Model,
  given: readonly SymbolicTensor[] | undefined,
  clone: (layer: Layer) => Layer,
): { inputs: SymbolicTensors; outputs: SymbolicTensors } {
  checkCount(given, graph.inputs.length, name);
  const inputs = given ?? graph.inputs.map(sameInput);
  const made = new Map(graph.inputs.map((input, i) => [input, inputs[i] as SymbolicTensor]));
  const get = (tensor: SymbolicTensor): SymbolicTensor => made.get(tensor) as SymbolicTensor;
  for (const call of graph.calls) {
    if (call.outputs.every((output) => made.has(output))) continue;
    const { training } = call.options;
    const options = { ...mapTensors(call.options, get), ...(training === undefined ? {} : { training }) };
    const outputs = clone(call.layer).applySymbolic(call.inputs.map(get), call.isList, options);
    call.outputs.forEach((output, i) => {
      made.set(output, outputs[i] as SymbolicTensor);
    });
  }
  const ends = (tensors: readonly SymbolicTensor[], names: readonly string[] | undefined): SymbolicTensors =>
    names === undefined ? tensors : Object.fromEntries(names.map((each, i) => [each, tensors[i] as SymbolicTensor]));
  return { inputs: ends(inputs, endNames.inputs), outputs: ends(graph.outputs.map(get), endNames.outputs) };
}

function sameInput({ shape: [batch, ...sizes], dtype, source }: SymbolicTensor): SymbolicTensor {
  const layer = source?.call.layer;
  return layerInput(sizes, {
    dtype,
    ...(layer instanceof InputLayer ? { name: layer.name } : {}),
    ...(typeof batch === 'number' ? { batchSize: batch } : {}),
  });
}

function checkCount(given: readonly unknown[] | undefined, want: number, path: string): void {
  if (given === undefined) return;
  const isRight = given.length === want && given.every((each) => each instanceof SymbolicTensor);
  if (isRight) return;
  throw new FoveaError({
    code: 'argument',
    op: 'cloneModel',
    message: `inputTensors must be ${want} symbolic ${want === 1 ? 'tensor' : 'tensors'}; got ${given.length}.`,
    got: given.length,
    want,
    hint: 'Make them with layers.input, or take outputs of layers.',
    path,
  });
}
