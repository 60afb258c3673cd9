// What is attacked: every reader, with tiny files that the library's own writers have just made, taken apart where a checksum
// would turn all damage away at the door.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zlibSync } from 'fflate';
import { parseCsv } from '../../src/data/csv.js';
import { readIdx } from '../../src/data/idx.js';
import { writeCaffeModel } from '../../src/formats/caffe.js';
import { ByteSink } from '../../src/formats/cursor.js';
import { storedFloats, writeSafetensors, writeZip, ZipReader } from '../../src/formats/index.js';
import { makeModelConfig } from '../../src/formats/keras-config.js';
import { readTorch } from '../../src/formats/torch.js';
import { crc32 } from '../../src/formats/zip.js';
import { decodeImage, encodePng, layers, models } from '../../src/index.js';
import { modelToLegacyBytes } from '../../src/nn/legacy-h5.js';
import type { TrainableModel } from '../../src/nn/model.js';
import { configOfModel } from '../../src/nn/model-config.js';
import { namedWeights } from '../../src/nn/named-weights.js';
import { floats, pickle, stateDict, tensor, torchLegacy, torchZipOf } from '../../tests/formats/pickle-writer.js';
import { onnxFile } from '../../tests/interchange/onnx-file.js';
import type { PartKind } from './mutate.js';

/** A file in parts that can be damaged one by one. */
export interface Sample {
  readonly parts: readonly { readonly kind: PartKind; readonly bytes: Uint8Array }[];
  /** Reads the file that the parts make. */
  read(parts: readonly Uint8Array[]): Promise<unknown>;
}

/** A reader and its files. */
export interface Target {
  readonly name: string;
  readonly samples: readonly Sample[];
}

const text = (source: string): Uint8Array => new TextEncoder().encode(source);
const json = (value: unknown): Uint8Array => text(JSON.stringify(value));
const binary = (bytes: Uint8Array) => ({ kind: 'binary', bytes }) as const;

/** One file of one part. */
function whole(bytes: Uint8Array, read: (bytes: Uint8Array) => Promise<unknown>, kind: PartKind = 'binary'): Sample {
  return { parts: [{ kind, bytes }], read: ([part]) => read(part as Uint8Array) };
}

/** A zip archive whose entries are damaged, with right checksums around them. */
function repacked(archive: Uint8Array, read: (bytes: Uint8Array) => Promise<unknown>): Sample {
  const zip = new ZipReader(archive, 'sample');
  const { names } = zip;
  const parts = names.map((name) => {
    const isJson = name.endsWith('.json');
    return { kind: isJson ? ('json' as const) : ('binary' as const), bytes: zip.read(name).slice() };
  });
  return {
    parts,
    read: (now) => read(writeZip(names.map((name, i) => ({ name, bytes: now[i] as Uint8Array })))),
  };
}

function pictureModel(): TrainableModel {
  const input = layers.input([8, 8, 3], { name: 'in' });
  let x = layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'relu', name: 'conv' }).apply(input);
  x = layers.batchNormalization({ name: 'norm' }).apply(x);
  const y = layers.depthwiseConv2d({ kernelSize: 3, padding: 'same', name: 'depthwise' }).apply(x);
  x = layers.maxPooling2d({ name: 'pool' }).apply(layers.add({ name: 'sum' }).apply([x, y]));
  x = layers.dense({ units: 3, activation: 'softmax', name: 'fc' }).apply(layers.flatten({ name: 'flat' }).apply(x));
  return models.model({ inputs: input, outputs: x, name: 'tiny' });
}

function listModel(): TrainableModel {
  const chain = [
    layers.input([6]),
    layers.dense({ units: 4, activation: 'relu', name: 'a' }),
    layers.dense({ units: 2, name: 'b' }),
  ];
  const model = models.sequential(chain, { name: 'list' });
  model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
  return model;
}

const load = (bytes: Uint8Array): Promise<unknown> => models.load(bytes);

