// What is said between the main thread and a data worker: a task has some elements, the reply their pictures.
import { FoveaError, type FoveaErrorCode } from '../../core/errors.js';
import type { PackagePlaces } from '../codecs/packages.js';
import type { HostArray } from '../host-array.js';
import type { Stage } from '../steps.js';

/** Where an element's picture is. */
export type Source =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'address'; readonly url: string }
  /** Part of a zip file: from its local header on, at least to its end. */
  | {
      readonly kind: 'zip';
      readonly archive: { readonly path: string } | { readonly url: string } | { readonly bytes: Uint8Array };
      readonly name: string;
      readonly at: number;
      readonly packed: number;
      readonly isDeflated: boolean;
    }
  /** Pixels, or a file's bytes, that are in memory. */
  | { readonly kind: 'array'; readonly x: HostArray };

/** What a picture is called in errors. */
export function nameOf(source: Source): string | undefined {
  if (source.kind === 'file') return source.path;
  if (source.kind === 'address') return source.url;
  return source.kind === 'zip' ? source.name : undefined;
}

/** Some elements to read and prepare. */
export interface Task {
  readonly stages: readonly Stage[];
  readonly sources: readonly Source[];
  /** Pass and index of every random stage of every element. */
  readonly draws: readonly (readonly number[])[];
  /** Labels, where a stage looks at them. */
  readonly ys: readonly (HostArray | undefined)[] | undefined;
  /** Whether the pictures become one array, or several. */
  readonly isStacked: boolean;
  /** Memory for the one array; it is the task's now. */
  readonly spare?: ArrayBuffer | undefined;
}

/** An element that could not be prepared. */
export interface Failure {
  readonly at: number;
  readonly error: PlainError;
}

export interface TaskResult {
  /** Of the elements that did not fail, in their order; stacked: one array with a row for each. */
  readonly x: readonly HostArray[];
  readonly ys: readonly (HostArray | undefined)[] | undefined;
  readonly weights: readonly (HostArray | undefined)[] | undefined;
  readonly failures: readonly Failure[];
}

/** To a worker. */
export interface WorkerRequest {
  readonly id: number;
  readonly task: Task;
  /** Where packages that decode pictures are. */
  readonly packages: PackagePlaces;
}

/** From a worker. */
export interface WorkerReply {
  readonly id: number;
  readonly result?: TaskResult;
  readonly error?: PlainError;
}

/** An error as plain data. */
export interface PlainError {
  readonly text: string;
  readonly details?: {
    readonly code: FoveaErrorCode;
    readonly op: string | undefined;
    readonly path: string | undefined;
    readonly got: unknown;
    readonly want: unknown;
    readonly hint: string | undefined;
  };
}

export function toPlainError(error: unknown): PlainError {
  if (!(error instanceof FoveaError)) {
    return { text: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  const { code, op, path, hint } = error;
  // Values may be functions, which cannot be sent.
  const plain = (value: unknown): unknown =>
    typeof value === 'function' || typeof value === 'symbol' ? String(value) : value;
  return { text: error.message, details: { code, op, path, got: plain(error.got), want: plain(error.want), hint } };
}

/** The error again, with the same text and fields; one of a user's function names the picture. */
export function fromPlainError({ text, details }: PlainError, name: string | undefined): FoveaError {
  if (details === undefined) {
    const [first, ...rest] = text.split('\n');
    return new FoveaError({
      code: 'value',
      op: 'map',
      message: `${name === undefined ? 'an element' : name}: ${first}`,
      ...(name === undefined ? {} : { path: name }),
      lines: rest.slice(0, 4).map((line) => line.trim()),
    });
  }
  const { code, op, path, got, want, hint } = details;
  const [first = '', ...rest] = text.split('\n');
  const lines = rest.map((line) => line.replace(/^ {2}/, '')).filter((line) => line !== hint && line !== `at ${path}`);
  return new FoveaError({
    code,
    message: op !== undefined && first.startsWith(`${op}: `) ? first.slice(op.length + 2) : first,
    ...(op === undefined ? {} : { op }),
    ...(path === undefined ? {} : { path }),
    ...(lines.length === 0 ? {} : { lines }),
    got,
    want,
    ...(hint === undefined ? {} : { hint }),
  });
}
