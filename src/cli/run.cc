// `hone run`: inputs to outputs, with checks, timing and traces.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <optional>

#include "backends/backends.h"
#include "base/process.h"
#include "base/text.h"
#include "cli/check.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"

namespace hone::cli {
namespace {

// All that one invocation found out.
struct Run {
  v1::Description description;
  std::vector<v1::Executable::Share> shares;
  std::vector<CheckReport> checks;
  std::vector<v1::Value> outputs;
  std::vector<std::string> files;  // one for each output, when -o was given
  std::vector<double> latencies;   // seconds, sorted
  v1::Statistics statistics;
};

std::vector<std::string> symbols_of(const v1::Description& description) {
  std::vector<std::string> symbols;
  for (const auto& symbol : description.symbols) symbols.push_back(symbol.name);
  return symbols;
}

// Says which sizes --random chose by itself.
void note_free_symbols(const Arguments& arguments, const v1::Description& d,
                       const v1::Bindings& bindings) {
  std::string names;
  for (const auto& s : d.symbols) {
    const bool shown = std::any_of(d.inputs.begin(), d.inputs.end(), [&](const auto& port) {
      return std::find(port.shape.begin(), port.shape.end(), s.name) != port.shape.end();
    });
    if (shown && !bindings.contains(s.name))
      names += (names.empty() ? "" : ", ") + printable(s.name) + "=1";
  }
  if (!names.empty())
    note(arguments, fmt::format("made up inputs with {}; choose other sizes with --bind", names));
}

Status read_pixel_range(const Arguments& arguments, v1::LoadOptions& load) {
  const std::string text = arguments.text("--pixel-range");
  const size_t colon = text.find(':');
  const auto number = [](std::string_view part, double& out) {
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), out);
    return error == std::errc() && end == part.data() + part.size() && std::isfinite(out);
  };
  if (colon != std::string::npos &&
      number(std::string_view(text).substr(0, colon), load.pixel_low) &&
      number(std::string_view(text).substr(colon + 1), load.pixel_high))
    return ok();
  return fail(ErrorId::usage,
              "--pixel-range takes LOW:HIGH such as -1:1, not '" + printable(text) + "'");
}

Result<std::vector<v1::Value>> inputs_of(const Arguments& arguments, const v1::Model& model,
                                         const v1::Description& d, const v1::Bindings& bindings) {
  v1::LoadOptions load{.bindings = bindings};
  TRY(read_pixel_range(arguments, load));
  std::vector<std::optional<v1::Value>> given(d.inputs.size());
  for (const std::string& text : arguments.texts("--input")) {
    // A name may hold '=' itself: the first cut whose left part is an input wins.
    size_t equal = text.find('=');
    if (equal == std::string::npos)
      return fail(ErrorId::usage, "--input takes NAME=FILE, not '" + printable(text) + "'");
    size_t cut = equal;
    while (cut != std::string::npos && !model.input_index(text.substr(0, cut)).ok())
      cut = text.find('=', cut + 1);
    if (cut != std::string::npos) equal = cut;
    const size_t i = TRY(from(model.input_index(text.substr(0, equal))));
    if (given[i])
      return fail(ErrorId::usage, "input '" + printable(d.inputs[i].name) + "' is given twice");
    given[i] = TRY(from(model.load_input(i, text.substr(equal + 1), load)));
  }
  std::vector<v1::Value> made;
  if (arguments.on("--random")) {
    made = TRY(
        from(model.random_inputs(static_cast<uint64_t>(arguments.integer("--seed")), bindings)));
    if (!std::ranges::all_of(given, [](const auto& value) { return value.has_value(); }))
      note_free_symbols(arguments, d, bindings);
  }
  std::vector<v1::Value> inputs;
  for (size_t i = 0; i < given.size(); ++i) {
    if (!given[i] && made.empty()) {
      Error error = fail(ErrorId::usage,
                         fmt::format("input '{}' of type {} is not given",
                                     printable(d.inputs[i].name), printable(d.inputs[i].type)));
      error.hint = fmt::format("give --input {}=FILE.npy, or --random for made-up values",
                               printable(d.inputs[i].name));
      return error;
    }
    inputs.push_back(given[i] ? std::move(*given[i]) : made[i]);
  }
  return inputs;
}

