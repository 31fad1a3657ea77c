// Programs and sessions on random graphs: backends agree with the plain evaluator, threads change
// no bit, the arena is what was planned; states fork, are saved, restored and reset.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "backends/backends.h"
#include "ir/builder.h"
#include "ir/text.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"
#include "property/random_graph.h"
#include "runtime/session.h"
#include "support/evaluate.h"
#include "support/op_cases.h"

namespace hone {
namespace {

constexpr uint64_t kSeeds = 150;

testing::GraphSpec spec_for(uint64_t seed) {
  return {.nodes = 4 + int(seed % 40), .symbols = seed % 3 == 1, .control = seed % 4 == 2};
}

std::shared_ptr<const Program> program_of(Model model, std::string_view backend) {
  auto program = Program::make(std::make_shared<const Model>(std::move(model)),
                               backends_for(backend).take(), Limits{});
  EXPECT_TRUE(program.ok()) << describe(program.error());
  return program ? program.take() : nullptr;
}

Datum vector_of(std::vector<float> elements) {
  const auto n = int64_t(elements.size());
  return Datum(Tensor::of({n}, std::move(elements)));
}

std::vector<float> floats(const Datum& d) {
  const auto span = d.tensor.as<float>();
  return {span.begin(), span.end()};
}

class OnBackend : public ::testing::TestWithParam<std::string> {};

TEST_P(OnBackend, AgreesWithTheKernelsOneByOne) {
  ThreadPool pool(2);
  uint64_t ran = 0;
  for (uint64_t seed = 0; seed < kSeeds && !HasFailure(); ++seed) {
    Model model = testing::random_model(seed, spec_for(seed));
    const std::string text = print(model);
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + text);
    testing::Random random(seed);
    Dim::Bindings bindings;
    const auto inputs = testing::random_inputs(model.main(), bindings, random);
    const auto expected = testing::evaluate(model, standard_catalogue(), inputs);
    const bool clean = seed % 2 == 1;
    ASSERT_TRUE(
        run_pipeline(model, clean ? "clean" : "sweep", standard_catalogue(), Limits{}).ok());
    const auto program = program_of(std::move(model), GetParam());
    ASSERT_NE(program, nullptr);
    Session session(program, pool);
    const auto first = session.run(inputs);
    if (!expected) continue;
    ASSERT_TRUE(first.ok()) << describe(first.error());
    ++ran;
    EXPECT_EQ(testing::difference(*first, *expected, 1e-3, 1e-3), "");
    const RunStatistics statistics = session.statistics();
    EXPECT_EQ(statistics.planned_arena_bytes, statistics.measured_arena_bytes);
    const auto second = session.run(inputs);
    ASSERT_TRUE(second.ok());
    for (size_t i = 0; i < first->size(); ++i)
      EXPECT_TRUE(testing::identical((*first)[i], (*second)[i])) << "second run, output " << i;
  }
  EXPECT_GT(ran, kSeeds * 3 / 4);
}

// Where every value lies, from the step that makes it to the last that reads it or a view of it:
// nothing else is there, but for an input that ends where its output begins.
TEST_P(OnBackend, ValuesThatAreAliveDoNotOverlap) {
  size_t in_place = 0;
  for (uint64_t seed = 0; seed < kSeeds && !HasFailure(); ++seed) {
    const auto program = program_of(testing::random_model(seed, {.nodes = 60}), GetParam());
    const GraphId id = program->model().entry;
    const Graph& graph = program->model().graphs[id.index];
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + print(program->model()));
    Types inputs;
    for (ValueId v : graph.inputs) inputs.push_back(graph[v].type);
    const auto special = Specialization::make(*program, id, inputs, {});
    if (!special) continue;
    struct Lies {
      int64_t begin, end;
      size_t first, last;
    };
    std::vector<Lies> all;
    std::map<uint32_t, size_t> at;  // by value
    for (size_t s = 0; s < (*special)->steps().size(); ++s) {
      const Specialization::Step& step = (*special)->steps()[s];
      const Node& node = graph[step.node];
      for (ValueId v : node.inputs) {
        if (v.valid() && at.contains(v.index)) all[at[v.index]].last = s;
      }
      for (size_t slot = 0; slot < node.outputs.size(); ++slot) {
        const uint32_t v = node.outputs[slot].index;
        if (step.offsets[slot] < 0) {
          if (slot == 0 && node.op->is(Trait::view) && at.contains(node.inputs[0].index))
            at[v] = at[node.inputs[0].index];
          continue;
        }
        if (step.there && node.op->name != "concat") {  // a part of its input
          at[v] = at[node.inputs[0].index];
          continue;
        }
        int64_t count = 1;
        for (const Dim& d : step.out_types[slot].tensor.shape.dims) count *= *d.constant();
        const int64_t bytes = *bytes_for(step.out_types[slot].tensor.dtype, count);
        at[v] = all.size();
        all.push_back({step.offsets[slot], step.offsets[slot] + bytes, s, s});
      }
      in_place += step.in_place >= 0 ? 1 : 0;
    }
    for (const Lies& a : all) {
      EXPECT_LE(a.end, (*special)->arena_bytes());
      for (const Lies& b : all) {
        const bool together = a.first <= b.last && b.first <= a.last;
        if (&a == &b || !together || a.begin >= b.end || b.begin >= a.end) continue;
        // The one ends where the other begins, in the same place or as a part of it.
        const Lies &older = a.first < b.first ? a : b, &newer = a.first < b.first ? b : a;
        EXPECT_EQ(older.last, newer.first);
        EXPECT_TRUE(newer.begin <= older.begin && older.end <= newer.end);
        const Specialization::Step& step = (*special)->steps()[newer.first];
        EXPECT_TRUE(step.there ||
                    (step.in_place >= 0 && newer.end - newer.begin == older.end - older.begin));
      }
    }
  }
  EXPECT_TRUE(GetParam() == "reference" || in_place > 20) << in_place;
}

