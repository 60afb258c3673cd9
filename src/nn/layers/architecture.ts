// Layers that single published networks have and no other: a file of such a network names them.
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add, multiply } from '../../ops/arithmetic.js';
import { reshape, slice, transpose } from '../../ops/shape.js';
import { constant } from '../initializers.js';
import type { PartialShape } from '../symbolic.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { real, whole } from './fields.js';

const scaleFields = { initValues: real(), projectionDim: whole(1) };

/** Channels times learned factors that begin near zero. */
export class LayerScale extends ConfiguredLayer<typeof scaleFields> {
  static override readonly className: string = 'LayerScale';
  static override readonly module: string = 'keras.src.applications.convnext';
  static override readonly fields = scaleFields;
  private gamma!: Variable;

  constructor(options: CommonOptions & { initValues: number; projectionDim: number }) {
    super(options);
  }

  override build(_shapes: readonly PartialShape[]): void {
    const { initValues, projectionDim } = this.settings;
    this.gamma = this.addWeight({ name: 'gamma', shape: [projectionDim], initializer: constant(initValues) });
  }

  override call([x]: readonly [Tensor]): Tensor {
    return multiply(x, this.gamma.value);
  }
}

const sumFields = { scale: real() };

/** The first input plus so much of the second: Keras's class for Inception-ResNet v2. */
export class CustomScaleLayer extends ConfiguredLayer<typeof sumFields> {
  static override readonly className: string = 'CustomScaleLayer';
  static override readonly module: string = 'keras.src.applications.inception_resnet_v2';
  static override readonly fields = sumFields;

  constructor(options: CommonOptions & { scale: number }) {
    super(options);
  }

  override call([x, residual]: readonly [Tensor, Tensor]): Tensor {
    return add(x, multiply(residual, this.settings.scale));
  }
}

const shuffleFields = { groups: whole(1) };

/** The channels of `groups` groups, one of each in turn. */
export class ChannelShuffle extends ConfiguredLayer<typeof shuffleFields> {
  static override readonly className: string = 'ChannelShuffle';
  static override readonly module: string = 'fovea';
  static override readonly fields = shuffleFields;

  constructor(options: CommonOptions & { groups: number }) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { groups } = this.settings;
    const [n, h, w, c] = x.shape as [number, number, number, number];
    return reshape(transpose(reshape(x, [n, h, w, groups, c / groups]), [0, 1, 2, 4, 3]), [n, h, w, c]);
  }
}

const partFields = { from: whole(0), to: whole(1) };

/** A range of channels. */
export class ChannelRange extends ConfiguredLayer<typeof partFields> {
  static override readonly className: string = 'ChannelRange';
  static override readonly module: string = 'fovea';
  static override readonly fields = partFields;

  constructor(options: CommonOptions & { from: number; to: number }) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { from, to } = this.settings;
    return slice(x, [0, 0, 0, from], [-1, -1, -1, to - from]);
  }
}
