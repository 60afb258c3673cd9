// Convolutions and matrix products of bfloat16 operands with float32 sums. Operands may also be float32: they
// are then rounded on the way into a block, as a cast would. See bf16.h and bf16-gemm.h.

static Bf16Gemm bf16Convolution(const Geometry& geometry, bool isTurned) {
  Bf16Gemm g = {};
  g.geometry = geometry;
  g.isTurned = isTurned;
  g.groups = geometry.groups;
  g.filterStride = geometry.cout;
  const int64_t in = geometry.cin / geometry.groups, out = geometry.cout / geometry.groups;
  g.depth = isTurned ? out : in;
  g.columns = isTurned ? in : out;
  g.sourceGroup = g.depth;
  g.outGroup = g.biasGroup = g.columns;
  g.filterGroup = out;
  g.sourceHeight = isTurned ? geometry.oh : geometry.h;
  g.sourceWidth = isTurned ? geometry.ow : geometry.w;
  g.outHeight = isTurned ? geometry.h : geometry.oh;
  g.outWidth = isTurned ? geometry.w : geometry.ow;
  g.sourceChannels = isTurned ? geometry.cout : geometry.cin;
  g.outChannels = isTurned ? geometry.cin : geometry.cout;
  return g;
}

void bf16Conv2d(const FoveaCall& call) {
  const int32_t* words = call.parameters + GEOMETRY_WORDS;
  Bf16Gemm g = bf16Convolution(geometryOf(call), words[0] != 0);
  g.source = call.operands[0];
  g.filter = call.operands[1];
  g.packed = call.operand<const int32_t>(2);
  g.bias = call.operands[3];
  g.residual = call.operands[4];
  g.out = call.operands[5];
  g.activation = words[1];
  g.alpha = call.parameterFloat(GEOMETRY_WORDS + 2);
  g.dtypeSource = words[3];
  g.dtypeFilter = words[4];
  g.dtypeBias = words[5];
  g.dtypeOut = words[6];
  runBf16(call, g, call.operand<int32_t>(6));
}

void bf16PackFilter(const FoveaCall& call) {
  const int32_t* words = call.parameters + GEOMETRY_WORDS;
  Bf16Gemm g = bf16Convolution(geometryOf(call), words[0] != 0);
  g.filter = call.operands[0];
  g.dtypeFilter = words[1];
  packBf16Filter(call, g, call.operand<int32_t>(1));
}

void bf16FilterGradient(const FoveaCall& call) {
  const int32_t* words = call.parameters + GEOMETRY_WORDS;
  const Geometry geometry = geometryOf(call);
  Bf16Turned t = {};
  t.gemm = bf16Convolution(geometry, false);
  t.gemm.source = call.operands[0];
  t.b = call.operands[1];
  t.gemm.out = call.operands[2];
  t.sums = call.operand<float>(3);
  t.gemm.dtypeSource = words[0];
  t.dtypeB = words[1];
  t.gemm.dtypeOut = words[2];
  t.bStride = t.cStride = geometry.cout;
  t.bGroup = t.gemm.columns;
  runTurned(call, t, true);
  const int64_t size = (int64_t)geometry.kh * geometry.kw * t.gemm.depth * geometry.cout, piece = 4096;
  if (t.parts <= 1) return;
  auto add = [&](int64_t block, int32_t) {
    const int64_t end = smaller(size, (block + 1) * piece);
    for (int64_t i = block * piece; i < end; i += LANES) {
      Vector sum = loadSome(t.sums + i, end - i);
      for (int64_t part = 1; part < t.parts; part++) sum += loadSome(t.sums + part * size + i, end - i);
      storeAs(t.gemm.dtypeOut, t.gemm.out, i, sum, end - i);
    }
  };
  call.parallel(divideUp(size, piece), add);
}

struct Bf16MatrixWords {
  int32_t batch, m, n, k, transposeA, transposeB, aStride, bStride;
};
static Bf16MatrixWords bf16MatrixWords(const FoveaCall& call) {
  Bf16MatrixWords words;
  __builtin_memcpy(&words, call.parameters, sizeof words);
  return words;
}
constexpr int32_t BF16_MATRIX_WORDS = 8;

// A product is a 1x1 convolution of one line of m pixels; the batch runs as groups.
static Bf16Gemm bf16Product(const Bf16MatrixWords& p) {
  Bf16Gemm g = {};
  g.geometry = {1, 1, p.m, p.k, 1, 1, p.n, 1, p.m, 1, 1, 0, 0, 1, 1, 1};
  g.isTurned = p.transposeB != 0;
  if (g.isTurned) g.geometry.cin = p.n, g.geometry.cout = p.k;
  g.groups = p.batch;
  g.isShared = p.bStride == 0;
  g.depth = g.sourceChannels = p.k;
  g.columns = g.outChannels = p.n;
  g.filterStride = p.transposeB ? p.k : p.n;
  g.sourceGroup = p.aStride;
  g.filterGroup = p.bStride;
  g.outGroup = (int64_t)p.m * p.n;
  g.sourceHeight = g.outHeight = 1;
  g.sourceWidth = g.outWidth = p.m;
  return g;
}

void bf16Matmul(const FoveaCall& call) {
  const Bf16MatrixWords p = bf16MatrixWords(call);
  const int32_t* words = call.parameters + BF16_MATRIX_WORDS;
  Bf16Gemm g = bf16Product(p);
  g.source = call.operands[0];
  g.filter = call.operands[1];
  g.packed = call.operand<const int32_t>(2);
  g.bias = call.operands[3];
  g.residual = call.operands[4];
  g.out = call.operands[5];
  int32_t* scratch = call.operand<int32_t>(6);
  g.activation = words[0];
  g.alpha = call.parameterFloat(BF16_MATRIX_WORDS + 1);
  g.dtypeSource = words[2];
  g.dtypeFilter = words[3];
  g.dtypeBias = words[4];
  g.dtypeOut = words[5];
  if (!p.transposeA) return runBf16(call, g, scratch);
  // Without a transposed B its rows are packed chunk by chunk.
  if (!g.packed && p.transposeB) {
    packBf16Filter(call, g, scratch);
    g.packed = scratch;
  }
  Bf16Turned t = {};
  t.gemm = g;
  t.gemm.isTurned = false;
  t.gemm.geometry = {1, 1, p.k, p.m, 1, 1, p.n, 1, p.k, 1, 1, 0, 0, 1, 1, 1};
  t.gemm.depth = t.gemm.sourceChannels = p.m;
  t.gemm.sourceWidth = p.k;
  t.b = g.filter;
  t.dtypeB = g.dtypeFilter;
  t.bStride = t.cStride = p.n;
  t.bGroup = p.bStride;
  runTurned(call, t, false);
}

void bf16PackMatrix(const FoveaCall& call) {
  Bf16Gemm g = bf16Product(bf16MatrixWords(call));
  g.filter = call.operands[0];
  g.dtypeFilter = call.parameters[BF16_MATRIX_WORDS + 3];
  packBf16Filter(call, g, call.operand<int32_t>(1));
}
