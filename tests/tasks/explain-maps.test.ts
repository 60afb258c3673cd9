// Class maps, gradients and occlusion on small networks whose answers follow in float64 from their weights.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Executable } from '../../src/engine/execute.js';
import {
  conv2d,
  FoveaError,
  type HostArray,
  hostArray,
  type Layer,
  layers,
  mean,
  models,
  multiply,
  relu,
  type Tensor,
  tensor,
  Variable,
} from '../../src/index.js';
import { type PicturePreprocessing, scalePixels } from '../../src/nn/model-metadata.js';
import * as explain from '../../src/tasks/explain/index.js';
import { prepare } from '../../src/tasks/explain/pictures.js';

/** Numbers between -1 and 1 without a pattern that a mistake could hide in. */
function numbers(count: number, seed: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * seed) * 0.9);
}

const [H, W, C, K, CLASSES] = [6, 5, 3, 4, 3] as [number, number, number, number, number];
const picture: HostArray = hostArray(
  numbers(H * W * C, 5).map((value) => 127.5 * (value + 1)),
  [H, W, C],
);
const SCALE = { mode: 'scale', size: [6, 5], factor: 1 / 255 } as const;

const kernel = numbers(3 * 3 * C * K, 1);
const bias = numbers(K, 2).map((value) => 0.2 * value);
const dense = numbers(H * W * K * CLASSES, 3);
const denseBias = numbers(CLASSES, 4);

/** Convolution, relu, flatten, dense, softmax. */
function flatModel(): models.Sequential {
  const model = models.sequential([
    layers.input([H, W, C]),
    layers.conv2d({ filters: K, kernelSize: 3, padding: 'same', activation: 'relu', name: 'conv' }),
    layers.flatten(),
    layers.dense({ units: CLASSES, activation: 'softmax', name: 'classes' }),
  ]);
  model.setWeights([kernel, bias, dense, denseBias]);
  return model;
}

/** The convolution's maps before relu in float64, [h][w][k] flat; pictures 0..1. */
function mapsOf(x: ArrayLike<number>): Float64Array {
  const out = new Float64Array(H * W * K);
  for (let row = 0; row < H; row++)
    for (let column = 0; column < W; column++)
      for (let k = 0; k < K; k++) {
        let sum = bias[k] as number;
        for (let u = 0; u < 3; u++)
          for (let v = 0; v < 3; v++) {
            const [r, c] = [row + u - 1, column + v - 1];
            if (r < 0 || c < 0 || r >= H || c >= W) continue;
            for (let i = 0; i < C; i++)
              sum += (x[(r * W + c) * C + i] as number) * (kernel[((u * 3 + v) * C + i) * K + k] as number);
          }
        out[(row * W + column) * K + k] = sum;
      }
  return out;
}

const unit = Float64Array.from(picture.data, (value) => value / 255);
const raw = mapsOf(unit);
const maps = raw.map((value) => Math.max(0, value));
const logit = (c: number, at: ArrayLike<number> = maps): number => {
  let sum = denseBias[c] as number;
  for (let i = 0; i < at.length; i++) sum += (at[i] as number) * (dense[i * CLASSES + c] as number);
  return sum;
};
/** The gradient of a class's logit with respect to the maps behind relu. */
const slope = (c: number): Float64Array => Float64Array.from(maps, (_, i) => dense[i * CLASSES + c] as number);

/** What flows back through the convolution to the picture 0..255. */
function throughConvolution(dy: ArrayLike<number>): Float64Array {
  const dx = new Float64Array(H * W * C);
  for (let row = 0; row < H; row++)
    for (let column = 0; column < W; column++)
      for (let u = 0; u < 3; u++)
        for (let v = 0; v < 3; v++) {
          const [r, c] = [row + u - 1, column + v - 1];
          if (r < 0 || c < 0 || r >= H || c >= W) continue;
          for (let i = 0; i < C; i++)
            for (let k = 0; k < K; k++) {
              const at = (r * W + c) * C + i;
              const w = kernel[((u * 3 + v) * C + i) * K + k] as number;
              dx[at] = (dx[at] as number) + ((dy[(row * W + column) * K + k] as number) * w) / 255;
            }
        }
  return dx;
}

