// Streams whose elements are worked on in threads: the same bits however many there are, errors that name the picture,
// and nothing left behind.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { zipSync } from 'fflate';
import jpeg from 'jpeg-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FoveaError } from '../../src/core/errors.js';
import { Dataset, type Example, hostArray } from '../../src/data/dataset.js';
import { loadImage } from '../../src/data/images.js';
import { endDataWorkers, fromCsv, fromImageFolder, fromZip, type PictureStep, parseCsv } from '../../src/data/index.js';
import { resizeImage } from '../../src/data/resize.js';
import { layers, models, setRandomSeed } from '../../src/index.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;
let pictures: string;
let module: URL;

/** A JPEG file of a gradient that says which one it is. */
function pictureFile(at: number, height = 20 + (at % 5), width = 24 + (at % 7)): Uint8Array {
  const data = Buffer.alloc(height * width * 4, 255);
  for (let i = 0; i < height * width; i++) {
    data[4 * i] = (i % width) * 8;
    data[4 * i + 1] = (37 * at) % 256;
    data[4 * i + 2] = Math.floor(i / width) * 9;
  }
  return new Uint8Array(jpeg.encode({ width, height, data }, 90).data);
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'fovea-pipeline-'));
  pictures = join(folder, 'pictures');
  for (let i = 0; i < 30; i++) {
    mkdirSync(join(pictures, i % 2 === 0 ? 'even' : 'odd'), { recursive: true });
    writeFileSync(join(pictures, i % 2 === 0 ? 'even' : 'odd', `${String(i).padStart(2, '0')}.jpg`), pictureFile(i));
  }
  const file = join(folder, 'prepare.mjs');
  module = pathToFileURL(file);
  writeFileSync(
    file,
    `export default ({ x, y }, { random, pass, index, options }) => ({
       x: { data: Float32Array.from([x.data[0], pass, index, random(), random(), options?.add ?? 0]), shape: [6], dtype: 'float32' }, y });
     export const broken = ({ x }, { index }) => { if (index === 3) throw new Error('the third is bad'); return { x }; };
     export const leaves = ({ x }, { index }) => { if (index === 2) process.exit(3); return { x }; };
     export const nothing = () => 7;`,
  );
});

afterAll(async () => {
  await endDataWorkers();
  rmSync(folder, { recursive: true, force: true });
});

async function all(stream: AsyncIterable<Example>): Promise<Example[]> {
  const out: Example[] = [];
  for await (const element of stream) out.push(element);
  return out;
}

async function failure(work: Promise<unknown>): Promise<FoveaError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FoveaError);
  return error as FoveaError;
}

const STEPS: readonly PictureStep[] = [
  { op: 'randomResizedCrop', size: [16, 18] },
  { op: 'randomFlip', mode: 'horizontalAndVertical' },
  { op: 'randomContrast', factor: 0.4 },
  { op: 'randomBrightness', factor: 0.2 },
  { op: 'randomCrop', size: 12 },
  { op: 'normalize', mean: [120, 110, 100], std: [50, 60, 70] },
];

