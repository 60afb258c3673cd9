// Products with constant matrices as Dense layers, a bias that follows included.
import { Dense } from '../../../nn/layers/dense.js';
import type { SymbolValue, WeightMaker } from '../builder.js';
import type { HostValue } from '../values.js';
import { type LayerCallSite, type LayerMaker, permutedElements } from './call-site.js';

interface Product {
  /** [features, units] */
  readonly matrix: HostValue;
  readonly isTransposed: boolean;
  readonly factor: number;
  readonly bias: { readonly value: HostValue; readonly factor: number } | undefined;
}

/** Kernel elements; behind a flattened picture the rows in the order in which its elements are stored. */
function kernelOf({ matrix, isTransposed, factor }: Product, flattened: SymbolValue['flattened']): Float32Array {
  const rows = isTransposed ? permutedElements(matrix, [1, 0]) : new Float32Array(matrix.data as ArrayLike<number>);
  const units = matrix.shape[isTransposed ? 0 : 1] as number;
  if (factor !== 1) for (let i = 0; i < rows.length; i++) rows[i] = (rows[i] as number) * factor;
  if (flattened === undefined) return rows;
  const { channels, pixels } = flattened;
  // From rows by channel, then pixel, to rows by pixel, then channel.
  return permutedElements({ data: rows, shape: [channels, pixels, units] }, [1, 0, 2]);
}

function biasOf({ value, factor }: NonNullable<Product['bias']>, units: number): Float32Array {
  const data = value.data as ArrayLike<number>;
  return Float32Array.from({ length: units }, (_, i) => (data[data.length === 1 ? 0 : i] as number) * factor);
}

function dense(site: LayerCallSite, x: SymbolValue, product: Product, output: string): true {
  const { builder } = site;
  const units = product.matrix.shape[product.isTransposed ? 0 : 1] as number;
  const { bias } = product;
  const layer = new Dense({ units, useBias: bias !== undefined, name: builder.nameOf(site.node, site.source(1)) });
  const { matrix, isTransposed, factor } = product;
  const weights: WeightMaker[] = [
    {
      size: matrix.data.length,
      from: matrix,
      way: JSON.stringify([isTransposed, factor, x.flattened]),
      make: () => kernelOf(product, x.flattened),
    },
  ];
  if (bias !== undefined)
    weights.push({ size: units, from: bias.value, way: `${bias.factor}`, make: () => biasOf(bias, units) });
  // Only which axis is the last matters: sequences keep the batch where it is stored.
  const last = x.order.length - 1;
  const order = x.order[last] === last ? x.order : [...x.order.filter((axis) => axis !== last), last];
  const tensor = x.flattened === undefined ? builder.stored(x, order) : x.tensor;
  return site.finish(layer, [tensor], { order, dtype: x.dtype }, weights, output);
}

/** The value as it is stored, flattened pictures too. */
function rows(site: LayerCallSite): SymbolValue | undefined {
  const value = site.inputs[0];
  return value?.kind === 'symbol' ? value : undefined;
}

function isVector(value: HostValue, units: number): boolean {
  const { shape, data } = value;
  return data.length === 1 || (data.length === units && shape.at(-1) === units);
}

const gemm: LayerMaker = (site) => {
  const x = rows(site);
  const matrix = site.constant(1);
  const c = site.constant(2);
  if (x === undefined || matrix === undefined || matrix.shape.length !== 2 || x.order.length !== 2) return false;
  if (site.flag('transA') || (site.isGiven(2) && c === undefined)) return false;
  const isTransposed = site.flag('transB');
  const units = matrix.shape[isTransposed ? 0 : 1] as number;
  if (c !== undefined && !isVector(c, units)) return false;
  const bias = c === undefined ? undefined : { value: c, factor: site.float('beta', 1) };
  return dense(site, x, { matrix, isTransposed, factor: site.float('alpha', 1), bias }, site.output);
};

const matMul: LayerMaker = (site) => {
  const x = rows(site);
  const matrix = site.constant(1);
  if (x === undefined || matrix === undefined || matrix.shape.length !== 2 || x.order.length < 2) return false;
  const units = matrix.shape[1] as number;
  const product = { matrix, isTransposed: false, factor: 1, bias: undefined };
  // A sum with a vector that nothing stands between is the bias.
  const next = site.builder.onlyReader(site.output);
  if (next?.opType === 'Add' && next.domain === '') {
    const other = next.inputs.find((name) => name !== site.output);
    const value = other === undefined ? undefined : site.builder.values.get(other);
    // A matrix that goes with several biases is a layer without one, and stays one matrix.
    const isTied = other !== undefined && site.builder.isReadMore(site.node.inputs[1] as string, other);
    if (!isTied && value?.kind === 'constant' && value.value.shape.length === 1 && value.value.shape[0] === units) {
      site.builder.taken.add(next);
      return dense(site, x, { ...product, bias: { value: value.value, factor: 1 } }, next.outputs[0] as string);
    }
  }
  return dense(site, x, product, site.output);
};

export const denseLayers: Readonly<Record<string, LayerMaker>> = { Gemm: gemm, MatMul: matMul };
