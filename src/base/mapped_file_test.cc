// Tests of mapping files and of the walls around a model's folder.
#include "base/mapped_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/beneath.h"
#include "base/pages.h"
#include "base/scratch_folder.h"

namespace hone {
namespace {

std::string text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

TEST(MappedFile, MapsTheContent) {
  ScratchFolder folder;
  auto file = MappedFile::open(folder.write("a.bin", "hello"));
  ASSERT_TRUE(file);
  EXPECT_EQ(text_of(*file), "hello");
  MappedFile moved = file.take();
  EXPECT_EQ(text_of(moved), "hello");
  auto other = MappedFile::open(folder.write("b.bin", "world!"));
  ASSERT_TRUE(other);
  moved = other.take();
  EXPECT_EQ(text_of(moved), "world!");
  EXPECT_EQ(moved.path(), folder / "b.bin");
}

TEST(MappedFile, EmptyFileIsAnEmptySpan) {
  ScratchFolder folder;
  const auto file = MappedFile::open(folder.write("empty", ""));
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size(), 0u);
  EXPECT_TRUE(file->bytes().empty());
}

TEST(MappedFile, FollowsLinksThatTheUserNamed) {
  ScratchFolder folder;
  folder.write("real", "x");
  ASSERT_EQ(symlink("real", (folder / "link").c_str()), 0);
  ASSERT_EQ(link((folder / "real").c_str(), (folder / "hard").c_str()), 0);
  EXPECT_TRUE(MappedFile::open(folder / "link"));
  EXPECT_TRUE(MappedFile::open(folder / "hard"));
}

TEST(MappedFile, RefusesAllButRegularFiles) {
  ScratchFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(folder / "pipe").error().id, ErrorId::not_regular);  // and returns
  EXPECT_EQ(MappedFile::open(folder.path()).error().id, ErrorId::not_regular);
  EXPECT_EQ(MappedFile::open("/dev/null").error().id, ErrorId::not_regular);
  EXPECT_EQ(MappedFile::open(folder / "none").error().id, ErrorId::not_found);
  EXPECT_EQ(MappedFile::open("").error().id, ErrorId::not_found);
  EXPECT_EQ(MappedFile::open(folder.write("a", "") + std::string("\0b", 2)).error().id,
            ErrorId::not_found);
}

TEST(Folder, MapsFilesBeneath) {
  ScratchFolder folder;
  ASSERT_EQ(mkdir((folder / "sub").c_str(), 0700), 0);
  folder.write("sub/w.bin", "weights");
  folder.write("m.onnx", "model");
  auto opened = Folder::holding(folder / "m.onnx");
  ASSERT_TRUE(opened);
  const Folder moved = opened.take();
  EXPECT_EQ(moved.path(), folder.path());
  for (const char* name : {"sub/w.bin", "./sub//w.bin", "sub/./w.bin"}) {
    const auto file = moved.map(name);
    ASSERT_TRUE(file) << name;
    EXPECT_EQ(text_of(*file), "weights");
  }
}

TEST(Folder, OpensFoldersOnly) {
  ScratchFolder folder;
  EXPECT_EQ(Folder::open(folder / "none").error().id, ErrorId::not_found);
  EXPECT_EQ(Folder::open(folder.write("file", "x")).error().id, ErrorId::not_found);
  EXPECT_TRUE(Folder::holding("no_slash"));
  EXPECT_EQ(Folder::holding("/x")->path(), "/");
}

