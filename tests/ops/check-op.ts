// What every op must pass, whatever it is: the reference fits the shape rule, the lowering computes what
// the reference does, and the gradient rule agrees with differences in float64.
import { expect } from 'vitest';
import { gradients } from '../../src/compile/autodiff.js';
import { isFloat } from '../../src/core/dtype.js';
import { sameShape, sizeOf } from '../../src/core/shape.js';
import { interpret } from '../../src/graph/interpret.js';
import type { Node } from '../../src/graph/node.js';
import type { AnyOp, OpCase, ReferenceArray, TensorType } from '../../src/graph/op.js';
import { applyOp, placeholder, type Tensor } from '../../src/graph/tensor.js';
import { add, multiply } from '../../src/ops/arithmetic.js';
import { sum } from '../../src/ops/reduce.js';
import { makeCaseInputs, randomNumbers } from './cases.js';
import { runLowering } from './run-lowering.js';

/** Half the distance over which differences are taken: the error of float64 and of the second derivative balance. */
const STEP = 1e-5;
/** Largest error of a directional derivative, relative to the sum of its terms' magnitudes. */
const GRADIENT_TOLERANCE = 1e-6;

/** Checks all cases of an op. */
export function checkOp(op: AnyOp): void {
  for (const each of op.cases()) {
    checkReference(op, each);
    checkLowering(op, each);
    if (hasGradient(op, each)) {
      checkGradient(op, each, 'once');
      checkGradient(op, each, 'twice');
    }
  }
}

/** Checks that the definition is complete: see docs/add-an-op.md. */
export function checkDefinition(op: AnyOp): void {
  expect(op.name).toMatch(/^[a-z][A-Za-z0-9]*$/);
  expect(op.summary.length, `${op.name} needs a summary`).toBeGreaterThan(1);
  expect(op.cases().length, `${op.name} needs cases`).toBeGreaterThan(0);
  const ways = [op.lower, op.view, op.kernels].filter((way) => way !== undefined).length;
  expect(ways, `${op.name} needs one of lower, view and kernels`).toBeGreaterThan(0);
  const names = op.cases().map((each) => each.name);
  expect(new Set(names).size, `${op.name} has two cases of one name`).toBe(names.length);
  if (op.gradient === 'none') return;
  expect(
    op.cases().some((each) => hasGradient(op, each)),
    `${op.name} has a gradient that no case checks`,
  ).toBe(true);
}

function hasGradient(op: AnyOp, each: OpCase<object>): boolean {
  if (op.gradient === 'none' || each.gradient === false) return false;
  const inputs = makeCaseInputs(each);
  const isAnyFloat = (types: readonly TensorType[]): boolean => types.some(({ dtype }) => isFloat(dtype));
  return isAnyFloat(inputs) && isAnyFloat(op.shape(inputs, each.params));
}

function checkReference(op: AnyOp, each: OpCase<object>): void {
  const inputs = makeCaseInputs(each);
  const types = op.shape(inputs, each.params);
  const results = op.reference(inputs, each.params, types);
  expect(results.length, `${op.name} '${each.name}': outputs`).toBe(types.length);
  types.forEach(({ shape, dtype }, i) => {
    const data = results[i] as Float64Array;
    expect(data.length, `${op.name} '${each.name}': elements of output ${i}`).toBe(sizeOf(shape));
    if (isFloat(dtype)) return;
    const isWhole = data.every((value) => Number.isInteger(value) && (dtype !== 'bool' || value === 0 || value === 1));
    expect(isWhole, `${op.name} '${each.name}': output ${i} is ${dtype}`).toBe(true);
  });
}

function checkLowering(op: AnyOp, each: OpCase<object>): void {
  if (op.lower === undefined) return;
  const inputs = makeCaseInputs(each);
  const types = op.shape(inputs, each.params);
  const expected = op.reference(inputs, each.params, types);
  const actual = runLowering(op, inputs, each.params, types);
  expected.forEach((reference, i) => {
    const got = actual[i] as Float64Array;
    reference.forEach((want, at) => {
      const value = got[at] as number;
      const isClose = Object.is(value, want) || Math.abs(value - want) <= 1e-12 * (1 + Math.abs(want));
      if (!isClose)
        expect.fail(`${op.name} '${each.name}': lowered element ${at} is ${value}, the reference says ${want}`);
    });
  });
}

/**
 * Compares the gradient along one random direction with a central difference. `twice` gives one tensor to several
 * inputs where their types allow it, and uses it once more outside the op.
 */
function checkGradient(op: AnyOp, each: OpCase<object>, use: 'once' | 'twice'): void {
  const values = makeCaseInputs(each);
  const places = values.map((value) => placeholder(value));
  if (use === 'twice') {
    values.forEach((value, i) => {
      const first = values.findIndex(
        (other) => isFloat(other.dtype) && other.dtype === value.dtype && sameShape(other.shape, value.shape),
      );
      if (first >= 0 && first < i) places[i] = places[first] as Tensor;
    });
  }
  const outputs = applyOp(op, places, each.params);
  const weights = new Map<Node, ReferenceArray>();
  let total: Tensor | undefined;
  const addTerm = (term: Tensor, stream: number): void => {
    const weight = placeholder(term);
    weights.set(weight.node, direction(term, stream));
    const value = sum(multiply(term, weight));
    total = total === undefined ? value : add(total, value);
  };
  outputs.forEach((output, i) => {
    if (isFloat(output.dtype)) addTerm(output, 100 + i);
  });
  const xs = [...new Set(places)].filter((place) => isFloat(place.dtype));
  if (use === 'twice') {
    xs.forEach((x, i) => {
      addTerm(multiply(x, x), 200 + i);
    });
  }
  const y = total as Tensor;
  const feeds = new Map<Node, ReferenceArray>(weights);
  places.forEach((place, i) => {
    if (!feeds.has(place.node)) feeds.set(place.node, values[i] as ReferenceArray);
  });
  const directions = xs.map((x, i) => direction(x, 300 + i));
  const moved = (step: number): Map<Node, ReferenceArray> => {
    const out = new Map(feeds);
    xs.forEach((x, i) => {
      const at = feeds.get(x.node) as ReferenceArray;
      out.set(x.node, { ...at, data: at.data.map((value, j) => value + step * (directions[i]?.data[j] as number)) });
    });
    return out;
  };
  const valueAt = (step: number): number => interpret([y], moved(step))[0]?.data[0] as number;
  const expected = (valueAt(STEP) - valueAt(-STEP)) / (2 * STEP);
  const slopes = interpret(gradients(y, xs), feeds);
  let actual = 0;
  let scale = Math.abs(expected);
  slopes.forEach((slope, i) => {
    slope.data.forEach((value, j) => {
      const term = value * (directions[i]?.data[j] as number);
      actual += term;
      scale += Math.abs(term);
    });
  });
  const isClose = Math.abs(actual - expected) <= GRADIENT_TOLERANCE * (1 + scale);
  if (!isClose) {
    expect.fail(
      `${op.name} '${each.name}', inputs used ${use}: the gradient says ${actual}, differences say ${expected}`,
    );
  }
}

/** Random numbers in [-1, 1) of a type. */
function direction({ shape, dtype }: TensorType, stream: number): ReferenceArray {
  return { shape, dtype, data: randomNumbers(sizeOf(shape), 7, stream).map((unit) => 2 * unit - 1) };
}
