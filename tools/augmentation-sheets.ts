// Draws docs/images/augmentation/*.png: for each augmentation layer, and for each kind of operation on pictures, a row of
// what it makes of one painted picture; boxes and points are drawn where they go along. Run it with
// `node tools/run.mjs tools/augmentation-sheets.ts`; seeds are fixed, so the sheets change only when a layer does.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  add,
  concat,
  divide,
  encodePng,
  expandDims,
  hostArray,
  layers,
  max,
  multiply,
  oneHot,
  slice,
  type Tensor,
  tensor,
  vision,
} from '../src/index.js';

const SIZE = 72;
const GAP = 4;
const COUNT = 7;
const folder = 'docs/images/augmentation';
const { ops, kernels } = vision;

type Colour = readonly [number, number, number];

/** A colour picture of SIZE x SIZE with values 0 to 255. */
type Pixels = Float32Array;

function paint(colourAt: (y: number, x: number) => Colour): Pixels {
  const pixels = new Float32Array(SIZE * SIZE * 3);
  for (let row = 0; row < SIZE; row++) {
    for (let column = 0; column < SIZE; column++) {
      // Four samples a pixel smooth the edges.
      for (const [dy, dx] of [
        [0.25, 0.25],
        [0.25, 0.75],
        [0.75, 0.25],
        [0.75, 0.75],
      ] as const) {
        const colour = colourAt((row + dy) / SIZE, (column + dx) / SIZE);
        for (let c = 0; c < 3; c++) {
          const at = (row * SIZE + column) * 3 + c;
          pixels[at] = (pixels[at] as number) + (colour[c] as number) / 4;
        }
      }
    }
  }
  return pixels;
}

/** A boat on the sea under the sun: nothing about it is symmetric. */
function boat(y: number, x: number): Colour {
  const isIn = (top: number, left: number, bottom: number, right: number): boolean =>
    y >= top && y < bottom && x >= left && x < right;
  if (y > 0.2 && y < 0.66 && x > 0.47 && x - 0.47 < (y - 0.2) * 0.75) return [236, 84, 60];
  if (y > 0.3 && y < 0.66 && x < 0.43 && 0.43 - x < (y - 0.3) * 0.6) return [250, 214, 90];
  if (isIn(0.14, 0.435, 0.7, 0.465)) return [92, 62, 40];
  if (y >= 0.68 && y < 0.82 && x > 0.2 + (y - 0.68) * 0.7 && x < 0.84 - (y - 0.68) * 0.9) return [122, 80, 48];
  if ((x - 0.82) ** 2 + (y - 0.18) ** 2 < 0.009) return [255, 226, 120];
  if (y > 0.76 + 0.012 * Math.sin(40 * x)) return Math.sin(60 * y + 9 * x) > 0.6 ? [90, 170, 205] : [36, 110, 160];
  return y < 0.38 ? [132, 190, 232] : [178, 216, 240];
}

/** A tree on a hill, for what mixes two pictures. */
function tree(y: number, x: number): Colour {
  if ((x - 0.42) ** 2 + (y - 0.36) ** 2 < 0.05 || (x - 0.58) ** 2 + (y - 0.42) ** 2 < 0.03) return [44, 128, 62];
  if (y > 0.5 && y < 0.8 && Math.abs(x - 0.47) < 0.05) return [110, 72, 44];
  if (y > 0.72 + 0.1 * (x - 0.5) ** 2) return [150, 186, 84];
  return [246, 224, 190];
}

const boatPixels = paint(boat);
const one = tensor(boatPixels, { shape: [1, SIZE, SIZE, 3] });
const other = tensor(paint(tree), { shape: [1, SIZE, SIZE, 3] });
const copies = concat(Array.from({ length: COUNT }, () => one));
const box = [0.2 * SIZE, 0.14 * SIZE, 0.84 * SIZE, 0.82 * SIZE];
const points = [
  [0.45 * SIZE, 0.14 * SIZE],
  [0.82 * SIZE, 0.18 * SIZE],
];
const repeat = (values: readonly unknown[]): Tensor => tensor(Array.from({ length: COUNT }, () => values) as never);

