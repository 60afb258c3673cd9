// Ng: an inception block has 1x1, 3x3 and 5x5 convolutions and a pool side by side, and joins what they give; 1x1 convolutions
// make the large ones cheap. GoogLeNet is made of nine, with two further classifiers on the way for training.
import { type Layer, layers, models, type SymbolicTensor, zoo } from 'fovea';
import { sizes } from './lib.js';

const conv = (filters: number, kernelSize: number): Layer =>
  layers.conv2d({ filters, kernelSize, padding: 'same', activation: 'relu' });
const through = (x: SymbolicTensor, ...chain: Layer[]): SymbolicTensor => chain.reduce((y, layer) => layer.apply(y), x);

const input = layers.input([28, 28, 192]);
const parts = [
  conv(64, 1).apply(input),
  through(input, conv(96, 1), conv(128, 3)),
  through(input, conv(16, 1), conv(32, 5)),
  through(input, layers.maxPooling2d({ poolSize: 3, strides: 1, padding: 'same' }), conv(32, 1)),
];
const block = models.model({ inputs: input, outputs: layers.concatenate().apply(parts) });
console.log(
  `${parts.map(({ shape }) => shape.at(-1)).join(' + ')} maps: ${sizes(block.outputShape.slice(1) as number[])}`,
);

const grouped = (count: number): string => count.toLocaleString('en');
const [plain, trained] = [zoo.classics.googlenet(), zoo.classics.googlenet({ auxLogits: true })];
console.log(`GoogLeNet ${grouped(plain.countParams())}, with both side heads ${grouped(trained.countParams())}`);
console.log(
  `blocks ${plain.layers.filter(({ className }) => className === 'Concatenate').length}, outputs ${trained.outputs.length}`,
);
