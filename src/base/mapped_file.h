// A regular file mapped read-only, and a folder that opens only files beneath itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

namespace hone {

// Move-only; unmaps on destruction.
class MappedFile {
 public:
  // Follows links: the user named this path. Refuses anything but a regular file.
  static Result<MappedFile> open(const std::string& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  uint64_t size() const { return size_; }
  const std::string& path() const { return path_; }

 private:
  friend class Folder;
  MappedFile() = default;
  static Result<MappedFile> map(int descriptor, std::string path);  // closes the descriptor
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  std::string path_;
};

// What becomes of links in the names of files that a model names.
enum class Links : uint8_t {
  refuse,
  follow,  // as far as open_following of base/beneath.h goes
};

// The folder a model lies in. Files named by the model are opened beneath it or not at all:
// openat2 with RESOLVE_BENEATH and without links; hard-linked files (st_nlink > 1) are refused.
class Folder {
 public:
  static Result<Folder> open(const std::string& path);
  // The folder that holds `file`.
  static Result<Folder> holding(const std::string& file);
  Folder(Folder&& other) noexcept;
  Folder& operator=(Folder&& other) noexcept;
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder();

  Result<MappedFile> map(const std::string& relative, Links links = Links::refuse) const;
  const std::string& path() const { return path_; }

 private:
  Folder() = default;
  int descriptor_ = -1;
  std::string path_;
};

}  // namespace hone
