// Runs the indirect GEMM: planIndirect cuts it into units (rows of one phase and group by some panels),
// each of three kinds of unit computes its part: by panels of columns, by dots along the channels where
// there are few columns, by a padded copy of the source where there are few channels. Included by gemm.h.
#pragma once

constexpr int64_t MOST_PANELS_BYTES = 384 << 10; // of one unit and chunk: a good third of L2
constexpr int64_t LARGE_FILTER = 128 << 10;      // elements: packed, half of L2
constexpr int64_t MOST_FEW_ROWS = 288;           // of a large filter's product
static_assert((MOST_FEW_ROWS + TILE_ROWS) * TILE_COLUMNS * 4 <= SUMS_BYTES, "the sums of few rows do not fit");

// One unit of work: some rows of one phase and group by some panels.
struct IndirectUnit {
  Axis h, w;
  int32_t phaseH, phaseW;
  int64_t group, row, rows, panel, panels;
};

// Pointers of `rows` rows from `row` on, for taps [tap, tap+tapCount), at `channel` of the group.
static void pointRows(const IndirectGemm& g, const IndirectUnit& unit, int64_t row, int64_t rows, int64_t kernel,
                      int64_t tap, int64_t tapCount, int64_t channel, const float* zero, const float** pointers) {
  const float* source = g.source + unit.group * g.sourceGroup + channel;
  if (g.isSourceLinear) { // one tap; the kernel's surplus rows repeat the last
    for (int64_t r = 0; r < kernel; r++) pointers[r] = source + (row + smaller(r, rows - 1)) * g.sourceChannels;
    return;
  }
  const Axis &h = unit.h, &w = unit.w;
  const int64_t line = row / w.count;
  int64_t image = line / h.count;
  int32_t i = (int32_t)(line - image * h.count), j = (int32_t)(row - line * w.count);
  const int64_t toLine = g.sourceWidth * g.sourceChannels;
  const int32_t firstA = tapCount ? (int32_t)(tap / w.taps) : 0, firstB = tapCount ? (int32_t)(tap % w.taps) : 0;
  const int64_t toTap = w.delta * g.sourceChannels, toNext = h.delta * toLine - w.taps * toTap;
  for (int64_t r = 0; r < kernel; r++) {
    const int32_t y0 = i * h.step + h.base, x0 = j * w.step + w.base;
    const bool isInner = y0 >= 0 && x0 >= 0 && y0 + (h.taps - 1) * h.delta < g.sourceHeight &&
                         x0 + (w.taps - 1) * w.delta < g.sourceWidth;
    // An offset, since a pointer must not be formed outside the source.
    int64_t at = (image * g.sourceHeight + y0 + firstA * h.delta) * toLine + (x0 + firstB * w.delta) * g.sourceChannels;
    const float** to = pointers + r;
    if (isInner)
      for (int64_t t = 0, b = firstB; t < tapCount; t++, to += kernel) {
        *to = source + at;
        at += toTap;
        if (++b == w.taps) b = 0, at += toNext;
      }
    else
      for (int64_t t = 0, a = firstA, b = firstB; t < tapCount; t++, to += kernel) {
        const bool isInside = (uint64_t)(y0 + a * h.delta) < (uint64_t)g.sourceHeight &&
                              (uint64_t)(x0 + b * w.delta) < (uint64_t)g.sourceWidth;
        *to = isInside ? source + at : zero;
        at += toTap;
        if (++b == w.taps) b = 0, a++, at += toNext;
      }
    if (r + 1 >= rows) continue; // the kernel's surplus rows repeat the last
    if (++j == w.count) {
      j = 0;
      if (++i == h.count) i = 0, image++;
    }
  }
}

