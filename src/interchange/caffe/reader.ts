// Caffe's pairs of files: the .prototxt with the .caffemodel beside it, whichever was named.
import { FoveaError } from '../../core/errors.js';
import { kindOf } from '../../formats/kinds.js';
import type { Reader } from '../load.js';
import { readPartner } from '../source.js';
import { loadCaffe } from './index.js';

export const reader: Reader = {
  load: async (source, { inputShape }) => {
    const isText = kindOf(source.bytes) === 'caffe-text';
    const other = await readPartner(source, isText ? ['.caffemodel'] : ['.prototxt'], 'load');
    const [net, numbers] = isText ? [source, other] : [other, source];
    const shape = inputShape === undefined ? {} : { inputShape };
    return loadCaffe({ prototxt: net.bytes, caffemodel: numbers.bytes, ...shape }).catch((error: unknown) => {
      throw error instanceof FoveaError ? error.at(`${net.file} with ${numbers.file}`) : error;
    });
  },
};
