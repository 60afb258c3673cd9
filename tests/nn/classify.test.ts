// Pictures to classes, with a model whose numbers can be reckoned by hand: the mean colour, through a softmax or not.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import '../../src/engine/install.js';
import { encodePng, type HostArray, hostArray, layers, models } from '../../src/index.js';
import { cropRows } from '../../src/nn/classify-crops.js';
import type { TrainableModel } from '../../src/nn/model.js';

const LABELS = ['red', 'green', 'blue'];
const scale255 = { mode: 'scale', factor: 1 / 255, size: [4, 4] } as const;

/** Gives the mean of each colour, 0..1: logits without an activation. */
function colourModel(...after: models.TrainableModel['layers'][number][]): TrainableModel {
  const dense = layers.dense({ units: 3, useBias: false, kernelInitializer: 'identity' });
  const model = models.sequential([layers.input([4, 4, 3]), layers.globalAveragePooling2d(), dense, ...after]);
  model.metadata = { preprocessing: scale255, labels: LABELS };
  return model;
}

function plain(red: number, green: number, blue: number, side = 6): HostArray {
  const data = Uint8Array.from({ length: 3 * side * side }, (_, i) => [red, green, blue][i % 3] as number);
  return hostArray(data, [side, side, 3]);
}

const softmax = (...logits: number[]): number[] => {
  const powers = logits.map(Math.exp);
  return powers.map((each) => each / powers.reduce((a, b) => a + b, 0));
};

async function messageOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing was thrown';
}

let folder: string;
let redPath: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-classify-'));
  redPath = join(folder, 'red.png');
  await writeFile(redPath, await encodePng(plain(255, 0, 0)));
  await writeFile(join(folder, 'broken.png'), Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 1, 2, 3));
});
afterAll(() => rm(folder, { recursive: true }));

describe('one picture', () => {
  test('gives its best classes, logits through a softmax', async () => {
    const [low, high] = [softmax(1, 0, 0)[1] as number, softmax(1, 0, 0)[0] as number];
    const guesses = await colourModel().classify(redPath, { top: 2 });
    expect(guesses.map(({ label, index }) => [label, index])).toEqual([
      ['red', 0],
      ['green', 1],
    ]);
    expect(guesses[0]?.probability).toBeCloseTo(high, 5);
    expect(guesses[1]?.probability).toBeCloseTo(low, 5);
  });

  test('probabilities of a softmax are left as they are', async () => {
    const guesses = await colourModel(layers.softmax()).classify(plain(0, 255, 0));
    expect(guesses.map(({ label }) => label)).toEqual(['green', 'red', 'blue']);
    expect(guesses[0]?.probability).toBeCloseTo(softmax(0, 1, 0)[1] as number, 5);
  });

  test('is a path, an address, bytes of a file or pixels of any kind', async () => {
    const model = colourModel();
    const bytes = await encodePng(plain(255, 0, 0));
    const { data, shape } = plain(255, 0, 0);
    const all = [
      redPath,
      pathToFileURL(redPath),
      `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`,
      bytes,
      plain(255, 0, 0),
      hostArray(Float32Array.from(data), shape),
      hostArray(Int32Array.from(data), shape),
    ];
    for (const each of all) expect((await model.classify(each))[0]?.label).toBe('red');
  });

  test('grey pixels do for a model of one channel', async () => {
    const model = models.sequential([layers.input([4, 4, 1]), layers.flatten(), layers.dense({ units: 1 })]);
    model.weights[0]?.set(new Float32Array(16).fill(1 / 16));
    model.metadata = { preprocessing: { ...scale255, channels: 1 }, labels: ['dark', 'light'] };
    const [best, other] = await model.classify(hostArray(new Uint8Array(9).fill(255), [3, 3]));
    // One output is the logit of the second class.
    expect(best?.label).toBe('light');
    expect(best?.probability).toBeCloseTo(1 / (1 + Math.exp(-1)), 5);
    expect(other?.probability).toBeCloseTo(1 - 1 / (1 + Math.exp(-1)), 5);
  });

  test('classes each by itself keep their probabilities', async () => {
    const model = colourModel(layers.activation({ activation: 'sigmoid' }));
    const [first, second] = await model.classify(plain(255, 0, 0));
    expect(first?.probability).toBeCloseTo(1 / (1 + Math.exp(-1)), 5);
    expect(second?.probability).toBeCloseTo(0.5, 5);
  });

  test('that is broken is an error', async () => {
    expect(await messageOf(colourModel().classify(join(folder, 'broken.png')))).toContain('broken.png');
    expect(await messageOf(colourModel().classify(join(folder, 'none.png')))).toContain('none.png');
    expect(await messageOf(colourModel().classify(hostArray(new Uint8Array(4), [4])))).toContain(
      'classify: picture 0: pixels are [height,width] or [height,width,channels], not [4].',
    );
    expect(await messageOf(colourModel().classify(7 as never))).toContain(
      'classify: the pictures: number is no picture.',
    );
  });
});

