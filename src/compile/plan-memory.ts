// Gives every value its place: the caller's buffers for what comes in and goes out, one workspace for the
// rest, where regions whose lives do not overlap share bytes. Pointwise results may take over an input's place.
import { ALIGNMENT } from '../core/abi.js';
import { bytesPerElement } from '../core/dtype.js';
import { sizeOf } from '../core/shape.js';
import { constantOp, type Node } from '../graph/node.js';
import type { KernelCall, TensorType } from '../graph/op.js';
import { Tensor } from '../graph/tensor.js';
import { type FusedParams, fusedOp, keyInputs } from './fuse-pointwise.js';
import { type Graph, TensorMap } from './graph.js';
import { readsOf } from './hoist.js';
import { isWhole, type Placements } from './layout.js';

/** A buffer that the caller gives a Program. */
export type Binding =
  /** `output` tells which of a realised node's outputs it is. */
  | { readonly kind: 'leaf'; readonly node: Node; readonly output: number; readonly type: TensorType }
  | { readonly kind: 'output'; readonly index: number; readonly type: TensorType }
  /** What `prepare` has made of the weights, as bytes; the last binding. */
  | { readonly kind: 'prepared'; readonly type: TensorType };

/** Where a value's root lies. */
export type Location =
  | { readonly space: 'workspace'; readonly offset: number }
  | { readonly space: 'constants'; readonly offset: number }
  | { readonly space: 'binding'; readonly index: number }
  | { readonly space: 'prepared'; readonly offset: number };

/** A copy at the end of the Program, for an update that could not be written in place. */
export interface FinalCopy {
  readonly value: Tensor;
  readonly binding: number;
}

/** The memory of a Program. */
export interface MemoryPlan {
  readonly bindings: readonly Binding[];
  readonly locations: TensorMap<Location>;
  /** Where each step's scratch lies. */
  readonly scratch: readonly (number | undefined)[];
  /** Where each node's 'prepared' operand lies. */
  readonly prepared: ReadonlyMap<Node, Location>;
  readonly workspaceBytes: number;
  readonly constants: readonly Tensor[];
  readonly constantBytes: number;
  readonly finalCopies: readonly FinalCopy[];
  /** Regions of the workspace by life, for tests and `explain`. */
  readonly regions: readonly Region[];
}

/** Bytes of the workspace that are taken from step `first` to step `last`. */
export interface Region {
  readonly bytes: number;
  readonly first: number;
  last: number;
  offset: number;
}

/** A scheduled node, or a part of it: kernel calls that run one after the other. */
export interface PlannedStep {
  readonly node: Node;
  readonly calls: readonly KernelCall[];
  /** It runs when the weights change, before the steps that do not; those come first in the list. */
  readonly isPreparing: boolean;
  /** It makes the node's outputs rather than its 'prepared' operand alone. */
  readonly isWhole: boolean;
}

const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
const bytesOf = ({ shape, dtype }: TensorType): number => sizeOf(shape) * bytesPerElement(dtype);

/** How memory may be planned; `reuse: false` keeps every region apart, for tests. */
export interface PlanOptions {
  readonly reuse?: boolean;
}

/** Plans the memory of scheduled steps. */
export function planMemory(
  graph: Graph,
  steps: readonly PlannedStep[],
  placements: Placements,
  options: PlanOptions = {},
): MemoryPlan {
  return new Planner(graph, steps, placements, options.reuse ?? true).plan();
}

class Planner {
  private readonly bindings: Binding[] = [];
  private readonly leafBindings = new TensorMap<number>();
  private readonly locations = new TensorMap<Location>();
  private readonly regionOf = new TensorMap<Region>();
  private readonly regions: Region[] = [];
  private readonly constants: Tensor[] = [];
  private constantBytes = 0;
  private readonly finalCopies: FinalCopy[] = [];
  private readonly lastUse = new TensorMap<number>();
  /** Steps that read a leaf, in order. */
  private readonly leafReaders = new TensorMap<Set<number>>();
  private readonly stepOf = new Map<Node, number>();
  private readonly prepared = new Map<Node, Location>();
  /** 'prepared' operands that are no more than scratch. */
  private readonly preparedRegions = new Map<Node, Region>();
  private preparedBytes = 0;
  /** The first step that every run repeats. */
  private readonly firstRun: number;

