// Models of Caffe: a .prototxt becomes layers, the .caffemodel fills them. Maps of [channels,rows,columns] become maps with the
// channels last, so that the model takes pictures like any other here.
import { readFileBytes } from '../../core/node-files.js';
import { readCaffeModel } from '../../formats/caffe.js';
import { readPrototxt } from '../../formats/prototxt.js';
import type { Model } from '../../nn/model.js';
import { buildCaffe } from './build.js';
import { caffeNet } from './net.js';

/** See `loadCaffe`. */
export interface CaffeFiles {
  /** The network: a path, or the file's bytes. */
  readonly prototxt: string | Uint8Array;
  /** The numbers: a path, or the file's bytes. Without them the weights are random. */
  readonly caffemodel?: string | Uint8Array;
  /** Height, width and channels, where the file does not say them. */
  readonly inputShape?: readonly number[];
  /** The model's name; default the network's. */
  readonly name?: string;
}

/**
 * Loads a network of Caffe, of either generation, as it runs in the phase TEST; losses and accuracies are left out. Throws `format`
 * where the files do not fit each other, `unsupported` for types of layers that are not known.
 */
export async function loadCaffe({ prototxt, caffemodel, inputShape, name }: CaffeFiles): Promise<Model> {
  const file = typeof prototxt === 'string' ? prototxt : 'network.prototxt';
  const numbersFile = typeof caffemodel === 'string' ? caffemodel : 'network.caffemodel';
  const text = typeof prototxt === 'string' ? await readFileBytes(prototxt, 'loadCaffe') : prototxt;
  const bytes = typeof caffemodel === 'string' ? await readFileBytes(caffemodel, 'loadCaffe') : caffemodel;
  const net = caffeNet(readPrototxt(text, file, 'a .prototxt of Caffe'));
  const numbers = bytes === undefined ? undefined : readCaffeModel(bytes, numbersFile);
  return buildCaffe(net, numbers, { file, name, inputShape });
}
