// Every layer of the golden values as a model of its own: what its options say must survive the files. Without the folder of
// golden values there are none.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LayerConfig, layers, models } from '../../src/index.js';
import { layerFromConfig } from '../../src/nn/layers/registry.js';
import type { InteropModel } from './models.js';

interface LayerCase {
  readonly name: string;
  readonly class?: string;
  readonly args: LayerConfig;
  readonly config?: LayerConfig;
  readonly call: { readonly training?: boolean };
  readonly inputs: readonly { readonly shape: readonly number[]; readonly dtype?: 'int32' | 'uint8' }[];
}

/** Models of the folder's layers, in inference. */
export function layerModels(): InteropModel[] {
  const data = process.env.FOVEA_DATA;
  const file = data === undefined || data === '' ? undefined : join(data, '../golden/layers/cases.json');
  if (file === undefined || !existsSync(file)) return [];
  const read: LayerCase[] | { cases: LayerCase[] } = JSON.parse(readFileSync(file, 'utf8'));
  return (Array.isArray(read) ? read : read.cases).flatMap((each): InteropModel[] => {
    const { class: className, call, inputs, name } = each;
    if (className === undefined || call.training === true) return [];
    const dtype = inputs[0]?.dtype;
    return [
      {
        name: `layer ${name}`,
        ...(dtype === undefined ? {} : { tokens: dtype === 'uint8' ? 256 : 4 }),
        make() {
          const given = inputs.map(({ shape, dtype: own }, i) =>
            layers.input(shape.slice(1), { dtype: own ?? 'float32', name: `input_${i}` }),
          );
          const layer = layerFromConfig(className, each.config ?? each.args);
          const [first] = given;
          const outputs = given.length === 1 && first !== undefined ? layer.apply(first) : layer.apply(given);
          return models.model({ inputs: given, outputs });
        },
      },
    ];
  });
}
