// Networks of inverted residuals (narrow, wide and depthwise, narrow) in torchvision's form: MobileNetV2 (Sandler et al. 2018,
// arXiv 1801.04381), MobileNetV3 (Howard et al. 2019, arXiv 1905.02244), MNASNet (Tan et al. 2018, arXiv 1807.11626) and
// EfficientNet (Tan and Le 2019, arXiv 1905.11946).
import type { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { roundChannels } from '../applications/build.js';
import { scaleOf } from '../applications/efficientnet.js';
import { dropBlock } from '../applications/efficientnet-parts.js';
import {
  EFFICIENTNET,
  MOBILENET_V2,
  MOBILENET_V3_LARGE,
  MOBILENET_V3_SMALL,
  type Block as V3Block,
} from '../applications/inverted-stages.js';
import { type ActivationName, TorchBuilder, type TorchvisionOptions } from './build.js';

/** What a block is made of. */
interface Block {
  readonly kernel: number;
  readonly strides: number;
  /** Channels inside. */
  readonly wide: number;
  readonly out: number;
  readonly activation: ActivationName;
  readonly epsilon?: number;
  /** Channels of the squeeze, and its activations. */
  readonly squeezed?: number;
  readonly gates?: readonly [ActivationName, ActivationName];
  /** Share of pictures that skip it while training. */
  readonly dropRate?: number;
}

/** Widens, filters each channel, scales them, narrows; `at` counts the parts as PyTorch's Sequential does. */
function inverted(b: TorchBuilder, x: SymbolicTensor, at: string, block: Block): SymbolicTensor {
  const { kernel, strides, wide, out, activation, squeezed, gates, dropRate = 0 } = block;
  const epsilon = block.epsilon === undefined ? {} : { epsilon: block.epsilon };
  const channels = x.shape.at(-1) as number;
  let place = 0;
  let y = x;
  if (wide !== channels) y = b.convNorm(y, `${at}.${place++}`, wide, { activation, ...epsilon });
  y = b.convNorm(y, `${at}.${place++}`, wide, { kernel, strides, groups: wide, activation, ...epsilon });
  if (squeezed !== undefined) y = b.excite(y, `${at}.${place++}`, squeezed, gates);
  y = b.convNorm(y, `${at}.${place}`, out, { activation: null, ...epsilon });
  if (strides > 1 || channels !== out) return y;
  return b.add([x, dropRate > 0 ? dropBlock(`${at}.drop`, dropRate).apply(y) : y]);
}

/** 3,504,872 parameters. */
export function mobilenetV2(options: TorchvisionOptions = {}): Model {
  const b = new TorchBuilder('mobilenet_v2', options);
  const relu6 = { activation: 'relu6' } as const;
  let x = b.convNorm(b.inputs, 'features.0', 32, { kernel: 3, strides: 2, ...relu6 });
  let place = 1;
  for (const { expansion, channels: out, blocks, strides } of MOBILENET_V2) {
    for (let i = 0; i < blocks; i++) {
      const at = `features.${place++}.conv`;
      const channels = x.shape.at(-1) as number;
      const wide = expansion * channels;
      let y = x;
      let part = 0;
      if (expansion > 1) y = b.convNorm(y, `${at}.${part++}`, wide, relu6);
      const step = i === 0 ? strides : 1;
      y = b.convNorm(y, `${at}.${part++}`, wide, { kernel: 3, strides: step, groups: wide, ...relu6 });
      // The last convolution stands beside its batch norm, not in a part with it.
      y = b.convNorm(y, at, out, { activation: null, parts: [part, part + 1] });
      x = step === 1 && channels === out ? b.add([x, y]) : y;
    }
  }
  x = b.convNorm(x, `features.${place}`, 1280, relu6);
  return b.model(x, (maps) => b.dense(b.dropout(b.means(maps), 0.2), 'classifier.1', b.classes));
}

function mobilenetV3(
  name: string,
  blocks: readonly V3Block[],
  hidden: number,
  options: TorchvisionOptions = {},
): Model {
  const b = new TorchBuilder(name, options);
  const unit = { activation: 'hardSilu', epsilon: 1e-3 } as const;
  let x = b.convNorm(b.inputs, 'features.0', 16, { kernel: 3, strides: 2, ...unit });
  blocks.forEach(({ expansion, kernel, channels, strides, weighs, isHard }, i) => {
    const wide = roundChannels((x.shape.at(-1) as number) * expansion);
    x = inverted(b, x, `features.${i + 1}.block`, {
      kernel,
      wide,
      out: channels,
      strides,
      activation: isHard ? 'hardSilu' : 'relu',
      epsilon: 1e-3,
      ...(weighs ? { squeezed: roundChannels(Math.floor(wide / 4)), gates: ['relu', 'hardSigmoid'] as const } : {}),
    });
  });
  x = b.convNorm(x, `features.${blocks.length + 1}`, 6 * (x.shape.at(-1) as number), unit);
  return b.model(x, (maps) => {
    const y = b.activate(b.dense(b.means(maps), 'classifier.0', hidden), 'hardSilu');
    return b.dense(b.dropout(y, 0.2), 'classifier.3', b.classes);
  });
}

/** 5,483,032 parameters. */
export const mobilenetV3Large = (options?: TorchvisionOptions): Model =>
  mobilenetV3('mobilenet_v3_large', MOBILENET_V3_LARGE, 1280, options);
/** 2,542,856 parameters. */
export const mobilenetV3Small = (options?: TorchvisionOptions): Model =>
  mobilenetV3('mobilenet_v3_small', MOBILENET_V3_SMALL, 1024, options);

/** Kernel, strides, expansion and blocks; channels before scaling are in MNAS_CHANNELS. */
const MNAS_STAGES = [
  [3, 2, 3, 3],
  [5, 2, 3, 3],
  [5, 2, 6, 3],
  [3, 1, 6, 2],
  [5, 2, 6, 4],
  [3, 1, 6, 1],
] as const;
const MNAS_CHANNELS = [32, 16, 24, 40, 80, 96, 192, 320];

function mnasnet(name: string, alpha: number, options: TorchvisionOptions = {}): Model {
  const b = new TorchBuilder(name, options);
  const [first, second, ...rest] = MNAS_CHANNELS.map((each) => roundChannels(each * alpha)) as [
    number,
    number,
    ...number[],
  ];
  const unit = (x: SymbolicTensor, at: string, place: number, filters: number, more: object): SymbolicTensor =>
    b.convNorm(x, at, filters, { parts: [place, place + 1], ...more });
  let x = unit(b.inputs, 'layers', 0, first, { kernel: 3, strides: 2 });
  x = unit(x, 'layers', 3, first, { kernel: 3, groups: first });
  x = unit(x, 'layers', 6, second, { activation: null });
  MNAS_STAGES.forEach(([kernel, strides, expansion, count], stage) => {
    const out = rest[stage] as number;
    for (let i = 0; i < count; i++) {
      const at = `layers.${stage + 8}.${i}.layers`;
      const channels = x.shape.at(-1) as number;
      const wide = channels * expansion;
      let y = unit(x, at, 0, wide, {});
      y = unit(y, at, 3, wide, { kernel, strides: i === 0 ? strides : 1, groups: wide });
      y = unit(y, at, 6, out, { activation: null });
      // The first has no way around, whatever its channels.
      x = i === 0 ? y : b.add([y, x]);
    }
  });
  x = unit(x, 'layers', 14, 1280, {});
  return b.model(x, (maps) => b.dense(b.dropout(b.means(maps), 0.2), 'classifier.1', b.classes));
}

/** 2,218,512 parameters. */
export const mnasnet05 = (options?: TorchvisionOptions): Model => mnasnet('mnasnet0_5', 0.5, options);
/** 3,170,208 parameters. */
export const mnasnet075 = (options?: TorchvisionOptions): Model => mnasnet('mnasnet0_75', 0.75, options);
/** 4,383,312 parameters. */
export const mnasnet10 = (options?: TorchvisionOptions): Model => mnasnet('mnasnet1_0', 1, options);
/** 6,282,256 parameters. */
export const mnasnet13 = (options?: TorchvisionOptions): Model => mnasnet('mnasnet1_3', 1.3, options);

/** Share of blocks that are skipped while training, at the last one. */
const SKIPPED = 0.2;

function efficientnet(phi: number, options: TorchvisionOptions = {}): Model {
  const { width, depth, size, dropout } = scaleOf(phi);
  const b = new TorchBuilder(`efficientnet_b${phi}`, options, size);
  const epsilon = phi < 5 ? {} : { epsilon: 1e-3 };
  const unit = { activation: 'silu', ...epsilon } as const;
  const channelsOf = (channels: number): number => roundChannels(channels * width);
  const countOf = (count: number): number => Math.ceil(count * depth);
  let x = b.convNorm(b.inputs, 'features.0', channelsOf(32), { kernel: 3, strides: 2, ...unit });
  const total = EFFICIENTNET.reduce((sum, { blocks }) => sum + countOf(blocks), 0);
  let done = 0;
  EFFICIENTNET.forEach(({ expansion, kernel, channels: out, blocks, strides }, stage) => {
    for (let i = 0; i < countOf(blocks); i++) {
      const channels = x.shape.at(-1) as number;
      x = inverted(b, x, `features.${stage + 1}.${i}.block`, {
        kernel,
        strides: i === 0 ? strides : 1,
        wide: roundChannels(channels * expansion),
        out: channelsOf(out),
        squeezed: Math.max(1, Math.floor(channels / 4)),
        gates: ['silu', 'sigmoid'],
        dropRate: (SKIPPED * done++) / total,
        ...unit,
      });
    }
  });
  x = b.convNorm(x, 'features.8', 4 * (x.shape.at(-1) as number), unit);
  return b.model(x, (maps) => b.dense(b.dropout(b.means(maps), dropout), 'classifier.1', b.classes));
}

/** 5,288,548 parameters. */
export const efficientnetB0 = (options?: TorchvisionOptions): Model => efficientnet(0, options);
/** 7,794,184 parameters. */
export const efficientnetB1 = (options?: TorchvisionOptions): Model => efficientnet(1, options);
/** 9,109,994 parameters. */
export const efficientnetB2 = (options?: TorchvisionOptions): Model => efficientnet(2, options);
/** 12,233,232 parameters. */
export const efficientnetB3 = (options?: TorchvisionOptions): Model => efficientnet(3, options);
/** 19,341,616 parameters. */
export const efficientnetB4 = (options?: TorchvisionOptions): Model => efficientnet(4, options);
/** 30,389,784 parameters. */
export const efficientnetB5 = (options?: TorchvisionOptions): Model => efficientnet(5, options);
/** 43,040,704 parameters. */
export const efficientnetB6 = (options?: TorchvisionOptions): Model => efficientnet(6, options);
/** 66,347,960 parameters. */
export const efficientnetB7 = (options?: TorchvisionOptions): Model => efficientnet(7, options);
