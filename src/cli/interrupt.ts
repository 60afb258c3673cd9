// Ctrl-C: the first asks the work to stop cleanly, the second quits.

/** An `AbortSignal` that Ctrl-C (or SIGTERM) raises, until it is disposed. */
export function onInterrupt(notice: () => void): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController();
  const handler = (): void => {
    if (controller.signal.aborted) process.exit(130);
    notice();
    controller.abort();
  };
  process.on('SIGINT', handler);
  process.on('SIGTERM', handler);
  return {
    signal: controller.signal,
    dispose() {
      process.off('SIGINT', handler);
      process.off('SIGTERM', handler);
    },
  };
}
