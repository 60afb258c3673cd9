// Keras 3's layers as tfjs has them: which exist there, which settings they lack, and what is spelt otherwise.
import { isRecord, type Json, type JsonRecord } from '../../formats/keras-object.js';

/** A layer in tfjs's config. */
export interface TfjsLayer {
  readonly class_name: string;
  readonly config: JsonRecord;
}

/** Why a setting cannot be, or the config as tfjs takes it. */
type Rule = (config: JsonRecord) => JsonRecord | string;

const same: Rule = (config) => config;

/** A rule for settings that tfjs lacks: it holds where each has one of the values that change nothing. */
const without =
  (idle: Readonly<Record<string, readonly Json[]>>): Rule =>
  (config) => {
    for (const [name, values] of Object.entries(idle)) {
      const value = config[name] ?? null;
      const shown = JSON.stringify(value);
      if (value !== null && !values.some((each) => JSON.stringify(each) === shown))
        return `tfjs has no ${name} (it is ${shown})`;
    }
    return config;
  };

const ONES: readonly Json[] = [1, [1], [1, 1], [1, 1, 1]];
const conv = without({ groups: [1] });
const transposed = without({ groups: [1], output_padding: [], dilation_rate: ONES });
const pooledWhole = without({ keepdims: [false] });

const relu: Rule = (config) => {
  const { negative_slope: slope, threshold } = config;
  if (typeof threshold === 'number' && threshold !== 0) return `tfjs has no threshold (it is ${threshold})`;
  if (typeof slope === 'number' && slope !== 0) return `tfjs has no negative_slope in ReLU (it is ${slope})`;
  return config;
};

const stateless = without({ stateful: [false] });

/** Keras's settings of a recurrent layer that tfjs does not know change nothing where no mask is. */
const recurrent: Rule = (config) => {
  const { seed, use_cudnn, zero_output_for_mask, ...known } = config;
  return stateless({ implementation: 1, ...known });
};

/** Behind a mask tfjs pools what Keras leaves out. */
const unmasked = without({ mask_zero: [false] });

/** A layer inside of another in tfjs's words. */
function inner(value: Json | undefined): TfjsLayer | string {
  if (!isRecord(value) || typeof value.class_name !== 'string' || !isRecord(value.config))
    return 'tfjs needs a layer in it';
  if (['Sequential', 'Functional', 'Model'].includes(value.class_name)) return 'tfjs has no models in it';
  return tfjsLayer(value.class_name, value.config, undefined);
}

const timeDistributed: Rule = ({ layer, ...config }) => {
  const made = inner(layer);
  return typeof made === 'string' ? made : { ...config, layer: { ...made } };
};

/** tfjs makes the layer that goes backwards itself, and names both. */
const bidirectional: Rule = ({ layer, backward_layer: back, merge_mode = null, name = null }) => {
  const [forward, backward] = [inner(layer), inner(back)];
  if (typeof forward === 'string') return forward;
  if (typeof backward === 'string') return backward;
  const turned = { ...backward.config, go_backwards: false, name: forward.config.name ?? null };
  const isAlike = forward.class_name === backward.class_name && forward.config.go_backwards === false;
  if (!isAlike || !isSame(turned, forward.config)) return 'tfjs has no backward layer of its own kind';
  const plain = String(forward.config.name).replace(/^forward_/, '');
  return { name, merge_mode, layer: { class_name: forward.class_name, config: { ...forward.config, name: plain } } };
};

function isSame(a: JsonRecord, b: JsonRecord): boolean {
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return keys.every((key) => JSON.stringify(a[key] ?? null) === JSON.stringify(b[key] ?? null));
}

/** The layers by class. */
const LAYERS: Readonly<Record<string, Rule>> = {
  InputLayer: ({ batch_shape: shape, dtype, name }) => ({
    batch_input_shape: shape ?? null,
    dtype: typeof dtype === 'string' ? dtype : 'float32',
    sparse: false,
    name: name ?? null,
  }),
  Activation: same,
  Add: same,
  AlphaDropout: same,
  Average: same,
  AveragePooling1D: same,
  AveragePooling2D: same,
  AveragePooling3D: same,
  BatchNormalization: same,
  Bidirectional: bidirectional,
  Concatenate: same,
  Conv1D: conv,
  Conv2D: conv,
  Conv3D: conv,
  Conv2DTranspose: transposed,
  Conv3DTranspose: transposed,
  Cropping2D: same,
  Dense: same,
  DepthwiseConv2D: same,
  Dropout: ({ noise_shape: shape, ...config }) => (shape == null ? config : { ...config, noise_shape: shape }),
  Dot: same,
  ELU: same,
  Embedding: unmasked,
  Flatten: same,
  GRU: (config) => (config.reset_after === false ? recurrent(config) : 'tfjs has no reset_after (it is true)'),
  GaussianDropout: same,
  GaussianNoise: same,
  GlobalAveragePooling1D: pooledWhole,
  GlobalAveragePooling2D: pooledWhole,
  GlobalMaxPooling1D: pooledWhole,
  GlobalMaxPooling2D: pooledWhole,
  LSTM: recurrent,
  LayerNormalization: without({ rms_scaling: [false] }),
  LeakyReLU: ({ negative_slope: slope, ...config }) => ({ ...config, alpha: slope ?? config.alpha ?? 0.3 }),
  MaxPooling1D: same,
  MaxPooling2D: same,
  MaxPooling3D: same,
  Maximum: same,
  Minimum: same,
  Multiply: same,
  PReLU: same,
  Permute: same,
  ReLU: relu,
  RepeatVector: same,
  Rescaling: (config) =>
    typeof config.scale === 'number' && typeof config.offset === 'number'
      ? config
      : 'tfjs rescales all channels by one number',
  Reshape: same,
  SeparableConv2D: conv,
  SimpleRNN: recurrent,
  Softmax: same,
  SpatialDropout1D: same,
  TimeDistributed: timeDistributed,
  // Between the pixels tfjs interpolates as no other does.
  UpSampling2D: without({ interpolation: ['nearest'] }),
  ZeroPadding2D: same,
};

