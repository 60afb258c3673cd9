// The indirect GEMM: every output pixel is a row of A, read through one pointer per filter tap (no
// im2col), the filter is B. Forward convolution is one such product, the input's gradient one per phase
// of the stride, a matrix product the case of a 1x1 filter. Included by gemm.h.
#pragma once

static inline int32_t floorModulo(int32_t a, int32_t b) { return ((a % b) + b) % b; }

// One direction of one phase: output positions outBase + i*outStep, i < count; tap t < taps is filter
// row firstTap + t*tapStep and reads source position i*step + base + t*delta.
struct Axis {
  int32_t taps, firstTap, tapStep;
  int32_t base, delta, step;
  int32_t count, outBase, outStep;
};

static inline Axis forwardAxis(int32_t kernel, int32_t out, int32_t stride, int32_t pad, int32_t dilation) {
  return {kernel, 0, 1, -pad, dilation, stride, out, 0, 1};
}

// The input's gradient at positions phase + i*stride gets filter row k from dy's row
// i + (phase + pad - k*dilation) / stride, for those k that divide. Taps run from the last k to the
// first, so that dy is read forwards.
static inline Axis gradientAxis(int32_t size, int32_t kernel, int32_t stride, int32_t pad, int32_t dilation,
                                int32_t phase) {
  int32_t a = stride, b = dilation;
  while (b) {
    const int32_t rest = a % b;
    a = b;
    b = rest;
  }
  const int32_t period = stride / a; // from one k that divides to the next
  Axis axis = {0, 0, -period, 0, period * dilation / stride, 1, 0, phase, stride};
  axis.count = phase < size ? (int32_t)divideUp(size - phase, stride) : 0;
  int32_t first = 0;
  while (first < period && floorModulo(phase + pad - first * dilation, stride)) first++;
  if (first == period || first >= kernel) return axis;
  axis.taps = (kernel - 1 - first) / period + 1;
  axis.firstTap = first + (axis.taps - 1) * period;
  axis.base = (phase + pad - axis.firstTap * dilation) / stride;
  return axis;
}

struct Geometry {
  int32_t n, h, w, cin, kh, kw, cout, oh, ow, strideH, strideW, padTop, padLeft, dilationH, dilationW, groups;
};
static inline Geometry geometryOf(const FoveaCall& call) {
  Geometry geometry;
  __builtin_memcpy(&geometry, call.parameters, sizeof geometry);
  return geometry;
}
constexpr int32_t GEOMETRY_WORDS = 16;
constexpr int32_t MOST_OWN_PANELS = 8; // that one unit packs for itself

struct IndirectGemm {
  Geometry geometry;
  bool isTurned; // the input's gradient: source is dy, out is dx; B is the filter transposed
  const float* source;
  const float* filter;
  float* out;
  float* packed; // B in panels: scratch, or already packed
  bool isPacked; // by an earlier call of packFilter or packMatrix
  Epilogue epilogue;
  int32_t groups;
  int32_t sourceHeight, sourceWidth, outHeight, outWidth;
  int64_t sourceChannels, outChannels, filterStride; // from pixel to pixel, from filter row to filter row
  int64_t depth, columns;                            // per group
  int64_t sourceGroup, filterGroup, outGroup, biasGroup;

  // Chosen by planIndirect.
  int32_t phasesH, phasesW;
  int64_t packedGroup, panels, panelsPerUnit, tilesPerUnit, rowUnits;
  bool isPackedFirst; // else each unit packs its own panel: few rows, B is read once anyway
  bool isNarrow;      // few channels: units copy a padded source, a filter row is one tap
  int32_t narrowImages, narrowLines; // output images or lines of one narrow unit

