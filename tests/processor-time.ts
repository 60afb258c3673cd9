// For tests that something ends soon: how long this process has computed, which other work on the machine does not lengthen.

/** Milliseconds of processor time. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
