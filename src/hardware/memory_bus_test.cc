// Tests of reading what kind of memory a device has.
#include "hardware/memory_bus.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

double bandwidth(std::string_view text) {
  const auto bus = parse_memory_bus(text);
  return bus ? bus->bandwidth().value_or(0) : -1;
}

TEST(MemoryBus, Bandwidths) {
  EXPECT_EQ(bandwidth("DDR4-3200 x8"), 204.8e9);
  EXPECT_EQ(bandwidth("DDR5-4800 x12"), 460.8e9);
  EXPECT_EQ(bandwidth("LPDDR4-3200 x32b"), 12.8e9);
  EXPECT_EQ(bandwidth("LPDDR5 x128b"), 102.4e9);  // at the highest standard rate
  EXPECT_EQ(bandwidth("GDDR6X-21000 x384b"), 1008e9);
  EXPECT_EQ(bandwidth("HBM2e x5"), 2304e9);
  EXPECT_EQ(bandwidth("DDR4-3200 x2, registered"), 51.2e9);
  EXPECT_EQ(bandwidth("HBM3"), 0);  // width not known
}

TEST(MemoryBus, OtherTexts) {
  for (const char* text : {"", "on-chip SRAM", "DDR6-9000 x2", "DDR4-x8", "DDR4-3200 x", "DDR4x8",
                           "DDR4-3200 x8 ECC", "DDR4-0 x8", "ddr4-3200 x8"})
    EXPECT_EQ(bandwidth(text), -1) << text;
  EXPECT_TRUE(looks_like_memory_bus("DDR6-9000 x2"));
  EXPECT_TRUE(looks_like_memory_bus("HBM5 x8"));
  EXPECT_FALSE(looks_like_memory_bus("on-chip SRAM"));
  EXPECT_FALSE(parse_memory_bus("HBM3 x2048b")->rate_is_given);
}

}  // namespace
}  // namespace hone
