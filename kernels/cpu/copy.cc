// Strided copies (transposes, slices, concatenation, padding, tiling, flips) and fills.
// Dims are merged where both sides allow it; then the inner loop is a memcpy, a transposed tile or a
// plain strided row, whichever the strides offer.

constexpr int32_t COPY_TILE = 32; // elements a side of a transposed tile: 2 x 4 KB in L1 at 4 bytes

struct CopyPlan {
  int32_t rank;
  int64_t dims[POINTWISE_MAX_RANK];
  int64_t strides[2][POINTWISE_MAX_RANK]; // in, out; in elements
};

// Some tens of bytes: a call would cost as much as the copy. The last vector may overlap.
template <class T> static inline void copyStretch(const T* in, T* out, int64_t count) {
  const int64_t bytes = count * (int64_t)sizeof(T);
  if (bytes < FOVEA_VECTOR_BYTES || bytes > 128) {
    __builtin_memcpy(out, in, bytes);
    return;
  }
  typedef int32_t AnyVector __attribute__((vector_size(FOVEA_VECTOR_BYTES), aligned(1), may_alias));
  const char* from = reinterpret_cast<const char*>(in);
  char* to = reinterpret_cast<char*>(out);
  int64_t i = 0;
  for (; i + FOVEA_VECTOR_BYTES <= bytes; i += FOVEA_VECTOR_BYTES) *(AnyVector*)(to + i) = *(const AnyVector*)(from + i);
  if (i < bytes) *(AnyVector*)(to + bytes - FOVEA_VECTOR_BYTES) = *(const AnyVector*)(from + bytes - FOVEA_VECTOR_BYTES);
}

template <class T, int64_t STRIDE> static inline void copyEvery(const T* in, T* out, int64_t count) {
  for (int64_t i = 0; i < count; i++) out[i] = in[i * STRIDE];
}

template <class T> static inline void copyRow(const T* in, int64_t inStride, T* out, int64_t outStride, int64_t count) {
  if (inStride == 1 && outStride == 1) {
    copyStretch(in, out, count);
  } else if (inStride == 0 && outStride == 1) {
    const T value = *in;
    for (int64_t i = 0; i < count; i++) out[i] = value;
  } else if (outStride == 1) { // the channels of pictures are a few elements apart
    if (inStride == 2) return copyEvery<T, 2>(in, out, count);
    if (inStride == 3) return copyEvery<T, 3>(in, out, count);
    if (inStride == 4) return copyEvery<T, 4>(in, out, count);
    for (int64_t i = 0; i < count; i++) out[i] = in[i * inStride];
  } else if (inStride == 1) {
    for (int64_t i = 0; i < count; i++) out[i * outStride] = in[i];
  } else {
    for (int64_t i = 0; i < count; i++) out[i * outStride] = in[i * inStride];
  }
}

// out[a + b * outB] = in[a * inA + b] for a < rows, b < columns: `in` is contiguous along b, out along a.
// By way of a buffer: strides that are powers of two would otherwise throw each other out of the cache.
template <class T> static inline void transposeTile(const T* in, int64_t inA, T* out, int64_t outB, int32_t rows, int32_t columns) {
  alignas(64) T buffer[COPY_TILE * COPY_TILE];
  int32_t done = 0;
#ifdef FOVEA_SHUFFLE
  typedef int32_t Four __attribute__((vector_size(16)));
  typedef int32_t FourU __attribute__((vector_size(16), aligned(4), may_alias));
  if (sizeof(T) == 4 && columns == COPY_TILE) {
    for (; done + 4 <= rows; done += 4) {
      for (int32_t b = 0; b < COPY_TILE; b += 4) {
        const T* from = in + done * inA + b;
        Four r0 = *(const FourU*)from, r1 = *(const FourU*)(from + inA);
        Four r2 = *(const FourU*)(from + 2 * inA), r3 = *(const FourU*)(from + 3 * inA);
        Four low01 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5), high01 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
        Four low23 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5), high23 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
        T* to = buffer + done + b * COPY_TILE;
        *(FourU*)to = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
        *(FourU*)(to + COPY_TILE) = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
        *(FourU*)(to + 2 * COPY_TILE) = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
        *(FourU*)(to + 3 * COPY_TILE) = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
      }
    }
  }
