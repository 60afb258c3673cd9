// Turns a fused node into the instructions of the pointwise kernel.
import { DTYPES, POINTWISE, type PointwiseName } from '../core/abi.js';
import { type Dtype, floatBits, isFloat } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { broadcastStrides, type Shape } from '../core/shape.js';
import type { KernelCall, Layout, PointwiseBuilder, Register, TensorType } from '../graph/op.js';
import { type FusedParams, keyInputs } from './fuse-pointwise.js';

/** Opcodes whose result is an int register; `select` follows its operands. */
const INT_RESULTS = /^(i.*|toInt|toUint8|randomBits|feq|fne|flt|fle|fgt|fge|fisNan|fisFinite|ftest)$/;

const kindOf = (dtype: Dtype): 'float' | 'int' => (isFloat(dtype) ? 'float' : 'int');

interface Instruction {
  readonly opcode: PointwiseName;
  readonly dst: number;
  readonly operands: readonly number[];
}

class Builder implements PointwiseBuilder {
  readonly code: Instruction[] = [];
  private readonly constants = new Map<string, Register>();
  private next: number;
  /** Kernel operands of the op being lowered, for random keys. */
  operandOf: (input: number) => number = (input) => input;

  constructor(inputs: number) {
    this.next = inputs;
  }

  emit(opcode: PointwiseName, ...operands: Register[]): Register {
    const { arity } = POINTWISE[opcode];
    if (operands.length !== arity || operands.some((operand) => operand === undefined)) {
      throw new FoveaError({
        code: 'internal',
        op: 'lower',
        message: `${opcode} takes ${arity} operands; got ${operands.length}.`,
      });
    }
    const kind = opcode === 'select' ? (operands[1] as Register).kind : INT_RESULTS.test(opcode) ? 'int' : 'float';
    return this.push(
      opcode,
      operands.map(({ id }) => id),
      kind,
    );
  }

  constant(value: number, kind: 'float' | 'int' = 'float'): Register {
    const bits = kind === 'float' ? floatBits(value) | 0 : value | 0;
    const key = `${kind} ${bits}`;
    let register = this.constants.get(key);
    if (register === undefined) {
      register = this.push('constant', [bits], kind);
      this.constants.set(key, register);
    }
    return register;
  }

  toFloat(register: Register): Register {
    return register.kind === 'float' ? register : this.emit('toFloat', register);
  }

  toInt(register: Register): Register {
    return register.kind === 'int' ? register : this.emit('toInt', register);
  }

  random(opcode: 'randomUniform' | 'randomNormal' | 'randomBits', key: number, stream: number): Register {
    return this.push(opcode, [this.operandOf(key), stream], opcode === 'randomBits' ? 'int' : 'float');
  }

  private push(opcode: PointwiseName, operands: readonly number[], kind: 'float' | 'int'): Register {
    const dst = this.next++;
    this.code.push({ opcode, dst, operands });
    return { id: dst, kind };
  }
}

/** The kernel call of one fused node. */
export function lowerPointwise(
  params: FusedParams,
  inputs: readonly TensorType[],
  layouts: readonly Layout[],
): KernelCall {
  const builder = new Builder(inputs.length);
  const keys = keyInputs(params);
  const results: Register[] = [];
  for (const { node, inputs: operands } of params.steps) {
    builder.operandOf = (position) => {
      const operand = operands[position];
      if (operand?.from !== 'input')
        throw new FoveaError({ code: 'internal', op: node.op.name, message: 'a random key must be a tensor.' });
      return operand.index;
    };
    const registers = operands.map((operand): Register => {
      if (operand.from === 'step') return results[operand.index] as Register;
      if (operand.from === 'constant') return builder.constant(operand.value, kindOf(operand.dtype));
      return { id: operand.index, kind: kindOf((inputs[operand.index] as TensorType).dtype) };
    });
    const [result] = node.op.lower?.(builder, registers, node.params, node.types) ?? [];
    const type = node.types[0] as TensorType;
    if (result === undefined || result.kind !== kindOf(type.dtype)) {
      throw new FoveaError({
        code: 'internal',
        op: node.op.name,
        message: `lowers to a ${result?.kind} register where its dtype is ${type.dtype}.`,
      });
    }
    // A register holds 32 bits: what the next step reads must be what storing as uint8 would have left.
    results.push(type.dtype === 'uint8' ? builder.emit('toUint8', result) : result);
  }
  const shape = (params.types[0] as TensorType).shape;
  const outRegisters = params.outputs.map((step) => (results[step] as Register).id);
  return assemble(builder.code, outRegisters, { shape, inputs, layouts, keys, outputs: params.types });
}

