// Which input pixels an output pixel is made of when a side of a picture changes its length, and with what weights. Two
// families: Keras's (TensorFlow's tf.image.resize), and Pillow's, whose filters always widen when shrinking. Numbers alone:
// ./image.ts and ../vision/resize.ts make matrices of them, ../data/resize.ts loops.

/** How Keras resizes. */
export type KerasInterpolation = 'nearest' | 'bilinear' | 'bicubic' | 'lanczos3' | 'lanczos5' | 'area';
/** How Pillow resizes. */
export type PilInterpolation =
  | 'nearest'
  | 'box'
  | 'bilinear'
  | 'hamming'
  | 'bicubic'
  | 'lanczos'
  | 'mks2013'
  | 'mks2021';

export const KERAS_INTERPOLATIONS: readonly KerasInterpolation[] = [
  'nearest',
  'bilinear',
  'bicubic',
  'lanczos3',
  'lanczos5',
  'area',
];
export const PIL_INTERPOLATIONS: readonly PilInterpolation[] = [
  'nearest',
  'box',
  'bilinear',
  'hamming',
  'bicubic',
  'lanczos',
  'mks2013',
  'mks2021',
];

/** What each output place reads: `count` weights for the inputs from `first` on, at `stride` times its number. */
export interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Float64Array;
  readonly stride: number;
}

interface Filter {
  readonly support: number;
  weight(x: number): number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const lanczos = (radius: number): Filter => ({
  support: radius,
  weight: (x) => (x >= -radius && x < radius ? sinc(x) * sinc(x / radius) : 0),
});
const TRIANGLE: Filter = { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) };
// Keys, "Cubic convolution interpolation for digital image processing", with a = -0.5.
const CUBIC: Filter = { support: 2, weight: (x) => cubic(Math.abs(x)) };

function cubic(x: number): number {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

const PIL_FILTERS: Readonly<Record<Exclude<PilInterpolation, 'nearest'>, Filter>> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: TRIANGLE,
  hamming: {
    support: 1,
    weight: (x) => (Math.abs(x) < 1 ? sinc(x) * (0.54 + 0.46 * Math.cos(Math.PI * x)) : 0),
  },
  bicubic: CUBIC,
  lanczos: lanczos(3),
  mks2013: { support: 2.5, weight: (x) => magic2013(Math.abs(x)) },
  mks2021: { support: 4.5, weight: (x) => magic2021(Math.abs(x)) },
};

// Costella's Magic Kernel Sharp of 2013 and 2021 (johncostella.com/magic).
function magic2013(x: number): number {
  if (x < 0.5) return 17 / 16 - 1.75 * x * x;
  if (x < 1.5) return (x - 1) * (x - 1.75);
  return x < 2.5 ? -0.125 * (x - 2.5) ** 2 : 0;
}

function magic2021(x: number): number {
  if (x < 0.5) return 577 / 576 - (239 / 144) * x * x;
  if (x < 1.5) return (35 / 36) * (x - 1) * (x - 239 / 140);
  if (x < 2.5) return ((x - 2) * (65 / 24 - x)) / 6;
  if (x < 3.5) return ((x - 3) * (x - 15 / 4)) / 36;
  return x < 4.5 ? -((x - 4.5) ** 2) / 288 : 0;
}

function emptyTaps(to: number, stride: number): Taps {
  return { first: new Int32Array(to), count: new Int32Array(to), weights: new Float64Array(stride * to), stride };
}

/** The input that each output copies. Keras computes the place in float32; Pillow adds up steps, and their rounding. */
export function nearestPlaces(like: 'keras' | 'pil', from: number, to: number): Int32Array {
  const { fround } = Math;
  const places = new Int32Array(to);
  let stepped = (from / to) * 0.5;
  for (let i = 0; i < to; i++) {
    const place = like === 'keras' ? fround(fround(i + 0.5) * fround(from / to)) : stepped;
    places[i] = Math.min(from - 1, Math.floor(place));
    stepped += from / to;
  }
  return places;
}

/** Whether Pillow 13 makes the rows before the columns: bytes are rounded between. Found by trying, on 360 shapes. */
export function pilMakesRowsFirst(
  [height, width]: readonly [number, number],
  [toHeight, toWidth]: readonly [number, number],
): boolean {
  return toHeight < height && 2 * (width - toWidth) < height - toHeight;
}

/** Pillow's taps: when shrinking, the filter is stretched over all input pixels that an output pixel covers. */
export function pilTaps(method: Exclude<PilInterpolation, 'nearest'>, from: number, to: number): Taps {
  const filter = PIL_FILTERS[method];
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const support = filter.support * stretch;
  const taps = emptyTaps(to, Math.ceil(support) * 2 + 1);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(from, Math.trunc(centre + support + 0.5));
    setTaps(taps, i, first, end, (k) => filter.weight((k - centre + 0.5) / stretch));
  }
  return taps;
}

