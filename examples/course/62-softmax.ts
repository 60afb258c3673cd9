// Lee and Ng: softmax turns scores into probabilities, e^yi / sum e^yj. As many more on every score change nothing, and
// 1000 more do not overflow.
import { add, divide, exp, softmax, sum, tensor } from 'fovea';

const scores = tensor([2, 1, 0.1]);
const show = async (name: string, values: ReturnType<typeof softmax>): Promise<void> => {
  console.log(`${name}: ${[...(await values.data())].map((value) => value.toFixed(3)).join(' ')}`);
};
await show('softmax', softmax(scores));
await show('written out', divide(exp(scores), sum(exp(scores))));
await show('1000 more on each', softmax(add(scores, 1000)));
