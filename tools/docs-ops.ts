// Makes docs/ops.md, a row for every op from the definitions themselves, and the engines' table of README.md.
// tests/docs/ops-table.test.ts checks that both are up to date and writes them anew under FOVEA_WRITE_DOCS=1.
import { KERNELS } from '../src/core/abi.js';
import { ANY_TARGET, type AnyOp } from '../src/graph/op.js';
import { allOps } from '../src/ops/index.js';
import { coverage, KINDS, type Kind, SKIPS } from '../tests/ops/coverage.js';

/** How an op reaches the machine. */
function wayOf(op: AnyOp): string {
  if (op.lower !== undefined) return 'pointwise';
  if (op.view !== undefined) return op.kernels === undefined ? 'view' : 'view or kernel';
  return 'kernel';
}

/** The cases of an op that run so on both engines, or why none does; an engine that is excused is named. */
function coverageCell(op: AnyOp, kind: Kind): string {
  const found = coverage(op, kind);
  if (found === undefined) throw new Error(`${op.name}: no case runs as ${kind} and nothing says why`);
  const skips = SKIPS.filter((skip) => skip.op === op.name).map(({ engine, reason }) => `; not ${engine}: ${reason}`);
  return `${found}${skips.join('')}`;
}

/** Kernels that the op's own cases ask for, in the order of their names. */
function kernelsOf(op: AnyOp): string {
  const names = new Set<string>();
  for (const { inputs, params } of op.cases()) {
    if (op.kernels === undefined) break;
    const types = inputs.map(({ shape, dtype = 'float32' }) => ({ shape, dtype }));
    const outputs = op.shape(types, params);
    const layouts = types.map(({ shape }) => ({ offset: 0, shape, strides: stridesOf(shape) }));
    for (const { kernel } of op.kernels({
      inputs: types,
      outputs,
      params,
      layouts,
      target: ANY_TARGET,
      isConstant: [],
    }))
      names.add(kernel);
  }
  return [...names].sort().join(', ');
}

function stridesOf(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, dim) => product * dim, 1));
}

/** The part of README.md that says what works on which engine. Both interpret the same table of kernels. */
export function enginesTable(): string {
  const cases = allOps.reduce((count, op) => count + op.cases().length, 0);
  const derived = allOps.filter((op) => op.gradient !== 'none').length;
  const kernels = Object.keys(KERNELS).length;
  const rows: readonly (readonly [string, string, string])[] = [
    ['runs in', 'Node 20 and newer', 'Node 20 and newer, browsers'],
    ['needs', 'a C++ compiler when installed', 'nothing'],
    ['operations', `all ${allOps.length}`, `all ${allOps.length}`],
    ['of these with a gradient, of any order', `${derived}`, `${derived}`],
    ['kernels', `${kernels}`, `the same ${kernels}`],
    ['cases checked against float64, on every level', `${cases}`, `${cases}`],
    ['training, prediction, saving', 'yes', 'yes'],
    ['instruction sets', 'AVX-512, AVX2 + FMA, NEON, portable', 'SIMD128, relaxed SIMD'],
    ['threads', 'a pool of its own', 'Workers; one thread where a page is not cross-origin isolated'],
    ['memory', "the machine's", '4 GiB'],
  ];
  return ['| | native | wasm |', '|---|---|---|', ...rows.map((row) => `| ${row.join(' | ')} |`)].join('\n');
}

const cell = (value: string): string => value.replaceAll('|', '\\|');

/** The page. */
export function opsPage(): string {
  const count = (way: string): number => allOps.filter((op) => wayOf(op).startsWith(way)).length;
  const rows = [...allOps]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(
      (op) =>
        `| \`${op.name}\` | ${cell(op.summary)} | ${wayOf(op)} | ${kernelsOf(op)} | ${KINDS.map((kind) => coverageCell(op, kind)).join(' | ')} |`,
    );
  return [
    '# Operations',
    '',
    `All ${allOps.length} operations of the graph, generated from their definitions in \`src/ops\` (\`tools/docs-ops.ts\`).`,
    `${count('pointwise')} are pointwise: neighbours of this kind become one kernel, or part of a convolution's. ${count('view')} are views:`,
    'they cost nothing where the elements can be read where they lie. The others have kernels of their own in',
    '`kernels/cpu`. The public functions, which are more (`std`, `stack`, `linspace`, ... are made of these), stand in',
    '`src/ops/index.ts`.',
    '',
    'The last five columns count the cases that run against the float64 reference, on the native and on the wasm engine alike,',
    'at each instruction-set level that the machine has (`tests/engine/parity.test.ts`): the values, the gradient, its own',
    'gradient, and the values with their floats in 16 bits. Where none runs the cell says why: "zero" is a derivative that is',
    'zero wherever it exists.',
    '',
    '| op | what it computes | how | kernels | values | gradient | second | float16 | bfloat16 |',
    '|---|---|---|---|---:|---:|---:|---:|---:|',
    ...rows,
    '',
  ].join('\n');
}
