// What the training examples share: whether to run short, and the scores of earlier examples to compare with.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { outputPath } from './lib.js';

/** `--short` or FOVEA_SHORT=1: fewer pictures and one epoch, in seconds instead of minutes. */
export const isShort = process.argv.includes('--short') || process.env.FOVEA_SHORT === '1';

/** What a trained network reached, and how fast. */
export interface Scores {
  readonly loss: number;
  readonly accuracy: number;
  /** Milliseconds of a step in training and in evaluation. */
  readonly trainStep: number;
  readonly testStep: number;
}

/** Keeps the scores of an example for those that compare with it. */
export function saveScores(name: string, scores: Scores): void {
  writeFileSync(pathOf(name), `${JSON.stringify(scores, undefined, 2)}\n`);
}

/** The scores of an example if it ran before, at the same length. */
export function savedScores(name: string): Scores | undefined {
  const path = pathOf(name);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Scores) : undefined;
}

function pathOf(name: string): string {
  return outputPath(`${name}${isShort ? '-short' : ''}.json`);
}

/** A share as people read it: 0.9038. */
export function share(value: number | undefined): string {
  return (value ?? Number.NaN).toFixed(4);
}
