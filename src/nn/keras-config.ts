// The form in which Keras writes objects inside a config, and what is common to reading them: names in
// snake_case, {module, class_name, config, registered_name}, suggestions for misspelt names.
import { FoveaError } from '../core/errors.js';

/** An object as Keras 3 writes it. */
export interface SerializedObject {
  module: string | null;
  class_name: string;
  config: Record<string, unknown>;
  registered_name: string | null;
}

/** Keras's form of one of its own objects. */
export function serialized(module: string, className: string, config: Record<string, unknown>): SerializedObject {
  return { module, class_name: className, config, registered_name: null };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Class and config of an object in a file: Keras 3's and Keras 2's form, or a bare name. Undefined for anything else. */
export function readSerialized(value: unknown): { className: string; config: Record<string, unknown> } | undefined {
  if (typeof value === 'string') return { className: value, config: {} };
  if (!isRecord(value) || typeof value.class_name !== 'string') return undefined;
  return { className: value.class_name, config: isRecord(value.config) ? value.config : {} };
}

/** `kernelSize` to `kernel_size`. */
export function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `kernel_size` to `kernelSize`; `GlorotUniform` to `glorotUniform`. */
export function toCamelCase(name: string): string {
  const joined = name.replace(/_+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());
  return joined.charAt(0).toLowerCase() + joined.slice(1);
}

/** The name that `given` was probably meant to be, or undefined. */
export function nearestName(given: string, names: readonly string[]): string | undefined {
  const plain = (name: string): string => name.replace(/[_\-\s]/g, '').toLowerCase();
  const exact = names.find((name) => plain(name) === plain(given));
  if (exact !== undefined) return exact;
  let best: string | undefined;
  let least = Math.max(2, Math.floor(given.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(plain(given), plain(name));
    if (distance < least) [best, least] = [name, distance];
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

/** The error for a name that is not in a list: `unknown activation "reul"; did you mean "relu"?` */
export function unknownName(op: string, kind: string, given: unknown, names: readonly string[]): FoveaError {
  const near = typeof given === 'string' ? nearestName(given, names) : undefined;
  const shown = typeof given === 'string' ? `"${given}"` : describe(given);
  return new FoveaError({
    code: 'argument',
    op,
    message: `unknown ${kind} ${shown}${near === undefined ? '.' : `; did you mean "${near}"?`}`,
    got: given,
    want: names,
    ...(near === undefined ? { hint: `Known are ${names.join(', ')}.` } : {}),
  });
}

/** A value as an error shows it, on one short line. */
export function describe(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  const text =
    typeof value === 'number' || value === undefined ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
