// ONNX files with what ONNX Runtime gave for them: every graph is run as it stands, and as a model of layers where its sizes do
// not depend on data. And damaged files: each ends in an error that says what is wrong.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HostArray } from '../../src/data/index.js';
import { parseOnnx } from '../../src/formats/onnx.js';
import type { OnnxDtype } from '../../src/formats/onnx-schema.js';
import { readSafetensors } from '../../src/formats/safetensors.js';
import { type StoredArray, storedFloats } from '../../src/formats/stored.js';
import { tensor } from '../../src/graph/tensor.js';
import { models, type Tensor } from '../../src/index.js';
import { load } from '../../src/interchange/onnx/session.js';
import { type HostValue, hostValue } from '../../src/interchange/onnx/values.js';
import { type DamagedFile, loadDamaged } from './damaged.js';
import type { Findings } from './findings.js';
import { broken, type GoldenCase, type GoldenFolder, type Machine, messageOf } from './folder.js';

interface OnnxCase {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly ops: readonly string[];
}

const FOLDER = 'onnx';
const DAMAGED = 'onnx/damaged';

/** Why graphs are no models: how many boxes are left follows from the data; one row of the inputs is no example. */
const NO_MODEL: readonly string[] = ['regions', 'selection'];

/** Every file, run as a graph and as a model. */
export function onnxCases(folder: GoldenFolder): GoldenCase[] {
  const suite = 'onnx';
  let cases: readonly OnnxCase[];
  let damaged: readonly DamagedFile[];
  try {
    cases = (folder.json(`${FOLDER}/cases.json`) as { cases: readonly OnnxCase[] }).cases;
    damaged = folder.has(`${DAMAGED}/expected.json`)
      ? (folder.json(`${DAMAGED}/expected.json`) as { cases: readonly DamagedFile[] }).cases
      : [];
  } catch (error) {
    return [broken(suite, 'cases.json', messageOf(error))];
  }
  return [
    ...cases.flatMap((each): GoldenCase[] => [
      ...(NO_MODEL.includes(each.name)
        ? []
        : [
            {
              suite,
              name: each.name,
              replay: (machine: Machine, findings: Findings) => replayModel(each, folder, machine, findings),
            },
          ]),
      {
        suite,
        name: `${each.name} as a graph`,
        replay: (machine, findings) => replayGraph(each, folder, machine, findings),
      },
    ]),
    ...damaged.map(
      (each): GoldenCase => ({
        suite,
        name: `damaged/${each.file}`,
        replay: async (_, findings) => {
          const path = join(folder.path, DAMAGED, each.file);
          await loadDamaged(each, () => models.load(path), DAMAGED, folder, findings);
        },
      }),
    ),
  ];
}

type Stored = ReadonlyMap<string, StoredArray>;

function arraysOf(folder: GoldenFolder, name: string): Stored {
  return readSafetensors(new Uint8Array(readFileSync(join(folder.path, FOLDER, `${name}.safetensors`))), name).tensors;
}

function arrayOf(stored: Stored, name: string): StoredArray {
  const found = stored.get(name);
  if (found === undefined) throw new Error(`there is no array "${name}"`);
  return found;
}

/** How far outputs may lie: a file of 16-bit floats has its own bound, one of quantised numbers that of its last step. */
async function boundOf(
  { name, ops }: OnnxCase,
  folder: GoldenFolder,
): Promise<{ kind: 'onnx' | 'onnx16' | 'steps'; step: number }> {
  if (name === 'float16') return { kind: 'onnx16', step: 1 };
  if (!ops.includes('DequantizeLinear')) return { kind: 'onnx', step: 1 };
  const { graph } = await parseOnnx(new Uint8Array(readFileSync(join(folder.path, FOLDER, `${name}.onnx`))), { name });
  const last = graph.nodes.filter(({ opType }) => opType === 'DequantizeLinear').at(-1);
  return { kind: 'steps', step: Number(graph.initializers.get(last?.inputs[1] ?? '')?.data[0]) };
}

async function compare(
  each: OnnxCase,
  folder: GoldenFolder,
  findings: Findings,
  stored: Stored,
  outputs: readonly { readonly data: ArrayLike<number>; readonly shape: readonly number[] }[],
): Promise<void> {
  const { kind, step } = await boundOf(each, folder);
  for (const [i, name] of each.outputs.entries()) {
    const want = arrayOf(stored, `output.${name}`);
    const got = outputs[i];
    findings.same(`shape of ${name}`, got?.shape, want.shape);
    const scaled = (data: ArrayLike<number>): number[] => Array.from(data, (value) => Number(value) / step);
    findings.close(name, scaled(got?.data ?? []), scaled(storedFloats(want)), kind, want.shape);
  }
}

async function replayModel(each: OnnxCase, folder: GoldenFolder, machine: Machine, findings: Findings): Promise<void> {
  const stored = arraysOf(folder, each.name);
  const model = await models.load(join(folder.path, FOLDER, `${each.name}.onnx`));
  const inputs = each.inputs.map((name): HostArray => {
    const array = arrayOf(stored, `input.${name}`);
    return { data: storedFloats(array), shape: array.shape, dtype: 'float32' };
  });
  if (machine.predict === undefined) {
    const given = inputs.map(({ data, shape }) => tensor(data as Float32Array, { shape }));
    const made = model.applyAll(given);
    const data = await machine.evaluate(made);
    await compare(
      each,
      folder,
      findings,
      stored,
      made.map((each: Tensor, i) => ({ shape: each.shape, data: data[i] ?? [] })),
    );
    return;
  }
  const { outputs } = await model.predict(inputs.length === 1 ? (inputs[0] as HostArray) : inputs);
  await compare(each, folder, findings, stored, outputs);
}

/** Graphs read elements back in between, which needs an engine. */
async function replayGraph(each: OnnxCase, folder: GoldenFolder, machine: Machine, findings: Findings): Promise<void> {
  const graph = await load(join(folder.path, FOLDER, `${each.name}.onnx`));
  findings.same(
    'outputs',
    graph.outputs.map(({ name }) => name),
    each.outputs,
  );
  if (machine.predict === undefined) return;
  const stored = arraysOf(folder, each.name);
  const inputs = each.inputs.map((name) => {
    const array = arrayOf(stored, `input.${name}`);
    return [name, hostValue(array.dtype as OnnxDtype, array.shape, [...storedFloats(array)])] as const;
  });
  const outputs = await graph.run(Object.fromEntries(inputs));
  const values = each.outputs.map((name) => outputs[name] as HostValue);
  findings.same(
    'dtypes',
    values.map(({ dtype }) => dtype),
    each.outputs.map((name) => arrayOf(stored, `output.${name}`).dtype),
  );
  await compare(
    each,
    folder,
    findings,
    stored,
    values.map(({ data, shape }) => ({ data: data as Float64Array, shape })),
  );
}
