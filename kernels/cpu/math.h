// Float functions over a Vector, to 2 or 3 units in the last place, special values included. Only
// arithmetic, comparisons and bit patterns, so that every level gives the same values up to the rounding
// of fused multiply-adds. Polynomials are minimax fits on the stated interval, constant term first.
// Nothing here may be compiled with -ffast-math: rounding adds and subtracts a large constant.

typedef uint32_t UnsignedVector __attribute__((vector_size(FOVEA_VECTOR_BYTES)));
typedef float HalfVector __attribute__((vector_size(FOVEA_VECTOR_BYTES / 2)));
typedef int32_t HalfIntVector __attribute__((vector_size(FOVEA_VECTOR_BYTES / 2)));
typedef uint32_t HalfUnsignedVector __attribute__((vector_size(FOVEA_VECTOR_BYTES / 2)));
typedef double DoubleVector __attribute__((vector_size(FOVEA_VECTOR_BYTES)));
typedef int64_t LongVector __attribute__((vector_size(FOVEA_VECTOR_BYTES)));
typedef uint64_t UnsignedLongVector __attribute__((vector_size(FOVEA_VECTOR_BYTES)));

static inline DoubleVector splatDouble(double value) { return DoubleVector{} + value; }
static inline LongVector asLong(DoubleVector v) { return reinterpret_cast<LongVector>(v); }
static inline DoubleVector asDouble(LongVector v) { return reinterpret_cast<DoubleVector>(v); }
static inline UnsignedVector asUnsigned(IntVector v) { return reinterpret_cast<UnsignedVector>(v); }

// The two halves of a vector, and back.
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define FOVEA_SHUFFLE
#endif
#endif
#ifdef FOVEA_SHUFFLE
#if FOVEA_VECTOR_BYTES == 64
#define FOVEA_LOW_LANES 0, 1, 2, 3, 4, 5, 6, 7
#define FOVEA_HIGH_LANES 8, 9, 10, 11, 12, 13, 14, 15
#elif FOVEA_VECTOR_BYTES == 32
#define FOVEA_LOW_LANES 0, 1, 2, 3
#define FOVEA_HIGH_LANES 4, 5, 6, 7
#else
#define FOVEA_LOW_LANES 0, 1
#define FOVEA_HIGH_LANES 2, 3
#endif
static inline HalfVector lowHalf(Vector v) { return __builtin_shufflevector(v, v, FOVEA_LOW_LANES); }
static inline HalfVector highHalf(Vector v) { return __builtin_shufflevector(v, v, FOVEA_HIGH_LANES); }
static inline HalfIntVector lowHalf(IntVector v) { return __builtin_shufflevector(v, v, FOVEA_LOW_LANES); }
static inline HalfIntVector highHalf(IntVector v) { return __builtin_shufflevector(v, v, FOVEA_HIGH_LANES); }
static inline Vector join(HalfVector a, HalfVector b) {
  return __builtin_shufflevector(a, b, FOVEA_LOW_LANES, FOVEA_HIGH_LANES);
}
static inline IntVector join(HalfIntVector a, HalfIntVector b) {
  return __builtin_shufflevector(a, b, FOVEA_LOW_LANES, FOVEA_HIGH_LANES);
}
#else
template <class Half, class Whole> static inline Half halfOf(Whole v, int32_t which) {
  Half halves[2];
  __builtin_memcpy(halves, &v, sizeof v);
  return halves[which];
}
static inline HalfVector lowHalf(Vector v) { return halfOf<HalfVector>(v, 0); }
static inline HalfVector highHalf(Vector v) { return halfOf<HalfVector>(v, 1); }
static inline HalfIntVector lowHalf(IntVector v) { return halfOf<HalfIntVector>(v, 0); }
static inline HalfIntVector highHalf(IntVector v) { return halfOf<HalfIntVector>(v, 1); }
template <class Whole, class Half> static inline Whole joinOf(Half a, Half b) {
  Half halves[2] = {a, b};
  Whole v;
  __builtin_memcpy(&v, halves, sizeof v);
  return v;
}
static inline Vector join(HalfVector a, HalfVector b) { return joinOf<Vector>(a, b); }
static inline IntVector join(HalfIntVector a, HalfIntVector b) { return joinOf<IntVector>(a, b); }
#endif