describe('many pictures', () => {
  const colours = [plain(255, 0, 0), plain(0, 255, 0), plain(0, 0, 255)] as const;

  test('one that cannot be read is named, the others go on', async () => {
    const seen: string[] = [];
    const all = await colourModel().classify(
      [redPath, join(folder, 'broken.png'), null as never, colours[1], join(folder, 'none.png'), colours[2]],
      {
        batchSize: 2,
        top: 1,
        onProgress: ({ done, total, broken, latest }) =>
          seen.push(`${done}/${total} ${broken} ${latest.guesses.length}`),
      },
    );
    expect(all.map(({ guesses }) => guesses[0]?.label)).toEqual([
      'red',
      undefined,
      undefined,
      'green',
      undefined,
      'blue',
    ]);
    expect(all.map(({ picture }) => picture)).toEqual([
      redPath,
      join(folder, 'broken.png'),
      'picture 2',
      'picture 3',
      join(folder, 'none.png'),
      'picture 5',
    ]);
    expect(all.map(({ problem }) => problem?.code)).toEqual([
      undefined,
      'data',
      'argument',
      undefined,
      'file',
      undefined,
    ]);
    expect(all[1]?.problem?.message).toContain('broken.png');
    expect(seen).toEqual(['1/6 0 1', '2/6 1 0', '3/6 2 0', '4/6 2 1', '5/6 3 0', '6/6 3 1']);
  });

  test('come from a stream, which is read to its end', async () => {
    let given = 0;
    async function* stream(): AsyncGenerator<HostArray> {
      for (const each of [...colours, ...colours]) {
        given++;
        yield each;
      }
    }
    const names = (all: readonly models.ClassifiedPicture[]): unknown[] => all.map(({ guesses }) => guesses[0]?.label);
    expect(names(await colourModel().classify(stream(), { batchSize: 4, workers: 0 }))).toEqual([...LABELS, ...LABELS]);
    expect(given).toBe(6);
    expect(await colourModel().classify([])).toEqual([]);
  });

  test('stop where the signal says so', async () => {
    const signal = AbortSignal.abort();
    expect(await messageOf(colourModel().classify([...colours], { signal }))).toBe('classify: was stopped.');
  });
});

