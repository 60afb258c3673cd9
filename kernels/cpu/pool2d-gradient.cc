// The gradients of pooling. Every element of dx is written by one block, and adds its windows' shares in
// their row-major order: nothing depends on how the work is cut. Forward: pool2d.cc.

// Outputs [from, until) whose windows hold position p.
static inline void windowsOver(int32_t p, int32_t pad, int32_t kernel, int32_t stride, int32_t out, int32_t& from,
                               int32_t& until) {
  const int32_t last = p + pad, first = last - kernel + 1;
  from = first > 0 ? (int32_t)smaller(out, divideUp(first, stride)) : 0;
  until = last < 0 ? 0 : (int32_t)smaller(out, last / stride + 1);
  if (until < from) until = from;
}
static inline bool isApart(const Pool& pool) { return pool.strideH >= pool.kh && pool.strideW >= pool.kw; }

// A unit's lines of dx where windows do not overlap: output line i owns those from its window's first to
// the next window's first.
static inline int64_t ownedFrom(const Pool& pool, int64_t i) {
  if (i <= 0) return 0;
  return i >= pool.oh ? pool.h : smaller(pool.h, larger(0, i * pool.strideH - pool.padTop));
}
template <class T> static void clearOutside(const Pool& pool, const PoolUnit& unit, T* dx) {
  const int64_t channels = unit.until - unit.from;
  for (int64_t y = ownedFrom(pool, unit.first); y < ownedFrom(pool, unit.last); y++) {
    T* to = dx + (unit.image * pool.h + y) * pool.w * pool.c + unit.from;
    if (channels == pool.c) clear(to, pool.w * channels);
    else for (int64_t x = 0; x < pool.w; x++) clear(to + x * pool.c, channels);
  }
}
// Each cell lies in a window.
static inline bool isTiled(const Pool& pool) {
  return pool.kh == pool.strideH && pool.kw == pool.strideW && pool.padTop == 0 && pool.padLeft == 0 &&
         pool.oh * pool.strideH >= pool.h && pool.ow * pool.strideW >= pool.w;
}

// Average pooling, windows apart: each window's share to each of its cells.
template <class T> static void averageApart(const Pool& pool, const PoolUnit& unit, const T* dy, T* dx) {
  if (!isTiled(pool)) clearOutside(pool, unit, dx);
  const int64_t channels = unit.until - unit.from;
  for (int64_t i = unit.first; i < unit.last; i++)
    for (int32_t j = 0; j < pool.ow; j++) {
      const PoolWindow window = poolWindow(pool, (int32_t)i, j);
      const Vector size = splat((float)(window.bottom - window.top) * (float)(window.right - window.left));
      const T* from = dy + ((unit.image * pool.oh + i) * pool.ow + j) * pool.c + unit.from;
      for (int32_t y = window.top; y < window.bottom; y++) {
        T* to = dx + ((unit.image * pool.h + y) * pool.w + window.left) * pool.c + unit.from;
        for (int64_t c = 0; c < channels; c += LANES) {
          const int64_t count = channels - c;
          const Vector share = loadSome(from + c, count) / size;
          for (int32_t x = 0; x < window.right - window.left; x++) storeSome(to + x * pool.c + c, share, count);
        }
      }
    }
}

// Average pooling, windows that overlap: a pixel of dx adds the shares of its windows.
template <class T>
static void averagePixel(const Pool& pool, const PoolUnit& unit, int32_t y, int32_t x, const T* dy, T* dx) {
  int32_t top, bottom, left, right;
  windowsOver(y, pool.padTop, pool.kh, pool.strideH, pool.oh, top, bottom);
  windowsOver(x, pool.padLeft, pool.kw, pool.strideW, pool.ow, left, right);
  T* to = dx + ((unit.image * pool.h + y) * pool.w + x) * pool.c;
  for (int64_t c = unit.from; c < unit.until; c += 4 * LANES) {
    const int64_t count = unit.until - c;
    Vector sum[4] = {};
    for (int32_t i = top; i < bottom; i++)
      for (int32_t j = left; j < right; j++) {
        const PoolWindow window = poolWindow(pool, i, j);
        const Vector size = splat((float)(window.bottom - window.top) * (float)(window.right - window.left));
        const T* from = dy + ((unit.image * pool.oh + i) * pool.ow + j) * pool.c + c;
        for (int32_t v = 0; v < 4 && v * LANES < count; v++) sum[v] += loadSome(from + v * LANES, count - v * LANES) / size;
      }
    for (int32_t v = 0; v < 4 && v * LANES < count; v++) storeSome(to + c + v * LANES, sum[v], count - v * LANES);
  }
}

