// What a session hands out is the caller's own, and what nothing needs any more is released.
#include "runtime/session.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <optional>

#include "ops/catalogue.h"
#include "support/data.h"
#include "support/op_cases.h"

namespace hone {
namespace {

// Runs the plain loops of the catalogue; `after` sees each call when it is done.
class Plain : public Backend {
 public:
  using After = std::function<void(const OpDef& op, Call& c)>;
  explicit Plain(After after = {}) : after_(std::move(after)) {}
  std::string_view name() const override { return "plain"; }
  std::string_view doc() const override { return "plain loops"; }
  Support supports(const Model&, const Graph&, NodeId) const override { return {true, {}}; }
  Result<std::unique_ptr<Kernel>> prepare(const Model&, const Graph& graph,
                                          NodeId node) const override {
    return std::unique_ptr<Kernel>(new Loops(*graph[node].op, after_));
  }

 private:
  class Loops : public Kernel {
   public:
    Loops(const OpDef& op, const After& after) : op_(op), after_(after) {}
    Status run(Call& c, ThreadPool&) const override {
      const Status status = op_.reference(c);
      if (status && after_) after_(op_, c);
      return status;
    }

   private:
    const OpDef& op_;
    const After& after_;
  };
  After after_;
};

std::shared_ptr<const Program> program_of(std::string_view text, const Backend& backend,
                                          const Limits& limits = {}) {
  auto model = testing::model_of(text, standard_catalogue());
  EXPECT_TRUE(model.ok()) << describe(model.error());
  if (!model) return nullptr;
  auto program = Program::make(std::make_shared<const Model>(model.take()), {&backend}, limits);
  EXPECT_TRUE(program.ok()) << describe(program.error());
  return program ? program.take() : nullptr;
}

Tensor floats(std::vector<float> elements) {
  const auto n = int64_t(elements.size());
  return Tensor::of({n}, std::move(elements));
}
std::vector<float> read(const Datum& d) {
  const auto span = d.tensor.as<float>();
  return {span.begin(), span.end()};
}
void overwrite(Tensor& t) {
  if (t.dtype() == DType::string)
    for (std::string& text : t.mutable_strings()) text = "overwritten";
  else
    std::memset(t.mutable_data(), 0x42, size_t(t.byte_size()));
}
// Whoever shares the bytes sees it.
void overwrite(Datum d) {
  if (d.tensor.defined()) overwrite(d.tensor);
  for (const Datum& item : d.items) overwrite(item);
}

class OnPlain : public ::testing::Test {
 protected:
  Session session_of(std::string_view text, const Limits& limits = {}) {
    return Session(program_of(text, plain_, limits), pool_);
  }
  static std::vector<Datum> run(Session& session, const std::vector<Datum>& inputs) {
    auto outputs = session.run(inputs);
    EXPECT_TRUE(outputs.ok()) << describe(outputs.error());
    return outputs ? outputs.take() : std::vector<Datum>();
  }
  Plain plain_;
  ThreadPool pool_{1};
};
using Ownership = OnPlain;
using Release = OnPlain;

// Outputs that an operator hands on without copying: whoever writes to the input, or to an output,
// changes nothing else, now or in a later run.
constexpr const char* kPassing[] = {
    "graph g(x: f32[2]) -> (y = x) {}",
    "graph g(x: f32[2]) -> (y = x, z = x) {}",
    "graph g(x: f32[2]) -> (y) { y = identity(x) }",
    "graph g(x: f32[2]) -> (y) { y = reshape(x, i64[2]{2, 1}) }",
    "graph g(x: f32[2]) -> (y, z) { y = neg(x) z = reshape(y, i64[2]{1, 2}) }",
    "graph g(x: f32[2]) -> (y) { y = identity(f32[2]{3, 4}) }",
    "graph g(x: f32[2]) -> (y = f32[2]{3, 4}) {}",
    "graph g(x: f32[2]) -> (y) { y = sequence_construct(x, neg(x), x) }",
    "graph g(x: f32[2]) -> (y) { y = optional(x) }",
    "graph g(x: string[2]) -> (y = x, z = x) {}",
    "graph g(x: f32[2]) state s: f32[2] -> (y = s) { next s = x }",
    "graph g(x: f32[2]) state s: f32[2] = f32[2]{5, 6} -> (y = s) {}",
    "graph g(x: f32[2]) state s: f32[2] -> (y) { y = add(s, x) next s = y }",
    "graph g(x: f32[2]) state s: f32[2], t: f32[2] -> (y = s, z = t) { next s = t next t = x }",
    "graph g(x: f32[2]) state s: f32[2] -> (y) { y = neg(s) next s = reshape(x, i64[1]{2}) }",
    "graph g(x: f32[2]) state s: f32[2] -> (y = s) { next s = f32[2]{7, 8} }",
    R"(entry g
       graph same(a: f32[2]) -> (b = a) {}
       graph g(c: bool[], x: f32[2]) -> (y) { y = if(c, x) <then=graph same, else=graph same> })",
};

TEST_F(Ownership, NothingIsSharedWithTheCaller) {
  for (const char* text : kPassing) {
    SCOPED_TRACE(text);
    Session quiet = session_of(text), disturbed = session_of(text);
    testing::Random random(1);
    Dim::Bindings bindings;
    for (int i = 0; i < 3; ++i) {
      const auto inputs = testing::random_inputs(quiet.program().model().main(), bindings, random);
      std::vector<Datum> copies;
      for (const Datum& d : inputs) copies.emplace_back(d.tensor.clone());
      const auto expected = run(quiet, inputs);
      auto first = run(disturbed, copies);
      ASSERT_EQ(first.size(), expected.size());
      for (const Datum& copy : copies) overwrite(copy);
      for (size_t o = 0; o < first.size(); ++o) {
        EXPECT_TRUE(testing::identical(first[o], expected[o])) << "run " << i << ", output " << o;
        overwrite(first[o]);
        for (size_t later = o + 1; later < first.size(); ++later)
          EXPECT_TRUE(testing::identical(first[later], expected[later]))
              << "output " << later << " shares with output " << o;
      }
    }
  }
}

// Large results take the memory of earlier ones, once nobody has these any more.
TEST_F(Ownership, ResultsComeBackToTheSession) {
  std::optional<Session> s = session_of("graph g(x: f32[4096]) -> (y) { y = neg(x) }");
  const std::vector<Datum> in{floats(std::vector<float>(4096, 1.0f))};
  auto kept = run(*s, in);
  auto dropped = run(*s, in);
  const std::byte* place = dropped[0].tensor.data();
  EXPECT_NE(place, kept[0].tensor.data());
  overwrite(dropped[0]);
  dropped.clear();
  const auto third = run(*s, in), fourth = run(*s, in);
  EXPECT_EQ(third[0].tensor.data(), place);
  EXPECT_NE(fourth[0].tensor.data(), place);
  s.reset();
  for (const std::vector<Datum>* outputs : {&std::as_const(kept), &third, &fourth})
    EXPECT_EQ(read((*outputs)[0]), std::vector<float>(4096, -1.0f));
}

// Memory that the caller keeps alive without an owner, and uses again.
TEST_F(Ownership, ABorrowedInputMayGo) {
  Session s = session_of(
      "graph g(x: f32[2]) state last: f32[2] -> (y = x, z) { z = identity(last) next last = x }");
  float buffer[2] = {1, 2};
  const std::vector<Datum> in{
      Datum(Tensor::view(DType::f32, {2}, reinterpret_cast<std::byte*>(buffer), nullptr))};
  const auto first = run(s, in);
  buffer[0] = 9;
  const auto second = run(s, in);
  EXPECT_EQ(read(first[0]), (std::vector<float>{1, 2}));
  EXPECT_EQ(read(second[0]), (std::vector<float>{9, 2}));
  EXPECT_EQ(read(second[1]), (std::vector<float>{1, 2}));
}

// What the run made for an output alone is handed over as it is.
TEST_F(Ownership, NothingIsCopiedWithoutNeed) {
  const void* made = nullptr;
  const Plain plain([&](const OpDef&, Call& c) { made = (*c.out(0))->data(); });
  Session s(program_of("graph g(x: f32[2]) state n: f32[2] -> (y) { y = neg(x) }", plain), pool_);
  const std::vector<Datum> in{Datum(floats({1, 2}))};
  const auto outputs = run(s, in);
  EXPECT_EQ(outputs[0].tensor.data(), made);
}

// One input as a thousand outputs: a thousand copies, but not more than the limit allows; the
// states stay as they were.
TEST_F(Ownership, CopiesAreBounded) {
  std::string outputs;
  for (int i = 0; i < 1000; ++i) outputs += ", y" + std::to_string(i) + " = x";
  Limits limits;
  limits.runtime_memory = 1 << 20;
  Session s = session_of(
      "graph g(x: f32[1024]) state n: f32[1] -> (m" + outputs + ") { m = add(n, 1) next n = m }",
      limits);
  const std::vector<Datum> in{Datum(Tensor::make(DType::f32, {1024}).take())};
  const auto refused = s.run(in);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().id, ErrorId::over_memory);
  ASSERT_EQ(s.snapshot().size(), 1u);
  EXPECT_EQ(s.snapshot()[0].as<float>()[0], 0);
}

