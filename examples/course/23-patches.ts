// Chollet: a convolution as a sum of small products. Every 3x3x2 patch of a 5x5x2 picture is laid flat and multiplied by
// one kernel matrix [18,3]; the vectors of 3, put where their patches were, are the 3x3x3 map. (Around place i a patch
// without padding runs from i to i+2: in slices i:i+3.) Draws patches, vectors and map.
import { concat, conv2d, initializers, matmul, reshape, slice, type Tensor, tensor } from 'fovea';
import { above, arrow, beside, cells, draw, heat, type Panel, stacked, titled, wrap } from './drawing.js';
import { asImage, filled, largestDifference, type Matrix, planesOf, sizes } from './lib.js';

const image = asImage(
  filled(5, 5, (row, column) => (row * 3 + column * 5) % 7),
  filled(5, 5, (row, column) => (row * 4 + column * 2 + 3) % 7),
);
const kernel = tensor(initializers.randomUniform({ low: -1, high: 1, seed: 8 }).values([18 * 3]), {
  shape: [3, 3, 2, 3],
});

const patches: Tensor[] = [];
for (let i = 0; i < 3; i++) {
  for (let j = 0; j < 3; j++) patches.push(slice(image, [0, i, j, 0], [1, 3, 3, 2]));
}
const flat = concat(patches.map((patch) => reshape(patch, [1, 18])));
const vectors = matmul(flat, reshape(kernel, [18, 3]));
const map = reshape(vectors, [1, 3, 3, 3]);
console.log(
  `${patches.length} patches of ${sizes([3, 3, 2])} . kernel [18,3] -> ${patches.length} vectors of 3 -> ${sizes(map.shape.slice(1))}`,
);
console.log(`equals conv2d: ${(await largestDifference(map, conv2d(image, kernel))) < 1e-5}`);

const tints = ['#6f9fdd', '#e0a070'] as const;
const planes = (list: Matrix[], cell: number): Panel =>
  stacked(
    list.map((plane, c) =>
      cells(plane, { cell, style: (_row, _column, value) => ({ fill: heat(-2, 8, tints[c])(value), ink: '#1b2430' }) }),
    ),
    10,
  );
const filterTints = ['#d55e00', '#009e73', '#0072b2'] as const;
const fill = (value: number, k: number) => ({ fill: heat(-8, 10, filterTints[k])(value) });
const numbers = (await vectors.array()) as number[][];
const patchPanels = await Promise.all(patches.map(async (patch) => planes(await planesOf(patch), 15)));
const vectorPanels = numbers.map((vector) =>
  cells(
    vector.map((value) => [value]),
    { cell: 24, decimals: 1, style: (row, _column, value) => fill(value, row) },
  ),
);
const mapPlanes = (await planesOf(map)).map((plane, k) =>
  cells(plane, { cell: 30, decimals: 1, style: (_row, _column, value) => fill(value, k) }),
);
await draw(
  '23-patches',
  'A convolution, patch by patch',
  beside(
    [
      titled('picture 5×5×2', planes(await planesOf(image), 24)),
      arrow(),
      titled('9 patches of 3×3×2', wrap(patchPanels, 3, 14, 14)),
      arrow(),
      titled('times kernel: 9 vectors of 3', wrap(vectorPanels, 3, 22, 12)),
      arrow(),
      titled('map 3×3×3', above([stacked(mapPlanes, 16)])),
    ],
    20,
  ),
);
