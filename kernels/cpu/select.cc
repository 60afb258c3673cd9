// Choosing elements by their value: the k largest of each row, and the places of the non-zero ones.

// Descending by value with NaN above everything, equals by their index: a total order.
static inline bool isBefore(float a, int32_t indexA, float b, int32_t indexB) {
  if (a != a || b != b) return a != a && (b == b || indexA < indexB);
  return a > b || (a == b && indexA < indexB);
}

// The outputs' rows hold a heap whose root is the last of the chosen.
static inline void siftDown(float* values, int32_t* indices, int64_t size, int64_t at, float value, int32_t index) {
  for (;;) {
    int64_t child = 2 * at + 1;
    if (child >= size) break;
    if (child + 1 < size && isBefore(values[child], indices[child], values[child + 1], indices[child + 1])) child++;
    if (isBefore(values[child], indices[child], value, index)) break;
    values[at] = values[child];
    indices[at] = indices[child];
    at = child;
  }
  values[at] = value;
  indices[at] = index;
}

static void topKRow(const float* x, int64_t columns, int64_t k, float* values, int32_t* indices) {
  for (int64_t i = 0; i < k; i++) {
    values[i] = x[i];
    indices[i] = (int32_t)i;
  }
  for (int64_t i = k / 2 - 1; i >= 0; i--) siftDown(values, indices, k, i, values[i], indices[i]);
  for (int64_t i = k; i < columns;) {
    // Whole stretches that cannot enter are passed over in vectors.
    if (i + 32 <= columns) {
      const float bound = values[0];
      int32_t canEnter = 0;
      for (int32_t j = 0; j < 32; j++) canEnter |= !(x[i + j] <= bound);
      if (!canEnter || bound != bound) {
        i += 32;
        continue;
      }
    }
    const int64_t stop = i + 32 < columns ? i + 32 : columns;
    for (; i < stop; i++)
      if (isBefore(x[i], (int32_t)i, values[0], indices[0])) siftDown(values, indices, k, 0, x[i], (int32_t)i);
  }
  for (int64_t size = k - 1; size > 0; size--) { // the last goes to the end
    const float value = values[size];
    const int32_t index = indices[size];
    values[size] = values[0];
    indices[size] = indices[0];
    siftDown(values, indices, size, 0, value, index);
  }
}

static void topK(const FoveaCall& call) {
  const int64_t rows = call.parameters[0], columns = call.parameters[1], k = call.parameters[2];
  const float* x = call.operand<const float>(0);
  float* values = call.operand<float>(1);
  int32_t* indices = call.operand<int32_t>(2);
  if (rows * k == 0) return;
  const int64_t perTask = 4096 / columns > 0 ? 4096 / columns : 1;
  auto body = [&](int64_t task, int32_t) {
    const int64_t end = (task + 1) * perTask < rows ? (task + 1) * perTask : rows;
    for (int64_t row = task * perTask; row < end; row++)
      topKRow(x + row * columns, columns, k, values + row * k, indices + row * k);
  };
  call.parallel((rows + perTask - 1) / perTask, body);
}

constexpr int64_t NON_ZERO_BLOCKS = 64;

// Calls visit(i) for each non-zero element; of floats, NaN is one and -0 is none.
template <class Visit> static inline void eachNonZero(int32_t dtype, const void* x, int64_t begin, int64_t end, uint32_t* buffer, Visit visit) {
  for (int64_t i = begin; i < end; i += 1024) {
    const int32_t count = (int32_t)(end - i < 1024 ? end - i : 1024);
    loadElements(dtype, x, i, 1, count, buffer);
    const uint32_t mask = isFloatDtype(dtype) ? 0x7fffffffu : 0xffffffffu;
    for (int32_t j = 0; j < count; j++)
      if (buffer[j] & mask) visit(i + j);
  }
}

static void nonZero(const FoveaCall& call) {
  const int32_t dtype = call.parameters[0], rank = call.parameters[1];
  const int32_t* dims = call.parameters + 2;
  const int64_t bound = call.parameters[2 + rank];
  const void* x = call.operands[0];
  int32_t *indices = call.operand<int32_t>(1), *count = call.operand<int32_t>(2);
  int64_t total = 1;
  for (int32_t r = 0; r < rank; r++) total *= dims[r];
  int64_t blocks = (total + 16383) / 16384;
  blocks = blocks > NON_ZERO_BLOCKS ? NON_ZERO_BLOCKS : blocks < 1 ? 1 : blocks;
  int64_t starts[NON_ZERO_BLOCKS + 1];
  auto countBlock = [&](int64_t block, int32_t thread) {
    int64_t found = 0;
    eachNonZero(dtype, x, total * block / blocks, total * (block + 1) / blocks, call.scratch<uint32_t>(thread), [&](int64_t) { found++; });
    starts[block + 1] = found;
  };
  call.parallel(blocks, countBlock);
  starts[0] = 0;
  for (int64_t block = 0; block < blocks; block++) starts[block + 1] += starts[block];
  const int64_t found = starts[blocks];
  *count = (int32_t)found;
  auto writeBlock = [&](int64_t block, int32_t thread) {
    int64_t at = starts[block];
    if (at >= bound) return;
    eachNonZero(dtype, x, total * block / blocks, total * (block + 1) / blocks, call.scratch<uint32_t>(thread), [&](int64_t i) {
      if (at < bound) {
        int32_t* row = indices + at * rank;
        for (int32_t r = rank - 1; r >= 0; r--) {
          row[r] = (int32_t)(i % dims[r]);
          i /= dims[r];
        }
      }
      at++;
    });
  };
  call.parallel(blocks, writeBlock);
  for (int64_t i = (found < bound ? found : bound) * rank; i < bound * rank; i++) indices[i] = -1;
}
