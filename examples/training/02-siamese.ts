// A Siamese network on drawn strokes: one embedding is applied to both pictures of a pair, and a contrastive loss in the
// training step pulls pairs of one class together and pushes others a margin apart. Classes are then told by distance.
import {
  add,
  cast,
  datasets,
  layers,
  maximum,
  mean,
  models,
  multiply,
  optimizers,
  type StepBatch,
  type StepLogs,
  scale,
  setRandomSeed,
  sqrt,
  square,
  subtract,
  sum,
  type Tensor,
} from 'fovea';

class Siamese extends models.Model {
  readonly embedding = models.sequential([
    layers.conv2d({ filters: 16, kernelSize: 5, strides: 2, activation: 'relu' }),
    layers.conv2d({ filters: 32, kernelSize: 5, strides: 2, activation: 'relu' }),
    layers.globalMaxPooling2d(),
    layers.dense({ units: 8 }),
  ]);

  /** The distance between the embeddings of two pictures. */
  override call([a, b]: readonly [Tensor, Tensor]): Tensor {
    const difference = subtract(this.embedding.apply(a), this.embedding.apply(b));
    return sqrt(add(sum(square(difference), { axis: -1 }), 1e-6));
  }

  override trainStep(batch: StepBatch): StepLogs {
    const distance = this.apply(batch.inputs);
    const isSame = cast(batch.y, 'float32');
    const near = multiply(isSame, square(distance));
    const far = multiply(subtract(1, isSame), square(maximum(subtract(1, distance), 0)));
    const loss = mean(add(near, far));
    this.optimizer.minimize(loss, this.trainableWeights);
    return { loss };
  }
}

setRandomSeed(1);
const { train, test } = await datasets.strokes({ count: 2000, testCount: 400, seed: 1 });

/** Pairs of pictures, every other one of the same class, and whether they are. */
function pairsOf({ x, y }: typeof train) {
  const pictures = scale(x);
  const rows = y.data.length;
  const partners = Array.from({ length: rows }, (_, i) => {
    const wantsSame = i % 2 === 0;
    for (let step = 1 + (i % 7); ; step++) {
      const other = (i + step) % rows;
      if ((y.data[other] === y.data[i]) === wantsSame) return other;
    }
  });
  const data = new Float32Array(pictures.data.length);
  partners.forEach((other, i) => {
    data.set(pictures.data.subarray(other * 784, (other + 1) * 784) as Float32Array, i * 784);
  });
  const isSame = Int32Array.from({ length: rows }, (_, i) => Number(i % 2 === 0));
  return {
    x: [pictures, { ...pictures, data }],
    y: { data: isSame, shape: [rows], dtype: 'int32' as const },
  };
}

const [pairs, unseen] = [pairsOf(train), pairsOf(test)];
const model = new Siamese();
model.compile({ optimizer: optimizers.adam({ learningRate: 0.003 }) });
const { history } = await model.fit(pairs.x, pairs.y, { epochs: 12, batchSize: 32, verbose: 0 });
console.log(`loss ${history.loss?.map((value) => value.toFixed(3)).join(' ')}`);

const { data } = await model.predict(unseen.x);
const meanOf = (same: number): number => {
  const distances = [...data].filter((_, i) => unseen.y.data[i] === same);
  return distances.reduce((total, value) => total + value, 0) / distances.length;
};
console.log(`distance of pairs of one class ${meanOf(1).toFixed(2)}, of others ${meanOf(0).toFixed(2)}`);
const right = [...data].filter((distance, i) => Number(distance < 0.5) === unseen.y.data[i]).length;
console.log(`told apart at 0.5: ${((100 * right) / data.length).toFixed(1)}% of ${data.length} unseen pairs`);
