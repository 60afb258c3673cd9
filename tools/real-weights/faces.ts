// face-api's two small networks, built in code, with their 8-bit weights: a face detector and 68 points of a face.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesBeside } from '../../src/formats/beside.js';
import { storedFloats } from '../../src/formats/stored.js';
import { readTfjs, readTfjsWeights } from '../../src/formats/tfjs.js';
import type { HostArray, Layer, SymbolicTensor } from '../../src/index.js';
import { layers, models } from '../../src/index.js';
import type { TrainableModel } from '../../src/nn/model.js';
import { type Box, bestOf } from './boxes.js';
import { asInput, cut } from './pictures.js';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A network whose layers take their weights from a manifest by its own names. */
async function withWeights(
  manifest: string,
  build: (add: (layer: Layer, names: Readonly<Record<string, string>>) => Layer) => TrainableModel,
): Promise<TrainableModel> {
  const arrays = await readTfjsWeights(
    readTfjs(readFileSync(manifest), manifest),
    filesBeside(manifest, 'load'),
    manifest,
  );
  const wanted: [Layer, Readonly<Record<string, string>>][] = [];
  const model = build((layer, names) => {
    wanted.push([layer, names]);
    return layer;
  });
  const used = new Set<string>();
  for (const [layer, names] of wanted) {
    for (const weight of layer.weights) {
      const name = names[weight.name] as string;
      const array = arrays.get(name);
      if (array === undefined || String(array.shape) !== String(weight.shape)) throw new Error(`${name} does not fit`);
      used.add(name);
      weight.set(storedFloats(array).slice());
    }
  }
  if (used.size !== arrays.size) throw new Error(`${arrays.size - used.size} weights of ${manifest} are left`);
  return model;
}

const separable = (name: string): Record<string, string> => ({
  depthwise_kernel: `${name}/depthwise_filter`,
  pointwise_kernel: `${name}/pointwise_filter`,
  bias: `${name}/bias`,
});
const plain = (name: string): Record<string, string> => ({ kernel: `${name}/filters`, bias: `${name}/bias` });

const MEANS = [117.001, 114.697, 97.404] as const;
const ANCHORS = [
  [1.603231, 2.094468],
  [6.041143, 7.080126],
  [2.882459, 3.518061],
  [4.266906, 5.178857],
  [9.041765, 10.66308],
] as const;

export function faceDetector(folder: string): Promise<TrainableModel> {
  return withWeights(join(folder, 'tiny_face_detector_model-weights_manifest.json'), (add) => {
    const input = layers.input([null, null, 3]);
    const leaky = (x: SymbolicTensor): SymbolicTensor => layers.leakyRelu({ negativeSlope: 0.1 }).apply(x);
    const pool = (x: SymbolicTensor, strides: number): SymbolicTensor =>
      layers.maxPooling2d({ poolSize: 2, strides, padding: 'same' }).apply(x);
    let x = pool(leaky(add(layers.conv2d({ filters: 16, kernelSize: 3 }), plain('conv0')).apply(input)), 2);
    [32, 64, 128, 256, 512].forEach((filters, i) => {
      const layer = layers.separableConv2d({ filters, kernelSize: 3, padding: 'same' });
      x = pool(leaky(add(layer, separable(`conv${i + 1}`)).apply(x)), i === 4 ? 1 : 2);
    });
    const outputs = add(layers.conv2d({ filters: 25, kernelSize: 1 }), plain('conv8')).apply(x);
    return models.model({ inputs: input, outputs });
  });
}

