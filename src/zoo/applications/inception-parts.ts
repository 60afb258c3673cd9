// The parts of the Inception networks: convolutions with batch norm and ReLU, alone and in rows, and poolings, numbered as
// they are made, since Keras names none of them.
import * as layers from '../../nn/layers/index.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { Numbering, through } from './build.js';

type Kernel = number | readonly [number, number];

/** The layers of one model, numbered as they are made. */
export class InceptionParts {
  readonly numbering = new Numbering();

  conv(
    x: SymbolicTensor,
    filters: number,
    kernelSize: Kernel,
    padding: 'same' | 'valid' = 'same',
    strides = 1,
  ): SymbolicTensor {
    return through(
      x,
      layers.conv2d({ filters, kernelSize, strides, padding, useBias: false, name: this.numbering.name('conv2d') }),
      layers.batchNormalization({ scale: false, name: this.numbering.name('batch_normalization') }),
      layers.activation({ activation: 'relu', name: this.numbering.name('activation') }),
    );
  }

  /** To an eighth of the size and 192 channels. */
  stem(inputs: SymbolicTensor): SymbolicTensor {
    let x = this.conv(inputs, 32, 3, 'valid', 2);
    x = this.conv(x, 32, 3, 'valid');
    x = this.maxPool(this.conv(x, 64, 3));
    x = this.conv(x, 80, 1, 'valid');
    return this.maxPool(this.conv(x, 192, 3, 'valid'));
  }

  /** Several convolutions in a row. */
  row(x: SymbolicTensor, ...steps: readonly (readonly [filters: number, kernel: Kernel])[]): SymbolicTensor {
    return steps.reduce((tensor, [filters, kernel]) => this.conv(tensor, filters, kernel), x);
  }

  maxPool(x: SymbolicTensor): SymbolicTensor {
    return layers.maxPooling2d({ poolSize: 3, strides: 2, name: this.numbering.name('max_pooling2d') }).apply(x);
  }

  averagePool(x: SymbolicTensor): SymbolicTensor {
    const name = this.numbering.name('average_pooling2d');
    return layers.averagePooling2d({ poolSize: 3, strides: 1, padding: 'same', name }).apply(x);
  }

  join(parts: readonly SymbolicTensor[], name = this.numbering.name('concatenate')): SymbolicTensor {
    return layers.concatenate({ name }).apply(parts);
  }
}
