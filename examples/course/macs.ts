// Counting multiplications, for the examples about cost.
import type { Layer } from 'fovea';

/**
 * The multiplications of a model's layers, biases left out: each number of a kernel [..., in, out] is used once for every
 * place of the output. A depthwise kernel [h, w, in, multiplier] counts alike.
 */
export function multiplications(layer: Layer): number {
  const kernel = layer.weights[0];
  const [, height = 1, width = 1] = layer.calls[0]?.outputs[0]?.shape ?? [];
  return kernel === undefined ? 0 : kernel.size * Number(height) * Number(width);
}
