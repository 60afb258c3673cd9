// The courses' own numbers, as things to build and what they must give: the float64 reference and every
// engine are held to them. Pictures are written as rows of text, `1 2/3 4`, or `12/34` for single digits.

import { type NestedArray, type Tensor, tensor } from '../../src/graph/tensor.js';
import { conv2d } from '../../src/ops/conv.js';
import { conv1d, conv2dTranspose, depthwiseConv2d } from '../../src/ops/conv-variants.js';
import { averagePool2d, maxPool2d } from '../../src/ops/pool.js';
import { mean } from '../../src/ops/reduce.js';
import { reshape, transpose } from '../../src/ops/shape.js';
import { softmax } from '../../src/ops/softmax.js';

export interface CourseNumber {
  readonly name: string;
  readonly build: () => Tensor;
  readonly want: NestedArray;
  /** For printed numbers that were rounded; otherwise the result is exact in float32. */
  readonly tolerance?: number;
}

type Rows = number[][];

/** Rows of numbers from text. */
export function rows(text: string): Rows {
  return text.split('/').map((row) => (/[ .-]/.test(row) ? row.trim().split(/ +/) : [...row]).map(Number));
}

const filled = (height: number, width: number, value: (i: number, j: number) => number): Rows =>
  Array.from({ length: height }, (_, i) => Array.from({ length: width }, (_, j) => value(i, j)));

/** One grey picture [1,h,w,1]. */
export function picture(values: Rows): Tensor {
  return tensor([values.map((row) => row.map((value) => [value]))]);
}

/** One filter [h,w,1,1]. */
export function filter(values: Rows): Tensor {
  return tensor(values.map((row) => row.map((value) => [[value]])));
}

/** The single plane of a picture, [h,w]. */
export function plane(x: Tensor): Tensor {
  return reshape(x, [x.shape[1] as number, x.shape[2] as number]);
}

/** Planes [h,w] beside each other as channels: [1,h,w,c]. */
function stacked(planes: readonly Rows[]): Tensor {
  return transpose(tensor([planes]), [0, 2, 3, 1]);
}

const ones = (side: number): Rows => filled(side, side, () => 1);
const counting = rows('123/456/789');
const vertical = rows('1 0 -1/1 0 -1/1 0 -1');
const horizontal = rows('1 1 1/0 0 0/-1 -1 -1');
const sobel = rows('1 0 -1/2 0 -2/1 0 -1');
const scharr = rows('3 0 -3/10 0 -10/3 0 -3');
const sharpen = rows('0 -1 0/-1 5 -1/0 -1 0');
const edges = rows('-1 -1 -1/-1 8 -1/-1 -1 -1');
const edgePicture = rows('301274/158931/272513/013178/421628/245239');
const padPicture = rows('334470/976582/655692/713278/037183/404322');
const step = filled(6, 6, (_, j) => (j < 3 ? 10 : 0));
const board = filled(6, 6, (i, j) => (i < 3 === j < 3 ? 10 : 0));
const sevens = filled(5, 5, () => 7);
const colours = ['10102/11321/11011/23213/02010', '10010/20120/31130/03032/10321', '20121/33132/21110/31320/11211'].map(
  rows,
);
const colourKernels = ['010/002/010', '210/000/030', '100/100/002'].map(rows);

/** The three planes of the result as [c,h,w]. */
const planes = (x: Tensor): Tensor =>
  reshape(transpose(x, [0, 3, 1, 2]), [3, x.shape[1] as number, x.shape[2] as number]);

const correlate = (x: Rows, by: Rows, options: Parameters<typeof conv2d>[2] = {}): Tensor =>
  plane(conv2d(picture(x), filter(by), options));

const same = { padding: 'same' } as const;
const times = (values: Rows, factor: number): Rows => values.map((row) => row.map((value) => value * factor));
const countingSame = rows('12 16 9/24 28 15/15 17 9');
const rowNumbers = filled(7, 7, (i) => i + 1);
const rowFilter = rows('000/111/222');
const poolPicture = rows('1321/2911/1323/5612');
const stamps = rows('21/32');
const stamp = rows('121/201/021');

// The filter of a transposed convolution is [h,w,filters,channels]: for one plane, the same as any filter.
const transposed = (options: Parameters<typeof conv2dTranspose>[2]): Tensor =>
  plane(conv2dTranspose(picture(stamps), filter(stamp), { strides: 2, ...options }));
