// Every reader of files under 100,000 mutations: ../fuzz-readers.ts.
import { spawnSync } from 'node:child_process';
import { atLeast, near, type Part } from './part.js';

const MUTATIONS = 100_000;

export const fuzzReaders: Part = {
  name: 'fuzz-readers',
  about: `${MUTATIONS} damaged files for each reader: a model or a FoveaError within 2 s and 1 GiB`,
  data: [],
  async run({ limit, seed }) {
    const mutations = String(limit ?? MUTATIONS);
    const args = ['tools/run.mjs', 'tools/fuzz-readers.ts', '--mutations', mutations, '--seed', String(seed)];
    const { status, stdout } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    console.log(stdout);
    const [, readers, findings] = /^(\d+) readers, (\d+) findings$/m.exec(stdout) ?? [];
    return {
      figures: { readers: Number(readers ?? 0), mutations: Number(mutations) },
      checks: [
        atLeast('readers', Number(readers ?? 0), 14),
        near('findings', Number(findings ?? -1), 0),
        near('its exit code', status ?? -1, 0),
      ],
    };
  },
};
