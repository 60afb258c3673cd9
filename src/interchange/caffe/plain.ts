// Caffe's layers without numbers: activations, poolings, sums, joins, and what changes shapes.
import { FoveaError } from '../../core/errors.js';
import { sizeOf } from '../../core/shape.js';
import type { Layer } from '../../nn/layer.js';
import { ChannelRange } from '../../nn/layers/architecture.js';
import { LocalResponseNormalization, PaddedPooling2D } from '../../nn/layers/foreign.js';
import * as layers from '../../nn/layers/index.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { asMap, asPlain, type Blob, type CaffeCall } from './values.js';
import { pairOf } from './weighted.js';

type Operator = (call: CaffeCall) => Blob[];

/** A layer on every element by itself: the order of axes does not matter. */
const pointwise =
  (make: (call: CaffeCall) => Layer): Operator =>
  (call) => [{ ...call.input, tensor: make(call).apply(call.input.tensor) }];

export const identity: Operator = (call) => call.layer.tops.map(() => call.input);

export const relu = pointwise((call) => {
  const slope = call.finite(call.settings('relu_param').number('negative_slope', 0));
  return slope === 0 ? layers.relu({ name: call.name }) : layers.leakyRelu({ negativeSlope: slope, name: call.name });
});

export const activation = (word: 'sigmoid' | 'tanh' | 'softplus' | 'silu'): Operator =>
  pointwise((call) => layers.activation({ activation: word, name: call.name }));

export const elu = pointwise((call) =>
  layers.elu({ alpha: call.finite(call.settings('elu_param').number('alpha', 1)), name: call.name }),
);

export const dropout = pointwise((call) => {
  const rate = call.finite(call.settings('dropout_param').number('dropout_ratio', 0.5));
  return layers.dropout({ rate: Math.min(0.999, Math.max(0, rate)), name: call.name });
});

/** (shift + scale * x) ^ power, of which powers other than 1 have no layer. */
export const power = pointwise((call) => {
  const settings = call.settings('power_param');
  if (settings.number('power', 1) !== 1) throw call.error('powers other than 1 are not supported');
  const [scale, offset] = [settings.number('scale', 1), settings.number('shift', 0)];
  return layers.rescaling({ scale: call.finite(scale), offset: call.finite(offset), name: call.name });
});

export const pooling: Operator = (call) => {
  const settings = call.settings('pooling_param');
  const mode = settings.text('pool', 'MAX');
  if (mode !== 'MAX' && mode !== 'AVE') throw call.error(`pool ${mode.slice(0, 40)} is not supported`);
  const x = call.map();
  const isMax = mode === 'MAX';
  if (settings.flag('global_pooling', false)) {
    const options = { keepDims: true, name: call.name };
    const layer = isMax ? layers.globalMaxPooling2d(options) : layers.globalAveragePooling2d(options);
    return [asMap(layer.apply(x))];
  }
  const poolSize = pairOf(settings, 'kernel_size', 0, 1);
  if (poolSize[0] < 1 || poolSize[1] < 1) throw call.error('kernel_size is missing');
  const strides = pairOf(settings, 'stride', 1, 1);
  const padding = pairOf(settings, 'pad', 0, 0);
  if (padding.some((cells, axis) => cells >= (poolSize[axis] as number)))
    throw call.error('its padding is as wide as its windows');
  const isFloor = settings.text('round_mode', 'CEIL') === 'FLOOR';
  const isExact = [0, 1].every((axis) => {
    const rest = (x.shape[axis + 1] as number) - (poolSize[axis] as number);
    return padding[axis] === 0 && rest >= 0 && (isFloor || rest % (strides[axis] as number) === 0);
  });
  if (isExact) {
    const options = { poolSize, strides, name: call.name };
    return [asMap((isMax ? layers.maxPooling2d(options) : layers.averagePooling2d(options)).apply(x))];
  }
  const sides = ([rows, columns]: [number, number]) => [[rows, rows] as const, [columns, columns] as const] as const;
  const layer = new PaddedPooling2D({
    poolSize,
    strides,
    padding: sides(padding),
    mode: isMax ? 'max' : 'average',
    rounding: isFloor ? 'floor' : 'ceil',
    countsPadding: !isMax,
    name: call.name,
  });
  return [asMap(layer.apply(x))];
};

