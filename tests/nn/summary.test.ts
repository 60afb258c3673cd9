// The summary against tables printed by Keras 3.15: `keras-summaries.json` beside this file holds them, made with
//   model.summary(print_fn=..., line_length=..., positions=...) in a terminal of 200 columns.
import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { buildLayerGraph } from '../../src/nn/functional.js';
import type { Layer } from '../../src/nn/layer.js';
import * as layers from '../../src/nn/layers/index.js';
import { clearNames } from '../../src/nn/naming.js';
import { type SummaryModel, type SummaryOptions, summaryText } from '../../src/nn/summary.js';
import type { SymbolicTensor } from '../../src/nn/symbolic.js';

const printed = JSON.parse(readFileSync(new URL('./keras-summaries.json', import.meta.url), 'utf8')) as Record<
  string,
  string
>;

const weightsOf = (all: readonly Layer[]) => ({
  trainableWeights: all.flatMap((layer) => layer.trainableWeights),
  nonTrainableWeights: all.flatMap((layer) => layer.nonTrainableWeights),
});

function row(name: string, all: readonly Layer[], input?: SymbolicTensor): SummaryModel {
  let x = input;
  if (x !== undefined) for (const layer of all) x = layer.apply(x as SymbolicTensor);
  return { name, layers: all, ...weightsOf(all) };
}

function functional(name: string, inputs: readonly SymbolicTensor[], output: SymbolicTensor): SummaryModel {
  const graph = buildLayerGraph(inputs, [output]);
  return { name, layers: graph.layers, summaryCalls: graph.calls, ...weightsOf(graph.layers) };
}

function lecture(): SummaryModel {
  const conv = (filters: number, kernelSize = 3): Layer => layers.conv2d({ filters, kernelSize, padding: 'same' });
  const all = [
    conv(64, 7),
    layers.maxPooling2d(),
    conv(128),
    conv(128),
    layers.maxPooling2d(),
    conv(256),
    conv(256),
    layers.maxPooling2d(),
    layers.flatten(),
    layers.dense({ units: 128 }),
    layers.dropout({ rate: 0.5 }),
    layers.dense({ units: 64 }),
    layers.dropout({ rate: 0.5 }),
    layers.dense({ units: 10 }),
  ];
  return row('lecture', all, layers.input([28, 28, 1]));
}

function residual(): SummaryModel {
  const picture = layers.input([null, 32, 3], { name: 'picture' });
  const x = layers.conv2d({ filters: 8, kernelSize: 3, padding: 'same' }).apply(picture);
  const relu = layers.activation({ activation: 'relu' });
  const normal = layers.batchNormalization({ trainable: false });
  const y = relu.apply(normal.apply(x));
  const z = relu.apply(layers.add().apply([x, y]));
  const pool = layers.globalAveragePooling2d({ name: 'a_rather_long_name_for_global_pooling_that_wraps' }).apply(z);
  const joined = layers.concatenate().apply([pool, pool]);
  return functional('res', [picture], layers.dense({ units: 2 }).apply(joined));
}

function chain(): SummaryModel {
  const x = layers.input([5]);
  return functional('chain', [x], layers.relu().apply(layers.dense({ units: 3 }).apply(x)));
}

function two(): SummaryModel {
  const [a, b] = [layers.input([4], { name: 'a' }), layers.input([4], { name: 'b' })];
  return functional('two', [a, b], layers.add().apply([a, b]));
}

const unbuilt = (): SummaryModel => row('unbuilt', [layers.dense({ units: 3 }), layers.dense({ units: 2 })]);

const cases: [string, () => SummaryModel, SummaryOptions][] = [
  ['lecture', lecture, { lineLength: 88 }],
  ['lecture76', lecture, { lineLength: 76 }],
  ['lecture60', lecture, { lineLength: 60 }],
  ['lecturepos', lecture, { lineLength: 70, positions: [0.3, 0.7, 1] }],
  ['res', residual, { lineLength: 108 }],
  ['res76', residual, { lineLength: 76 }],
  ['chain', chain, { lineLength: 88 }],
  ['chain40', chain, { lineLength: 40 }],
  ['unbuilt', unbuilt, { lineLength: 88 }],
  ['two', two, { lineLength: 108 }],
];

describe('summaryText', () => {
  beforeEach(clearNames);

  it.each(cases)('prints %s as Keras does', (name, make, options) => {
    expect(summaryText(make(), options)).toBe(printed[name]);
  });

  it('counts the optimizer where it has variables', () => {
    const model = chain();
    expect(summaryText({ ...model, optimizerWeights: model.trainableWeights }, { lineLength: 88 })).toContain(
      ' Total params: 36 (144.00 B)\n Trainable params: 18 (72.00 B)\n Non-trainable params: 0 (0.00 B)\n Optimizer params: 18 (72.00 B)\n',
    );
  });

  it('refuses a line too short for its columns', () => {
    expect(() => summaryText(chain(), { lineLength: 12 })).toThrow(
      'summary: lineLength 12 is too short for 3 columns.\n  Give a longer line, or positions that leave every column 4 characters.',
    );
  });
});