/** The faces of a picture. */
export async function findFaces(
  detector: TrainableModel,
  picture: HostArray,
  { size = 416, least = 0.5 } = {},
): Promise<Box[]> {
  const fitted = asInput(picture, {
    size: [size, size],
    fit: 'corner',
    value: (byte, channel) => (byte - (MEANS[channel] as number)) / 255,
  });
  const { data, shape } = await detector.predict(fitted.x);
  const cells = shape[1] as number;
  const values = data as Float32Array;
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
  const boxes: Box[] = [];
  for (let cell = 0; cell < cells * cells; cell++) {
    ANCHORS.forEach(([width, height], i) => {
      const at = cell * 25 + i * 5;
      const score = sigmoid(values[at + 4] as number);
      if (score < least) return;
      const unit = size / cells;
      const x = (sigmoid(values[at] as number) + (cell % cells)) * unit;
      const y = (sigmoid(values[at + 1] as number) + Math.floor(cell / cells)) * unit;
      const [w, h] = [
        Math.exp(values[at + 2] as number) * width * unit,
        Math.exp(values[at + 3] as number) * height * unit,
      ];
      const [toX, toY] = fitted.scale;
      const box = {
        left: (x - w / 2) / toX,
        top: (y - h / 2) / toY,
        right: (x + w / 2) / toX,
        bottom: (y + h / 2) / toY,
      };
      boxes.push({ label: 'face', score, ...box });
    });
  }
  return bestOf(boxes, 0.4);
}

/** The network of 68 points; the tiny one has blocks of three convolutions, and three of them. */
export function landmarkNet(folder: string, isTiny = false): Promise<TrainableModel> {
  const file = `face_landmark_68_${isTiny ? 'tiny_' : ''}model-weights_manifest.json`;
  return withWeights(join(folder, file), (add) => {
    const input = layers.input([112, 112, 3]);
    const relu = (x: SymbolicTensor): SymbolicTensor => layers.relu().apply(x);
    const sum = (parts: readonly SymbolicTensor[]): SymbolicTensor => layers.add().apply([...parts]);
    let x: SymbolicTensor = input;
    (isTiny ? [32, 64, 128] : [32, 64, 128, 256]).forEach((filters, block) => {
      const options = { filters, kernelSize: 3, padding: 'same' } as const;
      const first = `dense${block}/conv0`;
      const stem =
        block === 0
          ? add(layers.conv2d({ ...options, strides: 2 }), plain(first))
          : add(layers.separableConv2d({ ...options, strides: 2 }), separable(first));
      // Each convolution sees the sum of all before it.
      const parts = [relu(stem.apply(x))];
      for (let i = 1; i < (isTiny ? 3 : 4); i++) {
        const before = i === 1 ? (parts[0] as SymbolicTensor) : relu(sum(parts));
        parts.push(add(layers.separableConv2d(options), separable(`dense${block}/conv${i}`)).apply(before));
      }
      x = relu(sum(parts));
    });
    x = layers.flatten().apply(layers.averagePooling2d({ poolSize: isTiny ? 14 : 7, strides: 2 }).apply(x));
    const dense = add(layers.dense({ units: 136 }), { kernel: 'fc/weights', bias: 'fc/bias' });
    return models.model({ inputs: input, outputs: dense.apply(x) });
  });
}

const POINT_MEANS = [122.782, 117.001, 104.298] as const;

/** The 68 points of the face that fills a picture, in its pixels. */
export async function facePoints(net: TrainableModel, picture: HostArray): Promise<Point[]> {
  const fitted = asInput(picture, {
    size: [112, 112],
    fit: 'middle',
    value: (byte, channel) => (byte - (POINT_MEANS[channel] as number)) / 255,
  });
  const { data } = await net.predict(fitted.x);
  const [rows, columns] = picture.shape as [number, number];
  const scale = 112 / Math.max(rows, columns);
  const [left, top] = [(112 - columns * scale) / 2, (112 - rows * scale) / 2];
  return Array.from({ length: 68 }, (_, i) => ({
    x: ((data[2 * i] as number) * 112 - left) / scale,
    y: ((data[2 * i + 1] as number) * 112 - top) / scale,
  }));
}

/** The points of each face of a larger picture. */
export async function pointsOfFaces(
  net: TrainableModel,
  picture: HostArray,
  faces: readonly Box[],
): Promise<Point[][]> {
  const all: Point[][] = [];
  for (const { left, top, right, bottom } of faces) {
    const [x, y] = [Math.max(0, Math.floor(left)), Math.max(0, Math.floor(top))];
    const part = cut(picture, [x, y, right - left, bottom - top]);
    all.push((await facePoints(net, part)).map((point) => ({ x: point.x + x, y: point.y + y })));
  }
  return all;
}
