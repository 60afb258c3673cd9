// Depthwise convolution: every channel has its own filter, so vectors run over channels and a block of
// pixels of one line shares each filter tap. The input's gradient is the same by phases of the stride.

// Blocks of pixels that keep their sums in registers.
constexpr int32_t LINE_PIXELS = TILE_ROWS > 6 ? 8 : 4;

// The channels of x that belong to output channels channel..channel+LANES-1.
FOVEA_SELDOM Vector loadRepeated(const float* x, int64_t channel, int64_t count, int32_t multiplier) {
  Vector v = {};
  for (int32_t i = 0; i < LANES; i++)
    if (i < count) v[i] = x[(channel + i) / multiplier];
  return v;
}
FOVEA_SELDOM Vector loadStrided(const float* p, int64_t count, int64_t stride) {
  Vector v = {};
  for (int32_t i = 0; i < LANES; i++)
    if (i < count) v[i] = p[i * stride];
  return v;
}

struct Depthwise {
  Geometry geometry;
  bool isTurned; // source is dy, out is dx
  const float *source, *filter;
  float* out;
  Epilogue epilogue;
  int32_t multiplier;
  int32_t sourceHeight, sourceWidth, outHeight, outWidth;
  int64_t sourceChannels, outChannels;
};

// The taps inside the source of neighbouring output pixels: first source value, first filter value.
struct TapBlock {
  const float *source, *filter;
  int32_t lines, columns;
  int64_t toLine, toColumn, toPixel;             // steps in the source
  int64_t filterLine, filterColumn;              // steps in the filter
};

// How the source's channels relate to the output's.
enum DepthwiseForm { DEPTHWISE_EQUAL, DEPTHWISE_REPEATED, DEPTHWISE_SUMMED };

// PIXELS neighbours by VECTORS vectors of channels from c on.
template <int32_t PIXELS, int32_t VECTORS, DepthwiseForm FORM>
static inline void depthwiseTile(const Depthwise& g, const TapBlock& taps, float* out, int64_t outStep, int64_t c) {
  const Epilogue& e = g.epilogue;
  const int64_t count = g.outChannels - c;
  const bool isWhole = VECTORS > 1 || count >= LANES;
  Vector sum[PIXELS][VECTORS];
#pragma GCC unroll 8
  for (int32_t p = 0; p < PIXELS; p++)
#pragma GCC unroll 8
    for (int32_t v = 0; v < VECTORS; v++) sum[p][v] = Vector{};
  for (int32_t a = 0; a < taps.lines; a++) {
    const float* source = taps.source + a * taps.toLine;
    const float* filter = taps.filter + a * taps.filterLine + c;
    for (int32_t b = 0; b < taps.columns; b++, source += taps.toColumn, filter += taps.filterColumn) {
      if (FORM == DEPTHWISE_SUMMED) {
        for (int32_t m = 0; m < g.multiplier; m++)
          sum[0][0] += loadStrided(source + c * g.multiplier + m, count, g.multiplier) *
                       loadStrided(filter + c * (g.multiplier - 1) + m, count, g.multiplier);
      } else if (FORM == DEPTHWISE_REPEATED) {
        sum[0][0] += loadRepeated(source, c, count, g.multiplier) * loadSome(filter, count);
      } else if (isWhole) {
        Vector f[VECTORS];
#pragma GCC unroll 8
        for (int32_t v = 0; v < VECTORS; v++) f[v] = load(filter + v * LANES);
#pragma GCC unroll 8
        for (int32_t p = 0; p < PIXELS; p++)
#pragma GCC unroll 8
          for (int32_t v = 0; v < VECTORS; v++) sum[p][v] += load(source + p * taps.toPixel + c + v * LANES) * f[v];
      } else {
        const Vector f = loadPart(filter, count);
#pragma GCC unroll 8
        for (int32_t p = 0; p < PIXELS; p++) sum[p][0] += loadPart(source + p * taps.toPixel + c, count) * f;
      }
    }
  }
#pragma GCC unroll 8
  for (int32_t p = 0; p < PIXELS; p++)
#pragma GCC unroll 8
    for (int32_t v = 0; v < VECTORS; v++) {
      const int64_t left = count - v * LANES;
      float* to = out + p * outStep + c + v * LANES;
      Vector y = sum[p][v];
      if (e.bias) y += loadSome(e.bias + c + v * LANES, left);
      if (e.residual) y += loadSome(e.residual + (to - g.out), left);
      if (e.activation) y = activate(y, e.activation, e.alpha);
      storeSome(to, y, left);
    }
}

