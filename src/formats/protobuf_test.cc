// Tests of the protobuf wire reader and writer.
#include "formats/protobuf.h"

#include <gtest/gtest.h>

#include <cmath>

namespace hone {
namespace {

using namespace std::string_literals;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// The first error while reading every field.
ErrorId first_error(std::string_view message, std::string* text = nullptr) {
  WireReader reader(bytes_of(message), 100, "model.graph");
  while (true) {
    const auto field = reader.next();
    if (!field) {
      if (text) *text = field.error().message;
      return field.error().id;
    }
    if (!field->has_value()) return ErrorId::internal;  // no error
  }
}

TEST(Wire, ReadsBackWhatItWrites) {
  WireWriter inner;
  inner.text(1, "name");
  WireWriter writer;
  writer.varint(1, 300);
  writer.int64(2, -1);
  writer.fixed32(3, 0x01020304);
  writer.fixed64(4, UINT64_MAX);
  writer.float32(5, 1.5f);
  writer.message(536870911, inner);
  const std::string data(writer.data());
  WireReader reader(bytes_of(data), 1000, "m");
  const auto next = [&] {
    auto field = reader.next();
    EXPECT_TRUE(field && field->has_value());
    return **field;
  };
  WireField field = next();
  EXPECT_EQ(field.number, 1u);
  EXPECT_EQ(field.offset, 1001u);
  EXPECT_EQ(*wire_uint64(field, "f"), 300u);
  field = next();
  EXPECT_EQ(*wire_int64(field, "f"), -1);
  EXPECT_EQ(*wire_int32(field, "f"), -1);
  EXPECT_TRUE(*wire_bool(field, "f"));
  field = next();
  EXPECT_EQ(field.type, WireType::fixed32);
  EXPECT_EQ(field.value, 0x01020304u);
  field = next();
  EXPECT_TRUE(std::isnan(*wire_double(field, "f")));
  field = next();
  EXPECT_EQ(*wire_float(field, "f"), 1.5f);
  field = next();
  EXPECT_EQ(field.number, 536870911u);
  auto nested = WireReader::inside(field, "m.inner");
  ASSERT_TRUE(nested);
  EXPECT_EQ(nested->offset(), 1000 + data.size() - 6);
  const auto name = nested->next();
  ASSERT_TRUE(name && name->has_value());
  EXPECT_EQ(*wire_name(**name, "m.inner.name", Limits()), "name");
  EXPECT_FALSE(nested->next()->has_value());
  EXPECT_FALSE(reader.next()->has_value());
  EXPECT_FALSE(reader.next()->has_value());
}

TEST(Wire, KnownBytes) {  // the examples of the encoding guide
  WireWriter writer;
  writer.varint(1, 150);
  writer.text(2, "testing");
  const int64_t values[] = {3, 270, 86942};
  writer.packed(6, values);
  EXPECT_EQ(writer.data(), "\x08\x96\x01\x12\x07testing\x32\x06\x03\x8e\x02\x9e\xa7\x05"s);
}

TEST(Wire, VarintsOfEveryLength) {
  for (int bit = 0; bit < 64; ++bit) {
    for (const uint64_t value : {uint64_t{1} << bit, (uint64_t{1} << bit) - 1}) {
      WireWriter writer;
      writer.varint(1, value);
      WireReader reader(bytes_of(writer.data()));
      EXPECT_EQ((*reader.next())->value, value);
    }
  }
  EXPECT_EQ(first_error("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s), ErrorId::internal);
  EXPECT_EQ(first_error("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s), ErrorId::malformed);
  EXPECT_EQ(first_error("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"s), ErrorId::malformed);
  EXPECT_EQ(first_error("\x08\x80\x00"s), ErrorId::internal);  // padded, but legal
}

TEST(Wire, RefusesMalformedFields) {
  EXPECT_EQ(first_error(""), ErrorId::internal);
  EXPECT_EQ(first_error("\x08"s), ErrorId::truncated);
  EXPECT_EQ(first_error("\x08\x80"s), ErrorId::truncated);
  EXPECT_EQ(first_error("\x0d\x01\x02\x03"s), ErrorId::truncated);
  EXPECT_EQ(first_error("\x09\x01\x02\x03\x04\x05\x06\x07"s), ErrorId::truncated);
  EXPECT_EQ(first_error("\x12\x02x"s), ErrorId::truncated);
  EXPECT_EQ(first_error("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"s), ErrorId::truncated);
  EXPECT_EQ(first_error("\x00\x00"s), ErrorId::malformed);                  // field 0
  EXPECT_EQ(first_error("\x0e\x00"s), ErrorId::malformed);                  // type 6
  EXPECT_EQ(first_error("\x0f\x00"s), ErrorId::malformed);                  // type 7
  EXPECT_EQ(first_error("\x80\x80\x80\x80\x10\x00"s), ErrorId::malformed);  // field 2^29
  EXPECT_EQ(first_error("\xf8\xff\xff\xff\x0f\x00"s), ErrorId::internal);   // field 2^29-1
  std::string text;
  first_error("\x08\x01\x12\x05x"s, &text);
  EXPECT_EQ(text, "model.graph at byte 104 needs 5 bytes, but 1 are left");
}

TEST(Wire, SkipsGroups) {
  // 1: 7, then group 2 with a nested group 3, a varint, bytes, fixed32 and fixed64, then 1: 8.
  const std::string data =
      "\x08\x07\x13\x1b\x08\x01\x1c\x12\x02zz\x0d____\x09________\x14\x08\x08"s;
  WireReader reader(bytes_of(data));
  EXPECT_EQ((*reader.next())->value, 7u);
  EXPECT_EQ((*reader.next())->value, 8u);
  EXPECT_FALSE(reader.next()->has_value());
  EXPECT_EQ(first_error("\x13"s), ErrorId::malformed);           // never ends
  EXPECT_EQ(first_error("\x13\x1c"s), ErrorId::malformed);       // ends as another
  EXPECT_EQ(first_error("\x14"s), ErrorId::malformed);           // ends, never began
  EXPECT_EQ(first_error("\x13\x12\x05x"s), ErrorId::truncated);  // short inside
  EXPECT_EQ(first_error(std::string(100, '\x13') + std::string(100, '\x14')), ErrorId::internal);
  EXPECT_EQ(first_error(std::string(101, '\x13') + std::string(101, '\x14')), ErrorId::over_depth);
  EXPECT_EQ(first_error(std::string(10'000'000, '\x13')), ErrorId::over_depth);
}

TEST(Wire, RefusesOtherTypesThanTheSchema) {
  WireWriter writer;
  writer.varint(7, 1);
  WireReader reader(bytes_of(writer.data()), 50);
  const WireField field = **reader.next();
  EXPECT_EQ(wire_bytes(field, "node.name").error().message,
            "node.name at byte 51: field 7 has wire type varint, expected bytes");
  EXPECT_FALSE(wire_float(field, "f"));
  EXPECT_FALSE(wire_double(field, "f"));
  EXPECT_FALSE(wire_name(field, "f", Limits()));
  EXPECT_FALSE(WireReader::inside(field, "f"));
  std::vector<float> floats;
  Ledger ledger{Limits()};
  EXPECT_FALSE(wire_append(field, floats, ledger, "f"));
}

TEST(Wire, NamesAreUtf8AndBounded) {
  const auto name = [](std::string_view text, const Limits& limits) {
    WireField field;
    field.type = WireType::bytes;
    field.bytes = bytes_of(text);
    field.offset = 10;
    return wire_name(field, "n", limits);
  };
  Limits limits;
  limits.name = 4;
  EXPECT_EQ(*name("abcd", limits), "abcd");
  EXPECT_EQ(*name("", limits), "");
  EXPECT_EQ(name("abcde", limits).error().id, ErrorId::over_size);
  const auto wrong = name("ab\xff", limits);
  EXPECT_EQ(wrong.error().id, ErrorId::not_utf8);
  EXPECT_EQ(wrong.error().message, "n at byte 12: not UTF-8");
}

TEST(Wire, RepeatedNumbersPackedOrNot) {
  WireWriter writer;
  const int64_t packed[] = {1, -1, INT64_MIN};
  writer.packed(1, packed);
  writer.int64(1, 5);
  writer.packed(1, {});
  writer.text(2, "\x00\x00\x80\x3f\x00\x00\x00\x40"s);
  writer.float32(2, 3.0f);
  WireReader reader(bytes_of(writer.data()));
  Ledger ledger{Limits()};
  std::vector<int64_t> ints;
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(wire_append(**reader.next(), ints, ledger, "ints"));
  EXPECT_EQ(ints, (std::vector<int64_t>{1, -1, INT64_MIN, 5}));
  std::vector<float> floats;
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(wire_append(**reader.next(), floats, ledger, "floats"));
  EXPECT_EQ(floats, (std::vector<float>{1.0f, 2.0f, 3.0f}));
}

TEST(Wire, PackedNumbersAreCheckedAndCharged) {
  WireField field;
  field.type = WireType::bytes;
  Ledger ledger{Limits()};
  std::vector<double> doubles;
  field.bytes = bytes_of("123456789");
  EXPECT_EQ(wire_append(field, doubles, ledger, "d").error().id, ErrorId::malformed);
  std::vector<int32_t> ints;
  const std::string open = "\x01\x80";
  field.bytes = bytes_of(open);
  EXPECT_EQ(wire_append(field, ints, ledger, "i").error().id, ErrorId::truncated);
  Limits limits;
  limits.memory = 80;
  Ledger small(limits);
  std::vector<int64_t> longs;
  const std::string ten(10, '\x01'), eleven(11, '\x01');
  field.bytes = bytes_of(eleven);
  EXPECT_EQ(wire_append(field, longs, small, "l").error().id, ErrorId::over_memory);
  EXPECT_EQ(longs.capacity(), 0u);
  field.bytes = bytes_of(ten);
  EXPECT_TRUE(wire_append(field, longs, small, "l"));
  EXPECT_EQ(longs.size(), 10u);
}

}  // namespace
}  // namespace hone
