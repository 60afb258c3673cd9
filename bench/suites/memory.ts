// How much memory a training step needs: the peak of the resident set above that of the idle process, each framework
// in a process of its own. Linux only, where the peak can be set back.
import { execFileSync } from 'node:child_process';
import { peerPlaces } from '../peers.js';
import type { Figure } from '../row.js';

/** The bundle that ../main.ts makes of ../memory-program.ts. */
export const MEMORY_PROGRAM = 'build/programs/bench-memory-program.mjs';

/** A network that ../memory-program.ts and ../peers/memory.py train. */
export interface Trained {
  readonly network: string;
  readonly batch: number;
  readonly what: string;
  /** Where ./networks.ts has described it. */
  readonly folder?: string;
}

const TRAINED: readonly Trained[] = [
  { network: 'lecture', batch: 256, what: "the lecture's CNN, batch 256" },
  { network: 'vgg16', batch: 8, what: 'VGG16 at 224, batch 8' },
];
const PEERS = [
  ['torch', 'nchw'],
  ['torch', 'channels_last'],
  ['tensorflow', 'graph'],
] as const;

/** MiB that a program says it needed, or why it gave no answer. */
function measure(program: string, args: readonly string[], threads: number): number | string {
  const count = `${threads}`;
  const env = { ...process.env, OMP_NUM_THREADS: count, FOVEA_THREADS: count, TF_CPP_MIN_LOG_LEVEL: '3' };
  try {
    const printed = execFileSync(program, args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] });
    return (JSON.parse(printed.trim().split('\n').at(-1) ?? '') as { mebibytes: number }).mebibytes;
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    return (stderr || message).trim().split('\n').at(-1) ?? message;
  }
}

export function memoryFigures(threads: number, suite = 'memory', trained = TRAINED): Figure[] {
  if (process.platform !== 'linux') return [];
  const { python } = peerPlaces();
  return trained.flatMap(({ network, batch, what, folder = '' }): Figure[] => {
    const own = measure(process.execPath, [MEMORY_PROGRAM, network, `${batch}`, folder], threads);
    if (typeof own === 'string') throw new Error(`${what}: ${own}`);
    const figure: Figure = {
      kind: 'figure',
      suite,
      name: `${what}: training step above idle`,
      value: own,
      unit: 'MiB',
    };
    const peers = python === undefined ? [] : PEERS;
    const found = peers.map(([framework, variant]) => {
      const args = ['bench/peers/memory.py', framework, variant, network, `${batch}`, `${threads}`, folder];
      return { name: `${framework} ${variant}`, needs: measure(python as string, args, threads) };
    });
    const known = found.flatMap(({ needs }) => (typeof needs === 'number' ? [needs] : []));
    const note = found
      .map(({ name, needs }) => `${name} ${typeof needs === 'number' ? `${needs.toFixed(0)} MiB` : needs}`)
      .join(', ');
    if (known.length === 0) return [{ ...figure, note }];
    const least = Math.min(...known);
    const quotient = { ...figure, name: `${what}: our memory over the least of theirs`, value: own / least, unit: '' };
    return [figure, { ...quotient, atMost: 0.7, note }];
  });
}