static inline DoubleVector toDouble(HalfVector v) { return __builtin_convertvector(v, DoubleVector); }
static inline DoubleVector toDouble(HalfIntVector v) { return __builtin_convertvector(v, DoubleVector); }
static inline HalfVector toHalf(DoubleVector v) { return __builtin_convertvector(v, HalfVector); }
static inline Vector toFloat32(IntVector v) { return __builtin_convertvector(v, Vector); }

constexpr float INFINITY_F = __builtin_inff();
constexpr float NAN_F = __builtin_nanf("");
static inline IntVector signBits(Vector x) { return asInt(x) & splatInt(INT32_MIN); }
static inline Vector vectorAbs(Vector x) { return asFloat(asInt(x) & splatInt(0x7fffffff)); }
static inline bool anyLane(IntVector mask) {
  int32_t any = 0;
  for (int32_t i = 0; i < LANES; i++) any |= mask[i];
  return any != 0;
}

// IEEE square roots. The instruction is named because a compiler may turn the generic builtin into a
// library call that sets errno.
#if defined(__clang__) && __has_builtin(__builtin_elementwise_sqrt)
static inline Vector vectorSqrt(Vector x) { return __builtin_elementwise_sqrt(x); }
static inline DoubleVector doubleSqrt(DoubleVector x) { return __builtin_elementwise_sqrt(x); }
#elif !defined(__clang__) && defined(__AVX512F__)
static inline Vector vectorSqrt(Vector x) { return __builtin_ia32_sqrtps512_mask(x, x, -1, 4); }
static inline DoubleVector doubleSqrt(DoubleVector x) { return __builtin_ia32_sqrtpd512_mask(x, x, -1, 4); }
#elif !defined(__clang__) && defined(__AVX2__)
static inline Vector vectorSqrt(Vector x) { return __builtin_ia32_sqrtps256(x); }
static inline DoubleVector doubleSqrt(DoubleVector x) { return __builtin_ia32_sqrtpd256(x); }
#elif !defined(__clang__) && defined(__SSE2__)
static inline Vector vectorSqrt(Vector x) { return __builtin_ia32_sqrtps(x); }
static inline DoubleVector doubleSqrt(DoubleVector x) { return __builtin_ia32_sqrtpd(x); }
#elif defined(__aarch64__)
static inline Vector vectorSqrt(Vector x) {
  __asm__("fsqrt %0.4s, %1.4s" : "=w"(x) : "w"(x));
  return x;
}
static inline DoubleVector doubleSqrt(DoubleVector x) {
  __asm__("fsqrt %0.2d, %1.2d" : "=w"(x) : "w"(x));
  return x;
}
#else
static inline Vector vectorSqrt(Vector x) {
  for (int32_t i = 0; i < LANES; i++) x[i] = __builtin_sqrtf(x[i]);
  return x;
}
static inline DoubleVector doubleSqrt(DoubleVector x) {
  for (int32_t i = 0; i < LANES / 2; i++) x[i] = __builtin_sqrt(x[i]);
  return x;
}
#endif
static inline Vector vectorRsqrt(Vector x) { return splat(1.0f) / vectorSqrt(x); }

