// Networks of Keras's applications but for EfficientNet and ConvNeXt, with the addresses and checksums that Keras gives.
import * as densenet from '../applications/densenet.js';
import { inceptionResnetV2 } from '../applications/inception-resnet-v2.js';
import { inceptionV3 } from '../applications/inception-v3.js';
import * as mobilenet from '../applications/mobilenet.js';
import * as mobilenetV3 from '../applications/mobilenet-v3.js';
import { nasnetLarge, nasnetMobile } from '../applications/nasnet.js';
import * as resnet from '../applications/resnet.js';
import * as vgg from '../applications/vgg.js';
import { xception } from '../applications/xception.js';
import type { ZooOptions } from '../options.js';
import { imagenet, type PublishedWeights, papers, KERAS_STORE as STORE, type ZooEntry } from './entry.js';

/** `name_weights_tf_dim_ordering_tf_kernels.h5`, and the same with `_notop`. */
function kernels(folder: string, name: string, top: string, noTop: string): () => PublishedWeights {
  const file = `${name}_weights_tf_dim_ordering_tf_kernels`;
  return () => ({
    baseUrl: `${STORE}${folder}/`,
    top: { name: `${file}.h5`, md5: top },
    noTop: { name: `${file}_notop.h5`, md5: noTop },
  });
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
      licence: 'MIT',
      weights: kernels('resnet', name, top, noTop),
      make,
    }),
  ]);
  return Object.fromEntries(entries);
}

const nasnet = (name: string, top: string, noTop: string) => (): PublishedWeights => ({
  baseUrl: `${STORE}nasnet/`,
  top: { name: `NASNet-${name}.h5`, md5: top },
  noTop: { name: `NASNet-${name}-no-top.h5`, md5: noTop },
});

/** All but EfficientNet and ConvNeXt. */
export const kerasEntries: Readonly<Record<string, ZooEntry>> = {
  vgg16: imagenet({
    licence: 'CC-BY-4.0',
    about: '13 convolutions of 3x3 and three dense layers',
    parameters: 138_357_544,
    preprocessing: 'caffe',
    paper: papers.vgg,
    percent: [71.3, 90.1],
    weights: kernels('vgg16', 'vgg16', '64373286793e3c8b2b4e3219cbf3544b', '6d6bbae143d832006294945121d1f1fc'),
    make: vgg.vgg16,
  }),
  vgg19: imagenet({
    licence: 'CC-BY-4.0',
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
    licence: 'Apache-2.0',
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
    licence: 'Apache-2.0',
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
    licence: 'MIT',
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
    licence: 'BSD-3-Clause',
    about: 'every layer sees all layers before it',
    parameters: 8_062_504,
    preprocessing: 'torch',
    paper: papers.densenet,
    percent: [75, 92.3],
    weights: kernels('densenet', 'densenet121', '9d60b8095a5708f2dcce2bca79d332c7', '30ee3e1110167f948a6b9946edeeb738'),
    make: densenet.densenet121,
  }),
  densenet169: imagenet({
    licence: 'BSD-3-Clause',
    about: 'every layer sees all layers before it',
    parameters: 14_307_880,
    preprocessing: 'torch',
    paper: papers.densenet,
    percent: [76.2, 93.2],
    weights: kernels('densenet', 'densenet169', 'd699b8f76981ab1b30698df4c175e90b', 'b8c4d4c20dd625c148057b9ff1c1176b'),
    make: densenet.densenet169,
  }),
  densenet201: imagenet({
    licence: 'BSD-3-Clause',
    about: 'every layer sees all layers before it',
    parameters: 20_242_984,
    preprocessing: 'torch',
    paper: papers.densenet,
    percent: [77.3, 93.6],
    weights: kernels('densenet', 'densenet201', '1ceb130c1ea1b78c3bf6114dbdfd8807', 'c13680b51ded0fb44dff2d8f86ac8bb1'),
    make: densenet.densenet201,
  }),
  mobilenet: imagenet({
    licence: 'Apache-2.0',
    about: 'depthwise and 1x1 convolutions, for small devices',
    parameters: 4_253_864,
    preprocessing: 'tf',
    paper: papers.mobilenet,
    percent: [70.4, 89.5],
    weights: mobilenetWeights,
    make: mobilenet.mobilenet,
  }),
  mobilenet_v2: imagenet({
    licence: 'Apache-2.0',
    about: 'expanded, filtered, projected, with residuals between the narrow layers',
    parameters: 3_538_984,
    preprocessing: 'tf',
    paper: papers.mobilenetV2,
    percent: [71.3, 90.1],
    weights: mobilenetV2Weights,
    make: mobilenet.mobilenetV2,
  }),
  mobilenet_v3_small: imagenet({
    licence: 'Apache-2.0',
    about: 'MobileNetV2 refined by search, the small one',
    parameters: 2_554_968,
    paper: papers.mobilenetV3,
    weights: mobilenetV3Weights('small'),
    make: mobilenetV3.mobilenetV3Small,
  }),
  mobilenet_v3_large: imagenet({
    licence: 'Apache-2.0',
    about: 'MobileNetV2 refined by search, the large one',
    parameters: 5_507_432,
    paper: papers.mobilenetV3,
    weights: mobilenetV3Weights('large'),
    make: mobilenetV3.mobilenetV3Large,
  }),
  nasnet_mobile: imagenet({
    about: 'two cells found by search, stacked; for small devices',
    parameters: 5_326_716,
    preprocessing: 'tf',
    paper: papers.nasnet,
    licence: 'Apache-2.0',
    percent: [74.4, 91.9],
    weights: nasnet('mobile', '020fb642bf7360b370c678b08e0adf61', '1ed92395b5b598bdda52abe5c0dbfd63'),
    make: nasnetMobile,
  }),
  nasnet_large: imagenet({
    about: 'two cells found by search, stacked',
    parameters: 88_949_818,
    size: 331,
    preprocessing: 'tf',
    paper: papers.nasnet,
    licence: 'Apache-2.0',
    percent: [82.5, 96],
    weights: nasnet('large', '11577c9a518f0070763c2b964a382f17', 'd81d89dc07e6e56530c4e77faddd61b5'),
    make: nasnetLarge,
  }),
};
