// Spectral normalization (Miyato et al. 2018): a layer whose kernel is kept at a largest singular value of 1.
import { FoveaError } from '../../core/errors.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { cast, divide, minimum, multiply } from '../../ops/arithmetic.js';
import { equal } from '../../ops/compare.js';
import { matmul } from '../../ops/matmul.js';
import { all, sum } from '../../ops/reduce.js';
import { reshape } from '../../ops/shape.js';
import { rsqrt, square, stopGradient } from '../../ops/unary.js';
import { where } from '../../ops/where.js';
import { truncatedNormal } from '../initializers.js';
import type { CallContext } from '../layer.js';
import type { PartialShape } from '../symbolic.js';
import { whole } from './fields.js';
import { layerField } from './registered.js';
import { Wrapper, type WrapperOptions } from './wrapper.js';

/** See `layers.spectralNormalization`. */
export interface SpectralNormalizationOptions extends WrapperOptions {
  /** Steps towards the singular value in each call; default 1. */
  powerIterations?: number;
}

const spectralFields = { layer: layerField(), powerIterations: whole(1, 1) };

// No vector is made longer than this times itself.
const LARGEST = 1e7;

/** Divides by the length of the whole matrix. */
function unit(x: Tensor): Tensor {
  return multiply(x, minimum(rsqrt(sum(square(x))), LARGEST));
}

/** Divides the kernel of the layer inside by its largest singular value, at every training step. */
export class SpectralNormalization extends Wrapper<typeof spectralFields> {
  static override readonly className: string = 'SpectralNormalization';
  static override readonly fields = spectralFields;
  private kernel!: Variable;
  private vector!: Variable;

  constructor(options: SpectralNormalizationOptions) {
    super(options);
  }

  override build(inputShapes: readonly PartialShape[]): void {
    super.build(inputShapes);
    const kernel = this.layer.ownWeights.find(({ name }) => name === 'kernel' || name === 'embeddings');
    if (kernel === undefined) {
      throw new FoveaError({
        code: 'argument',
        op: this.className,
        message: `layer "${this.layer.name}" has no kernel and no embeddings.`,
        got: this.layer.className,
        hint: 'Wrap a layer such as layers.dense or layers.conv2d.',
      });
    }
    this.kernel = kernel;
    this.adoptWeight(kernel);
    this.vector = this.addWeight({
      name: 'vector_u',
      shape: [1, kernel.shape.at(-1) as number],
      initializer: truncatedNormal({ stddev: 0.02 }),
      trainable: false,
      dtype: kernel.dtype,
    });
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    if (context.training) this.normalize();
    const [y] = this.layer.run([x], context) as readonly [Tensor];
    return cast(y, x.dtype);
  }

  /** Sets the kernel to what it is over its largest singular value, as far as some steps of power iteration know it. */
  private normalize(): void {
    const { kernel, vector } = this;
    const before = cast(kernel.value, kernel.dtype);
    const weights = reshape(before, [-1, kernel.shape.at(-1) as number]);
    let u = cast(vector.value, vector.dtype);
    let v = u;
    for (let i = 0; i < this.settings.powerIterations; i++) {
      v = unit(matmul(u, weights, { transposeB: true }));
      u = unit(matmul(v, weights));
    }
    const sigma = matmul(matmul(v, weights), u, { transposeB: true });
    const after = reshape(divide(weights, sigma), kernel.shape);
    const isZero = all(equal(before, 0));
    // Training goes on from the new kernel, so its gradient does not go back to the old one.
    vector.assign(stopGradient(where(isZero, vector.value, u)));
    kernel.assign(stopGradient(where(isZero, before, after)));
  }
}
