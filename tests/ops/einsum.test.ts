// einsum against sums written out in float64, its gradient, and what it says to equations that are wrong.
import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/compile/autodiff.js';
import { interpret } from '../../src/graph/interpret.js';
import { einsum, type FoveaError, ones, sum, type Tensor, tensor } from '../../src/index.js';
import { multiply } from '../../src/ops/index.js';

const ramp = (shape: readonly number[], phase: number): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(phase + i * 0.73)),
    { shape: [...shape] },
  );
const valuesOf = (x: Tensor): number[] => Array.from(interpret([x])[0]?.data ?? []);

/** The sum over all letters, one term at a time. Letters alone; a size of 1 stands for any. */
function writtenOut(equation: string, tensors: readonly Tensor[]): number[] {
  const [left, right] = equation.split('->') as [string, string];
  const terms = left.split(',').map((term) => [...term]);
  const sizes = new Map<string, number>();
  terms.forEach((letters, t) => {
    letters.forEach((letter, axis) => {
      sizes.set(letter, Math.max(sizes.get(letter) ?? 1, tensors[t]?.shape[axis] as number));
    });
  });
  const letters = [...new Set([...right, ...terms.flat()])];
  const lengths = letters.map((letter) => sizes.get(letter) as number);
  const data = tensors.map(valuesOf);
  const out = new Array<number>([...right].reduce((size, letter) => size * (sizes.get(letter) as number), 1)).fill(0);
  const total = lengths.reduce((a, b) => a * b, 1);
  for (let n = 0; n < total; n++) {
    const at = new Map<string, number>();
    let rest = n;
    for (let i = letters.length - 1; i >= 0; i--) {
      at.set(letters[i] as string, rest % (lengths[i] as number));
      rest = Math.floor(rest / (lengths[i] as number));
    }
    let product = 1;
    terms.forEach((term, t) => {
      const { shape } = tensors[t] as Tensor;
      const index = term.reduce((offset, letter, axis) => {
        const dim = shape[axis] as number;
        return offset * dim + (dim === 1 ? 0 : (at.get(letter) as number));
      }, 0);
      product *= data[t]?.[index] as number;
    });
    const to = [...right].reduce(
      (offset, letter) => offset * (sizes.get(letter) as number) + (at.get(letter) as number),
      0,
    );
    out[to] = (out[to] as number) + product;
  }
  return out;
}

const CASES: readonly (readonly [string, ...(readonly number[])[]])[] = [
  ['ij,jk->ik', [2, 3], [3, 4]],
  ['ij,kj->ik', [2, 3], [4, 3]],
  ['ji,jk->ki', [3, 2], [3, 4]],
  ['abc,cd->abd', [2, 3, 4], [4, 5]],
  ['abc,cde->abde', [2, 3, 4], [4, 2, 3]],
  ['abcd,cde->abe', [2, 3, 2, 3], [2, 3, 4]],
  ['aecd,abcd->acbe', [2, 3, 2, 4], [2, 5, 2, 4]],
  ['acbe,aecd->abcd', [2, 2, 5, 3], [2, 3, 2, 4]],
  ['bquh,bkuh->buqk', [2, 3, 2, 4], [2, 5, 2, 4]],
  ['ab,ab->ab', [2, 3], [2, 3]],
  ['ab,ab->a', [2, 3], [2, 3]],
  ['ab,b->ab', [2, 3], [3]],
  ['a,b->ba', [2], [3]],
  ['ab->ba', [2, 3]],
  ['abc->b', [2, 3, 4]],
  ['aab->ba', [3, 3, 2]],
  ['aa->', [3, 3]],
  ['ab,bc,cd->ad', [2, 3], [3, 4], [4, 2]],
  ['ab,ac,ad->bcd', [3, 2], [3, 4], [3, 2]],
  ['ab,cd->ac', [2, 3], [4, 5]],
  ['ab,bc->ac', [2, 1], [3, 4]],
  ['abc,abd->acd', [2, 3, 4], [1, 3, 2]],
  ['Xy,yZ->XZ', [2, 3], [3, 2]],
];

