// Products of bfloat16 blocks. Rows of A are gathered from the picture into a block (pairs of elements, zeros
// for padding), B is packed into panels [words][width]; sums, bias, residual and activation are float32.
// Two forms: rows of A times panels (convolution, its input's gradient, matrix products) and A transposed
// (the filter's gradient), whose sum runs over the pixels. Axis and Geometry are those of indirect.h.
#pragma once

constexpr int32_t BLOCK_WORDS = 256;                   // of a row of A at a time: a panel's piece stays in L1
constexpr int32_t BLOCK_STEP = BLOCK_WORDS + 16;       // from row to row
constexpr int32_t BLOCK_ROWS = 96;                     // of a unit
constexpr int32_t TURNED_WORDS = 128;                  // of the sum at a time when A is transposed
constexpr int32_t TURNED_STEP = BF16_DEPTH > 1 ? 160 : 144; // rows of C of such a unit
constexpr int64_t BF16_A_AT = 0;
constexpr int64_t BF16_ROOM_AT = 128 << 10;            // rows on their way
constexpr int64_t BF16_SUMS_AT = 192 << 10;
constexpr int64_t BF16_SUMS_BYTES = 256 << 10;
constexpr int64_t BF16_B_AT = BF16_SUMS_AT + BF16_SUMS_BYTES;
constexpr int64_t BF16_B_BYTES = 256 << 10;
static_assert(BF16_B_AT + BF16_B_BYTES <= FOVEA_THREAD_SCRATCH, "thread scratch is too small");
static_assert(4 * BLOCK_ROWS * BLOCK_STEP <= BF16_ROOM_AT, "the block does not fit");
static_assert(4 * (TURNED_WORDS * TURNED_STEP + 32) <= BF16_ROOM_AT, "the block does not fit");
static_assert(BLOCK_ROWS % BF16_ROWS == 0 && TURNED_STEP % BF16_ROWS == 0, "blocks are whole tiles");

static inline int64_t bf16PanelWidth(int64_t columns, int64_t panel) {
  return smaller(BF16_COLUMNS, roundUp(columns - panel * BF16_COLUMNS, BF16_NARROW));
}

struct Bf16Gemm {
  Geometry geometry;
  bool isTurned; // the input's gradient: source is dy, out is dx; B is the filter transposed
  const void *source, *filter;
  int32_t dtypeSource, dtypeFilter;
  const int32_t* packed;
  void* out;
  int32_t dtypeOut;
  const void *bias, *residual; // residual has the output's dtype
  int32_t dtypeBias, activation;
  float alpha;
  int32_t groups;
  int32_t sourceHeight, sourceWidth, outHeight, outWidth;
  int64_t sourceChannels, outChannels; // elements from pixel to pixel
  int64_t depth, columns;              // per group
  int64_t sourceGroup, filterGroup, outGroup, biasGroup;
  int64_t filterStride; // from filter row to filter row
  bool isShared;        // one B for all groups

  int64_t taps() const { return (int64_t)geometry.kh * geometry.kw; }
  int32_t phasesH() const { return isTurned ? geometry.strideH : 1; }
  int32_t phasesW() const { return isTurned ? geometry.strideW : 1; }
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
  // Packed B: groups, phases, panels, words of the sum, columns.
  int64_t phaseAt(int64_t group, int32_t phaseH, int32_t phaseW) const {
    int64_t words = 0, all = 0;
    for (int32_t i = 0; i < phasesH(); i++)
      for (int32_t j = 0; j < phasesW(); j++) {
        if (i == phaseH && j == phaseW) words = all;
        all += wordsOf((int64_t)axisH(i).taps * axisW(j).taps * depth);
      }
    return ((isShared ? 0 : group) * all + words) * roundUp(columns, BF16_NARROW);
  }
};

// One phase of one group: the axes, and B's place.
struct Bf16Phase {
  Axis h, w;
  int64_t group, length; // of the sum, in elements
  bool isMerged;         // a line of taps lies side by side in the source
};
static Bf16Phase bf16Phase(const Bf16Gemm& g, int64_t group, int32_t phaseH, int32_t phaseW) {
  Bf16Phase phase = {g.axisH(phaseH), g.axisW(phaseW), group, 0, false};
  phase.length = (int64_t)phase.h.taps * phase.w.taps * g.depth;
  phase.isMerged = phase.w.taps == 1 || (phase.w.delta == 1 && g.sourceChannels == g.depth);
  return phase;
}

