// What a model knows of the pictures it takes and of the classes it tells apart: plain data on `model.metadata`, which
// travels in `.keras` files. ./classify.ts prepares pictures by it.
import { FoveaError } from '../core/errors.js';
import { formatShape, type Shape } from '../core/shape.js';
import type { HostArray } from '../data/host-array.js';
import { Standardizer, scale } from '../data/prepare.js';
import type { ResizeMethod } from '../data/resize.js';
import type { Fit } from '../data/steps.js';
import { type PreprocessMode, preprocessInput } from '../vision/preprocess.js';

/**
 * How pixels 0..255 become a model's numbers. `none`: as they are. `tf`, `torch` and `caffe` as `vision.ops.preprocessInput`.
 * `scale`: `x * factor + offset`. `standardize`: `(x - mean) / std`, a mean and deviation per channel or per pixel.
 */
export type PixelMode = PreprocessMode | 'none' | 'scale' | 'standardize';

/** How a picture becomes what a model was trained on. */
export interface PicturePreprocessing {
  readonly mode: PixelMode;
  /** In pixels. */
  readonly size: readonly [height: number, width: number];
  /** Default 3. */
  readonly channels?: 1 | 3;
  /** The order in which the model wants its colours; default `bgr` with mode `caffe`, else `rgb`. */
  readonly channelOrder?: 'rgb' | 'bgr';
  /** How a picture of another aspect ratio becomes `size`: stretched (default), its middle, or whole with borders. */
  readonly fit?: Fit;
  /** The part of height and width that is kept of the fitted picture, from its middle: 0.875 is 224 of 256. Default 1. */
  readonly kept?: number;
  /** Default `bilinear`, which does not smooth; see `ResizeMethod`. */
  readonly resize?: ResizeMethod;
  /** Of mode `scale`; default 1 and 0. */
  readonly factor?: number;
  readonly offset?: number;
  /** Of mode `standardize`, in units of 0..255: one number for each channel, or for each value of a picture of `size`. */
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
}

/** What is saved with a model. Other entries are kept too. */
export interface ModelMetadata {
  readonly preprocessing?: PicturePreprocessing;
  /** The names of the classes in the order of the outputs; `imagenet` stands for ImageNet's thousand. */
  readonly labels?: readonly string[] | 'imagenet';
  readonly [entry: string]: unknown;
}

const MODES: readonly PixelMode[] = ['none', 'tf', 'torch', 'caffe', 'scale', 'standardize'];
const FITS: readonly Fit[] = ['stretch', 'crop', 'pad'];
const METHODS: readonly ResizeMethod[] = [
  'bilinear',
  'nearest',
  'area',
  'bilinear-antialias',
  'hamming',
  'bicubic',
  'lanczos',
];

/** The record, checked: it may come from a file. Throws `argument` naming the entry that is missing or wrong. */
export function checkPreprocessing(value: unknown, model: string, op: string): PicturePreprocessing {
  if (typeof value !== 'object' || value === null) {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `model "${model}" does not say how its pictures are prepared.`,
      got: value,
      hint: "Set model.metadata = { preprocessing: { mode: 'tf', size: [224, 224] }, labels: [...] }; zoo.create does.",
    });
  }
  const given = value as PicturePreprocessing;
  const refuse = (entry: keyof PicturePreprocessing, want: string): never => {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `preprocessing.${entry} of model "${model}" must be ${want}; got ${JSON.stringify(given[entry])}.`,
      got: given[entry],
      want,
      hint: `Set it in model.metadata.preprocessing.`,
    });
  };
  const words = (list: readonly string[]): string => list.map((word) => `'${word}'`).join(', ');
  const isNumbers = (list: unknown, isPositive: boolean): list is number[] =>
    Array.isArray(list) && list.every((each) => Number.isFinite(each) && (!isPositive || each > 0));
  const { size, channels = 3, fit = 'stretch', kept = 1, resize = 'bilinear', channelOrder = 'rgb' } = given;
  if (!MODES.includes(given.mode)) refuse('mode', `one of ${words(MODES)}`);
  const isSize = Array.isArray(size) && size.length === 2 && size.every((each) => Number.isInteger(each) && each > 0);
  if (!isSize) refuse('size', '[height, width] in whole pixels');
  if (channels !== 1 && channels !== 3) refuse('channels', '1 or 3');
  if (channelOrder !== 'rgb' && channelOrder !== 'bgr') refuse('channelOrder', "'rgb' or 'bgr'");
  if (!FITS.includes(fit)) refuse('fit', `one of ${words(FITS)}`);
  if (!(kept > 0 && kept <= 1)) refuse('kept', 'above 0 and at most 1');
  if (!METHODS.includes(resize)) refuse('resize', `one of ${words(METHODS)}`);
  if (given.mode === 'scale') {
    if (!Number.isFinite(given.factor ?? 1)) refuse('factor', 'a number');
    if (!Number.isFinite(given.offset ?? 0)) refuse('offset', 'a number');
  }
  if (given.mode === 'standardize') {
    const counts = [channels, size[0] * size[1] * channels];
    const want = `${counts[0]} or ${counts[1]} numbers`;
    if (!isNumbers(given.mean, false) || !counts.includes(given.mean.length)) refuse('mean', want);
    if (!isNumbers(given.std, true) || given.std.length !== given.mean?.length) refuse('std', `${want} above 0`);
  }
  if ((given.mode === 'torch' || given.mode === 'caffe') && channels !== 3) refuse('channels', '3');
  return given;
}

