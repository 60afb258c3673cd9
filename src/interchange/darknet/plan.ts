// A .cfg as steps with their sizes, before anything is made: what does not fit is refused here, with the line of the file.
import { FoveaError } from '../../core/errors.js';
import type { DarknetConfig, DarknetSection } from '../../formats/darknet.js';

/** Rows, columns and channels of a map. */
export type MapSize = readonly [height: number, width: number, channels: number];

/** What each kind of section becomes. `from` counts sections; -1 is the input. */
export type DarknetStep = {
  readonly section: DarknetSection;
  readonly from: readonly number[];
  readonly size: MapSize;
} & (
  | {
      readonly kind: 'convolution';
      readonly filters: number;
      readonly kernel: number;
      readonly strides: readonly [number, number];
      readonly padding: number;
      readonly dilation: number;
      readonly groups: number;
      readonly hasNorm: boolean;
      readonly activation: string;
    }
  | { readonly kind: 'dense'; readonly units: number; readonly hasNorm: boolean; readonly activation: string }
  | {
      readonly kind: 'maxpool';
      readonly window: number;
      readonly strides: readonly [number, number];
      /** Cells before and after, together. */
      readonly padding: number;
    }
  | { readonly kind: 'average' }
  | { readonly kind: 'route'; readonly range: readonly [number, number] | undefined }
  | { readonly kind: 'shortcut'; readonly activation: string }
  | { readonly kind: 'scale' }
  | { readonly kind: 'upsample'; readonly stride: number; readonly scale: number }
  | { readonly kind: 'reorg'; readonly stride: number }
  | { readonly kind: 'dropout'; readonly rate: number }
  | { readonly kind: 'activation'; readonly activation: string }
  | { readonly kind: 'softmax'; readonly groups: number; readonly temperature: number }
  | { readonly kind: 'head'; readonly settings: Readonly<Record<string, unknown>> }
  | { readonly kind: 'nothing' }
);

export interface DarknetPlan {
  readonly input: MapSize;
  readonly steps: readonly DarknetStep[];
  /** Numbers that the weights file must hold. */
  readonly floats: number;
}

/** Activations by Darknet's names. */
export const DARKNET_ACTIVATIONS = [
  'linear',
  'leaky',
  'relu',
  'relu6',
  'logistic',
  'mish',
  'swish',
  'tanh',
  'elu',
  'selu',
] as const;

const MAX_FLOATS = 2 ** 31;
const MAX_CELLS = 2 ** 31;

/** Checks a network's description and counts its numbers. */
export function planDarknet({ net, layers }: DarknetConfig): DarknetPlan {
  const input: MapSize = [
    net.whole('height', 0, 1, 1 << 16),
    net.whole('width', 0, 1, 1 << 16),
    net.whole('channels', 3, 1, 1 << 16),
  ];
  const steps: DarknetStep[] = [];
  let floats = 0;
  for (const section of layers) {
    const planner = new Planner(section, input, steps);
    const step = planner.plan();
    floats += planner.floats;
    const [height, width, channels] = step.size;
    if (Math.min(height, width, channels) < 1)
      throw section.error(`nothing is left of a map of ${planner.before.join('x')}`);
    if (height * width * channels > MAX_CELLS || floats > MAX_FLOATS)
      throw section.error(`a map of ${step.size.join('x')} with ${floats} weights so far is refused: it is too large`);
    steps.push(step);
  }
  if (steps.length === 0) throw net.error('the network has no layers');
  return { input, steps, floats };
}

class Planner {
  floats = 0;
  /** The map that the section works on. */
  readonly before: MapSize;

  constructor(
    private readonly section: DarknetSection,
    private readonly input: MapSize,
    private readonly steps: readonly DarknetStep[],
  ) {
    this.before = this.sizeOf(steps.length - 1);
  }

  plan(): DarknetStep {
    const { section, before } = this;
    const base = { section, from: [section.index - 1], size: before };
    switch (section.type) {
      case 'convolutional':
      case 'conv':
        return this.convolution();
      case 'connected':
      case 'conn':
        return this.dense();
      case 'maxpool':
      case 'max':
        return this.maxpool();
      case 'avgpool':
      case 'avg':
        return { ...base, kind: 'average', size: [1, 1, before[2]] };
      case 'route':
        return this.route();
      case 'shortcut':
        return this.shortcut();
      case 'scale_channels':
        return this.scaled();
      case 'upsample':
        return this.upsample();
      case 'reorg':
        return this.reorg();
      case 'dropout':
        return { ...base, kind: 'dropout', rate: Math.min(0.999, Math.max(0, section.number('probability', 0.5))) };
      case 'activation':
        return { ...base, kind: 'activation', activation: this.activation('linear') };
      case 'softmax':
      case 'soft':
        return this.softmax();
      case 'yolo':
      case 'region':
      case 'detection':
      case 'gaussian_yolo':
        return { ...base, kind: 'head', settings: headSettings(section) };
      case 'cost':
        return { ...base, kind: 'nothing' };
      default:
        throw new FoveaError({
          code: 'unsupported',
          op: 'loadDarknet',
          message: `layers [${section.type}] of Darknet are not known.`,
          got: section.type,
          path: `${section.file}: line ${section.line}`,
        });
    }
  }

