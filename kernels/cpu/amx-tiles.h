// The eight tile registers of AMX, of up to 16 rows of 64 bytes, in two implementations of one interface: the
// processor's, and its arithmetic in plain C++, so that what is written for tiles is tested where there are none. A
// Tiles configures its thread's registers when it is made and releases them at its end: an idle thread that holds
// tiles has 8 KiB more to save at every switch.
#pragma once

// What LDTILECFG reads.
struct alignas(64) TileConfig {
  uint8_t palette, startRow, reserved[14];
  uint16_t rowBytes[16];
  uint8_t rows[16];
};
static_assert(sizeof(TileConfig) == 64, "the processor reads 64 bytes");

#ifdef __AMX_BF16__
// GCC's intrinsics do not say that they read memory, and it moves stores past them.
struct ProcessorTiles {
  explicit ProcessorTiles(const TileConfig& config) { __asm__ volatile("ldtilecfg (%0)" : : "r"(&config) : "memory"); }
  ~ProcessorTiles() { __asm__ volatile("tilerelease" : : : "memory"); }
  ProcessorTiles(const ProcessorTiles&) = delete;
  template <int32_t TILE> void zero() { __asm__ volatile("tilezero %%tmm%c0" : : "i"(TILE)); }
  // `step` bytes from row to row.
  template <int32_t TILE> void load(const void* from, int64_t step) {
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(step), "i"(TILE) : "memory");
  }
  template <int32_t TILE> void store(void* to, int64_t step) {
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(step), "i"(TILE) : "memory");
  }
  // sums[m][n] += the sum over pairs k of left[m][k] * right[k][n].
  template <int32_t SUMS, int32_t LEFT, int32_t RIGHT> void multiply() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(SUMS), "i"(LEFT), "i"(RIGHT));
  }
};
#endif

// What the processor would answer with a fault ends the process here too.
struct EmulatedTiles {
  TileConfig config;
  alignas(64) uint32_t words[8][16][16];

  explicit EmulatedTiles(const TileConfig& wanted) : config(wanted) {
    __builtin_memset(words, 0, sizeof words);
    expect(config.palette == 1 && config.startRow == 0);
    for (uint8_t byte : config.reserved) expect(byte == 0);
    for (int32_t i = 0; i < 16; i++) {
      expect(config.rows[i] <= (i < 8 ? 16 : 0) && config.rowBytes[i] <= (i < 8 ? 64 : 0));
      expect((config.rows[i] == 0) == (config.rowBytes[i] == 0));
    }
  }
  EmulatedTiles(const EmulatedTiles&) = delete;

  template <int32_t TILE> void zero() {
    expect(config.rows[TILE] > 0);
    __builtin_memset(words[TILE], 0, sizeof words[TILE]);
  }
  template <int32_t TILE> void load(const void* from, int64_t step) {
    zero<TILE>();
    for (int32_t r = 0; r < config.rows[TILE]; r++)
      __builtin_memcpy(words[TILE][r], static_cast<const uint8_t*>(from) + r * step, config.rowBytes[TILE]);
  }
  template <int32_t TILE> void store(void* to, int64_t step) {
    expect(config.rows[TILE] > 0);
    for (int32_t r = 0; r < config.rows[TILE]; r++)
      __builtin_memcpy(static_cast<uint8_t*>(to) + r * step, words[TILE][r], config.rowBytes[TILE]);
  }

  // As Intel documents TDPBF16PS: the first numbers of all pairs and the second ones are summed apart, by fused
  // multiply-adds, then added to each other, and that to what was there. Denormals are zeros, coming and going.
  template <int32_t SUMS, int32_t LEFT, int32_t RIGHT> void multiply() {
    const int32_t rows = config.rows[SUMS], columns = config.rowBytes[SUMS] / 4, pairs = config.rows[RIGHT];
    expect(SUMS != LEFT && SUMS != RIGHT && LEFT != RIGHT && rows > 0 && pairs > 0);
    expect(config.rows[LEFT] == rows && config.rowBytes[LEFT] == 4 * pairs);
    expect(config.rowBytes[RIGHT] == config.rowBytes[SUMS] && config.rowBytes[SUMS] % 4 == 0);
    for (int32_t m = 0; m < rows; m++) {
      float first[16] = {}, second[16] = {};
      for (int32_t k = 0; k < pairs; k++) {
        const uint32_t left = words[LEFT][m][k];
        for (int32_t n = 0; n < columns; n++) {
          const uint32_t right = words[RIGHT][k][n];
          first[n] = multiplyAdd(number(left << 16), number(right << 16), first[n]);
          second[n] = multiplyAdd(number(left & 0xffff0000), number(right & 0xffff0000), second[n]);
        }
      }
      for (int32_t n = 0; n < columns; n++) {
        const float sum = flushed(number(words[SUMS][m][n]) + flushed(first[n] + second[n]));
        __builtin_memcpy(&words[SUMS][m][n], &sum, 4);
      }
    }
  }

private:
  static void expect(bool condition) {
    if (!condition) __builtin_trap();
  }
  static float flushed(float value) { return __builtin_fabsf(value) < 0x1p-126f ? __builtin_copysignf(0.0f, value) : value; }
  static float number(uint32_t bits) {
    float value;
    __builtin_memcpy(&value, &bits, 4);
    return flushed(value);
  }
  // A product of two bfloat16 has 16 bits, so nothing is rounded before the sum. In double, because it may lie outside
  // of float32's range where the sum does not.
  static float multiplyAdd(float a, float b, float sum) {
    const float product = a * b, size = __builtin_fabsf(product);
    if (size >= 0x1p-126f && size <= 0x1.fffffep127f) return flushed(sum + product);
    return flushed((float)((double)a * (double)b + (double)sum));
  }
};
