// The indirect GEMM: every output pixel is a row of A, read through one pointer per filter tap (no
// im2col), the filter is B. Forward convolution is one such product, the input's gradient one per phase
// of the stride, a matrix product the case of a 1x1 filter. Here: what is multiplied, how the sums are cut
// into chunks, and the packing of B. indirect-run.h runs it. Included by gemm.h.
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

// Products of one chunk of a sum: a tile of A stays in L1 and a unit's panels in L2. Chunks are summed
// apart, so that the rounding errors of a long sum do not pile up.
constexpr int32_t CHUNK_LENGTH = 512;
constexpr int32_t MOST_OWN_PANELS = 8; // that one unit packs for itself
static_assert(4 * CHUNK_LENGTH * TILE_COLUMNS * MOST_OWN_PANELS <= PANEL_BYTES, "own panels do not fit");

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

  // Chosen by planIndirect; those that decide the order of a sum or where B lies, from the shape alone.
  int32_t phasesH, phasesW;
  bool isNarrow; // few input channels: units copy a padded source, a filter row is one tap
  bool isDots;   // few columns: vectors run along the channels
  int64_t groupSize; // not 0: small groups, of which `groups` stands for as many as a vector holds
  bool isSourceLinear, isOutLinear; // pixels follow each other as the rows of the product do
  int64_t packedTap, packedGroup, panels, panelsPerUnit, tilesPerUnit, rowUnits;
  bool isPackedFirst; // else each unit packs its own panels
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
  // A chunk of the sum is so many taps by so many channels: whole taps where they fit, else pieces of one.
  int64_t chunkTaps(int64_t taps) const {
    if (isNarrow || isDots || groupSize) return larger(1, taps);
    const int64_t most = smaller(MAX_TAPS, larger(1, CHUNK_LENGTH / larger(1, depth)));
    return larger(1, divideUp(taps, larger(1, divideUp(taps, most))));
  }
  int64_t chunkDepth() const {
    if (isNarrow || isDots || depth <= CHUNK_LENGTH) return larger(1, depth);
    return roundUp(divideUp(depth, divideUp(depth, CHUNK_LENGTH)), 16);
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
    return packed + group * packedGroup + tapsBefore * packedTap;
  }
  void packTap(int64_t group, int32_t line, int32_t column, int64_t channel, int64_t channels, int64_t panel,
               float* to) const {
    const int64_t tap = (int64_t)line * geometry.kw + column, first = panel * TILE_COLUMNS;
    const int64_t count = smaller(columns - first, TILE_COLUMNS), width = panelWidth(columns, first);
    const float* from = filter + group * filterGroup;
    if (groupSize) packGroups(from + tap * groupSize * filterStride, to);
    else if (isDots) packDots(from + tap * (isTurned ? columns : depth) * filterStride, to);
    else if (isTurned)
      packTurned(from + (tap * columns + first) * filterStride + channel, filterStride, channels, count, width, to);
    else packRows(from + (tap * depth + channel) * filterStride + first, filterStride, channels, count, width, to);
  }
  // to[k / LANES][column][k % LANES] of one tap; the last vectors hold the last LANES channels, zero where the
  // vectors before have them already.
  void packDots(const float* from, float* to) const {
    for (int64_t k = 0; k < depth; k += LANES) {
      const int64_t first = smaller(k, depth - LANES);
      for (int64_t j = 0; j < columns; j++, to += LANES)
        for (int64_t i = 0; i < LANES; i++)
          to[i] = first + i < k ? 0.0f : isTurned ? from[j * filterStride + first + i] : from[(first + i) * filterStride + j];
    }
  }
  // to[k][lane] of one tap: what channel k of a group gives to each of the group's.
  void packGroups(const float* from, float* to) const {
    for (int64_t k = 0; k < groupSize; k++)
      for (int64_t i = 0; i < LANES; i++, to++)
        *to = isTurned ? from[i % groupSize * filterStride + i / groupSize * groupSize + k] : from[k * filterStride + i];
  }
  // Tap number `index` of a chunk for several panels, which lie `toPanel` apart. Whole panels take a row
  // of the filter together: memory is then read in long pieces.
  void packTaps(int64_t group, int32_t line, int32_t column, int64_t channel, int64_t channels, int64_t panel,
                int64_t count, float* to, int64_t toPanel, int64_t index) const {
    int64_t done = 0;
    if (!isTurned) {
      done = larger(0, smaller(count, columns / TILE_COLUMNS - panel));
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
      float* to = g.packedPhase(group, phaseH, phaseW);
      if (g.isDots || g.groupSize) {
        g.packTap(group, line, column, 0, g.depth, 0, to + tap * g.packedTap);
        continue;
      }
      to += panel * TILE_COLUMNS * phaseTaps * g.depth;
      const int64_t most = g.chunkTaps(phaseTaps), first = tap / most * most, tapCount = smaller(most, phaseTaps - first);
      for (int64_t channel = 0; channel < g.depth; channel += g.chunkDepth()) {
        const int64_t channels = smaller(g.chunkDepth(), g.depth - channel);
        const int64_t before = first * g.depth + tapCount * channel + (tap - first) * channels;
        g.packTap(group, line, column, channel, channels, panel, to + before * width);
      }
    }
  };
  call.parallel(divideUp(pieces, perBlock), pack);
}
