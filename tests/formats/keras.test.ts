import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FoveaError } from '../../src/core/errors.js';
import {
  type KerasArchive,
  kerasDate,
  readKerasArchive,
  readWeights,
  writeKerasArchive,
  writeWeights,
} from '../../src/formats/keras.js';
import { type ModelConfig, makeModelConfig, parseModelConfig } from '../../src/formats/keras-config.js';
import { readLegacyH5 } from '../../src/formats/keras-legacy.js';
import { collectWeights, makeWeightTree, type SavedObject } from '../../src/formats/keras-paths.js';
import { type StoredArray, storedArray, storedFloats } from '../../src/formats/stored.js';
import { ZipReader } from '../../src/formats/zip.js';
import { processorTime } from '../processor-time.js';
import { goldenBytes, goldenFolder, goldenJson } from './golden.js';

const small: SavedObject = {
  className: 'Sequential',
  name: 'small',
  variables: [],
  children: [
    {
      attribute: 'layers',
      items: [
        {
          className: 'Conv2D',
          name: 'conv',
          variables: [
            { name: 'kernel', shape: [3, 3, 2, 4] },
            { name: 'bias', shape: [4] },
          ],
        },
        { className: 'Flatten', name: 'flat', variables: [] },
        {
          className: 'Dense',
          name: 'dense',
          variables: [
            { name: 'kernel', shape: [64, 3] },
            { name: 'bias', shape: [3] },
          ],
        },
      ],
    },
  ],
};

function ramp(shape: number[], start: number): StoredArray {
  const size = shape.reduce((product, dim) => product * dim, 1);
  return storedArray(
    shape,
    'float32',
    Float32Array.from({ length: size }, (_, i) => start + i),
  );
}

function archive(): KerasArchive {
  return {
    metadata: { keras_version: '3.15.1', date_saved: '2025-01-31@12:00:00' },
    config: { module: 'keras', class_name: 'Sequential', config: { name: 'small', layers: [] }, registered_name: null },
    weights: makeWeightTree(small, [ramp([3, 3, 2, 4], 0), ramp([4], 100), ramp([64, 3], 200), ramp([3], 500)]),
    // More than ten, so that their names sort otherwise than their numbers.
    optimizer: Array.from({ length: 13 }, (_, i) => ramp([], i)),
    optimizerName: 'nadam',
    training: { epoch: 5, callbacks: [{ best: 0.5 }] },
    trainingBytes: new Uint8Array([9, 8, 7]),
  };
}

function values(arrays: readonly (StoredArray | undefined)[] = []): unknown[] {
  return arrays.map((array) => array && [array.dtype, array.shape, array.data()]);
}

describe('.keras and .weights.h5', () => {
  it('gives back what it wrote', () => {
    const before = archive();
    const after = readKerasArchive(writeKerasArchive(before), 'small.keras');
    const { metadata, config, training, trainingBytes, optimizerName } = before;
    expect(after).toMatchObject({ metadata, config, training, trainingBytes, optimizerName });
    expect(values(after.optimizer)).toEqual(values(before.optimizer));
    expect(values(collectWeights(small, after.weights))).toEqual(values([...before.weights.arrays.values()]));
    expect(new Map(after.weights.names)).toEqual(new Map(before.weights.names));
  });

  it('lays the archive out as Keras does', () => {
    const zip = new ZipReader(writeKerasArchive(archive()), 'small.keras');
    expect(zip.names).toEqual([
      'metadata.json',
      'config.json',
      'model.weights.h5',
      'fovea/training.json',
      'fovea/training.bin',
    ]);
    const { training: _, trainingBytes: __, ...plain } = archive();
    expect(new ZipReader(writeKerasArchive(plain), 'small.keras').names).toHaveLength(3);
    expect(kerasDate(new Date(Date.UTC(2025, 0, 31, 23, 59, 59)))).toBe('2025-01-31@23:59:59');
  });

  it('keeps an optimizer out of weights that have none, and refuses one with gaps', () => {
    const { weights } = archive();
    expect(readWeights(writeWeights({ weights }), 'w').optimizer).toBeUndefined();
    const gap = new Map([...weights.arrays, ['optimizer/vars/2', ramp([], 0)]]);
    expect(() => readWeights(writeWeights({ weights: { ...weights, arrays: gap } }), 'w')).toThrow('without a gap');
  });

  it('refuses a config that is no model', () => {
    const bytes = writeKerasArchive({ ...archive(), config: { class_name: 7 } });
    expect(() => readKerasArchive(bytes, 'm.keras')).toThrow(
      /config.json does not describe a Keras model[\s\S]*at m.keras: config.json/,
    );
  });
});

