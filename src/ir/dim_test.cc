// Arithmetic of Dims against integers, canonical form, and the text round trip.
#include "ir/dim.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/checked.h"
#include "ir/dim_text.h"

namespace hone {
namespace {

const Dim kN = Dim::symbol("N"), kT = Dim::symbol("T"), kH = Dim::symbol("H");

Dim parsed(std::string_view text) {
  size_t at = 0;
  auto d = parse_dim(text, at);
  EXPECT_TRUE(d.ok()) << text;
  EXPECT_EQ(at, text.size()) << text;
  return d ? *d : Dim(-12345);
}

int64_t ceil_quotient(int64_t a, int64_t b) { return -floor_div(-a, b); }

TEST(Dim, Prints) {
  EXPECT_EQ((Dim(4743168) * kT).str(), "4743168*T");
  EXPECT_EQ((kN * kT * 2 + 3).str(), "2*N*T + 3");
  EXPECT_EQ((5 - kN).str(), "-N + 5");
  EXPECT_EQ((kN * kN - 1).str(), "N*N - 1");
  EXPECT_EQ(floor_div(kH + 1, 2).str(), "floor_div(H + 1, 2)");
  EXPECT_EQ(Dim::symbol("odd \"name\"").str(), "\"odd \\\"name\\\"\"");
  EXPECT_EQ(Dim::unknown().str(), "?");
  EXPECT_EQ(Dim(std::numeric_limits<int64_t>::min()).str(), "-9223372036854775808");
}

TEST(Dim, Simplifies) {
  EXPECT_EQ(floor_div(4 * kN + 3, 4), kN);
  EXPECT_EQ(floor_div(kN, 1), kN);
  EXPECT_EQ(floor_div(0, kN), Dim(0));
  EXPECT_EQ(floor_div(kN * kT, kT), kN);
  EXPECT_EQ(floor_div((kN + 1) * (kT + 2), kN + 1), kT + 2);
  EXPECT_EQ(floor_div(2 * kN, 4), floor_div(kN, 2));
  EXPECT_EQ(floor_div(2 * kN + 1, 4), floor_div(kN, 2));
  EXPECT_EQ(floor_div(floor_div(kH + 1, 2) + 1, 2), floor_div(kH + 3, 4));
  EXPECT_EQ(floor_div(kH - 1, 2) + 1, floor_div(kH + 1, 2));
  EXPECT_EQ(ceil_div(kN, 4), floor_div(kN + 3, 4));
  EXPECT_EQ(floor_div(kN * kT, 2 * kT), floor_div(kN, 2));
  EXPECT_EQ(floor_div(kN * kT + 1, kT), kN + floor_div(1, kT));
  EXPECT_EQ(mod(5 * kN + 7, 4), mod(kN + 3, 4));
  EXPECT_EQ(mod(mod(kN, 8), 4), mod(kN, 4));
  EXPECT_EQ(mod(kN * 4, 4), Dim(0));
  EXPECT_EQ(min(kN, kN), kN);
  EXPECT_EQ(min(kN, kT), min(kT, kN));
  EXPECT_EQ(min(kN, kN + 3), kN);
  EXPECT_EQ(max(kN, 0), kN);
  EXPECT_EQ(max(max(kN, kT), kH), max(kN, max(kH, kT)));
  EXPECT_EQ(broadcast(kN, kN), kN);
  EXPECT_EQ(broadcast(kN, 1), kN);
  EXPECT_EQ(broadcast(Dim(1), 1), Dim(1));
  EXPECT_EQ(broadcast(Dim(0), 1), Dim(0));
  EXPECT_EQ(broadcast(Dim(3), 3), Dim(3));
  EXPECT_EQ(broadcast(Dim(3), 4), Dim::unknown());
  EXPECT_EQ(broadcast(broadcast(kN, kT), kH), broadcast(kN, broadcast(kH, kT)));
  EXPECT_EQ(broadcast(broadcast(kN, kT), kN), broadcast(kT, kN));
  EXPECT_EQ(max(broadcast(kN, kT), 0), broadcast(kN, kT));
  EXPECT_EQ(kN - kN, Dim(0));
  EXPECT_EQ((kN + 1) * (kN - 1), kN * kN - 1);
  EXPECT_EQ(Dim::unknown() * 0, Dim(0));
}

TEST(Dim, ExactQuotient) {
  EXPECT_EQ(Dim::exact_quotient(6 * kN * kT, 2 * kN), 3 * kT);
  EXPECT_EQ(Dim::exact_quotient(kN * kN - 1, kN - 1), kN + 1);
  EXPECT_EQ(Dim::exact_quotient(kN + 1, 2), std::nullopt);
  EXPECT_EQ(Dim::exact_quotient(kN, kT), std::nullopt);
  EXPECT_EQ(Dim::exact_quotient(kN, 0), std::nullopt);
  EXPECT_EQ(Dim::exact_quotient(Dim::unknown(), 2), std::nullopt);
}

TEST(Dim, OverflowIsUnknown) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
  EXPECT_TRUE((Dim(kMost) + 1).is_unknown());
  EXPECT_TRUE((Dim(kMost) * kN * 2).is_unknown());
  EXPECT_TRUE((0 - Dim(kLeast)).is_unknown());
  EXPECT_EQ(-1 - Dim(kLeast), Dim(kMost));
  EXPECT_TRUE(floor_div(Dim(kLeast), -1).is_unknown());
  EXPECT_TRUE(floor_div(kN, 0).is_unknown());
  EXPECT_EQ((kN * kN).evaluate({{"N", int64_t{1} << 40}}), std::nullopt);
  EXPECT_EQ((kN * kN - kN * kN + kN).evaluate({{"N", int64_t{1} << 40}}), int64_t{1} << 40);
  EXPECT_EQ(kN.evaluate({}), std::nullopt);
}

TEST(Dim, DoesNotOutgrowItsLimits) {
  Dim power = kN, sum = 0, nest = kN, wide = kN + kT;
  for (int i = 0; i < 100; ++i) {
    power = power * kN;
    sum = sum + Dim::symbol("s" + std::to_string(i)) * i;
    nest = max(floor_div(nest * kT + kH, 3), floor_div(kT + kN, kH + nest));
    wide = floor_div(wide * wide + wide, kH + wide * 3 + 2);
  }
  EXPECT_TRUE(power.is_unknown());
  EXPECT_TRUE(sum.is_unknown());
  EXPECT_TRUE(nest.is_unknown());
  EXPECT_TRUE(wide.is_unknown());
  EXPECT_TRUE(Dim::symbol(std::string(1 << 20, 'x')).is_unknown());
}

TEST(Dim, NamesItsSymbols) {
  std::vector<std::string> names;
  (kN * kN + floor_div(kT, 3)).each_symbol([&](const std::string& n) { names.push_back(n); });
  EXPECT_EQ(names, (std::vector<std::string>{"N", "N", "T"}));
}

// Random expressions, built both as Dims and as the integers they stand for.
class Random {
 public:
  explicit Random(uint64_t seed) : random_(seed) {}
  int64_t integer(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  Dim::Bindings bindings() {
    return {{"N", integer(0, 40)}, {"T", integer(0, 40)}, {"a b", integer(0, 40)}};
  }
  Dim expression(int depth) {
    if (depth == 0 || integer(0, 4) == 0) {
      const int64_t pick = integer(0, 4);
      if (pick < 2) return integer(-9, 9);
      return Dim::symbol(pick == 2 ? "N" : pick == 3 ? "T" : "a b");
    }
    const Dim a = expression(depth - 1), b = expression(depth - 1);
    switch (integer(0, 8)) {
      case 0: return a * b;
      case 1: return a - b;
      case 2: return floor_div(a, b);
      case 3: return ceil_div(a, b);
      case 4: return mod(a, b);
      case 5: return min(a, b);
      case 6: return max(a, b);
      case 7: return broadcast(a, b);
      default: return a + b;
    }
  }

 private:
  std::mt19937_64 random_;
};

TEST(DimProperty, OperationsMatchIntegers) {
  Random random(1);
  int checked = 0;
  for (int i = 0; i < 6000; ++i) {
    const Dim a = random.expression(3), b = random.expression(3);
    const auto bindings = random.bindings();
    const auto x = a.evaluate(bindings), y = b.evaluate(bindings);
    if (!x || !y) continue;
    const std::string what = a.str() + " and " + b.str();
    const auto expect = [&](const Dim& d, int64_t value) {
      if (d.is_unknown()) return;  // outgrew its limits
      ASSERT_EQ(d.evaluate(bindings), value) << what << " gave " << d.str();
      ASSERT_EQ(d.substitute(bindings), Dim(value)) << what << " gave " << d.str();
      ++checked;
    };
    expect(a + b, *x + *y);
    expect(a - b, *x - *y);
    expect(a * b, *x * *y);
    expect(min(a, b), std::min(*x, *y));
    expect(max(a, b), std::max(*x, *y));
    if (*y != 0) {
      expect(floor_div(a, b), floor_div(*x, *y));
      expect(ceil_div(a, b), ceil_quotient(*x, *y));
      expect(mod(a, b), floor_mod(*x, *y));
    }
    if (*x == 1 || *y == 1 || *x == *y) expect(broadcast(a, b), *x == 1 ? *y : *x);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(checked, 10000);
}

TEST(DimProperty, NormalFormIsCanonical) {
  Random random(2);
  for (int i = 0; i < 4000; ++i) {
    const Dim a = random.expression(2), b = random.expression(2), c = random.expression(1);
    const Dim left = a + b, product = a * b;
    ASSERT_EQ(left, b + a);
    ASSERT_EQ(product, b * a);
    ASSERT_EQ(min(a, b), min(b, a));
    ASSERT_EQ(max(a, b), max(b, a));
    if (left.is_unknown() || product.is_unknown()) continue;
    ASSERT_EQ(left - b, a);
    ASSERT_EQ((a + b) + c, a + (b + c));
    const Dim once = (a + b) * c, apart = a * c + b * c;
    if (!once.is_unknown() && !apart.is_unknown()) {
      ASSERT_EQ(once, apart);
    }
    ASSERT_EQ(max(max(a, b), c), max(a, max(b, c)));
    if (auto q = Dim::exact_quotient(product, b)) {
      ASSERT_EQ(*q, a) << a.str() << " and " << b.str();
    } else {
      ASSERT_TRUE(b.is(0)) << a.str() << " and " << b.str();
    }
  }
}

TEST(DimProperty, TextReadsBack) {
  Random random(3);
  for (int i = 0; i < 6000; ++i) {
    const Dim d = random.expression(4);
    const std::string text = d.str();
    size_t at = 0;
    auto back = parse_dim(text, at);
    ASSERT_TRUE(back.ok()) << text;
    ASSERT_EQ(at, text.size()) << text;
    ASSERT_EQ(back->str(), text);
    ASSERT_EQ(*back, d) << text;
  }
}

// All sizes that fit together, zero and one among them, under all ways of writing it.
TEST(DimProperty, BroadcastIsTheSizeThatIsNotOne) {
  for (int64_t size : {0, 1, 2, 7})
    for (int mask = 0; mask < 8; ++mask) {
      const int64_t n = mask & 1 ? size : 1, t = mask & 2 ? size : 1, h = mask & 4 ? size : 1;
      const Dim::Bindings bindings{{"N", n}, {"T", t}, {"H", h}};
      const int64_t expected = mask ? size : 1;
      for (const Dim& d : {broadcast(broadcast(kN, kT), kH), broadcast(kH, broadcast(kT, kN))}) {
        EXPECT_EQ(d.evaluate(bindings), expected) << n << " " << t << " " << h;
        EXPECT_EQ(d.substitute(bindings), Dim(expected)) << n << " " << t << " " << h;
        EXPECT_EQ(d.substitute({{"T", t}}).substitute(bindings), Dim(expected));
      }
    }
  EXPECT_EQ(broadcast(kN, kT).evaluate({{"N", 2}, {"T", 3}}), std::nullopt);
}

TEST(DimText, StopsBehindTheExpression) {
  size_t at = 1;
  EXPECT_EQ(*parse_dim("[ N*2 + 1 , 3]", at), 2 * kN + 1);
  EXPECT_EQ(at, 9u);
  EXPECT_EQ(parsed("-(N - 2)*3"), 6 - 3 * kN);
  EXPECT_EQ(parsed("-9223372036854775808"), Dim(std::numeric_limits<int64_t>::min()));
  EXPECT_EQ(parsed("floor_div*2"), 2 * Dim::symbol("floor_div"));
  EXPECT_EQ(parsed("broadcast(N, T) + 1"), broadcast(kN, kT) + 1);
  EXPECT_EQ(parsed("?"), Dim::unknown());
}

TEST(DimText, RefusesWhatDoesNotParse) {
  for (const std::string& text :
       {std::string(), std::string("-"), std::string("N +"), std::string("9223372036854775808"),
        std::string("floor_div(N)"), std::string("floor_div(N, 2"), std::string("\"N"),
        std::string("\"\\"), std::string("(N"), std::string("*"), std::string(100000, '('),
        std::string("99999999999999999999999")}) {
    size_t at = 0;
    EXPECT_FALSE(parse_dim(text, at).ok()) << text.substr(0, 40);
  }
}

}  // namespace
}  // namespace hone
