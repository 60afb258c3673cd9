// Golden training runs: their arrays, and Keras's form of the objects in their lists.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors } from '../../src/formats/safetensors.js';
import { storedFloats } from '../../src/formats/stored.js';
import { goldenFolder } from './golden.js';

/** An object as the golden lists write it. */
export interface GoldenObject {
  readonly class: string;
  readonly args: Record<string, unknown>;
}

/** `{class, args}` anywhere inside becomes Keras's `{class_name, config}`. */
export function toKeras(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const object = value as Record<string, unknown>;
  if ('class' in object) return { class_name: object.class, config: toKeras(object.args) };
  return Object.fromEntries(Object.entries(object).map(([key, each]) => [key, toKeras(each)]));
}

/** The arrays of a safetensors file of the golden folder as float32, by name; none where there is no folder. */
export function arraysOf(path: string): Map<string, Float32Array> {
  if (goldenFolder === undefined) return new Map();
  const { tensors } = readSafetensors(new Uint8Array(readFileSync(join(goldenFolder, path))), path);
  return new Map([...tensors].map(([name, array]) => [name, storedFloats(array)]));
}
