// Normalization: inputs brought to mean 0 and variance 1 by numbers that are given, or that `adapt` finds in data.
import { FoveaError } from '../../core/errors.js';
import { formatShape, normalizeAxes, type Shape, sizeOf } from '../../core/shape.js';
import { ArrayDataset } from '../../data/array-dataset.js';
import type { Dataset } from '../../data/dataset.js';
import { type HostArray, type HostArrayLike, isHostArray, isHostData, toHostArray } from '../../data/host-array.js';
import { isDataset } from '../../data/stream-base.js';
import { type NestedArray, Tensor, tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add, cast, divide, maximum, multiply, subtract } from '../../ops/arithmetic.js';
import { broadcastTo, reshape } from '../../ops/shape.js';
import { sqrt } from '../../ops/unary.js';
import type { PartialShape } from '../symbolic.js';
import { wrongInput } from './check-input.js';
import { type CommonOptions, ConfiguredLayer } from './configured.js';
import { type Field, flag, optional, refuseOption } from './fields.js';

/** A number, or nested lists of numbers. */
export type Statistic = number | readonly Statistic[];

/** See `layers.normalization`. */
export interface NormalizationOptions extends CommonOptions {
  /** Axes whose places each have a mean and variance of their own; default the last, null for one of all. */
  axis?: number | readonly number[] | null;
  /** Known beforehand, together with `variance`; else `adapt` finds them. */
  mean?: Statistic;
  variance?: Statistic;
  /** Goes the other way: from mean 0 and variance 1 back to the data's; default false. */
  invert?: boolean;
}

/** What `adapt` looks at: arrays in memory, a data set, or batches one after another. Labels are left aside. */
export type AdaptData =
  | HostArrayLike
  | Tensor
  | ArrayDataset
  | Dataset
  | Iterable<HostArray | Tensor>
  | AsyncIterable<HostArray | Tensor>;

const axisField: Field<readonly number[]> = {
  fallback: () => [-1],
  check(value, place) {
    const axes = Array.isArray(value) ? value : [value];
    if (axes.every((each) => Number.isInteger(each))) return [...axes] as number[];
    throw refuseOption(place, 'an axis, a list of axes or null', value);
  },
  write: (value) => [...value],
};

const statistic: Field<Statistic | null> = optional<Statistic>({
  check(value, place) {
    const isNumbers = (each: unknown): boolean =>
      Number.isFinite(each) || (Array.isArray(each) && each.length > 0 && each.every(isNumbers));
    if (isNumbers(value)) return value as Statistic;
    throw refuseOption(place, 'a number or lists of numbers', value);
  },
  write: (value) => value,
});

const normalizationFields = { axis: axisField, invert: flag(false), mean: statistic, variance: statistic };

/** What keeps a division from 0, as in Keras. */
const EPSILON = 1e-7;

/** (x - mean) / sqrt(variance), with mean and variance of every place along the axes. */
export class Normalization extends ConfiguredLayer<typeof normalizationFields> {
  static override readonly className: string = 'Normalization';
  static override readonly fields = normalizationFields;
  private readonly given: { readonly mean: Tensor; readonly variance: Tensor } | undefined;
  private mean: Variable | undefined;
  private variance: Variable | undefined;

  constructor(options: NormalizationOptions = {}) {
    super(options.axis === null ? ({ ...options, axis: [] } as NormalizationOptions) : options);
    const { mean, variance, axis } = this.settings;
    if (mean === null && variance === null) return;
    if (mean === null || variance === null) {
      throw this.refuse('mean and variance go together: give both or neither.');
    }
    this.given = { mean: tensor(mean as NestedArray), variance: tensor(variance as NestedArray) };
    const [{ shape }, other] = [this.given.mean, this.given.variance.shape];
    if (formatShape(shape) !== formatShape(other)) {
      throw this.refuse(`mean ${formatShape(shape)} and variance ${formatShape(other)} must have one shape.`);
    }
    if (shape.length > axis.length) {
      throw this.refuse(`mean ${formatShape(shape)} has more axes than axis ${JSON.stringify(axis)} keeps.`);
    }
  }

  private refuse(message: string, hint?: string): FoveaError {
    const more = hint === undefined ? {} : { hint };
    return new FoveaError({ code: 'argument', op: this.className, message, path: this.name, ...more });
  }

  /** The axes that are kept, in order. */
  private keptAxes(rank: number): number[] {
    const { axis } = this.settings;
    return axis.length === 0 ? [] : normalizeAxes(axis, rank, this.className).sort((a, b) => a - b);
  }

  override build([shape]: readonly [PartialShape]): void {
    if (this.given !== undefined) return;
    const kept = this.keptAxes(shape.length).map((axis) => shape[axis] ?? Number.NaN);
    const fixed = { shape: kept, trainable: false, autocast: false };
    this.mean = this.addWeight({ ...fixed, name: 'mean', initializer: 'zeros' });
    this.variance = this.addWeight({ ...fixed, name: 'variance', initializer: 'ones' });
    // Keras 3 keeps it for files of older versions and does not use it.
    this.addWeight({ name: 'count', shape: [], dtype: 'int32', initializer: 'zeros', trainable: false });
  }

  override call([given]: readonly [Tensor]): Tensor {
    const x = cast(given, this.computeDtype);
    const mean = this.spread(this.given?.mean ?? (this.mean as Variable).value, x.shape);
    const variance = this.spread(this.given?.variance ?? (this.variance as Variable).value, x.shape);
    const deviation = maximum(sqrt(variance), EPSILON);
    return this.settings.invert ? add(mean, multiply(x, deviation)) : divide(subtract(x, mean), deviation);
  }

