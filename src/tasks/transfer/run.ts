// Where a transfer stands, in its folder: run.json, the model in training with its optimizer, and the features. So an
// interrupted one goes on where it stopped.
import { FoveaError } from '../../core/errors.js';
import { makeFolder, nodeModule, readFileBytes, writeFileAtomic } from '../../core/node-files.js';

/** What is done one after another; as run.json has it, what comes next. */
export type Stage = 'head' | 'base' | 'test' | 'done';

/** What run.json holds. */
export interface RunState {
  readonly version: 1;
  readonly stage: Stage;
  /** What must be the same for a resume to make sense. */
  readonly recipe: string;
  /** From which what is random was drawn. */
  readonly seed: number;
  /** Epochs that the head trained, once it has. */
  readonly headEpochs: number;
  /** Random layers in front of the model in training. */
  readonly augmented: number;
  /** How the head alone did on the test pictures. */
  readonly headScores?: { readonly loss: number; readonly accuracy: number } | undefined;
}

/** The folder of one transfer. */
export class RunStore {
  readonly featuresPath: string;
  readonly modelPath: string;
  readonly historyPath: string;

  constructor(readonly path: string) {
    this.featuresPath = `${path}/features`;
    this.modelPath = `${path}/model.keras`;
    this.historyPath = `${path}/history.csv`;
  }

  /** The model of a stage, with all that its training needs to go on. */
  trainingPath(stage: Stage): string {
    return `${this.path}/training-${stage}.keras`;
  }

  create(): Promise<void> {
    return makeFolder(this.path, 'finetune');
  }

  /** Undefined where nothing was begun. Throws `format` for a damaged file. */
  async read(): Promise<RunState | undefined> {
    const path = `${this.path}/run.json`;
    const fs = await nodeModule('node:fs/promises', 'finetune');
    if ((await fs.stat(path).catch(() => undefined)) === undefined) return undefined;
    const text = new TextDecoder().decode(await readFileBytes(path, 'finetune'));
    let state: Partial<RunState> | undefined;
    try {
      state = JSON.parse(text) as Partial<RunState>;
    } catch {
      state = undefined;
    }
    if (
      state?.version === 1 &&
      typeof state.recipe === 'string' &&
      ['head', 'base', 'test', 'done'].includes(String(state.stage))
    )
      return state as RunState;
    throw new FoveaError({
      code: 'format',
      op: 'finetune',
      message: `${path} does not say where a run stands.`,
      path,
      hint: 'Start a new run in another folder.',
    });
  }

  write(state: RunState): Promise<void> {
    return writeFileAtomic(`${this.path}/run.json`, `${JSON.stringify(state, undefined, 2)}\n`, 'finetune');
  }

  /** The columns of history.csv, the epoch's number aside. */
  async history(): Promise<Record<string, number[]>> {
    const fs = await nodeModule('node:fs/promises', 'finetune');
    const text = await fs.readFile(this.historyPath, 'utf8').catch(() => '');
    const [header = '', ...rows] = text.trim().split('\n');
    const names = header.split(',').slice(1);
    return Object.fromEntries(names.map((name, i) => [name, rows.map((row) => Number(row.split(',')[i + 1]))]));
  }

  async has(stage: Stage): Promise<boolean> {
    const fs = await nodeModule('node:fs/promises', 'finetune');
    return (await fs.stat(this.trainingPath(stage)).catch(() => undefined)) !== undefined;
  }

  /** Removes what only a resume needs. */
  async tidy(): Promise<void> {
    const fs = await nodeModule('node:fs/promises', 'finetune');
    for (const stage of ['head', 'base'] as const) await fs.rm(this.trainingPath(stage), { force: true });
  }

  /** Drops rows of history.csv from an epoch on: a process that was killed may have written one that its model has not seen. */
  async trimHistory(epoch: number): Promise<void> {
    const fs = await nodeModule('node:fs/promises', 'finetune');
    const text = await fs.readFile(this.historyPath, 'utf8').catch(() => undefined);
    if (text === undefined) return;
    const lines = text.split('\n').slice(0, -1);
    const kept = lines.filter((line, i) => i === 0 || Number.parseInt(line, 10) < epoch);
    if (kept.length < lines.length) await writeFileAtomic(this.historyPath, `${kept.join('\n')}\n`, 'finetune');
  }
}