// Windows one apart: inside the picture, a pixel's windows all have the same size, so that dx is dy pooled.
template <class T> static void averageOverlapping(const Pool& pool, const PoolUnit& unit, const T* dy, T* dx) {
  const int64_t channels = unit.until - unit.from;
  const PoolTile<T> tile =
      pool.strideH == 1 && pool.strideW == 1 && channels >= LANES ? poolTileOf<Average, T>(pool.kw, 1) : nullptr;
  // Columns [from, until) see whole windows only, and kw of them.
  const int64_t from = smaller(pool.w, larger(0, pool.kw - 1)), until = larger(0, larger(from, (int64_t)pool.w - pool.kw + 1));
  const int32_t pixels = poolPixels(1);
  for (int64_t y = unit.first; y < unit.last; y++) {
    int32_t top, bottom;
    windowsOver((int32_t)y, pool.padTop, pool.kh, pool.strideH, pool.oh, top, bottom);
    // The height of this line's windows; 0 where they differ.
    int32_t height = 0;
    for (int32_t i = top; i < bottom; i++) {
      const PoolWindow window = poolWindow(pool, i, 0);
      const int32_t own = window.bottom - window.top;
      height = i == top || own == height ? own : -1;
      if (height < 0) break;
    }
    const bool isEven = tile != nullptr && height > 0 && until - from >= pixels;
    for (int64_t x = 0; x < pool.w;) {
      int32_t left = 0, right = 0;
      if (isEven && x >= from && x < until) {
        x = smaller(x, until - pixels);
        windowsOver((int32_t)x, pool.padLeft, pool.kw, 1, pool.ow, left, right);
        int32_t lastLeft, lastRight;
        windowsOver((int32_t)x + pixels - 1, pool.padLeft, pool.kw, 1, pool.ow, lastLeft, lastRight);
        if (right - left == pool.kw && lastRight - lastLeft == pool.kw) {
          tile(dy + ((unit.image * pool.oh + top) * pool.ow + left) * pool.c + unit.from, (int64_t)pool.ow * pool.c, pool.c,
               bottom - top, (float)height * (float)pool.kw,
               dx + ((unit.image * pool.h + y) * pool.w + x) * pool.c + unit.from, pool.c, channels);
          x += pixels;
          continue;
        }
      }
      averagePixel(pool, unit, (int32_t)y, (int32_t)x, dy, dx);
      x++;
    }
  }
}

template <class T> static void runAveragePoolGradient(const FoveaCall& call) {
  const Pool pool = poolOf(call);
  const T* dy = call.operand<const T>(0);
  T* dx = call.operand<T>(1);
  if (isApart(pool) && pool.oh > 0 && pool.ow > 0) {
    auto body = [&](const PoolUnit& unit, int32_t) { averageApart(pool, unit, dy, dx); };
    eachPoolUnit(call, pool, pool.oh, (int64_t)pool.strideH * pool.w * pool.c, 1, body);
  } else {
    auto body = [&](const PoolUnit& unit, int32_t) { averageOverlapping(pool, unit, dy, dx); };
    eachPoolUnit(call, pool, pool.h, (int64_t)pool.kh * pool.w * pool.c, 1, body);
  }
}
void avgPoolGradient(const FoveaCall& call) {
  if (call.parameters[POOL_WORDS] == FOVEA_BFLOAT16) runAveragePoolGradient<Bfloat16>(call);
  else runAveragePoolGradient<float>(call);
}