function expectClose(got: ArrayLike<number>, want: ArrayLike<number>, tolerance = 2e-5): void {
  expect(got.length).toBe(want.length);
  const most = Math.max(...Array.from(want, Math.abs));
  expect(most).toBeGreaterThan(0);
  for (let i = 0; i < want.length; i++)
    expect(Math.abs((got[i] as number) - (want[i] as number)), `element ${i}`).toBeLessThan(tolerance * most);
}

const places = Array.from({ length: H * W }, (_, i) => i);
const channels = Array.from({ length: K }, (_, k) => k);
const meanOver = (values: ArrayLike<number>, k: number): number =>
  places.reduce((sum, p) => sum + (values[p * K + k] as number), 0) / (H * W);

afterEach(() => vi.restoreAllMocks());

describe('gradCam', () => {
  it('weighs maps by their mean gradients', async () => {
    for (const c of [0, 1, 2]) {
      const weights = channels.map((k) => meanOver(slope(c), k));
      const want = places.map((p) =>
        Math.max(
          0,
          channels.reduce((sum, k) => sum + (weights[k] as number) * (maps[p * K + k] as number), 0),
        ),
      );
      const found = await explain.gradCam(flatModel(), picture, { class: c, preprocessing: SCALE });
      expect(found).toMatchObject({ class: c, label: String(c), layer: 'conv' });
      expect(found.map.shape).toEqual([H, W]);
      if (want.some((value) => value > 0)) expectClose(found.map.data, want);
      else expect(Math.max(...found.map.data)).toBe(0);
      expect(found.score).toBeCloseTo(logit(c), 4);
    }
  });

  it('explains the most likely class where none is given', async () => {
    const best = [0, 1, 2].sort((a, b) => logit(b) - logit(a))[0] as number;
    const total = [0, 1, 2].reduce((sum, c) => sum + Math.exp(logit(c)), 0);
    const found = await explain.gradCam(flatModel(), picture, { preprocessing: SCALE, labels: ['ant', 'bee', 'cow'] });
    expect(found.class).toBe(best);
    expect(found.label).toBe(['ant', 'bee', 'cow'][best]);
    expect(found.probability).toBeCloseTo(Math.exp(logit(best)) / total, 5);
  });

  it('gives heat and a picture of the input', async () => {
    const found = await explain.gradCam(flatModel(), picture, {
      class: 1,
      preprocessing: SCALE,
      alpha: 0.5,
      fade: false,
    });
    expect(Math.max(...found.heat.data)).toBe(1);
    expect(found.heat.shape).toEqual([H, W]);
    expect(found.image).toMatchObject({ shape: [H, W, 3], dtype: 'uint8' });
    expect((await found.figure.png()).length).toBeGreaterThan(60);
  });
});

describe('gradCamPlusPlus', () => {
  it('weighs every place by second and third derivatives', async () => {
    for (const c of [0, 1, 2]) {
      const g = slope(c);
      const weights = channels.map((k) => {
        const total = places.reduce((sum, p) => sum + (maps[p * K + k] as number), 0);
        return places.reduce((sum, p) => {
          const d = g[p * K + k] as number;
          const alpha = d ** 2 / (2 * d ** 2 + total * d ** 3);
          return sum + alpha * Math.max(0, d);
        }, 0);
      });
      const want = places.map((p) =>
        Math.max(
          0,
          channels.reduce((sum, k) => sum + (weights[k] as number) * (maps[p * K + k] as number), 0),
        ),
      );
      const found = await explain.gradCamPlusPlus(flatModel(), picture, { class: c, preprocessing: SCALE });
      expectClose(found.map.data, want, 2e-4);
    }
  });
});

/** Convolution, relu, global average, dense. */
function pooledModel(units = CLASSES): models.Sequential {
  const model = models.sequential([
    layers.input([H, W, C]),
    layers.conv2d({ filters: K, kernelSize: 3, padding: 'same', activation: 'relu', name: 'conv' }),
    layers.globalAveragePooling2d(),
    layers.dropout({ rate: 0.5 }),
    layers.dense({ units, activation: units === 1 ? 'sigmoid' : 'softmax', name: 'classes' }),
  ]);
  model.setWeights([kernel, bias, numbers(K * units, 6), numbers(units, 7)]);
  return model;
}

