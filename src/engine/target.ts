// Names the machine an addon is built for, alike for the build and for the engine that loads it.

/** `<platform>-<arch>-<libc>`, e.g. `linux-x64-glibc`; Node only. */
export function nativeTarget(): string {
  return `${process.platform}-${process.arch}-${libc()}`;
}

function libc(): string {
  if (process.platform !== 'linux') return 'system';
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean };
  // Without this the report asks for every network interface's name, which can take seconds.
  const excludeNetwork = report.excludeNetwork;
  report.excludeNetwork = true;
  const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
  if (excludeNetwork !== undefined) report.excludeNetwork = excludeNetwork;
  return header?.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}
