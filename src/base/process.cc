#include "base/process.h"

#include <sys/resource.h>

#include <cinttypes>
#include <cstdio>
#include <ctime>

#include "base/hash.h"
#include "base/mapped_file.h"

namespace hone {
namespace {

uint64_t status_bytes(const char* format) {
  std::FILE* status = std::fopen("/proc/self/status", "re");
  if (status == nullptr) return 0;
  uint64_t kilobytes = 0;
  char line[256];
  while (std::fgets(line, sizeof line, status) != nullptr)
    if (std::sscanf(line, format, &kilobytes) == 1) break;
  std::fclose(status);
  return kilobytes * 1024;
}

}  // namespace

// Not getrusage: its figure begins with what the process that started this one had.
uint64_t peak_memory_bytes() { return status_bytes("VmHWM: %" SCNu64); }
uint64_t resident_memory_bytes() { return status_bytes("VmRSS: %" SCNu64); }

ProcessUsage process_usage() {
  // The clock is finer than the times of getrusage.
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return {double(time.tv_sec) + double(time.tv_nsec) * 1e-9, usage.ru_nivcsw};
}

Result<std::string> program_hash() {
  const MappedFile program = TRY(MappedFile::open("/proc/self/exe"));
  return sha256_hex(program.bytes());
}

}  // namespace hone
