// Transfer learning beside Python's Keras: the same pictures, base, first classifier, recipe and order of batches, so that the
// accuracies must agree and the times can be compared.
//
//     node tools/run.mjs bench/transfer.ts FOLDER [--epochs 5] [--weights FILE] [--runs 1] [--python python3]
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type ArrayDataset, datasets, engineInfo, type FinetuneEvent, finetune, models, zoo } from 'fovea';

const SIZE = 224;
const RECIPE = { size: SIZE, batchSize: 32, headRate: 1e-3, headEpochs: 50, rate: 1e-4, unfreezeFrom: 43 };

interface Outcome {
  readonly before: number;
  readonly after: number;
  readonly validation?: number;
  readonly trainable: number;
  readonly seconds: { readonly features: number; readonly head: number; readonly base: number; readonly all: number };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    epochs: { type: 'string', default: '5' },
    runs: { type: 'string', default: '1' },
    python: { type: 'string', default: 'python3' },
    weights: {
      type: 'string',
      default: join(process.env.FOVEA_DATA ?? '', 'weights/mobilenet-v1-0.25-tfjs/model.json'),
    },
    'skip-keras': { type: 'boolean', default: false },
  },
});
const [folder = 'out/transfer'] = positionals;
const recipe = { ...RECIPE, epochs: Number(values.epochs) };

type Parts = Readonly<Record<'train' | 'validation' | 'test', ArrayDataset>>;

async function prepare(): Promise<Parts> {
  mkdirSync(folder, { recursive: true });
  const split = ['train[:10%]', 'train[10%:25%]', 'train[25%:]'];
  const [test, validation, train] = await datasets.tfFlowers({ split, imageSize: SIZE });
  if (test === undefined || validation === undefined || train === undefined)
    throw new Error('three parts were asked for');
  console.log(`${train.paths.length}, ${validation.paths.length}, ${test.paths.length} pictures of ${train.source}`);
  const parts = { train: await train.load(), validation: await validation.load(), test: await test.load() };
  for (const [name, part] of Object.entries(parts)) {
    writeFileSync(join(folder, `${name}.x`), part.x.data);
    writeFileSync(join(folder, `${name}.y`), Int32Array.from(part.y.data));
  }
  writeFileSync(join(folder, 'recipe.json'), JSON.stringify(recipe));
  const whole = await zoo.create('mobilenet', { alpha: 0.25, weights: values.weights });
  const last = whole.getLayer('conv_pw_13_relu').output;
  await models.model({ inputs: whole.inputs, outputs: last, name: whole.name }).save(join(folder, 'base.keras'));
  return parts;
}

async function ours(parts: Parts, seed: number): Promise<Outcome> {
  const base = await models.load(join(folder, 'base.keras'));
  // What the files hold is not ours to time.
  await engineInfo();
  const at = { started: performance.now(), features: 0, base: 0, saving: 0 };
  let trainable = 0;
  const onEvent = async (event: FinetuneEvent): Promise<void> => {
    if (event.kind !== 'stage') return;
    trainable = event.trainable;
    at[event.stage === 'head' ? 'features' : 'base'] = performance.now();
    if (event.stage !== 'head') return;
    // Keras begins with the same classifier.
    await event.model.save(join(folder, 'head.keras'));
    at.saving = performance.now() - at.features;
  };
  const { judgement, headScores, history } = await finetune(base, parts, {
    ...recipe,
    seed,
    preprocessing: 'tf',
    baseRate: recipe.rate,
    dropout: 0,
    augmentation: false,
    shuffle: false,
    patience: null,
    onEvent,
  });
  const ended = performance.now();
  const seconds = (from: number, to: number): number => (to - from) / 1000;
  return {
    before: headScores?.accuracy ?? Number.NaN,
    after: judgement?.accuracy ?? Number.NaN,
    validation: history.val_accuracy?.at(-1) ?? Number.NaN,
    trainable,
    seconds: {
      features: seconds(at.started, at.features),
      head: seconds(at.features + at.saving, at.base),
      base: seconds(at.base, ended),
      all: seconds(at.started + at.saving, ended),
    },
  };
}

function keras(): Outcome {
  const script = join(process.cwd(), 'bench/peers/transfer.py');
  const { stdout, stderr, status } = spawnSync(values.python, [script, folder], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${values.python} ${script} failed:\n${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as Outcome;
}

const median = (list: readonly number[]): number =>
  list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] as number;

const parts = await prepare();
const results: { fovea: Outcome[]; keras: Outcome[] } = { fovea: [], keras: [] };
for (let run = 0; run < Number(values.runs); run++) {
  // One after the other, so that what else the machine does falls on both.
  results.fovea.push(await ours(parts, run + 1));
  console.log('fovea', JSON.stringify(results.fovea.at(-1)));
  if (values['skip-keras']) continue;
  results.keras.push(keras());
  console.log('keras', JSON.stringify(results.keras.at(-1)));
}
const all = (list: readonly Outcome[]): number => median(list.map(({ seconds }) => seconds.all));
if (results.keras.length > 0) {
  console.log(
    `seconds ${all(results.fovea).toFixed(1)} and ${all(results.keras).toFixed(1)}: ${(all(results.keras) / all(results.fovea)).toFixed(2)} times`,
  );
}
