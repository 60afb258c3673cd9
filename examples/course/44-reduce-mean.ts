// Kim: the mean over any axes. y is [2,3,4], and each of its six rows holds one number four times: 1, 2, .. 6. (The
// course's printed y lacks brackets, and its 2 and 5 are floats.)
import { mean, slice, squeeze, tensor } from 'fovea';
import { sizes } from './lib.js';

const y = tensor([
  [
    [1, 1, 1, 1],
    [2, 2, 2, 2],
    [3, 3, 3, 3],
  ],
  [
    [4, 4, 4, 4],
    [5, 5, 5, 5],
    [6, 6, 6, 6],
  ],
]);
for (const axis of [undefined, -1, 0, 1, [0, 1], [1, 2], [0, 2]]) {
  const name = axis === undefined ? 'all' : `axis ${JSON.stringify(axis)}`;
  const reduced = mean(y, { axis });
  const kept = mean(y, { axis, keepDims: true });
  console.log(`${name}: ${JSON.stringify(await reduced.array())}, with keepDims ${sizes(kept.shape)}`);
}
// Global average pooling by hand: the mean over the places of channel 1.
const channel = squeeze(slice(y, [0, 0, 1], [2, 3, 1]), -1);
console.log(`y[:,:,1]: ${JSON.stringify(await channel.array())}, mean ${await mean(channel).item()}`);
