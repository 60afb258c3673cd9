// Walks of an LSTM, a GRU or a plain recurrent cell over a sequence as ONNX's operators, which have the steps first, the gates
// in another order, and one node for all results of a walk.
import type { Tensor } from '../../graph/tensor.js';
import type { Recurrence } from '../../nn/layers/recurrence.js';
import { concat, expandDims, reshape, split, transpose, zeros } from '../../ops/index.js';
import type { AttributeValue, GraphWriter, Value } from './export-graph.js';
import type { Made } from './export-ops.js';

/** ONNX's activations by Keras's names, with the settings that make them compute the same. */
const ACTIVATIONS: Readonly<
  Record<string, { readonly name: string; readonly alpha?: number; readonly beta?: number }>
> = {
  tanh: { name: 'Tanh' },
  sigmoid: { name: 'Sigmoid' },
  relu: { name: 'Relu' },
  softsign: { name: 'Softsign' },
  softplus: { name: 'Softplus' },
  hardSigmoid: { name: 'HardSigmoid', alpha: 1 / 6, beta: 0.5 },
  linear: { name: 'Affine', alpha: 1, beta: 0 },
};

// Keras has the gates of an LSTM as input, forget, cell, output; ONNX as input, output, forget, cell. Those of a GRU agree.
const GATES = { LSTM: [0, 3, 1, 2], GRU: [0, 1, 2], RNN: [0] } as const;

/** Whether ONNX has all of the walk's activations. */
export function isRecurrentOperator({ activations }: Recurrence): boolean {
  return activations.every((name) => Object.hasOwn(ACTIVATIONS, name));
}

/** [..., gates*units] with the gates as ONNX has them, these first: [gates*units, ...]. */
function gatesFirst(weight: Tensor, kind: Recurrence['kind']): Tensor {
  const order = GATES[kind];
  const parts = split(weight, order.length, -1);
  const turned = concat(
    order.map((gate) => parts[gate] as Tensor),
    -1,
  );
  return weight.rank === 2 ? transpose(turned, [1, 0]) : turned;
}

/** The input's bias and the state's, [1, 2*gates*units]. */
function biases(bias: Tensor, { kind, units }: Recurrence): Tensor {
  const count = GATES[kind].length * units;
  const [input, state] =
    bias.rank === 2
      ? split(bias, 2, 0).map((part) => reshape(part, [count]))
      : [bias, zeros([count], { dtype: bias.dtype })];
  return reshape(concat([gatesFirst(input as Tensor, kind), gatesFirst(state as Tensor, kind)]), [1, 2 * count]);
}

function attributesOf({ kind, units, activations, isReverse, resetAfter }: Recurrence): Record<string, AttributeValue> {
  const [first, last = first] = activations as readonly [string, string?];
  // An LSTM's last function is for the output.
  const names = kind === 'RNN' ? [first] : kind === 'GRU' ? [first, last] : [first, last, last];
  const all = names.map((name) => ACTIVATIONS[name as string] as (typeof ACTIVATIONS)[string]);
  const [alphas, betas] = (['alpha', 'beta'] as const).map((key) => all.flatMap((each) => each[key] ?? []));
  return {
    hidden_size: units,
    direction: isReverse ? 'reverse' : 'forward',
    activations: { texts: all.map(({ name }) => name) },
    ...(alphas?.length === 0 ? {} : { activation_alpha: { floats: alphas as number[] } }),
    ...(betas?.length === 0 ? {} : { activation_beta: { floats: betas as number[] } }),
    ...(kind === 'GRU' ? { linear_before_reset: Number(resetAfter) } : {}),
  };
}

/** Outputs [steps,1,n,units] and the states [1,n,units] after the last step. */
function writeWalk(to: GraphWriter, inputs: readonly Value[], walk: Recurrence): readonly string[] {
  const { kind, weightCount } = walk;
  const [x, kernel, recurrent, bias] = inputs.slice(0, 1 + weightCount) as [Value, Value, Value, Value | undefined];
  const weight = (value: Value): string => to.derived(value, kind, (part) => expandDims(gatesFirst(part, kind), 0));
  const initial = inputs
    .slice(1 + weightCount)
    .map((state) => to.node('Unsqueeze', [to.plain(state), to.integers([0])]));
  const names = [
    to.node('Transpose', [to.plain(x)], { perm: [1, 0, 2] }),
    weight(kernel),
    weight(recurrent),
    bias === undefined ? '' : to.derived(bias, `${kind} biases`, (part) => biases(part, walk)),
    '',
    ...initial,
  ];
  while (names.at(-1) === '') names.pop();
  return to.nodeOutputs(kind, names, attributesOf(walk), kind === 'LSTM' ? 3 : 2);
}

/** One result of a walk; the walk's weights are constants. */
export function writeRecurrence(to: GraphWriter, inputs: readonly Value[], walk: Recurrence): Made[] {
  const results = to.shared(walk.walk, () => writeWalk(to, inputs, walk));
  if (walk.gives !== 'sequence') {
    const state = results[walk.gives + 1] as string;
    return [{ plain: to.node('Squeeze', [state, to.integers([0])]) }];
  }
  const rows = to.node('Squeeze', [results[0] as string, to.integers([1])]);
  const isTurned = walk.isReverse && !walk.isAligned;
  const last = -(2 ** 31);
  const steps = isTurned
    ? to.node('Slice', [rows, ...[[-1], [last], [0], [-1]].map((each) => to.integers(each))])
    : rows;
  return [{ plain: to.node('Transpose', [steps], { perm: [1, 0, 2] }) }];
}