  constructor(
    private readonly graph: Graph,
    private readonly steps: readonly PlannedStep[],
    private readonly placements: Placements,
    private readonly reuse: boolean,
  ) {
    this.firstRun = steps.filter(({ isPreparing }) => isPreparing).length;
  }

  plan(): MemoryPlan {
    this.findUses();
    this.placeOutputs();
    this.placeUpdates();
    const scratch = this.steps.map((step, at) => this.placeStep(step, at));
    const workspaceBytes = this.assignOffsets();
    if (this.preparedBytes > 0) {
      this.bindings.push({ kind: 'prepared', type: { shape: [this.preparedBytes], dtype: 'uint8' } });
    }
    return {
      bindings: this.bindings,
      locations: this.locations,
      scratch: scratch.map((region) => region?.offset),
      prepared: this.prepared,
      workspaceBytes,
      constants: this.constants,
      constantBytes: this.constantBytes,
      finalCopies: this.finalCopies,
      regions: this.regions,
    };
  }

  private findUses(): void {
    this.steps.forEach(({ node, isWhole: makesOutputs }, at) => {
      if (makesOutputs) this.stepOf.set(node, at);
    });
    this.steps.forEach(({ node, calls }, at) => {
      for (const input of calls.flatMap((call) => readsOf(node, call))) {
        const { root } = this.placements.of(input);
        this.lastUse.set(root, at);
        if (!this.stepOf.has(root.node)) this.noteLeaf(root, at);
      }
    });
    for (const { value } of this.graph.updates) this.lastUse.set(this.placements.of(value).root, this.steps.length);
  }

  private noteLeaf(root: Tensor, at: number): void {
    if (root.node.op === constantOp) {
      if (this.locations.get(root) === undefined) {
        this.locations.set(root, { space: 'constants', offset: this.constantBytes });
        this.constants.push(root);
        this.constantBytes += align(bytesOf(root));
      }
      return;
    }
    this.bindLeaf(root);
    this.leafReaders.getOrMake(root, () => new Set()).add(at);
  }

  private bindLeaf(leaf: Tensor): number {
    return this.leafBindings.getOrMake(leaf, () => {
      const { node, index: output, shape, dtype } = leaf;
      const index = this.bindings.length;
      this.bindings.push({ kind: 'leaf', node, output, type: { shape, dtype } });
      this.locations.set(leaf, { space: 'binding', index });
      return index;
    });
  }

  private placeOutputs(): void {
    this.graph.outputs.forEach((output, index) => {
      const binding = this.bindings.length;
      this.bindings.push({ kind: 'output', index, type: { shape: output.shape, dtype: output.dtype } });
      this.locations.set(this.placements.of(output).root, { space: 'binding', index: binding });
    });
  }

  private placeUpdates(): void {
    for (const { target, value } of this.graph.updates) {
      const binding = this.bindLeaf(new Tensor(target));
      const placement = this.placements.of(value);
      const at = this.stepOf.get(placement.root.node);
      const isFree = at !== undefined && isWhole(placement) && this.locations.get(placement.root) === undefined;
      if (isFree && this.mayOverwrite(target, at)) {
        this.locations.set(placement.root, { space: 'binding', index: binding });
      } else {
        if (at === undefined) this.noteLeaf(placement.root, this.steps.length);
        this.finalCopies.push({ value, binding });
      }
    }
  }

  /** Whether step `at` may write over a leaf: nobody reads it later, and the step reads it element by element if at all. */
  private mayOverwrite(target: Node, at: number): boolean {
    const leaf = new Tensor(target);
    for (const reader of this.leafReaders.get(leaf) ?? []) {
      if (reader > at) return false;
      if (reader === at && !this.readsElementwise(leaf, (this.steps[at] as PlannedStep).node)) return false;
    }
    return true;
  }

