// `fovea explain` from outside: the pictures it writes, what it says of them, and how it refuses.
import { readFileSync } from 'node:fs';
import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ExplainCommandOptions, explainCommand, METHODS } from '../../src/cli/commands/explain.js';
import { Output } from '../../src/cli/output.js';
import { FoveaError, layers, models, setRandomSeed } from '../../src/index.js';
import { type Finished, fovea, makeFolder, picture, put, putPictures } from './harness.js';

const folder = makeFolder('explain');
afterAll(() => folder.remove());

/** Keeps what a command says. */
class Heard extends Output {
  readonly events: Record<string, unknown>[] = [];
  readonly lines: string[] = [];
  readonly errors: FoveaError[] = [];
  override text(line = ''): void {
    this.lines.push(line);
  }
  override event(event: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.events.push({ event, ...fields });
  }
  override error(error: FoveaError): void {
    this.errors.push(error);
  }
}

/** The command in this process, in the folder of the test: starting one for every method would take long. */
async function here(
  pictures: readonly string[],
  options: Partial<ExplainCommandOptions>,
): Promise<{ code: number; heard: Heard }> {
  const heard = new Heard({ isJson: true, command: 'explain' });
  const out = folder.at(options.out ?? 'out');
  const data = options.data === undefined ? {} : { data: folder.at(options.data) };
  const all = { model: folder.at('model.keras'), method: 'gradCam', ...options, ...data, out };
  const paths = pictures.map((name) => folder.at(name));
  return { code: await explainCommand(paths, all, heard), heard };
}

const run = (...args: string[]): Promise<Finished> =>
  fovea(['explain', ...args], { cwd: folder.path, env: { FOVEA_CACHE: folder.at('cache') } });

beforeAll(async () => {
  setRandomSeed(2);
  const model = models.sequential([
    layers.input([12, 12, 3]),
    layers.conv2d({ filters: 6, kernelSize: 3, activation: 'relu', name: 'conv' }),
    layers.globalAveragePooling2d(),
    layers.dense({ units: 2, activation: 'softmax', name: 'classes' }),
  ]);
  model.metadata = {
    labels: ['leaf', 'sky'],
    preprocessing: { mode: 'scale', size: [12, 12], factor: 1 / 255 },
  };
  await model.save(folder.at('model.keras'));
  putPictures(folder.at('photos'), 3);
  put(folder.at('leaf.png'), picture([20, 180, 30], 1));
  put(folder.at('sky.png'), picture([40, 60, 200], 2, 20));
});

const sizeOf = (path: string): [number, number] => {
  const { width, height } = decode(readFileSync(folder.at(path)));
  return [width, height];
};

describe('fovea explain', () => {
  it('writes a picture for each and a sheet of all', async () => {
    const { code, stdout, stderr } = await run('leaf.png', 'sky.png', '--model', 'model.keras', '--class', 'sky');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /^explained\/leaf-gradCam\.png: sky \d+\.\d%\nexplained\/sky-gradCam\.png: sky \d+\.\d%\nexplained\/sheet-gradCam\.png: all 2 pictures\n$/,
    );
    expect(sizeOf('explained/leaf-gradCam.png')[0]).toBeGreaterThan(100);
    expect(sizeOf('explained/sheet-gradCam.png')[0]).toBeGreaterThan(400);
  });

  it.each(METHODS)('by %s', async (method) => {
    const pictures = ['filters', 'maximize'].includes(method) ? [] : ['leaf.png'];
    const more: Partial<ExplainCommandOptions> =
      { maximize: { layer: 'conv', channel: [0, 3] }, nearestPictures: { data: 'photos' } }[method] ?? {};
    const { code, heard } = await here(pictures, { method, out: method, steps: 3, ...more });
    expect({ code, errors: heard.errors }).toEqual({ code: 0, errors: [] });
    const [event] = heard.events;
    const path = pictures.length === 0 ? `${method}/${method}.png` : `${method}/leaf-${method}.png`;
    expect(event).toMatchObject({ event: 'explanation', method, path: folder.at(path) });
    expect(sizeOf(path)[0]).toBeGreaterThan(20);
    const fields = {
      maximize: { pictures: [{ label: 'conv 0' }, { label: 'conv 3', index: 3 }] },
      filters: { layer: 'conv', shape: [3, 3, 3, 6] },
      activations: { layer: 'conv', shape: [10, 10, 6] },
      activationSheet: { layers: ['conv', expect.any(String), 'classes'] },
      deepDream: { scores: [{ size: [12, 12] }] },
      nearestPictures: { neighbours: expect.arrayContaining([expect.objectContaining({ label: 0 })]) as unknown },
      integratedGradients: { completenessError: expect.any(Number) as number },
    }[method];
    expect(event).toMatchObject(fields ?? { class: expect.any(Number) as number, score: expect.any(Number) as number });
  });

  it('goes on after a picture that cannot be read', async () => {
    put(folder.at('torn.png'), picture([1, 2, 3], 1).slice(0, 60));
    const { code, heard } = await here(['torn.png', 'leaf.png'], { out: 'torn' });
    expect(code).toBe(1);
    expect(heard.lines).toEqual([expect.stringContaining('leaf-gradCam.png: ')]);
    expect(heard.errors.map(({ message }) => message)).toEqual([expect.stringContaining('torn.png')]);
  });

  const refusals: [string, string[], Partial<ExplainCommandOptions>, string][] = [
    [
      'a layer that is not there',
      ['leaf.png'],
      { layer: 'kon' },
      'gradCam: there is no layer "kon"; did you mean "conv"?\n  Take one of conv.',
    ],
    [
      'a layer without maps',
      ['leaf.png'],
      { layer: 'classes' },
      'gradCam: layer "classes" will not do: it gives [2].\n  Take one of conv.',
    ],
    [
      'a class that is not there',
      ['leaf.png'],
      { class: 'leav' },
      'gradCam: there is no class "leav"; did you mean "leaf"?\n  Its classes are leaf, sky.',
    ],
    ['a class beyond the last', ['leaf.png'], { class: '2' }, 'gradCam: there is no class 2.'],
    [
      'a method that is not there',
      ['leaf.png'],
      { method: 'gradcam2' },
      `explain: there is no method "gradcam2"; did you mean "gradCam"?\n  Take one of ${METHODS.join(', ')}.`,
    ],
    ['no picture', [], {}, 'explain: gradCam needs a picture.\n  Name one or more PNG or JPEG files.'],
    [
      'maximize of nothing',
      [],
      { method: 'maximize' },
      'explain: maximize needs --layer or --class.\n  Its layers are conv, global_average_pooling2d, classes.',
    ],
    [
      'neighbours from nowhere',
      ['leaf.png'],
      { method: 'nearestPictures' },
      'explain: nearestPictures needs --data.\n  Name a data set or a folder with a folder of pictures per class.',
    ],
  ];
  it.each(refusals)('refuses %s', async (_name, pictures, options, said) => {
    const error: unknown = await here(pictures, options).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(FoveaError);
    expect((error as FoveaError).message.replace(/pooling2d_\d+/, 'pooling2d')).toBe(said);
  });

  it('ends with 2 where the command was wrong, naming the layers that there are', async () => {
    const { code, stdout, stderr } = await run('leaf.png', '--model', 'model.keras', '--layer', 'kon');
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: 'fovea explain: gradCam: there is no layer "kon"; did you mean "conv"?\n  Take one of conv.\n',
    });
  });

  it('needs a model', async () => {
    const { code, stderr } = await run('leaf.png');
    expect(code).toBe(2);
    expect(stderr).toContain("required option '--model <name|file>' not specified");
  });
});
