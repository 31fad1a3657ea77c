// Tests of hashes and of atomic file writing.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <unordered_map>

#include "base/atomic_file.h"
#include "base/hash.h"
#include "base/mapped_file.h"
#include "base/scratch_folder.h"

namespace hone {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

TEST(Sha256, KnownAnswers) {  // FIPS 180-4 examples
  EXPECT_EQ(sha256_hex({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex(bytes_of("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, StreamEqualsOneCallAndStartsAnew) {
  const std::string text(1000, 'x');
  Sha256 hash;
  for (int round = 0; round < 2; ++round) {
    for (size_t at = 0; at < text.size(); at += 37) hash.update(text.substr(at, 37));
    EXPECT_EQ(hex(hash.finish()), sha256_hex(bytes_of(text)));
  }
}

TEST(SipHash, KnownAnswers) {  // CPython 3.11 hashes bytes so when PYTHONHASHSEED is 0
  EXPECT_EQ(sip_hash("a", 0, 0), 4644417185603328019u);
  EXPECT_EQ(sip_hash("abcdefg", 0, 0), 7904145750247929094u);
  EXPECT_EQ(sip_hash("abcdefgh", 0, 0), 4574395652268504554u);
  EXPECT_EQ(sip_hash("abcdefghiabcdefghiabcdefghiabcdefghiabcdefghi", 0, 0), 12515266412300717968u);
}

TEST(SipHash, SeparatesKeysLengthsAndContents) {
  EXPECT_EQ(sip_hash("weight", 1, 2), sip_hash("weight", 1, 2));
  EXPECT_NE(sip_hash("weight", 1, 2), sip_hash("weight", 1, 3));
  EXPECT_NE(sip_hash("weight", 1, 2), sip_hash("weighs", 1, 2));
  std::unordered_map<uint64_t, size_t> seen;
  for (size_t length = 0; length < 100; ++length) {
    EXPECT_TRUE(seen.emplace(sip_hash(std::string(length, '\0'), 7, 9), length).second);
  }
}

TEST(SeededHash, FindsByViewWithoutAString) {
  std::unordered_map<std::string, int, SeededHash, std::equal_to<>> map;
  for (int i = 0; i < 1000; ++i) map["name" + std::to_string(i)] = i;
  EXPECT_EQ(map.find(std::string_view("name500"))->second, 500);
  EXPECT_EQ(map.find(std::string_view("name1000")), map.end());
}

// Both ways of writing: without a name, and for file systems that cannot do that.
class AtomicFileWays : public testing::TestWithParam<Result<AtomicFile> (*)(const std::string&)> {};
INSTANTIATE_TEST_SUITE_P(All, AtomicFileWays,
                         testing::Values(&AtomicFile::create, &AtomicFile::create_named));

TEST_P(AtomicFileWays, CommitsTheWholeContent) {
  ScratchFolder folder;
  auto created = GetParam()(folder / "out.bin");
  ASSERT_TRUE(created);
  AtomicFile file = created.take();
  std::string expected;
  constexpr size_t kBlock = size_t{2} << 20;  // of one call to the system
  for (const size_t size : {size_t{1}, size_t{100}, size_t{65536}, size_t{0}, kBlock - 1, kBlock,
                            3 * kBlock + 7, size_t{3}}) {
    if (size == kBlock) {
      ASSERT_TRUE(file.begin_settling());  // what follows begins within a block
    }
    const std::string piece(size, static_cast<char>('a' + size % 26));
    ASSERT_TRUE(file.write(piece));
    expected += piece;
  }
  EXPECT_EQ(file.size(), expected.size());
  EXPECT_FALSE(std::filesystem::exists(folder / "out.bin"));
  ASSERT_TRUE(file.commit());
  EXPECT_EQ(folder.read("out.bin"), expected);
  EXPECT_EQ(folder.count(), 1u);
  EXPECT_FALSE(file.commit());
  EXPECT_FALSE(file.write("more"));
  EXPECT_EQ(folder.read("out.bin"), expected);
}

TEST_P(AtomicFileWays, WholeBlocksGoOutAsTheyAre) {
  const ScratchFolder folder;
  std::string expected((size_t{4} << 20) + 5, 'x');
  for (size_t i = 0; i < expected.size(); i += 4096) expected[i] = char('a' + i / 4096 % 26);
  folder.write("from.bin", expected);
  const auto from = MappedFile::open(folder / "from.bin");
  ASSERT_TRUE(from);
  auto file = GetParam()(folder / "out.bin");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write(from->bytes()));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(folder.read("out.bin"), expected);
}

TEST_P(AtomicFileWays, WithoutCommitNothingChanges) {
  ScratchFolder folder;
  folder.write("out.bin", "old");
  {
    auto file = GetParam()(folder / "out.bin");
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write(std::string(100000, 'n')));
    EXPECT_EQ(folder.read("out.bin"), "old");
  }
  EXPECT_EQ(folder.read("out.bin"), "old");
  EXPECT_EQ(folder.count(), 1u);
}

TEST_P(AtomicFileWays, ReplacesAndKeepsPermissions) {
  ScratchFolder folder;
  folder.write("real", "old");
  ASSERT_EQ(chmod((folder / "real").c_str(), 0640), 0);
  auto file = GetParam()(folder / "real");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write("new"));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(folder.read("real"), "new");
  EXPECT_EQ(folder.count(), 1u);
  struct stat status;
  ASSERT_EQ(stat((folder / "real").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST_P(AtomicFileWays, AFileThatAppearsMeanwhileIsReplaced) {
  ScratchFolder folder;
  auto file = GetParam()(folder / "out");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write("new"));
  folder.write("out", "somebody else's");
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(folder.read("out"), "new");
  EXPECT_EQ(folder.count(), 1u);
}

TEST_P(AtomicFileWays, CopiesAnotherFile) {
  const ScratchFolder folder;
  ASSERT_TRUE(write_file(folder / "a", "content"));
  const int open_file = open((folder / "a").c_str(), O_RDONLY);
  auto file = GetParam()(folder / "b");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->copy(open_file, std::as_bytes(std::span("content", 7))));
  ASSERT_TRUE(file->begin_settling());
  EXPECT_EQ(file->size(), 7u);
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(folder.read("b"), "content");
  EXPECT_FALSE(file->begin_settling());
  close(open_file);
}

// The process dies before commit(): no destructor runs.
size_t left_by_death_of(Result<AtomicFile> (*create)(const std::string&),
                        const ScratchFolder& folder) {
  const pid_t child = fork();
  if (child == 0) {
    auto file = create(folder / "out.bin");
    const bool written = file && file->write(std::string(100000, 'n'));
    _exit(written ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return folder.count();
}

TEST(AtomicFile, NothingIsLeftOfAProcessThatDies) {
  ScratchFolder folder;
  const int probe = open(folder.path().c_str(), O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
  if (probe < 0) GTEST_SKIP() << "the file system has no nameless files";
  close(probe);
  EXPECT_EQ(left_by_death_of(&AtomicFile::create, folder), 0u);
}

TEST(AtomicFile, OldTemporariesThatNobodyHoldsAreRemoved) {
  ScratchFolder folder;
  ASSERT_EQ(left_by_death_of(&AtomicFile::create_named, folder), 1u);
  const std::string left = std::filesystem::directory_iterator(folder.path())->path().string();
  const auto write_other = [&] { return AtomicFile::create_named(folder / "other"); };
  ASSERT_TRUE(write_other());
  EXPECT_TRUE(std::filesystem::exists(left));  // too young

  folder.write(".hone-0123456789abcdef.tmp.bak", "of the user");
  auto held = AtomicFile::create_named(folder / "held");
  ASSERT_TRUE(held);
  const auto old = std::filesystem::file_time_type::clock::now() - std::chrono::hours(25);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    std::filesystem::last_write_time(entry.path(), old);
  ASSERT_TRUE(write_other());
  EXPECT_FALSE(std::filesystem::exists(left));
  EXPECT_EQ(folder.count(), 2u);  // the user's, and the one that is being written
  ASSERT_TRUE(held->write("kept"));
  ASSERT_TRUE(held->commit());
  EXPECT_EQ(folder.read("held"), "kept");
}

TEST(AtomicFile, FollowsLinks) {
  ScratchFolder folder;
  folder.write("real", "old");
  ASSERT_EQ(symlink("real", (folder / "link").c_str()), 0);
  ASSERT_TRUE(write_file(folder / "link", "new"));
  EXPECT_EQ(folder.read("real"), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
}

TEST(AtomicFile, RefusesWhatCannotBeReplaced) {
  ScratchFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(AtomicFile::create(folder / "pipe").error().id, ErrorId::not_regular);
  EXPECT_EQ(AtomicFile::create(folder.path()).error().id, ErrorId::not_regular);
  EXPECT_EQ(AtomicFile::create("/dev/null").error().id, ErrorId::not_regular);
  EXPECT_EQ(AtomicFile::create(folder / "none/out").error().id, ErrorId::not_found);
  EXPECT_FALSE(AtomicFile::create(""));
  EXPECT_FALSE(AtomicFile::create(folder / "out/"));
  EXPECT_EQ(folder.count(), 1u);
}

TEST(AtomicFile, AFullDiskLeavesNothingBehind) {
  ScratchFolder folder;
  folder.write("out.bin", "old");
  // A file size limit stands in for the full disk: both stop a write in the middle.
  rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit small{100000, old.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  auto file = AtomicFile::create(folder / "out.bin");
  const Status status = file ? file->write(std::string(size_t{3} << 20, 'x')) : ok();
  const size_t entries = folder.count();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_TRUE(file);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().id, ErrorId::disk_full);
  EXPECT_EQ(entries, 1u);
  EXPECT_FALSE(file->commit());
  EXPECT_EQ(folder.read("out.bin"), "old");
}

}  // namespace
}  // namespace hone
