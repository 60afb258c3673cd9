// Sizes that no tile divides: each against its even neighbour, in GFLOP/s.
import { CONTESTANT } from '../contestants.js';
import { Process } from '../process.js';
import { race } from '../race.js';
import type { Figure } from '../row.js';
import { type Convolution, nameOf } from '../shapes/convolutions.js';
import { type ConvWork, costOf, type MatmulWork } from '../work.js';

const BASE = {
  network: 'odd',
  n: 4,
  kh: 3,
  kw: 3,
  stride: 1,
  padH: 1,
  padW: 1,
  groups: 1,
  isTransposed: false,
  count: 1,
};

const conv = (size: number, cin: number, cout: number, more: Partial<Convolution> = {}): Convolution => ({
  ...BASE,
  h: size,
  w: size,
  cin,
  cout,
  ...more,
});

/** An odd shape and its neighbour. */
const CONVOLUTIONS: readonly (readonly [odd: Convolution, even: Convolution])[] = [
  [conv(28, 17, 17), conv(28, 16, 16)],
  [conv(28, 31, 33), conv(28, 32, 32)],
  [conv(28, 67, 61), conv(28, 64, 64)],
  [conv(29, 64, 64), conv(28, 64, 64)],
  [conv(7, 127, 131), conv(8, 128, 128)],
  [conv(28, 127, 131, { kh: 1, kw: 1, padH: 0, padW: 0 }), conv(28, 128, 128, { kh: 1, kw: 1, padH: 0, padW: 0 })],
  [conv(57, 61, 61, { groups: 61 }), conv(56, 64, 64, { groups: 64 })],
  [conv(57, 31, 67, { stride: 2 }), conv(56, 32, 64, { stride: 2 })],
];
const MATRICES: readonly (readonly [odd: number, even: number])[] = [
  [61, 64],
  [127, 128],
  [257, 256],
  [1021, 1024],
];

export async function oddFigures(threads: number, rounds: number, folder: string): Promise<Figure[]> {
  const own = Process.start([process.execPath, CONTESTANT, 'native', `${threads}`]);
  const pairs: [name: string, odd: ConvWork | MatmulWork, even: ConvWork | MatmulWork][] = [];
  for (const [odd, even] of CONVOLUTIONS) {
    for (const product of ['y', 'dx', 'dFilter'] as const) {
      const work = (shape: Convolution): ConvWork => ({ ...shape, kind: 'conv', product, isInference: false });
      pairs.push([`${nameOf(odd)} ${product}, beside ${nameOf(even)}`, work(odd), work(even)]);
    }
  }
  for (const [odd, even] of MATRICES) {
    const work = (size: number): MatmulWork => ({
      kind: 'matmul',
      m: size,
      n: size,
      k: size,
      transposeA: false,
      transposeB: false,
    });
    pairs.push([`matmul ${odd}, beside ${even}`, work(odd), work(even)]);
  }
  const figures: Figure[] = [];
  try {
    for (const [name, odd, even] of pairs) {
      const turn = (id: string) => async (steps: number) => (await own.ask('time', { id, steps })).seconds as number;
      await own.ask('load', { id: 'odd', work: odd, path: `${folder}/odd` });
      await own.ask('load', { id: 'even', work: even, path: `${folder}/odd` });
      const [, standing] = await race([turn('odd'), turn('even')], { rounds, turn: 8 });
      for (const id of ['odd', 'even']) await own.ask('drop', { id });
      if (standing?.ratio === undefined) continue;
      const value = (standing.ratio.median * costOf(odd).flops) / costOf(even).flops;
      figures.push({ kind: 'figure', suite: 'odd', name, value, unit: 'x GFLOP/s' });
    }
  } finally {
    own.stop();
  }
  const least = figures.toSorted((a, b) => a.value - b.value)[0];
  if (least !== undefined) {
    figures.unshift({
      ...least,
      name: 'odd sizes: the least',
      atLeast: 0.5,
      note: `${figures.length} pairs; ${least.name}`,
    });
  }
  return figures;
}
