// A valid configuration of every layer class, drawn at random, with the shapes of inputs that suit it: small, so that the
// float64 reference is quick, and odd, so that the edges of kernels are met.

import type { Shape } from '../../src/core/shape.js';
import { OPERATIONS } from '../../src/nn/layers/operations.js';

/** Numbers drawn one after the other from a seed: xorshift, so that a failure's seed tells all. */
export class Dice {
  private state: number;

  constructor(seed: number) {
    this.state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) | 0 || 1;
    for (let i = 0; i < 8; i++) this.next();
  }

  private next(): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return this.state >>> 0;
  }

  /** A whole number from `low` to `high`. */
  whole(low: number, high: number): number {
    return low + (this.next() % (high - low + 1));
  }

  real(low: number, high: number): number {
    return low + ((high - low) * this.next()) / 2 ** 32;
  }

  chance(share: number): boolean {
    return this.real(0, 1) < share;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.whole(0, from.length - 1)] as T;
  }

  list<T>(count: number, make: () => T): T[] {
    return Array.from({ length: count }, make);
  }
}

/** A layer to make and what to give it. */
export interface Recipe {
  readonly options: Readonly<Record<string, unknown>>;
  /** With the batch. */
  readonly inputs: readonly Shape[];
  /** Whole numbers from 0 up to but without this, for layers of indices. */
  readonly indices?: number;
  /** Values of the inputs; default -1 to 1. */
  readonly range?: readonly [low: number, high: number];
  /** Whether the inputs' gradient is compared; false at kinks that random numbers meet. */
  readonly gradient?: boolean;
  /** Only without training: what it draws while training depends on the picture in jumps. */
  readonly inference?: boolean;
}

type Make = (dice: Dice) => Recipe;
type Rank = 1 | 2 | 3;

const ACTIVATIONS = [undefined, 'relu', 'tanh', 'sigmoid', 'gelu', 'silu', 'softplus', 'elu', 'leakyRelu'] as const;
const SIDE = { 1: 14, 2: 9, 3: 5 } as const;

/** Options that every layer with a kernel has. */
function kernelOptions(dice: Dice): Record<string, unknown> {
  const activation = dice.pick(ACTIVATIONS);
  return {
    ...(activation === undefined ? {} : { activation }),
    ...(dice.chance(0.3) ? { useBias: false } : {}),
    biasInitializer: 'randomNormal',
  };
}

/** Sizes as one number where they are equal and as a list elsewhere. */
const sizes = (each: readonly number[]): unknown => (each.length === 1 ? each[0] : each);

/** The shape with its channels where the format wants them. */
function placed(shape: Shape, format: unknown): Shape {
  if (format !== 'channelsFirst') return shape;
  return [shape[0] as number, shape.at(-1) as number, ...shape.slice(1, -1)];
}

const formatOf = (dice: Dice): { dataFormat?: string } => (dice.chance(0.2) ? { dataFormat: 'channelsFirst' } : {});

interface Window {
  readonly kernel: number[];
  readonly strides: number[];
  readonly dilation: number[];
  readonly padding: 'same' | 'valid' | 'causal';
  readonly spatial: number[];
}

function windowOf(dice: Dice, rank: Rank, { isEqual = false, causal = false } = {}): Window {
  const largest = rank === 3 ? 3 : 4;
  const kernel = dice.list(rank, () => dice.whole(1, largest));
  const isDilated = dice.chance(0.25);
  const same = (values: number[]): number[] => (isEqual ? values.map(() => values[0] as number) : values);
  const strides = isDilated ? kernel.map(() => 1) : same(dice.list(rank, () => dice.whole(1, 3)));
  const dilation = isDilated ? same(dice.list(rank, () => dice.whole(1, 3))) : kernel.map(() => 1);
  const padding = causal && dice.chance(0.3) ? 'causal' : dice.pick(['same', 'valid'] as const);
  const spatial = kernel.map((size, axis) => {
    const least = padding === 'valid' ? (size - 1) * (dilation[axis] as number) + 1 : 1;
    return dice.whole(least, Math.max(least, SIDE[rank]));
  });
  return { kernel, strides, dilation, padding, spatial };
}

