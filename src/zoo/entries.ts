// What the zoo has, by name: the network, where it was published, what it wants of its pictures, and where the official
// weights are. Addresses and checksums are those that Keras gives for the same files.
import type { ResizeMethod } from '../data/index.js';
import type { TrainableModel } from '../nn/model.js';
import type { PreprocessMode } from '../vision/preprocess.js';
import * as convnext from './applications/convnext.js';
import * as densenet from './applications/densenet.js';
import * as efficientnet from './applications/efficientnet.js';
import * as efficientnetV2 from './applications/efficientnet-v2.js';
import { inceptionResnetV2 } from './applications/inception-resnet-v2.js';
import { inceptionV3 } from './applications/inception-v3.js';
import * as mobilenet from './applications/mobilenet.js';
import * as mobilenetV3 from './applications/mobilenet-v3.js';
import * as resnet from './applications/resnet.js';
import * as vgg from './applications/vgg.js';
import { xception } from './applications/xception.js';
import { lectureDense, mnistDense } from './dense.js';
import { lectureCnn } from './lecture-cnn.js';
import { mnistConvnet, mnistLab } from './mnist-convnet.js';
import type { ImageModelOptions, ZooOptions } from './options.js';
import * as torch from './torchvision/index.js';

/** How pictures become what the network was trained on; `none`: it takes 0..255, or scales them itself. */
export type Preprocessing = PreprocessMode | 'none';

/** A file of published weights. */
export interface PublishedFile {
  readonly name: string;
  /** Undefined where the publisher gives none. */
  readonly md5?: string;
}

/** Weights trained on ImageNet. */
export interface PublishedWeights {
  /** With a trailing slash. */
  readonly baseUrl: string;
  readonly top: PublishedFile;
  readonly noTop: PublishedFile;
}

/** An architecture of the zoo. */
export interface ZooEntry {
  /** One line for help and docs. */
  readonly about: string;
  readonly task: 'classification';
  /** Of the network as it comes by default; in torchvision's form without batch norm's statistics, as PyTorch counts. */
  readonly parameters: number;
  /** Rows of the pictures it was made for. */
  readonly size: number;
  readonly preprocessing: Preprocessing;
  /** How the published accuracy was measured: the part of a picture that is kept, and how pictures are resized. */
  readonly kept?: number;
  readonly resize?: ResizeMethod;
  /** What it tells apart as it comes by default. */
  readonly labels?: 'imagenet';
  readonly paper?: { readonly authors: string; readonly year: number; readonly arxiv?: string };
  /** Percent of ImageNet's validation pictures, as published with the weights. */
  readonly accuracy?: { readonly top1: number; readonly top5?: number };
  /** The published weights for these options; undefined where there are none. */
  weights?(options: ZooOptions): PublishedWeights | undefined;
  /** What is left to do where published weights were put into a network made without `weights`. */
  adapt?(model: TrainableModel): Promise<void>;
  make(options: ZooOptions): TrainableModel;
}

const STORE = 'https://storage.googleapis.com/tensorflow/keras-applications/';

/** `name_weights_tf_dim_ordering_tf_kernels.h5`, and the same with `_notop`. */
function kernels(folder: string, name: string, top: string, noTop: string): () => PublishedWeights {
  const file = `${name}_weights_tf_dim_ordering_tf_kernels`;
  return () => ({
    baseUrl: `${STORE}${folder}/`,
    top: { name: `${file}.h5`, md5: top },
    noTop: { name: `${file}_notop.h5`, md5: noTop },
  });
}

function plain(baseUrl: string, name: string, top: string, noTop: string): () => PublishedWeights {
  return () => ({ baseUrl, top: { name: `${name}.h5`, md5: top }, noTop: { name: `${name}_notop.h5`, md5: noTop } });
}

/** Rows that a picture of this shape has, where it is one of those the weights were trained for. */
function trainedRows({ inputShape }: ZooOptions): number | undefined {
  const rows = inputShape?.[0] ?? 224;
  return [96, 128, 160, 192, 224].includes(rows) ? rows : undefined;
}

