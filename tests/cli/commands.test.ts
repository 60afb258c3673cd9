// The commands from outside: what they print, what they leave behind, and with which code they end.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { models } from '../../src/index.js';
import { events, type Finished, fovea, makeFolder, picture, put, putPictures, start } from './harness.js';

const folder = makeFolder('cli');
afterAll(() => folder.remove());
const run = (...args: string[]): Promise<Finished> =>
  fovea(args, { cwd: folder.path, env: { FOVEA_CACHE: folder.at('cache') } });

const SMALL = ['--model', 'mnist-convnet', '--limit', '120', '--epochs', '1'];

describe('fovea', () => {
  it('says its version and the engine', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    for (const flag of ['--version', '-V']) {
      const { code, stdout, stderr } = await run(flag);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(
        new RegExp(`^fovea ${version.replaceAll('.', '\\.')} \\((native|wasm) \\w+, \\d+ threads?\\)\\n$`),
      );
    }
    const [event, ...more] = events((await run('--version', '--json')).stdout);
    expect(event).toMatchObject({ event: 'version', version, engine: { threads: expect.any(Number) as number } });
    expect(more).toEqual([]);
  });

  it('explains itself', async () => {
    const alone = await run();
    const help = await run('--help');
    expect(alone.code).toBe(0);
    expect(help.stdout).toBe(alone.stdout);
    for (const command of ['train', 'finetune', 'evaluate', 'predict', 'explain', 'summary', 'doctor', 'bench']) {
      expect(help.stdout).toContain(`\n  ${command} `);
      expect((await run(command, '--help')).stdout).toContain(`Usage: fovea ${command}`);
    }
    expect((await run('help', 'train')).stdout).toBe((await run('train', '--help')).stdout);
  });

  it('reports every engine', async () => {
    const { code, stdout } = await run('doctor');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^fovea [\d.]+, Node [\d.]+ on \w+ \w+\n/);
    expect(stdout).toMatch(/^[* ] native/m);
    expect(stdout).toMatch(/^[* ] wasm/m);
    expect(stdout.match(/^\*/gm)).toHaveLength(1);
    const [report] = events((await run('doctor', '--json')).stdout);
    expect(report).toMatchObject({ event: 'doctor', engines: [{ name: 'native' }, { name: 'wasm' }] });
  });
});

describe('bench', () => {
  it('times the convolutions of a model, and keeps the faster ways where it is asked to', {
    timeout: 60_000,
  }, async () => {
    const timed = await run('bench', 'mnist-convnet', '--batch', '1');
    expect(timed).toMatchObject({ code: 0, stderr: '' });
    const line = /^3x3 32>64 1x\d+x\d+ forward \(float32, filter kept\): direct [\d.e-]+, winograd [\d.e-]+$/m;
    expect(timed.stdout).toMatch(line);
    expect(timed.stdout).not.toContain('kept in');
    const all = events((await run('bench', 'mnist-convnet', '--batch', '1', '--training', '--tune', '--json')).stdout);
    const end = all.at(-1) as unknown as { event: string; path: string; convolutions: number };
    expect(end).toMatchObject({ event: 'bench', convolutions: all.length - 1 });
    const passes = new Set(all.slice(0, -1).map(({ pass }) => pass));
    expect(passes).toEqual(new Set(['forward', 'inputGradient', 'filterGradient']));
    expect(end.path.startsWith(folder.at('cache'))).toBe(true);
    const { choices } = JSON.parse(readFileSync(end.path, 'utf8')) as { choices: Record<string, string> };
    expect(Object.keys(choices)).toHaveLength(end.convolutions);
    // A damaged file is told of, and nothing fails.
    writeFileSync(end.path, '{');
    const after = await run('bench', 'mnist-convnet', '--batch', '1');
    expect(after.code).toBe(0);
    expect(after.stderr).toContain(`${end.path} is damaged`);
    rmSync(end.path);
  });

  it('says so where there is nothing to choose', async () => {
    const { code, stdout } = await run('bench', 'mnist-dense', '--tune');
    expect(code).toBe(0);
    expect(stdout).toMatch(/\nThis model has no convolution that could be computed in more than one way\.\n$/);
  });
});

