// Bad input and the whole message each gets: one row per case. The test beside it asserts them, and prints them as a
// list for docs/errors.md where FOVEA_PRINT=1.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { datasets, type HostArray, layers, losses, models, optimizers } from '../../src/index.js';
import { mountSmallDisk } from './small-disk.js';

/** One mistake. `FOLDER` in a message stands for the folder that `run` was given. */
export interface BadInput {
  readonly what: string;
  /** Makes the mistake; resolves with a reason where this machine cannot. */
  run(folder: string): Promise<undefined | { readonly skipped: string }>;
  readonly message: string;
}

const pictures = (count: number, channels = 1): HostArray => ({
  data: Float32Array.from({ length: count * 64 * channels }, (_, i) => (i % 17) / 17),
  shape: [count, 8, 8, channels],
  dtype: 'float32',
});
const labels = (count: number): HostArray => ({
  data: Int32Array.from({ length: count }, (_, i) => i % 3),
  shape: [count],
  dtype: 'int32',
});

function classifier({ channels = 1, learningRate = 0.01 } = {}) {
  const model = models.sequential(
    [
      layers.input([8, 8, channels], { name: 'picture' }),
      layers.conv2d({ filters: 4, kernelSize: 3, name: 'stem' }),
      layers.flatten({ name: 'flat' }),
      layers.dense({ units: 3, activation: 'softmax', name: 'head' }),
    ],
    { name: 'classifier' },
  );
  model.compile({ optimizer: optimizers.sgd({ learningRate }), loss: 'sparseCategoricalCrossentropy' });
  return model;
}

const quiet = { verbose: 0, shuffle: false } as const;

/** For a call that must not get as far as returning. */
async function fail(work: Promise<unknown>): Promise<undefined> {
  await work;
  return undefined;
}

