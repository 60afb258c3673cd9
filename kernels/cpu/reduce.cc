// Reductions over any axes of any dtype. Two shapes matter: along contiguous rows (every output folds a
// stretch of memory) and down columns (neighbouring outputs fold neighbouring elements); any other stride
// takes the first road through a buffer. Short rows of floats are folded LANES at a time (lanes.h). Where
// outputs are few, each is split into parts, chosen from the shape alone, whose states meet in the operand
// `scratch` and are merged in order.

constexpr int32_t REDUCE_CHUNK = 2048;   // elements folded at a time along a row
constexpr int32_t REDUCE_COLUMNS = 256;  // columns folded at a time: 2 KB of states
constexpr int64_t REDUCE_SHORT = 512;    // a row that is folded together with others
constexpr int64_t REDUCE_PART = 16384;   // elements that make a part of its own worth while

// A fold is {State, of 8 bytes; init; rowFold of n contiguous elements, the first of which is element
// `index` of the reduction; columnFold of `rows` rows into n states, behind which there is room for a
// vector; merge of a later part into an earlier one; value of the result}. Only these are instantiated for
// each fold; the walk over memory is compiled once and calls them by the table `Fold`.

// LANES rows of n elements each, `stride` apart, to one vector of results. step(v, i) folds the row's vector
// that starts at element i; `otherwise` fills the vector at its end.
template <class Start, class Step>
static inline void foldShortRow(const float* p, int64_t n, Vector otherwise, Start start, Step step) {
  const int64_t whole = n / LANES * LANES;
  if (whole == 0) return start(loadEnd(p, (int32_t)n, otherwise));
  start(load(p));
  for (int64_t i = LANES; i < whole; i += LANES) step(load(p + i), i);
  if (whole < n) step(loadEnd(p + whole, (int32_t)(n - whole), otherwise), whole);
}

