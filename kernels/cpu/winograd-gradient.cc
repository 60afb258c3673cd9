// The filter's gradient of a 3x3 convolution with stride 1 by Winograd's F(3x3,4x4) (Lavin and Gray,
// arXiv:1509.09308): dFilter = G'( sum over tiles of (B' x B) * (A dy A') ) G, x tiles 6x6, dy tiles 4x4.
// A thread takes a block of channels of x and of dy through a run of tiles, all in its own L2: caches of
// other threads are slow to read. Per chunk of tiles: transforms, a product per frequency, and G' . G.

constexpr int64_t GRADIENT_CHANNELS = 64; // of x, and of dy
constexpr int64_t GRADIENT_TILES = 64;     // of a chunk
constexpr int64_t LEAST_PART_TILES = 96;
// The 6x6 frequencies in three pairs of rows whose transforms share their terms.
constexpr int32_t PAIR_POINTS = 12;
// A panel of x holds so many channels of each tile; its rows then feed the micro-kernel in order.
constexpr int32_t X_PANEL = 3 * LANES;

constexpr int64_t MOST_CHUNKS = 4; // whose products are summed before G' . G; their inputs are read once per pair

// The part of a tile that lies in the picture: lines [firstLine, endLine), columns likewise; the rest is zeros.
struct TileWindow {
  int64_t firstPixel; // of the whole tile; may lie outside
  int32_t firstLine, endLine, firstColumn, endColumn;
};
// The tiles of dy are 4 or 3 pixels long, as evenly as possible; 3 leave the last frequency of that direction zero.
struct GradientTile {
  TileWindow x, dy;
};
// The tiles of a chunk in the order of their kinds, so that those which have the last frequency of lines, of
// columns or of both lie together: 4x3, 4x4, 3x4, 3x3 (lines by columns).
struct GradientChunk {
  int64_t tiles, after43, after44, after34;
  void range(bool isLastLine, bool isLastColumn, int64_t& first, int64_t& last) const {
    first = isLastColumn ? after43 : 0;
    last = isLastLine ? after44 : isLastColumn ? after34 : tiles;
  }
};
// A thread's scratch, in floats. One cache line more from frequency to frequency: else all frequencies of
// one element may fall into one set of the cache.
constexpr int64_t GRADIENT_STEP = GRADIENT_TILES * GRADIENT_CHANNELS + 16;
constexpr int64_t PRODUCT_STEP = GRADIENT_CHANNELS * GRADIENT_CHANNELS + 16;
constexpr int64_t X_BLOCK_AT = (int64_t)sizeof(GradientTile) * GRADIENT_TILES / 4;
constexpr int64_t DY_BLOCK_AT = X_BLOCK_AT + PAIR_POINTS * GRADIENT_STEP;
constexpr int64_t PRODUCTS_AT = DY_BLOCK_AT + PAIR_POINTS * GRADIENT_STEP;
constexpr int64_t NINE_AT = PRODUCTS_AT + PAIR_POINTS * PRODUCT_STEP;
static_assert(4 * (NINE_AT + 9 * PRODUCT_STEP) <= FOVEA_THREAD_SCRATCH, "thread scratch is too small");
static_assert(sizeof(GradientTile) % 8 == 0 && X_BLOCK_AT % 16 == 0, "blocks are aligned");

// Where the finished sums go: float32, or bfloat16 where `halves` is given.
struct GradientOut {
  float* floats;
  Bfloat16* halves;
  int64_t tap, row; // elements from tap to tap, from row to row
  void put(int64_t element, Vector v, int64_t count) const {
    if (halves) storeSome(halves + element, v, count);
    else storeSome(floats + element, v, count);
  }
};

struct WinogradGradient {
  Geometry geometry;
  const void *x, *dy;
  bool isHalfX, isHalfDy; // bfloat16
  TileAxis h, w;
  int64_t tiles, parts, partTiles, chunkTiles;
  int64_t rowBlock, columnBlock; // channels of x and of dy in one unit; sums do not depend on them
  GradientOut out;
  float* partial; // [parts][3][3][cin][cout] where there are several parts
};

// A pixel outside the picture, of either type.
alignas(64) static const float ZERO_PIXEL[GRADIENT_CHANNELS + LANES] = {};

