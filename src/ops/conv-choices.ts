// Choices of an algorithm that were measured on one machine (`fovea bench --tune`): each stands under a key that holds
// all it depends on. ./conv-algorithm.ts asks them before its rules; ../engine/choices.ts keeps them in a file.
import { DTYPES } from '../core/abi.js';
import type { Dtype } from '../core/dtype.js';
import type { Algorithm, Pass } from './conv-algorithm.js';
import { type Geometry, wordsOf } from './conv-geometry.js';

/** What can be chosen: a depthwise convolution has one way only. */
export type Choice = Exclude<Algorithm, 'depthwise'>;

export const CHOICES: readonly Choice[] = ['direct', 'winograd'];

/** All that a choice depends on, on one machine. */
export interface ChoiceKey {
  readonly pass: Pass;
  readonly dtype: Dtype;
  /** The filter is prepared once for many runs. */
  readonly isConstant: boolean;
  readonly geometry: Geometry;
}

const PASSES: readonly Pass[] = ['forward', 'inputGradient', 'filterGradient'];
const WORDS = [
  ...(['n', 'h', 'w', 'cin', 'kh', 'kw', 'cout', 'oh', 'ow', 'strideH', 'strideW'] as const),
  ...(['padTop', 'padLeft', 'dilationH', 'dilationW', 'groups'] as const),
];

/** A key as text: pass, dtype, `constant` or `changing`, the words of the geometry. */
export function formatKey({ pass, dtype, isConstant, geometry }: ChoiceKey): string {
  return `${pass} ${dtype} ${isConstant ? 'constant' : 'changing'} ${wordsOf(geometry).join(',')}`;
}

/** The key that a text is; undefined where it is none. */
export function parseKey(text: string): ChoiceKey | undefined {
  const [first, dtype = '', filter, numbers = '', ...more] = text.split(' ');
  const pass = PASSES.find((each) => each === first);
  const words = numbers.split(',');
  const areWhole = words.length === WORDS.length && words.every((word) => /^\d{1,10}$/.test(word));
  const isKnown = Object.hasOwn(DTYPES, dtype) && (filter === 'constant' || filter === 'changing');
  if (pass === undefined || !isKnown || !areWhole || more.length > 0) return undefined;
  const geometry = Object.fromEntries(WORDS.map((name, i) => [name, Number(words[i])])) as unknown as Geometry;
  return { pass, dtype: dtype as Dtype, isConstant: filter === 'constant', geometry };
}
