// Who decides whether convolutions may use Winograd: the call, the model, the process, the environment, in this order.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { compile, explain } from '../../src/engine/compile.js';
import { currentEngine, disposeEngine } from '../../src/engine/current.js';
import '../../src/engine/install.js';
import { setPrecision, targetOf } from '../../src/engine/precision.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { conv2d, layers, models, ones, setRandomSeed } from '../../src/index.js';
import { chooseAlgorithm, type Pass } from '../../src/ops/conv-algorithm.js';
import type { Geometry } from '../../src/ops/conv-geometry.js';

afterEach(() => {
  delete process.env.FOVEA_CONV;
  setPrecision('fast');
});

const picture = ones([8, 16, 16, 32]);
const filter = ones([3, 3, 32, 32]);
const kernels = (): string => explain((x, w) => [conv2d(x, w, { padding: 'same' })], picture, filter);

const GEOMETRY: Geometry = {
  ...{ n: 8, h: 16, w: 16, cin: 32, kh: 3, kw: 3, cout: 32, oh: 16, ow: 16, strideH: 1, strideW: 1 },
  ...{ padTop: 1, padLeft: 1, dilationH: 1, dilationW: 1, groups: 1 },
};

describe('precision', () => {
  test('is fast at first, and exact when asked', () => {
    expect(kernels()).toContain('winogradConv2d');
    setPrecision('exact');
    expect(kernels()).not.toContain('winograd');
    expect(() => setPrecision('high' as 'exact')).toThrow("setPrecision: precision 'high' is unknown.");
    expect(() => compile((x) => [x], { precision: 'low' as 'exact' })).toThrow("compile: precision 'low' is unknown.");
  });

  test('holds for what was compiled before, too', async () => {
    const engine = await currentEngine();
    const step = compile((x, w) => [conv2d(x, w, { padding: 'same' })]);
    const exactly = compile((x, w) => [conv2d(x, w, { padding: 'same' })], { precision: 'exact' });
    const bits = async (run: typeof step): Promise<Float32Array> => {
      const [y] = (await run(noise(8 * 16 * 16 * 32, 1, [8, 16, 16, 32]), noise(9 * 32 * 32, 2, [3, 3, 32, 32]))) as [
        Tensor,
      ];
      return (await y.data()) as Float32Array;
    };
    const fast = await bits(step);
    const exact = await bits(exactly);
    expect(fast).not.toEqual(exact);
    setPrecision('exact');
    expect(await bits(step)).toEqual(exact);
    expect(targetOf(engine).convolution).toBe('direct');
    await disposeEngine();
  });

  test('is an option of a model', async () => {
    const predict = async (precision?: 'exact'): Promise<Float32Array> => {
      setRandomSeed(5);
      const model = models.sequential([
        layers.input([16, 16, 32]),
        layers.conv2d({ filters: 32, kernelSize: 3, padding: 'same' }),
      ]);
      model.compile({ loss: 'meanSquaredError', ...(precision === undefined ? {} : { precision }) });
      return (await model.predict(noise(8 * 16 * 16 * 32, 1, [8, 16, 16, 32]))).data as Float32Array;
    };
    const exact = await predict('exact');
    expect(await predict()).not.toEqual(exact);
    setPrecision('exact');
    expect(await predict()).toEqual(exact);
    await disposeEngine();
  });
});

describe('FOVEA_CONV', () => {
  test.each(['direct', 'winograd', 'auto'] as const)('%s is obeyed where nobody called setPrecision', async (value) => {
    process.env.FOVEA_CONV = value;
    // setPrecision has been called in this process: only a fresh module shows what the environment says.
    vi.resetModules();
    const { convolutionOf } = await import('../../src/engine/precision.js');
    expect(convolutionOf()).toBe(value);
    process.env.FOVEA_CONV = 'fft';
    expect(() => convolutionOf()).toThrow("FOVEA_CONV is 'fft'; it may be auto, direct, winograd.");
  });
});

describe('the choice', () => {
  const target = { engine: 'native', level: 'avx512', convolution: 'auto' } as const;
  const choose = (change: Partial<Geometry>, pass: Pass = 'forward', isConstant = false): string =>
    chooseAlgorithm({ ...GEOMETRY, ...change }, { pass, target, isConstant, dtype: 'float32' });

  test('takes Winograd where it can be, and pays', () => {
    expect(choose({})).toBe('winograd');
    expect(choose({}, 'inputGradient')).toBe('winograd');
    expect(choose({}, 'filterGradient')).toBe('winograd');
    expect(choose({ cin: 3 })).toBe('direct');
    expect(choose({ cin: 3 }, 'inputGradient')).toBe('winograd');
    expect(choose({ n: 1 })).toBe('direct');
    expect(choose({ n: 1 }, 'forward', true)).toBe('winograd');
    expect(choose({ strideH: 2, oh: 8 })).toBe('direct');
    expect(choose({ kh: 1, padTop: 0 })).toBe('direct');
    expect(choose({ dilationW: 2, ow: 14 })).toBe('direct');
    expect(choose({ groups: 2 })).toBe('direct');
    expect(choose({ groups: 32 })).toBe('depthwise');
    expect(choose({ padTop: 3, oh: 18 })).toBe('direct');
    // Padded below only: as wide as the kernel reads.
    expect(choose({ padTop: 0, oh: 17 })).toBe('direct');
    expect(choose({ padTop: 0, oh: 16 })).toBe('winograd');
  });
});

/** Numbers that are not whole. */
function noise(count: number, seed: number, shape: number[]): Tensor {
  const values = Float32Array.from({ length: count }, (_, i) => Math.sin((i + 1) * 12.9898 * seed));
  return tensor(values, { shape });
}
