// What a model costs, layer by layer: parameters, multiplications, numbers to keep, and how much of the picture each place of
// a map sees. Counted on the traced graph, so that layers of the user's own count too.
import { FoveaError } from '../core/errors.js';
import { formatShape, type Shape, sizeOf } from '../core/shape.js';
import { constantOp, isLeaf, type Node } from '../graph/node.js';
import { placeholder, type Tensor } from '../graph/tensor.js';
import { traceVariables } from '../graph/variable.js';
import type { Layer } from './layer.js';
import type { TrainableModel } from './model.js';
import type { PartialShape } from './symbolic.js';

/** Rows and columns of the input that one place of an output sees, or `all` of it. */
export type ReceptiveField = readonly [rows: number, columns: number] | 'all';

/** What one layer costs for one example. */
export interface LayerCost {
  readonly name: string;
  readonly className: string;
  /** Without the batch. */
  readonly outputShape: Shape;
  readonly parameters: number;
  /** Of convolutions and matrix products; additions are as many, what works element by element is left out. */
  readonly multiplications: number;
  /** Numbers in the output. */
  readonly activations: number;
  /** Undefined where the input is not a picture. */
  readonly receptiveField: ReceptiveField | undefined;
}

/** What a model costs for one example; as text, a table. */
export interface ModelCost {
  readonly layers: readonly LayerCost[];
  readonly parameters: number;
  readonly multiplications: number;
  readonly activations: number;
  toString(): string;
}

/** See `cost`. */
export interface CostOptions {
  /** Height, width and channels of the picture, where the model takes any size. */
  inputShape?: Shape;
}

/** What a place sees, and how far apart neighbours are, in the input's pixels. */
interface Field {
  readonly size: readonly [number, number];
  readonly step: readonly [number, number];
  /** Rows and columns of the last map. */
  readonly places: readonly [number, number];
}

/** Counts a model's cost. Throws `argument` where the size of the input is not known. */
export function costOf(model: TrainableModel, { inputShape }: CostOptions = {}): ModelCost {
  const counter = new Counter();
  // The weights become leaves of their own, other than constants.
  traceVariables(() => {
    const inputs = model.inputs.map((input) => {
      const x = placeholder({ shape: [1, ...sizesOf(input.shape, inputShape, model)], dtype: input.dtype });
      counter.begin(x);
      return x;
    });
    const context = { training: false, random: refuseRandom };
    model.callWatched(inputs, context, (layer, outputs) => counter.count(layer, outputs));
  });
  return new Table(model.name, counter.layers);
}

function refuseRandom(): never {
  throw new FoveaError({ code: 'internal', op: 'cost', message: 'a layer draws random numbers outside training.' });
}

function sizesOf([, ...shape]: PartialShape, given: Shape | undefined, { name }: TrainableModel): Shape {
  const sizes = given?.length === shape.length ? shape.map((size, i) => size ?? (given[i] as number)) : shape;
  if (sizes.every((size) => size !== null)) return sizes as Shape;
  throw new FoveaError({
    code: 'argument',
    op: 'cost',
    message: `model "${name}" takes inputs of any size: [${shape.map((size) => size ?? 'any').join(',')}].`,
    got: given,
    hint: 'Say which, as in model.cost({ inputShape: [224, 224, 3] }).',
  });
}

class Counter {
  readonly layers: LayerCost[] = [];
  private readonly fields = new Map<Node, Field | 'all' | undefined>();
  private readonly counted = new Set<Layer>();

  begin({ node, shape }: Tensor): void {
    this.fields.set(node, shape.length === 4 ? { size: [1, 1], step: [1, 1], places: placesOf(shape) } : undefined);
  }

  /** Takes what a layer's call has added to the graph. */
  count(layer: Layer, outputs: readonly Tensor[]): void {
    let multiplications = 0;
    for (const output of outputs) multiplications += this.visit(output.node);
    const [first] = outputs as readonly [Tensor];
    const field = this.fields.get(first.node);
    const isNew = !this.counted.has(layer);
    this.counted.add(layer);
    this.layers.push({
      name: layer.name,
      className: layer.className,
      outputShape: first.shape.slice(1),
      // A layer called twice has its weights once.
      parameters: isNew ? layer.countParams() : 0,
      multiplications,
      activations: outputs.reduce((sum, output) => sum + output.size, 0),
      receptiveField: field === undefined || field === 'all' ? field : field.size,
    });
  }

  /** The multiplications of a node and of all before it that were not seen yet. */
  private visit(node: Node): number {
    if (this.fields.has(node)) return 0;
    let multiplications = 0;
    for (const input of node.inputs) multiplications += this.visit(input.node);
    this.fields.set(node, isLeaf(node) ? undefined : this.fieldOf(node));
    return multiplications + multiplicationsOf(node);
  }

  private fieldOf(node: Node): Field | 'all' | undefined {
    const known = node.inputs.map((input) => this.fields.get(input.node)).filter((field) => field !== undefined);
    if (known.length === 0) return undefined;
    if (known.includes('all')) return 'all';
    const fields = known as Field[];
    const most = (of: (field: Field) => readonly [number, number]): readonly [number, number] => [
      Math.max(...fields.map((field) => of(field)[0])),
      Math.max(...fields.map((field) => of(field)[1])),
    ];
    const merged = {
      size: most(({ size }) => size),
      step: most(({ step }) => step),
      places: most(({ places }) => places),
    };
    return grown(merged, node);
  }
}

