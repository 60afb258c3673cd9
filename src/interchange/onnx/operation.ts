// The layer for ONNX's operators that have no layer of their own: one node, with those that compute its shapes. It knows in
// which order of axes its inputs and outputs are stored, so that pictures stay channels last between convolutions.
import { FoveaError } from '../../core/errors.js';
import { type Shape, sizeOf } from '../../core/shape.js';
import type { OnnxDtype } from '../../formats/onnx-schema.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import type { CallContext } from '../../nn/call-context.js';
import { isRecord } from '../../nn/keras-config.js';
import { Layer, type LayerConfig, type LayerOptions } from '../../nn/layer.js';
import { registerLayer } from '../../nn/layers/registry.js';
import { transpose } from '../../ops/shape.js';
import type { OperatorNode } from './attributes.js';
import { evaluateNodes, runWithoutWaiting, Scope } from './evaluate.js';
import { isDtype, isSizes, readNodes, readTensor, writeNodes, writeTensor } from './json.js';
import { engineDtype, type HostValue, isFloatDtype, tensorValue, toTensor } from './values.js';

/** An input or output: stored axis i is ONNX's axis `order[i]`. */
export interface OperationPort {
  readonly name: string;
  readonly dtype: OnnxDtype;
  readonly order: readonly number[];
}

/** An operand that the layer keeps as a weight. */
export interface OperationParameter {
  readonly name: string;
  readonly dtype: OnnxDtype;
  readonly shape: Shape;
  readonly isTrainable: boolean;
}

/** What an operation is made of, in objects. */
export interface OperationParts {
  readonly nodes: readonly OperatorNode[];
  readonly inputs: readonly OperationPort[];
  readonly outputs: readonly OperationPort[];
  readonly constants: ReadonlyMap<string, HostValue>;
  readonly parameters: readonly OperationParameter[];
}

/** The same as a config holds it. */
interface OperationOptions extends LayerOptions {
  readonly nodes: unknown;
  readonly inputs: unknown;
  readonly outputs: unknown;
  readonly constants: unknown;
  readonly parameters: unknown;
}

/** Operators of ONNX as a layer. */
export class OnnxOperation extends Layer {
  static override readonly className: string = 'OnnxOperation';
  static override readonly module: string = 'fovea';
  readonly parts: OperationParts;
  private readonly weightOf = new Map<string, Variable>();

  /** Takes what its config holds; `OnnxOperation.of` makes it from objects. */
  constructor({ nodes, inputs, outputs, constants, parameters, ...common }: OperationOptions) {
    super(common);
    registerOperation();
    this.parts = readParts({ nodes, inputs, outputs, constants, parameters });
  }

  static of(parts: OperationParts, options: LayerOptions = {}): OnnxOperation {
    return new OnnxOperation({ ...options, ...writeParts(parts) });
  }

  override getConfig(): LayerConfig {
    return { ...writeParts(this.parts) };
  }

  override build(): void {
    for (const { name, dtype, shape, isTrainable } of this.parts.parameters) {
      const isFloat = isFloatDtype(dtype);
      const variable = this.addWeight({
        name: name.replaceAll(/[^\w.]+/g, '_'),
        shape,
        initializer: 'zeros',
        trainable: isTrainable && isFloat,
        dtype: isFloat ? this.dtype : engineDtype(dtype),
      });
      this.weightOf.set(name, variable);
    }
  }

  override call(given: readonly Tensor[], { training }: CallContext): readonly Tensor[] {
    const { nodes, inputs, outputs, constants, parameters } = this.parts;
    if (given.length !== inputs.length) {
      throw new FoveaError({
        code: 'argument',
        op: this.className,
        message: `takes ${inputs.length} inputs; got ${given.length}.`,
        got: given.length,
        want: inputs.length,
      });
    }
    const scope = new Scope();
    for (const [name, value] of constants) scope.set(name, value);
    for (const { name, dtype } of parameters)
      scope.set(name, tensorValue(dtype, (this.weightOf.get(name) as Variable).value));
    inputs.forEach(({ name, dtype, order }, i) => {
      const back = order.map((_, axis) => order.indexOf(axis));
      scope.set(name, tensorValue(dtype, turned(given[i] as Tensor, back)));
    });
    runWithoutWaiting(evaluateNodes(nodes, scope, training));
    return outputs.map(({ name, order }) => {
      const value = scope.get(name);
      if (value === undefined)
        throw new FoveaError({ code: 'format', op: this.className, message: `nothing makes '${name}'.` });
      return turned(toTensor(value), order);
    });
  }
}

/** Makes the class known to files, under `fovea>OnnxOperation`. */
export function registerOperation(): void {
  registerLayer(OnnxOperation, { package: 'fovea' });
}

function turned(x: Tensor, order: readonly number[]): Tensor {
  return order.every((axis, i) => axis === i) ? x : transpose(x, order);
}

function writeParts({ nodes, inputs, outputs, constants, parameters }: OperationParts) {
  const port = ({ name, dtype, order }: OperationPort) => ({ name, dtype, order: [...order] });
  return {
    nodes: writeNodes(nodes),
    inputs: inputs.map(port),
    outputs: outputs.map(port),
    constants: Object.fromEntries([...constants].map(([name, value]) => [name, writeTensor(value)])),
    parameters: parameters.map(({ name, dtype, shape, isTrainable }) => ({
      name,
      dtype,
      shape: [...shape],
      isTrainable,
    })),
  };
}

function readParts({
  nodes,
  inputs,
  outputs,
  constants,
  parameters,
}: Omit<OperationOptions, keyof LayerOptions>): OperationParts {
  const bad = (what: string): FoveaError =>
    new FoveaError({ code: 'format', op: 'OnnxOperation', message: `the config holds no valid ${what}.` });
  const port = (json: unknown): OperationPort => {
    if (!isRecord(json) || typeof json.name !== 'string' || !isDtype(json.dtype) || !isOrder(json.order))
      throw bad('inputs or outputs');
    return { name: json.name, dtype: json.dtype, order: json.order };
  };
  const parameter = (json: unknown): OperationParameter => {
    const isRight = isRecord(json) && typeof json.name === 'string' && isDtype(json.dtype) && isSizes(json.shape);
    if (!isRight || sizeOf(json.shape as Shape) > 2 ** 31) throw bad('parameters');
    return {
      name: json.name as string,
      dtype: json.dtype as OnnxDtype,
      shape: json.shape as Shape,
      isTrainable: json.isTrainable === true,
    };
  };
  if (!Array.isArray(inputs) || !Array.isArray(outputs) || !Array.isArray(parameters) || !isRecord(constants))
    throw bad('parts');
  return {
    nodes: readNodes(nodes),
    inputs: inputs.map(port),
    outputs: outputs.map(port),
    constants: new Map(Object.entries(constants).map(([name, json]) => [name, readTensor(json)])),
    parameters: parameters.map(parameter),
  };
}

function isOrder(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((_, axis) => value.includes(axis));
}
