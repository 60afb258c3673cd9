// Sketched dogs, cats, trucks and planes: something to classify where there is no data folder.
import { ArrayDataset } from 'fovea';

export const sketchNames = ['dog', 'cat', 'truck', 'plane'] as const;
/** Of scenes: a wall may have no sketch on it, or a class could be told by what is missing. */
export const sceneNames = [...sketchNames, 'nothing'] as const;

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

/** Gives the colour at x, y in -1..1, or undefined where the sketch leaves its ground. */
type Drawing = (x: number, y: number) => readonly number[] | undefined;

/** A sketch whose colours and pose vary with `random`, and the colour of its ground. */
function design(kind: number, random: () => number): { ground: readonly number[]; drawing: Drawing } {
  const between = (low: number, high: number): number => low + (high - low) * random();
  const colour = (low: number, high: number): number[] => [0, 1, 2].map(() => between(low, high));
  const ground = colour(190, 250);
  // Warm and dull, as coats and paint are.
  const warm = (low: number, high: number): number[] => colour(low, high).sort((a, b) => b - a);
  const [coat, second] = [warm(110, 200), warm(50, 120)] as const;
  const [size, dx, dy] = [between(0.75, 1), between(-0.12, 0.12), between(-0.12, 0.12)];
  const turn = between(-0.25, 0.25);
  const mirror = random() < 0.5 ? -1 : 1;
  const drawing: Drawing = (x, y) => {
    const [u, v] = [(x - dx) / size, (y - dy) / size];
    const [px, py] = [mirror * (u * Math.cos(turn) - v * Math.sin(turn)), u * Math.sin(turn) + v * Math.cos(turn)];
    const top = sketches[kind]?.findLast(([isInside]) => isInside(px, py));
    return top === undefined ? undefined : [coat, second, [190, 220, 240], [20, 20, 20]][top[1]];
  };
  return { ground, drawing };
}

/** One sketch of `side` x `side` pixels, 0..255; everything varies with `random`. */
export function sketch(kind: number, side: number, random: () => number): Uint8Array {
  const { ground, drawing } = design(kind, random);
  const out = new Uint8Array(side * side * 3);
  for (let at = 0; at < side * side; at++) {
    const x = (((at % side) + 0.5) / side) * 2 - 1;
    const y = ((Math.floor(at / side) + 0.5) / side) * 2 - 1;
    const paint = drawing(x, y) ?? ground;
    for (let c = 0; c < 3; c++) out[3 * at + c] = (paint[c] ?? 0) + 16 * random() - 8;
  }
  return out;
}

/** Rows and columns of a part of a picture, the ends exclusive. */
export type Box = readonly [top: number, left: number, bottom: number, right: number];

/**
 * A sketch (none of kind 4) somewhere on a wall of `side` x `side` pixels, among blots of its own colours that mean nothing, and the box that it
 * lies in.
 */
export function scene(kind: number, side: number, random: () => number): { data: Uint8Array; box: Box } {
  const between = (low: number, high: number): number => low + (high - low) * random();
  const { ground, drawing } = design(kind, random);
  const room = Math.round(side * between(0.42, 0.55));
  const [top, left] = [Math.floor(between(0, side - room)), Math.floor(between(0, side - room))];
  const blots = Array.from({ length: 5 }, () => {
    const paint = [between(90, 210), between(80, 180), between(50, 140)];
    return { x: between(0, side), y: between(0, side), radius: side * between(0.03, 0.07), paint };
  });
  const [slope, turn] = [between(10, 30), between(0, 6.28)];
  const data = new Uint8Array(side * side * 3);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const [x, y] = [((column + 0.5 - left) / room) * 2 - 1, ((row + 0.5 - top) / room) * 2 - 1];
      const own = Math.abs(x) < 1 && Math.abs(y) < 1 ? drawing(x, y) : undefined;
      const blot = blots.find((each) => Math.hypot(each.x - column, each.y - row) < each.radius);
      const shade = slope * Math.sin(turn + ((row * 0.7 + column * 0.5) / side) * 4) - 30;
      for (let c = 0; c < 3; c++) {
        const paint = own?.[c] ?? blot?.paint[c] ?? (ground[c] as number) + shade;
        data[(row * side + column) * 3 + c] = Math.max(0, Math.min(255, paint + 16 * random() - 8));
      }
    }
  }
  return { data, box: [top, left, top + room, left + room] };
}

/** `count` scenes of `side` x `side` with their labels and boxes, the kinds in turn, then none. */
export function sceneBook(
  count: number,
  side: number,
  random: () => number,
): { data: ArrayDataset; boxes: readonly Box[] } {
  const x = new Uint8Array(count * side * side * 3);
  const y = Int32Array.from({ length: count }, (_, i) => i % sceneNames.length);
  const boxes = Array.from(y, (kind, i) => {
    const { data, box } = scene(kind, side, random);
    x.set(data, i * side * side * 3);
    return box;
  });
  const data = new ArrayDataset({
    name: 'scenes',
    classNames: sceneNames,
    x: { data: x, shape: [count, side, side, 3], dtype: 'uint8' },
    y: { data: y, shape: [count], dtype: 'int32' },
  });
  return { data, boxes };
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
