// Convolutions over [n,h,w,c]: one op and its two adjoints, whose gradients are each other, so that
// derivatives of any order exist. What follows from it is in conv-variants.ts. Kernels: conv-kernels.ts.
import { isFloat } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { formatShape, type Shape, sizeOf } from '../core/shape.js';
import { defineOp, toTensor, unify } from '../graph/define.js';
import type { OpCase, ReferenceArray, TensorType } from '../graph/op.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { cast } from './arithmetic.js';
import { type ConvParams, filterCells, type Geometry, geometryOf, multiplyAdds } from './conv-geometry.js';
import { filterGradientCalls, forwardCalls, inputGradientCalls } from './conv-kernels.js';
import { transpose } from './shape.js';
import {
  checkRank,
  checkWhole,
  type DataFormat,
  formatPair,
  type Padding,
  type Pair,
  paddingOf,
  pairOf,
  spanOf,
} from './window.js';

/** How a convolution steps; a single number holds for height and width. */
export interface Conv2dOptions {
  strides?: number | Pair;
  padding?: Padding;
  /** Distance between the cells a filter touches; 1 touches neighbours. */
  dilationRate?: number | Pair;
  /** Splits the channels: output channels of one group see the input channels of that group only. */
  groups?: number;
  dataFormat?: DataFormat;
}

interface InputGradientParams extends ConvParams {
  /** Height and width of x. */
  readonly inputSize: Pair;
}

interface FilterGradientParams extends ConvParams {
  /** Height and width of the filter. */
  readonly filterSize: Pair;
}

/** Visits every product of the convolution: the places in x, in the filter and in y that belong together. */
function forEachProduct(g: Geometry, visit: (x: number, filter: number, y: number) => void): void {
  const groupIn = g.cin / g.groups;
  const groupOut = g.cout / g.groups;
  for (let image = 0; image < g.n; image++) {
    for (let row = 0; row < g.oh; row++) {
      for (let column = 0; column < g.ow; column++) {
        for (let u = 0; u < g.kh; u++) {
          const i = row * g.strideH - g.padTop + u * g.dilationH;
          if (i < 0 || i >= g.h) continue;
          for (let v = 0; v < g.kw; v++) {
            const j = column * g.strideW - g.padLeft + v * g.dilationW;
            if (j < 0 || j >= g.w) continue;
            const xAt = ((image * g.h + i) * g.w + j) * g.cin;
            const filterAt = (u * g.kw + v) * groupIn * g.cout;
            const yAt = ((image * g.oh + row) * g.ow + column) * g.cout;
            for (let to = 0; to < g.cout; to++) {
              const from = Math.floor(to / groupOut) * groupIn;
              for (let c = 0; c < groupIn; c++) visit(xAt + from + c, filterAt + c * g.cout + to, yAt + to);
            }
          }
        }
      }
    }
  }
}

function checkParams(op: string, { strides, padding, dilation, groups }: ConvParams): void {
  checkWhole(op, 'strides', strides, 1);
  checkWhole(op, 'dilationRate', dilation, 1);
  checkWhole(op, 'padding', padding.flat(), 0);
  checkWhole(op, 'groups', [groups], 1);
}

function checkFloats(op: string, a: TensorType, b: TensorType): void {
  if (a.dtype === b.dtype && isFloat(a.dtype)) return;
  throw new FoveaError({
    code: 'dtype',
    op,
    message: `takes floats of one dtype; got ${a.dtype} and ${b.dtype}.`,
    got: [a.dtype, b.dtype],
    hint: 'Cast the operands with fovea.cast.',
  });
}

