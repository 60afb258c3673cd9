// The search that holds examples to their output must itself be able to fail.
import { describe, expect, test } from 'vitest';
import { missingPart, wrongScore } from './expected.js';

describe('missingPart', () => {
  const printed = ['map:', '   4  3', '  -2 10', 'sum 15'];

  test('finds blocks of lines and patterns in order', () => {
    expect(missingPart(printed, ['map:\n4 3', /^sum \d+$/])).toBeUndefined();
    expect(missingPart(printed, ['4 3\n-2 10\nsum 15'])).toBeUndefined();
  });

  test('names the first part that is wrong, cut or out of order', () => {
    expect(missingPart(printed, ['map:\n4 4'])).toBe('map:\n4 4');
    expect(missingPart(printed, ['4 3\nsum 15'])).toBe('4 3\nsum 15');
    expect(missingPart(printed, [/^sum/, 'map:'])).toBe('map:');
    expect(missingPart(printed, ['sum 1'])).toBe('sum 1');
    expect(missingPart(printed, ['sum 15\nmore'])).toBe('sum 15\nmore');
    expect(missingPart([], [/./])).toBe('/./');
  });
});

describe('wrongScore', () => {
  const printed = ['test loss 0.30', 'accuracy  0.9038', '1,719 steps', 'bad NaN'];
  const quick = { isFull: false, hasData: false };

  test('takes the range of the run', () => {
    const scores = [{ line: /^accuracy ([\d.]+)$/, short: [0.9, 1], full: [0.95, 1] }] as const;
    expect(wrongScore(printed, scores, quick)).toBeUndefined();
    expect(wrongScore(printed, scores, { ...quick, isFull: true })).toBe(
      '/^accuracy ([\\d.]+)$/ is 0.9038, not 0.95 to 1',
    );
    expect(wrongScore(printed, [{ line: /^([\d,]+) steps/, short: [1719, 1719] }], quick)).toBeUndefined();
  });

  test('finds what is missing or no number, and leaves out what needs data', () => {
    expect(wrongScore(printed, [{ line: /^f1 (.*)/, short: [0, 1] }], quick)).toBe('/^f1 (.*)/ is not printed');
    expect(wrongScore(printed, [{ line: /^bad (.*)/, short: [0, 1] }], quick)).toBe('/^bad (.*)/ is NaN, not 0 to 1');
    const score = { line: /^f1 (.*)/, short: [0, 1], needsData: true } as const;
    expect(wrongScore(printed, [score], quick)).toBeUndefined();
    expect(wrongScore(printed, [score], { ...quick, hasData: true })).toBe('/^f1 (.*)/ is not printed');
  });
});
