// `fovea predict`: classes of picture files, by one model or by several together.
import { readFile } from 'node:fs/promises';
import { FoveaError } from '../../core/errors.js';
import { missingPathError } from '../../core/node-files.js';
import type { ClassifiedPicture, ClassifyOptions, Crops, Guess } from '../../nn/classify.js';
import { Ensemble, type JointlyClassified } from '../../nn/ensemble.js';
import type { TrainableModel } from '../../nn/model.js';
import type { PicturePreprocessing } from '../../nn/model-metadata.js';
import { TransferLine } from '../../nn/progress-line.js';
import { create } from '../../zoo/create.js';
import type { ZooOptions } from '../../zoo/options.js';
import { isThere, loadModel } from '../models.js';
import { EXIT, type Output } from '../output.js';

/** What the command was given. */
export interface PredictCommandOptions {
  readonly model: readonly string[];
  readonly top: number;
  readonly batch: number;
  readonly crops: Crops;
  readonly combine: 'mean' | 'vote';
  readonly weights?: string;
  readonly alpha?: number;
  readonly labels?: string;
  readonly preprocess?: PicturePreprocessing['mode'];
  readonly size?: number;
}

export async function predict(
  given: readonly string[],
  options: PredictCommandOptions,
  output: Output,
): Promise<number> {
  // The old form: the model first.
  const names = options.model.length > 0 ? options.model : given.slice(0, 1);
  const pictures = options.model.length > 0 ? given : given.slice(1);
  if (pictures.length === 0) throw wrong('no pictures were given.', 'Put the files behind the model.');
  if (options.weights !== undefined && names.length > 1) {
    throw wrong('--weights goes with one model.', 'Save each model with its weights, and give those files.');
  }
  const models: TrainableModel[] = [];
  for (const name of names) models.push(await modelOf(name, options));
  const line = new TransferLine(output.isJson ? 0 : 'auto', errorOutput());
  const common: ClassifyOptions<never> = {
    top: options.top,
    batchSize: options.batch,
    crops: options.crops,
    verbose: 0,
    download: { onProgress: ({ file, loaded, total }) => line.show(file, loaded, total) },
    ...(options.labels === undefined ? {} : { labels: await labelsOf(options.labels) }),
  };
  let hasFailed = false;
  const report = ({ picture, guesses, problem }: ClassifiedPicture, joint?: JointlyClassified): void => {
    line.end();
    if (problem !== undefined) {
      hasFailed = true;
      output.error(problem);
      return;
    }
    output.text(`${picture}: ${guesses.map(textOf).join(', ')}${joint === undefined ? '' : agreementText(joint)}`);
    output.event('prediction', {
      picture,
      labels: guesses,
      ...(joint === undefined ? {} : { votes: joint.votes, agreement: joint.agreement }),
    });
  };
  try {
    if (models.length === 1) {
      await (models[0] as TrainableModel).classify(pictures, {
        ...common,
        onProgress: ({ latest }) => report(latest),
      });
    } else {
      const ensemble = new Ensemble(models, { combine: options.combine });
      const all = await ensemble.classify(pictures, {
        ...common,
        onProgress: ({ latest }) => report(latest, latest),
      });
      const agreement = ensemble.agreement(all);
      const percent = (part: number): string => `${(100 * part).toFixed(1)}%`;
      output.text(
        `${agreement.pictures} pictures: all ${models.length} models agree on ${percent(agreement.unanimous)}, on average ${percent(agreement.mean)} of them`,
      );
      output.event('agreement', { ...agreement });
    }
  } finally {
    line.end();
  }
  return hasFailed ? EXIT.failed : EXIT.done;
}

const textOf = ({ label, probability }: Guess): string => `${label} ${(100 * probability).toFixed(1)}%`;

function agreementText({ guesses, votes }: JointlyClassified): string {
  const same = votes.filter(({ index }) => index === guesses[0]?.index).length;
  return ` (${same} of ${votes.length} agree)`;
}

/** A file or run's folder where there is one of that name, else a network of the zoo. */
async function modelOf(name: string, options: PredictCommandOptions): Promise<TrainableModel> {
  const { weights, alpha, preprocess, size } = options;
  const isSaved = (await isThere(name)) || /\.(keras|h5|onnx|json)$/.test(name) || /[/\\]/.test(name);
  let model: TrainableModel;
  if (isSaved) {
    if (weights !== undefined) throw wrong('--weights goes with a network by name.', 'A model file has its own.');
    model = await loadModel(name);
  } else {
    const zooOptions: ZooOptions = {
      ...(alpha === undefined ? {} : { alpha }),
      ...(size === undefined ? {} : { inputShape: [size, size, 3] as const }),
      ...(weights === undefined ? {} : { weights }),
    };
    model = await create(name, zooOptions);
  }
  if (preprocess !== undefined || (size !== undefined && isSaved)) {
    const [, height, width, channels] = model.inputShape as readonly (number | null)[];
    const known = model.metadata.preprocessing;
    model.metadata = {
      ...model.metadata,
      preprocessing: {
        fit: 'crop',
        resize: 'bilinear-antialias',
        channels: channels === 1 ? 1 : 3,
        mode: 'none',
        ...known,
        ...(preprocess === undefined ? {} : { mode: preprocess }),
        size: [height ?? size ?? known?.size[0] ?? 224, width ?? size ?? known?.size[1] ?? 224],
      },
    };
  }
  return model;
}

/** `imagenet`, or the lines of a file. */
async function labelsOf(labels: string): Promise<readonly string[] | 'imagenet'> {
  if (labels === 'imagenet') return labels;
  if (!(await isThere(labels))) throw await missingPathError(labels, 'predict');
  const lines = (await readFile(labels, 'utf8')).split(/\r?\n/);
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

/** The terminal behind standard error: pictures' lines may go to a file. */
function errorOutput(): ConstructorParameters<typeof TransferLine>[1] {
  const { stderr } = process;
  return {
    write: (text) => void stderr.write(text),
    isLive: stderr.isTTY === true,
    hasColors: false,
    columns: () => stderr.columns || 80,
    now: () => performance.now(),
  };
}

const wrong = (message: string, hint: string): FoveaError =>
  new FoveaError({ code: 'argument', op: 'predict', message, hint });
