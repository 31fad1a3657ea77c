// Tensors, and the converter against an independent rounding by search.
#include "ir/tensor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <random>

#include "ir/model.h"
#include "ir/small_float.h"

namespace hone {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr DType kSmallFloats[] = {DType::f16,        DType::bf16,   DType::f8e4m3fn,
                                  DType::f8e4m3fnuz, DType::f8e5m2, DType::f8e5m2fnuz,
                                  DType::f4e2m1};

// The finite non-negative values of a type, by pattern.
std::map<double, uint32_t> positive_values(DType dtype) {
  std::map<double, uint32_t> values;
  for (uint32_t pattern = 0; pattern < 1u << (bits(dtype) - 1); ++pattern) {
    const double value = decode_small_float(dtype, pattern);
    if (std::isfinite(value)) values.emplace(value, pattern);
  }
  return values;
}

TEST(SmallFloat, EveryPatternReadsBack) {
  for (const DType dtype : kSmallFloats) {
    const uint32_t patterns = 1u << bits(dtype);
    for (uint32_t pattern = 0; pattern < patterns; ++pattern) {
      const double value = decode_small_float(dtype, pattern);
      const uint32_t back = encode_small_float(dtype, value, false);
      if (std::isnan(value)) {
        ASSERT_TRUE(std::isnan(decode_small_float(dtype, back))) << name(dtype) << pattern;
      } else {
        ASSERT_EQ(back, pattern) << name(dtype);
      }
      if (std::isfinite(value)) {
        ASSERT_EQ(encode_small_float(dtype, value, true), pattern);
      }
    }
  }
  for (uint32_t pattern = 0; pattern < 255; ++pattern) {
    const double value = decode_small_float(DType::f8e8m0, pattern);
    ASSERT_EQ(value, std::ldexp(1.0, static_cast<int>(pattern) - 127));
    ASSERT_EQ(encode_small_float(DType::f8e8m0, value, true), pattern);
  }
}

TEST(SmallFloat, SixteenBitFunctionsAgree) {
  for (uint32_t pattern = 0; pattern < 65536; ++pattern) {
    const auto p = static_cast<uint16_t>(pattern);
    const double half = decode_small_float(DType::f16, pattern);
    const double brain = decode_small_float(DType::bf16, pattern);
    if (std::isnan(half)) {
      ASSERT_TRUE(std::isnan(f16_to_f32(p)) && std::isnan(f16_to_f32(f32_to_f16(f16_to_f32(p)))));
    } else {
      ASSERT_EQ(std::bit_cast<uint64_t>(double{f16_to_f32(p)}), std::bit_cast<uint64_t>(half));
      ASSERT_EQ(f32_to_f16(f16_to_f32(p)), p);
    }
    if (std::isnan(brain)) {
      ASSERT_TRUE(std::isnan(bf16_to_f32(p)) &&
                  std::isnan(bf16_to_f32(f32_to_bf16(bf16_to_f32(p)))));
    } else {
      ASSERT_EQ(std::bit_cast<uint64_t>(double{bf16_to_f32(p)}), std::bit_cast<uint64_t>(brain));
      ASSERT_EQ(f32_to_bf16(bf16_to_f32(p)), p);
    }
  }
}

// Values, both neighbours of each midpoint, and midpoints, between all neighbours of each type.
TEST(SmallFloat, RoundsToNearestEven) {
  for (const DType dtype : kSmallFloats) {
    const auto values = positive_values(dtype);
    const uint32_t sign = 1u << (bits(dtype) - 1);
    for (auto low = values.begin(), high = std::next(low); high != values.end(); ++low, ++high) {
      const double middle = (low->first + high->first) / 2;  // exact in double
      const uint32_t even = low->second % 2 == 0 ? low->second : high->second;
      const auto expect = [&](double value, uint32_t pattern) {
        ASSERT_EQ(encode_small_float(dtype, value, true), pattern) << name(dtype) << ' ' << value;
        const bool signless = pattern == 0 && decode_small_float(dtype, sign) != 0;
        ASSERT_EQ(encode_small_float(dtype, -value, false), signless ? 0 : pattern | sign);
      };
      expect(middle, even);
      expect(std::nextafter(middle, 0.0), low->second);
      expect(std::nextafter(middle, kInfinity), high->second);
      expect(std::nextafter(low->first, kInfinity), low->second);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(SmallFloat, KnownValues) {
  EXPECT_EQ(f32_to_f16(65504), 0x7bff);
  EXPECT_EQ(f32_to_f16(65519.996f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520), 0x7c00);
  EXPECT_EQ(f32_to_f16(0x1p-24f), 1);
  EXPECT_EQ(f32_to_f16(0x1p-25f), 0);
  EXPECT_EQ(f32_to_f16(-0.0f), 0x8000);
  EXPECT_EQ(f32_to_bf16(1.0f), 0x3f80);
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(minifloat_to_f32(DType::f8e4m3fn, 0x7e), 448);
  EXPECT_EQ(minifloat_to_f32(DType::f8e4m3fnuz, 0x7f), 240);
  EXPECT_EQ(minifloat_to_f32(DType::f8e5m2, 0x7b), 57344);
  EXPECT_EQ(minifloat_to_f32(DType::f8e5m2fnuz, 0x7f), 57344);
  EXPECT_EQ(minifloat_to_f32(DType::f8e4m3fn, 0x01), 0x1p-9f);
  EXPECT_EQ(minifloat_to_f32(DType::f8e4m3fnuz, 0x01), 0x1p-10f);
  EXPECT_EQ(minifloat_to_f32(DType::f8e5m2, 0x01), 0x1p-16f);
  EXPECT_EQ(minifloat_to_f32(DType::f8e5m2fnuz, 0x01), 0x1p-17f);
  EXPECT_TRUE(std::isnan(minifloat_to_f32(DType::f8e4m3fn, 0x7f)));
  EXPECT_TRUE(std::isnan(minifloat_to_f32(DType::f8e4m3fnuz, 0x80)));
  EXPECT_TRUE(std::isnan(minifloat_to_f32(DType::f8e8m0, 0xff)));
  EXPECT_TRUE(std::isinf(minifloat_to_f32(DType::f8e5m2, 0x7c)));
  const float f4[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
  for (uint8_t i = 0; i < 8; ++i) EXPECT_EQ(minifloat_to_f32(DType::f4e2m1, i), f4[i]);
  EXPECT_EQ(minifloat_to_f32(DType::f4e2m1, 0xf), -6);
}

TEST(SmallFloat, SaturatesOrNot) {
  const float inf = std::numeric_limits<float>::infinity();
  for (const float large : {1e6f, inf}) {
    EXPECT_EQ(f32_to_minifloat(DType::f8e4m3fn, large), 0x7e);
    EXPECT_EQ(f32_to_minifloat(DType::f8e4m3fn, -large), 0xfe);
    EXPECT_EQ(f32_to_minifloat(DType::f8e4m3fn, large, false), 0x7f);
    EXPECT_EQ(f32_to_minifloat(DType::f8e4m3fnuz, large), 0x7f);
    EXPECT_EQ(f32_to_minifloat(DType::f8e4m3fnuz, -large, false), 0x80);
    EXPECT_EQ(f32_to_minifloat(DType::f8e5m2, large), 0x7b);
    EXPECT_EQ(f32_to_minifloat(DType::f8e5m2, -large, false), 0xfc);
    EXPECT_EQ(f32_to_minifloat(DType::f8e5m2fnuz, large), 0x7f);
    EXPECT_EQ(f32_to_minifloat(DType::f8e5m2fnuz, large, false), 0x80);
    EXPECT_EQ(f32_to_minifloat(DType::f4e2m1, -large), 0xf);
  }
  EXPECT_EQ(f32_to_minifloat(DType::f8e4m3fn, 464, false), 0x7e);  // a tie with 480
  EXPECT_EQ(f32_to_minifloat(DType::f8e4m3fn, 464.1f, false), 0x7f);
  EXPECT_EQ(f32_to_minifloat(DType::f8e4m3fnuz, -0.0f), 0);
  EXPECT_EQ(f32_to_minifloat(DType::f8e4m3fnuz, -1e-9f), 0);
  EXPECT_EQ(f32_to_minifloat(DType::f8e8m0, 1.5f), 128);
  EXPECT_EQ(f32_to_minifloat(DType::f8e8m0, 0), 0);
  EXPECT_EQ(f32_to_minifloat(DType::f8e8m0, inf), 0xfe);
  EXPECT_EQ(f32_to_minifloat(DType::f8e8m0, inf, false), 0xff);
}

TEST(Tensor, MakesZeroedAlignedMemory) {
  auto t = Tensor::make(DType::f32, {3, 5});
  ASSERT_TRUE(t.ok());
  EXPECT_EQ(t->count(), 15);
  EXPECT_EQ(t->byte_size(), 60);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(t->data()) % 64, 0u);
  for (const float x : std::as_const(*t).as<float>()) EXPECT_EQ(x, 0);
  EXPECT_EQ(t->type().str(), "f32[3,5]");
  EXPECT_TRUE(Tensor::make(DType::f32, {0, 5})->defined());
  EXPECT_EQ(Tensor::make(DType::i4, {5})->byte_size(), 3);
  EXPECT_EQ(Tensor::make(DType::string, {2})->strings().size(), 2u);
}

TEST(Tensor, RefusesWhatDoesNotFit) {
  EXPECT_EQ(Tensor::make(DType::f32, {1 << 20, 1 << 20}, 1 << 20).error().id, ErrorId::over_memory);
  EXPECT_EQ(Tensor::make(DType::string, {1 << 20}, 1 << 20).error().id, ErrorId::over_memory);
  EXPECT_EQ(Tensor::make(DType::i8, {-1}).error().id, ErrorId::overflow);
  EXPECT_EQ(Tensor::make(DType::i8, {int64_t{1} << 40, int64_t{1} << 40}).error().id,
            ErrorId::overflow);
  EXPECT_EQ(Tensor::make(DType::f64, {int64_t{1} << 61}).error().id, ErrorId::overflow);
  EXPECT_FALSE(Tensor::make(DType::i8, {std::numeric_limits<int64_t>::max()}, UINT64_MAX).ok());
}

// Bytes return to their budget with the last tensor that shares them.
TEST(Tensor, TakesFromABudget) {
  const auto budget = std::make_shared<MemoryBudget>(1000);
  auto a = Tensor::make(DType::f32, {100}, budget);
  ASSERT_TRUE(a.ok());
  EXPECT_EQ(budget->left(), 600u);
  EXPECT_EQ(Tensor::make(DType::f32, {151}, budget).error().id, ErrorId::over_memory);
  EXPECT_EQ(budget->left(), 600u);
  {
    const auto b = a->clone(budget);
    ASSERT_TRUE(b.ok());
    EXPECT_EQ(budget->left(), 200u);
    EXPECT_EQ(a->clone(budget).error().id, ErrorId::over_memory);
    const Tensor shared = a->reshaped({10, 10});
    *a = Tensor();
    EXPECT_EQ(budget->left(), 200u);
  }
  EXPECT_EQ(budget->left(), 1000u);
  {
    const auto texts = Tensor::make(DType::string, {10}, budget);
    ASSERT_TRUE(texts.ok());
    EXPECT_EQ(budget->left(), 1000 - 10 * sizeof(std::string));
  }
  EXPECT_EQ(budget->left(), 1000u);
  {
    const auto empty = Tensor::make(DType::u8, {0}, budget);
    ASSERT_TRUE(empty.ok());
    EXPECT_EQ(budget->left(), 1000 - kTensorOverhead) << "nothing in it takes memory, too";
  }
}

TEST(Tensor, SharesOrCopies) {
  Tensor t = Tensor::of({2, 2}, std::vector<float>{1, 2, 3, 4});
  const Tensor flat = t.reshaped({4});
  const Tensor copy = t.clone();
  t.as<float>()[1] = 9;
  EXPECT_EQ(reals(flat), (std::vector<double>{1, 9, 3, 4}));
  EXPECT_EQ(reals(copy), (std::vector<double>{1, 2, 3, 4}));
  const Tensor words = Tensor::of_strings({2}, {"a", "b"});
  Tensor others = words.clone();
  others.mutable_strings()[0] = "c";
  EXPECT_EQ(words.strings()[0], "a");
  EXPECT_EQ(strides_of({2, 3, 4}), (std::vector<int64_t>{12, 4, 1}));
  EXPECT_TRUE(strides_of({}).empty());
}

TEST(Convert, PacksSubByteTypesLowBitsFirst) {
  Tensor t = *Tensor::make(DType::i4, {3});
  store_integer(t, 0, -1);
  store_integer(t, 1, 7);
  store_integer(t, 2, -8);
  EXPECT_EQ(t.data()[0], std::byte{0x7f});
  EXPECT_EQ(t.data()[1], std::byte{0x08});
  EXPECT_EQ(integers(t), (std::vector<int64_t>{-1, 7, -8}));
  Tensor u = *Tensor::make(DType::u2, {5});
  for (int64_t i = 0; i < 5; ++i) store_integer(u, i, i);
  EXPECT_EQ(u.data()[0], std::byte{0b11100100});
  EXPECT_EQ(integers(u), (std::vector<int64_t>{0, 1, 2, 3, 0}));
  Tensor f = *Tensor::make(DType::f4e2m1, {2});
  store_real(f, 1, -2.4);
  store_real(f, 0, 5.1);
  EXPECT_EQ(reals(f), (std::vector<double>{6, -2}));
  EXPECT_EQ(f.data()[0], std::byte{0xc7});
}

TEST(Convert, StoresIntegers) {
  const auto real = [](DType dtype, double value) {
    return load_integer(Tensor::scalar(dtype, value), 0);
  };
  const auto integer = [](DType dtype, int64_t value) {
    Tensor t = *Tensor::make(dtype, {});
    store_integer(t, 0, value);
    return load_integer(t, 0);
  };
  EXPECT_EQ(real(DType::i8, 2.9), 2);
  EXPECT_EQ(real(DType::i8, -2.9), -2);
  EXPECT_EQ(real(DType::i8, 300), 127);
  EXPECT_EQ(real(DType::i8, -kInfinity), -128);
  EXPECT_EQ(real(DType::i32, kNaN), 0);
  EXPECT_EQ(real(DType::u8, -5), 0);
  EXPECT_EQ(real(DType::i4, 100), 7);
  EXPECT_EQ(real(DType::u2, 100), 3);
  EXPECT_EQ(real(DType::i64, 1e30), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(real(DType::u64, 0x1p63), std::numeric_limits<int64_t>::min());  // the bits
  EXPECT_EQ(real(DType::u64, 1e30), -1);
  EXPECT_EQ(real(DType::boolean, 0.1), 1);
  EXPECT_EQ(real(DType::boolean, -0.0), 0);
  EXPECT_EQ(integer(DType::i8, 200), -56);
  EXPECT_EQ(integer(DType::u8, -1), 255);
  EXPECT_EQ(integer(DType::i4, 9), -7);
  EXPECT_EQ(integer(DType::u64, -1), -1);
  EXPECT_EQ(integer(DType::boolean, -7), 1);
  EXPECT_EQ(integer(DType::f64, int64_t{1} << 53), int64_t{1} << 53);
  EXPECT_EQ(load_real(Tensor::scalar(DType::u64, 0x1p63), 0), 0x1p63);
  EXPECT_EQ(real(DType::f32, 1e30), std::numeric_limits<int64_t>::max());
}

TEST(Convert, RoundsOnce) {
  // By way of f32 the last bit would be lost and the tie go to even, below.
  EXPECT_EQ(load_real(Tensor::scalar(DType::f16, 1 + 0x1p-11 + 0x1p-40), 0), 1 + 0x1p-10);
  EXPECT_EQ(load_real(Tensor::scalar(DType::bf16, 1 + 0x1p-8 + 0x1p-40), 0), 1 + 0x1p-7);
  // By way of double.
  Tensor t = *Tensor::make(DType::bf16, {});
  store_integer(t, 0, (int64_t{1} << 62) + (int64_t{1} << 54) + 1);
  EXPECT_EQ(load_real(t, 0), 0x1p62 + 0x1p55);
  store_integer(t, 0, std::numeric_limits<int64_t>::min());
  EXPECT_EQ(load_real(t, 0), -0x1p63);
}

TEST(Convert, EveryNumericTypeHoldsSmallIntegers) {
  for (int i = 0; i < kDTypes; ++i) {
    const auto dtype = static_cast<DType>(i);
    if (dtype == DType::string || is_complex(dtype)) continue;
    Tensor t = *Tensor::make(dtype, {9});
    store_integer(t, 4, 1);
    EXPECT_EQ(load_integer(t, 4), 1) << name(dtype);
    EXPECT_EQ(load_real(t, 4), 1) << name(dtype);
    EXPECT_EQ(load_integer(t, 5), 0) << name(dtype);
    store_real(t, 3, 1);
    EXPECT_EQ(load_integer(t, 3), 1) << name(dtype);
  }
}

TEST(Datum, KnowsItsType) {
  Datum list;
  list.kind = Datum::Kind::sequence;
  list.empty_type = Type(DType::i64, Shape{});
  EXPECT_EQ(list.type().str(), "sequence(i64[])");
  list.items = {Tensor::of({2}, std::vector<float>{1, 2}), Tensor::of({1}, std::vector<float>{1})};
  EXPECT_EQ(list.type().str(), "sequence(f32[?])");
  Datum map;
  map.kind = Datum::Kind::map;
  map.tensor = Tensor::of_strings({1}, {"k"});
  map.items = {Tensor::scalar(DType::f32, 1)};
  EXPECT_EQ(map.type().str(), "map(string, f32[])");
}

// All that a value holds is looked at: an element of another dtype makes it another type.
TEST(Datum, IsOfAType) {
  const Datum x(Tensor::of({2, 3}, std::vector<float>(6)));
  EXPECT_TRUE(x.is_of(Type(DType::f32, Shape::unranked())));
  EXPECT_TRUE(x.is_of(Type(DType::f32, Shape{2, Dim::unknown()})));
  EXPECT_TRUE(x.is_of(Type(DType::f32, Shape{Dim::symbol("N"), 3})));
  EXPECT_FALSE(x.is_of(Type(DType::f32, Shape{2, 4})));
  EXPECT_FALSE(x.is_of(Type(DType::f32, Shape{6})));
  EXPECT_FALSE(x.is_of(Type(DType::i32, Shape::unranked())));
  EXPECT_FALSE(x.is_of(Type::sequence_of(Type(DType::f32, Shape::unranked()))));
  EXPECT_FALSE(Datum().is_of(Type(DType::f32, Shape{}))) << "there is nothing in it";

  Datum list;
  list.kind = Datum::Kind::sequence;
  const Type floats = Type::sequence_of(Type(DType::f32, Shape::unranked()));
  EXPECT_TRUE(list.is_of(floats));
  list.items = {x, x, Datum(Tensor::of({1}, std::vector<int64_t>{1}))};
  EXPECT_TRUE(list.type() == Type::sequence_of(x.type())) << "the joined type hides the last one";
  EXPECT_FALSE(list.is_of(floats));
  list.items.pop_back();
  EXPECT_TRUE(list.is_of(floats));
  EXPECT_TRUE(list.is_of(Type::sequence_of(Type(DType::f32, Shape{9})))) << "a note, no promise";
  EXPECT_FALSE(list.is_of(floats.element()));
  EXPECT_FALSE(list.is_of(Type::optional_of(floats.element()))) << "an optional holds one";

  Datum map;
  map.kind = Datum::Kind::map;
  map.tensor = Tensor::of({2}, std::vector<int64_t>{7, 8});
  map.items = {x, x};
  EXPECT_TRUE(map.is_of(Type::map_of(DType::i64, floats.element())));
  EXPECT_FALSE(map.is_of(Type::map_of(DType::i32, floats.element())));
  map.items.pop_back();
  EXPECT_FALSE(map.is_of(Type::map_of(DType::i64, floats.element()))) << "a key without a value";
}

// A file may hold any bytes.
TEST(Booleans, OfConstantsAreZeroOrOne) {
  Model model;
  Constant constant;
  constant.name = "b";
  constant.type = {DType::boolean, Shape::of({4}), {}};
  model.sources.push_back(
      DataSource::in_memory({std::byte{0}, std::byte{1}, std::byte{2}, std::byte{255}}));
  constant.data = Constant::Span{0, 0, 4};
  const ConstantId id = model.add_constant(constant);
  const auto read = model.read(id);
  ASSERT_TRUE(read.ok());
  const auto stored = read->as<uint8_t>();
  EXPECT_EQ(std::vector<int>(stored.begin(), stored.end()), (std::vector<int>{0, 1, 1, 1}));
}

}  // namespace
}  // namespace hone
