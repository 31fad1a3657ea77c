// Temporary file, fsync, link or rename, fsync of the folder.
#include "base/atomic_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <system_error>
#include <utility>

#include "base/pages.h"
#include "base/text.h"

namespace hone {
namespace {

// What goes to the system in one call: file systems with large folios keep it in one, so that who
// maps the file gets huge pages.
constexpr size_t kBlock = kHugePage;

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

constexpr std::string_view kPrefix = ".hone-", kSuffix = ".tmp";
constexpr size_t kRandomDigits = 16;

bool is_temporary(std::string_view name) {
  return name.size() == kPrefix.size() + kRandomDigits + kSuffix.size() &&
         name.starts_with(kPrefix) && name.ends_with(kSuffix);
}

// A fresh name in the folder of `path`; "" without random numbers.
std::string temporary_for(const std::string& path) {
  uint64_t random = 0;
  if (getrandom(&random, sizeof random, 0) != sizeof random) return "";
  return fmt::format("{}{}{}{:016x}{}", folder_of(path),
                     path.find('/') == std::string::npos ? "/" : "", kPrefix, random, kSuffix);
}

// Removes what processes that died have left in the folder. A lock tells files that are being
// written; the age spares one that is not locked yet.
void sweep_temporaries(const std::string& folder) {
  constexpr time_t kDay = time_t{24} * 60 * 60;
  DIR* entries = opendir(folder.c_str());
  if (entries == nullptr) return;
  const int at = dirfd(entries);
  while (const dirent* entry = readdir(entries)) {
    if (!is_temporary(entry->d_name)) continue;
    const int file =
        openat(at, entry->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (file < 0) continue;
    struct stat status;
    if (fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
        status.st_mtime < std::time(nullptr) - kDay && flock(file, LOCK_EX | LOCK_NB) == 0) {
      unlinkat(at, entry->d_name, 0);
    }
    close(file);
  }
  closedir(entries);
}

}  // namespace

// Checks the place; opens nothing yet.
Result<AtomicFile> AtomicFile::for_path(const std::string& path) {
  if (path.empty() || path.back() == '/' || path.find('\0') != std::string::npos) {
    return fail(ErrorId::io, fmt::format("\"{}\" is not the name of a file", printable(path)));
  }
  AtomicFile file;
  file.path_ = TRY(behind_links(path));
  struct stat status;
  if (stat(file.path_.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    return fail(ErrorId::not_regular,
                fmt::format("{} exists and is not a regular file", printable(path)));
  }
  return file;
}

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  AtomicFile file = TRY(for_path(path));
  // The name is given through /proc; without it the file would be lost.
  if (access("/proc/self/fd", X_OK) == 0) {
    file.descriptor_ = open(folder_of(file.path_).c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
  }
  if (file.descriptor_ < 0) TRY(file.open_named());
  return file;
}

Result<AtomicFile> AtomicFile::create_named(const std::string& path) {
  AtomicFile file = TRY(for_path(path));
  TRY(file.open_named());
  return file;
}

Status AtomicFile::open_named() {
  sweep_temporaries(folder_of(path_));
  for (int attempt = 0; attempt < 100 && descriptor_ < 0; ++attempt) {
    temporary_ = temporary_for(path_);
    if (temporary_.empty()) continue;
    descriptor_ =
        open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (descriptor_ < 0 && errno != EEXIST && errno != EINTR) {
      return write_error(errno, "create", path_);
    }
  }
  if (descriptor_ < 0) return write_error(EEXIST, "create", path_);
  [[maybe_unused]] const int ignored = flock(descriptor_, LOCK_EX | LOCK_NB);
  return ok();
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
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

Status AtomicFile::put(std::span<const std::byte> data) {
  size_t here = 0;  // a call that finds a page of a mapped file missing writes what is before it
  while (!data.empty()) {
    if (here == 0) {
      here = std::min(data.size(), kBlock);
      bring_in(data.first(here));
    }
    const ssize_t wrote = ::write(descriptor_, data.data(), here);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      const int error = errno;
      discard();  // free the space at once: the caller may want to write a report
      return write_error(error, "write", path_);
    }
    data = data.subspan(static_cast<size_t>(wrote));
    here -= static_cast<size_t>(wrote);
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
  while (!data.empty()) {
    const size_t begun = size_ % kBlock;
    size_t count = std::min(data.size(), kBlock - begun);
    if (begun == 0 && data.size() >= kBlock) {
      count = data.size() / kBlock * kBlock;
      TRY(put(data.first(count)));
    } else {
      buffer_.append(reinterpret_cast<const char*>(data.data()), count);
      if (begun + count == kBlock) TRY(flush());
    }
    size_ += count;
    data = data.subspan(count);
  }
  return ok();
}

Status AtomicFile::copy(int descriptor, std::span<const std::byte> data) {
  if (descriptor_ >= 0 && size_ == 0 && ioctl(descriptor_, FICLONE, descriptor) == 0) {
    size_ = data.size();
    return ok();
  }
  return write(data);
}

Status AtomicFile::begin_settling() {
  if (descriptor_ < 0) return fail(ErrorId::io, fmt::format("{} is closed", printable(path_)));
  TRY(flush());
  [[maybe_unused]] const int ignored =
      sync_file_range(descriptor_, 0, 0, SYNC_FILE_RANGE_WRITE);  // settle() says what is wrong
  return ok();
}

// A file can be linked to a new name only: one that replaces another is linked to a temporary name
// and renamed.
bool AtomicFile::take_place() {
  struct stat status;
  const bool replaces = stat(path_.c_str(), &status) == 0;
  if (replaces) {  // its permissions are kept where the system lets us
    [[maybe_unused]] const int ignored = fchmod(descriptor_, status.st_mode & 0777);
    if (temporary_.empty()) sweep_temporaries(folder_of(path_));
  }
  const std::string self = fmt::format("/proc/self/fd/{}", descriptor_);
  const auto link_to = [&](const std::string& name) {
    return linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0;
  };
  if (temporary_.empty()) {
    if (!replaces && link_to(path_)) return true;
    if (!replaces && errno != EEXIST) return false;
    for (int attempt = 0; attempt < 100; ++attempt) {
      std::string name = temporary_for(path_);
      if (!name.empty() && link_to(name)) {
        temporary_ = std::move(name);
        break;
      }
      if (errno != EEXIST && errno != EINTR) return false;
    }
  }
  return rename(temporary_.c_str(), path_.c_str()) == 0;
}

Status AtomicFile::settle() {
  if (descriptor_ < 0) return fail(ErrorId::io, fmt::format("{} is closed", printable(path_)));
  TRY(flush());
  if (fsync(descriptor_) == 0) return ok();
  const int error = errno;
  discard();
  return write_error(error, "write", path_);
}

Status AtomicFile::commit() {
  TRY(settle());
  if (!take_place()) {
    const int error = errno;
    discard();
    return write_error(error, "write", path_);
  }
  close(std::exchange(descriptor_, -1));
  // The name is durable only once the folder is. Some file systems cannot sync folders; then the
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