// The pixel that a row stands for.
struct RowCursor {
  int64_t image;
  int32_t i, j;
  void next(const Bf16Phase& phase) {
    if (++j < phase.w.count) return;
    j = 0;
    if (++i == phase.h.count) i = 0, image++;
  }
};
static RowCursor rowCursor(const Bf16Phase& phase, int64_t row) {
  const int64_t perImage = (int64_t)phase.h.count * phase.w.count;
  if (perImage == 0) return {0, 0, 0};
  return {row / perImage, (int32_t)(row % perImage / phase.w.count), (int32_t)(row % phase.w.count)};
}

// Elements [from, from + count) of a row of A; an odd count is followed by a zero.
static void gatherRow(const Bf16Gemm& g, const Bf16Phase& phase, const RowCursor& row, int64_t from, int64_t count,
                      Stored* to) {
  if (count <= 0) return;
  const int32_t line = row.i * phase.h.step + phase.h.base, column = row.j * phase.w.step + phase.w.base;
  const int64_t piece = (phase.isMerged ? phase.w.taps : 1) * g.depth;
  const int64_t toLine = g.sourceWidth * g.sourceChannels;
  const int64_t origin = row.image * g.sourceHeight * toLine + phase.group * g.sourceGroup;
  int64_t k = from;
  const int64_t end = from + count;
  int64_t index = k / piece, skipped = k - index * piece;
  int32_t a = (int32_t)index, b = 0;
  if (!phase.isMerged) a = (int32_t)(index / phase.w.taps), b = (int32_t)(index % phase.w.taps);
  while (k < end) {
    const int32_t y = line + a * phase.h.delta, x = column + b * phase.w.delta;
    const int64_t length = smaller(piece - skipped, end - k);
    // Pixels outside of the picture are zeros: all of the piece, or its ends.
    int64_t first = 0, last = length;
    if ((uint32_t)y >= (uint32_t)g.sourceHeight) last = 0;
    else if (phase.isMerged && phase.w.taps > 1) {
      first = -(int64_t)x * g.depth - skipped;
      last = smaller(length, (int64_t)(g.sourceWidth - x) * g.depth - skipped);
    } else if ((uint32_t)x >= (uint32_t)g.sourceWidth) last = 0;
    movePiece(g.dtypeSource, g.source, origin + y * toLine + x * g.sourceChannels + skipped, first, last, length,
              to + (k - from));
    k += length;
    skipped = 0;
    if (phase.isMerged) a++;
    else if (++b == phase.w.taps) b = 0, a++;
  }
  if (PAIR == 2 && count % 2) to[count] = 0;
}

