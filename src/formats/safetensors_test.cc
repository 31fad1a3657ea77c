// Tests of the safetensors reader and writer.
#include "formats/safetensors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/scratch_folder.h"

namespace hone {
namespace {

using namespace std::string_literals;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string file(std::string_view header, std::string_view data) {
  const uint64_t length = header.size();
  std::string out(reinterpret_cast<const char*>(&length), 8);
  return out.append(header).append(data);
}

Result<Safetensors> read(const std::string& content, const Limits& limits = {}) {
  Ledger ledger(limits);
  return read_safetensors(bytes_of(content), ledger);
}

// The error; `internal` when the file is accepted.
ErrorId refusal(std::string_view header, std::string_view data, const Limits& limits = {}) {
  const auto content = read(file(header, data), limits);
  return content ? ErrorId::internal : content.error().id;
}

std::string entry(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return "{\"a\": {\"dtype\": \"" + std::string(dtype) + "\", \"shape\": " + std::string(shape) +
         ", \"data_offsets\": " + std::string(offsets) + "}}";
}

TEST(Safetensors, ReadsTensorsInTheOrderOfTheirData) {
  const std::string header =
      R"({"__metadata__": {"format": "pt", "é": ""}, )"
      R"("b": {"dtype": "F32", "shape": [1, 2], "data_offsets": [2, 10]}, )"
      R"("a": {"data_offsets": [0, 2], "shape": [], "dtype": "BF16"}, )"
      R"("empty": {"dtype": "I64", "shape": [0, 9], "data_offsets": [2, 2]}}   )";
  const auto content = read(file(header, "0123456789"));
  ASSERT_TRUE(content) << describe(content.error());
  EXPECT_EQ(content->data_offset, 8 + header.size());
  ASSERT_EQ(content->tensors.size(), 3u);
  EXPECT_EQ(content->tensors[0].name, "a");
  EXPECT_EQ(content->tensors[0].dtype, "BF16");
  EXPECT_TRUE(content->tensors[0].shape.empty());
  EXPECT_EQ(content->tensors[1].name, "empty");
  EXPECT_EQ(content->tensors[2].name, "b");
  EXPECT_EQ(content->tensors[2].shape, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(content->tensors[2].begin, 2u);
  EXPECT_EQ(content->tensors[2].end, 10u);
  EXPECT_EQ(content->metadata, (std::map<std::string, std::string>{{"format", "pt"}, {"é", ""}}));
}

TEST(Safetensors, SmallestFiles) {
  EXPECT_EQ(refusal("{}", ""), ErrorId::internal);
  EXPECT_EQ(refusal("{}   ", ""), ErrorId::internal);
  EXPECT_EQ(refusal("{}", "x"), ErrorId::malformed);
  EXPECT_EQ(refusal("", ""), ErrorId::malformed);
  EXPECT_EQ(refusal(" {}", ""), ErrorId::malformed);
  EXPECT_EQ(refusal("[]", ""), ErrorId::malformed);
  EXPECT_EQ(read("").error().id, ErrorId::truncated);
  EXPECT_EQ(read("1234567").error().id, ErrorId::truncated);
}

TEST(Safetensors, HeaderLengthLies) {
  EXPECT_EQ(read("\x03\0\0\0\0\0\0\0{}"s).error().id, ErrorId::truncated);
  EXPECT_EQ(read(std::string(8, '\xff') + "{}").error().id, ErrorId::malformed);
  EXPECT_EQ(read("\x01\xe1\xf5\x05\0\0\0\0{}"s).error().id, ErrorId::malformed);  // 100,000,001
  EXPECT_EQ(read("\x00\xe1\xf5\x05\0\0\0\0{}"s).error().id, ErrorId::truncated);  // 100,000,000
  const std::string good = file(entry("U8", "[4]", "[0, 4]"), "1234");
  ASSERT_TRUE(read(good));
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(read(good.substr(0, length))) << length;
  }
}

TEST(Safetensors, DataMustBeContiguousToTheEnd) {
  const auto two = [](std::string_view first, std::string_view second, size_t size) {
    return refusal(
        "{\"a\": {\"dtype\": \"U8\", \"shape\": [2], \"data_offsets\": " + std::string(first) +
            "}, \"b\": {\"dtype\": \"U8\", \"shape\": [2], \"data_offsets\": " +
            std::string(second) + "}}",
        std::string(size, 'x'));
  };
  EXPECT_EQ(two("[0, 2]", "[2, 4]", 4), ErrorId::internal);
  EXPECT_EQ(two("[2, 4]", "[0, 2]", 4), ErrorId::internal);
  EXPECT_EQ(two("[0, 2]", "[0, 2]", 2), ErrorId::malformed);  // the same bytes twice
  EXPECT_EQ(two("[0, 2]", "[1, 3]", 3), ErrorId::malformed);  // overlap
  EXPECT_EQ(two("[0, 2]", "[3, 5]", 5), ErrorId::malformed);  // hole
  EXPECT_EQ(two("[1, 3]", "[3, 5]", 5), ErrorId::malformed);  // hole at the start
  EXPECT_EQ(two("[0, 2]", "[2, 4]", 5), ErrorId::malformed);  // bytes left over
  EXPECT_EQ(two("[0, 2]", "[2, 4]", 3), ErrorId::truncated);
  EXPECT_EQ(two("[2, 0]", "[2, 4]", 4), ErrorId::malformed);
}

TEST(Safetensors, SizesFollowDtypeAndShape) {
  EXPECT_EQ(refusal(entry("F32", "[2]", "[0, 8]"), "12345678"), ErrorId::internal);
  EXPECT_EQ(refusal(entry("F32", "[2]", "[0, 7]"), "1234567"), ErrorId::malformed);
  EXPECT_EQ(refusal(entry("F32", "[1]", "[0, 8]"), "12345678"), ErrorId::malformed);
  EXPECT_EQ(refusal(entry("F33", "[2]", "[0, 8]"), "12345678"), ErrorId::malformed);
  EXPECT_EQ(refusal(entry("f32", "[2]", "[0, 8]"), "12345678"), ErrorId::malformed);
  EXPECT_EQ(refusal(entry("F4", "[4]", "[0, 2]"), "12"), ErrorId::internal);
  EXPECT_EQ(refusal(entry("F4", "[3]", "[0, 2]"), "12"), ErrorId::malformed);
  EXPECT_EQ(refusal(entry("F6_E2M3", "[4]", "[0, 3]"), "123"), ErrorId::internal);
  EXPECT_EQ(refusal(entry("F6_E3M2", "[5]", "[0, 4]"), "1234"), ErrorId::malformed);
  EXPECT_EQ(refusal(entry("C64", "[1]", "[0, 8]"), "12345678"), ErrorId::internal);
  EXPECT_EQ(refusal(entry("U8", "[4294967296, 4294967296]", "[0, 0]"), ""), ErrorId::overflow);
  EXPECT_EQ(refusal(entry("F64", "[2305843009213693952]", "[0, 0]"), ""), ErrorId::overflow);
  EXPECT_EQ(refusal(entry("U8", "[-1]", "[0, 0]"), ""), ErrorId::malformed);
  EXPECT_EQ(refusal(entry("U8", "[0, -1]", "[0, 0]"), ""), ErrorId::malformed);
}

TEST(Safetensors, EntriesAreStrict) {
  for (const char* header : {
           R"({"a": 1})",
           R"({"a": {}})",
           R"({"a": {"dtype": "U8", "shape": [0]}})",
           R"({"a": {"dtype": 1, "shape": [0], "data_offsets": [0, 0]}})",
           R"({"a": {"dtype": "U8", "shape": 0, "data_offsets": [0, 0]}})",
           R"({"a": {"dtype": "U8", "shape": [0.0], "data_offsets": [0, 0]}})",
           R"({"a": {"dtype": "U8", "shape": ["0"], "data_offsets": [0, 0]}})",
           R"({"a": {"dtype": "U8", "shape": [0], "data_offsets": [0]}})",
           R"({"a": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0, 0]}})",
           R"({"a": {"dtype": "U8", "shape": [0], "data_offsets": [-1, -1]}})",
           R"({"a": {"dtype": "U8", "shape": [0], "data_offsets": {"0": 0}}})",
           R"({"__metadata__": []})",
           R"({"__metadata__": {"a": 1}})",
           R"({"__metadata__": {"a": "b", "a": "b"}})",
           R"({"a": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}, )"
           R"("a": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}})",
       }) {
    EXPECT_EQ(refusal(header, ""), ErrorId::malformed) << header;
  }
  EXPECT_EQ(refusal("{\"\xff\": 1}", ""), ErrorId::not_utf8);
}

TEST(Safetensors, LimitsAndMessages) {
  Limits limits;
  limits.name = 0;
  EXPECT_EQ(refusal(entry("U8", "[0]", "[0, 0]"), "", limits), ErrorId::over_size);
  limits = {};
  limits.rank = 1;
  EXPECT_EQ(refusal(entry("U8", "[0]", "[0, 0]"), "", limits), ErrorId::internal);
  EXPECT_EQ(refusal(entry("U8", "[0, 0]", "[0, 0]"), "", limits), ErrorId::over_size);
  limits = {};
  limits.tensors = 0;
  EXPECT_EQ(refusal(entry("U8", "[0]", "[0, 0]"), "", limits), ErrorId::over_size);
  const auto wrong = read(file("{\"\\u001b[31m\": {}}", ""));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().context, std::vector{"reading the entry of tensor \"\\x1b[31m\""s});
}

TEST(Safetensors, WritesAlignedFilesThatReadBack) {
  ScratchFolder folder;
  const std::string big(256, 'b'), odd("odd"), words("12345678");
  std::vector<SafetensorsSource> sources;
  sources.push_back({"z.odd", "U8", {3}, 3, bytes_of(odd)});
  sources.push_back({"words", "F32", {2}, 8, bytes_of(words)});
  sources.push_back({"big.2", "F32", {8, 8}, 256, bytes_of(big)});
  sources.push_back({"none", "F32", {0}, 0, {}});
  sources.push_back({"big.1", "U8", {256}, 256, {}, [&](const ByteSink& sink) -> Status {
                       for (int i = 0; i < 4; ++i) {
                         TRY(sink(bytes_of(std::string(64, static_cast<char>('0' + i)))));
                       }
                       return ok();
                     }});
  const std::map<std::string, std::string> metadata{{"text", "a\n\"b\" é"}, {"", "\x01"}};
  ASSERT_TRUE(write_safetensors(folder / "m.safetensors", sources, metadata));
  const std::string content = folder.read("m.safetensors");
  const auto back = read(content);
  ASSERT_TRUE(back) << describe(back.error());
  EXPECT_EQ(back->data_offset % 64, 0u);
  EXPECT_EQ(back->metadata, metadata);
  std::string order;
  for (const SafetensorsTensor& tensor : back->tensors) {
    order += tensor.name + " ";
    const std::string data =
        content.substr(back->data_offset + tensor.begin, tensor.end - tensor.begin);
    for (const SafetensorsSource& source : sources) {
      if (source.name != tensor.name) continue;
      EXPECT_EQ(tensor.dtype, source.dtype);
      EXPECT_EQ(tensor.shape, source.shape);
      if (!source.write) {
        EXPECT_TRUE(std::ranges::equal(bytes_of(data), source.data));
      }
    }
    if (tensor.name.starts_with("big")) {
      EXPECT_EQ(tensor.begin % 64, 0u);
    }
    if (tensor.name == "big.1") {
      EXPECT_EQ(data.substr(60, 8), "00001111");
    }
  }
  EXPECT_EQ(order, "big.1 big.2 none words z.odd ");
  std::reverse(sources.begin(), sources.end());  // the order of the sources does not matter
  ASSERT_TRUE(write_safetensors(folder / "again.safetensors", sources, metadata));
  EXPECT_EQ(folder.read("again.safetensors"), content);
}

TEST(Safetensors, RefusesToWriteWhatItCouldNotRead) {
  ScratchFolder folder;
  const auto write = [&](std::vector<SafetensorsSource> sources,
                         const std::map<std::string, std::string>& metadata = {}) {
    const Status status = write_safetensors(folder / "m.safetensors", sources, metadata);
    return status ? ErrorId::io : status.error().id;
  };
  const SafetensorsSource good{"a", "U8", {2}, 2, bytes_of("12")};
  EXPECT_EQ(write({good, good}), ErrorId::duplicate_name);
  EXPECT_EQ(write({{"__metadata__", "U8", {2}, 2, bytes_of("12")}}), ErrorId::bad_value);
  EXPECT_EQ(write({{"\xff", "U8", {2}, 2, bytes_of("12")}}), ErrorId::bad_value);
  EXPECT_EQ(write({{"a", "U9", {2}, 2, bytes_of("12")}}), ErrorId::malformed);
  EXPECT_EQ(write({{"a", "U8", {3}, 2, bytes_of("12")}}), ErrorId::internal);
  EXPECT_EQ(write({{"a", "U8", {2}, 2, bytes_of("123")}}), ErrorId::internal);
  for (const char* given : {"1", "123"}) {
    const auto wrong = [&](const ByteSink& sink) { return sink(bytes_of(given)); };
    EXPECT_EQ(write({{"a", "U8", {2}, 2, {}, wrong}}), ErrorId::internal);
  }
  EXPECT_EQ(write({good}, {{"k", "\xff"}}), ErrorId::not_utf8);
  EXPECT_EQ(folder.count(), 0u);
  EXPECT_EQ(write({good}), ErrorId::io);  // that is: no error
  EXPECT_EQ(folder.count(), 1u);
}

TEST(Safetensors, ManyTensorsTakeLittleTime) {
  std::string header = "{";
  for (int i = 0; i < 50000; ++i) {
    header += (i ? ",\"t" : "\"t") + std::to_string(i) +
              "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}";
  }
  const auto content = read(file(header + "}", ""));
  ASSERT_TRUE(content);
  EXPECT_EQ(content->tensors.size(), 50000u);
}

}  // namespace
}  // namespace hone