TEST_F(Ownership, InputsThatContradictEachOtherAreNamed) {
  Session s = session_of("graph g(a: f32[N + 1], b: f32[N]) -> (y, z) { y = neg(a) z = neg(b) }");
  const std::vector<Datum> good{Datum(floats({1, 2, 3})), Datum(floats({1, 2}))};
  const std::vector<Datum> bad{Datum(floats({1, 2, 3})), Datum(floats({1, 2, 3}))};
  EXPECT_EQ(run(s, good).size(), 2u);
  const auto refused = s.run(bad);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message,
            "input 'a' takes f32[N + 1], got f32[3] (axis 0: N + 1 is 4, not 3)");
}

// Broadcasting nothing against one is nothing, whatever the symbols are called.
TEST_F(Ownership, BroadcastOfNothing) {
  Session s = session_of("graph g(a: f32[N], b: f32[M]) -> (y) { y = add(a, b) }");
  const Tensor none = Tensor::make(DType::f32, {0}).take();
  for (const bool first : {true, false}) {
    std::vector<Datum> in{Datum(none), Datum(floats({1}))};
    if (!first) std::swap(in[0], in[1]);
    const auto outputs = run(s, in);
    ASSERT_EQ(outputs.size(), 1u);
    EXPECT_EQ(outputs[0].tensor.shape(), Extents{0});
  }
}

