// Kim: a last axis for the channel. Rows 1, 2 and 3 of a [3,4] array become a picture (3,4,1). (The course's literal has
// one bracket too many.)
import { expandDims, tensor } from 'fovea';

const x = tensor([
  [1, 1, 1, 1],
  [2, 2, 2, 2],
  [3, 3, 3, 3],
]);
const withChannel = expandDims(x, -1);
console.log(`(${x.shape.join(',')}) -> (${withChannel.shape.join(',')})`);
console.log(JSON.stringify(await withChannel.array()));