/** Throws `shape` where x and the filter do not belong together; what they give is then sound. */
function checkGeometry(op: string, x: Shape, filter: Shape, params: ConvParams): Geometry {
  const { groups } = params;
  const [cin, groupIn, cout] = [x[3] as number, filter[2] as number, filter[3] as number];
  const lines = [`x=${formatShape(x)} filter=${formatShape(filter)} groups=${groups}`];
  const refuse = (message: string, hint: string): FoveaError =>
    new FoveaError({ code: 'shape', op, message, lines, got: [x, filter], hint });
  if (cin % groups !== 0 || cout % groups !== 0) {
    const side = cin % groups !== 0 ? `x's ${cin} channels` : `the filter's ${cout} output channels`;
    throw refuse(`${groups} groups do not divide ${side}.`, 'Input and output channels must be multiples of groups.');
  }
  if (groupIn * groups !== cin) {
    const perGroup = groups === 1 ? '' : ' per group';
    throw refuse(
      `filter expects ${groupIn * groups} input channels but x has ${cin}.`,
      `Give the filter ${cin / groups} input channels${perGroup}, or change groups.`,
    );
  }
  const g = geometryOf(x, filter, params);
  if (g.kh < 1 || g.kw < 1 || g.oh < 1 || g.ow < 1) {
    const [top, left] = params.padding;
    const padded: Pair = [g.h + top[0] + top[1], g.w + left[0] + left[1]];
    const span: Pair = [spanOf(g.kh, g.dilationH), spanOf(g.kw, g.dilationW)];
    throw refuse(
      `a filter of ${formatPair(span)} cells does not fit the padded x of ${formatPair(padded)}.`,
      "Use a smaller filter or padding: 'same'.",
    );
  }
  return g;
}

/** Throws `shape` where dy does not have the shape that the convolution gives. */
function checkResult(op: string, dy: TensorType, g: Geometry): void {
  const want = [g.n, g.oh, g.ow, g.cout];
  if (dy.shape.every((dim, axis) => dim === want[axis])) return;
  throw new FoveaError({
    code: 'shape',
    op,
    message: `dy is ${formatShape(dy.shape)} but the convolution gives ${formatShape(want)}.`,
    got: dy.shape,
    want,
  });
}

const conv2dOp = defineOp<ConvParams>({
  name: 'conv2d',
  summary: 'slides a filter over pictures [n,h,w,c]; strides, zero padding, dilation, groups',
  takesEpilogue: true,
  takesBfloat16: () => true,
  shape(inputs, params) {
    const [x, filter] = inputs as readonly [TensorType, TensorType];
    checkRank('conv2d', 'x', x.shape, 'n,h,w,channels');
    checkRank('conv2d', 'filter', filter.shape, 'height,width,channels/groups,filters');
    checkFloats('conv2d', x, filter);
    checkParams('conv2d', params);
    const { n, oh, ow, cout } = checkGeometry('conv2d', x.shape, filter.shape, params);
    return [{ shape: [n, oh, ow, cout], dtype: x.dtype }];
  },
  gradient({ inputs, params, dy }) {
    const [x, filter] = inputs as readonly [Tensor, Tensor];
    return [inputGradient(dy, filter, x.shape, params), filterGradient(x, dy, filter.shape, params)];
  },
  reference(inputs, params) {
    const [x, filter] = inputs as readonly [ReferenceArray, ReferenceArray];
    const g = geometryOf(x.shape, filter.shape, params);
    const y = new Float64Array(g.n * g.oh * g.ow * g.cout);
    forEachProduct(g, (at, tap, to) => {
      y[to] = (y[to] as number) + (x.data[at] as number) * (filter.data[tap] as number);
    });
    return [y];
  },
  reduces: ([x, filter], params) => {
    const g = geometryOf((x as TensorType).shape, (filter as TensorType).shape, params);
    return filterCells(g) / g.cout;
  },
  flops: ([x, filter], params) =>
    2 * multiplyAdds(geometryOf((x as TensorType).shape, (filter as TensorType).shape, params)),
  kernels: (request) =>
    forwardCalls(geometryOf(request.inputs[0]!.shape, request.inputs[1]!.shape, request.params), request),
  cases: () =>
    withBfloat16(
      convCases().map(({ name, x, filter, params }) => ({ name, inputs: [{ shape: x }, { shape: filter }], params })),
    ),
});

