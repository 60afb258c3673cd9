// Pooling: vectors over channels, windows clipped to the picture (padding never counts). Gradients are
// cut so that no two blocks write the same element, and add in the windows' row-major order.

struct Pool {
  int32_t n, h, w, c, kh, kw, oh, ow, strideH, strideW, padTop, padLeft;
};
static inline Pool poolOf(const FoveaCall& call) {
  Pool pool;
  __builtin_memcpy(&pool, call.parameters, sizeof pool);
  return pool;
}
struct PoolWindow {
  int32_t top, bottom, left, right; // bottom and right are past the end
};
static inline PoolWindow poolWindow(const Pool& pool, int32_t i, int32_t j) {
  const int32_t top = i * pool.strideH - pool.padTop, left = j * pool.strideW - pool.padLeft;
  PoolWindow window;
  window.top = (int32_t)larger(0, top), window.left = (int32_t)larger(0, left);
  window.bottom = (int32_t)smaller(pool.h, top + pool.kh), window.right = (int32_t)smaller(pool.w, left + pool.kw);
  return window;
}

// body(image, line of the output) for every one.
template <class Body> static void eachPoolLine(const FoveaCall& call, const Pool& pool, int32_t height, Body& body) {
  const int64_t lines = (int64_t)pool.n * height;
  const int64_t work = (int64_t)pool.c * larger(pool.ow * pool.kh * pool.kw, pool.w);
  const int64_t most = lines / (4 * (int64_t)foveaThreadCount(call.pool));
  const int64_t perBlock = larger(1, smaller((1 << 16) / larger(1, work), most));
  auto block = [&](int64_t index, int32_t) {
    for (int64_t line = index * perBlock; line < smaller(lines, (index + 1) * perBlock); line++)
      body(line / height, (int32_t)(line % height));
  };
  if (pool.c > 0) call.parallel(divideUp(lines, perBlock), block);
}

// a displaces the best so far; a NaN displaces any number and stays.
static inline IntVector isBetter(Vector a, Vector best) { return (a > best) | ((a != a) & (best == best)); }

// The maxima of a window; where `v` is given, v's values at the places of the first maxima instead.
template <bool IS_PART, bool HAS_V>
static inline Vector windowMaximum(const float* x, const float* v, int64_t toLine, int64_t toPixel, int32_t lines,
                                   int32_t columns, int64_t count) {
  Vector best = splat(-__builtin_inff()), taken = {};
  for (int32_t a = 0; a < lines; a++) {
    const float* p = x + a * toLine;
    const float* q = HAS_V ? v + a * toLine : nullptr;
    for (int32_t b = 0; b < columns; b++, p += toPixel) {
      const Vector value = IS_PART ? loadPart(p, count) : load(p);
      IntVector better = isBetter(value, best);
      if (HAS_V) {
        if (a + b == 0) better = splatInt(-1); // also where all are -infinity
        const Vector next = IS_PART ? loadPart(q, count) : load(q);
        taken = better ? next : taken;
        q += toPixel;
      }
      best = better ? value : best;
    }
  }
  return HAS_V ? taken : best;
}

template <bool HAS_V> static void runMaxPool(const FoveaCall& call, const float* x, const float* v, float* y) {
  const Pool pool = poolOf(call);
  auto body = [&](int64_t image, int32_t i) {
    for (int32_t j = 0; j < pool.ow; j++) {
      const PoolWindow window = poolWindow(pool, i, j);
      const int32_t lines = window.bottom - window.top, columns = window.right - window.left;
      const int64_t at = ((image * pool.h + window.top) * pool.w + window.left) * pool.c, toLine = (int64_t)pool.w * pool.c;
      float* to = y + ((image * pool.oh + i) * pool.ow + j) * pool.c;
      int64_t c = 0;
      for (; c + LANES <= pool.c; c += LANES)
        store(to + c, windowMaximum<false, HAS_V>(x + at + c, HAS_V ? v + at + c : nullptr, toLine, pool.c, lines,
                                                  columns, LANES));
      if (c < pool.c) {
        const Vector last = windowMaximum<true, HAS_V>(x + at + c, HAS_V ? v + at + c : nullptr, toLine, pool.c, lines,
                                                       columns, pool.c - c);
        storePart(to + c, last, pool.c - c);
      }
    }
  };
  eachPoolLine(call, pool, pool.oh, body);
}

