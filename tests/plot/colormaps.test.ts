import { describe, expect, test } from 'vitest';
import { type ColormapName, colormapNames, colormapTable } from '../../src/plot/index.js';
import { golden } from './colormaps.golden.js';

function entry(table: ArrayLike<number>, i: number): number[] {
  return [0, 1, 2].map((c) => table[3 * i + c] as number);
}

describe('colour maps', () => {
  test('every map has golden colours', () => {
    expect([...colormapNames].sort()).toEqual(Object.keys(golden).sort());
  });

  test.each(Object.entries(golden))('%s is within two levels of the published table', (name, colours) => {
    const table = colormapTable(name as ColormapName);
    for (const [k, i] of [0, 64, 128, 192, 255].entries()) {
      for (const [c, value] of entry(table, i).entries()) {
        expect(Math.abs(value - (colours[k]?.[c] as number)), `entry ${i}, channel ${c}`).toBeLessThanOrEqual(2);
      }
    }
  });

  test('viridis begins, passes and ends as the course prints it', () => {
    const table = colormapTable('viridis');
    expect(entry(table, 0)).toEqual([68, 1, 84]);
    for (const [c, want] of [32, 144, 140].entries()) {
      expect(Math.abs((entry(table, 128)[c] as number) - want)).toBeLessThanOrEqual(1);
    }
    for (const [c, want] of [253, 231, 36].entries()) {
      expect(Math.abs((entry(table, 255)[c] as number) - want)).toBeLessThanOrEqual(1);
    }
  });

  test('Greys and binary end black, gray ends white, and _r turns round', () => {
    expect(entry(colormapTable('Greys'), 255)).toEqual([0, 0, 0]);
    expect(entry(colormapTable('binary'), 255)).toEqual([0, 0, 0]);
    expect(entry(colormapTable('gray'), 255)).toEqual([255, 255, 255]);
    expect(entry(colormapTable('gray_r'), 255)).toEqual([0, 0, 0]);
    expect(entry(colormapTable('viridis_r'), 255)).toEqual(entry(colormapTable('viridis'), 0));
  });

  test('a function can be a map, and must give colours', () => {
    expect(
      entry(
        colormapTable((x) => [255 * x, 0, 9]),
        255,
      ),
    ).toEqual([255, 0, 9]);
    expect(() => colormapTable(() => [Number.NaN, 0, 0])).toThrow('the colour map gave no colour at 0.');
  });

  test('an unknown map names the known ones', () => {
    expect(() => colormapTable('toString' as ColormapName)).toThrow(
      expect.objectContaining({ code: 'argument', message: expect.stringContaining('viridis, plasma') }),
    );
  });
});
