// Real files made by Python's Keras. They are not in the project: tests that need them are skipped where they are not.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const data = process.env.FOVEA_DATA;

/** The folder of golden values; undefined where there is none. */
export const goldenFolder =
  data !== undefined && existsSync(join(data, '../golden')) ? join(data, '../golden') : undefined;

/** A golden file's bytes. */
export function goldenBytes(path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(goldenFolder ?? '', path)));
}

/** A golden JSON file. */
export function goldenJson<T>(path: string): T {
  return JSON.parse(readFileSync(join(goldenFolder ?? '', path), 'utf8')) as T;
}