// Half to even: at 2^23 the unit is 1, so the addition itself rounds. Keeps the sign of zero.
static inline Vector vectorRound(Vector x) {
  const Vector magic = splat(8388608.0f);
  Vector a = vectorAbs(x);
  Vector r = asFloat(asInt((a + magic) - magic) | signBits(x));
  return a < magic ? r : x;
}
static inline Vector vectorFloor(Vector x) {
  Vector r = vectorRound(x);
  return r > x ? r - splat(1.0f) : r;
}
static inline Vector vectorCeil(Vector x) {
  Vector r = vectorRound(x);
  return asFloat(asInt(r < x ? r + splat(1.0f) : r) | signBits(x)); // -0.5 gives -0
}
// Double, any |x| below 2^51.
static inline DoubleVector doubleRound(DoubleVector x) {
  const DoubleVector magic = splatDouble(6755399441055744.0); // 1.5 * 2^52
  return (x + magic) - magic;
}

// The larger and the smaller, one instruction where there is one; of a NaN and a number in either order, b.
#if defined(__wasm__)
// By name: with relaxed SIMD the compiler would take an instruction that may drop a NaN.
static inline Vector larger(Vector a, Vector b) { return (Vector)__builtin_wasm_pmax_f32x4(b, a); }
static inline Vector smaller(Vector a, Vector b) { return (Vector)__builtin_wasm_pmin_f32x4(b, a); }
#else
static inline Vector larger(Vector a, Vector b) { return a > b ? a : b; }
static inline Vector smaller(Vector a, Vector b) { return a < b ? a : b; }
#endif
static inline Vector vectorMax(Vector a, Vector b) { // NaN wins
  Vector larger = a > b ? a : b;
  return a != a ? a : larger;
}
static inline Vector vectorMin(Vector a, Vector b) {
  Vector smaller = a < b ? a : b;
  return a != a ? a : smaller;
}

// x = n ln 2 + r, |r| <= ln 2 / 2; returns n, and exp(r) - 1 - r in `tail`. |x| at most some thousands.
static inline IntVector exponentParts(Vector x, Vector& r, Vector& tail) {
  const Vector magic = splat(12582912.0f); // 1.5 * 2^23: the sum's low bits are the rounded integer
  Vector t = x * splat(1.442695f) + magic;
  Vector n = t - magic;
  r = (x - n * splat(0.69311523f)) - n * splat(3.1946183e-05f);
  Vector e = splat(0.0013945482f);
  e = e * r + splat(0.008366101f);
  e = e * r + splat(0.0416663f);
  e = e * r + splat(0.16666548f);
  e = e * r + splat(0.5f);
  tail = e * (r * r);
  return asInt(t) - asInt(magic);
}
static inline Vector powerOfTwo(IntVector n) { return asFloat((n + splatInt(127)) << 23); } // -126..127

static inline Vector vectorExp(Vector x) {
  Vector r, tail;
  const Vector c = larger(splat(-104.0f), smaller(splat(89.0f), x)); // a NaN passes both
  IntVector n = exponentParts(c, r, tail);
#if defined(__AVX512F__)
  return __builtin_ia32_scalefps512_mask(splat(1.0f) + (r + tail), toFloat32(n), Vector{}, -1, 4);
#else
  IntVector half = n >> 1; // two steps: 2^128 overflows and 2^-149 is denormal
  return (splat(1.0f) + (r + tail)) * powerOfTwo(half) * powerOfTwo(n - half);
#endif
}

// exp(x) of -87.3 <= x < 89 or NaN; infinite from 88.4 on.
static inline Vector vectorExpInRange(Vector c) {
  // 2^n comes straight from the low bits of the sum that rounds: 1.5 * 2^23 and the exponent's bias of 127.
  const Vector magic = splat(12583039.0f);
  const Vector t = c * splat(1.442695f) + magic;
  const Vector n = t - magic;
  const Vector r = (c - n * splat(0.69311523f)) - n * splat(3.1946183e-05f);
  Vector e = splat(0.0013945482f);
  e = e * r + splat(0.008366101f);
  e = e * r + splat(0.0416663f);
  e = e * r + splat(0.16666548f);
  e = e * r + splat(0.5f);
  return (splat(1.0f) + (r + e * (r * r))) * asFloat(asInt(t) << 23);
}
// exp(x) for x <= 0 or NaN, as softmax needs it; what is below the least normal number is 0.
static inline Vector vectorExpOfNegative(Vector x) {
  const Vector y = vectorExpInRange(larger(splat(-87.3f), x)); // a NaN passes
  return x < splat(-87.3f) ? Vector{} : y;
}

