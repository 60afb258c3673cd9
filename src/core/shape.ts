// Shapes as plain arrays of sizes; row-major everywhere.
import { FoveaError } from './errors.js';

/** Sizes of a tensor's dimensions, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/** How many elements a shape holds. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const dim of shape) size *= dim;
  return size;
}

/** Elements to step for one step along each dimension of a dense tensor. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= shape[axis] as number;
  }
  return strides;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, axis) => dim === b[axis]);
}

/** `[2,3]`, and `null` for a size that is not known. */
export function formatShape(shape: readonly (number | null)[]): string {
  return `[${shape.map((dim) => (dim === null ? 'null' : String(dim))).join(',')}]`;
}

/** The shape two operands broadcast to, or undefined where they do not. */
export function broadcastShapes(a: Shape, b: Shape): Shape | undefined {
  if (sameShape(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const left = a[a.length - i] ?? 1;
    const right = b[b.length - i] ?? 1;
    if (left !== right && left !== 1 && right !== 1) return undefined;
    out[rank - i] = left === 1 ? right : left;
  }
  return out;
}

/** Strides that read a dense tensor of shape `from` as if it had shape `to`: 0 along broadcast dimensions. */
export function broadcastStrides(from: Shape, fromStrides: readonly number[], to: Shape): number[] {
  const lead = to.length - from.length;
  return to.map((_, axis) => {
    const source = axis - lead;
    return source < 0 || from[source] === 1 ? 0 : (fromStrides[source] as number);
  });
}

/** An axis counted from the front; -1 is the last. Throws `argument` outside the rank. */
export function normalizeAxis(axis: number, rank: number, op: string): number {
  const normal = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || normal < 0 || normal >= rank) {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `axis ${axis} does not exist in a tensor of rank ${rank}.`,
      got: axis,
      want: `-${rank}..${rank - 1}`,
      hint: rank === 0 ? 'A scalar has no axes.' : `Give an axis from ${-rank} to ${rank - 1}.`,
    });
  }
  return normal;
}

/** Axes counted from the front, sorted, without repeats; undefined means all. */
export function normalizeAxes(axis: number | readonly number[] | undefined, rank: number, op: string): number[] {
  if (axis === undefined) return Array.from({ length: rank }, (_, i) => i);
  const axes = (typeof axis === 'number' ? [axis] : axis).map((each) => normalizeAxis(each, rank, op));
  const unique = [...new Set(axes)].sort((a, b) => a - b);
  if (unique.length !== axes.length) {
    throw new FoveaError({
      code: 'argument',
      op,
      message: `axis ${JSON.stringify(axis)} names one axis twice.`,
      got: axis,
    });
  }
  return unique;
}

/** Throws `shape` unless every size is a non-negative integer. */
export function checkShape(shape: Shape, op: string): void {
  for (const dim of shape) {
    if (!Number.isInteger(dim) || dim < 0) {
      throw new FoveaError({
        code: 'shape',
        op,
        message: `${formatShape(shape)} is not a shape: every size must be a whole number of at least 0.`,
        got: shape,
      });
    }
  }
}
