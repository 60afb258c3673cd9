// Networks of Caffe. The figures are PyTorch 2.15's in float64, whose poolings and norms count as Caffe's do: every array is
// sin(i + 1 + offset) / 2 in Caffe's order, the input sin(i / 10) of [4,7,6] in Caffe's order; the shape of the result, its first
// four values with the channels last, and the sum of all.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sizeOf } from '../../src/core/shape.js';
import { disposeEngine, setEngine } from '../../src/engine/current.js';
import '../../src/engine/install.js';
import { type CaffeBlob, readCaffeModel, writeCaffeModel } from '../../src/formats/caffe.js';
import { readPrototxt } from '../../src/formats/prototxt.js';
import { loadCaffe } from '../../src/interchange/caffe/index.js';
import * as models from '../../src/interchange/models.js';
import type { TrainableModel } from '../../src/nn/model.js';

const text = (source: string): Uint8Array => new TextEncoder().encode(source);

function blob(shape: readonly number[], offset = 0, change: (value: number) => number = (value) => value): CaffeBlob {
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => change(Math.sin(i + 1 + offset) / 2)) };
}

/** Channels, rows and columns, by a value for each place in this order; given with the channels last. */
function picture(c: number, h: number, w: number, at: (i: number) => number = (i) => Math.sin(i / 10)) {
  const data = new Float32Array(c * h * w);
  for (let i = 0; i < c; i++) for (let cell = 0; cell < h * w; cell++) data[cell * c + i] = at(i * h * w + cell);
  return { data, shape: [1, h, w, c], dtype: 'float32' as const };
}

const HEAD = 'name: "tiny"\ninput: "data"\ninput_dim: 1 input_dim: 4 input_dim: 7 input_dim: 6\n';
const layer = (type: string, settings = '', bottom = 'data', name = 'it', top = name): string =>
  `layer { name: "${name}" type: "${type}" bottom: "${bottom}" top: "${top}" ${settings} }\n`;

async function load(layers: string, blobs: Readonly<Record<string, readonly CaffeBlob[]>> = {}, head = HEAD) {
  const entries = Object.entries(blobs);
  const numbers = entries.length === 0 ? {} : { caffemodel: writeCaffeModel(new Map(entries)) };
  return loadCaffe({ prototxt: text(head + layers), ...numbers });
}

async function expectResult(model: TrainableModel, want: readonly [readonly number[], readonly number[]], shift = 0) {
  const x = picture(4, 7, 6, (i) => Math.sin(i / 10) + shift);
  const { data, shape } = await model.predict(x);
  expect(shape.slice(1)).toEqual(want[0]);
  const values = Array.from(data as Float32Array);
  const got = [...values.slice(0, want[1].length - 1), values.reduce((sum, value) => sum + value, 0)];
  got.forEach((value, i) => {
    const [wanted, allowed] = [want[1][i] as number, i === got.length - 1 ? 3e-5 * Math.sqrt(values.length) : 3e-6];
    expect(Math.abs(value - wanted), `value ${i}: ${value}, not ${wanted}`).toBeLessThan(allowed);
  });
}

beforeAll(async () => {
  await setEngine('native', { threads: 1 });
});
afterAll(() => disposeEngine());

