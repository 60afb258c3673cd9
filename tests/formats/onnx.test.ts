import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FoveaError } from '../../src/core/errors.js';
import { type OnnxModel, parseOnnx } from '../../src/formats/onnx.js';
import { type ModelProto, modelProto, ONNX_DTYPES, type TensorProto } from '../../src/formats/onnx-schema.js';
import { writeMessage } from '../../src/formats/protobuf.js';
import { models } from '../../src/index.js';
import type { HostValue } from '../../src/interchange/onnx/values.js';

const folder = mkdtempSync(join(tmpdir(), 'fovea-onnx-'));
afterAll(() => rmSync(folder, { recursive: true }));

const port = (name: string): NonNullable<NonNullable<ModelProto['graph']>['input']>[number] => ({
  name,
  type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'n' }, { dimValue: 2n }] } } },
});

/** x + the tensor, unless other parts are given. */
function file(
  tensor: TensorProto,
  more: Partial<ModelProto> = {},
  graph: Partial<NonNullable<ModelProto['graph']>> = {},
): Uint8Array {
  return writeMessage(modelProto, {
    irVersion: 8n,
    graph: {
      name: 'g',
      node: [{ opType: 'Add', name: 'sum', input: ['x', 'w'], output: ['y'] }],
      initializer: [{ name: 'w', ...tensor }],
      input: [port('x')],
      output: [port('y')],
      ...graph,
    },
    opsetImport: [{ domain: '', version: 17n }],
    ...more,
  });
}

const dataOf = (model: OnnxModel): unknown[] => Array.from(model.graph.initializers.get('w')?.data as Float64Array);
const raw = (data: ArrayBufferView): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

async function refusal(bytes: Uint8Array): Promise<FoveaError> {
  try {
    await parseOnnx(bytes, { name: 'a.onnx' });
  } catch (error) {
    if (error instanceof FoveaError) return error;
    throw error;
  }
  throw new Error('was read');
}

