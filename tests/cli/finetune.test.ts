// `fovea finetune` from outside: what it prints and leaves, that predict takes it, and that Ctrl-C loses nothing.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { layers, models } from '../../src/index.js';
import { events, type Finished, fovea, makeFolder, putPictures, start } from './harness.js';

const folder = makeFolder('finetune');
afterAll(() => folder.remove());
const env = { FOVEA_CACHE: folder.at('cache'), FOVEA_THREADS: '1' };
const run = (...args: string[]): Promise<Finished> => fovea(args, { cwd: folder.path, env });

beforeAll(async () => {
  putPictures(folder.at('photos'), 16);
  const x = layers.input([12, 12, 3]);
  let y = layers.rescaling({ scale: 1 / 255 }).apply(x);
  y = layers.conv2d({ filters: 4, kernelSize: 3, activation: 'relu', name: 'first' }).apply(y);
  y = layers.batchNormalization({ name: 'norm' }).apply(y);
  y = layers.conv2d({ filters: 8, kernelSize: 3, activation: 'relu', name: 'second' }).apply(y);
  const outputs = layers.dense({ units: 3 }).apply(layers.globalAveragePooling2d().apply(y));
  await models.model({ inputs: x, outputs, name: 'tiny' }).save(folder.at('tiny.keras'));
});

const ARGS = ['finetune', 'photos', '--base', 'tiny.keras', '--head-epochs', '6', '--head-rate', '0.05'];

describe('fovea finetune', () => {
  it('leaves a model, a report and its features', { timeout: 60_000 }, async () => {
    const { code, stdout, stderr } = await run(...ARGS, '--epochs', '2', '--unfreeze-from', 'second', '--out', 'run');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('24 pictures to train on, 5 to validate, 3 to test.');
    expect(stdout).toContain(
      'Scenario small-similar: a new classifier for up to 6 epochs, then from layer second on for up to 2.',
    );
    expect(stdout).toContain('Features of the train pictures: computed.');
    expect(stdout).toContain('The classifier alone: 18 parameters train.');
    expect(stdout).toContain('With the base: 314 parameters train.');
    expect(stdout).toMatch(/^Test: accuracy [\d.]+, loss [\d.]+ \(3 pictures, \d+ s\); with the base frozen [\d.]+$/m);
    const left = ['config.json', 'features', 'history.csv', 'model.keras', 'report.html', 'run.json'];
    expect(readdirSync(folder.at('run')).sort()).toEqual(left);
    expect(readFileSync(folder.at('run/history.csv'), 'utf8').trim().split('\n')).toHaveLength(9);
    const report = readFileSync(folder.at('run/report.html'), 'utf8');
    expect(report).toContain('unfrozen from');
    expect(report).toContain('id="confusion"');

    const [picture] = readdirSync(folder.at('photos')).map((name) => `photos/${name}/0.png`) as [string];
    const predicted = await run('predict', 'run', picture, '--top', '1');
    expect(predicted.code).toBe(0);
    expect(predicted.stdout).toMatch(/: (leaf|sky) [\d.]+%$/m);
    const again = await run(...ARGS, '--out', 'run');
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('run holds a run already.')]);
    const done = await run('finetune', '--resume', 'run');
    expect([done.code, done.stderr]).toEqual([2, expect.stringContaining('is done.')]);
  });

  it('stops at Ctrl-C and goes on', { timeout: 60_000 }, async () => {
    const stopped = start([...ARGS, '--head-epochs', '100000', '--patience', '100000', '--out', 'cut', '--json'], {
      cwd: folder.path,
      env,
    });
    await stopped.says('"event":"epoch"');
    stopped.child.kill('SIGINT');
    const { code, stdout } = await stopped.finished;
    expect(code).toBe(130);
    const seen = events(stdout);
    expect(seen.at(-1)).toEqual({ event: 'stopped', resume: 'cut' });
    expect(existsSync(folder.at('cut/training-head.keras'))).toBe(true);
    const changed = await run('finetune', '--resume', 'cut', '--epochs', '3');
    expect([changed.code, changed.stderr]).toEqual([
      2,
      expect.stringContaining('--epochs cannot be changed in a run that goes on.'),
    ]);
    const onward = start(['finetune', '--resume', 'cut', '--json'], { cwd: folder.path, env });
    await onward.says('"event":"epoch"');
    onward.child.kill('SIGINT');
    const first = events((await onward.finished).stdout).find(({ event }) => event === 'epoch');
    const epochs = seen.filter(({ event }) => event === 'epoch').length;
    expect(first?.epoch).toBe(epochs + 1);
  });

  it('says what is wrong, and leaves nothing', { timeout: 60_000 }, async () => {
    const cases: [string[], number, string][] = [
      [['finetune', 'photos'], 2, 'no base was given.'],
      [['finetune', '--base', 'tiny.keras'], 2, 'no folder of pictures was given.'],
      [['finetune', 'photos', '--base', 'mobilnet', '--out', 'none'], 2, 'did you mean "mobilenet"?'],
      [['finetune', 'nowhere', '--base', 'tiny.keras', '--out', 'none'], 1, 'nowhere does not exist.'],
      [[...ARGS, '--unfreeze-from', 'third', '--out', 'none'], 2, 'has no layer "third" to unfreeze from.'],
      [['finetune', '--resume', 'photos'], 1, 'photos is not the folder of a run of finetune: it has no config.json.'],
    ];
    for (const [args, code, message] of cases) {
      const got = await run(...args);
      expect([args, got.code, got.stderr]).toEqual([args, code, expect.stringContaining(message)]);
    }
    expect(existsSync(folder.at('none'))).toBe(false);
  });
});
