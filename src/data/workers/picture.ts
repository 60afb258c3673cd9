// One picture on its way through the steps. Bytes stay where the decoder put them until the last step: cutting and mirroring
// change where reading begins and in which direction it goes, scaling is a table of 256 values, and a resize waits for what
// follows it. All is written once, into its place in the batch.
import { FoveaError } from '../../core/errors.js';
import { formatShape } from '../../core/shape.js';
import { type HostArray, type HostData, type HostDtype, makeHostData } from '../host-array.js';
import { type Channels, convertChannels } from '../images.js';
import {
  copyPixels,
  type Pixels,
  partOfTaps,
  type ResamplePlan,
  resample,
  reversedTaps,
  wholePixels,
} from '../resample.js';
import { planResize, type ResizeMethod, resizeImage } from '../resize.js';

/** Bytes, a resize that waits, and the levels' values. */
interface Bytes {
  readonly kind: 'bytes';
  readonly pixels: Pixels;
  readonly taps: ResamplePlan | undefined;
  readonly table: Float32Array | undefined;
}
type State = Bytes | { readonly kind: 'array'; readonly array: HostArray };

/** A picture `[height, width, channels]` that steps are applied to. */
export class Picture {
  private constructor(private state: State) {}

  /** A decoded picture. */
  static fromPixels(pixels: Pixels): Picture {
    return new Picture({ kind: 'bytes', pixels, taps: undefined, table: undefined });
  }

  static fromArray(array: HostArray): Picture {
    if (array.dtype !== 'uint8' || array.shape.length !== 3) return new Picture({ kind: 'array', array });
    return Picture.fromPixels(
      wholePixels(array.data as Uint8Array, array.shape as unknown as readonly [number, number, number]),
    );
  }

  get shape(): readonly number[] {
    if (this.state.kind === 'array') return this.state.array.shape;
    const { pixels, taps } = this.state;
    if (taps === undefined) return [pixels.height, pixels.width, pixels.channels];
    return [taps.rows.count, taps.columns.count, pixels.channels];
  }

  get dtype(): HostDtype {
    if (this.state.kind === 'array') return this.state.array.dtype;
    return this.state.table === undefined ? 'uint8' : 'float32';
  }

  /** Height and width; throws `shape` for what is no picture. */
  size(op: string): readonly [height: number, width: number] {
    const { shape } = this;
    if (shape.length !== 3) {
      throw new FoveaError({
        code: 'shape',
        op,
        message: `a picture has the shape [height,width,channels], not ${formatShape(shape)}.`,
        got: shape,
        hint: 'Decode files first; give one picture an element.',
      });
    }
    return shape as unknown as readonly [number, number];
  }

  convert(channels: Channels): void {
    if (this.shape[2] !== channels) this.replace(convertChannels(this.toArray(), channels));
  }

  crop(top: number, left: number, height: number, width: number, op: string): void {
    const [ownHeight, ownWidth] = this.size(op);
    if (top < 0 || left < 0 || top + height > ownHeight || left + width > ownWidth) {
      throw new FoveaError({
        code: 'shape',
        op,
        message: `a picture of ${ownHeight} x ${ownWidth} is too small to cut ${height} x ${width} out of it.`,
        got: [ownHeight, ownWidth],
        want: [height, width],
        hint: 'Resize before you crop, or crop less.',
      });
    }
    if (this.state.kind === 'bytes') {
      const { pixels, taps } = this.state;
      if (taps !== undefined) {
        const rows = partOfTaps(taps.rows, top, height);
        this.state = { ...this.state, taps: { ...taps, rows, columns: partOfTaps(taps.columns, left, width) } };
      } else {
        const at = pixels.at + top * pixels.rowStep + left * pixels.step;
        this.state = { ...this.state, pixels: { ...pixels, at, height, width } };
      }
      return;
    }
    const { array } = this.state;
    const channels = array.shape[2] as number;
    const data = makeHostData(array.dtype, height * width * channels);
    for (let y = 0; y < height; y++) {
      const from = ((top + y) * ownWidth + left) * channels;
      data.set(array.data.subarray(from, from + width * channels), y * width * channels);
    }
    this.state = { kind: 'array', array: { data, shape: [height, width, channels], dtype: array.dtype } };
  }

