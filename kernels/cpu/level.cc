// All kernels for one instruction-set level in one translation unit: a compiler's start costs more
// than its work here. The build compiles this file once per level with -DFOVEA_LEVEL=<name> and the
// level's flags; everything lives in a namespace of that name, so the linker cannot mix levels.
#include "kernel.h"
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define FOVEA_CONCAT2(a, b) a##b
#define FOVEA_CONCAT(a, b) FOVEA_CONCAT2(a, b)
#define FOVEA_TEXT2(a) #a
#define FOVEA_TEXT(a) FOVEA_TEXT2(a)

namespace fovea {
namespace FOVEA_LEVEL {
#include "vector.h"
#include "math.h"
#include "lanes.h"
#include "random.cc"
#include "pointwise.cc"
#include "reduce.cc"
#include "copy.cc"
#include "gather.cc"
#include "gemm.h"
#include "storage.h"
#include "matmul.cc"
#include "conv2d.cc"
#include "winograd.cc"
#include "winograd-gradient.cc"
#include "depthwise.cc"
#include "depthwise-gradient.cc"
#include "pool2d.cc"
#include "pool2d-gradient.cc"
#include "softmax.cc"
#include "moments.cc"
#include "layer-norm.cc"
#include "select.cc"
// Without an instruction for it bfloat16 gains no time: a page is better off with a small binary.
#if defined(__wasm__)
#pragma clang attribute push(__attribute__((minsize)), apply_to = function)
#endif
#include "bf16.h"
#include "bf16-gemm.h"
#include "bf16.cc"
#if defined(__wasm__)
#pragma clang attribute pop
#endif
} // namespace FOVEA_LEVEL
} // namespace fovea

// A kernel `foo` is the function `void foo(const FoveaCall&)` in its family's file.
extern "C" const FoveaLevel FOVEA_CONCAT(foveaLevel_, FOVEA_LEVEL);
extern "C" const FoveaLevel FOVEA_CONCAT(foveaLevel_, FOVEA_LEVEL) = {
    FOVEA_TEXT(FOVEA_LEVEL),
    (int32_t)sizeof(fovea::FOVEA_LEVEL::Vector),
    {
#define X(name, operands, parameters) fovea::FOVEA_LEVEL::name,
        FOVEA_KERNELS(X)
#undef X
    },
};
