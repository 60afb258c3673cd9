// How weights start: Keras's initializers, drawn on the host with Philox from the global seed, each weight
// from a stream of its own. The numbers differ from Keras's; their distributions do not.
import { encodeElements } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { fillNormal, fillUniform, normal } from '../core/random.js';
import { formatShape, type Shape, sizeOf } from '../core/shape.js';
import type { Variable } from '../graph/variable.js';
import {
  describe,
  isRecord,
  readSerialized,
  type SerializedObject,
  serialized,
  toCamelCase,
  toSnakeCase,
  unknownName,
} from './keras-config.js';
import { nextDraw, seededDraw } from './random.js';

/** What makes the first values of a weight. */
export interface Initializer {
  /** Keras's class name. */
  readonly className: string;
  /** The values for a weight of this shape, row-major. */
  values(shape: Shape): Float32Array;
  /** Sets a variable to new values. */
  fill(variable: Variable): void;
  /** Its arguments, as Keras writes them. Throws `unsupported` for a function of the caller's. */
  getConfig(): Record<string, unknown>;
}

/** Initializers that need no arguments. */
export type InitializerName =
  | 'glorotUniform'
  | 'glorotNormal'
  | 'heUniform'
  | 'heNormal'
  | 'lecunUniform'
  | 'lecunNormal'
  | 'zeros'
  | 'ones'
  | 'randomNormal'
  | 'randomUniform'
  | 'truncatedNormal'
  | 'varianceScaling'
  | 'orthogonal'
  | 'identity';

/** What may stand where an initializer is wanted: a name, an initializer, or a function of the shape. */
export type InitializerLike = InitializerName | Initializer | ((shape: Shape) => Float32Array);

/** Draws from the global seed unless `seed` is given, which gives the same numbers every time. */
export interface SeedOptions {
  seed?: number | undefined;
}

export type FanMode = 'fanIn' | 'fanOut' | 'fanAvg';
export type ScalingDistribution = 'uniform' | 'truncatedNormal' | 'untruncatedNormal';

export interface VarianceScalingOptions extends SeedOptions {
  /** Positive; default 1. */
  scale?: number;
  /** Default `fanIn`. */
  mode?: FanMode;
  /** Default `truncatedNormal`. */
  distribution?: ScalingDistribution;
}

/** Checks a weight's shape and takes its place among the draws; the numbers themselves are made when they are needed. */
type Plan = (shape: Shape) => () => Float32Array;

class PlannedInitializer implements Initializer {
  constructor(
    readonly className: string,
    private readonly config: Record<string, unknown>,
    private readonly plan: Plan,
  ) {}

  values(shape: Shape): Float32Array {
    return this.plan(shape)();
  }

  fill(variable: Variable): void {
    const { dtype } = variable;
    const make = this.plan(variable.shape);
    variable.setLater(dtype === 'float32' ? make : () => encodeElements(dtype, make()));
  }

  getConfig(): Record<string, unknown> {
    return this.config;
  }
}

/** A function of the caller's, asked at once. */
class FunctionInitializer implements Initializer {
  readonly className: string = 'function';

  constructor(private readonly make: (shape: Shape) => unknown) {}

  values(shape: Shape): Float32Array {
    return this.checked(shape, 'a weight');
  }

  private checked(shape: Shape, weight: string): Float32Array {
    const values = this.make(shape);
    const size = sizeOf(shape);
    if (values instanceof Float32Array && values.length === size) return values;
    throw new FoveaError({
      code: 'shape',
      op: 'initializer',
      message: `gave ${values instanceof Float32Array ? `${values.length} values` : describe(values)} for ${weight} of shape ${formatShape(shape)}.`,
      got: values instanceof Float32Array ? values.length : values,
      want: size,
      hint: `Return a Float32Array of ${size}.`,
    });
  }

  fill(variable: Variable): void {
    const values = this.checked(variable.shape, `weight "${variable.name}"`);
    // The caller may keep the array.
    if (variable.dtype === 'float32') variable.set(values);
    else variable.set(encodeElements(variable.dtype, values), { isOwn: true });
  }

  getConfig(): Record<string, unknown> {
    throw new FoveaError({
      code: 'unsupported',
      op: 'initializer',
      message: 'a function given as an initializer cannot be saved.',
      hint: 'Use one of fovea.initializers, or set the weights after loading.',
    });
  }
}

