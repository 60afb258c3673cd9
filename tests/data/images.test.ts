import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { encode } from 'fast-png';
import jpeg from 'jpeg-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FoveaError } from '../../src/core/errors.js';
import { type HostArray, hostArray } from '../../src/data/host-array.js';
import { imageDatasetFromDirectory } from '../../src/data/image-folder.js';
import { convertChannels, decodeImage, encodePng, imageFormat, loadImage } from '../../src/data/images.js';
import { type ResizeMethod, resizeImage } from '../../src/data/resize.js';

const realData = process.env.FOVEA_DATA;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fovea-images-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function picture(height: number, width: number, channels: number): HostArray {
  const data = Uint8Array.from({ length: height * width * channels }, (_, i) => (i * 37 + (i >> 3)) & 255);
  return hostArray(data, [height, width, channels]);
}

function smoothJpeg(height = 16, width = 24): Uint8Array {
  const data = Buffer.alloc(height * width * 4, 255);
  for (let i = 0; i < height * width; i++) {
    data[4 * i] = (i % width) * 8;
    data[4 * i + 1] = Math.floor(i / width) * 12;
    data[4 * i + 2] = 90;
  }
  return new Uint8Array(jpeg.encode({ width, height, data }, 95).data);
}

async function failure(work: Promise<unknown>): Promise<FoveaError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FoveaError);
  return error as FoveaError;
}

describe('PNG', () => {
  it.each([1, 3, 4] as const)('keeps every byte of %i channels', async (channels) => {
    const image = picture(5, 7, channels);
    expect(await decodeImage(await encodePng(image))).toEqual(image);
  });

  it('reads palettes, 16 bits, grey with opacity and packed grey', async () => {
    const palette = encode({
      width: 2,
      height: 1,
      data: Uint8Array.of(1, 0),
      channels: 1,
      depth: 8,
      palette: [
        [1, 2, 3],
        [4, 5, 6],
      ],
    });
    expect([...(await decodeImage(palette)).data]).toEqual([4, 5, 6, 1, 2, 3]);
    const deep = encode({ width: 2, height: 1, data: Uint16Array.of(0x1234, 0xffff), channels: 1, depth: 16 });
    expect([...(await decodeImage(deep)).data]).toEqual([0x12, 0xff]);
    const grey = encode({ width: 1, height: 1, data: Uint8Array.of(7, 200), channels: 2, depth: 8 });
    expect([...(await decodeImage(grey)).data]).toEqual([7, 7, 7, 200]);
    const bits = encode({
      width: 10,
      height: 2,
      data: Uint8Array.of(0b10110011, 0b01000000, 0b00000001, 0b11000000),
      channels: 1,
      depth: 1,
    });
    expect([...(await decodeImage(bits)).data].map((value) => value / 255)).toEqual([
      1, 0, 1, 1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1,
    ]);
  });

  it('refuses what is no picture', async () => {
    await expect(encodePng(hostArray(new Float32Array(4), [2, 2]))).rejects.toThrow('encodePng: a PNG holds bytes');
    await expect(encodePng(hostArray(new Uint8Array(4), [4]))).rejects.toThrow('encodePng: [4] is no picture.');
  });
});

