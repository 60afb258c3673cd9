// C[b] = op(A[b]) op(B[b]) with the epilogue. As A lies, it is the indirect GEMM of a 1x1 filter; A
// transposed takes the columns kernel; one row or one column is a matrix times a vector, which streams
// the matrix once as it lies.

constexpr int64_t VECTOR_STRIP = 8 * LANES; // outputs of one block when the matrix is [k, n]

// out[n] (+)= sum over k of x[k] * matrix[k][n], n < count <= VECTOR_STRIP.
static void multiplyStrip(const float* x, const float* matrix, int64_t stride, int64_t depth, int64_t count, float* sums) {
  if (count == VECTOR_STRIP) {
    Vector total[8] = {};
    for (int64_t k = 0; k < depth;) { // pieces are summed apart: the errors of a long sum stay small
      Vector sum[8] = {};
      for (const int64_t end = smaller(k + CHUNK_LENGTH, depth); k < end; k++, matrix += stride) {
        const Vector a = splat(x[k]);
#pragma GCC unroll 8
        for (int32_t v = 0; v < 8; v++) sum[v] += a * load(matrix + v * LANES);
      }
#pragma GCC unroll 8
      for (int32_t v = 0; v < 8; v++) total[v] += sum[v];
    }
    for (int32_t v = 0; v < 8; v++) store(sums + v * LANES, total[v]);
    return;
  }
  for (int64_t j = 0; j < count; j += LANES) {
    const int64_t left = count - j;
    const float* p = matrix + j;
    Vector sum = {};
    if (left >= LANES)
      for (int64_t k = 0; k < depth; k++, p += stride) sum += splat(x[k]) * load(p);
    else
      for (int64_t k = 0; k < depth; k++, p += stride) sum += splat(x[k]) * loadPart(p, left);
    store(sums + j, sum);
  }
}

// sums[n] = dot(x, matrix[n]) for n < count.
static void multiplyRowsByVector(const float* x, const float* matrix, int64_t stride, int64_t depth, int64_t count, float* sums) {
  for (int64_t n = 0; n < count; n += 4) {
    const int64_t rows = smaller(4, count - n);
    const float* row[4];
    for (int32_t r = 0; r < 4; r++) row[r] = matrix + (n + smaller(r, rows - 1)) * stride;
    Vector sum[4] = {};
    int64_t k = 0;
    for (; k + LANES <= depth; k += LANES) {
      const Vector a = load(x + k);
#pragma GCC unroll 4
      for (int32_t r = 0; r < 4; r++) sum[r] += a * load(row[r] + k);
    }
    if (k < depth) {
      const Vector a = loadPart(x + k, depth - k);
      for (int32_t r = 0; r < 4; r++) sum[r] += a * loadPart(row[r] + k, depth - k);
    }
    for (int64_t r = 0; r < rows; r++) sums[n + r] = sumLanes(sum[r]);
  }
}

struct VectorProduct {
  const float *x, *matrix;
  bool isTurned; // matrix is [n, k]
  int64_t batch, n, k, xStride, matrixStride, scratchFloats;
  bool hasOneBias; // one for all outputs instead of one each
  Epilogue epilogue;
  float *out, *scratch;
};

static void multiplyVector(const FoveaCall& call, const VectorProduct& p) {
  const int64_t strip = p.isTurned ? larger(4, smaller(VECTOR_STRIP, (1 << 15) / larger(1, p.k) / 4 * 4)) : VECTOR_STRIP;
  const int64_t strips = divideUp(p.n, strip);
  // Few outputs of long sums: parts of the sum, by shape alone, side by side in the scratch.
  int64_t parts = 1;
  if (!p.isTurned && p.batch == 1 && strips < 8)
    parts = larger(1, smaller(smaller(FOVEA_PARTIAL_SUMS, p.k / 1024), p.scratchFloats / larger(1, p.n)));
  const int64_t partLength = divideUp(p.k, parts);
  auto finish = [&](int64_t batch, int64_t first, int64_t count, const float* sums) {
    const Epilogue& e = p.epilogue;
    const int64_t at = batch * p.n + first;
    const float* residual = e.residual ? e.residual + at : nullptr;
    if (!p.hasOneBias || !e.bias) {
      finishRow(sums, count, e.bias ? e.bias + first : nullptr, residual, e.activation, e.alpha, p.out + at);
      return;
    }
    float bias[LANES];
    store(bias, splat(e.bias[0]));
    for (int64_t j = 0; j < count; j += LANES)
      finishRow(sums + j, smaller(LANES, count - j), bias, residual ? residual + j : nullptr, e.activation, e.alpha,
                p.out + at + j);
  };
  auto multiply = [&](int64_t block, int32_t) {
    const int64_t part = block % parts, first = block / parts % strips * strip, batch = block / parts / strips;
    const int64_t count = smaller(strip, p.n - first), k0 = part * partLength;
    const int64_t depth = larger(0, smaller(partLength, p.k - k0));
    const float* x = p.x + batch * p.xStride + k0;
    const float* matrix = p.matrix + batch * p.matrixStride;
    alignas(64) float sums[VECTOR_STRIP];
    if (p.isTurned) multiplyRowsByVector(x, matrix + first * p.k, p.k, depth, count, sums);
    else multiplyStrip(x, matrix + k0 * p.n + first, p.n, depth, count, sums);
    if (parts == 1) finish(batch, first, count, sums);
    else copyFloats(p.scratch + part * p.n + first, sums, count);
  };
  call.parallel(p.batch * strips * parts, multiply);
  if (parts == 1) return;
  auto add = [&](int64_t block, int32_t) {
    const int64_t first = block * strip, count = smaller(strip, p.n - first);
    alignas(64) float sums[VECTOR_STRIP];
    for (int64_t j = 0; j < count; j += LANES) {
      Vector sum = {};
      for (int64_t part = 0; part < parts; part++) sum += loadSome(p.scratch + part * p.n + first + j, count - j);
      store(sums + j, sum);
    }
    finish(0, first, count, sums);
  };
  call.parallel(strips, add);
}