  Axis axisH(int32_t phase) const {
    const Geometry& g = geometry;
    return isTurned ? gradientAxis(g.h, g.kh, g.strideH, g.padTop, g.dilationH, phase)
                    : forwardAxis(g.kh, g.oh, g.strideH, g.padTop, g.dilationH);
  }
  Axis axisW(int32_t phase) const {
    const Geometry& g = geometry;
    return isTurned ? gradientAxis(g.w, g.kw, g.strideW, g.padLeft, g.dilationW, phase)
                    : forwardAxis(g.kw, g.ow, g.strideW, g.padLeft, g.dilationW);
  }
  // A chunk of the sum is up to MAX_TAPS taps by so many channels: its panel should stay in L2. Chunks
  // decide the order of the sum, so the shape alone decides them.
  int64_t chunkDepth(int64_t taps) const {
    const int64_t room = isPackedFirst ? PANEL_BYTES : PANEL_BYTES / MOST_OWN_PANELS;
    const int64_t most = room / (4 * TILE_COLUMNS) / larger(1, smaller(taps, MAX_TAPS));
    const int64_t limit = larger(1, smaller(most, MAX_DEPTH));
    return larger(1, divideUp(depth, larger(1, divideUp(depth, limit))));
  }
  // Packed B: groups, phases, panels, chunks of taps, chunks of channels, taps, channels.
  float* packedPhase(int64_t group, int32_t phaseH, int32_t phaseW) const {
    int64_t tapsBefore = 0;
    if (isTurned) {
      int64_t linesBefore = 0, columnsBefore = 0;
      for (int32_t p = 0; p < phaseH; p++) linesBefore += axisH(p).taps;
      for (int32_t p = 0; p < phaseW; p++) columnsBefore += axisW(p).taps;
      tapsBefore = linesBefore * geometry.kw + axisH(phaseH).taps * columnsBefore;
    }
    return packed + group * packedGroup + tapsBefore * depth * roundUp(columns, LANES);
  }
  void packTap(int64_t group, int32_t line, int32_t column, int64_t channel, int64_t channels, int64_t panel,
               float* to) const {
    const int64_t tap = (int64_t)line * geometry.kw + column, first = panel * TILE_COLUMNS;
    const int64_t count = smaller(columns - first, TILE_COLUMNS), width = panelWidth(columns, first);
    const float* from = filter + group * filterGroup;
    if (isTurned)
      packTurned(from + (tap * columns + first) * filterStride + channel, filterStride, channels, count, width, to);
    else packRows(from + (tap * depth + channel) * filterStride + first, filterStride, channels, count, width, to);
  }
  // Tap number `index` of a chunk for several panels, which lie `toPanel` apart. Whole panels take a row
  // of the filter together: memory is then read in long pieces.
  void packTaps(int64_t group, int32_t line, int32_t column, int64_t channel, int64_t channels, int64_t panel,
                int64_t count, float* to, int64_t toPanel, int64_t index) const {
    int64_t done = 0;
    if (!isTurned) {
      done = smaller(count, columns / TILE_COLUMNS - panel);
      const int64_t tap = (int64_t)line * geometry.kw + column, rows = index * channels;
      const float* from = filter + group * filterGroup + (tap * depth + channel) * filterStride + panel * TILE_COLUMNS;
      for (int64_t k = 0; k < channels; k++, from += filterStride)
        for (int64_t p = 0; p < done; p++)
#pragma GCC unroll 4
          for (int32_t v = 0; v < TILE_VECTORS; v++)
            store(to + p * toPanel + (rows + k) * TILE_COLUMNS + v * LANES, load(from + p * TILE_COLUMNS + v * LANES));
    }
    for (; done < count; done++) {
      const int64_t width = panelWidth(columns, (panel + done) * TILE_COLUMNS);
      packTap(group, line, column, channel, channels, panel + done, to + done * toPanel + index * channels * width);
    }
  }
};

// One unit of work: some rows of one phase and group by some panels.
struct IndirectUnit {
  Axis h, w;
  int32_t phaseH, phaseW;
  int64_t group, row, rows, panel, panels;
};

// Pointers of `rows` rows from `row` on, for taps [tap, tap+tapCount), at `channel` of the group.
static void pointRows(const IndirectGemm& g, const IndirectUnit& unit, int64_t row, int64_t rows, int64_t kernel,
                      int64_t tap, int64_t tapCount, int64_t channel, const float* zero, const float** pointers) {
  const Axis &h = unit.h, &w = unit.w;
  const int64_t perImage = (int64_t)h.count * w.count;
  int64_t image = row / perImage;
  int32_t i = (int32_t)(row % perImage / w.count), j = (int32_t)(row % w.count);
  const float* source = g.source + unit.group * g.sourceGroup + channel;
  const int64_t toLine = g.sourceWidth * g.sourceChannels;
  for (int64_t r = 0; r < kernel; r++) {
    const int32_t line = i * h.step + h.base, column = j * w.step + w.base;
    int32_t a = tapCount ? (int32_t)(tap / w.taps) : 0, b = tapCount ? (int32_t)(tap % w.taps) : 0;
    const float** to = pointers + r;
    for (int64_t t = 0; t < tapCount; t++, to += kernel) {
      const int32_t y = line + a * h.delta, x = column + b * w.delta;
      const bool isInside = (uint32_t)y < (uint32_t)g.sourceHeight && (uint32_t)x < (uint32_t)g.sourceWidth;
      *to = isInside ? source + (image * g.sourceHeight + y) * toLine + x * g.sourceChannels : zero;
      if (++b == w.taps) b = 0, a++;
    }
    if (r + 1 >= rows) continue; // the kernel's surplus rows repeat the last
    if (++j == w.count) {
      j = 0;
      if (++i == h.count) i = 0, image++;
    }
  }
}