TEST_P(OnBackend, ThreadsChangeNoBit) {
  for (uint64_t seed = 0; seed < kSeeds / 3 && !HasFailure(); ++seed) {
    const Model model = testing::random_model(seed, spec_for(seed));
    testing::Random random(seed);
    Dim::Bindings bindings;
    const auto inputs = testing::random_inputs(model.main(), bindings, random);
    const auto program = program_of(model, GetParam());
    std::vector<Datum> expected;
    for (int threads = 1; threads <= 4; ++threads) {
      ThreadPool pool(threads);
      Session session(program, pool);
      auto outputs = session.run(inputs);
      if (!outputs) break;
      if (threads == 1) expected = *outputs;
      for (size_t i = 0; i < expected.size(); ++i)
        EXPECT_TRUE(testing::identical(expected[i], (*outputs)[i]))
            << threads << " threads, output " << i << ", seed " << seed << "\n"
            << print(model);
    }
  }
}

// Sizes at which loops are blocked and split between threads.
TEST_P(OnBackend, ThreadsChangeNoBitOfLargeOnes) {
  const auto model = testing::model_of(
      R"(graph g(a: f32[130,257], b: f32[257,70], k: f32[16,8,3,3], i: f32[1,8,33,31]) -> (m, s, c, r) {
        m = gelu(matmul(a, b))
        s = softmax(m)
        c = conv(i, k) <pads=[1, 1, 1, 1]>
        r = reduce_sum(a, i64[1]{0})
      })",
      standard_catalogue());
  ASSERT_TRUE(model.ok()) << describe(model.error());
  testing::Random random(1);
  Dim::Bindings bindings;
  const auto inputs = testing::random_inputs(model->main(), bindings, random);
  const auto expected = testing::evaluate(*model, standard_catalogue(), inputs);
  ASSERT_TRUE(expected.ok()) << describe(expected.error());
  const auto program = program_of(*model, GetParam());
  std::vector<Datum> one;
  for (int threads = 1; threads <= 4; ++threads) {
    ThreadPool pool(threads);
    const auto outputs = Session(program, pool).run(inputs);
    ASSERT_TRUE(outputs.ok()) << describe(outputs.error());
    EXPECT_EQ(testing::difference(*outputs, *expected, 1e-5, 1e-4), "");
    if (threads == 1) one = *outputs;
    for (size_t i = 0; i < one.size(); ++i)
      EXPECT_TRUE(testing::identical(one[i], (*outputs)[i])) << threads << ", output " << i;
  }
}

