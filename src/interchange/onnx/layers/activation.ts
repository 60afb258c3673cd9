// Activations, dropout and normalisations as Keras's layers.

import type { Layer } from '../../../nn/layer.js';
import { Activation, ELU, LeakyReLU, ReLU, Softmax } from '../../../nn/layers/activation-layers.js';
import { Dropout } from '../../../nn/layers/dropout.js';
import { BatchNormalization } from '../../../nn/layers/normalization.js';
import { PReLU } from '../../../nn/layers/prelu.js';
import { GroupNormalization, LayerNormalization } from '../../../nn/layers/unit-normalization.js';
import { type LayerCallSite, type LayerMaker, weightOf } from './call-site.js';

/** An activation that sees every element by itself: the order of axes stays. */
const pointwise =
  (make: (site: LayerCallSite, name: string) => Layer | undefined): LayerMaker =>
  (site) => {
    const x = site.symbol(0);
    if (x === undefined) return false;
    const layer = make(site, site.builder.nameOf(site.node));
    return layer !== undefined && site.finish(layer, [x.tensor], x);
  };

const called = (activation: ConstructorParameters<typeof Activation>[0]['activation']): LayerMaker =>
  pointwise((_, name) => new Activation({ activation, name }));

/** Bounds of Clip where they are constants. */
function bounds(site: LayerCallSite): readonly [number, number] | undefined {
  const [lowest, highest] = [-3.402823e38, 3.402823e38];
  const low = site.opset < 11 ? site.float('min', lowest) : site.isGiven(1) ? site.numbers(1)?.[0] : lowest;
  const high = site.opset < 11 ? site.float('max', highest) : site.isGiven(2) ? site.numbers(2)?.[0] : highest;
  return low === undefined || high === undefined ? undefined : [low, high];
}

const softmax: LayerMaker = (site) => {
  const x = site.symbol(0);
  if (x === undefined) return false;
  const rank = x.order.length;
  const axis = site.axis(site.int('axis', site.opset < 13 ? 1 : -1), rank);
  // Before operator set 13 all axes from this one on are one.
  if (axis === undefined || axis === 0 || (site.opset < 13 && axis !== rank - 1)) return false;
  const place = x.order.indexOf(axis);
  const layer = new Softmax({ axis: place === rank - 1 ? -1 : place, name: site.builder.nameOf(site.node) });
  return site.finish(layer, [x.tensor], x);
};

const batchNormalization: LayerMaker = (site) => {
  const x = site.symbol(0);
  const weights = [1, 2, 3, 4].map((i) => site.constant(i));
  if (x === undefined || !site.hasOneOutput || site.opset < 7) return false;
  if (weights.some((each) => each === undefined || each.shape.length !== 1)) return false;
  const options = {
    epsilon: site.float('epsilon', 1e-5),
    momentum: site.float('momentum', 0.9),
    name: site.builder.nameOf(site.node, site.source(1)),
  };
  const makers = weights.map((each) => weightOf(each as NonNullable<typeof each>));
  const layer = new BatchNormalization(options);
  return x.order.length < 3
    ? site.finish(layer, [site.builder.plain(x)], { ...x, order: [0, 1] }, makers)
    : site.finishLast(layer, x, makers);
};

const layerNormalization: LayerMaker = (site) => {
  const x = site.symbol(0);
  const [gamma, beta] = [site.constant(1), site.constant(2)];
  if (x === undefined || gamma === undefined || !site.hasOneOutput || (site.isGiven(2) && beta === undefined))
    return false;
  const rank = x.order.length;
  const axis = site.axis(site.int('axis', -1), rank);
  if (axis !== rank - 1 || axis === 0 || gamma.shape.length !== 1 || gamma.shape[0] === 1) return false;
  if (beta !== undefined && beta.shape.join() !== gamma.shape.join()) return false;
  const place = x.order.indexOf(axis);
  const layer = new LayerNormalization({
    axis: place === rank - 1 ? -1 : place,
    epsilon: site.float('epsilon', 1e-5),
    center: beta !== undefined,
    name: site.builder.nameOf(site.node, site.source(1)),
  });
  const makers = [gamma, ...(beta === undefined ? [] : [beta])].map((each) => weightOf(each));
  return site.finish(layer, [x.tensor], x, makers);
};

