// The contract between the TypeScript compiler (src/core/abi.ts mirrors this file; a test compares
// them) and the C++ engines: how a Program is laid out in memory, which kernels exist, and what the
// operands and parameters of each are. Everything is 32-bit little-endian words; a float parameter
// travels as its bit pattern. All tensors are dense, row-major, NHWC for pictures.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define FOVEA_MAGIC 0x50564F46 // "FOVP"
#define FOVEA_ABI_VERSION 1

// Header words of a Program image; instructions follow, then (64-byte aligned) the constants.
enum FoveaHeader {
  FOVEA_HEADER_MAGIC,
  FOVEA_HEADER_VERSION,
  FOVEA_HEADER_WORDS,            // words of header + instructions
  FOVEA_HEADER_INSTRUCTIONS,     // how many
  FOVEA_HEADER_BINDINGS,         // buffers given at run time (inputs, weights, outputs)
  FOVEA_HEADER_CONSTANTS_OFFSET, // bytes from the start of the image
  FOVEA_HEADER_CONSTANTS_BYTES,
  FOVEA_HEADER_WORKSPACE_LO,     // bytes of workspace, low and high word
  FOVEA_HEADER_WORKSPACE_HI,
  FOVEA_HEADER_SIZE = 16,        // reserved words are zero
};

// One instruction: [kernel, operandCount, parameterCount, operands x 3, parameters].
// One operand: [space, byteOffsetLow, byteOffsetHigh].
enum FoveaSpace {
  FOVEA_SPACE_WORKSPACE,
  FOVEA_SPACE_CONSTANTS,
  FOVEA_SPACE_NONE,     // an optional operand that is absent: the kernel sees a null pointer
  FOVEA_SPACE_BINDINGS, // binding i is space FOVEA_SPACE_BINDINGS + i
};

enum FoveaDtype {
  FOVEA_FLOAT32,
  FOVEA_FLOAT16,
  FOVEA_BFLOAT16,
  FOVEA_INT32,
  FOVEA_UINT8,
  FOVEA_BOOL, // one byte, 0 or 1
  FOVEA_KEY,  // pointwise operands only: int32[4] {seedLow, seedHigh, stepLow, stepHigh}, never loaded as data
};

enum FoveaActivation {
  FOVEA_ACTIVATION_NONE,
  FOVEA_ACTIVATION_RELU,
  FOVEA_ACTIVATION_RELU6,
  FOVEA_ACTIVATION_LEAKY_RELU, // slope in the parameter `alpha`
  FOVEA_ACTIVATION_SIGMOID,
  FOVEA_ACTIVATION_TANH,
  FOVEA_ACTIVATION_SILU,
};

enum FoveaReduction {
  FOVEA_REDUCE_SUM,
  FOVEA_REDUCE_MEAN,
  FOVEA_REDUCE_PROD,
  FOVEA_REDUCE_MAX, // NaN wins
  FOVEA_REDUCE_MIN, // NaN wins
  FOVEA_REDUCE_ANY, // of bool, to bool
  FOVEA_REDUCE_ALL,
  FOVEA_REDUCE_ARG_MAX, // int32: the first of equals; a NaN counts as largest (smallest for argMin)
  FOVEA_REDUCE_ARG_MIN,
};

