// Kim: Fashion-MNIST made ready. The last 5,000 of 60,000 validate; mean and standard deviation (plus 1e-7) of each pixel
// over the 55,000 that train; (x - mean) / std on all three parts. The loader has already added the last axis. Draws test
// picture 0 raw and standardised (the course's line for the raw one has three indices, an error).
import { mean, rowOf, Standardizer, tensor } from 'fovea';
import { beside, draw, picture } from './drawing.js';
import { loadFashion } from './fashion.js';

const parts = await loadFashion();
const standardizer = Standardizer.fit(parts.train.x);
const average = await mean(tensor(standardizer.mean.data)).item();
const centre = 14 * 28 + 14;
console.log(`average mean ${average.toFixed(4)}`);
console.log(
  `pixel (14,14): mean ${standardizer.mean.data[centre]?.toFixed(3)}, std ${standardizer.std.data[centre]?.toFixed(3)}`,
);

for (const [name, part] of Object.entries(parts)) {
  console.log(`${name} (${standardizer.apply(part.x).shape.join(',')})`);
}
const raw = rowOf(parts.test.x, 0);
const standardised = rowOf(standardizer.apply(parts.test.take(1).x), 0);
const [low, high] = [Math.min(...standardised.data), Math.max(...standardised.data)];
const label = parts.test.y.data[0] as number;
console.log(`test 0: label ${label}, ${parts.test.classNames?.[label]}, ${low.toFixed(4)}..${high.toFixed(4)}`);

const options = { colormap: 'binary', colorbar: true, scale: 9 } as const;
await draw(
  '53-fashion-data',
  `Test picture 0, label ${label}`,
  beside([
    picture(raw, { ...options, title: 'as it is, 0 to 255' }),
    picture(standardised, { ...options, title: 'standardised' }),
  ]),
);
