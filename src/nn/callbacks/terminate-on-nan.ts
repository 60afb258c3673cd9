// Ends training after an epoch whose loss is no longer a number, for `fit` with `onNaN: 'ignore'`.
import type { Callback, FitControl, Logs } from './callback.js';

/**
 * Stops where the loss is not a number. `fit` refuses such a loss by itself, naming the layer; this is for
 * `onNaN: 'ignore'`. The weights stay those from before the bad step either way.
 */
export class TerminateOnNaN implements Callback {
  readonly name = 'TerminateOnNaN';
  private hasStopped = false;

  onTrainBegin(): void {
    this.hasStopped = false;
  }

  onProgress(batch: number, logs: Logs, control: FitControl): void {
    this.check(`step ${batch}`, logs, control);
  }

  onEpochEnd(epoch: number, logs: Logs, control: FitControl): void {
    this.check(`epoch ${epoch + 1}`, logs, control);
  }

  private check(place: string, { loss }: Logs, { stop }: FitControl): void {
    if (this.hasStopped || loss === undefined || Number.isFinite(loss)) return;
    this.hasStopped = true;
    console.warn(`terminateOnNaN: the loss is ${loss} at ${place}; training ends.`);
    stop();
  }
}
