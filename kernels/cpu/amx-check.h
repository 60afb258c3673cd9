// Whether tiles do what amx-gemm.h counts on: asked once, of the processor's, before the level amx is offered. Two
// products through its micro-kernel, beside the emulated ones. Of small whole numbers every bit must be equal: no sum
// of them is rounded, so an element in the wrong place shows. Of numbers that are rounded the sums may differ by as
// much as float32's roundings allow: in which order a processor adds them is documented, but nothing depends on it.
#pragma once

// 32 rows, 24 words (sixteen and a rest), 32 columns, twice onto the same sums.
template <class AnyTiles> static void checkedProduct(const int32_t* a, const int32_t* b, float* sums) {
  alignas(64) int32_t rest[16 * 32] = {};
  for (int32_t i = 0; i < 8 * 32; i++) rest[i] = b[16 * 32 + i];
  const TileConfig config = tileConfig(32);
  AnyTiles tiles(config);
  for (int32_t i = 0; i < 2; i++) multiplyTiles<2, 2, 32, 16>(tiles, a, b, rest, 24, sums, i > 0);
}

template <class AnyTiles> static bool tilesAgree() {
  alignas(64) int32_t a[32 * 32] = {}, b[24 * 32];
  alignas(64) float sums[32 * 32], wanted[32 * 32], sizes[32 * 32];
  for (int32_t pass = 0; pass < 2; pass++) {
    const bool isWhole = pass == 0;
    uint32_t state = 1;
    // -8 to 8; or any of bfloat16's fractions, 2^-4 to 2^4.
    auto pair = [&] {
      uint32_t word = 0;
      for (int32_t half = 0; half < 2; half++) {
        state = state * 1664525u + 1013904223u;
        uint32_t bits = (state >> 30 & 1) << 31 | (123 + (state >> 8) % 8) << 23 | (state >> 20 & 127) << 16;
        const float whole = (float)((int32_t)(state >> 16) % 17 - 8);
        if (isWhole) __builtin_memcpy(&bits, &whole, 4);
        word |= bits >> 16 << 16 * half;
      }
      return (int32_t)word;
    };
    for (int32_t r = 0; r < 32; r++)
      for (int32_t k = 0; k < 24; k++) a[r * 32 + k] = pair();
    for (int32_t& word : b) word = pair();
    checkedProduct<AnyTiles>(a, b, sums);
    checkedProduct<EmulatedTiles>(a, b, wanted);
    for (int32_t& word : a) word &= 0x7fff7fff;
    for (int32_t& word : b) word &= 0x7fff7fff;
    checkedProduct<EmulatedTiles>(a, b, sizes);
    // Of 96 products: 4 * sqrt(96) * 2^-24 of the sum of their sizes, as all direct sums here.
    for (int32_t i = 0; i < 32 * 32; i++) {
      const float difference = __builtin_fabsf(sums[i] - wanted[i]);
      if (!(difference <= (isWhole ? 0.0f : 40 * 0x1p-24f * sizes[i]))) return false;
    }
  }
  return true;
}

#ifdef __AMX_BF16__
extern "C" bool foveaTilesAgree();
extern "C" bool foveaTilesAgree() { return tilesAgree<ProcessorTiles>(); }
#else
// The check itself, for the tests: tiles with a fault that it must see (bits of `fault`), or with none.
struct FaultyTiles : EmulatedTiles {
  static int32_t fault;
  using EmulatedTiles::EmulatedTiles;
  template <int32_t SUMS, int32_t LEFT, int32_t RIGHT> void multiply() {
    EmulatedTiles::multiply<SUMS, LEFT, RIGHT>();
    if (fault == 1) words[SUMS][15][15] = words[SUMS][15][14];
    if (fault == 2) // sums of fewer bits
      for (auto& row : words[SUMS])
        for (uint32_t& word : row) word &= 0xffffff00;
    if (fault == 3 && LEFT == 5 && RIGHT == 7) zero<SUMS>();
  }
};
int32_t FaultyTiles::fault = 0;
extern "C" bool foveaTileCheckPasses(int32_t fault);
extern "C" bool foveaTileCheckPasses(int32_t fault) {
  FaultyTiles::fault = fault;
  return tilesAgree<FaultyTiles>();
}
#endif
