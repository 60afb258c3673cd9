// The roofline: GFLOP/s over flop per byte, both logarithmic, the measured limits as roofs, kernels as dots. Work above
// the roof does its task with fewer multiplications than the plain sum has, as Winograd's algorithm does.
import { plot } from '../src/index.js';
import { type Peaks, peakOf } from './peaks.js';
import type { Report } from './render.js';
import type { RowResult } from './row.js';

const [WIDTH, HEIGHT] = [760, 440];
const BOX = { left: 64, right: WIDTH - 16, top: 56, bottom: HEIGHT - 48 };
/** Flop per byte, and GFLOP/s. */
const X = [0.25, 1024] as const;
const Y = [1, 4096] as const;

const along = (value: number, [low, high]: readonly [number, number]): number =>
  Math.log(value / low) / Math.log(high / low);
const xOf = (value: number): number => BOX.left + along(value, X) * (BOX.right - BOX.left);
const yOf = (value: number): number => BOX.bottom - along(value, Y) * (BOX.bottom - BOX.top);

/** Kinds of kernels, told by the shape, each with its colour. */
const KINDS: readonly (readonly [name: string, color: plot.Paint, isOne: (row: RowResult) => boolean])[] = [
  ['matmul', 'series3', ({ suite }) => suite === 'matmul'],
  ['depthwise', 'series4', ({ name }) => name.startsWith('dw ')],
  ['1x1', 'series2', ({ name }) => name.startsWith('1x1')],
  ['3x3, stride 1', 'series1', ({ name }) => name.startsWith('3x3 ')],
  ['other convolutions', 'series5', () => true],
];

/** The picture of the timed convolutions and matrix products of a report, or undefined without peaks or rows. */
export function roofline({ peaks, threads, results }: Report): plot.Figure | undefined {
  const limits = peaks.find((each) => each.threads === threads);
  const rows = results.filter(
    (each): each is RowResult =>
      each.kind === 'row' && each.time !== undefined && (each.suite === 'conv' || each.suite === 'matmul'),
  );
  if (limits === undefined || rows.length === 0) return undefined;
  const shapes: plot.Shape[] = [...frame(), ...roofs(limits)];
  KINDS.forEach(([name, color, isOne], at) => {
    const own = rows.filter((row) => KINDS.find((kind) => kind[2](row))?.[0] === name && isOne(row));
    shapes.push(...own.map((row) => dot(row, color)), ...legend(name, color, at));
  });
  shapes.push({
    kind: 'text',
    x: BOX.left,
    y: 24,
    text: `Kernels of the native engine, ${threads} threads`,
    size: 15,
    fill: 'ink',
    isBold: true,
  });
  const description = 'GFLOP/s of convolutions and matrix products over their flop per byte, below the measured limits';
  return new plot.Figure({ width: WIDTH, height: HEIGHT, background: 'surface', description, shapes });
}

function dot({ flops, bytes, time, name, part, family }: RowResult, fill: plot.Paint): plot.Shape {
  const speed = flops / (time?.median ?? 1) / 1e6;
  const clamp = (value: number, [low, high]: readonly [number, number]): number => Math.min(high, Math.max(low, value));
  const tip = `${family}: ${name} ${part}, ${speed.toFixed(0)} GFLOP/s`;
  return { kind: 'dot', x: xOf(clamp(flops / bytes, X)), y: yOf(clamp(speed, Y)), radius: 2.5, fill, tip };
}

function legend(name: string, fill: plot.Paint, at: number): plot.Shape[] {
  const x = BOX.left + 8 + at * 130;
  return [
    { kind: 'dot', x, y: 42, radius: 4, fill },
    { kind: 'text', x: x + 8, y: 46, text: name, size: 12, fill: 'muted' },
  ];
}

function line(points: readonly (readonly [x: number, y: number])[], stroke: plot.Paint, strokeWidth = 1.5): plot.Shape {
  const path = new plot.Path();
  points.forEach(([x, y], i) => {
    if (i === 0) path.moveTo(x, y);
    else path.lineTo(x, y);
  });
  return { kind: 'path', path, stroke, strokeWidth };
}

/** Memory's slope up to each height of arithmetic, and the cache's dashed beside it. */
function roofs(limits: Peaks): plot.Shape[] {
  const top = peakOf(limits, 'float32', false) ?? limits.fp32x4 ?? Y[1];
  const heights = [
    [top, 'float32, widest vectors'],
    ...(limits.fp32x4 === undefined || limits.fp32x4 === top ? [] : [[limits.fp32x4, 'float32, 128 bits']]),
  ] as [number, string][];
  const shapes = heights.flatMap(([height, name]): plot.Shape[] => [
    line(
      [
        [xOf(height / limits.read), yOf(height)],
        [BOX.right, yOf(height)],
      ],
      'ink',
    ),
    label(xOf(height / limits.read) + 6, yOf(height) - 6, `${name}: ${height.toFixed(0)} GFLOP/s`, 'start'),
  ]);
  for (const [speed, name] of [
    [limits.read, 'memory'],
    [limits.cache, 'cache'],
  ] as const) {
    const from = Math.max(X[0], Y[0] / speed);
    const points = [
      [xOf(from), yOf(from * speed)],
      [xOf(top / speed), yOf(top)],
    ] as const;
    shapes.push(line(points, name === 'memory' ? 'ink' : 'muted'));
    const at = Math.max(X[0] * 1.15, (Y[0] * 2) / speed);
    shapes.push(label(xOf(at) + 6, yOf(at * speed) + 12, `${name}: ${speed.toFixed(0)} GB/s`, 'start'));
  }
  return shapes;
}

function label(x: number, y: number, text: string, anchor: 'start' | 'middle' | 'end'): plot.Shape {
  return { kind: 'text', x, y, text, size: 11, fill: 'muted', anchor };
}

function frame(): plot.Shape[] {
  const shapes: plot.Shape[] = [];
  for (let x = X[0]; x <= X[1]; x *= 4) {
    shapes.push(
      line(
        [
          [xOf(x), BOX.top],
          [xOf(x), BOX.bottom],
        ],
        'grid',
        1,
      ),
    );
    shapes.push(label(xOf(x), BOX.bottom + 16, `${x}`, 'middle'));
  }
  for (let y = Y[0]; y <= Y[1]; y *= 4) {
    shapes.push(
      line(
        [
          [BOX.left, yOf(y)],
          [BOX.right, yOf(y)],
        ],
        'grid',
        1,
      ),
    );
    shapes.push(label(BOX.left - 6, yOf(y) + 4, `${y}`, 'end'));
  }
  shapes.push(label((BOX.left + BOX.right) / 2, HEIGHT - 12, 'flop per byte of the operands', 'middle'));
  const middle = (BOX.top + BOX.bottom) / 2;
  shapes.push({ ...label(16, middle, 'GFLOP/s', 'middle'), rotate: -90 } as plot.Shape);
  return shapes;
}
