// Layer and group normalisation. Rows that lie together have a kernel, and one for their gradient; other axes, and rows
// so long and few that threads would have nothing to share, are compositions that the pointwise pass fuses.
import { PARTIAL_SUMS } from '../core/abi.js';
import { floatBits } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { formatShape, normalizeAxes, type Shape, sameShape, sizeOf } from '../core/shape.js';
import { asCompound } from '../graph/compound.js';
import { defineOp, type Op, toTensor, unify } from '../graph/define.js';
import type { ReferenceArray, TensorType } from '../graph/op.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { add, cast, divide, multiply, negative, subtract } from './arithmetic.js';
import { ones, zeros } from './create.js';
import { checkChannels } from './norm.js';
import { mean, sum, variance } from './reduce.js';
import { broadcastTo, expandDims, reshape } from './shape.js';
import { rsqrt, square } from './unary.js';

/** Columns for whose sums a thread has scratch. */
const MOST_COLUMNS = 65536;

interface LayerNormParams {
  /** Added to the variance. */
  readonly epsilon: number;
}

type None = Record<string, never>;

const rowsOf = ({ shape }: TensorType): number => sizeOf(shape.slice(0, -1));
const columnsOf = ({ shape }: TensorType): number => shape.at(-1) as number;

/** Throws `internal` unless x has rows, and every other operand the shape it must have; only this file makes these nodes. */
function checkRows(op: string, x: TensorType, perColumn: readonly TensorType[], perRow: readonly TensorType[]): void {
  const fits =
    x.shape.length > 0 &&
    columnsOf(x) <= MOST_COLUMNS &&
    perColumn.every(({ shape }) => sameShape(shape, x.shape.slice(-1))) &&
    perRow.every(({ shape }) => sameShape(shape, x.shape.slice(0, -1)));
  if (fits) return;
  throw new FoveaError({ code: 'internal', op, message: `cannot normalise the rows of ${formatShape(x.shape)}.` });
}

const layerNormOp = defineOp<LayerNormParams>({
  name: 'layerNorm',
  summary: 'every row (the last axis) by its own mean and variance, times gamma plus beta; the means; 1 / deviations',
  shape(inputs) {
    const [x, ...perColumn] = inputs as readonly [TensorType, ...TensorType[]];
    checkRows('layerNorm', x, perColumn, []);
    const perRow = { shape: x.shape.slice(0, -1), dtype: x.dtype };
    return [{ shape: x.shape, dtype: x.dtype }, perRow, perRow];
  },
  gradient({ inputs, outputs, dys: [dy, dMean, dInverse] }) {
    const [x, gamma] = inputs as [Tensor, Tensor];
    const [, average, inverse] = outputs as [Tensor, Tensor, Tensor];
    const [fromY, dGamma, dBeta] =
      dy === undefined ? [] : (layerNormGradientOp.apply([dy, x, average, inverse, gamma], {}) as Tensor[]);
    const columns = columnsOf(x);
    const fromMean = dMean && broadcastTo(expandDims(divide(dMean, columns), -1), x.shape);
    const perOffset = dInverse && divide(multiply(dInverse, multiply(square(inverse), inverse)), -columns);
    const fromInverse = perOffset && multiply(expandDims(perOffset, -1), subtract(x, expandDims(average, -1)));
    return [total([fromY, fromMean, fromInverse]), dGamma, dBeta];
  },
  reference(inputs, { epsilon }) {
    const [x, gamma, beta] = inputs as [ReferenceArray, ReferenceArray, ReferenceArray];
    const [rows, columns] = [rowsOf(x), columnsOf(x)];
    const y = new Float64Array(x.data.length);
    const [averages, inverses] = [new Float64Array(rows), new Float64Array(rows)];
    for (let row = 0; row < rows; row++) {
      const values = x.data.subarray(row * columns, (row + 1) * columns);
      const average = values.reduce((all, value) => all + value / columns, 0);
      const spread = values.reduce((all, value) => all + (value - average) ** 2 / columns, 0);
      const inverse = 1 / Math.sqrt(spread + epsilon);
      [averages[row], inverses[row]] = [average, inverse];
      values.forEach((value, c) => {
        y[row * columns + c] = (value - average) * inverse * (gamma.data[c] as number) + (beta.data[c] as number);
      });
    }
    return [y, averages, inverses];
  },
  reduces: ([x]) => columnsOf(x as TensorType),
  flops: ([x]) => 8 * sizeOf((x as TensorType).shape),
  kernels: ({ inputs: [x], params: { epsilon } }) => [
    {
      kernel: 'layerNorm',
      operands: [
        { kind: 'input', index: 0 },
        { kind: 'input', index: 1 },
        { kind: 'input', index: 2 },
        { kind: 'output', index: 0 },
        { kind: 'output', index: 1 },
        { kind: 'output', index: 2 },
      ],
      parameters: [rowsOf(x as TensorType), columnsOf(x as TensorType), floatBits(epsilon) | 0],
    },
  ],
  cases: () =>
    CASES.map((shape) => ({
      name: formatShape(shape),
      inputs: [{ shape }, { shape: shape.slice(-1) }, { shape: shape.slice(-1) }],
      params: { epsilon: 0.1 },
    })),
});