// `unique` allocates on its own, since only the data decide how much it gives. Its second output is
// used by nothing, the third by the next node.
TEST_F(Release, AfterTheLastUseOrAtOnce) {
  std::vector<std::weak_ptr<void>> made(3);
  std::vector<std::vector<bool>> alive;  // at each `neg`: outputs 0, 1 and 2 of unique
  const Plain plain([&](const OpDef& op, Call& c) {
    if (op.name == "neg") {
      alive.emplace_back();
      for (const auto& owner : made) alive.back().push_back(!owner.expired());
    }
    if (op.name != "unique") return;
    for (size_t i = 0; i < made.size(); ++i) {
      // The same bytes, with an owner that can be watched.
      const auto owner = std::make_shared<Tensor>(**c.out(i, {i == 2 ? 4 : 3}));
      made[i] = owner;
      c.set(i, Datum(Tensor::view(owner->dtype(), owner->shape(), owner->mutable_data(), owner)));
    }
  });
  Session s(program_of(R"(
      graph g(x: f32[4]) -> (y, z) {
        u, first, inverse, counts = unique(x)
        i = neg(inverse)
        y = neg(u)
        z = neg(i)
      })",
                       plain),
            pool_);
  const std::vector<Datum> in{Datum(floats({3, 1, 3, 2}))};
  EXPECT_EQ(run(s, in).size(), 2u);
  EXPECT_EQ(alive, (std::vector<std::vector<bool>>{
                       {true, false, true}, {true, false, false}, {false, false, false}}));
}

}  // namespace
}  // namespace hone