const conv2dInputGradientOp = defineOp<InputGradientParams>({
  name: 'conv2dInputGradient',
  summary: 'the adjoint of conv2d in x: dy spread back over the cells it came from (transposed convolution)',
  takesBfloat16: () => true,
  shape(inputs, params) {
    const [dy, filter] = inputs as readonly [TensorType, TensorType];
    checkRank('conv2dInputGradient', 'dy', dy.shape, 'n,h,w,channels');
    checkRank('conv2dInputGradient', 'filter', filter.shape, 'height,width,channels/groups,filters');
    checkFloats('conv2dInputGradient', dy, filter);
    checkParams('conv2dInputGradient', params);
    checkWhole('conv2dInputGradient', 'inputSize', params.inputSize, 1);
    const shape = inputShape(dy.shape, filter.shape, params);
    checkResult('conv2dInputGradient', dy, checkGeometry('conv2dInputGradient', shape, filter.shape, params));
    return [{ shape, dtype: dy.dtype }];
  },
  gradient({ inputs, params, dy: g }) {
    const [dy, filter] = inputs as readonly [Tensor, Tensor];
    return [conv2dOp.one([g, filter], convOf(params)), filterGradient(g, dy, filter.shape, params)];
  },
  reference(inputs, params) {
    const [dy, filter] = inputs as readonly [ReferenceArray, ReferenceArray];
    const shape = inputShape(dy.shape, filter.shape, params);
    const dx = new Float64Array(sizeOf(shape));
    forEachProduct(geometryOf(shape, filter.shape, params), (at, tap, to) => {
      dx[at] = (dx[at] as number) + (dy.data[to] as number) * (filter.data[tap] as number);
    });
    return [dx];
  },
  reduces: ([, filter], { groups }) =>
    sizeOf((filter as TensorType).shape) / ((filter as TensorType).shape[2] as number) / groups,
  flops: ([, filter], params, [dx]) =>
    2 * multiplyAdds(geometryOf((dx as TensorType).shape, (filter as TensorType).shape, params)),
  kernels: (request) =>
    inputGradientCalls(geometryOf(request.outputs[0]!.shape, request.inputs[1]!.shape, request.params), request),
  cases: () =>
    withBfloat16(
      convCases().map(({ name, x, y, filter, params }) => ({
        name,
        inputs: [{ shape: y }, { shape: filter }],
        params: { ...params, inputSize: [x[1] as number, x[2] as number] },
      })),
    ),
});

const conv2dFilterGradientOp = defineOp<FilterGradientParams>({
  name: 'conv2dFilterGradient',
  summary: 'the adjoint of conv2d in the filter: products of x and dy summed over all places',
  takesBfloat16: () => true,
  shape(inputs, params) {
    const [x, dy] = inputs as readonly [TensorType, TensorType];
    checkRank('conv2dFilterGradient', 'x', x.shape, 'n,h,w,channels');
    checkRank('conv2dFilterGradient', 'dy', dy.shape, 'n,h,w,channels');
    checkFloats('conv2dFilterGradient', x, dy);
    checkParams('conv2dFilterGradient', params);
    const shape = filterShape(x.shape, dy.shape, params);
    checkResult('conv2dFilterGradient', dy, checkGeometry('conv2dFilterGradient', x.shape, shape, params));
    return [{ shape, dtype: x.dtype }];
  },
  gradient({ inputs, params, dy: g }) {
    const [x, dy] = inputs as readonly [Tensor, Tensor];
    return [inputGradient(dy, g, x.shape, params), conv2dOp.one([x, g], convOf(params))];
  },
  reference(inputs, params) {
    const [x, dy] = inputs as readonly [ReferenceArray, ReferenceArray];
    const shape = filterShape(x.shape, dy.shape, params);
    const dFilter = new Float64Array(sizeOf(shape));
    forEachProduct(geometryOf(x.shape, shape, params), (at, tap, to) => {
      dFilter[tap] = (dFilter[tap] as number) + (x.data[at] as number) * (dy.data[to] as number);
    });
    return [dFilter];
  },
  reduces: ([, dy]) => sizeOf((dy as TensorType).shape.slice(0, 3)),
  flops: ([x], params, [dFilter]) =>
    2 * multiplyAdds(geometryOf((x as TensorType).shape, (dFilter as TensorType).shape, params)),
  kernels: (request) =>
    filterGradientCalls(geometryOf(request.inputs[0]!.shape, request.outputs[0]!.shape, request.params), request),
  cases: () =>
    withBfloat16(
      convCases().map(({ name, x, y, filter, params }) => ({
        name,
        inputs: [{ shape: x }, { shape: y }],
        params: { ...params, filterSize: [filter[0] as number, filter[1] as number] },
      })),
    ),
});

