// `fovea summary`: the table of a model's layers.
import { stat } from 'node:fs/promises';
import { modelFor } from '../model-file.js';
import { loadModel } from '../models.js';
import { EXIT, type Output } from '../output.js';

export async function summary(name: string, output: Output): Promise<number> {
  const isFolder = (await stat(name).catch(() => undefined))?.isDirectory() === true;
  const model = isFolder
    ? await loadModel(name)
    : await modelFor(name, { inputShape: [28, 28, 1], classes: 10 }, 'summary');
  output.text(model.summary());
  output.event('summary', {
    name: model.name,
    parameters: model.countParams(),
    layers: model.layers.map((layer) => ({
      name: layer.name,
      class: layer.className,
      parameters: layer.countParams(),
    })),
  });
  return EXIT.done;
}
