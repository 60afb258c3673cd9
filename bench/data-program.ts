// Reads a folder of pictures as `fit` does and says how many a second: decoded, resized, cut, mirrored, normalised, in batches.
// `decoders FILE...` times the decoders of JPEG files alone, in one thread. Run by suites/data.ts.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { wasmDecoder } from '../src/data/codecs/packages.js';
import { endDataWorkers, fromImageFolder, type ResizeMethod } from '../src/data/index.js';

const [kind, folder = '', ...rest] = process.argv.slice(2);

/** Pictures a second, the median of passes after two that warm up. */
async function pipeline(method: ResizeMethod, workers: number, batch: number, passes: number): Promise<number> {
  const { dataset } = await fromImageFolder(folder, { imageSize: 112, interpolation: method, workers, seed: 1 });
  const stream = dataset
    .map([{ op: 'randomCrop', size: 96 }, { op: 'randomFlip' }, { op: 'normalize', mean: 127.5, std: 127.5 }])
    .batch(batch);
  const speeds: number[] = [];
  for (let pass = 0; pass < passes + 2; pass++) {
    const started = performance.now();
    let count = 0;
    for await (const { x } of stream.open(pass, { isReusing: true })) count += x.shape[0] ?? 0;
    if (pass >= 2) speeds.push((1000 * count) / (performance.now() - started));
  }
  await endDataWorkers();
  return speeds.sort((a, b) => a - b)[speeds.length >> 1] ?? 0;
}

/** Microseconds of processor time a picture. */
async function decoders(): Promise<Record<string, number>> {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.jpg'));
  const files = paths.slice(0, 500).map((path) => new Uint8Array(readFileSync(join(folder, path))));
  const found: Record<string, number> = {};
  const time = async (name: string, decode: (file: Uint8Array) => unknown): Promise<void> => {
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 4; round++) {
      const before = process.cpuUsage();
      for (const file of files) await decode(file);
      const { user, system } = process.cpuUsage(before);
      least = Math.min(least, (user + system) / files.length);
    }
    found[name] = least;
  };
  const wasm = await wasmDecoder('jpeg');
  if (wasm !== undefined) await time('@jsquash/jpeg', wasm);
  const { decode } = (await import('jpeg-js')).default;
  await time('jpeg-js', (file) => decode(file, { useTArray: true, formatAsRGBA: false }));
  try {
    const require = createRequire(join(process.env.FOVEA_NODE_PEERS || 'bench/peers/.env/node', 'package.json'));
    const sharp = require('sharp') as (file: Uint8Array) => { raw(): { toBuffer(): Promise<Uint8Array> } };
    await time('sharp', (file) => sharp(file).raw().toBuffer());
  } catch {
    // Not installed with the peers.
  }
  return found;
}

if (kind === 'decoders') console.log(JSON.stringify(await decoders()));
else {
  const [workers = '2', batch = '32', passes = '5'] = rest;
  const perSecond = await pipeline(kind as ResizeMethod, Number(workers), Number(batch), Number(passes));
  console.log(JSON.stringify({ perSecond }));
}