void maxPool(const FoveaCall& call) {
  runMaxPool<false>(call, call.operand<const float>(0), nullptr, call.operand<float>(1));
}

void maxPoolTake(const FoveaCall& call) {
  runMaxPool<true>(call, call.operand<const float>(0), call.operand<const float>(1), call.operand<float>(2));
}

void avgPool(const FoveaCall& call) {
  const Pool pool = poolOf(call);
  const float* x = call.operand<const float>(0);
  float* y = call.operand<float>(1);
  auto body = [&](int64_t image, int32_t i) {
    for (int32_t j = 0; j < pool.ow; j++) {
      const PoolWindow window = poolWindow(pool, i, j);
      const int32_t lines = window.bottom - window.top, columns = window.right - window.left;
      const bool isEmpty = lines <= 0 || columns <= 0; // its average is 0
      const Vector size = splat(isEmpty ? 1.0f : (float)lines * (float)columns);
      const float* from = x + ((image * pool.h + window.top) * pool.w + window.left) * pool.c;
      float* to = y + ((image * pool.oh + i) * pool.ow + j) * pool.c;
      for (int64_t c = 0; c < pool.c; c += LANES) {
        const int64_t count = pool.c - c;
        Vector sum = {};
        for (int32_t a = 0; a < lines; a++)
          for (int32_t b = 0; b < columns; b++) sum += loadSome(from + ((int64_t)a * pool.w + b) * pool.c + c, count);
        storeSome(to + c, sum / size, count);
      }
    }
  };
  eachPoolLine(call, pool, pool.oh, body);
}

// Outputs [from, until) whose windows hold position p.
static inline void windowsOver(int32_t p, int32_t pad, int32_t kernel, int32_t stride, int32_t out, int32_t& from,
                               int32_t& until) {
  const int32_t last = p + pad, first = last - kernel + 1;
  from = first > 0 ? (int32_t)divideUp(first, stride) : 0;
  until = last < 0 ? 0 : (int32_t)smaller(out, last / stride + 1);
}

// Gathers: every pixel of dx adds its windows' shares.
void avgPoolGradient(const FoveaCall& call) {
  const Pool pool = poolOf(call);
  const float* dy = call.operand<const float>(0);
  float* dx = call.operand<float>(1);
  auto body = [&](int64_t image, int32_t y) {
    int32_t top, bottom, left, right;
    windowsOver(y, pool.padTop, pool.kh, pool.strideH, pool.oh, top, bottom);
    for (int32_t x = 0; x < pool.w; x++) {
      windowsOver(x, pool.padLeft, pool.kw, pool.strideW, pool.ow, left, right);
      float* to = dx + ((image * pool.h + y) * pool.w + x) * pool.c;
      if (top >= bottom || left >= right) clearFloats(to, pool.c);
      for (int32_t i = top; i < bottom; i++)
        for (int32_t j = left; j < right; j++) {
          const PoolWindow window = poolWindow(pool, i, j);
          const float size = (float)(window.bottom - window.top) * (float)(window.right - window.left);
          const Vector share = splat(1.0f / size);
          const float* from = dy + ((image * pool.oh + i) * pool.ow + j) * pool.c;
          const bool isFirst = i == top && j == left;
          for (int64_t c = 0; c < pool.c; c += LANES) {
            const int64_t count = pool.c - c;
            Vector v = loadSome(from + c, count) * share;
            if (!isFirst) v += loadSome(to + c, count);
            storeSome(to + c, v, count);
          }
        }
    }
  };
  eachPoolLine(call, pool, pool.h, body);
}

