import { describe, expect, it } from 'vitest';
import { emit } from '../../src/compile/emit.js';
import { explain } from '../../src/compile/explain.js';
import { encodeProgram } from '../../src/compile/program.js';
import { HEADER, KERNELS, MAGIC, SPACES } from '../../src/core/abi.js';
import { defineOp } from '../../src/graph/define.js';
import { constant, placeholder } from '../../src/graph/tensor.js';
import * as ops from '../../src/ops/index.js';
import { messageOf } from '../ops/numeric.js';
import { compileAll, Feeder, graphOf } from './harness.js';

describe('emit', () => {
  it('makes one instruction of convolution, bias and relu', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [1, 8, 8, 3] });
    const w = feeder.variable({ shape: [3, 3, 3, 4] });
    const y = ops.relu(ops.add(ops.conv2d(x, w, { padding: 'same' }), feeder.variable({ shape: [4] })));
    const { instructions, bindings } = compileAll(graphOf([y]));
    expect(instructions.map(({ kernel, label }) => [kernel, label])).toEqual([['conv2d', 'conv2d + bias + relu']]);
    expect(instructions[0]?.flops).toBe(2 * 8 * 8 * 4 * 27);
    expect(bindings.map(({ kind, type }) => [kind, type.shape])).toEqual([
      ['leaf', [1, 8, 8, 3]],
      ['leaf', [3, 3, 3, 4]],
      ['leaf', [4]],
      ['output', [1, 8, 8, 4]],
    ]);
  });

  it('names the ops of a fused kernel, and counts its work once', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [10] });
    const [only, ...rest] = compileAll(graphOf([ops.exp(ops.add(x, 1))])).instructions;
    expect(rest).toEqual([]);
    expect(only).toMatchObject({ kernel: 'pointwise', label: 'add exp', flops: 20, bytes: 80 });
  });

  it('reads a slice where it lies', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [10], dtype: 'int32' });
    const [only] = compileAll(graphOf([ops.negative(ops.slice(x, [3]))])).instructions;
    expect(only?.operands[0]).toEqual({ space: SPACES.bindings, offset: 12 });
  });

  it('stores constants as their dtype, 64 bytes apart', () => {
    const words = constant([1, -2, 3, 70000], [4], 'int32');
    const halves = constant([1, 0.5], [2], 'float16');
    const { constants } = compileAll(graphOf([ops.flip(words, 0), ops.flip(halves, 0)]));
    expect([...new Int32Array(constants.buffer, 0, 4)]).toEqual([1, -2, 3, 70000].toReversed());
    expect(constants.byteLength).toBe(128);
    expect([...new Uint16Array(constants.buffer, 64, 2)]).toEqual([0x3800, 0x3c00]);
  });

  it('computes nothing for empty values', () => {
    const x = placeholder({ shape: [0, 3], dtype: 'float32' });
    expect(compileAll(graphOf([ops.exp(x)])).instructions).toEqual([]);
  });

  it('refuses an op without a kernel', () => {
    const op = defineOp({
      name: 'nowhere',
      summary: 'for this test',
      shape: ([x]) => [x as { shape: readonly number[]; dtype: 'float32' }],
      gradient: 'none',
      reference: ([x]) => [(x as { data: Float64Array }).data],
      cases: () => [],
    });
    const x = placeholder({ shape: [3], dtype: 'float32' });
    expect(messageOf(() => emit(graphOf([op.one([x], {})])))).toBe('nowhere: has no kernel.');
  });

  it('encodes what engines load', () => {
    const feeder = new Feeder();
    const program = compileAll(graphOf([ops.softmax(ops.softmax(feeder.input({ shape: [2, 40] })))]));
    const image = encodeProgram(program);
    const words = new Int32Array(image.buffer, 0, image.byteLength >> 2);
    expect(words[HEADER.magic]).toBe(MAGIC);
    expect(words[HEADER.instructions]).toBe(2);
    expect(words[HEADER.bindings]).toBe(2);
    expect(words[HEADER.workspaceLo]).toBe(320);
    expect([...words.slice(HEADER.size, HEADER.size + 3)]).toEqual([KERNELS.softmax, 2, 3]);
    expect((words[HEADER.constantsOffset] as number) % 64).toBe(0);
  });

  it('encodes offsets beyond 2^32', () => {
    const base = compileAll(graphOf([ops.exp(placeholder({ shape: [2], dtype: 'float32' }))]));
    const [only] = base.instructions;
    const far = {
      ...only!,
      operands: only!.operands.map(() => ({ space: SPACES.workspace, offset: 5 * 2 ** 32 + 2 ** 31 + 64 })),
    };
    const image = encodeProgram({ ...base, instructions: [far], workspaceBytes: 6 * 2 ** 32 + 128 });
    const words = new Uint32Array(image.buffer, 0, 32);
    expect([words[HEADER.workspaceLo], words[HEADER.workspaceHi]]).toEqual([128, 6]);
    expect([...words.slice(HEADER.size + 3, HEADER.size + 6)]).toEqual([0, 2 ** 31 + 64, 5]);
  });
});

describe('explain', () => {
  it('says what each instruction does, and what memory it takes', () => {
    const feeder = new Feeder();
    const x = feeder.input({ shape: [1, 8, 8, 3] });
    const w = feeder.variable({ shape: [3, 3, 3, 4] });
    const y = ops.conv2d(x, w, { padding: 'same' });
    const text = explain(compileAll(graphOf([ops.softmax(ops.reshape(y, [1, 256]))])));
    expect(text.split('\n')).toEqual([
      '#  kernel   op       shapes                            bytes  MFLOP  reads      writes',
      '0  conv2d   conv2d   [1,8,8,3] [3,3,3,4] -> [1,8,8,4]  2,224  0.014  arg0 var1  work+6912',
      '1  softmax  softmax  [1,256] -> [1,256]                2,048  0.001  work+6912  out2',
      '',
      '2 instructions, 0.015 MFLOP, 4,272 bytes read and written',
      'workspace 7,936 bytes for 2 regions of 7,936 bytes, 0% saved',
      'constants 0 bytes',
      '3 bindings of 2,224 bytes',
    ]);
  });

  it('explains an empty Program', () => {
    expect(explain(compileAll(graphOf([])))).toContain('0 instructions');
  });
});
