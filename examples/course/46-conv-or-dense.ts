// Kim, intro and Ng: from 32x32x3 to 28x28, with one shared filter or with a dense layer. (Kim's count for the dense one,
// (32 * 32 + 1) * (28 * 28) = 803,600, forgets the three channels.) A convolution's output also reads few inputs: the
// gradient of one output shows which.
import { abs, conv2d, grad, greater, initializers, layers, models, slice, sum, tensor } from 'fovea';
import { asBatch, paintedScene, sizes } from './lib.js';

const inputShape = [32, 32, 3] as const;

for (const filters of [1, 6]) {
  const shared = models.sequential([layers.input(inputShape), layers.conv2d({ filters, kernelSize: 5 })]);
  const output = shared.outputShape.slice(1) as number[];
  const units = output.reduce((product, size) => product * size);
  // Only counted, so no random numbers need be drawn.
  const toOutput = layers.dense({ units, kernelInitializer: initializers.zeros() });
  const dense = models.sequential([layers.input(inputShape), layers.flatten(), toOutput]);
  const [few, many] = [shared, dense].map((model) => model.countParams().toLocaleString('en'));
  console.log(
    `to ${sizes(output)}: shared ${few}, dense ${many} parameters on ${toOutput.weights[0]?.shape[0]} inputs`,
  );
}

const picture = asBatch(paintedScene(32, 32));
const filter = tensor(new Float32Array(5 * 5 * 3).fill(0.1), { shape: [5, 5, 3, 1] });
const oneOutput = grad((x) => sum(slice(conv2d(x, filter), [0, 10, 10, 0], [1, 1, 1, 1])));
const read = await sum(greater(abs(oneOutput(picture)), 0)).item();
console.log(`an output of the convolution reads ${read} inputs, one of the dense layer all ${picture.size}`);

const weightless = models.sequential([layers.input(inputShape), layers.flatten(), layers.softmax()]);
console.log(`input, flatten and softmax have ${weightless.countParams()} weights`);
