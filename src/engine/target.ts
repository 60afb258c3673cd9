// Names the machine an addon is built for, alike for the build and for the engine that loads it.
import { nodeModule } from './node.js';

/** `<platform>-<arch>-<libc>`, e.g. `linux-x64-glibc`; Node only. */
export async function nativeTarget(): Promise<string> {
  return `${process.platform}-${process.arch}-${await libc()}`;
}

async function libc(): Promise<string> {
  if (process.platform !== 'linux') return 'system';
  const interpreter = await readInterpreter();
  if (interpreter !== undefined) return interpreter;
  // Takes some milliseconds; without this it asks for every network interface's name, which can take seconds.
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean };
  const excludeNetwork = report.excludeNetwork;
  report.excludeNetwork = true;
  const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
  if (excludeNetwork !== undefined) report.excludeNetwork = excludeNetwork;
  return header?.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

/** By the loader that Node's own program names in its first page; undefined where none stands there. */
async function readInterpreter(): Promise<'glibc' | 'musl' | undefined> {
  const { closeSync, openSync, readSync } = await nodeModule<typeof import('node:fs')>('node:fs');
  try {
    const file = openSync(process.execPath, 'r');
    const page = Buffer.alloc(4096);
    readSync(file, page);
    closeSync(file);
    if (page.includes('/ld-musl-')) return 'musl';
    return page.includes('/ld-linux') ? 'glibc' : undefined;
  } catch {
    return undefined;
  }
}
