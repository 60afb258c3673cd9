// The operators that compute with the engine's ops.
import type { TensorOperators } from '../calls.js';
import { convolutions } from './conv.js';
import { elementwise } from './elementwise.js';
import { products } from './matmul.js';
import { norms } from './norm.js';
import { quantisation } from './quantise.js';
import { recurrents } from './recurrent.js';
import { reductions } from './reduce.js';
import { resizes } from './resize.js';
import { shapes } from './shape.js';

export const tensorTable: TensorOperators = {
  ...elementwise,
  ...shapes,
  ...reductions,
  ...products,
  ...convolutions,
  ...norms,
  ...resizes,
  ...recurrents,
  ...quantisation,
};
