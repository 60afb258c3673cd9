// TensorFlow's operations by ONNX's: one rule each. Those of vision networks; docs/formats.md says what is left out.
import type { OnnxAttribute } from '../../formats/onnx.js';
import { storedFloats } from '../../formats/stored.js';
import { type Call, permuted } from './lowering.js';

/** Writes what a node computes. */
export type Rule = (call: Call) => void;

const FAR = 2 ** 31 - 1;

/** An operation of ONNX's with the same inputs. */
const same =
  (opType: string, attributes: Readonly<Record<string, OnnxAttribute>> = {}): Rule =>
  (call) =>
    call.give(opType, call.inputs, attributes);

/** Strides, dilations and padding as ONNX writes them. */
function windowOf(call: Call, kernel: readonly number[]): Record<string, OnnxAttribute> {
  const padding = call.text('padding', 'VALID');
  const dilations = call.attribute('dilations') === undefined ? [1, 1] : call.cells('dilations');
  const common = { kernel_shape: [...kernel], strides: call.cells('strides'), dilations };
  if (padding === 'SAME') return { ...common, auto_pad: 'SAME_UPPER' };
  if (padding !== 'EXPLICIT') return { ...common, pads: [0, 0, 0, 0] };
  const at = call.isFirst ? 4 : 2;
  const [top = 0, bottom = 0, left = 0, right = 0] = call.list('explicit_paddings').slice(at);
  return { ...common, pads: [top, left, bottom, right] };
}

/** A convolution of input 0 by filter 1; gives the value with its channels first. */
function convolved(call: Call, isDepthwise: boolean, bias: string | undefined): string {
  const filter = call.needConstant(1, 'filter');
  const { shape } = filter;
  if (shape.length !== 4) throw call.error('format', `its filter has ${shape.length} axes.`);
  const [height, width, cin, cout] = shape as readonly [number, number, number, number];
  const data = storedFloats(filter);
  // Filters of one channel lie one after the other, as ONNX wants them.
  const weights = isDepthwise
    ? call.floats('filter', [cin * cout, 1, height, width], permuted(data, shape, [2, 3, 0, 1]))
    : call.floats('filter', [cout, cin, height, width], permuted(data, shape, [3, 2, 0, 1]));
  const x = call.toFirst(call.input(0));
  const window = windowOf(call, [height, width]);
  const inputs = bias === undefined ? [x, weights] : [x, weights, bias];
  return call.step('Conv', inputs, isDepthwise ? { ...window, group: cin } : window);
}

const conv =
  (isDepthwise: boolean): Rule =>
  (call) => {
    const value = convolved(call, isDepthwise, undefined);
    const at = call.to.nodes.length - 1;
    const { shape } = call.needConstant(1, 'filter');
    call.giveLast(value);
    const [cin, cout] = shape.slice(2) as [number, number];
    call.to.mayTakeBias(call.node.name, at, isDepthwise ? cin * cout : cout);
  };

const biasAdd: Rule = (call) => {
  const [x, bias] = [call.input(0), call.input(1)];
  if (call.to.giveBias(x, bias)) {
    call.give('Identity', [x]);
    return;
  }
  const wide = call.isFirst ? call.step('Unsqueeze', [bias, call.ints('axes', [1, 2])]) : bias;
  call.give('Add', [x, wide]);
};

/** A sum; of a convolution and a constant for each channel, it is the convolution's bias. */
const add: Rule = (call) => {
  const [a, b] = [call.input(0), call.input(1)];
  const [found] = call.isFirst ? [] : [a, b].filter((x) => call.to.giveBias(x, x === a ? b : a));
  if (found === undefined) call.give('Add', call.inputs);
  else call.give('Identity', [found]);
};

/** A product; of a convolution and a constant for each channel, it goes into the filter. */
const multiply: Rule = (call) => {
  const [a, b] = [call.input(0), call.input(1)];
  const [found] = call.isFirst ? [] : [a, b].filter((x) => call.to.giveScale(x, x === a ? b : a, call.node.name));
  if (found === undefined) call.give('Mul', call.inputs);
  else call.give('Identity', [found]);
};

