// The same network in PyTorch 2, in float64: explain-torch.json holds what explain-torch.py made of class 0.
// Numbers come from `hashed`; maps are [5,5], pixels are sums over the channels (of absolute values but for integrated gradients).
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type HostArray, hostArray, layers, models } from '../../src/index.js';
import * as explain from '../../src/tasks/explain/index.js';

/** -1..1, by arithmetic on 32 bits that any language has. */
function hashed(count: number, seed: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => {
    let word = (Math.imul(i + 1, 2654435761) + seed * 40503) >>> 0;
    word = (word ^ (word >>> 13)) >>> 0;
    word = Math.imul(word, 1597334677) >>> 0;
    return (word >>> 8) / 2 ** 23 - 1;
  });
}

const torch = JSON.parse(readFileSync(new URL('explain-torch.json', import.meta.url), 'utf8')) as Record<
  'logits' | 'gradCam' | 'gradCamPlusPlus' | 'saliency' | 'guided' | 'ig',
  number[]
>;
const SIDE = 10;
const model = models.sequential([
  layers.input([SIDE, SIDE, 3]),
  layers.rescaling({ scale: 1 / 127.5, offset: -1 }),
  layers.conv2d({ filters: 5, kernelSize: 3, padding: 'same', activation: 'relu' }),
  layers.maxPooling2d(),
  layers.conv2d({ filters: 6, kernelSize: 3, padding: 'same' }),
  layers.relu({}),
  layers.globalAveragePooling2d(),
  layers.activation({ activation: 'sigmoid' }),
  layers.dense({ units: 4 }),
]);
const times = (values: Float32Array, factor: number): Float32Array => values.map((value) => factor * value);
model.setWeights([
  hashed(135, 1),
  times(hashed(5, 2), 0.1),
  times(hashed(270, 3), 0.5),
  times(hashed(6, 4), 0.1),
  hashed(24, 5),
  hashed(4, 6),
]);
const picture: HostArray = hostArray(
  hashed(SIDE * SIDE * 3, 7).map((value) => 127.5 * (value + 1)),
  [SIDE, SIDE, 3],
);
const options = { class: 0 } as const;

function expectAs(got: ArrayLike<number>, want: readonly number[]): void {
  expect(got.length).toBe(want.length);
  const most = Math.max(...want.map(Math.abs));
  expect(most).toBeGreaterThan(0);
  // Five digits were kept, and float32 sums of some hundred products are as close.
  const apart = want.map((value, i) => Math.abs((got[i] as number) - value) / most);
  expect(Math.max(...apart)).toBeLessThan(3e-5);
}

/** Signed attributions added over the channels. */
function overChannels({ attribution }: explain.PixelExplanation): Float32Array {
  const out = new Float32Array(SIDE * SIDE);
  attribution.data.forEach((value, i) => {
    out[Math.floor(i / 3)] = (out[Math.floor(i / 3)] as number) + value;
  });
  return out;
}

describe('as PyTorch', () => {
  it('scores the classes', async () => {
    for (const c of [0, 1, 2, 3]) {
      const { score } = await explain.saliency(model, picture, { class: c });
      expect(score).toBeCloseTo(torch.logits[c] as number, 4);
    }
  });

  it('makes the maps', async () => {
    expectAs((await explain.gradCam(model, picture, options)).map.data, torch.gradCam);
    expectAs((await explain.gradCamPlusPlus(model, picture, options)).map.data, torch.gradCamPlusPlus);
  });

  it('follows gradients to the pixels', async () => {
    expectAs((await explain.saliency(model, picture, options)).map.data, torch.saliency);
    expectAs((await explain.guidedBackpropagation(model, picture, options)).map.data, torch.guided);
    const integrated = await explain.integratedGradients(model, picture, { ...options, steps: 16 });
    expectAs(overChannels(integrated), torch.ig);
  });
});
