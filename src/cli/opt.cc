// `hone opt`: the tool of those who write passes and operators.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "api/open.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/numerics.h"
#include "cli/output.h"
#include "import/hone/artefact.h"
#include "import/text/text.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"

namespace hone::cli {
namespace {

std::string port_row(const Port& p) {
  std::string text(p.name);
  if (p.presence == Port::Presence::optional) text += "?";
  if (p.presence == Port::Presence::variadic) text += "…";
  return text;
}

std::string dtypes_of(const Port& p) {
  switch (p.holds) {
    case Port::Holds::sequence: return "sequence";
    case Port::Holds::optional: return "optional";
    case Port::Holds::map: return "map";
    case Port::Holds::any: return "anything";
    case Port::Holds::tensor: break;
  }
  std::string names;
  int absent = 0;
  for (int d = 0; d < kDTypes; ++d) {
    const auto dtype = static_cast<DType>(d);
    if (!p.dtypes.has(dtype))
      ++absent;
    else
      names += (names.empty() ? "" : " ") + std::string(name(dtype));
  }
  return absent == 0 ? "any type" : names;
}

std::string ports_table(std::string_view title, const Ports& ports) {
  if (ports.empty()) return "";
  std::vector<std::vector<std::string>> rows;
  for (const Port& p : ports)
    rows.push_back({port_row(p), p.same ? fmt::format("as {}", p.same) : "", dtypes_of(p)});
  return fmt::format("\n{}:\n{}", title, table(rows));
}

void write_ports(JsonWriter& json, std::string_view key, const Ports& ports) {
  json.key(key);
  json.begin_array();
  for (const Port& p : ports) {
    json.begin_object();
    json.member("name", p.name);
    json.member("types", dtypes_of(p));
    json.member("presence", p.presence == Port::Presence::required   ? "required"
                            : p.presence == Port::Presence::optional ? "optional"
                                                                     : "variadic");
    json.end_object();
  }
  json.end_array();
}

void write_json(JsonWriter& json, const OpDef& op) {
  json.begin_object();
  json.member("name", op.name);
  json.member("doc", op.doc);
  write_ports(json, "inputs", op.inputs);
  write_ports(json, "outputs", op.outputs);
  json.key("attributes");
  json.begin_array();
  for (const AttrDef& a : op.attrs) {
    json.begin_object();
    json.member("name", a.name);
    json.member("kind", name(a.kind));
    json.member("required", a.required);
    json.key("default");
    if (a.fallback)
      json.value(print(*a.fallback));
    else
      json.null();
    json.member("doc", a.doc);
    json.end_object();
  }
  json.end_array();
  json.member("body", op.body);
  json.end_object();
}

Result<int> describe_op(const Arguments& arguments) {
  const std::string wanted = arguments.text("--describe");
  const Catalogue& catalogue = standard_catalogue();
  const OpDef* op = catalogue.find(wanted);
  if (!op) {
    std::vector<std::string_view> names;
    for (const OpDef* o : catalogue.all()) names.push_back(o->name);
    Error error = fail(ErrorId::usage, "there is no operator '" + printable(wanted) + "'");
    const auto near = closest(wanted, names.data(), names.size());
    error.hint = near ? "did you mean '" + std::string(*near) + "'?"
                      : "`hone opt --list` names the operators";
    return error;
  }
  if (arguments.json) {
    put_json([&](JsonWriter& json) { write_json(json, *op); });
    return 0;
  }
  std::string text = fmt::format("{}\n  {}\n", op->name, op->doc);
  text += ports_table("inputs", op->inputs) + ports_table("outputs", op->outputs);
  std::vector<std::vector<std::string>> rows;
  for (const AttrDef& a : op->attrs)
    rows.push_back({std::string(a.name), std::string(name(a.kind)),
                    a.required   ? "required"
                    : a.fallback ? "default " + print(*a.fallback)
                                 : "optional",
                    std::string(a.doc)});
  if (!rows.empty()) text += "\nattributes:\n" + table(rows);
  if (!op->body.empty()) text += fmt::format("\nbody:\n{}\n", op->body);
  put(text);
  return 0;
}

Result<int> list(const Arguments& arguments) {
  if (arguments.json) {
    put_json([](JsonWriter& json) {
      json.begin_object();
      json.key("passes");
      json.begin_array();
      for (const PassDef* pass : all_passes()) json.value(pass->name);
      json.end_array();
      json.key("pipelines");
      json.begin_object();
      json.member("clean", named_pipeline("clean"));
      json.end_object();
      json.key("operators");
      json.begin_array();
      for (const OpDef* op : standard_catalogue().all()) json.value(op->name);
      json.end_array();
      json.end_object();
    });
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const PassDef* pass : all_passes()) {
    std::string options;
    for (std::string_view o : pass->options)
      options += (options.empty() ? "" : ", ") + std::string(o);
    rows.push_back({std::string(pass->name) + (options.empty() ? "" : "(" + options + ")"),
                    std::string(pass->doc)});
  }
  std::string text = "passes:\n" + table(rows);
  text += fmt::format("\npipelines:\n  clean = {}\n\noperators:\n", named_pipeline("clean"));
  std::string line = " ";
  for (const OpDef* op : standard_catalogue().all()) {
    if (line.size() + op->name.size() > 98) {
      text += line + "\n";
      line = " ";
    }
    line += " " + std::string(op->name);
  }
  put(text + line + "\n");
  return 0;
}

// For reading: without the numbers of what passes made.
constexpr PrintOptions kBrief{.memory = false};

Phase phase_of(const Model& model) {
  return model.phase == "clean"      ? Phase::clean
         : model.phase == "compress" ? Phase::compress
         : model.phase == "lower"    ? Phase::lower
                                     : Phase::import;
}

Status write_result(const Arguments& arguments, const Model& model) {
  const std::string path = arguments.text("--output");
  if (path.ends_with(".hone")) return artefact::write(model, path, arguments.threads);
  const text::Written written = TRY(text::write(model, path));
  if (!written.weights.empty())
    note(arguments, fmt::format("{} of constants are in '{}', which the text names",
                                human_bytes(written.bytes), printable(written.weights)));
  return ok();
}

// What a reader of the printed text misses.
void note_memory(const Arguments& arguments, const Model& model) {
  uint64_t bytes = 0;
  for (const DataSource& source : model.sources)
    if (source.memory) bytes += source.size;
  if (bytes > 0)
    note(arguments, fmt::format("{} of constants that passes made are not in the text; "
                                "-o FILE.ir or FILE.hone keeps them",
                                human_bytes(bytes)));
}

void write_json(JsonWriter& json, const PipelineReport& report) {
  json.begin_object();
  json.key("passes");
  json.begin_array();
  for (const auto& entry : report.entries) {
    json.begin_object();
    json.member("pass", entry.pass);
    json.member("edits", entry.edits);
    json.member("pass_s", entry.seconds);
    json.end_object();
  }
  json.end_array();
  json.key("edits");
  json.begin_array();
  for (const auto& edit : report.journal.edits) {
    json.begin_object();
    json.member("pass", edit.pass);
    json.member("graph", edit.graph);
    json.member("node", edit.node);
    json.member("what", edit.what);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

Result<int> run(const Arguments& arguments) {
  if (arguments.has("--output")) {
    const std::string out = arguments.text("--output");
    if (!out.ends_with(".hone") && !out.ends_with(".ir"))
      return fail(ErrorId::usage, "-o '" + printable(out) + "' ends neither in .hone nor in .ir");
  }
  if (arguments.on("--list")) return list(arguments);
  if (arguments.has("--describe")) return describe_op(arguments);
  if (arguments.positionals().empty())
    return fail(ErrorId::usage, "`hone opt` needs MODEL, --list or --describe OP");
  OpenOptions open = open_options(arguments);
  open.missing = MissingWeights::leave_out;  // graphs are of interest without weights too
  Model model = TRY(open_model(arguments.positional(0), open));
  if (arguments.on("--verify"))
    TRY(verify(model, standard_catalogue(), phase_of(model)).context("verifying the input"));
  PipelineOptions options;
  for (const std::string& pass : arguments.texts("--disable")) {
    if (!find_pass(pass)) return fail(ErrorId::usage, "there is no pass '" + printable(pass) + "'");
    options.disabled.insert(pass);
  }
  options.verify_each = arguments.on("--verify");
  if (arguments.has("--stop-after-edits")) {
    const int64_t most = arguments.integer("--stop-after-edits");
    if (most < 0) return fail(ErrorId::usage, "--stop-after-edits takes a number from 0 on");
    options.stop_after_edits = static_cast<size_t>(most);
  }
  const bool printing = arguments.has("--print-after");
  const std::string only = arguments.text("--print-after");
  if (printing && !only.empty() && !find_pass(only))
    return fail(ErrorId::usage, "there is no pass '" + printable(only) + "'");
  bool printed = false;
  std::optional<NumericsCheck> numerics;
  if (arguments.on("--check-numerics")) {
    numerics.emplace();
    TRY(numerics->record(model, arguments.limits));
  }
  options.after_pass = [&](const Model& m, std::string_view pass) -> Status {
    if (printing && (only.empty() || only == pass)) {
      printed = true;
      put_aside("after " + std::string(pass), {{"pass", pass}, {"text", print(m, kBrief)}},
                fmt::format("// after {}\n{}", pass, print(m, kBrief)));
    }
    if (numerics) TRY(numerics->compare(m, pass));
    return ok();
  };
  const PipelineReport report = TRY(run_pipeline(model, arguments.text("--pipeline"),
                                                 standard_catalogue(), arguments.limits, options));
  if (printing && !printed)
    note(arguments, fmt::format("{} changed nothing, so nothing is printed after it",
                                only.empty() ? "each pass" : only));
  if (numerics) note(arguments, "results on made-up inputs are the same after each pass");
  if (arguments.has("--output")) TRY(write_result(arguments, model));
  if (arguments.json) {
    put_json([&](JsonWriter& json) { write_json(json, report); });
  } else if (!arguments.has("--output")) {
    put(print(model, kBrief));
    note_memory(arguments, model);
  }
  if (arguments.on("--journal")) {
    for (const auto& edit : report.journal.edits)
      put_aside(
          "edit",
          {{"pass", edit.pass}, {"graph", edit.graph}, {"node", edit.node}, {"what", edit.what}},
          fmt::format("{}: {} '{}': {}\n", edit.pass, printable(edit.graph), printable(edit.node),
                      printable(edit.what)));
  }
  return 0;
}

}  // namespace

const Command& opt_command() {
  using Kind = Flag::Kind;
  static const std::string passes = [] {
    std::string names;
    for (const PassDef* pass : all_passes())
      names += (names.empty() ? "" : "|") + std::string(pass->name);
    return names;
  }();
  static const std::string pipelines = "clean|" + passes;
  static const std::string operators = [] {
    std::string names;
    for (const OpDef* op : standard_catalogue().all())
      names += (names.empty() ? "" : "|") + std::string(op->name);
    return names;
  }();
  static const Command command{
      .name = "opt",
      .summary = "Run passes one by one, for those who write them.",
      .examples =
          "$ hone opt model.onnx --pipeline='fold, sweep'\n"
          "$ hone opt model.onnx --print-after=canonicalize\n"
          "$ hone opt model.onnx --stop-after-edits 12 --journal -o half.ir\n"
          "$ hone opt model.onnx --check-numerics --verify\n"
          "$ hone opt --list\n"
          "$ hone opt --describe softmax",
      .details =
          "Prints the model in the text form. --print-after and --journal go to standard error.\n"
          "-o FILE.ir copies weights that lie neither in the text nor beside it to "
          "FILE.ir.safetensors.",
      .positionals = {{"MODEL", "the model file", 0, 1, true}},
      .flags = {{"--pipeline", Kind::text, "TEXT",
                 "passes in order, such as 'sweep, repeat(fold, merge)', or a pipeline's name",
                 "clean", "", pipelines},
                {"--print-after", Kind::optional_text, "PASS",
                 "print the model after this pass, or after each", "", "", passes},
                {"--disable", Kind::texts, "PASS", "skip this pass", "", "", passes},
                {"--stop-after-edits", Kind::integer, "N",
                 "make N edits and no more, to find the one that goes wrong"},
                {"--journal", Kind::on_off, "", "list the edits"},
                {"--check-numerics", Kind::on_off, "",
                 "run the model after each pass and compare; exits 1 when results change"},
                {"--verify", Kind::on_off, "", "check all invariants after each pass"},
                {"-o,--output", Kind::text, "FILE",
                 "write an artefact (.hone) or the text form (.ir)"},
                {"--describe", Kind::text, "OP", "explain an operator", "", "", operators},
                {"--list", Kind::on_off, "", "list passes, pipelines and operators"}},
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
