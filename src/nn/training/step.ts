// What a training, test or prediction step is given and gives. Models may replace the steps; what they write in ops is
// traced once per batch shape and runs as one Program, optimizers and metrics included.
import { FoveaError } from '../../core/errors.js';
import type { Tensor } from '../../graph/tensor.js';
import type { CallContext } from '../call-context.js';

/** Something that gathers a number over batches, such as a metric. */
export interface Reported {
  result(): Tensor;
}

/** What a step reports, by name: metrics, read when somebody asks, or scalars, of which the last batch's is kept. */
export type StepLogs = Readonly<Record<string, Tensor | Reported>>;

/** One batch, as a step sees it. */
export class StepBatch {
  constructor(
    /** A tensor per input. */
    readonly inputs: readonly Tensor[],
    /** A tensor per output; undefined for outputs without labels. */
    readonly labels: readonly (Tensor | undefined)[],
    /** A weight per example, where there are any. */
    readonly sampleWeight: Tensor | undefined,
    readonly context: CallContext,
  ) {}

  /** The first input. */
  get x(): Tensor {
    return this.inputs[0] as Tensor;
  }

  /** The first labels. Throws `data` where the batch has none. */
  get y(): Tensor {
    const first = this.labels.find((each) => each !== undefined);
    if (first !== undefined) return first;
    throw new FoveaError({
      code: 'data',
      op: 'fit',
      message: 'a step wants labels; the data has none.',
      hint: 'Pass y, or data that has labels.',
    });
  }

  /** How many examples there are. */
  get size(): number {
    return this.x.shape[0] as number;
  }

  /** Whether this is a training step. */
  get training(): boolean {
    return this.context.training;
  }

  /**
   * The random key of this step and a stream that nobody else has, as `randomNormal(shape, key, { stream })` takes them.
   */
  random(): { key: Tensor; stream: number } {
    return this.context.random();
  }
}

let minimized: Tensor[] | undefined;

/** Runs `body` and tells which losses optimizers were given in it. */
export function gatherMinimized<T>(body: () => T): { result: T; losses: readonly Tensor[] } {
  const outer = minimized;
  const losses: Tensor[] = [];
  minimized = losses;
  try {
    return { result: body(), losses };
  } finally {
    minimized = outer;
  }
}

/** Notes a loss that an optimizer minimizes: a step in which one is not finite must change nothing. */
export function noteMinimized(loss: Tensor): void {
  minimized?.push(loss);
}
