// What kind of file some bytes are, told by their content. Names of files are not asked: a renamed download is still what
// it is. Nothing is decoded but the beginning, a zip's directory and an HDF5 file's attributes.
import { decodeText } from './cursor.js';
import { readHdf5 } from './hdf5.js';
import { isRecord } from './keras-object.js';
import { tfjsKind } from './tfjs.js';
import { ZipReader } from './zip.js';

/** See `FILE_KINDS`. */
export type FileKind = keyof typeof FILE_KINDS;

/** The kinds that are told apart, and what each is, for messages. */
export const FILE_KINDS = {
  keras: 'a Keras model (.keras)',
  'keras-h5': 'a Keras 2 model (.h5)',
  'keras-h5-weights': 'the weights of a Keras 2 model (.h5)',
  'keras-weights': 'the weights of a Keras 3 model (.weights.h5)',
  'keras-config': "a Keras model's config as JSON, without weights",
  hdf5: 'an HDF5 file that is not from Keras',
  safetensors: 'tensors in a safetensors file',
  onnx: 'an ONNX model',
  'tfjs-layers': 'a TensorFlow.js layers model (model.json)',
  'tfjs-graph': 'a TensorFlow.js graph model (model.json)',
  'tfjs-weights': 'the weights of a TensorFlow.js model (a manifest)',
  torch: 'a file of torch.save (zip)',
  'torch-legacy': 'a file of torch.save in the form before 1.6',
  'torch-script': 'a TorchScript program',
  pickle: "Python's pickle",
  'darknet-config': 'a Darknet network (.cfg)',
  'darknet-weights': "a Darknet network's weights (.weights)",
  caffe: 'a Caffe model with weights (.caffemodel)',
  'caffe-text': 'a Caffe network as text (.prototxt)',
  tensorflow: "a graph of TensorFlow's (.pb)",
  tflite: 'a TensorFlow Lite model',
  numpy: 'arrays of NumPy (.npy, .npz)',
  gguf: 'a GGUF file',
  zip: 'a zip archive that holds no model',
  gzip: 'a gzip archive',
  picture: 'a picture',
  html: 'an HTML page',
  json: 'a JSON file that describes no model',
  text: 'a text',
  empty: 'an empty file',
  unknown: 'a file of an unknown kind',
} as const;

const starts = (bytes: Uint8Array, ...head: number[]): boolean => head.every((byte, i) => bytes[i] === byte);

/** The kind of a file, by its content. Never throws: what is damaged is of the kind that it begins like. */
export function kindOf(bytes: Uint8Array): FileKind {
  if (bytes.length === 0) return 'empty';
  if (starts(bytes, 0x50, 0x4b)) return kindOfZip(bytes);
  if (starts(bytes, 0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a)) return kindOfHdf5(bytes);
  if (starts(bytes, 0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59)) return 'numpy';
  if (starts(bytes, 0x47, 0x47, 0x55, 0x46)) return 'gguf';
  if (starts(bytes, 0x1f, 0x8b)) return 'gzip';
  if (starts(bytes.subarray(4), 0x54, 0x46, 0x4c, 0x33)) return 'tflite';
  if (starts(bytes, 0x89, 0x50, 0x4e, 0x47) || starts(bytes, 0xff, 0xd8, 0xff)) return 'picture';
  if (isSafetensors(bytes)) return 'safetensors';
  // A pickle begins with its protocol; torch's old form begins with one that holds a number of its own.
  if (bytes[0] === 0x80 && (bytes[1] as number) >= 2 && (bytes[1] as number) <= 5)
    return isTorchLegacy(bytes) ? 'torch-legacy' : 'pickle';
  return kindOfText(bytes) ?? kindOfProtobuf(bytes) ?? (isDarknetWeights(bytes) ? 'darknet-weights' : 'unknown');
}

function kindOfZip(bytes: Uint8Array): FileKind {
  let names: readonly string[];
  try {
    ({ names } = new ZipReader(bytes, 'archive'));
  } catch {
    // Truncated or damaged: the entries that can still be seen tell.
    const start = decodeText(bytes.subarray(0, 4096));
    return /\/data\.pkl|\/data\/|\.format_version/.test(start) ? 'torch' : 'keras';
  }
  const ends = (name: string): boolean => names.some((each) => each === name || each.endsWith(`/${name}`));
  if (names.includes('config.json') || names.includes('model.weights.h5') || names.includes('metadata.json'))
    return 'keras';
  if (ends('constants.pkl')) return 'torch-script';
  if (ends('data.pkl')) return 'torch';
  return names.length > 0 && names.every((each) => each.endsWith('.npy')) ? 'numpy' : 'zip';
}

