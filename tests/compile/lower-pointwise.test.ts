import { describe, expect, it } from 'vitest';
import { type FusedParams, fusePointwise } from '../../src/compile/fuse-pointwise.js';
import { Placements } from '../../src/compile/layout.js';
import { lowerPointwise } from '../../src/compile/lower-pointwise.js';
import { DTYPES, POINTWISE } from '../../src/core/abi.js';
import { placeholder, type Tensor } from '../../src/graph/tensor.js';
import * as ops from '../../src/ops/index.js';
import { graphOf, nodeNamed } from './harness.js';

const NAMES = Object.entries(POINTWISE);

interface Decoded {
  inputs: number;
  outputs: number;
  dims: number[];
  dtypes: number[];
  strides: number[];
  registers: number;
  outRegisters: number[];
  code: { name: string; dst: number; operands: number[] }[];
}

/** The parameters of the kernel call for one fused node, taken apart again. */
function decode(outputs: readonly Tensor[]): Decoded {
  const { node } = { node: nodeNamed(fusePointwise(graphOf(outputs)), 'fused') };
  const placements = new Placements();
  const layouts = node.inputs.map((input) => placements.of(input).layout);
  const { parameters } = lowerPointwise(node.params as FusedParams, node.inputs, layouts);
  let at = 0;
  const take = (count: number): number[] => {
    at += count;
    return parameters.slice(at - count, at);
  };
  const [inputs, outs, rank] = take(3) as [number, number, number];
  const dims = take(rank);
  const dtypes = take(inputs + outs);
  const strides = take(inputs * rank);
  const [registers, count] = take(2) as [number, number];
  const outRegisters = take(outs);
  const code = Array.from({ length: count }, () => {
    const [id, dst, ...operands] = take(5) as [number, number, number, number, number];
    const [name, { arity }] = NAMES[id] as (typeof NAMES)[number];
    return { name, dst, operands: operands.slice(0, arity) };
  });
  expect(at).toBe(parameters.length);
  return { inputs, outputs: outs, dims, dtypes, strides, registers, outRegisters, code };
}

const input = (shape: number[], dtype: Tensor['dtype'] = 'float32'): Tensor => placeholder({ shape, dtype });

describe('lowerPointwise', () => {
  it('writes one instruction per op', () => {
    const { code, inputs, registers, outRegisters } = decode([ops.sqrt(ops.add(input([3]), input([3])))]);
    expect(code).toEqual([
      { name: 'fadd', dst: 2, operands: [0, 1] },
      { name: 'fsqrt', dst: 2, operands: [2] },
    ]);
    expect([inputs, registers, outRegisters]).toEqual([2, 3, [2]]);
  });

  it('loads a constant once', () => {
    const x = input([3]);
    const { code } = decode([ops.multiply(ops.add(x, 3), ops.subtract(x, 3))]);
    expect(code.filter(({ name }) => name === 'constant').length).toBe(1);
  });

  it('gives broadcast inputs a stride of 0, and views their own', () => {
    const { dims, strides } = decode([
      ops.add(ops.add(input([4, 3]), input([3])), ops.add(ops.transpose(input([3, 4])), input([4, 1]))),
    ]);
    expect(dims).toEqual([4, 3]);
    const pairs = [0, 2, 4, 6].map((i) => strides.slice(i, i + 2));
    for (const pair of [
      [3, 1],
      [0, 1],
      [1, 4],
      [1, 0],
    ])
      expect(pairs).toContainEqual(pair);
  });

  it('masks bytes after each step, as storing them would', () => {
    const x = input([3], 'uint8');
    const { code, dtypes } = decode([ops.floorDivide(ops.add(x, x), 2)]);
    expect(code.map(({ name }) => name)).toEqual(['iadd', 'toUint8', 'constant', 'idiv', 'toUint8']);
    expect(dtypes).toEqual([DTYPES.uint8, DTYPES.uint8]);
  });

  it('passes a key as an operand of its own kind', () => {
    const { code, dtypes, strides } = decode([ops.randomUniform([2, 3], input([4], 'int32'), { stream: 7 })]);
    expect(dtypes[0]).toBe(DTYPES.key);
    expect(strides).toEqual([0, 0]);
    expect(code[0]?.name).toBe('randomUniform');
  });

  it('uses few registers, however long the chain', () => {
    let x = input([3]);
    for (let i = 0; i < 80; i++) x = ops.sin(ops.add(x, i));
    // Sixteen constants keep theirs.
    expect(decode([x]).registers).toBeLessThan(6 + 16);
    let y = input([3]);
    for (let i = 0; i < 80; i++) y = ops.sin(ops.add(y, 3));
    expect(decode([y]).registers).toBeLessThan(6);
  });

  it('keeps a register while anything still reads it', () => {
    const x = input([3]);
    const kept = [ops.sin(x), ops.cos(x), ops.exp(x), ops.tanh(x)];
    const sum = kept.reduce((a, b) => ops.add(a, b));
    const { code, outRegisters, inputs } = decode([...kept, sum]);
    expect(new Set(outRegisters).size).toBe(5);
    const values = new Map<number, string>([[0, 'x']]);
    for (const { name, dst, operands } of code) {
      values.set(dst, `${name}(${operands.map((operand) => values.get(operand))})`);
      expect(dst, 'inputs are never written').toBeGreaterThanOrEqual(inputs);
    }
    const [sin, cos, exp, tanh] = ['fsin(x)', 'fcos(x)', 'fexp(x)', 'ftanh(x)'];
    expect(outRegisters.map((register) => values.get(register)).sort()).toEqual(
      [sin, cos, exp, tanh, `fadd(fadd(fadd(${sin},${cos}),${exp}),${tanh})`].sort(),
    );
  });
});
