// What the machine is that hone runs on, from /proc and /sys.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hone {

struct Host {
  std::string architecture;  // "x86_64"
  std::string cpu;           // model name; empty where the kernel does not say
  std::string cpu_version;   // maker, family, model, stepping: "GenuineIntel 6 207 2"
  int logical_cpus = 1;      // online
  int usable_cpus = 1;       // that this process may run on
  int cores = 1, sockets = 1;
  std::vector<std::string> features;  // of the instruction set, those that matter to kernels
  struct Cache {
    int level = 0;
    std::string type;  // "Data", "Instruction", "Unified"
    uint64_t bytes = 0;
    int shared_by = 1;  // logical CPUs
  };
  std::vector<Cache> caches;  // of the first CPU
  uint64_t memory_bytes = 0, available_bytes = 0;
  std::string kernel;  // "Linux 6.1.0"
};

Host detect_host();

// The names that `features` may hold.
std::span<const std::string_view> known_cpu_features();

// What the times of kernels depend on, and how many CPUs there are does not: version, features and
// caches of the first CPU. Takes less time than detect_host().
std::string cpu_fingerprint();
std::string cpu_fingerprint(const Host& host);

// From the contents of /proc/cpuinfo and /proc/meminfo; apart so that tests reach them.
void read_cpuinfo(std::string_view text, Host& host);
void read_meminfo(std::string_view text, Host& host);

}  // namespace hone
