// What a layer's call is told beside its inputs, and the context that calls inside it take over: a layer that applies
// others in its `call`, or a model in a training step of its own, need not hand it on.
import { FoveaError } from '../core/errors.js';
import { type Tensor, tensor } from '../graph/tensor.js';
import type { Layer } from './layer.js';
import { drawSeed } from './random.js';
import type { CallArguments } from './symbolic.js';

/** What a layer's `call` is told. */
export interface CallContext {
  /** True in `fit` and `trainOnBatch`. */
  readonly training: boolean;
  /** The random key of this step and a stream of it that no other caller has. */
  random(): { key: Tensor; stream: number };
  /** Which time steps of each input count; undefined where all do. */
  readonly masks?: readonly (Tensor | undefined)[];
  /** What this call was given beside its inputs. */
  readonly options?: CallArguments<Tensor>;
}

/** The layer is not training and random ops do not run. */
export const inferenceContext: CallContext = {
  training: false,
  random() {
    throw new FoveaError({
      code: 'internal',
      op: 'random',
      message: 'a layer asked for random numbers outside training.',
    });
  },
};

/** Training mode outside of `fit`: random ops follow the global seed. */
function eagerTraining(): CallContext {
  return {
    training: true,
    random: () => ({ key: tensor(Int32Array.of(drawSeed(), drawSeed(), 0, 0)), stream: 0 }),
  };
}

let current: CallContext | undefined;
let isReporting = false;

/** Runs `body`, in which layers that are applied take over this context. */
export function withContext<T>(context: CallContext, body: () => T): T {
  const outer = current;
  current = context;
  try {
    return body();
  } finally {
    current = outer;
  }
}

/** The context of a layer that is applied: the one around it, unless `training` says otherwise. */
export function contextFor(training: boolean | undefined): CallContext {
  const around = current ?? inferenceContext;
  if (training === undefined || training === around.training) return around;
  return training ? eagerTraining() : inferenceContext;
}

/** Runs a training or test step, in which metrics are gathered. */
export function reporting<T>(context: CallContext, body: () => T): T {
  const outer = isReporting;
  isReporting = true;
  try {
    return withContext(context, body);
  } finally {
    isReporting = outer;
  }
}

/** Whether what layers report is gathered: in steps, not in predictions. */
export function isInStep(): boolean {
  return isReporting;
}

/** What is told of a layer's call. */
type Watch = (layer: Layer, outputs: readonly Tensor[]) => void;

let watch: Watch | undefined;

/** Runs `body`, telling `told` what every layer gives that is called in it. */
export function watching<T>(told: Watch, body: () => T): T {
  const outer = watch;
  watch = told;
  try {
    return body();
  } finally {
    watch = outer;
  }
}

/** Tells whoever watches what a layer gave. */
export function show(layer: Layer, outputs: readonly Tensor[]): void {
  watch?.(layer, outputs);
}
