// `fovea train`: data, model, fit, test, and a folder with all that came of it.
import { resolve } from 'node:path';
import type { ArrayDataset } from '../../data/index.js';
import { engineInfo } from '../../engine/current.js';
import type { Callback } from '../../nn/callbacks/callback.js';
import { csvLogger } from '../../nn/callbacks/index.js';
import type { TrainableModel } from '../../nn/model.js';
import { scalePixels } from '../../nn/model-metadata.js';
import { makeOptimizer } from '../../nn/optimizers.js';
import { setRandomSeed } from '../../nn/random.js';
import { type CommandData, fitPreprocess, loadData } from '../data.js';
import { isOutputClosed, onInterrupt } from '../interrupt.js';
import { modelFor } from '../model-file.js';
import { loadModel, type TrainedOn } from '../models.js';
import { EXIT, type Output, ownCommand } from '../output.js';
import { makeReport } from '../report.js';
import {
  openRunFolder,
  quoted,
  type RunConfig,
  type RunFolder,
  type TrainOptions,
  trimHistory,
} from '../run-folder.js';

/** Trains and writes the run's folder; resolves with the exit code. `given` are the options that were written out. */
export async function train(asked: TrainOptions, given: readonly string[], output: Output): Promise<number> {
  const folder = await openRunFolder(asked, given);
  const { options } = folder;
  setRandomSeed(options.seed);
  const data = await loadData(options.data, { ...limitOf(options), size: options.size, seed: options.seed, output });
  const preprocessing = folder.config?.preprocessing ?? fitPreprocess(options.preprocess, data.train);
  const model = await makeModel(folder, options, data, output);
  // A run may be resumed from another folder.
  const dataName = data.isFolder ? resolve(options.data) : options.data;
  const config: RunConfig = { options: { ...options, data: dataName }, classNames: data.classNames, preprocessing };
  const trainedOn: TrainedOn = { name: dataName, seed: options.seed, size: options.size };
  model.metadata = { preprocessing, labels: data.classNames, data: trainedOn };
  await folder.create();
  await folder.writeConfig(config);
  if (folder.isResumed) await trimHistory(folder, model.training.state.epoch);

  const info = await engineInfo();
  output.text(model.summary());
  output.text();
  output.text(
    `Training on ${data.train.length} pictures of ${data.train.name}, ${data.classNames.length} classes; ${info.name} ${info.level}, ${info.threads} threads.`,
  );
  output.event('start', {
    folder: folder.path,
    parameters: model.countParams(),
    engine: info,
    train: data.train.length,
    test: data.test.length,
  });

  const trainSet = data.train.withX(scalePixels(preprocessing, data.train.x));
  const testSet = data.test.withX(scalePixels(preprocessing, data.test.x));
  const interrupt = onInterrupt(() => {
    output.text('\nStopping after this step; once more to quit at once.');
    output.event('stopping');
  });
  const started = performance.now();
  try {
    const history = await model.fit(trainSet, {
      epochs: options.epochs,
      batchSize: options.batch,
      ...(options.validation > 0 ? { validationSplit: options.validation } : {}),
      resume: folder.isResumed,
      signal: interrupt.signal,
      verbose: output.isJson ? 0 : 'auto',
      callbacks: [
        csvLogger({ filename: folder.historyPath, append: folder.isResumed }),
        saveEachEpoch(folder),
        emitEpochs(output),
      ],
    });
    await model.save(folder.modelPath);
    if (!history.wasAborted) {
      const seconds = (performance.now() - started) / 1000;
      const isFinished = await finish({
        model,
        folder,
        data,
        testSet,
        trainSet,
        config,
        seconds,
        output,
        batch: options.batch,
        signal: interrupt.signal,
      });
      if (isFinished) return EXIT.done;
    }
    const text = `Stopped. Saved ${folder.modelPath}; continue with: ${ownCommand()} train --resume ${quoted(folder.path)}`;
    output.text(text);
    output.event('stopped', { model: folder.modelPath, resume: folder.path });
    if (!isOutputClosed()) return EXIT.interrupted;
    process.stderr.write(`fovea train: nobody reads the output. ${text}\n`);
    return EXIT.closed;
  } finally {
    interrupt.dispose();
  }
}

function limitOf({ limit }: TrainOptions): { limit?: number } {
  return limit === undefined ? {} : { limit };
}

async function makeModel(
  folder: RunFolder,
  options: TrainOptions,
  data: CommandData,
  output: Output,
): Promise<TrainableModel> {
  if (folder.isResumed) return loadModel(folder.modelPath);
  const [, height, width, channels] = data.train.x.shape as [number, number, number, number];
  const inputShape = [height, width, channels] as const;
  const model = await modelFor(
    options.model ?? 'lecture-cnn',
    { inputShape, classes: data.classNames.length },
    'train',
  );
  if (model.training.compiled === undefined) {
    const optimizer = makeOptimizer(options.optimizer);
    if (options.learningRate !== undefined) optimizer.learningRate = options.learningRate;
    model.compile({ optimizer, loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
  } else {
    output.text('The model file has compiled its model; --optimizer and --learning-rate are left to it.');
  }
  return model;
}

function saveEachEpoch(folder: RunFolder): Callback {
  return { name: 'SaveEachEpoch', onEpochEnd: async (_epoch, _logs, { model }) => model.save(folder.modelPath) };
}

function emitEpochs(output: Output): Callback {
  return { name: 'EmitEpochs', onEpochEnd: (epoch, logs) => output.event('epoch', { epoch: epoch + 1, ...logs }) };
}

/** Scores the test pictures and writes the report; false where it was interrupted. */
async function finish(run: {
  model: TrainableModel;
  folder: RunFolder;
  data: CommandData;
  trainSet: ArrayDataset;
  testSet: ArrayDataset;
  config: RunConfig;
  seconds: number;
  batch: number;
  output: Output;
  signal: AbortSignal;
}): Promise<boolean> {
  const { model, folder, testSet, output, signal } = run;
  const scores = await model.evaluate(testSet, { batchSize: run.batch, signal });
  if (signal.aborted) return false;
  const reportPath = await makeReport({ ...run, scores });
  const text = Object.entries(scores).map(([name, value]) => `${name} ${value.toFixed(4)}`);
  output.text();
  output.text(
    `Test: ${text.join(', ')} (${testSet.length} pictures it has not seen, ${run.seconds.toFixed(0)} s of training)`,
  );
  output.text(`Model:   ${folder.modelPath}`);
  output.text(`Report:  ${reportPath}`);
  output.text(`Predict: ${ownCommand()} predict ${quoted(folder.path)} picture.png`);
  output.event('done', { scores, model: folder.modelPath, report: reportPath, seconds: run.seconds });
  return true;
}