export const localResponse: Operator = (call) => {
  const settings = call.settings('lrn_param');
  const isWithin = settings.text('norm_region', 'ACROSS_CHANNELS') === 'WITHIN_CHANNEL';
  const layer = new LocalResponseNormalization({
    size: settings.whole('local_size', 5, 1, 1001),
    alpha: call.finite(settings.number('alpha', 1)),
    beta: call.finite(settings.number('beta', 0.75)),
    bias: isWithin ? 1 : call.finite(settings.number('k', 1)),
    region: isWithin ? 'within' : 'across',
    name: call.name,
  });
  return [asMap(layer.apply(call.map()))];
};

export const eltwise: Operator = (call) => {
  const settings = call.settings('eltwise_param');
  const operation = settings.text('operation', 'SUM');
  const areMaps = call.inputs.some(({ isMap }) => isMap);
  const xs = call.inputs.map((each) => (areMaps ? call.map(each) : each.tensor));
  if (xs.length < 2) throw call.error('it needs at least 2 inputs');
  const done = (tensor: SymbolicTensor): Blob[] => [areMaps ? asMap(tensor) : asPlain(tensor)];
  if (operation === 'PROD') return done(layers.multiply({ name: call.name }).apply(xs));
  if (operation === 'MAX') return done(layers.maximum({ name: call.name }).apply(xs));
  if (operation !== 'SUM') throw call.error(`operation ${operation.slice(0, 40)} is not supported`);
  const factors = settings.numbers('coeff');
  if (factors.length !== 0 && factors.length !== xs.length) throw call.error('it needs a coeff for each input');
  if (xs.length === 2 && factors[0] === 1 && factors[1] === -1)
    return done(layers.subtract({ name: call.name }).apply(xs));
  const parts = xs.map((x, i) => {
    const factor = call.finite(factors[i] ?? 1);
    return factor === 1 ? x : layers.rescaling({ scale: factor, name: call.named('coeff') }).apply(x);
  });
  return done(layers.add({ name: call.name }).apply(parts));
};

export const concat: Operator = (call) => {
  const settings = call.settings('concat_param');
  const axis = settings.whole('axis', settings.whole('concat_dim', 1, -8), -8);
  if (call.inputs.length === 1) return [call.input];
  const isPlain = call.inputs.some(({ isMap }) => !isMap);
  const inputs = isPlain ? call.inputs.map((each) => asPlain(call.plain(each))) : call.inputs;
  const tensors = inputs.map(({ tensor }) => tensor);
  const joined = layers.concatenate({ axis: call.axisHere(axis, inputs[0]), name: call.name }).apply(tensors);
  return [isPlain ? asPlain(joined) : asMap(joined)];
};

export const softmax = pointwise((call) => {
  const axis = call.settings('softmax_param').whole('axis', 1, -8);
  return layers.softmax({ axis: call.axisHere(axis), name: call.name });
});

export const flatten: Operator = (call) => {
  const settings = call.settings('flatten_param');
  if (settings.whole('axis', 1, -8) !== 1 || settings.whole('end_axis', -1, -8) !== -1)
    throw call.error('other axes than all are not supported');
  return [asPlain(call.vector())];
};

