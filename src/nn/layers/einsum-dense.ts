// The dense layer of an equation of letters: `abc,cd->abd` is a Dense on sequences.
import { FoveaError } from '../../core/errors.js';
import { formatShape, type Shape, sizeOf } from '../../core/shape.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Variable } from '../../graph/variable.js';
import { add } from '../../ops/arithmetic.js';
import { einsum } from '../../ops/einsum.js';
import { matmul } from '../../ops/matmul.js';
import { reshape } from '../../ops/shape.js';
import type { Initializer } from '../initializers.js';
import type { CallContext } from '../layer.js';
import type { PartialShape } from '../symbolic.js';
import { ConfiguredLayer } from './configured.js';
import { type KernelOptions, kernelFields } from './conv.js';
import { type Field, optional, refuseOption } from './fields.js';

/** See `layers.einsumDense`. */
export interface EinsumDenseOptions extends Omit<KernelOptions, 'useBias'> {
  /** Letters of the input, the kernel and the output: `ab,bc->ac`; `...` at the left or right of input and output. */
  equation: string;
  /** Sizes of the output without the batch, null where they are the input's. */
  outputShape: number | PartialShape;
  /** The output's letters along which there is a bias; default none. */
  biasAxes?: string | null;
}

const equationField: Field<string> = {
  check(value, place) {
    if (typeof value === 'string' && parse(value) !== undefined) return value.replace(/\s/g, '');
    throw refuseOption(place, 'of the form [X],[Y]->[Z], ...[X],[Y]->...[Z] or [X]...,[Y]->[Z]...', value);
  },
  write: (value) => value,
};

const shapeField: Field<PartialShape> = {
  check(value, place) {
    const list: unknown = typeof value === 'number' ? [value] : value;
    const isSize = (dim: unknown): boolean => dim === null || (Number.isInteger(dim) && (dim as number) > 0);
    if (Array.isArray(list) && list.every(isSize)) return list as PartialShape;
    throw refuseOption(place, 'a size, or sizes without the batch, null where they are the input’s', value);
  },
  write: (value) => [...value],
};

const lettersField: Field<string> = {
  check(value, place) {
    if (typeof value === 'string' && /^[A-Za-z]+$/.test(value)) return value;
    throw refuseOption(place, 'letters of the output', value);
  },
  write: (value) => value,
};

const { useBias: _, ...withoutBias } = kernelFields;
const einsumFields = {
  equation: equationField,
  outputShape: shapeField,
  biasAxes: optional(lettersField),
  ...withoutBias,
};

interface Terms {
  readonly input: string;
  readonly kernel: string;
  readonly output: string;
  /** Where `...` stands in input and output. */
  readonly hidden: 'left' | 'right' | 'none';
}

function parse(equation: string): Terms | undefined {
  const plain = equation.replace(/\s/g, '');
  const forms = [
    ['none', /^([A-Za-z]+),([A-Za-z]+)->([A-Za-z]+)$/],
    ['left', /^\.\.\.([A-Za-z]+),([A-Za-z]+)->\.\.\.([A-Za-z]+)$/],
    ['right', /^([A-Za-z]{2,})\.\.\.,([A-Za-z]+)->([A-Za-z]+)\.\.\.$/],
  ] as const;
  for (const [hidden, form] of forms) {
    const found = form.exec(plain);
    if (found !== null) {
      const [, input, kernel, output] = found as unknown as [string, string, string, string];
      return { input, kernel, output, hidden };
    }
  }
  return undefined;
}

/** Multiplies by a kernel as an equation of letters says, and adds a bias along some of the output's axes. */
export class EinsumDense extends ConfiguredLayer<typeof einsumFields> {
  static override readonly className: string = 'EinsumDense';
  static override readonly fields = einsumFields;
  private kernel!: Variable;
  private bias: Variable | undefined;

  constructor(options: EinsumDenseOptions) {
    super(options);
  }

  /** The kernel's shape, once it is built. */
  get kernelShape(): Shape {
    return this.kernel.shape;
  }

  private get terms(): Terms {
    return parse(this.settings.equation) as Terms;
  }

  private refuse(message: string, hint?: string): never {
    throw new FoveaError({
      code: 'shape',
      op: this.className,
      message: `${message} (equation "${this.settings.equation}").`,
      got: this.settings.equation,
      ...(hint === undefined ? {} : { hint }),
    });
  }

  override build([shape]: readonly [PartialShape, ...PartialShape[]]): void {
    const { kernelInitializer, ...set } = this.settings;
    const { kernelShape, biasShape, fans } = this.plan(shape);
    this.kernel = this.addConstrained({
      name: 'kernel',
      shape: kernelShape,
      initializer: scaledBy(kernelInitializer, fans),
      regularizer: set.kernelRegularizer,
      constraint: set.kernelConstraint,
    });
    if (biasShape === undefined) return;
    this.bias = this.addConstrained({
      name: 'bias',
      shape: biasShape,
      initializer: set.biasInitializer,
      regularizer: set.biasRegularizer,
      constraint: set.biasConstraint,
    });
  }

