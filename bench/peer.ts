// A Python process that works on command: a JSON line in, a JSON line out. FOVEA_PEERS names the interpreter; how to
// set it up is in ./README.md. The other side: ./peers/peer.py.
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

type Reply = Readonly<Record<string, unknown>>;

export class Peer {
  private readonly waiting: { resolve(reply: Reply): void; reject(error: Error): void }[] = [];
  private end: Error | undefined;

  private constructor(private readonly child: ChildProcess) {
    child.on('error', (error) => this.fail(error));
    // A peer that ended says so below; writing to it must not throw as well.
    child.stdin?.on('error', () => undefined);
    child.on('exit', (code, signal) => this.fail(new Error(`the peer ended (${signal ?? code}).`)));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const reply = JSON.parse(line) as Reply;
      const next = this.waiting.shift();
      if (typeof reply.error === 'string') next?.reject(new Error(reply.error));
      else next?.resolve(reply);
    });
  }

  /** Starts ./peers/peer.py under the interpreter `python`; `threads` binds every pool it has. */
  static start(python: string, framework: string, variant: string, threads: number): Peer {
    const count = `${threads}`;
    // `npm run` starts programs in the package's folder.
    const script = join(process.cwd(), 'bench/peers/peer.py');
    const child = spawn(python, [script, framework, variant, count], {
      stdio: ['pipe', 'pipe', process.env.FOVEA_PEERS_LOG ? 'inherit' : 'ignore'],
      env: { ...process.env, OMP_NUM_THREADS: count, MKL_NUM_THREADS: count, TF_CPP_MIN_LOG_LEVEL: '3' },
    });
    return new Peer(child);
  }

  /** Sends a command and gives the answer; rejects with the peer's error. */
  ask(command: string, fields: Reply = {}): Promise<Reply> {
    if (this.end !== undefined) return Promise.reject(this.end);
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.child.stdin?.write(`${JSON.stringify({ command, ...fields })}\n`);
    });
  }

  stop(): void {
    this.child.kill();
  }

  private fail(error: Error): void {
    this.end = error;
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }
}
