import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from 'fast-png';
import { describe, expect, test } from 'vitest';
import { bars, confusion, curves, Figure } from '../../src/plot/index.js';
import { Path } from '../../src/plot/scene.js';

const history = {
  loss: [0.9, 0.5, 0.3],
  accuracy: [0.6, 0.8, 0.9],
  val_loss: [1, Number.NaN, 0.6],
  val_accuracy: [0.5, 0.7, 0.8],
};

function pathsOf(figure: Figure): string[] {
  return [...figure.svg().matchAll(/<path d="([^"]*)"/g)].map((match) => match[1] as string);
}

describe('plot.curves', () => {
  test('makes a chart for every metric, validation dashed', () => {
    const svg = curves({ history, epoch: [0, 1, 2] }, { title: 'Run' }).svg();
    expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg" width="920"')).toBe(true);
    for (const word of ['Run', 'loss', 'val_loss', 'accuracy', 'val_accuracy', 'epoch']) {
      expect(svg).toContain(`>${word}</text>`);
    }
    // Each of the two validation lines, and its sample in the legend.
    expect(svg.match(/stroke-dasharray/g)).toHaveLength(4);
  });

  test('a number that is not finite is a gap', () => {
    const figure = curves(history, { series: ['val_loss'] });
    const curve = pathsOf(figure).at(-1) as string;
    expect(curve.match(/M/g)).toHaveLength(2);
    expect(figure.svg().match(/<circle /g)).toHaveLength(2);
    expect(curves({ loss: [Number.NaN] }).svg()).toContain('no finite value');
  });

  test('points stand where the scales put them: higher numbers higher, even steps', () => {
    const dots = [
      ...curves({ loss: [3, 2, 1] })
        .svg()
        .matchAll(/cx="([\d.]+)" cy="([\d.]+)"/g),
    ];
    const xs = dots.map((dot) => Number(dot[1]));
    const ys = dots.map((dot) => Number(dot[2]));
    expect((xs[1] as number) - (xs[0] as number)).toBeCloseTo((xs[2] as number) - (xs[1] as number), 1);
    expect((ys[1] as number) - (ys[0] as number)).toBeCloseTo((ys[2] as number) - (ys[1] as number), 1);
    expect(ys[0]).toBeLessThan(ys[2] as number);
  });

  test('a logarithmic axis has even decades and leaves out what is not positive', () => {
    const svg = curves({ loss: [1000, 10, 0.1, 0] }, { yScale: 'log' }).svg();
    const ys = [...svg.matchAll(/cy="([\d.]+)"/g)].map((dot) => Number(dot[1]));
    expect(ys).toHaveLength(3);
    expect((ys[1] as number) - (ys[0] as number)).toBeCloseTo((ys[2] as number) - (ys[1] as number), 1);
    for (const tick of ['0.1', '10', '1000']) expect(svg).toContain(`>${tick}</text>`);
  });

  test('bad input is refused', () => {
    expect(() => curves({})).toThrow('plot.curves: there are no series.');
    expect(() => curves({ loss: [] })).toThrow('the series "loss" is empty.');
    expect(() => curves(history, { series: ['los'] })).toThrow('Use some of loss, accuracy, val_loss, val_accuracy.');
    expect(() => curves(history, { series: ['loss'], x: [1, 2] })).toThrow(
      'x has 2 numbers but the series "loss" has 3.',
    );
  });
});

describe('plot.bars', () => {
  test('lengths are proportional to numbers, from zero', () => {
    const svg = bars([2, 4, -1], { labels: ['a', 'b', 'c<'] }).svg();
    const heights = [...svg.matchAll(/height="([\d.]+)" fill="#0072b2"/g)].map((match) => Number(match[1]));
    expect(heights).toHaveLength(3);
    expect((heights[1] as number) / (heights[0] as number)).toBeCloseTo(2, 2);
    expect((heights[2] as number) / (heights[0] as number)).toBeCloseTo(0.5, 2);
    expect(svg).toContain('c&lt;');
  });

  test('lying bars write their numbers', () => {
    const svg = bars([0.75, 0.25], { labels: ['cat', 'dog'], direction: 'horizontal', title: 'Scores' }).svg();
    for (const word of ['cat', 'dog', '0.75', '0.25', 'Scores']) expect(svg).toContain(`>${word}</text>`);
  });

  test('bad input is refused', () => {
    expect(() => bars([])).toThrow('there are 0 numbers and 0 labels.');
    expect(() => bars([1], { labels: [] })).toThrow('there are 1 numbers and 0 labels.');
    expect(() => bars([1, Number.NaN], { labels: ['a', 'b'] })).toThrow('the number of "b" is NaN.');
  });
});

