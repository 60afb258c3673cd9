// Reading a folder of golden values: JSON lists of cases and safetensors files. A part that is missing has no cases; a
// list or case that is damaged is a case that fails.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors } from '../../src/formats/safetensors.js';
import { type StoredArray, storedFloats } from '../../src/formats/stored.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { isRecord } from '../../src/nn/keras-config.js';
import type { Findings } from './findings.js';

/** How a case's tensors are computed. */
export interface Machine {
  /** The elements of tensors, computed together. */
  evaluate(tensors: readonly Tensor[]): Promise<ArrayLike<number>[]>;
  /** Runs a function of tensors with its captured weights constant, as a prediction does; undefined where nothing is compiled. */
  readonly predict:
    | ((fn: (...args: Tensor[]) => readonly Tensor[], args: readonly Tensor[]) => Promise<ArrayLike<number>[]>)
    | undefined;
}

/** One case: where it is from, its name, and how it is replayed. Whatever `replay` throws is a failure of the case. */
export interface GoldenCase {
  readonly suite: string;
  readonly name: string;
  replay(machine: Machine, findings: Findings): Promise<void>;
}

export class GoldenFolder {
  constructor(readonly path: string) {}

  has(file: string): boolean {
    return existsSync(join(this.path, file));
  }

  /** The files of a folder inside, in order; none where there is no such folder. */
  list(folder: string): string[] {
    return this.has(folder) ? readdirSync(join(this.path, folder)).sort() : [];
  }

  json(file: string): unknown {
    return JSON.parse(readFileSync(join(this.path, file), 'utf8'));
  }

  /** The arrays of a safetensors file by name. */
  arrays(file: string): Arrays {
    const { tensors } = readSafetensors(new Uint8Array(readFileSync(join(this.path, file))), file);
    return new Arrays(file, tensors);
  }
}

/** The arrays of a file; those that are asked for must be there. */
export class Arrays {
  constructor(
    private readonly file: string,
    private readonly found: ReadonlyMap<string, StoredArray>,
  ) {}

  has(name: string): boolean {
    return this.found.has(name);
  }

  private stored(name: string): StoredArray {
    const found = this.found.get(name);
    if (found === undefined) throw new Error(`${this.file} has no array "${name}"`);
    return found;
  }

  /** A new tensor of its elements. */
  tensor(name: string): Tensor {
    const stored = this.stored(name);
    const { dtype, shape } = stored;
    if (dtype === 'uint8' || dtype === 'bool') return tensor(stored.data() as Uint8Array, { shape, dtype });
    if (!/^u?int/.test(dtype)) return tensor(storedFloats(stored), { shape });
    return tensor(Int32Array.from(stored.data() as ArrayLike<number | bigint>, Number), { shape });
  }

  shape(name: string): readonly number[] {
    return this.stored(name).shape;
  }

  /** Its elements as float32, as they were read: copy before changing them. */
  floats(name: string): Float32Array {
    return storedFloats(this.stored(name));
  }
}

/** The cases of a JSON list. */
export function listCases<T>(
  folder: GoldenFolder,
  suite: string,
  file: string,
  replay: (each: T, machine: Machine, findings: Findings) => Promise<void>,
): GoldenCase[] {
  let cases: unknown;
  try {
    const list = folder.json(file);
    cases = isRecord(list) ? list.cases : undefined;
  } catch (error) {
    return [broken(suite, file, messageOf(error))];
  }
  if (!Array.isArray(cases)) return [broken(suite, file, 'it has no list "cases"')];
  return cases.map((each: unknown, i) => {
    if (!isRecord(each) || typeof each.name !== 'string') return broken(suite, `${file}, case ${i}`, 'it has no name');
    return { suite, name: each.name, replay: (machine, findings) => replay(each as T, machine, findings) };
  });
}

/** A case that fails because it cannot be read. */
export function broken(suite: string, name: string, why: string): GoldenCase {
  return { suite, name, replay: () => Promise.reject(new Error(`cannot be read: ${why}`)) };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