// Every attack with both ways of opening: {name, the errno that both must give}.
TEST(Folder, NothingLeavesIt) {
  ScratchFolder outer;
  outer.write("secret", "secret");
  const std::string inside = outer / "model";
  ASSERT_EQ(mkdir(inside.c_str(), 0700), 0);
  ASSERT_EQ(mkdir((inside + "/sub").c_str(), 0700), 0);
  outer.write("model/w.bin", "weights");
  ASSERT_EQ(symlink("../secret", (inside + "/link").c_str()), 0);
  ASSERT_EQ(symlink("w.bin", (inside + "/inner_link").c_str()), 0);
  ASSERT_EQ(symlink("..", (inside + "/up").c_str()), 0);
  ASSERT_EQ(symlink("loop", (inside + "/loop").c_str()), 0);
  const struct {
    std::string name;
    int error;
  } kAttacks[] = {
      {"../secret", EXDEV},
      {"sub/../../secret", EXDEV},
      {"sub/../w.bin", EXDEV},
      {"..", EXDEV},
      {"/etc/passwd", EXDEV},
      {"link", ELOOP},
      {"inner_link", ELOOP},
      {"up/secret", ELOOP},
      {"loop", ELOOP},
      {"loop/x", ELOOP},
      {"", EINVAL},
      {std::string("w.bin\0x", 7), EINVAL},
      {"none", ENOENT},
      {"none/w.bin", ENOENT},
      {"w.bin/x", ENOTDIR},
      {"w.bin/", ENOTDIR},
  };
  const auto folder = Folder::open(inside);
  ASSERT_TRUE(folder);
  const int descriptor = ::open(inside.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (const auto& attack : kAttacks) {
    errno = 0;
    EXPECT_EQ(open_beneath(descriptor, attack.name), -1) << attack.name;
    EXPECT_EQ(errno, attack.error) << attack.name << ": " << std::strerror(errno);
    errno = 0;
    EXPECT_EQ(open_beneath_stepwise(descriptor, attack.name), -1) << attack.name;
    EXPECT_EQ(errno, attack.error) << attack.name << ": " << std::strerror(errno);
    EXPECT_FALSE(folder->map(attack.name)) << attack.name;
  }
  EXPECT_EQ(folder->map("../secret").error().id, ErrorId::outside_folder);
  EXPECT_EQ(folder->map("link").error().id, ErrorId::outside_folder);
  EXPECT_EQ(folder->map("none").error().id, ErrorId::not_found);
  for (const auto open : {&open_beneath, &open_beneath_stepwise}) {
    const int file = open(descriptor, "./w.bin");
    EXPECT_GE(file, 0);
    close(file);
  }
  close(descriptor);
}

// A symbolic link in `folder`, which is made where it does not exist.
void make_link(const std::string& target, const std::string& path) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  ASSERT_EQ(symlink(target.c_str(), path.c_str()), 0) << path;
}

TEST(Folder, FollowsLinksThatStayBeneath) {
  ScratchFolder outer;
  outer.write("secret", "secret");
  std::filesystem::create_directories(outer / "model/sub");
  outer.write("model/sub/w.bin", "weights");
  make_link("sub/w.bin", outer / "model/link");
  make_link("../link", outer / "model/sub/twice");
  make_link("sub", outer / "model/folder");
  make_link("../secret", outer / "model/out");
  make_link(outer / "model/sub/w.bin", outer / "model/absolute");
  make_link("..", outer / "model/up");
  make_link("none", outer / "model/dangling");
  make_link("loop", outer / "model/loop");
  const auto folder = Folder::open(outer / "model");
  ASSERT_TRUE(folder);
  for (const char* name : {"link", "sub/twice", "folder/w.bin", "sub/w.bin"}) {
    const auto file = folder->map(name, Links::follow);
    ASSERT_TRUE(file) << name;
    EXPECT_EQ(text_of(*file), "weights");
  }
  for (const char* name : {"out", "absolute", "up/secret", "../secret", "sub/../link", "loop"})
    EXPECT_EQ(folder->map(name, Links::follow).error().id, ErrorId::outside_folder) << name;
  EXPECT_EQ(folder->map("dangling", Links::follow).error().id, ErrorId::not_found);
  ASSERT_EQ(link((outer / "secret").c_str(), (outer / "model/hard").c_str()), 0);
  EXPECT_EQ(folder->map("hard", Links::follow).error().id, ErrorId::outside_folder);
  EXPECT_NE(folder->map("link").error().hint.find("--follow-links"), std::string::npos);
}

