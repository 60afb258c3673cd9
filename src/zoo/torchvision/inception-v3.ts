// InceptionV3 (Szegedy et al. 2015, arXiv 1512.00567) in torchvision's form.
import * as layers from '../../nn/layers/index.js';
import type { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { TorchBuilder, type TorchvisionOptions } from './build.js';
import type { GoogLeNetOptions } from './googlenet.js';

type Kernel = number | readonly [number, number];

/** A convolution of a branch: its name behind the block's, channels, kernel, and stride 2 where `halves`. */
type Step = readonly [name: string, filters: number, kernel?: Kernel, halves?: boolean];

/** Convolutions one after the other. Those that halve a map do not pad it. */
function chain(b: TorchBuilder, x: SymbolicTensor, at: string, steps: readonly Step[]): SymbolicTensor {
  return steps.reduce(
    (y, [name, filters, kernel = 1, halves = false]) => unit(b, y, `${at}.${name}`, filters, kernel, halves),
    x,
  );
}

function unit(
  b: TorchBuilder,
  x: SymbolicTensor,
  at: string,
  filters: number,
  kernel: Kernel,
  halves = false,
): SymbolicTensor {
  const size = halves ? ({ strides: 2, padding: 0 } as const) : {};
  return b.convNorm(x, at, filters, { kernel, epsilon: 1e-3, parts: ['conv', 'bn'], ...size });
}

/** The mean of each 3x3, zeros around the map counting. */
function smoothed(b: TorchBuilder, x: SymbolicTensor, at: string): SymbolicTensor {
  return layers.averagePooling2d({ poolSize: 3, strides: 1, name: `${at}.pool` }).apply(b.pad(x, 1));
}

/** 1x1, 5x5, two 3x3, and a pooling side by side. */
function fives(b: TorchBuilder, x: SymbolicTensor, at: string, pooled: number): SymbolicTensor {
  return b.join([
    chain(b, x, at, [['branch1x1', 64]]),
    chain(b, x, at, [
      ['branch5x5_1', 48],
      ['branch5x5_2', 64, 5],
    ]),
    chain(b, x, at, [
      ['branch3x3dbl_1', 64],
      ['branch3x3dbl_2', 96, 3],
      ['branch3x3dbl_3', 96, 3],
    ]),
    chain(b, smoothed(b, x, at), at, [['branch_pool', pooled]]),
  ]);
}

/** 7x7 taken apart into rows and columns. */
function sevens(b: TorchBuilder, x: SymbolicTensor, at: string, narrow: number): SymbolicTensor {
  const [row, column] = [[1, 7] as const, [7, 1] as const];
  return b.join([
    chain(b, x, at, [['branch1x1', 192]]),
    chain(b, x, at, [
      ['branch7x7_1', narrow],
      ['branch7x7_2', narrow, row],
      ['branch7x7_3', 192, column],
    ]),
    chain(b, x, at, [
      ['branch7x7dbl_1', narrow],
      ['branch7x7dbl_2', narrow, column],
      ['branch7x7dbl_3', narrow, row],
      ['branch7x7dbl_4', narrow, column],
      ['branch7x7dbl_5', 192, row],
    ]),
    chain(b, smoothed(b, x, at), at, [['branch_pool', 192]]),
  ]);
}

/** A row and a column side by side. */
function crossed(b: TorchBuilder, x: SymbolicTensor, at: string): SymbolicTensor {
  return b.join([unit(b, x, `${at}a`, 384, [1, 3]), unit(b, x, `${at}b`, 384, [3, 1])]);
}

function wide(b: TorchBuilder, x: SymbolicTensor, at: string): SymbolicTensor {
  return b.join([
    chain(b, x, at, [['branch1x1', 320]]),
    crossed(b, chain(b, x, at, [['branch3x3_1', 384]]), `${at}.branch3x3_2`),
    crossed(
      b,
      chain(b, x, at, [
        ['branch3x3dbl_1', 448],
        ['branch3x3dbl_2', 384, 3],
      ]),
      `${at}.branch3x3dbl_3`,
    ),
    chain(b, smoothed(b, x, at), at, [['branch_pool', 192]]),
  ]);
}

/** The classifier on the way. */
function aside(b: TorchBuilder, x: SymbolicTensor): SymbolicTensor {
  const small = layers.averagePooling2d({ poolSize: 5, strides: 3, name: 'AuxLogits.pool' }).apply(x);
  const y = b.convNorm(unit(b, small, 'AuxLogits.conv0', 128, 1), 'AuxLogits.conv1', 768, {
    kernel: 5,
    padding: 0,
    epsilon: 1e-3,
    parts: ['conv', 'bn'],
  });
  return b.dense(b.means(y), 'AuxLogits.fc', b.classes);
}

/** 23,834,568 parameters; 27,161,264 with the further classifier. */
export function inceptionV3({ auxLogits = false, ...options }: GoogLeNetOptions & TorchvisionOptions = {}): Model {
  const b = new TorchBuilder('inception_v3', options, 299, 75);
  const bare = (x: SymbolicTensor, name: string, filters: number, kernel: number, strides = 1): SymbolicTensor =>
    b.convNorm(x, name, filters, { kernel, strides, padding: 0, epsilon: 1e-3, parts: ['conv', 'bn'] });
  let x = bare(bare(b.inputs, 'Conv2d_1a_3x3', 32, 3, 2), 'Conv2d_2a_3x3', 32, 3);
  x = b.maxPool(unit(b, x, 'Conv2d_2b_3x3', 64, 3), 3, 2);
  x = b.maxPool(bare(unit(b, x, 'Conv2d_3b_1x1', 80, 1), 'Conv2d_4a_3x3', 192, 3), 3, 2);
  x = fives(b, x, 'Mixed_5b', 32);
  x = fives(b, x, 'Mixed_5c', 64);
  x = fives(b, x, 'Mixed_5d', 64);
  x = b.join([
    chain(b, x, 'Mixed_6a', [['branch3x3', 384, 3, true]]),
    chain(b, x, 'Mixed_6a', [
      ['branch3x3dbl_1', 64],
      ['branch3x3dbl_2', 96, 3],
      ['branch3x3dbl_3', 96, 3, true],
    ]),
    b.maxPool(x, 3, 2),
  ]);
  x = sevens(b, x, 'Mixed_6b', 128);
  x = sevens(b, x, 'Mixed_6c', 160);
  x = sevens(b, x, 'Mixed_6d', 160);
  x = sevens(b, x, 'Mixed_6e', 192);
  const others = auxLogits && b.hasTop ? [aside(b, x)] : [];
  x = b.join([
    chain(b, x, 'Mixed_7a', [
      ['branch3x3_1', 192],
      ['branch3x3_2', 320, 3, true],
    ]),
    chain(b, x, 'Mixed_7a', [
      ['branch7x7x3_1', 192],
      ['branch7x7x3_2', 192, [1, 7]],
      ['branch7x7x3_3', 192, [7, 1]],
      ['branch7x7x3_4', 192, 3, true],
    ]),
    b.maxPool(x, 3, 2),
  ]);
  x = wide(b, x, 'Mixed_7b');
  x = wide(b, x, 'Mixed_7c');
  return b.model(x, (maps) => b.dense(b.dropout(b.means(maps), 0.5), 'fc', b.classes), others);
}
