// Models that Python's Keras saved: loaded here they predict what Keras predicted and train on as it does.
// Each was saved three times over; what is not loadable yet is listed with its reason.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FoveaError, Layer, models, registerLayer, type Tensor, type Variable } from '../../src/index.js';
import type { PartialShape } from '../../src/nn/symbolic.js';
import { add, multiply, sin } from '../../src/ops/index.js';
import { processorTime } from '../processor-time.js';
import { goldenFolder, readGolden } from './golden.js';
import { fromRecipe, type Recipe } from './recipes.js';

interface GoldenFile {
  readonly name: string;
  readonly parameters: number;
  readonly files: { readonly keras: string; readonly h5: string; readonly weights: string; readonly legacy?: string };
  readonly inputs: readonly Recipe[];
  readonly outputs: readonly { readonly shape: readonly number[]; readonly values: readonly number[] }[];
  readonly training?: {
    readonly input: Recipe;
    readonly target: Recipe & { oneHot?: number; as?: string };
    readonly nextLosses: readonly number[];
  };
}

/** Files that need layers of a later vocabulary. */
const WAITING: Readonly<Record<string, string>> = {
  preprocessing: 'needs Normalization and the augmentation layers',
  'average-weights': 'needs the metric AUC',
  conv1d: 'needs MaxPooling1D and GlobalAveragePooling1D',
  regularized: 'needs constraints',
};
const LOADED = ['custom-layer', 'mixed-bfloat16', 'mnist-convnet', 'nested', 'residual', 'two-inputs', 'unet'];

class Swirl extends Layer {
  static override readonly className = 'Swirl';
  private readonly frequency: number;
  private gamma!: Variable;
  private beta!: Variable;

  constructor(options: { name?: string; frequency?: number } = {}) {
    super(options);
    this.frequency = options.frequency ?? 1;
  }

  override build([shape]: readonly PartialShape[]): void {
    const size = shape?.at(-1) as number;
    this.gamma = this.addWeight({ name: 'gamma', shape: [size], initializer: 'ones' });
    this.beta = this.addWeight({ name: 'beta', shape: [size], initializer: 'zeros' });
  }

  override call([x]: readonly Tensor[]): Tensor {
    return add(
      multiply(multiply(x as Tensor, sin(multiply(x as Tensor, this.frequency))), this.gamma.value),
      this.beta.value,
    );
  }

  override getConfig() {
    return { frequency: this.frequency };
  }
}

const folder = mkdtempSync(join(tmpdir(), 'fovea-golden-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(goldenFolder === undefined)('files of Python’s Keras', () => {
  registerLayer(Swirl, { package: 'golden' });

  for (const [name, reason] of Object.entries(WAITING)) it.skip(`${name}: ${reason}`, () => {});

  for (const name of LOADED) {
    const read = () => readGolden<GoldenFile>(`models/files/${name}.json`);
    const path = (file: string) => join(goldenFolder as string, 'models/files', file);
    const check = async (model: models.TrainableModel, golden: GoldenFile) => {
      const inputs = golden.inputs.map(fromRecipe);
      const { outputs } = await model.predict(inputs.length === 1 ? (inputs[0] as (typeof inputs)[number]) : inputs);
      outputs.forEach(({ data, shape }, i) => {
        const want = golden.outputs[i] as GoldenFile['outputs'][number];
        expect(shape).toEqual(want.shape);
        data.forEach((value, at) => {
          const wanted = want.values.flat(9)[at] as number;
          expect(Math.abs(value - wanted), `${name} output ${i}[${at}]`).toBeLessThanOrEqual(
            name === 'mixed-bfloat16' ? 2e-2 : 2e-5 + 2e-5 * Math.abs(wanted),
          );
        });
      });
    };

    for (const kind of ['keras', 'h5'] as const) {
      it(`${name}.${kind} predicts what Keras predicted`, async () => {
        const golden = read();
        const model = await models.load(path(golden.files[kind]));
        expect(model.countParams()).toBe(golden.parameters);
        await check(model, golden);
        const { training } = golden;
        if (training === undefined) return;
        const x = fromRecipe(training.input);
        const labels = fromRecipe(training.target);
        const classes = training.target.oneHot;
        const y = classes === undefined ? labels : oneHot(labels.data, classes);
        for (const want of training.nextLosses) {
          const { loss } = await model.trainOnBatch(x, y);
          expect(Math.abs((loss as number) - want)).toBeLessThanOrEqual(1e-4 * Math.abs(want) + 1e-6);
        }
      });
    }

    it(`${name}.weights.h5 loads into the model of ${name}.keras`, async () => {
      const golden = read();
      const model = await models.load(path(golden.files.keras), { compile: false });
      model.setWeights(model.weights.map(({ size }) => new Float32Array(size)));
      await model.loadWeights(path(golden.files.weights));
      await check(model, golden);
    });

    it(`${name} saved and loaded again is the same`, async () => {
      const golden = read();
      const model = await models.load(path(golden.files.keras));
      const file = join(folder, `${name}.keras`);
      await model.save(file);
      await check(await models.load(file), golden);
    });
  }
});

describe.skipIf(goldenFolder === undefined)('damaged files', () => {
  interface Damaged {
    readonly cases: readonly { readonly file: string; readonly expect: string; readonly error: readonly string[] }[];
  }
  const { cases } = goldenFolder === undefined ? { cases: [] } : readGolden<Damaged>('models/damaged/expected.json');
  for (const { file, expect: wanted, error: words } of cases) {
    it(`${file}: ${wanted}`, async () => {
      const path = join(goldenFolder as string, 'models/damaged', file);
      const started = processorTime();
      const isWeights = file.endsWith('.weights.h5');
      const load = async () => {
        if (!isWeights) return models.load(path);
        const model = await models.load(join(goldenFolder as string, 'models/damaged/small.keras'));
        await model.loadWeights(path);
        return model;
      };
      const result = await load().catch((caught: unknown) => caught);
      expect(processorTime() - started).toBeLessThan(2000);
      if (wanted === 'load') {
        expect(result).toBeInstanceOf(models.TrainableModel);
        return;
      }
      if (wanted === 'either' && result instanceof models.TrainableModel) return;
      expect(result).toBeInstanceOf(FoveaError);
      const { message } = result as FoveaError;
      for (const word of words) expect(message).toMatch(new RegExp(word, 'i'));
    });
  }
});

function oneHot(labels: ArrayLike<number>, classes: number) {
  const data = new Float32Array(labels.length * classes);
  for (let i = 0; i < labels.length; i++) data[i * classes + (labels[i] as number)] = 1;
  return { data, shape: [labels.length, classes], dtype: 'float32' as const };
}
