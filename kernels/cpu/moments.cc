// Statistics of each channel of [rows, channels]: mean and population variance, and the two sums of a batch
// normalisation's gradient. Blocks of rows are summed in float about a point near their mean, so that a mean
// far above the deviation costs no digits; blocks, and then the parts of the row range, meet in double.

constexpr int32_t MOMENTS_WIDTH = 256; // channels at a time
constexpr int32_t MOMENTS_ROWS = 64;   // rows summed in float

// Adds (count b, mean, squares) to (count a, mean, squares), by Chan's formula.
static inline void combineMoments(double& mean, double& squares, double otherMean, double otherSquares, double a, double b) {
  const double weight = b / (a + b), d = otherMean - mean;
  mean += d * weight;
  squares += otherSquares + d * d * (a * weight);
}

// Sums over `count` rows of N vectors of columns, all in registers: of x - shift, and of its square.
template <int32_t N, class Load>
static inline void momentsBlock(int32_t count, Load load, const Vector* shift, Vector* sum, Vector* squares) {
  Vector s[N], q[N];
  for (int32_t v = 0; v < N; v++) s[v] = q[v] = Vector{};
  for (int32_t k = 0; k < count; k++) {
    for (int32_t v = 0; v < N; v++) {
      const Vector d = load(k, v) - shift[v];
      s[v] += d;
      q[v] += d * d;
    }
  }
  for (int32_t v = 0; v < N; v++) sum[v] = s[v], squares[v] = q[v];
}

// Folds `rows` rows of n values into the running moments, of which `before` rows are in already. The point is
// the running mean: where that is far from the block's, the distance itself is most of the variance.
static void momentsFold(const float* x, int64_t stride, int64_t rows, int32_t n, int64_t before, double* mean, double* squares) {
  for (int64_t r = 0; r < rows; r += MOMENTS_ROWS) {
    const int32_t count = (int32_t)(rows - r < MOMENTS_ROWS ? rows - r : MOMENTS_ROWS);
    const float* block = x + r * stride;
    const double a = (double)(before + r), b = (double)count, reciprocal = 1.0 / b, weight = b / (a + b), spread = a * weight;
    constexpr int32_t step = 4 * LANES;
    for (int32_t i = 0; i < n; i += step) {
      const int32_t width = n - i < step ? n - i : step;
      alignas(64) float shift[step], sum[step], square[step];
      if (before + r > 0) {
        for (int32_t j = 0; j < width; j++) shift[j] = (float)mean[i + j];
      } else { // some rows' mean: a single one may be far out
        const int32_t some = count < 8 ? count : 8;
        for (int32_t j = 0; j < width; j++) {
          float offset = 0;
          for (int32_t k = 1; k < some; k++) offset += block[k * stride + i + j] - block[i + j];
          shift[j] = block[i + j] + offset / (float)some;
        }
      }
      Vector* shifts = (Vector*)shift;
      Vector *sums = (Vector*)sum, *spreads = (Vector*)square;
      const float* from = block + i;
      if (width == step) {
        momentsBlock<4>(count, [&](int32_t k, int32_t v) { return load(from + k * stride + v * LANES); }, shifts, sums, spreads);
      } else {
        for (int32_t v = 0; v * LANES < width; v++) {
          const int32_t lanes = width - v * LANES < LANES ? width - v * LANES : LANES;
          momentsBlock<1>(
              count, [&](int32_t k, int32_t) { return loadEnd(from + k * stride + v * LANES, lanes, Vector{}); }, shifts + v,
              sums + v, spreads + v);
        }
      }
      for (int32_t j = 0; j < width; j++) {
        const double offset = (double)sum[j] * reciprocal, d = (double)shift[j] + offset - mean[i + j];
        mean[i + j] += d * weight;
        squares[i + j] += (double)square[j] - (double)sum[j] * offset + d * d * spread;
      }
    }
  }
}

