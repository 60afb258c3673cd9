// Matrix products in registers: two micro-kernels (A by row pointers, A by columns), the packing of B
// into panels, the epilogue, and the indirect GEMM that convolutions and products run on. A panel is
// TILE_COLUMNS wide (the last one as many vectors as it needs), its rows follow each other: [k][width].
#pragma once

// The sums of a tile, two vectors of B and one broadcast of A fill the registers of the level.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int32_t TILE_ROWS = 12;
#elif defined(__wasm__) && !defined(__wasm_relaxed_simd__)
constexpr int32_t TILE_ROWS = 4; // V8 keeps one of 16 registers, and a product waits in another for its addition
#else
constexpr int32_t TILE_ROWS = 6;
#endif
constexpr int32_t TILE_VECTORS = 2;
constexpr int32_t TILE_COLUMNS = TILE_VECTORS * LANES;

constexpr int64_t PANEL_AHEAD = 2048; // elements: of 512 to 4,096 the best

// How a thread's scratch is divided here, in bytes.
constexpr int32_t MAX_TAPS = 1024;    // per chunk of a sum: row pointers of one tile
constexpr int32_t MAX_DEPTH = 4096;   // per chunk of a sum: the row of zeros that padding reads
constexpr int64_t ZERO_AT = 128 << 10;
constexpr int64_t SUMS_AT = ZERO_AT + 4 * MAX_DEPTH;
constexpr int64_t SUMS_BYTES = 256 << 10;
constexpr int64_t PANEL_AT = SUMS_AT + SUMS_BYTES;
constexpr int64_t PANEL_BYTES = 512 << 10;
static_assert(PANEL_AT + PANEL_BYTES <= FOVEA_THREAD_SCRATCH, "thread scratch is too small");
static_assert(MAX_TAPS * TILE_ROWS * 8 <= ZERO_AT, "row pointers do not fit");

static inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t divideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t roundUp(int64_t a, int64_t b) { return divideUp(a, b) * b; }

// Seldom run and long once unrolled: inlined they would double the size of the binary.
#define FOVEA_SELDOM static __attribute__((noinline))

// Fewer than LANES elements, the other lanes zero.
#if defined(__AVX512F__)
static inline __mmask16 firstLanes(int64_t count) { return (__mmask16)((1u << (count < 0 ? 0 : count)) - 1); }
static inline Vector loadPart(const float* p, int64_t count) { return _mm512_maskz_loadu_ps(firstLanes(count), p); }
static inline void storePart(float* p, Vector v, int64_t count) { _mm512_mask_storeu_ps(p, firstLanes(count), v); }
#elif defined(__AVX2__)
static inline __m256i firstLanes(int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline Vector loadPart(const float* p, int64_t count) { return _mm256_maskload_ps(p, firstLanes(count)); }
static inline void storePart(float* p, Vector v, int64_t count) { _mm256_maskstore_ps(p, firstLanes(count), v); }
#else
FOVEA_SELDOM Vector loadPart(const float* p, int64_t count) {
  Vector v = {};
  for (int32_t i = 0; i < LANES; i++)
    if (i < count) v[i] = p[i];
  return v;
}
FOVEA_SELDOM void storePart(float* p, Vector v, int64_t count) {
  for (int32_t i = 0; i < LANES; i++)
    if (i < count) p[i] = v[i];
}
#endif
static inline Vector loadSome(const float* p, int64_t count) { return count >= LANES ? load(p) : loadPart(p, count); }
static inline void storeSome(float* p, Vector v, int64_t count) {
  if (count >= LANES) store(p, v);
  else storePart(p, v, count);
}
FOVEA_SELDOM void clearFloats(float* p, int64_t count) {
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES) store(p + i, Vector{});
  if (i < count) storePart(p + i, Vector{}, count - i);
}
FOVEA_SELDOM void copyFloats(float* to, const float* from, int64_t count) {
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES) store(to + i, load(from + i));
  for (; i < count; i++) to[i] = from[i];
}

// y = activation(sum + bias + residual); a NaN stays one.
struct Epilogue {
  const float* bias;
  const float* residual; // laid out like the output
  int32_t activation;
  float alpha;
};