/** The bytes of a `.weights.h5`, which is only written as a file. */
async function weightsFile(model: TrainableModel): Promise<Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-fuzz-'));
  try {
    await model.saveWeights(join(folder, 'tiny.weights.h5'));
    return new Uint8Array(readFileSync(join(folder, 'tiny.weights.h5')));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function kerasTargets(): Promise<Target[]> {
  const [picture, list] = [pictureModel(), listModel()];
  const archives = [await picture.toBytes(), await list.toBytes()];
  const legacy = [await modelToLegacyBytes(picture), await modelToLegacyBytes(list)];
  const weights = await weightsFile(picture);
  const intoPicture = (bytes: Uint8Array): Promise<void> => picture.loadWeights(bytes);
  return [
    {
      name: 'keras',
      samples: archives.flatMap((bytes) => [whole(bytes, load), repacked(bytes, load), repacked(bytes, load)]),
    },
    { name: 'keras-h5', samples: legacy.map((bytes) => whole(bytes, load)) },
    { name: 'weights-h5', samples: [whole(weights, intoPicture), whole(legacy[0] as Uint8Array, intoPicture)] },
  ];
}

async function namedArrays(model: TrainableModel) {
  const all = namedWeights(model);
  const weights = await model.getWeights();
  return all.map(({ path, variable, key, form }) => {
    const at = model.weights.indexOf(variable);
    return {
      path,
      key: key ?? path,
      shape: variable.shape,
      torchShape: form?.shape ?? variable.shape,
      data: weights[at] as Float32Array,
    };
  });
}

async function safetensorsTarget(): Promise<Target> {
  const model = pictureModel();
  const arrays = await namedArrays(model);
  const { storedArray } = await import('../../src/formats/stored.js');
  const tensors = new Map(arrays.map(({ path, shape, data }) => [path, storedArray(shape, 'float32', data)]));
  const bytes = writeSafetensors(tensors, new Map([['format', 'keras']]));
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const [header, body] = [bytes.slice(8, 8 + size), bytes.slice(8 + size)];
  const read = (file: Uint8Array): Promise<void> => model.loadWeights(file, { skipMismatch: true });
  const apart: Sample = {
    parts: [{ kind: 'json', bytes: text(new TextDecoder().decode(header).trimEnd()) }, binary(body)],
    read: ([head, rest]) => {
      const now = head as Uint8Array;
      return read(
        new ByteSink()
          .u64(now.length)
          .put(now)
          .put(rest as Uint8Array)
          .done()
          .slice(),
      );
    },
  };
  return { name: 'safetensors', samples: [whole(bytes, read), apart, apart] };
}

/** A graph of operators whose sizes are numbers of the file: what makes memory out of a few bytes, and what runs graphs inside. */
function sizesGraph(): Uint8Array {
  const numbers = (...values: number[]) => ({ dtype: 'int64' as const, shape: [values.length], values });
  const one = (value: number) => ({ dtype: 'int64' as const, shape: [], values: [value] });
  // A branch that squares a number of its own.
  const branch = (value: number) => ({
    graph: {
      nodes: [{ op: 'Mul', inputs: ['own', 'own'], outputs: ['squared'] }],
      inputs: {},
      outputs: ['squared'],
      initializers: { own: { shape: [1], values: [value] } },
    },
  });
  return onnxFile({
    nodes: [
      {
        op: 'ConstantOfShape',
        inputs: ['two'],
        outputs: ['c'],
        attributes: { value: { tensor: { shape: [1], values: [2] } } },
      },
      { op: 'Expand', inputs: ['c', 'wide'], outputs: ['e'] },
      { op: 'Tile', inputs: ['e', 'twice'], outputs: ['t'] },
      { op: 'Range', inputs: ['from', 'to', 'step'], outputs: ['r'] },
      { op: 'Shape', inputs: ['x'], outputs: ['sizes'] },
      { op: 'Gather', inputs: ['sizes', 'which'], outputs: ['some'] },
      { op: 'Concat', inputs: ['some', 'rest'], outputs: ['shape'], attributes: { axis: 0 } },
      { op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y1'] },
      { op: 'Pad', inputs: ['x', 'pads'], outputs: ['y2'] },
      { op: 'Slice', inputs: ['y2', 'starts', 'ends', 'axes', 'steps'], outputs: ['y3'] },
      { op: 'Resize', inputs: ['x', '', 'scales'], outputs: ['y4'], attributes: { mode: 'nearest' } },
      {
        op: 'If',
        inputs: ['cond'],
        outputs: ['four'],
        attributes: { then_branch: branch(2), else_branch: branch(3) },
      },
      { op: 'Add', inputs: ['x', 'four'], outputs: ['y5'] },
      { op: 'QuantizeLinear', inputs: ['x', 'scale', 'zero'], outputs: ['q'] },
      { op: 'DequantizeLinear', inputs: ['q', 'scale', 'zero'], outputs: ['y6'] },
      { op: 'OneHot', inputs: ['which', 'depth', 'values'], outputs: ['hot'] },
      { op: 'ReduceSum', inputs: ['t'], outputs: ['total'] },
      { op: 'Add', inputs: ['x', 'total'], outputs: ['y9'] },
      { op: 'ReduceSum', inputs: ['hot'], outputs: ['hots'] },
      { op: 'Add', inputs: ['x', 'hots'], outputs: ['y11'] },
      { op: 'Cast', inputs: ['r'], outputs: ['floats'], attributes: { to: 1 } },
      { op: 'Mul', inputs: ['y11', 'floats'], outputs: ['y10'] },
    ],
    inputs: { x: ['n', 4, 6, 6] },
    outputs: ['y1', 'y3', 'y4', 'y5', 'y6', 'y9', 'y10'],
    initializers: {
      two: numbers(2, 3),
      wide: numbers(2, 2, 3),
      twice: numbers(1, 2, 1),
      from: one(0),
      to: one(6),
      step: one(1),
      which: numbers(0, 1),
      rest: numbers(-1),
      pads: numbers(0, 0, 1, 1, 0, 0, 1, 1),
      starts: numbers(0, 1),
      ends: numbers(6, 7),
      axes: numbers(2, 3),
      steps: numbers(1, 2),
      scales: { shape: [4], values: [1, 1, 2, 2] },
      cond: { dtype: 'bool', shape: [], values: [1] },
      scale: { shape: [], values: [0.05] },
      zero: { dtype: 'uint8', shape: [], values: [128] },
      depth: one(5),
      values: { shape: [2], values: [0, 1] },
    },
  });
}

/** A loop over numbers of the file, which runs when the model is made. */
function loopGraph(): Uint8Array {
  const body = {
    inputs: { i: [], condition: [], total: [1] },
    dtypes: { i: 'int64', condition: 'bool' },
    outputs: ['goesOn', 'next', 'kept'],
    nodes: [
      { op: 'Identity', inputs: ['condition'], outputs: ['goesOn'] },
      { op: 'Mul', inputs: ['total', 'by'], outputs: ['next'] },
      { op: 'Identity', inputs: ['next'], outputs: ['kept'] },
    ],
    initializers: { by: { shape: [1], values: [1.5] } },
  } as const;
  return onnxFile({
    nodes: [
      { op: 'Loop', inputs: ['rounds', '', 'begin'], outputs: ['last', 'all'], attributes: { body: { graph: body } } },
      { op: 'Add', inputs: ['x', 'last'], outputs: ['y'] },
    ],
    inputs: { x: ['n', 3] },
    outputs: ['y'],
    initializers: {
      rounds: { dtype: 'int64', shape: [], values: [5] },
      begin: { shape: [1], values: [1] },
    },
  });
}

async function onnxTarget(): Promise<Target> {
  const files = [
    await models.toOnnx(pictureModel()),
    await models.toOnnx(listModel()),
    sizesGraph(),
    sizesGraph(),
    loopGraph(),
  ];
  return { name: 'onnx', samples: files.map((bytes) => whole(bytes, load)) };
}

async function tfjsTarget(): Promise<Target> {
  const samples: Sample[] = [];
  for (const model of [pictureModel(), listModel()]) {
    const arrays = await namedArrays(model);
    const manifest = arrays.map(({ path, shape }) => ({ name: path, shape, dtype: 'float32' }));
    const { class_name: className, config } = makeModelConfig(configOfModel(model)) as Record<string, unknown>;
    const file = {
      format: 'layers-model',
      generatedBy: 'fovea',
      modelTopology: { model_config: { class_name: className, config } },
      weightsManifest: [{ paths: ['group.bin'], weights: manifest }],
    };
    const body = new ByteSink();
    for (const { data } of arrays) body.put(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    // The same weights in bytes, with a scale.
    const packed = structuredClone(file);
    packed.weightsManifest[0]?.weights.forEach((weight) => {
      Object.assign(weight, { quantization: { dtype: 'uint8', scale: 0.01, min: -1 } });
    });
    const elements = arrays.reduce((sum, { data }) => sum + data.length, 0);
    const bytes = new Uint8Array(elements).map((_, i) => i);
    const read = ([model, group]: readonly Uint8Array[]): Promise<unknown> =>
      models.load(model as Uint8Array, { files: { 'group.bin': group as Uint8Array } });
    samples.push({ parts: [{ kind: 'json', bytes: json(file) }, binary(body.done().slice())], read });
    samples.push({ parts: [{ kind: 'json', bytes: json(packed) }, binary(bytes)], read });
  }
  return { name: 'tfjs', samples };
}

function tfjsGraphTarget(): Target {
  const coded = (value: string) => ({ s: btoa(value) });
  const list = (...values: number[]) => ({ list: { i: values.map(String) } });
  const floats32 = (name: string, ...shape: number[]) => ({ name, shape, dtype: 'float32' });
  const weights = [
    floats32('f', 3, 3, 3, 4),
    floats32('bias', 4),
    ...['scale', 'offset', 'mean', 'variance'].map((name) => floats32(name, 4)),
    floats32('m', 64, 2),
    { name: 'shape', shape: [2], dtype: 'int32' },
    { name: 'pads', shape: [4, 2], dtype: 'int32' },
  ];
  const dim = [-1, 8, 8, 3].map((size) => ({ size: String(size) }));
  const windows = { strides: list(1, 2, 2, 1), padding: coded('SAME'), data_format: coded('NHWC') };
  const node = [
    { name: 'x', op: 'Placeholder', attr: { dtype: { type: 'DT_FLOAT' }, shape: { shape: { dim } } } },
    ...weights.map(({ name }) => ({ name, op: 'Const' })),
    { name: 'c', op: 'Conv2D', input: ['x', 'f'], attr: windows },
    { name: 'b', op: 'BiasAdd', input: ['c', 'bias'] },
    {
      name: 'n',
      op: 'FusedBatchNormV3',
      input: ['b', 'scale', 'offset', 'mean', 'variance'],
      attr: { epsilon: { f: 0.001 } },
    },
    { name: 'r', op: 'Relu6', input: ['n'] },
    { name: 'p', op: 'Pad', input: ['r', 'pads'] },
    {
      name: 'q',
      op: 'MaxPool',
      input: ['p'],
      attr: { ...windows, ksize: list(1, 2, 2, 1), strides: list(1, 1, 1, 1) },
    },
    { name: 's', op: 'Reshape', input: ['r', 'shape'] },
    { name: 'd', op: 'MatMul', input: ['s', 'm'] },
    { name: 'y', op: 'Softmax', input: ['d'] },
  ];
  const file = { format: 'graph-model', modelTopology: { node }, weightsManifest: [{ paths: ['w.bin'], weights }] };
  const body = new ByteSink();
  for (const { dtype, shape } of weights) {
    const count = shape.reduce((a, b) => a * b, 1);
    if (dtype === 'float32') body.put(floats(...Array.from({ length: count }, (_, i) => 0.5 + Math.sin(i) / 4)));
    else if (count === 2) body.u32(0xffffffff, 64);
    else body.u32(0, 0, 0, 1, 1, 0, 0, 0);
  }
  const sample: Sample = {
    parts: [{ kind: 'json', bytes: json(file) }, binary(body.done().slice())],
    read: ([model, group]) => models.load(model as Uint8Array, { files: { 'w.bin': group as Uint8Array } }),
  };
  return { name: 'tfjs-graph', samples: [sample] };
}

async function torchTargets(): Promise<Target[]> {
  const model = pictureModel();
  const arrays = await namedArrays(model);
  const entries = (isLegacy: boolean) =>
    arrays.map(({ key, torchShape, data }, i) => {
      const shape = torchShape;
      return [key, tensor({ key: String(i), count: data.length, shape, isLegacy })] as const;
    });
  const storages = Object.fromEntries(arrays.map(({ data }, i) => [i, floats(...data)]));
  const root = new Map<string, unknown>([
    ['epoch', 3],
    ['state_dict', stateDict(entries(false))],
  ]);
  const archive = torchZipOf(pickle(root), storages);
  const legacy = torchLegacy(stateDict(entries(true)), storages);
  const read = async (bytes: Uint8Array): Promise<void> => {
    for (const array of readTorch(bytes).tensors.values()) storedFloats(array);
    await model.loadWeights(bytes, { skipMismatch: true });
  };
  return [
    { name: 'torch', samples: [whole(archive, read), repacked(archive, read), repacked(archive, read)] },
    { name: 'torch-legacy', samples: [whole(legacy, read)] },
  ];
}

function darknetTarget(): Target {
  const cfg = `[net]
height=16
width=16
channels=3
[convolutional]
batch_normalize=1
filters=4
size=3
stride=2
pad=1
activation=leaky
[convolutional]
filters=4
size=3
pad=1
groups=4
activation=mish
[shortcut]
from=-2
[maxpool]
size=2
stride=1
[route]
layers=-1,-3
groups=1
[upsample]
stride=2
[reorg]
stride=2
[convolutional]
filters=12
size=1
activation=linear
[yolo]
mask=0,1
anchors=10,13, 16,30
classes=1
num=2
[route]
layers=-3
[avgpool]
[dropout]
[connected]
output=3
activation=linear
[softmax]
`;
  // What the sections above need, in their order.
  const count = 4 * 4 + 4 * 27 + (4 + 36) + (12 + 32 * 12) + (3 + 32 * 3);
  const body = new ByteSink().u32(0, 2, 0).u64(0);
  body.put(floats(...Array.from({ length: count }, (_, i) => 0.5 + Math.sin(i) / 4)));
  const read = ([net, weights]: readonly Uint8Array[]): Promise<unknown> =>
    models.loadDarknet({ cfg: net as Uint8Array, weights: weights as Uint8Array });
  const alone = whole(text(cfg), (bytes) => models.loadDarknet({ cfg: bytes }), 'text');
  return {
    name: 'darknet',
    samples: [{ parts: [{ kind: 'text', bytes: text(cfg) }, binary(body.done().slice())], read }, alone],
  };
}

function caffeTarget(): Target {
  const layer = (name: string, type: string, bottom: string, rest = ''): string =>
    `layer {\n  name: "${name}"\n  type: "${type}"\n  bottom: "${bottom}"\n  top: "${name}"\n  ${rest}\n}\n`;
  const net = `name: "tiny"
input: "data"
input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }
${layer('conv', 'Convolution', 'data', 'convolution_param { num_output: 4 kernel_size: 3 pad: 1 }')}
${layer('norm', 'BatchNorm', 'conv')}${layer('scale', 'Scale', 'norm', 'scale_param { bias_term: true }')}
${layer('relu', 'ReLU', 'scale', 'relu_param { negative_slope: 0.1 }')}
${layer('pool', 'Pooling', 'relu', 'pooling_param { pool: AVE kernel_size: 3 stride: 2 }')}
${layer('lrn', 'LRN', 'pool', 'lrn_param { local_size: 3 alpha: 0.1 }')}
${layer('up', 'Deconvolution', 'lrn', 'convolution_param { num_output: 4 kernel_size: 4 stride: 2 pad: 1 group: 4 bias_term: false }')}
${layer('sum', 'Eltwise', 'up', 'bottom: "relu"\n  eltwise_param { operation: SUM coeff: 1 coeff: 2 }')}
${layer('both', 'Concat', 'sum', 'bottom: "conv"\n  concat_param { axis: 1 }')}
${layer('slope', 'PReLU', 'both')}
${layer('cut', 'Crop', 'slope', 'bottom: "pool"\n  crop_param { axis: 2 offset: 1 }')}
${layer('order', 'Permute', 'cut', 'permute_param { order: 0 order: 2 order: 3 order: 1 }')}
${layer('shape', 'Reshape', 'order', 'reshape_param { shape { dim: 0 dim: -1 dim: 8 } }')}
${layer('fc', 'InnerProduct', 'pool', 'inner_product_param { num_output: 3 }')}
${layer('prob', 'Softmax', 'fc')}`;
  const blob = (...shape: number[]) => {
    const count = shape.reduce((a, b) => a * b, 1);
    return { shape, data: Float32Array.from({ length: count }, (_, i) => 0.5 + Math.sin(i) / 4) };
  };
  const blobs = new Map([
    ['conv', [blob(4, 3, 3, 3), blob(4)]],
    ['norm', [blob(4), blob(4), blob(1)]],
    ['scale', [blob(4), blob(4)]],
    ['up', [blob(4, 1, 4, 4)]],
    ['slope', [blob(8)]],
    ['fc', [blob(3, 4 * 4 * 4), blob(3)]],
  ]);
  const sample = (isOld: boolean): Sample => ({
    parts: [{ kind: 'text', bytes: text(net) }, binary(writeCaffeModel(blobs, { isOld }))],
    read: ([prototxt, caffemodel]) =>
      models.loadCaffe({ prototxt: prototxt as Uint8Array, caffemodel: caffemodel as Uint8Array }),
  });
  const alone = whole(text(net), (bytes) => models.loadCaffe({ prototxt: bytes }), 'text');
  return { name: 'caffe', samples: [sample(false), sample(true), alone] };
}

async function pictureTargets(): Promise<Target[]> {
  const files = JSON.parse(readFileSync('tests/data/picture-files.json', 'utf8')) as Record<string, { file: string }>;
  const file = (name: string): Uint8Array => new Uint8Array(Buffer.from(files[name]?.file ?? '', 'base64'));
  const pixels = Uint8Array.from({ length: 7 * 5 * 3 }, (_, i) => 37 * i);
  const png = await encodePng({ data: pixels, shape: [7, 5, 3], dtype: 'uint8' });
  const decode = (bytes: Uint8Array): Promise<unknown> => decodeImage(bytes);
  // Its header and its lines, with right checksums around them.
  const header = new Uint8Array([0, 0, 0, 7, 0, 0, 0, 5, 8, 2, 0, 0, 0]);
  const lines = Uint8Array.from({ length: 5 * 22 }, (_, i) => (i % 22 === 0 ? i % 5 : 37 * i));
  const chunk = (name: string, body: Uint8Array): Uint8Array => {
    const named = new ByteSink().text(name).put(body).done();
    const big = (value: number): number[] => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);
    return new ByteSink()
      .u8(...big(body.length))
      .put(named)
      .u8(...big(crc32(named)))
      .done();
  };
  const apart: Sample = {
    parts: [binary(header), binary(lines)],
    read: ([head, rows]) => {
      const sink = new ByteSink()
        .u8(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)
        .put(chunk('IHDR', head as Uint8Array));
      sink.put(chunk('IDAT', zlibSync(rows as Uint8Array))).put(chunk('IEND', new Uint8Array()));
      return decode(sink.done().slice());
    },
  };
  const table = 'path,label,weight\n"a b.png",cat,1\nc.png,"d,\n""og""",0.5\n';
  const idx = new Uint8Array([
    0,
    0,
    8,
    3,
    0,
    0,
    0,
    2,
    0,
    0,
    0,
    3,
    0,
    0,
    0,
    2,
    ...Array.from({ length: 12 }, (_, i) => i),
  ]);
  return [
    { name: 'png', samples: [whole(png, decode), apart, apart] },
    { name: 'jpeg', samples: ['4:2:0', 'progressive', 'turned 6'].map((name) => whole(file(name), decode)) },
    { name: 'csv', samples: [whole(text(table), async (bytes) => parseCsv(new TextDecoder().decode(bytes)), 'text')] },
    { name: 'idx', samples: [whole(idx, async (bytes) => readIdx(bytes, 'images', 'readIdx'))] },
  ];
}

/** All readers. */
export async function makeTargets(): Promise<Target[]> {
  return [
    ...(await kerasTargets()),
    await safetensorsTarget(),
    await onnxTarget(),
    await tfjsTarget(),
    tfjsGraphTarget(),
    ...(await torchTargets()),
    darknetTarget(),
    caffeTarget(),
    ...(await pictureTargets()),
  ];
}
