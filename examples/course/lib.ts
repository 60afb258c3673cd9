// What the course's examples share: small pictures written as text, matrices on the console, and things to look at.
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadImage, pad, reshape, type Tensor, tensor, transpose } from 'fovea';

/** Rows of numbers. */
export type Matrix = readonly (readonly number[])[];

/** An array as the plots take it. */
export interface Picture {
  readonly data: Float32Array;
  readonly shape: readonly [height: number, width: number, channels: number];
}

/** Rows of numbers from text: `123/456`, or `1 -2/10 4` where a number is longer than a digit. */
export function rows(text: string): number[][] {
  return text.split('/').map((row) => (/[ .-]/.test(row) ? row.trim().split(/ +/) : [...row]).map(Number));
}

/** A matrix whose numbers follow from their place. */
export function filled(height: number, width: number, value: (row: number, column: number) => number): number[][] {
  return Array.from({ length: height }, (_, row) => Array.from({ length: width }, (_, column) => value(row, column)));
}

/** Planes, one for each channel, as one picture [1,h,w,channels]. */
export function asImage(...planes: Matrix[]): Tensor {
  return transpose(tensor([planes]), [0, 2, 3, 1]);
}

/** Matrices, one for each filter, as filters of one input channel [h,w,1,filters]. */
export function asFilters(...matrices: Matrix[]): Tensor {
  return transpose(tensor([matrices]), [2, 3, 0, 1]);
}

/** One filter whose matrices belong to the input channels, [h,w,channels,1]. */
export function asDeepFilter(...matrices: Matrix[]): Tensor {
  return transpose(tensor([matrices]), [2, 3, 1, 0]);
}

/** The channels of the first picture of x [n,h,w,channels], computed. */
export async function planesOf(x: Tensor): Promise<number[][][]> {
  const [, height, width, channels] = x.shape as [number, number, number, number];
  const data = await x.data();
  return Array.from({ length: channels }, (_, c) =>
    filled(height, width, (row, column) => data[(row * width + column) * channels + c] as number),
  );
}

/** The first channel of the first picture of x, computed. */
export async function planeOf(x: Tensor): Promise<number[][]> {
  return (await planesOf(x))[0] as number[][];
}

/** The first picture of x [n,h,w,channels], computed, for the plots. */
export async function pictureOf(x: Tensor): Promise<Picture> {
  const [, height, width, channels] = x.shape as [number, number, number, number];
  const data = (await x.data()) as Float32Array;
  return { data: data.slice(0, height * width * channels), shape: [height, width, channels] };
}

/** A picture as a batch of one, [1,h,w,channels]. */
export function asBatch({ data, shape }: Picture): Tensor {
  return reshape(tensor(data, { shape }), [1, ...shape]);
}

/** Pictures x [n,h,w,channels] in a border of zeros: rows above and below, columns to the left and right. */
export function bordered(
  x: Tensor,
  above: readonly [before: number, after: number],
  beside: readonly [before: number, after: number] = above,
): Tensor {
  return pad(x, [[0, 0], above, beside, [0, 0]]);
}

/** A number as it is written in a cell: at most `decimals` places, and no minus before 0. */
export function formatNumber(value: number, decimals = 2): string {
  return String(Number(value.toFixed(decimals)) + 0);
}

/** A shape as people write it: 28x28x2. */
export function sizes(shape: readonly number[]): string {
  return shape.join('x');
}

/** Prints a matrix under its name, the columns aligned. */
export function print(name: string, matrix: Matrix, decimals = 2): void {
  const cells = matrix.map((row) => row.map((value) => formatNumber(value, decimals)));
  const width = Math.max(...cells.flat().map((cell) => cell.length));
  const lines = cells.map((row) => `  ${row.map((cell) => cell.padStart(width)).join(' ')}`);
  console.log([`${name}:`, ...lines].join('\n'));
}

/** The largest difference between two tensors. */
export async function largestDifference(a: Tensor, b: Tensor): Promise<number> {
  const [first, second] = [await a.data(), await b.data()];
  return Math.max(...Array.from(first, (value, i) => Math.abs(value - (second[i] as number))));
}

