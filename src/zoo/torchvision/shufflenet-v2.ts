// ShuffleNetV2 (Ma et al. 2018, arXiv 1807.11164): half of the channels pass by each block, and all are shuffled after it.
import { ChannelShuffle } from '../../nn/layers/architecture.js';
import * as layers from '../../nn/layers/index.js';
import type { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { TorchBuilder, type TorchvisionOptions } from './build.js';

/** 1x1, 3x3 on each channel, 1x1. */
function branch(b: TorchBuilder, x: SymbolicTensor, at: string, filters: number, strides: number): SymbolicTensor {
  let y = b.relu(b.norm(b.conv(x, `${at}.0`, filters), `${at}.1`));
  y = b.norm(b.conv(y, `${at}.3`, filters, { kernel: 3, padding: 1, strides, groups: filters }), `${at}.4`);
  return b.relu(b.norm(b.conv(y, `${at}.5`, filters), `${at}.6`));
}

/** A range of channels, cut as if they were columns: Keras has no layer of that name. */
function range(x: SymbolicTensor, from: number, to: number, name: string): SymbolicTensor {
  const behind = (x.shape.at(-1) as number) - to;
  const cropping = [[0, 0] as const, [from, behind] as const] as const;
  return layers.cropping2d({ cropping, dataFormat: 'channelsFirst', name }).apply(x);
}

/** One channel of each half in turn. */
function shuffled(x: SymbolicTensor, at: string): SymbolicTensor {
  const [, rows, columns, channels] = x.shape as readonly (number | null)[];
  // Reshaping takes one open size at most, so this has a layer of its own, which Keras has not.
  if (rows === null || columns === null) return new ChannelShuffle({ groups: 2, name: `${at}.shuffle` }).apply(x);
  const [height, width, both] = [rows, columns, channels] as [number, number, number];
  let y = layers.reshape({ targetShape: [height, width, 2, both / 2], name: `${at}.halves` }).apply(x);
  y = layers.permute({ dims: [1, 2, 4, 3], name: `${at}.pairs` }).apply(y);
  return layers.reshape({ targetShape: [height, width, both], name: `${at}.shuffle` }).apply(y);
}

function unit(b: TorchBuilder, x: SymbolicTensor, at: string, out: number, strides: number): SymbolicTensor {
  const channels = x.shape.at(-1) as number;
  const half = out / 2;
  let parts: SymbolicTensor[];
  if (strides === 1) {
    const taken = range(x, half, channels, `${at}.taken`);
    parts = [range(x, 0, half, `${at}.passed`), branch(b, taken, `${at}.branch2`, half, 1)];
  } else {
    let y = b.conv(x, `${at}.branch1.0`, channels, { kernel: 3, padding: 1, strides, groups: channels });
    y = b.norm(y, `${at}.branch1.1`);
    y = b.relu(b.norm(b.conv(y, `${at}.branch1.2`, half), `${at}.branch1.3`));
    parts = [y, branch(b, x, `${at}.branch2`, half, strides)];
  }
  return shuffled(b.join(parts), at);
}

/** Channels after the three stages and after the last convolution, by width. */
const WIDTHS = {
  x0_5: [48, 96, 192, 1024],
  x1_0: [116, 232, 464, 1024],
  x1_5: [176, 352, 704, 1024],
  x2_0: [244, 488, 976, 2048],
} as const;

const COUNTS = [4, 8, 4] as const;

function shufflenet(width: keyof typeof WIDTHS, options: TorchvisionOptions = {}): Model {
  const b = new TorchBuilder(`shufflenet_v2_${width}`, options);
  const channels = WIDTHS[width];
  let x = b.relu(b.norm(b.conv(b.inputs, 'conv1.0', 24, { kernel: 3, strides: 2, padding: 1 }), 'conv1.1'));
  x = b.maxPool(x, 3, 2, 1);
  COUNTS.forEach((count, stage) => {
    for (let i = 0; i < count; i++) {
      x = unit(b, x, `stage${stage + 2}.${i}`, channels[stage] as number, i === 0 ? 2 : 1);
    }
  });
  x = b.relu(b.norm(b.conv(x, 'conv5.0', channels[3]), 'conv5.1'));
  return b.model(x, (maps) => b.dense(b.means(maps), 'fc', b.classes));
}

/** 1,366,792 parameters: half the channels. */
export const shufflenetV2x05 = (options?: TorchvisionOptions): Model => shufflenet('x0_5', options);
/** 2,278,604 parameters. */
export const shufflenetV2 = (options?: TorchvisionOptions): Model => shufflenet('x1_0', options);
/** 3,503,624 parameters. */
export const shufflenetV2x15 = (options?: TorchvisionOptions): Model => shufflenet('x1_5', options);
/** 7,393,996 parameters: twice the channels. */
export const shufflenetV2x20 = (options?: TorchvisionOptions): Model => shufflenet('x2_0', options);
