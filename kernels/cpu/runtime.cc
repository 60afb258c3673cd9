// The Program interpreter and the thread pool, for both engines. A Program's kernels run one after the
// other on the caller's thread; foveaParallel spreads one kernel's blocks over the helpers.
#include "runtime.h"
#include "placement.h"

#ifdef __wasm__
// The worker's performance.now. Too far away to ask in a waiting loop, a turn of which takes about 2 ns.
extern "C" __attribute__((import_module("env"), import_name("now"))) double foveaNow();
struct Spin {
  uint32_t turns = 0;
  bool isOver() { return ++turns > 100000; }
};
#else
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>
static double foveaNow() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}
// 200 us of waiting awake. Kernels follow each other within microseconds, a sleeper takes tens to wake.
struct Spin {
  uint32_t turns = 0;
  uint64_t until = 0;
  bool isOver() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
    if (++turns % 64 != 0) return false;
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    uint64_t now = (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
    if (until == 0) until = now + 200000;
    return now > until;
  }
};
#endif

template <class T> static inline T read(const T& value) { return __atomic_load_n(&value, __ATOMIC_SEQ_CST); }
template <class T> static inline void write(T& value, T to) { __atomic_store_n(&value, to, __ATOMIC_SEQ_CST); }
template <class T> static inline T add(T& value, T by) { return __atomic_fetch_add(&value, by, __ATOMIC_SEQ_CST); }

// Blocks next..end-1 of a job, on a cache line of their own.
struct alignas(64) BlockRange {
  int64_t next, end;
};
constexpr int32_t MOST_RANGES = 64;

// Every word that threads fight over has a cache line of its own.
struct alignas(64) FoveaPool {
  // Odd while a job is open, even between jobs. A helper raises `inside` before it looks; the caller closes
  // the job before it looks at `inside`: so one of the two always sees the other, and a helper that comes
  // late never touches a job whose caller has gone on.
  alignas(64) uint32_t job;
  alignas(64) int32_t inside;
  alignas(64) void (*body)(void*, int64_t, int32_t);
  void* context;
  int32_t threads; // for which work is cut
  int32_t helpers; // that run
  int32_t ranges;
  uint8_t* scratch;
  alignas(64) int32_t running; // a Program is, or the next waits already: helpers may spin for its next kernel
  alignas(64) int32_t sleepers;
  int32_t stopped;
  int32_t expected; // runs that were announced
  alignas(64) int32_t wanted; // helpers, at most, by the kernels of this run
#ifdef __wasm__
  alignas(64) int32_t wakes;
#else
  alignas(64) pthread_mutex_t mutex;
  pthread_cond_t wake;
#endif
  BlockRange range[MOST_RANGES];
  alignas(64) Placement placement;
};

uint64_t foveaPoolBytes() { return sizeof(FoveaPool); }

void foveaPoolInit(FoveaPool* pool, int32_t threads, int32_t started, void* scratch) {
  pool->threads = threads;
  pool->helpers = started - 1;
  pool->ranges = started < MOST_RANGES ? started : MOST_RANGES;
  initPlacement(pool->placement, started);
  pool->scratch = static_cast<uint8_t*>(scratch);
#ifndef __wasm__
  pthread_mutex_init(&pool->mutex, nullptr);
  pthread_cond_init(&pool->wake, nullptr);
#endif
}

// Whether a job is open that a helper which has last seen the job `seen` does not know yet.
static inline bool hasJob(FoveaPool* pool, uint32_t seen) {
  uint32_t job = read(pool->job);
  return (job & 1) && job != seen;
}

#ifdef __wasm__
static void sleepUntilJob(FoveaPool* pool, uint32_t seen) {
  add(pool->sleepers, 1);
  int32_t wakes = read(pool->wakes);
  if (!hasJob(pool, seen) && !read(pool->stopped)) __builtin_wasm_memory_atomic_wait32(&pool->wakes, wakes, -1);
  add(pool->sleepers, -1);
}

static void wakeHelpers(FoveaPool* pool, int32_t count) {
  if (read(pool->sleepers) == 0) return;
  add(pool->wakes, 1);
  __builtin_wasm_memory_atomic_notify(&pool->wakes, (uint32_t)count);
}