/** Below, at and above the vectors and the groups of rows of every level. */
const CASES = [[5], [1, 1], [2, 3, 4], [4, 7], [5, 8], [9, 16], [7, 17], [3, 33], [67, 5], [6, 515], [131, 130]];

/** The sum of what is there; undefined where nothing is. */
function total(terms: readonly (Tensor | undefined)[]): Tensor | undefined {
  return terms.reduce(
    (all, term) => (all === undefined || term === undefined ? (all ?? term) : add(all, term)),
    undefined,
  );
}

const layerNormGradientOp: Op<None> = defineOp<None>({
  name: 'layerNormGradient',
  summary: "layer normalisation's gradients for x, gamma and beta, from dy, x, the means, 1 / deviations and gamma",
  shape(inputs) {
    const [dy, x, average, inverse, gamma] = inputs as [TensorType, TensorType, TensorType, TensorType, TensorType];
    checkRows('layerNormGradient', x, [gamma], [average, inverse]);
    if (!sameShape(dy.shape, x.shape)) checkRows('layerNormGradient', dy, [x], []);
    const perColumn = { shape: gamma.shape, dtype: x.dtype };
    return [{ shape: x.shape, dtype: x.dtype }, perColumn, perColumn];
  },
  // With n = (x - mean) * inverse and g = dy * gamma: dx = inverse * (g - mean of g - n * mean of g n), dGamma and dBeta
  // the columns' sums of dy n and dy. The map from g to dx is its own adjoint.
  gradient({ inputs, outputs: [dx], dys: [u, v, w] }) {
    const [dy, x, average, inverse, gamma] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const rows = x.shape.slice(0, -1).map((_, axis) => axis);
    const scale = expandDims(inverse, -1);
    const normal = multiply(subtract(x, expandDims(average, -1)), scale);
    const rowMean = (tensor: Tensor): Tensor => mean(tensor, { axis: -1, keepDims: true });
    const [back] = u === undefined ? [] : layerNormGradientOp.apply([u, x, average, inverse, ones(gamma.shape)], {});
    const g = multiply(dy, gamma);
    const fromU = u && add(multiply(u, rowMean(multiply(g, normal))), multiply(g, rowMean(multiply(u, normal))));
    const dNormal = total([fromU && negative(multiply(scale, fromU)), v && multiply(v, dy)]);
    const dCentred = dNormal && multiply(dNormal, scale);
    const alongInverse = total([
      u && sum(multiply(u, dx as Tensor), { axis: -1 }),
      dNormal && sum(multiply(dNormal, normal), { axis: -1 }),
    ]);
    return [
      total([back && multiply(back, gamma), v && multiply(v, normal), w && broadcastTo(w, dy.shape)]),
      dCentred,
      dCentred && negative(sum(dCentred, { axis: -1 })),
      alongInverse && divide(alongInverse, inverse),
      back && sum(multiply(dy, back), { axis: rows }),
    ];
  },
  reference(inputs) {
    const [dy, x, averages, inverses, gamma] = inputs as ReferenceArray[] as [
      ReferenceArray,
      ReferenceArray,
      ReferenceArray,
      ReferenceArray,
      ReferenceArray,
    ];
    const columns = columnsOf(x);
    const dx = new Float64Array(x.data.length);
    const [dGamma, dBeta] = [new Float64Array(columns), new Float64Array(columns)];
    averages.data.forEach((average, row) => {
      const inverse = inverses.data[row] as number;
      const at = row * columns;
      const normal = x.data.subarray(at, at + columns).map((value) => (value - average) * inverse);
      const slope = dy.data.subarray(at, at + columns);
      const g = slope.map((value, c) => value * (gamma.data[c] as number));
      const meanOf = (values: Float64Array): number => values.reduce((all, value) => all + value / columns, 0);
      const [first, second] = [meanOf(g), meanOf(g.map((value, c) => value * (normal[c] as number)))];
      for (let c = 0; c < columns; c++) {
        dx[at + c] = inverse * ((g[c] as number) - first - (normal[c] as number) * second);
        dGamma[c] = (dGamma[c] as number) + (slope[c] as number) * (normal[c] as number);
        dBeta[c] = (dBeta[c] as number) + (slope[c] as number);
      }
    });
    return [dx, dGamma, dBeta];
  },
  reduces: ([x]) => Math.max(rowsOf(x as TensorType), columnsOf(x as TensorType)),
  flops: ([x]) => 16 * sizeOf((x as TensorType).shape),
  kernels({ inputs: [x] }) {
    const type = x as TensorType;
    return [
      {
        kernel: 'layerNormGradient',
        operands: [
          ...[0, 1, 2, 3, 4].map((index) => ({ kind: 'input', index }) as const),
          ...[0, 1, 2].map((index) => ({ kind: 'output', index }) as const),
          { kind: 'scratch' },
        ],
        parameters: [rowsOf(type), columnsOf(type)],
        scratchBytes: PARTIAL_SUMS * 16 * columnsOf(type),
      },
    ];
  },
  cases: () =>
    CASES.map((shape) => {
      const [rows, columns] = [{ shape: shape.slice(0, -1) }, { shape: shape.slice(-1) }];
      return {
        name: formatShape(shape),
        // `inverse` divides: it stays away from zero.
        inputs: [{ shape }, { shape }, rows, { ...rows, low: 0.5, high: 2 }, columns],
        params: {},
      };
    }),
});

