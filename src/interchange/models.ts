// The names under `models`: making models, and loading them from any file that is known.
import type { FileKind } from '../formats/kinds.js';
import type { TrainableModel } from '../nn/model.js';
import type { CaffeFiles } from './caffe/index.js';
import type { DarknetFiles } from './darknet/index.js';
import type { LoadOptions, LoadWeightsOptions } from './load.js';
import type { OnnxExportOptions } from './onnx/export.js';
import type { OnnxGraphRunner } from './onnx/session.js';

export type { FileKind } from '../formats/kinds.js';
export * from '../nn/models.js';
export type { CaffeFiles } from './caffe/index.js';
export type { DarknetFiles } from './darknet/index.js';
export type { LoadOptions, LoadWeightsOptions } from './load.js';
export type { OnnxExportOptions } from './onnx/export.js';
export type { OnnxGraphRunner, OnnxInput } from './onnx/session.js';
export type { SaveOptions } from './save.js';

// What reads files is only loaded where files are read.

/**
 * Loads a model of any kind that is read, told by the file's content: Keras's `.keras` and `.h5`, TensorFlow.js's
 * model.json and others (docs/formats.md lists them). From a path, an address, or bytes. Code in a file is never run.
 * Throws `format` for a damaged file, `unsupported` for what a model here cannot express, saying what to do.
 *
 * @example
 * const model = await models.load('fashion.keras');
 */
export async function load(source: string | URL | Uint8Array, options: LoadOptions = {}): Promise<TrainableModel> {
  return (await import('./load.js')).load(source, options);
}

/** Loads weights into a model from any kind of file that holds some. Throws one `format` error listing all that does not fit. */
export async function loadWeights(
  model: TrainableModel,
  source: string | URL | Uint8Array,
  options: LoadWeightsOptions = {},
): Promise<void> {
  return (await import('./load.js')).loadWeights(model, source, options);
}

/** What kind of file some bytes are, by their content: `keras`, `onnx`, `safetensors`, ..., `unknown`. Never throws. */
export async function kindOf(bytes: Uint8Array): Promise<FileKind> {
  return (await import('../formats/kinds.js')).kindOf(bytes);
}

/**
 * A model as an ONNX file, in bytes: operator set 17, weights inside, the batch open. Throws `unsupported`, naming the layer,
 * for what ONNX cannot say.
 */
export async function toOnnx(model: TrainableModel, options: OnnxExportOptions = {}): Promise<Uint8Array> {
  return (await import('./onnx/export.js')).modelToOnnx(model, options);
}

/**
 * Writes a model as an ONNX file, which ONNX Runtime and others run. Never leaves half a file.
 *
 * @example
 * const model = models.sequential([layers.input([28, 28, 1]), layers.flatten(), layers.dense({ units: 10 })]);
 * await models.exportOnnx(model, 'digits.onnx');
 */
export async function exportOnnx(model: TrainableModel, path: string, options: OnnxExportOptions = {}): Promise<void> {
  return (await import('./onnx/export.js')).exportOnnx(model, path, options);
}

/**
 * Reads an ONNX file to run it as it stands, operator by operator, on the engine or where need be on the host: also graphs whose
 * sizes depend on data (choice of boxes, loops), with exact integers, doubles and text. Throws as `load`.
 *
 * @example
 * const model = models.sequential([layers.input([4]), layers.dense({ units: 2 })]);
 * const graph = await models.loadOnnxGraph(await models.toOnnx(model));
 * const outputs = await graph.run({ [String(graph.inputs[0]?.name)]: { data: new Float32Array(4), shape: [1, 4] } });
 */
export async function loadOnnxGraph(
  source: string | URL | Uint8Array,
  options: { name?: string; files?: Readonly<Record<string, Uint8Array>> } = {},
): Promise<OnnxGraphRunner> {
  return (await import('./onnx/session.js')).load(source, options);
}

/**
 * Loads a network of Darknet from its two files. Detectors have one output for each `[yolo]` or `[region]`, before any activation;
 * their settings are in `model.metadata.heads`. Throws `format` where the files do not fit each other.
 *
 * @example
 * const cfg = '[net]\nheight=8\nwidth=8\nchannels=3\n[convolutional]\nfilters=4\nsize=3\npad=1\nactivation=leaky';
 * const model = await models.loadDarknet({ cfg: new TextEncoder().encode(cfg) });
 * console.log(model.outputs[0]?.shape); // [ null, 8, 8, 4 ]
 */
export async function loadDarknet(files: DarknetFiles): Promise<TrainableModel> {
  return (await import('./darknet/index.js')).loadDarknet(files);
}

/**
 * Loads a network of Caffe from its two files, as it runs when nothing is trained. Throws `format` where they do not fit each
 * other, `unsupported` for types of layers that are not known.
 *
 * @example
 * const net = 'input: "x" input_dim: [1, 3, 8, 8] layer { type: "Pooling" bottom: "x" top: "y" pooling_param { kernel_size: 2 stride: 2 } }';
 * const model = await models.loadCaffe({ prototxt: new TextEncoder().encode(net) });
 * console.log(model.outputs[0]?.shape); // [ null, 4, 4, 3 ]
 */
export async function loadCaffe(files: CaffeFiles): Promise<TrainableModel> {
  return (await import('./caffe/index.js')).loadCaffe(files);
}