// How [rows, channels] is cut: narrow rows join into wide ones of `group`, whose results meet at the end.
struct ChannelCut {
  int64_t tile, tiles, group, parts;
};
static ChannelCut cutChannels(int64_t rows, int64_t channels) {
  ChannelCut cut;
  cut.tile = channels < MOMENTS_WIDTH ? channels : MOMENTS_WIDTH;
  cut.tiles = (channels + cut.tile - 1) / cut.tile;
  cut.group = channels < 64 ? MOMENTS_WIDTH / channels : 1;
  for (int64_t fewer = cut.group; fewer > cut.group / 2; fewer--) {
    if (fewer * channels % 16 != 0) continue; // whole vectors on every level
    cut.group = fewer;
    break;
  }
  cut.parts = rows * cut.tile / 16384;
  cut.parts = cut.parts > FOVEA_PARTIAL_SUMS ? FOVEA_PARTIAL_SUMS : cut.parts < 1 ? 1 : cut.parts;
  return cut;
}

static void moments(const FoveaCall& call) {
  const int64_t rows = call.parameters[0], channels = call.parameters[1];
  const float* x = call.operand<const float>(0);
  float *mean = call.operand<float>(1), *variance = call.operand<float>(2);
  double* partial = call.operand<double>(3); // [parts][channels] means, then as many sums of squares
  if (channels == 0) return;
  const ChannelCut cut = cutChannels(rows, channels);
  double* partialSquares = partial + cut.parts * channels;

  auto body = [&](int64_t task, int32_t) {
    const int64_t part = task % cut.parts, column = task / cut.parts * cut.tile, group = cut.group;
    const int32_t n = (int32_t)(channels - column < cut.tile ? channels - column : cut.tile);
    const int64_t begin = rows * part / cut.parts, end = rows * (part + 1) / cut.parts;
    const int64_t wide = (end - begin) / group;
    const int32_t lanes = (int32_t)(n * group);
    double means[MOMENTS_WIDTH], squares[MOMENTS_WIDTH];
    for (int32_t i = 0; i < lanes; i++) means[i] = squares[i] = 0;
    momentsFold(x + begin * channels + column, channels * group, wide, lanes, 0, means, squares);
    if (wide > 0)
      for (int32_t g = 1; g < group; g++)
        for (int32_t i = 0; i < n; i++)
          combineMoments(means[i], squares[i], means[g * n + i], squares[g * n + i], (double)(g * wide), (double)wide);
    const int64_t done = wide * group;
    momentsFold(x + (begin + done) * channels + column, channels, end - begin - done, n, done, means, squares);
    for (int32_t i = 0; i < n; i++) {
      partial[part * channels + column + i] = means[i];
      partialSquares[part * channels + column + i] = squares[i];
    }
  };
  call.parallel(cut.tiles * cut.parts, body);

  auto merge = [&](int64_t task, int32_t) {
    const int64_t first = task * 512, last = first + 512 < channels ? first + 512 : channels;
    for (int64_t c = first; c < last; c++) {
      double m = partial[c], s = partialSquares[c];
      for (int64_t part = 1; part < cut.parts; part++) {
        const int64_t begin = rows * part / cut.parts, end = rows * (part + 1) / cut.parts;
        combineMoments(m, s, partial[part * channels + c], partialSquares[part * channels + c], (double)begin, (double)(end - begin));
      }
      mean[c] = rows == 0 ? NAN_F : (float)m;
      variance[c] = (float)((s < 0 ? 0 : s) / (double)rows);
    }
  };
  call.parallel((channels + 511) / 512, merge);
}

