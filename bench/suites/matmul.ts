// Matrix products: squares of 64 to 4096, and what dense layers need, forward and backward.
import { TORCH_EAGER } from '../contestants.js';
import type { Row } from '../row.js';

/** m, n, k, and which operand lies transposed. */
const PRODUCTS: readonly (readonly [m: number, n: number, k: number, transposed?: 'A' | 'B'])[] = [
  ...[64, 128, 256, 512, 1024, 2048, 4096].map((size) => [size, size, size] as const),
  ...[64, 256, 1024].flatMap((size) => [[size, size, size, 'A'] as const, [size, size, size, 'B'] as const]),
  // The lecture's first dense layer, its dX and dW.
  [32, 128, 2304],
  [32, 2304, 128, 'B'],
  [2304, 128, 32, 'A'],
  // A classifier of 1,000 classes, and VGG16's second dense layer for one picture and eight.
  [32, 1000, 2048],
  [1, 4096, 4096],
  [8, 4096, 4096],
  [8, 4096, 4096, 'B'],
  [4096, 4096, 8, 'A'],
  // Many rows, few columns, as attention and 1x1 convolutions have them.
  [3136, 64, 64],
  [12_544, 24, 144],
];

export function matmulRows(): Row[] {
  return PRODUCTS.map(([m, n, k, transposed]) => ({
    suite: 'matmul',
    family: 'matmul',
    part: '',
    name: `${m}x${k} by ${k}x${n}${transposed === undefined ? '' : `, ${transposed} transposed`}`,
    work: { kind: 'matmul', m, n, k, transposeA: transposed === 'A', transposeB: transposed === 'B' },
    own: 'native',
    // Both layouts are the same for a matrix.
    peers: TORCH_EAGER.slice(0, 1),
    goals: [{ atLeast: 0.85 }],
    tolerance: 1e-4,
    turn: 20,
  }));
}
