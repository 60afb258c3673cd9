// The kernel calls of a convolution and its two gradients, by the algorithm that conv-algorithm.ts chose. Bytes of
// scratch are those of kernels/cpu/abi.h.
import { DTYPES, PARTIAL_SUMS } from '../core/abi.js';
import type { KernelCall, KernelOperand, KernelRequest } from '../graph/op.js';
import { type Algorithm, chooseAlgorithm, type Pass } from './conv-algorithm.js';
import { filterCells, type Geometry, roundUp, wordsOf } from './conv-geometry.js';
import { epilogueWords } from './matmul.js';

type Request = Pick<KernelRequest<object>, 'inputs' | 'outputs' | 'epilogue' | 'target' | 'isConstant'>;

const input = (index: number): KernelOperand => ({ kind: 'input', index });
const output: KernelOperand = { kind: 'output', index: 0 };
const scratch: KernelOperand = { kind: 'scratch' };
const prepared: KernelOperand = { kind: 'prepared' };
const none: KernelOperand = { kind: 'none' };

function choose(g: Geometry, pass: Pass, { inputs, target, isConstant }: Request): Algorithm {
  const dtype = inputs[0]?.dtype ?? 'float32';
  return chooseAlgorithm(g, { pass, target, isConstant: isConstant[1] === true, dtype });
}

const dtypeOf = ({ inputs }: Request, index: number): number => DTYPES[inputs[index]?.dtype ?? 'float32'];
/** The level multiplies pairs of bfloat16; elsewhere a packed element is widened. */
const isPaired = (request: Request): boolean => isNarrow(request) && /^(avx512bf16$|amx)/.test(request.target.level);
const isNarrow = ({ inputs }: Request): boolean => inputs[0]?.dtype === 'bfloat16';
const dtypeOfResult = ({ outputs }: Request): number => DTYPES[outputs[0]?.dtype ?? 'float32'];

/** y of x and the filter, with its epilogue. */
export function forwardCalls(g: Geometry, request: Request): KernelCall[] {
  const { words, operands } = epilogueWords(request.epilogue);
  const algorithm = choose(g, 'forward', request);
  if (algorithm === 'depthwise') {
    const parameters = [...wordsOf(g), ...words, dtypeOf(request, 0)];
    return [{ kernel: 'depthwiseConv2d', operands: [input(0), input(1), ...operands, output], parameters }];
  }
  if (algorithm === 'winograd') {
    return [
      transformFilter(g, request, false),
      {
        kernel: 'winogradConv2d',
        operands: [input(0), prepared, ...operands, output, scratch],
        parameters: [...wordsOf(g), ...words, dtypeOf(request, 0), dtypeOfResult(request)],
        scratchBytes: winogradScratch(g),
      },
    ];
  }
  const { calls, operands: filter, scratchBytes } = filterOperands(g, request, false);
  if (isNarrow(request)) return [...calls, narrowConvolution(g, request, false, filter, scratchBytes)];
  return [
    ...calls,
    {
      kernel: 'conv2d',
      operands: [input(0), ...filter, ...operands, output, scratch],
      parameters: [...wordsOf(g), ...words],
      scratchBytes,
    },
  ];
}

/** dx of dy and the filter. */
export function inputGradientCalls(g: Geometry, request: Request): KernelCall[] {
  const algorithm = choose(g, 'inputGradient', request);
  if (algorithm === 'depthwise') {
    const operands = [input(0), input(1), output];
    return [{ kernel: 'depthwiseConv2dInputGradient', operands, parameters: [...wordsOf(g), dtypeOf(request, 0)] }];
  }
  if (algorithm === 'winograd') {
    // The convolution of dy with the filter turned round.
    const turned: Geometry = {
      ...g,
      ...{ h: g.oh, w: g.ow, cin: g.cout, cout: g.cin, oh: g.h, ow: g.w },
      padTop: 2 - g.padTop,
      padLeft: 2 - g.padLeft,
    };
    const { words, operands } = epilogueWords(undefined);
    return [
      transformFilter(g, request, true),
      {
        kernel: 'winogradConv2d',
        operands: [input(0), prepared, ...operands, output, scratch],
        parameters: [...wordsOf(turned), ...words, dtypeOf(request, 0), dtypeOfResult(request)],
        scratchBytes: winogradScratch(turned),
      },
    ];
  }
  const { calls, operands, scratchBytes } = filterOperands(g, request, true);
  if (isNarrow(request)) return [...calls, narrowConvolution(g, request, true, operands, scratchBytes)];
  return [
    ...calls,
    {
      kernel: 'conv2dInputGradient',
      operands: [input(0), ...operands, output, scratch],
      parameters: wordsOf(g),
      scratchBytes,
    },
  ];
}

