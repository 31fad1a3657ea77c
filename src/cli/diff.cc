// `hone diff`: where two models differ, in their graphs and in their constants.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "api/open.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/text_diff.h"
#include "import/hone/artefact.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"

namespace hone::cli {
namespace {

struct ConstantDifference {
  std::string name, what;
};

// The text form without the line that says how many bytes of weights there are, and without the
// phase unless asked for: what was done to a model is no part of what it computes.
Result<std::string> comparable_text(const Model& model, bool with_phase) {
  std::string text = TRY(artefact::portable_text(model));
  for (const std::string_view line : {"\nsource 0 ", "\nphase "}) {
    if (with_phase && line == "\nphase ") continue;
    if (const size_t begin = text.find(line); begin != std::string::npos)
      text.erase(begin, text.find('\n', begin + 1) - begin);
  }
  return text;
}

Result<Model> model_to_compare(const Arguments& arguments, const std::string& path) {
  Model model = TRY(open_model(path, open_options(arguments)));
  if (arguments.on("--clean"))
    TRY(run_pipeline(model, "clean", standard_catalogue(), arguments.limits)
            .context("cleaning '" + printable(path) + "'"));
  return model;
}

// Constants of both models under one name and type whose bytes differ.
Result<std::vector<ConstantDifference>> compare_constants(const Model& a, const Model& b) {
  std::vector<ConstantDifference> differences;
  for (uint32_t i = 0; i < a.constants.size(); ++i) {
    const Constant& constant = a.constants[i];
    if (constant.name.empty()) continue;
    const ConstantId other = b.constant_named(constant.name);
    if (!other.valid() || !(b.constants[other.index].type == constant.type)) continue;
    if (std::holds_alternative<std::vector<std::string>>(constant.data)) continue;
    const auto x = TRY(a.stored(ConstantId{i})), y = TRY(b.stored(other));
    if (x.size() == y.size() && (x.empty() || std::memcmp(x.data(), y.data(), x.size()) == 0))
      continue;
    std::string what = "bytes differ";
    if (constant.type.encoding.is_dense() && is_float(constant.type.dtype)) {
      const Tensor s = TRY(a.read(ConstantId{i})), t = TRY(b.read(other));
      double largest = 0;
      int64_t count = 0, unordered = 0;
      for (int64_t k = 0; k < s.count(); ++k) {
        const double p = load_real(s, k), q = load_real(t, k);
        if (p == q || (std::isnan(p) && std::isnan(q))) continue;
        ++count;
        if (std::isnan(p) || std::isnan(q)) ++unordered;
        largest = std::max(largest, std::fabs(p - q));
      }
      what = fmt::format("{} of {} elements differ, by at most {:.4g}", count, s.count(), largest);
      if (unordered > 0) what += fmt::format("; {} are NaN on one side", unordered);
    }
    differences.push_back({constant.name, what});
  }
  return differences;
}

Result<int> run(const Arguments& arguments) {
  if (arguments.integer("--lines") < 0)
    return fail(ErrorId::usage, "--lines takes a number from 0 on");
  const Model a = TRY(model_to_compare(arguments, arguments.positional(0)));
  const Model b = TRY(model_to_compare(arguments, arguments.positional(1)));
  const bool phase = arguments.on("--phase");
  const std::string text_a = TRY(comparable_text(a, phase)),
                    text_b = TRY(comparable_text(b, phase));
  const auto most = static_cast<size_t>(std::max<int64_t>(0, arguments.integer("--lines")));
  const TextDiff diff = diff_lines(lines_of(text_a), lines_of(text_b), most);
  const auto constants = TRY(compare_constants(a, b));
  const bool equal = diff.equal() && constants.empty();
  if (arguments.json) {
    put_json([&](JsonWriter& json) {
      json.begin_object();
      json.member("a", arguments.positional(0));
      json.member("b", arguments.positional(1));
      json.member("equal", equal);
      json.member("removed_lines", diff.removed);
      json.member("added_lines", diff.added);
      json.key("constants");
      json.begin_array();
      for (const ConstantDifference& d : constants) {
        json.begin_object();
        json.member("name", d.name);
        json.member("difference", d.what);
        json.end_object();
      }
      json.end_array();
      json.end_object();
    });
    return equal ? 0 : 1;
  }
  if (equal) {
    put("equal\n");
    return 0;
  }
  const Style s = style(arguments.config);
  if (!diff.equal()) {
    put(fmt::format("--- {}\n+++ {}\n", printable(arguments.positional(0)),
                    printable(arguments.positional(1))));
    for (std::string_view line : lines_of(diff.text)) {
      const std::string_view colour = line[0] == '-' ? s.red : line[0] == '+' ? s.green : s.dim;
      put(fmt::format("{}{}{}\n", colour, line, s.reset));
    }
    put(fmt::format("{} line{} only in the first, {} only in the second{}\n", diff.removed,
                    diff.removed == 1 ? "" : "s", diff.added,
                    diff.exact ? "" : " (too many to align)"));
  }
  for (size_t i = 0; i < constants.size() && i < most; ++i)
    put(fmt::format("constant @{}: {}\n", printable(constants[i].name), constants[i].what));
  if (constants.size() > most) put(fmt::format("… {} more\n", constants.size() - most));
  return 1;
}

}  // namespace

const Command& diff_command() {
  using Kind = Flag::Kind;
  static const Command command{
      .name = "diff",
      .summary = "Compare two models: graphs as text, constants byte by byte.",
      .examples =
          "$ hone diff model.onnx model.hone --clean\n"
          "$ hone diff before.ir after.ir --lines 200",
      .details =
          "Where the bytes lie, which file holds them and, without --phase, the phase make no\n"
          "difference. An artefact that was cleaned when it was compiled differs from its source\n"
          "unless --clean is given. Exits 0 when the models are equal, 1 when they differ.",
      .positionals = {{"A", "a model file", 1, 1, true},
                      {"B", "the model file to compare it with"}},
      .flags = {{"--clean", Kind::on_off, "", "clean both models first, as `hone compile` does"},
                {"--phase", Kind::on_off, "", "let models of different phases differ"},
                {"--lines", Kind::integer, "N", "most lines to show", "40"}},
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
