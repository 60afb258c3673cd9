// `fovea explain`: pictures of what a network learned and why it decides as it does, one file for each picture and a sheet of all.
import { mkdir } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { FoveaError } from '../../core/errors.js';
import type { HostArray } from '../../data/index.js';
import { nearestName } from '../../nn/keras-config.js';
import type { TrainableModel } from '../../nn/model.js';
import type { Figure } from '../../plot/figure.js';
import { grid } from '../../plot/image.js';
import * as explain from '../../tasks/explain/index.js';
import { create } from '../../zoo/create.js';
import { loadData } from '../data.js';
import { anyModel } from '../model-file.js';
import { isFile, loadModel } from '../models.js';
import { EXIT, type Output } from '../output.js';

/** What the command line says. */
export interface ExplainCommandOptions {
  readonly model: string;
  readonly method: string;
  readonly layer?: string;
  readonly class?: string;
  readonly channel?: readonly number[];
  readonly data?: string;
  readonly out: string;
  readonly weights?: string;
  readonly alpha?: number;
  readonly preprocess?: 'none' | 'tf' | 'torch' | 'caffe';
  readonly size?: number;
  readonly steps?: number;
}

/** What came of one picture, or of the model alone. */
interface Result {
  readonly figure: Figure;
  /** For the sheet of all pictures: the picture, what was made of it, and a word. */
  readonly tiles?: readonly [picture: HostArray, made: HostArray];
  readonly word?: string;
  /** For machines. */
  readonly fields: Readonly<Record<string, unknown>>;
}

type Common = explain.ClassMapOptions;
type Explain = (model: TrainableModel, picture: string, options: Common) => Promise<explain.Explanation>;

/** Methods that explain a class of a picture. */
const CLASS_METHODS: Readonly<Record<string, Explain>> = {
  gradCam: explain.gradCam,
  gradCamPlusPlus: explain.gradCamPlusPlus,
  classActivationMap: explain.classActivationMap,
  guidedGradCam: explain.guidedGradCam,
  guidedBackpropagation: explain.guidedBackpropagation,
  saliency: explain.saliency,
  smoothGrad: (model, picture, options) => explain.saliency(model, picture, { ...options, samples: 25 }),
  integratedGradients: explain.integratedGradients,
  occlusion: explain.occlusion,
};
/** Methods that need a picture and no class. */
const PICTURE_METHODS = ['activations', 'activationSheet', 'deepDream', 'nearestPictures'] as const;
/** Methods that need the model alone. */
const MODEL_METHODS = ['filters', 'maximize'] as const;

/** All values of `--method`. */
export const METHODS: readonly string[] = [...Object.keys(CLASS_METHODS), ...PICTURE_METHODS, ...MODEL_METHODS];

export async function explainCommand(
  pictures: readonly string[],
  options: ExplainCommandOptions,
  output: Output,
): Promise<number> {
  const { method, out } = options;
  checkMethod(method, pictures);
  // Arguments are tensors here, and this gives tensors their runtime.
  await import('../../engine/install.js');
  const model = await modelOf(options);
  const common: Common = {
    ...(options.layer === undefined ? {} : { layer: options.layer }),
    ...(options.class === undefined
      ? {}
      : { class: /^\d+$/.test(options.class) ? Number(options.class) : options.class }),
    ...(options.preprocess === undefined ? {} : { preprocessing: options.preprocess }),
    ...(options.size === undefined ? {} : { size: [options.size, options.size] as const }),
  };
  await mkdir(out, { recursive: true });
  const save = async (name: string, { figure, fields, word }: Result, picture?: string): Promise<void> => {
    const path = join(out, `${name}.png`);
    await figure.save(path);
    output.text(`${path}${word === undefined ? '' : `: ${word}`}`);
    output.event('explanation', { method, ...(picture === undefined ? {} : { picture }), path, ...fields });
  };
  if (isOneOf(method, MODEL_METHODS)) {
    await save(method, await ofModel(method, model, options, common));
    return EXIT.done;
  }
  const found: { picture: string; result: Result }[] = [];
  const data = await searched(model, options, output);
  let hasFailed = false;
  for (const [i, picture] of pictures.entries()) {
    try {
      const result = await ofPicture(method, model, picture, options, common, data);
      const stem = basename(picture, extname(picture));
      const isTwice = pictures.findIndex((each) => basename(each, extname(each)) === stem) !== i;
      await save(`${stem}${isTwice ? `-${i + 1}` : ''}-${method}`, result, picture);
      found.push({ picture, result });
    } catch (error) {
      // One broken picture does not keep the others from being explained; a wrong layer or class is wrong for all.
      if (!(error instanceof FoveaError) || ['argument', 'range', 'unsupported'].includes(error.code)) throw error;
      hasFailed = true;
      output.error(error);
    }
  }
  const sheet = sheetOf(found);
  if (sheet !== undefined) {
    const path = join(out, `sheet-${method}.png`);
    await sheet.save(path);
    output.text(`${path}: all ${found.length} pictures`);
    output.event('sheet', { method, path, pictures: found.map(({ picture }) => picture) });
  }
  return hasFailed ? EXIT.failed : EXIT.done;
}

function isOneOf<W extends string>(word: string, words: readonly W[]): word is W {
  return words.includes(word as W);
}

function checkMethod(method: string, pictures: readonly string[]): void {
  if (!METHODS.includes(method)) {
    const near = nearestName(method, METHODS);
    throw wrong(
      `there is no method "${method}"${near === undefined ? '.' : `; did you mean "${near}"?`}`,
      `Take one of ${METHODS.join(', ')}.`,
    );
  }
  if (pictures.length === 0 && !isOneOf(method, MODEL_METHODS))
    throw wrong(`${method} needs a picture.`, 'Name one or more PNG or JPEG files.');
}