static inline DoubleVector loadDoubles(const double* p) {
  DoubleVector v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
static inline void storeDoubles(double* p, DoubleVector v) { __builtin_memcpy(p, &v, sizeof v); }

// Calls each(states, load of row) for each vector of columns. The states behind the last column are given
// `neutral`, since they may be those of other columns. What lies `ahead` is fetched: across rows the processor does not
// see where this goes.
template <class Each>
static inline void eachColumnVector(double* states, const float* p, int32_t n, float neutral, int64_t ahead, Each each) {
  int32_t i = 0;
  for (; i + LANES <= n; i += LANES)
    each(states + i, [p, i, ahead](int64_t row) {
      __builtin_prefetch(p + row + i + ahead);
      return load(p + row + i);
    });
  if (i < n) each(states + i, [p, i, n, neutral](int64_t row) { return loadEnd(p + row + i, n - i, splat(neutral)); });
}
struct FloatSum {
  typedef double State;
  static State init() { return 0; }
  static void rowFold(State& state, const float* p, int32_t n, int64_t) {
    const int64_t whole = n / LANES * LANES;
    state += sumTerms(whole, loadEnd(p + whole, (int32_t)(n - whole), Vector{}), [p](int64_t i) { return load(p + i); });
  }
  static void columnFold(State* states, const float* p, int64_t stride, int32_t rows, int32_t n, int64_t) {
    auto add = [](double* to, Vector v) {
      storeDoubles(to, loadDoubles(to) + toDouble(lowHalf(v)));
      storeDoubles(to + LANES / 2, loadDoubles(to + LANES / 2) + toDouble(highHalf(v)));
    };
    for (; rows >= 8; rows -= 8, p += 8 * stride)
      eachColumnVector(states, p, n, 0.0f, 8 * stride, [&](double* to, auto row) {
        const Vector a = (row(0) + row(stride)) + (row(2 * stride) + row(3 * stride));
        add(to, a + ((row(4 * stride) + row(5 * stride)) + (row(6 * stride) + row(7 * stride))));
      });
    for (; rows > 0; rows--, p += stride)
      eachColumnVector(states, p, n, 0.0f, 8 * stride, [&](double* to, auto row) { add(to, row(0)); });
  }
  static Vector shortRows(const float* p, int64_t stride, int32_t rows, int64_t n) {
    Vector sums[LANES];
    for (int32_t r = 0; r < LANES; r++) {
      Vector s{};
      if (r < rows) foldShortRow(p + r * stride, n, Vector{}, [&](Vector v) { s = v; }, [&](Vector v, int64_t) { s += v; });
      sums[r] = s;
    }
    return sumTogether(sums);
  }
  static void merge(State& state, const State& later) { state += later; }
  static float value(const State& state) { return (float)state; }
};

// The pieces shared by folds of one element at a time: F::step(state, value).
template <class Derived, class S, class E> struct PlainFold {
  typedef S State;
  static void rowFold(State& state, const E* p, int32_t n, int64_t) {
    State s = state;
    for (int32_t i = 0; i < n; i++) s = Derived::step(s, p[i]);
    state = s;
  }
  static void columnFold(State* states, const E* p, int64_t stride, int32_t rows, int32_t n, int64_t) {
    for (; rows > 0; rows--, p += stride)
      for (int32_t i = 0; i < n; i++) states[i] = Derived::step(states[i], p[i]);
  }
};
struct FloatProd : PlainFold<FloatProd, double, float> {
  static double init() { return 1; }
  static double step(double s, float v) { return s * (double)v; }
  static void merge(double& state, double later) { state *= later; }
  static float value(double state) { return (float)state; }
};
struct IntSum : PlainFold<IntSum, int64_t, int32_t> {
  static int64_t init() { return 0; }
  static int64_t step(int64_t s, int32_t v) { return s + v; }
  static void merge(int64_t& state, int64_t later) { state += later; }
  static int64_t value(int64_t state) { return state; }
};
struct IntProd : PlainFold<IntProd, int64_t, int32_t> { // modulo 2^32, as its steps
  static int64_t init() { return 1; }
  static int64_t step(int64_t s, int32_t v) { return (int64_t)((uint64_t)s * (uint64_t)(int64_t)v); }
  static void merge(int64_t& state, int64_t later) { state = (int64_t)((uint64_t)state * (uint64_t)later); }
  static int64_t value(int64_t state) { return state; }
};
// Maxima: the state's lower half holds the value; 8 bytes keep all folds alike.
template <bool IS_MIN> struct IntExtreme : PlainFold<IntExtreme<IS_MIN>, int64_t, int32_t> {
  static int64_t init() { return IS_MIN ? INT32_MAX : INT32_MIN; }
  static int64_t step(int64_t s, int32_t v) { return (IS_MIN ? v < s : v > s) ? v : s; }
  static void merge(int64_t& state, int64_t later) { state = step(state, (int32_t)later); }
  static int64_t value(int64_t state) { return state; }
};
template <bool IS_ALL> struct IntTest : PlainFold<IntTest<IS_ALL>, int64_t, int32_t> {
  static int64_t init() { return IS_ALL; }
  static int64_t step(int64_t s, int32_t v) { return IS_ALL ? s & (v != 0) : s | (v != 0); }
  static void merge(int64_t& state, int64_t later) { state = step(state, (int32_t)later); }
  static int64_t value(int64_t state) { return state; }
};
template <bool IS_MIN> struct FloatExtreme {
  typedef double State;
  static State init() { return IS_MIN ? INFINITY_F : -INFINITY_F; }
  static Vector better(Vector a, Vector b) { return IS_MIN ? vectorMin(a, b) : vectorMax(a, b); }
  static double step(double s, double v) { return s != s || (IS_MIN ? s < v : s > v) ? s : v; }
  static float acrossLanes(Vector v) {
    return foldAcross(v, [](Vector a, Vector b) { return better(a, b); });
  }
  static void rowFold(State& state, const float* p, int32_t n, int64_t) {
    const Vector start = splat((float)init());
    Vector s0 = start, s1 = start, s2 = start, s3 = start;
    Vector t0{}, t1{}, t2{}, t3{}; // sums tell whether there may be a NaN: cheaper than to care for it at every step
    auto take = [](Vector& best, Vector& sum, Vector v) {
      best = IS_MIN ? smaller(v, best) : larger(v, best);
      sum += v;
    };
    int32_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
      take(s0, t0, load(p + i));
      take(s1, t1, load(p + i + LANES));
      take(s2, t2, load(p + i + 2 * LANES));
      take(s3, t3, load(p + i + 3 * LANES));
    }
    for (; i + LANES <= n; i += LANES) take(s0, t0, load(p + i));
    const Vector tail = loadEnd(p + i, n - i, start);
    s1 = better(s1, tail);
    const Vector sum = (t0 + t1) + (t2 + t3);
    if (__builtin_expect(sumLanes(sum - sum) != 0, 0)) // NaN, or infinities
      for (i = 0; i + LANES <= n; i += LANES) s0 = better(s0, load(p + i));
    state = step(state, (double)acrossLanes(better(better(s0, s1), better(s2, s3))));
  }
  static void columnFold(State* states, const float* p, int64_t stride, int32_t rows, int32_t n, int64_t) {
    auto take = [](double* to, Vector v) {
      v = better(join(toHalf(loadDoubles(to)), toHalf(loadDoubles(to + LANES / 2))), v);
      storeDoubles(to, toDouble(lowHalf(v)));
      storeDoubles(to + LANES / 2, toDouble(highHalf(v)));
    };
    for (; rows >= 4; rows -= 4, p += 4 * stride)
      eachColumnVector(states, p, n, (float)init(), 8 * stride, [&](double* to, auto row) {
        take(to, better(better(row(0), row(stride)), better(row(2 * stride), row(3 * stride))));
      });
    for (; rows > 0; rows--, p += stride)
      eachColumnVector(states, p, n, (float)init(), 8 * stride, [&](double* to, auto row) { take(to, row(0)); });
  }
  static Vector shortRows(const float* p, int64_t stride, int32_t rows, int64_t n) {
    const Vector start = splat((float)init());
    Vector best[LANES];
    for (int32_t r = 0; r < LANES; r++) {
      Vector s = start;
      if (r < rows)
        foldShortRow(p + r * stride, n, start, [&](Vector v) { s = v; }, [&](Vector v, int64_t) { s = better(s, v); });
      best[r] = s;
    }
    return foldTogether(best, [](Vector a, Vector b) { return better(a, b); });
  }
  static void merge(State& state, const State& later) { state = step(state, later); }
  static float value(const State& state) { return (float)state; }
};
// The first of the best; index -1 where there is nothing. Integers are compared as integers.
template <bool IS_MIN, class E> struct ArgExtreme {
  struct State {
    E best;
    int32_t index;
  };
  static State init() { return {E(0), -1}; }
  static bool isBetter(E v, E best) { return (IS_MIN ? v < best : v > best) || (v != v && best == best); }
  static void step(State& s, E v, int64_t index) {
    if (s.index < 0 || isBetter(v, s.best)) s = {v, (int32_t)index};
  }
  static void rowFold(State& state, const E* p, int32_t n, int64_t index) {
    int32_t i = 0;
    if (n >= 4 * LANES) { // each lane keeps its own first best; then the lanes meet
      typedef E Values __attribute__((vector_size(FOVEA_VECTOR_BYTES)));
      typedef E ValuesU __attribute__((vector_size(FOVEA_VECTOR_BYTES), aligned(4), may_alias));
      Values best = *(const ValuesU*)p;
      IntVector at{}, place{};
      for (i = LANES; i + LANES <= n; i += LANES) {
        Values v = *(const ValuesU*)(p + i);
        at += LANES;
        IntVector isTaken = (IS_MIN ? v < best : v > best) | ((v != v) & (best == best));
        best = isTaken ? v : best;
        place = isTaken ? at : place;
      }
      State lanes = {best[0], place[0]};
      for (int32_t j = 1; j < LANES; j++) {
        const int32_t found = place[j] + j;
        const bool isEqual = best[j] == lanes.best || (best[j] != best[j] && lanes.best != lanes.best);
        if (isBetter(best[j], lanes.best) || (isEqual && found < lanes.index)) lanes = {best[j], found};
      }
      step(state, lanes.best, index + lanes.index);
    }
    for (; i < n; i++) step(state, p[i], index + i);
  }
  static void columnFold(State* states, const E* p, int64_t stride, int32_t rows, int32_t n, int64_t index) {
    for (int32_t r = 0; r < rows; r++, p += stride)
      for (int32_t i = 0; i < n; i++) step(states[i], p[i], index + r);
  }
  // Ties go to the smaller index, wherever it is.
  static void takeBetter(Vector& best, IntVector& at, Vector v, IntVector place) {
    const IntVector isEqual = (v == best) | ((v != v) & (best != best));
    const IntVector isTaken = (IS_MIN ? v < best : v > best) | ((v != v) & (best == best)) | (isEqual & (place < at));
    best = isTaken ? v : best;
    at = isTaken ? place : at;
  }
  template <int32_t W> static void foldPairs(Vector* best, IntVector* at) {
    for (int32_t i = 0; i < LANES / 2 / W; i++) {
      Vector v = chooseLanes<W>(best[2 * i], best[2 * i + 1]);
      IntVector place = chooseLanes<W>(at[2 * i], at[2 * i + 1]);
      takeBetter(v, place, swapLanes<W>(best[2 * i], best[2 * i + 1]), swapLanes<W>(at[2 * i], at[2 * i + 1]));
      best[i] = v;
      at[i] = place;
    }
  }
  static IntVector shortRows(const float* p, int64_t stride, int32_t rows, int64_t n) {
    IntVector lane;
    for (int32_t l = 0; l < LANES; l++) lane[l] = l;
    const Vector worst = splat(IS_MIN ? INFINITY_F : -INFINITY_F);
    Vector best[LANES];
    IntVector at[LANES];
    for (int32_t r = 0; r < LANES; r++) {
      Vector s = worst;
      IntVector place{};
      if (r < rows)
        foldShortRow(
            p + r * stride, n, worst,
            [&](Vector v) {
              s = v;
              place = n < LANES ? (lane < splatInt((int32_t)n) ? lane : splatInt(INT32_MAX)) : lane;
            },
            [&](Vector v, int64_t i) {
              const IntVector isTaken = (IS_MIN ? v < s : v > s) | ((v != v) & (s == s));
              s = isTaken ? v : s;
              place = isTaken ? lane + splatInt((int32_t)i) : place;
            });
      best[r] = s;
      at[r] = place;
    }
    foldPairs<1>(best, at);
    foldPairs<2>(best, at);
    if (LANES > 4) foldPairs<LANES / 2 < 4 ? LANES / 2 : 4>(best, at);
    if (LANES > 8) foldPairs<LANES / 2 < 8 ? LANES / 2 : 8>(best, at);
    return at[0];
  }
  static void merge(State& state, const State& later) {
    if (later.index >= 0 && (state.index < 0 || isBetter(later.best, state.best))) state = later;
  }
  static int64_t value(const State& state) { return state.index; }
};

