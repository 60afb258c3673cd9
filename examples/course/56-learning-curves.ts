// Kim: the learning curves of example 55 as the course printed them, without epochs 5 to 7, which it left out: a gap in
// every line. The same function draws the history that `fit` gives, here of a small network on generated pictures.
import { datasets, History, layers, models, plot, scale, setRandomSeed } from 'fovea';
import { above, chart, draw } from './drawing.js';

const printed = {
  loss: '.6986 .4115 .3478 .3163 - - - .2594 .2436 .2441',
  accuracy: '.7568 .8633 .8835 .8941 - - - .9116 .9175 .9190',
  val_loss: '.3509 .3233 .3025 .2962 - - - .2772 .2976 .2816',
  val_accuracy: '.8758 .8842 .8962 .8938 - - - .9028 .9040 .9066',
};
const series = Object.keys(printed) as (keyof typeof printed)[];
const course = new History();
for (let epoch = 0; epoch < 10; epoch++) {
  // What is no number is a gap in the line.
  course.add(epoch, Object.fromEntries(series.map((name) => [name, Number(printed[name].split(' ')[epoch])])));
}
console.log(
  `course: epochs ${course.epoch.filter((at) => Number.isFinite(course.history.loss?.[at])).map((at) => at + 1)}`,
);

const curvesOf = (history: History, title: string): plot.Figure =>
  plot.curves(history, { series, title, width: 560, height: 300 });

setRandomSeed(3);
const { train, test } = await datasets.strokes({ count: 1500, testCount: 400 });
const model = models.sequential([
  layers.input([28, 28, 1]),
  layers.conv2d({ filters: 8, kernelSize: 5, strides: 2, activation: 'relu' }),
  layers.maxPooling2d(),
  layers.flatten(),
  layers.dense({ units: 10, activation: 'softmax' }),
]);
model.compile({ optimizer: 'nadam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
const history = await model.fit(train.withX(scale(train.x)), {
  epochs: 6,
  verbose: 0,
  validationData: test.withX(scale(test.x)),
});
const losses = history.history.loss as number[];
console.log(`fit: series ${Object.keys(history.history).sort().join(', ')}`);
console.log(`loss after 6 epochs is lower than after 1: ${(losses[5] as number) < (losses[0] as number)}`);

await draw(
  '56-learning-curves',
  'Learning curves',
  above(
    [chart(curvesOf(course, "The course's, epochs 5 to 7 missing")), chart(curvesOf(history, 'A history of our own'))],
    8,
  ),
);
