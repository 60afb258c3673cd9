// Which class is explained, and the number that stands for it: its logit, found before the softmax or sigmoid that ends the
// network, whichever layer applies it. Probabilities saturate, and their gradients with them.
import { FoveaError } from '../../core/errors.js';
import { formatShape } from '../../core/shape.js';
import type { HostArray } from '../../data/index.js';
import type { Tensor } from '../../graph/tensor.js';
import { nearestName } from '../../nn/keras-config.js';
import type { TrainableModel } from '../../nn/model.js';
import { cast, multiply, negative, subtract } from '../../ops/arithmetic.js';
import { concat } from '../../ops/join.js';
import { mean, sum } from '../../ops/reduce.js';
import { reshape } from '../../ops/shape.js';
import { ask, type Look, numberOf } from './look.js';
import { labelsOf, type ModelOptions, type Preparation, preparationOf } from './pictures.js';

/** What is explained. */
export interface TargetOptions extends ModelOptions {
  /** A class by its number or name; default the one the model finds most likely. */
  class?: number | string;
  /** `logits` (default) are what the last softmax or sigmoid is given; `probabilities` what the model says. */
  scores?: 'logits' | 'probabilities';
  /** Instead of a class: makes of the model's output [n,...] what is explained, one number for each picture [n]. */
  score?: (output: Tensor) => Tensor;
}

/** The class that is explained. */
export interface Target {
  /** Its number; undefined where `score` was given. */
  readonly class: number | undefined;
  /** Its name, or its number as text. */
  readonly label: string;
  /** What the model says of it: the last output's element. */
  readonly probability: number | undefined;
  /** The number that is explained, of the picture as it is. */
  readonly score: number;
}

/** What of a model is explained: how to make scores inside a Program, and which class. */
export interface Aim {
  readonly preparation: Preparation;
  readonly key: string;
  readonly target: Target;
  /** 1 at the class, 0 elsewhere, [1,classes]; the Program takes it as an argument, so that other classes compile nothing. */
  readonly selector: HostArray;
  /** Scores [n] of the pictures in a run. */
  scoresOf(look: Look, selector: Tensor): Tensor;
}

const SQUASHES: readonly string[] = ['softmax', 'sigmoid'];
/** What only changes how numbers are written may stand behind it. */
const TRANSPARENT: readonly string[] = ['cast', 'reshape'];

/** The output of a run that was asked for. Throws `range`. */
function chosenOutput({ outputs }: Look, output = 0): Tensor {
  const found = outputs[output];
  if (found !== undefined) return found;
  throw new FoveaError({
    code: 'range',
    op: 'explain',
    message: `there is no output ${output}.`,
    got: output,
    want: `0 to ${outputs.length - 1}`,
  });
}

/** What the last softmax or sigmoid was given; the output itself where there is none. */
export function logitsOf(output: Tensor): Tensor {
  for (let at = output; ; at = at.node.inputs[0] as Tensor) {
    if (SQUASHES.includes(at.node.op.name))
      return reshape(cast(at.node.inputs[0] as Tensor, 'float32'), output.shape as number[]);
    if (!TRANSPARENT.includes(at.node.op.name) || at.node.inputs.length !== 1) return output;
  }
}

/** Numbers for each class, [n,classes]: means over places, and of a lone sigmoid unit both its classes. */
function perClass(output: Tensor, isProbability: boolean, isBinary: boolean): Tensor {
  const axes = output.shape.map((_, axis) => axis).slice(1, -1);
  const two = axes.length === 0 ? output : mean(output, { axis: axes });
  if (!isBinary) return two;
  return concat([isProbability ? subtract(1, two) : negative(two), two], 1);
}

/** Class numbers of a model's output: [n,classes], the probabilities and the logits. */
function bothOf(look: Look, output: number | undefined): { probabilities: Tensor; logits: Tensor } {
  const found = chosenOutput(look, output);
  if (found.rank < 2) {
    throw new FoveaError({
      code: 'unsupported',
      op: 'explain',
      message: `the output ${formatShape(found.shape)} has no classes.`,
      hint: 'Give score: a function that makes one number of each picture from the output.',
    });
  }
  const before = logitsOf(found);
  // One unit behind a sigmoid speaks for two classes: 1 where it is high, 0 where it is low.
  const isBinary = found.shape.at(-1) === 1 && before !== found;
  return { probabilities: perClass(found, true, isBinary), logits: perClass(before, false, isBinary) };
}

/** Finds what is to be explained, running the model once on the picture. Throws `argument` for a class that is not there. */
export async function aimAt(model: TrainableModel, input: HostArray, options: TargetOptions, op: string): Promise<Aim> {
  const preparation = preparationOf(model, options.preprocessing);
  const pictures: HostArray = { ...input, shape: [1, ...input.shape] };
  const { score, output, scores = 'logits' } = options;
  if (score !== undefined) {
    const scoresOf = (look: Look): Tensor => reshape(cast(score(chosenOutput(look, output)), 'float32'), [-1]);
    const key = `score ${numberOf(score)} of ${output}`;
    const question = { key, preparation, ask: (look: Look) => [scoresOf(look)] };
    const [value] = await ask(model, question, [pictures]);
    const selector: HostArray = { data: new Float32Array(1), shape: [1, 1], dtype: 'float32' };
    const target = { class: undefined, label: 'score', probability: undefined, score: value?.data[0] as number };
    return { preparation, key, target, selector, scoresOf };
  }
  const question = {
    key: `classes of ${output}`,
    preparation,
    ask: (look: Look) => Object.values(bothOf(look, output)),
  };
  const [probabilities, logits] = (await ask(model, question, [pictures])) as [HostArray, HostArray];
  const count = logits.data.length;
  const names = await labelsOf(model, options);
  const found = classNumber(options.class ?? mostLikely(logits.data), names, count, op);
  const selector = new Float32Array(count);
  selector[found] = 1;
  const values = scores === 'logits' ? logits : probabilities;
  return {
    preparation,
    key: `${scores} of ${output}`,
    target: {
      class: found,
      label: names[found] ?? String(found),
      probability: probabilities.data[found] as number,
      score: values.data[found] as number,
    },
    selector: { data: selector, shape: [1, count], dtype: 'float32' },
    scoresOf: (look, chosen) => sum(multiply(bothOf(look, output)[scores], chosen), { axis: 1 }),
  };
}

function mostLikely(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}

/** The number of a class given by number or name. */
export function classNumber(wanted: number | string, names: readonly string[], count: number, op: string): number {
  if (typeof wanted === 'number') {
    if (Number.isInteger(wanted) && wanted >= 0 && wanted < count) return wanted;
    throw new FoveaError({
      code: 'range',
      op,
      message: `there is no class ${wanted}.`,
      got: wanted,
      want: `0 to ${count - 1}`,
    });
  }
  const at = names.indexOf(wanted);
  if (at >= 0 && at < count) return at;
  const near = nearestName(wanted, names);
  throw new FoveaError({
    code: 'argument',
    op,
    message: `there is no class "${wanted}"${near === undefined ? '.' : `; did you mean "${near}"?`}`,
    got: wanted,
    want: names,
    hint:
      names.length === 0
        ? `The model does not say what its classes are called: give a number, 0 to ${count - 1}, or labels.`
        : `Its classes are ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', ...' : ''}.`,
  });
}
