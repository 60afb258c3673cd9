// Softmax and its logarithm over rows of any length. The maximum is subtracted first, so nothing
// overflows; a row that holds a NaN or whose maximum is infinite gives NaN, as exp(inf - inf) would.

// The first `count` < LANES elements, the rest -inf. Where the tensor goes on, a whole vector is read.
static inline Vector loadRowEnd(const float* p, int32_t count, const float* end) {
  float lanes[LANES];
  if (end - p >= LANES) {
    int32_t places[LANES];
    for (int32_t i = 0; i < LANES; i++) places[i] = i;
    return loadInt(places) < splatInt(count) ? load(p) : splat(-INFINITY_F);
  }
  for (int32_t i = 0; i < LANES; i++) lanes[i] = -INFINITY_F;
  for (int32_t i = 0; i < count; i++) lanes[i] = p[i];
  return load(lanes);
}
static inline void storePart(float* p, int32_t count, Vector v) {
  float lanes[LANES];
  store(lanes, v);
  for (int32_t i = 0; i < count; i++) p[i] = lanes[i];
}

template <bool IS_LOG> static void softmaxRow(const float* x, float* y, int64_t columns, const float* xEnd) {
  const int64_t whole = columns / LANES * LANES;
  const int32_t rest = (int32_t)(columns - whole);
  const Vector tail = loadRowEnd(x + whole, rest, xEnd);
  Vector largest = tail;
  for (int64_t i = 0; i < whole; i += LANES) largest = vectorMax(largest, load(x + i));
  const Vector shift = splat(maxLanes(largest));
  // Rows are summed in pieces of 256: lanes in float within a piece, pieces in double.
  double total = 0;
  for (int64_t piece = 0; piece < whole; piece += 256) {
    const int64_t end = piece + 256 < whole ? piece + 256 : whole;
    Vector sum{};
    for (int64_t i = piece; i < end; i += LANES) {
      Vector e = vectorExp(load(x + i) - shift);
      if (!IS_LOG) store(y + i, e);
      sum += e;
    }
    total += (double)sumLanes(sum);
  }
  const Vector tailExp = vectorExp(tail - shift);
  if (rest > 0) {
    // The padding adds exp(-inf) = 0, or makes a row NaN that is NaN already.
    total += (double)sumLanes(tailExp);
  }
  if (IS_LOG) {
    const Vector sum = splat((float)total);
    const Vector logSum = vectorLog(sum);
    for (int64_t i = 0; i < whole; i += LANES) store(y + i, (load(x + i) - shift) - logSum);
    storePart(y + whole, rest, (tail - shift) - logSum);
  } else {
    const Vector scale = splat((float)(1.0 / total));
    for (int64_t i = 0; i < whole; i += LANES) store(y + i, load(y + i) * scale);
    storePart(y + whole, rest, tailExp * scale);
  }
}

static void softmax(const FoveaCall& call) {
  const int64_t rows = call.parameters[0], columns = call.parameters[1];
  const bool isLog = call.parameters[2] != 0;
  const float* x = call.operand<const float>(0);
  float* y = call.operand<float>(1);
  if (rows * columns == 0) return;
  const int64_t perTask = 16384 / columns > 0 ? 16384 / columns : 1;
  auto body = [&](int64_t task, int32_t) {
    const int64_t end = (task + 1) * perTask < rows ? (task + 1) * perTask : rows;
    for (int64_t row = task * perTask; row < end; row++) {
      if (isLog) softmaxRow<true>(x + row * columns, y + row * columns, columns, x + rows * columns);
      else softmaxRow<false>(x + row * columns, y + row * columns, columns, x + rows * columns);
    }
  };
  call.parallel((rows + perTask - 1) / perTask, body);
}
