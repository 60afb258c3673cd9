import { describe, expect, it } from 'vitest';
import { makeModelConfig, parseModelConfig } from '../../src/formats/keras-config.js';
import { parseDtypePolicy, parseKerasObject } from '../../src/formats/keras-object.js';

const policy = { module: 'keras', class_name: 'DTypePolicy', config: { name: 'float32' }, registered_name: null };

function tensor(layer: string, shape: (number | null)[] = [null, 4]): object {
  return { class_name: '__keras_tensor__', config: { shape, dtype: 'float32', keras_history: [layer, 0, 0] } };
}

function layer(className: string, name: string, inputs: unknown[], config: object = {}): object {
  return {
    module: 'keras.layers',
    class_name: className,
    config: { name, trainable: true, dtype: policy, ...config },
    registered_name: null,
    name,
    inbound_nodes: inputs.length === 0 ? [] : [{ args: inputs, kwargs: {} }],
  };
}

function functional(layers: object[], inputs: unknown, outputs: unknown): object {
  return {
    module: 'keras.src.models.functional',
    class_name: 'Functional',
    config: { name: 'net', trainable: true, layers, input_layers: inputs, output_layers: outputs },
    registered_name: 'Functional',
  };
}

const input = {
  module: 'keras.layers',
  class_name: 'InputLayer',
  config: { batch_shape: [null, 4], dtype: 'float32', name: 'x' },
  registered_name: null,
  name: 'x',
  inbound_nodes: [],
};

