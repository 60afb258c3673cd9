// One line that tells how far something is, drawn over as it goes: a download, a list of pictures.
import { type ProgressOutput, standardOutput } from './callbacks/progress.js';

const BAR_WIDTH = 20;
const MEGABYTE = 1e6;
/** How often the line is drawn. */
const DRAW_EVERY_MS = 100;

/** Draws `mobilenet_1_0_224_tf.h5 8.4/17.2 MB ━━━━━━━━━━━━━━━━━━━━`, on a terminal alone. */
export class TransferLine {
  private width = 0;
  private drawn = Number.NEGATIVE_INFINITY;
  private name = '';
  private readonly isShown: boolean;

  constructor(
    verbose: 'auto' | 0 | 1,
    private readonly output: ProgressOutput = standardOutput(),
  ) {
    this.isShown = verbose !== 0 && output.isLive;
  }

  /** `loaded` of `total` bytes of a file, or pictures. */
  show(name: string, loaded: number, total: number | undefined): void {
    if (!this.isShown) return;
    const { now, write, columns } = this.output;
    const isDone = loaded === total;
    if (name === this.name && !isDone && now() - this.drawn < DRAW_EVERY_MS) return;
    if (name !== this.name) this.end();
    this.name = name;
    this.drawn = now();
    const text = name === 'pictures' ? count(loaded, total) : `${name} ${size(loaded, total)}`;
    const bar = total === undefined || total === 0 ? '' : ` ${barOf(loaded / total)}`;
    const line = `${text}${bar}`.slice(0, columns() - 1);
    write(`\r${line.padEnd(this.width)}`);
    this.width = line.length;
  }

  /** Goes on to the next line, if one was drawn. */
  end(): void {
    if (this.width > 0) this.output.write('\n');
    this.width = 0;
    this.name = '';
  }
}

const count = (done: number, total: number | undefined): string =>
  total === undefined ? `${done} pictures` : `${done}/${total} pictures`;

function size(loaded: number, total: number | undefined): string {
  const text = (bytes: number): string => (bytes / MEGABYTE).toFixed(1);
  return total === undefined ? `${text(loaded)} MB` : `${text(loaded)}/${text(total)} MB`;
}

function barOf(part: number): string {
  const done = Math.round(Math.min(1, part) * BAR_WIDTH);
  return '━'.repeat(done) + '─'.repeat(BAR_WIDTH - done);
}
