// The filter's gradient of a 3x3 convolution with stride 1 by Winograd's F(3x3,4x4) (Lavin and Gray,
// arXiv:1509.09308): dFilter = G'( sum over tiles of (B' x B) * (A dy A') ) G, x tiles 6x6, dy tiles 4x4.
// Chunks of tiles are transformed into scratch; then one product per frequency sums over the chunk's tiles,
// G' . G follows while the 36 sums lie in L2, and chunks add up in dFilter.

// A panel of x holds so many channels of each tile; its rows then feed the micro-kernel in order.
constexpr int32_t X_PANEL = 3 * LANES;
// Room for the sums of one unit, in floats, in a thread's scratch.
constexpr int64_t MOST_UNIT_SUMS = FOVEA_THREAD_SCRATCH / 4 / FREQUENCIES - 64;

struct WinogradGradient {
  Geometry geometry;
  const char *x, *dy;
  float* sums; // float32 sums over chunks: dFilter itself, or scratch where that is bfloat16
  uint16_t* halfOut;
  bool isHalfX, isHalfDy;
  int32_t tilesH, tilesW;
  int64_t tiles, chunkTiles;
  float *xTiles, *dyTiles;              // [frequency][panel][tile of the chunk][channel of the panel]
  int64_t xFrequency, dyFrequency;      // from frequency to frequency
  int64_t rowBlock, columnBlock;        // channels of x and of dy in one unit of the product
};

static inline Vector loadHalf(const char* p) {
  typedef uint16_t HalfVector __attribute__((vector_size(FOVEA_VECTOR_BYTES / 2)));
  HalfVector half;
  __builtin_memcpy(&half, p, sizeof half);
  return asFloat(__builtin_convertvector(half, IntVector) << 16);
}
static inline uint16_t roundToHalf(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)((bits >> 16) | 0x40); // a NaN stays one
  return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// The pixels of one tile, row by row; outside the picture a pixel of zeros, from which no channel steps away.
template <int32_t SIDE> struct TilePixels {
  const char* at[SIDE * SIDE];
  int64_t mask[SIDE * SIDE]; // of the byte offset of a channel
};
alignas(64) static const float ZERO_PIXEL[LANES] = {};

template <int32_t SIDE>
static void findPixels(TilePixels<SIDE>& pixels, const char* source, int32_t height, int32_t width, int64_t pixelBytes,
                       int64_t image, int32_t line, int32_t column) {
  for (int32_t i = 0; i < SIDE; i++)
    for (int32_t j = 0; j < SIDE; j++) {
      const bool isInside = line + i >= 0 && line + i < height && column + j >= 0 && column + j < width;
      const int64_t pixel = (image * height + line + i) * width + column + j;
      pixels.at[i * SIDE + j] = isInside ? source + pixel * pixelBytes : (const char*)ZERO_PIXEL;
      pixels.mask[i * SIDE + j] = isInside ? -1 : 0;
    }
}

// `count` < LANES channels of each pixel, widened to float32 and filled up with zeros.
template <bool IS_HALF, int32_t SIDE>
FOVEA_SELDOM void gatherPart(const TilePixels<SIDE>& pixels, int64_t channel, int64_t count, float* to) {
  clearFloats(to, SIDE * SIDE * LANES);
  for (int32_t i = 0; i < SIDE * SIDE; i++) {
    if (!pixels.mask[i]) continue;
    for (int64_t c = 0; c < count; c++) {
      if (!IS_HALF) to[i * LANES + c] = ((const float*)pixels.at[i])[channel + c];
      else {
        uint16_t half;
        __builtin_memcpy(&half, pixels.at[i] + 2 * (channel + c), 2);
        const uint32_t bits = (uint32_t)half << 16;
        __builtin_memcpy(to + i * LANES + c, &bits, 4);
      }
    }
  }
}

