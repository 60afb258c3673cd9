// What the wasm engine's workers call (src/engine/wasm/worker.ts). Memory is handed out by TypeScript
// (src/engine/wasm/heap.ts); every worker instantiates this module on the same memory.
#include "runtime.h"
#include <stddef.h>

#define EXPORT(name) extern "C" __attribute__((export_name(#name)))

extern "C" const FoveaLevel FOVEA_WASM_TABLE;

// With bulk memory these become single instructions; the compiler emits calls for large copies.
extern "C" void* memcpy(void* to, const void* from, size_t bytes) { return __builtin_memcpy(to, from, bytes); }
extern "C" void* memmove(void* to, const void* from, size_t bytes) { return __builtin_memmove(to, from, bytes); }
extern "C" void* memset(void* to, int value, size_t bytes) { return __builtin_memset(to, value, bytes); }

EXPORT(poolBytes) uint32_t poolBytes() { return (uint32_t)foveaPoolBytes(); }
EXPORT(poolInit) void poolInit(FoveaPool* pool, int32_t threads, int32_t started, void* scratch) {
  __builtin_memset(static_cast<void*>(pool), 0, foveaPoolBytes());
  foveaPoolInit(pool, threads, started, scratch);
}
EXPORT(poolHelp) void poolHelp(FoveaPool* pool, int32_t thread) { foveaPoolHelp(pool, thread); }
EXPORT(poolStop) void poolStop(FoveaPool* pool) { foveaPoolStop(pool); }

EXPORT(check) void check(const void* image, uint32_t bytes, FoveaFault* fault) { *fault = foveaCheck(image, bytes); }

EXPORT(run)
void run(FoveaPool* pool, const void* image, void* workspace, uint32_t workspaceBytes, const FoveaBinding* bindings,
         int32_t bindingCount, int32_t poison, double* times, FoveaFault* fault) {
  *fault = foveaRun({pool, &FOVEA_WASM_TABLE, image, workspace, workspaceBytes, bindings, bindingCount, poison != 0,
                     nullptr, times});
  foveaPoolRest(pool);
}
