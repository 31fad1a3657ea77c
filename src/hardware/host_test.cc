#include "hardware/host.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

TEST(Host, ReadsCpuinfo) {
  Host host;
  read_cpuinfo(
      "processor\t: 0\nmodel name\t: Some CPU @ 2GHz\nphysical id\t: 0\ncore id\t\t: 0\n"
      "flags\t\t: fpu sse4_2 avx2 fma\n\n"
      "processor\t: 1\nmodel name\t: Some CPU @ 2GHz\nphysical id\t: 0\ncore id\t\t: 1\n"
      "flags\t\t: fpu sse4_2 avx2 fma\n",
      host);
  EXPECT_EQ(host.cpu, "Some CPU @ 2GHz");
  EXPECT_EQ(host.cores, 2);
  EXPECT_EQ(host.sockets, 1);
  EXPECT_EQ(host.features, (std::vector<std::string>{"sse4_2", "fma", "avx2"}));
}

TEST(Host, ReadsMeminfo) {
  Host host;
  read_meminfo("MemTotal:       1024 kB\nMemFree: 1 kB\nMemAvailable:    512 kB\n", host);
  EXPECT_EQ(host.memory_bytes, 1u << 20);
  EXPECT_EQ(host.available_bytes, 1u << 19);
}

TEST(Host, EmptyTextLeavesDefaults) {
  Host host;
  read_cpuinfo("", host);
  read_meminfo("no colon here", host);
  EXPECT_EQ(host.cores, 1);
  EXPECT_EQ(host.memory_bytes, 0u);
}

TEST(Host, VersionsOfTheFirstCpu) {
  Host host;
  read_cpuinfo(
      "processor\t: 0\nvendor_id\t: Maker\ncpu family\t: 6\nmodel\t\t: 207\nmodel name\t: N\n"
      "stepping\t: 2\nflags\t: avx2\n\nprocessor\t: 1\nvendor_id\t: Maker\ncpu family\t: 6\n",
      host);
  host.caches.push_back({1, "Data", 48 << 10, 1});
  EXPECT_EQ(cpu_fingerprint(host), "Maker 6 207 2; avx2; L1 Data 48K");
  Host arm;
  read_cpuinfo(
      "CPU implementer\t: 0x41\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n", arm);
  EXPECT_EQ(cpu_fingerprint(arm), "0x41 0x3 0xd0c 1;;");
}

TEST(Host, TheFingerprintIsThatOfTheWholeHost) {
  EXPECT_EQ(cpu_fingerprint(), cpu_fingerprint(detect_host()));
}

TEST(Host, DetectsThisMachine) {
  const Host host = detect_host();
  EXPECT_FALSE(host.architecture.empty());
  EXPECT_GE(host.usable_cpus, 1);
  EXPECT_GT(host.memory_bytes, 0u);
}

}  // namespace
}  // namespace hone
