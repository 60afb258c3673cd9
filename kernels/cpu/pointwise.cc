// Pointwise programs: a block interpreter. Each instruction runs over a chunk of some hundred elements, so
// that every register of the chunk stays in L1 and the cost of decoding vanishes. Dense float32 and int32
// inputs are read, and outputs written, where they lie; anything else goes through a register.
// Neighbours: math.h (the functions), pointwise-steps.h (the instructions), random.cc.

constexpr int32_t POINTWISE_MAX_RANK = 16;
constexpr int32_t POINTWISE_MAX_INPUTS = 64;
constexpr int32_t POINTWISE_MAX_OUTPUTS = 32;
constexpr int32_t POINTWISE_MAX_REGISTERS = 1024;
constexpr int32_t REGISTER_PAD = 32; // words between registers: keeps equal positions out of one cache set

typedef uint16_t __attribute__((may_alias)) WordAlias;
typedef float __attribute__((may_alias)) FloatAlias;
typedef int32_t __attribute__((may_alias)) IntAlias;

static inline int32_t dtypeBytes(int32_t dtype) {
  return dtype == FOVEA_FLOAT16 || dtype == FOVEA_BFLOAT16 ? 2 : dtype == FOVEA_UINT8 || dtype == FOVEA_BOOL ? 1 : 4;
}
static inline bool isFloatDtype(int32_t dtype) { return dtype <= FOVEA_BFLOAT16; }

// Conversions without branches, so that loops over them become vectors. Bit patterns in and out.
static inline uint32_t float16ToBits(uint32_t h) {
  uint32_t magnitude = h & 0x7fff;
  uint32_t bits = magnitude << 13;
  float scaled;
  __builtin_memcpy(&scaled, &bits, 4);
  scaled *= 5.192296858534828e33f; // 2^112: rebiases the exponent, denormals included
  __builtin_memcpy(&bits, &scaled, 4);
  bits |= magnitude >= 0x7c00 ? 0x7f800000u : 0u;
  return bits | ((h & 0x8000) << 16);
}
static inline uint32_t bitsToFloat16(uint32_t bits) {
  uint32_t sign = (bits >> 16) & 0x8000, a = bits & 0x7fffffff;
  float small;
  __builtin_memcpy(&small, &a, 4);
  small += 0.5f; // the unit of 0.5 is float16's smallest denormal
  uint32_t denormal;
  __builtin_memcpy(&denormal, &small, 4);
  denormal -= 0x3f000000;
  uint32_t normal = (a - 0x38000000 + 0xfff + ((a >> 13) & 1)) >> 13;
  uint32_t huge = a > 0x7f800000 ? 0x7e00u : 0x7c00u;
  uint32_t h = a < 0x38800000 ? denormal : normal;
  return sign | (a >= 0x47800000 ? huge : h);
}
static inline uint32_t bitsToBfloat16(uint32_t bits) {
  uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  return ((bits & 0x7fffffff) > 0x7f800000) ? (bits >> 16) | 0x40 : rounded;
}

