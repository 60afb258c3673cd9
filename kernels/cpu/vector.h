// The level's float and int vectors, by the compilers' vector extension: +, -, *, <, ?: work on them
// and a*b + c becomes a fused multiply-add where the level has one (-ffp-contract=fast).
// Included inside the level's namespace.
#if defined(__AVX512F__)
#define FOVEA_VECTOR_BYTES 64
#elif defined(__AVX2__)
#define FOVEA_VECTOR_BYTES 32
#else
#define FOVEA_VECTOR_BYTES 16
#endif

typedef float Vector __attribute__((vector_size(FOVEA_VECTOR_BYTES)));
typedef int32_t IntVector __attribute__((vector_size(FOVEA_VECTOR_BYTES)));
// For loads and stores at any address; may_alias because buffers are shared between dtypes.
typedef float VectorU __attribute__((vector_size(FOVEA_VECTOR_BYTES), aligned(4), may_alias));
typedef int32_t IntVectorU __attribute__((vector_size(FOVEA_VECTOR_BYTES), aligned(4), may_alias));

constexpr int32_t LANES = FOVEA_VECTOR_BYTES / 4;

static inline Vector load(const float* p) { return *reinterpret_cast<const VectorU*>(p); }
static inline void store(float* p, Vector v) { *reinterpret_cast<VectorU*>(p) = v; }
// Of a kernel's operands together, beyond which no cache keeps a result until it is read: third-level caches have 32 MiB.
constexpr int64_t STREAMED_BYTES = 44 << 20;
// To an aligned address and past the caches, for results that would only drive out what is read: the line is not
// fetched to be overwritten. finishStreams() before another thread may read them.
#if defined(__x86_64__)
constexpr bool CAN_STREAM = true;
static inline void stream(float* p, Vector v) {
#if defined(__clang__)
  __builtin_nontemporal_store(v, reinterpret_cast<Vector*>(p));
#elif FOVEA_VECTOR_BYTES == 64
  __builtin_ia32_movntps512(p, v);
#elif FOVEA_VECTOR_BYTES == 32
  __builtin_ia32_movntps256(p, v);
#else
  __builtin_ia32_movntps(p, v);
#endif
}
static inline void finishStreams() { __builtin_ia32_sfence(); }
#else
constexpr bool CAN_STREAM = false;
static inline void stream(float* p, Vector v) { store(p, v); }
static inline void finishStreams() {}
#endif
static inline IntVector loadInt(const int32_t* p) { return *reinterpret_cast<const IntVectorU*>(p); }
static inline void storeInt(int32_t* p, IntVector v) { *reinterpret_cast<IntVectorU*>(p) = v; }
// value - 0 is value, bit for bit; 0 + value would cost an addition for the sake of -0.
static inline Vector splat(float value) { return value - Vector{}; }
static inline IntVector splatInt(int32_t value) { return IntVector{} + value; }
static inline Vector asFloat(IntVector v) { return reinterpret_cast<Vector>(v); }
static inline IntVector asInt(Vector v) { return reinterpret_cast<IntVector>(v); }
// Loaded once for several uses: GCC would rather load again in each instruction.
static inline Vector inRegister(Vector v) {
#if !defined(__clang__) && defined(__AVX512F__)
  __asm__("" : "+v"(v));
#elif !defined(__clang__) && defined(__SSE2__)
  __asm__("" : "+x"(v));
#endif
  return v;
}
