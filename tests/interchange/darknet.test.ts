// Networks of Darknet against plain loops, and what is said of files that do not fit.
import { join as joinPath } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disposeEngine, setEngine } from '../../src/engine/current.js';
import '../../src/engine/install.js';
import { ByteSink } from '../../src/formats/cursor.js';
import { loadDarknet } from '../../src/interchange/darknet/index.js';
import * as models from '../../src/interchange/models.js';
import type { TrainableModel } from '../../src/nn/model.js';
import { ACTIVATIONS, type CMap, convolve, join, makeMap, maxpool, reorg } from './darknet-reference.js';

const text = (cfg: string): Uint8Array => new TextEncoder().encode(cfg);

/** A .weights file of so many numbers; variances are among them, so all are above zero where `isPositive`. */
function numbers(count: number, at: (i: number) => number = (i) => Math.sin(i + 1) / 2): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => at(i));
}

function file(floats: Float32Array, version: readonly [number, number, number] = [0, 2, 0]): Uint8Array {
  const sink = new ByteSink().u32(...version);
  if (10 * version[0] + version[1] >= 2 && version[1] < 1000) sink.u64(64);
  else sink.u32(64);
  return sink.put(new Uint8Array(floats.buffer)).done();
}

const input = (c: number, h: number, w: number): CMap =>
  makeMap(c, h, w, (i, y, x) => Math.fround(Math.sin(0.3 * i + 0.7 * y + x)));

async function run(model: TrainableModel, { c, h, w, data }: CMap): Promise<Float32Array[]> {
  const last = new Float32Array(data.length);
  for (let i = 0; i < c; i++) for (let at = 0; at < h * w; at++) last[at * c + i] = data[i * h * w + at] as number;
  const { outputs } = await model.predict({ data: last, shape: [1, h, w, c], dtype: 'float32' });
  return outputs.map((each) => each.data as Float32Array);
}

/** Channels last, as the model gives maps. */
function expectMap(got: Float32Array | undefined, want: CMap): void {
  expect(got).toHaveLength(want.data.length);
  for (let c = 0; c < want.c; c++) {
    for (let at = 0; at < want.h * want.w; at++) {
      const [a, b] = [got?.[at * want.c + c] as number, want.data[c * want.h * want.w + at] as number];
      expect(Math.abs(a - b), `channel ${c}, cell ${at}: ${a}, not ${b}`).toBeLessThan(2e-5 * Math.max(1, Math.abs(b)));
    }
  }
}

async function both(
  sections: string,
  size: readonly [number, number, number],
  floats: Float32Array,
): Promise<[TrainableModel, CMap]> {
  const [c, h, w] = size;
  const cfg = `[net]\n# a remark\nheight=${h}\nwidth = ${w}\nchannels=${c}\nbatch=1\n\n${sections}`;
  return [await loadDarknet({ cfg: text(cfg), weights: file(floats) }), input(c, h, w)];
}

beforeAll(async () => {
  await setEngine('native', { threads: 1 });
});
afterAll(() => disposeEngine());

