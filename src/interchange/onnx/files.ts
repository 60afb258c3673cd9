// The bytes of a model and of the files beside it: external data are read from the model's own folder alone.
import { FoveaError } from '../../core/errors.js';
import { fileError, nodeModule, readFileBytes } from '../../core/node-files.js';
import type { ExternalPlace } from '../../formats/onnx-tensor.js';

/** What `parseOnnx` takes. */
export interface Source {
  readonly bytes: Uint8Array;
  readonly name: string;
  readonly readExternal?: (place: ExternalPlace) => Promise<Uint8Array>;
}

/** Reads a model by its path, or takes its bytes; only a path has files beside it. */
export async function readBeside(source: string | Uint8Array, name?: string): Promise<Source> {
  if (typeof source !== 'string') return { bytes: source, name: name ?? 'ONNX file' };
  const bytes = await readFileBytes(source, 'onnx');
  return { bytes, name: name ?? source, readExternal: (place) => readExternal(source, place) };
}

/** Reads bytes of a file in the model's folder. Throws `format` where it lies outside, links followed, or is too short. */
export async function readExternal(model: string, { location, offset, length }: ExternalPlace): Promise<Uint8Array> {
  const path = await nodeModule('node:path', 'onnx');
  const files = await nodeModule('node:fs/promises', 'onnx');
  const bad = (message: string): FoveaError =>
    new FoveaError({ code: 'format', op: 'onnx', message, got: location, path: model });
  try {
    const folder = await files.realpath(path.dirname(path.resolve(model)));
    const real = await files.realpath(path.resolve(folder, location));
    const inside = path.relative(folder, real);
    if (inside === '' || inside.startsWith('..') || path.isAbsolute(inside)) {
      throw bad(`the file '${location}' of its data lies outside of the model's folder.`);
    }
    const handle = await files.open(real, 'r');
    try {
      const { size } = await handle.stat();
      const count = length ?? size - offset;
      if (!(count >= 0) || offset + count > size) {
        throw bad(`the file '${location}' has ${size} bytes, but the model refers to ${count} from ${offset} on.`);
      }
      const bytes = new Uint8Array(count);
      let at = 0;
      while (at < count) {
        const { bytesRead } = await handle.read(bytes, at, count - at, offset + at);
        if (bytesRead === 0) throw bad(`the file '${location}' ends early.`);
        at += bytesRead;
      }
      return bytes;
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw error instanceof FoveaError ? error : fileError('onnx', location, 'read', error);
  }
}