describe('classActivationMap', () => {
  it('weighs maps as the last layer does, and equals Grad-CAM but for the number of places', async () => {
    const head = numbers(K * CLASSES, 6);
    const model = pooledModel();
    for (const c of [0, 1, 2]) {
      const want = places.map((p) =>
        channels.reduce((sum, k) => sum + (head[k * CLASSES + c] as number) * (maps[p * K + k] as number), 0),
      );
      const cam = await explain.classActivationMap(model, picture, { class: c, preprocessing: SCALE });
      expectClose(cam.map.data, want);
      const grad = await explain.gradCam(model, picture, { class: c, preprocessing: SCALE });
      const scaled = want.map((value) => Math.max(0, value) / (H * W));
      if (scaled.some((value) => value > 0)) expectClose(grad.map.data, scaled);
    }
  });

  it('tells both classes of one sigmoid unit apart', async () => {
    const model = pooledModel(1);
    const [no, yes] = [
      await explain.classActivationMap(model, picture, { class: 0, preprocessing: SCALE }),
      await explain.classActivationMap(model, picture, { class: 1, preprocessing: SCALE }),
    ];
    expectClose(
      no.map.data,
      yes.map.data.map((value) => -value),
    );
    expect((no.probability as number) + (yes.probability as number)).toBeCloseTo(1, 5);
    expect(no.score).toBeCloseTo(-yes.score, 5);
  });

  it('takes a pooling that leaves one place for a global one', async () => {
    const model = models.sequential([
      layers.input([H, W, C]),
      layers.conv2d({ filters: K, kernelSize: 3, padding: 'same', activation: 'relu' }),
      layers.averagePooling2d({ poolSize: [H, W] }),
      layers.flatten(),
      layers.dense({ units: CLASSES, activation: 'softmax' }),
    ]);
    model.setWeights([kernel, bias, numbers(K * CLASSES, 6), numbers(CLASSES, 7)]);
    const options = { class: 1, preprocessing: SCALE } as const;
    const want = await explain.classActivationMap(pooledModel(), picture, options);
    expectClose((await explain.classActivationMap(model, picture, options)).map.data, want.map.data);
  });

  it('refuses models that end otherwise', async () => {
    await expect(explain.classActivationMap(flatModel(), picture)).rejects.toThrow(
      'does not end in global average pooling and one dense layer',
    );
  });
});

describe('saliency', () => {
  it('is the gradient of the logit with respect to pixels 0..255', async () => {
    for (const c of [0, 2]) {
      const dy = slope(c).map((value, i) => ((raw[i] as number) > 0 ? value : 0));
      const found = await explain.saliency(flatModel(), picture, { class: c, preprocessing: SCALE });
      expect(found.attribution.shape).toEqual([H, W, C]);
      expectClose(found.attribution.data, throughConvolution(dy));
    }
  });

  it('of probabilities follows the softmax, too', async () => {
    const model = flatModel();
    const c = 1;
    const p = [0, 1, 2].map((each) => Math.exp(logit(each)));
    const total = p.reduce((sum, each) => sum + each, 0);
    const dy = maps.map((_, i) => {
      if ((raw[i] as number) <= 0) return 0;
      return [0, 1, 2].reduce((sum, each) => {
        const q = (p[each] as number) / total;
        const own = (p[c] as number) / total;
        return sum + own * ((each === c ? 1 : 0) - q) * (dense[i * CLASSES + each] as number);
      }, 0);
    });
    const found = await explain.saliency(model, picture, { class: c, scores: 'probabilities', preprocessing: SCALE });
    expectClose(found.attribution.data, throughConvolution(dy), 1e-4);
  });

  it('averages over noisy copies, the same for the same seed', async () => {
    const model = flatModel();
    const options = { class: 0, preprocessing: SCALE, samples: 11 } as const;
    const once = await explain.saliency(model, picture, options);
    const again = await explain.saliency(model, picture, options);
    const other = await explain.saliency(model, picture, { ...options, seed: 1 });
    const quiet = await explain.saliency(model, picture, { ...options, noise: 0 });
    expect(again.attribution.data).toEqual(once.attribution.data);
    expect(other.attribution.data).not.toEqual(once.attribution.data);
    expectClose(
      quiet.attribution.data,
      (await explain.saliency(model, picture, { ...options, samples: 1 })).attribution.data,
    );
  });
});