/** Where an example writes `name`: the folder FOVEA_OUT, or out/course. */
export function outputPath(name: string): string {
  const folder = process.env.FOVEA_OUT ?? join('out', 'course');
  mkdirSync(folder, { recursive: true });
  return join(folder, name);
}

/** A colour photo of this size, 0..1: the file FOVEA_PHOTO, else one of the data folder, else a painted scene. */
export async function photo(height: number, width: number): Promise<Picture> {
  const own = process.env.FOVEA_PHOTO;
  const path = own ?? join(process.env.FOVEA_DATA ?? '', 'photos', 'dog.jpg');
  if (own === undefined && !existsSync(path)) return paintedScene(height, width);
  const { data } = await loadImage(path, { size: [height, width] });
  return { data: Float32Array.from(data, (value) => value / 255), shape: [height, width, 3] };
}

type Colour = readonly [red: number, green: number, blue: number];

/** A house before mountains: straight edges, corners, slopes, a disc and fine texture. */
export function paintedScene(height: number, width: number): Picture {
  const data = new Float32Array(height * width * 3);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      data.set(sceneColour(row / height, column / width), (row * width + column) * 3);
    }
  }
  return { data, shape: [height, width, 3] };
}

function sceneColour(y: number, x: number): Colour {
  const isIn = (top: number, left: number, bottom: number, right: number): boolean =>
    y >= top && y < bottom && x >= left && x < right;
  if (isIn(0.64, 0.5, 0.82, 0.58)) return [0.42, 0.25, 0.16];
  if (isIn(0.6, 0.64, 0.71, 0.74))
    return Math.abs(x - 0.69) < 0.008 || Math.abs(y - 0.655) < 0.008 ? [0.95, 0.95, 0.9] : [0.35, 0.55, 0.75];
  if (isIn(0.52, 0.46, 0.82, 0.8)) return [0.91, 0.83, 0.68];
  if (y >= 0.36 && y < 0.52 && Math.abs(x - 0.63) < 0.21 * ((y - 0.33) / 0.16)) {
    const isTile = (Math.floor(y * 60) + Math.floor(x * 40)) % 2 === 0;
    return isTile ? [0.68, 0.26, 0.2] : [0.58, 0.2, 0.16];
  }
  if (isIn(0.78, 0, 0.9, 0.4) && (x * 20) % 1 < 0.45) return [0.98, 0.97, 0.94];
  if (y > 0.78 + 0.02 * Math.sin(9 * x)) {
    const grass = 0.06 * Math.sin(211 * x + 40 * Math.sin(97 * y));
    return [0.3 + grass, 0.52 + grass, 0.22];
  }
  const ridge = 0.45 + 0.16 * Math.abs(((x * 2.3 + 0.2) % 1) - 0.5) * 2 - 0.1;
  if (y > ridge) return y < ridge + 0.07 ? [0.93, 0.95, 0.98] : [0.42 - 0.1 * y, 0.47 - 0.1 * y, 0.6 - 0.1 * y];
  if ((x - 0.2) ** 2 + (y - 0.17) ** 2 < 0.006) return [1, 0.86, 0.42];
  return [0.42 + 0.5 * y, 0.64 + 0.4 * y, 0.93];
}

/** A written four, 28 x 28, ink 1 on 0. */
export function writtenFour(): number[][] {
  const strokes = [
    [4, 15, 16, 5],
    [16, 5, 16, 22],
    [4, 15, 24, 18],
  ] as const;
  // Each stroke is a column, row segment; ink fades over one pixel at its rim.
  const distance = (
    row: number,
    column: number,
    [top, x0, y1, x1]: readonly [number, number, number, number],
  ): number => {
    const [dy, dx] = [y1 - top, x1 - x0];
    const t = Math.max(0, Math.min(1, ((row - top) * dy + (column - x0) * dx) / (dy * dy + dx * dx)));
    return Math.hypot(row - top - t * dy, column - x0 - t * dx);
  };
  return filled(28, 28, (row, column) => {
    const nearest = Math.min(...strokes.map((stroke) => distance(row, column, stroke)));
    return Math.max(0, Math.min(1, 2 - nearest));
  });
}
