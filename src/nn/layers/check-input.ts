// Errors about a layer's input in the user's terms: what the layer expects, what it got, and what to do.
import { FoveaError } from '../../core/errors.js';
import { formatShape, type Shape } from '../../core/shape.js';
import type { DataFormat } from '../../ops/window.js';
import type { Layer } from '../layer.js';
import type { PartialShape } from '../symbolic.js';

const INNER_AXES = [[], ['length'], ['height', 'width'], ['depth', 'height', 'width']] as const;

/** The order of the axes of sequences (rank 1), pictures (2) or volumes (3). */
export function spatialAxes(rank: 1 | 2 | 3, format: DataFormat): string[] {
  const inner = INNER_AXES[rank];
  return format === 'channelsLast' ? ['batch', ...inner, 'channels'] : ['batch', 'channels', ...inner];
}

/**
 * Throws `shape` unless x has the named axes and, where `fixed` names one, that size along it; `fixed` is known once the
 * layer is built.
 */
export function checkAxes(
  layer: Layer,
  shape: PartialShape,
  axes: readonly string[],
  fixed: Readonly<Record<string, number>> = {},
): void {
  const isRank = shape.length === axes.length;
  const isRight =
    isRank && axes.every((axis, i) => fixed[axis] === undefined || shape[i] === null || shape[i] === fixed[axis]);
  if (!isRight) throw wrongInput(layer, shape, axes, fixed);
}

/** The error for an input that is not what the axes say. */
export function wrongInput(
  layer: Layer,
  shape: PartialShape,
  axes: readonly string[],
  fixed: Readonly<Record<string, number>> = {},
): FoveaError {
  const isRank = shape.length === axes.length;
  const built = layer.builtFor[0];
  const isBuilt = !isRank && built?.length === axes.length && layer.isBuilt;
  const want = isBuilt
    ? built.map((dim, i) => (i === 0 ? 'batch' : (dim ?? axes[i])))
    : axes.map((axis) => fixed[axis] ?? axis);
  const sizes = isBuilt ? built : axes.map((axis) => fixed[axis] ?? null);
  return new FoveaError({
    code: 'shape',
    op: layer.className,
    message: `expects [${want.join(',')}]; got ${formatShape(shape)}.`,
    got: shape,
    want: sizes,
    ...hintFor(shape, axes, sizes),
  });
}

function hintFor(got: PartialShape, axes: readonly string[], want: PartialShape): { hint?: string } {
  const inner = want.slice(1);
  const known = got.slice(1);
  const product = (shape: PartialShape): number => shape.reduce((size: number, dim) => size * (dim ?? Number.NaN), 1);
  const target = (lead: number | null, shape: Shape): { hint: string } => ({
    hint: `Reshape it to ${formatShape([lead, ...shape])}.`,
  });
  if (inner.every((dim): dim is number => dim !== null) && product(inner) === product(known)) {
    return axes.length === 2 ? { hint: 'Flatten it first, with layers.flatten().' } : target(got[0] ?? null, inner);
  }
  const isPicture = axes.includes('height');
  if (isPicture && got.length === axes.length - 1) {
    const at = axes.indexOf('channels');
    return {
      hint: `Add the axis that is missing: for one channel, reshape to ${formatShape([...got.slice(0, at), 1, ...got.slice(at)])}.`,
    };
  }
  if (isPicture && got.length === 2 && typeof got[1] === 'number') {
    const side = Math.sqrt(got[1]);
    const shape = axes.slice(1).map((axis) => (axis === 'channels' ? 1 : side));
    if (Number.isInteger(side))
      return {
        hint: `If each row is a ${side}x${side} picture, reshape to ${formatShape([got[0] ?? null, ...shape])}.`,
      };
  }
  if (got.length === axes.length && !isPicture && axes.length === 2) return {};
  return got.length === axes.length
    ? { hint: 'Give it as many channels as it was built for, or make a new layer.' }
    : {};
}
