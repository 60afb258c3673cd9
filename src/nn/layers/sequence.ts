// The makers of layers for sequences.

import { Masking, type MaskingOptions } from './masking.js';
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
import { StackedRNNCells, type StackedRNNCellsOptions } from './stacked-cells.js';

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
