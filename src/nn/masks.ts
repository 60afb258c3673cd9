// Which time steps of a tensor count. A mask travels beside the tensor it belongs to, from the layer that finds it (Masking,
// Embedding) through layers that keep time steps as they are, to those that heed it: recurrent layers, attention, losses.
import type { Tensor } from '../graph/tensor.js';

const masks = new WeakMap<Tensor, Tensor>();

/** The mask of a tensor, bool of its first axes, or undefined where every step counts. */
export function maskOf(tensor: Tensor): Tensor | undefined {
  return masks.get(tensor);
}

/** Gives a tensor a mask. */
export function setMask(tensor: Tensor, mask: Tensor): void {
  masks.set(tensor, mask);
}