describe('tensors of ONNX files', () => {
  const cases: readonly (readonly [keyof typeof ONNX_DTYPES, Partial<TensorProto>, readonly unknown[]])[] = [
    ['float32', { rawData: raw(Float32Array.of(1.5, -2)) }, [1.5, -2]],
    ['float32', { floatData: Float32Array.of(1.5, -2) }, [1.5, -2]],
    ['float64', { rawData: raw(Float64Array.of(Math.PI, 1e300)) }, [Math.PI, 1e300]],
    ['float64', { doubleData: Float64Array.of(Math.E, 0) }, [Math.E, 0]],
    ['float16', { rawData: Uint8Array.of(0, 0x3e, 0, 0xc0) }, [1.5, -2]],
    ['float16', { int32Data: [0x3e00, 0xc000] }, [1.5, -2]],
    ['bfloat16', { rawData: Uint8Array.of(0xc0, 0x3f, 0, 0xc0) }, [1.5, -2]],
    ['float8e4m3fn', { rawData: Uint8Array.of(0x3c, 0xfe) }, [1.5, -448]],
    ['float8e5m2', { rawData: Uint8Array.of(0x3e, 0xfc) }, [1.5, Number.NEGATIVE_INFINITY]],
    ['float8e4m3fnuz', { rawData: Uint8Array.of(0x44, 0x80) }, [1.5, Number.NaN]],
    ['float8e5m2fnuz', { rawData: Uint8Array.of(0x42, 0x80) }, [1.5, Number.NaN]],
    ['float4e2m1', { rawData: Uint8Array.of(0xf3) }, [1.5, -6]],
    ['float8e8m0', { rawData: Uint8Array.of(128, 126) }, [2, 0.5]],
    ['int64', { rawData: raw(BigInt64Array.of(-3n, 2n ** 40n)) }, [-3, 2 ** 40]],
    ['int64', { int64Data: [-3n, 2n ** 40n] }, [-3, 2 ** 40]],
    ['uint64', { uint64Data: [3n, 2n ** 40n] }, [3, 2 ** 40]],
    ['uint32', { uint64Data: [3n, 4294967295n] }, [3, 4294967295]],
    ['int32', { int32Data: [-1, 7] }, [-1, 7]],
    ['int16', { rawData: raw(Int16Array.of(-1, 300)) }, [-1, 300]],
    ['uint16', { int32Data: [65535, 1] }, [65535, 1]],
    ['int8', { rawData: Uint8Array.of(255, 1) }, [-1, 1]],
    ['uint8', { int32Data: [255, 1] }, [255, 1]],
    ['bool', { rawData: Uint8Array.of(0, 2) }, [0, 1]],
    ['int4', { rawData: Uint8Array.of(0x7f) }, [-1, 7]],
    ['uint4', { int32Data: [0xf1] }, [1, 15]],
    ['string', { stringData: ['å', ''].map((text) => new TextEncoder().encode(text)) }, ['å', '']],
  ];
  it.each(cases)('%s', async (dtype, tensor, want) => {
    const model = await parseOnnx(file({ dims: [2n], dataType: ONNX_DTYPES[dtype], ...tensor }));
    expect(model.graph.initializers.get('w')?.dtype).toBe(dtype);
    expect(dataOf(model)).toEqual(want);
  });

  it.each([0, 1, 2, 3])(
    'move to where they are aligned in bytes that may change, %i bytes further on',
    async (shift) => {
      const sizes = [3, 32, 40, 33];
      const tensors = sizes.map((size, i) => Float32Array.from({ length: size }, (_, at) => 100 * i + at));
      const initializer = tensors.map((values, i) => ({
        ...{ name: `t${i}${'x'.repeat(i)}`, dims: [BigInt(values.length)], dataType: 1, rawData: raw(values) },
      }));
      const bytes = file(
        {},
        {},
        { initializer: [{ name: 'w', dataType: 1, dims: [1n], rawData: new Uint8Array(4) }, ...initializer] },
      );
      const whole = new Uint8Array(bytes.length + shift);
      whole.set(bytes, shift);
      for (const isOwn of [false, true]) {
        const { graph } = await parseOnnx(whole.subarray(shift), { isOwn });
        const found = [...graph.initializers.values()].slice(1).map(({ data }) => data as Float32Array);
        expect(found).toEqual(tensors);
        // The first is shorter than what is moved.
        if (isOwn) expect(found.slice(1).map(({ buffer }) => buffer === whole.buffer)).toEqual([true, true, true]);
        else expect(whole.subarray(shift)).toEqual(bytes);
      }
    },
  );

  it('fill their shapes, or are refused with the name, the shape and the sizes', async () => {
    const floats = { dataType: 1, rawData: raw(new Float32Array(6)) };
    expect((await refusal(file({ dims: [2n, 4n], ...floats }))).message).toBe(
      "the tensor 'w' of the shape [2,4] and float32 needs 8 values, but the file holds 6 (in bytes, its size is wrong).\n  at a.onnx: w",
    );
    expect((await refusal(file({ dims: [-2n, 3n], ...floats }))).message).toContain('a size cannot be -2');
    expect((await refusal(file({ dims: [2n ** 62n, 9n], dataType: 1 }))).message).toContain('[4611686018427387904,9]');
    expect((await refusal(file({ dims: [6n], ...floats, dataType: 99 }))).message).toContain('has the element type 99');
  });

  it('may be sparse', async () => {
    const sparse = {
      values: { name: 'w', dims: [2n], dataType: 1, rawData: raw(Float32Array.of(5, 7)) },
      indices: { dims: [2n, 2n], dataType: 7, rawData: raw(BigInt64Array.of(0n, 1n, 1n, 0n)) },
      dims: [2n, 2n],
    };
    expect(dataOf(await parseOnnx(file({}, {}, { initializer: [], sparseInitializer: [sparse] })))).toEqual([
      0, 5, 7, 0,
    ]);
    const outside = { ...sparse, dims: [1n, 2n] };
    expect((await refusal(file({}, {}, { initializer: [], sparseInitializer: [outside] }))).message).toContain(
      'an index outside',
    );
  });
});

