// Masking: marks the time steps that hold nothing, for later layers to skip.
import type { Tensor } from '../../graph/tensor.js';
import { notEqual } from '../../ops/compare.js';
import { any } from '../../ops/reduce.js';
import { expandDims } from '../../ops/shape.js';
import { where } from '../../ops/where.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { real } from './fields.js';

/** See `layers.masking`. */
export interface MaskingOptions extends CommonOptions {
  /** A step whose features all have this value does not count; default 0. */
  maskValue?: number;
}

const maskingFields = { maskValue: real(0) };

/** Sets steps of [n,time,features] whose features all equal a value to 0 and marks them as not counting. */
export class Masking extends ConfiguredLayer<typeof maskingFields> {
  static override readonly className: string = 'Masking';
  static override readonly fields = maskingFields;

  constructor(options: MaskingOptions = {}) {
    super(options);
  }

  protected override computeMask([x]: readonly [Tensor]): readonly Tensor[] {
    return [this.findSteps(x)];
  }

  override call([x]: readonly [Tensor]): Tensor {
    return where(expandDims(this.findSteps(x), -1), x, 0);
  }

  private findSteps(x: Tensor): Tensor {
    return any(notEqual(x, this.settings.maskValue), { axis: -1 });
  }
}
