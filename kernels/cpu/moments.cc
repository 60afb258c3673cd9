// Mean and population variance of each channel of [rows, channels]. Blocks of rows small enough for L1 are
// read twice, first for their mean and then for squares about it, so that a mean far above the deviation
// costs no digits; blocks, and then the parts of the row range, are combined by Chan's formula in double.

constexpr int32_t MOMENTS_WIDTH = 256; // channels at a time
constexpr int32_t MOMENTS_ROWS = 32;   // rows a block: 32 KB with the above

// Adds (count b, mean, squares) to (count a, mean, squares).
static inline void combineMoments(double& mean, double& squares, double otherMean, double otherSquares, double a, double b) {
  const double weight = b / (a + b), d = otherMean - mean;
  mean += d * weight;
  squares += otherSquares + d * d * (a * weight);
}

// Folds `rows` rows of n values into the running moments, of which `before` rows are in already.
static void momentsFold(const float* x, int64_t stride, int64_t rows, int32_t n, int64_t before, double* mean, double* squares) {
  for (int64_t r = 0; r < rows; r += MOMENTS_ROWS) {
    const int32_t count = (int32_t)(rows - r < MOMENTS_ROWS ? rows - r : MOMENTS_ROWS);
    const float* block = x + r * stride;
    float sums[MOMENTS_WIDTH], blockMean[MOMENTS_WIDTH], deviations[MOMENTS_WIDTH];
    const float reciprocal = 1.0f / (float)count;
    for (int32_t i = 0; i < n; i++) sums[i] = deviations[i] = 0;
    // About the first row: a large mean would cost the sum its digits.
    for (int32_t k = 0; k < count; k++)
      for (int32_t i = 0; i < n; i++) sums[i] += block[k * stride + i] - block[i];
    for (int32_t i = 0; i < n; i++) blockMean[i] = block[i] + sums[i] * reciprocal, sums[i] = 0;
    for (int32_t k = 0; k < count; k++) {
      for (int32_t i = 0; i < n; i++) {
        const float d = block[k * stride + i] - blockMean[i];
        deviations[i] += d;
        sums[i] += d * d;
      }
    }
    const double a = (double)(before + r), b = (double)count;
    for (int32_t i = 0; i < n; i++) {
      const double left = (double)deviations[i] / b; // what rounding kept from the block's mean
      const double exact = (double)blockMean[i] + left;
      combineMoments(mean[i], squares[i], exact, (double)sums[i] - left * left * b, a, b);
    }
  }
}

static void moments(const FoveaCall& call) {
  const int64_t rows = call.parameters[0], channels = call.parameters[1];
  const float* x = call.operand<const float>(0);
  float *mean = call.operand<float>(1), *variance = call.operand<float>(2);
  double* partial = call.operand<double>(3); // [parts][channels] means, then as many sums of squares
  if (channels == 0) return;
  const int64_t tile = channels < MOMENTS_WIDTH ? channels : MOMENTS_WIDTH;
  const int64_t tiles = (channels + tile - 1) / tile;
  // Narrow rows join into wide ones, whose moments are combined at the end.
  int64_t group = channels < 64 ? MOMENTS_WIDTH / channels : 1;
  for (int64_t fewer = group; fewer > group / 2; fewer--) {
    if (fewer * channels % 16 != 0) continue; // whole vectors on every level
    group = fewer;
    break;
  }
  int64_t parts = rows * tile / 16384;
  parts = parts > FOVEA_PARTIAL_SUMS ? FOVEA_PARTIAL_SUMS : parts < 1 ? 1 : parts;
  double* partialSquares = partial + parts * channels;

  auto body = [&](int64_t task, int32_t) {
    const int64_t part = task % parts, column = task / parts * tile;
    const int32_t n = (int32_t)(channels - column < tile ? channels - column : tile);
    const int64_t begin = rows * part / parts, end = rows * (part + 1) / parts;
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
  call.parallel(tiles * parts, body);

  auto merge = [&](int64_t task, int32_t) {
    const int64_t first = task * 512, last = first + 512 < channels ? first + 512 : channels;
    for (int64_t c = first; c < last; c++) {
      double m = partial[c], s = partialSquares[c];
      for (int64_t part = 1; part < parts; part++) {
        const int64_t begin = rows * part / parts, end = rows * (part + 1) / parts;
        combineMoments(m, s, partial[part * channels + c], partialSquares[part * channels + c], (double)begin, (double)(end - begin));
      }
      mean[c] = rows == 0 ? NAN_F : (float)m;
      variance[c] = (float)((s < 0 ? 0 : s) / (double)rows);
    }
  };
  call.parallel((channels + 511) / 512, merge);
}
