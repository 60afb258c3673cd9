// 3x3 convolution, stride 1, as Winograd's F(4x4,3x3): tiles of x go to 36 frequencies, each frequency is a
// product [tiles, cin] x [cin, cout] with the transformed filter, and A' . A brings the sums back to pixels. A
// tile's sums need no other tile, so neither blocks nor threads change a bit. dx is the same of dy and the
// turned filter. Blocks either keep everything in a thread's scratch, or x's tiles go to shared scratch first.
#include "winograd.h"

// From one frequency to the next: whole cache lines and an odd number of them, else all 36 would fall into
// the same few sets.
static inline int64_t frequencyStep(int64_t floats) { return (divideUp(floats, 16) | 1) * 16; }

// u is [panel][frequency][k][width of the panel].
struct FilterPanels {
  int64_t depth, columns;
  int64_t panels() const { return divideUp(columns, TILE_COLUMNS); }
  int64_t width(int64_t panel) const { return panelWidth(columns, panel * TILE_COLUMNS); }
  int64_t step(int64_t panel) const { return frequencyStep(depth * width(panel)); }
  int64_t at(int64_t panel, int32_t frequency) const {
    return panel * FREQUENCIES * step(0) + frequency * step(panel);
  }
};

// G g of a line: three taps to six points, with the divisors that B' leaves out.
static inline void filterPoints(Vector g0, Vector g1, Vector g2, Vector* to) {
  const Vector near = g0 + g2 * splat(NEAR2), far = g0 + g2 * splat(FAR2);
  const Vector perNear = splat(1 / (2 * NEAR2 * (NEAR2 - FAR2))), perFar = splat(1 / (2 * FAR2 * (FAR2 - NEAR2)));
  const Vector oddNear = g1 * splat(NEAR), oddFar = g1 * splat(FAR);
  to[0] = g0 * splat(1 / (NEAR2 * FAR2));
  to[1] = (near + oddNear) * perNear;
  to[2] = (near - oddNear) * perNear;
  to[3] = (far + oddFar) * perFar;
  to[4] = (far - oddFar) * perFar;
  to[5] = g2;
}

constexpr int64_t FILTER_ROWS = 16; // of the sum, per piece of work

// taps[9][rows][width] (taps already turned where needed) to u, from row `first` of the panel on.
FOVEA_SELDOM void transformTaps(const float* taps, int64_t rows, int64_t width, float* u, int64_t step) {
  for (int64_t at = 0; at < rows * width; at += LANES) {
    Vector lines[POINTS][3];
#pragma GCC unroll 3
    for (int32_t j = 0; j < 3; j++) {
      Vector line[POINTS];
      const float* p = taps + j * rows * width + at;
      filterPoints(load(p), load(p + 3 * rows * width), load(p + 6 * rows * width), line);
#pragma GCC unroll 6
      for (int32_t i = 0; i < POINTS; i++) lines[i][j] = line[i];
    }
#pragma GCC unroll 6
    for (int32_t i = 0; i < POINTS; i++) {
      Vector line[POINTS];
      filterPoints(lines[i][0], lines[i][1], lines[i][2], line);
#pragma GCC unroll 6
      for (int32_t j = 0; j < POINTS; j++) store(u + (i * POINTS + j) * step + at, line[j]);
    }
  }
}

template <class T> static void runWinogradFilter(const FoveaCall& call, const T* filter) {
  const Geometry geometry = geometryOf(call);
  const bool isTurned = call.parameters[GEOMETRY_WORDS] != 0;
  float* u = call.operand<float>(1);
  const FilterPanels to = {isTurned ? geometry.cout : geometry.cin, isTurned ? geometry.cin : geometry.cout};
  const int64_t pieces = divideUp(to.depth, FILTER_ROWS), stride = geometry.cout;
  auto body = [&](int64_t block, int32_t thread) {
    float* taps = call.scratch<float>(thread);
    const int64_t panel = block / pieces, first = block % pieces * FILTER_ROWS, column = panel * TILE_COLUMNS;
    const int64_t rows = smaller(FILTER_ROWS, to.depth - first), width = to.width(panel);
    const int64_t columns = smaller(width, to.columns - column);
    float* wide = taps + 9 * FILTER_ROWS * TILE_COLUMNS; // [columns][rows]
    for (int32_t tap = 0; tap < 9; tap++) {
      float* panelTap = taps + tap * rows * width;
      if (isTurned) {
        const T* from = filter + ((8 - tap) * (int64_t)geometry.cin + column) * stride + first;
        for (int64_t j = 0; j < columns; j++)
          for (int64_t k = 0; k < rows; k += LANES)
            store(wide + j * FILTER_ROWS + k, loadSome(from + j * stride + k, rows - k));
        packTurned(wide, FILTER_ROWS, rows, columns, width, panelTap);
      } else {
        const T* from = filter + (tap * (int64_t)geometry.cin + first) * stride + column;
        for (int64_t k = 0; k < rows; k++)
          for (int64_t j = 0; j < width; j += LANES)
            store(panelTap + k * width + j,
                  j < columns ? loadSome(from + k * stride + j, columns - j) : Vector{});
      }
    }
    transformTaps(taps, rows, width, u + to.at(panel, 0) + first * width, to.step(panel));
  };
  call.parallel(to.panels() * pieces, body);
}