struct ReducePlan {
  int32_t kind, dtypeIn, dtypeOut;
  int32_t keepRank, reduceRank;
  int64_t keepDims[POINTWISE_MAX_RANK], keepStrides[1][POINTWISE_MAX_RANK];
  int64_t reduceDims[POINTWISE_MAX_RANK], reduceStrides[1][POINTWISE_MAX_RANK];
  int64_t outputs, length; // elements of the result, and under each of them
};

static int64_t offsetOf(int64_t index, int32_t rank, const int64_t* dims, const int64_t* strides) {
  if (rank == 1) return index * strides[0];
  int64_t offset = 0;
  for (int32_t r = rank - 1; r >= 0; r--) {
    offset += index % dims[r] * strides[r];
    index /= dims[r];
  }
  return offset;
}

// Calls visit(offset, count, index) for each stretch of the innermost reduced dim within [begin, end).
template <class Visit> static inline void eachStretch(const ReducePlan& plan, int64_t begin, int64_t end, int64_t longest, Visit visit) {
  const int32_t last = plan.reduceRank - 1;
  const int64_t inner = plan.reduceDims[last], step = plan.reduceStrides[0][last];
  for (int64_t i = begin; i < end;) {
    const int64_t row = last == 0 ? 0 : i / inner, column = i - row * inner;
    int64_t count = inner - column < end - i ? inner - column : end - i;
    const int64_t base = offsetOf(row, last, plan.reduceDims, plan.reduceStrides[0]) + column * step;
    for (int64_t done = 0; done < count; done += longest) {
      const int64_t part = count - done < longest ? count - done : longest;
      visit(base + done * step, (int32_t)part, i + done);
    }
    i += count;
  }
}