// Stores `rows` rows of sums, a tile of each panel after the other.
static void finishTile(const IndirectGemm& g, const IndirectUnit& unit, int64_t row, int64_t rows, int64_t panel,
                       const float* tile) {
  const Axis &h = unit.h, &w = unit.w;
  const int64_t perImage = (int64_t)h.count * w.count;
  int64_t image = row / perImage;
  int32_t i = (int32_t)(row % perImage / w.count), j = (int32_t)(row % w.count);
  const int64_t first = panel * TILE_COLUMNS, columns = smaller(g.columns - first, TILE_COLUMNS);
  const Epilogue& e = g.epilogue;
  const float* bias = e.bias ? e.bias + unit.group * g.biasGroup + first : nullptr;
  for (int64_t r = 0; r < rows; r++) {
    const int64_t line = image * g.outHeight + h.outBase + (int64_t)i * h.outStep;
    const int64_t at = (line * g.outWidth + w.outBase + (int64_t)j * w.outStep) * g.outChannels +
                       unit.group * g.outGroup + first;
    finishRow(tile + r * TILE_COLUMNS, columns, bias, e.residual ? e.residual + at : nullptr, e.activation, e.alpha,
              g.out + at);
    if (++j == w.count) {
      j = 0;
      if (++i == h.count) i = 0, image++;
    }
  }
}

static void runUnit(const IndirectGemm& g, const IndirectUnit& unit, char* scratch) {
  const float** pointers = (const float**)scratch;
  float* zero = (float*)(scratch + ZERO_AT);
  float* sums = (float*)(scratch + SUMS_AT);
  float* own = (float*)(scratch + PANEL_AT);
  const int64_t taps = (int64_t)unit.h.taps * unit.w.taps;
  const int64_t depthStep = g.chunkDepth(taps);
  const float* packed = g.packedPhase(unit.group, unit.phaseH, unit.phaseW);
  const bool isOneChunk = taps <= MAX_TAPS && depthStep >= g.depth;
  int64_t tap = 0, channel = 0;
  do {
    const int64_t tapCount = smaller(MAX_TAPS, taps - tap), channels = smaller(depthStep, g.depth - channel);
    const int64_t done = tap * g.depth + tapCount * channel; // rows of the panel before this chunk
    const bool isLast = taps == 0 || (tap + tapCount >= taps && channel + channels >= g.depth);
    const int64_t ownPanel = tapCount * channels * TILE_COLUMNS;
    if (!g.isPackedFirst)
      for (int64_t t = 0; t < tapCount; t++)
        g.packTaps(unit.group, unit.h.firstTap + (int32_t)((tap + t) / unit.w.taps) * unit.h.tapStep,
                   unit.w.firstTap + (int32_t)((tap + t) % unit.w.taps) * unit.w.tapStep, channel, channels, unit.panel,
                   unit.panels, own, ownPanel, t);
    float* tile = sums;
    for (int64_t row = 0; row < unit.rows; row += TILE_ROWS) {
      const int64_t rows = smaller(TILE_ROWS, unit.rows - row);
      const int32_t kernel = kernelRows(rows);
      pointRows(g, unit, unit.row + row, rows, kernel, tap, tapCount, channel, zero, pointers);
      for (int64_t panel = unit.panel; panel < unit.panel + unit.panels; panel++) {
        const int64_t width = panelWidth(g.columns, panel * TILE_COLUMNS);
        const float* b = own + (panel - unit.panel) * ownPanel;
        if (g.isPackedFirst) b = packed + panel * TILE_COLUMNS * taps * g.depth + done * width;
        rowsKernel(kernel, width)(pointers, tapCount, channels, b, tile, tap + channel > 0);
        if (isLast) finishTile(g, unit, unit.row + row, rows, panel, tile);
        if (!isOneChunk) tile += TILE_ROWS * TILE_COLUMNS;
      }
    }
    channel += channels;
    if (channel >= g.depth) channel = 0, tap += tapCount;
  } while (tap < taps);
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
  for (int64_t row = 0; row < unit.rows; row += TILE_ROWS) {
    const int64_t rows = smaller(TILE_ROWS, unit.rows - row);
    const int32_t kernel = kernelRows(rows);
    const float* at[TILE_ROWS];
    for (int32_t r = 0; r < TILE_ROWS; r++) {
      at[r] = line + j * toPixel;
      if (row + r + 1 >= unit.rows) continue; // surplus rows repeat the last
      if (++j < w.count) continue;
      j = 0;
      line += h.step * toLine;
      if (++i == outLines) i = 0, line = copy + ++image * lines * toLine;
    }
    // All taps by all rows, without inner branches: with one channel this weighs against the product.
    const float** to = pointers;
    if (kernel == TILE_ROWS)
      for (int32_t t = 0; t < h.taps; t++, to += TILE_ROWS)
#pragma GCC unroll 16
        for (int32_t r = 0; r < TILE_ROWS; r++) to[r] = at[r] + t * toTap;
    else
      for (int32_t t = 0; t < h.taps; t++, to += kernel)
        for (int32_t r = 0; r < kernel; r++) to[r] = at[r] + t * toTap;
    for (int64_t panel = unit.panel; panel < unit.panel + unit.panels; panel++) {
      const float* b = packed + panel * TILE_COLUMNS * h.taps * w.taps * g.depth;
      rowsKernel(kernel, panelWidth(g.columns, panel * TILE_COLUMNS))(pointers, h.taps, w.taps * g.depth, b, tile,
                                                                      false);
      finishTile(g, unit, unit.row + row, rows, panel, tile);
    }
  }
}

