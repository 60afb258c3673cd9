// The factories of `layers`: one function per layer, taking one object of options.
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
import type { CommonOptions } from './configured.js';
import { Conv1D, type Conv1DOptions, Conv2D, type Conv2DOptions } from './conv.js';
import {
  Conv2DTranspose,
  type Conv2DTransposeOptions,
  DepthwiseConv2D,
  type DepthwiseConv2DOptions,
  SeparableConv2D,
  type SeparableConv2DOptions,
} from './conv-variants.js';
import { Dense, type DenseOptions } from './dense.js';
import { Dropout, type DropoutOptions, SpatialDropout2D, type SpatialDropout2DOptions } from './dropout.js';
import { Add, Average, Concatenate, type ConcatenateOptions, Maximum, Minimum, Multiply, Subtract } from './merge.js';
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
  AveragePooling2D,
  GlobalAveragePooling2D,
  GlobalMaxPooling2D,
  type GlobalPooling2DOptions,
  MaxPooling2D,
  type Pooling2DOptions,
} from './pooling.js';
import {
  Cropping2D,
  type Cropping2DOptions,
  Flatten,
  type FlattenOptions,
  Permute,
  type PermuteOptions,
  Reshape,
  type ReshapeOptions,
  UpSampling2D,
  type UpSampling2DOptions,
  ZeroPadding2D,
  type ZeroPadding2DOptions,
} from './reshaping.js';

export { type InputOptions, input } from './input.js';

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
export const globalAveragePooling2d = (options: GlobalPooling2DOptions = {}): GlobalAveragePooling2D =>
  new GlobalAveragePooling2D(options);

/** The largest value of every channel: [n,h,w,c] to [n,c]. */
export const globalMaxPooling2d = (options: GlobalPooling2DOptions = {}): GlobalMaxPooling2D =>
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

/** The same elements in another shape; the batch stays. */
export const reshape = (options: ReshapeOptions): Reshape => new Reshape(options);

/** A depthwise convolution, then a 1x1 convolution. */
export const separableConv2d = (options: SeparableConv2DOptions): SeparableConv2D => new SeparableConv2D(options);

/** Exponentials that sum to 1 along an axis. */
export const softmax = (options: SoftmaxOptions = {}): Softmax => new Softmax(options);

/** Drops whole channels at random while training. */
export const spatialDropout2d = (options: SpatialDropout2DOptions): SpatialDropout2D => new SpatialDropout2D(options);

/** The first of two inputs less the second; apply it to a list. */
export const subtract = (options: CommonOptions = {}): Subtract => new Subtract(options);

/** Enlarges pictures by whole factors. */
export const upSampling2d = (options: UpSampling2DOptions = {}): UpSampling2D => new UpSampling2D(options);

/** Puts zeros around pictures. */
export const zeroPadding2d = (options: ZeroPadding2DOptions = {}): ZeroPadding2D => new ZeroPadding2D(options);