// Every operator at its examples, with one session that runs three different inputs.
TEST_P(OnBackend, EveryOperator) {
  ThreadPool pool(2);
  for (const testing::OpCase& c : testing::op_cases(standard_catalogue())) {
    SCOPED_TRACE(c.name + "\n" + c.text);
    auto model = testing::model_of(c.text, standard_catalogue());
    EXPECT_TRUE(model.ok());
    if (!model) continue;
    bool draws = false, winograd = false;
    for (const Graph& g : model->graphs)
      for (uint32_t n = 0; n < g.node_capacity(); ++n) {
        if (!g.alive(NodeId{n})) continue;
        const Node& node = g[NodeId{n}];
        draws |= node.op->is(Trait::random);
        for (const NamedAttr& a : node.attrs) winograd |= a.value == Attr(std::string("winograd"));
      }
    const auto program = program_of(*model, GetParam());
    ASSERT_NE(program, nullptr);
    Session session(program, pool);
    for (uint64_t seed = 0; seed < 3; ++seed) {
      testing::Random random(seed);
      Dim::Bindings bindings;
      const auto inputs = testing::random_inputs(model->main(), bindings, random);
      const auto expected = testing::evaluate(*model, standard_catalogue(), inputs);
      const auto outputs = session.run(inputs);
      EXPECT_EQ(outputs.ok(), expected.ok())
          << (outputs ? describe(expected.error()) : describe(outputs.error()));
      if (!outputs || !expected || draws) continue;
      const DType dtype = outputs->empty() ? DType::f32 : (*outputs)[0].tensor.dtype();
      const double tolerance = dtype == DType::bf16  ? 2e-2
                               : dtype == DType::f16 ? 4e-3
                               : winograd            ? 1e-4
                               : is_float(dtype)     ? 1e-5
                                                     : 0;
      const bool quantizes = std::ranges::any_of(
          program->shares()[0].operators, [](const auto& op) { return testing::quantizes(op); });
      EXPECT_EQ(quantizes ? testing::quantized_difference(*outputs, *expected, 1e-5)
                          : testing::difference(*outputs, *expected, tolerance, tolerance),
                "");
      EXPECT_EQ(session.statistics().planned_arena_bytes,
                session.statistics().measured_arena_bytes);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, OnBackend, ::testing::Values("reference", "auto"),
                         [](const auto& info) { return info.param; });

// sum: what came in so far; n: how many calls; last: what came in last.
constexpr std::string_view kCounter = R"(
graph g(x: f32[2]) state sum: f32[2], n: i64[] = i64{10}, last: f32[2] = f32[2]{7, 8} -> (y, count, before) {
  y = add(sum, x)
  count = add(n, 1)
  before = identity(last)
  next sum = y
  next n = count
  next last = x
})";

class States : public ::testing::Test {
 protected:
  void SetUp() override {
    auto model = testing::model_of(kCounter, standard_catalogue());
    ASSERT_TRUE(model.ok()) << describe(model.error());
    program_ = program_of(model.take(), "auto");
    ASSERT_NE(program_, nullptr);
  }
  // Runs once; gives y, the count and what came before.
  static void expect_run(Session& session, float x, std::vector<float> y, int64_t count,
                         std::vector<float> before) {
    const std::vector<Datum> in{vector_of({x, 2 * x})};
    const auto out = session.run(in);
    ASSERT_TRUE(out.ok()) << describe(out.error());
    EXPECT_EQ(floats((*out)[0]), y);
    EXPECT_EQ(load_integer((*out)[1].tensor, 0), count);
    EXPECT_EQ(floats((*out)[2]), before);
  }
  std::shared_ptr<const Program> program_;
  ThreadPool pool_{1};
};

TEST_F(States, AreCarriedAndReset) {
  Session s(program_, pool_);
  expect_run(s, 1, {1, 2}, 11, {7, 8});
  expect_run(s, 10, {11, 22}, 12, {1, 2});
  s.reset();
  expect_run(s, 3, {3, 6}, 11, {7, 8});
}

TEST_F(States, ForksGoOnAlone) {
  Session a(program_, pool_);
  expect_run(a, 1, {1, 2}, 11, {7, 8});
  auto forked = a.fork();
  ASSERT_TRUE(forked.ok()) << describe(forked.error());
  Session b = forked.take();
  expect_run(b, 5, {6, 12}, 12, {1, 2});
  expect_run(b, 5, {11, 22}, 13, {5, 10});
  expect_run(a, 2, {3, 6}, 12, {1, 2});
}

TEST_F(States, AForkBeforeTheFirstRunStartsAtTheBeginning) {
  Session a(program_, pool_);
  Session b = a.fork().take();
  expect_run(b, 1, {1, 2}, 11, {7, 8});
  expect_run(a, 1, {1, 2}, 11, {7, 8});
}

TEST_F(States, SnapshotsAreCopies) {
  Session s(program_, pool_);
  expect_run(s, 1, {1, 2}, 11, {7, 8});
  const auto saved = s.snapshot();
  ASSERT_EQ(saved.size(), 3u);
  expect_run(s, 10, {11, 22}, 12, {1, 2});
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(s.restore(saved).ok());
    expect_run(s, 3, {4, 8}, 12, {1, 2});
  }
  Session other(program_, pool_);
  ASSERT_TRUE(other.restore(saved).ok());
  expect_run(other, 3, {4, 8}, 12, {1, 2});
}

