// Kim, intro, Ng: how large the map is: floor((n + 2p - f)/s) + 1 along each axis. Two courses leave out the floor and
// get 14.5 x 16.5 where there are 14 x 16 places.
import { conv2d, zeros } from 'fovea';
import { sizes } from './lib.js';

type Pair = readonly [number, number];
const cases: [n: Pair, f: number, p: number, s: Pair][] = [
  [[7, 7], 3, 0, [2, 2]],
  [[4, 4], 3, 1, [1, 1]],
  [[28, 32], 5, 2, [2, 2]],
  [[11, 11], 3, 0, [1, 1]],
  [[11, 11], 3, 0, [2, 2]],
  [[7, 9], 3, 0, [2, 3]],
];
for (const [n, f, p, s] of cases) {
  const rule = n.map((size, axis) => Math.floor((size + 2 * p - f) / (s[axis] as number)) + 1);
  const map = conv2d(zeros([1, ...n, 1]), zeros([f, f, 1, 1]), { padding: p, strides: s });
  const found = map.shape.slice(1, 3);
  console.log(`n ${sizes(n)}, f ${f}, p ${p}, s ${s.join(',')}: the rule ${sizes(rule)}, conv2d ${sizes(found)}`);
}
