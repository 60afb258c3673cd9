// Resampling of bytes, each output place from its taps: two neighbours with a fraction, or a filter in 22 bits of fraction as
// Pillow has it. Reads pixels wherever they lie; may put each level through a table on the way out.
/** Bytes of a picture inside an array: pixels `step` and rows `rowStep` bytes apart, either of which may run backwards. */
export interface Pixels {
  readonly data: Uint8Array | Uint8ClampedArray;
  readonly at: number;
  readonly step: number;
  readonly rowStep: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** What the places of an axis read. */
export interface AxisTaps {
  readonly count: number;
  /** For two neighbours: the first place, the second place. For filters the first place. */
  readonly first: Int32Array;
  readonly second: Int32Array;
  /** The second neighbour's share; empty for filters. */
  readonly fraction: Float64Array;
  /** For filters `used` weights of `stride` a place; empty for neighbours. */
  readonly used: Int32Array;
  readonly stride: number;
  readonly weights: Int32Array;
}

/** What rows and columns read, and which of them a filter goes through first: bytes are rounded between. */
export interface ResamplePlan {
  readonly rows: AxisTaps;
  readonly columns: AxisTaps;
  readonly isRowsFirst: boolean;
}

/** Pixels that fill an array `[height, width, channels]`. */
export function wholePixels(data: Uint8Array, [height, width, channels]: readonly [number, number, number]): Pixels {
  return { data, at: 0, step: channels, rowStep: width * channels, height, width, channels };
}

/** The places `first` to `first + count` of an axis. */
export function partOfTaps(taps: AxisTaps, first: number, count: number): AxisTaps {
  if (first === 0 && count === taps.count) return taps;
  const { stride } = taps;
  return {
    count,
    first: taps.first.subarray(first, first + count),
    second: taps.second.subarray(first, first + count),
    fraction: taps.fraction.subarray(first, first + count),
    used: taps.used.subarray(first, first + count),
    stride,
    weights: taps.weights.subarray(first * stride, (first + count) * stride),
  };
}

/** An axis read from its end. */
export function reversedTaps({ count, first, second, fraction, used, stride, weights }: AxisTaps): AxisTaps {
  const turned = new Int32Array(weights.length);
  for (let i = 0; i < count && stride > 0; i++) {
    turned.set(weights.subarray(i * stride, (i + 1) * stride), (count - 1 - i) * stride);
  }
  return {
    count,
    first: first.slice().reverse(),
    second: second.slice().reverse(),
    fraction: fraction.slice().reverse(),
    used: used.slice().reverse(),
    stride,
    weights: turned,
  };
}

/** Resamples into `out` from `offset` on, `[rows.count, columns.count, channels]`; `table` has 256 values a channel. */
export function resample(
  from: Pixels,
  plan: ResamplePlan,
  out: Uint8Array | Float32Array,
  offset: number,
  table?: Float32Array,
): void {
  if (plan.rows.stride > 0) resampleFilter(from, plan, out, offset, table);
  else resampleLinear(from, plan, out, offset, table);
}

function resampleLinear(
  from: Pixels,
  { rows, columns }: ResamplePlan,
  out: Uint8Array | Float32Array,
  offset: number,
  table: Float32Array | undefined,
): void {
  const size = columns.count * from.channels;
  // The two source rows in use, resampled across.
  const lines = [new Float64Array(size), new Float64Array(size)] as const;
  const held = [-1, -1];
  const line = (y: number, keep: number): number => {
    if (held[0] === y) return 0;
    if (held[1] === y) return 1;
    const slot = keep === 0 ? 1 : 0;
    lerpLine(from, y, columns, lines[slot] as Float64Array);
    held[slot] = y;
    return slot;
  };
  for (let y = 0; y < rows.count; y++) {
    const below = rows.second[y] as number;
    const top = line(rows.first[y] as number, held[0] === below ? 0 : held[1] === below ? 1 : -1);
    const bottom = line(below, top);
    const fraction = rows.fraction[y] as number;
    const [a, b] = [lines[top] as Float64Array, lines[bottom] as Float64Array];
    const to = offset + y * size;
    if (table !== undefined) blendByTable(a, b, fraction, out as Float32Array, to, table, from.channels);
    else blend(a, b, fraction, out as Uint8Array, to);
  }
}

function lerpLine({ data, at, step, rowStep, channels }: Pixels, y: number, taps: AxisTaps, to: Float64Array): void {
  const { count, first, second, fraction } = taps;
  const row = at + y * rowStep;
  if (channels === 3) {
    for (let x = 0, o = 0; x < count; x++, o += 3) {
      const i = row + (first[x] as number) * step;
      const k = row + (second[x] as number) * step;
      const f = fraction[x] as number;
      const r = data[i] as number;
      const g = data[i + 1] as number;
      const b = data[i + 2] as number;
      to[o] = r + ((data[k] as number) - r) * f;
      to[o + 1] = g + ((data[k + 1] as number) - g) * f;
      to[o + 2] = b + ((data[k + 2] as number) - b) * f;
    }
    return;
  }
  for (let x = 0, o = 0; x < count; x++) {
    const i = row + (first[x] as number) * step;
    const k = row + (second[x] as number) * step;
    const f = fraction[x] as number;
    for (let c = 0; c < channels; c++) {
      const a = data[i + c] as number;
      to[o++] = a + ((data[k + c] as number) - a) * f;
    }
  }
}

// Never negative, so cutting off is rounding down.
function blend(a: Float64Array, b: Float64Array, fraction: number, out: Uint8Array, at: number): void {
  for (let i = 0; i < a.length; i++) {
    const above = a[i] as number;
    out[at + i] = (above + ((b[i] as number) - above) * fraction + 0.5) | 0;
  }
}

function blendByTable(
  a: Float64Array,
  b: Float64Array,
  fraction: number,
  out: Float32Array,
  at: number,
  table: Float32Array,
  channels: number,
): void {
  if (channels === 3) {
    for (let i = 0; i < a.length; i += 3) {
      const r = a[i] as number;
      const g = a[i + 1] as number;
      const blue = a[i + 2] as number;
      out[at + i] = table[(r + ((b[i] as number) - r) * fraction + 0.5) | 0] as number;
      out[at + i + 1] = table[256 + ((g + ((b[i + 1] as number) - g) * fraction + 0.5) | 0)] as number;
      out[at + i + 2] = table[512 + ((blue + ((b[i + 2] as number) - blue) * fraction + 0.5) | 0)] as number;
    }
    return;
  }
  for (let i = 0; i < a.length; i++) {
    const above = a[i] as number;
    const level = (above + ((b[i] as number) - above) * fraction + 0.5) | 0;
    out[at + i] = table[256 * (i % channels) + level] as number;
  }
}

function resampleFilter(
  from: Pixels,
  { rows, columns, isRowsFirst }: ResamplePlan,
  out: Uint8Array | Float32Array,
  offset: number,
  table: Float32Array | undefined,
): void {
  const { channels, width, height } = from;
  const size = columns.count * channels;
  const line = new Uint8Array(size);
  const finish = (y: number): void => {
    const to = offset + y * size;
    if (table === undefined) out.set(line, to);
    else for (let i = 0; i < size; i++) out[to + i] = table[256 * (i % channels) + (line[i] as number)] as number;
  };
  if (isRowsFirst) {
    const row = new Uint8Array(width * channels);
    const whole = copyOfPixels(from);
    const narrow = wholePixels(row, [1, width, channels]);
    for (let y = 0; y < rows.count; y++) {
      const first = rows.first[y] as number;
      const taps = rows.used[y] as number;
      filterDown(whole, first * row.length, row.length, rows.weights, y * rows.stride, taps, row);
      filterLine(narrow, 0, columns, line, 0);
      finish(y);
    }
    return;
  }
  // Only the source rows that are read.
  let [low, high] = [height, 0];
  for (const [y, first] of rows.first.entries()) {
    low = Math.min(low, first);
    high = Math.max(high, first + (rows.used[y] as number));
  }
  const across = new Uint8Array(Math.max(0, high - low) * size);
  for (let y = low; y < high; y++) filterLine(from, y, columns, across, (y - low) * size);
  for (let y = 0; y < rows.count; y++) {
    const first = rows.first[y] as number;
    const taps = rows.used[y] as number;
    filterDown(across, (first - low) * size, size, rows.weights, y * rows.stride, taps, line);
    finish(y);
  }
}

/** The pixels without what lies between them. */
function copyOfPixels(pixels: Pixels): Uint8Array {
  const out = new Uint8Array(pixels.height * pixels.width * pixels.channels);
  copyPixels(pixels, out, 0);
  return out;
}

/** Writes pixels as `[height, width, channels]`. */
export function copyPixels(
  { data, at, step, rowStep, height, width, channels }: Pixels,
  out: Uint8Array,
  offset: number,
): void {
  for (let y = 0, o = offset; y < height; y++) {
    const row = at + y * rowStep;
    if (step === channels) {
      out.set(data.subarray(row, row + width * channels), o);
      o += width * channels;
      continue;
    }
    for (let x = 0, i = row; x < width; x++, i += step) {
      for (let c = 0; c < channels; c++) out[o++] = data[i + c] as number;
    }
  }
}

const HALF = 1 << 21;

function level(sum: number): number {
  const value = sum >> 22;
  if (value < 0) return 0;
  return Math.min(value, 255);
}

function filterLine(from: Pixels, y: number, taps: AxisTaps, to: Uint8Array, start: number): void {
  const { data, at, step, rowStep, channels } = from;
  const { count, first, stride, weights } = taps;
  const row = at + y * rowStep;
  let o = start;
  for (let x = 0; x < count; x++) {
    const place = first[x] as number;
    const used = taps.used[x] as number;
    const w = x * stride;
    if (channels === 3) {
      let r = HALF;
      let g = HALF;
      let b = HALF;
      for (let k = 0, i = row + place * step; k < used; k++, i += step) {
        const weight = weights[w + k] as number;
        r = (r + Math.imul(data[i] as number, weight)) | 0;
        g = (g + Math.imul(data[i + 1] as number, weight)) | 0;
        b = (b + Math.imul(data[i + 2] as number, weight)) | 0;
      }
      to[o] = level(r);
      to[o + 1] = level(g);
      to[o + 2] = level(b);
      o += 3;
      continue;
    }
    for (let c = 0; c < channels; c++) {
      let sum = HALF;
      for (let k = 0; k < used; k++) {
        sum = (sum + Math.imul(data[row + (place + k) * step + c] as number, weights[w + k] as number)) | 0;
      }
      to[o++] = level(sum);
    }
  }
}

function filterDown(
  across: Uint8Array,
  first: number,
  size: number,
  weights: Int32Array,
  w: number,
  taps: number,
  to: Uint8Array,
): void {
  const [w0, w1, w2] = [weights[w] ?? 0, weights[w + 1] ?? 0, weights[w + 2] ?? 0];
  if (taps === 2) {
    for (let i = 0, a = first, b = first + size; i < size; i++, a++, b++) {
      to[i] = level((HALF + Math.imul(across[a] as number, w0) + Math.imul(across[b] as number, w1)) | 0);
    }
    return;
  }
  if (taps === 3) {
    for (let i = 0, a = first, b = first + size, c = b + size; i < size; i++, a++, b++, c++) {
      const sum = (HALF + Math.imul(across[a] as number, w0) + Math.imul(across[b] as number, w1)) | 0;
      to[i] = level((sum + Math.imul(across[c] as number, w2)) | 0);
    }
    return;
  }
  for (let i = 0; i < size; i++) {
    let sum = HALF;
    for (let k = 0; k < taps; k++) {
      sum = (sum + Math.imul(across[first + k * size + i] as number, weights[w + k] as number)) | 0;
    }
    to[i] = level(sum);
  }
}