struct MatrixProduct {
  const float *a, *b;
  float *c, *packed; // scratch for B, or B already packed
  bool isPacked;
  Epilogue epilogue;
  int64_t batch, m, n, k, aStride, bStride;
  bool isTurnedA, isTurnedB;
};

// Panels of all of B; a batch that shares B packs it once.
static void packMatrixPanels(const FoveaCall& call, const MatrixProduct& p) {
  const int64_t panels = divideUp(p.n, TILE_COLUMNS);
  const int64_t packs = (p.bStride ? p.batch : 1) * panels, packedB = p.bStride ? p.k * roundUp(p.n, LANES) : 0;
  auto pack = [&](int64_t block, int32_t) {
    const int64_t batch = block / panels, first = block % panels * TILE_COLUMNS;
    const int64_t count = smaller(TILE_COLUMNS, p.n - first), width = panelWidth(p.n, first);
    const float* from = p.b + batch * p.bStride;
    float* to = p.packed + batch * packedB + first * p.k;
    if (p.isTurnedB) packTurned(from + first * p.k, p.k, p.k, count, width, to);
    else packRows(from + first, p.n, p.k, count, width, to);
  };
  call.parallel(packs, pack);
}

// A is [k, m]: its columns are the rows of C.
static void multiplyTurned(const FoveaCall& call, const MatrixProduct& p) {
  const int64_t panels = divideUp(p.n, TILE_COLUMNS), packedB = p.bStride ? p.k * roundUp(p.n, LANES) : 0;
  if (!p.isPacked) packMatrixPanels(call, p);

  // A unit is some tiles of rows by some panels; a chunk of its sum keeps the panels in L2.
  const int64_t chunk = 512, tiles = divideUp(p.m, TILE_ROWS);
  const int64_t perUnit = larger(1, smaller(panels, (PANEL_BYTES / 2) / (4 * TILE_COLUMNS * smaller(larger(1, p.k), chunk))));
  const int64_t panelUnits = divideUp(panels, perUnit);
  const int64_t tileWork = larger(1, p.k) * TILE_ROWS * TILE_COLUMNS * perUnit;
  const int64_t wanted = larger(tileWork * tiles * panelUnits * p.batch / (12 * (int64_t)foveaThreadCount(call.pool)), 1 << 18);
  const int64_t mostTiles = SUMS_BYTES / (4 * TILE_ROWS * TILE_COLUMNS) / perUnit;
  const int64_t perRows = larger(1, smaller(smaller(wanted / tileWork, mostTiles), tiles));
  const int64_t rowUnits = divideUp(tiles, perRows);
  auto multiply = [&](int64_t block, int32_t thread) {
    float* tile0 = (float*)(call.scratch<char>(thread) + SUMS_AT);
    const int64_t batch = block / panelUnits / rowUnits, panel0 = block % panelUnits * perUnit;
    const int64_t row0 = block / panelUnits % rowUnits * perRows * TILE_ROWS;
    const int64_t rowEnd = smaller(p.m, row0 + perRows * TILE_ROWS), panelEnd = smaller(panels, panel0 + perUnit);
    for (int64_t k = 0; k == 0 || k < p.k; k += chunk) {
      float* tile = tile0;
      for (int64_t row = row0; row < rowEnd; row += TILE_ROWS)
        for (int64_t panel = panel0; panel < panelEnd; panel++, tile += TILE_ROWS * TILE_COLUMNS) {
          const int64_t first = panel * TILE_COLUMNS, width = panelWidth(p.n, first), last = smaller(row + TILE_ROWS, rowEnd);
          const float* from = p.a + batch * p.aStride + k * p.m;
          const float* to = p.packed + batch * packedB + first * p.k + k * width;
          for (int64_t r = row; r < last;) {
            const int32_t rows = columnsKernelRows(last - r);
            const Run run = {from + r, to};
            columnsKernel(rows, width)(&run, 1, smaller(chunk, p.k - k), p.m, tile + (r - row) * TILE_COLUMNS,
                                       TILE_COLUMNS, k > 0);
            r += rows;
          }
          if (k + chunk < p.k) continue;
          const Epilogue& e = p.epilogue;
          const int64_t at = (batch * p.m + row) * p.n + first;
          finishRows(tile, last - row, smaller(TILE_COLUMNS, p.n - first), e.bias ? e.bias + first : nullptr,
                     e.residual ? e.residual + at : nullptr, e.activation, e.alpha, p.c + at, p.n);
        }
    }
  };
  call.parallel(p.batch * rowUnits * panelUnits, multiply);
}

