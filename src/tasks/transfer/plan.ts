// Which way of transfer fits the data: four scenarios, by how many pictures there are and how like they are to those that the
// base was trained on.
import { FoveaError } from '../../core/errors.js';

/**
 * `small-similar`: a new head on frozen features. `small-different`: early layers stay, later ones adapt. `large-similar`: all
 * layers adapt, from the weights there are. `large-different`: from scratch.
 */
export type Scenario = 'small-similar' | 'small-different' | 'large-similar' | 'large-different';

export const SCENARIOS: readonly Scenario[] = ['small-similar', 'small-different', 'large-similar', 'large-different'];

/** From so many training pictures on, data are large: all weights of a base can be told from them. */
export const LARGE = 5000;

/** What may be asked for; what is left out follows from the scenario. */
export interface PlanOptions {
  /** Default: by the number of training pictures, and similar. */
  scenario?: Scenario | 'auto';
  /** The first layer of the base that adapts, by name or by its number among `base.layers`; the ones before stay frozen. */
  unfreezeFrom?: string | number;
  /** Epochs of the new head on frozen features, which cost little; default 50. */
  headEpochs?: number;
  /** Epochs with layers of the base unfrozen; default 10, from scratch 30. */
  epochs?: number;
  /** Learning rate of the head on frozen features; default 0.001. */
  headRate?: number;
  /** Learning rate of the head once the base adapts; default a tenth of `headRate`, from scratch the whole. */
  rate?: number;
  /** Learning rate of the base; default a tenth of `rate`. */
  baseRate?: number;
}

/** What is going to be done. */
export interface Plan {
  readonly scenario: Scenario;
  readonly isFromScratch: boolean;
  readonly headEpochs: number;
  readonly epochs: number;
  /** A layer's name or number; `half`: from the middle on. Undefined where nothing of the base adapts. */
  readonly unfreezeFrom: string | number | undefined;
  readonly headRate: number;
  readonly rate: number;
  readonly baseRate: number;
}

/** Decides. Throws `argument` for numbers and names that are none. */
export function makePlan(pictures: number, options: PlanOptions): Plan {
  const { scenario: asked = 'auto' } = options;
  if (asked !== 'auto' && !SCENARIOS.includes(asked)) {
    throw refuse('scenario', asked, `'auto', ${SCENARIOS.map((each) => `'${each}'`).join(', ')}`);
  }
  for (const name of ['headEpochs', 'epochs'] as const) {
    const value = options[name];
    if (value !== undefined && !(Number.isInteger(value) && value >= 0)) {
      throw refuse(name, value, 'a whole number from 0');
    }
  }
  for (const name of ['headRate', 'rate', 'baseRate'] as const) {
    const value = options[name];
    if (value !== undefined && !(value > 0 && Number.isFinite(value))) throw refuse(name, value, 'a number above 0');
  }
  const scenario = asked === 'auto' ? (pictures >= LARGE ? 'large-similar' : 'small-similar') : asked;
  const isFromScratch = scenario === 'large-different';
  // Who says where to unfreeze wants it unfrozen.
  const isThawed = scenario !== 'small-similar' || options.unfreezeFrom !== undefined || (options.epochs ?? 0) > 0;
  const headRate = options.headRate ?? 1e-3;
  const rate = options.rate ?? (isFromScratch ? headRate : headRate / 10);
  const start = scenario === 'large-similar' || isFromScratch ? 0 : 'half';
  return {
    scenario,
    isFromScratch,
    headEpochs: isFromScratch ? 0 : (options.headEpochs ?? 50),
    epochs: isThawed ? (options.epochs ?? (isFromScratch ? 30 : 10)) : 0,
    unfreezeFrom: isThawed ? (options.unfreezeFrom ?? start) : undefined,
    headRate,
    rate,
    baseRate: options.baseRate ?? (isFromScratch ? rate : rate / 10),
  };
}

function refuse(name: string, got: unknown, want: string): FoveaError {
  return new FoveaError({
    code: 'argument',
    op: 'finetune',
    message: `${name} must be ${want}; got ${JSON.stringify(got) ?? String(got)}.`,
    got,
    want,
  });
}