/** The parameters without what the adjoints add, so that equal convolutions look equal to the compiler. */
function convOf({ strides, padding, dilation, groups }: ConvParams): ConvParams {
  return { strides, padding, dilation, groups };
}

function inputShape(dy: Shape, filter: Shape, { inputSize, groups }: InputGradientParams): Shape {
  return [dy[0] as number, ...inputSize, (filter[2] as number) * groups];
}

/** The filter's shape; checkGeometry refuses a fraction of a channel through `groups`. */
function filterShape(x: Shape, dy: Shape, { filterSize, groups }: FilterGradientParams): Shape {
  return [...filterSize, (x[3] as number) / groups, dy[3] as number];
}

/** @internal The adjoint of conv2d in x; of the shape of x, only height and width are read. */
export function inputGradient(dy: Tensor, filter: Tensor, x: Shape, params: ConvParams): Tensor {
  return conv2dInputGradientOp.one([dy, filter], { ...convOf(params), inputSize: [x[1] as number, x[2] as number] });
}

function filterGradient(x: Tensor, dy: Tensor, filter: Shape, params: ConvParams): Tensor {
  const filterSize: Pair = [filter[0] as number, filter[1] as number];
  return conv2dFilterGradientOp.one([x, dy], { ...convOf(params), filterSize });
}

/**
 * Convolves pictures x [n,h,w,cin] with a filter [height,width,cin/groups,filters] (cross-correlation, as all
 * of deep learning has it), giving [n,oh,ow,filters]. Throws `shape` where channels, groups or sizes do not fit.
 *
 * @example
 * const image = fovea.ones([1, 3, 3, 1]);
 * const sums = fovea.conv2d(image, fovea.ones([2, 2, 1, 1]));
 * console.log(await sums.array()); // [[[[4], [4]], [[4], [4]]]]
 */
export function conv2d(x: TensorLike, filter: TensorLike, options: Conv2dOptions = {}): Tensor {
  const [from, kernel] = unify([toTensor(x), toTensor(filter)], cast, 'float') as [Tensor, Tensor];
  return inFormat('conv2d', from, options.dataFormat, (picture) => {
    return conv2dOp.one([picture, kernel], paramsOf('conv2d', picture.shape, kernel.shape, options));
  });
}

/** Options as the op's parameters; shapes of the wrong rank pass, for the shape rule to name. */
function paramsOf(op: string, x: Shape, filter: Shape, options: Conv2dOptions): ConvParams {
  const strides = pairOf(options.strides ?? 1);
  const dilation = pairOf(options.dilationRate ?? 1);
  const span: Pair = [spanOf(filter[0] as number, dilation[0]), spanOf(filter[1] as number, dilation[1])];
  const size: Pair = [x[1] as number, x[2] as number];
  const padding = paddingOf(op, options.padding ?? 'valid', size, span, strides);
  return { strides, padding, dilation, groups: options.groups ?? 1 };
}

