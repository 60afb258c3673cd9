// Whether others open our files: `npm run interop` writes models as .keras, .h5, .weights.h5 and .onnx, and has Python's Keras
// and ONNX Runtime predict with them. `--all` takes every network of the zoo and every layer
// of the golden values, names take those that contain one of them, `--kind .onnx` one kind of file.
// Skipped, saying so, where there is no Python (FOVEA_PYTHON names one) and none can be made.
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { type Layer, models, setPrecision, type Tensor, tensor } from '../src/index.js';
import { type InteropModel, interopModels } from './interop/models.js';
import { findPython } from './interop/python.js';

const root = process.cwd();
const folder = join(root, 'build/interop', `files-${process.pid}`);

// Of the largest output: both sides sum the same float32 products in other orders.
const TOLERANCE = 2e-4;
const BATCH = 2;
const KINDS = ['.keras', '.h5', '.weights.h5', '.onnx'];

interface StoredArray {
  readonly path: string;
  readonly shape: readonly number[];
  readonly dtype: string;
}

interface Entry {
  readonly model: string;
  readonly kind: string;
  readonly path: string;
  readonly config: string;
  readonly inputs: readonly StoredArray[];
  readonly outputs: readonly StoredArray[];
}

interface Result {
  readonly model: string;
  readonly kind: string;
  readonly difference?: number;
  readonly largest?: number;
  readonly error?: string;
}

/** Numbers of a sequence that every platform gives alike, in [0, 1). */
function* sequence(seed: number): Generator<number, never> {
  let state = seed;
  for (;;) {
    state = (state * 48271) % 2147483647;
    yield state / 2147483647;
  }
}

/** Scales and shifts other than the ones and zeros that hide what is not applied. */
function stir(model: models.TrainableModel): void {
  const numbers = sequence(7);
  const next = (): number => numbers.next().value;
  for (const weight of model.weights) {
    if (weight.dtype !== 'float32') continue;
    const isScale = /variance|gamma/.test(weight.name);
    if (!isScale && !/mean|beta|bias|alpha/.test(weight.name)) continue;
    weight.set(Float32Array.from({ length: weight.size }, () => (isScale ? 0.8 + 0.4 * next() : 0.4 * next() - 0.2)));
  }
}

/**
 * Gives batch norms the statistics of an example, as training would: with any others the numbers of a deep network grow
 * from block to block until a last digit decides.
 */
async function calibrate(model: models.TrainableModel, examples: readonly Tensor[]): Promise<void> {
  const norms = normsIn(model);
  if (norms.length === 0) return;
  const statistics = norms.flatMap((norm) => norm.nonTrainableWeights.map((weight) => ({ norm, weight })));
  for (const { weight } of statistics) weight.set(new Float32Array(weight.size));
  const [first] = examples;
  model.apply(examples.length === 1 && first !== undefined ? first : examples, { training: true });
  for (const { norm, weight } of statistics) {
    const { momentum } = norm.config as { momentum: number };
    const least = /variance/.test(weight.name) ? 1e-2 : Number.NEGATIVE_INFINITY;
    const now = (await weight.elements()) as Float32Array;
    weight.set(now.map((value) => Math.max(least, value / (1 - momentum))));
  }
}

function normsIn(layer: Layer): Layer[] {
  if (layer.className === 'BatchNormalization') return [layer];
  return layer.sublayers.flatMap(normsIn);
}

