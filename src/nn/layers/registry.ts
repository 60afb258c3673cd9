// Layer classes by the names under which files hold them, Keras's and the user's own.
import { FoveaError } from '../../core/errors.js';
import { augmentationClasses } from '../augmentation/classes.js';
import { policyFromConfig } from '../dtype-policy.js';
import { nearestName, toCamelCase } from '../keras-config.js';
import { classNameOf, type Layer, type LayerConfig } from '../layer.js';
import { Activation, ELU, LeakyReLU, ReLU, Softmax } from './activation-layers.js';
import { ChannelRange, ChannelShuffle, CustomScaleLayer, LayerScale } from './architecture.js';
import { AdditiveAttention, Attention } from './attention.js';
import { Cropping1D, Cropping2D, Cropping3D, ZeroPadding1D, ZeroPadding2D, ZeroPadding3D } from './borders.js';
import { Conv1D, Conv2D, Conv3D } from './conv.js';
import { DepthwiseConv1D, DepthwiseConv2D, SeparableConv1D, SeparableConv2D } from './conv-depthwise.js';
import { ConvLSTM1D, ConvLSTM2D, ConvLSTM3D } from './conv-lstm.js';
import { Conv1DTranspose, Conv2DTranspose, Conv3DTranspose } from './conv-transposed.js';
import { Dense } from './dense.js';
import { Dot } from './dot.js';
import { Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D } from './dropout.js';
import { EinsumDense } from './einsum-dense.js';
import { Embedding } from './embedding.js';
import type { MakeLayer } from './fields.js';
import { LocalResponseNormalization, PaddedPooling2D, Reorg } from './foreign.js';
import { InputLayer } from './input.js';
import { Normalization } from './input-normalization.js';
import { LocallyConnected1D, LocallyConnected2D } from './locally-connected.js';
import { Masking } from './masking.js';
import { Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract } from './merge.js';
import { GroupedQueryAttention, MultiHeadAttention } from './multi-head-attention.js';
import { AlphaDropout, GaussianDropout, GaussianNoise } from './noise.js';
import { BatchNormalization } from './normalization.js';
import { OPERATIONS } from './operations.js';
import { ActivityRegularization, Identity, Rescaling } from './other.js';
import {
  AdaptiveAveragePooling1D,
  AdaptiveAveragePooling2D,
  AdaptiveAveragePooling3D,
  AdaptiveMaxPooling1D,
  AdaptiveMaxPooling2D,
  AdaptiveMaxPooling3D,
  AveragePooling1D,
  AveragePooling2D,
  AveragePooling3D,
  GlobalAveragePooling1D,
  GlobalAveragePooling2D,
  GlobalAveragePooling3D,
  GlobalMaxPooling1D,
  GlobalMaxPooling2D,
  GlobalMaxPooling3D,
  MaxPooling1D,
  MaxPooling2D,
  MaxPooling3D,
} from './pooling.js';
import { PReLU } from './prelu.js';
import { GRU, LSTM, RNN, SimpleRNN } from './recurrent.js';
import { GRUCell, LSTMCell, SimpleRNNCell } from './recurrent-cell.js';
import { nameClass } from './registered.js';
import { Flatten, Permute, RepeatVector, Reshape } from './reshaping.js';
import { CenterCrop, Resizing } from './resizing.js';
import { SpectralNormalization } from './spectral-normalization.js';
import { StackedRNNCells } from './stacked-cells.js';
import { GroupNormalization, LayerNormalization, RMSNormalization, UnitNormalization } from './unit-normalization.js';
import { UpSampling1D, UpSampling2D, UpSampling3D } from './upsampling.js';
import { Bidirectional, TimeDistributed } from './wrapper.js';

/**
 * A layer class that files can name. Without `fromConfig` the constructor is given the config as an object of options,
 * its keys in camelCase.
 */
export interface LayerClass {
  new (options: never): Layer;
  readonly className: string;
  readonly module: string;
  fromConfig?(config: LayerConfig, makeLayer: MakeLayer): Layer;
}

const BUILT_IN: readonly LayerClass[] = [
  ChannelRange,
  ChannelShuffle,
  CustomScaleLayer,
  LayerScale,
  LocalResponseNormalization,
  PaddedPooling2D,
  Reorg,
  TimeDistributed,
  SpectralNormalization,
  LocallyConnected2D,
  LocallyConnected1D,
  ConvLSTM3D,
  ConvLSTM2D,
  ConvLSTM1D,
  Bidirectional,
  ActivityRegularization,
  GroupedQueryAttention,
  MultiHeadAttention,
  EinsumDense,
  Attention,
  AdditiveAttention,
  StackedRNNCells,
  SimpleRNNCell,
  SimpleRNN,
  RNN,
  LSTMCell,
  LSTM,
  GRUCell,
  GRU,
  Activation,
  AdaptiveAveragePooling1D,
  AdaptiveAveragePooling2D,
  AdaptiveAveragePooling3D,
  AdaptiveMaxPooling1D,
  AdaptiveMaxPooling2D,
  AdaptiveMaxPooling3D,
  Add,
  AlphaDropout,
  Average,
  AveragePooling1D,
  AveragePooling2D,
  AveragePooling3D,
  BatchNormalization,
  CenterCrop,
  Concatenate,
  Conv1D,
  Conv1DTranspose,
  Conv2D,
  Conv2DTranspose,
  Conv3D,
  Conv3DTranspose,
  Cropping1D,
  Cropping2D,
  Cropping3D,
  Dense,
  DepthwiseConv1D,
  DepthwiseConv2D,
  Dot,
  Dropout,
  ELU,
  Embedding,
  Flatten,
  GaussianDropout,
  GaussianNoise,
  GlobalAveragePooling1D,
  GlobalAveragePooling2D,
  GlobalAveragePooling3D,
  GlobalMaxPooling1D,
  GlobalMaxPooling2D,
  GlobalMaxPooling3D,
  GroupNormalization,
  Identity,
  InputLayer,
  LayerNormalization,
  LeakyReLU,
  Masking,
  MaxPooling1D,
  MaxPooling2D,
  MaxPooling3D,
  Maximum,
  Minimum,
  Multiply,
  Normalization,
  PReLU,
  Permute,
  RMSNormalization,
  ReLU,
  RepeatVector,
  Rescaling,
  Reshape,
  Resizing,
  SeparableConv1D,
  SeparableConv2D,
  Softmax,
  SpatialDropout1D,
  SpatialDropout2D,
  SpatialDropout3D,
  Subtract,
  UnitNormalization,
  UpSampling1D,
  UpSampling2D,
  UpSampling3D,
  ZeroPadding1D,
  ZeroPadding2D,
  ZeroPadding3D,
  ...augmentationClasses,
];