function mobilenetWeights(options: ZooOptions): PublishedWeights | undefined {
  const { alpha = 1 } = options;
  const rows = trainedRows(options);
  const text = ({ 1: '1_0', 0.75: '7_5', 0.5: '5_0', 0.25: '2_5' } as Record<number, string>)[alpha];
  if (text === undefined || rows === undefined) return undefined;
  const file = `mobilenet_${text}_${rows}_tf`;
  return { baseUrl: `${STORE}mobilenet/`, top: { name: `${file}.h5` }, noTop: { name: `${file}_no_top.h5` } };
}

function mobilenetV2Weights(options: ZooOptions): PublishedWeights | undefined {
  const { alpha = 1 } = options;
  const rows = trainedRows(options);
  if (![0.35, 0.5, 0.75, 1, 1.3, 1.4].includes(alpha) || rows === undefined) return undefined;
  const text = Number.isInteger(alpha) ? `${alpha}.0` : `${alpha}`;
  const file = `mobilenet_v2_weights_tf_dim_ordering_tf_kernels_${text}_${rows}`;
  return { baseUrl: `${STORE}mobilenet_v2/`, top: { name: `${file}.h5` }, noTop: { name: `${file}_no_top.h5` } };
}

const V3_SUMS: Readonly<Record<string, readonly [string, string]>> = {
  'large_224_0.75': ['765b44a33ad4005b3ac83185abf1d0eb', '40af19a13ebea4e2ee0c676887f69a2e'],
  'large_224_1.0': ['59e551e166be033d707958cf9e29a6a7', '07fb09a5933dd0c8eaafa16978110389'],
  'small_224_0.75': ['cb65d4e5be93758266aa0a7f2c6708b7', 'ebdb5cc8e0b497cd13a7c275d475c819'],
  'small_224_1.0': ['8768d4c2e7dee89b9d02b2d03d65d862', 'd3e8ec802a04aa4fc771ee12a9a9b836'],
};

const mobilenetV3Weights =
  (kind: 'small' | 'large') =>
  ({ alpha = 1 }: ZooOptions): PublishedWeights | undefined => {
    const name = `${kind}_224_${Number.isInteger(alpha) ? `${alpha}.0` : alpha}`;
    const sums = V3_SUMS[name];
    if (sums === undefined) return undefined;
    const file = `weights_mobilenet_v3_${name}_float`;
    return {
      baseUrl: `${STORE}mobilenet_v3/`,
      top: { name: `${file}.h5`, md5: sums[0] },
      noTop: { name: `${file}_no_top_v2.h5`, md5: sums[1] },
    };
  };

const papers = {
  vgg: { authors: 'Simonyan, Zisserman', year: 2014, arxiv: '1409.1556' },
  resnet: { authors: 'He, Zhang, Ren, Sun', year: 2015, arxiv: '1512.03385' },
  resnetV2: { authors: 'He, Zhang, Ren, Sun', year: 2016, arxiv: '1603.05027' },
  inceptionV3: { authors: 'Szegedy, Vanhoucke, Ioffe, Shlens, Wojna', year: 2015, arxiv: '1512.00567' },
  inceptionResnet: { authors: 'Szegedy, Ioffe, Vanhoucke, Alemi', year: 2016, arxiv: '1602.07261' },
  xception: { authors: 'Chollet', year: 2016, arxiv: '1610.02357' },
  densenet: { authors: 'Huang, Liu, van der Maaten, Weinberger', year: 2016, arxiv: '1608.06993' },
  mobilenet: { authors: 'Howard et al.', year: 2017, arxiv: '1704.04861' },
  mobilenetV2: { authors: 'Sandler et al.', year: 2018, arxiv: '1801.04381' },
  mobilenetV3: { authors: 'Howard et al.', year: 2019, arxiv: '1905.02244' },
  efficientnet: { authors: 'Tan, Le', year: 2019, arxiv: '1905.11946' },
  efficientnetV2: { authors: 'Tan, Le', year: 2021, arxiv: '2104.00298' },
  convnext: { authors: 'Liu et al.', year: 2022, arxiv: '2201.03545' },
  alexnet: { authors: 'Krizhevsky, Sutskever, Hinton', year: 2012 },
  googlenet: { authors: 'Szegedy et al.', year: 2014, arxiv: '1409.4842' },
  squeezenet: { authors: 'Iandola et al.', year: 2016, arxiv: '1602.07360' },
  shufflenet: { authors: 'Ma, Zhang, Zheng, Sun', year: 2018, arxiv: '1807.11164' },
  resnext: { authors: 'Xie, Girshick, Dollar, Tu, He', year: 2016, arxiv: '1611.05431' },
  wideResnet: { authors: 'Zagoruyko, Komodakis', year: 2016, arxiv: '1605.07146' },
} as const;

