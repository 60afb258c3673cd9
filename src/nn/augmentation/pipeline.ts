// Layers one after the other as one layer, for pictures with all that belongs to them.
import { FoveaError } from '../../core/errors.js';
import { Tensor } from '../../graph/tensor.js';
import { type CallContext, Layer, type LayerConfig } from '../layer.js';
import { type CommonOptions, ConfiguredLayer } from '../layers/configured.js';
import { type Field, refuseOption } from '../layers/fields.js';
import { layerField, serializeLayer } from '../layers/registered.js';
import { AugmentationLayer, eagerContext, newKey, type TransformOptions } from './base.js';
import type { AnnotatedImages } from './data.js';

/** See `layers.pipeline`. */
export interface PipelineOptions extends CommonOptions {
  layers: readonly Layer[];
}

const one = layerField();

const layersField: Field<readonly Layer[]> = {
  check(value, place) {
    if (Array.isArray(value) && value.every((each) => each instanceof Layer)) return [...value];
    throw refuseOption(place, 'a list of layers', value);
  },
  write: (value) => value.map(serializeLayer),
  read(value, makeLayer, place) {
    if (!Array.isArray(value)) throw refuseOption(place, 'a list of layers', value);
    return value.map((each) => one.read?.(each, makeLayer, place));
  },
};

const pipelineFields = { layers: layersField };

/** Applies layers in turn: those that augment to everything, the others to the pictures alone. */
export class Pipeline extends ConfiguredLayer<typeof pipelineFields> {
  static override readonly className: string = 'Pipeline';
  static override readonly fields = pipelineFields;

  constructor(options: PipelineOptions | readonly Layer[]) {
    super((Array.isArray(options) ? { layers: options } : options) as PipelineOptions);
  }

  /** The layers, in order. */
  get layers(): readonly Layer[] {
    return this.settings.layers;
  }

  override get sublayers(): readonly Layer[] {
    return this.settings.layers;
  }

  /** Keras writes no more than this. */
  override get config(): LayerConfig {
    return { name: this.name, ...this.getConfig() };
  }

  override call([images]: readonly [Tensor], context: CallContext): Tensor {
    return this.settings.layers.reduce((x, layer) => layer.run([x], context)[0] as Tensor, images);
  }

  /** Changes pictures, or pictures with boxes, key points, masks and labels; see `transform` of the layers. */
  transform(data: Tensor, options?: TransformOptions): Tensor;
  transform(data: AnnotatedImages, options?: TransformOptions): AnnotatedImages;
  transform(data: Tensor | AnnotatedImages, options: TransformOptions = {}): Tensor | AnnotatedImages {
    const context = eagerContext(options, newKey);
    try {
      if (data instanceof Tensor) return this.change({ images: data }, context).images;
      return this.change(data, context);
    } catch (error) {
      throw error instanceof FoveaError ? error.at(this.name) : error;
    }
  }

  /** @internal Everything changed together. */
  change(given: AnnotatedImages, context: CallContext): AnnotatedImages {
    let data = given;
    for (const layer of this.settings.layers) {
      if (layer instanceof AugmentationLayer || layer instanceof Pipeline) data = layer.change(data, context);
      else data = { ...data, images: layer.run([data.images], context)[0] as Tensor };
    }
    return data;
  }
}
