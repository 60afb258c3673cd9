// Operators on the host that ONNX's own tests leave out, graphs inside of nodes, and what is refused.
import { describe, expect, it } from 'vitest';
import '../../src/engine/install.js';
import { load } from '../../src/interchange/onnx/session.js';
import { type HostValue, hostValue, type OnnxValue } from '../../src/interchange/onnx/values.js';
import { type FileGraph, type FileNode, type FileTensor, onnxFile } from './onnx-file.js';

const floats = (shape: readonly number[], values: readonly number[]): HostValue => hostValue('float32', shape, values);
const whole = (...values: readonly number[]): FileTensor => ({ dtype: 'int64', shape: [values.length], values });
const one = (value: number): FileTensor => ({ dtype: 'int64', shape: [], values: [value] });

async function run(graph: FileGraph, inputs: Record<string, OnnxValue>): Promise<Record<string, unknown>> {
  const outputs = await (await load(onnxFile(graph))).run(inputs);
  return Object.fromEntries(
    Object.entries(outputs).map(([name, value]) => [name, Array.from((value as HostValue).data as Float64Array)]),
  );
}

/** Runs nodes on x [rows,2], with constants, and gives y. */
async function of(
  nodes: readonly FileNode[],
  initializers: Record<string, FileTensor>,
  x: HostValue,
): Promise<unknown> {
  return (await run({ nodes, initializers, inputs: { x: ['n', 'm'] }, outputs: ['y'] }, { x })).y;
}