describe('a wrong command', () => {
  const cases: [name: string, args: string[], said: string][] = [
    [
      'command',
      ['trian', '--epochs', '2'],
      "error: unknown command 'trian'\n(Did you mean train?)\n(--help behind a command lists its options)\n",
    ],
    [
      'option',
      ['train', '--epoks', '2'],
      "error: unknown option '--epoks'\n(Did you mean --epochs?)\n(--help behind a command lists its options)\n",
    ],
    [
      'number',
      ['train', '--batch', '0'],
      "error: option '--batch <n>' argument '0' is invalid. Give a whole number of at least 1.\n(--help behind a command lists its options)\n",
    ],
    [
      'choice',
      ['train', '--preprocess', 'sacle'],
      "error: option '--preprocess <kind>' argument 'sacle' is invalid. Allowed choices are standardize, scale, none.\n(--help behind a command lists its options)\n",
    ],
    [
      'missing argument',
      ['predict'],
      "error: missing required argument 'pictures'\n(--help behind a command lists its options)\n",
    ],
    [
      'no pictures',
      ['predict', 'x.keras'],
      'fovea predict: no pictures were given.\n  Put the files behind the model.\n',
    ],
    [
      'crops',
      ['predict', '--crops', '3', 'x.keras', 'x.png'],
      "error: option '--crops <n>' argument '3' is invalid. Give 1 or 5 or 10.\n(--help behind a command lists its options)\n",
    ],
    [
      'optimizer',
      ['train', ...SMALL, '--optimizer', 'nadm'],
      'fovea train: compile: unknown optimizer "nadm"; did you mean "nadam"?\n',
    ],
    [
      'architecture',
      ['train', '--model', 'lecture-cn', '--limit', '20'],
      'fovea train: there is no architecture "lecture-cn"; did you mean "lecture-cnn"?\n  lecture-cnn: ',
    ],
    [
      'data',
      ['train', '--data', 'mnits'],
      'fovea train: "mnits" is neither a data set nor a folder; did you mean "mnist"?\n' +
        '  data sets: mnist, fashion-mnist, cifar10, strokes\n' +
        `  the nearest folder that exists is ${folder.path}\n` +
        '  Give one of these, or a folder with a folder of pictures for each class.\n',
    ],
  ];

  it.each(cases)('%s', async (_, args, said) => {
    const before = readdirSync(folder.path);
    const { code, stdout, stderr } = await run(...args);
    expect(stderr.slice(0, said.length)).toBe(said);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    // Nothing is made for a command that is refused.
    expect(readdirSync(folder.path)).toEqual(before);
  });

  it('is one JSON object where machines read', async () => {
    for (const args of [['trian'], ['train', '--epoks'], ['train', '--data', 'mnits'], []]) {
      const { code, stdout, stderr } = await run(...args, '--json');
      const [error, ...more] = events(stdout);
      expect(error).toMatchObject({ event: 'error', code: 'argument', message: expect.any(String) as string });
      expect({ code, stderr, more }).toEqual({ code: 2, stderr: '', more: [] });
    }
  });

  it('names the nearest folder of a file that is not there', async () => {
    for (const args of [
      ['summary', 'no/model.keras'],
      ['evaluate', 'no/model.keras'],
      ['predict', 'no/model.keras', 'x.png'],
    ]) {
      const { code, stderr } = await run(...args);
      expect(code).toBe(1);
      expect(stderr).toBe(
        `fovea ${args[0]}: load: ${folder.at('no/model.keras')} does not exist.\n` +
          `  the nearest folder that exists is ${folder.path}\n` +
          '  Check the spelling; relative paths start at the current folder.\n' +
          `  at ${folder.at('no/model.keras')}\n`,
      );
    }
  });
});