// count elements of any dtype, `stride` apart, as 32-bit patterns (float or int32).
template <class T, class Convert>
static inline void loadStrided(const void* from, int64_t stride, int32_t count, uint32_t* to, Convert convert) {
  const T* p = static_cast<const T*>(from);
  if (stride == 1) {
    for (int32_t i = 0; i < count; i++) to[i] = convert(p[i]);
  } else if (stride == 0) {
    uint32_t value = convert(p[0]);
    for (int32_t i = 0; i < count; i++) to[i] = value;
  } else {
    for (int32_t i = 0; i < count; i++) to[i] = convert(p[i * stride]);
  }
}
// Half precision by the processor's own conversions where it has them: whole vectors from the front, how many
// elements were done.
#if defined(__AVX512F__) || defined(__F16C__)
typedef short HalfWords __attribute__((vector_size(FOVEA_VECTOR_BYTES / 2)));
static inline int32_t loadHalfVectors(const void* from, int32_t count, uint32_t* to) {
  int32_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    HalfWords h;
    __builtin_memcpy(&h, static_cast<const char*>(from) + 2 * i, sizeof h);
#if FOVEA_VECTOR_BYTES == 64
    const Vector v = __builtin_ia32_vcvtph2ps512_mask(h, Vector{}, -1, 4);
#else
    const Vector v = __builtin_ia32_vcvtph2ps256(h);
#endif
    store((float*)to + i, v);
  }
  return i;
}
static inline int32_t storeHalfVectors(const uint32_t* from, int32_t count, void* to) {
  int32_t i = 0;
  for (; i + LANES <= count; i += LANES) {
#if FOVEA_VECTOR_BYTES == 64
    const HalfWords h = (HalfWords)__builtin_ia32_vcvtps2ph512_mask(load((const float*)from + i), 8, HalfWords{}, -1);
#else
    const HalfWords h = (HalfWords)__builtin_ia32_vcvtps2ph256(load((const float*)from + i), 0);
#endif
    __builtin_memcpy(static_cast<char*>(to) + 2 * i, &h, sizeof h);
  }
  return i;
}
#else
static inline int32_t loadHalfVectors(const void*, int32_t, uint32_t*) { return 0; }
static inline int32_t storeHalfVectors(const uint32_t*, int32_t, void*) { return 0; }
#endif

static void loadElements(int32_t dtype, const void* base, int64_t offset, int64_t stride, int32_t count, uint32_t* to) {
  const char* from = static_cast<const char*>(base) + offset * dtypeBytes(dtype);
  if (dtype == FOVEA_FLOAT16 && stride == 1) {
    const int32_t done = loadHalfVectors(from, count, to);
    from += 2 * done;
    to += done;
    count -= done;
  }
  switch (dtype) {
    case FOVEA_FLOAT16: return loadStrided<WordAlias>(from, stride, count, to, [](uint32_t h) { return float16ToBits(h); });
    case FOVEA_BFLOAT16: return loadStrided<WordAlias>(from, stride, count, to, [](uint32_t h) { return h << 16; });
    case FOVEA_UINT8:
    case FOVEA_BOOL: return loadStrided<uint8_t>(from, stride, count, to, [](uint32_t v) { return v; });
    default: return loadStrided<IntAlias>(from, stride, count, to, [](int32_t v) { return (uint32_t)v; });
  }
}
static void storeElements(int32_t dtype, const uint32_t* from, int32_t count, void* base, int64_t offset) {
  char* to = static_cast<char*>(base) + offset * dtypeBytes(dtype);
  switch (dtype) {
    case FOVEA_FLOAT16:
      for (int32_t i = storeHalfVectors(from, count, to); i < count; i++) ((WordAlias*)to)[i] = (uint16_t)bitsToFloat16(from[i]);
      return;
    case FOVEA_BFLOAT16:
      for (int32_t i = 0; i < count; i++) ((WordAlias*)to)[i] = (uint16_t)bitsToBfloat16(from[i]);
      return;
    case FOVEA_UINT8:
      for (int32_t i = 0; i < count; i++) to[i] = (char)from[i];
      return;
    case FOVEA_BOOL:
      for (int32_t i = 0; i < count; i++) to[i] = from[i] != 0;
      return;
    default: __builtin_memcpy(to, from, count * 4);
  }
}

#include "pointwise-steps.h"

// Merges neighbouring dims that every operand walks as one, and drops those of size 1. strides is
// [operands][POINTWISE_MAX_RANK]. Returns the new rank, at least 1.
static int32_t collapseDims(int32_t rank, int64_t* dims, int32_t operands, int64_t (*strides)[POINTWISE_MAX_RANK]) {
  int32_t kept = 0;
  for (int32_t r = 0; r < rank; r++) {
    if (dims[r] == 1) continue;
    bool canMerge = kept > 0;
    for (int32_t o = 0; o < operands && canMerge; o++) canMerge = strides[o][kept - 1] == strides[o][r] * dims[r];
    int32_t to = canMerge ? kept - 1 : kept++;
    dims[to] = canMerge ? dims[to] * dims[r] : dims[r];
    for (int32_t o = 0; o < operands; o++) strides[o][to] = strides[o][r];
  }
  if (kept == 0) {
    dims[0] = 1;
    for (int32_t o = 0; o < operands; o++) strides[o][0] = 1;
    kept = 1;
  }
  return kept;
}