describe('workers', () => {
  it('give the same bits, however many there are', async () => {
    const make = async (workers: number): Promise<Dataset> =>
      (await fromImageFolder(pictures, { imageSize: 24, seed: 4, workers })).dataset
        .map(STEPS, { seed: 9 })
        .shuffle(7, { seed: 2 });
    const here = await make(0);
    const want = await all(here.batch(8).open(3));
    const singles = await all(here.open(3));
    expect(want.map(({ x }) => x.shape)).toEqual([...Array(3).fill([8, 12, 12, 3]), [6, 12, 12, 3]]);
    expect(want[0]?.x.dtype).toBe('float32');
    for (const workers of [1, 2, 7]) {
      const there = await make(workers);
      expect(await all(there.batch(8).open(3))).toEqual(want);
      expect(await all(there.open(3))).toEqual(singles);
      expect(await all(there.batch(8).open(3, { skip: 2 }))).toEqual(want.slice(2));
      expect(await all(there.batch(8).take(1).open(3))).toEqual(want.slice(0, 1));
      expect(await all(there.batch(8).prefetch(9).open(3))).toEqual(want);
    }
    expect(await all(here.batch(8).open(4))).not.toEqual(want);
  });

  it('call functions of a module, which draw the same everywhere', async () => {
    const source = Dataset.fromArrays(
      hostArray(
        Uint8Array.from({ length: 20 }, (_, i) => i),
        [10, 2],
      ),
      [...Array(10).keys()],
    );
    const run = (workers: number): Promise<Example[]> =>
      all(
        source
          .map({ module, options: { add: 5 } }, { seed: 3, workers })
          .batch(4)
          .open(2),
      );
    const want = await run(0);
    const rows = want.flatMap(({ x }) =>
      Array.from({ length: x.shape[0] as number }, (_, i) => x.data.slice(6 * i, 6 * i + 6)),
    );
    expect(rows.map((row) => [row[0], row[1], row[2], row[5]])).toEqual(
      Array.from({ length: 10 }, (_, i) => [2 * i, 2, i, 5]),
    );
    const drawn = rows.flatMap((row) => [row[3], row[4]]);
    expect(new Set(drawn).size).toBe(20);
    expect(drawn.every((value) => (value as number) >= 0 && (value as number) < 1)).toBe(true);
    expect(want[0]?.y?.data).toEqual(Float32Array.of(0, 1, 2, 3));
    for (const workers of [1, 2, 7]) expect(await run(workers)).toEqual(want);
  });

  it('use a batch again only where that was agreed', async () => {
    const { dataset } = await fromImageFolder(pictures, { imageSize: 16, shuffle: false, workers: 2 });
    const batches = dataset.batch(5);
    const want = await all(batches.open(0));
    const kept: Example[] = [];
    let at = 0;
    for await (const batch of batches.open(0, { isReusing: true })) {
      expect(batch).toEqual(want[at++]);
      kept.push(batch);
    }
    // Memory that was handed on is no longer the old batch's.
    expect(kept.some(({ x }) => x.data.length === 0)).toBe(true);
    expect(at).toBe(6);
  });

  it('are not far ahead of a reader who waits', async () => {
    let opened = 0;
    const source = Dataset.fromGenerator(function* () {
      for (let i = 0; i < 1000; i++) {
        opened++;
        yield { x: hostArray(Uint8Array.of(i & 255, 1, 2, 3), [2, 2, 1]) };
      }
    });
    const reader = source
      .map([{ op: 'rescale' }], { workers: 2 })
      .batch(5)
      [Symbol.asyncIterator]();
    await reader.next();
    const before = opened;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(opened).toBe(before);
    // Two tasks for each of two workers, and the one that was read.
    expect(opened).toBeLessThanOrEqual(5 * 5);
    await reader.return?.();
  });

  it('let a program end that stopped early, failed, or never asked them to go', async () => {
    const program = `import { fromImageFolder } from ${JSON.stringify(join(root, 'src/data/index.ts'))};
      const { dataset } = await fromImageFolder(${JSON.stringify(pictures)}, { imageSize: 32, workers: 2 });
      const stream = dataset.map([{ op: 'randomFlip' }]).batch(2);
      for await (const { x } of stream) { console.log(x.shape.join()); break; }
      const bad = dataset.map([{ op: 'centerCrop', size: 40 }]).batch(2);
      try { for await (const _ of bad); } catch (error) { console.log(error.code); }
      const left = stream[Symbol.asyncIterator]();
      await left.next();`;
    const outfile = join(folder, 'program.mjs');
    const stdin = { contents: program, resolveDir: root, loader: 'ts' } as const;
    await build({
      stdin,
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'silent',
      external: ['sharp'],
    });
    const printed = execFileSync(process.execPath, [outfile], { encoding: 'utf8', timeout: 120_000 });
    expect(printed).toBe('2,32,32,3\nshape\n');
  });

  it('that die are named and replaced', async () => {
    const source = Dataset.fromArrays(hostArray(new Uint8Array(12), [3, 4]));
    const error = await failure(all(source.map({ module, name: 'leaves' }, { workers: 1 }).batch(1)));
    expect(error.message).toContain('a data worker ended: exit code 3.');
    expect(await all(source.map({ module }, { workers: 1 }))).toHaveLength(3);
  });
});

