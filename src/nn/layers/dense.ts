// The fully connected layer.
import { sizeOf } from '../../core/shape.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add } from '../../ops/arithmetic.js';
import { matmul } from '../../ops/matmul.js';
import { reshape } from '../../ops/shape.js';
import type { CallContext } from '../layer.js';
import type { PartialShape } from '../symbolic.js';
import { checkAxes, wrongInput } from './check-input.js';
import { ConfiguredLayer } from './configured.js';
import { type KernelOptions, kernelFields } from './conv.js';
import { whole } from './fields.js';

/** See `layers.dense`. */
export interface DenseOptions extends KernelOptions {
  /** Size of the last axis of the output. */
  units: number;
}

const denseFields = { units: whole(1), ...kernelFields };

/** Multiplies the last axis by a kernel [features,units]. */
export class Dense extends ConfiguredLayer<typeof denseFields> {
  static override readonly className: string = 'Dense';
  static override readonly supportsMasking: boolean = true;
  static override readonly fields = denseFields;
  private kernel!: Variable;
  private bias: Variable | undefined;
  private features = 0;

  constructor(options: DenseOptions) {
    super(options);
  }

  override build([shape]: readonly [PartialShape]): void {
    const { units, ...set } = this.settings;
    if (shape.length < 2) checkAxes(this, shape, ['batch', 'features']);
    this.features = shape.at(-1) ?? Number.NaN;
    this.kernel = this.addConstrained({
      name: 'kernel',
      shape: [this.features, units],
      initializer: set.kernelInitializer,
      regularizer: set.kernelRegularizer,
      constraint: set.kernelConstraint,
    });
    this.bias = this.addBias(units, set);
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { units, activation } = this.settings;
    if (x.rank < 2 || x.shape.at(-1) !== this.features) {
      throw wrongInput(this, x.shape, ['batch', 'features'], { features: this.features });
    }
    const { kernel, bias } = this;
    // One tall matrix, so that bias and activation can be folded into the product.
    const rows = x.rank === 2 ? x : reshape(x, [sizeOf(x.shape.slice(0, -1)), this.features]);
    const product = matmul(rows, kernel.value);
    const sum = bias === undefined ? product : add(product, bias.value);
    if (x.rank === 2) return activation.call(sum, context);
    const shape = [...x.shape.slice(0, -1), units];
    if (activation.isPointwise) return reshape(activation.call(sum, context), shape);
    return activation.call(reshape(sum, shape), context);
  }
}