static inline Vector vectorExpm1(Vector x) {
  Vector r, tail;
  Vector c = x > splat(89.0f) ? splat(89.0f) : x;
  c = c < splat(-20.0f) ? splat(-20.0f) : c;
  IntVector n = exponentParts(c, r, tail);
  Vector scale = powerOfTwo(n - splatInt(1)); // half of 2^n, which may be 2^128
  Vector y = splat(2.0f) * (scale * (r + tail) + (scale - splat(0.5f)));
  return asInt(x) == splatInt(INT32_MIN) ? x : y; // -0
}

// log(x + correction) for normal x > 0; correction is far below x.
static inline Vector logCorrected(Vector x, Vector correction) {
  IntVector bits = asInt(x) - splatInt(0x3f3504f3); // sqrt(1/2): the mantissa ends up in 0.707..1.414
  IntVector e = bits >> 23;
  Vector m = asFloat(asInt(x) - (e << 23));
  IntVector down = splatInt(127) - (e > splatInt(60) ? splatInt(60) : e); // 2^-128 would not be a normal number
  Vector f = (m - splat(1.0f)) + correction * asFloat(down << 23);
  Vector n = toFloat32(e);
  Vector p = splat(0.06967731f);
  p = p * f + splat(-0.117089786f);
  p = p * f + splat(0.11803569f);
  p = p * f + splat(-0.12394933f);
  p = p * f + splat(0.14230432f);
  p = p * f + splat(-0.16668941f);
  p = p * f + splat(0.20001554f);
  p = p * f + splat(-0.24999987f);
  p = p * f + splat(0.33333322f);
  Vector z = f * f;
  Vector y = p * (z * f) + n * splat(3.1946183e-05f);
  y = f + (y - splat(0.5f) * z);
  return y + n * splat(0.69311523f);
}
static inline Vector vectorLog(Vector x) {
  IntVector isSmall = x < splat(1.17549435e-38f);
  Vector y = logCorrected(isSmall ? x * splat(33554432.0f) : x, Vector{}); // 2^25
  y = isSmall ? y - splat(17.3286795f) : y;
  y = x == Vector{} ? splat(-INFINITY_F) : y;
  y = x < Vector{} ? splat(NAN_F) : y;
  return (x < splat(INFINITY_F)) ? y : x; // inf and NaN
}
static inline Vector vectorLog1p(Vector x) {
  Vector u = splat(1.0f) + x;
  Vector d = u - splat(1.0f);
  // What the addition lost; near or below 1 the first form is exact, above it the second.
  Vector lost = x < splat(1.0f) ? x - d : splat(1.0f) - (u - x);
  IntVector isOrdinary = (u > Vector{}) & (u < splat(INFINITY_F));
  Vector y = logCorrected(isOrdinary ? u : splat(1.0f), isOrdinary ? lost : Vector{});
  y = x == splat(-1.0f) ? splat(-INFINITY_F) : y;
  y = x < splat(-1.0f) ? splat(NAN_F) : y;
  y = vectorAbs(x) < splat(1e-10f) ? x : y; // keeps -0 and denormals
  return (x < splat(INFINITY_F)) ? y : x;
}

