// Ctrl-C while training, while saving, twice; and what a terminal shows.
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { models } from '../../src/index.js';
import { dist, makeFolder, start } from './harness.js';

const folder = makeFolder('interrupt');
afterAll(() => folder.remove());
const slowSave = fileURLToPath(new URL('slow-save.mjs', import.meta.url));
const ESCAPE = '\u001b';
const LONG = ['train', '--model', 'mnist-convnet', '--limit', '300', '--epochs', '10000'];

describe('Ctrl-C', () => {
  it('saves, says where and how to go on, and ends with 130', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const out = `once ${signal}`;
      const training = start([...LONG, '--out', out], { cwd: folder.path });
      await training.says('Epoch 2/');
      training.child.kill(signal);
      const { code, stdout, stderr } = await training.finished;
      expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
      const end = `\nStopping after this step; once more to quit at once.\nStopped. Saved ${out}/model.keras; continue with: fovea train --resume '${out}'\n`;
      expect(stdout.slice(-end.length)).toBe(end);
      const model = await models.load(folder.at(out, 'model.keras'));
      expect(model.training.state.epoch).toBeGreaterThan(1);
    }
  });

  it('during a save leaves a file that loads, even when pressed twice', async () => {
    const training = start([...LONG, '--out', 'saving'], {
      cwd: folder.path,
      env: { FOVEA_TEST_PAUSE: '700' },
      node: ['--import', slowSave],
    });
    await training.says('renamed\n');
    const first = await models.load(folder.at('saving/model.keras'));
    // In the midst of the second save: written, not yet renamed.
    await training.says('renamed\nEpoch 1/10000');
    while (!readdirSync(folder.at('saving')).some((name) => name.includes('.tmp-'))) await setTimeout(5);
    training.child.kill('SIGINT');
    // A second press that is none: npm passes the terminal's signal on.
    training.child.kill('SIGINT');
    await setTimeout(400);
    training.child.kill('SIGINT');
    const { code, stderr } = await training.finished;
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
    const model = await models.load(folder.at('saving/model.keras'));
    expect(model.training.state.epoch).toBe(first.training.state.epoch);
    expect(readdirSync(folder.at('saving')).filter((name) => name.includes('.tmp-'))).toHaveLength(1);
    // The next save takes the left-over copy away.
    await model.save(folder.at('saving/model.keras'));
    expect(readdirSync(folder.at('saving')).filter((name) => name.includes('.tmp-'))).toEqual([]);
  });
});

describe('on a terminal', () => {
  it('draws a bar with the time left over itself', async (context) => {
    if (spawnSync('script', ['--version']).error !== undefined)
      return context.skip('script (util-linux) gives this test its terminal');
    const command = `${process.execPath} ${dist}/node/cli.js train --model mnist-convnet --limit 3000 --epochs 2 --out bar`;
    const text = execFileSync('script', ['-qec', command, '/dev/null'], {
      cwd: folder.path,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: undefined, TERM: 'xterm' },
    });
    const lines = text.split(/\r\n|\r|\n/).map((line) => line.replaceAll(new RegExp(`${ESCAPE}\\[\\d*m`, 'g'), ''));
    expect(
      lines.some((line) =>
        /^\s*\d+\/85 ━{20} \d+s left \d+ms\/step - accuracy: 0\.\d{4} - loss: \d\.\d{4}\s*$/.test(line),
      ),
    ).toBe(true);
    expect(
      lines.filter((line) => /^85\/85 ━{20} \d+s \d+ms\/step - accuracy: .* - val_loss: \d\.\d{4}\s*$/.test(line)),
    ).toHaveLength(2);
    expect(text).toMatch(new RegExp(`${ESCAPE}\\[32m━+${ESCAPE}\\[0m${ESCAPE}\\[90m━+${ESCAPE}\\[0m`));
  });
});
