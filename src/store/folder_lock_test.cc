// Tests of locks between processes, against processes that do not let go of them.
#include "store/folder_lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/scratch_folder.h"
#include "store/cache.h"

namespace hone {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kShort{150};
constexpr milliseconds kLong{60'000};  // in which a test ends, whatever else the machine does

// A process that holds the lock from its construction until `held` is over, or for ever.
class Holder {
 public:
  explicit Holder(const std::string& path, milliseconds held = milliseconds(-1)) {
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    child_ = fork();
    EXPECT_GE(child_, 0);
    if (child_ == 0) {
      const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      const bool locked = flock(file, LOCK_EX) == 0;
      if (!locked || write(ready[1], "", 1) != 1) _exit(1);
      if (held.count() < 0) pause();
      usleep(static_cast<useconds_t>(held.count() * 1000));
      _exit(0);
    }
    char byte = 1;
    EXPECT_EQ(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() { end(); }

  void end() {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    child_ = 0;
  }

 private:
  pid_t child_ = 0;
};

TEST(FolderLock, WaitsForWhoLetsGo) {
  const ScratchFolder folder;
  const Holder holder(folder / "lock", kShort);
  EXPECT_TRUE(FolderLock::take(folder / "lock", kLong).ok());
}

TEST(FolderLock, GivesUpOnWhoDoesNot) {
  const ScratchFolder folder;
  Holder holder(folder / "lock");
  const auto begin = Clock::now();
  const auto lock = FolderLock::take(folder / "lock", kShort);
  EXPECT_GE(Clock::now() - begin, kShort);
  EXPECT_LT(Clock::now() - begin, kLong);
  ASSERT_FALSE(lock.ok());
  EXPECT_EQ(lock.error().id, ErrorId::over_time);
  EXPECT_NE(lock.error().message.find(folder / "lock"), std::string::npos);
  holder.end();  // and with it its lock
  EXPECT_TRUE(FolderLock::take(folder / "lock", kLong).ok());
}

TEST(FolderLock, NothingIsHeldWhereNoFileCanBe) {
  const ScratchFolder folder;
  EXPECT_TRUE(FolderLock::take(folder / "none/lock", kShort).ok());
}

TEST(FolderLock, AStuckMeasurementKeepsNobodyFromTheCache) {
  const ScratchFolder folder;
  const auto cache = Cache::open(folder / "cache", 1000, 1, kShort).take();
  Holder holder(folder / "cache/measuring");
  bool called = false;
  const Status alone = cache->alone([&] { called = true; });
  EXPECT_FALSE(called);
  ASSERT_FALSE(alone.ok());
  EXPECT_EQ(alone.error().id, ErrorId::over_time);
  EXPECT_TRUE(cache->remember("m", "q", "1", false).ok());
  holder.end();
  EXPECT_TRUE(cache->alone([&] { called = true; }).ok());
  EXPECT_TRUE(called);
}

// Who repairs the index, and does not come to the end of it.
TEST(FolderLock, ADamagedIndexIsGivenUpOnce) {
  const ScratchFolder folder;
  ASSERT_TRUE(Cache::open(folder / "cache", 1000).take()->remember("m", "q", "1", false).ok());
  std::string index = folder.read("cache/index-2.db");
  std::fill(index.begin() + 4096, index.end(), 'x');
  folder.write("cache/index-2.db", index);
  const Holder holder(folder / "cache/lock");
  const auto cache = Cache::open(folder / "cache", 1000, 1, kShort).take();
  for (int i = 0; i < 20; ++i) {
    const auto kept = cache->remember("m", "q", "1", false);
    ASSERT_FALSE(kept.ok());
    EXPECT_EQ(kept.error().id, ErrorId::over_time);
  }
  const auto begin = Clock::now();
  EXPECT_FALSE(cache->statistics().ok());
  EXPECT_LT(Clock::now() - begin, kShort);
  folder.write("cache/index-2.db", std::string(5000, 'x'));
  const auto other = Cache::open(folder / "cache", 1000, 1, kShort);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().id, ErrorId::over_time);
}

}  // namespace
}  // namespace hone
