// The counts of kernels by hand.
#include <gtest/gtest.h>

#include "kernels/block_gemm/features.h"
#include "kernels/gemm/features.h"
#include "kernels/integer_gemm/features.h"
#include "kernels/winograd/features.h"

namespace hone::kernels {
namespace {

TEST(Counts, Gemm) {
  // Two tiles of 14 rows, two panels of 32 columns (three vectors of 16 have columns), two blocks
  // of depth.
  const GemmCounts c = gemm_counts({28, 40, 400, 14, 32, false});
  EXPECT_EQ(c.multiplies, 28 * 3 * 400);
  EXPECT_EQ(c.tile_steps, 2 * 2 * 400);
  EXPECT_EQ(c.tiles, 2 * 2 * 2);
  EXPECT_EQ(c.results, 28 * 40 * 2);
  EXPECT_EQ(c.panel_reads, 2 * 32 * 400);
  EXPECT_EQ(c.packed, 0);
}

TEST(Counts, GemmPacksWhereItPays) {
  EXPECT_EQ(gemm_counts({10, 40, 400, 14, 32, true}).packed, 10 * 400);    // gathered
  EXPECT_EQ(gemm_counts({10, 192, 400, 14, 32, false}).packed, 10 * 400);  // six panels
  EXPECT_EQ(gemm_counts({10, 96, 256, 14, 32, false}).packed, 10 * 256);   // three, short rows
  EXPECT_EQ(gemm_counts({10, 96, 257, 14, 32, false}).packed, 0);
  EXPECT_EQ(gemm_counts({10, 64, 100, 14, 32, false}).packed, 0);
}

TEST(Counts, GemmReadsPanelsForEachBlockOfRows) {
  EXPECT_EQ(gemm_counts({224, 32, 10, 14, 32, false}).panel_reads, 320);
  EXPECT_EQ(gemm_counts({225, 32, 10, 14, 32, false}).panel_reads, 2 * 320);
}

TEST(Counts, Winograd) {
  // Four tiles of 4 x 4 results, one block of them, one panel.
  const WinogradCounts c = winograd_counts({1, 8, 8, 16, 32, 14, 32});
  EXPECT_EQ(c.multiplies, 36 * 4 * 2 * 16);
  EXPECT_EQ(c.tile_steps, 36 * 16);
  EXPECT_EQ(c.tiles, 36);
  EXPECT_EQ(c.inputs, 36 * 4 * 16);
  EXPECT_EQ(c.weights, 36 * 32 * 16);
  EXPECT_EQ(c.outputs, 36 * 4 * 32);
}

TEST(Counts, WinogradRoundsUpToTiles) {
  EXPECT_EQ(winograd_counts({1, 9, 5, 16, 32, 14, 32}).inputs, 36 * 3 * 2 * 16);
  EXPECT_EQ(winograd_counts({2, 8, 8, 16, 32, 14, 32}).inputs, 36 * 8 * 16);
  // 128 channels of few tiles: in two parts.
  EXPECT_EQ(winograd_counts({1, 8, 8, 128, 32, 14, 32}).tiles, 36 * 2);
}

TEST(Counts, IntegerGemm) {
  // Two panels of 16, depth 128, one tile.
  const IntegerGemmCounts c = integer_gemm_counts({5, 20, 70, 12, 32});
  EXPECT_EQ(c.dots, 5 * 2 * 128 / 4);
  EXPECT_EQ(c.tile_steps, 128 / 4);
  EXPECT_EQ(c.tiles, 1);
  EXPECT_EQ(c.results, 5 * 32);
  EXPECT_EQ(c.panel_bytes, 32 * 128);
  EXPECT_EQ(c.row_bytes, 5 * 128);
  EXPECT_EQ(integer_gemm_counts({13, 33, 64, 12, 32}).tiles, 4);
}

TEST(Counts, BlockGemm) {
  // Two panels of 16, two blocks of depth, two tiles of rows.
  const BlockGemmCounts c = block_gemm_counts({7, 17, 64, 6, 32, 4});
  EXPECT_EQ(c.dots, 7 * 2 * 64 / 4);
  EXPECT_EQ(c.tile_steps, 2 * 2 * 64 / 4);
  EXPECT_EQ(c.sums, 7 * 2 * 2);
  EXPECT_EQ(c.expanded, 2 * 16 * 64);
  EXPECT_EQ(c.code_bytes, 2 * 16 * 64 / 2);
  EXPECT_EQ(c.row_bytes, 7 * 64);
}

// Rows pass by as many at a time as 2^20 bytes hold, in whole tiles; panels are expanded each time.
TEST(Counts, BlockGemmExpandsForEachPassOfRows) {
  const auto passes = [](double m, double k, double rows) {
    return block_gemm_counts({m, 16, k, rows, 32, 4}).expanded / (16 * k);
  };
  EXPECT_EQ(passes(2049, 32, 6), 1);
  EXPECT_EQ(passes(512, 2048, 16), 1);
  EXPECT_EQ(passes(513, 2048, 16), 2);
  EXPECT_EQ(passes(128, 8192, 16), 1);
  EXPECT_EQ(passes(129, 8192, 16), 2);
  EXPECT_EQ(passes(64, 65536 * 32, 16), 4);  // a tile is more than that: one at a time
}

}  // namespace
}  // namespace hone::kernels