const conv =
  (rank: Rank): Make =>
  (dice) => {
    const { kernel, strides, dilation, padding, spatial } = windowOf(dice, rank, { causal: rank === 1 });
    const groups = dice.chance(0.3) ? dice.whole(1, 3) : 1;
    const channels = groups * dice.whole(1, 5);
    // Causal padding looks back in time, which only the last axis but one can be.
    const format = padding === 'causal' ? {} : formatOf(dice);
    return {
      options: {
        filters: groups * dice.whole(1, 6),
        kernelSize: sizes(kernel),
        strides: sizes(strides),
        dilationRate: sizes(dilation),
        padding,
        groups,
        ...format,
        ...kernelOptions(dice),
      },
      inputs: [placed([dice.whole(1, 3), ...spatial, channels], format.dataFormat)],
    };
  };

const transposed =
  (rank: Rank): Make =>
  (dice) => {
    const { kernel, strides, dilation, spatial } = windowOf(dice, rank);
    const format = formatOf(dice);
    const canPad = strides.every((each) => each > 1) && dice.chance(0.3);
    return {
      options: {
        filters: dice.whole(1, 6),
        kernelSize: sizes(kernel),
        strides: sizes(strides),
        dilationRate: sizes(dilation),
        padding: dice.pick(['same', 'valid']),
        ...(canPad ? { outputPadding: sizes(strides.map((each) => dice.whole(0, each - 1))) } : {}),
        ...format,
        ...kernelOptions(dice),
      },
      inputs: [placed([dice.whole(1, 2), ...spatial, dice.whole(1, 5)], format.dataFormat)],
    };
  };

const depthwise =
  (rank: 1 | 2, isSeparable: boolean): Make =>
  (dice) => {
    const { kernel, strides, dilation, padding, spatial } = windowOf(dice, rank, { isEqual: true });
    const format = formatOf(dice);
    return {
      options: {
        kernelSize: sizes(kernel),
        strides: sizes(strides),
        dilationRate: sizes(dilation),
        padding,
        depthMultiplier: dice.whole(1, 3),
        ...(isSeparable ? { filters: dice.whole(1, 6) } : {}),
        ...format,
        ...kernelOptions(dice),
      },
      inputs: [placed([dice.whole(1, 3), ...spatial, dice.whole(1, 7)], format.dataFormat)],
    };
  };

const local =
  (rank: 1 | 2): Make =>
  (dice) => {
    const { kernel, strides, spatial } = windowOf(dice, rank);
    const large = spatial.map((size, axis) => Math.max(size, kernel[axis] as number));
    const format = formatOf(dice);
    return {
      options: {
        filters: dice.whole(1, 4),
        kernelSize: sizes(kernel),
        strides: sizes(strides),
        ...format,
        ...kernelOptions(dice),
      },
      inputs: [placed([dice.whole(1, 2), ...large, dice.whole(1, 3)], format.dataFormat)],
    };
  };

const pool =
  (rank: Rank): Make =>
  (dice) => {
    const { kernel, strides, padding, spatial } = windowOf(dice, rank);
    const format = formatOf(dice);
    return {
      options: {
        poolSize: sizes(kernel),
        ...(dice.chance(0.5) ? { strides: sizes(strides) } : {}),
        padding,
        ...format,
      },
      inputs: [placed([dice.whole(1, 3), ...spatial, dice.whole(1, 7)], format.dataFormat)],
    };
  };

const globalPool =
  (rank: Rank): Make =>
  (dice) => {
    const format = formatOf(dice);
    return {
      options: { ...format, ...(dice.chance(0.4) ? { keepDims: true } : {}) },
      inputs: [placed(map(dice, rank), format.dataFormat)],
    };
  };

const adaptivePool =
  (rank: Rank): Make =>
  (dice) => {
    const format = formatOf(dice);
    return {
      options: { outputSize: sizes(dice.list(rank, () => dice.whole(1, 4))), ...format },
      inputs: [placed(map(dice, rank), format.dataFormat)],
    };
  };

/** A batch of signals, pictures or volumes. */
function map(dice: Dice, rank: Rank): Shape {
  return [dice.whole(1, 3), ...dice.list(rank, () => dice.whole(1, SIDE[rank])), dice.whole(1, 7)];
}

const borders =
  (rank: Rank, option: 'padding' | 'cropping'): Make =>
  (dice) => {
    const pairs = dice.list(rank, () => [dice.whole(0, 2), dice.whole(0, 2)]);
    const format = rank === 1 ? {} : formatOf(dice);
    const spatial = pairs.map(([before, after]) => (before as number) + (after as number) + dice.whole(1, 4));
    const value = rank === 1 ? pairs[0] : dice.chance(0.3) ? 1 : pairs;
    const large = spatial.map((size) => Math.max(size, 3));
    return {
      options: { [option]: value, ...format },
      inputs: [placed([dice.whole(1, 2), ...large, dice.whole(1, 5)], format.dataFormat)],
    };
  };

