// Variables: tensors with a name that may be assigned. Inside a trace an assignment becomes an in-place
// update of the Program; outside it the variable simply takes the new (lazy) tensor.
import type { Dtype, TypedArray } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { formatShape, type Shape, sameShape, sizeOf } from '../core/shape.js';
import { type Node, variableOp } from './node.js';
import { currentRuntime } from './runtime.js';
import { Storage } from './storage.js';
import { fromStorage, placeholder, Tensor, whileTracing } from './tensor.js';

/** How a variable is made. */
export interface VariableOptions {
  name?: string;
  dtype?: Dtype;
  trainable?: boolean;
  /** The elements are nobody else's: their memory may be given up once an engine has them. */
  isOwn?: boolean;
  /** Whether `value` may be given in the dtype that its reader computes in, see `readingVariables`; default true. */
  isCast?: boolean;
}

/** What a trace notes of the variables it meets. */
export interface VariableScope {
  /** The leaf under which each variable was read or is updated. */
  readonly captured: Map<Variable, Node>;
  readonly assigned: Map<Variable, Tensor>;
}

let scope: VariableScope | undefined;

let reading: ((value: Tensor) => Tensor) | undefined;

/** Runs `body`, in which the value of every variable made with `isCast` is read through `read`; undefined: as it is. */
export function readingVariables<T>(read: ((value: Tensor) => Tensor) | undefined, body: () => T): T {
  const outer = reading;
  reading = read;
  try {
    return body();
  } finally {
    reading = outer;
  }
}

/** Runs `body` as a trace and tells which variables it read and assigned. */
export function traceVariables<T>(body: () => T): { result: T; scope: VariableScope } {
  const outer = scope;
  const inner: VariableScope = { captured: new Map(), assigned: new Map() };
  scope = inner;
  try {
    return { result: whileTracing(body), scope: inner };
  } finally {
    scope = outer;
  }
}

/**
 * A tensor that can be assigned: a weight, a statistic, a counter.
 *
 * @example
 * const counter = new fovea.Variable(fovea.tensor([0]), { name: 'counter' });
 * counter.assign(fovea.add(counter.value, 1));
 * console.log(await counter.value.data()); // [1]
 */
export class Variable {
  name: string;
  /** The name behind that of the layer that made it: `dense/kernel`. */
  path: string | undefined;
  trainable: boolean;
  /** What an optimizer does to the value after each update, where it has to obey something. */
  constraint: ((value: Tensor) => Tensor) | undefined;
  readonly shape: Shape;
  readonly dtype: Dtype;
  private readonly isCast: boolean;
  private current: Tensor;
  private isShared: boolean;
  private isFresh = false;

  constructor(initial: Tensor, options: VariableOptions = {}) {
    this.name = options.name ?? 'variable';
    this.trainable = options.trainable ?? true;
    this.shape = initial.shape;
    this.dtype = initial.dtype;
    this.isCast = options.isCast ?? true;
    this.current = initial;
    // Whoever made the tensor may still hold it.
    this.isShared = true;
  }