struct PointwisePlan {
  const FoveaCall* call;
  int32_t inputs, outputs, rank, registers, instructions, steps, chunkElements;
  const int32_t *inputDtypes, *outputDtypes, *outRegisters, *code;
  int64_t dims[POINTWISE_MAX_RANK];
  int64_t strides[POINTWISE_MAX_INPUTS][POINTWISE_MAX_RANK];
  int64_t row, rows;       // innermost dim; all the others
  int64_t piecesPerRow;    // a row longer than a chunk is cut, shorter ones share a chunk
  int64_t rowsPerChunk;
  int64_t chunks;
  bool isDense[POINTWISE_MAX_INPUTS];  // walks like the output
  bool isFixed[POINTWISE_MAX_INPUTS];  // the same values in every chunk: loaded once a task
  bool isKept[POINTWISE_MAX_INPUTS];   // its register is never overwritten
  bool canRead[POINTWISE_MAX_INPUTS];  // that, and 32-bit: may be read in place
  bool canWrite[POINTWISE_MAX_OUTPUTS];
  bool isStreamed[POINTWISE_MAX_OUTPUTS];  // leaves its register past the caches
  bool isHoisted[POINTWISE_MAX_REGISTERS]; // a constant, written once a task
  PointwiseStep* step;     // what is left to run for each chunk
  bool isFetchedAhead;     // operands come from beyond the second-level cache
};

static int64_t rowOffset(const PointwisePlan& plan, const int64_t* strides, int64_t row) {
  int64_t offset = 0;
  for (int32_t r = plan.rank - 2; r >= 0; r--) {
    offset += (row % plan.dims[r]) * strides[r];
    row /= plan.dims[r];
  }
  return offset;
}

// Elements [column, column + count) from row `row` on, running over into the next rows.
static void loadInput(const PointwisePlan& plan, int32_t input, int64_t row, int64_t column, int32_t count, uint32_t* to) {
  const int64_t* strides = plan.strides[input];
  const int64_t step = strides[plan.rank - 1];
  const void* base = plan.call->operands[input];
  const int32_t dtype = plan.inputDtypes[input];
  if (plan.isDense[input]) return loadElements(dtype, base, row * plan.row + column, 1, count, to);
  int64_t coordinates[POINTWISE_MAX_RANK];
  int64_t offset = 0, rest = row;
  for (int32_t r = plan.rank - 2; r >= 0; r--) {
    coordinates[r] = rest % plan.dims[r];
    rest /= plan.dims[r];
    offset += coordinates[r] * strides[r];
  }
  while (count > 0) {
    int32_t part = (int32_t)(plan.row - column < count ? plan.row - column : count);
    if (step == 0 && dtypeBytes(dtype) == 4) { // whole vectors: the next row or the pad takes what is too much
      const IntVector value = splatInt(static_cast<const IntAlias*>(base)[offset]);
      for (int32_t i = 0; i < part; i += LANES) storeInt((int32_t*)to + i, value);
    } else {
      loadElements(dtype, base, offset + column * step, step, part, to);
    }
    to += part;
    count -= part;
    column = 0;
    for (int32_t r = plan.rank - 2; r >= 0; r--) {
      offset += strides[r];
      if (++coordinates[r] < plan.dims[r]) break;
      offset -= strides[r] * plan.dims[r];
      coordinates[r] = 0;
    }
  }
}

// What a register of an input holds from the chunk before: `count` elements that repeat from `offset`.
struct LoadedRow {
  int64_t offset;
  int32_t count;
};

