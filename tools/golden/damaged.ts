// Loading a damaged file: within a second and 256 MiB, without writing anything, and to an error that says what is wrong.
import { FoveaError } from '../../src/index.js';
import type { Findings } from './findings.js';
import { type GoldenFolder, messageOf } from './folder.js';

/** A damaged file and what is to come of it. */
export interface DamagedFile {
  readonly file: string;
  readonly expect: 'error' | 'load' | 'either';
  /** What the error's text must match. */
  readonly error: readonly string[];
}

/** What a damaged file may take. */
const MOST_SECONDS = 1;
const MOST_BYTES = 256 * 2 ** 20;

/** Loads a file of the folder's part `at`; gives what was loaded, or undefined where that failed as it should. */
export async function loadDamaged<T>(
  { expect, error: words }: DamagedFile,
  load: () => Promise<T>,
  at: string,
  folder: GoldenFolder,
  findings: Findings,
): Promise<T | undefined> {
  const before = folder.list(at);
  const usage = process.cpuUsage();
  const memory = { most: process.resourceUsage().maxRSS * 1024, buffers: process.memoryUsage().arrayBuffers };
  let loaded: T | undefined;
  let error: unknown;
  try {
    loaded = await load();
  } catch (caught) {
    error = caught;
  }
  const { user, system } = process.cpuUsage(usage);
  const took = Math.max(
    process.resourceUsage().maxRSS * 1024 - memory.most,
    process.memoryUsage().arrayBuffers - memory.buffers,
  );
  findings.same(`within ${MOST_SECONDS} s of the processor`, (user + system) / 1e6 <= MOST_SECONDS, true);
  findings.same('within 256 MiB', took <= MOST_BYTES, true);
  findings.same('writes nothing', folder.list(at), before);
  if (expect !== 'either') findings.same('loads', loaded !== undefined, expect === 'load');
  if (error !== undefined) {
    findings.same('the error is a FoveaError', error instanceof FoveaError, true);
    for (const word of words)
      findings.same(`"${messageOf(error)}" says ${word}`, new RegExp(word, 'i').test(messageOf(error)), true);
  }
  return loaded;
}
