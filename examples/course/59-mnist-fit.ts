// Chollet, listing 5.3: the convnet of example 58 learns MNIST. Pixels / 255 as float32, labels one-hot; rmsprop,
// categorical cross-entropy, accuracy; 5 epochs in batches of 64. The course reaches .9908 on the test set (it also says
// 99.3%). `--short`: 10,000 digits, 1 epoch, 1,000 test digits.
import { setRandomSeed, zoo } from 'fovea';
import { trainOnMnist } from './mnist.js';
import { saveScores } from './runs.js';

setRandomSeed(5);
saveScores('59-mnist-fit', await trainOnMnist(zoo.mnistConvnet(), 64));
