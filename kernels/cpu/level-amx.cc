// The level amx: avx512's kernels, but for products of bfloat16, which run on tiles (amx-gemm.h). Compiled a second time
// as amx_emulated: the same blocks over emulated tiles and portable's other kernels, for every x86-64 machine. It is
// never chosen by itself; tests ask for it by name.
#include "kernel.h"
#include <immintrin.h>

#define FOVEA_HAS_TILES
#define FOVEA_CONCAT2(a, b) a##b
#define FOVEA_CONCAT(a, b) FOVEA_CONCAT2(a, b)
#define FOVEA_TEXT2(a) #a
#define FOVEA_TEXT(a) FOVEA_TEXT2(a)
#ifdef __AMX_BF16__
#define FOVEA_BASE foveaLevel_avx512
#else
#define FOVEA_BASE foveaLevel_portable
#endif

namespace fovea {
namespace FOVEA_LEVEL {
#include "vector.h"
#include "math.h"
#include "lanes.h"
#include "gemm.h"
#include "storage.h"
#include "amx-tiles.h"
#ifdef __AMX_BF16__
typedef ProcessorTiles Tiles;
#else
typedef EmulatedTiles Tiles;
#endif
#include "bf16.h"
#include "bf16-gemm.h"
#include "bf16.cc"
#include "amx-check.h"
} // namespace FOVEA_LEVEL
} // namespace fovea

extern "C" const FoveaLevel FOVEA_BASE;
extern "C" const FoveaLevel FOVEA_CONCAT(foveaLevel_, FOVEA_LEVEL);

static FoveaLevel makeLevel() {
  FoveaLevel level = FOVEA_BASE;
  level.name = FOVEA_TEXT(FOVEA_LEVEL);
  level.kernels[FOVEA_KERNEL_bf16PackFilter] = fovea::FOVEA_LEVEL::bf16PackFilter;
  level.kernels[FOVEA_KERNEL_bf16Conv2d] = fovea::FOVEA_LEVEL::bf16Conv2d;
  level.kernels[FOVEA_KERNEL_bf16FilterGradient] = fovea::FOVEA_LEVEL::bf16FilterGradient;
  level.kernels[FOVEA_KERNEL_bf16PackMatrix] = fovea::FOVEA_LEVEL::bf16PackMatrix;
  level.kernels[FOVEA_KERNEL_bf16Matmul] = fovea::FOVEA_LEVEL::bf16Matmul;
  return level;
}
extern "C" const FoveaLevel FOVEA_CONCAT(foveaLevel_, FOVEA_LEVEL) = makeLevel();
