// Across the lanes of a Vector: parts of vectors at a row's end, sums and maxima over lanes, and the same for
// as many rows at once as there are lanes, which costs each row one or two instructions instead of ten.

// The first `count` (0..LANES) elements at p, `otherwise` in the other lanes; nothing behind them is touched.
#if FOVEA_VECTOR_BYTES == 64
static inline Vector loadEnd(const float* p, int32_t count, Vector otherwise) {
  return __builtin_ia32_loadups512_mask(p, otherwise, (uint16_t)((1u << count) - 1));
}
static inline void storeEnd(float* p, int32_t count, Vector v) {
  __builtin_ia32_storeups512_mask(p, v, (uint16_t)((1u << count) - 1));
}
#elif FOVEA_VECTOR_BYTES == 32
static inline Vector loadEnd(const float* p, int32_t count, Vector otherwise) {
  const IntVector isIn = IntVector{0, 1, 2, 3, 4, 5, 6, 7} < splatInt(count);
  const Vector v = __builtin_ia32_maskloadps256((const Vector*)p, isIn);
  return isIn ? v : otherwise;
}
static inline void storeEnd(float* p, int32_t count, Vector v) {
  __builtin_ia32_maskstoreps256((Vector*)p, IntVector{0, 1, 2, 3, 4, 5, 6, 7} < splatInt(count), v);
}
#else
static inline Vector loadEnd(const float* p, int32_t count, Vector otherwise) {
  if (count == LANES) return load(p);
  if (count > 0) otherwise[0] = p[0];
  if (count > 1) otherwise[1] = p[1];
  if (count > 2) otherwise[2] = p[2];
  return otherwise;
}
static inline void storeEnd(float* p, int32_t count, Vector v) {
  if (count == LANES) return store(p, v);
  if (count > 0) p[0] = v[0];
  if (count > 1) p[1] = v[1];
  if (count > 2) p[2] = v[2];
}
#endif

// chooseLanes<W>: lane l of b where l has the bit W, else of a. swapLanes<W>: the same, each from lane l ^ W.
#ifdef FOVEA_SHUFFLE
template <int32_t... L> struct LaneList {};
#if FOVEA_VECTOR_BYTES == 64
typedef LaneList<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15> EachLane;
#elif FOVEA_VECTOR_BYTES == 32
typedef LaneList<0, 1, 2, 3, 4, 5, 6, 7> EachLane;
#else
typedef LaneList<0, 1, 2, 3> EachLane;
#endif
template <int32_t W, class V, int32_t... L> static inline V chooseOf(V a, V b, LaneList<L...>) {
  return __builtin_shufflevector(a, b, ((L & W) ? LANES + L : L)...);
}
template <int32_t W, class V, int32_t... L> static inline V swapOf(V a, V b, LaneList<L...>) {
  return __builtin_shufflevector(a, b, ((L & W) ? LANES + (L ^ W) : (L ^ W))...);
}
template <int32_t W, class V> static inline V chooseLanes(V a, V b) { return chooseOf<W>(a, b, EachLane()); }
template <int32_t W, class V> static inline V swapLanes(V a, V b) { return swapOf<W>(a, b, EachLane()); }
#else
template <int32_t W, class V> static inline V chooseLanes(V a, V b) {
  for (int32_t l = 0; l < LANES; l++)
    if (l & W) a[l] = b[l];
  return a;
}
template <int32_t W, class V> static inline V swapLanes(V a, V b) {
  V v = a;
  for (int32_t l = 0; l < LANES; l++) v[l] = (l & W) ? b[l ^ W] : a[l ^ W];
  return v;
}
#endif

// v[0..LANES-1] become one vector: its lane l is v[l] folded over all lanes by f, as a tree.
template <int32_t W, class F> static inline void foldLevel(Vector* v, F f) {
  for (int32_t i = 0; i < LANES / 2 / W; i++)
    v[i] = f(chooseLanes<W>(v[2 * i], v[2 * i + 1]), swapLanes<W>(v[2 * i], v[2 * i + 1]));
}
template <class F> static inline Vector foldTogether(Vector* v, F f) {
  foldLevel<1>(v, f);
  foldLevel<2>(v, f);
  if (LANES > 4) foldLevel<LANES / 2 < 4 ? LANES / 2 : 4>(v, f);
  if (LANES > 8) foldLevel<LANES / 2 < 8 ? LANES / 2 : 8>(v, f);
  return v[0];
}
// v folded over its lanes by f, as the same tree.
template <class F> static inline float foldAcross(Vector v, F f) {
  v = f(v, swapLanes<1>(v, v));
  v = f(v, swapLanes<2>(v, v));
  if (LANES > 4) v = f(v, swapLanes<LANES / 2 < 4 ? LANES / 2 : 4>(v, v));
  if (LANES > 8) v = f(v, swapLanes<LANES / 2 < 8 ? LANES / 2 : 8>(v, v));
  return v[0];
}
static inline Vector sumTogether(Vector* v) {
  return foldTogether(v, [](Vector a, Vector b) { return a + b; });
}
static inline Vector largestTogether(Vector* v) { return foldTogether(v, larger); }

// Sums: lanes over at most FLOAT_STRETCH elements in float, everything above that in double. Short stretches,
// because equal values would round the same way at every step.
constexpr int64_t FLOAT_STRETCH = 512;

static inline void addLanes(DoubleVector& low, DoubleVector& high, Vector v) {
  low += toDouble(lowHalf(v));
  high += toDouble(highHalf(v));
}
static inline double sumDoubles(DoubleVector v) {
  double lanes[LANES / 2];
  __builtin_memcpy(lanes, &v, sizeof v);
  for (int32_t width = LANES / 4; width > 0; width /= 2)
    for (int32_t i = 0; i < width; i++) lanes[i] += lanes[i + width];
  return lanes[0];
}

// The sum of term(i) over whole vectors and of `tail`.
template <class Term> static inline double sumTerms(int64_t whole, Vector tail, Term term) {
  DoubleVector low{}, high{};
  for (int64_t i = 0; i < whole;) {
    const int64_t end = whole - i < FLOAT_STRETCH ? whole : i + FLOAT_STRETCH;
    Vector s0{}, s1{}, s2{}, s3{};
    for (; i + 4 * LANES <= end; i += 4 * LANES) {
      s0 += term(i);
      s1 += term(i + LANES);
      s2 += term(i + 2 * LANES);
      s3 += term(i + 3 * LANES);
    }
    for (; i < end; i += LANES) s0 += term(i);
    addLanes(low, high, (s0 + s1) + (s2 + s3));
  }
  addLanes(low, high, tail);
  return sumDoubles(low + high);
}
