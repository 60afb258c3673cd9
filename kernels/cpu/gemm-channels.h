// Micro-kernels whose vectors run along the channels of a pixel, for outputs of few channels: dots, where there
// are few columns, and small groups, several of which share a vector. Included by gemm.h.
#pragma once

// Lane sums of several vectors at once: fold<W>(a, b) adds each lane of a to the one W away, of b likewise, and
// interleaves the two, so that halving W from LANES/2 to 1 leaves the sum of vector i in lane i.
#if FOVEA_VECTOR_BYTES == 64
#define FOVEA_EACH_LANE(F) F(0), F(1), F(2), F(3), F(4), F(5), F(6), F(7), F(8), F(9), F(10), F(11), F(12), F(13), F(14), F(15)
#elif FOVEA_VECTOR_BYTES == 32
#define FOVEA_EACH_LANE(F) F(0), F(1), F(2), F(3), F(4), F(5), F(6), F(7)
#else
#define FOVEA_EACH_LANE(F) F(0), F(1), F(2), F(3)
#endif
#if defined(__clang__)
#define FOVEA_SHUFFLE_LANES(a, b, F) __builtin_shufflevector(a, b, FOVEA_EACH_LANE(F))
#else
#define FOVEA_SHUFFLE_LANES(a, b, F) __builtin_shuffle(a, b, (IntVector){FOVEA_EACH_LANE(F)})
#endif
#define FOVEA_KEPT(i) ((i) + ((i) & WIDTH ? LANES : 0))
#define FOVEA_SWAPPED(i) (((i) ^ WIDTH) + ((i) & WIDTH ? LANES : 0))
template <int32_t WIDTH> static inline Vector fold(Vector a, Vector b) {
  return FOVEA_SHUFFLE_LANES(a, b, FOVEA_KEPT) + FOVEA_SHUFFLE_LANES(a, b, FOVEA_SWAPPED);
}
#undef FOVEA_KEPT
#undef FOVEA_SWAPPED

template <int32_t WIDTH> static inline Vector foldAll(Vector* v) {
#pragma GCC unroll 8
  for (int32_t i = 0; i < WIDTH; i++) v[i] = fold<WIDTH>(v[i], v[i + WIDTH]);
  return WIDTH > 1 ? foldAll<(WIDTH > 1 ? WIDTH / 2 : 1)>(v) : v[0];
}
// sums[i] = the sum of v[i]'s lanes; writes whole vectors.
template <int32_t COUNT> static inline void sumLanesOfAll(const Vector* v, float* sums) {
#pragma GCC unroll 8
  for (int32_t first = 0; first < COUNT; first += LANES) {
    Vector part[LANES];
#pragma GCC unroll 16
    for (int32_t i = 0; i < LANES; i++) part[i] = first + i < COUNT ? v[first + i] : Vector{};
    store(sums + first, foldAll<LANES / 2>(part));
  }
}

// sums[r*COLUMNS + j] = sum over taps t and k of rows[t*ROWS + r][k] * b[t][k][j], with vectors along k: for few
// columns. b lies as IndirectGemm::packDots leaves it; depth >= LANES; sums are written in whole vectors.
typedef void (*DotsKernel)(const float* const* rows, int64_t taps, int64_t depth, const float* b, float* sums);
template <int32_t ROWS, int32_t COLUMNS>
static void multiplyDots(const float* const* rows, int64_t taps, int64_t depth, const float* b, float* sums) {
  Vector sum[ROWS][COLUMNS] = {};
  const int64_t whole = depth / LANES * LANES;
  IntVector isLast; // the lanes of the last LANES channels that the whole vectors leave
  for (int32_t i = 0; i < LANES; i++) isLast[i] = i >= LANES - (depth - whole) ? -1 : 0;
  for (int64_t t = 0; t < taps; t++, rows += ROWS) {
    for (int64_t k = 0; k < whole; k += LANES, b += COLUMNS * LANES)
#pragma GCC unroll 16
      for (int32_t r = 0; r < ROWS; r++) {
        const Vector a = load(rows[r] + k);
#pragma GCC unroll 8
        for (int32_t j = 0; j < COLUMNS; j++) sum[r][j] += a * load(b + j * LANES);
      }
    if (whole == depth) continue;
#pragma GCC unroll 16
    for (int32_t r = 0; r < ROWS; r++) {
      const Vector a = asFloat(asInt(load(rows[r] + depth - LANES)) & isLast);
#pragma GCC unroll 8
      for (int32_t j = 0; j < COLUMNS; j++) sum[r][j] += a * load(b + j * LANES);
    }
    b += COLUMNS * LANES;
  }
  sumLanesOfAll<ROWS * COLUMNS>(&sum[0][0], sums);
}