// Calls body(first, count, at) for the pieces of rows [row, row+rows) whose pixels lie w.outStep apart: `at`
// is where the output of row `first` begins.
template <class Body>
static inline void forPieces(const IndirectGemm& g, const IndirectUnit& unit, int64_t row, int64_t rows, Body body) {
  const int64_t offset = unit.group * g.outGroup;
  if (g.isOutLinear) {
    body((int64_t)0, rows, offset + row * g.outChannels);
    return;
  }
  const Axis &h = unit.h, &w = unit.w;
  int64_t line = row / w.count, j = row - line * w.count;
  int64_t image = line / h.count, i = line - image * h.count;
  for (int64_t first = 0; first < rows;) {
    const int64_t count = smaller(rows - first, w.count - j);
    const int64_t y = image * g.outHeight + h.outBase + i * h.outStep, x = w.outBase + j * w.outStep;
    body(first, count, (y * g.outWidth + x) * g.outChannels + offset);
    first += count;
    j = 0;
    if (++i == h.count) i = 0, image++;
  }
}

// Stores `rows` rows of the sums of one panel.
static void finishTile(const IndirectGemm& g, const IndirectUnit& unit, int64_t row, int64_t rows, int64_t panel,
                       int32_t activation, const float* tile) {
  const int64_t column = panel * TILE_COLUMNS, columns = smaller(g.columns - column, TILE_COLUMNS);
  const Epilogue& e = g.epilogue;
  const float* bias = e.bias ? e.bias + unit.group * g.biasGroup + column : nullptr;
  const int64_t stride = unit.w.outStep * g.outChannels;
  forPieces(g, unit, row, rows, [&](int64_t first, int64_t count, int64_t at) {
    finishRows(tile + first * TILE_COLUMNS, count, columns, bias, e.residual ? e.residual + at + column : nullptr,
               activation, e.alpha, g.out + at + column, stride);
  });
}

// A phase between the taps of a strided filter gets nothing; only the input's gradient has such, without epilogue.
static void clearUnit(const IndirectGemm& g, const IndirectUnit& unit) {
  const int64_t column = unit.panel * TILE_COLUMNS, columns = smaller(g.columns - column, unit.panels * TILE_COLUMNS);
  const int64_t stride = unit.w.outStep * g.outChannels;
  forPieces(g, unit, unit.row, unit.rows, [&](int64_t, int64_t count, int64_t at) {
    for (int64_t i = 0; i < count; i++) clearFloats(g.out + at + column + i * stride, columns);
  });
}

// The beginnings of the next tile's rows, while this tile is multiplied: the memory's own fetching ahead goes
// along one row, not to the next.
static inline void fetchRows(const IndirectGemm& g, const float* row, int64_t channels) {
  for (int64_t k = 0; k < smaller(channels, 128); k += 16)
    for (int32_t r = 0; r < TILE_ROWS; r++) __builtin_prefetch(row + r * g.sourceChannels + k);
}

