// Layers of sequences against figures of Keras (figures/sequence-layers.py): options, masks, states, gradients, weights, configs.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compile/autodiff.js';
import { interpret } from '../../src/graph/interpret.js';
import { type LayerConfig, layers, models, optimizers, type Tensor, tensor } from '../../src/index.js';
import { toCamelCase } from '../../src/nn/keras-config.js';
import type { CallContext } from '../../src/nn/layer.js';
import { layerFromConfig } from '../../src/nn/layers/registry.js';
import type { CallArguments } from '../../src/nn/symbolic.js';
import { add, multiply, sum } from '../../src/ops/index.js';

interface Figures {
  readonly models: Readonly<Record<'plain' | 'weighted', readonly Readonly<Record<string, number>>[]>>;
  readonly cases: readonly {
    readonly name: string;
    readonly class: string;
    readonly config: LayerConfig;
    readonly inputs: readonly (readonly number[])[];
    readonly listed: boolean;
    readonly arguments: Readonly<Record<string, unknown>>;
    readonly training: boolean;
    readonly weights: readonly { readonly path: string; readonly shape: number[]; readonly trainable: boolean }[];
    readonly outputs: readonly { readonly shape: number[]; readonly values: number[] }[];
    readonly gradients: readonly (readonly number[])[];
    readonly updated: Readonly<Record<string, readonly number[]>>;
  }[];
}

const figures = JSON.parse(readFileSync(new URL('./figures/sequence-layers.json', import.meta.url), 'utf8')) as Figures;

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const wave = (shape: readonly number[], phase: number, step = 0.37, scale = 1): Float32Array =>
  Float32Array.from({ length: sizeOf(shape) }, (_, i) => scale * Math.sin(phase + i * step));
const ramp = (shape: readonly number[], phase: number): Tensor => tensor(wave(shape, phase), { shape: [...shape] });
const valuesOf = (x: Tensor): number[] => Array.from(interpret([x])[0]?.data ?? []);

function expectClose(got: readonly number[], want: readonly number[], relative: number, what: string): void {
  expect(got.length, what).toBe(want.length);
  const largest = Math.max(...want.map(Math.abs));
  const worst = Math.max(...want.map((value, i) => Math.abs((got[i] as number) - value)));
  expect(worst, `${what}: largest difference (largest value ${largest})`).toBeLessThanOrEqual(
    relative * largest + 1e-6,
  );
}

/** The arguments of a call: masks as lists of 0 and 1, states by shape and phase, flags. */
function argumentsOf(stored: Readonly<Record<string, unknown>>): CallArguments<Tensor> {
  const entries = Object.entries(stored).map(([key, value]) => {
    if (typeof value === 'boolean') return [toCamelCase(key), value];
    if (key === 'initial_state') {
      return [
        'initialState',
        (value as { shape: number[]; phase: number }[]).map(({ shape, phase }) => ramp(shape, phase)),
      ];
    }
    const masks = (value as (never[] | null)[]).map((mask) => (mask === null ? null : tensor(mask, { dtype: 'bool' })));
    return [toCamelCase(key), masks.length === 1 ? masks[0] : masks];
  });
  return Object.fromEntries(entries) as CallArguments<Tensor>;
}

const context = (training: boolean): CallContext => ({
  training,
  random() {
    throw new Error('no case is random');
  },
});

const TOLERANCE = { output: 3e-6, gradient: 1e-5 };

