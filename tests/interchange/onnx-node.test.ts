// ONNX's own operator tests: which pass may not become fewer. `npm run onnx-node` says of each one why it does not.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import '../../src/engine/install.js';
import { compareValues, runTest, testNames } from '../../tools/onnx-node/cases.js';

/** What does not pass, and why. */
const FAILING: Readonly<Record<string, string>> = {
  test_image_decoder_decode_jpeg2k_rgb: 'files of pictures are decoded before a model, by data.images',
  test_image_decoder_decode_jpeg_grayscale: 'as above',
  test_image_decoder_decode_pnm_rgb: 'as above',
  test_image_decoder_decode_tiff_rgb: 'as above',
};

const data = process.env.FOVEA_DATA;
const folder = data === undefined || data === '' ? undefined : join(data, 'onnx-node');
const isThere = folder !== undefined && existsSync(folder);

describe.skipIf(!isThere)("ONNX's operator tests", () => {
  it('pass, all but those that are listed', async () => {
    const names = testNames(folder as string);
    expect(names.length).toBeGreaterThan(700);
    const failed: string[] = [];
    for (const name of names) {
      await runTest(folder as string, name).catch((error: Error) => failed.push(`${name}: ${error.message}`));
    }
    expect(failed.filter((line) => FAILING[line.split(':')[0] as string] === undefined)).toEqual([]);
    expect(failed.map((line) => line.split(':')[0])).toEqual(Object.keys(FAILING));
  }, 120_000);

  it('notice a wrong output', () => {
    const value = (numbers: number[]) =>
      ({ kind: 'host', dtype: 'float32', shape: [2], data: Float32Array.from(numbers) }) as const;
    expect(() => compareValues('y', value([1, 2]), value([1, 2]))).not.toThrow();
    expect(() => compareValues('y', value([1, 2.01]), value([1, 2]))).toThrow('output y has 2.0099');
    expect(() => compareValues('y', { ...value([1, 2]), shape: [1, 2] }, value([1, 2]))).toThrow('shape');
    expect(() => compareValues('y', { ...value([1, 2]), dtype: 'float16' }, value([1, 2]))).toThrow('float16');
  });
});
