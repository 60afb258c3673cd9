// Parts of the nightly run that are a program of their own, held to its exit code; the last line it prints is the figure.
import { spawn } from 'node:child_process';
import { near, type Part } from './part.js';

/** Runs Node and shows what it prints as it comes: hours may lie between the first line and the last. */
function follow(args: readonly string[], env: NodeJS.ProcessEnv): Promise<{ status: number; last: string }> {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  let end = '';
  child.stdout.on('data', (chunk: Buffer) => {
    process.stdout.write(chunk);
    end = (end + chunk.toString()).slice(-4000);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ status: code ?? -1, last: end.trimEnd().split('\n').at(-1) ?? '' }));
  });
}

function program(name: string, about: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Part {
  return {
    name,
    about,
    data: [],
    async run() {
      const { status, last: result } = await follow(args, env);
      return { figures: { result }, checks: [near('its exit code', status, 0)] };
    },
  };
}

export const tests = program(
  'tests',
  'the whole test suite, its long fuzzing included',
  ['node_modules/vitest/vitest.mjs', 'run'],
  { FOVEA_NIGHTLY: '1' },
);

export const sanitize = program(
  'sanitize',
  'the native kernels under AddressSanitizer and UndefinedBehaviorSanitizer, on every level',
  ['tools/run.mjs', 'tools/sanitize.ts'],
);

export const interop = program(
  'interop',
  "files of every network of the zoo, opened by Python's Keras and by ONNX Runtime",
  ['tools/run.mjs', 'tools/interop.ts', '--all'],
);

export const onnxTraining = program(
  'onnx-training',
  'ten steps of a ResNet imported from PyTorch, beside the losses of PyTorch',
  ['tools/run.mjs', 'tools/interop/onnx-training.ts'],
);
