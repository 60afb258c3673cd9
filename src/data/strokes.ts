// A picture set that needs no download: ten pen-drawn shapes under affine and elastic distortion, with changing width
// and contrast, noise and stray marks. Each picture depends on the seed, its part and its index alone.
import { FoveaError } from '../core/errors.js';
import { fillUniform, keyFromSeed, permutation } from '../core/random.js';
import { ArrayDataset, selectSplit } from './array-dataset.js';
import { cosineOfTurns, STROKE_CLASSES, type Stroke, sineOfTurns, strokeShapes } from './strokes-shapes.js';

const SIZE = 28;
const PIXELS = SIZE * SIZE;
const CENTRE = (SIZE - 1) / 2;
// Uniform numbers set aside per picture: for its drawing, then one per pixel for the noise.
const DRAWING = 256;
// Corners of the elastic distortion's grid along each side.
const GRID = 4;

/** Options of `datasets.strokes`. */
export interface StrokesOptions {
  /** Training pictures; default 4,000. */
  count?: number;
  /** Test pictures, which share none with the training part; default a quarter of `count`, at least 10. */
  testCount?: number;
  /** The same seed gives the same pictures on every machine; default 0. */
  seed?: number;
}

/** `{ train, test }` of generated 28x28 pictures of ten shapes; throws `argument` for a count that is none. */
export function makeStrokes(options: StrokesOptions = {}): { train: ArrayDataset; test: ArrayDataset } {
  const count = checkCount(options.count ?? 4000, 'count');
  const testCount = checkCount(options.testCount ?? Math.max(10, Math.round(count / 4)), 'testCount');
  const seed = options.seed ?? 0;
  return { train: drawPart('train', count, seed), test: drawPart('test', testCount, seed) };
}

/** Like `makeStrokes`, for one split expression such as `'train[:10%]'`. */
export function makeStrokesSplit(split: string, options: StrokesOptions = {}): ArrayDataset {
  return selectSplit({ ...makeStrokes(options) }, split);
}

function checkCount(count: number, name: string): number {
  if (Number.isInteger(count) && count > 0) return count;
  throw new FoveaError({
    code: 'argument',
    op: 'datasets.strokes',
    message: `${name} is ${count}.`,
    got: count,
    hint: `Give ${name} a whole number from 1.`,
  });
}

function drawPart(part: 'train' | 'test', count: number, seed: number): ArrayDataset {
  const key = keyFromSeed(seed);
  const classes = STROKE_CLASSES.length;
  const x = new Uint8Array(count * PIXELS);
  const y = new Int32Array(count);
  const random = new Float32Array(DRAWING + PIXELS);
  const ink = new Float32Array(PIXELS);
  // Streams alternate between the parts and between labels and drawings, so none is used twice.
  const stream = (index: number, use: 0 | 1): number => 4 * index + 2 * use + (part === 'test' ? 1 : 0);
  let labels: ArrayLike<number> = [];
  for (let i = 0; i < count; i++) {
    // Labels are mixed in groups of ten: any run of pictures is nearly balanced.
    if (i % classes === 0) labels = permutation(classes, key, stream(i / classes, 0));
    const label = labels[i % classes] as number;
    fillUniform(random, key, stream(i, 1));
    drawPicture(label, random, ink);
    finishPicture(random, ink, x.subarray(i * PIXELS, (i + 1) * PIXELS));
    y[i] = label;
  }
  return new ArrayDataset({
    name: 'strokes',
    x: { data: x, shape: [count, SIZE, SIZE, 1], dtype: 'uint8' },
    y: { data: y, shape: [count], dtype: 'int32' },
    classNames: STROKE_CLASSES,
    source: `generated, seed ${seed}, ${part}`,
  });
}

function drawPicture(label: number, random: Float32Array, ink: Float32Array): void {
  ink.fill(0);
  let next = 0;
  const between = (low: number, high: number): number => low + (high - low) * (random[next++] as number);
  const place = choosePlace(between);
  const bend = chooseBend(between);
  const halfWidth = between(0.75, 1.45);
  const taper = between(-0.25, 0.25);
  const fade = between(0, 0.12);

  const strokes = strokeShapes()[label] as readonly Stroke[];
  // Pen order: which stroke comes first, and so is darkest, and from which end each is drawn.
  const first = Math.floor(between(0, strokes.length));
  for (let k = 0; k < strokes.length; k++) {
    const stroke = strokes[(first + k) % strokes.length] as Stroke;
    const isReversed = between(0, 1) < 0.5;
    // Strokes start and stop a little early or late, and each sits a little beside its place.
    const [dx, dy] = [between(-0.07, 0.07), between(-0.07, 0.07)];
    const from = between(0, 0.06);
    const to = 1 - between(0, 0.06);
    const points = stroke.length / 2;
    const start = Math.round(from * (points - 1));
    const end = Math.round(to * (points - 1));
    const darkness = 1 - fade * k;
    let [px, py] = [0, 0];
    for (let i = start; i <= end; i++) {
      const [ax, ay] = place((stroke[2 * i] as number) + dx, (stroke[2 * i + 1] as number) + dy);
      const [qx, qy] = bend(ax, ay);
      const along = i / Math.max(1, points - 1) - 0.5;
      if (i > start)
        drawSegment(ink, px, py, qx, qy, halfWidth * (1 + (isReversed ? -taper : taper) * along), darkness);
      [px, py] = [qx, qy];
    }
  }
  drawMarks(between, ink);
}