TEST_F(States, WhatDoesNotFitIsRefused) {
  Session s(program_, pool_);
  expect_run(s, 1, {1, 2}, 11, {7, 8});
  auto saved = s.snapshot();
  saved[0] = Tensor::of({3}, std::vector<float>{1, 2, 3});
  EXPECT_EQ(s.restore(saved).error().id, ErrorId::bad_data);
  saved.pop_back();
  EXPECT_EQ(s.restore(saved).error().id, ErrorId::bad_data);
  expect_run(s, 1, {2, 4}, 12, {1, 2});  // nothing has changed
  const std::vector<Datum> wrong_shape{vector_of({1})}, none;
  const std::vector<Datum> wrong_dtype{Datum(Tensor::of({2}, std::vector<int64_t>{1, 2}))};
  EXPECT_EQ(s.run(wrong_shape).error().id, ErrorId::bad_data);
  EXPECT_EQ(s.run(wrong_dtype).error().id, ErrorId::bad_data);
  EXPECT_EQ(s.run(none).error().id, ErrorId::bad_data);
  expect_run(s, 1, {3, 6}, 13, {1, 2});
}

// A run that fails half-way leaves the states as they were.
TEST_F(States, AFailedRunChangesNothing) {
  auto model = testing::model_of(R"(
      graph g(x: f32[4], i: i64[1]) state sum: f32[4] -> (y, z) {
        y = add(sum, x)
        z = gather(y, i)
        next sum = y
      })",
                                 standard_catalogue());
  ASSERT_TRUE(model.ok());
  Session s(program_of(model.take(), "auto"), pool_);
  const auto at = [](int64_t i) {
    return std::vector<Datum>{vector_of({1, 1, 1, 1}), Datum(Tensor::of({1}, Integers{i}))};
  };
  EXPECT_EQ(floats((*s.run(at(0)))[0])[0], 1);
  EXPECT_FALSE(s.run(at(9)).ok());
  EXPECT_EQ(floats((*s.run(at(0)))[0])[0], 2);
}

