// The operators that compute on the host.
import type { HostOperators } from '../calls.js';
import { detection } from './detection.js';
import { elementwise } from './elementwise.js';
import { shapes } from './shape.js';

export const hostTable: HostOperators = { ...elementwise, ...shapes, ...detection };