/** Units that feed one output and that one input feeds, as Keras counts them. */
export function computeFans(shape: Shape): { fanIn: number; fanOut: number } {
  if (shape.length === 0) return { fanIn: 1, fanOut: 1 };
  if (shape.length === 1) return { fanIn: shape[0] as number, fanOut: shape[0] as number };
  const cells = sizeOf(shape.slice(0, -2));
  return { fanIn: (shape.at(-2) as number) * cells, fanOut: (shape.at(-1) as number) * cells };
}

const draw = (seed: number | undefined): ReturnType<typeof nextDraw> =>
  seed === undefined ? nextDraw() : seededDraw(seed);

function drawUniform(shape: Shape, low: number, high: number, seed: number | undefined): () => Float32Array {
  const { key, stream } = draw(seed);
  return () => {
    const out = new Float32Array(sizeOf(shape));
    fillUniform(out, key, stream, low, high);
    return out;
  };
}

function drawNormal(shape: Shape, mean: number, stddev: number, seed: number | undefined): () => Float32Array {
  const { key, stream } = draw(seed);
  return () => {
    const out = new Float32Array(sizeOf(shape));
    fillNormal(out, key, stream);
    for (let i = 0; i < out.length; i++) out[i] = mean + stddev * (out[i] as number);
    return out;
  };
}

/** Normal numbers; those beyond two deviations are drawn again. */
function drawTruncated(shape: Shape, mean: number, stddev: number, seed: number | undefined): () => Float32Array {
  const { key, stream } = draw(seed);
  return () => {
    const out = new Float32Array(sizeOf(shape));
    fillNormal(out, key, stream);
    for (let i = 0; i < out.length; i++) {
      let value = out[i] as number;
      for (let again = 1; Math.abs(value) > 2; again++) value = normal({ ...key, stepLow: again }, stream, i);
      out[i] = mean + stddev * value;
    }
    return out;
  };
}

// The deviation of a standard normal cut at two deviations.
const TRUNCATED_STDDEV = 0.8796256610342398;

function drawScaled(
  shape: Shape,
  { scale = 1, mode = 'fanIn', distribution = 'truncatedNormal', seed }: VarianceScalingOptions,
): () => Float32Array {
  const { fanIn, fanOut } = computeFans(shape);
  const fan = mode === 'fanIn' ? fanIn : mode === 'fanOut' ? fanOut : (fanIn + fanOut) / 2;
  const variance = scale / Math.max(1, fan);
  if (distribution === 'uniform') return drawUniform(shape, -Math.sqrt(3 * variance), Math.sqrt(3 * variance), seed);
  if (distribution === 'untruncatedNormal') return drawNormal(shape, 0, Math.sqrt(variance), seed);
  return drawTruncated(shape, 0, Math.sqrt(variance) / TRUNCATED_STDDEV, seed);
}

/** The shape as a matrix with orthogonal rows or columns, whichever are fewer, each of length `gain`. */
function drawOrthogonal(shape: Shape, gain: number, seed: number | undefined): () => Float32Array {
  if (shape.length < 2) throw needsMatrix('Orthogonal', 'two axes or more', shape);
  const columns = shape.at(-1) as number;
  const rows = sizeOf(shape) / Math.max(1, columns);
  const count = Math.min(rows, columns);
  const length = Math.max(rows, columns);
  const drawn = drawNormal([count, length], 0, 1, seed);
  return () => {
    const vectors = Array.from(drawn());
    const at = (i: number): number[] => vectors.slice(i * length, (i + 1) * length);
    const basis: number[][] = [];
    for (let i = 0; i < count; i++) {
      const vector = at(i);
      // Gram-Schmidt twice, or rounding would leave nearly parallel vectors not quite orthogonal.
      for (let pass = 0; pass < 2; pass++) for (const other of basis) subtractProjection(vector, other);
      const norm = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
      basis.push(vector.map((value) => value / norm));
    }
    const out = new Float32Array(rows * columns);
    basis.forEach((vector, i) => {
      vector.forEach((value, j) => {
        out[rows < columns ? i * columns + j : j * columns + i] = gain * value;
      });
    });
    return out;
  };
}

function subtractProjection(vector: number[], onto: readonly number[]): void {
  let product = 0;
  for (let i = 0; i < vector.length; i++) product += (vector[i] as number) * (onto[i] as number);
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] as number) - product * (onto[i] as number);
}

function identityValues(shape: Shape, gain: number): () => Float32Array {
  if (shape.length !== 2) throw needsMatrix('Identity', 'two axes', shape);
  const [rows, columns] = shape as [number, number];
  return () => {
    const out = new Float32Array(rows * columns);
    for (let i = 0; i < Math.min(rows, columns); i++) out[i * columns + i] = gain;
    return out;
  };
}

