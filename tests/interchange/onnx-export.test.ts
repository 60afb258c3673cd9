// What an ONNX file of a model holds. That ONNX Runtime computes the same is shown by tools/interop.
import { expect, test } from 'vitest';
import { type ModelProto, modelProto, type NodeProto } from '../../src/formats/onnx-schema.js';
import { readMessage } from '../../src/formats/protobuf.js';
import { type FoveaError, Layer, layers, models, type Tensor } from '../../src/index.js';
import type { OnnxExportOptions } from '../../src/interchange/onnx/export.js';
import { verifyOnnx } from '../../src/interchange/onnx/verify.js';
import { add, batchNorm, multiply, nonZero, sum } from '../../src/ops/index.js';

async function exported(model: models.TrainableModel, options?: OnnxExportOptions): Promise<ModelProto> {
  return readMessage(modelProto, await models.toOnnx(model, options), 'test.onnx', 'an ONNX model');
}

const nodesOf = ({ graph }: ModelProto): readonly NodeProto[] => graph?.node ?? [];
const kindsOf = (file: ModelProto): string[] => nodesOf(file).map(({ opType }) => opType ?? '');

function sizesOf(values: NonNullable<ModelProto['graph']>['input']): (string | number | undefined)[][] {
  return (values ?? []).map(({ type }) =>
    (type?.tensorType?.shape?.dim ?? []).map(({ dimParam, dimValue }) => dimParam ?? Number(dimValue)),
  );
}

function convnet(): models.TrainableModel {
  return models.sequential(
    [
      layers.input([8, 8, 3], { name: 'picture' }),
      layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', useBias: false, name: 'conv' }),
      layers.batchNormalization({ name: 'norm' }),
      layers.activation({ activation: 'relu', name: 'act' }),
      layers.maxPooling2d({ name: 'pool' }),
      layers.conv2d({ filters: 5, kernelSize: 2, strides: 2, name: 'second' }),
      layers.globalAveragePooling2d({ name: 'mean' }),
      layers.dense({ units: 2, activation: 'softmax', name: 'scores' }),
    ],
    { name: 'small' },
  );
}

test('a convolutional network keeps its channels first between its ends', async () => {
  const file = await exported(convnet());
  expect(file.opsetImport).toEqual([{ domain: '', version: 17n }]);
  expect(file.irVersion).toBe(8n);
  expect(file.graph?.name).toBe('small');
  expect(kindsOf(file)).toEqual([
    'Transpose',
    'Conv',
    'BatchNormalization',
    'Relu',
    'MaxPool',
    'Conv',
    'ReduceMean',
    'Gemm',
    'Softmax',
  ]);
  expect(file.graph?.input?.map(({ name }) => name)).toEqual(['picture']);
  expect(sizesOf(file.graph?.input)).toEqual([['batch', 8, 8, 3]]);
  expect(file.graph?.output?.map(({ name }) => name)).toEqual(['scores']);
  expect(sizesOf(file.graph?.output)).toEqual([['batch', 2]]);
});

test('nodes are named by their layers, initializers by their weights, filters in the order of ONNX', async () => {
  const file = await exported(convnet());
  expect(nodesOf(file)[1]?.name).toBe('conv/Conv');
  const sizes = Object.fromEntries((file.graph?.initializer ?? []).map(({ name, dims }) => [name, dims?.map(Number)]));
  expect(sizes).toEqual({
    'conv/kernel': [4, 3, 3, 3],
    'norm/gamma': [4],
    'norm/beta': [4],
    'norm/moving_mean': [4],
    'norm/moving_variance': [4],
    'second/kernel': [5, 4, 2, 2],
    'second/bias': [5],
    'scores/kernel': [5, 2],
    'scores/bias': [2],
  });
});

test('with channels first at both ends nothing is turned', async () => {
  const x = layers.input([6, 4, 3]);
  const model = models.model({ inputs: x, outputs: layers.conv2d({ filters: 2, kernelSize: 3 }).apply(x) });
  const file = await exported(model, { inputLayout: 'channelsFirst', outputLayout: 'channelsFirst' });
  expect(kindsOf(file)).toEqual(['Conv']);
  expect(sizesOf(file.graph?.input)).toEqual([['batch', 3, 6, 4]]);
  expect(sizesOf(file.graph?.output)).toEqual([['batch', 2, 4, 2]]);
});

test('a batch of a given size is written as that', async () => {
  const file = await exported(convnet(), { batch: 4 });
  expect(sizesOf(file.graph?.input)).toEqual([[4, 8, 8, 3]]);
  expect(sizesOf(file.graph?.output)).toEqual([[4, 2]]);
});

test('what follows from the weights alone is computed once', async () => {
  class Scaled extends models.Model {
    readonly inner = layers.dense({ units: 3, useBias: false });
    override call([x]: readonly [Tensor]): Tensor {
      const y = this.inner.apply(x);
      return multiply(y, sum(this.inner.weights[0]!.value));
    }
  }
  const model = new Scaled();
  model.build([[null, 2]]);
  expect(kindsOf(await exported(model))).toEqual(['MatMul', 'Mul']);
});

