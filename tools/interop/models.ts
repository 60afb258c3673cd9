// What is handed to Keras and to ONNX Runtime: models made here for what they hold, and networks of the zoo.
import { FoveaError, type Layer, layers, models, zoo } from '../../src/index.js';
import { layerModels } from './layers.js';

/** A model to hand over. */
export interface InteropModel {
  readonly name: string;
  make(): models.TrainableModel;
  /** Sizes of inputs that are open, for ONNX and for the example. */
  readonly inputShape?: readonly number[];
  /** Inputs are whole numbers below this. */
  readonly tokens?: number;
}

type Node = ReturnType<typeof layers.input>;

function functional(
  shape: readonly (number | null)[],
  body: (x: ReturnType<typeof layers.input>) => ReturnType<typeof layers.input>,
) {
  const x = layers.input(shape);
  return models.model({ inputs: x, outputs: body(x) });
}

const made: readonly InteropModel[] = [
  {
    name: 'convolutions',
    make: () =>
      functional([17, 19, 3], (x) => {
        let y = layers.conv2d({ filters: 8, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu' }).apply(x);
        y = layers.separableConv2d({ filters: 12, kernelSize: 3, padding: 'same', activation: 'silu' }).apply(y);
        y = layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, dilationRate: 2 }).apply(y);
        y = layers.conv2d({ filters: 8, kernelSize: [1, 3], groups: 4 }).apply(y);
        y = layers.conv2dTranspose({ filters: 6, kernelSize: 4, strides: 2, padding: 'same' }).apply(y);
        y = layers.upSampling2d({ size: [2, 1] }).apply(y);
        y = layers.zeroPadding2d({ padding: 1 }).apply(y);
        y = layers
          .cropping2d({
            cropping: [
              [1, 0],
              [2, 1],
            ],
          })
          .apply(y);
        y = layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' }).apply(y);
        y = layers.averagePooling2d({ poolSize: 2, padding: 'same' }).apply(y);
        return layers.flatten().apply(y);
      }),
  },
  {
    name: 'norms',
    make: () =>
      functional([6, 5, 8], (x) => {
        let y = layers.batchNormalization().apply(x);
        y = layers.layerNormalization().apply(y);
        y = layers.groupNormalization({ groups: 4 }).apply(y);
        y = layers.unitNormalization().apply(y);
        y = layers.prelu({ sharedAxes: [1, 2] }).apply(y);
        return layers.globalMaxPooling2d().apply(layers.dropout({ rate: 0.5 }).apply(y));
      }),
  },
  {
    name: 'branches',
    make: () => {
      const [a, b] = [layers.input([4, 6], { name: 'left' }), layers.input([4, 6], { name: 'right' })];
      const shared = layers.dense({ units: 6, activation: 'gelu' });
      const [left, right] = [shared.apply(a), shared.apply(b)];
      const parts = [layers.add(), layers.multiply(), layers.average(), layers.maximum()].map((each) =>
        each.apply([left, right]),
      );
      const joined = layers.concatenate().apply(parts);
      const dotted = layers.dot({ axes: 2 }).apply([left, right]);
      const scores = layers.dense({ units: 3, activation: 'softmax' }).apply(layers.flatten().apply(joined));
      return models.model({ inputs: [a, b], outputs: [scores, layers.permute({ dims: [2, 1] }).apply(dotted)] });
    },
  },
  {
    name: 'sequences',
    tokens: 20,
    make: () =>
      functional([9], (x) => {
        let y = layers.embedding({ inputDim: 20, outputDim: 8 }).apply(x);
        y = layers.bidirectional({ layer: layers.lstm({ units: 5, returnSequences: true }) }).apply(y);
        y = layers.gru({ units: 6, returnSequences: true }).apply(y);
        y = layers.multiHeadAttention({ numHeads: 2, keyDim: 3 }).apply([y, y]);
        y = layers.conv1d({ filters: 7, kernelSize: 3, padding: 'causal' }).apply(y);
        return layers.simpleRnn({ units: 4 }).apply(y);
      }),
  },
  {
    name: 'recurrent',
    make: () =>
      functional([7, 5], (x) => {
        const bothWays = (layer: Layer): Node =>
          layers.bidirectional({ layer: layer as ReturnType<typeof layers.rnn> }).apply(x);
        const sequence = { returnSequences: true } as const;
        const activations = { recurrentActivation: 'hardSigmoid', activation: 'softsign' } as const;
        const [y, h, c] = layers.lstm({ units: 4, ...sequence, returnState: true }).applyAll(x) as [Node, Node, Node];
        const parts: Node[] = [
          layers.gru({ units: 4, ...sequence, ...activations }).apply(y, { initialState: h }),
          layers.lstm({ units: 4, ...sequence, ...activations, useBias: false }).apply(y, { initialState: [h, c] }),
          layers.gru({ units: 3, ...sequence, resetAfter: false, goBackwards: true }).apply(y),
          layers.simpleRnn({ units: 3, ...sequence, activation: 'linear', goBackwards: true }).apply(x),
          // Step by step: ONNX has no such activation.
          layers.lstm({ units: 3, ...sequence, activation: 'silu' }).apply(y),
          layers.rnn({ cell: [layers.lstmCell({ units: 4 }), layers.gruCell({ units: 2 })], ...sequence }).apply(y),
          bothWays(layers.lstm({ units: 3, ...sequence })),
          bothWays(layers.simpleRnn({ units: 3, ...sequence, activation: 'relu' })),
        ];
        const ends = [bothWays(layers.gru({ units: 2 })), layers.lstm({ units: 2, goBackwards: true }).apply(x), h, c];
        const pooled = layers.globalAveragePooling1d().apply(layers.concatenate().apply(parts));
        return layers.concatenate().apply([layers.flatten().apply(layers.concatenate().apply(parts)), pooled, ...ends]);
      }),
  },
  {
    name: 'masks',
    tokens: 3,
    make: () => {
      const [a, b] = [layers.input([6], { name: 'left' }), layers.input([6], { name: 'right' })];
      const [left, right, plain] = [true, true, false].map((maskZero, i) =>
        layers.embedding({ inputDim: 3, outputDim: 4, maskZero }).apply(i === 0 ? a : b),
      ) as [Node, Node, Node];
      // Keras names what it computes masks with as it names layers: those of a model must have others.
      const pairs: readonly [Node, Node][] = [
        [left, right],
        [plain, left],
        [left, plain],
      ];
      const joined = pairs.flatMap((pair, i) =>
        [1, -1].map((axis) => layers.concatenate({ axis, name: `joined_${i}_${axis + 1}` }).apply(pair)),
      );
      const ends = joined.flatMap((x) => [
        layers.globalAveragePooling1d().apply(x),
        layers.lstm({ units: 3 }).apply(x),
        layers.bidirectional({ layer: layers.gru({ units: 2 }) }).apply(x),
      ]);
      return models.model({ inputs: [a, b], outputs: layers.concatenate({ name: 'ends' }).apply(ends) });
    },
  },
  {
    name: 'volumes',
    make: () =>
      functional([6, 7, 5, 2], (x) => {
        let y = layers.conv3d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'elu' }).apply(x);
        y = layers.maxPooling3d({ poolSize: 2, padding: 'same' }).apply(y);
        y = layers.conv3dTranspose({ filters: 3, kernelSize: 2, strides: 2 }).apply(y);
        return layers.globalAveragePooling3d().apply(y);
      }),
  },
  {
    name: 'nested',
    make: () => {
      const inner = models.sequential(
        [
          layers.input([10, 10, 3]),
          layers.rescaling({ scale: 1 / 2, offset: -1 }),
          layers.conv2d({ filters: 4, kernelSize: 3 }),
        ],
        { name: 'inner' },
      );
      return functional([10, 10, 3], (x) => layers.globalAveragePooling2d().apply(inner.apply(x)));
    },
  },
];

