// Nodes that read the same initializers and are otherwise alike become one layer that is applied several times: its weights
// are trained together and are written once, as those of a shared layer of Keras's.
import type { Layer } from '../../nn/layer.js';
import type { WeightMaker } from './builder.js';
import { OnnxOperation, type OperationParts } from './operation.js';
import type { HostValue } from './values.js';

/** The layers of a model, by what they do and by the constants that their weights are made from. */
export class SharedLayers {
  readonly layers = new Map<string, Layer>();
  private readonly ids = new Map<HostValue, number>();

  /** The same for layers that may be one; undefined where a layer has to be its own. */
  keyOf(layer: Layer, weights: readonly WeightMaker[]): string | undefined {
    if (!weights.some(({ from }) => isTelling(from))) return undefined;
    const sources = weights.map(({ from, way }) => `${this.idOf(from)} ${way}`);
    return JSON.stringify([layer.className, sources, settingsOf(layer)]);
  }

  private idOf(value: HostValue): number {
    const id = this.ids.get(value) ?? this.ids.size;
    this.ids.set(value, id);
    return id;
  }
}

/** Exporters write one initializer for all weights that happen to be equal, as ones and zeros are: these are not tied. */
function isTelling({ data }: HostValue): boolean {
  const [first] = data;
  for (let i = 1; i < data.length; i++) if (data[i] !== first) return true;
  return false;
}

/** What a layer does, without names; values within an operation by the order in which they come. */
function settingsOf(layer: Layer): unknown {
  if (layer instanceof OnnxOperation) return OnnxOperation.of(withoutNames(layer.parts)).getConfig();
  const { name, ...settings } = layer.config as Record<string, unknown>;
  return settings;
}

function withoutNames({ nodes, inputs, outputs, constants, parameters }: OperationParts): OperationParts {
  const places = new Map<string, string>();
  const placeOf = (name: string): string => {
    const place = name === '' ? '' : (places.get(name) ?? `${places.size}`);
    if (name !== '') places.set(name, place);
    return place;
  };
  const renamed = <T extends { readonly name: string }>(each: T): T => ({ ...each, name: placeOf(each.name) });
  return {
    inputs: inputs.map(renamed),
    parameters: parameters.map(renamed),
    constants: new Map([...constants].map(([name, value]) => [placeOf(name), value])),
    nodes: nodes.map((node) => ({
      ...node,
      name: '',
      inputs: node.inputs.map(placeOf),
      outputs: node.outputs.map(placeOf),
    })),
    outputs: outputs.map(renamed),
  };
}
