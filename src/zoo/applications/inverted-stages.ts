// What networks of inverted residuals are made of, as their papers list it. Keras's applications and torchvision's forms, which
// name, pad and round in their own ways, are both made of these.

/** What blocks of one stage have in common. */
export interface Stage {
  /** Channels inside a block for one that comes in. */
  readonly expansion: number;
  readonly kernel: 3 | 5;
  /** Channels after each block, before scaling. */
  readonly channels: number;
  readonly blocks: number;
  /** Of the first block. */
  readonly strides: 1 | 2;
}

const stage = (
  expansion: number,
  kernel: Stage['kernel'],
  channels: number,
  blocks: number,
  strides: Stage['strides'],
): Stage => ({ expansion, kernel, channels, blocks, strides });

/** Table 2 of MobileNetV2's paper (arXiv 1801.04381). */
export const MOBILENET_V2: readonly Stage[] = [
  stage(1, 3, 16, 1, 1),
  stage(6, 3, 24, 2, 2),
  stage(6, 3, 32, 3, 2),
  stage(6, 3, 64, 4, 2),
  stage(6, 3, 96, 3, 1),
  stage(6, 3, 160, 3, 2),
  stage(6, 3, 320, 1, 1),
];

/** Table 1 of EfficientNet's paper (arXiv 1905.11946): B0. */
export const EFFICIENTNET: readonly Stage[] = [
  stage(1, 3, 16, 1, 1),
  stage(6, 3, 24, 2, 2),
  stage(6, 5, 40, 2, 2),
  stage(6, 3, 80, 3, 2),
  stage(6, 5, 112, 3, 1),
  stage(6, 5, 192, 4, 2),
  stage(6, 3, 320, 1, 1),
];

/** A block of MobileNetV3. */
export interface Block extends Omit<Stage, 'blocks'> {
  /** Whether it weighs its channels. */
  readonly weighs: boolean;
  /** Whether its activation is hard swish rather than ReLU. */
  readonly isHard: boolean;
}

const block = (
  expansion: number,
  kernel: Block['kernel'],
  channels: number,
  strides: Block['strides'],
  weighs: boolean,
  isHard: boolean,
): Block => ({ expansion, kernel, channels, strides, weighs, isHard });

/** Tables 1 and 2 of MobileNetV3's paper (arXiv 1905.02244), which give the channels inside. */
export const MOBILENET_V3_LARGE: readonly Block[] = [
  block(1, 3, 16, 1, false, false),
  block(4, 3, 24, 2, false, false),
  block(3, 3, 24, 1, false, false),
  block(3, 5, 40, 2, true, false),
  block(3, 5, 40, 1, true, false),
  block(3, 5, 40, 1, true, false),
  block(6, 3, 80, 2, false, true),
  block(2.5, 3, 80, 1, false, true),
  block(2.3, 3, 80, 1, false, true),
  block(2.3, 3, 80, 1, false, true),
  block(6, 3, 112, 1, true, true),
  block(6, 3, 112, 1, true, true),
  block(6, 5, 160, 2, true, true),
  block(6, 5, 160, 1, true, true),
  block(6, 5, 160, 1, true, true),
];
export const MOBILENET_V3_SMALL: readonly Block[] = [
  block(1, 3, 16, 2, true, false),
  block(72 / 16, 3, 24, 2, false, false),
  block(88 / 24, 3, 24, 1, false, false),
  block(4, 5, 40, 2, true, true),
  block(6, 5, 40, 1, true, true),
  block(6, 5, 40, 1, true, true),
  block(3, 5, 48, 1, true, true),
  block(3, 5, 48, 1, true, true),
  block(6, 5, 96, 2, true, true),
  block(6, 5, 96, 1, true, true),
  block(6, 5, 96, 1, true, true),
];
