// What `fit` resolves with.

/** The losses and metrics of every epoch, and which epochs ran. */
export class History {
  /** Epoch numbers, from 0. */
  readonly epoch: number[] = [];
  /** One list per name: `loss`, `accuracy`, `val_loss`, `val_accuracy`, `learning_rate` where it changes. */
  readonly history: Record<string, number[]> = {};
  /** True where an `AbortSignal` ended training early. */
  wasAborted = false;

  /** Adds an epoch. */
  add(epoch: number, logs: Readonly<Record<string, number>>): void {
    this.epoch.push(epoch);
    for (const [name, value] of Object.entries(logs)) {
      this.history[name] ??= [];
      this.history[name].push(value);
    }
  }
}
