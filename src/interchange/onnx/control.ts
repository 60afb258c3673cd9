// Operators that run graphs: If. What decides must be a number on the host.
import type { Evaluation, GraphOperators } from './calls.js';
import type { OnnxValue } from './values.js';

export const controlOperators: GraphOperators = {
  *If(call, run): Evaluation<readonly OnnxValue[]> {
    const branch = call.graphAttribute(call.number(0) === 0 ? 'else_branch' : 'then_branch');
    if (branch === undefined) throw call.error('a branch is missing.');
    return yield* run(branch, []);
  },
};
