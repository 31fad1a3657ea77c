// openat2 with RESOLVE_BENEATH and without links, and the same by hand for older kernels.
#include "base/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string_view>

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

}  // namespace

int open_beneath(int folder, const std::string& relative) {
  if (const int error = lexical_error(relative)) {
    errno = error;
    return -1;
  }
  open_how how{};
  how.flags = static_cast<uint64_t>(kFlags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  long descriptor;
  do {
    descriptor = syscall(SYS_openat2, folder, relative.c_str(), &how, sizeof how);
  } while (descriptor < 0 && errno == EINTR);
  // Old container runtimes answer EPERM for system calls they do not know.
  if (descriptor < 0 && (errno == ENOSYS || errno == EPERM)) {
    return open_beneath_stepwise(folder, relative);
  }
  return static_cast<int>(descriptor);
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