static inline Vector vectorSigmoid(Vector x) {
  const Vector c = larger(splat(-88.9f), smaller(splat(87.3f), x)); // at these ends it is 0 and 1; a NaN passes
  return splat(1.0f) / (splat(1.0f) + vectorExpInRange(-c));
}
static inline Vector vectorSilu(Vector x) {
  // -inf * 0 would be NaN; below -110 the product is zero anyway.
  return x < splat(-110.0f) ? asFloat(splatInt(INT32_MIN)) : x * vectorSigmoid(x);
}
static inline Vector vectorSoftplus(Vector x) {
  Vector e = vectorExp(asFloat(asInt(x) | splatInt(INT32_MIN)));
  Vector positive = x < Vector{} ? Vector{} : x; // a NaN stays
  return positive + vectorLog1p(e);
}
static inline Vector vectorTanh(Vector x) {
  Vector a = vectorAbs(x);
  Vector c = a > splat(10.0f) ? splat(10.0f) : a;
  Vector t = vectorExpm1(c + c);
  return asFloat(asInt(t / (t + splat(2.0f))) | signBits(x));
}

// x P(x^2) / Q(x^2), fitted to the relative error up to 3.925, where the result rounds to 1.
static inline Vector vectorErf(Vector x) {
  const Vector c = larger(splat(-3.925f), smaller(splat(3.925f), x)); // a NaN passes
  const Vector z = c * c;
  Vector p = splat(2.046034069281222e-06f);
  p = p * z + splat(0.0002848441363312304f);
  p = p * z + splat(0.0037725530564785004f);
  p = p * z + splat(0.05276930704712868f);
  p = p * z + splat(0.19059374928474426f);
  p = p * z + splat(1.1283791065216064f);
  Vector q = splat(3.804787775152363e-05f);
  q = q * z + splat(0.0011638596188277006f);
  q = q * z + splat(0.014983202330768108f);
  q = q * z + splat(0.1141827255487442f);
  q = q * z + splat(0.5022420287132263f);
  q = q * z + splat(1.0f);
  const Vector y = (c * p) / q;
  return larger(splat(-1.0f), smaller(splat(1.0f), y));
}
static inline Vector vectorGelu(Vector x) {
  const Vector half = x * splat(0.5f);
  return half + half * vectorErf(x * splat(0.70710678f));
}

