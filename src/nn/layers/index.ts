// The factories of `layers`: one function per layer, taking one object of options.

import type { Triple } from '../../ops/volume.js';
import type { Pair } from '../../ops/window.js';
import {
  Activation,
  type ActivationOptions,
  ELU,
  type ELUOptions,
  LeakyReLU,
  type LeakyReLUOptions,
  ReLU,
  type ReLUOptions,
  Softmax,
  type SoftmaxOptions,
} from './activation-layers.js';
import {
  Cropping1D,
  type Cropping1DOptions,
  Cropping2D,
  type Cropping2DOptions,
  Cropping3D,
  type Cropping3DOptions,
  ZeroPadding1D,
  type ZeroPadding1DOptions,
  ZeroPadding2D,
  type ZeroPadding2DOptions,
  ZeroPadding3D,
  type ZeroPadding3DOptions,
} from './borders.js';
import type { CommonOptions } from './configured.js';
import { Conv1D, type Conv1DOptions, Conv2D, type Conv2DOptions, Conv3D, type Conv3DOptions } from './conv.js';
import {
  DepthwiseConv1D,
  type DepthwiseConv1DOptions,
  DepthwiseConv2D,
  type DepthwiseConv2DOptions,
  SeparableConv1D,
  type SeparableConv1DOptions,
  SeparableConv2D,
  type SeparableConv2DOptions,
} from './conv-depthwise.js';
import {
  Conv1DTranspose,
  type Conv1DTransposeOptions,
  Conv2DTranspose,
  type Conv2DTransposeOptions,
  Conv3DTranspose,
  type Conv3DTransposeOptions,
} from './conv-transposed.js';
import { Dense, type DenseOptions } from './dense.js';
import { Dot, type DotOptions } from './dot.js';
import {
  Dropout,
  type DropoutOptions,
  SpatialDropout1D,
  SpatialDropout2D,
  SpatialDropout3D,
  type SpatialDropoutOptions,
} from './dropout.js';
import { Embedding, type EmbeddingOptions } from './embedding.js';
import { Normalization, type NormalizationOptions } from './input-normalization.js';
import { Add, Average, Concatenate, type ConcatenateOptions, Maximum, Minimum, Multiply, Subtract } from './merge.js';
import {
  AlphaDropout,
  type AlphaDropoutOptions,
  GaussianDropout,
  type GaussianDropoutOptions,
  GaussianNoise,
  type GaussianNoiseOptions,
} from './noise.js';
import { BatchNormalization, type BatchNormalizationOptions } from './normalization.js';
import {
  Identity,
  Lambda,
  type LambdaFunction,
  type LambdaOptions,
  Rescaling,
  type RescalingOptions,
} from './other.js';
import {
  AdaptiveAveragePooling1D,
  AdaptiveAveragePooling2D,
  AdaptiveAveragePooling3D,
  AdaptiveMaxPooling1D,
  AdaptiveMaxPooling2D,
  AdaptiveMaxPooling3D,
  type AdaptivePoolingOptions,
  AveragePooling1D,
  AveragePooling2D,
  AveragePooling3D,
  GlobalAveragePooling1D,
  GlobalAveragePooling2D,
  GlobalAveragePooling3D,
  GlobalMaxPooling1D,
  GlobalMaxPooling2D,
  GlobalMaxPooling3D,
  type GlobalPoolingOptions,
  MaxPooling1D,
  MaxPooling2D,
  MaxPooling3D,
  type Pooling1DOptions,
  type Pooling2DOptions,
  type Pooling3DOptions,
} from './pooling.js';
import { PReLU, type PReLUOptions } from './prelu.js';
import {
  Flatten,
  type FlattenOptions,
  Permute,
  type PermuteOptions,
  RepeatVector,
  type RepeatVectorOptions,
  Reshape,
  type ReshapeOptions,
} from './reshaping.js';
import { CenterCrop, type CenterCropOptions, Resizing, type ResizingOptions } from './resizing.js';
import {
  GroupNormalization,
  type GroupNormalizationOptions,
  LayerNormalization,
  type LayerNormalizationOptions,
  RMSNormalization,
  type RMSNormalizationOptions,
  UnitNormalization,
  type UnitNormalizationOptions,
} from './unit-normalization.js';
import {
  UpSampling1D,
  type UpSampling1DOptions,
  UpSampling2D,
  type UpSampling2DOptions,
  UpSampling3D,
  type UpSampling3DOptions,
} from './upsampling.js';

export * from '../augmentation/index.js';
export { type InputOptions, input } from './input.js';
export * from './sequence.js';