// The tile of `side` pixels from (line, column) on, of which nothing counts from (endLine, endColumn) on.
static inline TileWindow tileWindow(int32_t side, int64_t image, int32_t height, int32_t width, int32_t line,
                                    int32_t endLine, int32_t column, int32_t endColumn) {
  return {(image * height + line) * width + column, (int32_t)larger(0, -line), (int32_t)smaller(side, endLine - line),
          (int32_t)larger(0, -column), (int32_t)smaller(side, endColumn - column)};
}

// The addresses of a tile's pixels; outside its window a pixel of zeros.
template <int32_t SIDE, class T>
static inline void findPixels(const TileWindow& tile, const T* source, int64_t width, int64_t pixel, const T** at) {
  const T* p = source + tile.firstPixel * pixel;
  if (tile.firstLine + tile.firstColumn == 0 && tile.endLine + tile.endColumn == 2 * SIDE) {
    for (int32_t i = 0; i < SIDE; i++)
#pragma GCC unroll 6
      for (int32_t j = 0; j < SIDE; j++) at[i * SIDE + j] = p + (i * width + j) * pixel;
    return;
  }
  for (int32_t i = 0; i < SIDE; i++)
#pragma GCC unroll 6
    for (int32_t j = 0; j < SIDE; j++) {
      const bool isInside = i >= tile.firstLine && i < tile.endLine && j >= tile.firstColumn && j < tile.endColumn;
      at[i * SIDE + j] = isInside ? p + (i * width + j) * pixel : (const T*)ZERO_PIXEL;
    }
}

// Two rows of B' d for a line of x, those of the pair: points 0 and infinity, +-NEAR, +-FAR.
template <int32_t PAIR> static inline PointPair pairOfX(const Vector* line) {
  auto d = [&](int32_t i) { return line[i]; };
  if (PAIR == 0) return {atZero<4>(d), atInfinity<4>(d)};
  return PAIR == 1 ? atNear<4>(d) : atFar<4>(d);
}
// The same of A d for a line of dy.
template <int32_t PAIR> static inline PointPair pairOfDy(const Vector* d) {
  if (PAIR == 0) return {d[0], d[3]};
  const Vector point = splat(PAIR == 1 ? NEAR : FAR), square = splat(PAIR == 1 ? NEAR2 : FAR2);
  const Vector even = d[0] + square * d[2], odd = d[1] + square * d[3];
  return {even + point * odd, even - point * odd};
}
template <int32_t SIDE, int32_t PAIR> static inline PointPair pairOfLine(const Vector* line) {
  return SIDE == 6 ? pairOfX<PAIR>(line) : pairOfDy<PAIR>(line);
}
// Points in the order of winograd.h.
template <int32_t SIDE> static inline void storePoints(const Vector* line, float* to, int64_t step) {
  const PointPair ends = pairOfLine<SIDE, 0>(line), near = pairOfLine<SIDE, 1>(line), far = pairOfLine<SIDE, 2>(line);
  store(to, ends.plus);
  store(to + step, near.plus);
  store(to + 2 * step, near.minus);
  store(to + 3 * step, far.plus);
  store(to + 4 * step, far.minus);
  store(to + 5 * step, ends.minus);
}

// G' u takes the sums at the points to three taps; its columns are [1, point, point^2] over the products of the
// differences to the other points.
constexpr float OF_ZERO = 1 / (NEAR2 * FAR2), OF_NEAR = 1 / (2 * NEAR2 * (NEAR2 - FAR2));
constexpr float OF_FAR = 1 / (2 * FAR2 * (FAR2 - NEAR2));
static inline void threeTaps(const Vector* u, Vector* t) {
  const Vector near = u[1] + u[2], far = u[3] + u[4];
  t[0] = u[0] * splat(OF_ZERO) + (near * splat(OF_NEAR) + far * splat(OF_FAR));
  t[1] = (u[1] - u[2]) * splat(NEAR * OF_NEAR) + (u[3] - u[4]) * splat(FAR * OF_FAR);
  t[2] = u[5] + (near * splat(NEAR2 * OF_NEAR) + far * splat(FAR2 * OF_FAR));
}

