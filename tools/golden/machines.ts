// What computes the tensors of golden cases: the float64 interpreter, or the engine in use, by the roads that users take.

import { compile } from '../../src/engine/compile.js';
import { interpret } from '../../src/graph/interpret.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { realize } from '../../src/index.js';
import type { Machine } from './folder.js';

const reading = (tensors: readonly Tensor[]): Promise<ArrayLike<number>[]> =>
  Promise.all(tensors.map((each) => each.data()));

/** In float64, by the definitions of the operations. */
export const reference: Machine = {
  evaluate: (tensors) => Promise.resolve(interpret(tensors).map(({ data }) => data)),
  predict: undefined,
};

/** On the engine in use. */
export const engine: Machine = {
  async evaluate(tensors) {
    await realize(...tensors);
    return reading(tensors);
  },
  predict: async (fn, args) => reading(await compile(fn)(...args)),
};
