// What networks in torchvision's form share: pictures padded before a convolution rather than by it, batch norm of epsilon
// 1e-5, and layers named by the entries of PyTorch's state dict, so that its weights fit by name.
import * as layers from '../../nn/layers/index.js';
import { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { type ApplicationOptions, applicationInput } from '../applications/build.js';

/** What torchvision's classifiers accept here. */
export type TorchvisionOptions = ApplicationOptions;

interface ConvOptions {
  readonly kernel?: number;
  readonly strides?: number;
  /** Zeros on each side. */
  readonly padding?: number;
  readonly groups?: number;
  /** Default false. */
  readonly bias?: boolean;
}

/** A network being put together. */
export class TorchBuilder {
  readonly inputs: SymbolicTensor;
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
    // Padding that keeps the size is the layer's own.
    const isSame = strides === 1 && padding > 0 && 2 * padding === kernel - 1;
    const padded = padding === 0 || isSame ? x : this.pad(x, padding);
    return layers
      .conv2d({ filters, kernelSize: kernel, strides, padding: isSame ? 'same' : 'valid', groups, useBias: bias, name })
      .apply(padded);
  }

  pad(x: SymbolicTensor, padding: number): SymbolicTensor {
    return layers.zeroPadding2d({ padding, name: this.plain('pad') }).apply(x);
  }

  norm(x: SymbolicTensor, name: string, epsilon = 1e-5): SymbolicTensor {
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
      if (size === null || size === undefined) return 0;
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
    return new Model({ inputs: this.inputs, outputs: others.length === 0 ? outputs : [outputs, ...others], name });
  }
}
