// Trains three steps of a network and prints how far the resident set rose above that of the idle process, in MiB;
// ./peers/memory.py is the twin. Arguments: lecture or vgg16, batch; or a network of ./networks.ts, batch, and a folder.
import { readFileSync, writeFileSync } from 'node:fs';
import { engineInfo, layers, models, optimizers, setRandomSeed, zoo } from '../src/index.js';
import { wholeNetwork } from './network-work.js';
import { numbers } from './numbers.js';

const [network = 'lecture', batchText = '32', folder = ''] = process.argv.slice(2);
const batch = Number(batchText);

/** Kilobytes of a line of /proc/self/status. */
function status(name: string): number {
  const line = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(line?.[1]);
}

/** The layers of VGG16 with its classifier: 138 million parameters. */
function vgg16() {
  const conv = (filters: number) => layers.conv2d({ filters, kernelSize: 3, padding: 'same', activation: 'relu' });
  const block = (filters: number, count: number) => [
    ...Array.from({ length: count }, () => conv(filters)),
    layers.maxPooling2d({ poolSize: 2 }),
  ];
  return models.sequential([
    layers.input([224, 224, 3]),
    ...[...block(64, 2), ...block(128, 2), ...block(256, 3), ...block(512, 3), ...block(512, 3)],
    layers.flatten(),
    layers.dense({ units: 4096, activation: 'relu' }),
    layers.dense({ units: 4096, activation: 'relu' }),
    layers.dense({ units: 1000, activation: 'softmax' }),
  ]);
}

async function trainTwins(): Promise<void> {
  const isVgg = network === 'vgg16';
  const shape = isVgg ? [batch, 224, 224, 3] : [batch, 28, 28, 1];
  const x = { data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5), shape, dtype: 'float32' } as const;
  const y = { data: Int32Array.from({ length: batch }, (_, i) => i % 10), shape: [batch], dtype: 'int32' } as const;
  const model = isVgg ? vgg16() : zoo.lectureCnn();
  const optimizer = isVgg ? optimizers.sgd({ learningRate: 1e-4, momentum: 0.9 }) : optimizers.nadam();
  model.compile({ optimizer, loss: 'sparseCategoricalCrossentropy' });
  for (let step = 0; step < 3; step++) await model.trainOnBatch(x, y);
}

async function trainWhole(): Promise<void> {
  const work = { kind: 'network', network, batch, isTraining: true, folder, checkedSteps: 3, multiplyAdds: 0 } as const;
  await (await wholeNetwork(work)).results();
}

setRandomSeed(1);
await engineInfo();
numbers(1, [1]);
const idle = status('VmRSS');
// 5 sets the peak back.
writeFileSync('/proc/self/clear_refs', '5');
await (folder === '' ? trainTwins() : trainWhole());
console.log(JSON.stringify({ mebibytes: (status('VmHWM') - idle) / 1024 }));
process.exit(0);
