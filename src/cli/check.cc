#include "cli/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include "base/text.h"
#include "cli/model_flags.h"

namespace hone::cli {
namespace {

namespace fs = std::filesystem;

Result<std::vector<std::string>> names_in(const std::string& folder) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    names.push_back(it->path().filename().string());
  if (error) {
    const bool absent = error == std::errc::no_such_file_or_directory;
    return fail(absent ? ErrorId::not_found : ErrorId::io,
                fmt::format("cannot read the folder '{}': {}", printable(folder), error.message()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

// `input_X.npy` with the prefix "input_" is X.
std::optional<std::string> middle(const std::string& file, std::string_view prefix) {
  for (std::string_view suffix : {".pb", ".npy"})
    if (file.starts_with(prefix) && file.ends_with(suffix) &&
        file.size() > prefix.size() + suffix.size())
      return file.substr(prefix.size(), file.size() - prefix.size() - suffix.size());
  return std::nullopt;
}

// ONNX's own .pb files are numbered; elsewhere a name comes first, for names may be numbers.
Result<size_t> port_of(const std::vector<v1::Description::Port>& ports, const std::string& name,
                       std::string_view what, const std::string& file) {
  size_t index = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  const bool numbered =
      error == std::errc() && end == name.data() + name.size() && index < ports.size();
  if (numbered && file.ends_with(".pb")) return index;
  for (size_t i = 0; i < ports.size(); ++i)
    if (ports[i].name == name) return i;
  if (numbered) return index;
  Error unknown =
      fail(ErrorId::bad_data, fmt::format("'{}' is for {} '{}', which the model has not",
                                          printable(file), what, printable(name)));
  unknown.hint = fmt::format("its {}s are", what);
  for (size_t i = 0; i < ports.size() && i < 10; ++i)
    unknown.hint += fmt::format("{} {}", i ? "," : "", printable(ports[i].name));
  if (ports.size() > 10) unknown.hint += ", …";
  return unknown;
}

}  // namespace

Result<std::vector<std::string>> check_folders(const std::string& path) {
  const auto names = TRY(names_in(path));
  std::vector<std::string> nested;
  for (const std::string& name : names) {
    if (middle(name, "output_")) return std::vector<std::string>{path};
    if (name.starts_with("test_data_set_")) nested.push_back((fs::path(path) / name).string());
  }
  if (!nested.empty()) return nested;
  Error error =
      fail(ErrorId::bad_data, fmt::format("'{}' holds no recorded outputs", printable(path)));
  error.hint =
      "a folder to check has input_N.pb and output_N.pb, or input_NAME.npy and "
      "output_NAME.npy";
  return error;
}

Result<CheckCase> read_check(const v1::Model& model, const v1::Description& description,
                             const std::string& folder) {
  CheckCase result;
  result.folder = folder;
  std::vector<std::optional<v1::Value>> inputs(description.inputs.size());
  for (const std::string& file : TRY(names_in(folder))) {
    const std::string path = (fs::path(folder) / file).string();
    if (const auto name = middle(file, "input_")) {
      const size_t i = TRY(port_of(description.inputs, *name, "input", path));
      inputs[i] = TRY(from(model.load_input(i, path)));
    } else if (const auto output = middle(file, "output_")) {
      const size_t i = TRY(port_of(description.outputs, *output, "output", path));
      v1::Value value = TRY(from(model.load_output(i, path)));
      result.outputs.push_back({i, std::move(value)});
    }
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i])
      return fail(ErrorId::bad_data,
                  fmt::format("'{}' has no file for input '{}' (input_{}.pb or input_{}.npy)",
                              printable(folder), printable(description.inputs[i].name), i, i));
    result.inputs.push_back(std::move(*inputs[i]));
  }
  std::sort(result.outputs.begin(), result.outputs.end(),
            [](const auto& a, const auto& b) { return a.output < b.output; });
  return result;
}

CheckReport compare_check(const v1::Description& description, const CheckCase& expected,
                          const std::vector<v1::Value>& outputs, const v1::Tolerance& tolerance) {
  CheckReport report;
  report.folder = expected.folder;
  for (const auto& [output, value] : expected.outputs) {
    report.lines.push_back(
        {description.outputs[output].name, v1::compare(outputs[output], value, tolerance)});
    report.passed = report.passed && report.lines.back().comparison.equal;
  }
  return report;
}

std::string text_of(const CheckReport& report, const Style& s) {
  std::string text =
      fmt::format("{}{}{} {}\n", report.passed ? s.green : s.red,
                  report.passed ? "passed" : "FAILED", s.reset, printable(report.folder));
  std::vector<std::vector<std::string>> rows;
  for (const auto& [output, c] : report.lines) {
    std::string verdict = c.equal ? "ok" : fmt::format("{} of {} differ", c.different, c.elements);
    if (!c.reason.empty()) verdict = c.reason;
    // What could not be compared has no error.
    const bool compared = c.reason.empty();
    rows.push_back({printable(output),
                    compared ? fmt::format("largest error {:.3g}", c.largest_absolute) : "",
                    compared ? fmt::format("relative {:.3g}", c.largest_relative) : "", verdict});
  }
  text += table(rows);
  if (report.error) text += "  " + describe(*report.error) + "\n";
  return text;
}

void write_json(JsonWriter& json, const CheckReport& report) {
  json.begin_object();
  json.member("folder", report.folder);
  json.member("passed", report.passed);
  json.key("outputs");
  json.begin_array();
  for (const auto& [output, c] : report.lines) {
    json.begin_object();
    json.member("name", output);
    json.member("equal", c.equal);
    for (const auto& [key, error] : {std::pair("largest_absolute_error", c.largest_absolute),
                                     std::pair("largest_relative_error", c.largest_relative)}) {
      json.key(key);
      if (c.reason.empty())
        json.value(error);
      else
        json.null();
    }
    json.member("different", c.different);
    json.member("elements", c.elements);
    json.member("reason", c.reason);
    json.end_object();
  }
  json.end_array();
  if (report.error) {
    json.key("error");
    write_error(json, *report.error);
  }
  json.end_object();
}

}  // namespace hone::cli
