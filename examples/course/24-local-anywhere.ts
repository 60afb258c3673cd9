// Chollet: a convolution learns local patterns, finds them anywhere, and builds larger ones from them layer by layer. It
// is equivariant: a moved picture gives a moved map (pooling then makes what does not change). A dense layer has to learn
// every place anew. The filters here are written by hand: strokes, their crossings, and the whole digit.
import {
  conv2d,
  globalAveragePool,
  initializers,
  layers,
  maxPool2d,
  plot,
  relu,
  slice,
  type Tensor,
  tensor,
} from 'fovea';
import { above, arrow, beside, draw, type Panel, picture, titled, wrap } from './drawing.js';
import { asFilters, asImage, bordered, filled, largestDifference, pictureOf, rows, sizes, writtenFour } from './lib.js';

const digit = asImage(writtenFour());

// Layer 1: strokes in four directions. Layer 2: two strokes that meet, after pooling. Layer 3: the arrangement of all.
const strokes = [
  '-1 -1 -1/2 2 2/-1 -1 -1',
  '-1 2 -1/-1 2 -1/-1 2 -1',
  '-1 -1 2/-1 2 -1/2 -1 -1',
  '2 -1 -1/-1 2 -1/-1 -1 2',
];
const strokeFilters = asFilters(...strokes.map(rows));
const pairs: [first: number, second: number][] = [
  [0, 1],
  [0, 2],
  [1, 2],
  [1, 3],
];
const pairFilters = tensor(filled(9 * 4, 4, (at, pair) => (pairs[pair]?.includes(at % 4) ? 1 / 9 : -1 / 18)).flat(), {
  shape: [3, 3, 4, 4],
});
const first = (x: Tensor): Tensor => relu(conv2d(x, strokeFilters, { padding: 'same' }));
const second = (x: Tensor): Tensor => relu(conv2d(maxPool2d(x, { poolSize: 2 }), pairFilters, { padding: 'same' }));
const [map1, map2] = [first(digit), second(first(digit))];
const whole = tensor((await map2.data()) as Float32Array, { shape: [14, 14, 4, 1] });
const map3 = relu(conv2d(map2, whole, { padding: 'same' }));
console.log(`maps: ${[digit, map1, map2, map3].map(({ shape }) => sizes(shape.slice(1))).join(', ')}`);

// Moved by (3,4): the map moves by as much, its global average stays, a dense layer's answer changes.
const shift = (x: Tensor): Tensor => slice(bordered(x, [3, 0], [4, 0]), [0, 0, 0, 0], x.shape);
const wide = bordered(digit, [4, 8]);
const moved = shift(wide);
const isMoved = (await largestDifference(first(moved), shift(first(wide)))) < 1e-5;
console.log(`the picture moved by (3,4): its map moves by (3,4): ${isMoved}`);
const average = (x: Tensor): Tensor => globalAveragePool(first(x));
console.log(`the map's global average stays: ${(await largestDifference(average(moved), average(wide))) < 1e-5}`);
const dense = layers.dense({ units: 5, kernelInitializer: initializers.glorotUniform({ seed: 2 }) });
const answer = (x: Tensor): Tensor => dense.apply(layers.flatten().apply(x));
console.log(`a dense layer's answer changes: ${(await largestDifference(answer(moved), answer(wide))) > 0.01}`);

const windows = [0, 1, 2, 3].flatMap((i) => [0, 1, 2, 3].map((j) => slice(digit, [0, 7 * i, 7 * j, 0], [1, 7, 7, 1])));
const look = { colormap: 'gray' as const, vmin: 0, vmax: 1 };
const cut = await Promise.all(windows.map(async (window) => picture(await pictureOf(window), { ...look, scale: 5 })));
const tiles = async (map: Tensor, scale: number): Promise<Panel> =>
  wrap(
    plot.channelTiles(await pictureOf(map)).map((tile) => picture(tile, { scale, colormap: 'magma' })),
    2,
    8,
    8,
  );
const top = beside([
  titled('a digit', picture(await pictureOf(digit), { ...look, scale: 5 })),
  arrow(),
  titled('cut in windows of 7×7', wrap(cut, 4, 7, 7)),
]);
const bottom = beside([
  titled('layer 1: strokes', await tiles(map1, 3)),
  arrow(),
  titled('layer 2: strokes that meet', await tiles(map2, 6)),
  arrow(),
  titled('layer 3: the digit is here', picture(await pictureOf(map3), { scale: 12, colormap: 'magma' })),
]);
await draw('24-local-anywhere', 'Local patterns, found anywhere, build up', above([top, bottom], 28));
