// What commands print and how they end: lines for people on standard output, or one JSON object a line for machines.
import { relative } from 'node:path';
import type { FoveaError } from '../core/errors.js';

/** How this program is called here: an npm script of a checkout has no `fovea` on its path. */
export function ownCommand(): string {
  const { env, argv } = process;
  return env.npm_lifecycle_event === undefined || argv[1] === undefined ? 'fovea' : `node ${relative('.', argv[1])}`;
}

/** Exit codes: 0 done, 1 the work failed, 2 the command was wrong, 130 interrupted, 141 nobody reads the output. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130, closed: 141 } as const;

/** A command's output. */
export class Output {
  readonly isJson: boolean;
  private readonly command: string;

  constructor({ isJson, command }: { isJson: boolean; command: string }) {
    this.isJson = isJson;
    this.command = command;
  }

  /** Text for people; nothing in JSON mode. */
  text(line = ''): void {
    if (!this.isJson) process.stdout.write(`${line}\n`);
  }

  /** An event for machines; nothing in text mode. */
  event(event: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (this.isJson) process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
  }

  error(error: FoveaError): void {
    if (this.isJson) {
      const { code, op, path, message, hint } = error;
      process.stdout.write(
        `${JSON.stringify({ event: 'error', command: this.command, code, op, path, message, hint })}\n`,
      );
    } else {
      // The command names itself once, whichever of its parts refused.
      const text = error.message.replace(new RegExp(`^${this.command}: `), '');
      process.stderr.write(`fovea ${this.command}: ${text}\n`);
    }
  }
}
