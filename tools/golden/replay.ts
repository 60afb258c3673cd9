// Replays the cases of a folder of golden values one after another. The command is ../golden.ts; the tests replay the
// same cases, in float64 and on an engine.
import { classifierCases } from './classifiers.js';
import { Findings } from './findings.js';
import { broken, type GoldenCase, GoldenFolder, type Machine, messageOf } from './folder.js';
import { imageCases } from './images.js';
import { initializerCases } from './initializers.js';
import { layerCases } from './layers.js';
import { damagedCases, modelFileCases } from './model-files.js';
import { onnxCases } from './onnx.js';
import { pictureCases } from './pictures.js';
import { lossCases, metricCases } from './scores.js';
import { trainingCases } from './training.js';
import { zooCases } from './zoo.js';

interface Suite {
  readonly name: string;
  /** The file or folder whose presence means that the folder has this part. */
  readonly part: string;
  list(folder: GoldenFolder, seed: number): GoldenCase[];
}

/** The parts that a folder may have. */
const SUITES: readonly Suite[] = [
  { name: 'layers', part: 'layers', list: layerCases },
  { name: 'losses', part: 'losses.json', list: lossCases },
  { name: 'metrics', part: 'metrics.json', list: metricCases },
  { name: 'initializers', part: 'initializers.json', list: initializerCases },
  { name: 'training', part: 'training', list: trainingCases },
  { name: 'images', part: 'images', list: imageCases },
  { name: 'onnx', part: 'onnx', list: onnxCases },
  { name: 'models-files', part: 'models/files', list: modelFileCases },
  { name: 'models-damaged', part: 'models/damaged', list: damagedCases },
  { name: 'zoo', part: 'models/zoo.json', list: zooCases },
  { name: 'tasks-classifiers', part: 'tasks/classifiers.json', list: classifierCases },
  { name: 'tasks-pictures', part: 'tasks/pictures.json', list: pictureCases },
];

export const SUITE_NAMES: readonly string[] = SUITES.map(({ name }) => name);

/** What came of a case. */
export interface Outcome {
  readonly case: GoldenCase;
  /** Why it failed, on one line; undefined where it passed. */
  readonly failure: string | undefined;
  /** The largest deviation in units of what is allowed. */
  readonly worst: number;
}

/** The cases of a folder, part by part; `seed` is where samples of initializers start. Parts that are not there have none. */
export function goldenCases(path: string, seed = 11): GoldenCase[] {
  const folder = new GoldenFolder(path);
  return SUITES.flatMap(({ name, part, list }) => {
    if (!folder.has(part)) return [];
    try {
      return list(folder, seed);
    } catch (error) {
      return [broken(name, part, messageOf(error))];
    }
  });
}

/** Replays one case. Nothing that a case does ends the others: what is thrown is its failure. */
export async function replayCase(each: GoldenCase, machine: Machine): Promise<Outcome> {
  const findings = new Findings();
  try {
    await each.replay(machine, findings);
  } catch (error) {
    findings.fail('replay', Infinity, messageOf(error));
  }
  if (findings.count === 0 && findings.failed.length === 0) findings.fail('replay', Infinity, 'compares nothing');
  return { case: each, failure: findings.line, worst: findings.worst };
}
