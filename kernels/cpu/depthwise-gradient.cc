// The gradient of a depthwise filter: for every tap and channel, a sum over all pixels of dy. Sums of a
// few filter lines stay in registers while a tile of dy's pixels meets the pixels of x under those lines.

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int32_t FILTER_TILE_PIXELS = 7; // 32 registers
constexpr int32_t filterTileLines(int32_t taps) { return taps <= 5 ? 3 : 2; }
#else
constexpr int32_t FILTER_TILE_PIXELS = 4;
constexpr int32_t filterTileLines(int32_t taps) { return taps <= 3 ? 3 : taps <= 5 ? 2 : 1; }
#endif
// Pixels of a line that are done for all channels before the next ones: x and dy are then read in long pieces.
constexpr int32_t FILTER_BLOCK_TILES = 4;

// A block of a line of dy: tiles of FILTER_TILE_PIXELS pixels by the lines of x under LINES filter lines.
template <class T> struct FilterTiles {
  const T *x, *dy; // at the first tile's first pixel; x may lie outside
  int64_t toLine, toPixel, toDy;
  uint32_t lines;             // bit a: line a of x is inside
  int64_t first, width;       // x's pixel of the first tap of the first tile; x has so many
  int64_t columns;            // pixels of dy
  int64_t step;               // from a pixel of dy to the next, in x
  float* sums;                // [LINES][TAPS][channels]
  int64_t toSumLine, toSumTap;
  int64_t channels, channel, multiplier;
};

// One tile from pixel j of the block on. IS_EDGE: some pixel is outside or there are fewer than PIXELS.
template <class T, int32_t LINES, int32_t TAPS, int32_t STEP, bool IS_EDGE>
static inline __attribute__((always_inline)) void addTile(const FilterTiles<T>& t, int64_t j, int64_t at, int64_t count,
                                                          uint32_t inside, Vector (&sum)[LINES][TAPS]) {
  constexpr int32_t PIXELS = FILTER_TILE_PIXELS, COLUMNS = (PIXELS - 1) * STEP + TAPS;
  Vector d[PIXELS];
  const T* dy = t.dy + j * t.toDy + at;
#pragma GCC unroll 8
  for (int32_t p = 0; p < PIXELS; p++, dy += t.toDy) d[p] = !IS_EDGE || p < count ? load(dy) : Vector{};
  const T* x = t.x + j * STEP * t.toPixel + at;
#pragma GCC unroll 8
  for (int32_t a = 0; a < LINES; a++) {
    if (!(t.lines >> a & 1)) continue;
    const T* pixel = x + a * t.toLine;
#pragma GCC unroll 20
    for (int32_t q = 0; q < COLUMNS; q++, pixel += t.toPixel) {
      if (IS_EDGE && !(inside >> q & 1)) continue;
      const Vector v = inRegister(load(pixel));
#pragma GCC unroll 8
      for (int32_t b = 0; b < TAPS; b++)
        if (q >= b && (q - b) % STEP == 0 && (q - b) / STEP < PIXELS) sum[a][b] += v * d[(q - b) / STEP];
    }
  }
}

// TAPS neighbouring taps of LINES filter lines, dy's pixels STEP pixels of x apart.
template <class T, int32_t LINES, int32_t TAPS, int32_t STEP> static void filterTiles(const FilterTiles<T>& t) {
  constexpr int32_t PIXELS = FILTER_TILE_PIXELS, COLUMNS = (PIXELS - 1) * STEP + TAPS;
  for (int64_t c = 0; c < t.channels; c += LANES) {
    const int64_t at = smaller(c, t.channels - LANES); // the last vector may overlap the one before
    float* sums = t.sums + c;                          // but has sums of its own
    Vector sum[LINES][TAPS];
#pragma GCC unroll 8
    for (int32_t a = 0; a < LINES; a++)
#pragma GCC unroll 8
      for (int32_t b = 0; b < TAPS; b++)
        sum[a][b] = t.lines >> a & 1 ? load(sums + a * t.toSumLine + b * t.toSumTap) : Vector{};
    for (int64_t j = 0; j < t.columns; j += PIXELS) {
      const int64_t left = t.first + j * STEP;
      const int64_t count = smaller(PIXELS, t.columns - j);
      const int64_t from = larger(0, -left), until = smaller((count - 1) * STEP + TAPS, t.width - left);
      if (until <= from) continue;
      const uint32_t inside = ((1u << until) - 1) & ~((1u << from) - 1);
      if (count == PIXELS && inside == (1u << COLUMNS) - 1) addTile<T, LINES, TAPS, STEP, false>(t, j, at, count, inside, sum);
      else addTile<T, LINES, TAPS, STEP, true>(t, j, at, count, inside, sum);
    }
#pragma GCC unroll 8
    for (int32_t a = 0; a < LINES; a++)
#pragma GCC unroll 8
      for (int32_t b = 0; b < TAPS; b++)
        if (t.lines >> a & 1) store(sums + a * t.toSumLine + b * t.toSumTap, sum[a][b]);
  }
}

