// Convolution: forward and the input's gradient are the indirect GEMM of indirect.h; the filter's
// gradient is an outer product of x's channels and dy's, summed over pixels in chunks that stay in L2.

// The product that computes y from x, or, turned, dx from dy: all but its pointers.
static IndirectGemm convolutionGemm(const Geometry& geometry, bool isTurned) {
  IndirectGemm g = {};
  g.geometry = geometry;
  g.isTurned = isTurned;
  g.groups = geometry.groups;
  g.sourceHeight = isTurned ? geometry.oh : geometry.h;
  g.sourceWidth = isTurned ? geometry.ow : geometry.w;
  g.outHeight = isTurned ? geometry.h : geometry.oh;
  g.outWidth = isTurned ? geometry.w : geometry.ow;
  g.sourceChannels = isTurned ? geometry.cout : geometry.cin;
  g.outChannels = isTurned ? geometry.cin : geometry.cout;
  g.filterStride = geometry.cout;
  g.depth = g.sourceChannels / geometry.groups;
  g.columns = g.outChannels / geometry.groups;
  g.sourceGroup = g.depth;
  g.outGroup = g.biasGroup = g.columns;
  g.filterGroup = geometry.cout / geometry.groups;
  return g;
}

// B from the filter (operand `at`), or from the operand behind it where it comes packed.
static void takeFilter(const FoveaCall& call, int32_t at, float* scratch, IndirectGemm& g) {
  g.filter = call.operand<const float>(at);
  g.packed = call.operand<float>(at + 1);
  g.isPacked = g.packed != nullptr;
  if (!g.isPacked) g.packed = scratch;
}

void packFilter(const FoveaCall& call) {
  IndirectGemm g = convolutionGemm(geometryOf(call), call.parameters[GEOMETRY_WORDS] != 0);
  g.filter = call.operand<const float>(0);
  g.packed = call.operand<float>(1);
  packIndirect(call, g);
}

void conv2d(const FoveaCall& call) {
  IndirectGemm g = convolutionGemm(geometryOf(call), false);
  g.source = call.operand<const float>(0);
  takeFilter(call, 1, call.operand<float>(6), g);
  g.epilogue = {call.operand<const float>(3), call.operand<const float>(4), call.parameters[GEOMETRY_WORDS],
                call.parameterFloat(GEOMETRY_WORDS + 1)};
  g.out = call.operand<float>(5);
  runIndirect(call, g);
}

void conv2dInputGradient(const FoveaCall& call) {
  IndirectGemm g = convolutionGemm(geometryOf(call), true);
  g.source = call.operand<const float>(0);
  takeFilter(call, 1, call.operand<float>(4), g);
  g.out = call.operand<float>(3);
  runIndirect(call, g);
}

// Pixels of dy are summed in chunks of about CHUNK_PIXELS: whole images, or lines of one, or a piece of one line.
// A chunk of x stays in L2 while the tiles of the filter's next STRIP_COLUMNS columns run over it.
constexpr int32_t CHUNK_PIXELS = 256;
constexpr int32_t MAX_CHUNK_PIXELS = 1024;
constexpr int64_t RUNS_AT = 0;
constexpr int64_t STRIP_COLUMNS = 128;
// Parts of the sum read x and dy once, but each writes a filter: only small filters are cut so, and only where
// each part has so many pixels.
constexpr int64_t MOST_OF_PARTS = 128 << 10; // elements of the filter
constexpr int64_t PART_PIXELS = 512;

struct FilterGradient {
  Geometry geometry;
  const float *x, *dy;
  float* out; // partial sums, or dFilter itself
  int64_t depth, columns;
  // Chunks of pixels and parts of the sum.
  int32_t images, lines, pieces; // a chunk's images, its lines of one image, pixels of a line
  int64_t chunks, imageChunks, lineChunks, pieceChunks, parts, partChunks;
  // Narrow (few channels): a filter line's columns and channels are the rows of one product.
  bool isNarrow;
  int64_t taps, rows; // products, and rows of each
};

