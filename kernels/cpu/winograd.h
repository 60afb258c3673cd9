// Winograd's minimal filtering for 3x3 filters (Lavin and Gray, arXiv:1509.09308), what the kernels share:
// how an output is cut into tiles, the points, and the transform of a tile of x. A tile gives 4 or 3 outputs
// along each axis and is multiplied at 6 or 5 points; the five are among the six, so that all tiles share one
// transformed filter, and 7 = 4 + 3 or 14 = 4 + 4 + 3 + 3 outputs cost nothing that is thrown away.
#pragma once

// The points are 0, +-11/16, +-11/8 and infinity. Near 1/sqrt 2 and sqrt 2 the transforms amplify rounding
// least (a third of what 0, +-1, +-2 do), and every constant below is exact in float32.
constexpr int32_t POINTS = 6;
constexpr int32_t FREQUENCIES = POINTS * POINTS;
constexpr float NEAR = 0.6875f, FAR = 1.375f;
constexpr float NEAR2 = NEAR * NEAR, FAR2 = FAR * FAR;
// Order of the points: 0, NEAR, -NEAR, FAR, -FAR, infinity. A tile with 3 outputs leaves out -FAR.
constexpr int32_t LEFT_OUT = 4;

// Outputs along one axis: `fours` tiles of 4, then tiles of 3 (the last one may reach over the end).
struct TileAxis {
  int32_t outputs, count, fours;
  static TileAxis of(int32_t outputs) {
    const int32_t count = (int32_t)divideUp(outputs, 4);
    return {outputs, count, (int32_t)larger(0, outputs - 3 * count)};
  }
  int32_t start(int32_t tile) const { return tile * 4 - (int32_t)larger(0, tile - fours); }
  int32_t size(int32_t tile) const { return tile < fours ? 4 : 3; }
  int32_t wanted(int32_t tile) const { return (int32_t)smaller(size(tile), outputs - start(tile)); }
};

// A frequency is a pair of points. Its kind says which tiles have it: bit 0, those with 4 columns only;
// bit 1, those with 4 lines only.
constexpr int32_t TILE_KINDS = 4;
static inline int32_t frequencyKind(int32_t frequency) {
  return (frequency / POINTS == LEFT_OUT) * 2 + (frequency % POINTS == LEFT_OUT);
}

struct Tiles {
  TileAxis h, w;
  int32_t images;
  static Tiles of(const Geometry& g) { return {TileAxis::of(g.oh), TileAxis::of(g.ow), g.n}; }
  int64_t count() const { return (int64_t)images * h.count * w.count; }
  // How many of the tiles before number `tile` have frequencies of this kind: the tile's row in the matrix
  // of each such frequency.
  int64_t rowOf(int64_t tile, int32_t kind) const {
    const int64_t perImage = (int64_t)h.count * w.count, image = tile / perImage;
    const int64_t line = tile % perImage / w.count, column = tile % w.count;
    const int64_t lines = kind & 2 ? h.fours : h.count, columns = kind & 1 ? w.fours : w.count;
    const int64_t rest = line < lines ? line * columns + smaller(column, columns) : lines * columns;
    return image * lines * columns + rest;
  }
};

// Walks over tiles without divisions; rows count from tile `base` on.
struct TileCursor {
  Tiles tiles;
  int64_t tile;
  int32_t image, line, column;
  int64_t row[TILE_KINDS];
  static TileCursor at(const Tiles& tiles, int64_t base, int64_t tile) {
    const int64_t perImage = (int64_t)tiles.h.count * tiles.w.count;
    TileCursor cursor = {tiles, tile, (int32_t)(tile / perImage), (int32_t)(tile % perImage / tiles.w.count),
                         (int32_t)(tile % tiles.w.count), {}};
    for (int32_t kind = 0; kind < TILE_KINDS; kind++) cursor.row[kind] = tiles.rowOf(tile, kind) - tiles.rowOf(base, kind);
    return cursor;
  }
  int32_t lines() const { return tiles.h.size(line); }
  int32_t columns() const { return tiles.w.size(column); }
  void next() {
    const int64_t hasLines = line < tiles.h.fours, hasColumns = column < tiles.w.fours;
    row[0]++;
    row[1] += hasColumns;
    row[2] += hasLines;
    row[3] += hasLines & hasColumns;
    tile++;
    if (++column < tiles.w.count) return;
    column = 0;
    if (++line < tiles.h.count) return;
    line = 0;
    image++;
  }
};

