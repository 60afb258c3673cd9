// The steps of a pointwise program: one instruction over a chunk, or two that were joined. Included by pointwise.cc.
#pragma once

// Integer operations that wrap.
static inline IntVector wrapAdd(IntVector a, IntVector b) { return reinterpret_cast<IntVector>(asUnsigned(a) + asUnsigned(b)); }
static inline IntVector wrapSub(IntVector a, IntVector b) { return reinterpret_cast<IntVector>(asUnsigned(a) - asUnsigned(b)); }
static inline IntVector wrapMul(IntVector a, IntVector b) { return reinterpret_cast<IntVector>(asUnsigned(a) * asUnsigned(b)); }
static inline IntVector truth(IntVector mask) { return mask & splatInt(1); }

static inline HalfIntVector floorDivHalf(HalfIntVector a, HalfIntVector b) {
  DoubleVector x = toDouble(a), y = toDouble(b);
  DoubleVector quotient = x / (y == DoubleVector{} ? splatDouble(1.0) : y); // exact enough: 2 x 31 bits below 2^-53
  DoubleVector r = doubleRound(quotient);
  r = r > quotient ? r - splatDouble(1.0) : r;
  r = y == DoubleVector{} ? DoubleVector{} : r;
  r = r == splatDouble(2147483648.0) ? splatDouble(-2147483648.0) : r; // the one quotient that wraps
  return __builtin_convertvector(r, HalfIntVector);
}
static inline IntVector floorDiv(IntVector a, IntVector b) {
  return join(floorDivHalf(lowHalf(a), lowHalf(b)), floorDivHalf(highHalf(a), highHalf(b)));
}
static inline IntVector floorModInt(IntVector a, IntVector b) {
  IntVector r = wrapSub(a, wrapMul(floorDiv(a, b), b));
  return b == splatInt(0) ? splatInt(0) : r;
}
// The instruction that truncates; what it gives outside int32's range differs, but below it is INT32_MIN.
static inline IntVector truncateInRange(Vector x) {
#if defined(__clang__) || !defined(__SSE2__)
  IntVector isOutside = (x >= splat(2147483648.0f)) | (x < splat(-2147483648.0f)) | (x != x);
  IntVector r = __builtin_convertvector(isOutside ? Vector{} : x, IntVector);
  return x < splat(-2147483648.0f) ? splatInt(INT32_MIN) : r;
#elif FOVEA_VECTOR_BYTES == 64
  return __builtin_ia32_cvttps2dq512_mask(x, IntVector{}, -1, 4);
#elif FOVEA_VECTOR_BYTES == 32
  return __builtin_ia32_cvttps2dq256(x);
#else
  return __builtin_ia32_cvttps2dq(x);
#endif
}
static inline IntVector truncateToInt(Vector x) {
  const IntVector r = x >= splat(2147483648.0f) ? splatInt(INT32_MAX) : truncateInRange(x);
  return x == x ? r : IntVector{};
}

// An instruction as the interpreter runs it: some of the Program's are joined (planSteps).
struct PointwiseStep {
  int32_t opcode; // of FoveaPointwise, or of PointwiseJoined
  int32_t d, a, b, c, e;
  int32_t arity;
  const int32_t* code; // the Program's words, for immediates
};
enum PointwiseJoined {
  JOINED_SELECT = FOVEA_POINTWISE_COUNT, // + a comparison's opcode: a ? b of two floats chooses c or e
  JOINED_MAX = 2 * FOVEA_POINTWISE_COUNT, // with a constant b that is not NaN
  JOINED_MIN,
  JOINED_PAIR, // + 4 * the first of add, sub, mul of a and b + the second of add, sub, sub from, mul with c
  JOINED_NORMALIZE = JOINED_PAIR + 12, // (a - b) * c + e
};

// Where the interpreter stands: one chunk of `count` elements, a multiple of LANES.
struct PointwiseChunk {
  uint32_t* const* registers;
  void* const* operands;
  int64_t index; // linear index of the first element
  int32_t count;
};