/** Applies an activation function. */
export const activation = (options: ActivationOptions): Activation => new Activation(options);

/** Adds its inputs; apply it to a list. */
export const add = (options: CommonOptions = {}): Add => new Add(options);

/** Averages its inputs; apply it to a list. */
export const average = (options: CommonOptions = {}): Average => new Average(options);

/** The mean of every window. */
export const averagePooling2d = (options: Pooling2DOptions = {}): AveragePooling2D => new AveragePooling2D(options);

/** Gives every channel mean 0 and variance 1, then a learned scale and shift. */
export const batchNormalization = (options: BatchNormalizationOptions = {}): BatchNormalization =>
  new BatchNormalization(options);

/** Joins its inputs along an axis; apply it to a list. */
export const concatenate = (options: ConcatenateOptions = {}): Concatenate => new Concatenate(options);

/** Convolves sequences [n,length,channels]. */
export const conv1d = (options: Conv1DOptions): Conv1D => new Conv1D(options);

/**
 * Convolves pictures [n,h,w,channels], giving [n,h',w',filters].
 *
 * @example
 * layers.conv2d({ filters: 64, kernelSize: 3, padding: 'same', activation: 'relu' });
 */
export const conv2d = (options: Conv2DOptions): Conv2D => new Conv2D(options);

/** The transposed convolution: enlarges pictures by its strides. */
export const conv2dTranspose = (options: Conv2DTransposeOptions): Conv2DTranspose => new Conv2DTranspose(options);

/** Cuts rows and columns off the border. */
export const cropping2d = (options: Cropping2DOptions = {}): Cropping2D => new Cropping2D(options);

/** Multiplies the last axis by a learned matrix: [n,features] to [n,units]. */
export const dense = (options: DenseOptions): Dense => new Dense(options);

/** Convolves every channel with filters of its own. */
export const depthwiseConv2d = (options: DepthwiseConv2DOptions): DepthwiseConv2D => new DepthwiseConv2D(options);

/** Drops elements at random while training. */
export const dropout = (options: DropoutOptions): Dropout => new Dropout(options);

/** x above 0, alpha * (exp(x) - 1) below. */
export const elu = (options: ELUOptions = {}): ELU => new ELU(options);

/** All axes but the batch in one. */
export const flatten = (options: FlattenOptions = {}): Flatten => new Flatten(options);

/** The mean of every channel: [n,h,w,c] to [n,c]. */
export const globalAveragePooling2d = (options: GlobalPoolingOptions = {}): GlobalAveragePooling2D =>
  new GlobalAveragePooling2D(options);

/** The largest value of every channel: [n,h,w,c] to [n,c]. */
export const globalMaxPooling2d = (options: GlobalPoolingOptions = {}): GlobalMaxPooling2D =>
  new GlobalMaxPooling2D(options);

/** Its input. */
export const identity = (options: CommonOptions = {}): Identity => new Identity(options);

/**
 * A function of tensors as a layer. It cannot be saved; make a class of what is to be.
 *
 * @example
 * layers.lambda((x) => fovea.square(x));
 */
export const lambda = (fn: LambdaFunction, options: LambdaOptions = {}): Lambda => new Lambda(fn, options);

/** x above 0, a slope (0.3) below. */
export const leakyRelu = (options: LeakyReLUOptions = {}): LeakyReLU => new LeakyReLU(options);

/** The largest value of every window. */
export const maxPooling2d = (options: Pooling2DOptions = {}): MaxPooling2D => new MaxPooling2D(options);

/** The largest of its inputs, element by element; apply it to a list. */
export const maximum = (options: CommonOptions = {}): Maximum => new Maximum(options);

/** The smallest of its inputs, element by element; apply it to a list. */
export const minimum = (options: CommonOptions = {}): Minimum => new Minimum(options);

/** Multiplies its inputs; apply it to a list. */
export const multiply = (options: CommonOptions = {}): Multiply => new Multiply(options);

/** The axes in another order, counted from 1 without the batch. */
export const permute = (options: PermuteOptions): Permute => new Permute(options);

/** x above 0, with an optional maximum, slope and threshold. */
export const relu = (options: ReLUOptions = {}): ReLU => new ReLU(options);

/** x * scale + offset, for example to bring pixels to 0..1. */
export const rescaling = (options: RescalingOptions): Rescaling => new Rescaling(options);

/** (x - mean) / sqrt(variance), by numbers that are given or that the layer's `adapt` finds in data. */
export const normalization = (options: NormalizationOptions = {}): Normalization => new Normalization(options);

/** Pictures in another size, as Keras resizes them. */
export const resizing = (options: ResizingOptions): Resizing => new Resizing(options);

