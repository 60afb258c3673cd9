// Saved models for the commands: a file, or the folder of a run, and what `fovea train` kept with it.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FoveaError } from '../core/errors.js';
import { load } from '../interchange/load.js';
import type { TrainableModel } from '../nn/model.js';
import type { Preprocess } from './data.js';

/** What `fovea train` keeps with a model. */
export interface ModelMetadata {
  readonly classNames?: readonly string[];
  readonly preprocess?: Preprocess;
  /** What it was trained on. */
  readonly data?: { readonly name: string; readonly seed: number; readonly size: number };
}

/** The model in a file, or in a run's folder. */
export async function loadModel(path: string): Promise<TrainableModel> {
  const found = await stat(path).catch(() => undefined);
  return load(found?.isDirectory() ? join(path, 'model.keras') : path);
}

/** Whether there is a file of that name. */
export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}

/** What a model was trained with. Throws `argument` where the file does not say. */
export function metadataOf(
  model: TrainableModel,
  op: string,
): ModelMetadata & Required<Pick<ModelMetadata, 'classNames' | 'preprocess'>> {
  const { classNames, preprocess, data } = model.metadata as ModelMetadata;
  if (classNames === undefined || preprocess === undefined) {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `model "${model.name}" does not say how its pictures were prepared.`,
      hint: 'Use a model that fovea train saved, or load it in code and prepare the pictures there.',
    });
  }
  return { classNames, preprocess, ...(data === undefined ? {} : { data }) };
}