static void runUnit(const IndirectGemm& g, const IndirectUnit& unit, char* scratch) {
  const float** pointers = (const float**)scratch;
  float* zero = (float*)(scratch + ZERO_AT);
  float* sums = (float*)(scratch + SUMS_AT);
  float* own = (float*)(scratch + PANEL_AT);
  const int64_t taps = (int64_t)unit.h.taps * unit.w.taps;
  const int64_t mostTaps = g.chunkTaps(taps), mostDepth = g.chunkDepth();
  const float* packed = g.packedPhase(unit.group, unit.phaseH, unit.phaseW);
  const bool isOneChunk = mostTaps >= taps && mostDepth >= g.depth;
  const Epilogue& e = g.epilogue;
  const bool isCut = e.activation <= FOVEA_ACTIVATION_RELU6; // none too
  const float low = e.activation && isCut ? 0.0f : -__builtin_inff();
  const float high = e.activation == FOVEA_ACTIVATION_RELU6 ? 6.0f : __builtin_inff();
  const bool isLinear = isOneChunk && g.isOutLinear && !g.groupSize;
  const bool isLate = IS_ACTIVATED_LATE && isLinear && !isCut; // row by row, when all panels have written theirs
  const bool isStraight = isLinear && (isCut || isLate);
  int64_t tap = 0, channel = 0;
  do {
    const int64_t tapCount = smaller(mostTaps, taps - tap), channels = smaller(mostDepth, g.depth - channel);
    const int64_t done = tap * g.depth + tapCount * channel; // rows of the panel before this chunk
    const bool isLast = tap + tapCount >= taps && channel + channels >= g.depth;
    const int64_t ownPanel = tapCount * channels * TILE_COLUMNS;
    if (!g.isPackedFirst)
      for (int64_t t = 0; t < tapCount; t++)
        g.packTaps(unit.group, unit.h.firstTap + (int32_t)((tap + t) / unit.w.taps) * unit.h.tapStep,
                   unit.w.firstTap + (int32_t)((tap + t) % unit.w.taps) * unit.w.tapStep, channel, channels, unit.panel,
                   unit.panels, own, ownPanel, t);
    float* tile = sums;
    for (int64_t row = 0; row < unit.rows; row += TILE_ROWS) {
      const int64_t rows = smaller(TILE_ROWS, unit.rows - row);
      const int32_t kernel = g.groupSize ? TILE_ROWS : kernelRows(rows);
      pointRows(g, unit, unit.row + row, rows, kernel, tap, tapCount, channel, zero, pointers);
      if (g.isSourceLinear && row + TILE_ROWS < unit.rows) fetchRows(g, pointers[0] + TILE_ROWS * g.sourceChannels, channels);
      for (int64_t panel = unit.panel; panel < unit.panel + unit.panels; panel++) {
        const int64_t width = panelWidth(g.columns, panel * TILE_COLUMNS);
        const float* b = own + (panel - unit.panel) * ownPanel;
        if (g.isPackedFirst) b = packed + panel * TILE_COLUMNS * taps * g.depth + done * width;
        const int64_t column = panel * TILE_COLUMNS;
        if (isStraight && rows == TILE_ROWS && g.columns - column >= TILE_COLUMNS) {
          const int64_t at = unit.group * g.outGroup + (unit.row + row) * g.outChannels + column;
          const float* bias = e.bias ? e.bias + unit.group * g.biasGroup + column : nullptr;
          const float* residual = e.residual ? e.residual + at : nullptr;
          multiplyTile(pointers, tapCount, channels, b, bias, residual, low, high, g.out + at, g.outChannels);
          continue;
        }
        if (g.groupSize) groupsKernel(g.groupSize)(pointers, tapCount, b, tile);
        else rowsKernel(kernel, width)(pointers, tapCount, channels, b, tile, tap + channel > 0);
        if (isLast) finishTile(g, unit, unit.row + row, rows, panel, isLate ? FOVEA_ACTIVATION_NONE : e.activation, tile);
        if (!isOneChunk) tile += TILE_ROWS * TILE_COLUMNS;
      }
      if (isLate) {
        const int64_t column = unit.panel * TILE_COLUMNS;
        activateRows(g.out + unit.group * g.outGroup + (unit.row + row) * g.outChannels + column, rows,
                     smaller(unit.panels * TILE_COLUMNS, g.columns - column), g.outChannels, e.activation, e.alpha);
      }
    }
    channel += channels;
    if (channel >= g.depth) channel = 0, tap += tapCount;
  } while (tap < taps);
}

// Sums of few columns, [rows][columns], to the output; the block is changed on the way.
static void finishDots(const IndirectGemm& g, const IndirectUnit& unit, int64_t row, int64_t rows, float* sums) {
  const Epilogue& e = g.epilogue;
  const int64_t columns = g.columns, stride = unit.w.outStep * g.outChannels;
  const float* bias = e.bias ? e.bias + unit.group * g.biasGroup : nullptr;
  forPieces(g, unit, row, rows, [&](int64_t first, int64_t count, int64_t at) {
    float* block = sums + first * columns;
    for (int64_t r = 0; r < count; r++)
      for (int64_t j = 0; j < columns; j++) {
        if (bias) block[r * columns + j] += bias[j];
        if (e.residual) block[r * columns + j] += e.residual[at + r * stride + j];
      }
  });
  if (e.activation)
    for (int64_t i = 0; i < rows * columns; i += LANES) store(sums + i, activate(load(sums + i), e.activation, e.alpha));
  forPieces(g, unit, row, rows, [&](int64_t first, int64_t count, int64_t at) {
    for (int64_t r = 0; r < count; r++)
      for (int64_t j = 0; j < columns; j++) g.out[at + r * stride + j] = sums[(first + r) * columns + j];
  });
}

