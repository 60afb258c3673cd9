// Whether an imported ONNX model trains as its original: PyTorch exports a small ResNet with its batch norms and trains it for
// ten steps; the file is loaded here and trained on the same batch. `node tools/run.mjs tools/interop/onnx-training.ts`
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { losses, models, optimizers } from 'fovea';
import { findPython } from './python.js';

// Of a loss; where PyTorch's own float32 strays farther from its float64, three times that.
const TOLERANCE = 1e-4;

const root = process.cwd();
const folder = join(root, 'build/interop/training');

function findTorch(): string | undefined {
  const found = findPython(root);
  const pythons = [process.env.FOVEA_PYTHON, 'python' in found ? found.python : undefined];
  return pythons.find((python) => python !== undefined && spawnSync(python, ['-c', 'import torch, onnx']).status === 0);
}

async function main(): Promise<number> {
  const python = findTorch();
  if (python === undefined) {
    console.log('onnx-training: skipped, there is no Python with torch and onnx (FOVEA_PYTHON names one).');
    return 0;
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync(python, [join(root, 'tools/interop/onnx-training.py'), folder], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`onnx-training: Python ended with ${status}: ${stderr.slice(-2000)}`);
  const {
    losses: wanted,
    noise,
    shape,
  } = JSON.parse(readFileSync(join(folder, 'losses.json'), 'utf8')) as {
    losses: readonly number[];
    noise: number;
    shape: readonly number[];
  };
  const bytes = (name: string): ArrayBuffer => new Uint8Array(readFileSync(join(folder, name))).buffer;
  const x = { data: new Float32Array(bytes('x.bin')), shape, dtype: 'float32' as const };
  const y = { data: new Int32Array(bytes('y.bin')), shape: [shape[0] as number], dtype: 'int32' as const };
  const model = await models.load(join(folder, 'model.onnx'));
  model.compile({
    optimizer: optimizers.sgd({ learningRate: 0.02 }),
    loss: losses.sparseCategoricalCrossentropy({ fromLogits: true }),
  });
  let worst = 0;
  for (const [step, want] of wanted.entries()) {
    const { loss } = await model.trainOnBatch(x, y);
    const difference = Math.abs((loss as number) - want) / want;
    worst = Math.max(worst, difference);
    console.log(`step ${step}: ${(loss as number).toFixed(6)} here, ${want.toFixed(6)} in PyTorch's float64`);
  }
  rmSync(folder, { recursive: true, force: true });
  const allowed = Math.max(TOLERANCE, 3 * noise);
  const [found, own] = [worst, noise].map((each) => each.toExponential(1));
  console.log(`onnx-training: ten losses, at most ${found} from float64, where PyTorch's float32 is ${own} from it`);
  return worst <= allowed ? 0 : 1;
}

process.exitCode = await main();
process.exit();
