// Symbolic tensors of the functional API: what flows between layers before there is data. Sizes that
// are not known (the batch) are null.
import type { Dtype } from '../core/dtype.js';
import type { Layer } from './layer.js';

/** Sizes, null where unknown; the first is the batch. */
export type PartialShape = readonly (number | null)[];

/** One call of a layer on symbolic tensors. */
export interface LayerCall {
  readonly layer: Layer;
  readonly inputs: readonly SymbolicTensor[];
  /** True where the layer was given a list, even of one. */
  readonly isList: boolean;
  readonly outputs: SymbolicTensor[];
  /** Arguments beside the inputs, as given: `{ training: false }`. */
  readonly options: CallOptions;
}

/** Arguments a layer call may fix when it is made. */
export interface CallOptions {
  /** Overrides the mode the model runs in. */
  readonly training?: boolean;
}

/** A tensor of the functional API: a shape, a dtype, and the layer call that makes it. */
export class SymbolicTensor {
  readonly name: string;
  /** The call that makes it, and which of its outputs it is. */
  source: { readonly call: LayerCall; readonly index: number } | undefined;

  constructor(
    readonly shape: PartialShape,
    readonly dtype: Dtype,
    name: string,
  ) {
    this.name = name;
  }

  toString(): string {
    return `SymbolicTensor(${this.name}, [${this.shape.map((dim) => dim ?? 'null').join(',')}], ${this.dtype})`;
  }
}