static void runDotsUnit(const IndirectGemm& g, const IndirectUnit& unit, char* scratch) {
  const float** pointers = (const float**)scratch;
  float* zero = (float*)(scratch + ZERO_AT);
  float* sums = (float*)(scratch + SUMS_AT);
  const int64_t taps = (int64_t)unit.h.taps * unit.w.taps;
  const float* packed = g.packedPhase(unit.group, unit.phaseH, unit.phaseW);
  const Dots dots = dotsOf((int32_t)g.columns);
  // A line of rows is finished together: blocks of few numbers would pay the epilogue's preparation each time.
  const int64_t most = 32 * dots.rows;
  for (int64_t row = 0; row < unit.rows; row += most) {
    const int64_t rows = smaller(most, unit.rows - row);
    for (int64_t r = 0; r < rows; r += dots.rows) {
      pointRows(g, unit, unit.row + row + r, smaller(dots.rows, rows - r), dots.rows, 0, taps, 0, zero, pointers);
      dots.kernel(pointers, taps, g.depth, packed, sums + r * g.columns);
    }
    finishDots(g, unit, unit.row + row, rows, sums);
  }
}

// Copies `lines` source lines from `line` on, `width` pixels from `column` on, zeros outside:
// to[lines][width][depth].
static void copyPadded(const float* source, int32_t height, int32_t sourceWidth, int64_t sourceChannels, int64_t depth,
                       int32_t line, int32_t lines, int32_t column, int32_t width, float* to) {
  const int32_t from = (int32_t)smaller(width, larger(0, -column));
  const int32_t until = (int32_t)larger(from, smaller(width, sourceWidth - column));
  for (int32_t y = line; y < line + lines; y++, to += width * depth) {
    if (y < 0 || y >= height) {
      clearFloats(to, width * depth);
      continue;
    }
    clearFloats(to, from * depth);
    const float* p = source + ((int64_t)y * sourceWidth + column + from) * sourceChannels;
    if (sourceChannels == depth) copyFloats(to + from * depth, p, (until - from) * depth);
    else
      for (int32_t x = from; x < until; x++, p += sourceChannels)
        for (int64_t c = 0; c < depth; c++) to[x * depth + c] = p[c];
    clearFloats(to + until * depth, (width - until) * depth);
  }
}

// Pointers of TILE_ROWS pixels of one line, toPixel apart, and of the lines of taps below, toTap apart: without
// inner branches, since with one channel this weighs against the product.
static inline void pointPixels(const float* at, int64_t toPixel, int32_t taps, int64_t toTap, const float** to) {
  for (int32_t t = 0; t < taps; t++, at += toTap, to += TILE_ROWS)
#pragma GCC unroll 16
    for (int32_t r = 0; r < TILE_ROWS; r++) to[r] = at + r * toPixel;
}

static void runNarrowUnit(const IndirectGemm& g, const IndirectUnit& unit, char* scratch) {
  const float** pointers = (const float**)scratch;
  float* tile = (float*)(scratch + SUMS_AT);
  float* copy = (float*)(scratch + PANEL_AT);
  const Axis &h = unit.h, &w = unit.w;
  const int64_t perImage = (int64_t)h.count * w.count;
  const int64_t firstImage = unit.row / perImage, images = divideUp(unit.rows, perImage);
  const int32_t firstLine = (int32_t)(unit.row % perImage / w.count);
  const int32_t outLines = (int32_t)smaller(h.count, unit.rows / w.count);
  const int32_t lines = (outLines - 1) * h.step + larger(0, h.taps - 1) * h.delta + 1;
  const int32_t width = (w.count - 1) * w.step + w.taps;
  for (int64_t image = 0; image < images; image++)
    copyPadded(g.source + unit.group * g.sourceGroup +
                   (firstImage + image) * g.sourceHeight * g.sourceWidth * g.sourceChannels,
               g.sourceHeight, g.sourceWidth, g.sourceChannels, g.depth, firstLine * h.step + h.base, lines, w.base,
               width, copy + image * lines * width * g.depth);
  const float* packed = g.packedPhase(unit.group, unit.phaseH, unit.phaseW);
  const int64_t toLine = width * g.depth, toPixel = w.step * g.depth, toTap = h.delta * toLine;
  const float* line = copy;
  int64_t image = 0;
  int32_t i = 0, j = 0;
  auto nextLine = [&] {
    j = 0;
    line += h.step * toLine;
    if (++i == outLines) i = 0, line = copy + ++image * lines * toLine;
  };
  for (int64_t row = 0; row < unit.rows; row += TILE_ROWS) {
    const int64_t rows = smaller(TILE_ROWS, unit.rows - row);
    int32_t kernel = TILE_ROWS;
    if (j + TILE_ROWS <= w.count) {
      pointPixels(line + j * toPixel, toPixel, h.taps, toTap, pointers);
      if ((j += TILE_ROWS) == w.count) nextLine();
    } else {
      kernel = kernelRows(rows);
      const float* at[TILE_ROWS];
      for (int32_t r = 0; r < TILE_ROWS; r++) {
        at[r] = line + j * toPixel;
        if (row + r + 1 < unit.rows && ++j == w.count) nextLine(); // surplus rows repeat the last
      }
      const float** to = pointers;
      for (int32_t t = 0; t < h.taps; t++, to += kernel)
        for (int32_t r = 0; r < kernel; r++) to[r] = at[r] + t * toTap;
    }
    for (int64_t panel = unit.panel; panel < unit.panel + unit.panels; panel++) {
      const float* b = packed + panel * TILE_COLUMNS * h.taps * w.taps * g.depth;
      rowsKernel(kernel, panelWidth(g.columns, panel * TILE_COLUMNS))(pointers, h.taps, w.taps * g.depth, b, tile,
                                                                      false);
      finishTile(g, unit, unit.row + row, rows, panel, g.epilogue.activation, tile);
    }
  }
}

