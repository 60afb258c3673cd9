// Algorithms of convolutions that were measured on a machine: their keys, the file they are kept in, what engines do
// with them, and the measuring itself.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { trace } from '../../src/compile/trace.js';
import { choicesPath, readChoices, writeChoices } from '../../src/engine/choices.js';
import { compileGraph } from '../../src/engine/execute.js';
import { targetOf } from '../../src/engine/precision.js';
import { createEngine } from '../../src/engine/select.js';
import { recordConvolutions, timeConvolution } from '../../src/engine/tune.js';
import type { Target } from '../../src/graph/op.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { conv2d } from '../../src/ops/conv.js';
import { chooseAlgorithm } from '../../src/ops/conv-algorithm.js';
import { type ChoiceKey, formatKey, parseKey } from '../../src/ops/conv-choices.js';
import { geometryOf } from '../../src/ops/conv-geometry.js';
import { findVariants } from './variants.js';

const folder = mkdtempSync(join(tmpdir(), 'fovea-choices-'));
beforeEach(() => {
  vi.stubEnv('FOVEA_CACHE', folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});
afterAll(() => rmSync(folder, { recursive: true }));

const SAME = {
  strides: [1, 1],
  padding: [
    [1, 1],
    [1, 1],
  ],
  dilation: [1, 1],
  groups: 1,
} as const;
const key = (size: number, channels: number, more: Partial<ChoiceKey> = {}): ChoiceKey => ({
  pass: 'forward',
  dtype: 'float32',
  isConstant: true,
  geometry: geometryOf([2, size, size, channels], [3, 3, channels, 8], SAME),
  ...more,
});
const place = { name: 'native', level: 'avx2', threads: 3 } as const;

describe('a key', () => {
  it('is text and back', () => {
    for (const each of [
      key(9, 16),
      key(5, 3, { pass: 'filterGradient', dtype: 'bfloat16', isConstant: false }),
      key(4, 2, { pass: 'inputGradient' }),
    ]) {
      expect(parseKey(formatKey(each))).toEqual(each);
    }
    expect(formatKey(key(9, 16))).toBe('forward float32 constant 2,9,9,16,3,3,8,9,9,1,1,1,1,1,1,1');
  });

  it('is nothing else', () => {
    const good = formatKey(key(9, 16));
    for (const text of [
      '',
      `${good} `,
      `${good},1`,
      good.replace('forward', 'backward'),
      good.replace('float32', 'float31'),
      good.replace('constant', 'kept'),
      good.replace(',16,', ',1.5,'),
      good.replace(',16,', ',-1,'),
      good.replace(',16,', ',,'),
    ]) {
      expect(parseKey(text), text).toBeUndefined();
    }
  });
});

describe('the choice of an algorithm', () => {
  const target = (choices: Target['choices'], convolution: Target['convolution'] = 'auto'): Target => ({
    engine: 'native',
    level: 'avx512',
    convolution,
    choices,
  });
  const choose = (each: ChoiceKey, to: Target) => chooseAlgorithm(each.geometry, { ...each, target: to });
  const measured = (each: ChoiceKey, choice: string) => new Map([[formatKey(each), choice]]);

  it('is what was measured, for this convolution alone', () => {
    const [large, small] = [key(32, 64), key(5, 3)];
    expect([choose(large, target(undefined)), choose(small, target(undefined))]).toEqual(['winograd', 'direct']);
    expect(choose(large, target(measured(large, 'direct')))).toBe('direct');
    expect(choose(small, target(measured(small, 'winograd')))).toBe('winograd');
    expect(choose(key(33, 64), target(measured(large, 'direct')))).toBe('winograd');
    expect(choose({ ...large, isConstant: false }, target(measured(large, 'direct')))).toBe('winograd');
  });

  it('is plain sums wherever those are asked for', () => {
    const small = key(5, 3);
    expect(choose(small, target(measured(small, 'winograd'), 'direct'))).toBe('direct');
  });

  it('is never one that cannot be computed, or not exactly enough', () => {
    const narrow = key(2, 64);
    expect(choose(narrow, target(measured(narrow, 'winograd')))).toBe('direct');
    const strided = { ...key(9, 64), geometry: { ...key(9, 64).geometry, strideH: 2, oh: 5 } };
    expect(choose(strided, target(measured(strided, 'winograd')))).toBe('direct');
    const large = key(32, 64);
    expect(choose(large, target(measured(large, 'fast')))).toBe('winograd');
  });
});

describe('the file of choices', () => {
  it('is not needed', async () => {
    expect(await readChoices({ ...place, threads: 99 })).toBeUndefined();
  });

  it('keeps what is added, for one engine, level and number of threads', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const [a, b] = [formatKey(key(9, 16)), formatKey(key(10, 16))];
    const path = await writeChoices(place, new Map([[a, 'direct']]));
    expect(path).toBe(join(folder, 'convolutions', 'native-avx2-3.json'));
    await writeChoices(place, new Map([[b, 'winograd']]));
    expect(await readChoices(place)).toEqual(
      new Map([
        [a, 'direct'],
        [b, 'winograd'],
      ]),
    );
    await writeChoices(place, new Map([[a, 'winograd']]));
    expect((await readChoices(place))?.get(a)).toBe('winograd');
    expect(await readChoices({ ...place, threads: 4 })).toBeUndefined();
    expect(warn).not.toHaveBeenCalled();
  });

  const good = { version: 1, choices: { [formatKey(key(9, 16))]: 'direct' } };
  it.each([
    ['cut short', JSON.stringify(good).slice(0, 40), /is damaged: .*JSON/],
    ['of another version', JSON.stringify({ ...good, version: 2 }), /its version is 2, not 1\./],
    ['empty', '{}', /its version is undefined, not 1\./],
    ['without choices', '{"version":1}', /it holds no choices\./],
    ['with a strange key', '{"version":1,"choices":{"forward":"direct"}}', /'forward' is no convolution\./],
    [
      'with a strange algorithm',
      JSON.stringify({ version: 1, choices: { [formatKey(key(9, 16))]: 'magic' } }),
      /'magic' is no algorithm\./,
    ],
  ])('%s is not used, and one warning names it', async (name, text, reason) => {
    const own = { ...place, level: name.replaceAll(' ', '-') };
    const path = await choicesPath(own);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    expect(await readChoices(own)).toBeUndefined();
    expect(await readChoices(own)).toBeUndefined();
    expect(warn).toHaveBeenCalledTimes(1);
    const said = String(warn.mock.calls[0]?.[0]);
    expect(said).toContain(path);
    expect(said).toMatch(reason);
    expect(said).toMatch(/It is not used\. Delete it, or run fovea bench --tune again\.$/);
    // Tuning again replaces it.
    await writeChoices(own, new Map([[formatKey(key(9, 16)), 'direct']]));
    expect((await readChoices(own))?.size).toBe(1);
  });
});

