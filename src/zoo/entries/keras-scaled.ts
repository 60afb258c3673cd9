// The families of Keras's applications that come in many sizes: EfficientNet, EfficientNetV2 and ConvNeXt.
import type { TrainableModel } from '../../nn/model.js';
import * as convnext from '../applications/convnext.js';
import * as efficientnet from '../applications/efficientnet.js';
import * as efficientnetV2 from '../applications/efficientnet-v2.js';
import type { ZooOptions } from '../options.js';
import { imagenet, type PublishedWeights, papers, KERAS_STORE as STORE, type ZooEntry } from './entry.js';

function plain(baseUrl: string, name: string, top: string, noTop: string): () => PublishedWeights {
  return () => ({ baseUrl, top: { name: `${name}.h5`, md5: top }, noTop: { name: `${name}_notop.h5`, md5: noTop } });
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
      licence: 'Apache-2.0',
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

/** With the second rescaling that the published weights want. */
const forWeights =
  (make: typeof efficientnet.efficientnetB0) =>
  (options: ZooOptions): TrainableModel =>
    make({ ...options, rescalesDeviations: options.weights === 'imagenet' });

function convnextEntry(
  name: string,
  make: ZooEntry['make'],
  parameters: number,
  top1: number,
  sums: readonly [top: string, noTop: string],
): ZooEntry {
  const [top, noTop] = sums;
  return imagenet({
    about: 'a ResNet brought up to date',
    parameters,
    paper: papers.convnext,
    percent: [top1],
    resize: 'bicubic',
    licence: 'MIT',
    weights: () => ({
      baseUrl: `${STORE}convnext/`,
      top: { name: `${name}.h5`, sha256: top },
      noTop: { name: `${name}_notop.h5`, sha256: noTop },
    }),
    make,
  });
}

/** EfficientNet, EfficientNetV2, ConvNeXt. */
export const scaledEntries: Readonly<Record<string, ZooEntry>> = {
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
  convnext_tiny: convnextEntry('convnext_tiny', convnext.convnextTiny, 28_589_128, 81.3, [
    '8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff',
    'd547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1',
  ]),
  convnext_small: convnextEntry('convnext_small', convnext.convnextSmall, 50_223_688, 82.3, [
    'ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c',
    '6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab',
  ]),
  convnext_base: convnextEntry('convnext_base', convnext.convnextBase, 88_591_464, 85.3, [
    '52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6',
    '40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45',
  ]),
  convnext_large: convnextEntry('convnext_large', convnext.convnextLarge, 197_767_336, 86.3, [
    '070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6',
    '96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd',
  ]),
  convnext_xlarge: convnextEntry('convnext_xlarge', convnext.convnextXLarge, 350_196_968, 86.7, [
    'c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee',
    'de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05',
  ]),
};