/** dFilter of x and dy. */
export function filterGradientCalls(g: Geometry, request: Request): KernelCall[] {
  const algorithm = choose(g, 'filterGradient', request);
  const operands = [input(0), input(1), output, scratch];
  if (algorithm === 'winograd') {
    const dtypes = [dtypeOf(request, 0), dtypeOf(request, 1), dtypeOfResult(request)];
    return [
      {
        kernel: 'winogradFilterGradient',
        operands,
        parameters: [...wordsOf(g), ...dtypes],
        scratchBytes: winogradGradientScratch(g),
      },
    ];
  }
  const scratchBytes = PARTIAL_SUMS * 4 * filterCells(g);
  if (algorithm === 'depthwise') {
    const parameters = [...wordsOf(g), dtypeOf(request, 0)];
    return [{ kernel: 'depthwiseConv2dFilterGradient', operands, parameters, scratchBytes }];
  }
  if (isNarrow(request)) {
    const parameters = [...wordsOf(g), dtypeOf(request, 0), dtypeOf(request, 1), dtypeOfResult(request)];
    return [{ kernel: 'bf16FilterGradient', operands, parameters, scratchBytes }];
  }
  const isCut = filterCells(g) <= MOST_CELLS_OF_PARTS;
  return [{ kernel: 'conv2dFilterGradient', operands, parameters: wordsOf(g), scratchBytes: isCut ? scratchBytes : 0 }];
}

/** The filter's two operands of a direct kernel: packed ahead where that is done once for many runs. */
function filterOperands(
  g: Geometry,
  request: Request,
  isTurned: boolean,
): { calls: KernelCall[]; operands: KernelOperand[]; scratchBytes: number } {
  const [depth, columns] = isTurned ? [g.cout, g.cin] : [g.cin, g.cout];
  const bytes = isPaired(request)
    ? // A pair of elements to a word, an odd one at the end of each phase of the stride.
      2 * (g.kh * g.kw * depth + g.strideH * g.strideW * g.groups) * roundUp(columns / g.groups, 16)
    : 4 * g.kh * g.kw * depth * roundUp(columns / g.groups, 64);
  if (request.isConstant[1] !== true) return { calls: [], operands: [input(1), none], scratchBytes: bytes };
  const pack: KernelCall = {
    kernel: isNarrow(request) ? 'bf16PackFilter' : 'packFilter',
    operands: [input(1), prepared],
    parameters: [...wordsOf(g), Number(isTurned), ...(isNarrow(request) ? [dtypeOf(request, 1)] : [])],
    prepares: true,
    preparedBytes: bytes,
  };
  return { calls: [pack], operands: [none, prepared], scratchBytes: 0 };
}

/** y of x and the filter, or dx of dy and the filter, in bfloat16 with float32 sums. */
function narrowConvolution(
  g: Geometry,
  request: Request,
  isTurned: boolean,
  filter: readonly KernelOperand[],
  scratchBytes: number,
): KernelCall {
  const { words, operands } = epilogueWords(isTurned ? undefined : request.epilogue);
  const dtypes = [dtypeOf(request, 0), dtypeOf(request, 1), DTYPES.float32, dtypeOfResult(request)];
  return {
    kernel: 'bf16Conv2d',
    operands: [input(0), ...filter, ...operands, output, scratch],
    parameters: [...wordsOf(g), Number(isTurned), ...words, ...dtypes],
    scratchBytes,
  };
}

function transformFilter(g: Geometry, request: Request, isTurned: boolean): KernelCall {
  const [depth, columns] = isTurned ? [g.cout, g.cin] : [g.cin, g.cout];
  return {
    kernel: 'winogradFilter',
    operands: [input(1), prepared],
    parameters: [...wordsOf(g), Number(isTurned), dtypeOf(request, 1)],
    prepares: true,
    preparedBytes: FREQUENCY_BYTES * (depth + 4) * roundUp(columns, 16),
  };
}

/** The direct gradient of a larger filter is not summed in parts. */
const MOST_CELLS_OF_PARTS = 2 ** 17;

/** A number for each of 36 frequencies. */
const FREQUENCY_BYTES = 4 * 36;

/** Tiles that are in scratch at once: as few rounds as `most` allows, of equal size. */
function tilesAtOnce({ n, oh, ow }: Geometry, most: number): number {
  const all = n * Math.ceil(oh / 4) * Math.ceil(ow / 4);
  return all === 0 ? 0 : Math.ceil(all / Math.ceil(all / most));
}

function winogradScratch(g: Geometry): number {
  const channels = roundUp(g.cin, 16) + 16;
  const most = Math.max(64, Math.floor(2 ** 21 / (36 * channels)));
  return FREQUENCY_BYTES * (tilesAtOnce(g, most) * channels + 16);
}

/** Partial sums of whole filters, where few channels leave too little work to share out. */
function winogradGradientScratch({ n, oh, ow, cin, cout }: Geometry): number {
  const tiles = n * Math.ceil(oh / 4) * Math.ceil(ow / 4);
  const wanted = Math.ceil(PARTIAL_SUMS / (Math.ceil(cin / 64) * Math.ceil(cout / 64)));
  const parts = Math.min(wanted, Math.floor(tiles / 96));
  return parts < 2 ? 0 : 4 * 9 * parts * cin * cout;
}
