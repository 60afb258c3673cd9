// What contestants are asked to do, as it travels to them in JSON, and what they answer.
import { type Convolution, multiplyAddsOf, outputOf, weightsOf } from './shapes/convolutions.js';

/** One product of a convolution, no bias: y from x and filter, dx from dy and filter, dFilter from x and dy. */
export interface ConvWork extends Convolution {
  readonly kind: 'conv';
  readonly product: 'y' | 'dx' | 'dFilter';
  /** The filter is that of a trained network; in training it changes with every step. */
  readonly isInference: boolean;
}

/** [m,k] times [k,n]; a transposed operand lies in memory as [k,m] or [n,k]. */
export interface MatmulWork {
  readonly kind: 'matmul';
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/** A function of ./functions.ts; in training also its gradients with respect to the first inputs. */
export interface PointwiseWork {
  readonly kind: 'pointwise';
  readonly name: string;
  readonly inputs: readonly (readonly number[])[];
  readonly output: readonly number[];
  readonly isTraining: boolean;
  readonly gradients: number;
}

/** The lecture's network, with weights and pictures from a folder. */
export interface LectureWork {
  readonly kind: 'train' | 'predict';
  readonly batch: number;
  readonly dtype: 'float32' | 'bfloat16';
  readonly folder: string;
  /** Steps of which the losses are compared. */
  readonly checkedSteps: number;
}

/** A network of ./networks.ts, which peers find described in a folder. */
export interface NetworkWork {
  readonly kind: 'network';
  readonly network: string;
  readonly batch: number;
  readonly isTraining: boolean;
  readonly folder: string;
  /** Steps of training of which the losses are compared. */
  readonly checkedSteps: number;
  /** Multiply-adds of one picture's prediction. */
  readonly multiplyAdds: number;
}

export type Work = ConvWork | MatmulWork | PointwiseWork | LectureWork | NetworkWork;

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The lecture's network: multiply-adds of its convolutions and dense layers for one picture. */
const LECTURE_MULTIPLY_ADDS = 89_162_752 + 2304 * 128 + 128 * 64 + 64 * 10;
/** The first layer needs no gradient of its input. */
const LECTURE_FIRST_LAYER = 28 * 28 * 49 * 64;

/** Floating-point operations and bytes of memory (every operand once) of one step. */
export function costOf(work: Work): { readonly flops: number; readonly bytes: number } {
  switch (work.kind) {
    case 'conv': {
      const { n, h, w, cin, cout } = work;
      const [oh, ow] = outputOf(work);
      return {
        flops: 2 * multiplyAddsOf(work),
        bytes: 4 * (n * h * w * cin + n * oh * ow * cout + weightsOf(work)),
      };
    }
    case 'matmul': {
      const { m, n, k } = work;
      return { flops: 2 * m * n * k, bytes: 4 * (m * k + k * n + m * n) };
    }
    case 'pointwise': {
      const values = work.inputs.reduce((sum, shape) => sum + sizeOf(shape), 0) + sizeOf(work.output);
      // Backward: dy in, x again, dx out.
      return { flops: 0, bytes: 4 * (work.isTraining ? 2 * values : values) };
    }
    case 'network':
      return { flops: (work.isTraining ? 6 : 2) * work.batch * work.multiplyAdds, bytes: 0 };
    default: {
      const forward = 2 * work.batch * LECTURE_MULTIPLY_ADDS;
      const step = 3 * forward - 2 * work.batch * LECTURE_FIRST_LAYER;
      return { flops: work.kind === 'train' ? step : forward, bytes: 0 };
    }
  }
}
