// ResNet (He et al. 2015, arXiv 1512.03385) and ResNeXt (Xie et al. 2016, arXiv 1611.05431) in torchvision's form: no biases
// before batch norm, and the strides in the 3x3 convolutions.
import type { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { TorchBuilder, type TorchvisionOptions } from './build.js';

interface Plan {
  readonly depths: readonly [number, number, number, number];
  /** Two 3x3 convolutions instead of 1x1, 3x3 and 1x1. */
  readonly isBasic?: boolean;
  readonly groups?: number;
  /** Channels of each group for 64 of the stage. */
  readonly width?: number;
  /** Squeezes the channels of a block's end by this factor, to scale them (SE-ResNet). */
  readonly reduction?: number;
}

function block(
  b: TorchBuilder,
  x: SymbolicTensor,
  at: string,
  planes: number,
  strides: number,
  { isBasic = false, groups = 1, width = 64, reduction }: Plan,
): SymbolicTensor {
  const out = isBasic ? planes : 4 * planes;
  let inner: SymbolicTensor;
  if (isBasic) {
    inner = b.relu(b.norm(b.conv(x, `${at}.conv1`, planes, { kernel: 3, padding: 1, strides }), `${at}.bn1`));
    inner = b.norm(b.conv(inner, `${at}.conv2`, planes, { kernel: 3, padding: 1 }), `${at}.bn2`);
  } else {
    const middle = Math.floor((planes * width) / 64) * groups;
    inner = b.relu(b.norm(b.conv(x, `${at}.conv1`, middle), `${at}.bn1`));
    inner = b.conv(inner, `${at}.conv2`, middle, { kernel: 3, padding: 1, strides, groups });
    inner = b.relu(b.norm(inner, `${at}.bn2`));
    inner = b.norm(b.conv(inner, `${at}.conv3`, out), `${at}.bn3`);
  }
  if (reduction !== undefined) inner = b.excite(inner, `${at}.se`, out / reduction);
  const isSame = strides === 1 && x.shape.at(-1) === out;
  const shortcut = isSame ? x : b.norm(b.conv(x, `${at}.downsample.0`, out, { strides }), `${at}.downsample.1`);
  return b.relu(b.add([inner, shortcut]));
}

function resnet(name: string, plan: Plan, options: TorchvisionOptions = {}): Model {
  const b = new TorchBuilder(name, options);
  let x = b.relu(b.norm(b.conv(b.inputs, 'conv1', 64, { kernel: 7, strides: 2, padding: 3 }), 'bn1'));
  x = b.maxPool(x, 3, 2, 1);
  plan.depths.forEach((depth, stage) => {
    for (let i = 0; i < depth; i++) {
      x = block(b, x, `layer${stage + 1}.${i}`, 64 * 2 ** stage, i === 0 && stage > 0 ? 2 : 1, plan);
    }
  });
  return b.model(x, (maps) => b.dense(b.means(maps), 'fc', b.classes));
}

/** 11,689,512 parameters. */
export const resnet18 = (options?: TorchvisionOptions): Model =>
  resnet('resnet18', { depths: [2, 2, 2, 2], isBasic: true }, options);
/** 21,797,672 parameters. */
export const resnet34 = (options?: TorchvisionOptions): Model =>
  resnet('resnet34', { depths: [3, 4, 6, 3], isBasic: true }, options);
/** 25,557,032 parameters. */
export const resnet50 = (options?: TorchvisionOptions): Model => resnet('resnet50', { depths: [3, 4, 6, 3] }, options);
/** 44,549,160 parameters. */
export const resnet101 = (options?: TorchvisionOptions): Model =>
  resnet('resnet101', { depths: [3, 4, 23, 3] }, options);
/** 60,192,808 parameters. */
export const resnet152 = (options?: TorchvisionOptions): Model =>
  resnet('resnet152', { depths: [3, 8, 36, 3] }, options);
/** 25,028,904 parameters. */
export const resnext50 = (options?: TorchvisionOptions): Model =>
  resnet('resnext50_32x4d', { depths: [3, 4, 6, 3], groups: 32, width: 4 }, options);
/** 88,791,336 parameters. */
export const resnext101 = (options?: TorchvisionOptions): Model =>
  resnet('resnext101_32x8d', { depths: [3, 4, 23, 3], groups: 32, width: 8 }, options);
/** 68,883,240 parameters: ResNet-50 with twice the channels inside its blocks. */
export const wideResnet50 = (options?: TorchvisionOptions): Model =>
  resnet('wide_resnet50_2', { depths: [3, 4, 6, 3], width: 128 }, options);
/** 126,886,696 parameters: ResNet-101 with twice the channels inside its blocks. */
export const wideResnet101 = (options?: TorchvisionOptions): Model =>
  resnet('wide_resnet101_2', { depths: [3, 4, 23, 3], width: 128 }, options);
/** 83,455,272 parameters. */
export const resnext101w64 = (options?: TorchvisionOptions): Model =>
  resnet('resnext101_64x4d', { depths: [3, 4, 23, 3], groups: 64, width: 4 }, options);
/** 28,088,024 parameters: ResNet-50 whose blocks scale their channels (Hu et al. 2017, arXiv 1709.01507). */
export const seResnet50 = (options?: TorchvisionOptions): Model =>
  resnet('se_resnet50', { depths: [3, 4, 6, 3], reduction: 16 }, options);
/** 49,326,872 parameters. */
export const seResnet101 = (options?: TorchvisionOptions): Model =>
  resnet('se_resnet101', { depths: [3, 4, 23, 3], reduction: 16 }, options);
/** 66,821,848 parameters. */
export const seResnet152 = (options?: TorchvisionOptions): Model =>
  resnet('se_resnet152', { depths: [3, 8, 36, 3], reduction: 16 }, options);
/** 27,559,896 parameters: ResNeXt-50 whose blocks scale their channels. */
export const seResnext50 = (options?: TorchvisionOptions): Model =>
  resnet('se_resnext50_32x4d', { depths: [3, 4, 6, 3], groups: 32, width: 4, reduction: 16 }, options);
