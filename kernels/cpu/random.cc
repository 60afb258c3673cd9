// Random numbers by Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"): a pure
// function of key, stream and index, so that neither threads nor levels nor engines can change them.
// src/core/random.ts computes the same bits; what follows is the definition of both.
//
// A normal pair comes from the words (u, v) = (w0, w1) of a block for index & 3 = 0, 1 and from (w2, w3)
// for 2, 3; everything in IEEE double, each operation rounded by itself (no fused multiply-add):
//   t = u + 0.5; split t = m 2^e with the high word h of its bits: e = (h - 0x3fe6a09e) >> 20 (signed)
//   s = (m - 1) / (m + 1), z = s s, p = (((G4 z + G3) z + G2) z + G1) z + G0
//   l = (e - 32) ln2 + ((s + s) + (s z) p)        the logarithm of (u + 0.5) / 2^32
//   radius = sqrt(-2 l)
//   k = ((v + 2^29) mod 2^32) >> 30, q = v - k 2^30 as a signed 32-bit number
//   a = (q + 0.5) (pi/2 2^-30), y = a a
//   sine = a + (a y) S(y), cosine = (1 - 0.5 y) + (y y) C(y), S and C by Horner's rule, six terms each
//   turned by k quarters: (cosine, sine), (-sine, cosine), (-cosine, -sine), (sine, -cosine)
//   normals = float32(radius * first), float32(radius * second)

struct PhiloxKey {
  uint32_t seedLow, seedHigh, stepLow, stepHigh;
};

constexpr int32_t PHILOX_BATCH = 64; // blocks of four words at a time

// words[j][i] = word j of block first + i.
static void philoxBatch(const PhiloxKey& key, uint32_t stream, uint32_t first, uint32_t (*words)[PHILOX_BATCH]) {
  for (int32_t i = 0; i < PHILOX_BATCH; i++) {
    uint32_t c0 = first + (uint32_t)i, c1 = stream, c2 = key.stepLow, c3 = key.stepHigh;
    uint32_t k0 = key.seedLow, k1 = key.seedHigh;
#pragma GCC unroll 10
    for (int32_t round = 0; round < 10; round++) {
      uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
      c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
      c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
      c1 = (uint32_t)p1;
      c3 = (uint32_t)p0;
      k0 += 0x9E3779B9u;
      k1 += 0xBB67AE85u;
    }
    words[0][i] = c0;
    words[1][i] = c1;
    words[2][i] = c2;
    words[3][i] = c3;
  }
}

// A product that no compiler may fuse into a following addition: the empty assembly hides its origin.
static inline DoubleVector product(DoubleVector a, DoubleVector b) {
  DoubleVector p = a * b;
#if defined(__x86_64__)
  __asm__("" : "+x"(p));
#elif defined(__aarch64__)
  __asm__("" : "+w"(p));
#elif defined(__wasm__)
  __asm__("" : "+r"(p));
#else
  __asm__("" : "+m"(p));
#endif
  return p;
}

