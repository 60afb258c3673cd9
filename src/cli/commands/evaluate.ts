// `fovea evaluate`: loss and metrics of a saved model.
import { FoveaError } from '../../core/errors.js';
import { selectSplit } from '../../data/index.js';
import { scalePixels } from '../../nn/model-metadata.js';
import { loadData } from '../data.js';
import { loadModel, metadataOf } from '../models.js';
import { EXIT, type Output } from '../output.js';

export async function evaluate(
  path: string,
  options: { data?: string; part: string; batch: number },
  output: Output,
): Promise<number> {
  const model = await loadModel(path);
  const { preprocessing, data } = metadataOf(model, 'evaluate');
  const name = options.data ?? data?.name;
  if (name === undefined) {
    throw new FoveaError({
      code: 'argument',
      op: 'evaluate',
      message: 'no data was given.',
      hint: 'Add --data NAME or --data FOLDER.',
    });
  }
  const { train, test } = await loadData(name, {
    size: data?.size ?? model.inputShape[1] ?? 64,
    seed: data?.seed ?? 1,
    output,
  });
  const chosen = selectSplit({ train, test }, options.part);
  const scores = await model.evaluate(chosen.withX(scalePixels(preprocessing, chosen.x)), {
    batchSize: options.batch,
  });
  output.text(
    `${chosen.length} pictures of ${name} (${options.part}): ${Object.entries(scores)
      .map(([key, value]) => `${key} ${value.toFixed(4)}`)
      .join(', ')}`,
  );
  output.event('scores', { data: name, part: options.part, count: chosen.length, scores });
  return EXIT.done;
}
