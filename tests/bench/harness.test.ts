// The harness of the benchmarks, without any timing: how turns become ratios, goals become verdicts, and results pages.
import { expect, test } from 'vitest';
import { differenceOf } from '../../bench/contestants.js';
import { numbers } from '../../bench/numbers.js';
import { withBlock } from '../../bench/page.js';
import { race, spreadOf } from '../../bench/race.js';
import { goalsTable, meansTable, type Report, rowCells } from '../../bench/render.js';
import { roofline } from '../../bench/roofline.js';
import { fastestPeer, geometricMean, isMet, type RowResult } from '../../bench/row.js';
import { convRows } from '../../bench/suites/conv.js';
import { matmulRows } from '../../bench/suites/matmul.js';
import { pointwiseRows } from '../../bench/suites/pointwise.js';
import { toMarkdown, toText } from '../../bench/table.js';
import { costOf } from '../../bench/work.js';

const same = (value: number) => ({ median: value, least: value, most: value });

/** A finished race of ours at `ms` against peers at their times. */
function row(ms: number, peers: Readonly<Record<string, number>>, more: Partial<RowResult> = {}): RowResult {
  return {
    kind: 'row',
    suite: 'conv',
    family: 'U-Net',
    part: 'dW',
    name: '3x3 8>8 16x16',
    own: 'native',
    time: same(ms),
    flops: 4e6,
    bytes: 1e6,
    dtype: 'float32',
    goals: [{ atLeast: 0.9 }],
    peers: Object.entries(peers).map(([name, time]) => ({
      name,
      version: '1',
      difference: 0,
      time: same(time),
      ratio: same(time / ms),
    })),
    ...more,
  };
}

const report = (results: Report['results']): Report => ({
  commands: ['npm run bench'],
  machine: 'a machine',
  threads: 2,
  rounds: 7,
  peaks: [{ threads: 2, fp32x4: 100, fp32x16: 400, read: 40, copy: 40, cache: 300 }],
  results,
});

test('contestants take turns, and a ratio compares the turns of one round', async () => {
  const order: string[] = [];
  const contestant = (name: string, seconds: readonly number[]) => {
    let turn = 0;
    return async (steps: number) => {
      order.push(name);
      return steps * (seconds[turn++ % seconds.length] as number);
    };
  };
  // A step takes longer than a turn: each turn is one step. Two warming steps first.
  const standings = await race([contestant('a', [1]), contestant('b', [2, 3])], { rounds: 5, turn: 1 });
  expect(order.slice(0, 4).join('')).toBe('aabb');
  expect(order.slice(4).join('')).toBe('ababababab');
  expect(standings.map(({ time }) => time.median)).toEqual([1000, 2000]);
  expect(standings[1]?.ratio).toEqual({ median: 2, least: 2, most: 3 });
});

test('fewer than five rounds give no ratio', async () => {
  const standings = await race([async () => 1, async () => 1], { rounds: 4, turn: 1 });
  expect(standings.map(({ ratio }) => ratio)).toEqual([undefined, undefined]);
});

test('a spread has the middle of an odd number of times and the mean of two of an even one', () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, least: 1, most: 3 });
  expect(spreadOf([4, 1, 2, 3]).median).toBe(2.5);
});

test('the fastest peer counts, of those that a goal names', () => {
  const result = row(2, { slow: 6, fast: 3 });
  expect(fastestPeer(result)?.name).toBe('fast');
  expect(isMet(result, { atLeast: 1.5 })).toBe(true);
  expect(isMet(result, { atLeast: 1.6 })).toBe(false);
  expect(isMet(result, { atLeast: 3, against: ['slow'] })).toBe(true);
  expect(isMet(result, { atLeast: 3, against: ['absent'] })).toBeUndefined();
  expect(isMet({ ...result, failure: 'broken' }, { atLeast: 1 })).toBe(false);
});

test('results that differ, lack a value or hold a NaN are told from equal ones', () => {
  const values = Float32Array.of(1, -4, 2);
  expect(differenceOf(values, values.slice())).toBe(0);
  expect(differenceOf(values, Float32Array.of(1, -4, 3))).toBe(0.25);
  expect(differenceOf(values, values.slice(1))).toBe(Number.POSITIVE_INFINITY);
  expect(differenceOf(values, Float32Array.of(1, Number.NaN, 2))).toBe(Number.POSITIVE_INFINITY);
});

test('numbers are those of the rule that the peers follow', () => {
  // As bench/peers/data.py prints them.
  expect([...numbers(1, [3])].map((value) => value.toFixed(6))).toEqual(['-0.369306', '0.057698', '-0.969706']);
  expect([...numbers(1, [4_000_040])].slice(4_000_037)).toEqual([...numbers(1, [3])]);
});

test('means, goals and the share of the peak stand in the tables', () => {
  const results = [row(1, { torch: 2 }), row(1, { torch: 0.5 }, { name: 'other' })];
  expect(geometricMean([2, 0.5])).toBeCloseTo(1, 12);
  expect(meansTable(report(results), 'conv').rows).toEqual([['U-Net', '2', '1.00 (least 0.50)']]);
  const goals = toText(goalsTable(report(results)));
  expect(goals).toMatch(/conv dW: mean of 2 rows .* 1\.00 +>= 1\.5 +MISSED/);
  expect(goals).toMatch(/conv dW: no row under 0\.9 .* 1 under, least 0\.50 +0 +MISSED/);
  // 4e6 operations in a millisecond are 4 GFLOP/s, 1% of 400.
  const cells = ['3x3 8>8 16x16 dW', '1', '4', '1%', '1', 'torch', '2', '2.00 (2.00-2.00)', ''];
  expect(rowCells(report(results), results[0] as RowResult)).toEqual(cells);
  expect(rowCells(report(results), results[1] as RowResult).at(-1)).toBe('MISSED');
});

test('a block of a page is replaced between its marks, and must be there', () => {
  const page = 'a\n<!-- x:start -->\nold\n<!-- x:end -->\nb';
  const table = toMarkdown({ title: '', columns: ['c'], rows: [['1']] });
  expect(withBlock(page, 'x', table)).toBe('a\n<!-- x:start -->\n| c |\n|---|\n| 1 |\n<!-- x:end -->\nb');
  expect(() => withBlock(page, 'y', '')).toThrow('there is no block y');
});

test('the roofline has a dot for every timed convolution', () => {
  const figure = roofline(report([row(1, {}), row(2, {})]));
  const dots = figure?.scene.shapes.filter((shape) => shape.kind === 'dot' && shape.tip !== undefined);
  expect(dots).toHaveLength(2);
  expect(roofline(report([]))).toBeUndefined();
});

test('work is counted as the issue counts it', () => {
  const lecture = { kind: 'predict', batch: 32, dtype: 'float32', folder: '', checkedSteps: 0 } as const;
  expect(costOf(lecture).flops / 1e9).toBeCloseTo(5.7, 1);
  expect(costOf({ ...lecture, kind: 'train' }).flops / 1e9).toBeCloseTo(17, 0);
});

test('every row has a name of its own', () => {
  for (const rows of [convRows(), matmulRows(), pointwiseRows()]) {
    const names = rows.map(({ family, name, part }) => `${family} ${name} ${part}`);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  }
});
