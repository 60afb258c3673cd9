// The operators there are: one file per family in operators/ (the engine's ops) and host/ (arrays), joined here.
import type { GraphOperator, HostOperator, TensorOperator } from './calls.js';
import { controlOperators } from './control.js';
import { hostTable } from './host/index.js';
import { tensorTable } from './operators/index.js';

/** Operators by `operatorKey`. */
export const tensorOperators: ReadonlyMap<string, TensorOperator> = new Map(Object.entries(tensorTable));
export const hostOperators: ReadonlyMap<string, HostOperator> = new Map(Object.entries(hostTable));
export const graphOperators: ReadonlyMap<string, GraphOperator> = new Map(Object.entries(controlOperators));

export function isKnownOperator(key: string): boolean {
  return tensorOperators.has(key) || hostOperators.has(key) || graphOperators.has(key);
}
