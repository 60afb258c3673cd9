// The product of two inputs along an axis of each.
import { FoveaError } from '../../core/errors.js';
import { formatShape, sizeOf } from '../../core/shape.js';
import type { Tensor } from '../../graph/tensor.js';
import { matmul } from '../../ops/matmul.js';
import { l2Normalize } from '../../ops/norm.js';
import { reshape, transpose } from '../../ops/shape.js';
import type { Pair } from '../../ops/window.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { type Field, flag, refuseOption } from './fields.js';

/** See `layers.dot`. */
export interface DotOptions extends CommonOptions {
  /** The axis of each input that is summed over: one number for both, or two; not the batch. */
  axes: number | Pair;
  /** Divides by the lengths first, so that the result is a cosine; default false. */
  normalize?: boolean;
}

const axesField: Field<number | Pair> = {
  check(value, place) {
    const isAxis = (each: unknown): boolean => Number.isInteger(each) && each !== 0;
    if (isAxis(value)) return value as number;
    if (Array.isArray(value) && value.length === 2 && value.every(isAxis))
      return [value[0] as number, value[1] as number];
    throw refuseOption(place, 'an axis other than the batch, or two of them', value);
  },
  write: (value) => (typeof value === 'number' ? value : [...value]),
};
const dotFields = { axes: axesField, normalize: flag(false) };

/** Sums the products of two inputs along an axis of each, example by example. */
export class Dot extends ConfiguredLayer<typeof dotFields> {
  static override readonly className: string = 'Dot';
  static override readonly fields = dotFields;

  constructor(options: DotOptions) {
    super(options);
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const [a, b] = inputs;
    if (a === undefined || b === undefined || inputs.length !== 2) {
      throw new FoveaError({
        code: 'argument',
        op: this.className,
        message: `joins exactly 2 inputs; got ${inputs.length}.`,
        got: inputs.length,
        hint: 'Apply it to a list: layer.apply([a, b]).',
      });
    }
    const { axes, normalize } = this.settings;
    const [first, second] = typeof axes === 'number' ? [axes, axes] : axes;
    const [i, j] = [this.axisOf(a, first), this.axisOf(b, second)];
    if (a.shape[i] !== b.shape[j] || a.shape[0] !== b.shape[0]) {
      throw new FoveaError({
        code: 'shape',
        op: this.className,
        message: `axis ${i} of ${formatShape(a.shape)} does not fit axis ${j} of ${formatShape(b.shape)}.`,
        got: [a.shape, b.shape],
      });
    }
    const unit = (x: Tensor, axis: number): Tensor => (normalize ? l2Normalize(x, { axis }) : x);
    const [rowsShape, rows] = lastly(unit(a, i), i);
    const [columnsShape, columns] = lastly(unit(b, j), j);
    const product = matmul(rows, columns, { transposeB: true });
    const inner = [...rowsShape, ...columnsShape];
    return reshape(product, [a.shape[0] as number, ...(inner.length === 0 ? [1] : inner)]);
  }

  /** The axis from the front; one from the end may turn out to be the batch, which is no axis to sum. */
  private axisOf({ shape }: Tensor, axis: number): number {
    const at = axis < 0 ? axis + shape.length : axis;
    if (at > 0 && at < shape.length) return at;
    throw new FoveaError({
      code: 'argument',
      op: this.className,
      message: `axes: ${formatShape(shape)} has no axis ${axis} beside the batch.`,
      got: axis,
      want: `1 to ${shape.length - 1}, or from the end`,
    });
  }
}

/** x as [batch,others,axis], and the sizes of the others. */
function lastly(x: Tensor, axis: number): [sizes: number[], matrix: Tensor] {
  const others = x.shape.map((_, at) => at).filter((at) => at !== 0 && at !== axis);
  const sizes = others.map((at) => x.shape[at] as number);
  const turned = transpose(x, [0, ...others, axis]);
  return [sizes, reshape(turned, [x.shape[0] as number, sizeOf(sizes), x.shape[axis] as number])];
}
