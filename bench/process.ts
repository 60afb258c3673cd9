// A process that works on command: a JSON line in, a JSON line out. The other sides: ./contestant.ts, ./peers/peer.py,
// ./peers/peer.mjs.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

type Reply = Readonly<Record<string, unknown>>;

/** A contestant that is silent for so long is stuck. */
const LIMIT_MS = 300_000;

export class Process {
  private readonly waiting: { resolve(reply: Reply): void; reject(error: Error): void }[] = [];
  private end: Error | undefined;

  private constructor(private readonly child: ChildProcess) {
    child.on('error', (error) => this.fail(error));
    // A process that ended says so below; writing to it must not throw as well.
    child.stdin?.on('error', () => undefined);
    child.on('exit', (code, signal) => this.fail(new Error(`its process ended (${signal ?? code}).`)));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const reply = JSON.parse(line) as Reply;
      const next = this.waiting.shift();
      if (typeof reply.error === 'string') next?.reject(new Error(reply.error));
      else next?.resolve(reply);
    });
  }

  static start(command: readonly string[], env: Readonly<Record<string, string>> = {}): Process {
    const [program = '', ...args] = command;
    const errors = process.env.FOVEA_PEERS_LOG ? 'inherit' : 'ignore';
    return new Process(spawn(program, args, { stdio: ['pipe', 'pipe', errors], env: { ...process.env, ...env } }));
  }

  /** Sends a command and gives the answer; rejects with the other side's error. */
  ask(command: string, fields: Reply = {}): Promise<Reply> {
    if (this.end !== undefined) return Promise.reject(this.end);
    const limit = setTimeout(() => {
      this.fail(new Error(`no answer to '${command}' in ${LIMIT_MS / 1000} s.`));
      this.child.kill('SIGKILL');
    }, LIMIT_MS);
    const answer = new Promise<Reply>((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.child.stdin?.write(`${JSON.stringify({ command, ...fields })}\n`);
    });
    return answer.finally(() => clearTimeout(limit));
  }

  /** It cannot be asked any more. */
  get hasEnded(): boolean {
    return this.end !== undefined;
  }

  stop(): void {
    this.child.kill();
  }

  private fail(error: Error): void {
    this.end ??= error;
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }
}