describe('integratedGradients', () => {
  it('adds up to the difference of the scores, the better the more steps', async () => {
    const smooth = (activation: 'softplus' | 'relu'): models.Sequential => {
      const model = models.sequential([
        layers.input([H, W, C]),
        layers.conv2d({ filters: K, kernelSize: 3, padding: 'same', activation }),
        layers.flatten(),
        layers.dense({ units: CLASSES, activation: 'softmax' }),
      ]);
      model.setWeights([kernel, bias, dense, denseBias]);
      return model;
    };
    const options = { class: 2, preprocessing: SCALE } as const;
    const model = smooth('softplus');
    const scoreAt = (x: ArrayLike<number>): number =>
      logit(
        2,
        mapsOf(x).map((value) => Math.log1p(Math.exp(value))),
      );
    const [white, black] = [scoreAt(unit), scoreAt(new Float64Array(unit.length))];
    const fine = await explain.integratedGradients(model, picture, { ...options, steps: 64 });
    expect(fine.score).toBeCloseTo(white, 4);
    expect(fine.baselineScore).toBeCloseTo(black, 4);
    expect(fine.attribution.data.reduce((sum, value) => sum + value, 0)).toBeCloseTo(white - black, 4);
    expect(fine.sum).toBeCloseTo(white - black, 4);
    expect(fine.completenessError).toBeLessThan(1e-4);
    // Kinks of relu are met only as closely as the steps lie.
    const kinked = smooth('relu');
    const errors = [];
    for (const steps of [2, 256])
      errors.push((await explain.integratedGradients(kinked, picture, { ...options, steps })).completenessError);
    expect(errors[1]).toBeLessThan((errors[0] as number) / 10);
  });

  it('is weight times change where the model is linear, for any baseline', async () => {
    const weights = numbers(H * W * C * 2, 8);
    const model = models.sequential([layers.input([H, W, C]), layers.flatten(), layers.dense({ units: 2 })]);
    model.setWeights([weights, new Float32Array(2)]);
    const baseline = hostArray(new Float32Array(H * W * C).fill(40), [H, W, C]);
    for (const from of [40, baseline]) {
      const found = await explain.integratedGradients(model, picture, { class: 1, steps: 3, baseline: from });
      expectClose(
        found.attribution.data,
        Array.from(picture.data, (value, i) => (value - 40) * (weights[2 * i + 1] as number)),
      );
      expect(found.completenessError).toBeLessThan(1e-4);
    }
  });
});

describe('guidedBackpropagation', () => {
  const c = 1;
  const want = throughConvolution(slope(c).map((value, i) => ((raw[i] as number) > 0 && value > 0 ? value : 0)));

  it('passes back what is above 0 and came through', async () => {
    const found = await explain.guidedBackpropagation(flatModel(), picture, { class: c, preprocessing: SCALE });
    expectClose(found.attribution.data, want);
    const plain = await explain.saliency(flatModel(), picture, { class: c, preprocessing: SCALE });
    const apart = plain.attribution.data.map((value, i) => Math.abs(value - (found.attribution.data[i] as number)));
    expect(Math.max(...apart)).toBeGreaterThan(1e-4);
  });

  it('finds the rectifier wherever it stands: a layer, another layer, a model inside, code', async () => {
    const weights = [kernel, bias, dense, denseBias];
    const bare = () => layers.conv2d({ filters: K, kernelSize: 3, padding: 'same', name: 'conv' });
    const row = (...middle: Layer[]): models.Sequential =>
      models.sequential([
        layers.input([H, W, C]),
        ...middle,
        layers.flatten(),
        layers.dense({ units: CLASSES, activation: 'softmax' }),
      ]);
    const inner = models.sequential([layers.input([H, W, C]), bare(), layers.relu({})], { name: 'inner' });
    class Coded extends models.Model {
      readonly kernel = new Variable(tensor(kernel, { shape: [3, 3, C, K] }));
      readonly head = layers.dense({ units: CLASSES });
      readonly flat = layers.flatten();
      override call([x]: readonly [Tensor]): Tensor {
        return this.head.apply(this.flat.apply(relu(conv2d(x, this.kernel.value, { padding: 'same' }))));
      }
    }
    const variants = [row(bare(), layers.activation({ activation: 'relu' })), row(bare(), layers.relu({})), row(inner)];
    for (const model of variants) {
      model.setWeights(weights);
      const found = await explain.guidedBackpropagation(model, picture, { class: c, preprocessing: SCALE });
      expectClose(found.attribution.data, want);
    }
    // Without a bias, so that the maps are others; only that it is found is seen here.
    const coded = await explain.guidedBackpropagation(new Coded(), picture, { class: c, preprocessing: SCALE });
    expect(coded.attribution.shape).toEqual([H, W, C]);
  });

  it('refuses a network without rectifiers, every time', async () => {
    const model = models.sequential([
      layers.input([H, W, C]),
      layers.conv2d({ filters: 2, kernelSize: 3, activation: 'tanh' }),
      layers.flatten(),
      layers.dense({ units: 2 }),
    ]);
    for (let i = 0; i < 2; i++)
      await expect(explain.guidedBackpropagation(model, picture)).rejects.toThrow(
        'has no rectifiers to guide the gradient',
      );
  });

  it("times Grad-CAM's heat is guided Grad-CAM", async () => {
    const found = await explain.guidedGradCam(flatModel(), picture, { class: c, preprocessing: SCALE });
    const { heat } = await explain.gradCam(flatModel(), picture, { class: c, preprocessing: SCALE });
    expect(found.layer).toBe('conv');
    expectClose(
      found.attribution.data,
      want.map((value, i) => value * (heat.data[Math.floor(i / C)] as number)),
    );
  });
});