// How to cut the work; sums never depend on it.
static void planIndirect(IndirectGemm& g, int32_t threads) {
  const Geometry& geometry = g.geometry;
  g.phasesH = g.isTurned ? geometry.strideH : 1;
  g.phasesW = g.isTurned ? geometry.strideW : 1;
  const int64_t taps = (int64_t)geometry.kh * geometry.kw;
  g.packedGroup = g.filterGroup == 0 ? 0 : taps * g.depth * roundUp(g.columns, LANES);
  g.panels = divideUp(g.columns, TILE_COLUMNS);
  const Axis h = g.axisH(0), w = g.axisW(0); // phase 0 has the most rows
  const int64_t rows = (int64_t)geometry.n * h.count * w.count, tiles = divideUp(rows, TILE_ROWS);
  const int64_t phaseTaps = divideUp(taps, (int64_t)g.phasesH * g.phasesW);
  const int64_t phases = (int64_t)g.phasesH * g.phasesW * g.groups;
  const int64_t sumLength = larger(1, phaseTaps * g.depth);

  const int64_t panelBytes = sumLength * TILE_COLUMNS * 4;
  g.panelsPerUnit = larger(1, smaller(smaller(g.panels, 64), (PANEL_BYTES / 2) / panelBytes));
  g.panelsPerUnit = divideUp(g.panels, divideUp(g.panels, g.panelsPerUnit));
  const int64_t tileWork = sumLength * TILE_ROWS * TILE_COLUMNS * g.panelsPerUnit;
  const int64_t work = tiles * tileWork * divideUp(g.panels, g.panelsPerUnit) * phases;
  // At least some microseconds a unit, at most what leaves every thread a dozen.
  const int64_t wanted = larger(work / (12 * (int64_t)threads), 1 << 19);
  const int64_t mostTiles = SUMS_BYTES / (4 * TILE_ROWS * TILE_COLUMNS) / g.panelsPerUnit;
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
  g.isNarrow = g.depth > 0 && g.depth < 16 && taps > 1 && taps <= MAX_TAPS && w.delta == 1 && hasTaps && rows > 0 &&
               taps * g.depth <= PANEL_BYTES / (4 * TILE_COLUMNS) && lineFloats + margin <= budget;
  g.isPackedFirst = g.isNarrow || g.isPacked || tiles > 8;
  if (g.isNarrow) {
    const int64_t perImage = (int64_t)h.count * w.count, target = g.tilesPerUnit * TILE_ROWS;
    const int64_t imageFloats = lineFloats * h.count + margin;
    g.narrowImages = (int32_t)larger(1, smaller(smaller(budget / imageFloats, target / perImage), geometry.n));
    if (g.narrowImages > 1 || (imageFloats <= budget && perImage <= target)) g.narrowLines = h.count;
    else g.narrowLines = (int32_t)larger(1, smaller(smaller((budget - margin) / lineFloats, target / w.count), h.count));
    g.rowUnits = divideUp(geometry.n, g.narrowImages) * divideUp(h.count, g.narrowLines);
  } else if (!g.isPackedFirst) {
    // Neighbouring panels together read longer pieces of the filter's rows.
    const int64_t spread = g.panels * phases / (4 * (int64_t)threads);
    const int64_t fit = PANEL_BYTES / (4 * TILE_COLUMNS) / larger(1, smaller(taps, MAX_TAPS));
    g.panelsPerUnit = larger(1, smaller(smaller(MOST_OWN_PANELS, fit), spread));
    g.tilesPerUnit = larger(1, tiles);
    g.rowUnits = tiles > 0;
  }
}

