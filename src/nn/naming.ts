// Names as Keras gives them: snake_case of the class, numbered from the second on.

const counts = new Map<string, number>();

/** `Conv2D` to `conv2d`, `MaxPooling2D` to `max_pooling2d`, `LeakyReLU` to `leaky_re_lu`: Keras's rule. */
export function snakeCase(name: string): string {
  const dashed = name.replace(/\W+/g, '').replace(/(.)([A-Z][a-z]+)/g, '$1_$2');
  return dashed.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();
}

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
