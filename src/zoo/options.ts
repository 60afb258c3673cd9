// What the networks of the zoo accept.
import type { LoadOptions } from '../data/index.js';
import type { ApplicationOptions } from './applications/build.js';

/** The pictures a classifier takes and what it tells apart. */
export interface ImageModelOptions {
  /** Height, width, channels. */
  inputShape?: readonly [height: number, width: number, channels: number];
  classes?: number;
  name?: string;
}

/** See `create`. */
export interface ZooOptions extends ApplicationOptions {
  /** MobileNet's multiplier of channels; default 1. */
  alpha?: number;
  /** AlexNet's two columns; default true. */
  grouped?: boolean;
  /** GoogLeNet's and InceptionV3's classifiers on the way, as further outputs; default false. */
  auxLogits?: boolean;
  /**
   * `imagenet` loads the published weights: from the data folder, the cache, or the official address with its checksum. A
   * path or bytes load a file of any kind that holds weights (docs/formats.md). Default none: the weights are drawn.
   */
  weights?: 'imagenet' | (string & {}) | Uint8Array | null;
  /** Where and how the published weights are fetched. */
  download?: LoadOptions;
}
