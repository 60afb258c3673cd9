// TensorFlow.js's graph models: each operation beside the layer that does the same, or beside numbers worked out by hand.
import { afterAll, describe, expect, it } from 'vitest';
import { readTfGraph } from '../../src/formats/tfjs-graph.js';
import { disposeEngine, layers, models, type SymbolicTensor } from '../../src/index.js';
import { tfOperations } from '../../src/interchange/tfjs/operations.js';

afterAll(() => disposeEngine());

type Attributes = Readonly<Record<string, unknown>>;
interface Node {
  readonly name: string;
  readonly op: string;
  readonly input?: readonly string[];
  readonly attr?: Attributes;
}
interface Constant {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
  readonly dtype?: 'float32' | 'int32';
}

const text = (value: string): object => ({ s: btoa(value) });
const list = (...values: number[]): object => ({ list: { i: values.map(String) } });
const texts = (...values: string[]): object => ({ list: { s: values.map(btoa) } });
const ints = (...data: number[]): Constant => ({ shape: [data.length], data, dtype: 'int32' });
const whole = (value: number): Constant => ({ shape: [], data: [value], dtype: 'int32' });
const wave = (shape: readonly number[], start = 0): Constant => ({
  shape,
  data: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.fround(Math.sin(i * 1.7 + start))),
});

/** A graph's files: nodes, constants by name, the input's shape without the batch. */
function files(
  nodes: readonly Node[],
  constants: Readonly<Record<string, Constant>>,
  shape: readonly number[],
  more: Attributes = {},
): { json: Uint8Array; files: Record<string, Uint8Array> } {
  const placeholder = {
    name: 'x',
    op: 'Placeholder',
    attr: {
      dtype: { type: 'DT_FLOAT' },
      shape: { shape: { dim: [-1, ...shape].map((size) => ({ size: String(size) })) } },
    },
  };
  const weights = Object.entries(constants).map(([name, { shape: dims, dtype = 'float32' }]) => ({
    name,
    shape: dims,
    dtype,
  }));
  const parts = Object.values(constants).map(({ data, dtype }) =>
    dtype === 'int32' ? Int32Array.from(data) : Float32Array.from(data),
  );
  const bytes = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(new Uint8Array(part.buffer), at);
    at += part.byteLength;
  }
  const json = {
    format: 'graph-model',
    modelTopology: { node: [placeholder, ...Object.keys(constants).map((name) => ({ name, op: 'Const' })), ...nodes] },
    weightsManifest: [{ paths: ['w.bin'], weights }],
    ...more,
  };
  return { json: new TextEncoder().encode(JSON.stringify(json)), files: { 'w.bin': bytes } };
}

async function load(...args: Parameters<typeof files>): Promise<models.TrainableModel> {
  const { json, files: beside } = files(...args);
  return models.load(json, { files: beside, name: 'model.json' });
}

async function run(
  model: models.TrainableModel,
  shape: readonly number[],
): Promise<{ data: number[]; shape: readonly number[] }[]> {
  const x = { data: Float32Array.from(wave([2, ...shape], 0.3).data), shape: [2, ...shape], dtype: 'float32' as const };
  return (await model.predict(x)).outputs.map(({ data, shape: size }) => ({ data: [...data], shape: size }));
}

/** One chain of nodes beside layers whose weights are the constants, in order. */
async function same(
  shape: readonly number[],
  nodes: readonly Node[],
  constants: Readonly<Record<string, Constant>>,
  make: (x: SymbolicTensor) => SymbolicTensor,
  weights: readonly string[],
): Promise<models.TrainableModel> {
  const x = layers.input(shape);
  const wanted = models.model({ inputs: x, outputs: make(x) });
  wanted.setWeights(weights.map((name) => Float32Array.from((constants[name] as Constant).data)));
  const model = await load(nodes, constants, shape);
  const [[want], [got]] = [await run(wanted, shape), await run(model, shape)];
  expect(got?.shape).toEqual(want?.shape);
  got?.data.forEach((value, i) => {
    expect(Math.abs(value - (want?.data[i] as number))).toBeLessThan(1e-5);
  });
  return model;
}

