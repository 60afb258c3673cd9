// Training: twelve single steps of a small convnet, with the optimizer's own variables, or a whole `fit`.
import { gradients } from '../../src/compile/autodiff.js';
import type { HostArray } from '../../src/data/index.js';
import { scalar, type Tensor, tensor } from '../../src/graph/tensor.js';
import type { Variable } from '../../src/graph/variable.js';
import { isRecord } from '../../src/nn/keras-config.js';
import type { LayerConfig } from '../../src/nn/layer.js';
import { input } from '../../src/nn/layers/index.js';
import { layerFromConfig } from '../../src/nn/layers/registry.js';
import { lossValue, makeLoss } from '../../src/nn/losses.js';
import { Sequential } from '../../src/nn/model.js';
import { optimizerFromConfig } from '../../src/nn/optimizers.js';
import { add } from '../../src/ops/arithmetic.js';
import type { Findings } from './findings.js';
import { type Arrays, broken, type GoldenCase, type GoldenFolder, type Machine, messageOf } from './folder.js';

/** An object as the lists write it. */
interface GoldenObject {
  readonly class: string;
  readonly args: Record<string, unknown>;
}

interface Named {
  readonly name: string;
  readonly shape: readonly number[];
}

interface Run {
  readonly name: string;
  readonly kind: string;
  readonly optimizer: GoldenObject;
  readonly loss: string;
  readonly metrics?: readonly string[];
  readonly layers: readonly GoldenObject[];
  readonly weights: readonly Named[];
  readonly data?: { readonly file?: string };
}

interface StepsRun extends Run {
  readonly batch_size: number;
  readonly steps: number;
  readonly optimizer_variables: readonly Named[];
  readonly learning_rates: readonly number[];
  readonly losses: readonly number[];
}

interface FitRun extends Run {
  readonly frozen?: readonly number[];
  readonly one_hot?: boolean;
  readonly sample_weight?: boolean;
  readonly fit: {
    readonly batch_size: number;
    readonly epochs: number;
    readonly shuffle: boolean;
    readonly validation_split?: number;
  };
  readonly history: Readonly<Record<string, readonly number[]>>;
  readonly evaluate: Readonly<Record<string, number>>;
}

/** The training runs of a folder. */
export function trainingCases(folder: GoldenFolder): GoldenCase[] {
  const files = folder.list('training').filter((file) => file.endsWith('.json'));
  return files.map((file) => {
    const name = file.slice(0, -'.json'.length);
    let run: unknown;
    try {
      run = folder.json(`training/${file}`);
    } catch (error) {
      return broken('training', name, messageOf(error));
    }
    if (!isRecord(run)) return broken('training', name, 'it holds no object');
    return { suite: 'training', name, replay: (machine, findings) => replay(run, name, { folder, machine, findings }) };
  });
}

interface Place {
  readonly folder: GoldenFolder;
  readonly machine: Machine;
  readonly findings: Findings;
}

async function replay(run: object, name: string, { folder, machine, findings }: Place): Promise<void> {
  const { kind, data } = run as Run;
  const arrays = folder.arrays(`training/${name}.safetensors`);
  const samples = folder.arrays(`training/${data?.file ?? 'data.safetensors'}`);
  if (kind === 'steps') return replaySteps(run as StepsRun, { arrays, samples, machine, findings });
  if (kind === 'fit') return replayFit(run as FitRun, { arrays, samples, machine, findings });
  throw new Error(`a run of kind "${kind}" is not known`);
}

interface Work {
  readonly arrays: Arrays;
  readonly samples: Arrays;
  readonly machine: Machine;
  readonly findings: Findings;
}

/** `{class, args}` anywhere inside becomes Keras's `{class_name, config}`. */
function toKeras(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toKeras);
  if (!isRecord(value)) return value;
  if ('class' in value) return { class_name: value.class, config: toKeras(value.args) };
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, toKeras(each)]));
}

function makeModel(run: Run, { arrays, samples, findings }: Work): Sequential {
  const stack = run.layers.map(({ class: className, args }) =>
    layerFromConfig(className, toKeras(args) as LayerConfig),
  );
  const model = new Sequential([input(samples.shape('x').slice(1)), ...stack]);
  const last = ({ name, shape }: Named): unknown => ({ name: name.split('/').at(-1), shape });
  findings.same('weights', model.weights.map(last), run.weights.map(last));
  setInitial(model, arrays);
  return model;
}

function setInitial(model: Sequential, arrays: Arrays): void {
  model.setWeights(model.weights.map((_, i) => arrays.floats(`initial/${i}`)));
}

/** Rows from `start` to `end` of an array of the data. */
function rows(samples: Arrays, name: string, start = 0, end?: number): HostArray {
  const [count = 0, ...rest] = samples.shape(name);
  const row = rest.reduce((product, dim) => product * dim, 1);
  const to = Math.min(end ?? count, count);
  const data = samples.floats(name).slice(row * start, row * to);
  const shape = [to - start, ...rest];
  return name === 'y' ? { data: Int32Array.from(data), shape, dtype: 'int32' } : { data, shape, dtype: 'float32' };
}

const elementsOf = async (variable: Variable): Promise<ArrayLike<number>> => Array.from(await variable.elements());

