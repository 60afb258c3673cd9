// Inception v3 (Szegedy et al. 2015, arXiv 1512.00567): large kernels taken apart into 1x7 and 7x1, pooling beside
// convolution where the map shrinks.
import type { Model } from '../../nn/model.js';
import { type ApplicationOptions, applicationInput, finish } from './build.js';
import { InceptionParts } from './inception-parts.js';

/** 23,851,784 parameters. */
export function inceptionV3(options: ApplicationOptions = {}): Model {
  const inputs = applicationInput('inception_v3', options, 299, 75);
  const b = new InceptionParts();
  let x = b.stem(inputs);

  // 35 x 35
  [32, 64, 64].forEach((pooled, i) => {
    x = b.join(
      [
        b.conv(x, 64, 1),
        b.row(x, [48, 1], [64, 5]),
        b.row(x, [64, 1], [96, 3], [96, 3]),
        b.conv(b.averagePool(x), pooled, 1),
      ],
      `mixed${i}`,
    );
  });

  // To 17 x 17
  x = b.join(
    [b.conv(x, 384, 3, 'valid', 2), b.conv(b.row(x, [64, 1], [96, 3]), 96, 3, 'valid', 2), b.maxPool(x)],
    'mixed3',
  );
  [128, 160, 160, 192].forEach((n, i) => {
    x = b.join(
      [
        b.conv(x, 192, 1),
        b.row(x, [n, 1], [n, [1, 7]], [192, [7, 1]]),
        b.row(x, [n, 1], [n, [7, 1]], [n, [1, 7]], [n, [7, 1]], [192, [1, 7]]),
        b.conv(b.averagePool(x), 192, 1),
      ],
      `mixed${i + 4}`,
    );
  });

  // To 8 x 8
  x = b.join(
    [
      b.conv(b.conv(x, 192, 1), 320, 3, 'valid', 2),
      b.conv(b.row(x, [192, 1], [192, [1, 7]], [192, [7, 1]]), 192, 3, 'valid', 2),
      b.maxPool(x),
    ],
    'mixed8',
  );
  for (const i of [0, 1]) {
    const single = b.conv(x, 320, 1);
    const wide = b.conv(x, 384, 1);
    const split = b.join([b.conv(wide, 384, [1, 3]), b.conv(wide, 384, [3, 1])], `mixed9_${i}`);
    const deep = b.row(x, [448, 1], [384, 3]);
    const deepSplit = b.join([b.conv(deep, 384, [1, 3]), b.conv(deep, 384, [3, 1])]);
    x = b.join([single, split, deepSplit, b.conv(b.averagePool(x), 192, 1)], `mixed${9 + i}`);
  }
  return finish(inputs, x, 'inception_v3', options);
}