describe('errors', () => {
  it('name the picture, are thrown in order, or skipped and listed', async () => {
    const place = join(folder, 'broken');
    mkdirSync(join(place, 'a'), { recursive: true });
    for (let i = 0; i < 9; i++)
      writeFileSync(join(place, 'a', `${i}.jpg`), i % 4 === 1 ? 'no picture' : pictureFile(i));
    const cut = pictureFile(7);
    writeFileSync(join(place, 'a', '7.jpg'), cut.subarray(0, cut.length - 30));
    const open = (onError: 'throw' | 'skip', workers: number) =>
      fromImageFolder(place, { imageSize: 8, shuffle: false, onError, workers });
    for (const workers of [0, 2]) {
      const strict = await open('throw', workers);
      const error = await failure(all(strict.dataset.batch(4)));
      expect([error.code, error.path]).toEqual(['data', join(place, 'a', '1.jpg')]);
      expect(error.message).toContain(`decodeImage: ${join(place, 'a', '1.jpg')} is no picture of a known format.\n`);
      // What is skipped is not even opened.
      expect((await all(strict.dataset.batch(2).open(0, { skip: 4 }))).length).toBe(1);
      const lenient = await open('skip', workers);
      const batches = await all(lenient.dataset.batch(4));
      expect(batches.map(({ x, y }) => [x.shape[0], y?.shape[0]])).toEqual([
        [4, 4],
        [2, 2],
      ]);
      expect(lenient.dataset.length).toBeUndefined();
      expect(lenient.broken.map(({ path }) => path.at(-5))).toEqual(['1', '5', '7']);
      expect(lenient.broken[2]?.problem).toContain('is a damaged JPEG file: it ends early');
      expect(batches.flatMap(({ x }) => [...x.data])).toEqual(
        (await all(lenient.dataset)).flatMap(({ x }) => [...x.data]),
      );
    }
  });

  it('of functions say what they said', async () => {
    const { dataset } = await fromImageFolder(pictures, { imageSize: 8, shuffle: false });
    for (const workers of [0, 1]) {
      const run = (name: string, from: URL | string = module): Promise<FoveaError> =>
        failure(all(dataset.map({ module: from, name }, { workers }).batch(2)));
      const broken = await run('broken');
      expect(broken.message).toContain('06.jpg: Error: the third is bad');
      expect(broken.path).toBe(join(pictures, 'even', '06.jpg'));
      expect((await run('nothing')).message).toContain('gave number instead of an example.');
      expect((await run('none')).message).toContain('It exports broken, default, leaves, nothing.');
      expect((await run('f', 'file:///nowhere/x.mjs')).message).toContain(
        'the module file:///nowhere/x.mjs could not be loaded',
      );
    }
    const options = { add: () => 1 };
    const unsendable = await failure(all(dataset.map({ module, options }, { workers: 1 })));
    expect(unsendable.message).toContain('the work cannot be sent to a worker');
  });

  it('of steps come when the stream is built', async () => {
    const numbers = Dataset.fromArrays(new Float32Array(4));
    expect(() => numbers.map([{ op: 'resize', size: 0 }])).toThrow('map: step 0 (resize): size is 0.');
    expect(() => numbers.map([{ op: 'spin' } as unknown as PictureStep])).toThrow('step 0 (spin): op is "spin".');
    expect(() => numbers.map([{ op: 'normalize', mean: 0, std: [1, 0] }])).toThrow('std is [1,0].');
    expect(() => numbers.map([{ op: 'randomBrightness', factor: 2 }])).toThrow('factor is 2.');
    expect(() => numbers.batch(2).map([{ op: 'rescale' }])).toThrow('not batches.');
    expect(() => numbers.map([{ op: 'rescale' }], { workers: -1 })).toThrow('workers is -1.');
    const small = hostArray(new Uint8Array(12), [1, 2, 2, 3]);
    await expect(all(Dataset.fromArrays(small).map([{ op: 'randomCrop', size: 3 }]))).rejects.toThrow(
      'randomCrop: a picture of 2 x 2 is too small to cut 3 x 3 out of it.',
    );
  });
});

