// What filters and classes look for, deep dream, filters and activations as pictures, neighbours in feature space; and whether
// the heat of a trained network lies on what it was trained to see.
import { decode } from 'fast-png';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { keyFromSeed, uniform } from '../../src/core/random.js';
import { Executable } from '../../src/engine/execute.js';
import {
  ArrayDataset,
  Dataset,
  type HostArray,
  hostArray,
  layers,
  models,
  rowOf,
  setRandomSeed,
} from '../../src/index.js';
import * as explain from '../../src/tasks/explain/index.js';

const SIDE = 32;
type Box = readonly [top: number, left: number, bottom: number, right: number];

/** Pictures with a ring or a cross of eleven pixels anywhere on rough paper, and where it is. */
function scenes(count: number, seed: number): { data: ArrayDataset; boxes: Box[] } {
  const key = keyFromSeed(seed);
  const x = new Uint8Array(count * SIDE * SIDE * 3);
  const boxes: Box[] = [];
  for (let i = 0; i < count; i++) {
    const draw = (at: number): number => uniform(key, i, at);
    const [top, left] = [Math.floor(draw(0) * (SIDE - 11)), Math.floor(draw(1) * (SIDE - 11))];
    boxes.push([top, left, top + 11, left + 11]);
    const [paper, ink] = [80 + 60 * draw(2), 200 + 50 * draw(3)];
    for (let row = 0; row < SIDE; row++) {
      for (let column = 0; column < SIDE; column++) {
        const [dy, dx] = [row - top - 5, column - left - 5];
        const far = Math.hypot(dy, dx);
        const isRing = i % 2 === 0 && far > 3.2 && far < 5.5;
        const isCross =
          i % 2 === 1 && Math.max(Math.abs(dy), Math.abs(dx)) <= 5 && Math.min(Math.abs(dy), Math.abs(dx)) <= 1;
        for (let c = 0; c < 3; c++) {
          const at = ((i * SIDE + row) * SIDE + column) * 3 + c;
          const noise = 40 * (uniform(key, count + i, at % (SIDE * SIDE * 3)) - 0.5);
          x[at] = (isRing || isCross ? ink : paper) + noise;
        }
      }
    }
  }
  const data = new ArrayDataset({
    name: 'scenes',
    classNames: ['ring', 'cross'],
    x: { data: x, shape: [count, SIDE, SIDE, 3], dtype: 'uint8' },
    y: { data: Int32Array.from({ length: count }, (_, i) => i % 2), shape: [count], dtype: 'int32' },
  });
  return { data, boxes };
}

const conv = (filters: number, name: string) =>
  layers.conv2d({ filters, kernelSize: 3, padding: 'same', activation: 'relu', name });
const train = scenes(320, 1);
const test = scenes(16, 2);
let model: models.Sequential;

