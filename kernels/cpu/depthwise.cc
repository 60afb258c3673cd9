// Depthwise convolution: every channel has its own filter, so vectors run over channels, and a tile of
// neighbouring pixels of one line shares each loaded pixel between the taps that want it. The input's
// gradient is the same by phases of the stride. The filter's gradient: depthwise-gradient.cc.

// Pixels of a tile: with the taps of a filter line and one pixel they fit 16 registers.
constexpr int32_t LINE_PIXELS = 7;

template <class T> struct Depthwise {
  Geometry geometry;
  bool isTurned; // source is dy, out is dx
  const T *source, *filter;
  T* out;
  const float* bias;
  const T* residual;
  int32_t activation;
  float alpha;
  int32_t multiplier;
  int32_t sourceHeight, sourceWidth, outHeight, outWidth;
  int64_t sourceChannels, outChannels;
};

// A piece of work in one picture: lines [top, bottom), columns [left, right), channels [from, until) of the output.
// It goes down the lines, so that all but one of the source's lines come from L1.
struct DepthwiseUnit {
  int64_t image, top, bottom, left, right, from, until;
};

// A tile: the source at its first pixel's first tap (which may lie outside), and where to write.
template <class T> struct DepthwiseTile {
  const T *source, *filter;
  T* out;
  int64_t toLine, toPixel, filterLine, filterColumn, toOut; // steps
  int32_t lines;   // taps of a column that are inside
  int32_t count;   // pixels to write
  uint32_t inside; // bit q: source pixel q of the tile is inside and wanted
  int64_t channels;
  const float* bias; // of the first channel
  const T* residual; // of the first pixel
  int32_t activation;
  float alpha;
};

// Residuals and curved activations, seldom after a depthwise convolution.
template <class T> FOVEA_SELDOM void finishTile(Vector* sum, const DepthwiseTile<T>& t, int64_t at) {
  if (t.residual)
    for (int32_t p = 0; p < t.count; p++) sum[p] += load(t.residual + p * t.toOut + at);
  if (t.activation) activateRows((float*)sum, 1, t.count * LANES, 0, t.activation, t.alpha);
  for (int32_t p = 0; p < t.count; p++) store(t.out + p * t.toOut + at, sum[p]);
}

// TAPS neighbouring taps of a filter line, outputs STEP source pixels apart. IS_EDGE: some pixel is outside or
// not wanted.
template <class T, int32_t TAPS, int32_t STEP, bool IS_EDGE> static void depthwiseTile(const DepthwiseTile<T>& t) {
  constexpr int32_t COLUMNS = (LINE_PIXELS - 1) * STEP + TAPS;
  const int64_t toLine = t.toLine, toPixel = t.toPixel, filterLine = t.filterLine, filterColumn = t.filterColumn;
  const int64_t channels = t.channels, toOut = t.toOut;
  const int32_t lines = t.lines, count = t.count;
  const bool isClamped = t.activation == FOVEA_ACTIVATION_RELU || t.activation == FOVEA_ACTIVATION_RELU6;
  const bool isRest = t.residual || (t.activation && !isClamped);
  const Vector most = splat(t.activation == FOVEA_ACTIVATION_RELU6 ? 6.0f : __builtin_inff());
  for (int64_t c = 0; c < channels; c += LANES) {
    const int64_t at = smaller(c, channels - LANES); // the last vector may overlap the one before
    const Vector bias = t.bias ? load(t.bias + at) : Vector{};
    Vector sum[LINE_PIXELS];
#pragma GCC unroll 8
    for (int32_t p = 0; p < LINE_PIXELS; p++) sum[p] = bias;
    const T* source = t.source + at;
    const T* filter = t.filter + at;
    for (int32_t a = 0; a < lines; a++, source += toLine, filter += filterLine) {
      Vector tap[TAPS];
#pragma GCC unroll 8
      for (int32_t b = 0; b < TAPS; b++) tap[b] = load(filter + b * filterColumn);
      const T* pixel = source;
#pragma GCC unroll 20
      for (int32_t q = 0; q < COLUMNS; q++, pixel += toPixel) {
        if (IS_EDGE && !(t.inside >> q & 1)) continue;
        const Vector v = inRegister(load(pixel));
#pragma GCC unroll 8
        for (int32_t b = 0; b < TAPS; b++)
          if (q >= b && (q - b) % STEP == 0 && (q - b) / STEP < LINE_PIXELS) sum[(q - b) / STEP] += v * tap[b];
      }
    }
    if (isRest) {
      Vector copy[LINE_PIXELS]; // whose address may be taken without driving the sums out of registers
#pragma GCC unroll 8
      for (int32_t p = 0; p < LINE_PIXELS; p++) copy[p] = sum[p];
      finishTile(copy, t, at);
      continue;
    }
    if (isClamped)
#pragma GCC unroll 8
      for (int32_t p = 0; p < LINE_PIXELS; p++) {
        sum[p] = sum[p] < Vector{} ? Vector{} : sum[p];
        sum[p] = sum[p] > most ? most : sum[p];
      }
    T* to = t.out + at;
#pragma GCC unroll 8
    for (int32_t p = 0; p < LINE_PIXELS; p++, to += toOut)
      if (!IS_EDGE || p < count) store(to, sum[p]);
  }
}
template <class T, int32_t TAPS, int32_t STEP> static void anyDepthwiseTile(const DepthwiseTile<T>& t) {
  const bool isWhole = t.count == LINE_PIXELS && t.inside == (1u << ((LINE_PIXELS - 1) * STEP + TAPS)) - 1;
  if (isWhole && TAPS > 1) depthwiseTile<T, TAPS, STEP, TAPS == 1>(t);
  else depthwiseTile<T, TAPS, STEP, true>(t);
}

