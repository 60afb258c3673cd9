import { describe, expect, it } from 'vitest';
import {
  collectWeights,
  makeWeightTree,
  type SavedObject,
  savedGroups,
  weightPaths,
} from '../../src/formats/keras-paths.js';
import { snakeCase } from '../../src/formats/keras-spelling.js';
import { type StoredArray, storedArray } from '../../src/formats/stored.js';

function layer(className: string, name: string, shapes: Record<string, number[]> = {}): SavedObject {
  return { className, name, variables: Object.entries(shapes).map(([variable, shape]) => ({ name: variable, shape })) };
}

function model(name: string, layers: SavedObject[], className = 'Functional'): SavedObject {
  return { className, name, variables: [], children: [{ attribute: 'layers', items: layers }] };
}

function zeros(root: SavedObject): StoredArray[] {
  return weightPaths(root).map(({ variable: { shape } }) => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    return storedArray(shape, 'float32', new Float32Array(size));
  });
}

const dense = layer('Dense', 'head', { kernel: [4, 2], bias: [2] });

describe('keras paths', () => {
  it.each([
    ['Conv2D', 'conv2d'],
    ['Conv2DTranspose', 'conv2d_transpose'],
    ['DepthwiseConv2D', 'depthwise_conv2d'],
    ['SeparableConv2D', 'separable_conv2d'],
    ['GlobalAveragePooling2D', 'global_average_pooling2d'],
    ['ReLU', 're_lu'],
    ['LeakyReLU', 'leaky_re_lu'],
    ['PReLU', 'p_re_lu'],
    ['LSTM', 'lstm'],
    ['GRUCell', 'gru_cell'],
    ['BatchNormalization', 'batch_normalization'],
    ['InputLayer', 'input_layer'],
  ])('spells %s as %s', (className, path) => expect(snakeCase(className)).toBe(path));

  it('numbers classes within their container, and goes into models and wrappers', () => {
    const wrapped: SavedObject = {
      ...layer('TimeDistributed', 'each'),
      children: [{ attribute: 'layer', items: layer('Conv2D', 'inner', { kernel: [1, 1, 2, 2] }) }],
    };
    const root = model('net', [
      layer('Conv2D', 'stem', { kernel: [3, 3, 1, 2], bias: [2] }),
      layer('Conv2D', 'next', { kernel: [3, 3, 2, 2] }),
      model('block', [layer('Conv2D', 'again', { kernel: [3, 3, 2, 2] }), dense], 'Sequential'),
      wrapped,
      dense,
    ]);
    expect(weightPaths(root).map(({ path, owner, variable }) => `${path} ${owner.name} ${variable.name}`)).toEqual([
      'layers/conv2d/vars/0 stem kernel',
      'layers/conv2d/vars/1 stem bias',
      'layers/conv2d_1/vars/0 next kernel',
      'layers/sequential/layers/conv2d/vars/0 again kernel',
      'layers/sequential/layers/dense/vars/0 head kernel',
      'layers/sequential/layers/dense/vars/1 head bias',
      'layers/time_distributed/layer/vars/0 inner kernel',
    ]);
    expect(savedGroups(root).map(({ group }) => group)).toContain('layers/time_distributed');
  });

  it('finds every array of a tree it made, also under the list’s name of TensorFlow 2.13', () => {
    const root = model('net', [dense]);
    const arrays = zeros(root);
    const tree = makeWeightTree(root, arrays);
    expect(collectWeights(root, tree)).toEqual(arrays);
    expect([...tree.names]).toEqual([
      ['', 'net'],
      ['layers/dense', 'head'],
    ]);
    const old = [...tree.arrays].map(
      ([path, array]) => [`_layer_checkpoint_dependencies${path.slice(6)}`, array] as const,
    );
    expect(collectWeights(root, { arrays: new Map(old), names: new Map() })).toEqual(arrays);
    expect(() => makeWeightTree(root, [])).toThrow('0 arrays for 2 variables.');
  });

  it('lists every mismatch in one error, or loads what fits', () => {
    const saved = model('net', [
      layer('Dense', 'a', { kernel: [4, 2], bias: [2] }),
      layer('Dense', 'b', { kernel: [2, 3] }),
    ]);
    const wanted = model('net', [
      layer('Dense', 'a', { kernel: [5, 2], bias: [2] }),
      layer('Conv2D', 'c', { kernel: [1, 1, 2, 2] }),
    ]);
    const tree = makeWeightTree(saved, zeros(saved));
    const optimizer = new Map([...tree.arrays, ['optimizer/vars/0', storedArray([], 'float32', new Float32Array(1))]]);
    expect(() => collectWeights(wanted, { ...tree, arrays: optimizer }, { file: 'x.keras' })).toThrow(
      [
        'the weights do not fit the model: 3 mismatches.',
        '  wrong shape: layers/dense/vars/0 (kernel of a) is [4,2], the model wants [5,2]',
        '  missing: layers/conv2d/vars/0 (kernel of c), shape [1,1,2,2]',
        '  unexpected: layers/dense_1/vars/0 (of b), shape [2,3]',
        '  Build the same model as the one that was saved, or pass skipMismatch to load what fits.',
        '  at x.keras',
      ].join('\n'),
    );
    const got = collectWeights(wanted, tree, { skipMismatch: true });
    expect(got.map((array) => array?.shape)).toEqual([undefined, [2], undefined]);
  });
});
