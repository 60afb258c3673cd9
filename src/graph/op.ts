// What one operation is: its shape rule, gradient, float64 reference, kernels and test cases in one
// object, from which shape inference, autodiff, the engines, the parity tests and the docs all follow.
import type { KernelName, PointwiseName } from '../core/abi.js';
import type { Dtype } from '../core/dtype.js';
import type { Shape } from '../core/shape.js';
import type { Tensor } from './tensor.js';

/** What is known of a tensor before it is computed. */
export interface TensorType {
  readonly shape: Shape;
  readonly dtype: Dtype;
}

/** A tensor in the float64 reference interpreter. Integers and booleans are exact in it. */
export interface ReferenceArray extends TensorType {
  readonly data: Float64Array;
}

/** Where the elements of a value lie inside the memory of its root: all in elements. */
export interface Layout {
  readonly offset: number;
  readonly shape: Shape;
  readonly strides: readonly number[];
}

/** A register of a pointwise program. */
export interface Register {
  readonly id: number;
  readonly kind: 'float' | 'int';
}

/** Writes the instructions of a pointwise op; see `FOVEA_POINTWISE` in kernels/cpu/abi.h. */
export interface PointwiseBuilder {
  /** Emits one instruction. The kind of the result follows from the opcode. */
  emit(opcode: PointwiseName, ...operands: Register[]): Register;
  constant(value: number, kind?: 'float' | 'int'): Register;
  toFloat(register: Register): Register;
  toInt(register: Register): Register;
  /** A random instruction: `key` is the number of the op's input that holds the key. */
  random(opcode: 'randomUniform' | 'randomNormal' | 'randomBits', key: number, stream: number): Register;
}

/**
 * An operand of a kernel call: an input, an output, scratch, what a call that `prepares` has made of the weights, or
 * nothing.
 */
export type KernelOperand =
  | { readonly kind: 'input'; readonly index: number; readonly byteOffset?: number }
  | { readonly kind: 'output'; readonly index: number; readonly byteOffset?: number }
  | { readonly kind: 'scratch' }
  | { readonly kind: 'prepared'; readonly byteOffset?: number }
  | { readonly kind: 'none' };

/** One kernel call of an op. Parameters are 32-bit words; pass floats through `floatBits`. */
export interface KernelCall {
  readonly kernel: KernelName;
  readonly operands: readonly KernelOperand[];
  readonly parameters: readonly number[];
  /** Bytes of scratch, by the formulas in kernels/cpu/abi.h. */
  readonly scratchBytes?: number;
  /**
   * Writes the node's 'prepared' operand, from inputs alone. Where these are constant the call runs when they change and
   * its result is kept; elsewhere it runs each time, in its place, and the operand is scratch.
   */
  readonly prepares?: boolean;
  /** Bytes of the node's 'prepared' operand; on calls that prepare. */
  readonly preparedBytes?: number;
}

/** What a Program is compiled for: an engine, its instruction-set level, and whether convolutions may be rearranged. */
export interface Target {
  readonly engine: 'native' | 'wasm' | 'webgpu';
  /** As `EngineInfo.level`. */
  readonly level: string;
  /** `direct`: plain sums, no Winograd. `winograd`: wherever it can be, for tests. */
  readonly convolution: 'auto' | 'direct' | 'winograd';
  /** What was measured on this machine, where `convolution` is `auto`: see ops/conv-choices.ts. */
  readonly choices?: ConvolutionChoices | undefined;
}

/** Algorithms of convolutions by the keys of ops/conv-choices.ts. */
export interface ConvolutionChoices {
  get(key: string): string | undefined;
}

/** What a matmul or convolution does to its result before storing it: bias, residual, activation. */
export interface Epilogue {
  /** The input that holds one bias per output column. */
  readonly bias?: number;
  /** The input, of the result's shape, that is added. */
  readonly residual?: number;
  readonly activation: EpilogueActivation;
  readonly alpha: number;
}

export type EpilogueActivation = 'none' | 'relu' | 'relu6' | 'leakyRelu' | 'sigmoid' | 'tanh' | 'silu';

/** See `OpDefinition.epilogueActivation`. */
export interface ActivationTrait<P> {
  readonly name: EpilogueActivation;
  /** The slope of leakyRelu; default 0. */
  alpha?(params: P): number;
}

