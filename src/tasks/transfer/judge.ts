// How a classifier does on pictures it has not seen: loss, accuracy, which classes it takes for which, and where it errs most.
import type { HostArray } from '../../data/dataset.js';
import { Dataset } from '../../data/dataset.js';
import type { TrainableModel } from '../../nn/model.js';
import type { Part } from './pictures.js';

/** A picture that was taken for something else. */
export interface Mistake {
  /** `[height,width,channels]`, 0..255. */
  readonly image: HostArray;
  readonly label: number;
  readonly predicted: number;
  /** What the model gave the class that it took it for. */
  readonly probability: number;
  /** -log of what it gave the right one. */
  readonly loss: number;
}

export interface Judgement {
  readonly count: number;
  readonly loss: number;
  readonly accuracy: number;
  /** Counts, a row for each true class and a column for each predicted one. */
  readonly confusion: readonly (readonly number[])[];
  /** The worst first. */
  readonly mistakes: readonly Mistake[];
}

/** Keras clips probabilities so before it takes their logarithm. */
const LEAST = 1e-7;

/** Looks at every picture of a part once, with no more than some batches in memory. Undefined where the signal stopped it. */
export async function judge(
  model: TrainableModel,
  part: Part,
  options: { classes: number; batchSize: number; mistakes: number; signal?: AbortSignal | undefined },
): Promise<Judgement | undefined> {
  const { classes, batchSize, signal } = options;
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const mistakes: Mistake[] = [];
  let [count, right, total] = [0, 0, 0];
  for await (const { x, y } of Dataset.fromGenerator(() => part.inOrder())
    .batch(batchSize)
    .prefetch(2)) {
    if (signal?.aborted) return undefined;
    const { data } = await model.predict(x, { batchSize });
    const size = x.data.length / (x.shape[0] as number);
    for (let row = 0; row < (x.shape[0] as number); row++) {
      const each = data.subarray(row * classes, (row + 1) * classes);
      const label = Number(y?.data[row]);
      const predicted = each.indexOf(Math.max(...each));
      const loss = -Math.log(Math.min(Math.max(each[label] as number, LEAST), 1 - LEAST));
      const cells = confusion[label] as number[];
      cells[predicted] = (cells[predicted] as number) + 1;
      count++;
      total += loss;
      if (predicted === label) {
        right++;
        continue;
      }
      if (mistakes.length >= options.mistakes && loss <= (mistakes.at(-1) as Mistake).loss) continue;
      const image = { ...x, data: x.data.slice(row * size, (row + 1) * size), shape: x.shape.slice(1) };
      mistakes.push({ image, label, predicted, probability: each[predicted] as number, loss });
      mistakes.sort((a, b) => b.loss - a.loss);
      mistakes.length = Math.min(mistakes.length, options.mistakes);
    }
  }
  return { count, loss: total / count, accuracy: right / count, confusion, mistakes };
}
