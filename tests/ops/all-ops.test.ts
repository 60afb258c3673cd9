import { describe, expect, test } from 'vitest';
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