test('convolutions over volumes are one node', async () => {
  const x = layers.input([4, 5, 6, 2]);
  const y = layers.conv3d({ filters: 3, kernelSize: 2, padding: 'same' }).apply(x);
  const file = await exported(models.model({ inputs: x, outputs: y }), { inputLayout: 'channelsFirst' });
  expect(kindsOf(file)).toEqual(['Conv', 'Transpose']);
});

test.each(['nearest', 'bilinear'] as const)('enlarging pictures is one node: %s', async (interpolation) => {
  const x = layers.input([3, 4, 2]);
  const y = layers.upSampling2d({ size: [2, 3], interpolation }).apply(x);
  const options = { inputLayout: 'channelsFirst', outputLayout: 'channelsFirst', verify: true } as const;
  expect(kindsOf(await exported(models.model({ inputs: x, outputs: y }), options))).toEqual(['Resize']);
});

test.each([
  [
    [1, 2, 4, 3],
    ['Transpose', 'Conv', 'Reshape', 'Transpose', 'Reshape', 'Conv', 'ReduceMean'],
  ],
  // Rows and columns swapped are no shuffle of channels.
  [[2, 1, 3, 4], undefined],
])('channels that layers shuffle stay first: %j', async (dims, kinds) => {
  const model = models.sequential([
    layers.input([4, 4, 3]),
    layers.conv2d({ filters: 6, kernelSize: 1 }),
    layers.reshape({ targetShape: [4, 4, 2, 3] }),
    layers.permute({ dims }),
    layers.reshape({ targetShape: [4, 4, 6] }),
    layers.conv2d({ filters: 2, kernelSize: 3 }),
    layers.globalAveragePooling2d(),
  ]);
  const file = await exported(model, { verify: true });
  if (kinds !== undefined) expect(kindsOf(file)).toEqual(kinds);
});

test('recurrent layers are one node, whatever of their walk is read', async () => {
  const x = layers.input([4, 3]);
  const [y, h, c] = layers.lstm({ units: 2, returnSequences: true, returnState: true }).applyAll(x) as [
    typeof x,
    typeof x,
    typeof x,
  ];
  const last = layers.gru({ units: 2, goBackwards: true }).apply(y);
  const outputs = layers.concatenate().apply([h, c, last]);
  const file = await exported(models.model({ inputs: x, outputs }), { verify: true });
  const kinds = kindsOf(file);
  expect(kinds.filter((kind) => ['LSTM', 'GRU'].includes(kind))).toEqual(['LSTM', 'GRU']);
  expect(kinds).not.toContain('MatMul');
  const sizes = Object.fromEntries((file.graph?.initializer ?? []).map(({ name, dims }) => [name, dims?.map(Number)]));
  expect(sizes).toMatchObject({ 'lstm_cell/kernel': [1, 8, 3], 'lstm_cell/bias': [1, 16] });
});

test('both directions are two nodes, with nothing turned around', async () => {
  const layer = layers.lstm({ units: 2, returnSequences: true, recurrentActivation: 'hardSigmoid' });
  const x = layers.input([4, 3]);
  const model = models.model({ inputs: x, outputs: layers.bidirectional({ layer }).apply(x) });
  const kinds = kindsOf(await exported(model, { verify: true }));
  expect(kinds.filter((kind) => kind === 'LSTM')).toHaveLength(2);
  expect(kinds).not.toContain('Slice');
});

test.each([
  ['an activation that ONNX lacks', () => layers.lstm({ units: 2, activation: 'silu' })],
  ['a mask', () => layers.lstm({ units: 2 })],
] as const)('recurrent layers are written step by step: %s', async (why, make) => {
  const x = layers.input([4, 3]);
  const y = why === 'a mask' ? layers.masking().apply(x) : x;
  const kinds = kindsOf(await exported(models.model({ inputs: x, outputs: make().apply(y) }), { verify: true }));
  expect(kinds).not.toContain('LSTM');
  expect(kinds.filter((kind) => /MatMul|Gemm/.test(kind)).length).toBeGreaterThan(3);
});

test('weights that several layers read are written once', async () => {
  const [a, b] = [layers.input([5, 5, 2]), layers.input([7, 7, 2])];
  const shared = layers.conv2d({ filters: 3, kernelSize: 3, name: 'shared' });
  const outputs = [a, b].map((x) => layers.globalMaxPooling2d().apply(shared.apply(x)));
  const file = await exported(models.model({ inputs: [a, b], outputs: layers.add().apply(outputs) }), { verify: true });
  expect(kindsOf(file).filter((kind) => kind === 'Conv')).toHaveLength(2);
  expect(file.graph?.initializer?.map(({ name }) => name)).toEqual(['shared/kernel', 'shared/bias']);
});