function needsMatrix(op: string, want: string, shape: Shape): FoveaError {
  return new FoveaError({
    code: 'argument',
    op,
    message: `needs a weight with ${want}; got ${formatShape(shape)}.`,
    got: shape,
    hint: 'Use another initializer for it.',
  });
}

const seedConfig = (seed: number | undefined): Record<string, unknown> => ({ seed: seed ?? null });

function scaled(className: string, preset: VarianceScalingOptions): (options?: SeedOptions) => Initializer {
  return ({ seed } = {}) =>
    new PlannedInitializer(className, { ...seedConfig(seed), input_axes: null, output_axes: null }, (shape) =>
      drawScaled(shape, { ...preset, seed }),
    );
}

/** Uniform in ±sqrt(6 / (fanIn + fanOut)) (Glorot and Bengio); the default of kernels. */
export const glorotUniform = scaled('GlorotUniform', { mode: 'fanAvg', distribution: 'uniform' });
/** Truncated normal of deviation sqrt(2 / (fanIn + fanOut)). */
export const glorotNormal = scaled('GlorotNormal', { mode: 'fanAvg' });
/** Uniform in ±sqrt(6 / fanIn) (He et al.), for relu. */
export const heUniform = scaled('HeUniform', { scale: 2, distribution: 'uniform' });
/** Truncated normal of deviation sqrt(2 / fanIn), for relu. */
export const heNormal = scaled('HeNormal', { scale: 2 });
/** Uniform in ±sqrt(3 / fanIn), for selu. */
export const lecunUniform = scaled('LecunUniform', { distribution: 'uniform' });
/** Truncated normal of deviation sqrt(1 / fanIn), for selu. */
export const lecunNormal = scaled('LecunNormal', {});

/** Any variance scaling: deviation sqrt(scale / fan). Throws `argument` unless scale is positive. */
export function varianceScaling(options: VarianceScalingOptions = {}): Initializer {
  const { scale = 1, mode = 'fanIn', distribution = 'truncatedNormal', seed } = options;
  if (!(scale > 0)) {
    throw new FoveaError({
      code: 'argument',
      op: 'varianceScaling',
      message: `scale must be positive; got ${describe(scale)}.`,
      got: scale,
    });
  }
  checkChoice('varianceScaling', 'mode', mode, ['fanIn', 'fanOut', 'fanAvg']);
  checkChoice('varianceScaling', 'distribution', distribution, ['uniform', 'truncatedNormal', 'untruncatedNormal']);
  const config = {
    ...seedConfig(seed),
    scale,
    mode: toSnakeCase(mode),
    distribution: toSnakeCase(distribution),
    input_axes: null,
    output_axes: null,
  };
  return new PlannedInitializer('VarianceScaling', config, (shape) =>
    drawScaled(shape, { scale, mode, distribution, seed }),
  );
}

function checkChoice(op: string, name: string, value: string, choices: readonly string[]): void {
  if (!choices.includes(value)) throw unknownName(op, name, value, choices);
}

/** All 0. */
export function zeros(): Initializer {
  return new PlannedInitializer('Zeros', {}, (shape) => () => new Float32Array(sizeOf(shape)));
}

/** All 1. */
export function ones(): Initializer {
  return new PlannedInitializer('Ones', {}, (shape) => () => new Float32Array(sizeOf(shape)).fill(1));
}

/** All `value`, default 0. */
export function constant(value = 0): Initializer {
  return new PlannedInitializer('Constant', { value }, (shape) => () => new Float32Array(sizeOf(shape)).fill(value));
}

/** Normal with mean 0 and deviation 0.05 unless given. */
export function randomNormal(options: SeedOptions & { mean?: number; stddev?: number } = {}): Initializer {
  const { mean = 0, stddev = 0.05, seed } = options;
  return new PlannedInitializer('RandomNormal', { ...seedConfig(seed), mean, stddev }, (shape) =>
    drawNormal(shape, mean, stddev, seed),
  );
}

/** Uniform in [low, high), ±0.05 unless given. */
export function randomUniform(options: SeedOptions & { low?: number; high?: number } = {}): Initializer {
  const { low = -0.05, high = 0.05, seed } = options;
  return new PlannedInitializer('RandomUniform', { ...seedConfig(seed), minval: low, maxval: high }, (shape) =>
    drawUniform(shape, low, high, seed),
  );
}

