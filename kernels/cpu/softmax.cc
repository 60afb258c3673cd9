// Softmax, its logarithm and the gradients of both, over rows of any length. The maximum is subtracted first,
// so nothing overflows; a row that holds a NaN or whose maximum is infinite gives NaN, as exp(inf - inf) would.
// Short rows go LANES at a time, so that sums over lanes, divisions and logarithms are shared (lanes.h).

constexpr int64_t SOFTMAX_SHORT = 256;  // columns: LANES rows of x and y stay in L1

static inline Vector largestOf(const float* x, int64_t columns) {
  const Vector least = splat(-INFINITY_F);
  Vector m0 = least, m1 = least, m2 = least, m3 = least;
  int64_t i = 0;
  for (; i + 4 * LANES <= columns; i += 4 * LANES) {
    m0 = larger(load(x + i), m0);
    m1 = larger(load(x + i + LANES), m1);
    m2 = larger(load(x + i + 2 * LANES), m2);
    m3 = larger(load(x + i + 3 * LANES), m3);
  }
  for (; i + LANES <= columns; i += LANES) m0 = larger(load(x + i), m0);
  m1 = larger(loadEnd(x + i, (int32_t)(columns - i), least), m1);
  return larger(larger(m0, m1), larger(m2, m3));
}

template <bool IS_LOG> static void softmaxRow(const float* x, float* y, int64_t columns) {
  const int64_t whole = columns / LANES * LANES;
  const int32_t rest = (int32_t)(columns - whole);
  const Vector shift = splat(maxLanes(largestOf(x, columns)));
  const Vector tail = loadEnd(x + whole, rest, splat(-INFINITY_F)) - shift;
  const Vector tailExp = rest > 0 ? vectorExpOfNegative(tail) : Vector{};
  const double total = sumTerms(whole, tailExp, [&](int64_t i) {
    const Vector e = vectorExpOfNegative(load(x + i) - shift);
    if (!IS_LOG) store(y + i, e);
    __builtin_prefetch(x + columns + i); // the next row: its first pass has nothing to hide memory behind
    return e;
  });
  if (IS_LOG) {
    const Vector logSum = vectorLog(splat((float)total));
    for (int64_t i = 0; i < whole; i += LANES) store(y + i, (load(x + i) - shift) - logSum);
    storeEnd(y + whole, rest, tail - logSum);
  } else {
    const Vector scale = splat((float)(1.0 / total));
    for (int64_t i = 0; i < whole; i += LANES) store(y + i, load(y + i) * scale);
    storeEnd(y + whole, rest, tailExp * scale);
  }
}

// At most LANES rows of at most SOFTMAX_SHORT columns, by way of a buffer of whole vectors: reading back the
// part of a vector that was just written would wait for the store.
template <bool IS_LOG> static void softmaxShort(const float* x, float* y, int64_t columns, int32_t rows, float* buffer) {
  const int64_t whole = columns / LANES * LANES, padded = (columns + LANES - 1) / LANES * LANES;
  const int32_t rest = (int32_t)(columns - whole);
  const Vector least = splat(-INFINITY_F);
  Vector folded[LANES];
  alignas(64) float shifts[LANES], scales[LANES];
  for (int32_t r = 0; r < LANES; r++) folded[r] = least;
  for (int32_t r = 0; r < rows; r++) {
    const float* from = x + r * columns;
    Vector m = least;
    for (int64_t i = 0; i < whole; i += LANES) m = larger(load(from + i), m);
    if (rest > 0) {
      const Vector tail = loadEnd(from + whole, rest, least);
      store(buffer + r * padded + whole, tail);
      m = larger(tail, m);
    }
    folded[r] = m;
  }
  store(shifts, largestTogether(folded));
  for (int32_t r = 0; r < LANES; r++) folded[r] = Vector{};
  for (int32_t r = 0; r < rows; r++) {
    const float* from = x + r * columns;
    float* kept = buffer + r * padded;
    const Vector shift = splat(shifts[r]);
    Vector sum{};
    for (int64_t i = 0; i < padded; i += LANES) {
      const Vector difference = load(i < whole ? from + i : kept + i) - shift;
      const Vector e = vectorExpOfNegative(difference);
      store(kept + i, IS_LOG ? difference : e);
      sum += e;
    }
    folded[r] = sum;
  }
  const Vector total = sumTogether(folded);
  store(scales, IS_LOG ? vectorLog(total) : splat(1.0f) / total);
  for (int32_t r = 0; r < rows; r++) {
    const float* kept = buffer + r * padded;
    float* to = y + r * columns;
    const Vector scale = splat(scales[r]);
    auto result = [&](int64_t i) { return IS_LOG ? load(kept + i) - scale : load(kept + i) * scale; };
    for (int64_t i = 0; i < whole; i += LANES) store(to + i, result(i));
    if (rest > 0) storeEnd(to + whole, rest, result(whole));
  }
}