template <class T> using DepthwiseTileKernel = void (*)(const DepthwiseTile<T>&);
template <class T> static DepthwiseTileKernel<T> depthwiseTileOf(const Axis& w) {
  if (w.step == 2 && w.delta == 1) {
    if (w.taps == 3) return anyDepthwiseTile<T, 3, 2>;
    if (w.taps == 5) return anyDepthwiseTile<T, 5, 2>;
  }
  if (w.step != 1 || (w.delta != 1 && w.taps > 1)) return nullptr;
  switch (w.taps) {
  case 1: return anyDepthwiseTile<T, 1, 1>;
  case 2: return anyDepthwiseTile<T, 2, 1>;
  case 3: return anyDepthwiseTile<T, 3, 1>;
  case 5: return anyDepthwiseTile<T, 5, 1>;
  case 7: return anyDepthwiseTile<T, 7, 1>;
  default: return nullptr;
  }
}

// The taps of an axis that lie inside for output position i: [from, until).
static inline void insideTaps(const Axis& axis, int32_t i, int32_t size, int32_t& from, int32_t& until) {
  const int32_t first = i * axis.step + axis.base;
  from = 0;
  while (from < axis.taps && first + from * axis.delta < 0) from++;
  until = axis.taps;
  while (until > from && first + (until - 1) * axis.delta >= size) until--;
}

// The source's channels of output channels channel..channel+count-1, and what they are multiplied with.
template <class T> FOVEA_SELDOM Vector loadRepeated(const T* x, int64_t channel, int64_t count, int32_t multiplier) {
  T values[LANES] = {};
  for (int32_t i = 0; i < LANES; i++)
    if (i < count) values[i] = x[(channel + i) / multiplier];
  return load(values);
}
template <class T> FOVEA_SELDOM Vector loadStrided(const T* p, int64_t count, int64_t stride) {
  T values[LANES] = {};
  for (int32_t i = 0; i < LANES; i++)
    if (i < count) values[i] = p[i * stride];
  return load(values);
}

// One pixel of any geometry. The source begins at channel 0, filter and output at the unit's first channel.
template <class T>
static void depthwisePixel(const Depthwise<T>& g, const DepthwiseUnit& unit, const DepthwiseTile<T>& t, int64_t toColumn,
                           int32_t columns) {
  for (int64_t c = 0; c < t.channels; c += LANES) {
    const int64_t count = t.channels - c, channel = unit.from + c;
    Vector sum = {};
    for (int32_t a = 0; a < t.lines; a++) {
      const T* source = t.source + a * t.toLine;
      const T* filter = t.filter + a * t.filterLine;
      for (int32_t b = 0; b < columns; b++, source += toColumn, filter += t.filterColumn) {
        if (g.multiplier == 1) sum += loadSome(source + channel, count) * loadSome(filter + c, count);
        else if (!g.isTurned) sum += loadRepeated(source, channel, count, g.multiplier) * loadSome(filter + c, count);
        else
          for (int32_t m = 0; m < g.multiplier; m++)
            sum += loadStrided(source + channel * g.multiplier + m, count, g.multiplier) *
                   loadStrided(filter + c * g.multiplier + m, count, g.multiplier);
      }
    }
    if (t.bias) sum += loadSome(t.bias + c, count);
    if (t.residual) sum += loadSome(t.residual + c, count);
    if (t.activation) sum = activate(sum, t.activation, t.alpha);
    storeSome(t.out + c, sum, count);
  }
}