const full = rows('24321/40401/3 10 7 6 3/60702/06342');

export const courseNumbers: readonly CourseNumber[] = [
  // Convolution
  {
    name: 'first map',
    build: () => correlate(rows('11100/01110/00111/00110/01100'), rows('101/010/101')),
    want: rows('434/243/234'),
  },
  {
    name: 'weighted sum',
    build: () =>
      correlate(
        rows('1543/8414/1233/6531'),
        filled(4, 4, (i) => [1, -1, 2, 3][i] as number),
      ),
    want: [[59]],
  },
  { name: 'depth sum, channel one', build: () => correlate(rows('12/34'), rows('10 10/1 1')), want: [[37]] },
  {
    name: 'three channels, parts',
    build: () =>
      planes(depthwiseConv2d(stacked(colours), reshape(transpose(tensor(colourKernels), [1, 2, 0]), [3, 3, 3, 1]))),
    want: [rows('753/475/728'), rows('5 3 10/13 1 13/7 12 11'), rows('7 5 2/11 8 2/9 4 6')],
  },
  {
    name: 'three channels, sum',
    build: () => plane(conv2d(stacked(colours), reshape(transpose(tensor(colourKernels), [1, 2, 0]), [3, 3, 3, 1]))),
    want: rows('19 13 15/28 16 20/23 18 25'),
  },
  {
    name: 'one dimension',
    build: () =>
      reshape(conv1d(tensor([[[1], [1], [1], [1], [1]]]), tensor([[[1]], [[1]], [[1]]]), { padding: 'same' }), [5]),
    want: [2, 3, 3, 3, 2],
  },
  { name: 'eager valid', build: () => correlate(counting, ones(2)), want: rows('12 16/24 28') },
  { name: 'eager same', build: () => correlate(counting, ones(2), same), want: countingSame },
  {
    name: 'eager three filters',
    build: () =>
      planes(conv2d(picture(counting), tensor(filled(2, 2, () => 0).map((row) => row.map(() => [[1, 10, -1]]))), same)),
    want: [countingSame, times(countingSame, 10), times(countingSame, -1)],
  },
  {
    name: 'vertical edge',
    build: () => correlate(edgePicture, vertical),
    want: rows('-5 -4 0 8/-10 -2 2 3/0 -2 -4 -7/-3 -2 -3 -16'),
  },
  {
    name: 'edge step',
    build: () => correlate(step, vertical),
    want: filled(4, 4, (_, j) => [0, 30, 30, 0][j] as number),
  },
  {
    name: 'edge step mirrored',
    build: () =>
      correlate(
        step.map((row) => row.toReversed()),
        vertical,
      ),
    want: filled(4, 4, (_, j) => [0, -30, -30, 0][j] as number),
  },
  {
    name: 'board',
    build: () => correlate(board, horizontal),
    want: rows('0 0 0 0/30 10 -10 -30/30 10 -10 -30/0 0 0 0'),
  },
  { name: 'Sobel', build: () => correlate(edgePicture.slice(0, 3), sobel), want: rows('-12 -8 5 16') },
  { name: 'Scharr', build: () => correlate(edgePicture.slice(0, 3), scharr), want: rows('-64 -40 35 80') },
  { name: 'Sobel on a step', build: () => correlate(step.slice(0, 3), sobel), want: rows('0 40 40 0') },
  { name: 'Scharr on a step', build: () => correlate(step.slice(0, 3), scharr), want: rows('0 160 160 0') },
  { name: 'Scharr on a flat picture', build: () => correlate(sevens, scharr), want: rows('000/000/000') },
  { name: 'edges of a flat picture', build: () => correlate(sevens, edges), want: rows('000/000/000') },
  { name: 'a flat picture sharpened', build: () => correlate(sevens, sharpen), want: rows('777/777/777') },
  {
    name: 'a flat picture blurred',
    build: () =>
      correlate(
        sevens,
        filled(3, 3, () => 1 / 9),
      ),
    want: rows('777/777/777'),
    // A ninth is not exact in float32.
    tolerance: 1e-5,
  },
  {
    name: 'sharpen a 3 amid 2s',
    build: () =>
      correlate(
        filled(5, 5, (i, j) => (i === 2 && j === 2 ? 3 : 2)),
        sharpen,
      ),
    want: rows('212/171/212'),
  },
  {
    name: 'sharpen a 1 amid 2s',
    build: () =>
      correlate(
        filled(5, 5, (i, j) => (i === 2 && j === 2 ? 1 : 2)),
        sharpen,
      ),
    want: rows('2 3 2/3 -3 3/2 3 2'),
  },
  {
    name: 'dilation',
    build: () =>
      correlate(
        filled(5, 5, (i, j) => 5 * i + j),
        ones(3),
        { dilationRate: 2 },
      ),
    want: [[108]],
  },
  // Padding and stride
  {
    name: 'pad by hand',
    build: () => correlate(padPicture, vertical, { padding: 1 }),
    want: rows('-10 2 1 -5 7 15/-15 3 0 -9 11 24/-13 8 0 -10 1 24/-9 -2 0 -9 -4 24/-4 -3 -2 -3 -7 17/-3 -7 -1 1 -1 10'),
  },
  {
    name: 'pad ones',
    build: () => correlate(ones(5), ones(3), { padding: 1 }),
    want: rows('46664/69996/69996/69996/46664'),
  },
  {
    name: 'stride rows, stride 1',
    build: () => correlate(rowNumbers, rowFilter),
    want: filled(5, 5, (i) => [24, 33, 42, 51, 60][i] as number),
  },
  {
    name: 'stride rows, stride 2',
    build: () => correlate(rowNumbers, rowFilter, { strides: 2 }),
    want: filled(3, 3, (i) => [24, 42, 60][i] as number),
  },
  { name: 'even filter valid', build: () => correlate(ones(11), ones(6), { strides: 4 }), want: rows('36 36/36 36') },
  {
    name: 'even filter same',
    build: () => correlate(ones(11), ones(6), { strides: 4, ...same }),
    want: rows('25 30 20/30 36 24/20 24 16'),
  },
  // Pooling
  { name: 'max pool', build: () => plane(maxPool2d(picture(poolPicture), { poolSize: 2 })), want: rows('92/63') },
  {
    name: 'max pool that overlaps',
    build: () => plane(maxPool2d(picture(rows('13213/29115/13232/83510/56129')), { poolSize: 3, strides: 1 })),
    want: rows('995/995/869'),
  },
  {
    name: 'average pool',
    build: () => plane(averagePool2d(picture(poolPicture), { poolSize: 2 })),
    want: rows('3.75 1.25/3.75 2'),
  },
  ...(
    [
      [-1, rows('123/456')],
      [0, [2.5, 3.5, 4.5].map((value) => [value, value, value, value])],
      [1, [2, 5].map((value) => [value, value, value, value])],
      [
        [0, 1],
        [3.5, 3.5, 3.5, 3.5],
      ],
      [
        [1, 2],
        [2, 5],
      ],
      [
        [0, 2],
        [2.5, 3.5, 4.5],
      ],
    ] as const
  ).map(([axis, want]) => ({
    name: `reduce mean over ${axis}`,
    build: () => mean(tensor([filled(3, 4, (i) => i + 1), filled(3, 4, (i) => i + 4)]), { axis }),
    want,
  })),
  // Classification
  { name: 'softmax', build: () => softmax([2, 1, 0.1]), want: [0.659, 0.242, 0.099], tolerance: 5e-4 },
  {
    name: 'softmax moved by 1000',
    build: () => softmax([1002, 1001, 1000.1]),
    want: [0.659, 0.242, 0.099],
    tolerance: 5e-4,
  },
  // Transposed convolution
  { name: 'transposed, full', build: () => transposed({}), want: full },
  {
    name: 'transposed, padding 1',
    build: () =>
      transposed({
        padding: [
          [1, 0],
          [1, 0],
        ],
      }),
    want: full.slice(1).map((row) => row.slice(1)),
  },
  {
    name: 'transposed, same',
    build: () => transposed(same),
    want: full.slice(0, 4).map((row) => row.slice(0, 4)),
  },
  {
    name: 'transposed by zero stuffing',
    // The stamp turned by half a circle, over the stamps with blanks between them.
    build: () =>
      correlate(
        rows('201/000/302'),
        stamp.toReversed().map((row) => row.toReversed()),
        { padding: 2 },
      ),
    want: full,
  },
];
