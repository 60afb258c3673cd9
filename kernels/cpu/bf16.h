// bfloat16 for products: elements rounded and moved into blocks, and the one micro-kernel. Where the level has
// vdpbf16ps, a word of a block is a pair of elements and a step multiplies two; elsewhere a word is one element
// widened to float32. Products of bfloat16 are exact in float32 either way, so only the sums' rounding differs.
#pragma once

#if defined(__AVX512BF16__) && defined(__AVX512BW__)
#define FOVEA_HAS_BF16_DOT
#endif
// Tiles (amx-tiles.h) multiply pairs too; emulated, with any vectors.
#if defined(FOVEA_HAS_BF16_DOT) || defined(FOVEA_HAS_TILES)
#define FOVEA_HAS_PAIRS
#endif

typedef uint16_t __attribute__((may_alias)) Bfloat16Alias;
typedef float __attribute__((may_alias)) Float32Alias;
typedef uint16_t Bfloat16Vector __attribute__((vector_size(FOVEA_VECTOR_BYTES / 2)));
typedef uint16_t Bfloat16VectorU __attribute__((vector_size(FOVEA_VECTOR_BYTES / 2), aligned(2), may_alias));

static inline Vector loadBfloat16(const uint16_t* p) {
  const Bfloat16Vector v = *reinterpret_cast<const Bfloat16VectorU*>(p);
  return asFloat(__builtin_convertvector(v, IntVector) << 16);
}
// Half to even; a NaN stays one.
static inline IntVector roundedBfloat16(Vector v) {
  const UnsignedVector bits = asUnsigned(asInt(v));
  const UnsignedVector rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return v != v ? reinterpret_cast<IntVector>((bits >> 16) | 0x40) : reinterpret_cast<IntVector>(rounded);
}
static inline void storeBfloat16(uint16_t* p, Vector v) {
  *reinterpret_cast<Bfloat16VectorU*>(p) = __builtin_convertvector(roundedBfloat16(v), Bfloat16Vector);
}
static inline float widenBfloat16(uint16_t bits) {
  const uint32_t word = (uint32_t)bits << 16;
  float value;
  __builtin_memcpy(&value, &word, 4);
  return value;
}

// `count` elements of a float32 or bfloat16 array from element `at` on, the other lanes zero; and back.
FOVEA_SELDOM Vector loadPartAs(int32_t dtype, const void* base, int64_t at, int64_t count) {
  if (dtype == FOVEA_FLOAT32) return loadPart((const float*)base + at, count);
  Vector v = {};
  for (int32_t i = 0; i < LANES; i++)
    if (i < count) v[i] = widenBfloat16(((const Bfloat16Alias*)base)[at + i]);
  return v;
}
FOVEA_SELDOM void storePartAs(int32_t dtype, void* base, int64_t at, Vector v, int64_t count) {
  if (dtype == FOVEA_FLOAT32) return storePart((float*)base + at, v, count);
  const IntVector bits = roundedBfloat16(v);
  for (int32_t i = 0; i < LANES; i++)
    if (i < count) ((Bfloat16Alias*)base)[at + i] = (uint16_t)bits[i];
}
static inline Vector loadAs(int32_t dtype, const void* base, int64_t at, int64_t count) {
  if (count < LANES) return loadPartAs(dtype, base, at, count);
  return dtype == FOVEA_FLOAT32 ? load((const float*)base + at) : loadBfloat16((const uint16_t*)base + at);
}
static inline void storeAs(int32_t dtype, void* base, int64_t at, Vector v, int64_t count) {
  if (count < LANES) storePartAs(dtype, base, at, v, count);
  else if (dtype == FOVEA_FLOAT32) store((float*)base + at, v);
  else storeBfloat16((uint16_t*)base + at, v);
}

// PAIR elements make a word; a Stored is an element in a block. movePiece writes up to PIECE_SLACK more.
#ifdef FOVEA_HAS_PAIRS
constexpr int32_t PAIR = 2;
typedef uint16_t Stored;
constexpr int32_t PIECE_SLACK = 31;
#else
constexpr int32_t PAIR = 1;
typedef float Stored;
constexpr int32_t PIECE_SLACK = 0;
#endif
typedef Stored __attribute__((may_alias)) StoredAlias;
static inline int64_t wordsOf(int64_t elements) { return divideUp(elements, PAIR); }