/** What nothing is known of: every engine runs what is compiled for it. */
export const ANY_TARGET: Target = { engine: 'native', level: 'portable', convolution: 'auto' };

/** What an op's `kernels` is asked. */
export interface KernelRequest<P> {
  readonly inputs: readonly TensorType[];
  readonly outputs: readonly TensorType[];
  readonly params: P;
  /** How each input lies in memory; dense unless the op has `acceptsStrides`. */
  readonly layouts: readonly Layout[];
  readonly epilogue?: Epilogue;
  readonly target: Target;
  /** Inputs that are the same in every run until somebody changes the weights: what `prepares` pays for. */
  readonly isConstant: readonly boolean[];
}

/** What an op's gradient rule is given. `dys[i]` is undefined where nothing flows back from output i. */
export interface GradientRequest<P> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly params: P;
  readonly dys: readonly (Tensor | undefined)[];
  /** The gradient of the first output. */
  readonly dy: Tensor;
}

/** An input of a test case: random in [low, high] by default -1..1, whole numbers for integer dtypes, or given. */
export interface CaseInput {
  readonly shape: Shape;
  readonly dtype?: Dtype;
  readonly low?: number;
  readonly high?: number;
  readonly values?: readonly number[];
}

/** One test case: parity on every engine, and a gradient check unless `gradient` is false. */
export interface OpCase<P> {
  readonly name: string;
  readonly inputs: readonly CaseInput[];
  readonly params: P;
  /** False where the gradient does not exist at the case's points (ties, kinks). */
  readonly gradient?: boolean;
  /** Multiplies the tolerance; say why beside it. */
  readonly tolerance?: number;
}

/** A gradient rule. A method's type, so that ops with different parameters still are all `AnyOp`. */
export type GradientRule<P> = { rule(request: GradientRequest<P>): readonly (Tensor | undefined)[] }['rule'];

/** See `defineOp`. */
export interface OpDefinition<P extends object> {
  readonly name: string;
  /** One line for the docs table. */
  readonly summary: string;
  /** Validates and gives the outputs' types; the only validation there is. */
  shape(inputs: readonly TensorType[], params: P): readonly TensorType[];
  /** Gradients with respect to each input (undefined: none), or 'none' where the op has no derivative. */
  readonly gradient: GradientRule<P> | 'none';
  /**
   * The gradient of the input at `index`, one tensor that several nodes of this op read, for all of them at once; undefined
   * where the sum of each one's is as good.
   */
  sharedGradient?(index: number, uses: readonly GradientRequest<P>[]): Tensor | undefined;
  /** The op in float64. `bound` outputs follow the shape rule. */
  reference(inputs: readonly ReferenceArray[], params: P, outputs: readonly TensorType[]): readonly Float64Array[];
  /** Makes the op pointwise: the outputs' elements from the inputs' (broadcast) elements. */
  lower?(
    builder: PointwiseBuilder,
    inputs: readonly Register[],
    params: P,
    outputs: readonly TensorType[],
  ): readonly Register[];
  /** Makes the op a view: where its elements lie in its first input, or undefined where a copy is needed. */
  view?(input: Layout, params: P, output: TensorType): Layout | undefined;
  /** The kernels of one node, in order. Needed unless the op is pointwise or always a view. */
  kernels?(request: KernelRequest<P>): readonly KernelCall[];
  /** `kernels` reads inputs through `layouts`; others are given dense inputs. */
  readonly acceptsStrides?: boolean;
  /** Whether `kernels` serves a node whose inputs and outputs all are bfloat16; else it is given float32. */
  takesBfloat16?(inputs: readonly TensorType[], params: P, outputs: readonly TensorType[]): boolean;
  /** The first output may take an epilogue. */
  readonly takesEpilogue?: boolean;
  /** The activation that this op is, for ops that take an epilogue. */
  readonly epilogueActivation?: ActivationTrait<P>;
  /** The input that holds a random key: int32[4], not broadcast, not loaded; its register in `lower` is a dummy. */
  readonly keyInput?: number;
  /** Terms summed into one output element, for tolerances. */
  reduces?(inputs: readonly TensorType[], params: P): number;
  /** Floating-point operations, for `explain`. */
  flops?(inputs: readonly TensorType[], params: P, outputs: readonly TensorType[]): number;
  cases(): readonly OpCase<P>[];
}

/** An op as the graph holds it, its parameters' type erased. */
export type AnyOp = OpDefinition<object>;