const { variants } = await findVariants();
const engines = [...new Map(variants.map((each) => [each.engine, each])).values()];

describe.each(engines)('$engine', ({ engine: name, level }) => {
  const types = [
    { shape: [1, 12, 12, 16], dtype: 'float32' },
    { shape: [3, 3, 16, 16], dtype: 'float32' },
  ] as const;
  const layer = (...[x, filter]: Tensor[]): Tensor[] => [conv2d(x as Tensor, filter as Tensor, { padding: 'same' })];

  it('records, times and obeys', { timeout: 60_000 }, async () => {
    const engine = await createEngine(name, { level, threads: 2 });
    const compiled = (on = engine): string[] =>
      compileGraph(trace(layer, types).graph, { target: targetOf(on) }).instructions.map(({ kernel }) => kernel);
    let rules: string[] = [];
    const keys = await recordConvolutions(engine, async () => {
      rules = compiled();
    });
    expect(keys).toEqual(['forward float32 changing 1,12,12,16,3,3,16,12,12,1,1,1,1,1,1,1']);
    expect(engine.choices).toBeUndefined();
    const times = await timeConvolution(engine, keys[0] as string);
    expect(Object.keys(times)).toEqual(['direct', 'winograd']);
    for (const each of Object.values(times)) expect(each).toBeGreaterThan(0);
    expect(engine.memory()).toMatchObject({ buffers: 0, programs: 0 });

    const isDirect = rules.includes('conv2d');
    const path = await writeChoices(engine.info, new Map([[keys[0] as string, isDirect ? 'winograd' : 'direct']]));
    expect(existsSync(path)).toBe(true);
    const next = await createEngine(name, { level, threads: 2 });
    expect(compiled(next).includes('conv2d')).toBe(!isDirect);
    expect(compiled()).toEqual(rules);
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, 20));
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const last = await createEngine(name, { level, threads: 2 });
    expect(String(warn.mock.calls[0]?.[0])).toContain(path);
    expect(compiled(last)).toEqual(rules);
    for (const each of [engine, next, last]) await each.dispose();
  });

  it('times every pass and dtype', { timeout: 60_000 }, async () => {
    const engine = await createEngine(name, { level, threads: 1 });
    for (const more of [
      { pass: 'inputGradient' },
      { pass: 'filterGradient', isConstant: false },
      { dtype: 'bfloat16', isConstant: false },
    ] as const) {
      const times = await timeConvolution(engine, formatKey(key(8, 4, more)));
      for (const each of Object.values(times)) expect(each).toBeGreaterThan(0);
    }
    await expect(timeConvolution(engine, 'forward')).rejects.toThrow("'forward' is no convolution.");
    await engine.dispose();
  });
});
