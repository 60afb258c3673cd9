// Dtype policies, as Keras has them: what a layer computes in and what its weights are kept in. `mixed_bfloat16`
// halves the memory traffic of pictures; weights, statistics, losses and the optimizer stay float32.
import type { Dtype } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { describe, isRecord } from './keras-config.js';

const POLICIES = {
  float32: { computeDtype: 'float32', variableDtype: 'float32' },
  mixed_bfloat16: { computeDtype: 'bfloat16', variableDtype: 'float32' },
  mixed_float16: { computeDtype: 'float16', variableDtype: 'float32' },
  bfloat16: { computeDtype: 'bfloat16', variableDtype: 'bfloat16' },
  float16: { computeDtype: 'float16', variableDtype: 'float16' },
  /** For layers without weights that give integers, such as Resizing. */
  int32: { computeDtype: 'int32', variableDtype: 'int32' },
  uint8: { computeDtype: 'uint8', variableDtype: 'uint8' },
} as const satisfies Record<string, { computeDtype: Dtype; variableDtype: Dtype }>;

/** A policy's name, Keras's own. */
export type DtypePolicyName = keyof typeof POLICIES;

/** What a layer computes in and keeps its weights in. */
export interface DtypePolicy {
  readonly name: DtypePolicyName;
  readonly computeDtype: Dtype;
  readonly variableDtype: Dtype;
}

let current: DtypePolicyName = 'float32';

/**
 * Sets the policy of layers and models made from now on without a `dtype` of their own. Throws `argument` for a name that
 * is not known.
 *
 * @example
 * setDtypePolicy('mixed_bfloat16');
 * const layer = layers.dense({ units: 10 });
 * console.log(layer.computeDtype, layer.dtype); // bfloat16 float32
 * setDtypePolicy('float32');
 */
export function setDtypePolicy(name: DtypePolicyName): void {
  current = makeDtypePolicy(name, 'setDtypePolicy').name;
}

/** The name of the policy that `setDtypePolicy` has set; at first `float32`. */
export function dtypePolicy(): DtypePolicyName {
  return current;
}

/** The policy of a name; of undefined the one that is set. Throws `argument` for a name that is not known. */
export function makeDtypePolicy(name: string | undefined, op: string): DtypePolicy {
  const known = name ?? current;
  if (isPolicyName(known)) return { name: known, ...POLICIES[known] };
  throw new FoveaError({
    code: 'argument',
    op,
    message: `dtype ${describe(name)} is not supported.`,
    got: name,
    want: Object.keys(POLICIES),
    hint: `Give one of ${Object.keys(POLICIES).join(', ')}.`,
  });
}

/**
 * The policy that a config's `dtype` names, Keras 3's object or a plain name; undefined where it names none. Of policies
 * that are not known here, those with float32 weights are taken as float32: the result is more exact, not another.
 */
export function policyFromConfig(value: unknown): { name: DtypePolicyName } | { unknown: unknown } | undefined {
  const name = isRecord(value) && isRecord(value.config) ? value.config.name : value;
  if (name === null || name === undefined) return undefined;
  if (isPolicyName(name)) return { name };
  return String(name).startsWith('mixed_') ? { name: 'float32' } : { unknown: name };
}

function isPolicyName(value: unknown): value is DtypePolicyName {
  return typeof value === 'string' && Object.hasOwn(POLICIES, value);
}