struct PixelChunk {
  int32_t image, images, line, lines, column, columns;
};
static PixelChunk pixelChunk(const FilterGradient& g, int64_t index) {
  PixelChunk chunk;
  chunk.column = (int32_t)(index % g.pieceChunks) * g.pieces;
  chunk.columns = (int32_t)smaller(g.pieces, g.geometry.ow - chunk.column);
  index /= g.pieceChunks;
  chunk.line = (int32_t)(index % g.lineChunks) * g.lines;
  chunk.lines = (int32_t)smaller(g.lines, g.geometry.oh - chunk.line);
  chunk.image = (int32_t)(index / g.lineChunks) * g.images;
  chunk.images = (int32_t)smaller(g.images, g.geometry.n - chunk.image);
  return chunk;
}

// x of a chunk, padded: [images][lines][width][depth] from line `line*strideH - padTop` on.
struct PaddedChunk {
  int32_t lines, width;
};
static PaddedChunk paddedChunk(const Geometry& g, int32_t lines, int32_t columns) {
  return {(lines - 1) * g.strideH + (g.kh - 1) * g.dilationH + 1, (columns - 1) * g.strideW + g.kw};
}

static void planFilterGradient(FilterGradient& g) {
  const Geometry& geometry = g.geometry;
  const int64_t perImage = (int64_t)geometry.oh * geometry.ow;
  g.images = g.lines = g.pieces = 1;
  if (perImage <= CHUNK_PIXELS) {
    g.images = (int32_t)larger(1, smaller(geometry.n, CHUNK_PIXELS / larger(1, perImage)));
    g.lines = geometry.oh, g.pieces = geometry.ow;
  } else if (geometry.ow <= (geometry.oh == 1 ? CHUNK_PIXELS : MAX_CHUNK_PIXELS)) {
    const int64_t most = larger(1, CHUNK_PIXELS / geometry.ow);
    g.lines = (int32_t)divideUp(geometry.oh, divideUp(geometry.oh, most)), g.pieces = geometry.ow;
  } else g.pieces = (int32_t)divideUp(geometry.ow, divideUp(geometry.ow, CHUNK_PIXELS));
  g.lines = (int32_t)larger(1, g.lines), g.pieces = (int32_t)larger(1, g.pieces);

  const PaddedChunk padded = paddedChunk(geometry, g.lines, g.pieces);
  const int64_t room = (int64_t)FOVEA_THREAD_SCRATCH - PANEL_AT - 4 * MAX_CHUNK_PIXELS * TILE_COLUMNS;
  g.isNarrow = g.depth < TILE_ROWS && geometry.kw > 1 && geometry.dilationW == 1 &&
               (int64_t)g.images * padded.lines * padded.width * g.depth * 4 <= room;
  g.taps = g.isNarrow ? geometry.kh : (int64_t)geometry.kh * geometry.kw;
  g.rows = g.isNarrow ? geometry.kw * g.depth : g.depth;

  g.imageChunks = divideUp(geometry.n, g.images);
  g.lineChunks = divideUp(geometry.oh, g.lines);
  g.pieceChunks = divideUp(geometry.ow, g.pieces);
  g.chunks = g.imageChunks * g.lineChunks * g.pieceChunks;
  const int64_t size = g.taps * g.rows * geometry.cout, strips = geometry.groups * divideUp(g.columns, STRIP_COLUMNS);
  const int64_t wanted = size <= MOST_OF_PARTS ? divideUp(FOVEA_PARTIAL_SUMS, strips) : 1;
  g.parts = larger(1, smaller(wanted, smaller(g.chunks, geometry.n * perImage / PART_PIXELS)));
  g.partChunks = divideUp(g.chunks, g.parts);
  g.parts = larger(1, divideUp(g.chunks, larger(1, g.partChunks)));
}

