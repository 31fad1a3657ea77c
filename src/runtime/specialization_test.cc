// Binding symbols to the sizes of what is given: in any order, and refused with the reason.
#include "runtime/specialization.h"

#include <gtest/gtest.h>

namespace hone {
namespace {

const Dim kN = Dim::symbol("N"), kM = Dim::symbol("M");

Value port(std::string name, Shape shape, Value::Kind kind = Value::Kind::input) {
  Value v;
  v.kind = kind;
  v.name = std::move(name);
  v.type = Type(DType::f32, std::move(shape));
  return v;
}

Given given(const Value& port, const std::vector<int64_t>& extents) {
  return {&port, Type(DType::f32, Shape::of(extents))};
}

// The message, or "" when all fits.
std::string refusal(const std::vector<Given>& all, Dim::Bindings bindings = {}) {
  const Status status = bind_symbols(all, bindings);
  if (status) return "";
  EXPECT_EQ(status.error().id, ErrorId::bad_data);
  return status.error().message;
}

TEST(BindSymbols, InAnyOrder) {
  const Value longer = port("longer", {kN + 1, 2}), plain = port("plain", {kN});
  for (const bool first : {true, false}) {
    auto both = [&](int64_t more, int64_t n) {
      std::vector<Given> all{given(longer, {more, 2}), given(plain, {n})};
      if (!first) std::swap(all[0], all[1]);
      return all;
    };
    Dim::Bindings bindings;
    ASSERT_TRUE(bind_symbols(both(5, 4), bindings).ok());
    EXPECT_EQ(bindings, (Dim::Bindings{{"N", 4}}));
    EXPECT_EQ(refusal(both(7, 4)),
              "input 'longer' takes f32[N + 1,2], got f32[7,2] (axis 0: N + 1 is 5, not 7)");
    EXPECT_EQ(refusal(both(1, 0)), "");
  }
}

TEST(BindSymbols, OneValueForOneSymbol) {
  const Value a = port("a", {kN, kN}), b = port("b", {3, kM * kN});
  EXPECT_EQ(refusal({given(a, {2, 2}), given(b, {3, 8})}), "");
  EXPECT_EQ(refusal({given(a, {2, 4})}),
            "input 'a' takes f32[N,N], got f32[2,4] (axis 1: N is 2, not 4)");
  EXPECT_EQ(refusal({given(a, {2, 2})}, {{"N", 3}}),
            "input 'a' takes f32[N,N], got f32[2,2] (axis 0: N is 3, not 2)");
  EXPECT_EQ(refusal({given(a, {2, 2}), given(b, {3, 8})}, {{"M", 5}}),
            "input 'b' takes f32[3,M*N], got f32[3,8] (axis 1: M*N is 10, not 8)");
  EXPECT_EQ(refusal({given(b, {4, 8})}),
            "input 'b' takes f32[3,M*N], got f32[4,8] (axis 0: 3, not 4)");
}

// Nothing says what N is, but it is the same in both.
TEST(BindSymbols, SumsOfUnboundSymbolsAgree) {
  const Value a = port("a", {kN + 1}), b = port("b", {2, kN + 1});
  EXPECT_EQ(refusal({given(a, {5}), given(b, {2, 5})}), "");
  EXPECT_EQ(refusal({given(a, {5}), given(b, {2, 6})}),
            "input 'b' takes f32[2,N + 1], got f32[2,6] (axis 1: N + 1 is 5, not 6)");
}

TEST(BindSymbols, ValuesThatAPolynomialCannotHave) {
  const Value n = port("n", {kN}), m = port("m", {kM}), both = port("both", {broadcast(kN, kM)});
  EXPECT_EQ(refusal({given(both, {0}), given(n, {0}), given(m, {1})}), "");
  EXPECT_EQ(refusal({given(both, {1}), given(n, {0}), given(m, {1})}),
            "input 'both' takes f32[broadcast(M, N)], got f32[1] (axis 0: broadcast(M, N) is 0, "
            "not 1)");
  EXPECT_EQ(refusal({given(both, {3}), given(n, {2}), given(m, {3})}),
            "input 'both' takes f32[broadcast(M, N)], got f32[3] (axis 0: broadcast(M, N) has no "
            "value, not 3)");
}

// A quotient by a size that is 0 has no value; with more symbols that nothing binds, none is asked
// for.
TEST(BindSymbols, PolynomialsWithoutAValue) {
  const Value n = port("n", {kN}), over = port("over", {floor_div(6, kN)});
  const Value more = port("more", {floor_div(kM, kN)});
  EXPECT_EQ(refusal({given(over, {3}), given(n, {2}), given(more, {7})}), "");
  EXPECT_EQ(refusal({given(over, {3}), given(n, {0})}),
            "input 'over' takes f32[floor_div(6, N)], got f32[3] (axis 0: floor_div(6, N) has no "
            "value, not 3)");
  EXPECT_EQ(refusal({given(more, {3}), given(n, {0})}), "");
}

TEST(BindSymbols, NamesThatNeedQuotes) {
  const Value a = port("a", {Dim::symbol("unk 0")});
  Dim::Bindings bindings;
  ASSERT_TRUE(bind_symbols({given(a, {3})}, bindings).ok());
  EXPECT_EQ(bindings, (Dim::Bindings{{"unk 0", 3}}));
  EXPECT_NE(refusal({given(a, {3})}, {{"unk 0", 2}}), "");
}

TEST(BindSymbols, StatesAreNamedSo) {
  const Value s = port("s", {kN}, Value::Kind::state);
  EXPECT_EQ(refusal({given(s, {2})}, {{"N", 3}}),
            "state 's' takes f32[N], got f32[2] (axis 0: N is 3, not 2)");
}

TEST(BindSymbols, OtherRanksAndDtypes) {
  const Value a = port("a", {kN});
  EXPECT_EQ(refusal({given(a, {2, 2})}), "input 'a' takes f32[N], got f32[2,2]");
  EXPECT_EQ(refusal({{&a, Type(DType::i64, {2})}}), "input 'a' takes f32[N], got i64[2]");
  EXPECT_EQ(refusal({{&a, Type::sequence_of(Type(DType::f32, {2}))}}),
            "input 'a' takes f32[N], got sequence(f32[2])");
}

}  // namespace
}  // namespace hone