/** The middle of pictures. */
export const centerCrop = (options: CenterCropOptions): CenterCrop => new CenterCrop(options);

/** The same elements in another shape; the batch stays. */
export const reshape = (options: ReshapeOptions): Reshape => new Reshape(options);

/** A depthwise convolution, then a 1x1 convolution. */
export const separableConv2d = (options: SeparableConv2DOptions): SeparableConv2D => new SeparableConv2D(options);

/** Exponentials that sum to 1 along an axis. */
export const softmax = (options: SoftmaxOptions = {}): Softmax => new Softmax(options);

/** Drops whole channels at random while training. */
export const spatialDropout2d = (options: SpatialDropoutOptions): SpatialDropout2D => new SpatialDropout2D(options);

/** The first of two inputs less the second; apply it to a list. */
export const subtract = (options: CommonOptions = {}): Subtract => new Subtract(options);

/** Enlarges pictures by whole factors. */
export const upSampling2d = (options: UpSampling2DOptions = {}): UpSampling2D => new UpSampling2D(options);

/** Puts zeros around pictures. */
export const zeroPadding2d = (options: ZeroPadding2DOptions = {}): ZeroPadding2D => new ZeroPadding2D(options);

/** The largest value of every window of a sequence. */
export const maxPooling1d = (options: Pooling1DOptions = {}): MaxPooling1D => new MaxPooling1D(options);

/** The mean of every window of a sequence. */
export const averagePooling1d = (options: Pooling1DOptions = {}): AveragePooling1D => new AveragePooling1D(options);

/** The mean of every channel over the sequence. */
export const globalAveragePooling1d = (options: GlobalPoolingOptions = {}): GlobalAveragePooling1D =>
  new GlobalAveragePooling1D(options);

/** The largest value of every channel over the sequence. */
export const globalMaxPooling1d = (options: GlobalPoolingOptions = {}): GlobalMaxPooling1D =>
  new GlobalMaxPooling1D(options);

/** Zeros around a sequence. */
export const zeroPadding1d = (options: ZeroPadding1DOptions = {}): ZeroPadding1D => new ZeroPadding1D(options);

/** Cuts the border off a sequence. */
export const cropping1d = (options: Cropping1DOptions = {}): Cropping1D => new Cropping1D(options);

/** Enlarges a sequence by whole factors. */
export const upSampling1d = (options: UpSampling1DOptions = {}): UpSampling1D => new UpSampling1D(options);

/** The largest value of every window of a volume. */
export const maxPooling3d = (options: Pooling3DOptions = {}): MaxPooling3D => new MaxPooling3D(options);

/** The mean of every window of a volume. */
export const averagePooling3d = (options: Pooling3DOptions = {}): AveragePooling3D => new AveragePooling3D(options);

/** The mean of every channel over the volume. */
export const globalAveragePooling3d = (options: GlobalPoolingOptions = {}): GlobalAveragePooling3D =>
  new GlobalAveragePooling3D(options);

/** The largest value of every channel over the volume. */
export const globalMaxPooling3d = (options: GlobalPoolingOptions = {}): GlobalMaxPooling3D =>
  new GlobalMaxPooling3D(options);

/** Zeros around a volume. */
export const zeroPadding3d = (options: ZeroPadding3DOptions = {}): ZeroPadding3D => new ZeroPadding3D(options);

/** Cuts the border off a volume. */
export const cropping3d = (options: Cropping3DOptions = {}): Cropping3D => new Cropping3D(options);

/** Enlarges a volume by whole factors. */
export const upSampling3d = (options: UpSampling3DOptions = {}): UpSampling3D => new UpSampling3D(options);

/** The mean of every cell of a grid of a given size over the sequence. */
export const adaptiveAveragePooling1d = (options: AdaptivePoolingOptions<number>): AdaptiveAveragePooling1D =>
  new AdaptiveAveragePooling1D(options);

/** The largest value of every cell of a grid of a given size over the sequence. */
export const adaptiveMaxPooling1d = (options: AdaptivePoolingOptions<number>): AdaptiveMaxPooling1D =>
  new AdaptiveMaxPooling1D(options);

/** The mean of every cell of a grid of a given size over the picture. */
export const adaptiveAveragePooling2d = (options: AdaptivePoolingOptions<number | Pair>): AdaptiveAveragePooling2D =>
  new AdaptiveAveragePooling2D(options);

/** The largest value of every cell of a grid of a given size over the picture. */
export const adaptiveMaxPooling2d = (options: AdaptivePoolingOptions<number | Pair>): AdaptiveMaxPooling2D =>
  new AdaptiveMaxPooling2D(options);

