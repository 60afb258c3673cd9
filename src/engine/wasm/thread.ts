// A worker, the same in Node and in browsers.
import { isNode, nodeModule } from '../node.js';
import type { WorkerMessage, WorkerReply } from './messages.js';

export interface Thread {
  post(message: WorkerMessage, transfer?: ArrayBuffer[]): void;
  /** Keeps a Node process alive, or lets it end; nothing in browsers. */
  hold(isHeld: boolean): void;
  terminate(): Promise<void>;
}

export interface ThreadEvents {
  onReply(reply: WorkerReply): void;
  /** The worker died; it says nothing more. */
  onError(error: Error): void;
}

/** Starts a worker that runs `source`. */
export async function startThread(source: string, events: ThreadEvents): Promise<Thread> {
  return isNode ? startNodeThread(source, events) : startBrowserThread(source, events);
}

async function startNodeThread(source: string, { onReply, onError }: ThreadEvents): Promise<Thread> {
  const { Worker } = await nodeModule<typeof import('node:worker_threads')>('node:worker_threads');
  const prelude = `globalThis.foveaPort = require('node:worker_threads').parentPort;\n`;
  // execArgv: the process's own flags, such as loaders, are nothing to this worker.
  const worker = new Worker(prelude + source, { eval: true, execArgv: [], name: 'fovea' });
  worker.on('message', onReply);
  worker.on('error', onError);
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    hold: (isHeld) => (isHeld ? worker.ref() : worker.unref()),
    terminate: async () => {
      await worker.terminate();
    },
  };
}

async function startBrowserThread(source: string, { onReply, onError }: ThreadEvents): Promise<Thread> {
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const worker = new Worker(url, { name: 'fovea' });
  worker.onmessage = ({ data }: MessageEvent<WorkerReply>) => onReply(data);
  worker.onerror = (event) => onError(new Error(event.message));
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    hold: () => undefined,
    terminate: async () => {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
}
