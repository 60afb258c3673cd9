// What layers make of a picture: the maps of one, or a sheet of the whole network from the picture to its classes.
import type { HostArray } from '../../data/index.js';
import type { TrainableModel } from '../../nn/model.js';
import { cast } from '../../ops/arithmetic.js';
import { bars } from '../../plot/charts.js';
import type { Colormap } from '../../plot/colormaps.js';
import type { Figure } from '../../plot/figure.js';
import { channelTiles, grid, image } from '../../plot/image.js';
import type { ImageArray } from '../../plot/pixels.js';
import { ask, findLayer, type LayerInfo, type Look, layersFor, mapsOf, seenAt } from './look.js';
import { checkCount, type FloatArray, type Size } from './maps.js';
import {
  type InputPicture,
  labelsOf,
  type ModelOptions,
  type Picture,
  preparationOf,
  readPicture,
} from './pictures.js';
import { type SheetRow, stacked } from './sheets.js';

/** See `activations`. */
export interface ActivationOptions extends ModelOptions {
  /** A layer by its name or path; default the first convolution. */
  layer?: string;
  /** Maps at most in the figure; default 64. */
  maxMaps?: number;
  /** Default `viridis`, each map over its own range. */
  colormap?: Colormap;
  columns?: number;
  /** For models that take pictures of any size; default the picture's own. */
  size?: Size;
}

/** What a layer made of a picture. */
export interface Activations {
  readonly layer: string;
  /** [h,w,c], or what else the layer gives, without the batch. */
  readonly activation: FloatArray;
  readonly figure: Figure;
}

/** What a layer gives for a picture 0..255, and its maps as a sheet, numbered by channel. Throws `argument` for an unknown layer. */
export async function activations(
  model: TrainableModel,
  picture: Picture,
  options: ActivationOptions = {},
): Promise<Activations> {
  const op = 'activations';
  const { maxMaps = 64 } = options;
  checkCount(op, 'maxMaps', maxMaps);
  const read = await readPicture(model, picture, options, op);
  const layers = layersFor(model, read.input.shape);
  const first = layers.find(({ isConvolution }) => isConvolution) ?? layers[0];
  const name = options.layer ?? first?.path ?? '';
  const layer = findLayer(layers, name, op);
  const [activation] = (await activationsOf(model, read, [layer], options)) as [FloatArray];
  return { layer: layer.path, activation, figure: drawn(activation, maxMaps, options) };
}

/** What several layers give. */
async function activationsOf(
  model: TrainableModel,
  { input }: InputPicture,
  layers: readonly LayerInfo[],
  options: ModelOptions,
): Promise<FloatArray[]> {
  const question = {
    key: `activations ${layers.map(({ path }) => path).join()}`,
    preparation: preparationOf(model, options.preprocessing),
    ask: (look: Look) =>
      layers.map(({ path }) => {
        const seen = seenAt(look, path);
        return cast(mapsOf(seen, seen.output), 'float32');
      }),
  };
  const found = await ask(model, question, [{ ...input, shape: [1, ...input.shape] }]);
  return found.map((each) => ({ ...each, shape: each.shape.slice(1) }));
}

/** Maps of [h,w,c] as numbered tiles; a vector as cells in rows. */
function drawn(
  activation: HostArray,
  most: number,
  { columns, colormap }: Pick<ActivationOptions, 'columns' | 'colormap'>,
): Figure {
  const { shape, data } = activation;
  const colours = colormap === undefined ? {} : { colormap };
  if (shape.length !== 3) return strip(data, colours);
  const all = channelTiles(activation);
  const shown = all.slice(0, most);
  const labels = shown.map((_, i) => String(i));
  return grid(shown, { ...colours, ...(columns === undefined ? {} : { columns }), ...tileScale(shape, 64), labels });
}

/** The scale that makes tiles about this wide. */
function tileScale([height = 1, width = 1]: readonly number[], side: number): { scale: number } {
  return { scale: Math.max(1, Math.round(side / Math.max(height, width))) };
}

const STRIP_WIDTH = 860;

/** Numbers as cells in rows as long as a page is wide. */
function strip(data: ArrayLike<number>, colours: { colormap?: Colormap }): Figure {
  const count = data.length;
  const columns = Math.min(count, Math.max(64, Math.ceil(Math.sqrt(8 * count))));
  const rows = Math.ceil(count / columns);
  // What is left over at the end is NaN, which is drawn as nothing.
  const cells = Float32Array.from({ length: rows * columns }, (_, i) => (i < count ? (data[i] as number) : Number.NaN));
  const scale = Math.max(2, Math.min(16, Math.floor(STRIP_WIDTH / columns)));
  return image({ data: cells, shape: [rows, columns] }, { ...colours, scale });
}