// to[i] = element at + i of `base` for first <= i < last, zero for the others below `count`.
#ifdef FOVEA_HAS_BF16_DOT
static inline uint32_t laneMask(int64_t first, int64_t last) { // of 32 lanes, both clamped
  const uint64_t below = last >= 32 ? 0xffffffffull : last <= 0 ? 0 : (1ull << last) - 1;
  const uint64_t under = first >= 32 ? 0xffffffffull : first <= 0 ? 0 : (1ull << first) - 1;
  return (uint32_t)(below & ~under);
}
static inline void movePiece(int32_t dtype, const void* base, int64_t at, int64_t first, int64_t last, int64_t count,
                             Stored* to) {
  if (dtype != FOVEA_FLOAT32) {
    const uint16_t* from = (const uint16_t*)base + at;
    int64_t i = 0;
    if (first <= 0)
      for (; i + 32 <= smaller(last, count); i += 32) _mm512_storeu_si512(to + i, _mm512_loadu_si512(from + i));
    for (; i < count; i += 32)
      _mm512_storeu_si512(to + i, _mm512_maskz_loadu_epi16(laneMask(first - i, last - i), from + i));
    return;
  }
  const float* from = (const float*)base + at;
  for (int64_t i = 0; i < count; i += 16) {
    const __mmask16 mask = (__mmask16)laneMask(first - i, last - i);
    _mm256_storeu_si256((__m256i*)(to + i), (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, from + i)));
  }
}
#elif defined(FOVEA_HAS_PAIRS)
static inline void movePiece(int32_t dtype, const void* base, int64_t at, int64_t first, int64_t last, int64_t count,
                             Stored* to) {
  for (int64_t i = 0; i < count; i++) {
    if (i < first || i >= last) to[i] = 0;
    else if (dtype != FOVEA_FLOAT32) to[i] = ((const Bfloat16Alias*)base)[at + i];
    else to[i] = (uint16_t)roundedBfloat16(splat(((const Float32Alias*)base)[at + i]))[0];
  }
}
#else
static inline void movePiece(int32_t dtype, const void* base, int64_t at, int64_t first, int64_t last, int64_t count,
                             Stored* to) {
  int64_t i = 0;
  first = smaller(larger(first, 0), count), last = smaller(larger(last, first), count);
  for (; i < first; i++) to[i] = 0.0f;
  if (dtype == FOVEA_FLOAT32) {
    const float* from = (const float*)base + at;
    for (; i + LANES <= last; i += LANES) store(to + i, asFloat(roundedBfloat16(load(from + i)) << 16));
  } else {
    const uint16_t* from = (const uint16_t*)base + at;
    for (; i + LANES <= last; i += LANES) store(to + i, loadBfloat16(from + i));
  }
  for (; i < last; i++) {
    if (dtype == FOVEA_FLOAT32) to[i] = asFloat(roundedBfloat16(splat(((const Float32Alias*)base)[at + i])) << 16)[0];
    else to[i] = widenBfloat16(((const Bfloat16Alias*)base)[at + i]);
  }
  for (; i < count; i++) to[i] = 0.0f;
}
#endif

// words[j] = the pair (a[j], b[j]) for j < count, in whole vectors: up to 31 more are read and written.
#ifdef FOVEA_HAS_BF16_DOT
static inline void interleave(const Stored* a, const Stored* b, int64_t count, int32_t* words) {
  alignas(64) static const uint16_t ORDER[64] = {
      0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39, 8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47,
      16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55, 24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63};
  const __m512i low = _mm512_load_si512(ORDER), high = _mm512_load_si512(ORDER + 32);
  for (int64_t j = 0; j < count; j += 32) {
    const __m512i x = _mm512_loadu_si512(a + j), y = _mm512_loadu_si512(b + j);
    _mm512_storeu_si512(words + j, _mm512_permutex2var_epi16(x, low, y));
    _mm512_storeu_si512(words + j + 16, _mm512_permutex2var_epi16(x, high, y));
  }
}
static inline Vector multiplyWords(Vector sum, IntVector a, IntVector b) {
  return (Vector)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}
#elif defined(FOVEA_HAS_PAIRS)
static inline void interleave(const Stored* a, const Stored* b, int64_t count, int32_t* words) {
  for (int64_t j = 0; j < roundUp(count, 32); j++) words[j] = (int32_t)((uint32_t)b[j] << 16 | a[j]);
}
#else
static inline Vector multiplyWords(Vector sum, IntVector a, IntVector b) { return sum + asFloat(a) * asFloat(b); }
#endif