const convolutions: readonly (readonly [
  string,
  string,
  string,
  readonly CaffeBlob[],
  readonly [readonly number[], readonly number[]],
])[] = [
  [
    'in groups',
    'Convolution',
    'convolution_param { num_output: 6 kernel_size: 3 stride: 2 pad: 1 group: 2 }',
    [blob([6, 2, 3, 3]), blob([6])],
    [
      [4, 3, 6],
      [0.937031, 0.934899, 0.188499, -0.009849, 35.84322],
    ],
  ],
  [
    'of other rows and columns',
    'Convolution',
    'convolution_param { num_output: 3 kernel_h: 3 kernel_w: 2 stride_h: 1 stride_w: 2 pad_h: 1 pad_w: 0 }',
    [blob([3, 4, 3, 2]), blob([3])],
    [
      [7, 3, 3],
      [0.158288, 0.36906, 0.260398, 0.074866, 20.3314],
    ],
  ],
  [
    'of cells apart',
    'Convolution',
    'convolution_param { num_output: 3 kernel_h: 3 kernel_w: 2 pad_h: 1 pad_w: 0 dilation: 2 dilation: 1 }',
    [blob([3, 4, 3, 2]), blob([3])],
    [
      [5, 5, 3],
      [-0.006197, 0.392643, 0.44489, 0.013403, 30.56313],
    ],
  ],
  [
    'turned around',
    'Deconvolution',
    'convolution_param { num_output: 3 kernel_size: 4 stride: 2 pad: 1 }',
    [blob([4, 3, 4, 4]), blob([3])],
    [
      [14, 12, 3],
      [1.07732, -0.294066, 0.848004, 1.012326, 200.21494],
    ],
  ],
  [
    'turned around in groups',
    'Deconvolution',
    'convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1 group: 4 bias_term: false }',
    [blob([4, 1, 4, 4])],
    [
      [14, 12, 4],
      [0.0, 0.003857, 0.126638, -0.009394, 10.25432],
    ],
  ],
  [
    'turned around, smaller than its stride',
    'Deconvolution',
    'convolution_param { num_output: 2 kernel_size: 1 stride: 2 }',
    [blob([4, 2, 1, 1]), blob([2])],
    [
      [13, 11, 2],
      [-0.039466, 0.681693, 0.420735, 0.454649, 160.30232],
    ],
  ],
  [
    'inner product',
    'InnerProduct',
    'inner_product_param { num_output: 5 }',
    [blob([5, 168]), blob([5])],
    [[5], [0.58408, 0.068902, -0.034817, 0.023181, 0.20691]],
  ],
  [
    'inner product, transposed',
    'InnerProduct',
    'inner_product_param { num_output: 5 transpose: true }',
    [blob([168, 5]), blob([5])],
    [[5], [0.049485, 0.13498, 0.096375, -0.030837, 0.12031]],
  ],
  [
    'norm',
    'BatchNorm',
    'batch_norm_param { eps: 0.001 use_global_stats: true }',
    [
      blob([4], 0, (value) => 4 * value),
      blob([4], 0, (value) => 4 * (value * value + 0.5)),
      { shape: [1], data: new Float32Array([4]) },
    ],
    [
      [7, 6, 4],
      [-0.510962, -1.576488, 1.102228, 0.513354, -12.59753],
    ],
  ],
  [
    'scale',
    'Scale',
    'scale_param { bias_term: true }',
    [blob([4]), blob([4], 2)],
    [
      [7, 6, 4],
      [0.07056, -0.774662, -0.419162, -0.152431, -39.48335],
    ],
  ],
];

