// Runs an op's `lower` element by element in float64: what an engine's pointwise kernel would do, but slowly
// and without rounding floats. Integers are int32 and wrap, as in kernels/cpu/abi.h.
import type { PointwiseName } from '../../src/core/abi.js';
import { isFloat, toInt32 } from '../../src/core/dtype.js';
import { normal, type RandomKey, randomBits, uniform } from '../../src/core/random.js';
import { mapBroadcast } from '../../src/graph/define.js';
import type { AnyOp, PointwiseBuilder, ReferenceArray, Register, TensorType } from '../../src/graph/op.js';
import * as ops from '../../src/ops/index.js';

type Instruction = (...operands: number[]) => number;

const truth = (value: boolean): number => Number(value);

/** The reference of a public op of one or two numbers, for functions whose float64 form lives there. */
function byReference(name: string, dtype: 'float32' | 'int32' = 'float32'): Instruction {
  return (...operands) => {
    const op = ops.allOps.find((each) => each.name === name) as AnyOp;
    const inputs = operands.map((value): ReferenceArray => ({ shape: [], dtype, data: Float64Array.of(value) }));
    return op.reference(inputs, {}, [{ shape: [], dtype }])[0]?.[0] as number;
  };
}

const FLOAT: Partial<Record<PointwiseName, Instruction>> = {
  fadd: (a, b) => (a as number) + (b as number),
  fsub: (a, b) => (a as number) - (b as number),
  fmul: (a, b) => (a as number) * (b as number),
  fdiv: (a, b) => (a as number) / (b as number),
  fpow: (a, b) => (a as number) ** (b as number),
  fmax: Math.max,
  fmin: Math.min,
  fmod: (a, b) => (a as number) - (b as number) * Math.floor((a as number) / (b as number)),
  fma: (a, b, c) => (a as number) * (b as number) + (c as number),
  fneg: (a) => -(a as number),
  fabs: (a) => Math.abs(a as number),
  fsign: (a) => Math.sign(a as number),
  fsquare: (a) => (a as number) ** 2,
  fsqrt: (a) => Math.sqrt(a as number),
  frsqrt: (a) => 1 / Math.sqrt(a as number),
  freciprocal: (a) => 1 / (a as number),
  fexp: (a) => Math.exp(a as number),
  fexpm1: (a) => Math.expm1(a as number),
  flog: (a) => Math.log(a as number),
  flog1p: (a) => Math.log1p(a as number),
  fsin: (a) => Math.sin(a as number),
  fcos: (a) => Math.cos(a as number),
  ftan: (a) => Math.tan(a as number),
  ftanh: (a) => Math.tanh(a as number),
  fsigmoid: (a) => 1 / (1 + Math.exp(-(a as number))),
  fsoftplus: (a) => Math.log1p(Math.exp(a as number)),
  ferf: byReference('erf'),
  fgelu: byReference('gelu'),
  ffloor: (a) => Math.floor(a as number),
  fceil: (a) => Math.ceil(a as number),
  fround: byReference('round'),
  toFloat: (a) => a as number,
};

const INT: Partial<Record<PointwiseName, Instruction>> = {
  feq: (a, b) => truth(a === b),
  fne: (a, b) => truth(a !== b),
  flt: (a, b) => truth((a as number) < (b as number)),
  fle: (a, b) => truth((a as number) <= (b as number)),
  fgt: (a, b) => truth((a as number) > (b as number)),
  fge: (a, b) => truth((a as number) >= (b as number)),
  fisNan: (a) => truth(Number.isNaN(a)),
  fisFinite: (a) => truth(Number.isFinite(a)),
  iadd: (a, b) => ((a as number) + (b as number)) | 0,
  isub: (a, b) => ((a as number) - (b as number)) | 0,
  imul: (a, b) => Math.imul(a as number, b as number),
  idiv: (a, b) => (b === 0 ? 0 : Math.floor((a as number) / (b as number)) | 0),
  imod: (a, b) => (b === 0 ? 0 : (a as number) - (b as number) * Math.floor((a as number) / (b as number))),
  imax: Math.max,
  imin: Math.min,
  ineg: (a) => -(a as number) | 0,
  iabs: (a) => Math.abs(a as number) | 0,
  isign: (a) => Math.sign(a as number),
  ieq: (a, b) => truth(a === b),
  ine: (a, b) => truth(a !== b),
  ilt: (a, b) => truth((a as number) < (b as number)),
  ile: (a, b) => truth((a as number) <= (b as number)),
  igt: (a, b) => truth((a as number) > (b as number)),
  ige: (a, b) => truth((a as number) >= (b as number)),
  iand: (a, b) => (a as number) & (b as number),
  ior: (a, b) => (a as number) | (b as number),
  ixor: (a, b) => (a as number) ^ (b as number),
  toInt: (a) => toInt32(a as number),
  toUint8: (a) => (a as number) & 255,
  itest: (a) => truth(a !== 0),
  ftest: (a) => truth(a !== 0),
};

