import { describe, expect, test } from 'vitest';
import type { Tensor } from '../../src/graph/tensor.js';
import { layers, mean, multiply, oneHot, tensor, transpose, zeros } from '../../src/index.js';
import { pictures, values } from './augmentation-pictures.js';

describe('what goes along', () => {
  const size = [2, 40, 48] as const;
  /** Where the rectangle of each picture stands: left, top, right, bottom. */
  const rectangles = [
    [14, 12, 26, 20],
    [20, 16, 30, 28],
  ] as const;
  const drawnRectangles = tensor(
    Float32Array.from({ length: 2 * 40 * 48 }, (_, at) => {
      const [left, top, right, bottom] = rectangles[Math.floor(at / (40 * 48))] as readonly [
        number,
        number,
        number,
        number,
      ];
      const [row, column] = [Math.floor(at / 48) % 40, at % 48];
      return row >= top && row < bottom && column >= left && column < right ? 1 : 0;
    }),
    { shape: [...size, 1] },
  );
  const boxes = tensor(rectangles.map((each) => [[...each]]));
  const labels = tensor(Int32Array.of(3, 5), { shape: [2, 1] });
  /** The rectangles' corners, clockwise. */
  const keypoints = tensor(
    rectangles.map(([left, top, right, bottom]) => [
      [left, top],
      [right, top],
      [right, bottom],
      [left, bottom],
    ]),
  );

  /** The upright boxes around what is brighter than half in each picture. */
  function boundsOf(flat: readonly number[], height: number, width: number): number[][] {
    return [0, 1].map((picture) => {
      let [left, top, right, bottom] = [width, height, 0, 0];
      for (let i = 0; i < height * width; i++) {
        if ((flat[picture * height * width + i] as number) < 0.5) continue;
        const [row, column] = [Math.floor(i / width), i % width];
        [left, top] = [Math.min(left, column), Math.min(top, row)];
        [right, bottom] = [Math.max(right, column + 1), Math.max(bottom, row + 1)];
      }
      return [left, top, right, bottom];
    });
  }

  const moving: readonly (readonly [string, layers.Augmenting, tolerance: number])[] = [
    ['randomFlip', layers.randomFlip({ boundingBoxFormat: 'xyxy' }), 0.01],
    ['randomRotation', layers.randomRotation({ factor: 0.12, boundingBoxFormat: 'xyxy', fillMode: 'constant' }), 1.5],
    [
      'randomTranslation',
      layers.randomTranslation({
        heightFactor: 0.2,
        widthFactor: 0.2,
        boundingBoxFormat: 'xyxy',
        fillMode: 'constant',
      }),
      0.6,
    ],
    [
      'randomZoom',
      layers.randomZoom({ heightFactor: 0.3, widthFactor: 0.3, boundingBoxFormat: 'xyxy', fillMode: 'constant' }),
      0.7,
    ],
    [
      'randomShear',
      layers.randomShear({ xFactor: 0.25, yFactor: 0.1, boundingBoxFormat: 'xyxy', fillMode: 'constant' }),
      1.5,
    ],
    ['randomPerspective', layers.randomPerspective({ factor: [1, 1], scale: 0.3, boundingBoxFormat: 'xyxy' }), 1.5],
    [
      'randomElasticTransform',
      layers.randomElasticTransform({
        factor: [1, 1],
        scale: [0.9, 0.9],
        boundingBoxFormat: 'xyxy',
        valueRange: [0, 1],
      }),
      3,
    ],
    ['randomCrop', layers.randomCrop({ height: 34, width: 40, boundingBoxFormat: 'xyxy' }), 0.01],
    ['randAugment', layers.randAugment({ factor: 0.05, boundingBoxFormat: 'xyxy', valueRange: [0, 1] }), 2.5],
  ];

  test.each(moving)('%s: boxes, points and masks follow the pixels', async (name, layer, tolerance) => {
    for (let key = 0; key < 6; key++) {
      const changed = layer.transform(
        {
          images: drawnRectangles,
          boundingBoxes: { boxes, labels },
          keypoints,
          segmentationMasks: multiply(drawnRectangles, 7),
        },
        { key },
      );
      const [, height, width] = changed.images.shape as [number, number, number];
      const masks = changed.segmentationMasks as Tensor;
      expect(masks.shape).toEqual([2, height, width, 1]);
      const mask = await values(masks);
      expect(new Set(mask), name).toEqual(new Set([0, 7]));
      const seen = boundsOf(mask, height, width);
      const got = await values(changed.boundingBoxes?.boxes as Tensor);
      const points = await values(changed.keypoints as Tensor);
      seen.forEach((bounds, picture) => {
        bounds.forEach((want, i) => {
          const found = got[4 * picture + i] as number;
          expect(Math.abs(found - want), `${name}, key ${key}: box ${got} for ${seen}`).toBeLessThanOrEqual(tolerance);
        });
        const along = [0, 1].map((axis) => [0, 1, 2, 3].map((i) => points[8 * picture + 2 * i + axis] as number));
        const around = [along[0], along[1]] as [number[], number[]];
        const box = [Math.min(...around[0]), Math.min(...around[1]), Math.max(...around[0]), Math.max(...around[1])];
        box.forEach((each, i) => {
          const [limit, want] = [i % 2 === 0 ? width : height, bounds[i] as number];
          const within = Math.min(Math.max(each, 0), limit);
          expect(Math.abs(within - want), `${name}: points ${box} for ${bounds}`).toBeLessThanOrEqual(tolerance);
        });
      });
      expect(await values(changed.boundingBoxes?.labels as Tensor)).toEqual([3, 5]);
    }
  });

  test('boxes keep their format', async () => {
    const xyxy = [6, 4, 16, 10];
    const forms: Readonly<Record<layers.BoundingBoxFormat, number[]>> = {
      xyxy,
      yxyx: [4, 6, 10, 16],
      xywh: [6, 4, 10, 6],
      centerXywh: [11, 7, 10, 6],
      centerYxhw: [7, 11, 6, 10],
      relXyxy: [0.3, 0.4, 0.8, 1],
      relYxyx: [0.4, 0.3, 1, 0.8],
      relXywh: [0.3, 0.4, 0.5, 0.6],
      relCenterXywh: [0.55, 0.7, 0.5, 0.6],
    };
    const mirrored: Readonly<Record<string, number[]>> = {
      xyxy: [4, 4, 14, 10],
      yxyx: [4, 4, 10, 14],
      xywh: [4, 4, 10, 6],
      centerXywh: [9, 7, 10, 6],
      centerYxhw: [7, 9, 6, 10],
      relXyxy: [0.2, 0.4, 0.7, 1],
      relYxyx: [0.4, 0.2, 1, 0.7],
      relXywh: [0.2, 0.4, 0.5, 0.6],
      relCenterXywh: [0.45, 0.7, 0.5, 0.6],
    };
    for (const [format, box] of Object.entries(forms)) {
      const layer = layers.randomTranslation({
        heightFactor: 0,
        widthFactor: [-0.1, -0.1],
        boundingBoxFormat: format as layers.BoundingBoxFormat,
      });
      const { boundingBoxes } = layer.transform({
        images: zeros([10, 20, 1]),
        boundingBoxes: { boxes: tensor([box]) },
      });
      const got = await values(boundingBoxes?.boxes as Tensor);
      got.forEach((each, i) => {
        expect(each, format).toBeCloseTo((mirrored[format] as number[])[i] as number, 5);
      });
    }
  });

  test('a box that has left the picture has label -1', async () => {
    const layer = layers.randomTranslation({ heightFactor: 0, widthFactor: [0.5, 0.5], boundingBoxFormat: 'xyxy' });
    const { boundingBoxes } = layer.transform({
      images: zeros([4, 8, 1]),
      boundingBoxes: {
        boxes: tensor([
          [5, 0, 8, 4],
          [1, 0, 6, 4],
        ]),
        labels: tensor(Int32Array.of(1, 2)),
      },
    });
    expect(await values(boundingBoxes?.boxes as Tensor)).toEqual([8, 0, 8, 4, 5, 0, 8, 4]);
    expect(await values(boundingBoxes?.labels as Tensor)).toEqual([-1, 2]);
  });

  test('colours leave boxes and masks alone; masks need no channel, and integers stay integers', async () => {
    const masks = tensor(
      Int32Array.from({ length: 80 }, (_, i) => i),
      { shape: [8, 10] },
    );
    const images = pictures(255, [8, 10, 3]);
    const colored = layers
      .randomHue({ factor: 1, boundingBoxFormat: 'xyxy' })
      .transform({ images, segmentationMasks: masks });
    expect(colored.segmentationMasks?.dtype).toBe('int32');
    expect(await values(colored.segmentationMasks as Tensor)).toEqual(await values(masks));
    const flipped = layers.randomTranslation({ heightFactor: 0, widthFactor: [0.1, 0.1], fillMode: 'constant' });
    const { segmentationMasks } = flipped.transform({ images, segmentationMasks: masks });
    expect(segmentationMasks?.dtype).toBe('int32');
    expect(segmentationMasks?.shape).toEqual([8, 10]);
    expect((await values(segmentationMasks as Tensor)).slice(10, 20)).toEqual([0, 10, 11, 12, 13, 14, 15, 16, 17, 18]);
  });

  test('labels are mixed as the pictures are', async () => {
    const n = 6;
    const ids = tensor(Int32Array.from({ length: n }, (_, i) => i));
    const classes = oneHot(ids, n);
    // Pixel c of picture i is 1 where c = i, so that a mean over the pixels of a picture says what is in it.
    const images = multiply(oneHot(ids, n), tensor(new Float32Array(400).fill(1), { shape: [20, 20, 1, 1] }));
    const batch = transpose(images, [2, 0, 1, 3]);
    for (const layer of [layers.mixUp({ alpha: 1 }), layers.cutMix()]) {
      const changed = layer.transform({ images: batch, labels: classes }, { key: 4 });
      const shown = await values(mean(changed.images, { axis: [1, 2] }));
      const told = await values(changed.labels as Tensor);
      // A window covers whole pixels, its area is exact.
      shown.forEach((each, i) => {
        expect(Math.abs(each - (told[i] as number)), layer.className).toBeLessThan(0.1);
      });
      for (let i = 0; i < n; i++) {
        expect(told.slice(i * n, (i + 1) * n).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      }
    }
    const both = layers.mixUp({ boundingBoxFormat: 'xyxy' }).transform({
      images: zeros([2, 4, 4, 1]),
      boundingBoxes: { boxes: tensor([[[0, 0, 1, 1]], [[1, 1, 2, 2]]]), labels: tensor([[1], [2]]) },
    });
    expect(both.boundingBoxes?.boxes.shape).toEqual([2, 2, 4]);
    expect(both.boundingBoxes?.labels?.shape).toEqual([2, 2]);
  });

  test('is refused where it does not fit', () => {
    const images = zeros([2, 4, 4, 3]);
    const flip = layers.randomFlip({ name: 'mirror' });
    expect(() => flip.transform({ images, boundingBoxes: { boxes: zeros([2, 1, 4]) } })).toThrow(
      /^RandomFlip: was given boundingBoxes but not told what their numbers are\.[\s\S]*at mirror$/,
    );
    expect(() => flip.transform({ images, keypoints: zeros([1, 3, 2]) })).toThrow(
      'RandomFlip: keypoints must be floats [2,k,2]; got float32 [1,3,2].',
    );
    expect(() => flip.transform({ images, segmentationMasks: zeros([2, 4, 5, 1]) })).toThrow(
      'RandomFlip: segmentationMasks [2,4,5,1] do not cover images [2,4,4,3].',
    );
    expect(() => flip.transform(zeros([4, 4]))).toThrow('RandomFlip: images must be [h,w,c] or [n,h,w,c]; got [4,4].');
    expect(() => layers.mixUp().transform({ images, labels: tensor(Int32Array.of(1, 2)) })).toThrow(
      'MixUp: labels must be floats [n,classes]; got int32 [2].',
    );
    expect(() =>
      layers.cutMix({ boundingBoxFormat: 'xyxy' }).transform({ images, boundingBoxes: { boxes: zeros([2, 1, 4]) } }),
    ).toThrow('CutMix: cannot mix boundingBoxes: a box may be covered in part.');
  });
});
