// Compares src/core/abi.ts with kernels/cpu/abi.h, the one both engines are compiled from.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as abi from '../../src/core/abi.js';

const header = readFileSync(new URL('../../kernels/cpu/abi.h', import.meta.url), 'utf8');
const withoutComments = header.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '');

/** The names of `enum <name> { ... }`, with their prefix removed and in camel case, and their numbers. */
function readEnum(name: string, prefix: string): Record<string, number> {
  const body = new RegExp(`enum ${name} \\{([^}]*)\\}`).exec(withoutComments)?.[1];
  if (body === undefined) throw new Error(`abi.h has no enum ${name}`);
  const values: Record<string, number> = {};
  let next = 0;
  for (const entry of body.split(',').map((text) => text.trim())) {
    if (entry === '') continue;
    const [key = '', value] = entry.split('=').map((text) => text.trim());
    if (value !== undefined) next = Number(value);
    expect(key.startsWith(prefix), `${key} starts with ${prefix}`).toBe(true);
    values[camelCase(key.slice(prefix.length))] = next++;
  }
  return values;
}

function camelCase(text: string): string {
  return text.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** The entries of an X-macro list, in order. */
function readList(macro: string, pattern: RegExp): string[][] {
  const start = withoutComments.indexOf(`#define ${macro}(X)`);
  expect(start, macro).toBeGreaterThanOrEqual(0);
  const body = withoutComments.slice(start + `#define ${macro}(X)`.length, withoutComments.indexOf('enum', start));
  return [...body.matchAll(pattern)].map((match) => match.slice(1));
}

function readDefine(name: string): number {
  const text = new RegExp(`#define ${name} (.*)`).exec(withoutComments)?.[1] ?? '';
  const shift = /^\((\d+) << (\d+)\)$/.exec(text.trim());
  return shift === null ? Number(text) : Number(shift[1]) << Number(shift[2]);
}

test('the enums agree', () => {
  expect(abi.HEADER).toEqual(readEnum('FoveaHeader', 'FOVEA_HEADER_'));
  expect(abi.SPACES).toEqual(readEnum('FoveaSpace', 'FOVEA_SPACE_'));
  expect(abi.DTYPES).toEqual(readEnum('FoveaDtype', 'FOVEA_'));
  expect(abi.ACTIVATIONS).toEqual(readEnum('FoveaActivation', 'FOVEA_ACTIVATION_'));
  expect(abi.REDUCTIONS).toEqual(readEnum('FoveaReduction', 'FOVEA_REDUCE_'));
});

test('the kernels agree', () => {
  const names = readList('FOVEA_KERNELS', /X\((\w+), "[^"]*",\s*\\?\s*"[^"]*"\)/g).map(([name]) => name);
  expect(Object.keys(abi.KERNELS)).toEqual(names);
  expect(Object.values(abi.KERNELS)).toEqual(names.map((_, id) => id));
});

test('the pointwise opcodes agree', () => {
  const entries = readList('FOVEA_POINTWISE', /X\((\w+), (\d)\)/g);
  expect(entries.length).toBeGreaterThan(60);
  const want = Object.fromEntries(entries.map(([name, arity], id) => [name, { id, arity: Number(arity) }]));
  expect(abi.POINTWISE).toEqual(want);
});

test('the constants agree', () => {
  expect(abi.MAGIC).toBe(readDefine('FOVEA_MAGIC'));
  expect(abi.ABI_VERSION).toBe(readDefine('FOVEA_ABI_VERSION'));
  expect(abi.PARTIAL_SUMS).toBe(readDefine('FOVEA_PARTIAL_SUMS'));
  expect(abi.THREAD_SCRATCH).toBe(readDefine('FOVEA_THREAD_SCRATCH'));
});