/** Keras's taps; `antialias` stretches bilinear, bicubic and lanczos filters when shrinking. */
export function kerasTaps(
  method: Exclude<KerasInterpolation, 'nearest'>,
  from: number,
  to: number,
  antialias = false,
): Taps {
  if (method === 'area') return areaTaps(from, to);
  if (method === 'lanczos3') return translatedTaps(lanczos(3), from, to, antialias);
  if (method === 'lanczos5') return translatedTaps(lanczos(5), from, to, antialias);
  if (antialias) return translatedTaps(method === 'bilinear' ? TRIANGLE : CUBIC, from, to, true);
  return method === 'bilinear' ? bilinearTaps(from, to) : bicubicTaps(from, to);
}

/** Weights of the inputs first..end-1, brought to the sum 1. */
function setTaps(taps: Taps, place: number, first: number, end: number, weightOf: (input: number) => number): void {
  const at = place * taps.stride;
  let sum = 0;
  for (let k = first; k < end; k++) {
    const weight = weightOf(k);
    taps.weights[at + k - first] = weight;
    sum += weight;
  }
  for (let k = at; k < at + end - first && sum !== 0; k++) taps.weights[k] = (taps.weights[k] as number) / sum;
  taps.first[place] = first;
  taps.count[place] = end - first;
}

function bilinearTaps(from: number, to: number): Taps {
  const taps = emptyTaps(to, 2);
  for (let i = 0; i < to; i++) {
    const centre = ((i + 0.5) * from) / to - 0.5;
    const low = Math.floor(centre);
    const fraction = centre - low;
    // Beyond the border the border's pixel counts.
    const first = Math.max(0, Math.min(from - 1, low));
    const second = Math.max(0, Math.min(from - 1, low + 1));
    const isOne = second === first;
    setTaps(taps, i, first, second + 1, (k) => (isOne ? 1 : k === first ? 1 - fraction : fraction));
  }
  return taps;
}

/** TensorFlow rounds the fraction of the position to 1/1024, ties to even, and drops taps outside the picture. */
function bicubicTaps(from: number, to: number): Taps {
  const { fround } = Math;
  const scale = fround(from / to);
  const taps = emptyTaps(to, 4);
  for (let i = 0; i < to; i++) {
    const centre = fround(fround(fround(i + 0.5) * scale) - 0.5);
    const low = Math.floor(centre);
    const fraction = roundToEven((centre - low) * 1024) / 1024;
    const first = Math.max(0, low - 1);
    const end = Math.min(from, low + 3);
    setTaps(taps, i, first, end, (k) => cubic(Math.abs(k - low - fraction)));
  }
  return taps;
}

function roundToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

function translatedTaps({ support, weight }: Filter, from: number, to: number, antialias: boolean): Taps {
  const scale = from / to;
  const stretch = antialias ? Math.max(1, scale) : 1;
  const radius = support * stretch;
  const taps = emptyTaps(to, Math.ceil(radius) * 2 + 1);
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.min(from - 1, Math.ceil(centre - radius - 0.5)));
    const last = Math.max(0, Math.min(from - 1, Math.floor(centre + radius - 0.5)));
    setTaps(taps, i, first, last + 1, (k) => weight(Math.abs(k + 0.5 - centre) / stretch));
  }
  return taps;
}

/** The mean of what an output pixel covers of the input, in parts of pixels. */
function areaTaps(from: number, to: number): Taps {
  const { fround } = Math;
  const scale = fround(from / to);
  const taps = emptyTaps(to, Math.ceil(scale) + 2);
  for (let i = 0; i < to; i++) {
    const start = fround(i * scale);
    const stop = fround((i + 1) * scale);
    const first = Math.min(from - 1, Math.floor(start));
    const end = Math.max(first + 1, Math.min(from, Math.ceil(stop)));
    setTaps(taps, i, first, end, (k) => Math.min(k + 1, stop) - Math.max(k, start));
  }
  return taps;
}

/** Bits of fraction in Pillow's weights of bytes. */
const BYTE_FRACTION = 22;

/**
 * Taps as Pillow has them for bytes, whole numbers of 2^-22, in two parts whose sums over bytes float32 holds exactly: `high`
 * in units of 2^-11, `low` in units of 2^-22.
 */
export function byteParts(taps: Taps): { readonly high: Taps; readonly low: Taps } {
  const whole = taps.weights.map((weight) => {
    const scaled = weight * 2 ** BYTE_FRACTION;
    return Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  });
  const high = whole.map((weight) => Math.round(weight / 2 ** (BYTE_FRACTION / 2)));
  const low = whole.map((weight, i) => weight - (high[i] as number) * 2 ** (BYTE_FRACTION / 2));
  return { high: { ...taps, weights: high }, low: { ...taps, weights: low } };
}

/** Taps as a matrix [to,from], row by row. */
export function tapsMatrix({ first, count, weights, stride }: Taps, from: number): Float32Array {
  const matrix = new Float32Array(first.length * from);
  first.forEach((start, i) => {
    for (let k = 0; k < (count[i] as number); k++) matrix[i * from + start + k] = weights[i * stride + k] as number;
  });
  return matrix;
}
