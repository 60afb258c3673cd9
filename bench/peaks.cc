// The machine's own limits, as JSON on standard output: GFLOP/s of multiply-adds per vector width, of bf16 dot products,
// GB/s of memory and of the cache behind the first. Arguments: thread counts.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>
#ifdef __linux__
#include <sched.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

using Clock = std::chrono::steady_clock;

template <int Bytes>
struct VectorOf {
  typedef float Type __attribute__((vector_size(Bytes)));
};

// Enough accumulators to hide a latency of 4 cycles at two a cycle, few enough for 16 registers with two constants.
template <typename Vector, int Count>
__attribute__((always_inline)) inline float multiplyAdds(long rounds) {
  Vector sums[Count], x = Vector{} + 0.999f, y = Vector{} + 0.001f;
#pragma GCC unroll 16
  for (int i = 0; i < Count; i++) sums[i] = Vector{} + (float)i;
  for (long round = 0; round < rounds; round++) {
#pragma GCC unroll 16
    for (int i = 0; i < Count; i++) sums[i] = sums[i] * x + y;
  }
  float total = 0;
#pragma GCC unroll 16
  for (int i = 0; i < Count; i++) total += sums[i][0];
  return total;
}

struct Peak {
  const char* name;
  double flopsPerRound;
  float (*run)(long rounds);
};

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) float fma128(long rounds) { return multiplyAdds<VectorOf<16>::Type, 12>(rounds); }
__attribute__((target("avx2,fma"))) float fma256(long rounds) { return multiplyAdds<VectorOf<32>::Type, 12>(rounds); }
__attribute__((target("avx512f"))) float fma512(long rounds) { return multiplyAdds<VectorOf<64>::Type, 16>(rounds); }
__attribute__((target("avx512bf16,avx512f,avx512bw,avx512vl"))) float bf16(long rounds) {
  __m512 sums[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) sums[i] = _mm512_set1_ps(i);
  const __m512bh x = (__m512bh)_mm512_set1_epi32(0x3f803f80), y = (__m512bh)_mm512_set1_epi32(0x38d138d1);
  for (long round = 0; round < rounds; round++) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++) sums[i] = _mm512_dpbf16_ps(sums[i], x, y);
  }
  float total = 0;
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) total += sums[i][0];
  return total;
}
#else
float fma128(long rounds) { return multiplyAdds<VectorOf<16>::Type, 16>(rounds); }
#endif

std::vector<Peak> peaks() {
  std::vector<Peak> found;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2")) {
    found.push_back({"fp32x4", 2. * 4 * 12, fma128});
    found.push_back({"fp32x8", 2. * 8 * 12, fma256});
  }
  if (__builtin_cpu_supports("avx512f")) found.push_back({"fp32x16", 2. * 16 * 16, fma512});
  if (__builtin_cpu_supports("avx512bf16")) found.push_back({"bf16x32", 2. * 32 * 16, bf16});
#else
  found.push_back({"fp32x4", 2. * 4 * 16, fma128});
#endif
  return found;
}

volatile float keep;

/// Each thread on a core of its own: Linux may leave two on one for longer than a measurement takes.
void stayOn(int thread) {
#ifdef __linux__
  // As it was before the first thread was placed: new threads inherit its place.
  static const cpu_set_t allowed = [] {
    cpu_set_t all;
    CPU_ZERO(&all);
    sched_getaffinity(0, sizeof all, &all);
    return all;
  }();
  cpu_set_t own;
  int at = 0;
  for (int core = 0; core < CPU_SETSIZE; core++) {
    if (!CPU_ISSET(core, &allowed) || at++ != thread) continue;
    CPU_ZERO(&own);
    CPU_SET(core, &own);
    sched_setaffinity(0, sizeof own, &own);
    return;
  }
#else
  (void)thread;
#endif
}

/// Seconds from when all threads stand ready to when the last has done its work.
double timed(int threads, const std::function<void(int)>& work) {
  std::atomic<int> ready{0};
  std::atomic<bool> isOff{false};
  std::vector<Clock::time_point> ends(threads);
  const auto body = [&](int i) {
    stayOn(i);
    ready++;
    while (!isOff) continue;
    work(i);
    ends[i] = Clock::now();
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; i++) others.emplace_back(body, i);
  while (ready < threads - 1) continue;
  const auto start = Clock::now();
  isOff = true;
  body(0);
  for (auto& other : others) other.join();
  return std::chrono::duration<double>(*std::max_element(ends.begin(), ends.end()) - start).count();
}

double best(int threads, const std::function<void(int)>& work) {
  double least = 1e9;
  for (int repeat = 0; repeat < 5; repeat++) least = std::min(least, timed(threads, work));
  return least;
}

/// GB/s of reading `bytes` per thread `times` over, or of copying them to as many others (both counted).
double bandwidth(int threads, size_t bytes, int times, bool isCopy) {
  const size_t count = bytes / sizeof(long);
  std::vector<std::vector<long>> from(threads), to(threads);
  timed(threads, [&](int i) {
    from[i].assign(count, i);
    if (isCopy) to[i].assign(count, 0);
  });
  const double seconds = best(threads, [&](int i) {
    long sum = 0;
    for (int repeat = 0; repeat < times; repeat++) {
      if (isCopy) {
        std::memcpy(to[i].data(), from[i].data(), bytes);
      } else {
        typedef long Words __attribute__((vector_size(64)));
        const Words* words = (const Words*)__builtin_assume_aligned(from[i].data(), 16);
        Words sums[8] = {};
        for (size_t at = 0; at + 8 <= count / 8; at += 8) {
          for (int k = 0; k < 8; k++) {
            Words word;
            std::memcpy(&word, words + at + k, sizeof word);
            sums[k] += word;
          }
        }
        for (int k = 0; k < 8; k++) sum += sums[k][0];
      }
      asm volatile("" ::: "memory");
    }
    keep = sum;
  });
  return (isCopy ? 2. : 1.) * threads * bytes * times / seconds / 1e9;
}

}  // namespace

int main(int count, char** arguments) {
  std::printf("[");
  for (int at = 1; at < count; at++) {
    const int threads = std::atoi(arguments[at]);
    std::printf("%s{\"threads\":%d", at > 1 ? "," : "", threads);
    for (const Peak& peak : peaks()) {
      const long rounds = 2000000;
      const double seconds = best(threads, [&](int) { keep = peak.run(rounds); });
      std::printf(",\"%s\":%.1f", peak.name, threads * rounds * peak.flopsPerRound / seconds / 1e9);
    }
    std::printf(",\"read\":%.1f", bandwidth(threads, 128 << 20, 2, false));
    std::printf(",\"copy\":%.1f", bandwidth(threads, 128 << 20, 2, true));
    std::printf(",\"cache\":%.1f}", bandwidth(threads, 256 << 10, 2000, false));
  }
  std::printf("]\n");
}