// Two states that change places: the next value of one is the present of the other.
TEST_F(States, Exchange) {
  auto model = testing::model_of(R"(
      graph g(x: f32[1]) state a: f32[1] = f32[1]{1}, b: f32[1] = f32[1]{2} -> (y, z) {
        y = add(a, x)
        z = add(b, x)
        next a = b
        next b = a
      })",
                                 standard_catalogue());
  ASSERT_TRUE(model.ok());
  Session s(program_of(model.take(), "auto"), pool_);
  const std::vector<Datum> in{vector_of({0})};
  for (float expected : {1.0f, 2.0f, 1.0f, 2.0f}) {
    const auto out = s.run(in);
    ASSERT_TRUE(out.ok());
    EXPECT_EQ(floats((*out)[0])[0], expected);
    EXPECT_EQ(floats((*out)[1])[0], 3 - expected);
  }
}

// Outputs of one run are not overwritten by the next.
TEST_F(States, OutputsOutliveTheNextRun) {
  Session s(program_, pool_);
  const std::vector<Datum> one{vector_of({1, 1})}, two{vector_of({5, 5})};
  const auto first = s.run(one).take();
  const auto second = s.run(two).take();
  EXPECT_EQ(floats(first[0]), (std::vector<float>{1, 1}));
  EXPECT_EQ(floats(second[0]), (std::vector<float>{6, 6}));
  EXPECT_EQ(floats(second[2]), (std::vector<float>{1, 1}));
}

// Memory can run out inside a kernel, on any thread.
TEST_F(States, AKernelWithoutMemoryIsAnError) {
  class Exhausted : public Kernel {
   public:
    Status run(Call& c, ThreadPool& pool) const override {
      const bool fails = c.in(0).as<float>()[0] > 0;
      pool.parallel_for(8, 1, [&](int64_t begin, int64_t) {
        if (fails && begin == 5) throw std::bad_alloc();
      });
      TRY(c.out(0));
      return ok();
    }
  };
  class Backend : public hone::Backend {
   public:
    std::string_view name() const override { return "exhausted"; }
    std::string_view doc() const override { return "has no memory"; }
    Support supports(const Model&, const Graph&, NodeId) const override { return {true, {}}; }
    Result<std::unique_ptr<Kernel>> prepare(const Model&, const Graph&, NodeId) const override {
      return std::unique_ptr<Kernel>(new Exhausted);
    }
  };
  const Backend backend;
  auto model = testing::model_of("graph g(x: f32[1]) -> (y) { y = neg(x) }", standard_catalogue());
  ASSERT_TRUE(model.ok());
  auto program = Program::make(std::make_shared<const Model>(model.take()), {&backend}, Limits{});
  ASSERT_TRUE(program.ok());
  ThreadPool pool(3);
  Session s(program.take(), pool);
  const std::vector<Datum> good{vector_of({0})}, bad{vector_of({1})};
  EXPECT_TRUE(s.run(good).ok());
  EXPECT_EQ(s.run(bad).error().id, ErrorId::over_memory);
  EXPECT_TRUE(s.run(good).ok());
}

// What the caller keeps of earlier runs is not part of the budget of the next.
TEST_F(States, OutputsThatAreKeptCostNothing) {
  auto model = testing::model_of("graph g(x: f32[N]) -> (y) { y = neg(x) }", standard_catalogue());
  ASSERT_TRUE(model.ok());
  Limits limits;
  limits.runtime_memory = 5000;
  auto program = Program::make(std::make_shared<const Model>(model.take()),
                               backends_for("auto").take(), limits);
  ASSERT_TRUE(program.ok());
  Session s(program.take(), pool_);
  const std::vector<Datum> in{vector_of(std::vector<float>(1000))};
  std::vector<std::vector<Datum>> kept;
  for (int i = 0; i < 5; ++i) {
    auto out = s.run(in);
    ASSERT_TRUE(out.ok()) << describe(out.error());
    kept.push_back(out.take());
  }
}