FOVEA_SELDOM Vector activate(Vector v, int32_t activation, float alpha) {
  const Vector zero = {};
  switch (activation) {
  case FOVEA_ACTIVATION_RELU: return v < zero ? zero : v;
  case FOVEA_ACTIVATION_RELU6: {
    const Vector six = splat(6.0f);
    v = v < zero ? zero : v;
    return v > six ? six : v;
  }
  case FOVEA_ACTIVATION_LEAKY_RELU: {
    const Vector scaled = v * splat(alpha);
    return v < zero ? scaled : v;
  }
  case FOVEA_ACTIVATION_SIGMOID: return vectorSigmoid(v);
  case FOVEA_ACTIVATION_TANH: return vectorTanh(v);
  case FOVEA_ACTIVATION_SILU: return vectorSilu(v);
  default: return v;
  }
}

// Curved activations are applied to what is written already, in a loop of one activation that fetches its constants once:
// SiLU takes V8 4 ns a vector instead of 8. Of 16 lanes the calls are few, and going back costs more than they do.
constexpr bool IS_ACTIVATED_LATE = LANES < 16;
// To rows of numbers, `stride` apart.
template <class Activation>
static inline void activateEach(float* rows, int64_t count, int64_t columns, int64_t stride, Activation activation) {
  for (int64_t r = 0; r < count; r++, rows += stride) {
    int64_t j = 0;
    for (; j + LANES <= columns; j += LANES) store(rows + j, activation(load(rows + j)));
    if (j < columns) storePart(rows + j, activation(loadPart(rows + j, columns - j)), columns - j);
  }
}
FOVEA_SELDOM void activateRows(float* rows, int64_t count, int64_t columns, int64_t stride, int32_t activation,
                               float alpha) {
  if (activation == FOVEA_ACTIVATION_SILU) activateEach(rows, count, columns, stride, vectorSilu);
  else activateEach(rows, count, columns, stride, [&](Vector v) { return activate(v, activation, alpha); });
}

template <int32_t VECTORS, bool IS_WHOLE>
static void finishVectors(const float* sums, int64_t rows, int64_t last, const float* bias, const float* residual,
                          int32_t activation, float alpha, float* out, int64_t stride) {
  constexpr int32_t FULL = IS_WHOLE ? VECTORS : VECTORS - 1;
  Vector b[VECTORS] = {};
  if (bias) {
#pragma GCC unroll 4
    for (int32_t v = 0; v < FULL; v++) b[v] = load(bias + v * LANES);
    if (!IS_WHOLE) b[VECTORS - 1] = loadPart(bias + FULL * LANES, last);
  }
  for (int64_t r = 0; r < rows; r++, sums += TILE_COLUMNS, out += stride) {
    Vector y[VECTORS];
#pragma GCC unroll 4
    for (int32_t v = 0; v < VECTORS; v++) y[v] = load(sums + v * LANES) + b[v];
    if (residual) {
#pragma GCC unroll 4
      for (int32_t v = 0; v < FULL; v++) y[v] += load(residual + v * LANES);
      if (!IS_WHOLE) y[VECTORS - 1] += loadPart(residual + FULL * LANES, last);
      residual += stride;
    }
    if (activation == FOVEA_ACTIVATION_RELU) {
#pragma GCC unroll 4
      for (int32_t v = 0; v < VECTORS; v++) y[v] = y[v] < Vector{} ? Vector{} : y[v];
    } else if (activation == FOVEA_ACTIVATION_RELU6) {
      const Vector six = splat(6.0f);
#pragma GCC unroll 4
      for (int32_t v = 0; v < VECTORS; v++) y[v] = y[v] < Vector{} ? Vector{} : y[v];
#pragma GCC unroll 4
      for (int32_t v = 0; v < VECTORS; v++) y[v] = y[v] > six ? six : y[v];
    } else if (!IS_ACTIVATED_LATE && activation) {
#pragma GCC unroll 4
      for (int32_t v = 0; v < VECTORS; v++) y[v] = activate(y[v], activation, alpha);
    }
#pragma GCC unroll 4
    for (int32_t v = 0; v < FULL; v++) store(out + v * LANES, y[v]);
    if (!IS_WHOLE) storePart(out + FULL * LANES, y[VECTORS - 1], last);
  }
}

