// predict: batches in, plain arrays out. One Program per batch shape; the next batch computes while one is read.
import { FoveaError } from '../../core/errors.js';
import { sizeOf } from '../../core/shape.js';
import type { Engine } from '../../engine/engine.js';
import { convolutionOf } from '../../engine/precision.js';
import { type Profile, profile } from '../../engine/profile.js';
import { Tensor } from '../../graph/tensor.js';
import { cast } from '../../ops/index.js';
import { inferenceContext, withContext } from '../call-context.js';
import { checkInput } from '../functional.js';
import type { TrainableModel } from '../model.js';
import type { PartialShape } from '../symbolic.js';
import type { BatchSource, HostBatch } from './batches.js';
import { argumentTensor, BoundProgram } from './bound-program.js';
import { StepBatch } from './step.js';
import type { Prediction, Predictions, PredictOptions } from './types.js';

/** Predicts with one model on one engine. */
export class Predictor {
  private readonly programs = new Map<string, BoundProgram>();

  constructor(
    readonly engine: Engine,
    private readonly model: TrainableModel,
  ) {}

  async run(source: BatchSource, { steps, signal }: PredictOptions): Promise<Predictions> {
    if (source.steps === Number.POSITIVE_INFINITY && steps === undefined) {
      throw new FoveaError({ code: 'argument', op: 'predict', message: 'the data is endless.', hint: 'Give steps.' });
    }
    const parts: Promise<Prediction[]>[] = [];
    let step = 0;
    for await (const batch of source.batches(0)) {
      if (step === steps) break;
      signal?.throwIfAborted();
      if (this.model.fixesInputs) {
        this.model.inputs.forEach((input, i) => {
          checkInput(input, batch.x[i] as HostBatch['x'][number]);
        });
      }
      parts.push(this.runBatch(batch));
      step++;
      // Two batches in the queue keep the engine busy; more would only hold memory.
      if (parts.length > 2) await parts[parts.length - 3];
    }
    return join(await Promise.all(parts), this.model);
  }

  /** Times a prediction of one batch, kernel call by kernel call. */
  profile(batch: HostBatch, runs: number | undefined): Promise<Profile> {
    const precision = this.model.training.compiled?.options.precision;
    return profile(this.trace, batch.x.map(argumentTensor), { precision, ...(runs === undefined ? {} : { runs }) });
  }

  private readonly trace = (...given: Tensor[]): readonly Tensor[] => {
    const inputs = given.map((each, i) => cast(each, this.model.inputDtype(i, each.dtype)));
    const batch = new StepBatch(inputs, [], undefined, inferenceContext);
    const outputs = withContext(inferenceContext, () => this.model.predictStep(batch));
    this.model.clearLosses();
    return (outputs instanceof Tensor ? [outputs] : Object.values(outputs)).map((each) => cast(each, 'float32'));
  };

  private async runBatch(batch: HostBatch): Promise<Prediction[]> {
    const precision = this.model.training.compiled?.options.precision;
    const key = [convolutionOf(precision), ...batch.x.map(({ shape, dtype }) => `${dtype}[${shape}]`)].join();
    let program = this.programs.get(key);
    if (program === undefined) {
      program = new BoundProgram(
        this.engine,
        this.trace,
        batch.x.map(({ shape, dtype }) => ({ shape, dtype })),
        precision,
      );
      this.programs.set(key, program);
    }
    const buffers = await program.runAndRead(batch.x);
    const types = program.program.bindings.flatMap((binding) => (binding.kind === 'output' ? [binding] : []));
    return types.map(({ index, type }) => ({
      data: new Float32Array(buffers[index] as ArrayBuffer, 0, sizeOf(type.shape)),
      shape: type.shape,
      dtype: 'float32',
    }));
  }

  dispose(): void {
    for (const program of this.programs.values()) program.dispose();
    this.programs.clear();
  }
}

function join(parts: readonly (readonly Prediction[])[], model: TrainableModel): Predictions {
  // No batch at all: then the model knows what there would be.
  const types: readonly { shape: PartialShape }[] = parts[0] ?? model.outputs;
  const outputs = types.map(({ shape }, i): Prediction => {
    const arrays = parts.map((part) => part[i] as Prediction);
    const inner = shape.slice(1).map((dim) => dim ?? 0);
    const data = arrays.length === 1 ? (arrays[0] as Prediction).data : concatenate(arrays);
    return {
      data,
      shape: [arrays.reduce((rows, array) => rows + (array.shape[0] as number), 0), ...inner],
      dtype: 'float32',
    };
  });
  const names = model.isKnown ? model.outputNames : [];
  const isNamed = names.length === outputs.length;
  const named = Object.fromEntries(isNamed ? names.map((name, i) => [name, outputs[i] as Prediction]) : []);
  return { ...(outputs[0] as Prediction), outputs, named };
}

function concatenate(arrays: readonly Prediction[]): Float32Array {
  const out = new Float32Array(arrays.reduce((size, { data }) => size + data.length, 0));
  let at = 0;
  for (const { data } of arrays) {
    out.set(data, at);
    at += data.length;
  }
  return out;
}