/** Pictures [n,h,w,3] as tiles of SIZE x SIZE at most, smaller ones in the middle. */
async function tilesOf(x: Tensor): Promise<Pixels[]> {
  const [n, height, width, channels] = x.shape as [number, number, number, number];
  const data = await x.data();
  return Array.from({ length: n }, (_, i) => {
    const tile = new Float32Array(SIZE * SIZE * 3).fill(255);
    const [top, left] = [Math.floor((SIZE - height) / 2), Math.floor((SIZE - width) / 2)];
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        for (let c = 0; c < 3; c++) {
          const from = ((i * height + row) * width + column) * channels + (channels === 3 ? c : 0);
          tile[((row + top) * SIZE + column + left) * 3 + c] = data[from] as number;
        }
      }
    }
    return tile;
  });
}

function dot(tile: Pixels, row: number, column: number, colour: Colour): void {
  const [y, x] = [Math.floor(row), Math.floor(column)];
  if (y < 0 || x < 0 || y >= SIZE || x >= SIZE) return;
  tile.set(colour, (y * SIZE + x) * 3);
}

function outline(tile: Pixels, [left, top, right, bottom]: readonly number[], colour: Colour): void {
  const [x0, y0, x1, y1] = [left, top, right, bottom].map((each) => Math.round(each as number)) as [
    number,
    number,
    number,
    number,
  ];
  for (let x = x0; x < x1; x++) {
    dot(tile, y0, x, colour);
    dot(tile, y1 - 1, x, colour);
  }
  for (let y = y0; y < y1; y++) {
    dot(tile, y, x0, colour);
    dot(tile, y, x1 - 1, colour);
  }
}

/** Writes tiles side by side. */
async function sheet(name: string, tiles: readonly Pixels[]): Promise<void> {
  const width = tiles.length * (SIZE + GAP) - GAP;
  const data = new Uint8Array(SIZE * width * 3).fill(255);
  tiles.forEach((tile, i) => {
    for (let row = 0; row < SIZE; row++) {
      const line = tile.subarray(row * SIZE * 3, (row + 1) * SIZE * 3);
      const bytes = Array.from(line, (value) => Math.max(0, Math.min(255, Math.round(value))));
      data.set(bytes, (row * width + i * (SIZE + GAP)) * 3);
    }
  });
  writeFileSync(join(folder, `${name}.png`), await encodePng(hostArray(data, [SIZE, width, 3])));
}

/** The picture, then what a layer makes of it. */
async function layerSheet(name: string, layer: layers.Augmenting, isMoving: boolean, key: number): Promise<void> {
  const changed = layer.transform(
    { images: copies, boundingBoxes: { boxes: repeat([box]) }, keypoints: repeat(points) },
    { key },
  );
  const tiles = await tilesOf(changed.images);
  const first = boatPixels.slice();
  if (isMoving) {
    const boxes = await (changed.boundingBoxes as layers.BoundingBoxes).boxes.data();
    const marks = await (changed.keypoints as Tensor).data();
    const [, height, width] = changed.images.shape as [number, number, number];
    const [down, right] = [Math.floor((SIZE - height) / 2), Math.floor((SIZE - width) / 2)];
    outline(first, box, [255, 0, 160]);
    for (const [x, y] of points) mark(first, y as number, x as number);
    tiles.forEach((tile, i) => {
      const shifted = Array.from(boxes.slice(4 * i, 4 * i + 4), (each, k) => each + (k % 2 === 0 ? right : down));
      outline(tile, shifted, [255, 0, 160]);
      for (let p = 0; p < points.length; p++) {
        const at = 2 * (i * points.length + p);
        mark(tile, (marks[at + 1] as number) + down, (marks[at] as number) + right);
      }
    });
  }
  await sheet(name, [first, ...tiles]);
}

function mark(tile: Pixels, y: number, x: number): void {
  for (let step = -2; step <= 2; step++) {
    dot(tile, y + step, x, [20, 20, 20]);
    dot(tile, y, x + step, [20, 20, 20]);
  }
}

