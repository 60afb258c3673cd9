// Making gradients shorter before a step, in Keras's three ways.
import type { Tensor } from '../../graph/tensor.js';
import { add, divide, maximum, minimum, multiply, negative } from '../../ops/arithmetic.js';
import { sum } from '../../ops/reduce.js';
import { sqrt, square } from '../../ops/unary.js';

/** Limits by option; of several the first counts. */
export interface Limits {
  readonly clipnorm: Tensor | undefined;
  readonly globalClipnorm: Tensor | undefined;
  readonly clipvalue: Tensor | undefined;
}

/** The factor that makes gradients together no longer than `most`. */
function shortening(gradients: readonly Tensor[], most: Tensor): Tensor {
  const total = gradients.map((gradient) => sum(square(gradient))).reduce((a, b) => add(a, b));
  return divide(most, maximum(sqrt(total), most));
}

/** The gradients, each or together no longer than a limit, or their elements no larger. */
export function clipped(
  gradients: readonly Tensor[],
  { clipnorm, globalClipnorm, clipvalue }: Limits,
): readonly Tensor[] {
  if (clipnorm !== undefined) return gradients.map((gradient) => multiply(gradient, shortening([gradient], clipnorm)));
  if (globalClipnorm !== undefined) {
    const factor = shortening(gradients, globalClipnorm);
    return gradients.map((gradient) => multiply(gradient, factor));
  }
  if (clipvalue === undefined) return gradients;
  return gradients.map((gradient) => maximum(minimum(gradient, clipvalue), negative(clipvalue)));
}
