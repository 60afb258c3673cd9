// The search that holds examples to their output must itself be able to fail.
import { describe, expect, test } from 'vitest';
import { missingPart } from './expected.js';

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
