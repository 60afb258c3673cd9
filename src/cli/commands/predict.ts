// `fovea predict`: labels for picture files, prepared as the training pictures were.
import { FoveaError } from '../../core/errors.js';
import { type HostArray, loadImage } from '../../data/index.js';
import { applyPreprocess } from '../data.js';
import { loadModel, metadataOf } from '../models.js';
import { EXIT, type Output } from '../output.js';

export async function predict(
  path: string,
  pictures: readonly string[],
  options: { top: number },
  output: Output,
): Promise<number> {
  const model = await loadModel(path);
  const { classNames, preprocess } = metadataOf(model, 'predict');
  const [, height, width, channels] = model.inputShape as readonly (number | null)[];
  let hasFailed = false;
  for (const picture of pictures) {
    try {
      const image = await loadImage(picture, {
        channels: channels === 1 ? 1 : 3,
        ...(height && width ? { size: [height, width] as const } : {}),
      });
      const batch: HostArray = { ...image, shape: [1, ...image.shape] };
      const { data } = await model.predict(applyPreprocess(preprocess, batch));
      const best = [...data]
        .map((probability, index) => ({ label: classNames[index] ?? String(index), probability }))
        .sort((a, b) => b.probability - a.probability)
        .slice(0, options.top);
      output.text(
        `${picture}: ${best.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)}%`).join(', ')}`,
      );
      output.event('prediction', { picture, labels: best });
    } catch (error) {
      // One broken picture does not keep the others from their labels.
      if (!(error instanceof FoveaError)) throw error;
      hasFailed = true;
      output.error(error);
    }
  }
  return hasFailed ? EXIT.failed : EXIT.done;
}
