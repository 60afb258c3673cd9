// Climbing: one compiled step gives the direction in which a picture must change for something in the network to grow, its coarse
// and fine parts equally strong. maximize.ts and deep-dream.ts take such steps.
import { gradients } from '../../compile/autodiff.js';
import type { HostArray } from '../../data/index.js';
import type { Tensor } from '../../graph/tensor.js';
import type { TrainableModel } from '../../nn/model.js';
import { add, divide, subtract } from '../../ops/arithmetic.js';
import { mean, sum } from '../../ops/reduce.js';
import { sqrt, square } from '../../ops/unary.js';
import { gaussianBlur } from '../../vision/filters.js';
import { ask, type Look } from './look.js';
import type { FloatArray, Size } from './maps.js';
import type { Preparation } from './pictures.js';

/** What is to grow. */
export interface Goal {
  readonly key: string;
  readonly preparation: Preparation;
  /** Tells the pictures of a batch what each is to grow; [n,...]. */
  readonly selector: HostArray;
  /** One number for each picture, [n]. */
  scoresOf(look: Look, selector: Tensor): Tensor;
  /** What is climbed in place of the scores, where these may be flat. */
  slopeOf?(look: Look, selector: Tensor): Tensor;
}

/** A direction for each picture, and the scores before the step. */
export interface Climb {
  readonly direction: Float32Array;
  readonly scores: readonly number[];
}

/** How many bands of detail a picture's gradient is taken apart into: each has twice the size of the one before. */
export function bandsFor([height, width]: Size): number {
  return Math.max(0, Math.min(4, Math.floor(Math.log2(Math.min(height, width) / 10))));
}

/** The direction of steepest ascent for pictures 0..255 [n,h,w,c]; its bands have deviation 1 each, and so has their sum. */
export async function climb(model: TrainableModel, goal: Goal, pictures: HostArray, bands: number): Promise<Climb> {
  const question = {
    key: `climb ${bands} ${goal.key}`,
    preparation: goal.preparation,
    ask: (look: Look, input: Tensor, selector: Tensor) => {
      const scores = goal.scoresOf(look, selector);
      const slope = goal.slopeOf?.(look, selector) ?? scores;
      const [gradient] = gradients(sum(slope), [input]) as [Tensor];
      return [banded(gradient, bands), scores];
    },
  };
  const [direction, scores] = (await ask(model, question, [pictures, goal.selector])) as [FloatArray, FloatArray];
  return { direction: direction.data, scores: [...scores.data] };
}

/** Gradients are strong in fine detail and weak in what makes a shape: bands of detail are made equally strong. */
function banded(gradient: Tensor, bands: number): Tensor {
  let rest = unit(gradient);
  let total: Tensor | undefined;
  for (let band = 0; band < bands; band++) {
    const sigma = 2 ** band;
    const blurred = gaussianBlur(rest, { kernelSize: 4 * sigma + 1, sigma });
    const fine = unit(subtract(rest, blurred));
    total = total === undefined ? fine : add(total, fine);
    rest = blurred;
  }
  return total === undefined ? rest : unit(add(total, unit(rest)));
}

/** Every picture divided by its root mean square. */
function unit(x: Tensor): Tensor {
  return divide(x, add(sqrt(mean(square(x), { axis: [1, 2, 3], keepDims: true })), 1e-12));
}
