// A task's elements one after another: read, decoded, put through the stages, written behind each other. The same in a worker
// and in the main thread.
import { FoveaError } from '../../core/errors.js';
import { isNode } from '../../core/node-files.js';
import { formatShape } from '../../core/shape.js';
import { decodePixels } from '../codecs/decode.js';
import { dtypeOf, type HostArray, type HostData, type HostDtype, makeHostData, toHostArray } from '../host-array.js';
import type { Stage, WorkerContext } from '../steps.js';
import { type Failure, nameOf, type Source, type Task, type TaskResult, toPlainError } from './messages.js';
import { Picture } from './picture.js';
import { readSource } from './read.js';
import { applySteps, Boxes, Draws } from './steps.js';

/** An element on its way. */
interface Element {
  picture: Picture;
  y: HostArray | undefined;
  sampleWeight: HostArray | undefined;
}

/** Does a task. Elements that fail are listed; whatever else goes wrong rejects. */
export async function runTask(task: Task): Promise<TaskResult> {
  const failures: Failure[] = [];
  const ys: (HostArray | undefined)[] = [];
  const weights: (HostArray | undefined)[] = [];
  const out = new Output(task);
  // Addresses answer slowly and files fast: those are asked for all at once, these read when it is their turn.
  const waiting = task.sources.map((source) => {
    const bytes = source.kind === 'address' ? readSource(source) : undefined;
    bytes?.catch(() => {});
    return bytes;
  });
  for (const [at, source] of task.sources.entries()) {
    try {
      const element = await runElement(task, at, source, waiting[at]);
      out.add(element.picture, nameOf(source));
      ys.push(element.y);
      weights.push(element.sampleWeight);
    } catch (error) {
      failures.push({ at, error: toPlainError(error) });
    }
  }
  const isLabelled = task.ys !== undefined;
  return { x: out.finish(), ys: isLabelled ? ys : undefined, weights: isLabelled ? weights : undefined, failures };
}

async function runElement(
  task: Task,
  at: number,
  source: Source,
  waiting: Promise<Uint8Array> | undefined,
): Promise<Element> {
  const name = nameOf(source);
  const element: Element = {
    picture: await openPicture(source, task.stages, waiting),
    y: task.ys?.[at],
    sampleWeight: undefined,
  };
  const draws = task.draws[at] as readonly number[];
  for (const stage of task.stages) {
    const pass = stage.draw < 0 ? 0 : (draws[2 * stage.draw] as number);
    const index = stage.draw < 0 ? 0 : (draws[2 * stage.draw + 1] as number);
    if (stage.steps !== undefined) {
      const boxes = stage.boxes && element.y !== undefined ? new Boxes(element.y) : undefined;
      const decode = stage.steps.find((step) => step.op === 'decode');
      if (decode !== undefined) {
        if (element.picture.shape.length === 1) {
          const bytes = element.picture.toArray().data as Uint8Array;
          element.picture = await decodePicture(bytes, name, decode.applyOrientation ?? true);
        }
        element.picture.convert(decode.channels ?? 3);
      }
      applySteps(element.picture, stage.steps, new Draws(stage.seed, pass, index), boxes);
      if (boxes !== undefined) element.y = boxes.toArray();
    } else if (stage.call !== undefined) await callFunction(element, stage, { pass, index, path: name });
  }
  return element;
}

/** The picture before the first stage. A file is decoded at once, as its first step must be to decode it. */
async function openPicture(
  source: Source,
  stages: readonly Stage[],
  waiting: Promise<Uint8Array> | undefined,
): Promise<Picture> {
  if (source.kind === 'array') return Picture.fromArray(source.x);
  const bytes = await (waiting ?? readSource(source));
  const first = stages[0]?.steps?.[0];
  const isTurned = first?.op === 'decode' ? (first.applyOrientation ?? true) : true;
  return decodePicture(bytes, nameOf(source), isTurned);
}

async function decodePicture(bytes: Uint8Array, name: string | undefined, isTurned: boolean): Promise<Picture> {
  return Picture.fromPixels(await decodePixels(bytes, name ?? 'the picture', isTurned));
}

type UserFunction = (example: unknown, context: WorkerContext) => unknown;

