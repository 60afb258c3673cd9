// A file system of a given size, where this machine lets us mount one.
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';

/** A mounted disk. */
export interface SmallDisk {
  readonly path: string;
  unmount(): void;
}

/** Mounts a disk of `kilobytes` at `path`, or gives undefined. */
export function mountSmallDisk(path: string, kilobytes: number): SmallDisk | undefined {
  mkdirSync(path, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  return { path, unmount: () => void execFileSync('umount', [path]) };
}
