// Golden values on every engine and instruction set that runs here, each convolution algorithm counted: ../golden.ts.
import { spawnSync } from 'node:child_process';
import { engineReport } from 'fovea';
import type { Check, Outcome, Part } from './part.js';

export const golden: Part = {
  name: 'golden',
  about: 'golden values on every level of every engine, and by which algorithms',
  data: ['../golden'],
  run: replayEverywhere,
};

async function replayEverywhere(): Promise<Outcome> {
  const checks: Check[] = [];
  const figures: Record<string, unknown> = {};
  for (const { name, info, reason } of await engineReport()) {
    if (info === undefined) {
      checks.push({ name: `${name}: ${reason}`, got: 0, want: 'an engine', isMet: name !== 'wasm' });
      continue;
    }
    for (const level of info.levels) {
      const started = performance.now();
      const args = ['tools/run.mjs', 'tools/golden.ts', '--engine', name, '--level', level, '--kernels'];
      const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
      const lines = stdout.trimEnd().split('\n');
      for (const line of lines.filter((each) => each.startsWith('FAILED'))) console.log(`${name} ${level}: ${line}`);
      const result = lines.at(-1) ?? '';
      console.log(`${name} ${level}: ${result}`);
      figures[`${name} ${level}`] = { result, seconds: (performance.now() - started) / 1000 };
      checks.push({ name: `${name} ${level}, exit code`, got: status ?? -1, want: '0', isMet: status === 0 });
    }
  }
  return { figures, checks };
}
