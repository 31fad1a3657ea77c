#include "base/process.h"

#include <cinttypes>
#include <cstdio>

#include "base/hash.h"
#include "base/mapped_file.h"

namespace hone {

// Not getrusage: its figure begins with what the process that started this one had.
uint64_t peak_memory_bytes() {
  std::FILE* status = std::fopen("/proc/self/status", "re");
  if (status == nullptr) return 0;
  uint64_t kilobytes = 0;
  char line[256];
  while (std::fgets(line, sizeof line, status) != nullptr)
    if (std::sscanf(line, "VmHWM: %" SCNu64, &kilobytes) == 1) break;
  std::fclose(status);
  return kilobytes * 1024;
}

Result<std::string> program_hash() {
  const MappedFile program = TRY(MappedFile::open("/proc/self/exe"));
  return sha256_hex(program.bytes());
}

}  // namespace hone