test('the factors of a resizing give its size, whatever they are rounded to', async () => {
  for (const [from, to] of [
    [11, 13],
    [7, 31],
    [5, 9],
  ] as const) {
    const x = layers.input([from, from, 1]);
    const model = models.model({ inputs: x, outputs: layers.resizing({ height: to, width: to }).apply(x) });
    const file = await exported(model, { verify: true });
    const factors = (file.graph?.initializer ?? []).find(
      ({ dims, dataType }) => dataType === 1 && Number(dims?.[0]) === 4,
    );
    const factor = new Float32Array(new Uint8Array(factors?.rawData as Uint8Array).buffer)[2] as number;
    expect([Math.floor(factor * from), Math.floor(Math.fround(factor * from))]).toEqual([to, to]);
  }
});

test('a normalisation whose statistics are not the weights is written op by op', async () => {
  class Own extends models.Model {
    override call([x]: readonly [Tensor]): Tensor {
      const mean = sum(x, { axis: [0, 1] });
      return add(batchNorm(x, { mean, variance: mean, gamma: [1, 2], beta: [3, 4] }), 1);
    }
  }
  const model = new Own();
  model.build([[null, 3, 2]]);
  expect(kindsOf(await exported(model))).not.toContain('BatchNormalization');
});

test('an input of open size needs sizes', async () => {
  const x = layers.input([null, null, 3]);
  const model = models.model({ inputs: x, outputs: layers.globalMaxPooling2d().apply(x), name: 'open' });
  await expect(models.toOnnx(model)).rejects.toMatchObject({
    code: 'argument',
    op: 'export',
  } satisfies Partial<FoveaError>);
  await expect(models.toOnnx(model, { inputShapes: [[8, 8, 1]] })).rejects.toMatchObject({ code: 'argument' });
  expect(sizesOf((await exported(model, { inputShapes: [[8, 9, 3]] })).graph?.input)).toEqual([['batch', 8, 9, 3]]);
});

test('an op that ONNX does not have names its layer', async () => {
  class Places extends Layer {
    override call([x]: readonly [Tensor]): Tensor {
      return nonZero(x, { bound: 3 }).indices;
    }
  }
  const x = layers.input([4]);
  const model = models.model({ inputs: x, outputs: new Places({ name: 'places' }).apply(x) });
  await expect(models.toOnnx(model)).rejects.toMatchObject({ code: 'unsupported', path: 'places' });
});

test.each<[string, () => models.TrainableModel, OnnxExportOptions]>([
  ['channels last', convnet, {}],
  ['channels first', convnet, { inputLayout: 'channelsFirst' }],
  [
    'pictures at both ends',
    () => {
      const x = layers.input([5, 7, 3]);
      const y = layers.conv2dTranspose({ filters: 2, kernelSize: 3, strides: 2, padding: 'same' }).apply(x);
      return models.model({ inputs: x, outputs: layers.upSampling2d().apply(y) });
    },
    { inputLayout: 'channelsFirst', outputLayout: 'channelsFirst' },
  ],
  [
    'sequences, a batch of its own in every state',
    () => {
      const x = layers.input([4], { dtype: 'int32' });
      const y = layers.embedding({ inputDim: 3, outputDim: 4 }).apply(x);
      return models.model({ inputs: x, outputs: layers.lstm({ units: 3 }).apply(y) });
    },
    {},
  ],
  [
    'groups and volumes',
    () => {
      const x = layers.input([3, 4, 5, 4]);
      const y = layers.groupNormalization({ groups: 2 }).apply(x);
      return models.model({ inputs: x, outputs: layers.conv3d({ filters: 2, kernelSize: 2 }).apply(y) });
    },
    {},
  ],
])('what is written computes the same: %s', async (_, make, options) => {
  await expect(models.toOnnx(make(), { ...options, verify: true })).resolves.toBeInstanceOf(Uint8Array);
});

test('a file that computes something else is noticed', async () => {
  const model = convnet();
  const bytes = await models.toOnnx(model);
  const kernel = model.getLayer('second').weights[0];
  kernel?.set(new Float32Array(kernel.size).fill(0.5));
  const types = [{ shape: [-1, 8, 8, 3], dtype: 'float32' as const }];
  await expect(verifyOnnx(model, bytes, types, {})).rejects.toMatchObject({ code: 'value', op: 'export' });
});

test('an exported network comes back as the layers it was made of', async () => {
  const model = convnet();
  const back = await models.load(await models.toOnnx(model));
  expect(back.countParams()).toBe(model.countParams());
  expect(back.layers.map(({ className }) => className)).toEqual([
    'InputLayer',
    'Conv2D',
    'BatchNormalization',
    'ReLU',
    'MaxPooling2D',
    'Conv2D',
    'GlobalAveragePooling2D',
    'Dense',
    'Softmax',
  ]);
});

test('a file that does not end in .onnx is refused', async () => {
  await expect(models.exportOnnx(convnet(), 'model.keras')).rejects.toMatchObject({ code: 'argument' });
});