function store(name: string, data: Float32Array | Int32Array, shape: readonly number[]): StoredArray {
  const path = join(folder, `${name}.bin`);
  writeFileSync(path, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return { path, shape, dtype: data instanceof Int32Array ? 'int32' : 'float32' };
}

/** Layers that only this library has, for forms of torchvision's networks that Keras cannot say. */
function ownLayers(model: models.TrainableModel): string[] {
  const names = model.layers.flatMap((layer) => {
    if (layer instanceof models.TrainableModel) return ownLayers(layer);
    const { module, className } = layer.constructor as typeof Layer;
    return module.startsWith('keras') ? [] : [className];
  });
  return [...new Set(names)];
}

type Example = ReturnType<typeof examplesOf>[number];

function examplesOf(model: models.TrainableModel, { inputShape, tokens }: InteropModel) {
  const numbers = sequence(11);
  return model.inputs.map(({ shape }) => {
    const sizes = [BATCH, ...shape.slice(1).map((dim, i) => dim ?? inputShape?.[i] ?? 64)];
    const size = sizes.reduce((a, b) => a * b, 1);
    const data = Float32Array.from({ length: size }, () => {
      const value = numbers.next().value;
      return tokens === undefined ? 2 * value - 1 : Math.floor(tokens * value);
    });
    return { data, sizes };
  });
}

function predict(model: models.TrainableModel, examples: readonly Example[], factor = 1) {
  const given = examples.map(({ data, sizes }, i) => {
    const scaled = factor === 1 ? data : data.map((value) => value * factor);
    return [model.inputNames[i], { data: scaled, shape: sizes, dtype: 'float32' as const }];
  });
  return model.predict(Object.fromEntries(given));
}

/** Whether a last digit of the input stays a last digit of the outputs: else no comparison says anything. */
async function isSteady(model: models.TrainableModel, examples: readonly Example[]): Promise<boolean> {
  const [plain, moved] = [await predict(model, examples), await predict(model, examples, 1 + 2 ** -22)];
  return plain.outputs.every(({ data }, i) => {
    const other = moved.outputs[i]?.data ?? data;
    const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return data.every((value, at) => Math.abs(value - (other[at] as number)) <= (TOLERANCE / 4) * largest);
  });
}

/** A model with weights that hide nothing; as it was drawn where those make it a matter of chance. */
async function prepare(from: InteropModel): Promise<{ model: models.TrainableModel; examples: Example[] }> {
  const model = from.make();
  const examples = examplesOf(model, from);
  stir(model);
  await calibrate(
    model,
    examples.map(({ data, sizes }) => tensor(data, { shape: sizes })),
  );
  if (from.tokens !== undefined || (await isSteady(model, examples))) return { model, examples };
  return { model: from.make(), examples };
}

/** Writes a model's files, an example and what is predicted for it. */
async function write(from: InteropModel, chosen: readonly string[]): Promise<Entry[]> {
  const { name } = from;
  const { model, examples } = await prepare(from);
  const own = ownLayers(model);
  const stem = name.replaceAll(/[^a-z0-9.]+/gi, '_');
  const predicted = await predict(model, examples);
  const inputs = examples.map(({ data, sizes }, i) => store(`${stem}.in${i}`, data, sizes));
  const outputs = predicted.outputs.map(({ data, shape }, i) => store(`${stem}.out${i}`, data as Float32Array, shape));
  const config = join(folder, `${stem}.keras`);
  const entries: Entry[] = [];
  if (own.length > 0) console.log(`skipped ${name} in Keras, which has no ${own.join(' and no ')}`);
  for (const kind of KINDS) {
    if (!chosen.includes(kind) || (own.length > 0 && kind !== '.onnx')) continue;
    const path = join(folder, `${stem}${kind}`);
    if (kind === '.onnx') await models.exportOnnx(model, path);
    else if (kind === '.weights.h5') await model.saveWeights(path);
    else await model.save(path);
    entries.push({ model: name, kind, path, config, inputs, outputs });
  }
  return entries;
}

/** Has Python open the files; `told` sees each result as it comes. */
function check(python: string, entries: readonly Entry[], told: (result: Result) => void): Promise<void> {
  const list = join(folder, 'list.json');
  writeFileSync(list, JSON.stringify(entries));
  const child = spawn(python, [join(root, 'tools/interop/check.py'), list], { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4000);
  });
  createInterface(child.stdout).on('line', (line) => {
    if (line.startsWith('{')) told(JSON.parse(line) as Result);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`interop: Python ended with ${code}: ${errors}`));
    });
  });
}

/** Networks of the zoo by fours when there are many, all others together. */
function partsOf(chosen: readonly InteropModel[]): InteropModel[][] {
  const [networks, others] = [true, false].map((isZoo) =>
    chosen.filter(({ name }) => name.startsWith('zoo') === isZoo),
  );
  const fours =
    networks === undefined || networks.length < 10
      ? [networks ?? []]
      : Array.from({ length: Math.ceil(networks.length / 4) }, (_, i) => networks.slice(4 * i, 4 * i + 4));
  return [others ?? [], ...fours].filter((part) => part.length > 0);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { all: { type: 'boolean', default: false }, kind: { type: 'string', multiple: true } },
  });
  const found = findPython(root);
  if ('reason' in found) {
    console.log(`interop: skipped, ${found.reason}.`);
    return 0;
  }
  // It is files that are compared: sums in their plain order leave only what is wrong in them.
  setPrecision('exact');
  const chosen = interopModels(values.all).filter(
    ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
  );
  let agreed = 0;
  const failed: string[] = [];
  const fail = (line: string): void => {
    failed.push(line);
    console.log(`FAILED ${line}`);
  };
  // A few at a time: files of large networks would fill the disk, and Python starts slowly.
  for (const part of partsOf(chosen)) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const entries: Entry[] = [];
    for (const each of part) {
      try {
        entries.push(...(await write(each, values.kind ?? KINDS)));
      } catch (error) {
        fail(`${each.name}: ${(error as Error).message}`);
      }
    }
    const missing = new Set(entries.map(({ model, kind }) => `${model} ${kind}`));
    await check(found.python, entries, ({ model, kind, difference = 0, largest = 0, error }) => {
      missing.delete(`${model} ${kind}`);
      if (error !== undefined) fail(`${model} ${kind}: ${error}`);
      else if (!(difference <= TOLERANCE * Math.max(largest, 1e-3)))
        fail(`${model} ${kind}: differs by ${difference} of ${largest}`);
      else {
        agreed++;
        console.log(`${model} ${kind}: differs by ${difference.toExponential(1)} of ${largest.toPrecision(3)}`);
      }
    });
    for (const name of missing) fail(`${name}: Python said nothing of it`);
  }
  rmSync(folder, { recursive: true, force: true });
  console.log(`interop: ${agreed} files agree, ${failed.length} failed`);
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = await main();
process.exit();
