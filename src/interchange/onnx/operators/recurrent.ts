// LSTM, GRU and RNN, unrolled over the steps: layouts, directions, lengths, peepholes and activations as ONNX has them.
import { FoveaError } from '../../../core/errors.js';
import type { Tensor } from '../../../graph/tensor.js';
import { elu, leakyRelu, relu, softsign } from '../../../ops/activation.js';
import { add, clip, multiply, subtract } from '../../../ops/arithmetic.js';
import { greater } from '../../../ops/compare.js';
import { zeros } from '../../../ops/create.js';
import { stack } from '../../../ops/join.js';
import { matmul } from '../../../ops/matmul.js';
import { reshape, slice, squeeze, transpose } from '../../../ops/shape.js';
import { sigmoid, softplus, tanh } from '../../../ops/unary.js';
import { where } from '../../../ops/where.js';
import type { TensorCall, TensorOperators } from '../calls.js';

type Activate = (x: Tensor) => Tensor;

function activationOf(call: TensorCall, name: string, alpha: number, beta: number): Activate {
  switch (name.toLowerCase()) {
    case 'sigmoid':
      return sigmoid;
    case 'tanh':
      return tanh;
    case 'relu':
      return relu;
    case 'softsign':
      return softsign;
    case 'softplus':
      return softplus;
    case 'leakyrelu':
      return (x) => leakyRelu(x, alpha);
    case 'elu':
      return (x) => elu(x, alpha);
    case 'affine':
      return (x) => add(multiply(x, alpha), beta);
    case 'thresholdedrelu':
      return (x) => where(greater(x, alpha), x, 0);
    case 'scaledtanh':
      return (x) => multiply(tanh(multiply(x, beta)), alpha);
    case 'hardsigmoid':
      return (x) => clip(add(multiply(x, alpha), beta), 0, 1);
    default:
      throw call.error(`the activation '${name}' is not known.`, 'unsupported');
  }
}

/** What the functions that take settings are without any: alpha, and beta where there is one. */
const SETTINGS: Readonly<Record<string, readonly number[]>> = {
  leakyrelu: [0.01],
  elu: [1],
  thresholdedrelu: [1],
  affine: [1, 0],
  scaledtanh: [1, 1],
  hardsigmoid: [0.2, 0.5],
};

/** The functions of all directions; the lists of settings have an entry for each function that takes one. */
function activationsOf(call: TensorCall, names: readonly string[]): Activate[] {
  const alphas = [...(call.floats('activation_alpha') ?? [])];
  const betas = [...(call.floats('activation_beta') ?? [])];
  return names.map((name) => {
    const [alpha, beta] = SETTINGS[name.toLowerCase()] ?? [];
    return activationOf(
      call,
      name,
      alpha === undefined ? 0 : (alphas.shift() ?? alpha),
      beta === undefined ? 0 : (betas.shift() ?? beta),
    );
  });
}

/** One direction's weights: [gates*hidden, ...], biases of input and state. */
interface Weights {
  readonly w: Tensor;
  readonly r: Tensor;
  readonly wb: Tensor;
  readonly rb: Tensor;
  readonly peepholes: Tensor | undefined;
  readonly activations: readonly Activate[];
  readonly bound: (x: Tensor) => Tensor;
}

/** What steps carry: the output, and what else the cell remembers. */
type State = readonly Tensor[];
type Cell = (projected: Tensor, state: State, weights: Weights, hidden: number) => State;

function parts(x: Tensor, count: number, hidden: number): Tensor[] {
  return Array.from({ length: count }, (_, i) => slice(x, [0, i * hidden], [x.shape[0] as number, hidden]));
}

/** Products of states with recurrent weights, and their bias. */
function recurrent(h: Tensor, { r, rb }: Weights, from: number, count: number, hidden: number): Tensor {
  const rows = slice(r, [from * hidden, 0], [count * hidden, hidden]);
  return add(matmul(h, transpose(rows)), slice(rb, [from * hidden], [count * hidden]));
}

const lstm: Cell = (projected, [h, c], weights, hidden) => {
  const { activations, peepholes, bound } = weights;
  const [f, g, k] = activations as [Activate, Activate, Activate];
  const [i, o, forget, cell] = parts(add(projected, recurrent(h as Tensor, weights, 0, 4, hidden)), 4, hidden) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const look = (gate: Tensor, state: Tensor, index: number): Tensor =>
    peepholes === undefined ? gate : add(gate, multiply(slice(peepholes, [index * hidden], [hidden]), state));
  const input = f(bound(look(i, c as Tensor, 0)));
  const kept = f(bound(look(forget, c as Tensor, 2)));
  const next = add(multiply(kept, c as Tensor), multiply(input, g(bound(cell))));
  const output = f(bound(look(o, next, 1)));
  return [multiply(output, k(next)), next];
};

const gru =
  (isLinearFirst: boolean): Cell =>
  (projected, [h], weights, hidden) => {
    const { activations, bound } = weights;
    const [f, g] = activations as [Activate, Activate];
    const state = h as Tensor;
    const [z, r, n] = parts(projected, 3, hidden) as [Tensor, Tensor, Tensor];
    const [hz, hr] = parts(recurrent(state, weights, 0, 2, hidden), 2, hidden) as [Tensor, Tensor];
    const update = f(bound(add(z, hz)));
    const reset = f(bound(add(r, hr)));
    const inner = isLinearFirst
      ? multiply(reset, recurrent(state, weights, 2, 1, hidden))
      : recurrent(multiply(reset, state), weights, 2, 1, hidden);
    const fresh = g(bound(add(n, inner)));
    return [add(multiply(subtract(1, update), fresh), multiply(update, state))];
  };