/** An activation by TensorFlow's name; `alpha` is the slope of PReLU. */
function activated(call: Call, name: string, x: string, alpha: string | undefined): string {
  if (name === 'LeakyRelu') return call.step('LeakyRelu', [x], { alpha: call.number('leakyrelu_alpha', 0.2) });
  if (name === 'Relu6') return call.step('Clip', [x, call.floats('low', [], [0]), call.floats('high', [], [6])]);
  if (name === 'Prelu' && alpha !== undefined) return call.step('PRelu', [x, alpha]);
  if (['Relu', 'Elu', 'Sigmoid', 'Tanh'].includes(name)) return call.step(name, [x]);
  throw call.error('unsupported', `it is fused with ${name}, which is not known.`);
}

/** Convolutions and products with what was fused to them. */
const fused =
  (kind: 'conv' | 'depthwise' | 'matmul'): Rule =>
  (call) => {
    const parts = call.texts('fused_ops');
    const hasBias = parts[0] === 'BiasAdd';
    const isNorm = parts[0] === 'FusedBatchNorm';
    const bias = hasBias ? call.input(2) : undefined;
    let value = kind === 'matmul' ? product(call, bias) : convolved(call, kind === 'depthwise', bias);
    if (isNorm) {
      value = call.step('BatchNormalization', [value, ...[2, 3, 4, 5].map((i) => call.input(i))], {
        epsilon: call.number('epsilon', 1e-4),
      });
    }
    if (kind !== 'matmul' && !call.isFirst) value = call.step('Transpose', [value], { perm: [0, 2, 3, 1] });
    const rest = parts.slice(hasBias || isNorm ? 1 : 0);
    const alpha = rest.includes('Prelu') ? call.input(call.inputs.length - 1) : undefined;
    for (const name of rest) value = activated(call, name, value, alpha);
    call.give('Identity', [value]);
  };

/** A product of matrices, the second a constant or computed. */
function product(call: Call, bias: string | undefined): string {
  const [a, b] = [call.input(0), call.input(1)];
  const [transA, transB] = [call.flag('transpose_a'), call.flag('transpose_b')];
  return call.step('Gemm', bias === undefined ? [a, b] : [a, b, bias], {
    transA: transA ? 1 : 0,
    transB: transB ? 1 : 0,
  });
}

const matmul: Rule = (call) => {
  const value = product(call, undefined);
  const at = call.to.nodes.length - 1;
  call.give('Identity', [value]);
  const columns = call.constantAt(1)?.shape[call.flag('transpose_b') ? 0 : 1];
  if (columns !== undefined) call.to.mayTakeBias(call.node.name, at, columns);
};

const batchMatmul: Rule = (call) => {
  if (call.flag('adj_x') || call.flag('adj_y')) throw call.error('unsupported', 'it transposes its operands.');
  call.give('MatMul', call.inputs);
};

const batchNorm: Rule = (call) => {
  if (call.flag('is_training'))
    throw call.error('unsupported', 'it is in training mode; freeze the graph for inference.');
  const [scale, offset, mean, variance] = [1, 2, 3, 4].map((i) => call.input(i)) as [string, string, string, string];
  const inputs = [call.toFirst(call.input(0)), scale, offset, mean, variance];
  call.giveLast(call.step('BatchNormalization', inputs, { epsilon: call.number('epsilon', 1e-4) }));
};

const pool =
  (opType: 'MaxPool' | 'AveragePool'): Rule =>
  (call) => {
    const x = call.toFirst(call.input(0));
    const { dilations: _, ...window } = windowOf(call, call.cells('ksize'));
    call.giveLast(call.step(opType, [x], opType === 'AveragePool' ? { ...window, count_include_pad: 0 } : window));
  };

const deconvolution: Rule = (call) => {
  const filter = call.needConstant(1, 'filter');
  const { shape } = filter;
  if (shape.length !== 4) throw call.error('format', `its filter has ${shape.length} axes.`);
  const [height, width, cout, cin] = shape as readonly [number, number, number, number];
  const weights = call.floats(
    'filter',
    [cin, cout, height, width],
    permuted(storedFloats(filter), shape, [3, 2, 0, 1]),
  );
  const x = call.toFirst(call.input(2));
  const { pads, ...window } = windowOf(call, [height, width]);
  const size = call.constantAt(0);
  const wanted = size === undefined ? [] : Array.from(size.data() as Iterable<number>, Number);
  const cells = call.isFirst ? wanted.slice(2) : wanted.slice(1, 3);
  // A size that is computed is the usual one; a stated one says which of those that fit is meant.
  const stated: Record<string, OnnxAttribute> =
    cells.length === 2 && cells.every((each) => each > 0) && window.auto_pad === 'SAME_UPPER'
      ? { output_shape: cells }
      : {};
  const value = call.step('ConvTranspose', [x, weights], {
    ...window,
    ...(pads === undefined ? {} : { pads }),
    ...stated,
  });
  const at = call.to.nodes.length - 1;
  call.giveLast(value);
  call.to.mayTakeBias(call.node.name, at, cout);
};

