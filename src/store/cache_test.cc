#include "store/cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "base/atomic_file.h"
#include "base/scratch_folder.h"

namespace hone {
namespace {

constexpr uint64_t kRoom = 1000;

std::unique_ptr<Cache> opened(const ScratchFolder& folder, uint64_t max_bytes = kRoom) {
  auto cache = Cache::open(folder / "cache", max_bytes);
  EXPECT_TRUE(cache.ok()) << describe(cache.error());
  return cache.take();
}

std::string content(char c, size_t size = 400) { return std::string(size, c); }

Cache::Writer writer(std::string text) {
  return [text = std::move(text)](const std::string& file) { return write_file(file, text); };
}

void put(Cache& cache, const ScratchFolder& folder, std::string_view key, const std::string& text) {
  const Status done = cache.make(key, folder / "made", writer(text));
  ASSERT_TRUE(done.ok()) << describe(done.error());
  EXPECT_EQ(folder.read("made"), text);
}

// What the cache gives for the key; "-" for nothing.
std::string got(Cache& cache, const ScratchFolder& folder, std::string_view key) {
  unlink((folder / "out").c_str());
  const auto found = cache.get(key, folder / "out");
  EXPECT_TRUE(found.ok()) << describe(found.error());
  const bool written = std::filesystem::exists(folder / "out");
  EXPECT_EQ(written, found.ok() && *found);
  return written ? folder.read("out") : "-";
}

TEST(Cache, GivesWhatWasPut) {
  const ScratchFolder folder;
  const auto cache = opened(folder);
  EXPECT_EQ(got(*cache, folder, "aa"), "-");
  put(*cache, folder, "aa", content('a'));
  EXPECT_EQ(got(*cache, folder, "aa"), content('a'));
  put(*cache, folder, "aa", content('b'));
  EXPECT_EQ(got(*cache, folder, "aa"), content('b'));
  const auto again = opened(folder);
  EXPECT_EQ(got(*again, folder, "aa"), content('b'));
  const auto statistics = again->statistics();
  ASSERT_TRUE(statistics.ok());
  EXPECT_EQ(statistics->files, 1u);
  EXPECT_EQ(statistics->bytes, 400u);
  EXPECT_EQ(statistics->hits, 3u);
  EXPECT_EQ(statistics->misses, 1u);
}

TEST(Cache, WhatWasNotUsedForLongestGoes) {
  const ScratchFolder folder;
  const auto cache = opened(folder);
  put(*cache, folder, "aa", content('a'));
  put(*cache, folder, "bb", content('b'));
  EXPECT_EQ(got(*cache, folder, "aa"), content('a'));
  put(*cache, folder, "cc", content('c'));
  EXPECT_EQ(got(*cache, folder, "bb"), "-");
  EXPECT_EQ(got(*cache, folder, "aa"), content('a'));
  EXPECT_EQ(got(*cache, folder, "cc"), content('c'));
  EXPECT_FALSE(std::filesystem::exists(folder / "cache/objects/bb"));
  put(*cache, folder, "dd", content('d', kRoom + 1));
  EXPECT_EQ(got(*cache, folder, "dd"), "-");
  EXPECT_EQ(got(*cache, folder, "aa"), content('a'));
}

TEST(Cache, DamageIsAMiss) {
  const ScratchFolder folder;
  const auto cache = opened(folder);
  for (const std::string& damaged : {content('b'), content('a', 399), std::string()}) {
    put(*cache, folder, "aa", content('a'));
    folder.write("cache/objects/aa", damaged);
    EXPECT_EQ(got(*cache, folder, "aa"), "-");
    EXPECT_FALSE(std::filesystem::exists(folder / "cache/objects/aa"));
  }
  put(*cache, folder, "aa", content('a'));
  std::filesystem::remove(folder / "cache/objects/aa");
  EXPECT_EQ(got(*cache, folder, "aa"), "-");
  EXPECT_EQ(cache->statistics()->files, 0u);
}

TEST(Cache, ADamagedIndexIsBegunAnew) {
  const ScratchFolder folder;
  put(*opened(folder), folder, "aa", content('a'));
  folder.write("cache/index-2.db", content('x', 5000));
  const auto cache = opened(folder);
  EXPECT_EQ(got(*cache, folder, "aa"), "-");
  put(*cache, folder, "aa", content('b'));
  EXPECT_EQ(got(*cache, folder, "aa"), content('b'));
}

// Behind a head that is whole.
TEST(Cache, DamageInsideTheIndexIsFoundWhenItIsUsed) {
  const ScratchFolder folder;
  for (const bool clear : {false, true}) {
    put(*opened(folder), folder, "aa", content('a'));
    std::string index = folder.read("cache/index-2.db");
    std::fill(index.begin() + 4096, index.end(), 'x');
    folder.write("cache/index-2.db", index);
    const auto cache = opened(folder);
    if (clear) {
      EXPECT_TRUE(cache->clear().ok());
    }
    EXPECT_EQ(got(*cache, folder, "aa"), "-");
    EXPECT_FALSE(std::filesystem::exists(folder / "cache/objects/aa"));
    put(*cache, folder, "aa", content('b'));
    EXPECT_EQ(got(*cache, folder, "aa"), content('b'));
  }
}

TEST(Cache, MayLieBehindALink) {
  const ScratchFolder folder;
  std::filesystem::create_directory(folder / "real");
  std::filesystem::create_symlink(folder / "real", folder / "cache");
  const auto cache = opened(folder);
  put(*cache, folder, "aa", content('a'));
  EXPECT_EQ(got(*cache, folder, "aa"), content('a'));
}

TEST(Cache, WhatCannotBeMadeIsAnErrorAndLeavesNothing) {
  const ScratchFolder folder;
  const auto cache = opened(folder);
  const Status done = cache->make("aa", folder / "made", [](const std::string& file) -> Status {
    TRY(write_file(file, "half"));
    return fail(ErrorId::shape_mismatch, "it is wrong");
  });
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().id, ErrorId::shape_mismatch);
  EXPECT_EQ(got(*cache, folder, "aa"), "-");
  EXPECT_TRUE(std::filesystem::is_empty(folder / "cache/objects"));
  EXPECT_FALSE(std::filesystem::exists(folder / "made"));
}

TEST(Cache, AFolderThatTakesNothingIsDoneWithout) {
  const ScratchFolder folder;
  const auto cache = opened(folder);
  std::filesystem::remove_all(folder / "cache/objects");
  put(*cache, folder, "aa", content('a'));
  EXPECT_EQ(got(*cache, folder, "aa"), "-");
}

TEST(Cache, Clears) {
  const ScratchFolder folder;
  const auto cache = opened(folder);
  put(*cache, folder, "aa", content('a'));
  folder.write("cache/objects/ee", "of no index");
  folder.write("cache/objects/not a key", "of somebody else");
  const auto cleared = cache->clear();
  ASSERT_TRUE(cleared.ok()) << describe(cleared.error());
  EXPECT_EQ(cleared->files, 1u);
  EXPECT_EQ(cleared->bytes, 400u);
  EXPECT_EQ(got(*cache, folder, "aa"), "-");
  EXPECT_FALSE(std::filesystem::exists(folder / "cache/objects/ee"));
  EXPECT_TRUE(std::filesystem::exists(folder / "cache/objects/not a key"));
}

TEST(Cache, KeysStayInTheFolder) {
  const ScratchFolder folder;
  const auto cache = opened(folder);
  for (const char* key : {"", "../aa", "a/b", "AA", "."}) {
    EXPECT_FALSE(cache->make(key, folder / "out", writer("x")).ok()) << key;
    EXPECT_FALSE(cache->get(key, folder / "out").ok()) << key;
  }
}

std::string told(Cache& cache, std::string_view machine, std::string_view question) {
  const auto found = cache.remembered(machine, question);
  EXPECT_TRUE(found.ok());
  return found.ok() && *found ? **found : "-";
}

TEST(Cache, RemembersWhatWasToldFirst) {
  const ScratchFolder folder;
  const auto cache = opened(folder);
  EXPECT_EQ(told(*cache, "m", "q"), "-");
  EXPECT_EQ(*cache->remember("m", "q", "1", false), "1");
  EXPECT_EQ(*cache->remember("m", "q", "2", false), "1");
  EXPECT_EQ(*cache->remember("n", "q", "3", false), "3");
  EXPECT_EQ(told(*opened(folder), "m", "q"), "1");
  EXPECT_EQ(*cache->remember("m", "q", "4", true), "4");
  EXPECT_EQ(told(*cache, "m", "q"), "4");
  EXPECT_EQ(told(*cache, "n", "q"), "3");
  EXPECT_EQ(cache->statistics()->measurements, 2u);
  EXPECT_EQ(cache->clear()->measurements, 2u);
  EXPECT_EQ(told(*cache, "m", "q"), "-");
}

TEST(Cache, ExistsOnceItWasOpened) {
  const ScratchFolder folder;
  EXPECT_FALSE(Cache::exists(folder / "cache"));
  opened(folder);
  EXPECT_TRUE(Cache::exists(folder / "cache"));
}

TEST(Cache, MeasurementsSurviveADamagedIndexAsNothing) {
  const ScratchFolder folder;
  EXPECT_EQ(*opened(folder)->remember("m", "q", "1", false), "1");
  folder.write("cache/index-2.db", content('x', 5000));
  const auto cache = opened(folder);
  EXPECT_EQ(told(*cache, "m", "q"), "-");
  EXPECT_EQ(*cache->remember("m", "q", "2", false), "2");
}

// All of them get the same answer, whoever was first; and measure one at a time.
TEST(Cache, ManyProcessesRememberTheSame) {
  const ScratchFolder folder;
  opened(folder);
  std::vector<pid_t> children;
  for (int p = 0; p < 4; ++p) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const auto cache = Cache::open(folder / "cache", kRoom);
      bool good = cache.ok();
      for (int i = 0; good && i < 10; ++i) {
        const std::string question = "q" + std::to_string(i), own = std::to_string(p);
        const Status alone = (*cache)->alone([&] {
          const std::string path = folder / "inside";
          good = mkdir(path.c_str(), 0700) == 0;  // nobody else is here
          usleep(500);
          good = rmdir(path.c_str()) == 0 && good;
        });
        const auto kept = (*cache)->remember("m", question, own, false);
        const auto again = (*cache)->remembered("m", question);
        good = good && alone.ok() && kept.ok() && again.ok() && *again && **again == *kept;
      }
      _exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(opened(folder)->statistics()->measurements, 10u);
}

// Every process finds either nothing or a whole file, whatever the others put and drop.
TEST(Cache, ManyProcesses) {
  const ScratchFolder folder;
  constexpr int kProcesses = 4, kRounds = 10;
  put(*opened(folder), folder, "00", content('0'));
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const auto cache = Cache::open(folder / "cache", kRoom);
      bool good = cache.ok();
      for (int i = 0; good && i < kRounds; ++i) {
        const std::string key = "0" + std::to_string((p + i) % 5), name = std::to_string(p);
        good = (*cache)->make(key, folder / ("made" + name), writer(content(key[1]))).ok();
        const std::string other = "0" + std::to_string(i % 5), out = "out" + name;
        const auto found = (*cache)->get(other, folder / out);
        good = good && found.ok() && (!*found || folder.read(out) == content(other[1]));
      }
      _exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
  }
  const auto statistics = opened(folder)->statistics();
  ASSERT_TRUE(statistics.ok());
  EXPECT_LE(statistics->bytes, kRoom);
}

TEST(Cache, ManyThreads) {
  const ScratchFolder folder;
  const auto cache = opened(folder, 1 << 20);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string name = std::to_string(t), key = "0" + name;
      for (int i = 0; i < 10; ++i) {
        if (!cache->make(key, folder / ("made" + name), writer(content(key[1]))).ok()) ++wrong;
        const auto found = cache->get(key, folder / ("out" + name));
        if (!found.ok() || !*found || folder.read("out" + name) != content(key[1])) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace hone
