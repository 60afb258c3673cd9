// 3x3 convolution, stride 1, as Winograd's F(4x4,3x3): tiles of x go to 36 frequencies, each frequency is a
// product [tiles, cin] x [cin, cout] with the transformed filter, and A' . A brings the sums back to pixels. A
// tile's sums need no other tile, so neither blocks nor threads change a bit. dx is the same of dy and the
// turned filter. Blocks either keep everything in a thread's scratch, or x's tiles go to shared scratch first.
#include "winograd.h"

// u is [panel][frequency][k][width of the panel].
struct FilterPanels {
  int64_t depth, columns;
  int64_t panels() const { return divideUp(columns, TILE_COLUMNS); }
  int64_t width(int64_t panel) const { return panelWidth(columns, panel * TILE_COLUMNS); }
  int64_t at(int64_t panel, int32_t frequency) const {
    return (panel * FREQUENCIES * TILE_COLUMNS + frequency * width(panel)) * depth;
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
            store(wide + j * FILTER_ROWS + k, loadStoredSome(from + j * stride + k, rows - k));
        packTurned(wide, FILTER_ROWS, rows, columns, width, panelTap);
      } else {
        const T* from = filter + (tap * (int64_t)geometry.cin + first) * stride + column;
        for (int64_t k = 0; k < rows; k++)
          for (int64_t j = 0; j < width; j += LANES)
            store(panelTap + k * width + j,
                  j < columns ? loadStoredSome(from + k * stride + j, columns - j) : Vector{});
      }
    }
    transformTaps(taps, rows, width, u + to.at(panel, 0) + first * width, to.depth * width);
  };
  call.parallel(to.panels() * pieces, body);
}