// B' d of one line of a tile: the values of a line of 6 (5) pixels at the points, in three or four groups that
// need few registers. Rows of B' are the products over the other points, the filter has the divisors.
struct PointPair {
  Vector plus, minus;
};
template <int32_t SIZE, class Line> static inline Vector atZero(const Line& d) {
  if (SIZE == 4) return d(0) * splat(NEAR2 * FAR2) + (d(4) - d(2) * splat(NEAR2 + FAR2));
  return d(0) * splat(NEAR2 * FAR2) - d(1) * splat(NEAR2 * FAR) + (d(3) * splat(FAR) - d(2) * splat(FAR2));
}
template <int32_t SIZE, class Line> static inline PointPair atNear(const Line& d) {
  const Vector d2 = d(2), d3 = d(3), d1 = d(1);
  const Vector odd = d3 - d1 * splat(FAR2);
  const Vector even = SIZE == 4 ? d(4) - d2 * splat(FAR2)
                                : (d3 - d1 * splat(NEAR2)) * splat(FAR) - d2 * splat(FAR2 - NEAR2);
  return {even + odd * splat(NEAR), even - odd * splat(NEAR)};
}
// With 3 outputs only at +FAR.
template <int32_t SIZE, class Line> static inline PointPair atFar(const Line& d) {
  const Vector odd = d(3) - d(1) * splat(NEAR2);
  if (SIZE == 3) return {odd * splat(2 * FAR), Vector{}};
  const Vector even = d(4) - d(2) * splat(NEAR2);
  return {even + odd * splat(FAR), even - odd * splat(FAR)};
}
template <int32_t SIZE, class Line> static inline Vector atInfinity(const Line& d) {
  if (SIZE == 4) return d(1) * splat(NEAR2 * FAR2) + (d(5) - d(3) * splat(NEAR2 + FAR2));
  return d(1) * splat(NEAR2 * FAR) - d(2) * splat(NEAR2) + (d(4) - d(3) * splat(FAR));
}

// B' d B of a tile with LINES x COLUMNS outputs. at[6 * i + j] is pixel i, j, of which channels
// first <= c < last are read in whole vectors; frequency f goes to to[kind of f] + f * step + c. The next tile's
// pixels are `ahead` floats further (0: none), and are asked for: too many streams for the hardware to foresee.
template <int32_t LINES, int32_t COLUMNS>
static void transformPixels(const float* const* at, int64_t first, int64_t last, float* const* to, int64_t step,
                            int64_t ahead) {
  for (int64_t c = first; c < last; c += LANES) {
    if (ahead && c % 16 == 0)
#pragma GCC unroll 6
      for (int32_t i = 0; i < POINTS; i++)
#pragma GCC unroll 4
        for (int32_t j = 2; j < POINTS; j++) __builtin_prefetch(at[i * POINTS + j] + ahead + c);
    auto storeLine = [&](int32_t i, const Vector* line) {
      auto d = [&](int32_t j) { return line[j]; };
      float* p = to[(i == LEFT_OUT) * 2] + i * POINTS * step + c;
      const PointPair near = atNear<COLUMNS>(d), far = atFar<COLUMNS>(d);
      store(p, atZero<COLUMNS>(d));
      store(p + step, near.plus);
      store(p + 2 * step, near.minus);
      store(p + 3 * step, far.plus);
      if (COLUMNS == 4) store(to[(i == LEFT_OUT) * 2 + 1] + (i * POINTS + 4) * step + c, far.minus);
      store(p + 5 * step, atInfinity<COLUMNS>(d));
    };
    Vector line[POINTS], other[POINTS];
#pragma GCC unroll 6
    for (int32_t j = 0; j < COLUMNS + 2; j++)
      line[j] = atZero<LINES>([&](int32_t i) { return load(at[i * POINTS + j] + c); });
    storeLine(0, line);
#pragma GCC unroll 6
    for (int32_t j = 0; j < COLUMNS + 2; j++) {
      const PointPair pair = atNear<LINES>([&](int32_t i) { return load(at[i * POINTS + j] + c); });
      line[j] = pair.plus;
      other[j] = pair.minus;
    }
    storeLine(1, line);
    storeLine(2, other);
#pragma GCC unroll 6
    for (int32_t j = 0; j < COLUMNS + 2; j++) {
      const PointPair pair = atFar<LINES>([&](int32_t i) { return load(at[i * POINTS + j] + c); });
      line[j] = pair.plus;
      other[j] = pair.minus;
    }
    storeLine(3, line);
    if (LINES == 4) storeLine(4, other);
#pragma GCC unroll 6
    for (int32_t j = 0; j < COLUMNS + 2; j++)
      line[j] = atInfinity<LINES>([&](int32_t i) { return load(at[i * POINTS + j] + c); });
    storeLine(5, line);
  }
}
typedef void (*PixelsTransform)(const float* const*, int64_t, int64_t, float* const*, int64_t, int64_t);
static inline PixelsTransform pixelsTransform(int32_t lines, int32_t columns) {
  if (lines == 4) return columns == 4 ? transformPixels<4, 4> : transformPixels<4, 3>;
  return columns == 4 ? transformPixels<3, 4> : transformPixels<3, 3>;
}