describe('train and what follows', () => {
  let trained: Finished;
  beforeAll(async () => {
    trained = await run('train', ...SMALL, '--epochs', '2', '--out', 'run');
  });

  it('prints plain lines in a pipe and leaves the four files', async () => {
    expect({ code: trained.code, stderr: trained.stderr }).toEqual({ code: 0, stderr: '' });
    for (const sign of ['\r', '\u001b']) expect(trained.stdout).not.toContain(sign);
    expect(trained.stdout).toContain('Training on 120 pictures of strokes, 10 classes;');
    expect(
      trained.stdout.match(
        /^Epoch \d\/2 - \d+s \d+ms\/step - accuracy: [\d.]+ - loss: [\d.]+ - val_accuracy: [\d.]+ - val_loss: [\d.]+$/gm,
      ),
    ).toHaveLength(2);
    expect(trained.stdout).toContain('\nPredict: fovea predict run picture.png\n');
    expect(readdirSync(folder.at('run')).sort()).toEqual(['config.json', 'history.csv', 'model.keras', 'report.html']);
    const rows = readFileSync(folder.at('run/history.csv'), 'utf8').split('\n');
    expect(rows[0]).toBe('epoch,accuracy,loss,val_accuracy,val_loss');
    expect(rows.length).toBe(4);
    expect(JSON.parse(readFileSync(folder.at('run/config.json'), 'utf8'))).toMatchObject({
      options: { epochs: 2, model: 'mnist-convnet', limit: 120, seed: 1 },
    });
    expect(readFileSync(folder.at('run/report.html'), 'utf8')).toContain('fovea train --data strokes');
    expect((await models.load(folder.at('run/model.keras'))).countParams()).toBe(93_322);
  });

  it('gives the same run for the same seed, and another for another', async () => {
    const args = (seed: string, out: string): string[] => [
      'train',
      ...SMALL,
      '--epochs',
      '2',
      '--seed',
      seed,
      '--out',
      out,
    ];
    await Promise.all([run(...args('1', 'again')), run(...args('2', 'other'))]);
    const history = (name: string): string => readFileSync(folder.at(name, 'history.csv'), 'utf8');
    expect(history('again')).toBe(history('run'));
    expect(history('other')).not.toBe(history('run'));
  });

  it('prints one JSON object a line and nothing else', async () => {
    const { code, stdout, stderr } = await run('train', ...SMALL, '--out', 'json-run', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const all = events(stdout);
    expect(all.map(({ event }) => event)).toEqual(['start', 'epoch', 'done']);
    expect(all[0]).toMatchObject({ folder: 'json-run', parameters: 93_322, train: 120, test: 1000 });
    expect(all[1]).toMatchObject({
      epoch: 1,
      loss: expect.any(Number) as number,
      val_accuracy: expect.any(Number) as number,
    });
    expect(all[2]).toMatchObject({
      scores: { loss: expect.any(Number) as number },
      model: 'json-run/model.keras',
      report: 'json-run/report.html',
    });
  });

  it('keeps a run that is in the folder, unless told otherwise', async () => {
    const { code, stderr } = await run('train', ...SMALL, '--out', 'run');
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr:
        'fovea train: run holds a run already.\n  Go on with it by --resume run, choose another --out, or add --overwrite.\n',
    });
    expect((await run('train', ...SMALL, '--out', 'json-run', '--overwrite')).code).toBe(0);
  });

  it('evaluates', async () => {
    const text = await run('evaluate', 'run');
    expect(text.code).toBe(0);
    const [, loss, accuracy] =
      /^1000 pictures of strokes \(test\): loss ([\d.]+), accuracy ([\d.]+)\n$/.exec(text.stdout) ?? [];
    expect(trained.stdout).toContain(`Test: loss ${loss}, accuracy ${accuracy} `);
    const [scores] = events((await run('evaluate', 'run/model.keras', '--part', 'train[:10%]', '--json')).stdout);
    expect(scores).toMatchObject({ event: 'scores', data: 'strokes', part: 'train[:10%]', count: 400 });
    const wrong = await run('evaluate', 'run', '--part', 'nope');
    expect({ code: wrong.code, stderr: wrong.stderr }).toEqual({
      code: 2,
      stderr: "fovea evaluate: split: there is no split 'nope'.\n  Use 'train' or 'test'.\n",
    });
  });

  it('labels the good pictures beside a broken and a missing one', async () => {
    put(folder.at('good.png'), picture([9, 9, 9], 1, 28));
    put(folder.at('also good.png'), picture([99, 9, 9], 2, 40));
    put(folder.at('broken.png'), picture([9, 9, 9], 1, 28).subarray(0, 60));
    const { code, stdout, stderr } = await run(
      'predict',
      'run',
      'good.png',
      'broken.png',
      'missing.png',
      'also good.png',
      '--top',
      '2',
    );
    expect(code).toBe(1);
    const label = '[a-z]+ [\\d.]+%';
    expect(stdout).toMatch(new RegExp(`^good\\.png: ${label}, ${label}\\nalso good\\.png: ${label}, ${label}\\n$`));
    expect(stderr).toContain(folder.at('missing.png'));
    expect(stderr).toContain('broken.png');
    const all = events((await run('predict', 'run', 'good.png', 'broken.png', '--json')).stdout);
    expect(all.map(({ event }) => event)).toEqual(['prediction', 'error']);
    const labels = all[0]?.labels as { label: string; probability: number }[];
    expect(labels).toHaveLength(3);
    expect((await run('predict', 'run', 'good.png')).code).toBe(0);
  });

  it('labels by several models together, over crops', async () => {
    put(folder.at('one.png'), picture([9, 9, 9], 1, 28));
    const both = ['--model', 'run', '--model', 'run/model.keras', '--crops', '5', '--top', '1'];
    const { code, stdout } = await run('predict', ...both, '--combine', 'vote', 'one.png');
    expect(stdout).toMatch(
      /^one\.png: [a-z]+ 100\.0% \(2 of 2 agree\)\n1 pictures: all 2 models agree on 100\.0%, on average 100\.0% of them\n$/,
    );
    expect(code).toBe(0);
    const all = events((await run('predict', ...both, 'one.png', '--json')).stdout);
    expect(all).toMatchObject([
      { event: 'prediction', picture: 'one.png', agreement: 1, labels: [{}], votes: [{}, {}] },
      { event: 'agreement', pictures: 1, unanimous: 1, mean: 1 },
    ]);
  });

  it('summarises architectures, files and runs', async () => {
    const [byName, byFile, byFolder] = await Promise.all([
      run('summary', 'mnist-convnet'),
      run('summary', 'run/model.keras'),
      run('summary', 'run'),
    ]);
    expect(byName.stdout).toContain('Total params: 93,322');
    // A compiled model has an optimizer's variables too.
    expect(byFile.stdout).toBe(byFolder.stdout);
    for (const line of byName.stdout.split('\n').filter((each) => each.startsWith('│')))
      expect(byFile.stdout).toContain(line);
    const [summary] = events((await run('summary', 'mnist-convnet', '--json')).stdout);
    expect(summary).toMatchObject({ event: 'summary', name: 'mnist_convnet', parameters: 93_322 });
  });
});