void winogradFilter(const FoveaCall& call) {
  if (call.parameters[GEOMETRY_WORDS + 1] == FOVEA_BFLOAT16) runWinogradFilter(call, call.operand<const uint16_t>(0));
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
  static constexpr int64_t SUMS_FLOATS = 16 * TILE_COLUMNS;
  static constexpr int64_t ROOM = FOVEA_THREAD_SCRATCH / 4 - TileReader::FLOATS - SUMS_FLOATS - 64;

  // An odd number of cache lines from one frequency to the next keeps 36 of them in different sets.
  static int64_t oddLines(int64_t floats) { return (divideUp(floats, 16) | 1) * 16; }
  static int64_t sumsStep(int64_t count) { return oddLines(roundUp(count, TILE_ROWS) * TILE_COLUMNS); }

  // Channels first..last of the tiles `tile` to `end`; v is where the tiles from `base` on begin.
  void readTiles(int64_t base, int64_t tile, int64_t end, int64_t first, int64_t last, float* v, int64_t step,
                 float* scratch) const {
    TileReader own = reader;
    own.scratch = scratch;
    own.begin();
    for (; tile < end; tile++) {
      float* to[TILE_KINDS];
      for (int32_t kind = 0; kind < TILE_KINDS; kind++)
        to[kind] = v + (tiles.rowOf(tile, kind) - tiles.rowOf(base, kind)) * rowFloats + first;
      own.transform(tile, first, last, to, step);
    }
  }

  // sums[panel][frequency][tile] of tiles `tile` to `end` and `count` panels.
  void multiply(int64_t base, int64_t tile, int64_t end, const float* v, int64_t step, int64_t panel, int64_t count,
                float* sums, int64_t sumsStep) const {
    int64_t before[TILE_KINDS], rowCount[TILE_KINDS];
    for (int32_t kind = 0; kind < TILE_KINDS; kind++) {
      before[kind] = tiles.rowOf(tile, kind) - tiles.rowOf(base, kind);
      rowCount[kind] = tiles.rowOf(end, kind) - tiles.rowOf(tile, kind);
    }
    for (int64_t p = 0; p < count; p++) {
      const int64_t width = panels.width(panel + p);
      for (int32_t f = 0; f < FREQUENCIES; f++) {
        const int32_t kind = frequencyKind(f);
        const float* a = v + f * step + before[kind] * rowFloats;
        float* to = sums + (p * FREQUENCIES + f) * sumsStep;
        for (int64_t row = 0; row < rowCount[kind]; row += TILE_ROWS) {
          const int64_t left = smaller(TILE_ROWS, rowCount[kind] - row);
          const int32_t kernel = kernelRows(left);
          const float* rows[TILE_ROWS];
          for (int32_t r = 0; r < kernel; r++) rows[r] = a + (row + smaller(r, left - 1)) * rowFloats;
          rowsKernel(kernel, width)(rows, 1, panels.depth, u + panels.at(panel + p, f), to + row * TILE_COLUMNS, false);
        }
      }
    }
  }

  void writeTiles(int64_t tile, int64_t end, int64_t panel, int64_t count, const float* sums, int64_t sumsStep,
                  float* pixels) const {
    const int64_t first = tile, perImage = (int64_t)tiles.h.count * tiles.w.count;
    for (; tile < end; tile++) {
      int64_t row[TILE_KINDS];
      for (int32_t kind = 0; kind < TILE_KINDS; kind++) row[kind] = tiles.rowOf(tile, kind) - tiles.rowOf(first, kind);
      const int32_t line = (int32_t)(tile % perImage / tiles.w.count), column = (int32_t)(tile % tiles.w.count);
      const SumsTransform run = sumsTransform(tiles.h.size(line), tiles.w.size(column));
      const int32_t top = tiles.h.start(line), left = tiles.w.start(column);
      const int32_t lines = (int32_t)smaller(tiles.h.size(line), geometry.oh - top);
      const int32_t columns = (int32_t)smaller(tiles.w.size(column), geometry.ow - left);
      const int64_t pixel = (tile / perImage * geometry.oh + top) * geometry.ow + left;
      for (int64_t p = 0; p < count; p++) {
        const float* from[TILE_KINDS];
        for (int32_t kind = 0; kind < TILE_KINDS; kind++)
          from[kind] = sums + p * FREQUENCIES * sumsStep + row[kind] * TILE_COLUMNS;
        run(from, sumsStep, panels.width(panel + p), pixels);
        const int64_t at = pixel * geometry.cout + (panel + p) * TILE_COLUMNS;
        if (isBfloat16) finish<uint16_t>(pixels, lines, columns, panel + p, at);
        else finish<float>(pixels, lines, columns, panel + p, at);
      }
    }
  }

  template <class T>
  void finish(const float* pixels, int32_t lines, int32_t columns, int64_t panel, int64_t at) const {
    const int64_t count = smaller(TILE_COLUMNS, geometry.cout - panel * TILE_COLUMNS);
    const float* channelBias = bias ? bias + panel * TILE_COLUMNS : nullptr;
    for (int32_t i = 0; i < lines; i++)
      for (int32_t j = 0; j < columns; j++) {
        const float* from = pixels + (i * 4 + j) * TILE_COLUMNS;
        const int64_t offset = at + ((int64_t)i * geometry.ow + j) * geometry.cout;
        T* to = (T*)y + offset;
        const T* add = residual ? (const T*)residual + offset : nullptr;
        if (count == TILE_COLUMNS && activation <= FOVEA_ACTIVATION_RELU) {
          Vector v[TILE_VECTORS];
#pragma GCC unroll 4
          for (int32_t k = 0; k < TILE_VECTORS; k++) v[k] = load(from + k * LANES);
          if (channelBias)
#pragma GCC unroll 4
            for (int32_t k = 0; k < TILE_VECTORS; k++) v[k] += load(channelBias + k * LANES);
          if (add)
#pragma GCC unroll 4
            for (int32_t k = 0; k < TILE_VECTORS; k++) v[k] += loadStored(add + k * LANES);
          if (activation)
#pragma GCC unroll 4
            for (int32_t k = 0; k < TILE_VECTORS; k++) v[k] = v[k] < Vector{} ? Vector{} : v[k];
#pragma GCC unroll 4
          for (int32_t k = 0; k < TILE_VECTORS; k++) storeStored(to + k * LANES, v[k]);
        } else
          for (int64_t c = 0; c < count; c += LANES) {
            Vector v = load(from + c);
            if (channelBias) v += loadSome(channelBias + c, count - c);
            if (add) v += loadStoredSome(add + c, count - c);
            if (activation) v = activate(v, activation, alpha);
            storeStoredSome(to + c, v, count - c);
          }
      }
  }
};