template <class T>
static void depthwiseLine(const Depthwise<T>& g, const Axis& h, const Axis& w, const DepthwiseUnit& unit, int32_t i) {
  int32_t lineFrom, lineUntil;
  insideTaps(h, i, g.sourceHeight, lineFrom, lineUntil);
  const int64_t y = (int64_t)i * h.step + h.base + (int64_t)lineFrom * h.delta;
  const T* line = g.source + (unit.image * g.sourceHeight + y) * g.sourceWidth * g.sourceChannels;
  const int64_t filterChannels = g.geometry.cout;
  const T* filter = g.filter + (int64_t)(h.firstTap + lineFrom * h.tapStep) * g.geometry.kw * filterChannels +
                    unit.from * (g.isTurned ? g.multiplier : 1);
  const int64_t firstOut =
      ((unit.image * g.outHeight + h.outBase + (int64_t)i * h.outStep) * g.outWidth + w.outBase) * g.outChannels + unit.from;
  DepthwiseTile<T> t;
  t.channels = unit.until - unit.from;
  t.lines = lineUntil - lineFrom;
  t.toLine = (int64_t)h.delta * g.sourceWidth * g.sourceChannels;
  t.toPixel = g.sourceChannels;
  t.filterLine = (int64_t)h.tapStep * g.geometry.kw * filterChannels;
  t.filterColumn = (int64_t)w.tapStep * filterChannels;
  t.toOut = w.outStep * g.outChannels;
  t.bias = g.bias ? g.bias + unit.from : nullptr;
  t.residual = nullptr;
  t.activation = g.activation, t.alpha = g.alpha;
  const DepthwiseTileKernel<T> tile = g.multiplier == 1 && t.channels >= LANES ? depthwiseTileOf<T>(w) : nullptr;
  // The phase's outputs of the unit's columns.
  const int32_t begin = (int32_t)larger(0, divideUp(unit.left - w.outBase, w.outStep));
  const int32_t end = (int32_t)smaller(w.count, divideUp(unit.right - w.outBase, w.outStep));
  for (int32_t j = begin; j < end; j += t.count) {
    const int32_t first = j * w.step + w.base;
    const int64_t out = firstOut + j * t.toOut;
    t.out = g.out + out;
    if (g.residual) t.residual = g.residual + out;
    if (tile) {
      t.count = (int32_t)smaller(LINE_PIXELS, end - j);
      const int32_t from = (int32_t)larger(0, -first);
      const int32_t until = (int32_t)smaller((t.count - 1) * w.step + w.taps, (int64_t)g.sourceWidth - first);
      t.inside = until <= from ? 0 : ((1u << until) - 1) & ~((1u << from) - 1);
      t.source = line + (int64_t)first * g.sourceChannels + unit.from;
      t.filter = filter + (int64_t)w.firstTap * filterChannels;
      tile(t);
    } else {
      int32_t from, until;
      insideTaps(w, j, g.sourceWidth, from, until);
      t.count = 1;
      t.source = line + (first + (int64_t)from * w.delta) * g.sourceChannels;
      t.filter = filter + (int64_t)(w.firstTap + from * w.tapStep) * filterChannels;
      depthwisePixel(g, unit, t, (int64_t)w.delta * g.sourceChannels, until - from);
    }
  }
}

// Bytes of the source's lines that a unit wants to find in L1.
constexpr int64_t UNIT_BYTES = 24 << 10;

