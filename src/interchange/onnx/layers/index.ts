// Which operators become layers of Keras's, under which conditions; one family per file.
import { activationLayers } from './activation.js';
import type { LayerMaker } from './call-site.js';
import { convolutionLayers } from './conv.js';
import { denseLayers } from './dense.js';
import { mergeLayers } from './merge.js';
import { poolLayers } from './pool.js';
import { shapeLayers } from './shape.js';

/** By `operatorKey`. */
export const layerMakers: ReadonlyMap<string, LayerMaker> = new Map(
  Object.entries({
    ...convolutionLayers,
    ...poolLayers,
    ...activationLayers,
    ...denseLayers,
    ...mergeLayers,
    ...shapeLayers,
  }),
);
