// What the two engines' entry points (addon.cc, wasm.cc) use of runtime.cc: the thread pool, the check of
// a Program's image and its interpreter.
#pragma once
#include "kernel.h"

#define FOVEA_ALIGNMENT 64
#define FOVEA_MAX_OPERANDS 256
// Behind the workspace and every buffer, where the engine was started with `poison`.
#define FOVEA_GUARD_BYTES 64

enum FoveaFaultCode {
  FOVEA_OK,
  FOVEA_FAULT_IMAGE,    // not a Program, or cut short
  FOVEA_FAULT_VERSION,  // `detail` is the image's
  FOVEA_FAULT_KERNEL,   // unknown kernel number `detail`
  FOVEA_FAULT_OPERAND,  // operand `detail` lies outside its space
  FOVEA_FAULT_BINDINGS, // the run gives another number of bindings than the Program has
  FOVEA_FAULT_GUARD,    // poison: bytes behind binding `detail` (-1: the workspace) were written
  FOVEA_FAULT_MEMORY,   // no memory for the workspace
  FOVEA_FAULT_ABORTED,
};

struct FoveaFault {
  int32_t code;
  int32_t instruction; // -1: none in particular
  int32_t detail;
};

struct FoveaBinding {
  void* data;
  uint64_t bytes;
};

struct FoveaRun {
  FoveaPool* pool;
  const FoveaLevel* level;
  const void* image; // checked, 64-byte aligned
  void* workspace;
  uint64_t workspaceBytes;
  const FoveaBinding* bindings;
  int32_t bindingCount;
  bool poison;                  // fill the workspace with NaN first, watch the guards
  const volatile int32_t* stop; // leave before the next instruction once this is not zero
  double* times;                // milliseconds, before the first instruction and after each; null: not wanted
};

// Memory for a pool; the caller provides it zeroed and aligned.
uint64_t foveaPoolBytes();
// Work is cut for `threads`, the caller's thread included; `started` of them will run. The scratch is for `started`.
void foveaPoolInit(FoveaPool* pool, int32_t threads, int32_t started, void* scratch /* * FOVEA_THREAD_SCRATCH */);
// The life of helper thread 1..started-1; returns once foveaPoolStop has been called.
void foveaPoolHelp(FoveaPool* pool, int32_t thread);
// After foveaRun, where no other run follows at once: until then the helpers may wait awake.
void foveaPoolRest(FoveaPool* pool);
void foveaPoolStop(FoveaPool* pool);
// Another thread than the caller's of foveaRun may announce a run while none is going on, and then wake helpers for it.
void foveaPoolExpect(FoveaPool* pool);
void foveaPoolWake(FoveaPool* pool, int32_t helpers);
// The most helpers that a kernel of the last run had work for.
int32_t foveaPoolWanted(FoveaPool* pool);

// Whether every instruction of the image is well-formed and lies, with its operands, inside it.
FoveaFault foveaCheck(const void* image, uint64_t bytes);
uint64_t foveaWorkspaceBytes(const void* image);
// Of a checked image, a multiple of 4.
uint64_t foveaImageBytes(const void* image);
FoveaFault foveaRun(const FoveaRun& run);