export const badInputs: readonly BadInput[] = [
  {
    what: 'Wrong channels',
    run: () => fail(classifier({ channels: 3 }).fit(pictures(6), labels(6), quiet)),
    message:
      'model: input "picture" expects [batch,8,8,3]; got [6,8,8,1].\n  Give data with 3 channels (the last axis), or change the input layer.',
  },
  {
    what: 'Fewer labels than pictures',
    run: () => fail(classifier().fit(pictures(6), labels(5), quiet)),
    message: 'fit: x has 6 examples but y has 5.\n  x=[6,8,8,1] y=[5]\n  Give one row for each example.',
  },
  {
    what: 'A loss that is not a number: training that diverges',
    run: () => fail(classifier({ learningRate: 1e38 }).fit(pictures(6), labels(6), { ...quiet, epochs: 5 })),
    message:
      'fit: the loss is not a number in epoch 2, step 1.\n' +
      '  Layer "head" is the first to give numbers that are not finite.\n' +
      '  The weights are those from before that step.\n' +
      '  Lower the learning rate, scale the inputs to about 1, or clip gradients (clipnorm).\n' +
      '  at head',
  },
  {
    what: 'A loss that is not a number: the data',
    run: () => {
      const x = pictures(6);
      x.data[3 * 64 + 5] = Number.NaN;
      return fail(classifier().fit(x, labels(6), quiet));
    },
    message:
      'fit: the loss is not a number in epoch 1, step 1.\n' +
      '  The data holds NaN: example 3 of the batch.\n' +
      '  The weights are those from before that step.\n' +
      '  Remove or repair the examples that hold NaN or infinity.',
  },
  {
    what: 'A label out of range',
    run: () => {
      const y = labels(6);
      y.data[4] = 7;
      return fail(classifier().fit(pictures(6), y, quiet));
    },
    message:
      'fit: label 7 of example 4 is not a class of output "head", which has 3.\n' +
      '  Labels count from 0 to 2; give the last layer more units if there are more classes.',
  },
  {
    what: 'An unknown loss',
    run: async () => {
      classifier().compile({ loss: 'meanSquareError' as 'meanSquaredError' });
      return undefined;
    },
    message:
      'compile: unknown loss "meanSquareError"; did you mean "meanSquaredError"?\n' +
      `  Known are ${Object.keys(losses).join(', ')}; or pass a function (yTrue, yPred) => tensor.`,
  },
  {
    what: 'An unknown layer argument',
    run: async () => {
      const options = { filters: 4, kernelSize: 3, pading: 'same' };
      layers.conv2d(options);
      return undefined;
    },
    message: 'Conv2D: unknown option "pading"; did you mean "padding"?',
  },
  {
    what: 'A wrong value of a layer argument',
    run: async () => {
      layers.conv2d({ filters: 4, kernelSize: 3, padding: 'sam' as 'same' });
      return undefined;
    },
    message: "Conv2D: padding must be 'valid' or 'same'; got \"sam\".\n  Did you mean 'same'?",
  },
  {
    what: 'A model file that was cut short',
    run: async (folder) => {
      const path = join(folder, 'model.keras');
      await classifier().save(path);
      writeFileSync(path, readFileSync(path).subarray(0, 3000));
      return fail(models.load(path));
    },
    message:
      'the zip archive is truncated: its end, with the directory, is missing.\n  Download or copy the file again.\n  at FOLDER/model.keras',
  },
  {
    what: 'A model file that is a web page',
    run: async (folder) => {
      writeFileSync(join(folder, 'page.keras'), '<!DOCTYPE html><html></html>');
      return fail(models.load(join(folder, 'page.keras')));
    },
    message:
      'FOLDER/page.keras is an HTML page, not a .keras model.\n' +
      '  The address it came from answered with a web page; download the file itself.\n' +
      '  at FOLDER/page.keras',
  },
  {
    what: 'A model file that is not there',
    run: (folder) => fail(models.load(join(folder, 'runs/model.keras'))),
    message:
      'load: FOLDER/runs/model.keras does not exist.\n' +
      '  the nearest folder that exists is FOLDER\n' +
      '  Check the spelling; relative paths start at the current folder.\n' +
      '  at FOLDER/runs/model.keras',
  },
  {
    what: 'A data file that was cut short',
    run: async (folder) => {
      const at = join(folder, 'data/mnist');
      mkdirSync(at, { recursive: true });
      // The header of 10 pictures of 28x28, and the first of them alone.
      const header = Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 10, 0, 0, 0, 28, 0, 0, 0, 28);
      const images = new Uint8Array(16 + 784);
      images.set(header);
      writeFileSync(join(at, 'train-images-idx3-ubyte.gz'), gzipSync(images));
      writeFileSync(
        join(at, 'train-labels-idx1-ubyte.gz'),
        gzipSync(Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 10, 5, 0, 4, 1, 9, 2, 1, 3, 1, 4)),
      );
      return fail(datasets.mnist({ dataFolder: join(folder, 'data'), split: 'train' }));
    },
    message:
      'datasets.mnist: FOLDER/data/mnist/train-images-idx3-ubyte.gz is damaged at byte 800: its header says 10 x 28 x 28 bytes after byte 16, but it ends early (800 bytes unpacked).\n' +
      '  Delete the file and run again to download a fresh copy, or copy it anew from where it came from.\n' +
      '  at FOLDER/data/mnist/train-images-idx3-ubyte.gz',
  },
  {
    what: 'A packed data file that was cut short',
    run: async (folder) => {
      const at = join(folder, 'packed/mnist');
      mkdirSync(at, { recursive: true });
      const packed = gzipSync(Uint8Array.from({ length: 5000 }, (_, i) => (i * i) % 251));
      writeFileSync(join(at, 'train-images-idx3-ubyte.gz'), packed.subarray(0, 300));
      return fail(datasets.mnist({ dataFolder: join(folder, 'packed'), split: 'train' }));
    },
    message:
      'datasets.mnist: FOLDER/packed/mnist/train-images-idx3-ubyte.gz is damaged at byte 300: the gzip stream ends early, after 2832 unpacked bytes.\n' +
      '  Delete the file and run again to download a fresh copy, or copy it anew from where it came from.\n' +
      '  at FOLDER/packed/mnist/train-images-idx3-ubyte.gz',
  },
  {
    what: 'A full disk',
    run: async (folder) => {
      const disk = mountSmallDisk(join(folder, 'disk'), 4);
      if (disk === undefined) return { skipped: 'mounting a small disk needs more rights than this machine gives' };
      try {
        return await fail(classifier().save(join(disk.path, 'model.keras')));
      } finally {
        disk.unmount();
      }
    },
    message:
      'save: FOLDER/disk/model.keras could not be written: the disk is full (ENOSPC).\n' +
      '  Free some space, or write to another disk. What was there before is untouched.\n' +
      '  at FOLDER/disk/model.keras',
  },
];
