// Which convolutions a piece of work needs, and how long each algorithm takes for one: what `fovea bench` measures.
import { trace } from '../compile/trace.js';
import { bytesPerElement } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { type Shape, sizeOf } from '../core/shape.js';
import type { TensorType } from '../graph/op.js';
import type { Tensor } from '../graph/tensor.js';
import { convOps } from '../ops/conv.js';
import { CHOICES, type Choice, type ChoiceKey, parseKey } from '../ops/conv-choices.js';
import type { Engine } from './engine.js';
import { compileGraph, Executable } from './execute.js';
import { targetOf } from './precision.js';

/** The convolutions that are compiled while `work` runs and can be computed in more than one way, in that order. */
export async function recordConvolutions(engine: Engine, work: () => Promise<unknown>): Promise<string[]> {
  const keys = new Set<string>();
  const { choices } = engine;
  engine.choices = {
    get(key) {
      keys.add(key);
      return choices?.get(key);
    },
  };
  try {
    await work();
  } finally {
    engine.choices = choices;
  }
  return [...keys];
}

/** Calls in one Program: as in a network, where call follows call. */
const CALLS = 8;
const ROUNDS = 7;
/** Milliseconds that a turn should take. */
const TURN = 5;

/** Milliseconds of one convolution by each algorithm, which take turns; the middle of their turns. */
export async function timeConvolution(engine: Engine, text: string): Promise<Record<Choice, number>> {
  const key = parseKey(text);
  if (key === undefined)
    throw new FoveaError({ code: 'argument', op: 'bench', message: `'${text}' is no convolution.` });
  const contestants = await Promise.all(CHOICES.map((choice) => makeContestant(engine, key, choice)));
  try {
    for (let round = 0; round < ROUNDS; round++) for (const each of contestants) await each.turn();
    const [direct, winograd] = contestants.map(({ times }) => middle(times)) as [number, number];
    return { direct, winograd };
  } finally {
    for (const { drop } of contestants) drop();
  }
}

function middle(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[times.length >> 1] as number;
}

interface Contestant {
  /** Milliseconds of a call in each turn so far. */
  readonly times: readonly number[];
  turn(): Promise<void>;
  drop(): void;
}

async function makeContestant(engine: Engine, key: ChoiceKey, convolution: Choice): Promise<Contestant> {
  const types = typesOf(key);
  const { graph, arguments: leaves } = trace((...args) => [convolve(key, args as [Tensor, Tensor])], types);
  const isConstant = (leaf: unknown): boolean => key.isConstant && leaf === leaves[1];
  const program = compileGraph(graph, { target: { ...targetOf(engine), convolution }, isConstant });
  const instructions = Array.from({ length: CALLS }, () => program.instructions).flat();
  const executable = new Executable(engine, { ...program, instructions });
  const storages = program.bindings.map(({ kind, type }) => {
    if (kind === 'prepared') return executable.preparedBuffer();
    const bytes = sizeOf(type.shape) * bytesPerElement(type.dtype);
    const buffer = engine.allocate(Math.max(1, bytes));
    // Ones, or of bfloat16 numbers near one: nothing that computes slowly.
    engine.write(buffer, new Uint16Array(Math.ceil(bytes / 2)).fill(0x3f80).subarray(0, bytes >> 1));
    return buffer;
  });
  const prepared = { stamp: 0 };
  const run = (): Promise<void> => executable.runOver(storages, () => prepared as never);
  // Prepares, warms up, and tells how many runs make a turn.
  await run();
  const start = performance.now();
  await run();
  const runs = Math.max(1, Math.min(200, Math.round(TURN / (performance.now() - start))));
  const times: number[] = [];
  return {
    times,
    async turn() {
      const begin = performance.now();
      let last = Promise.resolve();
      for (let i = 0; i < runs; i++) last = run();
      await last;
      times.push((performance.now() - begin) / (runs * CALLS));
    },
    drop() {
      executable.dispose();
      program.bindings.forEach(({ kind }, i) => {
        const buffer = storages[i];
        if (kind !== 'prepared' && buffer !== undefined) engine.free(buffer);
      });
    },
  };
}

/** The two inputs of a pass. */
function typesOf({ pass, dtype, geometry: g }: ChoiceKey): TensorType[] {
  const x: Shape = [g.n, g.h, g.w, g.cin];
  const filter: Shape = [g.kh, g.kw, g.cin / g.groups, g.cout];
  const dy: Shape = [g.n, g.oh, g.ow, g.cout];
  const shapes = pass === 'forward' ? [x, filter] : pass === 'inputGradient' ? [dy, filter] : [x, dy];
  return shapes.map((shape) => ({ shape, dtype }));
}

function convolve({ pass, geometry: g }: ChoiceKey, inputs: [Tensor, Tensor]): Tensor {
  const params = {
    strides: [g.strideH, g.strideW],
    padding: [
      [g.padTop, (g.oh - 1) * g.strideH + (g.kh - 1) * g.dilationH + 1 - g.h - g.padTop],
      [g.padLeft, (g.ow - 1) * g.strideW + (g.kw - 1) * g.dilationW + 1 - g.w - g.padLeft],
    ],
    dilation: [g.dilationH, g.dilationW],
    groups: g.groups,
  } as const;
  const [forward, inputGradient, filterGradient] = convOps;
  if (pass === 'forward') return forward.one(inputs, params);
  if (pass === 'inputGradient') return inputGradient.one(inputs, { ...params, inputSize: [g.h, g.w] });
  return filterGradient.one(inputs, { ...params, filterSize: [g.kh, g.kw] });
}
