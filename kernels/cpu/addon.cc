// The native engine's Node-API face (src/engine/native.ts): memory, and a queue of commands that one
// thread, the pool's thread 0, works off in order. JavaScript's thread never waits for it.
#include "amx.h"
#include "runtime.h"
#include <node_api.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#include <sys/prctl.h>
#endif

extern "C" {
extern const FoveaLevel foveaLevel_amx, foveaLevel_avx512bf16, foveaLevel_avx512, foveaLevel_avx2, foveaLevel_neon,
    foveaLevel_portable, foveaLevel_amx_emulated;
bool foveaTileCheckPasses(int32_t fault);
}

// Nothing has no address, which memcpy must not be given.
static void copyBytes(void* to, const void* from, size_t bytes) {
  if (bytes > 0) memcpy(to, from, bytes);
}

// The compiled levels that this processor and its operating system support, best first; behind them what only tests
// ask for, which native.ts does not offer.
static int32_t findLevels(const FoveaLevel** levels) {
  int32_t count = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
#endif
#ifdef FOVEA_HAS_AVX512
  const bool hasAvx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                         __builtin_cpu_supports("fma");
#ifdef FOVEA_HAS_AVX512BF16
  const bool hasPairs = hasAvx512 && __builtin_cpu_supports("avx512bf16");
#ifdef FOVEA_HAS_AMX
  if (hasPairs && hasAmx()) levels[count++] = &foveaLevel_amx;
#endif
  if (hasPairs) levels[count++] = &foveaLevel_avx512bf16;
#endif
  if (hasAvx512) levels[count++] = &foveaLevel_avx512;
#endif
#ifdef FOVEA_HAS_AVX2
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) levels[count++] = &foveaLevel_avx2;
#endif
#ifdef FOVEA_HAS_NEON
  levels[count++] = &foveaLevel_neon;
#endif
#ifdef FOVEA_HAS_PORTABLE
  levels[count++] = &foveaLevel_portable;
#endif
#ifdef FOVEA_HAS_AMX_EMULATED
  levels[count++] = &foveaLevel_amx_emulated;
#endif
  return count;
}

enum CommandKind { COMMAND_RUN, COMMAND_READ, COMMAND_WRITE, COMMAND_FREE, COMMAND_STOP };

struct Command {
  Command* next;
  int32_t kind;
  uint32_t id; // of the run or read, for its completion
  void* from;  // run: the image; free: the memory
  void* to;    // run: where times go, if anywhere
  uint64_t bytes; // of a run: how many bindings follow
  // Behind it: a write's bytes, or a run's bindings.
  void* tail() { return this + 1; }
};

struct Completion {
  Completion* next;
  uint32_t id;
  FoveaFault fault;
};

struct Engine {
  const FoveaLevel* level;
  bool poison;
  FoveaPool* pool;
  void* scratch;
  int32_t started; // threads that run, the queue's own included
  pthread_t handles[256];
  pthread_mutex_t mutex;
  pthread_cond_t filled;
  Command *first, *last;
  int64_t queued;        // commands not yet finished; under the mutex
  volatile int32_t stop; // leave at the next instruction and drop the queue
  void* workspace;
  uint64_t workspaceBytes;
  napi_threadsafe_function done;
  int32_t outstanding; // completions JavaScript waits for; its thread only
  napi_env env;
};

static void* allocateMemory(uint64_t bytes) {
  void* memory = nullptr;
  if (bytes == 0) bytes = 1;
  const uint64_t huge = 2 << 20;
  // Large pages halve the time of a convolution's first touch.
  bool isLarge = bytes >= 2 * huge;
  if (bytes > (uint64_t)1 << 46 || posix_memalign(&memory, isLarge ? huge : FOVEA_ALIGNMENT, bytes) != 0) return nullptr;
#ifdef __linux__
  if (isLarge) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  return memory;
}