const others: readonly (readonly [string, string, string, readonly [readonly number[], readonly number[]], number?])[] =
  [
    [
      'max, over the edge',
      'Pooling',
      'pooling_param { pool: MAX kernel_size: 3 stride: 2 }',
      [
        [3, 3, 4],
        [0.98545, -0.631267, 0.854599, 0.990607, 18.79656],
      ],
    ],
    [
      'max, padded',
      'Pooling',
      'pooling_param { pool: MAX kernel_size: 3 stride: 2 pad: 1 }',
      [
        [4, 4, 4],
        [-2.355782, -3.871576, -2.145401, -2.33043, -166.76405],
      ],
      -3,
    ],
    [
      'mean, over the edge',
      'Pooling',
      'pooling_param { pool: AVE kernel_size: 3 stride: 2 }',
      [
        [3, 3, 4],
        [0.567307, -0.865162, 0.281003, 0.589633, 3.85588],
      ],
    ],
    [
      'mean, padded',
      'Pooling',
      'pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }',
      [
        [4, 4, 4],
        [0.14541, -0.418484, 0.264923, 0.158722, 4.13799],
      ],
    ],
    [
      'mean, rounded down',
      'Pooling',
      'pooling_param { pool: AVE kernel_size: 2 stride: 3 round_mode: FLOOR }',
      [
        [2, 2, 4],
        [0.327173, -0.94159, 0.596076, 0.357125, 2.2949],
      ],
    ],
    [
      'mean of all',
      'Pooling',
      'pooling_param { pool: AVE global_pooling: true }',
      [
        [1, 1, 4],
        [0.364904, -0.013644, -0.351526, 0.358323, 0.35806],
      ],
    ],
    [
      'norm over channels',
      'LRN',
      'lrn_param { local_size: 3 alpha: 0.5 beta: .75 k: 2 }',
      [
        [7, 6, 4],
        [0.0, -0.47469, 0.465414, 0.019125, 8.54207],
      ],
    ],
    [
      'norm within a channel',
      'LRN',
      'lrn_param { local_size: 3 alpha: 0.5 beta: .75 norm_region: WITHIN_CHANNEL }',
      [
        [7, 6, 4],
        [0.0, -0.761333, 0.800511, 0.032521, 12.22559],
      ],
    ],
    [
      'softmax',
      'Softmax',
      '',
      [
        [7, 6, 4],
        [0.208207, 0.087091, 0.489376, 0.215326, 42.0],
      ],
    ],
    ['flatten', 'Flatten', '', [[168], [0, 0.099833, 0.198669, 0.29552, 15.0384]]],
    [
      "reshape, in Caffe's order",
      'Reshape',
      'reshape_param { shape { dim: 0 dim: 8 dim: 0 dim: -1 } }',
      [
        [8, 7, 3],
        [0, 0.099833, 0.198669, 0.29552, 15.0384],
      ],
    ],
  ];