const boxes = { boundingBoxFormat: 'xyxy' } as const;
const fill = { ...boxes, fillMode: 'constant', fillValue: 255 } as const;
const moving: Readonly<Record<string, layers.Augmenting>> = {
  randomFlip: layers.randomFlip(boxes),
  randomRotation: layers.randomRotation({ factor: 0.15, ...boxes }),
  randomTranslation: layers.randomTranslation({ heightFactor: 0.25, widthFactor: 0.25, ...fill }),
  randomZoom: layers.randomZoom({ heightFactor: 0.4, ...boxes, fillMode: 'nearest' }),
  randomShear: layers.randomShear({ xFactor: [0.1, 0.4], ...fill }),
  randomPerspective: layers.randomPerspective({ factor: [1, 1], scale: 0.7, fillValue: 255, ...boxes }),
  randomElasticTransform: layers.randomElasticTransform({ factor: [1, 1], scale: [0.7, 1], ...boxes }),
  randomCrop: layers.randomCrop({ height: 52, width: 52, ...boxes }),
  randAugment: layers.randAugment({ factor: 0.25, ...boxes }),
};
const color: Readonly<Record<string, layers.Augmenting>> = {
  randomContrast: layers.randomContrast({ factor: [0.8, 1], ...boxes }),
  randomBrightness: layers.randomBrightness({ factor: 0.4, ...boxes }),
  randomSaturation: layers.randomSaturation({ factor: [0.05, 0.75], ...boxes }),
  randomHue: layers.randomHue({ factor: 0.6, ...boxes }),
  randomColorJitter: layers.randomColorJitter({
    brightnessFactor: 0.2,
    contrastFactor: [0.5, 0.5],
    saturationFactor: [0.3, 0.65],
    hueFactor: 0.15,
    ...boxes,
  }),
  randomColorDegeneration: layers.randomColorDegeneration({ factor: [0, 1], ...boxes }),
  randomGrayscale: layers.randomGrayscale(boxes),
  randomPCAColor: layers.randomPCAColor({ stddev: 0.5, ...boxes }),
  randomPosterization: layers.randomPosterization({ factor: [1, 5], ...boxes }),
  solarization: layers.solarization({ thresholdFactor: [0.3, 1], ...boxes }),
  randomInvert: layers.randomInvert(boxes),
  randomSharpness: layers.randomSharpness({ factor: [0, 1], ...boxes }),
  randomGaussianBlur: layers.randomGaussianBlur({ factor: [0.8, 0.8], kernelSize: 7, sigma: [0.5, 1], ...boxes }),
  randomErasing: layers.randomErasing({ factor: [1, 1], scale: [0.05, 0.3], ...boxes }),
  augMix: layers.augMix(boxes),
};

mkdirSync(folder, { recursive: true });
let key = 1;
for (const [name, layer] of Object.entries(moving)) await layerSheet(name, layer, true, key++);
for (const [name, layer] of Object.entries(color)) await layerSheet(name, layer, false, key++);

// Half of the batch shows the boat, half the tree.
const half = (COUNT + 1) / 2;
const mixed = concat(Array.from({ length: 2 * half }, (_, i) => (i % 2 === 0 ? one : other)));
const classes = oneHot(tensor(Int32Array.from({ length: 2 * half }, (_, i) => i % 2)), 2);
for (const [name, layer] of [
  ['mixUp', layers.mixUp({ alpha: 1 })],
  ['cutMix', layers.cutMix({ factor: [1, 1] })],
] as const) {
  await sheet(name, await tilesOf(layer.transform({ images: mixed, labels: classes }, { key: key++ }).images));
}

// Levels crowded together, then dealt out and stretched.
const dull = add(multiply(one, 0.3), 80);
for (const [name, layer] of [
  ['equalization', layers.equalization()],
  ['autoContrast', layers.autoContrast()],
  [
    'contrastLimitedAdaptiveHistogramEqualization',
    layers.contrastLimitedAdaptiveHistogramEqualization({ tileGridSize: [3, 3] }),
  ],
] as const) {
  await sheet(name, await tilesOf(concat([dull, layer.transform(dull)])));
}