// The places of the first maxima of a window, as numbers of its cells: row-major, as if it were not clipped.
template <class T>
static inline IntVector firstLargest(const T* x, int64_t toLine, int64_t toPixel, const PoolWindow& window, int32_t place,
                                     int32_t toPlace, int64_t count) {
  Vector best = loadSome(x, count);
  IntVector at = splatInt(place);
  for (int32_t a = 0; a < window.bottom - window.top; a++) {
    const T* p = x + a * toLine;
    for (int32_t b = 0; b < window.right - window.left; b++, p += toPixel) {
      if (a + b == 0) continue;
      const Vector value = loadSome(p, count);
      const IntVector better = isBetter(value, best);
      best = better ? value : best;
      at = better ? splatInt(place + a * toPlace + b) : at;
    }
  }
  return at;
}
// The same for whole windows of 3x3 and whole vectors: the lines' maxima first, so that the chain of comparisons
// that wait for each other is short.
template <class T> static inline IntVector firstLargestOfNine(const T* x, int64_t toLine, int64_t toPixel) {
  Vector best[3];
  IntVector at[3];
#pragma GCC unroll 4
  for (int32_t a = 0; a < 3; a++) {
    const T* p = x + a * toLine;
    const Vector v0 = load(p), v1 = load(p + toPixel), v2 = load(p + 2 * toPixel);
    const IntVector is1 = isBetter(v1, v0);
    best[a] = is1 ? v1 : v0;
    at[a] = is1 ? splatInt(a * 3 + 1) : splatInt(a * 3);
    const IntVector is2 = isBetter(v2, best[a]);
    best[a] = is2 ? v2 : best[a];
    at[a] = is2 ? splatInt(a * 3 + 2) : at[a];
  }
  const IntVector isSecond = isBetter(best[1], best[0]);
  const Vector first = isSecond ? best[1] : best[0];
  const IntVector place = isSecond ? at[1] : at[0];
  return isBetter(best[2], first) ? at[2] : place;
}

// Max pooling, windows apart: every window writes all its cells.
template <class T> static void maximumApart(const Pool& pool, const PoolUnit& unit, const T* x, const T* dy, T* dx) {
  if (!isTiled(pool)) clearOutside(pool, unit, dx);
  const int64_t channels = unit.until - unit.from, toLine = (int64_t)pool.w * pool.c, toPixel = pool.c;
  const bool isTwo = pool.kh == 2 && pool.kw == 2 && channels >= LANES;
  for (int64_t i = unit.first; i < unit.last; i++)
    for (int32_t j = 0; j < pool.ow; j++) {
      const PoolWindow window = poolWindow(pool, (int32_t)i, j);
      const int32_t lines = window.bottom - window.top, columns = window.right - window.left;
      if (lines <= 0 || columns <= 0) continue;
      const int64_t first = ((unit.image * pool.h + window.top) * pool.w + window.left) * pool.c + unit.from;
      const T* from = dy + ((unit.image * pool.oh + i) * pool.ow + j) * pool.c + unit.from;
      if (isTwo && lines == 2 && columns == 2) {
        for (int64_t c = 0; c < channels; c += LANES) {
          const int64_t at = smaller(c, channels - LANES); // the last vector may overlap the one before
          const T* p = x + first + at;
          const Vector d = load(from + at), zero = {};
          const Vector a0 = load(p), a1 = load(p + toPixel), b0 = load(p + toLine), b1 = load(p + toLine + toPixel);
          const IntVector isA1 = isBetter(a1, a0), isB1 = isBetter(b1, b0);
          const IntVector isB = isBetter(isB1 ? b1 : b0, isA1 ? a1 : a0);
          const Vector toA = isB ? zero : d, toB = isB ? d : zero;
          T* to = dx + first + at;
          store(to, isA1 ? zero : toA);
          store(to + toPixel, isA1 ? toA : zero);
          store(to + toLine, isB1 ? zero : toB);
          store(to + toLine + toPixel, isB1 ? toB : zero);
        }
        continue;
      }
      for (int64_t c = 0; c < channels; c += LANES) {
        const int64_t count = channels - c;
        const IntVector at = firstLargest(x + first + c, toLine, toPixel, window, 0, columns, count);
        const Vector d = loadSome(from + c, count);
        for (int32_t a = 0, cell = 0; a < lines; a++)
          for (int32_t b = 0; b < columns; b++, cell++)
            storeSome(dx + first + a * toLine + b * toPixel + c, at == splatInt(cell) ? d : Vector{}, count);
      }
    }
}

// Max pooling, windows that overlap, where dx cannot hold sums or gets many. The places of the maxima of the output lines that a line of dx sees are
// kept in the thread's scratch, in a ring; then every pixel of dx asks its windows whether they chose it.
struct PoolPlaces {
  int32_t* ring;
  int64_t lines, strip;  // of the ring; channels of a pixel in it, whole vectors
  int64_t from, columns; // output columns that are kept
  int32_t* of(int64_t i, int64_t j) const { return ring + (i % lines * columns + j - from) * strip; }
};
constexpr int64_t PLACES_BYTES = 768 << 10;