const reduce =
  (opType: string): Rule =>
  (call) => {
    call.give(opType, [call.input(0), call.ints('axes', call.intsAt(1, 'axes'))], {
      keepdims: call.flag('keep_dims') ? 1 : 0,
    });
  };

const argument =
  (opType: string): Rule =>
  (call) =>
    call.give(opType, [call.input(0)], { axis: call.intAt(1, 'axis'), keepdims: 0 });

/** Resizes to the height and width of input 1, TensorFlow's three ways of placing the pixels. */
const resize =
  (mode: 'linear' | 'nearest'): Rule =>
  (call) => {
    const isCentred = call.flag('half_pixel_centers');
    const centred = mode === 'nearest' ? 'tf_half_pixel_for_nn' : 'half_pixel';
    const coordinates = call.flag('align_corners') ? 'align_corners' : isCentred ? centred : 'asymmetric';
    const x = call.toFirst(call.input(0));
    const value = call.step('Resize', [x, '', '', call.input(1)], {
      mode,
      axes: [2, 3],
      coordinate_transformation_mode: coordinates,
      ...(mode === 'nearest' ? { nearest_mode: call.flag('align_corners') ? 'round_prefer_ceil' : 'floor' } : {}),
    });
    call.giveLast(value);
  };

const pad =
  (mode: 'constant' | 'mirror'): Rule =>
  (call) => {
    const pairs = call.intsAt(1, 'paddings');
    const starts = pairs.filter((_, i) => i % 2 === 0);
    const ends = pairs.filter((_, i) => i % 2 === 1);
    const inputs = [call.input(0), call.ints('pads', [...starts, ...ends])];
    if (mode === 'mirror') {
      if (call.text('mode', 'REFLECT') !== 'REFLECT') throw call.error('unsupported', 'it repeats the edge twice.');
      call.give('Pad', inputs, { mode: 'reflect' });
    } else call.give('Pad', call.inputs.length > 2 ? [...inputs, call.input(2)] : inputs, { mode: 'constant' });
  };

const stridedSlice: Rule = (call) => {
  const begin = call.intsAt(1, 'begin');
  const end = call.intsAt(2, 'end');
  const strides = call.intsAt(3, 'strides');
  const has = (mask: string, axis: number): boolean => Math.floor(call.number(mask, 0) / 2 ** axis) % 2 === 1;
  if (call.number('ellipsis_mask', 0) !== 0 || call.number('new_axis_mask', 0) !== 0)
    throw call.error('unsupported', 'it adds axes, or leaves some out by an ellipsis.');
  const axes = begin.map((_, axis) => axis);
  const shrunk = axes.filter((axis) => has('shrink_axis_mask', axis));
  const isBack = (axis: number): boolean => (strides[axis] ?? 1) < 0;
  const starts = axes.map((axis) =>
    has('begin_mask', axis) && !shrunk.includes(axis) ? (isBack(axis) ? FAR : 0) : (begin[axis] as number),
  );
  const ends = axes.map((axis) => {
    if (shrunk.includes(axis)) return begin[axis] === -1 ? FAR : (begin[axis] as number) + 1;
    return has('end_mask', axis) ? (isBack(axis) ? -FAR : FAR) : (end[axis] as number);
  });
  const steps = axes.map((axis) => (shrunk.includes(axis) ? 1 : (strides[axis] ?? 1)));
  const parts: [string, number[]][] = [
    ['starts', starts],
    ['ends', ends],
    ['axes', axes],
    ['steps', steps],
  ];
  const value = call.step('Slice', [call.input(0), ...parts.map(([name, values]) => call.ints(name, values))]);
  if (shrunk.length === 0) call.give('Identity', [value]);
  else call.give('Squeeze', [value, call.ints('shrunk', shrunk)]);
};

const slice: Rule = (call) => {
  const begin = call.intsAt(1, 'begin');
  const ends = call.intsAt(2, 'size').map((size, axis) => (size < 0 ? FAR : (begin[axis] as number) + size));
  call.give('Slice', [call.input(0), call.ints('starts', begin), call.ints('ends', ends)]);
};

