// What a kernel sees: its pointers, its parameters and the thread pool. A kernel runs on the
// interpreter's thread and spreads its own work with `parallel`, once per phase; when `parallel`
// returns, every block is done. Kernels allocate nothing and call no library.
#pragma once
#include "abi.h"

struct FoveaPool; // runtime.cc

// Runs body(context, block, thread) for each block in 0..blocks-1, handed out dynamically.
// thread is below the pool's size and selects scratch; results must not depend on it.
extern "C" void foveaParallel(FoveaPool* pool, int64_t blocks, void (*body)(void*, int64_t, int32_t), void* context);
// FOVEA_THREAD_SCRATCH bytes, 64-byte aligned, private to `thread` for the length of a block.
extern "C" void* foveaThreadScratch(FoveaPool* pool, int32_t thread);
// Never a divisor of work that changes a sum; only for choosing how fine to cut independent blocks.
extern "C" int32_t foveaThreadCount(FoveaPool* pool);

struct FoveaCall {
  FoveaPool* pool;
  void* const* operands; // null where absent
  const int32_t* parameters;
  int32_t operandCount;
  int32_t parameterCount;

  template <class T> T* operand(int32_t i) const { return static_cast<T*>(operands[i]); }
  float parameterFloat(int32_t i) const {
    float value;
    __builtin_memcpy(&value, &parameters[i], 4);
    return value;
  }
  // body is callable as body(int64_t block, int32_t thread).
  template <class Body> void parallel(int64_t blocks, Body& body) const {
    foveaParallel(
        pool, blocks,
        [](void* context, int64_t block, int32_t thread) { (*static_cast<Body*>(context))(block, thread); }, &body);
  }
  template <class T> T* scratch(int32_t thread) const { return static_cast<T*>(foveaThreadScratch(pool, thread)); }
};

typedef void (*FoveaKernelFunction)(const FoveaCall&);

// One table per instruction-set level; level.cc, compiled once per level with its own flags, fills it.
struct FoveaLevel {
  const char* name; // "amx", "avx512bf16", "avx512", "avx2", "neon", "portable", "wasm"
  int32_t vectorBytes;
  FoveaKernelFunction kernels[FOVEA_KERNEL_COUNT];
};