#endif
  for (; done < rows; done++)
    for (int32_t b = 0; b < columns; b++) buffer[done + b * COPY_TILE] = in[done * inA + b];
  for (int32_t b = 0; b < columns; b++) {
    if (rows == COPY_TILE) __builtin_memcpy(out + b * outB, buffer + b * COPY_TILE, COPY_TILE * sizeof(T));
    else
      for (int32_t a = 0; a < rows; a++) out[a + b * outB] = buffer[a + b * COPY_TILE];
  }
}

// `rows` rows of WIDTH elements that are contiguous on both sides.
template <class T, int32_t WIDTH>
static void copyNarrow(const T* in, int64_t inStride, T* out, int64_t outStride, int64_t rows) {
  for (int64_t i = 0; i < rows; i++) __builtin_memcpy(out + i * outStride, in + i * inStride, WIDTH * sizeof(T));
}
template <class T>
static void copyNarrowRows(const T* in, int64_t inStride, T* out, int64_t outStride, int64_t rows, int64_t width) {
  switch (width) {
    case 1: return copyNarrow<T, 1>(in, inStride, out, outStride, rows);
    case 2: return copyNarrow<T, 2>(in, inStride, out, outStride, rows);
    case 3: return copyNarrow<T, 3>(in, inStride, out, outStride, rows);
    case 4: return copyNarrow<T, 4>(in, inStride, out, outStride, rows);
    case 5: return copyNarrow<T, 5>(in, inStride, out, outStride, rows);
    case 6: return copyNarrow<T, 6>(in, inStride, out, outStride, rows);
    case 7: return copyNarrow<T, 7>(in, inStride, out, outStride, rows);
    default: return copyNarrow<T, 8>(in, inStride, out, outStride, rows);
  }
}

// Planes to pixels: out[p * WIDTH + c] = in[c * plane + p].
template <class T, int32_t WIDTH> static void interleave(const T* in, int64_t plane, T* out, int64_t count) {
  for (int64_t p = 0; p < count; p++)
    for (int32_t c = 0; c < WIDTH; c++) out[p * WIDTH + c] = in[c * plane + p];
}