describe('decodeImage', () => {
  it('reads JPEG within its loss', async () => {
    const bytes = smoothJpeg();
    const image = await decodeImage(bytes);
    expect(imageFormat(bytes)).toBe('jpeg');
    expect(image.shape).toEqual([16, 24, 3]);
    for (const [y, x] of [
      [0, 0],
      [8, 12],
      [15, 23],
    ] as const) {
      const at = (y * 24 + x) * 3;
      const want = [x * 8, y * 12, 90];
      for (let c = 0; c < 3; c++)
        expect(Math.abs((image.data[at + c] as number) - (want[c] as number))).toBeLessThan(12);
    }
  });

  it('rounds the colours of a JPEG, with and without the mark of Adobe', async () => {
    const differences: number[] = [];
    for (let i = 0; i < 24; i++) {
      const colour = [(i * 37) % 256, (i * 91 + 40) % 256, (i * 53 + 9) % 256] as const;
      const data = Buffer.from(Array.from({ length: 64 }, () => [...colour, 255]).flat());
      const plain = new Uint8Array(jpeg.encode({ width: 8, height: 8, data }, 100).data);
      const { data: seen } = await decodeImage(plain);
      differences.push(...colour.map((value, c) => (seen[c] as number) - value));
      // APP14: "Adobe", version, two flags, and 1 for YCbCr: the same picture.
      const mark = [0xff, 0xee, 0, 14, 65, 100, 111, 98, 101, 0, 100, 0, 0, 0, 0, 1];
      const marked = Uint8Array.from([...plain.subarray(0, 2), ...mark, ...plain.subarray(2)]);
      expect((await decodeImage(marked)).data).toEqual(seen);
    }
    expect(Math.max(...differences.map(Math.abs))).toBeLessThanOrEqual(2);
    // Cutting off instead of rounding would be half a level too dark.
    const average = differences.reduce((sum, difference) => sum + difference, 0) / differences.length;
    expect(Math.abs(average)).toBeLessThan(0.2);
  });

  it('names what is wrong with a file', async () => {
    const png = await encodePng(picture(20, 20, 3));
    const huge = smoothJpeg();
    const frame = huge.findIndex((byte, at) => byte === 0xff && huge[at + 1] === 0xc0);
    huge.set([32, 0, 32, 0], frame + 5);
    const cases: [Uint8Array, string][] = [
      [huge, `a damaged JPEG file: its header says 8192 x 8192 pixels, which ${huge.length} bytes cannot hold`],
      [new Uint8Array(0), 'decodeImage: a.png is empty.'],
      [Buffer.from('<!DOCTYPE html><p>no'), 'decodeImage: a.png holds an HTML page.'],
      [Buffer.from('plain text'), 'decodeImage: a.png is no picture of a known format.'],
      [png.subarray(0, png.length - 40), 'decodeImage: a.png is a damaged PNG file'],
      [smoothJpeg().subarray(0, 500), 'decodeImage: a.png is a damaged JPEG file: it ends early, after 500 bytes'],
    ];
    for (const [bytes, message] of cases) {
      const error = await failure(decodeImage(bytes, { name: 'a.png' }));
      expect([error.code, error.path]).toEqual(['data', 'a.png']);
      expect(error.message).toContain(message);
    }
    const flipped = Uint8Array.from(png);
    flipped[60] = (flipped[60] as number) ^ 255;
    expect((await failure(decodeImage(flipped))).code).toBe('data');
  });

  it('never does anything but decode or say what is wrong, wherever a file is cut', async () => {
    for (const whole of [await encodePng(picture(6, 6, 3)), smoothJpeg(8, 8)]) {
      for (let length = 0; length < whole.length - 2; length += 7) {
        const error = await decodeImage(whole.subarray(0, length)).catch((reason: unknown) => reason);
        if (length < whole.length - 16) expect(error).toBeInstanceOf(FoveaError);
      }
    }
  });

  it('converts channels as Pillow does', () => {
    const rgb = hostArray(Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30), [2, 2, 3]);
    expect([...convertChannels(rgb, 1).data]).toEqual([76, 150, 29, 18]);
    expect([...convertChannels(rgb, 4).data.slice(0, 4)]).toEqual([255, 0, 0, 255]);
    expect([...convertChannels(convertChannels(rgb, 1), 3).data.slice(0, 3)]).toEqual([76, 76, 76]);
  });

  it('loads from a path, a file address and bytes, resized', async () => {
    const path = join(folder, 'a picture.png');
    writeFileSync(path, await encodePng(picture(8, 6, 1)));
    const image = await loadImage(path, { size: [4, 5] });
    expect([image.shape, image.dtype]).toEqual([[4, 5, 3], 'uint8']);
    expect(await loadImage(pathToFileURL(path), { size: [4, 5] })).toEqual(image);
    expect(await loadImage(new Uint8Array(readFileSync(path)), { size: [4, 5] })).toEqual(image);
    expect((await loadImage(path, { channels: 1, size: 3, resize: 'area' })).shape).toEqual([3, 3, 1]);
    await expect(loadImage(join(folder, 'none.png'))).rejects.toThrow(`the nearest folder that exists is ${folder}`);
  });
});

