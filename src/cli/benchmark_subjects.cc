#include "cli/benchmark_subjects.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "api/open.h"
#include "api/random_input.h"
#include "backends/backends.h"
#include "base/text.h"
#include "cli/model_flags.h"
#include "import/hone/artefact.h"
#include "measure/macs.h"
#include "measure/operator_model.h"
#include "ops/catalogue.h"
#include "passes/pipeline.h"
#include "runtime/session.h"

namespace hone::cli {
namespace {

// Multiply-adds up to which the plain loops of `reference` give the expected outputs in seconds.
constexpr int64_t kReferenceMacs = 1'000'000'000;

std::string precision_of(const Model& model) {
  std::map<std::string_view, uint64_t> bytes;
  for (uint32_t i = 0; i < model.constants.size(); ++i) {
    const Constant& c = model.constants[i];
    if (c.type.dtype == DType::string) continue;
    const auto stored = model.stored(ConstantId{i});
    const BlockFormat* format = c.type.encoding.format;
    if (stored) bytes[format ? format->name : name(stored_dtype(c.type))] += stored->size();
  }
  const auto most = std::max_element(
      bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == bytes.end() ? "" : std::string(most->first);
}

uint64_t constant_bytes(const Model& model) {
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < model.constants.size(); ++i)
    if (const auto stored = model.stored(ConstantId{i})) bytes += stored->size();
  return bytes;
}

}  // namespace

Result<std::vector<const workers::Engine*>> engines_in(std::string_view text) {
  std::vector<const workers::Engine*> engines;
  while (true) {
    const size_t comma = std::min(text.find(','), text.size());
    const workers::Engine* engine = TRY(workers::engine_named(text.substr(0, comma)));
    if (std::find(engines.begin(), engines.end(), engine) != engines.end())
      return fail(ErrorId::usage, "--engines names " + std::string(engine->name) + " twice");
    engines.push_back(engine);
    if (comma == text.size()) return engines;
    text.remove_prefix(comma + 1);
  }
}

Workshop::Workshop(const Arguments& arguments) : arguments_(arguments) {}

Workshop::~Workshop() {
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
}

Result<std::string> Workshop::operator_file(const std::string& op, const std::string& dims) {
  const std::string path = TRY(next_file());
  const Model model = TRY(measure::operator_model(op, dims, arguments_.limits));
  TRY(artefact::write(model, path, arguments_.threads));
  return path;
}

Result<Compiled> Workshop::compile(const std::string& path) {
  if (!compiler_)
    compiler_.emplace(arguments_,
                      CompilerOptions{.measure = "missing", .threads = arguments_.threads});
  return compiler_->run(path, TRY(next_file()));
}

Result<std::string> Workshop::next_file() {
  if (folder_.empty()) {
    std::error_code error;
    std::string name =
        (std::filesystem::temp_directory_path(error) / "hone-benchmark-XXXXXX").string();
    if (error || mkdtemp(name.data()) == nullptr)
      return fail(ErrorId::io, "cannot make the folder '" + printable(name) + "'");
    folder_ = std::move(name);
  }
  return folder_ + fmt::format("/{}.hone", files_++);
}

Result<ModelUnderTest> prepare_subject(const Arguments& arguments, const std::string& path,
                                       const std::vector<std::string>& binds) {
  OpenedModel opened = TRY(open_model_file(path, open_options(arguments)));
  Model model = std::move(opened.model);
  std::vector<std::string> symbols;
  for (const Symbol& symbol : model.symbols) symbols.push_back(symbol.name);
  const v1::Bindings given = TRY(bindings_of(binds, symbols));
  Dim::Bindings bindings;
  for (const auto& [name, size] : given) bindings[name] = size;
  ModelUnderTest result;
  result.name = result.subject.path = path;
  result.file_bytes = opened.file_bytes;
  result.precision = precision_of(model);
  result.subject.tolerance = arguments.real("--tolerance");
  if (model.phase != "lower")
    TRY(run_pipeline(model, "clean", standard_catalogue(), arguments.limits));
  const Graph& graph = model.main();
  std::vector<Datum> inputs;
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const Value& input = graph[graph.inputs[i]];
    inputs.push_back(TRY(random_datum(input.type, uint64_t(arguments.integer("--seed")) + i,
                                      bindings, arguments.limits)
                             .context("making up input '" + printable(input.name) + "'")));
    if (inputs.back().kind != Datum::Kind::tensor || inputs.back().tensor.dtype() == DType::string)
      return fail(ErrorId::unsupported_feature, "engines are fed tensors of numbers, and input '" +
                                                    printable(input.name) + "' is " +
                                                    input.type.str());
    result.subject.inputs.push_back({input.name, inputs.back().tensor});
  }
  for (const Symbol& symbol : model.symbols) bindings.emplace(symbol.name, 1);
  result.macs = measure::macs_of(model, bindings);
  result.flops = measure::flops_of(model, bindings);
  result.touched = constant_bytes(model);
  const bool small = result.macs && *result.macs <= kReferenceMacs;
  result.expected_from = arguments.has("--expected")       ? arguments.text("--expected")
                         : small || model.phase == "lower" ? "reference"
                                                           : "cpu";
  auto backends = TRY(backends_for(result.expected_from));
  if (result.expected_from == "cpu") backends = all_backends();  // it does not run everything
  const auto shared = std::make_shared<const Model>(std::move(model));
  const auto program = TRY(Program::make(shared, backends, arguments.limits));
  ThreadPool pool(0);
  Session session(program, pool);
  const auto outputs = TRY(session.run(inputs).context("computing the outputs to expect"));
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].kind != Datum::Kind::tensor || outputs[i].tensor.dtype() == DType::string)
      return fail(ErrorId::unsupported_feature, "engines give back tensors of numbers only");
    result.subject.expected.push_back({shared->main().output_names()[i], outputs[i].tensor});
  }
  for (const auto* tensors : {&result.subject.inputs, &result.subject.expected})
    for (const auto& t : *tensors) result.touched += uint64_t(t.tensor.byte_size());
  // What is compiled already is given as it is.
  if (shared->phase == "lower") result.subject.compiled = path;
  return result;
}

}  // namespace hone::cli