describe('sequences', () => {
  const constants = { zero: one(0), last: one(-1), two: one(2) };
  const cut: FileNode = { op: 'SplitToSequence', inputs: ['x'], outputs: ['s'] };
  const joined: FileNode = { op: 'ConcatFromSequence', inputs: ['t'], outputs: ['y'], attributes: { axis: 0 } };
  const x = floats([3, 2], [1, 2, 3, 4, 5, 6]);

  it('are cut from a tensor and joined again', async () => {
    expect(await of([cut, { ...joined, inputs: ['s'] }], {}, x)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('take items in and give them up at places counted from either end', async () => {
    const first: FileNode = { op: 'SequenceAt', inputs: ['s', 'zero'], outputs: ['a'] };
    const insert: FileNode = { op: 'SequenceInsert', inputs: ['s', 'a', 'last'], outputs: ['t'] };
    expect(await of([cut, first, insert, joined], constants, x)).toEqual([1, 2, 3, 4, 1, 2, 5, 6]);
    const append: FileNode = { op: 'SequenceInsert', inputs: ['s', 'a'], outputs: ['t'] };
    expect(await of([cut, first, append, joined], constants, x)).toEqual([1, 2, 3, 4, 5, 6, 1, 2]);
    const erase: FileNode = { op: 'SequenceErase', inputs: ['s', 'zero'], outputs: ['t'] };
    expect(await of([cut, erase, joined], constants, x)).toEqual([3, 4, 5, 6]);
  });

  it('are made of values, stacked and counted', async () => {
    const made: FileNode = { op: 'SequenceConstruct', inputs: ['x', 'x'], outputs: ['t'] };
    const stacked: FileNode = { ...joined, attributes: { axis: 1, new_axis: 1 } };
    expect(await of([made, stacked], {}, floats([1, 2], [1, 2]))).toEqual([1, 2, 1, 2]);
    expect(await of([made, { op: 'SequenceLength', inputs: ['t'], outputs: ['y'] }], {}, x)).toEqual([2]);
  });

  it('have no place behind their end', async () => {
    const beyond: FileNode = { op: 'SequenceAt', inputs: ['s', 'four'], outputs: ['y'] };
    await expect(of([cut, beyond], { four: one(4) }, x)).rejects.toMatchObject({
      code: 'format',
      message: expect.stringContaining('the place 4 is outside of 3 items'),
    });
  });
});

describe('optionals', () => {
  it('say whether they hold something', async () => {
    const x = floats([1, 2], [1, 2]);
    const held: FileNode = { op: 'Optional', inputs: ['x'], outputs: ['o'] };
    const asks: FileNode = { op: 'OptionalHasElement', inputs: ['o'], outputs: ['y'] };
    expect(await of([held, asks], {}, x)).toEqual([1]);
    expect(await of([{ ...held, inputs: [] }, asks], {}, x)).toEqual([0]);
    expect(await of([held, { ...asks, op: 'OptionalGetElement' }], {}, x)).toEqual([1, 2]);
  });
});

describe('graphs inside of nodes', () => {
  it('loop until the data say so, and keep what every round gives', async () => {
    const body: FileGraph = {
      inputs: { i: [], condition: [], total: ['n'] },
      dtypes: { i: 'int64', condition: 'bool' },
      outputs: ['goesOn', 'next', 'kept'],
      nodes: [
        { op: 'Add', inputs: ['total', 'x'], outputs: ['next'] },
        { op: 'ReduceSum', inputs: ['next'], outputs: ['sum'], attributes: { keepdims: 0 } },
        { op: 'Less', inputs: ['sum', 'limit'], outputs: ['goesOn'] },
        { op: 'Identity', inputs: ['next'], outputs: ['kept'] },
      ],
    };
    const graph: FileGraph = {
      inputs: { x: [2] },
      outputs: ['y', 'all'],
      initializers: { limit: { shape: [], values: [10] }, most: one(100) },
      nodes: [{ op: 'Loop', inputs: ['most', '', 'x'], outputs: ['y', 'all'], attributes: { body: { graph: body } } }],
    };
    expect(await run(graph, { x: floats([2], [1, 2]) })).toEqual({ y: [4, 8], all: [2, 4, 3, 6, 4, 8] });
  });

  it('scan an axis, backwards too', async () => {
    const body: FileGraph = {
      inputs: { state: [], part: [] },
      outputs: ['sum', 'so_far'],
      nodes: [
        { op: 'Add', inputs: ['state', 'part'], outputs: ['sum'] },
        { op: 'Identity', inputs: ['sum'], outputs: ['so_far'] },
      ],
    };
    const scan = (direction: number): FileGraph => ({
      inputs: { x: [3] },
      outputs: ['total', 'sums'],
      initializers: { zero: { shape: [], values: [0] } },
      nodes: [
        {
          op: 'Scan',
          inputs: ['zero', 'x'],
          outputs: ['total', 'sums'],
          attributes: { body: { graph: body }, num_scan_inputs: 1, scan_input_directions: [direction] },
        },
      ],
    });
    const x = floats([3], [1, 2, 4]);
    expect(await run(scan(0), { x })).toEqual({ total: [7], sums: [1, 3, 7] });
    expect(await run(scan(1), { x })).toEqual({ total: [7], sums: [4, 6, 7] });
  });
});

describe('what does not fit is refused', () => {
  it('a loop that never ends', async () => {
    const body: FileGraph = {
      inputs: { i: [], condition: [] },
      dtypes: { i: 'int64', condition: 'bool' },
      outputs: ['goesOn'],
      nodes: [{ op: 'Identity', inputs: ['condition'], outputs: ['goesOn'] }],
    };
    const graph: FileGraph = {
      inputs: { x: [1] },
      outputs: ['x'],
      nodes: [{ op: 'Loop', inputs: [], outputs: [], attributes: { body: { graph: body } } }],
    };
    await expect(run(graph, { x: floats([1], [1]) })).rejects.toMatchObject({
      code: 'format',
      message: expect.stringContaining('does not end within 100000 rounds'),
    });
  });

  const x = floats([2, 2], [1, 2, 3, 4]);
  it.each<[string, FileNode, Record<string, FileTensor>]>([
    [
      'an index beyond the axis',
      { op: 'ScatterND', inputs: ['x', 'i', 'u'], outputs: ['y'] },
      { i: { dtype: 'int64', shape: [1, 1], values: [2] }, u: { shape: [1, 2], values: [0, 0] } },
    ],
    [
      'updates of another size',
      { op: 'ScatterND', inputs: ['x', 'i', 'u'], outputs: ['y'] },
      { i: { dtype: 'int64', shape: [1, 1], values: [0] }, u: { shape: [3], values: [0, 0, 0] } },
    ],
    [
      'a reduction that is not known',
      { op: 'ScatterElements', inputs: ['x', 'i', 'x'], outputs: ['y'], attributes: { reduction: 'mean' } },
      { i: { dtype: 'int64', shape: [2, 2], values: [0, 0, 0, 0] } },
    ],
    ['a grid of other axes', { op: 'GridSample', inputs: ['x', 'x'], outputs: ['y'] }, {}],
    [
      'columns that make no picture',
      { op: 'Col2Im', inputs: ['c', 's', 'k'], outputs: ['y'] },
      { c: { shape: [1, 5, 3], values: Array(15).fill(0) }, s: whole(4, 4), k: whole(2, 2) },
    ],
    [
      'parts that do not make the axis',
      { op: 'SplitToSequence', inputs: ['x', 'p'], outputs: ['y'] },
      { p: whole(1, 2) },
    ],
  ])('%s', async (_, node, initializers) => {
    await expect(of([node], initializers, x)).rejects.toMatchObject({ name: 'FoveaError' });
  });
});