template <class T> static void runDepthwise(const FoveaCall& call, const Depthwise<T>& g) {
  const Geometry& geometry = g.geometry;
  if (geometry.n <= 0 || g.outChannels <= 0 || g.outHeight <= 0 || g.outWidth <= 0) return;
  const int64_t wanted = 4 * (int64_t)foveaThreadCount(call.pool);
  const int64_t work = (int64_t)geometry.kh * geometry.kw * g.outWidth * g.outChannels;
  // Columns in whole tiles of every phase, then strips of channels, then lines.
  const int64_t tileColumns = LINE_PIXELS * (g.isTurned ? geometry.strideW : 1);
  const int64_t perColumn = (int64_t)sizeof(T) * geometry.kh * (g.isTurned ? 1 : geometry.strideW);
  const int64_t leastStrip = smaller(g.outChannels, 128);
  const int64_t most = larger(1, UNIT_BYTES / (perColumn * leastStrip * tileColumns));
  const int64_t blocks = divideUp(divideUp(g.outWidth, tileColumns), most);
  const int64_t columns = divideUp(divideUp(g.outWidth, tileColumns), blocks) * tileColumns;
  const int64_t acrosses = divideUp(g.outWidth, columns);
  int64_t strips = g.outChannels / larger(2 * LANES, UNIT_BYTES / (perColumn * smaller(columns, g.outWidth)));
  const int64_t total = work * g.outHeight * geometry.n;
  const int64_t pieces = smaller(wanted, divideUp(total, 1 << 14)); // smaller ones are not worth a thread
  strips = larger(1, smaller(g.outChannels / (2 * LANES), strips));
  const int64_t needed = divideUp(pieces, geometry.n * acrosses * strips);
  const int64_t perUnit = divideUp(g.outHeight, needed);
  const int64_t cuts = divideUp(g.outHeight, perUnit);
  auto body = [&](int64_t block, int32_t) {
    const int64_t across = block % acrosses, s = block / acrosses % strips, cut = block / acrosses / strips % cuts;
    DepthwiseUnit unit;
    unit.image = block / acrosses / strips / cuts;
    unit.top = cut * perUnit, unit.bottom = smaller(g.outHeight, unit.top + perUnit);
    unit.left = across * columns, unit.right = smaller(g.outWidth, unit.left + columns);
    unit.from = stripFrom(s, strips, g.outChannels), unit.until = stripFrom(s + 1, strips, g.outChannels);
    for (int64_t y = unit.top; y < unit.bottom; y++) {
      if (!g.isTurned) {
        depthwiseLine(g, forwardAxis(geometry.kh, geometry.oh, geometry.strideH, geometry.padTop, geometry.dilationH),
                      forwardAxis(geometry.kw, geometry.ow, geometry.strideW, geometry.padLeft, geometry.dilationW), unit,
                      (int32_t)y);
        continue;
      }
      const Axis h = gradientAxis(geometry.h, geometry.kh, geometry.strideH, geometry.padTop, geometry.dilationH,
                                  (int32_t)y % geometry.strideH);
      for (int32_t phase = 0; phase < geometry.strideW; phase++)
        depthwiseLine(g, h, gradientAxis(geometry.w, geometry.kw, geometry.strideW, geometry.padLeft, geometry.dilationW, phase),
                      unit, (int32_t)y / geometry.strideH);
    }
  };
  call.parallel(geometry.n * cuts * strips * acrosses, body);
}

template <class T> static void runDepthwiseForward(const FoveaCall& call) {
  Depthwise<T> g = {};
  const Geometry& geometry = g.geometry = geometryOf(call);
  g.source = call.operand<const T>(0);
  g.filter = call.operand<const T>(1);
  g.bias = call.operand<const float>(2);
  g.residual = call.operand<const T>(3);
  g.activation = call.parameters[GEOMETRY_WORDS];
  g.alpha = call.parameterFloat(GEOMETRY_WORDS + 1);
  g.out = call.operand<T>(4);
  if (geometry.cin <= 0) return;
  g.multiplier = geometry.cout / geometry.cin;
  g.sourceHeight = geometry.h, g.sourceWidth = geometry.w, g.sourceChannels = geometry.cin;
  g.outHeight = geometry.oh, g.outWidth = geometry.ow, g.outChannels = geometry.cout;
  runDepthwise(call, g);
}
void depthwiseConv2d(const FoveaCall& call) {
  if (call.parameters[GEOMETRY_WORDS + 2] == FOVEA_BFLOAT16) runDepthwiseForward<Bfloat16>(call);
  else runDepthwiseForward<float>(call);
}

template <class T> static void runDepthwiseInputGradient(const FoveaCall& call) {
  Depthwise<T> g = {};
  const Geometry& geometry = g.geometry = geometryOf(call);
  g.isTurned = true;
  g.source = call.operand<const T>(0);
  g.filter = call.operand<const T>(1);
  g.out = call.operand<T>(2);
  if (geometry.cin <= 0) return;
  g.multiplier = geometry.cout / geometry.cin;
  g.sourceHeight = geometry.oh, g.sourceWidth = geometry.ow, g.sourceChannels = geometry.cout;
  g.outHeight = geometry.h, g.outWidth = geometry.w, g.outChannels = geometry.cin;
  runDepthwise(call, g);
}
void depthwiseConv2dInputGradient(const FoveaCall& call) {
  if (call.parameters[GEOMETRY_WORDS] == FOVEA_BFLOAT16) runDepthwiseInputGradient<Bfloat16>(call);
  else runDepthwiseInputGradient<float>(call);
}
