// AlexNet (Krizhevsky, Sutskever and Hinton 2012), in torchvision's one-column form (Krizhevsky 2014, arXiv 1404.5997).
import type { Model } from '../../nn/model.js';
import { TorchBuilder, type TorchvisionOptions } from './build.js';

/** 61,100,840 parameters. */
export function alexnet(options: TorchvisionOptions = {}): Model {
  const b = new TorchBuilder('alexnet', options, 224, 63);
  let x = b.relu(b.conv(b.inputs, 'features.0', 64, { kernel: 11, strides: 4, padding: 2, bias: true }));
  x = b.relu(b.conv(b.maxPool(x, 3, 2), 'features.3', 192, { kernel: 5, padding: 2, bias: true }));
  x = b.relu(b.conv(b.maxPool(x, 3, 2), 'features.6', 384, { kernel: 3, padding: 1, bias: true }));
  x = b.relu(b.conv(x, 'features.8', 256, { kernel: 3, padding: 1, bias: true }));
  x = b.relu(b.conv(x, 'features.10', 256, { kernel: 3, padding: 1, bias: true }));
  return b.model(b.maxPool(x, 3, 2), (maps) => {
    let y = b.flatten(b.averageTo(maps, 6));
    y = b.relu(b.dense(b.dropout(y, 0.5), 'classifier.1', 4096));
    y = b.relu(b.dense(b.dropout(y, 0.5), 'classifier.4', 4096));
    return b.dense(y, 'classifier.6', b.classes);
  });
}