void winogradConv2d(const FoveaCall& call) {
  WinogradConv w = {};
  const Geometry geometry = w.geometry = geometryOf(call);
  const int32_t* parameters = call.parameters + GEOMETRY_WORDS;
  w.tiles = Tiles::of(geometry);
  w.reader = {call.operand<const void>(0), parameters[2] == FOVEA_BFLOAT16, geometry.h, geometry.w, geometry.cin,
              geometry.padTop, geometry.padLeft, w.tiles, nullptr};
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

  // Everything of a block in one thread's scratch: x's tiles at all frequencies and the sums of a few panels.
  const int64_t rowsOfOnePanel = WinogradConv::ROOM / FREQUENCIES / (w.rowFloats + TILE_COLUMNS) - 1;
  const int64_t fits = rowsOfOnePanel / TILE_ROWS * TILE_ROWS;
  if (fits >= 2 * TILE_ROWS && tiles >= threads * 2 * TILE_ROWS) {
    int64_t count = smaller(fits, 8 * TILE_ROWS);
    const int64_t chunk2 = smaller(panels, 2);
    while (count > 2 * TILE_ROWS && FREQUENCIES * (count + 1) * (w.rowFloats + chunk2 * TILE_COLUMNS) > WinogradConv::ROOM)
      count -= TILE_ROWS;
    const int64_t step = WinogradConv::oddLines(count * w.rowFloats), sumsStep = WinogradConv::sumsStep(count);
    const int64_t chunk = larger(1, smaller(panels, (WinogradConv::ROOM - FREQUENCIES * step) / (FREQUENCIES * sumsStep)));
    auto body = [&](int64_t block, int32_t thread) {
      float* pixels = call.scratch<float>(thread);
      float* readerScratch = pixels + WinogradConv::SUMS_FLOATS;
      float* v = readerScratch + TileReader::FLOATS;
      float* sums = v + FREQUENCIES * step;
      const int64_t tile = block * count, end = smaller(tiles, tile + count);
      w.readTiles(tile, tile, end, 0, geometry.cin, v, step, readerScratch);
      for (int64_t panel = 0; panel < panels; panel += chunk) {
        const int64_t some = smaller(chunk, panels - panel);
        w.multiply(tile, tile, end, v, step, panel, some, sums, sumsStep);
        w.writeTiles(tile, end, panel, some, sums, sumsStep, pixels);
      }
    };
    call.parallel(divideUp(tiles, count), body);
    return;
  }

  // x's tiles in shared scratch, some rounds where there are many; then blocks of tiles by panels.
  float* v = call.operand<float>(5);
  const int64_t most = larger(64, (2 << 20) / (FREQUENCIES * w.rowFloats));
  const int64_t perRound = divideUp(tiles, divideUp(tiles, most)), step = WinogradConv::oddLines(perRound * w.rowFloats);
  for (int64_t base = 0; base < tiles; base += perRound) {
    const int64_t last = smaller(tiles, base + perRound);
    const int64_t channelStep = 256, channelUnits = divideUp(geometry.cin, channelStep), tilesPerRead = 2;
    auto read = [&](int64_t block, int32_t thread) {
      const int64_t tile = base + block / channelUnits * tilesPerRead, first = block % channelUnits * channelStep;
      w.readTiles(base, tile, smaller(last, tile + tilesPerRead), first, smaller(geometry.cin, first + channelStep), v,
                  step, call.scratch<float>(thread));
    };
    call.parallel(divideUp(last - base, tilesPerRead) * channelUnits, read);

    const int64_t count = smaller(last - base, 8 * TILE_ROWS), sumsStep = WinogradConv::sumsStep(count);
    const int64_t rowUnits = divideUp(last - base, count);
    int64_t chunk = larger(1, smaller(panels, WinogradConv::ROOM / (FREQUENCIES * sumsStep)));
    chunk = larger(1, smaller(chunk, panels * rowUnits / (4 * threads)));
    const int64_t panelUnits = divideUp(panels, chunk);
    auto body = [&](int64_t block, int32_t thread) {
      float* pixels = call.scratch<float>(thread);
      float* sums = pixels + WinogradConv::SUMS_FLOATS;
      const int64_t tile = base + block % rowUnits * count, end = smaller(last, tile + count);
      const int64_t panel = block / rowUnits * chunk, some = smaller(chunk, panels - panel);
      w.multiply(base, tile, end, v, step, panel, some, sums, sumsStep);
      w.writeTiles(tile, end, panel, some, sums, sumsStep, pixels);
    };
    call.parallel(rowUnits * panelUnits, body);
  }
}