static inline void normalPair(HalfUnsignedVector u, HalfUnsignedVector v, HalfVector& first, HalfVector& second) {
  const DoubleVector one = splatDouble(1.0), half = splatDouble(0.5);
  // Only signed integers convert cheaply; all of these sums are exact.
  DoubleVector t = toDouble(reinterpret_cast<HalfIntVector>(u ^ 0x80000000u)) + splatDouble(2147483648.5);
  LongVector bits = asLong(t);
  UnsignedLongVector biased = reinterpret_cast<UnsignedLongVector>(bits) + (0x4000000000000000ull - 0x3fe6a09e00000000ull);
  LongVector e = reinterpret_cast<LongVector>(biased >> 52); // + 1024
  DoubleVector m = asDouble(bits - ((e - 1024) << 52));
  DoubleVector n = asDouble(e | 0x4330000000000000ll) - splatDouble(4503599627370496.0 + 1024.0 + 32.0);
  DoubleVector s = (m - one) / (m + one);
  DoubleVector z = product(s, s);
  DoubleVector p = splatDouble(0.19517941452450446);
  p = product(p, z) + splatDouble(0.2218116034773995);
  p = product(p, z) + splatDouble(0.28571978510050716);
  p = product(p, z) + splatDouble(0.3999999700875671);
  p = product(p, z) + splatDouble(0.6666666667101118);
  DoubleVector l = product(n, splatDouble(0.6931471805599453)) + ((s + s) + product(product(s, z), p));
  DoubleVector radius = doubleSqrt(product(splatDouble(-2.0), l));

  HalfUnsignedVector k = (v + (1u << 29)) >> 30;
  HalfUnsignedVector q = v - (k << 30);
  DoubleVector a = product(toDouble(reinterpret_cast<HalfIntVector>(q)) + half, splatDouble(1.4629180792671596e-09));
  DoubleVector y = product(a, a);
  DoubleVector sine = splatDouble(1.5679766219179035e-10);
  sine = product(sine, y) + splatDouble(-2.5046923551036183e-08);
  sine = product(sine, y) + splatDouble(2.755728875039644e-06);
  sine = product(sine, y) + splatDouble(-0.00019841269757462388);
  sine = product(sine, y) + splatDouble(0.008333333333233934);
  sine = product(sine, y) + splatDouble(-0.16666666666666308);
  sine = a + product(product(a, y), sine);
  DoubleVector cosine = splatDouble(-1.062323621599069e-11);
  cosine = product(cosine, y) + splatDouble(2.0862618242214944e-09);
  cosine = product(cosine, y) + splatDouble(-2.7557229267574285e-07);
  cosine = product(cosine, y) + splatDouble(2.4801587049115664e-05);
  cosine = product(cosine, y) + splatDouble(-0.0013888888888609538);
  cosine = product(cosine, y) + splatDouble(0.04166666666666603);
  cosine = (one - product(half, y)) + product(product(y, y), cosine);

  LongVector quarter = __builtin_convertvector(reinterpret_cast<HalfIntVector>(k), LongVector);
  LongVector isOdd = (quarter & 1) != 0;
  DoubleVector x1 = isOdd ? sine : cosine, x2 = isOdd ? cosine : sine;
  const LongVector sign = LongVector{} + INT64_MIN;
  LongVector flip1 = (((quarter + 1) & 2) != 0) ? sign : LongVector{}, flip2 = (quarter & 2) != 0 ? sign : LongVector{};
  x1 = asDouble(asLong(x1) ^ flip1);
  x2 = asDouble(asLong(x2) ^ flip2);
  first = toHalf(product(radius, x1));
  second = toHalf(product(radius, x2));
}

static inline HalfUnsignedVector loadHalf(const uint32_t* p) {
  HalfUnsignedVector v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

enum RandomKind { RANDOM_UNIFORM, RANDOM_NORMAL, RANDOM_BITS };

// out[i] = the number at `index + i`, for i in 0..count-1; 32-bit patterns of either kind.
static void randomFill(RandomKind kind, const void* keyWords, uint32_t stream, int64_t index, int32_t count, int32_t* out) {
  PhiloxKey key;
  __builtin_memcpy(&key, keyWords, sizeof key);
  alignas(64) uint32_t words[4][PHILOX_BATCH];
  alignas(64) float normals[4][PHILOX_BATCH];
  int64_t end = index + count;
  for (int64_t block = index >> 2; block * 4 < end; block += PHILOX_BATCH) {
    philoxBatch(key, stream, (uint32_t)block, words);
    if (kind == RANDOM_UNIFORM) {
      for (int32_t j = 0; j < 4; j++)
        for (int32_t i = 0; i < PHILOX_BATCH; i++) normals[j][i] = (float)(int32_t)(words[j][i] >> 8) * 5.9604644775390625e-08f;
    } else if (kind == RANDOM_NORMAL) {
      for (int32_t j = 0; j < 4; j += 2) {
        for (int32_t i = 0; i < PHILOX_BATCH; i += LANES / 2) {
          HalfVector first, second;
          normalPair(loadHalf(&words[j][i]), loadHalf(&words[j + 1][i]), first, second);
          __builtin_memcpy(&normals[j][i], &first, sizeof first);
          __builtin_memcpy(&normals[j + 1][i], &second, sizeof second);
        }
      }
    }
    const int32_t(*from)[PHILOX_BATCH] = (const int32_t(*)[PHILOX_BATCH])(kind == RANDOM_BITS ? (void*)words : (void*)normals);
    int64_t start = block * 4;
    if (start >= index && start + 4 * PHILOX_BATCH <= end) {
      int32_t* to = out + (start - index);
      for (int32_t i = 0; i < PHILOX_BATCH; i++)
        for (int32_t j = 0; j < 4; j++) __builtin_memcpy(&to[4 * i + j], &from[j][i], 4);
    } else {
      for (int32_t i = 0; i < 4 * PHILOX_BATCH; i++) {
        int64_t at = start + i;
        if (at >= index && at < end) __builtin_memcpy(&out[at - index], &from[i & 3][i >> 2], 4);
      }
    }
  }
}
