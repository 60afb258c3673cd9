// NASNet-A (Zoph, Vasudevan, Shlens and Le 2017, arXiv 1707.07012): two cells found by search, one that keeps the size of a map
// and one that halves it, each of five sums; a cell sees the two before it.
import type { Layer } from '../../nn/layer.js';
import * as layers from '../../nn/layers/index.js';
import { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import {
  type ApplicationOptions,
  applicationInput,
  classifier,
  Numbering,
  pooled,
  stridePadding,
  through,
} from './build.js';

const norm = (name: string): Layer => layers.batchNormalization({ momentum: 0.9997, epsilon: 1e-3, name });

interface Plan {
  readonly size: number;
  /** Channels of the first convolution, and of the first cells. */
  readonly stem: number;
  readonly filters: number;
  /** Cells between two halvings. */
  readonly blocks: number;
  /** Whether the cell after a halving looks past it for its second input. */
  readonly skipsReduction: boolean;
}

/** A network being put together. */
class Cells {
  private readonly numbers = new Numbering();

  relu(x: SymbolicTensor, name = this.numbers.name('activation')): SymbolicTensor {
    return layers.activation({ activation: 'relu', name }).apply(x);
  }

  private project(x: SymbolicTensor, filters: number, name: string): SymbolicTensor {
    return layers
      .conv2d({ filters, kernelSize: 1, padding: 'same', useBias: false, kernelInitializer: 'heNormal', name })
      .apply(x);
  }

  /** Twice: ReLU, a separable convolution, batch norm. */
  private separable(x: SymbolicTensor, at: string, filters: number, kernelSize: number, strides = 1): SymbolicTensor {
    const one = (y: SymbolicTensor, number: 1 | 2, step: number): SymbolicTensor => {
      let active = this.relu(y);
      if (step === 2) {
        const padding = stridePadding(active, kernelSize);
        active = layers.zeroPadding2d({ padding, name: `separable_conv_${number}_pad_${at}` }).apply(active);
      }
      return through(
        active,
        layers.separableConv2d({
          filters,
          kernelSize,
          strides: step,
          padding: step === 2 ? 'valid' : 'same',
          useBias: false,
          name: `separable_conv_${number}_${at}`,
        }),
        norm(`separable_conv_${number}_bn_${at}`),
      );
    };
    return one(one(x, 1, strides), 2, 1);
  }

  /** The cell before the last in the size and channels of the last: every second pixel, from both phases, where it is larger. */
  private adjusted(p: SymbolicTensor | undefined, x: SymbolicTensor, filters: number, at: string): SymbolicTensor {
    if (p === undefined) return x;
    const wide = p.shape[2];
    if (wide !== x.shape[2]) {
      const active = this.relu(p, `adjust_relu_1_${at}`);
      const half = (y: SymbolicTensor, number: 1 | 2): SymbolicTensor => {
        const name = `adjust_avg_pool_${number}_${at}`;
        const picked = layers.averagePooling2d({ poolSize: 1, strides: 2, name }).apply(y);
        return this.project(picked, Math.floor(filters / 2), `adjust_conv_${number}_${at}`);
      };
      const behind = [
        [0, 1],
        [0, 1],
      ] as const;
      const before = [
        [1, 0],
        [1, 0],
      ] as const;
      const shifted = through(
        active,
        layers.zeroPadding2d({ padding: behind, name: this.numbers.name('zero_padding2d') }),
        layers.cropping2d({ cropping: before, name: this.numbers.name('cropping2d') }),
      );
      const joined = layers
        .concatenate({ name: this.numbers.name('concatenate') })
        .apply([half(active, 1), half(shifted, 2)]);
      return norm(`adjust_bn_${at}`).apply(joined);
    }
    if (p.shape[3] === filters) return p;
    return norm(`adjust_bn_${at}`).apply(this.project(this.relu(p), filters, `adjust_conv_projection_${at}`));
  }

  private add(a: SymbolicTensor, b: SymbolicTensor, name = this.numbers.name('add')): SymbolicTensor {
    return layers.add({ name }).apply([a, b]);
  }

  private entry(x: SymbolicTensor, kind: 'normal' | 'reduction', filters: number, at: string): SymbolicTensor {
    return norm(`${kind}_bn_1_${at}`).apply(this.project(this.relu(x), filters, `${kind}_conv_1_${at}`));
  }

  /** Keeps the size. */
  normal(x: SymbolicTensor, previous: SymbolicTensor | undefined, filters: number, at: string): SymbolicTensor {
    const p = this.adjusted(previous, x, filters, at);
    const h = this.entry(x, 'normal', filters, at);
    const mean = (y: SymbolicTensor, name: string): SymbolicTensor =>
      layers.averagePooling2d({ poolSize: 3, strides: 1, padding: 'same', name: `normal_${name}_${at}` }).apply(y);
    const conv = (y: SymbolicTensor, name: string, kernelSize: number): SymbolicTensor =>
      this.separable(y, `normal_${name}_${at}`, filters, kernelSize);
    const sums = [
      this.add(conv(h, 'left1', 5), conv(p, 'right1', 3), `normal_add_1_${at}`),
      this.add(conv(p, 'left2', 5), conv(p, 'right2', 3), `normal_add_2_${at}`),
      this.add(mean(h, 'left3'), p, `normal_add_3_${at}`),
      this.add(mean(p, 'left4'), mean(p, 'right4'), `normal_add_4_${at}`),
      this.add(conv(h, 'left5', 3), h, `normal_add_5_${at}`),
    ];
    return layers.concatenate({ name: `normal_concat_${at}` }).apply([p, ...sums]);
  }

  /** Halves it. */
  reduction(x: SymbolicTensor, previous: SymbolicTensor | undefined, filters: number, at: string): SymbolicTensor {
    const p = this.adjusted(previous, x, filters, at);
    const h = this.entry(x, 'reduction', filters, at);
    const padding = stridePadding(h, 3);
    const padded = layers.zeroPadding2d({ padding, name: `reduction_pad_1_${at}` }).apply(h);
    const conv = (y: SymbolicTensor, name: string, kernelSize: number, strides = 2): SymbolicTensor =>
      this.separable(y, `reduction_${name}_${at}`, filters, kernelSize, strides);
    const most = (name: string): SymbolicTensor =>
      layers.maxPooling2d({ poolSize: 3, strides: 2, name: `reduction_${name}_${at}` }).apply(padded);
    const first = this.add(conv(h, 'left1', 5), conv(p, 'right1', 7), `reduction_add_1_${at}`);
    const second = this.add(most('left2'), conv(p, 'right2', 7), `reduction_add_2_${at}`);
    const mean = layers.averagePooling2d({ poolSize: 3, strides: 2, name: `reduction_left3_${at}` }).apply(padded);
    const third = this.add(mean, conv(p, 'right3', 5), `reduction_add3_${at}`);
    const smooth = layers
      .averagePooling2d({ poolSize: 3, strides: 1, padding: 'same', name: `reduction_left4_${at}` })
      .apply(first);
    const fourth = this.add(second, smooth);
    const fifth = this.add(conv(first, 'left4', 3, 1), most('right5'), `reduction_add4_${at}`);
    return layers.concatenate({ name: `reduction_concat_${at}` }).apply([second, third, fourth, fifth]);
  }
}

function nasnet(name: string, plan: Plan, options: ApplicationOptions = {}): Model {
  const { size, stem, filters, blocks, skipsReduction } = plan;
  const { includeTop = true } = options;
  // Without the top Keras fixes the size, too: what is adjusted depends on it.
  const inputShape = options.inputShape ?? ([size, size, 3] as const);
  const inputs = applicationInput(name, { ...options, inputShape }, size, 32);
  const cells = new Cells();
  const start = layers.conv2d({
    filters: stem,
    kernelSize: 3,
    strides: 2,
    useBias: false,
    kernelInitializer: 'heNormal',
    name: 'stem_conv1',
  });
  let p: SymbolicTensor | undefined;
  let x = through(inputs, start, norm('stem_bn1'));
  const step = (next: SymbolicTensor): void => {
    p = x;
    x = next;
  };
  step(cells.reduction(x, undefined, Math.floor(filters / 4), 'stem_1'));
  step(cells.reduction(x, p, Math.floor(filters / 2), 'stem_2'));
  for (let stage = 0; stage < 3; stage++) {
    const wide = filters * 2 ** stage;
    if (stage > 0) {
      const before = p;
      step(cells.reduction(x, p, wide, `reduce_${stage * blocks}`));
      if (skipsReduction) p = before;
    }
    for (let i = 0; i < blocks; i++) {
      const number = stage * blocks + i + (stage > 0 ? 1 : 0);
      step(cells.normal(x, p, wide, String(number)));
    }
  }
  x = cells.relu(x);
  const outputs = includeTop
    ? through(x, layers.globalAveragePooling2d({ name: 'global_average_pooling2d' }), classifier(options))
    : pooled(x, options);
  return new Model({ inputs, outputs, name: options.name ?? name });
}

/** 5,326,716 parameters, pictures of 224. */
export const nasnetMobile = (options?: ApplicationOptions): Model =>
  nasnet('nasnet_mobile', { size: 224, stem: 32, filters: 44, blocks: 4, skipsReduction: false }, options);
/** 88,949,818 parameters, pictures of 331. */
export const nasnetLarge = (options?: ApplicationOptions): Model =>
  nasnet('nasnet_large', { size: 331, stem: 96, filters: 168, blocks: 6, skipsReduction: true }, options);