// Kernels: X(name, "operands", "parameters"). `?` marks an operand that may be absent.
// geometry = n h w cin  kh kw cout  oh ow  strideH strideW  padTop padLeft  dilationH dilationW  groups
//   (x is [n,h,w,cin], filter [kh,kw,cin/groups,cout], y [n,oh,ow,cout]; padding below and to the right
//   follows from oh, ow).
#define FOVEA_KERNELS(X)                                                                            \
  /* A DAG of pointwise instructions over one iteration space, registers 0..nIn-1 hold the inputs */ \
  /* (float dtypes as float, others as int32). Outputs are dense in `dims` order.              */   \
  /* Strides are in elements, 0 broadcasts. instruction = opcode dst a b c.                    */   \
  X(pointwise, "in[nIn] out[nOut]",                                                                 \
    "nIn nOut rank dims[rank] dtypes[nIn+nOut] inStrides[nIn*rank] registers instructions outRegister[nOut] code[5*instructions]") \
  X(reduce, "in out scratch",                                                                       \
    "kind dtypeIn dtypeOut keepRank keepDims[] keepStrides[] reduceRank reduceDims[] reduceStrides[]") \
  /* out[outOffset + i*outStrides] = in[inOffset + i*inStrides]; strides in elements, may be negative */ \
  X(copy, "in out", "elementBytes rank dims[] inStrides[] outStrides[] inOffset outOffset")         \
  X(fill, "out", "elementBytes count value")                                                        \
  /* out[o,i,:] = x[o,indices[i],:]; an index outside 0..axisDim-1 gives zeros */                     \
  X(gather, "x indices out", "elementBytes outer axisDim count inner")                              \
  /* float32: out = 0, then out[o,indices[i],:] += dy[o,i,:], in the order of i */                    \
  X(scatterAdd, "dy indices out", "outer axisDim count inner")                                      \
  /* C[b] = op(A[b]) op(B[b]); bias per column; residual shaped like C is added before activation */  \
  X(matmul, "a b packed? bias? residual? c scratch",                                                \
    "batch m n k transposeA transposeB aBatchStride bBatchStride activation alpha")                 \
  X(conv2d, "x filter packed? bias? residual? y scratch", "geometry activation alpha")              \
  X(conv2dInputGradient, "dy filter packed? dx scratch", "geometry")                                \
  X(conv2dFilterGradient, "x dy dFilter scratch", "geometry")                                       \
  /* groups == cin, cout = cin * multiplier; dtype is FOVEA_FLOAT32 or FOVEA_BFLOAT16, bias float32 */    \
  X(depthwiseConv2d, "x filter bias? residual? y", "geometry activation alpha dtype")               \
  X(depthwiseConv2dInputGradient, "dy filter dx", "geometry dtype")                                 \
  X(depthwiseConv2dFilterGradient, "x dy dFilter scratch", "geometry dtype")                        \
  /* pool geometry = n h w c  kh kw  oh ow  strideH strideW  padTop padLeft; padding never counts. */ \
  /* dtype is FOVEA_FLOAT32 or FOVEA_BFLOAT16, of all operands; sums are float32.              */   \
  X(maxPool, "x y", "poolGeometry dtype")                                                           \
  X(avgPool, "x y", "poolGeometry dtype")                                                           \
  X(avgPoolGradient, "dy dx", "poolGeometry dtype")                                                 \
  X(maxPoolGradient, "x dy dx", "poolGeometry dtype") /* dy goes to the first maximum of its window */ \
  X(maxPoolTake, "x v y", "poolGeometry")        /* y = v at the place of the window's first maximum */ \
  X(softmax, "x y", "rows columns isLog")                                                           \
  X(moments, "x mean variance scratch", "rows channels") /* per channel, population variance */      \
  X(topK, "x values indices", "rows columns k") /* float32, descending, the first of equals first */ \
  /* row-major coordinates of the non-zero elements, the rest of `bound` rows -1; count is int32[1]  \
     and is the true number even where it exceeds the bound */                                      \
  X(nonZero, "x indices count", "dtype rank dims[] bound")                                          \
  /* What matmul, conv2d and conv2dInputGradient (isTurned) make of b or filter in their scratch, for  \
     their operand `packed`: same parameters, same bytes; b or filter is then not read */             \
  X(packMatrix, "b packed",                                                                         \
    "batch m n k transposeA transposeB aBatchStride bBatchStride activation alpha")                 \
  X(packFilter, "filter packed", "geometry isTurned")                                               \
  /* 3x3, stride 1, dilation 1, one group: conv2dFilterGradient with a quarter of the products; bfloat16 \
     operands are widened, sums are float32 */                                                       \
  X(winogradFilterGradient, "x dy dFilter scratch", "geometry dtypeX dtypeDy dtypeDFilter") \
  /* Winograd, for 3x3 filters with stride, dilation and groups 1 and padding 0..2. u is the filter in the \
     level's own layout; isTurned (geometry stays the forward convolution's): for the input's gradient, which \
     is winogradConv2d of dy with padding 2 - padTop, 2 - padLeft. dtypes: float32 or bfloat16; u is float32, \
     and so is bias; residual is like y */                                                            \
  X(winogradFilter, "filter u", "geometry isTurned dtypeFilter")                                    \
  X(winogradConv2d, "x u bias? residual? y scratch", "geometry activation alpha dtypeX dtypeY")     \
  /* Products of bfloat16 with float32 sums; a float32 operand is rounded to bfloat16 first. `packed` is  \
     what the packing kernel makes of the filter or b, which is then not read. A turned convolution is     \
     the input's gradient: x is dy, y is dx, geometry that of the forward convolution */                  \
  X(bf16PackFilter, "filter packed", "geometry isTurned dtypeFilter")                               \
  X(bf16Conv2d, "x filter packed? bias? residual? y scratch",                                       \
    "geometry isTurned activation alpha dtypeX dtypeFilter dtypeBias dtypeY")                       \
  X(bf16FilterGradient, "x dy dFilter scratch", "geometry dtypeX dtypeDy dtypeDFilter")             \
  X(bf16PackMatrix, "b packed", "as bf16Matmul")                                                    \
  X(bf16Matmul, "a b packed? bias? residual? c scratch",                                            \
    "batch m n k transposeA transposeB aBatchStride bBatchStride activation alpha dtypeA dtypeB dtypeBias dtypeC") \
  X(softmaxGradient, "y dy dx", "rows columns isLog") /* y is softmax's or its logarithm's result */\
  /* per channel the sums of dy and of dy * (x - mean) */                                           \
  X(channelSums, "dy x mean sum product scratch", "rows channels")                                  \
  /* every row by its own mean and variance; `inverse` is 1 / sqrt(variance + epsilon), of each row; float32 */ \
  X(layerNorm, "x gamma beta y mean inverse", "rows columns epsilon")                               \
  X(layerNormGradient, "dy x mean inverse gamma dx dGamma dBeta scratch", "rows columns") /* columns <= 65536 */