template <class F> static inline void eachFloat1(uint32_t* d, const uint32_t* a, int32_t n, F f) {
  for (int32_t i = 0; i < n; i += LANES) store((float*)d + i, f(load((const float*)a + i)));
}
template <class F> static inline void eachFloat2(uint32_t* d, const uint32_t* a, const uint32_t* b, int32_t n, F f) {
  for (int32_t i = 0; i < n; i += LANES) store((float*)d + i, f(load((const float*)a + i), load((const float*)b + i)));
}
template <class F> static inline void eachTest1(uint32_t* d, const uint32_t* a, int32_t n, F f) {
  for (int32_t i = 0; i < n; i += LANES) storeInt((int32_t*)d + i, f(load((const float*)a + i)));
}
template <class F> static inline void eachTest2(uint32_t* d, const uint32_t* a, const uint32_t* b, int32_t n, F f) {
  for (int32_t i = 0; i < n; i += LANES)
    storeInt((int32_t*)d + i, truth(f(load((const float*)a + i), load((const float*)b + i))));
}
template <class F> static inline void eachInt1(uint32_t* d, const uint32_t* a, int32_t n, F f) {
  for (int32_t i = 0; i < n; i += LANES) storeInt((int32_t*)d + i, f(loadInt((const int32_t*)a + i)));
}
template <class F> static inline void eachInt2(uint32_t* d, const uint32_t* a, const uint32_t* b, int32_t n, F f) {
  for (int32_t i = 0; i < n; i += LANES)
    storeInt((int32_t*)d + i, f(loadInt((const int32_t*)a + i), loadInt((const int32_t*)b + i)));
}

static const int8_t pointwiseArity[] = {
#define X(name, arity) arity,
    FOVEA_POINTWISE(X)
#undef X
};

template <class F>
static inline void eachSelect(uint32_t* d, const uint32_t* a, const uint32_t* b, const uint32_t* c, const uint32_t* e, int32_t n, F f) {
  for (int32_t i = 0; i < n; i += LANES) {
    const IntVector isChosen = f(load((const float*)a + i), load((const float*)b + i));
    storeInt((int32_t*)d + i, isChosen ? loadInt((const int32_t*)c + i) : loadInt((const int32_t*)e + i));
  }
}

// What one step gives and another takes up, rounded as if it had been stored: no compiler may fuse them.
static inline Vector rounded(Vector x) {
#if defined(__x86_64__)
  __asm__("" : "+x"(x));
#elif defined(__aarch64__)
  __asm__("" : "+w"(x));
#elif defined(__wasm__)
  __asm__("" : "+r"(x));
#else
  __asm__("" : "+m"(x));
#endif
  return x;
}
template <int32_t FIRST>
static void eachPair(int32_t second, uint32_t* d, const uint32_t* a, const uint32_t* b, const uint32_t* c, int32_t n) {
  auto each = [&](auto f) {
    for (int32_t i = 0; i < n; i += LANES) {
      const Vector x = load((const float*)a + i), y = load((const float*)b + i);
      store((float*)d + i, f(rounded(FIRST == 0 ? x + y : FIRST == 1 ? x - y : x * y), load((const float*)c + i)));
    }
  };
  if (second == 0) each([](Vector x, Vector z) { return x + z; });
  else if (second == 1) each([](Vector x, Vector z) { return x - z; });
  else if (second == 2) each([](Vector x, Vector z) { return z - x; });
  else each([](Vector x, Vector z) { return x * z; });
}