describe('layers of Caffe', () => {
  test.each(convolutions)('%s', async (_name, type, settings, blobs, want) => {
    await expectResult(await load(layer(type, settings), { it: blobs }), want);
  });

  test.each(others.map((each) => [each[0], each] as const))('%s', async (_name, each) => {
    const [, type, settings, want, shift = 0] = each;
    await expectResult(await load(layer(type, settings)), want, shift);
  });

  test('a norm and the scale behind it become one layer', async () => {
    const norm = [blob([4]), blob([4], 0, (value) => value * value + 0.5), { shape: [1], data: new Float32Array([1]) }];
    const scale = [blob([4], 3), blob([4], 7)];
    const want = [
      [7, 6, 4],
      [0.688169, 0.962455, -0.426151, -0.331232, 25.4618],
    ] as const;
    for (const top of ['norm', 'scale']) {
      const model = await load(
        layer('BatchNorm', '', 'data', 'norm') +
          layer('Scale', 'scale_param { bias_term: true }', 'norm', 'scale', top),
        { norm, scale },
      );
      expect(model.layers.map(({ className }) => className)).toEqual(['InputLayer', 'BatchNormalization']);
      await expectResult(model, want);
    }
  });

  test('slopes, one for each channel or one for all', async () => {
    await expectResult(
      await load(layer('PReLU'), { it: [blob([4])] }),
      [
        [7, 6, 4],
        [-0.210368, -0.623585, 0.354599, 0.176478, 5.09829],
      ],
      -0.5,
    );
    await expectResult(
      await load(layer('PReLU', 'prelu_param { channel_shared: true }'), { it: [blob([])] }),
      [
        [7, 6, 4],
        [-0.210368, -0.577071, 0.354599, -0.196221, -17.12269],
      ],
      -0.5,
    );
  });

  test('a chain in place, and its order of axes at the end', async () => {
    const net =
      layer('Convolution', 'convolution_param { num_output: 2 kernel_size: 3 bias_term: false }', 'data', 'conv') +
      layer('ReLU', '', 'conv', 'relu', 'conv') +
      layer('Dropout', '', 'conv', 'drop', 'conv') +
      layer('InnerProduct', 'inner_product_param { num_output: 3 bias_term: false }', 'conv', 'ip') +
      'layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }';
    const blobs = { conv: [blob([2, 4, 3, 3])], ip: [blob([3, 40])] };
    await expectResult(await load(net, blobs), [[3], [0.607774, -0.552319, 0.128951, 0.18441]]);
  });

  test('split, slice, eltwise, concat, crop and permute', async () => {
    const net =
      'layer { name: "two" type: "Split" bottom: "data" top: "a" top: "b" }\n' +
      'layer { name: "slice" type: "Slice" bottom: "a" top: "s1" top: "s2" slice_param { axis: 1 slice_point: 1 } }\n' +
      'layer { name: "back" type: "Concat" bottom: "s1" bottom: "s2" top: "c" }\n' +
      'layer { name: "twice" type: "Eltwise" bottom: "c" bottom: "b" top: "d" eltwise_param { operation: SUM coeff: 3 coeff: -1 } }\n' +
      'layer { name: "rows" type: "Concat" bottom: "b" bottom: "d" top: "rows" concat_param { axis: 2 } }\n';
    await expectResult(await load(net), [
      [14, 6, 4],
      [0.0, -0.871576, 0.854599, 0.033623, 45.11519],
    ]);
    const cut = net + layer('Crop', 'bottom: "b" crop_param { axis: 2 offset: 7 offset: 0 }', 'rows', 'cut');
    await expectResult(await load(cut), [
      [7, 6, 4],
      [0.0, -2 * 0.871576, 2 * 0.854599, 2 * 0.033623, 2 * 15.0384],
    ]);
    const turned =
      layer('Permute', 'permute_param { order: 0 order: 2 order: 3 order: 1 }', 'data', 'turned') +
      layer('Flatten', '', 'turned', 'flat');
    await expectResult(await load(turned), [[168], [0, -0.871576, 0.854599, 0.033623, 15.0384]]);
    for (const [operation, first] of [
      ['PROD', 0.854599 ** 2],
      ['MAX', 0.854599],
    ] as const) {
      const model = await load(
        `layer { name: "e" type: "Eltwise" bottom: "data" bottom: "data" top: "e" eltwise_param { operation: ${operation} } }`,
      );
      expect(((await model.predict(picture(4, 7, 6))).data as Float32Array)[2]).toBeCloseTo(first, 5);
    }
  });

  test.each([
    ['Sigmoid', '', (x: number) => 1 / (1 + Math.exp(-x))],
    ['TanH', '', Math.tanh],
    ['ReLU', 'relu_param { negative_slope: 0.25 }', (x: number) => (x > 0 ? x : x / 4)],
    ['ELU', 'elu_param { alpha: 2 }', (x: number) => (x > 0 ? x : 2 * Math.expm1(x))],
    ['BNLL', '', (x: number) => Math.log1p(Math.exp(x))],
    ['Power', 'power_param { scale: 2 shift: -1 }', (x: number) => 2 * x - 1],
  ] as const)('%s', async (type, settings, want) => {
    const x = picture(4, 7, 6);
    const { data } = await (await load(layer(type, settings))).predict(x);
    (data as Float32Array).forEach((value, i) => {
      expect(value).toBeCloseTo(want(x.data[i] as number), 5);
    });
  });

  test('the older generation, and inputs said in every way', async () => {
    const old =
      'layers { name: "it" type: CONVOLUTION bottom: "data" top: "it" convolution_param < num_output: 6, kernel_size: 3; stride: 2 pad: 1 group: 2 > }';
    const blobs = new Map([['it', [blob([6, 2, 3, 3]), blob([1, 1, 1, 6])]]]);
    for (const isOld of [true, false]) {
      const model = await loadCaffe({ prototxt: text(HEAD + old), caffemodel: writeCaffeModel(blobs, { isOld }) });
      await expectResult(model, [
        [4, 3, 6],
        [0.937031, 0.934899, 0.188499, -0.009849, 35.84322],
      ]);
    }
    for (const head of [
      'input: "data" input_shape { dim: [1, 4, 7, 6] }',
      "layer { name: 'in' type: 'Input' top: 'data' input_param { shape: { dim: 1 dim: 4 dim: 7 dim: 6 } } } # remark\n",
      'layer { name: "in" type: "MemoryData" top: "data" top: "label" memory_data_param { batch_size: 1 channels: 4 height: 7 width: 6 } }',
    ]) {
      expect((await load(layer('ReLU'), {}, head)).inputs.map(({ shape }) => shape)).toEqual([[null, 7, 6, 4]]);
    }
  });

  test('data layers of training give the preparation, and phases their layers', async () => {
    const data = (phase: string, scale: string): string =>
      `layer { name: "d" type: "Data" top: "data" top: "label" include { phase: ${phase} } transform_param { ${scale} crop_size: 8 mean_value: 104 mean_value: 117 mean_value: 123 } }\n`;
    const net = `${data('TRAIN', 'scale: 3')}${data('TEST', 'scale: 0.5')}${layer('Convolution', 'convolution_param { num_output: 1 kernel_size: 1 bias_term: false }')}${layer('Accuracy', 'bottom: "label" include { phase: TEST }', 'it', 'accuracy')}`;
    const model = await load(net, { it: [blob([1, 3, 1, 1])] }, '');
    expect(model.inputs.map(({ shape }) => shape)).toEqual([[null, 8, 8, 3]]);
    expect(model.metadata).toEqual({
      source: 'caffe',
      preprocessing: {
        mode: 'standardize',
        mean: [104, 117, 123],
        std: [2, 2, 2],
        size: [8, 8],
        channels: 3,
        channelOrder: 'bgr',
      },
    });
    const copy = await models.load(await model.toBytes());
    expect(await copy.getWeights()).toEqual(await model.getWeights());
  });
});

