// Pooling over [n,h,w,c]. Padding never counts: it is neither a maximum nor part of an average. Max pooling's
// derivatives are two linear ops that share the choice of places, so higher derivatives exist.
import { DTYPES, type KernelName } from '../core/abi.js';
import { type Dtype, isFloat } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { formatShape, type Shape, sizeOf } from '../core/shape.js';
import { defineOp, type Op, toTensor, unify } from '../graph/define.js';
import type { CaseInput, KernelCall, OpCase, ReferenceArray, TensorType } from '../graph/op.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { cast } from './arithmetic.js';
import { asRow } from './conv-variants.js';
import { max, mean } from './reduce.js';
import { transpose } from './shape.js';
import {
  checkRank,
  checkWhole,
  type DataFormat,
  formatPair,
  outputSize,
  type Padding,
  type PaddingWord,
  type Pair,
  paddingOf,
  pairOf,
} from './window.js';

/** How a pool steps; a single number holds for height and width. */
export interface Pool2dOptions {
  /** Cells of a window; default 2. */
  poolSize?: number | Pair;
  /** Default: poolSize. */
  strides?: number | Pair;
  /** Numbers must be less than poolSize, so that every window sees a cell. */
  padding?: Padding;
  dataFormat?: DataFormat;
}

interface PoolParams {
  readonly poolSize: Pair;
  readonly strides: Pair;
  readonly padding: readonly [Pair, Pair];
}

interface AverageGradientParams extends PoolParams {
  /** Height and width of x. */
  readonly inputSize: Pair;
}

/** The shape that pooling x [n,h,w,c] gives; throws where it gives none. */
function pooledShape(op: string, x: Shape, { poolSize, strides, padding }: PoolParams): Shape {
  checkRank(op, 'x', x, 'n,h,w,channels');
  checkWhole(op, 'poolSize', poolSize, 1);
  checkWhole(op, 'strides', strides, 1);
  checkWhole(op, 'padding', padding.flat(), 0);
  const [n, h, w, channels] = x as [number, number, number, number];
  const oh = outputSize(h, poolSize[0], strides[0], padding[0]);
  const ow = outputSize(w, poolSize[1], strides[1], padding[1]);
  const isEmpty = padding.some((pair, axis) => Math.max(...pair) >= (poolSize[axis] as number));
  if (isEmpty) {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `padding ${JSON.stringify(padding)} must be less than poolSize ${formatPair(poolSize)}.`,
      got: padding,
      hint: 'A window that sees padding alone would have no value.',
    });
  }
  if (oh < 1 || ow < 1) {
    throw new FoveaError({
      code: 'shape',
      op,
      message: `a pool of ${formatPair(poolSize)} cells does not fit x of ${formatPair([h, w])}.`,
      lines: [`x=${formatShape(x)}`],
      got: x,
      hint: "Use a smaller pool or padding: 'same'.",
    });
  }
  return [n, oh, ow, channels];
}

function checkFloat(op: string, { dtype }: TensorType): void {
  if (isFloat(dtype)) return;
  throw new FoveaError({
    code: 'dtype',
    op,
    message: `is not defined for ${dtype}; it takes floats.`,
    got: dtype,
    hint: 'Cast the input with fovea.cast.',
  });
}

/** Throws `shape` where `dy` does not have the shape of the pooled x. */
function checkPooled(op: string, dy: TensorType, pooled: Shape): void {
  if (dy.shape.length === 4 && dy.shape.every((dim, axis) => dim === pooled[axis])) return;
  throw new FoveaError({
    code: 'shape',
    op,
    message: `dy is ${formatShape(dy.shape)} but the pool gives ${formatShape(pooled)}.`,
    got: dy.shape,
    want: pooled,
  });
}

/** Visits every window: the element of y, and the elements of x that it sees, row-major. */
function forEachWindow(
  x: Shape,
  y: Shape,
  params: PoolParams,
  visit: (to: number, cells: readonly number[]) => void,
): void {
  const [, h, w, channels] = x as [number, number, number, number];
  const [n, oh, ow] = y as [number, number, number, number];
  const { poolSize, strides, padding } = params;
  for (let image = 0; image < n; image++) {
    for (let row = 0; row < oh; row++) {
      for (let column = 0; column < ow; column++) {
        for (let c = 0; c < channels; c++) {
          const cells: number[] = [];
          for (let u = 0; u < poolSize[0]; u++) {
            for (let v = 0; v < poolSize[1]; v++) {
              const i = row * strides[0] - padding[0][0] + u;
              const j = column * strides[1] - padding[1][0] + v;
              if (i >= 0 && i < h && j >= 0 && j < w) cells.push(((image * h + i) * w + j) * channels + c);
            }
          }
          visit(((image * oh + row) * ow + column) * channels + c, cells);
        }
      }
    }
  }
}

