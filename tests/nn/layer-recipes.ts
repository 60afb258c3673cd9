// A valid configuration of every layer class, drawn at random, with the shapes of inputs that suit it.

import { OPERATIONS } from '../../src/nn/layers/operations.js';
import {
  ACTIVATIONS,
  adaptivePool,
  anyShape,
  anywhere,
  attention,
  augmentation,
  axisOf,
  borders,
  conv,
  convLstm,
  depthwise,
  factor,
  formatOf,
  globalPool,
  kernelOptions,
  local,
  type Make,
  map,
  merge,
  normalizing,
  picture,
  placed,
  pool,
  type Recipe,
  recurrent,
  sequence,
  sequenceOptions,
  transposed,
} from './layer-recipe-parts.js';

export { Dice, type Recipe } from './layer-recipe-parts.js';

/** A recipe for every class of the registry; a test holds the two lists against each other. */
export const RECIPES: Readonly<Record<string, Make>> = {
  Conv1D: conv(1),
  Conv2D: conv(2),
  Conv3D: conv(3),
  Conv1DTranspose: transposed(1),
  Conv2DTranspose: transposed(2),
  Conv3DTranspose: transposed(3),
  DepthwiseConv1D: depthwise(1, false),
  DepthwiseConv2D: depthwise(2, false),
  SeparableConv1D: depthwise(1, true),
  SeparableConv2D: depthwise(2, true),
  LocallyConnected1D: local(1),
  LocallyConnected2D: local(2),
  MaxPooling1D: pool(1),
  MaxPooling2D: pool(2),
  MaxPooling3D: pool(3),
  AveragePooling1D: pool(1),
  AveragePooling2D: pool(2),
  AveragePooling3D: pool(3),
  GlobalMaxPooling1D: globalPool(1),
  GlobalMaxPooling2D: globalPool(2),
  GlobalMaxPooling3D: globalPool(3),
  GlobalAveragePooling1D: globalPool(1),
  GlobalAveragePooling2D: globalPool(2),
  GlobalAveragePooling3D: globalPool(3),
  AdaptiveMaxPooling1D: adaptivePool(1),
  AdaptiveMaxPooling2D: adaptivePool(2),
  AdaptiveMaxPooling3D: adaptivePool(3),
  AdaptiveAveragePooling1D: adaptivePool(1),
  AdaptiveAveragePooling2D: adaptivePool(2),
  AdaptiveAveragePooling3D: adaptivePool(3),
  ZeroPadding1D: borders(1, 'padding'),
  ZeroPadding2D: borders(2, 'padding'),
  ZeroPadding3D: borders(3, 'padding'),
  Cropping1D: borders(1, 'cropping'),
  Cropping2D: borders(2, 'cropping'),
  Cropping3D: borders(3, 'cropping'),
  UpSampling1D: (dice) => ({ options: { size: dice.whole(1, 3) }, inputs: [map(dice, 1)] }),
  UpSampling2D: (dice) => {
    const format = formatOf(dice);
    return {
      options: {
        size: dice.list(2, () => dice.whole(1, 3)),
        interpolation: dice.pick(['nearest', 'bilinear', 'bicubic']),
        ...format,
      },
      inputs: [placed(map(dice, 2), format.dataFormat)],
    };
  },
  UpSampling3D: (dice) => ({ options: { size: dice.list(3, () => dice.whole(1, 2)) }, inputs: [map(dice, 3)] }),
  Resizing: (dice) => ({
    options: {
      height: dice.whole(1, 9),
      width: dice.whole(1, 9),
      interpolation: dice.pick(['nearest', 'bilinear', 'bicubic', 'lanczos3', 'lanczos5', 'area']),
      ...(dice.chance(0.4) ? { antialias: true } : {}),
      ...(dice.chance(0.2) ? { cropToAspectRatio: true } : {}),
    },
    inputs: [map(dice, 2)],
    // The nearest pixel may jump with the last bit of a place.
    gradient: false,
  }),
  CenterCrop: (dice) => ({ options: { height: dice.whole(1, 5), width: dice.whole(1, 5) }, inputs: [picture(dice)] }),
  Rescaling: anywhere((dice) => ({ scale: dice.real(-2, 2), offset: dice.real(-1, 1) })),
  Normalization: (dice) => {
    const shape = anyShape(dice, 2, 4);
    const channels = shape.at(-1) as number;
    return {
      options: {
        axis: -1,
        mean: dice.list(channels, () => dice.real(-1, 1)),
        variance: dice.list(channels, () => dice.real(0.5, 2)),
        ...(dice.chance(0.3) ? { invert: true } : {}),
      },
      inputs: [shape],
    };
  },
  Dense: (dice) => ({ options: { units: dice.whole(1, 9), ...kernelOptions(dice) }, inputs: [anyShape(dice)] }),
  EinsumDense: (dice) => {
    const [a, b, c, out] = [dice.whole(1, 4), dice.whole(1, 4), dice.whole(1, 5), dice.whole(1, 5)];
    return dice.pick<Recipe>([
      { options: { equation: 'abc,cd->abd', outputShape: [null, out], biasAxes: 'd' }, inputs: [[a, b, c]] },
      { options: { equation: '...x,xy->...y', outputShape: out, biasAxes: 'y' }, inputs: [[a, b, c]] },
      { options: { equation: 'abc,bcd->ad', outputShape: [out] }, inputs: [[a, b, c]] },
    ]);
  },
  Embedding: (dice) => {
    const count = dice.whole(2, 9);
    return {
      options: { inputDim: count, outputDim: dice.whole(1, 6) },
      inputs: [[dice.whole(1, 3), dice.whole(1, 5)]],
      indices: count,
    };
  },
  Activation: anywhere((dice) => ({ activation: dice.pick(ACTIVATIONS.slice(1)) })),
  ReLU: anywhere((dice) => ({
    ...(dice.chance(0.5) ? { maxValue: dice.real(0.3, 2) } : {}),
    negativeSlope: dice.real(0, 0.5),
    threshold: dice.real(0, 0.2),
  })),
  LeakyReLU: anywhere((dice) => ({ negativeSlope: dice.real(0, 0.5) })),
  ELU: anywhere((dice) => ({ alpha: dice.real(0.1, 2) })),
  PReLU: (dice) => {
    const shape = [dice.whole(1, 2), ...dice.list(3, () => dice.whole(1, 5))];
    return {
      options: { alphaInitializer: 'randomNormal', ...(dice.chance(0.5) ? { sharedAxes: [1, 2] } : {}) },
      inputs: [shape],
    };
  },
  Softmax: (dice) => {
    const shape = anyShape(dice, 2, 4);
    return { options: { axis: axisOf(dice, shape.length) }, inputs: [shape] };
  },
  Identity: anywhere(),
  ActivityRegularization: anywhere((dice) => ({ l1: dice.real(0, 0.1), l2: dice.real(0, 0.1) })),
  Add: merge(3),
  Subtract: merge(2),
  Multiply: merge(3),
  Average: merge(3),
  Maximum: merge(2),
  Minimum: merge(2),
  CustomScaleLayer: merge(2, { scale: 0.3 }),
  Concatenate: (dice) => {
    const shape = anyShape(dice, 2, 4);
    const axis = axisOf(dice, shape.length);
    const at = axis < 0 ? shape.length + axis : axis;
    const inputs = dice.list(3, () => shape.map((size, i) => (i === at ? dice.whole(1, 5) : size)));
    return { options: { axis }, inputs };
  },
  Dot: (dice) => {
    const [n, a, b, inner] = [dice.whole(1, 3), dice.whole(1, 4), dice.whole(1, 4), dice.whole(1, 5)];
    return {
      options: { axes: [2, 1], ...(dice.chance(0.3) ? { normalize: true } : {}) },
      inputs: [
        [n, a, inner],
        [n, inner, b],
      ],
    };
  },
  Flatten: (dice) => {
    const format = formatOf(dice);
    return { options: format, inputs: [placed(map(dice, 2), format.dataFormat)] };
  },
  Reshape: (dice) => {
    const [a, b] = [dice.whole(1, 5), dice.whole(1, 5)];
    return { options: { targetShape: [b, -1] }, inputs: [[dice.whole(1, 3), a, b]] };
  },
  Permute: (dice) => ({
    options: {
      dims: dice.pick([
        [1, 2, 3],
        [3, 1, 2],
        [2, 3, 1],
        [3, 2, 1],
      ]),
    },
    inputs: [map(dice, 2)],
  }),
  RepeatVector: (dice) => ({ options: { n: dice.whole(1, 5) }, inputs: [[dice.whole(1, 3), dice.whole(1, 6)]] }),
  Masking: (dice) => ({ options: { maskValue: 0.25 }, inputs: [sequence(dice)] }),
  BatchNormalization: normalizing((shape, dice) => ({
    axis: axisOf(dice, shape.length),
    momentum: dice.real(0.5, 0.99),
    betaInitializer: 'randomNormal',
  })),
  LayerNormalization: normalizing((shape, dice) => ({ axis: axisOf(dice, shape.length) })),
  GroupNormalization: (dice) => {
    const groups = dice.whole(1, 3);
    return {
      options: { groups, epsilon: 1e-2 },
      inputs: [[2, dice.whole(2, 4), dice.whole(2, 4), groups * dice.whole(1, 3)]],
    };
  },
  UnitNormalization: (dice) => {
    const shape = anyShape(dice, 2, 4);
    return { options: { axis: axisOf(dice, shape.length) }, inputs: [shape] };
  },
  RMSNormalization: anywhere((dice) => ({ epsilon: dice.pick([1e-3, 1e-2]) })),
  SpectralNormalization: (dice) => ({
    options: { layer: { className: 'Dense', options: { units: dice.whole(2, 5) } } },
    inputs: [[dice.whole(1, 3), dice.whole(2, 5)]],
  }),
  LayerScale: (dice) => {
    const shape = anyShape(dice, 2, 4);
    return { options: { initValues: 0.5, projectionDim: shape.at(-1) }, inputs: [shape] };
  },
  ChannelShuffle: (dice) => {
    const groups = dice.whole(1, 3);
    return { options: { groups }, inputs: [[...map(dice, 2).slice(0, 3), groups * dice.whole(1, 3)]] };
  },
  Reorg: (dice) => {
    const stride = dice.whole(1, 2);
    const side = (): number => stride * dice.whole(1, 3);
    return { options: { stride }, inputs: [[dice.whole(1, 2), side(), side(), stride * stride * dice.whole(1, 2)]] };
  },
  LocalResponseNormalization: (dice) => ({
    options: { size: dice.pick([1, 3, 5]), alpha: 0.5, region: dice.pick(['across', 'within']) },
    inputs: [map(dice, 2)],
  }),
  PaddedPooling2D: (dice) => {
    const poolSize = dice.whole(2, 3);
    const mode = dice.pick(['max', 'average']);
    const options = { strides: dice.whole(1, poolSize), padding: dice.whole(0, poolSize - 1), mode };
    const more = { rounding: dice.pick(['floor', 'ceil']), countsPadding: dice.chance(0.5) };
    return {
      options: { poolSize, ...options, ...more },
      inputs: [[2, dice.whole(3, 6), dice.whole(3, 6), dice.whole(1, 3)]],
    };
  },
  ChannelRange: (dice) => {
    const shape = map(dice, 2);
    return { options: { from: 0, to: shape.at(-1) }, inputs: [shape] };
  },
  Dropout: anywhere((dice) => ({ rate: dice.real(0, 0.9) })),
  AlphaDropout: anywhere((dice) => ({ rate: dice.real(0, 0.9) })),
  GaussianDropout: anywhere((dice) => ({ rate: dice.real(0, 0.9) })),
  GaussianNoise: anywhere((dice) => ({ stddev: dice.real(0, 2) })),
  SpatialDropout1D: (dice) => ({ options: { rate: dice.real(0, 0.9) }, inputs: [map(dice, 1)] }),
  SpatialDropout2D: (dice) => {
    const format = formatOf(dice);
    return { options: { rate: dice.real(0, 0.9), ...format }, inputs: [placed(map(dice, 2), format.dataFormat)] };
  },
  SpatialDropout3D: (dice) => ({ options: { rate: dice.real(0, 0.9) }, inputs: [map(dice, 3)] }),
  SimpleRNN: recurrent(),
  LSTM: recurrent((dice) => (dice.chance(0.3) ? { unitForgetBias: false } : {})),
  GRU: recurrent((dice) => (dice.chance(0.4) ? { resetAfter: false } : {})),
  RNN: (dice) => ({
    options: {
      cell: { className: dice.pick(['LSTMCell', 'GRUCell', 'SimpleRNNCell']), options: { units: dice.whole(1, 4) } },
      ...sequenceOptions(dice),
    },
    inputs: [sequence(dice)],
  }),
  ConvLSTM1D: convLstm(1),
  ConvLSTM2D: convLstm(2),
  ConvLSTM3D: convLstm(3),
  TimeDistributed: (dice) => ({
    options: { layer: { className: 'Dense', options: { units: dice.whole(1, 5) } } },
    inputs: [sequence(dice)],
  }),
  Bidirectional: (dice) => ({
    options: {
      layer: {
        className: dice.pick(['LSTM', 'GRU', 'SimpleRNN']),
        options: { units: dice.whole(1, 4), returnSequences: dice.chance(0.5) },
      },
      mergeMode: dice.pick(['concat', 'sum', 'mul', 'ave']),
    },
    inputs: [sequence(dice)],
  }),
  Attention: (dice) => ({
    ...attention(dice),
    options: { scoreMode: dice.pick(['dot', 'concat']), useScale: dice.chance(0.5) },
  }),
  AdditiveAttention: (dice) => ({ ...attention(dice), options: { useScale: dice.chance(0.5) } }),
  MultiHeadAttention: (dice) => ({
    ...attention(dice),
    options: {
      numHeads: dice.whole(1, 3),
      keyDim: dice.whole(1, 4),
      ...(dice.chance(0.3) ? { valueDim: dice.whole(1, 4) } : {}),
    },
  }),
  GroupQueryAttention: (dice) => {
    const groups = dice.whole(1, 2);
    return {
      ...attention(dice),
      options: { headDim: dice.whole(1, 4), numQueryHeads: groups * dice.whole(1, 2), numKeyValueHeads: groups },
    };
  },
  AugMix: augmentation(),
  AutoContrast: augmentation(),
  ContrastLimitedAdaptiveHistogramEqualization: augmentation(),
  CutMix: augmentation(),
  Equalization: augmentation(),
  MixUp: augmentation(),
  RandAugment: augmentation(),
  RandomBrightness: augmentation(factor),
  RandomColorDegeneration: augmentation(factor),
  RandomColorJitter: augmentation(),
  RandomContrast: augmentation(factor),
  RandomCrop: (dice) => ({ ...augmentation()(dice), options: { height: 4, width: 5 } }),
  RandomElasticTransform: augmentation(),
  RandomErasing: augmentation(factor),
  RandomFlip: augmentation(),
  RandomGaussianBlur: augmentation(),
  RandomGrayscale: augmentation(),
  RandomHue: augmentation(factor),
  RandomInvert: augmentation(),
  RandomPCAColor: augmentation(),
  RandomPerspective: augmentation(),
  RandomPosterization: augmentation(() => ({ factor: 4 })),
  RandomRotation: augmentation(factor),
  RandomSaturation: augmentation(factor),
  RandomSharpness: augmentation(factor),
  RandomShear: augmentation(),
  RandomTranslation: augmentation(() => ({ heightFactor: 0.2, widthFactor: 0.3 })),
  RandomZoom: augmentation(() => ({ heightFactor: 0.2 })),
  Solarization: augmentation(),
};

/** Classes that no single call can try, and why. */
export const NO_RECIPE: Readonly<Record<string, string>> = {
  InputLayer: 'computes nothing',
  MaxNumBoundingBoxes: 'changes boxes alone',
  Pipeline: 'holds layers that are tried alone',
  LSTMCell: 'is run by LSTM and RNN',
  GRUCell: 'is run by GRU and RNN',
  SimpleRNNCell: 'is run by SimpleRNN and RNN',
  StackedRNNCells: 'holds cells',
  GroupedQueryAttention: 'is GroupQueryAttention under the name of files',
  ...Object.fromEntries(OPERATIONS.map(({ className }) => [className, 'carries masks in files of Keras'])),
};
