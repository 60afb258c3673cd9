// Writes the logs of every epoch to a file, one line each, in whole lines only. Node.
import { fileError, makeFolders, nodeModule, systemCode } from '../../core/node-files.js';
import { flag, readOptions, text } from '../options.js';
import type { Callback, Logs } from './callback.js';

export interface CSVLoggerOptions {
  filename: string;
  /** Default `,`. */
  separator?: string;
  /** Goes on at the end of a file that is there; default false: begins it anew. */
  append?: boolean;
}

const RULES = { filename: text(), separator: text(','), append: flag(false) };

/**
 * Writes losses and metrics of every epoch to a CSV file.
 *
 * @example
 * callbacks.csvLogger({ filename: 'training.csv' });
 */
export class CSVLogger implements Callback {
  readonly name = 'CSVLogger';
  private readonly options: ReturnType<typeof readOptions<typeof RULES>>;
  private columns: readonly string[] | undefined;
  private isBegun = false;

  constructor(options: CSVLoggerOptions) {
    this.options = readOptions('csvLogger', options, RULES);
  }

  async onTrainBegin(): Promise<void> {
    const { filename, append, separator } = this.options;
    this.columns = undefined;
    this.isBegun = false;
    if (!append) return;
    const fs = await nodeModule('node:fs/promises', 'csvLogger');
    let before: string;
    try {
      before = await fs.readFile(filename, 'utf8');
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return;
      throw fileError('csvLogger', filename, 'read', error);
    }
    // What a killed process left of its last line goes.
    const whole = before.slice(0, before.lastIndexOf('\n') + 1);
    if (whole.length < before.length) await fs.truncate(filename, Buffer.byteLength(whole));
    const header = whole.split('\n')[0];
    if (header !== undefined && header !== '') {
      this.columns = header.split(separator).slice(1);
      this.isBegun = true;
    }
  }

  async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    const { separator, filename } = this.options;
    this.columns ??= Object.keys(logs).sort();
    const row = [
      String(epoch),
      ...this.columns.map((name) => (logs[name] === undefined ? 'NA' : String(logs[name]))),
    ].join(separator);
    const header = ['epoch', ...this.columns].join(separator);
    await this.write(filename, this.isBegun ? `${row}\n` : `${header}\n${row}\n`);
    this.isBegun = true;
  }

  /** One write of whole lines, on disk before training goes on. */
  private async write(filename: string, lines: string): Promise<void> {
    const fs = await nodeModule('node:fs/promises', 'csvLogger');
    const { dirname } = await nodeModule('node:path', 'csvLogger');
    try {
      await makeFolders(dirname(filename));
      const file = await fs.open(filename, this.isBegun ? 'a' : 'w');
      try {
        await file.write(lines);
        await file.datasync();
      } finally {
        await file.close();
      }
    } catch (error) {
      throw fileError('csvLogger', filename, 'written', error);
    }
  }
}
