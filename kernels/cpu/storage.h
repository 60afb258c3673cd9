// Tensors stored as float32 or bfloat16, computed on as float vectors: loading widens exactly, storing
// rounds to nearest even. Written once over T = float or Bfloat16, a kernel serves both.
#pragma once

struct Bfloat16 {
  uint16_t bits;
};

typedef uint16_t ShortVector __attribute__((vector_size(FOVEA_VECTOR_BYTES / 2)));
typedef uint16_t ShortVectorU __attribute__((vector_size(FOVEA_VECTOR_BYTES / 2), aligned(2), may_alias));

// GCC converts in halves unless the instruction is named.
static inline UnsignedVector toUnsigned(ShortVector v) {
#if !defined(__clang__) && defined(__AVX512F__)
  typedef int16_t Words __attribute__((vector_size(32)));
  return reinterpret_cast<UnsignedVector>(__builtin_ia32_pmovzxwd512_mask(reinterpret_cast<Words>(v), IntVector{}, -1));
#elif !defined(__clang__) && defined(__AVX2__)
  typedef int16_t Words __attribute__((vector_size(16)));
  return reinterpret_cast<UnsignedVector>(__builtin_ia32_pmovzxwd256(reinterpret_cast<Words>(v)));
#else
  return __builtin_convertvector(v, UnsignedVector);
#endif
}
static inline Vector widen(ShortVector v) { return reinterpret_cast<Vector>(toUnsigned(v) << 16); }
static inline ShortVector narrow(Vector v) {
  const UnsignedVector bits = reinterpret_cast<UnsignedVector>(v), half = bits >> 16;
  const UnsignedVector rounded = (bits + 0x7fff + (half & 1)) >> 16;
  return __builtin_convertvector(v != v ? (half | 0x40) : rounded, ShortVector); // a NaN stays one
}

static inline Vector load(const Bfloat16* p) { return widen(*reinterpret_cast<const ShortVectorU*>(p)); }
static inline void store(Bfloat16* p, Vector v) { *reinterpret_cast<ShortVectorU*>(p) = narrow(v); }

static inline Vector loadPart(const Bfloat16* p, int64_t count) {
  ShortVector v = {};
  for (int32_t i = 0; i < LANES; i++)
    if (i < count) v[i] = p[i].bits;
  return widen(v);
}
static inline void storePart(Bfloat16* p, Vector v, int64_t count) {
  const ShortVector bits = narrow(v);
  for (int32_t i = 0; i < LANES; i++)
    if (i < count) p[i].bits = bits[i];
}
static inline Vector loadSome(const Bfloat16* p, int64_t count) { return count >= LANES ? load(p) : loadPart(p, count); }
static inline void storeSome(Bfloat16* p, Vector v, int64_t count) {
  if (count >= LANES) store(p, v);
  else storePart(p, v, count);
}
template <class T> static inline void clear(T* p, int64_t count) {
  __builtin_memset(static_cast<void*>(p), 0, (size_t)count * sizeof(T));
}

// Where strip s of `strips` begins: all are a vector wide or more where there are 2 vectors to a strip.
static inline int64_t stripFrom(int64_t s, int64_t strips, int64_t channels) {
  return s == strips ? channels : s * channels / strips / LANES * LANES;
}
