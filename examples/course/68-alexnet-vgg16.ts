// Ng and Kim: AlexNet is a larger LeNet with ReLU, 62,378,344 parameters when it is not cut in two for two graphics cards.
// VGG16 knows one convolution, 3x3, and one pool, 2x2: the maps halve, the filters double, 138,357,544 parameters.
import { type models, zoo } from 'fovea';
import { sizes } from './lib.js';

function report(name: string, model: models.TrainableModel): void {
  console.log(`${name}: ${model.countParams().toLocaleString('en')} parameters`);
  for (const layer of model.layers) {
    const shape = layer.calls[0]?.outputs[0]?.shape.slice(1) as number[];
    if (layer.className === 'MaxPooling2D') console.log(`  after ${layer.name}: ${sizes(shape)}`);
  }
  const dense = model.layers.filter(({ className }) => className === 'Dense');
  console.log(`  ${dense.length} dense layers`);
}

report('AlexNet', zoo.classics.alexnet({ grouped: false }));
report('AlexNet in two columns', zoo.classics.alexnet());
const vgg = zoo.vgg16();
report('VGG16', vgg);
const filters = vgg.layers
  .filter(({ className }) => className === 'Conv2D')
  .map((layer) => layer.weights[0]?.shape.at(-1));
console.log(`VGG16's filters: ${filters.join(' ')}`);