  /** Whether the step's kernel may have `root` as input and output at once. */
  private readsElementwise(root: Tensor, node: Node): boolean {
    if (node.op !== (fusedOp as Node['op'])) return false;
    const reads = node.inputs.flatMap((input, position) => {
      const placement = this.placements.of(input);
      return placement.root.node === root.node && placement.root.index === root.index ? [{ placement, position }] : [];
    });
    const [first] = reads;
    if (first === undefined || reads.length !== 1) return false;
    const only = first.placement;
    if (!isWhole(only) || keyInputs(node.params as FusedParams).has(first.position)) return false;
    const type = node.types[0] as TensorType;
    const isSameSpace = sizeOf(only.layout.shape) === sizeOf(type.shape);
    return isSameSpace && node.types.every((each) => bytesPerElement(each.dtype) === bytesPerElement(root.dtype));
  }

  private placeStep(step: PlannedStep, at: number): Region | undefined {
    const { node, calls } = step;
    if (step.isWhole) this.placeResults(node, at);
    const preparedBytes = Math.max(0, ...calls.map((call) => call.preparedBytes ?? 0));
    if (preparedBytes > 0) {
      if (step.isWhole) this.preparedRegions.set(node, this.addRegion(preparedBytes, at, at));
      else this.prepared.set(node, this.keepPrepared(preparedBytes));
    }
    const scratchBytes = Math.max(0, ...calls.map((call) => call.scratchBytes ?? 0));
    return scratchBytes === 0 ? undefined : this.addRegion(scratchBytes, at, at);
  }

  /** A place that outlives the run. */
  private keepPrepared(bytes: number): Location {
    const offset = this.preparedBytes;
    this.preparedBytes += align(Math.max(1, bytes));
    return { space: 'prepared', offset };
  }

  private placeResults(node: Node, at: number): void {
    node.types.forEach((type, index) => {
      const output = new Tensor(node, index);
      if (this.locations.get(output) !== undefined) return;
      const last = this.lastUse.get(output) ?? at;
      if (at < this.firstRun && last >= this.firstRun) {
        this.locations.set(output, this.keepPrepared(bytesOf(type)));
        return;
      }
      const taken = this.reuse ? this.takeOver(node, output, at) : undefined;
      if (taken !== undefined) {
        taken.last = last;
        this.regionOf.set(output, taken);
      } else {
        this.regionOf.set(output, this.addRegion(bytesOf(type), at, last));
      }
    });
  }

  /** The region of an input that ends here and that the output may be written over. */
  private takeOver(node: Node, output: Tensor, at: number): Region | undefined {
    for (const input of node.inputs) {
      const { root } = this.placements.of(input);
      const region = this.regionOf.get(root);
      if (region === undefined || region.last !== at || this.lastUse.get(root) !== at) continue;
      if (bytesOf(root) !== bytesOf(output)) continue;
      if (bytesPerElement(root.dtype) !== bytesPerElement(output.dtype)) continue;
      if (!this.readsElementwise(root, node)) continue;
      return region;
    }
    return undefined;
  }

  private addRegion(bytes: number, first: number, last: number): Region {
    const region = { bytes: align(bytes), first, last, offset: -1 };
    this.regions.push(region);
    return region;
  }

  /** Largest first, each at the lowest place where no living neighbour lies. */
  private assignOffsets(): number {
    let end = 0;
    // Kept in the order of their offsets.
    const placed: Region[] = [];
    for (const region of [...this.regions].sort((a, b) => b.bytes - a.bytes)) {
      let offset = 0;
      for (const other of placed) {
        if (this.reuse && (other.first > region.last || region.first > other.last)) continue;
        if (offset + region.bytes <= other.offset) break;
        offset = Math.max(offset, other.offset + other.bytes);
      }
      region.offset = offset;
      placed.splice(firstBehind(placed, offset), 0, region);
      end = Math.max(end, offset + region.bytes);
    }
    for (const [node, { offset }] of this.preparedRegions) this.prepared.set(node, { space: 'workspace', offset });
    for (const { node } of this.steps) {
      node.types.forEach((_, index) => {
        const output = new Tensor(node, index);
        const region = this.regionOf.get(output);
        if (region !== undefined) this.locations.set(output, { space: 'workspace', offset: region.offset });
      });
    }
    return end;
  }
}

/** Where a region at `offset` goes in a list sorted by offset. */
function firstBehind(placed: readonly Region[], offset: number): number {
  let low = 0;
  let high = placed.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((placed[middle] as Region).offset <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
