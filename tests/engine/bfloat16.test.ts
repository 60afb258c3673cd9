// Convolutions and matrix products of bfloat16 on every engine and level, against float64 on the same rounded numbers.
// The bound is that of float32 sums, 4 * 2^-24 * sqrt(terms) of the sum of magnitudes (Winograd: 128 * 2^-24 of their
// largest), plus one rounding of the result to bfloat16: products of bfloat16 are exact. A dropped term fails it.
import { describe, expect, it } from 'vitest';
import { emit } from '../../src/compile/emit.js';
import { optimize } from '../../src/compile/optimize.js';
import { encodeProgram, type Program } from '../../src/compile/program.js';
import {
  bytesPerElement,
  type Dtype,
  decodeElements,
  encodeElements,
  roundTo,
  viewTypedArray,
} from '../../src/core/dtype.js';
import { type Shape, sizeOf } from '../../src/core/shape.js';
import type { Engine } from '../../src/engine/engine.js';
import { interpret } from '../../src/graph/interpret.js';
import type { Node } from '../../src/graph/node.js';
import { ANY_TARGET, type ReferenceArray, type Target } from '../../src/graph/op.js';
import { placeholder, type Tensor } from '../../src/graph/tensor.js';
import { inputGradient } from '../../src/ops/conv.js';
import * as ops from '../../src/ops/index.js';
import { randomNumbers } from '../ops/cases.js';
import { findVariants, type Variant, withEngine } from './variants.js';

interface Case {
  readonly name: string;
  readonly inputs: readonly Shape[];
  /** Terms in a sum. */
  readonly terms: number;
  readonly isWinograd?: boolean;
  build(...inputs: Tensor[]): Tensor;
}

const params = (stride: number, pad: number, groups = 1) => ({
  strides: [stride, stride] as const,
  padding: [
    [pad, pad],
    [pad, pad],
  ] as const,
  dilation: [1, 1] as const,
  groups,
});

/** y, dx and dFilter of one convolution. */
function convolution(
  name: string,
  [n, h, w, cin]: readonly [number, number, number, number],
  [kh, cout]: readonly [number, number],
  { stride = 1, pad = 0, groups = 1, isWinograd = false } = {},
): Case[] {
  const out = (size: number): number => Math.floor((size + 2 * pad - kh) / stride) + 1;
  const x: Shape = [n, h, w, cin];
  const filter: Shape = [kh, kh, cin / groups, cout];
  const y: Shape = [n, out(h), out(w), cout];
  const options = { strides: stride, groups, padding: params(stride, pad).padding };
  const conv = (from: Tensor, by: Tensor): Tensor => ops.conv2d(from, by, options);
  const shared = { isWinograd };
  return [
    { name: `${name}: y`, inputs: [x, filter], terms: (kh * kh * cin) / groups, build: conv, ...shared },
    {
      name: `${name}: relu(y + bias + residual)`,
      inputs: [x, filter, [cout], y],
      terms: (kh * kh * cin) / groups + 2,
      build: (from, by, bias, residual) =>
        ops.relu(ops.add(ops.add(conv(from as Tensor, by as Tensor), bias as Tensor), residual as Tensor)),
      ...shared,
    },
    {
      name: `${name}: dx`,
      inputs: [y, filter],
      terms: (kh * kh * cout) / groups,
      build: (dy, by) => inputGradient(dy as Tensor, by as Tensor, x, params(stride, pad, groups)),
      ...shared,
    },
    {
      name: `${name}: dFilter`,
      inputs: [x, y],
      terms: n * out(h) * out(w),
      build: (from, dy) => {
        const by = placeholder({ shape: filter, dtype: 'bfloat16' });
        const { gradient } = conv(from as Tensor, by).node.op;
        if (gradient === 'none') throw new Error('conv2d has a gradient');
        const { node } = conv(from as Tensor, by);
        const [, slope] = gradient({
          inputs: node.inputs,
          outputs: [],
          params: node.params,
          dys: [dy as Tensor],
          dy: dy as Tensor,
        });
        return slope as Tensor;
      },
      ...shared,
    },
  ];
}

function product(m: number, k: number, n: number): Case[] {
  return [false, true].flatMap((transposeA) =>
    [false, true].map((transposeB) => ({
      name: `${m}x${k}x${n}${transposeA ? ' tA' : ''}${transposeB ? ' tB' : ''}`,
      inputs: [transposeA ? [k, m] : [m, k], transposeB ? [n, k] : [k, n], [n]],
      terms: k + 1,
      build: (a, b, bias) => ops.add(ops.matmul(a as Tensor, b as Tensor, { transposeA, transposeB }), bias as Tensor),
    })),
  );
}

