// The networks that the benchmarks run whole, and what their peers must know to build the same: layers with Keras's
// settings. Weights are drawn by a rule that all know (./peers/networks.py is the twin), so that none need be sent.
import { layers, models, zoo } from '../src/index.js';
import type { Layer } from '../src/nn/layer.js';
import { numbers } from './numbers.js';

type Model = ReturnType<typeof models.model>;
type Symbolic = ReturnType<typeof layers.input>;

export interface Network {
  readonly title: string;
  /** The largest number in a picture: 255 where the network divides by that itself. */
  readonly scale: number;
  /** Of gradient descent with momentum: small, because with drawn weights rounding errors soon grow large. */
  readonly learningRate: number;
  /** What a label is: one of 1,000 classes, or 0 or 1 for each pixel. */
  readonly target: 'class' | 'mask';
  make(): Model;
}

/** Without the softmax: it would hide the numbers before it from whoever compares. */
const logits = { classifierActivation: null } as const;

/** Without dropout, whose random numbers no two frameworks share. */
function efficientnet(): Model {
  const base = zoo.efficientnetB0({ includeTop: false, inputShape: [224, 224, 3], pooling: 'avg', dropConnectRate: 0 });
  return models.model({
    inputs: base.inputs,
    outputs: layers.dense({ units: 1000 }).apply(base.outputs[0] as Symbolic),
  });
}

/** Ronneberger et al. 2015, arXiv 1505.04597, padded: 64 to 1,024 channels, a mask as large as the picture. */
function unet(): Model {
  const input = layers.input([256, 256, 3]);
  const pair = (x: Symbolic, filters: number): Symbolic => {
    const conv = () => layers.conv2d({ filters, kernelSize: 3, padding: 'same', activation: 'relu' });
    return conv().apply(conv().apply(x));
  };
  const kept: Symbolic[] = [];
  let x = input;
  for (const filters of [64, 128, 256, 512]) {
    const wide = pair(x, filters);
    kept.push(wide);
    x = layers.maxPooling2d().apply(wide);
  }
  x = pair(x, 1024);
  for (const filters of [512, 256, 128, 64]) {
    const up = layers.conv2dTranspose({ filters, kernelSize: 2, strides: 2 }).apply(x);
    x = pair(layers.concatenate().apply([kept.pop() as Symbolic, up]), filters);
  }
  return models.model({ inputs: input, outputs: layers.conv2d({ filters: 1, kernelSize: 1 }).apply(x) });
}

const classifier = (title: string, make: () => Model, more: Partial<Network> = {}): Network => ({
  title,
  scale: 1,
  learningRate: 1e-5,
  target: 'class',
  make,
  ...more,
});

/** By the names that works carry. */
export const NETWORKS: Readonly<Record<string, Network>> = {
  resnet50: classifier('ResNet-50', () => zoo.resnet50(logits)),
  mobilenetv2: classifier('MobileNetV2', () => zoo.mobilenetV2(logits)),
  vgg16: classifier('VGG16', () => zoo.vgg16(logits)),
  efficientnetb0: classifier('EfficientNetB0', efficientnet, { scale: 255 }),
  inceptionv3: classifier('InceptionV3', () => zoo.inceptionV3(logits)),
  unet: classifier('U-Net', unet, { target: 'mask' }),
};

export function networkOf(name: string): Network {
  const found = NETWORKS[name];
  if (found === undefined) throw new Error(`there is no network '${name}'`);
  return found;
}

/** One call of a layer: what it takes and gives by numbers of tensors, the shapes without the batch. */
interface NodeDescription {
  readonly kind: string;
  readonly config: object;
  readonly inputs: readonly number[];
  readonly output: number;
  readonly shape: readonly (number | null)[];
  readonly weights: readonly { readonly role: string; readonly shape: readonly number[]; readonly seed: number }[];
}

/** All that a peer needs to build a network. */
export interface NetworkDescription extends Pick<Network, 'scale' | 'learningRate' | 'target'> {
  readonly input: readonly (number | null)[];
  readonly nodes: readonly NodeDescription[];
}

/** Weights of a layer, by the last word of their names, shapes and seeds of their numbers. */
const weightsOf = (layer: Layer, seed: (path: string) => number): NodeDescription['weights'] =>
  layer.weights.map(({ shape }, i) => {
    const path = layer.weightPaths[i] as string;
    const isDepthwise = layer.className === 'DepthwiseConv2D' && path === 'kernel';
    return {
      role: isDepthwise ? 'depthwise_kernel' : (path.split('/').at(-1) as string),
      shape,
      seed: seed(`${layer.name}/${path}`),
    };
  });

/** A seed for every weight, in the order of the layers. */
function seeds(): (path: string) => number {
  const known = new Map<string, number>();
  return (path) => {
    const found = known.get(path) ?? known.size + 10;
    known.set(path, found);
    return found;
  };
}

export function describeNetwork({ make, scale, learningRate, target }: Network): NetworkDescription {
  const { graph } = make();
  const seed = seeds();
  const ids = new Map<Symbolic, number>();
  const idOf = (tensor: Symbolic): number => {
    const id = ids.get(tensor) ?? ids.size;
    ids.set(tensor, id);
    return id;
  };
  const [input] = graph.inputs as readonly [Symbolic];
  idOf(input);
  const nodes = graph.calls
    .filter(({ inputs }) => inputs.length > 0)
    .map(({ layer, inputs, outputs }) => ({
      kind: layer.className,
      config: layer.config,
      inputs: inputs.map(idOf),
      output: idOf(outputs[0] as Symbolic),
      shape: (outputs[0] as Symbolic).shape.slice(1),
      weights: weightsOf(layer, seed),
    }));
  return { scale, learningRate, target, input: input.shape.slice(1), nodes };
}

/** The numbers of a weight by its role: He's for filters, so that what flows through keeps its size. */
function valuesOf(role: string, shape: readonly number[], seed: number): Float32Array {
  const drawn = numbers(seed, shape);
  const isDepthwise = role === 'depthwise_kernel';
  let [factor, shift] = [0.125, 0];
  if (role === 'kernel' || isDepthwise) {
    const inputs = isDepthwise ? shape.slice(0, 2) : shape.slice(0, -1);
    factor = Math.fround(Math.sqrt(6 / inputs.reduce((a, b) => a * b, 1)));
  } else if (role === 'gamma') shift = 1;
  else if (role.endsWith('variance')) [factor, shift] = [0.5, 1];
  else if (role === 'count') factor = 0;
  // In place: what a collector would find later counts as memory that training needs.
  for (let i = 0; i < drawn.length; i++) drawn[i] = shift + factor * (drawn[i] as number);
  return drawn;
}

/** Draws the weights by the rule. */
export function drawWeights(model: Model): void {
  const seed = seeds();
  for (const { layer, inputs } of model.graph.calls) {
    if (inputs.length === 0) continue;
    weightsOf(layer, seed).forEach(({ role, shape, seed: own }, i) => {
      const weight = layer.weights[i] as (typeof layer.weights)[number];
      const values = valuesOf(role, shape, own);
      weight.set(weight.dtype === 'float32' ? values : Int32Array.from(values), { isOwn: true });
    });
  }
}