// Has the system find pages for the beginning of new memory now, rather than in the kernels that first write it. The rest
// is left to them: where a virtual machine has to ask its host for every page, this is 30 ms.
static void findPages(void* memory, uint64_t bytes) {
#ifdef __linux__
  const int populateForWriting = 23; // MADV_POPULATE_WRITE, since Linux 5.14; older ones refuse it
  const uint64_t page = 65536, most = 24 << 20; // no system has larger pages
  const uint64_t begin = ((uintptr_t)memory + page - 1) / page * page;
  const uint64_t end = ((uintptr_t)memory + (bytes < most ? bytes : most)) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, populateForWriting);
#else
  (void)memory, (void)bytes;
#endif
}

// Whether the workspace is large enough for a Program, or could be made so.
static bool growWorkspace(Engine* engine, uint64_t need) {
  if (need <= engine->workspaceBytes && engine->workspace != nullptr) return true;
  free(engine->workspace);
  engine->workspaceBytes = 0;
  engine->workspace = allocateMemory(need + FOVEA_GUARD_BYTES);
  if (engine->workspace != nullptr) engine->workspaceBytes = need;
  return engine->workspace != nullptr;
}

// Behind an image: how many helpers its last run had work for. They are woken together with the queue's thread, not
// by the first kernel that wants them, for waking takes as long as some kernels.
static int32_t* wantedHelp(void* image) {
  return reinterpret_cast<int32_t*>(static_cast<uint8_t*>(image) + foveaImageBytes(image));
}

static FoveaFault runCommand(Engine* engine, Command* command) {
  uint64_t need = foveaWorkspaceBytes(command->from);
  if (!growWorkspace(engine, need)) return {FOVEA_FAULT_MEMORY, -1, (int32_t)(need >> 20)};
  const FoveaFault fault =
      foveaRun({engine->pool, engine->level, command->from, engine->workspace, engine->workspaceBytes,
                static_cast<FoveaBinding*>(command->tail()), (int32_t)command->bytes, engine->poison, &engine->stop,
                static_cast<double*>(command->to)});
  __atomic_store_n(wantedHelp(command->from), foveaPoolWanted(engine->pool), __ATOMIC_RELAXED);
  return fault;
}

static void complete(Engine* engine, Completion* completion) {
  if (napi_call_threadsafe_function(engine->done, completion, napi_tsfn_nonblocking) != napi_ok) free(completion);
}

// For profilers and `top -H`.
static void nameThread(int32_t thread) {
#ifdef __linux__
  char name[16];
  snprintf(name, sizeof name, "fovea-%d", (int)thread);
  prctl(PR_SET_NAME, name);
#else
  (void)thread;
#endif
}

constexpr uint64_t SHORT_READ = 64 << 10; // bytes, copied in microseconds

static void* workQueue(void* data) {
  nameThread(0);
  Engine* engine = static_cast<Engine*>(data);
  // Results of a run are mostly read next: JavaScript's thread is woken once for both.
  Completion *done = nullptr, **lastDone = &done;
  for (bool isLast = false; !isLast;) {
    pthread_mutex_lock(&engine->mutex);
    while (engine->first == nullptr && engine->stop != 2) pthread_cond_wait(&engine->filled, &engine->mutex);
    Command* command = engine->first;
    if (command != nullptr) engine->first = command->next;
    pthread_mutex_unlock(&engine->mutex);
    if (command == nullptr) break;
    FoveaFault fault = {FOVEA_OK, -1, 0};
    bool isDropped = engine->stop != 0;
    isLast = command->kind == COMMAND_STOP;
    if (command->kind == COMMAND_FREE) free(command->from);
    else if (isDropped) fault.code = FOVEA_FAULT_ABORTED;
    else if (command->kind == COMMAND_RUN) fault = runCommand(engine, command);
    else if (command->kind == COMMAND_READ) copyBytes(command->to, command->from, command->bytes);
    else if (command->kind == COMMAND_WRITE) copyBytes(command->to, command->tail(), command->bytes);
    if (command->kind == COMMAND_RUN || command->kind == COMMAND_READ || isLast) {
      *lastDone = static_cast<Completion*>(malloc(sizeof(Completion)));
      **lastDone = {nullptr, command->id, fault};
      lastDone = &(*lastDone)->next;
    }
    free(command);
    pthread_mutex_lock(&engine->mutex);
    engine->queued--;
    const Command* next = engine->first;
    // JavaScript's thread is about to need a core.
    if (next == nullptr) foveaPoolRest(engine->pool);
    const bool isReadNext = next != nullptr && next->kind == COMMAND_READ && next->bytes <= SHORT_READ;
    pthread_mutex_unlock(&engine->mutex);
    if (isReadNext && !isLast) continue;
    for (Completion* completion = done; completion != nullptr;) {
      Completion* after = completion->next;
      complete(engine, completion);
      completion = after;
    }
    done = nullptr;
    lastDone = &done;
  }
  return nullptr;
}