/** Keras's classes by name. Models are added by their own file, through `registerLayer` with the package `keras`. */
export const layerClasses: ReadonlyMap<string, LayerClass> = new Map([
  ...BUILT_IN.map((each) => [each.className, each] as const),
  ...OPERATIONS.map((each) => [each.className, each] as const),
  // Keras exports it without the d.
  ['GroupedQueryAttention', GroupedQueryAttention] as const,
]);

const custom = new Map<string, LayerClass>();

/**
 * Makes a layer class known to files, as `package>ClassName`; the package defaults to `Custom`, as in Keras.
 *
 * @example
 * class Twice extends Layer {
 *   static override readonly className: string = 'Twice';
 *   override call([x]: readonly [Tensor]): Tensor {
 *     return fovea.multiply(x, 2);
 *   }
 * }
 * registerLayer(Twice, { package: 'my-package' });
 */
export function registerLayer(layer: LayerClass, options: { package?: string } = {}): void {
  const name = `${options.package ?? 'Custom'}>${classNameOf(layer)}`;
  custom.set(name, layer);
  nameClass(layer, name);
}

export { registeredName } from './registered.js';

/** `AvgPool2D` and `Convolution2D` are Keras's second names of `AveragePooling2D` and `Conv2D`. */
function firstName(className: string): string {
  return className
    .replace(/^((?:Global)?)AvgPool(\dD)$/, '$1AveragePooling$2')
    .replace(/^((?:Global)?)MaxPool(\dD)$/, '$1MaxPooling$2')
    .replace(/^((?:Separable)?)Convolution(\dD(?:Transpose)?)$/, '$1Conv$2');
}

/** The class of a name: a registered one in full (`package>Class`) or bare, or Keras's. */
export function findLayerClass(className: string): LayerClass | undefined {
  const own =
    custom.get(className) ??
    custom.get(`Custom>${className}`) ??
    layerClasses.get(className) ??
    layerClasses.get(firstName(className));
  if (own !== undefined || className.includes('>')) return own;
  return [...custom].find(([name]) => name.split('>')[1] === className)?.[1];
}

/**
 * Makes the layer that a class name and config describe. Throws `unsupported` for a class that is not known, with the call
 * that would make it known, and for `Lambda`, whose code is not run.
 */
export function layerFromConfig(className: string, config: LayerConfig, makeLayer: MakeLayer = layerFromConfig): Layer {
  const found = findLayerClass(className);
  if (found === undefined) throw unknownClass(className, config);
  return layerOfClass(found, config, makeLayer);
}

/** The layer of a class that a config describes. */
export function layerOfClass(layer: LayerClass, config: LayerConfig, makeLayer: MakeLayer = layerFromConfig): Layer {
  return layer.fromConfig === undefined ? fromOptions(layer, config) : layer.fromConfig(config, makeLayer);
}

function fromOptions(layer: LayerClass, { dtype, ...config }: LayerConfig): Layer {
  const options = Object.fromEntries(Object.entries(config).map(([key, value]) => [toCamelCase(key), value]));
  const policy = policyFromConfig(dtype);
  return new layer({
    ...options,
    ...(policy !== undefined && 'name' in policy ? { dtype: policy.name } : {}),
  } as never);
}

function unknownClass(className: string, config: LayerConfig): FoveaError {
  const path = typeof config.name === 'string' ? { path: config.name } : {};
  const [pack, name] = className.includes('>') ? (className.split('>') as [string, string]) : [undefined, className];
  if (className === 'Lambda') {
    return new FoveaError({
      code: 'unsupported',
      op: 'Lambda',
      message: `layer "${String(config.name ?? 'lambda')}" holds a function; code in files is never run.`,
      hint: 'Build the model in code with layers.lambda and load the weights alone.',
      ...path,
    });
  }
  const near = pack === undefined ? nearestName(name, [...layerClasses.keys()]) : undefined;
  const call = `registerLayer(${name}${pack === undefined ? '' : `, { package: '${pack}' }`})`;
  return new FoveaError({
    code: 'unsupported',
    op: 'layerFromConfig',
    message: `layer class "${className}" is not known${near === undefined ? '.' : `; did you mean "${near}"?`}`,
    got: className,
    hint: `If it is a layer of yours, call ${call} before loading.`,
    ...path,
  });
}
