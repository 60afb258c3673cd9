// The bytes behind a realised tensor: on the host, in an engine, or in both.
import type { Dtype, TypedArray } from '../core/dtype.js';
import { bytesPerElement } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';

/** Memory of an engine, as the runtime hands it out. */
export interface DeviceMemory {
  readonly byteLength: number;
  read(): Promise<ArrayBuffer>;
  free(): void;
}

let stamps = 0;

/** One tensor's elements. At least one of `host` and `device` is there until it is disposed. */
export class Storage {
  readonly dtype: Dtype;
  readonly size: number;
  private currentStamp = ++stamps;
  private hostArray: TypedArray | undefined;
  /** Makes the host's array when somebody asks for it first. */
  private make: (() => TypedArray) | undefined;
  /** Nobody else can hold the host's array. */
  private isOwn: boolean;
  private deviceMemory: DeviceMemory | undefined;
  private isDisposed = false;
  /** The run that computes the elements, while it may still fail. */
  private run: Promise<void> | undefined;
  private failure: unknown;

  constructor(
    dtype: Dtype,
    size: number,
    from: { host?: TypedArray | (() => TypedArray); device?: DeviceMemory; isOwn?: boolean },
  ) {
    this.dtype = dtype;
    this.size = size;
    if (typeof from.host === 'function') this.make = from.host;
    else this.hostArray = from.host;
    this.isOwn = from.isOwn ?? false;
    this.deviceMemory = from.device;
    if (from.device !== undefined) collect(this, from.device);
  }

  get byteLength(): number {
    return this.size * bytesPerElement(this.dtype);
  }

  /** A number that no other elements have: it changes when a Program writes over these. */
  get stamp(): number {
    return this.currentStamp;
  }

  get host(): TypedArray | undefined {
    // Who has it may keep it.
    this.isOwn = false;
    return this.hostToCopy;
  }

  /** `host` for callers that keep no reference to it. */
  get hostToCopy(): TypedArray | undefined {
    this.check();
    if (this.make !== undefined) {
      this.hostArray = this.make();
      this.make = undefined;
    }
    return this.hostArray;
  }

  get device(): DeviceMemory | undefined {
    this.check();
    return this.deviceMemory;
  }

  /** Notes a copy in an engine; it is freed when this storage is disposed or collected. */
  attach(device: DeviceMemory): void {
    this.deviceMemory?.free();
    this.deviceMemory = device;
    collect(this, device);
  }

  /** Notes the run that fills the engine's copy: reading waits for it, and fails as it does. */
  follow(run: Promise<void>): void {
    const mine = run.then(
      () => {
        if (this.run === mine) this.run = undefined;
      },
      (error: unknown) => {
        this.failure = error;
      },
    );
    this.run = mine;
  }

  /** Resolves once the elements are there. Throws what the run that computes them threw. */
  async settle(): Promise<void> {
    await this.run;
    this.check();
  }

  /** Says that the engine's copy was overwritten by a Program. */
  invalidateHost(): void {
    this.hostArray = undefined;
    this.make = undefined;
    this.currentStamp = ++stamps;
  }

  /** Gives up the host's copy, where an engine has one that is about to change; `discard` is given what nobody else can hold. */
  releaseHost(discard?: (buffer: ArrayBuffer) => void): void {
    const buffer = this.hostArray?.buffer;
    if (this.deviceMemory === undefined || buffer === undefined) return;
    this.hostArray = undefined;
    if (this.isOwn && buffer instanceof ArrayBuffer) discard?.(buffer);
  }

  /** Gives up the engine's copy, for an engine that ends; the host's copy must exist. */
  detach(): void {
    const device = this.deviceMemory;
    this.deviceMemory = undefined;
    if (device !== undefined) {
      registry.unregister(this);
      device.free();
    }
  }

  /** Replaces the elements on the host; the engine's copy is given up. */
  replaceHost(host: TypedArray): void {
    this.check();
    this.detach();
    this.hostArray = host;
    this.make = undefined;
    this.isOwn = false;
  }

  /** The elements, read back from the engine where the host has none. The caller must not change them. */
  async read(make: (dtype: Dtype, bytes: ArrayBuffer) => TypedArray): Promise<TypedArray> {
    const { host } = this;
    if (host !== undefined) return host;
    if (this.size === 0) return make(this.dtype, new ArrayBuffer(0));
    // Queued behind the run, so there is no need to wait for the one before asking for the other.
    const [bytes] = await Promise.all([(this.deviceMemory as DeviceMemory).read(), this.run]);
    if (this.failure !== undefined) throw this.failure;
    return make(this.dtype, bytes);
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.detach();
    this.hostArray = undefined;
    this.make = undefined;
    this.isDisposed = true;
  }

  private check(): void {
    if (this.failure !== undefined) throw this.failure;
    if (this.isDisposed) {
      throw new FoveaError({
        code: 'disposed',
        op: 'tensor',
        message: 'this tensor was disposed.',
        hint: 'Read it before dispose(), or leave it to the garbage collector.',
      });
    }
  }
}

const registry = new FinalizationRegistry<DeviceMemory>((device) => device.free());

function collect(storage: Storage, device: DeviceMemory): void {
  registry.unregister(storage);
  registry.register(storage, device, storage);
}
