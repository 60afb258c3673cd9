// The rows of the table of real weights: each gives its figures, and pictures with what was found where there are some.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type HostArray, models } from '../../src/index.js';
import type { TrainableModel } from '../../src/nn/model.js';
import { type Box, bestOf, darknetBoxes, type Head, ultrafaceBoxes, yoloxBoxes } from './boxes.js';
import { type Hits, hitsOn, imagenetClasses, linesOf, mobilenet, tinyDarknet } from './classifiers.js';
import { faceDetector, facePoints, findFaces, landmarkNet, type Point, pointsOfFaces } from './faces.js';
import { asInput, photo } from './pictures.js';

/** A picture with what was found in it. */
export interface Found {
  readonly name: string;
  readonly picture: HostArray;
  readonly boxes: readonly Box[];
  readonly points: readonly Point[];
}

export async function mobilenetHits(data: string): Promise<Hits & { parameters: number }> {
  const samples = join(data, 'imagenet-samples');
  const model = await mobilenet(join(data, 'weights/mobilenet-v1-0.25-tfjs/model.json'));
  const hits = await hitsOn(samples, model, imagenetClasses(samples), (byte) => byte / 127.5 - 1);
  return { ...hits, parameters: model.countParams() };
}

export async function tinyDarknetHits(data: string): Promise<Hits & { parameters: number }> {
  const folder = join(data, 'weights/tiny-darknet-tfjs');
  const model = await tinyDarknet(join(folder, 'model.json'));
  const wnids = linesOf(join(folder, 'imagenet.labels.list'));
  const hits = await hitsOn(join(data, 'imagenet-samples'), model, wnids, (byte) => byte / 255);
  return { ...hits, parameters: model.countParams() };
}

/** How many of the first pictures a model of digits or things gets right. */
async function rightOf(model: TrainableModel, x: Float32Array, shape: readonly number[], labels: Uint8Array) {
  const { data } = await model.predict({ data: x, shape, dtype: 'float32' });
  const [count] = shape as [number];
  const classes = data.length / count;
  let right = 0;
  for (let i = 0; i < count; i++) {
    const scores = (data as Float32Array).subarray(classes * i, classes * (i + 1));
    if (scores.indexOf(Math.max(...scores)) === labels[i]) right++;
  }
  return right;
}

/** Of the first 1,000 test pictures, raw bytes. */
export async function resnet8Right(data: string): Promise<number> {
  const model = await models.load(join(data, 'weights/resnet8-cifar10-h5/pretrainedResnet.h5'));
  const records = gunzipSync(readFileSync(join(data, 'cifar10/test_4000.bin.gz')));
  const x = new Float32Array(1000 * 3072);
  const labels = new Uint8Array(1000);
  for (let i = 0; i < 1000; i++) {
    const at = 3073 * i;
    labels[i] = records[at] as number;
    for (let c = 0; c < 3; c++)
      for (let cell = 0; cell < 1024; cell++) x[3072 * i + 3 * cell + c] = records[at + 1 + 1024 * c + cell] as number;
  }
  return rightOf(model, x, [1000, 32, 32, 3], labels);
}

/** Of the first 2,000 test pictures, bytes / 256. */
export async function lenetRight(data: string): Promise<number> {
  const folder = join(data, 'weights/lenet-mnist-caffe');
  const model = await models.loadCaffe({
    prototxt: join(folder, 'lenet_train_test.prototxt'),
    caffemodel: join(folder, 'lenet_iter_10000.caffemodel'),
    inputShape: [28, 28, 1],
  });
  const read = (name: string, head: number): Uint8Array =>
    gunzipSync(readFileSync(join(data, 'mnist', name))).subarray(head);
  const pixels = read('t10k-images-idx3-ubyte.gz', 16).subarray(0, 2000 * 784);
  const x = Float32Array.from(pixels, (byte) => byte / 256);
  return rightOf(model, x, [2000, 28, 28, 1], read('t10k-labels-idx1-ubyte.gz', 8));
}

const COCO = 'weights/yolo-fastest-darknet/coco.names';

export async function yoloxFound(data: string, names: readonly string[]): Promise<Found[]> {
  const model = await models.load(join(data, 'weights/yolox-nano-onnx/yolox_nano.onnx'));
  const labels = linesOf(join(data, COCO));
  return eachPhoto(data, names, async (picture) => {
    const fitted = asInput(picture, { size: [416, 416], fit: 'corner', fill: 114, isBgr: true });
    const output = (await model.predict(channelsFirst(model, fitted.x))).data as Float32Array;
    return bestOf(yoloxBoxes(output, 416, labels, fitted, 0.3));
  });
}

