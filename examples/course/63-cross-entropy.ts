// Lee and intro: cross-entropy is -log of the probability that the right answer got. Binary, at p = .8: cheap if the
// answer is yes, dear if it is no. Ten classes that all get a tenth: ln 10, where an untrained network starts. (The
// logistic regression that intro promises never comes.)
import { log, losses, negative, tensor } from 'fovea';

const binary = losses.binaryCrossentropy();
for (const y of [1, 0]) {
  const loss = await binary.perSample(tensor([[y]]), tensor([[0.8]])).item();
  const written = await negative(log(tensor(y === 1 ? 0.8 : 0.2))).item();
  console.log(`y ${y}, p .8: ${loss.toFixed(4)} (-log ${y === 1 ? '.8' : '.2'} = ${written.toFixed(4)})`);
}

const equal = tensor([Array.from({ length: 10 }, () => 0.1)]);
const sparse = await losses
  .sparseCategoricalCrossentropy()
  .perSample(tensor([3]), equal)
  .item();
console.log(`ten equal classes: ${sparse.toFixed(4)}, ln 10 = ${Math.log(10).toFixed(4)}`);