// Units [first, last) of one strip of columns over the chunks of one part; a unit is one tile of rows of one tap.
static void filterGradientBlock(const FilterGradient& g, int64_t part, int64_t group, int64_t strip, int64_t first,
                                int64_t last, char* scratch) {
  const Geometry& geometry = g.geometry;
  Run* runs = (Run*)(scratch + RUNS_AT);
  float* b = (float*)(scratch + PANEL_AT);
  float* copy = b + MAX_CHUNK_PIXELS * TILE_COLUMNS;
  const int64_t rowTiles = divideUp(g.rows, TILE_ROWS), lastColumn = smaller((strip + 1) * STRIP_COLUMNS, g.columns);
  alignas(64) float tile[TILE_ROWS * TILE_COLUMNS];
  const int64_t firstChunk = part * g.partChunks, lastChunk = smaller(g.chunks, firstChunk + g.partChunks);
  for (int64_t index = firstChunk; index < lastChunk; index++) {
    const PixelChunk chunk = pixelChunk(g, index);
    const PaddedChunk padded = paddedChunk(geometry, chunk.lines, chunk.columns);
    if (g.isNarrow)
      for (int32_t i = 0; i < chunk.images; i++)
        copyPadded(g.x + (int64_t)(chunk.image + i) * geometry.h * geometry.w * geometry.cin + group * g.depth,
                   geometry.h, geometry.w, geometry.cin, g.depth, chunk.line * geometry.strideH - geometry.padTop,
                   padded.lines, chunk.column * geometry.strideW - geometry.padLeft, padded.width,
                   copy + (int64_t)i * padded.lines * padded.width * g.depth);

    for (int64_t column = strip * STRIP_COLUMNS; column < lastColumn; column += TILE_COLUMNS) {
      const int64_t width = panelWidth(g.columns, column);
      const int64_t columns = smaller(TILE_COLUMNS, g.columns - column);
      float* out = g.out + part * g.taps * g.rows * geometry.cout + group * g.columns + column;
      for (int32_t i = 0; i < chunk.images; i++)
        for (int32_t j = 0; j < chunk.lines; j++) {
          const int64_t line = (int64_t)(chunk.image + i) * geometry.oh + chunk.line + j;
          const float* from = g.dy + (line * geometry.ow + chunk.column) * geometry.cout + group * g.columns + column;
          packRows(from, geometry.cout, chunk.columns, columns, width,
                   b + (int64_t)(i * chunk.lines + j) * chunk.columns * width);
        }
      for (int64_t unit = first; unit < last;) {
        const int64_t tap = unit / rowTiles, end = smaller(last, (tap + 1) * rowTiles);
        const int32_t line = (int32_t)(g.isNarrow ? tap : tap / geometry.kw);
        const int32_t tapColumn = (int32_t)(g.isNarrow ? 0 : tap % geometry.kw);
        // Outputs from..until of each line have this tap inside x; in the padded copy all have.
        const int32_t shift = tapColumn * geometry.dilationW - geometry.padLeft;
        int64_t from = 0, until = chunk.columns;
        if (!g.isNarrow) {
          const int64_t begin = shift < 0 ? divideUp(-shift, geometry.strideW) : 0;
          from = smaller(until, larger(0, begin - chunk.column));
          const int64_t limit = (int64_t)geometry.w - shift; // column * stride < limit
          until = larger(from, smaller(until, (limit > 0 ? divideUp(limit, geometry.strideW) : 0) - chunk.column));
        }
        int64_t runCount = 0;
        for (int32_t i = 0; i < chunk.images; i++)
          for (int32_t j = 0; j < chunk.lines; j++) {
            Run& run = runs[runCount];
            if (g.isNarrow)
              run.a = copy + ((int64_t)i * padded.lines + j * geometry.strideH + line * geometry.dilationH) *
                                 padded.width * g.depth;
            else {
              const int32_t y = (chunk.line + j) * geometry.strideH - geometry.padTop + line * geometry.dilationH;
              if (y < 0 || y >= geometry.h || from == until) continue;
              const int64_t at = (chunk.column + from) * geometry.strideW + shift;
              run.a = g.x + (((int64_t)(chunk.image + i) * geometry.h + y) * geometry.w + at) * geometry.cin +
                      group * g.depth;
            }
            run.a += unit % rowTiles * TILE_ROWS;
            run.b = b + ((int64_t)(i * chunk.lines + j) * chunk.columns + from) * width;
            runCount++;
          }
        const int64_t step = geometry.strideW * (g.isNarrow ? g.depth : geometry.cin);
        for (; unit < end; unit++) {
          const int64_t lastRow = smaller(g.rows, (unit % rowTiles + 1) * TILE_ROWS);
          for (int64_t row = unit % rowTiles * TILE_ROWS; row < lastRow;) {
            const int32_t rows = columnsKernelRows(lastRow - row);
            // A filter row's address: taps and rows follow each other in both forms.
            float* to = out + (tap * g.rows + row) * geometry.cout;
            const bool isResumed = index > firstChunk, isWhole = columns == width;
            if (!isWhole && isResumed)
              for (int64_t r = 0; r < rows; r++)
                for (int64_t j = 0; j < width; j += LANES)
                  store(tile + r * width + j, loadSome(to + r * geometry.cout + j, columns - j));
            columnsKernel(rows, width)(runs, runCount, until - from, step, isWhole ? to : tile,
                                       isWhole ? geometry.cout : width, isResumed);
            if (!isWhole)
              for (int64_t r = 0; r < rows; r++)
                for (int64_t j = 0; j < width; j += LANES)
                  storeSome(to + r * geometry.cout + j, load(tile + r * width + j), columns - j);
            row += rows;
            for (int64_t i = 0; i < runCount; i++) runs[i].a += rows;
          }
        }
      }
    }
  }
}