beforeAll(async () => {
  setRandomSeed(4);
  model = models.sequential([
    layers.input([SIDE, SIDE, 3]),
    layers.rescaling({ scale: 1 / 127.5, offset: -1 }),
    conv(12, 'conv1'),
    layers.maxPooling2d(),
    conv(24, 'conv2'),
    conv(24, 'conv3'),
    layers.globalMaxPooling2d(),
    layers.dense({ units: 2, activation: 'softmax', name: 'classes' }),
  ]);
  model.metadata = { labels: ['ring', 'cross'] };
  model.compile({ optimizer: 'nadam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
  await model.fit(train.data, { epochs: 6, verbose: 0 });
}, 60_000);

/** The share of a map's heat inside a box. */
function shareInside({ data, shape }: HostArray, [top, left, bottom, right]: Box): number {
  const width = shape[1] as number;
  let [inside, all] = [0, 0];
  for (let i = 0; i < data.length; i++) {
    const [row, column] = [Math.floor(i / width), i % width];
    all += data[i] as number;
    if (row >= top && row < bottom && column >= left && column < right) inside += data[i] as number;
  }
  return inside / all;
}

describe('a trained network', () => {
  it('has learned its task', async () => {
    expect((await model.evaluate(test.data)).accuracy).toBeGreaterThan(0.9);
  });

  const methods = {
    gradCam: (x: HostArray) => explain.gradCam(model, x),
    gradCamPlusPlus: (x: HostArray) => explain.gradCamPlusPlus(model, x),
    guidedBackpropagation: (x: HostArray) => explain.guidedBackpropagation(model, x),
    guidedGradCam: (x: HostArray) => explain.guidedGradCam(model, x),
    smoothGrad: (x: HostArray) => explain.saliency(model, x, { samples: 8 }),
    integratedGradients: (x: HostArray) => explain.integratedGradients(model, x, { steps: 16, baseline: 110 }),
    occlusion: (x: HostArray) => explain.occlusion(model, x, { patch: 8, stride: 4 }),
  };
  it.each(Object.entries(methods))('has its heat on what it sees: %s', async (_name, method) => {
    // The box is an eighth of the picture: heat without aim would put an eighth into it.
    const area = (11 * 11) / (SIDE * SIDE);
    let total = 0;
    for (let i = 0; i < 8; i++) total += shareInside((await method(rowOf(test.data.x, i))).heat, test.boxes[i] as Box);
    expect(total / 8).toBeGreaterThan(3 * area);
  });

  it('finds the pictures of the class that it is asked about', async () => {
    const query = rowOf(test.data.x, 3);
    const found = await explain.nearestPictures(model, query, train.data, { count: 10 });
    const right = found.neighbours.filter(({ label }) => label === 1).length;
    expect(right).toBeGreaterThanOrEqual(9);
  });
});

describe('maximize', () => {
  it('raises the channel that it is for, as no picture for another does', async () => {
    const options = { layer: 'conv3', channel: [2, 5, 9], steps: 40 };
    const { pictures, figure } = await explain.maximize(model, options);
    expect(pictures.map(({ label }) => label)).toEqual(['conv3 2', 'conv3 5', 'conv3 9']);
    for (const { score, scoreBefore, picture, image, index } of pictures) {
      expect(score).toBeGreaterThan(scoreBefore + 0.1);
      expect(picture.shape).toEqual([SIDE, SIDE, 3]);
      expect(image.dtype).toBe('uint8');
      for (const value of picture.data) expect(value >= 0 && value <= 255).toBe(true);
      const { activation } = await explain.activations(model, picture, { layer: 'conv3' });
      const sums = new Float64Array(24);
      activation.data.forEach((value, i) => {
        sums[i % 24] = (sums[i % 24] as number) + value / 256;
      });
      expect(sums[index]).toBeCloseTo(score, 3);
    }
    for (const mine of pictures) {
      for (const other of pictures) {
        const { activation } = await explain.activations(model, other.picture, { layer: 'conv3' });
        const own = activation.data.filter((_, i) => i % 24 === mine.index);
        if (other !== mine) expect(own.reduce((sum, value) => sum + value / 256, 0)).toBeLessThan(mine.score);
      }
    }
    expect(figure.width).toBeGreaterThan(200);
    const again = await explain.maximize(model, options);
    expect(again.pictures[1]?.picture.data).toEqual(pictures[1]?.picture.data);
  });

  it('shows what a class looks like, within the range', async () => {
    const { pictures } = await explain.maximize(model, { class: ['cross', 0], steps: 30, range: [60, 200] });
    expect(pictures.map(({ label, index }) => [label, index])).toEqual([
      ['cross', 1],
      ['ring', 0],
    ]);
    for (const { score, scoreBefore, picture, label } of pictures) {
      expect(score).toBeGreaterThan(scoreBefore + 1);
      for (const value of picture.data) expect(value >= 60 && value <= 200).toBe(true);
      expect((await explain.saliency(model, picture)).label).toBe(label);
    }
  });

  it('climbs out of where a rectifier is flat', async () => {
    const flat = models.sequential([
      layers.input([8, 8, 1]),
      layers.conv2d({ filters: 1, kernelSize: 1, activation: 'relu', name: 'dark' }),
    ]);
    // Answers pixels above 200 alone, and all begins near 127.
    flat.setWeights([Float32Array.of(1), Float32Array.of(-200)]);
    const [found] = (await explain.maximize(flat, { layer: 'dark', steps: 40, l2: 0 })).pictures;
    expect(found?.scoreBefore).toBe(0);
    expect(found?.score).toBeGreaterThan(10);
  });

  it('compiles one step, however many are taken', async () => {
    const compiled = vi.spyOn(Executable, 'compile');
    await explain.maximize(model, { layer: 'conv2', channel: [0, 1], steps: 3 });
    expect(compiled).toHaveBeenCalledTimes(1);
    await explain.maximize(model, {
      layer: 'conv2',
      channel: [7, 8],
      steps: 9,
      seed: 4,
      jitter: 0,
      blur: 0,
      tv: 0,
      l2: 0,
    });
    expect(compiled).toHaveBeenCalledTimes(1);
    compiled.mockRestore();
  });

  it('says what is wrong', async () => {
    await expect(explain.maximize(model, {})).rejects.toThrow('maximize: neither a layer nor a class is given.');
    await expect(explain.maximize(model, { layer: 'conv1', channel: 12 })).rejects.toThrow(
      'maximize: layer "conv1" has no channel 12.',
    );
    await expect(explain.maximize(model, { layer: 'conv9' })).rejects.toThrow('Take one of rescaling');
    await expect(explain.maximize(model, { class: 0, range: [1, 1] })).rejects.toThrow('range is 1 to 1.');
  });
});

describe('deepDream', () => {
  it('makes a layer answer more, at every size, in tiles where the picture is larger than the model', async () => {
    const large = hostArray(
      new Uint8Array(50 * 70 * 3).map((_, i) => 90 + ((i * 37) % 60)),
      [50, 70, 3],
    );
    const { image, scores } = await explain.deepDream(model, large, { layers: ['conv2'], steps: 4, octaves: 3 });
    expect(image).toMatchObject({ shape: [50, 70, 3], dtype: 'uint8' });
    expect(scores.map(({ size }) => size)).toEqual([
      [36, 50],
      [50, 70],
    ]);
    for (const { before, after } of scores) expect(after).toBeGreaterThan(before);
  });

  it('takes models of any picture size whole', async () => {
    const open = models.sequential([layers.input([null, null, 3]), conv(4, 'a'), conv(4, 'b')]);
    const small = hostArray(
      new Float32Array(20 * 24 * 3).map((_, i) => (i * 31) % 255),
      [20, 24, 3],
    );
    const { image, scores } = await explain.deepDream(open, small, { layers: { a: 1, b: 0.5 }, steps: 3, octaves: 2 });
    expect(image.shape).toEqual([20, 24, 3]);
    expect(scores).toHaveLength(1);
    expect(scores[0]?.after).toBeGreaterThan(scores[0]?.before as number);
  });
});

describe('filters', () => {
  it('that see colours are coloured tiles', async () => {
    const { layer, tiles, weights, figure } = await explain.filters(model);
    expect(layer).toBe('conv1');
    expect(weights.shape).toEqual([3, 3, 3, 12]);
    expect(tiles).toHaveLength(12);
    expect(tiles[0]?.shape).toEqual([3, 3, 3]);
    const { data } = decode(await figure.png());
    expect(new Set(data).size).toBeGreaterThan(8);
  });

  it('deeper ones are rows of their channels, in one range about 0', async () => {
    const { tiles, weights } = await explain.filters(model, { layer: 'conv2', maxFilters: 5, maxChannels: 4 });
    expect(tiles).toHaveLength(20);
    // Filter 3, channel 2, the middle weight.
    expect(tiles[3 * 4 + 2]?.data[4]).toBe(weights.data[(4 * 12 + 2) * 24 + 3]);
    await expect(explain.filters(model, { layer: 'classes' })).rejects.toThrow(
      'filters: "classes" is no convolution of model "sequential',
    );
    await expect(explain.filters(model, { layer: 'conv7' })).rejects.toThrow('Take one of conv1, conv2, conv3.');
  });

  it('of depthwise convolutions are tiles of one channel', async () => {
    const deep = models.sequential([
      layers.input([8, 8, 3]),
      layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2 }),
    ]);
    const { tiles, weights } = await explain.filters(deep);
    expect(weights.shape).toEqual([3, 3, 3, 2]);
    expect(tiles).toHaveLength(6);
    expect(tiles[5]?.data[8]).toBe(weights.data[8 * 6 + 5]);
  });
});

