// How soon something comes out: import and first prediction, the first run of a Program, and what a page must load.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { newNode } from '../contestants.js';
import { peerPlaces } from '../peers.js';
import { spreadOf } from '../race.js';
import type { Figure } from '../row.js';

/** The bundle that ../main.ts makes of ../cold-program.ts. */
export const COLD_PROGRAM = 'build/programs/bench-cold-program.mjs';
const figure = { kind: 'figure', suite: 'start' } as const;

/** The JSON that a program prints last. */
function ask<T>(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): T {
  const printed = execFileSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  return JSON.parse(printed.trim().split('\n').at(-1) ?? '') as T;
}

export async function startFigures(folder: string, threads: number, rounds: number): Promise<Figure[]> {
  return [...firstPredictions(folder, rounds), ...coldRuns(threads, rounds), ...(await sizes())];
}

/** Takes turns as a race does, every turn a new process. */
function firstPredictions(folder: string, rounds: number): Figure[] {
  const { node } = peerPlaces();
  const names = ['fovea', ...(node === undefined ? [] : ['onnxruntime-node', 'onnxruntime-web', 'tfjs'])];
  const times = new Map(names.map((name) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      const env: Record<string, string> = node === undefined ? {} : { FOVEA_NODE_PEERS: node };
      try {
        const { milliseconds } = ask<{ milliseconds: number }>(
          process.execPath,
          ['bench/peers/start.mjs', name, folder],
          env,
        );
        times.get(name)?.push(milliseconds);
      } catch (error) {
        if (name === 'fovea') throw error;
      }
    }
  }
  const note = names
    .slice(1)
    .map((name) => `${name} ${spreadOf(times.get(name) ?? []).median.toFixed(0)} ms`)
    .join(', ');
  const value = spreadOf(times.get('fovea') ?? []).median;
  return [{ ...figure, name: 'import and first prediction in Node', value, unit: 'ms', atMost: 100, note }];
}

function coldRuns(threads: number, rounds: number): Figure[] {
  const ways: readonly (readonly [what: string, atMost: number, program: () => string, args: readonly string[]])[] = [
    ['native', 3, () => process.execPath, ['native', `${threads}`]],
    ['wasm simd128', 5, () => process.execPath, ['wasm', `${threads}`, 'simd128']],
    ['wasm relaxed', 5, newNode, ['wasm', `${threads}`, 'relaxed']],
  ];
  return ways.flatMap(([what, atMost, program, args]): Figure[] => {
    try {
      const runs = Array.from({ length: rounds }, () =>
        ask<{ cold: number; warm: number }>(program(), [COLD_PROGRAM, ...args]),
      );
      const value = spreadOf(runs.map(({ cold, warm }) => cold / warm)).median;
      const warm = spreadOf(runs.map((run) => run.warm)).median;
      const note = `warm ${warm.toFixed(1)} ms`;
      return [{ ...figure, name: `first run over a warm one, ${what}`, value, unit: '', atMost, note }];
    } catch (error) {
      console.log(`first run, ${what}: left out: ${(error as Error).message.split('\n')[0]}`);
      return [];
    }
  });
}

/** A page that builds, fits and predicts. */
const ENTRY = `import { layers, models } from './dist/index.js';
const model = models.sequential([
  layers.input([28, 28, 1]),
  layers.conv2d({ filters: 8, kernelSize: 3, activation: 'relu' }),
  layers.maxPooling2d(),
  layers.flatten(),
  layers.dense({ units: 10, activation: 'softmax' }),
]);
model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' });
await model.fit(new Float32Array(784), new Int32Array(1));
console.log(await model.predict(new Float32Array(784)));`;

async function sizes(): Promise<Figure[]> {
  const result = await build({
    stdin: { contents: ENTRY, resolveDir: process.cwd(), loader: 'ts' },
    bundle: true,
    splitting: true,
    minify: true,
    metafile: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    outdir: 'out',
    external: ['sharp'],
    logLevel: 'silent',
  });
  const { outputs } = result.metafile;
  const names = Object.keys(outputs);
  const isOf = (name: string, part: string): boolean =>
    Object.keys(outputs[name]?.inputs ?? {}).some((input) => input.includes(part));
  const loaded = new Set<string>();
  const load = (name: string): void => {
    if (loaded.has(name)) return;
    loaded.add(name);
    for (const { path, kind } of outputs[name]?.imports ?? []) {
      // What the wasm engine fetches when it starts, with one of its binaries; other such chunks wait for their use.
      const isEngine = isOf(path, 'dist/engine/') && !isOf(path, 'binary-simd128');
      if (kind === 'import-statement' || isEngine) load(path);
    }
  };
  // What is imported on demand is an entry point too.
  const entry = names.find((name) => outputs[name]?.entryPoint === '<stdin>');
  if (entry !== undefined) load(entry);
  const total = result.outputFiles
    .filter(({ path }) => names.some((name) => loaded.has(name) && path.endsWith(name)))
    .reduce((sum, { contents }) => sum + gzipSync(contents).length, 0);
  const value = total / 1024;
  return [
    {
      ...figure,
      name: 'a page that builds, fits and predicts, gz',
      value,
      unit: 'KiB',
      atMost: 350,
      note: peerSizes(),
    },
  ];
}

function peerSizes(): string {
  const { node } = peerPlaces();
  if (node === undefined) return '';
  const gz = (...files: readonly string[]): string => {
    const paths = files.map((file) => join(node, 'node_modules', file));
    if (!paths.every((path) => existsSync(path))) return 'not found';
    const bytes = paths.reduce((sum, path) => sum + gzipSync(readFileSync(path)).length, 0);
    return `${(bytes / 1024).toFixed(0)} KiB`;
  };
  const ort = 'onnxruntime-web/dist/';
  const tf = '@tensorflow/';
  const wasm = `${tf}tfjs-backend-wasm/dist/`;
  const parts = [
    `onnxruntime-web ${gz(`${ort}ort.wasm.min.mjs`, `${ort}ort-wasm-simd-threaded.mjs`, `${ort}ort-wasm-simd-threaded.wasm`)}`,
    `tfjs ${gz(`${tf}tfjs/dist/tf.min.js`, `${wasm}tf-backend-wasm.min.js`, `${wasm}tfjs-backend-wasm-simd.wasm`)}`,
  ];
  return parts.join(', ');
}
