// Importing small models: what becomes of them, and every way to refuse them.
#include "import/onnx/onnx.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/scratch_folder.h"
#include "import/onnx/test_model.h"

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
  const fs::path folder = corpora() / "malformed";
  if (!fs::is_directory(folder)) GTEST_SKIP() << "there is no corpus of malformed files";
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