export const reshape: Operator = (call) => {
  const settings = call.settings('reshape_param');
  if (settings.whole('axis', 0, -8) !== 0 || settings.whole('num_axes', -1, -1) !== -1)
    throw call.error('a reshape of some axes is not supported');
  const dims = settings.message('shape').wholes('dim', -1, 1 << 24);
  const from = call.shape();
  const [batch, ...rest] = dims.map((dim, i) => (dim === 0 && i > 0 ? (from[i - 1] ?? Number.NaN) : dim));
  if (rest.length === 0 || rest.length > 3 || rest.some(Number.isNaN) || batch === undefined || batch > 1)
    throw call.error(`shape ${dims.slice(0, 8).join(' ')} is not supported`);
  const count = sizeOf(from);
  const known = rest.filter((dim) => dim !== -1).reduce((product, dim) => product * dim, 1);
  const target = rest.map((dim) => (dim === -1 ? count / known : dim));
  const isWhole = target.every((dim) => Number.isInteger(dim) && dim > 0);
  if (!isWhole || sizeOf(target) !== count || rest.filter((dim) => dim === -1).length > 1)
    throw call.error(`[${from.join(',')}] cannot become ${dims.join(' ')}`);
  return [asPlain(layers.reshape({ targetShape: target, name: call.name }).apply(call.plain()))];
};

export const slice: Operator = (call) => {
  const settings = call.settings('slice_param');
  const axis = call.axis(settings.whole('axis', settings.whole('slice_dim', 1, -8), -8));
  if (axis !== 1) throw call.error('only channels can be sliced');
  const [size] = call.shape() as [number];
  const count = call.layer.tops.length;
  const points = settings.wholes('slice_point', 1);
  if (points.length === 0 && (count === 0 || size % count !== 0))
    throw call.error(`${size} channels make no ${count} equal parts`);
  const ends =
    points.length === 0 ? Array.from({ length: count }, (_, i) => ((i + 1) * size) / count) : [...points, size];
  if (ends.length !== count || ends.some((end, i) => end <= (ends[i - 1] ?? 0)))
    throw call.error(`slice_point ${points.slice(0, 8).join(' ')} makes no ${count} parts of ${size} channels`);
  const x = call.map();
  return ends.map((to, i) => {
    const part = new ChannelRange({ from: ends[i - 1] ?? 0, to, name: i === 0 ? call.name : call.named('part') });
    const y = part.apply(x);
    return call.isFlat ? asPlain(layers.flatten({ name: call.named('flat') }).apply(y)) : asMap(y);
  });
};

/** The first input, cut to the size of the second. */
export const crop: Operator = (call) => {
  const settings = call.settings('crop_param');
  const axis = call.axis(settings.whole('axis', 2, -8));
  const offsets = settings.wholes('offset', 0, 1 << 20);
  const from = call.shape();
  const like = call.shape(call.inputAt(1));
  if (axis < 2 || from.length !== 3 || like.length !== 3) throw call.error('only rows and columns can be cropped');
  const sides = [2, 3].map((each) => {
    if (each < axis) return [0, 0] as const;
    const before = offsets.length === 1 ? (offsets[0] as number) : (offsets[each - axis] ?? 0);
    const after = (from[each - 1] as number) - (like[each - 1] as number) - before;
    if (after < 0) throw call.error(`[${like.join(',')}] at ${before} does not lie in [${from.join(',')}]`);
    return [before, after] as const;
  }) as [readonly [number, number], readonly [number, number]];
  return [asMap(layers.cropping2d({ cropping: sides, name: call.name }).apply(call.map()))];
};

/** Axes in another order, as detectors want them. */
export const permute: Operator = (call) => {
  const order = call.settings('permute_param').wholes('order', 0, 8);
  const isOrder = order.length === call.input.tensor.shape.length && [...order].sort().every((axis, i) => axis === i);
  if (!isOrder || order[0] !== 0) throw call.error(`order ${order.slice(0, 8).join(' ')} is not supported`);
  // Maps lie in this order already.
  if (call.input.isMap && order.join() === '0,2,3,1') return [asPlain(call.input.tensor)];
  return [asPlain(layers.permute({ dims: order.slice(1), name: call.name }).apply(call.plain()))];
};

export const unknown = (call: CaffeCall): never => {
  throw new FoveaError({
    code: 'unsupported',
    op: 'loadCaffe',
    message: `layers of Caffe's type ${call.layer.type.slice(0, 60)} are not known.`,
    got: call.layer.type,
    path: `${call.layer.message.file}: line ${call.layer.message.line}`,
  });
};