struct Helper {
  FoveaPool* pool;
  int32_t thread;
};

static void* help(void* data) {
  Helper helper = *static_cast<Helper*>(data);
  free(data);
  nameThread(helper.thread);
  foveaPoolHelp(helper.pool, helper.thread);
  return nullptr;
}

// Ends the threads; the queue's commands, if any are left, are dropped. May be called again.
static void stopThreads(Engine* engine) {
  pthread_mutex_lock(&engine->mutex);
  engine->stop = 2;
  pthread_cond_signal(&engine->filled);
  pthread_mutex_unlock(&engine->mutex);
  // The queue's thread first: it may be in a kernel that needs the helpers.
  if (engine->started > 0) pthread_join(engine->handles[0], nullptr);
  if (engine->pool != nullptr) foveaPoolStop(engine->pool);
  for (int32_t i = 1; i < engine->started; i++) pthread_join(engine->handles[i], nullptr);
  engine->started = 0;
  free(engine->workspace);
  free(engine->scratch);
  free(engine->pool);
  engine->workspace = engine->scratch = nullptr;
  engine->pool = nullptr;
  engine->workspaceBytes = 0;
}

static void onEnvironmentEnd(void* data) { stopThreads(static_cast<Engine*>(data)); }

static void onCollected(napi_env env, void* data, void*) {
  Engine* engine = static_cast<Engine*>(data);
  napi_remove_env_cleanup_hook(env, onEnvironmentEnd, engine);
  stopThreads(engine);
  pthread_mutex_destroy(&engine->mutex);
  pthread_cond_destroy(&engine->filled);
  free(engine);
}

// On JavaScript's thread; `env` is null while the environment closes.
static void onCompletion(napi_env env, napi_value callback, void* context, void* data) {
  Completion completion = *static_cast<Completion*>(data);
  free(data);
  if (env == nullptr) return;
  Engine* engine = static_cast<Engine*>(context);
  // The process may end while nobody waits for anything.
  if (--engine->outstanding == 0) napi_unref_threadsafe_function(env, engine->done);
  napi_value self, arguments[4];
  napi_get_undefined(env, &self);
  napi_create_uint32(env, completion.id, &arguments[0]);
  napi_create_int32(env, completion.fault.code, &arguments[1]);
  napi_create_int32(env, completion.fault.instruction, &arguments[2]);
  napi_create_int32(env, completion.fault.detail, &arguments[3]);
  napi_call_function(env, self, callback, 4, arguments, nullptr);
}

static Command* makeCommand(CommandKind kind, uint64_t tailBytes) {
  Command* command = static_cast<Command*>(malloc(sizeof(Command) + tailBytes));
  if (command == nullptr) return nullptr;
  memset(static_cast<void*>(command), 0, sizeof(Command));
  command->kind = kind;
  return command;
}

static void push(Engine* engine, Command* command) {
  pthread_mutex_lock(&engine->mutex);
  if (engine->first == nullptr) engine->first = command;
  else engine->last->next = command;
  engine->last = command;
  const bool isFirst = engine->queued++ == 0;
  int32_t help = 0;
  if (isFirst && command->kind == COMMAND_RUN) help = __atomic_load_n(wantedHelp(command->from), __ATOMIC_RELAXED);
  if (help > 0) foveaPoolExpect(engine->pool);
  pthread_mutex_unlock(&engine->mutex);
  pthread_cond_signal(&engine->filled);
  if (help > 0) foveaPoolWake(engine->pool, help);
}