interface Frame {
  readonly shape: Shape;
  readonly inputs: readonly TensorType[];
  readonly layouts: readonly Layout[];
  readonly keys: ReadonlySet<number>;
  readonly outputs: readonly TensorType[];
}

function assemble(code: readonly Instruction[], outRegisters: readonly number[], frame: Frame): KernelCall {
  const { shape, inputs, layouts, keys, outputs } = frame;
  const { instructions, registers, outputs: assigned } = allocateRegisters(code, inputs.length, outRegisters);
  const strides = layouts.flatMap((layout, i) =>
    keys.has(i) ? shape.map(() => 0) : broadcastStrides(layout.shape, layout.strides, shape),
  );
  return {
    kernel: 'pointwise',
    operands: [
      ...inputs.map((_, index) => ({ kind: 'input' as const, index })),
      ...outputs.map((_, index) => ({ kind: 'output' as const, index })),
    ],
    parameters: [
      inputs.length,
      outputs.length,
      shape.length,
      ...shape,
      ...inputs.map(({ dtype }, i) => (keys.has(i) ? DTYPES.key : DTYPES[dtype])),
      ...outputs.map(({ dtype }) => DTYPES[dtype]),
      ...strides,
      registers,
      instructions.length,
      ...assigned,
      ...instructions.flatMap(({ opcode, dst, operands }) => [
        POINTWISE[opcode].id,
        dst,
        operands[0] ?? 0,
        operands[1] ?? 0,
        operands[2] ?? 0,
      ]),
    ],
  };
}

const IMMEDIATES = new Set<PointwiseName>(['constant', 'randomUniform', 'randomNormal', 'randomBits', 'index']);

/** Constants with registers of their own, which the kernel writes once instead of for every block. */
const KEPT_CONSTANTS = 16;

/** Reuses registers whose last reader has passed, so that a block of all of them stays in the first-level cache. */
function allocateRegisters(code: readonly Instruction[], inputs: number, outRegisters: readonly number[]) {
  const lastUse = new Map<number, number>();
  code.forEach(({ opcode, operands }, at) => {
    if (!IMMEDIATES.has(opcode)) for (const operand of operands) lastUse.set(operand, at);
  });
  for (const register of outRegisters) lastUse.set(register, code.length);
  const assigned = new Map<number, number>();
  for (let i = 0; i < inputs; i++) assigned.set(i, i);
  const free: number[] = [];
  const constants = new Set<number>();
  let registers = inputs;
  const place = (virtual: number): number => assigned.get(virtual) as number;
  const instructions = code.map(({ opcode, dst, operands }, at): Instruction => {
    const read = IMMEDIATES.has(opcode) ? operands : operands.map(place);
    if (!IMMEDIATES.has(opcode)) {
      // Inputs keep their registers: the kernel reads them in place.
      for (const operand of new Set(operands))
        if (operand >= inputs && lastUse.get(operand) === at && !constants.has(operand)) free.push(place(operand));
    }
    const isKept = opcode === 'constant' && constants.size < KEPT_CONSTANTS;
    if (isKept) constants.add(dst);
    const target = isKept ? registers++ : (free.pop() ?? registers++);
    assigned.set(dst, target);
    if (!lastUse.has(dst) && !isKept) free.push(target);
    return { opcode, dst: target, operands: read };
  });
  return { instructions, registers, outputs: outRegisters.map(place) };
}
