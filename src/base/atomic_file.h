// Writing a file so that its name holds either the old content or the whole new content.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hone {

// Writes to `.hone-XXXXXXXXXXXXXXXX.tmp` in the same folder; commit() makes it durable and renames
// it. Without commit() the destructor removes it. A full disk is ErrorId::disk_full.
class AtomicFile {
 public:
  // A link is followed, so that the file it names is replaced; anything that exists and is not a
  // regular file is refused.
  static Result<AtomicFile> create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&& other) noexcept;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  Status write(std::span<const std::byte> data);
  Status write(std::string_view text) { return write(std::as_bytes(std::span(text))); }
  // Flush, fsync, rename, fsync of the folder. At most once.
  Status commit();

  uint64_t size() const { return size_; }  // written so far
  const std::string& path() const { return path_; }

 private:
  AtomicFile() = default;
  void discard();
  Status flush();
  Status put(std::span<const std::byte> data);

  int descriptor_ = -1;
  std::string path_, temporary_;
  std::string buffer_;
  uint64_t size_ = 0;
};

// All of `text` as the content of `path`.
Status write_file(const std::string& path, std::string_view text);

}  // namespace hone