/** Several outputs: `name`, `name:1`, ... */
const outputsOf = (call: Call, count: number): string[] =>
  Array.from({ length: count }, (_, i) => (i === 0 ? call.node.name : `${call.node.name}:${i}`));

const MOST_PARTS = 4096;

const split: Rule = (call) => {
  const count = call.number('num_split', 0);
  if (count < 1 || count > MOST_PARTS) throw call.error('format', `it makes ${count} parts.`);
  const attributes = { axis: call.intAt(0, 'axis'), num_outputs: count };
  call.to.add('Split', [call.input(1)], attributes, outputsOf(call, count));
};

const splitSizes: Rule = (call) => {
  const sizes = call.intsAt(1, 'sizes');
  if (sizes.length > MOST_PARTS) throw call.error('format', `it makes ${sizes.length} parts.`);
  const inputs = [call.input(0), call.ints('sizes', sizes)];
  call.to.add('Split', inputs, { axis: call.intAt(2, 'axis') }, outputsOf(call, sizes.length));
};

const pack: Rule = (call) => {
  const axis = call.number('axis', 0);
  const axes = call.ints('axes', [axis]);
  call.give(
    'Concat',
    call.inputs.map((each) => call.step('Unsqueeze', [each, axes])),
    { axis },
  );
};

const concat =
  (axisFirst: boolean): Rule =>
  (call) => {
    const last = call.inputs.length - 1;
    const values = axisFirst ? call.inputs.slice(1) : call.inputs.slice(0, -1);
    call.give('Concat', values, { axis: call.intAt(axisFirst ? 0 : last, 'axis') });
  };

const squeeze: Rule = (call) => {
  const axes = call.list(call.attribute('squeeze_dims') === undefined ? 'axis' : 'squeeze_dims');
  call.give('Squeeze', axes.length === 0 ? [call.input(0)] : [call.input(0), call.ints('axes', axes)]);
};

const blocks =
  (opType: 'DepthToSpace' | 'SpaceToDepth'): Rule =>
  (call) => {
    const attributes: Record<string, OnnxAttribute> = { blocksize: call.number('block_size', 1) };
    if (opType === 'DepthToSpace') attributes.mode = 'DCR';
    call.giveLast(call.step(opType, [call.toFirst(call.input(0))], attributes));
  };

const localNorm: Rule = (call) => {
  const size = 2 * call.number('depth_radius', 5) + 1;
  const value = call.step('LRN', [call.toFirst(call.input(0))], {
    size,
    alpha: call.number('alpha', 1) * size,
    beta: call.number('beta', 0.5),
    bias: call.number('bias', 1),
  });
  call.giveLast(value);
};

const DTYPES: Readonly<Record<string, number>> = { DT_FLOAT: 1, DT_UINT8: 2, DT_INT32: 7, DT_INT64: 7, DT_BOOL: 9 };

const cast: Rule = (call) => {
  const to = DTYPES[call.text('DstT', '')];
  if (to === undefined) throw call.error('unsupported', `it makes ${call.text('DstT', 'nothing')}.`);
  call.give('Cast', [call.input(0)], { to });
};

const fill: Rule = (call) => {
  const [value = 0] = storedFloats(call.needConstant(1, 'value'));
  const tensor = { name: '', dtype: 'float32' as const, shape: [1], data: Float32Array.of(value) };
  call.give('ConstantOfShape', [call.input(0)], { value: tensor });
};

/** Several nodes in a row upon one input. */
const chain =
  (...types: readonly string[]): Rule =>
  (call) => {
    let value = call.input(0);
    for (const type of types.slice(0, -1)) value = call.step(type, [value]);
    call.give(types.at(-1) as string, [value]);
  };