/** Pixels `[n, height, width, channels]` from 0 to 255, RGB, as the model wants them: float32. Throws `shape`. */
export function scalePixels(preprocessing: PicturePreprocessing, x: HostArray): HostArray {
  const { mode, channels = 3, mean = [] } = preprocessing;
  if (x.shape.length !== 4 || x.shape[3] !== channels) {
    throw new FoveaError({
      code: 'shape',
      op: 'preprocess',
      message: `pictures must be [n,height,width,${channels}]; got ${formatShape(x.shape)}.`,
      got: x.shape,
    });
  }
  const isPerPixel = mode === 'standardize' && mean.length !== channels;
  return x.data instanceof Uint8Array && !isPerPixel
    ? throughTables(preprocessing, x.data, x.shape)
    : scaleNumbers(preprocessing, x);
}

const isBlueFirst = ({ mode, channels = 3, channelOrder }: PicturePreprocessing): boolean =>
  channels === 3 && (channelOrder ?? (mode === 'caffe' ? 'bgr' : 'rgb')) === 'bgr';

/** Bytes by a table of 256 values for each channel, many times faster than a formula. */
function throughTables(preprocessing: PicturePreprocessing, bytes: Uint8Array, shape: Shape): HostArray {
  const { channels = 3 } = preprocessing;
  const levels = Float32Array.from({ length: 256 * channels }, (_, i) => Math.floor(i / channels));
  const tables = scaleNumbers(preprocessing, { data: levels, shape: [1, 1, 256, channels], dtype: 'float32' }).data;
  const isTurned = isBlueFirst(preprocessing);
  const out = new Float32Array(bytes.length);
  for (let channel = 0; channel < channels; channel++) {
    const table = Float32Array.from({ length: 256 }, (_, level) => tables[level * channels + channel] as number);
    const source = isTurned ? channels - 1 - channel : channel;
    for (let i = 0; i < bytes.length; i += channels) out[i + channel] = table[bytes[i + source] as number] as number;
  }
  return { data: out, shape, dtype: 'float32' };
}

function scaleNumbers(preprocessing: PicturePreprocessing, x: HostArray): HostArray {
  const { mode, channels = 3, factor, offset, mean = [], std = [], size } = preprocessing;
  // Keras's caffe mode turns the colours itself.
  const from = channels === 3 && isBlueFirst(preprocessing) !== (mode === 'caffe') ? turnColours(x) : x;
  if (mode === 'none') return { ...from, data: new Float32Array(from.data), dtype: 'float32' };
  if (mode === 'scale') return scale(from, factor ?? 1, offset ?? 0);
  if (mode !== 'standardize') return { ...preprocessInput(from, { mode }), dtype: 'float32' };
  const shape = mean.length === channels ? [channels] : [...size, channels];
  const statistics = (values: readonly number[]): HostArray => ({
    data: Float32Array.from(values),
    shape,
    dtype: 'float32',
  });
  return Standardizer.from(statistics(mean), statistics(std)).apply(from);
}

/** The colours of every pixel from the last to the first. */
function turnColours(x: HostArray): HostArray {
  const data = x.data.slice();
  for (let i = 0; i < data.length; i += 3) {
    data[i] = x.data[i + 2] as number;
    data[i + 2] = x.data[i] as number;
  }
  return { ...x, data };
}

/** The labels as a list of `count` names, or undefined where the model gives none. Throws `argument` for another number. */
export function checkLabels(labels: unknown, count: number, model: string, op: string): readonly string[] | undefined {
  if (labels === undefined || labels === null) return undefined;
  const isList = Array.isArray(labels) && labels.every((each) => typeof each === 'string');
  if (isList && labels.length === count) return labels;
  throw new FoveaError({
    code: 'argument',
    op,
    message: isList
      ? `model "${model}" has ${count} classes but ${labels.length} labels.`
      : `the labels of model "${model}" must be a list of names.`,
    got: isList ? labels.length : labels,
    want: count,
    hint: 'Set model.metadata.labels, or pass labels.',
  });
}