// A helper has lost its core in the middle of a block.
static void yieldTo(FoveaPool* pool, int32_t inside) {
  __builtin_wasm_memory_atomic_wait32(&pool->inside, inside, 50000);
}
#else
static void sleepUntilJob(FoveaPool* pool, uint32_t seen) {
  pthread_mutex_lock(&pool->mutex);
  add(pool->sleepers, 1);
  const int32_t expected = read(pool->expected);
  while (!hasJob(pool, seen) && read(pool->expected) == expected && !read(pool->stopped)) pthread_cond_wait(&pool->wake, &pool->mutex);
  add(pool->sleepers, -1);
  pthread_mutex_unlock(&pool->mutex);
}

static void wakeHelpers(FoveaPool* pool, int32_t count) {
  if (read(pool->sleepers) == 0) return;
  // Taking the lock makes sure that a helper which has just looked is already waiting.
  pthread_mutex_lock(&pool->mutex);
  if (count >= read(pool->sleepers)) pthread_cond_broadcast(&pool->wake);
  else
    for (int32_t i = 0; i < count; i++) pthread_cond_signal(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
}

static void yieldTo(FoveaPool*, int32_t) { sched_yield(); }
#endif

// A thread takes the blocks of its own range in their order, then what is left of the others'. Neighbouring blocks
// lie beside each other in memory: so the processor sees where a thread goes, and a thread finds in its cache what it
// wrote in the kernel before. Taken in turns, the sum of two arrays of 26 MB took twice as long.
static void takeBlocks(FoveaPool* pool, int32_t thread) {
  for (int32_t i = 0; i < pool->ranges; i++) {
    BlockRange& range = pool->range[(thread + i) % pool->ranges];
    const int64_t end = range.end;
    if (i > 0 && __atomic_load_n(&range.next, __ATOMIC_RELAXED) >= end) continue;
    for (int64_t block; (block = __atomic_fetch_add(&range.next, (int64_t)1, __ATOMIC_RELAXED)) < end;)
      pool->body(pool->context, block, thread);
  }
}

void foveaPoolHelp(FoveaPool* pool, int32_t thread) {
  uint32_t seen = 0;
  placeHelper(pool->placement, thread);
  while (!read(pool->stopped)) {
    Spin spin;
    while (read(pool->running) && !hasJob(pool, seen) && !spin.isOver()) {
    }
    if (!hasJob(pool, seen)) sleepUntilJob(pool, seen);
    add(pool->inside, 1);
    uint32_t job = read(pool->job);
    if ((job & 1) && job != seen) {
      takeBlocks(pool, thread);
      seen = job;
    }
    add(pool->inside, -1);
  }
}

void foveaPoolStop(FoveaPool* pool) {
  write(pool->stopped, 1);
#ifdef __wasm__
  add(pool->wakes, 1);
  __builtin_wasm_memory_atomic_notify(&pool->wakes, 0xffffffffu);
#else
  pthread_mutex_lock(&pool->mutex);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
#endif
}

void foveaPoolRest(FoveaPool* pool) { write(pool->running, 0); }

void foveaPoolExpect(FoveaPool* pool) {
  write(pool->running, 1);
  add(pool->expected, 1);
}

void foveaPoolWake(FoveaPool* pool, int32_t helpers) { wakeHelpers(pool, helpers); }

int32_t foveaPoolWanted(FoveaPool* pool) { return pool->wanted; }

extern "C" void foveaParallel(FoveaPool* pool, int64_t blocks, void (*body)(void*, int64_t, int32_t), void* context) {
  // Waking a thread costs more than one block.
  if (blocks <= 1 || pool->helpers == 0) {
    for (int64_t block = 0; block < blocks; block++) body(context, block, 0);
    return;
  }
  makeWay(pool->placement);
  const int32_t helpers = (int32_t)(blocks - 1 < pool->helpers ? blocks - 1 : pool->helpers);
  if (pool->wanted < helpers) pool->wanted = helpers;
  pool->body = body;
  pool->context = context;
  for (int32_t r = 0; r < pool->ranges; r++)
    pool->range[r] = {blocks * r / pool->ranges, blocks * (r + 1) / pool->ranges};
  add(pool->job, 1u);
  wakeHelpers(pool, helpers);
  takeBlocks(pool, 0);
  add(pool->job, 1u);
  Spin spin;
  for (int32_t inside; (inside = read(pool->inside)) != 0;)
    if (spin.isOver()) yieldTo(pool, inside);
}

extern "C" void* foveaThreadScratch(FoveaPool* pool, int32_t thread) {
  return pool->scratch + (int64_t)thread * FOVEA_THREAD_SCRATCH;
}

extern "C" int32_t foveaThreadCount(FoveaPool* pool) { return pool->threads; }

static inline uint64_t joined(uint32_t low, uint32_t high) { return (uint64_t)high << 32 | low; }

uint64_t foveaWorkspaceBytes(const void* image) {
  const uint32_t* words = static_cast<const uint32_t*>(image);
  return joined(words[FOVEA_HEADER_WORKSPACE_LO], words[FOVEA_HEADER_WORKSPACE_HI]);
}

uint64_t foveaImageBytes(const void* image) {
  const uint32_t* words = static_cast<const uint32_t*>(image);
  const uint64_t code = (uint64_t)words[FOVEA_HEADER_WORDS] * 4;
  const uint64_t constants = (uint64_t)words[FOVEA_HEADER_CONSTANTS_OFFSET] + words[FOVEA_HEADER_CONSTANTS_BYTES];
  return ((code > constants ? code : constants) + 3) / 4 * 4;
}

FoveaFault foveaCheck(const void* image, uint64_t bytes) {
  const uint32_t* words = static_cast<const uint32_t*>(image);
  const FoveaFault damaged = {FOVEA_FAULT_IMAGE, -1, 0};
  if (bytes < FOVEA_HEADER_SIZE * 4 || words[FOVEA_HEADER_MAGIC] != FOVEA_MAGIC) return damaged;
  if (words[FOVEA_HEADER_VERSION] != FOVEA_ABI_VERSION)
    return {FOVEA_FAULT_VERSION, -1, (int32_t)words[FOVEA_HEADER_VERSION]};
  uint64_t end = words[FOVEA_HEADER_WORDS];
  uint64_t constants = words[FOVEA_HEADER_CONSTANTS_OFFSET], constantBytes = words[FOVEA_HEADER_CONSTANTS_BYTES];
  uint64_t spaces = FOVEA_SPACE_BINDINGS + (uint64_t)words[FOVEA_HEADER_BINDINGS];
  if (end < FOVEA_HEADER_SIZE || end * 4 > bytes || constants + constantBytes > bytes) return damaged;
  if (constantBytes != 0 && (constants % FOVEA_ALIGNMENT != 0 || constants < end * 4)) return damaged;
  uint64_t at = FOVEA_HEADER_SIZE;
  uint32_t count = words[FOVEA_HEADER_INSTRUCTIONS];
  for (uint32_t i = 0; i < count; i++) {
    if (at + 3 > end) return damaged;
    uint32_t kernel = words[at], operands = words[at + 1], parameters = words[at + 2];
    const uint32_t* operand = words + at + 3;
    if (kernel >= FOVEA_KERNEL_COUNT) return {FOVEA_FAULT_KERNEL, (int32_t)i, (int32_t)kernel};
    if (operands > FOVEA_MAX_OPERANDS) return {FOVEA_FAULT_OPERAND, (int32_t)i, FOVEA_MAX_OPERANDS};
    at += 3 + 3 * (uint64_t)operands + parameters;
    if (at > end) return {FOVEA_FAULT_IMAGE, (int32_t)i, 0};
    for (uint32_t k = 0; k < operands; k++, operand += 3) {
      uint64_t offset = joined(operand[1], operand[2]);
      bool inside = operand[0] < spaces;
      if (operand[0] == FOVEA_SPACE_WORKSPACE) inside = offset <= foveaWorkspaceBytes(image);
      if (operand[0] == FOVEA_SPACE_CONSTANTS) inside = offset <= constantBytes;
      if (!inside) return {FOVEA_FAULT_OPERAND, (int32_t)i, (int32_t)k};
    }
  }
  if (at != end) return damaged;
  return {FOVEA_OK, -1, 0};
}

static void setGuard(void* data, uint64_t bytes) {
  __builtin_memset(static_cast<uint8_t*>(data) + bytes, 0xA5, FOVEA_GUARD_BYTES);
}

static bool hasGuard(const void* data, uint64_t bytes) {
  const uint8_t* guard = static_cast<const uint8_t*>(data) + bytes;
  for (int32_t i = 0; i < FOVEA_GUARD_BYTES; i++)
    if (guard[i] != 0xA5) return false;
  return true;
}

static FoveaFault interpret(const FoveaRun& run) {
  const uint32_t* words = static_cast<const uint32_t*>(run.image);
  uint8_t* constants = const_cast<uint8_t*>(static_cast<const uint8_t*>(run.image)) + words[FOVEA_HEADER_CONSTANTS_OFFSET];
  uint8_t* workspace = static_cast<uint8_t*>(run.workspace);
  void* pointers[FOVEA_MAX_OPERANDS];
  const uint32_t* at = words + FOVEA_HEADER_SIZE;
  int32_t count = (int32_t)words[FOVEA_HEADER_INSTRUCTIONS];
  if (run.times != nullptr) run.times[0] = foveaNow();
  for (int32_t i = 0; i < count; i++) {
    if (run.stop != nullptr && *run.stop != 0) return {FOVEA_FAULT_ABORTED, i, 0};
    int32_t operands = (int32_t)at[1];
    const uint32_t* operand = at + 3;
    for (int32_t k = 0; k < operands; k++, operand += 3) {
      uint64_t offset = joined(operand[1], operand[2]);
      if (operand[0] == FOVEA_SPACE_WORKSPACE) pointers[k] = workspace + offset;
      else if (operand[0] == FOVEA_SPACE_CONSTANTS) pointers[k] = constants + offset;
      else if (operand[0] == FOVEA_SPACE_NONE) pointers[k] = nullptr;
      else {
        const FoveaBinding& binding = run.bindings[operand[0] - FOVEA_SPACE_BINDINGS];
        if (offset > binding.bytes) return {FOVEA_FAULT_OPERAND, i, k};
        pointers[k] = static_cast<uint8_t*>(binding.data) + offset;
      }
    }
    FoveaCall call = {run.pool, pointers, reinterpret_cast<const int32_t*>(operand), operands, (int32_t)at[2]};
    run.level->kernels[at[0]](call);
    if (run.times != nullptr) run.times[i + 1] = foveaNow();
    at = operand + call.parameterCount;
  }
  return {FOVEA_OK, -1, 0};
}

FoveaFault foveaRun(const FoveaRun& run) {
  const uint32_t* words = static_cast<const uint32_t*>(run.image);
  if (words[FOVEA_HEADER_BINDINGS] != (uint32_t)run.bindingCount)
    return {FOVEA_FAULT_BINDINGS, -1, (int32_t)words[FOVEA_HEADER_BINDINGS]};
  if (run.poison) {
    // All ones is NaN in every float format. Scratch of a thread is nobody's between two blocks.
    __builtin_memset(run.workspace, 0xFF, run.workspaceBytes);
    __builtin_memset(run.pool->scratch, 0xFF, (uint64_t)(run.pool->helpers + 1) * FOVEA_THREAD_SCRATCH);
    setGuard(run.workspace, run.workspaceBytes);
    for (int32_t i = 0; i < run.bindingCount; i++) setGuard(run.bindings[i].data, run.bindings[i].bytes);
  }
  write(run.pool->running, 1);
  run.pool->wanted = 0;
  FoveaFault fault = interpret(run);
  if (!run.poison || fault.code != FOVEA_OK) return fault;
  if (!hasGuard(run.workspace, run.workspaceBytes)) return {FOVEA_FAULT_GUARD, -1, -1};
  for (int32_t i = 0; i < run.bindingCount; i++)
    if (!hasGuard(run.bindings[i].data, run.bindings[i].bytes)) return {FOVEA_FAULT_GUARD, -1, i};
  return fault;
}
