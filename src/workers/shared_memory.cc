#include "workers/shared_memory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>

#include "base/text.h"

namespace hone::workers {
namespace {

Error failed(std::string_view what) {
  return fail(
      errno == ENOMEM ? ErrorId::over_memory : ErrorId::io,
      fmt::format("shared memory: cannot {}: {}", what, std::generic_category().message(errno)));
}

}  // namespace

Result<SharedMemory> SharedMemory::make(uint64_t bytes) {
  if (bytes > static_cast<uint64_t>(std::numeric_limits<off_t>::max()))
    return fail(ErrorId::overflow, "the size of the shared memory is no file's");
  SharedMemory memory;
  memory.descriptor_ = memfd_create("hone tensors", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (memory.descriptor_ < 0) return failed("make it");
  if (ftruncate(memory.descriptor_, static_cast<off_t>(bytes)) != 0)
    return failed("give it " + human_bytes(bytes));
  // A page that another process cut off would be a signal here.
  if (fcntl(memory.descriptor_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return failed("seal its size");
  TRY(memory.map());
  return memory;
}

Result<SharedMemory> SharedMemory::of(int descriptor) {
  SharedMemory memory;
  memory.descriptor_ = descriptor;
  memory.owned_ = false;
  TRY(memory.map());
  return memory;
}

Status SharedMemory::map() {
  struct stat status;
  if (fstat(descriptor_, &status) != 0) return failed("examine it");
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) return ok();
  void* data = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_, 0);
  if (data == MAP_FAILED) return failed("map it");
  data_ = static_cast<std::byte*>(data);
  return ok();
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      owned_(other.owned_),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(owned_, other.owned_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

SharedMemory::~SharedMemory() {
  if (data_ != nullptr) munmap(data_, size_);
  if (owned_ && descriptor_ >= 0) close(descriptor_);
}

Result<std::span<std::byte>> SharedMemory::part(uint64_t offset, uint64_t size) const {
  if (offset > size_ || size > size_ - offset)
    return fail(ErrorId::malformed,
                fmt::format("bytes {} to {} do not lie in the {} bytes that are shared", offset,
                            offset + size, size_));
  return bytes().subspan(offset, size);
}

}  // namespace hone::workers
