// How far a value may lie from a golden one. All bounds are here; they are those that come with the golden values.

/** What may differ: `relative` times the largest wanted value, plus `absolute`. */
export interface Tolerance {
  readonly relative: number;
  readonly absolute: number;
}

/** Bounds by what is compared. */
export const TOLERANCES = {
  /** Outputs of layers and image operations, and what a call changes. */
  output: { relative: 3e-5, absolute: 1e-6 },
  gradient: { relative: 1e-4, absolute: 1e-6 },
  /** Losses and metrics: 1e-5 of the largest value or of 1. */
  score: { relative: 1e-5, absolute: 1e-5 },
  /** Losses, rates, weights, the optimizer's variables and predictions of training. */
  training: { relative: 0, absolute: 1e-4 },
  /** What models from files hold and predict, also where they compute with 16 bits, and their losses. */
  file: { relative: 1e-5, absolute: 1e-5 },
  file16: { relative: 0, absolute: 2e-2 },
  fileLoss: { relative: 1e-4, absolute: 0 },
  /** Outputs of ONNX graphs: of floats, of 16-bit floats, and of quantised numbers in steps of the last scale. */
  onnx: { relative: 0, absolute: 1e-4 },
  onnx16: { relative: 0, absolute: 1e-2 },
  steps: { relative: 0, absolute: 2.001 },
  /** Integers, picks of nearest neighbours, and what an initializer fixes. */
  exact: { relative: 0, absolute: 0 },
} as const satisfies Record<string, Tolerance>;

/** What whole networks with weights by rule may differ by, in standard deviations of what they give: the larger of these two. */
export const NETWORK = {
  least: 1e-4,
  /** Times the noise that the other library's own float32 run had. */
  noise: 20,
} as const;

/** What may differ at most, where the largest wanted value is `largest`. */
export function allowance(kind: keyof typeof TOLERANCES, largest: number): number {
  const { relative, absolute } = TOLERANCES[kind];
  return kind === 'score' ? relative * Math.max(1, largest) : relative * largest + absolute;
}

/** What the sample of an initializer may differ by, in its standard deviations: it is a sample. */
export const SAMPLE = {
  size: 40_000,
  mean: 0.03,
  deviation: 0.02,
  /** Of a bound, beyond it. */
  beyond: 1e-6,
  /** How near to a bound the largest draw must come, or the range would be too narrow. */
  reach: 0.1,
  /** Of inner products of an orthogonal matrix. */
  product: 5e-6,
} as const;
