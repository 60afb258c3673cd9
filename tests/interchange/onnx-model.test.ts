// ONNX graphs as models: which layers they become, that these compute what the graph says (which the session runs by other code),
// that they train, and that they are saved.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { layers, losses, models, optimizers } from '../../src/index.js';
import { load } from '../../src/interchange/onnx/session.js';
import { type HostValue, hostValue } from '../../src/interchange/onnx/values.js';
import { type FileGraph, type FileNode, type FileTensor, onnxFile } from './onnx-file.js';

const folder = mkdtempSync(join(tmpdir(), 'fovea-onnx-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Numbers in [-1, 1), the same in every run. */
function numbers(count: number, seed = 1): number[] {
  let state = seed * 7919 + 13;
  return Array.from({ length: count }, () => {
    state = (state * 48271) % 2147483647;
    return (2 * state) / 2147483647 - 1;
  });
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const weight = (shape: readonly number[], seed: number, scale = 0.5): FileTensor => ({
  shape,
  values: numbers(sizeOf(shape), seed).map((value) => value * scale),
});
const ints = (...values: number[]): FileTensor => ({ dtype: 'int64', shape: [values.length], values });
const node = (op: string, inputs: string[], outputs: string[], attributes: FileNode['attributes'] = {}): FileNode => ({
  op,
  inputs,
  outputs,
  attributes,
});

const namesOf = (model: models.TrainableModel): string[] => model.layers.map(({ className }) => className);

/** Loads a graph as a model and compares what it predicts with what the session gives, output by output. */
async function check(
  graph: FileGraph,
  shapes: Readonly<Record<string, readonly number[]>>,
): Promise<models.TrainableModel> {
  const file = onnxFile(graph);
  const model = await models.load(file, { name: 'test.onnx' });
  const arrays = Object.entries(shapes).map(
    ([name, shape], i) => [name, hostValue('float32', shape, numbers(sizeOf(shape), 100 + i))] as const,
  );
  const wanted = await (await load(file)).run(Object.fromEntries(arrays));
  const inputs = arrays.map(([, { data, shape }]) => ({
    data: data as Float32Array,
    shape,
    dtype: 'float32' as const,
  }));
  const got = await model.predict(inputs.length === 1 ? (inputs[0] as (typeof inputs)[0]) : inputs);
  graph.outputs.forEach((name, i) => {
    const want = wanted[name] as HostValue;
    expect(got.outputs[i]?.shape).toEqual(want.shape);
    const data = got.outputs[i]?.data as Float32Array;
    want.data.forEach((value, k) => {
      expect(data[k]).toBeCloseTo(value as number, 5);
    });
  });
  return model;
}

const NORM = {
  gamma: { shape: [6], values: [0.8, 1.1, 0.9, 1.2, 1, 0.7] },
  beta: weight([6], 21, 0.1),
  mean: weight([6], 22, 0.1),
  variance: { shape: [6], values: [0.9, 1.1, 1, 0.8, 1.2, 1] },
};

describe('ONNX graphs as models', () => {
  it('makes Keras’s layers of a convolutional network, channels last inside, with one Permute at the input', async () => {
    const model = await check(
      {
        inputs: { x: ['n', 3, 12, 10] },
        outputs: ['y'],
        initializers: {
          'stem.weight': weight([6, 3, 3, 3], 1),
          ...NORM,
          'fc.weight': weight([4, 6], 2),
          'fc.bias': weight([4], 3),
        },
        nodes: [
          node('Conv', ['x', 'stem.weight'], ['c'], { strides: [2, 2], pads: [1, 1, 1, 1], kernel_shape: [3, 3] }),
          node('BatchNormalization', ['c', 'gamma', 'beta', 'mean', 'variance'], ['b']),
          node('Relu', ['b'], ['r']),
          node('MaxPool', ['r'], ['p'], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
          node('GlobalAveragePool', ['p'], ['g']),
          node('Flatten', ['g'], ['f']),
          node('Gemm', ['f', 'fc.weight', 'fc.bias'], ['y'], { transB: 1 }),
        ],
      },
      { x: [2, 3, 12, 10] },
    );
    expect(namesOf(model)).toEqual([
      'InputLayer',
      'Permute',
      'ZeroPadding2D',
      'Conv2D',
      'BatchNormalization',
      'ReLU',
      'ZeroPadding2D',
      'MaxPooling2D',
      'GlobalAveragePooling2D',
      'Flatten',
      'Dense',
    ]);
    const named = model.layers.filter(({ weights }) => weights.length > 0).map(({ name }) => name);
    expect(named).toEqual(['stem', 'batchnormalization_b', 'fc']);
    const trained = model.trainableWeights.reduce((sum, { size }) => sum + size, 0);
    expect(trained).toBe(6 * 27 + 12 + 28);
    expect(model.countParams()).toBe(trained + 12);
  });

  it('reorders the rows of a matrix behind a flattened picture, not the picture', async () => {
    const model = await check(
      {
        inputs: { x: [1, 2, 4, 3] },
        outputs: ['y'],
        initializers: { w: weight([5, 2, 1, 1], 4), m: weight([60, 3], 5), shape: ints(1, -1) },
        nodes: [
          node('Conv', ['x', 'w'], ['c']),
          node('Reshape', ['c', 'shape'], ['f']),
          node('MatMul', ['f', 'm'], ['y']),
        ],
      },
      { x: [1, 2, 4, 3] },
    );
    expect(namesOf(model)).toEqual(['InputLayer', 'Permute', 'Conv2D', 'Flatten', 'Dense']);
  });

  it('makes one layer of nodes that share their weights, which are written once again', async () => {
    const initializers = {
      'head.weight': weight([3, 2, 3, 3], 60),
      'head.bias': weight([3], 61),
      'last.weight': weight([3, 4], 62),
      'last.bias': weight([4], 63),
      slope: weight([1, 3, 1, 1], 64, 0.2),
      'norm.weight': weight([4], 65),
    };
    const branch = (x: string): FileNode[] => [
      node('Conv', [x, 'head.weight', 'head.bias'], [`${x}c`], { pads: [1, 1, 1, 1] }),
      node('PRelu', [`${x}c`, 'slope'], [`${x}r`]),
      node('GlobalMaxPool', [`${x}r`], [`${x}p`]),
      node('Flatten', [`${x}p`], [`${x}f`]),
      node('MatMul', [`${x}f`, 'last.weight'], [`${x}m`]),
      node('Add', [`${x}m`, 'last.bias'], [`${x}d`]),
      node('Mul', [`${x}d`, 'norm.weight'], [`${x}y`]),
    ];
    const model = await check(
      {
        inputs: { a: ['n', 2, 5, 5], b: ['n', 2, 7, 6] },
        outputs: ['ay', 'by'],
        initializers,
        nodes: [...branch('a'), ...branch('b')],
      },
      { a: [2, 2, 5, 5], b: [2, 2, 7, 6] },
    );
    const all = Object.values(initializers).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    expect(model.countParams()).toBe(all);
    const path = join(folder, 'shared.keras');
    await model.save(path);
    expect((await models.load(path)).countParams()).toBe(all);
    const again = await models.load(await models.toOnnx(model));
    expect(again.countParams()).toBe(all);
  });

  it('keeps a matrix one where it goes with several biases', async () => {
    const model = await check(
      {
        inputs: { x: ['n', 3] },
        outputs: ['y', 'z'],
        initializers: { w: weight([3, 4], 66), a: weight([4], 67), b: weight([4], 68) },
        nodes: [
          node('MatMul', ['x', 'w'], ['m']),
          node('Add', ['m', 'a'], ['y']),
          node('Relu', ['x'], ['r']),
          node('MatMul', ['r', 'w'], ['n']),
          node('Add', ['n', 'b'], ['z']),
        ],
      },
      { x: [2, 3] },
    );
    expect(model.countParams()).toBe(12 + 8);
  });

  it('keeps apart what is of one initializer because its elements are all alike', async () => {
    const model = await check(
      {
        inputs: { x: ['n', 4] },
        outputs: ['y'],
        initializers: {
          ones: { shape: [4], values: [1, 1, 1, 1] },
          zeros: { shape: [4], values: [0, 0, 0, 0] },
        },
        nodes: [
          node('LayerNormalization', ['x', 'ones', 'zeros'], ['a']),
          node('LayerNormalization', ['a', 'ones', 'zeros'], ['y']),
        ],
      },
      { x: [2, 4] },
    );
    expect(model.countParams()).toBe(16);
  });

  it('takes the order of axes into account where somebody sees it', async () => {
    const graph: FileGraph = {
      inputs: { x: ['n', 2, 4, 3] },
      outputs: ['flat', 'turned', 'soft', 'sum'],
      initializers: { w: weight([4, 2, 3, 3], 6), bias: weight([4, 1, 1], 7), row: weight([3], 8), shape: ints(0, -1) },
      nodes: [
        node('Conv', ['x', 'w'], ['c'], { pads: [1, 1, 1, 1] }),
        node('Reshape', ['c', 'shape'], ['flat']),
        node('Transpose', ['c'], ['turned'], { perm: [0, 3, 1, 2] }),
        node('Softmax', ['c'], ['soft'], { axis: 1 }),
        node('Add', ['c', 'bias'], ['shifted']),
        node('Mul', ['shifted', 'row'], ['sum']),
      ],
    };
    await check(graph, { x: [3, 2, 4, 3] });
  });

  it('needs no layer for transpositions around what is stored channels last anyway', async () => {
    const model = await check(
      {
        inputs: { x: ['n', 6, 5, 2] },
        outputs: ['y'],
        initializers: { w: weight([4, 2, 3, 3], 9), v: weight([3, 4, 1, 1], 10) },
        nodes: [
          node('Transpose', ['x'], ['first'], { perm: [0, 3, 1, 2] }),
          node('Conv', ['first', 'w'], ['c']),
          node('Sigmoid', ['c'], ['s']),
          node('Mul', ['c', 's'], ['silu']),
          node('Conv', ['silu', 'v'], ['d']),
          node('Transpose', ['d'], ['y'], { perm: [0, 2, 3, 1] }),
        ],
      },
      { x: [2, 6, 5, 2] },
    );
    expect(namesOf(model)).toEqual(['InputLayer', 'Conv2D', 'Activation', 'Conv2D']);
  });

  it('convolves by groups, depthwise, transposed, along sequences and through volumes', async () => {
    await check(
      {
        inputs: { x: ['n', 4, 7, 6] },
        outputs: ['grouped', 'deep', 'up', 'wide', 'even'],
        initializers: {
          g: weight([6, 2, 3, 3], 11),
          d: weight([8, 1, 3, 3], 12),
          t: weight([4, 3, 3, 3], 13),
          b: weight([3], 14),
          e: weight([2, 4, 2, 4], 15),
        },
        nodes: [
          node('Conv', ['x', 'g'], ['grouped'], { group: 2, dilations: [2, 2], pads: [2, 2, 2, 2] }),
          node('Conv', ['x', 'd'], ['deep'], { group: 4, auto_pad: 'SAME_UPPER', strides: [2, 2] }),
          node('ConvTranspose', ['x', 't', 'b'], ['up'], {
            strides: [2, 2],
            pads: [1, 1, 1, 1],
            output_padding: [1, 1],
          }),
          node('ConvTranspose', ['x', 't'], ['wide'], { strides: [4, 4] }),
          node('Conv', ['x', 'e'], ['even'], { pads: [0, 1, 1, 2] }),
        ],
      },
      { x: [2, 4, 7, 6] },
    );
    await check(
      {
        inputs: { s: ['n', 3, 9], v: ['n', 2, 4, 5, 3] },
        outputs: ['row', 'volume'],
        initializers: { r: weight([4, 3, 3], 16), w: weight([3, 2, 2, 2, 2], 17) },
        nodes: [
          node('Conv', ['s', 'r'], ['row'], { pads: [1, 1] }),
          node('Conv', ['v', 'w'], ['c']),
          node('MaxPool', ['c'], ['volume'], { kernel_shape: [2, 2, 2] }),
        ],
      },
      { s: [2, 3, 9], v: [2, 2, 4, 5, 3] },
    );
  });

  it('pools and resizes as it is asked to', async () => {
    const scales = (...values: number[]): FileTensor => ({ shape: [4], values });
    await check(
      {
        inputs: { x: ['n', 3, 7, 8] },
        outputs: ['ceil', 'counted', 'padded', 'twice', 'smooth', 'odd', 'mean'],
        initializers: { two: scales(1, 1, 2, 2), three: scales(1, 1, 1.5, 2.25) },
        nodes: [
          node('AveragePool', ['x'], ['ceil'], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }),
          node('AveragePool', ['x'], ['counted'], {
            kernel_shape: [3, 3],
            strides: [2, 2],
            pads: [1, 1, 1, 1],
            count_include_pad: 1,
          }),
          node('MaxPool', ['x'], ['padded'], { kernel_shape: [2, 3], strides: [2, 2], pads: [1, 1, 0, 1] }),
          node('Resize', ['x', '', 'two'], ['twice'], {
            mode: 'nearest',
            coordinate_transformation_mode: 'asymmetric',
            nearest_mode: 'floor',
          }),
          node('Resize', ['x', '', 'two'], ['smooth'], { mode: 'linear' }),
          node('Resize', ['x', '', 'three'], ['odd'], {
            mode: 'cubic',
            coordinate_transformation_mode: 'align_corners',
          }),
          node('ReduceMean', ['x'], ['mean'], { axes: [2, 3], keepdims: 0 }),
        ],
      },
      { x: [2, 3, 7, 8] },
    );
  });

  it('follows shapes for any batch, height and width', async () => {
    const graph: FileGraph = {
      inputs: { x: ['n', 2, 'h', 'w'] },
      outputs: ['y'],
      initializers: {
        w: weight([3, 2, 3, 3], 18),
        zero: { dtype: 'int64', shape: [], values: [0] },
        one: ints(-1),
        axes: ints(0),
        three: ints(3),
      },
      nodes: [
        node('Conv', ['x', 'w'], ['c'], { pads: [1, 1, 1, 1] }),
        node('Shape', ['c'], ['sizes']),
        node('Gather', ['sizes', 'zero'], ['n']),
        node('Unsqueeze', ['n', 'axes'], ['batch']),
        node('Concat', ['batch', 'three', 'one'], ['target'], { axis: 0 }),
        node('Reshape', ['c', 'target'], ['rows']),
        node('Transpose', ['rows'], ['y'], { perm: [0, 2, 1] }),
      ],
    };
    const file = onnxFile(graph);
    const model = await models.load(file);
    const runner = await load(file);
    for (const shape of [
      [1, 2, 4, 5],
      [3, 2, 6, 3],
    ]) {
      const data = Float32Array.from(numbers(sizeOf(shape)));
      const got = await model.predict({ data, shape, dtype: 'float32' });
      const { y } = await runner.run({ x: hostValue('float32', shape, data) });
      expect(got.shape).toEqual((y as HostValue).shape);
      expect(got.data[7]).toBeCloseTo((y as HostValue).data[7] as number, 5);
    }
  });

  it('makes one layer of nodes between which the batch is no axis of its own', async () => {
    const model = await check(
      {
        inputs: { x: ['n', 4, 3] },
        outputs: ['y', 'turned'],
        initializers: {
          rows: ints(-1, 3),
          back: ints(-1, 4, 2),
          m: weight([3, 2], 70),
          b: weight([2], 71),
          v: weight([4, 1, 2], 72),
        },
        nodes: [
          node('Reshape', ['x', 'rows'], ['flat']),
          node('Gemm', ['flat', 'm', 'b'], ['product']),
          node('Tanh', ['product'], ['tanh']),
          node('Reshape', ['tanh', 'back'], ['y']),
          node('Transpose', ['y'], ['steps'], { perm: [1, 0, 2] }),
          node('Mul', ['steps', 'v'], ['scaled']),
          node('Transpose', ['scaled'], ['turned'], { perm: [1, 2, 0] }),
        ],
      },
      { x: [3, 4, 3] },
    );
    expect(namesOf(model)).toEqual(['InputLayer', 'OnnxOperation', 'OnnxOperation', 'Permute']);
    expect(model.trainableWeights.map(({ shape }) => shape)).toEqual([[3, 2], [2], [4, 1, 2]]);
  });

  it('reads what earlier operator sets wrote as attributes', async () => {
    await check(
      {
        opset: 9,
        inputs: { x: ['n', 2, 3, 4] },
        outputs: ['y', 'p', 's'],
        initializers: { scales: { shape: [4], values: [1, 1, 2, 2] } },
        nodes: [
          node('Clip', ['x'], ['c'], { min: { float: -0.25 }, max: { float: 0.5 } }),
          node('Upsample', ['c', 'scales'], ['u'], { mode: 'nearest' }),
          node('Slice', ['u'], ['y'], { starts: [1], ends: [4], axes: [3] }),
          node('Pad', ['x'], ['p'], { pads: [0, 0, 1, 0, 0, 0, 2, 1], value: { float: 2 } }),
          node('Softmax', ['x'], ['s'], { axis: 1 }),
        ],
      },
      { x: [2, 2, 3, 4] },
    );
  });

  it('keeps weights of operations without a layer of their own, trains and saves them', async () => {
    const graph: FileGraph = {
      inputs: { x: ['n', 3, 4] },
      outputs: ['y'],
      initializers: { scale: weight([3, 1], 19), shift: weight([4], 20), perRow: weight([3, 4, 2], 23) },
      nodes: [
        node('Mul', ['x', 'scale'], ['a']),
        node('Add', ['a', 'shift'], ['b']),
        node('Einsum', ['b', 'perRow'], ['y'], { equation: 'nij,ijk->nk' }),
      ],
    };
    const model = await check(graph, { x: [2, 3, 4] });
    expect(namesOf(model)).toEqual(['InputLayer', 'OnnxOperation', 'OnnxOperation', 'OnnxOperation']);
    expect(model.trainableWeights.map(({ shape }) => shape)).toEqual([[3, 1], [4], [3, 4, 2]]);
    model.compile({ optimizer: optimizers.sgd({ learningRate: 0.1 }), loss: 'meanSquaredError' });
    const x = { data: Float32Array.from(numbers(24, 30)), shape: [2, 3, 4], dtype: 'float32' as const };
    const y = { data: Float32Array.from(numbers(4, 31)), shape: [2, 2], dtype: 'float32' as const };
    const first = (await model.trainOnBatch(x, y)).loss as number;
    for (let i = 0; i < 20; i++) await model.trainOnBatch(x, y);
    expect((await model.trainOnBatch(x, y)).loss).toBeLessThan(first / 2);
    const path = join(folder, 'operations.keras');
    await model.save(path);
    const again = await models.load(path);
    expect([...(await again.predict(x)).data]).toEqual([...(await model.predict(x)).data]);
  });

  it('takes pictures with their channels last where that is asked for', async () => {
    const graph: FileGraph = {
      inputs: { x: ['n', 3, 5, 4] },
      outputs: ['y'],
      initializers: { w: weight([2, 3, 3, 3], 60), m: weight([12, 2], 61), shape: ints(-1, 12) },
      nodes: [
        node('Conv', ['x', 'w'], ['c']),
        node('Reshape', ['c', 'shape'], ['f']),
        node('MatMul', ['f', 'm'], ['y']),
      ],
    };
    const first = await models.load(onnxFile(graph));
    const last = await models.load(onnxFile(graph), { inputLayout: 'channelsLast' });
    expect(last.inputs[0]?.shape).toEqual([null, 5, 4, 3]);
    expect(namesOf(last)).toEqual(['InputLayer', 'Conv2D', 'Flatten', 'Dense']);
    const values = numbers(60, 62);
    const turned = Float32Array.from({ length: 60 }, (_, i) => values[(i % 3) * 20 + Math.floor(i / 3)] as number);
    const want = await first.predict({ data: Float32Array.from(values), shape: [1, 3, 5, 4], dtype: 'float32' });
    const got = await last.predict({ data: turned, shape: [1, 5, 4, 3], dtype: 'float32' });
    expect([...got.data]).toEqual([...want.data]);
  });

  it('says which node is wrong, and where graphs are no models', async () => {
    const base: FileGraph = {
      inputs: { x: ['n', 3, 4, 4] },
      outputs: ['y'],
      initializers: { w: weight([2, 4, 3, 3], 24) },
      nodes: [{ ...node('Conv', ['x', 'w'], ['y']), name: 'first' }],
    };
    await expect(models.load(onnxFile(base), { name: 'a.onnx' })).rejects.toThrow(
      'Conv: the filter takes 4 channels, but the input has 3.\n  at a.onnx/first (Conv)',
    );
    const found = onnxFile({
      inputs: { x: ['n', 4] },
      outputs: ['y'],
      nodes: [node('Relu', ['x'], ['r']), node('NonZero', ['r'], ['y'])],
    });
    await expect(models.load(found)).rejects.toThrow('Run it as it stands');
  });

  it('reads what graphs inside take from outside: a branch by a constant, rounds of a loop', async () => {
    const branch = (op: string): FileGraph => ({
      nodes: [node(op, ['r', 'w'], ['b'])],
      inputs: {},
      outputs: ['b'],
    });
    const body: FileGraph = {
      nodes: [node('Identity', ['go'], ['more']), node('Mul', ['sum', 'r'], ['p']), node('Add', ['p', 'w'], ['next'])],
      inputs: { i: [], go: [], sum: ['n', 4] },
      outputs: ['more', 'next'],
      dtypes: { i: 'int64', go: 'bool', more: 'bool' },
    };
    const model = await check(
      {
        nodes: [
          node('Relu', ['x'], ['r']),
          node('If', ['yes'], ['chosen'], {
            then_branch: { graph: branch('Add') },
            else_branch: { graph: branch('Mul') },
          }),
          node('Loop', ['rounds', 'yes', 'chosen'], ['y'], { body: { graph: body } }),
        ],
        inputs: { x: ['n', 4] },
        outputs: ['y'],
        initializers: {
          w: weight([4], 3),
          yes: { dtype: 'bool', shape: [], values: [1] },
          rounds: { dtype: 'int64', shape: [], values: [3] },
        },
      },
      { x: [3, 4] },
    );
    expect(namesOf(model)).toEqual(['InputLayer', 'ReLU', 'OnnxOperation', 'OnnxOperation']);
  });
});

describe('an imported network with batch norms', () => {
  const C = 4;
  const norm = (i: number): Record<string, FileTensor> => ({
    [`g${i}`]: { shape: [C], values: [1, 1.1, 0.9, 1 + i / 10] },
    [`beta${i}`]: weight([C], 43 + 10 * i, 0.1),
    [`m${i}`]: weight([C], 44 + 10 * i, 0.1),
    [`v${i}`]: { shape: [C], values: [1, 0.9, 1.1, 1 + i / 10] },
  });
  const block: FileGraph = {
    inputs: { x: ['n', 3, 8, 8] },
    outputs: ['y'],
    initializers: {
      w0: weight([C, 3, 3, 3], 40, 0.4),
      w1: weight([C, C, 3, 3], 41, 0.4),
      w2: weight([C, C, 3, 3], 42, 0.4),
      ...norm(0),
      ...norm(1),
      ...norm(2),
      fc: weight([5, C], 45),
      fb: weight([5], 46),
    },
    nodes: [
      node('Conv', ['x', 'w0'], ['c0'], { pads: [1, 1, 1, 1] }),
      node('BatchNormalization', ['c0', 'g0', 'beta0', 'm0', 'v0'], ['b0'], { momentum: { float: 0.9 } }),
      node('Relu', ['b0'], ['r0']),
      node('Conv', ['r0', 'w1'], ['c1'], { pads: [1, 1, 1, 1], strides: [1, 1] }),
      node('BatchNormalization', ['c1', 'g1', 'beta1', 'm1', 'v1'], ['b1']),
      node('Relu', ['b1'], ['r1']),
      node('Conv', ['r1', 'w2'], ['c2'], { pads: [1, 1, 1, 1] }),
      node('BatchNormalization', ['c2', 'g2', 'beta2', 'm2', 'v2'], ['b2']),
      node('Add', ['b2', 'r0'], ['sum']),
      node('Relu', ['sum'], ['r2']),
      node('GlobalAveragePool', ['r2'], ['gap']),
      node('Flatten', ['gap'], ['flat']),
      node('Gemm', ['flat', 'fc', 'fb'], ['y'], { transB: 1 }),
    ],
  };

  /** The same in code, channels last. */
  function inCode(): models.TrainableModel {
    const x = layers.input([8, 8, 3]);
    const norm = (): ReturnType<typeof layers.batchNormalization> =>
      layers.batchNormalization({ epsilon: 1e-5, momentum: 0.9 });
    const conv = (): ReturnType<typeof layers.conv2d> =>
      layers.conv2d({ filters: C, kernelSize: 3, padding: 'same', useBias: false });
    const r0 = layers.relu().apply(norm().apply(conv().apply(x)));
    const r1 = layers.relu().apply(norm().apply(conv().apply(r0)));
    const sum = layers.add().apply([norm().apply(conv().apply(r1)), r0]);
    const pooled = layers.globalAveragePooling2d().apply(layers.relu().apply(sum));
    return models.model({ inputs: x, outputs: layers.dense({ units: 5 }).apply(pooled) });
  }

  it('trains ten steps with the losses of the same network made here', async () => {
    const imported = await models.load(onnxFile(block));
    const own = inCode();
    expect(imported.weights.map(({ shape }) => shape)).toEqual(own.weights.map(({ shape }) => shape));
    own.setWeights(await imported.getWeights());
    const first = Float32Array.from(numbers(6 * 3 * 64, 50));
    const last = new Float32Array(first.length);
    for (let n = 0; n < 6; n++)
      for (let c = 0; c < 3; c++)
        for (let i = 0; i < 64; i++) last[(n * 64 + i) * 3 + c] = first[(n * 3 + c) * 64 + i] as number;
    const y = { data: Int32Array.of(0, 1, 2, 3, 4, 0), shape: [6], dtype: 'int32' as const };
    const run = async (
      model: models.TrainableModel,
      data: Float32Array,
      shape: readonly number[],
    ): Promise<number[]> => {
      model.compile({
        optimizer: optimizers.sgd({ learningRate: 0.1, momentum: 0.9 }),
        loss: losses.sparseCategoricalCrossentropy({ fromLogits: true }),
      });
      const found: number[] = [];
      for (let i = 0; i < 10; i++)
        found.push((await model.trainOnBatch({ data, shape, dtype: 'float32' }, y)).loss as number);
      return found;
    };
    const wanted = await run(own, last, [6, 8, 8, 3]);
    const got = await run(imported, first, [6, 3, 8, 8]);
    expect(wanted[9]).toBeLessThan((wanted[0] as number) * 0.9);
    got.forEach((loss, i) => {
      expect(loss).toBeCloseTo(wanted[i] as number, 4);
    });
  });

  it('compiles to as many kernels as the same network made here, and one that turns the input', async () => {
    const calls = async (model: models.TrainableModel, shape: readonly number[]): Promise<string[]> => {
      const x = { data: new Float32Array(2 * 192), shape, dtype: 'float32' as const };
      return (await model.profile(x)).calls.map(({ kernel }) => kernel).sort();
    };
    const imported = await calls(await models.load(onnxFile(block)), [2, 3, 8, 8]);
    const own = await calls(inCode(), [2, 8, 8, 3]);
    expect(imported).toEqual([...own, 'copy'].sort());
  });
});