// Rows of sums, TILE_COLUMNS apart, to rows of the output (and residual), `stride` apart; `bias`, `residual`
// and `out` begin at the first column. columns <= TILE_COLUMNS.
static void finishRows(const float* sums, int64_t rows, int64_t columns, const float* bias, const float* residual,
                       int32_t activation, float alpha, float* out, int64_t stride) {
  if (columns == 2 * LANES) finishVectors<2, true>(sums, rows, LANES, bias, residual, activation, alpha, out, stride);
  else if (columns > LANES)
    finishVectors<2, false>(sums, rows, columns - LANES, bias, residual, activation, alpha, out, stride);
  else if (columns == LANES) finishVectors<1, true>(sums, rows, LANES, bias, residual, activation, alpha, out, stride);
  else finishVectors<1, false>(sums, rows, columns, bias, residual, activation, alpha, out, stride);
  if (IS_ACTIVATED_LATE && activation > FOVEA_ACTIVATION_RELU6) activateRows(out, rows, columns, stride, activation, alpha);
}

// One row of any length.
static void finishRow(const float* sums, int64_t columns, const float* bias, const float* residual, int32_t activation,
                      float alpha, float* out) {
  for (int64_t j = 0; j < columns; j += TILE_COLUMNS)
    finishRows(sums + j, 1, smaller(TILE_COLUMNS, columns - j), bias ? bias + j : nullptr,
               residual ? residual + j : nullptr, activation, alpha, out + j, 0);
}

// Adds the products over taps t and k of rows[t*ROWS + r][k] and panel[t][k] to the sums.
template <int32_t ROWS, int32_t VECTORS>
static inline __attribute__((always_inline)) void sumRows(const float* const* rows, int64_t taps, int64_t depth,
                                                          const float* panel, Vector (&sum)[ROWS][VECTORS]) {
#pragma GCC unroll 16
  for (int32_t r = 0; r < ROWS; r++)
#pragma GCC unroll 4
    for (int32_t v = 0; v < VECTORS; v++) sum[r][v] = Vector{};
  for (int64_t t = 0; t < taps; t++) {
    const float* row[ROWS];
#pragma GCC unroll 16
    for (int32_t r = 0; r < ROWS; r++) row[r] = rows[t * ROWS + r];
    // The next tap's rows may lie far away: they are fetched while this one's are multiplied.
    for (int64_t k = 0; k < depth;) {
#if !defined(__wasm__)
      const float* const* ahead = rows + smaller(t + 1, taps - 1) * ROWS;
      const int64_t end = smaller(k + 16, depth);
#pragma GCC unroll 16
      for (int32_t r = 0; r < ROWS; r++) __builtin_prefetch(ahead[r] + k);
#else
      const int64_t end = depth;
#endif
      for (; k < end; k++) {
#if defined(__AVX512F__)
        // A panel that streams from the third-level cache: a tenth of a Winograd product of few tiles.
        __builtin_prefetch(panel + PANEL_AHEAD);
        if (VECTORS > 1) __builtin_prefetch(panel + PANEL_AHEAD + LANES);
#endif
        Vector b[VECTORS];
#pragma GCC unroll 4
        for (int32_t v = 0; v < VECTORS; v++) b[v] = load(panel + v * LANES);
#pragma GCC unroll 16
        for (int32_t r = 0; r < ROWS; r++) {
          const Vector a = splat(row[r][k]);
#pragma GCC unroll 4
          for (int32_t v = 0; v < VECTORS; v++) sum[r][v] += a * b[v];
        }
        panel += VECTORS * LANES;
      }
    }
  }
}

// tile[r] (+)= sum over taps t and k of rows[t*ROWS + r][k] * panel[t][k]; a tile's row is TILE_COLUMNS.
typedef void (*RowsKernel)(const float* const* rows, int64_t taps, int64_t depth, const float* panel, float* tile,
                           bool isResumed);
template <int32_t ROWS, int32_t VECTORS>
static void multiplyRows(const float* const* rows, int64_t taps, int64_t depth, const float* panel, float* tile,
                         bool isResumed) {
  Vector sum[ROWS][VECTORS];
  sumRows<ROWS, VECTORS>(rows, taps, depth, panel, sum);
  if (isResumed) // chunks are summed apart: the errors of a long sum stay small
#pragma GCC unroll 16
    for (int32_t r = 0; r < ROWS; r++)
#pragma GCC unroll 4
      for (int32_t v = 0; v < VECTORS; v++) sum[r][v] += load(tile + r * TILE_COLUMNS + v * LANES);
#pragma GCC unroll 16
  for (int32_t r = 0; r < ROWS; r++)
#pragma GCC unroll 4
    for (int32_t v = 0; v < VECTORS; v++) store(tile + r * TILE_COLUMNS + v * LANES, sum[r][v]);
}

