// Every body and every other spelling of an operator is recognized as that operator, means the same
// numbers, and leaves nothing of itself behind.
#include <gtest/gtest.h>

#include "ir/body.h"
#include "ir/syntax.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"
#include "support/data.h"
#include "support/evaluate.h"
#include "support/op_cases.h"

namespace hone {
namespace {

// One spelling at one example of its operator.
struct Spelling {
  const OpDef* op;
  std::string name;
  std::string_view text;
  Model model;     // with the spelling in the place of the operator
  Model original;  // with the operator
};
void PrintTo(const Spelling& s, std::ostream* out) { *out << s.text << print(s.model); }

// The attributes that a spelling writes as `$name`.
bool mentions(std::string_view text, std::string_view attr) {
  const std::string wanted = "$" + std::string(attr);
  for (size_t at = text.find(wanted); at != std::string_view::npos;
       at = text.find(wanted, at + 1)) {
    const char after = at + wanted.size() < text.size() ? text[at + wanted.size()] : ' ';
    if (!std::isalnum(static_cast<unsigned char>(after)) && after != '_') return true;
  }
  return false;
}

// The example with its first call of the operator spelled out; none where the spelling does not
// speak of such a call: other inputs, attributes that it fixes, outputs that it lacks.
std::optional<Model> spelled(const OpDef& op, std::string_view text, const Model& example) {
  const auto body = syntax::parse_graph(text, Limits{});
  EXPECT_TRUE(body.ok()) << op.name << ": " << describe(body.error());
  if (!body) return std::nullopt;
  Model model = example;
  Graph& g = model.main();
  for (NodeId n : g.order().take()) {
    if (g[n].op != &op) continue;
    const Node node = g[n];
    if (node.inputs.size() != body->inputs.size() || node.outputs.size() > body->outputs.size())
      return std::nullopt;
    for (const NamedAttr& a : node.attrs)
      if (!mentions(text, a.name)) return std::nullopt;
    Builder builder(model, model.entry, standard_catalogue());
    const auto values = build_body(builder, op, *body, node.attrs, node.inputs, "spelled");
    if (!values) return std::nullopt;  // does not take these types
    for (size_t slot = 0; slot < node.outputs.size(); ++slot) {
      if (!refines(g[(*values)[slot]].type, g[node.outputs[slot]].type)) return std::nullopt;
      g.replace_uses(node.outputs[slot], (*values)[slot]);
    }
    g.remove(n);
    return model;
  }
  return std::nullopt;
}

// A spelling with none of its operator's examples gets calls with simple inputs by its parameters.
std::vector<Model> calls_of(const OpDef& op, std::string_view text) {
  std::vector<Model> models;
  for (const testing::OpCase& c : testing::op_cases(standard_catalogue()))
    if (c.op == &op)
      if (auto m = testing::model_of(c.text, standard_catalogue()); m.ok())
        models.push_back(m.take());
  const auto body = syntax::parse_graph(text, Limits{});
  if (!body) return models;
  for (std::string_view shapes :
       {"[2,4,4] [2,4,4] [2,4,4]", "[2,3,4] [4] [4]", "[2,4] [4,4] [4]"}) {
    std::string parameters, arguments, rest(shapes);
    for (const auto& p : body->inputs) {
      const std::string shape = rest.substr(0, rest.find(' '));
      rest.erase(0, shape.size() + 1);
      parameters += (parameters.empty() ? "" : ", ") + p.name + ": f32" + shape;
      arguments += (arguments.empty() ? "" : ", ") + p.name;
    }
    auto m = testing::model_of("graph g(" + parameters + ") -> (y) { y = " + std::string(op.name) +
                                   "(" + arguments + ") }",
                               standard_catalogue());
    if (m) models.push_back(m.take());
  }
  return models;
}

std::vector<Spelling> spellings() {
  std::vector<Spelling> all;
  for (const OpDef* op : standard_catalogue().all()) {
    std::vector<std::string_view> texts = op->also;
    if (!op->body.empty()) texts.insert(texts.begin(), op->body);
    for (size_t i = 0; i < texts.size(); ++i) {
      size_t found = 0;
      for (const Model& example : calls_of(*op, texts[i]))
        if (auto model = spelled(*op, texts[i], example))
          all.push_back(
              {op, std::string(op->name) + "_" + std::to_string(i) + "_" + std::to_string(found++),
               texts[i], std::move(*model), example});
      EXPECT_GT(found, 0u) << op->name << " has no example for its spelling " << texts[i];
    }
  }
  return all;
}

const std::vector<Spelling>& cached() {
  static const std::vector<Spelling> all = spellings();
  return all;
}

TEST(Spellings, EachHasAnExample) { EXPECT_FALSE(spellings().empty()); }

class Recognize : public ::testing::TestWithParam<Spelling> {};

TEST_P(Recognize, AsItsOperator) {
  Model model = GetParam().model;
  PipelineOptions options;
  options.verify_each = true;
  const auto report =
      run_pipeline(model, "sweep, recognize, sweep", standard_catalogue(), Limits{}, options);
  ASSERT_TRUE(report.ok()) << describe(report.error());
  Model original = GetParam().original;
  ASSERT_TRUE(run_pipeline(original, "sweep", standard_catalogue(), Limits{}).ok());
  size_t here = 0, there = 0;
  for (NodeId n : model.main().order().take()) here += model.main()[n].op == GetParam().op;
  for (NodeId n : original.main().order().take()) there += original.main()[n].op == GetParam().op;
  EXPECT_EQ(here, there) << print(model);
  EXPECT_EQ(model.main().live_nodes(), original.main().live_nodes()) << print(model);
}

TEST_P(Recognize, MeansTheSame) {
  Model model = GetParam().model;
  testing::Random random(7);
  Dim::Bindings bindings;
  const auto inputs = testing::random_inputs(model.main(), bindings, random);
  const auto spelled = testing::evaluate(model, standard_catalogue(), inputs);
  ASSERT_TRUE(spelled.ok()) << describe(spelled.error());
  ASSERT_TRUE(run_pipeline(model, "recognize", standard_catalogue(), Limits{}).ok());
  const auto recognized = testing::evaluate(model, standard_catalogue(), inputs);
  ASSERT_TRUE(recognized.ok()) << describe(recognized.error());
  const DType dtype = model.main()[model.main().outputs()[0]].type.tensor.dtype;
  const double tolerance = dtype == DType::bf16  ? 4e-2
                           : dtype == DType::f16 ? 5e-3
                           : dtype == DType::f64 ? 1e-12
                                                 : 1e-5;
  EXPECT_EQ(testing::difference(*recognized, *spelled, tolerance, tolerance), "");
}

// Two outputs y, s = f(x, z): s depends on x alone in `pair`, on both in `both`.
class TwoOutputs : public ::testing::Test {
 protected:
  static Result<Types> infer(const Infer& c) {
    return Types{Type(c.dtype(0), c.shape(0)), Type(c.dtype(0), c.shape(0))};
  }
  static OpDef def(std::string_view name, std::string_view body) {
    return {.name = name,
            .inputs = {{"x", kFloats, 'T'}, {"z", kFloats, 'T'}},
            .outputs = {{"y", kFloats, 'T'}, {"s", kFloats, 'T', Port::Presence::optional}},
            .infer = infer,
            .body = body};
  }
  // The calls that stand there afterwards; "" when the result is not sound.
  std::string recognized(std::string_view text) const {
    auto model = parse_model_text("hone 1 " + std::string(text), catalogue_, Limits{});
    EXPECT_TRUE(model.ok()) << describe(model.error());
    if (!model) return "";
    PipelineOptions options;
    options.verify_each = true;
    const auto report = run_pipeline(*model, "recognize, sweep", catalogue_, Limits{}, options);
    EXPECT_TRUE(report.ok()) << describe(report.error());
    if (!report) return "";
    std::string calls;
    for (NodeId n : model->main().order().take())
      calls += (calls.empty() ? "" : " ") + std::string(model->main()[n].op->name);
    return calls;
  }

