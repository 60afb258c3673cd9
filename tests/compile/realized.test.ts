// Graphs that go on from tensors which were read: their nodes keep the op but have no inputs any more.
import { expect, it } from 'vitest';
import { optimize } from '../../src/compile/optimize.js';
import { interpret } from '../../src/graph/interpret.js';
import { Storage } from '../../src/graph/storage.js';
import { type Tensor, tensor } from '../../src/graph/tensor.js';
import { relu } from '../../src/ops/activation.js';
import { add, multiply } from '../../src/ops/arithmetic.js';

function realized(y: Tensor, values: readonly number[]): Tensor {
  y.node.storage = [new Storage('float32', values.length, { host: Float32Array.from(values) })];
  y.node.inputs = [];
  return y;
}

it.each<[string, Tensor, number[]]>([
  ['an activation', realized(relu(tensor([-1, 2])), [0, 2]), [0, 4]],
  ['a sum', realized(add(tensor([1, 2]), tensor([3, 4])), [4, 6]), [8, 12]],
  ['a product', realized(multiply(tensor([1, 2]), tensor([3, 4])), [3, 8]), [6, 16]],
])('passes take %s that was read for data', (_name, y, want) => {
  const { outputs } = optimize({ outputs: [multiply(y, 2)], updates: [] });
  expect([...(interpret(outputs)[0]?.data ?? [])]).toEqual(want);
});
