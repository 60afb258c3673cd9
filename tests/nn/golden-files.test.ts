// Models that Python's Keras saved, loaded and saved here: nothing is lost on the way. (That they predict and train as in
// Keras, the replay of golden values shows.)
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Layer, models, registerLayer, type Tensor, type Variable } from '../../src/index.js';
import type { PartialShape } from '../../src/nn/symbolic.js';
import { add, multiply, sin } from '../../src/ops/index.js';
import { goldenFolder, readGolden } from './golden.js';
import { fromRecipe, type Recipe } from './recipes.js';

interface GoldenFile {
  readonly name: string;
  readonly files: { readonly keras: string; readonly h5: string; readonly weights: string; readonly legacy?: string };
  readonly inputs: readonly Recipe[];
  readonly training?: {
    readonly input: Recipe;
    readonly target: Recipe & { oneHot?: number; as?: string };
  };
}

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

describe.skipIf(goldenFolder === undefined)('models of Python’s Keras, saved again', () => {
  registerLayer(Swirl, { package: 'golden' });
  const names =
    goldenFolder === undefined
      ? []
      : readdirSync(join(goldenFolder, 'models/files')).flatMap((file) => /^(.*)\.keras$/.exec(file)?.[1] ?? []);
  const path = (file: string): string => join(goldenFolder as string, 'models/files', file);

  it.each(names)('%s is the same from .keras and from .h5', async (name) => {
    const golden = readGolden<GoldenFile>(`models/files/${name}.json`);
    const given = golden.inputs.map(fromRecipe);
    const inputs = given.length === 1 ? (given[0] as (typeof given)[number]) : given;
    const model = await models.load(path(golden.files.keras));
    const before = (await model.predict(inputs)).outputs.map(({ data }) => [...data]);
    const losses = async (of: models.TrainableModel): Promise<unknown[]> => {
      const { training } = golden;
      if (training === undefined) return [];
      const labels = fromRecipe(training.target);
      const y = training.target.oneHot === undefined ? labels : oneHot(labels.data, training.target.oneHot);
      const out: unknown[] = [];
      for (let i = 0; i < 2; i++) out.push(await of.trainOnBatch(fromRecipe(training.input), y));
      return out;
    };
    for (const ending of ['keras', 'h5']) await model.save(join(folder, `${name}.${ending}`));
    const wanted = await losses(model);
    for (const ending of ['keras', 'h5']) {
      const again = await models.load(join(folder, `${name}.${ending}`));
      expect((await again.predict(inputs)).outputs.map(({ data }) => [...data])).toEqual(before);
      expect(await losses(again)).toEqual(wanted);
    }
  });
});

function oneHot(labels: ArrayLike<number>, classes: number) {
  const data = new Float32Array(labels.length * classes);
  for (let i = 0; i < labels.length; i++) data[i * classes + (labels[i] as number)] = 1;
  return { data, shape: [labels.length, classes], dtype: 'float32' as const };
}