/** Several results side by side. */
async function opSheet(name: string, results: readonly Tensor[]): Promise<void> {
  const tiles: Pixels[] = [];
  for (const each of results) {
    const four = each.rank === 3 ? expandDims(each, 0) : each;
    tiles.push(...(await tilesOf(four)));
  }
  await sheet(name, tiles);
}

const shear = tensor([1.5, 0.3, -28, -0.25, 1.4, -6, 0, 0]);
const fillModes = ['constant', 'nearest', 'reflect', 'wrap'] as const;
await opSheet('affineTransform', [
  one,
  ...fillModes.map((fillMode) => ops.affineTransform(one, shear, { fillMode })),
  ops.affineTransform(one, shear, { interpolation: 'nearest' }),
]);
const last = SIZE - 1;
const corners = [
  [0, 0],
  [last, 0],
  [0, last],
  [last, last],
];
const tilted = [
  [
    [14, 4],
    [last, 0],
    [0, last],
    [last - 18, last - 8],
  ],
  [
    [0, 0],
    [last, 20],
    [0, last],
    [last, last - 20],
  ],
  [
    [20, 12],
    [52, 0],
    [0, last],
    [last, 60],
  ],
];
await opSheet('perspectiveTransform', [one, ...tilted.map((each) => ops.perspectiveTransform(one, corners, each))]);
await opSheet('elasticTransform', [
  one,
  ...[1, 2, 3].map((seed) => ops.elasticTransform(one, { alpha: 7, sigma: 3.5, seed })),
  ops.elasticTransform(one, { alpha: 20, sigma: 5, seed: 1 }),
]);
await opSheet('gaussianBlur', [
  one,
  ops.gaussianBlur(one),
  ops.gaussianBlur(one, { kernelSize: 7, sigma: 2 }),
  ops.gaussianBlur(one, { kernelSize: 13, sigma: [0.1, 4] }),
  ops.gaussianBlur(one, { kernelSize: 13, sigma: [4, 0.1] }),
]);
const grey = ops.rgbToGrayscale(one);
const slopes = ['edge', 'laplacian', 'sobelX', 'sobelY', 'scharrX', 'prewittX'] as const;
await opSheet('filter2d', [
  one,
  ...(['sharpen', 'blur', 'emboss'] as const).map((kernel) => ops.filter2d(one, kernel, { fillMode: 'nearest' })),
  // Slopes go both ways: 0 is drawn as a middle grey.
  ...slopes.map((kernel) => {
    const size = Math.max(...kernels[kernel].flat().map(Math.abs));
    return add(divide(ops.filter2d(grey, kernel, { fillMode: 'nearest' }), size), 128);
  }),
]);
const { corners: found, count } = ops.harrisCorners(grey, { threshold: 0.05, distance: 2, bound: 60 });
const [places, many] = [await found.data(), await count.item()];
const [withCorners] = (await tilesOf(multiply(grey, 0.6))) as [Pixels];
for (let i = 0; i < many; i++) {
  const [row, column] = [places[3 * i + 1] as number, places[3 * i + 2] as number];
  for (let dy = -1; dy <= 1; dy++)
    for (let dx = -1; dx <= 1; dx++) dot(withCorners, row + dy, column + dx, [255, 90, 0]);
}
const [edges] = (await tilesOf(multiply(divide(ops.edgeStrength(grey), max(ops.edgeStrength(grey))), 255))) as [Pixels];
await sheet('edgeStrength', [boatPixels, edges, withCorners]);
await opSheet('equalize', [dull, ops.equalize(dull), ops.autoContrast(dull)]);
const hsv = ops.rgbToHsv(divide(one, 255));
const channel = (c: number): Tensor => multiply(slice(hsv, [0, 0, 0, c], [1, SIZE, SIZE, 1]), 255);
await opSheet('rgbToHsv', [one, channel(0), channel(1), channel(2), grey]);
await opSheet('rotate90', [
  one,
  ...[1, 2, 3].map((k) => ops.rotate90(one, { k })),
  ops.flipLeftRight(one),
  ops.flipUpDown(one),
]);
console.log(`sheets in ${folder}`);
