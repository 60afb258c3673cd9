// The small networks of courses, and networks as their papers have them, for which nobody publishes weights in a form of ours.
import * as classics from '../classics/index.js';
import { lectureDense, mnistDense } from '../dense.js';
import { lectureCnn } from '../lecture-cnn.js';
import { mnistConvnet, mnistLab } from '../mnist-convnet.js';
import type { ImageModelOptions, ZooOptions } from '../options.js';
import { imagenet, papers, type ZooEntry } from './entry.js';

/** What the small networks need of the options. */
function small({ inputShape, classes, name }: ZooOptions): ImageModelOptions {
  const shape = inputShape as ImageModelOptions['inputShape'];
  return {
    ...(shape === undefined ? {} : { inputShape: shape }),
    ...(classes === undefined ? {} : { classes }),
    ...(name === undefined ? {} : { name }),
  };
}

/** For digits, clothes and drawings. */
export const smallEntries: Readonly<Record<string, ZooEntry>> = {
  'lecture-cnn': {
    about: "the lecture's Fashion-MNIST network",
    task: 'classification',
    parameters: 1_413_834,
    size: 28,
    preprocessing: 'none',
    make: (options) => lectureCnn(small(options)),
  },
  'lecture-dense': {
    about: 'two dense layers of 300 and 100 units, to compare with',
    task: 'classification',
    parameters: 266_610,
    size: 28,
    preprocessing: 'none',
    make: (options) => lectureDense(small(options)),
  },
  'mnist-convnet': {
    about: 'a small convnet for digits',
    task: 'classification',
    parameters: 93_322,
    size: 28,
    preprocessing: 'none',
    make: (options) => mnistConvnet(small(options)),
  },
  'mnist-lab': {
    about: 'two padded convolutions and a dense layer of 128 units',
    task: 'classification',
    parameters: 421_642,
    size: 28,
    preprocessing: 'none',
    make: (options) => mnistLab(small(options)),
  },
  'mnist-dense': {
    about: 'one dense layer of 512 units',
    task: 'classification',
    parameters: 407_050,
    size: 28,
    preprocessing: 'none',
    make: (options) => mnistDense(small(options)),
  },
  lenet5: {
    about: 'convolutions and subsampling for handwritten digits, fully connected',
    task: 'classification',
    parameters: 61_706,
    size: 32,
    preprocessing: 'unit',
    paper: papers.lenet,
    make: (options) => classics.lenet5(small(options)),
  },
  'lenet5-1998': {
    about: "the paper's LeNet-5: sparse third layer, and 840 fixed values of drawn digits",
    task: 'classification',
    parameters: 60_840,
    size: 32,
    preprocessing: 'unit',
    paper: papers.lenet,
    make: (options) => classics.lenet5({ ...small(options), sparse: true }),
  },
};

/** As in their papers. */
export const classicEntries: Readonly<Record<string, ZooEntry>> = {
  'alexnet-2012': imagenet({
    about: "the paper's AlexNet: two columns (`grouped: false` for one), normalised over neighbouring channels",
    parameters: 60_965_224,
    size: 227,
    preprocessing: 'caffe',
    paper: papers.alexnet,
    make: classics.alexnet,
  }),
  'network-in-network': imagenet({
    about: '1x1 convolutions after each larger one, and no dense layer',
    parameters: 7_595_176,
    preprocessing: 'caffe',
    paper: papers.networkInNetwork,
    make: classics.networkInNetwork,
  }),
  'googlenet-2014': imagenet({
    about: "the paper's GoogLeNet: biases and no batch norm",
    parameters: 6_998_552,
    preprocessing: 'caffe',
    paper: papers.googlenet,
    make: classics.googlenet,
  }),
  darknet19: imagenet({
    about: 'the classifier under YOLOv2',
    parameters: 20_856_776,
    preprocessing: 'unit',
    paper: papers.darknet19,
    make: classics.darknet19,
  }),
  darknet53: imagenet({
    about: 'the residual classifier under YOLOv3',
    parameters: 41_645_640,
    size: 256,
    preprocessing: 'unit',
    paper: papers.darknet53,
    make: classics.darknet53,
  }),
};
