// What recipes of layers are put together of: dice, and makers of the options and shapes that families of layers share. Small,
// so that the float64 reference is quick, and odd, so that the edges of kernels are met.

import type { Shape } from '../../src/core/shape.js';

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

export type Make = (dice: Dice) => Recipe;
type Rank = 1 | 2 | 3;

export const ACTIVATIONS = [
  undefined,
  'relu',
  'tanh',
  'sigmoid',
  'gelu',
  'silu',
  'softplus',
  'elu',
  'leakyRelu',
] as const;
const SIDE = { 1: 14, 2: 9, 3: 5 } as const;

/** Options that every layer with a kernel has. */
export function kernelOptions(dice: Dice): Record<string, unknown> {
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
export function placed(shape: Shape, format: unknown): Shape {
  if (format !== 'channelsFirst') return shape;
  return [shape[0] as number, shape.at(-1) as number, ...shape.slice(1, -1)];
}

export const formatOf = (dice: Dice): { dataFormat?: string } =>
  dice.chance(0.2) ? { dataFormat: 'channelsFirst' } : {};

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

export const conv =
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

export const transposed =
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

export const depthwise =
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

export const local =
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

export const pool =
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

export const globalPool =
  (rank: Rank): Make =>
  (dice) => {
    const format = formatOf(dice);
    return {
      options: { ...format, ...(dice.chance(0.4) ? { keepDims: true } : {}) },
      inputs: [placed(map(dice, rank), format.dataFormat)],
    };
  };

export const adaptivePool =
  (rank: Rank): Make =>
  (dice) => {
    const format = formatOf(dice);
    return {
      options: { outputSize: sizes(dice.list(rank, () => dice.whole(1, 4))), ...format },
      inputs: [placed(map(dice, rank), format.dataFormat)],
    };
  };

/** A batch of signals, pictures or volumes. */
export function map(dice: Dice, rank: Rank): Shape {
  return [dice.whole(1, 3), ...dice.list(rank, () => dice.whole(1, SIDE[rank])), dice.whole(1, 7)];
}

export const borders =
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

export const anyShape = (dice: Dice, low = 2, high = 4): Shape =>
  dice.list(dice.whole(low, high), () => dice.whole(1, 6));

/** Layers that take any shape and whose options `make` draws. */
export const anywhere =
  (make: (dice: Dice) => Record<string, unknown> = () => ({}), more: Partial<Recipe> = {}): Make =>
  (dice) => ({ options: make(dice), inputs: [anyShape(dice)], ...more });

/** Merging layers: shapes that broadcast. */
export const merge =
  (count: number, options: Record<string, unknown> = {}): Make =>
  (dice) => {
    const shape = anyShape(dice, 2, 4);
    const some = dice.list(count, () => shape.map((size, axis) => (axis > 0 && dice.chance(0.2) ? 1 : size)));
    return { options, inputs: some };
  };

export const sequence = (dice: Dice): Shape => [dice.whole(1, 3), dice.whole(1, 5), dice.whole(1, 5)];

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

export function sequenceOptions(dice: Dice): Record<string, unknown> {
  return {
    ...(dice.chance(0.4) ? { returnSequences: true } : {}),
    ...(dice.chance(0.3) ? { returnState: true } : {}),
    ...(dice.chance(0.3) ? { goBackwards: true } : {}),
  };
}

export const recurrent =
  (more: (dice: Dice) => Record<string, unknown> = () => ({})): Make =>
  (dice) => ({
    options: { ...recurrentOptions(dice), ...sequenceOptions(dice), ...more(dice) },
    inputs: [sequence(dice)],
  });

export const convLstm =
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

export const attention: Make = (dice) => {
  const [n, queries, keys, width] = [dice.whole(1, 2), dice.whole(1, 4), dice.whole(1, 4), dice.whole(1, 5)];
  return {
    options: {},
    inputs: [
      [n, queries, width],
      [n, keys, width],
    ],
  };
};

export const picture = (dice: Dice, channels = 3): Shape => [
  dice.whole(1, 2),
  dice.whole(6, 9),
  dice.whole(6, 9),
  channels,
];

/** An augmentation, which leaves pictures alone where nobody trains. */
export const augmentation =
  (make: (dice: Dice) => Record<string, unknown> = () => ({})): Make =>
  (dice) => ({ options: make(dice), inputs: [picture(dice)], range: [0, 255], inference: true, gradient: false });

export const factor = (dice: Dice): Record<string, unknown> => ({ factor: dice.real(0.05, 0.4) });
export const axisOf = (dice: Dice, rank: number): number => (dice.chance(0.5) ? -1 : dice.whole(1, rank - 1));

export const normalizing =
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