enum FoveaKernel {
#define X(name, operands, parameters) FOVEA_KERNEL_##name,
  FOVEA_KERNELS(X)
#undef X
  FOVEA_KERNEL_COUNT
};

// Pointwise opcodes: X(name, arity). Registers are 32-bit: f* reads and writes floats, i* int32;
// comparisons write int 0 or 1. NaN compares false except for ne. `constant` has its bits in `a`.
#define FOVEA_POINTWISE(X)                                                                          \
  X(constant, 0) /* a = bits */                                                                     \
  X(fadd, 2) X(fsub, 2) X(fmul, 2) X(fdiv, 2) X(fpow, 2)                                            \
  X(fmax, 2) X(fmin, 2)      /* NaN wins */                                                         \
  X(fmod, 2)                 /* floor modulo, the divisor's sign */                                 \
  X(fma, 3)                  /* a*b + c */                                                          \
  X(fneg, 1) X(fabs, 1) X(fsign, 1) X(fsquare, 1) X(fsqrt, 1) X(frsqrt, 1) X(freciprocal, 1)        \
  X(fexp, 1) X(fexpm1, 1) X(flog, 1) X(flog1p, 1) X(fsin, 1) X(fcos, 1) X(ftan, 1) X(ftanh, 1)      \
  X(fsigmoid, 1) X(fsoftplus, 1) X(ferf, 1) X(fgelu, 1)                                               \
  X(ffloor, 1) X(fceil, 1) X(fround, 1) /* half to even */                                          \
  X(feq, 2) X(fne, 2) X(flt, 2) X(fle, 2) X(fgt, 2) X(fge, 2)                                       \
  X(fisNan, 1) X(fisFinite, 1)                                                                      \
  X(select, 3)               /* a != 0 (int) ? b : c, of either kind */                             \
  X(iadd, 2) X(isub, 2) X(imul, 2)                                                                  \
  X(idiv, 2) X(imod, 2)      /* floor division and modulo; by zero gives 0 */                       \
  X(imax, 2) X(imin, 2) X(ineg, 1) X(iabs, 1) X(isign, 1)                                           \
  X(ieq, 2) X(ine, 2) X(ilt, 2) X(ile, 2) X(igt, 2) X(ige, 2)                                       \
  X(iand, 2) X(ior, 2) X(ixor, 2)                                                                   \
  X(toFloat, 1)              /* int32 to float32 */                                                 \
  X(toInt, 1)                /* truncates, saturates, NaN gives 0 */                                \
  X(toUint8, 1)              /* int & 255 */                                                        \
  X(itest, 1) X(ftest, 1)    /* != 0; NaN is true */                                                \
  X(index, 0)                /* the linear index of the element, int32 */                           \
  /* Philox4x32-10: key {seedLow, seedHigh}; counter {index >> 2, b, stepLow, stepHigh}; word       \
     index & 3 of the block. a = operand number of the key, b = stream (an immediate) */            \
  X(randomUniform, 0)        /* float (word >> 8) * 2^-24, in [0, 1) */                             \
  X(randomNormal, 0)         /* Box-Muller in float64, the same bits everywhere: see random.cc */   \
  X(randomBits, 0)           /* the word as int32 */

