// Where data enters a model.
import type { Dtype } from '../../core/dtype.js';
import { FoveaError } from '../../core/errors.js';
import { formatShape } from '../../core/shape.js';
import type { Tensor } from '../../graph/tensor.js';
import { describe, isRecord } from '../keras-config.js';
import { Layer, type LayerConfig } from '../layer.js';
import { type LayerCall, type PartialShape, SymbolicTensor } from '../symbolic.js';

/** See `layers.input`. */
export interface InputOptions {
  name?: string;
  /** Default float32. */
  dtype?: Dtype;
  /** Fixes the batch; default: any. */
  batchSize?: number;
}

const DTYPES: readonly Dtype[] = ['float32', 'float16', 'bfloat16', 'int32', 'uint8', 'bool'];

/** The layer behind `layers.input`; its `output` is the symbolic tensor that the model starts from. */
export class InputLayer extends Layer {
  static override readonly className: string = 'InputLayer';
  /** The shape with the batch, null where a size is not known. */
  readonly batchShape: PartialShape;
  private readonly inputDtype: Dtype;

  constructor({ shape, name, dtype = 'float32', batchSize }: InputOptions & { shape: PartialShape }) {
    super(name === undefined ? {} : { name });
    this.batchShape = checkInputShape(shape, batchSize);
    if (!DTYPES.includes(dtype)) {
      throw new FoveaError({
        code: 'argument',
        op: 'InputLayer',
        message: `dtype ${describe(dtype)} is unknown.`,
        got: dtype,
        want: DTYPES,
        hint: `Give one of ${DTYPES.join(', ')}.`,
        path: this.name,
      });
    }
    this.inputDtype = dtype;
    this.isBuilt = true;
    this.builtFor = [this.batchShape];
    const output = new SymbolicTensor(this.batchShape, dtype, this.name);
    const call: LayerCall = { layer: this, inputs: [], isList: false, options: {}, outputs: [output] };
    output.source = { call, index: 0 };
    this.calls.push(call);
  }

  override get dtype(): Dtype {
    return this.inputDtype;
  }

  protected override get castsInputs(): boolean {
    return false;
  }

  override call(inputs: readonly Tensor[]): readonly Tensor[] {
    return inputs;
  }

  override get config(): LayerConfig {
    const { name, batchShape, inputDtype } = this;
    return { batch_shape: [...batchShape], dtype: inputDtype, sparse: false, ragged: false, name, optional: false };
  }

  /** Reads Keras 3's `batch_shape` and Keras 2's `batch_input_shape`. */
  static fromConfig(config: LayerConfig): InputLayer {
    const shape = config.batch_shape ?? config.batch_input_shape;
    if (!Array.isArray(shape) || shape.length === 0) {
      throw new FoveaError({
        code: 'format',
        op: 'InputLayer',
        message: `batch_shape is ${describe(shape)}, not a list of sizes.`,
        got: shape,
      });
    }
    if (config.sparse === true || config.ragged === true) {
      throw new FoveaError({
        code: 'unsupported',
        op: 'InputLayer',
        message: 'sparse and ragged inputs are not supported.',
      });
    }
    const policy = isRecord(config.dtype) && isRecord(config.dtype.config) ? config.dtype.config.name : config.dtype;
    const [batch, ...sizes] = shape as (number | null)[];
    return new InputLayer({
      shape: sizes,
      ...(typeof config.name === 'string' ? { name: config.name } : {}),
      ...(typeof policy === 'string' ? { dtype: policy as Dtype } : {}),
      ...(typeof batch === 'number' ? { batchSize: batch } : {}),
    });
  }
}

function checkInputShape(shape: PartialShape, batchSize: number | undefined): PartialShape {
  const isSize = (dim: unknown): boolean => dim === null || (Number.isInteger(dim) && (dim as number) > 0);
  if (!Array.isArray(shape) || !shape.every(isSize)) {
    throw new FoveaError({
      code: 'argument',
      op: 'InputLayer',
      message: `shape must be sizes without the batch, null where unknown; got ${Array.isArray(shape) ? formatShape(shape) : describe(shape)}.`,
      got: shape,
      hint: 'Write for example layers.input([28, 28, 1]).',
    });
  }
  if (batchSize !== undefined && !(Number.isInteger(batchSize) && batchSize > 0)) {
    throw new FoveaError({
      code: 'argument',
      op: 'InputLayer',
      message: `batchSize must be a whole number of at least 1; got ${describe(batchSize)}.`,
      got: batchSize,
    });
  }
  return [batchSize ?? null, ...shape];
}

/**
 * Where data enters a model: a symbolic tensor of `shape` (sizes without the batch, null where unknown). Throws `argument`
 * for sizes that are not whole numbers of at least 1.
 *
 * @example
 * const x = layers.input([28, 28, 1]);
 */
export function input(shape: PartialShape, options: InputOptions = {}): SymbolicTensor {
  return new InputLayer({ ...options, shape }).output;
}
