// Where streams begin, by what they come from: `data.fromArrays`, `data.fromImageFolder` and so on.
import type { ArrayDataset } from './array-dataset.js';
import { Dataset } from './dataset.js';
import type { HostArrayLike } from './host-array.js';
import { type ImageFolder, type ImageFolderOptions, imageDatasetFromDirectory } from './image-folder.js';
import type { ExampleLike } from './streams.js';

export { type CsvOptions, fromCsv, parseCsv } from './csv.js';
export { fromZip, type ZipOptions } from './zip-pictures.js';

/** Streams the rows of arrays in memory; see `Dataset.fromArrays`. */
export function fromArrays(x: HostArrayLike | ArrayDataset, y?: HostArrayLike, sampleWeight?: HostArrayLike): Dataset {
  return Dataset.fromArrays(x, y, sampleWeight);
}

/** Streams what a generator yields; see `Dataset.fromGenerator`. */
export function fromGenerator(
  generate: (pass: number) => Iterable<ExampleLike> | AsyncIterable<ExampleLike>,
  options: { length?: number; isBatched?: boolean } = {},
): Dataset {
  return Dataset.fromGenerator(generate, options);
}

/** As `imageDatasetFromDirectory`, but the pictures come one by one, ready for further `map`, and `batch`. */
export function fromImageFolder(
  path: string,
  options: ImageFolderOptions & { subset?: 'training' | 'validation' } = {},
): Promise<ImageFolder> {
  return imageDatasetFromDirectory(path, { batchSize: null, ...options });
}
