// The passes in their order. Each is a function from graph to graph; tests run them one by one.
import { foldBatchNorm } from './fold-batch-norm.js';
import { foldPadding } from './fold-padding.js';
import { fuseEpilogue } from './fuse-epilogue.js';
import { fusePointwise } from './fuse-pointwise.js';
import type { Graph } from './graph.js';
import type { IsConstant } from './hoist.js';
import { insertCopies } from './layout.js';
import { recompute } from './recompute.js';
import { simplify } from './simplify.js';
import { widen } from './widen.js';

/** What passes may know beside the graph. */
export interface PassOptions {
  /** Leaves that are the same in every run; what follows from them alone is computed once (hoist.ts). */
  readonly isConstant?: IsConstant;
}

/** A named pass. */
export interface Pass {
  readonly name: string;
  readonly run: (graph: Graph, options: PassOptions) => Graph;
  /** Without it a Program would be wrong rather than slow. */
  readonly isNeeded: boolean;
}

export const PASSES: readonly Pass[] = [
  { name: 'simplify', run: simplify, isNeeded: false },
  { name: 'foldPadding', run: foldPadding, isNeeded: false },
  { name: 'foldBatchNorm', run: foldBatchNorm, isNeeded: false },
  { name: 'widen', run: widen, isNeeded: true },
  { name: 'recompute', run: recompute, isNeeded: false },
  { name: 'fuseEpilogue', run: fuseEpilogue, isNeeded: false },
  { name: 'fusePointwise', run: fusePointwise, isNeeded: true },
  { name: 'insertCopies', run: insertCopies, isNeeded: true },
];

/** Runs all passes, or only those that correctness needs. */
export function optimize(
  graph: Graph,
  { level = 'full', ...options }: PassOptions & { level?: 'full' | 'needed' } = {},
): Graph {
  return PASSES.filter(({ isNeeded }) => level === 'full' || isNeeded).reduce(
    (current, { run }) => run(current, options),
    graph,
  );
}