type Between = (low: number, high: number) => number;

// Rotation, shear, unequal scales and a shift that keeps the shape inside the picture.
function choosePlace(between: Between): (x: number, y: number) => readonly [number, number] {
  const turns = between(-0.055, 0.055);
  const size = between(7.5, 10.5);
  const stretch = between(0.85, 1.18);
  const shear = between(-0.16, 0.16);
  const room = Math.max(0, CENTRE - size * 0.98);
  const shiftX = CENTRE + between(-room, room);
  const shiftY = CENTRE + between(-room, room);
  const [c, s] = [cosineOfTurns(turns) * size, sineOfTurns(turns) * size];
  const [mx, my] = [stretch, 1 / stretch];
  return (x, y) => {
    const u = (x + shear * y) * mx;
    const v = y * my;
    return [c * u - s * v + shiftX, s * u + c * v + shiftY];
  };
}

// Elastic distortion: random shifts at the corners of a coarse grid, smoothly joined, applied to the pen's path. Moving
// points instead of pixels keeps the lines sharp and costs a hundredth.
function chooseBend(between: Between): (x: number, y: number) => readonly [number, number] {
  const strength = between(0.3, 1.1);
  const shifts = Float64Array.from({ length: GRID * GRID * 2 }, () => between(-strength, strength));
  const cell = SIZE / (GRID - 1);
  const at = (row: number, column: number, axis: number): number => shifts[2 * (GRID * row + column) + axis] as number;
  return (x, y) => {
    const gx = Math.max(0, Math.min(GRID - 1.001, x / cell));
    const gy = Math.max(0, Math.min(GRID - 1.001, y / cell));
    const [column, row] = [Math.floor(gx), Math.floor(gy)];
    const [fx, fy] = [smooth(gx - column), smooth(gy - row)];
    const mix = (axis: number): number =>
      (at(row, column, axis) * (1 - fx) + at(row, column + 1, axis) * fx) * (1 - fy) +
      (at(row + 1, column, axis) * (1 - fx) + at(row + 1, column + 1, axis) * fx) * fy;
    return [x + mix(0), y + mix(1)];
  };
}

function smooth(t: number): number {
  return t * t * (3 - 2 * t);
}

// Marks that belong to no shape: short strokes and dots anywhere.
function drawMarks(between: Between, ink: Float32Array): void {
  const marks = Math.floor(between(0, 3));
  for (let m = 0; m < marks; m++) {
    const [x, y] = [between(1, SIZE - 2), between(1, SIZE - 2)];
    const [dx, dy] = [between(-3, 3), between(-3, 3)];
    drawSegment(ink, x, y, x + dx, y + dy, between(0.4, 0.9), between(0.35, 0.85));
  }
}

// A line with round ends: a pixel's coverage falls from 1 to 0 over one pixel about the edge. The darkest stroke wins.
function drawSegment(
  ink: Float32Array,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  halfWidth: number,
  darkness: number,
): void {
  const reach = halfWidth + 0.5;
  const left = Math.max(0, Math.ceil(Math.min(x0, x1) - reach));
  const right = Math.min(SIZE - 1, Math.floor(Math.max(x0, x1) + reach));
  const top = Math.max(0, Math.ceil(Math.min(y0, y1) - reach));
  const bottom = Math.min(SIZE - 1, Math.floor(Math.max(y0, y1) + reach));
  const [dx, dy] = [x1 - x0, y1 - y0];
  const inverse = 1 / Math.max(1e-9, dx * dx + dy * dy);
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const t = Math.max(0, Math.min(1, ((x - x0) * dx + (y - y0) * dy) * inverse));
      const [ex, ey] = [x0 + t * dx - x, y0 + t * dy - y];
      const coverage = Math.min(1, reach - Math.sqrt(ex * ex + ey * ey)) * darkness;
      const pixel = y * SIZE + x;
      if (coverage > (ink[pixel] as number)) ink[pixel] = coverage;
    }
  }
}

// Contrast, a sloping background and noise; then bytes.
function finishPicture(random: Float32Array, ink: Float32Array, out: Uint8Array): void {
  let next = DRAWING - 6;
  const between = (low: number, high: number): number => low + (high - low) * (random[next++] as number);
  const paper = between(0, 0.12);
  const [slopeX, slopeY] = [between(-0.08, 0.08), between(-0.08, 0.08)];
  const pen = between(0.75, 1);
  const noise = between(0.02, 0.12);
  for (let i = 0; i < PIXELS; i++) {
    const shade = paper + slopeX * ((i % SIZE) / SIZE - 0.5) + slopeY * (Math.floor(i / SIZE) / SIZE - 0.5);
    const grain = noise * ((random[DRAWING + i] as number) - 0.5);
    const value = shade + (pen - shade) * (ink[i] as number) + grain;
    out[i] = Math.max(0, Math.min(255, Math.round(value * 255)));
  }
}
