// Keras's serialized objects: {module, class_name, config, registered_name}, in the forms of Keras 1 to 3.
import { FoveaError } from '../core/errors.js';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonRecord = { readonly [key: string]: Json };

/** A serialized layer, initializer, loss, optimizer or policy; `config` is empty where the file gives a bare name. */
export interface KerasObject {
  readonly className: string;
  readonly config: JsonRecord;
  readonly module: string | null;
  readonly registeredName: string | null;
}

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a config's value stands for an object. */
export function isKerasObject(value: unknown): boolean {
  return isRecord(value) && typeof value.class_name === 'string';
}

/** Reads a serialized object or a bare name (`'relu'`). Throws `format` for anything else. */
export function parseKerasObject(value: unknown, place: string): KerasObject {
  if (typeof value === 'string') return { className: value, config: {}, module: null, registeredName: null };
  if (!isRecord(value) || typeof value.class_name !== 'string') {
    throw configError(`a Keras object was expected, found ${describe(value)}.`, place);
  }
  const { config, module } = value;
  const { className, registeredName } = classNames(value.class_name, value.registered_name);
  if (typeof config === 'string') {
    // A function by name: {class_name: 'function', config: 'relu'}.
    return { className: config, config: {}, module: textOrNull(module), registeredName };
  }
  return {
    className,
    config: isRecord(config) ? config : {},
    module: textOrNull(module),
    registeredName,
  };
}

/** Legacy files put the registered name, `package>Class`, in the class's place. */
export function classNames(
  className: string,
  registeredName: unknown,
): { className: string; registeredName: string | null } {
  const own = className.slice(className.lastIndexOf('>') + 1);
  return { className: own, registeredName: textOrNull(registeredName) ?? (own === className ? null : className) };
}

/** Makes Keras 3's form of an object. Built-in classes have no registered name. */
export function makeKerasObject(
  module: string | null,
  className: string,
  config: JsonRecord,
  registeredName: string | null = null,
): JsonRecord {
  return { module, class_name: className, config, registered_name: registeredName };
}

/** The name of a dtype policy: Keras 2 stores the name, Keras 3 an object. */
export function parseDtypePolicy(value: unknown, place: string): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  const { config } = parseKerasObject(value, place);
  if (typeof config.name !== 'string') throw configError('a dtype policy without a name.', place);
  return config.name;
}

/** Keras 3's dtype policy object. */
export function makeDtypePolicy(name: string): JsonRecord {
  return makeKerasObject('keras', 'DTypePolicy', { name });
}

export function configError(message: string, place: string): FoveaError {
  return new FoveaError({ code: 'format', message: `the model's config is not valid: ${message}`, path: place });
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** The beginning of a value's JSON, for messages. */
export function describe(value: unknown): string {
  let text: string = typeof value;
  try {
    text = JSON.stringify(value) ?? text;
  } catch {
    // Nested deeper than the stack: its type must do.
  }
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

/** A config as text. A whole number that Keras wants as a float is written as one: its SGD refuses a momentum of `0`. */
export function kerasText(config: unknown): string {
  return JSON.stringify(config).replace(/"momentum":(\d+)(?=[,}])/g, '"momentum":$1.0');
}