constexpr int32_t MOST_DOT_COLUMNS = LANES / 2;
struct Dots {
  DotsKernel kernel;
  int32_t rows;
};
template <int32_t COLUMNS> static inline Dots dotsFor() {
  constexpr int32_t FIT = 2 * TILE_ROWS / COLUMNS, ROWS = FIT < TILE_ROWS ? FIT : TILE_ROWS;
  return {multiplyDots<ROWS, COLUMNS>, ROWS};
}
static inline Dots dotsOf(int32_t columns) {
  switch (columns) {
  case 1: return dotsFor<1>();
#if FOVEA_VECTOR_BYTES >= 32
  case 3: return dotsFor<3>();
  case 4: return dotsFor<4>();
#endif
#if FOVEA_VECTOR_BYTES >= 64
  case 5: return dotsFor<5>();
  case 6: return dotsFor<6>();
  case 7: return dotsFor<7>();
  case 8: return dotsFor<8>();
#endif
  default: return dotsFor<2>();
  }
}

// Groups of SIZE channels, as many as a vector holds: every channel of a group needs all of them. For each of
// `taps` and k < SIZE, sum[r] += (channel k of each group of rows[t*TILE_ROWS + r]) * b[t][k].
typedef void (*GroupsKernel)(const float* const* rows, int64_t taps, const float* b, float* tile);
#define FOVEA_OF_GROUP(i) ((i) / SIZE * SIZE + K)
template <int32_t SIZE, int32_t K> static inline Vector spreadChannel(Vector v) {
  return FOVEA_SHUFFLE_LANES(v, v, FOVEA_OF_GROUP);
}
#undef FOVEA_OF_GROUP
template <int32_t SIZE, int32_t K> static inline void addChannels(Vector* sum, const float* const* rows, const float* b) {
  const Vector filter = load(b + K * LANES);
#pragma GCC unroll 16
  for (int32_t r = 0; r < TILE_ROWS; r++) sum[r] += spreadChannel<SIZE, K>(load(rows[r])) * filter;
  if (K + 1 < SIZE) addChannels<SIZE, (K + 1 < SIZE ? K + 1 : 0)>(sum, rows, b);
}
template <int32_t SIZE> static void multiplyGroups(const float* const* rows, int64_t taps, const float* b, float* tile) {
  Vector sum[TILE_ROWS] = {};
  for (int64_t t = 0; t < taps; t++, rows += TILE_ROWS, b += SIZE * LANES) addChannels<SIZE, 0>(sum, rows, b);
#pragma GCC unroll 16
  for (int32_t r = 0; r < TILE_ROWS; r++) store(tile + r * TILE_COLUMNS, sum[r]);
}
// Null where the level's vectors do not hold several such groups.
static inline GroupsKernel groupsKernel(int64_t size) {
  switch (size) {
  case 2: return multiplyGroups<2>;
#if FOVEA_VECTOR_BYTES >= 32
  case 4: return multiplyGroups<4>;
#endif
#if FOVEA_VECTOR_BYTES >= 64
  case 8: return multiplyGroups<8>;
#endif
  default: return nullptr;
  }
}
