// Cropping, padding, mirroring and turning: small pictures by hand.
import { describe, expect, test } from 'vitest';
import type { Shape } from '../../src/core/shape.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { vision } from '../../src/index.js';
import { evaluate } from '../nn/golden.js';

const { ops } = vision;

/** Numbers 0, 1, 2 ... in this shape. */
function counted(shape: Shape): Tensor {
  return tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i),
    { shape },
  );
}

async function values(x: Tensor): Promise<number[]> {
  return Array.from((await evaluate([x]))[0] as ArrayLike<number>);
}

describe('borders', () => {
  test('come off by sides, or by one side and the size wanted', async () => {
    const x = counted([1, 3, 4, 1]);
    const cut = ops.cropImages(x, { topCropping: 1, bottomCropping: 0, leftCropping: 2, targetWidth: 1 });
    expect(cut.shape).toEqual([1, 2, 1, 1]);
    expect(await values(cut)).toEqual([6, 10]);
    const first = ops.cropImages(counted([2, 3, 4]), {
      dataFormat: 'channelsFirst',
      topCropping: 2,
      bottomCropping: 0,
      leftCropping: 0,
      rightCropping: 3,
    });
    expect(first.shape).toEqual([2, 1, 1]);
    expect(await values(first)).toEqual([8, 20]);
  });

  test('are refused where too few sides are given, or nothing is left', () => {
    const x = counted([3, 4, 1]);
    expect(() => ops.cropImages(x, { topCropping: 1, leftCropping: 0, rightCropping: 0 })).toThrow(
      'cropImages: needs two of topCropping, bottomCropping, targetHeight; got topCropping.',
    );
    expect(() => ops.cropImages(x, { topCropping: 1, bottomCropping: 2, leftCropping: 0, rightCropping: 0 })).toThrow(
      'cropImages: cropping top 1, bottom 2, left 0, right 0 leaves 0x4.',
    );
    expect(() => ops.padImages(x, { topPadding: 1, targetHeight: 2, leftPadding: 0, rightPadding: 0 })).toThrow(
      'padImages: padding top 1, bottom -2, left 0, right 0 leaves 2x4.',
    );
  });

  test('of zeros go on', async () => {
    const x = counted([1, 2, 1]);
    const padded = ops.padImages(x, { topPadding: 1, bottomPadding: 0, rightPadding: 1, targetWidth: 3 });
    expect(padded.shape).toEqual([2, 3, 1]);
    expect(await values(padded)).toEqual([0, 0, 0, 0, 1, 0]);
  });
});

describe('mirrors and quarters', () => {
  const x = counted([2, 3, 1]);

  test('mirror', async () => {
    expect(await values(ops.flipLeftRight(x))).toEqual([2, 1, 0, 5, 4, 3]);
    expect(await values(ops.flipUpDown(x))).toEqual([3, 4, 5, 0, 1, 2]);
  });

  test('turn anticlockwise, four times being none', async () => {
    const wanted: Readonly<Record<number, number[]>> = {
      0: [0, 1, 2, 3, 4, 5],
      1: [2, 5, 1, 4, 0, 3],
      2: [5, 4, 3, 2, 1, 0],
      3: [3, 0, 4, 1, 5, 2],
    };
    for (const k of [-5, -1, 0, 1, 2, 3, 4]) {
      const turned = ops.rotate90(x, { k });
      expect(turned.shape, String(k)).toEqual(k % 2 === 0 ? [2, 3, 1] : [3, 2, 1]);
      expect(await values(turned), String(k)).toEqual(wanted[((k % 4) + 4) % 4]);
      expect(await values(ops.rot90(x, { k })), String(k)).toEqual(wanted[((k % 4) + 4) % 4]);
    }
  });

  test('turn the other way with the axes exchanged', async () => {
    expect(await values(ops.rot90(x, { axes: [1, 0] }))).toEqual([3, 0, 4, 1, 5, 2]);
    expect(() => ops.rot90(x, { axes: [1, -2] })).toThrow('rot90: cannot turn axes 1 and -2 of [2,3,1] by 1 quarters.');
  });
});

describe('what all take', () => {
  test('is one picture or a batch', () => {
    expect(() => ops.flipUpDown(counted([3, 4]))).toThrow(
      'flipUpDown: images must be [h,w,c] or [n,h,w,c]; got [3,4].',
    );
    expect(() => ops.flipUpDown(counted([3]), { dataFormat: 'channelsFirst' })).toThrow(
      'flipUpDown: images must be [c,h,w] or [n,c,h,w]; got [3].',
    );
  });
});
