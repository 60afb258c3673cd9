// Kim, intro: a layer has several filters. One 5x5x3 filter on 32x32x3 gives one 28x28 map (32 - 5 + 1 = 28); a second,
// green one gives a second map; six maps stacked are a new picture of six channels. Draws the stack.
import { initializers, layers, plot } from 'fovea';
import { arrow, beside, draw, type Panel, picture, stacked, titled } from './drawing.js';
import { asBatch, photo, pictureOf, sizes } from './lib.js';

const image = await photo(32, 32);
const kernelInitializer = initializers.glorotNormal({ seed: 5 });
const stacks: Panel[] = [];
const greens = (x: number): plot.Rgb => [230 * x * x, 90 + 165 * x, 110 * x];
for (const filters of [1, 2, 6]) {
  const layer = layers.conv2d({ filters, kernelSize: 5, kernelInitializer });
  const output = layer.apply(asBatch(image));
  console.log(
    `${filters} filter${filters > 1 ? 's' : ''}: ${sizes(output.shape.slice(1))}, ${layer.countParams()} parameters with bias`,
  );
  const maps = plot.channelTiles(await pictureOf(output));
  const panels = maps.map((map, at) => picture(map, { scale: 4, colormap: at === 1 ? greens : 'viridis' }));
  stacks.push(titled(sizes(output.shape.slice(1)).replaceAll('x', '×'), stacked(panels)));
}
const input = titled('32×32×3', picture(image, { scale: 4 }));
await draw(
  '08-stacked-filters',
  'One filter, two, six: their maps are a new picture',
  beside([input, arrow(), ...stacks], 26),
);
