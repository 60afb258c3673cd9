import { decode } from 'fast-png';
import { describe, expect, test } from 'vitest';
import { type ReportData, renderReport } from '../../src/plot/index.js';

const EVIL = `<script>alert("1")</script>&'`;

function array(
  shape: readonly number[],
  value = (i: number): number => Math.sin(i),
): { data: Float32Array; shape: readonly number[] } {
  const count = shape.reduce((a, b) => a * b, 1);
  return { data: Float32Array.from({ length: count }, (_, i) => value(i)), shape };
}

const full: ReportData = {
  model: { name: 'tiny', parameters: 1413834 },
  data: { name: 'digits', train: 3600, validation: 400, test: 1000 },
  engine: 'native avx2, 2 threads',
  durationSeconds: 75,
  scores: { 'test accuracy': 0.9712, 'test loss': 0.123456 },
  history: { loss: [1, 0.5], val_loss: [1.1, 0.7], accuracy: [0.6, 0.8], val_accuracy: [0.5, 0.7] },
  confusion: [
    [9, 1],
    [0, 5],
  ],
  classNames: ['cat', 'dog'],
  filters: { layer: 'conv2d', weights: array([3, 3, 1, 8]) },
  activations: [{ image: array([8, 8, 1]), label: 'a cat', layers: [{ layer: 'conv2d', maps: array([8, 8, 40]) }] }],
  mistakes: [
    { image: array([8, 8, 3], () => 0.5), trueLabel: 'cat', predictedLabel: 'dog', probability: 0.625, loss: 1.5 },
    { image: array([8, 8, 1]), trueLabel: 'dog', predictedLabel: 'cat', probability: 0.99, loss: 4.25 },
  ],
  summary: 'Model: "tiny"',
  config: { epochs: 2, optimizer: { name: 'nadam' } },
  environment: { node: 'v20' },
  command: 'fovea train --data digits',
};

describe('renderReport', () => {
  const page = renderReport(full);

  test('shows every part', () => {
    for (const id of ['curves', 'confusion', 'classes', 'mistakes', 'filters', 'activations', 'model', 'settings']) {
      expect(page).toContain(`<section id="${id}">`);
      expect(page).toContain(`href="#${id}"`);
    }
    for (const text of [
      '97.12 %',
      '0.1235',
      '1,413,834',
      '3,600 training, 400 validation, 1,000 test',
      '1 min 15 s',
      'native avx2, 2 threads',
      '14 of 15 right.',
      '8 filters of 3 × 3',
      '32 of 40 maps, 8 × 8',
      '{&quot;name&quot;:&quot;nadam&quot;}',
      'fovea train --data digits',
      'Model: &quot;tiny&quot;',
    ]) {
      expect(page).toContain(text);
    }
  });

  test('gives every class its accuracy, precision and rival', () => {
    const [cat, dog] = [...page.matchAll(/<tr><th scope="row">(?:cat|dog)<\/th>.*<\/tr>/g)].map((match) =>
      match[0]
        .replace(/<[^>]*>/g, ' ')
        .replace(/\s+/g, ' ')
        .trim(),
    );
    expect(cat).toBe('cat 10 90.0 % 100.0 % dog 1');
    expect(dog).toBe('dog 5 100.0 % 83.3 % –');
  });

  test('sorts mistakes by loss, the worst first', () => {
    const losses = (html: string): string[] => [...html.matchAll(/>loss ([^<]*)</g)].map((match) => match[1] as string);
    expect(losses(page)).toEqual(['4.25', '1.5']);
    const [first, second] = full.mistakes ?? [];
    if (first === undefined || second === undefined) throw new Error('two mistakes are needed');
    expect(losses(renderReport({ ...full, mistakes: [second, first, { ...first, loss: Number.NaN }] }))).toEqual([
      'NaN',
      '4.25',
      '1.5',
    ]);
  });

  test('refers to nothing outside itself and runs no script', () => {
    expect(page).not.toMatch(/https?:\/\//);
    expect(page).not.toMatch(/<(script|link|iframe|object|embed)\b|@import|url\(/i);
    const addresses = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map((match) => match[1] as string);
    expect(addresses.length).toBeGreaterThan(10);
    for (const address of addresses) expect(address).toMatch(/^(#|data:image\/png;base64,)/);
    expect(page).toContain(`default-src 'none'`);
  });

  test('its pictures are whole: a filter sheet of 8 tiles with gaps', () => {
    const address = /alt="Filters of conv2d" src="data:image\/png;base64,([^"]*)"/.exec(page)?.[1] as string;
    const { width, height } = decode(Buffer.from(address, 'base64'));
    // 3 x 3 at 19 pixels each, gaps of 3.
    expect([width, height]).toEqual([8 * 57 + 7 * 3, 57]);
  });

  test('follows the reader to dark and to narrow pages', () => {
    expect(page).toContain('prefers-color-scheme:dark');
    expect(page).toContain('width=device-width');
    expect(page).toContain('stroke="var(--series1)"');
  });

  test('escapes every string', () => {
    const mistake = { image: array([4, 4]), trueLabel: EVIL, predictedLabel: EVIL, probability: 1, loss: 1 };
    const evil = renderReport({
      model: { name: EVIL },
      data: { name: EVIL },
      engine: EVIL,
      finishedAt: EVIL,
      scores: { [EVIL]: 1 },
      history: { [EVIL]: [1, 2] },
      confusion: [
        [1, 1],
        [1, 1],
      ],
      classNames: [EVIL, `b${EVIL}`],
      filters: { layer: EVIL, weights: array([3, 3, 1, 2]) },
      activations: [{ image: array([4, 4]), label: EVIL, layers: [{ layer: EVIL, maps: array([4, 4, 2]) }] }],
      mistakes: [mistake],
      summary: EVIL,
      config: { [EVIL]: EVIL },
      environment: { [EVIL]: [EVIL] },
      command: EVIL,
    });
    expect(evil).not.toMatch(/<script/i);
    expect(evil).not.toContain('alert("1")');
    expect(evil.split('&lt;script&gt;').length).toBeGreaterThan(20);
  });

  test('leaves out what there is nothing of', () => {
    const bare = renderReport({ model: { name: 'a' }, data: { name: 'b' }, history: { loss: [] }, mistakes: [] });
    expect(bare).not.toContain('<section');
    expect(bare).toContain('<h1>a <small>on b</small></h1>');
  });

  test('survives a training that diverged', () => {
    const nan = renderReport({
      ...full,
      scores: { 'test accuracy': 0.1, 'test loss': Number.NaN },
      history: { loss: [1, Number.NaN], val_loss: [Number.NaN, Number.NaN] },
      filters: { layer: 'conv2d', weights: array([3, 3, 3, 4], () => Number.NaN) },
      activations: [
        {
          image: array([4, 4]),
          layers: [{ layer: 'conv2d', maps: array([4, 4, 3], (i) => (i % 3 === 0 ? Number.NaN : i)) }],
        },
      ],
    });
    expect(nan).toContain('<b>NaN</b>');
    expect(nan).toContain('<section id="filters">');
  });

  test('refuses arrays that cannot be drawn, naming the place', () => {
    const mistake = { image: { data: [1], shape: [1] }, trueLabel: 'a', predictedLabel: 'b', probability: 1, loss: 1 };
    expect(() => renderReport({ ...full, mistakes: [mistake] })).toThrow('at mistake 0');
    expect(() => renderReport({ ...full, confusion: [[1, 2]] })).toThrow('a confusion matrix cannot have the shape');
  });
});
