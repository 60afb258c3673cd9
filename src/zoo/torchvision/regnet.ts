// RegNet (Radosavovic et al. 2020, arXiv 2003.13678) in torchvision's form: residual blocks of grouped convolutions whose
// widths grow along a line; those of kind Y scale their channels, too.
import type { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { TorchBuilder, type TorchvisionOptions } from './build.js';

/** What the widths of all blocks follow from. */
interface Plan {
  readonly depth: number;
  /** Width of the first block, how it grows from block to block, and the factor between stages. */
  readonly first: number;
  readonly slope: number;
  readonly factor: number;
  /** Channels of each group. */
  readonly group: number;
}

const STEM = 32;
const QUANTUM = 8;

interface Stage {
  readonly width: number;
  readonly depth: number;
  readonly group: number;
}

/** To the nearest whole number, halves to the even one. */
function roundEven(value: number): number {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

/** Blocks of one width are a stage; the line is followed in steps of the factor. */
function stagesOf({ depth, first, slope, factor, group }: Plan): Stage[] {
  const widths = Array.from({ length: depth }, (_, block) => {
    const step = roundEven(Math.log((block * slope + first) / first) / Math.log(factor));
    return roundEven((first * factor ** step) / QUANTUM) * QUANTUM;
  });
  return [...new Set(widths)].map((width) => {
    const ownGroup = Math.min(group, width);
    return {
      width: wholeGroups(width, ownGroup),
      depth: widths.filter((each) => each === width).length,
      group: ownGroup,
    };
  });
}

/** A width of whole groups, never more than a tenth below. */
function wholeGroups(width: number, group: number): number {
  const nearest = Math.max(group, Math.floor((width + group / 2) / group) * group);
  return nearest < 0.9 * width ? nearest + group : nearest;
}

function block(
  b: TorchBuilder,
  x: SymbolicTensor,
  at: string,
  { width, group, strides, isY }: { width: number; group: number; strides: number; isY: boolean },
): SymbolicTensor {
  const channels = x.shape.at(-1) as number;
  const isSame = channels === width && strides === 1;
  const shortcut = isSame ? x : b.convNorm(x, `${at}.proj`, width, { strides, activation: null });
  let y = b.convNorm(x, `${at}.f.a`, width);
  y = b.convNorm(y, `${at}.f.b`, width, { kernel: 3, strides, groups: width / group });
  if (isY) y = b.excite(y, `${at}.f.se`, roundEven(channels / 4));
  y = b.convNorm(y, `${at}.f.c`, width, { activation: null });
  return b.relu(b.add([shortcut, y]));
}

function regnet(kind: 'x' | 'y', size: string, plan: Plan, options: TorchvisionOptions = {}): Model {
  const b = new TorchBuilder(`regnet_${kind}_${size}`, options);
  let x = b.convNorm(b.inputs, 'stem', STEM, { kernel: 3, strides: 2 });
  stagesOf(plan).forEach(({ width, depth, group }, stage) => {
    for (let i = 0; i < depth; i++) {
      const at = `trunk_output.block${stage + 1}.block${stage + 1}-${i}`;
      x = block(b, x, at, { width, group, strides: i === 0 ? 2 : 1, isY: kind === 'y' });
    }
  });
  return b.model(x, (maps) => b.dense(b.means(maps), 'fc', b.classes));
}

type Row = readonly [depth: number, first: number, slope: number, factor: number, group: number];

const make =
  (kind: 'x' | 'y', size: string, [depth, first, slope, factor, group]: Row) =>
  (options?: TorchvisionOptions): Model =>
    regnet(kind, size, { depth, first, slope, factor, group }, options);

/** 4,344,144 parameters. */
export const regnetY400MF: (options?: TorchvisionOptions) => Model = /* @__PURE__ */ make(
  'y',
  '400mf',
  [16, 48, 27.89, 2.09, 8],
);
/** 6,432,512 parameters. */
export const regnetY800MF: (options?: TorchvisionOptions) => Model = /* @__PURE__ */ make(
  'y',
  '800mf',
  [14, 56, 38.84, 2.4, 16],
);
/** 11,202,430 parameters. */
export const regnetY1600MF: (options?: TorchvisionOptions) => Model = /* @__PURE__ */ make(
  'y',
  '1_6gf',
  [27, 48, 20.71, 2.65, 24],
);
/** 19,436,338 parameters. */
export const regnetY3200MF: (options?: TorchvisionOptions) => Model = /* @__PURE__ */ make(
  'y',
  '3_2gf',
  [21, 80, 42.63, 2.66, 24],
);
/** 39,381,472 parameters. */
export const regnetY8GF: (options?: TorchvisionOptions) => Model = /* @__PURE__ */ make(
  'y',
  '8gf',
  [17, 192, 76.82, 2.19, 56],
);
/** 83,590,140 parameters. */
export const regnetY16GF: (options?: TorchvisionOptions) => Model = /* @__PURE__ */ make(
  'y',
  '16gf',
  [18, 200, 106.23, 2.48, 112],
);
/** 5,495,976 parameters. */
export const regnetX400MF: (options?: TorchvisionOptions) => Model = /* @__PURE__ */ make(
  'x',
  '400mf',
  [22, 24, 24.48, 2.54, 16],
);
/** 7,259,656 parameters. */
export const regnetX800MF: (options?: TorchvisionOptions) => Model = /* @__PURE__ */ make(
  'x',
  '800mf',
  [16, 56, 35.73, 2.28, 16],
);
/** 9,190,136 parameters. */
export const regnetX1600MF: (options?: TorchvisionOptions) => Model = /* @__PURE__ */ make(
  'x',
  '1_6gf',
  [18, 80, 34.01, 2.25, 24],
);
/** 15,296,552 parameters. */
export const regnetX3200MF: (options?: TorchvisionOptions) => Model = /* @__PURE__ */ make(
  'x',
  '3_2gf',
  [25, 88, 26.31, 2.25, 48],
);
/** 39,572,648 parameters. */
export const regnetX8GF: (options?: TorchvisionOptions) => Model = /* @__PURE__ */ make(
  'x',
  '8gf',
  [23, 80, 49.56, 2.88, 120],
);
/** 54,278,536 parameters. */
export const regnetX16GF: (options?: TorchvisionOptions) => Model = /* @__PURE__ */ make(
  'x',
  '16gf',
  [22, 216, 55.59, 2.1, 128],
);
