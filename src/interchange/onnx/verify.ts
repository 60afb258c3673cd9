// Whether an ONNX file computes what the model does that it was written from: both on one example.
import { FoveaError } from '../../core/errors.js';
import { fillUniform, keyFromSeed } from '../../core/random.js';
import { sizeOf } from '../../core/shape.js';
import type { TensorType } from '../../graph/op.js';
import { tensor } from '../../graph/tensor.js';
import type { TrainableModel } from '../../nn/model.js';
import { transpose } from '../../ops/index.js';
import { channelsFirst } from './export-graph.js';
import { load, realiseAll } from './session.js';
import { type HostValue, hostValue, tensorValue } from './values.js';

// Of the largest output: sums in other orders differ by less, a wrong one by more.
const TOLERANCE = 1e-3;

/** How inputs and outputs lie in the file. */
interface Layouts {
  readonly inputLayout?: 'channelsLast' | 'channelsFirst';
  readonly outputLayout?: 'channelsLast' | 'channelsFirst';
}

/** Throws `value` where the file and the model differ on random numbers, by their largest difference; gives it. */
export async function verifyOnnx(
  model: TrainableModel,
  bytes: Uint8Array,
  types: readonly TensorType[],
  { inputLayout, outputLayout }: Layouts,
): Promise<number> {
  const runner = await load(bytes);
  const examples = types.map(({ shape, dtype }, i): HostValue => {
    const sizes = shape.map((dim) => (dim === -1 ? 2 : dim));
    const data = new Float32Array(sizeOf(sizes));
    fillUniform(data, keyFromSeed(1), i);
    // Whole numbers are places or truth values: 0 and 1 are both.
    return hostValue(
      dtype === 'float32' || dtype === 'int32' || dtype === 'uint8' || dtype === 'bool' ? dtype : 'float32',
      sizes,
      Array.from(data, (value) => (dtype === 'float32' ? value : Math.round(value))),
    );
  });
  const given = examples.map(({ data, shape, dtype }, i) => {
    const name = runner.inputs[i]?.name ?? '';
    const isTurned = inputLayout === 'channelsFirst' && shape.length >= 3 && dtype === 'float32';
    if (!isTurned) return [name, hostValue(dtype, shape, data)] as const;
    const turned = transpose(tensor(data as Float32Array, { shape }), channelsFirst(shape.length));
    return [name, tensorValue(dtype, turned)] as const;
  });
  const found = await runner.run(Object.fromEntries(given));
  const asInput = ({ data, shape, dtype }: HostValue) => ({
    data: dtype === 'float32' ? (data as Float32Array) : Float32Array.from(data as Float32Array),
    shape,
    dtype: 'float32' as const,
  });
  const wanted = await model.predict(examples.length === 1 ? asInput(examples[0] as HostValue) : examples.map(asInput));
  let [difference, largest] = [0, 0];
  for (const [i, { data, shape }] of wanted.outputs.entries()) {
    const value = found[runner.outputs[i]?.name ?? ''];
    const isTurned = outputLayout === 'channelsFirst' && shape.length >= 3;
    const order = isTurned ? channelsFirst(shape.length) : shape.map((_, axis) => axis);
    const turned = tensorValue('float32', transpose(tensor(data as Float32Array, { shape }), order));
    const want = (await realiseAll([turned]))[0]?.data as Float32Array;
    if (value?.kind !== 'host' || value.data.length !== want.length) {
      throw differs(model, `output ${i} has another shape`, Number.NaN);
    }
    want.forEach((each, at) => {
      difference = Math.max(difference, Math.abs(each - Number(value.data[at])));
      largest = Math.max(largest, Math.abs(each));
    });
  }
  if (difference <= TOLERANCE * Math.max(largest, 1e-6)) return difference;
  throw differs(model, `they differ by ${difference} where the largest output is ${largest}`, difference);
}

function differs(model: TrainableModel, how: string, got: number): FoveaError {
  return new FoveaError({
    code: 'value',
    op: 'export',
    message: `the ONNX file of "${model.name}" computes something else than the model: ${how}.`,
    got,
    hint: 'This is a mistake of the export: please report it, with the model.',
  });
}
