// The names under which files know the classes of the user's own.
import { type SerializedObject, serialized, toCamelCase } from '../keras-config.js';
import { Layer } from '../layer.js';
import { ConfiguredLayer } from './configured.js';
import { type Field, refuseOption } from './fields.js';

const names = new WeakMap<object, string>();

/** Notes the name, `package>ClassName`, of a class. */
export function nameClass(layer: object, name: string): void {
  names.set(layer, name);
}

/** The name a class was registered under, or undefined for Keras's own. */
export function registeredName(layer: Layer): string | undefined {
  return names.get(layer.constructor);
}

/** A layer as Keras writes it inside the config of another; a model stands there itself until it is saved. */
export function serializeLayer(layer: Layer): SerializedObject | Layer {
  if ('graph' in layer) return layer;
  const { dtype, ...config } = layer.config;
  const policy = serialized('keras', 'DTypePolicy', { name: dtype });
  const own = serialized((layer.constructor as typeof Layer).module, layer.className, {
    ...config,
    ...(dtype === undefined ? {} : { dtype: policy }),
  });
  const name = registeredName(layer);
  return name === undefined ? own : { ...own, module: null, registered_name: name };
}

/** An option that is a layer. */
export function layerField(want = 'a layer'): Field<Layer> {
  return {
    check(value, place) {
      if (value instanceof Layer) return value;
      throw refuseOption(place, want, value, 'Make it first, for example with layers.dense({ units: 4 }).');
    },
    write: serializeLayer,
    read(value, makeLayer, place) {
      const { class_name: className, registered_name: name, config } = (value ?? {}) as Partial<SerializedObject>;
      if (typeof className !== 'string' || typeof config !== 'object' || config === null) {
        throw refuseOption(place, want, value);
      }
      return makeLayer(typeof name === 'string' && name.includes('>') ? name : className, config);
    },
  };
}

/** A layer like another, with new weights: its settings, some of them changed, and clones of the layers among them. */
export function cloneLayer<L extends Layer>(layer: L, changes: Readonly<Record<string, unknown>> = {}): L {
  const make = layer.constructor as new (options: object) => L;
  const { name, trainable, dtypePolicy: dtype, activityRegularizer } = layer;
  const common = { name, trainable, dtype, ...(activityRegularizer === null ? {} : { activityRegularizer }) };
  if (layer instanceof ConfiguredLayer) {
    const settings = Object.entries(layer.settings).map(([option, value]) => [option, cloneWithin(value)]);
    return new make({ ...common, ...Object.fromEntries(settings), ...changes });
  }
  const config = Object.entries(layer.getConfig()).map(([key, value]) => [toCamelCase(key), value]);
  return new make({ ...common, ...Object.fromEntries(config), ...changes });
}

function cloneWithin(value: unknown): unknown {
  if (value instanceof Layer) return cloneLayer(value);
  return Array.isArray(value) ? value.map(cloneWithin) : value;
}
