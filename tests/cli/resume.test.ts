// Training that was stopped and goes on in another process equals training that never stopped, bit for bit.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { readKerasArchive } from '../../src/formats/index.js';
import { dist, events, type Finished, fovea, makeFolder, put, start, startNode } from './harness.js';

const folder = makeFolder('resume');
afterAll(() => folder.remove());
const run = (...args: string[]): Promise<Finished> => fovea(args, { cwd: folder.path });
const history = (name: string): string => readFileSync(folder.at(name, 'history.csv'), 'utf8');

/** Everything in a file but its date. */
function contentOf(name: string) {
  const { config, weights, optimizer, optimizerName, training } = readKerasArchive(readFileSync(folder.at(name)), name);
  const { metadata, ...own } = training as { metadata: Record<string, unknown> };
  return {
    config,
    weights: [...weights.arrays].map(([path, array]) => [path, [...array.data()]]),
    optimizer: optimizer?.map((array) => [...array.data()]),
    optimizerName,
    own,
  };
}

const SCRIPT = `
  import { callbacks, datasets, layers, models, optimizers, scale, setRandomSeed } from ${JSON.stringify(pathToFileURL(`${dist}/index.js`).href)};
  const [from, epochs, to] = process.argv.slice(2);
  setRandomSeed(from === 'new' ? 5 : 99);
  const { train } = await datasets.strokes({ count: 120, testCount: 10, seed: 2 });
  const make = () => {
    const model = models.sequential([
      layers.input([28, 28, 1]),
      layers.conv2d({ filters: 4, kernelSize: 5, strides: 3, activation: 'relu' }),
      layers.batchNormalization(),
      layers.flatten(),
      layers.dropout({ rate: 0.4 }),
      layers.dense({ units: 10, activation: 'softmax' }),
    ]);
    model.compile({ optimizer: optimizers.adam({ learningRate: 0.05 }), loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] });
    return model;
  };
  const model = from === 'new' ? make() : await models.load(from);
  const { history } = await model.fit(scale(train.x), train.y, {
    epochs: Number(epochs),
    batchSize: 16,
    validationSplit: 0.2,
    resume: from !== 'new',
    verbose: 0,
    // So much must be gained that the rate falls every few epochs, and the third fall lies beyond the seam.
    callbacks: [callbacks.reduceLROnPlateau({ patience: 2, minDelta: 0.6, cooldown: 1, factor: 0.5 })],
  });
  await model.save(to);
  console.log(JSON.stringify(history));
`;

describe('the API in two processes', () => {
  it('gives 5 + 5 epochs the bits of 10, with dropout, shuffling and ReduceLROnPlateau', async () => {
    const script = put(folder.at('script.mjs'), SCRIPT);
    const training = async (...args: string[]): Promise<Record<string, number[]>> => {
      const running = startNode(script, args, { cwd: folder.path });
      const { code, stdout, stderr } = await running.finished;
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      return JSON.parse(stdout) as Record<string, number[]>;
    };
    const [whole, first] = await Promise.all([
      training('new', '10', 'whole.keras'),
      training('new', '5', 'half.keras'),
    ]);
    const second = await training('half.keras', '10', 'both.keras');
    const joined = Object.fromEntries(
      Object.entries(first).map(([name, values]) => [name, [...values, ...(second[name] ?? [])]]),
    );
    expect(joined).toEqual(whole);
    expect(contentOf('both.keras')).toEqual(contentOf('whole.keras'));
    // The test can fail: the rate did fall, before the seam and after it, and half is not whole.
    const rates = whole.learning_rate as number[];
    expect(rates[4]).toBeLessThan(rates[0] as number);
    expect(rates[9]).toBeLessThan(rates[4] as number);
    expect(contentOf('half.keras').weights).not.toEqual(contentOf('whole.keras').weights);
  });
});

describe('the command line', () => {
  // lecture-dense has no dropout; this has, and is small.
  const model = `
    import { layers, models } from 'fovea';
    export default ({ inputShape, classes }) => models.sequential([
      layers.input(inputShape),
      layers.conv2d({ filters: 8, kernelSize: 5, strides: 2, activation: 'relu' }),
      layers.flatten(),
      layers.dropout({ rate: 0.5 }),
      layers.dense({ units: classes, activation: 'softmax' }),
    ], { name: 'small' });`;
  const args = (epochs: number, out: string): string[] => [
    'train',
    '--model',
    'small.mjs',
    '--limit',
    '2000',
    '--batch',
    '4',
    '--epochs',
    String(epochs),
    '--out',
    out,
    '--json',
  ];

  it('goes on after the last epoch, and after Ctrl-C in the midst of one', async () => {
    put(folder.at('small.mjs'), model);
    const whole = run(...args(3, 'whole'));
    const half = await run(...args(1, 'half'));
    expect(half.code).toBe(0);
    const refused = await run('train', '--resume', 'half', '--epochs', '3', '--batch', '8');
    expect({ code: refused.code, stderr: refused.stderr }).toEqual({
      code: 2,
      stderr:
        'fovea train: --batch cannot be changed in a run that goes on.\n  Give --resume with --epochs alone, or start a new run.\n',
    });
    const resumed = await run('train', '--resume', 'half', '--epochs', '3', '--json');
    expect(events(resumed.stdout).map(({ event, epoch }) => [event, epoch])).toEqual([
      ['start', undefined],
      ['epoch', 2],
      ['epoch', 3],
      ['done', undefined],
    ]);
    expect((await whole).code).toBe(0);
    expect(history('half')).toBe(history('whole'));
    expect(contentOf('half/model.keras')).toEqual(contentOf('whole/model.keras'));

    const cut = start(args(3, 'cut'), { cwd: folder.path });
    await cut.says('"epoch":1');
    cut.child.kill('SIGINT');
    const { code, stdout, stderr } = await cut.finished;
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
    expect(events(stdout).slice(-2)).toEqual([
      { event: 'stopping' },
      { event: 'stopped', model: 'cut/model.keras', resume: 'cut' },
    ]);
    expect(history('cut').split('\n').length).toBeLessThan(5);
    // What a kill between two files may leave: a row of an epoch that the model has not finished.
    put(folder.at('cut/history.csv'), `${history('cut')}2,9,9,9,9\n`);
    expect((await run('train', '--resume', 'cut')).code).toBe(0);
    expect(history('cut')).toBe(history('whole'));
    expect(contentOf('cut/model.keras')).toEqual(contentOf('whole/model.keras'));
  }, 60_000);

  it('says what cannot be resumed', async () => {
    put(folder.at('young/config.json'), readFileSync(folder.at('whole/config.json')));
    put(folder.at('odd/config.json'), '{"options": {}}');
    const said = async (name: string): Promise<string> => (await run('train', '--resume', name)).stderr;
    expect(await said('nothing')).toBe(
      'fovea train: nothing is not the folder of a run: it has no config.json.\n  Give a folder that fovea train made.\n  at nothing\n',
    );
    expect(await said('young')).toBe(
      'fovea train: young has no model.keras: the run ended before its first epoch did.\n  Start it again.\n  at young\n',
    );
    expect(await said('odd')).toBe(
      "fovea train: odd/config.json does not hold a run's options.\n  Start a new run.\n  at odd/config.json\n",
    );
  });
});
