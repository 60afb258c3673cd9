// Which instruction-set level an engine uses.
import { FoveaError } from '../core/errors.js';
import { environment } from './node.js';

/** The option, else `FOVEA_LEVEL` where this engine has it, else the best. */
export function chooseLevel(engine: 'native' | 'wasm', levels: readonly string[], option: string | undefined): string {
  const best = levels[0];
  if (best === undefined)
    throw new FoveaError({ code: 'engine', message: 'none of its instruction-set levels runs here.' });
  const wanted = option ?? environment('FOVEA_LEVEL');
  if (wanted === undefined) return best;
  if (levels.includes(wanted)) return wanted;
  throw new FoveaError({
    code: 'engine',
    message: `the ${engine} engine has no level '${wanted}' here.`,
    got: wanted,
    want: levels,
    hint: `It can run: ${levels.join(', ')}.`,
  });
}