const RULES: Readonly<Record<string, Rule>> = {
  Abs: same('Abs'),
  Add: add,
  AddV2: add,
  AddN: same('Sum'),
  ArgMax: argument('ArgMax'),
  ArgMin: argument('ArgMin'),
  AvgPool: pool('AveragePool'),
  BatchMatMul: batchMatmul,
  BatchMatMulV2: batchMatmul,
  BiasAdd: biasAdd,
  Cast: cast,
  Ceil: same('Ceil'),
  CheckNumerics: same('Identity'),
  ClipByValue: same('Clip'),
  Concat: concat(true),
  ConcatV2: concat(false),
  Conv2D: conv(false),
  Conv2DBackpropInput: deconvolution,
  Cos: same('Cos'),
  DepthToSpace: blocks('DepthToSpace'),
  DepthwiseConv2dNative: conv(true),
  Div: same('Div'),
  DivNoNan: same('Div'),
  Elu: same('Elu'),
  Equal: same('Equal'),
  Erf: same('Erf'),
  Exp: same('Exp'),
  ExpandDims: (call) => call.give('Unsqueeze', [call.input(0), call.ints('axes', [call.intAt(1, 'axis')])]),
  Fill: fill,
  Floor: same('Floor'),
  FloorDiv: (call) => call.give('Floor', [call.step('Div', call.inputs)]),
  FusedBatchNorm: batchNorm,
  FusedBatchNormV2: batchNorm,
  FusedBatchNormV3: batchNorm,
  FusedDepthwiseConv2dNative: fused('depthwise'),
  GatherV2: (call) => call.give('Gather', call.inputs.slice(0, 2), { axis: call.intAt(2, 'axis') }),
  Greater: same('Greater'),
  GreaterEqual: same('GreaterOrEqual'),
  Identity: same('Identity'),
  IdentityN: (call) => {
    const names = outputsOf(call, call.inputs.length);
    for (const [i, input] of call.inputs.entries()) call.to.add('Identity', [input], {}, [names[i] as string]);
  },
  Inv: same('Reciprocal'),
  LRN: localNorm,
  LeakyRelu: (call) => call.give('LeakyRelu', [call.input(0)], { alpha: call.number('alpha', 0.2) }),
  Less: same('Less'),
  LessEqual: same('LessOrEqual'),
  Log: same('Log'),
  LogSoftmax: same('LogSoftmax', { axis: -1 }),
  LogicalAnd: same('And'),
  LogicalNot: same('Not'),
  LogicalOr: same('Or'),
  MatMul: matmul,
  Max: reduce('ReduceMax'),
  MaxPool: pool('MaxPool'),
  Maximum: same('Max'),
  Mean: reduce('ReduceMean'),
  Min: reduce('ReduceMin'),
  Minimum: same('Min'),
  MirrorPad: pad('mirror'),
  Mul: multiply,
  Neg: same('Neg'),
  Pack: pack,
  Pad: pad('constant'),
  PadV2: pad('constant'),
  Pow: same('Pow'),
  Prelu: same('PRelu'),
  PreventGradient: same('Identity'),
  Prod: reduce('ReduceProd'),
  RealDiv: same('Div'),
  Reciprocal: same('Reciprocal'),
  Relu: same('Relu'),
  Relu6: (call) => call.give('Identity', [activated(call, 'Relu6', call.input(0), undefined)]),
  Reshape: same('Reshape'),
  ResizeBilinear: resize('linear'),
  ResizeNearestNeighbor: resize('nearest'),
  Round: same('Round'),
  Rsqrt: chain('Sqrt', 'Reciprocal'),
  Select: same('Where'),
  SelectV2: same('Where'),
  Selu: same('Selu'),
  Shape: same('Shape'),
  Sigmoid: same('Sigmoid'),
  Sign: same('Sign'),
  Sin: same('Sin'),
  Slice: slice,
  Softmax: same('Softmax', { axis: -1 }),
  Softplus: same('Softplus'),
  Softsign: same('Softsign'),
  SpaceToDepth: blocks('SpaceToDepth'),
  Split: split,
  SplitV: splitSizes,
  Sqrt: same('Sqrt'),
  Square: (call) => call.give('Mul', [call.input(0), call.input(0)]),
  SquaredDifference: (call) => {
    const difference = call.step('Sub', call.inputs);
    call.give('Mul', [difference, difference]);
  },
  Squeeze: squeeze,
  StopGradient: same('Identity'),
  StridedSlice: stridedSlice,
  Sub: same('Sub'),
  Sum: reduce('ReduceSum'),
  Tanh: same('Tanh'),
  Tile: same('Tile'),
  Transpose: (call) => call.give('Transpose', [call.input(0)], { perm: call.intsAt(1, 'order') }),
  _FusedConv2D: fused('conv'),
  _FusedMatMul: fused('matmul'),
};

/** The operations that are known. */
export const tfOperations: ReadonlyMap<string, Rule> = new Map(Object.entries(RULES));
