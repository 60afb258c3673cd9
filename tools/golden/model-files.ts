// Models that Python's Keras saved: every file of every case is loaded, predicts what Keras predicted, and where it was
// compiled trains on with the losses that Keras had; saved again, nothing is lost. And damaged files: each ends in an error
// that says what is wrong.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostArray } from '../../src/data/index.js';
import { tensor } from '../../src/graph/tensor.js';
import type { Variable } from '../../src/graph/variable.js';
import { FoveaError, Layer, models, registerLayer, type Tensor } from '../../src/index.js';
import type { PartialShape } from '../../src/nn/symbolic.js';
import { add, multiply, sin } from '../../src/ops/index.js';
import { type DamagedFile, loadDamaged } from './damaged.js';
import type { Findings } from './findings.js';
import { broken, type GoldenCase, type GoldenFolder, type Machine, messageOf } from './folder.js';
import { fromRecipe, type Recipe } from './recipes.js';

interface Digest {
  readonly path: string;
  readonly shape: readonly number[];
  /** Of all elements, in float64. */
  readonly sum: number;
  /** At most four. */
  readonly first: readonly number[];
}

interface ModelCase {
  readonly name: string;
  readonly expect: 'load' | 'refuse' | 'custom object';
  readonly files: {
    readonly keras: string;
    readonly h5: string;
    readonly weights: string;
    readonly legacyWeights?: string;
  };
  readonly inputs: readonly Recipe[];
  readonly outputs: readonly { readonly shape: readonly number[]; readonly values: readonly unknown[] }[];
  readonly weights: readonly Digest[];
  readonly parameters: number;
  readonly trainable: number;
  readonly optimizer?: { readonly variables: readonly Digest[] };
  readonly training?: {
    readonly input: Recipe;
    readonly target: Recipe & { readonly oneHot?: number; readonly as?: string };
    readonly nextLosses: readonly number[];
    readonly weightsAfter: readonly Digest[];
  };
}

/** Where a case is replayed. */
interface Place {
  readonly folder: GoldenFolder;
  readonly machine: Machine;
  readonly findings: Findings;
}

/** The layer of one's own in the case that needs one. */
class Swirl extends Layer {
  static override readonly className: string = 'Swirl';
  private readonly frequency: number;
  private gamma!: Variable;
  private beta!: Variable;

  constructor(options: { name?: string; frequency?: number } = {}) {
    super(options);
    this.frequency = options.frequency ?? 1;
  }

  override build([shape]: readonly PartialShape[]): void {
    const size = shape?.at(-1) as number;
    this.gamma = this.addWeight({ name: 'gamma', shape: [size], initializer: 'ones' });
    this.beta = this.addWeight({ name: 'beta', shape: [size], initializer: 'zeros' });
  }

  override call([x]: readonly Tensor[]): Tensor {
    const [input, frequency] = [x as Tensor, this.frequency];
    return add(multiply(multiply(input, sin(multiply(input, frequency))), this.gamma.value), this.beta.value);
  }

  override getConfig(): Record<string, unknown> {
    return { frequency: this.frequency };
  }
}

const FILES = 'models/files';
const DAMAGED = 'models/damaged';

/** Every file of every model. */
export function modelFileCases(folder: GoldenFolder): GoldenCase[] {
  const suite = 'models-files';
  registerLayer(Swirl, { package: 'golden' });
  const names = folder.list(FILES).filter((file) => file.endsWith('.json'));
  return names.flatMap((file): GoldenCase[] => {
    let stored: ModelCase;
    try {
      stored = folder.json(`${FILES}/${file}`) as ModelCase;
    } catch (error) {
      return [broken(suite, file, messageOf(error))];
    }
    const { keras, h5, weights, legacyWeights } = stored.files;
    const each = (name: string, replay: (place: Place) => Promise<void>): GoldenCase => ({
      suite,
      name,
      replay: (machine, findings) => replay({ folder, machine, findings }),
    });
    return [
      each(keras, (place) => replayModel(stored, keras, place)),
      each(h5, (place) => replayModel(stored, h5, place)),
      each(weights, (place) => replayWeights(stored, weights, place)),
      ...(legacyWeights === undefined
        ? []
        : [each(legacyWeights, (place: Place) => replayWeights(stored, legacyWeights, place))]),
      ...(stored.expect === 'refuse'
        ? []
        : [each(`${stored.name}, saved again`, (place: Place) => replaySaving(stored, place))]),
    ];
  });
}

