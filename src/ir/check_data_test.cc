// Tests of comparing run-time values with types, and of booleans that are stored as other bytes.
#include "ir/check_data.h"

#include <gtest/gtest.h>

#include "ir/model.h"

namespace hone {
namespace {

Datum floats(Extents shape) { return Datum(Tensor::make(DType::f32, std::move(shape)).take()); }
Datum wrapped(Datum::Kind kind, std::vector<Datum> items) {
  Datum d;
  d.kind = kind;
  d.items = std::move(items);
  return d;
}

TEST(Fits, Tensors) {
  EXPECT_TRUE(fits(floats({2, 3}), Type(DType::f32, Shape::unranked())));
  EXPECT_TRUE(fits(floats({2, 3}), Type(DType::f32, {Dim::symbol("N"), Dim::unknown()})));
  EXPECT_FALSE(fits(floats({2, 3}), Type(DType::f32, {Dim(2), Dim(4)})));
  EXPECT_FALSE(fits(floats({2, 3}), Type(DType::f32, {Dim(2)})));
  EXPECT_FALSE(fits(floats({2, 3}), Type(DType::f64, Shape::unranked())));
  EXPECT_TRUE(fits(floats({0}), Type(DType::f32, {Dim(0)})));
  EXPECT_FALSE(fits(Datum(), Type(DType::f32, Shape{})));  // never made
}

TEST(Fits, EveryItem) {
  const Type f32(DType::f32, Shape::unranked());
  const Datum whole(Tensor::of({1}, Integers{1}));
  using Kind = Datum::Kind;
  EXPECT_TRUE(fits(wrapped(Kind::sequence, {floats({2}), floats({3, 1})}), Type::sequence_of(f32)));
  EXPECT_TRUE(fits(wrapped(Kind::sequence, {}), Type::sequence_of(f32)));
  EXPECT_FALSE(fits(wrapped(Kind::sequence, {floats({2}), whole}), Type::sequence_of(f32)));
  EXPECT_FALSE(fits(wrapped(Kind::optional, {floats({2})}), Type::sequence_of(f32)));
  EXPECT_FALSE(fits(floats({2}), Type::sequence_of(f32)));
  EXPECT_FALSE(fits(wrapped(Kind::sequence, {}), f32));
  EXPECT_TRUE(fits(wrapped(Kind::optional, {}), Type::optional_of(f32)));
  EXPECT_FALSE(fits(wrapped(Kind::optional, {whole}), Type::optional_of(f32)));
  EXPECT_FALSE(fits(wrapped(Kind::optional, {floats({}), floats({})}), Type::optional_of(f32)));
  const Datum inner = wrapped(Kind::sequence, {floats({2}), whole});
  EXPECT_FALSE(fits(wrapped(Kind::optional, {inner}), Type::optional_of(Type::sequence_of(f32))));
}

TEST(Fits, Keys) {
  const Type type = Type::map_of(DType::i64, Type(DType::f32, Shape{}));
  Datum map = wrapped(Datum::Kind::map, {floats({}), floats({})});
  EXPECT_FALSE(fits(map, type));  // no keys
  map.tensor = Tensor::of({2}, Integers{1, 2});
  EXPECT_TRUE(fits(map, type));
  map.tensor = Tensor::of({1}, Integers{1});
  EXPECT_FALSE(fits(map, type));
  map.tensor = Tensor::of_strings({2}, {"a", "b"});
  EXPECT_FALSE(fits(map, type));
}

// A file may hold any bytes.
TEST(Booleans, OfConstantsAreZeroOrOne) {
  Model model;
  Constant constant;
  constant.name = "b";
  constant.type = {DType::boolean, Shape::of({4}), {}};
  const auto bytes = std::make_shared<const std::vector<std::byte>>(
      std::vector<std::byte>{std::byte{0}, std::byte{1}, std::byte{2}, std::byte{255}});
  model.sources.push_back({"", nullptr, bytes, 4});
  constant.data = Constant::Span{0, 0, 4};
  const ConstantId id = model.add_constant(constant);
  const auto read = model.read(id);
  ASSERT_TRUE(read.ok());
  const auto stored = read->as<uint8_t>();
  EXPECT_EQ(std::vector<int>(stored.begin(), stored.end()), (std::vector<int>{0, 1, 1, 1}));
}

}  // namespace
}  // namespace hone
