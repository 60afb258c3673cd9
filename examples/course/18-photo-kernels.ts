// Kim, Lee: three kernels on a photo, each on every colour channel. Weights that sum to 0 leave only the edges of a
// picture, weights that sum to 1 keep its brightness. Draws photo, edges, sharpened and blurred.
import { clip, depthwiseConv2d, fullLike, sum, tensor, transpose } from 'fovea';
import { draw, picture, titled, wrap } from './drawing.js';
import { asBatch, formatNumber, photo, pictureOf, rows } from './lib.js';

const kernels = {
  edges: rows('-1 -1 -1/-1 8 -1/-1 -1 -1'),
  sharpen: rows('0 -1 0/-1 5 -1/0 -1 0'),
  blur: rows('1 1 1/1 1 1/1 1 1').map((row) => row.map((value) => value / 9)),
};
const source = await photo(180, 240);
const image = asBatch(source);
const panels = [titled('photo', picture(source, { scale: 1 }))];
for (const [name, kernel] of Object.entries(kernels)) {
  // The same kernel for each of the three channels, [3,3,3,1].
  const filter = transpose(tensor([[kernel, kernel, kernel]]), [2, 3, 1, 0]);
  const result = clip(depthwiseConv2d(image, filter), 0, 1);
  panels.push(titled(name, picture(await pictureOf(result), { scale: 1 })));
  const flat = await depthwiseConv2d(fullLike(image, 0.5), filter).data();
  console.log(
    `${name}: the kernel sums to ${formatNumber(await sum(tensor(kernel)).item(), 4)}, a flat .5 becomes ${formatNumber(flat[0] as number, 4)}`,
  );
}
await draw('18-photo-kernels', 'A photo under three kernels', wrap(panels, 2));