Status time_runs(const Arguments& arguments, v1::Session& session,
                 const std::vector<v1::Value>& inputs, Run& run) {
  const int64_t repeats = arguments.integer("--repeat");
  if (repeats > 1) {  // the first call plans and warms up
    TRY(from(session.run(inputs)));
    session.reset();
  }
  Progress progress(arguments);
  for (int64_t i = 0; i < repeats; ++i) {
    if (repeats > 1) progress.show("run", static_cast<size_t>(i), static_cast<size_t>(repeats));
    if (i > 0) session.reset();
    const auto begin = std::chrono::steady_clock::now();
    run.outputs = TRY(from(session.run(inputs)));
    run.latencies.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(run.latencies.begin(), run.latencies.end());
  return ok();
}

double median(const std::vector<double>& sorted) {
  const size_t n = sorted.size();
  return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

Status write_outputs(const std::string& folder, Run& run) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return fail(ErrorId::io,
                fmt::format("cannot make the folder '{}': {}", printable(folder), error.message()));
  for (size_t i = 0; i < run.outputs.size(); ++i) {
    const std::string stem = (std::filesystem::path(folder) / fmt::format("output_{}", i)).string();
    auto saved = run.outputs[i].save(stem + ".npy");
    std::string file = stem + ".npy";
    if (!saved && from(saved.error()).id == ErrorId::unsupported_feature) {
      file = stem + ".pb";
      saved = run.outputs[i].save(file);
    }
    TRY(from(std::move(saved)));
    // What an earlier run left under the other extension is no output of this one.
    std::filesystem::remove(stem + (file.ends_with(".pb") ? ".npy" : ".pb"), error);
    run.files.push_back(file);
  }
  return ok();
}

std::string number(double x, int digits) {  // NaN without the sign that {} would show
  return std::isnan(x) ? "nan" : fmt::format("{:.{}g}", x, digits);
}

// "0.1, 0.9" and, where there are more, how they are spread.
std::string preview(const v1::Value& value) {
  if (value.kind() != v1::Value::Kind::tensor)
    return fmt::format("{} elements", value.items().size());
  constexpr int64_t kShown = 10;
  std::string text;
  for (int64_t i = 0; i < std::min(value.count(), kShown); ++i) {
    text += i ? ", " : "";
    text += value.dtype() == v1::DType::string
                ? "\"" + printable(value.texts()[static_cast<size_t>(i)]) + "\""
                : number(value.real(i), 6);
  }
  if (value.count() <= kShown) return text;
  text += ", …";
  if (value.dtype() == v1::DType::string) return text;
  double low = value.real(0), high = low;
  for (int64_t i = 0; i < value.count(); ++i) {
    low = std::min(low, value.real(i));
    high = std::max(high, value.real(i));
  }
  return text + " (" + number(low, 4) + " to " + number(high, 4) + ")";
}

void print_text(const Arguments& arguments, const Run& run) {
  const Style s = style(arguments.config);
  for (const CheckReport& check : run.checks) put(text_of(check, s));
  if (run.checks.size() > 1) {
    const auto passed =
        std::count_if(run.checks.begin(), run.checks.end(), [](const auto& c) { return c.passed; });
    put(fmt::format("{} of {} folders passed\n", passed, run.checks.size()));
  }
  if (run.checks.empty()) {
    std::vector<std::vector<std::string>> rows;
    for (size_t i = 0; i < run.outputs.size(); ++i)
      rows.push_back({printable(run.description.outputs[i].name), run.outputs[i].type(),
                      run.files.empty() ? preview(run.outputs[i]) : printable(run.files[i])});
    put(table(rows, {}, ""));
  }
  if (run.latencies.size() > 1)
    put(fmt::format("latency  median {}, least {}, most {} over {} runs\n",
                    human_seconds(median(run.latencies)), human_seconds(run.latencies.front()),
                    human_seconds(run.latencies.back()), run.latencies.size()));
  if (run.latencies.size() > 1 || arguments.has("--profile"))
    put(fmt::format("memory   arena {} planned, {} measured; process at most {}\n",
                    human_bytes(uint64_t(run.statistics.planned_arena_bytes)),
                    human_bytes(uint64_t(run.statistics.measured_arena_bytes)),
                    human_bytes(peak_memory_bytes())));
}

void write_json(JsonWriter& json, const Run& run) {
  json.begin_object();
  json.member("model", run.description.path);
  json.key("backends");
  json.begin_object();
  for (const auto& share : run.shares) json.member(share.backend, share.nodes);
  json.end_object();
  json.key("outputs");
  json.begin_array();
  for (size_t i = 0; i < run.outputs.size(); ++i) {
    const v1::Value& value = run.outputs[i];
    json.begin_object();
    json.member("name", run.description.outputs[i].name);
    json.key("file");
    if (run.files.empty())
      json.null();
    else
      json.value(run.files[i]);
    json.member("type", value.type());
    json.key("dtype");
    if (value.kind() == v1::Value::Kind::tensor)
      json.value(v1::name(value.dtype()));
    else
      json.null();
    json.key("shape");
    json.begin_array();
    if (value.kind() == v1::Value::Kind::tensor)
      for (int64_t extent : value.shape()) json.value(extent);
    json.end_array();
    json.end_object();
  }
  json.end_array();
  if (!run.checks.empty()) {
    json.key("checks");
    json.begin_array();
    for (const CheckReport& check : run.checks) write_json(json, check);
    json.end_array();
  }
  if (!run.latencies.empty()) {
    json.key("latency_s");
    json.begin_object();
    json.member("median", median(run.latencies));
    json.member("low", run.latencies.front());
    json.member("high", run.latencies.back());
    json.member("n", run.latencies.size());
    json.end_object();
    json.key("latencies_s");  // of all runs, ascending
    json.begin_array();
    for (const double seconds : run.latencies) json.value(seconds);
    json.end_array();
  }
  json.member("planned_arena_bytes", run.statistics.planned_arena_bytes);
  json.member("measured_arena_bytes", run.statistics.measured_arena_bytes);
  json.member("peak_memory_bytes", peak_memory_bytes());
  json.end_object();
}

void note_shares(const Arguments& arguments, const Run& run) {
  size_t total = 0;
  for (const auto& share : run.shares) total += share.nodes;
  for (const auto& share : run.shares) {
    if (share.backend != "reference" || share.nodes == 0) continue;
    std::string names;
    for (size_t i = 0; i < share.operators.size() && i < 8; ++i)
      names += (i ? ", " : "") + share.operators[i];
    if (share.operators.size() > 8) names += ", …";
    note(arguments, fmt::format("{} of {} nodes run on the slow reference backend: {}", share.nodes,
                                total, names));
  }
}

Result<std::vector<std::string>> folders_to_check(const Arguments& arguments) {
  std::vector<std::string> paths = arguments.texts("--check");
  for (size_t i = 1; i < arguments.positionals().size(); ++i)
    paths.push_back(arguments.positional(i));
  if (!paths.empty() && !arguments.has("--check"))
    return fail(ErrorId::usage, "`hone run` takes one model; '" + printable(paths[0]) +
                                    "' would be a folder for --check");
  std::vector<std::string> folders;
  for (const std::string& path : paths)
    for (std::string& folder : TRY(check_folders(path))) folders.push_back(std::move(folder));
  return folders;
}

Status check_numbers(const Arguments& arguments) {
  if (arguments.integer("--repeat") < 1)
    return fail(ErrorId::usage, "--repeat takes a number from 1 on");
  for (const char* name : {"--rtol", "--atol"})
    if (!(arguments.real(name) >= 0))
      return fail(ErrorId::usage, std::string(name) + " takes a number from 0 on");
  return ok();
}

Result<CheckReport> check_folder(const Arguments& arguments, const v1::Model& model,
                                 v1::Session& session, const std::string& folder,
                                 const v1::Tolerance& tolerance, Run& run) {
  const CheckCase expected = TRY(read_check(model, run.description, folder));
  run.latencies.clear();
  session.reset();
  TRY(time_runs(arguments, session, expected.inputs, run));
  return compare_check(run.description, expected, run.outputs, tolerance);
}

CheckReport failed_check(const std::string& folder, Error error) {
  CheckReport report;
  report.folder = folder;
  report.passed = false;
  report.error = std::move(error);
  return report;
}

// What could not be checked comes before what differs.
int exit_code_of(const std::vector<CheckReport>& checks) {
  int code = 0;
  for (const CheckReport& check : checks) {
    if (check.error) return exit_code(info(check.error->id).blame);
    if (!check.passed) code = 1;
  }
  return code;
}

// A trace is no replacement for the model or an input.
Status expect_trace_apart(const Arguments& arguments) {
  if (!arguments.has("--profile")) return ok();
  const std::string trace = arguments.text("--profile");
  std::vector<std::string> read{arguments.positional(0)};
  for (const std::string& text : arguments.texts("--input"))
    for (size_t at = text.find('='); at != std::string::npos; at = text.find('=', at + 1))
      read.push_back(text.substr(at + 1));
  std::error_code ignored;
  for (const std::string& path : read)
    if (std::filesystem::equivalent(path, trace, ignored))
      return fail(ErrorId::usage, "--profile would overwrite '" + printable(path) + "'");
  return ok();
}

Result<int> run_model(const Arguments& arguments) {
  TRY(check_numbers(arguments));
  TRY(expect_trace_apart(arguments));
  const auto folders = TRY(folders_to_check(arguments));
  if (!folders.empty() && (arguments.has("--input") || arguments.on("--random")))
    return fail(ErrorId::usage, "--check brings its own inputs: leave out --input and --random");
  if (folders.size() > 1 && arguments.has("--output"))
    return fail(ErrorId::usage, "-o with several folders to check would overwrite its own files");
  v1::Model model = TRY(open(arguments.positional(0), open_options(arguments)));
  if (!arguments.on("--no-clean") && model.describe().target.empty())
    model = TRY(from(model.clean()));
  Run run;
  run.description = model.describe();
  const v1::Bindings bindings =
      TRY(bindings_of(arguments.texts("--bind"), symbols_of(run.description)));
  const std::string backend =
      arguments.has("--backend") ? arguments.text("--backend") : arguments.config.text("backend");
  v1::CompileOptions options = compile_options(arguments.config, "cached");
  options.backend = backend;
  options.threads = arguments.threads;
  const v1::Executable executable = TRY(from(model.compile(options)));
  run.shares = executable.shares();
  if (backend == "auto") note_shares(arguments, run);
  v1::Session session =
      TRY(from(executable.session({.seed = static_cast<uint64_t>(arguments.integer("--seed")),
                                   .bindings = bindings,
                                   .trace = arguments.has("--profile")})));
  const v1::Tolerance tolerance{arguments.real("--rtol"), arguments.real("--atol")};
  Progress progress(arguments);
  for (const std::string& folder : folders) {
    progress.show("folder", run.checks.size(), folders.size());
    auto check = check_folder(arguments, model, session, folder, tolerance, run);
    if (!check && folders.size() == 1)
      return std::move(check).context("checking '" + printable(folder) + "'").take_error();
    if (!check) check = failed_check(folder, check.take_error());
    run.checks.push_back(check.take());
  }
  if (folders.empty()) {
    const auto inputs = TRY(inputs_of(arguments, model, run.description, bindings));
    TRY(time_runs(arguments, session, inputs, run));
  }
  run.statistics = session.statistics();
  if (arguments.has("--output")) TRY(write_outputs(arguments.text("--output"), run));
  if (arguments.has("--profile")) TRY(from(session.write_trace(arguments.text("--profile"))));
  if (arguments.json)
    put_json([&](JsonWriter& json) { write_json(json, run); });
  else
    print_text(arguments, run);
  return exit_code_of(run.checks);
}

}  // namespace

