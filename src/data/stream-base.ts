// What tells a `Dataset` from other data, apart from all that one can do: who only asks need not load that.
import type { Dataset } from './dataset.js';

/** What `Dataset` is derived from. */
export abstract class StreamBase {}

/** Whether a value is a stream of examples or batches. */
export function isDataset(value: unknown): value is Dataset {
  return value instanceof StreamBase;
}