function kindOfHdf5(bytes: Uint8Array): FileKind {
  try {
    const { attributes, groups } = readHdf5(bytes);
    if (attributes.has('model_config') || groups.has('model_weights')) return 'keras-h5';
    if (attributes.has('layer_names') || attributes.has('layer_names0')) return 'keras-h5-weights';
    const parts = ['layers', '_layer_checkpoint_dependencies', 'vars', 'optimizer'];
    return parts.some((part) => groups.has(part)) ? 'keras-weights' : 'hdf5';
  } catch {
    return 'hdf5';
  }
}

function isSafetensors(bytes: Uint8Array): boolean {
  if (bytes.length < 10 || bytes[8] !== 0x7b) return false;
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  return size <= 100_000_000;
}

function isTorchLegacy(bytes: Uint8Array): boolean {
  // Protocol 2, then LONG1 of ten bytes: 0x1950a86a20f9469cfc6c.
  return starts(bytes.subarray(2), 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19);
}

function kindOfText(bytes: Uint8Array): FileKind | undefined {
  const head = bytes.subarray(0, 4096);
  // Text has no control characters but tabs and line ends.
  if (head.some((byte) => byte < 9 || (byte > 13 && byte < 32))) return undefined;
  const start = decodeText(head)
    .replace(/^\uFEFF/, '')
    .trimStart();
  if (/^<(!doctype html|html|head|\?xml)/i.test(start)) return 'html';
  if (start.startsWith('{') || start.startsWith('[')) {
    const json = kindOfJson(bytes);
    if (json !== undefined) return json;
  }
  const lines = start.replace(/^[#;].*$/gm, '').trimStart();
  if (/^\[(net|network)\]/i.test(lines)) return 'darknet-config';
  if (/^(name\s*:|layers?\s*\{|input(_dim|_shape)?\s*[:{]|state\s*\{)/m.test(lines) && /[{:]/.test(lines))
    return 'caffe-text';
  // The last letter may be cut in the middle.
  return start === '' || start.slice(0, -1).includes('\uFFFD') ? undefined : 'text';
}

function kindOfJson(bytes: Uint8Array): FileKind | undefined {
  let json: unknown;
  try {
    json = JSON.parse(decodeText(bytes));
  } catch {
    const start = decodeText(bytes.subarray(0, 4096));
    if (/"(modelTopology|weightsManifest)"/.test(start)) return 'tfjs-layers';
    return start.startsWith('{') ? 'json' : undefined;
  }
  const tfjs = tfjsKind(json);
  if (tfjs !== undefined) return `tfjs-${tfjs}`;
  return isRecord(json) && typeof json.class_name === 'string' && 'config' in json ? 'keras-config' : 'json';
}

/** Protobuf has no signature: the numbers and kinds of the outermost fields tell whose it is. */
function kindOfProtobuf(bytes: Uint8Array): FileKind | undefined {
  const fields = new Map<number, number>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) return -1;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    return -1;
  };
  for (let count = 0; at < bytes.length && count < 100_000; count++) {
    const tag = varint();
    const [field, wire] = [Math.floor(tag / 8), tag % 8];
    if (tag < 8 || ![0, 1, 2, 5].includes(wire)) break;
    fields.set(field, wire);
    const size = wire === 2 ? varint() : wire === 1 ? 8 : wire === 5 ? 4 : 0;
    if (wire === 0 && varint() < 0) break;
    if (size < 0) break;
    at += size;
  }
  const isMessage = (field: number): boolean => fields.get(field) === 2;
  if (isMessage(7) && (fields.get(1) === 0 || isMessage(8))) return 'onnx';
  if (isMessage(1) && (isMessage(100) || (isMessage(2) && !isMessage(4)))) return 'caffe';
  if (isMessage(1) && isMessage(4)) return 'tensorflow';
  if (fields.get(1) === 0 && isMessage(2) && fields.size <= 2) return 'tensorflow';
  return undefined;
}

/** Major, minor and revision, then a count of pictures in 4 or 8 bytes, then float32 numbers. */
function isDarknetWeights(bytes: Uint8Array): boolean {
  if (bytes.length < 20 || bytes.length % 4 !== 0) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 12);
  const [major, minor, revision] = [0, 4, 8].map((at) => view.getInt32(at, true)) as [number, number, number];
  return major >= 0 && major <= 1 && minor >= 0 && minor <= 10 && revision >= 0 && revision <= 10;
}
