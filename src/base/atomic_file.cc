// Temporary file, fsync, rename, fsync of the folder.
#include "base/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/text.h"

namespace hone {
namespace {

constexpr size_t kBuffer = 64 << 10;

Error write_error(int error, std::string_view what, const std::string& path) {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  const ErrorId id = full                                  ? ErrorId::disk_full
                     : error == ENOENT || error == ENOTDIR ? ErrorId::not_found
                                                           : ErrorId::io;
  return fail(id, fmt::format("cannot {} {}: {}", what, printable(path),
                              std::generic_category().message(error)));
}

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string(".") : path.substr(0, slash + 1);
}

// The file that `path` names behind any links.
Result<std::string> behind_links(const std::string& path) {
  struct stat status;
  if (lstat(path.c_str(), &status) != 0 || !S_ISLNK(status.st_mode)) return path;
  char* real = realpath(path.c_str(), nullptr);
  if (real == nullptr) return write_error(errno, "follow the link", path);
  std::string target = real;
  std::free(real);
  return target;
}

}  // namespace

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  if (path.empty() || path.back() == '/' || path.find('\0') != std::string::npos) {
    return fail(ErrorId::io, fmt::format("\"{}\" is not the name of a file", printable(path)));
  }
  AtomicFile file;
  file.path_ = TRY(behind_links(path));
  struct stat status;
  const bool exists = stat(file.path_.c_str(), &status) == 0;
  if (exists && !S_ISREG(status.st_mode)) {
    return fail(ErrorId::not_regular,
                fmt::format("{} exists and is not a regular file", printable(path)));
  }
  for (int attempt = 0; attempt < 100 && file.descriptor_ < 0; ++attempt) {
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random) continue;
    file.temporary_ = fmt::format("{}{}.hone-{:016x}.tmp", folder_of(file.path_),
                                  file.path_.find('/') == std::string::npos ? "/" : "", random);
    file.descriptor_ =
        open(file.temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (file.descriptor_ < 0 && errno != EEXIST && errno != EINTR) {
      return write_error(errno, "create", path);
    }
  }
  if (file.descriptor_ < 0) return write_error(EEXIST, "create", path);
  if (exists) {  // a file that is replaced keeps its permissions where the system lets it
    [[maybe_unused]] const int ignored = fchmod(file.descriptor_, status.st_mode & 0777);
  }
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      buffer_(std::move(other.buffer_)),
      size_(other.size_) {}

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  std::swap(temporary_, other.temporary_);
  std::swap(buffer_, other.buffer_);
  std::swap(size_, other.size_);
  return *this;
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() {
  if (descriptor_ < 0) return;
  close(std::exchange(descriptor_, -1));
  unlink(temporary_.c_str());
}

Status AtomicFile::put(std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t wrote = ::write(descriptor_, data.data(), std::min<size_t>(data.size(), 1 << 30));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      const int error = errno;
      discard();  // free the space at once: the caller may want to write a report
      return write_error(error, "write", path_);
    }
    data = data.subspan(static_cast<size_t>(wrote));
  }
  return ok();
}

Status AtomicFile::flush() {
  const Status status = put(std::as_bytes(std::span(buffer_)));
  buffer_.clear();
  return status;
}

Status AtomicFile::write(std::span<const std::byte> data) {
  if (descriptor_ < 0) return fail(ErrorId::io, fmt::format("{} is closed", printable(path_)));
  if (data.size() > kBuffer - buffer_.size()) TRY(flush());
  if (data.size() >= kBuffer) {
    TRY(put(data));
  } else {
    buffer_.append(reinterpret_cast<const char*>(data.data()), data.size());
  }
  size_ += data.size();
  return ok();
}

Status AtomicFile::commit() {
  if (descriptor_ < 0) return fail(ErrorId::io, fmt::format("{} is closed", printable(path_)));
  TRY(flush());
  if (fsync(descriptor_) != 0 || rename(temporary_.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    discard();
    return write_error(error, "write", path_);
  }
  close(std::exchange(descriptor_, -1));
  // The rename is durable only once the folder is. Some file systems cannot sync folders; then the
  // content is whole all the same.
  const int folder = open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    [[maybe_unused]] const int ignored = fsync(folder);
    close(folder);
  }
  return ok();
}

Status write_file(const std::string& path, std::string_view text) {
  AtomicFile file = TRY(AtomicFile::create(path));
  TRY(file.write(text));
  return file.commit();
}

}  // namespace hone