// Argument reduction for sin, cos, tan: x = k pi/2 + r, |r| <= pi/4; returns k mod 4.
// In double with pi/2 in three parts, the first two of 27 bits, so that k times them is exact to 2^25.
static inline HalfIntVector reduceHalf(HalfVector x, HalfVector& r) {
  const DoubleVector magic = splatDouble(6755399441055744.0);
  DoubleVector d = toDouble(x);
  DoubleVector t = d * splatDouble(0.6366197723675814) + magic;
  DoubleVector k = t - magic;
  d = d - k * splatDouble(1.570796325802803);
  d = d - k * splatDouble(9.920935739593517e-10);
  d = d - k * splatDouble(5.721188726109832e-18);
  r = toHalf(d);
  return __builtin_convertvector(asLong(t) & 3, HalfIntVector);
}
// Any finite x of at least 2^25: multiplies by the 96 bits of 2/pi that matter (Payne and Hanek).
static inline int32_t reduceLarge(float x, float& r) {
  static const uint32_t twoOverPi[7] = {0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};
  uint32_t bits;
  __builtin_memcpy(&bits, &x, 4);
  int32_t from = (int32_t)((bits >> 23) & 255) - 152; // 150 makes the mantissa whole; bits above 4 drop out
  uint64_t mantissa = (bits & 0x7fffff) | 0x800000;
  int32_t word = from >> 5, shift = from & 31;
  auto window = [&](int32_t i) {
    uint64_t pair = ((uint64_t)twoOverPi[word + i] << 32) | twoOverPi[word + i + 1];
    return (uint32_t)(pair >> (32 - shift));
  };
  uint64_t high = ((uint64_t)window(0) << 32) | window(1);
  uint64_t turn = mantissa * high + ((mantissa * window(2)) >> 32); // x * 2/pi mod 4, unit 2^-62
  uint64_t k = (turn + (1ull << 61)) >> 62;
  double rest = (double)(int64_t)(turn - (k << 62)) * 3.4061215800865545e-19; // pi/2 * 2^-62
  bool isNegative = bits >> 31;
  r = (float)(isNegative ? -rest : rest);
  return (int32_t)((isNegative ? 0 - k : k) & 3);
}
static inline IntVector reduceAngle(Vector x, Vector& r) {
  HalfVector rLow, rHigh;
  HalfIntVector kLow = reduceHalf(lowHalf(x), rLow);
  HalfIntVector kHigh = reduceHalf(highHalf(x), rHigh);
  IntVector k = join(kLow, kHigh);
  r = join(rLow, rHigh);
  Vector a = vectorAbs(x);
  if (__builtin_expect(anyLane(a >= splat(33554432.0f)), 0)) {
    for (int32_t i = 0; i < LANES; i++) {
      if (!(a[i] >= 33554432.0f)) continue;
      float rest = NAN_F;
      k[i] = a[i] < INFINITY_F ? reduceLarge(x[i], rest) : 0;
      r[i] = rest;
    }
  }
  return k;
}
static inline Vector sinReduced(Vector r) {
  Vector z = r * r;
  Vector p = splat(2.7190122e-06f);
  p = p * z + splat(-0.00019839425f);
  p = p * z + splat(0.00833333f);
  p = p * z + splat(-0.16666667f);
  return r + (z * r) * p;
}
static inline Vector cosReduced(Vector r) {
  Vector z = r * r;
  Vector p = splat(2.4480085e-05f);
  p = p * z + splat(-0.0013887781f);
  p = p * z + splat(0.041666657f);
  return splat(1.0f) + (z * splat(-0.5f) + (z * z) * p);
}
static inline Vector vectorSin(Vector x) {
  Vector r;
  IntVector k = reduceAngle(x, r);
  Vector y = (k & 1) != 0 ? cosReduced(r) : sinReduced(r);
  y = asFloat(asInt(y) ^ ((k & 2) << 30));
  return x == Vector{} ? x : y;
}
static inline Vector vectorCos(Vector x) {
  Vector r;
  IntVector k = reduceAngle(x, r);
  Vector y = (k & 1) != 0 ? sinReduced(r) : cosReduced(r);
  return asFloat(asInt(y) ^ (((k + 1) & 2) << 30));
}
static inline Vector vectorTan(Vector x) {
  Vector r;
  IntVector k = reduceAngle(x, r);
  Vector s = sinReduced(r), c = cosReduced(r);
  IntVector isOdd = (k & 1) != 0;
  Vector y = (isOdd ? -c : s) / (isOdd ? s : c);
  return x == Vector{} ? x : y;
}