// One window's gradient to the place of its first maximum. IS_FIRST: nothing was written there yet.
template <bool IS_PART, bool IS_FIRST>
static inline void windowGradient(const float* x, Vector dy, float* dx, int64_t toLine, int64_t toPixel, int32_t lines,
                                  int32_t columns, int64_t count) {
  Vector best = splat(-__builtin_inff());
  IntVector place = {};
  for (int32_t a = 0, cell = 0; a < lines; a++)
    for (int32_t b = 0; b < columns; b++, cell++) {
      const float* p = x + a * toLine + b * toPixel;
      const Vector value = IS_PART ? loadPart(p, count) : load(p);
      const IntVector better = isBetter(value, best);
      best = better ? value : best;
      place = better ? splatInt(cell) : place;
    }
  for (int32_t a = 0, cell = 0; a < lines; a++)
    for (int32_t b = 0; b < columns; b++, cell++) {
      float* p = dx + a * toLine + b * toPixel;
      Vector v = place == splatInt(cell) ? dy : Vector{};
      if (!IS_FIRST) v += IS_PART ? loadPart(p, count) : load(p);
      if (IS_PART) storePart(p, v, count);
      else store(p, v);
    }
}

void maxPoolGradient(const FoveaCall& call) {
  const Pool pool = poolOf(call);
  const float* x = call.operand<const float>(0);
  const float* dy = call.operand<const float>(1);
  float* dx = call.operand<float>(2);
  const int64_t toLine = (int64_t)pool.w * pool.c;
  const bool isTiling = pool.kh == pool.strideH && pool.kw == pool.strideW && pool.padTop == 0 && pool.padLeft == 0;
  const bool isWhole = isTiling && pool.oh * pool.strideH == pool.h && pool.ow * pool.strideW == pool.w;
  // Windows that do not overlap are cut by lines as well; else only by images and channels.
  const bool hasLines = pool.strideH >= pool.kh && pool.oh > 0;
  const int64_t cuts = hasLines ? pool.oh : 1;
  const int64_t vectors = divideUp(pool.c, LANES);
  const int64_t wanted = divideUp(4 * (int64_t)foveaThreadCount(call.pool), larger(1, pool.n * cuts));
  const int64_t strips = larger(1, smaller(vectors, wanted)), strip = roundUp(divideUp(pool.c, strips), LANES);
  auto body = [&](int64_t block, int32_t) {
    const int64_t first = block % strips * strip, last = smaller(pool.c, first + strip);
    const int64_t cut = block / strips % cuts, image = block / strips / cuts;
    if (first >= last) return;
    // A cut by lines owns dx's lines from its window's first to the next window's.
    const int32_t outFrom = hasLines ? (int32_t)cut : 0, outUntil = hasLines ? (int32_t)cut + 1 : pool.oh;
    if (!isWhole) {
      const int64_t begin = cut == 0 ? 0 : smaller(pool.h, larger(0, cut * pool.strideH - pool.padTop));
      const int64_t end = cut + 1 == cuts ? pool.h : smaller(pool.h, larger(0, (cut + 1) * pool.strideH - pool.padTop));
      for (int64_t pixel = begin * pool.w; pixel < end * pool.w; pixel++)
        clearFloats(dx + (image * pool.h * pool.w + pixel) * pool.c + first, last - first);
    }
    for (int32_t i = outFrom; i < outUntil; i++)
      for (int32_t j = 0; j < pool.ow; j++) {
        const PoolWindow window = poolWindow(pool, i, j);
        const int32_t lines = window.bottom - window.top, columns = window.right - window.left;
        const int64_t at = ((image * pool.h + window.top) * pool.w + window.left) * pool.c;
        const float* from = dy + ((image * pool.oh + i) * pool.ow + j) * pool.c;
        for (int64_t c = first; c < last; c += LANES) {
          const int64_t count = smaller(LANES, last - c);
          const Vector d = loadSome(from + c, count);
          if (count < LANES) {
            if (isWhole) windowGradient<true, true>(x + at + c, d, dx + at + c, toLine, pool.c, lines, columns, count);
            else windowGradient<true, false>(x + at + c, d, dx + at + c, toLine, pool.c, lines, columns, count);
          } else if (isWhole) windowGradient<false, true>(x + at + c, d, dx + at + c, toLine, pool.c, lines, columns, count);
          else windowGradient<false, false>(x + at + c, d, dx + at + c, toLine, pool.c, lines, columns, count);
        }
      }
  };
  if (pool.c > 0) call.parallel((int64_t)pool.n * cuts * strips, body);
}
