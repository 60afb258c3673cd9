// What networks in torchvision's form share: pictures padded before a convolution rather than by it, batch norm of epsilon
// 1e-5, and layers named by the entries of PyTorch's state dict, so that its weights fit by name.
import type { Layer } from '../../nn/layer.js';
import * as layers from '../../nn/layers/index.js';
import { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { type ApplicationOptions, applicationInput } from '../applications/build.js';

/** The order in which PyTorch lists the layers of a network that was made here. */
const orders = new WeakMap<Layer, readonly string[]>();

/** The names of the layers with weights as PyTorch's state dict has them, in its order; undefined for other models. */
export const stateOrder = (model: Layer): readonly string[] | undefined => orders.get(model);

/** An activation by its name in `layers.activation`, and `relu6`. */
export type ActivationName = 'relu' | 'relu6' | 'silu' | 'sigmoid' | 'hardSigmoid' | 'hardSilu';

/** What torchvision's classifiers accept here. */
export type TorchvisionOptions = ApplicationOptions;

/** Rows and columns, or one number for both. */
type Sides = number | readonly [rows: number, columns: number];

interface ConvOptions {
  readonly kernel?: Sides;
  readonly strides?: number;
  /** Zeros on each side; default 0. */
  readonly padding?: Sides;
  readonly groups?: number;
  /** Default false. */
  readonly bias?: boolean;
}

/** What `convNorm` accepts beside. */
interface UnitOptions extends ConvOptions {
  /** Default `relu`; null for none. */
  readonly activation?: ActivationName | null;
  /** Of the batch norm; default 1e-5. */
  readonly epsilon?: number;
  /** Names of the convolution and the batch norm inside; default 0 and 1. */
  readonly parts?: readonly [conv: string | number, norm: string | number];
}

const both = (sides: Sides): readonly [number, number] => (typeof sides === 'number' ? [sides, sides] : sides);

/** A network being put together. */
export class TorchBuilder {
  readonly inputs: SymbolicTensor;
  /** Names of the layers with weights, as PyTorch lists them: in the order in which they were made. */
  readonly order: string[] = [];
  private count = 0;

  constructor(
    private readonly name: string,
    private readonly options: TorchvisionOptions,
    size = 224,
    least = 32,
  ) {
    this.inputs = applicationInput(name, options, size, least);
  }

  /** A name for a layer without weights. */
  private plain(kind: string): string {
    return `${kind}_${++this.count}`;
  }

  conv(
    x: SymbolicTensor,
    name: string,
    filters: number,
    { kernel = 1, strides = 1, padding = 0, groups = 1, bias = false }: ConvOptions = {},
  ): SymbolicTensor {
    const [kernelSize, zeros] = [both(kernel), both(padding)];
    const hasZeros = zeros.some((each) => each > 0);
    // Padding that keeps the size is the layer's own.
    const isSame = strides === 1 && hasZeros && zeros.every((each, i) => 2 * each === (kernelSize[i] as number) - 1);
    const padded = !hasZeros || isSame ? x : this.pad(x, padding);
    this.order.push(name);
    return layers
      .conv2d({ filters, kernelSize, strides, padding: isSame ? 'same' : 'valid', groups, useBias: bias, name })
      .apply(padded);
  }

  /** A convolution, batch norm and an activation; padded so that stride 1 keeps the size. */
  convNorm(
    x: SymbolicTensor,
    at: string,
    filters: number,
    { activation = 'relu', epsilon, parts = [0, 1], ...options }: UnitOptions = {},
  ): SymbolicTensor {
    const [rows, columns] = both(options.kernel ?? 1);
    const padding = options.padding ?? ([(rows - 1) / 2, (columns - 1) / 2] as const);
    const y = this.conv(x, `${at}.${parts[0]}`, filters, { ...options, padding });
    return this.activate(this.norm(y, `${at}.${parts[1]}`, epsilon), activation);
  }

  /** Scales the channels by what two 1x1 convolutions, `fc1` and `fc2`, say of their means. */
  excite(
    x: SymbolicTensor,
    at: string,
    squeezed: number,
    [activation, gate]: readonly [ActivationName, ActivationName] = ['relu', 'sigmoid'],
  ): SymbolicTensor {
    const channels = x.shape.at(-1) as number;
    const means = layers.globalAveragePooling2d({ keepDims: true, name: this.plain('squeeze') }).apply(x);
    const hidden = this.activate(this.conv(means, `${at}.fc1`, squeezed, { bias: true }), activation);
    const scale = this.activate(this.conv(hidden, `${at}.fc2`, channels, { bias: true }), gate);
    return layers.multiply({ name: this.plain('scale') }).apply([x, scale]);
  }

  activate(x: SymbolicTensor, activation: ActivationName | null): SymbolicTensor {
    if (activation === null) return x;
    if (activation === 'relu') return this.relu(x);
    if (activation === 'relu6') return layers.relu({ maxValue: 6, name: this.plain('relu') }).apply(x);
    return layers.activation({ activation, name: this.plain(activation) }).apply(x);
  }

  pad(x: SymbolicTensor, padding: Sides): SymbolicTensor {
    return layers.zeroPadding2d({ padding, name: this.plain('pad') }).apply(x);
  }

  norm(x: SymbolicTensor, name: string, epsilon = 1e-5): SymbolicTensor {
    this.order.push(name);
    return layers.batchNormalization({ epsilon, momentum: 0.9, name }).apply(x);
  }

  relu(x: SymbolicTensor): SymbolicTensor {
    return layers.relu({ name: this.plain('relu') }).apply(x);
  }

  /** The largest of windows; the padding never is, so that `x` must not be negative where there is one. */
  maxPool(x: SymbolicTensor, kernel: number, strides: number, padding = 0): SymbolicTensor {
    const padded = padding === 0 ? x : this.pad(x, padding);
    return layers.maxPooling2d({ poolSize: kernel, strides, name: this.plain('maxpool') }).apply(padded);
  }

  /** As `maxPool`, with a last window that reaches over the edge where one begins inside. */
  maxPoolCeil(x: SymbolicTensor, kernel: number, strides: number): SymbolicTensor {
    const over = (size: number | null | undefined): number => {
      // Rounding up is rounding down with so many more; what no window reaches does no harm.
      if (size === null || size === undefined) return strides - 1;
      const count = Math.ceil((size - kernel) / strides) + 1;
      return Math.max(0, (count - 1) * strides + kernel - size);
    };
    const [rows, columns] = [over(x.shape[1]), over(x.shape[2])];
    if (rows === 0 && columns === 0) return this.maxPool(x, kernel, strides);
    const padding = [[0, rows] as const, [0, columns] as const] as const;
    return this.maxPool(layers.zeroPadding2d({ padding, name: this.plain('pad') }).apply(x), kernel, strides);
  }

  /** To a map of this size, each cell the mean of its share. */
  averageTo(x: SymbolicTensor, size: number): SymbolicTensor {
    return layers.adaptiveAveragePooling2d({ outputSize: size, name: this.plain('avgpool') }).apply(x);
  }

  add(parts: readonly SymbolicTensor[]): SymbolicTensor {
    return layers.add({ name: this.plain('add') }).apply(parts);
  }

  join(parts: readonly SymbolicTensor[]): SymbolicTensor {
    return layers.concatenate({ name: this.plain('cat') }).apply(parts);
  }

  dropout(x: SymbolicTensor, rate: number): SymbolicTensor {
    return layers.dropout({ rate, name: this.plain('dropout') }).apply(x);
  }

  /** All axes in one, in PyTorch's order: channels before rows and columns. */
  flatten(x: SymbolicTensor): SymbolicTensor {
    const permuted = layers.permute({ dims: [3, 1, 2], name: this.plain('permute') }).apply(x);
    return layers.flatten({ name: this.plain('flatten') }).apply(permuted);
  }

  dense(x: SymbolicTensor, name: string, units: number): SymbolicTensor {
    this.order.push(name);
    return layers.dense({ units, name }).apply(x);
  }

  /** The mean of each channel. */
  means(x: SymbolicTensor): SymbolicTensor {
    return layers.globalAveragePooling2d({ name: this.plain('avgpool') }).apply(x);
  }

  get classes(): number {
    return this.options.classes ?? 1000;
  }

  get hasTop(): boolean {
    return this.options.includeTop ?? true;
  }

  /** The activation after the logits. */
  activated(logits: SymbolicTensor): SymbolicTensor {
    const { classifierActivation = 'softmax' } = this.options;
    if (classifierActivation === null) return logits;
    return layers.activation({ activation: classifierActivation, name: 'predictions' }).apply(logits);
  }

  /** Closes the model: without the top the maps, or what `pooling` makes of them. */
  model(
    maps: SymbolicTensor,
    top: (maps: SymbolicTensor) => SymbolicTensor,
    others: readonly SymbolicTensor[] = [],
  ): Model {
    const { pooling, name = this.name } = this.options;
    let outputs: SymbolicTensor;
    if (this.hasTop) outputs = this.activated(top(maps));
    else if (pooling === 'avg') outputs = this.means(maps);
    else if (pooling === 'max') outputs = layers.globalMaxPooling2d({ name: this.plain('maxpool') }).apply(maps);
    else outputs = maps;
    const model = new Model({
      inputs: this.inputs,
      outputs: others.length === 0 ? outputs : [outputs, ...others],
      name,
    });
    orders.set(model, this.order);
    return model;
  }
}