// One tap of any geometry; x begins at channel 0.
template <class T> static void filterTap(const FilterTiles<T>& t) {
  const int64_t from = t.first >= 0 ? 0 : divideUp(-t.first, t.step);
  const int64_t until = t.width <= t.first ? 0 : smaller(t.columns, divideUp(t.width - t.first, t.step));
  for (int64_t c = 0; c < t.channels; c += LANES) {
    const int64_t count = t.channels - c;
    Vector sum = loadSome(t.sums + c, count);
    for (int64_t j = from; j < until; j++) {
      const T* x = t.x + j * t.step * t.toPixel;
      const Vector v = t.multiplier == 1 ? loadSome(x + t.channel + c, count)
                                         : loadRepeated(x, t.channel + c, count, (int32_t)t.multiplier);
      sum += v * loadSome(t.dy + j * t.toDy + c, count);
    }
    storeSome(t.sums + c, sum, count);
  }
}

template <class T> struct FilterTilesKernel {
  void (*run)(const FilterTiles<T>&);
  int32_t lines;
};
template <class T> static FilterTilesKernel<T> filterTilesOf(int32_t taps, int32_t step) {
#define FOVEA_TILES(TAPS, STEP) \
  if (taps == TAPS && step == STEP) return {filterTiles<T, filterTileLines(TAPS), TAPS, STEP>, filterTileLines(TAPS)};
  FOVEA_TILES(3, 1)
  FOVEA_TILES(5, 1)
  FOVEA_TILES(7, 1)
  FOVEA_TILES(3, 2)
  FOVEA_TILES(5, 2)
#undef FOVEA_TILES
  return {nullptr, 1};
}

// Adds lines [first, last) of dy (all pictures' lines one after the other), channels [from, until), to `sums`.
template <class T>
static void filterUnit(const Geometry& g, const FilterTilesKernel<T>& tiles, const T* x, const T* dy, int64_t first,
                       int64_t last, int64_t from, int64_t until, float* sums, int64_t toSumTap) {
  FilterTiles<T> t;
  t.toLine = (int64_t)g.dilationH * g.w * g.cin;
  t.toPixel = g.cin, t.toDy = g.cout;
  t.width = g.w, t.step = g.strideW;
  t.toSumLine = g.kw * toSumTap, t.toSumTap = toSumTap;
  t.channels = until - from, t.channel = from, t.multiplier = g.cout / g.cin;
  const int64_t block = tiles.run ? FILTER_BLOCK_TILES * FILTER_TILE_PIXELS : g.ow;
  for (int64_t line = first; line < last; line++) {
    const int64_t image = line / g.oh, top = line % g.oh * g.strideH - g.padTop;
    for (int64_t j = 0; j < g.ow; j += block) {
      t.columns = smaller(block, g.ow - j);
      t.dy = dy + (line * g.ow + j) * g.cout + from;
      for (int64_t a = 0; a < g.kh; a += tiles.lines) {
        t.lines = 0;
        for (int64_t k = 0; k < smaller(tiles.lines, g.kh - a); k++) {
          const int64_t y = top + (a + k) * g.dilationH;
          if (y >= 0 && y < g.h) t.lines |= 1u << k;
        }
        if (t.lines == 0) continue;
        t.first = j * g.strideW - g.padLeft;
        const T* row = x + ((image * g.h + top + a * g.dilationH) * g.w + t.first) * g.cin;
        t.sums = sums + a * t.toSumLine;
        if (tiles.run) {
          t.x = row + from;
          tiles.run(t);
          continue;
        }
        for (int64_t b = 0; b < g.kw; b++, t.first += g.dilationW, t.sums += toSumTap) {
          t.x = row + b * g.dilationW * g.cin;
          filterTap(t);
        }
      }
    }
  }
}

