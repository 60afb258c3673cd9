// Node's own modules without an import that a browser's bundler would try to follow.

export const isNode = typeof process !== 'undefined' && typeof process.versions?.node === 'string';

/** Node's module `name`, e.g. `node:fs`; only where `isNode`. */
export async function nodeModule<T>(name: string): Promise<T> {
  // Importing `node:fs` loads streams, too; this (Node 20.16) does not.
  const found: unknown = process.getBuiltinModule?.(name);
  return (found ?? (await import(/* webpackIgnore: true */ /* @vite-ignore */ name))) as T;
}

/** An environment variable; undefined where empty, and in browsers. */
export function environment(name: string): string | undefined {
  const value = isNode ? process.env[name] : undefined;
  return value === '' ? undefined : value;
}