constexpr int32_t STATE_BYTES = 8;
struct Fold {
  void (*init)(void* states, int32_t n);
  void (*rowFold)(void* state, const void* p, int32_t n, int64_t index);
  void (*columnFold)(void* states, const void* p, int64_t stride, int32_t rows, int32_t n, int64_t index);
  void (*merge)(void* states, const void* later, int32_t n);
  uint32_t (*result)(const ReducePlan& plan, const void* state);
  // Of at most LANES rows of at most REDUCE_SHORT floats; null where a fold has no such form.
  void (*shortRows)(const ReducePlan& plan, const float* p, int64_t stride, int32_t rows, uint32_t* results);
};

static inline double meanNumerator(double state) { return state; }
static inline double meanNumerator(int64_t state) { return (double)state; }
template <class State> static inline double meanNumerator(const State&) { return 0; } // no mean of these
static inline uint32_t resultBits(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, 4);
  return bits;
}
static inline uint32_t resultBits(int64_t value) { return (uint32_t)value; }

template <class F, class E> struct FoldOf {
  typedef typename F::State State;
  static_assert(sizeof(State) == STATE_BYTES, "scratch is planned with 8 bytes a state");
  static void init(void* states, int32_t n) {
    for (int32_t i = 0; i < n; i++) static_cast<State*>(states)[i] = F::init();
  }
  static void rowFold(void* state, const void* p, int32_t n, int64_t index) {
    F::rowFold(*static_cast<State*>(state), static_cast<const E*>(p), n, index);
  }
  static void columnFold(void* states, const void* p, int64_t stride, int32_t rows, int32_t n, int64_t index) {
    F::columnFold(static_cast<State*>(states), static_cast<const E*>(p), stride, rows, n, index);
  }
  static void merge(void* states, const void* later, int32_t n) {
    for (int32_t i = 0; i < n; i++) F::merge(static_cast<State*>(states)[i], static_cast<const State*>(later)[i]);
  }
  static uint32_t result(const ReducePlan& plan, const void* state) {
    const State& s = *static_cast<const State*>(state);
    if (plan.kind != FOVEA_REDUCE_MEAN) return resultBits(F::value(s));
    const float mean = (float)(meanNumerator(s) / (double)plan.length);
    return isFloatDtype(plan.dtypeOut) ? resultBits(mean) : plan.length == 0 ? 0 : (uint32_t)(int32_t)mean;
  }
  static constexpr Fold table = {init, rowFold, columnFold, merge, result, nullptr};
};
// The same for float32 rows.
template <class F> struct FloatFoldOf : FoldOf<F, float> {
  static void put(const ReducePlan& plan, Vector v, uint32_t* results) {
    if (plan.kind == FOVEA_REDUCE_MEAN) v /= splat((float)plan.length);
    storeInt((int32_t*)results, asInt(v));
  }
  static void put(const ReducePlan&, IntVector v, uint32_t* results) { storeInt((int32_t*)results, v); }
  static void shortRows(const ReducePlan& plan, const float* p, int64_t stride, int32_t rows, uint32_t* results) {
    put(plan, F::shortRows(p, stride, rows, plan.length), results);
  }
  typedef FoldOf<F, float> Base;
  static constexpr Fold table = {Base::init, Base::rowFold, Base::columnFold, Base::merge, Base::result, shortRows};
};