void winogradFilter(const FoveaCall& call) {
  if (call.parameters[GEOMETRY_WORDS + 1] == FOVEA_BFLOAT16) runWinogradFilter(call, call.operand<const Bfloat16>(0));
  else runWinogradFilter(call, call.operand<const float>(0));
}

// A' m of a line: the sums at the points to 4 (3) outputs.
template <int32_t SIZE> static inline void outputLine(const Vector* m, Vector* to) {
  const Vector even = m[1] + m[2], odd = m[1] - m[2];
  if (SIZE == 4) {
    const Vector farEven = m[3] + m[4], farOdd = m[3] - m[4];
    to[0] = m[0] + even + farEven;
    to[1] = odd * splat(NEAR) + farOdd * splat(FAR);
    to[2] = even * splat(NEAR2) + farEven * splat(FAR2);
    to[3] = m[5] + odd * splat(NEAR2 * NEAR) + farOdd * splat(FAR2 * FAR);
  } else {
    to[0] = m[0] + even + m[3];
    to[1] = odd * splat(NEAR) + m[3] * splat(FAR);
    to[2] = m[5] + even * splat(NEAR2) + m[3] * splat(FAR2);
  }
}

// A' m A of a tile: frequency f's sums are at from[kind of f] + f * step, pixel i, j goes to
// out + (4 * i + j) * TILE_COLUMNS.
template <int32_t LINES, int32_t COLUMNS>
static void transformSums(const float* const* from, int64_t step, int64_t width, float* out) {
  for (int64_t c = 0; c < width; c += LANES) {
    Vector lines[LINES][POINTS];
#pragma GCC unroll 6
    for (int32_t j = 0; j < POINTS; j++) {
      if (COLUMNS == 3 && j == LEFT_OUT) continue;
      Vector m[POINTS], line[4];
#pragma GCC unroll 6
      for (int32_t i = 0; i < POINTS; i++)
        if (LINES == 4 || i != LEFT_OUT)
          m[i] = load(from[(i == LEFT_OUT) * 2 + (j == LEFT_OUT)] + (i * POINTS + j) * step + c);
      outputLine<LINES>(m, line);
#pragma GCC unroll 4
      for (int32_t i = 0; i < LINES; i++) lines[i][j] = line[i];
    }
#pragma GCC unroll 4
    for (int32_t i = 0; i < LINES; i++) {
      Vector line[4];
      outputLine<COLUMNS>(lines[i], line);
#pragma GCC unroll 4
      for (int32_t j = 0; j < COLUMNS; j++) store(out + (i * 4 + j) * TILE_COLUMNS + c, line[j]);
    }
  }
}
typedef void (*SumsTransform)(const float* const*, int64_t, int64_t, float*);
static inline SumsTransform sumsTransform(int32_t lines, int32_t columns) {
  if (lines == 4) return columns == 4 ? transformSums<4, 4> : transformSums<4, 3>;
  return columns == 4 ? transformSums<3, 4> : transformSums<3, 3>;
}

struct WinogradConv {
  Geometry geometry;
  Tiles tiles;
  TileReader reader;
  FilterPanels panels;
  const float* u;
  const float* bias;
  const void* residual;
  void* y;
  bool isBfloat16; // y and residual
  int32_t activation;
  float alpha;

  int64_t rowFloats; // of a tile at one frequency
  static constexpr int64_t MOST_DEPTH = 256;
  static constexpr int64_t SUMS_FLOATS = 16 * TILE_COLUMNS;
  static constexpr int64_t ROOM = FOVEA_THREAD_SCRATCH / 4 - TileReader::FLOATS - SUMS_FLOATS - 64;

