// Models of Darknet: a .cfg becomes layers, the .weights fill them. Heads of detectors stay what their last convolution gives;
// what they need to be decoded stands in the model's metadata.

import { readFileBytes } from '../../core/node-files.js';
import { formatError } from '../../formats/cursor.js';
import { DarknetWeights, readDarknetConfig } from '../../formats/darknet.js';
import type { Model } from '../../nn/model.js';
import { buildDarknet } from './build.js';
import { planDarknet } from './plan.js';

/** See `loadDarknet`. */
export interface DarknetFiles {
  /** The network: a path, or the file's bytes. */
  readonly cfg: string | Uint8Array;
  /** The floats: a path, or the file's bytes. Without them the weights are random. */
  readonly weights?: string | Uint8Array;
  /** The model's name. */
  readonly name?: string;
}

/**
 * Loads a network of Darknet. Detectors have one output for each `[yolo]` or `[region]`, before any activation; the settings of
 * these are in `model.metadata.heads`. Throws `format` where the files do not fit each other, `unsupported` for kinds of layers
 * that are not known.
 */
export async function loadDarknet({ cfg, weights, name }: DarknetFiles): Promise<Model> {
  const file = typeof cfg === 'string' ? cfg : 'network.cfg';
  const weightsFile = typeof weights === 'string' ? weights : 'network.weights';
  const text = typeof cfg === 'string' ? await readFileBytes(cfg, 'loadDarknet') : cfg;
  const bytes = typeof weights === 'string' ? await readFileBytes(weights, 'loadDarknet') : weights;
  const plan = planDarknet(readDarknetConfig(text, file));
  const floats = bytes === undefined ? undefined : new DarknetWeights(bytes, weightsFile);
  if (floats !== undefined && floats.count !== plan.floats) {
    throw formatError(
      weightsFile,
      `the file holds ${floats.count} numbers, the network of ${file} has ${plan.floats}.`,
      {
        hint:
          floats.count < plan.floats
            ? 'The file is truncated, or belongs to the first layers alone.'
            : 'The two files belong to different networks.',
      },
    );
  }
  return buildDarknet(plan, floats, name);
}
