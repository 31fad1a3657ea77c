// Every operator with every number of its examples, and every integer attribute, replaced by
// hostile ones: a clean refusal or a result, never a crash, a hang or a blow-up.
#include <gtest/gtest.h>

#include <cctype>
#include <map>

#include "malformed/guarded.h"
#include "ops/catalogue.h"
#include "support/data.h"
#include "support/evaluate.h"
#include "support/op_cases.h"

namespace hone {
namespace {

constexpr int64_t kHostile[] = {0,           -1,        7,         -1000,  2147483648,
                                -2147483649, INT64_MIN, INT64_MAX, 1 << 20};
constexpr const char* kHostileTexts[] = {"0",
                                         "-1",
                                         "7",
                                         "-1000",
                                         "2147483648",
                                         "1048576",
                                         "-9223372036854775808",
                                         "9223372036854775807"};

int64_t input_elements(const Graph& graph) {
  int64_t total = 0;
  for (ValueId v : graph.inputs) {
    if (!graph[v].type.tensor.shape.ranked) continue;
    double count = 1;
    for (const Dim& d : graph[v].type.tensor.shape.dims) count *= double(d.constant().value_or(3));
    if (count > 1e5) return INT64_MAX;
    total += int64_t(count);
  }
  return total;
}

// Runs the model as far as it goes. Errors are fine, unless they blame ourselves.
Status attempt(const Model& model) {
  if (input_elements(model.main()) > 100'000) return ok();
  testing::Random random(3);
  Dim::Bindings bindings;
  const auto inputs = testing::random_inputs(model.main(), bindings, random);
  const auto outputs =
      testing::evaluate(model, standard_catalogue(), inputs, {}, uint64_t{1} << 22);
  if (!outputs && info(outputs.error().id).blame == Blame::bug) return outputs.error();
  return ok();
}

// The text with its n-th integer replaced; empty when there are not so many.
std::string with_number(const std::string& text, size_t n, const char* number) {
  for (size_t at = 0; at < text.size(); ++at) {
    if (!std::isdigit(static_cast<unsigned char>(text[at]))) continue;
    const char before = at ? text[at - 1] : ' ';
    size_t end = at;
    while (end < text.size() &&
           (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '.'))
      ++end;
    if (!std::isalnum(static_cast<unsigned char>(before)) && before != '_' && before != '.') {
      if (n-- == 0) {
        const size_t begin = before == '-' ? at - 1 : at;
        return text.substr(0, begin) + number + text.substr(end);
      }
    }
    at = end - 1;
  }
  return "";
}

Status every_number(const testing::OpCase& c, const testing::Note& note) {
  for (size_t n = 0; n < 64; ++n)
    for (const char* number : kHostileTexts) {
      const std::string text = with_number(c.text, n, number);
      if (text.empty()) return ok();
      note(text);
      const auto model = testing::model_of(text, standard_catalogue());
      if (!model && info(model.error().id).blame == Blame::bug) return model.error();
      if (model) TRY(attempt(*model).context(text));
    }
  return ok();
}

Status every_attribute(const testing::OpCase& c, const testing::Note& note) {
  const Model sound = TRY(testing::model_of(c.text, standard_catalogue()));
  for (const AttrDef& def : c.op->attrs) {
    if (def.kind != AttrKind::integer && def.kind != AttrKind::integers) continue;
    for (int64_t value : kHostile)
      for (size_t length : {0, 1, 2, 4}) {
        if (def.kind == AttrKind::integer && length != 1) continue;
        note(c.name + " " + std::string(def.name) + "=" + std::to_string(value) + " x" +
             std::to_string(length));
        Model model = sound;
        Graph& g = model.main();
        for (uint32_t n = 0; n < g.node_capacity(); ++n) {
          Node& node = g.at(NodeId{n});
          if (node.op != c.op) continue;
          std::erase_if(node.attrs, [&](const NamedAttr& a) { return a.name == def.name; });
          node.attrs.emplace_back();
          node.attrs.back().name = def.name;
          if (def.kind == AttrKind::integer)
            node.attrs.back().value.emplace<int64_t>(value);
          else
            node.attrs.back().value.emplace<Integers>(length, value);
        }
        TRY(attempt(model).context(c.name + " " + std::string(def.name)));
      }
  }
  return ok();
}

class HostileOperator : public ::testing::TestWithParam<const OpDef*> {};

TEST_P(HostileOperator, IsContained) {
  const testing::Bounds bounds{20, 2000};
  for (const testing::OpCase& c : testing::op_cases(standard_catalogue())) {
    if (c.op != GetParam()) continue;
    // Numbers first: they reach further. One child for each example keeps the others going.
    for (auto* work : {&every_number, &every_attribute}) {
      const auto outcome =
          testing::guarded([&](const testing::Note& note) { return (*work)(c, note); }, bounds);
      testing::expect_contained(outcome, bounds);
      EXPECT_FALSE(outcome.refused) << outcome.message;
    }
    if (c.op->examples.empty()) break;  // other dtypes add nothing here
  }
}

INSTANTIATE_TEST_SUITE_P(All, HostileOperator,
                         ::testing::ValuesIn(standard_catalogue().all().begin(),
                                             standard_catalogue().all().end()),
                         [](const auto& info) { return std::string(info.param->name); });

}  // namespace
}  // namespace hone