export async function yoloFastestFound(data: string, names: readonly string[]): Promise<Found[]> {
  const files = join(data, 'weights/yolo-fastest-darknet/yolo-fastest-1.1');
  const model = await models.loadDarknet({ cfg: `${files}.cfg`, weights: `${files}.weights` });
  const labels = linesOf(join(data, COCO));
  const heads = model.metadata.heads as (Head & { output: number })[];
  return eachPhoto(data, names, async (picture) => {
    const fitted = asInput(picture, { size: [320, 320], value: (byte) => byte / 255 });
    const { outputs } = await model.predict(fitted.x);
    const all = heads.flatMap((head) => {
      const output = outputs[head.output] as { data: Float32Array; shape: readonly number[] };
      return darknetBoxes(output, head, 320, labels, fitted, 0.3);
    });
    return bestOf(all);
  });
}

export async function ultrafaceFound(data: string): Promise<Found> {
  const model = await models.load(join(data, 'weights/ultraface-onnx/version-RFB-320_without_postprocessing.onnx'));
  const picture = await photo(data, 'weights/face-api/test/faces.jpg');
  const fitted = asInput(picture, { size: [240, 320], value: (byte) => (byte - 127) / 128 });
  const { outputs } = await model.predict(channelsFirst(model, fitted.x));
  const byWidth = (width: number): Float32Array =>
    outputs.find(({ shape }) => shape.at(-1) === width)?.data as Float32Array;
  const boxes = bestOf(ultrafaceBoxes(byWidth(2), byWidth(4), fitted, 0.7), 0.3);
  return { name: 'faces.jpg', picture, boxes, points: [] };
}

/** A picture as the model has its axes: imported graphs may keep the channels first. */
function channelsFirst(model: TrainableModel, x: { data: Float32Array; shape: readonly number[]; dtype: 'float32' }) {
  if (model.inputs[0]?.shape[1] !== 3) return x;
  const [, height, width] = x.shape as [number, number, number];
  const data = new Float32Array(x.data.length);
  for (let cell = 0; cell < height * width; cell++)
    for (let c = 0; c < 3; c++) data[c * height * width + cell] = x.data[3 * cell + c] as number;
  return { ...x, data, shape: [1, 3, height, width] };
}

/** The faces of face-api's group picture, with their points. */
export async function faceApiFound(data: string): Promise<Found> {
  const folder = join(data, 'weights/face-api');
  const picture = await photo(folder, 'test/faces.jpg');
  const boxes = await findFaces(await faceDetector(folder), picture);
  const points = await pointsOfFaces(await landmarkNet(folder), picture, boxes);
  return { name: 'faces.jpg', picture, boxes, points: points.flat() };
}

/** The single faces of face-api: how far the worst point lies from its expected place, in pixels along an axis. */
export async function faceApiPoints(data: string): Promise<(Found & { readonly worst: number })[]> {
  const folder = join(data, 'weights/face-api');
  const cases = [
    ['face1.png', 'faceLandmarkPositions1.json', false],
    ['face1.png', 'faceLandmarkPositions1Tiny.json', true],
    ['face2.png', 'faceLandmarkPositions2.json', false],
    ['face_rectangular.png', 'faceLandmarkPositionsRect.json', false],
  ] as const;
  const all: (Found & { readonly worst: number })[] = [];
  for (const [name, positions, isTiny] of cases) {
    const picture = await photo(folder, 'test', name);
    const points = await facePoints(await landmarkNet(folder, isTiny), picture);
    const wanted = JSON.parse(readFileSync(join(folder, 'test', positions), 'utf8')) as Point[];
    const off = points.map(({ x, y }, i) =>
      Math.max(Math.abs(x - (wanted[i] as Point).x), Math.abs(y - (wanted[i] as Point).y)),
    );
    all.push({ name: isTiny ? `tiny ${name}` : name, picture, boxes: [], points, worst: Math.max(...off) });
  }
  return all;
}

async function eachPhoto(
  data: string,
  names: readonly string[],
  find: (picture: HostArray) => Promise<Box[]>,
): Promise<Found[]> {
  const all: Found[] = [];
  for (const name of names) {
    const picture = await photo(data, 'photos', name);
    all.push({ name, picture, boxes: await find(picture), points: [] });
  }
  return all;
}