template <class T>
static void findPlaces(const Pool& pool, const PoolUnit& unit, int32_t i, const PoolPlaces& places, const T* x) {
  const int64_t channels = unit.until - unit.from, toLine = (int64_t)pool.w * pool.c;
  const bool isThree = pool.kh == 3 && pool.kw == 3 && channels >= LANES;
  for (int64_t j = places.from; j < places.from + places.columns; j++) {
    const PoolWindow window = poolWindow(pool, i, (int32_t)j);
    const int32_t lines = window.bottom - window.top, columns = window.right - window.left;
    int32_t* to = places.of(i, j);
    if (lines <= 0 || columns <= 0) continue; // no pixel asks
    const T* p = x + ((unit.image * pool.h + window.top) * pool.w + window.left) * pool.c + unit.from;
    if (isThree && lines == 3 && columns == 3) {
      for (int64_t c = 0; c < channels; c += LANES) {
        const int64_t at = smaller(c, channels - LANES);
        storeInt(to + at, firstLargestOfNine(p + at, toLine, pool.c));
      }
      continue;
    }
    const int32_t place = (window.top - (i * pool.strideH - pool.padTop)) * pool.kw +
                          window.left - ((int32_t)j * pool.strideW - pool.padLeft);
    for (int64_t c = 0; c < channels; c += LANES)
      storeInt(to + c, firstLargest(p + c, toLine, pool.c, window, place, pool.kw, channels - c));
  }
}

// The windows [top,bottom) x [left,right) over pixel (y, x) of dx.
struct PoolWindows {
  int32_t y, x, top, bottom, left, right;
  int32_t cell(const Pool& pool, int32_t i, int32_t j) const {
    return (y - (i * pool.strideH - pool.padTop)) * pool.kw + x - (j * pool.strideW - pool.padLeft);
  }
};
template <int32_t COUNT, class T>
static void addClaims(const Pool& pool, const PoolUnit& unit, const PoolWindows& over, const PoolPlaces& places,
                      const T* dy, T* dx) {
  const int64_t channels = unit.until - unit.from;
  const int32_t* place[COUNT];
  const T* share[COUNT];
  int32_t cell[COUNT];
  const int32_t columns = over.right - over.left;
  for (int32_t k = 0; k < COUNT; k++) {
    const int32_t i = over.top + k / columns, j = over.left + k % columns;
    place[k] = places.of(i, j);
    share[k] = dy + ((unit.image * pool.oh + i) * pool.ow + j) * pool.c + unit.from;
    cell[k] = over.cell(pool, i, j);
  }
  for (int64_t c = 0; c < channels; c += LANES) {
    const int64_t at = smaller(c, channels - LANES);
    Vector sum = {};
#pragma GCC unroll 9
    for (int32_t k = 0; k < COUNT; k++)
      sum += loadInt(place[k] + at) == splatInt(cell[k]) ? load(share[k] + at) : Vector{};
    store(dx + at, sum);
  }
}
// Any number of windows; without a ring (windows of thousands of cells) each place is found anew.
template <class T>
static void addAnyClaims(const Pool& pool, const PoolUnit& unit, const PoolWindows& over, const PoolPlaces& places,
                         const T* x, const T* dy, T* dx) {
  const int64_t channels = unit.until - unit.from, toLine = (int64_t)pool.w * pool.c;
  for (int64_t c = 0; c < channels; c += LANES) {
    const int64_t count = channels - c;
    Vector sum = {};
    for (int32_t i = over.top; i < over.bottom; i++)
      for (int32_t j = over.left; j < over.right; j++) {
        IntVector place;
        if (places.lines > 0) place = loadInt(places.of(i, j) + c);
        else {
          const PoolWindow window = poolWindow(pool, i, j);
          const int32_t first = (window.top - (i * pool.strideH - pool.padTop)) * pool.kw + window.left -
                                (j * pool.strideW - pool.padLeft);
          const T* p = x + ((unit.image * pool.h + window.top) * pool.w + window.left) * pool.c + unit.from + c;
          place = firstLargest(p, toLine, pool.c, window, first, pool.kw, count);
        }
        const T* share = dy + ((unit.image * pool.oh + i) * pool.ow + j) * pool.c + unit.from + c;
        sum += place == splatInt(over.cell(pool, i, j)) ? loadSome(share, count) : Vector{};
      }
    storeSome(dx + c, sum, count);
  }
}

