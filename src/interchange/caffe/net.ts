// A .prototxt as a list of layers in one spelling: both generations, of the phase TEST, with what is fed from outside apart.
import { FoveaError } from '../../core/errors.js';
import type { TextMessage } from '../../formats/prototxt.js';

/** A layer as the file has it. */
export interface CaffeLayer {
  readonly name: string;
  /** In the newer spelling: `InnerProduct`. */
  readonly type: string;
  readonly bottoms: readonly string[];
  readonly tops: readonly string[];
  readonly message: TextMessage;
}

/** A blob that is fed from outside, in Caffe's order of axes; its shape without the batch, where the file says it. */
export interface CaffeInput {
  readonly name: string;
  readonly shape: readonly number[] | undefined;
  /** Rows and columns that pictures are cut to. */
  readonly cropSize: number | undefined;
  /** How data layers prepare pictures. */
  readonly transform: TextMessage | undefined;
}

export interface CaffeNet {
  readonly name: string;
  readonly inputs: readonly CaffeInput[];
  readonly layers: readonly CaffeLayer[];
}

/** The types of the older generation. */
const OLD_TYPES: Readonly<Record<string, string>> = {
  ABSVAL: 'AbsVal',
  ACCURACY: 'Accuracy',
  ARGMAX: 'ArgMax',
  BNLL: 'BNLL',
  CONCAT: 'Concat',
  CONTRASTIVE_LOSS: 'ContrastiveLoss',
  CONVOLUTION: 'Convolution',
  DATA: 'Data',
  DECONVOLUTION: 'Deconvolution',
  DROPOUT: 'Dropout',
  DUMMY_DATA: 'DummyData',
  ELTWISE: 'Eltwise',
  EUCLIDEAN_LOSS: 'EuclideanLoss',
  EXP: 'Exp',
  FLATTEN: 'Flatten',
  HDF5_DATA: 'HDF5Data',
  HDF5_OUTPUT: 'HDF5Output',
  HINGE_LOSS: 'HingeLoss',
  IM2COL: 'Im2col',
  IMAGE_DATA: 'ImageData',
  INFOGAIN_LOSS: 'InfogainLoss',
  INNER_PRODUCT: 'InnerProduct',
  LRN: 'LRN',
  MEMORY_DATA: 'MemoryData',
  MULTINOMIAL_LOGISTIC_LOSS: 'MultinomialLogisticLoss',
  MVN: 'MVN',
  POOLING: 'Pooling',
  POWER: 'Power',
  RELU: 'ReLU',
  SIGMOID: 'Sigmoid',
  SIGMOID_CROSS_ENTROPY_LOSS: 'SigmoidCrossEntropyLoss',
  SILENCE: 'Silence',
  SLICE: 'Slice',
  SOFTMAX: 'Softmax',
  SOFTMAX_LOSS: 'SoftmaxWithLoss',
  SPLIT: 'Split',
  TANH: 'TanH',
  THRESHOLD: 'Threshold',
  WINDOW_DATA: 'WindowData',
};

const DATA_TYPES = [
  'Data',
  'AnnotatedData',
  'DummyData',
  'HDF5Data',
  'ImageData',
  'Input',
  'MemoryData',
  'Python',
  'WindowData',
];

/** Layers that a prediction does not need. */
const isOnlyForTraining = (type: string): boolean =>
  /Loss$/.test(type) || ['Accuracy', 'HDF5Output', 'Silence', 'SoftmaxWithLoss', 'DetectionEvaluate'].includes(type);

const MAX_LAYERS = 20_000;
const MAX_SIDE = 1 << 20;

/** Reads the layers of a network's text. Throws `format` where it has none. */
export function caffeNet(root: TextMessage): CaffeNet {
  const all = [...root.messages('layers'), ...root.messages('layer')];
  if (all.length === 0) throw root.error('this is no network of Caffe: it has no layers');
  if (all.length > MAX_LAYERS) throw root.error(`more than ${MAX_LAYERS} layers`);
  const layers: CaffeLayer[] = [];
  const inputs: CaffeInput[] = declaredInputs(root);
  for (const message of all) {
    if (!isInTest(message)) continue;
    const type = typeOf(message);
    const tops = message.texts('top');
    const layer = { name: message.text('name', ''), type, bottoms: message.texts('bottom'), tops, message };
    if (layer.bottoms.length === 0 && DATA_TYPES.includes(type)) inputs.push(...dataInputs(layer));
    else if (!isOnlyForTraining(type)) layers.push(layer);
  }
  // Labels are fed, too, but nothing that is left reads them.
  const used = new Set(layers.flatMap(({ bottoms }) => bottoms));
  return { name: root.text('name', 'caffe'), inputs: inputs.filter(({ name }) => used.has(name)), layers };
}

function typeOf(message: TextMessage): string {
  if (message.has('layer')) {
    throw new FoveaError({
      code: 'unsupported',
      op: 'loadCaffe',
      message: 'networks of the first generation of Caffe (layers { layer { ... } }) are not read.',
      path: `${message.file}: line ${message.line}`,
      hint: "Bring it up to date with Caffe's upgrade_net_proto_text.",
    });
  }
  const type = message.text('type', '');
  if (type === '') throw message.error('a layer has no type');
  return Object.hasOwn(OLD_TYPES, type) ? (OLD_TYPES[type] as string) : type;
}

/** Whether a layer is there when nothing is trained. */
function isInTest(message: TextMessage): boolean {
  const matches = (rule: TextMessage): boolean =>
    rule.text('phase', 'TEST') === 'TEST' && !rule.has('stage') && rule.number('min_level', 0) <= 0;
  const include = message.messages('include');
  if (include.length > 0) return include.some(matches);
  return !message.messages('exclude').some((rule) => matches(rule) && rule.has('phase'));
}

function declaredInputs(root: TextMessage): CaffeInput[] {
  const dims = root.wholes('input_dim', 0, MAX_SIDE);
  const shapes = root.messages('input_shape').map((shape) => shape.wholes('dim', 0, MAX_SIDE));
  return root.texts('input').map((name, i) => {
    const old = dims.length >= 4 * (i + 1) ? dims.slice(4 * i, 4 * i + 4) : undefined;
    return { name, shape: (shapes[i] ?? old)?.slice(1), cropSize: undefined, transform: undefined };
  });
}

function dataInputs({ type, tops, message }: CaffeLayer): CaffeInput[] {
  const shapes = ['input_param', 'dummy_data_param'].flatMap((name) =>
    message
      .message(name)
      .messages('shape')
      .map((shape) => shape.wholes('dim', 0, MAX_SIDE)),
  );
  const transform = message.has('transform_param') ? message.message('transform_param') : undefined;
  const memory = message.message('memory_data_param');
  const inMemory = memory.has('channels')
    ? ['channels', 'height', 'width'].map((name) => memory.whole(name, 0, 0, MAX_SIDE))
    : undefined;
  return tops.map((name, i) => {
    const own = shapes[i] ?? shapes[0];
    const isPicture = i === 0 && type !== 'Input';
    const crop = transform?.whole('crop_size', 0, 0, 1 << 16) ?? 0;
    return {
      name,
      shape: own?.slice(1) ?? (isPicture ? inMemory : undefined),
      cropSize: isPicture && crop > 0 ? crop : undefined,
      transform: isPicture ? transform : undefined,
    };
  });
}
