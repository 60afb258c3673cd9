// intro: an exercise. Which filter makes 5x5x1 of 7x7x3 without padding? All square filters and strides are tried; a
// filter must be as deep as its input, else conv2d refuses it.
import { conv2d, FoveaError, zeros } from 'fovea';
import { sizes } from './lib.js';

const image = zeros([1, 7, 7, 3]);
for (const depth of [1, 2, 3]) {
  const fitting: string[] = [];
  try {
    for (let f = 1; f <= 7; f++) {
      for (let strides = 1; strides <= 6; strides++) {
        const output = conv2d(image, zeros([f, f, depth, 1]), { strides });
        if (sizes(output.shape) === '1x5x5x1') fitting.push(`${sizes([f, f, depth])} at stride ${strides}`);
      }
    }
    console.log(`depth ${depth}: ${fitting.join(', ')}`);
  } catch (error) {
    if (!(error instanceof FoveaError)) throw error;
    console.log(`depth ${depth}: ${error.message.split('\n')[0]}`);
  }
}
