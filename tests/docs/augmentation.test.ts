// The pages on augmentation and on pictures: every layer has its sheet, every sheet is shown, and together they stay small.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import { describe, expect, test } from 'vitest';
import { vision } from '../../src/index.js';
import { augmentationClasses } from '../../src/nn/augmentation/classes.js';

const docs = fileURLToPath(new URL('../../docs', import.meta.url));
const folder = join(docs, 'images/augmentation');
const page = (name: string): string => readFileSync(join(docs, name), 'utf8');
const shown = [page('augmentation.md'), page('vision.md')]
  .flatMap((text) => [...text.matchAll(/\(images\/augmentation\/(\w+\.png)\)/g)])
  .map(([, file]) => file as string);

describe('contact sheets', () => {
  test('there is one for each augmentation layer but those that leave pictures alone', () => {
    const names = augmentationClasses.map(({ className }) => className.charAt(0).toLowerCase() + className.slice(1));
    expect(
      names.filter((name) => !['pipeline', 'maxNumBoundingBoxes'].includes(name) && !shown.includes(`${name}.png`)),
    ).toEqual([]);
  });

  test('all are shown, and what is shown is there', () => {
    expect([...shown].sort()).toEqual(readdirSync(folder).sort());
    expect(shown.every((file) => existsSync(join(folder, file)))).toBe(true);
  });

  test('they are small, and of pictures that differ', () => {
    const sizes = shown.map((file) => statSync(join(folder, file)).size);
    expect(sizes.reduce((a, b) => a + b)).toBeLessThan(1e6);
    for (const file of shown) {
      const { data, width, height } = decode(readFileSync(join(folder, file)));
      expect([width % 76, height], file).toEqual([72, 72]);
      const tile = (at: number): string =>
        Array.from({ length: height }, (_, row) =>
          data.slice((row * width + 76 * at) * 3, (row * width + 76 * at + 72) * 3),
        )
          .map((line) => line.join())
          .join();
      const kinds = new Set(Array.from({ length: (width + 4) / 76 }, (_, at) => tile(at)));
      expect(kinds.size, file).toBeGreaterThan(1);
    }
  });
});

test('every operation on pictures is named on its page', () => {
  const text = page('vision.md');
  const names = Object.keys(vision.ops).filter((name) => !/^(resize|scaleAndTranslate)/.test(name));
  expect(names.filter((name) => !text.includes(name))).toEqual([]);
  expect(Object.keys(vision.kernels).filter((name) => !text.includes(name))).toEqual([]);
});
