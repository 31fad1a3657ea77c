// Tests of units: conversion, what is refused and how, and printing.
#include "hardware/units.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace hone {
namespace {

std::string refusal(std::string_view unit, Dimension dimension) {
  const auto factor = unit_factor(unit, dimension);
  return factor ? "" : factor.error().message;
}

TEST(Units, ConvertToBaseUnits) {
  EXPECT_EQ(*unit_factor("GFLOP/s", Dimension::flops), 1e9);
  EXPECT_EQ(*unit_factor("TFLOPS", Dimension::flops), 1e12);
  EXPECT_EQ(*unit_factor("TOPS", Dimension::ops), 1e12);
  EXPECT_EQ(*unit_factor("MHz", Dimension::frequency), 1e6);
  EXPECT_EQ(*unit_factor("KiB", Dimension::bytes), 1024);
  EXPECT_EQ(*unit_factor("GB/s", Dimension::bandwidth), 1e9);
  EXPECT_EQ(*unit_factor("mW", Dimension::power), 1e-3);
  EXPECT_EQ(*unit_factor("pJ", Dimension::energy), 1e-12);
  EXPECT_EQ(*unit_factor("ns", Dimension::time), 1e-9);
}

TEST(Units, NoTextStandsTwice) {
  std::multiset<std::string_view> texts{
#define UNIT(dimension, text, factor) text,
#include "hardware/units.def"
#undef UNIT
  };
  for (const std::string_view text : texts) EXPECT_EQ(texts.count(text), 1u) << text;
}

TEST(Units, WrongOnesAreRefusedWithWhatIsExpected) {
  EXPECT_EQ(refusal("GB/s", Dimension::flops),
            "GB/s is a unit of bytes per second; expected floating-point operations per second, "
            "such as GFLOP/s");
  EXPECT_EQ(refusal("GFLOP/s", Dimension::ops),
            "GFLOP/s is a unit of floating-point operations per second; expected integer "
            "operations per second, such as TOP/s");
  EXPECT_EQ(refusal("Mhz", Dimension::frequency),
            "there is no unit Mhz; expected a frequency, such as MHz (did you mean MHz?)");
  EXPECT_EQ(refusal("KB", Dimension::bytes),
            "KB has two meanings: write KiB (1024 B) or kB (1000 B)");
  EXPECT_EQ(refusal("W", Dimension::count), "a plain number has no unit: leave it out");
  EXPECT_EQ(refusal("furlongs", Dimension::time),
            "there is no unit furlongs; expected a time, such as ns");
}

TEST(Units, QuantitiesForPeople) {
  EXPECT_EQ(human_quantity(204.8e9, Dimension::bandwidth), "204.8 GB/s");
  EXPECT_EQ(human_quantity(48 << 10, Dimension::bytes), "48 KiB");
  EXPECT_EQ(human_quantity(6.0 * (1ull << 40), Dimension::bytes), "6 TiB");
  EXPECT_EQ(human_quantity(1.9789e15, Dimension::ops), "1.979 POP/s");
  EXPECT_EQ(human_quantity(23.6e-12, Dimension::energy), "23.6 pJ");
  EXPECT_EQ(human_quantity(0.45, Dimension::power), "450 mW");
  EXPECT_EQ(human_quantity(1, Dimension::power), "1 W");
  EXPECT_EQ(human_quantity(999.99e6, Dimension::frequency), "1 GHz");
  EXPECT_EQ(human_quantity(131072, Dimension::count), "131072");
  EXPECT_EQ(human_quantity(0, Dimension::power), "0 W");
  EXPECT_EQ(human_quantity(1e-30, Dimension::energy), "1e-12 aJ");
}

}  // namespace
}  // namespace hone
