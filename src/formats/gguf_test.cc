// Tests of the GGUF reader.
#include "formats/gguf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>

namespace hone {
namespace {

using namespace std::string_literals;
namespace fs = std::filesystem;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

template <class T>
std::string raw(T value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(T));
}
std::string text(std::string_view content) { return raw<uint64_t>(content.size()).append(content); }
std::string pair(std::string_view key, uint32_t kind, const std::string& value) {
  return text(key) + raw(kind) + value;
}
std::string array(uint32_t element, uint64_t count, const std::string& elements) {
  return raw(element) + raw(count) + elements;
}
std::string tensor(std::string_view name, const std::vector<uint64_t>& fastest_first, int32_t type,
                   uint64_t offset) {
  std::string out = text(name) + raw(uint32_t(fastest_first.size()));
  for (const uint64_t extent : fastest_first) out += raw(extent);
  return out + raw(type) + raw(offset);
}

struct Parts {
  uint32_t version = 3;
  std::vector<std::string> pairs, tensors;
  size_t data = 0;        // bytes behind the header
  size_t alignment = 32;  // of the data
  std::string str() const {
    std::string out =
        "GGUF" + raw(version) + raw<uint64_t>(tensors.size()) + raw<uint64_t>(pairs.size());
    for (const auto& p : pairs) out += p;
    for (const auto& t : tensors) out += t;
    if (data > 0) out.append((alignment - out.size() % alignment) % alignment + data, '\x01');
    return out;
  }
};

Result<Gguf> read(const std::string& content, const Limits& limits = {}) {
  Ledger ledger(limits);
  return read_gguf(bytes_of(content), ledger);
}
// The error; `internal` when the file is accepted.
ErrorId refusal(const Parts& parts, const Limits& limits = {}) {
  const auto file = read(parts.str(), limits);
  return file ? ErrorId::internal : file.error().id;
}
ErrorId refusal_of(std::string pair_bytes) { return refusal({.pairs = {std::move(pair_bytes)}}); }

TEST(Gguf, ReadsMetadataAndTensors) {
  for (const uint32_t version : {2u, 3u}) {
    const std::string content =
        Parts{
            .version = version,
            .pairs = {pair("general.architecture", 8, text("llama")),
                      pair("n", 4, raw<uint32_t>(7)), pair("f", 6, raw(0.5f)),
                      pair("yes", 7, "\x01"), pair("words", 9, array(8, 2, text("a") + text("")))},
            .tensors = {tensor("a", {4, 2}, 0, 0), tensor("b", {32, 3}, 8, 32),
                        tensor("scalar", {}, 1, 160)},
            .data = 162}
            .str();
    const auto file = read(content);
    ASSERT_TRUE(file) << describe(file.error());
    EXPECT_EQ(file->version, version);
    EXPECT_EQ(file->alignment, 32u);
    ASSERT_EQ(file->metadata.size(), 5u);
    EXPECT_EQ(*file->find("general.architecture")->as_string(), "llama");
    EXPECT_EQ(*file->find("n")->as_unsigned(), 7u);
    EXPECT_EQ(*file->find("f")->as_real(), 0.5);
    EXPECT_TRUE(*file->find("yes")->as_bool());
    EXPECT_EQ(file->find("none"), nullptr);
    Ledger ledger{Limits()};
    EXPECT_EQ(*file->find("words")->as_strings(ledger), (std::vector<std::string_view>{"a", ""}));
    ASSERT_EQ(file->tensors.size(), 3u);
    EXPECT_EQ(file->tensors[0].extents, (std::vector<int64_t>{2, 4}));
    EXPECT_EQ(file->tensors[0].bytes, 32u);
    EXPECT_EQ(file->tensors[1].extents, (std::vector<int64_t>{3, 32}));
    EXPECT_EQ(file->tensors[1].bytes, 102u);
    EXPECT_EQ(file->tensors[1].offset, file->tensors[0].offset + 32);
    EXPECT_TRUE(file->tensors[2].extents.empty());
    EXPECT_EQ(file->tensors[2].offset + 2, content.size());
    EXPECT_EQ(content[file->tensors[0].offset], '\x01');
    EXPECT_EQ(file->tensors[0].offset % 32, 0u);
  }
}

TEST(Gguf, OtherVersionsAreRefused) {
  EXPECT_EQ(refusal({.version = 1}), ErrorId::unsupported_version);
  EXPECT_EQ(refusal({.version = 4}), ErrorId::unsupported_version);
  EXPECT_EQ(refusal({.version = 0}), ErrorId::unsupported_version);
  const auto swapped = read(Parts{.version = 3u << 24}.str());
  ASSERT_FALSE(swapped);
  EXPECT_EQ(swapped.error().id, ErrorId::unsupported_version);
  EXPECT_NE(swapped.error().message.find("big-endian"), std::string::npos);
  EXPECT_EQ(read("GGUG" + Parts().str().substr(4)).error().id, ErrorId::malformed);
  EXPECT_TRUE(read(Parts().str()));
}

TEST(Gguf, EveryPrefixOfAFileIsRefused) {
  const std::string content = Parts{.pairs = {pair("k", 9, array(8, 1, text("word")))},
                                    .tensors = {tensor("t", {8}, 0, 0)},
                                    .data = 32}
                                  .str();
  ASSERT_TRUE(read(content));
  for (size_t n = 0; n < content.size(); ++n) {
    const auto file = read(content.substr(0, n));
    ASSERT_FALSE(file) << n;
    EXPECT_EQ(file.error().id, ErrorId::truncated) << n;
  }
}

TEST(Gguf, CountsThatCannotBe) {
  const auto counted = [](uint64_t tensors, uint64_t pairs) {
    return read("GGUF" + raw<uint32_t>(3) + raw(tensors) + raw(pairs) + std::string(100, '\0'))
        .error()
        .id;
  };
  EXPECT_EQ(counted(0, UINT64_MAX), ErrorId::truncated);
  EXPECT_EQ(counted(UINT64_MAX, 0), ErrorId::truncated);
  EXPECT_EQ(counted(5, 0), ErrorId::truncated);
  EXPECT_EQ(counted(0, 8), ErrorId::truncated);
  EXPECT_EQ(refusal_of(pair("k", 9, array(4, UINT64_MAX, ""))), ErrorId::truncated);
  EXPECT_EQ(refusal_of(pair("k", 9, array(4, uint64_t{1} << 62, ""))), ErrorId::truncated);
  EXPECT_EQ(refusal_of(pair("k", 9, array(8, 1000, text("a")))), ErrorId::truncated);
  EXPECT_EQ(refusal_of(pair("k", 8, raw(UINT64_MAX))), ErrorId::over_size);
  EXPECT_EQ(refusal_of(pair("k", 8, raw(uint64_t{64} << 20))), ErrorId::truncated);
  EXPECT_EQ(refusal_of(pair("k", 8, raw((uint64_t{64} << 20) + 1))), ErrorId::over_size);
}

TEST(Gguf, ValuesThatCannotBe) {
  EXPECT_EQ(refusal_of(pair("k", 13, raw<uint64_t>(0))), ErrorId::malformed);
  EXPECT_EQ(refusal_of(pair("k", 9, array(13, 0, ""))), ErrorId::malformed);
  EXPECT_EQ(refusal_of(pair("k", 9, array(9, 1, array(4, 1, raw<uint32_t>(1))))),
            ErrorId::unsupported_feature);
  EXPECT_EQ(refusal_of(pair("", 4, raw<uint32_t>(0))), ErrorId::malformed);
  EXPECT_EQ(refusal_of(pair("\xff", 4, raw<uint32_t>(0))), ErrorId::malformed);
  EXPECT_EQ(refusal_of(pair(std::string(70'000, 'k'), 4, raw<uint32_t>(0))), ErrorId::malformed);
  EXPECT_EQ(refusal_of(pair(std::string(65'000, 'k'), 4, raw<uint32_t>(0))), ErrorId::internal);
}

TEST(Gguf, AKeyHasOneValue) {
  const std::string one = pair("k", 4, raw<uint32_t>(1)), two = pair("k", 4, raw<uint32_t>(2));
  EXPECT_EQ(refusal({.pairs = {one, two}}), ErrorId::duplicate_name);
  EXPECT_EQ(refusal({.pairs = {one, pair("k", 5, raw<int32_t>(1))}}), ErrorId::duplicate_name);
  const std::string repeated = Parts{.pairs = {one, one, pair("z", 0, "\x05")}}.str();
  const auto file = read(repeated);  // says nothing new
  ASSERT_TRUE(file);
  EXPECT_EQ(file->metadata.size(), 2u);
  EXPECT_EQ(*file->find("z")->as_unsigned(), 5u);
}

TEST(Gguf, NumbersOfAnyWidth) {
  const std::string content =
      Parts{.pairs = {pair("u8", 0, "\xff"), pair("i8", 1, "\xff"),
                      pair("u16", 2, raw<uint16_t>(65535)), pair("i16", 3, raw<int16_t>(-2)),
                      pair("i32", 5, raw<int32_t>(-3)), pair("u64", 10, raw(UINT64_MAX)),
                      pair("i64", 11, raw<int64_t>(9)), pair("f64", 12, raw(0.25)),
                      pair("odd", 7, "\x02"), pair("list", 9, array(1, 2, "\x01\xff")),
                      pair("reals", 9, array(6, 2, raw(1.5f) + raw(-2.f))),
                      pair("wide", 9, array(10, 1, raw(UINT64_MAX)))}}
          .str();
  const auto file = read(content);
  ASSERT_TRUE(file) << describe(file.error());
  const auto at = [&](std::string_view key) { return *file->find(key); };
  Ledger ledger{Limits()};
  EXPECT_EQ(*at("u8").as_unsigned(), 255u);
  EXPECT_EQ(*at("i8").as_integer(), -1);
  EXPECT_EQ(at("i8").as_unsigned().error().id, ErrorId::malformed);
  EXPECT_EQ(*at("u16").as_integer(), 65535);
  EXPECT_EQ(*at("i16").as_real(), -2);
  EXPECT_EQ(*at("i32").as_integer(), -3);
  EXPECT_EQ(*at("u64").as_unsigned(), UINT64_MAX);
  EXPECT_FALSE(at("u64").as_integer());
  EXPECT_EQ(*at("i64").as_unsigned(), 9u);
  EXPECT_EQ(*at("f64").as_real(), 0.25);
  EXPECT_FALSE(at("f64").as_integer());
  EXPECT_FALSE(at("odd").as_bool());
  EXPECT_FALSE(at("u8").as_bool());
  EXPECT_FALSE(at("u8").as_string());
  EXPECT_FALSE(at("u8").as_integers(ledger));
  EXPECT_EQ(*at("list").as_integers(ledger), (std::vector<int64_t>{1, -1}));
  EXPECT_EQ(*at("list").as_reals(ledger), (std::vector<float>{1, -1}));
  EXPECT_EQ(*at("reals").as_reals(ledger), (std::vector<float>{1.5f, -2.f}));
  EXPECT_FALSE(at("reals").as_integers(ledger));
  EXPECT_FALSE(at("reals").as_strings(ledger));
  EXPECT_FALSE(at("wide").as_integers(ledger));
}

TEST(Gguf, Alignment) {
  const auto aligned = [](uint32_t alignment, size_t data) {
    return Parts{.pairs = {pair("general.alignment", 4, raw(alignment))},
                 .tensors = {tensor("a", {1}, 0, 0), tensor("b", {1}, 0, alignment)},
                 .data = data,
                 .alignment = std::clamp<size_t>(alignment, 1, 1 << 20)};
  };
  EXPECT_EQ(refusal(aligned(64, 68)), ErrorId::internal);
  EXPECT_EQ(refusal(aligned(64, 67)), ErrorId::truncated);
  EXPECT_EQ(refusal(aligned(1 << 20, (1 << 20) + 4)), ErrorId::internal);
  EXPECT_EQ(refusal(aligned(0, 100)), ErrorId::malformed);
  EXPECT_EQ(refusal(aligned(48, 100)), ErrorId::malformed);
  EXPECT_EQ(refusal(aligned(1u << 31, 100)), ErrorId::malformed);
  EXPECT_EQ(refusal({.pairs = {pair("general.alignment", 8, text("32"))}}), ErrorId::malformed);
}

TEST(Gguf, TensorsThatCannotBe) {
  const auto one = [](const std::string& entry, size_t data = 1024) {
    return refusal({.tensors = {entry}, .data = data});
  };
  EXPECT_EQ(one(tensor("t", {32}, 2, 0)), ErrorId::internal);
  EXPECT_EQ(one(tensor("t", {0, 5}, 0, 0)), ErrorId::internal);
  EXPECT_EQ(one(tensor("t", {33}, 2, 0)), ErrorId::malformed);
  EXPECT_EQ(one(tensor("t", {}, 2, 0)), ErrorId::malformed);
  EXPECT_EQ(one(tensor("t", {1}, 4, 0)), ErrorId::unsupported_feature);
  EXPECT_EQ(one(tensor("t", {1}, -1, 0)), ErrorId::unsupported_feature);
  EXPECT_EQ(one(tensor("t", {1, 1, 1, 1}, 0, 0)), ErrorId::internal);
  EXPECT_EQ(one(tensor("t", {1, 1, 1, 1, 1}, 0, 0)), ErrorId::malformed);
  EXPECT_EQ(one(tensor("t", {UINT64_MAX}, 0, 0)), ErrorId::overflow);
  EXPECT_EQ(one(tensor("t", {1u << 31, 1u << 31, 4}, 0, 0)), ErrorId::overflow);
  EXPECT_EQ(one(tensor("t", {uint64_t{1} << 62}, 0, 0)), ErrorId::overflow);
  EXPECT_EQ(one(tensor("t", {0, uint64_t{1} << 62, 4}, 0, 0)), ErrorId::overflow);
  EXPECT_EQ(one(tensor("t", {uint64_t{1} << 40}, 0, 0)), ErrorId::truncated);
  EXPECT_EQ(one(tensor("", {1}, 0, 0)), ErrorId::malformed);
  EXPECT_EQ(one(tensor(std::string(63, 't'), {1}, 0, 0)), ErrorId::internal);
  EXPECT_EQ(one(tensor(std::string(64, 't'), {1}, 0, 0)), ErrorId::malformed);
  EXPECT_EQ(one(tensor("\xc0", {1}, 0, 0)), ErrorId::malformed);
  EXPECT_EQ(one(tensor("t", {1}, 0, 32)), ErrorId::malformed);
  EXPECT_EQ(one(tensor("t", {1}, 0, UINT64_MAX)), ErrorId::malformed);
}

TEST(Gguf, TensorsLieOneBehindTheOther) {
  const auto two = [](uint64_t offset, std::string_view name = "b") {
    return refusal(
        {.tensors = {tensor("a", {10}, 0, 0), tensor(name, {10}, 0, offset)}, .data = 1024});
  };
  EXPECT_EQ(two(64), ErrorId::internal);
  EXPECT_EQ(two(32), ErrorId::malformed);
  EXPECT_EQ(two(40), ErrorId::malformed);
  EXPECT_EQ(two(96), ErrorId::malformed);
  EXPECT_EQ(two(64, "a"), ErrorId::duplicate_name);
}

TEST(Gguf, BudgetsHold) {
  Parts many;
  for (int i = 0; i < 2000; ++i) {
    many.pairs.push_back(pair("k" + std::to_string(i), 0, "\x01"));
    many.tensors.push_back(tensor("t" + std::to_string(i), {0}, 0, 0));
  }
  EXPECT_EQ(refusal(many), ErrorId::internal);
  Limits few;
  few.tensors = 1999;
  EXPECT_EQ(refusal(many, few), ErrorId::over_size);
  Limits small;
  small.memory = 100'000;
  EXPECT_EQ(refusal(many, small), ErrorId::over_memory);
  const std::string content =
      Parts{.pairs = {pair("k", 9, array(0, 5000, std::string(5000, 'x')))}}.str();
  Ledger ledger(small);
  const auto file = read_gguf(bytes_of(content), ledger);
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->find("k")->as_integers(ledger));
  EXPECT_FALSE(file->find("k")->as_integers(ledger) && file->find("k")->as_integers(ledger));
}

TEST(Gguf, BlocksOfTypes) {
  EXPECT_EQ(gguf_block(12)->elements, 256);
  EXPECT_EQ(gguf_block(12)->bytes, 144);
  EXPECT_EQ(gguf_block(12)->name, "Q4_K");
  EXPECT_FALSE(gguf_block(4));
  EXPECT_FALSE(gguf_block(9));  // of activations
  EXPECT_FALSE(gguf_block(1000));
}

// Where HONE_CORPORA says, or in shared/corpora beside the project or above it.
fs::path corpora() {
  if (const char* given = std::getenv("HONE_CORPORA")) return given;
  for (fs::path at = fs::current_path(); at.has_relative_path(); at = at.parent_path())
    if (fs::is_directory(at.parent_path() / "shared" / "corpora"))
      return at.parent_path() / "shared" / "corpora";
  return {};
}

// Calls use(path, content) with every file of a folder that ends in .gguf.
int for_files(const char* folder,
              const std::function<void(const fs::path&, const std::string&)>& use) {
  int count = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(corpora() / folder, error)) {
    if (entry.path().extension() != ".gguf") continue;
    std::ifstream file(entry.path(), std::ios::binary);
    use(entry.path(), {std::istreambuf_iterator<char>(file), {}});
    ++count;
  }
  return count;
}

TEST(GgufCorpus, SoundFilesAreRead) {
  int count = 0;
  for (const char* folder : {"gguf", "gguf-vocab"}) {
    count += for_files(folder, [](const fs::path& path, const std::string& content) {
      const auto file = read(content);
      ASSERT_TRUE(file) << path << ": " << describe(file.error());
      EXPECT_NE(file->find("general.architecture"), nullptr) << path;
      const bool edge = path.stem() == "single" || path.stem() == "single_v2";
      if (edge) {
        EXPECT_EQ(file->tensors.size(), 1u);
        EXPECT_EQ(file->tensors[0].offset, 384u);
      }
      if (path.stem() == "stories260K-Q4_0") {
        EXPECT_EQ(file->tensors.size(), 48u);
        EXPECT_EQ(file->tensors[0].extents, (std::vector<int64_t>{512, 64}));
      }
    });
  }
  if (count == 0) GTEST_SKIP() << "there is no corpus of GGUF files";
}

TEST(GgufCorpus, MalformedFilesAreRefused) {
  const int count = for_files("malformed", [](const fs::path& path, const std::string& content) {
    const auto file = read(content);
    EXPECT_FALSE(file) << path;
    if (file) return;
    EXPECT_NE(info(file.error().id).blame, Blame::bug) << describe(file.error());
  });
  if (count == 0) GTEST_SKIP() << "there is no corpus of malformed files";
}

}  // namespace
}  // namespace hone
