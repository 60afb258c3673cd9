// Ng: the steps of transfer. Pictures from a directory, split in two and read ahead; augmentation; a base without its top,
// frozen and called with training false, so that batch norms keep their statistics; the mean, dropout, one logit.

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  encodePng,
  imageDatasetFromDirectory,
  layers,
  losses,
  models,
  optimizers,
  plot,
  setRandomSeed,
  zoo,
} from 'fovea';
import { chart, draw } from './drawing.js';
import { flowerBase, side } from './flowers.js';
import { sketch } from './sketches.js';

setRandomSeed(1);
const photos = join(process.env.FOVEA_DATA ?? '', 'cats-dogs');
const drawn = await mkdtemp(join(tmpdir(), 'fovea-pets-'));
const hasPhotos = Boolean(process.env.FOVEA_DATA) && existsSync(photos);
for (const [kind, name] of hasPhotos
  ? []
  : ([
      [1, 'cat'],
      [0, 'dog'],
    ] as const)) {
  await mkdir(join(drawn, name));
  let state = 7 + kind;
  const random = (): number => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  for (let i = 0; i < 40; i++) {
    const picture = { data: sketch(kind, side, random), shape: [side, side, 3], dtype: 'uint8' as const };
    await writeFile(join(drawn, name, `${i}.png`), await encodePng(picture));
  }
}
const { training, validation } = await imageDatasetFromDirectory(hasPhotos ? photos : drawn, {
  imageSize: side,
  // So few pictures make few steps an epoch: small batches.
  batchSize: 8,
  labelMode: 'binary',
  validationSplit: 0.2,
  subset: 'both',
  seed: 42,
});
console.log(
  `${training.classNames.length} classes, ${training.paths.length} to train, ${validation.paths.length} to validate`,
);

/** What the course puts around a base: everything but the base is new. */
function around(base: models.Model, pixels: number): models.Model {
  const inputs = layers.input([pixels, pixels, 3]);
  let x = layers.randomFlip({ mode: 'horizontal' }).apply(inputs);
  x = layers.randomRotation({ factor: 0.2 }).apply(x);
  x = layers.rescaling({ scale: 1 / 127.5, offset: -1 }).apply(x);
  x = layers.globalAveragePooling2d().apply(base.apply(x, { training: false }));
  const outputs = layers.dense({ units: 1 }).apply(layers.dropout({ rate: 0.2 }).apply(x));
  return models.model({ inputs, outputs });
}

const usual = zoo.mobilenetV2({ includeTop: false, inputShape: [160, 160, 3] });
usual.trainable = false;
const counted = around(usual, 160).trainableWeights.reduce((sum, { size }) => sum + size, 0);
console.log(`with MobileNetV2: ${counted} parameters train`);

const base = await flowerBase();
base.trainable = false;
const model = around(base, side);
const statistics = await base.getLayer('conv_pw_13_bn').getWeights();
model.compile({
  optimizer: optimizers.adam({ learningRate: 0.001 }),
  loss: losses.binaryCrossentropy({ fromLogits: true }),
  metrics: ['accuracy'],
});
const { history } = await model.fit(training.dataset.prefetch(1), {
  epochs: 5,
  validationData: validation.dataset,
  verbose: 0,
});
const after = await base.getLayer('conv_pw_13_bn').getWeights();
console.log(
  `the statistics did not move: ${statistics.every((each, i) => each.every((value, k) => value === after[i]?.[k]))}`,
);
console.log(
  `epochs ${history.accuracy?.length}, the loss falls: ${(history.loss?.at(-1) ?? 1) < (history.loss?.[0] ?? 0)}`,
);
await rm(drawn, { recursive: true, force: true });
await draw(
  '80-transfer-steps',
  'Transfer: accuracy',
  chart(
    plot.curves(
      { accuracy: history.accuracy ?? [], val_accuracy: history.val_accuracy ?? [] },
      { title: 'training and validation' },
    ),
  ),
);