// Whether dots along the channels beat a panel that is mostly empty: a product of each takes half a turn, a
// sum over the lanes four. `length` is that of the sum.
static bool isForDots(int64_t depth, int64_t columns, int64_t taps, int64_t length) {
  return columns <= MOST_DOT_COLUMNS && depth >= LANES && depth <= MAX_DEPTH && taps <= MAX_TAPS &&
         8 * columns * LANES < length * (LANES - columns);
}

// Small groups of as many inputs as outputs: a vector's worth of them counts as one group from here on.
static void joinGroups(IndirectGemm& g) {
  const bool isSmall = g.groups > 1 && g.depth == g.columns && g.filterGroup > 0 && g.outChannels % LANES == 0;
  if (!isSmall || !groupsKernel(g.depth) || g.geometry.kh * g.geometry.kw > MAX_TAPS) return;
  g.groupSize = g.depth;
  g.groups = (int32_t)(g.outChannels / LANES);
  g.depth = g.columns = g.sourceGroup = g.filterGroup = g.outGroup = g.biasGroup = LANES;
}

// How to cut the work; sums never depend on it.
static void planIndirect(IndirectGemm& g, int32_t threads) {
  const Geometry& geometry = g.geometry;
  joinGroups(g);
  g.phasesH = g.isTurned ? geometry.strideH : 1;
  g.phasesW = g.isTurned ? geometry.strideW : 1;
  const int64_t taps = (int64_t)geometry.kh * geometry.kw;
  g.panels = divideUp(g.columns, TILE_COLUMNS);
  const Axis h = g.axisH(0), w = g.axisW(0); // phase 0 has the most rows
  const int64_t rows = (int64_t)geometry.n * h.count * w.count, tiles = divideUp(rows, TILE_ROWS);
  const int64_t phases = (int64_t)g.phasesH * g.phasesW * g.groups;
  const int64_t phaseTaps = divideUp(taps, (int64_t)g.phasesH * g.phasesW);
  const int64_t sumLength = larger(1, phaseTaps * g.depth);
  g.isOutLinear = g.phasesH == 1 && g.phasesW == 1;
  g.isSourceLinear = g.isOutLinear && taps == 1 && h.step == 1 && w.step == 1 && h.base == 0 && w.base == 0 &&
                     g.sourceWidth == w.count && g.sourceHeight == h.count;
  g.isDots = !g.groupSize && isForDots(g.depth, g.columns, taps, sumLength);
  if (g.groupSize) g.packedTap = g.groupSize * LANES;
  else g.packedTap = g.isDots ? roundUp(g.depth, LANES) * g.columns : g.depth * roundUp(g.columns, LANES);
  g.packedGroup = g.filterGroup == 0 ? 0 : taps * g.packedTap;

  const int64_t panelBytes = smaller(sumLength, CHUNK_LENGTH) * TILE_COLUMNS * 4;
  g.panelsPerUnit = larger(1, smaller(smaller(g.panels, 64), MOST_PANELS_BYTES / panelBytes));
  g.panelsPerUnit = divideUp(g.panels, divideUp(g.panels, g.panelsPerUnit));
  const int64_t tileWork = sumLength * TILE_ROWS * TILE_COLUMNS * g.panelsPerUnit;
  const int64_t work = tiles * tileWork * divideUp(g.panels, g.panelsPerUnit) * phases;
  // At least some microseconds a unit, at most what leaves every thread a dozen.
  const int64_t wanted = larger(work / (12 * (int64_t)threads), 1 << 19);
  int64_t mostTiles = SUMS_BYTES / (4 * TILE_ROWS * TILE_COLUMNS) / g.panelsPerUnit;
  if (sumLength > CHUNK_LENGTH) { // every chunk reads the unit's source again: it should stay in L2, too
    const int64_t rowBytes = 4 * g.depth * h.step * w.step;
    mostTiles = smaller(mostTiles, larger(4, (256 << 10) / (TILE_ROWS * rowBytes)));
  }
  g.tilesPerUnit = larger(1, smaller(smaller(wanted / larger(1, tileWork), mostTiles), tiles));
  g.rowUnits = divideUp(tiles, g.tilesPerUnit);

  // Narrow: a filter row's pixels and channels lie side by side in the padded copy.
  int32_t mostH = 0, mostW = 0;
  bool hasTaps = true; // in every phase
  for (int32_t p = 0; p < g.phasesH; p++) {
    const int32_t count = g.axisH(p).taps;
    mostH = (int32_t)larger(mostH, count);
    hasTaps = hasTaps && count > 0;
  }
  for (int32_t p = 0; p < g.phasesW; p++) {
    const int32_t count = g.axisW(p).taps;
    mostW = (int32_t)larger(mostW, count);
    hasTaps = hasTaps && count > 0;
  }
  const int64_t width = (int64_t)(w.count - 1) * w.step + mostW;
  const int64_t lineFloats = width * g.depth * h.step;
  const int64_t margin = width * g.depth * (larger(0, mostH - 1) * h.delta + 1);
  const int64_t budget = PANEL_BYTES / 8; // floats: half the room, so that it stays in L2
  g.isNarrow = !g.isDots && !g.groupSize && g.depth > 0 && g.depth < 16 && taps > 1 && taps <= MAX_TAPS && w.delta == 1 && hasTaps &&
               rows > 0 && taps * g.depth <= PANEL_BYTES / (4 * TILE_COLUMNS) && lineFloats + margin <= budget;
  // Few rows: all of them in one unit, so that B is read once; where it comes unpacked, each unit packs its panels for
  // itself. A filter of 19 MB at 16x16 pixels took 6.1 ms so and 8.0 ms without, one of 0.5 MB the same.
  const bool isLarge = taps * g.depth * g.columns > LARGE_FILTER && g.panels * phases >= 4 * (int64_t)threads;
  const bool hasFewRows = tiles <= 8 || (isLarge && rows <= MOST_FEW_ROWS);
  g.isPackedFirst = g.isNarrow || g.isDots || g.groupSize || g.isPacked || !hasFewRows;
  if (g.isNarrow) {
    const int64_t perImage = (int64_t)h.count * w.count, target = g.tilesPerUnit * TILE_ROWS;
    const int64_t imageFloats = lineFloats * h.count + margin;
    g.narrowImages = (int32_t)larger(1, smaller(smaller(budget / imageFloats, target / perImage), geometry.n));
    if (g.narrowImages > 1 || (imageFloats <= budget && perImage <= target)) g.narrowLines = h.count;
    else g.narrowLines = (int32_t)larger(1, smaller(smaller((budget - margin) / lineFloats, target / w.count), h.count));
    g.rowUnits = divideUp(geometry.n, g.narrowImages) * divideUp(h.count, g.narrowLines);
  } else if (!g.isDots && hasFewRows) {
    // Neighbouring panels that are packed here together read longer pieces of the filter's rows.
    const int64_t spread = g.panels * phases / (4 * (int64_t)threads);
    const int64_t room = SUMS_BYTES / (4 * TILE_ROWS * TILE_COLUMNS) / larger(1, tiles);
    g.panelsPerUnit = larger(1, smaller(smaller(g.isPackedFirst ? 2 : MOST_OWN_PANELS, spread), room));
    g.tilesPerUnit = larger(1, tiles);
    g.rowUnits = tiles > 0;
  }
}