test('the two files are told by their content and found beside each other', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-caffe-'));
  writeFileSync(join(folder, 'net.prototxt'), HEAD + layer('PReLU'));
  writeFileSync(join(folder, 'net.caffemodel'), writeCaffeModel(new Map([['it', [blob([4])]]])));
  for (const name of ['net.prototxt', 'net.caffemodel']) {
    const model = await models.load(join(folder, name));
    expect(await model.getWeights()).toEqual([blob([4]).data]);
  }
  writeFileSync(join(folder, 'net.prototxt'), `layer { type: "Data" top: "data" }${layer('PReLU')}`);
  const open = await models.load(join(folder, 'net.caffemodel'), { inputShape: [2, 3, 4] });
  expect(open.inputs[0]?.shape).toEqual([null, 2, 3, 4]);
});

describe('files that do not fit', () => {
  const conv = layer('Convolution', 'convolution_param { num_output: 6 kernel_size: 3 }');
  test.each([
    ['no network', 'name: "x"', 'it has no layers'],
    [
      'something else',
      '{"a": 1}',
      "this is not a .prototxt of Caffe: '{' is not expected here.\n  at network.prototxt: line 1",
    ],
    ['one that breaks off', `${HEAD}${conv.slice(0, -3)}`, "'}' is missing: the file is truncated"],
    ['a text without end', 'name: "x', 'a text has no end'],
    ['a number that is none', `${HEAD}layer { a: 0x1g }`, "'0x1g' is no number"],
    [
      'a word for a number',
      `${HEAD}${layer('Pooling', 'pooling_param { kernel_size: big }')}`,
      'kernel_size must be a number',
    ],
    ['messages without end', `${'a { '.repeat(100)}`, 'nested more than 32 deep'],
    [
      'an unknown type',
      `${HEAD}${layer('PriorBox')}`,
      "layers of Caffe's type PriorBox are not known.\n  at network.prototxt: line 4",
    ],
    [
      'a blob that nobody makes',
      `${HEAD}${layer('ReLU', '', 'nowhere')}`,
      'layer "it" reads "nowhere", which no layer before it makes',
    ],
    ['a first generation', `${HEAD}layers { layer { name: "x" type: "conv" } }`, 'first generation'],
    ['no kernel', `${HEAD}${layer('Convolution', 'convolution_param { num_output: 6 }')}`, 'kernel_size is missing'],
    [
      'a window beyond the map',
      `${HEAD}${layer('Convolution', 'convolution_param { num_output: 6 kernel_size: 9 }')}`,
      'does not fit a map of 7x6',
    ],
    [
      'weights of terabytes',
      `${HEAD}${layer('InnerProduct', 'inner_product_param { num_output: 16777216 }')}`,
      'they are too large',
    ],
    [
      'a map without end',
      `${HEAD}${Array.from({ length: 40 }, (_, i) => layer('Concat', `bottom: "b${i}"`, `b${i}`, `b${i + 1}`))
        .join('')
        .replaceAll('"b0"', '"data"')}`,
      'is refused: it is too large',
    ],
    ['no size', `layer { type: "Data" top: "data" }${layer('ReLU')}`, 'does not say of which size its input "data" is'],
    [
      'a norm of two tops before its scale',
      `${HEAD}${layer('BatchNorm', 'top: "more"', 'data', 'norm')}${layer('Scale', '', 'norm', 'scaled')}`,
      'it has 2 tops, more than it makes',
    ],
    ['a power', `${HEAD}${layer('Power', 'power_param { power: 2 }')}`, 'powers other than 1 are not supported'],
  ])('%s', async (_name, prototxt, why) => {
    await expect(loadCaffe({ prototxt: text(prototxt) })).rejects.toThrow(why);
  });

  test('numbers that do not fit, or are not there', async () => {
    await expect(load(conv, { it: [blob([6, 4, 3, 3]), blob([5])] })).rejects.toThrow(
      'layer "it" (Convolution): its bias of shape [5] has 5 numbers where 6 are needed',
    );
    await expect(load(conv, { other: [blob([1])] })).rejects.toThrow('the .caffemodel has no weights of it');
    const bytes = writeCaffeModel(new Map([['it', [blob([6, 4, 3, 3]), blob([6])]]]));
    expect(() => readCaffeModel(bytes.subarray(0, -3), 'a.caffemodel')).toThrow(
      'not a .caffemodel, or a truncated or damaged one',
    );
    expect(() => readCaffeModel(new Uint8Array(0), 'a')).toThrow('the file is empty');
    expect(() => readCaffeModel(text('<html>'), 'a')).toThrow('HTML');
    const wrong = writeCaffeModel(new Map([['it', [{ shape: [7], data: new Float32Array(6) }]]]));
    expect(() => readCaffeModel(wrong, 'a')).toThrow('a blob of shape [7] has 6 numbers');
  });

  test('text with escapes, joined texts, lists and words', () => {
    const root = readPrototxt('a: "x\\n" \'y\' b: [1, -2.5e1, .5] c: true c: 0 d: inf', 'x');
    expect(root.text('a', '')).toBe('x\ny');
    expect(root.numbers('b')).toEqual([1, -25, 0.5]);
    expect(root.flag('c', true)).toBe(false);
    expect(root.number('d', 0)).toBe(Number.POSITIVE_INFINITY);
    expect(() => root.texts('b')).toThrow('b must be a text');
    expect(() => root.messages('a')).toThrow('a must be a message');
    expect(() => root.whole('b', 0)).toThrow('b must be a whole number');
  });
});