describe('resizeImage', () => {
  it('samples bilinearly with half-pixel centres, borders held', () => {
    const row = hostArray(Float32Array.of(0, 10, 20, 30), [1, 4, 1]);
    expect([...resizeImage(row, [1, 8]).data]).toEqual([0, 2.5, 7.5, 12.5, 17.5, 22.5, 27.5, 30]);
    // Without antialiasing a factor of 4 reads only the two middle pixels; area reads all four.
    expect([...resizeImage(row, [1, 1]).data]).toEqual([15]);
    const spike = hostArray(Float32Array.of(100, 0, 0, 0), [1, 4, 1]);
    expect([...resizeImage(spike, [1, 1]).data]).toEqual([0]);
    expect([...resizeImage(spike, [1, 1], { method: 'area' }).data]).toEqual([25]);
  });

  it('keeps a picture of its own size and a flat one exactly', () => {
    const image = picture(9, 11, 3);
    const flat = hostArray(new Uint8Array(9 * 11).fill(77), [9, 11, 1]);
    const methods: ResizeMethod[] = [
      'bilinear',
      'nearest',
      'area',
      'bilinear-antialias',
      'hamming',
      'bicubic',
      'lanczos',
    ];
    for (const method of methods) {
      expect(resizeImage(image, [9, 11], { method })).toEqual(image);
      expect(resizeImage(flat, [5, 23], { method }).data.every((value) => value === 77)).toBe(true);
    }
  });

  it('refuses what is no picture and sizes that are none', () => {
    expect(() => resizeImage(picture(2, 2, 1), [0, 3])).toThrow('a picture of 2 x 2 cannot become 0 x 3.');
    expect(() => resizeImage(hostArray(new Uint8Array(16), [1, 2, 2, 4]), [1, 1])).toThrow('not [1,2,2,4]');
  });
});

const golden = realData === undefined ? '' : join(realData, '..', 'golden', 'tasks');

describe.skipIf(!golden || !existsSync(join(golden, 'pictures.json')))('Pillow (golden values)', () => {
  const METHODS: Record<string, ResizeMethod> = { box: 'area', bilinear: 'bilinear-antialias' };
  const cases = golden
    ? (JSON.parse(readFileSync(join(golden, 'pictures.json'), 'utf8')).cases as { name: string; method: string }[])
    : [];

  function readTensors(name: string): Record<string, HostArray> {
    const bytes = readFileSync(join(golden, 'pictures', `${name}.safetensors`));
    const size = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.subarray(8, 8 + size).toString()) as Record<
      string,
      { dtype: string; shape: number[]; data_offsets: [number, number] }
    >;
    return Object.fromEntries(
      Object.entries(header).map(
        ([
          key,
          {
            dtype,
            shape,
            data_offsets: [from, to],
          },
        ]) => {
          const part = Uint8Array.from(bytes.subarray(8 + size + from, 8 + size + to));
          return [key, hostArray(dtype === 'U8' ? part : new Float32Array(part.buffer), shape)];
        },
      ),
    );
  }

  it.each(cases.map((each) => [each.name, each.method] as const))('%s', (name, method) => {
    const { picture: source, ...wanted } = readTensors(name);
    for (const [key, want] of Object.entries(wanted)) {
      // The first two cases shrink, then enlarge what is stored as `small`.
      const from = key === 'up' ? (wanted.small as HostArray) : (source as HostArray);
      const got = resizeImage(from, [want.shape[0] as number, want.shape[1] as number], {
        method: METHODS[method] ?? (method as ResizeMethod),
      });
      expect(got.shape).toEqual(want.shape);
      let largest = 0;
      for (let i = 0; i < want.data.length; i++) {
        largest = Math.max(largest, Math.abs((got.data[i] as number) - (want.data[i] as number)));
      }
      // Bytes are the same; floats differ by their rounding.
      expect(largest).toBeLessThanOrEqual(want.dtype === 'uint8' ? 0 : 1e-4);
    }
  });
});

