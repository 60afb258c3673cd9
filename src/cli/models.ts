// Saved models for the commands: a file, or the folder of a run, and what `fovea train` kept with it.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { load } from '../interchange/load.js';
import type { TrainableModel } from '../nn/model.js';
import { checkPreprocessing, type PicturePreprocessing } from '../nn/model-metadata.js';

/** What `fovea train` keeps with a model beside the names of its classes and how pictures are prepared. */
export interface TrainedOn {
  readonly name: string;
  readonly seed: number;
  readonly size: number;
}

/** The model in a file of any kind that is read, in a run's folder, or in TensorFlow.js's. */
export async function loadModel(path: string): Promise<TrainableModel> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() !== true) return load(path);
  return load(join(path, (await isFile(join(path, 'model.json'))) ? 'model.json' : 'model.keras'));
}

/** Whether there is a file or folder of that name. */
export async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** Whether there is a file of that name. */
export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}

/** What a model was trained with. Throws `argument` where the file does not say. */
export function metadataOf(
  model: TrainableModel,
  op: string,
): { preprocessing: PicturePreprocessing; data: TrainedOn | undefined } {
  const preprocessing = checkPreprocessing(model.metadata.preprocessing, model.name, op);
  return { preprocessing, data: model.metadata.data as TrainedOn | undefined };
}
