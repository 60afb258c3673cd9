// The lecture's training step, batch 32, float32, two threads, beside PyTorch and Keras in the same run: forward,
// backward, nadam. Ours is `fit` with its batches, uploads and metrics; PyTorch's the barest loop that trains. Before
// anything is timed, both train from the same weights on the same pictures and their losses must agree.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ArrayDataset, datasets, disposeEngine, models, scale, setEngine, setRandomSeed, zoo } from 'fovea';
import { alternate, type Contestant, describeMachine, formatComparison } from './alternate.js';
import { heading, report } from './harness.js';
import { Peer } from './peer.js';

const BATCH = 32;
/** How far the losses of the first steps may lie apart. */
const LOSS_TOLERANCE = 1e-3;
// Few: a pooling window whose two largest values lie 1e-8 apart may turn either way, which Nadam soon makes visible.
const CHECKED_STEPS = 3;

/** Frameworks with their ways to run, as ./peers/peer.py knows them. */
const PEERS: readonly (readonly [framework: string, variant: string])[] = [
  ['torch', 'channels_last'],
  ['torch', 'nchw'],
  ['torch', 'compiled'],
  ['keras', 'tensorflow'],
];

interface Task {
  readonly pictures: ArrayDataset;
  /** Where weights and pictures lie for the peers. */
  readonly folder: string;
  /** Ours, of the first steps. */
  readonly losses: readonly number[];
  readonly rounds: number;
  readonly steps: number;
}

/** Runs the comparison. Arguments: names of peers or variants (default all), `--rounds`, `--steps`, `--threads`. */
export async function benchTrainingStep(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '7' },
      steps: { type: 'string', default: '10' },
      threads: { type: 'string', default: '2' },
    },
  });
  const [rounds, steps, threads] = [Number(values.rounds), Number(values.steps), Number(values.threads)];
  const engine = await setEngine('native', { threads });
  heading(`training step, ${engine.name} ${engine.level}, ${engine.threads} threads, batch ${BATCH}, float32`);
  console.log(describeMachine());
  console.log(`${rounds} turns of ${steps} steps; milliseconds of a step as median (least-most);`);
  console.log('ratio = their time / ours, over neighbouring turns: above 1, fovea is faster');
  const python = process.env.FOVEA_PEERS;
  setRandomSeed(1);
  const { train } = await datasets.strokes({ count: steps * BATCH, testCount: 10 });
  // Scaled alike for any number of pictures, so that the losses below do not depend on the arguments.
  const pictures = train.withX(scale(train.x, 1 / 127.5, -1));
  const folder = await mkdtemp(join(tmpdir(), 'fovea-bench-'));
  try {
    const losses = await firstLosses(pictures, folder);
    console.log(`losses of the first ${CHECKED_STEPS} steps: ${formatLosses(losses)}`);
    const task: Task = { pictures, folder, losses, rounds, steps };
    if (!python) {
      console.log('FOVEA_PEERS is not set (see bench/README.md): fovea alone, and no ratio.');
      await timeAlone(task);
    } else {
      const isWanted = (name: string): boolean => positionals.length === 0 || positionals.includes(name);
      for (const [framework, variant] of PEERS) {
        if (isWanted(framework) || isWanted(variant)) await meet(python, framework, variant, threads, task);
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
    await disposeEngine();
  }
}

/** The first steps without dropout, whose random numbers no two frameworks share; writes weights and pictures down. */
async function firstLosses(pictures: ArrayDataset, folder: string): Promise<number[]> {
  const whole = zoo.lectureCnn();
  const kept = whole.layers.filter((layer) => !/dropout|input/.test(layer.name));
  const model = models.sequential([...whole.inputs, ...kept]);
  const weights = await model.getWeights();
  for (const [i, values] of weights.entries()) await writeFile(join(folder, `weight-${i}.f32`), values);
  await writeFile(join(folder, 'x.f32'), pictures.x.data as Float32Array);
  await writeFile(join(folder, 'y.i32'), pictures.y.data as Int32Array);
  model.compile({ optimizer: 'nadam', loss: 'sparseCategoricalCrossentropy' });
  const { x, y } = pictures.take(BATCH);
  const losses: number[] = [];
  for (let step = 0; step < CHECKED_STEPS; step++) losses.push((await model.trainOnBatch(x, y)).loss ?? Number.NaN);
  return losses;
}

/** Starts a peer, compares what both compute, then how fast. A peer that is not installed is left out. */
async function meet(python: string, framework: string, variant: string, threads: number, task: Task): Promise<void> {
  const name = `${framework} ${variant}`;
  const peer = Peer.start(python, framework, variant, threads);
  try {
    const { version } = await peer.ask('load', { folder: task.folder, batch: BATCH });
    const losses = (await peer.ask('losses', { steps: CHECKED_STEPS })).losses as number[];
    console.log(`\n${name} (${version}): losses ${formatLosses(losses)}`);
    const apart = Math.max(...task.losses.map((loss, i) => Math.abs(loss - (losses[i] ?? Number.NaN))));
    report(`largest difference of the losses x 1000`, apart * 1000, '', LOSS_TOLERANCE * 1000);
    if (apart <= LOSS_TOLERANCE) await race(name, peer, task);
    else console.log('Not timed: it does not compute the same.');
  } catch (error) {
    console.log(`\n${name}: left out: ${(error as Error).message}`);
  } finally {
    peer.stop();
  }
}

async function race(name: string, peer: Peer, { pictures, rounds, steps }: Task): Promise<void> {
  const ours = contestants(pictures);
  const theirs =
    (command: string, fields: Record<string, unknown> = {}): Contestant =>
    async (count) =>
      (await peer.ask(command, { steps: count, ...fields })).seconds as number;
  const work = [
    ['training step', ours.train, theirs('train'), steps],
    ['predict 32', ours.predict32, theirs('predict', { batch: BATCH }), 2 * steps],
    ['predict 1', ours.predict1, theirs('predict', { batch: 1 }), 20 * steps],
  ] as const;
  for (const [what, mine, other, count] of work) {
    console.log(formatComparison(what, name, await alternate(mine, other, { rounds, steps: count })));
  }
}

/** The three kinds of work on our side. */
function contestants(pictures: ArrayDataset): Record<'train' | 'predict32' | 'predict1', Contestant> {
  const model = zoo.lectureCnn();
  model.compile({ optimizer: 'nadam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
  const predict = (batch: number): Contestant => {
    const { x } = pictures.take(batch);
    return async (steps) =>
      timed(async () => {
        for (let step = 0; step < steps; step++) await model.predict(x);
      });
  };
  const options = { batchSize: BATCH, shuffle: false, verbose: 0 } as const;
  const train: Contestant = (steps) => timed(() => model.fit(pictures.take(steps * BATCH), options));
  return { train, predict32: predict(BATCH), predict1: predict(1) };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

async function timeAlone({ pictures, rounds, steps }: Task): Promise<void> {
  const { train } = contestants(pictures);
  await train(steps);
  for (let round = 0; round < rounds; round++) report('training step', ((await train(steps)) * 1000) / steps, 'ms');
}

function formatLosses(losses: readonly number[]): string {
  return losses.map((loss) => loss.toFixed(5)).join(' ');
}