// y is the op's result. dx = y dy - y sum(y dy); of the logarithm dx = dy - exp(y) sum(dy).
template <bool IS_LOG> static inline Vector gradientTerm(Vector y, Vector dy) { return IS_LOG ? dy : y * dy; }
template <bool IS_LOG> static inline Vector gradientOf(Vector y, Vector dy, Vector total) {
  return IS_LOG ? dy - vectorExp(y) * total : y * (dy - total);
}
template <bool IS_LOG> static void gradientRow(const float* y, const float* dy, float* dx, int64_t columns, Vector total) {
  const int64_t whole = columns / LANES * LANES;
  const int32_t rest = (int32_t)(columns - whole);
  for (int64_t i = 0; i < whole; i += LANES) store(dx + i, gradientOf<IS_LOG>(load(y + i), load(dy + i), total));
  if (rest > 0)
    storeEnd(dx + whole, rest, gradientOf<IS_LOG>(loadEnd(y + whole, rest, Vector{}), loadEnd(dy + whole, rest, Vector{}), total));
}
template <bool IS_LOG> static void gradientRows(const float* y, const float* dy, float* dx, int64_t columns, int32_t rows) {
  const int64_t whole = columns / LANES * LANES;
  const int32_t rest = (int32_t)(columns - whole);
  auto term = [&](int64_t i) { return gradientTerm<IS_LOG>(load(y + i), load(dy + i)); };
  auto end = [&](int64_t at) {
    return gradientTerm<IS_LOG>(loadEnd(y + at, rest, Vector{}), loadEnd(dy + at, rest, Vector{}));
  };
  if (columns > SOFTMAX_SHORT) {
    const double total = sumTerms(whole, end(whole), term);
    return gradientRow<IS_LOG>(y, dy, dx, columns, splat((float)total));
  }
  Vector folded[LANES];
  alignas(64) float totals[LANES];
  for (int32_t r = 0; r < LANES; r++) folded[r] = Vector{};
  for (int32_t r = 0; r < rows; r++) {
    Vector sum = end(r * columns + whole);
    for (int64_t i = 0; i < whole; i += LANES) sum += term(r * columns + i);
    folded[r] = sum;
  }
  store(totals, sumTogether(folded));
  for (int32_t r = 0; r < rows; r++)
    gradientRow<IS_LOG>(y + r * columns, dy + r * columns, dx + r * columns, columns, splat(totals[r]));
}

// Calls body(first row, rows, scratch) for groups of rows that are computed together.
template <class Body> static void eachRowGroup(const FoveaCall& call, int64_t rows, int64_t columns, Body body) {
  if (rows * columns == 0) return;
  const int64_t group = columns > SOFTMAX_SHORT ? 1 : LANES;
  const int64_t groups = (rows + group - 1) / group;
  const int64_t perTask = 16384 / (columns * group) > 0 ? 16384 / (columns * group) : 1;
  auto task = [&](int64_t at, int32_t thread) {
    const int64_t end = (at + 1) * perTask < groups ? (at + 1) * perTask : groups;
    float* buffer = call.scratch<float>(thread);
    for (int64_t g = at * perTask; g < end; g++)
      body(g * group, (int32_t)(rows - g * group < group ? rows - g * group : group), buffer);
  };
  call.parallel((groups + perTask - 1) / perTask, task);
}

static void softmax(const FoveaCall& call) {
  const int64_t columns = call.parameters[1];
  const bool isLog = call.parameters[2] != 0;
  const float* x = call.operand<const float>(0);
  float* y = call.operand<float>(1);
  eachRowGroup(call, call.parameters[0], columns, [&](int64_t row, int32_t rows, float* buffer) {
    const float* from = x + row * columns;
    float* to = y + row * columns;
    if (columns > SOFTMAX_SHORT) return isLog ? softmaxRow<true>(from, to, columns) : softmaxRow<false>(from, to, columns);
    return isLog ? softmaxShort<true>(from, to, columns, rows, buffer) : softmaxShort<false>(from, to, columns, rows, buffer);
  });
}

static void softmaxGradient(const FoveaCall& call) {
  const int64_t columns = call.parameters[1];
  const bool isLog = call.parameters[2] != 0;
  const float *y = call.operand<const float>(0), *dy = call.operand<const float>(1);
  float* dx = call.operand<float>(2);
  eachRowGroup(call, call.parameters[0], columns, [&](int64_t row, int32_t rows, float*) {
    const int64_t at = row * columns;
    if (isLog) gradientRows<true>(y + at, dy + at, dx + at, columns, rows);
    else gradientRows<false>(y + at, dy + at, dx + at, columns, rows);
  });
}
