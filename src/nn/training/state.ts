// What an exact resume needs beside weights and optimizer: the random key and its step, where in which
// epoch training stands, the metrics of a cut epoch, and what callbacks remember. Saved as plain data.
import { Variable } from '../../graph/variable.js';
import type { Callback } from '../callbacks/callback.js';
import { drawSeed } from '../random.js';
import type { Steps } from './steps.js';

/** The saved form. */
export interface TrainingStateData {
  readonly version: 1;
  /** seedLow, seedHigh, stepLow, stepHigh */
  readonly key: readonly number[];
  readonly shuffleSeed: number;
  readonly epoch: number;
  readonly batch: number;
  readonly metrics: readonly (readonly number[])[];
  readonly callbacks: Readonly<Record<string, unknown>>;
}

/** Whether a value out of a file has the saved form. */
export function isTrainingState(value: unknown): value is TrainingStateData {
  const { key, shuffleSeed, epoch, batch, metrics, callbacks } = (value ?? {}) as Partial<TrainingStateData>;
  const isCount = (each: unknown): boolean => Number.isSafeInteger(each) && (each as number) >= 0;
  return (
    Array.isArray(key) &&
    key.length === 4 &&
    key.every(Number.isSafeInteger) &&
    [shuffleSeed, epoch, batch].every(isCount) &&
    Array.isArray(metrics) &&
    metrics.every((each) => Array.isArray(each) && each.every((number) => typeof number === 'number')) &&
    typeof callbacks === 'object' &&
    callbacks !== null
  );
}

/** The state of one model's training. */
export class TrainingState {
  /** Epochs finished. */
  epoch = 0;
  /** Steps finished in the running epoch. */
  batch = 0;
  private seed: number | undefined;
  private keyVariable: Variable | undefined;
  private metrics: readonly (readonly number[])[] = [];
  /** What runs the epoch, for a checkpoint in the midst of it. */
  private running: Steps | undefined;
  private callbackStates: Record<string, unknown> = {};
  private attached: readonly Callback[] = [];

  /** The random key of the next step: int32[4]; every step adds 1 to its last half. */
  get key(): Variable {
    if (this.keyVariable === undefined) {
      const words = Int32Array.of(drawSeed() | 0, drawSeed() | 0, 0, 0);
      this.keyVariable = Variable.from(words, [4], 'int32', { name: 'random_key', trainable: false });
    }
    return this.keyVariable;
  }

  /** Fixes the order of examples of every epoch. */
  shuffleSeed(): number {
    const seed = this.seed ?? drawSeed();
    this.seed = seed;
    return seed;
  }

  /** Gives callbacks back what they remembered, once, and notes them for saving. */
  attach(callbacks: readonly Callback[]): void {
    this.attached = callbacks;
    for (const [name, callback] of named(callbacks)) {
      const state = this.callbackStates[name];
      if (state !== undefined) callback.setState?.(state);
    }
    this.callbackStates = {};
  }

  /** The number of the next step, restoring the metrics of a cut epoch. */
  async startEpoch(steps: Steps): Promise<number> {
    if (this.batch > 0 && this.metrics.length > 0) steps.setMetricState(this.metrics);
    this.metrics = [];
    this.running = steps;
    return steps.nextStep();
  }

  /** Notes the metrics where an epoch is cut. */
  async save(steps: Steps): Promise<void> {
    this.running = undefined;
    this.metrics = this.batch > 0 ? await steps.metricState() : [];
  }

  finishEpoch(): void {
    this.epoch++;
    this.batch = 0;
    this.metrics = [];
    this.running = undefined;
  }

  async toData(): Promise<TrainingStateData> {
    const callbacks: Record<string, unknown> = {};
    for (const [name, callback] of named(this.attached)) {
      const state = callback.getState?.();
      if (state !== undefined) callbacks[name] = state;
    }
    return {
      version: 1,
      key: [...(await this.key.elements())],
      shuffleSeed: this.shuffleSeed(),
      epoch: this.epoch,
      batch: this.batch,
      metrics: this.running !== undefined && this.batch > 0 ? await this.running.metricState() : this.metrics,
      callbacks,
    };
  }

  load(data: TrainingStateData): void {
    this.key.set(Int32Array.from(data.key));
    this.seed = data.shuffleSeed;
    this.epoch = data.epoch;
    this.batch = data.batch;
    this.metrics = data.metrics;
    this.callbackStates = { ...data.callbacks };
  }
}

/** Callbacks under the names their states are saved by: the class's, numbered where it repeats. */
function named(callbacks: readonly Callback[]): [string, Callback][] {
  const counts = new Map<string, number>();
  return callbacks.map((callback) => {
    const base = callback.name ?? callback.constructor.name;
    const count = counts.get(base) ?? 0;
    counts.set(base, count + 1);
    return [count === 0 ? base : `${base}_${count}`, callback];
  });
}
