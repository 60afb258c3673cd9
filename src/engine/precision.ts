// How exactly convolutions compute: a choice for the whole process, which a compiled function or model may overrule.
import { FoveaError } from '../core/errors.js';
import type { Target } from '../graph/op.js';
import type { Engine } from './engine.js';
import { environment } from './node.js';

/** `fast` lets 3x3 convolutions use Winograd where it is faster; `exact` keeps to plain sums. See docs/precision.md. */
export type Precision = 'fast' | 'exact';

const PRECISIONS: readonly Precision[] = ['fast', 'exact'];
/** What FOVEA_CONV may say; `winograd` is for tests: wherever it can be. */
const CONVOLUTIONS: readonly Target['convolution'][] = ['auto', 'direct', 'winograd'];

let chosen: Precision | undefined;

/**
 * Sets how exactly convolutions compute from now on, in all of the process. `fast` is the default, or what `FOVEA_CONV`
 * says (`FOVEA_CONV=direct` is `exact`). Throws `argument` for anything else.
 *
 * @example
 * fovea.setPrecision('exact'); // no Winograd: every sum in its plain order
 * fovea.setPrecision('fast');
 */
export function setPrecision(precision: Precision): void {
  checkPrecision(precision, 'setPrecision');
  chosen = precision;
}

/** Throws `argument` for what is no precision. */
export function checkPrecision(precision: Precision | undefined, op: string): void {
  if (precision === undefined || PRECISIONS.includes(precision)) return;
  throw new FoveaError({
    code: 'argument',
    op,
    message: `precision '${precision as string}' is unknown.`,
    got: precision,
    want: PRECISIONS,
  });
}

/** What Programs for an engine are compiled for. */
export function targetOf({ info: { name, level }, choices }: Engine, precision?: Precision): Target {
  return { engine: name, level, convolution: convolutionOf(precision), choices };
}

/** How convolutions are computed: by the precision given, else the process's, else `FOVEA_CONV`. */
export function convolutionOf(precision: Precision | undefined = chosen): Target['convolution'] {
  if (precision !== undefined) return precision === 'exact' ? 'direct' : 'auto';
  const wanted = environment('FOVEA_CONV');
  const found = CONVOLUTIONS.find((each) => each === wanted);
  if (wanted === undefined) return 'auto';
  if (found !== undefined) return found;
  throw new FoveaError({
    code: 'argument',
    message: `FOVEA_CONV is '${wanted}'; it may be ${CONVOLUTIONS.join(', ')}.`,
    got: wanted,
    want: CONVOLUTIONS,
  });
}