template <class T>
static void maximumByPlaces(const Pool& pool, const PoolUnit& unit, const T* x, const T* dy, T* dx, int32_t* ring) {
  const int64_t channels = unit.until - unit.from;
  PoolPlaces places = {ring, larger(1, smaller(pool.oh, divideUp(pool.kh, pool.strideH))), roundUp(channels, LANES), 0, 0};
  const int64_t most = PLACES_BYTES / (4 * places.lines * places.strip);
  const int64_t piece = most >= pool.ow ? pool.w : (most - 1) * pool.strideW - pool.kw;
  if (piece <= 0) places.lines = 0;
  for (int64_t begin = 0, end; begin < pool.w; begin = end) {
    end = piece <= 0 ? pool.w : smaller(pool.w, begin + piece);
    PoolWindows over;
    int32_t from, until, next = 0;
    windowsOver((int32_t)begin, pool.padLeft, pool.kw, pool.strideW, pool.ow, from, until);
    places.from = from;
    windowsOver((int32_t)end - 1, pool.padLeft, pool.kw, pool.strideW, pool.ow, from, until);
    places.columns = until - places.from;
    for (over.y = (int32_t)unit.first; over.y < unit.last; over.y++) {
      windowsOver(over.y, pool.padTop, pool.kh, pool.strideH, pool.oh, over.top, over.bottom);
      if (places.lines > 0)
        for (next = (int32_t)larger(next, over.top); next < over.bottom; next++) findPlaces(pool, unit, next, places, x);
      for (over.x = (int32_t)begin; over.x < end; over.x++) {
        windowsOver(over.x, pool.padLeft, pool.kw, pool.strideW, pool.ow, over.left, over.right);
        T* to = dx + ((unit.image * pool.h + over.y) * pool.w + over.x) * pool.c + unit.from;
        const int64_t count = (int64_t)(over.bottom - over.top) * (over.right - over.left);
        const bool isPlain = channels >= LANES && places.lines > 0;
        if (isPlain && count == 1) addClaims<1>(pool, unit, over, places, dy, to);
        else if (isPlain && count == 2) addClaims<2>(pool, unit, over, places, dy, to);
        else if (isPlain && count == 4) addClaims<4>(pool, unit, over, places, dy, to);
        else if (isPlain && count == 9) addClaims<9>(pool, unit, over, places, dy, to);
        else addAnyClaims(pool, unit, over, places, x, dy, to);
      }
    }
  }
}

// float32, windows 2 or more apart: dx itself holds the sums, window after window adds to its cells. Those of the first `seenLines` lines
// and `seenColumns` columns were written by an earlier window, the others are written without being read.
struct PoolCells {
  int32_t top, bottom; // the window's lines to write, from its first
  int64_t seenLines, seenColumns;
};
template <bool IS_THREE>
static void addToCells(const float* x, const float* dy, float* dx, int64_t toLine, int64_t toPixel,
                       const PoolWindow& window, const PoolCells& cells, int64_t channels) {
  const int32_t columns = window.right - window.left;
  for (int64_t c = 0; c < channels; c += LANES) {
    const int64_t count = channels - c;
    const Vector d = loadSome(dy + c, count);
    if (IS_THREE && count >= LANES) {
      const IntVector place = firstLargestOfNine(x + c, toLine, toPixel);
#pragma GCC unroll 4
      for (int32_t a = 0; a < 3; a++) {
        if (a < cells.top || a >= cells.bottom) continue;
        float* to = dx + a * toLine + c;
        const bool isSeen = a < cells.seenLines;
#pragma GCC unroll 4
        for (int32_t b = 0; b < 3; b++, to += toPixel) {
          Vector v = place == splatInt(a * 3 + b) ? d : Vector{};
          if (isSeen || b < cells.seenColumns) v += load(to);
          store(to, v);
        }
      }
      continue;
    }
    const IntVector place = firstLargest(x + c, toLine, toPixel, window, 0, columns, count);
    for (int32_t a = cells.top; a < cells.bottom; a++) {
      float* to = dx + a * toLine + c;
      for (int32_t b = 0; b < columns; b++, to += toPixel) {
        Vector v = place == splatInt(a * columns + b) ? d : Vector{};
        if (a < cells.seenLines || b < cells.seenColumns) v += loadSome(to, count);
        storeSome(to, v, count);
      }
    }
  }
}