const CASES: readonly Case[] = [
  ...convolution('grey 7x7', [2, 13, 11, 1], [7, 33], { pad: 3 }),
  ...convolution('colour stem', [1, 15, 14, 3], [7, 17], { stride: 2, pad: 3 }),
  ...convolution('1x1', [2, 5, 7, 34], [1, 65]),
  ...convolution('1x1 stride 2', [1, 7, 9, 13], [1, 9], { stride: 2 }),
  ...convolution('3x3 stride 2', [1, 9, 10, 16], [3, 40], { stride: 2, pad: 1 }),
  ...convolution('odd channels', [1, 5, 6, 5], [3, 7], { pad: 1 }),
  ...convolution('long sums', [1, 4, 4, 650], [1, 33]),
  ...convolution('groups', [1, 6, 5, 6], [3, 8], { pad: 1, groups: 2 }),
  ...convolution('winograd', [2, 14, 15, 32], [3, 48], { pad: 1, isWinograd: true }),
  ...product(1, 300, 10),
  ...product(13, 17, 33),
  ...product(31, 600, 70),
  ...product(150, 5, 64),
];

/** Numbers of bfloat16. */
function numbers(shape: Shape, stream: number): ReferenceArray {
  const data = randomNumbers(sizeOf(shape), 5, stream).map((unit) => roundTo('bfloat16', 2 * unit - 1));
  return { shape, dtype: 'bfloat16', data: Float64Array.from(data) };
}

async function run(engine: Engine, program: Program, feeds: Map<Node, ReferenceArray>): Promise<Float64Array> {
  const loaded = engine.load(encodeProgram(program));
  const buffers = program.bindings.map(({ type }) => engine.allocate(sizeOf(type.shape) * bytesPerElement(type.dtype)));
  program.bindings.forEach((binding, i) => {
    if (binding.kind !== 'leaf') return;
    const feed = feeds.get(binding.node) as ReferenceArray;
    engine.write(buffers[i] as (typeof buffers)[number], encodeElements(feed.dtype, feed.data));
  });
  try {
    await engine.run(loaded, buffers);
    const at = program.bindings.findIndex(({ kind }) => kind === 'output');
    const dtype = program.bindings[at]?.type.dtype as Dtype;
    return decodeElements(dtype, viewTypedArray(dtype, await engine.read(buffers[at] as (typeof buffers)[number])));
  } finally {
    loaded.dispose();
    for (const buffer of buffers) engine.free(buffer);
  }
}

const { variants, missing } = await findVariants({ isEmulatedToo: true });
for (const reason of missing) it.skip(`an engine does not run here: ${reason}`, () => undefined);

describe.each(variants)('bfloat16, $engine $level', (variant: Variant) => {
  it.each(['direct', 'winograd'] as const)(
    'is within the bound of float32 sums: %s',
    { timeout: 120_000 },
    async (convolution) => {
      const kernels = new Set<string>();
      await withEngine(variant, { poison: true, threads: 2 }, async (engine) => {
        for (const each of CASES) {
          if (convolution === 'winograd' && each.isWinograd !== true) continue;
          const target: Target = { ...ANY_TARGET, engine: variant.engine, level: variant.level, convolution };
          const leaves = each.inputs.map((shape) => placeholder({ shape, dtype: 'bfloat16' }));
          const feeds = new Map(leaves.map(({ node }, i) => [node, numbers(each.inputs[i] as Shape, i)]));
          const y = each.build(...leaves);
          const magnitudes = new Map(
            [...feeds].map(([node, feed]) => [node, { ...feed, data: feed.data.map(Math.abs) }]),
          );
          const [want] = interpret([y], feeds);
          const [sums] = interpret([y], magnitudes);
          const largest = Math.max(...(sums as ReferenceArray).data);
          const program = emit(optimize({ outputs: [y], updates: [] }), { target });
          for (const { kernel } of program.instructions) if (kernel !== 'pointwise') kernels.add(kernel);
          const got = await run(engine, program, feeds);
          (want as ReferenceArray).data.forEach((value, i) => {
            const sum =
              convolution === 'winograd'
                ? 128 * 2 ** -24 * largest
                : 4 * 2 ** -24 * Math.sqrt(each.terms) * ((sums as ReferenceArray).data[i] as number);
            const error = Math.abs((got[i] as number) - value);
            const bound = sum + 2 ** -8 * (Math.abs(value) + sum);
            if (!(error <= bound)) expect.fail(`${each.name}[${i}] is ${got[i]}, not ${value}: ${error} over ${bound}`);
          });
        }
      });
      const wanted =
        convolution === 'direct'
          ? ['bf16Conv2d', 'bf16FilterGradient', 'bf16Matmul']
          : ['winogradConv2d', 'winogradFilter', 'winogradFilterGradient'];
      expect([...kernels].sort()).toEqual(wanted);
    },
  );

  it('gives the same bits for any number of threads', { timeout: 60_000 }, async () => {
    const bits = await Promise.all(
      [1, 2, 3].map((threads) =>
        withEngine(variant, { threads, poison: true }, async (engine) => {
          const all: number[] = [];
          for (const each of CASES.filter(({ name }) => /grey|long|31x600/.test(name))) {
            const leaves = each.inputs.map((shape) => placeholder({ shape, dtype: 'bfloat16' }));
            const feeds = new Map(leaves.map(({ node }, i) => [node, numbers(each.inputs[i] as Shape, i)]));
            const program = emit(optimize({ outputs: [each.build(...leaves)], updates: [] }));
            all.push(...(await run(engine, program, feeds)));
          }
          return all;
        }),
      ),
    );
    expect(bits[1]).toEqual(bits[0]);
    expect(bits[2]).toEqual(bits[0]);
  });
});
