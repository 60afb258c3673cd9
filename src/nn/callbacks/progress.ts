// What training shows: a live bar on a terminal, as Keras draws it; a line per epoch in a pipe or a browser.
import { isNode } from '../../core/node-files.js';
import type { Callback, Logs, TrainingParams } from './callback.js';

/** Where progress is shown. */
export interface ProgressOutput {
  write(text: string): void;
  /** Whether a line can be drawn over. */
  readonly isLive: boolean;
  readonly hasColors: boolean;
  /** Columns of the terminal. */
  columns(): number;
  /** Milliseconds. */
  now(): number;
}

/** The callbacks that `fit` adds: a bar (1), a line per epoch (2), nothing (0); `auto` is a bar on a terminal and lines elsewhere. */
export function defaultCallbacks(verbose: 'auto' | 0 | 1 | 2, output: ProgressOutput = standardOutput()): Callback[] {
  if (verbose === 0) return [];
  const isBar = verbose === 1 ? output.isLive : verbose === 'auto' && output.isLive;
  return [isBar ? new ProgressBar(output) : new EpochLines(output)];
}

/** The process's output, or the console where there is none. */
export function standardOutput(): ProgressOutput {
  const now = (): number => performance.now();
  if (!isNode()) {
    return {
      write: (text) => console.log(text.replace(/\n$/, '')),
      isLive: false,
      hasColors: false,
      columns: () => 80,
      now,
    };
  }
  const { stdout, env } = process;
  const isLive = stdout.isTTY === true;
  return {
    write: (text) => void stdout.write(text),
    isLive,
    hasColors: isLive && env.NO_COLOR === undefined && env.TERM !== 'dumb',
    columns: () => stdout.columns || 80,
    now,
  };
}

const BAR_WIDTH = 20;

/** Redraws one line: `812/1719 ━━━━━━━━━━━━━━━━━━━━ 12s left 8ms/step - accuracy: 0.7568 - loss: 0.6986`. */
export class ProgressBar implements Callback {
  readonly name = 'ProgressBar';
  private steps: number | undefined;
  private epochs = 1;
  private start = 0;
  private done = 0;
  /** When the first steps were over; they take longer and do not tell what the rest will. */
  private warm: { at: number; steps: number } | undefined;
  private width = 0;
  private isLineOpen = false;
  private begun: { at: number; epoch: number } | undefined;

  constructor(private readonly output: ProgressOutput) {}

  onTrainBegin({ epochs, steps }: TrainingParams): void {
    this.epochs = epochs;
    this.steps = steps === undefined || !Number.isFinite(steps) ? undefined : steps;
    this.begun = undefined;
  }

  /** An epoch that was cut leaves its line open. */
  onTrainEnd(): void {
    if (this.isLineOpen) this.output.write('\n');
    this.isLineOpen = false;
  }

  onEpochBegin(epoch: number): void {
    const { now, write } = this.output;
    this.start = now();
    this.done = 0;
    this.warm = undefined;
    this.width = 0;
    this.begun ??= { at: this.start, epoch };
    const finished = epoch - this.begun.epoch;
    const rest = ((this.start - this.begun.at) / 1000 / finished) * (this.epochs - epoch);
    write(`Epoch ${epoch + 1}/${this.epochs}${finished > 0 && rest >= 1 ? `, ${clock(rest)} left` : ''}\n`);
  }

  onProgress(batch: number, logs: Logs): void {
    this.done = batch;
    this.warm ??= { at: this.output.now(), steps: batch };
    this.draw(logs, false);
  }

  onEpochEnd(_epoch: number, logs: Logs): void {
    // A stream's length is known once it has been through.
    this.steps ??= this.done;
    this.draw(logs, true);
  }