static void maximumByCells(const Pool& pool, const PoolUnit& unit, const float* x, const float* dy, float* dx) {
  const int64_t channels = unit.until - unit.from, toLine = (int64_t)pool.w * pool.c;
  const bool isCovered = pool.strideH <= pool.kh && pool.strideW <= pool.kw && pool.oh > 0 && pool.ow > 0 &&
                         poolWindow(pool, pool.oh - 1, 0).bottom == pool.h &&
                         poolWindow(pool, 0, pool.ow - 1).right == pool.w;
  if (!isCovered)
    for (int64_t pixel = unit.first * pool.w; pixel < unit.last * pool.w; pixel++)
      clear(dx + (unit.image * pool.h * pool.w + pixel) * pool.c + unit.from, channels);
  int32_t from, until, other;
  windowsOver((int32_t)unit.first, pool.padTop, pool.kh, pool.strideH, pool.oh, from, other);
  windowsOver((int32_t)unit.last - 1, pool.padTop, pool.kh, pool.strideH, pool.oh, other, until);
  for (int32_t i = from; i < until; i++)
    for (int32_t j = 0; j < pool.ow; j++) {
      const PoolWindow window = poolWindow(pool, i, j);
      const int32_t lines = window.bottom - window.top, columns = window.right - window.left;
      if (lines <= 0 || columns <= 0) continue;
      PoolCells cells;
      cells.top = (int32_t)larger(0, unit.first - window.top), cells.bottom = (int32_t)smaller(lines, unit.last - window.top);
      cells.seenLines = !isCovered ? lines : i == 0 ? 0 : (int64_t)poolWindow(pool, i - 1, j).bottom - window.top;
      cells.seenColumns = !isCovered ? columns : j == 0 ? 0 : (int64_t)poolWindow(pool, i, j - 1).right - window.left;
      const int64_t at = ((unit.image * pool.h + window.top) * pool.w + window.left) * pool.c + unit.from;
      const float* share = dy + ((unit.image * pool.oh + i) * pool.ow + j) * pool.c + unit.from;
      const bool isThree = pool.kh == 3 && pool.kw == 3 && lines == 3 && columns == 3;
      (isThree ? addToCells<true> : addToCells<false>)(x + at, share, dx + at, toLine, pool.c, window, cells, channels);
    }
}

static void maximumOverlapping(const Pool& pool, const PoolUnit& unit, const float* x, const float* dy, float* dx,
                               int32_t* ring) {
  if (pool.strideH > 1 || pool.strideW > 1) maximumByCells(pool, unit, x, dy, dx);
  else maximumByPlaces(pool, unit, x, dy, dx, ring);
}
static void maximumOverlapping(const Pool& pool, const PoolUnit& unit, const Bfloat16* x, const Bfloat16* dy,
                               Bfloat16* dx, int32_t* ring) {
  maximumByPlaces(pool, unit, x, dy, dx, ring);
}

template <class T> static void runMaxPoolGradient(const FoveaCall& call) {
  const Pool pool = poolOf(call);
  const T* x = call.operand<const T>(0);
  const T* dy = call.operand<const T>(1);
  T* dx = call.operand<T>(2);
  if (isApart(pool) && pool.oh > 0 && pool.ow > 0) {
    auto body = [&](const PoolUnit& unit, int32_t) { maximumApart(pool, unit, x, dy, dx); };
    eachPoolUnit(call, pool, pool.oh, (int64_t)pool.strideH * pool.w * pool.c, 1, body);
    return;
  }
  // A few lines at once, because the places of a unit's first windows may be found by its neighbour too.
  const int64_t leastLines = 4 * pool.strideH;
  // Strips whose places stay in L2.
  const int64_t ringPixels = larger(1, (int64_t)pool.ow * smaller(pool.oh, divideUp(pool.kh, pool.strideH)));
  const int64_t strip = larger(LANES, (256 << 10) / 4 / ringPixels / LANES * LANES);
  auto body = [&](const PoolUnit& unit, int32_t thread) {
    for (PoolUnit part = unit; part.from < unit.until; part.from = part.until) {
      const int64_t left = unit.until - part.from;
      part.until = left < strip + LANES ? unit.until : part.from + strip;
      maximumOverlapping(pool, part, x, dy, dx, call.scratch<int32_t>(thread));
    }
  };
  eachPoolUnit(call, pool, pool.h, (int64_t)pool.kh * pool.w * pool.c, leastLines, body);
}
void maxPoolGradient(const FoveaCall& call) {
  if (call.parameters[POOL_WORDS] == FOVEA_BFLOAT16) runMaxPoolGradient<Bfloat16>(call);
  else runMaxPoolGradient<float>(call);
}
