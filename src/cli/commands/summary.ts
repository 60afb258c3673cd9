// `fovea summary`: the table of a model's layers.
import { anyModel } from '../model-file.js';
import { EXIT, type Output } from '../output.js';

export async function summary(name: string, output: Output): Promise<number> {
  const model = await anyModel(name, 'summary');
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
