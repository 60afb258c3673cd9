// Sketched dogs, cats, trucks and planes: something to classify where there is no data folder.
import { ArrayDataset } from 'fovea';

export const sketchNames = ['dog', 'cat', 'truck', 'plane'] as const;

type Inside = (x: number, y: number) => boolean;

const ellipse = (cx: number, cy: number, rx: number, ry: number): Inside => {
  return (x, y) => ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1;
};
const box = (left: number, top: number, right: number, bottom: number): Inside => {
  return (x, y) => x > left && x < right && y > top && y < bottom;
};
/** A triangle standing on `bottom`, its tip at (cx, top). */
const spike = (cx: number, top: number, bottom: number, half: number): Inside => {
  return (x, y) => y > top && y < bottom && Math.abs(x - cx) < (half * (y - top)) / (bottom - top);
};
const face: readonly (readonly [Inside, number])[] = [
  [ellipse(0, 0.1, 0.45, 0.42), 0],
  [ellipse(-0.17, 0, 0.06, 0.07), 3],
  [ellipse(0.17, 0, 0.06, 0.07), 3],
  [ellipse(0, 0.2, 0.09, 0.06), 3],
];

/** Shapes over each other with the colour each has: 0 and 1 vary, 2 is glass, 3 is black. */
const sketches: readonly (readonly (readonly [Inside, number])[])[] = [
  [...face, [ellipse(-0.46, 0.1, 0.13, 0.36), 1], [ellipse(0.46, 0.1, 0.13, 0.36), 1]],
  [[spike(-0.3, -0.68, 0, 0.2), 0], [spike(0.3, -0.68, 0, 0.2), 0], ...face],
  [
    [box(-0.8, -0.35, 0.25, 0.3), 0],
    [box(0.28, -0.1, 0.75, 0.3), 1],
    [box(0.42, -0.03, 0.7, 0.12), 2],
    [ellipse(-0.5, 0.35, 0.16, 0.16), 3],
    [ellipse(0.45, 0.35, 0.16, 0.16), 3],
  ],
  [
    [(x, y) => Math.abs(y + 0.35 * (x + 0.1)) < 0.55 && Math.abs(x - 0.1 * y) < 0.14, 1],
    [ellipse(0, 0, 0.85, 0.14), 0],
    [spike(-0.7, -0.4, 0.05, 0.16), 0],
  ],
];

/** One sketch of `side` x `side` pixels, 0..255; everything varies with `random`. */
export function sketch(kind: number, side: number, random: () => number): Uint8Array {
  const between = (low: number, high: number): number => low + (high - low) * random();
  const colour = (low: number, high: number): number[] => [0, 1, 2].map(() => between(low, high));
  const ground = colour(190, 250);
  // Warm and dull, as coats and paint are.
  const warm = (low: number, high: number): number[] => colour(low, high).sort((a, b) => b - a);
  const [coat, second] = [warm(110, 200), warm(50, 120)] as const;
  const [size, dx, dy] = [between(0.75, 1), between(-0.12, 0.12), between(-0.12, 0.12)];
  const turn = between(-0.25, 0.25);
  const mirror = random() < 0.5 ? -1 : 1;
  const out = new Uint8Array(side * side * 3);
  for (let at = 0; at < side * side; at++) {
    const u = ((((at % side) + 0.5) / side) * 2 - 1 - dx) / size;
    const v = (((Math.floor(at / side) + 0.5) / side) * 2 - 1 - dy) / size;
    const [x, y] = [mirror * (u * Math.cos(turn) - v * Math.sin(turn)), u * Math.sin(turn) + v * Math.cos(turn)];
    const top = sketches[kind]?.findLast(([isInside]) => isInside(x, y));
    const paint = top === undefined ? ground : [coat, second, [190, 220, 240], [20, 20, 20]][top[1]];
    for (let c = 0; c < 3; c++) out[3 * at + c] = (paint?.[c] ?? 0) + between(-8, 8);
  }
  return out;
}

/** `count` sketches of 32x32 with their labels, the four kinds in turn. */
export function sketchBook(count: number, random: () => number): ArrayDataset {
  const x = new Uint8Array(count * 32 * 32 * 3);
  const y = Int32Array.from({ length: count }, (_, i) => i % sketchNames.length);
  y.forEach((kind, i) => {
    x.set(sketch(kind, 32, random), i * 32 * 32 * 3);
  });
  return new ArrayDataset({
    name: 'sketches',
    classNames: sketchNames,
    x: { data: x, shape: [count, 32, 32, 3], dtype: 'uint8' },
    y: { data: y, shape: [count], dtype: 'int32' },
  });
}

/** The same numbers in every run. */
export function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    // A linear congruential generator: enough to scatter sketches.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