/** Which axes a normalisation averages, its scale and shift, and what keeps it from dividing by zero. */
export interface LayerNormOptions {
  /** Default: the last. */
  axis?: number | readonly number[];
  /** Of the sizes of the axes; default 1. */
  gamma?: TensorLike | undefined;
  beta?: TensorLike | undefined;
  /** Default 1e-3. */
  epsilon?: number;
  /** Whether the mean is taken away; default true. */
  isCentred?: boolean;
}

/** Normalises every example by its own mean and variance over the axes; gamma and beta have the sizes of the axes. */
export function layerNorm(x: TensorLike, options: LayerNormOptions = {}): Tensor {
  const { axis = -1, gamma, beta, epsilon = 1e-3, isCentred = true } = options;
  const [from] = unify([toTensor(x)], cast, 'float') as [Tensor];
  const wide = cast(from, 'float32');
  const axes = normalizeAxes(axis, wide.rank, 'layerNorm');
  if (isCentred && hasKernel(wide.shape, axes)) {
    const [outer, inner] = [wide.shape.slice(0, -axes.length), axes.map((each) => wide.shape[each] as number)];
    const flat = (operand: TensorLike | undefined, name: string, otherwise: Tensor): Tensor => {
      if (operand === undefined) return otherwise;
      return reshape(cast(checkedAlong(toTensor(operand), wide, axes, name), 'float32'), [sizeOf(inner)]);
    };
    const [g, b] = [flat(gamma, 'gamma', ones([sizeOf(inner)])), flat(beta, 'beta', zeros([sizeOf(inner)]))];
    const [y] = layerNormOp.apply([reshape(wide, [sizeOf(outer), sizeOf(inner)]), g, b], { epsilon }) as [Tensor];
    return cast(reshape(y, wide.shape), from.dtype);
  }
  const centred = isCentred ? subtract(wide, mean(wide, { axis: axes, keepDims: true })) : wide;
  const inverse = rsqrt(add(variance(wide, { axis: axes, keepDims: true }), epsilon));
  const normal = multiply(centred, inverse);
  const spread = (operand: TensorLike, name: string): Tensor => alongAxes(toTensor(operand), wide, axes, name);
  const scaled = gamma === undefined ? normal : multiply(normal, spread(gamma, 'gamma'));
  const y = beta === undefined ? scaled : add(scaled, spread(beta, 'beta'));
  return cast(y, from.dtype);
}

