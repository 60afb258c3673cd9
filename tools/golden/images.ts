// Operations on pictures: Keras's names stand for those of `vision.ops`, its arguments for options.
import type { Tensor } from '../../src/graph/tensor.js';
import { toCamelCase } from '../../src/nn/keras-config.js';
import * as vision from '../../src/vision/index.js';
import { type GoldenCase, type GoldenFolder, listCases } from './folder.js';
import { optionsOf, picksNearest } from './layers.js';

interface ImageCase {
  readonly name: string;
  readonly op: string;
  readonly args: Record<string, unknown>;
  readonly inputs: readonly { readonly tensor: string; readonly arg: string }[];
  readonly outputs: readonly { readonly tensor: string; readonly shape: readonly number[]; readonly dtype?: string }[];
}

type Operation = (...args: readonly unknown[]) => Tensor;

/** Names in `keras.ops.image` whose function here is not simply the name in camelCase. */
const NAMES: Readonly<Record<string, string>> = {};

/** Arguments that are parameters of their own here, before the options, in this order. */
const POSITIONAL: Readonly<Record<string, readonly string[]>> = {
  resize: ['size'],
};

/** The image operations of a folder. */
export function imageCases(folder: GoldenFolder): GoldenCase[] {
  return listCases<ImageCase>(folder, 'images', 'images/cases.json', async (each, machine, findings) => {
    const arrays = folder.arrays(`images/${each.name}.safetensors`);
    const name = NAMES[each.op] ?? toCamelCase(each.op);
    const operations: Readonly<Record<string, unknown>> = vision.ops;
    const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
    if (typeof operation !== 'function') throw new Error(`there is no vision.ops.${name} for the operation ${each.op}`);
    const given = new Map<string, unknown>(Object.entries(each.args));
    const positional = POSITIONAL[each.op] ?? [];
    const tensors = each.inputs.map(({ tensor, arg }) => [arg, arrays.tensor(tensor)] as const);
    const first = tensors.filter(([arg]) => !positional.includes(arg)).map(([, value]) => value);
    for (const [arg, value] of tensors) given.set(arg, value);
    const rest = Object.fromEntries(Object.entries(each.args).filter(([key]) => !positional.includes(key)));
    const call = (inputs: readonly unknown[]): Tensor =>
      (operation as Operation)(...inputs, ...positional.map((key) => given.get(key)), optionsOf(rest));
    const outputs = [call(first)];
    findings.same(
      'outputs',
      outputs.map(({ shape, dtype }) => ({ shape, dtype })),
      each.outputs.map(({ shape, dtype = 'float32' }) => ({ shape, dtype })),
    );
    const got = await machine.evaluate(outputs);
    each.outputs.forEach(({ tensor, dtype = 'float32' }, i) => {
      const kind = !/float/.test(dtype) || picksNearest(each.args) ? 'exact' : 'output';
      findings.close(tensor, got[i] ?? [], arrays.floats(tensor), kind, arrays.shape(tensor));
    });
  });
}