// States count, the old ones and the new ones, where these have memory of their own.
TEST_F(States, StatesArePartOfTheBudget) {
  auto model = testing::model_of(R"(
      graph g(x: f32[1]) state s: f32[N] -> (y) {
        t = add(s, x)
        y = reduce_sum(s, i64[1]{0})
        next s = t
      })",
                                 standard_catalogue());
  ASSERT_TRUE(model.ok());
  Limits limits;
  limits.runtime_memory = 10'000;
  auto program = Program::make(std::make_shared<const Model>(model.take()),
                               backends_for("auto").take(), limits);
  ASSERT_TRUE(program.ok());
  const std::vector<Datum> in{vector_of({1})};
  for (const int64_t n : {1000, 2000, 3000}) {
    Session s(*program, pool_);
    ASSERT_TRUE(s.bind({{"N", n}}).ok());
    for (int i = 0; i < 3; ++i) {
      const auto out = s.run(in);
      EXPECT_EQ(out.ok(), n == 1000);
      if (out) continue;
      EXPECT_EQ(out.error().id, ErrorId::over_memory) << describe(out.error());
    }
  }
}

TEST_F(States, UnknownSymbolsAreRefused) {
  auto model =
      testing::model_of("graph g(x: f32[1]) state s: f32[N] -> (s) {}", standard_catalogue());
  ASSERT_TRUE(model.ok());
  Session s(program_of(model.take(), "auto"), pool_);
  const auto typo = s.bind({{"M", 2}});
  EXPECT_EQ(typo.error().id, ErrorId::undefined_name);
  EXPECT_NE(typo.error().hint.find('N'), std::string::npos);
  EXPECT_EQ(s.bind({{"N", -1}}).error().id, ErrorId::bad_data);
  EXPECT_TRUE(s.bind({{"N", 2}}).ok());
}

// A tensor that was never made says it is a float scalar.
TEST_F(States, WhatIsNotThereIsRefused) {
  auto model = testing::model_of(R"(
      graph g(x: f32[]) state s: f32[] -> (y) {
        y = add(s, x)
        next s = y
      })",
                                 standard_catalogue());
  ASSERT_TRUE(model.ok());
  Session s(program_of(model.take(), "auto"), pool_);
  EXPECT_EQ(s.restore({Tensor()}).error().id, ErrorId::bad_data);
  const std::vector<Datum> nothing{Datum()};
  EXPECT_EQ(s.run(nothing).error().id, ErrorId::bad_data);
}

// A fork draws what the original would have drawn.
TEST_F(States, ForksGoOnDrawing) {
  auto model = testing::model_of("graph g(x: f32[8]) -> (y) { y = random_uniform_like(x) }",
                                 standard_catalogue());
  ASSERT_TRUE(model.ok()) << describe(model.error());
  Session a(program_of(model.take(), "auto"), pool_);
  const std::vector<Datum> in{vector_of(std::vector<float>(8))};
  const auto first = a.run(in).take();
  Session b = a.fork().take();
  const auto here = a.run(in).take(), there = b.run(in).take();
  EXPECT_EQ(floats(here[0]), floats(there[0]));
  EXPECT_NE(floats(first[0]), floats(there[0]));
}