// What every change is tried with: one network of each kind of block, small enough.
const SMALL: Readonly<Record<string, readonly number[]>> = {
  'mnist-convnet': [28, 28, 1],
  'lecture-cnn': [28, 28, 1],
  mobilenet: [64, 64, 3],
  mobilenet_v2: [64, 64, 3],
  mobilenet_v3_small: [64, 64, 3],
  efficientnetb0: [64, 64, 3],
  shufflenet_v2: [64, 64, 3],
};

const CLASSES = 10;
const SIDE = 96;

/** A network of the zoo, for small pictures where it takes them: its files do not depend on their size. */
function network(name: string, inputShape?: readonly number[]): models.TrainableModel {
  // A softmax of large numbers turns a last digit into another class.
  const options = { classes: CLASSES, classifierActivation: null };
  const made = zoo.create(name, {
    ...options,
    ...(inputShape === undefined ? {} : { inputShape: inputShape as Size }),
  });
  const [, height, , channels] = made.inputShape;
  if (inputShape !== undefined || channels !== 3 || typeof height !== 'number' || height <= SIDE) return made;
  try {
    return zoo.create(name, { ...options, inputShape: [SIDE, SIDE, 3] });
  } catch (error) {
    if (error instanceof FoveaError && ['argument', 'shape'].includes(error.code)) return made;
    throw error;
  }
}

type Size = readonly [height: number, width: number, channels: number];

/** All models, or the small set. */
export function interopModels(isAll: boolean): InteropModel[] {
  const names = isAll ? zoo.list() : Object.keys(SMALL);
  const networks = names.map(
    (name): InteropModel => ({
      name: `zoo ${name}`,
      make: () => network(name, isAll ? undefined : SMALL[name]),
    }),
  );
  return [...made, ...(isAll ? layerModels() : []), ...networks];
}
