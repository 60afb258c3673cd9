// Layers from the steps of a plan, and their weights in the order of the file: biases first, then a norm's scales and statistics,
// then the filters.
import type { DarknetWeights } from '../../formats/darknet.js';
import type { Variable } from '../../graph/variable.js';
import type { Layer } from '../../nn/layer.js';
import { ChannelRange } from '../../nn/layers/architecture.js';
import { PaddedPooling2D, Reorg } from '../../nn/layers/foreign.js';
import * as layers from '../../nn/layers/index.js';
import { Model } from '../../nn/model.js';
import { fromTorch, torchForm } from '../../nn/named-weights.js';
import type { SymbolicTensor } from '../../nn/symbolic.js';
import type { DarknetPlan, DarknetStep, MapSize } from './plan.js';

/** Darknet adds it to variances. */
const EPSILON = 1e-5;

type Step<K> = Extract<DarknetStep, { kind: K }>;

/** The model of a plan. `floats` has as many numbers as the plan counts. */
export function buildDarknet(plan: DarknetPlan, floats: DarknetWeights | undefined, name = 'darknet'): Model {
  return new Builder(plan, floats).model(name);
}

class Builder {
  private readonly outputs: SymbolicTensor[] = [];
  private readonly input: SymbolicTensor;
  private at = '';

  constructor(
    private readonly plan: DarknetPlan,
    private readonly floats: DarknetWeights | undefined,
  ) {
    this.input = layers.input([...plan.input], { name: 'input' });
  }

  model(name: string): Model {
    const heads: Record<string, unknown>[] = [];
    const ends: SymbolicTensor[] = [];
    for (const step of this.plan.steps) {
      this.at = `${step.kind}_${step.section.index}`;
      const inputs = step.from.map((index) => this.outputs[index] ?? this.input);
      const made = this.step(step, inputs);
      this.outputs.push(made);
      if (step.kind === 'head') {
        heads.push({ ...step.settings, output: ends.length });
        ends.push(made);
      }
    }
    const outputs = ends.length > 0 ? [...new Set(ends)] : [this.outputs.at(-1) as SymbolicTensor];
    const model = new Model({
      inputs: this.input,
      outputs: outputs.length === 1 ? (outputs[0] as SymbolicTensor) : outputs,
      name,
    });
    const [height, width, channels] = this.plan.input;
    model.metadata = {
      source: 'darknet',
      ...(channels === 3 || channels === 1
        ? { preprocessing: { mode: 'scale', factor: 1 / 255, size: [height, width], channels } }
        : {}),
      ...(heads.length === 0
        ? {}
        : {
            heads: heads.map((head) => ({
              ...head,
              output: outputs.indexOf(ends[head.output as number] as SymbolicTensor),
            })),
          }),
    };
    return model;
  }

  private step(step: DarknetStep, inputs: readonly SymbolicTensor[]): SymbolicTensor {
    const [x] = inputs as [SymbolicTensor];
    switch (step.kind) {
      case 'convolution':
        return this.convolution(step, x);
      case 'dense':
        return this.dense(step, x);
      case 'maxpool': {
        const { window, strides, padding } = step;
        const before = Math.floor(padding / 2);
        const sides = [before, padding - before] as const;
        if (padding === 0) return this.apply(layers.maxPooling2d({ poolSize: window, strides, name: this.at }), x);
        return this.apply(
          new PaddedPooling2D({ poolSize: window, strides, padding: [sides, sides], name: this.at }),
          x,
        );
      }
      case 'average':
        return this.apply(layers.globalAveragePooling2d({ keepDims: true, name: this.at }), x);
      case 'route': {
        const { range } = step;
        if (range !== undefined)
          return this.apply(new ChannelRange({ from: range[0], to: range[1], name: this.at }), x);
        const maps = inputs.map((input, i) => this.asMap(input, i));
        return maps.length === 1 ? (maps[0] as SymbolicTensor) : layers.concatenate({ name: this.at }).apply(maps);
      }
      case 'shortcut': {
        const sum = layers.add({ name: this.at }).apply([...inputs]);
        return this.activate(sum, step.activation);
      }
      case 'scale': {
        const maps = inputs.map((input, i) => this.asMap(input, i));
        return layers.multiply({ name: this.at }).apply(maps);
      }
      case 'upsample': {
        const large = this.apply(layers.upSampling2d({ size: step.stride, name: this.at }), x);
        if (step.scale === 1) return large;
        return layers.rescaling({ scale: step.scale, name: `${this.at}_scale` }).apply(large);
      }
      case 'reorg':
        return this.apply(new Reorg({ stride: step.stride, name: this.at }), x);
      case 'dropout':
        return layers.dropout({ rate: step.rate, name: this.at }).apply(x);
      case 'activation':
        return this.activate(x, step.activation);
      case 'softmax':
        return this.softmax(step, x);
      case 'head':
      case 'nothing':
        return x;
    }
  }

  /** A layer that works on maps. */
  private apply(layer: Layer, x: SymbolicTensor): SymbolicTensor {
    return layer.apply(this.asMap(x, 0));
  }

  /** Vectors as maps of one cell. */
  private asMap(x: SymbolicTensor, i: number): SymbolicTensor {
    if (x.shape.length === 4) return x;
    const suffix = i === 0 ? '' : `_${i}`;
    return layers.reshape({ targetShape: [1, 1, x.shape[1] as number], name: `${this.at}_map${suffix}` }).apply(x);
  }