const anyShape = (dice: Dice, low = 2, high = 4): Shape => dice.list(dice.whole(low, high), () => dice.whole(1, 6));

/** Layers that take any shape and whose options `make` draws. */
const anywhere =
  (make: (dice: Dice) => Record<string, unknown> = () => ({}), more: Partial<Recipe> = {}): Make =>
  (dice) => ({ options: make(dice), inputs: [anyShape(dice)], ...more });

/** Merging layers: shapes that broadcast. */
const merge =
  (count: number, options: Record<string, unknown> = {}): Make =>
  (dice) => {
    const shape = anyShape(dice, 2, 4);
    const some = dice.list(count, () => shape.map((size, axis) => (axis > 0 && dice.chance(0.2) ? 1 : size)));
    return { options, inputs: some };
  };

const sequence = (dice: Dice): Shape => [dice.whole(1, 3), dice.whole(1, 5), dice.whole(1, 5)];

function recurrentOptions(dice: Dice): Record<string, unknown> {
  return {
    units: dice.whole(1, 5),
    biasInitializer: 'randomNormal',
    ...(dice.chance(0.3) ? { useBias: false } : {}),
    ...(dice.chance(0.3) ? { activation: dice.pick(['relu', 'sigmoid', 'tanh']) } : {}),
    ...(dice.chance(0.2) ? { dropout: 0.3 } : {}),
    ...(dice.chance(0.2) ? { recurrentDropout: 0.3 } : {}),
  };
}

function sequenceOptions(dice: Dice): Record<string, unknown> {
  return {
    ...(dice.chance(0.4) ? { returnSequences: true } : {}),
    ...(dice.chance(0.3) ? { returnState: true } : {}),
    ...(dice.chance(0.3) ? { goBackwards: true } : {}),
  };
}

const recurrent =
  (more: (dice: Dice) => Record<string, unknown> = () => ({})): Make =>
  (dice) => ({
    options: { ...recurrentOptions(dice), ...sequenceOptions(dice), ...more(dice) },
    inputs: [sequence(dice)],
  });

const convLstm =
  (rank: Rank): Make =>
  (dice) => {
    const kernel = dice.list(rank, () => dice.whole(1, 2));
    return {
      options: {
        filters: dice.whole(1, 3),
        kernelSize: sizes(kernel),
        padding: dice.pick(['same', 'valid']),
        ...sequenceOptions(dice),
      },
      inputs: [[dice.whole(1, 2), dice.whole(1, 3), ...dice.list(rank, () => dice.whole(2, 4)), dice.whole(1, 2)]],
    };
  };

const attention: Make = (dice) => {
  const [n, queries, keys, width] = [dice.whole(1, 2), dice.whole(1, 4), dice.whole(1, 4), dice.whole(1, 5)];
  return {
    options: {},
    inputs: [
      [n, queries, width],
      [n, keys, width],
    ],
  };
};

const picture = (dice: Dice, channels = 3): Shape => [dice.whole(1, 2), dice.whole(6, 9), dice.whole(6, 9), channels];

/** An augmentation, which leaves pictures alone where nobody trains. */
const augmentation =
  (make: (dice: Dice) => Record<string, unknown> = () => ({})): Make =>
  (dice) => ({ options: make(dice), inputs: [picture(dice)], range: [0, 255], inference: true, gradient: false });

const factor = (dice: Dice): Record<string, unknown> => ({ factor: dice.real(0.05, 0.4) });
const axisOf = (dice: Dice, rank: number): number => (dice.chance(0.5) ? -1 : dice.whole(1, rank - 1));

const normalizing =
  (option: (shape: Shape, dice: Dice) => Record<string, unknown>): Make =>
  (dice) => {
    const shape = [dice.whole(2, 4), ...dice.list(dice.whole(1, 3), () => dice.whole(2, 6))];
    return {
      options: {
        ...option(shape, dice),
        ...(dice.chance(0.3) ? { center: false } : {}),
        ...(dice.chance(0.3) ? { scale: false } : {}),
        epsilon: dice.pick([1e-3, 1e-2]),
      },
      inputs: [shape],
    };
  };

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
