import { describe, expect, test } from 'vitest';
import type { AnyOp } from '../../src/graph/op.js';
import { applyOp } from '../../src/graph/tensor.js';
import { allOps } from '../../src/ops/index.js';
import { checkDefinition, checkOp } from './check-op.js';

describe('every op', () => {
  test('has a name of its own', () => {
    const names = allOps.map((op) => op.name);
    expect(new Set(names).size).toBe(names.length);
  });

  test.each(allOps.map((op) => [op.name, op] as const))('%s is complete', (_name, op) => {
    checkDefinition(op);
  });

  test.each(allOps.map((op) => [op.name, op] as const))('%s: reference, lowering and gradient agree', (_name, op) => {
    checkOp(op);
  });
});

describe('the check itself', () => {
  const tanh = allOps.find((op) => op.name === 'tanh') as AnyOp;

  test('notices a wrong gradient', () => {
    const wrong: AnyOp = { ...tanh, name: 'wrong', gradient: ({ dy }) => [dy] };
    expect(() => checkOp(wrong)).toThrow("wrong 'f32 []', inputs used once: the gradient says");
  });

  test('notices a wrong lowering', () => {
    const wrong: AnyOp = { ...tanh, name: 'wrong', lower: (p, [x]) => [p.emit('fsin', x!)] };
    expect(() => checkOp(wrong)).toThrow("wrong 'f32 []': lowered element 0 is");
  });

  test('notices a reference that does not fit the shape', () => {
    const wrong: AnyOp = { ...tanh, name: 'wrong', reference: () => [new Float64Array(3)] };
    expect(() => checkOp(wrong)).toThrow("wrong 'f32 []': elements of output 0");
  });

  test('notices a gradient that forgets an input used twice', () => {
    const multiply = allOps.find((op) => op.name === 'multiply') as AnyOp;
    const wrong: AnyOp = {
      ...multiply,
      name: 'wrong',
      gradient: ({ inputs: [a, b], dy }) =>
        a === b
          ? [applyOp(multiply, [dy, b!], {})[0], undefined]
          : [applyOp(multiply, [dy, b!], {})[0], applyOp(multiply, [dy, a!], {})[0]],
    };
    expect(() => checkOp(wrong)).toThrow("wrong 'f32 []', inputs used twice: the gradient says");
  });
});