// dFilter = the sum of `parts` arrays of `size` floats, in their order.
template <class T> static void joinParts(const FoveaCall& call, const float* partial, int64_t parts, int64_t size, T* out) {
  const int64_t piece = 4096;
  auto add = [&](int64_t block, int32_t) {
    const int64_t end = smaller(size, (block + 1) * piece);
    for (int64_t i = block * piece; i < end; i += LANES) {
      Vector sum = loadSome(partial + i, end - i);
      for (int64_t part = 1; part < parts; part++) sum += loadSome(partial + part * size + i, end - i);
      storeSome(out + i, sum, end - i);
    }
  };
  call.parallel(divideUp(size, piece), add);
}

constexpr int64_t FILTER_STRIP = 256; // channels whose sums and pixels stay in L2

template <class T> static void runDepthwiseFilterGradient(const FoveaCall& call) {
  const Geometry g = geometryOf(call);
  const T* x = call.operand<const T>(0);
  const T* dy = call.operand<const T>(1);
  T* dFilter = call.operand<T>(2);
  float* scratch = call.operand<float>(3);
  const int64_t taps = (int64_t)g.kh * g.kw, size = taps * g.cout, lines = (int64_t)g.n * g.oh;
  if (size <= 0 || g.cin <= 0) return;
  if (lines * g.ow == 0) return clear(dFilter, size);
  // Parts of some hundred pixels or more, so that their sums weigh little.
  const int64_t parts = larger(1, smaller(FOVEA_PARTIAL_SUMS, lines * g.ow / 512));
  const int64_t partLines = divideUp(lines, parts), used = divideUp(lines, partLines);
  // The sums of a strip lie in the thread's scratch; those of enormous filters stay where they end.
  const int64_t room = smaller(FILTER_STRIP, FOVEA_THREAD_SCRATCH / 4 / taps - 2 * LANES);
  const bool isPlain = g.cin == g.cout && g.cout >= LANES && g.dilationW == 1 && room >= 4 * LANES;
  const FilterTilesKernel<T> tiles = isPlain ? filterTilesOf<T>(g.kw, g.strideW) : FilterTilesKernel<T>{nullptr, 1};
  // How many strips of channels there are changes no sum.
  const int64_t wanted = divideUp(4 * (int64_t)foveaThreadCount(call.pool), used);
  const int64_t strips = larger(1, smaller(g.cout / (2 * LANES), larger(wanted, divideUp(g.cout, larger(LANES, room)))));
  auto body = [&](int64_t block, int32_t thread) {
    const int64_t part = block / strips, first = part * partLines, last = smaller(lines, first + partLines);
    const int64_t from = stripFrom(block % strips, strips, g.cout), until = stripFrom(block % strips + 1, strips, g.cout);
    float* out = scratch + part * size + from;
    if (tiles.run == nullptr) {
      for (int64_t tap = 0; tap < taps; tap++) clear(out + tap * g.cout, until - from);
      return filterUnit(g, tiles, x, dy, first, last, from, until, out, g.cout);
    }
    const int64_t width = roundUp(until - from, LANES);
    float* sums = call.scratch<float>(thread);
    clear(sums, taps * width);
    filterUnit(g, tiles, x, dy, first, last, from, until, sums, width);
    for (int64_t tap = 0; tap < taps; tap++)
      for (int64_t c = 0; c < until - from; c += LANES)
        store(out + tap * g.cout + smaller(c, until - from - LANES), load(sums + tap * width + c));
  };
  call.parallel(used * strips, body);
  joinParts(call, scratch, used, size, dFilter);
}
void depthwiseConv2dFilterGradient(const FoveaCall& call) {
  if (call.parameters[GEOMETRY_WORDS] == FOVEA_BFLOAT16) runDepthwiseFilterGradient<Bfloat16>(call);
  else runDepthwiseFilterGradient<float>(call);
}