  /** Maps as vectors in Darknet's order: channels before rows and columns. */
  private asVector(x: SymbolicTensor): SymbolicTensor {
    if (x.shape.length === 2) return x;
    const [, height, width, channels] = x.shape as unknown as [null, ...MapSize];
    const isSimple = height * width === 1 || channels === 1;
    const turned = isSimple ? x : layers.permute({ dims: [3, 1, 2], name: `${this.at}_order` }).apply(x);
    return layers.flatten({ name: `${this.at}_flat` }).apply(turned);
  }

  private convolution(step: Step<'convolution'>, x: SymbolicTensor): SymbolicTensor {
    const { filters, kernel, strides, padding, dilation, groups, hasNorm } = step;
    const isSame = strides.every((stride) => stride === 1) && 2 * padding === dilation * (kernel - 1);
    const map = this.asMap(x, 0);
    const padded = isSame || padding === 0 ? map : layers.zeroPadding2d({ padding, name: `${this.at}_pad` }).apply(map);
    const layer = layers.conv2d({
      filters,
      kernelSize: kernel,
      strides,
      dilationRate: dilation,
      groups,
      padding: isSame && padding > 0 ? 'same' : 'valid',
      useBias: !hasNorm,
      name: this.at,
    });
    const y = layer.apply(padded);
    const normed = this.fill(layer, filters, y, hasNorm);
    return this.activate(normed, step.activation);
  }

  /** Takes a convolution's numbers from the file, and puts its norm behind it. */
  private fill(layer: Layer, filters: number, y: SymbolicTensor, hasNorm: boolean): SymbolicTensor {
    const { floats } = this;
    const biases = floats?.take(filters);
    const norm = hasNorm ? this.norm() : undefined;
    const out = norm === undefined ? y : norm.apply(y);
    if (norm !== undefined && floats !== undefined) {
      setAll(norm, {
        beta: biases,
        gamma: floats.take(filters),
        moving_mean: floats.take(filters),
        moving_variance: floats.take(filters),
      });
    }
    const kernel = weightOf(layer, 'kernel');
    const form = torchForm(layer, kernel);
    if (floats !== undefined && form !== undefined) kernel.set(fromTorch(floats.take(kernel.size), form));
    if (norm === undefined) setAll(layer, { bias: biases });
    return out;
  }

  private norm(): Layer {
    return layers.batchNormalization({ epsilon: EPSILON, momentum: 0.9, name: `${this.at}_norm` });
  }

  private dense(step: Step<'dense'>, x: SymbolicTensor): SymbolicTensor {
    const { units, hasNorm } = step;
    const layer = layers.dense({ units, useBias: !hasNorm, name: this.at });
    let y = layer.apply(this.asVector(x));
    const { floats } = this;
    const biases = floats?.take(units);
    const kernel = weightOf(layer, 'kernel');
    const [inputs] = kernel.shape as [number, number];
    if (floats !== undefined) {
      const matrix = floats.take(kernel.size);
      const form = { part: 'weight', shape: [units, inputs], view: [units, inputs], order: [1, 0] };
      kernel.set(floats.isTransposed ? matrix : fromTorch(matrix, form));
    }
    if (hasNorm) {
      const norm = this.norm();
      y = norm.apply(y);
      if (floats !== undefined)
        setAll(norm, {
          beta: biases,
          gamma: floats.take(units),
          moving_mean: floats.take(units),
          moving_variance: floats.take(units),
        });
    } else setAll(layer, { bias: biases });
    return this.activate(y, step.activation);
  }

  private activate(x: SymbolicTensor, activation: string): SymbolicTensor {
    const name = `${this.at}_${activation}`;
    if (activation === 'linear') return x;
    if (activation === 'leaky') return layers.leakyRelu({ negativeSlope: 0.1, name }).apply(x);
    const known = { logistic: 'sigmoid', swish: 'silu' } as Readonly<Record<string, 'sigmoid' | 'silu'>>;
    type Plain = 'relu' | 'relu6' | 'mish' | 'tanh' | 'elu' | 'selu';
    return layers.activation({ activation: known[activation] ?? (activation as Plain), name }).apply(x);
  }

  private softmax({ groups, temperature, size }: Step<'softmax'>, x: SymbolicTensor): SymbolicTensor {
    let y = this.asVector(x);
    if (temperature !== 1) y = layers.rescaling({ scale: 1 / temperature, name: `${this.at}_temperature` }).apply(y);
    if (groups === 1) return layers.softmax({ name: this.at }).apply(y);
    const parts = layers.reshape({ targetShape: [groups, size[2] / groups], name: `${this.at}_groups` }).apply(y);
    return layers.flatten({ name: `${this.at}_joined` }).apply(layers.softmax({ name: this.at }).apply(parts));
  }
}

function weightOf(layer: Layer, name: string): Variable {
  return layer.weights.find((weight) => weight.name === name) as Variable;
}

function setAll(layer: Layer, values: Readonly<Record<string, Float32Array | undefined>>): void {
  for (const [name, value] of Object.entries(values)) if (value !== undefined) weightOf(layer, name).set(value);
}
