// Ng: the colours of a picture are shifted, +20 for red, -20 for green, +20 for blue, and stay within 0 to 255. AlexNet
// draws the shift along the directions in which colours vary most (PCA): light and dark more than hue. Draws both.
import { add, clip, layers, max, min, multiply, tensor } from 'fovea';
import { beside, draw, picture, titled } from './drawing.js';
import { asBatch, photo, pictureOf, print } from './lib.js';

const source = await photo(150, 150);
const bytes = multiply(asBatch(source), 255);
const shift = tensor([20, -20, 20]);
const one = tensor([250, 10, 100], { shape: [1, 1, 1, 3] });
console.log(`250 10 100 becomes ${Array.from(await clip(add(one, shift), 0, 255).data()).join(' ')}`);
const shifted = clip(add(bytes, shift), 0, 255);
const [low, high] = [await min(shifted).item(), await max(shifted).item()];
console.log(`the photo stays within 0 to 255: ${low >= 0 && high <= 255}`);

const { eigenvalues, eigenvectors } = await layers.colorDirections(bytes);
print('directions of this photo, as columns', eigenvectors, 3);
const shares = eigenvalues.map((each) => each / eigenvalues.reduce((a, b) => a + b));
const isFalling = shares.every((each, i) => i === 0 || each <= (shares[i - 1] as number));
console.log(`shares of the variance fall, the first above one half: ${isFalling && (shares[0] as number) > 0.5}`);
const orthogonal = [0, 1, 2].flatMap((i) =>
  [0, 1, 2].map((j) =>
    Math.abs(eigenvectors.reduce((sum, row) => sum + (row[i] as number) * (row[j] as number), 0) - (i === j ? 1 : 0)),
  ),
);
console.log(`they stand at right angles: ${Math.max(...orthogonal) < 1e-6}`);

// Much stronger than AlexNet's .1, to be seen.
const pca = layers.randomPCAColor({ stddev: 3, eigenvalues, eigenvectors });
const drawn = await Promise.all([1, 2, 3].map((key) => pictureOf(multiply(pca.transform(bytes, { key }), 1 / 255))));
await draw(
  '121-colour-shift',
  'Colours shifted',
  beside([
    titled('before', picture(source)),
    titled('+20 -20 +20', picture(await pictureOf(multiply(shifted, 1 / 255)))),
    ...drawn.map((each, i) => titled(`PCA ${i + 1}`, picture(each))),
  ]),
);
