// Keras and ONNX Runtime on the files of every network of the zoo: ../interop.ts.
import { spawnSync } from 'node:child_process';
import type { Part } from './part.js';

export const interop: Part = {
  name: 'interop',
  about: "files of every network of the zoo, opened by Python's Keras and by ONNX Runtime",
  data: [],
  async run() {
    const args = ['tools/run.mjs', 'tools/interop.ts', '--all'];
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
    console.log(stdout);
    const result = stdout.trimEnd().split('\n').at(-1) ?? '';
    return {
      figures: { result },
      checks: [{ name: 'its exit code', got: status ?? -1, want: '0', isMet: status === 0 }],
    };
  },
};
