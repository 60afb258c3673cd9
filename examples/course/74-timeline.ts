// Kim and intro: two decades of convolutional networks, from LeNet-5 (10^6 transistors, 10^7 pixels to learn from) to AlexNet
// (10^9 and 10^14) and on. Draws how many parameters each has, and what five of them are made of, layer by layer.
import { type models, plot, zoo } from 'fovea';
import { above, type Colour, cells, chart, colours, draw, note, titled } from './drawing.js';

const all: readonly (readonly [year: number, name: string, model: models.TrainableModel])[] = [
  [1998, 'LeNet-5', zoo.classics.lenet5({ sparse: true })],
  [2012, 'AlexNet', zoo.classics.alexnet()],
  [2014, 'GoogLeNet', zoo.classics.googlenet()],
  [2014, 'VGG16', zoo.vgg16()],
  [2015, 'ResNet-50', zoo.resnet50()],
  [2016, 'Xception', zoo.xception()],
  [2017, 'SE-ResNet-50', zoo.torchvision.seResnet50()],
];
for (const [year, name, model] of all)
  console.log(`${year} ${name}: ${model.countParams().toLocaleString('en')} parameters`);
const timeline = plot.bars(
  all.map(([, , model]) => model.countParams() / 1e6),
  { labels: all.map(([year, name]) => `${name} ${year}`), yLabel: 'million parameters', width: 860, height: 280 },
);

/** What a layer is, by its colour. Activations and norms belong to the layer before them. */
const KINDS: readonly (readonly [name: string, classes: readonly string[], colour: Colour])[] = [
  ['convolution', ['Conv2D'], colours.weight],
  ['depthwise separable', ['SeparableConv2D', 'DepthwiseConv2D'], '#56b4e9'],
  ['pool', ['MaxPooling2D', 'AveragePooling2D', 'GlobalAveragePooling2D'], colours.write],
  ['join', ['Add', 'Concatenate'], colours.good],
  ['dense', ['Dense'], colours.strong],
];
const COLUMNS = 60;

function diagram(name: string, model: models.TrainableModel) {
  const kinds = model.layers
    .map(({ className }) => KINDS.findIndex(([, classes]) => classes.includes(className)))
    .filter((kind) => kind >= 0);
  const rows = Array.from({ length: Math.ceil(kinds.length / COLUMNS) }, (_, row) =>
    Array.from({ length: COLUMNS }, (__, column) => kinds[row * COLUMNS + column] ?? -1),
  );
  console.log(
    `${name}: ${KINDS.map(([kind], i) => `${kinds.filter((each) => each === i).length} ${kind}`).join(', ')}`,
  );
  const style = (_: number, __: number, kind: number) => ({ fill: KINDS[kind]?.[2] ?? colours.outside, text: '' });
  return titled(name, cells(rows, { cell: 14, style }));
}

const legend = titled(
  KINDS.map(([name]) => name).join(', '),
  cells([KINDS.map((_, kind) => kind)], {
    cell: 14,
    style: (_, __, kind) => ({ fill: KINDS[kind]?.[2] as Colour, text: '' }),
  }),
);
const diagrams = [
  diagram('VGG16', zoo.vgg16()),
  diagram('VGG19', zoo.vgg19()),
  diagram('Inception v3', zoo.inceptionV3()),
  diagram('Xception', zoo.xception()),
  diagram('ResNet-50', zoo.resnet50()),
];
const words = note('1998: 10^6 transistors, 10^7 pixels to learn from. 2012: 10^9 transistors, 10^14 pixels.');
await draw('74-timeline', 'networks by year', above([chart(timeline), words, ...diagrams, legend], 16));