template <int32_t PIXELS, int32_t VECTORS, DepthwiseForm FORM>
static void depthwisePixels(const Depthwise& g, const TapBlock& taps, float* out, int64_t outStep) {
  int64_t c = 0;
  for (; c + VECTORS * LANES <= g.outChannels; c += VECTORS * LANES)
    depthwiseTile<PIXELS, VECTORS, FORM>(g, taps, out, outStep, c);
  for (; c < g.outChannels; c += LANES) depthwiseTile<PIXELS, 1, FORM>(g, taps, out, outStep, c);
}

// The taps of an axis that lie inside for output position i: [from, until).
static inline void insideTaps(const Axis& axis, int32_t i, int32_t size, int32_t& from, int32_t& until) {
  const int32_t first = i * axis.step + axis.base;
  from = 0;
  while (from < axis.taps && first + from * axis.delta < 0) from++;
  until = axis.taps;
  while (until > from && first + (until - 1) * axis.delta >= size) until--;
}

static void depthwiseLine(const Depthwise& g, const Axis& h, const Axis& w, int64_t image, int32_t i) {
  const int64_t toLine = g.sourceWidth * g.sourceChannels, filterChannels = g.geometry.cout;
  int32_t lineFrom, lineUntil;
  insideTaps(h, i, g.sourceHeight, lineFrom, lineUntil);
  const int64_t y = (int64_t)i * h.step + h.base + (int64_t)lineFrom * h.delta;
  const float* source = g.source + (image * g.sourceHeight + y) * toLine;
  const float* filter = g.filter + (int64_t)(h.firstTap + lineFrom * h.tapStep) * g.geometry.kw * filterChannels;
  float* out = g.out + ((image * g.outHeight + h.outBase + (int64_t)i * h.outStep) * g.outWidth + w.outBase) * g.outChannels;
  const int64_t outStep = w.outStep * g.outChannels;
  const DepthwiseForm form = g.multiplier == 1 ? DEPTHWISE_EQUAL : g.isTurned ? DEPTHWISE_SUMMED : DEPTHWISE_REPEATED;
  for (int32_t j = 0; j < w.count;) {
    int32_t from, until, lastFrom, lastUntil, pixels = LINE_PIXELS;
    insideTaps(w, j, g.sourceWidth, from, until);
    // As many pixels as fit with all their taps inside; else one pixel with the taps it has.
    while (pixels > 1) {
      if (form == DEPTHWISE_EQUAL && j + pixels <= w.count && until - from == w.taps) {
        insideTaps(w, j + pixels - 1, g.sourceWidth, lastFrom, lastUntil);
        if (lastUntil - lastFrom == w.taps) break;
      }
      pixels /= 2;
    }
    TapBlock taps;
    taps.source = source + ((int64_t)j * w.step + w.base + (int64_t)from * w.delta) * g.sourceChannels;
    taps.filter = filter + (w.firstTap + from * w.tapStep) * filterChannels;
    taps.lines = lineUntil - lineFrom;
    taps.columns = until - from;
    taps.toLine = h.delta * toLine;
    taps.toColumn = w.delta * g.sourceChannels;
    taps.toPixel = w.step * g.sourceChannels;
    taps.filterLine = (int64_t)h.tapStep * g.geometry.kw * filterChannels;
    taps.filterColumn = w.tapStep * filterChannels;
    float* to = out + j * outStep;
    // Few pixels take several vectors instead: enough sums at once to hide the latency.
    if (form == DEPTHWISE_REPEATED) depthwisePixels<1, 1, DEPTHWISE_REPEATED>(g, taps, to, outStep);
    else if (form == DEPTHWISE_SUMMED) depthwisePixels<1, 1, DEPTHWISE_SUMMED>(g, taps, to, outStep);
    else if (pixels > 4) depthwisePixels<LINE_PIXELS, 1, DEPTHWISE_EQUAL>(g, taps, to, outStep);
    else if (pixels == 4) depthwisePixels<4, LINE_PIXELS / 4, DEPTHWISE_EQUAL>(g, taps, to, outStep);
    else if (pixels == 2) depthwisePixels<2, 2, DEPTHWISE_EQUAL>(g, taps, to, outStep);
    else depthwisePixels<1, 4, DEPTHWISE_EQUAL>(g, taps, to, outStep);
    j += pixels;
  }
}