// The pair's frequencies of a block's channels for each tile: out[frequency][panel][tile][channel of the panel].
template <int32_t SIDE, int32_t PAIR, class T>
static void transformBlock(const GradientTile* tile, int64_t tiles, const T* source, int64_t width, int64_t pixel,
                           int64_t channels, int64_t panelChannels, float* out) {
  const int64_t padded = roundUp(channels, LANES);
  for (int64_t t = 0; t < tiles; t++, tile++) {
    const T* at[SIDE * SIDE];
    findPixels<SIDE>(SIDE == 6 ? tile->x : tile->dy, source, width, pixel, at);
    for (int64_t channel = 0; channel < padded; channel += LANES) {
      const int64_t panel = channel - channel % panelChannels, panelWidth = smaller(panelChannels, padded - panel);
      const bool isPart = channels - channel < LANES;
      float* to = out + panel * tiles + t * panelWidth + (channel - panel);
      Vector first[SIDE], second[SIDE];
#pragma GCC unroll 6
      for (int32_t j = 0; j < SIDE; j++) {
        Vector d[SIDE];
        if (isPart)
#pragma GCC unroll 6
          for (int32_t i = 0; i < SIDE; i++) d[i] = loadPart(at[i * SIDE + j] + channel, channels - channel);
        else
#pragma GCC unroll 6
          for (int32_t i = 0; i < SIDE; i++) d[i] = load(at[i * SIDE + j] + channel);
        const PointPair pair = pairOfLine<SIDE, PAIR>(d);
        first[j] = pair.plus;
        second[j] = pair.minus;
      }
      storePoints<SIDE>(first, to, GRADIENT_STEP);
      storePoints<SIDE>(second, to + 6 * GRADIENT_STEP, GRADIENT_STEP);
    }
  }
}

// The products of one pair: products[frequency][channel of x][channel of dy] (+)= over the chunk's tiles.
template <int32_t PAIR>
static void multiplyPair(const float* x, const float* dy, const GradientChunk& chunk, int64_t rows, int64_t columns,
                         bool isResumed, float* products) {
  const int64_t padded = roundUp(rows, LANES), stride = roundUp(columns, LANES);
  for (int32_t f = 0; f < PAIR_POINTS; f++, x += GRADIENT_STEP, dy += GRADIENT_STEP, products += PRODUCT_STEP) {
    int64_t first, last;
    chunk.range(PAIR == 0 && f >= 6, f % 6 == 5, first, last);
    for (int64_t column = 0; column < columns; column += TILE_COLUMNS) {
      const int64_t width = panelWidth(columns, column);
      for (int64_t panel = 0; panel < rows; panel += X_PANEL) {
        const int64_t panelRows = smaller(X_PANEL, padded - panel), end = smaller(X_PANEL, rows - panel);
        for (int64_t row = 0; row < end;) {
          const int32_t kernel = columnsKernelRows(end - row);
          const Run run = {x + panel * chunk.tiles + first * panelRows + row, dy + column * chunk.tiles + first * width};
          float* to = products + (panel + row) * stride + column;
          columnsKernel(kernel, width)(&run, 1, last - first, panelRows, to, stride, isResumed);
          row += kernel;
        }
      }
    }
  }
}

// nine (+)= the pair's share of G' products G. Pairs come in the order 0, 1, 2; `out` is given with the last.
template <int32_t PAIR>
static void addPair(const float* products, int64_t rows, int64_t columns, bool isFirst, const GradientOut* out,
                    float* nine) {
  const int64_t stride = roundUp(columns, LANES), line = 3 * PRODUCT_STEP;
  for (int64_t row = 0; row < rows; row++)
    for (int64_t column = 0; column < columns; column += LANES) {
      const int64_t at = row * stride + column;
      Vector six[6], first[3], second[3];
#pragma GCC unroll 6
      for (int32_t v = 0; v < 6; v++) six[v] = load(products + v * PRODUCT_STEP + at);
      threeTaps(six, first);
#pragma GCC unroll 6
      for (int32_t v = 0; v < 6; v++) six[v] = load(products + (6 + v) * PRODUCT_STEP + at);
      threeTaps(six, second);
#pragma GCC unroll 3
      for (int32_t v = 0; v < 3; v++) {
        float* to = nine + v * PRODUCT_STEP + at;
        if (PAIR == 0) {
          const Vector top = first[v] * splat(OF_ZERO);
          store(to, isFirst ? top : load(to) + top);
          store(to + 2 * line, isFirst ? second[v] : load(to + 2 * line) + second[v]);
          continue;
        }
        const Vector sum = first[v] + second[v], difference = first[v] - second[v];
        const float point = PAIR == 1 ? NEAR : FAR, factor = PAIR == 1 ? OF_NEAR : OF_FAR;
        Vector top = sum * splat(factor), middle = difference * splat(point * factor);
        Vector bottom = sum * splat(point * point * factor);
        top += load(to);
        if (PAIR == 2 || !isFirst) middle += load(to + line);
        bottom += load(to + 2 * line);
        if (PAIR == 2 && out) {
          const int64_t element = v * out->tap + row * out->row + column;
          out->put(element, top, columns - column);
          out->put(element + 3 * out->tap, middle, columns - column);
          out->put(element + 6 * out->tap, bottom, columns - column);
          continue;
        }
        store(to, top);
        store(to + line, middle);
        store(to + 2 * line, bottom);
      }
    }
}

