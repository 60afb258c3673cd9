// Deep dream (Mordvintsev, Olah, Tyka 2015): a picture is changed so that what a layer sees in it is seen more, at several sizes, from coarse
// to fine.
import { FoveaError } from '../../core/errors.js';
import { keyFromSeed, uniform } from '../../core/random.js';
import { type HostArray, resizeImage } from '../../data/index.js';
import type { Tensor } from '../../graph/tensor.js';
import type { TrainableModel } from '../../nn/model.js';
import { add, cast, multiply } from '../../ops/arithmetic.js';
import { mean } from '../../ops/reduce.js';
import { square } from '../../ops/unary.js';
import type { Figure } from '../../plot/figure.js';
import { image } from '../../plot/image.js';
import { bandsFor, climb, type Goal } from './ascent.js';
import { findLayer, type LayerInfo, layersFor, seenAt } from './look.js';
import { checkCount, drawable, floats, roll, type Size, sizeOfMap, toBytes } from './maps.js';
import { inputSizes, type ModelOptions, type Picture, preparationOf, readPicture } from './pictures.js';

/** See `deepDream`. */
export interface DreamOptions extends ModelOptions {
  /** Layers by name or path, with their weights; default one convolution at two thirds of the network. */
  layers?: readonly string[] | Readonly<Record<string, number>>;
  /** Sizes at which it dreams; default 4, fewer where the smallest would be smaller than the model's pictures. */
  octaves?: number;
  /** From one size to the next; default 1.4. */
  octaveScale?: number;
  /** Steps at every size; default 12. */
  steps?: number;
  /** How far a step goes, as a share of the range 0..255; default 0.012. */
  stepSize?: number;
  /** Of the shifts; default 0. */
  seed?: number;
  /** The result's; default the picture's own, enlarged where the model's pictures are larger. */
  size?: Size;
}

/** What `deepDream` gives. */
export interface Dream {
  /** Bytes [h,w,c]. */
  readonly image: HostArray;
  readonly figure: Figure;
  /** How strongly the layers answered before the first and before the last step of each size, the smallest first. */
  readonly scores: readonly { readonly size: Size; readonly before: number; readonly after: number }[];
}

/**
 * Dreams into a picture. A model of one picture size is moved over larger ones in tiles, at another place in every step. Throws `argument` for
 * unknown layers.
 */
export async function deepDream(model: TrainableModel, picture: Picture, options: DreamOptions = {}): Promise<Dream> {
  const op = 'deepDream';
  const { octaves = 4, octaveScale = 1.4, steps = 12 } = options;
  checkCount(op, 'octaves', octaves);
  checkCount(op, 'steps', steps);
  if (!(octaveScale > 1)) {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `octaveScale is ${octaveScale}.`,
      got: octaveScale,
      want: 'above 1',
    });
  }
  const [tileHeight, tileWidth] = inputSizes(model);
  const start = await ownSize(model, picture, options, op);
  const tile: Size = [tileHeight ?? 0, tileWidth ?? 0];
  const sizes = octaveSizes(sizeOfMap(start), tile, octaves, octaveScale);
  const first: Size = tileHeight === null ? (sizes[0] as Size) : tile;
  const layers = dreamLayers(layersFor(model, [...first, start.shape[2] as number]), options.layers, op);
  const goal = goalOf(model, layers, options);
  const scores: Dream['scores'][number][] = [];
  let detail: HostArray | undefined;
  let x = start;
  for (const [octave, size] of sizes.entries()) {
    const base = resizeImage(start, size);
    x = detail === undefined ? base : plus(base, resizeImage(detail, size), 1);
    const own: Size = tileHeight === null ? size : tile;
    const climbed = await dreamAt(model, goal, x, own, { ...options, steps }, octave);
    x = climbed.picture;
    scores.push({ size, before: climbed.before, after: climbed.after });
    detail = plus(x, base, -1);
  }
  const bytes = drawable(toBytes(x));
  return { image: bytes, figure: image(bytes, { colormap: 'gray', vmin: 0, vmax: 255 }), scores };
}

/** The picture with the model's channels in its own size, or the asked one, but nowhere smaller than the model's pictures. */
async function ownSize(model: TrainableModel, picture: Picture, options: DreamOptions, op: string): Promise<HostArray> {
  const { size } = options;
  const [height, width] = inputSizes(model);
  const { input, full } = await readPicture(model, picture, options, op);
  if (height === null || width === null) return size === undefined ? full : input;
  const [rows, columns] = size ?? sizeOfMap(full);
  const grow = Math.max(1, height / rows, width / columns);
  return resizeImage(full, [Math.round(rows * grow), Math.round(columns * grow)]);
}