  private sizeOf(index: number): MapSize {
    return index < 0 ? this.input : (this.steps[index] as DarknetStep).size;
  }

  private base() {
    return { section: this.section, from: [this.section.index - 1] };
  }

  private activation(fallback: string): string {
    const name = this.section.text('activation', fallback);
    if ((DARKNET_ACTIVATIONS as readonly string[]).includes(name)) return name;
    throw new FoveaError({
      code: 'unsupported',
      op: 'loadDarknet',
      message: `the activation '${name.slice(0, 40)}' of Darknet is not known.`,
      got: name,
      want: DARKNET_ACTIVATIONS,
      path: `${this.section.file}: line ${this.section.line}`,
    });
  }

  /** Refuses options that would change the result. */
  private refuse(...names: string[]): void {
    for (const name of names) {
      if (this.section.number(name, 0) !== 0)
        throw this.section.error(`${name}=${this.section.text(name, '')} is not supported`);
    }
  }

  private strides(fallback: number): [number, number] {
    const stride = this.section.whole('stride', fallback, 1);
    return [this.section.whole('stride_y', stride, 1), this.section.whole('stride_x', stride, 1)];
  }

  private convolution(): DarknetStep {
    const { section } = this;
    const [height, width, channels] = this.before;
    this.refuse('binary', 'xnor', 'flipped', 'antialiasing', 'deform', 'share_index', 'assisted_excitation');
    const filters = section.whole('filters', 1, 1);
    const kernel = section.whole('size', 1, 1, 1024);
    const groups = section.whole('groups', 1, 1);
    const dilation = section.whole('dilation', 1, 1, 1024);
    const isPadded = section.number('pad', 0) !== 0;
    const padding = (isPadded ? Math.floor(kernel / 2) : section.whole('padding', 0, 0, 1024)) * dilation;
    const strides = this.strides(1);
    if (channels % groups !== 0 || filters % groups !== 0)
      throw section.error(`groups=${groups} must divide its ${channels} channels and ${filters} filters`);
    const hasNorm = section.number('batch_normalize', 0) !== 0;
    const span = dilation * (kernel - 1) + 1;
    const over = (size: number, stride: number): number => Math.floor((size + 2 * padding - span) / stride) + 1;
    this.floats = filters * (hasNorm ? 4 : 1) + filters * (channels / groups) * kernel * kernel;
    const size: MapSize = [over(height, strides[0]), over(width, strides[1]), filters];
    const activation = this.activation('logistic');
    return {
      ...this.base(),
      kind: 'convolution',
      size,
      filters,
      kernel,
      strides,
      padding,
      dilation,
      groups,
      hasNorm,
      activation,
    };
  }

  private dense(): DarknetStep {
    const [height, width, channels] = this.before;
    const units = this.section.whole('output', 1, 1);
    const hasNorm = this.section.number('batch_normalize', 0) !== 0;
    this.floats = units * (hasNorm ? 4 : 1) + height * width * channels * units;
    return {
      ...this.base(),
      kind: 'dense',
      size: [1, 1, units],
      units,
      hasNorm,
      activation: this.activation('logistic'),
    };
  }

  private maxpool(): DarknetStep {
    const { section } = this;
    const [height, width, channels] = this.before;
    this.refuse('maxpool_depth', 'antialiasing');
    const strides = this.strides(1);
    const window = section.whole('size', strides[0], 1, 1024);
    const padding = section.whole('padding', window - 1, 0, 2 * (window - 1));
    const over = (size: number, stride: number): number => Math.floor((size + padding - window) / stride) + 1;
    const size: MapSize = [over(height, strides[0]), over(width, strides[1]), channels];
    return { ...this.base(), kind: 'maxpool', size, window, strides, padding };
  }

  /** The section that a number points at: counted back from here where negative. */
  private target(given: number): number {
    const { section } = this;
    const index = given < 0 ? section.index + given : given;
    if (!Number.isInteger(given) || index < -1 || index >= section.index || (given >= 0 && index < 0))
      throw section.error(`layer ${given} is not before it`);
    return index;
  }

