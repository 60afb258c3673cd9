// Darknet's pairs of files: the .cfg with the .weights beside it, whichever was named.
import { FoveaError } from '../../core/errors.js';
import { kindOf } from '../../formats/kinds.js';
import type { Reader } from '../load.js';
import { readPartner, type Source } from '../source.js';
import { loadDarknet } from './index.js';

export const reader: Reader = {
  load: async (source) => {
    const isConfig = kindOf(source.bytes) === 'darknet-config';
    const other = await readPartner(source, isConfig ? ['.weights'] : ['.cfg'], 'load');
    const [cfg, weights] = isConfig ? [source, other] : [other, source];
    return loadDarknet({ cfg: cfg.bytes, weights: weights.bytes }).catch((error: unknown) => {
      throw error instanceof FoveaError ? error.at(pairName(cfg, weights)) : error;
    });
  },
};

const pairName = (cfg: Source, weights: Source): string => `${cfg.file} with ${weights.file}`;