const plain: Cell = (projected, [h], weights, hidden) => {
  const [f] = weights.activations as [Activate];
  return [f(weights.bound(add(projected, recurrent(h as Tensor, weights, 0, 1, hidden))))];
};

/** Rows of one direction of a stacked operand. */
function ofDirection(x: Tensor, direction: number): Tensor {
  return squeeze(slice(x, [direction, ...x.shape.slice(1).map(() => 0)], [1, ...x.shape.slice(1)]), 0);
}

interface Kind {
  readonly gates: number;
  readonly states: number;
  readonly defaults: readonly string[];
  readonly cell: (call: TensorCall) => Cell;
}

const MAX_STEPS = 4096;

function unroll(call: TensorCall, { gates, states, defaults, cell: cellOf }: Kind): Tensor[] {
  const isBatchFirst = call.flag('layout');
  const x = isBatchFirst ? transpose(call.tensor(0), [1, 0, 2]) : call.tensor(0);
  const [steps, batch] = x.shape as [number, number, number];
  if (steps > MAX_STEPS)
    throw new FoveaError({
      code: 'unsupported',
      op: call.node.opType,
      message: `${steps} steps are more than ${MAX_STEPS}.`,
      got: steps,
    });
  const [w, r] = [call.tensor(1), call.tensor(2)];
  const directions = w.shape[0] as number;
  const hidden = r.shape[2] as number;
  const word = call.text('direction', 'forward');
  const given = call.texts('activations');
  const both = Array.from({ length: directions }, () => defaults).flat();
  const activations = activationsOf(
    call,
    both.map((fallback, i) => given?.[i] ?? fallback),
  );
  const limit = call.has('clip') ? call.float('clip') : undefined;
  const cell = cellOf(call);
  const lengths = call.isGiven(4) ? call.tensor(4) : undefined;
  const initial = (index: number, direction: number): Tensor => {
    const given = call.optional(index);
    if (given === undefined) return zeros([batch, hidden]);
    return ofDirection(isBatchFirst ? transpose(given, [1, 0, 2]) : given, direction);
  };
  const outputs: Tensor[] = [];
  const finals: Tensor[][] = [];
  for (let d = 0; d < directions; d++) {
    const bias = call.optional(3);
    const both = bias === undefined ? zeros([2 * gates * hidden]) : ofDirection(bias, d);
    const peepholes = states === 2 ? call.optional(7) : undefined;
    const weights: Weights = {
      w: ofDirection(w, d),
      r: ofDirection(r, d),
      wb: slice(both, [0], [gates * hidden]),
      rb: slice(both, [gates * hidden], [gates * hidden]),
      peepholes: peepholes === undefined ? undefined : ofDirection(peepholes, d),
      activations: activations.slice(d * defaults.length, (d + 1) * defaults.length),
      bound: limit === undefined ? (each) => each : (each) => clip(each, -limit, limit),
    };
    const isReverse = word === 'reverse' || d === 1;
    const flat = reshape(x, [steps * batch, x.shape[2] as number]);
    const projected = reshape(add(matmul(flat, transpose(weights.w)), weights.wb), [steps, batch, gates * hidden]);
    let state: State = Array.from({ length: states }, (_, k) => initial(5 + k, d));
    const rows: Tensor[] = [];
    for (let k = 0; k < steps; k++) {
      const t = isReverse ? steps - 1 - k : k;
      const row = squeeze(slice(projected, [t, 0, 0], [1, batch, gates * hidden]), 0);
      const next = cell(row, state, weights, hidden);
      if (lengths === undefined) {
        state = next;
        rows[t] = next[0] as Tensor;
      } else {
        // Behind a sequence's end its state stays and its output is 0.
        const counts = reshape(greater(lengths, t), [batch, 1]);
        const before = state;
        state = next.map((each, s) => where(counts, each, before[s] as Tensor));
        rows[t] = where(counts, next[0] as Tensor, 0);
      }
    }
    outputs.push(stack(rows, 0));
    finals.push([...state]);
  }
  const y = stack(outputs, 1);
  const last = Array.from({ length: states }, (_, s) =>
    stack(
      finals.map((each) => each[s] as Tensor),
      0,
    ),
  );
  if (!isBatchFirst) return [y, ...last];
  return [transpose(y, [2, 0, 1, 3]), ...last.map((each) => transpose(each, [1, 0, 2]))];
}

export const recurrents: TensorOperators = {
  LSTM: (call) => unroll(call, { gates: 4, states: 2, defaults: ['Sigmoid', 'Tanh', 'Tanh'], cell: () => lstm }),
  GRU: (call) =>
    unroll(call, {
      gates: 3,
      states: 1,
      defaults: ['Sigmoid', 'Tanh'],
      cell: (each) => gru(each.flag('linear_before_reset')),
    }),
  RNN: (call) => unroll(call, { gates: 1, states: 1, defaults: ['Tanh'], cell: () => plain }),
};
