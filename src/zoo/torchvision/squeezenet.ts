// SqueezeNet (Iandola et al. 2016, arXiv 1602.07360): AlexNet's accuracy with a fiftieth of its parameters, by 1x1
// convolutions that narrow what 3x3 ones see.
import type { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { TorchBuilder, type TorchvisionOptions } from './build.js';

/** Squeezed channels, and those that each half of the expansion gives. */
const FIRES = [
  [16, 64],
  [16, 64],
  [32, 128],
  [32, 128],
  [48, 192],
  [48, 192],
  [64, 256],
  [64, 256],
] as const;

function fire(
  b: TorchBuilder,
  x: SymbolicTensor,
  at: string,
  [squeezed, expanded]: readonly [number, number],
): SymbolicTensor {
  const narrow = b.relu(b.conv(x, `${at}.squeeze`, squeezed, { bias: true }));
  return b.join([
    b.relu(b.conv(narrow, `${at}.expand1x1`, expanded, { bias: true })),
    b.relu(b.conv(narrow, `${at}.expand3x3`, expanded, { kernel: 3, padding: 1, bias: true })),
  ]);
}

/** `P` pools, a number is the fire module of that index; places in PyTorch's Sequential count both. */
type Order = readonly ('P' | number)[];

function squeezenet(
  name: string,
  stem: { readonly filters: number; readonly kernel: number },
  order: Order,
  options: TorchvisionOptions = {},
): Model {
  const b = new TorchBuilder(name, options);
  let x = b.relu(b.conv(b.inputs, 'features.0', stem.filters, { kernel: stem.kernel, strides: 2, bias: true }));
  order.forEach((each, i) => {
    x =
      each === 'P' ? b.maxPoolCeil(x, 3, 2) : fire(b, x, `features.${i + 2}`, FIRES[each] as readonly [number, number]);
  });
  return b.model(x, (maps) => {
    const scores = b.relu(b.conv(b.dropout(maps, 0.5), 'classifier.1', b.classes, { bias: true }));
    return b.means(scores);
  });
}

/** 1,248,424 parameters. */
export const squeezenet10 = (options?: TorchvisionOptions): Model =>
  squeezenet('squeezenet1_0', { filters: 96, kernel: 7 }, ['P', 0, 1, 2, 'P', 3, 4, 5, 6, 'P', 7], options);
/** 1,235,496 parameters, at less than half the cost. */
export const squeezenet11 = (options?: TorchvisionOptions): Model =>
  squeezenet('squeezenet1_1', { filters: 64, kernel: 3 }, ['P', 0, 1, 'P', 2, 3, 'P', 4, 5, 6, 7], options);
