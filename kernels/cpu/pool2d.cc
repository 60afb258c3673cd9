// Pooling: vectors over channels, windows clipped to the picture (padding never counts). Common windows go
// several outputs at a time, which share the columns that they both see. Gradients: pool2d-gradient.cc.

struct Pool {
  int32_t n, h, w, c, kh, kw, oh, ow, strideH, strideW, padTop, padLeft;
};
constexpr int32_t POOL_WORDS = 12; // the dtype follows
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

// A piece of work: lines [first, last) of one picture, channels [from, until).
struct PoolUnit {
  int64_t image, first, last, from, until;
};
// body(unit, thread) for all of n pictures of `height` lines; `work` is what one line costs, in elements.
template <class Body>
static void eachPoolUnit(const FoveaCall& call, const Pool& pool, int64_t height, int64_t work, int64_t leastLines,
                         Body& body) {
  if (pool.n <= 0 || pool.c <= 0 || height <= 0) return;
  const int64_t wanted = 4 * (int64_t)foveaThreadCount(call.pool), lines = pool.n * height;
  int64_t perUnit = larger(1, smaller((1 << 16) / larger(1, work), lines / wanted));
  perUnit = smaller(height, larger(leastLines, perUnit));
  const int64_t cuts = divideUp(height, perUnit);
  const int64_t strips = larger(1, smaller(divideUp(wanted, pool.n * cuts), pool.c / (2 * LANES)));
  auto block = [&](int64_t index, int32_t thread) {
    const int64_t s = index % strips, cut = index / strips % cuts;
    body(PoolUnit{index / strips / cuts, cut * perUnit, smaller(height, (cut + 1) * perUnit),
                  stripFrom(s, strips, pool.c), stripFrom(s + 1, strips, pool.c)},
         thread);
  };
  call.parallel(pool.n * cuts * strips, block);
}

// a displaces the best so far; a NaN displaces any number and stays.
static inline IntVector isBetter(Vector a, Vector best) { return ~(a <= best) & (best == best); }

// How a window's values become one.
struct Largest {
  static Vector first() { return splat(-__builtin_inff()); }
  static Vector join(Vector best, Vector a) { return isBetter(a, best) ? a : best; }
  static Vector finish(Vector v, Vector) { return v; }
};
struct Average {
  static Vector first() { return Vector{}; }
  static Vector join(Vector sum, Vector a) { return sum + a; }
  static Vector finish(Vector v, Vector size) { return v / size; }
};

// One window by its lines and columns inside the picture, `channels` from x on.
template <class Rule, class T>
static void poolPixel(const T* x, int64_t toLine, int64_t toPixel, int32_t lines, int32_t columns, float size, T* y,
                      int64_t channels) {
  int64_t c = 0;
  for (; c + 4 * LANES <= channels; c += 4 * LANES) {
    Vector sum[4] = {Rule::first(), Rule::first(), Rule::first(), Rule::first()};
    for (int32_t a = 0; a < lines; a++) {
      const T* p = x + a * toLine + c;
      for (int32_t b = 0; b < columns; b++, p += toPixel)
#pragma GCC unroll 4
        for (int32_t v = 0; v < 4; v++) sum[v] = Rule::join(sum[v], load(p + v * LANES));
    }
#pragma GCC unroll 4
    for (int32_t v = 0; v < 4; v++) store(y + c + v * LANES, Rule::finish(sum[v], splat(size)));
  }
  for (; c < channels; c += LANES) {
    const int64_t count = channels - c;
    Vector sum = Rule::first();
    for (int32_t a = 0; a < lines; a++)
      for (int32_t b = 0; b < columns; b++) sum = Rule::join(sum, loadSome(x + a * toLine + b * toPixel + c, count));
    storeSome(y + c, Rule::finish(sum, splat(size)), count);
  }
}

// Neighbouring windows that lie inside from left to right: as many as keep their columns in registers.
constexpr int32_t poolPixels(int32_t step) { return TILE_ROWS > 6 || step == 1 ? 7 : 4; }

template <class Rule, class T, int32_t KW, int32_t STEP>
static void poolTile(const T* x, int64_t toLine, int64_t toPixel, int32_t lines, float size, T* y, int64_t toOut,
                     int64_t channels) {
  constexpr int32_t PIXELS = poolPixels(STEP), COLUMNS = (PIXELS - 1) * STEP + KW;
  for (int64_t c = 0; c < channels; c += LANES) {
    const int64_t at = smaller(c, channels - LANES); // the last vector may overlap the one before
    Vector column[COLUMNS];
    const T* p = x + at;
#pragma GCC unroll 16
    for (int32_t q = 0; q < COLUMNS; q++, p += toPixel) column[q] = load(p);
    for (int32_t a = 1; a < lines; a++) {
      p = x + a * toLine + at;
#pragma GCC unroll 16
      for (int32_t q = 0; q < COLUMNS; q++, p += toPixel) column[q] = Rule::join(column[q], load(p));
    }
    T* to = y + at;
#pragma GCC unroll 8
    for (int32_t j = 0; j < PIXELS; j++, to += toOut) {
      Vector sum = column[j * STEP];
#pragma GCC unroll 4
      for (int32_t b = 1; b < KW; b++) sum = Rule::join(sum, column[j * STEP + b]);
      store(to, Rule::finish(sum, splat(size)));
    }
  }
}
template <class T>
using PoolTile = void (*)(const T* x, int64_t toLine, int64_t toPixel, int32_t lines, float size, T* y, int64_t toOut,
                          int64_t channels);
