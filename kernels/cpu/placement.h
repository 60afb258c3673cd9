// Keeps the threads of a pool on different cores where it has one for each. Left to itself, Linux may wake a helper
// on the core of the thread that wants its help and leave both there for many milliseconds, while the other core
// idles: kernels then take up to twice as long. The caller's thread stays free; its helpers make way for it.
#pragma once
#include <stdint.h>

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

struct Placement {
  pthread_mutex_t mutex;
  int32_t threads; // 0: nothing is placed
  int32_t cores[CPU_SETSIZE]; // of the threads; that of thread 0 is where it was last seen
  pid_t ids[CPU_SETSIZE];     // 0: not started
};

// For a pool that starts so many threads.
static void initPlacement(Placement& placement, int32_t threads) {
  pthread_mutex_init(&placement.mutex, nullptr);
  cpu_set_t allowed;
  if (threads < 2 || sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) != threads) return;
  for (int32_t core = 0; core < CPU_SETSIZE; core++)
    if (CPU_ISSET(core, &allowed)) placement.cores[placement.threads++] = core;
}

static void moveThread(Placement& placement, int32_t thread) {
  cpu_set_t core;
  CPU_ZERO(&core);
  CPU_SET(placement.cores[thread], &core);
  // Where this is forbidden the threads stay as they are.
  if (placement.ids[thread] != 0) sched_setaffinity(placement.ids[thread], sizeof core, &core);
}

// A helper's first act.
static void placeHelper(Placement& placement, int32_t thread) {
  if (thread >= placement.threads) return;
  pthread_mutex_lock(&placement.mutex);
  placement.ids[thread] = (pid_t)syscall(SYS_gettid);
  moveThread(placement, thread);
  pthread_mutex_unlock(&placement.mutex);
}

// Before thread 0 asks for help: whoever has its core now takes the one it had before.
static inline void makeWay(Placement& placement) {
  if (placement.threads == 0) return;
  const int32_t core = sched_getcpu();
  if (core == placement.cores[0]) return;
  pthread_mutex_lock(&placement.mutex);
  for (int32_t thread = 1; thread < placement.threads; thread++)
    if (placement.cores[thread] == core) {
      placement.cores[thread] = placement.cores[0];
      placement.cores[0] = core;
      moveThread(placement, thread);
      break;
    }
  pthread_mutex_unlock(&placement.mutex);
}
#else
struct Placement {};
static inline void initPlacement(Placement&, int32_t) {}
static inline void placeHelper(Placement&, int32_t) {}
static inline void makeWay(Placement&) {}
#endif
