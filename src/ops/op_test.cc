// The tests that every operator gets for nothing: types, shape arithmetic, cost, text form, body.
// Inputs are random: see random_datum() in tests/support/data.h for what an example may count on.
#include <gtest/gtest.h>

#include <set>

#include "ir/body.h"
#include "ir/syntax.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/catalogue.h"
#include "support/data.h"
#include "support/evaluate.h"
#include "support/op_cases.h"

namespace hone {
namespace {

using testing::OpCase;

constexpr double kTolerance = 1e-5;

const std::vector<OpCase>& cases() {
  static const std::vector<OpCase> all = testing::op_cases(standard_catalogue());
  return all;
}

TEST(Catalogue, EveryOperatorHasACase) {
  std::set<std::string_view> covered;
  for (const OpCase& c : cases()) covered.insert(c.op->name);
  for (const OpDef* op : standard_catalogue().all())
    EXPECT_TRUE(covered.contains(op->name))
        << op->name << " takes no simple call: add an example to its definition";
}

TEST(Catalogue, DeclarationsAreComplete) {
  for (const OpDef* op : standard_catalogue().all()) {
    SCOPED_TRACE(op->name);
    EXPECT_FALSE(op->doc.empty());
    EXPECT_NE(op->infer, nullptr);
    EXPECT_TRUE(op->reference || !op->body.empty()) << "neither a kernel nor a body";
    EXPECT_FALSE(op->outputs.empty());
    EXPECT_EQ(op->name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"),
              std::string_view::npos);
    std::set<std::string_view> names;
    for (const Ports* ports : {&op->inputs, &op->outputs})
      for (const Port& p : *ports) EXPECT_FALSE(p.name.empty());
    for (const AttrDef& a : op->attrs) {
      EXPECT_TRUE(names.insert(a.name).second) << "two attributes are called " << a.name;
      EXPECT_FALSE(a.required && a.fallback) << a.name << " is required and has a default";
      if (a.fallback) {
        EXPECT_TRUE(has_kind(*a.fallback, a.kind)) << "default of " << a.name;
      }
    }
  }
}

// One input fewer than the least, and one more than the most, are refused by name.
TEST(Catalogue, ArityIsChecked) {
  for (const OpDef* op : standard_catalogue().all()) {
    SCOPED_TRACE(op->name);
    const Type type(DType::f32, {2});
    size_t least = 0;
    for (const Port& p : op->inputs) least += p.presence == Port::Presence::required ? 1 : 0;
    if (least > 0) {
      const auto status = check_call(*op, {}, {}, 1);
      ASSERT_FALSE(status.ok());
      EXPECT_EQ(status.error().id, ErrorId::bad_arity) << status.error().message;
    }
    if (op->inputs.empty() || op->inputs.back().presence == Port::Presence::variadic) continue;
    const std::vector<Infer::Input> many(op->inputs.size() + 1, {&type, nullptr});
    EXPECT_FALSE(check_call(*op, {}, many, 1).ok());
  }
}

class OpCases : public ::testing::TestWithParam<OpCase> {
 protected:
  void SetUp() override {
    auto made = testing::model_of(GetParam().text, standard_catalogue());
    ASSERT_TRUE(made.ok()) << describe(made.error()) << "\n" << GetParam().text;
    model_ = made.take();
    testing::Random random(42);
    inputs_ = testing::random_inputs(model_.main(), bindings_, random);
  }
  Model model_;
  std::vector<Datum> inputs_;
  Dim::Bindings bindings_;
};

TEST_P(OpCases, IsWellFormed) {
  const auto status = verify(model_, standard_catalogue(), Phase::import);
  EXPECT_TRUE(status.ok()) << describe(status.error());
  bool calls = false;
  for (const Graph& g : model_.graphs)
    for (uint32_t n = 0; n < g.node_capacity(); ++n) calls |= g[NodeId{n}].op == GetParam().op;
  EXPECT_TRUE(calls) << "the example does not call " << GetParam().op->name;
}

// What inference says, before and at the run, holds for what the kernel computes; inputs stay as
// they are, and a second run gives the same bytes.
TEST_P(OpCases, InferredIsComputed) {
  const auto before = inputs_;
  std::vector<Datum> copies;
  for (const Datum& d : inputs_)
    copies.push_back(d.kind == Datum::Kind::tensor && d.tensor.dtype() != DType::string
                         ? Datum(d.tensor.clone())
                         : d);
  const auto observe = [&](const Graph& graph, NodeId n, const Infer& c, const Types& inferred,
                           std::span<const Datum> out) {
    for (size_t slot = 0; slot < out.size(); ++slot) {
      const Type computed = out[slot].type();
      EXPECT_TRUE(refines(computed, inferred[slot]))
          << c.op().name << " output " << slot << ": inferred " << inferred[slot].str()
          << ", computed " << computed.str();
      if (graph.name == "body") continue;
      const Value& value = graph[graph[n].outputs[slot]];
      EXPECT_TRUE(compatible(value.type, computed))
          << "declared " << value.type.str() << ", computed " << computed.str();
      for (size_t i = 0; i < value.type.tensor.shape.rank() && computed.is_tensor(); ++i)
        if (auto extent = value.type.tensor.shape.dims[i].evaluate(bindings_)) {
          EXPECT_EQ(*extent, computed.tensor.shape.dims[i].constant()) << "axis " << i;
        }
      if (!value.known) continue;
      ASSERT_EQ(int64_t(value.known->size()), out[slot].tensor.count());
      for (size_t i = 0; i < value.known->size(); ++i)
        if (auto element = (*value.known)[i].evaluate(bindings_)) {
          EXPECT_EQ(*element, load_integer(out[slot].tensor, int64_t(i))) << "known element " << i;
        }
    }
  };
  const auto first = testing::evaluate(model_, standard_catalogue(), inputs_, observe);
  ASSERT_TRUE(first.ok()) << describe(first.error());
  for (size_t i = 0; i < inputs_.size(); ++i)
    EXPECT_TRUE(testing::identical(inputs_[i], copies[i])) << "input " << i << " was written to";
  const auto second = testing::evaluate(model_, standard_catalogue(), inputs_);
  ASSERT_TRUE(second.ok());
  for (size_t i = 0; i < first->size(); ++i)
    EXPECT_TRUE(testing::identical((*first)[i], (*second)[i])) << "output " << i << " differs";
}

TEST_P(OpCases, TextRoundTrip) {
  const std::string text = print(model_);
  auto parsed = parse_model_text(text, standard_catalogue(), Limits{});
  ASSERT_TRUE(parsed.ok()) << describe(parsed.error()) << "\n" << text;
  EXPECT_EQ(print(*parsed), text);
}

TEST_P(OpCases, CostIsSane) {
  for (const Graph& g : model_.graphs)
    for (NodeId n : g.order().take()) {
      const Node& node = g[n];
      std::vector<Infer::Input> seen;
      for (ValueId v : node.inputs)
        seen.push_back(v.valid() ? Infer::Input{&g[v].type, g[v].known ? &*g[v].known : nullptr}
                                 : Infer::Input{});
      const Infer c(*node.op, node.attrs, seen, node.outputs.size(), &model_);
      Types out;
      bool known = true;
      for (ValueId v : node.outputs) out.push_back(g[v].type);
      for (const Type& t : out)
        known &= t.is_tensor() && !element_count(t.tensor.shape).is_unknown();
      for (const Infer::Input& i : seen)
        known &=
            !i.type || (i.type->is_tensor() && !element_count(i.type->tensor.shape).is_unknown());
      const Cost cost = cost_of(c, out);
      for (const Dim* d :
           {&cost.macs, &cost.flops, &cost.events, &cost.bytes_read, &cost.bytes_written}) {
        const auto value = d->evaluate(bindings_);
        const bool counts = d == &cost.macs || d == &cost.flops;
        EXPECT_TRUE(value || !known || !counts) << node.op->name << ": " << d->str();
        EXPECT_GE(value.value_or(0), 0) << node.op->name << ": " << d->str();
      }
      const auto macs = cost.macs.evaluate(bindings_), flops = cost.flops.evaluate(bindings_);
      if (macs && flops) {
        EXPECT_GE(*flops, 2 * *macs) << "a multiply-add is two operations";
      }
    }
}

class BodyCases : public OpCases {};

// The outputs of the operator's body, built for the example's inputs and attributes, are those of
// its kernel.
TEST_P(BodyCases, BodyIsReference) {
  const OpDef& op = *GetParam().op;
  const auto body = syntax::parse_graph(op.body, Limits{});
  ASSERT_TRUE(body.ok()) << describe(body.error());
  Graph& g = model_.main();
  for (NodeId n : g.order().take()) {
    if (g[n].op != &op) continue;
    Builder builder(model_, model_.entry, standard_catalogue());
    const Node node = g[n];
    for (const NamedAttr& a : node.attrs)
      if (op.body.find("$" + std::string(a.name)) == std::string_view::npos) return;  // fixed there
    const auto expected = testing::evaluate(model_, standard_catalogue(), inputs_);
    ASSERT_TRUE(expected.ok()) << describe(expected.error());
    const auto values = build_body(builder, op, *body, node.attrs, node.inputs, "body");
    ASSERT_TRUE(values.ok()) << describe(values.error());
    for (size_t slot = 0; slot < node.outputs.size() && slot < values->size(); ++slot) {
      EXPECT_TRUE(compatible(g[node.outputs[slot]].type, g[(*values)[slot]].type));
      g.replace_uses(node.outputs[slot], (*values)[slot]);
    }
    const auto computed = testing::evaluate(model_, standard_catalogue(), inputs_);
    ASSERT_TRUE(computed.ok()) << describe(computed.error());
    const DType dtype = g[node.outputs[0]].type.tensor.dtype;
    const double tolerance = dtype == DType::bf16  ? 4e-2
                             : dtype == DType::f16 ? 5e-3
                             : dtype == DType::f64 ? 1e-12
                                                   : kTolerance;
    EXPECT_EQ(testing::difference(*computed, *expected, tolerance, tolerance), "");
  }
}

std::vector<OpCase> cases_with_body() {
  std::vector<OpCase> with;
  for (const OpCase& c : cases())
    if (!c.op->body.empty() && c.op->reference) with.push_back(c);
  return with;
}

const auto case_name = [](const auto& info) { return info.param.name; };
INSTANTIATE_TEST_SUITE_P(All, OpCases, ::testing::ValuesIn(cases()), case_name);
INSTANTIATE_TEST_SUITE_P(All, BodyCases, ::testing::ValuesIn(cases_with_body()), case_name);

}  // namespace
}  // namespace hone
