// Kim, Ng: how many zeros keep the size: p = ((n-1)s + f - n)/2 on each side, which is (f-1)/2 for stride 1. It comes out
// whole for odd f. (padding: 'same' with a stride means something else: ceil(n/s) outputs.)
import { conv2d, ones } from 'fovea';
import { largestDifference, sizes } from './lib.js';

const n = 16;
const image = ones([1, n, n, 1]);
for (const f of [3, 5, 7]) {
  const p = ((n - 1) * 1 + f - n) / 2;
  const output = conv2d(image, ones([f, f, 1, 1]), { padding: p });
  const same = conv2d(image, ones([f, f, 1, 1]), { padding: 'same' });
  const isSame = (await largestDifference(output, same)) === 0;
  console.log(`f ${f}, s 1: p ${p}, ${sizes(output.shape.slice(1, 3))}, as padding 'same': ${isSame}`);
}
const [f, s] = [3, 2];
const p = ((n - 1) * s + f - n) / 2;
console.log(`f ${f}, s ${s}: p ${p} a side, ${2 * p} in all, to keep ${n}`);
const kept = conv2d(image, ones([f, f, 1, 1]), {
  strides: s,
  padding: [
    [Math.floor(p), Math.ceil(p)],
    [Math.floor(p), Math.ceil(p)],
  ],
});
const halved = conv2d(image, ones([f, f, 1, 1]), { strides: s, padding: 'same' });
console.log(`with these ${sizes(kept.shape.slice(1, 3))}; padding 'same' gives ${sizes(halved.shape.slice(1, 3))}`);