describe('steps', () => {
  const image = hostArray(
    Uint8Array.from({ length: 6 * 8 * 3 }, (_, i) => (i * 11) % 256),
    [6, 8, 3],
  );
  const through = async (steps: readonly PictureStep[], from = image): Promise<Example> => {
    const stream = Dataset.fromArrays(hostArray(from.data, [1, ...from.shape])).map(steps, { workers: 0 });
    const [only] = await all(stream);
    return only as Example;
  };
  const pixel = (array: Example['x'], y: number, x: number): number[] => {
    const [, width = 0, channels = 0] = array.shape;
    return [...array.data.slice((y * width + x) * channels, (y * width + x + 1) * channels)];
  };

  it('cut, mirror and scale', async () => {
    const { x: middle } = await through([{ op: 'centerCrop', size: [2, 4] }]);
    expect([middle.shape, pixel(middle, 0, 0)]).toEqual([[2, 4, 3], pixel(image, 2, 2)]);
    const { x: mirrored } = await through([{ op: 'randomFlip', probability: 1 }]);
    expect([pixel(mirrored, 1, 0), pixel(mirrored, 1, 7)]).toEqual([pixel(image, 1, 7), pixel(image, 1, 0)]);
    const { x: turned } = await through([{ op: 'randomFlip', mode: 'horizontalAndVertical', probability: 1 }]);
    expect([...turned.data.slice(0, 3)]).toEqual(pixel(image, 5, 7));
    // Cutting a mirrored picture cuts what is seen.
    const { x: cut } = await through([
      { op: 'randomFlip', probability: 1 },
      { op: 'centerCrop', size: [6, 2] },
    ]);
    expect(pixel(cut, 0, 0)).toEqual(pixel(image, 0, 4));
    const { x: scaled } = await through([
      { op: 'rescale', scale: 1 / 127.5, offset: -1 },
      { op: 'centerCrop', size: 2 },
    ]);
    expect(pixel(scaled, 0, 0)).toEqual(pixel(image, 2, 3).map((value) => Math.fround(value / 127.5 - 1)));
    const { x: normal } = await through([{ op: 'normalize', mean: [1, 2, 3], std: [2, 4, 8] }]);
    const [r, g, b] = pixel(image, 0, 0) as [number, number, number];
    expect(pixel(normal, 0, 0)).toEqual([(r - 1) / 2, (g - 2) / 4, (b - 3) / 8].map(Math.fround));
    const floats = hostArray(Float32Array.from(image.data), image.shape);
    const { x: onFloats } = await through(
      [
        { op: 'centerCrop', size: [4, 4] },
        { op: 'randomFlip', mode: 'vertical', probability: 1 },
      ],
      floats,
    );
    expect(pixel(onFloats, 0, 0)).toEqual(pixel(image, 4, 2));
  });

  it('resize as resizeImage does, stretched, cut or with borders', async () => {
    const { x: stretched } = await through([{ op: 'resize', size: [9, 5], method: 'bicubic' }]);
    expect(stretched).toEqual(resizeImage(image, [9, 5], { method: 'bicubic' }));
    const { x: cropped } = await through([{ op: 'resize', size: 3, fit: 'crop', method: 'area' }]);
    const { x: square } = await through([{ op: 'centerCrop', size: 6 }]);
    expect(cropped).toEqual(resizeImage(square, [3, 3], { method: 'area' }));
    const { x: padded } = await through([{ op: 'resize', size: 8, fit: 'pad', fillValue: 9 }]);
    expect([padded.shape, pixel(padded, 0, 3), pixel(padded, 1, 3)]).toEqual([
      [8, 8, 3],
      [9, 9, 9],
      pixel(image, 0, 3),
    ]);
  });

  it('change brightness and contrast within their bounds and differ from picture to picture', async () => {
    const grey = hostArray(new Uint8Array(40 * 4).fill(100), [40, 2, 2, 1]);
    const shifts = (
      await all(Dataset.fromArrays(grey).map([{ op: 'randomBrightness', factor: 0.1 }], { seed: 5 }))
    ).map(({ x }) => (x.data[0] as number) - 100);
    expect(new Set(shifts).size).toBeGreaterThan(10);
    expect(Math.max(...shifts)).toBeLessThanOrEqual(26);
    expect(Math.min(...shifts)).toBeGreaterThanOrEqual(-26);
    const { x } = await through([{ op: 'randomContrast', factor: 0.5 }]);
    const mean = (data: ArrayLike<number>): number => Array.from(data).reduce((a, b) => a + b) / data.length;
    expect(Math.abs(mean(x.data) - mean(image.data))).toBeLessThan(8);
    expect(x).not.toEqual(image);
  });

  it('move boxes along with their picture', async () => {
    const boxes = hostArray(Float32Array.of(1, 2, 4, 6, 5, 0, 0, 1, 1, 3, -1, -1, -1, -1, -1), [1, 3, 5]);
    const source = Dataset.fromArrays(hostArray(image.data, [1, ...image.shape]), boxes);
    const moved = async (steps: readonly PictureStep[]): Promise<number[][]> => {
      const [only] = await all(source.map(steps, { boxes: true, workers: 1 }));
      return [0, 1, 2].map((i) => [...(only?.y?.data.slice(5 * i, 5 * i + 5) ?? [])]);
    };
    const none = [-1, -1, -1, -1, -1];
    expect(await moved([{ op: 'resize', size: [12, 4] }])).toEqual([[2, 1, 8, 3, 5], [0, 0, 2, 0.5, 3], none]);
    expect(await moved([{ op: 'randomFlip', probability: 1 }])).toEqual([[1, 2, 4, 6, 5], [0, 7, 1, 8, 3], none]);
    // The middle is rows 2 to 4 and columns 2 to 6: the first box loses a row, the second all.
    expect(await moved([{ op: 'centerCrop', size: [2, 4] }])).toEqual([[0, 0, 2, 4, 5], none, none]);
    expect(await moved([{ op: 'resize', size: 16, fit: 'pad' }])).toEqual([[4, 4, 10, 12, 5], [2, 0, 4, 2, 3], none]);
  });
});

