// Several models that classify together: the mean of what they give, or a vote, and how far they agree.
import { FoveaError } from '../core/errors.js';
import { formatShape, sameShape } from '../core/shape.js';
import type { ClassifiedPicture, ClassifyOptions, Guess, Picture, Pictures, Scored } from './classify.js';
import type { TrainableModel } from './trainable-model.js';
import type { Prediction, PredictOptions, TrainingInput } from './training/types.js';

/** See `models.ensemble`. */
export interface EnsembleOptions {
  /** `mean` (default) of the probabilities, or `vote`: each model has one for its best class. */
  combine?: 'mean' | 'vote';
  /** How much each model counts; default all alike. */
  weights?: readonly number[];
}

/** What several models found on one of many pictures. */
export interface JointlyClassified extends ClassifiedPicture {
  /** The best class of each model, in the order of the models. */
  readonly votes: readonly Guess[];
  /** The share of the models, by their weights, whose best class is that of all. */
  readonly agreement: number;
}

/** How far models agree about pictures. */
export interface Agreement {
  /** Pictures that could be read. */
  readonly pictures: number;
  /** The share of pictures about which all models agree. */
  readonly unanimous: number;
  /** The mean of the pictures' `agreement`. */
  readonly mean: number;
  /** For each model and each other, the share of pictures of which they name the same class. */
  readonly pairs: readonly (readonly number[])[];
}

const OP = 'ensemble';

/** Models that classify together. Each prepares pictures in its own way; all tell the same classes apart. */
export class Ensemble {
  readonly models: readonly TrainableModel[];
  readonly combine: 'mean' | 'vote';
  /** They sum to 1. */
  readonly weights: readonly number[];

  constructor(models: readonly TrainableModel[], { combine = 'mean', weights }: EnsembleOptions = {}) {
    const given = weights ?? models.map(() => 1);
    const total = given.reduce((sum, each) => sum + each, 0);
    const refuse = (message: string, hint: string): FoveaError =>
      new FoveaError({ code: 'argument', op: OP, message, hint });
    if (models.length === 0) throw refuse('no models were given.', 'Give at least one.');
    if (combine !== 'mean' && combine !== 'vote') {
      throw refuse(`combine must be 'mean' or 'vote'; got ${JSON.stringify(combine)}.`, 'Leave it out for the mean.');
    }
    const isWhole = given.length === models.length && given.every((each) => each >= 0) && Number.isFinite(total);
    if (!isWhole || total <= 0) {
      throw refuse(
        `weights must be ${models.length} numbers from 0, not all 0; got ${JSON.stringify(weights)}.`,
        'Give one for each model.',
      );
    }
    this.models = [...models];
    this.combine = combine;
    this.weights = given.map((each) => each / total);
  }

  /** What is on a picture, or on many, as `model.classify`; of many, the models' votes and their agreement too. */
  classify(picture: Picture, options?: ClassifyOptions<JointlyClassified>): Promise<readonly Guess[]>;
  classify(
    pictures: Exclude<Pictures, Picture>,
    options?: ClassifyOptions<JointlyClassified>,
  ): Promise<readonly JointlyClassified[]>;
  async classify(
    pictures: Pictures,
    options: ClassifyOptions<JointlyClassified> = {},
  ): Promise<readonly Guess[] | readonly JointlyClassified[]> {
    const { classifyJointly } = await import('./classify.js');
    const { bestOf } = await import('./classify-scores.js');
    return classifyJointly(this.models, pictures, options, (labels, top) => ({ name, scores }: Scored) => {
      const joint = this.join(scores);
      const guesses = bestOf(joint, top, labels, weighted(scores, this.weights));
      const votes = scores.map((each) => bestOf(each, 1, labels)[0] as Guess);
      const best = guesses[0]?.index;
      const agreement = this.weights.reduce((sum, each, i) => sum + (votes[i]?.index === best ? each : 0), 0);
      return { picture: name, guesses, votes, agreement };
    });
  }

  /** What the models give together for inputs that all of them take: `[n, classes]`. Throws `shape` where they differ. */
  async predict(x: TrainingInput, options: PredictOptions = {}): Promise<Prediction> {
    const all: Prediction[] = [];
    for (const model of this.models) all.push(await model.predict(x, options));
    const [first] = all as [Prediction];
    for (const [i, { shape }] of all.entries()) {
      if (sameShape(shape, first.shape) && shape.length === 2) continue;
      throw new FoveaError({
        code: 'shape',
        op: OP,
        message: `model "${this.models[i]?.name}" gives ${formatShape(shape)}, "${this.models[0]?.name}" ${formatShape(first.shape)}.`,
        got: shape,
        want: first.shape,
        hint: 'Join classifiers of the same classes.',
      });
    }
    const [rows, classes] = first.shape as readonly [number, number];
    const data = new Float32Array(first.data.length);
    for (let row = 0; row < rows; row++) {
      const scores = all.map((each) => each.data.subarray(row * classes, (row + 1) * classes));
      data.set(this.join(scores), row * classes);
    }
    return { data, shape: first.shape, dtype: 'float32' };
  }

  /** How far the models agree about the pictures that `classify` gave. */
  agreement(pictures: readonly JointlyClassified[]): Agreement {
    const read = pictures.filter(({ problem }) => problem === undefined);
    const share = (isCounted: (each: JointlyClassified) => boolean): number =>
      read.length === 0 ? 0 : read.filter(isCounted).length / read.length;
    const same = (i: number, j: number) => (each: JointlyClassified) => each.votes[i]?.index === each.votes[j]?.index;
    const total = read.reduce((sum, { agreement }) => sum + agreement, 0);
    return {
      pictures: read.length,
      unanimous: share(({ votes }) => votes.every(({ index }) => index === votes[0]?.index)),
      mean: read.length === 0 ? 0 : total / read.length,
      pairs: this.models.map((_, i) => this.models.map((__, j) => share(same(i, j)))),
    };
  }

  private join(scores: readonly Float32Array[]): Float32Array {
    if (this.combine === 'mean') return weighted(scores, this.weights);
    const out = new Float32Array(scores[0]?.length ?? 0);
    for (const [i, each] of scores.entries()) {
      const best = each.reduce((at, value, index) => (value > (each[at] as number) ? index : at), 0);
      out[best] = (out[best] as number) + (this.weights[i] as number);
    }
    return out;
  }
}

function weighted(scores: readonly Float32Array[], weights: readonly number[]): Float32Array {
  return Float32Array.from({ length: scores[0]?.length ?? 0 }, (_, index) =>
    scores.reduce((sum, each, i) => sum + (weights[i] as number) * (each[index] as number), 0),
  );
}
