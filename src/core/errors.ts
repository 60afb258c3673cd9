// The one error type. Data first, text last: tests and tools read the fields, people the message.

/** What kind of thing went wrong. */
export type FoveaErrorCode =
  | 'shape'
  | 'dtype'
  | 'argument'
  | 'value'
  | 'range'
  | 'nan'
  | 'unsupported'
  | 'memory'
  | 'engine'
  | 'file'
  | 'format'
  | 'data'
  | 'network'
  | 'aborted'
  | 'disposed'
  | 'internal';

/** The parts of a `FoveaError`. `message` says what is wrong in one line. */
export interface FoveaErrorDetails {
  code: FoveaErrorCode;
  message: string;
  /** The op, layer or function that refuses, e.g. `conv2d`. */
  op?: string;
  /** Where: the layer's path in the model, or the file and the place in it. */
  path?: string;
  got?: unknown;
  want?: unknown;
  /** What to do about it, a sentence. */
  hint?: string;
  /** More lines between the message and the hint, such as the shapes involved. */
  lines?: readonly string[];
  cause?: unknown;
}

/**
 * An error that names what is wrong, what was got and wanted, the remedy and the place.
 *
 * @example
 * try {
 *   fovea.matmul(fovea.zeros([2, 3]), fovea.zeros([2, 3]));
 * } catch (error) {
 *   if (error instanceof fovea.FoveaError) console.log(error.code); // 'shape'
 * }
 */
export class FoveaError extends Error {
  readonly code: FoveaErrorCode;
  readonly op: string | undefined;
  readonly path: string | undefined;
  readonly got: unknown;
  readonly want: unknown;
  readonly hint: string | undefined;
  private readonly details: FoveaErrorDetails;

  constructor(details: FoveaErrorDetails) {
    super(formatError(details), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'FoveaError';
    this.details = details;
    this.code = details.code;
    this.op = details.op;
    this.path = details.path;
    this.got = details.got;
    this.want = details.want;
    this.hint = details.hint;
  }

  /** The same error with a place added, for a caller that knows more about where it happened. */
  at(path: string): FoveaError {
    return within({ ...this.details, path: this.path === undefined ? path : `${path}/${this.path}` });
  }
}

// Apart from the class: a class that names itself is renamed by bundlers, which then shows in stack traces.
const within = (details: FoveaErrorDetails): FoveaError => new FoveaError(details);

function formatError({ op, message, lines, hint, path }: FoveaErrorDetails): string {
  const text = [op === undefined ? message : `${op}: ${message}`];
  for (const line of lines ?? []) text.push(`  ${line}`);
  if (hint !== undefined) text.push(`  ${hint}`);
  if (path !== undefined) text.push(`  at ${path}`);
  return text.join('\n');
}
