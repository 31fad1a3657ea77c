// Tests of writing GGUF files, and of reading split ones.
#include "formats/gguf_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/scratch_folder.h"
#include "formats/gguf_files.h"

namespace hone {
namespace {

GgufSource source(std::string name, std::vector<int64_t> extents, int32_t type, size_t bytes) {
  const char fill = name.empty() ? 'x' : name.back();
  return {.name = std::move(name),
          .extents = std::move(extents),
          .type = type,
          .write = [=](const ByteSink& sink) -> Status {
            const std::string content(bytes, fill);
            TRY(sink(std::as_bytes(std::span(content).first(bytes / 2))));
            return sink(std::as_bytes(std::span(content).subspan(bytes / 2)));
          }};
}

std::vector<GgufSource> three() {
  return {source("a", {2, 32}, 2, 36), source("b", {5}, 0, 20), source("c", {}, 1, 2)};
}

GgufMetadata some_metadata() {
  GgufMetadata metadata;
  metadata.set("general.architecture", "test");
  metadata.set("n", uint32_t{7});
  metadata.set("wide", uint64_t{1} << 40);
  metadata.set("yes", true);
  metadata.set("real", 0.5f);
  const std::vector<std::string> words{"a", "", "long word"};
  metadata.set("words", std::span<const std::string>(words));
  const float reals[] = {1, 2};
  metadata.set("reals", std::span<const float>(reals));
  const int32_t whole[] = {-1, 2, 3};
  metadata.set("whole", std::span<const int32_t>(whole));
  return metadata;
}

TEST(GgufWriter, WhatIsWrittenReadsBack) {
  const ScratchFolder folder;
  for (const uint64_t alignment : {uint64_t{32}, uint64_t{4096}}) {
    GgufMetadata metadata = some_metadata();
    metadata.set("n", uint32_t{8});  // keeps its place
    const auto names = write_gguf(folder / "m.gguf", metadata, three(), {.alignment = alignment});
    ASSERT_TRUE(names) << describe(names.error());
    EXPECT_EQ(*names, std::vector<std::string>{folder / "m.gguf"});
    Ledger ledger{Limits()};
    const auto files = GgufFiles::open(folder / "m.gguf", ledger);
    ASSERT_TRUE(files) << describe(files.error());
    const Gguf& file = files->first();
    EXPECT_EQ(file.alignment, alignment);
    EXPECT_EQ(file.metadata[1].first, "n");
    EXPECT_EQ(*file.find("n")->as_unsigned(), 8u);
    EXPECT_EQ(*file.find("wide")->as_unsigned(), uint64_t{1} << 40);
    EXPECT_TRUE(*file.find("yes")->as_bool());
    EXPECT_EQ(*file.find("real")->as_real(), 0.5);
    EXPECT_EQ(*file.find("words")->as_strings(ledger),
              (std::vector<std::string_view>{"a", "", "long word"}));
    EXPECT_EQ(*file.find("whole")->as_integers(ledger), (std::vector<int64_t>{-1, 2, 3}));
    EXPECT_EQ(*file.find("reals")->as_reals(ledger), (std::vector<float>{1, 2}));
    const auto tensors = files->tensors();
    ASSERT_EQ(tensors.size(), 3u);
    EXPECT_EQ(tensors[0].entry->extents, (std::vector<int64_t>{2, 32}));
    EXPECT_EQ(tensors[0].entry->offset % alignment, 0u);
    EXPECT_EQ(files->bytes(tensors[0]).size(), 36u);
    EXPECT_EQ(files->bytes(tensors[2])[1], std::byte('c'));
  }
}

TEST(GgufWriter, CopiesMetadata) {
  const ScratchFolder folder;
  ASSERT_TRUE(write_gguf(folder / "a.gguf", some_metadata(), three()));
  Ledger ledger{Limits()};
  const auto files = GgufFiles::open(folder / "a.gguf", ledger);
  ASSERT_TRUE(files);
  GgufMetadata metadata;
  metadata.copy(files->first());
  ASSERT_TRUE(write_gguf(folder / "b.gguf", metadata, three()));
  EXPECT_EQ(folder.read("a.gguf"), folder.read("b.gguf"));
  metadata.remove("words");
  metadata.set("real", 0.25f);
  ASSERT_TRUE(write_gguf(folder / "a.gguf", metadata, three()));  // onto the file that is mapped
  const auto again = GgufFiles::open(folder / "a.gguf", ledger);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->first().find("words"), nullptr);
  EXPECT_EQ(*again->first().find("real")->as_real(), 0.25);
}

TEST(GgufWriter, RefusesWhatCannotBe) {
  const ScratchFolder folder;
  const auto error = [&](GgufSource tensor) {
    const auto written = write_gguf(folder / "x.gguf", {}, std::vector{std::move(tensor)});
    EXPECT_FALSE(std::filesystem::exists(folder / "x.gguf"));
    return written ? std::string() : written.error().message;
  };
  EXPECT_NE(error(source("", {1}, 0, 4)), "");
  EXPECT_NE(error(source(std::string(64, 'n'), {1}, 0, 4)), "");
  EXPECT_NE(error(source("n", {33}, 2, 18)), "");
  EXPECT_NE(error(source("n", {1}, -1, 18)), "");
  EXPECT_NE(error(source("n", {1, 1, 1, 1, 1}, 0, 4)), "");
  EXPECT_NE(error(source("n", {1}, 0, 3)).find("less"), std::string::npos);
  EXPECT_NE(error(source("n", {1}, 0, 5)).find("more"), std::string::npos);
  EXPECT_FALSE(write_gguf(folder / "x.gguf", {},
                          std::vector{source("n", {1}, 0, 4), source("n", {1}, 0, 4)}));
  EXPECT_FALSE(std::filesystem::exists(folder / "x.gguf"));
}

TEST(GgufWriter, PartNames) {
  const auto part = gguf_part_name("m-00002-of-00003.gguf");
  ASSERT_TRUE(part);
  EXPECT_EQ(part->stem, "m");
  EXPECT_EQ(part->number, 2u);
  EXPECT_EQ(part->count, 3u);
  EXPECT_EQ(part->str(), "m-00002-of-00003.gguf");
  for (const char* name :
       {"m.gguf", "-00001-of-00001.gguf", "m-00000-of-00003.gguf", "m-00004-of-00003.gguf",
        "m-0a002-of-00003.gguf", "m-+0002-of-00003.gguf", "m-00002-or-00003.gguf",
        "m-00002-of-00003.ggu"})
    EXPECT_FALSE(gguf_part_name(name)) << name;
}

TEST(GgufFiles, PartsAreOneModel) {
  const ScratchFolder folder;
  const auto names = write_gguf(folder / "m.gguf", some_metadata(), three(), {.split_bytes = 50});
  ASSERT_TRUE(names) << describe(names.error());
  ASSERT_EQ(names->size(), 2u);
  EXPECT_EQ((*names)[1], folder / "m-00002-of-00002.gguf");
  for (const std::string& name : *names) {
    Ledger ledger{Limits()};
    const auto files = GgufFiles::open(name, ledger);
    ASSERT_TRUE(files) << describe(files.error());
    ASSERT_EQ(files->parts().size(), 2u);
    EXPECT_NE(files->first().find("words"), nullptr);
    const auto tensors = files->tensors();
    ASSERT_EQ(tensors.size(), 3u);
    EXPECT_EQ(tensors[0].part, 0u);
    EXPECT_EQ(tensors[1].part, 1u);
    EXPECT_EQ(files->bytes(tensors[1])[0], std::byte('b'));
  }
  // Written together again, it is as if it had never been split.
  Ledger ledger{Limits()};
  const auto files = GgufFiles::open(names->front(), ledger);
  GgufMetadata metadata;
  metadata.copy(files->first());
  ASSERT_TRUE(write_gguf(folder / "whole.gguf", metadata, three()));
  ASSERT_TRUE(write_gguf(folder / "m.gguf", some_metadata(), three()));
  EXPECT_EQ(folder.read("whole.gguf"), folder.read("m.gguf"));
}

TEST(GgufFiles, PartsThatDoNotFit) {
  const ScratchFolder folder;
  const auto names = write_gguf(folder / "m.gguf", some_metadata(), three(), {.split_bytes = 50});
  ASSERT_TRUE(names);
  const auto error = [&](const std::string& name) {
    Ledger ledger{Limits()};
    const auto files = GgufFiles::open(name, ledger);
    return files ? ErrorId::internal : files.error().id;
  };
  const std::string first = folder.read("m-00001-of-00002.gguf"),
                    second = folder.read("m-00002-of-00002.gguf");
  folder.write("other.gguf", first);  // a part by another name
  EXPECT_EQ(error(folder / "other.gguf"), ErrorId::malformed);
  folder.write("m-00002-of-00002.gguf", first);  // twice the same
  EXPECT_EQ(error(folder / "m-00001-of-00002.gguf"), ErrorId::malformed);
  std::filesystem::remove(folder / "m-00002-of-00002.gguf");
  EXPECT_EQ(error(folder / "m-00001-of-00002.gguf"), ErrorId::not_found);
  folder.write("m-00002-of-00002.gguf", second.substr(0, 60));
  EXPECT_EQ(error(folder / "m-00001-of-00002.gguf"), ErrorId::truncated);
  folder.write("m-00001-of-00003.gguf", first);
  EXPECT_EQ(error(folder / "m-00001-of-00003.gguf"), ErrorId::malformed);
}

}  // namespace
}  // namespace hone