template <class T> static void copyTyped(const FoveaCall& call, CopyPlan& plan, int64_t total, const T* in, T* out) {
  const int32_t rank = plan.rank;
  int32_t inUnit = -1, outUnit = -1; // the dims along which each side is contiguous
  for (int32_t r = 0; r < rank; r++) {
    if (plan.strides[0][r] == 1 && plan.dims[r] >= 4) inUnit = r;
    if (plan.strides[1][r] == 1 && plan.dims[r] >= 4) outUnit = r;
  }
  const bool isTransposed = inUnit >= 0 && outUnit >= 0 && inUnit != outUnit && plan.strides[0][outUnit] != 0 &&
                            plan.dims[inUnit] >= 8 && plan.dims[outUnit] >= 8;
  // Where writes are contiguous along another dim than the last, that dim makes the inner loop.
  const int32_t inner = isTransposed ? outUnit : outUnit >= 0 ? outUnit : rank - 1;
  const int64_t length = plan.dims[inner], inStep = plan.strides[0][inner], outStep = plan.strides[1][inner];
  auto offsets = [&](int64_t row, int32_t skip1, int32_t skip2, int64_t& inAt, int64_t& outAt) {
    inAt = outAt = 0;
    for (int32_t r = rank - 1; r >= 0; r--) {
      if (r == skip1 || r == skip2) continue;
      const int64_t i = row % plan.dims[r];
      row /= plan.dims[r];
      inAt += i * plan.strides[0][r];
      outAt += i * plan.strides[1][r];
    }
  };

  if (isTransposed) {
    const int64_t rows = plan.dims[outUnit], columns = plan.dims[inUnit];
    const int64_t inA = plan.strides[0][outUnit], outB = plan.strides[1][inUnit];
    const int64_t bands = (columns + COPY_TILE - 1) / COPY_TILE; // a band makes whole output rows
    const int64_t allBands = total / (rows * columns) * bands;
    const int64_t perTask = 1024 / rows > 0 ? 1024 / rows : 1;
    auto body = [&](int64_t task, int32_t) {
      const int64_t end = (task + 1) * perTask < allBands ? (task + 1) * perTask : allBands;
      for (int64_t band = task * perTask; band < end; band++) {
        int64_t inAt, outAt;
        offsets(band / bands, inUnit, outUnit, inAt, outAt);
        const int64_t b = band % bands * COPY_TILE;
        const int32_t width = (int32_t)(columns - b < COPY_TILE ? columns - b : COPY_TILE);
        for (int64_t a = 0; a < rows; a += COPY_TILE) {
          const int32_t height = (int32_t)(rows - a < COPY_TILE ? rows - a : COPY_TILE);
          transposeTile(in + inAt + a * inA + b, inA, out + outAt + a + b * outB, outB, height, width);
        }
      }
    };
    return call.parallel((allBands + perTask - 1) / perTask, body);
  }

  // Two to four planes into pixels: the planes are read as streams.
  const int32_t last = rank - 1;
  if (rank >= 2 && plan.dims[last] >= 2 && plan.dims[last] <= 4 && plan.strides[1][last] == 1 &&
      plan.strides[1][last - 1] == plan.dims[last] && plan.strides[0][last - 1] == 1 && plan.dims[last - 1] >= 8) {
    const int64_t pixels = plan.dims[last - 1], channels = plan.dims[last], plane = plan.strides[0][last];
    const int64_t piece = 8192, pieces = (pixels + piece - 1) / piece, pictures = total / (pixels * channels);
    auto body = [&](int64_t task, int32_t) {
      int64_t inAt, outAt;
      offsets(task / pieces, last, last - 1, inAt, outAt);
      const int64_t from = task % pieces * piece, count = pixels - from < piece ? pixels - from : piece;
      const T* source = in + inAt + from;
      T* to = out + outAt + from * channels;
      if (channels == 2) interleave<T, 2>(source, plane, to, count);
      else if (channels == 3) interleave<T, 3>(source, plane, to, count);
      else interleave<T, 4>(source, plane, to, count);
    };
    return call.parallel(pictures * pieces, body);
  }

  const int64_t rows = total / length;
  const int64_t elementsPerTask = 131072 / (int64_t)sizeof(T);
  if (length >= 2 * elementsPerTask) { // few long rows: cut them
    const int64_t pieces = (length + elementsPerTask - 1) / elementsPerTask;
    auto body = [&](int64_t task, int32_t) {
      int64_t inAt, outAt;
      offsets(task / pieces, inner, -1, inAt, outAt);
      const int64_t from = task % pieces * elementsPerTask;
      const int64_t count = length - from < elementsPerTask ? length - from : elementsPerTask;
      copyRow(in + inAt + from * inStep, inStep, out + outAt + from * outStep, outStep, count);
    };
    return call.parallel(rows * pieces, body);
  }
  const int64_t rowsPerTask = elementsPerTask / length > 0 ? elementsPerTask / length : 1;
  auto body = [&](int64_t task, int32_t) {
    const int64_t first = task * rowsPerTask;
    int64_t count = rows - first < rowsPerTask ? rows - first : rowsPerTask;
    int64_t coordinates[POINTWISE_MAX_RANK];
    int64_t inAt = 0, outAt = 0, rest = first;
    for (int32_t r = rank - 1; r >= 0; r--) {
      if (r == inner) continue;
      coordinates[r] = rest % plan.dims[r];
      rest /= plan.dims[r];
      inAt += coordinates[r] * plan.strides[0][r];
      outAt += coordinates[r] * plan.strides[1][r];
    }
    // Rows of a few elements, all of the dim outside them at once.
    const int32_t outside = inner - 1;
    const bool isNarrow = inStep == 1 && outStep == 1 && length <= 8 && outside >= 0 && inner == rank - 1;
    while (count > 0) {
      if (isNarrow) {
        const int64_t left = plan.dims[outside] - coordinates[outside], some = left < count ? left : count;
        const int64_t inStride = plan.strides[0][outside], outStride = plan.strides[1][outside];
        copyNarrowRows(in + inAt, inStride, out + outAt, outStride, some, length);
        inAt += (some - 1) * inStride;
        outAt += (some - 1) * outStride;
        coordinates[outside] += some - 1;
        count -= some;
      } else {
        copyRow(in + inAt, inStep, out + outAt, outStep, length);
        count--;
      }
      for (int32_t r = rank - 1; r >= 0; r--) {
        if (r == inner) continue;
        inAt += plan.strides[0][r];
        outAt += plan.strides[1][r];
        if (++coordinates[r] < plan.dims[r]) break;
        inAt -= plan.strides[0][r] * plan.dims[r];
        outAt -= plan.strides[1][r] * plan.dims[r];
        coordinates[r] = 0;
      }
    }
  };
  call.parallel((rows + rowsPerTask - 1) / rowsPerTask, body);
}

