// AlexNet's colour shift: along the directions in which the colours of the training pictures vary most.
import { FoveaError } from '../../core/errors.js';
import { type Tensor, type TensorLike, tensor } from '../../graph/tensor.js';
import { add, cast, clip, multiply, subtract } from '../../ops/arithmetic.js';
import { matmul } from '../../ops/matmul.js';
import { mean } from '../../ops/reduce.js';
import { reshape, transpose } from '../../ops/shape.js';
import { checkChannels, toBatch, toFloat } from '../../vision/pictures.js';
import { type Field, real, refuseOption } from '../layers/fields.js';
import { AugmentationLayer, augmentationFields, type Draws, type Plan } from './base.js';
import type { BatchSize } from './data.js';
import { type ColorLayerOptions, valueRange } from './options.js';

/** See `layers.randomPCAColor`. */
export interface RandomPCAColorOptions extends ColorLayerOptions {
  /** Deviation of the random factors, one per direction; default .1. */
  stddev?: number;
  /** Variances along the directions, of colours from 0 to 1; default ImageNet's. */
  eigenvalues?: readonly number[];
  /** The directions as columns: three rows, for red, green and blue; default ImageNet's. */
  eigenvectors?: readonly (readonly number[])[];
}

// Of ImageNet's colours from 0 to 1, as they are commonly given.
const IMAGENET_VALUES = [0.2175, 0.0188, 0.0045];
const IMAGENET_VECTORS = [
  [-0.5675, 0.7192, 0.4009],
  [-0.5808, -0.0045, -0.814],
  [-0.5836, -0.6948, 0.4203],
];

const three: Field<readonly number[]> = {
  fallback: () => IMAGENET_VALUES,
  check(value, place) {
    const isRight = Array.isArray(value) && value.length === 3 && value.every((x) => Number.isFinite(x) && x >= 0);
    if (isRight) return [...(value as number[])];
    throw refuseOption(place, 'three numbers of at least 0', value);
  },
  write: (value) => [...value],
};

const threeByThree: Field<readonly (readonly number[])[]> = {
  fallback: () => IMAGENET_VECTORS,
  check(value, place) {
    const isRow = (row: unknown): boolean =>
      Array.isArray(row) && row.length === 3 && row.every((x) => Number.isFinite(x));
    if (Array.isArray(value) && value.length === 3 && value.every(isRow)) {
      return (value as number[][]).map((row) => [...row]);
    }
    throw refuseOption(place, 'three rows of three numbers', value);
  },
  write: (value) => value.map((row) => [...row]),
};

const pcaFields = {
  ...augmentationFields,
  valueRange: valueRange(),
  stddev: real(0.1, { low: 0 }),
  eigenvalues: three,
  eigenvectors: threeByThree,
};

/** Adds to each picture one colour, drawn along the principal directions of colours: light that is a little different. */
export class RandomPCAColor extends AugmentationLayer<typeof pcaFields> {
  static override readonly className: string = 'RandomPCAColor';
  /** Keras has no such layer. */
  static override readonly module: string = 'fovea';
  static override readonly fields = pcaFields;

  constructor(options: RandomPCAColorOptions = {}) {
    super(options);
  }

  override plan({ n, channels }: BatchSize, draws: Draws): Plan {
    const { stddev, eigenvalues, eigenvectors, valueRange: bounds } = this.settings;
    checkChannels('RandomPCAColor', channels, [3]);
    // Columns scaled by their variances and the range.
    const directions = eigenvectors.flatMap((row) =>
      row.map((each, i) => each * (eigenvalues[i] as number) * stddev * (bounds[1] - bounds[0])),
    );
    const factors = draws.normal([n, 3]);
    const shift = matmul(factors, transpose(tensor(Float32Array.from(directions), { shape: [3, 3] })));
    return {
      images: (pictures) => clip(add(pictures, cast(reshape(shift, [n, 1, 1, 3]), pictures.dtype)), ...bounds),
    };
  }
}

/**
 * The principal directions of the colours of RGB pictures, as `layers.randomPCAColor` takes them: variances, largest first, and
 * the directions as columns. Colours are divided by the range (default 0 to 255) first.
 */
export async function colorDirections(
  images: TensorLike,
  { valueRange: [low, high] = [0, 255] }: { valueRange?: readonly [number, number] } = {},
): Promise<{ eigenvalues: number[]; eigenvectors: number[][] }> {
  const { pictures, channels } = toBatch('colorDirections', images);
  checkChannels('colorDirections', channels, [3]);
  const colors = multiply(reshape(cast(toFloat(pictures), 'float32'), [-1, 3]), 1 / (high - low));
  const apart = subtract(colors, mean(colors, { axis: 0 }));
  const count = apart.shape[0] as number;
  const covariance: Tensor = multiply(matmul(transpose(apart), apart), 1 / Math.max(1, count));
  const data = await covariance.data();
  if (!data.every(Number.isFinite)) {
    throw new FoveaError({
      code: 'nan',
      op: 'colorDirections',
      message: 'the pictures hold values that are not finite.',
    });
  }
  return symmetricDirections([0, 1, 2].map((row) => [0, 1, 2].map((column) => data[3 * row + column] as number)));
}

/** Eigenvalues, largest first, and eigenvectors as columns of a symmetric matrix, by Jacobi's rotations. */
export function symmetricDirections(matrix: readonly (readonly number[])[]): {
  eigenvalues: number[];
  eigenvectors: number[][];
} {
  const size = matrix.length;
  const a = matrix.map((row) => [...row]);
  const v = a.map((_, i) => a.map((_, j) => (i === j ? 1 : 0)));
  const at = (m: number[][], i: number, j: number): number => (m[i] as number[])[j] as number;
  const set = (m: number[][], i: number, j: number, value: number): void => {
    (m[i] as number[])[j] = value;
  };
  for (let sweep = 0; sweep < 50; sweep++) {
    for (let p = 0; p < size; p++) {
      for (let q = p + 1; q < size; q++) {
        if (at(a, p, q) === 0) continue;
        const angle = 0.5 * Math.atan2(2 * at(a, p, q), at(a, q, q) - at(a, p, p));
        const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
        const turn = (m: number[][], i: number, j: number, k: number, l: number): void => {
          const [x, y] = [at(m, i, j), at(m, k, l)];
          set(m, i, j, cosine * x - sine * y);
          set(m, k, l, sine * x + cosine * y);
        };
        for (let k = 0; k < size; k++) turn(a, k, p, k, q);
        for (let k = 0; k < size; k++) turn(a, p, k, q, k);
        for (let k = 0; k < size; k++) turn(v, k, p, k, q);
      }
    }
  }
  const order = a.map((_, i) => i).sort((i, j) => at(a, j, j) - at(a, i, i));
  return {
    eigenvalues: order.map((i) => Math.max(0, at(a, i, i))),
    eigenvectors: v.map((row) => order.map((i) => row[i] as number)),
  };
}
