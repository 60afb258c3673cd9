// Matrix products: `matmul` over the last two axes, the leading ones broadcast. Kernel: kernels/cpu/matmul.cc.
import { ACTIVATIONS, DTYPES } from '../core/abi.js';
import { floatBits, isFloat } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { broadcastShapes, broadcastStrides, formatShape, type Shape, sizeOf, stridesOf } from '../core/shape.js';
import { defineOp, toTensor, unify } from '../graph/define.js';
import type { Epilogue, GradientRequest, KernelCall, KernelOperand, ReferenceArray, TensorType } from '../graph/op.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { cast } from './arithmetic.js';
import { concat } from './join.js';
import { broadcastTo, expandDims, reshape, squeeze, sumTo } from './shape.js';

/** Which operands to take transposed (their last two axes swapped). */
export interface MatmulOptions {
  transposeA?: boolean;
  transposeB?: boolean;
}

interface MatmulParams {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

interface Sizes {
  readonly batch: Shape;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

function sizesOf(a: TensorType, b: TensorType, { transposeA, transposeB }: MatmulParams): Sizes {
  const [rows, inner] = lastTwo(a.shape, transposeA);
  const [innerB, columns] = lastTwo(b.shape, transposeB);
  const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
  if (inner !== innerB || batch === undefined) {
    throw new FoveaError({
      code: 'shape',
      op: 'matmul',
      message:
        batch === undefined
          ? `leading axes of ${formatShape(a.shape)} and ${formatShape(b.shape)} do not broadcast.`
          : `a has ${inner} columns but b has ${innerB} rows.`,
      lines: [
        `a=${formatShape(a.shape)}${transposeA ? ' transposed' : ''} b=${formatShape(b.shape)}${transposeB ? ' transposed' : ''}`,
      ],
      got: [a.shape, b.shape],
      hint:
        batch === undefined
          ? 'Leading sizes must be equal or 1.'
          : 'The inner sizes must agree; transposeA or transposeB may be missing.',
    });
  }
  return { batch, m: rows, n: columns, k: inner };
}

function lastTwo(shape: Shape, isTransposed: boolean): [number, number] {
  const rows = shape.at(-2) as number;
  const columns = shape.at(-1) as number;
  return isTransposed ? [columns, rows] : [rows, columns];
}

/** The parameter words of an epilogue, and its two operands. */
export function epilogueWords(epilogue: Epilogue | undefined): { words: number[]; operands: KernelOperand[] } {
  const operand = (index: number | undefined): KernelOperand =>
    index === undefined ? { kind: 'none' } : { kind: 'input', index };
  return {
    words: [ACTIVATIONS[epilogue?.activation ?? 'none'], floatBits(epilogue?.alpha ?? 0)],
    operands: [operand(epilogue?.bias), operand(epilogue?.residual)],
  };
}

/** So many products with one matrix are worth a copy of their rows. */
const MANY_USES = 4;

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

const matmulOp = defineOp<MatmulParams>({
  name: 'matmul',
  summary: 'matrix product over the last two axes',
  takesEpilogue: true,
  takesBfloat16: () => true,
  shape([a, b], params) {
    for (const each of [a as TensorType, b as TensorType]) {
      if (each.shape.length < 2) {
        throw new FoveaError({
          code: 'shape',
          op: 'matmul',
          message: `operands need at least two axes; got ${formatShape(each.shape)}.`,
          got: each.shape,
          hint: 'Reshape a vector to [1, n] or [n, 1].',
        });
      }
    }
    if (a!.dtype !== b!.dtype || !isFloat(a!.dtype)) {
      throw new FoveaError({
        code: 'dtype',
        op: 'matmul',
        message: `takes floats of one dtype; got ${a!.dtype} and ${b!.dtype}.`,
        got: [a!.dtype, b!.dtype],
        hint: 'Cast the operands with fovea.cast.',
      });
    }
    const { batch, m, n } = sizesOf(a as TensorType, b as TensorType, params);
    return [{ shape: [...batch, m, n], dtype: a!.dtype }];
  },
  gradient({ inputs: [a, b], params: { transposeA, transposeB }, dy }) {
    const da = transposeA
      ? matmul(b!, dy, { transposeA: transposeB, transposeB: true })
      : matmul(dy, b!, { transposeB: !transposeB });
    const db = transposeB
      ? matmul(dy, a!, { transposeA: true, transposeB: transposeA })
      : matmul(a!, dy, { transposeA: !transposeA });
    return [sumTo(da, a!.shape), sumTo(db, b!.shape)];
  },
  sharedGradient(index, uses) {
    // One matrix that many small ones are multiplied by, as in a recurrent layer: one tall product instead of many and their sum.
    const { params } = uses[0] as GradientRequest<MatmulParams>;
    const isTall = uses.every(
      ({ inputs, params: each }) =>
        inputs.every(({ rank }) => rank === 2) && !each.transposeA && each.transposeB === params.transposeB,
    );
    if (index !== 1 || uses.length < MANY_USES || !isTall) return undefined;
    const rows = concat(uses.map(({ inputs: [a] }) => a as Tensor));
    const dys = concat(uses.map(({ dy }) => dy));
    return params.transposeB ? matmul(dys, rows, { transposeA: true }) : matmul(rows, dys, { transposeA: true });
  },
  reference([a, b], params) {
    const { batch, m, n, k } = sizesOf(a as TensorType, b as TensorType, params);
    const batches = sizeOf(batch);
    const out = new Float64Array(batches * m * n);
    const offsets = (x: ReferenceArray): number[] => {
      const lead = x.shape.slice(0, -2);
      const strides = broadcastStrides(lead, stridesOf(lead), batch);
      const steps = stridesOf(batch);
      return Array.from({ length: batches }, (_, i) =>
        strides.reduce(
          (sum, stride, axis) => sum + stride * (Math.floor(i / (steps[axis] as number)) % (batch[axis] as number)),
          0,
        ),
      );
    };
    const [fromA, fromB] = [offsets(a as ReferenceArray), offsets(b as ReferenceArray)];
    for (let each = 0; each < batches; each++) {
      const baseA = (fromA[each] as number) * m * k;
      const baseB = (fromB[each] as number) * k * n;
      for (let row = 0; row < m; row++) {
        for (let column = 0; column < n; column++) {
          let total = 0;
          for (let i = 0; i < k; i++) {
            const left = a!.data[baseA + (params.transposeA ? i * m + row : row * k + i)] as number;
            const right = b!.data[baseB + (params.transposeB ? column * k + i : i * n + column)] as number;
            total += left * right;
          }
          out[(each * m + row) * n + column] = total;
        }
      }
    }
    return [out];
  },
  reduces: ([a, b], params) => sizesOf(a as TensorType, b as TensorType, params).k,
  flops([a, b], params) {
    const { batch, m, n, k } = sizesOf(a as TensorType, b as TensorType, params);
    return 2 * sizeOf(batch) * m * n * k;
  },
  kernels({ inputs: [a, b], params, epilogue, isConstant }): KernelCall[] {
    const { batch, m, n, k } = sizesOf(a as TensorType, b as TensorType, params);
    const batches = sizeOf(batch);
    // `matmul` below has made the leading axes equal or absent.
    const isSharedA = sizeOf(a!.shape.slice(0, -2)) === 1 && batches > 1;
    const isSharedB = sizeOf(b!.shape.slice(0, -2)) === 1;
    const { words, operands } = epilogueWords(epilogue);
    const isNarrow = a!.dtype === 'bfloat16';
    const parameters = [
      batches,
      m,
      n,
      k,
      Number(params.transposeA),
      Number(params.transposeB),
      isSharedA ? 0 : m * k,
      isSharedB ? 0 : k * n,
      ...words,
      ...(isNarrow ? [DTYPES.bfloat16, DTYPES.bfloat16, DTYPES.float32, DTYPES.bfloat16] : []),
    ];
    const bytes = 4 * (isSharedB ? 1 : batches) * k * roundUp(n, 64);
    // A few rows pack the piece of b that they work on, in the thread's own scratch.
    const rows = isSharedB ? batches * m : m;
    const packsPieces = !isNarrow && !params.transposeA && m > 1 && rows <= 48 && n >= 64;
    // A single row or column streams b as it lies.
    const isPacked = isConstant[1] === true && (isNarrow || (m > 1 && n > 1));
    const pack: KernelCall = {
      kernel: isNarrow ? 'bf16PackMatrix' : 'packMatrix',
      operands: [{ kind: 'input', index: 1 }, { kind: 'prepared' }],
      parameters,
      prepares: true,
      preparedBytes: bytes,
    };
    return [
      ...(isPacked ? [pack] : []),
      {
        kernel: isNarrow ? 'bf16Matmul' : 'matmul',
        operands: [
          { kind: 'input', index: 0 },
          isPacked ? { kind: 'none' } : { kind: 'input', index: 1 },
          isPacked ? { kind: 'prepared' } : { kind: 'none' },
          ...operands,
          { kind: 'output', index: 0 },
          { kind: 'scratch' },
        ],
        parameters,
        scratchBytes: isPacked || packsPieces ? 0 : bytes,
      },
    ];
  },
  cases: () => {
    const square = (m: number, k: number, n: number, transposeA = false, transposeB = false) => ({
      name: `${m}x${k}x${n}${transposeA ? ' tA' : ''}${transposeB ? ' tB' : ''}`,
      inputs: [{ shape: transposeA ? [k, m] : [m, k] }, { shape: transposeB ? [n, k] : [k, n] }],
      params: { transposeA, transposeB },
    });
    const sizes = [
      [1, 1, 1],
      [1, 300, 10],
      [3, 5, 7],
      [13, 17, 33],
      [64, 32, 96],
      [31, 131, 65],
    ] as const;
    const flags = [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const;
    return [
      ...sizes.flatMap(([m, k, n]) => flags.map(([tA, tB]) => square(m, k, n, tA, tB))),
      {
        name: 'batched',
        inputs: [{ shape: [3, 5, 7] }, { shape: [3, 7, 4] }],
        params: { transposeA: false, transposeB: false },
      },
      {
        name: 'shared b',
        inputs: [{ shape: [3, 5, 7] }, { shape: [7, 4] }],
        params: { transposeA: false, transposeB: false },
      },
      {
        name: 'shared a',
        inputs: [{ shape: [5, 7] }, { shape: [3, 7, 4] }],
        params: { transposeA: false, transposeB: false },
      },
      {
        name: 'empty',
        inputs: [{ shape: [3, 0] }, { shape: [0, 4] }],
        params: { transposeA: false, transposeB: false },
        gradient: false,
      },
    ];
  },
});

/**
 * The matrix product over the last two axes, [..., m, k] by [..., k, n] to [..., m, n]; leading axes broadcast.
 * A vector is taken as one row (a) or one column (b) and loses that axis again. Throws `shape` where the inner sizes differ.
 */
export function matmul(
  a: TensorLike,
  b: TensorLike,
  { transposeA = false, transposeB = false }: MatmulOptions = {},
): Tensor {
  const [left, right] = unify([toTensor(a), toTensor(b)], cast, 'float') as [Tensor, Tensor];
  if (left.rank === 1) return squeeze(matmul(expandDims(left, 0), right, { transposeB }), -2);
  if (right.rank === 1) return squeeze(matmul(left, expandDims(right, 1), { transposeA }), -1);
  const params = { transposeA, transposeB };
  if (left.rank < 2 || right.rank < 2) return matmulOp.one([left, right], params);
  const { batch, m, n, k } = sizesOf(left, right, params);
  // One matrix against many rows is a single, taller product.
  if (right.rank === 2 && !transposeA && left.rank > 2) {
    const flat = matmulOp.one([reshape(left, [sizeOf(batch) * m, k]), right], params);
    return reshape(flat, [...batch, m, n]);
  }
  const full = (x: Tensor): Tensor => {
    const lead = x.shape.slice(0, -2);
    const isOne = sizeOf(lead) === 1;
    const matrix = x.shape.slice(-2);
    return isOne ? reshape(x, matrix) : reshape(broadcastTo(x, [...batch, ...matrix]), [sizeOf(batch), ...matrix]);
  };
  return reshape(matmulOp.one([full(left), full(right)], params), [...batch, m, n]);
}

export const matmulOps = [matmulOp] as const;
