// The ten drawn shapes of the generated picture set, as strokes in the square [-1,1] x [-1,1] with y downwards.
// They differ in how their lines turn, meet and end, not in where ink lies: what a convolution can see.

/** The classes of `datasets.strokes`, in label order. */
export const STROKE_CLASSES: readonly string[] = [
  'ring',
  'cross',
  'zigzag',
  'spiral',
  'triangle',
  'fork',
  'wave',
  'ladder',
  'arrow',
  'hook',
];

/** Points `x0, y0, x1, y1, ...` that a pen passes, close enough together to bend with a distortion. */
export type Stroke = readonly number[];

// Points are this far apart: about 1.5 pixels in a 28x28 picture.
const SPACING = 0.16;

/**
 * Sine and cosine of an angle in turns, by a polynomial with an error below 1e-4. Math.sin may differ in its last bit
 * between platforms, and a picture must not.
 */
export function sineOfTurns(turns: number): number {
  const t = turns - Math.floor(turns + 0.5);
  // Fold to a quarter turn, where the series converges fast: sin(pi - a) = sin(a).
  const folded = t > 0.25 ? 0.5 - t : t < -0.25 ? -0.5 - t : t;
  const a = folded * 6.283185307179586;
  const s = a * a;
  return a * (1 - (s / 6) * (1 - (s / 20) * (1 - (s / 42) * (1 - s / 72))));
}

export function cosineOfTurns(turns: number): number {
  return sineOfTurns(turns + 0.25);
}

function line(...corners: number[]): Stroke {
  const points: number[] = [corners[0] as number, corners[1] as number];
  for (let i = 2; i < corners.length; i += 2) {
    const [x0, y0, x1, y1] = corners.slice(i - 2, i + 2) as [number, number, number, number];
    const steps = Math.max(1, Math.ceil(Math.sqrt((x1 - x0) ** 2 + (y1 - y0) ** 2) / SPACING));
    for (let k = 1; k <= steps; k++) points.push(x0 + ((x1 - x0) * k) / steps, y0 + ((y1 - y0) * k) / steps);
  }
  return points;
}

// An arc about (cx, cy) from one angle to another (turns, clockwise because y points down), its radius changing evenly.
function arc(cx: number, cy: number, from: number, to: number, radius: number, endRadius = radius): Stroke {
  const points: number[] = [];
  const steps = Math.ceil((Math.abs(to - from) * 6.2832 * Math.max(radius, endRadius)) / SPACING);
  for (let k = 0; k <= steps; k++) {
    const turns = from + ((to - from) * k) / steps;
    const r = radius + ((endRadius - radius) * k) / steps;
    points.push(cx + r * cosineOfTurns(turns), cy + r * sineOfTurns(turns));
  }
  return points;
}

let shapes: readonly (readonly Stroke[])[] | undefined;

/** The strokes of each class, in label order. */
export function strokeShapes(): readonly (readonly Stroke[])[] {
  shapes ??= [
    [arc(0, 0, 0, 1.04, 0.85)],
    [line(-0.8, -0.8, 0.8, 0.8), line(0.8, -0.8, -0.8, 0.8)],
    [line(-0.95, 0.55, -0.5, -0.6, 0, 0.6, 0.5, -0.6, 0.95, 0.55)],
    [arc(0, 0, 0.25, 1.75, 0.15, 0.95)],
    [line(0, -0.85, 0.9, 0.7, -0.9, 0.7, 0, -0.85)],
    [
      line(0, 0.95, 0, -0.9),
      [...arc(0, -0.35, 0.5, 0, 0.75)],
      line(-0.75, -0.35, -0.75, -0.9),
      line(0.75, -0.35, 0.75, -0.9),
    ],
    [[...arc(-0.5, 0, 0.5, 1, 0.48), ...arc(0.48, 0, 0.5, 0, 0.48)]],
    [
      line(-0.5, -0.95, -0.5, 0.95),
      line(0.5, -0.95, 0.5, 0.95),
      line(-0.5, -0.4, 0.5, -0.4),
      line(-0.5, 0.4, 0.5, 0.4),
    ],
    [line(0, 0.95, 0, -0.85), line(-0.6, -0.2, 0, -0.9, 0.6, -0.2)],
    [[...line(0.4, -0.95, 0.4, 0.3), ...arc(-0.1, 0.35, 0, 0.5, 0.5)], line(0.05, -0.95, 0.8, -0.95)],
  ];
  return shapes;
}