/** See `activationSheet`. */
export interface ActivationSheetOptions extends ModelOptions {
  /** Layers by name or path; default all that compute something, evenly chosen where there are more than `maxLayers`. */
  layers?: readonly string[];
  /** Default 24. */
  maxLayers?: number;
  /** Maps of each layer, those that answer most; default 12. */
  maxMaps?: number;
  colormap?: Colormap;
  size?: Size;
}

/** What `activationSheet` gives. */
export interface ActivationSheet {
  /** What the layers give, in the order of the sheet. */
  readonly layers: readonly { readonly layer: string; readonly activation: FloatArray }[];
  readonly figure: Figure;
}

/** Layers that only hand on what they get. */
const SILENT =
  /^(Dropout|SpatialDropout\w+|Flatten|Reshape|ZeroPadding\w+|Gaussian\w+|Identity|InputLayer|Rescaling|Permute)$/;
const TILE = 64;

/**
 * A sheet of the whole network: the picture, of every layer the maps that answer most (numbered by channel), dense layers as cells, and the
 * classes as bars. Throws `argument` for an unknown layer.
 */
export async function activationSheet(
  model: TrainableModel,
  picture: Picture,
  options: ActivationSheetOptions = {},
): Promise<ActivationSheet> {
  const op = 'activationSheet';
  const { maxLayers = 24, maxMaps = 12, colormap } = options;
  checkCount(op, 'maxLayers', maxLayers);
  checkCount(op, 'maxMaps', maxMaps);
  const read = await readPicture(model, picture, options, op);
  const all = layersFor(model, read.input.shape);
  const speaking = all.filter(({ className, isModel }) => !isModel && !SILENT.test(className));
  const chosen = options.layers?.map((name) => findLayer(all, name, op)) ?? evenly(speaking, maxLayers);
  const found = await activationsOf(model, read, chosen, options);
  const colours = colormap === undefined ? {} : { colormap };
  const isColour = read.shown.shape[2] === 3;
  const [height, width] = read.shown.shape as [number, number];
  const rows: SheetRow[] = [
    {
      title: `${model.name}  the picture, ${read.input.shape.join('x')}`,
      figure: image(read.shown, {
        ...(isColour ? {} : { colormap: 'gray', vmin: 0, vmax: 255 }),
        scale: Math.max(1, Math.round(112 / Math.max(height, width))),
      }),
    },
  ];
  const names = await labelsOf(model, options);
  chosen.forEach((layer, i) => {
    const activation = found[i] as FloatArray;
    const title = `${layer.path}  ${layer.className} ${activation.shape.join('x')}`;
    const isLast = layer === speaking.at(-1) && activation.shape.length === 1;
    const figure = isLast
      ? classBars(activation.data, names)
      : activation.shape.length === 3
        ? loudest(activation, maxMaps, colours)
        : strip(activation.data, colours);
    rows.push({ title, figure });
  });
  const layers = chosen.map(({ path }, i) => ({ layer: path, activation: found[i] as FloatArray }));
  return { layers, figure: stacked(rows, `What the layers of ${model.name} make of a picture`) };
}

function evenly<T>(list: readonly T[], most: number): T[] {
  if (list.length <= most) return [...list];
  const step = most === 1 ? 0 : (list.length - 1) / (most - 1);
  return Array.from({ length: most }, (_, i) => list[Math.round(i * step)] as T);
}

/** The maps that reach highest above their own mean, in the order of their channels. */
function loudest(activation: HostArray, most: number, colours: { colormap?: Colormap }): Figure {
  const tiles = channelTiles(activation);
  const reach = ({ data }: ImageArray): number => {
    let [top, total] = [Number.NEGATIVE_INFINITY, 0];
    for (let i = 0; i < data.length; i++) {
      top = Math.max(top, data[i] as number);
      total += data[i] as number;
    }
    return data.length === 1 ? top : top - total / data.length;
  };
  const order = tiles.map((tile, channel) => ({ tile, channel, reach: reach(tile) }));
  const kept = order.sort((a, b) => b.reach - a.reach).slice(0, most);
  kept.sort((a, b) => a.channel - b.channel);
  return grid(
    kept.map(({ tile }) => tile),
    {
      ...colours,
      ...tileScale(activation.shape, TILE),
      columns: most,
      labels: kept.map(({ channel }) => String(channel)),
    },
  );
}

/** Up to ten classes as lying bars, the most likely first where there are more. */
function classBars(data: ArrayLike<number>, names: readonly string[]): Figure {
  const all = Array.from(data, (value, i) => ({ value, label: names[i] ?? String(i) }));
  const kept = all.length <= 10 ? all : all.sort((a, b) => b.value - a.value).slice(0, 10);
  return bars(
    // A share of a millionth is none to the eye.
    kept.map(({ value }) => Math.round(1e4 * value) / 1e4),
    { labels: kept.map(({ label }) => label), direction: 'horizontal', width: 420 },
  );
}