  static int64_t sumsStep(int64_t count) { return frequencyStep(roundUp(count, TILE_ROWS) * TILE_COLUMNS); }

  // Channels first..last of the tiles `tile` to `end`; v is where the tiles from `base` on begin.
  void readTiles(int64_t base, int64_t tile, int64_t end, int64_t first, int64_t last, float* v, int64_t step,
                 float* scratch) const {
    TileReader own = reader;
    own.scratch = scratch;
    own.begin();
    for (TileCursor cursor = TileCursor::at(tiles, base, tile); cursor.tile < end; cursor.next()) {
      float* to[TILE_KINDS];
      for (int32_t kind = 0; kind < TILE_KINDS; kind++) to[kind] = v + cursor.row[kind] * rowFloats + first;
      own.transform(cursor, first, last, to, step);
    }
  }

  // sums[panel][frequency][tile] of tiles `tile` to `end` and `count` panels. `part` has room for one tile of a
  // kernel: sums of many channels are summed in parts, which halves the error where all terms have one sign.
  void multiply(int64_t base, int64_t tile, int64_t end, const float* v, int64_t step, int64_t panel, int64_t count,
                float* sums, int64_t sumsStep, float* part) const {
    int64_t before[TILE_KINDS], rowCount[TILE_KINDS];
    for (int32_t kind = 0; kind < TILE_KINDS; kind++) {
      before[kind] = tiles.rowOf(tile, kind) - tiles.rowOf(base, kind);
      rowCount[kind] = tiles.rowOf(end, kind) - tiles.rowOf(tile, kind);
    }
    const int64_t parts = larger(1, divideUp(panels.depth, MOST_DEPTH)), most = divideUp(panels.depth, parts);
    for (int32_t f = 0; f < FREQUENCIES; f++) {
      const int32_t kind = frequencyKind(f);
      for (int64_t k = 0; k < panels.depth; k += most) {
        const int64_t depth = smaller(most, panels.depth - k);
        const float* a = v + f * step + before[kind] * rowFloats + k;
        for (int64_t p = 0; p < count; p++) {
          const int64_t width = panels.width(panel + p);
          const float* b = u + panels.at(panel + p, f) + k * width;
          float* to = sums + (p * FREQUENCIES + f) * sumsStep;
          for (int64_t row = 0; row < rowCount[kind]; row += TILE_ROWS, to += TILE_ROWS * TILE_COLUMNS) {
            const int64_t left = smaller(TILE_ROWS, rowCount[kind] - row);
            const int32_t kernel = kernelRows(left);
            const float* rows[TILE_ROWS];
            for (int32_t r = 0; r < kernel; r++) rows[r] = a + (row + smaller(r, left - 1)) * rowFloats;
            rowsKernel(kernel, width)(rows, 1, depth, b, k == 0 ? to : part, false);
            if (k > 0)
              for (int64_t i = 0; i < left * TILE_COLUMNS; i += LANES) store(to + i, load(to + i) + load(part + i));
          }
        }
      }
    }
  }

  void writeTiles(int64_t tile, int64_t end, int64_t panel, int64_t count, const float* sums, int64_t sumsStep,
                  float* pixels) const {
    for (TileCursor cursor = TileCursor::at(tiles, tile, tile); cursor.tile < end; cursor.next()) {
      const SumsTransform run = sumsTransform(cursor.lines(), cursor.columns());
      const int32_t top = tiles.h.start(cursor.line), left = tiles.w.start(cursor.column);
      const int32_t lines = tiles.h.wanted(cursor.line), columns = tiles.w.wanted(cursor.column);
      const int64_t pixel = ((int64_t)cursor.image * geometry.oh + top) * geometry.ow + left;
      for (int64_t p = 0; p < count; p++) {
        const float* from[TILE_KINDS];
        for (int32_t kind = 0; kind < TILE_KINDS; kind++)
          from[kind] = sums + p * FREQUENCIES * sumsStep + cursor.row[kind] * TILE_COLUMNS;
        const int64_t at = pixel * geometry.cout + (panel + p) * TILE_COLUMNS;
        // Asked for before the sums are ready: y is written once and lies far away.
        const int64_t bytes = isBfloat16 ? 2 : 4;
        for (int32_t i = 0; i < lines; i++)
          for (int32_t j = 0; j < columns; j++)
            for (int32_t k = 0; k < TILE_COLUMNS; k += 16)
              __builtin_prefetch((char*)y + (at + ((int64_t)i * geometry.ow + j) * geometry.cout + k) * bytes, 1);
        run(from, sumsStep, panels.width(panel + p), pixels);
        if (isBfloat16) finish<Bfloat16>(pixels, lines, columns, panel + p, at);
        else finish<float>(pixels, lines, columns, panel + p, at);
      }
    }
  }