describe('occlusion', () => {
  it('finds the only part that matters', async () => {
    const size = 12;
    const weights = new Float32Array(size * size * 2);
    // Class 1 reads rows 4 to 6, columns 7 to 9.
    for (const row of [4, 5, 6]) for (const column of [7, 8, 9]) weights[(row * size + column) * 2 + 1] = 0.01;
    const model = models.sequential([
      layers.input([size, size, 1]),
      layers.flatten(),
      layers.dense({ units: 2, activation: 'softmax' }),
    ]);
    model.setWeights([weights, new Float32Array(2)]);
    const white = hostArray(new Uint8Array(size * size).fill(200), [size, size, 1]);
    const found = await explain.occlusion(model, white, { class: 1, patch: 3, stride: 1, fill: 0, batchSize: 7 });
    const best = found.map.data.indexOf(Math.max(...found.map.data));
    expect([Math.floor(best / size), best % size]).toEqual([5, 8]);
    for (let i = 0; i < size * size; i++) {
      const [row, column] = [Math.floor(i / size), i % size];
      const isNear = row >= 2 && row <= 8 && column >= 5 && column <= 11;
      if (!isNear) expect(found.map.data[i]).toBeCloseTo(0, 5);
    }
    // The patch that covers just it takes 9 * 0.01 * 200 away; others over the centre at least as many of its nine pixels.
    const windows = [-1, 0, 1].flatMap((a) => [-1, 0, 1].map((b) => (3 - Math.abs(a)) * (3 - Math.abs(b))));
    const wanted = (windows.reduce((sum, each) => sum + each, 0) / 9) * 2;
    expect(found.map.data[best]).toBeCloseTo(wanted, 4);
  });

  it('covers everything, also where strides do not divide the picture', async () => {
    const found = await explain.occlusion(flatModel(), picture, { patch: 3, stride: 2, preprocessing: SCALE });
    expect([...found.map.data].every(Number.isFinite)).toBe(true);
    await expect(explain.occlusion(flatModel(), picture, { patch: 9 })).rejects.toThrow(
      'occlusion: a patch of 9 does not fit into 6 x 5.',
    );
  });
});

