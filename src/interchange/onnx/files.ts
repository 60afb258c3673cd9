// The files of an ONNX model: its own, and those beside it that hold the elements of large tensors.
import { formatError } from '../../formats/cursor.js';
import { type OnnxModel, parseOnnx } from '../../formats/onnx.js';
import type { Source } from '../source.js';

/** Reads a model with its external data. Throws `format` where a file beside it is too short. */
export async function readOnnx({ bytes, file, beside, isOwn }: Source): Promise<OnnxModel> {
  const files = new Map<string, Promise<Uint8Array>>();
  return parseOnnx(bytes, {
    name: file,
    isOwn,
    readExternal: async ({ location, offset, length }) => {
      const known = files.get(location) ?? beside.read(location);
      files.set(location, known);
      const all = await known;
      const end = length === undefined ? all.length : offset + length;
      if (offset <= end && end <= all.length) return all.subarray(offset, end);
      throw formatError(
        file,
        `the file '${location}' has ${all.length} bytes, but a tensor refers to those from ${offset} to ${end}.`,
      );
    },
  });
}
