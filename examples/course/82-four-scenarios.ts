// Ng: four scenarios. Data small and like those of the base: a new head on frozen features (cats and dogs: 2 classes for 1000).
// Small and unlike: freeze the first layers. Large and unlike: from scratch. Large and like: start from the weights, retrain all.
import { type ArrayDataset, finetune } from 'fovea';
import { flowerBase, flowerParts } from './flowers.js';

const { train, validation } = await flowerParts();
const few = (part: ArrayDataset): ArrayDataset => part.take(40);
const scenarios = ['small-similar', 'small-different', 'large-different', 'large-similar'] as const;
for (const scenario of scenarios) {
  const trained: string[] = [];
  const { plan } = await finetune(
    await flowerBase(),
    { train: few(train), validation: few(validation) },
    {
      scenario,
      headEpochs: scenario === 'large-different' ? 0 : 1,
      ...(scenario === 'small-similar' ? {} : { epochs: 1 }),
      seed: 1,
      augmentation: false,
      onEvent: (event) => {
        if (event.kind === 'stage') trained.push(`${event.stage} ${event.trainable.toLocaleString('en')}`);
      },
    },
  );
  console.log(
    `${scenario}: parameters that train: ${trained.join(', then ')}${plan.isFromScratch ? ', from scratch' : ''}`,
  );
}