describe('any model', () => {
  it('is taken: nested, from a file, with a score of its own', async () => {
    const flat = await explain.gradCam(flatModel(), picture, { class: 0, preprocessing: SCALE });
    const input = layers.input([H, W, C]);
    const encoder = models.model({
      inputs: input,
      outputs: layers
        .conv2d({ filters: K, kernelSize: 3, padding: 'same', activation: 'relu', name: 'conv' })
        .apply(input),
      name: 'encoder',
    });
    const outer = layers.input([H, W, C]);
    const x = layers.flatten().apply(encoder.apply(outer));
    const nested = models.model({
      inputs: outer,
      outputs: layers.dense({ units: CLASSES, activation: 'softmax' }).apply(x),
    });
    nested.setWeights([kernel, bias, dense, denseBias]);
    for (const layer of [undefined, 'conv', 'encoder/conv', 'encoder']) {
      const options = { class: 0, preprocessing: SCALE, ...(layer === undefined ? {} : { layer }) };
      const found = await explain.gradCam(nested, picture, options);
      expect(found.layer).toBe(layer === 'encoder' ? 'encoder' : 'encoder/conv');
      expectClose(found.map.data, flat.map.data);
    }
    nested.metadata = { preprocessing: SCALE, labels: ['ant', 'bee', 'cow'] };
    const loaded = await models.load(await nested.toBytes());
    const found = await explain.gradCam(loaded, picture, { class: 'ant' });
    expect(found.label).toBe('ant');
    expectClose(found.map.data, flat.map.data);
    const own = await explain.gradCam(flatModel(), picture, {
      preprocessing: SCALE,
      score: (output) => multiply(mean(output, { axis: 1 }), 3),
    });
    expect(own).toMatchObject({ class: undefined, label: 'score', probability: undefined });
    expect(own.score).toBeCloseTo(1, 5);
  });

  it('may take its channels first', async () => {
    const input = layers.input([C, H, W]);
    const turned = layers.permute({ dims: [2, 3, 1] }).apply(input);
    const conv = layers.conv2d({ filters: K, kernelSize: 3, padding: 'same', activation: 'relu', name: 'conv' });
    const head = layers.dense({ units: CLASSES, activation: 'softmax' });
    const planar = models.model({ inputs: input, outputs: head.apply(layers.flatten().apply(conv.apply(turned))) });
    planar.setWeights([kernel, bias, dense, denseBias]);
    const options = { class: 0, preprocessing: SCALE } as const;
    const found = await explain.gradCam(planar, picture, options);
    expectClose(found.map.data, (await explain.gradCam(flatModel(), picture, options)).map.data);
    const pixels = await explain.saliency(planar, picture, options);
    expect(pixels.attribution.shape).toEqual([H, W, C]);
    expectClose(pixels.attribution.data, (await explain.saliency(flatModel(), picture, options)).attribution.data);
  });

  it('is compiled once for a question: not for other pictures, classes or steps', async () => {
    const compiled = vi.spyOn(Executable, 'compile');
    const countOf = async (body: () => Promise<unknown>): Promise<number> => {
      const before = compiled.mock.calls.length;
      await body();
      return compiled.mock.calls.length - before;
    };
    const model = flatModel();
    const other = hostArray(picture.data.slice().reverse(), picture.shape);
    const options = { preprocessing: SCALE };
    // One Program that scores classes, and one for the map.
    expect(await countOf(() => explain.gradCam(model, picture, options))).toBe(2);
    expect(await countOf(() => explain.gradCam(model, other, { ...options, class: 2 }))).toBe(0);
    expect(await countOf(() => explain.integratedGradients(model, picture, { ...options, steps: 24 }))).toBe(2);
    expect(await countOf(() => explain.integratedGradients(model, other, { ...options, steps: 56, class: 1 }))).toBe(0);
    expect(await countOf(() => explain.saliency(model, other, { ...options, samples: 16, class: 0 }))).toBe(0);
    expect(await countOf(() => explain.occlusion(model, picture, { ...options, patch: 2 }))).toBe(1);
    expect(await countOf(() => explain.occlusion(model, other, { ...options, patch: 2, class: 1 }))).toBe(0);
    // New weights are seen without compiling again.
    const before = await explain.gradCam(model, picture, { ...options, class: 1 });
    model.setWeights([kernel.map((value) => 2 * value), bias, dense, denseBias]);
    expect(await countOf(() => explain.gradCam(model, picture, { ...options, class: 1 }))).toBe(0);
    const after = await explain.gradCam(model, picture, { ...options, class: 1 });
    expect(after.score).not.toBe(before.score);
  });

  it('has its layers listed', () => {
    const [conv, flatten, head] = explain.layersOf(flatModel());
    expect(conv).toEqual({
      path: 'conv',
      name: 'conv',
      className: 'Conv2D',
      shape: [H, W, K],
      maps: [H, W],
      isConvolution: true,
      isModel: false,
    });
    expect(flatten).toMatchObject({ className: 'Flatten', maps: undefined });
    expect(head).toMatchObject({ name: 'classes', shape: [CLASSES], isConvolution: false });
  });
});

