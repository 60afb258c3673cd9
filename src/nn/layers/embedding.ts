// A learned vector for every whole number.
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { cast } from '../../ops/arithmetic.js';
import { notEqual } from '../../ops/compare.js';
import { gather } from '../../ops/gather.js';
import type { ConstraintLike } from '../constraints.js';
import { type InitializerLike, randomUniform } from '../initializers.js';
import type { RegularizerLike } from '../regularizers.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { constraint, flag, initializer, regularizer, whole } from './fields.js';

/** See `layers.embedding`. */
export interface EmbeddingOptions extends CommonOptions {
  /** How many numbers have a vector: 0 up to but without it. */
  inputDim: number;
  /** The vectors' size. */
  outputDim: number;
  embeddingsInitializer?: InitializerLike;
  embeddingsRegularizer?: RegularizerLike;
  embeddingsConstraint?: ConstraintLike;
  /** 0 stands for no number at all: later layers that heed masks skip such steps; default false. */
  maskZero?: boolean;
}

const embeddingFields = {
  inputDim: whole(1),
  outputDim: whole(1),
  embeddingsInitializer: initializer(randomUniform()),
  embeddingsRegularizer: regularizer(),
  embeddingsConstraint: constraint(),
  maskZero: flag(false),
};

/** Looks up a vector for every whole number: [n,...] to [n,...,outputDim]. A number outside gets zeros. */
export class Embedding extends ConfiguredLayer<typeof embeddingFields> {
  static override readonly className: string = 'Embedding';
  static override readonly fields = embeddingFields;
  private embeddings!: Variable;

  constructor(options: EmbeddingOptions) {
    super(options);
  }

  override build(): void {
    const { inputDim, outputDim, embeddingsInitializer, embeddingsRegularizer, embeddingsConstraint } = this.settings;
    this.embeddings = this.addConstrained({
      name: 'embeddings',
      shape: [inputDim, outputDim],
      initializer: embeddingsInitializer,
      regularizer: embeddingsRegularizer,
      constraint: embeddingsConstraint,
    });
  }

  protected override computeMask([x]: readonly [Tensor]): readonly Tensor[] {
    return this.settings.maskZero ? [notEqual(x, 0)] : [];
  }

  override call([x]: readonly [Tensor]): Tensor {
    return gather(this.embeddings.value, cast(x, 'int32'));
  }
}