TEST(Folder, FollowsLinksOfTheHubCacheIntoItsBlobsOnly) {
  ScratchFolder outer;
  const std::string root = outer / "models--a--b/", revision = root + "snapshots/c0ffee/";
  std::filesystem::create_directories(root + "blobs/deeper");
  std::filesystem::create_directories(revision + "onnx");
  outer.write("models--a--b/blobs/5eed", "weights");
  outer.write("models--a--b/blobs/deeper/x", "x");
  outer.write("models--a--b/secret", "secret");
  outer.write("secret", "secret");
  make_link("../../blobs/5eed", revision + "w.bin");
  make_link("../../../blobs/5eed", revision + "onnx/w.bin");
  make_link("../../blobs/deeper/x", revision + "deeper");
  make_link("../../blobs/../secret", revision + "around");
  make_link("../../secret", revision + "out");
  make_link("../../../secret", revision + "further");
  make_link("../../blobs/..", revision + "up");
  make_link("../secret", root + "blobs/chain");
  make_link("../../blobs/chain", revision + "chain");
  const auto folder = Folder::open(revision);
  ASSERT_TRUE(folder);
  for (const char* name : {"w.bin", "onnx/w.bin", "./onnx/w.bin"}) {
    const auto file = folder->map(name, Links::follow);
    ASSERT_TRUE(file) << name;
    EXPECT_EQ(text_of(*file), "weights");
    EXPECT_FALSE(folder->map(name));
  }
  const auto inner = Folder::open(revision + "onnx");
  ASSERT_TRUE(inner);
  EXPECT_TRUE(inner->map("w.bin", Links::follow));
  for (const char* name : {"deeper", "around", "out", "further", "up", "chain"})
    EXPECT_EQ(folder->map(name, Links::follow).error().id, ErrorId::outside_folder) << name;
  // The same links in a folder that is no revision of a cache.
  std::filesystem::create_directories(root + "other/c0ffee");
  make_link("../../blobs/5eed", root + "other/c0ffee/w.bin");
  EXPECT_FALSE(Folder::open(root + "other/c0ffee")->map("w.bin", Links::follow));
}

TEST(Folder, RefusesHardLinksPipesAndFolders) {
  ScratchFolder folder;
  folder.write("w.bin", "weights");
  ASSERT_EQ(link((folder / "w.bin").c_str(), (folder / "hard").c_str()), 0);
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  ASSERT_EQ(mkdir((folder / "sub").c_str(), 0700), 0);
  const auto opened = Folder::open(folder.path());
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->map("hard").error().id, ErrorId::outside_folder);
  EXPECT_EQ(opened->map("pipe").error().id, ErrorId::not_regular);
  EXPECT_EQ(opened->map("sub").error().id, ErrorId::not_regular);
  EXPECT_EQ(opened->map("sub/").error().id, ErrorId::not_regular);
  EXPECT_EQ(opened->map(".").error().id, ErrorId::not_regular);
  ASSERT_EQ(unlink((folder / "hard").c_str()), 0);
  EXPECT_TRUE(opened->map("w.bin"));
}

int64_t faults_of_thread() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt + usage.ru_majflt;
}

TEST(Pages, AreBroughtInAtOnce) {
#if !defined(MADV_POPULATE_READ)
  GTEST_SKIP() << "the system cannot";
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers meet pages of their own";
#endif
  ScratchFolder folder;
  const std::string path = folder.write("large.bin", std::string(size_t{4} << 20, 'x'));
  const auto touch = [](std::span<const std::byte> bytes) {
    int sum = 0;
    for (size_t i = 0; i < bytes.size(); i += 4096) sum += int(bytes[i]);
    return sum;
  };
  const auto file = MappedFile::open(path);
  ASSERT_TRUE(file);
  bring_in(file->bytes());
  const int64_t before = faults_of_thread();
  EXPECT_GT(touch(file->bytes()), 0);
  EXPECT_LE(faults_of_thread() - before, 4);
}

}  // namespace
}  // namespace hone
