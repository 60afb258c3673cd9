// What may be done to pictures on their way in, described as data, so that it can be sent to a worker: decoding, resizing,
// cutting, mirroring, colours. Checked when a stream is built, not when its first picture arrives.
import { FoveaError } from '../core/errors.js';
import type { ResizeMethod } from './resize.js';

/** `[height, width]`, or one number for a square. */
export type PictureSize = number | readonly [height: number, width: number];

/** How a picture of another aspect ratio becomes the size asked for: stretched, its middle, or whole with borders. */
export type Fit = 'stretch' | 'crop' | 'pad';

/** One thing to do to every picture `[height, width, channels]`. Random ones draw anew for each picture and pass. */
export type PictureStep =
  /** A file's bytes (rank 1) become a picture; what is one already stays. Default 3 channels, turned upright. */
  | { readonly op: 'decode'; readonly channels?: 1 | 3 | 4; readonly applyOrientation?: boolean }
  /** `fillValue` (default 0) fills the borders of `fit: 'pad'`. Default `stretch` and `bilinear`. */
  | {
      readonly op: 'resize';
      readonly size: PictureSize;
      readonly method?: ResizeMethod;
      readonly fit?: Fit;
      readonly fillValue?: number;
    }
  /** The middle; throws for a smaller picture. */
  | { readonly op: 'centerCrop'; readonly size: PictureSize }
  | { readonly op: 'randomCrop'; readonly size: PictureSize }
  /** A part of `scale` (default 0.08 to 1) of the area and an aspect ratio of `ratio` (3/4 to 4/3), resized. */
  | {
      readonly op: 'randomResizedCrop';
      readonly size: PictureSize;
      readonly scale?: readonly [number, number];
      readonly ratio?: readonly [number, number];
      readonly method?: ResizeMethod;
    }
  /** Default horizontal; each direction with probability `probability` (default 0.5). */
  | {
      readonly op: 'randomFlip';
      readonly mode?: 'horizontal' | 'vertical' | 'horizontalAndVertical';
      readonly probability?: number;
    }
  /** Adds up to `factor` times the value range (255 for bytes, 1 for floats) either way, and clips. */
  | { readonly op: 'randomBrightness'; readonly factor: number }
  /** Moves values towards or away from the picture's mean by up to `factor`, and clips. */
  | { readonly op: 'randomContrast'; readonly factor: number }
  /** `x * scale + offset` as float32; default 1/255 and 0. */
  | { readonly op: 'rescale'; readonly scale?: number; readonly offset?: number }
  /** `(x - mean) / std` as float32, one number or one per channel, in the units of x. */
  | { readonly op: 'normalize'; readonly mean: number | readonly number[]; readonly std: number | readonly number[] };

/** A function in a module of its own, for the workers: closures cannot be sent to them. */
export interface WorkerFunction {
  /** An absolute path or address; as a rule `new URL('./prepare.js', import.meta.url)`. */
  readonly module: string | URL;
  /** The exported function `(example, context) => example`; default `default`. */
  readonly name?: string;
  /** Given to it as `context.options`; must be plain data. */
  readonly options?: unknown;
}

/** What a worker's function is told beside the example. */
export interface WorkerContext {
  /** The number of the pass and of the element in it. */
  readonly pass: number;
  readonly index: number;
  /** Where the picture came from, if it has a name. */
  readonly path: string | undefined;
  readonly options: unknown;
  /** The next number in [0, 1) of this element in this pass, the same in every worker. */
  random(): number;
}

/** A part of the work on each element, as it is sent to workers. `draws` numbers the random stages. */
export interface Stage {
  readonly steps?: readonly PictureStep[];
  readonly call?: { readonly module: string; readonly name: string; readonly options: unknown };
  readonly seed: number;
  /** Whether boxes `[n, 4 or more]` in y move along with the picture. */
  readonly boxes: boolean;
  /** Which of an element's draws is this stage's; -1 where it draws none. */
  readonly draw: number;
}

export function sizeOfPicture(size: PictureSize): readonly [height: number, width: number] {
  return typeof size === 'number' ? [size, size] : size;
}

/** Whether a step draws random numbers. */
export function isRandom(step: PictureStep): boolean {
  return step.op.startsWith('random');
}

const STEP_NAMES: readonly PictureStep['op'][] = [
  'decode',
  'resize',
  'centerCrop',
  'randomCrop',
  'randomResizedCrop',
  'randomFlip',
  'randomBrightness',
  'randomContrast',
  'rescale',
  'normalize',
];

/** Throws `argument` for a step that no picture could take. */
export function checkSteps(steps: readonly PictureStep[]): void {
  for (const [at, step] of steps.entries()) {
    const refuse = (name: string, got: unknown, hint: string): never => {
      throw new FoveaError({
        code: 'argument',
        op: 'map',
        message: `step ${at} (${String(step.op)}): ${name} is ${JSON.stringify(got) ?? String(got)}.`,
        got,
        hint,
      });
    };
    if (!STEP_NAMES.includes(step.op)) refuse('op', step.op, `Use ${STEP_NAMES.join(', ')}.`);
    if ('size' in step) {
      const [height, width] = sizeOfPicture(step.size);
      if (!(Number.isInteger(height) && Number.isInteger(width) && height > 0 && width > 0)) {
        refuse('size', step.size, 'Give height and width as whole numbers from 1.');
      }
    }
    if ('factor' in step && !(step.factor >= 0 && step.factor <= 1)) {
      refuse('factor', step.factor, 'Give a number from 0 to 1.');
    }
    if ('probability' in step && !((step.probability ?? 0.5) >= 0 && (step.probability ?? 0.5) <= 1)) {
      refuse('probability', step.probability, 'Give a number from 0 to 1.');
    }
    if (step.op === 'randomResizedCrop') {
      for (const [name, range] of [
        ['scale', step.scale],
        ['ratio', step.ratio],
      ] as const) {
        if (range !== undefined && !(range[0] > 0 && range[0] <= range[1] && (name === 'ratio' || range[1] <= 1))) {
          refuse(name, range, name === 'scale' ? 'Give [least, most] within 0 and 1.' : 'Give [least, most] above 0.');
        }
      }
    }
    if (step.op === 'normalize' && [step.std].flat().some((std) => !(std > 0))) {
      refuse('std', step.std, 'Give deviations above 0.');
    }
  }
}