// |x|^y for finite x > 0, in double: y log2|x| needs some 33 bits for a float's result.
static inline HalfVector powHalf(HalfVector x, HalfVector y) {
  const DoubleVector one = splatDouble(1.0);
  LongVector bits = asLong(toDouble(x));
  // The exponent by a logical shift, biased so that it is never negative; there is no 64-bit signed shift on AVX2.
  UnsignedLongVector biased = reinterpret_cast<UnsignedLongVector>(bits) + (0x4000000000000000ull - 0x3fe6a09e667f3bcdull);
  LongVector e = reinterpret_cast<LongVector>(biased >> 52); // + 1024
  DoubleVector m = asDouble(bits - ((e - 1024) << 52));
  DoubleVector n = asDouble(e | 0x4330000000000000ll) - splatDouble(4503599627370496.0 + 1024.0);
  DoubleVector s = (m - one) / (m + one);
  DoubleVector z = s * s;
  DoubleVector p = splatDouble(0.19517941452450446); // (log((1+s)/(1-s)) - 2s) / s^3 in s^2
  p = p * z + splatDouble(0.2218116034773995);
  p = p * z + splatDouble(0.28571978510050716);
  p = p * z + splatDouble(0.3999999700875671);
  p = p * z + splatDouble(0.6666666667101118);
  DoubleVector logM = (s + s) + (s * z) * p;
  DoubleVector t = toDouble(y) * (n + logM * splatDouble(1.4426950408889634));
  t = t > splatDouble(160.0) ? splatDouble(160.0) : t;
  t = t < splatDouble(-160.0) ? splatDouble(-160.0) : t;
  const DoubleVector magic = splatDouble(6755399441055744.0);
  DoubleVector shifted = t + magic;
  DoubleVector f = t - (shifted - magic);
  DoubleVector q = splatDouble(1.0209987438568025e-07); // (2^f - 1 - f ln 2) / f^2, -0.5..0.5
  q = q * f + splatDouble(1.3258255921795015e-06);
  q = q * f + splatDouble(1.5252651871441384e-05);
  q = q * f + splatDouble(0.00015403441375059102);
  q = q * f + splatDouble(0.0013333558234387326);
  q = q * f + splatDouble(0.0096181291802039);
  q = q * f + splatDouble(0.055504108664496676);
  q = q * f + splatDouble(0.24022650695728642);
  q = q * f + splatDouble(0.6931471805599453);
  DoubleVector scale = asDouble(((asLong(shifted) - asLong(magic)) + 1023) << 52);
  return toHalf((one + q * f) * scale); // one rounding, to zero, a denormal or infinity as it may be
}
// As C's pow: 1^y = x^0 = 1 even for NaN, (-1)^inf = 1.
static inline Vector vectorPow(Vector x, Vector y) {
  const Vector one = splat(1.0f), infinity = splat(INFINITY_F);
  Vector a = vectorAbs(x);
  IntVector isOrdinary = (a > Vector{}) & (a < infinity);
  Vector base = isOrdinary ? a : one;
  Vector r = join(powHalf(lowHalf(base), lowHalf(y)), powHalf(highHalf(base), highHalf(y)));
  r = a == Vector{} ? (y < Vector{} ? infinity : (y > Vector{} ? Vector{} : y)) : r;
  r = a == infinity ? (y < Vector{} ? Vector{} : (y > Vector{} ? infinity : y)) : r;
  r = ((a == one) & (y == y)) ? one : r;
  IntVector isInteger = vectorRound(y) == y;
  IntVector isOdd = isInteger & (vectorRound(y * splat(0.5f)) * splat(2.0f) != y);
  r = asFloat(asInt(r) ^ (signBits(x) & isOdd));
  r = ((x < Vector{}) & (a < infinity) & ~isInteger) ? splat(NAN_F) : r;
  r = x != x ? x : r;
  return ((x == one) | (y == Vector{})) ? one : r;
}