  private draw(logs: Logs, isLast: boolean): void {
    const { now, hasColors, columns, write } = this.output;
    const elapsed = (now() - this.start) / 1000;
    const perStep = this.perStep(elapsed);
    const paint = (code: string, text: string): string =>
      hasColors && text !== '' ? `\x1b[${code}m${text}\x1b[0m` : text;
    const { steps, done } = this;
    const time =
      steps === undefined || isLast ? `${elapsed.toFixed(0)}s` : `${clock(perStep * Math.max(0, steps - done))} left`;
    const count =
      steps === undefined
        ? `${String(done).padStart(7)}/Unknown`
        : `${String(done).padStart(String(steps).length)}/${steps}`;
    const filled = steps === undefined ? 0 : Math.min(BAR_WIDTH, Math.floor((BAR_WIDTH * done) / Math.max(1, steps)));
    const bar =
      steps === undefined
        ? ''
        : `${paint('32', '━'.repeat(filled))}${paint('90', (hasColors ? '━' : '─').repeat(BAR_WIDTH - filled))} `;
    const barWidth = steps === undefined ? 0 : BAR_WIDTH + 1;
    let tail = ` ${duration(perStep)}/step${metricText(logs)}`;
    // A line that wraps could not be drawn over; only the last may.
    const room = columns() - 1 - (count.length + 1 + barWidth + time.length);
    if (!isLast && tail.length > room) tail = tail.slice(0, Math.max(0, room));
    const width = count.length + 1 + barWidth + time.length + tail.length;
    write(
      `\r${paint('1', count)} ${bar}${paint('1', time)}${tail}${' '.repeat(Math.max(0, Math.min(this.width, columns() - 1) - width))}${isLast ? '\n' : ''}`,
    );
    this.width = width;
    this.isLineOpen = !isLast;
  }

  private perStep(elapsed: number): number {
    if (this.done === 0) return 0;
    const { warm } = this;
    if (warm === undefined || this.done <= warm.steps) return elapsed / this.done;
    return (this.output.now() - warm.at) / 1000 / (this.done - warm.steps);
  }
}

/** Writes `Epoch 3/10 - 12s 7ms/step - accuracy: 0.8921 - loss: 0.3012 - val_accuracy: 0.8853 - val_loss: 0.3174`. */
export class EpochLines implements Callback {
  readonly name = 'EpochLines';
  private epochs = 1;
  private start = 0;
  private done = 0;

  constructor(private readonly output: ProgressOutput) {}

  onTrainBegin({ epochs }: TrainingParams): void {
    this.epochs = epochs;
  }

  onEpochBegin(): void {
    this.start = this.output.now();
    this.done = 0;
  }

  onProgress(batch: number): void {
    this.done = batch;
  }

  onEpochEnd(epoch: number, logs: Logs): void {
    const elapsed = (this.output.now() - this.start) / 1000;
    const speed = this.done === 0 ? '' : ` ${duration(elapsed / this.done)}/step`;
    this.output.write(`Epoch ${epoch + 1}/${this.epochs} - ${elapsed.toFixed(0)}s${speed}${metricText(logs)}\n`);
  }
}

/** ` - accuracy: 0.7568 - loss: 0.6986`: by name, then those of the validation, the learning rate last. */
function metricText(logs: Logs): string {
  const rank = (name: string): number => (name === 'learning_rate' ? 2 : name.startsWith('val_') ? 1 : 0);
  const names = Object.keys(logs).sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  return names.map((name) => ` - ${name}: ${value(logs[name] as number)}`).join('');
}

function value(number: number): string {
  if (!Number.isFinite(number)) return String(number);
  if (Math.abs(number) > 1e-3) return number.toFixed(4);
  const [digits, power] = number.toExponential(4).split('e') as [string, string];
  return `${digits}e${power.charAt(0)}${power.slice(1).padStart(2, '0')}`;
}

/** Time left: `42s`, `3:07`, `1:02:09`. */
function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  const two = (part: number): string => String(part).padStart(2, '0');
  if (whole > 3600) return `${Math.floor(whole / 3600)}:${two(Math.floor((whole % 3600) / 60))}:${two(whole % 60)}`;
  return whole > 60 ? `${Math.floor(whole / 60)}:${two(whole % 60)}` : `${whole}s`;
}

function duration(seconds: number): string {
  if (seconds >= 1 || seconds === 0) return `${seconds.toFixed(0)}s`;
  return seconds >= 1e-3 ? `${(seconds * 1e3).toFixed(0)}ms` : `${(seconds * 1e6).toFixed(0)}us`;
}
