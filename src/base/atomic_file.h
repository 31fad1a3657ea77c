// Writing a file so that its name holds either the old content or the whole new content.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hone {

// Writes to a file of the same folder that has no name, so that nothing is left of it when the
// process dies; commit() makes it durable and gives it the name. A full disk is
// ErrorId::disk_full.
class AtomicFile {
 public:
  // A link is followed, so that the file it names is replaced; anything that exists and is not a
  // regular file is refused.
  static Result<AtomicFile> create(const std::string& path);
  // For file systems without nameless files; create() turns to it by itself. Writes to
  // `.hone-XXXXXXXXXXXXXXXX.tmp`, locked, and first removes such files of this user that are older
  // than a day and that no process has locked.
  static Result<AtomicFile> create_named(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&& other) noexcept;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  Status write(std::span<const std::byte> data);
  Status write(std::string_view text) { return write(std::as_bytes(std::span(text))); }
  // The content of an open file, on this system `data`: without copying where the file system can
  // have two files share their blocks.
  Status copy(int descriptor, std::span<const std::byte> data);
  // Begins to put on the disk what was written, and does not wait for it.
  Status begin_settling();
  // Puts all that was written on the disk, so that little is left that commit() can fail for.
  Status settle();
  // Settles, takes the name, fsync of the folder. At most once.
  Status commit();

  uint64_t size() const { return size_; }  // written so far
  const std::string& path() const { return path_; }

 private:
  AtomicFile() = default;
  static Result<AtomicFile> for_path(const std::string& path);
  Status open_named();
  bool take_place();  // errno says why not
  void discard();
  Status flush();
  Status put(std::span<const std::byte> data);

  int descriptor_ = -1;
  std::string path_, temporary_;  // temporary_: "" while it has no name
  std::string buffer_;
  uint64_t size_ = 0;
};

// All of `text` as the content of `path`.
Status write_file(const std::string& path, std::string_view text);

}  // namespace hone