/** The mean of every cell of a grid of a given size over the volume. */
export const adaptiveAveragePooling3d = (options: AdaptivePoolingOptions<number | Triple>): AdaptiveAveragePooling3D =>
  new AdaptiveAveragePooling3D(options);

/** The largest value of every cell of a grid of a given size over the volume. */
export const adaptiveMaxPooling3d = (options: AdaptivePoolingOptions<number | Triple>): AdaptiveMaxPooling3D =>
  new AdaptiveMaxPooling3D(options);

/** Convolves volumes [n,depth,h,w,channels]. */
export const conv3d = (options: Conv3DOptions): Conv3D => new Conv3D(options);

/** The transposed convolution of volumes: enlarges them by its strides. */
export const conv3dTranspose = (options: Conv3DTransposeOptions): Conv3DTranspose => new Conv3DTranspose(options);

/** The transposed convolution of sequences: lengthens them by its stride. */
export const conv1dTranspose = (options: Conv1DTransposeOptions): Conv1DTranspose => new Conv1DTranspose(options);

/** Convolves every channel of a sequence with filters of its own. */
export const depthwiseConv1d = (options: DepthwiseConv1DOptions): DepthwiseConv1D => new DepthwiseConv1D(options);

/** A depthwise convolution of a sequence, then one of width 1. */
export const separableConv1d = (options: SeparableConv1DOptions): SeparableConv1D => new SeparableConv1D(options);

/** A vector several times, as a sequence. */
export const repeatVector = (options: RepeatVectorOptions): RepeatVector => new RepeatVector(options);

/** Sums the products of two inputs along an axis; apply it to a list. */
export const dot = (options: DotOptions): Dot => new Dot(options);

/** Looks up a learned vector for every whole number. */
export const embedding = (options: EmbeddingOptions): Embedding => new Embedding(options);

/** Dropout that keeps mean and variance after SELU. */
export const alphaDropout = (options: AlphaDropoutOptions): AlphaDropout => new AlphaDropout(options);

/** Multiplies by normal noise of mean 1 while training. */
export const gaussianDropout = (options: GaussianDropoutOptions): GaussianDropout => new GaussianDropout(options);

/** Adds normal noise while training. */
export const gaussianNoise = (options: GaussianNoiseOptions): GaussianNoise => new GaussianNoise(options);

/** Drops whole channels of sequences while training. */
export const spatialDropout1d = (options: SpatialDropoutOptions): SpatialDropout1D => new SpatialDropout1D(options);

/** Drops whole channels of volumes while training. */
export const spatialDropout3d = (options: SpatialDropoutOptions): SpatialDropout3D => new SpatialDropout3D(options);

/** x above 0, a learned slope times x below. */
export const prelu = (options: PReLUOptions = {}): PReLU => new PReLU(options);

/** Gives every example mean 0 and variance 1 over axes, then a learned scale and shift. */
export const layerNormalization = (options: LayerNormalizationOptions = {}): LayerNormalization =>
  new LayerNormalization(options);

/** Gives every group of channels mean 0 and variance 1, then a learned scale and shift. */
export const groupNormalization = (options: GroupNormalizationOptions = {}): GroupNormalization =>
  new GroupNormalization(options);

/** Divides by the root of the mean square, times a learned scale. */
export const rmsNormalization = (options: RMSNormalizationOptions = {}): RMSNormalization =>
  new RMSNormalization(options);

/** Divides every example by its length. */
export const unitNormalization = (options: UnitNormalizationOptions = {}): UnitNormalization =>
  new UnitNormalization(options);

// Keras's second names, for who looks for them.
export {
  averagePooling1d as avgPool1d,
  averagePooling2d as avgPool2d,
  averagePooling3d as avgPool3d,
  conv1d as convolution1d,
  conv1dTranspose as convolution1dTranspose,
  conv2d as convolution2d,
  conv2dTranspose as convolution2dTranspose,
  conv3d as convolution3d,
  conv3dTranspose as convolution3dTranspose,
  globalAveragePooling1d as globalAvgPool1d,
  globalAveragePooling2d as globalAvgPool2d,
  globalAveragePooling3d as globalAvgPool3d,
  globalMaxPooling1d as globalMaxPool1d,
  globalMaxPooling2d as globalMaxPool2d,
  globalMaxPooling3d as globalMaxPool3d,
  maxPooling1d as maxPool1d,
  maxPooling2d as maxPool2d,
  maxPooling3d as maxPool3d,
  separableConv1d as separableConvolution1d,
  separableConv2d as separableConvolution2d,
};
