// fovea as a contestant: a process of its own, as the peers are. Arguments: engine, threads, and a level if not the best.
// Operations run as compiled Programs over memory that is ready, the lecture's network through `fit` and `predict`.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { gradients } from '../src/compile/autodiff.js';
import { trace } from '../src/compile/trace.js';
import { currentEngine } from '../src/engine/current.js';
import type { EngineBuffer } from '../src/engine/engine.js';
import { allocate, Executable } from '../src/engine/execute.js';
import type { EngineMemoryHandle } from '../src/engine/memory.js';
import type { Node } from '../src/graph/node.js';
import type { TensorType } from '../src/graph/op.js';
import type { Storage } from '../src/graph/storage.js';
import { matmul, models, setDtypePolicy, setEngine, type Tensor, zoo } from '../src/index.js';
import { convOps } from '../src/ops/conv.js';
import { FUNCTIONS } from './functions.js';
import { type Ready, wholeNetwork } from './network-work.js';
import { numbers } from './numbers.js';
import { outputOf } from './shapes/convolutions.js';
import type { ConvWork, LectureWork, MatmulWork, PointwiseWork, Work } from './work.js';

interface Request {
  readonly command: 'load' | 'time' | 'drop';
  readonly id: string;
  readonly work: Work;
  readonly path: string;
  readonly steps: number;
}

interface Input {
  readonly seed: number;
  readonly shape: readonly number[];
  /** The same in every run, so that it may be prepared once: weights in predictions. */
  readonly isConstant?: boolean;
}

/** Calls in one Program, where so many are asked for. */
const CALLS = 8;

const bufferOf = (storage: Storage): EngineBuffer => (storage.device as EngineMemoryHandle).buffer;

/** Compiles a function of arrays, its inputs filled by `numbers`. */
async function program(fn: (...inputs: Tensor[]) => readonly Tensor[], inputs: readonly Input[]): Promise<Ready> {
  const engine = await currentEngine();
  const types = inputs.map(({ shape }): TensorType => ({ shape, dtype: 'float32' }));
  const { graph, arguments: leaves } = trace(fn, types);
  const inputOf = (leaf: Node): Input => inputs[leaves.indexOf(leaf)] as Input;
  const once = Executable.compile(engine, graph, (leaf) => inputOf(leaf).isConstant === true);
  // As in a network, where call follows call while the helpers are awake; between Programs they sleep.
  const { instructions } = once.program;
  const repeated = Array.from({ length: CALLS }, () => instructions).flat();
  const often = new Executable(engine, { ...once.program, instructions: repeated });
  const outputs: number[] = [];
  const storages = once.program.bindings.map((binding, i) => {
    if (binding.kind === 'prepared') return undefined;
    const storage = allocate(engine, binding.type);
    if (binding.kind === 'output') outputs[binding.index] = i;
    else engine.write(bufferOf(storage), numbers(inputOf(binding.node).seed, binding.type.shape));
    return storage;
  });
  const start = (executable: Executable): Promise<void> => {
    const buffers = storages.map((each) => (each === undefined ? executable.preparedBuffer() : bufferOf(each)));
    return executable.runOver(buffers, (binding) => storages[binding] as Storage);
  };
  return {
    async run(steps) {
      const runs = Math.floor(steps / CALLS);
      let last = Promise.resolve();
      for (let run = 0; run < runs; run++) last = start(often);
      for (let step = runs * CALLS; step < steps; step++) last = start(once);
      await last;
    },
    async results() {
      await start(once);
      const read = async (i: number): Promise<Float32Array> => {
        const storage = storages[i] as Storage;
        return new Float32Array(await engine.read(bufferOf(storage), 0, 4 * storage.size));
      };
      return Promise.all(outputs.map(read));
    },
    drop() {
      once.dispose();
      often.dispose();
      for (const storage of storages) storage?.dispose();
    },
  };
}

function convolution(work: ConvWork): Promise<Ready> {
  const { n, h, w, cin, cout, kh, kw, stride, padH, padW, groups, product, isInference } = work;
  const params = {
    strides: [stride, stride],
    padding: [
      [padH, padH],
      [padW, padW],
    ],
    dilation: [1, 1],
    groups,
  } as const;
  const x = { seed: 1, shape: [n, h, w, cin] };
  const filter = { seed: 2, shape: [kh, kw, cin / groups, cout], isConstant: isInference };
  const dy = { seed: 3, shape: [n, ...outputOf(work), cout] };
  const [forward, input, weights] = convOps;
  if (product === 'y') return program((a, b) => [forward.one([a, b] as [Tensor, Tensor], params)], [x, filter]);
  if (product === 'dx') {
    return program((a, b) => [input.one([a, b] as [Tensor, Tensor], { ...params, inputSize: [h, w] })], [dy, filter]);
  }
  return program((a, b) => [weights.one([a, b] as [Tensor, Tensor], { ...params, filterSize: [kh, kw] })], [x, dy]);
}

function product({ m, n, k, transposeA, transposeB }: MatmulWork): Promise<Ready> {
  const a = { seed: 1, shape: transposeA ? [k, m] : [m, k] };
  const b = { seed: 2, shape: transposeB ? [n, k] : [k, n] };
  return program((left, right) => [matmul(left as Tensor, right as Tensor, { transposeA, transposeB })], [a, b]);
}

