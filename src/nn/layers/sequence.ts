// The makers of layers for sequences.

import { AdditiveAttention, type AdditiveAttentionOptions, Attention, type AttentionOptions } from './attention.js';
import {
  ConvLSTM1D,
  type ConvLSTM1DOptions,
  ConvLSTM2D,
  type ConvLSTM2DOptions,
  ConvLSTM3D,
  type ConvLSTM3DOptions,
} from './conv-lstm.js';
import { EinsumDense, type EinsumDenseOptions } from './einsum-dense.js';
import {
  LocallyConnected1D,
  type LocallyConnected1DOptions,
  LocallyConnected2D,
  type LocallyConnected2DOptions,
} from './locally-connected.js';
import { Masking, type MaskingOptions } from './masking.js';
import {
  GroupedQueryAttention,
  type GroupedQueryAttentionOptions,
  MultiHeadAttention,
  type MultiHeadAttentionOptions,
} from './multi-head-attention.js';
import { ActivityRegularization, type ActivityRegularizationOptions } from './other.js';
import {
  GRU,
  type GRUOptions,
  LSTM,
  type LSTMOptions,
  RNN,
  type RNNOptions,
  SimpleRNN,
  type SimpleRNNOptions,
} from './recurrent.js';
import {
  GRUCell,
  type GRUCellOptions,
  LSTMCell,
  type LSTMCellOptions,
  SimpleRNNCell,
  type SimpleRNNCellOptions,
} from './recurrent-cell.js';
import { SpectralNormalization, type SpectralNormalizationOptions } from './spectral-normalization.js';
import { StackedRNNCells, type StackedRNNCellsOptions } from './stacked-cells.js';
import { Bidirectional, type BidirectionalOptions, TimeDistributed, type TimeDistributedOptions } from './wrapper.js';

/** Marks time steps that hold nothing, for later layers to skip. */
export const masking = (options: MaskingOptions = {}): Masking => new Masking(options);

/**
 * A recurrent layer of any cell, or of several on top of each other.
 *
 * @example
 * const layer = layers.rnn({ cell: [layers.lstmCell({ units: 8 }), layers.gruCell({ units: 4 })] });
 */
export const rnn = (options: RNNOptions): RNN => new RNN(options);

/** The simplest recurrent layer: its output is fed back beside the next input. */
export const simpleRnn = (options: SimpleRNNOptions): SimpleRNN => new SimpleRNN(options);

/**
 * Long short-term memory over [n,time,features].
 *
 * @example
 * const model = models.sequential([layers.input([20, 8]), layers.lstm({ units: 16 }), layers.dense({ units: 1 })]);
 */
export const lstm = (options: LSTMOptions): LSTM => new LSTM(options);

/** Gated recurrent units over [n,time,features]. */
export const gru = (options: GRUOptions): GRU => new GRU(options);

/** One step of `simpleRnn`, for `rnn`. */
export const simpleRnnCell = (options: SimpleRNNCellOptions): SimpleRNNCell => new SimpleRNNCell(options);

/** One step of `lstm`, for `rnn`. */
export const lstmCell = (options: LSTMCellOptions): LSTMCell => new LSTMCell(options);

/** One step of `gru`, for `rnn`. */
export const gruCell = (options: GRUCellOptions): GRUCell => new GRUCell(options);

/** Cells on top of each other, for `rnn`. */
export const stackedRnnCells = (options: StackedRNNCellsOptions): StackedRNNCells => new StackedRNNCells(options);

/**
 * Multiplies by a kernel as an equation of letters says.
 *
 * @example
 * const heads = layers.einsumDense({ equation: 'abc,cde->abde', outputShape: [null, 4, 8], biasAxes: 'de' });
 */
export const einsumDense = (options: EinsumDenseOptions): EinsumDense => new EinsumDense(options);

/**
 * Attention with several heads; apply it to [query, value] or [query, value, key].
 *
 * @example
 * const x = layers.input([10, 16]);
 * const y = layers.multiHeadAttention({ numHeads: 2, keyDim: 8 }).apply([x, x], { useCausalMask: true });
 */
export const multiHeadAttention = (options: MultiHeadAttentionOptions): MultiHeadAttention =>
  new MultiHeadAttention(options);

/** Attention in which groups of query heads share keys and values; apply it to [query, value] or [query, value, key]. */
export const groupQueryAttention = (options: GroupedQueryAttentionOptions): GroupedQueryAttention =>
  new GroupedQueryAttention(options);

/** Attention by dot products; apply it to [query, value] or [query, value, key]. */
export const attention = (options: AttentionOptions = {}): Attention => new Attention(options);

/** Attention by a nonlinear sum; apply it to [query, value] or [query, value, key]. */
export const additiveAttention = (options: AdditiveAttentionOptions = {}): AdditiveAttention =>
  new AdditiveAttention(options);

export { Wrapper, type WrapperOptions } from './wrapper.js';

/** Applies a layer to every time step of [n,time,...]. */
export const timeDistributed = (options: TimeDistributedOptions): TimeDistributed => new TimeDistributed(options);

/**
 * Runs a recurrent layer like the given one in both directions.
 *
 * @example
 * const layer = layers.bidirectional({ layer: layers.lstm({ units: 8, returnSequences: true }), mergeMode: 'sum' });
 */
export const bidirectional = (options: BidirectionalOptions): Bidirectional => new Bidirectional(options);

/** Keeps the largest singular value of a layer's kernel at 1 while training. */
export const spectralNormalization = (options: SpectralNormalizationOptions): SpectralNormalization =>
  new SpectralNormalization(options);

/** Adds a penalty on what passes through it to the loss. */
export const activityRegularization = (options: ActivityRegularizationOptions = {}): ActivityRegularization =>
  new ActivityRegularization(options);

/** A convolutional LSTM over sequences of sequences, [n,time,length,channels]. */
export const convLstm1d = (options: ConvLSTM1DOptions): ConvLSTM1D => new ConvLSTM1D(options);

/** A convolutional LSTM over films, [n,time,h,w,channels]. */
export const convLstm2d = (options: ConvLSTM2DOptions): ConvLSTM2D => new ConvLSTM2D(options);

/** A convolutional LSTM over sequences of volumes, [n,time,depth,h,w,channels]. */
export const convLstm3d = (options: ConvLSTM3DOptions): ConvLSTM3D => new ConvLSTM3D(options);

/** Like `conv1d`, with filters of their own at every place. */
export const locallyConnected1d = (options: LocallyConnected1DOptions): LocallyConnected1D =>
  new LocallyConnected1D(options);

/** Like `conv2d`, with filters of their own at every place. */
export const locallyConnected2d = (options: LocallyConnected2DOptions): LocallyConnected2D =>
  new LocallyConnected2D(options);
