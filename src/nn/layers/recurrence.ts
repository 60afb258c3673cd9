// What a recurrent layer's results are, for whoever writes its graph in the words of a library that has a node for the whole
// walk over a sequence: see graph/compound.ts.
import { asCompound, compoundOf } from '../../graph/compound.js';
import type { Tensor } from '../../graph/tensor.js';

/** What a cell with matrices does at each step. */
export interface CellSummary {
  readonly kind: 'LSTM' | 'GRU' | 'RNN';
  readonly units: number;
  /** Keras's names in camelCase: of the gates, where there are any, then of the values. */
  readonly activations: readonly string[];
  /** Of a GRU: the reset gate works on the projected state. */
  readonly resetAfter: boolean;
  /** The kernel, the recurrent kernel and the bias, if there is one. */
  readonly weights: readonly Tensor[];
}

/** The params of the compound `recurrence`; its inputs are the sequence, the cell's weights and the states it starts from. */
export interface Recurrence extends Omit<CellSummary, 'weights'> {
  readonly weightCount: number;
  readonly isReverse: boolean;
  /** The outputs of all steps, or a state after the last one; the first state is the last output. */
  readonly gives: 'sequence' | number;
  /** Whether outputs of a walk from the end are in the sequence's order. */
  readonly isAligned: boolean;
  /** The same for all results of one walk. */
  readonly walk: object;
}

/** Notes what the results of a walk over `sequence`, [n,time,features], are. */
export function noteRecurrence(
  { weights, ...cell }: CellSummary,
  sequence: Tensor,
  initial: readonly Tensor[],
  { outputs, states, isReverse }: { outputs?: Tensor | undefined; states: readonly Tensor[]; isReverse: boolean },
): void {
  const walk = {};
  const note = (result: Tensor, gives: Recurrence['gives']): void => {
    const params: Recurrence = { ...cell, weightCount: weights.length, isReverse, gives, isAligned: false, walk };
    asCompound(result, 'recurrence', [sequence, ...weights, ...initial], { ...params });
  };
  states.forEach(note);
  if (outputs !== undefined) note(outputs, 'sequence');
}

/** `flipped` are the outputs `reversed` of a walk from the end, in the sequence's order. */
export function noteFlipped(flipped: Tensor, reversed: Tensor): void {
  const walked = compoundOf(reversed.node);
  if (walked?.name !== 'recurrence') return;
  const { gives, isReverse } = walked.params as unknown as Recurrence;
  if (gives === 'sequence' && isReverse)
    asCompound(flipped, 'recurrence', walked.inputs, { ...walked.params, isAligned: true });
}
