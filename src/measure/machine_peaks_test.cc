// Peaks are taken from reports of the same machine, and from no others.
#include "measure/machine_peaks.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace hone::measure {
namespace {

Result<std::map<int, MachinePeaks>> peaks(std::string_view cpu, std::string_view threads,
                                          std::string_view rate) {
  Host host;
  host.cpu = "This CPU";
  return read_peaks(
      fmt::format(
          R"({{"machine": {{"cpu": "{}"}}, "calibrations": [{{"threads": {}, "f32_flops": {},)"
          R"( "int8_ops": 2, "l2_bytes_per_s": 0, "l3_bytes_per_s": 3,)"
          R"( "dram_bytes_per_s": 4e9}}]}})",
          cpu, threads, rate),
      host);
}

TEST(Peaks, AreReadFromAReport) {
  const auto read = peaks("This CPU", "2", "1.5e11");
  ASSERT_TRUE(read.ok()) << describe(read.error());
  EXPECT_EQ(read->at(2).f32_flops, 1.5e11);
  EXPECT_EQ(read->at(2).dram_bytes_per_s, 4e9);
}

TEST(Peaks, WhatWasNeverMeasuredIsRefused) {
  EXPECT_EQ(peaks("Another CPU", "2", "1").error().id, ErrorId::bad_data);
  for (std::string_view threads : {"0", "-1", "1025", "4294967297", "1.5"})
    EXPECT_FALSE(peaks("This CPU", threads, "1").ok()) << threads;
  for (std::string_view rate : {"-1", "\"fast\"", "null"})
    EXPECT_FALSE(peaks("This CPU", "2", rate).ok()) << rate;
}

}  // namespace
}  // namespace hone::measure
