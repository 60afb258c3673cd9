// The filters of a convolution as pictures: in colour where they see colours, else one tile for each pair of channels.
import { FoveaError } from '../../core/errors.js';
import { nearestName } from '../../nn/keras-config.js';
import type { Layer } from '../../nn/layer.js';
import type { TrainableModel } from '../../nn/model.js';
import type { Colormap } from '../../plot/colormaps.js';
import type { Figure } from '../../plot/figure.js';
import { filterTiles, grid } from '../../plot/image.js';
import type { ImageArray } from '../../plot/pixels.js';
import { checkCount, type FloatArray, floats } from './maps.js';

/** See `filters`. */
export interface FilterOptions {
  /** A convolution by its name; default the first. */
  layer?: string;
  /** Filters at most; default 64, 16 where each is a row of channels. */
  maxFilters?: number;
  /** Channels of each filter at most, where it does not see colours; default 16. */
  maxChannels?: number;
  /** Of filters that do not see colours; default `RdBu_r`: white is 0, red above, blue below. */
  colormap?: Colormap;
  /** Filters in a row, where each is one tile. */
  columns?: number;
}

/** What `filters` gives. */
export interface FilterPictures {
  readonly layer: string;
  /** The weights, [height, width, channels in, channels out]. */
  readonly weights: FloatArray;
  /** One for each filter in colour or of one channel; else rows of filters, columns of channels in. */
  readonly tiles: readonly ImageArray[];
  readonly figure: Figure;
}

/** Whether a layer's first weight is a stack of filters of rank 4. */
const filtersOf = (layer: Layer): readonly number[] | undefined => {
  const shape = layer.ownWeights[0]?.shape;
  return shape?.length === 4 && /conv/i.test(layer.className) ? shape : undefined;
};

function convolutions(layer: Layer): Layer[] {
  const inner = layer.sublayers.flatMap(convolutions);
  return filtersOf(layer) === undefined ? inner : [layer, ...inner];
}

/**
 * The filters of a convolution: each as one tile where it sees three channels (in colour, its own range) or one, else a row of its channels
 * in, all in one range about 0. Throws `argument` for a layer without filters.
 */
export async function filters(model: TrainableModel, options: FilterOptions = {}): Promise<FilterPictures> {
  const { maxChannels = 16, colormap = 'RdBu_r' } = options;
  checkCount('filters', 'maxFilters', options.maxFilters ?? 1);
  checkCount('filters', 'maxChannels', maxChannels);
  const all = [...new Set(convolutions(model))];
  const layer = options.layer === undefined ? all[0] : all.find(({ name }) => name === options.layer);
  if (layer === undefined) throw noFilters(model, options.layer, all);
  const values = (await layer.ownWeights[0]?.tensor.data()) as Float32Array;
  const weights = floats(values, filtersOf(layer) as number[]);
  const [height, width, given, made] = weights.shape as [number, number, number, number];
  // A depthwise convolution has a filter for each of its channels.
  const isDepthwise = /depthwise|separable/i.test(layer.className);
  // A transposed one has its channels in last.
  const isTransposed = /transpose/i.test(layer.className);
  const [inputs, outputs] = isDepthwise ? [1, given * made] : isTransposed ? [made, given] : [given, made];
  const isSingle = inputs === 1 || (inputs === 3 && !isTransposed);
  const count = Math.min(outputs, options.maxFilters ?? (isSingle ? 64 : 16));
  if (inputs === 3 && isSingle) {
    const tiles = filterTiles(weights).slice(0, count);
    return {
      layer: layer.name,
      weights,
      tiles,
      figure: grid(tiles, options.columns === undefined ? {} : { columns: options.columns }),
    };
  }
  const channels = Math.min(inputs, maxChannels);
  const at = (pixel: number, i: number, o: number): number =>
    values[isTransposed ? (pixel * outputs + o) * inputs + i : (pixel * inputs + i) * outputs + o] as number;
  const tiles = Array.from({ length: count * channels }, (_, tile): ImageArray => {
    const [o, i] = [Math.floor(tile / channels), tile % channels];
    return {
      data: Float32Array.from({ length: height * width }, (_, pixel) => at(pixel, i, o)),
      shape: [height, width],
    };
  });
  let most = 0;
  for (const { data } of tiles) for (const value of Array.from(data)) most = Math.max(most, Math.abs(value));
  const columns = channels > 1 ? channels : (options.columns ?? Math.ceil(Math.sqrt(count)));
  const figure = grid(tiles, {
    columns,
    colormap,
    vmin: -most || -1,
    vmax: most || 1,
    gap: channels > 1 ? 2 : 4,
    scale: scaleFor(width, channels),
  });
  return { layer: layer.name, weights, tiles, figure };
}

/** CSS pixels for one weight, so that a sheet of many channels stays of a page's width. */
function scaleFor(width: number, channels: number): number {
  const wanted = channels > 1 ? Math.min(48, Math.floor(800 / channels)) : 56;
  return Math.max(1, Math.round(wanted / width));
}

function noFilters(model: TrainableModel, wanted: string | undefined, all: readonly Layer[]): FoveaError {
  const names = all.map(({ name }) => name);
  const near = wanted === undefined ? undefined : nearestName(wanted, names);
  return new FoveaError({
    code: 'argument',
    op: 'filters',
    message:
      wanted === undefined
        ? `model "${model.name}" has no convolution.`
        : `"${wanted}" is no convolution of model "${model.name}"${near === undefined ? '.' : `; did you mean "${near}"?`}`,
    got: wanted,
    want: names,
    hint:
      names.length === 0 ? 'Build the model first, or look at its activations.' : `Take one of ${names.join(', ')}.`,
  });
}
