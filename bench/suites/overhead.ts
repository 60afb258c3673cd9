// What everything around the kernels costs: an eager op, tracing and compiling a training step, and whether
// memory stays flat over many steps.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gradients } from '../../src/compile/autodiff.js';
import { emit } from '../../src/compile/emit.js';
import { PASSES } from '../../src/compile/optimize.js';
import { encodeProgram } from '../../src/compile/program.js';
import { trace } from '../../src/compile/trace.js';
import { currentEngine } from '../../src/engine/current.js';
import type { Engine } from '../../src/engine/engine.js';
import { allocate, Executable, upload } from '../../src/engine/execute.js';
import type { TensorType } from '../../src/graph/op.js';
import {
  add,
  disposeEngine,
  engineMemory,
  layers,
  losses,
  models,
  optimizers,
  relu,
  setEngine,
  type Tensor,
  tensor,
  Variable,
} from '../../src/index.js';

import { lossValue } from '../../src/nn/losses.js';
import type { Figure } from '../row.js';

type Sequential = ReturnType<typeof models.sequential>;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

let figures: Figure[] = [];

function report(name: string, value: number, unit: string, atMost?: number): void {
  figures.push({ kind: 'figure', suite: 'overhead', name, value, unit, ...(atMost === undefined ? {} : { atMost }) });
}

/** The median time of a call, in microseconds, after `warm` calls that are not counted. */
async function medianMicroseconds(body: () => unknown, { runs = 200, warm = 50 } = {}): Promise<number> {
  for (let i = 0; i < warm; i++) await body();
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const started = performance.now();
    await body();
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  return 1000 * (times[times.length >> 1] as number);
}

/** Runs these measurements on the native engine. */
export async function overheadFigures(threads: number): Promise<Figure[]> {
  figures = [];
  await setEngine('native', { threads });
  await eagerOps();
  compileTimes(await currentEngine());
  await flatMemory();
  await disposeEngine();
  return figures;
}

async function eagerOps(): Promise<void> {
  const engine = await currentEngine();
  const x = tensor(new Float32Array(1024).fill(1));
  const executable = Executable.compile(engine, trace((a) => [add(relu(a), 1)], [x]).graph);
  const out = allocate(engine, x);
  const buffers = [upload(engine, x.storage as never), upload(engine, out)];
  const kernel = await medianMicroseconds(() => executable.runOver(buffers));
  const read = await medianMicroseconds(async () => {
    executable.runOver(buffers).catch(() => undefined);
    await engine.read(buffers[1] as never);
  });
  const eager = await medianMicroseconds(async () => {
    const y = add(relu(x), 1);
    await y.data();
    y.dispose();
  });
  report('a kernel over 1,024 numbers, run and awaited', kernel, 'us');
  report('the same, run and read', read, 'us');
  report('the same as an eager op, compiled before', eager, 'us');
  report('cost of the eager op over its kernel', eager - read, 'us', 100);
}

/** The lecture's CNN: 1,413,834 parameters. */
function lectureCnn(): Sequential {
  const conv = (filters: number, kernelSize: number) =>
    layers.conv2d({ filters, kernelSize, padding: 'same', activation: 'relu' });
  const pool = () => layers.maxPooling2d({ poolSize: 2 });
  return models.sequential([
    layers.input([28, 28, 1]),
    ...[conv(64, 7), pool(), conv(128, 3), conv(128, 3), pool(), conv(256, 3), conv(256, 3), pool()],
    layers.flatten(),
    ...[128, 64].flatMap((units) => [layers.dense({ units, activation: 'relu' }), layers.dropout({ rate: 0.5 })]),
    layers.dense({ units: 10, activation: 'softmax' }),
  ]);
}

const BATCH: readonly TensorType[] = [
  { shape: [32, 28, 28, 1], dtype: 'float32' },
  { shape: [32], dtype: 'int32' },
];

