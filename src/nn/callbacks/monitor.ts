// What callbacks that watch one number share: which way is better, where it stands in the logs, what to say.
import { FoveaError } from '../../core/errors.js';
import type { TrainableModel } from '../model.js';
import type { Optimizer } from '../optimizers/optimizer.js';
import { choice, type Rule, text } from '../options.js';
import type { FitControl, Logs } from './callback.js';

/** Which way the watched number should go; `auto` tells by its name. */
export type MonitorMode = 'auto' | 'min' | 'max';

/** Options of every callback that watches a number. */
export const MONITOR: { monitor: Rule<string>; mode: Rule<MonitorMode> } = {
  monitor: text('val_loss'),
  mode: choice<MonitorMode>(['auto', 'min', 'max'], 'auto'),
};

const LARGER_IS_BETTER = /(acc|accuracy|auc|precision|recall|iou|io_u|score|similarity|positives|negatives)(_\d+)?$/;

/** A number that training should improve. */
export class Monitor {
  private readonly isMax: boolean;
  private hasWarned = false;

  constructor(
    private readonly op: string,
    readonly name: string,
    mode: MonitorMode,
    private readonly minDelta = 0,
  ) {
    const isFalse = /false_(positives|negatives)$/.test(name);
    this.isMax = mode === 'max' || (mode === 'auto' && LARGER_IS_BETTER.test(name) && !isFalse);
  }

  /** What any value improves on. */
  get worst(): number {
    return this.isMax ? -Infinity : Infinity;
  }

  isBetter(value: number, than: number): boolean {
    return this.isMax ? value - this.minDelta > than : value + this.minDelta < than;
  }

  /** The number in these logs; warns once where it is not among them. */
  read(logs: Logs): number | undefined {
    const value = logs[this.name];
    if (value === undefined && !this.hasWarned) {
      this.hasWarned = true;
      console.warn(`${this.op}: there is no "${this.name}" to watch; there are ${Object.keys(logs).join(', ')}.`);
    }
    return value;
  }
}

/** A value in plain data: infinities and NaN have no place in JSON. */
export function toPlain(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

export function fromPlain(value: unknown): number {
  return Number(value);
}

/** The optimizer that trains the model. */
export function optimizerOf(op: string, { model }: FitControl): Optimizer {
  const optimizer = (model as TrainableModel).training.compiled?.optimizer;
  if (optimizer !== undefined) return optimizer;
  throw new FoveaError({
    code: 'argument',
    op,
    message: `model "${model.name}" was not compiled.`,
    hint: 'Call model.compile first.',
  });
}
