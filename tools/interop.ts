// Whether others open our files: `npm run interop` writes models as .keras, .h5, .weights.h5 and .onnx, and has Python's Keras
// and ONNX Runtime predict with them. `--all` takes every network of the zoo and every layer
// of the golden values, names take those that contain one of them, `--kind .onnx` one kind of file, and `--log FILE` keeps what
// agreed and leaves out what the file says has agreed before. Skipped, saying so, where there is no Python (FOVEA_PYTHON names one) and none can be made.
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { type Layer, models, setPrecision, setRandomSeed, type Tensor, tensor } from '../src/index.js';
import { type InteropModel, interopModels } from './interop/models.js';
import { findPython } from './interop/python.js';

const root = process.cwd();
const folder = join(root, 'build/interop', `files-${process.pid}`);

// Of the largest output: both sides sum the same float32 products in other orders.
const TOLERANCE = 2e-4;
const BATCH = 2;
// Weights alone behind the model that they belong to.
const KINDS = ['.keras', '.weights.h5', '.h5', '.onnx'];

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
 * from block to block until a last digit decides. Variances are at least `floor` times the mean of a norm's: of few pixels
 * some come out small by chance, and their channels loud.
 */
async function calibrate(model: models.TrainableModel, examples: readonly Tensor[], floor: number): Promise<void> {
  const norms = normsIn(model);
  if (norms.length === 0) return;
  const statistics = norms.flatMap((norm) => norm.nonTrainableWeights.map((weight) => ({ norm, weight })));
  for (const { weight } of statistics) weight.set(new Float32Array(weight.size));
  const [first] = examples;
  model.apply(examples.length === 1 && first !== undefined ? first : examples, { training: true });
  for (const { norm, weight } of statistics) {
    const { momentum } = norm.config as { momentum: number };
    const now = ((await weight.elements()) as Float32Array).map((value) => value / (1 - momentum));
    const mean = now.reduce((sum, value) => sum + value, 0) / now.length;
    const least = /variance/.test(weight.name) ? Math.max(1e-2, floor * mean) : Number.NEGATIVE_INFINITY;
    weight.set(now.map((value) => Math.max(least, value)));
  }
}

function normsIn(layer: Layer): Layer[] {
  if (layer.className === 'BatchNormalization') return [layer];
  return layer.sublayers.flatMap(normsIn);
}

