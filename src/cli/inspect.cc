// `hone inspect`: what a model file holds.
#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"

namespace hone::cli {
namespace {

using v1::Description;

void write_ports(JsonWriter& json, std::string_view key,
                 const std::vector<Description::Port>& ports) {
  json.key(key);
  json.begin_array();
  for (const Description::Port& p : ports) {
    json.begin_object();
    json.member("name", p.name);
    json.member("type", p.type);
    json.member("dtype", p.dtype);
    json.key("shape");
    if (p.ranked && !p.dtype.empty()) {
      json.begin_array();
      for (const std::string& d : p.shape) {
        if (!d.empty() && d.find_first_not_of("0123456789") == std::string::npos)
          json.raw(d);
        else
          json.value(d);
      }
      json.end_array();
    } else {
      json.null();
    }
    json.end_object();
  }
  json.end_array();
}

void write_json(JsonWriter& json, const Description& d) {
  json.begin_object();
  json.member("model", d.path);
  json.member("format", d.format);
  json.member("phase", d.phase);
  if (!d.target.empty()) json.member("target", d.target);
  json.member("file_bytes", d.file_bytes);
  json.key("metadata");
  json.begin_object();
  for (const auto& [key, value] : d.metadata) json.member(key, value);
  json.end_object();
  write_ports(json, "inputs", d.inputs);
  write_ports(json, "outputs", d.outputs);
  write_ports(json, "states", d.states);
  json.member("graphs", d.graphs);
  json.member("nodes", d.nodes);
  json.key("operators");
  json.begin_object();
  for (const auto& op : d.operators) json.member(op.name, op.nodes);
  json.end_object();
  json.member("parameters", d.parameters);
  json.member("constant_bytes", d.constant_bytes);
  write_choices(json, d.choices);
  json.key("missing");
  json.begin_array();
  for (const auto& m : d.missing) {
    json.begin_object();
    json.member("file", m.file);
    json.member("constants", m.constants);
    json.member("bytes", m.bytes);
    json.end_object();
  }
  json.end_array();
  json.key("encodings");
  json.begin_array();
  for (const auto& e : d.encodings) {
    json.begin_object();
    json.member("encoding", e.encoding);
    json.member("constants", e.constants);
    json.member("elements", e.elements);
    json.member("bytes", e.bytes);
    json.end_object();
  }
  json.end_array();
  json.key("symbols");
  json.begin_array();
  for (const auto& s : d.symbols) {
    json.begin_object();
    json.member("name", s.name);
    json.member("time", s.time);
    json.end_object();
  }
  json.end_array();
  json.key("constants");
  json.begin_array();
  for (const auto& c : d.constants) {
    json.begin_object();
    json.member("name", c.name);
    json.member("type", c.type);
    json.member("elements", c.elements);
    json.member("bytes", c.bytes);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

std::string port_table(std::string_view title, const std::vector<Description::Port>& ports,
                       const Style& s) {
  if (ports.empty()) return "";
  std::vector<std::vector<std::string>> rows;
  for (const Description::Port& p : ports) rows.push_back({printable(p.name), printable(p.type)});
  return fmt::format("\n{}{}{}\n{}", s.bold, title, s.reset, table(rows));
}

// The first lines of a list, and how many more there are.
std::string shortened(std::vector<std::vector<std::string>> rows, size_t most,
                      const std::vector<size_t>& right) {
  const size_t all = rows.size();
  if (all > most + 1) rows.resize(most);
  std::string text = table(rows, right);
  if (rows.size() < all) text += fmt::format("  … {} more (--all)\n", all - rows.size());
  return text;
}

std::string report(const Description& d, bool all, const Style& s) {
  std::string text = fmt::format("{}{}{}\n", s.bold, printable(d.path), s.reset);
  std::vector<std::vector<std::string>> facts{{"format", d.format}};
  for (const auto& [key, value] : d.metadata) {
    if (key != "format")
      facts.push_back({printable(key), printable(value)});
    else if (value != d.format)
      facts[0][1] += ", made from " + printable(value);
  }
  facts.push_back({"phase", printable(d.phase)});
  if (!d.target.empty()) facts.push_back({"compiled for", printable(d.target)});
  facts.push_back({"file", human_bytes(d.file_bytes)});
  facts.push_back(
      {"parameters", fmt::format("{} ({})", human_count(double(d.parameters)), d.parameters)});
  facts.push_back({"constants", human_bytes(d.constant_bytes)});
  facts.push_back({"nodes", d.graphs > 1 ? fmt::format("{} in {} graphs", d.nodes, d.graphs)
                                         : std::to_string(d.nodes)});
  for (const auto& m : d.missing)
    facts.push_back(
        {"weights", fmt::format("{}absent{}: there is no file {} with {} of {} constant{}",
                                s.yellow, s.reset, printable(m.file), human_bytes(m.bytes),
                                m.constants, m.constants == 1 ? "" : "s")});
  text += table(facts);
  text += port_table("inputs", d.inputs, s) + port_table("outputs", d.outputs, s) +
          port_table("states", d.states, s);
  const size_t most = all ? SIZE_MAX - 1 : 12;
  if (!d.operators.empty()) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& op : d.operators) rows.push_back({op.name, std::to_string(op.nodes)});
    text += fmt::format("\n{}operators{}\n{}", s.bold, s.reset, shortened(rows, most, {1}));
  }
  if (!d.choices.empty()) {
    std::vector<std::vector<std::string>> rows{{"nodes", "chosen", "by", "for"}};
    for (const auto& c : d.choices) {
      std::string times;
      for (const auto& [name, seconds] : c.seconds)
        times += fmt::format(", {} {}", printable(name), human_seconds(seconds));
      rows.push_back({std::to_string(c.nodes), printable(c.chosen), printable(c.source),
                      printable(c.question) + times});
    }
    text += fmt::format("\n{}choices{}\n{}", s.bold, s.reset, shortened(rows, most, {0}));
    if (const std::string& machine = d.choices[0].machine; !machine.empty())
      text += fmt::format("  measured on {}\n", printable(machine));
  }
  if (!d.encodings.empty()) {
    std::vector<std::vector<std::string>> rows{{"stored as", "constants", "elements", "bytes"}};
    for (const auto& e : d.encodings)
      rows.push_back({e.encoding, std::to_string(e.constants), std::to_string(e.elements),
                      human_bytes(e.bytes)});
    text += fmt::format("\n{}encodings{}\n{}", s.bold, s.reset, table(rows, {1, 2, 3}));
  }
  if (!d.symbols.empty()) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& sym : d.symbols)
      rows.push_back({printable(sym.name), "known per " + sym.time});
    text += fmt::format("\n{}symbols{}\n{}", s.bold, s.reset, table(rows));
  }
  if (!d.constants.empty()) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& c : d.constants)
      rows.push_back({printable(c.name), c.type, human_bytes(c.bytes)});
    text += fmt::format("\n{}constants{}\n{}", s.bold, s.reset, shortened(rows, most, {2}));
  }
  return text;
}