static void runStep(const PointwiseStep& step, const PointwiseChunk& chunk) {
  uint32_t* d = chunk.registers[step.d];
  const int32_t n = chunk.count;
  const int32_t* code = step.code;
  const uint32_t *a = nullptr, *b = nullptr, *c = nullptr;
  if (step.arity > 0) a = chunk.registers[step.a];
  if (step.arity > 1) b = chunk.registers[step.b];
  if (step.arity > 2) c = chunk.registers[step.c];
#define FLOAT1(name, expression) case FOVEA_POINTWISE_##name: return eachFloat1(d, a, n, [](Vector x) { return expression; });
#define FLOAT2(name, expression) case FOVEA_POINTWISE_##name: return eachFloat2(d, a, b, n, [](Vector x, Vector y) { return expression; });
#define TEST1(name, expression) case FOVEA_POINTWISE_##name: return eachTest1(d, a, n, [](Vector x) { return expression; });
#define TEST2(name, expression) case FOVEA_POINTWISE_##name: return eachTest2(d, a, b, n, [](Vector x, Vector y) { return expression; });
#define SELECT2(name, expression)                                                                                \
  case JOINED_SELECT + FOVEA_POINTWISE_##name:                                                                   \
    return eachSelect(d, a, b, c, chunk.registers[step.e], n, [](Vector x, Vector y) { return expression; });
#define INT1(name, expression) case FOVEA_POINTWISE_##name: return eachInt1(d, a, n, [](IntVector x) { return expression; });
#define INT2(name, expression) case FOVEA_POINTWISE_##name: return eachInt2(d, a, b, n, [](IntVector x, IntVector y) { return expression; });
  if (step.opcode == JOINED_NORMALIZE) {
    const uint32_t* e = chunk.registers[step.e];
    for (int32_t i = 0; i < n; i += LANES) {
      const Vector scaled = (load((const float*)a + i) - load((const float*)b + i)) * load((const float*)c + i);
      store((float*)d + i, rounded(scaled) + load((const float*)e + i));
    }
    return;
  }
  if (step.opcode >= JOINED_PAIR) {
    const int32_t pair = step.opcode - JOINED_PAIR;
    if (pair < 4) return eachPair<0>(pair, d, a, b, c, n);
    if (pair < 8) return eachPair<1>(pair - 4, d, a, b, c, n);
    return eachPair<2>(pair - 8, d, a, b, c, n);
  }
  switch (step.opcode) {
    case FOVEA_POINTWISE_constant:
      for (int32_t i = 0; i < n; i += LANES) storeInt((int32_t*)d + i, splatInt(code[2]));
      return;
    FLOAT2(fadd, x + y)
    FLOAT2(fsub, x - y)
    FLOAT2(fmul, x * y)
    FLOAT2(fdiv, x / y)
    FLOAT2(fpow, vectorPow(x, y))
    FLOAT2(fmax, vectorMax(x, y))
    FLOAT2(fmin, vectorMin(x, y))
    FLOAT2(fmod, vectorFloorMod(x, y))
    case FOVEA_POINTWISE_fma:
      for (int32_t i = 0; i < n; i += LANES)
        store((float*)d + i, load((const float*)a + i) * load((const float*)b + i) + load((const float*)c + i));
      return;
    FLOAT1(fneg, asFloat(asInt(x) ^ splatInt(INT32_MIN)))
    FLOAT1(fabs, vectorAbs(x))
    FLOAT1(fsign, x > Vector{} ? splat(1.0f) : (x < Vector{} ? splat(-1.0f) : x))
    FLOAT1(fsquare, x * x)
    FLOAT1(fsqrt, vectorSqrt(x))
    FLOAT1(frsqrt, vectorRsqrt(x))
    FLOAT1(freciprocal, splat(1.0f) / x)
    FLOAT1(fexp, vectorExp(x))
    FLOAT1(fexpm1, vectorExpm1(x))
    FLOAT1(flog, vectorLog(x))
    FLOAT1(flog1p, vectorLog1p(x))
    FLOAT1(fsin, vectorSin(x))
    FLOAT1(fcos, vectorCos(x))
    FLOAT1(ftan, vectorTan(x))
    FLOAT1(ftanh, vectorTanh(x))
    FLOAT1(fsigmoid, vectorSigmoid(x))
    FLOAT1(fsoftplus, vectorSoftplus(x))
    FLOAT1(ferf, vectorErf(x))
    FLOAT1(fgelu, vectorGelu(x))
    FLOAT1(ffloor, vectorFloor(x))
    FLOAT1(fceil, vectorCeil(x))
    FLOAT1(fround, vectorRound(x))
    TEST2(feq, x == y)
    TEST2(fne, x != y)
    TEST2(flt, x < y)
    TEST2(fle, x <= y)
    TEST2(fgt, x > y)
    TEST2(fge, x >= y)
    SELECT2(feq, x == y)
    SELECT2(fne, x != y)
    SELECT2(flt, x < y)
    SELECT2(fle, x <= y)
    SELECT2(fgt, x > y)
    SELECT2(fge, x >= y)
    case JOINED_MAX: {
      const Vector bound = load((const float*)b);
      return eachFloat1(d, a, n, [bound](Vector x) { return larger(bound, x); }); // a NaN in x stays
    }
    case JOINED_MIN: {
      const Vector bound = load((const float*)b);
      return eachFloat1(d, a, n, [bound](Vector x) { return smaller(bound, x); });
    }
    TEST1(fisNan, truth(x != x))
    TEST1(fisFinite, truth((asInt(x) & splatInt(0x7f800000)) != splatInt(0x7f800000)))
    case FOVEA_POINTWISE_select:
      for (int32_t i = 0; i < n; i += LANES) {
        IntVector isChosen = loadInt((const int32_t*)a + i) != splatInt(0);
        storeInt((int32_t*)d + i, isChosen ? loadInt((const int32_t*)b + i) : loadInt((const int32_t*)c + i));
      }
      return;
    INT2(iadd, wrapAdd(x, y))
    INT2(isub, wrapSub(x, y))
    INT2(imul, wrapMul(x, y))
    INT2(idiv, floorDiv(x, y))
    INT2(imod, floorModInt(x, y))
    INT2(imax, x > y ? x : y)
    INT2(imin, x < y ? x : y)
    INT1(ineg, wrapSub(splatInt(0), x))
    INT1(iabs, x < splatInt(0) ? wrapSub(splatInt(0), x) : x)
    INT1(isign, (x < splatInt(0)) | truth(x > splatInt(0)))
    INT2(ieq, truth(x == y))
    INT2(ine, truth(x != y))
    INT2(ilt, truth(x < y))
    INT2(ile, truth(x <= y))
    INT2(igt, truth(x > y))
    INT2(ige, truth(x >= y))
    INT2(iand, x & y)
    INT2(ior, x | y)
    INT2(ixor, x ^ y)
    case FOVEA_POINTWISE_toFloat:
      for (int32_t i = 0; i < n; i += LANES) store((float*)d + i, toFloat32(loadInt((const int32_t*)a + i)));
      return;
    TEST1(toInt, truncateToInt(x))
    INT1(toUint8, x & splatInt(255))
    INT1(itest, truth(x != splatInt(0)))
    TEST1(ftest, truth(x != Vector{}))
    case FOVEA_POINTWISE_index:
      for (int32_t i = 0; i < n; i++) ((int32_t*)d)[i] = (int32_t)(chunk.index + i);
      return;
    case FOVEA_POINTWISE_randomUniform:
      return randomFill(RANDOM_UNIFORM, chunk.operands[code[2]], (uint32_t)code[3], chunk.index, n, (int32_t*)d);
    case FOVEA_POINTWISE_randomNormal:
      return randomFill(RANDOM_NORMAL, chunk.operands[code[2]], (uint32_t)code[3], chunk.index, n, (int32_t*)d);
    case FOVEA_POINTWISE_randomBits:
      return randomFill(RANDOM_BITS, chunk.operands[code[2]], (uint32_t)code[3], chunk.index, n, (int32_t*)d);
  }
#undef FLOAT1
#undef FLOAT2
#undef TEST1
#undef TEST2
#undef SELECT2
#undef INT1
#undef INT2
}