// Weights that lie unaligned in their file are copied: once for all constants that share them, and
// not beyond the limit.
TEST(Weights, UnalignedOnesAreCopiedOnce) {
  Limits limits;
  limits.runtime_memory = 1 << 20;
  const auto make = [&](bool same, int count) {
    Model model;
    model.sources.push_back(DataSource::in_memory(std::vector<std::byte>((1 << 19) + 64)));
    Builder builder(model, model.add_graph("g"), standard_catalogue());
    for (int i = 0; i < count; ++i) {
      Constant c;
      c.name = "w" + std::to_string(i);
      c.type = {DType::f32, Shape{1 << 17}, {}};
      if (i % 2 == 1) c.type.shape = Shape{1 << 7, 1 << 10};
      c.data = Constant::Span{0, same ? 1u : 1 + 4 * uint64_t(i), 1 << 19};
      builder.graph().add_output("y" + std::to_string(i),
                                 builder.constant(model.add_constant(std::move(c))));
    }
    return Program::make(std::make_shared<const Model>(std::move(model)),
                         backends_for("auto").take(), limits);
  };
  EXPECT_TRUE(make(false, 2).ok());
  EXPECT_EQ(make(false, 3).error().id, ErrorId::over_memory);
  const auto shared = make(true, 10);
  ASSERT_TRUE(shared.ok()) << describe(shared.error());
  EXPECT_EQ((*shared)->constant(ConstantId{0}).data(), (*shared)->constant(ConstantId{9}).data());
  EXPECT_EQ((*shared)->constant(ConstantId{9}).shape(), (Extents{1 << 7, 1 << 10}));
}

// Decoding widens: what counts is what it makes.
TEST(Weights, DecodedOnesHaveALimit) {
  Model model;
  model.sources.push_back(DataSource::in_memory(std::vector<std::byte>(1 << 16)));
  Constant q;
  q.name = "q";
  q.type = {DType::f32, Shape{1 << 18}, {}};
  q.type.encoding.kind = Encoding::Kind::affine;
  q.type.encoding.storage = DType::u2;
  q.data = Constant::Span{0, 0, 1 << 16};
  q.scale = model.add_constant("s", Tensor::scalar(DType::f32, 1));
  Builder builder(model, model.add_graph("g"), standard_catalogue());
  builder.graph().add_output("y", builder.constant(model.add_constant(std::move(q))));
  const auto shared = std::make_shared<const Model>(std::move(model));
  Limits limits;
  limits.runtime_memory = (1 << 20) + 2 * kTensorOverhead;
  EXPECT_TRUE(Program::make(shared, backends_for("auto").take(), limits).ok());
  limits.runtime_memory = 1 << 19;
  EXPECT_EQ(Program::make(shared, backends_for("auto").take(), limits).error().id,
            ErrorId::over_memory);
}

// A cache made by make_stateful gives what the model with past and present gives.
TEST_F(States, AGrowingCacheIsThePast) {
  constexpr std::string_view kText = R"(
    graph g(x: f32[1,1,2], past: f32[1,P,2]) -> (y, present) {
      present = concat(past, x) <axis=1>
      y = reduce_sum(present, i64[1]{1})
    })";
  auto plain = testing::model_of(kText, standard_catalogue());
  ASSERT_TRUE(plain.ok()) << describe(plain.error());
  Model stateful = *plain;
  const auto report = run_pipeline(stateful, "make_stateful", standard_catalogue(), Limits{});
  ASSERT_TRUE(report.ok()) << describe(report.error());
  Session cached(program_of(stateful, "auto"), pool_), whole(program_of(*plain, "auto"), pool_);
  ASSERT_TRUE(cached.bind({{"capacity", 5}}).ok());
  Tensor past = Tensor::make(DType::f32, {1, 0, 2}).take();
  for (int i = 1; i <= 7; ++i) {
    const Datum x(Tensor::of({1, 1, 2}, std::vector<float>{float(i), float(10 * i)}));
    const std::vector<Datum> alone{x}, both{x, Datum(past)};
    const auto expected = whole.run(both), got = cached.run(alone);
    ASSERT_TRUE(expected.ok()) << describe(expected.error());
    if (i > 5) {
      EXPECT_FALSE(got.ok()) << "the cache is full";
      continue;
    }
    ASSERT_TRUE(got.ok()) << describe(got.error());
    EXPECT_EQ(floats((*got)[0]), floats((*expected)[0])) << "step " << i;
    past = (*expected)[1].tensor.clone();
  }
}

}  // namespace
}  // namespace hone
