#include "support/op_cases.h"

#include <map>

#include "ir/text.h"

namespace hone::testing {
namespace {

constexpr DType kPreferred[] = {DType::f32, DType::i64, DType::i32, DType::boolean,
                                DType::u8,  DType::f16, DType::i8,  DType::string};

std::vector<DType> members(DTypes set) {
  std::vector<DType> out;
  for (int d = 0; d < kDTypes; ++d)
    if (set.has(DType(d))) out.push_back(DType(d));
  return out;
}

DType preferred(DTypes set) {
  for (DType d : kPreferred)
    if (set.has(d)) return d;
  return members(set).at(0);
}

// A call with `first` as the dtype of the first port and of those with its letter.
std::string default_call(const OpDef& op, DType first) {
  std::map<char, DType> letters;
  std::string parameters, arguments, results;
  auto add = [&](std::string& list, const std::string& item) {
    list += (list.empty() ? "" : ", ") + item;
  };
  int count = 0;
  for (const Port& p : op.inputs) {
    if (p.presence == Port::Presence::optional) break;
    const DType own = count == 0 ? first : preferred(p.dtypes);
    const DType dtype = p.same ? letters.try_emplace(p.same, own).first->second : own;
    for (int n = p.presence == Port::Presence::variadic ? 2 : 1; n > 0; --n) {
      const std::string named = "x" + std::to_string(count++);
      std::string type = std::string(name(dtype)) + "[2,3]";
      if (p.holds == Port::Holds::sequence) type = "sequence(" + type + ")";
      if (p.holds == Port::Holds::optional) type = "optional(" + type + ")";
      if (p.holds == Port::Holds::map) type = "map(i64, " + type + ")";
      add(parameters, named + ": " + type);
      add(arguments, named);
    }
  }
  for (size_t i = 0; i < op.outputs.size(); ++i)
    if (i == 0 || op.outputs[i].presence == Port::Presence::required)
      add(results, "y" + std::to_string(i));
  return "graph g(" + parameters + ") -> (" + results + ") {\n  " + results + " = " +
         std::string(op.name) + "(" + arguments + ")\n}\n";
}

}  // namespace

std::vector<OpCase> op_cases(const Catalogue& catalogue) {
  std::vector<OpCase> cases;
  for (const OpDef* op : catalogue.all()) {
    const std::string stem(op->name);
    for (size_t i = 0; i < op->examples.size(); ++i)
      cases.push_back({op, stem + "_" + std::to_string(i), std::string(op->examples[i])});
    if (!op->examples.empty()) continue;
    const std::vector<DType> dtypes =
        op->inputs.empty() ? std::vector{DType::f32} : members(op->inputs[0].dtypes);
    for (DType d : dtypes) {
      OpCase c{op, stem + "_" + std::string(name(d)), default_call(*op, d)};
      if (model_of(c.text, catalogue)) cases.push_back(std::move(c));
    }
  }
  return cases;
}

Result<Model> model_of(std::string_view graphs, const Catalogue& catalogue) {
  Model model = TRY(parse_model_text("hone 1\n" + std::string(graphs), catalogue, Limits{}));
  for (const Graph& g : model.graphs)
    for (uint32_t v = 0; v < g.value_count(); ++v)
      for (const Dim& d : g[ValueId{v}].type.tensor.shape.dims)
        d.each_symbol([&](const std::string& s) { model.add_symbol(s, BindingTime::call); });
  return model;
}

}  // namespace hone::testing