describe('einsum', () => {
  it.each(CASES)('%s', (equation, ...given) => {
    const shapes = given as (readonly number[])[];
    const tensors = shapes.map((shape, i) => ramp(shape, i + 1));
    const got = einsum(equation as string, ...tensors);
    const want = writtenOut(equation as string, tensors);
    const values = valuesOf(got);
    expect(values.length).toBe(want.length);
    for (const [i, value] of values.entries()) expect(value).toBeCloseTo(want[i] as number, 12);
    // The result is linear in each operand: its derivative along an operand's own values is the result.
    const dy = ramp(got.shape, 9);
    const total = sum(multiply(got, dy));
    const along = gradients(total, tensors).map((slope, i) => sum(multiply(slope, tensors[i] as Tensor)));
    const [wanted] = valuesOf(total);
    for (const each of along) expect(valuesOf(each)[0]).toBeCloseTo(wanted as number, 10);
  });

  it.each([
    ['...x,xy->...y', [2, 3, 4], [4, 5], 'abx,xy->aby'],
    ['ab...,bc->ac...', [2, 3, 4], [3, 5], 'abz,bc->acz'],
    ['i...,...i->...', [3, 2], [2, 3], 'ij,ji->j'],
    ['...ij,...jk->...ik', [2, 3, 4], [4, 5], 'aij,jk->aik'],
    ['...ij,...jk', [2, 3, 4], [2, 4, 5], 'aij,ajk->aik'],
    ['ij,jk', [2, 3], [3, 4], 'ij,jk->ik'],
    ['kj,ji', [2, 3], [3, 4], 'kj,ji->ik'],
  ] as const)('%s stands for letters', (equation, first, second, letters) => {
    const tensors = [ramp(first, 1), ramp(second, 2)] as const;
    expect(valuesOf(einsum(equation, ...tensors))).toEqual(valuesOf(einsum(letters, ...tensors)));
  });

  it('needs one product and no more for a dense layer', () => {
    const { node } = einsum('abc,cd->abd', ones([2, 3, 4]), ones([4, 5]));
    expect(node.op.name).toBe('reshape');
    expect(node.inputs[0]?.node.op.name).toBe('matmul');
  });

  it('names what is wrong', () => {
    const failure = (...args: Parameters<typeof einsum>): string => {
      try {
        einsum(...args);
      } catch (error) {
        return (error as FoveaError).message.split('\n')[0] as string;
      }
      return 'none';
    };
    const [a, b] = [ones([2, 3]), ones([3, 4])];
    expect(failure('ij,jk->ik', a)).toBe('einsum: there are 2 operands for 1 tensor in "ij,jk->ik".');
    expect(failure('ijk,jk->ik', a, b)).toBe('einsum: operand 0 has 2 axes but 3 letters in "ijk,jk->ik".');
    expect(failure('ij,ik->jk', a, b)).toBe('einsum: "i" is 2 and 3 long ([2,3] and [3,4]) in "ij,ik->jk".');
    expect(failure('ij,jk->il', a, b)).toBe('einsum: "l" of the result is in no operand in "ij,jk->il".');
    expect(failure('ij,jk->ii', a, b)).toBe('einsum: the result has "i" twice in "ij,jk->ii".');
    expect(failure('i1,1k->ik', a, b)).toBe('einsum: "1" is no letter in "i1,1k->ik".');
    expect(failure('ij->jk->ik', a, b)).toBe('einsum: there is more than one "->" in "ij->jk->ik".');
    expect(failure('...j,jk->k', ones([2, 3]), b)).toBe(
      'einsum: the result lacks the "..." of the operands in "...j,jk->k".',
    );
    expect(failure(3 as never, a)).toBe('einsum: equation must be a text such as "ij,jk->ik"; got number.');
  });
});