function octaveSizes([height, width]: Size, [least, narrowest]: Size, octaves: number, scale: number): Size[] {
  const sizes: Size[] = [];
  for (let octave = octaves - 1; octave >= 0; octave--) {
    const size: Size = [Math.round(height / scale ** octave), Math.round(width / scale ** octave)];
    if (octave === 0 || (size[0] >= Math.max(16, least) && size[1] >= Math.max(16, narrowest))) sizes.push(size);
  }
  return sizes;
}

function dreamLayers(
  all: readonly LayerInfo[],
  wanted: DreamOptions['layers'],
  op: string,
): readonly { readonly path: string; readonly weight: number }[] {
  const fits = ({ maps }: LayerInfo): boolean => maps !== undefined;
  if (wanted !== undefined) {
    const entries = Array.isArray(wanted)
      ? (wanted as readonly string[]).map((name) => [name, 1] as const)
      : Object.entries(wanted as Readonly<Record<string, number>>);
    return entries.map(([name, weight]) => ({ path: findLayer(all, name, op, fits).path, weight }));
  }
  const convolutions = all.filter(({ isConvolution, maps }) => isConvolution && maps !== undefined);
  const chosen = convolutions[Math.floor((2 * (convolutions.length - 1)) / 3)] ?? findLayer(all, '', op, fits);
  return [{ path: chosen.path, weight: 1 }];
}

function goalOf(
  model: TrainableModel,
  layers: readonly { readonly path: string; readonly weight: number }[],
  options: DreamOptions,
): Goal {
  return {
    key: `dream ${layers.map(({ path, weight }) => `${weight} ${path}`).join()}`,
    preparation: preparationOf(model, options.preprocessing),
    selector: floats(new Float32Array(1), [1]),
    scoresOf: (look) => {
      const parts = layers.map(({ path, weight }) => {
        const output = cast(seenAt(look, path).output, 'float32');
        return multiply(mean(square(output), { axis: [1, 2, 3] }), weight);
      });
      return parts.reduce((total: Tensor, part) => add(total, part));
    },
  };
}

/** The steps at one size. */
async function dreamAt(
  model: TrainableModel,
  goal: Goal,
  start: HostArray,
  tile: Size,
  { steps, stepSize = 0.012, seed = 0 }: DreamOptions & { steps: number },
  octave: number,
): Promise<{ picture: HostArray; before: number; after: number }> {
  const [height, width, channels] = start.shape as [number, number, number];
  const shape = [1, height, width, channels] as const;
  const key = keyFromSeed(seed);
  const bands = bandsFor(tile);
  const x = Float32Array.from(start.data);
  const scores: number[] = [];
  for (let step = 0; step < steps; step++) {
    const far = (side: number, at: number): number => Math.floor(uniform(key, octave, 2 * step + at) * side);
    const [down, right] = [far(tile[0], 0), far(tile[1], 1)];
    const moved = roll(x, shape, [down, right]);
    const { direction, score } = await tiled(model, goal, moved, shape, tile, bands);
    scores.push(score);
    const back = roll(direction, shape, [-down, -right]);
    for (let i = 0; i < x.length; i++)
      x[i] = Math.min(255, Math.max(0, (x[i] as number) + 255 * stepSize * (back[i] as number)));
  }
  return { picture: floats(x, start.shape), before: scores[0] as number, after: scores.at(-1) as number };
}

/** The direction of a picture in tiles of the model's size, and the mean score of the tiles. */
async function tiled(
  model: TrainableModel,
  goal: Goal,
  x: Float32Array,
  [, height, width, channels]: readonly [number, number, number, number],
  [tileHeight, tileWidth]: Size,
  bands: number,
): Promise<{ direction: Float32Array; score: number }> {
  const direction = new Float32Array(x.length);
  const line = tileWidth * channels;
  let [score, count] = [0, 0];
  for (const top of startsOf(height, tileHeight)) {
    for (const left of startsOf(width, tileWidth)) {
      const place = (row: number): number => ((top + row) * width + left) * channels;
      const cut = new Float32Array(tileHeight * line);
      for (let row = 0; row < tileHeight; row++) cut.set(x.subarray(place(row), place(row) + line), row * line);
      const climbed = await climb(model, goal, floats(cut, [1, tileHeight, tileWidth, channels]), bands);
      for (let row = 0; row < tileHeight; row++)
        direction.set(climbed.direction.subarray(row * line, (row + 1) * line), place(row));
      score += climbed.scores[0] as number;
      count++;
    }
  }
  return { direction, score: score / count };
}

/** Where tiles start; the last one ends with the picture and may lie over the one before. */
function startsOf(size: number, tile: number): number[] {
  const starts = Array.from({ length: Math.floor(size / tile) }, (_, i) => i * tile);
  return size % tile === 0 ? starts : [...starts, size - tile];
}

function plus(a: HostArray, b: HostArray, factor: number): HostArray {
  return floats(
    Float32Array.from(a.data, (value, i) => value + factor * (b.data[i] as number)),
    a.shape,
  );
}