// Packs all of B; `g` is planned.
static void packPanels(const FoveaCall& call, const IndirectGemm& g) {
  const Geometry& geometry = g.geometry;
  const int64_t taps = (int64_t)geometry.kh * geometry.kw, groups = g.packedGroup ? g.groups : 1;
  const int64_t pieces = groups * taps * g.panels;
  const int64_t perBlock = larger(1, 16384 / larger(1, g.depth * TILE_COLUMNS));
  auto pack = [&](int64_t block, int32_t) {
    for (int64_t piece = block * perBlock; piece < smaller(pieces, (block + 1) * perBlock); piece++) {
      const int64_t panel = piece % g.panels, group = piece / g.panels / taps;
      const int32_t line = (int32_t)(piece / g.panels % taps / geometry.kw);
      const int32_t column = (int32_t)(piece / g.panels % taps % geometry.kw);
      int32_t phaseH = 0, phaseW = 0;
      if (g.isTurned) {
        phaseH = floorModulo(line * geometry.dilationH - geometry.padTop, geometry.strideH);
        phaseW = floorModulo(column * geometry.dilationW - geometry.padLeft, geometry.strideW);
      }
      const Axis h = g.axisH(phaseH), w = g.axisW(phaseW);
      const int64_t tap = (int64_t)(line - h.firstTap) / h.tapStep * w.taps + (column - w.firstTap) / w.tapStep;
      const int64_t phaseTaps = (int64_t)h.taps * w.taps, width = panelWidth(g.columns, panel * TILE_COLUMNS);
      float* to = g.packedPhase(group, phaseH, phaseW) + panel * TILE_COLUMNS * phaseTaps * g.depth;
      const int64_t first = tap / MAX_TAPS * MAX_TAPS, tapCount = smaller(MAX_TAPS, phaseTaps - first);
      const int64_t step = g.isNarrow ? g.depth : g.chunkDepth(phaseTaps);
      for (int64_t channel = 0; channel < g.depth; channel += step) {
        const int64_t channels = smaller(step, g.depth - channel);
        const int64_t before = first * g.depth + tapCount * channel + (tap - first) * channels;
        g.packTap(group, line, column, channel, channels, panel, to + before * width);
      }
    }
  };
  call.parallel(divideUp(pieces, perBlock), pack);
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

  const int64_t panelUnits = divideUp(g.panels, g.panelsPerUnit);
  const int64_t units = g.rowUnits * panelUnits * g.groups * g.phasesH * g.phasesW;
  const int64_t taps = divideUp((int64_t)geometry.kh * geometry.kw, (int64_t)g.phasesH * g.phasesW);
  const int64_t unitWork = larger(1, taps * g.depth) * g.tilesPerUnit * TILE_ROWS * g.panelsPerUnit * TILE_COLUMNS;
  const int64_t most = units / (4 * (int64_t)foveaThreadCount(call.pool));
  const int64_t perBlock = g.isNarrow ? 1 : larger(1, smaller((1 << 18) / unitWork, most));
  auto multiply = [&](int64_t block, int32_t thread) {
    char* scratch = call.scratch<char>(thread);
    clearFloats((float*)(scratch + ZERO_AT), roundUp(smaller(g.depth, MAX_DEPTH), LANES));
    for (int64_t i = block * perBlock; i < smaller(units, (block + 1) * perBlock); i++) {
      IndirectUnit unit;
      int64_t rest = i;
      unit.panel = rest % panelUnits * g.panelsPerUnit;
      unit.panels = smaller(g.panelsPerUnit, g.panels - unit.panel);
      rest /= panelUnits;
      const int64_t rowUnit = rest % g.rowUnits;
      rest /= g.rowUnits;
      unit.group = rest % g.groups;
      rest /= g.groups;
      unit.phaseH = (int32_t)(rest / g.phasesW);
      unit.phaseW = (int32_t)(rest % g.phasesW);
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
      } else {
        unit.row = rowUnit * g.tilesPerUnit * TILE_ROWS;
        unit.rows = smaller(g.tilesPerUnit * TILE_ROWS, rows - unit.row);
        if (unit.rows > 0) runUnit(g, unit, scratch);
      }
    }
  };
  call.parallel(divideUp(units, perBlock), multiply);
}