static inline bool isWordDtype(int32_t dtype) { return dtype == FOVEA_FLOAT32 || dtype == FOVEA_INT32; }
static inline const void* readRow(const ReducePlan& plan, const void* in, int64_t offset, int64_t step, int32_t count, uint32_t* buffer) {
  if (isWordDtype(plan.dtypeIn) && step == 1) return static_cast<const char*>(in) + offset * 4;
  loadElements(plan.dtypeIn, in, offset, step, count, buffer);
  return buffer;
}

static void storeResults(const ReducePlan& plan, const Fold& fold, const char* states, int64_t count, void* out, int64_t at) {
  for (int64_t i = 0; i < count; i++) {
    const uint32_t bits = fold.result(plan, states + i * STATE_BYTES);
    if (dtypeBytes(plan.dtypeOut) == 4) static_cast<uint32_t*>(out)[at + i] = bits;
    else storeElements(plan.dtypeOut, &bits, 1, out, at + i);
  }
}

// Rows of consecutive floats, too short to be worth a fold of their own.
static void reduceShortRows(const FoveaCall& call, const ReducePlan& plan, const Fold& fold) {
  const float* in = call.operand<const float>(0);
  void* out = call.operands[1];
  const int64_t stride = plan.keepStrides[0][0], perTask = REDUCE_PART / plan.length / LANES * LANES + LANES;
  auto body = [&](int64_t task, int32_t) {
    const int64_t end = (task + 1) * perTask < plan.outputs ? (task + 1) * perTask : plan.outputs;
    for (int64_t row = task * perTask; row < end; row += LANES) {
      const int32_t rows = (int32_t)(end - row < LANES ? end - row : LANES);
      alignas(64) uint32_t results[LANES];
      fold.shortRows(plan, in + row * stride, stride, rows, results);
      storeElements(plan.dtypeOut, results, rows, out, row);
    }
  };
  call.parallel((plan.outputs + perTask - 1) / perTask, body);
}

