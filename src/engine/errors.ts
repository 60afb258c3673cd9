// The errors that an engine's faults become.
import { ABI_VERSION, KERNELS } from '../core/abi.js';
import { FoveaError } from '../core/errors.js';
import { FAULTS, type Fault } from './fault.js';

export function faultError({ code, instruction, detail }: Fault): FoveaError {
  const path = instruction < 0 ? {} : { path: `instruction ${instruction}` };
  switch (code) {
    case FAULTS.version:
      return new FoveaError({
        code: 'engine',
        message: `the Program is of version ${detail}, the engine of version ${ABI_VERSION}.`,
        hint: 'Build the engines again: npm run build.',
      });
    case FAULTS.kernel:
      return new FoveaError({
        code: 'engine',
        message: `the Program asks for kernel ${detail}; there are ${Object.keys(KERNELS).length}.`,
        ...path,
      });
    case FAULTS.operand:
      return new FoveaError({ code: 'engine', message: `operand ${detail} lies outside its memory.`, ...path });
    case FAULTS.bindings:
      return new FoveaError({ code: 'engine', message: `the run's bindings are not the Program's ${detail}.` });
    case FAULTS.guard: {
      const where = detail < 0 ? 'the workspace' : `binding ${detail}`;
      return new FoveaError({ code: 'engine', message: `a kernel wrote behind the end of ${where}.` });
    }
    case FAULTS.memory:
      return new FoveaError({
        code: 'memory',
        message: `there is no memory for a workspace of ${detail} MiB.`,
        hint: 'Use a smaller batch or smaller pictures.',
      });
    case FAULTS.aborted:
      return disposedError();
    default:
      return new FoveaError({ code: 'engine', message: 'the Program is damaged or cut short.', ...path });
  }
}

export function disposedError(): FoveaError {
  return new FoveaError({
    code: 'disposed',
    message: 'the engine has been disposed of.',
    hint: 'Make a new one: an engine cannot be used again.',
  });
}

export function outOfMemory(byteLength: number, held: number): FoveaError {
  return new FoveaError({
    code: 'memory',
    message: `there is no memory for a buffer of ${formatBytes(byteLength)}; the engine holds ${formatBytes(held)}.`,
    got: byteLength,
    hint: 'Use a smaller batch or smaller pictures, or dispose of what is not needed.',
  });
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const step = Math.min(Math.floor(Math.log2(bytes) / 10), units.length);
  return `${(bytes / 1024 ** step).toFixed(1)} ${units[step - 1]}`;
}