static void pushAwaited(napi_env env, Engine* engine, Command* command) {
  if (engine->outstanding++ == 0) napi_ref_threadsafe_function(env, engine->done);
  push(engine, command);
}

// Only JavaScript's thread queues commands, so an idle queue stays idle until it queues the next.
static bool isIdle(Engine* engine) {
  pthread_mutex_lock(&engine->mutex);
  bool idle = engine->queued == 0;
  pthread_mutex_unlock(&engine->mutex);
  return idle;
}

// The arguments of one call from native.ts, which has checked them.
struct Arguments {
  napi_env env;
  napi_value values[6];
  Arguments(napi_env env, napi_callback_info info) : env(env) {
    size_t count = 6;
    napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  }
  double number(int32_t i) const {
    double value = 0;
    napi_get_value_double(env, values[i], &value);
    return value;
  }
  void* address(int32_t i) const { return reinterpret_cast<void*>((uintptr_t)number(i)); }
  Engine* engine() const {
    void* data = nullptr;
    napi_get_value_external(env, values[0], &data);
    return static_cast<Engine*>(data);
  }
  uint8_t* arrayBuffer(int32_t i, size_t* bytes) const {
    void* data = nullptr;
    napi_get_arraybuffer_info(env, values[i], &data, bytes);
    return static_cast<uint8_t*>(data);
  }
};

