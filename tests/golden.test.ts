// Golden values: every case of the folder beside FOVEA_DATA, in float64 and on the engines, and whether a replay notices
// what is wrong. `npm run golden` replays the same cases.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeSafetensors } from '../src/formats/safetensors.js';
import { storedArray } from '../src/formats/stored.js';
import { disposeEngine, setEngine } from '../src/index.js';
import { Findings } from '../tools/golden/findings.js';
import { engine, reference } from '../tools/golden/machines.js';
import { goldenCases, replayCase, SUITE_NAMES } from '../tools/golden/replay.js';
import { goldenFolder } from './nn/golden.js';

/** Whole networks have a test of their own, tests/zoo/golden.test.ts, which leaves the largest to the night. */
const SUITES = SUITE_NAMES.filter((suite) => suite !== 'zoo' && suite !== 'tasks-classifiers');

/**
 * Where each part is replayed: training goes through `fit`, which only engines run; and which pixel is nearest hangs on
 * float32's roundings.
 */
const MACHINES = [
  {
    name: 'float64',
    machine: reference,
    suites: SUITES.filter((suite) => suite !== 'training' && suite !== 'images'),
  },
  { name: 'native', machine: engine, suites: SUITES },
  { name: 'wasm', machine: engine, suites: SUITES },
] as const;

describe.skipIf(goldenFolder === undefined).each(MACHINES)('golden values on $name', ({ name, machine, suites }) => {
  beforeAll(async () => {
    if (name !== 'float64') await setEngine(name);
  });
  afterAll(() => (name === 'float64' ? undefined : disposeEngine()));

  const cases = goldenFolder === undefined ? [] : goldenCases(goldenFolder);
  for (const each of cases.filter(({ suite }) => suites.includes(suite))) {
    it(`${each.suite}/${each.name}`, async () => {
      const { failure } = await replayCase(each, machine);
      expect(failure).toBeUndefined();
    });
  }
});

describe('a folder of golden values', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'fovea-golden-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const write = (file: string, content: string | Uint8Array): void => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), content);
  };
  /** y = x * kernel + bias over two rows, and its gradients for dy = 1, worked out by hand. */
  const ARRAYS: Readonly<Record<string, readonly [readonly number[], readonly number[]]>> = {
    'input/0': [
      [2, 2],
      [1, 2, 3, 4],
    ],
    'weight/0': [
      [2, 1],
      [10, 100],
    ],
    'weight/1': [[1], [5]],
    'output/0': [
      [2, 1],
      [215, 435],
    ],
    'dy/0': [
      [2, 1],
      [1, 1],
    ],
    'grad/input/0': [
      [2, 2],
      [10, 100, 10, 100],
    ],
    'grad/weight/0': [
      [2, 1],
      [4, 6],
    ],
    'grad/weight/1': [[1], [2]],
  };
  const stored = (arrays: typeof ARRAYS): Uint8Array =>
    writeSafetensors(
      new Map(
        Object.entries(arrays).map(([name, [shape, values]]) => [
          name,
          storedArray(shape, 'float32', Float32Array.from(values)),
        ]),
      ),
    );
  const dense = (name: string): object => ({
    name,
    class: 'Dense',
    args: { units: 1 },
    config: { ...{ name: 'd', trainable: true, units: 1, activation: 'linear' } },
    call: { inputs: 'single' },
    inputs: [{ tensor: 'input/0', shape: [2, 2], dtype: 'float32' }],
    weights: [
      { tensor: 'weight/0', name: 'kernel', trainable: true, shape: [2, 1] },
      { tensor: 'weight/1', name: 'bias', trainable: true, shape: [1] },
    ],
    outputs: [{ tensor: 'output/0', shape: [2, 1], dtype: 'float32' }],
    gradients: ['grad/input/0', 'grad/weight/0', 'grad/weight/1'],
    updated: [],
  });
  const withoutConfig = (each: object): object => ({ ...each, config: undefined });
  const failures = async (): Promise<Record<string, string | undefined>> => {
    const outcomes: [string, string | undefined][] = [];
    for (const each of goldenCases(folder)) outcomes.push([each.name, (await replayCase(each, reference)).failure]);
    return Object.fromEntries(outcomes);
  };

  it('replays what is right, fails what is wrong, and goes on after what is damaged', async () => {
    const names = ['right', 'wrong', 'cut', 'absent', 'named'];
    const cases = names.map((name) => withoutConfig(dense(name)));
    const unknown = { ...withoutConfig(dense('unknown')), class: 'Denser' };
    const nothing = { name: 'function', function: 'no_such', args: {}, inputs: [], outputs: [], gradients: [] };
    write('layers/cases.json', JSON.stringify({ cases: [...cases, unknown, nothing, 7] }));
    write('layers/right.safetensors', stored(ARRAYS));
    write(
      'layers/wrong.safetensors',
      stored({
        ...ARRAYS,
        'output/0': [
          [2, 1],
          [215, 435.5],
        ],
      }),
    );
    write('layers/cut.safetensors', stored(ARRAYS).subarray(0, 400));
    const { 'grad/weight/1': _, ...rest } = ARRAYS;
    write('layers/named.safetensors', stored(rest as typeof ARRAYS));
    write('layers/unknown.safetensors', stored(ARRAYS));
    write('layers/function.safetensors', stored(ARRAYS));
    write('losses.json', '{ "cases": [');
    const found = await failures();
    expect(found.right).toBeUndefined();
    expect(found.wrong).toBe('output/0: off by 5.00e-1 at [1,0] (got 435, want 435.5; allowed 1.3e-2)');
    expect(found.cut).toMatch(/^replay: .*layers\/cut\.safetensors/);
    expect(found.absent).toMatch(/^replay: ENOENT/);
    expect(found.named).toBe('replay: layers/named.safetensors has no array "grad/weight/1"');
    expect(found.unknown).toMatch(
      /^replay: layerFromConfig: layer class "Denser" is not known; did you mean "Dense"\?/,
    );
    expect(found.function).toMatch(/^replay: activation: unknown activation "no_such"/);
    expect(found['layers/cases.json, case 7']).toBe('replay: cannot be read: it has no name');
    expect(found['losses.json']).toMatch(/^replay: cannot be read: /);
    expect(Object.keys(found)).toHaveLength(9);
  });

  it('compares configs', async () => {
    rmSync(join(folder, 'losses.json'));
    write('layers/cases.json', JSON.stringify({ cases: [dense('right')] }));
    expect((await failures()).right).toMatch(/^config: is .*kernel_initializer/);
  });
});

describe('findings', () => {
  it('put the largest deviation first', () => {
    const findings = new Findings();
    findings.close('a', [1, 2, 3.01], [1, 2, 3], 'output', [3]);
    findings.close('b', [1, Number.NaN], [1, 2], 'gradient', [1, 2]);
    findings.close('c', [1, 2], [1, 2.00001], 'training', [2]);
    findings.close('d', [1], [1, 2], 'output');
    expect(findings.line).toBe('b: off by Infinity at [0,1] (got NaN, want 2; allowed 2.0e-4); also d, a');
    expect(findings.count).toBe(4);
    expect(new Findings().line).toBeUndefined();
  });

  it('take NaN and infinities for equal to themselves alone', () => {
    const findings = new Findings();
    findings.close('same', [Number.NaN, Infinity], [Number.NaN, Infinity], 'exact');
    expect(findings.line).toBeUndefined();
    findings.close('other', [Infinity], [-Infinity], 'output');
    expect(findings.line).toMatch(/^other: off by Infinity at \[0\]/);
  });
});
