// The level avx512bf16: avx512's kernels, but for those that have an instruction for products of bfloat16. Only
// these are compiled again.
#include "kernel.h"
#include <immintrin.h>

namespace fovea {
namespace avx512bf16 {
#include "vector.h"
#include "math.h"
#include "lanes.h"
#include "gemm.h"
#include "storage.h"
#include "bf16.h"
#include "bf16-gemm.h"
#include "bf16.cc"
} // namespace avx512bf16
} // namespace fovea

extern "C" const FoveaLevel foveaLevel_avx512;
extern "C" const FoveaLevel foveaLevel_avx512bf16;

static FoveaLevel makeLevel() {
  FoveaLevel level = foveaLevel_avx512;
  level.name = "avx512bf16";
  level.kernels[FOVEA_KERNEL_bf16PackFilter] = fovea::avx512bf16::bf16PackFilter;
  level.kernels[FOVEA_KERNEL_bf16Conv2d] = fovea::avx512bf16::bf16Conv2d;
  level.kernels[FOVEA_KERNEL_bf16FilterGradient] = fovea::avx512bf16::bf16FilterGradient;
  level.kernels[FOVEA_KERNEL_bf16PackMatrix] = fovea::avx512bf16::bf16PackMatrix;
  level.kernels[FOVEA_KERNEL_bf16Matmul] = fovea::avx512bf16::bf16Matmul;
  return level;
}
extern "C" const FoveaLevel foveaLevel_avx512bf16 = makeLevel();
