// einsum: sums of products by an equation of letters, made of transposes, reshapes and one matrix product for each pair of
// operands. What both operands keep is a batch axis, what neither keeps is summed over.
import { FoveaError } from '../core/errors.js';
import { broadcastShapes, formatShape, sizeOf } from '../core/shape.js';
import { toTensor, unify } from '../graph/define.js';
import type { Tensor, TensorLike } from '../graph/tensor.js';
import { cast, multiply } from './arithmetic.js';
import { eye } from './create.js';
import { matmul } from './matmul.js';
import { sum } from './reduce.js';
import { broadcastTo, expandDims, reshape, transpose } from './shape.js';
import { where } from './where.js';

/** An operand with a letter for each of its axes. */
interface Labelled {
  readonly x: Tensor;
  readonly labels: readonly string[];
}

/** An equation taken apart: the letters of each operand and of the result; `...` stands as one label. */
interface Equation {
  readonly operands: readonly (readonly string[])[];
  readonly output: readonly string[];
}

const ELLIPSIS = '...';

function fail(equation: string, message: string, code: 'argument' | 'shape' = 'argument', hint?: string): never {
  throw new FoveaError({
    code,
    op: 'einsum',
    message: `${message} in "${equation}".`,
    got: equation,
    ...(hint === undefined ? {} : { hint }),
  });
}

function labelsOf(term: string, equation: string): string[] {
  const [before, after, ...rest] = term.split(ELLIPSIS);
  const letters = [...(before ?? '')].concat(after === undefined ? [] : [ELLIPSIS, ...after]);
  if (rest.length > 0) fail(equation, 'an operand has "..." twice');
  for (const letter of letters) {
    if (letter !== ELLIPSIS && !/^[A-Za-z]$/.test(letter)) {
      fail(equation, `"${letter}" is no letter`, 'argument', 'Write for example "ij,jk->ik".');
    }
  }
  return letters;
}

function parse(equation: unknown, count: number): Equation {
  if (typeof equation !== 'string') {
    throw new FoveaError({
      code: 'argument',
      op: 'einsum',
      message: `equation must be a text such as "ij,jk->ik"; got ${typeof equation}.`,
      got: equation,
    });
  }
  const [left, right, ...rest] = equation.replace(/\s/g, '').split('->') as [string, ...string[]];
  if (rest.length > 0) fail(equation, 'there is more than one "->"');
  const operands = left.split(',').map((term) => labelsOf(term, equation));
  if (operands.length !== count) {
    fail(equation, `there are ${operands.length} operands for ${count} ${count === 1 ? 'tensor' : 'tensors'}`);
  }
  const all = operands.flat();
  // Without an arrow: the ellipsis, then what stands there once, in the order of the alphabet.
  const once = [...new Set(all)]
    .filter((each) => each !== ELLIPSIS && all.filter((other) => other === each).length === 1)
    .sort();
  const output =
    right === undefined ? [...(all.includes(ELLIPSIS) ? [ELLIPSIS] : []), ...once] : labelsOf(right, equation);
  for (const label of output) {
    if (label !== ELLIPSIS && !all.includes(label)) fail(equation, `"${label}" of the result is in no operand`);
    if (output.filter((other) => other === label).length > 1) fail(equation, `the result has "${label}" twice`);
  }
  return { operands, output };
}

/** Gives every axis a label of its own: those under `...` are numbered from the last. */
function spell(labels: readonly string[], rank: number, equation: string, operand: number): string[] {
  const hidden = rank - labels.filter((label) => label !== ELLIPSIS).length;
  const isFit = labels.includes(ELLIPSIS) ? hidden >= 0 : hidden === 0;
  if (!isFit) fail(equation, `operand ${operand} has ${rank} axes but ${labels.length} letters`, 'shape');
  return labels.flatMap((label) =>
    label === ELLIPSIS ? Array.from({ length: hidden }, (_, i) => `.${hidden - 1 - i}`) : [label],
  );
}

/** The size of every label; 1 gives way to others. */
function sizesOf(operands: readonly Labelled[], equation: string): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { x, labels } of operands) {
    labels.forEach((label, axis) => {
      const dim = x.shape[axis] as number;
      const both = broadcastShapes([sizes.get(label) ?? 1], [dim]);
      if (both === undefined) {
        const shapes = operands.map((each) => formatShape(each.x.shape)).join(' and ');
        fail(equation, `"${label}" is ${sizes.get(label)} and ${dim} long (${shapes})`, 'shape');
      }
      sizes.set(label, both[0] as number);
    });
  }
  return sizes;
}

/** A letter twice in one operand: its diagonal. */
function takeDiagonals({ x, labels }: Labelled): Labelled {
  const again = labels.findIndex((label, i) => labels.indexOf(label) < i);
  if (again < 0) return { x, labels };
  const first = labels.indexOf(labels[again] as string);
  const size = x.shape[again] as number;
  const mask = reshape(
    eye(size, size, { dtype: 'bool' }),
    x.shape.map((_, axis) => (axis === first || axis === again ? size : 1)),
  );
  const diagonal = sum(where(mask, x, 0), { axis: again });
  return takeDiagonals({ x: diagonal, labels: labels.filter((_, i) => i !== again) });
}

