// Types, encodings and attributes: printing, comparison, join and meet.
#include "ir/type.h"

#include <gtest/gtest.h>

#include <cmath>

#include "ir/attr.h"

namespace hone {
namespace {

const Dim kN = Dim::symbol("N");
const Dim kAny = Dim::unknown();

Type f32(Shape shape) { return Type(DType::f32, std::move(shape)); }

TEST(Type, Prints) {
  EXPECT_EQ(f32({kN, 3, 224}).str(), "f32[N,3,224]");
  EXPECT_EQ(f32(Shape::unranked()).str(), "f32[*]");
  EXPECT_EQ(f32(Shape::unknown(2)).str(), "f32[?,?]");
  EXPECT_EQ(f32({floor_div(kN, 2), kN + 1}).str(), "f32[floor_div(N, 2),N + 1]");
  const Type nested = Type::map_of(DType::string, Type::sequence_of(f32({kN})));
  EXPECT_EQ(nested.str(), "map(string, sequence(f32[N]))");
  EXPECT_EQ(nested.element(), Type::sequence_of(f32({kN})));
  EXPECT_EQ(Type::optional_of(f32({})).str(), "optional(f32[])");
  TensorType packed{DType::f32, {8, 4}, {}};
  packed.encoding = {Encoding::Kind::affine, DType::i4, 0, 32, true};
  EXPECT_EQ(packed.str(), "f32[8,4] affine(i4, axis=0, block=32, zero_point)");
  EXPECT_EQ(Encoding{}.str(), "");
}

TEST(Type, CountsAndBytes) {
  EXPECT_EQ(element_count({kN, 3, 4}), 12 * kN);
  EXPECT_EQ(element_count({}), Dim(1));
  EXPECT_EQ(element_count({kAny, 0}), Dim(0));
  EXPECT_TRUE(element_count(Shape::unranked()).is_unknown());
  EXPECT_EQ(stored_bytes({DType::f32, {kN, 3}, {}}), 12 * kN);
  EXPECT_EQ(stored_bytes({DType::i4, {5}, {}}), Dim(3));
  EXPECT_EQ(stored_bytes({DType::i4, {2, kN}, {}}), kN);
  EXPECT_EQ(stored_bytes({DType::f32, {8, 4}, {Encoding::Kind::affine, DType::i4, 0, 0, false}}),
            Dim(16));
  EXPECT_TRUE(stored_bytes({DType::string, {5}, {}}).is_unknown());
}

TEST(Type, Refines) {
  EXPECT_TRUE(refines(f32({2, kN}), f32({2, kN})));
  EXPECT_TRUE(refines(f32({2, kN}), f32({kAny, kAny})));
  EXPECT_TRUE(refines(f32({2, kN}), f32(Shape::unranked())));
  EXPECT_FALSE(refines(f32({kAny}), f32({2})));
  EXPECT_FALSE(refines(f32({2}), f32({2, 2})));
  EXPECT_FALSE(refines(f32(Shape::unranked()), f32({2})));
  EXPECT_FALSE(refines(f32({2}), Type(DType::f64, {2})));
  EXPECT_FALSE(refines(f32({2}), Type::optional_of(f32({2}))));
}

TEST(Type, Compatible) {
  EXPECT_TRUE(compatible(f32({2, kN}), f32({kAny, 5})));
  EXPECT_TRUE(compatible(f32(Shape::unranked()), f32({2})));
  EXPECT_FALSE(compatible(f32({2}), f32({3})));
  EXPECT_FALSE(compatible(f32({kN}), f32({kN + 1})));
  EXPECT_FALSE(compatible(f32({2}), f32({2, 1})));
}

TEST(Type, JoinsAndMeets) {
  EXPECT_EQ(join(f32({2, kN}), f32({2, 5})), f32({2, kAny}));
  EXPECT_EQ(join(f32({2}), f32({2, 5})), f32(Shape::unranked()));
  EXPECT_EQ(join(f32({2}), Type(DType::i8, {2})), std::nullopt);
  EXPECT_EQ(meet(f32({2, kAny}), f32({kN, 5})), f32({2, 5}));
  EXPECT_EQ(meet(f32({kN}), f32({7})), f32({7}));
  EXPECT_EQ(meet(f32(Shape::unranked()), f32({7})), f32({7}));
  EXPECT_EQ(meet(f32({2}), f32({3})), std::nullopt);
}

TEST(Attr, Prints) {
  EXPECT_EQ(print(Attr(int64_t{3})), "3");
  EXPECT_EQ(print(Attr(1.0f)), "1.0");
  EXPECT_EQ(print(Attr(0.1)), "f64{0.1}");
  EXPECT_EQ(print(Attr(std::string("a\"b"))), "\"a\\\"b\"");
  EXPECT_EQ(print(Attr(Integers{1, -2})), "[1, -2]");
  EXPECT_EQ(print(Attr(Reals{0.5f})), "[0.5]");
  EXPECT_EQ(print(Attr(Texts{"a", "b"})), "[\"a\", \"b\"]");
  EXPECT_EQ(print(Attr(DType::i8)), "i8");
  EXPECT_EQ(print(Attr(f32({2}))), "f32[2]");
  EXPECT_EQ(print(Attr(GraphId{3})), "graph 3");
  EXPECT_EQ(print(Attr(AttrVariable{"axis"})), "$axis");
}

TEST(Attr, KnowsItsKind) {
  EXPECT_TRUE(has_kind(Attr(int64_t{3}), AttrKind::integer));
  EXPECT_FALSE(has_kind(Attr(int64_t{3}), AttrKind::real));
  EXPECT_TRUE(has_kind(Attr(0.5f), AttrKind::real));
  EXPECT_TRUE(has_kind(Attr(0.1), AttrKind::real));
  EXPECT_EQ(real_attr(0.5), Attr(0.5f));
  EXPECT_EQ(real_attr(double(0.1f)), Attr(0.1f));
  EXPECT_EQ(real_attr(0.1), Attr(0.1));
  EXPECT_TRUE(std::holds_alternative<float>(real_attr(NAN)));
  EXPECT_TRUE(has_kind(Attr(Reals{}), AttrKind::reals));
  EXPECT_FALSE(has_kind(Attr(AttrVariable{"axis"}), AttrKind::integer));
  EXPECT_EQ(name(AttrKind::graph), "graph");
}

}  // namespace
}  // namespace hone