/** One training step as a function to trace: forward, loss, backward, Nadam. */
function trainingStep(model: Sequential): (x: Tensor, y: Tensor) => readonly Tensor[] {
  const key = Variable.from(Int32Array.of(1, 2, 0, 0), [4], 'int32', { trainable: false });
  const optimizer = optimizers.nadam();
  const variables = model.trainableWeights;
  return (x, y) => {
    let stream = 0;
    const random = () => ({ key: key.value, stream: stream++ });
    const [predictions] = model.call([x], { training: true, random }) as [Tensor];
    const loss = lossValue(losses.sparseCategoricalCrossentropy(), y, predictions, undefined);
    const found = gradients(
      loss,
      variables.map(({ value }) => value),
    );
    optimizer.apply(variables.map((variable, i) => ({ variable, gradient: found[i] as Tensor })));
    return [loss];
  };
}

function compileTimes(engine: Engine): void {
  const model = lectureCnn();
  const step = trainingStep(model);
  const rounds = Array.from({ length: 6 }, () => timeCompile(engine, step));
  const [first, ...later] = rounds as [Timing[], ...Timing[][]];
  const total = (timings: readonly Timing[]): number => timings.reduce((sum, { ms }) => sum + ms, 0);
  const best = later.reduce((a, b) => (total(a) <= total(b) ? a : b));
  report("the lecture's training step, traced and compiled, first time", total(first), 'ms', 150);
  report('the same again, the best of five', total(best), 'ms');
  for (const { what, ms } of best) report(`  ${what}`, ms, 'ms');
}

interface Timing {
  what: string;
  ms: number;
}

function timeCompile(engine: Engine, step: (x: Tensor, y: Tensor) => readonly Tensor[]): Timing[] {
  const timings: Timing[] = [];
  const timed = <T>(what: string, body: () => T): T => {
    const started = performance.now();
    const result = body();
    timings.push({ what, ms: performance.now() - started });
    return result;
  };
  const traced = timed('trace', () => trace(step as (...args: Tensor[]) => readonly Tensor[], BATCH).graph);
  const optimized = PASSES.reduce((graph, { name, run }) => timed(name, () => run(graph, {})), traced);
  const program = timed('emit', () => emit(optimized));
  const image = timed('encode', () => encodeProgram(program));
  timed('load', () => engine.load(image)).dispose();
  return timings;
}

async function flatMemory(): Promise<void> {
  const model = models.sequential([
    layers.input([8, 8, 1]),
    layers.conv2d({ filters: 4, kernelSize: 3, activation: 'relu' }),
    layers.flatten(),
    layers.dropout({ rate: 0.5 }),
    layers.dense({ units: 10, activation: 'softmax' }),
  ]);
  model.compile({ optimizer: 'nadam', loss: 'sparseCategoricalCrossentropy' });
  const count = 3200;
  const x = tensorData(count * 64);
  const data = { data: x, shape: [count, 8, 8, 1], dtype: 'float32' as const };
  const labels = {
    data: Int32Array.from({ length: count }, (_, i) => i % 10),
    shape: [count],
    dtype: 'int32' as const,
  };
  const train = (epochs: number) => model.fit(data, labels, { epochs, batchSize: 32, verbose: 0 });
  const one = { data: x.slice(0, 64), shape: [1, 8, 8, 1], dtype: 'float32' as const };
  const predict = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) await model.predict(one);
  };
  await train(2);
  await predict(200);
  await growth('1,000 training steps', () => train(10));
  await growth('10,000 predictions', () => predict(10_000));
  report('a prediction of one small picture', await medianMicroseconds(() => model.predict(one)), 'us');
}

function tensorData(size: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => Math.sin(i));
}

async function growth(what: string, body: () => Promise<unknown>): Promise<void> {
  const before = await held();
  await body();
  const after = await held();
  report(`heap growth over ${what}`, (after.heap - before.heap) / 1024, 'KiB', 512);
  report(`engine growth over ${what}`, after.engine - before.engine, 'bytes', 0);
}

async function held(): Promise<{ heap: number; engine: number }> {
  for (let i = 0; i < 4; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const { bufferBytes, workspaceBytes } = await engineMemory();
  return { heap: process.memoryUsage().heapUsed, engine: bufferBytes + workspaceBytes };
}