/** The cell that holds the first of the largest values; NaN counts as largest. */
function firstLargest(x: Float64Array, cells: readonly number[]): number {
  let best = cells[0] as number;
  for (const cell of cells) {
    const value = x[cell] as number;
    const top = x[best] as number;
    if (value > top || (Number.isNaN(value) && !Number.isNaN(top))) best = cell;
  }
  return best;
}

/** `dtype` is that of all operands, for the kernels that ask. */
function poolCall(
  kernel: KernelName,
  inputs: number,
  x: Shape,
  y: Shape,
  params: PoolParams,
  dtype?: Dtype,
): KernelCall[] {
  const { poolSize, strides, padding } = params;
  const [n, h, w, channels] = x as [number, number, number, number];
  const [, oh, ow] = y as [number, number, number, number];
  const geometry = [n, h, w, channels, ...poolSize, oh, ow, ...strides, padding[0][0], padding[1][0]];
  const operands = Array.from({ length: inputs }, (_, index) => ({ kind: 'input' as const, index }));
  return [
    {
      kernel,
      operands: [...operands, { kind: 'output', index: 0 }],
      parameters: dtype === undefined ? geometry : [...geometry, DTYPES[dtype]],
    },
  ];
}

const cellsOf = ({ poolSize }: PoolParams): number => poolSize[0] * poolSize[1];

const maxPoolOp: Op<PoolParams> = defineOp({
  name: 'maxPool',
  summary: 'the largest of every window; NaN wins',
  shape(inputs, params) {
    const [x] = inputs as readonly [TensorType];
    const shape = pooledShape('maxPool', x.shape, params);
    checkFloat('maxPool', x);
    return [{ shape, dtype: x.dtype }];
  },
  gradient: ({ inputs: [x], params, dy }) => [maxPoolGradientOp.one([x as Tensor, dy], params)],
  reference([x], params, [y]) {
    const from = x as ReferenceArray;
    const { shape } = y as TensorType;
    const out = new Float64Array(sizeOf(shape));
    forEachWindow(from.shape, shape, params, (to, cells) => {
      out[to] = from.data[firstLargest(from.data, cells)] as number;
    });
    return [out];
  },
  flops: (_inputs, params, [y]) => sizeOf((y as TensorType).shape) * cellsOf(params),
  kernels: ({ inputs: [x], outputs: [y], params }) =>
    poolCall('maxPool', 1, (x as TensorType).shape, (y as TensorType).shape, params, (x as TensorType).dtype),
  takesBfloat16: () => true,
  cases: () => [
    ...poolCases().map(({ name, x, params }) => ({ name, inputs: [spaced(x)], params })),
    tieCase(1),
    ...bfloat16Cases(({ x }) => [{ shape: x }]),
  ],
});