/** The outputs of `op.lower` over all elements. */
export function runLowering(
  op: AnyOp,
  inputs: readonly ReferenceArray[],
  params: object,
  types: readonly TensorType[],
): Float64Array[] {
  const data = inputs.filter((_, i) => i !== op.keyInput);
  return types.map((type, output) =>
    mapBroadcast(data, type, (values, index) => {
      const machine = new Machine(op, inputs, index);
      let next = 0;
      const registers = inputs.map((input, i) =>
        i === op.keyInput
          ? machine.hold(Number.NaN, 'int')
          : machine.hold(values[next++] as number, isFloat(input.dtype) ? 'float' : 'int'),
      );
      const result = op.lower?.(machine, registers, params, types)[output] as Register;
      if ((result.kind === 'float') !== isFloat(type.dtype)) {
        throw new Error(`${op.name} ends in a ${result.kind} register for ${type.dtype}`);
      }
      return machine.read(result);
    }),
  );
}

/** A builder that computes at once. */
class Machine implements PointwiseBuilder {
  private readonly values: number[] = [];

  constructor(
    private readonly op: AnyOp,
    private readonly inputs: readonly ReferenceArray[],
    private readonly index: number,
  ) {}

  hold(value: number, kind: 'float' | 'int'): Register {
    this.values.push(value);
    return { id: this.values.length - 1, kind };
  }

  read({ id }: Register): number {
    return this.values[id] as number;
  }

  emit(opcode: PointwiseName, ...operands: Register[]): Register {
    if (opcode === 'index') return this.hold(this.index, 'int');
    if (opcode === 'select') {
      const [condition, a, b] = operands as [Register, Register, Register];
      if (condition.kind !== 'int' || a.kind !== b.kind) throw new Error(`${this.op.name}: select mixes kinds`);
      return this.hold(this.read(this.read(condition) !== 0 ? a : b), a.kind);
    }
    const wants = opcode.startsWith('f') || opcode === 'toInt' ? 'float' : 'int';
    if (operands.some(({ kind }) => kind !== wants))
      throw new Error(`${this.op.name}: ${opcode} takes ${wants} registers`);
    const values = operands.map((operand) => this.read(operand));
    const float = FLOAT[opcode];
    if (float !== undefined) return this.hold(float(...values), 'float');
    return this.hold((INT[opcode] as Instruction)(...values), 'int');
  }

  constant(value: number, kind: 'float' | 'int' = 'float'): Register {
    return this.hold(value, kind);
  }

  toFloat(register: Register): Register {
    return register.kind === 'float' ? register : this.emit('toFloat', register);
  }

  toInt(register: Register): Register {
    return register.kind === 'int' ? register : this.emit('toInt', register);
  }

  random(opcode: 'randomUniform' | 'randomNormal' | 'randomBits', key: number, stream: number): Register {
    if (key !== this.op.keyInput) throw new Error(`${this.op.name}: input ${key} is not its key`);
    const [seedLow, seedHigh, stepLow, stepHigh] = Array.from(
      (this.inputs[key] as ReferenceArray).data,
      (word) => word >>> 0,
    );
    const words = { seedLow, seedHigh, stepLow, stepHigh } as RandomKey;
    if (opcode === 'randomBits') return this.hold(randomBits(words, stream, this.index) | 0, 'int');
    return this.hold((opcode === 'randomUniform' ? uniform : normal)(words, stream, this.index), 'float');
  }
}
