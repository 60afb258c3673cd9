// Gathers what report.html shows: curves, confusion matrix, filters, activation maps, worst mistakes.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../core/node-files.js';
import { type ArrayDataset, type HostArray, rowOf, sliceRows } from '../data/index.js';
import { engineInfo } from '../engine/current.js';
import { Model, type TrainableModel } from '../nn/model.js';
import type { SymbolicTensor } from '../nn/symbolic.js';
import { type ReportActivation, type ReportData, type ReportMistake, renderReport } from '../plot/index.js';
import type { CommandData } from './data.js';
import { flagOf, quoted, type RunConfig, type RunFolder } from './run-folder.js';

/** A finished run. */
export interface FinishedRun {
  readonly model: TrainableModel;
  readonly folder: RunFolder;
  readonly data: CommandData;
  readonly trainSet: ArrayDataset;
  readonly testSet: ArrayDataset;
  readonly config: RunConfig;
  readonly seconds: number;
  readonly scores: Readonly<Record<string, number>>;
}

const MISTAKES = 24;
const SHOWN_PICTURES = 3;

/** Writes report.html into the run's folder and gives its path. */
export async function makeReport(run: FinishedRun): Promise<string> {
  const { model, folder, data, testSet, config } = run;
  const info = await engineInfo();
  const predictions = await model.predict(testSet.x);
  const classes = data.classNames.length;
  const { confusion, mistakes } = judge(predictions.data, data, classes);
  const filters = await firstFilters(model);
  const { learningRate, resume, out, overwrite, ...options } = config.options;
  const report: ReportData = {
    model: { name: model.name, parameters: model.countParams() },
    data: { name: data.train.name, train: run.trainSet.length, test: testSet.length },
    engine: `${info.name} ${info.level}, ${info.threads} threads`,
    durationSeconds: run.seconds,
    finishedAt: new Date().toISOString().slice(0, 16).replace('T', ' '),
    scores: Object.fromEntries(Object.entries(run.scores).map(([name, value]) => [`test ${name}`, value])),
    history: await readHistory(join(folder.path, 'history.csv')),
    confusion,
    classNames: data.classNames,
    ...(filters === undefined ? {} : { filters }),
    activations: await activations(model, data, testSet),
    mistakes,
    summary: model.summary(),
    config: { ...options, ...(learningRate === undefined ? {} : { learningRate }) },
    environment: {
      node: process.versions.node,
      platform: `${process.platform} ${process.arch}`,
      engine: info.name,
      level: info.level,
      threads: info.threads,
    },
    command: repeatCommand(config),
  };
  const path = join(folder.path, 'report.html');
  await writeFileAtomic(path, renderReport(report), 'train');
  return path;
}

function judge(
  probabilities: Float32Array,
  { test, classNames }: CommandData,
  classes: number,
): { confusion: number[][]; mistakes: ReportMistake[] } {
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const mistakes: ReportMistake[] = [];
  for (let row = 0; row < test.length; row++) {
    const each = probabilities.subarray(row * classes, (row + 1) * classes);
    const truth = test.y.data[row] as number;
    const guess = each.indexOf(Math.max(...each));
    const cells = confusion[truth] as number[];
    cells[guess] = (cells[guess] as number) + 1;
    if (guess === truth) continue;
    mistakes.push({
      image: rowOf(test.x, row),
      trueLabel: classNames[truth] ?? String(truth),
      predictedLabel: classNames[guess] ?? String(guess),
      probability: each[guess] as number,
      loss: -Math.log(Math.max(each[truth] as number, 1e-7)),
    });
  }
  mistakes.sort((a, b) => b.loss - a.loss);
  return { confusion, mistakes: mistakes.slice(0, MISTAKES) };
}

/** The filters of the first convolution, where there is one that can be drawn. */
async function firstFilters(model: TrainableModel): Promise<ReportData['filters']> {
  for (const layer of model.layers) {
    const kernel = layer.weights.find(({ name, shape }) => name === 'kernel' && shape.length === 4);
    if (kernel === undefined) continue;
    const [height, , channels] = kernel.shape as [number, number, number];
    if (height < 2 || (channels !== 1 && channels !== 3)) return undefined;
    return { layer: layer.name, weights: { data: (await kernel.elements()) as Float32Array, shape: kernel.shape } };
  }
  return undefined;
}

/** What the layers that still make maps give for a few pictures. */
async function activations(
  model: TrainableModel,
  { test, classNames }: CommandData,
  testSet: ArrayDataset,
): Promise<ReportActivation[]> {
  const outputs: SymbolicTensor[] = [];
  const names: string[] = [];
  for (const call of model.graph.calls) {
    const [output] = call.outputs;
    if (call.inputs.length === 0 || output?.shape.length !== 4) continue;
    outputs.push(output);
    names.push(call.layer.name);
  }
  if (outputs.length === 0) return [];
  const watcher = new Model({ inputs: model.inputs, outputs, name: 'watcher' });
  const count = Math.min(SHOWN_PICTURES, test.length);
  const seen = await watcher.predict(sliceRows(testSet.x, 0, count));
  return Array.from({ length: count }, (_, picture) => ({
    image: rowOf(test.x, picture),
    label: classNames[test.y.data[picture] as number] ?? '',
    layers: names.map((layer, i) => ({ layer, maps: rowOf(seen.outputs[i] as HostArray, picture) })),
  }));
}

/** The columns of history.csv, the epoch's number aside. */
async function readHistory(path: string): Promise<Record<string, number[]>> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const [header = '', ...rows] = text.trim().split('\n');
  const names = header.split(',');
  const columns: Record<string, number[]> = {};
  names.forEach((name, column) => {
    if (name !== 'epoch' && name !== '') columns[name] = rows.map((row) => Number(row.split(',')[column]));
  });
  return columns;
}

function repeatCommand({ options }: RunConfig): string {
  const { resume, out, overwrite, ...rest } = options;
  const flags = Object.entries(rest).flatMap(([name, value]) =>
    value === undefined ? [] : [`${flagOf(name)} ${quoted(String(value))}`],
  );
  return `fovea train ${flags.join(' ')}`;
}
