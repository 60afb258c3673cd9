// What docs/tour.md says of its convolution: one instruction, its operands and its words.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { emit } from '../../src/compile/emit.js';
import { optimize } from '../../src/compile/optimize.js';
import { encodeProgram, NO_OPERAND } from '../../src/compile/program.js';
import { trace } from '../../src/compile/trace.js';
import { ACTIVATIONS, HEADER, KERNELS } from '../../src/core/abi.js';
import { layers, models } from '../../src/index.js';
import { inferenceContext } from '../../src/nn/layer.js';

test('the convolution of the tour is the instruction it shows', () => {
  const model = models.sequential([
    layers.input([28, 28, 1]),
    layers.conv2d({ filters: 64, kernelSize: 3, activation: 'relu' }),
  ]);
  const { graph, variables } = trace(
    (x) => model.call([x], inferenceContext),
    [{ shape: [2, 28, 28, 1], dtype: 'float32' }],
  );
  const program = emit(optimize(graph), { isConstant: (leaf) => variables.has(leaf) });
  expect(program.prepare.map(({ kernel }) => kernel)).toEqual(['packFilter']);
  expect(program.instructions).toHaveLength(1);
  const [instruction] = program.instructions;
  expect(instruction?.label).toBe('conv2d + bias + relu');
  expect(instruction?.operands.map((operand) => operand === NO_OPERAND)).toEqual([
    false,
    true,
    false,
    false,
    true,
    false,
    true,
  ]);
  const page = readFileSync(new URL('../../docs/tour.md', import.meta.url), 'utf8');
  const shown = /18 parameters: (.*)/.exec(page)?.[1]?.replace('(relu)', '').trim().split(/\s+/).map(Number);
  expect(instruction?.parameters).toEqual(shown);
  expect(page).toContain(`kernel ${KERNELS.conv2d} (conv2d)`);
  expect(instruction?.parameters[16]).toBe(ACTIVATIONS.relu);
  const words = new Int32Array(encodeProgram(program).buffer)[HEADER.words] as number;
  expect(words - HEADER.size).toBe(42);
});
