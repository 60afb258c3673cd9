// The network of a transfer: pictures 0..255, augmentation while training, what the base wants of pixels, the base, its map's
// mean, a dense classifier. The base is called with training false, which keeps its batch norms to the statistics they have.
import { FoveaError } from '../../core/errors.js';
import type { Layer } from '../../nn/layer.js';
import * as layers from '../../nn/layers/index.js';
import { Model, TrainableModel } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { type Base, preprocessingLayers } from './base.js';

/** Names of layers by which a saved network is taken apart again. */
const FEATURES = 'features';
const HEAD = 'classifier';
const DROPOUT = 'classifier_dropout';

export interface NetworkOptions {
  readonly classes: number;
  /** Share of features dropped before the classifier while training. */
  readonly dropout: number;
  /** Random layers for pictures 0..255, before all else. */
  readonly augmentation: readonly Layer[];
  readonly isFromScratch: boolean;
}

/** The network, a model without augmentation that shares its weights, and the part up to the features. */
export interface Network {
  readonly whole: Model;
  readonly plain: Model;
  readonly extractor: Model;
  readonly base: TrainableModel;
}

/** Puts a network around a base. */
export function buildNetwork(base: Base, options: NetworkOptions): Network {
  const { size, channels = 3 } = base.preprocessing;
  const input = layers.input([...size, channels], { name: 'pictures' });
  const before = preprocessingLayers(base);
  const after = [
    ...(base.model.outputShape.length === 4 ? [layers.globalAveragePooling2d({ name: FEATURES })] : []),
    ...(options.dropout > 0 ? [layers.dropout({ rate: options.dropout, name: DROPOUT })] : []),
    layers.dense({ units: options.classes, activation: 'softmax', name: HEAD }),
  ];
  return connect(input, { before, base: base.model, after, ...options });
}

interface Parts {
  readonly before: readonly Layer[];
  readonly base: TrainableModel;
  readonly after: readonly Layer[];
  readonly augmentation: readonly Layer[];
  readonly isFromScratch: boolean;
}

function connect(input: SymbolicTensor, { before, base, after, augmentation, isFromScratch }: Parts): Network {
  const chain = (x: SymbolicTensor, row: readonly Layer[]): SymbolicTensor =>
    row.reduce((tensor, layer) => layer.apply(tensor), x);
  const through = (x: SymbolicTensor): SymbolicTensor =>
    base.apply(chain(x, before), isFromScratch ? {} : { training: false });
  const features = after.filter(({ name }) => name === FEATURES);
  const rest = after.slice(features.length);
  const plainFeatures = chain(through(input), features);
  const name = `${base.name}_finetuned`;
  const extractor = new Model({ inputs: input, outputs: plainFeatures, name: `${base.name}_features` });
  const plain = new Model({ inputs: input, outputs: chain(plainFeatures, rest), name });
  if (augmentation.length === 0) return { whole: plain, plain, extractor, base };
  const outputs = chain(through(chain(input, augmentation)), after);
  return { whole: new Model({ inputs: input, outputs, name: `${name}_augmented` }), plain, extractor, base };
}

/** A network as a file gave it, taken apart: the layers in front that only change training pictures are left out of `plain`. */
export function reopenNetwork(whole: TrainableModel, augmented: number, isFromScratch: boolean): Network {
  const { graph } = whole;
  const row = graph.calls.filter(({ inputs }) => inputs.length > 0).map(({ layer }) => layer);
  const at = row.findIndex((layer) => layer instanceof TrainableModel);
  const base = row[at];
  if (!(base instanceof TrainableModel)) throw notOurs(whole.name);
  const parts: Parts = {
    before: row.slice(augmented, at),
    base,
    after: row.slice(at + 1),
    augmentation: [],
    isFromScratch,
  };
  const { shape } = graph.inputs[0] as SymbolicTensor;
  return { ...connect(layers.input(shape.slice(1), { name: 'pictures' }), parts), whole: whole as Model };
}

/** A classifier alone, on features. */
export function buildHead(features: number, { classes, dropout }: Pick<NetworkOptions, 'classes' | 'dropout'>): Model {
  const input = layers.input([features], { name: FEATURES });
  const x = dropout > 0 ? layers.dropout({ rate: dropout, name: DROPOUT }).apply(input) : input;
  const outputs = layers.dense({ units: classes, activation: 'softmax', name: HEAD }).apply(x);
  return new Model({ inputs: input, outputs, name: 'classifier_on_features' });
}

/** Gives a network the classifier of another. */
export async function copyHead(from: TrainableModel, to: TrainableModel): Promise<void> {
  to.getLayer(HEAD).setWeights(await from.getLayer(HEAD).getWeights());
}

/** The layers a base counts as its own: those of the model inside, where it is one around another. */
function stackOf(base: TrainableModel): readonly Layer[] {
  const weighty = base.layers.filter((layer) => layer.weights.length > 0);
  const [only] = weighty;
  return weighty.length === 1 && only instanceof TrainableModel ? stackOf(only) : base.layers;
}

/**
 * Freezes the layers of a base before one, by its name or number (`half`: the middle of those with weights), and lets the
 * others train; undefined freezes all. Gives the number of the first layer that trains. Throws `argument` for a layer that is not there.
 */
export function unfreeze(base: TrainableModel, from: string | number | undefined): number {
  base.trainable = false;
  const stack = stackOf(base);
  if (from === undefined) return stack.length;
  const first = firstOf(stack, from, base.name);
  base.trainable = true;
  for (const layer of stack.slice(0, first)) layer.trainable = false;
  return first;
}

function firstOf(stack: readonly Layer[], from: string | number, base: string): number {
  if (from === 'half') {
    const weighty = stack.flatMap((layer, i) => (layer.weights.length > 0 ? [i] : []));
    return weighty[Math.floor(weighty.length / 2)] ?? 0;
  }
  const number = typeof from === 'number' ? from : Number(from);
  const first = stack.findIndex(({ name }) => name === from);
  if (first >= 0) return first;
  if (Number.isInteger(number) && number >= 0 && number < stack.length) return number;
  throw new FoveaError({
    code: 'argument',
    op: 'finetune',
    message: `the base "${base}" has no layer "${from}" to unfreeze from.`,
    got: from,
    want: stack.map(({ name }) => name),
    hint: `Give the name of one of its ${stack.length} layers or its number: fovea summary lists them.`,
  });
}

function notOurs(name: string): FoveaError {
  return new FoveaError({
    code: 'format',
    op: 'finetune',
    message: `model "${name}" is not one that finetune began to train.`,
    hint: 'Start a new run.',
  });
}
