// Darknet's layers in plain loops over [channels][rows][columns] in float64, written from what its documentation and format say:
// slow, without any of the library, to compare networks with.

export interface CMap {
  readonly c: number;
  readonly h: number;
  readonly w: number;
  readonly data: Float64Array;
}

export function makeMap(c: number, h: number, w: number, at: (c: number, y: number, x: number) => number): CMap {
  const data = new Float64Array(c * h * w);
  for (let i = 0; i < c; i++) {
    for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) data[(i * h + y) * w + x] = at(i, y, x);
  }
  return { c, h, w, data };
}

export const cell = ({ h, w, data }: CMap, c: number, y: number, x: number): number =>
  y < 0 || x < 0 || y >= h || x >= w ? 0 : (data[(c * h + y) * w + x] as number);

export const ACTIVATIONS: Readonly<Record<string, (x: number) => number>> = {
  linear: (x) => x,
  leaky: (x) => (x > 0 ? x : 0.1 * x),
  relu: (x) => Math.max(0, x),
  logistic: (x) => 1 / (1 + Math.exp(-x)),
  mish: (x) => x * Math.tanh(Math.log1p(Math.exp(x))),
  swish: (x) => x / (1 + Math.exp(-x)),
};

interface ConvNumbers {
  readonly filters: number;
  readonly size: number;
  readonly stride: number;
  readonly padding: number;
  readonly groups: number;
  readonly dilation?: number;
  readonly biases: ArrayLike<number>;
  readonly norm?: {
    readonly scales: ArrayLike<number>;
    readonly means: ArrayLike<number>;
    readonly variances: ArrayLike<number>;
  };
  /** [filters][channels / groups][size][size]. */
  readonly weights: ArrayLike<number>;
  readonly activation: string;
}

export function convolve(x: CMap, n: ConvNumbers): CMap {
  const { filters, size, stride, padding, groups, dilation = 1, norm } = n;
  const span = dilation * (size - 1) + 1;
  const over = (length: number): number => Math.floor((length + 2 * padding - span) / stride) + 1;
  const inGroup = x.c / groups;
  const activate = ACTIVATIONS[n.activation] as (x: number) => number;
  return makeMap(filters, over(x.h), over(x.w), (f, row, column) => {
    let sum = 0;
    const first = Math.floor(f / (filters / groups)) * inGroup;
    for (let c = 0; c < inGroup; c++) {
      for (let i = 0; i < size; i++) {
        for (let j = 0; j < size; j++) {
          const value = cell(
            x,
            first + c,
            row * stride - padding + i * dilation,
            column * stride - padding + j * dilation,
          );
          sum += value * (n.weights[((f * inGroup + c) * size + i) * size + j] as number);
        }
      }
    }
    if (norm !== undefined) {
      const [mean, variance, scale] = [norm.means[f], norm.variances[f], norm.scales[f]] as [number, number, number];
      sum = ((sum - mean) / Math.sqrt(variance + 1e-5)) * scale;
    }
    return activate(sum + (n.biases[f] as number));
  });
}

export function maxpool(x: CMap, size: number, stride: number, padding: number): CMap {
  const over = (length: number): number => Math.floor((length + padding - size) / stride) + 1;
  const before = Math.floor(padding / 2);
  return makeMap(x.c, over(x.h), over(x.w), (c, row, column) => {
    let most = -Infinity;
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        const [y, at] = [row * stride - before + i, column * stride - before + j];
        if (y >= 0 && at >= 0 && y < x.h && at < x.w) most = Math.max(most, cell(x, c, y, at));
      }
    }
    return most;
  });
}

/** The copy of memory that Darknet's [reorg] is: cells of a map of fewer channels, read where the result is written. */
export function reorg(x: CMap, stride: number): CMap {
  const { c, h, w } = x;
  const fewer = c / (stride * stride);
  const data = new Float64Array(x.data.length);
  for (let k = 0; k < c; k++) {
    for (let j = 0; j < h; j++) {
      for (let i = 0; i < w; i++) {
        const offset = Math.floor(k / fewer);
        const column = i * stride + (offset % stride);
        const row = j * stride + Math.floor(offset / stride);
        data[i + w * (j + h * k)] = x.data[column + w * stride * (row + h * stride * (k % fewer))] as number;
      }
    }
  }
  return { c: c * stride * stride, h: h / stride, w: w / stride, data };
}

export function join(maps: readonly CMap[]): CMap {
  const [{ h, w }] = maps as [CMap];
  const data = Float64Array.from(maps.flatMap((map) => [...map.data]));
  return { c: data.length / (h * w), h, w, data };
}