static void reduceWith(const FoveaCall& call, const ReducePlan& plan, const Fold& fold) {
  const void* in = call.operands[0];
  void* out = call.operands[1];
  char* partial = call.operand<char>(2);
  const int32_t keepLast = plan.keepRank - 1, reduceLast = plan.reduceRank - 1;
  const int64_t width = plan.keepDims[keepLast], reduceStep = plan.reduceStrides[0][reduceLast];
  const bool isColumn = plan.keepStrides[0][keepLast] == 1 && width > 1 && (reduceStep != 1 || plan.length == 1);
  const bool isWord = isWordDtype(plan.dtypeIn);
  if (fold.shortRows && plan.dtypeIn == FOVEA_FLOAT32 && !isColumn && reduceStep == 1 && plan.reduceRank == 1 &&
      plan.keepRank == 1 && plan.length > 0 && plan.length <= REDUCE_SHORT && plan.outputs > 1)
    return reduceShortRows(call, plan, fold);

  // Dense narrow columns (pictures' channels): several rows make one wide row, whose states are merged.
  int64_t group = 1;
  if (isColumn && plan.kind < FOVEA_REDUCE_ARG_MAX && plan.reduceRank == 1 && reduceStep == width && width < 64)
    group = REDUCE_COLUMNS / width;

  const int64_t tile = isColumn ? (width < REDUCE_COLUMNS ? width : REDUCE_COLUMNS) : 1;
  const int64_t tiles = isColumn ? (width + tile - 1) / tile : 1;
  const int64_t units = plan.outputs / (isColumn ? width : 1) * tiles;
  const int64_t unitWork = plan.length * tile;
  int64_t parts = 1;
  if (units < FOVEA_PARTIAL_SUMS) {
    parts = unitWork / REDUCE_PART;
    parts = parts > plan.length ? plan.length : parts;
    parts = parts > FOVEA_PARTIAL_SUMS ? FOVEA_PARTIAL_SUMS : parts < 1 ? 1 : parts;
  }

  const int64_t taskWork = units * unitWork > 128 * REDUCE_PART ? 4 * REDUCE_PART : REDUCE_PART;
  const int64_t unitsPerTask = parts > 1 ? 1 : taskWork / (unitWork + 16) > 0 ? taskWork / (unitWork + 16) : 1;
  auto body = [&](int64_t task, int32_t thread) {
    uint32_t* buffer = call.scratch<uint32_t>(thread);
    const int64_t part = task % parts, firstUnit = task / parts * unitsPerTask;
    const int64_t lastUnit = firstUnit + unitsPerTask < units ? firstUnit + unitsPerTask : units;
    const int64_t begin = plan.length * part / parts, end = plan.length * (part + 1) / parts;
    for (int64_t unit = firstUnit; unit < lastUnit; unit++) {
      alignas(64) char states[(REDUCE_COLUMNS + LANES) * STATE_BYTES];
      const int64_t column = isColumn ? unit % tiles * tile : 0;
      const int32_t n = (int32_t)(isColumn ? (width - column < tile ? width - column : tile) : 1);
      const int64_t output = isColumn ? unit / tiles * width + column : unit;
      const int64_t base = offsetOf(output, plan.keepRank, plan.keepDims, plan.keepStrides[0]);
      const int32_t lanes = (int32_t)(n * group);
      const char* from = static_cast<const char*>(in) + base * 4; // where isWord
      fold.init(states, lanes);
      if (!isColumn) {
        eachStretch(plan, begin, end, REDUCE_CHUNK, [&](int64_t offset, int32_t count, int64_t index) {
          fold.rowFold(states, readRow(plan, in, base + offset, reduceStep, count, buffer), count, index);
        });
      } else if (group > 1) {
        int64_t row = begin;
        if (isWord) {
          const int64_t wide = (end - row) / group;
          fold.columnFold(states, from + row * width * 4, lanes, (int32_t)wide, lanes, row);
          row += wide * group;
        }
        for (; row + group <= end; row += group)
          fold.columnFold(states, readRow(plan, in, base + row * width, 1, lanes, buffer), lanes, 1, lanes, row);
        for (; row < end; row++) fold.columnFold(states, readRow(plan, in, base + row * width, 1, n, buffer), n, 1, n, row);
        for (int32_t g = 1; g < group; g++) fold.merge(states, states + (int64_t)g * n * STATE_BYTES, n);
      } else {
        eachStretch(plan, begin, end, isWord ? 1 << 20 : 64, [&](int64_t offset, int32_t count, int64_t index) {
          if (isWord) return fold.columnFold(states, from + offset * 4, reduceStep, count, n, index);
          for (int32_t r = 0; r < count; r++)
            loadElements(plan.dtypeIn, in, base + offset + r * reduceStep, 1, n, buffer + r * n);
          fold.columnFold(states, buffer, n, count, n, index);
        });
      }
      if (parts == 1) storeResults(plan, fold, states, n, out, output);
      else __builtin_memcpy(partial + (part * plan.outputs + output) * STATE_BYTES, states, n * STATE_BYTES);
    }
  };
  call.parallel((units + unitsPerTask - 1) / unitsPerTask * parts, body);
  if (parts == 1) return;
  auto merge = [&](int64_t task, int32_t) {
    const int64_t first = task * 1024, count = plan.outputs - first < 1024 ? plan.outputs - first : 1024;
    char* states = partial + first * STATE_BYTES; // the first part's states take up the others
    for (int64_t part = 1; part < parts; part++) fold.merge(states, states + part * plan.outputs * STATE_BYTES, (int32_t)count);
    storeResults(plan, fold, states, count, out, first);
  };
  call.parallel((plan.outputs + 1023) / 1024, merge);
}