static void runDepthwise(const FoveaCall& call, const Depthwise& g) {
  const Geometry& geometry = g.geometry;
  if (g.outChannels <= 0 || g.outHeight <= 0 || g.outWidth <= 0) return;
  const int64_t lines = (int64_t)geometry.n * g.outHeight;
  const int64_t lineWork = g.outWidth * g.outChannels * geometry.kh * geometry.kw;
  const int64_t most = lines / (4 * (int64_t)foveaThreadCount(call.pool));
  const int64_t perBlock = larger(1, smaller((1 << 17) / larger(1, lineWork), most));
  auto body = [&](int64_t block, int32_t) {
    for (int64_t line = block * perBlock; line < smaller(lines, (block + 1) * perBlock); line++) {
      const int32_t y = (int32_t)(line % g.outHeight);
      const int64_t image = line / g.outHeight;
      if (!g.isTurned) {
        depthwiseLine(g, forwardAxis(geometry.kh, geometry.oh, geometry.strideH, geometry.padTop, geometry.dilationH),
                      forwardAxis(geometry.kw, geometry.ow, geometry.strideW, geometry.padLeft, geometry.dilationW), image, y);
        continue;
      }
      const Axis h = gradientAxis(geometry.h, geometry.kh, geometry.strideH, geometry.padTop, geometry.dilationH,
                                  y % geometry.strideH);
      for (int32_t phase = 0; phase < geometry.strideW; phase++)
        depthwiseLine(g, h, gradientAxis(geometry.w, geometry.kw, geometry.strideW, geometry.padLeft, geometry.dilationW, phase),
                      image, y / geometry.strideH);
    }
  };
  call.parallel(divideUp(lines, perBlock), body);
}

void depthwiseConv2d(const FoveaCall& call) {
  Depthwise g = {};
  const Geometry& geometry = g.geometry = geometryOf(call);
  g.source = call.operand<const float>(0);
  g.filter = call.operand<const float>(1);
  g.epilogue = {call.operand<const float>(2), call.operand<const float>(3), call.parameters[GEOMETRY_WORDS],
                call.parameterFloat(GEOMETRY_WORDS + 1)};
  g.out = call.operand<float>(4);
  if (geometry.cin <= 0) return;
  g.multiplier = geometry.cout / geometry.cin;
  g.sourceHeight = geometry.h, g.sourceWidth = geometry.w, g.sourceChannels = geometry.cin;
  g.outHeight = geometry.oh, g.outWidth = geometry.ow, g.outChannels = geometry.cout;
  runDepthwise(call, g);
}

void depthwiseConv2dInputGradient(const FoveaCall& call) {
  Depthwise g = {};
  const Geometry& geometry = g.geometry = geometryOf(call);
  g.isTurned = true;
  g.source = call.operand<const float>(0);
  g.filter = call.operand<const float>(1);
  g.out = call.operand<float>(2);
  if (geometry.cin <= 0) return;
  g.multiplier = geometry.cout / geometry.cin;
  g.sourceHeight = geometry.oh, g.sourceWidth = geometry.ow, g.sourceChannels = geometry.cout;
  g.outHeight = geometry.h, g.outWidth = geometry.w, g.outChannels = geometry.cin;
  runDepthwise(call, g);
}

