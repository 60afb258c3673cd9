// The page that `fovea finetune` leaves: curves of both stages, confusion matrix, the pictures it errs on most.
import { join } from 'node:path';
import { writeFileAtomic } from '../core/node-files.js';
import { engineInfo } from '../engine/current.js';
import { renderReport } from '../plot/index.js';
import type { FinetuneResult } from '../tasks/transfer/finetune.js';

/** Writes report.html into the run's folder and gives its path. */
export async function writeFinetuneReport(run: {
  readonly result: FinetuneResult;
  readonly path: string;
  readonly folder: string;
  readonly base: string;
  readonly seconds: number;
  readonly command: string;
}): Promise<string> {
  const { result } = run;
  const { model, classNames, plan, judgement, headScores, sizes } = result;
  const info = await engineInfo();
  const nameOf = (label: number): string => classNames[label] ?? String(label);
  const part = sizes.test > 0 ? 'test' : 'validation';
  const page = renderReport({
    model: { name: model.name, parameters: model.countParams() },
    data: { name: run.folder, train: sizes.train, validation: sizes.validation, test: sizes.test },
    engine: `${info.name} ${info.level}, ${info.threads} threads`,
    durationSeconds: run.seconds,
    finishedAt: new Date().toISOString().slice(0, 16).replace('T', ' '),
    scores: {
      ...(judgement === undefined
        ? {}
        : { [`${part} accuracy`]: judgement.accuracy, [`${part} loss`]: judgement.loss }),
      ...(headScores === undefined ? {} : { [`${part} accuracy, base frozen`]: headScores.accuracy }),
    },
    history: result.history,
    ...(judgement === undefined
      ? {}
      : {
          confusion: judgement.confusion,
          mistakes: judgement.mistakes.map(({ image, label, predicted, probability, loss }) => ({
            image,
            trueLabel: nameOf(label),
            predictedLabel: nameOf(predicted),
            probability,
            loss,
          })),
        }),
    classNames,
    summary: model.summary(),
    config: {
      base: run.base,
      scenario: plan.scenario,
      'epochs of the classifier alone': result.headEpochs,
      'unfrozen from': plan.unfreezeFrom ?? 'nowhere',
      'learning rates': `${plan.headRate}; then ${plan.rate}, of the base ${plan.baseRate}`,
    },
    environment: {
      node: process.versions.node,
      platform: `${process.platform} ${process.arch}`,
      engine: info.name,
      level: info.level,
      threads: info.threads,
    },
    command: run.command,
  });
  const path = join(run.path, 'report.html');
  await writeFileAtomic(path, page, 'finetune');
  return path;
}