static MatrixProduct matrixProduct(const FoveaCall& call) {
  MatrixProduct p = {};
  const int32_t* q = call.parameters;
  p.batch = q[0], p.m = q[1], p.n = q[2], p.k = q[3];
  p.isTurnedA = q[4] != 0, p.isTurnedB = q[5] != 0;
  p.aStride = q[6], p.bStride = q[7];
  return p;
}

// A as it lies: the rows of the indirect GEMM, a batch its groups.
static IndirectGemm rowsGemm(MatrixProduct p) {
  // A batch that shares B and lies densely is one tall matrix.
  if (p.bStride == 0 && (p.batch == 1 || p.aStride == p.m * p.k)) p.m *= p.batch, p.batch = 1;
  IndirectGemm g = {};
  const int32_t m = (int32_t)p.m, n = (int32_t)p.n, k = (int32_t)p.k;
  g.geometry = {1, 1, m, k, 1, 1, n, 1, m, 1, 1, 0, 0, 1, 1, 1};
  g.source = p.a;
  g.filter = p.b;
  g.out = p.c;
  g.packed = p.packed;
  g.isPacked = p.isPacked;
  g.epilogue = p.epilogue;
  g.groups = (int32_t)p.batch;
  g.sourceHeight = g.outHeight = 1;
  g.sourceWidth = g.outWidth = m;
  g.sourceChannels = g.depth = k;
  g.outChannels = g.columns = n;
  g.isTurned = p.isTurnedB;
  g.filterStride = p.isTurnedB ? k : n;
  g.sourceGroup = p.aStride;
  g.filterGroup = p.bStride;
  g.outGroup = p.m * p.n;
  return g;
}

void packMatrix(const FoveaCall& call) {
  MatrixProduct p = matrixProduct(call);
  p.b = call.operand<const float>(0);
  p.packed = call.operand<float>(1);
  if (p.batch <= 0 || p.n <= 0 || p.k <= 0) return;
  if (p.isTurnedA) packMatrixPanels(call, p);
  else {
    IndirectGemm g = rowsGemm(p);
    packIndirect(call, g);
  }
}

void matmul(const FoveaCall& call) {
  MatrixProduct p = matrixProduct(call);
  p.a = call.operand<const float>(0);
  p.b = call.operand<const float>(1);
  p.isPacked = call.operand<float>(2) != nullptr;
  p.packed = call.operand<float>(p.isPacked ? 2 : 6);
  p.epilogue = {call.operand<const float>(3), call.operand<const float>(4), call.parameters[8], call.parameterFloat(9)};
  p.c = call.operand<float>(5);
  if (p.batch <= 0 || p.m <= 0 || p.n <= 0) return;
  if (!p.isPacked && (p.m == 1 || p.n == 1)) {
    const bool isRow = p.m == 1;
    const int64_t scratchFloats = (p.bStride ? p.batch : 1) * p.k * roundUp(p.n, 64);
    const VectorProduct v = {isRow ? p.a : p.b, isRow ? p.b : p.a, isRow ? p.isTurnedB : !p.isTurnedA,
                             p.batch, isRow ? p.n : p.m, p.k, isRow ? p.aStride : p.bStride,
                             isRow ? p.bStride : p.aStride, scratchFloats, !isRow, p.epilogue, p.c, p.packed};
    multiplyVector(call, v);
  } else if (p.isTurnedA) multiplyTurned(call, p);
  else {
    IndirectGemm g = rowsGemm(p);
    runIndirect(call, g);
  }
}
