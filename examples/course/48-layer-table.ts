// Ng: a small network as a table of filter size f, padding p, stride s and channels nc: 39x39x3 through three
// convolutions, flattened, to one sigmoid unit. Downwards the sizes fall and the channels rise.
import { layers, models } from 'fovea';
import { sizes } from './lib.js';

const steps = [
  { f: 3, p: 0, s: 1, nc: 10 },
  { f: 5, p: 0, s: 2, nc: 20 },
  { f: 5, p: 0, s: 2, nc: 40 },
];
const model = models.sequential([
  layers.input([39, 39, 3]),
  ...steps.map(({ f, s, nc }) => layers.conv2d({ filters: nc, kernelSize: f, strides: s })),
  layers.flatten(),
  layers.dense({ units: 1, activation: 'sigmoid' }),
]);

console.log(`${'layer'.padEnd(10)} f p s nc  ${'output'.padEnd(9)} parameters`);
model.layers.forEach((layer, i) => {
  const step = steps[i];
  const settings = step === undefined ? '' : `${step.f} ${step.p} ${step.s} ${step.nc}`;
  const output = sizes(layer.calls[0]?.outputs[0]?.shape.slice(1) as number[]);
  console.log(`${layer.name.padEnd(10)} ${settings.padEnd(9)} ${output.padEnd(9)} ${layer.countParams()}`);
});
console.log(`total ${model.countParams().toLocaleString('en')}`);
