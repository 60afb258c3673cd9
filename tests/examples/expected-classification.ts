// Rows 52 to 66 of the course: classification programs. Ranges of short runs hold for every engine: one epoch on few
// pictures scatters by some hundredths. Those of full runs are the course's figure, or Keras's, give or take .01.
import type { Expected } from './expected.js';

const classification: Record<string, Expected> = {
  '52-new-axis': { prints: ['(3,4) -> (3,4,1)', '[[[1],[1],[1],[1]],[[2],[2],[2],[2]],[[3],[3],[3],[3]]]'] },
  '53-fashion-data': {
    needsData: true,
    prints: [
      'average mean 72.8834',
      'pixel (14,14): mean 139.188, std 78.979',
      'train (55000,28,28,1)',
      'validation (5000,28,28,1)',
      'test (10000,28,28,1)',
      'test 0: label 9, Ankle boot, -1.9254..2.5715',
    ],
    draws: ['53-fashion-data.png'],
  },
  '54-fashion-model': {
    prints: [
      'conv1 28x28x64 3200',
      'pool1 14x14x64 0',
      'conv2 14x14x128 73856',
      'conv3 14x14x128 147584',
      'pool2 7x7x128 0',
      'conv4 7x7x256 295168',
      'conv5 7x7x256 590080',
      'pool3 3x3x256 0',
      'flatten 2304 0',
      'dense1 128 295040',
      'dropout1 128 0',
      'dense2 64 8256',
      'dropout2 64 0',
      'softmax 10 650',
      'total 1,413,834, trainable 1,413,834',
      'Model: "fashion"',
    ],
  },
  '55-fashion-train': {
    needsData: true,
    prints: [
      /^lecture_cnn: /,
      /^first 10 predicted( \d){10}, labels 9 2 1 1 6 1 4 6 5 7$/,
      /^test loss/,
      /ms a training step/,
    ],
    scores: [
      { line: /^lecture_cnn: (\d+) steps an epoch/, short: [125, 125], full: [1719, 1719] },
      { line: /, (\d+) to test$/, short: [32, 32], full: [313, 313] },
      { line: /^test loss [\d.]+, accuracy ([\d.]+)$/, short: [0.6, 1], full: [0.879, 0.95] },
    ],
  },
  '56-learning-curves': {
    prints: [
      'course: epochs 1,2,3,4,8,9,10',
      'fit: series accuracy, loss, val_accuracy, val_loss',
      'loss after 6 epochs is lower than after 1: true',
    ],
    draws: ['56-learning-curves.png'],
  },
  '57-fashion-dense': {
    needsData: true,
    prints: [
      /dense convolutional$/,
      'parameters 266,610 1,413,834',
      /^test loss/,
      "the course's accuracy 0.8827 0.9038",
    ],
    scores: [
      { line: /^test accuracy ([\d.]+)/, short: [0.5, 1], full: [0.872, 0.9] },
      { line: /^test accuracy [\d.]+ ([\d.]+)$/, short: [0.6, 1], full: [0.879, 0.95] },
      { line: /^lecture_dense: (\d+) steps/, short: [125, 125], full: [1719, 1719] },
    ],
  },
  '58-mnist-convnet': {
    prints: [
      'convolutional base: 55,744 parameters',
      /26x26x32 320$/,
      /13x13x32 0$/,
      /11x11x64 18496$/,
      /5x5x64 0$/,
      /3x3x64 36928$/,
      /576 0$/,
      /64 36928$/,
      /10 650$/,
      'total 93,322',
    ],
  },
  '59-mnist-fit': {
    needsData: true,
    prints: [/^mnist_convnet: \d+ steps an epoch/, /^mnist_convnet: test loss/],
    scores: [
      { line: /^mnist_convnet: (\d+) steps/, short: [157, 157], full: [938, 938] },
      { line: /^mnist_convnet: .* accuracy ([\d.]+)$/, short: [0.9, 1], full: [0.986, 1] },
    ],
  },
  '60-mnist-dense': {
    needsData: true,
    prints: ['407,050 parameters', /^error [\d.]+% -> [\d.]+%: -?\d+% less \(course: 68%\)$/],
    scores: [
      { line: /^mnist_dense: .* accuracy ([\d.]+)$/, short: [0.8, 1], full: [0.97, 0.99] },
      { line: /: (-?\d+)% less/, full: [30, 80] },
    ],
  },
  '61-mnist-lab': {
    needsData: true,
    prints: ['parameters 320 18496 401536 1290, total 421642', /^test digit 7: label 9, Prediction : 9$/],
    scores: [
      { line: /^(\d+) steps$/, short: [313, 313], full: [1875, 1875] },
      { line: /^test accuracy ([\d.]+)$/, short: [0.93, 1], full: [0.975, 1] },
    ],
    draws: ['61-mnist-lab.png'],
  },
  '62-softmax': {
    prints: ['softmax: 0.659 0.242 0.099', 'written out: 0.659 0.242 0.099', '1000 more on each: 0.659 0.242 0.099'],
  },
  '63-cross-entropy': {
    prints: [
      'y 1, p .8: 0.2231 (-log .8 = 0.2231)',
      'y 0, p .8: 1.6094 (-log .2 = 1.6094)',
      'ten equal classes: 2.3026, ln 10 = 2.3026',
    ],
  },
  '64-relu': {
    prints: [
      'relu of -2 and 3: 0 3',
      'slope at -2 and 3: 0 1',
      /^lowest number of the map: -[1-9][\d.]* before, 0 after$/,
    ],
    draws: ['64-relu.png'],
  },
  '65-train-predict': {
    prints: [/^generated: 100 training images 1\.0000, 400 others/, /^CIFAR-10: /],
    scores: [
      { line: /^generated: .*, 400 others ([\d.]+)$/, short: [0.8, 1], full: [0.8, 1] },
      { line: /^CIFAR-10: 100 training images ([\d.]+)/, short: [1, 1], full: [1, 1], needsData: true },
      { line: /^CIFAR-10: .*, 500 others ([\d.]+)$/, short: [0.2, 1], full: [0.2, 1], needsData: true },
    ],
  },
  '66-cat-or-dog': {
    prints: [
      /^trained on \d+ of /,
      /^dog: [01]\.\d{3}$/,
      /^cat: [01]\.\d{3}$/,
      /^truck: [01]\.\d{3}$/,
      /^plane: [01]\.\d{3}$/,
      /^sigmoid unit: [01]\.\d{3}, a (cat|dog)$/,
    ],
    scores: [
      // Guessing would give .25 and .5; photos of 32x32 are hard, sketches are not.
      { line: /^four labels: accuracy ([\d.]+)$/, short: [0.5, 1], full: [0.5, 1] },
      { line: /^cat or dog: accuracy ([\d.]+)$/, short: [0.55, 1], full: [0.55, 1] },
    ],
    draws: ['66-cat-or-dog.png'],
  },
};

export default classification;
