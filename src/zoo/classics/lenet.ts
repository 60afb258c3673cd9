// LeNet-5 (LeCun, Bottou, Bengio and Haffner 1998): the paper's, whose third layer sees only chosen maps and whose output
// measures distances to drawn digits, and the full one that most courses build.
import { FoveaError } from '../../core/errors.js';
import type { Layer } from '../../nn/layer.js';
import * as layers from '../../nn/layers/index.js';
import { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { through } from '../applications/build.js';
import type { ImageModelOptions } from '../options.js';

/** See `lenet5`. */
export interface LeNetOptions extends ImageModelOptions {
  /** The paper's form: sparse C3, trained subsampling, distances to drawn digits; default false. */
  sparse?: boolean;
}

/** Which of the six maps each of C3's sixteen sees: the paper's table I. */
const SEEN: readonly (readonly number[])[] = [
  ...[0, 1, 2, 3, 4, 5].map((first) => [0, 1, 2].map((step) => (first + step) % 6)),
  ...[0, 1, 2, 3, 4, 5].map((first) => [0, 1, 2, 3].map((step) => (first + step) % 6)),
  ...[0, 1, 2].map((first) => [0, 1, 3, 4].map((step) => (first + step) % 6)),
  [0, 1, 2, 3, 4, 5],
];

/** Digits of 7 x 12 cells, one row a word of seven bits, for the output's distances. */
const DIGITS: readonly (readonly number[])[] = [
  [0x1c, 0x36, 0x63, 0x63, 0x63, 0x63, 0x63, 0x63, 0x63, 0x36, 0x1c, 0x00],
  [0x0c, 0x1c, 0x3c, 0x6c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c, 0x3f, 0x00],
  [0x3e, 0x63, 0x03, 0x03, 0x06, 0x0c, 0x18, 0x30, 0x60, 0x60, 0x7f, 0x00],
  [0x7f, 0x06, 0x0c, 0x18, 0x3e, 0x03, 0x03, 0x03, 0x03, 0x63, 0x3e, 0x00],
  [0x06, 0x0e, 0x1e, 0x36, 0x66, 0x66, 0x7f, 0x06, 0x06, 0x06, 0x06, 0x00],
  [0x7f, 0x60, 0x60, 0x60, 0x7e, 0x03, 0x03, 0x03, 0x03, 0x63, 0x3e, 0x00],
  [0x1e, 0x30, 0x60, 0x60, 0x7e, 0x63, 0x63, 0x63, 0x63, 0x63, 0x3e, 0x00],
  [0x7f, 0x03, 0x03, 0x06, 0x06, 0x0c, 0x0c, 0x18, 0x18, 0x30, 0x30, 0x00],
  [0x3e, 0x63, 0x63, 0x63, 0x36, 0x3e, 0x63, 0x63, 0x63, 0x63, 0x3e, 0x00],
  [0x3e, 0x63, 0x63, 0x63, 0x63, 0x3f, 0x03, 0x03, 0x03, 0x06, 0x3c, 0x00],
];
const CELLS = 84;
const COLUMNS = 7;

/** The paper's 1.7159 tanh(2/3 x), which is 1 at 1. */
const squashed = (x: SymbolicTensor, name: string): SymbolicTensor =>
  through(
    x,
    layers.rescaling({ scale: 2 / 3, name: `${name}_in` }),
    layers.activation({ activation: 'tanh', name: `${name}_tanh` }),
    layers.rescaling({ scale: 1.7159, name: `${name}_out` }),
  );

/**
 * LeNet-5 for pictures of 32x32x1. By default 61,706 parameters; with `sparse` the paper's 60,000 and the 840 fixed values of the
 * drawn digits. Throws `argument` for the paper's form with other than 10 classes.
 */
export function lenet5({ sparse = false, ...options }: LeNetOptions = {}): Model {
  return sparse ? paper(options) : full(options);
}

function full({ inputShape = [32, 32, 1], classes = 10, name = 'lenet5' }: ImageModelOptions): Model {
  const conv = (filters: number, at: string): Layer =>
    layers.conv2d({ filters, kernelSize: 5, activation: 'tanh', name: at });
  const dense = (units: number, at: string): Layer => layers.dense({ units, activation: 'tanh', name: at });
  const inputs = layers.input(inputShape, { name: 'input_layer' });
  const outputs = through(
    inputs,
    conv(6, 'c1'),
    layers.averagePooling2d({ poolSize: 2, name: 's2' }),
    conv(16, 'c3'),
    layers.averagePooling2d({ poolSize: 2, name: 's4' }),
    layers.flatten({ name: 'flatten' }),
    dense(120, 'c5'),
    dense(84, 'f6'),
    layers.dense({ units: classes, activation: 'softmax', name: 'predictions' }),
  );
  return new Model({ inputs, outputs, name });
}

function paper({ inputShape = [32, 32, 1], classes = 10, name = 'lenet5_1998' }: ImageModelOptions): Model {
  if (classes !== 10) {
    throw new FoveaError({
      code: 'argument',
      op: 'lenet5',
      message: `the paper's output measures distances to ten digits; got ${classes} classes.`,
      got: classes,
      want: 10,
      hint: 'Leave out sparse.',
    });
  }
  const conv = (x: SymbolicTensor, filters: number, at: string): SymbolicTensor =>
    layers.conv2d({ filters, kernelSize: 5, name: at }).apply(x);
  // The mean of four cells, times a factor, plus a bias: each map has its own.
  const sampled = (x: SymbolicTensor, at: string): SymbolicTensor =>
    squashed(
      through(
        x,
        layers.averagePooling2d({ poolSize: 2, name: `${at}_mean` }),
        layers.depthwiseConv2d({ kernelSize: 1, name: `${at}_scale` }),
      ),
      at,
    );
  const joined = (parts: readonly SymbolicTensor[], at: string): SymbolicTensor =>
    layers.concatenate({ name: at }).apply(parts);
  const inputs = layers.input(inputShape, { name: 'input_layer' });
  const maps = Array.from({ length: 6 }, (_, map) =>
    sampled(squashed(conv(inputs, 1, `c1_${map}`), `c1_${map}_act`), `s2_${map}`),
  );
  const third = SEEN.map((seen, map) => {
    const from = joined(
      seen.map((each) => maps[each] as SymbolicTensor),
      `c3_${map}_sees`,
    );
    return conv(from, 1, `c3_${map}`);
  });
  let x = sampled(squashed(joined(third, 'c3'), 'c3_act'), 's4');
  x = layers.flatten({ name: 'flatten' }).apply(squashed(conv(x, 120, 'c5'), 'c5_act'));
  x = squashed(layers.dense({ units: CELLS, name: 'f6' }).apply(x), 'f6_act');
  const model = new Model({ inputs, outputs: distances(x), name });
  const drawn = model.getLayer('digits').weights[0];
  drawn?.set(
    Float32Array.from({ length: CELLS * 10 }, (_, i) => {
      const [cell, digit] = [Math.floor(i / 10), i % 10];
      const row = DIGITS[digit]?.[Math.floor(cell / COLUMNS)] ?? 0;
      return (row >> (COLUMNS - 1 - (cell % COLUMNS))) & 1 ? 1 : -1;
    }),
  );
  return model;
}

/** Probabilities by the squared distances |x - w|^2 = |x|^2 - 2 x w + 84 to the drawn digits. */
function distances(x: SymbolicTensor): SymbolicTensor {
  const digits = layers.dense({ units: 10, useBias: false, trainable: false, name: 'digits' }).apply(x);
  const squares = layers.dot({ axes: 1, name: 'squares' }).apply([x, x]);
  const near = layers.rescaling({ scale: 2, offset: -CELLS, name: 'nearness' }).apply(digits);
  const negative = layers.subtract({ name: 'distances' }).apply([near, squares]);
  return layers.activation({ activation: 'softmax', name: 'predictions' }).apply(negative);
}