  template <class T>
  void finish(const float* pixels, int32_t lines, int32_t columns, int64_t panel, int64_t at) const {
    const int64_t count = smaller(TILE_COLUMNS, geometry.cout - panel * TILE_COLUMNS);
    const float* channelBias = bias ? bias + panel * TILE_COLUMNS : nullptr;
    T* to = (T*)y + at;
    const T* add = residual ? (const T*)residual + at : nullptr;
    const int64_t pixelStep = geometry.cout, lineStep = geometry.ow * pixelStep;
    if (count == TILE_COLUMNS && activation <= FOVEA_ACTIVATION_RELU) {
      Vector b[TILE_VECTORS] = {};
      if (bias)
        for (int32_t k = 0; k < TILE_VECTORS; k++) b[k] = load(channelBias + k * LANES);
      const Vector least = activation ? Vector{} : splat(-__builtin_inff());
      for (int32_t i = 0; i < lines; i++)
        for (int32_t j = 0; j < columns; j++) {
          const float* from = pixels + (i * 4 + j) * TILE_COLUMNS;
          const int64_t offset = i * lineStep + j * pixelStep;
#pragma GCC unroll 4
          for (int32_t k = 0; k < TILE_VECTORS; k++) {
            Vector v = load(from + k * LANES) + b[k];
            if (add) v += load(add + offset + k * LANES);
            store(to + offset + k * LANES, v < least ? least : v);
          }
        }
      return;
    }
    for (int32_t i = 0; i < lines; i++)
      for (int32_t j = 0; j < columns; j++) {
        const int64_t offset = i * lineStep + j * pixelStep;
        for (int64_t c = 0; c < count; c += LANES) {
          Vector v = load(pixels + (i * 4 + j) * TILE_COLUMNS + c);
          if (channelBias) v += loadSome(channelBias + c, count - c);
          if (add) v += loadSome(add + offset + c, count - c);
          if (activation) v = activate(v, activation, alpha);
          storeSome(to + offset + c, v, count - c);
        }
      }
  }
};

// A block is `rows` tiles by `chunk` panels of u.
struct WinogradBlocks {
  int64_t rows, chunk;
  int64_t cost; // of the thread with the most work, in rows and panels
};

// Small blocks share the work evenly but read u more often.
static WinogradBlocks bestBlocks(int64_t tiles, int64_t mostRows, int64_t chunk, int64_t units, int64_t threads) {
  WinogradBlocks best = {0, chunk, 0};
  for (int64_t rows = mostRows / 4 * 4; rows >= 4; rows -= 4) {
    const int64_t most = divideUp(divideUp(tiles, rows) * units, threads);
    const int64_t cost = most * (smaller(rows, roundUp(tiles, 4)) + 2) * chunk;
    if (best.rows == 0 || cost < best.cost) best = {rows, chunk, cost};
  }
  return best;
}

// Everything of a block in one thread's scratch: x's tiles at all frequencies and the sums of a few panels.
static void runFused(const FoveaCall& call, const WinogradConv& w, int64_t rows) {
  const int64_t tiles = w.tiles.count(), panels = w.panels.panels();
  const int64_t step = frequencyStep(rows * w.rowFloats), sumsStep = WinogradConv::sumsStep(rows);
  const int64_t chunk = smaller(panels, (WinogradConv::ROOM - FREQUENCIES * step) / (FREQUENCIES * sumsStep));
  auto body = [&](int64_t block, int32_t thread) {
    float* pixels = call.scratch<float>(thread);
    float* readerScratch = pixels + WinogradConv::SUMS_FLOATS;
    float* v = readerScratch + TileReader::FLOATS;
    float* sums = v + FREQUENCIES * step;
    const int64_t tile = block * rows, end = smaller(tiles, tile + rows);
    w.readTiles(tile, tile, end, 0, w.geometry.cin, v, step, readerScratch);
    for (int64_t panel = 0; panel < panels; panel += chunk) {
      const int64_t some = smaller(chunk, panels - panel);
      w.multiply(tile, tile, end, v, step, panel, some, sums, sumsStep, pixels);
      w.writeTiles(tile, end, panel, some, sums, sumsStep, pixels);
    }
  };
  call.parallel(divideUp(tiles, rows), body);
}