describe('train on a folder', () => {
  it('learns the classes, lists what is broken, and keeps the same pictures for the test', async () => {
    putPictures(folder.at('pictures'), 15);
    put(folder.at('pictures/leaf/torn.png'), picture([1, 2, 3], 4).subarray(0, 50));
    put(folder.at('pictures/leaf/notes.txt'), 'not a picture');
    const { code, stdout } = await run(
      'train',
      '--data',
      'pictures',
      '--model',
      'lecture-dense',
      '--size',
      '12',
      '--epochs',
      '8',
      '--batch',
      '8',
      '--out',
      'folder-run',
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^skipped .*pictures\/leaf\/torn\.png: .+\n/);
    expect(stdout).toContain('Training on 24 pictures of ');
    expect(stdout).toContain(', 2 classes;');
    expect(stdout).toMatch(/accuracy 1\.0000 \(6 pictures it has not seen/);
    const evaluated = await run('evaluate', 'folder-run');
    expect(evaluated.stdout).toMatch(/6 pictures of .*pictures \(test\): loss [\d.]+, accuracy 1\.0000\n$/);
    const [prediction] = events((await run('predict', 'folder-run', 'pictures/sky/3.png', '--json')).stdout);
    expect(prediction).toMatchObject({ labels: [{ label: 'sky' }, { label: 'leaf' }] });
  });

  it('says what a folder lacks', async () => {
    put(folder.at('flat/a.png'), picture([1, 2, 3], 4));
    const { code, stderr } = await run('train', '--data', 'flat', '--epochs', '1', '--out', 'never');
    expect(code).toBe(1);
    expect(stderr).toContain(
      `no pictures in ${folder.at('flat')}: it has 1 pictures but no sub-folders to name their classes.`,
    );
    expect(readdirSync(folder.path)).not.toContain('never');
  });
});

describe('--model FILE', () => {
  const source = `
    import { layers, models } from 'fovea';
    export default ({ inputShape, classes }) => models.sequential([
      layers.input(inputShape),
      layers.conv2d({ filters: 4, kernelSize: 5, strides: 4, activation: 'relu' }),
      layers.flatten(),
      layers.dense({ units: classes, activation: 'softmax' }),
    ], { name: 'mine' });`;

  it('takes a module that makes a model, also in TypeScript', async () => {
    put(folder.at('mine.mjs'), source);
    put(
      folder.at('mine.ts'),
      source.replace(
        '{ inputShape, classes }',
        '{ inputShape, classes }: { inputShape: [number, number, number]; classes: number }',
      ),
    );
    const train = (file: string): Promise<Finished> =>
      run('train', '--model', file, '--limit', '100', '--epochs', '1', '--out', `${file}-run`);
    const [js, ts] = await Promise.all([train('mine.mjs'), train('mine.ts')]);
    expect({ code: js.code, stderr: js.stderr }).toEqual({ code: 0, stderr: '' });
    expect({ code: ts.code, stderr: ts.stderr }).toEqual({ code: 0, stderr: '' });
    expect(js.stdout).toContain('Model: "mine"');
    expect(readFileSync(folder.at('mine.ts-run/history.csv'), 'utf8')).toBe(
      readFileSync(folder.at('mine.mjs-run/history.csv'), 'utf8'),
    );
    expect(readdirSync(folder.path).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('says what is wrong with a file', async () => {
    writeFileSync(folder.at('empty.mjs'), 'export const x = 1;');
    writeFileSync(folder.at('broken.mjs'), 'export default (;');
    const train = (file: string): Promise<Finished> => run('train', '--model', file, '--limit', '20', '--out', 'never');
    const empty = await train('empty.mjs');
    expect({ code: empty.code, stderr: empty.stderr }).toEqual({
      code: 2,
      stderr:
        'fovea train: empty.mjs does not export a model.\n  Write `export default ({ inputShape, classes }) => models.sequential([...])`.\n',
    });
    const broken = await train('broken.mjs');
    expect(broken.code).toBe(1);
    expect(broken.stderr).toMatch(/^fovea train: broken\.mjs cannot be loaded: Unexpected token/);
    expect((await train('missing.mjs')).stderr).toContain(`${folder.at('missing.mjs')} does not exist.`);
  });
});

describe('streams', () => {
  it('runs without an input and ends quietly where nobody reads', async () => {
    const closed = start(['train', ...SMALL, '--out', 'closed-run'], { cwd: folder.path });
    closed.child.stdin.destroy();
    await closed.says('Model:');
    closed.child.stdout.destroy();
    const { code, stderr } = await closed.finished;
    expect(code).toBe(141);
    expect(stderr).toBe(
      'fovea train: nobody reads the output. Stopped. Saved closed-run/model.keras; continue with: fovea train --resume closed-run\n',
    );
    expect((await run('train', '--resume', 'closed-run')).code).toBe(0);
    const doctor = start(['summary', 'lecture-cnn'], { cwd: folder.path });
    doctor.child.stdout.destroy();
    expect(await doctor.finished).toMatchObject({ code: 141, stderr: '' });
  });
});
