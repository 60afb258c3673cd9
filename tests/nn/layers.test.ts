// Layers and activations against Keras: outputs, gradients, updated statistics, weights and configs.
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compile/autodiff.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { activationFunction } from '../../src/nn/activations.js';
import type { CallContext, LayerConfig } from '../../src/nn/layer.js';
import { findLayerClass, layerFromConfig } from '../../src/nn/layers/registry.js';
import { elu, gelu, leakyRelu } from '../../src/ops/activation.js';
import { add, multiply } from '../../src/ops/arithmetic.js';
import { sum } from '../../src/ops/reduce.js';
import { logSoftmax } from '../../src/ops/softmax.js';
import { evaluate, expectClose, goldenCases, goldenFolder, readArrays } from './golden.js';

interface Entry {
  tensor: string;
  shape: number[];
}

interface Case {
  name: string;
  class?: string;
  function?: string;
  args: Record<string, unknown>;
  config?: LayerConfig;
  call: { inputs: string; training?: boolean };
  inputs: Entry[];
  weights: (Entry & { name: string; trainable: boolean })[];
  outputs: Entry[];
  gradients: string[];
  updated: string[];
}

const OUTPUT_TOLERANCE = 3e-5;
const GRADIENT_TOLERANCE = 1e-4;

const cases = goldenCases<Case>('layers/cases.json');

/** What is not there yet: kinds of layers, or options that a layer refuses. */
const MISSING_OPTIONS = new Set(['upsampling2d-bicubic', 'activation-sparsemax']);
const isThere = (each: Case): boolean =>
  (each.class === undefined || findLayerClass(each.class) !== undefined) && !MISSING_OPTIONS.has(each.name);
const present = cases.filter(isThere);

const context = (training: boolean): CallContext => ({
  training,
  random() {
    throw new Error('no golden case is random');
  },
});

function functionCall({ function: name, args }: Case): (x: Tensor) => Tensor {
  if (name === 'gelu') return (x) => gelu(x, { approximate: args.approximate as boolean });
  if (name === 'leaky_relu') return (x) => leakyRelu(x, args.negative_slope as number);
  if (name === 'elu') return (x) => elu(x, args.alpha as number);
  if (name === 'log_softmax') return (x) => logSoftmax(x, { axis: args.axis as number });
  return activationFunction(name as string);
}

describe.skipIf(goldenFolder === undefined)('layers, as Keras computes them', () => {
  it('covers the layers there are', () => {
    expect(present.length).toBeGreaterThanOrEqual(213);
  });

  it.each(present.map((each) => [each.name, each] as const))('%s', async (_name, each) => {
    const arrays = readArrays(`layers/${each.name}.safetensors`);
    const array = (name: string): Tensor => arrays.get(name) as Tensor;
    const inputs = each.inputs.map((entry) => array(entry.tensor));
    let outputs: readonly Tensor[];
    let weights: readonly Tensor[] = [];
    if (each.class === undefined) {
      outputs = [functionCall(each)(inputs[0] as Tensor)];
    } else {
      const layer = layerFromConfig(each.class, each.config as LayerConfig);
      layer.ensureBuilt(inputs.map(({ shape }) => shape));
      expect(layer.weights.map(({ name, shape, trainable }) => ({ name, shape, trainable }))).toEqual(
        each.weights.map(({ name, shape, trainable }) => ({ name, shape, trainable })),
      );
      layer.setWeights(
        await Promise.all(each.weights.map(async (entry) => Float32Array.from(await evaluateOne(array(entry.tensor))))),
      );
      weights = layer.weights.map((weight) => weight.value);
      outputs = layer.run(inputs, context(each.call.training ?? false));
      const inferred = layer.computeOutputShapes(inputs.map(({ shape }) => shape));
      expect(inferred.map(({ shape }) => shape)).toEqual(each.outputs.map(({ shape }) => shape));
      const changed = layer.weights.flatMap((weight, i) => (weight.tensor === weights[i] ? [] : [`updated/${i}`]));
      expect(changed).toEqual(each.updated);
      for (const name of changed) {
        const got = layer.weights[Number(name.split('/')[1])]?.tensor as Tensor;
        expectClose(await evaluateOne(got), await evaluateOne(array(name)), OUTPUT_TOLERANCE, name);
      }
    }
    expect(outputs.map(({ shape }) => shape)).toEqual(each.outputs.map(({ shape }) => shape));
    const total = outputs.map((output, i) => sum(multiply(output, array(`dy/${i}`)))).reduce((a, b) => add(a, b));
    const wanted = each.gradients.map((name) => {
      const [, kind, index] = name.split('/') as [string, string, string];
      return (kind === 'input' ? inputs : weights)[Number(index)] as Tensor;
    });
    const computed = await evaluate([...outputs, ...gradients(total, wanted)]);
    for (const [i, entry] of each.outputs.entries()) {
      expectClose(
        computed[i] as ArrayLike<number>,
        await evaluateOne(array(entry.tensor)),
        OUTPUT_TOLERANCE,
        entry.tensor,
      );
    }
    for (const [i, name] of each.gradients.entries()) {
      const got = computed[outputs.length + i] as ArrayLike<number>;
      expectClose(got, await evaluateOne(array(name)), GRADIENT_TOLERANCE, name);
    }
  });

  it.each(present.filter((each) => each.config !== undefined).map((each) => [each.name, each] as const))(
    'config of %s',
    (_name, each) => {
      const layer = layerFromConfig(each.class as string, each.config as LayerConfig);
      const { dtype: _, ...own } = layer.config;
      const { dtype: __, ...keras } = each.config as LayerConfig;
      // What we do not write is what Keras takes as its default.
      const silent = Object.keys(keras).filter((key) => !(key in own));
      expect(own).toEqual(Object.fromEntries(Object.entries(keras).filter(([key]) => !silent.includes(key))));
      for (const key of silent) expect([null, false, 0.99]).toContain(keras[key]);
      expect(layerFromConfig(each.class as string, layer.config).config).toEqual(layer.config);
    },
  );
});

async function evaluateOne(x: Tensor): Promise<ArrayLike<number>> {
  return (await evaluate([x]))[0] as ArrayLike<number>;
}