#ifdef FOVEA_HAS_BF16_DOT
// Whole rows whose lines of taps fit a vector (few channels): the masks of the picture's edge once a row.
static void gatherShortRow(const Bf16Gemm& g, const Bf16Phase& phase, const RowCursor& row, Stored* to) {
  const int32_t line = row.i * phase.h.step + phase.h.base, column = row.j * phase.w.step + phase.w.base;
  const int64_t piece = phase.w.taps * g.depth, toLine = g.sourceWidth * g.sourceChannels;
  const int64_t at = row.image * g.sourceHeight * toLine + phase.group * g.sourceGroup + line * toLine +
                     column * g.sourceChannels;
  const uint32_t inside = laneMask(-(int64_t)column * g.depth, smaller(piece, (int64_t)(g.sourceWidth - column) * g.depth));
  const int64_t step = phase.h.delta * toLine;
  Stored* p = to;
  if (g.dtypeSource != FOVEA_FLOAT32) {
    const uint16_t* from = (const uint16_t*)g.source + at;
    for (int32_t a = 0; a < phase.h.taps; a++, from += step, p += piece) {
      const bool isInside = (uint32_t)(line + a * phase.h.delta) < (uint32_t)g.sourceHeight;
      _mm512_storeu_si512(p, _mm512_maskz_loadu_epi16(isInside ? inside : 0, from));
    }
  } else {
    const float* from = (const float*)g.source + at;
    for (int32_t a = 0; a < phase.h.taps; a++, from += step, p += piece) {
      const bool isInside = (uint32_t)(line + a * phase.h.delta) < (uint32_t)g.sourceHeight;
      const uint32_t mask = isInside ? inside : 0;
      const __m512 low = _mm512_maskz_loadu_ps((__mmask16)mask, from), high = _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), from + 16);
      _mm512_storeu_si512(p, (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
  }
  to[phase.length] = 0;
}
#endif

static inline bool hasShortRows(const Bf16Gemm& g, const Bf16Phase& phase) {
  return PAIR == 2 && phase.isMerged && phase.w.taps * g.depth <= 32 && phase.length > 0 &&
         phase.length <= BLOCK_WORDS * PAIR;
}
static inline void gatherAnyRow(const Bf16Gemm& g, const Bf16Phase& phase, const RowCursor& row, int64_t from,
                                int64_t count, Stored* to) {
#ifdef FOVEA_HAS_BF16_DOT
  if (count == phase.length && hasShortRows(g, phase)) return gatherShortRow(g, phase, row, to);
#endif
  gatherRow(g, phase, row, from, count, to);
}

// panel[k / PAIR][j] = rows k of a matrix with `stride` elements from row to row; zeros beyond rows and columns.
static void packBf16Rows(int32_t dtype, const void* base, int64_t at, int64_t stride, int64_t rows, int64_t columns,
                         int64_t width, int32_t* panel) {
#ifdef FOVEA_HAS_PAIRS
  alignas(64) Stored a[64], b[64];
  alignas(64) int32_t words[32];
  for (int64_t k = 0; k < rows; k += 2, at += 2 * stride, panel += width) {
    const Stored *above = a, *below = b;
    if (dtype != FOVEA_FLOAT32 && columns >= 32 && k + 1 < rows) {
      above = (const uint16_t*)base + at;
      below = above + stride;
    } else {
      movePiece(dtype, base, at, 0, columns, 32, a);
      movePiece(dtype, base, at + stride, 0, k + 1 < rows ? columns : 0, 32, b);
    }
    if (width == 32) {
      interleave(above, below, 32, panel);
      continue;
    }
    interleave(above, below, 32, words);
    for (int32_t j = 0; j < BF16_NARROW; j++) panel[j] = words[j];
  }
#else
  for (int64_t k = 0; k < rows; k++, at += stride, panel += width)
    movePiece(dtype, base, at, 0, smaller(columns, width), width, (float*)panel);
#endif
}

// The same of a filter whose columns lie as rows: B of the input's gradient and of a transposed matrix.
static void packBf16Turned(const Bf16Gemm& g, const Bf16Phase& phase, int64_t panel, int32_t* to, char* scratch) {
  Stored* room = (Stored*)(scratch + BF16_ROOM_AT);
  constexpr int64_t PIECE = 128 * PAIR, STEP = PIECE + 32;
  static_assert(BF16_COLUMNS * STEP * (int64_t)sizeof(Stored) <= BF16_SUMS_AT - BF16_ROOM_AT, "rows do not fit");
  const int64_t first = panel * BF16_COLUMNS, columns = smaller(BF16_COLUMNS, g.columns - first);
  const int64_t width = bf16PanelWidth(g.columns, panel);
  for (int64_t from = 0; from < phase.length; from += PIECE) {
    const int64_t count = smaller(PIECE, phase.length - from);
    for (int64_t j = 0; j < columns; j++) {
      Stored* row = room + j * STEP;
      for (int64_t k = from; k < from + count;) {
        const int64_t tap = k / g.depth, channel = k % g.depth, length = smaller(g.depth - channel, from + count - k);
        const int32_t line = phase.h.firstTap + (int32_t)(tap / phase.w.taps) * phase.h.tapStep;
        const int32_t column = phase.w.firstTap + (int32_t)(tap % phase.w.taps) * phase.w.tapStep;
        const int64_t filterRow = ((int64_t)line * g.geometry.kw + column) * g.columns + first + j;
        movePiece(g.dtypeFilter, g.filter, phase.group * g.filterGroup + filterRow * g.filterStride + channel, 0,
                  length, length, row + (k - from));
        k += length;
      }
      if (PAIR == 2 && count % 2) row[count] = 0;
    }
    packTurned((const float*)room, STEP / PAIR, wordsOf(count), columns, width, (float*)to);
    to += wordsOf(count) * width;
  }
}

static void packBf16Filter(const FoveaCall& call, const Bf16Gemm& g, int32_t* packed) {
  const int64_t panels = divideUp(g.columns, BF16_COLUMNS), phases = (int64_t)g.phasesH() * g.phasesW();
  auto pack = [&](int64_t block, int32_t thread) {
    const int64_t panel = block % panels, phaseIndex = block / panels % phases, group = block / panels / phases;
    const int32_t phaseH = (int32_t)(phaseIndex / g.phasesW()), phaseW = (int32_t)(phaseIndex % g.phasesW());
    const Bf16Phase phase = bf16Phase(g, group, phaseH, phaseW);
    int32_t* to = packed + g.phaseAt(group, phaseH, phaseW) + panel * BF16_COLUMNS * wordsOf(phase.length);
    if (g.isTurned) packBf16Turned(g, phase, panel, to, call.scratch<char>(thread));
    else
      packBf16Rows(g.dtypeFilter, g.filter, group * g.filterGroup + panel * BF16_COLUMNS, g.filterStride, phase.length,
                   smaller(BF16_COLUMNS, g.columns - panel * BF16_COLUMNS), bf16PanelWidth(g.columns, panel), to);
  };
  call.parallel(panels * phases * (g.isShared ? 1 : g.groups), pack);
}

// One row of sums to the output.
static void finishBf16Row(const Bf16Gemm& g, const float* sums, int64_t columns, int64_t biasAt, int64_t at) {
  for (int64_t j = 0; j < columns; j += LANES) {
    const int64_t count = columns - j;
    Vector v = load(sums + j);
    if (g.bias) v += loadAs(g.dtypeBias, g.bias, biasAt + j, count);
    if (g.residual) v += loadAs(g.dtypeOut, g.residual, at + j, count);
    if (g.activation) v = activate(v, g.activation, g.alpha);
    storeAs(g.dtypeOut, g.out, at + j, v, count);
  }
}

// Rows of one panel; a tile's row is BF16_COLUMNS long.
static void finishBf16Rows(const Bf16Gemm& g, const Bf16Phase& phase, RowCursor row, int64_t rows, int64_t panel,
                           const float* sums) {
  const int64_t first = panel * BF16_COLUMNS, columns = smaller(BF16_COLUMNS, g.columns - first);
  const int64_t biasAt = phase.group * g.biasGroup + first;
  const bool isPlain = columns == BF16_COLUMNS && g.activation <= FOVEA_ACTIVATION_RELU && !g.residual &&
                       g.dtypeOut == FOVEA_BFLOAT16;
  Vector bias[BF16_VECTORS] = {};
  if (isPlain && g.bias)
    for (int32_t v = 0; v < BF16_VECTORS; v++) bias[v] = loadAs(g.dtypeBias, g.bias, biasAt + v * LANES, LANES);
  const Vector low = splat(g.activation ? 0.0f : -__builtin_inff());
  for (int64_t r = 0; r < rows; r++, sums += BF16_COLUMNS, row.next(phase)) {
    const int64_t line = row.image * g.outHeight + phase.h.outBase + (int64_t)row.i * phase.h.outStep;
    const int64_t at = (line * g.outWidth + phase.w.outBase + (int64_t)row.j * phase.w.outStep) * g.outChannels +
                       phase.group * g.outGroup + first;
    if (!isPlain) {
      finishBf16Row(g, sums, columns, biasAt, at);
      continue;
    }
    Vector v[BF16_VECTORS];
#pragma GCC unroll 4
    for (int32_t i = 0; i < BF16_VECTORS; i++) {
      v[i] = load(sums + i * LANES) + bias[i];
      v[i] = v[i] < low ? low : v[i];
    }
    uint16_t* to = (uint16_t*)g.out + at;
#ifdef FOVEA_HAS_BF16_DOT
    _mm512_storeu_si512(to, (__m512i)_mm512_cvtne2ps_pbh((__m512)v[1], (__m512)v[0]));
#else
#pragma GCC unroll 4
    for (int32_t i = 0; i < BF16_VECTORS; i++) storeBfloat16(to + i * LANES, v[i]);
#endif
  }
}

// `rows` rows from `row` on by `panels` panels.
static void runBf16Unit(const Bf16Gemm& g, const Bf16Phase& phase, const int32_t* packed, int64_t row, int64_t rows,
                        int64_t panel, int64_t panels, char* scratch) {
  Stored* block = (Stored*)(scratch + BF16_A_AT);
  float* sums = (float*)(scratch + BF16_SUMS_AT);
  Bf16Multiplier multiplier(rows, scratch);
  constexpr int64_t MOST = BLOCK_WORDS * PAIR;
  const int64_t tiles = divideUp(rows, BF16_ROWS);
  const bool isOneBlock = phase.length <= MOST;
  const RowCursor start = rowCursor(phase, row);
  int64_t from = 0;
  do {
    const int64_t count = smaller(MOST, phase.length - from), words = wordsOf(count);
    RowCursor cursor = start;
    for (int64_t r = 0; r < rows; r++, cursor.next(phase)) {
      Stored* to = block + r * BLOCK_STEP * PAIR;
      gatherAnyRow(g, phase, cursor, from, count, to);
      for (int64_t k = words; k < roundUp(words, BF16_DEPTH); k++) ((int32_t*)to)[k] = 0;
    }
    const bool isLast = from + count >= phase.length;
    for (int64_t p = 0; p < panels; p++) {
      const int64_t width = bf16PanelWidth(g.columns, panel + p);
      const int32_t* b = packed + (panel + p) * BF16_COLUMNS * wordsOf(phase.length) + from / PAIR * width;
      multiplier.takePanel(b, words, width);
      float* tile = isOneBlock ? sums : sums + p * tiles * BF16_ROWS * BF16_COLUMNS;
      cursor = start;
      for (int64_t r = 0; r < rows; r += BF16_ROWS) {
        const int64_t some = smaller(BF16_ROWS, rows - r);
        multiplier.multiply<BLOCK_STEP, BF16_DEPTH>(some, (const int32_t*)block + r * BLOCK_STEP, tile, from > 0);
        if (isLast) {
          finishBf16Rows(g, phase, cursor, some, panel + p, tile);
          for (int64_t i = 0; i < some; i++) cursor.next(phase);
        }
        if (!isOneBlock) tile += BF16_ROWS * BF16_COLUMNS;
      }
    }
    from += count;
  } while (from < phase.length);
}

// C = A B with B packed: `packed` where given, else `scratch` is packed first.
static void runBf16(const FoveaCall& call, const Bf16Gemm& g, int32_t* scratchB) {
  const int64_t panels = divideUp(g.columns, BF16_COLUMNS);
  const Axis h0 = g.axisH(0), w0 = g.axisW(0); // phase 0 has the most rows
  const int64_t rows = (int64_t)g.geometry.n * h0.count * w0.count;
  if (g.columns <= 0 || rows <= 0) return;
  const int32_t* packed = g.packed;
  if (!packed) {
    packBf16Filter(call, g, scratchB);
    packed = scratchB;
  }
  // How the work is cut; sums never depend on it.
  const int64_t phases = (int64_t)g.phasesH() * g.phasesW() * g.groups, threads = foveaThreadCount(call.pool);
  const int64_t tiles = divideUp(rows, BF16_ROWS);
  const int64_t mostPanels = BF16_SUMS_BYTES / 4 / (BLOCK_ROWS * BF16_COLUMNS);
  const int64_t enough = threads == 1 ? 1 : 12 * threads;
  int64_t tilesPerUnit = larger(1, smaller(BLOCK_ROWS / BF16_ROWS, tiles * phases / enough));
  if (tilesPerUnit < 2 && tiles > 1) tilesPerUnit = 2; // a panel's piece is read for two tiles at least
  const int64_t rowUnits = divideUp(tiles, tilesPerUnit);
  int64_t panelUnits = divideUp(panels, mostPanels);
  if (rowUnits * phases * panelUnits < enough) panelUnits = smaller(panels, divideUp(enough, rowUnits * phases));
  const int64_t panelsPerUnit = divideUp(panels, panelUnits);
  panelUnits = divideUp(panels, panelsPerUnit);
  auto multiply = [&](int64_t block, int32_t thread) {
    const int64_t panel = block % panelUnits * panelsPerUnit, rowUnit = block / panelUnits % rowUnits;
    const int64_t rest = block / panelUnits / rowUnits;
    const int64_t group = rest % g.groups, phaseIndex = rest / g.groups;
    const int32_t phaseH = (int32_t)(phaseIndex / g.phasesW()), phaseW = (int32_t)(phaseIndex % g.phasesW());
    const Bf16Phase phase = bf16Phase(g, group, phaseH, phaseW);
    const int64_t all = (int64_t)g.geometry.n * phase.h.count * phase.w.count, row = rowUnit * tilesPerUnit * BF16_ROWS;
    if (row >= all) return;
    runBf16Unit(g, phase, packed + g.phaseAt(group, phaseH, phaseW), row,
                smaller(tilesPerUnit * BF16_ROWS, all - row), panel, smaller(panelsPerUnit, panels - panel),
                call.scratch<char>(thread));
  };
  call.parallel(panelUnits * rowUnits * phases, multiply);
}

// C = A^T B: A's rows are gathered as above, but the sum runs over them. C is [length of a row of A, columns].
struct Bf16Turned {
  Bf16Gemm gemm; // source, geometry, groups; `packed` where B is packed already
  const void* b; // [rows, ...]: element at row * bStride + group * bGroup
  int32_t dtypeB;
  int64_t bStride, bGroup;
  float* sums; // partial sums, where there are several parts
  int64_t cStride, parts, partRows;
};

static void finishTurned(const Bf16Turned& t, int64_t group, int64_t part, int64_t first, int64_t rows, int64_t panel,
                         const float* tile) {
  const Bf16Gemm& g = t.gemm;
  const int64_t column = panel * BF16_COLUMNS, columns = smaller(BF16_COLUMNS, g.columns - column);
  for (int64_t r = 0; r < rows; r++, tile += BF16_COLUMNS) {
    const int64_t at = group * g.outGroup + (first + r) * t.cStride + column;
    if (t.parts == 1) {
      finishBf16Row(g, tile, columns, group * g.biasGroup + column, at);
      continue;
    }
    float* to = t.sums + part * g.geometry.kh * g.geometry.kw * g.depth * t.cStride + at;
    for (int64_t j = 0; j < columns; j += LANES) storeSome(to + j, load(tile + j), columns - j);
  }
}

#ifdef FOVEA_HAS_PAIRS
// For tiles, whose A has the words of a row side by side: word `index` of `words` of all rows of C. Sixteen of them
// are gathered, then turned into a piece [rows of C][16] of the block.
static inline void turnPairs(const Stored* above, const Stored* below, int64_t count, int64_t index, int64_t words,
                             int32_t* room, int32_t* block) {
  const int64_t at = index % BF16_DEPTH;
  interleave(above, below, count, room + at * TURNED_STEP);
  if (at + 1 < BF16_DEPTH && index + 1 < words) return;
  for (int64_t missing = at + 1; missing < BF16_DEPTH; missing++)
    for (int64_t i = 0; i < count; i++) room[missing * TURNED_STEP + i] = 0;
  packTurned((const float*)room, TURNED_STEP, count, BF16_DEPTH, BF16_DEPTH, (float*)block + (index - at) * TURNED_STEP);
}
#endif

// Rows [first, first + count) of C by some panels, over the pixels of one part.
static void runTurnedUnit(const Bf16Turned& t, const Bf16Phase& phase, int64_t part, int64_t first, int64_t count,
                          int64_t panel, int64_t panels, char* scratch) {
  const Bf16Gemm& g = t.gemm;
  int32_t* block = (int32_t*)(scratch + BF16_A_AT);
  float* sums = (float*)(scratch + BF16_SUMS_AT);
  int32_t* own = (int32_t*)(scratch + BF16_B_AT);
  Bf16Multiplier multiplier(count, scratch);
  const int64_t all = (int64_t)g.geometry.n * phase.h.count * phase.w.count;
  const int64_t begin = part * t.partRows, end = smaller(all, begin + t.partRows);
  constexpr int64_t MOST = TURNED_WORDS * PAIR;
  RowCursor cursor = rowCursor(phase, begin);
  int64_t row = begin;
  do {
    const int64_t rows = larger(0, smaller(MOST, end - row)), words = wordsOf(rows);
#ifdef FOVEA_HAS_PAIRS
    Stored* above = (Stored*)(scratch + BF16_ROOM_AT);
    Stored* below = above + 1024;
    for (int64_t r = 0; r < rows; r += 2) {
      gatherAnyRow(g, phase, cursor, first, count, above);
      cursor.next(phase);
      if (r + 1 < rows) {
        gatherAnyRow(g, phase, cursor, first, count, below);
        cursor.next(phase);
      } else
        for (int64_t j = 0; j < roundUp(count, 32); j++) below[j] = 0;
      if (BF16_DEPTH == 1) interleave(above, below, count, block + r / 2 * TURNED_STEP);
      else turnPairs(above, below, count, r / 2, words, (int32_t*)(scratch + BF16_ROOM_AT + 4096), block);
    }
#else
    for (int64_t r = 0; r < rows; r++, cursor.next(phase))
      gatherRow(g, phase, cursor, first, count, (float*)block + r * TURNED_STEP);
#endif
    float* tile = sums;
    for (int64_t p = 0; p < panels; p++) {
      const int64_t width = bf16PanelWidth(g.columns, panel + p), column = (panel + p) * BF16_COLUMNS;
      const int32_t* b = own;
      if (g.packed) {
        const int64_t group = g.isShared ? 0 : phase.group;
        b = g.packed + (group * roundUp(g.columns, BF16_NARROW) + column) * wordsOf(all) + row / PAIR * width;
      } else
        packBf16Rows(t.dtypeB, t.b, row * t.bStride + phase.group * t.bGroup + column, t.bStride, rows,
                     smaller(BF16_COLUMNS, g.columns - column), width, own);
      multiplier.takePanel(b, words, width);
      for (int64_t m = 0; m < count; m += BF16_ROWS, tile += BF16_ROWS * BF16_COLUMNS) {
        const int64_t some = smaller(BF16_ROWS, count - m);
        multiplier.multiply<BF16_DEPTH, BF16_DEPTH * TURNED_STEP>(some, block + m * BF16_DEPTH, tile, row > begin);
        if (row + rows >= end) finishTurned(t, phase.group, part, first + m, some, panel + p, tile);
      }
    }
    row += larger(1, rows);
  } while (row < end);
}

static void runTurned(const FoveaCall& call, Bf16Turned& t, bool canSplit) {
  const Bf16Gemm& g = t.gemm;
  const Bf16Phase any = bf16Phase(g, 0, 0, 0);
  const int64_t all = (int64_t)g.geometry.n * any.h.count * any.w.count, panels = divideUp(g.columns, BF16_COLUMNS);
  if (any.length <= 0 || g.columns <= 0) return;
  const int64_t blocks = divideUp(any.length, TURNED_STEP);
  const int64_t perBlock = roundUp(divideUp(any.length, blocks), BF16_ROWS);
  // Parts of the sum by the shape alone; they begin at whole words.
  const int64_t chunks = divideUp(all, TURNED_WORDS * 2), tasks = larger(1, blocks * divideUp(g.columns, 256) * g.groups);
  t.parts = canSplit ? larger(1, smaller(smaller(FOVEA_PARTIAL_SUMS, divideUp(32, tasks)), chunks)) : 1;
  t.partRows = larger(2, roundUp(divideUp(all, t.parts), 2));
  t.parts = larger(1, divideUp(all, t.partRows));
  const int64_t mostPanels = BF16_SUMS_BYTES / 4 / (TURNED_STEP * BF16_COLUMNS);
  const int64_t enough = foveaThreadCount(call.pool) == 1 ? 1 : 8 * (int64_t)foveaThreadCount(call.pool);
  int64_t panelUnits = divideUp(panels, mostPanels);
  const int64_t outer = t.parts * g.groups * blocks;
  if (outer * panelUnits < enough) panelUnits = smaller(panels, divideUp(enough, outer));
  const int64_t panelsPerUnit = divideUp(panels, panelUnits);
  panelUnits = divideUp(panels, panelsPerUnit);
  auto multiply = [&](int64_t block, int32_t thread) {
    const int64_t panel = block % panelUnits * panelsPerUnit, first = block / panelUnits % blocks * perBlock;
    const int64_t rest = block / panelUnits / blocks;
    if (first >= any.length) return;
    const Bf16Phase phase = bf16Phase(g, rest % g.groups, 0, 0);
    runTurnedUnit(t, phase, rest / g.groups, first, smaller(perBlock, any.length - first), panel,
                  smaller(panelsPerUnit, panels - panel), call.scratch<char>(thread));
  };
  call.parallel(panelUnits * outer, multiply);
}
