// Products of bfloat16 blocks over tiles (amx-tiles.h), in place of bf16.h's micro-kernel and with its layouts: rows of
// words of A, panels [words][width] of B. A step multiplies 16 words of 16 or 32 rows by 16 or 32 columns: up to four
// tiles of sums, two of A and two of B. What is missing of the last 16 words is zeros: in A's block by those who
// gather it, in B by a copy of the panel's end.
#pragma once

constexpr int32_t TILE_WORDS = 16;
constexpr int64_t TILE_REST_AT = 160 << 10; // of thread scratch: the end of a panel

// Of units of up to `rows` rows. Tiles 0 to 3 are sums (row by row), 4 and 5 A, 6 and 7 B.
static TileConfig tileConfig(int64_t rows) {
  TileConfig config = {};
  config.palette = 1;
  for (int32_t tile = 0; tile < 8; tile++) {
    config.rows[tile] = (uint8_t)(tile < 6 ? smaller(rows, 16) : TILE_WORDS);
    config.rowBytes[tile] = 64;
  }
  return config;
}

// `rest` is read in place of the panel's last words where 16 do not divide them.
template <int32_t HEIGHT, int32_t WIDTH, int32_t ROW_STEP, int32_t K_STEP, class AnyTiles>
static void multiplyTiles(AnyTiles& tiles, const int32_t* a, const int32_t* panel, const int32_t* rest, int64_t words,
                          float* sums, bool isResumed) {
  constexpr int64_t SUMS_STEP = 4 * 32, A_STEP = 4 * ROW_STEP, B_STEP = 64 * WIDTH;
  constexpr int64_t LOWER = 16 * 32;
  if (isResumed) {
    tiles.template load<0>(sums, SUMS_STEP);
    if (WIDTH > 1) tiles.template load<1>(sums + 16, SUMS_STEP);
    if (HEIGHT > 1) tiles.template load<2>(sums + LOWER, SUMS_STEP);
    if (HEIGHT > 1 && WIDTH > 1) tiles.template load<3>(sums + LOWER + 16, SUMS_STEP);
  } else {
    tiles.template zero<0>();
    if (WIDTH > 1) tiles.template zero<1>();
    if (HEIGHT > 1) tiles.template zero<2>();
    if (HEIGHT > 1 && WIDTH > 1) tiles.template zero<3>();
  }
  for (int64_t k = 0; k < words; k += TILE_WORDS, a += K_STEP, panel += TILE_WORDS * 16 * WIDTH) {
    const int32_t* b = k + TILE_WORDS <= words ? panel : rest;
    tiles.template load<6>(b, B_STEP);
    tiles.template load<4>(a, A_STEP);
    tiles.template multiply<0, 4, 6>();
    if (WIDTH > 1) {
      tiles.template load<7>(b + 16, B_STEP);
      tiles.template multiply<1, 4, 7>();
    }
    if (HEIGHT > 1) {
      tiles.template load<5>(a + 16 * ROW_STEP, A_STEP);
      tiles.template multiply<2, 5, 6>();
      if (WIDTH > 1) tiles.template multiply<3, 5, 7>();
    }
  }
  tiles.template store<0>(sums, SUMS_STEP);
  if (WIDTH > 1) tiles.template store<1>(sums + 16, SUMS_STEP);
  if (HEIGHT > 1) tiles.template store<2>(sums + LOWER, SUMS_STEP);
  if (HEIGHT > 1 && WIDTH > 1) tiles.template store<3>(sums + LOWER + 16, SUMS_STEP);
}

// The same for as many rows and columns as there are. Surplus rows of a tile read what lies in the block.
template <class AnyTiles> class TileMultiplier {
public:
  TileMultiplier(int64_t rows, char* scratch) : config(tileConfig(rows)), tiles(config), rest((int32_t*)(scratch + TILE_REST_AT)) {}
  void takePanel(const int32_t* from, int64_t length, int64_t columns) {
    panel = from, words = length, width = columns;
    const int64_t whole = words / TILE_WORDS * TILE_WORDS * width, all = words * width;
    if (whole == all) return;
    for (int64_t i = whole; i < all; i++) rest[i - whole] = panel[i];
    for (int64_t i = all - whole; i < TILE_WORDS * width; i++) rest[i] = 0;
  }
  template <int32_t ROW_STEP, int32_t K_STEP>
  void multiply(int64_t rows, const int32_t* a, float* sums, bool isResumed) {
    if (rows > 16 && width > 16) run<2, 2, ROW_STEP, K_STEP>(a, sums, isResumed);
    else if (rows > 16) run<2, 1, ROW_STEP, K_STEP>(a, sums, isResumed);
    else if (width > 16) run<1, 2, ROW_STEP, K_STEP>(a, sums, isResumed);
    else run<1, 1, ROW_STEP, K_STEP>(a, sums, isResumed);
  }

private:
  TileConfig config;
  AnyTiles tiles;
  int32_t* rest;
  const int32_t* panel = nullptr;
  int64_t words = 0, width = 0;
  template <int32_t HEIGHT, int32_t WIDTH, int32_t ROW_STEP, int32_t K_STEP>
  void run(const int32_t* a, float* sums, bool isResumed) {
    multiplyTiles<HEIGHT, WIDTH, ROW_STEP, K_STEP>(tiles, a, panel, rest, words, sums, isResumed);
  }
};