// Transforms tiles of x (float or bfloat16), padding included, with scratch of its own.
constexpr int64_t PATCH_CHANNELS = 64;
constexpr int64_t ZERO_CHANNELS = 1024; // that a missing pixel gives at once
struct TileReader {
  const void* x;
  bool isBfloat16;
  int32_t height, width;
  int64_t channels;
  int32_t padTop, padLeft;
  float* scratch; // FLOATS, of the thread: a tile copied, zeros
  static constexpr int64_t FLOATS = FREQUENCIES * PATCH_CHANNELS + ZERO_CHANNELS;

  void begin() const { clearFloats(scratch + FREQUENCIES * PATCH_CHANNELS, ZERO_CHANNELS); }

  // Channel `channel` of each pixel of the tile, `missing` for those outside.
  template <class T>
  void findPixels(const TileCursor& tile, int64_t channel, const T* missing, const T** at) const {
    const int32_t top = tile.tiles.h.start(tile.line) - padTop, left = tile.tiles.w.start(tile.column) - padLeft;
    const T* corner = (const T*)x + (((int64_t)tile.image * height + top) * width + left) * channels + channel;
    const int64_t lineStep = width * channels;
    const bool isWhole = tile.lines() == 4 && tile.columns() == 4;
    if (isWhole && top >= 0 && left >= 0 && top + POINTS <= height && left + POINTS <= width) {
      for (int32_t i = 0; i < POINTS; i++)
        for (int32_t j = 0; j < POINTS; j++) at[i * POINTS + j] = corner + i * lineStep + j * channels;
      return;
    }
    // Pixels that only unwanted outputs need count as missing, else their rounding errors would spread.
    const int32_t bottom = (int32_t)smaller(height - top, tile.tiles.h.wanted(tile.line) + 2);
    const int32_t right = (int32_t)smaller(width - left, tile.tiles.w.wanted(tile.column) + 2);
    for (int32_t i = 0; i < POINTS; i++)
      for (int32_t j = 0; j < POINTS; j++)
        at[i * POINTS + j] =
            top + i >= 0 && i < bottom && left + j >= 0 && j < right ? corner + i * lineStep + j * channels : missing;
  }

  template <class T> void copyPixels(const TileCursor& tile, int64_t first, int64_t count) const {
    const T* from[FREQUENCIES];
    findPixels<T>(tile, first, nullptr, from);
    for (int32_t i = 0; i < FREQUENCIES; i++)
      for (int64_t c = 0; c < count; c += LANES)
        store(scratch + i * PATCH_CHANNELS + c, from[i] ? loadSome(from[i] + c, count - c) : Vector{});
  }

  // Whether whole vectors may be read from each pixel of the tile without leaving x.
  bool isWholeInside(const TileCursor& tile, int64_t last) const {
    const int32_t line = (int32_t)smaller(height, tile.tiles.h.start(tile.line) - padTop + POINTS) - 1;
    const int32_t column = (int32_t)smaller(width, tile.tiles.w.start(tile.column) - padLeft + POINTS) - 1;
    const int64_t pixel = ((int64_t)tile.image * height + line) * width + column;
    return pixel * channels + last <= (int64_t)tile.tiles.images * height * width * channels;
  }

  // Channels first <= c < last of a tile, written as transformPixels does, in whole vectors: `first` is a
  // multiple of LANES, and so is `last` or it is `channels`; what follows channel `channels` means nothing.
  void transform(const TileCursor& tile, int64_t first, int64_t last, float* const* to, int64_t step) const {
    const PixelsTransform run = pixelsTransform(tile.lines(), tile.columns());
    if (last % LANES != 0 && isWholeInside(tile, roundUp(last, LANES))) last = roundUp(last, LANES);
    const float* at[FREQUENCIES];
    float* shifted[TILE_KINDS];
    int64_t c = first;
    if (!isBfloat16)
      for (const int64_t whole = last - last % LANES; c < whole;) {
        const int64_t end = smaller(c + ZERO_CHANNELS, whole);
        findPixels<float>(tile, c, scratch + FREQUENCIES * PATCH_CHANNELS, at);
        for (int32_t kind = 0; kind < TILE_KINDS; kind++) shifted[kind] = to[kind] + (c - first);
        run(at, 0, end - c, shifted, step, 4 * channels);
        c = end;
      }
    for (; c < last; c += PATCH_CHANNELS) {
      const int64_t count = smaller(PATCH_CHANNELS, last - c);
      if (isBfloat16) copyPixels<Bfloat16>(tile, c, count);
      else copyPixels<float>(tile, c, count);
      for (int32_t i = 0; i < FREQUENCIES; i++) at[i] = scratch + i * PATCH_CHANNELS;
      for (int32_t kind = 0; kind < TILE_KINDS; kind++) shifted[kind] = to[kind] + (c - first);
      run(at, 0, count, shifted, step, 0);
    }
  }
};
