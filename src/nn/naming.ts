// Names as Keras gives them: snake_case of the class, numbered from the second on.
export { snakeCase } from '../formats/keras-spelling.js';

const counts = new Map<string, number>();

/** The class's next free name in this process: `dense`, `dense_1`, ... */
export function uniqueName(base: string): string {
  const count = counts.get(base) ?? 0;
  counts.set(base, count + 1);
  return count === 0 ? base : `${base}_${count}`;
}

/** Starts the numbering of automatic names again, as Keras's `clear_session`. */
export function clearNames(): void {
  counts.clear();
}