describe('layers of Darknet', () => {
  test.each(Object.keys(ACTIVATIONS))('convolution with %s, groups, padding and stride', async (activation) => {
    const floats = numbers(6 + 6 * 2 * 9);
    const [model, x] = await both(
      `[convolutional]\nfilters=6\nsize=3\nstride=2\npad=1\ngroups=2\nactivation=${activation}`,
      [4, 7, 6],
      floats,
    );
    const [got] = await run(model, x);
    const want = convolve(x, {
      filters: 6,
      size: 3,
      stride: 2,
      padding: 1,
      groups: 2,
      activation,
      biases: floats,
      weights: floats.subarray(6),
    });
    expectMap(got, want);
  });

  test('convolution with a norm, in the order of the file, and dilation', async () => {
    const floats = numbers(4 * 4 + 4 * 3 * 9, (i) => (i >= 12 && i < 16 ? 0.5 + i / 20 : Math.sin(i + 1) / 2));
    const [model, x] = await both(
      '[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\nstride=1\npad=1\ndilation=2\nactivation=leaky',
      [3, 8, 7],
      floats,
    );
    const [got] = await run(model, x);
    const norm = { scales: floats.subarray(4, 8), means: floats.subarray(8, 12), variances: floats.subarray(12, 16) };
    const want = convolve(x, {
      filters: 4,
      size: 3,
      stride: 1,
      padding: 2,
      dilation: 2,
      groups: 1,
      activation: 'leaky',
      biases: floats,
      norm,
      weights: floats.subarray(16),
    });
    expectMap(got, want);
  });

  test.each([
    [2, 2, undefined],
    [2, 1, undefined],
    [3, 1, undefined],
    [3, 2, undefined],
    [2, 2, 0],
    [5, 1, undefined],
    [3, 3, 1],
  ])('maxpool of size %i, stride %i and padding %s', async (size, stride, padding) => {
    const option = padding === undefined ? '' : `padding=${padding}`;
    const [model, x] = await both(`[maxpool]\nsize=${size}\nstride=${stride}\n${option}`, [2, 7, 6], numbers(0));
    // All below zero: padding must not win.
    const below = { ...x, data: x.data.map((value) => value - 3) };
    const [got] = await run(model, below);
    expectMap(got, maxpool(below, size, stride, padding ?? size - 1));
  });

  test('route, groups, shortcut, upsample and reorg', async () => {
    const sections = [
      '[maxpool]\nsize=1\nstride=1', // 0: the input
      '[route]\nlayers=-1\ngroups=2\ngroup_id=1', // 1: channels 4 to 7
      '[upsample]\nstride=2', // 2
      '[reorg]\nstride=2', // 3: 16 channels
      '[route]\nlayers=-1, 0', // 4: 24 channels
      '[shortcut]\nfrom=-1\nactivation=leaky', // 5
    ];
    const [model, x] = await both(sections.join('\n'), [8, 4, 6], numbers(0));
    const half = makeMap(4, 4, 6, (c, y, at) => x.data[((c + 4) * 4 + y) * 6 + at] as number);
    const large = makeMap(4, 8, 12, (c, y, at) => half.data[(c * 4 + (y >> 1)) * 6 + (at >> 1)] as number);
    const joined = join([reorg(large, 2), x]);
    const want = {
      ...joined,
      data: joined.data.map((value) => (ACTIVATIONS.leaky as (x: number) => number)(2 * value)),
    };
    const [got] = await run(model, x);
    expectMap(got, want);
  });

  test('average, connected either way, dropout and softmax', async () => {
    const floats = numbers(3 + 3 * 12);
    const sections =
      '[connected]\noutput=3\nactivation=linear\n[dropout]\nprobability=.5\n[softmax]\ngroups=1\ntemperature=2\n[cost]\ntype=sse';
    const [model, x] = await both(sections, [2, 2, 3], floats);
    const exps = [0, 1, 2].map((unit) => {
      const sum = x.data.reduce(
        (total, value, i) => total + value * (floats[3 + unit * 12 + i] as number),
        floats[unit] as number,
      );
      return Math.exp(sum / 2);
    });
    const total = exps.reduce((a, b) => a + b);
    const [got] = await run(model, x);
    exps.forEach((value, i) => {
      expect(got?.[i]).toBeCloseTo(value / total, 5);
    });
    const turned = new Float32Array(floats);
    for (let i = 0; i < 12; i++)
      for (let unit = 0; unit < 3; unit++) turned[3 + i * 3 + unit] = floats[3 + unit * 12 + i] as number;
    const cfg = text(`[net]\nheight=2\nwidth=3\nchannels=2\n${sections}`);
    const other = await loadDarknet({ cfg, weights: file(turned, [0, 2000, 0]) });
    expect((await run(other, x))[0]).toEqual(got);

    const [average, map] = await both('[avgpool]', [2, 3, 4], numbers(0));
    const [means] = await run(average, map);
    expect(means?.[1]).toBeCloseTo(map.data.subarray(12).reduce((a, b) => a + b) / 12, 5);
  });

  test('heads are outputs with their settings', async () => {
    const head = (mask: string): string =>
      `[yolo]\nmask=${mask}\nanchors=10,14, 23,27\nclasses=1\nnum=2\nscale_x_y=1.05\niou_loss=ciou`;
    const conv = '[convolutional]\nfilters=6\nsize=1\nstride=1\nactivation=linear';
    const cfg = `${conv}\n${head('0')}\n[route]\nlayers=-2\n[maxpool]\nsize=2\nstride=2\n${conv}\n${head('1')}`;
    const [model, x] = await both(cfg, [3, 4, 4], numbers(6 * 4 + 6 * 7));
    const outputs = await run(model, x);
    expect(outputs.map(({ length }) => length)).toEqual([96, 24]);
    expect(model.metadata).toEqual({
      source: 'darknet',
      preprocessing: { mode: 'scale', factor: 1 / 255, size: [4, 4], channels: 3 },
      heads: [0, 1].map((output) => ({
        type: 'yolo',
        mask: [output],
        anchors: [
          [10, 14],
          [23, 27],
        ],
        classes: 1,
        num: 2,
        scale_x_y: 1.05,
        iou_loss: 'ciou',
        output,
      })),
    });
    // It is a model like any other: it is saved, and comes back.
    const copy = await models.load(await model.toBytes());
    expect(await run(copy, x)).toEqual(outputs);
    expect(copy.metadata).toEqual(model.metadata);
  });

  test('both lengths of the header', async () => {
    const cfg = text('[net]\nheight=2\nwidth=2\nchannels=1\n[convolutional]\nactivation=linear');
    const short = await loadDarknet({ cfg, weights: file(new Float32Array([1, 2]), [0, 1, 0]) });
    const long = await loadDarknet({ cfg, weights: file(new Float32Array([1, 2]), [0, 2, 5]) });
    expect(await short.getWeights()).toEqual(await long.getWeights());
  });
});