const strided = (stride: number, padding: string): Attributes => ({
  strides: list(1, stride, stride, 1),
  padding: text(padding),
  data_format: text('NHWC'),
});

describe('convolutions of a graph', () => {
  it.each([
    [1, 'SAME'],
    [2, 'SAME'],
    [2, 'VALID'],
  ] as const)('Conv2D with BiasAdd and Relu6, stride %i, %s', async (stride, padding) => {
    const model = await same(
      [7, 6, 3],
      [
        { name: 'c', op: 'Conv2D', input: ['x', 'f'], attr: strided(stride, padding) },
        { name: 'b', op: 'BiasAdd', input: ['c', 'bias'] },
        { name: 'y', op: 'Relu6', input: ['b'] },
      ],
      { f: wave([3, 3, 3, 4]), bias: wave([4], 1) },
      (x) => {
        const options = {
          filters: 4,
          kernelSize: 3,
          strides: stride,
          padding: padding.toLowerCase() as 'same' | 'valid',
        };
        return layers.relu({ maxValue: 6 }).apply(layers.conv2d(options).apply(x));
      },
      ['f', 'bias'],
    );
    // The bias went into the convolution: it is one layer that can be trained further.
    expect(model.layers.map(({ className }) => className)).toEqual(['InputLayer', 'Conv2D', 'ReLU']);
  });

  it('a constant of each channel that is added is the bias, a constant of the picture is not', async () => {
    const nodes: Node[] = [
      { name: 'c', op: 'Conv2D', input: ['x', 'f'], attr: strided(1, 'VALID') },
      { name: 'y', op: 'AddV2', input: ['shift', 'c'] },
    ];
    const make = (x: SymbolicTensor) => layers.conv2d({ filters: 4, kernelSize: 1 }).apply(x);
    const constants = { f: wave([1, 1, 3, 4]), shift: wave([1, 1, 1, 4], 1) };
    const model = await same([4, 4, 3], nodes, constants, make, ['f', 'shift']);
    expect(model.countParams()).toBe(16);
    const picture = await load(nodes, { ...constants, shift: wave([1, 4, 4, 1], 1) }, [4, 4, 3]);
    const [got] = await run(picture, [4, 4, 3]);
    const plain = await load(nodes.slice(0, 1), { f: constants.f }, [4, 4, 3]);
    const [before] = await run(plain, [4, 4, 3]);
    const shift = wave([16], 1).data;
    got?.data.forEach((value, i) => {
      expect(value).toBeCloseTo((before?.data[i] as number) + (shift[(i >> 2) % 16] as number), 5);
    });
  });

  it('with the rest of a frozen batch norm in filter and bias', async () => {
    const nodes: Node[] = [
      { name: 'd', op: 'DepthwiseConv2dNative', input: ['x', 'f'], attr: strided(1, 'SAME') },
      { name: 'm', op: 'Mul', input: ['d', 'scale'] },
      { name: 'y', op: 'AddV2', input: ['m', 'shift'] },
    ];
    const constants = { f: wave([3, 3, 2, 2]), scale: wave([4], 1), shift: wave([1, 1, 1, 4], 2) };
    const scaled = {
      shape: [3, 3, 2, 2],
      data: Array.from(constants.f.data, (each, i) => each * (constants.scale.data[i % 4] as number)),
    };
    const x = layers.input([5, 5, 2]);
    const wanted = models.model({
      inputs: x,
      outputs: layers.depthwiseConv2d({ kernelSize: 3, padding: 'same', depthMultiplier: 2 }).apply(x),
    });
    wanted.setWeights([scaled.data, constants.shift.data].map((each) => Float32Array.from(each)));
    const model = await load(nodes, constants, [5, 5, 2]);
    expect(model.layers.map(({ className }) => className)).toEqual(['InputLayer', 'DepthwiseConv2D']);
    const [[want], [got]] = [await run(wanted, [5, 5, 2]), await run(model, [5, 5, 2])];
    got?.data.forEach((value, i) => {
      expect(value).toBeCloseTo(want?.data[i] as number, 5);
    });
    // What is read elsewhere, too, stays as it is.
    const both = await load([...nodes, { name: 'z', op: 'Relu', input: ['d'] }], constants, [5, 5, 2]);
    const [scaledToo, plain] = await run(both, [5, 5, 2]);
    scaledToo?.data.forEach((value, i) => {
      expect(value).toBeCloseTo(want?.data[i] as number, 5);
    });
    expect(plain?.data.every((value) => value >= 0)).toBe(true);
  });

  it('dilated, and padded as it says', async () => {
    const padded = {
      ...strided(1, 'EXPLICIT'),
      explicit_paddings: list(0, 0, 2, 1, 0, 3, 0, 0),
      dilations: list(1, 2, 2, 1),
    };
    await same(
      [6, 6, 2],
      [{ name: 'y', op: 'Conv2D', input: ['x', 'f'], attr: padded }],
      { f: wave([3, 3, 2, 3]) },
      (x) =>
        layers.conv2d({ filters: 3, kernelSize: 3, dilationRate: 2, useBias: false }).apply(
          layers
            .zeroPadding2d({
              padding: [
                [2, 1],
                [0, 3],
              ],
            })
            .apply(x),
        ),
      ['f'],
    );
  });

  it('depthwise with several filters of a channel', () =>
    same(
      [6, 5, 3],
      [
        { name: 'd', op: 'DepthwiseConv2dNative', input: ['x', 'f'], attr: strided(2, 'SAME') },
        { name: 'y', op: 'BiasAdd', input: ['d', 'bias'] },
      ],
      { f: wave([3, 3, 3, 2]), bias: wave([6], 2) },
      (x) => layers.depthwiseConv2d({ kernelSize: 3, strides: 2, padding: 'same', depthMultiplier: 2 }).apply(x),
      ['f', 'bias'],
    ));

  it('turned round', () =>
    same(
      [5, 4, 3],
      [
        { name: 'd', op: 'Conv2DBackpropInput', input: ['size', 'f', 'x'], attr: strided(2, 'SAME') },
        { name: 'y', op: 'BiasAdd', input: ['d', 'bias'] },
      ],
      { size: ints(2, 10, 8, 2), f: wave([3, 3, 2, 3]), bias: wave([2], 2) },
      (x) => layers.conv2dTranspose({ filters: 2, kernelSize: 3, strides: 2, padding: 'same' }).apply(x),
      ['f', 'bias'],
    ));

  it('fused with bias and activation', async () => {
    const relu = (x: SymbolicTensor) => layers.leakyRelu({ negativeSlope: 0.3 }).apply(x);
    await same(
      [5, 5, 2],
      [
        {
          name: 'y',
          op: '_FusedConv2D',
          input: ['x', 'f', 'bias'],
          attr: { ...strided(1, 'SAME'), fused_ops: texts('BiasAdd', 'LeakyRelu'), leakyrelu_alpha: { f: 0.3 } },
        },
      ],
      { f: wave([3, 3, 2, 3]), bias: wave([3], 1) },
      (x) => relu(layers.conv2d({ filters: 3, kernelSize: 3, padding: 'same' }).apply(x)),
      ['f', 'bias'],
    );
    await same(
      [5, 5, 2],
      [
        {
          name: 'y',
          op: 'FusedDepthwiseConv2dNative',
          input: ['x', 'f', 'bias', 'slope'],
          attr: { ...strided(1, 'SAME'), fused_ops: texts('BiasAdd', 'Prelu') },
        },
      ],
      { f: wave([3, 3, 2, 1]), bias: wave([2], 1), slope: wave([1, 1, 2], 3) },
      (x) =>
        layers.prelu({ sharedAxes: [1, 2] }).apply(layers.depthwiseConv2d({ kernelSize: 3, padding: 'same' }).apply(x)),
      ['f', 'bias', 'slope'],
    );
    await same(
      [6],
      [
        {
          name: 'y',
          op: '_FusedMatMul',
          input: ['x', 'w', 'bias'],
          attr: { fused_ops: texts('BiasAdd', 'Relu'), transpose_a: { b: false }, transpose_b: { b: false } },
        },
      ],
      { w: wave([6, 4]), bias: wave([4], 1) },
      (x) => layers.dense({ units: 4, activation: 'relu' }).apply(x),
      ['w', 'bias'],
    );
  });

  it('and normalised', () =>
    same(
      [5, 5, 3],
      [
        {
          name: 'y',
          op: 'FusedBatchNormV3',
          input: ['x', 'g', 'b', 'm', 'v'],
          attr: { epsilon: { f: 0.01 }, is_training: { b: false }, data_format: text('NHWC') },
        },
      ],
      { g: wave([3]), b: wave([3], 1), m: wave([3], 2), v: { shape: [3], data: [0.5, 1, 2] } },
      (x) => layers.batchNormalization({ epsilon: 0.01 }).apply(x),
      ['g', 'b', 'm', 'v'],
    ));
});

