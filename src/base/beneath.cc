// openat2 with RESOLVE_BENEATH and without links, and the same by hand for older kernels.
#include "base/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace hone {
namespace {

constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

// The rules that hold for both ways, so that a path is judged alike on every kernel. ".." is
// refused even where it would stay inside: the stepwise way cannot check it without a race.
int lexical_error(std::string_view path) {
  if (path.empty() || path.find('\0') != std::string_view::npos) return EINVAL;
  if (path.front() == '/') return EXDEV;
  for (size_t begin = 0; begin <= path.size();) {
    size_t end = path.find('/', begin);
    if (end == std::string_view::npos) end = path.size();
    if (path.substr(begin, end - begin) == "..") return EXDEV;
    begin = end + 1;
  }
  return 0;
}

int open_retrying(int folder, const char* name, int flags) {
  int descriptor;
  do {
    descriptor = openat(folder, name, flags);
  } while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

// openat2, or one component after the other where the kernel lacks it.
int open_resolving(int folder, const std::string& relative, uint64_t resolve) {
  if (const int error = lexical_error(relative)) {
    errno = error;
    return -1;
  }
  open_how how{};
  how.flags = static_cast<uint64_t>(kFlags);
  how.resolve = resolve;
  long descriptor;
  int races = 0;  // EAGAIN: a ".." in a link while something was renamed
  do {
    descriptor = syscall(SYS_openat2, folder, relative.c_str(), &how, sizeof how);
  } while (descriptor < 0 && (errno == EINTR || (errno == EAGAIN && ++races < 100)));
  // Old container runtimes answer EPERM for system calls they do not know.
  if (descriptor < 0 && (errno == ENOSYS || errno == EPERM)) {
    return open_beneath_stepwise(folder, relative);
  }
  return static_cast<int>(descriptor);
}

std::optional<std::string> target_of(int folder, const std::string& link) {
  std::string target(PATH_MAX, '\0');
  const ssize_t length = readlinkat(folder, link.c_str(), target.data(), target.size());
  if (length <= 0 || static_cast<size_t>(length) == target.size()) return std::nullopt;
  target.resize(static_cast<size_t>(length));
  return target;
}

// Components of a path without "." and with ".." applied; those that lead upwards remain in front.
std::vector<std::string_view> normalized(std::string_view path) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    begin = end + 1;
    if (part == ".." && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
  }
  return parts;
}

// How many levels above the folder the root of its cache is; none outside ROOT/snapshots/REVISION.
std::optional<size_t> levels_to_cache(int folder) {
  const auto place = target_of(AT_FDCWD, "/proc/self/fd/" + std::to_string(folder));
  if (!place || place->front() != '/') return std::nullopt;
  const auto parts = normalized(*place);
  for (size_t i = parts.size(); i-- > 0;) {
    if (parts[i] == "snapshots" && i + 1 < parts.size()) return parts.size() - i;
  }
  return std::nullopt;
}

// The file that a link of the cache names. Only its name is taken from the link, so that a link
// which changes meanwhile gains nothing.
int open_blob(int folder, const std::string& relative) {
  const auto levels = levels_to_cache(folder);
  const auto target = target_of(folder, relative);
  const std::string whole =
      target ? relative.substr(0, relative.rfind('/') + 1) + *target : std::string();
  const auto parts = normalized(whole);
  bool fits = levels && target && target->front() != '/' && parts.size() == *levels + 2 &&
              parts[*levels] == "blobs" && parts.back() != "..";
  for (size_t i = 0; fits && i < *levels; ++i) fits = parts[i] == "..";
  if (!fits) {
    errno = EXDEV;
    return -1;
  }
  std::string up;
  for (size_t i = 0; i < *levels; ++i) up += "../";
  const int blobs =
      open_retrying(folder, (up + "blobs").c_str(), O_PATH | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW);
  if (blobs < 0) return -1;
  const int descriptor = open_beneath(blobs, std::string(parts.back()));
  const int error = errno;
  close(blobs);
  errno = error;
  return descriptor;
}

}  // namespace

int open_beneath(int folder, const std::string& relative) {
  return open_resolving(folder, relative,
                        RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

int open_following(int folder, const std::string& relative) {
  const int descriptor = open_resolving(folder, relative, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
  if (descriptor >= 0 || errno != EXDEV || lexical_error(relative) != 0) return descriptor;
  return open_blob(folder, relative);
}

int open_beneath_stepwise(int folder, const std::string& relative) {
  if (const int error = lexical_error(relative)) {
    errno = error;
    return -1;
  }
  int at = folder;  // owned by us once it differs from `folder`
  for (size_t begin = 0; begin <= relative.size();) {
    size_t end = relative.find('/', begin);
    const bool last = end == std::string::npos;
    if (last) end = relative.size();
    // "sub/" ends in an empty component: it names the folder itself, which the caller refuses.
    const std::string component(end == begin ? "." : relative.substr(begin, end - begin));
    begin = end + 1;
    // O_NOFOLLOW with O_DIRECTORY says ENOTDIR for a link; ask again to tell it from a file.
    const int next =
        open_retrying(at, component.c_str(),
                      last ? kFlags | O_NOFOLLOW : O_PATH | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW);
    int error = errno;
    if (next < 0 && error == ENOTDIR) {
      char target;
      if (readlinkat(at, component.c_str(), &target, 1) >= 0) error = ELOOP;
    }
    if (at != folder) close(at);
    if (next < 0) {
      errno = error;
      return -1;
    }
    if (last) return next;
    at = next;
  }
  if (at != folder) close(at);
  errno = EINVAL;
  return -1;
}

}  // namespace hone
