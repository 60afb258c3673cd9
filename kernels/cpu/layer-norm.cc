// Layer normalisation of [rows, columns], every row by its own mean and variance, and its gradient: one way through
// memory each, for a row stays in the first cache. The sums down the columns of a gradient are taken over some rows
// in float, above that in double.

constexpr int32_t LAYER_ROWS = 64; // rows summed in float
constexpr int32_t LAYER_GROUP = 4; // rows that share a way through the column sums

static void layerNorm(const FoveaCall& call) {
  const int64_t rows = call.parameters[0], columns = call.parameters[1];
  const double epsilon = (double)call.parameterFloat(2), count = (double)columns;
  const float *x = call.operand<const float>(0), *gamma = call.operand<const float>(1), *beta = call.operand<const float>(2);
  float *y = call.operand<float>(3), *means = call.operand<float>(4), *inverses = call.operand<float>(5);
  if (rows * columns == 0) return;
  const int64_t whole = columns / LANES * LANES, perTask = 16384 / columns > 0 ? 16384 / columns : 1;
  const int32_t rest = (int32_t)(columns - whole);
  auto body = [&](int64_t task, int32_t) {
    const int64_t end = (task + 1) * perTask < rows ? (task + 1) * perTask : rows;
    for (int64_t row = task * perTask; row < end; row++) {
      const float* from = x + row * columns;
      float* to = y + row * columns;
      const double mean = sumTerms(whole, loadEnd(from + whole, rest, Vector{}), [from](int64_t i) { return load(from + i); }) / count;
      const Vector shift = splat((float)mean), tail = loadEnd(from + whole, rest, shift) - shift;
      const double squares = sumTerms(whole, tail * tail, [&](int64_t i) {
        __builtin_prefetch(from + columns + i); // the next row
        const Vector d = load(from + i) - shift;
        return d * d;
      });
      const double off = mean - (double)(float)mean, variance = squares / count - off * off;
      const float inverse = (float)(1.0 / __builtin_sqrt((variance > 0 ? variance : variance == variance ? 0 : variance) + epsilon));
      means[row] = (float)mean;
      inverses[row] = inverse;
      const Vector scale = splat(inverse);
      for (int64_t i = 0; i < whole; i += LANES) store(to + i, (load(from + i) - shift) * scale * load(gamma + i) + load(beta + i));
      if (rest > 0)
        storeEnd(to + whole, rest, tail * scale * loadEnd(gamma + whole, rest, Vector{}) + loadEnd(beta + whole, rest, Vector{}));
    }
  };
  call.parallel((rows + perTask - 1) / perTask, body);
}

struct LayerGradient {
  const float *dy, *x, *means, *inverses, *gamma;
  float* dx;
  int64_t columns;
};