interface GoldenWeight {
  path: string;
  shape: number[];
  dtype: string;
  sum: number;
  first: number[];
}

interface GoldenModel {
  weights: GoldenWeight[];
  optimizer?: { variables: unknown[] };
}

interface DamagedCases {
  good: string[];
  cases: { file: string; expect: string; error: string[] }[];
}

function digest(array: StoredArray | undefined): { shape: unknown; sum: number; first: number[] } {
  const floats = array === undefined ? new Float32Array(0) : storedFloats(array);
  return { shape: array?.shape, sum: floats.reduce((sum, each) => sum + each, 0), first: [...floats.subarray(0, 4)] };
}

function expectDigest(array: StoredArray | undefined, want: GoldenWeight): void {
  const got = digest(array);
  expect([want.path, got.shape, got.first]).toEqual([want.path, want.shape, want.first.map(Math.fround)]);
  expect(Math.abs(got.sum - want.sum)).toBeLessThan(1e-3);
}

/** The model's objects, each with the weights that the legacy file lists under its top-level layer. */
function savedModel(model: ModelConfig, weightsOf: (layer: string) => StoredArray[]): SavedObject {
  const items = model.layers
    // Keras leaves a Sequential model's input out of its layers.
    .filter(({ className }) => model.kind === 'functional' || className !== 'InputLayer')
    .map((layer): SavedObject => {
      const variables = weightsOf(layer.name).map(({ shape }, i) => ({ name: String(i), shape }));
      return { className: layer.className, name: layer.name, variables };
    });
  const className = model.kind === 'functional' ? 'Functional' : 'Sequential';
  return { className, name: model.name, variables: [], children: [{ attribute: 'layers', items }] };
}

