// The makers of layers for sequences.
import { Masking, type MaskingOptions } from './masking.js';

/** Marks time steps that hold nothing, for later layers to skip. */
export const masking = (options: MaskingOptions = {}): Masking => new Masking(options);
