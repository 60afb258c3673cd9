import { describe, expect, it } from 'vitest';
import '../../src/index.js';
import { ATTRIBUTE_TYPES, type AttributeProto, modelProto } from '../../src/formats/onnx-schema.js';
import { writeMessage } from '../../src/formats/protobuf.js';
import { load } from '../../src/interchange/onnx/session.js';
import { type HostValue, hostValue } from '../../src/interchange/onnx/values.js';
import { onnxFile } from './onnx-file.js';

const floats = (shape: readonly number[], values: readonly number[]): HostValue => hostValue('float32', shape, values);

async function run(file: Uint8Array, inputs: Record<string, HostValue>): Promise<Record<string, unknown>> {
  const outputs = await (await load(file)).run(inputs);
  return Object.fromEntries(
    Object.entries(outputs).map(([name, value]) => {
      const { dtype, shape, data } = value as HostValue;
      return [name, { dtype, shape, values: Array.from(data as Float64Array) }];
    }),
  );
}

describe('running ONNX graphs', () => {
  it('computes shapes on the host and elements on the engine, for any input size', async () => {
    const file = onnxFile({
      inputs: { x: ['n', 2, 'w'] },
      outputs: ['y', 'sizes'],
      initializers: {
        last: { dtype: 'int64', shape: [1], values: [-1] },
        zero: { dtype: 'int64', shape: [], values: [0] },
      },
      nodes: [
        { op: 'Shape', inputs: ['x'], outputs: ['sizes'] },
        { op: 'Gather', inputs: ['sizes', 'zero'], outputs: ['n'] },
        { op: 'Constant', inputs: [], outputs: ['axes'], attributes: { value_ints: [0] } },
        { op: 'Unsqueeze', inputs: ['n', 'axes'], outputs: ['row'] },
        { op: 'Concat', inputs: ['row', 'last'], outputs: ['target'], attributes: { axis: 0 } },
        { op: 'Reshape', inputs: ['x', 'target'], outputs: ['flat'] },
        { op: 'Relu', inputs: ['flat'], outputs: ['y'] },
      ],
    });
    expect(await run(file, { x: floats([1, 2, 2], [-1, 2, 3, -4]) })).toEqual({
      y: { dtype: 'float32', shape: [1, 4], values: [0, 2, 3, 0] },
      sizes: { dtype: 'int64', shape: [3], values: [1, 2, 2] },
    });
    expect(await run(file, { x: floats([2, 2, 1], [1, 2, 3, 4]) })).toMatchObject({ y: { shape: [2, 2] } });
  });

  it('takes and gives the element types that the graph says, where arrays have none of their own', async () => {
    const file = onnxFile({
      inputs: { x: [2], n: [1] },
      dtypes: { x: 'float16', n: 'int64' },
      outputs: ['y', 'm'],
      nodes: [
        { op: 'Mul', inputs: ['x', 'x'], outputs: ['y'] },
        { op: 'Add', inputs: ['n', 'n'], outputs: ['m'] },
      ],
    });
    const runner = await load(file);
    const outputs = await runner.run({
      x: { data: Float32Array.of(1.1, 3.3), shape: [2] },
      n: { data: [4], shape: [1] },
    });
    // 1.1 and 3.3 in 16 bits are 1.099609375 and 3.30078125.
    expect(outputs).toEqual({
      y: hostValue('float16', [2], Float32Array.of(1.208984375, 10.8984375)),
      m: hostValue('int64', [1], [8]),
    });
  });

  it('reads elements back where data decide a size', async () => {
    const file = onnxFile({
      inputs: { x: [4] },
      outputs: ['places'],
      nodes: [
        { op: 'Relu', inputs: ['x'], outputs: ['above'] },
        { op: 'NonZero', inputs: ['above'], outputs: ['places'] },
      ],
    });
    expect(await run(file, { x: floats([4], [-1, 2, 0, 3]) })).toEqual({
      places: { dtype: 'int64', shape: [1, 2], values: [1, 3] },
    });
  });

  it('counts exactly where 32 bits do not reach', async () => {
    const file = onnxFile({
      inputs: { x: [2] },
      dtypes: { x: 'int64' },
      outputs: ['y'],
      initializers: { big: { dtype: 'int64', shape: [], values: [2 ** 40] } },
      nodes: [{ op: 'Mul', inputs: ['x', 'big'], outputs: ['y'] }],
    });
    expect(await run(file, { x: hostValue('int64', [2], [3, -5]) })).toEqual({
      y: { dtype: 'int64', shape: [2], values: [3 * 2 ** 40, -5 * 2 ** 40] },
    });
  });

  it('takes an input in place of its default', async () => {
    const file = onnxFile({
      inputs: { x: [2], w: [2] },
      outputs: ['y'],
      initializers: { w: { shape: [2], values: [1, 2] } },
      nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
    });
    const x = floats([2], [10, 20]);
    expect(await run(file, { x })).toMatchObject({ y: { values: [11, 22] } });
    expect(await run(file, { x, w: floats([2], [5, 6]) })).toMatchObject({ y: { values: [15, 26] } });
  });

  it('runs functions that the file defines, with their attributes and operator sets', async () => {
    const inner = (opType: string, input: string[], output: string[], attribute: AttributeProto[] = []) => ({
      opType,
      input,
      output,
      attribute,
    });
    const file = writeMessage(modelProto, {
      irVersion: 8n,
      graph: {
        name: 'g',
        node: [
          { ...inner('Scaled', ['x'], ['a'], [{ name: 'by', type: ATTRIBUTE_TYPES.float, f: 3 }]), domain: 'own' },
          { ...inner('Scaled', ['a'], ['y']), domain: 'own' },
        ],
        input: [{ name: 'x', type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 2n }] } } } }],
        output: [{ name: 'y' }],
      },
      opsetImport: [
        { domain: '', version: 17n },
        { domain: 'own', version: 1n },
      ],
      functions: [
        {
          name: 'Scaled',
          domain: 'own',
          input: ['t'],
          output: ['u'],
          attributeProto: [{ name: 'by', type: ATTRIBUTE_TYPES.float, f: 2 }],
          // Operator set 9: the bounds of Clip are attributes.
          node: [
            inner('LeakyRelu', ['t'], ['v'], [{ name: 'alpha', type: ATTRIBUTE_TYPES.float, refAttrName: 'by' }]),
            inner('Clip', ['v'], ['u'], [{ name: 'max', type: ATTRIBUTE_TYPES.float, f: 4 }]),
          ],
          opsetImport: [{ domain: '', version: 9n }],
        },
      ],
    });
    expect(await run(file, { x: floats([2], [-1, 5]) })).toMatchObject({ y: { values: [-6, 4] } });
  });

  it('names operators and inputs that it does not know', async () => {
    const node = { op: 'ReluFancy', inputs: ['x'], outputs: ['y'], name: 'first' };
    const unknown = onnxFile({ inputs: { x: [1] }, outputs: ['y'], nodes: [node] });
    await expect(load(unknown, { name: 'a.onnx' })).rejects.toThrow("the operator 'ReluFancy' is not known");
    const foreign = onnxFile({ inputs: { x: [1] }, outputs: ['y'], nodes: [{ ...node, domain: 'org.example' }] });
    await expect(load(foreign)).rejects.toThrow("'ReluFancy' of the domain 'org.example'");
    const good = await load(onnxFile({ inputs: { x: [1] }, outputs: ['y'], nodes: [{ ...node, op: 'Relu' }] }));
    await expect(good.run({})).rejects.toThrow("the input 'x' is missing; the graph takes x.");
  });
});