// B' d: six values of x in one direction.
static inline void transformX(const Vector* d, int32_t step, Vector* t) {
  const Vector d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
  const Vector four = splat(4.0f), five = splat(5.0f), two = splat(2.0f);
  const Vector even = d4 - four * d2, odd = d3 - four * d1, even2 = d4 - d2, odd2 = d3 - d1;
  t[0] = d4 + (four * d0 - five * d2);
  t[1] = even + odd;
  t[2] = even - odd;
  t[3] = even2 + two * odd2;
  t[4] = even2 - two * odd2;
  t[5] = d5 + (four * d1 - five * d3);
}
// A d: four values of dy.
static inline void transformDy(const Vector* d, int32_t step, Vector* t) {
  const Vector d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];
  const Vector two = splat(2.0f), four = splat(4.0f);
  const Vector even = d0 + d2, odd = d1 + d3, even2 = d0 + four * d2, odd2 = d1 + four * d3;
  t[0] = d0;
  t[1] = even + odd;
  t[2] = even - odd;
  t[3] = even2 + two * odd2;
  t[4] = even2 - two * odd2;
  t[5] = d3;
}
// G' u: six sums to three.
static inline void transformSums(const Vector* u, int32_t step, Vector* t) {
  const Vector u1 = u[step], u2 = u[2 * step], u3 = u[3 * step], u4 = u[4 * step];
  const Vector inner = (u1 + u2) * splat(-1.0f / 6), outer = u3 + u4;
  t[0] = u[0] * splat(0.25f) + (inner + outer * splat(1.0f / 24));
  t[1] = (u2 - u1) * splat(1.0f / 6) + (u3 - u4) * splat(1.0f / 12);
  t[2] = u[5 * step] + (inner + outer * splat(1.0f / 6));
}

// All channels of one tile: to[frequency*stride + panel ...], `width` channels a panel.
template <int32_t SIDE, bool IS_HALF>
static void transformTile(const TilePixels<SIDE>& pixels, int64_t channels, int64_t panelChannels, int64_t tile,
                          int64_t chunkTiles, float* out, int64_t stride) {
  alignas(64) float part[SIDE * SIDE * LANES];
  const int64_t padded = roundUp(channels, LANES);
  for (int64_t channel = 0; channel < padded; channel += LANES) {
    const int64_t panel = channel - channel % panelChannels, width = smaller(panelChannels, padded - panel);
    float* to = out + panel * chunkTiles + tile * width + (channel - panel);
    Vector half[6 * SIDE]; // transformed along the columns: [6][SIDE]
    const bool isPart = channels - channel < LANES;
    if (isPart) gatherPart<IS_HALF, SIDE>(pixels, channel, channels - channel, part);
#pragma GCC unroll 6
    for (int32_t j = 0; j < SIDE; j++) {
      Vector d[SIDE], t[6];
      if (isPart)
#pragma GCC unroll 6
        for (int32_t i = 0; i < SIDE; i++) d[i] = load(part + (i * SIDE + j) * LANES);
      else
#pragma GCC unroll 6
        for (int32_t i = 0; i < SIDE; i++) {
          const int32_t p = i * SIDE + j;
          const char* at = pixels.at[p] + (pixels.mask[p] & (channel * (IS_HALF ? 2 : 4)));
          d[i] = IS_HALF ? loadHalf(at) : load((const float*)at);
        }
      if (SIDE == 6) transformX(d, 1, t);
      else transformDy(d, 1, t);
#pragma GCC unroll 6
      for (int32_t i = 0; i < 6; i++) half[i * SIDE + j] = t[i];
    }
#pragma GCC unroll 6
    for (int32_t i = 0; i < 6; i++) {
      Vector t[6];
      if (SIDE == 6) transformX(half + i * SIDE, 1, t);
      else transformDy(half + i * SIDE, 1, t);
#pragma GCC unroll 6
      for (int32_t j = 0; j < 6; j++) store(to + (i * 6 + j) * stride, t[j]);
    }
  }
}

