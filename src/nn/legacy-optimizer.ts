// The state of Keras 2's optimizers in .h5 files. It named and ordered their variables otherwise: first the iteration, no
// learning rate, then slot by slot, or weight by weight with the slot's name in front.
import { sameShape } from '../core/shape.js';
import type { NamedArray, StoredArray } from '../formats/index.js';
import type { Variable } from '../graph/variable.js';
import type { Optimizer } from './optimizers.js';

/** Keras 2's slots by the names they have now; `v` is Adamax's norm, too. */
const SLOTS: Readonly<Record<string, readonly string[]>> = {
  m: ['momentum'],
  v: ['velocity', 'norm'],
  vhat: ['velocity_hat'],
  momentum: ['momentum'],
  rms: ['velocity'],
  velocity: ['velocity'],
  mg: ['average_grad', 'average_gradient'],
  accumulator: ['accumulator'],
  accum_grad: ['accumulated_grad'],
  accum_var: ['accumulated_delta_var'],
  linear: ['linear'],
};

/** Whether an optimizer's variables have Keras 2's names: `Adam/iter:0`, `Adam/conv2d/kernel/m:0`. */
export function isKeras2Optimizer(stored: readonly NamedArray[]): boolean {
  return stored.some(({ name }) => /(^|\/)iter(ation)?:0$/.test(name));
}

/**
 * Keras 2's state beside the variables that take it; undefined where it belongs to another optimizer or other weights. `built`
 * has slots for `weights`, which are in the order of the layers, as Keras 2 had them.
 */
export function pairKeras2Optimizer(
  built: Optimizer,
  weights: readonly Variable[],
  stored: readonly NamedArray[],
): [Variable, StoredArray][] | undefined {
  const pairs: [Variable, StoredArray][] = [];
  const bySlot = new Map<string, StoredArray[]>();
  for (const { name, array } of stored) {
    const parts = name.replace(/:\d+$/, '').split('/');
    const last = parts.at(-1) as string;
    if (last === 'iter' || last === 'iteration') {
      pairs.push([built.variables[0] as Variable, array]);
      continue;
    }
    if (['learning_rate', 'decay', 'momentum_cache'].includes(last)) continue;
    const slot = Object.hasOwn(SLOTS, last) ? last : parts.find((part) => Object.hasOwn(SLOTS, part));
    if (slot === undefined) return undefined;
    bySlot.set(slot, [...(bySlot.get(slot) ?? []), array]);
  }
  for (const [slot, arrays] of bySlot) {
    const known = SLOTS[slot]?.flatMap((name) => slotsOf(built, weights, name) ?? []);
    if (known?.length !== arrays.length || arrays.length !== weights.length) return undefined;
    for (const [i, array] of arrays.entries()) {
      const variable = known[i] as Variable;
      if (!sameShape(variable.shape, array.shape)) return undefined;
      pairs.push([variable, array]);
    }
  }
  return pairs;
}

function slotsOf(built: Optimizer, weights: readonly Variable[], name: string): Variable[] | undefined {
  const found = weights.map((weight) => (built.hasSlotOf(weight, name) ? built.slot(weight, name) : undefined));
  return found.every((each): each is Variable => each !== undefined) ? found : undefined;
}