// As loadInput, but not again what is there already: a scale per picture and channel changes with the picture.
static void loadChanged(const PointwisePlan& plan, int32_t input, int64_t row, int64_t column, int32_t count, uint32_t* to, LoadedRow& last) {
  const int64_t* strides = plan.strides[input];
  bool isSame = plan.isKept[input] && !plan.isDense[input];
  if (isSame && plan.piecesPerRow > 1) {
    isSame = strides[plan.rank - 1] == 0;
  } else if (isSame) {
    const int64_t repeats = plan.rank > 1 ? plan.dims[plan.rank - 2] : 1, lastRow = row + (count - 1) / plan.row;
    isSame = plan.rank > 1 && strides[plan.rank - 2] == 0 && row / repeats == lastRow / repeats;
  }
  const int64_t offset = isSame ? rowOffset(plan, strides, row) : -1;
  if (isSame && offset == last.offset && count <= last.count) return;
  loadInput(plan, input, row, column, count, to);
  last = {offset, count};
}

// Runs [column, column + count) of `row` onwards. Where count is not a multiple of LANES nothing is read
// or written in place: whole vectors would pass the end.
static void runChunk(const PointwisePlan& plan, int64_t row, int64_t column, int32_t count, uint32_t* slots, LoadedRow* loaded) {
  const FoveaCall& call = *plan.call;
  const int32_t slotWords = plan.chunkElements + REGISTER_PAD;
  uint32_t* registers[POINTWISE_MAX_REGISTERS];
  const int64_t index = row * plan.row + column;
  const bool isWhole = count % LANES == 0;
  for (int32_t r = 0; r < plan.registers; r++) registers[r] = slots + (int64_t)r * slotWords;
  for (int32_t i = 0; i < plan.inputs; i++) {
    if (plan.inputDtypes[i] == FOVEA_KEY || plan.isFixed[i]) continue;
    const bool isOneRow = column + count <= plan.row;
    if (isWhole && plan.canRead[i] && (plan.isDense[i] || (isOneRow && plan.strides[i][plan.rank - 1] == 1))) {
      int64_t offset = plan.isDense[i] ? index : rowOffset(plan, plan.strides[i], row) + column;
      registers[i] = call.operand<uint32_t>(i) + offset;
    } else {
      loadChanged(plan, i, row, column, count, registers[i], loaded[i]);
    }
  }
  for (int32_t o = 0; o < plan.outputs; o++)
    if (isWhole && plan.canWrite[o] && !plan.isStreamed[o]) registers[plan.outRegisters[o]] = call.operand<uint32_t>(plan.inputs + o) + index;
  PointwiseChunk chunk = {registers, call.operands, index, (count + LANES - 1) / LANES * LANES};
  // While a step computes, its share of every input's next chunk is on the way: a step reads too little of one
  // stream for the processor to see where it goes.
  const int32_t lines = plan.isFetchedAhead ? (count + 15) / 16 : 0;
  for (int32_t i = 0; i < plan.steps; i++) {
    for (int32_t k = 0; k < plan.inputs && lines > 0; k++) {
      if (!plan.isDense[k] || plan.inputDtypes[k] == FOVEA_KEY) continue;
      const int32_t bytes = dtypeBytes(plan.inputDtypes[k]);
      const char* next = call.operand<const char>(k) + (index + count) * bytes;
      const int32_t last = lines * (i + 1) / plan.steps * bytes / 4;
      for (int32_t line = lines * i / plan.steps * bytes / 4; line < last; line++) __builtin_prefetch(next + 64 * line);
    }
    runStep(plan.step[i], chunk);
  }
  for (int32_t o = 0; o < plan.outputs; o++) {
    const uint32_t* from = registers[plan.outRegisters[o]];
    if (plan.isStreamed[o] && isWhole && index % LANES == 0) {
      float* to = call.operand<float>(plan.inputs + o) + index;
      for (int32_t i = 0; i < count; i += LANES) stream(to + i, load((const float*)from + i));
    } else if (!(isWhole && plan.canWrite[o]) || plan.isStreamed[o]) {
      storeElements(plan.outputDtypes[o], from, count, call.operands[plan.inputs + o], index);
    }
  }
}