const folder = process.env.FOVEA_DATA;
test.skipIf(folder === undefined)('LeNet on the first 2,000 test pictures of MNIST', async () => {
  const at = join(folder ?? '', 'weights', 'lenet-mnist-caffe');
  const model = await loadCaffe({
    prototxt: join(at, 'lenet_train_test.prototxt'),
    caffemodel: join(at, 'lenet_iter_10000.caffemodel'),
    inputShape: [28, 28, 1],
  });
  expect(model.countParams()).toBe(431_080);
  const read = (name: string, head: number): Uint8Array =>
    gunzipSync(readFileSync(join(folder ?? '', 'mnist', name))).subarray(head);
  const pixels = read('t10k-images-idx3-ubyte.gz', 16).subarray(0, 2000 * 784);
  const labels = read('t10k-labels-idx1-ubyte.gz', 8);
  const { data } = await model.predict({
    data: Float32Array.from(pixels, (value) => value / 256),
    shape: [2000, 28, 28, 1],
    dtype: 'float32',
  });
  let right = 0;
  for (let i = 0; i < 2000; i++) {
    const scores = (data as Float32Array).subarray(10 * i, 10 * i + 10);
    if (scores.indexOf(Math.max(...scores)) === labels[i]) right++;
  }
  expect(right).toBe(1972);
});
