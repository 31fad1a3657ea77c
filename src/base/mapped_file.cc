// Mapping of regular files; the only place that turns a path into bytes.
#include "base/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/beneath.h"
#include "base/text.h"

namespace hone {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

Error open_error(int error, const std::string& path) {
  const std::string name = printable(path);
  switch (error) {
    case ENOENT:
    case ENOTDIR: return fail(ErrorId::not_found, fmt::format("there is no file {}", name));
    case EXDEV:
      return fail(ErrorId::outside_folder,
                  fmt::format("the model names {}, which leaves its folder", name));
    case ELOOP:
      return fail(ErrorId::outside_folder,
                  fmt::format("the model names {}, which is or passes through a link", name));
    case ENXIO: return fail(ErrorId::not_regular, fmt::format("{} is not a regular file", name));
    case EINVAL:
      return fail(ErrorId::malformed, fmt::format("\"{}\" is not the name of a file", name));
    default: return fail(ErrorId::io, fmt::format("cannot open {}: {}", name, reason(error)));
  }
}

Status check_path(const std::string& path) {
  if (path.empty()) return fail(ErrorId::not_found, "the path is empty");
  if (path.find('\0') != std::string::npos) {
    return fail(ErrorId::not_found, fmt::format("the path {} holds a NUL", printable(path)));
  }
  return ok();
}

int open_retrying(const std::string& path, int flags) {
  int descriptor;
  do {
    descriptor = ::open(path.c_str(), flags);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path) {
  TRY(check_path(path));
  const int descriptor = open_retrying(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) {
    const int error = errno;
    if (error == ELOOP) {  // here the user's own path loops; nothing left a folder
      return fail(ErrorId::io, fmt::format("cannot open {}: {}", printable(path), reason(error)));
    }
    return open_error(error, path);
  }
  return map(descriptor, path);
}

Result<MappedFile> MappedFile::map(int descriptor, std::string path) {
  struct Closer {
    int descriptor;
    ~Closer() { close(descriptor); }
  } closer{descriptor};
  struct stat status;
  if (fstat(descriptor, &status) != 0) {
    return fail(ErrorId::io, fmt::format("cannot examine {}: {}", printable(path), reason(errno)));
  }
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorId::not_regular, fmt::format("{} is not a regular file", printable(path)));
  }
  MappedFile file;
  file.path_ = std::move(path);
  if (status.st_size == 0) return file;  // mmap refuses an empty range
  void* data =
      mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (data == MAP_FAILED) {
    return fail(ErrorId::io,
                fmt::format("cannot map {}: {}", printable(file.path_), reason(errno)));
  }
  file.data_ = static_cast<const std::byte*>(data);
  file.size_ = static_cast<size_t>(status.st_size);
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      path_(std::move(other.path_)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_) munmap(const_cast<std::byte*>(data_), size_);
}

Result<Folder> Folder::open(const std::string& path) {
  TRY(check_path(path));
  const int descriptor = open_retrying(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) {
      return fail(ErrorId::not_found, fmt::format("there is no folder {}", printable(path)));
    }
    return fail(ErrorId::io,
                fmt::format("cannot open the folder {}: {}", printable(path), reason(error)));
  }
  Folder folder;
  folder.descriptor_ = descriptor;
  folder.path_ = path;
  return folder;
}

Result<Folder> Folder::holding(const std::string& file) {
  const size_t slash = file.rfind('/');
  if (slash == std::string::npos) return open(".");
  return open(slash == 0 ? "/" : file.substr(0, slash));
}

Folder::Folder(Folder&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

Folder& Folder::operator=(Folder&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

Folder::~Folder() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<MappedFile> Folder::map(const std::string& relative, Links links) const {
  const int descriptor = links == Links::follow ? open_following(descriptor_, relative)
                                                : open_beneath(descriptor_, relative);
  if (descriptor < 0) {
    const int number = errno;
    Error error = open_error(number, relative);
    if (number == ELOOP && links == Links::refuse)
      error.hint = "put the file in the place of the link, or follow links with --follow-links";
    return error;
  }
  struct stat status;
  // A hard link gives a file outside the folder a name inside it.
  if (fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink > 1) {
    close(descriptor);
    return fail(ErrorId::outside_folder,
                fmt::format("{} has {} hard links, so it may be a file of another folder",
                            printable(relative), status.st_nlink));
  }
  return MappedFile::map(descriptor, path_ + "/" + relative);
}

}  // namespace hone
