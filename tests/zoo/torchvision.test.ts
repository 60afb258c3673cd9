// The networks in torchvision's form against PyTorch: every entry of its state dict by name and shape, and the logits of
// weights made by rule.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sizeOf } from '../../src/core/shape.js';
import { disposeEngine, setEngine } from '../../src/engine/current.js';
import '../../src/engine/install.js';
import type { Variable } from '../../src/graph/variable.js';
import { zoo } from '../../src/index.js';
import type { TrainableModel } from '../../src/nn/model.js';
import { goldenFolder, readGolden } from '../nn/golden.js';
import { fromRecipe, type Recipe } from '../nn/recipes.js';

interface Values {
  readonly input: Recipe;
  readonly first: readonly number[];
  readonly mean: number;
  readonly std: number;
  readonly noise: number;
  readonly count: number;
}

interface TorchCase {
  readonly name: string;
  readonly model: string;
  readonly arguments: { readonly aux_logits?: boolean };
  readonly parameters: number;
  readonly keys: number;
  readonly gamma: readonly [number, number];
  readonly logits?: Values;
  readonly features?: Values;
}

/** What is built in this form; the others of the list are in Keras's, or not there. */
const NAMES: Readonly<Record<string, string>> = {
  googlenet: 'googlenet',
  squeezenet1_0: 'squeezenet1_0',
  squeezenet1_1: 'squeezenet1_1',
  resnet18: 'resnet18',
  resnet50: 'torchvision/resnet50',
  vgg11_bn: 'torchvision/vgg11_bn',
  shufflenet_v2_x1_0: 'shufflenet_v2',
  resnext50_32x4d: 'resnext50',
};

const PARTS: Readonly<Record<string, string>> = {
  kernel: 'weight',
  bias: 'bias',
  gamma: 'weight',
  beta: 'bias',
  moving_mean: 'running_mean',
  moving_variance: 'running_var',
};

interface Entry {
  readonly key: string;
  readonly variable: Variable;
  /** PyTorch's order of the axes: filters, channels, rows, columns. */
  readonly shape: readonly number[];
}

function entriesOf(model: TrainableModel): Entry[] {
  return model.layers.flatMap((layer) =>
    layer.weights.map((variable) => {
      const { shape } = variable;
      const order = shape.length === 4 ? [3, 2, 0, 1] : shape.length === 2 ? [1, 0] : [0];
      return {
        key: `${layer.name}.${PARTS[variable.name]}`,
        variable,
        shape: order.map((axis) => shape[axis] as number),
      };
    }),
  );
}

/** From PyTorch's order to ours. */
function toOurs(data: Float32Array, shape: readonly number[]): Float32Array {
  if (shape.length === 1) return data;
  const [out, channels] = shape as [number, number];
  const cells = sizeOf(shape.slice(2));
  const result = new Float32Array(data.length);
  for (let o = 0; o < out; o++) {
    for (let c = 0; c < channels; c++) {
      for (let cell = 0; cell < cells; cell++) {
        result[(cell * channels + c) * out + o] = data[(o * channels + c) * cells + cell] as number;
      }
    }
  }
  return result;
}

function setByRule(model: TrainableModel, { name: caseName, gamma }: TorchCase): void {
  for (const { key, variable, shape } of entriesOf(model)) {
    let [lo, hi] = [-0.1, 0.1];
    if (key.endsWith('running_var')) [lo, hi] = [0.8, 1.2];
    else if (key.endsWith('weight') && shape.length === 1) [lo, hi] = gamma;
    else if (key.endsWith('weight')) {
      hi = Math.sqrt(6 / sizeOf(shape.slice(1)));
      lo = -hi;
    }
    const { data } = fromRecipe({ name: `${caseName}/${key}`, shape, lo, hi });
    variable.set(toOurs(data as Float32Array, shape));
  }
}

/** [n,c,h,w] to [n,h,w,c], for one picture. */
function toChannelsLast(recipe: Recipe): { data: Float32Array; shape: number[]; dtype: 'float32' } {
  const [n, channels, h, w] = recipe.shape as [number, number, number, number];
  const { data } = fromRecipe(recipe);
  const out = new Float32Array(data.length);
  for (let c = 0; c < channels; c++) {
    for (let cell = 0; cell < h * w; cell++) out[cell * channels + c] = data[c * h * w + cell] as number;
  }
  return { data: out, shape: [n, h, w, channels], dtype: 'float32' };
}

function expectNear(got: readonly number[], want: Values): void {
  const allowed = Math.max(1e-4, 20 * want.noise) * want.std;
  expect(got).toHaveLength(want.count);
  want.first.forEach((value, i) => {
    expect(Math.abs((got[i] as number) - value), `value ${i}: ${got[i]}, not ${value}`).toBeLessThanOrEqual(allowed);
  });
  const mean = got.reduce((sum, value) => sum + value, 0) / got.length;
  expect(Math.abs(mean - want.mean)).toBeLessThanOrEqual(allowed);
}

const cases =
  goldenFolder === undefined
    ? []
    : readGolden<{ cases: TorchCase[] }>('tasks/classifiers.json').cases.filter(({ model }) => model in NAMES);
const isNight = process.env.FOVEA_NIGHTLY === '1';

const make = (each: TorchCase, options: zoo.ZooOptions = {}): TrainableModel =>
  zoo.create(NAMES[each.model] as string, {
    ...options,
    weights: null,
    ...(each.arguments.aux_logits === undefined ? {} : { auxLogits: each.arguments.aux_logits }),
  });

beforeAll(async () => {
  await setEngine('native', { threads: 2 });
});
afterAll(() => disposeEngine());

describe.skipIf(cases.length === 0)("networks that are torchvision's", () => {
  test.each(cases.map((each) => [each.name, each] as const))('%s: the state dict', (_name, each) => {
    const entries = entriesOf(make(each));
    const isCounted = ({ key }: Entry): boolean => !/running_(mean|var)$/.test(key);
    expect(entries.filter(isCounted).reduce((sum, { variable }) => sum + variable.size, 0)).toBe(each.parameters);
    // PyTorch keeps the number of batches beside each norm.
    const norms = entries.filter(({ key }) => key.endsWith('running_mean')).length;
    expect(entries.length + norms).toBe(each.keys);
  });

  const tried = cases.filter(({ parameters }) => isNight || parameters < 15e6);
  test.each(tried.map((each) => [each.name, each] as const))(
    '%s: values',
    { timeout: 120_000 },
    async (_name, each) => {
      if (each.logits !== undefined) {
        const model = make(each, { classifierActivation: null, inputShape: [96, 96, 3] });
        setByRule(model, each);
        const { data } = await model.predict(toChannelsLast(each.logits.input));
        expectNear(Array.from(data as Float32Array), each.logits);
      } else {
        const want = each.features as Values;
        const model = make(each, { includeTop: false, pooling: 'avg', inputShape: [96, 96, 3] });
        setByRule(model, each);
        const { data } = await model.predict(toChannelsLast(want.input));
        expectNear(Array.from(data as Float32Array), want);
      }
    },
  );
});