/** @internal Runs `body` on [n,h,w,c]; channels-first pictures are turned there and back. */
export function inFormat(op: string, x: Tensor, format: DataFormat | undefined, body: (x: Tensor) => Tensor): Tensor {
  if (format !== 'channelsFirst') return body(x);
  checkRank(op, 'x', x.shape, 'n,channels,h,w');
  return transpose(body(transpose(x, [0, 2, 3, 1])), [0, 3, 1, 2]);
}

interface ConvCase {
  readonly name: string;
  readonly x: Shape;
  readonly filter: Shape;
  readonly y: Shape;
  readonly params: ConvParams;
}

/** The cases of all three ops: channels and widths around the kernels' tiles, then one trait at a time. */
function convCases(): ConvCase[] {
  const build = (name: string, x: Shape, filter: Shape, options: Conv2dOptions = {}): ConvCase => {
    const params = paramsOf('conv2d', x, filter, options);
    const { n, oh, ow, cout } = geometryOf(x, filter, params);
    return { name, x, filter, y: [n, oh, ow, cout], params };
  };
  const same = { padding: 'same' } as const;
  const channels = [1, 7, 8, 9, 12, 13, 16, 17, 31, 33];
  return [
    ...channels.map((c, i) =>
      build(`${c} to ${channels.at(-1 - i)}`, [1, 4, 5, c], [3, 3, c, channels.at(-1 - i) as number], same),
    ),
    ...[65, 130].map((c) => build(`5 to ${c}`, [1, 3, 4, 5], [3, 3, 5, c], same)),
    build('130 to 3', [1, 3, 4, 130], [3, 3, 130, 3], same),
    // One row of pixels longer and shorter than the kernels' row blocks.
    ...[11, 12, 13, 25].map((w) => build(`width ${w}`, [1, 3, w, 5], [3, 3, 5, 17], same)),
    build('valid', [2, 6, 7, 3], [3, 3, 3, 9]),
    build('grey', [2, 9, 8, 1], [7, 7, 1, 17], same),
    build('colour stem', [1, 13, 14, 3], [7, 7, 3, 17], { padding: 3, strides: 2 }),
    build('1x1', [2, 5, 7, 13], [1, 1, 13, 31]),
    build('1x1 stride 2', [1, 5, 7, 13], [1, 1, 13, 9], { strides: 2 }),
    build('stride 2 same even', [1, 8, 10, 5], [3, 3, 5, 9], { ...same, strides: 2 }),
    build('stride 3', [2, 10, 11, 4], [3, 3, 4, 8], { strides: 3 }),
    build('stride 3 beyond the filter', [1, 8, 9, 3], [2, 2, 3, 5], { strides: 3 }),
    build('strides 2 1', [1, 7, 6, 4], [3, 3, 4, 7], { ...same, strides: [2, 1] }),
    build('even filter same', [1, 5, 6, 3], [2, 4, 3, 9], same),
    build('1x7 then nothing', [1, 5, 9, 7], [1, 7, 7, 8], same),
    build('7x1', [1, 9, 5, 7], [7, 1, 7, 8], same),
    build('uneven padding', [1, 5, 6, 3], [3, 3, 3, 8], {
      padding: [
        [0, 2],
        [3, 1],
      ],
    }),
    build('padding wider than the filter', [1, 3, 3, 2], [2, 2, 2, 3], { padding: 3 }),
    build('dilation 2', [1, 9, 8, 5], [3, 3, 5, 9], { dilationRate: 2 }),
    build('dilation 3 2 same', [1, 7, 8, 3], [3, 3, 3, 8], { ...same, dilationRate: [3, 2] }),
    build('dilation 2 stride 2', [1, 9, 9, 3], [3, 3, 3, 5], { ...same, dilationRate: 2, strides: 2 }),
    build('output smaller than filter', [2, 8, 8, 3], [7, 7, 3, 5]),
    build('whole picture', [3, 5, 4, 6], [5, 4, 6, 13]),
    build('filter larger than picture', [1, 2, 3, 4], [5, 5, 4, 6], same),
    build('one pixel', [5, 1, 1, 9], [3, 3, 9, 8], same),
    // Few filters: vectors along the channels, whole or with a rest.
    ...[32, 37, 64].map((c, i) => build(`${c} to ${i + 1}`, [1, 4, 5, c], [3, 3, c, i + 1], same)),
    build('1x1 to 1', [2, 5, 7, 64], [1, 1, 64, 1]),
    build('few filters stride 2', [1, 9, 8, 41], [5, 5, 41, 3], { ...same, strides: 2 }),
    build('a sum in chunks', [1, 2, 2, 530], [3, 3, 530, 9], same),
    ...[2, 4, 8].map((c) => build(`groups of ${c}`, [1, 5, 6, 32], [3, 3, c, 32], { ...same, groups: 32 / c })),
    build('groups of 4 stride 2', [2, 7, 6, 16], [3, 3, 4, 16], { ...same, groups: 4, strides: 2 }),
    build('groups 2', [1, 5, 6, 8], [3, 3, 4, 6], { ...same, groups: 2 }),
    build('groups 3 stride 2', [2, 7, 6, 9], [3, 3, 3, 6], { groups: 3, strides: 2 }),
    build('groups 4 wide', [1, 4, 4, 32], [3, 3, 8, 64], { ...same, groups: 4 }),
    ...[7, 8, 9, 16, 17, 33].map((c) => build(`depthwise ${c}`, [1, 6, 7, c], [3, 3, 1, c], { ...same, groups: c })),
    build('depthwise 5x5 stride 2', [2, 9, 8, 12], [5, 5, 1, 12], { ...same, groups: 12, strides: 2 }),
    build('depthwise uneven padding', [1, 6, 6, 9], [3, 3, 1, 9], {
      padding: [
        [0, 1],
        [2, 0],
      ],
      groups: 9,
      strides: 2,
    }),
    build('depthwise of wide lines', [1, 5, 17, 35], [3, 3, 1, 35], { ...same, groups: 35 }),
    build('depthwise 3x3 stride 2, wide lines', [1, 7, 19, 18], [3, 3, 1, 18], { ...same, groups: 18, strides: 2 }),
    build('depthwise 5x5', [1, 9, 10, 19], [5, 5, 1, 19], { ...same, groups: 19 }),
    build('depthwise 7x7', [1, 8, 16, 20], [7, 7, 1, 20], { ...same, groups: 20 }),
    build('depthwise dilation 2', [1, 8, 8, 5], [3, 3, 1, 5], { groups: 5, dilationRate: 2 }),
    build('depthwise multiplier 2', [1, 5, 6, 9], [3, 3, 1, 18], { ...same, groups: 9 }),
    build('depthwise multiplier 3', [2, 6, 5, 4], [2, 3, 1, 12], { groups: 4, strides: [1, 2] }),
    build('one group of one channel', [1, 5, 5, 1], [3, 3, 1, 3], { ...same, groups: 1 }),
  ];
}

/** Some depthwise cases once more over bfloat16, whose gradients finite differences cannot see. */
function withBfloat16<P>(cases: OpCase<P>[]): OpCase<P>[] {
  const chosen = cases.filter(({ name }) => /^depthwise (of wide|5x5|uneven|dilation|multiplier 2)/.test(name));
  const narrow = chosen.map((made) => ({
    ...made,
    name: `${made.name}, bfloat16`,
    inputs: made.inputs.map((from) => ({ ...from, dtype: 'bfloat16' as const })),
    gradient: false,
  }));
  return [...cases, ...narrow];
}

export const convOps = [conv2dOp, conv2dInputGradientOp, conv2dFilterGradientOp] as const;