template <class Rule, class T> static PoolTile<T> poolTileOf(int32_t kw, int32_t step) {
  if (kw == 2 && step == 2) return poolTile<Rule, T, 2, 2>;
  if (kw == 3 && step == 2) return poolTile<Rule, T, 3, 2>;
  if (kw == 3 && step == 1) return poolTile<Rule, T, 3, 1>;
  return nullptr;
}

template <class Rule, class T> static void runPool(const FoveaCall& call) {
  const Pool pool = poolOf(call);
  const T* x = call.operand<const T>(0);
  T* y = call.operand<T>(1);
  const int64_t toLine = (int64_t)pool.w * pool.c;
  const int32_t pixels = poolPixels(pool.strideW);
  // Windows [from, until) of a line have all their columns.
  const int64_t from = smaller(pool.ow, divideUp(pool.padLeft, pool.strideW));
  const int64_t room = (int64_t)pool.w + pool.padLeft - pool.kw;
  const int64_t until = room < 0 ? 0 : smaller(pool.ow, room / pool.strideW + 1);
  const PoolTile<T> tile = until - from < pixels ? nullptr : poolTileOf<Rule, T>(pool.kw, pool.strideW);
  auto body = [&](const PoolUnit& unit, int32_t) {
    const int64_t channels = unit.until - unit.from;
    for (int64_t i = unit.first; i < unit.last; i++)
      for (int64_t j = 0; j < pool.ow;) {
        const bool isTile = tile != nullptr && channels >= LANES && j >= from && j < until;
        if (isTile) j = smaller(j, until - pixels); // the last tile may do some pixels again
        const PoolWindow window = poolWindow(pool, (int32_t)i, (int32_t)j);
        const int32_t lines = window.bottom - window.top, columns = window.right - window.left;
        const T* p = x + ((unit.image * pool.h + window.top) * pool.w + window.left) * pool.c + unit.from;
        T* to = y + ((unit.image * pool.oh + i) * pool.ow + j) * pool.c + unit.from;
        const float size = lines <= 0 || columns <= 0 ? 1.0f : (float)lines * (float)columns; // of none: 0
        if (isTile && lines > 0) tile(p, toLine, pool.c, lines, size, to, pool.c, channels);
        else for (int64_t k = 0; k < (isTile ? pixels : 1); k++)
          poolPixel<Rule>(p, toLine, pool.c, lines, columns, size, to + k * pool.c, channels);
        j += isTile ? pixels : 1;
      }
  };
  eachPoolUnit(call, pool, pool.oh, (int64_t)pool.c * larger(pool.ow * pool.kh * pool.kw, pool.w), 1, body);
}

template <class Rule> static void runPoolOf(const FoveaCall& call) {
  if (call.parameters[POOL_WORDS] == FOVEA_BFLOAT16) runPool<Rule, Bfloat16>(call);
  else runPool<Rule, float>(call);
}
void maxPool(const FoveaCall& call) { runPoolOf<Largest>(call); }
void avgPool(const FoveaCall& call) { runPoolOf<Average>(call); }

// v's value at the place of the window's first maximum of x.
void maxPoolTake(const FoveaCall& call) {
  const Pool pool = poolOf(call);
  const float* x = call.operand<const float>(0);
  const float* v = call.operand<const float>(1);
  float* y = call.operand<float>(2);
  auto body = [&](const PoolUnit& unit, int32_t) {
    for (int64_t i = unit.first; i < unit.last; i++)
      for (int32_t j = 0; j < pool.ow; j++) {
        const PoolWindow window = poolWindow(pool, (int32_t)i, j);
        float* to = y + ((unit.image * pool.oh + i) * pool.ow + j) * pool.c;
        for (int64_t c = unit.from; c < unit.until; c += LANES) {
          const int64_t count = unit.until - c;
          Vector best = splat(-__builtin_inff()), taken = {};
          for (int32_t a = window.top; a < window.bottom; a++)
            for (int32_t b = window.left; b < window.right; b++) {
              const int64_t at = ((unit.image * pool.h + a) * pool.w + b) * pool.c + c;
              const Vector value = loadSome(x + at, count);
              const bool isFirst = a == window.top && b == window.left; // also where all are -infinity
              const IntVector better = isFirst ? splatInt(-1) : isBetter(value, best);
              taken = better ? loadSome(v + at, count) : taken;
              best = better ? value : best;
            }
          storeSome(to + c, taken, count);
        }
      }
  };
  eachPoolUnit(call, pool, pool.oh, (int64_t)pool.c * pool.ow * pool.kh * pool.kw, 1, body);
}
