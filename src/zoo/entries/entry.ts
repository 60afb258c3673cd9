// What an entry of the zoo says of a network: where it was published, what it wants of its pictures, where the official
// weights are and how good they are.
import type { ResizeMethod } from '../../data/index.js';
import type { TrainableModel } from '../../nn/model.js';
import type { PreprocessMode } from '../../vision/preprocess.js';
import type { ZooOptions } from '../options.js';

/** How pictures become what the network was trained on; `none`: it takes 0..255, or scales them itself; `unit`: 0..1. */
export type Preprocessing = PreprocessMode | 'none' | 'unit';

/** A file of published weights. */
export interface PublishedFile {
  readonly name: string;
  /** MD5, SHA-256 or the beginning of the latter, as the publisher gives it; neither where it gives none. */
  readonly md5?: string;
  readonly sha256?: string;
}

/** Weights trained on ImageNet. */
export interface PublishedWeights {
  /** With a trailing slash. */
  readonly baseUrl: string;
  readonly top: PublishedFile;
  readonly noTop: PublishedFile;
  /** The file's name of a weight that the network calls otherwise. */
  rename?(name: string): string;
}

/** An architecture of the zoo. */
export interface ZooEntry {
  /** One line for help and docs. */
  readonly about: string;
  readonly task: 'classification';
  /** Of the network as it comes by default; in torchvision's form without batch norm's statistics, as PyTorch counts. */
  readonly parameters: number;
  /** Whether its layers carry the names of PyTorch's state dict, and parameters are counted as there. */
  readonly form?: 'torchvision';
  /** Rows of the pictures it was made for. */
  readonly size: number;
  readonly preprocessing: Preprocessing;
  /** How the published accuracy was measured: the part of a picture that is kept, and how pictures are resized. */
  readonly kept?: number;
  readonly resize?: ResizeMethod;
  /** What it tells apart as it comes by default. */
  readonly labels?: 'imagenet';
  readonly paper?: { readonly authors: string; readonly year: number; readonly arxiv?: string };
  /** Of the published weights. */
  readonly licence?: string;
  /** Percent of ImageNet's validation pictures, as published with the weights. */
  readonly accuracy?: { readonly top1: number; readonly top5?: number };
  /** The published weights for these options; undefined where there are none. */
  weights?(options: ZooOptions): PublishedWeights | undefined;
  /** What is left to do where published weights were put into a network made without `weights`. */
  adapt?(model: TrainableModel): Promise<void>;
  make(options: ZooOptions): TrainableModel;
}

export const papers = {
  vgg: { authors: 'Simonyan, Zisserman', year: 2014, arxiv: '1409.1556' },
  resnet: { authors: 'He, Zhang, Ren, Sun', year: 2015, arxiv: '1512.03385' },
  resnetV2: { authors: 'He, Zhang, Ren, Sun', year: 2016, arxiv: '1603.05027' },
  inceptionV3: { authors: 'Szegedy, Vanhoucke, Ioffe, Shlens, Wojna', year: 2015, arxiv: '1512.00567' },
  inceptionResnet: { authors: 'Szegedy, Ioffe, Vanhoucke, Alemi', year: 2016, arxiv: '1602.07261' },
  xception: { authors: 'Chollet', year: 2016, arxiv: '1610.02357' },
  densenet: { authors: 'Huang, Liu, van der Maaten, Weinberger', year: 2016, arxiv: '1608.06993' },
  mobilenet: { authors: 'Howard et al.', year: 2017, arxiv: '1704.04861' },
  mobilenetV2: { authors: 'Sandler et al.', year: 2018, arxiv: '1801.04381' },
  mobilenetV3: { authors: 'Howard et al.', year: 2019, arxiv: '1905.02244' },
  efficientnet: { authors: 'Tan, Le', year: 2019, arxiv: '1905.11946' },
  efficientnetV2: { authors: 'Tan, Le', year: 2021, arxiv: '2104.00298' },
  convnext: { authors: 'Liu et al.', year: 2022, arxiv: '2201.03545' },
  lenet: { authors: 'LeCun, Bottou, Bengio, Haffner', year: 1998 },
  networkInNetwork: { authors: 'Lin, Chen, Yan', year: 2013, arxiv: '1312.4400' },
  darknet19: { authors: 'Redmon, Farhadi', year: 2016, arxiv: '1612.08242' },
  darknet53: { authors: 'Redmon, Farhadi', year: 2018, arxiv: '1804.02767' },
  squeezeExcitation: { authors: 'Hu, Shen, Albanie, Sun, Wu', year: 2017, arxiv: '1709.01507' },
  mnasnet: { authors: 'Tan et al.', year: 2018, arxiv: '1807.11626' },
  nasnet: { authors: 'Zoph, Vasudevan, Shlens, Le', year: 2017, arxiv: '1707.07012' },
  regnet: { authors: 'Radosavovic, Kosaraju, Girshick, He, Dollar', year: 2020, arxiv: '2003.13678' },
  alexnet: { authors: 'Krizhevsky, Sutskever, Hinton', year: 2012 },
  googlenet: { authors: 'Szegedy et al.', year: 2014, arxiv: '1409.4842' },
  squeezenet: { authors: 'Iandola et al.', year: 2016, arxiv: '1602.07360' },
  shufflenet: { authors: 'Ma, Zhang, Zheng, Sun', year: 2018, arxiv: '1807.11164' },
  resnext: { authors: 'Xie, Girshick, Dollar, Tu, He', year: 2016, arxiv: '1611.05431' },
  wideResnet: { authors: 'Zagoruyko, Komodakis', year: 2016, arxiv: '1605.07146' },
} as const;

export type Published = Omit<ZooEntry, 'task' | 'size' | 'preprocessing' | 'accuracy'> & {
  readonly size?: number;
  readonly preprocessing?: Preprocessing;
  /** Top 1 and top 5. */
  readonly percent?: readonly [top1: number, top5?: number];
};

/** A classifier of ImageNet's thousand classes. */
export function imagenet({ size = 224, preprocessing = 'none', percent, ...rest }: Published): ZooEntry {
  const [top1, top5] = percent ?? [];
  const accuracy = top1 === undefined ? undefined : { top1, ...(top5 === undefined ? {} : { top5 }) };
  return {
    task: 'classification',
    size,
    preprocessing,
    labels: 'imagenet',
    kept: 0.875,
    resize: 'bilinear-antialias',
    ...rest,
    ...(accuracy === undefined ? {} : { accuracy }),
  };
}

/** Where Keras keeps the weights of its applications. */
export const KERAS_STORE = 'https://storage.googleapis.com/tensorflow/keras-applications/';