describe('activations', () => {
  it("are a layer's output", async () => {
    const x = rowOf(test.data.x, 0);
    const { layer, activation } = await explain.activations(model, x);
    expect(layer).toBe('conv1');
    const cut = models.model({ inputs: model.inputs[0] as never, outputs: model.getLayer('conv1').output });
    const want = await cut.predict({ ...x, data: Float32Array.from(x.data), shape: [1, ...x.shape], dtype: 'float32' });
    expect(activation.shape).toEqual([SIDE, SIDE, 12]);
    activation.data.forEach((value, i) => {
      expect(Math.abs(value - (want.data[i] as number))).toBeLessThan(1e-4);
    });
  });

  it('of the whole network are a sheet', async () => {
    const { layers: shown, figure } = await explain.activationSheet(model, rowOf(test.data.x, 1), { maxMaps: 6 });
    expect(shown.map(({ layer }) => layer.replace(/_\d+$/, ''))).toEqual([
      'conv1',
      'max_pooling2d',
      'conv2',
      'conv3',
      'global_max_pooling2d',
      'classes',
    ]);
    const svg = figure.svg();
    for (const word of ['conv3', 'Conv2D 16x16x24', 'cross', 'the picture, 32x32x3']) expect(svg).toContain(word);
    expect(svg.match(/<image /g)?.length).toBe(1 + 4 * 6 + 1);
    await expect(explain.activationSheet(model, rowOf(test.data.x, 1), { layers: ['conv4'] })).rejects.toThrow(
      'activationSheet: there is no layer "conv4"; did you mean',
    );
  });
});

