// The operators that compute on the host.
import type { HostOperators } from '../calls.js';
import { detection } from './detection.js';
import { elementwise } from './elementwise.js';
import { functions } from './functions.js';
import { indexing } from './indexing.js';
import { quantisation } from './quantise.js';
import { sampling } from './sampling.js';
import { sequences } from './sequences.js';
import { shapes } from './shape.js';
import { windows } from './windows.js';

export const hostTable: HostOperators = {
  ...elementwise,
  ...functions,
  ...shapes,
  ...indexing,
  ...sequences,
  ...detection,
  ...sampling,
  ...windows,
  ...quantisation,
};
