// Hostile ONNX files: each ends in a clean error or a result, within bounds of time and memory.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "backends/backends.h"
#include "import/onnx/test_model.h"
#include "ir/verify.h"
#include "malformed/guarded.h"
#include "passes/pipeline.h"
#include "runtime/session.h"
#include "support/data.h"

namespace hone {
namespace {

using namespace onnx::test;  // NOLINT: the builders of small files

Limits tight() {
  Limits limits;
  limits.runtime_memory = uint64_t{1} << 29;
  limits.iterations = 100'000;
  return limits;
}

// Verify, bind, and (`run`) one run on random data.
Status bind_and_run(const Model& model, bool run) {
  const auto program =
      TRY(Program::make(std::make_shared<const Model>(model), TRY(backends_for("auto")), tight()));
  if (!run) return ok();
  testing::Random random(1);
  Dim::Bindings bindings;
  const auto inputs = testing::random_inputs(model.main(), bindings, random);
  ThreadPool pool(1);
  TRY(Session(program, pool).run(inputs).context("running"));
  return ok();
}

// A run of the model as it was imported, then the clean one. What cleaning repairs or removes, the
// first has to stand.
Status whole_way(Model model, bool run) {
  const Limits limits = tight();
  TRY(verify(model, standard_catalogue(), Phase::import).context("after import"));
  const Status raw = bind_and_run(model, run);
  if (!raw && info(raw.error().id).blame == Blame::bug) return raw;
  TRY(run_pipeline(model, "clean", standard_catalogue(), limits).context("cleaning"));
  TRY(verify(model, standard_catalogue(), Phase::clean).context("after clean"));
  return bind_and_run(model, run);
}

testing::Outcome open(const std::string& file, bool run = true) {
  const auto outcome = testing::guarded([&](const testing::Note& note) -> Status {
    note("import");
    Model model = TRY(load(file, tight()));
    note("afterwards");
    return whole_way(std::move(model), run);
  });
  testing::expect_contained(outcome);
  return outcome;
}
void expect_refused(const std::string& file, std::string_view code) {
  const auto outcome = open(file);
  EXPECT_TRUE(outcome.refused) << "it was accepted";
  EXPECT_NE(outcome.message.find("[" + std::string(code) + "]"), std::string::npos)
      << outcome.message;
}
void expect_runs(const std::string& file, bool run = true) {
  const auto outcome = open(file, run);
  EXPECT_FALSE(outcome.refused) << outcome.message;
}

WireWriter ints(std::string_view name, const std::vector<int64_t>& values) {
  return tensor(name, kInt64, {int64_t(values.size())}, raw(values));
}
// x: f32[2] -> y, through these nodes.
std::string file_of(std::vector<WireWriter> nodes, std::vector<WireWriter> initializers = {}) {
  return model(graph({.nodes = std::move(nodes),
                      .inputs = {value("x", kFloat, {2})},
                      .outputs = {value("y", kFloat, {})},
                      .initializers = std::move(initializers)}));
}
// The same with an output of undeclared shape.
std::string loose_file(std::vector<WireWriter> nodes, std::vector<WireWriter> initializers = {}) {
  WireWriter y;
  y.text(1, "y");
  return model(graph({.nodes = std::move(nodes),
                      .inputs = {value("x", kFloat, {2})},
                      .outputs = {y},
                      .initializers = std::move(initializers)}));
}

// A model with a branch, a function, a string and typed data, for damage.
std::string rich_file() {
  const auto branch = [](std::string_view op) {
    WireWriter out;
    out.text(1, "z");
    return graph({.nodes = {node(op, {"a"}, {"z"})}, .outputs = {out}}, "branch");
  };
  return model(graph({.nodes = {node("Twice", {"x"}, {"a"}, {}, "local"),
                                node("If", {"c"}, {"b"},
                                     {graph_attribute("then_branch", branch("Neg")),
                                      graph_attribute("else_branch", branch("Abs"))}),
                                node("Reshape", {"b", "s"}, {"y"})},
                      .inputs = {value("x", kFloat, {"N", 2}), value("c", kBool, {})},
                      .outputs = {value("y", kFloat, {"M"})},
                      .initializers = {ints("s", {-1})}}),
               {function("local", "Twice", {"p"}, {"q"}, {node("Add", {"p", "p"}, {"q"})})});
}

TEST(Hostile, TheRichFileIsSound) { expect_runs(rich_file()); }

TEST(Hostile, EveryTruncation) {
  const std::string file = rich_file();
  const auto outcome = testing::guarded([&](const testing::Note& note) -> Status {
    for (size_t n = 0; n < file.size(); ++n) {
      note("the first " + std::to_string(n) + " bytes");
      auto model = load(file.substr(0, n), tight());
      if (!model && info(model.error().id).blame == Blame::bug) return model.take_error();
      if (model) (void)whole_way(model.take(), true);
    }
    return ok();
  });
  testing::expect_contained(outcome);
  EXPECT_FALSE(outcome.refused) << outcome.message;
}

// Each byte replaced by lengths and numbers that lie.
TEST(Hostile, EveryByteLies) {
  const std::string file = rich_file();
  const auto outcome = testing::guarded([&](const testing::Note& note) -> Status {
    for (size_t at = 0; at < file.size(); ++at)
      for (const std::string& lie :
           {std::string("\x7f"), std::string("\0", 1), std::string("\xff\xff\xff\xff\x07"),
            std::string("\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
            std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), std::string("\x80\x80\x80")}) {
        std::string copy = file;
        copy.replace(at, 1, lie);
        note("byte " + std::to_string(at));
        auto model = load(copy, tight());
        if (!model && info(model.error().id).blame == Blame::bug) return model.take_error();
        if (!model) continue;
        const Status status = whole_way(model.take(), true);
        if (!status && info(status.error().id).blame == Blame::bug) return status;
      }
    return ok();
  });
  testing::expect_contained(outcome);
  EXPECT_FALSE(outcome.refused) << outcome.message;
}

// Files list their nodes in topological order, so a cycle is a use before the definition.
TEST(Hostile, Cycles) {
  expect_refused(file_of({node("Neg", {"y"}, {"y"})}), "model.undefined_name");
  expect_refused(file_of({node("Add", {"x", "b"}, {"a"}), node("Neg", {"a"}, {"b"}),
                          node("Neg", {"b"}, {"y"})}),
                 "model.undefined_name");
}

// A node that gives nothing; some code would look at its first output.
TEST(Hostile, NoOutputs) {
  for (const char* op : {"Relu", "Reshape", "Conv", "Shape", "Softmax"}) {
    const Names inputs = std::string_view(op) == "Reshape" ? Names{"x", "n"}
                         : std::string_view(op) == "Conv"  ? Names{"x", "x"}
                                                           : Names{"x"};
    expect_refused(file_of({node(op, inputs, {}), node("Neg", {"x"}, {"y"})}, {ints("n", {-1})}),
                   "model.bad_arity");
  }
}

TEST(Hostile, Duplicates) {
  expect_refused(file_of({node("Neg", {"x"}, {"y"}), node("Abs", {"x"}, {"y"})}),
                 "model.duplicate_name");
  expect_refused(file_of({node("Neg", {"x"}, {"x"}), node("Abs", {"x"}, {"y"})}),
                 "model.duplicate_name");
  expect_refused(file_of({node("Add", {"x", "w"}, {"y"})}, {ints("w", {1}), ints("w", {2})}),
                 "model.duplicate_name");
  expect_refused(model(graph({.nodes = {node("Neg", {"x"}, {"y"})},
                              .inputs = {value("x", kFloat, {2}), value("x", kFloat, {2})},
                              .outputs = {value("y", kFloat, {2})}})),
                 "model.duplicate_name");
}

TEST(Hostile, FoldingBombs) {
  // Not folded; refused only by the budget of the run.
  expect_refused(
      loose_file({node("ConstantOfShape", {"n"}, {"y"})}, {ints("n", {1'000'000'000'000})}),
      "limit.memory");
  expect_refused(loose_file({node("ConstantOfShape", {"n"}, {"a"}), node("Cos", {"a"}, {"y"})},
                            {ints("n", {1'000'000'000'000})}),
                 "limit.memory");
  expect_runs(loose_file({node("ConstantOfShape", {"n"}, {"a"}), node("Cos", {"a"}, {"y"})},
                         {ints("n", {1'000'000'000})}),
              false);
  expect_refused(
      loose_file({node("Expand", {"x", "n"}, {"y"})}, {ints("n", {1'000'000'000'000, 2})}),
      "limit.memory");
  expect_refused(loose_file({node("Tile", {"x", "n"}, {"y"})}, {ints("n", {1'000'000'000'000})}),
                 "limit.memory");
  expect_refused(loose_file({node("Pad", {"x", "n"}, {"y"})}, {ints("n", {0, 1'000'000'000'000})}),
                 "limit.memory");
  expect_refused(loose_file({node("Range", {"a", "n", "b"}, {"y"})},
                            {tensor("a", kInt64, {}, raw<int64_t>({0})),
                             tensor("b", kInt64, {}, raw<int64_t>({1})),
                             tensor("n", kInt64, {}, raw<int64_t>({1'000'000'000'000}))}),
                 "limit.memory");
}

// Sixty times twice as long: 2^61 elements overflow the bytes that can be addressed.
TEST(Hostile, DoublingConcat) {
  std::vector<WireWriter> nodes;
  std::string last = "x";
  for (int i = 0; i < 60; ++i) {
    const std::string next = i == 59 ? "y" : "v" + std::to_string(i);
    nodes.push_back(node("Concat", {last, last}, {next}, {int_attribute("axis", 0)}));
    last = next;
  }
  expect_refused(loose_file(nodes), "model.overflow");
  nodes.resize(35);
  nodes.push_back(node("Identity", {"v34"}, {"y"}));
  expect_refused(loose_file(nodes), "limit.memory");
  // Of a constant: the folder stops at its budget.
  nodes[0] = node("Concat", {"w", "w"}, {"v0"}, {int_attribute("axis", 0)});
  const auto outcome =
      open(loose_file(nodes, {tensor("w", kFloat, {2}, raw<float>({1, 2}))}), false);
  EXPECT_FALSE(outcome.refused) << outcome.message;
  EXPECT_LT(outcome.megabytes, 1000);
}

TEST(Hostile, Overflows) {
  expect_refused(loose_file({node("ConstantOfShape", {"n"}, {"y"})},
                            {ints("n", {int64_t{1} << 40, int64_t{1} << 40})}),
                 "model.overflow");
  expect_refused(
      loose_file({node("Reshape", {"x", "n"}, {"y"})}, {ints("n", {int64_t{1} << 62, 8})}),
      "model.overflow");
  expect_refused(loose_file({node("ConstantOfShape", {"n"}, {"y"})}, {ints("n", {-5})}),
                 "model.shape_mismatch");
  open(loose_file(
      {node("Slice", {"x", "a", "b", "c", "d"}, {"y"})},
      {ints("a", {INT64_MIN}), ints("b", {INT64_MAX}), ints("c", {0}), ints("d", {INT64_MIN})}));
  open(loose_file(
      {node("Slice", {"x", "a", "b", "c", "d"}, {"y"})},
      {ints("a", {INT64_MAX}), ints("b", {INT64_MIN}), ints("c", {0}), ints("d", {-1})}));
}

TEST(Hostile, LeastIntegerByMinusOne) {
  for (const char* op : {"Div", "Mod"}) {
    open(loose_file({node(op, {"a", "b"}, {"y"})}, {ints("a", {INT64_MIN}), ints("b", {-1})}));
    open(loose_file(
        {node("Cast", {"x"}, {"i"}, {int_attribute("to", kInt64)}), node("Mul", {"i", "z"}, {"j"}),
         node("Add", {"j", "a"}, {"k"}), node(op, {"k", "b"}, {"y"})},
        {ints("a", {INT64_MIN}), ints("b", {-1}), ints("z", {0})}));
    open(loose_file({node(op, {"a", "b"}, {"y"})}, {ints("a", {5}), ints("b", {0})}));
  }
}

TEST(Hostile, LongChain) {
  constexpr int kNodes = 200'000 / testing::kSlack;
  std::vector<WireWriter> nodes;
  std::string last = "x";
  for (int i = 0; i < kNodes; ++i) {
    const std::string next = i == kNodes - 1 ? "y" : "v" + std::to_string(i);
    nodes.push_back(node(i % 2 ? "Abs" : "Tanh", {last}, {next}));
    last = next;
  }
  expect_runs(loose_file(nodes));
}

TEST(Hostile, WideFanOut) {
  std::vector<WireWriter> nodes;
  Names all;
  for (int i = 0; i < 50'000 / testing::kSlack; ++i) {
    all.push_back("v" + std::to_string(i));
    nodes.push_back(node("LeakyRelu", {"x"}, {all.back()}, [&] {
      WireWriter a;
      a.text(1, "alpha");
      a.float32(2, float(i) * 1e-5f);
      a.varint(20, 1);
      return std::vector{a};
    }()));
  }
  nodes.push_back(node("Sum", all, {"y"}));
  expect_runs(loose_file(nodes));
  nodes.back() = node("Concat", all, {"y"}, {int_attribute("axis", 0)});
  expect_runs(loose_file(nodes));
}

TEST(Hostile, Nesting) {
  for (int depth : {20, 300}) {
    WireWriter z;
    z.text(1, "z");
    WireWriter inner = graph({.nodes = {node("Neg", {"x"}, {"z"})}, .outputs = {z}});
    for (int i = 0; i < depth; ++i)
      inner = graph(
          {.nodes = {node(
               "If", {"c"}, {"z"},
               {graph_attribute("then_branch", inner),
                graph_attribute("else_branch",
                                graph({.nodes = {node("Abs", {"x"}, {"z"})}, .outputs = {z}}))})},
           .outputs = {z}});
    const std::string file = loose_file(
        {node("If", {"c"}, {"y"},
              {graph_attribute("then_branch", inner), graph_attribute("else_branch", inner)})},
        {tensor("c", kBool, {}, std::string(1, '\1'))});
    if (depth == 20)
      expect_runs(file);
    else
      expect_refused(file, "limit.depth");
  }
}

TEST(Hostile, EndlessLoop) {
  WireWriter go, v;
  go.text(1, "go2");
  v.text(1, "w");
  const auto body =
      graph({.nodes = {node("Identity", {"go"}, {"go2"}), node("Neg", {"v"}, {"w"})},
             .inputs = {value("i", kInt64, {}), value("go", kBool, {}), value("v", kFloat, {2})},
             .outputs = {go, v}});
  expect_refused(loose_file({node("Loop", {"", "c", "x"}, {"y"}, {graph_attribute("body", body)})},
                            {tensor("c", kBool, {}, std::string(1, '\1'))}),
                 "limit.time");
}

// The elements of s where m is true as a vector whose length only the data decide: a shape.
std::vector<WireWriter> shape_from_data() {
  return {node("Greater", {"x", "t"}, {"m"}), node("Compress", {"s", "m"}, {"d"})};
}

// Notes that lie about the rank of what a kernel gets.
TEST(Hostile, DeclaredRanks) {
  std::vector<WireWriter> nodes = shape_from_data();
  nodes.push_back(node("Reshape", {"one", "d"}, {"r"}));
  nodes.push_back(node("Reshape", {"one", "d"}, {"w"}));
  for (const char* op : {"Conv", "MatMul", "Gemm", "MaxPool", "Softmax", "LayerNormalization"}) {
    const std::string name(op);
    const bool single = name == "MaxPool" || name == "Softmax";
    nodes.push_back(node(op, single ? Names{"r"} : Names{"r", "w"}, {"y"},
                         name == "MaxPool"
                             ? std::vector{list_attribute<int64_t>("kernel_shape", {1})}
                             : std::vector<WireWriter>{}));
    for (const std::vector<Extent>& said :
         {std::vector<Extent>{1, 1, 1}, {1, 1, 1, 1}, {1, 1}, {1, 1, 1, 1, 1}})
      open(model(graph({.nodes = nodes,
                        .inputs = {value("x", kFloat, {60}), value("one", kFloat, {1})},
                        .outputs = {value("y", kFloat, said)},
                        .initializers = {ints("s", std::vector<int64_t>(60, 1)),
                                         tensor("t", kFloat, {}, raw<float>({-9}))},
                        .value_info = {value("r", kFloat, said), value("w", kFloat, said)}})));
    nodes.pop_back();
  }
}

// Notes that are stale: the result is what the data say, cleaned or not.
TEST(Hostile, DeclaredExtents) {
  std::vector<WireWriter> nodes = shape_from_data();
  nodes.push_back(node("Reshape", {"v", "d"}, {"r"}));
  nodes.push_back(node("Shape", {"r"}, {"h"}));
  nodes.push_back(node("Abs", {"h"}, {"y"}));
  nodes.push_back(node("Identity", {"r"}, {"z"}));
  const std::string file =
      model(graph({.nodes = nodes,
                   .inputs = {value("x", kFloat, {2}), value("v", kFloat, {1, 6})},
                   .outputs = {value("y", kInt64, {2}), value("z", kFloat, {1, 6})},
                   .initializers = {ints("s", {3, 2}), tensor("t", kFloat, {}, raw<float>({-9}))},
                   .value_info = {value("r", kFloat, {1, 6})}}));
  for (const bool clean : {false, true}) {
    Model m = load(file).take();
    if (clean) {
      ASSERT_TRUE(run_pipeline(m, "clean", standard_catalogue(), tight()).ok());
    }
    const auto program = Program::make(std::make_shared<const Model>(std::move(m)),
                                       backends_for("auto").take(), tight());
    ASSERT_TRUE(program.ok());
    const std::vector<Datum> inputs{Datum(Tensor::make(DType::f32, {2}).take()),
                                    Datum(Tensor::make(DType::f32, {1, 6}).take())};
    ThreadPool pool(1);
    const auto outputs = Session(*program, pool).run(inputs);
    ASSERT_TRUE(outputs.ok()) << describe(outputs.error());
    EXPECT_EQ(integers((*outputs)[0].tensor), (std::vector<int64_t>{3, 2})) << "clean: " << clean;
    EXPECT_EQ((*outputs)[1].tensor.shape(), (Extents{3, 2})) << "clean: " << clean;
  }
}

TEST(Hostile, Names) {
  expect_refused(file_of({node("Neg", {"x"}, {std::string(1 << 20, 'n')}),
                          node("Abs", {std::string(1 << 20, 'n')}, {"y"})}),
                 "limit.size");
  expect_refused(file_of({node("Neg", {"x"}, {"\xff\xfe"}), node("Abs", {"\xff\xfe"}, {"y"})}),
                 "data.not_utf8");
  expect_runs(loose_file(
      {node("Neg", {"x"}, {"a \"b\"\n\x1b[31m"}), node("Abs", {"a \"b\"\n\x1b[31m"}, {"y"})}));
}

TEST(Hostile, ManyAttributesAndAxes) {
  std::vector<WireWriter> attributes;
  for (int i = 0; i < 100'000; ++i) attributes.push_back(int_attribute("a" + std::to_string(i), i));
  EXPECT_TRUE(open(file_of({node("Neg", {"x"}, {"y"}, attributes)})).refused);
  EXPECT_TRUE(
      open(loose_file({node("Neg", {"w"}, {"y"})},
                      {tensor("w", kFloat, std::vector<int64_t>(1000, 1), raw<float>({1}))}))
          .refused);
  EXPECT_TRUE(open(loose_file({node("Unsqueeze", {"x", "n"}, {"y"})},
                              {ints("n", std::vector<int64_t>(10'000, 0))}))
                  .refused);
}

// The files of a folder of malformed models, where there is one.
TEST(Hostile, Corpus) {
  const char* named = std::getenv("HONE_CORPORA");
  const std::filesystem::path folder =
      std::filesystem::path(named ? named : HONE_SOURCE "/../shared/corpora") / "malformed";
  std::ifstream index(folder / "index.tsv");
  if (!index) GTEST_SKIP() << "there is no corpus at " << folder << "; HONE_CORPORA names one";
  int count = 0;
  for (std::string line; std::getline(index, line);) {
    std::istringstream fields(line);
    std::string family, file, bytes, expected;
    fields >> family >> file >> bytes >> expected;
    if (family != "onnx" || !file.starts_with("onnx_")) continue;
    SCOPED_TRACE(line);
    std::filesystem::path path;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.path().filename() == file) path = entry.path();
    ASSERT_FALSE(path.empty()) << "the index names a file that is not there";
    ++count;
    const auto outcome = testing::guarded([&](const testing::Note&) -> Status {
      return whole_way(
          TRY(onnx::import_file(path.string(), standard_catalogue(), {.limits = tight()})), true);
    });
    testing::expect_contained(outcome);
    const bool may_sort = file == "onnx_not_topological.onnx";  // sorting is as good
    if (expected == "reject" && !may_sort) {
      EXPECT_TRUE(outcome.refused) << "it was accepted";
    }
  }
  EXPECT_GT(count, 10);
}

}  // namespace
}  // namespace hone