const pathOf = ({ folder }: Place, file: string): string => join(folder.path, FILES, file);

async function replayModel(stored: ModelCase, file: string, place: Place): Promise<void> {
  const { findings } = place;
  if (stored.expect === 'refuse') {
    const error = await models.load(pathOf(place, file)).then(
      () => undefined,
      (caught: unknown) => caught,
    );
    findings.same('refused', error instanceof FoveaError && /lambda/i.test(error.message), true);
    return;
  }
  const model = await models.load(pathOf(place, file));
  findings.same('parameters', model.countParams(), stored.parameters);
  const trainable = model.trainableWeights.reduce((sum, { size }) => sum + size, 0);
  findings.same('trainable parameters', trainable, stored.trainable);
  await checkModel(model, stored, place);
  if (place.machine.predict !== undefined) await checkTraining(model, stored, place);
}

/** Weights go into the model of the whole file, whose own are overwritten before. */
async function replayWeights(stored: ModelCase, file: string, place: Place): Promise<void> {
  const isLegacy = file === stored.files.legacyWeights;
  const model = await models.load(pathOf(place, stored.files.keras), { compile: !isLegacy });
  for (const weight of model.weights) if (weight.dtype !== 'int32') weight.set(new Float32Array(weight.size).fill(0.5));
  for (const variable of isLegacy ? [] : (model.training.buildOptimizer()?.variables ?? []))
    if (variable.dtype === 'float32') variable.set(new Float32Array(variable.size).fill(0.5));
  await model.loadWeights(pathOf(place, file));
  await checkModel(model, stored, place);
  if (!isLegacy && place.machine.predict !== undefined) await checkTraining(model, stored, place);
}

