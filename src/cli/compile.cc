// `hone compile`: models to .hone artefacts.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <new>
#include <set>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"

namespace hone::cli {
namespace {

namespace fs = std::filesystem;

struct Compiled {
  std::string model, output;
  uint64_t bytes = 0;
  size_t nodes_before = 0, nodes_after = 0;
  double seconds = 0;
};

// One file for each model: OUT itself, or, where OUT is a folder or there are several,
// OUT/STEM.hone.
Result<std::vector<std::string>> outputs_for(const std::vector<std::string>& models,
                                             const std::string& out) {
  std::error_code error;
  const bool folder = models.size() > 1 || fs::is_directory(out, error) || out.ends_with('/');
  if (!folder && !out.ends_with(".hone")) {
    Error error = fail(ErrorId::usage, "-o '" + printable(out) + "' does not end in .hone");
    error.hint = "artefacts are named OUT.hone; a folder is named with a / at its end";
    return error;
  }
  if (!folder) return std::vector<std::string>{out};
  if (models.size() > 1 && out.ends_with(".hone"))
    return fail(ErrorId::usage, "several models need a folder for -o, not a file");
  fs::create_directories(out, error);
  if (error)
    return fail(ErrorId::io,
                fmt::format("cannot make the folder '{}': {}", printable(out), error.message()));
  std::vector<std::string> outputs;
  std::set<std::string> seen;
  for (const std::string& model : models) {
    outputs.push_back((fs::path(out) / fs::path(model).stem()).string() + ".hone");
    if (!seen.insert(outputs.back()).second)
      return fail(ErrorId::usage, "two models would be written to '" + printable(outputs.back()) +
                                      "': compile them one by one");
  }
  return outputs;
}

// An artefact records hashes of its content. They are compared here: what is written gets new ones,
// which would vouch for whatever was read.
Result<v1::Model> open_whole(const std::string& path, OpenOptions options) {
  options.verify = true;
  auto model = open(path, options);
  if (model || model.error().id != ErrorId::inconclusive) return model;
  options.verify = false;  // the format has no hashes
  return open(path, options);
}

Result<Compiled> compile(const Arguments& arguments, const std::string& path,
                         const std::string& output) {
  const auto begin = std::chrono::steady_clock::now();
  v1::Model model = TRY(open_whole(path, open_options(arguments)));
  Compiled result{path, output, 0, model.describe().nodes, 0, 0};
  if (arguments.text("-O") != "0")
    model = TRY(from(model.clean()).context("cleaning '" + printable(path) + "'"));
  result.nodes_after = model.describe().nodes;
  TRY(from(model.save(output)));
  std::error_code ignored;
  result.bytes = fs::file_size(output, ignored);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

// One model of several: whatever goes wrong with it is its own.
Result<Compiled> compile_alone(const Arguments& arguments, const std::string& path,
                               const std::string& output) {
  try {
    return compile(arguments, path, output);
  } catch (const std::bad_alloc&) {
    return fail(ErrorId::over_memory,
                "the system gave no more memory for '" + printable(path) + "'");
  } catch (const std::exception& e) {
    return fail(ErrorId::internal, "unexpected exception: " + std::string(e.what()));
  }
}

void write_json(JsonWriter& json, const std::string& model, const std::string& output,
                const Result<Compiled>& result) {
  json.begin_object();
  json.member("model", model);
  json.member("output", output);
  json.member("status", result ? "compiled" : "failed");
  if (result) {
    json.member("kind", "portable");
    json.member("bytes", result->bytes);
    json.member("nodes_before", result->nodes_before);
    json.member("nodes_after", result->nodes_after);
    json.member("compile_s", result->seconds);
  } else {
    json.key("error");
    write_error(json, result.error());
  }
  json.end_object();
}

std::string report(const Compiled& c) {
  return fmt::format("{}: {}, {} nodes (of {}), {}\n", printable(c.output), human_bytes(c.bytes),
                     c.nodes_after, c.nodes_before, human_seconds(c.seconds));
}

// Each model by itself; the exit code is that of the first that fails.
int compile_all(const Arguments& arguments, const std::vector<std::string>& outputs) {
  const auto& models = arguments.positionals();
  const Style colours = style(arguments.config, 2);
  std::vector<Result<Compiled>> results;
  size_t failed = 0;
  int code = 0;
  for (size_t i = 0; i < models.size(); ++i) {
    {
      Progress progress(arguments);
      progress.show("model", i, models.size());
      results.push_back(compile_alone(arguments, models[i], outputs[i]));
    }
    const Result<Compiled>& result = results.back();
    if (!result) {
      if (failed++ == 0) code = exit_code(info(result.error().id).blame);
      if (!arguments.json) print_error(result.error(), false, colours);
    } else if (!arguments.json) {
      put(report(*result));
      std::fflush(stdout);  // in order with the errors
    }
  }
  const size_t compiled = models.size() - failed;
  if (!arguments.json) {
    put(fmt::format("{} of {} models compiled\n", compiled, models.size()));
    return code;
  }
  put_json([&](JsonWriter& json) {
    json.begin_object();
    json.key("results");
    json.begin_array();
    for (size_t i = 0; i < models.size(); ++i) write_json(json, models[i], outputs[i], results[i]);
    json.end_array();
    json.member("compiled", compiled);
    json.member("failed", failed);
    json.end_object();
  });
  return code;
}

Result<int> run(const Arguments& arguments) {
  if (!arguments.has("--output")) {
    Error error = fail(ErrorId::usage, "-o is missing: where to write the artefact");
    error.hint = "give -o OUT.hone";
    return error;
  }
  const auto outputs = TRY(outputs_for(arguments.positionals(), arguments.text("--output")));
  if (!arguments.on("--portable")) note(arguments, "this version writes portable artefacts only");
  if (outputs.size() > 1) return compile_all(arguments, outputs);
  const Result<Compiled> result = TRY(compile(arguments, arguments.positional(0), outputs[0]));
  if (!arguments.json) {
    put(report(*result));
    return 0;
  }
  put_json([&](JsonWriter& json) {
    json.begin_object();
    json.key("results");
    json.begin_array();
    write_json(json, arguments.positional(0), outputs[0], result);
    json.end_array();
    json.member("compiled", 1);
    json.member("failed", 0);
    json.end_object();
  });
  return 0;
}

}  // namespace

const Command& compile_command() {
  using Kind = Flag::Kind;
  static const Command command{
      .name = "compile",
      .summary = "Turn models into .hone artefacts.",
      .examples =
          "$ hone compile model.onnx -o model.hone --portable\n"
          "$ hone compile a.onnx b.onnx -o compiled/",
      .details =
          "A portable artefact is a safetensors file with the cleaned graph in its "
          "metadata.\nIt runs on every machine and is loaded by mapping. Of several models, one "
          "that fails does\nnot stop the others; the exit code is that of the first that fails.",
      .positionals = {{"MODEL", "the model files", 1, kAny, true}},
      .flags = {{"-o,--output", Kind::text, "OUT",
                 "the artefact, or a folder for several models; required"},
                {"--portable", Kind::on_off, "",
                 "the form for every machine; the only one that this version writes"},
                {"-O", Kind::text, "LEVEL", "0 keeps the graph as it is; 1 to 3 clean it", "1",
                 "0|1|2|3"}},
      .run = run,
  };
  return command;
}

}  // namespace hone::cli