describe('layers of sequences, as Keras computes them', () => {
  it.each(figures.cases.map((each) => [each.name, each] as const))('%s', (_name, each) => {
    const layer = layerFromConfig(each.class, each.config);
    const inputs = each.inputs.map((shape, i) => ramp(shape, i + 1));
    const options = argumentsOf(each.arguments);
    layer.ensureBuilt(inputs.map(({ shape }) => shape));
    const { weightPaths } = layer;
    expect(layer.weights.map(({ shape, trainable }, i) => ({ path: weightPaths[i], shape, trainable }))).toEqual(
      each.weights,
    );
    layer.setWeights(
      each.weights.map(({ path, shape }, i) => {
        const scaled = wave(shape, 21 + i, 0.91, 0.5);
        return path.includes('variance') ? scaled.map((value) => value + 1) : scaled;
      }),
    );
    const before = layer.weights.map((weight) => weight.tensor);
    const outputs = layer.run(inputs, context(each.training), options);
    expect(outputs.map(({ shape }) => shape)).toEqual(each.outputs.map(({ shape }) => shape));
    outputs.forEach((output, i) => {
      expectClose(valuesOf(output), each.outputs[i]?.values ?? [], TOLERANCE.output, `output ${i}`);
    });
    const changed = layer.weights.flatMap((weight, i) => (weight.tensor === before[i] ? [] : [`${i}`]));
    expect(changed).toEqual(Object.keys(each.updated));
    for (const [i, want] of Object.entries(each.updated)) {
      expectClose(
        valuesOf(layer.weights[Number(i)]?.tensor as Tensor),
        want,
        TOLERANCE.output,
        `weight ${i} afterwards`,
      );
    }
    const total = outputs
      .map((output, i) => sum(multiply(output, ramp(output.shape, 31 + i))))
      .reduce((a, b) => add(a, b));
    // By what the weights are now: a layer that sets its kernel trains the new one.
    const slopes = gradients(total, [...inputs, ...layer.trainableWeights.map((weight) => weight.value)]);
    slopes.forEach((slope, i) => {
      expectClose(valuesOf(slope), each.gradients[i] ?? [], TOLERANCE.gradient, `gradient ${i}`);
    });
  });

  it.each(figures.cases.map((each) => [each.name, each] as const))('config of %s', (_name, each) => {
    const layer = layerFromConfig(each.class, each.config);
    expect(plain(layer.config)).toEqual(plain(each.config));
    expect(layerFromConfig(each.class, layer.config).config).toEqual(layer.config);
  });
});

/** What Keras says of batch normalization and this library leaves out, because it changes nothing. */
const SILENT = ['build_config', 'shared_object_id', 'renorm', 'renorm_momentum', 'synchronized'];

/** A config without what differs in form alone: policies as names, nulls and what Keras writes about the build. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).flatMap(([key, each]) => {
    if (each === null || SILENT.includes(key)) return [];
    if (key === 'dtype' && typeof each === 'object') return [[key, (each as { config: { name: string } }).config.name]];
    return [[key, plain(each)]];
  });
  return Object.fromEntries(kept);
}

describe('masks in training', () => {
  it.each(['plain', 'weighted'] as const)('leave steps out of losses and metrics as Keras does (%s)', async (kind) => {
    const model = models.sequential([
      layers.input([4], { dtype: 'int32' }),
      layers.embedding({ inputDim: 5, outputDim: 3, maskZero: true }),
      layers.lstm({ units: 2, returnSequences: true }),
      layers.dense({ units: 3, activation: 'softmax' }),
    ]);
    model.setWeights(model.weights.map(({ shape }, i) => wave(shape, 21 + i, 0.91, 0.5)));
    model.compile({
      optimizer: optimizers.sgd({ learningRate: 0.5 }),
      loss: 'sparseCategoricalCrossentropy',
      ...(kind === 'plain' ? { metrics: ['accuracy'] } : { weightedMetrics: ['accuracy'] }),
    });
    const x = { data: Int32Array.of(1, 2, 0, 0, 3, 0, 4, 1), shape: [2, 4], dtype: 'int32' as const };
    const y = { data: Int32Array.of(0, 1, 2, 0, 2, 2, 1, 0), shape: [2, 4], dtype: 'int32' as const };
    const sampleWeight = {
      data: Float32Array.of(0.5, 2, 1, 3, 1.5, 0.25, 0.5, 1),
      shape: [2, 4],
      dtype: 'float32' as const,
    };
    for (const want of figures.models[kind]) {
      const logs = await model.trainOnBatch(x, y, kind === 'weighted' ? { sampleWeight } : {});
      expect(logs.loss).toBeCloseTo(want.loss as number, 5);
      expect(logs.accuracy).toBeCloseTo(want.weighted_accuracy as number, 5);
    }
  });
});