describe('streams', () => {
  const numbers = (count: number): Dataset => Dataset.fromArrays(Float32Array.from({ length: count }, (_, i) => i));
  const flat = async (stream: AsyncIterable<Example>): Promise<number[]> =>
    (await all(stream)).flatMap(({ x }) => [...x.data]);

  it('shard, zip and cache', async () => {
    expect(await flat(numbers(10).shard(3, 1))).toEqual([1, 4, 7]);
    expect([0, 1, 2].map((i) => numbers(10).shard(3, i).length)).toEqual([4, 3, 3]);
    expect(() => numbers(3).shard(2, 2)).toThrow('shard: index is 2 of 2.');
    const pairs = await all(numbers(3).zip(numbers(5)));
    expect(pairs.map(({ x, y }) => [x.data[0], y?.data[0]])).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
    ]);
    expect(numbers(3).zip(numbers(5)).length).toBe(3);
    const sums = numbers(4).zip(numbers(4), (a, b) => ({ x: (a.x.data[0] as number) + (b.x.data[0] as number) }));
    expect(await flat(sums)).toEqual([0, 2, 4, 6]);
    expect(() => numbers(3).zip(numbers(3).batch(2))).toThrow('batch on both or on neither');
    let made = 0;
    const counted = Dataset.fromGenerator(function* () {
      for (let i = 0; i < 4; i++) {
        made++;
        yield { x: i };
      }
    }).cache();
    expect(await flat(counted.take(2))).toEqual([0, 1]);
    expect([await flat(counted), await flat(counted), await flat(counted.open(7))]).toEqual(
      Array(3).fill([0, 1, 2, 3]),
    );
    expect(made).toBeLessThanOrEqual(7);
  });

  it('choose among pictures before they are read', async () => {
    const { dataset } = await fromImageFolder(pictures, { imageSize: 8, shuffle: false, workers: 2 });
    const whole = await all(dataset);
    expect(await all(dataset.skip(10).take(4))).toEqual(whole.slice(10, 14));
    expect(await all(dataset.shard(7, 3))).toEqual(whole.filter((_, i) => i % 7 === 3));
    expect((await all(dataset.repeat(2).batch(25))).map(({ x }) => x.shape[0])).toEqual([25, 25, 10]);
    expect(dataset.repeat(2).batch(25).length).toBe(3);
    expect((await all(dataset.batch(7, { dropRemainder: true }))).length).toBe(4);
    expect(await all(dataset.filter(({ y }) => y?.data[0] === 1))).toHaveLength(15);
    expect((await all(dataset.map(({ x }) => ({ x: x.data[1] as number })))).map(({ x }) => x.data[0])).toEqual(
      whole.map(({ x }) => x.data[1]),
    );
  });
});

