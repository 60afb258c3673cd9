// The lecture's network: training steps and predictions beside everyone who can do the same, in every engine. Ours is
// `fit` and `predict` with their copies and metrics; the peers' are the barest loops.
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { datasets, scale, setRandomSeed, zoo } from '../../src/index.js';
import { TENSORFLOW_PEERS, TORCH_PEERS } from '../contestants.js';
import { peerPlaces } from '../peers.js';
import type { OwnName, RatioGoal, Row } from '../row.js';
import type { LectureWork } from '../work.js';

const BATCH = 32;
const PYTHON_PEERS = [...TORCH_PEERS, ...TENSORFLOW_PEERS];

/** Writes weights, pictures and the ONNX file into a folder. */
export async function writeLecture(folder: string): Promise<void> {
  setRandomSeed(1);
  const { train } = await datasets.strokes({ count: 10 * BATCH, testCount: 10 });
  const pictures = train.withX(scale(train.x, 1 / 127.5, -1));
  const weights = await zoo.lectureCnn().getWeights();
  for (const [i, values] of weights.entries()) await writeFile(join(folder, `weight-${i}.f32`), values);
  await writeFile(join(folder, 'x.f32'), pictures.x.data as Float32Array);
  await writeFile(join(folder, 'y.i32'), pictures.y.data as Int32Array);
  const { python } = peerPlaces();
  if (python === undefined) return;
  try {
    execFileSync(python, ['bench/peers/onnx_lecture.py', folder], { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    console.log(
      `No ONNX file for ONNX Runtime: ${`${(error as { stderr?: Buffer }).stderr}`.trim().split('\n').at(-1)}`,
    );
  }
}

export function lectureRows(folder: string): Row[] {
  const row = (
    name: string,
    own: OwnName,
    work: Pick<LectureWork, 'kind' | 'batch'> & Partial<LectureWork>,
    peers: readonly string[],
    goals: readonly RatioGoal[],
  ): Row => ({
    suite: 'lecture',
    family: own,
    part: '',
    name,
    // Few steps: a pooling window whose two largest values lie 1e-8 apart may turn either way, which Nadam soon shows.
    work: { dtype: 'float32', folder, checkedSteps: 3, ...work },
    own,
    peers,
    goals,
    tolerance: work.dtype === 'bfloat16' ? 3e-2 : 1e-3,
    turn: work.batch === 1 ? 60 : 300,
  });
  const train = { kind: 'train', batch: BATCH } as const;
  const predict = { kind: 'predict', batch: BATCH } as const;
  const node = 'onnxruntime-node';
  const half = { dtype: 'bfloat16' } as const;
  const anyone = [...PYTHON_PEERS, node];
  return [
    row('training step, batch 32', 'native', train, PYTHON_PEERS, [{ atLeast: 2 }]),
    row('training step, batch 32, mixed_bfloat16', 'native', { ...train, ...half }, PYTHON_PEERS, [{ atLeast: 1.2 }]),
    row('prediction, batch 32', 'native', predict, anyone, [{ atLeast: 2, against: [node] }]),
    row('prediction, batch 32, mixed_bfloat16', 'native', { ...predict, ...half }, PYTHON_PEERS, []),
    row('prediction, batch 1', 'native', { ...predict, batch: 1 }, anyone, [{ atLeast: 1.2, against: [node] }]),
    ...(['wasm simd128', 'wasm relaxed'] as const).flatMap((own) => {
      const isRelaxed = own === 'wasm relaxed';
      const web: RatioGoal = { atLeast: isRelaxed ? 5 : 3.5, against: ['onnxruntime-web'] };
      const goals = isRelaxed ? [web, { atLeast: 1, against: [node] }] : [web];
      return [
        row(`prediction, batch 32, ${own}`, own, predict, ['onnxruntime-web', 'tfjs wasm', node], goals),
        row(`training step, batch 32, ${own}`, own, train, TORCH_PEERS, [{ atLeast: 0.5 }]),
      ];
    }),
  ];
}