typedef uint16_t __attribute__((may_alias)) Copy2;
typedef uint32_t __attribute__((may_alias)) Copy4;
typedef uint64_t __attribute__((may_alias)) Copy8;

static void copy(const FoveaCall& call) {
  const int32_t* p = call.parameters;
  const int32_t elementBytes = *p++;
  CopyPlan plan;
  plan.rank = *p++;
  if (plan.rank > POINTWISE_MAX_RANK) __builtin_trap();
  int64_t total = 1;
  for (int32_t r = 0; r < plan.rank; r++) total *= plan.dims[r] = *p++;
  for (int32_t side = 0; side < 2; side++)
    for (int32_t r = 0; r < plan.rank; r++) plan.strides[side][r] = *p++;
  const int64_t inOffset = *p++, outOffset = *p++;
  if (total == 0) return;
  plan.rank = collapseDims(plan.rank, plan.dims, 2, plan.strides);
  const char* in = call.operand<const char>(0) + inOffset * elementBytes;
  char* out = call.operand<char>(1) + outOffset * elementBytes;
  switch (elementBytes) {
    case 1: return copyTyped(call, plan, total, (const uint8_t*)in, (uint8_t*)out);
    case 2: return copyTyped(call, plan, total, (const Copy2*)in, (Copy2*)out);
    case 4: return copyTyped(call, plan, total, (const Copy4*)in, (Copy4*)out);
    case 8: return copyTyped(call, plan, total, (const Copy8*)in, (Copy8*)out);
  }
}

// Parameters: elementBytes count value; the value's low bytes, for 8 bytes twice the same word.
static void fill(const FoveaCall& call) {
  const int32_t elementBytes = call.parameters[0];
  const int64_t bytes = (int64_t)(uint32_t)call.parameters[1] * elementBytes;
  uint32_t value = (uint32_t)call.parameters[2];
  if (elementBytes == 1) value = (value & 255) * 0x01010101u;
  if (elementBytes == 2) value = (value & 65535) * 0x00010001u;
  char* out = call.operand<char>(0);
  constexpr int64_t piece = 1 << 18;
  auto body = [&](int64_t task, int32_t) {
    const int64_t from = task * piece, end = bytes - from < piece ? bytes : from + piece;
    int64_t i = from;
    for (; i + FOVEA_VECTOR_BYTES <= end; i += FOVEA_VECTOR_BYTES) storeInt((int32_t*)(out + i), splatInt((int32_t)value));
    for (; i < end; i++) out[i] = (char)(value >> (8 * (i & 3))); // from is a multiple of 4
  };
  if (bytes > 0) call.parallel((bytes + piece - 1) / piece, body);
}