describe('keras config', () => {
  it('reads a functional model of Keras 3 and makes the same config again', () => {
    const config = functional(
      [
        input,
        layer('Dense', 'a', [tensor('x')], { units: 4 }),
        layer('Add', 'sum', [[tensor('x'), tensor('a')]]),
        {
          ...layer('MultiHeadAttention', 'look', []),
          inbound_nodes: [{ args: [tensor('sum')], kwargs: { value: tensor('a'), causal: true } }],
        },
      ],
      ['x', 0, 0],
      { mask: ['look', 0, 0], sum: ['sum', 0, 0] },
    );
    const model = parseModelConfig(config);
    expect(model.kind).toBe('functional');
    expect(model.inputs).toEqual([{ layer: 'x', nodeIndex: 0, tensorIndex: 0 }]);
    expect([model.isSingleInput, model.isSingleOutput, model.outputNames]).toEqual([true, false, ['mask', 'sum']]);
    const [, dense, sum, look] = model.layers;
    expect(dense?.config).toEqual({ name: 'a', trainable: true, dtype: 'float32', units: 4 });
    expect(sum?.inbound[0]?.tensors.map((ref) => ref.layer)).toEqual(['x', 'a']);
    expect(look?.inbound[0]?.kwargs).toEqual({
      value: { layer: 'a', nodeIndex: 0, tensorIndex: 0, shape: [null, 4], dtype: 'float32' },
      causal: true,
    });
    expect(makeModelConfig(model)).toEqual(config);
  });

  it('reads what Keras 2 wrote: input shapes, calls as lists, settings with other spellings', () => {
    const model = parseModelConfig({
      class_name: 'Model',
      config: {
        name: 'old',
        layers: [
          {
            class_name: 'InputLayer',
            name: 'x',
            config: { batch_input_shape: [null, 8, 8, 3], name: 'x' },
            inbound_nodes: [],
          },
          {
            class_name: 'DepthwiseConv2D',
            name: 'd',
            config: { name: 'd', groups: 1, dtype: 'float32' },
            inbound_nodes: [[['x', 0, 0, {}]]],
          },
          {
            class_name: 'BatchNormalization',
            name: 'n',
            config: { name: 'n', axis: [3] },
            inbound_nodes: [[['d', 0, 0, { training: false }]]],
          },
          {
            class_name: 'Add',
            name: 's',
            config: { name: 's' },
            inbound_nodes: [
              [
                ['d', 0, 0, {}],
                ['n', 0, 0, {}],
              ],
            ],
          },
        ],
        input_layers: [['x', 0, 0]],
        output_layers: [['s', 0, 0]],
      },
    });
    expect(model.layers.map((each) => each.config)).toEqual([
      { name: 'x', batch_shape: [null, 8, 8, 3] },
      { name: 'd', dtype: 'float32' },
      { name: 'n', axis: 3 },
      { name: 's' },
    ]);
    const ref = (name: string): object => ({ layer: name, nodeIndex: 0, tensorIndex: 0 });
    expect(model.layers.map((each) => each.inbound)).toEqual([
      [],
      [{ tensors: [ref('x')], args: [ref('x')], kwargs: {} }],
      [{ tensors: [ref('d')], args: [ref('d')], kwargs: { training: false } }],
      [{ tensors: [ref('d'), ref('n')], args: [[ref('d'), ref('n')]], kwargs: {} }],
    ]);
  });

  it('gives a Sequential model of Keras 2 its input layer', () => {
    const dense = { class_name: 'Dense', config: { name: 'd', units: 2, batch_input_shape: [null, 4] } };
    const model = parseModelConfig({ class_name: 'Sequential', config: [dense] });
    expect(model.layers.map((each) => [each.className, each.name, each.config])).toEqual([
      ['InputLayer', 'd_input', { batch_shape: [null, 4], dtype: 'float32', name: 'd_input' }],
      ['Dense', 'd', { name: 'd', units: 2 }],
    ]);
    expect(makeModelConfig(model)).toMatchObject({
      class_name: 'Sequential',
      build_config: { input_shape: [null, 4] },
    });
  });

  it('reads models within models', () => {
    const inner = functional([input, layer('Dense', 'a', [tensor('x')])], [['x', 0, 0]], [['a', 0, 0]]);
    const outer = functional(
      [input, { ...inner, name: 'block', inbound_nodes: [{ args: [tensor('x')], kwargs: {} }] }],
      ['x', 0, 0],
      ['block', 0, 0],
    );
    const model = parseModelConfig(outer, { isKnownClass: (name) => name !== 'Functional' });
    expect(model.layers[1]?.model?.layers.map((each) => each.name)).toEqual(['x', 'a']);
    expect(makeModelConfig(model)).toEqual(outer);
  });

  it('never takes a function from a file', () => {
    const bytecode = { class_name: '__lambda__', config: { code: '4wEAAAA=', defaults: null, closure: null } };
    const lambda = layer('Lambda', 'twice', [tensor('x')], { function: bytecode });
    const config = functional([input, lambda], ['x', 0, 0], ['twice', 0, 0]);
    expect(() => parseModelConfig(config, { file: 'm.keras' })).toThrow(
      expect.objectContaining({ code: 'unsupported', message: expect.stringContaining("the Lambda layer 'twice'") }),
    );
    expect(parseModelConfig(config, { allowLambda: ['twice'] }).layers).toHaveLength(2);
    const nested = functional([{ ...config, name: 'net', inbound_nodes: [] }], [], []);
    expect(() => parseModelConfig(nested)).toThrow("the Lambda layer 'twice'");
  });

  it('refuses what it cannot rebuild, naming the layer', () => {
    const refused =
      (value: unknown): (() => unknown) =>
      () =>
        parseModelConfig(value, { file: 'm.keras', isKnownClass: (name) => name === 'Dense' || name === 'InputLayer' });
    expect(refused(functional([layer('Conv9D', 'odd', [])], [], []))).toThrow(
      /the layer 'odd' is of the class Conv9D[\s\S]*at m.keras\/net\/odd/,
    );
    expect(refused({ class_name: 'MyNet', config: {} })).toThrow('a model of the class MyNet cannot be rebuilt');
    expect(refused({ class_name: '__proto__', config: { layers: [] } })).toThrow('a model of the class __proto__');
    expect(refused(functional([input, input], ['x', 0, 0], ['x', 0, 0]))).toThrow("two layers are called 'x'");
    expect(refused(functional([input], ['x', 0, 0], ['y', 0, 0]))).toThrow("refers to the layer 'y'");
    expect(refused(functional([input], ['x', -1, 0], ['x', 0, 0]))).toThrow('[layer, node, tensor] was expected');
    expect(refused(functional([input, layer('Dense', 'a', [tensor('z')])], ['x', 0, 0], ['a', 0, 0]))).toThrow(
      "the layer 'z'",
    );
    expect(refused('model')).toThrow('a model was expected, found "model"');
    let deep: unknown = 1;
    for (let i = 0; i < 100; i++) deep = [deep];
    expect(refused(functional([layer('Dense', 'a', [], { deep })], [], []))).toThrow(
      'its settings are nested too deep',
    );
    expect(refused(functional([input, layer('Dense', 'a', [deep])], ['x', 0, 0], ['a', 0, 0]))).toThrow(
      'nested too deep',
    );
  });

  it('reads objects given whole, by name, and as functions', () => {
    const glorot = {
      module: 'keras.initializers',
      class_name: 'GlorotUniform',
      config: { seed: 3 },
      registered_name: null,
    };
    expect(parseKerasObject(glorot, 'x')).toEqual({
      className: 'GlorotUniform',
      config: { seed: 3 },
      module: 'keras.initializers',
      registeredName: null,
    });
    expect(parseKerasObject('relu', 'x').className).toBe('relu');
    expect(parseKerasObject({ module: 'builtins', class_name: 'function', config: 'mse' }, 'x').className).toBe('mse');
    expect(() => parseKerasObject(7, 'm/loss')).toThrow(/a Keras object was expected, found 7[\s\S]*at m\/loss/);
    expect([parseDtypePolicy(policy, 'x'), parseDtypePolicy('float16', 'x'), parseDtypePolicy(null, 'x')]).toEqual([
      'float32',
      'float16',
      null,
    ]);
  });
});
