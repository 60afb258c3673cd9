// Operations that Keras puts into a model's graph as layers of their own where it carries masks from layer to layer.
// Here masks travel by themselves; these are for reading such files and writing them again.
import { FoveaError } from '../../core/errors.js';
import type { Tensor } from '../../graph/tensor.js';
import { equal, logicalAnd, logicalNot, logicalOr, notEqual } from '../../ops/compare.js';
import { zeros } from '../../ops/create.js';
import { any } from '../../ops/reduce.js';
import { expandDims } from '../../ops/shape.js';
import { describe } from '../keras-config.js';
import { Layer, type LayerConfig } from '../layer.js';
import type { LayerClass } from './registry.js';

type Operand = Tensor | number;
type Compute = (operands: readonly [Operand, Operand], axis: number) => Tensor;

/** An operation as a layer: tensors, then constants. */
export abstract class Operation extends Layer {
  static override readonly module: string = 'keras.src.ops.numpy';
  /** What stands behind the tensors in a call. */
  readonly constants: readonly number[];
  private readonly settings: LayerConfig;
  protected abstract readonly compute: Compute;

  constructor({ name, constants = [], ...settings }: LayerConfig & { name?: string; constants?: readonly number[] }) {
    super(name === undefined ? {} : { name });
    this.constants = constants;
    this.settings = settings;
  }

  /** Keras's operations have no policy and nothing to train. */
  override get config(): LayerConfig {
    return { name: this.name, ...this.settings };
  }

  protected override get castsInputs(): boolean {
    return false;
  }

  override call(inputs: readonly Tensor[]): Tensor {
    const { axis = -1 } = this.settings;
    if (typeof axis === 'number')
      return this.compute([...inputs, ...this.constants] as unknown as [Operand, Operand], axis);
    throw new FoveaError({
      code: 'unsupported',
      op: this.className,
      message: `axis ${describe(axis)} is not supported; only one axis is.`,
      got: axis,
    });
  }

  static fromConfig(this: new (options: never) => Layer, config: LayerConfig): Layer {
    return new this(config as never);
  }
}

function operation(name: string, compute: Compute): LayerClass {
  return class extends Operation {
    static override readonly className: string = name;
    protected override readonly compute = compute;
  };
}

/** The operations that masks are made with. */
export const OPERATIONS: readonly LayerClass[] = [
  operation('NotEqual', ([a, b]) => notEqual(a, b)),
  operation('Equal', ([a, b]) => equal(a, b)),
  operation('Any', ([x], axis) => any(x as Tensor, { axis })),
  operation('ExpandDims', ([x], axis) => expandDims(x as Tensor, axis)),
  operation('ZerosLike', ([x]) => zeros((x as Tensor).shape, { dtype: 'bool' })),
  operation('LogicalOr', ([a, b]) => logicalOr(a as Tensor, b as Tensor)),
  operation('LogicalAnd', ([a, b]) => logicalAnd(a as Tensor, b as Tensor)),
  operation('LogicalNot', ([x]) => logicalNot(x as Tensor)),
];
