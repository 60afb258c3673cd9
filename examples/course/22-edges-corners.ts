// intro: what filters were designed for before they were learned. Sobel's two filters give the strength of edges; where
// the slope turns in both directions, Harris finds a corner. A white square has its outline and 4 corners. Draws both
// over a photo.
import {
  add,
  conv2d,
  divide,
  equal,
  greater,
  logicalAnd,
  max,
  maxPool2d,
  mean,
  multiply,
  nonZero,
  sqrt,
  square,
  subtract,
  type Tensor,
} from 'fovea';
import { draw, marked, type Panel, picture, titled, wrap } from './drawing.js';
import { asBatch, asFilters, asImage, filled, photo, pictureOf, planeOf, rows } from './lib.js';

const across = asFilters(rows('1 0 -1/2 0 -2/1 0 -1'));
const down = asFilters(rows('1 2 1/0 0 0/-1 -2 -1'));
const blur = asFilters(filled(5, 5, (row, column) => Math.exp(-((row - 2) ** 2 + (column - 2) ** 2) / 2) / 6.2));

function slopes(image: Tensor): [dx: Tensor, dy: Tensor] {
  return [conv2d(image, across), conv2d(image, down)];
}

function sobelStrength(image: Tensor): Tensor {
  const [dx, dy] = slopes(image);
  return sqrt(add(square(dx), square(dy)));
}

/** Places [row, column] in the image where Harris's response is the highest of its surroundings. */
async function harrisCorners(image: Tensor, share: number): Promise<[row: number, column: number][]> {
  const [dx, dy] = slopes(image);
  const local = (products: Tensor): Tensor => conv2d(products, blur, { padding: 'same' });
  const [xx, yy, xy] = [local(square(dx)), local(square(dy)), local(multiply(dx, dy))];
  const trace = add(xx, yy);
  const response = subtract(subtract(multiply(xx, yy), square(xy)), multiply(square(trace), 0.05));
  const peaks = equal(response, maxPool2d(response, { poolSize: 7, strides: 1, padding: 'same' }));
  const strong = greater(response, multiply(max(response), share));
  const { indices, count } = nonZero(logicalAnd(peaks, strong));
  const places = await indices.data();
  // Without padding, the slopes begin one cell inside.
  return Array.from({ length: await count.item() }, (_, i) => [
    (places[4 * i + 1] as number) + 1,
    (places[4 * i + 2] as number) + 1,
  ]);
}

const square12 = asImage(filled(24, 24, (row, column) => (row >= 6 && row < 18 && column >= 6 && column < 18 ? 1 : 0)));
const outline = await planeOf(sobelStrength(square12));
const drawn = outline.map((row) => row.map((value) => (value > 0 ? '#' : '.')).join(''));
console.log(`outline of the square:\n${drawn.join('\n')}`);
const corners = await harrisCorners(square12, 0.1);
console.log(`corners of the square: ${corners.map((at) => `(${at})`).join(' ')}`);

const source = await photo(180, 240);
const grey = mean(asBatch(source), { axis: 3, keepDims: true });
const strength = sobelStrength(grey);
const edges = await pictureOf(divide(strength, max(strength)));
const found = await harrisCorners(grey, 0.08);
const over: Panel[] = [
  titled('Sobel strength', picture(edges, { colormap: 'gray', vmax: 0.6 })),
  titled('edges over the photo', picture(overlay(), { scale: 1 })),
  titled(`Harris corners over the photo: ${found.length}`, marked(picture(source, { scale: 1 }), found, 1)),
  titled(
    'the square and its 4 corners',
    marked(picture(await pictureOf(square12), { colormap: 'gray', scale: 7 }), corners, 7),
  ),
];
await draw('22-edges-corners', 'Edges and corners by designed filters', wrap(over, 2));

/** The photo, darkened, with its edges in orange. */
function overlay(): typeof source {
  const data = source.data.map((value) => 0.45 * value);
  const [height, width] = edges.shape;
  const orange = [1, 0.6, 0.1];
  edges.data.forEach((value, i) => {
    const at = 3 * ((Math.floor(i / width) + 1) * (width + 2) + (i % width) + 1);
    const share = Math.min(1, value / 0.4);
    for (let c = 0; c < 3; c++) data[at + c] = (1 - share) * (data[at + c] as number) + share * (orange[c] as number);
  });
  return { data, shape: [height + 2, width + 2, 3] };
}
