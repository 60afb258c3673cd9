// Zeros around a picture before a convolution (ZeroPadding2D, then `valid`): the kernel knows padding of its own, so the
// larger picture need not exist. The same for the convolution's adjoints in training.
import type { Node } from '../graph/node.js';
import type { Tensor } from '../graph/tensor.js';
import type { Pair } from '../ops/window.js';
import { countUses, type Graph, nodesOf, outputsOf, replaceNode, rewrite } from './graph.js';

type Sides = readonly [rows: Pair, columns: Pair];

/** What the ops that slide windows have in common. */
interface Windowed {
  readonly padding: Sides;
  readonly inputSize?: Pair;
}

/** Puts padding by zeros into the convolutions behind it, and into pools where it cannot be a maximum. */
export function foldPadding(graph: Graph): Graph {
  const uses = countUses(graph);
  const readers = readersOf(graph);
  return rewrite(graph, ({ node, inputs }) => {
    const [x, ...rest] = inputs;
    if (x === undefined) return undefined;
    switch (node.op.name) {
      case 'conv2d':
      case 'conv2dFilterGradient':
        return unpadded(node, x, rest);
      case 'maxPool':
        // A gradient would break ties between a zero of the picture and one around it in another way.
        return readers(node.inputs[0] as Tensor).every((name) => name === 'maxPool') && isPositive(x)
          ? unpadded(node, x, rest)
          : undefined;
      case 'slice':
        return uses.get(node.inputs[0] as Tensor) === 1 ? croppedGradient(node, x) : undefined;
      default:
        return undefined;
    }
  });
}

/** The names of the ops that read a value. */
function readersOf(graph: Graph): (value: Tensor) => readonly string[] {
  const byNode = new Map<Node, string[]>();
  for (const { op, inputs } of nodesOf(graph)) {
    for (const { node } of inputs) {
      const names = byNode.get(node) ?? [];
      names.push(op.name);
      byNode.set(node, names);
    }
  }
  return ({ node }) => byNode.get(node) ?? [];
}

/** Zeros on the sides of a picture, undefined for every other tensor. */
function paddingOf({ node }: Tensor): Sides | undefined {
  if (node.op.name !== 'pad' || node.storage !== undefined || node.types[0]?.shape.length !== 4) return undefined;
  const { paddings, gaps, value } = node.params as {
    readonly paddings: readonly Pair[];
    readonly gaps: readonly number[];
    readonly value: number;
  };
  const [images, rows, columns, channels] = paddings as readonly [Pair, Pair, Pair, Pair];
  const isAround = [...images, ...channels, ...gaps, value].every((each) => each === 0);
  return isAround ? [rows, columns] : undefined;
}

/** Whether what is padded comes out of a function that gives nothing below 0. */
function isPositive({ node }: Tensor): boolean {
  const { name } = (node.inputs[0] as Tensor | undefined)?.node.op ?? { name: '' };
  return name === 'relu' || name === 'relu6';
}

const sum = ([before, after]: Pair, more: Pair): Pair => [before + more[0], after + more[1]];

/** The node over the picture without zeros around. */
function unpadded(node: Node, x: Tensor, rest: readonly Tensor[]): readonly Tensor[] | undefined {
  const sides = paddingOf(x);
  if (sides === undefined) return undefined;
  const params = node.params as Windowed;
  const padding: Sides = [sum(params.padding[0], sides[0]), sum(params.padding[1], sides[1])];
  // A pool whose window could see zeros alone has no such padding.
  const { poolSize } = node.params as { poolSize?: Pair };
  if (poolSize?.some((size, axis) => Math.max(...(padding[axis] as Pair)) >= size)) return undefined;
  const inputs = [x.node.inputs[0] as Tensor, ...rest];
  return outputsOf(replaceNode(node, { inputs, params: { ...params, padding } }));
}

/** The middle of a convolution's input gradient: the gradient for a picture that is smaller by what is cut off. */
function croppedGradient(node: Node, dx: Tensor): readonly Tensor[] | undefined {
  if (dx.node.op.name !== 'conv2dInputGradient' || dx.node.storage !== undefined) return undefined;
  const { begin, size, stride } = node.params as Readonly<Record<'begin' | 'size' | 'stride', readonly number[]>>;
  const isWhole = [0, 3].every((axis) => size[axis] === dx.shape[axis]) && stride.every((step) => step === 1);
  if (!isWhole) return undefined;
  const params = dx.node.params as Windowed;
  const cut = (axis: 1 | 2): Pair => {
    const before = begin[axis] as number;
    return [before, (dx.shape[axis] as number) - before - (size[axis] as number)];
  };
  const padding: Sides = [sum(params.padding[0], cut(1)), sum(params.padding[1], cut(2))];
  const inputSize = [size[1], size[2]];
  return outputsOf(replaceNode(dx.node, { params: { ...params, padding, inputSize }, types: node.types }));
}
