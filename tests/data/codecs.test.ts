// Picture files: decoded bytes are those of libjpeg and Pillow; what a step does late or in part is what it does at once.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FoveaError } from '../../src/core/errors.js';
import { keyFromSeed, randomBits } from '../../src/core/random.js';
import { loadSharp } from '../../src/data/codecs/packages.js';
import { type HostData, hostArray } from '../../src/data/host-array.js';
import { decodeImage } from '../../src/data/images.js';
import { type ResizeMethod, resizeImage } from '../../src/data/resize.js';
import { Picture } from '../../src/data/workers/picture.js';

/** Files that Pillow 13 wrote, with the shape and the MD5 of the pixels that it (libjpeg-turbo 3.2) reads. */
const files = JSON.parse(readFileSync(new URL('./picture-files.json', import.meta.url), 'utf8')) as Record<
  string,
  { shape: number[]; md5: string; file: string }
>;
const realData = process.env.FOVEA_DATA;
const md5 = (data: HostData): string => createHash('md5').update(data).digest('hex');
const fileOf = (name: string): Uint8Array => new Uint8Array(Buffer.from(files[name]?.file ?? '', 'base64'));

describe('files', () => {
  // How far bytes may lie apart: inks are made light by jpeg-js, and its chroma is not smoothed.
  const exact = Object.keys(files).filter((name) => !['inks', 'bmp 24', 'gif'].includes(name));

  it.each(exact)('%s', async (name) => {
    const { data, shape } = await decodeImage(fileOf(name));
    expect([shape, md5(data)]).toEqual([files[name]?.shape, files[name]?.md5]);
  });

  it('printed with four inks become light', async () => {
    const [printed, seen] = [await decodeImage(fileOf('inks')), await decodeImage(fileOf('4:4:4'))];
    expect(printed.shape).toEqual(seen.shape);
    const difference = [...printed.data].reduce((sum, value, i) => sum + Math.abs(value - (seen.data[i] as number)), 0);
    expect(difference / printed.data.length).toBeLessThan(12);
  });

  it('of kinds that nothing reads are refused by their kind', async () => {
    await expect(decodeImage(fileOf('bmp 24'))).rejects.toThrow('is a BMP file that is not read here');
    if ((await loadSharp()) !== undefined)
      expect((await decodeImage(fileOf('gif'))).shape.slice(0, 2)).toEqual([30, 40]);
    else await expect(decodeImage(fileOf('gif'))).rejects.toThrow('is a GIF file that is not read here');
  });

  it('are left as the camera stored them on request', async () => {
    const asStored = await decodeImage(fileOf('turned 6'), { applyOrientation: false });
    expect(asStored.shape).toEqual([12, 17, 3]);
    expect((await decodeImage(fileOf('turned 6'))).shape).toEqual([17, 12, 3]);
  });

  it('that are damaged anywhere are decoded or refused, never more', async () => {
    const key = keyFromSeed(7);
    const outcomes = { decoded: 0, refused: 0 };
    for (const [kind, name] of Object.keys(files).entries()) {
      const whole = fileOf(name);
      for (let round = 0; round < 40; round++) {
        const bits = (k: number): number => randomBits(key, kind, 8 * round + k);
        const bytes = whole.slice(0, bits(0) % 4 === 0 ? bits(1) % whole.length : whole.length);
        // The first bytes say the format: without them it is no picture.
        for (let k = 2; k < 5 && bytes.length > 20; k++) bytes[10 + (bits(k) % (bytes.length - 10))] = bits(k + 3);
        try {
          const { data, shape } = await decodeImage(bytes);
          expect(data.length).toBe(shape.reduce((product, dim) => product * dim, 1));
          outcomes.decoded++;
        } catch (error) {
          expect(error).toBeInstanceOf(FoveaError);
          outcomes.refused++;
        }
      }
    }
    expect(outcomes.decoded).toBeGreaterThan(50);
    expect(outcomes.refused).toBeGreaterThan(200);
  });

  it.skipIf(!realData)('1,600 photos have the pixels that Pillow gives them', async () => {
    const hashOf = async (paths: readonly string[]): Promise<string> => {
      const hash = createHash('md5');
      for (const path of paths) hash.update((await decodeImage(new Uint8Array(readFileSync(path)))).data);
      return hash.digest('hex');
    };
    const flowers = join(realData as string, 'flowers128');
    const flowerPaths = readdirSync(flowers)
      .sort()
      .flatMap((folder) =>
        readdirSync(join(flowers, folder))
          .sort()
          .map((file) => join(flowers, folder, file)),
      );
    expect(await hashOf(flowerPaths)).toBe('aa3ea6e4d2ed3277a5cc83af86a6fb56');
    const samples = join(realData as string, 'imagenet-samples');
    const samplePaths = readdirSync(samples)
      .filter((file) => file.endsWith('.JPEG'))
      .sort();
    expect(await hashOf(samplePaths.map((file) => join(samples, file)))).toBe('d7dad739d566705f13f21ec964c39f34');
  });
});

describe('a picture on its way', () => {
  const METHODS: readonly ResizeMethod[] = [
    'bilinear',
    'nearest',
    'area',
    'bilinear-antialias',
    'hamming',
    'bicubic',
    'lanczos',
  ];

  it.each(METHODS)('%s is the same whole, in part, mirrored, and through a table', (method) => {
    const key = keyFromSeed(11);
    for (let round = 0; round < 24; round++) {
      const draw = (k: number, most: number): number => 1 + (randomBits(key, round, k) % most);
      const [height, width, toHeight, toWidth] = [draw(0, 40), draw(1, 40), draw(2, 40), draw(3, 40)];
      const channels = [1, 3, 4][round % 3] as number;
      const data = Uint8Array.from({ length: height * width * channels }, (_, i) => randomBits(key, 100 + round, i));
      const image = hostArray(data, [height, width, channels]);
      const want = resizeImage(image, [toHeight, toWidth], { method });
      const [rows, columns] = [draw(4, toHeight), draw(5, toWidth)];
      const [top, left] = [draw(6, toHeight - rows + 1) - 1, draw(7, toWidth - columns + 1) - 1];
      // At once on what was resized, and before any of it is done.
      const after = Picture.fromArray(want);
      const before = Picture.fromArray(image);
      before.resize(toHeight, toWidth, method);
      expect(before.toArray()).toEqual(want);
      for (const picture of [after, before]) {
        if (round % 2 === 0) picture.mirror();
        picture.crop(top, left, rows, columns, 'crop');
        if (round % 4 < 2) picture.flip();
      }
      expect(before.toArray()).toEqual(after.toArray());
      const bytes = before.toArray();
      for (const picture of [after, before]) picture.rescale([0.5], [3]);
      expect(before.toArray()).toEqual(after.toArray());
      expect([...before.toArray().data]).toEqual([...bytes.data].map((value) => value / 2 + 3));
    }
  });
});