static bool isRead(const PointwiseStep& step, int32_t r) {
  return (step.arity > 0 && step.a == r) || (step.arity > 1 && step.b == r) || (step.arity > 2 && step.c == r) ||
         (step.arity > 3 && step.e == r);
}

// The only step that reads the result of step i, where i might as well be computed there; else -1.
static int32_t onlyReader(const PointwisePlan& plan, int32_t i) {
  const PointwiseStep& step = plan.step[i];
  int32_t reader = -1;
  for (int32_t j = i + 1; j < plan.steps; j++) {
    const PointwiseStep& later = plan.step[j];
    if (isRead(later, step.d)) {
      if (reader >= 0) return -1;
      reader = j;
    }
    if (later.d == step.d) return reader;
    if (reader < 0 && isRead(step, later.d)) return -1; // an operand would be gone
  }
  for (int32_t o = 0; o < plan.outputs; o++)
    if (plan.outRegisters[o] == step.d) return -1;
  return reader;
}

// The two steps as one, in the place of the later; false where there is no such step.
static bool joinSteps(const PointwiseStep& step, PointwiseStep& later) {
  const bool isTest = step.opcode >= FOVEA_POINTWISE_feq && step.opcode <= FOVEA_POINTWISE_fge;
  if (isTest && later.opcode == FOVEA_POINTWISE_select && later.b != step.d && later.c != step.d) {
    later = {JOINED_SELECT + step.opcode, later.d, step.a, step.b, later.b, later.c, 4, later.code};
    return true;
  }
  if (later.a == later.b) return false;
  const int32_t other = later.a == step.d ? later.b : later.a;
  if (step.opcode == JOINED_PAIR + 4 * 1 + 3 && later.opcode == FOVEA_POINTWISE_fadd) {
    later = {JOINED_NORMALIZE, later.d, step.a, step.b, step.c, other, 4, later.code};
    return true;
  }
  int32_t first, second;
  switch (step.opcode) {
    case FOVEA_POINTWISE_fadd: first = 0; break;
    case FOVEA_POINTWISE_fsub: first = 1; break;
    case FOVEA_POINTWISE_fmul:
    case FOVEA_POINTWISE_fsquare: first = 2; break;
    default: return false;
  }
  switch (later.opcode) {
    case FOVEA_POINTWISE_fadd: second = 0; break;
    case FOVEA_POINTWISE_fsub: second = later.a == step.d ? 1 : 2; break;
    case FOVEA_POINTWISE_fmul: second = 3; break;
    default: return false;
  }
  later = {JOINED_PAIR + 4 * first + second, later.d, step.a, step.arity == 1 ? step.a : step.b, other, 0, 3, later.code};
  return true;
}