describe('plot.confusion', () => {
  test('writes counts and names, right and wrong in their colours', () => {
    const svg = confusion(
      [
        [50, 2],
        [0, 48],
      ],
      { classNames: ['cat', 'd&g'], title: 'Test' },
    ).svg();
    for (const word of ['50', '2', '48', 'cat', 'd&amp;g', 'Test', 'true class', 'predicted class']) {
      expect(svg).toContain(`>${word}</text>`);
    }
    expect(svg).toContain('<title>true cat, predicted d&amp;g: 2 (3.8 %)</title>');
    // Two cells and the legend's square; one cell and the legend's square.
    expect(svg.match(/fill="#0067a3"/g)).toHaveLength(3);
    expect(svg.match(/fill="#c44e00"/g)).toHaveLength(2);
  });

  test.each([10, 30, 100])('stays readable with %i classes', (classes) => {
    const rows = Array.from({ length: classes }, (_, i) =>
      Array.from({ length: classes }, (_, j) => (i === j ? 90 : 1)),
    );
    const figure = confusion(rows, { classNames: rows.map((_, i) => `class ${i}`) });
    const sizes = figure.scene.shapes.flatMap((shape) => (shape.kind === 'text' ? [shape.size] : []));
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(7);
    expect(figure.width).toBeLessThan(1400);
    expect(figure.svg().match(/<title>/g)).toHaveLength(classes * classes);
  });

  test('bad input is refused', () => {
    expect(() => confusion([])).toThrow('a confusion matrix cannot have the shape [0] with 0 numbers.');
    expect(() => confusion([[1, 2]])).toThrow('a confusion matrix cannot have the shape [1, 2]');
    expect(() => confusion([[1, 2], [3]])).toThrow('cannot have the shape [2, 2, 1] with 3 numbers.');
    expect(() => confusion({ data: [1, 2, 3, -4], shape: [2, 2] })).toThrow('the count in row 1, column 1 is -4.');
    expect(() => confusion([[1]], { classNames: ['a', 'b'] })).toThrow('there are 2 class names for 1 classes.');
  });
});

describe('Figure', () => {
  test('a PNG shows what the SVG says: shapes, letters and their colours', async () => {
    const path = new Path();
    path.moveTo(5, 25);
    path.lineTo(35, 25);
    const figure = new Figure({
      width: 40,
      height: 30,
      description: 'shapes',
      background: '#ffffff',
      shapes: [
        { kind: 'rect', x: 2, y: 2, width: 4, height: 3, fill: '#ff0000' },
        { kind: 'rect', x: 10, y: 2, width: 4.5, height: 3, fill: '#000000', opacity: 0.5 },
        { kind: 'path', path, stroke: '#0000ff', strokeWidth: 4 },
        { kind: 'dot', x: 30, y: 8, radius: 5, fill: '#00ff00' },
      ],
    });
    const { data, width } = decode(await figure.png(1));
    const at = (x: number, y: number): number[] => [...data.slice(4 * (y * width + x), 4 * (y * width + x) + 3)];
    expect(at(2, 2)).toEqual([255, 0, 0]);
    expect(at(5, 4)).toEqual([255, 0, 0]);
    expect(at(6, 4)).toEqual([255, 255, 255]);
    expect(at(13, 3)).toEqual([128, 128, 128]);
    // Half covered at half opacity.
    expect(at(14, 3)).toEqual([191, 191, 191]);
    for (const x of [6, 20, 34]) for (const y of [23, 26]) expect(at(x, y)).toEqual([0, 0, 255]);
    expect(at(20, 22)).toEqual([255, 255, 255]);
    expect(at(30, 8)).toEqual([0, 255, 0]);
    let green = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i + 1] === 255) green += 1 - (data[i] as number) / 255;
    // The disc's area, plus white's share, which is nothing.
    expect(green).toBeGreaterThan(0.97 * 25 * Math.PI);
    expect(green).toBeLessThan(1.01 * 25 * Math.PI);
  });

  test('letters have the width the layout counts on, and unknown ones a box', async () => {
    const draw = async (text: string): Promise<number[]> => {
      const shape = { kind: 'text', x: 2, y: 30, text, size: 32, fill: '#000000' } as const;
      const figure = new Figure({ width: 80, height: 40, description: '', background: '#ffffff', shapes: [shape] });
      const { data, width, height } = decode(await figure.png(1));
      const columns: number[] = [];
      for (let x = 0; x < width; x++) {
        let ink = 0;
        for (let y = 0; y < height; y++) ink += 1 - (data[4 * (y * width + x)] as number) / 255;
        columns.push(ink);
      }
      return columns;
    };
    const stem = await draw('l');
    // Inter's l is one stem of about 3 x 24 pixels.
    const ink = stem.reduce((a, b) => a + b, 0);
    expect(ink).toBeGreaterThan(50);
    expect(ink).toBeLessThan(90);
    expect((await draw('ł')).reduce((a, b) => a + b, 0)).toBeGreaterThan(ink);
    expect((await draw('猫')).reduce((a, b) => a + b, 0)).toBeGreaterThan(50);
    expect((await draw(' ')).reduce((a, b) => a + b, 0)).toBe(0);
  });

  test('scale sets the size in pixels; impossible ones are refused', async () => {
    const figure = bars([1, 2]);
    for (const scale of [1, 1.5]) {
      const { width, height } = decode(await figure.png(scale));
      expect([width, height]).toEqual([460 * scale, 300 * scale]);
    }
    expect(decode(await figure.png()).width).toBe(920);
    for (const scale of [0, -1, Number.NaN, 1e5]) {
      await expect(figure.png(scale)).rejects.toThrow(`cannot be drawn at scale ${scale}.`);
    }
  });

  test('save writes by the ending', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fovea-plot-'));
    try {
      const figure = bars([1, 2], { title: 'Two' });
      for (const ending of ['svg', 'png', 'html']) await figure.save(join(folder, `two.${ending}`));
      expect(await readFile(join(folder, 'two.svg'), 'utf8')).toBe(figure.svg());
      expect(decode(await readFile(join(folder, 'two.png'))).width).toBe(920);
      expect(await readFile(join(folder, 'two.html'), 'utf8')).toContain('<title>Two</title>');
      await expect(figure.save(join(folder, 'two.gif'))).rejects.toThrow('End the name with .svg, .png or .html.');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('themes change colours', () => {
    expect(bars([1]).svg()).toContain('fill="#ffffff"');
    expect(bars([1], { theme: 'dark' }).svg()).toContain('fill="#161b22"');
  });
});