  /** Numbers of the kept axes, the last of them last, in a shape that goes with the input. */
  private spread(values: Tensor, shape: Shape): Tensor {
    const kept = this.keptAxes(shape.length);
    const wanted = shape.map((dim, axis) => (kept.includes(axis) ? dim : 1));
    const own = shape.map(() => 1);
    const offset = kept.length - values.rank;
    for (const [i, dim] of values.shape.entries()) own[kept[offset + i] as number] = dim;
    if (own.some((dim, axis) => dim !== 1 && dim !== wanted[axis])) {
      const axes = shape.map((_, i) => (i === 0 ? 'batch' : `axis${i}`));
      const fixed = Object.fromEntries(kept.map((axis) => [`axis${axis}`, own[axis] as number]));
      throw wrongInput(this, shape, axes, fixed);
    }
    return broadcastTo(reshape(cast(values, this.computeDtype), own), wanted);
  }

  /**
   * Finds mean and variance in data, all of it anew. Batches may have any number of rows. Throws `argument` where mean and
   * variance were given, and where there is no data.
   *
   * @example
   * const layer = layers.normalization();
   * await layer.adapt([[0, 7], [2, 9]]);
   * const [means, variances] = await layer.getWeights();
   * console.log(means, variances); // [1, 8] [1, 1]
   */
  async adapt(data: AdaptData): Promise<void> {
    if (this.given !== undefined) {
      throw this.refuse('mean and variance were given; there is nothing to find.', 'Leave them out to use adapt.');
    }
    let sums: Sums | undefined;
    for await (const batch of batchesOf(data)) {
      const { shape } = batch;
      if (sizeOf(shape) === 0) continue;
      this.ensureBuilt([[null, ...shape.slice(1)]]);
      const kept = this.keptAxes(shape.length);
      const wanted = (this.mean as Variable).shape;
      if (kept.some((axis, i) => shape[axis] !== wanted[i])) {
        const axes = shape.map((_, i) => (i === 0 ? 'batch' : `axis${i}`));
        const fixed = Object.fromEntries(kept.map((axis, i) => [`axis${axis}`, wanted[i] as number]));
        throw wrongInput(this, shape, axes, fixed);
      }
      sums ??= new Sums(sizeOf(wanted));
      sums.take(batch, kept);
    }
    if (sums === undefined || sums.rows === 0)
      throw this.refuse('adapt was given no data.', 'Give at least one batch.');
    (this.mean as Variable).set(Float32Array.from(sums.mean));
    (this.variance as Variable).set(Float32Array.from(sums.variance));
  }
}

/** Mean and variance of every place, gathered batch by batch in float64 (Chan, Golub and LeVeque). */
class Sums {
  readonly mean: Float64Array;
  private readonly squares: Float64Array;
  /** Numbers that have gone into each place. */
  rows = 0;

  constructor(places: number) {
    this.mean = new Float64Array(places);
    this.squares = new Float64Array(places);
  }

  get variance(): Float64Array {
    return this.squares.map((sum) => sum / this.rows);
  }

  take({ data, shape }: HostArray, kept: readonly number[]): void {
    const places = this.mean.length;
    const count = data.length / places;
    const placeOf = placesOf(shape, kept);
    const mean = new Float64Array(places);
    for (let i = 0; i < data.length; i++)
      mean[placeOf[i] as number] = (mean[placeOf[i] as number] as number) + (data[i] as number);
    for (let p = 0; p < places; p++) mean[p] = (mean[p] as number) / count;
    const squares = new Float64Array(places);
    for (let i = 0; i < data.length; i++) {
      const p = placeOf[i] as number;
      squares[p] = (squares[p] as number) + ((data[i] as number) - (mean[p] as number)) ** 2;
    }
    const total = this.rows + count;
    for (let p = 0; p < places; p++) {
      const apart = (mean[p] as number) - (this.mean[p] as number);
      const between = (apart * apart * this.rows * count) / total;
      this.squares[p] = (this.squares[p] as number) + (squares[p] as number) + between;
      this.mean[p] = (this.mean[p] as number) + (apart * count) / total;
    }
    this.rows = total;
  }
}

/** For every element of an array, which place of the kept axes it belongs to. */
function placesOf(shape: Shape, kept: readonly number[]): Int32Array {
  const places = new Int32Array(sizeOf(shape));
  let stride = 1;
  for (const axis of kept.slice().reverse()) {
    const dim = shape[axis] as number;
    const inner = sizeOf(shape.slice(axis + 1));
    for (let i = 0; i < places.length; i++) {
      places[i] = (places[i] as number) + stride * (Math.floor(i / inner) % dim);
    }
    stride *= dim;
  }
  return places;
}

async function* batchesOf(data: AdaptData): AsyncGenerator<HostArray> {
  if (data instanceof ArrayDataset) yield data.x;
  else if (isDataset(data)) {
    const batches = data.isBatched ? data : data.batch(128);
    for await (const { x } of batches) yield x;
  } else if (data instanceof Tensor || isHostArray(data) || isHostData(data) || typeof data === 'number') {
    yield await hostOf(data);
  } else if (Array.isArray(data) && !data.some((each) => isHostArray(each) || each instanceof Tensor)) {
    yield toHostArray(data as HostArrayLike);
  } else {
    for await (const batch of data as AsyncIterable<HostArray | Tensor>) yield await hostOf(batch);
  }
}

async function hostOf(batch: HostArrayLike | Tensor): Promise<HostArray> {
  if (!(batch instanceof Tensor)) return toHostArray(batch);
  return { data: Float32Array.from(await batch.data()), shape: batch.shape, dtype: 'float32' };
}