// Channels [row, row+rows) of x and [column, column+columns) of dy over the tiles of one part.
struct GradientUnit {
  const WinogradGradient& g;
  int64_t row, rows, column, columns;
  float* scratch;

  GradientChunk findChunk(int64_t chunk, int64_t tiles) const {
    const Geometry& geometry = g.geometry;
    GradientTile* table = (GradientTile*)scratch;
    int64_t count[4] = {}, at[4];
    for (int32_t pass = 0; pass < 2; pass++) { // counts the kinds, then places the tiles
      if (pass == 1)
        for (int32_t kind = 0, next = 0; kind < 4; next += (int32_t)count[kind++]) at[kind] = next;
      int64_t image = chunk / g.w.count / g.h.count;
      int32_t i = (int32_t)(chunk / g.w.count % g.h.count), j = (int32_t)(chunk % g.w.count);
      for (int64_t t = 0; t < tiles; t++) {
        const bool isHigh = i < g.h.fours, isWide = j < g.w.fours;
        const int32_t kind = isHigh ? isWide : isWide ? 2 : 3;
        if (pass == 0) count[kind]++;
        else {
          GradientTile& tile = table[at[kind]++];
          const int32_t line = g.h.start(i), left = g.w.start(j);
          tile.x = tileWindow(6, image, geometry.h, geometry.w, line - geometry.padTop, geometry.h,
                              left - geometry.padLeft, geometry.w);
          const int32_t endLine = (int32_t)smaller(geometry.oh, line + g.h.size(i));
          const int32_t right = (int32_t)smaller(geometry.ow, left + g.w.size(j));
          tile.dy = tileWindow(4, image, geometry.oh, geometry.ow, line, endLine, left, right);
        }
        if (++j < g.w.count) continue;
        j = 0;
        if (++i == g.h.count) i = 0, image++;
      }
    }
    return {tiles, count[0], count[0] + count[1], count[0] + count[1] + count[2]};
  }

  template <int32_t PAIR, class T> void transformX(const T* x, int64_t tiles) const {
    transformBlock<6, PAIR>((const GradientTile*)scratch, tiles, x + row, g.geometry.w, g.geometry.cin, rows, X_PANEL,
                            scratch + X_BLOCK_AT);
  }
  template <int32_t PAIR, class T> void transformDy(const T* dy, int64_t tiles) const {
    transformBlock<4, PAIR>((const GradientTile*)scratch, tiles, dy + column, g.geometry.ow, g.geometry.cout, columns,
                            TILE_COLUMNS, scratch + DY_BLOCK_AT);
  }
  template <int32_t PAIR>
  void runPair(int64_t firstTile, int64_t lastTile, bool isFirst, const GradientOut* out) const {
    const float *x = scratch + X_BLOCK_AT, *dy = scratch + DY_BLOCK_AT;
    float* products = scratch + PRODUCTS_AT;
    for (int64_t tile = firstTile; tile < lastTile; tile += g.chunkTiles) {
      const GradientChunk chunk = findChunk(tile, smaller(g.chunkTiles, lastTile - tile));
      if (g.isHalfX) transformX<PAIR>((const Bfloat16*)g.x, chunk.tiles);
      else transformX<PAIR>((const float*)g.x, chunk.tiles);
      if (g.isHalfDy) transformDy<PAIR>((const Bfloat16*)g.dy, chunk.tiles);
      else transformDy<PAIR>((const float*)g.dy, chunk.tiles);
      multiplyPair<PAIR>(x, dy, chunk, rows, columns, tile > firstTile, products);
    }
    addPair<PAIR>(products, rows, columns, isFirst, out, scratch + NINE_AT);
  }