type Published = Omit<ZooEntry, 'task' | 'size' | 'preprocessing' | 'accuracy'> & {
  readonly size?: number;
  readonly preprocessing?: Preprocessing;
  /** Top 1 and top 5. */
  readonly percent?: readonly [top1: number, top5?: number];
};

/** A classifier of ImageNet's thousand classes. */
function imagenet({ size = 224, preprocessing = 'none', percent, ...rest }: Published): ZooEntry {
  const [top1, top5] = percent ?? [];
  const accuracy = top1 === undefined ? undefined : { top1, ...(top5 === undefined ? {} : { top5 }) };
  return {
    task: 'classification',
    size,
    preprocessing,
    labels: 'imagenet',
    kept: 0.875,
    resize: 'bilinear-antialias',
    ...rest,
    ...(accuracy === undefined ? {} : { accuracy }),
  };
}

type Resnet = readonly [
  make: typeof resnet.resnet50,
  parameters: number,
  top: string,
  noTop: string,
  percent: readonly [number, number],
];

function resnets(version: 1 | 2, rows: Readonly<Record<string, Resnet>>): Record<string, ZooEntry> {
  const entries = Object.entries(rows).map(([name, [make, parameters, top, noTop, percent]]) => [
    name,
    imagenet({
      about: `residual network of ${/\d+/.exec(name)?.[0]} layers${version === 2 ? ', activated before each convolution' : ''}`,
      parameters,
      preprocessing: version === 1 ? 'caffe' : 'tf',
      paper: version === 1 ? papers.resnet : papers.resnetV2,
      percent,
      weights: kernels('resnet', name, top, noTop),
      make,
    }),
  ]);
  return Object.fromEntries(entries);
}

type Sized = readonly [
  make: ZooEntry['make'],
  parameters: number,
  size: number,
  top: string,
  noTop: string,
  percent: readonly [number, number],
];

function efficientnets(
  name: (key: string) => string,
  baseUrl: string,
  paper: ZooEntry['paper'],
  rows: Readonly<Record<string, Sized>>,
  adapt?: ZooEntry['adapt'],
): Record<string, ZooEntry> {
  const entries = Object.entries(rows).map(([key, [make, parameters, size, top, noTop, percent]]) => [
    key,
    imagenet({
      about: `blocks with squeeze-and-excitation, scaled for pictures of ${size}`,
      parameters,
      size,
      // Measured with a border of 16 pixels cut off.
      kept: size / (size + 32),
      resize: 'bicubic',
      percent,
      weights: plain(baseUrl, name(key), top, noTop),
      make,
      ...(paper === undefined ? {} : { paper }),
      ...(adapt === undefined ? {} : { adapt }),
      ...(adapt === undefined ? {} : { adapt }),
    }),
  ]);
  return Object.fromEntries(entries);
}

const convnextEntry = (make: ZooEntry['make'], parameters: number, top1: number): ZooEntry =>
  imagenet({ about: 'a ResNet brought up to date', parameters, paper: papers.convnext, percent: [top1], make });

/** A network in torchvision's form. `parameters` counts as PyTorch does: without the statistics of batch norm. */
const inTorch = (
  about: string,
  parameters: number,
  paper: NonNullable<ZooEntry['paper']>,
  make: ZooEntry['make'],
): ZooEntry => imagenet({ about, parameters, paper, preprocessing: 'torch', make });