// x's tiles in shared scratch, `perRound` of them at a time; then blocks of tiles by panels.
static void runSplit(const FoveaCall& call, const WinogradConv& w, int64_t perRound, const WinogradBlocks& blocks) {
  const int64_t tiles = w.tiles.count(), panels = w.panels.panels(), channels = w.geometry.cin;
  const int64_t step = frequencyStep(perRound * w.rowFloats), sumsStep = WinogradConv::sumsStep(blocks.rows);
  float* v = call.operand<float>(5);
  for (int64_t base = 0; base < tiles; base += perRound) {
    const int64_t last = smaller(tiles, base + perRound);
    const int64_t channelStep = 256, channelUnits = divideUp(channels, channelStep), tileStep = 2;
    auto read = [&](int64_t block, int32_t thread) {
      const int64_t tile = base + block / channelUnits * tileStep, first = block % channelUnits * channelStep;
      w.readTiles(base, tile, smaller(last, tile + tileStep), first, smaller(channels, first + channelStep), v, step,
                  call.scratch<float>(thread));
    };
    call.parallel(divideUp(last - base, tileStep) * channelUnits, read);

    const int64_t rowUnits = divideUp(last - base, blocks.rows);
    auto body = [&](int64_t block, int32_t thread) {
      float* pixels = call.scratch<float>(thread);
      float* sums = pixels + WinogradConv::SUMS_FLOATS;
      const int64_t tile = base + block % rowUnits * blocks.rows, end = smaller(last, tile + blocks.rows);
      const int64_t panel = block / rowUnits * blocks.chunk, some = smaller(blocks.chunk, panels - panel);
      w.multiply(base, tile, end, v, step, panel, some, sums, sumsStep, pixels);
      w.writeTiles(tile, end, panel, some, sums, sumsStep, pixels);
    };
    call.parallel(rowUnits * divideUp(panels, blocks.chunk), body);
  }
}

void winogradConv2d(const FoveaCall& call) {
  WinogradConv w = {};
  const Geometry geometry = w.geometry = geometryOf(call);
  const int32_t* parameters = call.parameters + GEOMETRY_WORDS;
  w.tiles = Tiles::of(geometry);
  w.reader = {call.operand<const void>(0), parameters[2] == FOVEA_BFLOAT16, geometry.h, geometry.w, geometry.cin,
              geometry.padTop, geometry.padLeft, nullptr};
  w.panels = {geometry.cin, geometry.cout};
  w.u = call.operand<const float>(1);
  w.bias = call.operand<const float>(2);
  w.residual = call.operand<const void>(3);
  w.y = call.operand<void>(4);
  w.isBfloat16 = parameters[3] == FOVEA_BFLOAT16;
  w.activation = parameters[0];
  w.alpha = call.parameterFloat(GEOMETRY_WORDS + 1);
  w.rowFloats = roundUp(geometry.cin, 16) + 16;
  const int64_t tiles = w.tiles.count(), panels = w.panels.panels(), threads = foveaThreadCount(call.pool);
  if (tiles == 0 || panels == 0) return;

  // Two vectors' worth of AVX-512: narrower levels read x's tiles for as many columns at once.
  const int64_t chunk = smaller(panels, larger(1, 32 / TILE_COLUMNS));
  const int64_t room = WinogradConv::ROOM / FREQUENCIES - 32 - 16 * chunk; // less what the steps round up
  const int64_t fits = room / (w.rowFloats + chunk * TILE_COLUMNS) - TILE_ROWS;
  const WinogradBlocks fused = bestBlocks(tiles, smaller(fits, 48), panels, 1, threads);
  const int64_t most = larger(64, (2 << 20) / (FREQUENCIES * w.rowFloats));
  const int64_t rounds = divideUp(tiles, most), perRound = divideUp(tiles, rounds);
  const WinogradBlocks split =
      bestBlocks(perRound, smaller(room / (chunk * TILE_COLUMNS) - TILE_ROWS, 128), chunk, divideUp(panels, chunk), threads);
  // Through shared memory costs up to a quarter more, where blocks of a fair size would have fitted.
  const int64_t splitCost = split.cost * rounds * (fits >= 24 ? 5 : 4) / 4;
  if (fused.rows > 0 && fused.cost <= splitCost) runFused(call, w, fused.rows);
  else runSplit(call, w, perRound, split);
}