describe('preparation', () => {
  /** Left half red, right half blue, twice as wide as high. */
  const halves = hostArray(
    Uint8Array.from({ length: 3 * 8 * 16 }, (_, i) => ((Math.floor(i / 3) % 16 < 8 ? 0 : 2) === i % 3 ? 255 : 0)),
    [8, 16, 3],
  );

  async function shares(preprocessing: models.PicturePreprocessing, crops: 1 | 5 | 10 = 1): Promise<number[]> {
    const guesses = await colourModel(layers.activation({ activation: 'sigmoid' })).classify(halves, {
      preprocessing,
      crops,
    });
    return LABELS.map((label) => guesses.find((each) => each.label === label)?.probability as number).map((each) =>
      Math.log(each / (1 - each)),
    );
  }

  test('stretches, cuts the middle, or adds borders', async () => {
    const near = (got: number[], want: number[]): void =>
      want.forEach((value, i) => {
        expect(got[i]).toBeCloseTo(value, 5);
      });
    near(await shares({ ...scale255, resize: 'area' }), [0.5, 0, 0.5]);
    near(await shares({ ...scale255, resize: 'area', fit: 'crop', kept: 0.5 }), [0.5, 0, 0.5]);
    near(await shares({ ...scale255, resize: 'area', fit: 'pad' }), [0.25, 0, 0.25]);
    near(await shares({ ...scale255, resize: 'area', channelOrder: 'bgr', fit: 'pad' }), [0.25, 0, 0.25]);
  });

  test('crops are the middle and the corners, then mirrored', () => {
    const picture = hostArray(
      Uint8Array.from({ length: 16 }, (_, i) => i),
      [4, 4, 1],
    );
    const rows = cropRows(picture, [2, 3], 10).map(({ data }) => [...data]);
    expect(rows.slice(0, 5)).toEqual([
      [4, 5, 6, 8, 9, 10],
      [0, 1, 2, 4, 5, 6],
      [1, 2, 3, 5, 6, 7],
      [8, 9, 10, 12, 13, 14],
      [9, 10, 11, 13, 14, 15],
    ]);
    expect(rows.slice(5, 7)).toEqual([
      [6, 5, 4, 10, 9, 8],
      [2, 1, 0, 6, 5, 4],
    ]);
  });

  test('probabilities are the mean over the crops', async () => {
    // Kept is a half: crops of 4 from 8x8, half of whose columns are red. The corners are all red or all blue.
    const crop = { ...scale255, resize: 'area', kept: 0.5 } as const;
    const guesses = await colourModel().classify(halves, { preprocessing: crop, crops: 5 });
    const [middle, red, blue] = [softmax(0.5, 0, 0.5), softmax(1, 0, 0), softmax(0, 0, 1)];
    const want = LABELS.map((_, i) => ((middle[i] as number) + 2 * (red[i] as number) + 2 * (blue[i] as number)) / 5);
    for (const { index, probability } of guesses) expect(probability).toBeCloseTo(want[index] as number, 5);
    const ten = await colourModel().classify(halves, { preprocessing: crop, crops: 10 });
    for (const { index, probability } of ten) expect(probability).toBeCloseTo(want[index] as number, 5);
  });
});

describe('what cannot be done is refused', () => {
  test.each<[string, () => Promise<unknown>, string]>([
    ['top', () => colourModel().classify(redPath, { top: 0 }), 'classify: top must be a whole number from 1; got 0.'],
    [
      'crops',
      () => colourModel().classify(redPath, { crops: 3 as never }),
      'classify: crops must be 1, 5 or 10; got 3.',
    ],
    [
      'batchSize',
      () => colourModel().classify(redPath, { batchSize: 0.5 }),
      'classify: batchSize must be a whole number',
    ],
    [
      'size',
      () => colourModel().classify(redPath, { preprocessing: { mode: 'tf', size: [5, 4] } }),
      'takes [4,4,3] but its preprocessing makes pictures of [5,4,3]',
    ],
    ['labels', () => colourModel().classify(redPath, { labels: ['a'] }), 'has 3 classes but 1 labels.'],
    [
      'no metadata',
      () => models.sequential([layers.input([4, 4, 3]), layers.flatten()]).classify(redPath),
      'does not say how its pictures are prepared.',
    ],
    [
      'no classes',
      async () => {
        const model = models.sequential([layers.input([4, 4, 3]), layers.conv2d({ filters: 2, kernelSize: 3 })]);
        model.metadata = { preprocessing: scale255 };
        return model.classify(redPath);
      },
      'gives [null,2,2,2], which are no classes.',
    ],
  ])('%s', async (_name, call, message) => {
    expect(await messageOf(call())).toContain(message);
  });

  test('a model that gives NaN', async () => {
    const model = colourModel(layers.dense({ units: 2 }));
    model.metadata = { preprocessing: scale255 };
    model.weights[0]?.set(new Float32Array(9).fill(Number.NaN));
    expect(await messageOf(model.classify(redPath))).toContain('gives NaN');
  });
});

test('numbers that come from no layer with an activation are probabilities where they can be', async () => {
  const model = models.sequential([layers.input([4, 4, 3]), layers.globalAveragePooling2d()]);
  model.metadata = { preprocessing: scale255 };
  expect((await model.classify(plain(51, 153, 51)))[0]?.probability).toBeCloseTo(0.6, 5);
  expect((await model.classify(plain(51, 153, 52)))[0]?.probability).toBeCloseTo(0.6, 5);
  expect((await model.classify(plain(51, 255, 51)))[0]?.probability).toBeCloseTo(softmax(0.2, 1, 0.2)[1] as number, 5);
});

test('classes without names are numbered', async () => {
  const model = colourModel();
  model.metadata = { preprocessing: scale255 };
  expect((await model.classify(plain(0, 0, 255)))[0]?.label).toBe('2');
});
