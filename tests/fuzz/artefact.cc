// Fuzzes .hone files: what opens satisfies the invariants, prints, parses back and runs.
#include "import/hone/artefact.h"

#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "ir/text.h"
#include "ir/verify.h"
#include "ops/catalogue.h"
#include "run.h"

namespace {

// A file in memory with these bytes, under a name.
class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : descriptor_(memfd_create("artefact", 0)) {
    hone::fuzz::require(descriptor_ >= 0 && write(descriptor_, data, size) == ssize_t(size));
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const MemoryFile file(data, size);
  const hone::Catalogue& catalogue = hone::standard_catalogue();
  const auto model =
      hone::artefact::import_file(file.path(), catalogue, {.limits = hone::fuzz::limits()});
  hone::fuzz::require_clean(model);
  if (!model) return 0;
  hone::fuzz::require(hone::verify(*model, catalogue, hone::Phase::import).ok());
  hone::Limits room = hone::fuzz::limits();
  room.header = 1 << 26;  // printing may add: types of all results
  room.memory = 1 << 28;
  hone::fuzz::require(hone::parse_model_text(hone::print(*model), catalogue, room).ok());
  hone::fuzz::run(*model);
  return 0;
}