  const OpDef pair_ = def("pair", R"(graph pair(x: T[*], z: T[*]) -> (y, s) {
    s = neg(x)
    y = add(s, z)
  })");
  const OpDef both_ = def("both", R"(graph both(x: T[*], z: T[*]) -> (y, s) {
    s = div(x, z)
    y = tanh(s)
  })");
  const Catalogue catalogue_{[this] {
    const auto standard = standard_catalogue().all();
    std::vector<const OpDef*> ops(standard.begin(), standard.end());
    ops.push_back(&pair_);
    ops.push_back(&both_);
    return ops;
  }()};
};

TEST_F(TwoOutputs, UsedInsideOnly) {
  EXPECT_EQ(recognized("graph g(a: f32[2], b: f32[2]) -> (y) { y = add(neg(a), b) }"), "pair");
}

// z may be computed from s: an operator that gives s and takes z would depend on itself.
TEST_F(TwoOutputs, AnOutputThatAnInputMayDependOnStaysInside) {
  EXPECT_EQ(recognized("graph g(a: f32[2], b: f32[2]) -> (y, s) { s = neg(a) y = add(s, b) }"),
            "neg add");
  EXPECT_EQ(recognized("graph g(a: f32[2]) -> (y) { s = neg(a) z = abs(s) y = add(s, z) }"),
            "neg abs add");
  EXPECT_EQ(recognized("graph g(a: f32[2]) -> (y) { s = neg(a) y = add(s, s) }"), "neg pair");
}

TEST_F(TwoOutputs, AnOutputOfAllInputsMayBeUsed) {
  EXPECT_EQ(recognized(R"(graph g(a: f32[2], b: f32[2]) -> (y, s, t) {
              s = div(a, b)
              t = exp(s)
              y = tanh(s)
            })"),
            "both exp");
}

INSTANTIATE_TEST_SUITE_P(All, Recognize, ::testing::ValuesIn(cached()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace hone