describe('graphs of ONNX files', () => {
  const good = { dims: [2n], dataType: 1, rawData: raw(Float32Array.of(1, 2)) };

  it('are put in an order that can run', async () => {
    const node = [
      { opType: 'Relu', input: ['s'], output: ['y'] },
      { opType: 'Add', input: ['x', 'w'], output: ['s'] },
    ];
    const model = await parseOnnx(file(good, {}, { node }));
    expect(model.graph.nodes.map(({ opType }) => opType)).toEqual(['Add', 'Relu']);
    expect(model.graph.inputs).toEqual([{ name: 'x', type: { kind: 'tensor', dtype: 'float32', shape: ['n', 2] } }]);
  });

  it.each([
    ['an empty file', new Uint8Array(), 'the file is empty'],
    ['no graph', writeMessage(modelProto, { irVersion: 8n }), 'has no graph'],
    ['text', new TextEncoder().encode('pytorch'), 'not an ONNX model'],
    ['a newer operator set', file(good, { opsetImport: [{ version: 999n }] }), 'operator set (opset) 999'],
    ['a value that nobody makes', file(good, {}, { initializer: [] }), "node 'sum' (Add) reads 'w'"],
    ['an output that nobody makes', file(good, {}, { output: [port('z')] }), "no node makes the output 'z'"],
    [
      'a value written twice',
      file(good, {}, { node: [1, 2].map(() => ({ opType: 'Relu', input: ['x'], output: ['y'] })) }),
      "'y' is written twice",
    ],
    [
      'a cycle',
      file(
        good,
        {},
        {
          node: [
            { opType: 'Relu', input: ['b'], output: ['y'] },
            { opType: 'Relu', input: ['y'], output: ['b'] },
          ],
        },
      ),
      "a cycle: 'b' needs itself",
    ],
  ])('refuse %s', async (_, bytes, words) => {
    expect((await refusal(bytes)).message).toContain(words);
  });

  it('end in an error or a graph wherever a byte is wrong', async () => {
    const whole = file(good);
    for (let at = 0; at < whole.length; at++) {
      for (const value of [0, 127, 255, (whole[at] as number) ^ 1]) {
        const bytes = whole.slice();
        bytes[at] = value;
        await parseOnnx(bytes).catch((error: unknown) => expect(error).toBeInstanceOf(FoveaError));
      }
      await parseOnnx(whole.subarray(0, at)).catch((error: unknown) => expect(error).toBeInstanceOf(FoveaError));
    }
  });
});

describe('data beside an ONNX file', () => {
  const outside = (location: string, more: Readonly<Record<string, string>> = {}): TensorProto => ({
    dims: [2n],
    dataType: 1,
    dataLocation: 1,
    externalData: Object.entries({ location, ...more }).map(([key, value]) => ({ key, value })),
  });
  const run = async (path: string): Promise<number[]> => {
    const graph = await models.loadOnnxGraph(path);
    const { y } = await graph.run({ x: { data: Float32Array.of(10, 20), shape: [1, 2] } });
    return [...((y as HostValue).data as Float32Array)];
  };
  const place = join(folder, 'model');
  mkdirSync(join(place, 'parts'), { recursive: true });
  writeFileSync(join(place, 'parts/w.bin'), raw(Float32Array.of(9, 1, 2, 9)));
  writeFileSync(join(folder, 'secret.bin'), raw(Float32Array.of(1, 2)));
  symlinkSync(join(folder, 'secret.bin'), join(place, 'link.bin'));
  const write = (tensor: TensorProto): string => {
    writeFileSync(join(place, 'model.onnx'), file(tensor));
    return join(place, 'model.onnx');
  };

  it('is read from the model’s folder, from an offset on', async () => {
    expect(await run(write(outside('parts/w.bin', { offset: '4', length: '8' })))).toEqual([11, 22]);
    expect(await run(write(outside('parts/w.bin')))).toEqual([19, 21]);
  });

  it.each(['../secret.bin', 'parts/../../secret.bin', '/etc/hostname', 'link.bin', 'C:\\x', ''])(
    'is not read from %s',
    async (location) => {
      await expect(run(write(outside(location)))).rejects.toThrow(/folder/);
    },
  );

  it('must be there, and as long as it says', async () => {
    await expect(run(write(outside('none.bin')))).rejects.toMatchObject({ code: 'file' });
    await expect(run(write(outside('parts/w.bin', { offset: '12', length: '8' })))).rejects.toThrow('has 16 bytes');
    await expect(run(write(outside('parts/w.bin', { offset: '-4' })))).rejects.toThrow("the offset '-4'");
    await expect(run(write(outside('parts/w.bin', { length: '4' })))).rejects.toThrow('needs 2 values');
  });

  it('comes with bytes where they are given', async () => {
    const bytes = file(outside('w.bin'));
    await expect(models.loadOnnxGraph(bytes)).rejects.toMatchObject({ code: 'file' });
    const files = { 'w.bin': raw(Float32Array.of(3, 4)) };
    const { y } = await (await models.loadOnnxGraph(bytes, { files })).run({ x: { data: [0, 0], shape: [1, 2] } });
    expect((y as HostValue).data).toEqual(Float32Array.of(3, 4));
  });
});