  private route(): DarknetStep {
    const { section } = this;
    const from = section.numbers('layers').map((each) => this.target(each));
    if (from.length === 0 || from.length > 256) throw section.error('it needs layers');
    const sizes = from.map((index) => this.sizeOf(index));
    const [height, width] = sizes[0] as MapSize;
    if (sizes.some((size) => size[0] !== height || size[1] !== width))
      throw section.error(`maps of ${sizes.map((size) => size.join('x')).join(' and ')} cannot be joined`);
    const groups = section.whole('groups', 1, 1);
    const group = section.whole('group_id', 0);
    if (groups === 1) {
      const channels = sizes.reduce((sum, size) => sum + size[2], 0);
      return { section, from, kind: 'route', size: [height, width, channels], range: undefined };
    }
    // Each map gives its part; several are rare and would interleave.
    const [only] = sizes as [MapSize];
    if (sizes.length > 1 || only[2] % groups !== 0 || group >= groups)
      throw section.error(
        `group ${group} of ${groups} cannot be taken of ${sizes.map((size) => size[2]).join(' and ')} channels`,
      );
    const part = only[2] / groups;
    return { section, from, kind: 'route', size: [height, width, part], range: [group * part, (group + 1) * part] };
  }

  private shortcut(): DarknetStep {
    const { section, before } = this;
    const weights = section.text('weights_type', 'none');
    if (weights !== 'none') throw section.error(`weights_type=${weights.slice(0, 40)} is not supported`);
    const others = section.numbers('from').map((each) => this.target(each));
    if (others.length === 0 || others.length > 256) throw section.error('it needs from');
    for (const index of others) {
      const size = this.sizeOf(index);
      if (size.some((dim, axis) => dim !== before[axis]))
        throw section.error(`maps of ${before.join('x')} and ${size.join('x')} cannot be added`);
    }
    const from = [section.index - 1, ...others];
    return { section, from, kind: 'shortcut', size: before, activation: this.activation('linear') };
  }

  /** A vector of factors, one for each channel, times an earlier map. */
  private scaled(): DarknetStep {
    const { section, before } = this;
    const [index] = section.numbers('from').map((each) => this.target(each));
    if (index === undefined) throw section.error('it needs from');
    this.refuse('scale_wh');
    const size = this.sizeOf(index);
    if (before[0] !== 1 || before[1] !== 1 || before[2] !== size[2])
      throw section.error(`a map of ${before.join('x')} is no factor for each channel of ${size.join('x')}`);
    return { section, from: [section.index - 1, index], kind: 'scale', size };
  }

  private upsample(): DarknetStep {
    const stride = this.section.whole('stride', 2, 1, 64);
    const [height, width, channels] = this.before;
    const size: MapSize = [height * stride, width * stride, channels];
    return { ...this.base(), kind: 'upsample', size, stride, scale: this.section.number('scale', 1) };
  }

  private reorg(): DarknetStep {
    this.refuse('reverse', 'flatten', 'extra');
    const stride = this.section.whole('stride', 1, 1, 64);
    const [height, width, channels] = this.before;
    if (height % stride !== 0 || width % stride !== 0 || channels % (stride * stride) !== 0)
      throw this.section.error(`a map of ${this.before.join('x')} cannot be reordered by stride ${stride}`);
    return {
      ...this.base(),
      kind: 'reorg',
      size: [height / stride, width / stride, channels * stride * stride],
      stride,
    };
  }

  private softmax(): DarknetStep {
    const { section, before } = this;
    if (section.has('tree')) throw section.error('tree is not supported');
    const groups = section.whole('groups', 1, 1);
    const count = before[0] * before[1] * before[2];
    if (count % groups !== 0) throw section.error(`groups=${groups} must divide its ${count} values`);
    const temperature = section.number('temperature', 1);
    if (!(temperature > 0)) throw section.error('temperature must be above 0');
    return { ...this.base(), kind: 'softmax', size: [1, 1, count], groups, temperature };
  }
}

/** Numbers as numbers, lists as lists, anchors in pairs. */
function headSettings(section: DarknetSection): Record<string, unknown> {
  const settings: Record<string, unknown> = { type: section.type };
  for (const [name, text] of section.options) {
    if (name === 'type') continue;
    const values = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
    const isNumbers = values.length <= 4096 && values.every(Number.isFinite);
    if (!isNumbers) settings[name] = text.slice(0, 1000);
    else if (name === 'anchors')
      settings.anchors = values.flatMap((_, i) => (i % 2 === 0 ? [values.slice(i, i + 2)] : []));
    else settings[name] = values.length === 1 && name !== 'mask' ? values[0] : values;
  }
  return settings;
}
