// A small GAN on drawn strokes: a maker turns noise into pictures, a judge tells them from real ones, and each has an
// optimizer of its own. Both updates are one compiled step. Draws real pictures above made ones.
import {
  add,
  datasets,
  layers,
  losses,
  mean,
  models,
  multiply,
  ones,
  optimizers,
  randomNormal,
  type StepBatch,
  type StepLogs,
  scale,
  setRandomSeed,
  type Tensor,
  tensor,
  zeros,
} from 'fovea';
import { above, beside, draw, picture } from '../course/drawing.js';

class Gan extends models.Model {
  readonly maker = models.sequential([
    layers.input([16]),
    layers.dense({ units: 7 * 7 * 32, activation: 'relu' }),
    layers.reshape({ targetShape: [7, 7, 32] }),
    layers.upSampling2d({ size: 2 }),
    layers.conv2d({ filters: 16, kernelSize: 3, padding: 'same', activation: 'relu' }),
    layers.upSampling2d({ size: 2 }),
    layers.conv2d({ filters: 1, kernelSize: 3, padding: 'same', activation: 'sigmoid' }),
  ]);
  readonly judge = models.sequential([
    layers.input([28, 28, 1]),
    layers.conv2d({ filters: 16, kernelSize: 4, strides: 2, padding: 'same', activation: layers.leakyRelu() }),
    layers.conv2d({ filters: 32, kernelSize: 4, strides: 2, padding: 'same', activation: layers.leakyRelu() }),
    layers.flatten(),
    layers.dense({ units: 1 }),
  ]);
  private readonly makerOptimizer = optimizers.adam({ learningRate: 0.003, beta1: 0.5 });
  private readonly judgeOptimizer = optimizers.adam({ learningRate: 0.0003, beta1: 0.5 });
  private readonly loss = losses.binaryCrossentropy({ fromLogits: true });

  override call([noise]: readonly [Tensor]): Tensor {
    return this.maker.apply(noise);
  }

  override trainStep(batch: StepBatch): StepLogs {
    const { key, stream } = batch.random();
    const made = this.maker.apply(randomNormal([batch.size, 16], key, { stream }));
    const [real, fake] = [ones([batch.size, 1]), zeros([batch.size, 1])];
    const lossOf = (labels: Tensor, pictures: Tensor) => mean(this.loss.perSample(labels, this.judge.apply(pictures)));

    const judgeLoss = multiply(add(lossOf(real, batch.x), lossOf(fake, made)), 0.5);
    this.judgeOptimizer.minimize(judgeLoss, this.judge.trainableWeights);
    const makerLoss = lossOf(real, made);
    this.makerOptimizer.minimize(makerLoss, this.maker.trainableWeights);
    return { judgeLoss, makerLoss, ink: mean(made) };
  }
}

setRandomSeed(1);
const { train } = await datasets.strokes({ count: process.env.FOVEA_SHORT ? 256 : 3000, seed: 1 });
const gan = new Gan();
gan.compile();
console.log(`maker ${gan.maker.countParams()} weights, judge ${gan.judge.countParams()}`);

const real = scale(train.x);
const inkOf = (data: Float32Array): number => data.reduce((sum, value) => sum + value, 0) / data.length;
const noise = tensor(
  Float32Array.from({ length: 8 * 16 }, (_, i) => 3 * Math.sin(i * i + 0.5) * Math.cos(7 * i)),
  { shape: [8, 16] },
);
const before = await gan.predict(noise);
console.log(
  `ink of real pictures ${inkOf(real.data as Float32Array).toFixed(3)}, of made ones ${inkOf(before.data).toFixed(3)}`,
);

const { history } = await gan.fit(real, undefined, {
  epochs: process.env.FOVEA_SHORT ? 5 : 30,
  batchSize: 32,
  verbose: 0,
});
for (const name of ['judgeLoss', 'makerLoss'])
  console.log(`${name} ${history[name]?.map((value) => value.toFixed(2)).join(' ')}`);
const after = await gan.predict(noise);
console.log(`ink of made pictures after training ${inkOf(after.data).toFixed(3)}`);

const row = (data: Float32Array) =>
  beside(
    Array.from({ length: 8 }, (_, i) =>
      picture({ data: data.slice(i * 784, (i + 1) * 784), shape: [28, 28, 1], dtype: 'float32' }),
    ),
    6,
  );
await draw(
  'gan',
  'Real strokes, and strokes that a network made',
  above([row(real.data as Float32Array), row(after.data)], 12),
);
