// What ends a command early: Ctrl-C, a terminal that closes, a reader that has read enough (`fovea train | head`).
// Work that can be saved stops cleanly; a second Ctrl-C quits.

/** Exit code where nobody reads the output any more, as a shell counts SIGPIPE. */
const CLOSED = 141;

/** Under `npm start` one Ctrl-C arrives twice: from the terminal and from npm. */
const SAME_PRESS_MS = 300;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

let isClosed = false;
let whenClosed: (() => void) | undefined;

/** Whether nobody reads standard output any more. */
export function isOutputClosed(): boolean {
  return isClosed;
}

/** Makes a closed output end the program quietly, or stop the work that `onInterrupt` watches over. */
export function guardStreams(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (isClosed) return;
    isClosed = true;
    if (error.code !== 'EPIPE') process.stderr.write(`fovea: standard output could not be written: ${error.message}\n`);
    if (whenClosed === undefined) process.exit(CLOSED);
    whenClosed();
  });
  process.stderr.on('error', () => {});
}

/** An `AbortSignal` that Ctrl-C, SIGTERM, SIGHUP or a closed output raises, until it is disposed. */
export function onInterrupt(notice: () => void): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  let stoppedAt = 0;
  const stop = (): void => {
    if (controller.signal.aborted) return;
    stoppedAt = performance.now();
    notice();
    controller.abort();
  };
  const onSignal = (): void => {
    if (controller.signal.aborted && performance.now() - stoppedAt > SAME_PRESS_MS) process.exit(130);
    stop();
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  whenClosed = stop;
  return {
    signal: controller.signal,
    dispose() {
      for (const name of SIGNALS) process.off(name, onSignal);
      whenClosed = undefined;
    },
  };
}