// The Program's instructions as steps: without constants, which are written once a task; a comparison of
// floats joined with the one `select` that reads it, and sums and products in pairs (a normalisation as one), which
// spares ways through the cache; maxima with a constant without the care for NaN.
static void planSteps(PointwisePlan& plan) {
  uint16_t writes[POINTWISE_MAX_REGISTERS];
  for (int32_t r = 0; r < plan.registers; r++) writes[r] = 0;
  for (int32_t i = 0; i < plan.instructions; i++) {
    const int32_t* code = plan.code + 5 * i;
    if (writes[code[1]] < 2) writes[code[1]]++;
  }
  for (int32_t r = 0; r < plan.registers; r++) plan.isHoisted[r] = false;
  for (int32_t i = 0; i < plan.instructions; i++) {
    const int32_t d = plan.code[5 * i + 1];
    if (plan.code[5 * i] == FOVEA_POINTWISE_constant && writes[d] == 1 && d >= plan.inputs) plan.isHoisted[d] = true;
  }
  plan.steps = 0;
  for (int32_t i = 0; i < plan.instructions; i++) {
    const int32_t* code = plan.code + 5 * i;
    if (plan.isHoisted[code[1]]) continue;
    plan.step[plan.steps++] = {code[0], code[1], code[2], code[3], code[4], 0, pointwiseArity[code[0]], code};
  }
  auto constantOf = [&](int32_t r) {
    float value = NAN_F;
    for (int32_t i = 0; i < plan.instructions && plan.isHoisted[r]; i++)
      if (plan.code[5 * i + 1] == r) __builtin_memcpy(&value, &plan.code[5 * i + 2], 4);
    return value;
  };
  for (int32_t i = 0; i < plan.steps; i++) {
    PointwiseStep& step = plan.step[i];
    if (step.opcode == FOVEA_POINTWISE_fmax || step.opcode == FOVEA_POINTWISE_fmin) {
      if (plan.isHoisted[step.a]) {
        const int32_t swapped = step.a;
        step.a = step.b;
        step.b = swapped;
      }
      const float value = constantOf(step.b);
      if (value == value) step.opcode = step.opcode == FOVEA_POINTWISE_fmax ? JOINED_MAX : JOINED_MIN;
      continue;
    }
    const int32_t reader = onlyReader(plan, i);
    if (reader < 0 || !joinSteps(step, plan.step[reader])) continue;
    for (int32_t j = i; j + 1 < plan.steps; j++) plan.step[j] = plan.step[j + 1];
    plan.steps--;
    i--;
  }
}

// Which operands may be used where they lie. An output may share its memory with an input of the same
// layout: then nothing may read that input after the first write.
static void planInPlace(PointwisePlan& plan) {
  const FoveaCall& call = *plan.call;
  bool isWritten[POINTWISE_MAX_INPUTS];
  for (int32_t i = 0; i < plan.inputs; i++) isWritten[i] = false;
  for (int32_t i = 0; i < plan.steps; i++)
    if (plan.step[i].d < plan.inputs) isWritten[plan.step[i].d] = true;
  for (int32_t i = 0; i < plan.inputs; i++) {
    const bool isWord = plan.inputDtypes[i] == FOVEA_FLOAT32 || plan.inputDtypes[i] == FOVEA_INT32;
    plan.isKept[i] = !isWritten[i];
    plan.canRead[i] = isWord && !isWritten[i];
    // An input that is itself an output is copied first: the chunk's other outputs may overwrite it.
    for (int32_t o = 0; o < plan.outputs; o++) plan.canRead[i] = plan.canRead[i] && plan.outRegisters[o] != i;
    if (isWritten[i]) plan.isFixed[i] = false;
  }
  const int64_t total = plan.row * plan.rows;
  for (int32_t o = 0; o < plan.outputs; o++) {
    const int32_t r = plan.outRegisters[o];
    const bool isWord = plan.outputDtypes[o] == FOVEA_FLOAT32 || plan.outputDtypes[o] == FOVEA_INT32;
    bool isFree = isWord && r >= plan.inputs && !plan.isHoisted[r];
    for (int32_t p = 0; p < o; p++) isFree = isFree && !(plan.canWrite[p] && plan.outRegisters[p] == r);
    int32_t firstWrite = plan.steps;
    for (int32_t i = plan.steps - 1; i >= 0; i--)
      if (plan.step[i].d == r) firstWrite = i;
    const char* begin = call.operand<char>(plan.inputs + o);
    for (int32_t input = 0; input < plan.inputs && isFree; input++) {
      if (!plan.canRead[input]) continue;
      if (call.operand<char>(input) != begin) continue;
      for (int32_t i = firstWrite + 1; i < plan.steps; i++) {
        const PointwiseStep& step = plan.step[i];
        const int32_t operands[] = {step.a, step.b, step.c, step.e};
        for (int32_t k = 0; k < step.arity; k++) isFree = isFree && operands[k] != input;
      }
    }
    plan.canWrite[o] = isFree && total > 0;
  }
  int64_t bytes = 0;
  for (int32_t i = 0; i < plan.inputs; i++)
    if (plan.isDense[i] && plan.inputDtypes[i] != FOVEA_KEY) bytes += total * dtypeBytes(plan.inputDtypes[i]);
  for (int32_t o = 0; o < plan.outputs; o++) bytes += total * dtypeBytes(plan.outputDtypes[o]);
  for (int32_t o = 0; o < plan.outputs; o++) {
    const char* begin = call.operand<char>(plan.inputs + o);
    plan.isStreamed[o] = CAN_STREAM && plan.canWrite[o] && bytes > STREAMED_BYTES && (uintptr_t)begin % 64 == 0;
    // What is read is in the cache already.
    for (int32_t i = 0; i < plan.inputs; i++) plan.isStreamed[o] = plan.isStreamed[o] && call.operand<char>(i) != begin;
  }
}