enum FoveaPointwise {
#define X(name, arity) FOVEA_POINTWISE_##name,
  FOVEA_POINTWISE(X)
#undef X
  FOVEA_POINTWISE_COUNT
};

// Scratch: the compiler plans it from shapes alone, never from the thread count or vector width.
//   round(v, q) rounds v up to a multiple of q; all in bytes, 64-byte aligned
//   matmul                 4 * batchOfB * k * round(n, 64)   (packed B; batchOfB = 1 where bBatchStride = 0)
//                          0 where 2 to 48 rows that lie as they are multiply 64 columns or more: units pack for themselves
//   conv2d                 4 * kh*kw*(cin/groups) * groups * round(cout/groups, 64)
//   conv2dInputGradient    4 * kh*kw*(cout/groups) * groups * round(cin/groups, 64)
//   conv2dFilterGradient   FOVEA_PARTIAL_SUMS * 4 * filter elements, none where these are more than 2^17
//   depthwise the same,
//   bf16FilterGradient     FOVEA_PARTIAL_SUMS * 4 * filter elements
//   reduce                 FOVEA_PARTIAL_SUMS * 8 * out elements
//   moments, channelSums   FOVEA_PARTIAL_SUMS * 16 * channels
//   layerNormGradient      FOVEA_PARTIAL_SUMS * 16 * columns
//   bf16Conv2d, bf16Matmul as conv2d (isTurned: conv2dInputGradient), matmul
//   winogradFilterGradient 36 * parts * cin * cout, none where parts < 2;
//                          parts = min(ceil(FOVEA_PARTIAL_SUMS / (ceil(cin/64) * ceil(cout/64))), floor(tiles / 96)),
//                          tiles = n * ceil(oh/4) * ceil(ow/4)
//   winogradFilter's u     144 * (cin + 4) * round(cout, 16); isTurned: 144 * (cout + 4) * round(cin, 16)
//   winogradConv2d         144 * (tiles * channels + 16): channels = round(cin, 16) + 16,
//                          allTiles = n * ceil(oh/4) * ceil(ow/4), most = max(64, floor(2^21 / (36 * channels))),
//                          tiles = ceil(allTiles / ceil(allTiles / most)), 0 where allTiles is 0
// A sum is split into at most FOVEA_PARTIAL_SUMS parts, chosen from the shape alone, so that its bits do
// not depend on the number of threads. Each thread also has FOVEA_THREAD_SCRATCH bytes of its own.
#define FOVEA_PARTIAL_SUMS 16
#define FOVEA_THREAD_SCRATCH (1 << 20)