  /** The shapes of the weights, for an input of this shape. */
  private plan(shape: PartialShape): {
    kernelShape: Shape;
    biasShape: Shape | undefined;
    fans: readonly [number, number];
  } {
    const { outputShape, biasAxes } = this.settings;
    const { input, kernel, output, hidden } = this.terms;
    const elided = shape.length - input.length;
    if (elided < 0 || (elided > 0 && hidden === 'none')) {
      this.refuse(`expects an input of ${input.length} axes; got ${formatShape(shape)}`);
    }
    const batch = shape[0] ?? null;
    const full: PartialShape =
      hidden === 'left'
        ? [batch, ...shape.slice(1, elided), ...outputShape]
        : [batch, ...outputShape, ...(elided === 0 ? [] : shape.slice(-elided))];
    const before = hidden === 'left' ? elided : 0;
    if (full.length !== output.length + elided) {
      this.refuse(`outputShape ${formatShape(outputShape)} does not give the ${output.length} letters of the output`);
    }
    const inputSize = (letter: string): number | null => shape[input.indexOf(letter) + before] ?? null;
    const outputSize = (letter: string): number | null => full[output.indexOf(letter) + before] ?? null;
    for (const letter of input) {
      const [from, to] = [inputSize(letter), output.includes(letter) ? outputSize(letter) : null];
      if (to !== null && from !== null && to !== from) {
        this.refuse(`"${letter}" is ${from} long in the input and ${to} in outputShape`);
      }
    }
    for (const letter of output) {
      if (!input.includes(letter) && !kernel.includes(letter))
        this.refuse(`"${letter}" of the output is in neither input nor kernel`);
    }
    const fans: [number, number] = [1, 1];
    const kernelShape = [...kernel].map((letter) => {
      const isOutput = output.includes(letter);
      if (!isOutput && !input.includes(letter)) this.refuse(`"${letter}" of the kernel is in neither input nor output`);
      // A size that only the input knows may stand as null in outputShape.
      const size = (isOutput ? outputSize(letter) : null) ?? (input.includes(letter) ? inputSize(letter) : null);
      fans[isOutput ? 1 : 0] *= size ?? 1;
      return size ?? Number.NaN;
    });
    return {
      kernelShape,
      biasShape: biasAxes === null ? undefined : this.biasShape(biasAxes, full, before, elided),
      fans,
    };
  }

  private biasShape(axes: string, full: PartialShape, before: number, elided: number): Shape {
    const { output, hidden } = this.terms;
    for (const letter of axes) {
      if (!output.includes(letter)) this.refuse(`biasAxes "${axes}" names "${letter}", which the output lacks`);
    }
    const first = Math.min(...[...axes].map((letter) => output.indexOf(letter)));
    const sizes = [...output.slice(first)].map((letter, i) =>
      axes.includes(letter) ? (full[first + i + before] ?? Number.NaN) : 1,
    );
    return hidden === 'left' ? sizes : [...sizes, ...Array<number>(elided).fill(1)];
  }

  override call([x]: readonly [Tensor], context: CallContext): Tensor {
    const { equation, activation } = this.settings;
    const { input, hidden } = this.terms;
    const isFit = hidden === 'none' ? x.rank === input.length : x.rank >= input.length;
    if (!isFit) this.refuse(`expects an input of ${input.length} axes; got ${formatShape(x.shape)}`);
    const flat = this.asMatrices(x, context);
    if (flat !== undefined) return flat;
    const product = einsum(equation, x, this.kernel.value);
    return activation.call(this.bias === undefined ? product : add(product, this.bias.value), context);
  }

  /** One product of matrices, to which bias and activation can be folded, where the letters stand in that order. */
  private asMatrices(x: Tensor, context: CallContext): Tensor | undefined {
    const { activation } = this.settings;
    const { input, kernel, output, hidden } = this.terms;
    const summed = [...kernel].filter((letter) => input.includes(letter)).join('');
    const made = kernel.slice(summed.length);
    const kept = input.slice(0, input.length - summed.length);
    if (hidden === 'right' || !kernel.startsWith(summed) || !input.endsWith(summed) || output !== kept + made)
      return undefined;
    const { bias } = this;
    const matrix = this.kernel.value;
    const outer = x.shape.slice(0, x.rank - summed.length);
    const inner = matrix.shape.slice(summed.length);
    if (bias !== undefined && `${bias.shape}` !== `${inner}`) return undefined;
    const rows = reshape(x, [sizeOf(outer), sizeOf(x.shape.slice(outer.length))]);
    const product = matmul(rows, reshape(matrix, [sizeOf(matrix.shape.slice(0, summed.length)), sizeOf(inner)]));
    const total = bias === undefined ? product : add(product, reshape(bias.value, [sizeOf(inner)]));
    const shape = [...outer, ...inner];
    if (activation.isPointwise) return reshape(activation.call(total, context), shape);
    return activation.call(reshape(total, shape), context);
  }
}

const SCALED = /^(Glorot|He|Lecun)(Uniform|Normal)$|^VarianceScaling$/;

/** An initializer that goes by the numbers of inputs and outputs, told which axes of the kernel are which. */
function scaledBy(initializer: Initializer, [fanIn, fanOut]: readonly [number, number]): Initializer {
  if (!SCALED.test(initializer.className) || !Number.isFinite(fanIn * fanOut)) return initializer;
  return {
    className: initializer.className,
    values: () => initializer.values([fanIn, fanOut]),
    fill: (variable) => variable.set(initializer.values([fanIn, fanOut])),
    getConfig: () => initializer.getConfig(),
  };
}