static void pointwise(const FoveaCall& call) {
  PointwisePlan plan;
  const int32_t* p = call.parameters;
  plan.call = &call;
  plan.inputs = *p++;
  plan.outputs = *p++;
  plan.rank = *p++;
  if (plan.inputs > POINTWISE_MAX_INPUTS || plan.outputs > POINTWISE_MAX_OUTPUTS || plan.rank > POINTWISE_MAX_RANK) __builtin_trap();
  int64_t total = 1;
  for (int32_t r = 0; r < plan.rank; r++) total *= plan.dims[r] = *p++;
  plan.inputDtypes = p;
  plan.outputDtypes = p + plan.inputs;
  p += plan.inputs + plan.outputs;
  for (int32_t i = 0; i < plan.inputs; i++)
    for (int32_t r = 0; r < plan.rank; r++) plan.strides[i][r] = *p++;
  plan.registers = *p++;
  plan.instructions = *p++;
  plan.outRegisters = p;
  plan.code = p + plan.outputs;
  if (plan.registers > POINTWISE_MAX_REGISTERS) __builtin_trap();
  if (total == 0) return;

  for (int32_t i = 0; i < plan.inputs; i++) // keys are not walked and must not hinder a merge
    for (int32_t r = 0; r < plan.rank && plan.inputDtypes[i] == FOVEA_KEY; r++) plan.strides[i][r] = 0;
  plan.rank = collapseDims(plan.rank, plan.dims, plan.inputs, plan.strides);
  plan.row = plan.dims[plan.rank - 1];
  plan.rows = total / plan.row;
  int32_t chunk = 8192 / (plan.registers > 0 ? plan.registers : 1);
  chunk = chunk > 2048 ? 2048 : chunk < 128 ? 128 : chunk / 64 * 64;
  const int64_t least = (total + 63) / 64 * 64;
  if (chunk > least) chunk = (int32_t)least;
  plan.chunkElements = chunk;
  if (plan.row >= chunk) {
    plan.piecesPerRow = (plan.row + chunk - 1) / chunk;
    plan.rowsPerChunk = 1;
    plan.chunks = plan.rows * plan.piecesPerRow;
  } else {
    plan.piecesPerRow = 1;
    plan.rowsPerChunk = chunk / plan.row;
    // Whole vectors where a few rows less allow it.
    for (int64_t fewer = plan.rowsPerChunk; fewer > plan.rowsPerChunk / 2; fewer--) {
      if (fewer * plan.row % LANES == 0) {
        plan.rowsPerChunk = fewer;
        break;
      }
    }
    plan.chunks = (plan.rows + plan.rowsPerChunk - 1) / plan.rowsPerChunk;
  }
  for (int32_t i = 0; i < plan.inputs; i++) {
    bool isDense = true, isRepeated = true;
    int64_t expected = 1;
    for (int32_t r = plan.rank - 1; r >= 0; r--) {
      isDense = isDense && plan.strides[i][r] == expected;
      expected *= plan.dims[r];
      if (r < plan.rank - 1) isRepeated = isRepeated && plan.strides[i][r] == 0;
    }
    const bool isScalar = isRepeated && plan.strides[i][plan.rank - 1] == 0;
    plan.isDense[i] = isDense;
    plan.isFixed[i] = plan.inputDtypes[i] != FOVEA_KEY && (isScalar || (isRepeated && plan.piecesPerRow == 1 && plan.rows > 1));
  }
  // The steps lie behind the registers, which take at most 7/8 of a thread's scratch.
  constexpr int64_t stepBytes = FOVEA_THREAD_SCRATCH / 8;
  if (plan.instructions > stepBytes / (int64_t)sizeof(PointwiseStep)) __builtin_trap();
  plan.step = reinterpret_cast<PointwiseStep*>(call.scratch<char>(0) + FOVEA_THREAD_SCRATCH - stepBytes);
  planSteps(plan);
  planInPlace(plan);
  int64_t streams = 0;
  for (int32_t i = 0; i < plan.inputs; i++) streams += plan.isDense[i] && plan.inputDtypes[i] != FOVEA_KEY;
  // With few streams the processor sees where each goes, unless they come from memory.
  plan.isFetchedAhead = plan.steps > 1 && total * streams > (streams > 2 ? 262144 : 8388608);

  bool isStreamed = false;
  for (int32_t o = 0; o < plan.outputs; o++) isStreamed = isStreamed || plan.isStreamed[o];

  const int64_t perChunk = plan.piecesPerRow > 1 ? chunk : plan.rowsPerChunk * plan.row;
  const int64_t wanted = 131072 / (2 + plan.steps); // elements a task: some ten microseconds
  const int64_t chunksPerTask = wanted > perChunk ? wanted / perChunk : 1;
  auto body = [&](int64_t task, int32_t thread) {
    uint32_t* slots = call.scratch<uint32_t>(thread);
    const int32_t slotWords = plan.chunkElements + REGISTER_PAD;
    LoadedRow loaded[POINTWISE_MAX_INPUTS];
    for (int32_t i = 0; i < plan.inputs; i++) loaded[i] = {-1, 0};
    const int64_t first = task * chunksPerTask;
    const int64_t last = first + chunksPerTask < plan.chunks ? first + chunksPerTask : plan.chunks;
    for (int32_t i = 0; i < plan.inputs; i++) {
      if (!plan.isFixed[i]) continue;
      int64_t count = plan.rowsPerChunk < plan.rows ? plan.rowsPerChunk * plan.row : plan.rows * plan.row;
      loadInput(plan, i, 0, 0, (int32_t)(count < chunk ? count : chunk), slots + (int64_t)i * slotWords);
    }
    for (int32_t i = 0; i < plan.instructions; i++) {
      const int32_t d = plan.code[5 * i + 1];
      if (!plan.isHoisted[d]) continue;
      for (int32_t j = 0; j < chunk; j += LANES) storeInt((int32_t*)slots + (int64_t)d * slotWords + j, splatInt(plan.code[5 * i + 2]));
    }
    for (int64_t c = first; c < last; c++) {
      int64_t row, column;
      int32_t count;
      if (plan.piecesPerRow > 1) {
        row = c / plan.piecesPerRow;
        column = c % plan.piecesPerRow * chunk;
        count = (int32_t)(plan.row - column < chunk ? plan.row - column : chunk);
      } else {
        row = c * plan.rowsPerChunk;
        column = 0;
        const int64_t rows = plan.rows - row < plan.rowsPerChunk ? plan.rows - row : plan.rowsPerChunk;
        count = (int32_t)(rows * plan.row);
      }
      const int32_t whole = count / LANES * LANES;
      if (whole == count || (plan.rank > 1 && plan.piecesPerRow == 1)) { // rows that share a chunk stay together
        runChunk(plan, row, column, count, slots, loaded);
      } else {
        if (whole > 0) runChunk(plan, row, column, whole, slots, loaded);
        runChunk(plan, row, column + whole, count - whole, slots, loaded);
      }
    }
    if (isStreamed) finishStreams();
  };
  call.parallel((plan.chunks + chunksPerTask - 1) / chunksPerTask, body);
}
