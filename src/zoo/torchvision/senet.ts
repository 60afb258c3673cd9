// SENet-154 (Hu et al. 2017, arXiv 1709.01507, appendix): ResNeXt-152 in 64 groups whose blocks scale their channels, with three
// 3x3 convolutions for the 7x7 one, half the channels in the first 1x1, and 3x3 projections where a stage halves the map.
// Layers carry the names of the networks that circulate for PyTorch.
import type { Model } from '../../nn/model.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import { TorchBuilder, type TorchvisionOptions } from './build.js';

const GROUPS = 64;
const REDUCTION = 16;

/** A convolution that keeps the size at stride 1, its batch norm and ReLU, under PyTorch's names `conv<i>` and `bn<i>`. */
function unit(
  b: TorchBuilder,
  x: SymbolicTensor,
  at: string,
  part: number,
  filters: number,
  options: { kernel?: number; strides?: number; groups?: number; activation?: null } = {},
): SymbolicTensor {
  return b.convNorm(x, at, filters, { ...options, parts: [`conv${part}`, `bn${part}`] });
}

function block(b: TorchBuilder, x: SymbolicTensor, at: string, planes: number, strides: number): SymbolicTensor {
  const out = 4 * planes;
  let inner = unit(b, x, at, 1, 2 * planes);
  inner = unit(b, inner, at, 2, out, { kernel: 3, strides, groups: GROUPS });
  inner = unit(b, inner, at, 3, out, { activation: null });
  inner = b.excite(inner, `${at}.se_module`, out / REDUCTION);
  if (strides === 1 && x.shape.at(-1) === out) return b.relu(b.add([inner, x]));
  const projection = { kernel: strides === 1 ? 1 : 3, strides, activation: null } as const;
  return b.relu(b.add([inner, b.convNorm(x, `${at}.downsample`, out, projection)]));
}

/** SENet of so many blocks in each stage. */
export function senet(
  name: string,
  depths: readonly [number, number, number, number],
  options: TorchvisionOptions = {},
): Model {
  const b = new TorchBuilder(name, options);
  let x = unit(b, b.inputs, 'layer0', 1, 64, { kernel: 3, strides: 2 });
  x = unit(b, x, 'layer0', 2, 64, { kernel: 3 });
  x = unit(b, x, 'layer0', 3, 128, { kernel: 3 });
  x = b.maxPoolCeil(x, 3, 2);
  depths.forEach((depth, stage) => {
    for (let i = 0; i < depth; i++) {
      x = block(b, x, `layer${stage + 1}.${i}`, 64 * 2 ** stage, i === 0 && stage > 0 ? 2 : 1);
    }
  });
  return b.model(x, (maps) => b.dense(b.dropout(b.means(maps), 0.2), 'last_linear', b.classes));
}

/** 115,088,984 parameters. */
export const senet154 = (options?: TorchvisionOptions): Model => senet('senet154', [3, 8, 36, 3], options);
