// Whole networks with drawn weights: predictions of one picture and of eight, training steps of eight, predictions in
// WebAssembly, and the memory that training needs.
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TORCH_EAGER } from '../contestants.js';
import { describeNetwork, NETWORKS } from '../networks.js';
import { numbers } from '../numbers.js';
import { peerPlaces } from '../peers.js';
import type { Figure, OwnName, Row } from '../row.js';
import type { NetworkWork } from '../work.js';
import { memoryFigures } from './memory.js';

const BATCH = 8;

/** Writes what peers need of a network, once: the description, the pictures, and the ONNX file. */
function writeNetwork(folder: string, name: string): void {
  const path = join(folder, `${name}.json`);
  const network = NETWORKS[name];
  if (network === undefined || existsSync(path)) return;
  const description = describeNetwork(network);
  writeFileSync(path, JSON.stringify(description));
  const pixels = numbers(1, [BATCH, ...(description.input as number[])]);
  writeFileSync(
    join(folder, `${name}.f32`),
    pixels.map((value) => value * network.scale),
  );
  const { python } = peerPlaces();
  if (python === undefined) return;
  try {
    execFileSync(python, ['bench/peers/onnx_network.py', folder, name], { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    const said = `${(error as { stderr?: Buffer }).stderr}`.trim().split('\n').at(-1);
    console.log(`No ONNX file of ${network.title}: ${said}`);
  }
}

/** The memory of training steps. */
export function networkFigures(folder: string, threads: number, isWanted: (title: string) => boolean): Figure[] {
  const wanted = Object.entries(NETWORKS).filter(([, { title }]) => isWanted(`${title} memory`));
  for (const [network] of wanted) writeNetwork(folder, network);
  const trained = wanted.map(([network, { title }]) => ({
    network,
    batch: BATCH,
    what: `${title}, batch ${BATCH}`,
    folder,
  }));
  return memoryFigures(threads, 'networks', trained);
}

export function networkRows(folder: string): Row[] {
  return Object.entries(NETWORKS).flatMap(([network, { title, make }]) => {
    const multiplyAdds = make().cost().multiplications;
    const row = (
      part: string,
      own: OwnName,
      work: Pick<NetworkWork, 'batch' | 'isTraining'>,
      peers: readonly string[],
    ): Row => ({
      suite: 'networks',
      family: title,
      part,
      name: `${title}, batch ${work.batch}`,
      work: { kind: 'network', network, folder, checkedSteps: 3, multiplyAdds, ...work },
      own,
      peers,
      goals: [{ atLeast: 0.9 }],
      tolerance: 1e-3,
      turn: work.isTraining ? 600 : 200,
      prepare: () => writeNetwork(folder, network),
    });
    const predict = { batch: 1, isTraining: false };
    const native = ['onnxruntime-node', ...TORCH_EAGER];
    return [
      row('prediction', 'native', predict, native),
      row('prediction', 'native', { ...predict, batch: BATCH }, native),
      row('training step', 'native', { batch: BATCH, isTraining: true }, [...TORCH_EAGER, 'TensorFlow graph']),
      row('prediction, wasm simd128', 'wasm simd128', predict, ['onnxruntime-web']),
      row('prediction, wasm relaxed', 'wasm relaxed', predict, ['onnxruntime-web']),
    ];
  });
}