describe('nearestPictures', () => {
  /** Features are the means of the two channels. */
  const plain = models.sequential([
    layers.input([4, 4, 2]),
    layers.globalAveragePooling2d({ name: 'means' }),
    layers.dense({ units: 3, name: 'head' }),
  ]);
  const features = [
    [10, 0],
    [20, 1],
    [0, 30],
    [10, 10],
    [10.5, 0.2],
    [9, -9],
    [10, 0],
  ] as const;
  const x = hostArray(
    Float32Array.from({ length: features.length * 32 }, (_, i) => features[Math.floor(i / 32)]?.[i % 2] as number),
    [features.length, 4, 4, 2],
  );
  const y = hostArray(Int32Array.from({ length: features.length }, (_, i) => 10 + i));
  const query = rowOf(x, 0);

  it('orders by angle or by distance, the first of equals first', async () => {
    const cosine = await explain.nearestPictures(plain, query, x, { count: 5 });
    expect(cosine.layer).toBe('means');
    expect([...cosine.features]).toEqual([10, 0]);
    expect(cosine.neighbours.map(({ index }) => index)).toEqual([0, 6, 4, 1, 3]);
    expect(cosine.neighbours[4]?.distance).toBeCloseTo(1 - Math.SQRT1_2, 6);
    const euclid = await explain.nearestPictures(plain, query, x, { count: 4, metric: 'euclidean' });
    expect(euclid.neighbours.map(({ index }) => index)).toEqual([0, 6, 4, 5]);
    expect(euclid.neighbours[3]?.distance).toBeCloseTo(Math.hypot(1, 9), 5);
  });

  it('reads arrays, data sets, streams of pictures and of batches alike', async () => {
    const data = new ArrayDataset({ name: 'means', x, y });
    const stream = Dataset.fromArrays(x, y);
    for (const [source, hasLabels] of [
      [x, false],
      [data, true],
      [stream, true],
      [stream.batch(3), true],
    ] as const) {
      const found = await explain.nearestPictures(plain, query, source, { count: 3, batchSize: 2 });
      expect(found.neighbours.map(({ index }) => index)).toEqual([0, 6, 4]);
      expect(found.neighbours.map(({ label }) => label)).toEqual(
        hasLabels ? [10, 16, 14] : [undefined, undefined, undefined],
      );
    }
  });

  it('says what is wrong', async () => {
    const large = hostArray(new Float32Array(2 * 5 * 5 * 2), [2, 5, 5, 2]);
    await expect(explain.nearestPictures(plain, query, large)).rejects.toThrow(
      "nearestPictures: the data's pictures are [5,5,2]; the model compares [4,4,2].",
    );
    await expect(explain.nearestPictures(plain, query, x, { metric: 'dot' as 'cosine' })).rejects.toThrow(
      'metric is "dot".',
    );
  });
});

describe('overlay', () => {
  it('leaves cold places as they are and covers hot ones', () => {
    const grey = hostArray(new Uint8Array(4 * 4).fill(100), [4, 4, 1]);
    const heat = hostArray(Float32Array.of(0, 0, 0, 1), [2, 2]);
    const { data, shape } = explain.overlay(grey, heat, { colormap: 'gray', alpha: 0.5 });
    expect(shape).toEqual([4, 4, 3]);
    expect([...data.slice(0, 3)]).toEqual([100, 100, 100]);
    expect([...data.slice(-3)]).toEqual([178, 178, 178]);
    expect(() => explain.overlay(grey, heat, { alpha: 2 })).toThrow('overlay: alpha is 2.');
  });
});