  void run(int64_t part) const {
    const int64_t cin = g.geometry.cin, cout = g.geometry.cout, first = row * cout + column;
    const int64_t firstTile = part * g.partTiles, lastTile = smaller(g.tiles, firstTile + g.partTiles);
    GradientOut out = g.out;
    if (g.partial) out.floats = g.partial + part * 9 * cin * cout, out.halves = nullptr;
    out.floats += first;
    if (out.halves) out.halves += first;
    const int64_t step = MOST_CHUNKS * g.chunkTiles;
    for (int64_t tile = firstTile; tile < lastTile; tile += step) {
      const int64_t end = smaller(lastTile, tile + step);
      runPair<0>(tile, end, tile == firstTile, nullptr);
      runPair<1>(tile, end, tile == firstTile, nullptr);
      runPair<2>(tile, end, tile == firstTile, end == lastTile ? &out : nullptr);
    }
  }
};

void winogradFilterGradient(const FoveaCall& call) {
  WinogradGradient g = {};
  g.geometry = geometryOf(call);
  const Geometry& geometry = g.geometry;
  g.x = call.operand<const void>(0);
  g.dy = call.operand<const void>(1);
  g.isHalfX = call.parameters[GEOMETRY_WORDS] == FOVEA_BFLOAT16;
  g.isHalfDy = call.parameters[GEOMETRY_WORDS + 1] == FOVEA_BFLOAT16;
  const int64_t cin = geometry.cin, cout = geometry.cout, size = 9 * cin * cout;
  if (size <= 0) return;
  const bool isHalfOut = call.parameters[GEOMETRY_WORDS + 2] == FOVEA_BFLOAT16;
  g.out = {call.operand<float>(2), isHalfOut ? call.operand<Bfloat16>(2) : nullptr, cin * cout, cout};
  g.h = TileAxis::of(geometry.oh);
  g.w = TileAxis::of(geometry.ow);
  g.tiles = (int64_t)geometry.n * g.h.count * g.w.count;
  const int64_t blocks = divideUp(cin, GRADIENT_CHANNELS) * divideUp(cout, GRADIENT_CHANNELS);
  g.parts = larger(1, smaller(divideUp(FOVEA_PARTIAL_SUMS, blocks), g.tiles / LEAST_PART_TILES));
  g.partTiles = divideUp(g.tiles, g.parts);
  if (g.partTiles > 0) g.parts = divideUp(g.tiles, g.partTiles);
  g.chunkTiles = larger(1, divideUp(g.partTiles, larger(1, divideUp(g.partTiles, GRADIENT_TILES))));
  g.partial = g.parts > 1 ? call.operand<float>(3) : nullptr;
  const int64_t piece = 4096;
  if (g.tiles <= 0) {
    for (int64_t i = 0; i < size; i += LANES) g.out.put(i, Vector{}, size - i);
    return;
  }
  const int32_t threads = foveaThreadCount(call.pool);
  auto cut = [](int64_t channels, int64_t blocks) {
    return smaller(GRADIENT_CHANNELS, roundUp(divideUp(channels, blocks), LANES));
  };
  int64_t rowBlocks = divideUp(cin, GRADIENT_CHANNELS), columnBlocks = divideUp(cout, GRADIENT_CHANNELS);
  g.rowBlock = cut(cin, rowBlocks);
  g.columnBlock = cut(cout, columnBlocks);
  // Smaller blocks transform more often, but idle threads are worse.
  while (g.parts * rowBlocks * columnBlocks < threads) {
    if (g.columnBlock > TILE_COLUMNS && g.columnBlock >= g.rowBlock) g.columnBlock = cut(cout, columnBlocks *= 2);
    else if (g.rowBlock > LANES) g.rowBlock = cut(cin, rowBlocks *= 2);
    else break;
  }
  const int64_t rowUnits = divideUp(cin, g.rowBlock), columnUnits = divideUp(cout, g.columnBlock);
  auto multiply = [&](int64_t unit, int32_t thread) {
    const int64_t row = unit % rowUnits * g.rowBlock, column = unit / rowUnits % columnUnits * g.columnBlock;
    const GradientUnit block = {g, row, smaller(g.rowBlock, cin - row), column, smaller(g.columnBlock, cout - column),
                                call.scratch<float>(thread)};
    block.run(unit / rowUnits / columnUnits);
  };
  call.parallel(g.parts * rowUnits * columnUnits, multiply);
  if (!g.partial) return;
  auto add = [&](int64_t block, int32_t) {
    const int64_t end = smaller(size, (block + 1) * piece);
    for (int64_t i = block * piece; i < end; i += LANES) {
      Vector sum = loadSome(g.partial + i, end - i);
      for (int64_t part = 1; part < g.parts; part++) sum += loadSome(g.partial + part * size + i, end - i);
      g.out.put(i, sum, end - i);
    }
  };
  call.parallel(divideUp(size, piece), add);
}
