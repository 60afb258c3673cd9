import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConvertOptions, convert } from '../../src/cli/commands/convert.js';
import { summary } from '../../src/cli/commands/summary.js';
import { Output } from '../../src/cli/output.js';
import { layers, models } from '../../src/index.js';
import { SAVED_KINDS, savedKindOf } from '../../src/interchange/save.js';

/** Output that is kept. */
class Kept extends Output {
  readonly lines: string[] = [];
  readonly events: Record<string, unknown>[] = [];
  constructor() {
    super({ isJson: false, command: 'convert' });
  }
  override text(line = ''): void {
    this.lines.push(line);
  }
  override event(event: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.events.push({ event, ...fields });
  }
}

let folder: string;
let source: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fovea-convert-'));
  source = join(folder, 'net.keras');
  const model = models.sequential(
    [
      layers.input([8, 8, 3]),
      layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', useBias: false }),
      layers.batchNormalization(),
      layers.relu(),
      layers.maxPooling2d({ poolSize: 2 }),
      layers.flatten(),
      layers.dense({ units: 3, activation: 'softmax' }),
    ],
    { name: 'net' },
  );
  model.metadata = { labels: ['a', 'b', 'c'] };
  await model.save(source);
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = async (from: string, to: string, options: ConvertOptions = {}) => {
  const output = new Kept();
  const code = await convert(from, join(folder, to), options, output);
  return { code, ...output, event: output.events[0] };
};

describe('fovea convert', () => {
  it.each(['a.keras', 'a.h5', 'a.onnx', 'a.weights.h5', 'a.safetensors', 'tfjs/', 'b.json'])(
    'writes %s and checks it',
    async (to) => {
      const { code, event, lines } = await run(source, to);
      expect(event).toMatchObject({ kind: savedKindOf(to), name: 'net', isSame: true, tolerance: 1e-4 });
      expect(event?.largestDifference as number).toBeLessThan(1e-6);
      expect(event?.largestOutput as number).toBeGreaterThan(0.1);
      expect(code).toBe(0);
      expect(lines[1]).toMatch(/^predicted on random input with both: .*: same$/);
    },
  );

  it('goes on from each kind that holds a whole model', async () => {
    for (const from of ['a.h5', 'a.onnx', 'tfjs', 'b.json']) {
      const { code, event } = await run(join(folder, from), 'again.keras');
      expect([code, event?.isSame]).toEqual([0, true]);
    }
  });

  it('turns pictures for a file that wants the channels first', async () => {
    const { code, event } = await run(source, 'first.onnx', { inputLayout: 'channelsFirst' });
    expect([code, event?.isSame]).toEqual([0, true]);
  });

  it('fails where the outputs differ by more than is allowed', async () => {
    const good = await run(source, 'q8/', { quantize: 'uint8' });
    expect([good.code, good.event?.tolerance]).toEqual([0, 0.25]);
    const { code, event, lines } = await run(source, 'q8/', { quantize: 'uint8', tolerance: 1e-9 });
    expect([code, event?.isSame]).toEqual([1, false]);
    expect(lines[1]).toContain('NOT THE SAME');
  });

  it('refuses what it cannot write before anything is read', async () => {
    const none = join(folder, 'none.keras');
    await expect(run(none, 'a.pb')).rejects.toThrow(/"[^"]*a\.pb" does not say what to write/);
    await expect(run(none, 'a.onnx', { quantize: 'uint8' })).rejects.toThrow('--quantize is for TensorFlow.js alone');
    await expect(run(none, 'a.keras', { inputLayout: 'channelsFirst' })).rejects.toThrow('--input-layout is for ONNX');
    await expect(run(none, 'x.onnx')).rejects.toThrow('does not exist');
    expect(existsSync(join(folder, 'x.onnx'))).toBe(false);
  });

  it('names what the file is where it is no model', async () => {
    const page = join(folder, 'page.onnx');
    writeFileSync(page, '<!doctype html><html></html>');
    const before = readdirSync(folder);
    await expect(run(page, 'x.keras')).rejects.toThrow(/HTML page/);
    expect(readdirSync(folder)).toEqual(before);
  });
});

describe('fovea summary', () => {
  it('takes files of any kind', async () => {
    for (const from of ['a.h5', 'a.onnx', 'tfjs', 'b.json']) {
      const output = new Kept();
      await summary(join(folder, from), output);
      expect(output.events[0]).toMatchObject({ event: 'summary', parameters: 319 });
    }
  });
});

describe('the list of kinds', () => {
  it('is that of the command', async () => {
    const { readFileSync } = await import('node:fs');
    const program = readFileSync(new URL('../../src/cli/program.ts', import.meta.url), 'utf8');
    const listed = /const SAVED_NAMES = \[(.*?)\]/s.exec(program)?.[1]?.match(/[\w-]+/g);
    expect(listed?.sort()).toEqual(Object.keys(SAVED_KINDS).sort());
  });
});
