// The program of a data worker, in Node and in browsers: does one task after another.
import { setPackages } from '../codecs/packages.js';
import { toPlainError, type WorkerReply, type WorkerRequest } from './messages.js';
import { runTask } from './task.js';

interface Port {
  postMessage(reply: WorkerReply, transfer: ArrayBuffer[]): void;
  on?(event: 'message', listener: (request: WorkerRequest) => void): void;
  onmessage?: (event: { data: WorkerRequest }) => void;
}

const scope = globalThis as unknown as { foveaPort?: Port; foveaIsDataWorker: boolean };

/** Answers requests in their order: a task may wait, and the next must not overtake it. */
export function serve(): void {
  const port: Port = scope.foveaPort ?? (globalThis as unknown as Port);
  scope.foveaIsDataWorker = true;
  let last: Promise<void> = Promise.resolve();
  const receive = (request: WorkerRequest): void => {
    last = last.then(() => answer(port, request));
  };
  if (port.on === undefined) port.onmessage = ({ data }) => receive(data);
  else port.on('message', receive);
}

async function answer(port: Port, { id, task, packages }: WorkerRequest): Promise<void> {
  setPackages(packages);
  try {
    const result = await runTask(task);
    const arrays = [...result.x, ...(result.ys ?? []), ...(result.weights ?? [])];
    const buffers = arrays.map((array) => array?.data.buffer).filter((buffer) => buffer instanceof ArrayBuffer);
    port.postMessage({ id, result }, [...new Set(buffers)]);
  } catch (error) {
    port.postMessage({ id, error: toPlainError(error) }, []);
  }
}

serve();
