// Layers that join several inputs into one.
import { FoveaError } from '../../core/errors.js';
import { formatShape, normalizeAxis } from '../../core/shape.js';
import { broadcastAll } from '../../graph/define.js';
import type { Tensor } from '../../graph/tensor.js';
import { add, divide, maximum, minimum, multiply, subtract } from '../../ops/arithmetic.js';
import { logicalOr } from '../../ops/compare.js';
import { ones } from '../../ops/create.js';
import { concat } from '../../ops/join.js';
import { any } from '../../ops/reduce.js';
import { broadcastTo, expandDims } from '../../ops/shape.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { type Field, refuseOption } from './fields.js';

/** See `layers.concatenate`. */
export interface ConcatenateOptions extends CommonOptions {
  /** Default the last. */
  axis?: number;
}

const noFields = {};

function checkCount(layer: string, inputs: readonly Tensor[], least: number, most = Infinity): void {
  if (inputs.length >= least && inputs.length <= most) return;
  const want = least === most ? `exactly ${least}` : `at least ${least}`;
  throw new FoveaError({
    code: 'argument',
    op: layer,
    message: `joins ${want} inputs; got ${inputs.length}.`,
    got: inputs.length,
    want: least,
    hint: `Apply it to a list: layer.apply([a, b]).`,
  });
}

abstract class Merge extends ConfiguredLayer<typeof noFields> {
  constructor(options: CommonOptions = {}) {
    super(options);
  }

  /** Joins inputs of one rank. */
  protected abstract merge(inputs: readonly Tensor[]): Tensor;

  protected get most(): number {
    return Infinity;
  }

  /** A step counts where it does in any input; all count where an input has no mask. */
  protected override computeMask(
    _inputs: readonly Tensor[],
    masks: readonly (Tensor | undefined)[],
  ): readonly (Tensor | undefined)[] {
    const known = masks.filter((mask) => mask !== undefined);
    return known.length < masks.length || known.length === 0 ? [] : [known.reduce((a, b) => logicalOr(a, b))];
  }

  override call(inputs: readonly Tensor[]): Tensor {
    checkCount(this.className, inputs, 2, this.most);
    const rank = Math.max(...inputs.map((input) => input.rank));
    // Missing axes are put behind the batch, so that a vector per example meets a picture per example.
    const equal = inputs.map((input) => {
      let x = input;
      while (x.rank < rank) x = expandDims(x, 1);
      return x;
    });
    broadcastAll(this.className, equal);
    return this.merge(equal);
  }
}

const fold = (inputs: readonly Tensor[], op: (a: Tensor, b: Tensor) => Tensor): Tensor =>
  inputs.reduce((total, x) => op(total, x));

/** The sum of its inputs. */
export class Add extends Merge {
  static override readonly className: string = 'Add';

  protected override merge(inputs: readonly Tensor[]): Tensor {
    return fold(inputs, add);
  }
}

/** The first of two inputs less the second. */
export class Subtract extends Merge {
  static override readonly className: string = 'Subtract';

  protected override get most(): number {
    return 2;
  }

  protected override merge(inputs: readonly Tensor[]): Tensor {
    return fold(inputs, subtract);
  }
}

/** The product of its inputs. */
export class Multiply extends Merge {
  static override readonly className: string = 'Multiply';

  protected override merge(inputs: readonly Tensor[]): Tensor {
    return fold(inputs, multiply);
  }
}

/** The mean of its inputs. */
export class Average extends Merge {
  static override readonly className: string = 'Average';

  protected override merge(inputs: readonly Tensor[]): Tensor {
    return divide(fold(inputs, add), inputs.length);
  }
}

/** The largest of its inputs, element by element. */
export class Maximum extends Merge {
  static override readonly className: string = 'Maximum';

  protected override merge(inputs: readonly Tensor[]): Tensor {
    return fold(inputs, maximum);
  }
}

/** The smallest of its inputs, element by element. */
export class Minimum extends Merge {
  static override readonly className: string = 'Minimum';

  protected override merge(inputs: readonly Tensor[]): Tensor {
    return fold(inputs, minimum);
  }
}

const axisField: Field<number> = {
  fallback: () => -1,
  check(value, place) {
    if (typeof value === 'number' && Number.isInteger(value)) return value;
    throw refuseOption(place, 'an axis', value);
  },
  write: (value) => value,
};

const concatenateFields = { axis: axisField };

/** Its inputs one after the other along an axis. */
export class Concatenate extends ConfiguredLayer<typeof concatenateFields> {
  static override readonly className: string = 'Concatenate';
  static override readonly fields = concatenateFields;

  constructor(options: ConcatenateOptions = {}) {
    super(options);
  }

  /** A step counts where it does for any feature of the result. */
  protected override computeMask(
    inputs: readonly Tensor[],
    masks: readonly (Tensor | undefined)[],
  ): readonly (Tensor | undefined)[] {
    if (masks.every((mask) => mask === undefined)) return [];
    const all = masks.map((mask, i) => {
      const { shape, rank } = inputs[i] as Tensor;
      if (mask === undefined) return ones(shape, { dtype: 'bool' });
      return mask.rank < rank ? broadcastTo(expandDims(mask, -1), shape) : mask;
    });
    return [any(concat(all, this.settings.axis), { axis: -1 })];
  }

  override call(inputs: readonly Tensor[]): Tensor {
    checkCount(this.className, inputs, 1);
    const [first] = inputs as readonly [Tensor];
    const axis = normalizeAxis(this.settings.axis, first.rank, this.className);
    const fits = inputs.every(
      (x) => x.rank === first.rank && x.shape.every((dim, i) => i === axis || dim === first.shape[i]),
    );
    if (!fits) {
      throw new FoveaError({
        code: 'shape',
        op: this.className,
        message: `inputs may differ along axis ${axis} only; got ${inputs.map(({ shape }) => formatShape(shape)).join(' and ')}.`,
        got: inputs.map(({ shape }) => shape),
        hint: 'Crop, pad or resize them to one size first.',
      });
    }
    return concat(inputs, axis);
  }
}