/** Normal, with what lies beyond two deviations drawn again; mean 0 and deviation 0.05 unless given. */
export function truncatedNormal(options: SeedOptions & { mean?: number; stddev?: number } = {}): Initializer {
  const { mean = 0, stddev = 0.05, seed } = options;
  return new PlannedInitializer('TruncatedNormal', { ...seedConfig(seed), mean, stddev }, (shape) =>
    drawTruncated(shape, mean, stddev, seed),
  );
}

/** Orthogonal rows or columns of length `gain` (default 1), the weight seen as a matrix with its last axis as columns. */
export function orthogonal({ gain = 1, seed }: SeedOptions & { gain?: number } = {}): Initializer {
  return new PlannedInitializer('Orthogonal', { ...seedConfig(seed), gain }, (shape) =>
    drawOrthogonal(shape, gain, seed),
  );
}

/** `gain` (default 1) on the diagonal of a matrix. */
export function identity({ gain = 1 }: { gain?: number } = {}): Initializer {
  return new PlannedInitializer('Identity', { gain }, (shape) => identityValues(shape, gain));
}

type Factory = (config: Record<string, unknown>) => Initializer;

const numberOr = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise);

function seedOf(config: Record<string, unknown>): SeedOptions {
  if (typeof config.seed === 'number') return { seed: config.seed };
  // Keras writes a generator that was handed in as an object of its own.
  const inner = isRecord(config.seed) && isRecord(config.seed.config) ? config.seed.config.seed : undefined;
  return typeof inner === 'number' ? { seed: inner } : {};
}

const normalOf = (config: Record<string, unknown>): SeedOptions & { mean: number; stddev: number } => ({
  ...seedOf(config),
  mean: numberOr(config.mean, 0),
  stddev: numberOr(config.stddev, 0.05),
});

const FACTORIES: Record<InitializerName | 'constant', Factory> = {
  glorotUniform: (config) => glorotUniform(seedOf(config)),
  glorotNormal: (config) => glorotNormal(seedOf(config)),
  heUniform: (config) => heUniform(seedOf(config)),
  heNormal: (config) => heNormal(seedOf(config)),
  lecunUniform: (config) => lecunUniform(seedOf(config)),
  lecunNormal: (config) => lecunNormal(seedOf(config)),
  zeros: () => zeros(),
  ones: () => ones(),
  constant: (config) => constant(numberOr(config.value, 0)),
  randomNormal: (config) => randomNormal(normalOf(config)),
  randomUniform: (config) =>
    randomUniform({ ...seedOf(config), low: numberOr(config.minval, -0.05), high: numberOr(config.maxval, 0.05) }),
  truncatedNormal: (config) => truncatedNormal(normalOf(config)),
  varianceScaling: (config) => {
    const word = (value: unknown, otherwise: string): string =>
      typeof value === 'string' ? toCamelCase(value) : otherwise;
    const distribution = word(config.distribution, 'truncatedNormal');
    return varianceScaling({
      ...seedOf(config),
      scale: numberOr(config.scale, 1),
      mode: word(config.mode, 'fanIn') as FanMode,
      // Keras 1's word for it.
      distribution: (distribution === 'normal' ? 'truncatedNormal' : distribution) as ScalingDistribution,
    });
  },
  orthogonal: (config) => orthogonal({ ...seedOf(config), gain: numberOr(config.gain, 1) }),
  identity: (config) => identity({ gain: numberOr(config.gain, 1) }),
};

const isKnown = (name: string): name is keyof typeof FACTORIES => Object.hasOwn(FACTORIES, name);

/** An initializer from whatever may stand for one. Throws `argument` for an unknown name. */
export function makeInitializer(like: InitializerLike): Initializer {
  if (typeof like === 'function') return new FunctionInitializer(like);
  if (typeof like === 'object' && like !== null && !Array.isArray(like) && typeof like.fill === 'function') return like;
  return initializerFromConfig(like);
}

/** An initializer from a config: Keras's serialized object or a name in any spelling. Throws `argument` for an unknown one. */
export function initializerFromConfig(value: unknown): Initializer {
  const found = readSerialized(value);
  // Old files name the classes Zero, One and GlorotUniformV2.
  const name = found === undefined ? undefined : toCamelCase(found.className.replace(/V\d$/, ''));
  const plural = name === 'zero' || name === 'one' ? `${name}s` : name;
  if (found === undefined || plural === undefined || !isKnown(plural)) {
    throw unknownName('initializer', 'initializer', found?.className ?? value, Object.keys(FACTORIES));
  }
  return FACTORIES[plural](found.config);
}

/** Keras's form of an initializer. */
export function serializeInitializer(initializer: Initializer): SerializedObject {
  const config = initializer.getConfig();
  return serialized('keras.initializers', initializer.className, config);
}