describe('fit', () => {
  it('goes on in the middle of an epoch as if nothing had been', async () => {
    const train = async (cut: boolean): Promise<Float32Array[]> => {
      setRandomSeed(5);
      const { dataset } = await fromImageFolder(pictures, { imageSize: 10, workers: 2 });
      const stream = dataset.map([{ op: 'randomCrop', size: 8 }, { op: 'rescale' }], { seed: 6 }).batch(8);
      const model = models.sequential([
        layers.input([8, 8, 3]),
        layers.flatten(),
        layers.dense({ units: 2, activation: 'softmax' }),
      ]);
      model.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy' });
      if (cut) {
        const abort = new AbortController();
        const stop = { onTrainBatchEnd: (step: number) => void (step === 1 && abort.abort()) };
        const { wasAborted } = await model.fit(stream, {
          epochs: 2,
          verbose: 0,
          callbacks: [stop],
          signal: abort.signal,
        });
        expect(wasAborted).toBe(true);
      }
      await model.fit(stream, { epochs: 2, verbose: 0, resume: cut });
      return model.getWeights() as Promise<Float32Array[]>;
    };
    expect(await train(true)).toEqual(await train(false));
  });
});

describe('other places of pictures', () => {
  it('a table of paths and labels', async () => {
    const table = join(folder, 'table.csv');
    writeFileSync(table, '\ufefffile,kind,size\r\npictures/even/00.jpg,"a ""b"", c",1.5\npictures/odd/01.jpg,a,2\n\n');
    const list = await fromCsv(table, { imageSize: 8, shuffle: false });
    expect([list.classNames, list.labels]).toEqual([
      ['a', 'a "b", c'],
      [1, 0],
    ]);
    const [first] = await all(list.dataset);
    expect(first?.x).toEqual(await loadImage(join(pictures, 'even', '00.jpg'), { size: 8 }));
    const regression = await fromCsv(table, { label: 'size', labelMode: 'number', imageSize: 8, shuffle: false });
    const [batch] = await all(regression.dataset.batch(2));
    expect([batch?.y?.shape, [...(batch?.y?.data ?? [])]]).toEqual([
      [2, 1],
      [1.5, 2],
    ]);
    await expect(fromCsv(table, { label: 'sort' })).rejects.toThrow('Its columns are file, kind, size.');
    await expect(fromCsv(table, { label: 'kind', labelMode: 'number' })).rejects.toThrow('row 2 of');
    expect(() => parseCsv('a,b\n1,2,3')).toThrow('row 2 of the table has 3 columns, the first row 2.');
    expect(parseCsv('a;b\n"x\ny";2', 't', ';')).toEqual([{ a: 'x\ny', b: '2' }]);
  });

  it('a table of boxes', async () => {
    const table = join(folder, 'boxes.csv');
    const rows = [
      'file,top,left,bottom,right,what',
      'even/00.jpg,0,0,10,12,cat',
      'even/00.jpg,5,6,10,12,dog',
      'odd/01.jpg,,,,,',
    ];
    writeFileSync(table, rows.join('\n'));
    const boxes = { top: 'top', left: 'left', bottom: 'bottom', right: 'right', label: 'what' };
    const list = await fromCsv(table, { boxes, root: pictures, imageSize: [40, 48], shuffle: false });
    expect(list.classNames).toEqual(['cat', 'dog']);
    const [{ y } = { y: undefined }] = await all(list.dataset.batch(2));
    // The first picture has 20 x 24 pixels.
    expect([y?.shape, [...(y?.data ?? [])]]).toEqual([
      [2, 2, 5],
      [0, 0, 20, 24, 0, 10, 12, 20, 24, 1, ...Array(10).fill(-1)],
    ]);
  });

  it('an archive in memory, in a file and on a server', async () => {
    const files = Object.fromEntries(
      [0, 1, 2, 3].map((i) => [
        `top/${i % 2 === 0 ? 'even' : 'odd'}/${i}.jpg`,
        [pictureFile(i), { level: i < 2 ? 0 : 6 }] as const,
      ]),
    );
    const archive = zipSync({
      ...files,
      'top/readme.txt': [new Uint8Array(9), {}],
      '__MACOSX/top/even/._0.jpg': [new Uint8Array(9), {}],
    } as Parameters<typeof zipSync>[0]);
    const path = join(folder, 'archive.zip');
    writeFileSync(path, archive);
    const options = { imageSize: 8, shuffle: false, workers: 2 } as const;
    const inMemory = await fromZip(archive, options);
    expect([inMemory.classNames, inMemory.labels, inMemory.counts]).toEqual([
      ['even', 'odd'],
      [0, 0, 1, 1],
      [2, 2],
    ]);
    const want = await all(inMemory.dataset.batch(4));
    expect(want[0]?.x.shape).toEqual([4, 8, 8, 3]);
    expect(await all((await fromZip(path, options)).dataset.batch(4))).toEqual(want);
    const ranges: (string | undefined)[] = [];
    let isWhole = false;
    const server: Server = createServer((request, response) => {
      ranges.push(request.headers.range);
      const [from = 0, to = 0] = (request.headers.range ?? '').replace('bytes=', '').split('-').map(Number);
      const part = archive.subarray(from, to + 1);
      if (isWhole) response.writeHead(200).end(archive);
      else
        response
          .writeHead(206, { 'content-range': `bytes ${from}-${from + part.length - 1}/${archive.length}` })
          .end(part);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as { port: number };
      const remote = await fromZip(`http://127.0.0.1:${port}/archive.zip`, options);
      expect(ranges[0]).toBe('bytes=0-0');
      expect(await all(remote.dataset.batch(4))).toEqual(want);
      expect(ranges.every((range) => range !== undefined)).toBe(true);
      isWhole = true;
      await expect(fromZip(`http://127.0.0.1:${port}/archive.zip`)).rejects.toThrow(
        'the server does not send parts of a file',
      );
    } finally {
      server.close();
    }
    await expect(fromZip(new Uint8Array(100))).rejects.toThrow('this is no zip archive');
    const damaged = archive.slice();
    damaged.fill(0, 0, 4);
    const broken = await failure(all((await fromZip(damaged, { imageSize: 8, shuffle: false })).dataset.batch(4)));
    expect(broken.message).toContain('top/even/0.jpg is damaged at byte 0: its header is missing');
  });
});
