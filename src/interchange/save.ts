// Saving a model as the kind of file that the path's ending names; each kind's writer is loaded when it is asked for.
import { FoveaError } from '../core/errors.js';
import { writeFileAtomic } from '../core/node-files.js';
import type { TrainableModel } from '../nn/model.js';
import type { OnnxExportOptions } from './onnx/export.js';

/** How a model is saved; those of ONNX are heeded for `.onnx` alone. */
export interface SaveOptions extends OnnxExportOptions {
  /** The kind of file where the path's ending does not say it. */
  kind?: SavedKind;
  /** TensorFlow.js: pack the weights' numbers into so many bits. Default: as they are, float32. */
  quantize?: 'uint8' | 'uint16' | 'float16';
}

/** See `SAVED_KINDS`. */
export type SavedKind = keyof typeof SAVED_KINDS;

/** The kinds that are written, with the ending of each. */
export const SAVED_KINDS = {
  keras: '.keras',
  'keras-h5': '.h5',
  'keras-weights': '.weights.h5',
  safetensors: '.safetensors',
  onnx: '.onnx',
  'tfjs-layers': '.json',
} as const;

/** Writes a model's file or files under a path. */
type Writer = (model: TrainableModel, path: string, options: SaveOptions) => Promise<void>;

const writers: Readonly<Record<SavedKind, Writer>> = {
  keras: async (model, path) => {
    await writeFileAtomic(path, await (await import('../nn/saving.js')).modelToBytes(model), 'save');
  },
  'keras-h5': async (model, path) => {
    await writeFileAtomic(path, await (await import('../nn/legacy-h5.js')).modelToLegacyBytes(model), 'save');
  },
  'keras-weights': async (model, path) => (await import('../nn/saving.js')).saveWeights(model, path),
  safetensors: async (model, path) => (await import('../nn/saving.js')).saveWeights(model, path),
  'tfjs-layers': async (model, path, { quantize }) =>
    (await import('./tfjs/write.js')).saveTfjs(model, path, quantize === undefined ? {} : { quantize }),
  onnx: async (model, path, options) => (await import('./onnx/export.js')).exportOnnx(model, path, options),
};

/** The kind that a path's ending names, a folder's for TensorFlow.js; undefined for another. */
export function savedKindOf(path: string): SavedKind | undefined {
  if (/[/\\]$/.test(path)) return 'tfjs-layers';
  const kinds = Object.entries(SAVED_KINDS) as [SavedKind, string][];
  // The longest first: .weights.h5 is no .h5.
  const sorted = kinds.sort(([, a], [, b]) => b.length - a.length);
  return sorted.find(([, ending]) => path.toLowerCase().endsWith(ending))?.[0];
}

/** Writes a model: see `model.save`. Throws `argument` for an ending that names no kind. */
export async function save(model: TrainableModel, path: string, options: SaveOptions = {}): Promise<void> {
  const kind = options.kind ?? savedKindOf(path);
  if (kind !== undefined && Object.hasOwn(writers, kind)) return writers[kind](model, path, options);
  const endings = Object.values(SAVED_KINDS);
  throw new FoveaError({
    code: 'argument',
    op: 'save',
    message:
      kind === undefined
        ? `"${path}" does not end in ${endings.slice(0, -1).join(', ')} or ${endings.at(-1)}, and is no folder ("models/").`
        : `files of the kind "${kind}" are not written.`,
    got: options.kind ?? path,
    want: kind === undefined ? endings : Object.keys(SAVED_KINDS),
    hint: 'The ending says what is written; docs/formats.md lists them.',
  });
}
