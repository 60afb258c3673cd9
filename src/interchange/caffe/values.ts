// Blobs while a network is put together. Maps lie with the channels last; what Caffe turned or reshaped into another order of
// axes is kept as it stands there.
import type { FoveaError } from '../../core/errors.js';
import type { CaffeBlob } from '../../formats/caffe.js';
import type { TextMessage } from '../../formats/prototxt.js';
import type { Layer } from '../../nn/layer.js';
import * as layers from '../../nn/layers/index.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import type { CaffeLayer } from './net.js';

/** A blob: `isMap` says that axes 1 to 3 of Caffe (channels, rows, columns) are the last, the first and the second. */
export interface Blob {
  readonly tensor: SymbolicTensor;
  readonly isMap: boolean;
}

export const asMap = (tensor: SymbolicTensor): Blob => ({ tensor, isMap: true });
export const asPlain = (tensor: SymbolicTensor): Blob => ({ tensor, isMap: false });

/** Where Caffe's axes of maps lie. */
const MAP_AXES = [0, 3, 1, 2] as const;

/** A layer that is being made, with its inputs and its numbers. */
export class CaffeCall {
  private readonly used = new Map<string, number>();

  constructor(
    readonly layer: CaffeLayer,
    /** For the names of the layers made. */
    readonly name: string,
    readonly inputs: readonly Blob[],
    /** The layer's numbers; undefined where no .caffemodel was given. */
    readonly blobs: readonly CaffeBlob[] | undefined,
  ) {}

  /** The layer's settings under a name of the file. */
  settings(name: string): TextMessage {
    return this.layer.message.message(name);
  }

  /** The only or the first input. */
  get input(): Blob {
    return this.inputAt(0);
  }

  inputAt(index: number): Blob {
    const input = this.inputs[index];
    if (input === undefined) throw this.error(`it needs ${index + 1} inputs and has ${this.inputs.length}`);
    return input;
  }

  error(message: string): FoveaError {
    return this.layer.message.error(`layer "${this.layer.name}" (${this.layer.type}): ${message}`);
  }

  /** A name for a further layer. */
  named(part: string): string {
    const count = (this.used.get(part) ?? 0) + 1;
    this.used.set(part, count);
    return `${this.name}_${part}${count === 1 ? '' : `_${count}`}`;
  }

  /** Whether the input is one vector for each example. */
  get isFlat(): boolean {
    return this.input.tensor.shape.length === 2;
  }

  /** A map with the channels last. */
  map(blob: Blob = this.input): SymbolicTensor {
    const { tensor, isMap } = blob;
    if (isMap) return tensor;
    if (tensor.shape.length === 4) return layers.permute({ dims: [2, 3, 1], name: this.named('last') }).apply(tensor);
    if (tensor.shape.length === 2) {
      const targetShape = [1, 1, tensor.shape[1] as number];
      return layers.reshape({ targetShape, name: this.named('map') }).apply(tensor);
    }
    throw this.error(`its input has ${tensor.shape.length} axes, not the 4 of maps`);
  }

  /** A blob in Caffe's order of axes. */
  plain(blob: Blob = this.input): SymbolicTensor {
    if (!blob.isMap) return blob.tensor;
    return layers.permute({ dims: [3, 1, 2], name: this.named('order') }).apply(blob.tensor);
  }

  /** One vector for each example, in Caffe's order. */
  vector(blob: Blob = this.input): SymbolicTensor {
    const { tensor, isMap } = blob;
    if (tensor.shape.length === 2) return tensor;
    const [, height, width, channels] = tensor.shape;
    const isOrdered = isMap && ((height === 1 && width === 1) || channels === 1);
    return layers.flatten({ name: this.named('flat') }).apply(isOrdered ? tensor : this.plain(blob));
  }

  /** Sizes in Caffe's order, without the batch. */
  shape({ tensor, isMap }: Blob = this.input): number[] {
    const dims = tensor.shape.slice(1);
    if (dims.some((dim) => dim === null)) throw this.error('its input is of an unknown size');
    const [height, width, channels] = dims as number[];
    return isMap ? [channels as number, height as number, width as number] : (dims as number[]);
  }

  /** An axis of Caffe, negative from the end, counted with the batch. */
  axis(axis: number, blob: Blob = this.input): number {
    const rank = blob.tensor.shape.length;
    const counted = axis < 0 ? axis + rank : axis;
    if (counted < 1 || counted >= rank) throw this.error(`axis ${axis} is none of its input's ${rank}, or the batch`);
    return counted;
  }

  /** Where that axis lies in the tensor. */
  axisHere(axis: number, blob: Blob = this.input): number {
    const counted = this.axis(axis, blob);
    return blob.isMap ? (MAP_AXES[counted] as number) : counted;
  }

  /** The layer's numbers, which must be of this count. Undefined without a .caffemodel. */
  take(index: number, count: number, what: string): Float32Array | undefined {
    if (this.blobs === undefined) return undefined;
    const blob = this.blobs[index];
    if (blob === undefined) throw this.error(`the .caffemodel has no ${what} of it`);
    if (blob.data.length === count) return blob.data;
    throw this.error(
      `its ${what} of shape [${blob.shape.join(',')}] has ${blob.data.length} numbers where ${count} are needed`,
    );
  }

  /** A finite number of the file. */
  finite(value: number): number {
    if (Number.isFinite(value)) return value;
    throw this.error(`${value} is no finite number`);
  }
}

/** Sets weights of a layer by their names. */
export function setWeights(layer: Layer, values: Readonly<Record<string, Float32Array | undefined>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) layer.weights.find((weight) => weight.name === name)?.set(value.slice());
  }
}
