// How fast pictures come in: a folder of JPEG files, decoded, resized, cut, mirrored, normalised and batched by two
// workers, beside PyTorch's DataLoader and tf.data. It needs the folder flowers128 of FOVEA_DATA.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { peerPlaces } from '../peers.js';
import { spreadOf } from '../race.js';
import type { Figure } from '../row.js';

/** The bundle that ../main.ts makes of ../data-program.ts. */
const PROGRAM = 'build/programs/bench-data-program.mjs';
const BATCH = '32';
const PASSES = '5';

/** Ours resizes in each race as the peer's fastest way does. */
const RACES = [
  { peer: 'PyTorch DataLoader, Pillow', framework: 'torch', method: 'bilinear-antialias' },
  { peer: 'PyTorch DataLoader, torchvision decoder', framework: 'torch-tensors', method: 'bilinear' },
  { peer: 'tf.data', framework: 'tensorflow', method: 'bilinear' },
] as const;

function ask<T>(program: string, args: readonly string[]): T {
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' };
  const printed = execFileSync(program, args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] });
  return JSON.parse(printed.trim().split('\n').at(-1) ?? '') as T;
}

export function dataFigures(workers: number, rounds: number): Figure[] {
  const folder = join(process.env.FOVEA_DATA ?? '', 'flowers128');
  if (process.env.FOVEA_DATA === undefined || !existsSync(folder)) {
    console.log('No flowers128 in FOVEA_DATA: the suite is left out.');
    return [];
  }
  const figure = { kind: 'figure', suite: 'data' } as const;
  const { python } = peerPlaces();
  const speeds = new Map<string, number[]>();
  const run = (name: string, program: string, args: readonly string[]): void => {
    const { perSecond } = ask<{ perSecond: number }>(program, [...args, folder, `${workers}`, BATCH, PASSES]);
    speeds.set(name, [...(speeds.get(name) ?? []), perSecond]);
  };
  const missing = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    for (const method of ['bilinear', 'bilinear-antialias']) run(method, process.execPath, [PROGRAM, method]);
    for (const { peer, framework } of RACES) {
      if (python === undefined || missing.has(peer)) continue;
      try {
        run(peer, python, ['bench/peers/pictures.py', framework]);
      } catch (error) {
        console.log(`no ${peer}: ${`${(error as { stderr?: string }).stderr}`.trim().split('\n').at(-1)}`);
        missing.add(peer);
      }
    }
  }
  const medianOf = (name: string): number => spreadOf(speeds.get(name) ?? []).median;
  const raced = RACES.filter(({ peer }) => speeds.has(peer));
  const note = raced.map(({ peer }) => `${peer} ${medianOf(peer).toFixed(0)}`).join(', ');
  const figures: Figure[] = (['bilinear', 'bilinear-antialias'] as const).map((method) => ({
    ...figure,
    name: `decode, resize (${method}), crop, flip, normalise, batch ${BATCH}: ${workers} workers`,
    value: medianOf(method),
    unit: 'pictures/s',
    note,
  }));
  const ratios = raced.map(({ peer, method }) => ({
    peer,
    spread: spreadOf((speeds.get(method) ?? []).map((own, i) => own / (speeds.get(peer)?.[i] ?? Number.NaN))),
  }));
  for (const { peer, spread } of ratios) {
    const { median, least, most } = spread;
    const range = `${least.toFixed(2)}-${most.toFixed(2)}`;
    figures.push({
      ...figure,
      name: `our pictures/s over those of ${peer}`,
      value: median,
      unit: '',
      atLeast: 1.2,
      note: range,
    });
  }
  const decoders = ask<Record<string, number>>(process.execPath, [PROGRAM, 'decoders', folder]);
  for (const [name, value] of Object.entries(decoders)) {
    figures.push({ ...figure, name: `a JPEG file of 128x128 by ${name}`, value, unit: 'us of processor time' });
  }
  return figures;
}
