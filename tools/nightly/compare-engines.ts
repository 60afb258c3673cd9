// One epoch of the lecture's training on the native engine and on wasm from one seed: the same weights, batches and
// dropout, so the losses begin alike and part only as rounding grows.
import { type Callback, setEngine, setRandomSeed, zoo } from 'fovea';
import { atMost, cut, type Outcome, type Part, type PartOptions } from './part.js';
import { standardizedFashion } from './training.js';

/** Steps whose mean loss is one point of the curve. */
const WINDOW = 100;

interface Curve {
  readonly engine: unknown;
  /** The mean loss of all steps so far, after each. */
  readonly running: readonly number[];
  readonly accuracy: number;
  readonly seconds: number;
}

export const compareEngines: Part = {
  name: 'wasm-epoch',
  about: 'one epoch of Fashion-MNIST on wasm, its losses beside the native ones',
  data: ['fashion-mnist'],
  run: compare,
};

async function compare(options: PartOptions): Promise<Outcome> {
  const native = await trainOn('native', options);
  const wasm = await trainOn('wasm', options);
  const [first, second] = [windowLosses(native.running), windowLosses(wasm.running)];
  console.log('\n  steps  native    wasm  difference');
  const curve = first.map(({ step, loss }, i) => ({ step, native: loss, wasm: second[i]?.loss ?? Number.NaN }));
  for (const point of curve) {
    const difference = Math.abs(point.native - point.wasm);
    console.log(
      [`${point.step}`.padStart(7), point.native.toFixed(4), point.wasm.toFixed(4), difference.toExponential(1)].join(
        '  ',
      ),
    );
  }
  const difference = (at: number): number =>
    Math.abs((native.running[at] ?? Number.NaN) - (wasm.running[at] ?? Number.NaN));
  const largest = Math.max(...curve.map((point) => Math.abs(point.native - point.wasm)));
  console.log(
    `largest difference ${largest.toExponential(2)}; seconds ${native.seconds.toFixed(1)} and ${wasm.seconds.toFixed(1)}`,
  );
  const { running: _a, ...nativeFigures } = native;
  const { running: _b, ...wasmFigures } = wasm;
  return {
    figures: { native: nativeFigures, wasm: wasmFigures, curve, largest },
    // Nadam's first steps follow little but the gradients' signs, so rounding parts even two instruction sets of one
    // engine by 0.02 within 30 steps; only the first steps must agree closely.
    checks: [
      atMost("difference of the first step's losses", difference(0), 1e-5),
      atMost('difference of the mean loss of 5 steps', difference(4), 1e-4),
      atMost(`largest difference over ${WINDOW} steps`, largest, 0.15),
      atMost('difference of the mean loss of the epoch', difference(native.running.length - 1), 0.03),
      atMost('difference of validation accuracy', Math.abs(native.accuracy - wasm.accuracy), 0.02),
    ],
  };
}

async function trainOn(name: 'native' | 'wasm', { limit, seed }: PartOptions): Promise<Curve> {
  const engine = await setEngine(name);
  setRandomSeed(seed);
  const parts = await standardizedFashion();
  const model = zoo.lectureCnn();
  model.compile({ optimizer: 'nadam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
  const running: number[] = [];
  const watch: Callback = {
    name: 'Watch',
    onTrainBatchEnd: (_batch, logs) => void running.push(logs.loss ?? Number.NaN),
  };
  const started = performance.now();
  await model.fit(cut(parts.train, limit), { epochs: 1, batchSize: 32, verbose: 2, callbacks: [watch] });
  const seconds = (performance.now() - started) / 1000;
  const { accuracy = Number.NaN } = await model.evaluate(cut(parts.validation, limit));
  return { engine, running, accuracy, seconds };
}

/** The mean loss of each hundred steps, from the running mean. */
function windowLosses(running: readonly number[]): { step: number; loss: number }[] {
  const total = (steps: number): number => (steps === 0 ? 0 : steps * (running[steps - 1] as number));
  const points: { step: number; loss: number }[] = [];
  for (let start = 0; start < running.length; start += WINDOW) {
    const end = Math.min(start + WINDOW, running.length);
    points.push({ step: end, loss: (total(end) - total(start)) / (end - start) });
  }
  return points;
}
