// What moves memory rather than multiplies: pointwise, softmax, normalisation, pooling, reductions; forward as in
// predictions, and forward with backward as in training.
import { TORCH_PEERS } from '../contestants.js';
import type { Row } from '../row.js';

/** A matrix has one layout; for pictures compiled code is the same loop in either. */
const MATRIX_PEERS = TORCH_PEERS.filter((peer) => peer.includes('nchw'));
const PICTURE_PEERS = TORCH_PEERS.filter((peer) => peer !== 'PyTorch nchw compiled');

interface Case {
  readonly name: string;
  readonly inputs: readonly (readonly number[])[];
  readonly output: readonly number[];
  /** Inputs with respect to which training asks for gradients; 0: not timed backward. */
  readonly gradients: number;
}

/** The lecture's first activation at batch 32, and one of ResNet-50's at batch 8. */
const PICTURES = [
  [32, 28, 28, 64],
  [8, 56, 56, 256],
] as const;
const MATRICES = [
  [32, 10],
  [1024, 1000],
] as const;
const LARGE = [4096, 1024] as const;

function cases(): Case[] {
  const pictures = PICTURES.flatMap(([n, h, w, c]): Case[] => {
    const x = [n, h, w, c];
    const half = [n, h / 2, w / 2, c];
    return [
      { name: 'add', inputs: [x, x], output: x, gradients: 0 },
      { name: 'multiply add relu', inputs: [x, x, x], output: x, gradients: 0 },
      { name: 'relu', inputs: [x], output: x, gradients: 1 },
      { name: 'batch norm', inputs: [x, [c], [c]], output: x, gradients: 3 },
      { name: 'batch norm relu', inputs: [x, [c], [c]], output: x, gradients: 3 },
      { name: 'max pool 2', inputs: [x], output: half, gradients: 1 },
      { name: 'max pool 3/2', inputs: [x], output: half, gradients: 1 },
      { name: 'average pool 2', inputs: [x], output: half, gradients: 1 },
      { name: 'global average pool', inputs: [x], output: [n, c], gradients: 1 },
      { name: 'mean of channels', inputs: [x], output: [c], gradients: 0 },
    ];
  });
  const activations = ['sigmoid', 'tanh', 'exp', 'gelu', 'silu'].map(
    (name): Case => ({ name, inputs: [LARGE], output: LARGE, gradients: 1 }),
  );
  const rows = MATRICES.flatMap((x): Case[] => [
    { name: 'softmax', inputs: [x], output: x, gradients: 1 },
    { name: 'log softmax', inputs: [x], output: x, gradients: 1 },
  ]);
  const [m, n] = LARGE;
  const reductions: Case[] = [
    { name: 'layer norm', inputs: [LARGE, [n], [n]], output: LARGE, gradients: 3 },
    { name: 'sum', inputs: [LARGE], output: [], gradients: 0 },
    { name: 'sum over rows', inputs: [LARGE], output: [n], gradients: 0 },
    { name: 'sum over columns', inputs: [LARGE], output: [m], gradients: 0 },
    { name: 'max over columns', inputs: [LARGE], output: [m], gradients: 0 },
    { name: 'arg max', inputs: [LARGE], output: [m], gradients: 0 },
  ];
  return [...pictures, ...activations, ...rows, ...reductions];
}

export function pointwiseRows(): Row[] {
  return cases().flatMap((each) => {
    const ways = each.gradients === 0 ? [false] : [false, true];
    return ways.map(
      (isTraining): Row => ({
        suite: 'pointwise',
        family: 'pointwise',
        part: isTraining ? 'forward + backward' : 'forward',
        name: `${each.name} ${(each.inputs[0] ?? []).join('x')}`,
        work: { kind: 'pointwise', ...each, isTraining },
        own: 'native',
        peers: (each.inputs[0]?.length ?? 0) === 4 ? PICTURE_PEERS : MATRIX_PEERS,
        goals: [{ atLeast: 0.9 }],
        // relu's gradient jumps where rounding decides the sign of what was normalised.
        tolerance: each.name === 'batch norm relu' && isTraining ? 1e-2 : 2e-4,
        turn: 10,
      }),
    );
  });
}