static void reduce(const FoveaCall& call) {
  ReducePlan plan;
  const int32_t* p = call.parameters;
  plan.kind = *p++;
  plan.dtypeIn = *p++;
  plan.dtypeOut = *p++;
  plan.outputs = plan.length = 1;
  plan.keepRank = *p++;
  for (int32_t r = 0; r < plan.keepRank; r++) plan.outputs *= plan.keepDims[r] = *p++;
  for (int32_t r = 0; r < plan.keepRank; r++) plan.keepStrides[0][r] = *p++;
  plan.reduceRank = *p++;
  for (int32_t r = 0; r < plan.reduceRank; r++) plan.length *= plan.reduceDims[r] = *p++;
  for (int32_t r = 0; r < plan.reduceRank; r++) plan.reduceStrides[0][r] = *p++;
  if (plan.outputs == 0) return;
  if (plan.length == 0) plan.reduceRank = 0;
  plan.keepRank = collapseDims(plan.keepRank, plan.keepDims, 1, plan.keepStrides);
  plan.reduceRank = collapseDims(plan.reduceRank, plan.reduceDims, 1, plan.reduceStrides);

  const bool isFloat = isFloatDtype(plan.dtypeIn);
  const Fold* fold = nullptr;
  switch (plan.kind) {
    case FOVEA_REDUCE_SUM:
    case FOVEA_REDUCE_MEAN: fold = isFloat ? &FloatFoldOf<FloatSum>::table : &FoldOf<IntSum, int32_t>::table; break;
    case FOVEA_REDUCE_PROD: fold = isFloat ? &FoldOf<FloatProd, float>::table : &FoldOf<IntProd, int32_t>::table; break;
    case FOVEA_REDUCE_MAX: fold = isFloat ? &FloatFoldOf<FloatExtreme<false>>::table : &FoldOf<IntExtreme<false>, int32_t>::table; break;
    case FOVEA_REDUCE_MIN: fold = isFloat ? &FloatFoldOf<FloatExtreme<true>>::table : &FoldOf<IntExtreme<true>, int32_t>::table; break;
    case FOVEA_REDUCE_ANY: fold = &FoldOf<IntTest<false>, int32_t>::table; break;
    case FOVEA_REDUCE_ALL: fold = &FoldOf<IntTest<true>, int32_t>::table; break;
    case FOVEA_REDUCE_ARG_MAX:
      fold = isFloat ? &FloatFoldOf<ArgExtreme<false, float>>::table : &FoldOf<ArgExtreme<false, int32_t>, int32_t>::table; break;
    case FOVEA_REDUCE_ARG_MIN:
      fold = isFloat ? &FloatFoldOf<ArgExtreme<true, float>>::table : &FoldOf<ArgExtreme<true, int32_t>, int32_t>::table; break;
  }
  if (fold) reduceWith(call, plan, *fold);
}
