// Rows by index, and its gradient. Indices are int32; one outside the axis gives zeros (gather) or is
// left out (scatterAdd).

template <class T> static void gatherTyped(const FoveaCall& call, const T* x, const int32_t* indices, T* out) {
  const int64_t outer = call.parameters[1], axisDim = call.parameters[2], count = call.parameters[3], inner = call.parameters[4];
  const int64_t rows = outer * count;
  if (rows * inner == 0) return;
  const int64_t perTask = 32768 / inner > 0 ? 32768 / inner : 1;
  auto body = [&](int64_t task, int32_t) {
    const int64_t end = (task + 1) * perTask < rows ? (task + 1) * perTask : rows;
    for (int64_t row = task * perTask; row < end;) {
      const int64_t o = row / count;
      const int64_t stop = (o + 1) * count < end ? (o + 1) * count : end;
      const T* from = x + o * axisDim * inner;
      for (; row < stop; row++) {
        const int64_t index = indices[row - o * count];
        T* to = out + row * inner;
        const bool isInside = index >= 0 && index < axisDim;
        if (inner == 1) {
          *to = isInside ? from[index] : T(0);
        } else if (isInside) {
          __builtin_memcpy(to, from + index * inner, inner * sizeof(T));
        } else {
          __builtin_memset(to, 0, inner * sizeof(T));
        }
      }
    }
  };
  call.parallel((rows + perTask - 1) / perTask, body);
}

static void gather(const FoveaCall& call) {
  void *x = call.operands[0], *out = call.operands[2];
  const int32_t* indices = call.operand<const int32_t>(1);
  switch (call.parameters[0]) {
    case 1: return gatherTyped(call, (const uint8_t*)x, indices, (uint8_t*)out);
    case 2: return gatherTyped(call, (const Copy2*)x, indices, (Copy2*)out);
    case 4: return gatherTyped(call, (const Copy4*)x, indices, (Copy4*)out);
    case 8: return gatherTyped(call, (const Copy8*)x, indices, (Copy8*)out);
  }
}

// Tasks own disjoint parts of the output (outer, ranges of the axis, pieces of the inner dim), so that each
// sum runs in the order of i whatever the threads do.
static void scatterAdd(const FoveaCall& call) {
  const int64_t outer = call.parameters[0], axisDim = call.parameters[1], count = call.parameters[2], inner = call.parameters[3];
  const float* dy = call.operand<const float>(0);
  const int32_t* indices = call.operand<const int32_t>(1);
  float* out = call.operand<float>(2);
  if (outer * axisDim * inner == 0) return;
  const int64_t piece = inner > 1024 ? 512 : inner;
  const int64_t pieces = (inner + piece - 1) / piece;
  int64_t ranges = 1;
  // Each range scans all indices, which pays where a row is more work than its index.
  if (outer * pieces < 16 && (count + axisDim) * inner > 65536) ranges = axisDim < 16 ? axisDim : 16;
  if (inner < 8 && ranges > 4) ranges = 4;
  auto body = [&](int64_t task, int32_t) {
    const int64_t range = task % ranges, column = task / ranges % pieces * piece, o = task / ranges / pieces;
    const int64_t first = axisDim * range / ranges, last = axisDim * (range + 1) / ranges;
    const int64_t width = inner - column < piece ? inner - column : piece;
    float* to = out + o * axisDim * inner + column;
    const float* from = dy + o * count * inner + column;
    if (width == inner) __builtin_memset(to + first * inner, 0, (last - first) * inner * 4);
    else
      for (int64_t row = first; row < last; row++) __builtin_memset(to + row * inner, 0, width * 4);
    for (int64_t i = 0; i < count; i++) {
      const int64_t index = indices[i];
      if (index < first || index >= last) continue;
      float* d = to + index * inner;
      const float* s = from + i * inner;
      int64_t j = 0;
      for (; j + LANES <= width; j += LANES) store(d + j, load(d + j) + load(s + j));
      for (; j < width; j++) d[j] += s[j];
    }
  };
  call.parallel(outer * pieces * ranges, body);
}
