// `fovea summary`: the table of a model's layers.
import { architectures } from '../../zoo/index.js';
import { loadModel } from '../models.js';
import type { Output } from '../output.js';
import { EXIT } from '../program.js';

export async function summary(name: string, output: Output): Promise<number> {
  const model = architectures[name]?.make() ?? (await loadModel(name));
  output.text(model.summary());
  output.event('summary', {
    name: model.name,
    parameters: model.countParams(),
    layers: model.layers.map((layer) => ({ name: layer.name, class: layer.className, parameters: layer.countParams() })),
  });
  return EXIT.done;
}