/** A convolution's or pooling's parameters, as their ops have them. */
interface WindowParams {
  readonly strides: readonly [number, number];
  readonly dilation?: readonly [number, number];
  readonly poolSize?: readonly [number, number];
}

const placesOf = ([, rows, columns]: Shape): readonly [number, number] => [rows as number, columns as number];

/** The field behind a node, from the one before it. */
function grown(field: Field, { op, inputs, params, types }: Node): Field | 'all' {
  const to = types[0]?.shape ?? [];
  const from = inputs[0]?.shape ?? [];
  const { strides, dilation = [1, 1], poolSize } = params as Partial<WindowParams>;
  const both = (of: (axis: 0 | 1) => number): readonly [number, number] => [of(0), of(1)];
  switch (op.name) {
    case 'conv2d':
    case 'maxPool':
    case 'avgPool': {
      const window = (poolSize ?? inputs[1]?.shape) as readonly number[];
      return {
        size: both((axis) => field.size[axis] + ((window[axis] as number) - 1) * dilation[axis] * field.step[axis]),
        step: both((axis) => field.step[axis] * (strides as readonly [number, number])[axis]),
        places: placesOf(to),
      };
    }
    case 'conv2dInputGradient': {
      // Transposed: every place comes from so many of the smaller map.
      const filter = inputs[1]?.shape as readonly number[];
      const stride = strides as readonly [number, number];
      return {
        size: both(
          (axis) => field.size[axis] + (Math.ceil((filter[axis] as number) / stride[axis]) - 1) * field.step[axis],
        ),
        step: both((axis) => field.step[axis] / stride[axis]),
        places: placesOf(to),
      };
    }
    default:
  }
  const hadPlaces = from.length === 4 && sizeOf(from.slice(1, 3)) > 1;
  const isReduced = hadPlaces && to.length < 4 && sizeOf(to) < sizeOf(from);
  const isFlattened = hadPlaces && to.at(-1) !== from.at(-1) && sizeOf(to) === sizeOf(from) && op.name === 'reshape';
  const isPooled = hadPlaces && to.length === 4 && sizeOf(to.slice(1, 3)) === 1 && op.name !== 'slice';
  if (isReduced || isFlattened || isPooled) return 'all';
  if (to.length !== 4) return field;
  const places = placesOf(to);
  // A map that was enlarged has its places nearer to each other.
  const isEnlarged = op.name !== 'pad' && places[0] >= 2 * field.places[0];
  const step = isEnlarged ? both((axis) => (field.step[axis] * field.places[axis]) / places[axis]) : field.step;
  return { size: field.size, step, places };
}

function multiplicationsOf({ op, inputs, params, types }: Node): number {
  const [a, b] = inputs;
  const y = types[0]?.shape ?? [];
  // Each number of a filter [h,w,in,out] meets every place of the output.
  if (op.name === 'conv2d') return (sizeOf(b?.shape ?? []) * sizeOf(y)) / (y.at(-1) as number);
  if (op.name === 'conv2dInputGradient') {
    const dy = a?.shape ?? [];
    return (sizeOf(b?.shape ?? []) * sizeOf(dy)) / (dy.at(-1) as number);
  }
  // By a constant: a resampling, not a layer's product.
  if (inputs.some(({ node }) => node.op === constantOp || node.storage !== undefined)) return 0;
  return op.name === 'matmul' ? (op.flops?.(inputs, params, types) ?? 0) / 2 : 0;
}

class Table implements ModelCost {
  readonly parameters: number;
  readonly multiplications: number;
  readonly activations: number;

  constructor(
    private readonly model: string,
    readonly layers: readonly LayerCost[],
  ) {
    const total = (of: (layer: LayerCost) => number): number => layers.reduce((sum, layer) => sum + of(layer), 0);
    this.parameters = total(({ parameters }) => parameters);
    this.multiplications = total(({ multiplications }) => multiplications);
    this.activations = total(({ activations }) => activations);
  }

  toString(): string {
    const head = ['layer', 'output', 'parameters', 'multiplications', 'activations', 'sees'];
    const numbers = (...values: readonly number[]): string[] => values.map((value) => value.toLocaleString('en-US'));
    const rows = this.layers.map((layer) => [
      `${layer.name} (${layer.className})`,
      formatShape(layer.outputShape),
      ...numbers(layer.parameters, layer.multiplications, layer.activations),
      fieldText(layer.receptiveField),
    ]);
    const last = [`model "${this.model}"`, '', ...numbers(this.parameters, this.multiplications, this.activations), ''];
    const all = [head, ...rows, last];
    const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] as string).length)));
    const lines = all.map((row) =>
      row
        .map((text, column) =>
          column < 2 ? text.padEnd(widths[column] as number) : text.padStart(widths[column] as number),
        )
        .join('  ')
        .trimEnd(),
    );
    return lines.join('\n');
  }
}

const fieldText = (field: ReceptiveField | undefined): string =>
  field === undefined ? '' : field === 'all' ? 'all' : field.join('x');