const Command& run_command() {
  using Kind = Flag::Kind;
  static const std::string backends = [] {
    std::string names = "auto";
    for (const Backend* b : all_backends()) names += "|" + std::string(b->name());
    return names;
  }();
  static const Command command{
      .name = "run",
      .summary = "Run a model on given, recorded or made-up inputs.",
      .examples =
          "$ hone run model.onnx --input image=digit.npy -o outputs\n"
          "$ hone run model.onnx --input 0=digit.npy --json\n"
          "$ hone run model.onnx --input image=photo.png --pixel-range -1:1\n"
          "$ hone run model.onnx --input audio=speech.wav\n"
          "$ hone run model.onnx --check test_data_set_0\n"
          "$ hone run model.onnx --random --bind S=128 --repeat 20\n"
          "$ hone run model.onnx --random --profile trace.json",
      .details =
          "A folder to check holds input_N.pb and output_N.pb, or input_NAME.npy and\n"
          "output_NAME.npy. Elements a and b (recorded) agree when |a - b| <= atol + rtol * |b|;\n"
          "integers, booleans and strings only when equal. Exits 1 when a check does not hold.\n"
          "\n"
          "A .png image fits inputs [1,C,H,W], [1,H,W,C], [C,H,W], [H,W,C] and [H,W] with 1, 3 or "
          "4\n"
          "channels C and exactly its height and width; nothing is resized. Colours become grey "
          "as\n"
          "0.299 R + 0.587 G + 0.114 B, grey is repeated for each colour, alpha is dropped for C < "
          "4.\n"
          "Integers get 0 to 255, floats 0 to 1 or --pixel-range. A .wav recording of 8, 16, 24 "
          "or\n"
          "32-bit integers or 32-bit floats fits [1,C,T], [C,T] and, with one channel, [T] of "
          "exactly\n"
          "its length. Floats get -1 to 1, integers samples of their own type as they are.",
      .positionals = {{"MODEL", "the model file", 1, 1, true},
                      {"DIR", "further folders for --check", 0, kAny}},
      .flags = {{"--input", Kind::texts, "NAME=FILE",
                 "a .npy, ONNX .pb, .png or .wav file for the input of this name or position"},
                {"--pixel-range", Kind::text, "LOW:HIGH",
                 "what the darkest and the brightest pixel of a .png become in floats", "0:1"},
                {"--random", Kind::on_off, "", "make up the inputs that are not given"},
                {"--seed", Kind::integer, "S", "of made-up inputs and random operators", "0"},
                {"--bind", Kind::texts, "SYMBOL=SIZE", "a symbolic size"},
                {"--check", Kind::texts, "DIR", "compare with recorded outputs; may be repeated"},
                {"--rtol", Kind::real, "R", "relative tolerance of --check", "1e-3"},
                {"--atol", Kind::real, "A", "absolute tolerance of --check", "1e-7"},
                {"--no-clean", Kind::on_off, "", "run the graph as it stands in the file"},
                {"--backend", Kind::text, "B",
                 "what executes the model; auto is the fastest for each node", "", backends},
                {"-o,--output", Kind::text, "DIR",
                 "write output_<index>.npy, or .pb where .npy cannot hold the value"},
                {"--repeat", Kind::integer, "N", "run N times after a warm-up and time it", "1"},
                {"--profile", Kind::text, "FILE", "write a Chrome trace with a span per node"}},
      .run = run_model,
  };
  return command;
}

}  // namespace hone::cli