// Rows begin..end-1 of N vectors of columns.
template <int32_t N, class Load>
static inline void channelSumsBlock(const float* dy, const float* x, int64_t stride, int64_t begin, int64_t end, int32_t lanes,
                                    const float* mean, double* sums, double* products, Load loadAt) {
  Vector m[N], s[N], p[N];
  for (int32_t v = 0; v < N; v++) {
    m[v] = loadAt(mean + v * LANES);
    s[v] = p[v] = Vector{};
  }
  for (int64_t k = begin; k < end; k++) {
    for (int32_t v = 0; v < N; v++) {
      const Vector g = loadAt(dy + k * stride + v * LANES);
      s[v] += g;
      p[v] += g * (loadAt(x + k * stride + v * LANES) - m[v]);
    }
  }
  alignas(64) float sum[N * LANES], product[N * LANES];
  for (int32_t v = 0; v < N; v++) {
    store(sum + v * LANES, s[v]);
    store(product + v * LANES, p[v]);
  }
  for (int32_t j = 0; j < lanes; j++) {
    sums[j] += (double)sum[j];
    products[j] += (double)product[j];
  }
}

// Adds the sums of dy and of dy (x - mean) over `rows` rows of n values; `mean` repeats as the columns do.
static void channelSumsFold(const float* dy, const float* x, int64_t stride, int64_t rows, int32_t n, const float* mean, double* sums,
                            double* products) {
  for (int64_t r = 0; r < rows; r += MOMENTS_ROWS) {
    const int64_t end = rows - r < MOMENTS_ROWS ? rows : r + MOMENTS_ROWS;
    int32_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES)
      channelSumsBlock<4>(dy + i, x + i, stride, r, end, 4 * LANES, mean + i, sums + i, products + i, [](const float* p) { return load(p); });
    for (; i < n; i += LANES) {
      const int32_t lanes = n - i < LANES ? n - i : LANES;
      channelSumsBlock<1>(dy + i, x + i, stride, r, end, lanes, mean + i, sums + i, products + i,
                          [lanes](const float* p) { return loadEnd(p, lanes, Vector{}); });
    }
  }
}

static void channelSums(const FoveaCall& call) {
  const int64_t rows = call.parameters[0], channels = call.parameters[1];
  const float *dy = call.operand<const float>(0), *x = call.operand<const float>(1), *mean = call.operand<const float>(2);
  float *sum = call.operand<float>(3), *product = call.operand<float>(4);
  double* partial = call.operand<double>(5); // [parts][channels] sums, then as many of products
  if (channels == 0) return;
  const ChannelCut cut = cutChannels(rows, channels);
  double* partialProducts = partial + cut.parts * channels;

  auto body = [&](int64_t task, int32_t) {
    const int64_t part = task % cut.parts, column = task / cut.parts * cut.tile, group = cut.group;
    const int32_t n = (int32_t)(channels - column < cut.tile ? channels - column : cut.tile);
    const int64_t begin = rows * part / cut.parts, end = rows * (part + 1) / cut.parts;
    const int64_t wide = (end - begin) / group, done = wide * group, at = begin * channels + column;
    float means[MOMENTS_WIDTH];
    double sums[MOMENTS_WIDTH], products[MOMENTS_WIDTH];
    for (int32_t i = 0; i < (int32_t)(n * group); i++) {
      means[i] = mean[column + i % n];
      sums[i] = products[i] = 0;
    }
    channelSumsFold(dy + at, x + at, channels * group, wide, (int32_t)(n * group), means, sums, products);
    for (int32_t g = 1; g < group; g++) {
      for (int32_t i = 0; i < n; i++) {
        sums[i] += sums[g * n + i];
        products[i] += products[g * n + i];
      }
    }
    const int64_t rest = at + done * channels;
    channelSumsFold(dy + rest, x + rest, channels, end - begin - done, n, means, sums, products);
    for (int32_t i = 0; i < n; i++) {
      partial[part * channels + column + i] = sums[i];
      partialProducts[part * channels + column + i] = products[i];
    }
  };
  call.parallel(cut.tiles * cut.parts, body);

  for (int64_t c = 0; c < channels; c++) {
    double s = 0, p = 0;
    for (int64_t part = 0; part < cut.parts; part++) {
      s += partial[part * channels + c];
      p += partialProducts[part * channels + c];
    }
    sum[c] = (float)s;
    product[c] = (float)p;
  }
}