// Tiles [first, last) of the chunk that begins at tile `chunk`.
static void transformTiles(const WinogradGradient& g, int64_t chunk, int64_t first, int64_t last) {
  const Geometry& geometry = g.geometry;
  for (int64_t tile = first; tile < last; tile++) {
    const int64_t index = chunk + tile, image = index / g.tilesW / g.tilesH;
    const int32_t line = (int32_t)(index / g.tilesW % g.tilesH) * 4, column = (int32_t)(index % g.tilesW) * 4;
    TilePixels<6> xPixels;
    TilePixels<4> dyPixels;
    findPixels<6>(xPixels, g.x, geometry.h, geometry.w, (int64_t)geometry.cin * (g.isHalfX ? 2 : 4), image,
                  line - geometry.padTop, column - geometry.padLeft);
    findPixels<4>(dyPixels, g.dy, geometry.oh, geometry.ow, (int64_t)geometry.cout * (g.isHalfDy ? 2 : 4), image, line,
                  column);
    (g.isHalfX ? transformTile<6, true> : transformTile<6, false>)(xPixels, geometry.cin, X_PANEL, tile, g.chunkTiles,
                                                                   g.xTiles, g.xFrequency);
    (g.isHalfDy ? transformTile<4, true> : transformTile<4, false>)(dyPixels, geometry.cout, TILE_COLUMNS, tile,
                                                                    g.chunkTiles, g.dyTiles, g.dyFrequency);
  }
}

// One chunk's part of dFilter for channels [row, row+rows) of x and [column, column+columns) of dy.
static void multiplyUnit(const WinogradGradient& g, int64_t tiles, bool isFirst, bool isLast, int64_t row, int64_t rows,
                         int64_t column, int64_t columns, float* sums) {
  const int64_t cin = g.geometry.cin, cout = g.geometry.cout, paddedCin = roundUp(cin, LANES);
  const int64_t stride = roundUp(columns, LANES);
  // A cache line more: else all frequencies of one sum may fall into one set of the cache.
  const int64_t frequency = rows * stride + 16;
  for (int32_t f = 0; f < FREQUENCIES; f++)
    for (int64_t j = 0; j < columns; j += TILE_COLUMNS) {
      const int64_t width = panelWidth(cout, column + j);
      for (int64_t i = 0; i < rows;) {
        const int64_t panel = (row + i) / X_PANEL * X_PANEL, panelRows = smaller(X_PANEL, paddedCin - panel);
        const int64_t end = smaller(rows, panel + panelRows - row);
        Run run;
        run.a = g.xTiles + f * g.xFrequency + panel * g.chunkTiles + (row + i - panel);
        run.b = g.dyTiles + f * g.dyFrequency + (column + j) * g.chunkTiles;
        while (i < end) {
          const int32_t kernel = columnsKernelRows(end - i);
          columnsKernel(kernel, width)(&run, 1, tiles, panelRows, sums + f * frequency + i * stride + j, stride, false);
          i += kernel;
          run.a += kernel;
        }
      }
    }
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j += LANES) {
      const float* from = sums + i * stride + j;
      const int64_t count = columns - j;
      Vector half[18]; // [6][3]
#pragma GCC unroll 6
      for (int32_t u = 0; u < 6; u++) {
        Vector line[6];
#pragma GCC unroll 6
        for (int32_t v = 0; v < 6; v++) line[v] = load(from + (u * 6 + v) * frequency);
        transformSums(line, 1, half + u * 3);
      }
      float* to = g.sums + (row + i) * cout + column + j;
#pragma GCC unroll 3
      for (int32_t v = 0; v < 3; v++) {
        Vector t[3];
        transformSums(half + v, 3, t);
#pragma GCC unroll 3
        for (int32_t u = 0; u < 3; u++) {
          float* at = to + (u * 3 + v) * cin * cout;
          if (!isFirst) t[u] += loadSome(at, count);
          if (!isLast || !g.halfOut) storeSome(at, t[u], count);
          else
            for (int64_t k = 0; k < smaller(count, LANES); k++) g.halfOut[at - g.sums + k] = roundToHalf(t[u][k]);
        }
      }
    }
}

