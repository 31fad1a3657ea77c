#include "store/folder_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace hone {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLong{2000};   // after which the user is told
constexpr milliseconds kOften{50};    // at least
constexpr milliseconds kFirstNap{1};  // most locks are short

Error gave_up(const std::string& path, milliseconds patience) {
  Error error =
      fail(ErrorId::over_time, fmt::format("another process has held '{}' for more than {:.3g} s",
                                           printable(path), double(patience.count()) / 1000));
  error.hint = "`fuser` names the process that has the file open; end it if it is stuck";
  return error;
}

}  // namespace

// The system has no lock that is waited for until a deadline: it is asked again and again.
Result<FolderLock> FolderLock::take(const std::string& path, milliseconds patience) {
  FolderLock lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const auto begin = Clock::now();
  bool told = false;
  for (milliseconds nap = kFirstNap; lock.descriptor_ >= 0; nap = std::min(2 * nap, kOften)) {
    if (flock(lock.descriptor_, LOCK_EX | LOCK_NB) == 0) break;
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) break;  // a file system without locks
    const auto waited = Clock::now() - begin;
    if (waited >= patience) return gave_up(path, patience);
    if (waited >= kLong && !std::exchange(told, true))
      LOG(note, "waiting for another process that uses the cache", {{"lock", path}});
    std::this_thread::sleep_for(nap);
  }
  return lock;
}

FolderLock::FolderLock(FolderLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace hone
