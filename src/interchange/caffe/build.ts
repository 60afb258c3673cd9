// A network of Caffe as a model: every layer in the order of the file, its inputs by the names of their blobs.
import { FoveaError } from '../../core/errors.js';
import { sizeOf } from '../../core/shape.js';
import type { CaffeBlob } from '../../formats/caffe.js';
import * as layers from '../../nn/layers/index.js';
import { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import type { CaffeInput, CaffeLayer, CaffeNet } from './net.js';
import * as plain from './plain.js';
import { asMap, asPlain, type Blob, CaffeCall } from './values.js';
import * as weighted from './weighted.js';

const OPERATORS: Readonly<Record<string, (call: CaffeCall) => Blob[]>> = {
  BNLL: plain.activation('softplus'),
  Bias: weighted.bias,
  Concat: plain.concat,
  Convolution: weighted.convolution,
  ConvolutionDepthwise: weighted.convolution,
  Crop: plain.crop,
  Deconvolution: weighted.deconvolution,
  DepthwiseConvolution: weighted.convolution,
  Dropout: plain.dropout,
  ELU: plain.elu,
  Eltwise: plain.eltwise,
  Flatten: plain.flatten,
  InnerProduct: weighted.innerProduct,
  LRN: plain.localResponse,
  PReLU: weighted.prelu,
  Permute: plain.permute,
  Pooling: plain.pooling,
  Power: plain.power,
  ReLU: plain.relu,
  Reshape: plain.reshape,
  Scale: weighted.scale,
  Sigmoid: plain.activation('sigmoid'),
  Slice: plain.slice,
  Softmax: plain.softmax,
  Split: plain.identity,
  Swish: plain.activation('silu'),
  TanH: plain.activation('tanh'),
};

const MAX_CELLS = 2 ** 31;

/** See `buildCaffe`. */
interface BuildOptions {
  /** The .prototxt, for errors. */
  readonly file: string;
  readonly name: string | undefined;
  readonly inputShape: readonly number[] | undefined;
}

/** The model of a network, with the numbers of a .caffemodel where they are given. */
export function buildCaffe(
  net: CaffeNet,
  numbers: ReadonlyMap<string, readonly CaffeBlob[]> | undefined,
  options: BuildOptions,
): Model {
  return new Builder(net, numbers, options).model();
}

class Builder {
  private readonly blobs = new Map<string, Blob>();
  private readonly names = new Set<string>();
  /** The layers that read each blob, by their place. */
  private readonly readers = new Map<string, number[]>();
  /** Which layer makes the last version of each blob. */
  private readonly lastMaker = new Map<string, number>();

  constructor(
    private readonly net: CaffeNet,
    private readonly numbers: ReadonlyMap<string, readonly CaffeBlob[]> | undefined,
    private readonly options: BuildOptions,
  ) {
    net.layers.forEach(({ bottoms, tops }, place) => {
      for (const bottom of bottoms) {
        const readers = this.readers.get(bottom);
        if (readers === undefined) this.readers.set(bottom, [place]);
        else readers.push(place);
      }
      for (const top of tops) this.lastMaker.set(top, place);
    });
  }

  model(): Model {
    const inputs = this.net.inputs.map((input) => this.input(input));
    let merged = -1;
    this.net.layers.forEach((layer, place) => {
      if (place === merged) return;
      const call = this.call(layer);
      const scale = layer.type === 'BatchNorm' ? this.scaleBehind(layer, place) : undefined;
      if (scale !== undefined) merged = place + 1;
      const made = this.make(call, scale);
      for (const [i, top] of (scale ?? layer).tops.entries()) this.keep(call, top, made[i]);
    });
    if (inputs.length === 0) throw this.error('no layer reads an input');
    const outputs = this.outputs();
    const name = (this.options.name ?? this.net.name).replaceAll('/', '_') || 'caffe';
    const model = new Model({ inputs: oneOrAll(inputs), outputs: oneOrAll(outputs), name });
    model.metadata = { source: 'caffe', ...this.preprocessing(inputs) };
    return model;
  }

  private make(call: CaffeCall, scale: CaffeLayer | undefined): Blob[] {
    const { type } = call.layer;
    if (type === 'BatchNorm')
      return weighted.batchNorm(call, scale === undefined ? undefined : this.call(scale, call.inputs));
    return Object.hasOwn(OPERATORS, type)
      ? (OPERATORS[type] as (call: CaffeCall) => Blob[])(call)
      : plain.unknown(call);
  }

  private keep(call: CaffeCall, top: string, blob: Blob | undefined): void {
    if (blob === undefined) throw call.error(`it has ${call.layer.tops.length} tops, more than it makes`);
    const dims = blob.tensor.shape.slice(1) as number[];
    if (!(sizeOf(dims) <= MAX_CELLS)) throw call.error(`a blob of [${dims.join(',')}] is refused: it is too large`);
    this.blobs.set(top, blob);
  }

  /** The blobs that no layer reads, in the order of the file. */
  private outputs(): SymbolicTensor[] {
    const ends = new Set<SymbolicTensor>();
    for (const [top, maker] of this.lastMaker) {
      const isRead = (this.readers.get(top) ?? []).some((place) => place > maker);
      if (!isRead) ends.add((this.blobs.get(top) as Blob).tensor);
    }
    if (ends.size === 0) throw this.error('the network has no output');
    return [...ends];
  }

  private call(layer: CaffeLayer, inputs?: readonly Blob[]): CaffeCall {
    const found =
      inputs ??
      layer.bottoms.map((bottom) => {
        const blob = this.blobs.get(bottom);
        if (blob !== undefined) return blob;
        throw layer.message.error(`layer "${layer.name}" reads "${bottom}", which no layer before it makes`);
      });
    if (found.length === 0) throw layer.message.error(`layer "${layer.name}" (${layer.type}) reads nothing`);
    // One that the .caffemodel does not know has no numbers: its operator says so where it needs some.
    const own = this.numbers === undefined ? undefined : (this.numbers.get(layer.name) ?? []);
    return new CaffeCall(layer, this.unique(layer.name), found, own);
  }

  /** Names may repeat or be empty in Caffe. */
  private unique(given: string): string {
    const name = given === '' ? 'layer' : given;
    let unique = name;
    for (let i = 2; this.names.has(unique); i++) unique = `${name}_${i}`;
    this.names.add(unique);
    return unique;
  }

  /** The Scale layer that is next and alone reads a norm's output, which is kept under no other name. */
  private scaleBehind({ tops }: CaffeLayer, place: number): CaffeLayer | undefined {
    const [top] = tops;
    const next = this.net.layers[place + 1];
    if (tops.length !== 1) return undefined;
    if (next?.type !== 'Scale' || next.bottoms.length !== 1 || next.bottoms[0] !== top) return undefined;
    const settings = next.message.message('scale_param');
    if (settings.whole('axis', 1, -8) !== 1 || settings.whole('num_axes', 1, -1) !== 1) return undefined;
    const later = (this.readers.get(top as string) ?? []).filter((reader) => reader > place);
    return next.tops[0] === top || later.length === 1 ? next : undefined;
  }

  private input(input: CaffeInput): SymbolicTensor {
    const { name, cropSize } = input;
    const shape = input.shape ?? this.unsaidShape(input);
    const isRight =
      shape.length > 0 && shape.length <= 3 && shape.every((dim) => dim > 0) && sizeOf(shape) <= MAX_CELLS;
    if (!isRight) throw this.error(`its input "${name}" has no valid shape: [${shape.join(',')}]`);
    const isMap = shape.length === 3;
    const [channels, height, width] = shape as [number, number, number];
    const sizes = isMap ? [cropSize ?? height, cropSize ?? width, channels] : [...shape];
    const tensor = layers.input(sizes, { name: this.unique(name) });
    this.blobs.set(name, isMap ? asMap(tensor) : asPlain(tensor));
    return tensor;
  }

  /** Of a training file: the size is the option's or the crop's, the channels those of the first convolution. */
  private unsaidShape({ name, cropSize }: CaffeInput): number[] {
    const { inputShape: given, file } = this.options;
    if (given !== undefined) {
      if (!given.every((dim) => Number.isInteger(dim) && dim > 0)) {
        throw new FoveaError({
          code: 'argument',
          op: 'loadCaffe',
          message: `inputShape must be whole sizes; got [${given.join(',')}].`,
          got: given,
        });
      }
      const [height, width, channels] = given as [number, number, number];
      return given.length === 3 ? [channels, height, width] : [...given];
    }
    const reader = this.net.layers[this.readers.get(name)?.[0] ?? -1];
    const channels = this.numbers?.get(reader?.name ?? '')?.[0]?.shape[1];
    if (cropSize !== undefined && channels !== undefined) return [channels, cropSize, cropSize];
    throw new FoveaError({
      code: 'argument',
      op: 'loadCaffe',
      message: `the file does not say of which size its input "${name}" is.`,
      path: file,
      hint: 'Give it: loadCaffe({ prototxt, caffemodel, inputShape: [height, width, channels] }).',
    });
  }

  /** How pictures become the input, where a data layer says it. */
  private preprocessing([x]: readonly SymbolicTensor[]): Record<string, unknown> {
    const transform = this.net.inputs[0]?.transform;
    const [, height, width, channels] = x?.shape ?? [];
    if (transform === undefined || (channels !== 1 && channels !== 3) || transform.has('mean_file')) return {};
    const scale = transform.number('scale', 1);
    const means = transform.numbers('mean_value');
    if (!(scale > 0) || !Number.isFinite(scale) || !means.every(Number.isFinite)) return {};
    const base = { size: [height, width], channels, ...(channels === 3 ? { channelOrder: 'bgr' } : {}) };
    if (means.length === 0) return { preprocessing: { mode: 'scale', factor: scale, ...base } };
    if (means.length !== 1 && means.length !== channels) return {};
    const mean = Array.from({ length: channels }, (_, i) => means[i] ?? (means[0] as number));
    return { preprocessing: { mode: 'standardize', mean, std: mean.map(() => 1 / scale), ...base } };
  }

  private error(message: string): FoveaError {
    return new FoveaError({ code: 'format', op: 'loadCaffe', message: `${message}.`, path: this.options.file });
  }
}

function oneOrAll(tensors: SymbolicTensor[]): SymbolicTensor | SymbolicTensor[] {
  return tensors.length === 1 ? (tensors[0] as SymbolicTensor) : tensors;
}