// Packs B alone, where a later call is to find it packed.
static void packIndirect(const FoveaCall& call, IndirectGemm& g) {
  g.isPacked = true;
  planIndirect(g, foveaThreadCount(call.pool));
  if (g.columns > 0 && g.depth > 0) packPanels(call, g);
}

static void runIndirect(const FoveaCall& call, IndirectGemm& g) {
  planIndirect(g, foveaThreadCount(call.pool));
  if (g.columns <= 0 || g.rowUnits <= 0) return;
  const Geometry& geometry = g.geometry;
  if (g.isPackedFirst && !g.isPacked) packPanels(call, g);

  const int64_t panelUnits = divideUp(g.panels, g.panelsPerUnit), phases = (int64_t)g.phasesH * g.phasesW;
  const int64_t units = g.rowUnits * panelUnits * g.groups * phases;
  const int64_t taps = divideUp((int64_t)geometry.kh * geometry.kw, phases);
  const int64_t unitWork = larger(1, taps * g.depth) * g.tilesPerUnit * TILE_ROWS * g.panelsPerUnit * TILE_COLUMNS;
  const int64_t most = units / (4 * (int64_t)foveaThreadCount(call.pool));
  const int64_t perBlock = g.isNarrow ? 1 : larger(1, smaller((1 << 18) / unitWork, most));
  auto multiply = [&](int64_t block, int32_t thread) {
    char* scratch = call.scratch<char>(thread);
    clearFloats((float*)(scratch + ZERO_AT), roundUp(smaller(g.chunkDepth(), MAX_DEPTH), LANES));
    for (int64_t i = block * perBlock; i < smaller(units, (block + 1) * perBlock); i++) {
      IndirectUnit unit;
      int64_t rest = i;
      unit.panel = rest % panelUnits * g.panelsPerUnit;
      unit.panels = smaller(g.panelsPerUnit, g.panels - unit.panel);
      rest /= panelUnits;
      // Phases of the same rows read the same source and share cache lines of the output.
      unit.phaseH = (int32_t)(rest % phases / g.phasesW);
      unit.phaseW = (int32_t)(rest % phases % g.phasesW);
      rest /= phases;
      const int64_t rowUnit = rest % g.rowUnits;
      unit.group = rest / g.rowUnits;
      unit.h = g.axisH(unit.phaseH);
      unit.w = g.axisW(unit.phaseW);
      const int64_t perImage = (int64_t)unit.h.count * unit.w.count, rows = geometry.n * perImage;
      if (rows == 0) continue;
      if (g.isNarrow) {
        const int64_t lineUnits = divideUp(g.axisH(0).count, g.narrowLines);
        const int64_t image = rowUnit / lineUnits * g.narrowImages, line = rowUnit % lineUnits * g.narrowLines;
        if (line >= unit.h.count) continue;
        const int64_t images = smaller(g.narrowImages, geometry.n - image);
        unit.row = image * perImage + line * unit.w.count;
        unit.rows = images > 1 ? images * perImage : smaller(g.narrowLines, unit.h.count - line) * unit.w.count;
        runNarrowUnit(g, unit, scratch);
        continue;
      }
      unit.row = rowUnit * g.tilesPerUnit * TILE_ROWS;
      unit.rows = smaller(g.tilesPerUnit * TILE_ROWS, rows - unit.row);
      if (unit.rows <= 0) continue;
      if (unit.h.taps == 0 || unit.w.taps == 0) clearUnit(g, unit);
      else if (g.isDots) runDotsUnit(g, unit, scratch);
      else runUnit(g, unit, scratch);
    }
  };
  call.parallel(divideUp(units, perBlock), multiply);
}