/** What is saved here is the same to the last bit as what it was saved from, the optimizer's state included. */
async function replaySaving(stored: ModelCase, place: Place): Promise<void> {
  const { findings, machine } = place;
  const model = await models.load(pathOf(place, stored.files.keras));
  const folder = mkdtempSync(join(tmpdir(), 'fovea-golden-'));
  try {
    const files = ['keras', 'h5'].map((ending) => join(folder, `model.${ending}`));
    for (const file of files) await model.save(file);
    const wanted = await traceOf(model, stored, machine);
    for (const file of files) {
      const again = await models.load(file);
      await checkDigests('weights', again.weights, stored.weights, findings, 'file');
      const got = await traceOf(again, stored, machine);
      findings.same('number of values', got.length, wanted.length);
      for (const [i, values] of wanted.entries()) findings.close(`values ${i}`, got[i] ?? [], values, 'exact');
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** All outputs, then the losses of some steps and all weights after them where the model trains; engines alone compute it. */
async function traceOf(
  model: models.TrainableModel,
  stored: ModelCase,
  { predict }: Machine,
): Promise<ArrayLike<number>[]> {
  if (predict === undefined) return [];
  const inputs = stored.inputs.map(fromRecipe);
  const { outputs } = await model.predict(inputs.length === 1 ? (inputs[0] as HostArray) : inputs);
  const values: ArrayLike<number>[] = outputs.map(({ data }) => data.slice());
  const { training } = stored;
  if (training === undefined) return values;
  const [x, y] = [fromRecipe(training.input), targetOf(training.target)];
  for (const _ of training.nextLosses) values.push([(await model.trainOnBatch(x, y)).loss as number]);
  for (const weight of model.weights) values.push(Array.from(await weight.elements(), Number));
  return values;
}

async function checkModel(model: models.TrainableModel, stored: ModelCase, place: Place): Promise<void> {
  const { findings, machine } = place;
  await checkDigests('weights', model.weights, stored.weights, findings, 'file');
  const inputs = stored.inputs.map(fromRecipe);
  const kind = stored.name === 'mixed-bfloat16' ? 'file16' : 'file';
  const check = (i: number, data: ArrayLike<number>, shape: readonly number[]): void => {
    const want = stored.outputs[i];
    findings.same(`shape of output ${i}`, shape, want?.shape);
    findings.close(`output ${i}`, data, (want?.values.flat(9) ?? []) as number[], kind, shape);
  };
  if (machine.predict === undefined) {
    const given = inputs.map(({ data, shape }) => tensor(data as Float32Array, { shape }));
    const made = model.apply(given.length === 1 ? (given[0] as Tensor) : given);
    const outputs: readonly Tensor[] = Array.isArray(made) ? made : [made as Tensor];
    const data = await machine.evaluate(outputs);
    for (const [i, each] of data.entries()) check(i, each, (outputs[i] as Tensor).shape);
  } else {
    const { outputs } = await model.predict(inputs.length === 1 ? (inputs[0] as HostArray) : inputs);
    for (const [i, { data, shape }] of outputs.entries()) check(i, data, shape);
  }
}

async function checkTraining(model: models.TrainableModel, stored: ModelCase, { findings }: Place): Promise<void> {
  const { training, optimizer } = stored;
  if (training === undefined || optimizer === undefined) return;
  await checkDigests('optimizer', model.optimizer.variables, optimizer.variables, findings, 'file');
  const x = fromRecipe(training.input);
  const y = targetOf(training.target);
  const losses: number[] = [];
  for (const _ of training.nextLosses) losses.push((await model.trainOnBatch(x, y)).loss as number);
  for (const [i, want] of training.nextLosses.entries())
    findings.close(`loss ${i}`, [losses[i] as number], [want], 'fileLoss');
  await checkDigests('weights after', model.weights, training.weightsAfter, findings, 'training');
}

async function checkDigests(
  what: string,
  variables: readonly Variable[],
  want: readonly Digest[],
  findings: Findings,
  kind: 'file' | 'training',
): Promise<void> {
  findings.same(
    `${what}: shapes`,
    variables.map(({ shape }) => shape),
    want.map(({ shape }) => shape),
  );
  const data = await Promise.all(variables.map((variable) => variable.tensor.data()));
  for (const [i, { path, sum, first }] of want.entries()) {
    const got = [...(data[i] ?? [])];
    findings.close(`${what}: ${path}`, got.slice(0, first.length), first, kind);
    const total = got.reduce((all, each) => all + each, 0);
    // The sum of many roundings grows with the root of their number.
    const root = Math.sqrt(Math.max(1, got.length));
    findings.close(`${what}: sum of ${path}`, [total / root], [sum / root], kind);
  }
}

function targetOf({ oneHot, as, ...recipe }: NonNullable<ModelCase['training']>['target']): HostArray {
  const labels = fromRecipe(recipe);
  if (oneHot === undefined)
    return as === 'float32' ? { ...labels, data: Float32Array.from(labels.data), dtype: 'float32' } : labels;
  const data = new Float32Array(labels.data.length * oneHot);
  for (let i = 0; i < labels.data.length; i++) data[i * oneHot + (labels.data[i] as number)] = 1;
  return { data, shape: [labels.data.length, oneHot], dtype: 'float32' };
}

interface DamagedList {
  readonly good: readonly string[];
  readonly input: Recipe;
  readonly output: readonly (readonly number[])[];
  readonly cases: readonly DamagedFile[];
}

/** Damaged files, and the good ones that they were made of. */
export function damagedCases(folder: GoldenFolder): GoldenCase[] {
  const suite = 'models-damaged';
  let list: DamagedList;
  try {
    list = folder.json(`${DAMAGED}/expected.json`) as DamagedList;
  } catch (error) {
    return [broken(suite, 'expected.json', messageOf(error))];
  }
  const good = list.good.map((file) => ({ file, expect: 'load' as const, error: [] }));
  return [...good, ...list.cases].map((each) => ({
    suite,
    name: each.file,
    replay: (machine, findings) => replayDamaged(each, list, { folder, machine, findings }),
  }));
}

async function replayDamaged(
  each: DamagedFile,
  { input, output }: DamagedList,
  { folder, findings }: Place,
): Promise<void> {
  const { file } = each;
  // Made beforehand: only the damaged file counts.
  const model = file.endsWith('.weights.h5') ? await models.load(join(folder.path, DAMAGED, 'small.keras')) : undefined;
  const path = join(folder.path, DAMAGED, file);
  const load = async (): Promise<models.TrainableModel> => {
    await model?.loadWeights(path);
    return model ?? models.load(path);
  };
  const loaded = await loadDamaged(each, load, DAMAGED, folder, findings);
  if (loaded === undefined) return;
  const { data, shape } = await loaded.predict(fromRecipe(input));
  const want = output.flat();
  // One case has NaN for a bias.
  const hasNaN = Number.isNaN(data[0]) && file.includes('nan');
  const columns = shape.at(-1) as number;
  const wanted = hasNaN ? want.map((value, i) => (i % columns === 0 ? Number.NaN : value)) : want;
  findings.close('output', data, wanted, 'file', shape);
}