  /** Mirrors left and right. */
  mirror(): void {
    if (this.state.kind === 'bytes') {
      const { pixels, taps } = this.state;
      if (taps !== undefined) {
        this.state = { ...this.state, taps: { ...taps, columns: reversedTaps(taps.columns) } };
      } else {
        const at = pixels.at + (pixels.width - 1) * pixels.step;
        this.state = { ...this.state, pixels: { ...pixels, at, step: -pixels.step } };
      }
      return;
    }
    const { array } = this.state;
    const [height, width, channels] = array.shape as readonly [number, number, number];
    const data = makeHostData(array.dtype, array.data.length);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = (y * width + width - 1 - x) * channels;
        data.set(array.data.subarray(from, from + channels), (y * width + x) * channels);
      }
    }
    this.state = { kind: 'array', array: { ...array, data } };
  }

  /** Turns it upside down, mirrored. */
  flip(): void {
    if (this.state.kind === 'bytes') {
      const { pixels, taps } = this.state;
      if (taps !== undefined) {
        this.state = { ...this.state, taps: { ...taps, rows: reversedTaps(taps.rows) } };
      } else {
        const at = pixels.at + (pixels.height - 1) * pixels.rowStep;
        this.state = { ...this.state, pixels: { ...pixels, at, rowStep: -pixels.rowStep } };
      }
      return;
    }
    const { array } = this.state;
    const rows = array.shape[0] as number;
    const step = array.data.length / rows;
    const data = makeHostData(array.dtype, array.data.length);
    for (let y = 0; y < rows; y++) data.set(array.data.subarray(y * step, (y + 1) * step), (rows - 1 - y) * step);
    this.state = { kind: 'array', array: { ...array, data } };
  }

  resize(height: number, width: number, method: ResizeMethod): void {
    const [ownHeight, ownWidth] = this.size('resize');
    if (this.dtype !== 'uint8') {
      this.state = { kind: 'array', array: resizeImage(this.toArray(), [height, width], { method }) };
      return;
    }
    if (height === ownHeight && width === ownWidth) return;
    if (this.state.kind === 'array' || this.state.taps !== undefined) this.replace(this.toArray());
    const taps = keptPlan([ownHeight, ownWidth], [height, width], method);
    this.state = { ...(this.state as Bytes), taps };
  }

  /** Puts the picture into a larger one. */
  pad(top: number, left: number, height: number, width: number, value: number): void {
    const array = this.toArray();
    const [ownHeight, ownWidth, channels] = array.shape as readonly [number, number, number];
    const data = makeHostData(array.dtype, height * width * channels).fill(value) as HostData;
    for (let y = 0; y < ownHeight; y++) {
      const row = array.data.subarray(y * ownWidth * channels, (y + 1) * ownWidth * channels);
      data.set(row, ((top + y) * width + left) * channels);
    }
    this.replace({ data, shape: [height, width, channels], dtype: array.dtype });
  }

  /** `x * scale + offset` for each channel (one number for all), as float32. */
  rescale(scale: readonly number[], offset: readonly number[]): void {
    const channels = this.shape.at(-1) ?? 1;
    if (this.state.kind === 'bytes' && this.state.table === undefined) {
      this.state = { ...this.state, table: keptTable(channels, scale, offset) };
      return;
    }
    const { data, shape } = this.toArray();
    const out = new Float32Array(data.length);
    for (let i = 0; i < out.length; i++) {
      const c = i % channels;
      out[i] = (data[i] as number) * at(scale, c) + at(offset, c);
    }
    this.state = { kind: 'array', array: { data: out, shape, dtype: 'float32' } };
  }

  /** Applies `fn` to every value and clips: bytes to 0..255, floats to 0..1. */
  mapValues(fn: (value: number) => number): void {
    const { data, shape, dtype } = this.toArray();
    const out = makeHostData(dtype, data.length);
    if (dtype === 'uint8') {
      const table = Uint8Array.from({ length: 256 }, (_, value) => Math.max(0, Math.min(255, Math.round(fn(value)))));
      for (let i = 0; i < out.length; i++) out[i] = table[data[i] as number] as number;
    } else for (let i = 0; i < out.length; i++) out[i] = Math.max(0, Math.min(1, fn(data[i] as number)));
    this.replace({ data: out, shape, dtype });
  }

  mean(): number {
    const { data } = this.toArray();
    let sum = 0;
    for (const value of data) sum += value;
    return data.length === 0 ? 0 : sum / data.length;
  }

  /** The picture as an array, which may be the one it came as. */
  toArray(): HostArray {
    if (this.state.kind === 'array') return this.state.array;
    const { dtype, shape } = this;
    const data = makeHostData(
      dtype,
      shape.reduce((product, dim) => product * dim, 1),
    );
    this.writeTo(data, 0);
    return { data, shape: [...shape], dtype };
  }

  /** Writes the picture's numbers into an array of its dtype. */
  writeTo(out: HostData, offset: number): void {
    if (this.state.kind === 'array') {
      out.set(this.state.array.data, offset);
      return;
    }
    const { pixels, taps, table } = this.state;
    const bytes = out as Uint8Array | Float32Array;
    if (taps !== undefined) resample(pixels, taps, bytes, offset, table);
    else if (table === undefined) copyPixels(pixels, out as Uint8Array, offset);
    else copyByTable(pixels, out as Float32Array, offset, table);
  }

  private replace(array: HostArray): void {
    this.state = Picture.fromArray(array).state;
  }
}

function copyByTable(
  { data, at, step, rowStep, height, width, channels }: Pixels,
  out: Float32Array,
  offset: number,
  table: Float32Array,
): void {
  for (let y = 0, o = offset; y < height; y++) {
    for (let x = 0, i = at + y * rowStep; x < width; x++, i += step) {
      for (let c = 0; c < channels; c++) out[o++] = table[256 * c + (data[i + c] as number)] as number;
    }
  }
}

function at(values: readonly number[], channel: number): number {
  return (values.length === 1 ? values[0] : values[channel]) as number;
}

/** Pictures of one folder often have few sizes: what was computed for the last of them is kept. */
const KEPT = 64;
const plansKept = new Map<string, ResamplePlan>();
const tablesKept = new Map<string, Float32Array>();

function kept<T>(store: Map<string, T>, key: string, make: () => T): T {
  const found = store.get(key);
  if (found !== undefined) return found;
  const made = make();
  const oldest = store.keys().next();
  if (store.size >= KEPT && !oldest.done) store.delete(oldest.value);
  store.set(key, made);
  return made;
}

function keptPlan(from: readonly [number, number], to: readonly [number, number], method: ResizeMethod): ResamplePlan {
  return kept(plansKept, `${from.join()} ${to.join()} ${method}`, () => planResize(from, to, method));
}

function keptTable(channels: number, scale: readonly number[], offset: readonly number[]): Float32Array {
  return kept(tablesKept, `${channels} ${scale.join()} ${offset.join()}`, () =>
    Float32Array.from({ length: 256 * channels }, (_, i) => (i & 255) * at(scale, i >> 8) + at(offset, i >> 8)),
  );
}