// a mod m by shifts and subtractions of mantissas, for quotients a double cannot hold.
static inline float remainderLarge(float a, float m) {
  uint32_t aBits, mBits;
  __builtin_memcpy(&aBits, &a, 4);
  __builtin_memcpy(&mBits, &m, 4);
  int32_t aExponent = (aBits >> 23) & 255, mExponent = (mBits >> 23) & 255;
  uint64_t rest = (aBits & 0x7fffff) | (aExponent ? 0x800000 : 0);
  uint64_t divisor = (mBits & 0x7fffff) | (mExponent ? 0x800000 : 0);
  int32_t shift = (aExponent ? aExponent : 1) - (mExponent ? mExponent : 1);
  while (shift > 0) {
    int32_t step = shift < 32 ? shift : 32;
    rest = (rest << step) % divisor;
    shift -= step;
  }
  // rest < 2^24 in units of m's last place; every product below is exact.
  double unit = 1.401298464324817e-45; // 2^-149
  for (int32_t i = mExponent ? mExponent : 1; i > 1; i--) unit *= 2.0;
  return (float)((double)rest * unit);
}
static inline HalfVector modHalf(HalfVector a, HalfVector b) {
  DoubleVector x = toDouble(a), y = toDouble(b);
  DoubleVector r = x - doubleRound(x / y) * y; // exact: the quotient has at most 29 bits
  r = ((r < DoubleVector{}) & (y > DoubleVector{})) ? r + y : r;
  r = ((r > DoubleVector{}) & (y < DoubleVector{})) ? r + y : r;
  return toHalf(r);
}
// a - b floor(a/b), with the divisor's sign also on a zero; by zero NaN; by infinity as Python's %.
static inline Vector vectorFloorMod(Vector a, Vector b) {
  const Vector infinity = splat(INFINITY_F);
  Vector r = join(modHalf(lowHalf(a), lowHalf(b)), modHalf(highHalf(a), highHalf(b)));
  Vector absA = vectorAbs(a), absB = vectorAbs(b);
  if (__builtin_expect(anyLane((absA >= absB * splat(268435456.0f)) & (absB > Vector{}) & (absA < infinity)), 0)) {
    for (int32_t i = 0; i < LANES; i++) {
      if (!(absA[i] >= absB[i] * 268435456.0f && absB[i] > 0 && absA[i] < INFINITY_F)) continue;
      float rest = remainderLarge(absA[i], absB[i]);
      rest = a[i] < 0 ? -rest : rest;
      r[i] = rest != 0 && (rest < 0) != (b[i] < 0) ? rest + b[i] : rest;
    }
  }
  IntVector isOpposite = (asInt(a) ^ asInt(b)) < 0;
  Vector byInfinity = (isOpposite & (a != Vector{})) ? b : a;
  r = ((absB == infinity) & (absA < infinity)) ? byInfinity : r;
  r = ((b == Vector{}) | (absA == infinity)) ? splat(NAN_F) : r;
  r = r == Vector{} ? asFloat(signBits(b)) : r;
  return ((a != a) | (b != b)) ? a + b : r;
}

// v with lane i + width in lane i; what wraps round is of no use.
#ifdef FOVEA_SHUFFLE
#if FOVEA_VECTOR_BYTES == 64
#define FOVEA_ROTATED(n) (n) & 15, (n + 1) & 15, (n + 2) & 15, (n + 3) & 15, (n + 4) & 15, (n + 5) & 15, (n + 6) & 15, (n + 7) & 15, \
                         (n + 8) & 15, (n + 9) & 15, (n + 10) & 15, (n + 11) & 15, (n + 12) & 15, (n + 13) & 15, (n + 14) & 15, (n + 15) & 15
#elif FOVEA_VECTOR_BYTES == 32
#define FOVEA_ROTATED(n) (n) & 7, (n + 1) & 7, (n + 2) & 7, (n + 3) & 7, (n + 4) & 7, (n + 5) & 7, (n + 6) & 7, (n + 7) & 7
#else
#define FOVEA_ROTATED(n) (n) & 3, (n + 1) & 3, (n + 2) & 3, (n + 3) & 3
#endif
template <int32_t WIDTH> static inline Vector rotateLanes(Vector v) { return __builtin_shufflevector(v, v, FOVEA_ROTATED(WIDTH)); }
#else
template <int32_t WIDTH> static inline Vector rotateLanes(Vector v) {
  float lanes[2 * LANES];
  store(lanes, v);
  store(lanes + LANES, v);
  return load(lanes + WIDTH);
}
#endif
// A fixed order for the lanes of a sum: halves folded onto each other, as a tree.
static inline float sumLanes(Vector v) {
  if (LANES > 8) v += rotateLanes<8 % LANES>(v);
  if (LANES > 4) v += rotateLanes<4 % LANES>(v);
  v += rotateLanes<2>(v);
  v += rotateLanes<1>(v);
  return v[0];
}
static inline float maxLanes(Vector v) { // NaN wins
  if (LANES > 8) v = vectorMax(v, rotateLanes<8 % LANES>(v));
  if (LANES > 4) v = vectorMax(v, rotateLanes<4 % LANES>(v));
  v = vectorMax(v, rotateLanes<2>(v));
  v = vectorMax(v, rotateLanes<1>(v));
  return v[0];
}
