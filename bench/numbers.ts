// Numbers in [-1, 1) by a rule that every contestant knows (./peers/data.py is the twin), so that none need be sent.

/** Far from a power of two, so that no row of a matrix repeats another. */
const POOL = 4_000_037;
let pool: Float32Array | undefined;

function makePool(): Float32Array {
  return Float32Array.from({ length: POOL }, (_, i) => {
    let h = Math.imul(i, 2654435761);
    h ^= h >>> 16;
    h = Math.imul(h, 2246822519);
    h ^= h >>> 13;
    h = Math.imul(h, 3266489917);
    h ^= h >>> 16;
    return (h >>> 8) / 2 ** 23 - 1;
  });
}

/** As many numbers as an array of this shape has. */
export function numbers(seed: number, shape: readonly number[]): Float32Array {
  pool ??= makePool();
  const found = new Float32Array(shape.reduce((a, b) => a * b, 1));
  let from = (seed * 1_000_003) % POOL;
  for (let at = 0; at < found.length; ) {
    const part = pool.subarray(from, from + found.length - at);
    found.set(part, at);
    at += part.length;
    from = 0;
  }
  return found;
}