static napi_value makeNumber(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

static napi_value makeAddress(napi_env env, void* address) { return makeNumber(env, (double)(uintptr_t)address); }

// levels(): string[]
static napi_value getLevels(napi_env env, napi_callback_info) {
  const FoveaLevel* levels[8];
  int32_t count = findLevels(levels);
  napi_value result;
  napi_create_array_with_length(env, (size_t)count, &result);
  for (int32_t i = 0; i < count; i++) {
    napi_value name;
    napi_create_string_utf8(env, levels[i]->name, NAPI_AUTO_LENGTH, &name);
    napi_set_element(env, result, (uint32_t)i, name);
  }
  return result;
}

// levelNotes(): string[], why a level is not among them that the processor has the instructions for
static napi_value getLevelNotes(napi_env env, napi_callback_info) {
  const char* reason = reasonWithoutAmx();
  napi_value result, text;
  napi_create_array(env, &result);
  if (reason == nullptr) return result;
  napi_create_string_utf8(env, reason, NAPI_AUTO_LENGTH, &text);
  napi_set_element(env, result, 0, text);
  return result;
}

#ifdef FOVEA_HAS_AMX_EMULATED
// tileCheckPasses(fault), for tests: whether the check of the processor's tiles passes emulated ones with that fault
static napi_value getTileCheckPasses(napi_env env, napi_callback_info info) {
  napi_value result;
  napi_get_boolean(env, foveaTileCheckPasses((int32_t)Arguments(env, info).number(0)), &result);
  return result;
}
#endif

// create(levelIndex, threads, started, poison, onDone(id, code, instruction, detail)): engine | undefined
static napi_value create(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  const FoveaLevel* levels[8];
  findLevels(levels);
  Engine* engine = static_cast<Engine*>(calloc(1, sizeof(Engine)));
  if (engine == nullptr) return nullptr;
  engine->env = env;
  engine->level = levels[(int32_t)arguments.number(0)];
  const int32_t threads = (int32_t)arguments.number(1), wanted = (int32_t)arguments.number(2);
  engine->poison = arguments.number(3) != 0;
  pthread_mutex_init(&engine->mutex, nullptr);
  pthread_cond_init(&engine->filled, nullptr);
  engine->pool = static_cast<FoveaPool*>(allocateMemory(foveaPoolBytes()));
  engine->scratch = allocateMemory((uint64_t)wanted * FOVEA_THREAD_SCRATCH);
  napi_value result, name;
  napi_create_external(env, engine, onCollected, nullptr, &result);
  napi_create_string_utf8(env, "fovea", NAPI_AUTO_LENGTH, &name);
  if (engine->pool == nullptr || engine->scratch == nullptr ||
      napi_create_threadsafe_function(env, arguments.values[4], nullptr, name, 0, 1, nullptr, nullptr, engine, onCompletion,
                                      &engine->done) != napi_ok)
    return nullptr;
  napi_unref_threadsafe_function(env, engine->done);
  // After the function's own hook, so that ours runs first: no thread may call it once it is gone.
  napi_add_env_cleanup_hook(env, onEnvironmentEnd, engine);
  memset(static_cast<void*>(engine->pool), 0, foveaPoolBytes());
  foveaPoolInit(engine->pool, threads, wanted, engine->scratch);
  if (pthread_create(&engine->handles[0], nullptr, workQueue, engine) != 0) return nullptr;
  engine->started = 1;
  for (int32_t i = 1; i < wanted; i++) {
    Helper* helper = static_cast<Helper*>(malloc(sizeof(Helper)));
    *helper = {engine->pool, i};
    // With fewer threads than asked for, the others take the blocks.
    if (pthread_create(&engine->handles[i], nullptr, help, helper) != 0) {
      free(helper);
      break;
    }
    engine->started++;
  }
  return result;
}

// allocate(engine, bytes): address, 0 where there is no memory
static napi_value allocate(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  return makeAddress(env, allocateMemory((uint64_t)arguments.number(1) + FOVEA_GUARD_BYTES));
}

// free(engine, address): once the queue has done what uses it
static napi_value release(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Engine* engine = arguments.engine();
  Command* command = engine->started == 0 || isIdle(engine) ? nullptr : makeCommand(COMMAND_FREE, 0);
  if (command == nullptr) {
    free(arguments.address(1));
    return nullptr;
  }
  command->from = arguments.address(1);
  push(engine, command);
  return nullptr;
}

// write(engine, address, arrayBuffer, byteOffset, byteLength): whether there was memory to queue it
static napi_value writeBytes(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Engine* engine = arguments.engine();
  size_t available = 0;
  const uint8_t* data = arguments.arrayBuffer(2, &available) + (size_t)arguments.number(3);
  size_t bytes = (size_t)arguments.number(4);
  napi_value result;
  bool isIdleNow = isIdle(engine);
  Command* command = isIdleNow ? nullptr : makeCommand(COMMAND_WRITE, bytes);
  napi_get_boolean(env, isIdleNow || command != nullptr, &result);
  if (isIdleNow) copyBytes(arguments.address(1), data, bytes);
  else if (command != nullptr) {
    command->to = arguments.address(1);
    command->bytes = bytes;
    copyBytes(command->tail(), data, bytes);
    push(engine, command);
  }
  return result;
}

// detach(arrayBuffer): its memory goes back at once, the array is empty
static napi_value detach(napi_env env, napi_callback_info info) {
  napi_value buffer;
  size_t count = 1;
  napi_get_cb_info(env, info, &count, &buffer, nullptr, nullptr);
  if (count == 1) napi_detach_arraybuffer(env, buffer);
  return nullptr;
}

// read(engine, address, arrayBuffer, id): whether it is done already; native.ts keeps the buffer alive
static napi_value readBytes(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Engine* engine = arguments.engine();
  size_t bytes = 0;
  uint8_t* to = arguments.arrayBuffer(2, &bytes);
  // A long copy would hold up JavaScript's thread.
  bool isDone = bytes <= 1 << 20 && isIdle(engine);
  if (isDone) copyBytes(to, arguments.address(1), bytes);
  else {
    Command* command = makeCommand(COMMAND_READ, 0);
    command->id = (uint32_t)arguments.number(3);
    command->from = arguments.address(1);
    command->to = to;
    command->bytes = bytes;
    pushAwaited(env, engine, command);
  }
  napi_value result;
  napi_get_boolean(env, isDone, &result);
  return result;
}

// load(engine, arrayBuffer, byteOffset, byteLength, fault: Int32Array's buffer): address, 0 on a fault
static napi_value load(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  size_t available = 0;
  const uint8_t* data = arguments.arrayBuffer(1, &available) + (size_t)arguments.number(2);
  size_t bytes = (size_t)arguments.number(3);
  FoveaFault* fault = reinterpret_cast<FoveaFault*>(arguments.arrayBuffer(4, &available));
  void* image = allocateMemory(bytes + FOVEA_ALIGNMENT);
  if (image == nullptr) {
    *fault = {FOVEA_FAULT_MEMORY, -1, (int32_t)(bytes >> 20)};
    return makeNumber(env, 0);
  }
  memcpy(image, data, bytes);
  *fault = foveaCheck(image, bytes);
  if (fault->code != FOVEA_OK) {
    free(image);
    return makeNumber(env, 0);
  }
  *wantedHelp(image) = 0;
  // Where there is no memory the run says so.
  Engine* engine = arguments.engine();
  const uint64_t before = engine->workspaceBytes, need = foveaWorkspaceBytes(image);
  if (engine->started > 0 && isIdle(engine) && need > before && growWorkspace(engine, need))
    findPages(engine->workspace, need);
  return makeAddress(env, image);
}

// findPages(engine, address, bytes): of memory that nothing has been written to
static napi_value findPagesOf(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  findPages(arguments.address(1), (uint64_t)arguments.number(2));
  return nullptr;
}

// run(engine, program, bindings: Float64Array's buffer of address, bytes, ..., count, id, times: address or 0)
static napi_value run(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Engine* engine = arguments.engine();
  size_t available = 0;
  const double* bindings = reinterpret_cast<const double*>(arguments.arrayBuffer(2, &available));
  int32_t count = (int32_t)arguments.number(3);
  Command* command = makeCommand(COMMAND_RUN, (uint64_t)count * sizeof(FoveaBinding));
  command->id = (uint32_t)arguments.number(4);
  command->from = arguments.address(1);
  command->to = arguments.address(5);
  command->bytes = (uint64_t)count;
  FoveaBinding* tail = static_cast<FoveaBinding*>(command->tail());
  for (int32_t i = 0; i < count; i++)
    tail[i] = {reinterpret_cast<void*>((uintptr_t)bindings[2 * i]), (uint64_t)bindings[2 * i + 1]};
  pushAwaited(env, engine, command);
  return nullptr;
}

static napi_value getWorkspaceBytes(napi_env env, napi_callback_info info) {
  return makeNumber(env, (double)Arguments(env, info).engine()->workspaceBytes);
}

// stop(engine, id): drops what is queued; completes `id` when the running kernel has ended
static napi_value stop(napi_env env, napi_callback_info info) {
  Arguments arguments(env, info);
  Engine* engine = arguments.engine();
  engine->stop = 1;
  Command* command = makeCommand(COMMAND_STOP, 0);
  command->id = (uint32_t)arguments.number(1);
  pushAwaited(env, engine, command);
  return nullptr;
}

// end(engine), after stop has completed: joins the threads and gives their memory back
static napi_value end(napi_env env, napi_callback_info info) {
  Engine* engine = Arguments(env, info).engine();
  napi_remove_env_cleanup_hook(env, onEnvironmentEnd, engine);
  stopThreads(engine);
  napi_release_threadsafe_function(engine->done, napi_tsfn_release);
  return nullptr;
}

NAPI_MODULE_INIT() {
  const struct {
    const char* name;
    napi_callback callback;
  } functions[] = {{"levels", getLevels}, {"levelNotes", getLevelNotes},
#ifdef FOVEA_HAS_AMX_EMULATED
                   {"tileCheckPasses", getTileCheckPasses},
#endif
                   {"create", create}, {"allocate", allocate}, {"free", release},
                   {"write", writeBytes}, {"read", readBytes}, {"detach", detach}, {"load", load}, {"run", run},
                   {"findPages", findPagesOf}, {"workspaceBytes", getWorkspaceBytes}, {"stop", stop}, {"end", end}};
  for (const auto& function : functions) {
    napi_value value;
    napi_create_function(env, function.name, NAPI_AUTO_LENGTH, function.callback, nullptr, &value);
    napi_set_named_property(env, exports, function.name, value);
  }
  return exports;
}