async function callFunction(
  element: Element,
  { call, seed }: Stage,
  { pass, index, path }: { pass: number; index: number; path: string | undefined },
): Promise<void> {
  const { module, name, options } = call as NonNullable<Stage['call']>;
  const fn = await findFunction(module, name);
  const draws = new Draws(seed, pass, index);
  let drawn = 0;
  const example = { x: element.picture.toArray(), y: element.y, sampleWeight: element.sampleWeight };
  const result = await fn(example, { pass, index, path, options, random: () => draws.of(0, drawn++) });
  if (typeof result !== 'object' || result === null || !('x' in result)) {
    throw new FoveaError({
      code: 'value',
      op: 'map',
      message: `${name} of ${module} gave ${result === null ? 'null' : typeof result} instead of an example.`,
      got: typeof result,
      hint: 'Return { x, y }.',
    });
  }
  const { x, y, sampleWeight } = result as { x: HostArray; y?: HostArray; sampleWeight?: HostArray };
  element.picture = Picture.fromArray(toHostArray(x, 'map'));
  element.y = y === undefined ? undefined : toHostArray(y, 'map');
  element.sampleWeight = sampleWeight === undefined ? undefined : toHostArray(sampleWeight, 'map');
}

async function findFunction(module: string, name: string): Promise<UserFunction> {
  let exported: Record<string, unknown>;
  try {
    exported = (await import(/* @vite-ignore */ /* webpackIgnore: true */ module)) as Record<string, unknown>;
  } catch (error) {
    throw new FoveaError({
      code: 'argument',
      op: 'map',
      message: `the module ${module} could not be loaded: ${error instanceof Error ? error.message : String(error)}.`,
      got: module,
      hint: `Give an absolute address, as a rule new URL('./prepare.js', import.meta.url)${isNode() ? ', of a file that Node itself can run' : ''}.`,
      cause: error,
    });
  }
  const fn = exported[name];
  if (typeof fn === 'function') return fn as UserFunction;
  throw new FoveaError({
    code: 'argument',
    op: 'map',
    message: `${module} exports no function ${name}.`,
    got: name,
    want: Object.keys(exported).sort(),
    hint: `It exports ${Object.keys(exported).sort().join(', ') || 'nothing'}.`,
  });
}

/** Gathers finished pictures: one array with a row for each, or an array each. */
class Output {
  private readonly arrays: HostArray[] = [];
  private data: HostData | undefined;
  private shape: readonly number[] = [];
  private rows = 0;

  private readonly isStacked: boolean;
  private readonly most: number;

  constructor(private readonly task: Task) {
    this.isStacked = task.isStacked;
    this.most = task.sources.length;
  }

  add(picture: Picture, name: string | undefined): void {
    if (!this.isStacked) {
      this.arrays.push(ownArray(picture.toArray()));
      return;
    }
    const { shape, dtype } = picture;
    const size = shape.reduce((product, dim) => product * dim, 1);
    if (this.data === undefined) {
      this.data = dataOver(this.task.spare, dtype, this.most * size);
      this.shape = shape;
    }
    if (formatShape(shape) !== formatShape(this.shape) || dtype !== dtypeOf(this.data)) {
      throw new FoveaError({
        code: 'shape',
        op: 'batch',
        message: `${name ?? 'an element'} has the shape ${formatShape(shape)} (${dtype}) where the first of its batch has ${formatShape(this.shape)} (${dtypeOf(this.data)}).`,
        ...(name === undefined ? {} : { path: name }),
        got: shape,
        want: this.shape,
        hint: 'Resize or crop so that all have one shape.',
      });
    }
    picture.writeTo(this.data, this.rows * size);
    this.rows++;
  }

  finish(): HostArray[] {
    if (!this.isStacked) return this.arrays;
    if (this.data === undefined) return [];
    const size = this.shape.reduce((product, dim) => product * dim, 1);
    const data = this.rows === this.most ? this.data : this.data.slice(0, this.rows * size);
    return [{ data, shape: [this.rows, ...this.shape], dtype: dtypeOf(data) }];
  }
}

/** What is sent to another thread must be nobody else's: here a part of something larger, or what a step left as it was. */
function ownArray(array: HostArray): HostArray {
  return { ...array, data: array.data.slice() };
}

/** An array in memory that is at hand, where it has the right size, or in new memory. */
function dataOver(spare: ArrayBuffer | undefined, dtype: HostDtype, length: number): HostData {
  if (spare === undefined || spare.byteLength !== length * (dtype === 'uint8' ? 1 : 4))
    return makeHostData(dtype, length);
  if (dtype === 'uint8') return new Uint8Array(spare);
  return dtype === 'int32' ? new Int32Array(spare) : new Float32Array(spare);
}
