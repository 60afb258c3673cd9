// A Program as text for people: what each kernel call computes, from where to where, and what it all costs.
import { SPACES } from '../core/abi.js';
import { bytesPerElement } from '../core/dtype.js';
import { formatShape, sizeOf } from '../core/shape.js';
import { inputOp, variableOp } from '../graph/node.js';
import type { TensorType } from '../graph/op.js';
import type { Binding } from './plan-memory.js';
import type { Instruction, Operand, Program } from './program.js';

const HEADINGS = ['#', 'kernel', 'op', 'shapes', 'bytes', 'MFLOP', 'reads', 'writes'];
const RIGHT = new Set(['#', 'bytes', 'MFLOP']);

/**
 * A table of a Program's kernel calls and totals of its memory and work. Places: `arg2`, `var2`, `data2` and `out2` are
 * buffers given from outside (by binding number), `work+64` bytes in the workspace, `const+0` in the constants, `prep3+64`
 * what is made of the weights once, by a list of its own that comes first.
 */
export function explain(program: Program): string {
  const { prepare, instructions, bindings } = program;
  const table = (list: readonly Instruction[]): string[] =>
    formatTable([HEADINGS, ...list.map((instruction, at) => rowOf(instruction, at, bindings))]);
  const once = prepare.length === 0 ? [] : ['once, and when the weights change:', ...table(prepare), '', 'every run:'];
  return [...once, ...table(instructions), '', ...totals(program)].join('\n');
}

function rowOf(instruction: Instruction, at: number, bindings: readonly Binding[]): string[] {
  const { kernel, label, inputs, outputs, bytes, flops } = instruction;
  const places = (role: 'input' | 'output'): string => {
    const operands = instruction.operands.filter((_, i) => instruction.roles[i] === role);
    return operands.map((operand) => placeOf(operand, bindings)).join(' ') || '-';
  };
  return [
    String(at),
    kernel,
    label,
    `${inputs.map(formatType).join(' ') || '-'} -> ${outputs.map(formatType).join(' ')}`,
    formatCount(bytes),
    formatMega(flops),
    places('input'),
    places('output'),
  ];
}

function placeOf({ space, offset }: Operand, bindings: readonly Binding[]): string {
  if (space === SPACES.workspace) return `work+${offset}`;
  if (space === SPACES.constants) return `const+${offset}`;
  if (space === SPACES.none) return '-';
  const index = space - SPACES.bindings;
  return `${kindOf(bindings[index] as Binding)}${index}${offset === 0 ? '' : `+${offset}`}`;
}

function kindOf(binding: Binding): string {
  if (binding.kind === 'output') return 'out';
  if (binding.kind === 'prepared') return 'prep';
  if (binding.node.storage !== undefined) return 'data';
  return binding.node.op === inputOp ? 'arg' : binding.node.op === variableOp ? 'var' : 'data';
}

function totals({ prepare, instructions, bindings, constants, workspaceBytes, regions }: Program): string[] {
  const apart = regions.reduce((sum, { bytes }) => sum + bytes, 0);
  const flops = instructions.reduce((sum, each) => sum + each.flops, 0);
  const moved = instructions.reduce((sum, each) => sum + each.bytes, 0);
  const bytesOf = (list: readonly Binding[]): number =>
    list.reduce((sum, { type }) => sum + sizeOf(type.shape) * bytesPerElement(type.dtype), 0);
  const given = bindings.filter(({ kind }) => kind !== 'prepared');
  const prepared = bytesOf(bindings.filter(({ kind }) => kind === 'prepared'));
  const saved = apart === 0 ? '' : `, ${Math.round(100 * (1 - workspaceBytes / apart))}% saved`;
  return [
    `${instructions.length} instructions, ${formatMega(flops)} MFLOP, ${formatCount(moved)} bytes read and written`,
    `workspace ${formatCount(workspaceBytes)} bytes for ${regions.length} regions of ${formatCount(apart)} bytes${saved}`,
    `constants ${formatCount(constants.byteLength)} bytes`,
    `${given.length} bindings of ${formatCount(bytesOf(given))} bytes`,
    ...(prepare.length === 0 ? [] : [`prepared ${formatCount(prepared)} bytes by ${prepare.length} instructions`]),
  ];
}

export function formatType({ shape, dtype }: TensorType): string {
  return dtype === 'float32' ? formatShape(shape) : `${dtype}${formatShape(shape)}`;
}

function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

function formatMega(flops: number): string {
  const mega = flops / 1e6;
  return mega >= 100 ? formatCount(Math.round(mega)) : mega.toFixed(3);
}

/** Rows under their headings; numbers, the columns named in `right`, end in line. */
export function formatTable(rows: readonly (readonly string[])[], right: ReadonlySet<string> = RIGHT): string[] {
  const headings = rows[0] as readonly string[];
  const widths = headings.map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        right.has(headings[column] as string)
          ? cell.padStart(widths[column] as number)
          : cell.padEnd(widths[column] as number),
      )
      .join('  ')
      .trimEnd(),
  );
}
