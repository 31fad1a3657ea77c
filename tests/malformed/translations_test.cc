// Every ONNX operator that has a translation, with inputs left out and of any type: a clean refusal
// or a sound model.
#include <gtest/gtest.h>

#include <map>

#include "import/onnx/test_model.h"
#include "ir/verify.h"
#include "malformed/guarded.h"

namespace hone {
namespace {

using namespace onnx::test;  // NOLINT: the builders of small files
using onnx::Translation;

struct Family {
  std::string_view name;
  std::span<const Translation> rows;
};
const std::vector<Family>& families() {
  static const std::vector<Family> all{
#define TRANSLATIONS(family) {#family, onnx::family##_translations()},
#include "import/onnx/translations.def"
#undef TRANSLATIONS
  };
  return all;
}

// One value for each kind of attribute, in the words of the errors.
WireWriter attribute_of(const std::string& name, const std::string& kind) {
  if (kind == "a float") return float_attribute(name, 1);
  if (kind == "a string") return text_attribute(name, "NOTSET");
  if (kind == "floats") return list_attribute<float>(name, {1, 2});
  if (kind == "integers") return list_attribute<int64_t>(name, {1, 2});
  if (kind == "strings") {
    WireWriter a;
    a.text(1, name);
    a.text(9, "a");
    a.text(9, "b");
    a.varint(20, 8);
    return a;
  }
  if (kind == "a tensor")
    return tensor_attribute(name, tensor("t", kFloat, {2}, raw<float>({1, 2})));
  if (kind == "a graph") {
    WireWriter in, out;
    in.text(1, "i");
    out.text(1, "o");
    return graph_attribute(
        name, graph({.nodes = {node("Identity", {"i"}, {"o"})}, .inputs = {in}, .outputs = {out}}));
  }
  if (kind == "a type") return message_attribute(name, 14, 13, tensor_type(kFloat, {2}));
  return int_attribute(name, 1);
}

std::string between(const std::string& text, std::string_view before, std::string_view after) {
  const size_t at = text.find(before);
  if (at == std::string::npos) return {};
  const size_t begin = at + before.size(), end = text.find(after, begin);
  return end == std::string::npos ? std::string() : text.substr(begin, end - begin);
}

constexpr size_t kMostInputs = 9;

class Attempts {
 public:
  Attempts(const Translation& row, const testing::Note& note) : row_(row), note_(note) {}

  Status all() {
    for (const char* type : {"floats", "integers", "bytes", "texts", "complex"})
      for (size_t outputs : {1, 4})
        for (size_t count = 0; count <= kMostInputs; ++count) {
          TRY(attempt(type, count, kMostInputs, outputs));
          if (outputs == 1 && count < kMostInputs) TRY(attempt(type, kMostInputs, count, outputs));
        }
    return ok();
  }

 private:
  // `count` inputs of one type, the one at `hole` left out; attributes as the errors ask for them.
  Status attempt(const std::string& type, size_t count, size_t hole, size_t outputs) {
    note_(std::string(row_.op) + " " + std::to_string(row_.since) + " of '" +
          std::string(row_.domain) + "' with " + std::to_string(count) + " inputs of " + type +
          " without " + std::to_string(hole));
    for (int round = 0; round < 40; ++round) {
      auto model = load(file(type, count, hole, outputs));
      if (model) return verify(*model, standard_catalogue(), Phase::import);
      const std::string& why = model.error().message;
      if (info(model.error().id).blame == Blame::bug) return model.take_error();
      const std::string missing = between(why, "attribute '", "' is missing");
      const std::string wrong = between(why, "attribute '", "' must hold ");
      if (!missing.empty() && missing.find('\'') == std::string::npos && !kinds_.contains(missing))
        kinds_[missing] = "an integer";
      else if (!wrong.empty() && kinds_[wrong] != between(why, "' must hold ", ", holds"))
        kinds_[wrong] = between(why, "' must hold ", ", holds");
      else
        return ok();
    }
    return ok();
  }

  std::string file(const std::string& type, size_t count, size_t hole, size_t outputs) const {
    GraphParts parts{.inputs = {value("floats", kFloat, {1, 2, 4}), value("integers", kInt64, {3}),
                                value("texts", 8, {2}), value("complex", 14, {2})},
                     .initializers = {tensor("bytes", 2, {2, 2}, std::string(4, '\1'))}};
    Names inputs(count, type), results;
    if (hole < count) inputs[hole] = "";
    for (size_t i = 0; i < outputs; ++i) results.push_back("y" + std::to_string(i));
    std::vector<WireWriter> attributes;
    for (const auto& [name, kind] : kinds_) attributes.push_back(attribute_of(name, kind));
    parts.nodes = {node(row_.op, inputs, results, attributes, row_.domain)};
    for (const std::string& name : results) {
      WireWriter out;
      out.text(1, name);
      parts.outputs.push_back(out);
    }
    std::vector<WireWriter> opsets{opset(row_.domain, row_.since)};
    if (!row_.domain.empty()) opsets.push_back(opset("", 17));
    return model(graph(parts), {}, opsets);
  }

  const Translation& row_;
  const testing::Note& note_;
  std::map<std::string, std::string> kinds_;  // of the attributes found to be needed
};

class HostileTranslation : public ::testing::TestWithParam<Family> {};

TEST_P(HostileTranslation, IsContained) {
  const testing::Bounds bounds{60, 1500};
  for (const Translation& row : GetParam().rows) {
    const auto outcome = testing::guarded(
        [&](const testing::Note& note) { return Attempts(row, note).all(); }, bounds);
    testing::expect_contained(outcome, bounds);
    EXPECT_FALSE(outcome.refused) << row.op << ": " << outcome.message;
  }
}

INSTANTIATE_TEST_SUITE_P(All, HostileTranslation,
                         ::testing::ValuesIn(families().begin(), families().end()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace hone
