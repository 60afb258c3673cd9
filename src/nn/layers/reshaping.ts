// Layers that give the same elements in another shape or order.
import { FoveaError } from '../../core/errors.js';
import { formatShape, sizeOf } from '../../core/shape.js';
import type { Tensor } from '../../graph/tensor.js';
import { broadcastTo, expandDims, reshape, transpose } from '../../ops/shape.js';
import type { DataFormat } from '../../ops/window.js';
import { checkAxes } from './check-input.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { dataFormat, list, whole } from './fields.js';

/** See `layers.flatten`. */
export interface FlattenOptions extends CommonOptions {
  dataFormat?: DataFormat;
}

/** See `layers.reshape`. */
export interface ReshapeOptions extends CommonOptions {
  /** Sizes without the batch; one may be -1, which stands for what is left. */
  targetShape: readonly number[];
}

/** See `layers.permute`. */
export interface PermuteOptions extends CommonOptions {
  /** Where each axis comes from, counted from 1, without the batch. */
  dims: readonly number[];
}

/** See `layers.repeatVector`. */
export interface RepeatVectorOptions extends CommonOptions {
  /** How often. */
  n: number;
}

const flattenFields = { dataFormat: dataFormat() };
const reshapeFields = { targetShape: list('sizes of at least 0, or -1 for one of them', (dim) => dim >= -1) };
const permuteFields = { dims: list('axes counted from 1', (axis) => axis >= 1) };
const repeatFields = { n: whole(1) };

/** All axes but the batch in one. */
export class Flatten extends ConfiguredLayer<typeof flattenFields> {
  static override readonly className: string = 'Flatten';
  static override readonly fields = flattenFields;

  constructor(options: FlattenOptions = {}) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    const isFirst = this.settings.dataFormat === 'channelsFirst' && x.rank > 2;
    const inner = Array.from({ length: x.rank - 2 }, (_, i) => i + 2);
    const from = isFirst ? transpose(x, [0, ...inner, 1]) : x;
    return reshape(from, [x.shape[0] ?? 1, sizeOf(x.shape.slice(1))]);
  }
}

/** The same elements in another shape. */
export class Reshape extends ConfiguredLayer<typeof reshapeFields> {
  static override readonly className: string = 'Reshape';
  static override readonly fields = reshapeFields;

  constructor(options: ReshapeOptions) {
    super(options);
    const { targetShape } = this.settings;
    if (targetShape.filter((dim) => dim === -1).length > 1) {
      throw new FoveaError({
        code: 'argument',
        op: 'Reshape',
        message: `only one size of targetShape can be -1; got ${formatShape(targetShape)}.`,
        got: targetShape,
        path: this.name,
      });
    }
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { targetShape } = this.settings;
    const [batch = 1, ...inner] = x.shape;
    const count = sizeOf(inner);
    const known = sizeOf(targetShape.filter((dim) => dim !== -1));
    const isOpen = targetShape.includes(-1);
    if (isOpen ? known === 0 || count % known !== 0 : known !== count) {
      throw new FoveaError({
        code: 'shape',
        op: 'Reshape',
        message: `cannot make ${formatShape(targetShape)} of ${formatShape(inner)}: it has ${count} elements.`,
        got: x.shape,
        want: targetShape,
      });
    }
    return reshape(x, [batch, ...targetShape.map((dim) => (dim === -1 ? count / known : dim))]);
  }
}

/** The axes in another order. */
export class Permute extends ConfiguredLayer<typeof permuteFields> {
  static override readonly className: string = 'Permute';
  static override readonly fields = permuteFields;

  constructor(options: PermuteOptions) {
    super(options);
    const { dims } = this.settings;
    const sorted = [...dims].sort((a, b) => a - b);
    if (sorted.every((axis, i) => axis === i + 1)) return;
    throw new FoveaError({
      code: 'argument',
      op: 'Permute',
      message: `dims must hold every axis from 1 to ${dims.length} once; got ${formatShape(dims)}.`,
      got: dims,
      path: this.name,
    });
  }

  override call([x]: readonly [Tensor]): Tensor {
    const { dims } = this.settings;
    if (x.rank !== dims.length + 1) checkAxes(this, x.shape, ['batch', ...dims.map((axis) => `axis${axis}`)]);
    return transpose(x, [0, ...dims]);
  }
}

/** A vector [n,features] several times, as a sequence [n,times,features]. */
export class RepeatVector extends ConfiguredLayer<typeof repeatFields> {
  static override readonly className: string = 'RepeatVector';
  static override readonly fields = repeatFields;

  constructor(options: RepeatVectorOptions) {
    super(options);
  }

  override call([x]: readonly [Tensor]): Tensor {
    checkAxes(this, x.shape, ['batch', 'features']);
    const [batch, features] = x.shape as readonly [number, number];
    return broadcastTo(expandDims(x, 1), [batch, this.settings.n, features]);
  }
}
