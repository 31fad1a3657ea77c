// Tests of .npy reading and writing.
#include "formats/npy.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/scratch_folder.h"

namespace hone {
namespace {

using namespace std::string_literals;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string file(std::string_view dictionary, std::string_view data, int version = 1) {
  std::string out = "\x93NUMPY";
  out += static_cast<char>(version);
  out += '\0';
  const auto length = static_cast<uint32_t>(dictionary.size());
  out.append(reinterpret_cast<const char*>(&length), version == 1 ? 2 : 4);
  return out.append(dictionary).append(data);
}

Result<NpyArray> read(const std::string& content) {
  Ledger ledger{Limits()};
  return read_npy(bytes_of(content), ledger);
}

// The error of a dictionary; `internal` when there is none.
ErrorId refusal(std::string_view dictionary, std::string_view data = "") {
  const auto array = read(file(dictionary, data));
  return array ? ErrorId::internal : array.error().id;
}

TEST(Npy, ReadsAllVersionsAndKeyOrders) {
  for (const int version : {1, 2, 3}) {
    const std::string content =
        file("{ \"shape\" :(2,3,) ,'fortran_order':True, 'descr': '>f4' }   \n",
             std::string(24, 'x'), version);
    const auto array = read(content);
    ASSERT_TRUE(array) << describe(array.error());
    EXPECT_EQ(array->descr, ">f4");
    EXPECT_EQ(array->order, '>');
    EXPECT_EQ(array->kind, 'f');
    EXPECT_EQ(array->item_size, 4u);
    EXPECT_TRUE(array->fortran_order);
    EXPECT_EQ(array->shape, (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(array->data.size(), 24u);
    EXPECT_EQ(array->data_offset, content.size() - 24);
  }
}

TEST(Npy, ScalarsAndEmptyArrays) {
  const auto scalar = read(file("{'descr': '|b1', 'fortran_order': False, 'shape': ()}", "\1"));
  ASSERT_TRUE(scalar);
  EXPECT_TRUE(scalar->shape.empty());
  EXPECT_EQ(scalar->data.size(), 1u);
  const auto empty = read(file("{'descr': '<i8', 'fortran_order': False, 'shape': (0, 5)}", ""));
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->data.empty());
}

TEST(Npy, RefusesMalformedHeaders) {
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }";
  ASSERT_EQ(refusal(good, "1234"), ErrorId::internal);
  EXPECT_EQ(refusal(good, "123"), ErrorId::truncated);
  EXPECT_EQ(refusal(good, "12345"), ErrorId::malformed);
  for (const char* bad : {
           "",
           "{}",
           "{'descr': '<f4'}",
           "{'descr': '<f4', 'fortran_order': False}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': 1}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1L,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1.0,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1,",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
           "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}",
           "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
           "{'descr': '<f4' 'fortran_order': False, 'shape': (1,)}",
           "{'descr': '<f4\\x00', 'fortran_order': False, 'shape': (1,)}",
           "{'descr': '<f4, 'fortran_order': False, 'shape': (1,)}",
           "__import__('os').system('id')",
       }) {
    EXPECT_EQ(refusal(bad, "1234"), ErrorId::malformed) << bad;
  }
}

TEST(Npy, RefusesTypesThatAreNotPlain) {
  const auto with = [](std::string_view descr) {
    return refusal("{'descr': " + std::string(descr) + ", 'fortran_order': False, 'shape': (0,)}");
  };
  for (const char* descr : {"'<f4'", "'<f2'", "'>f8'", "'|i1'", "'<u8'", "'<c8'", "'<c16'", "'|S5'",
                            "'<U7'", "'|V2'", "'|b1'", "'|S0'"}) {
    EXPECT_EQ(with(descr), ErrorId::internal) << descr;
  }
  EXPECT_EQ(with("'|O'"), ErrorId::unsupported_feature);
  EXPECT_EQ(with("[('a', '<f4')]"), ErrorId::unsupported_feature);
  EXPECT_EQ(with("'<M8[ns]'"), ErrorId::unsupported_feature);
  for (const char* descr :
       {"''", "'<'", "'f4'", "'=f4'", "'<f3'", "'<f'", "'<f16'", "'<f44'", "'|f4'", "'<x4'",
        "'<i-4'", "'<f4x'", "'<U99999999999'", "'<i0'", "'<b2'"}) {
    EXPECT_EQ(with(descr), ErrorId::malformed) << descr;
  }
}

TEST(Npy, SizesThatWrapAreRefused) {
  const auto with = [](std::string_view shape) {
    return refusal("{'descr': '<f8', 'fortran_order': False, 'shape': " + std::string(shape) + "}");
  };
  EXPECT_EQ(with("(4611686018427387904, 4)"), ErrorId::overflow);
  EXPECT_EQ(with("(2305843009213693952,)"), ErrorId::overflow);  // x 8 = 2^64
  EXPECT_EQ(with("(1152921504606846976,)"), ErrorId::truncated);
  EXPECT_EQ(with("(0, 9223372036854775807, 2)"), ErrorId::overflow);
  std::string axes = "(";
  for (int i = 0; i < 65; ++i) axes += "1,";
  EXPECT_EQ(with(axes + ")"), ErrorId::over_size);
}

TEST(Npy, RefusesOtherFiles) {
  EXPECT_EQ(read("").error().id, ErrorId::truncated);
  EXPECT_EQ(read("\x93NUMPX\1\0\0\0"s).error().id, ErrorId::malformed);
  EXPECT_EQ(read("\x93NUMPY\4\0\0\0\0\0"s).error().id, ErrorId::unsupported_version);
  EXPECT_EQ(read("\x93NUMPY\1\1\0\0"s).error().id, ErrorId::unsupported_version);
  EXPECT_EQ(read("\x93NUMPY\2\0\xff\xff\xff\xff"s).error().id, ErrorId::malformed);
  const std::string good = file("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", "1234");
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(read(good.substr(0, length))) << length;
  }
}

TEST(Npy, HeadersAreAlignedAndReadBack) {
  for (size_t rank = 0; rank < 64; ++rank) {
    std::vector<int64_t> shape(rank, 1000000007);
    if (rank > 2) shape[0] = 0;
    if (rank > 0 && rank <= 2) shape[0] = 1;
    if (rank == 2) shape[1] = 2;
    if (rank > 2) std::fill(shape.begin() + 1, shape.end(), 1);
    const std::string header = npy_header("<f4", shape);
    EXPECT_EQ(header.size() % 64, 0u);
    EXPECT_EQ(header.back(), '\n');
    const auto array = read(header + (rank > 2 ? "" : rank == 2 ? "12345678" : "1234"));
    ASSERT_TRUE(array) << header;
    EXPECT_EQ(array->shape, shape);
  }
}

TEST(Npy, WritesFiles) {
  ScratchFolder folder;
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const std::vector<int64_t> shape{2, 3};
  ASSERT_TRUE(write_npy(folder / "a.npy", "<f4", shape, std::as_bytes(std::span(values))));
  const std::string content = folder.read("a.npy");
  const auto array = read(content);
  ASSERT_TRUE(array);
  EXPECT_EQ(array->data_offset, 128u);
  // Byte for byte what numpy.save writes.
  EXPECT_TRUE(content.starts_with(
      "\x93NUMPY\1\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  "s));
  EXPECT_EQ(std::memcmp(array->data.data(), values.data(), 24), 0);
  EXPECT_FALSE(write_npy(folder / "b.npy", "<f8", shape, std::as_bytes(std::span(values))));
  EXPECT_EQ(folder.count(), 1u);
}

TEST(Npy, StringsRoundTrip) {
  ScratchFolder folder;
  const std::vector<std::string> texts{"", "a", "héllo 😀", "a\0b"s};
  const std::vector<int64_t> shape{2, 2};
  ASSERT_TRUE(write_npy_strings(folder / "s.npy", texts, shape));
  const std::string content = folder.read("s.npy");
  const auto array = read(content);
  ASSERT_TRUE(array);
  EXPECT_EQ(array->descr, "<U7");
  Ledger ledger{Limits()};
  EXPECT_EQ(*npy_strings(*array, ledger), texts);
  EXPECT_FALSE(write_npy_strings(folder / "t.npy", std::vector{"\xff"s}, std::vector<int64_t>{1}));
}

// Every text takes as much as the longest.
TEST(Npy, TextsOfVeryDifferentLengths) {
  const ScratchFolder folder;
  std::vector<std::string> texts(1000, "a");
  texts[0] = std::string(1 << 20, 'b');
  const int64_t shape[] = {1000};
  EXPECT_EQ(write_npy_strings(folder / "a.npy", texts, shape).error().id,
            ErrorId::unsupported_feature);
}

TEST(Npy, StringsAreChecked) {
  const auto strings = [](std::string_view descr, std::string_view shape, std::string_view data) {
    const std::string content =
        file("{'descr': '" + std::string(descr) +
                 "', 'fortran_order': False, 'shape': " + std::string(shape) + "}",
             data);
    Ledger ledger{Limits()};
    return npy_strings(*read_npy(bytes_of(content), ledger), ledger);
  };
  EXPECT_EQ(*strings("|S3", "(2,)", "ab\0xyz"s), (std::vector<std::string>{"ab", "xyz"}));
  EXPECT_EQ(*strings(">U1", "(1,)", "\0\0\0A"s), std::vector<std::string>{"A"});
  EXPECT_EQ(strings("<U1", "(1,)", "\0\xd8\0\0"s).error().id, ErrorId::not_utf8);
  EXPECT_EQ(strings("<U1", "(1,)", "\0\0\x11\0"s).error().id, ErrorId::not_utf8);
  EXPECT_EQ(strings("|S1", "(1,)", "\xff").error().id, ErrorId::not_utf8);
  EXPECT_EQ(strings("<f4", "(1,)", "1234").error().id, ErrorId::bad_data);
  EXPECT_EQ(strings("|S0", "(1000000000000000,)", "").error().id, ErrorId::over_memory);
}

}  // namespace
}  // namespace hone