describe('files that do not fit', () => {
  const conv = '[convolutional]\nfilters=2\nactivation=linear';
  const load = (cfg: string, floats = 0): Promise<unknown> =>
    loadDarknet({ cfg: text(cfg), weights: file(numbers(floats)) });
  const net = '[net]\nheight=4\nwidth=4\nchannels=3\n';

  test.each([
    [
      'too few numbers',
      `${net}${conv}`,
      7,
      'holds 7 numbers, the network of network.cfg has 8.\n  The file is truncated',
    ],
    [
      'too many',
      `${net}${conv}`,
      9,
      'holds 9 numbers, the network of network.cfg has 8.\n  The two files belong to different',
    ],
    ['no network', '[convolutional]', 0, 'it does not begin with [net]'],
    ['something else', 'hello', 0, "'hello' is neither a section nor an option.\n  at network.cfg: line 1"],
    [
      'no size',
      `[net]\nheight=0\nwidth=4\n${conv}`,
      0,
      '[net]: height=0 is no whole number from 1 to 65536.\n  at network.cfg: line 1',
    ],
    ['an unknown layer', `${net}[lstm]`, 0, 'layers [lstm] of Darknet are not known.\n  at network.cfg: line 5'],
    [
      'an unknown activation',
      `${net}[convolutional]\nactivation=plse`,
      0,
      "the activation 'plse' of Darknet is not known.",
    ],
    ['a number that is none', `${net}[convolutional]\nfilters=many`, 0, '[convolutional]: filters=many is no number.'],
    [
      'a network of terabytes',
      `${net}${'[convolutional]\nfilters=1000000\n'.repeat(2)}`,
      0,
      'is refused: it is too large',
    ],
    ['a map that grows without end', `${net}${'[route]\nlayers=-1,-1\n'.repeat(40)}`, 0, 'is refused: it is too large'],
    ['a map that is used up', `${net}[convolutional]\nsize=5`, 0, 'nothing is left of a map of 4x4x3'],
    ['a route forward', `${net}[route]\nlayers=3`, 0, '[route]: layer 3 is not before it.'],
    [
      'maps of other sizes',
      `${net}${conv}\n[upsample]\n[route]\nlayers=-1,0`,
      0,
      'maps of 8x8x2 and 4x4x2 cannot be joined',
    ],
    [
      'a sum of other sizes',
      `${net}${conv}\n[upsample]\n[shortcut]\nfrom=0`,
      0,
      'maps of 8x8x2 and 4x4x2 cannot be added',
    ],
    ['binary weights', `${net}[convolutional]\nbinary=1`, 0, 'binary=1 is not supported'],
    ['no layers', net, 0, 'the network has no layers'],
  ])('%s', async (_name, cfg, floats, why) => {
    await expect(load(cfg, floats)).rejects.toThrow(why);
  });

  test('a weights file that breaks off', async () => {
    const bytes = file(numbers(8));
    await expect(loadDarknet({ cfg: text(`${net}${conv}`), weights: bytes.subarray(0, -1) })).rejects.toThrow(
      'ends inside a number',
    );
    await expect(loadDarknet({ cfg: text(`${net}${conv}`), weights: bytes.subarray(0, 9) })).rejects.toThrow(
      'truncated',
    );
    await expect(loadDarknet({ cfg: '/no/such/file.cfg' })).rejects.toThrow('does not exist');
  });
});

const folder = process.env.FOVEA_DATA;
test.skipIf(folder === undefined)('a whole detector: every number of its file is used', async () => {
  const at = joinPath(folder ?? '', 'weights', 'yolo-fastest-darknet', 'yolo-fastest-1.1');
  const model = await loadDarknet({ cfg: `${at}.cfg`, weights: `${at}.weights` });
  expect(model.countParams()).toBe(346_062);
  expect(model.outputs.map(({ shape }) => shape)).toEqual([
    [null, 10, 10, 255],
    [null, 20, 20, 255],
  ]);
});
