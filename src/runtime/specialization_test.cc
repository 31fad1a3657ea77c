// Binding symbols to the sizes of what is given: in any order, and refused with the reason; places
// in the arena, also those that an output takes over from an input.
#include "runtime/specialization.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "ops/catalogue.h"
#include "support/op_cases.h"

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

// Element-wise operators may write over any of their inputs.
class InPlaceBackend : public Backend {
 public:
  std::string_view name() const override { return "in_place"; }
  std::string_view doc() const override { return "plain loops, some in place"; }
  Support supports(const Model&, const Graph&, NodeId) const override { return {true, {}}; }
  Result<std::unique_ptr<Kernel>> prepare(const Model&, const Graph& graph,
                                          NodeId node) const override {
    return std::unique_ptr<Kernel>(new Loops(*graph[node].op));
  }

 private:
  class Loops : public Kernel {
   public:
    explicit Loops(const OpDef& op) : op_(op) {}
    Status run(Call& c, ThreadPool&) const override { return op_.reference(c); }
    bool overwrites() const override { return true; }
    bool in_place(size_t) const override { return op_.is(Trait::elementwise); }

   private:
    const OpDef& op_;
  };
};

// The input in whose place each step writes.
struct Planned {
  std::vector<int32_t> in_place;
  std::vector<int64_t> offsets;  // of the first output
  std::vector<bool> there;       // nothing is computed
  int64_t arena_bytes;
};
Planned places(std::string_view text) {
  static const InPlaceBackend backend;
  auto model = testing::model_of(text, standard_catalogue());
  EXPECT_TRUE(model.ok()) << describe(model.error());
  const auto program =
      Program::make(std::make_shared<const Model>(model.take()), {&backend}, Limits{}).take();
  Types inputs;
  for (ValueId v : program->model().main().inputs)
    inputs.push_back(program->model().main()[v].type);
  const auto special = Specialization::make(*program, program->model().entry, inputs, {}).take();
  Planned p{{}, {}, {}, special->arena_bytes()};
  for (const Specialization::Step& step : special->steps()) {
    p.in_place.push_back(step.in_place);
    p.offsets.push_back(step.offsets[0]);
    p.there.push_back(step.there);
  }
  return p;
}

TEST(InPlace, AChainStaysWhereItIs) {
  const Planned p = places(R"(graph g(x: f32[16]) -> (y) {
    y = softmax(abs(add(neg(x), x)))
  })");
  EXPECT_EQ(p.in_place, (std::vector<int32_t>{-1, 0, 0, -1}));
  EXPECT_EQ(p.offsets, (std::vector<int64_t>{0, 0, 0, -1}));
  EXPECT_EQ(p.arena_bytes, 64);
}

TEST(InPlace, TheSecondInputWillDo) {
  const Planned p = places(R"(graph g(x: f32[16]) -> (y) {
    a = neg(x)
    b = exp(x)
    y = softmax(add(sub(a, b), a))
  })");
  EXPECT_EQ(p.in_place, (std::vector<int32_t>{-1, -1, 1, 0, -1}));
  EXPECT_EQ(p.arena_bytes, 128);
}

TEST(InPlace, NotWhereTheInputIsStillNeeded) {
  EXPECT_EQ(places(R"(graph g(x: f32[4,4]) -> (y) {
    a = neg(x)
    b = abs(a)
    y = softmax(matmul(b, a))
  })")
                .in_place,
            (std::vector<int32_t>{-1, -1, -1, -1}));
  // … under another shape.
  EXPECT_EQ(places(R"(graph g(x: f32[16]) -> (y) {
    a = neg(x)
    v = reshape(a, i64[2]{4, 4})
    b = abs(a)
    y = softmax(matmul(v, reshape(b, i64[2]{4, 4})))
  })")
                .in_place,
            (std::vector<int32_t>{-1, -1, -1, -1, -1, -1}));
}

// A view is written over when it is the last to show the bytes.
TEST(InPlace, OverAView) {
  const Planned p = places(R"(graph g(x: f32[16]) -> (y) {
    y = softmax(abs(reshape(neg(x), i64[2]{4, 4})))
  })");
  EXPECT_EQ(p.in_place, (std::vector<int32_t>{-1, -1, 0, -1}));
  EXPECT_EQ(p.arena_bytes, 64);
}

TEST(InPlace, NotOverInputsConstantsAndOutputs) {
  EXPECT_EQ(places(R"(graph g(x: f32[2]) -> (y, z) {
    y = neg(x)
    a = add(y, f32[2]{1, 2})
    z = softmax(a)
  })")
                .in_place,
            (std::vector<int32_t>{-1, -1, -1}));
}