describe.skipIf(goldenFolder === undefined)('files of Python’s Keras', () => {
  const names = goldenFolder === undefined ? [] : readdirSync(join(goldenFolder, 'models/files'));
  const models = names.filter((name) => name.endsWith('.keras')).map((name) => name.replace('.keras', ''));

  it.each(models)('%s: weights by path and by layer, optimizer, copies', (name) => {
    const golden = goldenJson<GoldenModel>(`models/files/${name}.json`);
    const keras = readKerasArchive(goldenBytes(`models/files/${name}.keras`), `${name}.keras`);
    const legacy = readLegacyH5(goldenBytes(`models/files/${name}.h5`), `${name}.h5`, { needsModel: true });

    // The legacy file lists the weights in the model's own order.
    const legacyArrays = legacy.layers.flatMap(({ weights }) => weights.map(({ array }) => array));
    expect(legacyArrays).toHaveLength(golden.weights.length);
    golden.weights.forEach((want, i) => {
      expectDigest(legacyArrays[i], want);
    });

    const model = parseModelConfig(keras.config, { file: name });
    const legacyModel = parseModelConfig(legacy.config, { file: name });
    const outline = (config: ModelConfig): unknown =>
      config.layers.map((layer) => [layer.className, layer.name, layer.config, layer.inbound]);
    expect(outline(legacyModel)).toEqual(outline(model));

    const stored = readWeights(goldenBytes(`models/files/${name}.weights.h5`), name);
    const optimizerCount = golden.optimizer?.variables.length;
    expect(keras.optimizer?.length).toBe(optimizerCount);
    expect(legacy.optimizerWeights?.length).toBe(optimizerCount);
    expect(values(stored.optimizer)).toEqual(values(keras.optimizer));
    expect(values(legacy.optimizerWeights?.map(({ array }) => array))).toEqual(values(keras.optimizer));

    // A copy that passed through the neutral forms is the same model.
    const copy = readKerasArchive(writeKerasArchive({ ...keras, config: makeModelConfig(model) }), 'copy.keras');
    expect(parseModelConfig(copy.config)).toEqual(model);
    for (const tree of [stored.weights, copy.weights]) {
      expect([...tree.arrays.keys()]).toEqual([...keras.weights.arrays.keys()]);
      expect(values([...tree.arrays.values()])).toEqual(values([...keras.weights.arrays.values()]));
      expect(new Map(tree.names)).toEqual(new Map(keras.weights.names));
    }

    const hasInnerModels = model.layers.some((layer) => layer.model !== null);
    const hasWrappers = [...keras.weights.arrays.keys()].some((path) => !/^layers\/[^/]+\/vars\/\d+$/.test(path));
    if (hasInnerModels || hasWrappers) return;
    const weightsOf = (layer: string): StoredArray[] =>
      legacy.layers.find((each) => each.name === layer)?.weights.map(({ array }) => array) ?? [];
    const collected = collectWeights(savedModel(model, weightsOf), keras.weights, { file: name });
    golden.weights.forEach((want, i) => {
      expectDigest(collected[i], want);
    });
  });

  it('finds the weights of models within models', () => {
    const keras = readKerasArchive(goldenBytes('models/files/nested.keras'), 'nested.keras');
    const golden = goldenJson<GoldenModel>('models/files/nested.json').weights;
    const build = (model: ModelConfig): SavedObject => {
      const items = model.layers
        .filter(({ className }) => model.kind === 'functional' || className !== 'InputLayer')
        .map((layer): SavedObject => {
          if (layer.model !== null) return build(layer.model);
          const own = golden.filter(({ path }) => path.split('/').at(-2) === layer.name);
          return {
            className: layer.className,
            name: layer.name,
            variables: own.map(({ path, shape }) => ({ name: path, shape })),
          };
        });
      const className = model.kind === 'functional' ? 'Functional' : 'Sequential';
      return { className, name: model.name, variables: [], children: [{ attribute: 'layers', items }] };
    };
    const collected = collectWeights(build(parseModelConfig(keras.config)), keras.weights, { file: 'nested.keras' });
    expect(collected).toHaveLength(golden.length);
    golden.forEach((want, i) => {
      expectDigest(collected[i], want);
    });
  });

  const legacyNames = names.filter((name) => name.endsWith('.legacy.h5'));
  it.each(legacyNames)('%s: weights alone', (file) => {
    const golden = goldenJson<GoldenModel>(`models/files/${file.replace('.legacy.h5', '.json')}`);
    const legacy = readLegacyH5(goldenBytes(`models/files/${file}`), file);
    expect([legacy.config, legacy.optimizerWeights]).toEqual([null, null]);
    const arrays = legacy.layers.flatMap(({ weights }) => weights.map(({ array }) => array));
    golden.weights.forEach((want, i) => {
      expectDigest(arrays[i], want);
    });
  });

  const damaged =
    goldenFolder === undefined ? { good: [], cases: [] } : goldenJson<DamagedCases>('models/damaged/expected.json');
  const good = damaged.good.map((file) => ({ file, expect: 'load', error: [] as string[] }));

  it.each([...good, ...damaged.cases])('$file: $expect', ({ file, expect: expected, error: words }) => {
    const bytes = goldenBytes(`models/damaged/${file}`);
    const start = processorTime();
    let message = '';
    try {
      load(bytes, file);
    } catch (error) {
      if (!(error instanceof FoveaError)) throw error;
      expect(error.code).toBe('format');
      message = error.message;
    }
    expect(processorTime() - start).toBeLessThan(1000);
    expect(message === '' ? 'load' : 'error').toBe(expected);
    for (const word of words) expect(message).toMatch(new RegExp(word, 'i'));
    if (message !== '') expect(message).toContain(file);
  });
});

function load(bytes: Uint8Array, file: string): void {
  if (file.endsWith('.keras')) {
    const { config, weights } = readKerasArchive(bytes, file);
    parseModelConfig(config, {
      file,
      isKnownClass: (name) => ['InputLayer', 'Conv2D', 'Flatten', 'Dense'].includes(name),
    });
    for (const array of collectWeights(small, weights, { file })) array?.data();
  } else if (file.endsWith('.weights.h5')) {
    for (const array of collectWeights(small, readWeights(bytes, file).weights, { file })) array?.data();
  } else {
    for (const { weights } of readLegacyH5(bytes, file, { needsModel: true }).layers)
      for (const { array } of weights) array.data();
  }
}