// dFilter = the sum of `parts` arrays of `size` floats, in their order.
static void addParts(const FoveaCall& call, const float* partial, int64_t parts, int64_t size, float* out) {
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

void conv2dFilterGradient(const FoveaCall& call) {
  FilterGradient g = {};
  g.geometry = geometryOf(call);
  const Geometry& geometry = g.geometry;
  g.x = call.operand<const float>(0);
  g.dy = call.operand<const float>(1);
  float* dFilter = call.operand<float>(2);
  float* scratch = call.operand<float>(3);
  g.depth = geometry.cin / geometry.groups;
  g.columns = geometry.cout / geometry.groups;
  const int64_t size = geometry.kh * geometry.kw * g.depth * geometry.cout;
  if (size <= 0) return;
  const int64_t pixels = (int64_t)geometry.n * geometry.h * geometry.w;
  if (geometry.kh * geometry.kw == 1 && geometry.strideH * geometry.strideW == 1 && geometry.oh == geometry.h &&
      geometry.ow == geometry.w && pixels <= 0x7fffffff) { // all pixels are one line
    g.geometry.n = g.geometry.h = g.geometry.oh = 1;
    g.geometry.w = g.geometry.ow = (int32_t)pixels;
  }
  planFilterGradient(g);
  if (g.chunks == 0) {
    clearFloats(dFilter, size);
    return;
  }
  g.out = g.parts > 1 ? scratch : dFilter;
  const int64_t strips = divideUp(g.columns, STRIP_COLUMNS);
  const int64_t units = g.taps * divideUp(g.rows, TILE_ROWS), outer = g.parts * geometry.groups * strips;
  // Every piece packs its chunk of dy again: no more pieces than the threads need.
  const int64_t pieces = larger(1, smaller(units, divideUp(6 * (int64_t)foveaThreadCount(call.pool), outer)));
  auto multiply = [&](int64_t block, int32_t thread) {
    const int64_t piece = block % pieces, strip = block / pieces % strips;
    const int64_t group = block / pieces / strips % geometry.groups, part = block / pieces / strips / geometry.groups;
    filterGradientBlock(g, part, group, strip, units * piece / pieces, units * (piece + 1) / pieces,
                        call.scratch<char>(thread));
  };
  call.parallel(outer * pieces, multiply);
  if (g.parts > 1) addParts(call, scratch, g.parts, size, dFilter);
}