function store(name: string, data: Float32Array | Int32Array | Uint8Array, shape: readonly number[]): StoredArray {
  const path = join(folder, `${name}.bin`);
  writeFileSync(path, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return { path, shape, dtype: data.constructor.name.replace('Array', '').toLowerCase() };
}

/** Layers that only this library has: docs/saving.md says which and where. */
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

/** Seeds of first weights, and how even a norm's variances are made: see `calibrate`. */
const DRAWS = [
  [1, 0],
  [2, 0],
  [3, 0],
  [1, 0.5],
  [1, 2],
] as const;

/**
 * A model with weights that hide nothing, of the first draw with which it is steady; as it was drawn where that is a matter
 * of chance with all of them.
 */
async function prepare(from: InteropModel): Promise<{ model: models.TrainableModel; examples: Example[] }> {
  for (const [seed, floor] of DRAWS) {
    setRandomSeed(seed);
    const model = from.make();
    const examples = examplesOf(model, from);
    stir(model);
    await calibrate(
      model,
      examples.map(({ data, sizes }) => tensor(data, { shape: sizes })),
      floor,
    );
    if (from.tokens !== undefined || (await isSteady(model, examples))) return { model, examples };
  }
  setRandomSeed(1);
  const model = from.make();
  return { model, examples: examplesOf(model, from) };
}

/** Writes a model's files, an example and what is predicted for it. */
async function write(from: InteropModel, chosen: readonly string[]): Promise<{ entries: Entry[]; parameters: number }> {
  const { name } = from;
  const { model, examples } = await prepare(from);
  const own = ownLayers(model);
  const stem = name.replaceAll(/[^a-z0-9.]+/gi, '_');
  const predicted = await predict(model, examples);
  const inputs = examples.map(({ data, sizes }, i) => {
    const dtype = model.inputs[i]?.dtype;
    const held = dtype === 'int32' ? Int32Array.from(data) : dtype === 'uint8' ? Uint8Array.from(data) : data;
    return store(`${stem}.in${i}`, held, sizes);
  });
  const outputs = predicted.outputs.map(({ data, shape }, i) => store(`${stem}.out${i}`, data as Float32Array, shape));
  const config = join(folder, `${stem}.keras`);
  const entries: Entry[] = [];
  if (own.length > 0) console.log(`skipped ${name} in Keras, which has no ${own.join(' and no ')}`);
  for (const kind of KINDS) {
    if (!chosen.includes(kind) || (own.length > 0 && kind !== '.onnx')) continue;
    const path = join(folder, `${stem}${kind}`);
    // Weights alone need the model that they belong to.
    if (kind === '.weights.h5' && !existsSync(config)) await model.save(config);
    if (kind === '.onnx') await models.exportOnnx(model, path);
    else if (kind === '.weights.h5') await model.saveWeights(path);
    else await model.save(path);
    entries.push({ model: name, kind, path, config, inputs, outputs });
  }
  return { entries, parameters: model.countParams() };
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

// Files of large networks would fill the disk, and Python starts slowly.
const MOST_IN_PART = 40e6;

/** Writes the files of models for one start of Python: as many as hold some parameters together, one at the least. */
async function writePart(
  waiting: InteropModel[],
  kindsOf: (model: InteropModel) => readonly string[],
  fail: (line: string) => void,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let held = 0; held < MOST_IN_PART; ) {
    const from = waiting.shift();
    if (from === undefined) break;
    try {
      const made = await write(from, kindsOf(from));
      entries.push(...made.entries);
      held += made.parameters;
    } catch (error) {
      fail(`${from.name}: ${(error as Error).message}`);
    }
  }
  return entries;
}

/** What a log says has agreed, as "model kind". */
function agreedIn(log: string | undefined): Set<string> {
  if (log === undefined || !existsSync(log)) return new Set();
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
  const results = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Result);
  return new Set(results.map(({ model, kind }) => `${model} ${kind}`));
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      all: { type: 'boolean', default: false },
      kind: { type: 'string', multiple: true },
      log: { type: 'string' },
    },
  });
  const found = findPython(root);
  if ('reason' in found) {
    console.log(`interop: skipped, ${found.reason}.`);
    return 0;
  }
  // It is files that are compared: sums in their plain order leave only what is wrong in them.
  setPrecision('exact');
  const { log, kind: chosen = KINDS } = values;
  const before = agreedIn(log);
  const kindsOf = ({ name }: InteropModel): string[] => chosen.filter((kind) => !before.has(`${name} ${kind}`));
  const waiting = interopModels(values.all).filter(
    (each) =>
      (positionals.length === 0 || positionals.some((part) => each.name.includes(part))) && kindsOf(each).length > 0,
  );
  const count = waiting.length;
  let agreed = 0;
  const failed: string[] = [];
  const fail = (line: string): void => {
    failed.push(line);
    console.log(`FAILED ${line}`);
  };
  const tell = (result: Result): void => {
    const { model, kind, difference = 0, largest = 0, error } = result;
    if (error !== undefined) fail(`${model} ${kind}: ${error}`);
    else if (!(difference <= TOLERANCE * Math.max(largest, 1e-3)))
      fail(`${model} ${kind}: differs by ${difference} of ${largest}`);
    else {
      agreed++;
      console.log(`${model} ${kind}: differs by ${difference.toExponential(1)} of ${largest.toPrecision(3)}`);
      if (log !== undefined) appendFileSync(log, `${JSON.stringify(result)}\n`);
    }
  };
  while (waiting.length > 0) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const entries = await writePart(waiting, kindsOf, fail);
    const missing = new Set(entries);
    try {
      await check(found.python, entries, (result) => {
        const entry = entries.find(({ model, kind }) => model === result.model && kind === result.kind);
        if (entry !== undefined) missing.delete(entry);
        tell(result);
      });
    } catch (error) {
      // Python died: with the others one goes on.
      console.log((error as Error).message);
    }
    for (const { model, kind } of missing) fail(`${model} ${kind}: Python said nothing of it`);
    console.log(
      `interop: ${count - waiting.length} of ${count} models, ${agreed} files agree, ${failed.length} failed`,
    );
  }
  rmSync(folder, { recursive: true, force: true });
  for (const line of failed) console.log(`FAILED ${line}`);
  console.log(`interop: ${agreed} files agree, ${failed.length} failed`);
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = await main();
process.exit();
