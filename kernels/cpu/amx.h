// Whether the level amx can be used: the processor's tiles, the system's leave to use them (Linux gives it for the
// process when asked), and a check of what they compute. For addon.cc.
#pragma once
#if defined(FOVEA_HAS_AMX) && defined(__linux__)
#include <cpuid.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" bool foveaTilesAgree();

static bool canUseAmx;
static const char* whyNoAmx; // null: the processor has no tiles
static void findAmx() {
  unsigned a, b, c, d;
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx512bf16")) return; // the level's other instructions
  const unsigned bfloat16 = 1u << 22, tiles = 1u << 24, systemSaves = 1u << 27; // of leaf 7's d, and of leaf 1's c
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & bfloat16) == 0 || (d & tiles) == 0) return;
  whyNoAmx = "amx: the system does not save tiles";
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & systemSaves) == 0) return;
  __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
  if ((a >> 17 & 3) != 3) return;
  whyNoAmx = "amx: the system does not let this process use tiles";
  const long askForState = 0x1023, tileData = 18; // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA: since Linux 5.16
  if (syscall(SYS_arch_prctl, askForState, tileData) != 0) return;
  whyNoAmx = "amx: the processor's tiles do not compute what they should";
  canUseAmx = foveaTilesAgree();
  if (canUseAmx) whyNoAmx = nullptr;
}
static bool hasAmx() {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, findAmx);
  return canUseAmx;
}
static const char* reasonWithoutAmx() { return hasAmx() ? nullptr : whyNoAmx; }
#else
static bool hasAmx() { return false; }
static const char* reasonWithoutAmx() { return nullptr; }
#endif