describe('imageDatasetFromDirectory', () => {
  async function fill(): Promise<string> {
    for (const [name, count] of [
      ['cat', 6],
      ['ant', 4],
      ['.hidden', 1],
    ] as const) {
      mkdirSync(join(folder, name));
      for (let i = 0; i < count; i++) {
        const image = hostArray(new Uint8Array(12 * 10).fill(name === 'cat' ? 200 : 50), [12, 10, 1]);
        writeFileSync(join(folder, name, `${i}.png`), await encodePng(image));
      }
    }
    writeFileSync(join(folder, 'cat', 'notes.txt'), 'not a picture');
    return folder;
  }

  it('sorts folders into classes and gives batches whose labels fit the pictures', async () => {
    const found = await imageDatasetFromDirectory(await fill(), { imageSize: 8, batchSize: 4 });
    expect(found.classNames).toEqual(['ant', 'cat']);
    expect(found.counts).toEqual([4, 6]);
    expect(found.dataset.length).toBe(3);
    const shapes: unknown[] = [];
    for await (const { x, y } of found.dataset) {
      shapes.push(x.shape);
      const labels = [...(y?.data ?? [])];
      labels.forEach((label, i) => {
        expect(x.data[i * 192]).toBe(label === 1 ? 200 : 50);
      });
    }
    expect(shapes).toEqual([
      [4, 8, 8, 3],
      [4, 8, 8, 3],
      [2, 8, 8, 3],
    ]);
    const all = await found.load();
    expect([all.x.shape, all.length, all.classNames]).toEqual([[10, 8, 8, 3], 10, ['ant', 'cat']]);
    // Loaded in the first pass's order, so that its beginning is no single class.
    const firstPass: number[] = [];
    for await (const { y } of found.dataset.open(0)) firstPass.push(...(y?.data ?? []));
    expect([...all.y.data]).toEqual(firstPass);
    expect(firstPass.toString()).not.toBe([...found.labels].toString());
    const sorted = await (await imageDatasetFromDirectory(folder, { imageSize: 8, shuffle: false })).load();
    expect([...sorted.y.data]).toEqual([...found.labels]);
  });

  it('splits without overlap by the seed, and mixes each pass anew', async () => {
    await fill();
    const split = { validationSplit: 0.3, seed: 5, imageSize: 4 } as const;
    const training = await imageDatasetFromDirectory(folder, { ...split, subset: 'training' });
    const validation = await imageDatasetFromDirectory(folder, { ...split, subset: 'validation' });
    expect([training.paths.length, validation.paths.length]).toEqual([7, 3]);
    expect(new Set([...training.paths, ...validation.paths]).size).toBe(10);
    const order = async (): Promise<number[]> => {
      const out: number[] = [];
      for await (const { y } of training.dataset) out.push(...(y?.data ?? []));
      return out;
    };
    const passes = [await order(), await order(), await order(), await order()].map(String);
    expect(new Set(passes).size).toBeGreaterThan(1);
    await expect(imageDatasetFromDirectory(folder, { validationSplit: 0.3 })).rejects.toThrow('needs a subset');
    await expect(imageDatasetFromDirectory(folder, { validationSplit: 3, subset: 'training' })).rejects.toThrow(
      'validationSplit is 3.',
    );
  });

  it('gives labels in the forms that losses want, or none', async () => {
    await fill();
    const first = async (options: Parameters<typeof imageDatasetFromDirectory>[1]): Promise<unknown> => {
      const found = await imageDatasetFromDirectory(folder, { ...options, imageSize: 4, shuffle: false, batchSize: 5 });
      for await (const { y } of found.dataset) return y && [y.dtype, y.shape, y.data.at(-1)];
      return 'nothing';
    };
    expect(await first({ labelMode: 'categorical' })).toEqual(['float32', [5, 2], 1]);
    expect(await first({ labelMode: 'binary' })).toEqual(['float32', [5, 1], 1]);
    expect(await first({ classNames: ['cat', 'ant'] })).toEqual(['int32', [5], 0]);
    expect(await first({ labels: null })).toBeUndefined();
    expect(await first({ labels: [3, 3, 3, 3, 9, 0, 0, 0, 0, 0] })).toEqual(['int32', [5], 9]);
    await expect(first({ labels: [1, 2] })).rejects.toThrow('2 labels for 10 pictures.');
    await expect(first({ classNames: ['cow'] })).rejects.toThrow('there are no folders for cow');
  });

  it('throws at a broken picture, or skips and lists it', async () => {
    await fill();
    const bad = join(folder, 'ant', 'bad.jpg');
    writeFileSync(bad, smoothJpeg().subarray(0, 300));
    writeFileSync(join(folder, 'cat', 'empty.png'), '');
    const strict = await imageDatasetFromDirectory(folder, { imageSize: 4 });
    await expect(strict.load()).rejects.toThrow(`${bad} is a damaged JPEG file`);
    const lenient = await imageDatasetFromDirectory(folder, { imageSize: 4, onError: 'skip' });
    const all = await lenient.load();
    expect([all.length, all.note]).toEqual([10, '2 broken pictures were left out.']);
    expect(lenient.broken.map((each) => each.path).sort()).toEqual([bad, join(folder, 'cat', 'empty.png')]);
    expect(lenient.broken.map((each) => each.problem)).toContain(
      `decodeImage: ${join(folder, 'cat', 'empty.png')} is empty.`,
    );
    let count = 0;
    for await (const { x } of lenient.dataset) count += x.shape[0] as number;
    expect([count, lenient.broken.length, lenient.dataset.length]).toEqual([10, 2, undefined]);
  });

  it('says what a folder lacks', async () => {
    const read = (path: string): Promise<FoveaError> => failure(imageDatasetFromDirectory(path));
    const missing = await read(join(folder, 'no', 'where'));
    expect(missing.code).toBe('file');
    expect(missing.message).toContain(
      `${join(folder, 'no', 'where')} does not exist.\n  the nearest folder that exists is ${folder}`,
    );
    expect((await read(folder)).message).toContain(`no pictures in ${folder}: it is empty.`);
    writeFileSync(join(folder, 'a.png'), await encodePng(picture(2, 2, 3)));
    expect((await read(folder)).message).toContain('it has 1 pictures but no sub-folders to name their classes');
    expect((await read(join(folder, 'a.png'))).message).toContain('a.png is a file, not a folder.');
    mkdirSync(join(folder, 'x'));
    mkdirSync(join(folder, 'y'));
    expect((await read(folder)).message).toContain('its folders x, y hold no picture files');
  });

  it.skipIf(!realData)('reads real photos', async () => {
    const found = await imageDatasetFromDirectory(join(realData as string, 'flowers128'), {
      imageSize: 32,
      validationSplit: 0.01,
      subset: 'validation',
    });
    expect(found.classNames).toEqual(readdirSync(join(realData as string, 'flowers128')).sort());
    const all = await found.load();
    expect([all.length, all.x.shape.slice(1)]).toEqual([15, [32, 32, 3]]);
  });
});
