// A data worker, the same in Node and in browsers: requests go in, replies come out, in order.
import { FoveaError } from '../../core/errors.js';
import { isNode, nodeModule } from '../../core/node-files.js';
import { findPackages, type PackagePlaces } from '../codecs/packages.js';
import type { HostArray } from '../host-array.js';
import { fromPlainError, type Task, type TaskResult, type WorkerReply, type WorkerRequest } from './messages.js';

interface Waiting {
  resolve(result: TaskResult): void;
  reject(error: unknown): void;
}

/** A thread that does tasks. While it has none it does not keep a Node process alive. */
export class DataWorker {
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 0;
  private death: FoveaError | undefined;
  private post: (request: WorkerRequest, transfer: ArrayBuffer[]) => void = () => {};
  private hold: (isHeld: boolean) => void = () => {};
  private end: () => Promise<void> = async () => {};

  private constructor(private readonly packages: PackagePlaces) {}

  /** Starts one; throws where this place has no workers. */
  static async start(): Promise<DataWorker> {
    const { programSource } = await import('./program-source.generated.js');
    const worker = new DataWorker(await findPackages());
    if (isNode()) await worker.startInNode(programSource);
    else worker.startInBrowser(programSource);
    return worker;
  }

  get isAlive(): boolean {
    return this.death === undefined;
  }

  /** Tasks that were sent and not answered. */
  get load(): number {
    return this.waiting.size;
  }

  run(task: Task): Promise<TaskResult> {
    if (this.death !== undefined) return Promise.reject(this.death);
    return new Promise((resolve, reject) => {
      const id = this.nextId++;
      this.waiting.set(id, { resolve, reject });
      this.hold(true);
      try {
        this.post({ id, task: compact(task), packages: this.packages }, task.spare === undefined ? [] : [task.spare]);
      } catch (error) {
        // What a user put into the options cannot be sent.
        this.settle(id);
        reject(unsendable(error));
      }
    });
  }

  async terminate(): Promise<void> {
    this.die('it was ended');
    await this.end();
  }

  private settle(id: number): Waiting | undefined {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (this.waiting.size === 0) this.hold(false);
    return waiting;
  }

  private receive({ id, result, error }: WorkerReply): void {
    const waiting = this.settle(id);
    if (result !== undefined) waiting?.resolve(result);
    else waiting?.reject(fromPlainError(error ?? { text: 'no answer' }, undefined));
  }

  private die(reason: string): void {
    this.death ??= new FoveaError({
      code: 'internal',
      op: 'Dataset',
      message: `a data worker ended: ${reason}.`,
      got: reason,
      hint: 'With workers: 0 the same work is done in the main thread, where a debugger sees it.',
    });
    for (const { reject } of this.waiting.values()) reject(this.death);
    this.waiting.clear();
  }

  private async startInNode(source: string): Promise<void> {
    const { Worker } = await nodeModule('node:worker_threads', 'Dataset');
    const prelude = `globalThis.foveaPort = require('node:worker_threads').parentPort;\n`;
    // execArgv: the process's own flags, such as loaders, are nothing to this worker.
    const worker = new Worker(prelude + source, { eval: true, execArgv: [], name: 'fovea data' });
    worker.on('message', (reply: WorkerReply) => this.receive(reply));
    worker.on('error', (error) => this.die(error.message));
    worker.on('exit', (code) => this.die(`exit code ${code}`));
    worker.unref();
    this.post = (request, transfer) => worker.postMessage(request, transfer);
    this.hold = (isHeld) => (isHeld ? worker.ref() : worker.unref());
    this.end = async () => {
      await worker.terminate();
    };
  }

  private startInBrowser(source: string): void {
    const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    const worker = new Worker(url, { name: 'fovea data' });
    worker.onmessage = ({ data }: MessageEvent<WorkerReply>) => this.receive(data);
    worker.onerror = (event) => this.die(event.message);
    this.post = (request, transfer) => worker.postMessage(request, transfer);
    this.end = async () => {
      worker.terminate();
      URL.revokeObjectURL(url);
    };
  }
}

/** Rows of a large array share its memory, all of which would be sent with each. */
function compact(task: Task): Task {
  const own = (array: HostArray): HostArray =>
    array.data.byteLength === array.data.buffer.byteLength ? array : { ...array, data: array.data.slice() };
  return {
    ...task,
    sources: task.sources.map((source) => (source.kind === 'array' ? { ...source, x: own(source.x) } : source)),
    ys: task.ys?.map((y) => y && own(y)),
  };
}

function unsendable(error: unknown): FoveaError {
  return new FoveaError({
    code: 'argument',
    op: 'map',
    message: `the work cannot be sent to a worker: ${error instanceof Error ? error.message : String(error)}.`,
    hint: 'Give options that are plain data, without functions.',
    cause: error,
  });
}