/** Sums over what nobody else needs. */
function sumAway({ x, labels }: Labelled, needed: ReadonlySet<string>): Labelled {
  const axis = labels.flatMap((label, i) => (needed.has(label) ? [] : [i]));
  if (axis.length === 0) return { x, labels };
  return { x: sum(x, { axis }), labels: labels.filter((label) => needed.has(label)) };
}

/** The axes in this order; labels that are missing become axes of size 1. */
function arrange({ x, labels }: Labelled, order: readonly string[]): Tensor {
  let { x: full } = { x };
  const all = [...labels];
  for (const label of order) {
    if (all.includes(label)) continue;
    full = expandDims(full, full.rank);
    all.push(label);
  }
  const axes = order.map((label) => all.indexOf(label));
  return axes.every((axis, i) => axis === i) ? full : transpose(full, axes);
}

/** The product of two operands, summed over what is not needed after it. */
function contract(a: Labelled, b: Labelled, needed: readonly string[], sizes: ReadonlyMap<string, number>): Labelled {
  const isIn = (labels: readonly string[]) => (label: string) => labels.includes(label);
  const kept = needed.filter((label) => a.labels.includes(label) || b.labels.includes(label));
  const shared = a.labels.filter(isIn(b.labels));
  const summed = shared.filter((label) => !kept.includes(label));
  const batch = kept.filter(isIn(shared));
  const left = kept.filter((label) => a.labels.includes(label) && !shared.includes(label));
  const right = kept.filter((label) => b.labels.includes(label) && !shared.includes(label));
  if (summed.length === 0 || (left.length === 0 && right.length === 0)) {
    const all = [...kept, ...summed];
    const product = multiply(arrange(a, all), arrange(b, all));
    const axis = summed.map((_, i) => kept.length + i);
    return { x: axis.length === 0 ? product : sum(product, { axis }), labels: kept };
  }
  // The operand whose letters the result names first is the left one, so that nothing need be turned afterwards.
  if (kept.indexOf(right[0] ?? '') < kept.indexOf(left[0] ?? '') && right.length > 0)
    return contract(b, a, needed, sizes);
  const lengths = (labels: readonly string[]): number[] => labels.map((label) => sizes.get(label) as number);
  const matrix = (operand: Labelled, rows: readonly string[], columns: readonly string[]): Tensor => {
    const order = [...batch, ...rows, ...columns];
    const full = broadcastTo(arrange(operand, order), lengths(order));
    return reshape(full, [
      ...(batch.length === 0 ? [] : [sizeOf(lengths(batch))]),
      sizeOf(lengths(rows)),
      sizeOf(lengths(columns)),
    ]);
  };
  // Turned in the product rather than in memory, where the letters stand that way round.
  const isSummedFirst = (labels: readonly string[], free: readonly string[]): boolean =>
    free.length > 0 && labels.indexOf(summed[0] as string) < labels.indexOf(free[0] as string);
  const transposeA = isSummedFirst(a.labels, left);
  const transposeB = !isSummedFirst(b.labels, right);
  const product = matmul(
    transposeA ? matrix(a, summed, left) : matrix(a, left, summed),
    transposeB ? matrix(b, right, summed) : matrix(b, summed, right),
    { transposeA, transposeB },
  );
  const labels = [...batch, ...left, ...right];
  return { x: reshape(product, lengths(labels)), labels };
}

/**
 * Sums of products of tensors, as the equation says: letters name axes, letters that the result lacks are summed over.
 * `...` stands for any axes; without `->` the result has the letters that occur once, in the order of the alphabet.
 * Throws `argument` for an equation that is wrong, `shape` where sizes do not fit.
 *
 * @example
 * const scores = fovea.einsum('bqhd,bkhd->bhqk', fovea.ones([2, 5, 4, 8]), fovea.ones([2, 7, 4, 8])); // [2, 4, 5, 7]
 */
export function einsum(equation: string, ...tensors: readonly TensorLike[]): Tensor {
  const { operands, output } = parse(equation, tensors.length);
  const given = unify(
    tensors.map((each) => toTensor(each)),
    cast,
    'float',
  );
  const labelled = given.map((x, i) => ({ x, labels: spell(operands[i] as string[], x.rank, equation, i) }));
  const sizes = sizesOf(labelled, equation);
  const hidden = [...sizes.keys()]
    .filter((label) => label.startsWith('.'))
    .sort((a, b) => Number(b.slice(1)) - Number(a.slice(1)));
  const wanted = output.flatMap((label) => (label === ELLIPSIS ? hidden : [label]));
  if (hidden.length > 0 && !output.includes(ELLIPSIS)) fail(equation, 'the result lacks the "..." of the operands');
  const parts = labelled.map(takeDiagonals);
  const [first, ...rest] = parts as [Labelled, ...Labelled[]];
  // What the result or a later operand still needs.
  const neededAfter = (index: number): string[] => [
    ...new Set([...wanted, ...rest.slice(index).flatMap(({ labels }) => labels)]),
  ];
  let total = sumAway(first, new Set(neededAfter(0)));
  rest.forEach((next, i) => {
    const after = neededAfter(i + 1);
    const alone = sumAway(next, new Set([...after, ...total.labels]));
    total = contract(sumAway(total, new Set([...after, ...alone.labels])), alone, after, sizes);
  });
  return broadcastTo(
    arrange(total, wanted),
    wanted.map((label) => sizes.get(label) as number),
  );
}
