// The global seed: initial weights, dropout and shuffling follow from it. Until it is set, one is drawn by chance.
import { keyFromSeed, type RandomKey, randomBits } from '../core/random.js';

let key: RandomKey | undefined;
let draws = 0;

/** Makes all that follows repeatable: initial weights, dropout, shuffling. Any integer; throws `argument` for others. */
export function setRandomSeed(seed: number | bigint): void {
  key = keyFromSeed(seed);
  draws = 0;
}

/** The key of the global seed, at step 0. */
export function globalKey(): RandomKey {
  key ??= keyFromSeed(Math.floor(Math.random() * Number.MAX_SAFE_INTEGER));
  return key;
}

/** A key and stream that nobody else has had since the seed was set, apart from those of training steps. */
export function nextDraw(): { key: RandomKey; stream: number } {
  // Training steps count up from 0 in the step words; the top one is theirs never.
  return { key: { ...globalKey(), stepHigh: 0xffffffff }, stream: draws++ };
}

/** The key and stream of an explicit seed: the same numbers every time. */
export function seededDraw(seed: number | bigint): { key: RandomKey; stream: number } {
  return { key: keyFromSeed(seed), stream: 0 };
}

/** A seed of 32 bits (unsigned), another at every call and the same again after `setRandomSeed`. */
export function drawSeed(): number {
  const { key: from, stream } = nextDraw();
  return randomBits(from, stream, 0);
}
