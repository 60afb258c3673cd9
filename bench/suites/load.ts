// From a file to the first prediction: time and peak memory, every turn a process of its own. The files are written here,
// of networks of the zoo with drawn weights.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { models, zoo } from '../../src/index.js';
import { drawWeights } from '../networks.js';
import { peerPlaces } from '../peers.js';
import { spreadOf } from '../race.js';
import type { Figure } from '../row.js';

/** The bundle that ../main.ts makes of ../load-program.ts. */
export const LOAD_PROGRAM = 'build/programs/bench-load-program.mjs';

interface Loaded {
  readonly milliseconds: number;
  readonly mebibytes: number;
  readonly prediction: readonly number[];
}

const NETWORKS = [
  ['mobilenet', 'MobileNet', () => zoo.mobilenet()],
  ['resnet50', 'ResNet-50', () => zoo.resnet50()],
] as const;

type Model = ReturnType<typeof zoo.resnet50>;

/** The kinds of files, how each is written, and which peer reads it. */
const KINDS: readonly (readonly [
  ending: string,
  write: (model: Model, path: string) => Promise<void>,
  peer?: string,
])[] = [
  ['.h5', (model, path) => model.save(path), 'Keras'],
  ['.safetensors', (model, path) => model.saveWeights(path)],
  ['.onnx', (model, path) => models.exportOnnx(model, path), 'onnxruntime-node'],
];

/** The command that loads a file in a process, undefined where the peer is not there. */
function commandOf(name: string, network: string, path: string, threads: number): readonly string[] | undefined {
  const { python, node } = peerPlaces();
  if (name === 'fovea') return [process.execPath, LOAD_PROGRAM, network, path];
  if (name === 'Keras') return python === undefined ? undefined : [python, 'bench/peers/load.py', path, `${threads}`];
  return node === undefined ? undefined : [process.execPath, 'bench/peers/load.mjs', path, `${threads}`];
}

function ask([program = '', ...args]: readonly string[], threads: number): Loaded {
  const { node } = peerPlaces();
  const count = { OMP_NUM_THREADS: `${threads}`, FOVEA_THREADS: `${threads}`, TF_CPP_MIN_LOG_LEVEL: '3' };
  const env = { ...process.env, ...count, ...(node === undefined ? {} : { FOVEA_NODE_PEERS: node }) };
  const printed = execFileSync(program, args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] });
  return JSON.parse(printed.trim().split('\n').at(-1) ?? '') as Loaded;
}

export async function loadFigures(
  folder: string,
  threads: number,
  rounds: number,
  isWanted: (text: string) => boolean,
): Promise<Figure[]> {
  if (process.platform !== 'linux') return [];
  const figures: Figure[] = [];
  for (const [network, title, make] of NETWORKS) {
    for (const [ending, write, peer] of KINDS) {
      if (!isWanted(`${title} ${ending}`)) continue;
      const path = join(folder, `${network}${ending}`);
      const model = make();
      drawWeights(model);
      await write(model, path);
      figures.push(...compare(`${title}, ${ending}`, network, path, peer, { threads, rounds }));
    }
  }
  return figures;
}

function compare(
  name: string,
  network: string,
  path: string,
  peer: string | undefined,
  { threads, rounds }: { readonly threads: number; readonly rounds: number },
): Figure[] {
  const names = ['fovea', ...(peer === undefined ? [] : [peer])];
  const found = new Map(names.map((each) => [each, [] as Loaded[]]));
  let missing = '';
  for (let round = 0; round < rounds; round++) {
    for (const each of names) {
      const command = commandOf(each, network, path, threads);
      if (command === undefined || (each !== 'fovea' && missing !== '')) continue;
      try {
        found.get(each)?.push(ask(command, threads));
      } catch (error) {
        if (each === 'fovea') throw error;
        const { stderr, message } = error as { stderr?: string; message: string };
        missing = (stderr || message).trim().split('\n').at(-1) ?? message;
      }
    }
  }
  const median = (each: string, part: 'milliseconds' | 'mebibytes'): number =>
    spreadOf((found.get(each) ?? []).map((one) => one[part])).median;
  const theirs = peer === undefined ? undefined : found.get(peer)?.[0];
  const own = found.get('fovea')?.[0] as Loaded;
  const isEqual = theirs?.prediction.every((value, i) => Math.abs(value - (own.prediction[i] as number)) < 1e-3);
  const note = (part: 'milliseconds' | 'mebibytes', unit: string): string => {
    if (peer === undefined) return '';
    if (theirs === undefined) return `no ${peer}: ${missing}`;
    if (!isEqual) return `${peer} predicts otherwise`;
    return `${peer} ${median(peer, part).toFixed(0)} ${unit}`;
  };
  const figure = { kind: 'figure', suite: 'load' } as const;
  return [
    {
      ...figure,
      name: `${name}: load and first prediction`,
      value: median('fovea', 'milliseconds'),
      unit: 'ms',
      note: note('milliseconds', 'ms'),
    },
    {
      ...figure,
      name: `${name}: peak memory above that before`,
      value: median('fovea', 'mebibytes'),
      unit: 'MiB',
      note: note('mebibytes', 'MiB'),
    },
  ];
}