/** Every channel is a group of its own. */
const instanceNormalization: LayerMaker = (site) => {
  const x = site.symbol(0);
  const [gamma, beta] = [site.constant(1), site.constant(2)];
  if (x === undefined || gamma === undefined || beta === undefined || x.order.length < 3) return false;
  const layer = new GroupNormalization({
    groups: -1,
    epsilon: site.float('epsilon', 1e-5),
    name: site.builder.nameOf(site.node, site.source(1)),
  });
  return site.finishLast(layer, x, [weightOf(gamma), weightOf(beta)]);
};

/** One slope for each channel, or one for all, which the channels then share out. */
const prelu: LayerMaker = (site) => {
  const x = site.symbol(0);
  const slope = site.constant(1);
  if (x === undefined || slope === undefined || x.order.length < 3) return false;
  const rank = x.order.length;
  const channels = site.shape(x)[1];
  const isPerChannel =
    slope.data.length === channels &&
    slope.shape.length >= rank - 1 &&
    slope.shape[slope.shape.length - (rank - 1)] === channels;
  if (!isPerChannel || typeof channels !== 'number') return false;
  const sharedAxes = Array.from({ length: rank - 2 }, (_, i) => i + 1);
  return site.finishLast(new PReLU({ sharedAxes, name: site.builder.nameOf(site.node, site.source(1)) }), x, [
    weightOf(slope),
  ]);
};

const dropout: LayerMaker = (site) => {
  const x = site.symbol(0);
  if (x === undefined || !site.hasOneOutput) return false;
  const rate = site.opset < 12 ? site.float('ratio', 0.5) : site.isGiven(1) ? site.numbers(1)?.[0] : 0.5;
  if (rate === undefined || !(rate >= 0 && rate < 1)) return false;
  return site.finish(new Dropout({ rate, name: site.builder.nameOf(site.node) }), [x.tensor], x);
};

const close = (a: number, b: number): boolean => Math.abs(a - b) < 1e-6;

export const activationLayers: Readonly<Record<string, LayerMaker>> = {
  Relu: pointwise((_, name) => new ReLU({ name })),
  Sigmoid: called('sigmoid'),
  Tanh: called('tanh'),
  Softplus: called('softplus'),
  Softsign: called('softsign'),
  Exp: called('exponential'),
  Mish: called('mish'),
  HardSwish: called('hardSilu'),
  Selu: pointwise((site, name) =>
    site.has('alpha') || site.has('gamma') ? undefined : new Activation({ activation: 'selu', name }),
  ),
  Gelu: pointwise((site, name) =>
    site.text('approximate', 'none') === 'none' ? new Activation({ activation: 'gelu', name }) : undefined,
  ),
  HardSigmoid: pointwise((site, name) => {
    const isKeras = close(site.float('alpha', 0.2), 1 / 6) && close(site.float('beta', 0.5), 0.5);
    return isKeras ? new Activation({ activation: 'hardSigmoid', name }) : undefined;
  }),
  LeakyRelu: pointwise((site, name) => new LeakyReLU({ negativeSlope: site.float('alpha', 0.01), name })),
  Elu: pointwise((site, name) => new ELU({ alpha: site.float('alpha', 1), name })),
  Clip: pointwise((site, name) => {
    const [low, high] = bounds(site) ?? [];
    if (low !== 0 || high === undefined || high <= 0) return undefined;
    return high > 3e38 ? new ReLU({ name }) : new ReLU({ maxValue: high, name });
  }),
  Softmax: softmax,
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  InstanceNormalization: instanceNormalization,
  PRelu: prelu,
  Dropout: dropout,
};