// How to cut the product into units; the sums do not depend on it.
static void planUnits(WinogradGradient& g, int32_t threads) {
  const int64_t cin = g.geometry.cin, cout = g.geometry.cout;
  g.rowBlock = smaller(roundUp(cin, LANES), roundUp(64, X_PANEL));
  g.columnBlock = smaller(roundUp(cout, LANES), roundUp(64, TILE_COLUMNS));
  while (divideUp(cin, g.rowBlock) * divideUp(cout, g.columnBlock) < 2 * threads) {
    if (g.columnBlock > TILE_COLUMNS) g.columnBlock = roundUp(g.columnBlock / 2, TILE_COLUMNS);
    else if (g.rowBlock > X_PANEL) g.rowBlock = roundUp(g.rowBlock / 2, X_PANEL);
    else break;
  }
}

void winogradFilterGradient(const FoveaCall& call) {
  WinogradGradient g = {};
  g.geometry = geometryOf(call);
  const Geometry& geometry = g.geometry;
  g.x = call.operand<const char>(0);
  g.dy = call.operand<const char>(1);
  g.isHalfX = call.parameters[GEOMETRY_WORDS] == FOVEA_BFLOAT16;
  g.isHalfDy = call.parameters[GEOMETRY_WORDS + 1] == FOVEA_BFLOAT16;
  const bool isHalfOut = call.parameters[GEOMETRY_WORDS + 2] == FOVEA_BFLOAT16;
  const int64_t cin = geometry.cin, cout = geometry.cout, size = 9 * cin * cout;
  if (size <= 0) return;
  g.tilesH = (int32_t)divideUp(geometry.oh, 4);
  g.tilesW = (int32_t)divideUp(geometry.ow, 4);
  g.tiles = (int64_t)geometry.n * g.tilesH * g.tilesW;
  // abi.h has this formula for the scratch.
  const int64_t paddedCin = roundUp(cin, 16), paddedCout = roundUp(cout, 16);
  const int64_t most = larger(64, smaller(256, (8 << 20) / (4 * FREQUENCIES * (paddedCin + paddedCout))));
  const int64_t chunks = divideUp(g.tiles, most);
  g.chunkTiles = divideUp(g.tiles, larger(1, chunks));
  // Again a cache line more from one frequency to the next.
  g.xFrequency = g.chunkTiles * paddedCin + 16;
  g.dyFrequency = g.chunkTiles * paddedCout + 16;
  g.xTiles = call.operand<float>(3);
  g.dyTiles = g.xTiles + FREQUENCIES * g.xFrequency;
  g.sums = isHalfOut ? g.dyTiles + FREQUENCIES * g.dyFrequency : call.operand<float>(2);
  g.halfOut = isHalfOut ? call.operand<uint16_t>(2) : nullptr;
  if (g.tiles <= 0) {
    if (isHalfOut) __builtin_memset(g.halfOut, 0, 2 * size);
    else clearFloats(g.sums, size);
    return;
  }
  const int32_t threads = foveaThreadCount(call.pool);
  planUnits(g, threads);
  const int64_t rowUnits = divideUp(cin, g.rowBlock), units = rowUnits * divideUp(cout, g.columnBlock);
  for (int64_t chunk = 0; chunk < g.tiles; chunk += g.chunkTiles) {
    const int64_t tiles = smaller(g.chunkTiles, g.tiles - chunk);
    const int64_t group = larger(1, smaller(8, tiles / (4 * (int64_t)threads)));
    auto transform = [&](int64_t block, int32_t) {
      transformTiles(g, chunk, block * group, smaller(tiles, (block + 1) * group));
    };
    call.parallel(divideUp(tiles, group), transform);
    auto multiply = [&](int64_t unit, int32_t thread) {
      const int64_t row = unit % rowUnits * g.rowBlock, column = unit / rowUnits * g.columnBlock;
      multiplyUnit(g, tiles, chunk == 0, chunk + tiles == g.tiles, row, smaller(g.rowBlock, cin - row), column,
                   smaller(g.columnBlock, cout - column), call.scratch<float>(thread));
    };
    call.parallel(units, multiply);
  }
}