const withNorm =
  (make: typeof torch.vgg11): ZooEntry['make'] =>
  (options) =>
    make({ ...options, batchNorm: true });

/** With the second rescaling that the published weights want. */
const forWeights =
  (make: typeof efficientnet.efficientnetB0) =>
  (options: ZooOptions): TrainableModel =>
    make({ ...options, rescalesDeviations: options.weights === 'imagenet' });

/** What the small networks need of the options. */
function small({ inputShape, classes, name }: ZooOptions): ImageModelOptions {
  const shape = inputShape as ImageModelOptions['inputShape'];
  return {
    ...(shape === undefined ? {} : { inputShape: shape }),
    ...(classes === undefined ? {} : { classes }),
    ...(name === undefined ? {} : { name }),
  };
}

/** All architectures. */
export const architectures: Readonly<Record<string, ZooEntry>> = {
  'lecture-cnn': {
    about: "the lecture's Fashion-MNIST network",
    task: 'classification',
    parameters: 1_413_834,
    size: 28,
    preprocessing: 'none',
    make: (options) => lectureCnn(small(options)),
  },
  'lecture-dense': {
    about: 'two dense layers of 300 and 100 units, to compare with',
    task: 'classification',
    parameters: 266_610,
    size: 28,
    preprocessing: 'none',
    make: (options) => lectureDense(small(options)),
  },
  'mnist-convnet': {
    about: 'a small convnet for digits',
    task: 'classification',
    parameters: 93_322,
    size: 28,
    preprocessing: 'none',
    make: (options) => mnistConvnet(small(options)),
  },
  'mnist-lab': {
    about: 'two padded convolutions and a dense layer of 128 units',
    task: 'classification',
    parameters: 421_642,
    size: 28,
    preprocessing: 'none',
    make: (options) => mnistLab(small(options)),
  },
  'mnist-dense': {
    about: 'one dense layer of 512 units',
    task: 'classification',
    parameters: 407_050,
    size: 28,
    preprocessing: 'none',
    make: (options) => mnistDense(small(options)),
  },
  vgg16: imagenet({
    about: '13 convolutions of 3x3 and three dense layers',
    parameters: 138_357_544,
    preprocessing: 'caffe',
    paper: papers.vgg,
    percent: [71.3, 90.1],
    weights: kernels('vgg16', 'vgg16', '64373286793e3c8b2b4e3219cbf3544b', '6d6bbae143d832006294945121d1f1fc'),
    make: vgg.vgg16,
  }),
  vgg19: imagenet({
    about: '16 convolutions of 3x3 and three dense layers',
    parameters: 143_667_240,
    preprocessing: 'caffe',
    paper: papers.vgg,
    percent: [71.3, 90],
    weights: kernels('vgg19', 'vgg19', 'cbe5617147190e668d6c5d5026f83318', '253f8cb515780f3b799900260a226db6'),
    make: vgg.vgg19,
  }),
  ...resnets(1, {
    resnet50: [
      resnet.resnet50,
      25_636_712,
      '2cb95161c43110f7111970584f804107',
      '4d473c1dd8becc155b73f8504c6f6626',
      [74.9, 92.1],
    ],
    resnet101: [
      resnet.resnet101,
      44_707_176,
      'f1aeb4b969a6efcfb50fad2f0c20cfc5',
      '88cf7a10940856eca736dc7b7e228a21',
      [76.4, 92.8],
    ],
    resnet152: [
      resnet.resnet152,
      60_419_944,
      '100835be76be38e30d865e96f2aaae62',
      'ee4c566cf9a93f14d82f913c2dc6dd0c',
      [76.6, 93.1],
    ],
  }),
  ...resnets(2, {
    resnet50v2: [
      resnet.resnet50v2,
      25_613_800,
      '3ef43a0b657b3be2300d5770ece849e0',
      'fac2f116257151a9d068a22e544a4917',
      [76, 93],
    ],
    resnet101v2: [
      resnet.resnet101v2,
      44_675_560,
      '6343647c601c52e1368623803854d971',
      'c0ed64b8031c3730f411d2eb4eea35b5',
      [77.2, 93.8],
    ],
    resnet152v2: [
      resnet.resnet152v2,
      60_380_648,
      'a49b44d1979771252814e80f8ec446f9',
      'ed17cf2e0169df9d443503ef94b23b33',
      [78, 94.2],
    ],
  }),
  inception_v3: imagenet({
    about: 'inception blocks with kernels taken apart',
    parameters: 23_851_784,
    size: 299,
    preprocessing: 'tf',
    paper: papers.inceptionV3,
    percent: [77.9, 93.7],
    weights: kernels(
      'inception_v3',
      'inception_v3',
      '9a0d58056eeedaa3f26cb7ebd46da564',
      'bcbd6486424b2319ff4ef7d526e38f63',
    ),
    make: inceptionV3,
  }),
  inception_resnet_v2: imagenet({
    about: 'inception blocks with residual connections',
    parameters: 55_873_736,
    size: 299,
    preprocessing: 'tf',
    paper: papers.inceptionResnet,
    percent: [80.3, 95.3],
    weights: kernels(
      'inception_resnet_v2',
      'inception_resnet_v2',
      'e693bd0210a403b3192acc6073ad2e96',
      'd19885ff4a710c122648d3b5c3b684e4',
    ),
    make: inceptionResnetV2,
  }),
  xception: imagenet({
    about: 'depthwise separable convolutions with residual connections',
    parameters: 22_910_480,
    size: 299,
    preprocessing: 'tf',
    paper: papers.xception,
    percent: [79, 94.5],
    weights: kernels('xception', 'xception', '0a58e3b7378bc2990ea3b43d5981f1f6', 'b0042744bf5b25fce3cb969f33bebb97'),
    make: xception,
  }),
  densenet121: imagenet({
    about: 'every layer sees all layers before it',
    parameters: 8_062_504,
    preprocessing: 'torch',
    paper: papers.densenet,
    percent: [75, 92.3],
    weights: kernels('densenet', 'densenet121', '9d60b8095a5708f2dcce2bca79d332c7', '30ee3e1110167f948a6b9946edeeb738'),
    make: densenet.densenet121,
  }),
  densenet169: imagenet({
    about: 'every layer sees all layers before it',
    parameters: 14_307_880,
    preprocessing: 'torch',
    paper: papers.densenet,
    percent: [76.2, 93.2],
    weights: kernels('densenet', 'densenet169', 'd699b8f76981ab1b30698df4c175e90b', 'b8c4d4c20dd625c148057b9ff1c1176b'),
    make: densenet.densenet169,
  }),
  densenet201: imagenet({
    about: 'every layer sees all layers before it',
    parameters: 20_242_984,
    preprocessing: 'torch',
    paper: papers.densenet,
    percent: [77.3, 93.6],
    weights: kernels('densenet', 'densenet201', '1ceb130c1ea1b78c3bf6114dbdfd8807', 'c13680b51ded0fb44dff2d8f86ac8bb1'),
    make: densenet.densenet201,
  }),
  mobilenet: imagenet({
    about: 'depthwise and 1x1 convolutions, for small devices',
    parameters: 4_253_864,
    preprocessing: 'tf',
    paper: papers.mobilenet,
    percent: [70.4, 89.5],
    weights: mobilenetWeights,
    make: mobilenet.mobilenet,
  }),
  mobilenet_v2: imagenet({
    about: 'expanded, filtered, projected, with residuals between the narrow layers',
    parameters: 3_538_984,
    preprocessing: 'tf',
    paper: papers.mobilenetV2,
    percent: [71.3, 90.1],
    weights: mobilenetV2Weights,
    make: mobilenet.mobilenetV2,
  }),
  mobilenet_v3_small: imagenet({
    about: 'MobileNetV2 refined by search, the small one',
    parameters: 2_554_968,
    paper: papers.mobilenetV3,
    weights: mobilenetV3Weights('small'),
    make: mobilenetV3.mobilenetV3Small,
  }),
  mobilenet_v3_large: imagenet({
    about: 'MobileNetV2 refined by search, the large one',
    parameters: 5_507_432,
    paper: papers.mobilenetV3,
    weights: mobilenetV3Weights('large'),
    make: mobilenetV3.mobilenetV3Large,
  }),
  ...efficientnets(
    (key) => key,
    'https://storage.googleapis.com/keras-applications/',
    papers.efficientnet,
    {
      efficientnetb0: [
        forWeights(efficientnet.efficientnetB0),
        5_330_571,
        224,
        '902e53a9f72be733fc0bcb005b3ebbac',
        '50bc09e76180e00e4465e1a485ddc09d',
        [77.1, 93.3],
      ],
      efficientnetb1: [
        forWeights(efficientnet.efficientnetB1),
        7_856_239,
        240,
        '1d254153d4ab51201f1646940f018540',
        '74c4e6b3e1f6a1eea24c589628592432',
        [79.1, 94.4],
      ],
      efficientnetb2: [
        forWeights(efficientnet.efficientnetB2),
        9_177_569,
        260,
        'b15cce36ff4dcbd00b6dd88e7857a6ad',
        '111f8e2ac8aa800a7a99e3239f7bfb39',
        [80.1, 94.9],
      ],
      efficientnetb3: [
        forWeights(efficientnet.efficientnetB3),
        12_320_535,
        300,
        'ffd1fdc53d0ce67064dc6a9c7960ede0',
        'af6d107764bb5b1abb91932881670226',
        [81.6, 95.7],
      ],
      efficientnetb4: [
        forWeights(efficientnet.efficientnetB4),
        19_466_823,
        380,
        '18c95ad55216b8f92d7e70b3a046e2fc',
        'ebc24e6d6c33eaebbd558eafbeedf1ba',
        [82.9, 96.4],
      ],
      efficientnetb5: [
        forWeights(efficientnet.efficientnetB5),
        30_562_527,
        456,
        'ace28f2a6363774853a83a0b21b9421a',
        '38879255a25d3c92d5e44e04ae6cec6f',
        [83.6, 96.7],
      ],
      efficientnetb6: [
        forWeights(efficientnet.efficientnetB6),
        43_265_143,
        528,
        '165f6e37dce68623721b423839de8be5',
        '9ecce42647a20130c1f39a5d4cb75743',
        [84, 96.8],
      ],
      efficientnetb7: [
        forWeights(efficientnet.efficientnetB7),
        66_658_687,
        600,
        '8c03f828fec3ef71311cd463b6759d99',
        'cbcfe4450ddf6f3ad90b1b398090fe4a',
        [84.3, 97],
      ],
    },
    efficientnet.foldDeviations,
  ),
  ...efficientnets(
    (key) => key.replace('efficientnetv2', 'efficientnetv2-'),
    `${STORE}efficientnet_v2/`,
    papers.efficientnetV2,
    {
      efficientnetv2b0: [
        efficientnetV2.efficientnetV2B0,
        7_200_312,
        224,
        '21ecbf6da12460d5c40bb2f29ceb2188',
        '893217f2bb855e2983157299931e43ff',
        [78.7, 94.3],
      ],
      efficientnetv2b1: [
        efficientnetV2.efficientnetV2B1,
        8_212_124,
        240,
        '069f0534ff22adf035c89e2d9547a9dc',
        '0e80663031ca32d657f9caa404b6ec37',
        [79.8, 95],
      ],
      efficientnetv2b2: [
        efficientnetV2.efficientnetV2B2,
        10_178_374,
        260,
        '424e49f28180edbde1e94797771950a7',
        '1dfe2e7a5d45b6632553a8961ea609eb',
        [80.5, 95.1],
      ],
      efficientnetv2b3: [
        efficientnetV2.efficientnetV2B3,
        14_467_622,
        300,
        '1f1fc43bd98a6e4fd8fdfd551e02c7a0',
        'f6abf7b5849ac99a89b50dd3fd532856',
        [82, 95.8],
      ],
      efficientnetv2s: [
        efficientnetV2.efficientnetV2S,
        21_612_360,
        384,
        'e1d88a8495beba45748fedd0cecbe016',
        'af0682fb74e8c54910f2d4393339c070',
        [83.9, 96.7],
      ],
      efficientnetv2m: [
        efficientnetV2.efficientnetV2M,
        54_431_388,
        480,
        'a3bf6aa3276309f4fc6a34aa114c95cd',
        '1b8dc055df72dde80d614482840fe342',
        [85.3, 97.4],
      ],
      efficientnetv2l: [
        efficientnetV2.efficientnetV2L,
        119_027_848,
        480,
        '27e6d408b53c7ebc868fefa357689935',
        'b0b66b5c863aef5b46e8608fe1711615',
        [85.7, 97.5],
      ],
    },
  ),
  convnext_tiny: convnextEntry(convnext.convnextTiny, 28_589_128, 81.3),
  convnext_small: convnextEntry(convnext.convnextSmall, 50_223_688, 82.3),
  convnext_base: convnextEntry(convnext.convnextBase, 88_591_464, 85.3),
  convnext_large: convnextEntry(convnext.convnextLarge, 197_767_336, 86.3),
  convnext_xlarge: convnextEntry(convnext.convnextXLarge, 350_196_968, 86.7),
  alexnet: inTorch('five convolutions and three dense layers', 61_100_840, papers.alexnet, torch.alexnet),
  googlenet: inTorch('inception blocks with batch norm', 6_624_904, papers.googlenet, torch.googlenet),
  squeezenet1_0: inTorch(
    "AlexNet's accuracy in a fiftieth of the parameters",
    1_248_424,
    papers.squeezenet,
    torch.squeezenet10,
  ),
  squeezenet1_1: inTorch('SqueezeNet at less than half the cost', 1_235_496, papers.squeezenet, torch.squeezenet11),
  shufflenet_v2: inTorch(
    'half of the channels pass by each block, then all are shuffled',
    2_278_604,
    papers.shufflenet,
    torch.shufflenetV2,
  ),
  resnet18: inTorch('residual network of 18 layers', 11_689_512, papers.resnet, torch.resnet18),
  resnet34: inTorch('residual network of 34 layers', 21_797_672, papers.resnet, torch.resnet34),
  'torchvision/resnet50': inTorch('residual network of 50 layers', 25_557_032, papers.resnet, torch.resnet50),
  'torchvision/resnet101': inTorch('residual network of 101 layers', 44_549_160, papers.resnet, torch.resnet101),
  'torchvision/resnet152': inTorch('residual network of 152 layers', 60_192_808, papers.resnet, torch.resnet152),
  resnext50: inTorch('ResNet-50 with 3x3 convolutions in 32 groups', 25_028_904, papers.resnext, torch.resnext50),
  resnext101: inTorch('ResNet-101 with 3x3 convolutions in 32 groups', 88_791_336, papers.resnext, torch.resnext101),
  wide_resnet50: inTorch(
    'ResNet-50 with twice the channels inside its blocks',
    68_883_240,
    papers.wideResnet,
    torch.wideResnet50,
  ),
  'torchvision/vgg11': inTorch('8 convolutions of 3x3 and three dense layers', 132_863_336, papers.vgg, torch.vgg11),
  'torchvision/vgg11_bn': inTorch('VGG-11 with batch norm', 132_868_840, papers.vgg, withNorm(torch.vgg11)),
  'torchvision/vgg13': inTorch('10 convolutions of 3x3 and three dense layers', 133_047_848, papers.vgg, torch.vgg13),
  'torchvision/vgg13_bn': inTorch('VGG-13 with batch norm', 133_053_736, papers.vgg, withNorm(torch.vgg13)),
  'torchvision/vgg16': inTorch('13 convolutions of 3x3 and three dense layers', 138_357_544, papers.vgg, torch.vgg16),
  'torchvision/vgg16_bn': inTorch('VGG-16 with batch norm', 138_365_992, papers.vgg, withNorm(torch.vgg16)),
  'torchvision/vgg19': inTorch('16 convolutions of 3x3 and three dense layers', 143_667_240, papers.vgg, torch.vgg19),
  'torchvision/vgg19_bn': inTorch('VGG-19 with batch norm', 143_678_248, papers.vgg, withNorm(torch.vgg19)),
};