describe('other operations of a graph', () => {
  it.each([
    ['MaxPool', (x: SymbolicTensor) => layers.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' }).apply(x)],
    ['AvgPool', (x: SymbolicTensor) => layers.averagePooling2d({ poolSize: 3, strides: 2, padding: 'same' }).apply(x)],
  ] as const)('%s', async (op, make) => {
    await same(
      [6, 5, 2],
      [{ name: 'y', op, input: ['x'], attr: { ...strided(2, 'SAME'), ksize: list(1, 3, 3, 1) } }],
      {},
      make,
      [],
    );
  });

  it('the mean of the picture, a product, softmax', () =>
    same(
      [5, 5, 3],
      [
        { name: 'm', op: 'Mean', input: ['x', 'axes'], attr: { keep_dims: { b: false } } },
        { name: 'p', op: 'MatMul', input: ['m', 'w'], attr: { transpose_a: { b: false }, transpose_b: { b: false } } },
        { name: 'b', op: 'BiasAdd', input: ['p', 'bias'] },
        { name: 'y', op: 'Softmax', input: ['b'] },
      ],
      { axes: ints(1, 2), w: wave([3, 4]), bias: wave([4], 1) },
      (x) => layers.dense({ units: 4, activation: 'softmax' }).apply(layers.globalAveragePooling2d().apply(x)),
      ['w', 'bias'],
    ));

  it('padding, concatenation, activations', () =>
    same(
      [4, 4, 2],
      [
        { name: 'p', op: 'Pad', input: ['x', 'pads'] },
        { name: 't', op: 'Tanh', input: ['p'] },
        { name: 's', op: 'Sigmoid', input: ['p'] },
        { name: 'y', op: 'ConcatV2', input: ['t', 's', 'axis'], attr: { N: { i: '2' } } },
      ],
      { pads: { shape: [4, 2], data: [0, 0, 1, 2, 0, 1, 0, 0], dtype: 'int32' }, axis: whole(3) },
      (x) => {
        const padded = layers
          .zeroPadding2d({
            padding: [
              [1, 2],
              [0, 1],
            ],
          })
          .apply(x);
        const parts = ['tanh', 'sigmoid'].map((activation) =>
          layers.activation({ activation: activation as 'tanh' }).apply(padded),
        );
        return layers.concatenate().apply(parts);
      },
      [],
    ));

  it('resizing by half pixels, as the layer does', () =>
    same(
      [4, 3, 2],
      [{ name: 'y', op: 'ResizeBilinear', input: ['x', 'size'], attr: { half_pixel_centers: { b: true } } }],
      { size: ints(8, 6) },
      (x) => layers.upSampling2d({ size: 2, interpolation: 'bilinear' }).apply(x),
      [],
    ));

  it('resizing from the corner, and by aligned corners', async () => {
    const at = (row: readonly number[], place: number): number => {
      const low = Math.min(row.length - 1, Math.floor(place));
      const part = place - low;
      return (row[low] as number) * (1 - part) + (row[Math.min(row.length - 1, low + 1)] as number) * part;
    };
    for (const [flag, step] of [
      [false, 3 / 6],
      [true, 2 / 5],
    ] as const) {
      const node = { name: 'y', op: 'ResizeBilinear', input: ['x', 'size'], attr: { align_corners: { b: flag } } };
      const [got] = await run(await load([node], { size: ints(1, 6) }, [1, 3, 1]), [1, 3, 1]);
      const x = Array.from(wave([2, 1, 3, 1], 0.3).data);
      const want = [x.slice(0, 3), x.slice(3)].flatMap((row) => Array.from({ length: 6 }, (_, i) => at(row, i * step)));
      got?.data.forEach((value, i) => {
        expect(value).toBeCloseTo(want[i] as number, 5);
      });
    }
  });

  it('slices, with ends left open and axes dropped', async () => {
    const node = {
      name: 'y',
      op: 'StridedSlice',
      input: ['x', 'begin', 'end', 'step'],
      // The batch and the end of the second axis are open; the last axis is one place.
      attr: { begin_mask: { i: '1' }, end_mask: { i: '3' }, shrink_axis_mask: { i: '4' } },
    };
    const model = await load([node], { begin: ints(0, 1, -1), end: ints(0, 0, 0), step: ints(1, 2, 1) }, [5, 3]);
    const [got] = await run(model, [5, 3]);
    const x = wave([2, 5, 3], 0.3).data;
    expect(got).toEqual({ data: [0, 1].flatMap((n) => [1, 3].map((i) => x[(n * 5 + i) * 3 + 2])), shape: [2, 2] });
  });

  it('parts, blocks of pixels, and shapes that are computed', async () => {
    const x = wave([2, 2, 2, 4], 0.3).data;
    const split = { name: 's', op: 'Split', input: ['axis', 'x'], attr: { num_split: { i: '2' } } };
    const [second] = await run(
      await load([split, { name: 'y', op: 'Neg', input: ['s:1'] }], { axis: whole(3) }, [2, 2, 4]),
      [2, 2, 4],
    );
    expect(second?.data).toEqual(Array.from({ length: 16 }, (_, i) => -(x[(i >> 1) * 4 + 2 + (i % 2)] as number)));
    const blocks = {
      name: 'y',
      op: 'DepthToSpace',
      input: ['x'],
      attr: { block_size: { i: '2' }, data_format: text('NHWC') },
    };
    const [spread] = await run(await load([blocks], {}, [2, 2, 4]), [2, 2, 4]);
    expect(spread?.shape).toEqual([2, 4, 4, 1]);
    // Pixel (1, 0) of the first block is its third channel.
    expect(spread?.data[4]).toBe(x[2]);
    const shaped: Node[] = [
      { name: 'shape', op: 'Shape', input: ['x'] },
      {
        name: 'batch',
        op: 'StridedSlice',
        input: ['shape', 'zero', 'one', 'one'],
        attr: { shrink_axis_mask: { i: '1' } },
      },
      { name: 'sizes', op: 'Pack', input: ['batch', 'rest'], attr: { axis: { i: '0' }, N: { i: '2' } } },
      { name: 'y', op: 'Reshape', input: ['x', 'sizes'] },
    ];
    const [flat] = await run(
      await load(shaped, { zero: ints(0), one: ints(1), rest: whole(-1) }, [2, 2, 4]),
      [2, 2, 4],
    );
    expect(flat).toEqual({ data: Array.from(x), shape: [2, 16] });
  });

  it.each([
    ['Rsqrt', (x: number) => 1 / Math.sqrt(x)],
    ['Square', (x: number) => x * x],
    ['Exp', Math.exp],
    ['Floor', Math.floor],
    ['Softplus', (x: number) => Math.log1p(Math.exp(x))],
    ['Elu', (x: number) => (x > 0 ? x : Math.expm1(x))],
  ] as const)('%s', async (op, wanted) => {
    const nodes: Node[] = [
      { name: 'a', op: 'Abs', input: ['x'] },
      { name: 'p', op: 'AddV2', input: ['a', 'one'] },
      { name: 'y', op, input: ['p'] },
    ];
    const [got] = await run(await load(nodes, { one: { shape: [], data: [1] } }, [5]), [5]);
    const x = wave([2, 5], 0.3).data;
    got?.data.forEach((value, i) => {
      expect(value).toBeCloseTo(wanted(Math.abs(x[i] as number) + 1), 5);
    });
  });
});

describe('a graph', () => {
  const relu: Node = { name: 'y', op: 'Relu', input: ['x'] };

  it('has the outputs that its signature names, in order', async () => {
    const nodes: Node[] = [relu, { name: 'z', op: 'Neg', input: ['y'] }, { name: 'end', op: 'NoOp', input: ['^z'] }];
    const signature = { inputs: { picture: { name: 'x:0' } }, outputs: { a: { name: 'z:0' }, b: { name: 'y:0' } } };
    const got = await run(await load(nodes, {}, [3], { signature }), [3]);
    expect(got.map(({ data }) => data[0])).toEqual([-Math.max(0, got[1]?.data[0] as number), got[1]?.data[0]]);
    // Without one: what nothing else reads.
    expect(await run(await load(nodes, {}, [3]), [3])).toHaveLength(1);
  });

  it('is saved as .keras, and comes back', async () => {
    const nodes: Node[] = [
      { name: 'c', op: 'Conv2D', input: ['x', 'f'], attr: strided(1, 'SAME') },
      { name: 'y', op: 'Softsign', input: ['c'] },
    ];
    const model = await load(nodes, { f: wave([3, 3, 2, 2]) }, [4, 4, 2]);
    const again = await models.load(await model.toBytes());
    expect(await run(again, [4, 4, 2])).toEqual(await run(model, [4, 4, 2]));
  });

  it('is refused with all operations that are not known', async () => {
    const nodes: Node[] = [
      { name: 'a', op: 'FancyConv', input: ['x'] },
      { name: 'b', op: 'TensorListStack', input: ['a'] },
      { name: 'y', op: 'FancyConv', input: ['b'] },
    ];
    await expect(load(nodes, {}, [3])).rejects.toThrow(
      [
        'load: the graph has 2 operations that are not known.',
        '  FancyConv (2: a, y)',
        '  TensorListStack (b)',
        '  Convert the model to ONNX (tf2onnx) and load that, or cut these operations off.',
        '  at model.json',
      ].join('\n'),
    );
  });

  it.each([
    [{ node: 3 }, 'the graph has no nodes'],
    [{ node: [{ op: 'Relu' }] }, 'node 0 of the graph has no name, op and inputs'],
    [
      {
        node: [
          { name: 'x', op: 'Placeholder' },
          { name: 'x', op: 'Relu' },
        ],
      },
      "two nodes are called 'x'",
    ],
    [{ node: [{ name: 'y', op: 'Relu', input: ['x'] }] }, "'y' reads 'x', which the graph does not have"],
    [{ node: [{ name: 'x', op: 'Placeholder' }] }, 'the graph has no outputs'],
  ])('that is damaged is refused: %j', (topology, message) => {
    const file = { kind: 'graph', topology, trainingConfig: null, signature: null, metadata: {}, groups: [] } as const;
    expect(() => readTfGraph(file as never, 'm.json')).toThrow(message);
  });

  it('that runs in a circle is refused, however long', async () => {
    const ring = Array.from(
      { length: 20_000 },
      (_, i): Node => ({ name: `n${i}`, op: 'Relu', input: [`n${(i + 1) % 20_000}`] }),
    );
    const nodes = [...ring, { name: 'y', op: 'AddV2', input: ['n0', 'x'] }];
    await expect(load(nodes, {}, [3])).rejects.toThrow(/runs in a circle/);
  });

  it('tells what it lacks', async () => {
    const conv = { name: 'y', op: 'Conv2D', input: ['x', 'f'], attr: strided(1, 'SAME') };
    const { json } = files([conv, { name: 'f', op: 'Const' }], {}, [4, 4, 2]);
    await expect(models.load(json, { files: { 'w.bin': new Uint8Array(0) } })).rejects.toThrow(
      "the constant 'f' is not among the weights",
    );
    await expect(load([{ ...conv, input: ['x', 'x'] }], {}, [4, 4, 2])).rejects.toThrow(
      'Conv2D "y": its filter is computed while the graph runs.',
    );
    await expect(load([{ ...conv, input: ['x'] }], {}, [4, 4, 2])).rejects.toThrow('it has 1 inputs, not 2');
  });

  it('knows the operations of vision networks', () => {
    expect(tfOperations.size).toBeGreaterThan(90);
  });
});
