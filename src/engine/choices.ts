// The file in which `fovea bench --tune` keeps which algorithm was the faster one for a convolution, on this machine,
// engine, level and number of threads. Engines look into it when they start; without it, and in browsers, the rules of
// ../ops/conv-algorithm.ts choose.
import { FoveaError } from '../core/errors.js';
import { cacheFolder, fileError, systemCode, writeFileAtomic } from '../core/node-files.js';
import { CHOICES, type Choice, parseKey } from '../ops/conv-choices.js';
import type { EngineInfo } from './engine.js';
import { nodeModule } from './node.js';

/** Of the file; another one is not read. */
const VERSION = 1;

type Place = Pick<EngineInfo, 'name' | 'level' | 'threads'>;

/** Where the choices for an engine lie: in `FOVEA_CACHE`, or the platform's cache folder. Node only. */
export async function choicesPath({ name, level, threads }: Place): Promise<string> {
  const { join } = await nodeModule<typeof import('node:path')>('node:path');
  return join(await cacheFolder(), 'convolutions', `${name}-${level}-${threads}.json`);
}

const warned = new Set<string>();

/** The choices for an engine; undefined where there are none. A damaged file is not used, which one warning says. */
export async function readChoices(place: Place): Promise<ReadonlyMap<string, Choice> | undefined> {
  const path = await choicesPath(place);
  try {
    return await readFile(path);
  } catch (error) {
    if (!(error instanceof FoveaError)) throw error;
    const [reason = ''] = error.message.split('\n');
    if (!warned.has(path)) console.warn(`fovea: ${reason} It is not used. Delete it, or run fovea bench --tune again.`);
    warned.add(path);
    return undefined;
  }
}

/** Adds choices to those that are kept for an engine, and gives the file's path. Throws `file`. */
export async function writeChoices(place: Place, choices: ReadonlyMap<string, Choice>): Promise<string> {
  const path = await choicesPath(place);
  const before = await readFile(path).catch(() => undefined);
  const all = new Map([...(before ?? []), ...choices]);
  const sorted = Object.fromEntries([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
  await writeFileAtomic(path, `${JSON.stringify({ version: VERSION, choices: sorted }, undefined, 2)}\n`, 'bench');
  return path;
}

/** Throws `file` for what cannot be read, and `format` for what is not such a file. */
async function readFile(path: string): Promise<ReadonlyMap<string, Choice> | undefined> {
  const { readFileSync } = await nodeModule<typeof import('node:fs')>('node:fs');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw fileError('', path, 'read', error);
  }
  return parseChoices(text, path);
}

function parseChoices(text: string, path: string): ReadonlyMap<string, Choice> {
  const fail = (what: string): never => {
    throw new FoveaError({ code: 'format', message: `${path} is damaged: ${what}.`, path });
  };
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    fail((error as Error).message);
  }
  const { version, choices } = (typeof found === 'object' && found !== null ? found : {}) as Record<string, unknown>;
  if (version !== VERSION) fail(`its version is ${JSON.stringify(version)}, not ${VERSION}`);
  if (typeof choices !== 'object' || choices === null) return fail('it holds no choices');
  return new Map(
    Object.entries(choices).map(([key, value]) => {
      const choice = CHOICES.find((each) => each === value);
      if (parseKey(key) === undefined) return fail(`'${key}' is no convolution`);
      return [key, choice ?? fail(`'${String(value)}' is no algorithm`)];
    }),
  );
}