  /** A variable over elements on the host, or over what makes them when they are needed. */
  static from(
    elements: TypedArray | (() => TypedArray),
    shape: Shape,
    dtype: Dtype,
    options: VariableOptions = {},
  ): Variable {
    const storage = new Storage(dtype, sizeOf(shape), { host: elements, isOwn: options.isOwn ?? false });
    const variable = new Variable(fromStorage(storage, shape), options);
    variable.isShared = false;
    return variable;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  /** Whether the value is still the one that it began with: nobody set, loaded or trained it. */
  get isInitial(): boolean {
    return this.isFresh;
  }

  /** The value now; inside a trace, the value that the trace has assigned so far. */
  get value(): Tensor {
    return reading !== undefined && this.isCast ? reading(this.uncast) : this.uncast;
  }

  private get uncast(): Tensor {
    if (scope !== undefined) return scope.assigned.get(this) ?? this.capture(scope);
    // Whoever holds this tensor must not see a Program write over it.
    if (!this.isShared) changes++;
    this.isShared = true;
    return this.current;
  }

  /** Takes a new value. Throws `shape` where its shape or dtype differs. */
  assign(value: Tensor): void {
    if (!sameShape(value.shape, this.shape) || value.dtype !== this.dtype) {
      throw new FoveaError({
        code: 'shape',
        op: 'assign',
        message: `variable "${this.name}" is ${this.dtype} ${formatShape(this.shape)}; the value is ${value.dtype} ${formatShape(value.shape)}.`,
        got: value.shape,
        want: this.shape,
      });
    }
    if (scope !== undefined) {
      this.capture(scope);
      scope.assigned.set(this, value);
      return;
    }
    this.current = value;
    this.isShared = true;
    this.isFresh = false;
    changes++;
  }

  /** Takes new elements; `isOwn` says that nobody else holds the array. */
  set(elements: TypedArray, { isOwn = false }: { isOwn?: boolean } = {}): void {
    if (elements.length !== this.size) {
      throw new FoveaError({
        code: 'shape',
        op: 'set',
        message: `variable "${this.name}" of shape ${formatShape(this.shape)} holds ${this.size} elements; got ${elements.length}.`,
        got: elements.length,
        want: this.size,
      });
    }
    this.current = fromStorage(new Storage(this.dtype, elements.length, { host: elements, isOwn }), this.shape);
    this.isShared = false;
    this.isFresh = false;
    changes++;
  }

  /** Takes elements that are made when somebody needs them, and never where others are set before: they must fit. */
  setLater(make: () => TypedArray): void {
    this.current = fromStorage(new Storage(this.dtype, this.size, { host: make, isOwn: true }), this.shape);
    this.isShared = false;
    this.isFresh = false;
    changes++;
  }

  /** @internal Notes that the value of now is the one to begin with. */
  markInitial(): void {
    this.isFresh = true;
  }

  /** The elements now, as the caller's own copy (16-bit floats as bits). */
  async elements(): Promise<TypedArray> {
    return (await this.current.elements()).slice();
  }

  /** @internal The storage a Program may overwrite: computed, and nobody else's. */
  async own(): Promise<Storage> {
    this.isFresh = false;
    for (;;) {
      const storage = await this.readable();
      if (!this.isShared) return storage;
      const from = this.current;
      const elements = (await from.elements()).slice();
      // Unless it was assigned meanwhile.
      if (this.current === from) this.set(elements, { isOwn: true });
    }
  }

  /** @internal The storage a Program may read, computed. */
  async readable(): Promise<Storage> {
    for (;;) {
      const from = this.current;
      if (from.storage !== undefined) return from.storage;
      await currentRuntime().realize([from]);
      if (from.storage !== undefined) return from.storage;
      // A constant lives in no memory of its own.
      const elements = await from.elements();
      if (this.current === from) this.set(elements);
    }
  }

  /** @internal The storage, or undefined while it is not computed. */
  get storage(): Storage | undefined {
    return this.current.storage;
  }

  /** @internal The tensor behind the variable, without counting as a reader. */
  get tensor(): Tensor {
    return this.current;
  }

  dispose(): void {
    this.current.dispose();
  }

  private capture(into: VariableScope): Tensor {
    // A placeholder: the trace must not depend on the tensor that happens to be there now.
    const leaf = into.captured.get(this) ?? placeholder({ shape: this.shape, dtype: this.dtype }, variableOp).node;
    into.captured.set(this, leaf);
    return new Tensor(leaf);
  }
}

/** Inside a trace: replaces what has been assigned so far, e.g. to keep the old value under a condition. */
export function mapAssignments(map: (variable: Variable, assigned: Tensor, before: Tensor) => Tensor): void {
  if (scope === undefined) return;
  for (const [variable, assigned] of scope.assigned) {
    const before = new Tensor(scope.captured.get(variable) as Node);
    scope.assigned.set(variable, map(variable, assigned, before));
  }
}

let changes = 0;

/** @internal Grows whenever any variable takes other memory, so that bound Programs know to look again. */
export function variableChanges(): number {
  return changes;
}