describe('pictures', () => {
  const [h, w] = [5, 4];
  const bytes = hostArray(
    Uint8Array.from({ length: h * w * 3 }, (_, i) => (i * 53) % 256),
    [1, h, w, 3],
  );
  const per = (count: number, low: number): number[] => Array.from({ length: count }, (_, i) => low + ((i * 7) % 60));
  const records: PicturePreprocessing[] = [
    { mode: 'none', size: [h, w] },
    { mode: 'none', size: [h, w], channelOrder: 'bgr' },
    { mode: 'tf', size: [h, w] },
    { mode: 'torch', size: [h, w] },
    { mode: 'caffe', size: [h, w] },
    { mode: 'caffe', size: [h, w], channelOrder: 'rgb' },
    { mode: 'scale', size: [h, w], factor: 0.02, offset: -3, channelOrder: 'bgr' },
    { mode: 'standardize', size: [h, w], mean: per(3, 90), std: per(3, 20) },
    { mode: 'standardize', size: [h, w], mean: per(h * w * 3, 90), std: per(h * w * 3, 20) },
  ];
  it.each(records)('are prepared as for predictions: %o', async (record) => {
    const want = scalePixels(record, bytes);
    const got = await prepare(record, tensor(Float32Array.from(bytes.data), { shape: bytes.shape })).data();
    expectClose(got, want.data, 1e-6);
  });

  it('are cut and resized as for predictions', async () => {
    const model = flatModel();
    model.metadata = {
      preprocessing: { ...SCALE, fit: 'crop', kept: 0.8, resize: 'bilinear-antialias', size: [H, W] },
      labels: ['ant', 'bee', 'cow'],
    };
    const photo = hostArray(
      Uint8Array.from({ length: 40 * 31 * 3 }, (_, i) => (i * i) % 251),
      [40, 31, 3],
    );
    const [best] = await model.classify(photo);
    const found = await explain.gradCam(model, photo);
    expect(found.label).toBe(best?.label);
    expect(found.probability).toBeCloseTo(best?.probability as number, 5);
    expect(found.picture.shape).toEqual([H, W, 3]);
  });
});

describe('what is wrong', () => {
  const said = async (promise: Promise<unknown>): Promise<string> => {
    const error: unknown = await promise.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(FoveaError);
    return (error as FoveaError).message;
  };

  it('is said with the choices there are', async () => {
    const model = flatModel();
    expect(await said(explain.gradCam(model, picture, { layer: 'konv' }))).toBe(
      'gradCam: there is no layer "konv"; did you mean "conv"?\n  Take one of conv.',
    );
    expect(await said(explain.gradCam(model, picture, { layer: 'classes' }))).toBe(
      'gradCam: layer "classes" will not do: it gives [3].\n  Take one of conv.',
    );
    expect(await said(explain.saliency(model, picture, { class: 3 }))).toBe('saliency: there is no class 3.');
    expect(await said(explain.saliency(model, picture, { class: 'bea', labels: ['ant', 'bee', 'cow'] }))).toBe(
      'saliency: there is no class "bea"; did you mean "bee"?\n  Its classes are ant, bee, cow.',
    );
    expect(await said(explain.saliency(model, picture, { class: 'bee' }))).toBe(
      'saliency: there is no class "bee".\n  The model does not say what its classes are called: give a number, 0 to 2, or labels.',
    );
    expect(await said(explain.integratedGradients(model, picture, { steps: 0 }))).toBe(
      'integratedGradients: steps is 0.',
    );
    expect(await said(explain.gradCam(model, hostArray(new Float32Array(8), [8])))).toBe(
      'gradCam: a picture has the shape [height,width,channels], not [8].\n  Give one picture; rowOf takes one out of a batch.',
    );
    const vectors = models.sequential([layers.input([4]), layers.dense({ units: 2 })]);
    expect(await said(explain.gradCam(vectors, picture))).toContain('takes [-1,4], not pictures.');
    const dense = models.sequential([layers.input([H, W, C]), layers.flatten(), layers.dense({ units: 2 })]);
    expect(await said(explain.gradCam(dense, picture))).toBe(
      'gradCam: no layer of this model gives maps of more than one place.\n' +
        '  Use a method that needs no maps: saliency, integratedGradients or occlusion.',
    );
    expect(await said(explain.saliency(model, picture, { preprocessing: 'tff' as 'tf' }))).toContain(
      'does not say how its pictures are prepared.',
    );
  });
});
