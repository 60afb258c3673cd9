// Windows of convolutions and pools by ONNX's attributes: kernel, strides, dilations, pads, for any number of axes.
import { FoveaError } from '../../core/errors.js';
import type { Shape } from '../../core/shape.js';
import type { Attributes } from './attributes.js';

/** One entry per spatial axis. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Cells before and after every axis; undefined where they follow from the input's size (`SAME_UPPER`, `SAME_LOWER`). */
  readonly pads: readonly (readonly [number, number])[] | undefined;
  readonly isLower: boolean;
}

/** Reads the attributes for `axes` spatial axes; `kernel` where the filter says it. Throws `format` for zeros and wrong counts. */
export function windowOf(node: Attributes, axes: number, kernel = node.ints('kernel_shape')): Window {
  const bad = (name: string, values: readonly number[]): FoveaError =>
    new FoveaError({
      code: 'format',
      op: node.node.opType,
      message: `${name} ${values.join(', ')} is not valid for ${axes} axes: whole numbers of at least ${name === 'pads' ? 0 : 1} are wanted.`,
      got: values,
    });
  const checked = (name: string, values: readonly number[], count: number, least: number): readonly number[] => {
    if (values.length === count && values.every((each) => Number.isInteger(each) && each >= least && each < 2 ** 24))
      return values;
    throw bad(name, values);
  };
  const ones = Array<number>(axes).fill(1);
  const size = checked('kernel_shape', kernel ?? [], axes, 1);
  const strides = checked('strides', node.ints('strides') ?? ones, axes, 1);
  const dilations = checked('dilations', node.ints('dilations') ?? ones, axes, 1);
  const auto = node.text('auto_pad', 'NOTSET');
  const isAuto = auto === 'SAME_UPPER' || auto === 'SAME_LOWER';
  const pads = checked(
    'pads',
    auto === 'NOTSET' ? (node.ints('pads') ?? Array<number>(2 * axes).fill(0)) : Array<number>(2 * axes).fill(0),
    2 * axes,
    0,
  );
  return {
    kernel: size,
    strides,
    dilations,
    pads: isAuto ? undefined : size.map((_, i) => [pads[i] as number, pads[i + axes] as number]),
    isLower: auto === 'SAME_LOWER',
  };
}

/** Pads as numbers for an input of these sizes. */
export function padsFor(
  { kernel, strides, dilations, pads, isLower }: Window,
  sizes: Shape,
): readonly (readonly [number, number])[] {
  if (pads !== undefined) return pads;
  return sizes.map((size, i) => {
    const [stride, span] = [strides[i] as number, ((kernel[i] as number) - 1) * (dilations[i] as number) + 1];
    const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + span - size);
    const small = Math.floor(total / 2);
    return isLower ? [total - small, small] : [small, total - small];
  });
}