async function replaySteps(run: StepsRun, work: Work): Promise<void> {
  const { arrays, samples, findings } = work;
  const model = makeModel(run, work);
  await compareFirstGradient(run, model, work);
  setInitial(model, arrays);
  const optimizer = optimizerFromConfig(toKeras(run.optimizer));
  model.compile({ optimizer, loss: run.loss });
  const losses: number[] = [];
  const rates: number[] = [];
  for (let k = 0; k < run.steps; k++) {
    const batch = (name: string): HostArray => rows(samples, name, run.batch_size * k, run.batch_size * (k + 1));
    rates.push(await optimizer.currentLearningRate());
    const { loss = Number.NaN } = await model.trainOnBatch(batch('x'), batch('y'));
    losses.push(loss);
  }
  findings.close('losses', losses, run.losses, 'training');
  findings.close('learning rates', rates, run.learning_rates, 'training');
  await compareWeights(model, arrays, 'final', findings);
  const { variables } = optimizer;
  findings.same(
    'shapes of optimizer variables',
    variables.map(({ shape }) => shape),
    run.optimizer_variables.map(({ shape }) => shape),
  );
  findings.same(
    'optimizer variables',
    variables.map(({ name }) => plainName(name)),
    run.optimizer_variables.map(({ name }) => plainName(name)),
  );
  for (const [i, variable] of variables.entries()) {
    findings.close(`optimizer/${i}`, await elementsOf(variable), arrays.floats(`optimizer/${i}`), 'training');
  }
  if (arrays.has('averaged/0')) {
    await optimizer.finalize();
    await compareWeights(model, arrays, 'averaged', findings);
  }
  await comparePredictions(model, work);
}

/** A slot's name without that of the layer: Keras and this library number layers differently. */
function plainName(name: string): string {
  return name.replace(/^\w+\//, '').replace(/^.*?(?=(depthwise_|pointwise_)?(kernel|bias|gamma|beta)_)/, '');
}

/** The gradients of the first batch's loss, penalties included, in training mode. Weights that it changes stay changed. */
async function compareFirstGradient(run: StepsRun, model: Sequential, work: Work): Promise<void> {
  const { arrays, samples, machine, findings } = work;
  const first = (name: string): Tensor => {
    const { data, shape, dtype } = rows(samples, name, 0, run.batch_size);
    return tensor(data, { shape, dtype });
  };
  const trainable = model.trainableWeights;
  const values = trainable.map(({ value }) => value);
  const [output] = model.call([first('x')], { training: true, random: () => ({ key: scalar(0), stream: 0 }) });
  let total = lossValue(makeLoss(run.loss), first('y'), output as Tensor);
  for (const penalty of model.losses) total = add(total, penalty);
  const got = await machine.evaluate(gradients(total, values));
  for (const [i, { shape }] of trainable.entries()) {
    const name = `first-gradient/${i}`;
    findings.close(name, got[i] ?? [], arrays.floats(name), 'gradient', shape);
  }
}

async function compareWeights(model: Sequential, arrays: Arrays, name: string, findings: Findings): Promise<void> {
  const got = await model.getWeights();
  got.forEach((values, i) => {
    const shape = model.weights[i]?.shape ?? [];
    findings.close(`${name}/${i}`, values, arrays.floats(`${name}/${i}`), 'training', shape);
  });
}

async function comparePredictions(model: Sequential, { arrays, samples, findings }: Work): Promise<void> {
  if (!arrays.has('predictions')) return;
  const want = arrays.floats('predictions');
  const shape = arrays.shape('predictions');
  const { data } = await model.predict(rows(samples, 'x', 0, shape[0]));
  findings.close('predictions', data, want, 'training', shape);
}

async function replayFit(run: FitRun, work: Work): Promise<void> {
  const { arrays, samples, findings } = work;
  const model = makeModel(run, work);
  for (const index of run.frozen ?? []) {
    const layer = model.layers[index];
    if (layer === undefined) throw new Error(`there is no layer ${index} to freeze`);
    layer.trainable = false;
  }
  model.compile({
    optimizer: optimizerFromConfig(toKeras(run.optimizer)),
    loss: run.loss,
    ...(run.metrics === undefined ? {} : { metrics: run.metrics }),
  });
  const x = rows(samples, 'x');
  const labels = rows(samples, 'y');
  const y = run.one_hot === true ? oneHotRows(labels, run.weights.at(-1)?.shape.at(-1) ?? 0) : labels;
  const { batch_size: batchSize, epochs, shuffle, validation_split: validationSplit } = run.fit;
  const { history } = await model.fit(x, y, {
    batchSize,
    epochs,
    shuffle,
    verbose: 0,
    ...(validationSplit === undefined ? {} : { validationSplit }),
    ...(run.sample_weight === true ? { sampleWeight: rows(samples, 'sample_weight') } : {}),
  });
  findings.same('names in the history', Object.keys(history).sort(), Object.keys(run.history).sort());
  for (const [name, want] of Object.entries(run.history)) {
    findings.close(`history of ${name}`, history[name] ?? [], want, 'training');
  }
  const { batch_size: evaluated = 32, ...wanted } = run.evaluate;
  const scores = await model.evaluate(x, y, { batchSize: evaluated });
  for (const [name, want] of Object.entries(wanted)) {
    findings.close(`evaluated ${name}`, [scores[name] ?? Number.NaN], [want], 'training', []);
  }
  await compareWeights(model, arrays, 'final', findings);
  await comparePredictions(model, work);
}

function oneHotRows({ data, shape }: HostArray, classes: number): HostArray {
  const hot = new Float32Array(data.length * classes);
  Array.from(data).forEach((label, i) => {
    hot[i * classes + label] = 1;
  });
  return { data: hot, shape: [...shape, classes], dtype: 'float32' };
}