TEST(InPlace, NotInAnotherSize) {
  EXPECT_EQ(places(R"(graph g(x: f32[16], z: f32[4,16]) -> (y) {
    y = softmax(add(neg(x), z))
  })")
                .in_place,
            (std::vector<int32_t>{-1, -1, -1}));
}

// The same bytes under two shapes: an element could be read after it was written.
TEST(InPlace, NotWhereAnotherInputShowsTheSameBytes) {
  EXPECT_EQ(places(R"(graph g(x: f32[4]) -> (y) {
    a = neg(x)
    y = softmax(add(a, reshape(a, i64[2]{1, 4})))
  })")
                .in_place,
            (std::vector<int32_t>{-1, -1, -1, -1}));
}

TEST(Parts, CutWithoutCopying) {
  const Planned p = places(R"(graph g(x: f32[1,48]) -> (a, b, c, d) {
    t = neg(x)
    p, q = split(t, i64[2]{32, 16}) <axis=1>
    s = slice(t, i64[1]{16}, i64[1]{40}, i64[1]{1})
    e = gather(t, i64[]{-1}) <axis=1>
    a = softmax(p)
    b = softmax(q)
    c = softmax(slice(s, i64[1]{0}, i64[1]{8}, i64[1]{1}))
    d = softmax(e)
  })");
  EXPECT_EQ(p.offsets, (std::vector<int64_t>{0, 0, 64, 188, -1, -1, 64, -1, -1}));
  EXPECT_EQ(p.there, (std::vector<bool>{0, 1, 1, 1, 0, 0, 1, 0, 0}));
  EXPECT_EQ(p.arena_bytes, 192);
}

TEST(Parts, WhatIsNotContiguousOrOutlivesTheRunIsCopied) {
  const Planned p = places(R"(graph g(x: f32[2,48], i: i64[]) -> (a, b, c, d, e) {
    t = neg(x)
    p, q = split(t, i64[2]{32, 16}) <axis=1>
    s = slice(t, i64[1]{0}, i64[1]{2}, i64[1]{0}, i64[1]{2})
    r = slice(t, i64[1]{1}, i64[1]{-9}, i64[1]{0}, i64[1]{-1})
    e = slice(t, i64[1]{1}, i64[1]{2}, i64[1]{0})
    a = softmax(add(slice(x, i64[1]{1}, i64[1]{2}, i64[1]{0}), r))
    b = softmax(mul(p, p))
    c = softmax(mul(q, q))
    d = softmax(mul(s, gather(t, i) <axis=0>))
  })");
  EXPECT_EQ(std::ranges::count(p.there, true), 0);
}

// What is only joined is made in its place.
TEST(Parts, JoinedWithoutCopying) {
  const Planned p = places(R"(graph g(x: f32[1,16]) -> (y) {
    a = neg(x)
    b = reshape(exp(a), i64[3]{1, 4, 4})
    y = softmax(concat(f32[1,16]{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, reshape(b, i64[2]{1, 16}), abs(x)) <axis=1>)
  })");
  // neg, exp, reshape, reshape, abs, concat, softmax
  EXPECT_EQ(p.offsets, (std::vector<int64_t>{192, 64, -1, -1, 128, 0, -1}));
  EXPECT_EQ(p.there, (std::vector<bool>{0, 0, 0, 0, 0, 1, 0}));
  EXPECT_EQ(p.arena_bytes, 256);
}

TEST(Parts, JoinedWithinWhatIsJoined) {
  const Planned p = places(R"(graph g(x: f32[16]) -> (y) {
    a = concat(softmax(x), exp(x)) <axis=0>
    y = softmax(concat(neg(x), a) <axis=0>)
  })");
  // softmax, exp, concat, neg, concat, softmax
  EXPECT_EQ(p.offsets, (std::vector<int64_t>{64, 128, 64, 0, 0, -1}));
  EXPECT_EQ(p.there, (std::vector<bool>{0, 0, 1, 0, 1, 0}));
  EXPECT_EQ(p.arena_bytes, 192);
}

TEST(Parts, JoinedByCopyingWhereOthersNeedThePieces) {
  const Planned p = places(R"(graph g(x: f32[16], z: f32[2,8]) -> (y, t, u) {
    a = neg(x)
    t = exp(x)
    y = softmax(concat(a, a, t, x) <axis=0>)
    b = abs(z)
    u = softmax(concat(b, neg(z)) <axis=1>)
  })");
  EXPECT_EQ(std::ranges::count(p.there, true), 0);
}

}  // namespace
}  // namespace hone