/** Keras's activations by tfjs's names; the others it lacks, or means something else by them. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  elu: 'elu',
  gelu: 'gelu',
  linear: 'linear',
  log_softmax: 'logSoftmax',
  mish: 'mish',
  relu: 'relu',
  relu6: 'relu6',
  selu: 'selu',
  sigmoid: 'sigmoid',
  silu: 'swish',
  softmax: 'softmax',
  softplus: 'softplus',
  softsign: 'softsign',
  swish: 'swish',
  tanh: 'tanh',
};

const INITIALIZERS: Readonly<Record<string, string>> = {
  Constant: 'Constant',
  GlorotNormal: 'GlorotNormal',
  GlorotUniform: 'GlorotUniform',
  HeNormal: 'HeNormal',
  HeUniform: 'HeUniform',
  LecunNormal: 'LeCunNormal',
  LecunUniform: 'LeCunUniform',
  Ones: 'Ones',
  RandomNormal: 'RandomNormal',
  RandomUniform: 'RandomUniform',
  TruncatedNormal: 'TruncatedNormal',
  VarianceScaling: 'VarianceScaling',
  Zeros: 'Zeros',
};

const CONSTRAINTS: readonly string[] = ['MaxNorm', 'MinMaxNorm', 'NonNeg', 'UnitNorm'];

/**
 * A layer in tfjs's words, or why there is none; `inputShape` is what it was built for, where that is known.
 */
export function tfjsLayer(
  className: string,
  config: JsonRecord,
  inputShape: readonly (number | null)[] | undefined,
): TfjsLayer | string {
  // It changes nothing, and tfjs has it under another name.
  if (className === 'Identity')
    return { class_name: 'Activation', config: { name: config.name ?? null, activation: 'linear' } };
  const [height, width] = inputShape?.slice(1) ?? [];
  const isWhole = /^Global(Average|Max)Pooling2D$/.exec(className);
  // Without the keepdims that tfjs lacks: a window as large as the picture.
  if (isWhole !== null && config.keepdims === true && typeof height === 'number' && typeof width === 'number') {
    const size = [height, width];
    const { name = null } = config;
    return {
      class_name: `${isWhole[1]}Pooling2D`,
      config: { name, pool_size: size, strides: size, padding: 'valid', data_format: 'channels_last' },
    };
  }
  const rule = Object.hasOwn(LAYERS, className) ? LAYERS[className] : undefined;
  if (rule === undefined) return `tfjs has no layer ${className}`;
  if (config.data_format === 'channels_first') return 'tfjs runs channels_first in no engine but WebGL';
  const ruled = rule(config);
  if (typeof ruled === 'string') return ruled;
  const out: Record<string, Json> = {};
  for (const [key, value] of Object.entries(ruled)) {
    const made = setting(key, value);
    if (typeof made === 'object' && made !== null && 'problem' in made) return String(made.problem);
    out[key] = made;
  }
  return { class_name: className, config: out };
}

function setting(key: string, value: Json): Json {
  // Weights in 16 bits are written in 32.
  if (key === 'dtype') return typeof value === 'string' && /^(u?int|bool)/.test(value) ? value : 'float32';
  if (key.endsWith('activation')) return activation(value);
  if (!isRecord(value) || typeof value.class_name !== 'string') return value;
  const config = isRecord(value.config) ? value.config : {};
  const { class_name: name } = value;
  if (key.endsWith('initializer')) {
    // The file has the weights: how they were drawn is no matter.
    const known = Object.hasOwn(INITIALIZERS, name) ? INITIALIZERS[name] : undefined;
    return known === undefined ? { class_name: 'Zeros', config: {} } : { class_name: known, config };
  }
  if (key.endsWith('regularizer')) {
    if (!['L1', 'L2', 'L1L2'].includes(name)) return { problem: `tfjs has no regularizer ${name}` };
    return { class_name: 'L1L2', config: { l1: config.l1 ?? 0, l2: config.l2 ?? 0 } };
  }
  if (key.endsWith('constraint'))
    return CONSTRAINTS.includes(name) ? { class_name: name, config } : { problem: `tfjs has no constraint ${name}` };
  return value;
}

function activation(value: Json): Json {
  const name = isRecord(value) ? (typeof value.config === 'string' ? value.config : value.class_name) : value;
  if (name === null || name === undefined) return 'linear';
  const known = typeof name === 'string' && Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  return known ?? { problem: `tfjs has no activation ${String(name)} that computes as Keras's` };
}