/**
 * Normalises each of `groups` groups of neighbouring channels of every example of x [n,...,c]; gamma and beta are [c].
 * Throws `shape` where the groups do not divide the channels.
 */
export function groupNorm(x: TensorLike, groups: number, options: Omit<LayerNormOptions, 'axis'> = {}): Tensor {
  const { gamma, beta, ...rest } = options;
  const [from] = unify([toTensor(x)], cast, 'float') as [Tensor];
  const channels = from.shape.at(-1) ?? 0;
  checkChannels('groupNorm', from, { gamma, beta });
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0) {
    throw new FoveaError({
      code: 'shape',
      op: 'groupNorm',
      message: `${groups} groups do not divide x's ${channels} channels.`,
      got: from.shape,
    });
  }
  const split = reshape(from, [...from.shape.slice(0, -1), groups, channels / groups]);
  const axes = split.shape.map((_, axis) => axis).filter((axis) => axis !== 0 && axis !== split.rank - 2);
  const { epsilon = 1e-3, isCentred = true } = rest;
  const whole = reshape(layerNorm(split, { epsilon, isCentred, axis: axes }), from.shape);
  const normal = isCentred ? asCompound(whole, 'groupNorm', [from], { groups, epsilon }) : whole;
  const scaled = gamma === undefined ? normal : multiply(normal, gamma);
  return cast(beta === undefined ? scaled : add(scaled, beta), from.dtype);
}

/** Whether the normalised axes are the last, and there is enough for the threads to share. */
function hasKernel(shape: Shape, axes: readonly number[]): boolean {
  const isTrailing = axes.length > 0 && axes.every((axis, i) => axis === shape.length - axes.length + i);
  const columns = sizeOf(axes.map((axis) => shape[axis] as number));
  return isTrailing && columns <= (sizeOf(shape) >= 16 * columns ? MOST_COLUMNS : 8192);
}

/** The operand; throws `shape` unless it has the sizes of `axes`. */
function checkedAlong(operand: Tensor, x: Tensor, axes: readonly number[], name: string): Tensor {
  const want = axes.map((axis) => x.shape[axis] as number);
  if (sameShape(operand.shape, want)) return operand;
  throw new FoveaError({
    code: 'shape',
    op: 'layerNorm',
    message: `${name} is ${formatShape(operand.shape)} but the normalised axes are ${formatShape(want)}.`,
    lines: [`x=${formatShape(x.shape)} axis=${axes.join(',')}`],
    got: operand.shape,
    want,
  });
}

/** An operand of the sizes of `axes`, laid so that it broadcasts along the others. */
function alongAxes(operand: Tensor, x: Tensor, axes: readonly number[], name: string): Tensor {
  return reshape(
    checkedAlong(operand, x, axes, name),
    x.shape.map((dim, axis) => (axes.includes(axis) ? dim : 1)),
  );
}

export const layerNormOps = [layerNormOp, layerNormGradientOp] as const;
