// Importing small models: what becomes of them, and every way to refuse them.
#include "import/onnx/onnx.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/scratch_folder.h"
#include "import/onnx/test_model.h"
#include "ir/verify.h"

namespace hone::onnx {
namespace {

using namespace test;

#define EXPECT_FAILS(result, error_id, part)                                          \
  do {                                                                                \
    const auto& failed_result = (result);                                             \
    ASSERT_FALSE(failed_result.ok());                                                 \
    EXPECT_EQ(failed_result.error().id, error_id) << describe(failed_result.error()); \
    EXPECT_NE(failed_result.error().message.find(part), std::string::npos)            \
        << failed_result.error().message;                                             \
  } while (0)

TEST(OnnxImport, AddsAConstant) {
  NEEDS("Add");
  const auto m = load(model(graph(add_parts())));
  ASSERT_TRUE(m.ok()) << describe(m.error());
  const Graph& g = m->main();
  ASSERT_EQ(g.inputs.size(), 1u);
  ASSERT_EQ(g.outputs().size(), 1u);
  EXPECT_EQ(g[g.inputs[0]].name, "x");
  EXPECT_EQ(g.output_names()[0], "y");
  EXPECT_EQ(g[g.outputs()[0]].name, "y");
  EXPECT_EQ(g[g.outputs()[0]].type.str(), "f32[2]");
  EXPECT_EQ(g.live_nodes(), 1u);
  EXPECT_EQ(g[NodeId{0}].name, "sum");
  ASSERT_EQ(m->constants.size(), 1u);
  EXPECT_EQ(reals(*m->read(ConstantId{0})), (std::vector<double>{1, 2}));
  EXPECT_EQ(m->metadata.at("opset.ai.onnx"), "17");
  EXPECT_EQ(m->metadata.at("producer"), "test");
}

TEST(OnnxImport, KnowsItsFiles) {
  EXPECT_TRUE(looks_like_onnx(bytes_of(model(graph(add_parts())))));
  EXPECT_FALSE(looks_like_onnx({}));
  EXPECT_FALSE(looks_like_onnx(bytes_of("GGUF\3\0\0\0")));
  EXPECT_FALSE(looks_like_onnx(bytes_of(std::string("\x08\x01\x12\x04\x0a\x02\x08\x01", 8))));
  EXPECT_FALSE(looks_like_onnx(bytes_of(tensor("t", kFloat, {1}, raw<float>({1})).data())));
}

TEST(OnnxImport, EveryTruncationIsRefused) {
  const std::string file = model(graph(add_parts()));
  for (size_t n = 0; n < file.size(); ++n) {
    const auto m = load(std::string_view(file).substr(0, n));
    // Between two fields at the end only an import of the operator sets is missing.
    EXPECT_TRUE(!m.ok() || n > file.size() - 16) << n;
  }
}

TEST(OnnxImport, EveryChangedByteIsSurvived) {
  const std::string file = model(graph(add_parts()));
  for (size_t at = 0; at < file.size(); ++at)
    for (const unsigned char with : {0x00, 0x01, 0x7f, 0x80, 0xff}) {
      std::string changed = file;
      changed[at] = static_cast<char>(with);
      (void)load(changed);
    }
}

TEST(OnnxImport, SymbolsOfInputs) {
  NEEDS("Neg");
  const auto m = load(model(graph({.nodes = {node("Neg", {"x"}, {"y"})},
                                   .inputs = {value("x", kFloat, {"batch", -1, 0})},
                                   .outputs = {value("y", kFloat, {"batch", "q", 0})}})));
  ASSERT_TRUE(m.ok()) << describe(m.error());
  const Graph& g = m->main();
  EXPECT_EQ(g[g.inputs[0]].type.str(), "f32[batch,?,0]");
  EXPECT_EQ(g[g.outputs()[0]].type.str(), "f32[batch,?,0]");
  ASSERT_EQ(m->symbols.size(), 1u);
  EXPECT_EQ(m->symbols[0].name, "batch");
}

TEST(OnnxImport, InitializerThatIsAnInputIsAConstant) {
  NEEDS("Add");
  auto parts = add_parts();
  parts.inputs.push_back(value("w", kFloat, {2}));
  const auto m = load(model(graph(parts)));
  ASSERT_TRUE(m.ok()) << describe(m.error());
  EXPECT_EQ(m->main().inputs.size(), 1u);
  parts.inputs.back() = value("w", kInt64, {2});
  EXPECT_FAILS(load(model(graph(parts))), ErrorId::type_mismatch, "initializer");
}

TEST(OnnxImport, Names) {
  NEEDS("Add", "Neg");
  auto parts = add_parts();
  parts.initializers.push_back(parts.initializers[0]);
  EXPECT_FAILS(load(model(graph(parts))), ErrorId::duplicate_name, "'w'");

  parts = add_parts();
  parts.nodes.push_back(node("Neg", {"x"}, {"y"}));
  EXPECT_FAILS(load(model(graph(parts))), ErrorId::duplicate_name, "'y'");

  parts = add_parts();
  parts.initializers.clear();
  EXPECT_FAILS(load(model(graph(parts))), ErrorId::undefined_name, "'w'");

  parts = add_parts();
  parts.outputs = {value("z", kFloat, {2})};
  EXPECT_FAILS(load(model(graph(parts))), ErrorId::undefined_name, "'z'");

  parts = add_parts();
  parts.nodes = {node("Neg", {"b"}, {"y"}, {}, {}, "first"),
                 node("Neg", {"x"}, {"b"}, {}, {}, "second")};
  EXPECT_FAILS(load(model(graph(parts))), ErrorId::undefined_name, "topological");

  parts = add_parts();
  parts.inputs.push_back(parts.inputs[0]);
  EXPECT_FAILS(load(model(graph(parts))), ErrorId::duplicate_name, "'x'");
}

// Whether an axis shrinks may be known at the run only.
TEST(OnnxImport, OldResizeWithComputedScales) {
  NEEDS("Resize");
  GraphParts parts{.nodes = {node("Resize", {"x", "s"}, {"y"})},
                   .inputs = {value("x", kFloat, {2, 6}), value("s", kFloat, {2})},
                   .outputs = {value("y", kFloat, {"n", "m"})}};
  const auto m = load(model(graph(parts), {}, {opset("", 10)}));
  ASSERT_TRUE(m.ok()) << describe(m.error());
  const Graph& g = m->main();
  const Node& resize = g[g[g.outputs()[0]].producer];
  EXPECT_EQ(Infer(*resize.op, resize.attrs, {}, 1).text("nearest_mode"), "floor_or_ceil");
}

TEST(OnnxImport, DeclaredOutputs) {
  NEEDS("Add");
  auto parts = add_parts();
  parts.outputs = {value("y", kInt64, {2})};
  EXPECT_FAILS(load(model(graph(parts))), ErrorId::type_mismatch, "'y'");
  parts.outputs = {value("y", kFloat, {3})};
  EXPECT_FAILS(load(model(graph(parts))), ErrorId::shape_mismatch, "'y'");
  parts.outputs = {value("y", kFloat, {2, 1})};
  EXPECT_FAILS(load(model(graph(parts))), ErrorId::shape_mismatch, "'y'");
  parts.outputs = {value("y", kFloat, {"n"})};
  EXPECT_TRUE(load(model(graph(parts))).ok());
}

// Only data decide the shape of r: what tools noted about it, and even of the output, may be stale.
TEST(OnnxImport, NotesAreNotTakenForTypes) {
  NEEDS("Reshape", "Shape", "If");
  const auto m = load(model(graph(
      {.nodes = {node("Reshape", {"x", "s"}, {"r"}), node("Shape", {"r"}, {"h"}),
                 node("Abs", {"h"}, {"y"}), node("Reshape", {"x", "t"}, {"z"})},
       .inputs = {value("x", kFloat, {6}), value("s", kInt64, {2}), value("t", kInt64, {"n"})},
       .outputs = {value("y", kInt64, {2}), value("z", kFloat, {6})},
       .value_info = {value("r", kFloat, {1, 6})}})));
  ASSERT_TRUE(m.ok()) << describe(m.error());
  const Graph& g = m->main();
  const auto type_of = [&](uint32_t node) { return g[g[NodeId{node}].outputs[0]].type.str(); };
  EXPECT_EQ(type_of(0), "f32[?,?]");
  EXPECT_EQ(type_of(3), "f32[*]");
  EXPECT_FALSE(g[g[NodeId{1}].outputs[0]].known && (*g[g[NodeId{1}].outputs[0]].known)[0].is(1));
}

TEST(OnnxImport, NamesAllMissingOperators) {
  auto parts = add_parts();
  parts.nodes.clear();
  for (int i = 0; i < 7; ++i)
    parts.nodes.push_back(node("NoSuchOp", {}, {"o" + std::to_string(i)}));
  parts.nodes.push_back(node("Other", {}, {"p"}, {}, "local", "named"));
  const auto m = load(model(graph(parts)));
  EXPECT_FAILS(m, ErrorId::unsupported_operator, "2 operators");
  const std::string& text = m.error().message;
  EXPECT_NE(text.find("NoSuchOp of ai.onnx version 17, at 7 nodes: 'o0' 'o1' 'o2' 'o3' 'o4' …"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("Other of local version 1, at 1 node: 'named'"), std::string::npos) << text;
}

TEST(OnnxImport, OperatorSets) {
  const auto g = graph(add_parts());
  EXPECT_FAILS(load(model(g, {}, {})), ErrorId::undefined_name, "ai.onnx");
  EXPECT_FAILS(load(model(g, {}, {opset("", 17), opset("ai.onnx", 16)})), ErrorId::duplicate_name,
               "ai.onnx");
  EXPECT_FAILS(load(model(g, {}, {opset("", 1000)})), ErrorId::unsupported_version, "1000");
  EXPECT_FAILS(load(model(g, {}, {opset("", 0)})), ErrorId::malformed, "version 0");
  auto parts = add_parts();
  parts.nodes = {node("Add", {"x", "w"}, {"y"}, {}, "com.nobody")};
  EXPECT_FAILS(load(model(graph(parts))), ErrorId::undefined_name, "com.nobody");
}

TEST(OnnxImport, UnknownAttributesAreRefused) {
  NEEDS("Add");
  auto parts = add_parts();
  parts.nodes = {node("Add", {"x", "w"}, {"y"}, {int_attribute("surprise", 1)})};
  EXPECT_FAILS(load(model(graph(parts))), ErrorId::bad_attribute, "surprise");
  parts.nodes = {node("Add", {"x", "w"}, {"y"}, {text_attribute("__origin", "torch")})};
  EXPECT_TRUE(load(model(graph(parts))).ok());
  parts.nodes = {node("Add", {"x", "w"}, {"y"}, {int_attribute("a", 1), int_attribute("a", 1)})};
  EXPECT_FAILS(load(model(graph(parts))), ErrorId::duplicate_name, "'a'");
}

TEST(OnnxImport, LongChains) {
  NEEDS("Neg");
  GraphParts parts{.inputs = {value("v0", kFloat, {2})}, .outputs = {}};
  constexpr int kNodes = 300'000;
  WireWriter g;
  for (int i = 0; i < kNodes; ++i)
    g.message(1, node("Neg", {"v" + std::to_string(i)}, {"v" + std::to_string(i + 1)}));
  g.message(11, parts.inputs[0]);
  g.message(12, value("v" + std::to_string(kNodes), kFloat, {2}));
  const auto m = load(model(g));
  ASSERT_TRUE(m.ok()) << describe(m.error());
  EXPECT_EQ(m->main().live_nodes(), size_t{kNodes});
}

TEST(OnnxImport, BudgetsHold) {
  NEEDS("Neg");
  WireWriter g;
  for (int i = 0; i < 1000; ++i)
    g.message(1, node("Neg", {"v" + std::to_string(i)}, {"v" + std::to_string(i + 1)}));
  g.message(11, value("v0", kFloat, {2}));
  Limits limits;
  limits.nodes = 999;
  EXPECT_FAILS(load(model(g), limits), ErrorId::over_nodes, "");
  limits = {};
  limits.memory = 100'000;
  EXPECT_FAILS(load(model(g), limits), ErrorId::over_memory, "");
}

// Functions.

TEST(OnnxFunctions, AreInlined) {
  NEEDS("Add", "Neg");
  const auto twice = function("local", "Twice", {"a"}, {"b"}, {node("Add", {"a", "a"}, {"b"})});
  const auto m = load(model(graph({.nodes = {node("Twice", {"x"}, {"t"}, {}, "local", "c1"),
                                             node("Twice", {"t"}, {"y"}, {}, "local", "c2")},
                                   .inputs = {value("x", kFloat, {2})},
                                   .outputs = {value("y", kFloat, {2})}}),
                            {twice}));
  ASSERT_TRUE(m.ok()) << describe(m.error());
  EXPECT_EQ(m->main().live_nodes(), 2u);
  EXPECT_EQ(m->main()[NodeId{1}].name, "c2/b");
}

TEST(OnnxFunctions, AttributesAndDefaults) {
  NEEDS("Softmax");
  const auto f = function("local", "S", {"a"}, {"b"},
                          {node("Softmax", {"a"}, {"b"}, {ref_attribute("axis", "way", 2)})}, {},
                          {int_attribute("way", 0)});
  const auto axis_of = [&](const std::vector<WireWriter>& given) -> Result<int64_t> {
    auto m = load(model(graph({.nodes = {node("S", {"x"}, {"y"}, given, "local")},
                               .inputs = {value("x", kFloat, {2, 3})},
                               .outputs = {value("y", kFloat, {2, 3})}}),
                        {f}));
    if (!m) return m.take_error();
    for (const NamedAttr& a : m->main()[NodeId{0}].attrs)
      if (a.name == "axis") return std::get<int64_t>(a.value);
    return int64_t{-1};
  };
  EXPECT_EQ(*axis_of({}), 0);
  EXPECT_EQ(*axis_of({int_attribute("way", 1)}), 1);
  EXPECT_FAILS(axis_of({int_attribute("other", 1)}), ErrorId::bad_attribute, "other");
}

TEST(OnnxFunctions, RecursionIsRefused) {
  const auto a = function("local", "A", {"x"}, {"y"}, {node("B", {"x"}, {"y"}, {}, "local")});
  const auto b = function("local", "B", {"x"}, {"y"}, {node("A", {"x"}, {"y"}, {}, "local")});
  const auto g = graph({.nodes = {node("A", {"x"}, {"y"}, {}, "local")},
                        .inputs = {value("x", kFloat, {2})},
                        .outputs = {value("y", kFloat, {2})}});
  EXPECT_FAILS(load(model(g, {a, b})), ErrorId::cycle, "calls itself");
  EXPECT_FAILS(load(model(g, {a, a, b})), ErrorId::duplicate_name, "'A'");
}

TEST(OnnxFunctions, ExponentialInliningIsRefused) {
  std::vector<WireWriter> functions;
  for (int i = 0; i < 50; ++i) {
    const std::string next = "F" + std::to_string(i + 1);
    functions.push_back(
        function("local", "F" + std::to_string(i), {"x"}, {"y"},
                 {node(next, {"x"}, {"t"}, {}, "local"), node(next, {"t"}, {"y"}, {}, "local")}));
  }
  functions.push_back(function("local", "F50", {"x"}, {"x"}, {}));
  const auto g = graph({.nodes = {node("F0", {"x"}, {"y"}, {}, "local")},
                        .inputs = {value("x", kFloat, {2})},
                        .outputs = {value("y", kFloat, {2})}});
  EXPECT_FAILS(load(model(g, functions)), ErrorId::over_nodes, "");
}

TEST(OnnxFunctions, Arity) {
  const auto f = function("local", "F", {"a"}, {"a"}, {});
  const auto with = [&](const Names& in, const Names& out) {
    return load(model(graph({.nodes = {node("F", in, out, {}, "local")},
                             .inputs = {value("x", kFloat, {2})},
                             .outputs = {value("y", kFloat, {2})}}),
                      {f}));
  };
  EXPECT_TRUE(with({"x"}, {"y"}).ok());
  EXPECT_FAILS(with({"x", "x"}, {"y"}), ErrorId::bad_arity, "2 inputs");
  EXPECT_FAILS(with({"x"}, {"y", "z"}), ErrorId::bad_arity, "2 outputs");
  EXPECT_FAILS(with({}, {"y"}), ErrorId::unsupported_feature, "'y'");
}

// The description of a node outlives the copy of it that has the attributes of the call filled in.
TEST(OnnxFunctions, OutputsThatAreNotComputedNameTheirNode) {
  const auto normalized = [](const char* out, const char* lost, const char* name) {
    return node("SkipSimplifiedLayerNormalization", {"p", "p", "g"}, {out, lost},
                {ref_attribute("epsilon", "eps", 1)}, "com.microsoft", name);
  };
  const auto f = function("local", "F", {"p", "g"}, {"q"},
                          {normalized("a", "mean", "first"), normalized("b", "other", "second"),
                           node("Neg", {"mean"}, {"q"})},
                          {"eps"});
  const auto m = load(
      model(graph({.nodes = {node("F", {"x", "g"}, {"y"}, {float_attribute("eps", 0.1f)}, "local")},
                   .inputs = {value("x", kFloat, {2, 4}), value("g", kFloat, {4})},
                   .outputs = {value("y", kFloat, {2, 4})}}),
            {f}));
  EXPECT_FAILS(m, ErrorId::unsupported_feature,
               "an output of node 'first' (SkipSimplifiedLayerNormalization)");
}

// Graphs given to a function as attributes.

WireWriter untyped(std::string_view name) {
  WireWriter v;
  v.text(1, name);
  return v;
}
// if c, then and else the graph that the function is given as `body`
WireWriter chooser(std::vector<WireWriter> nodes, const std::vector<WireWriter>& defaults = {},
                   int64_t version = 17) {
  return function("local", "Choose", {"p", "c"}, {"q"}, nodes, {"body"}, defaults, version);
}
WireWriter choose_body() {
  return node("If", {"c"}, {"q"},
              {ref_attribute("then_branch", "body", 5), ref_attribute("else_branch", "body", 5)});
}
Result<Model> load_chooser(const WireWriter& f, const std::vector<WireWriter>& given) {
  return load(model(
      graph({.nodes = {node("Choose", {"i", "c"}, {"y"}, given, "local")},
             .inputs = {value("p", kFloat, {2}), value("i", kInt64, {3}), value("c", kBool, {})},
             .outputs = {untyped("y")}}),
      {f}));
}

TEST(OnnxGraphAttributes, DefaultsAreSurveyed) {
  const auto body = graph({.nodes = {node("NoSuchOp", {"p"}, {"z"})}, .outputs = {untyped("z")}});
  EXPECT_FAILS(load_chooser(chooser({choose_body()}, {graph_attribute("body", body)}), {}),
               ErrorId::unsupported_operator, "NoSuchOp of ai.onnx version 17, at 1 node: 'z'");
}

TEST(OnnxGraphAttributes, DefaultsSeeTheFunction) {
  NEEDS("If", "Neg");
  const auto body = graph({.nodes = {node("Neg", {"p"}, {"z"})}, .outputs = {untyped("z")}});
  const auto m = load_chooser(chooser({choose_body()}, {graph_attribute("body", body)}), {});
  ASSERT_TRUE(m.ok()) << describe(m.error());
  EXPECT_EQ(m->main()[m->main().outputs()[0]].type.str(), "i64[3]");  // what the call gives as p
}

// The function is of a version without this operator, and means another value by `p`.
TEST(OnnxGraphAttributes, GivenOnesSeeTheCaller) {
  NEEDS("If", "Erf");
  const auto body = graph({.nodes = {node("Erf", {"p"}, {"z"})}, .outputs = {untyped("z")}});
  const std::vector<WireWriter> given{graph_attribute("body", body)};
  const auto m = load_chooser(chooser({choose_body()}, {}, 8), given);
  ASSERT_TRUE(m.ok()) << describe(m.error());
  EXPECT_EQ(m->main()[m->main().outputs()[0]].type.str(), "f32[2]");

  // From within a graph of the function: captured by that graph, which has a `p` of its own.
  const auto inner =
      graph({.nodes = {node("Identity", {"c"}, {"p"}), choose_body()}, .outputs = {untyped("q")}});
  const auto outer =
      node("If", {"c"}, {"q"},
           {graph_attribute("then_branch", inner), graph_attribute("else_branch", inner)});
  const auto n = load_chooser(chooser({outer}, {}, 8), given);
  ASSERT_TRUE(n.ok()) << describe(n.error());
  EXPECT_EQ(n->main()[n->main().outputs()[0]].type.str(), "f32[2]");
  EXPECT_TRUE(verify(*n, standard_catalogue(), Phase::import).ok());
}

// A graph that is handed on refers to the attributes of the call in which it was written.
TEST(OnnxGraphAttributes, ReferToTheirOwnFunction) {
  NEEDS("If", "Softmax");
  const auto body =
      graph({.nodes = {node("Softmax", {"p"}, {"z"}, {ref_attribute("axis", "way", 2)})},
             .outputs = {untyped("z")}});
  const auto outer = function(
      "local", "Outer", {"p", "c"}, {"q"},
      {node("Choose", {"c", "c"}, {"q"}, {graph_attribute("body", body)}, "local")}, {"way"});
  const auto m = load(
      model(graph({.nodes = {node("Outer", {"x", "c"}, {"y"}, {int_attribute("way", 0)}, "local")},
                   .inputs = {value("x", kFloat, {2, 2}), value("c", kBool, {})},
                   .outputs = {untyped("y")}}),
            {chooser({choose_body()}), outer}));
  ASSERT_TRUE(m.ok()) << describe(m.error());
  const Graph& then = m->graphs[1];
  EXPECT_EQ(std::get<int64_t>(then[NodeId{0}].attrs.at(0).value), 0);
}

// Budgets of what a small file can make many of.

TEST(OnnxBudgets, NamesOfInlinedNodes) {
  NEEDS("Neg");
  const std::string long_name(6000, 'n');
  std::vector<WireWriter> functions, nodes;
  for (int k = 0; k < 2000; ++k)
    nodes.push_back(
        node("Neg", {k ? "a" + std::to_string(k) : "p"}, {"a" + std::to_string(k + 1)}));
  functions.push_back(function("local", "F0", {"p"}, {"a2000"}, nodes));
  for (int i = 1; i < 10; ++i)
    functions.push_back(
        function("local", "F" + std::to_string(i), {"p"}, {"q"},
                 {node("F" + std::to_string(i - 1), {"p"}, {"q"}, {}, "local", long_name)}));
  const auto g = graph({.nodes = {node("F9", {"x"}, {"y"}, {}, "local", long_name)},
                        .inputs = {value("x", kFloat, {2})},
                        .outputs = {value("y", kFloat, {2})}});
  Limits limits;
  limits.memory = 64 << 20;  // the names take 120 MB
  EXPECT_FAILS(load(model(g, functions), limits), ErrorId::over_memory, "names of nodes");
}

TEST(OnnxBudgets, NamesOfValuesInNestedGraphs) {
  NEEDS("If", "Neg");
  const std::string long_name(60000, 'n');
  const auto body =
      graph({.nodes = {node("Neg", {"p"}, {long_name})}, .outputs = {untyped(long_name)}});
  const auto f = function(
      "local", "F", {"p", "c"}, {"q"},
      {node("If", {"c"}, {"q"},
            {graph_attribute("then_branch", body), graph_attribute("else_branch", body)})});
  GraphParts parts{.inputs = {value("x", kFloat, {2}), value("c", kBool, {})},
                   .outputs = {value("y400", kFloat, {2})}};
  for (int i = 0; i <= 400; ++i)
    parts.nodes.push_back(node("F", {"x", "c"}, {"y" + std::to_string(i)}, {}, "local"));
  Limits limits;
  limits.memory = 64 << 20;
  EXPECT_FAILS(load(model(graph(parts), {f}), limits), ErrorId::over_memory, "names");
}

TEST(OnnxBudgets, KnownElements) {
  NEEDS("Add");
  GraphParts parts{.inputs = {value("x", kFloat, {2})},
                   .outputs = {value("x", kFloat, {2})},
                   .initializers = {tensor("v0", kInt64, {128}, std::string(128 * 8, '\1'))}};
  for (int i = 0; i < 20000; ++i)
    parts.nodes.push_back(
        node("Add", {"v" + std::to_string(i), "v0"}, {"v" + std::to_string(i + 1)}));
  Limits limits;
  limits.memory = 64 << 20;  // 128 known elements each take 100 MB
  EXPECT_FAILS(load(model(graph(parts)), limits), ErrorId::over_memory, "the imported graph");
}

TEST(OnnxBudgets, ConstantsThatTranslationsMake) {
  NEEDS("Constant", "ReduceSum");
  const auto f = function("local", "F", {}, {"q"},
                          {node("Constant", {}, {"q"}, {int_attribute("value_int", 3)})});
  GraphParts parts{.inputs = {value("x", kFloat, {2})}, .outputs = {value("x", kFloat, {2})}};
  for (int i = 0; i < 2000; ++i)
    parts.nodes.push_back(node("F", {}, {"c" + std::to_string(i)}, {}, "local"));
  Limits limits;
  limits.tensors = 1000;
  EXPECT_FAILS(load(model(graph(parts), {f}), limits), ErrorId::over_size, "1000 tensors");
  // Scalars and lists that stand for attributes.
  parts.nodes.clear();
  for (int i = 0; i < 2000; ++i)
    parts.nodes.push_back(node("Clip", {"x"}, {"c" + std::to_string(i)},
                               {float_attribute("min", 0), float_attribute("max", 1)}));
  EXPECT_FAILS(load(model(graph(parts), {}, {opset("", 6)}), limits), ErrorId::over_size,
               "1000 tensors");
}

// A loop around `body` whose value v is of another shape after each turn.
WireWriter growing_loop(const std::vector<WireWriter>& body) {
  std::vector<WireWriter> nodes = body;
  nodes.push_back(node("Identity", {"go"}, {"go2"}));
  nodes.push_back(node("Concat", {"v", "v"}, {"w"}, {int_attribute("axis", 0)}));
  return graph({.nodes = nodes,
                .inputs = {value("i", kInt64, {}), value("go", kBool, {}), untyped("v")},
                .outputs = {untyped("go2"), untyped("w")}});
}

TEST(OnnxLoops, SupersededBodiesAreDropped) {
  NEEDS("Loop", "Concat");
  const auto m = load(model(graph(
      {.nodes = {node("Loop", {"n", "", "x"}, {"y"}, {graph_attribute("body", growing_loop({}))})},
       .inputs = {value("n", kInt64, {}), value("x", kFloat, {2})},
       .outputs = {untyped("y")}})));
  ASSERT_TRUE(m.ok()) << describe(m.error());
  EXPECT_EQ(m->main()[m->main().outputs()[0]].type.str(), "f32[?]");
  EXPECT_EQ(m->graphs.size(), 2u);
  EXPECT_TRUE(verify(*m, standard_catalogue(), Phase::import).ok());
}

TEST(OnnxLoops, EveryImportOfABodyIsCharged) {
  NEEDS("Loop", "Concat");
  WireWriter body = growing_loop({});
  for (int depth = 0; depth < 10; ++depth)
    body = growing_loop({node("Loop", {"i", "", "v"}, {"u"}, {graph_attribute("body", body)})});
  const auto file =
      model(graph({.nodes = {node("Loop", {"n", "", "x"}, {"y"}, {graph_attribute("body", body)})},
                   .inputs = {value("n", kInt64, {}), value("x", kFloat, {2})},
                   .outputs = {untyped("y")}}));
  Limits limits;
  limits.nodes = 100;  // of 34 in the file
  EXPECT_FAILS(load(file, limits), ErrorId::over_nodes, "100");
}

// Nested graphs.

GraphParts branch(const std::vector<WireWriter>& nodes) {
  return {.nodes = nodes, .outputs = {value("o", kFloat, {2})}};
}

TEST(OnnxNested, CapturesAreInputsAndConstantsAreNot) {
  NEEDS("If", "Add", "Neg");
  auto parts = add_parts();
  parts.inputs.push_back(value("c", kBool, {}));
  parts.nodes = {
      node("If", {"c"}, {"y"},
           {graph_attribute("then_branch", graph(branch({node("Add", {"x", "w"}, {"o"})}))),
            graph_attribute("else_branch", graph(branch({node("Neg", {"w"}, {"o"})})))})};
  const auto m = load(model(graph(parts)));
  ASSERT_TRUE(m.ok()) << describe(m.error());
  ASSERT_EQ(m->graphs.size(), 3u);
  EXPECT_EQ(m->graphs[1].inputs.size(), 1u);
  EXPECT_EQ(m->graphs[2].inputs.size(), 1u);  // one list of captures for both
  EXPECT_EQ(m->constants.size(), 1u);
}

TEST(OnnxNested, CapturesPassThroughLevels) {
  NEEDS("If", "Neg");
  const auto nested_if = [](const GraphParts& then, const GraphParts& other, const char* out) {
    return node("If", {"c"}, {out},
                {graph_attribute("then_branch", graph(then)),
                 graph_attribute("else_branch", graph(other))});
  };
  const GraphParts leaf = branch({node("Neg", {"x"}, {"o"})});
  GraphParts middle = branch({nested_if(leaf, leaf, "o")});
  const auto m = load(model(graph({.nodes = {nested_if(middle, middle, "y")},
                                   .inputs = {value("c", kBool, {}), value("x", kFloat, {2})},
                                   .outputs = {value("y", kFloat, {2})}})));
  ASSERT_TRUE(m.ok()) << describe(m.error());
  ASSERT_EQ(m->graphs.size(), 7u);
  for (size_t i = 1; i < m->graphs.size(); ++i) EXPECT_FALSE(m->graphs[i].inputs.empty());
}

TEST(OnnxNested, DepthIsBounded) {
  GraphParts parts = branch({node("Neg", {"x"}, {"o"})});
  for (int i = 0; i < 300; ++i)
    parts = branch({node("If", {"c"}, {"o"},
                         {graph_attribute("then_branch", graph(parts)),
                          graph_attribute("else_branch", graph(branch({})))})});
  parts.inputs = {value("c", kBool, {}), value("x", kFloat, {2})};
  EXPECT_FAILS(load(model(graph(parts))), ErrorId::over_depth, "depth");
}

// Where HONE_CORPORA says, or in shared/corpora beside the project or above it.
std::filesystem::path corpora() {
  namespace fs = std::filesystem;
  if (const char* given = std::getenv("HONE_CORPORA")) return given;
  for (fs::path at = fs::current_path(); at.has_relative_path(); at = at.parent_path())
    if (fs::is_directory(at.parent_path() / "shared" / "corpora"))
      return at.parent_path() / "shared" / "corpora";
  return {};
}

TEST(OnnxCorpus, MalformedFilesAreRefused) {
  namespace fs = std::filesystem;
  const fs::path found = corpora(), folder = found / "malformed";
  if (found.empty() || !fs::is_directory(folder))
    GTEST_SKIP() << "there is no corpus of malformed files";
  int count = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.path().filename().string().starts_with("onnx_")) continue;
    ++count;
    const auto m = import_file(entry.path().string(), standard_catalogue(), {});
    EXPECT_FALSE(m.ok()) << entry.path();
    if (m.ok()) continue;
    EXPECT_NE(info(m.error().id).blame, Blame::bug) << describe(m.error());
    RecordProperty(entry.path().stem().string(), m.error().message);
  }
  EXPECT_GT(count, 0);
}

}  // namespace
}  // namespace hone::onnx
