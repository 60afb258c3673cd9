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
  /** Arguments beside the inputs, as given: `{ training: false }`. A file's own entry may add the mode. */
  options: CallOptions;
}

/** What some layers take beside their inputs; `T` is a tensor, symbolic or not. */
export interface CallArguments<T> {
  /** Which time steps count, bool [n,time]; one per input where a layer takes a list. Default: what earlier layers found. */
  readonly mask?: T | readonly (T | null)[];
  /** What a recurrent layer starts from, one tensor per state. */
  readonly initialState?: T | readonly T[];
  /** Attention: which queries, values and keys count, bool [n,length]. */
  readonly queryMask?: T;
  readonly valueMask?: T;
  readonly keyMask?: T;
  /** Attention: which query may look at which key, bool [n,queries,keys]. */
  readonly attentionMask?: T;
  /** Attention: no query looks at later keys. */
  readonly useCausalMask?: boolean;
  /** Attention: gives the scores as a second output. */
  readonly returnAttentionScores?: boolean;
}

/** Arguments a layer call may fix when it is made. */
export interface CallOptions<T = SymbolicTensor> extends CallArguments<T> {
  /** Overrides the mode the model runs in. */
  readonly training?: boolean;
}

/** The names of the arguments that are tensors, and of those that are not. */
export const TENSOR_ARGUMENTS = [
  'mask',
  'initialState',
  'queryMask',
  'valueMask',
  'keyMask',
  'attentionMask',
] as const satisfies readonly (keyof CallArguments<never>)[];
export const FLAG_ARGUMENTS = [
  'training',
  'useCausalMask',
  'returnAttentionScores',
] as const satisfies readonly (keyof CallOptions<never>)[];

/** The tensors among a call's arguments, in order. */
export function tensorsAmong<T>(options: CallArguments<T>): T[] {
  return TENSOR_ARGUMENTS.flatMap((name) => {
    const value = options[name];
    if (value === undefined) return [];
    return Array.isArray(value) ? value.filter((each) => each !== null) : [value as T];
  });
}

/** The arguments with other tensors in place of theirs. */
export function mapTensors<T, U>(options: CallArguments<T>, map: (tensor: T) => U): CallArguments<U> {
  const mapped: Record<string, unknown> = { ...options };
  for (const name of TENSOR_ARGUMENTS) {
    const value = options[name];
    if (value === undefined) continue;
    mapped[name] = Array.isArray(value)
      ? value.map((each: T | null) => (each === null ? null : map(each)))
      : map(value as T);
  }
  return mapped as CallArguments<U>;
}

/** Every symbolic tensor that a call needs: its inputs, then those among its arguments. */
export function tensorsOf({ inputs, options }: LayerCall): SymbolicTensor[] {
  return [...inputs, ...tensorsAmong(options)];
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
