// Kim and Lee: three wirings of a layer without biases on a 1000x1000 picture with 10^6 units: every unit reads every
// pixel; every unit reads its own 10x10 patch; every unit reads a patch, through weights that all share. What is too
// large to build is counted from a small picture's wiring, found by gradients. Draws the three.
import { abs, conv2d, grad, greater, layers, ones, plot, reshape, slice, sum } from 'fovea';
import { beside, type Colour, draw, type Panel, titled } from './drawing.js';

// In the small picture 20x20, 11x11 units: how many pixels does each unit read?
const small = ones([1, 20, 20, 1]);
const filter = ones([10, 10, 1, 1]);
const reads: number[] = [];
for (const [row, column] of [
  [0, 0],
  [5, 7],
  [10, 10],
] as const) {
  const unit = grad((x) => sum(slice(conv2d(x, filter), [0, row, column, 0], [1, 1, 1, 1])));
  reads.push(await sum(greater(abs(unit(small)), 0)).item());
}
const dense = layers.dense({ units: 11 * 11, useBias: false });
dense.apply(reshape(small, [1, 400]));
const readByDense = dense.countParams() / (11 * 11);
console.log(`small picture: a local unit reads ${reads.join(', ')} pixels, a dense one ${readByDense} of 400`);

const shared = layers.conv2d({ filters: 1, kernelSize: 10, useBias: false });
shared.ensureBuilt([[null, 1000, 1000, 1]]);
const units = 10 ** 6;
console.log(`full: ${(units * 1000 * 1000).toExponential(0)} weights`);
console.log(`local: ${(units * (reads[0] as number)).toExponential(0)} weights`);
console.log(`shared: ${shared.countParams()} weights for each filter`);

type Wire = (input: number, unit: number) => Colour | undefined;

/** Colour `at` of `count` that differ as much as they can. */
function hue(at: number, count: number): Colour {
  const channel = (offset: number): string => {
    const wave = Math.cos(2 * Math.PI * (at / count - offset / 3));
    return Math.round(105 + 95 * wave)
      .toString(16)
      .padStart(2, '0');
  };
  return `#${channel(0)}${channel(1)}${channel(2)}`;
}

/** Nine inputs below, seven units above, and a line for every weight; one colour is one weight. */
function wiring(wire: Wire): Panel {
  const [step, height, inputs, units] = [26, 110, 9, 7];
  const x = (at: number, count: number): number => 8 + at * step + ((inputs - count) * step) / 2;
  const lines: plot.Shape[] = [];
  const dots: plot.Shape[] = [];
  for (let unit = 0; unit < units; unit++) {
    dots.push({ kind: 'dot', x: x(unit, units), y: 8, radius: 7, fill: 'ink' });
    for (let input = 0; input < inputs; input++) {
      const stroke = wire(input, unit);
      if (stroke === undefined) continue;
      const path = new plot.Path();
      path.moveTo(x(input, inputs), height);
      path.lineTo(x(unit, units), 8);
      lines.push({ kind: 'path', path, stroke, strokeWidth: 1.5 });
    }
  }
  for (let input = 0; input < inputs; input++) {
    dots.push({ kind: 'rect', x: x(input, inputs) - 6, y: height - 6, width: 12, height: 12, fill: 'muted' });
  }
  return { width: 16 + (inputs - 1) * step, height: height + 8, shapes: [...lines, ...dots] };
}

const patch = 3;
const isNear = (input: number, unit: number): boolean => input >= unit && input < unit + patch;
const full: Wire = (input, unit) => hue(9 * unit + input, 63);
const local: Wire = (input, unit) => (isNear(input, unit) ? hue(patch * unit + input - unit, 21) : undefined);
const common: Wire = (input, unit) => (isNear(input, unit) ? hue(input - unit, patch) : undefined);
const panels = [
  titled('full: 63 weights', wiring(full)),
  titled('local: 21 weights', wiring(local)),
  titled('shared: 3 weights', wiring(common)),
];
await draw('47-full-local-shared', 'Full, local and shared: every weight has its colour', beside(panels, 44));