function pointwise({ name, inputs, output, isTraining, gradients: count }: PointwiseWork): Promise<Ready> {
  const fn = FUNCTIONS[name];
  if (fn === undefined) throw new Error(`there is no function '${name}'`);
  const given = inputs.map((shape, i) => ({ seed: i + 1, shape }));
  if (!isTraining) return program((...xs) => [fn(...(xs as [Tensor, Tensor, Tensor]))], given);
  return program(
    (dy, ...xs) => {
      const y = fn(...(xs as [Tensor, Tensor, Tensor]));
      return [y, ...gradients(y, xs.slice(0, count), dy)];
    },
    [{ seed: 9, shape: output }, ...given],
  );
}

function readLecture(folder: string, batch: number) {
  const floats = (name: string): Float32Array => {
    const bytes = readFileSync(join(folder, name));
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  };
  const x = floats('x.f32');
  const labels = readFileSync(join(folder, 'y.i32'));
  const y = new Int32Array(labels.buffer, labels.byteOffset, labels.byteLength / 4);
  const pictures = (count: number) => {
    const data = new Float32Array(count * 784);
    for (let at = 0; at < data.length; at += x.length) data.set(x.subarray(0, data.length - at), at);
    return { data, shape: [count, 28, 28, 1], dtype: 'float32' as const };
  };
  const classes = (count: number) => ({
    data: Int32Array.from({ length: count }, (_, i) => y[i % y.length] as number),
    shape: [count],
    dtype: 'int32' as const,
  });
  return { weight: (i: number) => floats(`weight-${i}.f32`), pictures, classes, batch };
}

async function lecture({ kind, batch, folder, checkedSteps, dtype }: LectureWork): Promise<Ready> {
  const files = readLecture(folder, batch);
  setDtypePolicy(dtype === 'bfloat16' ? 'mixed_bfloat16' : 'float32');
  const [whole, kept] = [zoo.lectureCnn(), zoo.lectureCnn()];
  setDtypePolicy('float32');
  const load = async (model: typeof whole): Promise<void> => {
    const shapes = (await model.getWeights()).length;
    await model.setWeights(Array.from({ length: shapes }, (_, i) => files.weight(i)));
  };
  await load(whole);
  if (kind === 'predict') {
    const x = files.pictures(batch);
    return {
      results: async () => [(await whole.predict(x)).data],
      async run(steps) {
        for (let step = 0; step < steps; step++) await whole.predict(x);
      },
      drop: () => undefined,
    };
  }
  const compiled = { optimizer: 'nadam', loss: 'sparseCategoricalCrossentropy' } as const;
  whole.compile({ ...compiled, metrics: ['accuracy'] });
  const model = models.sequential([
    ...kept.inputs,
    ...kept.layers.filter((layer) => !/dropout|input/.test(layer.name)),
  ]);
  await load(model);
  model.compile(compiled);
  return {
    async results() {
      const losses: number[] = [];
      for (let step = 0; step < checkedSteps; step++) {
        losses.push((await model.trainOnBatch(files.pictures(batch), files.classes(batch))).loss ?? Number.NaN);
      }
      return [losses];
    },
    run: (steps) =>
      whole.fit(files.pictures(steps * batch), files.classes(steps * batch), {
        batchSize: batch,
        shuffle: false,
        verbose: 0,
      }),
    drop: () => undefined,
  };
}

function prepare(work: Work): Promise<Ready> {
  switch (work.kind) {
    case 'conv':
      return convolution(work);
    case 'matmul':
      return product(work);
    case 'pointwise':
      return pointwise(work);
    case 'network':
      return wholeNetwork(work);
    default:
      return lecture(work);
  }
}

const [engine = 'native', threads = '2', level] = process.argv.slice(2);
const options = level === undefined ? {} : { level };
const started = setEngine(engine as 'native' | 'wasm', { threads: Number(threads), ...options });
const ready = new Map<string, Ready>();

async function reply({ command, id, work, path, steps }: Request): Promise<object> {
  if (command === 'load') {
    const info = await started;
    const made = await prepare(work);
    ready.set(id, made);
    const floats = (part: ArrayLike<number>) => (part instanceof Float32Array ? part : Float32Array.from(part));
    const parts = (await made.results()).map(floats).map((part) => new Uint8Array(part.buffer));
    writeFileSync(path, Buffer.concat(parts));
    return { version: `${info.level}, ${info.threads} threads` };
  }
  const own = ready.get(id);
  if (command === 'drop') {
    own?.drop();
    ready.delete(id);
    return {};
  }
  const [start, before] = [performance.now(), process.cpuUsage()];
  await own?.run(steps);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  return { seconds, cpu: (user + system) / 1e6 };
}

for await (const line of createInterface({ input: process.stdin })) {
  const answered = await reply(JSON.parse(line) as Request).catch((error: unknown) => ({
    error: `${error}`.split('\n')[0],
  }));
  process.stdout.write(`${JSON.stringify(answered)}\n`);
}
process.exit(0);
