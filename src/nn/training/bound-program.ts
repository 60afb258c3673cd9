// A traced step bound to its memory: arguments have buffers of their own that are written before each run,
// variables are bound to where they live now. A run allocates nothing.
import type { Dtype, TypedArray } from '../../core/dtype.js';
import { bytesPerElement } from '../../core/dtype.js';
import { sizeOf } from '../../core/shape.js';
import { type CompiledTrace, compileTrace } from '../../engine/compile.js';
import type { Engine, EngineBuffer } from '../../engine/engine.js';
import { bring, upload } from '../../engine/execute.js';
import type { Precision } from '../../engine/precision.js';
import type { Node } from '../../graph/node.js';
import type { TensorType } from '../../graph/op.js';
import { Storage } from '../../graph/storage.js';
import { fromStorage, type Tensor } from '../../graph/tensor.js';
import { variableChanges } from '../../graph/variable.js';

/** An array for one argument of a step. */
export interface ArgumentArray {
  readonly data: ArrayBufferView;
  readonly shape: readonly number[];
  readonly dtype: Dtype;
}

/** The array as a tensor. */
export function argumentTensor({ data, shape, dtype }: ArgumentArray): Tensor {
  const host = data as TypedArray;
  return fromStorage(new Storage(dtype, host.length, { host }), shape);
}

/** A compiled step with its buffers. */
export class BoundProgram {
  private readonly compiled: CompiledTrace;
  private readonly argumentBuffers: readonly EngineBuffer[];
  private readonly outputBuffers: readonly EngineBuffer[];
  private buffers: EngineBuffer[] = [];
  /** What stands behind the bindings of leaves. */
  private sources: (Storage | undefined)[] = [];
  private boundAt = -1;

  constructor(
    readonly engine: Engine,
    fn: (...args: Tensor[]) => readonly Tensor[],
    types: readonly TensorType[],
    precision?: Precision,
  ) {
    this.compiled = compileTrace(engine, fn, types, precision);
    const make = ({ shape, dtype }: TensorType): EngineBuffer =>
      engine.allocate(Math.max(1, sizeOf(shape) * bytesPerElement(dtype)));
    this.argumentBuffers = types.map(make);
    const outputs = this.compiled.executable.program.bindings.flatMap((binding) =>
      binding.kind === 'output' ? [binding] : [],
    );
    this.outputBuffers = outputs.sort((a, b) => a.index - b.index).map(({ type }) => make(type));
  }

  get program() {
    return this.compiled.executable.program;
  }

  /** Queues one run. Once this resolves the arguments may be reused; `finished` tells when the run is over. */
  async run(args: readonly ArgumentArray[]): Promise<{ finished: Promise<void> }> {
    if (this.boundAt !== variableChanges()) await this.bind();
    return { finished: this.start(args) };
  }

  /** Queues one run and gives its outputs. */
  async runAndRead(args: readonly ArgumentArray[]): Promise<ArrayBuffer[]> {
    if (this.boundAt !== variableChanges()) await this.bind();
    // Queued together, so that no other run's outputs come between.
    const finished = this.start(args);
    const [outputs] = await Promise.all([
      Promise.all(this.outputBuffers.map((buffer) => this.engine.read(buffer))),
      finished,
    ]);
    return outputs;
  }

  private start(args: readonly ArgumentArray[]): Promise<void> {
    args.forEach(({ data }, i) => {
      this.engine.write(this.argumentBuffers[i] as EngineBuffer, data);
    });
    for (const variable of this.compiled.assigned) variable.storage?.invalidateHost();
    return this.compiled.executable.runOver(this.buffers, (binding) => this.sources[binding] as Storage);
  }

  private async bind(): Promise<void> {
    const { executable, variables, assigned, arguments: leaves } = this.compiled;
    const isAssigned = new Set(assigned);
    const storages = new Map<Node, Storage>();
    // Owning a variable may move it, which counts as a change of its own.
    for (const [leaf, variable] of variables) {
      const storage = isAssigned.has(variable) ? await variable.own() : await variable.readable();
      storages.set(leaf, await bring(this.engine, storage));
    }
    const overwritten = new Set(assigned.map((variable) => variable.storage));
    this.boundAt = variableChanges();
    this.sources = [];
    this.buffers = executable.program.bindings.map((binding, at) => {
      if (binding.kind === 'prepared') return executable.preparedBuffer();
      if (binding.kind === 'output') return this.outputBuffers[binding.index] as EngineBuffer;
      const argument = leaves.indexOf(binding.node);
      if (argument >= 0) return this.argumentBuffers[argument] as EngineBuffer;
      const storage = storages.get(binding.node) ?? (binding.node.storage?.[binding.output] as Storage);
      this.sources[at] = storage;
      const buffer = upload(this.engine, storage);
      // What the Program will write over needs no copy: of a large network these are gigabytes.
      if (overwritten.has(storage)) storage.releaseHost((memory) => this.engine.discard?.(memory));
      return buffer;
    });
  }

  dispose(): void {
    this.compiled.executable.dispose();
    for (const buffer of [...this.argumentBuffers, ...this.outputBuffers]) this.engine.free(buffer);
  }
}