// A whole tile to rows of the output (and residual), `stride` apart, without a way through memory: for short sums the
// stores count. Of the activations those that cut off below `low` and above `high`.
static void multiplyTile(const float* const* rows, int64_t taps, int64_t depth, const float* panel, const float* bias,
                         const float* residual, float low, float high, float* out, int64_t stride) {
  Vector sum[TILE_ROWS][TILE_VECTORS];
  sumRows<TILE_ROWS, TILE_VECTORS>(rows, taps, depth, panel, sum);
  const Vector least = splat(low), most = splat(high);
#pragma GCC unroll 4
  for (int32_t v = 0; v < TILE_VECTORS; v++) {
    const Vector b = bias ? load(bias + v * LANES) : Vector{};
#pragma GCC unroll 16
    for (int32_t r = 0; r < TILE_ROWS; r++) sum[r][v] += b;
  }
  if (residual)
#pragma GCC unroll 16
    for (int32_t r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 4
      for (int32_t v = 0; v < TILE_VECTORS; v++) sum[r][v] += load(residual + r * stride + v * LANES);
#pragma GCC unroll 16
  for (int32_t r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 4
    for (int32_t v = 0; v < TILE_VECTORS; v++) {
      Vector y = sum[r][v]; // a NaN stays one
      y = y < least ? least : y;
      store(out + r * stride + v * LANES, y > most ? most : y);
    }
}

// Smallest kernel for `rows` rows; the pointer table then has kernelRows(rows) pointers a tap.
static inline int32_t kernelRows(int64_t rows) {
  if (rows <= 2) return (int32_t)rows;
  if (rows <= 4) return 4;
  if (TILE_ROWS > 8 && rows <= 8) return 8;
  return TILE_ROWS;
}
template <int32_t VECTORS> static inline RowsKernel rowsKernelOf(int32_t rows) {
  switch (rows) {
  case 1: return multiplyRows<1, VECTORS>;
  case 2: return multiplyRows<2, VECTORS>;
  case 4: return multiplyRows<4, VECTORS>;
#if defined(__AVX512F__) || defined(__aarch64__)
  case 8: return multiplyRows<8, VECTORS>;
#endif
  default: return multiplyRows<TILE_ROWS, VECTORS>;
  }
}
static inline RowsKernel rowsKernel(int32_t rows, int64_t width) {
  return width > LANES ? rowsKernelOf<2>(rows) : rowsKernelOf<1>(rows);
}

// out[r] (+)= sum over runs and p of run.a[p*step + r] * run.b[p]: A's rows lie next to each other.
struct Run {
  const float* a;
  const float* b; // panel rows
};
typedef void (*ColumnsKernel)(const Run* runs, int64_t runCount, int64_t length, int64_t step, float* out,
                              int64_t outStride, bool isResumed);
template <int32_t ROWS, int32_t VECTORS>
static void multiplyColumns(const Run* runs, int64_t runCount, int64_t length, int64_t step, float* out,
                            int64_t outStride, bool isResumed) {
  Vector sum[ROWS][VECTORS];
#pragma GCC unroll 16
  for (int32_t r = 0; r < ROWS; r++)
#pragma GCC unroll 4
    for (int32_t v = 0; v < VECTORS; v++) sum[r][v] = Vector{};
  for (int64_t i = 0; i < runCount; i++) {
    const float* a = runs[i].a;
    const float* panel = runs[i].b;
    for (int64_t p = 0; p < length; p++) {
      Vector b[VECTORS];
#pragma GCC unroll 4
      for (int32_t v = 0; v < VECTORS; v++) b[v] = load(panel + v * LANES);
#pragma GCC unroll 16
      for (int32_t r = 0; r < ROWS; r++) {
        const Vector x = splat(a[r]);
#pragma GCC unroll 4
        for (int32_t v = 0; v < VECTORS; v++) sum[r][v] += x * b[v];
      }
      a += step;
      panel += VECTORS * LANES;
    }
  }
  if (isResumed)
#pragma GCC unroll 16
    for (int32_t r = 0; r < ROWS; r++)
#pragma GCC unroll 4
      for (int32_t v = 0; v < VECTORS; v++) sum[r][v] += load(out + r * outStride + v * LANES);
#pragma GCC unroll 16
  for (int32_t r = 0; r < ROWS; r++)
#pragma GCC unroll 4
    for (int32_t v = 0; v < VECTORS; v++) store(out + r * outStride + v * LANES, sum[r][v]);
}

// Every size up to 8 has its kernel (a 7x7 filter on one channel has 7 rows); 9 to 11 are 5 and the rest.
static inline int32_t columnsKernelRows(int64_t left) {
  if (left >= TILE_ROWS) return TILE_ROWS;
  return (int32_t)(left <= 8 ? left : left - left / 2);
}
template <int32_t VECTORS> static inline ColumnsKernel columnsKernelOf(int32_t rows) {
  switch (rows) {
  case 1: return multiplyColumns<1, VECTORS>;
  case 2: return multiplyColumns<2, VECTORS>;
  case 3: return multiplyColumns<3, VECTORS>;
  case 4: return multiplyColumns<4, VECTORS>;
  case 5: return multiplyColumns<5, VECTORS>;
#if defined(__AVX512F__) || defined(__aarch64__)
  case 6: return multiplyColumns<6, VECTORS>;
  case 7: return multiplyColumns<7, VECTORS>;
  case 8: return multiplyColumns<8, VECTORS>;
#endif
  default: return multiplyColumns<TILE_ROWS, VECTORS>;
  }
}
static inline ColumnsKernel columnsKernel(int32_t rows, int64_t width) {
  return width > LANES ? columnsKernelOf<2>(rows) : columnsKernelOf<1>(rows);
}

// Width of the panel that begins at `column`.
static inline int64_t panelWidth(int64_t columns, int64_t column) {
  return smaller(TILE_COLUMNS, roundUp(columns - column, LANES));
}

// panel[k][j] = from[k*stride + j] for j < columns, 0 up to width.
static void packRows(const float* from, int64_t stride, int64_t depth, int64_t columns, int64_t width, float* panel) {
  if (columns == TILE_COLUMNS) {
    for (int64_t k = 0; k < depth; k++, from += stride, panel += TILE_COLUMNS)
      for (int32_t v = 0; v < TILE_VECTORS; v++) store(panel + v * LANES, load(from + v * LANES));
    return;
  }
  for (int64_t k = 0; k < depth; k++, from += stride, panel += width)
    for (int64_t j = 0; j < width; j += LANES)
      store(panel + j, columns - j > 0 ? loadSome(from + j, columns - j) : Vector{});
}

typedef float Quad __attribute__((vector_size(16)));
typedef float QuadU __attribute__((vector_size(16), aligned(4), may_alias));
#if defined(__clang__)
#define FOVEA_SHUFFLE_QUADS(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
typedef int32_t QuadInt __attribute__((vector_size(16)));
#define FOVEA_SHUFFLE_QUADS(a, b, i, j, k, l) __builtin_shuffle(a, b, (QuadInt){i, j, k, l})
#endif

// panel[k][j] = from[j*stride + k].
static void packTurned(const float* from, int64_t stride, int64_t depth, int64_t columns, int64_t width, float* panel) {
  for (int64_t j = 0; j < width; j += 4) {
    int64_t k = 0;
    if (columns - j >= 4)
      for (; k + 4 <= depth; k += 4) {
        const float* p = from + j * stride + k;
        const Quad a = *(const QuadU*)p, b = *(const QuadU*)(p + stride);
        const Quad c = *(const QuadU*)(p + 2 * stride), d = *(const QuadU*)(p + 3 * stride);
        const Quad ab = FOVEA_SHUFFLE_QUADS(a, b, 0, 4, 1, 5), cd = FOVEA_SHUFFLE_QUADS(c, d, 0, 4, 1, 5);
        const Quad AB = FOVEA_SHUFFLE_QUADS(a, b, 2, 6, 3, 7), CD = FOVEA_SHUFFLE_QUADS(c, d, 2, 6, 3, 7);
        float* q = panel + k * width + j;
        *(QuadU*)q = FOVEA_SHUFFLE_QUADS(ab, cd, 0, 1, 4, 5);
        *(QuadU*)(q + width) = FOVEA_SHUFFLE_QUADS(ab, cd, 2, 3, 6, 7);
        *(QuadU*)(q + 2 * width) = FOVEA_SHUFFLE_QUADS(AB, CD, 0, 1, 4, 5);
        *(QuadU*)(q + 3 * width) = FOVEA_SHUFFLE_QUADS(AB, CD, 2, 3, 6, 7);
      }
    for (; k < depth; k++)
      for (int64_t i = j; i < j + 4; i++) panel[k * width + i] = i < columns ? from[i * stride + k] : 0.0f;
  }
}
#undef FOVEA_SHUFFLE_QUADS

#include "gemm-channels.h"
#include "indirect.h"
#include "indirect-run.h"