/** A file, a run's folder or a module where there is one of that name, else a network of the zoo. */
async function modelOf({ model: name, weights, alpha }: ExplainCommandOptions): Promise<TrainableModel> {
  if (/\.(m?[jt]s)$/.test(name)) return anyModel(name, 'explain');
  if (/[/\\.]/.test(name) || (await isFile(name)) || (await isFile(join(name, 'model.keras')))) return loadModel(name);
  return create(name, { ...(weights === undefined ? {} : { weights }), ...(alpha === undefined ? {} : { alpha }) });
}

async function ofModel(
  method: (typeof MODEL_METHODS)[number],
  model: TrainableModel,
  { channel, steps }: ExplainCommandOptions,
  { layer, class: wanted, preprocessing, size }: Common,
): Promise<Result> {
  const ofLayer = layer === undefined ? {} : { layer };
  if (method === 'filters') {
    const { figure, layer: name, weights } = await explain.filters(model, ofLayer);
    return { figure, word: `filters of ${name}`, fields: { layer: name, shape: weights.shape } };
  }
  if (layer === undefined && wanted === undefined)
    throw wrong('maximize needs --layer or --class.', layerHint(model, size));
  const { figure, pictures } = await explain.maximize(model, {
    ...ofLayer,
    ...(wanted === undefined ? {} : { class: wanted }),
    ...(channel === undefined ? {} : { channel }),
    ...(preprocessing === undefined ? {} : { preprocessing }),
    ...(size === undefined ? {} : { size }),
    ...(steps === undefined ? {} : { steps }),
  });
  const found = pictures.map(({ label, index, scoreBefore, score }) => ({ label, index, scoreBefore, score }));
  return { figure, word: `${found.length} pictures`, fields: { layer, pictures: found } };
}

function layerHint(model: TrainableModel, size: Common['size']): string {
  const layers = explain.layersOf(model, size === undefined ? {} : { size });
  return `Its layers are ${layers.map(({ path }) => path).join(', ')}.`;
}

/** The data set of `--data`, in which neighbours are looked for. */
async function searched(model: TrainableModel, options: ExplainCommandOptions, output: Output) {
  if (options.method !== 'nearestPictures') return undefined;
  if (options.data === undefined)
    throw wrong('nearestPictures needs --data.', 'Name a data set or a folder with a folder of pictures per class.');
  const side = options.size ?? model.metadata.preprocessing?.size[0] ?? model.inputs[0]?.shape[1] ?? 64;
  return (await loadData(options.data, { size: side, seed: 1, output })).train;
}

async function ofPicture(
  method: string,
  model: TrainableModel,
  picture: string,
  { steps }: ExplainCommandOptions,
  common: Common,
  data: Awaited<ReturnType<typeof searched>>,
): Promise<Result> {
  const own = steps === undefined ? {} : { steps };
  if (method === 'activations') {
    const { figure, layer, activation } = await explain.activations(model, picture, common);
    return { figure, word: `${layer} ${activation.shape.join('x')}`, fields: { layer, shape: activation.shape } };
  }
  if (method === 'activationSheet') {
    const { figure, layers } = await explain.activationSheet(model, picture, common);
    return { figure, word: `${layers.length} layers`, fields: { layers: layers.map(({ layer }) => layer) } };
  }
  if (method === 'deepDream') {
    const layers = common.layer === undefined ? {} : { layers: [common.layer] };
    const { figure, scores } = await explain.deepDream(model, picture, { ...common, ...layers, ...own });
    return { figure, fields: { scores } };
  }
  if (method === 'nearestPictures' && data !== undefined) {
    const { figure, layer, neighbours } = await explain.nearestPictures(model, picture, data, common);
    const found = neighbours.map(({ index, distance, label }) => ({ index, distance, label }));
    return { figure, word: `${found.length} nearest by ${layer}`, fields: { layer, neighbours: found } };
  }
  const body = CLASS_METHODS[method] as Explain;
  const found = await body(model, picture, { ...common, ...own } as Common);
  const { class: number, label, probability, score, layer, figure } = found;
  const percent = probability === undefined ? '' : ` ${(100 * probability).toFixed(1)}%`;
  const { completenessError } = found as Partial<explain.IntegratedGradients>;
  return {
    figure,
    tiles: [found.picture, found.image],
    word: `${label}${percent}`,
    fields: { class: number, label, probability, score, layer, completenessError },
  };
}

/** Every picture beside what was made of it, where there are such pairs. */
function sheetOf(found: readonly { readonly picture: string; readonly result: Result }[]): Figure | undefined {
  const pairs = found.filter(({ result }) => result.tiles !== undefined);
  if (pairs.length < 2) return undefined;
  const tiles = pairs.flatMap(({ result }) => result.tiles ?? []);
  const labels = pairs.flatMap(({ picture, result }) => [basename(picture), result.word ?? '']);
  const most = Math.max(...tiles.flatMap(({ shape }) => shape.slice(0, 2)));
  const pairsInRow = Math.min(3, Math.ceil(Math.sqrt(pairs.length)));
  return grid(tiles, {
    columns: 2 * pairsInRow,
    labels,
    colormap: 'gray',
    vmin: 0,
    vmax: 255,
    scale: Math.max(1, Math.round(160 / most)),
  });
}

const wrong = (message: string, hint: string): FoveaError =>
  new FoveaError({ code: 'argument', op: 'explain', message, hint });