Result<int> run(const Arguments& arguments) {
  OpenOptions options = open_options(arguments);
  options.verify = arguments.on("--verify");
  options.missing = MissingWeights::leave_out;
  const v1::Model model = TRY(open(arguments.positional(0), options));
  if (arguments.on("--text")) {
    if (!arguments.json) {
      put(model.text());
      return 0;
    }
    put_json([&](JsonWriter& json) {
      json.begin_object();
      json.member("model", arguments.positional(0));
      json.member("text", model.text());
      json.end_object();
    });
    return 0;
  }
  const Description d = model.describe();
  if (arguments.json)
    put_json([&](JsonWriter& json) { write_json(json, d); });
  else
    put(report(d, arguments.on("--all"), style(arguments.config)));
  return 0;
}

}  // namespace

const Command& inspect_command() {
  using Kind = Flag::Kind;
  static const Command command{
      .name = "inspect",
      .summary = "Tell what a model file holds, without reading its weights.",
      .examples =
          "$ hone inspect model.onnx\n"
          "$ hone inspect model.onnx --json\n"
          "$ hone inspect model.onnx --text > model.ir\n"
          "$ hone inspect model.hone --verify",
      .details =
          "Reads ONNX models, .hone artefacts and the text form, told apart by "
          "content.\nFiles of weights may be absent. The text form names them; numbers of "
          "constants "
          "that do\nnot lie in files stand in it.",
      .positionals = {{"MODEL", "the model file", 1, 1, true}},
      .flags = {{"--text", Kind::on_off, "", "print the graph in the text form, exactly"},
                {"--all", Kind::on_off, "", "list all operators and constants"},
                {"--verify", Kind::on_off, "",
                 "compare the content with the hashes that the artefact records"}},
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