// TAPS neighbouring taps of a filter line, VECTORS vectors of channels, over some lines of dy.
template <int32_t TAPS, int32_t VECTORS>
static void depthwiseTaps(const Geometry& g, const float* xs, const float* dys, int64_t first, int64_t last, int32_t line,
                          int32_t column, int64_t channel, float* to) {
  const int32_t multiplier = g.cout / g.cin;
  const int64_t count = g.cout - channel;
  const bool isPlain = multiplier == 1 && count >= VECTORS * LANES;
  Vector sum[TAPS][VECTORS];
#pragma GCC unroll 8
  for (int32_t t = 0; t < TAPS; t++)
    for (int32_t v = 0; v < VECTORS; v++) sum[t][v] = Vector{};
  // Outputs [from[t], until[t]) of a line have tap t inside x, [begin, end) have all of them.
  int64_t from[TAPS], until[TAPS], begin = 0, end = g.ow;
  for (int32_t t = 0; t < TAPS; t++) {
    const int32_t shift = (column + t) * g.dilationW - g.padLeft;
    from[t] = smaller(g.ow, shift < 0 ? divideUp(-shift, g.strideW) : 0);
    until[t] = larger(from[t], g.w > shift ? smaller(g.ow, divideUp((int64_t)g.w - shift, g.strideW)) : 0);
    begin = larger(begin, from[t]);
    end = smaller(end, until[t]);
  }
  end = larger(begin, end);
  const int64_t toPixel = (int64_t)g.strideW * g.cin, toTap = (int64_t)g.dilationW * g.cin;
  for (int64_t row = first; row < last; row++) {
    const int64_t image = row / g.oh, y = row % g.oh * g.strideH - g.padTop + line * g.dilationH;
    if (y < 0 || y >= g.h) continue;
    // Address of pixel 0 under tap `column`: may lie outside, only valid pixels are read.
    const int64_t at = ((image * g.h + y) * g.w + column * g.dilationW - g.padLeft) * g.cin;
    const float* dy = dys + row * g.ow * g.cout + channel;
    if (isPlain)
      for (int64_t j = begin; j < end; j++) {
        const float* x = xs + (at + j * toPixel + channel);
        Vector d[VECTORS];
#pragma GCC unroll 2
        for (int32_t v = 0; v < VECTORS; v++) d[v] = load(dy + j * g.cout + v * LANES);
#pragma GCC unroll 8
        for (int32_t t = 0; t < TAPS; t++)
#pragma GCC unroll 2
          for (int32_t v = 0; v < VECTORS; v++) sum[t][v] += load(x + t * toTap + v * LANES) * d[v];
      }
#pragma GCC unroll 8
    for (int32_t t = 0; t < TAPS; t++)
      for (int64_t j = from[t]; j < until[t]; j++) {
        if (isPlain && j == begin) j = end;
        if (j >= until[t]) break;
        const float* x = xs + (at + j * toPixel + t * toTap);
#pragma GCC unroll 2
        for (int32_t v = 0; v < VECTORS; v++) {
          const int64_t left = smaller(LANES, count - v * LANES);
          const Vector d = loadSome(dy + j * g.cout + v * LANES, left);
          sum[t][v] += d * (multiplier == 1 ? loadSome(x + channel + v * LANES, left)
                                            : loadRepeated(x, channel + v * LANES, left, multiplier));
        }
      }
  }
#pragma GCC unroll 8
  for (int32_t t = 0; t < TAPS; t++)
#pragma GCC unroll 2
    for (int32_t v = 0; v < VECTORS; v++)
      storeSome(to + ((int64_t)line * g.kw + column + t) * g.cout + channel + v * LANES, sum[t][v], count - v * LANES);
}

void depthwiseConv2dFilterGradient(const FoveaCall& call) {
  const Geometry geometry = geometryOf(call);
  const float* x = call.operand<const float>(0);
  const float* dy = call.operand<const float>(1);
  float* dFilter = call.operand<float>(2);
  float* scratch = call.operand<float>(3);
  const int64_t size = (int64_t)geometry.kh * geometry.kw * geometry.cout;
  if (size <= 0) return;
  const int64_t lines = (int64_t)geometry.n * geometry.oh;
  if (lines * geometry.ow == 0) {
    clearFloats(dFilter, size);
    return;
  }
  // Parts of about 1,024 pixels or more, so that their sums weigh little.
  const int64_t parts = larger(1, smaller(FOVEA_PARTIAL_SUMS, lines * geometry.ow / 1024));
  const int64_t partLines = divideUp(lines, parts), used = divideUp(lines, partLines);
  const int64_t strips = divideUp(geometry.cout, 2 * LANES);
  float* out = used > 1 ? scratch : dFilter;
  auto body = [&](int64_t block, int32_t) {
    const int64_t part = block / strips, first = part * partLines, last = smaller(lines, first + partLines);
    const int64_t channel = block % strips * 2 * LANES;
    const bool isPair = geometry.cout - channel > LANES && (geometry.cout - channel >= 2 * LANES || geometry.cout != geometry.cin);
    float* to = out + part * size;
      // One filter line at a time: x is read again for each, from L2.
    for (int32_t line = 0; line < geometry.kh; line++)
      for (int32_t column = 0; column < geometry.kw;) {
        const int32_t left = geometry.kw - column, taps = left >= 5 && left != 6 && TILE_ROWS > 6 ? 5 : (int32_t)smaller(3, left);
        for (int64_t c = channel; c < smaller(geometry.cout, channel + 2 * LANES); c += isPair ? 2 * LANES : LANES) {
#define FOVEA_TAPS(count)                                                                                       \
  (isPair ? depthwiseTaps<count, 2> : depthwiseTaps<count, 1>)(geometry, x, dy, first, last, line, column, c, to)
          if (taps == 5) FOVEA_TAPS(5);
          else if (taps == 3) FOVEA_TAPS(3);
          else if (taps == 2) FOVEA_TAPS(2);
          else FOVEA_TAPS(1);
#undef FOVEA_TAPS
        }
        column += taps;
      }
  };
  call.parallel(used * strips, body);
  if (used > 1) addParts(call, scratch, used, size, dFilter);
}