const maxPoolGradientOp: Op<PoolParams> = defineOp({
  name: 'maxPoolGradient',
  summary: 'the adjoint of max pooling: dy goes to the first maximum of its window',
  shape(inputs, params) {
    const [x, dy] = inputs as readonly [TensorType, TensorType];
    checkPooled('maxPoolGradient', dy, pooledShape('maxPoolGradient', x.shape, params));
    checkFloat('maxPoolGradient', x);
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  // Where the maxima lie does not change with small changes of x.
  gradient: ({ inputs: [x], params, dy: g }) => [undefined, maxPoolTakeOp.one([x as Tensor, g], params)],
  reference(inputs, params) {
    const [x, dy] = inputs as readonly [ReferenceArray, ReferenceArray];
    const dx = new Float64Array(x.data.length);
    forEachWindow(x.shape, dy.shape, params, (to, cells) => {
      const cell = firstLargest(x.data, cells);
      dx[cell] = (dx[cell] as number) + (dy.data[to] as number);
    });
    return [dx];
  },
  reduces: (_inputs, params) => cellsOf(params),
  flops: ([, dy], params) => sizeOf((dy as TensorType).shape) * cellsOf(params),
  kernels: ({ inputs: [x, dy], params }) =>
    poolCall('maxPoolGradient', 2, (x as TensorType).shape, (dy as TensorType).shape, params, (x as TensorType).dtype),
  takesBfloat16: () => true,
  cases: () => [
    ...poolCases().map(({ name, x, y, params }) => ({ name, inputs: [spaced(x), { shape: y }], params })),
    tieCase(2),
    ...bfloat16Cases(({ x, y }) => [{ shape: x }, { shape: y }]),
  ],
});

const maxPoolTakeOp: Op<PoolParams> = defineOp({
  name: 'maxPoolTake',
  summary: 'what v holds where x has the first maximum of every window',
  shape(inputs, params) {
    const [x, v] = inputs as readonly [TensorType, TensorType];
    const shape = pooledShape('maxPoolTake', x.shape, params);
    checkFloat('maxPoolTake', x);
    if (v.shape.length !== 4 || v.shape.some((dim, axis) => dim !== x.shape[axis])) {
      throw new FoveaError({
        code: 'shape',
        op: 'maxPoolTake',
        message: `v is ${formatShape(v.shape)} but x is ${formatShape(x.shape)}.`,
        got: v.shape,
        want: x.shape,
      });
    }
    return [{ shape, dtype: v.dtype }];
  },
  gradient: ({ inputs: [x], params, dy: g }) => [undefined, maxPoolGradientOp.one([x as Tensor, g], params)],
  reference(inputs, params, [y]) {
    const [x, v] = inputs as readonly [ReferenceArray, ReferenceArray];
    const { shape } = y as TensorType;
    const out = new Float64Array(sizeOf(shape));
    forEachWindow(x.shape, shape, params, (to, cells) => {
      out[to] = v.data[firstLargest(x.data, cells)] as number;
    });
    return [out];
  },
  flops: (_inputs, params, [y]) => sizeOf((y as TensorType).shape) * cellsOf(params),
  kernels: ({ inputs: [x], outputs: [y], params }) =>
    poolCall('maxPoolTake', 2, (x as TensorType).shape, (y as TensorType).shape, params),
  cases: () => poolCases().map(({ name, x, params }) => ({ name, inputs: [spaced(x), { shape: x }], params })),
});

const avgPoolOp: Op<PoolParams> = defineOp({
  name: 'avgPool',
  summary: 'the mean of the cells that every window sees',
  shape(inputs, params) {
    const [x] = inputs as readonly [TensorType];
    const shape = pooledShape('avgPool', x.shape, params);
    checkFloat('avgPool', x);
    return [{ shape, dtype: x.dtype }];
  },
  gradient({ inputs: [x], params, dy }) {
    const [, h, w] = (x as Tensor).shape as [number, number, number, number];
    return [avgPoolGradientOp.one([dy], { ...params, inputSize: [h, w] })];
  },
  reference([x], params, [y]) {
    const from = x as ReferenceArray;
    const { shape } = y as TensorType;
    const out = new Float64Array(sizeOf(shape));
    forEachWindow(from.shape, shape, params, (to, cells) => {
      out[to] = cells.reduce((total, cell) => total + (from.data[cell] as number), 0) / cells.length;
    });
    return [out];
  },
  reduces: (_inputs, params) => cellsOf(params),
  flops: (_inputs, params, [y]) => sizeOf((y as TensorType).shape) * cellsOf(params),
  kernels: ({ inputs: [x], outputs: [y], params }) =>
    poolCall('avgPool', 1, (x as TensorType).shape, (y as TensorType).shape, params, (x as TensorType).dtype),
  takesBfloat16: () => true,
  cases: () => [
    ...poolCases().map(({ name, x, params }) => ({ name, inputs: [{ shape: x }], params })),
    ...bfloat16Cases(({ x }) => [{ shape: x }]),
  ],
});

const avgPoolGradientOp: Op<AverageGradientParams> = defineOp({
  name: 'avgPoolGradient',
  summary: 'the adjoint of average pooling: dy shared among the cells of its window',
  shape(inputs, params) {
    const [dy] = inputs as readonly [TensorType];
    checkRank('avgPoolGradient', 'dy', dy.shape, 'n,h,w,channels');
    const shape = averagedShape(dy.shape, params);
    checkPooled('avgPoolGradient', dy, pooledShape('avgPoolGradient', shape, params));
    checkFloat('avgPoolGradient', dy);
    return [{ shape, dtype: dy.dtype }];
  },
  gradient({ params: { poolSize, strides, padding }, dy: g }) {
    return [avgPoolOp.one([g], { poolSize, strides, padding })];
  },
  reference([dy], params) {
    const from = dy as ReferenceArray;
    const shape = averagedShape(from.shape, params);
    const dx = new Float64Array(sizeOf(shape));
    forEachWindow(shape, from.shape, params, (to, cells) => {
      for (const cell of cells) dx[cell] = (dx[cell] as number) + (from.data[to] as number) / cells.length;
    });
    return [dx];
  },
  reduces: (_inputs, params) => cellsOf(params),
  flops: ([dy], params) => sizeOf((dy as TensorType).shape) * cellsOf(params),
  kernels: ({ inputs: [dy], outputs: [dx], params }) =>
    poolCall(
      'avgPoolGradient',
      1,
      (dx as TensorType).shape,
      (dy as TensorType).shape,
      params,
      (dy as TensorType).dtype,
    ),
  takesBfloat16: () => true,
  cases: () => [
    ...poolCases().map(({ name, x, y, params }) => ({ name, inputs: [{ shape: y }], params: ofSize(x, params) })),
    ...poolCases()
      .filter(({ name }) => BFLOAT16_CASES.includes(name))
      .map(({ name, x, y, params }) => ({
        name: `${name}, bfloat16`,
        inputs: [{ shape: y, dtype: 'bfloat16' as const }],
        params: ofSize(x, params),
        gradient: false,
      })),
  ],
});

function ofSize(x: Shape, params: PoolParams): AverageGradientParams {
  return { ...params, inputSize: [x[1] as number, x[2] as number] };
}

function averagedShape(dy: Shape, { inputSize }: AverageGradientParams): Shape {
  return [dy[0] as number, ...inputSize, dy[3] as number];
}

interface PoolCase {
  readonly name: string;
  readonly x: Shape;
  readonly y: Shape;
  readonly params: PoolParams;
}

function poolCases(): PoolCase[] {
  const build = (name: string, x: Shape, options: Pool2dOptions): PoolCase => {
    const params = paramsOf('maxPool2d', x, options);
    return { name, x, y: pooledShape('maxPool2d', x, params), params };
  };
  const same = { padding: 'same' } as const;
  return [
    ...[1, 7, 8, 9, 15, 16, 17, 31, 33, 65].map((c) => build(`${c} channels`, [2, 4, 6, c], {})),
    build('odd sizes floored', [2, 5, 7, 3], {}),
    build('odd sizes same', [1, 5, 7, 3], same),
    build('3 by 2', [2, 7, 8, 5], { poolSize: 3, strides: 2 }),
    build('wide lines', [2, 18, 19, 18], {}),
    build('3 by 2 of wide lines', [1, 19, 33, 34], { ...same, poolSize: 3, strides: 2 }),
    build('3 by 1 of wide lines', [1, 9, 19, 17], { ...same, poolSize: 3, strides: 1 }),
    build('3 by 2 same', [2, 8, 9, 5], { ...same, poolSize: 3, strides: 2 }),
    build('3 by 1 same', [1, 6, 5, 9], { ...same, poolSize: 3, strides: 1 }),
    build('2 by 3', [1, 8, 8, 4], { poolSize: 2, strides: 3 }),
    build('2x3 by 1x2', [1, 5, 9, 4], { poolSize: [2, 3], strides: [1, 2] }),
    build('even same', [1, 5, 6, 4], { ...same, poolSize: 4, strides: 1 }),
    build('uneven padding', [1, 6, 7, 4], {
      poolSize: 3,
      strides: 2,
      padding: [
        [0, 2],
        [1, 0],
      ],
    }),
    build('whole picture', [3, 4, 5, 6], { poolSize: [4, 5] }),
    build('larger than the picture', [1, 2, 3, 5], { ...same, poolSize: 5, strides: 1 }),
    build('one pixel', [4, 1, 1, 8], { poolSize: 1 }),
  ];
}

const BFLOAT16_CASES = ['17 channels', '3 by 1 same', 'whole picture', 'wide lines', '3 by 2 of wide lines'];

/** The same windows over bfloat16, whose gradients finite differences cannot see. */
function bfloat16Cases(inputsOf: (made: PoolCase) => CaseInput[]): OpCase<PoolParams>[] {
  const chosen = poolCases().filter(({ name }) => BFLOAT16_CASES.includes(name));
  return chosen.map((made) => ({
    name: `${made.name}, bfloat16`,
    inputs: inputsOf(made).map((input) => ({ ...input, dtype: 'bfloat16' as const })),
    params: made.params,
    gradient: false,
  }));
}

/** Distinct values, 1/128 apart, so that no small change moves a maximum. */
function spaced(shape: Shape): { shape: Shape; values: number[] } {
  const size = sizeOf(shape);
  // A step without a common divisor visits every value once, in no visible order.
  let step = Math.round(size * 0.618);
  while (commonDivisor(step, size) !== 1) step++;
  return { shape, values: Array.from({ length: size }, (_, i) => (((i * step) % size) - size / 2) / 128) };
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/** Equal values: the first counts. No gradient exists there. */
function tieCase(inputs: 1 | 2): OpCase<PoolParams> {
  const x = [2, 5, 6, 9];
  const params: PoolParams = {
    poolSize: [3, 3],
    strides: [2, 2],
    padding: [
      [1, 1],
      [1, 1],
    ],
  };
  const values = Array.from({ length: sizeOf(x) }, (_, i) => -1 - ((i * 7) % 3));
  const dy = { shape: pooledShape('maxPool2d', x, params) };
  return { name: 'ties', inputs: [{ shape: x, values }, dy].slice(0, inputs), params, gradient: false };
}

function paramsOf(op: string, x: Shape, options: Pool2dOptions): PoolParams {
  const poolSize = pairOf(options.poolSize ?? 2);
  const strides = pairOf(options.strides ?? poolSize);
  const size: Pair = [x[1] as number, x[2] as number];
  return { poolSize, strides, padding: paddingOf(op, options.padding ?? 'valid', size, poolSize, strides) };
}

function pool(name: string, op: typeof maxPoolOp, x: TensorLike, options: Pool2dOptions): Tensor {
  const [from] = unify([toTensor(x)], cast, 'float') as [Tensor];
  const isFirst = options.dataFormat === 'channelsFirst';
  checkRank(name, 'x', from.shape, isFirst ? 'n,channels,h,w' : 'n,h,w,channels');
  const pixels = isFirst ? transpose(from, [0, 2, 3, 1]) : from;
  const y = op.one([pixels], paramsOf(name, pixels.shape, options));
  return isFirst ? transpose(y, [0, 3, 1, 2]) : y;
}

/** The largest value of every window of x [n,h,w,c]; padding never counts. Throws `shape` where no window fits. */
export function maxPool2d(x: TensorLike, options: Pool2dOptions = {}): Tensor {
  return pool('maxPool2d', maxPoolOp, x, options);
}

/** The mean of every window of x [n,h,w,c], over the cells inside the picture. Throws `shape` where no window fits. */
export function averagePool2d(x: TensorLike, options: Pool2dOptions = {}): Tensor {
  return pool('averagePool2d', avgPoolOp, x, options);
}

/** How a pool over sequences steps. */
export interface Pool1dOptions {
  /** Default 2. */
  poolSize?: number;
  /** Default: poolSize. */
  strides?: number;
  padding?: PaddingWord;
  dataFormat?: DataFormat;
}

function pool1d(name: string, op: typeof maxPoolOp, x: TensorLike, options: Pool1dOptions): Tensor {
  const { poolSize = 2, strides = poolSize, padding = 'valid', dataFormat } = options;
  return asRow(name, toTensor(x), dataFormat, (row) =>
    pool(name, op, row, { poolSize: [1, poolSize], strides: [1, strides], padding }),
  );
}

/** The largest value of every window of sequences x [n,length,c]; padding never counts. */
export function maxPool1d(x: TensorLike, options: Pool1dOptions = {}): Tensor {
  return pool1d('maxPool1d', maxPoolOp, x, options);
}

/** The mean of every window of sequences x [n,length,c], over the elements inside. */
export function averagePool1d(x: TensorLike, options: Pool1dOptions = {}): Tensor {
  return pool1d('averagePool1d', avgPoolOp, x, options);
}

/** What a global pool keeps: `keepDims` leaves every pooled axis with size 1. */
export interface GlobalPoolOptions {
  keepDims?: boolean;
  dataFormat?: DataFormat;
}

/** The mean of every channel over everything between the batch and the channels: [n,h,w,c] to [n,c]. */
export function globalAveragePool(x: TensorLike, options: GlobalPoolOptions = {}): Tensor {
  return mean(x, { axis: innerAxes('globalAveragePool', toTensor(x), options), keepDims: options.keepDims });
}

/** The largest value of every channel over everything between the batch and the channels: [n,h,w,c] to [n,c]. */
export function globalMaxPool(x: TensorLike, options: GlobalPoolOptions = {}): Tensor {
  return max(x, { axis: innerAxes('globalMaxPool', toTensor(x), options), keepDims: options.keepDims });
}

function innerAxes(op: string, x: Tensor, { dataFormat }: GlobalPoolOptions): number[] {
  const isFirst = dataFormat === 'channelsFirst';
  if (x.rank < 3) checkRank(op, 'x', x.shape, isFirst ? 'n,channels,h,w' : 'n,h,w,channels');
  return Array.from({ length: x.rank - 2 }, (_, i) => i + (isFirst ? 2 : 1));
}

export const poolOps = [maxPoolOp, maxPoolGradientOp, maxPoolTakeOp, avgPoolOp, avgPoolGradientOp] as const;
