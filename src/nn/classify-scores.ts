// Probabilities from what a classifier gives, whether its last layer makes them or leaves the logits, and the best of them.
import { TrainableModel } from './model.js';
import type { SymbolicTensor } from './symbolic.js';
import type { Prediction } from './training/types.js';

/** A class and how probable the model finds it. */
export interface Guess {
  readonly label: string;
  /** Of the class among the model's outputs. */
  readonly index: number;
  readonly probability: number;
}

/** What a model's numbers are by the activation of its last layer, or to be told by the numbers themselves. */
type Kind = 'probabilities' | 'logits' | 'unknown';

/** Layers that leave the numbers as they are. */
const PASSING = ['Flatten', 'Reshape', 'Dropout', 'Identity', 'Permute'];

/**
 * The probabilities of each picture, the mean over its `crops` rows. Logits go through a softmax; a single output is the
 * probability of the second of two classes, or its logit.
 */
export function scoresOf(model: TrainableModel, { data, shape }: Prediction, crops: number): Float32Array[] {
  const rows = shape[0] as number;
  const count = data.length / rows;
  const kind = kindOf(model);
  const isProbable = kind === 'unknown' ? areProbabilities(data, count) : kind === 'probabilities';
  const out: Float32Array[] = [];
  for (let row = 0; row < rows; row += crops) {
    const total = new Float64Array(Math.max(2, count));
    for (let crop = 0; crop < crops; crop++) {
      const values = data.subarray((row + crop) * count, (row + crop + 1) * count);
      const scores = count === 1 ? ofTwo(values[0] as number, isProbable) : isProbable ? values : softmax(values);
      for (let i = 0; i < total.length; i++) total[i] = (total[i] as number) + (scores[i] as number);
    }
    out.push(Float32Array.from(total, (sum) => sum / crops));
  }
  return out;
}

function kindOf(model: TrainableModel): Kind {
  let tensor: SymbolicTensor | undefined = model.outputs[0];
  while (tensor?.source !== undefined) {
    const { layer, inputs }: { layer: { className: string }; inputs: readonly SymbolicTensor[] } = tensor.source.call;
    if (layer instanceof TrainableModel) {
      tensor = layer.isKnown ? layer.outputs[0] : undefined;
      continue;
    }
    if (layer.className === 'Softmax') return 'probabilities';
    if (!PASSING.includes(layer.className)) return activationOf(layer);
    tensor = inputs[0];
  }
  return 'unknown';
}

function activationOf(layer: object): Kind {
  let activation: unknown;
  try {
    activation = (layer as { getConfig(): Record<string, unknown> }).getConfig().activation;
  } catch {
    // A layer that cannot be written down tells nothing.
    return 'unknown';
  }
  if (activation === 'softmax' || activation === 'sigmoid') return 'probabilities';
  return activation === 'linear' ? 'logits' : 'unknown';
}

/** Whether every row sums to 1, as far as 16-bit floats tell. */
function areProbabilities(data: Float32Array, count: number): boolean {
  if (count === 1) return data.every((value) => value >= 0 && value <= 1);
  for (let row = 0; row < data.length; row += count) {
    let sum = 0;
    for (let i = row; i < row + count; i++) {
      const value = data[i] as number;
      if (value < 0 || value > 1) return false;
      sum += value;
    }
    if (Math.abs(sum - 1) > 0.01) return false;
  }
  return true;
}

function ofTwo(value: number, isProbable: boolean): readonly [number, number] {
  const second = isProbable ? value : 1 / (1 + Math.exp(-value));
  return [1 - second, second];
}

function softmax(logits: Float32Array): Float64Array {
  const most = logits.reduce((largest, value) => Math.max(largest, value), Number.NEGATIVE_INFINITY);
  const powers = Float64Array.from(logits, (value) => Math.exp(value - most));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}

/** The best classes; ties in the order of `others`, then of the classes. */
export function bestOf(
  scores: ArrayLike<number>,
  top: number,
  labels: readonly string[],
  others: ArrayLike<number> = scores,
): Guess[] {
  const order = Array.from(labels, (_, index) => index);
  const by = (values: ArrayLike<number>, a: number, b: number): number => (values[b] as number) - (values[a] as number);
  order.sort((a, b) => by(scores, a, b) || by(others, a, b) || a - b);
  return order.slice(0, top).map((index) => ({
    label: labels[index] as string,
    index,
    probability: scores[index] as number,
  }));
}