// A tile of sums, the columns of the narrowest panel, and the words that a step multiplies.
#if defined(FOVEA_HAS_TILES)
constexpr int32_t BF16_ROWS = 32, BF16_NARROW = 16, BF16_DEPTH = 16;
#elif defined(__AVX512F__) || defined(__aarch64__)
constexpr int32_t BF16_ROWS = 12, BF16_NARROW = LANES, BF16_DEPTH = 1;
#else
constexpr int32_t BF16_ROWS = 6, BF16_NARROW = LANES, BF16_DEPTH = 1;
#endif
constexpr int32_t BF16_COLUMNS = 2 * BF16_NARROW, BF16_VECTORS = BF16_COLUMNS / LANES;

#ifdef FOVEA_HAS_TILES
#include "amx-gemm.h"
typedef TileMultiplier<Tiles> Bf16Multiplier;
#else

// sums[r] (+)= sum over k < steps of a[r*ROW_STEP + k*K_STEP] * panel[k]; distances in words are constants, so
// that one register addresses all rows.
typedef void (*Bf16Kernel)(const int32_t* a, const int32_t* panel, int64_t steps, float* sums, bool isResumed);
template <int32_t ROWS, int32_t VECTORS, int32_t ROW_STEP, int32_t K_STEP>
static void multiplyBlock(const int32_t* a, const int32_t* panel, int64_t steps, float* sums, bool isResumed) {
  Vector sum[ROWS][VECTORS];
#pragma GCC unroll 16
  for (int32_t r = 0; r < ROWS; r++)
#pragma GCC unroll 4
    for (int32_t v = 0; v < VECTORS; v++) sum[r][v] = isResumed ? load(sums + r * BF16_COLUMNS + v * LANES) : Vector{};
  for (int64_t k = 0; k < steps; k++) {
    IntVector b[VECTORS];
#pragma GCC unroll 4
    for (int32_t v = 0; v < VECTORS; v++) b[v] = loadInt(panel + v * LANES);
#pragma GCC unroll 16
    for (int32_t r = 0; r < ROWS; r++) {
      const IntVector x = splatInt(a[r * ROW_STEP]);
#pragma GCC unroll 4
      for (int32_t v = 0; v < VECTORS; v++) sum[r][v] = multiplyWords(sum[r][v], x, b[v]);
    }
    a += K_STEP;
    panel += VECTORS * LANES;
  }
#pragma GCC unroll 16
  for (int32_t r = 0; r < ROWS; r++)
#pragma GCC unroll 4
    for (int32_t v = 0; v < VECTORS; v++) store(sums + r * BF16_COLUMNS + v * LANES, sum[r][v]);
}
template <int32_t VECTORS, int32_t ROW_STEP, int32_t K_STEP> static inline Bf16Kernel bf16KernelOf(int64_t rows) {
  if (rows <= 1) return multiplyBlock<1, VECTORS, ROW_STEP, K_STEP>;
  if (rows <= 2) return multiplyBlock<2, VECTORS, ROW_STEP, K_STEP>;
  if (rows <= 4) return multiplyBlock<4, VECTORS, ROW_STEP, K_STEP>;
#if defined(__AVX512F__) || defined(__aarch64__)
  if (rows <= 8) return multiplyBlock<8, VECTORS, ROW_STEP, K_STEP>;
#endif
  return multiplyBlock<BF16_ROWS, VECTORS, ROW_STEP, K_STEP>;
}
// Surplus rows of the smallest kernel for `rows` read what lies in the block and are not used.
template <int32_t ROW_STEP, int32_t K_STEP> static inline Bf16Kernel bf16Kernel(int64_t rows, int64_t width) {
  return width > LANES ? bf16KernelOf<2, ROW_STEP, K_STEP>(rows) : bf16KernelOf<1, ROW_STEP, K_STEP>(rows);
}

// Rows of one unit by one panel after the other.
struct Bf16Multiplier {
  const int32_t* panel = nullptr;
  int64_t words = 0, width = 0;
  Bf16Multiplier(int64_t, char*) {}
  void takePanel(const int32_t* from, int64_t length, int64_t columns) { panel = from, words = length, width = columns; }
  template <int32_t ROW_STEP, int32_t K_STEP>
  void multiply(int64_t rows, const int32_t* a, float* sums, bool isResumed) {
    bf16Kernel<ROW_STEP, K_STEP>(rows, width)(a, panel, words, sums, isResumed);
  }
};
#endif