// dx of N rows, whose part of dGamma and dBeta is added to the sums, `padded` apart.
template <int32_t N>
static void layerNormGradientRows(const LayerGradient& g, int64_t row, float* sums, int64_t padded) {
  const int64_t columns = g.columns, at = row * columns;
  auto sum = [](Vector a, Vector b) { return a + b; };
  Vector mean[N], inverse[N];
  double total[N], product[N];
  for (int32_t r = 0; r < N; r++) {
    mean[r] = splat(g.means[row + r]);
    inverse[r] = splat(g.inverses[row + r]);
    total[r] = product[r] = 0;
  }
  auto normal = [&](Vector x, int32_t r) { return (x - mean[r]) * inverse[r]; };
  for (int64_t i = 0; i < columns;) {
    const int64_t end = columns - i < FLOAT_STRETCH ? columns : i + FLOAT_STRETCH;
    Vector s[N], p[N];
    for (int32_t r = 0; r < N; r++) s[r] = p[r] = Vector{};
    auto add = [&](Vector scale, auto loadAt) {
      Vector dGamma = load(sums + i), dBeta = load(sums + padded + i);
      for (int32_t r = 0; r < N; r++) {
        const Vector dy = loadAt(g.dy + at + r * columns + i), n = normal(loadAt(g.x + at + r * columns + i), r);
        const Vector d = dy * scale;
        dGamma += dy * n;
        dBeta += dy;
        s[r] += d;
        p[r] += d * n;
      }
      store(sums + i, dGamma);
      store(sums + padded + i, dBeta);
    };
    for (; i + LANES <= end; i += LANES) add(load(g.gamma + i), [](const float* p) { return load(p); });
    if (i < end) {
      const int32_t rest = (int32_t)(end - i);
      add(loadEnd(g.gamma + i, rest, Vector{}), [rest](const float* p) { return loadEnd(p, rest, Vector{}); });
      i = end;
    }
    for (int32_t r = 0; r < N; r++) {
      total[r] += (double)foldAcross(s[r], sum);
      product[r] += (double)foldAcross(p[r], sum);
    }
  }
  Vector m[N], q[N];
  for (int32_t r = 0; r < N; r++) {
    m[r] = splat((float)(total[r] / (double)columns));
    q[r] = splat((float)(product[r] / (double)columns));
  }
  const int64_t whole = columns / LANES * LANES;
  for (int64_t i = 0; i < whole; i += LANES) {
    const Vector scale = load(g.gamma + i);
    for (int32_t r = 0; r < N; r++) {
      const int64_t here = at + r * columns + i;
      store(g.dx + here, inverse[r] * (load(g.dy + here) * scale - m[r] - normal(load(g.x + here), r) * q[r]));
    }
  }
  const int32_t rest = (int32_t)(columns - whole);
  for (int32_t r = 0; r < N && rest > 0; r++) {
    const int64_t here = at + r * columns + whole;
    const Vector d = loadEnd(g.dy + here, rest, Vector{}) * loadEnd(g.gamma + whole, rest, Vector{});
    storeEnd(g.dx + here, rest, inverse[r] * (d - m[r] - normal(loadEnd(g.x + here, rest, Vector{}), r) * q[r]));
  }
}

static void layerNormGradient(const FoveaCall& call) {
  const int64_t rows = call.parameters[0], columns = call.parameters[1];
  const LayerGradient g = {call.operand<const float>(0), call.operand<const float>(1), call.operand<const float>(2),
                           call.operand<const float>(3), call.operand<const float>(4), call.operand<float>(5), columns};
  float *dGamma = call.operand<float>(6), *dBeta = call.operand<float>(7);
  double* partial = call.operand<double>(8); // [parts][dGamma, dBeta][columns]
  if (columns == 0) return;
  int64_t parts = rows * columns / 16384;
  parts = parts > rows ? rows : parts;
  parts = parts > FOVEA_PARTIAL_SUMS ? FOVEA_PARTIAL_SUMS : parts < 1 ? 1 : parts;
  const int64_t padded = (columns + LANES - 1) / LANES * LANES;
  auto body = [&](int64_t part, int32_t thread) {
    float* sums = call.scratch<float>(thread);
    double* own = partial + 2 * part * columns;
    for (int64_t i = 0; i < 2 * columns; i++) own[i] = 0;
    const int64_t last = rows * (part + 1) / parts;
    for (int64_t row = rows * part / parts; row < last;) {
      const int64_t end = last - row < LAYER_ROWS ? last : row + LAYER_ROWS;
      for (int64_t i = 0; i < 2 * padded; i += LANES) store(sums + i, Vector{});
      for (; row + LAYER_GROUP <= end; row += LAYER_GROUP) layerNormGradientRows<LAYER_GROUP>(g, row, sums, padded);
      for (; row < end; row++) layerNormGradientRows<1>(g, row, sums, padded);
      for (int64_t i = 0; i < columns; i++) {
        own[i] += (double)sums[i];
        own[columns + i] += (double)sums[padded + i];
      }
    }
  };
  call.parallel(parts, body);
  auto merge = [&](int64_t task, int32_t) {
    const int64_t first = task * 512, last = first + 512 < columns ? first + 512 : columns;
    for (int64_t part = 1; part < parts; part++)
      for (int64_t i = first; i < last; i++) {
        partial[i] += partial[2 * part * columns + i];
        partial[columns + i] += partial[(2 * part + 1) * columns + i];
      }
    for (int64_t i = first; i < last; i++) {
      dGamma[i] = (float)partial[i];
      dBeta[i] = (float)partial[columns + i];
    }
  };
  call.parallel((columns + 511) / 512, merge);
}
